"""Runs on disk: there whole or not at all, reused only if nothing that decides them has changed, read strictly."""

import errno
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from replications import runs, study
from replications.runs import RunsError
from tests import tiny

IMAGES = tiny.npz({"output": np.zeros((2, 4, 4, 3), np.uint8)})


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "runs" / "pix2pix" / "l1" / "1"


@pytest.fixture
def expected(tiny_study) -> dict:
    run = tiny_study.runs("pix2pix")[0]
    return {**runs.identity(run, "code", "data"), **tiny.shown(run)}


def left_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


# --- writing -------------------------------------------------------------------------------------------------------


def test_a_written_run_is_finished_and_reads_back(tiny_study):
    tiny.write_runs(tiny_study)
    for run in tiny_study.runs("pix2pix"):
        assert runs.is_finished(runs.folder(tiny_study, run), runs.identity(run, "code", "data"))
        finished = runs.read(tiny_study, run)
        assert finished.facts["seed"] == run.seed
        np.testing.assert_equal(finished.images, tiny.images(run.variant, run.seed))


def test_the_same_run_is_the_same_bytes(target, tmp_path):
    runs.write(target, IMAGES, {"b": 1, "a": [0.1, 2]})
    first = tiny.hashes(target)
    runs.write(target, IMAGES, {"a": [0.1, 2], "b": 1})
    assert tiny.hashes(target) == first
    assert list(first) == ["facts.json", "images.npz"]
    assert left_in(tmp_path) == ["runs/pix2pix/l1/1/facts.json", "runs/pix2pix/l1/1/images.npz"]


def fail(error: OSError):
    def method(*_, **__):
        raise error

    return method


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("method", ["write_bytes", "write_text", "replace", "mkdir"])
def test_a_run_that_cannot_be_written_leaves_nothing_half(target, expected, tmp_path, monkeypatch, method):
    with monkeypatch.context() as patch:
        patch.setattr(Path, method, fail(FULL))
        with pytest.raises(RunsError) as caught:
            runs.write(target, IMAGES, {})
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{target}: cannot be written (No space left on device)")
    assert "make room or permissions there and run again" in message
    assert left_in(tmp_path / "runs") == []
    runs.write(target, IMAGES, expected)
    assert runs.is_finished(target, expected), "the next attempt succeeds"


@pytest.mark.parametrize("method", ["write_bytes", "write_text", "replace"])
def test_an_older_finished_run_survives_a_failed_write(target, expected, monkeypatch, method):
    runs.write(target, IMAGES, expected)
    before = tiny.hashes(target)
    with monkeypatch.context() as patch:
        patch.setattr(Path, method, fail(FULL))
        with pytest.raises(RunsError):
            runs.write(target, tiny.npz({"output": np.ones(3)}), {**expected, "seed": 9})
    assert tiny.hashes(target) == before
    assert left_in(target.parent) == ["1/facts.json", "1/images.npz"]


def test_a_kill_while_writing_leaves_no_run(target, expected, monkeypatch):
    """A kill is no exception that could be caught: what is on disk at any moment counts."""
    seen = []

    def observed(path: Path, content: bytes) -> int:
        with path.open("wb") as file:
            written = file.write(content)
        seen.append(runs.is_finished(target, expected))
        return written

    monkeypatch.setattr(Path, "write_bytes", observed)
    runs.write(target, IMAGES, expected)
    assert seen == [False]
    assert runs.is_finished(target, expected)


def test_what_a_kill_left_behind_is_cleared(target, expected, tmp_path):
    rest = target.with_name(".1.unfinished")
    rest.mkdir(parents=True)
    (rest / "images.npz").write_bytes(b"half")
    assert not runs.is_finished(target, expected)
    runs.write(target, IMAGES, expected)
    assert left_in(tmp_path / "runs") == ["pix2pix/l1/1/facts.json", "pix2pix/l1/1/images.npz"]


def test_a_file_in_the_way_is_an_error(tmp_path):
    (tmp_path / "runs").write_text("a file where a folder should be")
    with pytest.raises(RunsError, match="cannot be written"):
        runs.write(tmp_path / "runs" / "pix2pix" / "l1" / "1", IMAGES, {})


# --- reusing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["params", "code_sha256", "data_sha256", "seed", "variant", "replication"])
def test_a_run_is_reused_only_if_nothing_that_decides_it_changed(target, expected, key):
    runs.write(target, IMAGES, expected)
    assert runs.is_finished(target, expected)
    other = {**expected["params"], "epochs": 2} if key == "params" else "another"
    assert not runs.is_finished(target, {**expected, key: other})


def test_every_hyper_parameter_is_part_of_the_identity(tiny_study):
    run = tiny_study.runs("pix2pix")[0]
    younger = {"ema", "snapshots", "keep_weights", "n_epochs_decay"}  # at what earlier code did
    known = type(run.params).model_fields.keys()
    old = replace(run, params=run.params.model_copy(update={"keep_weights": 0.0}))
    assert runs.identity(old, "code", "data")["params"].keys() == known - younger
    values = {"ema": 0.9, "snapshots": (0.5, 1.0), "keep_weights": 1.0, "n_epochs_decay": 1}
    changed = run.params.model_copy(update=values)
    assert changed.declared().keys() == known


@pytest.mark.parametrize("name", ["images.npz", "facts.json"])
def test_a_run_with_a_missing_file_is_not_finished(target, expected, name):
    runs.write(target, IMAGES, expected)
    (target / name).unlink()
    assert not runs.is_finished(target, expected)


@pytest.mark.parametrize("position", [0, len(IMAGES) // 2, len(IMAGES) - 1])
def test_a_run_with_a_flipped_byte_is_not_finished(target, expected, position):
    runs.write(target, IMAGES, expected)
    damaged = bytearray(IMAGES)
    damaged[position] ^= 1
    (target / "images.npz").write_bytes(damaged)
    assert not runs.is_finished(target, expected)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '{"seed": 1}', "\xff"])
def test_a_run_with_damaged_facts_is_not_finished(target, expected, text):
    runs.write(target, IMAGES, expected)
    (target / "facts.json").write_text(text, encoding="latin-1")
    assert not runs.is_finished(target, expected)


def test_truncated_facts_are_not_finished(target, expected):
    runs.write(target, IMAGES, expected)
    facts = (target / "facts.json").read_bytes()
    for length in range(0, len(facts) - 2, 50):
        (target / "facts.json").write_bytes(facts[:length])
        assert not runs.is_finished(target, expected), length


# --- setting aside -------------------------------------------------------------------------------------------------


def test_undeclared_runs_are_set_aside_and_come_back(finished_study):
    folder = finished_study.folder
    before = tiny.hashes(folder / "runs")
    assert runs.set_aside_undeclared(finished_study, "pix2pix") == []

    fewer = study.load(tiny.write_params(folder, tiny.params(seeds=[2], pix2pix=without("l1"))))
    moved = runs.set_aside_undeclared(fewer, "pix2pix")
    assert [str(path.relative_to(folder / "runs" / "pix2pix")) for path in moved] == ["l1/1", "l1/2", "l1_cgan/1"]
    assert left_in(folder / "runs") == ["pix2pix/l1_cgan/2/facts.json", "pix2pix/l1_cgan/2/images.npz"]
    assert not (folder / "runs" / "pix2pix" / "l1").exists(), "no empty folder stays in a hashed output"
    assert [run.name for run in runs.check(fewer, "pix2pix")] == ["pix2pix/l1_cgan/2"]

    again = study.load(tiny.write_params(folder, tiny.params()))
    assert runs.set_aside_undeclared(again, "pix2pix") == []
    assert tiny.hashes(folder / "runs") == before


def without(variant: str) -> dict:
    variants = {name: values for name, values in tiny.PIX2PIX["variants"].items() if name != variant}
    return {**tiny.PIX2PIX, "variants": variants}


def test_a_run_trained_anew_is_not_replaced_by_an_older_one(finished_study):
    run = finished_study.runs("pix2pix")[0]
    old = finished_study.folder / ".set-aside" / "runs" / run.name
    runs.write(old, IMAGES, {})
    before = tiny.hashes(finished_study.folder / "runs")
    runs.set_aside_undeclared(finished_study, "pix2pix")
    assert tiny.hashes(finished_study.folder / "runs") == before


def test_a_stray_file_is_set_aside(finished_study):
    stray = finished_study.folder / "runs" / "pix2pix" / "notes.txt"
    stray.write_text("what is this?")
    assert runs.set_aside_undeclared(finished_study, "pix2pix") == [stray]
    runs.check(finished_study, "pix2pix")


# --- reading -------------------------------------------------------------------------------------------------------


def error_of(action, *arguments) -> str:
    with pytest.raises(RunsError) as caught:
        action(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_missing_run_is_named_with_the_command_that_makes_it(finished_study):
    shutil.rmtree(finished_study.folder / "runs" / "pix2pix" / "l1_cgan" / "2")
    message = error_of(runs.check, finished_study, "pix2pix")
    assert "1 of 4 declared runs are missing, first pix2pix/l1_cgan/2" in message
    assert f"dvc repro --pull --single-item --force {finished_study.folder / 'dvc.yaml'}:train@pix2pix" in message


def test_no_runs_at_all_are_named(tiny_study):
    assert "4 of 4 declared runs are missing, first pix2pix/l1/1" in error_of(runs.check, tiny_study, "pix2pix")


@pytest.mark.parametrize("name", ["l1/3", "l3/1", "notes.txt"])
def test_an_undeclared_run_is_named(finished_study, name):
    stray = finished_study.folder / "runs" / "pix2pix" / name
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_text("left over")
    message = error_of(runs.check, finished_study, "pix2pix")
    assert "an undeclared run" in message
    assert str(finished_study.params_file) in message
    assert f"pix2pix/{name.split('/')[0]}" in message


def first_of(declared: study.Study) -> tuple[study.Run, Path]:
    run = declared.runs("pix2pix")[0]
    return run, runs.folder(declared, run)


def test_a_damaged_run_is_named(finished_study):
    run, path = first_of(finished_study)
    content = bytearray((path / "images.npz").read_bytes())
    content[100] ^= 1
    (path / "images.npz").write_bytes(content)
    message = error_of(runs.read, finished_study, run)
    assert message.startswith(f"{path / 'images.npz'}: its bytes are not those that the training wrote")
    assert "train@pix2pix" in message


@pytest.mark.parametrize("text", ["", "{", "[]", "null"])
def test_a_run_with_damaged_facts_is_named(finished_study, text):
    run, path = first_of(finished_study)
    (path / "facts.json").write_text(text)
    message = error_of(runs.read, finished_study, run)
    assert message.startswith(str(path))
    assert "train@pix2pix" in message


def test_a_run_without_images_is_named(finished_study):
    run, path = first_of(finished_study)
    (path / "images.npz").unlink()
    assert error_of(runs.read, finished_study, run).startswith(str(path))


@pytest.mark.parametrize("key", ["params", "seed", "variant", "replication"])
def test_a_run_of_other_parameters_is_named(finished_study, key):
    run, path = first_of(finished_study)
    facts = json.loads((path / "facts.json").read_text())
    facts[key] = {**facts["params"], "epochs": 7} if key == "params" else 7
    facts["facts_json_sha256"] = runs.digest_of_facts(facts)
    (path / "facts.json").write_text(json.dumps(facts))
    message = error_of(runs.read, finished_study, run)
    assert message.startswith(str(path))
    assert "other parameters than l1 declares now" in message


def test_one_changed_digit_of_a_fact_is_noticed(finished_study):
    """Some facts become scores, and the images' digest knows nothing of them."""
    run, path = first_of(finished_study)
    text = (path / "facts.json").read_text()
    facts = json.loads(text)
    facts["facts"] = {"rate": 13.7}
    facts["facts_json_sha256"] = runs.digest_of_facts(facts)
    (path / "facts.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n")
    expected = runs.identity(run, "code", "data")
    assert runs.is_finished(path, expected)
    assert runs.read(finished_study, run).facts["facts"] == {"rate": 13.7}
    (path / "facts.json").write_text((path / "facts.json").read_text().replace("13.7", "13.8"))
    assert not runs.is_finished(path, expected), "it is trained again"
    message = error_of(runs.read, finished_study, run)
    assert "facts.json does not say what the training wrote" in message
    assert "train@pix2pix" in message


def test_what_a_kill_between_two_steps_of_writing_left_is_swept_away(finished_study):
    before = tiny.hashes(finished_study.folder / "runs")
    for what in ("unfinished", "older"):
        rest = finished_study.folder / "runs" / "pix2pix" / "l1" / f".1.{what}"
        rest.mkdir()
        (rest / "facts.json").write_text("{}")
    runs.sweep(finished_study, "pix2pix")
    assert tiny.hashes(finished_study.folder / "runs") == before


def test_a_snapshot_is_read_as_if_the_run_had_ended_there(tiny_study):
    images = {"target": np.zeros(1), "output": np.ones(2), "output@0.25": np.ones(3), "output@0.5": np.ones(4)}
    facts = {"rate": 3, "earlier": {"0.25": {"rate": 1}, "0.5": {"rate": 2}}}
    finished = runs.Finished(tiny_study.runs("pix2pix")[0], images, {"facts": facts})
    for share, length, rate in ((0.25, 3, 1), (0.5, 4, 2), (1.0, 2, 3)):
        then, known = runs.at(finished, share)
        assert sorted(then) == ["output", "target"]
        assert len(then["output"]) == length
        assert known["rate"] == rate
    assert len(images) == 4, "what was read stays as it was"


def test_weights_are_kept_beside_the_images_and_are_part_of_what_is_finished(tiny_study):
    run = tiny_study.runs("pix2pix")[0]
    target, images = runs.folder(tiny_study, run), tiny.npz(tiny.images(run.variant, 1))
    identity = runs.identity(run, "code", "data")
    facts = {"facts": {}, "environment": tiny.ENVIRONMENT, **tiny.shown(run), **identity}
    runs.write(target, images, facts, tiny.npz({"generator/000/kernel": np.ones(3)}))
    assert runs.is_finished(target, identity)
    (target / "weights.npz").write_bytes(b"others")
    assert not runs.is_finished(target, identity)
    (target / "weights.npz").unlink()
    assert not runs.is_finished(target, identity)
    runs.write(target, images, facts)
    assert sorted(path.name for path in target.iterdir()) == ["facts.json", "images.npz"]
    assert runs.is_finished(target, identity)


# --- pictures that no instrument could read ------------------------------------------------------------------------


def with_arrays(declared: study.Study, **changed: np.ndarray) -> study.Run:
    """A finished run whose digests agree with other arrays than its training makes."""
    run = declared.runs("pix2pix")[0]
    path = runs.folder(declared, run)
    facts = runs.read_facts(path)
    images = {**tiny.images(run.variant, run.seed), **changed}
    runs.write(path, tiny.npz(images), {key: value for key, value in facts.items() if key != "facts_json_sha256"})
    return run


WHOLE = (4, 32, 32, 3)


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("output", np.zeros((0, 32, 32, 3), np.uint8), r"output: uint8 \(0, 32, 32, 3\), expected uint8"),
        ("output", np.uint8(7), r"output: uint8 \(\), expected"),
        ("output", np.zeros((4, 32, 32), np.uint8), "expected uint8"),
        ("target", np.zeros((5, 32, 32, 3), np.uint8), "target: uint8"),
        ("input", np.zeros((4, 16, 16, 3), np.uint8), "input: uint8"),
        ("output", np.zeros(WHOLE, np.float32), "output: float32"),
        ("output", np.zeros(WHOLE, ">u2"), "output: >u2"),
        ("output", np.zeros(WHOLE, bool), "output: bool"),
        ("output", np.zeros(WHOLE, "U4"), "output: <U4.*expected numbers"),
        ("output", np.zeros(WHOLE, "M8[s]"), "expected numbers"),
        ("output", np.zeros(WHOLE, complex), "expected numbers"),
        ("output", np.zeros(WHOLE, [("red", "u1")]), "expected numbers"),
        ("more", np.array([np.inf]), "more is not a number everywhere"),
        ("output@abc", np.zeros(WHOLE, np.uint8), "output@abc is of no snapshot"),
    ],
    ids=[
        *("empty", "scalar", "grey", "more-targets", "smaller-inputs", "float", "big-endian", "bool", "text", "dates"),
        *("complex", "records", "infinite", "no-snapshot"),
    ],
)
def test_arrays_that_are_not_as_declared_are_named_before_anything_is_measured(finished_study, name, values, why):
    runs.read(finished_study, finished_study.runs("pix2pix")[0])
    run = with_arrays(finished_study, **{name: values})
    with pytest.raises(RunsError, match=f"{run.name}: images.npz: .*{why}") as caught:
        runs.read(finished_study, run)
    assert "to set it aside" in str(caught.value) or "run `dvc repro" in str(caught.value)

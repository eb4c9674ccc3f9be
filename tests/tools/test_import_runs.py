"""Runs from another machine: taken in where they are the declared ones, refused with what differs elsewhere."""

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from replications import runs, study
from replications.code import code_hash
from replications.tools import import_runs
from tests import tiny


@pytest.fixture
def here(tmp_path) -> study.Study:
    """The study as it is cloned: declared, with its data, no run."""
    return study.load(tiny.write_study(tmp_path / "here"))


@pytest.fixture
def there(here, tmp_path) -> study.Study:
    """The same study on another machine, where all runs are finished."""
    declared = study.load(tiny.write_study(tmp_path / "there"))
    data = runs.sha256((declared.folder / "arrays" / "facade_world-tiny.npz").read_bytes())
    for run in declared.runs("pix2pix"):
        facts = {"facts": {}, "environment": tiny.ENVIRONMENT, **tiny.shown(run)}
        facts |= runs.identity(run, code_hash("pix2pix"), data)
        images = tiny.images(run.variant, run.seed)
        weights = tiny.npz({"generator/000": images["output"]}) if run.name == "pix2pix/l1_cgan/2" else b""
        runs.write(runs.folder(declared, run), tiny.npz(images), facts, weights)
    return declared


def take_in(here: study.Study, there: study.Study, part: str = "") -> int:
    return import_runs.main([str(there.folder / "runs" / part), "--study", str(here.folder)])


def test_runs_arrive_as_they_left_and_need_no_training(here, there, capsys):
    assert take_in(here, there) == 0
    assert tiny.hashes(here.folder / "runs") == tiny.hashes(there.folder / "runs")
    said = capsys.readouterr().out
    assert said.count(": taken in as ") == 4
    assert said.endswith("4 runs: 4 taken in, 0 here already, 0 refused\n")
    assert [run.name for run in runs.check(here, "pix2pix")] == [run.name for run in there.runs("pix2pix")]
    for run in here.runs("pix2pix"):
        runs.read(here, run)


def test_weights_arrive_with_their_run_and_damaged_ones_do_not(here, there, capsys):
    """A run whose facts name weights that are not there would be trained again."""
    weights = there.folder / "runs/pix2pix/l1_cgan/2/weights.npz"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1])
    assert take_in(here, there, "pix2pix/l1_cgan/2") == 1
    assert "refused: weights.npz holds other bytes than the training wrote" in capsys.readouterr().out
    weights.write_bytes(b"")
    assert take_in(here, there, "pix2pix/l1_cgan/2") == 1
    assert "refused: weights.npz holds other bytes" in capsys.readouterr().out
    weights.unlink()
    assert take_in(here, there, "pix2pix/l1_cgan/2") == 1
    assert "refused: unreadable" in capsys.readouterr().out
    weights.write_bytes(whole)
    assert take_in(here, there, "pix2pix/l1_cgan/2") == 0
    (run,) = [run for run in here.runs("pix2pix") if run.name == "pix2pix/l1_cgan/2"]
    target = runs.folder(here, run)
    identity = {key: runs.read_facts(target)[key] for key in ("code_sha256", "data_sha256")}
    assert runs.is_finished(target, identity)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda path: path.write_bytes(b""), "no archive of runs"),
        (lambda path: path.write_bytes(path.read_bytes()[:-20]), "no archive of runs"),
        (lambda path: path.write_bytes(b"PK" + bytes(100)), "no archive of runs"),
        (lambda path: zipped(path, FACTS, b"{}", size=2**29), "its runs have more than 256 MB"),
        (lambda path: zipped(path, FACTS, bytes(2**20), zipfile.ZIP_DEFLATED), "compressed"),
        (lambda path: zipped(path, FACTS, bytes(2**20), zipfile.ZIP_LZMA), "compressed"),
        (lambda path: zipped(path, FACTS, bytes(2**20), size=10), "no archive of runs"),
    ],
    ids=["empty", "torn", "no zip", "promises much", "deflated", "lzma", "promises little"],
)
def test_a_damaged_archive_is_refused_and_the_others_are_looked_at(here, there, tmp_path, capsys, damage, expected):
    packed = tmp_path / "packed"
    shutil.copytree(there.folder / "runs", packed / "here" / "runs")
    zipped(packed / "a.zip", FACTS, b"{}")
    damage(packed / "a.zip")
    assert import_runs.main([str(packed), "--study", str(here.folder)]) == 1
    said = capsys.readouterr().out
    assert f"a.zip: refused: {expected}" in said
    assert "4 runs: 4 taken in, 0 here already, 0 refused; archives refused: 1" in said


@pytest.mark.parametrize(
    "name",
    ["../planted", "here/runs/pix2pix/l1/../../../../../planted", "/planted", "other/runs/a/b/1/facts.json", "here/x"],
)
def test_an_archive_writes_nothing_but_runs_of_the_study(tmp_path, name):
    target = tmp_path / "a" / "b"
    zipped(tmp_path / "a.zip", name, b"planted")
    import_runs.unpack(tmp_path / "a.zip", "here", target)
    assert not target.exists()
    assert [path.name for path in tmp_path.rglob("*")] == ["a.zip"]
    assert not Path("/planted").exists()


def test_a_study_may_be_named_as_no_pattern_may(tmp_path):
    zipped(tmp_path / "a.zip", "a(b+/runs/pix2pix/l1/1/facts.json", b"{}")
    import_runs.unpack(tmp_path / "a.zip", "a(b+", tmp_path / "target")
    assert [path.name for path in (tmp_path / "target").rglob("facts.json")] == ["facts.json"]


FACTS = "here/runs/pix2pix/l1/1/facts.json"


def zipped(
    path: Path, name: str, content: bytes, compression: int = zipfile.ZIP_STORED, size: int | None = None
) -> None:
    """An archive of one file, which may promise another size."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr(name, content)
        if size:
            archive.filelist[0].file_size = size


def test_leases_add_up_and_what_is_here_stays(here, there, capsys):
    assert take_in(here, there, "pix2pix/l1/1") == 0
    before = (here.folder / "runs/pix2pix/l1/1/images.npz").stat().st_mtime_ns
    assert take_in(here, there) == 0
    assert "4 runs: 3 taken in, 1 here already, 0 refused" in capsys.readouterr().out
    assert (here.folder / "runs/pix2pix/l1/1/images.npz").stat().st_mtime_ns == before


def test_other_bytes_do_not_replace_those_that_are_here(here, there, capsys):
    take_in(here, there)
    before = tiny.hashes(here.folder / "runs")
    path = there.folder / "runs/pix2pix/l1/1"
    elsewhere = {**tiny.ENVIRONMENT, "cpu": "another"}
    runs.write(path, tiny.npz(tiny.images("l1", 9)), {**runs.read_facts(path), "environment": elsewhere})
    assert take_in(here, there, "pix2pix/l1/1") == 0
    said = capsys.readouterr().out
    assert "here already with other bytes, which stay; made elsewhere (cpu: another, here made up)" in said
    assert tiny.hashes(here.folder / "runs") == before

    runs.write(path, tiny.npz(tiny.images("l1", 9)), {**runs.read_facts(path), "environment": tiny.ENVIRONMENT})
    assert take_in(here, there, "pix2pix/l1/1") == 1, "the same environment cannot give two results"
    assert "from the same environment: at most one of the two is right" in capsys.readouterr().out
    assert tiny.hashes(here.folder / "runs") == before


def test_what_a_foreign_file_says_gives_the_terminal_no_orders(here, there, capsys):
    rewritten(variant="\x1b[2J\n4 runs: 4 taken in")(there.folder / "runs/pix2pix/l1/1")
    assert take_in(here, there) == 1
    said = capsys.readouterr().out
    assert said.count("\n") == 5
    assert "\x1b" not in said


def rewritten(**changes):
    def spoil(path):
        content = (path / "images.npz").read_bytes()
        runs.write(path, content, {**runs.read_facts(path), **changes})

    return spoil


def holding(content: bytes):
    return lambda path: runs.write(path, content, runs.read_facts(path))


PICKLED = tiny.npz({"output": np.array([{"a": 1}], object)})


def other_params(path):
    facts = runs.read_facts(path)
    rewritten(params={**facts["params"], "epochs": 7})(path)


def another_digit(path):
    text = (path / "facts.json").read_text()
    (path / "facts.json").write_text(text.replace('"seed": 1', '"seed": 2'))


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (other_params, "trained with pix2pix/l1/1.params.epochs = 7, here 1"),
        (rewritten(code_sha256="0"), "trained with pix2pix/l1/1.code_sha256 = 0, here "),
        (rewritten(data_sha256="0"), "trained with pix2pix/l1/1.data_sha256 = 0, here "),
        (rewritten(environment="mine"), "facts.json has no 'environment', which instruments read"),
        (holding(b"words"), "images.npz is no .npz file of arrays without pickles"),
        (holding(PICKLED), "images.npz is no .npz file of arrays"),
        (rewritten(variant="l3"), "{params} declares no run pix2pix/l3/1"),
        (rewritten(seed=101), "{params} declares no run pix2pix/l1/101"),
        (
            rewritten(trained={}),
            "trained model: nothing, expected 1 epochs, 2 steps, 8 images; correct replications/pix2p",
        ),
        (rewritten(trained=None), "facts.json does not say what was trained, expected {{'model'"),
        (rewritten(picture=[16, 32, 3]), "images.npz: input: uint8 (4, 32, 32, 3), expected uint8 (4, 16, 32, 3)"),
        (holding(tiny.npz({"target": np.zeros((4, 32, 32, 3), np.uint8)})), "images.npz has no array output or prior"),
        (another_digit, "unreadable (facts.json does not say what the training wrote)"),
        (lambda path: (path / "images.npz").write_bytes(b"other"), "images.npz holds other bytes than the training"),
        (lambda path: (path / "images.npz").unlink(), "unreadable ([Errno 2] No such file"),
        (lambda path: (path / "facts.json").write_text("[" * 90_000), "unreadable ("),
        (lambda path: (path / "facts.json").write_text(json.dumps([])), "unreadable (facts.json holds list)"),
    ],
)
def test_a_run_that_is_another_or_damaged_is_refused_alone(here, there, capsys, spoil, why):
    spoil(there.folder / "runs/pix2pix/l1/1")
    assert take_in(here, there) == 1
    said = capsys.readouterr().out
    assert f"l1/1: refused: {why.format(params=here.params_file)}" in said
    assert "4 runs: 3 taken in, 0 here already, 1 refused" in said
    assert not (here.folder / "runs/pix2pix/l1/1").exists()
    assert len(list((here.folder / "runs").rglob("facts.json"))) == 3


def test_a_damaged_run_that_is_here_is_replaced(here, there):
    take_in(here, there)
    (here.folder / "runs/pix2pix/l1/1/images.npz").write_bytes(b"half")
    assert take_in(here, there) == 0
    assert tiny.hashes(here.folder / "runs") == tiny.hashes(there.folder / "runs")


def test_what_a_kill_left_between_two_steps_is_no_run(here, there, capsys):
    path = there.folder / "runs/pix2pix/l1/1"
    shutil.copytree(path, path.with_name(".1.unfinished"))
    assert take_in(here, there) == 0
    assert "4 runs: 4 taken in" in capsys.readouterr().out


@pytest.mark.parametrize("folder", ["not there", "arrays"])
def test_a_folder_without_runs_is_one_line(here, folder):
    with pytest.raises(import_runs.ImportRunsError, match="no run of the here study in it, expected folders with"):
        import_runs.main([str(here.folder / folder), "--study", str(here.folder)])


def test_the_door_knows_it(here, there):
    words = (str(there.folder / "runs"), "--study", str(here.folder))
    done = tiny.command("import-runs", *words)
    assert (done.returncode, done.stderr) == (0, "")

"""Runs trained again and compared with the committed ones: the same bytes, or within the spread, or neither."""

import io
import json
import shutil
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from replications import evidence, nets, runs, study
from replications.judging import judge
from replications.judging.scores import Scores, read_scores
from replications.measuring import controls, measure
from replications.results import ResultsError
from replications.tools import bundle
from replications.training import workers
from replications.trust import audit
from replications.trust.audit import AuditError
from tests import tiny

ROOM = "vq_vae"


@pytest.fixture
def committed(trained, tmp_path):
    """The tiny study of a room, trained, with the provenance that measuring leaves; its images are gone."""
    folder = tmp_path / "tiny"
    shutil.copytree(trained(ROOM), folder)
    declared = study.load(folder)
    finished = [runs.read(declared, run) for run in declared.runs(ROOM)]
    rows = [runs.provenance(one) for one in finished]
    tiny.write_rows(folder / "results" / ROOM / "runs.csv", rows)
    known = {runs.environment_id(one.facts["environment"]): one.facts["environment"] for one in finished}
    (folder / "results" / ROOM / "environments.json").write_text(json.dumps(known), encoding="utf-8")
    rows = [row for one in finished for row in measure.rows_of(declared, one.run, measure.scores_of_run(declared, one))]
    tiny.write_rows(folder / "results" / ROOM / "scores.csv", rows)
    shutil.rmtree(folder / "runs")
    return declared


@pytest.fixture
def trained_again(trained, monkeypatch):
    """Every run comes out as it did the first time, without training."""

    def run_all(client, picked, data, progress):
        for run in picked:
            finished = runs.folder(study.load(trained(ROOM)), run)
            facts = json.loads((finished / "facts.json").read_text(encoding="utf-8"))
            facts = {key: facts[key] for key in ("facts", "environment", "picture")}
            weights = (finished / "weights.npz").read_bytes() if (finished / "weights.npz").exists() else b""
            yield workers.Outcome(run, 1.0, (finished / "images.npz").read_bytes(), facts, weights)

    monkeypatch.setattr(workers, "cluster", lambda n_workers: nullcontext())
    monkeypatch.setattr(workers, "run_all", run_all)


def rewrite(declared: study.Study, **changes: str) -> None:
    """The first run's row with other values."""
    path = declared.folder / "results" / ROOM / "runs.csv"
    rows = tiny.read_rows(path)
    tiny.write_rows(path, [{**rows[0], **changes}, *rows[1:]])


def only(declared: study.Study) -> list[str]:
    first = tiny.read_rows(declared.folder / "results" / ROOM / "runs.csv")[0]
    return ["--study", str(declared.folder), "--workers", "1", "--only", f"{ROOM}/{first['variant']}/{first['seed']}"]


def test_a_run_comes_out_byte_for_byte_the_same_and_is_not_kept(committed, capsys):
    before = tiny.hashes(committed.folder)
    assert audit.main(["--study", str(committed.folder), "--runs", "2", "--seed", "7", "--workers", "1"]) == 0
    said = capsys.readouterr().out
    assert said.count("byte for byte the same") == 4, "a line and a row for each"
    assert "(--seed 7)" in said
    assert tiny.hashes(committed.folder) == before, "nothing committed is touched"


@pytest.mark.parametrize(
    ("factor", "declared", "status", "read_by_a_net"),
    [
        (1.003, True, 0, ()),
        (1.003, False, 1, ()),
        (1.05, True, 1, ()),
        (1.05, True, 0, {"psnr"}),
        (1.5, True, 1, {"psnr"}),
    ],
    ids=["near", "silent", "far", "by another net", "far for another net"],
)
def test_scores_that_earlier_code_measured_may_be_rounded_otherwise_or_read_by_another_net(
    committed, trained_again, monkeypatch, capsys, factor, declared, status, read_by_a_net
):
    monkeypatch.setattr(audit, "READ_BY_A_NET", read_by_a_net)
    path = committed.folder / "results" / ROOM / "scores.csv"
    rows = tiny.read_rows(path)
    number = next(i for i, row in enumerate(rows) if row["instrument"] == "psnr")
    rows[number]["score"] = f"{factor * float(rows[number]['score']):.6g}"
    tiny.write_rows(path, rows)
    if declared:
        evidence.file(committed.folder).write_text(json.dumps({ROOM: {"trained": {}, "measured": "a" * 40}}))
    assert audit.main(only(committed)) == status
    said = " ".join(capsys.readouterr().out.split())
    nearly = "and so are its scores, but for 1 that differ a little from those that the code of commit aaaaaaaaaaaa"
    assert (nearly in said) == (not status)


def test_weights_in_the_repository_that_are_not_the_runs_fail(committed, trained_again, trained, monkeypatch, capsys):
    run = committed.runs(ROOM)[0]
    copy = nets.bundled(committed, run)
    with monkeypatch.context() as patched:
        patched.setattr(nets, "bundled", lambda *_: copy)
        bundle.bundle(study.load(trained(ROOM)), run)
    assert audit.main(only(committed)) == 0
    content = (copy / nets.SMALL).read_bytes()
    with np.load(io.BytesIO(content)) as archive:
        small = dict(archive)
    first = next(iter(small))
    others = tiny.npz({**small, first: small[first] + np.float16(0.1)})
    digests = json.loads((copy / nets.DIGESTS).read_text(encoding="utf-8"))
    (copy / nets.DIGESTS).write_text(json.dumps({**digests, nets.SMALL: runs.sha256(others)}))
    for written, said in (
        (others, f"but the weights in {copy} are others"),
        (content, f"but the copy in {copy} is damaged ({copy / nets.SMALL}: damaged, its digest is not"),
    ):
        (copy / nets.SMALL).write_bytes(written)
        assert audit.main(only(committed)) == 1
        assert said in " ".join(capsys.readouterr().out.split())


def test_a_forged_control_that_no_net_judges_fails(committed, trained_again, capsys):
    path = committed.folder / "results" / ROOM / "controls.csv"
    scores = controls.fixed_scores(committed, ROOM)
    rows = [
        {"control": control, "seed": seed, "instrument": instrument, "score": f"{score:.6g}"}
        for control, of_control in scores.items()
        for instrument, score in of_control.items()
        for seed in committed.seeds
    ]
    tiny.write_rows(path, rows)
    assert audit.main(only(committed)) == 0
    number = next(i for i, row in enumerate(rows) if row["instrument"] == "psnr")
    rows[number]["score"] = "99.5"
    tiny.write_rows(path, rows)
    assert audit.main(only(committed)) == 1
    said = capsys.readouterr().out
    assert f"controls.csv: psnr of {rows[number]['control']}, seed {rows[number]['seed']}, is 99.5, here it is " in said


def test_a_forged_score_of_a_run_whose_bytes_are_the_same_fails(committed, trained_again, capsys):
    path = committed.folder / "results" / ROOM / "scores.csv"
    rows = tiny.read_rows(path)
    number = next(i for i, row in enumerate(rows) if row["instrument"] == "psnr")
    rows[number]["score"] = f"{1.5 * float(rows[number]['score']):.6g}"
    tiny.write_rows(path, rows)
    assert audit.main(only(committed)) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "byte for byte the same, but not its scores: psnr" in said
    assert f"committed is {rows[number]['score']}" in said


@pytest.mark.parametrize(
    ("was", "here", "expected"),
    [
        (0.70, 0.71, True),
        (0.70, 0.90, False),  # within the spread, but too far for the same pictures
        (2.5, 2.4, False),
        (None, 0.70, False),
        (0.70, None, False),
    ],
)
def test_what_nets_read_lies_near_the_committed_score_and_within_the_spread_of_the_other_seeds(
    monkeypatch, was, here, expected
):
    arm = {1: 0.0 if was is None else was, 2: 0.69, 3: 0.72, 4: 0.84, 5: 0.68}
    monkeypatch.setattr(audit, "read_scores", lambda declared, room: Scores({("k2", "kid_prior"): arm}))
    declared, run = SimpleNamespace(seeds_of=lambda room: (1, 2, 3, 4, 5)), study.Run(ROOM, "k2", 1, {})
    assert audit._read_otherwise(declared, run, audit.Other(1.0, "kid_prior", was, here)) == expected


def test_the_instruments_that_a_classifier_reads_are_those_whose_scores_of_known_pictures_depend_on_the_seed():
    """A net of another seed gives known pictures another score; segmentation, of pix2pix, has nets without norms."""
    for declared in map(study.load, (".", "real", "paper")):
        for room in set(declared.variants) - {"pix2pix"}:
            moved = {
                instrument
                for (name, instrument), by_seed in read_scores(declared, room).values.items()
                if name not in declared.variants_of(room) and len(set(by_seed.values())) > 1
            }
            assert moved <= audit.READ_BY_A_NET, (declared.name, room)


def test_a_score_that_was_never_measured_or_was_left_out_fails(committed, trained_again, capsys):
    path = committed.folder / "results" / ROOM / "scores.csv"
    rows = tiny.read_rows(path)
    tiny.write_rows(path, [row for row in rows if row["instrument"] != "psnr"])
    assert audit.main(only(committed)) == 1
    assert "committed is None" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("column", ["images_sha256", "facts_sha256"])
def test_other_bytes_on_the_same_machine_fail(committed, trained_again, capsys, column):
    rewrite(committed, **{column: "0" * 64})
    assert audit.main(only(committed)) == 1
    assert "other bytes on the same kind of machine with the same packages" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("params_sha256", "other parameters than"),
        ("code_sha256", "by the code"),
        ("data_sha256", "other data than"),
    ],
)
def test_what_is_not_comparable_is_not_trained(committed, column, words):
    rewrite(committed, **{column: "0" * 64})
    with pytest.raises(AuditError, match=words):
        audit.main(only(committed))


def test_no_more_workers_are_started_than_runs_are_picked(committed, trained_again, monkeypatch):
    started = []
    monkeypatch.setattr(workers, "cluster", lambda n_workers: started.append(n_workers) or nullcontext())
    monkeypatch.setattr(workers, "CPU_COUNT", 64)
    picked = committed.runs(ROOM)[:2]
    for n_workers in (3000, 1, None):
        audit.audit(committed, picked, n_workers)
    assert started == [2, 1, 2]


@pytest.fixture
def elsewhere(committed, trained_again, monkeypatch):
    """The first run is said to have been made on another machine, with other bytes; scores come from a table."""
    path = committed.folder / "results" / ROOM / "environments.json"
    (environment,) = json.loads(path.read_text()).values()
    another = {**environment, "cpu": "of another kind"}
    name = runs.environment_id(another)
    path.write_text(json.dumps({name: another}), encoding="utf-8")
    rewrite(committed, environment=name, images_sha256="0" * 64)
    run = committed.runs(ROOM)[0]
    claim = SimpleNamespace(replication=ROOM, needs={(run.variant, "psnr"), (run.variant, "rate"), ("other", "mse")})
    monkeypatch.setattr(judge, "claims_of", lambda declared: [claim])
    arms = {"psnr": (20.0, 20.5), "rate": (3.0, 3.0)}
    scores = Scores({(run.variant, name): dict(zip(committed.seeds, arm, strict=True)) for name, arm in arms.items()})
    monkeypatch.setattr(audit, "read_scores", lambda declared, room: scores)
    return committed


def says(monkeypatch, **scores: float) -> None:
    monkeypatch.setattr(measure, "scores_of_run", lambda declared, finished: SimpleNamespace(scores={1.0: scores}))


def test_on_another_machine_scores_within_the_spread_pass(elsewhere, monkeypatch, capsys):
    says(monkeypatch, psnr=21.0, rate=3.0, mse=7.0)
    assert audit.main(only(elsewhere)) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "within the spread over seeds (other bytes; what differs: cpu: of another kind, here" in said


def test_an_environment_under_another_name_fails(elsewhere, monkeypatch, capsys):
    path = elsewhere.folder / "results" / ROOM / "environments.json"
    path.write_text(path.read_text(encoding="utf-8").replace("of another kind", "of a third kind"), encoding="utf-8")
    says(monkeypatch, psnr=21.0, rate=3.0)
    assert audit.main(only(elsewhere)) == 1
    assert "its environment is not the one that" in " ".join(capsys.readouterr().out.split())


def test_a_run_of_earlier_code_is_judged_by_the_spread(elsewhere, monkeypatch, capsys):
    """Its commit is named; whether today's code still leads there is what the audit says."""
    digest = "e" * 64
    rewrite(elsewhere, code_sha256=digest)
    says(monkeypatch, psnr=20.2, rate=3.0)
    with pytest.raises(AuditError, match="names no commit for it"):
        audit.main(only(elsewhere))
    declared = {ROOM: {"trained": {digest: "c" * 40}, "measured": "c" * 40}}
    evidence.file(elsewhere.folder).write_text(json.dumps(declared), encoding="utf-8")
    monkeypatch.setattr(evidence, "hashes_at", lambda commit: {ROOM: digest})
    assert audit.main(only(elsewhere)) == 0
    assert (
        "within the spread over seeds (other bytes; what differs: code: an earlier version's" in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    "scores", [{"psnr": 2000.0, "rate": 3.0}, {"psnr": 20.2, "rate": 3.1}, {"psnr": np.nan, "rate": 3.0}]
)
def test_on_another_machine_scores_outside_the_spread_fail(elsewhere, monkeypatch, capsys, scores):
    says(monkeypatch, **scores)
    assert audit.main(only(elsewhere)) == 1
    assert "outside the spread over seeds" in capsys.readouterr().out


def test_the_choice_follows_from_the_seed_and_is_spread_over_rooms():
    declared = study.load(".")
    arguments = SimpleNamespace(replication=None, runs=40)
    first, again, other = (audit.pick(declared, arguments, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert {run.replication for run in first} == set(declared.variants)
    one_room = audit.pick(declared, SimpleNamespace(replication="vq_vae", runs=10_000), 1)
    assert sorted(run.name for run in one_room) == sorted(run.name for run in declared.runs("vq_vae"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--runs", "0"], "--runs 0: expected at least 1"),
        (["--workers", "-1"], "--workers -1: expected at least 1"),
        (["--only", "vq_vae/k9/1"], "--only vq_vae/k9/1: params.yaml declares no such run; expected one such as"),
    ],
)
def test_nonsense_is_one_line(words, message):
    with pytest.raises(AuditError, match=message):
        audit.main(words)


def test_a_study_that_was_never_measured_is_one_line(committed):
    (committed.folder / "results" / ROOM / "runs.csv").unlink()
    with pytest.raises(ResultsError, match=r"runs\.csv: no such file; run `dvc repro"):
        audit.main(["--study", str(committed.folder)])


def test_arms_of_one_seed_allow_anything():
    scores = Scores({("k2", "psnr"): {1: 20.0}})
    declared = SimpleNamespace(seeds_of=lambda room: (1,))
    finished = SimpleNamespace(run=SimpleNamespace(replication=ROOM, variant="k2"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(audit, "read_scores", lambda declared, room: scores)
        patch.setattr(judge, "claims_of", lambda _: [SimpleNamespace(replication=ROOM, needs={("k2", "psnr")})])
        patch.setattr(
            measure, "scores_of_run", lambda declared, finished: SimpleNamespace(scores={1.0: {"psnr": 90.0}})
        )
        assert list(audit.outside_the_spread(declared, finished)) == []

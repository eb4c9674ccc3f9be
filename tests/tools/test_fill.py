"""Minutes of a device: what they are spent on, in which order, and that nothing finished is lost."""

import json
import shutil
import time
import zipfile
from pathlib import Path

import pytest

from replications import runs, study
from replications.code import code_hash
from replications.results import RUN
from replications.tools import fill, import_runs
from replications.training import train, workers
from tests import tiny


@pytest.fixture
def here(tmp_path, monkeypatch) -> study.Study:
    """A small study of two variants and two seeds without a run, in the working directory."""
    declared = study.load(tiny.write_study(tmp_path / "here"))
    monkeypatch.chdir(declared.folder)
    return study.load(".")


def finish(declared: study.Study, variant: str, seed: int) -> Path:
    """A run as training leaves it, with weights."""
    (run,) = [one for one in declared.runs("pix2pix") if (one.variant, one.seed) == (variant, seed)]
    data = runs.sha256((declared.folder / "arrays" / "facade_world-tiny.npz").read_bytes())
    facts = {"facts": {}, "environment": tiny.ENVIRONMENT, **tiny.shown(run)}
    target = runs.folder(declared, run)
    identity = runs.identity(run, code_hash("pix2pix"), data)
    runs.write(
        target,
        tiny.npz(tiny.images(variant, seed)),
        {**facts, **identity},
        tiny.npz({"a": tiny.images("l1", 1)["output"]}),
    )
    return target


@pytest.fixture
def trained(monkeypatch) -> list[tuple[list[str], list[int]]]:
    """Calls of the training command, which finishes runs at once."""
    calls: list[tuple[list[str], list[int]]] = []

    def at_once(declared, room, n_workers, only, seeds, until, finished) -> None:
        assert room == "pix2pix"
        calls.append((list(only), list(seeds)))
        for run in declared.runs(room):
            if run.seed in seeds and run.variant in only:
                finish(declared, run.variant, run.seed)
                finished(run)

    monkeypatch.setattr(train, "train", at_once)
    return calls


def test_a_study_that_was_never_judged_is_filled(here, trained, capsys):
    assert fill.main(["--minutes", "5", "--workers", "1"]) == 0
    assert trained == [(["l1", "l1_cgan"], [1, 2])]
    said = capsys.readouterr().out
    assert "root/pix2pix: " in said
    assert "4 runs missing, nobody knows how long that takes" in said
    assert "4 runs trained" in said
    assert fill.main(["--minutes", "5"]) == 0
    assert "nothing to train: every replication has its runs" in capsys.readouterr().out


def test_runs_among_the_results_are_not_trained_for_the_same_verdict_again(here):
    """A clone has results and no runs; other parameters, data or code make other runs."""
    path = here.folder / "results" / "pix2pix" / "runs.csv"
    rows = []
    for run in here.runs("pix2pix"):
        facts = runs.read_facts(finish(here, run.variant, run.seed))
        rows.append(
            {
                **dict.fromkeys(RUN, "0" * 64),
                "variant": run.variant,
                "seed": run.seed,
                "params_sha256": runs.digest(facts["params"]),
                **{name: facts[name] for name in ("code_sha256", "data_sha256")},
            }
        )
    shutil.rmtree(here.folder / "runs")
    path.parent.mkdir(parents=True)
    tiny.write_rows(path, rows)
    assert fill.missing_runs(here, "pix2pix") == {}
    for name in ("params_sha256", "code_sha256", "data_sha256"):
        tiny.write_rows(path, [{**rows[0], name: "1" * 64}, *rows[1:]])
        assert fill.missing_runs(here, "pix2pix") == {rows[0]["seed"]: (rows[0]["variant"],)}


def test_a_dry_run_trains_nothing(here, trained, capsys):
    assert fill.main(["--minutes", "5", "--dry-run"]) == 0
    assert "4 runs missing" in capsys.readouterr().out
    assert trained == []


def test_what_does_not_fit_is_not_begun(here, trained):
    log = train.DurationLog(here.folder / "logs" / "pix2pix.csv")
    log.add("l1", 1, 100)
    log.add("l1_cgan", 1, 200)
    (gap,) = fill.gaps([here], 2, [])
    assert [gap.lasts(n) for n in (1, 2, 3)] == pytest.approx([150, 150, 300]), "two at a time"
    assert [fill.that_fit(gap, left) for left in (140, 160, 290, 310, -1)] == [[], [1], [1], [1, 2], []]
    (wide,) = fill.gaps([here], 16, [])
    assert [fill.that_fit(wide, left) for left in (140, 160)] == [[], [1, 2]], "no run is shorter for an idle core"
    assert fill.fill([gap], time.monotonic() + 160, 2, None) == 0
    assert trained == [(["l1", "l1_cgan"], [1])], "all variants of a seed together"


def test_rooms_whose_claims_are_decided_come_last_or_never(here, trained, monkeypatch):
    every = [claim.id for claim in fill.claims_of(here, "pix2pix")]
    outcomes = dict(zip(every, ("replicated", "untestable", "inconclusive", "negligible"), strict=False))
    verdicts = [{"id": name, "replication": "pix2pix", "verdict": outcome} for name, outcome in outcomes.items()]
    elsewhere = {"id": every[5], "replication": "vq_vae", "verdict": "replicated"}
    monkeypatch.setattr(fill.report, "read_verdicts", lambda folder: [*verdicts, elsewhere])
    n_open = fill.open_claims(here, "pix2pix")
    assert n_open == len(every) - 2
    (here.folder / "results").mkdir()
    (here.folder / "results" / "evidence.json").write_text(
        json.dumps({"pix2pix": {"trained": {"0" * 64: "a" * 40}, "measured": "a" * 40}}), encoding="utf-8"
    )
    assert fill.open_claims(here, "pix2pix") == len(every), "runs of earlier code leave all of them open"
    one, two = (
        fill.Gap(here, "pix2pix", {1: ("l1",)}, n_open, lambda n_runs, seconds=seconds: n_runs * seconds)
        for n_open, seconds in ((10, 100.0), (30, 1000.0))
    )
    assert one.worth > two.worth


@pytest.mark.parametrize("n_workers", [None, 8])
def test_on_a_gpu_runs_last_as_measured_there(monkeypatch, n_workers):
    """Within a quarter; by turns of whole runs it would be up to twice as long."""
    paper = study.load(tiny.ROOT / "paper")
    monkeypatch.setattr(fill.devices, "gpus", lambda: ("a GPU",))
    monkeypatch.setattr(fill.train, "DurationLog", lambda path: pytest.fail("what a run took on another device"))
    for room, n_runs, seconds in (("beta_vae", 21, 171), ("spatial_z_vae", 35, 125), ("pix2pix", 15, 723)):
        assert fill.how_long(paper, room, n_workers)(n_runs) == pytest.approx(seconds, rel=0.25), room
    alone = fill.how_long(paper, "pix2pix", 1)(15)
    assert alone > 2 * 723, "one at a time does not fill it"


def test_the_time_is_up(here, monkeypatch, capsys):
    def cut_off(declared, room, n_workers, only, seeds, until, finished) -> None:
        for run in declared.runs(room)[:3]:
            finish(declared, run.variant, run.seed)
            finished(run)
        raise workers.TimeUpError("the time is up")

    monkeypatch.setattr(train, "train", cut_off)
    (gap,) = fill.gaps([here], 2, [])
    assert fill.fill([gap], time.monotonic() + 100, 1, Path("packed")) == 0
    said = capsys.readouterr().out
    assert "root/pix2pix: the time is up; the same command goes on from here" in said
    assert "packed: 3 runs packed" in said
    assert "3 runs trained" in said


def test_a_kill_loses_no_packed_run_and_the_next_call_packs_what_no_archive_holds(here, trained, monkeypatch, capsys):
    def killed(declared, room, n_workers, only, seeds, until, finished) -> None:
        first, second, *_ = declared.runs(room)
        finish(declared, first.variant, first.seed)
        finished(first)
        finish(declared, second.variant, second.seed)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train, "train", killed)
        with pytest.raises(KeyboardInterrupt):
            fill.main(["--minutes", "5", "--pack", "packed"])
    assert names("packed/runs-01.zip") == {"root/runs/pix2pix/l1/1"}
    assert fill.main(["--minutes", "5", "--pack", "packed"]) == 0
    assert len(names("packed/runs-02.zip")) == 3
    assert "packed: 3 runs packed" in capsys.readouterr().out


def names(archive: str) -> set[str]:
    """The runs in an archive."""
    with zipfile.ZipFile(archive) as opened:
        return {name.rpartition("/")[0] for name in opened.namelist()}


def test_runs_that_fail_are_told_at_the_end_and_the_others_are_kept(here, monkeypatch, capsys):
    def failing(declared, room, n_workers, only, seeds, until, finished) -> None:
        run = declared.runs(room)[0]
        finish(declared, run.variant, run.seed)
        finished(run)
        raise train.TrainError("l1_cgan diverged")

    monkeypatch.setattr(train, "train", failing)
    with pytest.raises(fill.FillError, match="runs of 1 replications failed, all others are kept: l1_cgan diverged"):
        fill.main(["--minutes", "5", "--workers", "1"])
    assert "1 runs trained" in capsys.readouterr().out


def test_what_is_packed_arrives_elsewhere_with_its_weights(here, trained, tmp_path, monkeypatch, capsys):
    assert fill.main(["--minutes", "5", "--pack", "packed"]) == 0
    assert "packed: 4 runs packed" in capsys.readouterr().out
    home, packed = here.folder.resolve(), str(Path("packed").resolve())
    monkeypatch.chdir(tiny.write_study(tmp_path / "there"))
    assert import_runs.main([packed]) == 0
    assert "4 runs: 4 taken in" in capsys.readouterr().out
    assert tiny.hashes(Path("runs")) == tiny.hashes(home / "runs")
    assert fill.missing_runs(study.load("."), "pix2pix") == {}, "and none of them is trained again"
    with pytest.raises(import_runs.ImportRunsError, match=f"no run of the {home.name} study in it"):
        import_runs.main([packed, "--study", str(home)])


def test_archives_stay_small_and_what_does_not_fit_is_named(here, tmp_path):
    paths = [finish(here, run.variant, run.seed) for run in here.runs("pix2pix")]
    size = sum((paths[0] / part).stat().st_size for part in fill.PARTS)
    packer = fill.Packer(tmp_path / "packed", archive=int(2.5 * size), all_=int(3.5 * size))
    for path in paths:
        packer.add(here, path)
    archives = sorted((tmp_path / "packed").iterdir())
    assert [path.name for path in archives] == ["runs-01.zip", "runs-02.zip"]
    assert [len(zipfile.ZipFile(path).namelist()) for path in archives] == [6, 3]
    assert "left out, for they do not fit: root/runs/pix2pix/l1_cgan/2" in str(packer)
    archives[0].unlink()
    again = fill.Packer(tmp_path / "packed", archive=int(2.5 * size))
    again.add(here, paths[2])
    assert again.n_runs == 0, "it is in an archive that is there"
    again.add(here, paths[3])
    assert sorted(path.name for path in (tmp_path / "packed").iterdir()) == ["runs-02.zip", "runs-03.zip"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--minutes", "0"], "--minutes 0: expected more than 0"),
        (["--minutes", "nan"], "--minutes nan: expected more than 0"),
        (["--minutes", "5", "--workers", "0"], "--workers 0: expected at least 1"),
        (["--minutes", "5", "--pack", "params.yaml"], "--pack params.yaml: a file"),
        (["--minutes", "5", "--pack", "params.yaml/x"], "--pack params.yaml/x: cannot be made"),
    ],
)
def test_minutes_and_places_that_are_none(here, trained, words, expected):
    with pytest.raises(fill.FillError, match=expected):
        fill.main(words)
    assert trained == []


def test_a_room_without_its_data_is_named_and_nothing_else_is_an_error(here, trained, capsys):
    shutil.rmtree(here.folder / "arrays")
    with pytest.raises(fill.FillError, match="no replication can be trained here: 1 were left out"):
        fill.main(["--minutes", "5"])
    said = capsys.readouterr().out
    assert "root/pix2pix: left out: " in said
    assert "facade_world-tiny.npz" in said


@pytest.mark.slow
def test_the_rehearsal(here, capsys):
    """The command as on a device, on the processor and with tiny runs."""
    done = tiny.command("fill", "--minutes", "5", "--pack", "packed", cwd=here.folder)
    assert done.returncode == 0, done.stderr
    assert "4 runs trained" in done.stdout
    assert fill.missing_runs(here, "pix2pix") == {}

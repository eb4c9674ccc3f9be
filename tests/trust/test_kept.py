"""Outputs that stay when a lent machine has gone: what is kept, what it can show, and what is noticed."""

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

from replications import locks, runs, study
from replications.instruments import sharpness
from replications.judging.scores import read_scores
from replications.training import workers
from replications.trust import audit, kept, trace, verify
from replications.trust.kept import KeptError
from tests import tiny

PIN = tiny.ROOT / "paper" / "outputs.dvc"


@pytest.fixture
def paper(monkeypatch) -> study.Study:
    """The study of which runs on a GPU are kept, read in the repository."""
    monkeypatch.chdir(tiny.ROOT)
    return study.load("paper")


def keep(declared: study.Study, *more: str) -> None:
    assert kept.main(["pix2pix", "--study", str(declared.folder), *more]) == 0


def test_first_outputs_stay_without_loss(finished_study, capsys):
    keep(finished_study, "--first", "2")
    assert "4 runs kept" in capsys.readouterr().out
    for run in finished_study.runs("pix2pix"):
        outputs = runs.read(finished_study, run).images["output"]
        np.testing.assert_array_equal(kept.read(kept.file_of(finished_study, run)), outputs[:2])


def finished(room: str = "pix2pix", **images: np.ndarray) -> runs.Finished:
    """A made-up run of the bundled study."""
    return runs.Finished(study.load(tiny.ROOT).runs(room)[0], images, {"images_sha256": "a" * 64})


def strip(run: runs.Finished, first: int | None = None) -> np.ndarray:
    with Image.open(io.BytesIO(kept.as_webp(run.run, run, first))) as opened:
        return np.asarray(opened)


@pytest.mark.parametrize(("side", "n"), [(1024, 1), (256, 6), (64, 96), (32, 384)])
def test_as_many_as_a_budget_of_pixels_holds(side, n):
    run = finished(
        output=np.zeros((600, side, side, 3), np.uint8) if side < 1024 else np.zeros((2, side, side, 3), np.uint8)
    )
    assert strip(run).shape == (n * side, side, 3)


def test_no_more_than_the_format_holds():
    run = finished(output=np.zeros((600, 32, 32, 3), np.uint8))
    assert len(strip(run, 511)) == 511 * 32
    with pytest.raises(KeptError, match="--first 512: a WebP holds at most 511 pictures of 32 pixels; ask for no more"):
        strip(run, 512)
    few = finished(output=np.zeros((5, 32, 32, 3), np.uint8))
    assert len(strip(few, 512)) == 5 * 32, "all that there are"


def test_samples_of_a_net_without_inputs(tmp_path):
    prior = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    run = finished("vae_vs_gan", prior=prior)
    path = tmp_path / "1.webp"
    path.write_bytes(kept.as_webp(run.run, run, 3))
    np.testing.assert_array_equal(kept.read(path), prior[:3])
    assert kept.taken_from(path) == "a" * 64


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--first", "0"], "--first 0: expected at least 1"),
        (["--only", "l3"], "--only l3: unknown variant of pix2pix; known are l1, l1_cgan"),
    ],
)
def test_what_cannot_be_kept_is_refused(finished_study, words, expected):
    with pytest.raises(KeptError, match=expected):
        keep(finished_study, *words)
    assert kept.every(finished_study) == []


def test_runs_that_are_not_here(tiny_study):
    with pytest.raises(KeptError, match=r"no finished run of those asked for.*import-runs"):
        keep(tiny_study)


def test_more_than_a_clone_should_carry(finished_study, monkeypatch):
    monkeypatch.setattr(kept, "LIMIT", 10)
    with pytest.raises(KeptError, match=r"expected at most 0 MB; ask for fewer outputs by --first"):
        keep(finished_study)
    assert kept.every(finished_study) == []


@pytest.mark.parametrize(
    "images",
    [
        {"output": np.zeros((4, 32, 32), np.uint8)},
        {"output": np.zeros((4, 32, 32, 1), np.uint8)},
        {"output": np.zeros((4, 32, 24, 3), np.uint8)},
        {"output": np.zeros((4, 32, 32, 3), np.float32)},
        {"output": np.zeros((0, 32, 32, 3), np.uint8)},
        {"output": np.zeros((1, 16_384, 16_384, 3), np.uint8)},
        {"latent": np.zeros((4, 8))},
    ],
    ids=["no colours", "one colour", "not square", "no bytes", "none", "too large", "nothing"],
)
def test_no_pictures(images):
    run = finished(**images)
    with pytest.raises(KeptError, match=r"pix2pix/l1/\d+: output is .*, expected square .*; leave its variant out"):
        kept.as_webp(run.run, run)


def test_another_run_than_the_one_that_was_measured(finished_study, monkeypatch):
    run = finished_study.runs("pix2pix")[0]
    row = {name: str(value) for name, value in runs.provenance(runs.read(finished_study, run)).items()}
    path = finished_study.folder / "results" / "pix2pix" / "runs.csv"
    path.parent.mkdir(parents=True)
    tiny.write_rows(path, [row])
    keep(finished_study, "--only", run.variant)
    tiny.write_rows(path, [{**row, "images_sha256": "b" * 64}])
    with pytest.raises(KeptError, match=r"l1/1: has other pictures than the run that was measured.*measure it first"):
        keep(finished_study)
    monkeypatch.setattr(kept, "on_the_sheet", lambda *_: None)
    _, other = kept.problems(finished_study, [run])
    assert "l1/1.webp: is taken from another run than the one that was measured" in other


# --- what is committed ---------------------------------------------------------------------------------------------


def test_the_committed_ones_fit_and_are_of_measured_runs_and_on_the_sheet(paper):
    (out,) = YAML(typ="safe").load(PIN)["outs"]
    assert out["size"] < kept.LIMIT
    assert len(kept.every(paper)) == out["nfiles"] == 15
    assert list(kept.problems(paper)) == []
    first = [run for run in paper.runs("pix2pix") if run.seed == 1]
    assert all(kept.on_the_sheet(paper, run) is not None for run in first), "or nothing was compared"
    (said,) = [one for one in verify.of_study(paper) if one.what.startswith("files of kept outputs")]
    assert (said.n, said.problems) == (15, ())


def test_an_instrument_reads_what_is_kept_much_as_it_read_all_outputs(paper):
    """Relative sharpness divides by that of photographs, which are not here; so arms are compared with each other."""
    scores = read_scores(paper, "pix2pix")

    def both(variant: str) -> tuple[float, float]:
        of_arm = [run for run in paper.runs("pix2pix") if run.variant == variant]
        ours = [sharpness.laplacian_variance(kept.of_run(paper, run) / 255).mean() for run in of_arm]
        return float(np.mean(ours)), float(scores.arm(variant, "laplacian_variance", paper.seeds).mean())

    l1, cgan, l1_cgan = (np.array(both(variant)) for variant in ("l1", "cgan", "l1_cgan"))
    for ours, committed in (l1_cgan / l1, cgan / l1_cgan):
        assert ours == pytest.approx(committed, rel=0.2)
        assert ours > 3


@pytest.fixture
def copy(tmp_path, monkeypatch) -> study.Study:
    """What `problems` reads, in a folder of its own; the outputs are here, as after `dvc pull`."""
    shutil.copytree(tiny.ROOT / "paper" / "results" / "pix2pix", tmp_path / "paper" / "results" / "pix2pix")
    for file in ("params.yaml", "outputs.dvc"):
        shutil.copy(tiny.ROOT / "paper" / file, tmp_path / "paper" / file)
    monkeypatch.chdir(tiny.ROOT)
    for one in kept.every(study.load("paper")):
        (tmp_path / one.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(one.content, tmp_path / one.path)
    shutil.copytree(tiny.ROOT / locks.BUNDLED, tmp_path / locks.BUNDLED)
    monkeypatch.chdir(tmp_path)
    return study.load("paper")


OUTPUTS = Path("paper/outputs/pix2pix")


def swapped() -> None:
    """Another arm's pictures under this one's name, of a seed that no sheet shows."""
    shutil.copy(OUTPUTS / "l1_cgan" / "3.webp", OUTPUTS / "l1" / "2.webp")


def another_sheet() -> None:
    shutil.copy("paper/results/pix2pix/columns/04.png", "paper/results/pix2pix/columns/02.png")


def huge() -> None:
    """A picture of billions of pixels in a file of a few bytes."""
    bits = (12000 - 1) | (16383 - 1) << 14
    chunk = b"\x2f" + bits.to_bytes(4, "little")
    body = b"WEBPVP8L" + len(chunk).to_bytes(4, "little") + chunk + b"\x00"
    (OUTPUTS / "l1" / "2.webp").write_bytes(b"RIFF" + len(body).to_bytes(4, "little") + body)


def torn() -> None:
    path = OUTPUTS / "l1" / "2.webp"
    path.write_bytes(path.read_bytes()[:100])


def another_shape() -> None:
    Image.new("RGB", (64, 100)).save(OUTPUTS / "l1" / "3.webp", lossless=True)


def not_measured() -> None:
    path = Path("paper/results/pix2pix/runs.csv")
    tiny.write_rows(path, [row for row in tiny.read_rows(path) if (row["variant"], row["seed"]) != ("cgan", "4")])


def no_runs_at_all() -> None:
    Path("paper/results/pix2pix/runs.csv").unlink()


def not_pinned() -> None:
    shutil.copy(OUTPUTS / "l1" / "1.webp", OUTPUTS / "l1" / "9.webp")


def no_pin() -> None:
    Path("paper/outputs.dvc").unlink()


def undeclared() -> None:
    path = Path("paper/params.yaml")
    path.write_text(path.read_text(encoding="utf-8").replace("    cgan:", "    cgun:", 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("alter", "expected"),
    [
        (swapped, "paper/outputs/pix2pix/l1/2.webp: its bytes are not those that were pinned; `dvc checkout"),
        (another_sheet, "paper/outputs/pix2pix/l1/1.webp: is not what the sample sheet shows of pix2pix/l1/1"),
        (torn, "paper/outputs/pix2pix/l1/2.webp: no WebP picture"),
        (huge, "paper/outputs/pix2pix/l1/2.webp: no WebP picture"),
        (another_shape, "paper/outputs/pix2pix/l1/3.webp: 64 × 100 pixels, expected squares below each other"),
        (not_measured, "paper/outputs/pix2pix/cgan/4.webp: is of a run that was not measured"),
        (no_runs_at_all, "paper/outputs/pix2pix/cgan/1.webp: is of a run that was not measured"),
        (undeclared, "paper/outputs/pix2pix/cgan/1.webp: is of no declared run; take it out of paper/outputs"),
        (
            not_pinned,
            "paper/outputs: 1 files that paper/outputs.dvc does not pin, first paper/outputs/pix2pix/l1/9.webp",
        ),
        (no_pin, "paper/outputs: 15 files that paper/outputs.dvc does not pin"),
    ],
)
def test_what_is_not_as_it_should_be_is_named(copy, alter, expected):
    assert list(kept.problems(copy)) == []
    alter()
    found = list(kept.problems(study.load("paper")))
    assert found[0].startswith(expected)
    assert not any("\n" in problem for problem in found)


@pytest.fixture
def listing() -> Path:
    return locks.bundled(YAML(typ="safe").load(PIN)["outs"][0]["md5"])


def test_a_clone_that_pulled_nothing_reads_the_bundled_remote(copy, listing):
    shutil.rmtree("paper/outputs")
    run = copy.runs("pix2pix")[0]
    assert kept.of_run(copy, run).shape == (6, 256, 256, 3)
    assert list(kept.problems(copy)) == []
    (of_run,) = [one for one in json.loads(listing.read_bytes()) if one["relpath"] == "pix2pix/l1/1.webp"]
    locks.bundled(of_run["md5"]).unlink()
    (problem,) = kept.problems(copy)
    assert problem.startswith(
        "paper/outputs/pix2pix/l1/1.webp: no WebP picture (No such file or directory); `git restore"
    )
    with pytest.raises(KeptError, match=r"l1/1\.webp: no WebP picture"):
        kept.of_run(copy, run)


def test_nothing_is_kept_where_dvc_would_forget_what_is_pinned(copy, monkeypatch):
    (OUTPUTS / "cgan" / "5.webp").unlink()
    monkeypatch.setattr(kept, "finished_here", lambda *_: [])
    with pytest.raises(
        KeptError, match=r"1 files that paper/outputs.dvc pins are not here.*`dvc pull paper/outputs.dvc`"
    ):
        kept.main(["pix2pix", "--study", "paper"])


@pytest.mark.parametrize(
    ("content", "expected"),
    [("{", "no list of files"), ("[" * 100_000, "no list of files"), ("[1]", "no list of files"), (None, "dvc push")],
)
def test_a_list_that_is_damaged(copy, listing, content, expected):
    if content is None:
        listing.unlink()
    else:
        listing.write_text(content)
    (problem,) = kept.problems(copy)
    assert expected in problem
    assert "git restore" in problem
    assert verify.kept_files(copy) == []


# --- what trace and audit say of them ------------------------------------------------------------------------------


def of_trace(claim: str = "adversarial_term_sharpens") -> trace.Link:
    declared = study.load("paper")
    (link,) = [one for one in trace.trace(declared, trace.find(declared, claim), {}) if one.name == "runs"]
    return link


def test_trace_says_what_is_kept_and_what_it_does_not_show(paper):
    (line,) = [line for line in of_trace().shown if "kept" in line]
    assert line.startswith("the first outputs of 10 of these 10 runs are kept in paper/outputs: ")
    assert "the scores are means over all test inputs" in line
    assert kept.in_words(paper, paper.runs("vq_vae")) == ([], [])


def test_trace_counts_a_damaged_file_as_a_broken_link_and_goes_on(copy, monkeypatch):
    torn()
    runs_of_claim = [run for run in copy.runs("pix2pix") if run.variant != "cgan"]
    shown, wrong = kept.in_words(copy, runs_of_claim)
    assert len(shown) == 1
    assert wrong[0].startswith("paper/outputs/pix2pix/l1/2.webp: no WebP picture")
    monkeypatch.setattr(trace.kept, "in_words", lambda *_: (["kept"], ["damaged"]))
    monkeypatch.chdir(tiny.ROOT)
    link = of_trace()
    assert "kept" in link.shown
    assert link.problems == ("damaged",)


def test_audit_says_how_near_a_run_is_to_what_was_kept(finished_study):
    run = finished_study.runs("pix2pix")[0]
    again = runs.read(finished_study, run)
    assert kept.compared(kept.of_run(finished_study, run), again) == ""
    keep(finished_study, "--first", "3")
    outputs = kept.of_run(finished_study, run)
    assert kept.compared(outputs, again) == "; its first 3 outputs are the kept ones"
    other = np.full_like(again.images["output"], 100)
    outputs = np.full_like(outputs, 110)
    far = kept.compared(outputs, replace(again, images={"output": other}))
    assert far == "; PSNR of its first 3 outputs against the kept ones: 28.1 dB"
    assert "another shape" in kept.compared(outputs, replace(again, images={"output": other[:, :16, :16]}))


@pytest.mark.parametrize("same_machine", [True, False])
def test_audit_shows_it_beside_other_bytes(finished_study, monkeypatch, same_machine):
    run = finished_study.runs("pix2pix")[0]
    again = runs.read(finished_study, run)
    row = {**{name: str(value) for name, value in runs.provenance(again).items()}, "images_sha256": "b" * 64}
    row |= {"code_sha256": audit.code_hash("pix2pix")} if same_machine else {"environment": "elsewhere"}
    monkeypatch.setattr(audit, "read_environments", lambda *_: {"elsewhere": {}})
    monkeypatch.setattr(audit.runs, "environment_id", lambda environment: row["environment"])
    monkeypatch.setattr(audit, "outside_the_spread", lambda *_: [])
    monkeypatch.setattr(audit.chain, "drift", lambda *_: ["cpu"])
    folder = runs.folder(finished_study, run)
    outcome = workers.Outcome(run, 1.0, images=(folder / "images.npz").read_bytes(), facts=again.facts)
    data = {"facade_world-tiny": (finished_study.folder / "arrays" / "facade_world-tiny.npz").read_bytes()}
    found = audit.compare(finished_study, outcome, row, data, again.images["output"][:2])
    assert found.what.endswith("; its first 2 outputs are the kept ones")

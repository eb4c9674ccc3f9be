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

from replications import runs, study
from replications.instruments import sharpness
from replications.judging.scores import read_scores
from replications.trust import kept, verify
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


def test_as_many_as_a_budget_of_pixels_holds():
    run = study.load(tiny.ROOT).runs("pix2pix")[0]
    for side, n in ((1024, 1), (256, 6), (64, 96), (32, 384)):
        images = {"output": np.zeros((400, side, side, 3), np.uint8)}
        with Image.open(io.BytesIO(kept.as_webp(run, images))) as strip:
            assert strip.size == (side, n * side)
    with Image.open(io.BytesIO(kept.as_webp(run, images, 10**6))) as strip:
        assert strip.height == 32 * 400


def test_samples_of_a_net_without_inputs(tmp_path):
    run = study.load(tiny.ROOT).runs("vae_vs_gan")[0]
    prior = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    path = tmp_path / "1.webp"
    path.write_bytes(kept.as_webp(run, {"prior": prior}, 3))
    np.testing.assert_array_equal(kept.read(path), prior[:3])


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
    assert kept.kept_here(finished_study) == []


def test_runs_that_are_not_here(tiny_study):
    with pytest.raises(KeptError, match=r"no finished run of those asked for.*import-runs"):
        keep(tiny_study)


def test_more_than_a_clone_should_carry(finished_study, monkeypatch):
    monkeypatch.setattr(kept, "LIMIT", 10)
    with pytest.raises(KeptError, match=r"expected at most 0 MB; ask for fewer outputs by --first"):
        keep(finished_study)
    assert kept.kept_here(finished_study) == []


@pytest.mark.parametrize("shape", [(4, 32, 32), (4, 32, 32, 1), (4, 32, 24, 3)])
def test_no_pictures(shape):
    run = study.load(tiny.ROOT).runs("pix2pix")[0]
    with pytest.raises(KeptError, match=r"pix2pix/l1/1: output is \(4, .*expected square pictures"):
        kept.as_webp(run, {"output": np.zeros(shape, np.uint8)})


# --- what is committed ---------------------------------------------------------------------------------------------


def test_the_committed_ones_fit_and_are_of_measured_runs_and_on_the_sheet(paper):
    (out,) = YAML(typ="safe").load(PIN)["outs"]
    assert out["size"] < kept.LIMIT
    assert len(kept.pinned(paper)) == out["nfiles"] == 15
    assert list(kept.problems(paper)) == []
    first = [run for run in paper.runs("pix2pix") if run.seed == 1]
    assert all(kept.on_the_sheet(paper, run) is not None for run in first), "or nothing was compared"
    (said,) = [one for one in verify.of_study(paper) if one.what.startswith("outputs that were kept")]
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
    for path, content in kept.pinned(study.load("paper")).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(content, tmp_path / path)
    shutil.copytree(tiny.ROOT / kept.REMOTE, tmp_path / kept.REMOTE)
    monkeypatch.chdir(tmp_path)
    return study.load("paper")


OUTPUTS = Path("paper/outputs/pix2pix")


def swapped() -> None:
    """Another arm's pictures under this one's name."""
    shutil.copy(OUTPUTS / "l1_cgan" / "1.webp", OUTPUTS / "l1" / "1.webp")


def torn() -> None:
    path = OUTPUTS / "l1" / "2.webp"
    path.write_bytes(path.read_bytes()[:100])


def another_shape() -> None:
    Image.new("RGB", (64, 100)).save(OUTPUTS / "l1" / "3.webp", lossless=True)


def not_measured() -> None:
    path = Path("paper/results/pix2pix/runs.csv")
    tiny.write_rows(path, [row for row in tiny.read_rows(path) if (row["variant"], row["seed"]) != ("cgan", "4")])


def undeclared() -> None:
    path = Path("paper/params.yaml")
    path.write_text(path.read_text(encoding="utf-8").replace("    cgan:", "    cgun:", 1), encoding="utf-8")


@pytest.mark.parametrize(
    ("alter", "expected"),
    [
        (swapped, "paper/outputs/pix2pix/l1/1.webp: is not what the sheet shows of pix2pix/l1/1"),
        (torn, "paper/outputs/pix2pix/l1/2.webp: no WebP picture"),
        (another_shape, "paper/outputs/pix2pix/l1/3.webp: 64 × 100 pixels, expected squares below each other"),
        (not_measured, "paper/outputs/pix2pix/cgan/4.webp: is of a run that was not measured"),
        (undeclared, "paper/outputs/pix2pix/cgan/1.webp: is of no declared run"),
    ],
)
def test_what_is_not_as_it_should_be_is_named(copy, alter, expected):
    assert list(kept.problems(copy)) == []
    alter()
    found = list(kept.problems(study.load("paper")))
    assert found[0].startswith(expected)
    assert not any("\n" in problem for problem in found)


def test_a_clone_that_pulled_nothing_reads_the_bundled_remote(copy):
    shutil.rmtree("paper/outputs")
    run = copy.runs("pix2pix")[0]
    assert kept.of_run(copy, run).shape == (6, 256, 256, 3)
    assert list(kept.problems(copy)) == []
    digest = json.loads(kept._object(YAML(typ="safe").load(Path("paper/outputs.dvc"))["outs"][0]["md5"]).read_bytes())
    kept._object(digest[0]["md5"]).unlink()
    (problem,) = kept.problems(copy)
    assert "no WebP picture" in problem
    assert "git restore" in problem


def test_a_list_that_is_damaged(copy):
    listing = kept._object(YAML(typ="safe").load(Path("paper/outputs.dvc"))["outs"][0]["md5"])
    listing.write_text("{")
    (problem,) = kept.problems(copy)
    assert problem.startswith(f"{listing}: unreadable")
    assert kept.files(copy) == []


# --- what trace and audit say of them ------------------------------------------------------------------------------


def test_trace_says_what_is_kept_and_what_it_does_not_show(paper):
    (line,) = kept.in_words(paper, paper.runs("pix2pix"))
    assert line.startswith("of 15 of these 15 runs the first 6 outputs are kept in paper/outputs: ")
    assert "the scores are means over all test inputs" in line
    assert kept.in_words(paper, paper.runs("vq_vae")) == []


def test_audit_says_how_far_a_run_is_from_what_was_kept(finished_study):
    run = finished_study.runs("pix2pix")[0]
    finished = runs.read(finished_study, run)
    assert kept.compared(finished_study, finished) == ""
    keep(finished_study, "--first", "3")
    assert kept.compared(finished_study, finished) == "; its first 3 outputs are the kept ones"
    other = np.clip(finished.images["output"].astype(int) + 10, 0, 255).astype(np.uint8)
    far = kept.compared(finished_study, replace(finished, images={"output": other}))
    assert far.startswith("; its first 3 outputs are 2"), far
    assert far.endswith(" dB from the kept ones")
    small = {"output": finished.images["output"][:, :16, :16]}
    assert "of another shape" in kept.compared(finished_study, replace(finished, images=small))

"""From images on disk to tidy scores: complete, the same bytes every time, and strict about what is there."""

import errno
import hashlib
import importlib
import json
import shutil
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest

from replications import runs, study
from replications.command import repro
from replications.instruments import recognition
from replications.measuring import measure, sheets
from replications.measuring.measure import MeasureError
from replications.pix2pix import measures as pix2pix
from replications.results import ResultsError, write_text
from replications.runs import RunsError
from replications.trust import chain
from tests import tiny


class InThisProcess:
    """Takes the place of the process pool, so that a test can put something else in an instrument's place."""

    def __init__(self, *_, **__):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def submit(self, function, *arguments) -> Future:
        future = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


@pytest.fixture
def in_this_process(finished_study, monkeypatch):
    """One process, and a reader that takes everything for sky."""
    for seed in finished_study.seeds:
        finished_study.nets(seed).mkdir(parents=True)
        (finished_study.nets(seed) / "segmentation.npz").write_bytes(b"")
    monkeypatch.setattr(measure, "pool", InThisProcess)
    monkeypatch.setattr(recognition, "load_reader", lambda path: {})
    monkeypatch.setattr(recognition, "read", lambda weights, photos: np.zeros(photos.shape[:3], np.uint8))


def results(declared: study.Study) -> Path:
    return declared.folder / "results" / "pix2pix"


@pytest.fixture
def read_study(finished_study, segmentation_readers):
    """The same, with readers made by their command."""
    for name in ("readers", "results"):
        shutil.copytree(segmentation_readers / name, finished_study.folder / name)
    return finished_study


def test_the_command_measures_with_a_trained_reader(read_study):
    folder = read_study.folder
    ceiling = json.loads((folder / "results" / "readers.json").read_text())["segmentation"]
    assert ceiling.keys() == {"1", "2"}, "a net for each seed"
    assert ceiling["1"].keys() == {"pixel_accuracy", "class_accuracy", "class_iou"}
    nets = [(read_study.nets(seed) / "segmentation.npz").read_bytes() for seed in (1, 2)]
    assert nets[0] != nets[1]

    done = tiny.command("measure", "pix2pix", "--study", folder, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "pix2pix: measuring 4 runs" in done.stdout
    assert "[4/4] l1_cgan seed 2" in done.stdout
    assert sorted(path.name for path in results(read_study).iterdir()) == sorted(chain.ROOM_FILES)


@pytest.mark.slow
def test_measuring_with_a_trained_reader_again_gives_the_same_bytes(read_study):
    first = measured(read_study.folder, "pix2pix")
    shutil.rmtree(results(read_study))
    assert measured(read_study.folder, "pix2pix") == first


def test_scores_are_tidy_and_complete(finished_study, in_this_process):
    measure.measure(finished_study, "pix2pix")
    rows = tiny.read_rows(results(finished_study) / "scores.csv")
    assert list(rows[0]) == ["variant", "seed", "snapshot", "instrument", "score", "n_images"]
    by_run: dict[tuple, list] = {}
    for row in rows:
        by_run.setdefault((row["variant"], row["seed"]), []).append(row["instrument"])
        assert np.isfinite(float(row["score"]))
        assert row["n_images"] == "4"
    assert list(by_run) == [("l1", "1"), ("l1_cgan", "1"), ("l1", "2"), ("l1_cgan", "2")]
    assert len({tuple(instruments) for instruments in by_run.values()}) == 1, "every run by the same instruments"
    instruments = by_run["l1", "1"]
    assert len(set(instruments)) == len(instruments)
    assert {"laplacian_variance", "gradient_energy", "l1", "ssim", "lab_spread_ab", "pixel_accuracy"} <= {*instruments}
    assert {"mean_preference", "distance_to_support", "diversity_share"} <= {*instruments}, "the known distribution"
    assert b"\r" not in (results(finished_study) / "scores.csv").read_bytes()


def test_the_blurred_variant_scores_as_blurred(finished_study, in_this_process):
    measure.measure(finished_study, "pix2pix")
    metrics = json.loads((results(finished_study) / "metrics.json").read_text())
    assert metrics.keys() == set(pix2pix.METRICS)
    assert metrics["sharpness_l1"] < 0.3 < metrics["sharpness_l1_cgan"] < 1
    assert metrics["pixel_error_l1"] > metrics["pixel_error_l1_cgan"]


def test_curves_are_those_of_the_declared_variants(finished_study, in_this_process):
    measure.measure(finished_study, "pix2pix")
    rows = tiny.read_rows(results(finished_study) / "curves.csv")
    summary = {
        (row["variant"], row["instrument"]): row
        for row in tiny.read_rows(results(finished_study) / "summary.csv")  # of L1+cGAN alone has a receptive field
    }
    assert [(row["curve"], row["variant"], row["x"]) for row in rows] == [
        (curve.title, "l1_cgan", "7") for curve in pix2pix.CURVES
    ]
    for row, curve in zip(rows, pix2pix.CURVES, strict=True):
        of = summary["l1_cgan", curve.y]
        assert (row["y"], row["low"], row["high"]) == (of["mean"], of["low"], of["high"])


@pytest.mark.parametrize(
    ("counts", "n"),
    [({"output": 4}, 4), ({"output": 4, "prior": 9}, 9), ({"output": 7, "prior": 2}, 7), ({"prior": 3}, 3)],
)
def test_as_many_images_were_measured_as_there_are_outputs_or_samples(tiny_study, monkeypatch, counts, n):
    run = tiny_study.runs("pix2pix")[0]
    images = {name: np.zeros((count, 2, 2, 3), np.uint8) for name, count in {"target": 20, **counts}.items()}
    facts = {"facts": {"rate": 1.5}, "environment": tiny.ENVIRONMENT, **runs.identity(run, "", "")}
    runs.write(runs.folder(tiny_study, run), tiny.npz(images), facts)

    def rate(images: dict, facts: dict, params, readers: Path) -> dict:
        assert (params, readers) == (run.params, tiny_study.folder / "readers" / "1")
        return {"rate": np.float32(facts["rate"]), "targets": len(images["target"])}

    monkeypatch.setattr(pix2pix, "measure", rate)
    measured = measure.scores_of(tiny_study, run)
    assert (measured.scores, measured.n_images) == ({1.0: {"rate": 1.5, "targets": 20.0}}, n)
    assert (measured.provenance["variant"], measured.provenance["seed"]) == (run.variant, run.seed)
    assert measured.environment == tiny.ENVIRONMENT


@pytest.mark.parametrize("direction", ["labels_to_photo", "photo_to_labels"])
def test_a_photograph_is_as_sharp_as_a_photograph(direction):
    images = tiny.images("l1", 1)
    images["output"] = images["target"] if direction == "labels_to_photo" else images["input"]
    params = study.load(tiny.ROOT).variants_of("pix2pix")["l1"].model_copy(update={"direction": direction})
    from replications.pix2pix import measures

    if direction == "photo_to_labels":
        images["input"], images["target"] = images["target"], images["input"]
        scores = measures.measure(images, {}, params, Path("none is needed"))
        assert scores["pixel_accuracy"] == scores["class_iou"] == 1
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(recognition, "load_reader", lambda path: {})
            patch.setattr(
                recognition, "read", lambda weights, photos: measures.nearest_class(images["input"], images["palette"])
            )
            patch.setattr(measures.fidelity, "psnr", finite_psnr)
            scores = measures.measure(images, {}, params, Path())
        assert scores["laplacian_variance"] == scores["lab_spread_ab"] == scores["lab_intersection"] == 1
        assert scores["pixel_accuracy"] == 1
        assert scores["distance_to_support"] == 0
    assert scores["l1"] == 0


def finite_psnr(output, target):
    """Equal images have none."""
    return np.full(len(output), 99.0)


finite_psnr.__name__ = "psnr"


# --- the other rooms -----------------------------------------------------------------------------------------------

READS_LABELS = ("spatial_z_vae", "beta_vae", "vae_vs_gan")


def measured(folder: Path, room: str) -> dict[str, str]:
    """The real command, and the hashes of what it wrote."""
    done = tiny.command("measure", room, "--study", folder, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert f"{room}: measuring 4 runs" in done.stdout
    return tiny.hashes(folder / "results" / room)


every_other_room = pytest.mark.parametrize(
    "room", tiny.quick_or_slow(["spatial_z_vae", "beta_vae", "vq_vae", "vae_vs_gan", "causes"])
)


@pytest.fixture
def trained_room(trained, tmp_path, request, room) -> Path:
    """A copy of the room's trained study, ready to be measured."""
    folder = tmp_path / "tiny"
    shutil.copytree(trained(room), folder)
    if room in READS_LABELS:
        shutil.copytree(request.getfixturevalue("labels_readers"), folder / "readers")
    return folder


@pytest.mark.slow
@every_other_room
def test_measuring_again_gives_the_same_bytes(trained_room, room):
    first = measured(trained_room, room)
    shutil.rmtree(trained_room / "results")
    assert measured(trained_room, room) == first


@every_other_room
def test_the_command_measures_trained_runs(trained_room, room):
    folder = trained_room
    assert {file.partition("/")[0] for file in measured(folder, room)} == set(chain.ROOM_FILES)

    declared, of_room = study.load(folder), importlib.import_module(f"replications.{room}.measures")
    scores, summary, curves = (
        tiny.read_rows(folder / "results" / room / f"{name}.csv") for name in ("scores", "summary", "curves")
    )
    assert all(np.isfinite(float(row["score"])) for row in scores)
    shares = {f"{share:g}" for run in declared.runs(room) for share in run.params.snapshots}
    assert {row["snapshot"] for row in scores} == shares
    assert (len(shares) == 2) == (room in ("vae_vs_gan", "causes")), "two tiny studies keep snapshots"
    per_share = [sum(row["snapshot"] == share for row in scores) for share in shares]
    assert len(set(per_share)) == 1, "every snapshot by the same instruments"
    by_run = {run.name: [] for run in declared.runs(room)}
    for row in (row for row in scores if row["snapshot"] == "1"):
        by_run[f"{room}/{row['variant']}/{row['seed']}"].append(row["instrument"])
    for variant in declared.variants[room]:
        one, other = (by_run[f"{room}/{variant}/{seed}"] for seed in declared.seeds)
        assert one == other, "every seed by the same instruments"
        assert len(set(one)) == len(one) > 5
    assert {row["n_images"] for row in scores} == {"4" if room in ("vq_vae", "causes") else "8"}, (
        "the test set, or more samples"
    )

    drawn = {(row["curve"], row["series"], row["variant"]) for row in curves}
    of_params = importlib.import_module(f"replications.{room}.params").Params
    known = {row["instrument"] for row in scores} | set(of_params.model_fields)
    declared_points = {
        (curve.title, series, variant)
        for curve in of_room.CURVES
        for series, variants in curve.series.items()
        for variant in variants
        if variant in declared.variants[room] and (not curve.where_known or {curve.x, curve.y} <= known)
    }
    assert drawn == declared_points != set()
    assert all(np.isfinite(float(row[name])) for row in curves for name in ("x", "y", "low", "high"))
    means = {(row["variant"], row["instrument"]): float(row["mean"]) for row in summary}
    metrics = json.loads((folder / "results" / room / "metrics.json").read_text())
    assert metrics == {name: means[arm] for name, arm in of_room.METRICS.items() if arm[0] in declared.variants[room]}
    assert (folder / "results" / room / "sheet.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("room", tiny.quick_or_slow(READS_LABELS))
def test_a_missing_reader_of_labels_is_one_line_with_the_command_that_makes_it(trained, tmp_path, room):
    folder = tmp_path / "tiny"
    shutil.copytree(trained(room), folder)
    done = tiny.here("measure", room, "--study", folder, cwd=folder)
    path = folder / "readers" / "1" / "classification-facade_world-tiny.npz"
    tiny.assert_one_line_error(done, f"{path}: no such file; run {repro(folder, 'readers')}")
    assert not (folder / "results").exists(), "nothing half is written"


# --- summary -------------------------------------------------------------------------------------------------------


def rows_of(*scores: float, variant: str = "l1", instrument: str = "ssim") -> list[dict]:
    return [
        {"variant": variant, "snapshot": at, "instrument": instrument, "seed": i, "score": f"{s if at == 1 else 9:.6g}"}
        for i, s in enumerate(scores)
        for at in (0.5, 1)
    ]


def test_intervals_are_students():
    """By hand: the mean of 1, 2, 3 is 2, its standard error 1/√3, the quantile of t with 2 degrees 4.30265."""
    summary = measure.summarise(rows_of(1, 2, 3))
    assert summary == [
        {"variant": "l1", "instrument": "ssim", "mean": 2.0, "low": -0.484138, "high": 4.48414, "n_seeds": 3}
    ]


def test_five_seeds_by_hand():
    """Mean 0.3, standard deviation √0.025, quantile of t with 4 degrees of freedom 2.776445."""
    half = 2.776445 * (0.025 / 5) ** 0.5
    (row,) = measure.summarise(rows_of(0.1, 0.2, 0.3, 0.4, 0.5))
    assert (row["mean"], row["n_seeds"]) == (0.3, 5)
    assert row["low"] == pytest.approx(0.3 - half, rel=1e-5)
    assert row["high"] == pytest.approx(0.3 + half, rel=1e-5)


def test_one_seed_has_no_interval():
    (row,) = measure.summarise(rows_of(0.5))
    assert (row["low"], row["mean"], row["high"]) == (0.5, 0.5, 0.5)


def test_equal_scores_have_a_narrow_interval():
    (row,) = measure.summarise(rows_of(0.5, 0.5))
    assert (row["low"], row["mean"], row["high"]) == (0.5, 0.5, 0.5)


def test_variants_and_instruments_are_kept_apart_and_in_order():
    rows = rows_of(1, 3) + rows_of(5, variant="cgan") + rows_of(7, instrument="l1")
    assert [(row["variant"], row["instrument"], row["mean"]) for row in measure.summarise(rows)] == [
        ("l1", "ssim", 2.0),
        ("cgan", "ssim", 5.0),
        ("l1", "l1", 7.0),
    ]


# --- sheets --------------------------------------------------------------------------------------------------------


def test_the_sheet_is_the_same_bytes_twice_and_names_no_version(finished_study, tmp_path):
    for name in ("a", "b"):
        sheets.write(finished_study, "pix2pix", tmp_path / name)
    assert tiny.hashes(tmp_path / "a") == tiny.hashes(tmp_path / "b")
    content = (tmp_path / "a" / "sheet.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert b"atplotlib" not in content


def test_a_sheet_of_one_image_can_be_drawn(tiny_study, tmp_path):
    for run in tiny_study.runs("pix2pix"):
        one = {name: array if name == "palette" else array[:1] for name, array in tiny.images(run.variant, 1).items()}
        facts = {"facts": {}, "environment": tiny.ENVIRONMENT, **runs.identity(run, "", "")}
        runs.write(runs.folder(tiny_study, run), tiny.npz(one), facts)
    sheets.write(tiny_study, "pix2pix", tmp_path)
    assert (tmp_path / "sheet.png").exists()
    assert json.loads((tmp_path / "columns" / "columns.json").read_text(encoding="utf-8"))["rows"] == 1


def columns(n: int, side: int = 32, rows: int = 8) -> list[tuple[str, np.ndarray]]:
    rng = np.random.default_rng(n)
    return [(f"prior\n{i}", rng.integers(0, 256, (rows, side, side, 3), dtype=np.uint8)) for i in range(n)]


def loaded(declared: study.Study, shown: list[tuple[str, np.ndarray]]) -> sheets.Columns:
    sheets.save(shown, results(declared) / "columns")
    return sheets.load(declared, "pix2pix")


@pytest.mark.parametrize("side", [32, 64, 128])
def test_the_columns_of_a_sheet_are_its_pictures_without_loss(tiny_study, side):
    shown = columns(17, side, rows=11)
    read = loaded(tiny_study, shown)
    assert (read.height, read.width, read.rows) == (side, side, 8)
    assert list(read.strips) == [f"prior {i}" for i in range(17)], "in their order, each in one line"
    for (_, images), strip in zip(shown, read.strips.values(), strict=True):
        assert (np.asarray(strip).reshape(8, side, side, 3) == images[:8]).all()


def test_pictures_that_are_large_are_halved(tiny_study):
    halves = np.repeat(np.repeat(columns(1, 128)[0][1], 2, axis=1), 2, axis=2)
    assert halves.shape[1:3] == (256, 256)
    read = loaded(tiny_study, [("photo", halves)])
    assert (np.asarray(read.strips["photo"]).reshape(8, 128, 128, 3) == columns(1, 128)[0][1]).all()


def test_columns_that_a_sheet_no_longer_has_are_gone(tiny_study):
    loaded(tiny_study, columns(3))
    assert len(loaded(tiny_study, columns(2)).strips) == 2
    names = ["00.png", "01.png", "columns.json"]
    assert sorted(path.name for path in (results(tiny_study) / "columns").iterdir()) == names


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("columns.json", None, "no such file"),
        ("columns.json", b"[1]", "damaged"),
        ("columns.json", b"{", "damaged"),
        ("columns.json", b'{"height": 32, "width": 32, "rows": 8, "titles": ["a", "b", "c"]}', "02.png: no picture of"),
        ("columns.json", b'{"height": 32, "width": 32, "rows": 9, "titles": ["a", "b"]}', "expected 32 × 288"),
        ("01.png", None, "no picture of column 'prior 1'"),
        ("01.png", b"no picture", "no picture of column 'prior 1'"),
    ],
)
def test_damaged_columns_are_one_line_with_the_remedy(tiny_study, file, content, said):
    loaded(tiny_study, columns(2))
    path = results(tiny_study) / "columns" / file
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(sheets.SheetError) as caught:
        sheets.load(tiny_study, "pix2pix")
    assert said in str(caught.value)
    assert "columns/" in str(caught.value)
    assert str(caught.value).endswith(f"run `dvc repro --pull {tiny_study.folder / 'dvc.yaml'}:measure@pix2pix`")


# --- what is refused -----------------------------------------------------------------------------------------------


def error_of(declared: study.Study, kind: type[Exception] = MeasureError) -> str:
    with pytest.raises(kind) as caught:
        measure.measure(declared, "pix2pix")
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_a_missing_run_is_named(finished_study):
    shutil.rmtree(finished_study.folder / "runs" / "pix2pix" / "l1" / "2")
    assert "1 of 4 declared runs are missing, first pix2pix/l1/2" in error_of(finished_study, RunsError)


def test_an_undeclared_run_is_named(finished_study):
    shutil.copytree(finished_study.folder / "runs/pix2pix/l1/2", finished_study.folder / "runs/pix2pix/l1/7")
    message = error_of(finished_study, RunsError)
    assert "pix2pix/l1/7: an undeclared run" in message


def test_a_damaged_run_is_named(finished_study, in_this_process):
    path = finished_study.folder / "runs/pix2pix/l1_cgan/1/images.npz"
    path.write_bytes(path.read_bytes()[:-1])
    message = error_of(finished_study, RunsError)
    assert f"{path}: its bytes are not those that the training wrote" in message
    assert "train@pix2pix" in message


@pytest.mark.parametrize("score", [float("nan"), float("inf"), -float("inf")])
def test_a_score_that_is_no_number_is_named(finished_study, in_this_process, monkeypatch, score):
    def scores_of(declared, run, ended=False):
        return measure.Measured({1.0: {"ssim": score if run.name == "pix2pix/l1_cgan/1" else 0.5}}, 4, {}, {})

    monkeypatch.setattr(measure, "scores_of", scores_of)
    message = error_of(finished_study)
    assert message.startswith(f"pix2pix/l1_cgan/1: ssim is {score}, expected a number")
    assert str(finished_study.folder / "runs/pix2pix/l1_cgan/1") in message
    assert "dvc repro" in message
    assert not results(finished_study).exists(), "nothing half is written"


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
def test_a_flat_black_output_is_named(finished_study, in_this_process):
    run = finished_study.runs("pix2pix")[1]
    images = tiny.images(run.variant, run.seed)
    images["output"] = np.zeros_like(images["output"])
    facts = {"facts": {}, "environment": tiny.ENVIRONMENT, **runs.identity(run, "", "")}
    runs.write(runs.folder(finished_study, run), tiny.npz(images), facts)
    assert error_of(finished_study).startswith("pix2pix/l1_cgan/1: ")


@pytest.mark.parametrize("methods", [("write_text", "write_bytes"), ("replace",), ("mkdir",)], ids=lambda m: m[0])
def test_results_that_cannot_be_written_are_one_line(tmp_path, monkeypatch, methods):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "results" / "scores.csv"
    path.parent.mkdir()
    path.write_text("older")
    with monkeypatch.context() as patch:
        for method in methods:
            patch.setattr(Path, method, full)
        with pytest.raises(ResultsError, match="cannot be written \\(No space left on device\\); make room"):
            write_text(path, "newer")
    assert path.read_text() == "older"
    assert list(path.parent.iterdir()) == [path]


def test_a_sheet_that_cannot_be_written_is_one_line(finished_study, in_this_process, monkeypatch):
    write_bytes = Path.write_bytes

    def full(path, content):
        if "sheet" in path.name:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    assert "sheet.png: cannot be written (No space left on device)" in error_of(finished_study, ResultsError)


def test_a_results_folder_in_the_way_is_one_line(finished_study, in_this_process):
    (finished_study.folder / "results").write_text("a file where a folder should be")
    assert "cannot be written" in error_of(finished_study, ResultsError)


def test_a_missing_reader_is_one_line_with_the_command_that_makes_it(finished_study):
    folder = finished_study.folder
    done = tiny.here("measure", "pix2pix", "--study", folder, cwd=folder)
    tiny.assert_one_line_error(done, "segmentation.npz", "readers`")


# Where it all comes from.


def test_every_run_is_known_by_its_hashes(finished_study, in_this_process):
    measure.main(["pix2pix", "--study", str(finished_study.folder)])
    rows = {(row["variant"], row["seed"]): row for row in tiny.read_rows(results(finished_study) / "runs.csv")}
    assert list(rows) == [(run.variant, str(run.seed)) for run in finished_study.runs("pix2pix")]
    environments = json.loads((results(finished_study) / "environments.json").read_text())
    for run in finished_study.runs("pix2pix"):
        row, folder = rows[run.variant, str(run.seed)], runs.folder(finished_study, run)
        facts = json.loads((folder / "facts.json").read_text())
        assert row["images_sha256"] == hashlib.sha256((folder / "images.npz").read_bytes()).hexdigest()
        assert (row["code_sha256"], row["data_sha256"]) == ("code", "data")
        assert row["params_sha256"] == runs.digest(run.params.declared())
        assert row["facts_sha256"] == runs.digest(facts["facts"])
        assert environments[row["environment"]] == tiny.ENVIRONMENT


def test_a_digest_knows_values_and_not_their_order():
    assert runs.digest({"a": 1, "b": 2}) == runs.digest({"b": 2, "a": 1}) != runs.digest({"a": 1, "b": 3})

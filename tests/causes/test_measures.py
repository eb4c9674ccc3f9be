"""What judges a cell: outputs whose scores are known, of codes whose photos are listed."""

import csv
from pathlib import Path

import numpy as np
import pytest

from replications import study
from replications.causes import measures, train
from replications.causes.params import Params
from replications.datasets import street
from replications.instruments import listed
from replications.measuring import known
from tests import tiny
from tests.causes.test_train import SMALL

N, SHARED = 60, 40
"""Codes, and photos that share each."""


def declared() -> dict[str, Params]:
    return study.load(tiny.ROOT).variants_of("causes")


def measure(images: dict[str, np.ndarray], facts: dict, **changes) -> dict[str, float]:
    scores = measures.measure(images, facts, Params(**{**SMALL, **changes}), Path("none"))
    assert all(np.isfinite(score) for score in scores.values()), scores
    return scores


@pytest.fixture(scope="module")
def shared() -> tuple[dict[str, np.ndarray], dict]:
    """Codes that each leave open which of a few photos it was, drawn evenly from the list."""
    rng = np.random.default_rng(0)
    of_codes = np.stack([rng.choice(street.N_PHOTOS, SHARED, replace=False) for _ in range(N)])
    photos = street.photos()[of_codes]
    mean = photos.mean(axis=1) / 255
    drawn = {name: photos[np.arange(N), rng.integers(0, SHARED, N)] for name in ("target", "drawn", "output", "again")}
    images = {**drawn, "optimal": np.rint(255 * mean).astype(np.uint8), "between": photos[:, 0]}
    mmse = np.square(photos / 255 - mean[:, None]).mean()
    return images, {"mmse": float(mmse), "shared": float(SHARED), "objective": 1.0}


def test_draws_from_the_posterior_have_twice_the_error_and_the_true_diversity(shared):
    """Blau and Michaeli 2018, theorem 2, with its equality."""
    images, facts = shared
    scores = measure(images, facts)
    assert scores["mse_over_mmse"] == pytest.approx(2, rel=0.03)
    assert scores["diversity_share"] == pytest.approx(1, rel=0.15)
    assert scores["laplacian_variance"] == pytest.approx(1, abs=0.1)
    assert scores["blur"] == pytest.approx(0, abs=0.1)
    assert scores["listed_distance"] == pytest.approx(0, abs=1e-6)


def test_the_best_decoder_has_the_least_error_and_all_of_its_blur_is_overlap(shared):
    images, facts = shared
    best = {**images, "output": images["optimal"], "again": images["optimal"]}
    scores = measure(best, facts)
    assert scores["mse_over_mmse"] == pytest.approx(1, abs=1e-6)
    assert scores["diversity_share"] == 0
    assert scores["fit_blur"] == 0
    assert scores["overlap_blur"] == scores["blur"] > 0.2
    assert scores["sharpness_certain"] == pytest.approx(1, abs=0.01)
    assert scores["sharpness_uncertain"] < 0.8


def test_noise_on_the_best_decoder_passes_for_sharpness_by_the_laplacian_and_by_nothing_else(shared):
    """What the checks of the adversary's claims, and the instrument that judges them, are there for."""
    images, facts = shared
    noise = np.random.default_rng(3).normal(0, 0.085, (*images["optimal"].shape[:3], 1))
    noisy = np.clip(np.rint(images["optimal"] + 255 * noise), 0, 255).astype(np.uint8)
    scores = measure({**images, "output": noisy, "again": noisy}, facts)
    assert scores["laplacian_variance"] > 0.9
    assert scores["gradient_energy"] < 0.8
    assert scores["sharpness_certain"] > 1.25


def test_blur_is_overlap_and_fit(shared):
    images, facts = shared
    scores = measure({**images, "output": known.blurred(images["optimal"])}, facts)
    assert scores["blur"] == pytest.approx(1 - scores["laplacian_variance"])
    assert scores["overlap_blur"] == pytest.approx(1 - scores["laplacian_variance_optimal"])
    assert scores["blur"] == pytest.approx(scores["overlap_blur"] + scores["fit_blur"])
    assert scores["fit_blur"] > 0.1
    assert scores["sharpness_certain"] < 0.5, "where nothing is uncertain the fit alone can blur"
    for name in ("blur", "overlap"):
        off = scores[f"{name}_off_the_line"] + measures.SLOPE * facts["mmse"]
        assert off == pytest.approx(scores["blur" if name == "blur" else "overlap_blur"])


def test_the_best_l1_decoder_is_the_median(shared):
    images, facts = shared
    given = {**images, "median": images["target"]}
    assert measure(given, facts, loss="l1")["overlap_blur"] == pytest.approx(0)
    assert measure(given, facts)["overlap_blur"] > 0.1


def test_nothing_is_divided_by_an_error_of_nought(shared):
    images, facts = shared
    told = {**images, "optimal": images["target"]}
    scores = measure(told, {**facts, "mmse": 1e-16})
    assert {"mse_over_mmse", "diversity_share"}.isdisjoint(scores)
    assert scores["mse_given_code"] == pytest.approx(np.square(images["output"] / 255 - images["target"] / 255).mean())


def test_samples_are_judged_by_names_of_their_own(shared):
    images, facts = shared
    prior, ex_post = known.blurred(images["target"]), images["drawn"]
    scores = measure({**images, "prior": prior, "ex_post": ex_post}, facts)
    assert scores["laplacian_variance_prior"] < 0.5 < scores["laplacian_variance_ex_post"]
    ratio = scores["laplacian_variance_ex_post"] / scores["laplacian_variance_prior"]
    assert scores["sharpness_ex_post_over_prior"] == pytest.approx(ratio)
    blends = {**images, "between": images["optimal"]}
    assert measure(blends, facts)["listed_distance_between"] > 10 * scores["listed_distance_between"]


def test_where_every_pixel_varies_there_is_no_sharpness_where_certain(shared):
    images, facts = shared
    noise = np.random.default_rng(1).integers(0, 256, images["target"].shape, np.uint8)
    scores = measure({**images, "target": noise}, facts, dataset="cifar10_jpeg-32")
    assert {"sharpness_certain", "sharpness_uncertain", "listed_distance"}.isdisjoint(scores)


def test_elsewhere_the_share_of_the_variance_that_is_lost_stands_for_what_a_code_has_lost(shared):
    images, facts = shared
    target = images["target"] / 255
    mean = np.rint(255 * np.broadcast_to(target.mean(axis=0), target.shape)).astype(np.uint8)
    halfway = np.rint(255 * (target + mean / 255) / 2).astype(np.uint8)
    for output, lost in ((images["target"], 0), (halfway, 0.25), (mean, 1)):
        scores = measure({**images, "output": output}, facts, dataset="mnist10k-32")
        assert scores["lost_share"] == pytest.approx(lost, abs=2e-3)
        assert scores["blur"] == pytest.approx(1 - scores["laplacian_variance"])
        at_nought, slope = measures.DIGITS_LINE
        assert scores["blur_off_the_line"] == pytest.approx(scores["blur"] - at_nought - slope * lost, abs=3e-3)
        assert scores["blur_off_the_streets_line"] == pytest.approx(scores["blur"] - 0.9844 * lost, abs=3e-3)
    assert not {"mmse", "shared", "overlap_blur", "mse_over_mmse", "listed_distance"} & set(scores)


def test_elsewhere_noise_is_seen_where_all_photos_are_alike(shared):
    images, facts = shared
    assert measure(images, facts, dataset="mnist10k-32")["certain_difference"] < 0.02
    where = measures.certain(images["target"])
    noisy = images["target"].copy()
    noisy[:, where] = np.where(noisy[:, where] > 127, noisy[:, where] - 51, noisy[:, where] + 51)
    assert measure({**images, "output": noisy}, facts, dataset="mnist10k-32")["certain_difference"] == pytest.approx(
        0.2
    )


def test_every_curve_is_drawn_in_some_study():
    drawn = set()
    for folder in ("", "real"):
        with (tiny.ROOT / folder / "results" / "causes" / "curves.csv").open(encoding="utf-8") as rows:
            drawn |= {row["curve"] for row in csv.DictReader(rows)}
    assert drawn == {curve.title for curve in measures.CURVES}


def test_the_streets_variance_is_that_of_its_list():
    pieces = [street.photos()[i : i + 1000] / 255 for i in range(0, street.N_PHOTOS, 1000)]
    mean, square = (
        sum(values.sum(axis=0) for values in of) / street.N_PHOTOS for of in (pieces, map(np.square, pieces))
    )
    assert (square - mean**2).mean() == pytest.approx(measures.STREET_VARIANCE, rel=1e-3)


def test_elsewhere_principal_components_say_how_near_a_decoder_can_be():
    data = {"train_photo": street.photos()[::60], "test_photo": street.photos()[31::600]}
    elsewhere = {"dataset": "mnist10k-32", "n_train": len(data["train_photo"]), "n_test": len(data["test_photo"])}
    cells = {name: cell.model_copy(update=elsewhere) for name, cell in declared().items()}
    controls = measures.fixed_controls(data, cells)
    near = {name: scores["psnr"] for name, scores in controls.items() if name != "photos_blurred"}
    assert max(near, key=near.__getitem__) == "linear_lossless_l2", "64 values say most"
    assert near["linear_lossless_l2"] > near["linear_kl_l2"], "a KL term shrinks what is said"
    for way in ("size", "noise"):
        assert near[f"linear_{way}_mild_l2"] > near[f"linear_{way}_l2"], "a milder dose says more"
    mean = np.broadcast_to(data["train_photo"].mean(axis=0).round().astype(np.uint8), data["test_photo"].shape)
    assert near["linear_codes_l2"] > known.of_pictures(mean, data["test_photo"])["psnr"] + 1, "eight signs say a lot"


def test_no_other_powers_lose_less_to_the_noise():
    """Against a search that knows nothing of where the slopes are equal."""
    variances, sigma = np.array([0.1, 0.5, 2.0, 0.02, 1.0]), 0.8

    def error(powers: np.ndarray) -> float:
        return float((variances * sigma**2 / (powers + sigma**2)).sum())

    found = measures.powers(variances, sigma)
    assert found.sum() == pytest.approx(5)
    assert found[3] == 0, "the least variance is not worth any"
    rng = np.random.default_rng(0)
    for _ in range(200):
        other = np.abs(found + rng.normal(scale=rng.choice([0.001, 0.1, 1.0]), size=5))
        assert error(other * 5 / other.sum()) >= error(found)
    assert measures.powers(variances, 0.01) == pytest.approx(
        5 * np.sqrt(variances) / np.sqrt(variances).sum(), rel=1e-3
    )


def test_certain_pixels_are_those_that_no_photo_changes_nor_its_neighbours():
    where = measures.certain(street.photos()[::50])
    assert where[30, 10], "the ground"
    assert where[5, 15], "the roof"
    for place in ((20, 10), (2, 2), (8, 10), (27, 10)):
        assert not where[place], "walls, sky, and what lies beside them"


def test_blurred_photographs_are_seen_to_be_blurred_and_no_better_than_a_cell():
    photos = street.photos()[::300]
    data = {"train_photo": photos, "test_photo": photos[:40]}
    small = {name: params.model_copy(update={"n_train": 100, "n_test": 40}) for name, params in declared().items()}
    controls = measures.fixed_controls(data, small)
    assert set(controls) == {"photos_blurred", "linear_lossless_8_l2"}
    blurred = controls["photos_blurred"]
    assert blurred["laplacian_variance"] < 0.5
    assert blurred["sharpness_certain"] < 0.5
    assert 0.05 < blurred["listed_distance"] < 0.2


def test_the_linear_control_is_the_best_linear_autoencoder_of_eight_values():
    """As the singular vectors of all training photos give it."""
    photos = street.photos()[::300]
    data = {"train_photo": photos, "test_photo": photos[:40]}
    cell = declared()["lossless_8_l2"].model_copy(update={"n_train": 100, "n_test": 40})
    scores = measures.linear_sizes(data, {"lossless_8_l2": cell})["linear_lossless_8_l2"]
    train_, test = (pictures.reshape(len(pictures), -1) / 255.0 for pictures in (photos[:100], photos[:40]))
    _, _, axes = np.linalg.svd(train_ - train_.mean(axis=0), full_matrices=False)
    output = train_.mean(axis=0) + (test - train_.mean(axis=0)) @ axes[:8].T @ axes[:8]
    error = np.square(np.rint(255 * np.clip(output, 0, 1)) / 255 - test).reshape(40, -1).mean(axis=1)
    assert scores["psnr"] == pytest.approx(-10 * np.log10(error).mean(), abs=0.01)


def test_photos_that_share_codes_otherwise_are_not_far_from_the_line():
    """Any smooth way of sharing photos is near to it: the line is the street's, not a cell's."""
    rng = np.random.default_rng(2)
    every = listed.Listed(street.photos()[::20])
    target = street.photos()[::20]
    for width in (0.3, 1.0):
        codes = rng.normal(size=(len(target), 4))
        mean = codes * width
        weights = listed.posterior(mean[:40], mean, np.zeros_like(mean))
        best = every.mixture(weights)
        mmse = (every.mean_square(weights) - np.square(best).mean(axis=(1, 2, 3))).mean()
        scores = measure(
            {
                "target": target[:40],
                "output": train.to_uint8(best),
                "again": train.to_uint8(best),
                "optimal": train.to_uint8(best),
                "drawn": target[:40],
                "between": target[:40],
            },
            {"mmse": mmse, "shared": 1.0, "objective": 1.0},
        )
        assert scores["overlap_blur"] / mmse == pytest.approx(measures.SLOPE, rel=0.4)


def test_the_sheet_has_each_cell_and_the_best_decoder_beside_each_way_of_losing_information(shared):
    images, _ = shared
    cells = {name: {**images, "prior": images["drawn"], "ex_post": images["drawn"]} for name in declared()}
    cells["lossless_l2"]["optimal"] = images["target"]  # where photos are listed
    titles = [title.replace("\n", " ") for title, _ in measures.sheet(cells)]
    assert titles[0] == "photo"
    for cell in declared():
        assert cell.replace("_", " ") in titles
    for cell in measures.MECHANISMS.values():
        assert f"best {cell}" in titles
    assert {one.column for one in measures.GLANCE.values()} <= set(titles)
    assert set(measures.COMPARED) <= set(titles)
    assert set(measures.PLOT.points) <= set(declared())
    elsewhere = {"lossless_l2": {**cells["lossless_l2"], "optimal": images["drawn"][::-1]}, "kl_l2": cells["kl_l2"]}
    assert [title.replace("\n", " ") for title, _ in measures.sheet(elsewhere)] == ["photo", "lossless l2", "kl l2"]

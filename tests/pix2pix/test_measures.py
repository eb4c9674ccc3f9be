"""What judges a pix2pix run: perfect outputs, outputs of known damage, and what each score must not notice."""

from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from scipy import ndimage

from replications.datasets import world
from replications.instruments import conditional, recognition
from replications.instruments.sharpness import SHARPNESS
from replications.pix2pix import measures
from replications.pix2pix.params import Params
from tests import tiny

N, N_DRAWN, N_DRAWS = 24, 12, 8
ALL = {name: value for name, value in tiny.PIX2PIX.items() if name != "variants"}
RATIOS = [name for name in SHARPNESS if name != "spectral_slope"]
KNOWN = {"distance_to_mean", "distance_to_support", "mean_preference", "diversity_share", "energy_certain"}


def params(**changes) -> Params:
    return Params(**{**ALL, **changes})


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return world.sample(np.random.default_rng(21), N, 32)[0]


def photos(labels: np.ndarray, seed: int) -> np.ndarray:
    return world.render(labels, world.sample_factors(np.random.default_rng(seed), labels))


@pytest.fixture(scope="module")
def perfect(labels) -> dict[str, np.ndarray]:
    """The images of a generator that knows the answer, and whose draws are independent photos."""
    target = photos(labels, 1)
    draws = np.stack([photos(labels[:N_DRAWN], 100 + draw) for draw in range(N_DRAWS)], axis=1)
    return {
        "input": world.PALETTE[labels],
        "target": target,
        "output": target,
        "draws": draws,
        "palette": world.PALETTE,
    }


@pytest.fixture(autouse=True)
def reader(monkeypatch, labels):
    """Stands for the trained net: reads what is nearest in colour, whatever it was given to read with."""
    asked = []

    def load(path: Path) -> dict:
        asked.append(path)
        return {"from": path}

    palette = photos(labels, 1).reshape(-1, 3).astype(float)
    by_class = np.stack([palette[labels.ravel() == cls].mean(axis=0) for cls in range(len(world.CLASSES))])

    def read(weights: dict, outputs: np.ndarray) -> np.ndarray:
        assert weights["from"] == asked[-1]
        assert outputs.dtype == np.uint8
        return np.abs(outputs[..., None, :] - by_class).sum(axis=-1).argmin(axis=-1).astype(np.uint8)

    monkeypatch.setattr(recognition, "load_reader", load)
    monkeypatch.setattr(recognition, "read", read)
    return asked


def measure(images: dict[str, np.ndarray], **changes) -> dict[str, float]:
    scores = measures.measure(images, {}, params(**changes), Path("readers"))
    assert all(np.isfinite(score) for score in scores.values()), scores
    return {name: float(score) for name, score in scores.items()}


def blurred(pictures: np.ndarray, sigma: float) -> np.ndarray:
    axes = (0,) * (pictures.ndim - 3)
    return ndimage.gaussian_filter(pictures.astype(float), (*axes, sigma, sigma, 0)).round().astype(np.uint8)


# A generator that is right.


def test_a_perfect_output(perfect):
    scores = measure(perfect)
    ones = [*RATIOS, "variety", "ssim", "lab_intersection", "lab_spread_ab", "energy_certain", "energy_uncertain"]
    ones += [f"lab_{what}_{channel}" for what in ("intersection", "spread") for channel in "Lab"]
    ones += ["energy_certain_over_uncertain", "shadow_step"]
    for name in ones:
        assert scores[name] == pytest.approx(1), name
    zeros = [*(f"{name}_distance" for name in SHARPNESS), "spectral_slope", "l1", "mse", "distance_to_support"]
    for name in zeros:
        assert scores[name] == pytest.approx(0, abs=1e-12), name
    assert scores["psnr"] == 100


def test_draws_that_are_independent_photos_have_the_true_diversity(perfect):
    scores = measure(perfect)
    assert scores["diversity_share"] == pytest.approx(1, abs=0.1)
    same = measure({**perfect, "draws": np.repeat(perfect["draws"][:, :1], N_DRAWS, axis=1)})
    assert same["diversity_share"] == pytest.approx(0, abs=1e-12)
    assert same["conditional_diversity"] == pytest.approx(0, abs=1e-12)


def test_the_mean_and_the_median(perfect, labels):
    known = [world.conditional(one) for one in labels]
    as_file = {
        name: np.rint(255 * np.stack([getattr(c, name) for c in known])).astype(np.uint8) for name in ("mean", "median")
    }
    of_mean, of_median = (measure({**perfect, "output": as_file[name]}) for name in ("mean", "median"))
    assert of_mean["mean_preference"] > 0.95
    assert of_median["mean_preference"] < -0.95
    assert of_mean["distance_to_mean"] < 0.5 / 255
    assert of_median["distance_to_median"] < 1e-12
    assert of_mean["mse"] < of_median["mse"]
    assert of_median["l1"] < of_mean["l1"]
    assert of_mean["mse_above_floor"] < 1e-5
    assert of_median["l1_above_floor"] == pytest.approx(0, abs=1e-12)
    assert of_mean["distance_to_support"] == pytest.approx(1, abs=0.02), "the mean is the unit"
    for scores in (of_mean, of_median):
        assert scores["energy_certain"] == pytest.approx(1, abs=0.02)
    # Inside a wall both are flat; inside a window the median keeps hard bars, the mean hardly any.
    assert of_mean["energy_uncertain"] < 0.2 < of_median["energy_uncertain"] < 0.8
    # The mean fades over the seven places where a shadow may end, the median takes several steps.
    assert of_mean["shadow_step"] == pytest.approx(1 / 7, abs=0.03)
    assert of_mean["shadow_step"] + 0.1 < of_median["shadow_step"] < 0.7
    # Averaging blurs the mean; the median is flat within a brick wall but has hard edges: not every L1 output is soft.
    assert of_mean["laplacian_variance"] < 0.5
    assert of_median["laplacian_variance"] > 1


def test_a_shadow_that_ends_elsewhere_is_as_definite(perfect, labels):
    other = photos(labels, 77)
    assert (other != perfect["target"]).any()
    assert measure({**perfect, "output": other})["shadow_step"] == pytest.approx(1, abs=0.1)


def test_the_step_of_a_shadow_by_hand(labels):
    """A wall of one grey that falls to half at a place, at once or in two steps; all else is black."""
    wall = (labels == world.WALL)[..., None]
    columns = np.arange(32)[:, None]
    greys = np.where(columns < 13, 0.4, 0.8), np.select([columns < 11, columns < 15], [0.4, 0.6], 0.8)
    at_once, in_two = (wall * grey for grey in greys)
    at_once, in_two = (np.broadcast_to(x, (*x.shape[:-1], 3)) for x in (at_once, in_two))
    assert conditional.shadow_step(at_once, at_once, labels) == 1
    assert conditional.shadow_step(in_two, at_once, labels) == pytest.approx(0.5, abs=0.05)
    assert conditional.shadow_step(wall * np.ones(3), at_once, labels) == pytest.approx(0, abs=1e-12)


# Known damage.


def test_blur_moves_every_sharpness(perfect):
    ladder = [measure({**perfect, "output": blurred(perfect["target"], sigma)}) for sigma in (0, 0.7, 1.5)]
    for name, (_, direction) in SHARPNESS.items():
        values = [direction * scores[name] for scores in ladder]
        assert values[0] > values[1] > values[2], name
        distances = [scores[f"{name}_distance"] for scores in ladder]
        assert distances[0] < distances[1] < distances[2], name
    for name in ("ssim", "psnr", "energy_certain", "energy_uncertain", "shadow_step"):
        assert ladder[0][name] > ladder[1][name] > ladder[2][name], name
    assert ladder[1]["laplacian_variance"] < 0.5
    assert ladder[2]["distance_to_support"] > ladder[1]["distance_to_support"] > 0.1


def test_too_sharp_is_as_far_as_too_blurred(perfect):
    """The ratio overshoots, the distance tells."""
    noise = np.random.default_rng(2).normal(0, 40, perfect["target"].shape)
    noisy = np.clip(perfect["target"] + noise, 0, 255).astype(np.uint8)
    scores = measure({**perfect, "output": noisy})
    for name in ("laplacian_variance", "gradient_energy"):
        assert scores[name] > 1.1
        assert scores[f"{name}_distance"] == pytest.approx(np.log(scores[name]))


def test_grey_outputs_narrow_the_colours(perfect):
    grey = perfect["target"].mean(axis=-1, keepdims=True).repeat(3, axis=-1).astype(np.uint8)
    scores = measure({**perfect, "output": grey})
    assert scores["lab_spread_ab"] < 0.05
    assert scores["lab_intersection_a"] < 0.4
    assert scores["lab_spread_L"] > 0.8


def test_outputs_given_to_the_wrong_inputs(perfect):
    """Nothing that looks at outputs alone may notice; everything that compares with the input or target must."""
    shuffled = {**perfect, "output": np.roll(perfect["output"], 1, axis=0)}
    before, after = measure(perfect), measure(shuffled)
    for name in (
        *SHARPNESS,
        *(f"{name}_distance" for name in SHARPNESS),
        "variety",
        "lab_intersection",
        "lab_spread_ab",
    ):
        assert after[name] == pytest.approx(before[name], abs=1e-12), name
    for name in ("l1", "mse", "distance_to_support", "distance_to_median", "l1_above_floor"):
        assert after[name] > before[name] + 0.01, name
    for name in ("ssim", "psnr"):
        assert after[name] < before[name] - 0.1, name
    for name in ("pixel_accuracy", "class_accuracy", "class_iou"):
        assert after[name] < 0.8 * before[name], name


def test_no_score_of_an_output_depends_on_the_draws(perfect):
    other = {**perfect, "draws": perfect["draws"][:4, :2]}
    before, after = measure(perfect), measure(other)
    for name in before:
        if name not in ("conditional_diversity", "diversity_share"):
            assert after[name] == before[name], name


# Readers, and which instruments a run has.


def test_the_output_is_read_and_compared_with_its_input(perfect, reader, monkeypatch):
    def sky(weights: dict, outputs: np.ndarray) -> np.ndarray:
        np.testing.assert_array_equal(outputs, perfect["output"])
        return np.zeros(outputs.shape[:3], np.uint8)

    monkeypatch.setattr(recognition, "read", sky)
    scores = measure(perfect)
    truth = measures.nearest_class(perfect["input"], world.PALETTE)
    assert scores["pixel_accuracy"] == pytest.approx((truth == world.SKY).mean())
    assert scores["class_accuracy"] == pytest.approx(1 / len(world.CLASSES))
    assert reader == [Path("readers", "segmentation.npz")]
    monkeypatch.setattr(recognition, "read", lambda weights, outputs: truth)
    assert {measure(perfect)[name] for name in ("pixel_accuracy", "class_accuracy", "class_iou")} == {1}


def test_only_the_procedural_world_has_a_known_distribution(perfect):
    ours, real = measure(perfect), measure(perfect, dataset="cmp_facades-64")
    assert ours.keys() >= KNOWN
    assert real == {name: score for name, score in ours.items() if name in real}
    assert not KNOWN & real.keys()
    assert {instrument for _, instrument in measures.METRICS.values()} <= real.keys()


# Label maps.


def test_the_nearest_class_is_exact_on_the_palette_and_forgives_noise(labels):
    pictures = world.PALETTE[labels]
    np.testing.assert_array_equal(measures.nearest_class(pictures, world.PALETTE), labels)
    noise = np.random.default_rng(3).integers(-20, 21, pictures.shape)
    noisy = np.clip(pictures + noise, 0, 255).astype(np.uint8)
    read = measures.nearest_class(noisy, world.PALETTE)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, labels)
    for sign in (-20, 20):  # every channel off by as much as may be
        np.testing.assert_array_equal(
            measures.nearest_class(np.clip(pictures + sign * np.ones(3), 0, 255).astype(np.uint8), world.PALETTE),
            labels,
        )


def to_labels(perfect: dict[str, np.ndarray], output: np.ndarray) -> dict[str, float]:
    images = {**perfect, "input": perfect["target"], "target": perfect["input"], "output": output}
    return measure(images, direction="photo_to_labels")


def test_perfect_label_maps(perfect, reader):
    assert to_labels(perfect, perfect["input"]) == {
        "pixel_accuracy": 1,
        "class_accuracy": 1,
        "class_iou": 1,
        "l1": 0,
    }
    assert reader == [], "label maps need no reader"


def test_wrong_label_maps(perfect, labels):
    wall = np.broadcast_to(world.PALETTE[world.WALL], perfect["input"].shape).copy()
    scores = to_labels(perfect, wall)
    assert scores["pixel_accuracy"] == pytest.approx((labels == world.WALL).mean())
    assert scores["class_accuracy"] == pytest.approx(1 / len(world.CLASSES))
    assert scores["l1"] == pytest.approx(
        np.abs(perfect["input"].astype(float) - world.PALETTE[world.WALL]).mean() / 255
    )
    off = np.clip(perfect["input"].astype(int) + 20, 0, 255).astype(np.uint8)
    assert to_labels(perfect, off)["pixel_accuracy"] == 1
    assert to_labels(perfect, off)["l1"] > 0
    assert to_labels(perfect, np.roll(perfect["input"], 1, axis=0))["pixel_accuracy"] < 0.9


# The sheet.


def test_the_sheet_shows_inputs_photos_and_every_variant_of_the_bundled_study(perfect):
    variants = YAML(typ="safe").load(tiny.ROOT / "params.yaml")["pix2pix"]["variants"]
    images = {}
    for number, variant in enumerate(variants):
        output = np.full_like(perfect["output"], number)
        turned = {"input": perfect["target"], "target": perfect["input"]} if variant.startswith("to_labels") else {}
        images[variant] = {**perfect, **turned, "output": output}
    columns = measures.sheet(images)
    titles = [title for title, _ in columns]
    assert titles[:2] == ["labels", "photo"]
    assert len(set(titles)) == len(columns) == len(variants) + 2
    assert max(len(line) for title in titles for line in title.split("\n")) <= 9
    np.testing.assert_array_equal(columns[0][1], perfect["input"])
    np.testing.assert_array_equal(columns[1][1], perfect["target"])
    to_photo = [title for title in titles[2:] if not title.startswith("to labels")]
    assert titles[2:] == to_photo + [title for title in titles[2:] if title.startswith("to labels")]
    assert {int(pictures[0, 0, 0, 0]) for _, pictures in columns[2:]} == set(range(len(variants)))

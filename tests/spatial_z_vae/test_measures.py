"""What judges a spatial_z_vae run: photographs themselves, outputs of known damage, and what must not be noticed."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from replications.datasets import world
from replications.instruments import classification
from replications.instruments.sharpness import SHARPNESS
from replications.measuring import curves
from replications.spatial_z_vae import claims, measures
from replications.spatial_z_vae.params import Params
from tests.rooms import recipes
from tests.spatial_z_vae.test_train import SMALL

N = 24
FACTS = {"rate": 96.0, "active_units": 16, "encoder_parameters": 1000, "decoder_parameters": 234}
RATIOS = [name for name in SHARPNESS if name != "spectral_slope"]


def params(**changes) -> Params:
    return Params(**{**SMALL, **changes})


def photos(seed: int, n: int = N) -> np.ndarray:
    return world.render(*world.sample(np.random.default_rng(seed), n, 32))


@pytest.fixture(scope="module")
def perfect() -> dict[str, np.ndarray]:
    """The images of a model that reconstructs without error and whose samples are other photographs."""
    target = photos(1)
    return {
        "target": target,
        "output": target,
        "sampled": target,
        "prior": photos(2),
        "mean_image": photos(3, 200).mean(axis=0, keepdims=True).round().astype(np.uint8),
    }


@pytest.fixture(autouse=True)
def reader(monkeypatch) -> list[Path]:
    """Stands for the trained net: its features are the mean colours of a few fields."""
    asked = []

    def load(path: Path) -> dict:
        asked.append(path)
        return {"from": path}

    def features(weights: dict, pictures: np.ndarray) -> np.ndarray:
        assert weights["from"] == asked[-1]
        assert pictures.dtype == np.uint8
        return (pictures / 255.0).reshape(len(pictures), 4, 8, 4, 8, 3).mean(axis=(2, 4)).reshape(len(pictures), -1)

    monkeypatch.setattr(classification, "load_reader", load)
    monkeypatch.setattr(classification, "features", features)
    return asked


def measure(images: dict[str, np.ndarray], facts: dict = FACTS, **changes) -> dict[str, float]:
    scores = measures.measure(images, facts, params(**changes), Path("readers"))
    assert all(np.isfinite(score) for score in scores.values()), scores
    return {name: float(score) for name, score in scores.items()}


def blurred(pictures: np.ndarray, sigma: float) -> np.ndarray:
    return ndimage.gaussian_filter(pictures.astype(float), (0, sigma, sigma, 0)).round().astype(np.uint8)


def test_a_perfect_reconstruction(perfect):
    scores = measure(perfect)
    for name in (*RATIOS, "ssim", "distance_to_training_mean"):
        assert scores[name] == pytest.approx(1), name
    for name in (*(f"{name}_distance" for name in SHARPNESS), "spectral_slope", "l1", "mse"):
        assert scores[name] == pytest.approx(0, abs=1e-12), name
    assert scores["psnr"] == 100


def test_samples_that_are_photographs(perfect):
    scores = measure(perfect)
    for name in (*(f"{name}_prior" for name in RATIOS), "variety_prior"):
        assert scores[name] == pytest.approx(1, abs=0.25), name
    assert scores["kid_prior"] == pytest.approx(0, abs=0.02)


def test_facts_become_scores_per_value(perfect):
    scores = measure(perfect, latent_size=64)
    assert scores["rate"] == 96
    assert scores["rate_per_value"] == 1.5
    assert scores["active_units"] == 16
    assert scores["active_share"] == 0.25
    assert scores["parameters"] == 1234


def test_blur_in_reconstructions_moves_their_scores_alone(perfect):
    clear, dim = measure(perfect), measure({**perfect, "output": blurred(perfect["output"], 1.0)})
    for name, (_, sign) in SHARPNESS.items():
        assert sign * (clear[name] - dim[name]) > 0, name
        assert clear[f"{name}_prior"] == dim[f"{name}_prior"]
    assert dim["psnr"] < 30
    assert dim["kid_prior"] == clear["kid_prior"]


def test_blur_in_samples_moves_their_scores_alone(perfect):
    clear, dim = measure(perfect), measure({**perfect, "prior": blurred(perfect["prior"], 1.0)})
    for name, (_, sign) in SHARPNESS.items():
        assert sign * (clear[f"{name}_prior"] - dim[f"{name}_prior"]) > 0, name
        assert clear[name] == dim[name]


def test_the_distance_to_the_mean_image(perfect):
    mean = np.repeat(perfect["mean_image"], N, axis=0)
    assert measure({**perfect, "output": mean})["distance_to_training_mean"] == 0
    half = ((mean.astype(int) + perfect["target"]) // 2).astype(np.uint8)
    assert measure({**perfect, "output": half})["distance_to_training_mean"] == pytest.approx(0.5, abs=0.02)


def test_the_distance_to_the_mean_by_hand():
    """One pixel each: 0.2 and 0 from the mean, where the photographs are 0.4 and 0.2 away."""
    mean = np.full((1, 1, 1, 3), 0.5)
    output, target = (np.reshape(values, (2, 1, 1, 1)) * np.ones(3) for values in ([0.7, 0.5], [0.9, 0.3]))
    assert measures.distance_to_mean(output, target, mean) == pytest.approx(0.2 / 0.6)


def test_samples_that_are_all_alike_or_of_another_colour(perfect):
    good = measure(perfect)
    alike = measure({**perfect, "prior": np.repeat(perfect["prior"][:1], N, axis=0)})
    assert alike["variety_prior"] == pytest.approx(0)
    assert alike["kid_prior"] > good["kid_prior"] + 0.001
    dark = measure({**perfect, "prior": perfect["prior"] // 3})
    assert dark["kid_prior"] > good["kid_prior"] + 0.01


def test_the_reader_is_that_of_the_data_set(perfect, reader):
    measure(perfect, dataset="cifar10_jpeg-small")
    assert reader == [Path("readers/classification-cifar10_jpeg-small.npz")]


# Claims and measures agree on names.


def test_metrics_curves_claims_and_tables_name_what_is_scored(perfect):
    scored = set(measure(perfect)) | set(measure(perfect, dataset="enumerable_street-32"))
    recipes.announced("spatial_z_vae", {variant: scored for variant in claims.ALL})  # noqa: C420


def test_the_curves_are_against_the_size_of_the_latent(perfect):
    summary = [
        {"variant": variant, "instrument": instrument, "mean": score, "low": score, "high": score}
        for variant in claims.ALL
        for instrument, score in measure(perfect).items()
    ]
    sizes = {name: int(name.split("_")[1]) for name in claims.ALL}
    declared = {name: params(latent_size=size) for name, size in sizes.items()}
    points = curves.rows(measures.CURVES, declared, summary)
    assert {(point["variant"], point["x"]) for point in points} <= set(sizes.items())
    for series in (claims.FLAT, claims.SPATIAL, claims.FLAT_MEAN, claims.SPATIAL_MEAN):
        assert [sizes[name] for name in series] == sorted(sizes[name] for name in series)


def test_the_sheet_shows_every_variant_and_a_few_priors(perfect):
    columns = measures.sheet({"flat_8": perfect, "spatial_128": perfect})
    assert [title for title, _ in columns] == ["photo", "flat\n8", "spatial\n128", "prior\nflat\n8"]
    assert all(len(pictures) == N for _, pictures in columns)

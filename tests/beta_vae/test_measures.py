"""What judges a beta_vae run: perfect outputs, outputs of known damage, planted latents, and a reader that is asked."""

from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from scipy import ndimage

from replications.beta_vae import measures
from replications.beta_vae.params import BETAS, Params
from replications.datasets import street, world
from replications.instruments import classification, recognition
from replications.instruments.sharpness import SHARPNESS
from tests import tiny
from tests.rooms import recipes

N, N_DRAWN, N_DRAWS, N_PROBE, SIZE = 24, 8, 6, 160, 4
STUDIES = [".", *(f for f in ("real",) if "beta_vae" in YAML(typ="safe").load(tiny.ROOT / f / "params.yaml"))]
RATIOS = [name for name in SHARPNESS if name != "spectral_slope"]
FACTORS = ("wall_colour", "sky_shade", "door_colour", "mullion")
FACTS = {"rate": 20.0, "active_units": 3, "distortion": 7.0}
SILENT = {"active_units": 4, "distortion": 7.0}
"""Of an arm without noise."""
REAL = {"dataset": "cifar10_jpeg-small"}
OF_THE_WORLD = {"factor_entropy", "rate_over_factor_entropy"}
"""Known where factors are known, and said where there is a rate."""


def declared(folder: str = ".") -> dict[str, Params]:
    """The variants of a study."""
    section = YAML(typ="safe").load(tiny.ROOT / folder / "params.yaml")["beta_vae"]
    variants, _ = section.pop("variants"), section.pop("seeds", None)
    return {name: Params(**{**section, **changes}) for name, changes in variants.items()}


def photos(n: int, seed: int) -> np.ndarray:
    return world.render(*world.sample(np.random.default_rng(seed), n, 32))


@pytest.fixture(scope="module")
def perfect() -> dict[str, np.ndarray]:
    """A model that reconstructs, whose posteriors and prior are photographs, and whose latent holds no factor."""
    target = photos(N, 21)
    labels, factors = world.sample(np.random.default_rng(22), N_PROBE, 32)
    return {
        "target": target,
        "output": target,
        "sampled": target,
        "prior": photos(N, 23),
        "draws": photos(N_DRAWN * N_DRAWS, 24).reshape(N_DRAWN, N_DRAWS, 32, 32, 3),
        "latent": np.random.default_rng(25).normal(size=(N_PROBE, SIZE)).astype(np.float32),
        "probe_labels": labels[..., None],
        **{f"probe_{name}": values for name, values in factors.items()},
    }


@pytest.fixture(scope="module")
def real(perfect) -> dict[str, np.ndarray]:
    """The same of a data set that has nothing but classes."""
    given = {name: value for name, value in perfect.items() if not name.startswith("probe_")}
    return {**given, "probe_label": perfect["probe_wall_colour"]}


@pytest.fixture(autouse=True)
def reader(monkeypatch):
    """Stands for the trained net: the mean colours of the quarters of a picture, whatever it was given to read with."""
    asked = []

    def load(path: Path) -> dict:
        asked.append(path)
        return {"from": path}

    def features(weights: dict, pictures: np.ndarray) -> np.ndarray:
        assert weights["from"] == asked[-1]
        assert pictures.dtype == np.uint8
        quarters = pictures.reshape(len(pictures), 2, 16, 2, 16, 3).mean(axis=(2, 4)) / 255
        return quarters.reshape(len(pictures), -1)

    for module in (classification, recognition):
        monkeypatch.setattr(module, "load_reader", load)
    monkeypatch.setattr(classification, "features", features)
    return asked


def measure(given: dict[str, np.ndarray], facts: dict | None = None, **changes) -> dict[str, float]:
    params = Params(**{**declared()["beta_1"].model_dump(), **changes})
    scores = measures.measure(given, facts or FACTS, params, Path("readers"))
    assert all(np.isfinite(score) for score in scores.values()), scores
    return scores


def blurred(pictures: np.ndarray, sigma: float) -> np.ndarray:
    axes = (0,) * (pictures.ndim - 3)
    return ndimage.gaussian_filter(pictures.astype(float), (*axes, sigma, sigma, 0)).round().astype(np.uint8)


# Reconstructions.


def test_a_perfect_output(perfect):
    scores = measure(perfect)
    for ending in ("", "_sampled"):
        for name in [*RATIOS, "ssim"]:
            assert scores[f"{name}{ending}"] == pytest.approx(1), name
        for name in [*(f"{name}_distance" for name in SHARPNESS), "spectral_slope", "l1", "mse"]:
            assert scores[f"{name}{ending}"] == pytest.approx(0, abs=1e-12), name
        assert scores[f"psnr{ending}"] == 100
    assert scores["sharpness_sampled_over_mean"] == pytest.approx(1)
    assert scores["psnr_sampled_over_mean"] == pytest.approx(0)
    assert (scores["rate"], scores["active_units"]) == (20, 3)


@pytest.mark.parametrize(("name", "ending"), [("output", ""), ("sampled", "_sampled"), ("prior", "_prior")])
def test_blur_moves_every_sharpness_of_what_is_blurred_and_of_nothing_else(name, ending, perfect):
    ladder = [measure({**perfect, name: blurred(perfect[name], sigma)}) for sigma in (0, 0.7, 1.5)]
    for instrument, (_, direction) in SHARPNESS.items():
        values = [direction * scores[f"{instrument}{ending}"] for scores in ladder]
        assert values[0] > values[1] > values[2], instrument
        for other in {"", "_sampled", "_prior"} - {ending}:
            assert ladder[0][f"{instrument}{other}"] == ladder[2][f"{instrument}{other}"], other
    assert ladder[1][f"laplacian_variance{ending}"] < 0.5
    if name != "prior":
        for instrument, direction in {"ssim": 1, "psnr": 1, "mse": -1, "l1": -1}.items():
            values = [direction * scores[f"{instrument}{ending}"] for scores in ladder]
            assert values[0] > values[1] > values[2], instrument


def test_samples_are_compared_with_means(perfect):
    soft, softer = blurred(perfect["target"], 0.7), blurred(perfect["target"], 1.5)
    scores = measure({**perfect, "output": soft, "sampled": softer})
    ratio = scores["laplacian_variance_sampled"] / scores["laplacian_variance"]
    assert scores["sharpness_sampled_over_mean"] == pytest.approx(ratio)
    assert ratio < 0.5
    error = [((one / 255 - perfect["target"] / 255) ** 2).mean(axis=(1, 2, 3)) for one in (soft, softer)]
    lost = (10 * np.log10(error[0])).mean() - (10 * np.log10(error[1])).mean()
    assert scores["psnr_sampled_over_mean"] == pytest.approx(lost)
    assert lost < -1
    turned = measure({**perfect, "output": softer, "sampled": soft})
    assert turned["sharpness_sampled_over_mean"] == pytest.approx(1 / ratio)
    assert turned["psnr_sampled_over_mean"] == pytest.approx(-lost)


# Diversity.


def test_a_posterior_that_decodes_to_any_photo_is_as_diverse_as_photos_and_one_without_noise_not_at_all(perfect):
    assert measure(perfect)["posterior_diversity"] == pytest.approx(1, abs=0.12)
    same = np.repeat(perfect["draws"][:, :1], N_DRAWS, axis=1)
    assert measure({**perfect, "draws": same})["posterior_diversity"] == pytest.approx(0, abs=1e-12)
    draws = perfect["draws"] / 2
    halved = measure({**perfect, "draws": draws.round().astype(np.uint8)})["posterior_diversity"]
    assert halved == pytest.approx(measure(perfect)["posterior_diversity"] / 2, rel=0.02)


def test_posterior_diversity_by_hand(perfect):
    """Draws of 0 and 51, 0.2 apart; photographs half black, half white: of 23 others 12 are 1 apart."""
    target = np.zeros_like(perfect["target"])
    target[::2] = 255
    target[:, ::3] = 255 - target[:, ::3]  # stripes, so that the instruments of sharpness have something to see
    draws = np.zeros((3, 2, 32, 32, 3), np.uint8)
    draws[:, 1] = 51
    given = {**perfect, "target": target, "output": target, "sampled": target, "draws": draws}
    assert measure(given)["posterior_diversity"] == pytest.approx(0.2 / (12 / 23))


# Samples of the prior.


def test_prior_samples_that_are_photographs_are_near_and_others_far(perfect):
    near = measure(perfect)
    grey = measure({**perfect, "prior": np.full_like(perfect["prior"], 128) + perfect["prior"] // 50})
    dark = measure({**perfect, "prior": perfect["prior"] // 2})
    assert abs(near["kid_prior"]) < 0.25 * min(grey["kid_prior"], dark["kid_prior"])
    assert near["variety_prior"] == pytest.approx(1, abs=0.15)
    assert grey["variety_prior"] < 0.1
    assert dark["variety_prior"] == pytest.approx(near["variety_prior"] / 2, rel=0.05)
    for name in near:
        if not name.endswith("_prior"):
            assert near[name] == dark[name], name


def test_the_features_are_those_of_the_data_sets_own_reader_for_prior_samples_and_photographs(
    perfect, real, reader, monkeypatch
):
    read = []

    def features(weights: dict, pictures: np.ndarray) -> np.ndarray:
        read.append(pictures)
        return np.random.default_rng(len(read)).normal(size=(len(pictures), 5))

    monkeypatch.setattr(classification, "features", features)
    measure(perfect)
    measure(real, dataset="cifar10_jpeg-small")
    assert reader == [
        Path("readers", "classification-enumerable_street-32.npz"),
        Path("readers", "classification-cifar10_jpeg-small.npz"),
    ]
    for pictures, name in zip(read, ("prior", "target", "prior", "target"), strict=True):
        np.testing.assert_array_equal(pictures, perfect[name])


# What the latent holds.


def planted(perfect: dict[str, np.ndarray], *names: str) -> np.ndarray:
    """A latent that tells the classes of the named factors plainly, beside noise."""
    noise = np.random.default_rng(26).normal(0, 0.05, (N_PROBE, 4 * len(names)))
    columns = np.concatenate([np.eye(4)[perfect[f"probe_{name}"]] for name in names], axis=1)
    return np.concatenate([columns + noise, perfect["latent"]], axis=1).astype(np.float32)


def test_the_probe_reads_a_planted_factor_and_no_other(perfect):
    scores = measure({**perfect, "latent": planted(perfect, "door_colour")})
    assert scores["probe_accuracy_door_colour"] == 1
    for name in set(FACTORS) - {"door_colour"}:
        assert scores[f"probe_accuracy_{name}"] < 0.65, name
    assert measure({**perfect, "latent": planted(perfect, *FACTORS)})["probe_accuracy"] == 1
    assert measure(perfect)["probe_accuracy"] < 0.6


def test_the_probe_accuracy_is_the_mean_over_the_factors_of_the_world_without_bricks_and_windows(perfect):
    scores = measure({**perfect, "latent": planted(perfect, "door_colour")})
    probed = {name.removeprefix("probe_accuracy_") for name in scores if name.startswith("probe_accuracy_")}
    assert probed == set(FACTORS)
    assert scores["probe_accuracy"] == pytest.approx(np.mean([scores[f"probe_accuracy_{name}"] for name in FACTORS]))


def test_of_real_images_the_class_is_read(real, perfect):
    scores = measure({**real, "latent": planted(perfect, "wall_colour")}, **REAL)
    assert scores["probe_accuracy"] == scores["probe_accuracy_label"] == 1
    assert not OF_THE_WORLD & scores.keys()
    assert measure(real, **REAL)["probe_accuracy"] < 0.6


def test_the_rate_is_compared_with_the_entropy_of_the_factors(perfect):
    entropy = world.factor_entropy(perfect["probe_labels"][..., 0]).mean()
    assert 8 < entropy < 20
    for dataset, known in (("facade_world-32", entropy), ("enumerable_street-32", np.log(32_805))):
        for rate in (5.0, 40.0):
            scores = measure(perfect, {**FACTS, "rate": rate}, dataset=dataset)
            assert scores["factor_entropy"] == pytest.approx(known)
            assert scores["rate_over_factor_entropy"] == pytest.approx(rate / known)


def test_the_objective_is_the_error_and_the_weighed_rate(perfect):
    assert measure(perfect, beta=0.5)["objective"] == 7 + 0.5 * 20
    assert measure(perfect, SILENT, encoder="deterministic", beta=0.0)["objective"] == 7
    assert "objective" not in measure(perfect, variance="optimal"), "there it is of another unit"


def test_on_the_street_pictures_are_held_against_the_list(perfect):
    photographs = street.photos()[:: street.N_PHOTOS // N][:N]
    scores = measure({**perfect, "target": photographs, "output": photographs, "prior": photographs})
    assert scores["right_photo_share"] == scores["support_share_prior"] == 1
    assert scores["listed_distance"] == pytest.approx(0, abs=1e-6)
    assert measure(perfect)["support_share_prior"] == 0, "facades of another world"
    assert "support_share_prior" not in measure(perfect, dataset="facade_world-32")


def test_without_noise_there_is_no_rate(perfect):
    ours, all_scores = measure(perfect, SILENT), measure(perfect)
    assert all_scores.keys() - ours.keys() == {"rate"} | OF_THE_WORLD
    assert ours == {name: all_scores[name] for name in ours} | {"active_units": 4, "objective": 7}


# What is announced.


MEASURED: dict[str, dict[str, set[str]]] = {}


@pytest.fixture(params=STUDIES)
def known(request, perfect, real) -> dict[str, set[str]]:
    """Variant of a study → its instruments; measured once."""
    if request.param not in MEASURED:
        given = perfect if request.param == "." else real
        MEASURED[request.param] = {
            name: set(
                measures.measure(given, SILENT if one.encoder == "deterministic" else FACTS, one, Path("readers"))
            )
            for name, one in declared(request.param).items()
        }
    return MEASURED[request.param]


def test_metrics_curves_claims_and_tables_name_what_is_scored(known):
    recipes.announced("beta_vae", known, "root" if known["beta_1"] >= OF_THE_WORLD else "real")


@pytest.mark.parametrize("folder", STUDIES)
def test_variants_are_named_for_what_they_are(folder):
    variants = declared(folder)
    weights = dict(zip(BETAS, [0.001, 0.01, 0.1, 0.3, 1, 10], strict=True))
    assert {name: one.beta for name, one in variants.items() if name in BETAS}.items() <= weights.items()
    assert {(one.encoder, one.variance) for name, one in variants.items() if name in BETAS} == {("gaussian", "unit")}
    sigma, autoencoder = variants["sigma"], variants["autoencoder"]
    assert (sigma.encoder, sigma.beta, sigma.variance) == ("gaussian", 1, "optimal")
    assert (autoencoder.encoder, autoencoder.beta) == ("deterministic", 0)
    assert set(variants) == {*(BETAS if folder != "real" else ("beta_0001", "beta_1")), "sigma", "autoencoder"}
    rest = [one.model_dump(exclude={"beta", "encoder", "variance"}) for one in variants.values()]
    assert all(one == rest[0] for one in rest), "variants differ in nothing else"


def test_the_sheet_shows_photos_outputs_and_the_prior_of_every_variant_that_has_one(perfect):
    runs = {
        name: {
            "target": perfect["target"],
            "output": np.full_like(perfect["output"], number),
            "prior": np.full_like(perfect["prior"], 100 + number),
        }
        for number, name in enumerate(declared())
    }
    columns = measures.sheet(runs)
    titles = [title for title, _ in columns]
    generative = [name for name in runs if name != "autoencoder"]
    assert titles[: len(runs) + 1] == ["photo", *(name.replace("_", "\n") for name in runs)]
    assert [title.split("\n")[0] for title in titles[len(runs) + 1 :]] == ["prior"] * len(generative)
    assert len(set(titles)) == len(titles)
    assert max(len(line) for title in titles for line in title.split("\n")) <= 11
    np.testing.assert_array_equal(columns[0][1], perfect["target"])
    shown = [pictures for _, pictures in columns[1:]]
    expected = [one["output"] for one in runs.values()] + [runs[name]["prior"] for name in generative]
    for ours, theirs in zip(shown, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)

"""What judges a vae_vs_gan run: perfect samples, samples of known damage, and what each score must not notice."""

from dataclasses import replace
from math import log
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from replications.datasets import street, world
from replications.instruments import classification
from replications.instruments.sharpness import SHARPNESS
from replications.judging.scores import Scores
from replications.judging.verdicts import judge
from replications.measuring import known, street_scores
from replications.vae_vs_gan import claims, measures
from replications.vae_vs_gan.params import Params
from tests.rooms import recipes
from tests.vae_vs_gan.test_train import SMALL, VARIANTS

N_TARGET, N_PRIOR, N_SEARCH = 30, 300, 4
HEADS = {head: street.FACTORS[head] for head in street.MODE_FACTORS}
FACTS = {
    "elbo": 1.0,
    "iwae": 1.25,
    "rate": 40.0,
    "decoder_variance": 0.01,
    "gaussian_baseline": 0.5,
    "pixelwise_baseline": 2.0,
}
RATIOS = [name for name in SHARPNESS if name != "spectral_slope"]


ARMS = {**VARIANTS, "sigma_vae": {"variance": "optimal"}, "dcgan": VARIANTS["gan"]}


def params(variant: str = "vae", **changes) -> Params:
    return Params(**{**SMALL, **ARMS[variant], "dataset": "enumerable_street-32", **changes})


def drawn(n: int, seed: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Photos of the street, and their factors."""
    numbers = np.random.default_rng(seed).integers(0, street.N_PHOTOS, n)
    return street.photos()[numbers], street.factors_of(numbers)


@pytest.fixture(scope="module")
def target() -> np.ndarray:
    return drawn(N_TARGET, 1)[0]


@pytest.fixture(scope="module")
def samples() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    return drawn(N_PRIOR, 2)


@pytest.fixture
def perfect(target, samples) -> dict[str, np.ndarray]:
    """The images of a model that reconstructs everything and whose samples are photos."""
    return {"target": target, "output": target, "searched": target[:N_SEARCH], "prior": samples[0]}


def one_hot(factors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What a reader says that is never wrong and never in doubt."""
    return {head: np.eye(n)[factors[head]] for head, n in HEADS.items()}


@pytest.fixture(autouse=True)
def reader(monkeypatch, samples):
    """Stands for the trained net: knows the samples' factors; its features are mean colours of a picture's quarters."""
    asked, says = [], {"prediction": one_hot(samples[1])}

    def load(path: Path) -> dict:
        asked.append(path)
        return {"from": path}

    def predict(weights: dict, photos: np.ndarray) -> dict[str, np.ndarray]:
        assert weights["from"] == asked[-1]
        assert photos.dtype == np.uint8
        return says["prediction"]

    def features(weights: dict, photos: np.ndarray) -> np.ndarray:
        assert weights["from"] == asked[-1]
        assert photos.dtype == np.uint8
        return photos.reshape(-1, 2, 16, 2, 16, 3).mean(axis=(2, 4)).reshape(-1, 12) / 64

    monkeypatch.setattr(classification, "load_reader", load)
    monkeypatch.setattr(classification, "predict", predict)
    monkeypatch.setattr(classification, "features", features)
    says["asked"] = asked
    return says


def measure(images: dict[str, np.ndarray], facts: dict = FACTS, **changes) -> dict[str, float]:
    scores = measures.measure(images, facts, params(**changes), Path("readers"))
    assert all(np.isfinite(score) for score in scores.values()), scores
    return {name: float(score) for name, score in scores.items()}


def blurred(pictures: np.ndarray, sigma: float) -> np.ndarray:
    return ndimage.gaussian_filter(pictures.astype(float), (0, sigma, sigma, 0)).round().astype(np.uint8)


# A model that is right.


def test_a_perfect_model(perfect, reader):
    scores = measure({**perfect, "prior": perfect["target"]})
    for name in RATIOS:
        for ending in ("", "_prior", "_shown"):
            assert scores[name + ending] == pytest.approx(1), name + ending
    assert scores["variety_prior"] == pytest.approx(1)
    for ending in ("", "_searched"):
        assert scores[f"psnr{ending}"] == 100
        assert scores[f"ssim{ending}"] == pytest.approx(1)
        assert scores[f"mse{ending}"] == scores[f"l1{ending}"] == 0
    assert scores["confidence"] == 1
    assert reader["asked"][-1] == Path("readers", "classification-enumerable_street-32.npz")
    assert scores["right_photo_share"] == 1
    for name in ("listed_distance", "listed_distance_prior", "listed_distance_lost_prior"):
        assert scores[name] == pytest.approx(0, abs=1e-6), name
    assert scores["support_share_prior"] == 1


def test_perfect_samples_show_the_modes_that_are_to_be_expected(perfect, samples):
    scores = measure(perfect)
    shown = street.mode_of(samples[1])
    assert scores["modes_covered"] == len(set(shown))
    assert scores["modes_share"] == pytest.approx(1, abs=0.07)
    assert scores["mode_entropy_share"] == pytest.approx(scores["mode_entropy"] / log(street.N_MODES))
    assert scores["mode_entropy_share"] == pytest.approx(1, abs=0.08), "few images lower it"
    assert scores["kl_to_true"] == pytest.approx(log(street.N_MODES) - scores["mode_entropy"]), "of a uniform truth"
    assert abs(scores["kid_prior"]) < 0.4


def colours_of(pictures: np.ndarray) -> np.ndarray:
    factors = street.factors_of(measures.all_thumbnails().nearest(measures.thumbnails(pictures)).numbers)
    return np.stack([factors[name] for name in measures.COLOURS])


def test_thumbnails_tell_the_colours_of_every_photograph_blurred_or_not():
    numbers = np.arange(0, street.N_PHOTOS, 23)
    photos, factors = street.photos()[numbers], street.factors_of(numbers)
    right = np.stack([factors[name] for name in measures.COLOURS])
    for pictures in (photos, known.blurred(photos), mixed(photos, np.roll(photos, 100, axis=0), 0.8)):
        np.testing.assert_array_equal(colours_of(pictures), right)
    at_full_size = street_scores.all_photos().nearest(known.blurred(photos[:300])).numbers
    moved = street.mode_of(street.factors_of(at_full_size)) != street.mode_of(factors)[:300]
    assert moved.mean() > 0.6, "why thumbnails are asked"


def mixed(some: np.ndarray, others: np.ndarray, share: float) -> np.ndarray:
    return np.rint(share * some.astype(float) + (1 - share) * others).astype(np.uint8)


def test_what_a_person_reads_passes_by_thumbnail_and_ghosts_and_noise_do_not():
    photos = drawn(2000, 4)[0]
    others = np.roll(photos, 1000, axis=0)
    stray = photos.copy()
    where = np.random.default_rng(5).random(photos.shape[:3]) < 0.05
    stray[where] = np.random.default_rng(6).integers(0, 256, (where.sum(), 3))
    bound = measures.by_thumbnail(known.blurred(photos))["thumbnail_distance_prior"]
    for pictures in (photos, known.blurred(photos), stray, mixed(photos, others, 0.8)):
        scores = measures.by_thumbnail(pictures)
        assert scores["thumbnail_distance_prior"] <= bound
        assert scores["colour_modes_share_prior"] == 1
        assert scores["colour_mode_variation_prior"] == pytest.approx(0.06, abs=0.015), "√(modes / 2 π N)"
    ghosts, mean = mixed(photos, others, 0.5), np.repeat(np.rint(photos.mean(axis=0)).astype(np.uint8)[None], 2000, 0)
    for pictures in (ghosts, mean, known.noise(photos)):
        assert measures.by_thumbnail(pictures)["thumbnail_distance_prior"] > 1.5 * bound
    assert measures.by_thumbnail(mean)["colour_modes_share_prior"] == pytest.approx(1 / 45)


@pytest.mark.parametrize("damage", [lambda x: x, known.blurred], ids=["crisp", "blurred"])
def test_a_mode_that_is_dropped_is_missed_and_a_stray_sample_does_not_fill_the_gap(damage):
    photos, factors = drawn(3000, 8)
    kept = factors["door_colour"] != 0
    scores = measures.by_thumbnail(damage(np.concatenate([photos[kept], photos[~kept][:9]])))
    assert scores["colour_modes_share_prior"] == pytest.approx(2 / 3)
    assert scores["colour_mode_variation_prior"] == pytest.approx(1 / 3, abs=0.02)


# Known damage.


def test_samples_of_one_mode(perfect, samples, reader):
    photos, factors = samples
    modes = street.mode_of(factors)
    mode = np.bincount(modes).argmax()
    first = int(np.flatnonzero(modes == mode)[0])
    reader["prediction"] = one_hot({head: np.full(N_PRIOR, factors[head][first]) for head in HEADS})
    before = measure(perfect)
    scores = measure({**perfect, "prior": np.repeat(photos[first : first + 1], N_PRIOR, axis=0)})
    n = street.N_MODES
    assert scores["modes_covered"] == 1
    assert scores["modes_share"] == pytest.approx(1 / (n * (1 - (1 - 1 / n) ** N_PRIOR)))
    assert scores["mode_variation_prior"] == pytest.approx(1 - 1 / n)
    assert scores["colour_modes_share_prior"] == pytest.approx(1 / 45)
    assert scores["colour_mode_variation_prior"] == pytest.approx(1 - 1 / 45)
    assert scores["distinct_share_prior"] < before["distinct_share_prior"]
    assert scores["mode_entropy"] == scores["mode_entropy_share"] == 0
    assert scores["variety_prior"] == pytest.approx(0, abs=1e-12)
    assert scores["kl_to_true"] == pytest.approx(log(n))
    assert scores["kid_prior"] > 0.5 > abs(before["kid_prior"])


def test_each_head_counts_for_the_modes(perfect, samples, reader):
    """With any factor held, the modes are divided by its number of values."""
    for head, n in HEADS.items():
        reader["prediction"] = one_hot({**samples[1], head: np.zeros(N_PRIOR, int)})
        held = measure(perfect)
        assert held["modes_covered"] <= street.N_MODES / n
        assert held["modes_share"] < 1.2 / n


def test_a_reader_in_doubt(perfect, reader):
    reader["prediction"] = {head: 0.5 * p + 0.5 / p.shape[1] for head, p in reader["prediction"].items()}
    expected = np.prod([0.5 + 0.5 / n for n in HEADS.values()])
    assert measure(perfect)["confidence"] == pytest.approx(expected)


def test_blurred_samples_and_blurred_reconstructions_are_told_apart(perfect):
    before = measure(perfect)
    samples = measure({**perfect, "prior": blurred(perfect["prior"], 1.0)})
    outputs = measure({**perfect, "output": blurred(perfect["output"], 1.0)})
    for name, (_, direction) in SHARPNESS.items():
        assert direction * samples[f"{name}_prior"] < direction * before[f"{name}_prior"], name
        assert samples[f"{name}_distance_prior"] > 0, name
        assert samples[name] == before[name], name
        assert direction * outputs[name] < direction * before[name], name
        assert outputs[f"{name}_prior"] == before[f"{name}_prior"], name
        assert outputs[f"{name}_shown"] == outputs[name], "where there are reconstructions, these are shown"
    assert samples["psnr"] == before["psnr"]
    assert outputs["psnr"] < 30


def test_what_the_search_found_is_compared_with_the_first_targets(perfect):
    before = measure(perfect)
    rolled = measure({**perfect, "searched": np.roll(perfect["searched"], 1, axis=0)})
    assert rolled["psnr_searched"] < 20 < before["psnr_searched"]
    assert {n: s for n, s in rolled.items() if not n.endswith("_searched")} == {
        n: s for n, s in before.items() if not n.endswith("_searched")
    }
    off = np.clip(perfect["searched"].astype(int) + 10, 0, 255).astype(np.uint8)
    assert measure({**perfect, "searched": off})["l1_searched"] == pytest.approx(10 / 255, rel=0.1)


def test_reconstructions_of_the_wrong_images(perfect):
    before, after = measure(perfect), measure({**perfect, "output": np.roll(perfect["output"], 1, axis=0)})
    for name in ("psnr", "ssim"):
        assert after[name] < before[name] - 0.1
    for name in SHARPNESS:
        assert after[name] == pytest.approx(before[name], abs=1e-12)


# What a variant does not have.


def test_a_gan_has_neither_reconstructions_nor_bounds(perfect):
    without = {name: images for name, images in perfect.items() if name != "output"}
    scores = measure(without, {"losses": {}}, **VARIANTS["gan"])
    full = measure(perfect)
    absent = full.keys() - scores.keys()
    assert {"laplacian_variance", "psnr", "elbo", "iwae", "bound_over_baseline", "iwae_over_elbo"} <= absent
    assert scores.keys() < full.keys()
    for name in SHARPNESS:
        assert scores[f"{name}_shown"] == scores[f"{name}_prior"] == full[f"{name}_prior"]
    autoencoder = measure(perfect, {"losses": {}}, **VARIANTS["autoencoder"])
    assert "psnr" in autoencoder
    assert "elbo" not in autoencoder


def test_bounds(perfect):
    scores = measure(perfect)
    assert scores["elbo"] == 1.0
    assert scores["iwae"] == 1.25
    assert scores["rate"] == 40
    assert scores["bound_over_baseline"] == 0.75
    assert scores["bound_over_pixelwise_baseline"] == -0.75
    assert scores["iwae_over_elbo"] == 0.25 * 32 * 32 * 3


# The true modes.


def test_the_true_probabilities_of_modes():
    np.testing.assert_array_equal(measures.mode_probabilities("facade_world-32", 108), world.mode_probabilities())
    np.testing.assert_allclose(measures.mode_probabilities("mnist10k-32", 10), np.full(10, 0.1))
    of_street = np.bincount(street.mode_of(street.factors_of(np.arange(street.N_PHOTOS)))) / street.N_PHOTOS
    np.testing.assert_allclose(measures.mode_probabilities("enumerable_street-32", street.N_MODES), of_street)


def test_elsewhere_nothing_is_held_against_a_list(perfect):
    assert not any(
        "listed" in name or "thumbnail" in name or "colour" in name for name in measure(perfect, dataset="mnist10k-32")
    )


def test_elsewhere_samples_are_counted_that_lie_among_photographs(perfect, target):
    right = measure({**perfect, "prior": target}, dataset="mnist10k-32")
    noise = np.random.default_rng(0).integers(0, 256, target.shape, np.uint8)
    half = measure(
        {**perfect, "prior": np.where(np.arange(len(target))[:, None, None, None] % 2, noise, target)},
        dataset="mnist10k-32",
    )
    assert right["precision_prior"] == 1
    assert half["precision_prior"] == pytest.approx(0.5, abs=0.01)
    assert "precision_prior" not in measure(perfect)


def test_the_loss_counts_half_the_squared_error_of_samples_and_the_weighed_rate(perfect):
    assert measure(perfect, beta=0.5)["objective"] == pytest.approx(0.01 * 3072 / 2 + 0.5 * 40)


def test_digits_are_uniform(perfect, reader):
    rng = np.random.default_rng(3)
    reader["prediction"] = {"digit": np.eye(10)[rng.integers(0, 9, N_PRIOR)]}
    scores = measure(perfect, dataset="mnist10k-32")
    assert scores["modes_share"] == pytest.approx(0.9), "no nines"
    assert scores["kl_to_true"] == pytest.approx(log(10 / 9), abs=0.05)
    assert scores["mode_entropy_share"] == pytest.approx(scores["mode_entropy"] / log(10))
    assert reader["asked"][-1] == Path("readers", "classification-mnist10k-32.npz")


# Claims, metrics, curves and the sheet.


@pytest.fixture
def scores_by_variant(perfect) -> dict[str, dict[str, float]]:
    """What each variant's runs would be scored by, of made-up images: soft where there are pixels to average."""
    soft = {"output": blurred(perfect["output"], 0.8), "searched": blurred(perfect["searched"], 0.8)}
    one_house = np.repeat(perfect["prior"][:1], N_PRIOR, axis=0)
    made = {
        "autoencoder": {**perfect, **soft, "prior": blurred(perfect["prior"], 1.0)},
        "vae": {**perfect, **soft, "prior": blurred(perfect["prior"], 1.0)},
        "sigma_vae": {**perfect, "prior": blurred(perfect["prior"], 1.0)},
        "dcgan": {"target": perfect["target"], "searched": perfect["searched"], "prior": one_house},
        "gan": {**{n: i for n, i in perfect.items() if n != "output"}, "searched": perfect["searched"][::-1]},
        "vae_gan": {**perfect, "output": np.roll(perfect["output"], 1, axis=2)},
    }
    facts = {name: FACTS if "vae" in name else {} for name in made}
    facts["sigma_vae"] = FACTS | {"pixelwise_baseline": FACTS["iwae"] - 0.5}
    scores = {name: measure(images, facts[name], **ARMS[name]) for name, images in made.items()}
    photos = {"target": perfect["target"], "searched": perfect["searched"], "prior": perfect["prior"]}
    return scores | {"photos": measure(photos, {}, **ARMS["gan"])}  # a control


def test_every_claim_can_be_judged_and_points_the_right_way(scores_by_variant):
    rows = [
        {"variant": variant, "seed": seed, "instrument": name, "score": score * (1 + 1e-3 * seed)}
        for variant, scores in scores_by_variant.items()
        for name, score in scores.items()
        for seed in range(1, 7)
    ]
    unchecked = [replace(claim, checks=()) for claim in claims.CLAIMS]  # what nets must reach is not asked of pictures
    verdicts = judge(unchecked, {"vae_vs_gan": Scores.from_rows(rows)}, range(1, 7), "root")
    said = {verdict.id: verdict.if_tested for verdict in verdicts}
    assert len(said) == sum("root" in claim.studies for claim in claims.CLAIMS)
    for claim in (
        "vae_samples_are_blurrier_than_gan_samples",
        "equal_bottleneck_yet_crisp",
        "autoencoder_reconstructions_are_blurred",
        "adversarial_term_sharpens_the_vae",
        "adversarial_term_costs_fidelity",
        "gan_samples_are_nearer_to_photographs_than_those_of_a_calibrated_vae",
        "dcgans_loss_drops_modes_that_pairing_keeps",
        "a_calibrated_vae_reconstructs_crisply",
        "a_calibrated_vaes_samples_are_further_from_photographs_than_its_reconstructions",
        "vae_covers_modes",
        "latent_search_in_the_gan_is_less_faithful_than_the_vae",
        "vae_gives_a_likelihood_bound",
        "a_calibrated_vaes_bound_beats_each_pixels_own_gaussian",
        "importance_weighting_tightens_the_bound",
    ):
        assert said[claim] == "replicated", claim
    for claim in (  # the same samples, all modes
        "gan_drops_modes",
        "gan_shows_fewer_modes_than_the_vae",
        "gan_samples_are_spread_over_the_modes_less_evenly_than_photographs",
    ):
        assert said[claim] != "replicated", claim


def test_metrics_curves_claims_and_tables_name_what_is_scored(scores_by_variant):
    recipes.announced("vae_vs_gan", {name: set(scores) for name, scores in scores_by_variant.items()})


def test_the_sheet(perfect):
    images = {}
    for number, variant in enumerate(ARMS):
        images[variant] = {name: np.full_like(one, 10 * number) for name, one in perfect.items()}
        images[variant]["target"] = perfect["target"]
    del images["gan"]["output"]
    del images["dcgan"]["output"]
    columns = measures.sheet(images)
    titles = [title for title, _ in columns]
    assert len(set(titles)) == len(titles)
    assert max(len(line) for title in titles for line in title.split("\n")) <= 11
    np.testing.assert_array_equal(columns[0][1], perfect["target"])
    shown = {title: int(pictures.flat[0]) for title, pictures in columns[1:]}
    assert shown["vae\ngan"] == 30
    assert shown["searched\ngan"] == shown["prior\ngan"] == 20
    assert shown["autoencoder"] == 0
    assert "gan" not in shown
    assert "prior\nautoencoder" not in shown

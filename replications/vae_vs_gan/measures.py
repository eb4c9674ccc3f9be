"""Which instruments judge a vae_vs_gan run, and against what. NumPy and files alone, but for the reader.

Scores of sharpness and variety are relative to real photographs of the same test set: 1 is as they are. A score's name
ends in `_prior` for samples, in `_searched` for what a search of the latent found for a test image; without an ending
it is that of reconstructions, which a GAN does not have. `_shown` is what a model is usually judged by: reconstructions
where it has them, else samples.
"""

import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from replications.datasets import street, world
from replications.instruments import classification, distribution, fidelity, modes, sharpness
from replications.instruments.listed import Listed, total_variation
from replications.instruments.search import Search
from replications.measuring import known, priors, street_scores
from replications.measuring.curves import Curve, Shown
from replications.vae_vs_gan.params import Params


def measure(images: dict[str, np.ndarray], facts: dict, params: Params, readers: Path) -> dict[str, float]:
    """Instrument → score of one run; what a variant cannot have is absent.

    Args:
        images: as train.py made them.
        facts: what train.py knew of the model.
        params: the run's.
        readers: the folder with the study's trained readers.
    """
    target, searched = images["target"] / 255.0, images["searched"] / 255.0
    scores = _prior_scores(images, params, readers)
    found = fidelity.scores(searched, target[: len(searched)])
    scores |= {f"{instrument}_searched": score for instrument, score in found.items()}
    if "output" in images:
        output = images["output"] / 255.0
        scores |= sharpness.relative(output, target) | fidelity.scores(output, target)
        on_list = street_scores.scores(params.dataset, {"output": images["output"], "target": images["target"]})
        if on_list:
            lost = scores["listed_distance_prior"] - on_list["listed_distance"]
            scores |= {**on_list, "listed_distance_lost_prior": lost}
    for name in sharpness.SHARPNESS:
        scores[f"{name}_shown"] = scores.get(name, scores[f"{name}_prior"])
    if "iwae" in facts:
        scores |= _likelihood_scores(facts, target[0].size)
        distortion = facts["decoder_variance"] * target[0].size / 2
        scores["objective"] = distortion + params.beta * facts["rate"]
    return scores


def mode_probabilities(dataset: str, n_modes: int) -> np.ndarray:
    """The probability of each mode, (n_modes,): the procedural world's true one, or all alike.

    Modes of the street are alike. Digits are nearly so: those of MNIST have 0.089 to 0.114 each, which leaves a KL
    divergence of 0.002 nats.
    """
    if dataset.startswith("facade_world"):
        return world.mode_probabilities()
    return np.full(n_modes, 1 / n_modes)


def controls(data: dict[str, np.ndarray], params: Params, readers: Path) -> known.Scores:
    """Control → instrument → score of known pictures, by a net: what photographs, blurred ones and noise reach.

    Args:
        data: the arrays of the data set.
        params: of any variant.
        readers: the folder with the nets of one seed.
    """
    samples = known.samples(data, params.n_test, params.n_samples)
    return {name: _prior_scores(images, params, readers) for name, images in samples.items()}


def fixed_controls(data: dict[str, np.ndarray], variants: Mapping[str, Params]) -> known.Scores:
    """Control → instrument → score of known pictures that no net judges.

    These are blurred photographs, and what the best linear autoencoder of an arm's size and KL weight puts out; of a
    linear VAE also the loss, `objective`, on training photographs: a run's own has its distortion from them.
    """
    return known.linear_arms(data, variants, ("autoencoder", "vae"), objectives=("vae",), objective_on="train_photo")


def _prior_scores(images: dict[str, np.ndarray], params: Params, readers: Path) -> dict[str, float]:
    """What samples look like, which modes they show and how often, and how far they are from photographs as a set."""
    reader = classification.load_reader(readers / f"classification-{params.dataset}.npz")
    predictions = classification.predict(reader, images["prior"])
    shown = modes.mode_numbers(predictions)
    truth = mode_probabilities(params.dataset, int(np.prod([p.shape[1] for p in predictions.values()])))
    of_set = priors.scores(images, params.dataset, readers)
    kid = of_set.pop("kid_prior")  # behind the modes, as scores.csv has it
    return of_set | {
        "modes_covered": modes.modes_covered(shown),
        "modes_share": modes.modes_covered(shown) / modes.expected_modes(truth, len(shown)),
        "mode_entropy": modes.mode_entropy(shown),
        "mode_entropy_share": modes.mode_entropy(shown) / _entropy(truth),
        "kl_to_true": modes.kl_to_true(shown, truth),
        "confidence": modes.confidence(predictions),
        "kid_prior": kid,
        **_among_photographs(images, params.dataset),
    }


def _among_photographs(images: dict[str, np.ndarray], dataset: str) -> dict[str, float]:
    """How near samples are to photographs one by one: to the list of all, else to those of the tests."""
    if on_list := street_scores.scores(dataset, {"prior": images["prior"]}):
        return on_list | by_thumbnail(images["prior"])
    return {"precision_prior": distribution.precision(images["prior"], images["target"])}


COLOURS = ("wall_colour", "sky_shade", "door_colour")
"""What makes a mode of the street where samples are read by thumbnails: 45 combinations. The fourth factor of
`street.MODE_FACTORS`, a bar of one pixel in each window, cannot be read off a blurred house."""
N_COLOURS = math.prod(street.FACTORS[name] for name in COLOURS)
SHOWN = 0.1
"""Of the samples that a mode should get: with so many it counts as shown, with fewer as dropped. A sample or two that
is misread does not fill a gap."""


def by_thumbnail(samples: np.ndarray) -> dict[str, float]:
    """Which modes of the street samples, uint8 (N, 32, 32, 3), show, and how evenly; no net reads them.

    A sample shows the colours of the photograph of the list whose thumbnail is nearest to its own. At full size a blur
    of one pixel moves two thirds of the photographs to another mode; by thumbnails it moves none to other colours.

    Formula: thumbnail_distance_prior is the mean distance to that thumbnail (root mean squared difference, intensities
    in [0, 1]); smaller is nearer; an equal blend of two houses has 0.06, a photograph that is blurred by a pixel 0.035.
    colour_modes_share_prior is the share of the 45 combinations of colours that are shown; larger is more; range
    [0, 1]. colour_mode_variation_prior is the total variation between their shares and the true, equal ones; smaller is
    nearer; range [0, 1], about √(45 / 2 π N) for perfect samples. Units: none. Source: as `modes.modes_covered` and
    `listed.total_variation`. Blind spot: a ghost of several houses and noise show some colours, too; read the distance
    beside them.
    """
    nearest = all_thumbnails().nearest(thumbnails(samples))
    factors = street.factors_of(nearest.numbers)
    shape = tuple(street.FACTORS[name] for name in COLOURS)
    colours = np.ravel_multi_index(tuple(factors[name].astype(int) for name in COLOURS), shape)
    counts = np.bincount(colours, minlength=N_COLOURS)
    return {
        "thumbnail_distance_prior": float(nearest.distance.mean()),
        "colour_modes_share_prior": float((counts >= SHOWN * len(samples) / N_COLOURS).mean()),
        "colour_mode_variation_prior": total_variation(colours, np.full(N_COLOURS, 1 / N_COLOURS)),
    }


def thumbnails(pictures: np.ndarray) -> np.ndarray:
    """Pictures uint8 (N, H, W, 3) at a quarter of their height and width: means of squares of four by four pixels."""
    n, height, width, channels = pictures.shape
    squares = pictures.reshape(n, height // 4, 4, width // 4, 4, channels)
    return np.rint(squares.mean(axis=(2, 4))).astype(np.uint8)


@cache
def all_thumbnails() -> Search:
    """Those of the list, prepared once for a process."""
    return Search(Listed(thumbnails(street.photos())))


def _entropy(probabilities: np.ndarray) -> float:
    """In nats; every mode is possible."""
    return float(-(probabilities * np.log(probabilities)).sum())


def _likelihood_scores(facts: dict, n_values: int) -> dict[str, float]:
    """The bounds, nats per dimension, over what needs no latent; and what importance weights gain, nats per image."""
    return {
        "elbo": facts["elbo"],
        "iwae": facts["iwae"],
        "rate": facts["rate"],
        "bound_over_baseline": facts["iwae"] - facts["gaussian_baseline"],
        "bound_over_pixelwise_baseline": facts["iwae"] - facts["pixelwise_baseline"],
        "iwae_over_elbo": (facts["iwae"] - facts["elbo"]) * n_values,
    }


METRICS = {
    "sharpness_autoencoder": ("autoencoder", "laplacian_variance"),
    "sharpness_vae_samples": ("vae", "laplacian_variance_prior"),
    "sharpness_sigma_vae": ("sigma_vae", "laplacian_variance"),
    "sharpness_gan_samples": ("gan", "laplacian_variance_prior"),
    "modes_share_vae": ("vae", "modes_share"),
    "modes_share_gan": ("gan", "modes_share"),
}
"""What `dvc metrics show` prints: name → (variant, instrument), means over seeds."""

VARIANTS = ("autoencoder", "vae", "sigma_vae", "vae_gan", "gan", "dcgan")
CURVES = (
    Curve(
        "sharpness of samples (1: as photographs) against the share of modes that they show",
        "modes_share",
        "laplacian_variance_prior",
        {name: (name,) for name in VARIANTS[1:]},
    ),
    Curve(
        "sharpness (1: as photographs) against PSNR (dB) of what a search of the latent finds for a test image",
        "psnr_searched",
        "laplacian_variance_prior",
        {name: (name,) for name in VARIANTS[1:]},
    ),
)

GLANCE = {
    "photograph": Shown("photo"),
    "autoencoder": Shown("autoencoder", "autoencoder", "laplacian_variance"),
    "VAE": Shown("vae", "vae", "laplacian_variance"),
    "calibrated VAE": Shown("sigma vae", "sigma_vae", "laplacian_variance"),
    "samples of\nthe VAE": Shown("prior vae", "vae", "laplacian_variance_prior"),
    "samples of the\ncalibrated VAE": Shown("prior sigma_vae", "sigma_vae", "laplacian_variance_prior"),
    "samples of\nthe GAN": Shown("prior gan", "gan", "laplacian_variance_prior"),
}
"""Title → column of the sample sheet with its sharpness, of the picture in the README."""
GLANCE_REAL = {"digit": Shown("photo")} | {title: one for title, one in GLANCE.items() if one.variant}
"""The same on digits."""

COMPARED = ("prior vae", "prior gan")
"""The two columns of the sample sheet that the page shows first."""

TIMED = "vae_gan"
"""The variant that `bench` trains."""

PASSES = {"encoder": (3, 1), "decoder": (6, 0), "discriminator": (13, 3)}
"""Net → passes for each training image, and of how many the first layer is spared (bench.py says what counts)."""


def sheet(images: dict[str, dict[str, np.ndarray]]) -> list[tuple[str, np.ndarray]]:
    """Columns (title, pictures) of the sample sheet, from the images of one seed's runs by variant.

    An autoencoder has no prior: what it makes of draws from N(0, 1) is scored, but not shown.
    """
    columns = [("photo", next(iter(images.values()))["target"])]
    columns += [(name.replace("_", "\n"), one["output"]) for name, one in images.items() if "output" in one]
    columns += [(f"searched\n{name}", one["searched"]) for name, one in images.items()]
    return columns + [(f"prior\n{name}", one["prior"]) for name, one in images.items() if name != "autoencoder"]

"""Which instruments judge a spatial_z_vae run, and against what. NumPy and files alone, but for the reader.

Scores of sharpness and variety are relative to real photographs of the same test set: 1 is as they are. A score's name
ends in `_prior` for decoded prior samples; without an ending it is that of decoded posterior means, the reconstructions
that the original shows.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from replications.instruments import fidelity, sharpness
from replications.measuring import known, priors, street_scores
from replications.measuring.curves import Curve
from replications.spatial_z_vae.params import FLAT, FLAT_MEAN, REDUCTION, SPATIAL, SPATIAL_MEAN, Params, cell_values

MOST_COMPONENTS = 16
"""Of the linear autoencoder that a flat arm is held against on the street: the size of the other replications' latents.
With some hundred components it is without loss there, which no short training is."""


def measure(images: dict[str, np.ndarray], facts: dict, params: Params, readers: Path) -> dict[str, float]:
    """Instrument → score of one run.

    Args:
        images: as train.py made them.
        facts: what train.py knew of the model.
        params: the run's.
        readers: the folder with the study's trained readers.
    """
    output, target = images["output"] / 255.0, images["target"] / 255.0
    scores = sharpness.relative(output, target) | fidelity.scores(output, target)
    scores["distance_to_training_mean"] = distance_to_mean(output, target, images["mean_image"] / 255.0)
    scores["rate"] = facts["rate"]
    scores["rate_per_value"] = facts["rate"] / params.latent_size
    scores["active_units"] = facts["active_units"]
    scores["active_share"] = facts["active_units"] / params.latent_size
    scores["parameters"] = facts["encoder_parameters"] + facts["decoder_parameters"]
    scores |= street_scores.scores(params.dataset, images)
    return scores | priors.scores(images, params.dataset, readers)


def distance_to_mean(output: np.ndarray, target: np.ndarray, mean_image: np.ndarray) -> float:
    """How far outputs (N, H, W, 3) are from the mean of the training images (1, H, W, 3), relative to photographs.

    Formula: mean |output − mean| / mean |target − mean|. Units: none. Range: from 0, every output is the mean image;
    1 is as far from it as photographs are. Source: the original's README, which says without a number that a decoder
    short of information puts out a mean. Blind spot: it does not ask whether an output went in the right direction.
    """
    return float(np.abs(output - mean_image).mean() / np.abs(target - mean_image).mean())


def controls(data: dict[str, np.ndarray], params: Params, readers: Path) -> known.Scores:
    """Control → instrument → score of known pictures, by a net: what photographs, blurred ones and noise reach.

    Args:
        data: the arrays of the data set.
        params: of any variant.
        readers: the folder with the nets of one seed.
    """
    samples = known.samples(data, params.n_test, params.n_samples)
    return {name: priors.scores(images, params.dataset, readers) for name, images in samples.items()}


def fixed_controls(data: dict[str, np.ndarray], variants: Mapping[str, Params]) -> known.Scores:
    """Control → instrument → score of known pictures that no net judges.

    These are blurred photographs, and what the best linear autoencoder of an arm's KL weight puts out: of the size of a
    flat arm (on the street of `MOST_COMPONENTS` values at most), and for a spatial arm of each square.
    """
    by_pixels = {name: params for name, params in variants.items() if params.loss == "pixel"}
    any_arm = next(iter(variants.values()))
    photos, train = data["test_photo"][: any_arm.n_test], data["train_photo"][: any_arm.n_train]
    on_street = any_arm.dataset.startswith("enumerable_street")
    scores: dict[str, Mapping[str, float]] = {}
    if on_street:
        blurred = street_scores.scores(any_arm.dataset, {"output": known.blurred(photos), "target": photos})
        blurred |= known.of_pictures(known.blurred(photos), photos)
        scores["photos_blurred"] = blurred
    else:
        flat = [name for name, params in by_pixels.items() if params.latent == "flat"]
        scores.update(known.linear_arms(data, variants, flat, weight=weight_of_a_nat))
    for name, params in by_pixels.items():
        if params.latent == "spatial":
            n_values, patch = cell_values(photos.shape[1], params.latent_size), REDUCTION
        elif on_street:
            n_values, patch = min(params.latent_size, MOST_COMPONENTS), None
        else:
            continue
        output = known.linear(train, photos, n_values, weight_of_a_nat(params), patch)
        scores[f"linear_{name}"] = known.of_pictures(output, photos)
    return scores


def weight_of_a_nat(params: Params) -> float:
    """β or, where the KL term is a mean over the latent, what it then comes to for each nat."""
    return params.beta * (params.mean_counts_as / params.latent_size if params.kl == "mean" else 1)


METRICS = {
    "psnr_flat_128": ("flat_128", "psnr"),
    "psnr_spatial_128": ("spatial_128", "psnr"),
    "psnr_spatial_512": ("spatial_512", "psnr"),
    "sharpness_flat_128": ("flat_128", "laplacian_variance"),
    "sharpness_spatial_128": ("spatial_128", "laplacian_variance"),
    "sharpness_spatial_512": ("spatial_512", "laplacian_variance"),
}
"""What `dvc metrics show` prints: name → (variant, instrument), means over seeds."""

SERIES = {"flat": FLAT, "spatial": SPATIAL, "flat, mean KL": FLAT_MEAN, "spatial, mean KL": SPATIAL_MEAN}
CURVES = (
    Curve("PSNR (dB) of reconstructions against latent size", "latent_size", "psnr", SERIES),
    Curve(
        "sharpness of reconstructions against latent size (1: as photographs)",
        "latent_size",
        "laplacian_variance",
        SERIES,
    ),
    Curve(
        "sharpness of prior samples against latent size (1: as photographs)",
        "latent_size",
        "laplacian_variance_prior",
        SERIES,
    ),
    Curve("KID of prior samples against latent size", "latent_size", "kid_prior", SERIES),
    Curve("rate (nats) against latent size", "latent_size", "rate", SERIES),
)

COMPARED = ("flat 8", "spatial 512")
"""The two columns of the sample sheet that the page shows first."""

TIMED = "spatial_128"
"""The variant that `bench` trains."""

PASSES = {"encoder": (3, 1), "decoder": (3, 0)}
"""Net → passes for each training image, and of how many the first layer is spared (bench.py says what counts)."""


def sheet(images: dict[str, dict[str, np.ndarray]]) -> list[tuple[str, np.ndarray]]:
    """Columns (title, pictures) of the sample sheet, from the images of one seed's runs by variant."""
    columns = [("photo", next(iter(images.values()))["target"])]
    columns += [(name.replace("_", "\n"), one["output"]) for name, one in images.items()]
    shown = ("flat_8", "flat_128", "flat_1024", "spatial_64", "spatial_512")
    return columns + [("prior\n" + name.replace("_", "\n"), images[name]["prior"]) for name in shown if name in images]

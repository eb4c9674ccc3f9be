"""Which instruments judge a beta_vae run, and against what. NumPy and files alone, but for the reader.

Scores of sharpness and diversity are relative to real photographs of the same test set: 1 is as they are. A score's
name ends in `_sampled` for decoded posterior samples, in `_prior` for decoded prior samples; without an ending it is
that of decoded posterior means, the usual reconstructions.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from replications.beta_vae.params import BETAS, Params
from replications.datasets import street, world
from replications.instruments import diversity, fidelity, probing, sharpness
from replications.measuring import known, priors, street_scores
from replications.measuring.curves import Curve

PROBED = ("wall_colour", "sky_shade", "door_colour", "mullion", "label")
"""The labels that the latent is probed for: the bundled world's factors (but for the brick phase, which no net of this
size encodes), or the classes of real images."""


def measure(images: dict[str, np.ndarray], facts: dict, params: Params, readers: Path) -> dict[str, float]:
    """Instrument → score of one run.

    Args:
        images: as train.py made them.
        facts: what train.py knew of the model.
        params: the run's.
        readers: the folder with the study's trained readers.
    """
    target = images["target"] / 255.0
    # Without noise there is no rate.
    scores: dict[str, float] = {name: facts[name] for name in ("rate", "active_units") if name in facts}
    for name, ending in (("output", ""), ("sampled", "_sampled")):
        pictures = images[name] / 255.0
        relative = sharpness.relative(pictures, target) | fidelity.scores(pictures, target)
        scores |= {f"{instrument}{ending}": score for instrument, score in relative.items()}
    scores["sharpness_sampled_over_mean"] = scores["laplacian_variance_sampled"] / scores["laplacian_variance"]
    scores["psnr_sampled_over_mean"] = scores["psnr_sampled"] - scores["psnr"]
    variety = diversity.variety(target).mean()
    scores["posterior_diversity"] = diversity.conditional_diversity(images["draws"] / 255.0).mean() / variety
    if params.variance == "unit":
        scores["objective"] = facts["distortion"] + params.beta * facts.get("rate", 0.0)
    scores |= street_scores.scores(params.dataset, images)
    return scores | priors.scores(images, params.dataset, readers) | _probe_scores(images, facts, params.dataset)


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

    These are blurred photographs, and what the best linear autoencoder of an arm's size and KL weight puts out; of a
    linear VAE also the loss, `objective`.
    """
    return known.linear_arms(data, variants, ("autoencoder", "beta_1"), objectives=("beta_1",))


def _probe_scores(images: dict[str, np.ndarray], facts: dict, dataset: str) -> dict[str, float]:
    """What a linear classifier finds in the latent, and on the bundled worlds the rate against the true entropy."""
    accuracies = {
        f"probe_accuracy_{name}": probing.probe_accuracy(images["latent"], images[f"probe_{name}"])
        for name in PROBED
        if f"probe_{name}" in images
    }
    scores = {"probe_accuracy": float(np.mean(list(accuracies.values())))} | accuracies
    entropy = None
    if dataset.startswith("enumerable_street"):
        entropy = street.ENTROPY
    elif "probe_labels" in images:
        entropy = world.factor_entropy(images["probe_labels"][..., 0]).mean()
    if entropy is not None and "rate" in facts:
        scores |= {"factor_entropy": entropy, "rate_over_factor_entropy": facts["rate"] / entropy}
    return scores


METRICS = {
    "rate_beta_1": ("beta_1", "rate"),
    "sharpness_autoencoder": ("autoencoder", "laplacian_variance"),
    "sharpness_beta_1": ("beta_1", "laplacian_variance"),
    "sharpness_sigma": ("sigma", "laplacian_variance"),
}
"""What `dvc metrics show` prints: name → (variant, instrument), means over seeds."""

CURVES = (
    Curve("distortion (mean squared error) against rate (nats)", "rate", "mse", {"β": BETAS, "σ-VAE": ("sigma",)}),
    Curve("sharpness of reconstructions against β (1: as photographs)", "beta", "laplacian_variance", {"β": BETAS}),
    Curve("rate (nats) against β", "beta", "rate", {"β": BETAS}),
    Curve(
        "rate over the true entropy of the factors against β",
        "beta",
        "rate_over_factor_entropy",
        {"β": BETAS},
        where_known=True,
    ),
    Curve("probe accuracy against β", "beta", "probe_accuracy", {"β": BETAS}),
    Curve("KID of prior samples against β", "beta", "kid_prior", {"β": BETAS}),
)

COMPARED = ("beta 1", "beta 0001")
"""The two columns of the sample sheet that the page shows first."""

TIMED = "beta_1"
"""The variant that `bench` trains."""

PASSES = {"encoder": (3, 1), "decoder": (3, 0)}
"""Net → passes for each training image, and of how many the first layer is spared (bench.py says what counts)."""


def sheet(images: dict[str, dict[str, np.ndarray]]) -> list[tuple[str, np.ndarray]]:
    """Columns (title, pictures) of the sample sheet, from the images of one seed's runs by variant."""
    columns = [("photo", next(iter(images.values()))["target"])]
    columns += [(name.replace("_", "\n"), one["output"]) for name, one in images.items()]
    return columns + [(f"prior\n{name}", one["prior"]) for name, one in images.items() if name != "autoencoder"]

"""The hyper-parameters of one spatial_z_vae run: names, types and ranges. Values and sources stand in params.yaml."""

import math
from typing import Literal

from pydantic import Field

from replications.params import RunParams

FLAT = ("flat_8", "flat_32", "flat_128", "flat_512", "flat_1024")
SPATIAL = ("spatial_64", "spatial_128", "spatial_256", "spatial_512")
"""In the order of their sizes, every nat weighing the same."""
FLAT_MEAN = ("flat_8_mean", "flat_128", "flat_1024_mean")
SPATIAL_MEAN = ("spatial_64_mean", "spatial_128", "spatial_512_mean")
"""In the order of their sizes, the KL divergence a mean over the latent; at 128 values that is the same loss."""

REDUCTION = 4
"""A spatial latent has the picture's sides divided by this (the original: 160 pixels → 40 × 40)."""


def cell_values(size: int, latent_size: int) -> int:
    """C, the number of latent values in each cell of a spatial latent of `latent_size` values."""
    cells = (size // REDUCTION) ** 2
    if size % REDUCTION or latent_size % cells:
        raise ValueError(
            f"latent_size = {latent_size} does not fill a spatial latent of pictures of {size} pixels evenly; "
            f"take a multiple of {cells}"
        )
    return latent_size // cells


class Params(RunParams):
    """One row of the ablation, complete: the section's values overridden by the variant's."""

    latent: Literal["flat", "spatial"]
    """Flat: a vector, through dense layers. Spatial: a map, a quarter of the picture's side, by 1×1 convolutions."""
    latent_size: int = Field(gt=0)
    """Values in the latent, all together; where it is spatial, a multiple of (size / 4)²."""
    channels: int = Field(gt=0)
    """Of the first convolution; the next ones have 2 and 4 (flat: 3) times as many."""
    residual_blocks: int = Field(ge=0)
    """Of the spatial encoder; the flat one has none."""
    normalisation: Literal["none", "instance"]
    """Of the spatial nets; the flat ones have none."""

    beta: float = Field(ge=0)
    """Weight of the KL divergence, in nats, beside the distortion, in nats of a decoder with unit variance."""
    kl: Literal["sum", "mean"]
    """Over the latent's values. With the mean, as in the original, every nat weighs less in a larger latent."""
    mean_counts_as: int = Field(gt=0)
    """The mean is multiplied by this many values, so that both forms are the same loss at this latent size."""

    loss: Literal["pixel", "perceptual"]
    """Squared error of pixels, or of the features of a frozen net, with no pixel loss beside it."""
    feature_channels: int = Field(gt=0)
    """Of the frozen net's first convolution."""
    feature_epochs: int = Field(gt=0)
    """How long it learns the data set's labels before it is frozen."""
    feature_seed: int = Field(ge=0)
    """Added to the run's: all variants of a seed look through the same net, and each seed through another."""

    n_samples: int = Field(ge=2)
    """Samples decoded from the prior."""

    @property
    def trained_besides(self) -> dict[str, dict[str, int]]:
        """The steps of the frozen net, where the loss looks through one."""
        steps = self.feature_epochs * math.ceil(self.n_train / self.batch_size)
        return {"features": {"steps": steps}} if self.loss == "perceptual" else {}

    @property
    def side_multiple(self) -> int:
        """Of a picture's side in pixels: the flat nets halve it three times, the spatial ones twice."""
        return 8 if self.latent == "flat" else REDUCTION

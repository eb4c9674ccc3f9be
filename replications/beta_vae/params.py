"""The hyper-parameters of one beta_vae run: names, types and ranges. Their values and sources stand in params.yaml."""

from typing import Literal

from pydantic import Field, model_validator

from replications.params import RunParams

BETAS = ("beta_0001", "beta_001", "beta_01", "beta_03", "beta_1", "beta_10")
"""The variants in the order of β, from 0.001 to 10."""


class Params(RunParams):
    """One row of the ablation, complete: the section's values overridden by the variant's."""

    n_probe: int = Field(ge=20)
    """Training images after the first n_train: never trained on, their latents are probed for the labels."""

    channels: int = Field(gt=0)
    latent_size: int = Field(gt=0)
    encoder: Literal["gaussian", "deterministic"]
    """Deterministic: z is the mean, without noise; a plain autoencoder where beta is 0 as well."""
    beta: float = Field(ge=0)
    """Weight of the KL divergence, in nats, beside the distortion of a decoder with unit variance, in nats."""
    variance: Literal["unit", "optimal"]
    """The decoder's: 1, or the batch's mean squared error (Rybkin et al. 2021, section 3.2)."""

    n_samples: int = Field(ge=2)
    """Samples decoded from the prior."""
    n_draws: int = Field(ge=2)
    """Posterior samples of one input that are decoded, for the diversity."""
    n_draws_inputs: int = Field(gt=0)
    """Inputs for which they are."""

    @property
    def side_multiple(self) -> int:
        """Of a picture's side in pixels: the nets halve it three times."""
        return 8

    @model_validator(mode="after")
    def _possible(self):
        if self.encoder == "deterministic" and self.beta > 0:
            raise ValueError(
                f"beta = {self.beta} with a deterministic encoder, which has no KL divergence; set it to 0"
            )
        return self

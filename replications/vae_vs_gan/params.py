"""The hyper-parameters of one vae_vs_gan run: names, types, ranges. Their values and sources stand in params.yaml."""

from typing import Literal

from pydantic import Field, model_validator

from replications.params import RunParams


class Params(RunParams):
    """One row of the comparison, complete: the section's values overridden by the variant's."""

    batch_size: int = Field(gt=1)
    """More than one: batch normalisation."""
    beta_1: float = Field(ge=0, lt=1)
    beta_2: float = Field(default=0.999, ge=0, lt=1)

    channels: int = Field(gt=0)
    latent_size: int = Field(gt=0)
    encoder: Literal["none", "deterministic", "gaussian"]
    """None: a GAN. Deterministic: an autoencoder. Gaussian: a VAE."""
    beta: float = Field(ge=0)
    """Weight of the KL divergence, in nats, beside the distortion of a decoder with unit variance, in nats."""
    gamma: float = Field(ge=0)
    """Weight of the adversarial term in the decoder's loss; 0: there is no discriminator."""
    label_smoothing: float = Field(ge=0, lt=0.5)
    """Of real pictures, for the discriminator (Salimans et al. 2016)."""
    game: Literal["standard", "relativistic"] = "standard"
    """Whether the discriminator tells real from generated pictures each by itself (Goodfellow et al. 2014), or which of
    a pair is the real one (Jolicoeur-Martineau 2019, section 3.2; Huang et al. 2024, R3GAN, section 2.1)."""
    gradient_penalty: float = Field(default=0.0, ge=0)
    """γ of R3GAN, section 2.2: half of it weighs the squared norm of the discriminator's gradient, at real and at
    generated pictures. 0: none, and the discriminator is normalised as DCGAN's."""
    penalty_step: float = Field(default=0.05, gt=0)
    """Standard deviation, pictures being in [0, 1], of the step over which this gradient is a finite difference."""
    variance: Literal["unit", "optimal"] = "unit"
    """The decoder's: 1, or the batch's mean squared error (Rybkin et al. 2021, section 3.2)."""

    n_samples: int = Field(ge=2)
    """Images decoded from the prior."""
    n_search: int = Field(gt=0)
    """Test images whose nearest output is searched for in the latent."""
    n_restarts: int = Field(gt=0)
    search_steps: int = Field(gt=0)
    search_learning_rate: float = Field(gt=0)
    n_bound: int = Field(gt=0)
    """Test images whose likelihood is bounded."""
    n_importance: int = Field(gt=0)
    """K of the importance-weighted bound (Burda et al. 2016)."""

    @property
    def trained_besides(self) -> dict[str, dict[str, int]]:
        """The steps of the search of the latent."""
        return {"search": {"steps": self.search_steps}}

    @property
    def side_multiple(self) -> int:
        """Of a picture's side in pixels: the nets halve it three times."""
        return 8

    @model_validator(mode="after")
    def _possible(self):
        for name in ("n_search", "n_bound"):
            if getattr(self, name) > self.n_test:
                raise ValueError(f"{name} = {getattr(self, name)} is more than n_test = {self.n_test}")
        if self.encoder == "none" and self.gamma == 0:
            raise ValueError("with encoder none and gamma 0 there is nothing to learn from; give one of them")
        if self.gamma == 0 and (self.game != "standard" or self.gradient_penalty > 0):
            raise ValueError(
                f"game = {self.game}, gradient_penalty = {self.gradient_penalty} with gamma 0, so without a "
                "discriminator; leave them out"
            )
        if self.encoder != "gaussian" and self.beta > 0:
            raise ValueError(f"beta = {self.beta} without a gaussian encoder, so without a KL divergence; set it to 0")
        return self

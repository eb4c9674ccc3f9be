"""The hyper-parameters of one cell of `causes`: names, types, ranges. Their values and sources stand in params.yaml."""

from typing import Literal

from pydantic import Field, model_validator

from replications.params import RunParams


class Params(RunParams):
    """One cell, complete: how information is lost, and by which loss the decoder is trained."""

    beta_1: float = Field(ge=0, lt=1)
    beta_2: float = Field(ge=0, lt=1)

    channels: int = Field(gt=0)
    latent_size: int = Field(gt=0)
    """Values of a code that the nets are built for."""
    used: int = Field(gt=0)
    """Of these the first so many carry the code, the others are nought: equal nets whatever the size."""
    noise_size: int = Field(gt=0)
    """Values of the decoder's own noise."""

    regime: Literal["deterministic", "noise", "shrinkage", "vae", "levels"]
    """How a picture becomes a code. Deterministic: the mean. Noise: the mean at unit power, with noise. Shrinkage: the
    mean, whose square is penalised. VAE: a sample of the posterior. Levels: each value is
    standardised over the batch, so that no level is forgotten, goes through tanh and is rounded to one of a few."""
    beta: float = Field(ge=0)
    """Weight of the KL divergence, or of ½‖mean‖² of shrinkage, beside a decoder of unit variance, in nats."""
    variance: Literal["unit", "optimal"]
    """The decoder's: 1, or the batch's mean squared error (Rybkin et al. 2021, section 3.2)."""
    sigma: float = Field(ge=0)
    """Deviation of the noise on codes of unit power."""
    levels: int = Field(ge=0)
    """To how many levels a value of the code is rounded; 0: it is not."""
    hidden: int = Field(ge=0)
    """Values of a second code that pays the KL divergence and that no decoder sees: a control."""

    loss: Literal["l2", "l1", "adversary", "energy"]
    """Of the decoder that is judged; codes are learned with L2 in every cell."""
    gamma: float = Field(gt=0)
    """Weight of the adversarial term beside ½ Σ (x − x̂)². Where there is no such term, Adam cancels it."""
    fidelity: float = Field(default=1.0, ge=0)
    """Weight of ½ Σ (x − x̂)² beside the adversarial term; 0: the adversary alone."""
    gradient_penalty: float = Field(gt=0)
    """γ of R3GAN, section 2.2 (Huang et al. 2024)."""
    penalty_step: float = Field(gt=0)
    """Standard deviation, pictures being in [0, 1], of the step over which this gradient is a finite difference."""
    square: int = Field(gt=0)
    """Side, in pixels, of the squares that the energy score is taken of, besides the whole picture."""

    n_samples: int = Field(ge=2)
    """Samples decoded from a prior, and pairs of codes whose midpoints are decoded."""

    @property
    def side_multiple(self) -> int:
        """Of a picture's side in pixels: the nets halve it three times."""
        return 8

    @property
    def gaussian(self) -> bool:
        """Whether the encoder says a variance."""
        return self.regime == "vae"

    @model_validator(mode="after")
    def _possible(self):
        if self.used > self.latent_size:
            raise ValueError(f"used = {self.used} is more than latent_size = {self.latent_size}")
        if (self.beta > 0) != (self.regime in ("vae", "shrinkage") or self.hidden > 0):
            raise ValueError(
                f"beta = {self.beta} with regime {self.regime} and hidden = {self.hidden}: it weighs the divergence of "
                "a vae or of hidden values, or shrinkage; give it there alone"
            )
        if (self.sigma > 0) != (self.regime == "noise"):
            raise ValueError(f"sigma = {self.sigma} with regime {self.regime}: noise has one, the others have none")
        if self.levels == 1 or (self.levels > 1 and self.regime != "levels"):
            raise ValueError(
                f"levels = {self.levels} with regime {self.regime}: levels has two or more, or 0 for none; the others 0"
            )
        if self.hidden and self.regime != "deterministic":
            raise ValueError(
                f"hidden = {self.hidden} with regime {self.regime}: it is a control of deterministic codes"
            )
        if self.fidelity != 1 and self.loss != "adversary":
            raise ValueError(
                f"fidelity = {self.fidelity} with loss {self.loss}: it weighs L2 beside an adversary alone"
            )
        if self.variance == "optimal" and self.regime != "vae":
            raise ValueError(f"variance = optimal with regime {self.regime}, which has no rate to weigh; say unit")
        return self

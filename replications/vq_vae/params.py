"""The hyper-parameters of one vq_vae run: names, types and ranges. Their values and sources stand in params.yaml."""

from typing import Literal

from pydantic import Field, model_validator

from replications.params import RunParams

SIZES = ("k2", "k8", "k32", "k128", "k512")
"""The variants in the order of the codebook's size, with the paper's own quantiser."""


class Params(RunParams):
    """One row of the ablation, complete: the section's values overridden by the variant's."""

    channels: int = Field(gt=0)
    residual_blocks: int = Field(ge=0)
    embedding_dim: int = Field(gt=0)
    """D: the size of a code's vector, and of the latent at each of the positions."""
    quantiser: Literal["none", "gaussian", "straight_through", "ema", "ema_restarts"]
    """`none` hands the latent on as it is; `gaussian` makes the net a VAE."""
    codebook_size: int = Field(ge=2)
    """K; read by the quantisers with a codebook alone."""
    commitment_cost: float = Field(ge=0)
    """β of equation 3."""
    decay: float = Field(gt=0, lt=1)
    """γ of the moving averages (appendix A.1)."""
    restart_below: float = Field(ge=0)
    """Restarts: a code whose moving count per batch is below this starts again at an encoder output."""
    beta: float = Field(ge=0)
    """Weight of |KL − C| of `gaussian`, in nats, beside the distortion of a decoder with unit variance.

    With C = 0 that is the β-VAE; with a C it is γ of Burgess et al. 2018 (equation 8).
    """
    capacity: float = Field(default=0.0, ge=0)
    """C of Burgess et al. 2018: the KL divergence that `gaussian` trains towards, in nats per picture."""

    n_encoded: int = Field(gt=0)
    """Test images whose encodings are kept, for the variance within a code."""

    @property
    def side_multiple(self) -> int:
        """Of a picture's side in pixels: the nets halve it twice."""
        return 4

    @model_validator(mode="after")
    def _possible(self):
        if self.codebook_size > 2**16:
            raise ValueError(
                f"codebook_size = {self.codebook_size}: expected at most {2**16}, codes are kept as uint16"
            )
        return self

"""The hyper-parameters of one pix2pix run: names, types and ranges. Their values and sources stand in params.yaml."""

from typing import ClassVar, Literal

from pydantic import Field, model_validator

from replications.params import RunParams


class Params(RunParams):
    """One row of the ablation, complete: the section's values overridden by the variant's."""

    label_maps: ClassVar[bool] = True
    """The data set needs them, and their palette."""

    direction: Literal["labels_to_photo", "photo_to_labels"]
    beta_1: float = Field(ge=0, lt=1)
    n_epochs_decay: int = Field(default=0, ge=0)
    """Of the epochs the last ones, over which the learning rate falls linearly to zero; 0: it is constant."""
    jitter: int = Field(ge=0)
    """Pixels of reflection around training pairs before a random crop of the original size; 0: no crop."""
    mirror: bool
    """Random horizontal flips of training pairs."""
    precision: Literal["float32", "mixed_bfloat16"]
    """Of the nets' layers but the last; weights are float32 either way (Micikevicius et al. 2018)."""

    ngf: int = Field(gt=0)
    ndf: int = Field(gt=0)
    depth: int = Field(ge=2)
    skips: bool
    dropout: float = Field(ge=0, lt=1)
    dropout_blocks: int = Field(ge=0)
    """Decoder blocks with dropout, the innermost."""

    discriminator: Literal["none", "unconditional", "conditional"]
    receptive_field: Literal[1, 7, 16, 34, 70]
    lambda_l1: float = Field(ge=0)
    lambda_l2: float = Field(ge=0)

    n_draws: int = Field(ge=2)
    """Outputs of the same input, under different dropout, kept for the diversity."""
    n_draws_inputs: int = Field(gt=0)
    """Inputs for which they are kept."""

    @property
    def side_multiple(self) -> int:
        """Of a picture's side in pixels: the generator halves it `depth` times."""
        return 2**self.depth

    @model_validator(mode="after")
    def _possible(self):
        if self.dropout_blocks >= self.depth:
            raise ValueError(
                f"dropout_blocks = {self.dropout_blocks}: a net of depth {self.depth} has {self.depth - 1} decoder "
                "blocks before the last; ask for no more"
            )
        if self.n_epochs_decay > self.epochs:
            raise ValueError(
                f"n_epochs_decay = {self.n_epochs_decay}: it counts among the epochs, which are {self.epochs}; ask for "
                "no more"
            )
        return self

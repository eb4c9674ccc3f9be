"""What every replication's hyper-parameters have in common. Values and sources stand in params.yaml."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator


class RunParams(BaseModel):
    """One row of an ablation, complete: the section's values overridden by the variant's. Each room adds its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    label_maps: ClassVar[bool] = False
    """Whether the data set needs label maps, and their palette."""

    dataset: str
    """A file of arrays: the builder's name and configuration, joined by a hyphen."""
    n_train: int = Field(gt=0)
    """Images, the first of the split; `n_test` likewise."""
    n_test: int = Field(gt=0)
    epochs: int = Field(gt=0)
    batch_size: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    """Of Adam."""

    @property
    def side_multiple(self) -> int:
        """Of a picture's side in pixels: what the nets halve it to must be whole."""
        return 1

    @property
    def trained_besides(self) -> dict[str, dict[str, int]]:
        """Net that a recipe trains beside its model → what its training has to come to; `proof` asks."""
        return {}

    @model_validator(mode="after")
    def _one_batch(self):
        if self.n_train < self.batch_size:
            raise ValueError(f"n_train = {self.n_train} is less than one batch of {self.batch_size}")
        return self

"""What every replication's hyper-parameters have in common. Values and sources stand in params.yaml."""

import math
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class RunParams(BaseModel):
    """One row of an ablation, complete: the section's values overridden by the variant's. Each room adds its own.

    A key with a default is younger than some committed results: the default is what earlier code did. Where it has this
    value, a run's identity does not hold it, so that evidence of earlier code stays evidence.
    """

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
    ema: float = Field(default=0.0, ge=0, lt=1)
    """Momentum of the moving average of the weights that outputs are made with (Polyak and Juditsky 1992); 0: of the
    weights themselves. The learning rate is constant, so averages make a snapshot as good as an end."""
    snapshots: tuple[float, ...] = (1.0,)
    """Shares of the training at which outputs are kept; the last is its end."""
    keep_weights: float = Field(default=0.0, ge=0)
    """The nets' weights are kept beside the outputs if they take at most so many megabytes."""

    @property
    def side_multiple(self) -> int:
        """Of a picture's side in pixels: what the nets halve it to must be whole."""
        return 1

    @property
    def trained_besides(self) -> dict[str, dict[str, int]]:
        """Net that a recipe trains beside its model → what its training has to come to; `proof` asks."""
        return {}

    def declared(self) -> dict[str, Any]:
        """What identifies a run: all values but those that earlier code had no name for."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def snapshot_epochs(self) -> dict[int, float]:
        """Epoch after which outputs are kept → share of the training that is done then."""
        return {round(share * self.epochs): share for share in self.snapshots}

    @field_validator("snapshots", mode="before")
    @classmethod
    def _from_yaml(cls, shares: Any) -> Any:
        return tuple(shares) if isinstance(shares, list) else shares

    @field_validator("snapshots")
    @classmethod
    def _snapshots(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if sorted(set(shares)) != list(shares) or not shares or shares[0] <= 0 or shares[-1] != 1:
            raise ValueError(
                "expected growing shares of the training up to its end, such as [0.25, 0.5, 1.0]; correct it"
            )
        return shares

    @model_validator(mode="after")
    def _whole_epochs(self):
        for share in self.snapshots:
            if not math.isclose(share * self.epochs, max(1, round(share * self.epochs))):
                raise ValueError(
                    f"snapshots: {share:g} × {self.epochs} epochs = {share * self.epochs:g}, expected whole epochs; "
                    f"choose multiples of 1/{self.epochs}"
                )
        return self

    @model_validator(mode="after")
    def _one_batch(self):
        if self.n_train < self.batch_size:
            raise ValueError(
                f"n_train = {self.n_train}: expected at least one batch, {self.batch_size}; raise it or lower that"
            )
        return self

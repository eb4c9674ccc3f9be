"""Arrays around the nets of every recipe: pictures to [0, 1] and back, in pieces, enough of them, and finite."""

from collections.abc import Iterable, Mapping

import numpy as np
from keras import ops

from replications.errors import DataError, Diverged
from replications.params import RunParams


def to_float(z: np.ndarray) -> np.ndarray:
    """uint8 → [0, 1] float32."""
    return z.astype(np.float32) / 255


def to_uint8(z: np.ndarray) -> np.ndarray:
    """[0, 1] → uint8."""
    return np.clip(np.round(z * 255), 0, 255).astype(np.uint8)


def pieces(x: np.ndarray, rows: int = 100) -> list[np.ndarray]:
    """At most `rows` rows at a time: what goes through a net at once when it is not trained."""
    return np.array_split(x, range(rows, len(x), rows))


def joined(results: Iterable) -> np.ndarray:
    """What a net said of each piece, of any backend, as one array."""
    return np.concatenate([np.asarray(ops.convert_to_numpy(one)) for one in results])


def six_digits(value: float) -> float:
    """A fact as it is kept: beyond six digits it would change with the order of a sum."""
    return float(f"{value:.6g}")


def check_counts(params: RunParams, data: Mapping[str, np.ndarray]) -> None:
    """Raises DataError before any training where the data set has fewer images than asked for."""
    for split, n in (("train", params.n_train), ("test", params.n_test)):
        if n > len(data[f"{split}_photo"]):
            raise DataError(f"n_{split} = {n}: the data set has {len(data[f'{split}_photo'])} images; ask for no more")


def check_finite(outputs: Mapping[str, np.ndarray], epochs: int) -> None:
    """Raises Diverged where outputs after all epochs are not numbers: no loss has seen the last step's weights."""
    for name, values in outputs.items():
        if not np.isfinite(values).all():
            raise Diverged(f"epoch {epochs}: {name} is not a number everywhere")

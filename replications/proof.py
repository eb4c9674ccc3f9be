"""What a finished run must show: every declared epoch, step and picture, and outputs of the declared size.

The training counts what it really did (`fitting.TRAINED`), and facts.json keeps it: `trained`, for each net its epochs,
steps and images, and `picture`, the height, width and channels of what it was trained on. Here that is held against the
parameters, whoever wrote it. Runs of earlier code kept no such record.
"""

import importlib
import io
from collections.abc import Mapping

import numpy as np

from replications.datasets import arrays
from replications.errors import DataError
from replications.params import RunParams

PICTURES = {
    "input": ("n_test",),
    "target": ("n_test",),
    "output": ("n_test",),
    "sampled": ("n_test",),
    "prior": ("n_samples",),
    "searched": ("n_search",),
    "draws": ("n_draws_inputs", "n_draws"),
    "mean_image": (),
}
"""Array of images.npz → the parameters that say how many pictures it holds; none: one."""


def declared(params: RunParams) -> dict[str, dict[str, int]]:
    """Net → what its training has to come to: `model`, which `fit` trains, and those that a room trains besides."""
    steps = params.epochs * (params.n_train // params.batch_size)
    images = steps * params.batch_size
    model = {"epochs": params.epochs, "steps": steps, "images": images}
    return {"model": model, **params.trained_besides}


def unfinished(facts: dict) -> str:
    """What a run's facts.json does not show of its training; nothing, if it is a finished run's.

    Raises:
        ValueError, KeyError, TypeError, ImportError: it is no facts.json of a run at all.
    """
    counted, room = facts.get("trained"), facts["replication"]
    wanted = declared(importlib.import_module(f"replications.{room}.params").Params(**facts["params"]))
    if not isinstance(counted, dict):
        return f"facts.json does not say what was trained, expected {wanted}; train it again"
    for net in sorted({*wanted, *counted}):
        if counted.get(net) != wanted.get(net):
            return (
                f"trained {net}: {_in_words(counted.get(net))}, expected {_in_words(wanted.get(net))}; "
                f"correct replications/{room}/train.py, or params.py where it declares"
            )
    return ""


def problem(facts: dict, content: bytes) -> str:
    """Why a run must not be kept, by its facts and the content of its images.npz; nothing, if it is whole.

    Raises:
        ValueError, KeyError, TypeError, ImportError: these are no run's facts at all.
    """
    said = unfinished(facts)
    if said:
        return said
    try:
        images = arrays.load(io.BytesIO(content))
    except DataError:
        room = facts["replication"]
        return f"images.npz is no .npz file of arrays without pickles; correct replications/{room}/train.py"
    return unlike_declared(facts, images)


def unlike_declared(facts: dict, images: Mapping[str, np.ndarray]) -> str:
    """What a run's arrays are that its parameters do not declare; nothing, if they are as declared.

    Raises:
        ValueError, KeyError, TypeError, ImportError: these are no run's facts at all.
    """
    room, picture = facts["replication"], facts.get("picture")
    params = importlib.import_module(f"replications.{room}.params").Params(**facts["params"])
    correct = f"correct replications/{room}/train.py"
    if not isinstance(picture, list) or len(picture) != 3:
        return f"picture = {picture}, expected height, width and channels of the data set; {correct}"
    for either in (("target",), ("output", "prior")):
        if not any(name in images for name in either):
            return f"images.npz has no array {' or '.join(either)}, expected beside {sorted(images)}; {correct}"
    for key, values in images.items():
        name, at, share = key.partition("@")  # `output@0.25` is an earlier `output`
        if at and share not in {f"{one:g}" for one in params.snapshots}:
            return f"images.npz: {key} is of no snapshot, expected {params.snapshots}; {correct}"
        if values.dtype.kind not in "uifb":
            return f"images.npz: {name}: {values.dtype}, expected numbers; {correct}"
        if name in PICTURES and not (values.dtype == np.uint8 and values.shape == _shape(name, params, picture)):
            return (
                f"images.npz: {name}: {values.dtype} {values.shape}, expected uint8 {_shape(name, params, picture)}; "
                f"{correct}"
            )
        if np.issubdtype(values.dtype, np.inexact) and not np.isfinite(values).all():
            return f"images.npz: {name} is not a number everywhere, expected finite values; {correct}"
    return ""


def _shape(name: str, params: RunParams, picture: list[int]) -> tuple[int, ...]:
    counts = [getattr(params, key) for key in PICTURES[name]] or [1]
    if name == "draws":  # of the first test inputs, as far as there are so many
        counts[0] = min(counts[0], params.n_test)
    return (*counts, *picture)


def _in_words(counts: dict[str, int] | None) -> str:
    return ", ".join(f"{n} {what}" for what, n in counts.items()) if isinstance(counts, dict) else "nothing"

"""One run in a process of its own: seeds, determinism, provenance; the recipe itself is the room's train.py.

Forked from a server that has imported this module, a fresh process costs next to nothing, and nothing that another
task drew from a global random generator can reach the run.
"""

import importlib
import io
import json
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from multiprocessing.connection import Connection

import numpy as np

from replications import environment
from replications.environment import quiet
from replications.errors import Diverged, ReplicationError

with quiet():
    import keras

    from replications.training import fitting


def train_one(replication: str, params: dict, seed: int, data: bytes, checkpoint: str, connection: Connection) -> None:
    """The child process: trains and tells `connection` how it goes.

    It sends ("progress", seen, all) now and then, and last ("finished", images, facts, weights) or ("diverged", why) or
    ("failed", why). `data` is the content of an npz file and so are `images` and `weights`: nothing but messages
    connects a run with the rest of the world, and `checkpoint`, the file in which it leaves its state meanwhile ("": in
    none).
    """
    os.environ[fitting.FILE] = checkpoint
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        trained = train(replication, params, seed, data, lambda *seen: connection.send(("progress", *seen)))
    except Diverged as error:
        connection.send(("diverged", str(error)))
    except ReplicationError as error:
        connection.send(("failed", str(error)))
    else:
        connection.send(("finished", *trained))
    connection.close()


def train(
    replication: str, params: dict, seed: int, data: bytes, progress: Callable[[int, int], None]
) -> tuple[bytes, dict, bytes]:
    """Trains in this process, deterministically.

    Returns:
        The content of images.npz.
        The room's facts, the environment, and what a finished run has to show (`proof`).
        The content of weights.npz; empty, where the parameters say not to keep so much.
    """
    _be_deterministic()
    room = importlib.import_module(f"replications.{replication}.train")
    schema = importlib.import_module(f"replications.{replication}.params").Params
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    fitting.TRAINED.clear()
    with numbers_alone(params["epochs"]):
        images, facts, nets = room.train(schema(**params), seed, arrays, progress)
    content, weights = io.BytesIO(), io.BytesIO()
    np.savez_compressed(content, **images)
    values = fitting.weights_of(nets)
    if sum(value.nbytes for value in values.values()) <= schema(**params).keep_weights * 1e6:
        np.savez(weights, allow_pickle=False, **values)
    json.dumps(facts, allow_nan=False)  # a fact that JSON cannot hold is a mistake of the room's; let it show here
    shown = {"trained": dict(fitting.TRAINED), "picture": list(arrays["test_photo"].shape[1:])}
    described = {"facts": facts, "environment": environment.describe(), **shown}
    return content.getvalue(), described, weights.getvalue()


@contextmanager
def numbers_alone(epochs: int) -> Iterator[None]:
    """Wherever a room rounds to bytes: of what is no number NumPy makes some byte, and warns.

    Raises:
        Diverged: instead.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "invalid value encountered in cast", RuntimeWarning)
        try:
            yield
        except RuntimeWarning as error:
            if "in cast" not in str(error):
                raise
            raise Diverged(f"epoch {epochs}: an output is not a number everywhere") from None


def _be_deterministic() -> None:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    if keras.backend.backend() == "torch":
        import torch  # pyright: ignore[reportMissingImports]  # an extra

        torch.use_deterministic_algorithms(True)


def _die_with_parent() -> None:
    """A run whose supervisor was killed must not train on unseen."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

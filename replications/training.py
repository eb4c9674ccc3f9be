"""One run in a process of its own: seeds, determinism, provenance; the recipe itself is the room's train.py.

Forked from a server that has imported this module, a fresh process costs next to nothing, and nothing that another
task drew from a global random generator can reach the run.
"""

import importlib
import io
import json
import os
import platform
import sys
import threading
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from replications.errors import Diverged, ReplicationError
from replications.keras_import import quiet
from replications.kernels import kernels

with quiet():
    import keras

    from replications import fitting

BESIDE = {"jax": ("jaxlib", "jax-cuda12-plugin", "jax-cuda13-plugin")}
"""Packages that compute for a backend, as far as they are installed."""


def train_one(replication: str, params: dict, seed: int, data: bytes, checkpoint: str, connection: Connection) -> None:
    """The child process: trains and tells `connection` how it goes.

    It sends ("progress", seen, all) now and then, and last ("finished", images, facts) or ("diverged", why) or
    ("failed", why). `data` is
    the content of an npz file and so is `images`: nothing but messages connects a run with the rest of the world, and
    `checkpoint`, the file in which it leaves its state meanwhile ("": in none).
    """
    os.environ[fitting.FILE] = checkpoint
    threading.Thread(target=_die_with_parent, daemon=True).start()
    try:
        images, facts = train(replication, params, seed, data, lambda *seen: connection.send(("progress", *seen)))
    except Diverged as error:
        connection.send(("diverged", str(error)))
    except ReplicationError as error:
        connection.send(("failed", str(error)))
    else:
        connection.send(("finished", images, facts))
    connection.close()


def train(
    replication: str, params: dict, seed: int, data: bytes, progress: Callable[[int, int], None]
) -> tuple[bytes, dict]:
    """Trains in this process, deterministically: (content of images.npz, the room's facts and the environment)."""
    _be_deterministic()
    room = importlib.import_module(f"replications.{replication}.train")
    schema = importlib.import_module(f"replications.{replication}.params").Params
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    images, facts = room.train(schema(**params), seed, arrays, progress)
    content = io.BytesIO()
    np.savez_compressed(content, **images)
    json.dumps(facts, allow_nan=False)  # a fact that JSON cannot hold is a mistake of the room's; let it show here
    return content.getvalue(), {"facts": facts, "environment": environment()}


def environment() -> dict:
    """What, besides parameters, code and data, can change a run's bytes."""
    backend = keras.backend.backend()
    packages = ["keras", "numpy", backend, *(name for name in BESIDE.get(backend, ()) if _installed(name))]
    return {
        "backend": backend,
        "cpu": _cpu_model(),
        "device": _device(),
        "kernels": kernels(backend),
        "packages": {name: version(name) for name in sorted(packages)},
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "threads": int(os.environ.get("TF_NUM_INTRAOP_THREADS", 0)),
    }


def _installed(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


def _be_deterministic() -> None:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    if keras.backend.backend() == "torch":
        import torch

        torch.use_deterministic_algorithms(True)


def _device() -> str:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU") if gpus else "CPU"
    if keras.backend.backend() == "jax":
        import jax

        return jax.devices()[0].device_kind
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


def _cpu_model() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _die_with_parent() -> None:
    """A run whose supervisor was killed must not train on unseen."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

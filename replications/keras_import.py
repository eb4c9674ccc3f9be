"""How the suite imports Keras: in an environment that decides the bytes, and without a word on the terminal."""

import ctypes
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from replications.errors import ReplicationError
from replications.kernels import ONE_THREAD

BACKENDS = ("tensorflow", "jax", "torch")

MALLOPT = {-1: 2**30, -2: 64 * 2**20, -3: 32 * 2**20, -8: 1}
"""glibc's M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD (all bytes) and M_ARENA_MAX, from its malloc.h."""


class KerasError(ReplicationError, ImportError):
    """A backend that cannot be imported. As an ImportError it leaves a fork server alive, whose child then says so."""


def check_backend() -> None:
    """Before Keras is imported, perhaps in many processes: is the backend that the environment names there?

    Raises:
        KerasError: it is not; what Keras says instead is a traceback in each of them.
    """
    name = os.environ.get("KERAS_BACKEND") or BACKENDS[0]
    if name not in BACKENDS:
        raise KerasError(f"KERAS_BACKEND={name}: expected one of {', '.join(BACKENDS)}; set it to one, or unset it")
    if importlib.util.find_spec(name) is None:
        raise KerasError(
            f"KERAS_BACKEND={name}: expected the package {name}, which is not installed; install it, or set "
            f"KERAS_BACKEND to another of {', '.join(BACKENDS)}"
        )


def keep_memory() -> None:
    """Keeps the memory of a training step for the next; glibc would give it back, which takes as long as the step."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
        for option, value in MALLOPT.items() if mallopt else ():
            mallopt(option, value)


@contextmanager
def quiet() -> Iterator[None]:
    """Where Keras is imported: a backend that is there, one thread, memory that stays, and silence.

    Raises:
        KerasError: the backend is not there.
    """
    check_backend()
    os.environ.update(ONE_THREAD)
    keep_memory()
    with silence():
        yield


@contextmanager
def silence() -> Iterator[None]:
    """Drops what native code writes to standard error meanwhile; Python's own errors are raised as ever.

    TensorFlow greets from C++ before its log level can be set.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)

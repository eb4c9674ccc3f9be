"""How the suite imports Keras: in an environment that decides the bytes, and without a word on the terminal."""

import ctypes
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from replications.errors import ReplicationError

BACKENDS = ("tensorflow", "jax", "torch")

ONE_THREAD = {
    # More threads than one would add numbers in another order, and the bytes would depend on the machine's cores.
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    # TensorFlow takes oneDNN's kernels on processors with AVX-512 alone unless told to, and oneDNN the widest
    # instructions that it finds: convolutions of other bytes and, without oneDNN, of less than half the speed.
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
}
"""Environment of a process that has one core for itself, set before Keras is imported."""

MALLOPT = {-1: 2**30, -2: 64 * 2**20, -3: 32 * 2**20, -8: 1}
"""glibc's M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD (all bytes) and M_ARENA_MAX, from its malloc.h."""

INSTRUCTIONS = ("avx512_vnni", "avx512f", "avx2", "avx", "sse4_2")
"""Of x86 processors, the widest first."""


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


def kernels() -> dict[str, str]:
    """What decides the bytes besides the names of machine and packages: two processors of one name may differ here.

    `instructions`: the widest that this processor knows; `onednn`: those that oneDNN may use, or "off".
    """
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    flags = next((set(line.split(":", 1)[1].split()) for line in lines if line.startswith("flags")), set())
    onednn = os.environ.get("ONEDNN_MAX_CPU_ISA", "any") if os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "1" else "off"
    return {"instructions": next((name for name in INSTRUCTIONS if name in flags), "unknown"), "onednn": onednn.lower()}


def keep_memory() -> None:
    """Keeps the memory of a training step for the next; glibc would give it back, which takes as long as the step."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
        for option, value in MALLOPT.items() if mallopt else ():
            mallopt(option, value)


@contextmanager
def quiet() -> Iterator[None]:
    """Where Keras is imported: with a backend that is there, memory that stays, and in silence.

    Raises:
        KerasError: the backend is not there.
    """
    check_backend()
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

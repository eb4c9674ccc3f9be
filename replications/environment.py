"""What decides the bytes of a process that computes with Keras, besides its code, its data and its packages.

Everything that trains or reads with a net imports Keras by `quiet`, in an environment that is the same whoever calls,
and records by `describe` what is left to differ.
"""

import ctypes
import importlib.util
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from replications.errors import ReplicationError

ONE_THREAD = {
    # More threads than one would add numbers in another order, and the bytes would depend on the machine's cores.
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    # TensorFlow takes oneDNN's kernels on processors with AVX-512 alone unless told to, and oneDNN the widest
    # instructions that it finds: convolutions of other bytes and, without oneDNN, of less than half the speed.
    "TF_ENABLE_ONEDNN_OPTS": "1",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    # JAX: one thread of a CPU, kernels of a GPU that add in a fixed order, and memory that several runs can share.
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false --xla_gpu_deterministic_ops=true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    # PyTorch: kernels of a GPU that add in a fixed order.
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
}
"""Environment of a process that has one core, or a share of one GPU, for itself; set before Keras is imported."""

BACKENDS = ("tensorflow", "jax", "torch")

MALLOPT = {-1: 2**30, -2: 64 * 2**20, -3: 32 * 2**20, -8: 1}
"""glibc's M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD (all bytes) and M_ARENA_MAX, from its malloc.h."""

BESIDE = {"jax": ("jaxlib", "jax-cuda12-plugin", "jax-cuda13-plugin")}
"""Packages that compute for a backend, as far as they are installed."""

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


def keep_memory() -> None:
    """Keeps the memory of a training step for the next; glibc would give it back, which takes as long as the step."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
        for option, value in MALLOPT.items():
            if mallopt:
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


def describe() -> dict:
    """What, besides parameters, code and data, can change a run's bytes."""
    backend = os.environ.get("KERAS_BACKEND") or BACKENDS[0]
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


def kernels(backend: str) -> dict[str, str]:
    """What decides the bytes besides the names of machine and packages: two processors of one name may differ here.

    `instructions`: the widest that this processor knows. TensorFlow: `onednn`, those that oneDNN may use, or "off".
    JAX: `xla_flags`.
    """
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    flags = next((set(line.split(":", 1)[1].split()) for line in lines if line.startswith("flags")), set())
    decides = {"instructions": next((name for name in INSTRUCTIONS if name in flags), "unknown")}
    if backend == "tensorflow":
        on = os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "1"
        decides["onednn"] = os.environ.get("ONEDNN_MAX_CPU_ISA", "any").lower() if on else "off"
    if backend == "jax":
        decides["xla_flags"] = os.environ.get("XLA_FLAGS", "")
    return decides


def _device() -> str:
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        return tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU") if gpus else "CPU"
    if keras.backend.backend() == "jax":
        import jax  # pyright: ignore[reportMissingImports]  # an extra, as is torch

        return jax.devices()[0].device_kind
    import torch  # pyright: ignore[reportMissingImports]

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


def _cpu_model() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()

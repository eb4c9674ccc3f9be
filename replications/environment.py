"""What decides the bytes of a process that computes with Keras, besides its code, its data and its packages.

Everything that trains or reads with a net imports Keras by `quiet`, in an environment that is the same whoever calls,
and records by `describe` what is left to differ. A user's own settings are either taken away (`drop_settings`, when a
command starts and wherever Keras is imported), or recorded, or refused in one line.
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

SETTINGS = (
    # Keras and its backends: precision, compilation, kernels, limits to epochs, the place of keras.json.
    *("KERAS_", "TF_", "TF2_", "TENSORFLOW_", "AUTOGRAPH_", "XLA_", "JAX_", "LIBTPU_", "TPU_", "PJRT_", "ENABLE_PJRT_"),
    *("MLIR_", "LLVM_", "DISABLE_LLVM_", "DISABLE_PTXAS_", "TORCH", "PYTORCH_", "ATEN_", "TRITON_"),
    # Libraries that compute for them and for NumPy: instructions, precision, threads.
    *("ONEDNN_", "DNNL_", "DISABLE_DNNL_", "ZENDNN_", "NPY_", "NUMPY_", "OPENBLAS_", "GOTO_", "MKL_", "BLIS_"),
    *("VECLIB_", "OMP_", "GOMP_", "KMP_", "NVIDIA_TF32_OVERRIDE", "CUBLAS", "CUDNN_", "CUDA_FORCE_", "CUDA_DISABLE_"),
    # What measures and draws.
    *("SCIPY_", "SKLEARN_", "SKIMAGE_", "LOKY_", "JOBLIB_", "MPL", "MATPLOTLIBRC", "FREETYPE_PROPERTIES"),
)
"""How the names of environment variables begin by which numbers or pictures could be steered."""

KEPT = (
    # Which backend and which device: `describe` says both.
    *("KERAS_BACKEND", "JAX_PLATFORMS"),
    # How much of a GPU's memory, which others may use as well.
    *("TF_FORCE_GPU_ALLOW_GROWTH", "TF_GPU_ALLOCATOR", "XLA_PYTHON_CLIENT_MEM_FRACTION", "XLA_PYTHON_CLIENT_ALLOCATOR"),
    *("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"),
    # Words on the terminal, and the folder of matplotlib's list of fonts.
    *("TF_CPP_MIN_LOG_LEVEL", "TF_CPP_MAX_VLOG_LEVEL", "TF_CPP_VMODULE", "ONEDNN_VERBOSE", "MPLCONFIGDIR"),
    "OPENBLAS_CORETYPE",
)
"""Those among them that decide no number, or that are recorded."""

RECORDED = ("OPENBLAS_CORETYPE", "GLIBC_TUNABLES")
"""Variables that choose a library's kernels and that are left alone: some machines compute wrongly without the first,
and the second is read before Python starts."""

ONE_THREAD = {
    # Where no file is and none can be written: Keras takes its own precision, epsilon, order of axes and backend.
    "KERAS_HOME": os.devnull,
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
"""Environment of a process that has one core, or a share of one GPU, for itself; set before Keras is imported.

Nothing else may say what Keras computes, no file of the user's either.
"""

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


def drop_settings() -> None:
    """Takes the variables out of the environment that could steer numbers or pictures; paths and credentials stay.

    Some of them are read when NumPy is imported: best before that.
    """
    for name in [name for name in os.environ if name.startswith(SETTINGS) and name not in KEPT]:
        del os.environ[name]


def settle() -> None:
    """The environment in which Keras is imported, here and in processes that this one starts: everybody's the same."""
    drop_settings()
    os.environ.update(ONE_THREAD)


def keep_memory() -> None:
    """Keeps the memory of a training step for the next; glibc would give it back, which takes as long as the step."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
        for option, value in MALLOPT.items():
            if mallopt:
                mallopt(option, value)


@contextmanager
def quiet() -> Iterator[None]:
    """Where Keras is imported: a backend that is there, no settings but ours, memory that stays, and silence.

    Raises:
        KerasError: the backend is not there.
    """
    check_backend()
    settle()
    keep_memory()
    with silence(), without("matplotlib"):  # Keras would import it, which stops at a matplotlibrc that is no text
        yield


@contextmanager
def without(package: str) -> Iterator[None]:
    """Meanwhile the package is not installed, unless it is imported already."""
    hidden = sys.modules.setdefault(package, None) is None  # pyright: ignore[reportArgumentType]
    try:
        yield
    finally:
        if hidden:
            del sys.modules[package]


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
    JAX: `xla_flags`. And what is `RECORDED`, where it is set.
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
    return decides | {name.lower(): os.environ[name] for name in RECORDED if os.environ.get(name)}


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
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()

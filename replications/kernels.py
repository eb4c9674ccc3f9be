"""What decides the bytes of a process that computes with Keras, besides its code, its data and its packages."""

import os
from pathlib import Path

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

INSTRUCTIONS = ("avx512_vnni", "avx512f", "avx2", "avx", "sse4_2")
"""Of x86 processors, the widest first."""


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

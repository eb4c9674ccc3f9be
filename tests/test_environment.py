"""What surrounds an import of Keras: its kernels, its memory, its silence, and a user's settings, which it ignores."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from replications import environment
from replications.environment import ONE_THREAD, check_backend, drop_settings, kernels, settle
from replications.results import environment_words
from tests import tiny

CPUINFO = "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu sse4_2 avx avx2{more}\n"


@pytest.fixture
def cpuinfo(tmp_path, monkeypatch):
    """Writes what Linux says of its processor."""

    def write(more: str) -> None:
        (tmp_path / "cpuinfo").write_text(CPUINFO.format(more=more))
        monkeypatch.setattr(environment, "Path", lambda path: tmp_path / "cpuinfo")

    return write


def test_two_processors_of_one_name_may_differ(cpuinfo):
    seen = []
    for more in ("", " avx512f", " avx512f avx512_vnni"):
        cpuinfo(more)
        seen.append(kernels("tensorflow")["instructions"])
    assert seen == ["avx2", "avx512f", "avx512_vnni"]


def test_a_processor_that_says_nothing_is_unknown(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "Path", lambda path: tmp_path / "not there")
    assert kernels("tensorflow")["instructions"] == "unknown"


def test_kernels_say_whether_onednn_is_on_and_how_wide(monkeypatch):
    for key, value in ONE_THREAD.items():
        monkeypatch.setenv(key, value)
    assert kernels("tensorflow")["onednn"] == "avx2"
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA")
    assert kernels("tensorflow")["onednn"] == "any"
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert kernels("tensorflow")["onednn"] == "off"


FAULTS = """
import resource, sys
import numpy as np
from replications.environment import keep_memory
if sys.argv[1] == "keep":
    keep_memory()


def step():
    tensors = [np.ones(2**19) for _ in range(16)]
    del tensors


step()  # the first one has to take its memory from the system
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux" or os.confstr("CS_GNU_LIBC_VERSION") is None, reason="glibc's alone")
def test_memory_that_is_freed_stays_with_the_process():
    def page_faults(how: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", FAULTS, how], env=tiny.environment(), capture_output=True, text=True, check=True
        )
        return int(done.stdout)

    assert page_faults("keep") < page_faults("leave") / 10


# --- settings of the user's ----------------------------------------------------------------------------------------

STEERS = {
    "KERAS_HOME": "/scratch/me/.keras",
    "KERAS_MAX_EPOCHS": "1",
    "KERAS_MAX_STEPS_PER_EPOCH": "1",
    "KERAS_NNX_ENABLED": "true",
    "KERAS_TORCH_DEVICE": "meta",
    "TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit",
    "TF_FUNCTION_JIT_COMPILE_DEFAULT": "1",
    "TF_DETERMINISTIC_OPS": "0",
    "TF_CUDNN_DETERMINISTIC": "0",
    "TF_CUDNN_USE_AUTOTUNE": "1",
    "TF_CUDNN_USE_FRONTEND": "0",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_SET_ONEDNN_FPMATH_MODE": "BF16",
    "TF_DISABLE_MKL": "1",
    "TF_ENABLE_MKL_NATIVE_FORMAT": "1",
    "TF_ENABLE_ZENDNN_OPTS": "1",
    "TF_ENABLE_WINOGRAD_NONFUSED": "0",
    "TF_USE_DEEP_CONV2D": "1",
    "TF_AUTO_MIXED_PRECISION_GRAPH_REWRITE_LEVEL": "UNSAFE_FORCE_ALL",
    "TF_CONV2D_USE_FP16_ACCUMULATE": "1",
    "TF_NUM_INTRAOP_THREADS": "8",
    "TF_NUM_INTEROP_THREADS": "8",
    "TF_OVERRIDE_GLOBAL_THREADPOOL": "1",
    "TF_USE_LEGACY_KERAS": "1",
    "TF_ENABLED_DEVICE_TYPES": "CPU",
    "TF_PLUGGABLE_DEVICE_LIBRARY_PATH": "/opt/plugins",
    "TF2_BEHAVIOR": "0",
    "TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL": "0",
    "AUTOGRAPH_STRICT_CONVERSION": "1",
    "XLA_FLAGS": "--xla_allow_excess_precision=true",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "true",
    "JAX_ENABLE_X64": "1",
    "JAX_DEFAULT_MATMUL_PRECISION": "bfloat16",
    "JAX_DEFAULT_DTYPE_BITS": "64",
    "JAX_DISABLE_JIT": "1",
    "JAX_NUMPY_DTYPE_PROMOTION": "strict",
    "JAX_NUMPY_RANK_PROMOTION": "raise",
    "JAX_THREEFRY_PARTITIONABLE": "0",
    "JAX_DEFAULT_PRNG_IMPL": "rbg",
    "JAX_COMPILATION_CACHE_DIR": "/scratch/cache",
    "LIBTPU_INIT_ARGS": "--xla",
    "PJRT_NPROC": "2",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1",
    "TORCHINDUCTOR_FREEZING": "1",
    "TORCHDYNAMO_DISABLE": "1",
    "PYTORCH_ENABLE_MPS_FALLBACK": "1",
    "ATEN_CPU_CAPABILITY": "default",
    "CUBLAS_WORKSPACE_CONFIG": ":0:0",
    "CUBLASLT_WORKSPACE_SIZE": "0",
    "CUDNN_FRONTEND_ATTN_DP_WORKSPACE_LIMIT": "0",
    "NVIDIA_TF32_OVERRIDE": "0",
    "CUDA_FORCE_PTX_JIT": "1",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "0",
    "DNNL_MAX_CPU_ISA": "SSE41",
    "DNNL_DEFAULT_FPMATH_MODE": "BF16",
    "OPENBLAS_NUM_THREADS": "8",
    "GOTO_NUM_THREADS": "8",
    "MKL_NUM_THREADS": "8",
    "MKL_CBWR": "COMPATIBLE",
    "BLIS_NUM_THREADS": "8",
    "VECLIB_MAXIMUM_THREADS": "8",
    "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3",
    "NPY_ENABLE_CPU_FEATURES": "AVX2",
    "NPY_PROMOTION_STATE": "legacy",
    "OMP_NUM_THREADS": "8",
    "OMP_DYNAMIC": "true",
    "OMP_SCHEDULE": "dynamic",
    "GOMP_CPU_AFFINITY": "0",
    "KMP_DETERMINISTIC_REDUCTION": "0",
    "SCIPY_ARRAY_API": "1",
    "SKLEARN_WORKING_MEMORY": "1",
    "SKLEARN_ASSUME_FINITE": "1",
    "LOKY_MAX_CPU_COUNT": "1",
    "MPLBACKEND": "pony",
    "MATPLOTLIBRC": "/scratch/me/matplotlibrc",
    "FREETYPE_PROPERTIES": "truetype:interpreter-version=35",
}
"""Variables by which numbers or pictures could be steered, with a value that somebody might give them."""
STAYS = {
    "PATH": "/usr/bin",
    "LD_LIBRARY_PATH": "/usr/local/cuda/lib64",
    "HOME": "/scratch/me",
    "TMPDIR": "/scratch",
    "CUDA_VISIBLE_DEVICES": "1",
    "CUDA_HOME": "/usr/local/cuda",
    "KERAS_BACKEND": "tensorflow",
    "JAX_PLATFORMS": "cpu",
    "TF_FORCE_GPU_ALLOW_GROWTH": "true",
    "XLA_PYTHON_CLIENT_MEM_FRACTION": ".3",
    "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
    "TF_CPP_MIN_LOG_LEVEL": "0",
    "ONEDNN_VERBOSE": "1",
    "MPLCONFIGDIR": "/scratch/matplotlib",
    "OPENBLAS_CORETYPE": "Haswell",
    "DASK_SCHEDULER_ADDRESS": "tls://somewhere:8786",
    "REPLICATIONS_CHECKPOINTS": "/scratch/checkpoints",
    "HTTPS_PROXY": "http://proxy:3128",
    "AWS_SECRET_ACCESS_KEY": "secret",
}
"""Where things lie, who may have them, which device computes: no number, or one that is recorded."""


@pytest.fixture
def environ(monkeypatch):
    """Replaces the whole environment of this process, meanwhile."""

    def replace(variables: dict[str, str]) -> dict[str, str]:
        monkeypatch.setattr(os, "environ", dict(variables))
        return os.environ  # pyright: ignore[reportReturnType]

    return replace


@pytest.mark.parametrize("name", STEERS)
def test_what_could_steer_a_number_is_taken_away(environ, name):
    there = environ({**STAYS, name: STEERS[name]})
    settle()
    assert there == {**STAYS, **ONE_THREAD}


def test_a_command_that_computes_with_no_net_takes_it_away_as_well(environ):
    there = environ({**STAYS, **STEERS})
    drop_settings()
    assert there == STAYS


def test_what_chooses_kernels_and_has_to_stay_is_recorded_where_it_is_set(environ):
    environ({})
    plain = kernels("tensorflow")
    environ({"OPENBLAS_CORETYPE": "Haswell", "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2"})
    chosen = {"openblas_coretype": "Haswell", "glibc_tunables": "glibc.cpu.hwcaps=-AVX2"}
    assert kernels("tensorflow") == plain | chosen
    assert environment_words({"kernels": chosen}).endswith("(OpenBLAS: Haswell; glibc: glibc.cpu.hwcaps=-AVX2)")


def test_a_backend_without_its_package_is_refused_before_keras_is_imported(environ):
    environ({"KERAS_BACKEND": "theano"})
    with pytest.raises(environment.KerasError, match="KERAS_BACKEND=theano: expected one of tensorflow, jax, torch"):
        check_backend()


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"NPY_DISABLE_CPU_FEATURES": "SSE2 X86_V2", "MPLBACKEND": "pony"},  # at which NumPy and matplotlib would stop
    ],
    ids=["encoding", "locale", "imports"],
)
def test_a_command_says_what_it_has_to_say_under_any_settings(tmp_path, variables):
    done = tiny.command("--help", **variables)
    assert (done.returncode, done.stderr) == (0, "")
    done = tiny.command("measure", "pix2pix", "--study", tmp_path / "\u00e4", **variables)
    tiny.assert_one_line_error(done, "params.yaml", "no such")


def test_python_without_docstrings_is_refused():
    tiny.assert_one_line_error(tiny.command("code", PYTHONOPTIMIZE="2"), "PYTHONOPTIMIZE=2", "unset it")


@pytest.mark.parametrize("content", [b"a: [1", b"\xff\xfe"])
def test_settings_that_dask_cannot_read_are_one_line(tmp_path, content):
    (tmp_path / "mine.yaml").write_bytes(content)
    done = tiny.command("train", "pix2pix", DASK_CONFIG=str(tmp_path))
    tiny.assert_one_line_error(done, "mine.yaml", "DASK_CONFIG", "mend them")


@pytest.mark.parametrize("command", ["train pix2pix", "measure pix2pix", "readers"])
def test_no_process_starts_for_a_backend_that_is_not_there(finished_study, command):
    done = tiny.command(*command.split(), "--study", finished_study.folder, KERAS_BACKEND="theano")
    tiny.assert_one_line_error(done, "KERAS_BACKEND=theano: expected one of tensorflow, jax, torch", "unset it")


SEEN = """
import json
from replications.environment import describe, quiet
with quiet():
    import keras
    described = describe()
config = keras.config
print(json.dumps([config.backend(), config.floatx(), config.epsilon(), config.image_data_format(),
                  config.max_epochs(), config.dtype_policy().name, described]))
"""
DAMAGED = {"floatx": "float8", "epsilon": 1, "backend": "theano", "image_data_format": "channels_first"}
"""A keras.json at which Keras would stop."""


@pytest.mark.parametrize("how", ["KERAS_HOME", pytest.param("HOME", marks=pytest.mark.slow)])
def test_no_keras_json_says_what_keras_computes(tmp_path, how):
    file = tmp_path / ".keras" / "keras.json"
    file.parent.mkdir()
    file.write_text(json.dumps(DAMAGED), encoding="utf-8")
    (tmp_path / "matplotlibrc").write_bytes(b"\xff\xfe")  # Keras imports matplotlib, where it finds it
    home = {"HOME": str(tmp_path)} if how == "HOME" else {"KERAS_HOME": str(file.parent)}
    done = subprocess.run(
        [sys.executable, "-c", SEEN],
        cwd=tmp_path,
        env={**tiny.environment(), **home, "KERAS_MAX_EPOCHS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    *config, described = json.loads(done.stdout)
    assert config == ["tensorflow", "float32", 1e-7, "channels_last", None, "float32"]
    assert (described["backend"], described["threads"]) == ("tensorflow", 1)
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["keras.json", "matplotlibrc"]


BYTES = """
import hashlib, io, sys
from pathlib import Path
from replications import environment
if sys.argv[1] == "let them through":
    environment.drop_settings = lambda: None
    for name in ("KERAS_HOME", "TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA"):
        environment.ONE_THREAD.pop(name)
environment.drop_settings()
import numpy as np
from replications.training import process
from replications.instruments import recognition
from tests import tiny
tiny.write_arrays(Path())
data = Path("arrays/facade_world-tiny.npz").read_bytes()
params = {key: value for key, value in tiny.BETA_VAE.items() if key != "variants"}
images, facts, _ = process.train("beta_vae", params, 1, data, lambda *seen: None)
with np.load(io.BytesIO(data)) as arrays:
    photos, labels, n_classes = arrays["train_photo"][:8], arrays["train_labels"][:8, ..., 0], len(arrays["palette"])
of_reader = {**tiny.HEAD["readers"]["segmentation"]}
del of_reader["dataset"], of_reader["n_train"]
weights = recognition.train_reader(photos, labels, n_classes, **of_reader)
with np.load(io.BytesIO(images)) as trained:
    read = recognition.read(weights, trained["output"])
digest = lambda content: hashlib.sha256(content).hexdigest()
print(digest(images), digest(tiny.npz(weights)), digest(read.tobytes()), environment.describe())
"""
HOSTILE = {
    "keras.json": {},
    "clustering": {"TF_XLA_FLAGS": STEERS["TF_XLA_FLAGS"]},
}
"""What decides bytes, or stops a room, where it gets through; the first is a file."""


def trained_under(folder: Path, settings: str, how: str) -> str:
    """Digests of a run, a reader and its reading, and the environment, from a process with such settings."""
    hostile = {key: value for name, of in HOSTILE.items() if settings in ("all", name) for key, value in of.items()}
    (folder / ".keras").mkdir()
    if settings in ("all", "keras.json"):
        (folder / ".keras" / "keras.json").write_text(json.dumps({"floatx": "float64"}), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", BYTES, how],
        cwd=folder,
        env={**tiny.environment(), "HOME": str(folder), **hostile},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 or how == "let them through", done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def undisturbed(made_once) -> str:
    """The same without any settings."""

    def train(folder: Path) -> None:
        said = trained_under(folder, "none", "take them away")
        (folder / "said.txt").write_text(said, encoding="utf-8")

    return (made_once("undisturbed", train) / "said.txt").read_text(encoding="utf-8")


def test_settings_that_decide_bytes_decide_none(tmp_path, undisturbed):
    """All at once."""
    assert trained_under(tmp_path, "all", "take them away") == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("settings", HOSTILE)
def test_settings_that_decide_bytes_do_decide_them_where_they_get_through(tmp_path, undisturbed, settings):
    assert trained_under(tmp_path, settings, "let them through") != undisturbed

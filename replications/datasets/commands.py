"""Builds the project's data sets and exports them as arrays: `python -m replications datasets --help`."""

import importlib
import os
import sys
import tempfile
import time
from contextlib import nullcontext, redirect_stdout
from pathlib import Path

from replications import command
from replications.datasets import arrays
from replications.environment import drop_settings, silence
from replications.errors import DataError, ReplicationError

NAMES = (
    "facade_world/32", "facade_world/64", "enumerable_street/32", "cmp_facades/64", "cmp_facades/256",
    "cifar10_jpeg/small", "cifar10_jpeg/full", "mnist10k/32",
)  # fmt: skip


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications datasets", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    sub = commands.add_parser("build", help="prepare a data set in a TFDS folder")
    sub.add_argument("name", metavar="NAME", help=", ".join(NAMES))
    sub.add_argument("--data-dir", type=Path, required=True, help="the TFDS folder, like data")
    sub = commands.add_parser("export", help="write prepared data sets as .npz files")
    sub.add_argument("names", metavar="NAME", nargs="+", help="a prepared data set, like facade_world/32")
    sub.add_argument("--data-dir", type=Path, required=True, help="the TFDS folder, like data")
    sub.add_argument("--out", type=Path, required=True, help="the folder of the .npz files")
    arguments = parser.parse_args(argv)
    if arguments.command == "build":
        build(arguments.name, arguments.data_dir)
    else:
        for name in arguments.names:
            arrays.prepared_folder(name, arguments.data_dir)  # all are there, or none is exported
        for name in arguments.names:
            export(name, arguments.data_dir, arguments.out)
    return 0


def build(name: str, data_dir: Path) -> None:
    """Prepares a data set, beside `data_dir` first: what appears in `data_dir` is whole."""
    if name not in NAMES:
        raise ReplicationError(f"data set {name!r}: expected one of {', '.join(NAMES)}")
    _import_quietly()
    import tensorflow_datasets as tfds

    dataset, config = name.split("/")
    importlib.import_module(f"replications.datasets.{dataset}")  # TFDS finds a builder once it is imported
    data_dir = data_dir.absolute()
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=data_dir.parent, prefix=f".{data_dir.name}-") as temporary:
        builder = tfds.builder(dataset, config=config, data_dir=temporary, file_format="tfrecord")
        target = data_dir / dataset / config / str(builder.version)
        if (target / "dataset_info.json").exists():
            print(f"{name} is already prepared in {target}: nothing to do")
            return
        if target.exists():
            raise DataError(f"{target} exists and holds no whole data set; remove it and build {name} again")
        print(f"building {name} in {target}", flush=True)
        with nullcontext() if sys.stderr.isatty() else redirect_stdout(None):
            builder.download_and_prepare()
        target.parent.mkdir(parents=True, exist_ok=True)
        Path(builder.data_dir).rename(target)
    counts = ", ".join(f"{split} {info.num_examples}" for split, info in builder.info.splits.items())
    size = sum(path.stat().st_size for path in target.iterdir())
    print(f"wrote {counts} examples, {_megabytes(size)}, in {time.monotonic() - started:.0f} s")


def export(name: str, data_dir: Path, out: Path) -> None:
    """Writes one prepared data set to `out` as an .npz file."""
    path = out / arrays.file_name(name)
    print(f"exporting {name} from {data_dir}", flush=True)
    _import_quietly()
    exported = arrays.export(name, data_dir, path)
    counts = {key.split("_")[0]: len(values) for key, values in exported.items() if "_" in key}
    examples = ", ".join(f"{split} {n}" for split, n in counts.items())
    print(f"wrote {path}: {examples} examples, {_megabytes(path.stat().st_size)}")


def _import_quietly() -> None:
    """Imports TensorFlow and TFDS so that only our own lines, and progress for a person, reach the terminal."""
    drop_settings()
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")  # nothing here uses a GPU
    with silence():
        import tensorflow  # noqa: F401
        import tensorflow_datasets as tfds
    from absl import logging

    logging.set_verbosity(logging.ERROR)
    if not sys.stderr.isatty():
        tfds.disable_progress_bar()


def _megabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.2f} MB"

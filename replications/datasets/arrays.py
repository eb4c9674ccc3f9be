"""Plain arrays for the training processes: TFDS is read once, here, and written as one .npz per data set.

Keys are `{split}_{feature}`, and `palette` (K, 3) where features are label maps; row i of every array of a split is
example i of that split. TensorFlow is imported only to export, so a process of another backend can load.
"""

import importlib
import json
import os
import re
import zipfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np

from replications.errors import DataError

PINNED = ("facade_world/32",)
"""Data sets that data.dvc pins, whose bytes come with a clone; the others are built."""
OURS = ("facade_world", "cmp_facades")
"""Builders of the project's own, whose label maps come with a palette."""
BATCH = 256
TFDS_FEATURES = "tensorflow_datasets.core.features"
"""Where the classes are that features.json may name."""


class Arrays(dict[str, np.ndarray]):
    """Arrays by name, read from a file; to ask for one that is not there is an error that names file and remedy."""

    def __init__(self, arrays: Mapping[str, np.ndarray], where: object, remedy: str):
        super().__init__(arrays)
        self.where, self.remedy = where, remedy

    def __missing__(self, name: str) -> np.ndarray:
        raise DataError(f"{self.where}: no array {name!r}, expected beside {sorted(self)}; {self.remedy}")


def file_name(name: str) -> str:
    """The file that a data set is exported to: `facade_world/32` → `facade_world-32.npz`."""
    return name.replace("/", "-") + ".npz"


def export(name: str, data_dir: str | os.PathLike, path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Writes the prepared data set `name` (like "facade_world/32") of the TFDS folder `data_dir` to an .npz file.

    The same data gives the same bytes; the file appears whole or not at all. Returns the arrays.
    """
    arrays, path = read(name, data_dir), Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return arrays


ALWAYS, MOST_TIMES = 2**30, 100
"""An archive may unpack to so many bytes, or to so many times its own: pictures do not pack that well."""
EXPORT = "`python -m replications datasets export`"


def load(path_or_file: str | os.PathLike | IO[bytes], maker: str = EXPORT) -> Arrays:
    """The arrays of a file that `export` wrote, or another command of the suite, `maker`.

    Raises:
        DataError: there is no such file, or it is damaged; naming it and the command that makes it.
    """
    try:
        with ExitStack() as stack:  # np.load leaves a file open that it cannot read
            file = path_or_file
            if isinstance(file, str | os.PathLike):
                if Path(file).is_fifo():  # a process of a pool would wait for it
                    raise OSError("it is a FIFO")
                file = stack.enter_context(Path(file).open("rb"))
            _check_size(file)
            archive = np.load(file, allow_pickle=False)
            remedy = f"name another data set, or export it again with {EXPORT}" if maker == EXPORT else f"run {maker}"
            return Arrays(stack.enter_context(archive), path_or_file, remedy)
    except FileNotFoundError as error:
        raise DataError(f"{path_or_file} is missing, expected exported arrays; make them with {maker}") from error
    except Exception as error:  # an archive, its members and the headers of their arrays are damaged in many ways
        raise DataError(
            f"{path_or_file} is no whole .npz file of arrays ({error}); delete it and make it again with {maker}"
        ) from error


def _check_size(file: IO[bytes]) -> None:
    """Raises ValueError where an archive is none of NumPy's, or unpacks to much more than it holds."""
    packed = file.seek(0, os.SEEK_END)
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
    file.seek(0)
    names = [member.filename for member in members]
    for member in members:
        if not member.filename.endswith(".npy") or names.count(member.filename) > 1:
            raise ValueError(f"{member.filename!r}, expected arrays alone, each once")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{member.filename!r} is packed otherwise than NumPy packs")
    unpacked = sum(member.file_size for member in members)
    if unpacked > max(ALWAYS, MOST_TIMES * packed):
        raise ValueError(f"{packed:,} bytes that unpack to {unpacked:,}")


def read(name: str, data_dir: str | os.PathLike) -> dict[str, np.ndarray]:
    """The arrays `{split}_{feature}` of a prepared data set, in the order of its shards."""
    folder = prepared_folder(name, data_dir)
    _check_features(folder, name)
    import tensorflow as tf
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder_from_directory(folder)
    except Exception as error:  # a damaged dataset_info.json or features.json fails in many ways
        raise DataError(f"{folder}: description of {name} is damaged ({error}); {_remedy(name)}") from error
    one_by_one = tfds.ReadConfig(interleave_cycle_length=1, interleave_block_length=1, assert_cardinality=False)
    arrays = {}
    for split, info in sorted(builder.info.splits.items()):
        try:
            dataset = builder.as_dataset(split=split, shuffle_files=False, read_config=one_by_one)
            batches = list(tfds.as_numpy(dataset.batch(BATCH)))
        except (tf.errors.OpError, FileNotFoundError) as error:
            raise DataError(
                f"{folder}: split {split} of {name} is truncated or damaged ({type(error).__name__}); {_remedy(name)}"
            ) from error
        n = sum(len(next(iter(batch.values()))) for batch in batches)
        if n != info.num_examples:
            raise DataError(
                f"{folder}: split {split} of {name} has {n} examples, its dataset_info.json says "
                f"{info.num_examples}; {_remedy(name)}"
            )
        for feature in sorted(batches[0]):
            arrays[f"{split}_{feature}"] = np.concatenate([batch[feature] for batch in batches])
    if name.split("/")[0] in OURS:
        arrays["palette"] = importlib.import_module(f"replications.datasets.{name.split('/')[0]}").PALETTE
    return arrays


def _check_features(folder: Path, name: str) -> None:
    """Raises DataError where a data set names classes that are not TFDS' own: it would import, and so run, them."""
    path = folder / "features.json"
    try:
        pending = [json.loads(path.read_bytes())]
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: description of {name} is damaged ({error}); {_remedy(name)}") from None
    while pending:
        match pending.pop():
            case dict() as known:
                named = known.get("pythonClassName", TFDS_FEATURES)
                if not (isinstance(named, str) and re.fullmatch(rf"{re.escape(TFDS_FEATURES)}[\w.]*", named)):
                    raise DataError(
                        f"{path}: names the class {str(named)[:80]!r}, expected those of {TFDS_FEATURES} alone: "
                        f"nothing of a data folder is imported; {_remedy(name)}"
                    )
                pending += known.values()
            case list() as known:
                pending += known


def prepared_folder(name: str, data_dir: str | os.PathLike) -> Path:
    """The folder of the only version of a data set in a TFDS folder."""
    folder = Path(data_dir) / name
    versions = sorted(folder.glob("*/dataset_info.json"))
    if not versions:
        raise DataError(f"{folder}: no prepared data set there, expected {name}; {_remedy(name)}")
    if len(versions) > 1:
        found = ", ".join(path.parent.name for path in versions)
        raise DataError(f"{folder}: versions {found}, expected exactly one; remove the others")
    return versions[0].parent


def _remedy(name: str) -> str:
    build = f"`python -m replications datasets build {name} --data-dir …`"
    if name in PINNED:
        return f"remove that folder if it exists and run `dvc pull data.dvc`, or build it with {build}"
    return f"remove that folder if it exists and build it with {build}"

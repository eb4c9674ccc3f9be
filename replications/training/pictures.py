"""What a replication trains on has to look like, checked before any process starts.

RGB pictures of one square size that its nets can halve and double again, and label maps that their palette covers.
"""

import io
import math
from pathlib import Path

import numpy as np

from replications.errors import DataError
from replications.study import Run, Study

SPLITS = ("train", "test")


def check(declared: Study, wanted: list[Run], data: dict[str, bytes]) -> None:
    """Looks at the data sets of these runs of one replication; `data` is the content of each one's arrays file.

    Raises:
        DataError: one is not what the replication's nets take; it names file, array, what was found and expected.
    """
    for dataset, content in data.items():
        of_runs = [run for run in wanted if run.params.dataset == dataset]
        if not of_runs:
            continue
        path = declared.folder / "arrays" / f"{dataset}.npz"
        remedy = f"name another data set in {declared.params_file}, or export this one anew"
        try:
            _check(path, content, of_runs, remedy)
        except (ValueError, OSError, MemoryError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{path}: {error}, expected arrays without pickles; {remedy}") from None


def _check(path: Path, content: bytes, runs: list[Run], remedy: str) -> None:
    room = runs[0].replication
    multiple = math.lcm(*(run.params.side_multiple for run in runs))
    maps = any(run.params.label_maps for run in runs)
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:

        def get(name: str) -> np.ndarray:
            if name not in archive.files:
                raise DataError(f"{path}: no array {name!r}, expected one for {room} beside {archive.files}; {remedy}")
            return archive[name]

        def refuse(name: str, found: object, expected: str) -> DataError:
            return DataError(f"{path}: {name}: {found}, expected {expected}; {remedy}")

        first = ()
        for split in SPLITS:
            photos = get(f"{split}_photo")
            n, side = len(photos) if photos.ndim else 0, photos.shape[1] if photos.ndim > 1 else 0
            right = photos.dtype == np.uint8 and photos.shape == (n, side, side, 3) and side and side % multiple == 0
            if not right or not n:
                square = f"uint8 (N, S, S, 3), RGB and square, S a multiple of {multiple} for the nets of {room}"
                raise refuse(f"{split}_photo", _what(photos), square)
            if first and photos.shape[1:] != first:
                raise refuse(f"{split}_photo", _what(photos), f"the size of train_photo, {first}")
            first = photos.shape[1:]
            for name in (name for name in archive.files if name.startswith(f"{split}_")):
                values = archive[name]
                if values.ndim == 0 or len(values) != n:
                    raise refuse(name, _what(values), f"{n} rows, one for each picture of {split}_photo")
        if maps or ("palette" in archive.files and "train_labels" in archive.files):
            palette = get("palette")
            if palette.dtype != np.uint8 or palette.ndim != 2 or palette.shape[1] != 3:
                raise refuse("palette", _what(palette), "uint8 (K, 3), a colour for each class")
            for split in SPLITS:
                labels, shape = get(f"{split}_labels"), (*first[:2], 1)
                if labels.dtype != np.uint8 or labels.shape[1:] != shape:
                    raise refuse(f"{split}_labels", _what(labels), f"uint8 (N, {', '.join(map(str, shape))})")
                if labels.max() >= len(palette):
                    most = f"classes below {len(palette)}, as many as palette has colours"
                    raise refuse(f"{split}_labels", f"class {labels.max()}", most)


def _what(values: np.ndarray) -> str:
    return f"{values.dtype} {values.shape}"

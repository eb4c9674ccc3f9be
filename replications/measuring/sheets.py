"""Sample sheets: the same inputs through every variant, side by side, because people would rather look.

A sheet is written twice: drawn, with titles (sheet.png), and as the pictures themselves (columns/), of which the page
is made. There, 00.png, 01.png … are the columns, their pictures below each other, and columns.json names them in order:

    {"height": 32, "width": 32, "rows": 8, "titles": ["labels", "photo", "l1"]}
"""

import importlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from replications import runs
from replications.command import repro
from replications.drawing import plain, plt
from replications.errors import ReplicationError
from replications.results import write_bytes, write_text
from replications.statistics import Array
from replications.study import Study

ROWS = 8
LARGEST = 128
"""The side of the pictures in columns/, in pixels; larger ones are halved until they fit."""
_EDGES = {"left": 0.005, "right": 0.995, "top": 0.94, "bottom": 0.005}
_GAP = 0.04
"""Of a drawn sheet, as shares of it; between pictures, of one of their cells."""


class SheetError(ReplicationError):
    """Columns of a sample sheet that cannot be read."""


@dataclass(frozen=True)
class Columns:
    """Of a sample sheet: its pictures, all of one size."""

    height: int
    """Of each picture."""
    width: int
    rows: int
    strips: dict[str, Image.Image]
    """Title, in one line → the column, its pictures below each other."""


def write(study: Study, replication: str, results: Path) -> None:
    """Writes sheet.png and columns/ into a folder: the room's columns for the first declared seed."""
    room = importlib.import_module(f"replications.{replication}.measures")
    first = [runs.read(study, run) for run in study.runs(replication) if run.seed == study.seeds_of(replication)[0]]
    columns = room.sheet({finished.run.variant: finished.images for finished in first})
    save(columns, results / "columns")
    draw(columns, results / "sheet.png")


def save(columns: list[tuple[str, np.ndarray]], folder: Path) -> None:
    """The columns (title, images uint8 (N, H, W, 3)) as files, without loss unless they are larger than `LARGEST`."""
    rows = min(ROWS, *(len(images) for _, images in columns))
    shown = [halved(images[:rows]) for _, images in columns]
    for i, images in enumerate(shown):
        content = io.BytesIO()
        Image.fromarray(np.concatenate(images)).save(content, format="png", optimize=True)
        write_bytes(folder / _file(i), content.getvalue())
    titles = [title.replace("\n", " ") for title, _ in columns]
    _, height, width, _ = shown[0].shape
    about = {"height": height, "width": width, "rows": rows, "titles": titles}
    write_text(folder / "columns.json", json.dumps(about, indent=1, ensure_ascii=False) + "\n")
    for path in set(folder.glob("*.png")) - {folder / _file(i) for i in range(len(columns))}:
        path.unlink()  # of a sheet that had more columns


def load(declared: Study, replication: str) -> Columns:
    """The columns of a replication's committed sheet.

    Raises:
        SheetError: they are not there, or not whole.
    """
    folder = declared.folder / "results" / replication / "columns"
    path, remedy = folder / "columns.json", f"run {repro(declared.folder, f'measure@{replication}')}"
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        height, width, rows = (int(about[key]) for key in ("height", "width", "rows"))
        titles = [str(title) for title in about["titles"]]
    except FileNotFoundError:
        raise SheetError(f"{path}: no such file; {remedy}") from None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise SheetError(f"{path}: damaged ({error!r}), expected titles and the size of pictures; {remedy}") from None
    strips = {}
    for i, title in enumerate(titles):
        path = folder / _file(i)
        try:
            with Image.open(path) as strip:
                strips[title] = strip.convert("RGB")
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
            raise SheetError(f"{path}: no picture of column {title!r} ({error}); {remedy}") from None
        if strips[title].size != (width, rows * height):
            raise SheetError(
                f"{path}: {strips[title].width} × {strips[title].height} pixels, expected {width} × {rows * height} "
                f"({rows} pictures, says columns.json); {remedy}"
            )
    return Columns(height, width, rows, strips)


def _file(column: int) -> str:
    return f"{column:02}.png"


def halved(images: np.ndarray) -> np.ndarray:
    """Pictures of at most `LARGEST` pixels a side: means of 2 × 2 pixels, as often as it takes."""
    while max(images.shape[1:3]) > LARGEST and not images.shape[1] % 2 and not images.shape[2] % 2:
        n, height, width, channels = images.shape
        blocks = images.reshape(n, height // 2, 2, width // 2, 2, channels).astype(float)
        images = np.round(blocks.mean(axis=(2, 4))).astype(np.uint8)
    return images


def place(sheet: tuple[int, int], row: int, column: int, columns: Columns) -> tuple[Array, Array]:
    """Where the middles of a picture's pixels are in a drawn sheet of so many pixels (height, width).

    Returns their distances from its top (height,) and from its left edge (width,), in pixels of the sheet.
    """
    height, width = sheet
    n = len(columns.strips)
    cell_width = (_EDGES["right"] - _EDGES["left"]) * width / (n + _GAP * (n - 1))
    cell_height = (_EDGES["top"] - _EDGES["bottom"]) * height / (columns.rows + _GAP * (columns.rows - 1))
    centre_y = (1 - _EDGES["top"]) * height + cell_height * ((1 + _GAP) * row + 0.5)
    centre_x = _EDGES["left"] * width + cell_width * ((1 + _GAP) * column + 0.5)
    scale = min(cell_width / columns.width, cell_height / columns.height)
    return (
        np.asarray(centre_y + scale * (np.arange(columns.height) + 0.5 - columns.height / 2), float),
        np.asarray(centre_x + scale * (np.arange(columns.width) + 0.5 - columns.width / 2), float),
    )


@plain()
def draw(columns: list[tuple[str, np.ndarray]], path: Path) -> None:
    """The columns side by side, each below its title."""
    n_rows = min(ROWS, *(len(images) for _, images in columns))
    figsize = (len(columns) * 0.95, n_rows * 0.9 + 0.4)
    figure, axes = plt.subplots(n_rows, len(columns), figsize=figsize, dpi=100, squeeze=False)
    for column, (title, images) in enumerate(columns):
        for row in range(n_rows):
            axes[row, column].imshow(images[row], interpolation="nearest")
            axes[row, column].axis("off")
        axes[0, column].set_title(title, fontsize=7, rotation=0)
    figure.subplots_adjust(**_EDGES, wspace=_GAP, hspace=_GAP)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})  # no version in the bytes
    plt.close(figure)
    write_bytes(path, picture.getvalue())

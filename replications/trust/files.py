"""Files beside results: what pins name, what the pipeline is generated from, validation/, sample sheets, and strays.

Each function yields a line for each file that is not what it follows from, for `verify`.
"""

import csv
import io
import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from replications import code, locks, study
from replications.errors import ReplicationError
from replications.locks import BUNDLED
from replications.measuring import sheets
from replications.reporting import pipeline
from replications.statistics import Array
from replications.study import Study, StudyError
from replications.trust import calibration_report, chain, ladder_report, versions

VALIDATION = Path("validation")
LARGE, ROUNDED = 2.0, 2.0
"""A pixel that is drawn at least so large has its own value in the middle, of 255, but for rounding."""
PARTS, PART = 2, 16.0
"""A picture whose pixels are smaller has the means of so many parts a side, up to this difference."""


def pin_problems() -> Iterator[str]:
    """Every object that a pin names is in the cache in Git, and no other is."""
    named: dict[Path, Path] = {}
    pins = [pin for folder in study.STUDIES for pin in sorted(Path(folder).glob("*.dvc")) if pin.is_file()]
    for pin in pins:
        for digest in locks.pinned(pin).values():
            listing = locks.bundled(digest)
            named[listing] = pin
            try:
                members = json.loads(listing.read_bytes()) if digest.endswith(".dir") else []
                named |= {locks.bundled(member["md5"]): pin for member in members}
            except (OSError, ValueError, KeyError, TypeError) as error:
                yield f"{listing}: cannot be read ({error}), expected the list that {pin} names; {_restore(listing)}"
    there = {path for path in BUNDLED.rglob("*") if path.is_file()}
    for path in sorted(named.keys() - there):
        yield f"{path}: no such file, {named[path]} names it; {_restore(path)}"
    for path in sorted(there - named.keys()):
        yield f"{path}: no pin names it, expected objects of {', '.join(map(str, pins))} alone; delete it"


def _restore(path: Path) -> str:
    return f"`git restore {path}` brings it back"


def pipeline_problems() -> Iterator[str]:
    """dvc.yaml and code.json are what is generated, and stages ran by the commands that are there."""
    if _read(code.FILE) != code.as_json():
        yield f"{code.FILE}: is not of the code that is here; run `python -m replications code`"
    for folder in (folder for folder in map(Path, study.STUDIES) if (folder / "params.yaml").exists()):
        path = folder / "dvc.yaml"
        if _read(path) != pipeline.render(study.load(folder)):
            yield f"{path}: is not what params.yaml gives; run `python -m replications pipeline`"
    for folder in (*map(Path, study.STUDIES), VALIDATION):
        if (folder / "dvc.lock").exists():
            yield from _command_problems(folder)


def _read(path: Path) -> str | None:
    """The text of a file; None where there is none."""
    try:
        return path.read_bytes().decode()
    except (OSError, ValueError):
        return None


def _command_problems(folder: Path) -> Iterator[str]:
    try:
        declared = commands(study.unchecked(folder / "dvc.yaml"))
    except (OSError, StudyError, KeyError, TypeError, AttributeError) as error:
        yield f"{folder / 'dvc.yaml'}: cannot be read ({error}), expected stages and their commands"
        return
    for stage, entry in locks.stages(folder).items():
        if stage not in declared:
            yield f"{folder / 'dvc.lock'}: {folder / 'dvc.yaml'} has no stage {stage}; run `dvc commit`, or delete it"
        elif entry.get("cmd") != declared[stage]:
            yield f"{folder / 'dvc.lock'}: stage {stage} ran {entry.get('cmd')!r}, declared is {declared[stage]!r}"


def commands(content: Mapping[str, Any]) -> dict[str, str]:
    """Stage → its command, of a dvc.yaml of this project: `foreach` is a mapping, and its items are mappings."""
    found = {}
    for stage, entry in content["stages"].items():
        for key, item in entry.get("foreach", {}).items():
            command = entry["do"]["cmd"].replace("${key}", key)
            for name, value in item.items():
                command = command.replace(f"${{item.{name}}}", str(value))
            found[f"{stage}@{key}"] = command
        if "cmd" in entry:
            found[stage] = entry["cmd"]
    return found


def validation_problems() -> Iterator[str]:
    """Tables and pictures of validation/ are what their stages wrote, and texts follow from their tables."""
    remedy = f"restore it from Git, or run `dvc repro --pull {VALIDATION / 'dvc.yaml'}`"
    if not (VALIDATION / "dvc.lock").exists():
        yield f"{VALIDATION / 'dvc.lock'}: no such file; {remedy}"
        return
    yield from chain.code_problems(VALIDATION)
    for entry in locks.stages(VALIDATION).values():
        for out in entry.get("outs", ()):
            path = Path(out["path"])
            if not path.exists() or chain.md5(path) != out["md5"]:
                yield f"{path}: its bytes are not those that its stage wrote; {remedy}"
    for name, text in TEXTS.items():
        path = VALIDATION / name
        try:
            follows = text()
        except Exception as error:  # a damaged table fails in many ways
            yield f"{path}: nothing follows from its table ({error!r}); {remedy}"
            continue
        if _read(path) != follows:
            yield f"{path}: is not what its table says; {remedy}"


def _of_judge() -> str:
    made_in = re.search(r"^(Python .*)\.$", _read(VALIDATION / "judge.md") or "", re.MULTILINE)  # follows from no table
    judge, families, power, flips = map(_rows, ("judge", "families", "power", "flip_chance"))
    return calibration_report.summary(judge, families, power, flips, made_in[1] if made_in else "")


TEXTS: dict[str, Callable[[], str]] = {
    "judge.md": _of_judge,
    "instruments.md": lambda: ladder_report.markdown(_rows("instruments")),
    versions.TABLE.name: lambda: versions.as_markdown(versions.read()),
}
"""File of validation/ → the text that follows from its tables."""


def _rows(name: str) -> list[dict[str, str]]:
    text = (VALIDATION / f"{name}.csv").read_bytes().decode()
    return list(csv.DictReader(io.StringIO(text, newline="")))


def sheet_problems(declared: Study) -> Iterator[str]:
    """A sample sheet shows the pictures of columns/."""
    for room in declared.variants:
        path = declared.folder / "results" / room / "sheet.png"
        try:
            columns = sheets.load(declared, room)
            with Image.open(path) as sheet:
                shown = np.asarray(sheet.convert("RGB"), float)
        except (OSError, UnidentifiedImageError, ReplicationError) as error:
            yield f"{path}: cannot be compared ({error})"
            continue
        for i, (title, strip) in enumerate(columns.strips.items()):
            if not all(is_shown(shown, columns, strip, row, i) for row in range(columns.rows)):
                yield f"{path}: does not show the pictures of column {title!r} in columns/; restore both from Git"


def is_shown(sheet: Array, columns: sheets.Columns, strip: Image.Image, row: int, column: int) -> bool:
    """Whether a drawn sheet (H, W, 3) shows a picture of one of its columns in its place."""
    picture = np.asarray(strip, float)[row * columns.height : (row + 1) * columns.height]
    y, x = sheets.place(sheet.shape[:2], row, column, columns)
    if not (y[0] >= 0 and y[-1] < sheet.shape[0] and x[0] >= 0 and x[-1] < sheet.shape[1]):
        return False
    drawn = sheet[y.astype(int)[:, None], x.astype(int)]
    if y[1] - y[0] >= LARGE:
        return bool(np.abs(drawn - picture).max() <= ROUNDED)
    return bool(np.abs(_means(drawn) - _means(picture)).max() <= PART)


def _means(picture: Array) -> Array:
    """Of parts (PARTS, PARTS, 3) of a picture (H, W, 3)."""
    bands = np.array_split(picture, PARTS)
    return np.array([[part.mean(axis=(0, 1)) for part in np.array_split(band, PARTS, axis=1)] for band in bands])


def stray_problems(declared: Study) -> Iterator[str]:
    """results/ holds what stages write and what commands declare, and nothing that nobody made, as far as Git knows."""
    folder = declared.folder / "results"
    listed = subprocess.run(["git", "ls-files", "-z", "--", str(folder)], capture_output=True, check=False)
    if listed.returncode:
        return
    written = [Path(out["path"]) for entry in locks.stages(declared.folder).values() for out in entry.get("outs", ())]
    beside = {folder / name for name in (".gitignore", "README.md", "evidence.json")}
    for path in map(Path, filter(None, listed.stdout.decode().split("\0"))):
        if path.exists() and path not in beside and not {path, *path.parents} & set(written):
            yield f"{path}: no stage of {declared.folder / 'dvc.lock'} writes it; delete it"

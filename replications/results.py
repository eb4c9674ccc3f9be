"""The small text files of a study's results/ folder: written whole or not at all, read strictly."""

import csv
import io
import json
import re
import reprlib
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from replications.command import repro
from replications.errors import ReplicationError


class ResultsError(ReplicationError):
    """Results that cannot be written."""


def as_csv(columns: tuple[str, ...], rows: list[dict]) -> str:
    """The rows as CSV text with Unix line ends."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def write_text(path: Path, text: str) -> None:
    """Writes a result whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a result whole or not at all."""
    if not path.name:
        raise ResultsError(f"{str(path)!r} names no file, expected one to write to; say report.xml, for example")
    if path.exists() and not path.is_file():
        raise ResultsError(f"{path}: is a folder, a device or a FIFO, expected a file to write; name another")
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(content)
        unfinished.replace(path)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise ResultsError(f"{path}: cannot be written ({error.strerror}); make room or permissions there") from None


RUN = (
    *("variant", "seed", "images_sha256", "facts_sha256", "params_sha256", "code_sha256", "data_sha256"),
    "environment",
)
"""The columns of runs.csv; `runs.provenance` says what they are."""


def read_csv(path: Path, columns: Collection[str], remedy: str) -> list[dict[str, str]]:
    """The rows of a CSV file, of which there is at least one.

    Args:
        path: the file.
        columns: those that every row has; there may be others.
        remedy: what makes the file anew, as the end of a sentence.

    Raises:
        ResultsError: there is no such file, or it is not that; the message names the file.
    """
    try:
        text = path.read_bytes().decode()
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        if not rows:
            raise ValueError(f"no rows, expected {', '.join(columns)}")
        for row in rows:
            if not is_whole(row) or not set(columns) <= set(row):
                raise ValueError(f"a row is not {', '.join(columns)}: {list(row.values())}")
    except FileNotFoundError:
        raise ResultsError(f"{path}: no such file; {remedy}") from None
    except (ValueError, csv.Error) as error:
        raise ResultsError(f"{path}: damaged ({error}); {remedy}") from None
    return rows


def is_whole(row: Mapping[Any, object]) -> bool:
    """Whether a row of a CSV file has a value for each column, and no more."""
    return None not in row and None not in row.values()


def whole_number(text: str) -> int:
    """A number as the suite writes it; `int` takes 1_0, +1, spaces and Arabic digits, too."""
    if not re.fullmatch("-?[0-9]{1,18}", text):
        raise ValueError(f"{text!r}, expected a whole number")
    return int(text)


def number(text: str) -> float:
    """A number as the suite writes it, finite or not; `float` takes 1_0.0, spaces and Arabic digits, too."""
    if not re.fullmatch(r"-?([0-9]+(\.[0-9]*)?(e[+-]?[0-9]{1,3})?|inf|nan)", text):
        raise ValueError(f"{text!r}, expected a number")
    return float(text)


def read_runs(folder: Path, replication: str) -> dict[tuple[str, int], dict[str, str]]:
    """(variant, seed) → the run's row in results/REPLICATION/runs.csv."""
    path, remedy = folder / "results" / replication / "runs.csv", f"run {repro(folder)}"
    found: dict[tuple[str, int], dict[str, str]] = {}
    for row in read_csv(path, RUN, f"{remedy} and commit what it writes"):
        try:
            run = (row["variant"], whole_number(row["seed"]))
            for name in ("images_sha256", "facts_sha256"):  # the others are held against what they are of
                if not re.fullmatch("[0-9a-f]{64}", row[name]):
                    raise ValueError(f"{name} of {run[0]} seed {run[1]} is {row[name]!r}, expected a SHA-256")
        except ValueError as error:
            raise ResultsError(f"{path}: damaged ({error}); {remedy}") from None
        if run in found:
            raise ResultsError(f"{path}: damaged ({run[0]} seed {run[1]} is listed twice); {remedy}")
        found[run] = row
    return found


class _Environment(BaseModel):
    """What is told of an environment; `environment.environment` says what else it holds."""

    model_config = ConfigDict(strict=True, extra="allow")

    packages: dict[str, str] = {}
    python: str = ""
    system: str = ""
    cpu: str = ""
    device: str = ""
    kernels: dict[str, str] | None = None


_ENVIRONMENTS = TypeAdapter(dict[str, _Environment])


class _Environments(dict[str, dict]):
    """Raises ResultsError, and no KeyError, for a name that it does not have."""

    def __init__(self, path: Path, remedy: str, read: dict[str, dict]):
        super().__init__(read)
        self.path, self.remedy = path, remedy

    def __missing__(self, name: str) -> dict:
        raise ResultsError(f"{self.path}: has no environment {name!r}, which runs.csv beside it names; {self.remedy}")


def read_environments(folder: Path, replication: str) -> dict[str, dict]:
    """Environment's name in runs.csv → what it was."""
    path = folder / "results" / replication / "environments.json"
    if not path.exists():
        raise ResultsError(f"{path}: no such file; run {repro(folder)} and commit what it writes")
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{path}: damaged ({error}); run {repro(folder)}") from None
    try:
        _ENVIRONMENTS.validate_python(read)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise ResultsError(
            f"{path}: damaged ({where} is {reprlib.repr(first['input'])}, expected names of environments and what they "
            f"were); run {repro(folder)}"
        ) from None
    return _Environments(path, f"run {repro(folder)}", read)


def environment_words(environment: dict) -> str:
    """'tensorflow 2.21.0, keras 3.15.1, …, Python 3.11.7, Linux x86_64 on AMD EPYC (avx512f; oneDNN: avx2)'."""
    packages = ", ".join(f"{name} {version}" for name, version in sorted(environment.get("packages", {}).items()))
    rest = " on ".join(environment[key] for key in ("system", "cpu") if key in environment)
    if environment.get("device", "CPU").upper() != "CPU":
        rest += f" with {environment['device']}"
    kernels = environment.get("kernels")
    known = {"instructions": "", "onednn": "oneDNN: ", "xla_flags": "XLA: "}
    known |= {"openblas_coretype": "OpenBLAS: ", "glibc_tunables": "glibc: "}
    wide = "; ".join(f"{known.get(key, key)}{value}" for key, value in kernels.items()) if kernels else ""
    return f"{packages}, Python {environment.get('python', '?')}, {rest}" + (f" ({wide})" if wide else "")

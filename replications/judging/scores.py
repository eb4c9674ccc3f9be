"""The scores of a study, read strictly: results/REPLICATION/scores.csv of its runs, controls.csv of known pictures."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np

from replications.command import repro
from replications.errors import ReplicationError
from replications.results import is_whole, number, whole_number
from replications.statistics import Array
from replications.study import Study

LARGEST = 1e12
"""No instrument gives a score beyond it; the number of a net's parameters comes nearest."""


class ScoreError(ReplicationError, ValueError):
    """Scores that are missing, double, left over or not numbers; the message names them."""


@dataclass(frozen=True)
class Scores:
    """The scores of one replication: (variant, instrument) → seed → score.

    A control (photographs, blurred photographs, noise, what is known exactly) stands among the variants, and has a
    score for each seed as well: by the net of this seed, where a net judges.
    """

    values: Mapping[tuple[str, str], Mapping[int, float]]
    """At the end of training."""
    earlier: Mapping[float, "Scores"] = field(default_factory=dict)
    """Share of the training that was done → the scores there."""

    @property
    def snapshots(self) -> dict[float, "Scores"]:
        """Share of the training → the scores there, the end (1) included."""
        return {**self.earlier, 1.0: self}

    def __post_init__(self) -> None:
        for (variant, instrument), arm in self.values.items():
            for seed, score in arm.items():
                if not math.isfinite(score):
                    where = f"variant '{variant}', instrument '{instrument}', seed {seed}"
                    raise ScoreError(f"{where}: the score is {score}; did the run diverge?")

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]], controls: Iterable[Mapping[str, Any]] = ()) -> Self:
        """From tidy rows with `variant, seed, snapshot, instrument, score`, as `csv.DictReader` gives them.

        Without `snapshot`, as the files of earlier code are, a row is of the end of training. Controls are not
        trained: their rows, with `control` for `variant`, hold at every snapshot.
        """
        values: dict[float, dict[tuple[str, str], dict[int, float]]] = {1.0: {}}
        known: dict[tuple[str, str], dict[int, float]] = {}
        for n, row in enumerate(rows, start=1):
            where = f"score row {n}: {dict(row)}"
            try:
                share = number(str(row.get("snapshot", 1)))
            except (TypeError, ValueError) as error:
                raise ScoreError(f"{where}: snapshot is a share of the training, such as 0.5 ({error!r})") from error
            if not 0 < share <= 1:
                raise ScoreError(f"{where}: snapshot is {share:g}, expected a share of the training above 0, up to 1")
            _add(values.setdefault(share, {}), row, "variant", where)
        for n, row in enumerate(controls, start=1):
            _add(known, row, "control", f"control row {n}: {dict(row)}")
        both = sorted({v for v, _ in known} & {v for v, _ in values[1.0]})
        if both:
            raise ScoreError(f"{both[0]!r} is a control and a variant; rename the variant")
        found = {share: cls({**known, **of_share}) for share, of_share in values.items()}
        return cls(found.pop(1.0).values, found)

    def arm(self, variant: str, instrument: str, seeds: Sequence[int]) -> Array:
        """The scores [S] of a variant, in the order of the declared seeds: all of them, and no others."""
        arm = self.values.get((variant, instrument))
        if arm is None:
            raise ScoreError(self._what_exists(variant, instrument))
        missing = [seed for seed in seeds if seed not in arm]
        undeclared = [seed for seed in arm if seed not in seeds]
        if missing or undeclared:
            raise ScoreError(
                f"variant '{variant}', instrument '{instrument}': scores missing for declared seeds {missing}, "
                f"scores left over from undeclared seeds {undeclared} (declared: {list(seeds)})"
            )
        return np.array([arm[seed] for seed in seeds], float)

    def _what_exists(self, variant: str, instrument: str) -> str:
        instruments = sorted({i for v, i in self.values if v == variant})
        if instruments:
            return f"variant '{variant}' has no score by instrument '{instrument}'; it has {instruments}"
        return f"no scores of variant '{variant}'; there are scores of {sorted({v for v, _ in self.values})}"


def _add(values: dict[tuple[str, str], dict[int, float]], row: Mapping[str, Any], kind: str, where: str) -> None:
    """One row, where it is whole and the first of its kind."""
    try:
        variant, instrument = str(row[kind]), str(row["instrument"])
        if not is_whole(row):
            raise ValueError("not a value for each column")
        seed, score = whole_number(str(row["seed"])), number(str(row["score"]))
        if whole_number(str(row.get("n_images", 1))) < 1:
            raise ValueError(f"n_images is {row['n_images']}, expected at least 1")
    except (KeyError, TypeError, ValueError) as error:
        raise ScoreError(f"{where}: needs {kind}, seed, instrument, score ({error!r})") from error
    if not math.isfinite(score) or abs(score) > LARGEST:
        raise ScoreError(f"{where}: the score is {score}; did the run diverge?")
    arm = values.setdefault((variant, instrument), {})
    if seed in arm:
        raise ScoreError(f"{where}: the second score of this {kind}, seed and instrument")
    arm[seed] = score


def read_scores(declared: Study, replication: str) -> Scores:
    """The scores of one replication: of all declared runs at all declared snapshots, and of no others."""
    path = declared.folder / "results" / replication / "scores.csv"
    remedy = f"run {repro(declared.folder, f'measure@{replication}')}"
    rows = _read_csv(path, remedy)
    found = {(row.get("variant"), row.get("seed"), _share(row.get("snapshot"))) for row in _rows(rows)}
    wanted = {
        (run.variant, str(run.seed), share) for run in declared.runs(replication) for share in run.params.snapshots
    }
    for problem, runs in (("has no score of", wanted - found), ("scores the undeclared run", found - wanted)):
        if runs:
            variant, seed, share = sorted(runs, key=str)[0]
            at = "" if share == 1 else f" at snapshot {share}"
            raise ScoreError(f"{path}: {problem} {variant} seed {seed}{at} ({len(runs)} such); {remedy}")
    controls, again = path.with_name("controls.csv"), f"run {repro(declared.folder, f'controls@{replication}')}"
    known = _read_csv(controls, again) if controls.exists() else ""
    if controls.exists() and not _rows(known):
        raise ScoreError(f"{controls}: damaged (no rows, expected control, seed, instrument, score); {again}")
    try:
        _scores("", known)
    except ScoreError as error:
        raise ScoreError(f"{controls}: {error}; {again}") from None
    try:
        return _scores(rows, known)
    except ScoreError as error:
        raise ScoreError(f"{path}: {error}; {remedy}") from None


def _share(snapshot: str | None) -> float | str:
    """0.5 of '0.50'; 1 where there is none; what is no number as it stands, for the message."""
    try:
        return float(snapshot if snapshot is not None else 1)
    except ValueError:
        return str(snapshot)


def _read_csv(path: Path, remedy: str) -> str:
    """The text of a file whose rows can be read."""
    try:
        text = path.read_bytes().decode()
        _rows(text)
    except FileNotFoundError:
        raise ScoreError(f"{path}: no such file; {remedy}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ScoreError(f"{path}: damaged ({error}); {remedy}") from None
    return text


# One command asks for the same scores several times, and reading them takes longer than judging by them.


@lru_cache(maxsize=64)
def _rows(text: str) -> tuple[dict[str, str], ...]:
    """The rows of a CSV file, not to be changed."""
    return tuple(csv.DictReader(io.StringIO(text, newline="")))


@lru_cache(maxsize=64)
def _scores(rows: str, controls: str) -> Scores:
    """What the texts of two CSV files say, not to be changed."""
    return Scores.from_rows(_rows(rows), _rows(controls))

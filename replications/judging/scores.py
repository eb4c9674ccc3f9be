"""The scores of a study: results/REPLICATION/scores.csv, read strictly."""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from replications.command import repro
from replications.errors import ReplicationError
from replications.statistics import Array
from replications.study import Study


class ScoreError(ReplicationError, ValueError):
    """Scores that are missing, double, left over or not numbers; the message names them."""


@dataclass(frozen=True)
class Scores:
    """The scores of one replication: (variant, instrument) → seed → score."""

    values: Mapping[tuple[str, str], Mapping[int, float]]

    def __post_init__(self) -> None:
        for (variant, instrument), arm in self.values.items():
            for seed, score in arm.items():
                if not math.isfinite(score):
                    where = f"variant '{variant}', instrument '{instrument}', seed {seed}"
                    raise ScoreError(f"{where}: the score is {score}; did the run diverge?")

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]]) -> Self:
        """From tidy rows with `variant, seed, instrument, score`, as `csv.DictReader` gives them."""
        values: dict[tuple[str, str], dict[int, float]] = {}
        for number, row in enumerate(rows, start=1):
            where = f"score row {number}: {dict(row)}"
            try:
                variant, instrument = str(row["variant"]), str(row["instrument"])
                seed, score = int(row["seed"]), float(row["score"])
            except (KeyError, TypeError, ValueError) as error:
                raise ScoreError(f"{where}: needs variant, seed, instrument, score ({error!r})") from error
            if not math.isfinite(score):
                raise ScoreError(f"{where}: the score is {score}; did the run diverge?")
            arm = values.setdefault((variant, instrument), {})
            if seed in arm:
                raise ScoreError(f"{where}: the second score of this variant, seed and instrument")
            arm[seed] = score
        return cls(values)

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


def read_scores(declared: Study, replication: str) -> Scores:
    """The scores of one replication: of all declared runs, and of no others."""
    path = declared.folder / "results" / replication / "scores.csv"
    remedy = f"run {repro(declared.folder, f'measure@{replication}')}"
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
    except FileNotFoundError:
        raise ScoreError(f"{path}: no such file; {remedy}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ScoreError(f"{path}: damaged ({error}); {remedy}") from None
    found = {(row.get("variant"), row.get("seed")) for row in rows}
    wanted = {(run.variant, str(run.seed)) for run in declared.runs(replication)}
    for problem, runs in (("has no score of", wanted - found), ("scores the undeclared run", found - wanted)):
        if runs:
            variant, seed = sorted(runs, key=str)[0]
            raise ScoreError(f"{path}: {problem} {variant} seed {seed} ({len(runs)} such); {remedy}")
    try:
        return Scores.from_rows(rows)
    except ScoreError as error:
        raise ScoreError(f"{path}: {error}; {remedy}") from None

"""Means with their intervals over seeds, as results/REPLICATION/summary.csv has them, for prose and for pictures."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from replications.command import repro
from replications.errors import ReplicationError
from replications.results import number, read_csv

PLACE = re.compile(r"\{(\w+)\.(\w+):(%|\.\df)\}")
"""Where a text has a number: `{kl_l2.blur:%}`, `{kl_l2.mse_over_mmse:.2f}`."""


class NumbersError(ReplicationError):
    """A summary that is missing or damaged, or a text that asks for a number that nobody knows."""


class Mean(NamedTuple):
    """Over the seeds of an arm, with a 95 % interval."""

    mean: float
    low: float
    high: float


Numbers = Mapping[tuple[str, str], Mean]
"""(Variant, instrument) → mean."""


def read(folder: Path, replication: str) -> dict[tuple[str, str], Mean]:
    """The summary of a replication in a study's folder.

    Raises:
        ResultsError, NumbersError: one line that names the file and the command that makes it.
    """
    path, remedy = folder / "results" / replication / "summary.csv", f"run {repro(folder, f'measure@{replication}')}"
    try:
        found = {
            (row["variant"], row["instrument"]): Mean(*(number(row[name]) for name in Mean._fields))
            for row in read_csv(path, ("variant", "instrument", *Mean._fields), remedy)
        }
        for name, mean in found.items():
            if not -math.inf < mean.low <= mean.mean <= mean.high < math.inf:
                raise ValueError(f"{name[1]} of {name[0]} is {mean.mean:g} [{mean.low:g}, {mean.high:g}]")
        return found
    except ValueError as error:
        raise NumbersError(f"{path}: damaged ({error}), expected means with intervals; {remedy}") from None


def filled(text: str, numbers: Numbers) -> str:
    """A text with the numbers that it asks for: '60 % [58, 61]', '2.37 [2.17, 2.57]'.

    Raises:
        NumbersError: it asks for a number that is not there.
    """

    def as_text(place: re.Match) -> str:
        variant, instrument, form = place.groups()
        if (variant, instrument) not in numbers:
            raise NumbersError(
                f"{{{variant}.{instrument}}}: no such score, expected one of summary.csv; run `dvc repro --pull "
                "measure`"
            )
        scale, form, sign = (100, ".0f", " %") if form == "%" else (1, form, "")
        mean, low, high = (format(scale * value, form) for value in numbers[variant, instrument])
        return f"{mean}{sign} [{low}, {high}]"

    text_with_numbers = PLACE.sub(as_text, text)
    if "{" in text_with_numbers or "}" in text_with_numbers:
        raise NumbersError(
            f"{text_with_numbers!r}: a place is not understood, expected {{variant.instrument:%}} or :.2f"
        )
    return text_with_numbers

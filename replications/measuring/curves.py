"""Curves over variants: one score against a hyper-parameter, or against another score, with intervals over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import BaseModel

COLUMNS = ("curve", "series", "variant", "x", "y", "low", "high")


@dataclass(frozen=True)
class Curve:
    """What a room would have drawn; a declared variant is one point, an undeclared one none."""

    title: str
    x: str
    """A hyper-parameter of the variants or, where they have none of that name, an instrument."""
    y: str
    """An instrument."""
    series: Mapping[str, Sequence[str]]
    """Name of a line → its variants."""
    where_known: bool = False
    """Whether runs may lack a score, as those on real images lack what only the procedural world knows."""


@dataclass(frozen=True)
class Plot:
    """One score against another, a point for each variant, as README and page show it first."""

    x: str
    """An instrument."""
    y: str
    x_label: str
    y_label: str
    points: Mapping[str, tuple[str, str]]
    """Variant → what is done to it, which is its colour, and how it is trained, which is its marker."""
    slope: float
    """Of a line through nought."""
    line: str
    """What the line says."""
    height: float = 1.0
    """Of the axes, over that of the points: above 1 there is room for the legend beside them."""
    x_of: Mapping[str, str] = field(default_factory=dict)
    """Variant → whose x is its own, too."""


class Shown(NamedTuple):
    """A column of a sample sheet, as README and page show it first, and the score that stands below it."""

    column: str
    variant: str = ""
    instrument: str = ""
    """Empty: nothing stands below it."""


def rows(curves: Sequence[Curve], variants: Mapping[str, BaseModel], summary: Sequence[Mapping]) -> list[dict]:
    """The points of all curves, one row each, with the columns COLUMNS.

    Args:
        curves: what to draw.
        variants: the study's, with their hyper-parameters.
        summary: rows with variant, instrument, mean, low, high.
    """
    found = {(row["variant"], row["instrument"]): row for row in summary}
    points = []
    for curve in curves:
        for series, names in curve.series.items():
            for variant in (name for name in names if name in variants):
                x = getattr(variants[variant], curve.x, None)
                needs = {curve.y} if x is not None else {curve.x, curve.y}
                if curve.where_known and any((variant, instrument) not in found for instrument in needs):
                    continue
                x = found[variant, curve.x]["mean"] if x is None else x
                y = found[variant, curve.y]
                point = {"curve": curve.title, "series": series, "variant": variant, "x": x, "y": y["mean"]}
                points.append(point | {"low": y["low"], "high": y["high"]})
    return points

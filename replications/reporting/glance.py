"""The answer as pictures for README and page: inputs, photographs, what nets make of them, and one plot below them.

A room that is to be seen at a glance names in its measures GLANCE, columns of its sample sheet with their sharpness,
and perhaps PLOT; GLANCE_REAL and PLOT_REAL for the study on real images.
"""

import importlib
import io
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from PIL import Image

from replications import study
from replications.command import repro
from replications.datasets import world
from replications.drawing import Axes, Line2D, plain, plt
from replications.errors import ReplicationError
from replications.measuring import sheets
from replications.measuring.curves import Plot, Shown
from replications.reporting import numbers
from replications.reporting.numbers import Numbers

ROWS = 3
"""Of a sample sheet's eight."""
PLOT_HEIGHT = 3.7
"""Inches below the columns."""
NUMBERS = "Description"
"""Where a picture's file says in text what stands below its columns: drawn digits are hard to compare."""
_ELSEWHERE = {"real": "_REAL", "paper": "_PAPER"}
"""Study → what the names of its GLANCE and PLOT, and of its pictures, end in."""
GREY = "#808080"
LINES = ("#2f7fc1", "#d0672c", "#23895a", "#9a5fb5", "#8a7a2c")
MARKERS = ("o", "s", "^", "D")


class GlanceError(ReplicationError):
    """Results that no picture can be made of."""


def rooms(declared: study.Study) -> list[str]:
    """The rooms of a study that are seen at a glance."""
    return [room for room in declared.variants if _shown(declared, room, "GLANCE")]


def file_of(declared: study.Study, room: str) -> str:
    """The picture's name below results/ of the bundled study."""
    return f"at_a_glance_{room}{_ELSEWHERE.get(declared.name, '').lower()}.png"


def _shown(declared: study.Study, room: str, what: str) -> Any:
    """GLANCE or PLOT of a room in a study, or None."""
    return getattr(measures(room), what + _ELSEWHERE.get(declared.name, ""), None)


def measures(room: str) -> ModuleType:
    """What a room measures, and shows."""
    return importlib.import_module(f"replications.{room}.measures")


@plain()
def draw(declared: study.Study, room: str) -> bytes:
    """The picture of a room, PNG: columns of its sheet side by side and, where it names one, its plot below them.

    Of variants that the study does not declare there is neither a column nor a point.
    """
    sheet = sheets.load(declared, room)
    columns = sheet.strips | (known(sheet) if "labels" in sheet.strips else {})
    here = declared.variants[room]
    wanted = {
        title: one for title, one in _shown(declared, room, "GLANCE").items() if not one.variant or one.variant in here
    }
    plot: Plot | None = _shown(declared, room, "PLOT")
    points = {name: point for name, point in plot.points.items() if name in here} if plot else {}
    scores = numbers.read(declared.folder, room)
    width, strip = max(6.5, 1.3 * len(wanted)), 1.3 * ROWS + 0.7
    height = strip + (PLOT_HEIGHT if points else 0)
    figure = plt.figure(figsize=(width, height), dpi=110)
    columns_at = {"bottom": 1 - (strip - 0.25) / height, "top": 1 - 0.5 / height, "wspace": 0.04}
    grid = figure.add_gridspec(1, len(wanted), left=0.01, right=0.99, **columns_at)
    if plot and points:
        axes = figure.add_axes((0.09, 0.5 / height, 0.9, (PLOT_HEIGHT - 0.65) / height))
        _points(axes, replace(plot, points=points), scores, declared.folder, room)
    sharpness: list[str] = []
    panels = [figure.add_subplot(grid[0, column]) for column in range(len(wanted))]
    for panel, (title, one) in zip(panels, wanted.items(), strict=True):
        if one.column not in columns:
            raise GlanceError(f"{room}: its sheet has no column {one.column!r}, expected one of {', '.join(columns)}")
        panel.imshow(columns[one.column].crop((0, 0, sheet.width, ROWS * sheet.height)), interpolation="nearest")
        panel.set_title(title, fontsize=9)
        below = _below(one, scores, declared.folder, room)
        sharpness.append(below)
        panel.text(0.5, -0.015, below, transform=panel.transAxes, ha="center", va="top", fontsize=8.5)
        panel.axis("off")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None, NUMBERS: "; ".join(sharpness)})
    plt.close(figure)
    return picture.getvalue()


def _below(shown: Shown, scores: Numbers, folder: Path, room: str) -> str:
    """The sharpness that stands below a column: 1 below photographs, nothing where none was measured."""
    if shown.column == "photo":
        return "sharpness 1"
    if not shown.instrument:
        return ""
    if (shown.variant, shown.instrument) not in scores:
        path, remedy = folder / "results" / room / "summary.csv", f"run {repro(folder, f'measure@{room}')}"
        raise GlanceError(f"{path}: no {shown.instrument} of {shown.variant}, expected one; {remedy}")
    return "{:.2f} [{:.2f}, {:.2f}]".format(*scores[shown.variant, shown.instrument])


def _points(axes: Axes, plot: Plot, scores: Numbers, folder: Path, room: str) -> None:
    """A point with its intervals for each variant: what it is made by in colour, how it is trained by its marker."""
    colours, markers = _styles(plot, room)
    right = 0.0
    for variant, (way, loss) in plot.points.items():
        at = plot.x_of.get(variant, variant)
        if not {(at, plot.x), (variant, plot.y)} <= set(scores):
            path, remedy = folder / "results" / room / "summary.csv", f"run {repro(folder, f'measure@{room}')}"
            raise GlanceError(f"{path}: no {plot.x} of {at} or no {plot.y} of {variant}, expected both; {remedy}")
        x, y = scores[at, plot.x], scores[variant, plot.y]
        x_error, y_error = ([[one.mean - one.low], [one.high - one.mean]] for one in (x, y))
        axes.errorbar(
            x.mean, y.mean, y_error, x_error, color=colours[way], marker=markers[loss], markersize=7, capsize=2
        )
        right = max(right, x.high)
    axes.axline((0, 0), slope=plot.slope, color=GREY, linewidth=1, linestyle="dotted")
    axes.axhline(0, color=GREY, linewidth=1)
    axes.set(xlabel=plot.x_label, ylabel=plot.y_label, xlim=(-0.05 * right, 1.03 * right))
    axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= 0.97 * right])  # a later label would be cut off
    bottom, top = axes.get_ylim()
    axes.set_yticks([tick for tick in axes.get_yticks() if bottom <= tick <= top])
    axes.set_ylim(bottom, bottom + plot.height * (top - bottom))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    entries = [Line2D([], [], color=colour, marker="o", linestyle="", label=way) for way, colour in colours.items()]
    entries += [
        Line2D([], [], color="#000000", marker=marker, linestyle="", label=loss, fillstyle="none")
        for loss, marker in markers.items()
    ]
    entries.append(Line2D([], [], color=GREY, linestyle="dotted", label=plot.line))
    axes.legend(handles=entries, fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(0.08, 1.0), ncols=2)


def _styles(plot: Plot, room: str) -> tuple[dict[str, str], dict[str, str]]:
    """The colours of what a plot's points are made by, and the markers of how they are trained.

    All plots of a room have the same ones. What a plot begins with, its reference, is grey.
    """
    of_room = [getattr(measures(room), f"PLOT{suffix}", None) for suffix in ("", *_ELSEWHERE.values())]
    plots = [*(one for one in of_room if one), plot]
    ways, losses, references = {}, {}, set()
    for one in plots:
        references.add(next(iter(one.points.values()))[0])
        for way, loss in one.points.values():
            ways[way], losses[loss] = None, None
    coloured = [way for way in ways if way not in references]
    if len(coloured) > len(LINES) or len(losses) > len(MARKERS):
        raise GlanceError(
            f"{room}: its plots have {len(coloured)} ways and {len(losses)} losses, expected at most {len(LINES)} and "
            f"{len(MARKERS)}; add colours or markers to replications/reporting/glance.py"
        )
    colours = dict.fromkeys(references, GREY) | dict(zip(coloured, LINES, strict=False))
    markers = dict(zip(losses, MARKERS, strict=False))
    here = plot.points.values()
    return {way: colours[way] for way, _ in here}, {loss: markers[loss] for _, loss in here}


def known(sheet: sheets.Columns, size: int = 32) -> dict[str, Image.Image]:
    """What the best nets would put out for a sheet's label maps, known exactly: the conditional mean and median."""
    side, labels = sheet.width, sheet.strips["labels"]
    centres = ((np.arange(size) + 0.5) * side / size).astype(int)
    strips = {"conditional mean (best under L2)": [], "conditional median (best under L1)": []}
    for row in range(sheet.rows):
        pixels = np.asarray(labels)[row * side + centres][:, centres].astype(int)
        distance = np.abs(pixels[:, :, None] - world.PALETTE[None, None].astype(int)).sum(axis=-1)
        if distance.min(axis=-1).any():
            raise GlanceError(
                "results/pix2pix/columns: a label map has other colours than world.PALETTE, expected those alone; run "
                "`dvc repro --pull measure@pix2pix`"
            )
        best = world.conditional(distance.argmin(axis=-1).astype(np.uint8))
        for values, picture in zip(strips.values(), (best.mean, best.median), strict=True):
            values.append(
                Image.fromarray(np.round(255 * picture).astype(np.uint8)).resize((side, side), Image.Resampling.NEAREST)
            )
    joined = {}
    for title, values in strips.items():
        joined[title] = Image.new("RGB", labels.size)
        for row, picture in enumerate(values):
            joined[title].paste(picture, (0, row * side))
    return joined

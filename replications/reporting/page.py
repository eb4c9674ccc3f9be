"""Everything on one page for people who look first: `python -m replications page` makes results/report.html.

One file that works offline: the question, the answer as the verdicts give it, every claim with its effect in each
study, pictures to compare, curves. It is made of results/, of every study that has verdicts, without any run; the same
results give the same bytes.
"""

import base64
import io
import json
import math
import os
import re
import textwrap
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from PIL import Image

from replications import command, study
from replications.command import repro
from replications.drawing import plain, plt
from replications.errors import ReplicationError
from replications.judging import claims, ideas, verdicts
from replications.judging.explanations import EXPLANATIONS, findings
from replications.judging.scores import LARGEST
from replications.measuring import sheets
from replications.reporting import citation, front, glance, numbers, report
from replications.reporting.glance import GREY, LINES, known, measures
from replications.results import number, read_csv, write_bytes, write_text
from replications.statistics import detectable

QUESTION = "Why is a VAE’s output blurred while a GAN’s is crisp?"
INK = "#010203"
"""Stands for the colour of the text around a plot: what is readable on white and what is on black are two colours."""
INPUTS = 4
"""Of a sample sheet's eight, on the page."""


class PageError(ReplicationError):
    """Results that no page can be made of."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications page", description=__doc__)
    parser.add_argument(
        "--out", type=command.file_to_write, default=Path("results/report.html"), help="default: results/report.html"
    )
    arguments = parser.parse_args(argv)
    check(arguments.out)
    studies = [study.load(folder) for folder in study.STUDIES if Path(folder, "params.yaml").exists()]
    pictures = {
        glance.file_of(declared, room): glance.draw(declared, room)
        for declared in studies
        for room in glance.rooms(declared)
    }
    write_text(arguments.out, page(Path(), glances=pictures))
    for file, picture in pictures.items():
        write_bytes(arguments.out.with_name(file), picture)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 2**20:.1f} MB, open it in a browser")
    return 0


def check(out: Path) -> None:
    """Raises PageError where a page could not be written, which takes half a minute to find out otherwise."""
    if not out.parent.is_dir():
        raise PageError(
            f"--out {out}: there is no folder {out.parent}, expected one; make it, or name one that is there"
        )
    if out.is_dir():
        raise PageError(f"--out {out}: a folder, expected the name of a file; say {out / 'report.html'}, perhaps")
    if not os.access(out.parent, os.W_OK):
        raise PageError(f"--out {out}: {out.parent} may not be written to; name a folder that may, or change its mode")


def page(root: Path, withdrawn: report.Withdrawn | None = None, glances: Mapping[str, bytes] | None = None) -> str:
    """The page of all studies below the repository's root, and of the claims that were withdrawn.

    Of `glances`, file → PNG, those of the room that answers are shown.
    """
    results = report.everything(root, withdrawn)
    if not results.verdicts:
        raise PageError(f"{root / 'results/verdicts.json'}: no verdicts there; run {repro(root)} to judge first")
    found = findings(results.verdicts)
    pictures = {
        f"{room} · {name}": one
        for name, folder in results.folders.items()
        for room, one in sheets_of(name, study.load(folder)).items()
    }
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = coded
    environment.filters["emphasis"] = emphasised
    environment.filters["unbroken"] = unbroken
    return environment.get_template("page.html.jinja").render(
        question=QUESTION,
        ideas=ideas.judged(results.verdicts),
        said=front.BECAME,
        setting=front.SETTING,
        whole_models=front.whole_models(results.verdicts),
        sure=front.sure(results.verdicts),
        scores=report.numbers_of_answer(root),
        filled=numbers.filled,
        glances={file: _uri(Image.open(io.BytesIO(picture))) for file, picture in (glances or {}).items()},
        explanations=EXPLANATIONS,
        findings=found,
        totals=results.totals,
        rows=results.by_claim,
        studies=list(results.folders),
        replications=[
            room for room in study.REPLICATIONS if any(key.startswith(f"{room}/") for key in results.by_claim)
        ],
        signs=report.SIGNS,
        means=verdicts.MEANS,
        settled=report.SETTLED,
        decisive=report.DECISIVE,
        data={name: report.data(name) for name in results.folders},
        withdrawn=results.withdrawn,
        favours=claims.SIGNS,
        effect=report.effect,
        shown=report.shown,
        at=report.at,
        matters=report.matters,
        bearing=report.bearing,
        compared=report.compared,
        checked=report.checked,
        learned=report.learned,
        settling=report.settling,
        chance=report.chance,
        written_down=report.written_down,
        number=verdicts.number,
        detectable=cache(detectable),
        plot=plot,
        course=course,
        passed=passed,
        flags=lambda name: "" if name == "root" else f" --study {name}",
        pipeline=lambda name: "dvc.yaml" if name == "root" else f"{name}/dvc.yaml",
        sheets={name: one["first"] for name, one in pictures.items()},
        pictures=Markup(json.dumps({name: one["columns"] for name, one in pictures.items()}).replace("<", "\\u003c")),
        curves=curves(results.folders),
        environments=results.environments,
        of_code=results.of_code,
        citation=(cited := citation.read(root)),
        bibtex="\n\n".join(citation.entries(cited)),
    )


def passed(verdict: Mapping) -> str:
    """How many of a claim's quality checks its arms passed: '3 of 4 checks passed'."""
    n, total = sum(check["passed"] for check in verdict["checks"]), len(verdict["checks"])
    share = f"{n} of {total}" if n < total else f"all {total}" if total > 1 else "its"
    return f"{share} check{'s' * (total > 1)} passed"


def coded(text: str) -> Markup:
    """What stands between backticks as code."""
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))


def unbroken(text: str) -> str:
    """No line ends between a number and its per-cent sign."""
    return text.replace(" %", "\u00a0%")


def emphasised(text: str) -> Markup:
    """What stands between asterisks as emphasis."""
    return Markup(re.sub(r"\*([^*]*)\*", r"<em>\1</em>", str(escape(text))))


# --- plots ---------------------------------------------------------------------------------------------------------


@plain()
def plot(verdict: Mapping) -> Markup:
    """The effect with its interval, the seeds as points, nothing (a line) and the smallest effect (a dotted line)."""
    low, high = verdict["interval"]
    seeds = list(verdict["effects_by_seed"].values())
    marks = [0.0, verdict["smallest_effect"], verdict["effect"], *seeds, *(x for x in (low, high) if x is not None)]
    margin = 0.06 * (max(marks) - min(marks) or 1)
    left, right = min(marks) - margin, max(marks) + margin
    figure, axes = plt.subplots(figsize=(1.7, 0.32))
    axes.axvline(0, color=GREY, linewidth=1)
    axes.axvline(verdict["smallest_effect"], color=GREY, linewidth=1, linestyle=(0, (1, 1)))
    ends = [left if low is None else low, right if high is None else high]
    axes.plot(ends, [0, 0], color=INK, linewidth=2.2, solid_capstyle="butt")
    axes.plot(seeds, [-0.55] * len(seeds), linestyle="", marker="|", markersize=5, color=INK, markeredgewidth=1)
    axes.plot([verdict["effect"]], [0], marker="o", markersize=5.5, color=INK)
    axes.set(xlim=(left, right), ylim=(-1, 0.7))
    for line in axes.lines:  # a path to clip by would be one for all plots, and gone with a row that is hidden
        line.set_clip_on(False)
    axes.axis("off")
    figure.subplots_adjust(left=0, right=1, top=1, bottom=0)
    return svg(figure)


def course(verdict: Mapping) -> Markup:
    """The effect at each snapshot of the training, with the smallest effect as a dotted line; empty if there is one.

    From left to right the training doubles, evenly. The smaller end of the scale is at the bottom.
    """
    snapshots, smallest = verdict["snapshots"], verdict["smallest_effect"]
    if len(snapshots) < 2:
        return Markup()
    steps = [math.log2(one["share"]) for one in snapshots]
    effects = [one["effect"] for one in snapshots]
    low, high = min(*effects, smallest), max(*effects, smallest)

    def height(value: float) -> str:
        return f"{24 - 20 * (value - low) / (high - low or 1):.1f}"

    places = [
        (f"{4 + 56 * (step - steps[0]) / (steps[-1] - steps[0]):.1f}", height(effect))
        for step, effect in zip(steps, effects, strict=True)
    ]
    points = "".join(f'<circle cx="{x}" cy="{y}" r="2.5" fill="currentColor"/>' for x, y in places)
    line = f'<polyline points="{" ".join(f"{x},{y}" for x, y in places)}" fill="none" stroke="currentColor"/>'
    matters = height(smallest)
    dotted = f'<path d="M0 {matters}H64" stroke="{GREY}" stroke-dasharray="1.5 1.5"/>'
    return Markup(f'<svg aria-hidden="true" focusable="false" viewBox="0 0 64 28">{dotted}{line}{points}</svg>')


def svg(figure) -> Markup:
    """A figure as an element of the page; the same figure gives the same bytes."""
    text = io.StringIO()
    with plt.rc_context({"svg.hashsalt": "page", "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    plt.close(figure)
    picture = text.getvalue()
    picture = re.sub(r' id="[a-z0-9]+_\d+"', "", picture)  # names of groups, the same in every plot
    picture = re.sub(r"<metadata>.*?</metadata>", "", picture, flags=re.DOTALL)
    picture = re.sub(r' (?:d|x|y|transform)="[^"]*"', _hundredths, picture)
    picture = re.sub(r"\s*\n\s*", " ", picture)
    picture = picture.replace(INK, "currentColor")
    return Markup(picture[picture.index("<svg") :].replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1))


def _hundredths(attribute: re.Match[str]) -> str:
    """Coordinates to a hundredth of a point: nobody sees more, and the page is a third smaller."""
    return re.sub(r"(\.\d\d)\d+", r"\1", attribute[0])


POINT = ("x", "y", "low", "high")
"""The columns of a curve's point."""
PANEL, HEIGHT = 3.1, 2.7
"""Of one study's panel of a curve, inches."""


def curves(folders: Mapping[str, Path]) -> dict[str, dict[str, Markup]]:
    """Replication → title → the curve in every study that has it, side by side."""
    points: dict[str, dict[str, dict[str, list[dict]]]] = {}
    for name, folder in folders.items():
        for room in study.REPLICATIONS:
            path = folder / "results" / room / "curves.csv"
            if not path.exists():
                continue
            remedy = f"run {repro(folder, f'measure@{room}')}"
            for row in read_csv(path, ("curve", "series", *POINT), remedy):
                try:
                    place = {key: number(row[key]) for key in POINT}
                    if not all(abs(value) <= LARGEST for value in place.values()):  # nor is nan
                        raise ValueError(f"a point {list(row.values())}")
                    point = row | place
                except ValueError as error:
                    raise PageError(f"{path}: damaged ({error}), expected points with intervals; {remedy}") from None
                points.setdefault(room, {}).setdefault(row["curve"], {}).setdefault(name, []).append(point)
    x_names = {room: {curve.title: curve.x for curve in measures(room).CURVES} for room in points}
    return {
        room: {
            title: _curve(axes_of(title, x_names[room].get(title, "")), by_study) for title, by_study in titles.items()
        }
        for room, titles in points.items()
    }


def axes_of(title: str, x_name: str) -> tuple[str, str]:
    """The labels of both axes, (Y, X), from a title "Y against X (1: as photographs)"; its bracket explains Y.

    A title that names no X has the name of the hyper-parameter or instrument.
    """
    y, _, x = title.partition(" against ")
    scale = re.search(r" \(1: [^)]*\)$", x)
    return (y + scale[0], x[: scale.start()]) if scale else (y, x or x_name.replace("_", " "))


@plain()
def _curve(labels: tuple[str, str], by_study: Mapping[str, list[dict]]) -> Markup:
    """One panel for each study, with the labels of its axes, (Y, X)."""
    y_label, x_label = ("\n".join(textwrap.wrap(label, 44)) for label in labels)
    lines = {name: rows for name, rows in by_study.items() if len({row["x"] for row in rows}) > 1}
    by_study = lines or by_study  # a study with a single variant on the curve has a point alone
    figure, axes = plt.subplots(1, len(by_study), figsize=(width := PANEL * len(by_study), HEIGHT), squeeze=False)
    for panel, (name, rows) in zip(axes[0], by_study.items(), strict=True):
        for i, series in enumerate(dict.fromkeys(row["series"] for row in rows)):
            points = sorted((row for row in rows if row["series"] == series), key=lambda row: row["x"])
            x, y, low, high = (np.array([row[key] for row in points]) for key in ("x", "y", "low", "high"))
            panel.errorbar(
                x, y, yerr=[y - low, high - y], label=series, color=LINES[i % len(LINES)], marker="o", markersize=3.5
            )
        xs = np.array([row["x"] for row in rows])
        if (xs > 0).all() and 20 < xs.max() / xs.min() < 1e6:  # beyond that the least is nought, rounded
            panel.set_xscale("log")
            panel.xaxis.set_major_formatter("{x:g}")  # a power would be typeset, which takes as long as the curve
            panel.tick_params(axis="x", which="minor", labelbottom=False)
        panel.set_title(name, color=GREY, fontsize=9)
        panel.set_xlabel(x_label, color=GREY, fontsize=7)
        panel.tick_params(colors=GREY, labelsize=7)
        panel.grid(color=GREY, alpha=0.25, linewidth=0.6)
        for spine in panel.spines.values():
            spine.set_color(GREY)
        if len({row["series"] for row in rows}) > 1:
            panel.legend(fontsize=7, frameon=False, labelcolor=GREY)
    axes[0][0].set_ylabel(y_label, color=GREY, fontsize=7)
    # Margins in inches, the same in every figure: fitted ones would draw each figure twice.
    figure.subplots_adjust(
        left=0.65 / width, right=1 - 0.1 / width, bottom=0.55 / HEIGHT, top=1 - 0.25 / HEIGHT, wspace=0.65 / PANEL
    )
    return svg(figure)


# --- pictures ------------------------------------------------------------------------------------------------------


def sheets_of(name: str, declared: study.Study) -> dict[str, dict]:
    """Replication → {columns: title → picture as a data URI, first: the two to be shown first} of its sample sheet."""
    found = {}
    for room in declared.variants:
        if not (declared.folder / "results" / room / "sheet.png").exists():
            continue
        sheet = sheets.load(declared, room)
        columns = sheet.strips | (known(sheet) if name == "root" and "labels" in sheet.strips else {})
        wanted = measures(room).COMPARED
        first = [title if title in columns else next(reversed(columns)) for title in wanted]
        height = min(sheet.rows, INPUTS) * sheet.height
        shown = {title: _uri(strip.crop((0, 0, sheet.width, height))) for title, strip in columns.items()}
        found[room] = {"columns": shown, "first": first}
    return found


def _uri(picture: Image.Image) -> str:
    content = io.BytesIO()
    picture.save(content, "WEBP", lossless=True, quality=50, method=3)  # more takes a minute and gains a hundredth
    return "data:image/webp;base64," + base64.b64encode(content.getvalue()).decode()

"""Everything on one page for people who look first: `python -m replications page` makes results/report.html.

One file that works offline: the question, the answer as the verdicts give it, every claim with its effect in each
study, pictures to compare, curves. It is made of results/, of every study that has verdicts, without any run; the same
results give the same bytes.
"""

import base64
import csv
import importlib
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from PIL import Image, UnidentifiedImageError
from ruamel.yaml import YAML

from replications import command, study
from replications.command import repro
from replications.datasets import world
from replications.drawing import plain, plt
from replications.errors import ReplicationError
from replications.judging import claims
from replications.judging.explanations import EXPLANATIONS, Finding, findings
from replications.reporting import report
from replications.results import write_bytes, write_text
from replications.statistics import detectable

QUESTION = "Why is a VAE’s output blurred while a GAN’s is crisp?"
COLOURS = {"replicated": "#23895a", "contradicted": "#c9453c", "inconclusive": "#8a7a2c"}
"""Of verdicts, readable on white and on black."""
GREY = "#808080"
LINES = ("#2f7fc1", "#d0672c", "#23895a", "#9a5fb5", "#8a7a2c")
SIDE_BY_SIDE = {
    "pix2pix": ("l1", "l1+cgan"),
    "spatial_z_vae": ("flat 8", "spatial 512"),
    "beta_vae": ("beta 1", "beta 0001"),
    "vq_vae": ("k2", "k512"),
    "vae_vs_gan": ("prior vae", "prior gan"),
}
"""Replication → the two columns of its sample sheet that the page shows first; of any other the last two."""
GLANCE = {
    "input": "labels",
    "photograph": "photo",
    "L2": "l2",
    "what L2 aims at:\nthe mean": "conditional mean (best under L2)",
    "L1": "l1",
    "L1 + cGAN": "l1+cgan",
    "U-Net without skips,\nL1": "l1 no skips",
}
"""Title → column of pix2pix's sample sheet, of the picture in the README."""
INPUTS = 4
"""Of a sample sheet's eight, on the page."""
STANDS = "stands"
OTHERS = (
    "neither needed nor enough: outputs are blurred without {each}, and crisp in spite of {each}",
    "not needed: outputs are blurred without {each}, too",
    "not enough: outputs are crisp in spite of {each}",
    "outweighed: more verdicts speak against {each} than for {each}",
    "not decided by these verdicts",
)
"""What the verdicts make of an explanation that does not stand."""
MARGINS = {"left": 0.005, "right": 0.995, "top": 0.94, "bottom": 0.005}
GAP = 0.04
"""Of a sample sheet's grid (sheets.py): margins as shares of the picture, gaps as shares of a cell."""


class PageError(ReplicationError):
    """Results that no page can be made of."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications page", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/report.html"), help="default: results/report.html")
    arguments = parser.parse_args(argv)
    text = page(Path())
    write_text(arguments.out, text)
    write_bytes(arguments.out.with_name("answer.png"), at_a_glance(study.load(Path())))
    print(f"{arguments.out}: {len(text.encode()) / 2**20:.1f} MB, open it in a browser")
    return 0


def page(root: Path) -> str:
    """The page of all studies below the repository's root."""
    every = report.everything(root)
    if not every.verdicts:
        raise PageError(f"{root / 'results/verdicts.json'}: no verdicts there; run {repro(root)} to judge first")
    found = findings(every.verdicts)
    sheets = {
        f"{room} · {name}": one
        for name, folder in every.folders.items()
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
    return environment.get_template("page.html.jinja").render(
        question=QUESTION,
        answer=answer(found),
        explanations=EXPLANATIONS,
        findings=found,
        totals=every.totals,
        rows=every.by_claim,
        studies=list(every.folders),
        replications=[room for room in study.REPLICATIONS if any(key.startswith(f"{room}/") for key in every.by_claim)],
        signs=report.SIGNS,
        favours=claims.SIGNS,
        effect=report.effect,
        smallest=report.smallest,
        bearing=report.bearing,
        number=claims.number,
        detectable=cache(detectable),
        plot=plot,
        flags=lambda name: "" if name == "root" else f" --study {name}",
        pipeline=lambda name: "dvc.yaml" if name == "root" else f"{name}/dvc.yaml",
        sheets={name: one["first"] for name, one in sheets.items()},
        pictures=Markup(json.dumps({name: one["columns"] for name, one in sheets.items()}).replace("<", "\\u003c")),
        curves=curves(every.folders),
        environments=every.environments,
        citation=citation(root),
    )


def coded(text: str) -> Markup:
    """What stands between backticks as code."""
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))


# --- the answer ----------------------------------------------------------------------------------------------------


def answer(found: Mapping[str, Finding]) -> str:
    """A paragraph that follows from the verdicts: which explanations stand, and which an experiment does without."""
    outcomes = {name: _outcome(finding) for name, finding in found.items()}
    said = [_stands([name for name, outcome in outcomes.items() if outcome == STANDS], found)]
    for how in OTHERS:
        names = [name for name, outcome in outcomes.items() if outcome == how]
        if names:
            be, each = ("is", "it") if len(names) == 1 else ("are", "each of them")
            called = _listed(names)
            said.append(f"{called[0].upper()}{called[1:]} {be} {how.format(each=each)}.")
    return " ".join(said)


def _outcome(finding: Finding) -> str:
    """STANDS or one of OTHERS."""
    neither, not_needed, not_enough, outweighed, undecided = OTHERS
    if finding.not_needed or finding.not_enough:
        return (
            neither if finding.not_needed and finding.not_enough else not_needed if finding.not_needed else not_enough
        )
    if len(finding.supporting) > 2 * len(finding.contradicting):
        return STANDS
    return outweighed if len(finding.contradicting) > len(finding.supporting) else undecided


def _stands(standing: Sequence[str], found: Mapping[str, Finding]) -> str:
    if not standing:
        return "None of the five explanations stands: each is undecided, outweighed, or done without."
    says = "; ".join(
        f"{EXPLANATIONS[name].says} ({len(found[name].supporting)} verdicts for it, {len(found[name].contradicting)} "
        f"against, {found[name].undecided} undecided)"
        for name in standing
    )
    return f"What {'stand are' if len(standing) > 1 else 'stands is'} {_listed(standing)}: {says}."


def _listed(names: Sequence[str]) -> str:
    """'bottleneck (E1), noise (E3) and antagonism (E4)'."""
    words = [f"{EXPLANATIONS[name].name} ({name})" for name in names]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


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
    colour = COLOURS[verdict["verdict"]]
    ends = [left if low is None else low, right if high is None else high]
    axes.plot(ends, [0, 0], color=colour, linewidth=2.2, solid_capstyle="butt")
    axes.plot(seeds, [-0.55] * len(seeds), linestyle="", marker="|", markersize=5, color=colour, markeredgewidth=1)
    axes.plot([verdict["effect"]], [0], marker="o", markersize=5.5, color=colour)
    axes.set(xlim=(left, right), ylim=(-1, 0.7))
    for line in axes.lines:  # a path to clip by would be one for all plots, and gone with a row that is hidden
        line.set_clip_on(False)
    axes.axis("off")
    figure.subplots_adjust(left=0, right=1, top=1, bottom=0)
    return svg(figure)


def svg(figure) -> Markup:
    """A figure as an element of the page; the same figure gives the same bytes."""
    text = io.StringIO()
    with plt.rc_context({"svg.hashsalt": "page", "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    plt.close(figure)
    picture = text.getvalue()
    picture = re.sub(r' id="[a-z0-9]+_\d+"', "", picture)  # names of groups, the same in every plot
    return Markup(picture[picture.index("<svg") :].replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1))


def curves(folders: Mapping[str, Path]) -> dict[str, dict[str, Markup]]:
    """Replication → title → the curve in every study that has it, side by side."""
    points: dict[str, dict[str, dict[str, list[dict]]]] = {}
    for name, folder in folders.items():
        for room in study.REPLICATIONS:
            path = folder / "results" / room / "curves.csv"
            if not path.exists():
                continue
            with path.open(encoding="utf-8", newline="") as lines:
                try:
                    rows = [
                        row | {key: float(row[key]) for key in ("x", "y", "low", "high")}
                        for row in csv.DictReader(lines)
                    ]
                    for row in rows:
                        points.setdefault(room, {}).setdefault(str(row["curve"]), {}).setdefault(name, []).append(row)
                except (KeyError, TypeError, ValueError, csv.Error) as error:
                    remedy = f"run {repro(folder, f'measure@{room}')}"
                    raise PageError(f"{path}: damaged ({error!r}), expected points with intervals; {remedy}") from None
    return {room: {title: _curve(of) for title, of in titles.items()} for room, titles in points.items()}


@plain()
def _curve(by_study: Mapping[str, list[dict]]) -> Markup:
    """One panel for each study."""
    lines = {name: rows for name, rows in by_study.items() if len({row["x"] for row in rows}) > 1}
    by_study = lines or by_study  # a study with a single variant on the curve has a point alone
    figure, axes = plt.subplots(1, len(by_study), figsize=(3.1 * len(by_study), 2.5), squeeze=False)
    for panel, (name, rows) in zip(axes[0], by_study.items(), strict=True):
        for i, series in enumerate(dict.fromkeys(row["series"] for row in rows)):
            of = [row for row in rows if row["series"] == series]
            x, y, low, high = (np.array([row[key] for row in of]) for key in ("x", "y", "low", "high"))
            panel.errorbar(
                x, y, yerr=[y - low, high - y], label=series, color=LINES[i % len(LINES)], marker="o", markersize=3.5
            )
        every = np.array([row["x"] for row in rows])
        if (every > 0).all() and every.max() / every.min() > 20:
            panel.set_xscale("log")
        panel.set_title(name, color=GREY, fontsize=9)
        panel.tick_params(colors=GREY, labelsize=7)
        panel.grid(color=GREY, alpha=0.25, linewidth=0.6)
        for spine in panel.spines.values():
            spine.set_color(GREY)
        if len({row["series"] for row in rows}) > 1:
            panel.legend(fontsize=7, frameon=False, labelcolor=GREY)
    figure.tight_layout()
    return svg(figure)


# --- pictures ------------------------------------------------------------------------------------------------------


def sheets_of(name: str, declared: study.Study) -> dict[str, dict]:
    """Replication → {columns: title → picture as a data URI, first: the two to be shown first} of its sample sheet."""
    found = {}
    for room in declared.variants:
        path = declared.folder / "results" / room / "sheet.png"
        if not path.exists():
            continue
        columns = columns_of(declared, room)
        if name == "root" and room == "pix2pix":
            columns |= known(columns["labels"])
        wanted = SIDE_BY_SIDE.get(room, tuple(columns)[-2:])
        first = [title if title in columns else next(reversed(columns)) for title in wanted]
        found[room] = {"columns": {title: _uri(_top(picture)) for title, picture in columns.items()}, "first": first}
    return found


@plain()
def at_a_glance(declared: study.Study) -> bytes:
    """The answer as a picture for the README: inputs, photographs, and what nets trained otherwise make of them."""
    columns = columns_of(declared, "pix2pix")
    columns |= known(columns["labels"])
    figure, axes = plt.subplots(1, len(GLANCE), figsize=(1.35 * len(GLANCE), 4.6), dpi=110)
    for panel, (title, name) in zip(axes, GLANCE.items(), strict=True):
        side = columns[name].width
        panel.imshow(columns[name].crop((0, 0, side, 3 * side)), interpolation="nearest")
        panel.set_title(title, fontsize=9)
        panel.axis("off")
    figure.subplots_adjust(left=0.01, right=0.99, top=0.88, bottom=0.01, wspace=0.05)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    plt.close(figure)
    return picture.getvalue()


def columns_of(declared: study.Study, room: str) -> dict[str, Image.Image]:
    """Title → the column of a sample sheet, its pictures below each other."""
    path = declared.folder / "results" / room / "sheet.png"
    remedy = f"run {repro(declared.folder, f'measure@{room}')}"
    try:
        with Image.open(path) as sheet:
            strips = list(cut(sheet.convert("RGB")))
    except (UnidentifiedImageError, OSError, SyntaxError, ZeroDivisionError) as error:
        raise PageError(f"{path}: no sample sheet ({error}); {remedy}") from None
    names = titles(declared, room)
    if len(names) != len(strips):
        raise PageError(f"{path}: {len(strips)} columns, expected {len(names)} ({', '.join(names)}); {remedy}")
    return dict(zip(names, strips, strict=True))


def titles(declared: study.Study, room: str) -> list[str]:
    """Of the columns of a sample sheet, in one line each: the room is asked for a sheet of nothing."""
    nothing = {variant: _Nothing(params) for variant, params in declared.variants[room].items()}
    columns = importlib.import_module(f"replications.{room}.measures").sheet(nothing)
    return [title.replace("\n", " ") for title, _ in columns]


class _Nothing(dict):
    """The images of a run that nobody has: every name is there, but what a net without encoder cannot have."""

    def __init__(self, params):
        super().__init__()
        self.absent = {"output"} if getattr(params, "encoder", None) == "none" else set()

    def __contains__(self, name: object) -> bool:
        return name not in self.absent

    def __missing__(self, name: str) -> None:
        return None


def cut(sheet: Image.Image) -> Iterator[Image.Image]:
    """The columns of a sample sheet, by the geometry that sheets.py gave it: 95 × 90 pixels a cell, squares within."""
    n = round(sheet.width / 95)
    n_rows = round((sheet.height - 40) / 90)
    wide = sheet.width * (MARGINS["right"] - MARGINS["left"]) / (n + GAP * (n - 1))
    tall = sheet.height * (MARGINS["top"] - MARGINS["bottom"]) / (n_rows + GAP * (n_rows - 1))
    side = int(min(wide, tall))
    for column in range(n):
        strip = Image.new("RGB", (side, n_rows * side))
        x = sheet.width * MARGINS["left"] + column * wide * (1 + GAP) + (wide - side) / 2
        for row in range(n_rows):
            y = sheet.height * (1 - MARGINS["top"]) + row * tall * (1 + GAP) + (tall - side) / 2
            box = (round(x), round(y), round(x) + side, round(y) + side)
            strip.paste(sheet.crop(box), (0, row * side))
        yield strip


def known(labels: Image.Image, size: int = 32) -> dict[str, Image.Image]:
    """What the best nets would put out for these label maps, known exactly: the conditional mean and median."""
    side = labels.width
    centres = ((np.arange(size) + 0.5) * side / size).astype(int)
    strips = {"conditional mean (best under L2)": [], "conditional median (best under L1)": []}
    for row in range(labels.height // side):
        pixels = np.asarray(labels)[row * side + centres][:, centres].astype(int)
        distance = np.abs(pixels[:, :, None] - world.PALETTE[None, None].astype(int)).sum(axis=-1)
        if distance.min(axis=-1).any():
            raise PageError("a label map of pix2pix's sample sheet has other colours than world.PALETTE; measure again")
        of = world.conditional(distance.argmin(axis=-1).astype(np.uint8))
        for values, picture in zip(strips.values(), (of.mean, of.median), strict=True):
            values.append(
                Image.fromarray(np.round(255 * picture).astype(np.uint8)).resize((side, side), Image.Resampling.NEAREST)
            )
    joined = {}
    for title, values in strips.items():
        joined[title] = Image.new("RGB", labels.size)
        for row, picture in enumerate(values):
            joined[title].paste(picture, (0, row * side))
    return joined


def _top(strip: Image.Image) -> Image.Image:
    """As many inputs as the page has room for."""
    return strip.crop((0, 0, strip.width, min(strip.height, INPUTS * strip.width)))


def _uri(picture: Image.Image) -> str:
    content = io.BytesIO()
    picture.save(content, "WEBP", lossless=True, quality=50, method=3)  # more takes a minute and gains a hundredth
    return "data:image/webp;base64," + base64.b64encode(content.getvalue()).decode()


def citation(root: Path) -> dict:
    """CITATION.cff."""
    return YAML(typ="safe", pure=True).load(root / "CITATION.cff")

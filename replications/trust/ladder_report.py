"""What the instruments were seen to notice, for people: instruments.md and instruments.png, from the table's rows."""

import csv
import inspect
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from replications.drawing import Line2D, plain, plt
from replications.trust.distortions import DISTORTIONS
from replications.trust.on_trial import (
    COLUMNS,
    GROUND,
    INSTRUMENTS,
    KINDS,
    N_WORLD,
    PHOTOGRAPH_SIDE,
    Instrument,
    LadderError,
)

# --- what follows from the numbers ---------------------------------------------------------------------------------

ANSWERS = ("falls", "rises", "not monotone", "blind")


def answer(changes: Sequence[float], smallest: float) -> str:
    """What an instrument says of a distortion, from its changes along the strengths (K,), 0 being undamaged.

    `blind`: no strength changes the score by more than `smallest`. `falls`: otherwise, and no strength's score lies
    more than that above any weaker one's, undamaged included; `rises`: likewise, below. `not monotone`: neither.
    """
    climb = np.concatenate([[0.0], np.asarray(changes, dtype=np.float64)])
    if not np.isfinite(climb).all():
        raise LadderError(
            f"a score changes by {climb[1:].tolist()} along a distortion, expected numbers; look at the instrument and "
            "the distortion that were printed last"
        )
    if np.abs(climb).max() <= smallest:
        return "blind"
    if (climb - np.minimum.accumulate(climb)).max() <= smallest:
        return "falls"
    return "rises" if (np.maximum.accumulate(climb) - climb).max() <= smallest else "not monotone"


Climbs = dict[tuple[str, str, str], list[tuple[float, float]]]
"""(images, instrument, distortion) → (strength, change) by increasing strength, without undamaged."""


def climbs(table: Sequence[Mapping[str, str]]) -> Climbs:
    """The changes of every instrument along every distortion, from the rows of the table."""
    found: Climbs = {}
    for row in table:
        if row["distortion"] != GROUND[0]:
            change = INSTRUMENTS[row["instrument"]].change(float(row["relative"]))
            where = (row["images"], row["instrument"], row["distortion"])
            found.setdefault(where, []).append((float(row["strength"]), change))
    return {where: sorted(points) for where, points in found.items()}


def answers(found: Climbs) -> dict[tuple[str, str, str], str]:
    """(images, instrument, distortion) → one of ANSWERS."""
    return {
        where: answer([change for _, change in points], INSTRUMENTS[where[1]].smallest)
        for where, points in found.items()
    }


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a committed instruments.csv."""
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            table = list(csv.DictReader(lines))
    except FileNotFoundError:
        raise LadderError(f"{path}: no such file; make it with `python -m replications ladder`") from None
    if not table or tuple(table[0]) != COLUMNS:
        raise LadderError(
            f"{path}: columns {list(table[0]) if table else []}, expected {list(COLUMNS)}; "
            "make it again with `python -m replications ladder`"
        )
    return table


def known_blind_spot(function: Callable) -> str:
    """What an instrument's docstring names as its blind spot, in one line; empty where it names none."""
    spot = " ".join((inspect.getdoc(function) or "").split()).partition("Blind spot: ")[2]
    return spot[:1].upper() + spot[1:]


# --- what is written -----------------------------------------------------------------------------------------------

TITLES = {"facade_world": "Photos of the bundled world", "photographs": "Photographs"}


def markdown(table: Sequence[Mapping[str, str]]) -> str:
    """The whole of instruments.md, from the rows of instruments.csv and the docstrings of the instruments."""
    table_of_answers = answers(climbs(table))
    return "\n".join(
        [
            *_introduction(),
            *_answer_tables(table_of_answers),
            *_distortion_table(),
            *_blind_spot_table(table_of_answers),
        ]
    )


def _introduction() -> list[str]:
    return [
        "# What the instruments see",
        "",
        "Made by `python -m replications ladder` from [instruments.csv](instruments.csv), drawn in "
        "[instruments.png](instruments.png); do not edit. Images are damaged in known ways, with growing strength, and "
        "every instrument below scores them. Not tried here: searches of the list and of latents, probes, rates and "
        "bounds, whose tests are in tests/instruments and in the replications' tests.",
        "",
        f"The images are {N_WORLD} photos (32 pixels) of the test set of the bundled world, and the six photographs "
        f"({PHOTOGRAPH_SIDE} pixels) that come with scikit-image. Nets read the world's photos alone; KID compares "
        "them with the rest of the test set.",
        "",
        "**The rule.** A *change* is the damaged images' score over that of the undamaged ones, less 1; or, where that "
        "is 0 or a logarithm, the difference of the two. The *smallest change that counts* stands in the table below. "
        "**blind**: the change is never larger than that, at any strength. **falls**: it is larger at some strength, "
        "and no score exceeds the score at any weaker strength, undamaged included, by more than that. **rises**: the "
        "same, in the other direction. **not monotone**: none of these. "
        "A cell is **bold** where damage moves the score the way that counts as better.",
        "",
    ]


def _answer_tables(answers_by: Mapping[tuple[str, str, str], str]) -> list[str]:
    lines = []
    for kind in KINDS:
        names = [name for name in INSTRUMENTS if any(where[:2] == (kind, name) for where in answers_by)]
        lines += [f"## {TITLES[kind]}", ""]
        lines += _table(
            ["instrument", "larger is", "smallest change that counts", *DISTORTIONS],
            [
                [
                    f"`{name}`",
                    INSTRUMENTS[name].larger_is,
                    _smallest(INSTRUMENTS[name]),
                    *(_cell(INSTRUMENTS[name], answers_by[kind, name, distortion]) for distortion in DISTORTIONS),
                ]
                for name in names
            ],
        )
    return lines


def _smallest(instrument: Instrument) -> str:
    return f"{100 * instrument.smallest:g} %" if instrument.ratio else f"{instrument.smallest:g}"


def rewards(instrument: Instrument, seen: str) -> bool:
    """Whether an instrument takes damage for an improvement."""
    return seen == {+1: "rises", -1: "falls", 0: None}[instrument.better]


def _cell(instrument: Instrument, seen: str) -> str:
    return f"**{seen}**" if rewards(instrument, seen) else seen


def _distortion_table() -> list[str]:
    listed = [
        [f"`{name}`", one.unit, ", ".join(f"{strength:.3g}" for strength in one.strengths)]
        for name, one in DISTORTIONS.items()
    ]
    return ["## Distortions", "", *_table(["distortion", "strength", "strengths"], listed)]


def _blind_spot_table(answers_by: Mapping[tuple[str, str, str], str]) -> list[str]:
    listed: dict[tuple[str, str], list[str]] = {}
    for name, instrument in INSTRUMENTS.items():
        # Numbers of one instrument that say the same share a line.
        listed.setdefault((known_blind_spot(instrument.function), in_words(name, answers_by)), []).append(name)
    body, above = [], ""
    for (known, seen), names in listed.items():
        repeated = "as above" if known == above else known
        body.append([", ".join(f"`{name}`" for name in names), repeated or "none named", seen])
        above = known or above
    return [
        "## Blind spots, known and seen",
        "",
        "What the docstring warns of, and what the tables above show; where the two kinds of images differ, the kind "
        "is named. Three distortions have effects of their own: `one_for_all` leaves one picture, so scores of "
        "single images become those of that picture; `shift` and `patch_shuffle` make new edges where "
        "parts meet.",
        "",
        *_table(["instrument", "known (docstring)", "seen"], body),
    ]


def in_words(name: str, answers_by: Mapping[tuple[str, str, str], str]) -> str:
    """What one instrument does not see, and what it takes for an improvement, over both kinds of images."""
    instrument = INSTRUMENTS[name]
    kinds = [kind for kind in KINDS if any(where[:2] == (kind, name) for where in answers_by)]

    def those(wanted: Callable[[str], bool]) -> str:
        named = []
        for distortion in DISTORTIONS:
            where = [kind for kind in kinds if wanted(answers_by[kind, name, distortion])]
            if where:
                named.append(distortion if where == kinds else f"{distortion} ({where[0]})")
        return ", ".join(named)

    sentences = []
    for start, wanted in (
        ("Blind to", lambda one: one == "blind"),
        (f"Counts as {_better(instrument)}:", lambda one: rewards(instrument, one)),
        ("Not monotone under", lambda one: one == "not monotone"),
    ):
        if found := those(wanted):
            sentences.append(f"{start} {found}.")
    return " ".join(sentences) or "Sees every distortion, and stronger ones more."


_OPPOSITES = {"blurrier": "sharper", "further": "closer"}


def _better(instrument: Instrument) -> str:
    first, _, rest = instrument.larger_is.partition(" ")
    if instrument.better >= 0:
        return instrument.larger_is
    return " ".join([_OPPOSITES[first], rest.replace("from", "to", 1)]).strip()


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *body]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines] + [""]


_COLOURS = {"falls": "#0072b2", "rises": "#d55e00", "not monotone": "#7b3fa0", "blind": "#8c8c8c"}
_STYLES = {"facade_world": "-", "photographs": (0, (2, 1.2))}
_HALF = 0.4
"""Of a cell, in units of cells: the rest is margin."""


@plain()
def draw(table: Sequence[Mapping[str, str]]) -> bytes:
    """The PNG: a cell for each instrument and distortion, the change against the strength, coloured by the answer.

    Heights are asinh of the change in units of the smallest that counts: linear where nothing happens, a logarithm
    where much does. Every instrument has a scale of its own, the same for all distortions.
    """
    found = climbs(table)
    answers_by, columns = answers(found), list(DISTORTIONS)
    names = [name for name in INSTRUMENTS if any(where[1] == name for where in found)]
    heights = {
        where: np.arcsinh([0.0, *(change / INSTRUMENTS[where[1]].smallest for _, change in points)])
        for where, points in found.items()
    }
    figure, axes = plt.subplots(figsize=(17, 0.52 * len(names) + 2.6), dpi=75, layout="constrained")
    for row, name in enumerate(names):
        unit = _HALF / max(1, *(np.abs(height).max() for where, height in heights.items() if where[1] == name))
        axes.axhspan(row - unit * np.arcsinh(1), row + unit * np.arcsinh(1), color="#e6e6e6", lw=0)
        for kind in KINDS:
            for column, distortion in enumerate(columns):
                if (height := heights.get((kind, name, distortion))) is not None:
                    x = column + np.linspace(-_HALF, _HALF, len(height))
                    style = {"color": _COLOURS[answers_by[kind, name, distortion]], "ls": _STYLES[kind]}
                    axes.plot(x, row - unit * height, lw=1.7, marker=".", ms=4, **style)  # rows count downwards
    axes.vlines(np.arange(len(columns) + 1) - 0.5, -0.5, len(names) - 0.5, color="#bbbbbb", lw=0.8)
    axes.hlines(np.arange(len(names) + 1) - 0.5, -0.5, len(columns) - 0.5, color="#bbbbbb", lw=0.8)
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(names) - 0.5, -0.5))
    axes.set_xticks(range(len(columns)), [name.replace("_", "\n") for name in columns], fontsize=10.5)
    axes.set_yticks(range(len(names)), [f"{name}\nlarger: {INSTRUMENTS[name].larger_is}" for name in names], fontsize=9)
    axes.tick_params(length=0, labeltop=True)
    axes.set_xlabel("distortion; in a cell: its strength, from undamaged (left) to the strongest (right)", fontsize=12)
    axes.set_ylabel(
        "instrument; in a cell: the change of its score, as asinh of multiples of the smallest change that counts "
        "(grey: smaller); a scale for each row",
        fontsize=12,
    )
    handles = [Line2D([], [], color=_COLOURS[one], lw=2.5, label=one) for one in ANSWERS]
    handles += [Line2D([], [], color="black", ls=_STYLES[kind], label=TITLES[kind].lower()) for kind in KINDS]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False, fontsize=12)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})  # no version in the bytes
    plt.close(figure)
    return picture.getvalue()

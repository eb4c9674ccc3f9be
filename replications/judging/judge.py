"""Judges every claim of a study from its scores: `python -m replications judge`.

Writes results/verdicts.json and results/metrics.json (the counts). Reads scores and claims, and what the register says
of these; trains nothing.
"""

import importlib
import json
from collections import Counter
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from replications import command, study
from replications.judging import register, verdicts
from replications.judging.claims import Claim
from replications.judging.scores import read_scores
from replications.results import write_text

COLOURS = {
    "replicated": "green",
    "contradicted": "red",
    "negligible": "magenta",
    "inconclusive": "yellow",
    "untestable": "bright_black",
}


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications judge", description=__doc__)
    parser.add_argument("--study", default=".", help="the study's folder (default: the bundled study)")
    arguments = parser.parse_args(argv)
    declared = study.load(arguments.study)
    judged = judge(declared)
    for warning in warnings(declared):
        print(f"warning: {warning}")
    if not register.FILE.exists():
        print(
            f"warning: {register.FILE}: no such file, so no claim counts as registered; restore it from Git, "
            "or begin one by `python -m replications register`"
        )
    results = declared.folder / "results"
    write_text(
        results / "verdicts.json",
        json.dumps([verdict.as_json() for verdict in judged], indent=1, ensure_ascii=False) + "\n",
    )
    counts = Counter(verdict.verdict for verdict in judged)
    write_text(results / "metrics.json", json.dumps({name: counts[name] for name in COLOURS}, indent=1) + "\n")
    show(declared.name, judged)
    return 0


def judge(declared: study.Study) -> list[verdicts.Verdict]:
    """The verdicts of a study from its committed scores."""
    of_rooms = claims_of(declared)
    if not of_rooms:
        raise study.StudyError(
            f"{declared.params_file}: no claim is about a study called {declared.name!r}; studies are named by their "
            "folder, the bundled one by `--study .` in the repository's folder"
        )
    scores = {name: read_scores(declared, name) for name in declared.variants}
    standing = register.registered(declared, of_rooms)
    seeds = {name: declared.seeds_of(name) for name in declared.variants}
    return verdicts.judge(of_rooms, scores, seeds, declared.name, standing)


def warnings(declared: study.Study) -> list[str]:
    """What the declared numbers of seeds cannot decide, replication by replication."""
    by_room: dict[str, list[Claim]] = {}
    for claim in claims_of(declared):
        by_room.setdefault(claim.replication, []).append(claim)
    return [
        f"{room}: {warning}"
        for room, claims in by_room.items()
        for warning in verdicts.preflight(claims, len(declared.seeds_of(room)))
    ]


def claims_of(declared: study.Study) -> list[Claim]:
    """The claims of every replication that the study declares."""
    return [
        claim
        for name in declared.variants
        for claim in importlib.import_module(f"replications.{name}.claims").CLAIMS
        if declared.name in claim.studies
    ]


def show(name: str, judged: list[verdicts.Verdict]) -> None:
    """The verdict table on the terminal."""
    table = Table(title=f"Verdicts of the {name} study", title_justify="left")
    for column in ("claim", "verdict", "effect [95 % interval]", "deviations"):
        table.add_column(column, overflow="fold")
    for verdict in judged:
        coloured = f"[{COLOURS[verdict.verdict]}]{verdict.verdict}[/]"
        deviations = verdicts.deviations_in_short(asdict(one) for one in verdict.deviations)
        table.add_row(
            f"{verdict.replication}: {verdict.id}", coloured, verdict.in_words().replace("[", r"\["), deviations
        )
    table.caption = "Deviations from the source that favour the claim ▲, its opposite ▼, either ◆, neither ·"
    Console(width=None if Console().is_terminal else 150).print(table)

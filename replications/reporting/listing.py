"""Lists the claims: `python -m replications claims`, each with what every study says of it.

Words and options choose among them; an option may be given more than once. A claim is listed with the verdicts of all
studies if one of the chosen studies gives one of the chosen verdicts. `trace` takes the names that are listed.
"""

import argparse
import json
import shutil
import textwrap
from pathlib import Path

from replications import command
from replications.errors import ReplicationError
from replications.judging.explanations import EXPLANATIONS
from replications.judging.verdicts import MEANS
from replications.reporting.report import Everything, everything
from replications.study import REPLICATIONS

WIDTH = 100
"""Columns of text at most; in a narrower terminal as many as it has."""
EXPLAINED = ", ".join(f"{key} {explanation.name}" for key, explanation in EXPLANATIONS.items())
"""What the explanations' short names stand for."""
NARROWEST = 30
"""Columns of text at least: a terminal may give no width, or one that holds no word."""


class ClaimsError(ReplicationError):
    """Claims that cannot be listed."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications claims", description=__doc__)
    parser.add_argument(
        "words", metavar="WORD", nargs="*", help="claims whose name or statement has all of these, such as codebook"
    )
    parser.add_argument("--replication", action="append", choices=REPLICATIONS, help="claims of this replication")
    parser.add_argument(
        "--explanation",
        action="append",
        choices=list(EXPLANATIONS),
        help=f"claims for or against this explanation: {EXPLAINED}",
    )
    parser.add_argument("--outcome", action="append", choices=list(MEANS), help="claims with this verdict")
    parser.add_argument("--study", action="append", help="the study that gives the verdict: root, real, paper")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_intermixed_args(argv)
    results = everything(Path())
    if not results.folders:
        raise ClaimsError("no study here has verdicts; run it in the root of a checkout, after `dvc repro --pull`")
    unknown = set(arguments.study or ()) - set(results.folders)
    if unknown:
        raise ClaimsError(f"--study {min(unknown)}: no such study has verdicts; there are {', '.join(results.folders)}")
    listed = choose(results, arguments)
    if arguments.words and not listed and not arguments.json:
        raise ClaimsError(f"{' '.join(arguments.words)}: no such claim; leave words or options out to list more")
    if arguments.json:
        print(json.dumps(listed, indent=1, ensure_ascii=False))
    else:
        show(listed)
    return 0


def choose(results: Everything, arguments: argparse.Namespace) -> list[dict]:
    """The claims that the options ask for, in the order of the replications' own lists."""
    studies = arguments.study or list(results.folders)
    outcomes = arguments.outcome or list(MEANS)
    words, listed = [word.lower() for word in arguments.words], []
    for by_study in results.by_claim.values():
        any_verdict = next(iter(by_study.values()))
        explains = {*any_verdict["explanation"], *any_verdict["against"]}
        if (
            (not arguments.replication or any_verdict["replication"] in arguments.replication)
            and (not arguments.explanation or explains & set(arguments.explanation))
            and all(
                word in f"{any_verdict['replication']}/{any_verdict['id']} {any_verdict['statement']}".lower()
                for word in words
            )
            and any(by_study[study]["verdict"] in outcomes for study in studies if study in by_study)
        ):
            repeated = ("id", "replication", "statement", "explanation", "against")
            verdicts = {study: verdict["verdict"] for study, verdict in by_study.items()}
            listed.append({name: any_verdict[name] for name in repeated} | {"verdicts": verdicts})
    return listed


def show(listed: list[dict]) -> None:
    """Each claim's name with its verdicts, and below it what it says."""
    width = max(NARROWEST, min(shutil.get_terminal_size((WIDTH, 0)).columns, WIDTH))
    for claim in listed:
        verdicts = ", ".join(f"{study}: {verdict}" for study, verdict in claim["verdicts"].items())
        print(f"{claim['replication']}/{claim['id']}")
        explains = " ".join([*claim["explanation"], *(f"against {cause}" for cause in claim["against"])])
        for line in (claim["statement"], verdicts + (f" ({explains})" if explains else "")):
            print(textwrap.indent(textwrap.fill(line, width - 4, break_on_hyphens=False), "    "))
    if any(claim["explanation"] or claim["against"] for claim in listed):
        print(textwrap.fill(f"Explanations: {EXPLAINED}", width))
    print(f"{len(listed)} claims; `python -m replications trace CLAIM` shows where a verdict comes from")

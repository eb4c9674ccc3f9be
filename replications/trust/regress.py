"""Compares the verdicts here with those of a Git revision: `python -m replications regress --against main`.

Exits with 1 where a verdict is another one, a claim is gone, or an effect moved by more than the two intervals allow;
what float arithmetic does to the last digit passes. `--junit FILE` writes the same for a CI server.
"""

import json
import subprocess
from dataclasses import dataclass
from math import hypot, inf, isfinite, nan
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from replications import command, study
from replications.errors import ReplicationError
from replications.judging.claims import in_words
from replications.results import write_bytes
from replications.trust import chain


class RegressError(ReplicationError):
    """A revision whose verdicts cannot be read."""


@dataclass(frozen=True)
class Change:
    """What became of one claim between two revisions."""

    name: str
    before: dict | None
    after: dict | None

    @property
    def moved(self) -> float:
        """How far the effect is from where it was, on the claim's scale; NaN where there is nothing to compare."""
        if self.before is None or self.after is None:
            return nan
        return self.after["effect"] - self.before["effect"]

    @property
    def allowed(self) -> float:
        """How far it may move: the half-widths of the two 95 % intervals, which err independently, in quadrature."""
        if self.before is None or self.after is None:
            return nan
        return hypot(_half_width(self.before), _half_width(self.after))

    @property
    def failure(self) -> str:
        """Why this is a regression; empty: it is none."""
        if self.before is None:
            return ""
        if self.after is None:
            return "the claim is gone"
        if self.before["verdict"] != self.after["verdict"]:
            return f"the verdict was {self.before['verdict']} and is {self.after['verdict']}"
        if self.before["scale"] != self.after["scale"]:
            return f"the effect was on the scale {self.before['scale']} and is on {self.after['scale']}"
        rounding = 2e-5 * max(abs(self.before["effect"]), abs(self.after["effect"]))  # six digits are written
        if abs(self.moved) > self.allowed + rounding:
            return f"the effect moved by {self.moved:+.3g}, its intervals allow {self.allowed:.3g}"
        return ""

    @property
    def what(self) -> str:
        """In a few words, for the table."""
        if self.failure:
            return self.failure
        if self.before is None:
            return "new"
        return "the same" if self.moved == 0 else f"moved by {self.moved:+.3g}, allowed {self.allowed:.3g}"


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications regress", description=__doc__)
    parser.add_argument("--against", metavar="REV", required=True, help="a Git revision, such as main or HEAD~1")
    parser.add_argument("--study", default=".", help="the study's folder (default: the bundled study)")
    parser.add_argument("--junit", metavar="FILE", type=Path, help="write a JUnit report there, too")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args(argv)
    declared = study.load(arguments.study)
    before = verdicts_at(arguments.against, declared.folder)
    after = {name: verdict.as_json() for name, verdict in chain.judged(declared).items()}
    changes = compare(before, after)
    if arguments.junit:
        write_bytes(arguments.junit, as_junit(declared.name, changes))
    failures = [change for change in changes if change.failure]
    if arguments.json:
        print(json.dumps([_as_plain(change) for change in changes], indent=1))
    else:
        show(arguments.against, declared.name, changes)
        print(f"{len(changes)} claims, {len(failures)} regressions against {arguments.against}")
    return 1 if failures else 0


def verdicts_at(revision: str, folder: Path) -> dict[str, dict]:
    """Claim → verdict, as a revision has it committed; as plain data, since its fields may be other ones."""
    path = folder / "results" / "verdicts.json"
    done = subprocess.run(["git", "show", f"{revision}:./{path.as_posix()}"], capture_output=True, check=False)
    if done.returncode:
        why = " ".join(done.stderr.decode(errors="replace").split()).removeprefix("fatal: ")
        raise RegressError(
            f"--against {revision}: no {path} there ({why}); name a revision of this repository that has judged "
            "this study, such as HEAD"
        )
    try:
        return {f"{entry['replication']}/{entry['id']}": entry for entry in json.loads(done.stdout)}
    except (ValueError, TypeError, KeyError) as error:
        raise RegressError(
            f"--against {revision}: {path} holds no verdicts ({error!r}); name another revision"
        ) from None


def compare(before: dict[str, dict], after: dict[str, dict]) -> list[Change]:
    """Every claim that either side knows, in the order of this side, then those that are gone."""
    here = {f"{entry['replication']}/{entry['id']}": entry for entry in after.values()}
    names = [*here, *(name for name in before if name not in here)]
    return [Change(name, before.get(name), here.get(name)) for name in names]


def _as_plain(change: Change) -> dict:
    """What `--json` prints of a claim: null where there is nothing to compare, or no bound."""
    verdicts = {side: one and one["verdict"] for side, one in (("before", change.before), ("after", change.after))}
    numbers = {"moved": change.moved, "allowed": change.allowed}
    numbers = {name: value if isfinite(value) else None for name, value in numbers.items()}
    return {"claim": change.name, **verdicts, **numbers, "failure": change.failure}


def show(revision: str, name: str, changes: list[Change]) -> None:
    """The table on the terminal."""
    table = Table(title=f"Verdicts of the {name} study against {revision}", title_justify="left")
    for column in ("claim", "verdict", revision, "here", "change"):
        table.add_column(column, overflow="fold")
    for change in changes:
        colour = "red" if change.failure else "default" if change.before else "cyan"
        verdict = (change.after or change.before or {})["verdict"]
        effects = [escape(_effect(side)) for side in (change.before, change.after)]
        table.add_row(change.name, verdict, *effects, f"[{colour}]{escape(change.what)}[/]")
    Console(width=None if Console().is_terminal else 200).print(table)


def as_junit(name: str, changes: list[Change]) -> bytes:
    """The changes as a JUnit report: one test case per claim."""
    failed = sum(bool(change.failure) for change in changes)
    suite = ElementTree.Element("testsuite", name=f"verdicts-{name}", tests=str(len(changes)), failures=str(failed))
    for change in changes:
        replication, claim = change.name.split("/")
        case = ElementTree.SubElement(suite, "testcase", classname=f"{name}.{replication}", name=claim)
        if change.failure:
            ElementTree.SubElement(
                case, "failure", message=change.failure
            ).text = f"before: {_effect(change.before)}\nhere: {_effect(change.after)}"
    return ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)


def _effect(verdict: dict | None) -> str:
    if verdict is None:
        return "–"
    return in_words(verdict["effect"], verdict["interval"], "", verdict["scale"]).strip()


def _half_width(verdict: dict) -> float:
    low, high = verdict["interval"]
    return inf if low is None or high is None else (high - low) / 2

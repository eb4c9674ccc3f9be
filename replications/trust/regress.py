"""Compares what is here with a Git revision: `python -m replications regress --against main`.

Exits with 1 if a verdict changed, a claim is gone, or an effect moved by more than the two intervals allow; changes in
the last digit from float arithmetic pass. It also fails if a declaration changed in any study: a claim (what it says,
its source and published number, its predicate, smallest effect, checks, deviations, studies, reasons), a published
table, a study, its seeds, tuning seeds or readers. Parameters that changed are shown: by themselves they move no
goalpost, and what they do to the verdicts is compared. `--junit FILE` writes the same for a CI server.
"""

import csv
import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from math import hypot, inf, isfinite, nan
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from ruamel.yaml import YAML

from replications import command, study
from replications.errors import ReplicationError
from replications.judging import register
from replications.judging.verdicts import CheckResult, in_words
from replications.results import write_bytes
from replications.trust import chain

IN_VERDICTS = ("statement", "source", "published", "smallest_effect", "unit", "explanation", "against", "deviations")
"""What a verdict repeats of its claim: all that is known of the claims of a revision without a register."""
MOVES_GOALPOSTS = ("seeds", "tuning_seeds", "readers")
"""The parts of a params.yaml that must be what they were."""


THE_SAME = "the same"


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
            checks = [CheckResult(**one) for one in self.after.get("checks", ())]
            failed = [one.in_words() for one in checks if not one.passed] * (self.after["verdict"] == "untestable")
            return ": ".join([f"the verdict was {self.before['verdict']} and is {self.after['verdict']}", *failed[:1]])
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
        return THE_SAME if self.moved == 0 else f"moved by {self.moved:+.3g}, allowed {self.allowed:.3g}"


@dataclass(frozen=True)
class Declared:
    """Something that is declared otherwise than it was, in any study."""

    subject: str
    """'pix2pix/skips_help', 'study real'."""
    what: str
    failure: bool
    """Whether it is a regression."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications regress", description=__doc__)
    parser.add_argument("--against", metavar="REV", required=True, help="a Git revision, such as main or HEAD~1")
    parser.add_argument("--study", default=".", help="the study's folder (default: the bundled study)")
    parser.add_argument("--junit", metavar="FILE", type=command.file_to_write, help="write a JUnit report there, too")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args(argv)
    declared = study.load(arguments.study)
    check_revision(arguments.against)
    before = verdicts_at(arguments.against, declared.folder)
    after = {name: verdict.as_json() for name, verdict in chain.judged(declared).items()}
    changes = compare(before, after)
    others, not_compared = compare_declared(arguments.against, declared, before, after)
    if arguments.junit:
        write_bytes(arguments.junit, as_junit(declared.name, changes, others))
    failures = [one for one in (*changes, *others) if one.failure]
    if arguments.json:
        report = {
            "verdicts": [_as_plain(change) for change in changes],
            "declared": [asdict(one) for one in others],
            "not_compared": not_compared,
        }
        print(json.dumps(report, indent=1, ensure_ascii=False))
    else:
        show(arguments.against, declared.name, changes)
        for one in others:
            print(f"{'✘' if one.failure else '·'} {one.subject}: {one.what}")
        for what in not_compared:
            print(f"not compared: {what}")
        print(f"{len(changes)} claims, {len(failures)} regressions against {arguments.against}")
    return 1 if failures else 0


def check_revision(revision: str, option: str = "--against") -> None:
    """Raises RegressError where a revision is no commit: Git's index, a file, or nothing that is here."""
    if not _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").returncode:
        return
    if _git("rev-parse", "--is-shallow-repository").stdout.strip() == b"true":
        raise RegressError(
            f"{option} {revision}: no such commit in this shallow clone; run `git fetch --unshallow` to have them all"
        )
    raise RegressError(f"{option} {revision}: no such commit; name a revision of this repository, such as HEAD")


def verdicts_at(revision: str, folder: Path, option: str = "--against") -> dict[str, dict]:
    """Claim → verdict, as a revision has it committed; as plain data, since its fields may be other ones."""
    path = folder / "results" / "verdicts.json"
    done = _show(revision, path)
    if done.returncode:
        why = " ".join(done.stderr.decode(errors="replace").split()).removeprefix("fatal: ")
        raise RegressError(
            f"{option} {revision}: no {path} there ({why}); name a revision of this repository that has judged "
            "this study, such as HEAD"
        )
    try:
        return {f"{entry['replication']}/{entry['id']}": entry for entry in json.loads(done.stdout)}
    except (ValueError, TypeError, KeyError) as error:
        raise RegressError(
            f"{option} {revision}: {path} holds no verdicts ({error!r}); name another revision"
        ) from None


def compare(before: dict[str, dict], after: dict[str, dict]) -> list[Change]:
    """Every claim that either side knows, in the order of this side, then those that are gone."""
    here = {f"{entry['replication']}/{entry['id']}": entry for entry in after.values()}
    names = [*here, *(name for name in before if name not in here)]
    return [Change(name, before.get(name), here.get(name)) for name in names]


# --- what is declared ----------------------------------------------------------------------------------------------


def compare_declared(
    revision: str, declared: study.Study, before: dict[str, dict], after: dict[str, dict]
) -> tuple[list[Declared], list[str]]:
    """What is declared here otherwise than at a revision, in all studies, and what could not be compared.

    Args:
        revision: a Git revision.
        declared: the study whose verdicts are compared.
        before: its verdicts at the revision.
        after: its verdicts here.
    """
    here = {key: value for key, value in register.here().items() if key[0] != "runs"}
    book = register.read(_show(revision, register.FILE).stdout, f"{register.FILE} of {revision}")
    there = {key: value for key, value in book.last.items() if key[0] in ("claims", "tables")}
    known = {name for group, name, *_ in book.last if group == "studies"}
    folders = folders_at(revision)
    for name, folder in folders.items():
        if name in known or folder.as_posix() in study.STUDIES or not (folder / "params.yaml").exists():
            there |= {("studies", name, part): value for part, value in params_at(revision, folder).items()}
    if book.entries and not book.problems:
        return list(_declared(there, here)), []
    without = {key: value for key, value in here.items() if key[0] == "studies"}
    studies = {key: value for key, value in there.items() if key[0] == "studies"}
    others = [*_declared(studies, without), *_by_verdicts(revision, declared, folders, before, after)]
    why = book.problems[0] if book.problems else f"{revision} has no {register.FILE}"
    what = "predicates, checks, reasons and studies of its claims, and published tables"
    return others, [f"{what} ({why}); of its claims is known what its verdicts repeat: {', '.join(IN_VERDICTS)}"]


def _declared(there: register.State, here: register.State) -> Iterator[Declared]:
    """What is declared otherwise, where both sides know all of it."""
    reasons = {one.claim: one.in_words for one in register.withdrawn() if one.everywhere}
    for change in register.changes(there, here):
        subject, _, what = change.in_words.partition(": ")
        failure = change.new is None or bool(change.field)
        if change.group == "studies" and change.field:
            part = re.split(r"[.\[]", change.field)[0]
            gone = change.new is None and change.field == part and part not in register.HEAD  # a whole replication
            failure = change.old is not None and (gone or part in MOVES_GOALPOSTS)
        elif change.group == "claims" and not change.field and failure:
            what = reasons.get(subject, what)
        yield Declared(subject, what, failure)


def _by_verdicts(
    revision: str, declared: study.Study, folders: dict[str, Path], before: dict[str, dict], after: dict[str, dict]
) -> Iterator[Declared]:
    """What the verdicts of a revision, which has no register, repeat of their claims."""
    on_trial = register.trials(register.here())
    for name, folder in folders.items():
        if name != declared.name and not _show(revision, folder / "results" / "verdicts.json").returncode:
            for claim in verdicts_at(revision, folder):
                if (claim, name) not in on_trial:
                    yield Declared(claim, f"is no longer on trial in study {name}", True)
    for one in after.values():
        claim = f"{one['replication']}/{one['id']}"
        for field in (field for field in IN_VERDICTS if field in before.get(claim, {})):
            for where, old, new in register.differing(before[claim][field], one.get(field), field):
                yield Declared(claim, f"{where} {register.in_pair(old, new)}", True)


def folders_at(revision: str) -> dict[str, Path]:
    """Study → its folder: those that a revision has judged, and those of today that it declares."""
    listed = _git("ls-tree", "-r", "--name-only", "--end-of-options", revision).stdout.decode().splitlines()
    folders = [Path(path).parent for path in listed if re.fullmatch(r"([^/]+/)?params\.yaml", path)]
    judged = [one for one in folders if (one / "results" / "verdicts.json").as_posix() in listed]
    return {one.name or "root": one for one in folders if one in judged or one.as_posix() in study.STUDIES}


def params_at(revision: str, folder: Path, option: str = "--against") -> dict:
    """What a study's params.yaml says at a revision, part by part."""
    path = folder / "params.yaml"
    try:
        return register.parts(YAML(typ="safe").load(_show(revision, path).stdout))
    except Exception as error:  # not YAMLError alone, as in study.load
        why = " ".join(str(error).split()) or type(error).__name__
        raise RegressError(
            f"{option} {revision}: {path} is not readable there ({why}); name another revision"
        ) from None


def code_and_data_at(revision: str, folder: Path, replication: str) -> dict[str, set[tuple[str, ...]]]:
    """`code_and_data` of the runs that a revision has committed; empty where it has none."""
    done = _show(revision, folder / "results" / replication / "runs.csv")
    return code_and_data(csv.DictReader(done.stdout.decode(errors="replace").splitlines()))


def code_and_data(rows: Iterable[Mapping[str, str]]) -> dict[str, set[tuple[str, ...]]]:
    """Variant → the digests of code and data that its runs were trained with; rows are those of a runs.csv."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for row in rows:
        digests = tuple(row.get(name) or "" for name in ("code_sha256", "data_sha256"))
        found.setdefault(row.get("variant") or "", set()).add(digests)
    return found


def _show(revision: str, path: Path) -> subprocess.CompletedProcess[bytes]:
    """A file as a revision has it."""
    return _git("show", "--end-of-options", f"{revision}:./{path.as_posix()}")


def _git(*words: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *words], capture_output=True, check=False)


# --- what is shown -------------------------------------------------------------------------------------------------


def _as_plain(change: Change) -> dict:
    """What `--json` prints of a claim: null where there is nothing to compare, or no bound."""
    verdicts = {side: one and one["verdict"] for side, one in (("before", change.before), ("after", change.after))}
    numbers = {"moved": change.moved, "allowed": change.allowed}
    numbers = {name: value if isfinite(value) else None for name, value in numbers.items()}
    return {"claim": change.name, **verdicts, **numbers, "failure": change.failure}


def show(revision: str, name: str, changes: list[Change]) -> None:
    """The table on the terminal: what is not as it was, the regressions first; of the rest how many there are."""
    changed = sorted((one for one in changes if one.what != THE_SAME), key=lambda one: not one.failure)
    same = f"{len(changes) - len(changed)} of {len(changes)} claims are as they were"
    if not changed:
        print(f"{name}: {same}")
        return
    table = Table(title=f"Verdicts of the {name} study against {revision}", title_justify="left")
    for column in ("claim", "verdict", revision, "here", "change"):
        table.add_column(column, overflow="fold")
    for change in changed:
        colour = "red" if change.failure else "default" if change.before else "cyan"
        verdict = (change.after or change.before or {})["verdict"]
        effects = [escape(_effect(side)) for side in (change.before, change.after)]
        table.add_row(change.name, verdict, *effects, f"[{colour}]{escape(change.what)}[/]")
    Console(width=None if Console().is_terminal else 200).print(table)
    print(same)


def as_junit(name: str, changes: list[Change], others: list[Declared]) -> bytes:
    """The changes as a JUnit report: one test case per claim, and one for each thing that is declared otherwise."""
    failed = sum(bool(one.failure) for one in (*changes, *others))
    tests = len(changes) + len(others)
    suite = ElementTree.Element("testsuite", name=f"verdicts-{name}", tests=str(tests), failures=str(failed))
    for change in changes:
        replication, claim = change.name.split("/")
        case = ElementTree.SubElement(suite, "testcase", classname=f"{name}.{replication}", name=claim)
        if change.failure:
            ElementTree.SubElement(
                case, "failure", message=change.failure
            ).text = f"before: {_effect(change.before)}\nhere: {_effect(change.after)}"
    for one in others:
        case = ElementTree.SubElement(suite, "testcase", classname="declared", name=one.subject)
        if one.failure:
            ElementTree.SubElement(case, "failure", message=one.what)
    return ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)


def _effect(verdict: dict | None) -> str:
    if verdict is None:
        return "–"
    return in_words(verdict["effect"], verdict["interval"], "", verdict["scale"]).strip()


def _half_width(verdict: dict) -> float:
    low, high = verdict["interval"]
    return inf if low is None or high is None else (high - low) / 2

"""The register: what is claimed, written down before its runs: `python -m replications register`.

`register.jsonl`, in the repository's root and in Git, is a ledger. A line is an entry: the SHA-256 of the line before,
the commit that Git was at, a reason, and what changed since the entry before: claims in full, published tables, what
each study declares (seeds, tuning seeds, snapshots, readers, parameters), and the runs that were there. `judge` says
beside each verdict whether its claim was written down before its runs and what was changed since; `register --check`
verifies the chain, and that nothing here differs from the last entry.

What it cannot see. A chain says in which order entries were written, and a commit which one came after which; whoever
rewrites the ledger, the results *and* Git's history consistently hides all he likes. So does who trains, looks, throws
the runs away, registers what they showed, and trains the same once more; and runs whose pictures are the same in other
bytes (another snapshot kept, a float moved by a new library) count as new ones. Not held here at all are the code of
nets, instruments and judge: code.json, runs.csv and Git hold their digests. What guards all this from outside: signed
tags, of which others have copies; a public host, which keeps the time when it was sent each commit; and an attestation
by that host's CI of the revision whose claims it trained again on its own machines.
"""

import hashlib
import importlib
import json
import re
import reprlib
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from replications import command, study
from replications.errors import ReplicationError
from replications.judging.claims import Claim
from replications.judging.predicates import Predicate
from replications.needs import readers_of, reads
from replications.results import read_runs, write_text

FILE = Path("register.jsonl")
MEND = f"put back what `git log -p {FILE}` shows"
COMMAND = "`python -m replications register --reason TEXT`"

Key = tuple[str, ...]
"""("claims", "vq_vae/codes_blur"), ("tables", "vq_vae"), ("studies", "real", "seeds") or ("runs", "real", "vq_vae")."""
State = Mapping[Key, Any]
"""Key → what is declared there, as plain JSON; None where it is gone, or where there are no runs."""
DEPTH = {"claims": 1, "tables": 1, "studies": 2, "runs": 2}
"""Group → how many names follow it in a key."""
MAPPINGS = ("also", "deviations_in", "does_not_hold")
"""The fields of a claim of which each key is told by itself, even where there is no other."""
HEAD = ("seeds", "tuning_seeds", "snapshots", "readers")
"""What a params.yaml says besides the sections of its replications."""


class RegisterError(ReplicationError):
    """A register that cannot be read or must not be added to."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications register", description=__doc__)
    parser.add_argument("--reason", metavar="TEXT", help="why claims are withdrawn, or changed after their runs")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 where something is not as registered")
    arguments = parser.parse_args(argv)
    if arguments.check:
        if arguments.reason is not None:
            raise RegisterError("--reason: --check writes nothing down; leave one of the two out")
        return check()
    reason = None if arguments.reason is None else " ".join(arguments.reason.split())
    if reason == "":
        raise RegisterError("--reason '': expected some words, such as 'the source says so on page 4'")
    added = append(reason)
    if added is None:
        print(f"{FILE}: nothing changed since entry {len(load().entries) - 1}")
        return 0
    entry, changed = added
    print(*(change.in_words for change in changed), sep="\n")
    print(f"{FILE}: entry {entry.number} written, commit it")
    return 0


def check() -> int:
    """Prints a line for whatever is wrong with the register, or not as it says; returns the exit status."""
    if not FILE.exists() and not FILE.is_symlink():
        print(f"{FILE}: no such file; run `python -m replications register`")
        return 1
    book = load()
    found = [*book.problems, *history_problems()]
    found += [f"not registered: {change.in_words}" for change in unregistered(book)]
    if found:
        print(*found, sep="\n")
        print(f"{len(found)} differences; put back what is not meant, register what is: {COMMAND}")
        return 1
    print(f"{FILE}: {len(book.entries)} entries, and what is here is what they say")
    return 0


# --- the ledger ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """One line of the register."""

    number: int
    commit: str
    """Where Git was when it was written."""
    clean: bool
    """Whether the files that Git knows were those of this commit."""
    reason: str | None
    changed: State
    """What changed since the entry before."""

    @property
    def place(self) -> str:
        """'entry 4, commit abc1234'."""
        return f"entry {self.number}, {'commit' if self.clean else 'on top of commit'} {self.commit[:7]}"


@dataclass(frozen=True)
class Book:
    """The register as it was read: its entries as far as the chain holds, and where it breaks."""

    entries: tuple[Entry, ...] = ()
    problems: tuple[str, ...] = ()

    @cached_property
    def states(self) -> list[State]:
        """What was declared as of each entry."""
        states, state = [], {}
        for entry in self.entries:
            state = {**state, **entry.changed}
            states.append(state)
        return states

    @property
    def last(self) -> State:
        """What is declared as of the last entry."""
        return self.states[-1] if self.entries else {}


class _Runs(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    sha256: str
    """Of runs.csv."""
    runs: dict[str, str]
    """'variant/seed' → a digest of what the run put out."""


class _Claim(BaseModel):
    """What is read of a claim as `content` writes it; there may be more."""

    model_config = ConfigDict(extra="allow", strict=True)

    statement: str
    studies: list[str] = Field(min_length=1)
    checks: list[dict[str, Any]] = []
    deviations: list[dict[str, Any]] = []
    deviations_in: dict[str, list[dict[str, Any]]] = {}
    does_not_hold: dict[str, str] = {}


class _Line(BaseModel):
    """An entry as JSON."""

    model_config = ConfigDict(extra="forbid", strict=True)

    entry: int
    previous: str | None
    commit: str
    clean: bool
    reason: str | None
    claims: dict[str, _Claim | None]
    tables: dict[str, list[dict[str, Any]] | None]
    studies: dict[str, dict[str, Any]]
    runs: dict[str, dict[str, _Runs | None]]

    @field_validator("commit")
    @classmethod
    def _commit(cls, commit: str) -> str:
        if not re.fullmatch("[0-9a-f]{40}", commit):
            raise ValueError(f"commit is {commit[:80]!r}, expected the 40 digits of one")
        return commit

    @model_validator(mode="after")
    def _read_elsewhere(self) -> Self:
        for name, parts_of_study in self.studies.items():
            for part, section in parts_of_study.items():
                variants = section.get("variants", {}) if isinstance(section, dict) else section
                if part not in HEAD and section is not None and not isinstance(variants, dict):
                    raise ValueError(
                        f"study {name}: {part} is {reprlib.repr(section)}, expected a section of params.yaml"
                    )
        if not (self.claims or self.tables or self.studies or self.runs):
            raise ValueError("it changes nothing, expected a change in each entry")
        return self


def load(path: Path = FILE) -> Book:
    """The register in a file; without entries where there is none."""
    return read(path.read_bytes(), str(path)) if path.exists() or path.is_symlink() else Book()


def read(content: bytes, name: str = str(FILE)) -> Book:
    """The entries of a register up to the first line that does not follow from the one before, and what is wrong."""
    *lines, rest = content.split(b"\n")
    entries: list[Entry] = []
    problems = [f"{name}: its last line has no end; {MEND}"] if rest else []
    for number, line in enumerate(lines):
        try:
            written = _Line.model_validate(json.loads(line))
            _follows(written, number, _sha256(lines[number - 1]) if number else None)
        except (ValueError, RecursionError) as error:
            why = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            problems.insert(0, f"{name}, line {number + 1}: {' '.join(why.split())}; {MEND}")
            break
        entries.append(
            Entry(number, written.commit, written.clean, written.reason, _flat(written.model_dump(exclude_unset=True)))
        )
    return Book(tuple(entries), tuple(problems))


def _follows(line: _Line, number: int, before: str | None) -> None:
    """Raises ValueError where a line is not the one that was written after the line before."""
    if line.entry != number:
        raise ValueError(f"it is entry {line.entry}, expected {number}: a line was taken out, put in or moved")
    if line.previous != before:
        raise ValueError(
            f"it follows a line with SHA-256 {str(line.previous)[:12]}, the one before it has {str(before)[:12]}: "
            "a line was edited, taken out, put in or moved"
        )


def append(reason: str | None = None) -> tuple[Entry, list["Change"]] | None:
    """Writes down what changed since the last entry; None where nothing did.

    Raises:
        RegisterError: the register is broken, Git is not there, or a change needs a reason and has none.
    """
    book = load()
    for problem in (*book.problems, *history_problems()):
        raise RegisterError(problem)
    last, state = book.last, here()
    new = {key: state.get(key) for key in {**last, **state} if last.get(key, ...) != state.get(key)}
    if not new:
        return None
    asking = needs_reason(book, state) if reason is None else []
    if asking:
        raise RegisterError(f"{'; '.join(asking)}: expected a reason; run {COMMAND}")
    commit, clean = _head()
    entry = Entry(len(book.entries), commit, clean, reason, new)
    before = FILE.read_bytes() if FILE.exists() else b""
    previous = _sha256(before.split(b"\n")[-2]) if before else None
    write_text(FILE, before.decode() + as_line(entry, previous))
    return entry, changes(last, state)


def as_line(entry: Entry, previous: str | None) -> str:
    """An entry as it is written, after a line with this SHA-256."""
    content = {"entry": entry.number, "previous": previous, "commit": entry.commit, "clean": entry.clean}
    content |= {"reason": entry.reason, **_nested(entry.changed)}
    return json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def history_problems() -> Iterator[str]:
    """The register only ever grew: what any commit before this one has of it is how it begins today.

    Each of its entries names a commit of that history. Where Git is not there, does not know the register or has a
    part of the history alone, nobody can tell, and nothing is yielded.
    """
    shallow = _git("rev-parse", "--is-shallow-repository")
    if shallow is not None and shallow.strip() == b"false":
        entries = load().entries
        asked = "".join(f"{entry.commit}\n" for entry in entries).encode()
        answers = (_git("cat-file", "--batch-check=%(objecttype)", given=asked) or b"").decode().splitlines()
        for entry, answer in zip(entries, answers, strict=False):
            if answer != "commit":
                yield f"{FILE}, line {entry.number + 1}: Git knows no commit {entry.commit[:12]}; {MEND}"
                return
    log = _git("log", "--first-parent", "--format=%H", "--", str(FILE))
    content = FILE.read_bytes() if FILE.exists() else b""
    for commit in (log or b"").decode().split():
        then = _git("show", f"{commit}:./{FILE}") or b""
        if not content.startswith(then):
            lines = zip_longest(then.splitlines(keepends=True), content.splitlines(keepends=True))
            first = next(number for number, (a, b) in enumerate(lines, start=1) if a != b)
            yield (
                f"{FILE}, line {first}: commit {commit[:7]} has another one, and a register only grows; "
                f"put back what `git show {commit[:7]}:{FILE}` says, and register again after it"
            )
            return


def _sha256(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _flat(line: Mapping[str, Any]) -> dict[Key, Any]:
    """An entry's groups as a state."""
    flat: dict[Key, Any] = {}
    for group, depth in DEPTH.items():
        for name, value in line[group].items():
            inner = {(name, part): one for part, one in value.items()} if depth == 2 else {(name,): value}
            flat |= {(group, *key): one for key, one in inner.items()}
    return flat


def _nested(state: State) -> dict[str, dict]:
    """A state as an entry's groups."""
    nested: dict[str, dict] = {group: {} for group in DEPTH}
    for (group, name, *rest), value in state.items():
        if rest:
            nested[group].setdefault(name, {})[rest[0]] = value
        else:
            nested[group][name] = value
    return nested


def _git(*arguments: str, given: bytes = b"") -> bytes | None:
    """What Git says; None where it fails."""
    done = subprocess.run(["git", *arguments], capture_output=True, check=False, input=given)
    return None if done.returncode else done.stdout


def _head() -> tuple[str, bool]:
    commit, status = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "--untracked-files=no")
    if commit is None or status is None:
        raise RegisterError(f"{FILE}: Git has no commit here, expected a clone with its history; run it there")
    return commit.decode().strip(), not status


# --- what is declared here -----------------------------------------------------------------------------------------


def here() -> State:
    """What claims, published tables and studies say as they now lie on the disk, and the runs that are there."""
    state: dict[Key, Any] = {("claims", name_of(claim)): content(claim) for claim in claims_here()}
    state |= {("tables", name): plain(tables) for name, tables in tables_here().items()}
    for folder in map(Path, study.STUDIES):
        if (folder / "params.yaml").exists():
            state |= of_study(study.load(folder))
    return state


def of_study(declared: study.Study) -> dict[Key, Any]:
    """What a study declares, and the runs that are there."""
    content = study.unchecked(declared.params_file)
    state: dict[Key, Any] = {("studies", declared.name, part): value for part, value in parts(content).items()}
    return state | {("runs", declared.name, name): runs_of(declared.folder, name) for name in declared.variants}


def claims_here() -> list[Claim]:
    """The claims of every replication."""
    return [
        claim for name in study.REPLICATIONS for claim in importlib.import_module(f"replications.{name}.claims").CLAIMS
    ]


def tables_here() -> dict[str, Sequence[Any]]:
    """Replication → the paper's tables that are shown beside ours."""
    return {name: importlib.import_module(f"replications.{name}.claims").TABLES for name in study.REPLICATIONS}


def name_of(claim: Claim) -> str:
    """'pix2pix/skips_help'."""
    return f"{claim.replication}/{claim.id}"


def content(claim: Claim) -> dict[str, Any]:
    """All that a claim says, as plain JSON."""
    return {key: value for key, value in plain(claim).items() if key not in ("id", "replication")}


def plain(value: Any) -> Any:
    """Dataclasses as dictionaries, tuples as lists; of a dataclass what is empty, no or nothing is left out.

    So a field that claims will get one day changes none of those that do not use it.
    """
    if is_dataclass(value):
        named = {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        kept = {name: one for name, one in named.items() if not (one is None or one is False or one in ("", [], {}))}
        return {"is": type(value).__name__, **kept} if isinstance(value, get_args(Predicate)) else kept
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def parts(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a params.yaml as plain JSON, with the one part that early entries have.

    Snapshots were of a study once, and nobody asked for any; now they are among a replication's parameters.
    """
    return json.loads(json.dumps({"snapshots": [1.0], **content}))


def runs_of(folder: Path, replication: str) -> dict[str, Any] | None:
    """The runs of a replication as results/REPLICATION/runs.csv has them; None where there are no results."""
    path = folder / "results" / replication / "runs.csv"
    if not path.exists():
        return None
    put_out = {
        f"{variant}/{seed}": _sha256(f"{row['images_sha256']} {row['facts_sha256']}".encode())[:16]
        for (variant, seed), row in read_runs(folder, replication).items()
    }
    return {"sha256": _sha256(path.read_bytes()), "runs": put_out}


# --- what changed --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """One thing that is declared otherwise than before."""

    group: str
    """Of its key: claims, tables, studies or runs."""
    subject: str
    """'pix2pix/skips_help', 'tables of pix2pix', 'study real'."""
    field: str
    """'smallest_effect'; empty where all of the subject is new or gone."""
    old: Any
    new: Any

    @property
    def in_words(self) -> str:
        """'pix2pix/skips_help: smallest_effect 0.223 → 0.0198'."""
        if self.field:
            pair = self.new if self.group == "runs" else in_pair(self.old, self.new)
            return f"{self.subject}: {self.field} {pair}"
        gone = "withdrawn" if self.group == "claims" else "gone"
        return f"{self.subject}: {'new' if self.new is not None else gone}"


def changes(before: State, after: State) -> list[Change]:
    """What is declared otherwise than before, and which runs are others."""
    found = []
    gone = {name for group, name, *_ in before if group == "studies"} - _studies(after)
    for key in sorted({**before, **after}):
        (group, name, *rest), old, new = key, before.get(key), after.get(key)
        if old == new or (name in gone and group in ("studies", "runs")):
            continue
        match group:
            case "runs":
                known, now = (one["runs"] if one else {} for one in (old, new))
                others = sum(known[run] != now[run] for run in known.keys() & now.keys())
                counts = (
                    f"({len(now.keys() - known.keys())} new, {others} others, {len(known.keys() - now.keys())} gone)"
                )
                found.append(Change(group, f"study {name}", f"runs of {rest[0]}", None, counts))
            case "studies":
                found += [Change(group, f"study {name}", *one) for one in differing(old, new, rest[0])]
            case _:
                subject = name if group == "claims" else f"tables of {name}"
                fields_ = [("", old, new)] if old is None or new is None else differing(old, new)
                found += [Change(group, subject, *one) for one in fields_]
    return found + [Change("studies", f"study {name}", "", name, None) for name in sorted(gone & _studies(before))]


def _studies(state: State) -> set[str]:
    return {name for (group, name, *_), value in state.items() if group == "studies" and value is not None}


def unregistered(book: Book) -> list[Change]:
    """What is declared here otherwise than by the last entry. Runs come and go without being declared."""
    return [change for change in changes(book.last, here()) if change.group != "runs"]


def needs_reason(book: Book, state: State) -> list[str]:
    """What must not be done without a reason, in words: withdrawing a claim, or changing it after its runs."""
    last, asking = book.last, []
    on_trial = trials(state)
    runs = {key[1:] for one in (*book.states, state) for key, value in one.items() if key[0] == "runs" and value}
    for claim, studies in _by_claim(pair for pair in trials(last) if pair not in on_trial).items():
        asking.append(f"{claim} withdrawn from {', '.join(studies)}")
    for change in changes(last, state):
        if change.group == "claims" and change.field:
            replication = change.subject.partition("/")[0]
            if any((name, replication) in runs for claim, name in trials(last) if claim == change.subject):
                asking.append(f"{change.in_words}, after its runs")
        elif change.field in ("seeds", "tuning_seeds") and change.old is not None:
            asking.extend([change.in_words] * any(change.subject == f"study {name}" for name, _ in runs))
        elif change.field.endswith(".seeds"):  # of a replication: its runs may have been seen
            there = {(f"study {name}", f"{replication}.seeds") for name, replication in runs}
            asking.extend([change.in_words] * ((change.subject, change.field) in there))
    return asking


def trials(state: State) -> dict[tuple[str, str], dict]:
    """(claim, study) → the claim, for every study that tries it: it names the study, which declares its replication."""
    return {
        (claim, name): known
        for (group, claim, *_), known in state.items()
        if group == "claims" and known is not None
        for name in known.get("studies", ())
        if _tries(state, name, claim)
    }


def _tries(state: State, name: str, claim: str) -> bool:
    """Whether a state has the claim on trial in a study."""
    known, section = state.get(("claims", claim)), state.get(("studies", name, claim.partition("/")[0]))
    return bool(known) and name in known.get("studies", ()) and section is not None


def _by_claim(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Claim → studies."""
    found: dict[str, list[str]] = {}
    for claim, name in pairs:
        found.setdefault(claim, []).append(name)
    return found


def differing(old: Any, new: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(field, old, new) of what is not equal, however deep; None on the side where it is not there."""
    if old == new:
        return
    if where in MAPPINGS:
        old, new = old or {}, new or {}
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({**old, **new}):
            yield from differing(old.get(key), new.get(key), f"{where}.{key}".removeprefix("."))
    elif _all_dicts(old) and _all_dicts(new) and (old or new):
        only_old = _labelled(one for one in old or () if one not in (new or ()))
        only_new = _labelled(one for one in new or () if one not in (old or ()))
        if not only_old and not only_new:
            yield where, "one order", "another"
        for label in [*only_old, *(label for label in only_new if label not in only_old)]:
            yield from differing(only_old.get(label), only_new.get(label), f"{where}[{label}]")
    else:
        yield where, old, new


def _all_dicts(value: Any) -> bool:
    """Whether it is a list of dictionaries, or nothing at all."""
    return value is None or (isinstance(value, list) and all(isinstance(one, dict) for one in value))


def _labelled(items: Iterable[dict]) -> dict[str, dict]:
    """Deviations by their kind, checks by what they look at, tables by their title; a number after those alike."""
    found: dict[str, dict] = {}
    for one in items:
        label = one.get("kind") or one.get("title") or f"{one.get('instrument')} of {one.get('variant')}"
        alike = sum(known == label or known.startswith(f"{label} (") for known in found)
        found[f"{label} ({alike + 1})" if alike else label] = one
    return found


def in_pair(old: Any, new: Any) -> str:
    """'0.223 → 0.0198'; of two texts the part where they part."""
    if isinstance(old, str) and isinstance(new, str):
        alike = next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
        start = max(0, alike - 20)
        return f"{_quoted(old, start)} → {_quoted(new, start)}"
    was, is_ = _words(old), _words(new)
    return f"{was} → {is_}" if was != is_ else f"{old!r} → {new!r}"


def _words(value: Any) -> str:
    """A value in a few words."""
    if value is None or value in ([], {}, ""):
        return "nothing"
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.3g}"
        case str():
            return _quoted(value)
        case list() if not any(isinstance(one, dict) for one in value):
            return ", ".join(one if isinstance(one, str) else _words(one) for one in value)
        case dict() if "what" in value:
            return _quoted(value["what"])
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:80]}…"


def _quoted(text: str, start: int = 0) -> str:
    return f"'{'…' * bool(start)}{text[start : start + 60]}{'…' * (len(text) > start + 60)}'"


# --- what the register says of a claim -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Standing:
    """What the register says of a claim in a study."""

    first: Entry | None = None
    """Which entry has it first; None: none."""
    before: bool = False
    """Whether that entry was written before the runs that are there today."""
    earlier: bool = False
    """Whether earlier runs of the same arms were there when it was last written down before today's."""
    known: bool = True
    """Whether runs.csv names its runs."""
    changed: tuple[tuple[Entry, tuple[str, ...]], ...] = ()
    """What was changed after its runs, and by which entry."""
    reasons: tuple[Entry, ...] = ()
    """By which entries the reason why it does not hold was written after its runs; no verdict depends on it."""
    reworded: tuple[tuple[Entry, tuple[str, ...]], ...] = ()
    """How, and by which entry, the words of its effect or of what checks ask were changed after its runs; likewise."""
    unregistered: tuple[str, ...] = ()
    """What is otherwise here than in the last entry."""
    broken: str = ""
    """What is wrong with the register; then nothing else is known."""

    @property
    def in_words(self) -> str:
        """'changed after its runs: smallest_effect 0.223 → 0.0198 (entry 4, …); first registered before them (…)'."""
        if self.broken:
            return f"not known, the register is broken: {self.broken}"
        if self.first is None:
            return "never registered"
        phrases = [f"differs from the register: {', '.join(self.unregistered)}"] * bool(self.unregistered)
        if self.changed:
            phrases.append(
                "changed after its runs: " + ", ".join(f"{', '.join(w)} ({e.place})" for e, w in self.changed)
            )
        place = f"({self.first.place})"
        if not self.known:
            phrases.append(f"registered {place}, and no runs of it are named")
        elif not self.before:
            phrases.append(f"first registered after its runs {place}")
        else:
            phrases.append(
                f"{'first registered before them' if self.changed else 'registered before its runs'} {place}"
            )
            if self.earlier:
                phrases[-1] += ", after earlier runs of the same arms"
        if self.reworded:
            phrases.append("reworded after them: " + ", ".join(f"{', '.join(w)} ({e.place})" for e, w in self.reworded))
        if self.reasons:
            phrases.append(f"the reason why it does not hold was written after them ({self.reasons[-1].place})")
        return "; ".join(phrases)


def registered(declared: study.Study, claims: Sequence[Claim]) -> dict[str, str]:
    """Claim (replication/id) → what the register says of it in a study, in words. Without a register: never."""
    return {name: one.in_words for name, one in standings(load(), declared, claims).items()}


def standings(book: Book, declared: study.Study, claims: Iterable[Claim]) -> dict[str, Standing]:
    """Claim (replication/id) → what the register says of it in a study."""
    if book.problems:
        return {name_of(claim): Standing(broken=book.problems[0]) for claim in claims}
    own, nets = of_study(declared), cache(reads)
    return {name_of(claim): _standing(book, declared.name, claim, own, nets(claim.replication)) for claim in claims}


def _standing(book: Book, name: str, claim: Claim, own: State, nets: bool) -> Standing:
    """What the register says of a claim in a study that declares `own` and whose nets read its pictures, or not.

    A run is there as of the first entry that names what it put out. A claim counts as written down before its runs
    where none of today's is there as of that entry: of the arms that it reads, and of those that it ever read.
    """
    arms = {variant for variant, _ in claim.needs.union(*(check.needs for check in claim.checks_of(name)))}
    key = ("runs", name, claim.replication)
    ever = arms.union(*(_arms_of(state.get(("claims", name_of(claim)))) for state in book.states))
    runs = _of_arms(own.get(key), ever)
    history = [_rests_on(state, name, name_of(claim), arms, nets) for state in book.states]
    first = next((number for number, known_claim in enumerate(history) if known_claim is not None), None)
    if first is None:
        return Standing()
    of_entries = [_of_arms(state.get(key), ever) for state in book.states]
    there = next((n for n, known in enumerate(of_entries) if runs.items() & known.items()), len(history))
    changed, reworded, reasons, written = [], [], [], first
    for number in range(first + 1, len(history)):
        changes, words, reason = _changes(history[number - 1], history[number])
        if changes and number < there:
            written = number
        elif changes:
            changed.append((book.entries[number], changes))
        if words and number >= there:
            reworded.append((book.entries[number], words))
        if reason and number >= there:
            reasons.append(book.entries[number])
    now = {**own, ("claims", name_of(claim)): content(claim)}
    changes, words, reason = _changes(history[-1], _rests_on(now, name, name_of(claim), arms, nets))
    return Standing(
        first=book.entries[first],
        before=first < there,
        earlier=first < there and any(of_entries[: written + 1]),
        known=bool(runs),
        changed=tuple(changed),
        reasons=tuple(reasons),
        reworded=tuple(reworded),
        unregistered=(*changes, *words, *reason),
    )


def _arms_of(known: Mapping[str, Any] | None) -> set[str]:
    """The arms that a registered claim reads, among other words of its predicate and checks."""
    words, pending = set(), [known.get("predicate"), known.get("checks")] if known else []
    while pending:
        match pending.pop():
            case str() as word:
                words.add(word)
            case dict() as inner:
                pending += inner.values()
            case list() as inner:
                pending += inner
    return words


def _of_arms(known: Mapping[str, Any] | None, arms: set[str]) -> dict[str, str]:
    """The runs of some arms: 'variant/seed' → digest."""
    runs = known["runs"] if known else {}
    return {run: digest for run, digest in runs.items() if run.partition("/")[0] in arms}


def _rests_on(state: State, name: str, claim: str, arms: set[str], nets: bool) -> dict[str, Any] | None:
    """All that a verdict rests on, as a state declares it: the claim as it is in a study, the study, and its arms.

    Nets of the study belong to it where they judge this replication's pictures (`nets`).
    """
    if not _tries(state, name, claim):
        return None
    known, section = state["claims", claim], state["studies", name, claim.partition("/")[0]]
    shared = {key: value for key, value in section.items() if key != "variants"}
    variants = section.get("variants", {})
    return {
        **{key: value for key, value in known.items() if key not in ("deviations_in", "does_not_hold")},
        "deviations": known.get("deviations_in", {}).get(name, known.get("deviations", [])),
        "checks": [
            {key: value for key, value in one.items() if key != "studies"}
            for one in known.get("checks", [])
            if name in one.get("studies", [name])
        ],
        "reason": known.get("does_not_hold", {}).get(name),
        **{part: state.get(("studies", name, part)) for part in HEAD},
        "readers": readers_of(section.get("dataset"), state.get(("studies", name, "readers"))) if nets else None,
        "parameters": {arm: {**shared, **(variants[arm] or {})} for arm in sorted(arms & variants.keys())},
    }


def _changes(old: dict[str, Any] | None, new: dict[str, Any] | None) -> tuple[tuple[str, ...], ...]:
    """What differs between two such, in words.

    Three parts: what a verdict rests on; the words that its effect and what its checks ask are told in; the reason why
    it is known not to hold.
    """
    if old is None or new is None:
        return ((() if old == new else ("withdrawn",) if new is None else ("taken up again",)), (), ())
    changes, words, reason = [], [], []
    arms: dict[str, list[str]] = {}
    for field, was, is_ in differing(old, new):
        if field == "studies" and set(was) <= set(is_):
            continue  # another study asks it, too
        group, _, rest = field.partition(".")
        arm, _, parameter = rest.partition(".")
        if group == "parameters":  # what changed in several arms is said once
            pair = in_pair(was, is_) if parameter else f"{'declared' if was is None else 'no longer declared'}"
            arms.setdefault(f"{parameter or 'arm'} {pair}", []).append(arm)
        else:
            is_words = field == "unit" or (group.startswith("checks[") and rest == "what")
            part = reason if field == "reason" else words if is_words else changes
            part.append(f"{field} {in_pair(was, is_)}")
    changes += [f"{change} in {', '.join(names)}" for change, names in arms.items()]
    return tuple(changes), tuple(words), tuple(reason)


@dataclass(frozen=True)
class Withdrawn:
    """A claim that the register knows and that is no longer on trial, everywhere or in some studies."""

    claim: str
    """'pix2pix/skips_help'."""
    statement: str
    """As it last stood in the register."""
    studies: tuple[str, ...]
    """Those that try it no longer."""
    everywhere: bool
    """Whether no study tries it now."""
    entry: Entry | None
    """Which withdrew it, with the reason; None: it was taken out and not registered."""

    @property
    def in_words(self) -> str:
        """'withdrawn from root, real: no sentence of the source says it (entry 4, commit abc1234)'."""
        if self.entry is None:
            return f"taken out of {', '.join(self.studies)} without a word in the register"
        return f"withdrawn from {', '.join(self.studies)}: {self.entry.reason or 'no reason'} ({self.entry.place})"


def withdrawn(book: Book | None = None) -> list[Withdrawn]:
    """The claims that the register knows and that are no longer on trial, in the order in which they went."""
    book = load() if book is None else book
    now = trials(here())
    of_entries = [trials(state) for state in book.states]
    last: dict[tuple[str, str], int] = {pair: number for number, on in enumerate(of_entries) for pair in on}
    gone = {pair: number for pair, number in last.items() if pair not in now}
    found = []
    for number in sorted(set(gone.values())):
        entry = book.entries[number + 1] if number + 1 < len(book.entries) else None
        for claim, studies in _by_claim(pair for pair, at in gone.items() if at == number).items():
            statement = of_entries[number][claim, studies[0]]["statement"]
            everywhere = not any(one == claim for one, _ in now)
            found.append(Withdrawn(claim, statement, tuple(studies), everywhere, entry))
    return found

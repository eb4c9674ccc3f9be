"""Evidence has a version: which commit's code trained and measured results that today's code did not.

Changed training code never deletes a result, and never inherits one in silence. `results/evidence.json` of a study
names, for each replication whose committed results are of earlier code, the commits that have that code:

    {"pix2pix": {"trained": {"<code_sha256 of runs.csv>": "<commit>"}, "measured": "<commit>"}}

Where today's code trained the runs and an earlier one measured them, `trained` is empty.

`python -m replications evidence` writes it: it looks for the newest commit whose own definition of `code_hash` gives
the digest that the runs carry, and tells DVC that the stages are up to date although their code is another. `trace`
computes the digest again at that commit.
"""

import json
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path

from ruamel.yaml import YAML

from replications import code, command, locks, study
from replications.errors import ReplicationError
from replications.needs import reads
from replications.results import read_runs, write_text

REPOSITORY = Path(__file__).parent.parent
"""Whose history knows the commits."""
AT_A_COMMIT = """
import importlib, json, sys
try:
    from replications.code import code_hash
except ImportError:
    from replications.runs import code_hash
print(json.dumps({name: code_hash(name) for name in sys.argv[1:]}))
"""
"""What a commit's own code says of itself. Until November 2026 `code_hash` stood in runs.py."""


class EvidenceError(ReplicationError):
    """Results whose code cannot be named."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications evidence", description=__doc__)
    parser.add_argument("--study", default=".", help="the study's folder (default: the bundled study)")
    parser.add_argument("--last", type=int, default=100, help="how many commits to look through (default: 100)")
    arguments = parser.parse_args(argv)
    if arguments.last < 1:
        raise EvidenceError(f"--last {arguments.last}: expected at least 1; leave it out for 100")
    declared = study.load(arguments.study)
    found = declare(declared, arguments.last)
    write_text(file(declared.folder), json.dumps(found, indent=1, sort_keys=True) + "\n")
    for name, of_room in found.items():
        for commit in of_room["trained"].values():
            print(f"{name}: trained by the code of {commit[:12]}, measured by that of {of_room['measured'][:12]}")
        if not of_room["trained"]:
            print(f"{name}: trained by today's code, measured by that of {of_room['measured'][:12]}")
    accepted = accept(declared.folder, set(found))
    if accepted:
        print(f"{declared.folder / 'dvc.lock'}: accepted as up to date: {', '.join(accepted)}")
    if not found:
        print(f"{declared.name}: all results are of today's code, nothing to declare")
    return 0


def file(folder: Path) -> Path:
    """Where a study declares its evidence of earlier code."""
    return folder / "results" / "evidence.json"


def read(folder: Path) -> dict[str, dict]:
    """Replication → {"trained": {code's digest: commit}, "measured": commit}; empty where nothing is declared."""
    path = file(folder)
    if not path.exists() and not path.is_symlink():
        return {}
    try:
        declared = json.loads(path.read_text(encoding="utf-8"))
        return {
            name: {"trained": dict(one["trained"]), "measured": str(one["measured"])} for name, one in declared.items()
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise EvidenceError(
            f"{path}: damaged ({error!r}), expected what `python -m replications evidence` writes; restore it from Git"
        ) from None


def versions(folder: Path, replication: str) -> dict[str, int]:
    """Commit whose code trained runs of a replication → how many; today's code is "", undeclared code "?"."""
    declared = read(folder).get(replication, {"trained": {}})["trained"]
    today = code.code_hash(replication)
    digests = [row.get("code_sha256") for row in read_runs(folder, replication).values()]
    return Counter("" if digest == today else declared.get(digest, "?") for digest in digests)


def in_words(folder: Path, replications: list[str]) -> list[str]:
    """A sentence for each earlier version of the code that the runs of a study rest on; none: all are of today's.

    It names the runs where they rest on several versions.
    """
    found: dict[str, Counter] = {}
    for name in replications:
        for commit, n in versions(folder, name).items():
            found.setdefault(commit, Counter())[name] += n
    sentences = []
    for commit, counts in found.items():
        runs = ", ".join(f"{name} ({n} runs)" for name, n in counts.items())
        which = f": {runs}" if len(found) > 1 else ""
        if commit == "?":
            sentences.append(f"Trained by the code of an unknown commit{which}.")
        elif commit:
            sentences.append(f"Trained by the code of commit {commit[:12]}, which differs from today's{which}.")
    measured: dict[str, list[str]] = {}
    for name, one in read(folder).items():
        if name in replications and not one["trained"]:
            measured.setdefault(one["measured"], []).append(name)
    return sentences + [
        f"Measured by the code of commit {commit[:12]}, which differs from today's: {', '.join(names)}."
        for commit, names in measured.items()
    ]


def declare(declared: study.Study, last: int) -> dict[str, dict]:
    """What `results/evidence.json` should hold.

    Raises:
        EvidenceError: none of the last commits has the code that the runs carry.
    """
    found, before, ever = {}, read(declared.folder), declared_earlier(declared.folder)
    for name in declared.variants:
        digests = {row["code_sha256"] for row in read_runs(declared.folder, name).values()} - {code.code_hash(name)}
        scores = declared.folder / "results" / name / "scores.csv"
        measured = _git("log", "-1", "--format=%H", "--", scores.as_posix()).decode().strip()
        known = [one for one in (before.get(name), *ever.get(name, ())) if one]  # what holds is not named anew
        today = not digests and measures_as_today(name, measured)
        stays = not today and any(one["measured"] == measured for one in known)
        if digests or stays or measured_earlier(declared.folder, name):
            trained = {digest: commit for one in reversed(known) for digest, commit in one["trained"].items()}
            found[name] = {
                "trained": {one: trained.get(one) or commit_with(name, one, last) for one in sorted(digests)},
                "measured": measured,
            }
    return found


def declared_earlier(folder: Path) -> dict[str, list[dict]]:
    """Replication → what `read` gave of it at any commit of this history, the newest first.

    Empty where Git does not know: outside a clone, and as far as a shallow one does not reach.
    """
    found: dict[str, list[dict]] = {}
    try:
        path = file(folder).as_posix()
        for commit in _git("log", "--first-parent", "--format=%H", "--", path).decode().split():
            for name, one in json.loads(_git("show", f"{commit}:./{path}")).items():
                found.setdefault(name, []).append({"trained": dict(one["trained"]), "measured": one["measured"]})
    except (EvidenceError, ValueError, KeyError, TypeError, AttributeError):
        return found  # the last commits say it
    return found


def history_problems(declared: study.Study) -> Iterator[str]:
    """A declaration does not just go, and none is invented.

    What was once declared to be of earlier code is so until it is measured again. A declaration names the commit that
    has the scores, and that commit's code is not today's. Outside a clone with its history nothing is said.
    """
    ever, now = declared_earlier(declared.folder), read(declared.folder)
    if not (ever or now):
        return
    here, remedy = file(declared.folder), f"run `python -m replications evidence --study {declared.folder}`"
    yield from (f"{here}: {name} is no replication of the study; {remedy}" for name in now.keys() - declared.variants)
    try:
        if _git("rev-parse", "--is-shallow-repository").strip() == b"true":
            return
        head = _git("rev-parse", "HEAD").decode().strip()
        results = declared.folder / "results"
        last = {
            name: _git("log", "-1", "--format=%H", "--", (results / name / "scores.csv").as_posix()).decode().strip()
            for name in declared.variants
        }
    except EvidenceError:
        return
    for name, measured in last.items():
        scores, one = results / name / "scores.csv", now.get(name)
        today = not (one and one["trained"]) and measures_as_today(name, measured)
        if one and one["measured"] == measured:
            if today:
                yield f"{here}: {scores} is declared to be measured by earlier code, but is of today's; {remedy}"
        elif not today and measured in {earlier["measured"] for earlier in ever.get(name, ())}:
            yield (
                f"{here}: {scores} was declared to be measured by the code of {measured[:12]} and has not changed "
                f"since; {remedy}"
            )
        elif one and measured not in ("", head):  # a commit with new scores cannot name itself; the next one does
            yield f"{here}: {scores} is of commit {measured[:12]}, declared is {one['measured'][:12]}; {remedy}"


def measures_as_today(replication: str, commit: str) -> bool:
    """Whether the code of a commit has today's digest of what measures a replication; False where it has none."""
    try:
        then = json.loads(_git("show", f"{commit}:{code.FILE}"))["measure"][replication]
    except (EvidenceError, ValueError, KeyError, TypeError):
        return False  # code.json is younger, or the replication is
    today = code.stages()["measure"]
    return isinstance(today, dict) and then == today[replication]


def measured_earlier(folder: Path, replication: str) -> bool:
    """Whether DVC measured a replication with other code than today's, and was not told yet that it counts."""
    if not (folder / "dvc.lock").exists():
        return False
    entry, today = locks.stages(folder).get(f"measure@{replication}", {}), code.stages()["measure"]
    used = entry.get("params", {}).get(code.FILE.as_posix(), {}).get(f"measure.{replication}")
    return isinstance(today, dict) and used not in (None, today[replication])


def commit_with(replication: str, digest: str, last: int) -> str:
    """The newest of the last commits whose code for a replication has this digest."""
    for commit in _git("log", f"-{last}", "--format=%H", "--", code.PACKAGE.name).decode().split():
        if hashes_at(commit).get(replication) == digest:
            return commit
    raise EvidenceError(
        f"{replication}: none of the last {last} commits has the code {digest[:12]} that its runs carry; commit the "
        "code that trained them, look further with --last, or train them again"
    )


@cache
def hashes_at(commit: str) -> dict[str, str]:
    """Replication → the digest of its training code, as the code of a commit itself defines it.

    Raises:
        EvidenceError: Git has no such commit here (a shallow clone), or its code gives no digest.
    """
    archive = _git("archive", "--format=tar", commit, code.PACKAGE.name)
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=BytesIO(archive)) as files:
            for member in filter(tarfile.TarInfo.isfile, files):  # Git's own names, of files below the package
                path, content = Path(folder, member.name), files.extractfile(member)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read() if content else b"")
        names = [path.parent.name for path in Path(folder).glob(f"{code.PACKAGE.name}/*/networks.py")]
        done = subprocess.run(
            [sys.executable, "-c", AT_A_COMMIT, *names], cwd=folder, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise EvidenceError(
            f"commit {commit}: its code gives no digest ({' '.join(done.stderr.split())[-200:]}), expected one whose "
            "package `replications.code` runs here; name fewer commits by --last"
        )
    return json.loads(done.stdout)


def problems(folder: Path, replication: str, digest: str) -> list[str]:
    """What is wrong with results of this code: nothing, where it is today's or that of a commit that is named."""
    if digest == code.code_hash(replication):
        return []
    here = f"{folder / 'results' / replication / 'runs.csv'}"
    commit = read(folder).get(replication, {"trained": {}})["trained"].get(digest)
    if commit is None:
        return [
            f"{here}: trained by the code {digest[:12]}, which is not today's, and {file(folder)} names no commit for "
            f"it; run `python -m replications evidence --study {folder}`, or {command.repro(folder)} to train again"
        ]
    try:
        there = hashes_at(commit).get(replication)
    except EvidenceError as error:
        return [f"{file(folder)}: {error}; fetch the whole history (`git fetch --unshallow`)"]
    if there != digest:
        has = f"the code of {replication} at {commit[:12]} is {str(there)[:12]}"
        return [f"{file(folder)}: {has}, {here} says {digest[:12]}"]
    return []


def accept(folder: Path, replications: set[str]) -> list[str]:
    """Tells DVC that what these replications' results came from is up to date with today's code and nets.

    That is their training, measuring and controls, and the nets that judged them, if every replication that the study
    has nets for is among them.

    Returns:
        The stages.
    """
    path = folder / "dvc.lock"
    if not path.exists():
        return []
    locks.stages(folder)  # raises where it is damaged
    round_trip = YAML(typ="rt")
    round_trip.width = 80
    lock = round_trip.load(path)
    today = {
        f"{stage}.{name}": digests[name]
        for stage, digests in code.stages().items()
        if isinstance(digests, dict)
        for name in digests
    }
    accepted = []
    nets_today = code.stages()["readers"]
    measured = [name for kind, _, name in (stage.partition("@") for stage in lock["stages"]) if kind == "measure"]
    nets = {out["path"]: out for out in lock["stages"].get("readers", {}).get("outs", ())}
    for stage, entry in lock["stages"].items():
        kind, _, name = stage.partition("@")
        used = entry.get("params", {}).get(code.FILE.as_posix(), {})
        if stage == "readers" and {other for other in measured if reads(other)} <= replications:
            if used.get(stage) not in (None, nets_today):
                used[stage] = nets_today
                accepted.append(stage)
            continue
        key = f"{kind}.{name}"
        if kind not in ("train", "measure", "controls") or name not in replications or key not in used:
            continue
        read = [dep for dep in entry.get("deps", ()) if dep["path"] in nets and dep["md5"] != nets[dep["path"]]["md5"]]
        if used[key] != today.get(key) or read:
            used[key] = today[key]
            for dep in read:  # other nets judged them: those of the commit that is declared
                dep.update({name: value for name, value in nets[dep["path"]].items() if name in dep})
            accepted.append(stage)
    if accepted:
        text = BytesIO()
        round_trip.dump(lock, text)
        write_text(path, text.getvalue().decode())
    return accepted


def _git(*arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, check=False)
    if done.returncode:
        why = " ".join(done.stderr.decode(errors="replace").split()).removeprefix("fatal: ")
        raise EvidenceError(f"git {' '.join(arguments)}: {why}; expected a clone with its history")
    return done.stdout

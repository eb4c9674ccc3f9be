"""What ties a verdict to its origin, link by link: verdict ← scores ← runs ← parameters, code, data, environment.

And to what was written down before there were any runs: the register.

Each function looks at one link and yields a line for each thing that is wrong with it, which names the file, what was
expected and the command that mends it. Paths are relative to the repository's folder, which is the working directory.
Read here are small files in Git alone; the images of a run are looked at where they happen to be on this machine.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from replications import code, environment, evidence, locks, runs
from replications.command import repro
from replications.errors import ReplicationError
from replications.judging import judge, register
from replications.judging.claims import Claim
from replications.judging.verdicts import Verdict
from replications.study import Run, Study

PIN = Path("data.dvc")
"""Pins the bundled data that a clone carries."""
ROOM_FILES = (
    *("scores.csv", "summary.csv", "curves.csv", "metrics.json", "sheet.png", "columns"),
    *("runs.csv", "environments.json"),
)
"""The results of one replication."""


class ChainError(ReplicationError):
    """A link that is not there at all."""


def result_files(declared: Study) -> list[str]:
    """The committed results of a study, relative to its results/ folder."""
    of_rooms = (f"{room}/{file}" for room in declared.variants for file in (*ROOM_FILES, "controls.csv"))
    return ["readers.json", "verdicts.json", "verdicts.md", "metrics.json", *of_rooms]


# --- results and the lock ------------------------------------------------------------------------------------------


def file_problems(folder: Path, file: str) -> Iterator[str]:
    """A result is byte for byte what its stage wrote."""
    path = folder / "results" / file
    remedy = f"run {repro(folder)} and commit what it writes"
    outs = {
        Path(out["path"]): (stage, out["md5"])
        for stage, entry in locks.stages(folder).items()
        for out in entry.get("outs", ())
    }
    if path not in outs:
        yield f"{path}: no stage of {folder / 'dvc.lock'} wrote it; {remedy}"
        return
    stage, wanted = outs[path]
    if not path.exists():
        yield f"{path}: no such file, stage {stage} should have written it; {remedy}"
    elif (found := md5_of_folder(path) if path.is_dir() else md5(path)) != wanted:
        yield (
            f"{path}: its bytes are not those that stage {stage} wrote "
            f"(md5 {found}, {folder / 'dvc.lock'} says {wanted}); {remedy}"
        )


def params_problems(folder: Path, keys: Collection[str]) -> Iterator[str]:
    """The stages ran with the values that params.yaml holds, and some stage read each of `keys`."""
    file = folder / "params.yaml"
    present = YAML(typ="safe").load(file)
    seen = set()
    for stage, entry in locks.stages(folder).items():
        for key, used in entry.get("params", {}).get(str(file), {}).items():
            seen.add(key)
            for where, here, there in differences(present.get(key, "nothing"), used, key):
                yield f"{file}: {where} is {here}, but stage {stage} ran with {there}; run {repro(folder)}"
    unread = sorted(set(keys) - seen)
    if unread:
        yield f"{folder / 'dvc.lock'}: no stage ran with {unread}; run {repro(folder)}"


def code_problems(folder: Path, stages: Collection[str] | None = None) -> Iterator[str]:
    """The stages (all, if none are named) ran with the code that is here, up to comments and docstrings."""
    today = code.stages()
    for stage, entry in locks.stages(folder).items():
        if stages is not None and stage not in stages:
            continue
        for key, used in entry.get("params", {}).get(code.FILE.as_posix(), {}).items():
            group, _, name = key.partition(".")
            of_group = today.get(group, {})
            here = of_group.get(name) if isinstance(of_group, dict) else of_group
            if here != used:
                yield (
                    f"{folder / 'dvc.lock'}: stage {stage} ran with other code than today's ({key}: {used[:12]}, here "
                    f"{str(here)[:12]}); run {repro(folder)}, or declare what it wrote by "
                    f"`python -m replications evidence --study {folder}`"
                )


def data_problems(folder: Path, dataset: str) -> Iterator[str]:
    """The arrays that were trained on are those that were exported, from the data that is pinned or was built."""
    lock = locks.stages(folder)
    path = folder / "arrays" / f"{dataset}.npz"
    exported = {out["path"]: (stage, out["md5"]) for stage, entry in lock.items() for out in entry.get("outs", ())}
    if str(path) not in exported:
        yield f"{path}: no stage of {folder / 'dvc.lock'} exported it; run {repro(folder)}"
        return
    exporter, wanted = exported[str(path)]
    for stage, entry in lock.items():
        for dep in entry.get("deps", ()):
            if dep["path"] == str(path) and dep["md5"] != wanted:
                yield f"{path}: stage {stage} read other arrays than {exporter} exports; run {repro(folder)}"
    if path.exists() and md5(path) != wanted:
        yield f"{path}: its bytes are not those that stage {exporter} exported; delete it and run {repro(folder)}"
    pins = locks.pinned(PIN) if PIN.exists() else {}
    for dep in lock[exporter]["deps"]:
        source = Path(dep["path"])
        if source in pins and pins[source] != dep["md5"]:
            yield f"{PIN}: pins other data than stage {exporter} read; run {repro(folder)}"
        builder, built = exported.get(dep["path"], ("", dep["md5"]))
        if built != dep["md5"]:
            yield f"{source}: stage {exporter} read other data than {builder} built; run {repro(folder)}"
        if source not in pins and not builder:
            yield f"{source}: neither {PIN} nor a stage of {folder / 'dvc.lock'} made it; run {repro(folder)}"
        if source.is_dir() and md5_of_folder(source) != dep["md5"]:
            yield f"{source}: its files are not those that stage {exporter} read; delete it and run {repro(folder)}"


def net_problems(folder: Path) -> Iterator[str]:
    """The nets that judged pictures are those that were trained, where they lie on this machine, too."""
    lock = locks.stages(folder)
    for net in lock.get("readers", {}).get("outs", ()):
        path, trained = Path(net["path"]), net["md5"]
        if path.suffix:  # their scores on photographs, a result like others
            continue
        for stage, entry in lock.items():
            for dep in entry.get("deps", ()):
                if dep["path"] == net["path"] and dep["md5"] != trained:
                    yield (
                        f"{path}: stage {stage} judged by other nets than stage readers trained (md5 {dep['md5']}, "
                        f"trained are {trained}); run {repro(folder)}, or declare what it wrote by "
                        f"`python -m replications evidence --study {folder}`"
                    )
        if path.is_dir() and (found := md5_of_folder(path)) != trained:
            yield (
                f"{path}: its nets are not those that stage readers trained (md5 {found}, {folder / 'dvc.lock'} says "
                f"{trained}); delete it and run {repro(folder, 'readers')}"
            )


# --- verdicts and scores -------------------------------------------------------------------------------------------


def committed_verdicts(folder: Path) -> dict[str, dict]:
    """Claim → the verdict as committed."""
    path = folder / "results" / "verdicts.json"
    if not path.exists():
        raise ChainError(f"{path}: no such file; run {repro(folder)} and commit what it writes")
    try:
        verdicts = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ChainError(f"{path}: damaged ({error}); run {repro(folder, 'judge')} to judge again") from None
    if not isinstance(verdicts, list) or not all(isinstance(one, dict) and "id" in one for one in verdicts):
        raise ChainError(f"{path}: damaged (expected a list of verdicts); run {repro(folder, 'judge')} to judge again")
    return {str(entry["id"]): entry for entry in verdicts}


def judged(declared: Study, needed: Collection[str] = ()) -> dict[str, Verdict]:
    """Claim → the verdict that follows from the committed scores, of the replications that have any.

    Raises:
        ScoreError: a replication of `needed` has none.
    """
    return {verdict.id: verdict for verdict in judge.judge(measured(declared, needed))}


def measured(declared: Study, needed: Collection[str] = ()) -> Study:
    """The study without what was never measured: a replication that was just begun breaks no other's chain.

    Raises:
        ChainError: nothing was measured.
    """
    there = {
        name: variants
        for name, variants in declared.variants.items()
        if name in needed or (declared.folder / "results" / name / "scores.csv").exists()
    }
    if not there:
        results = declared.folder / "results"
        raise ChainError(
            f"{results}: no replication has a scores.csv, expected one at least; run {repro(declared.folder)}"
        )
    return replace(declared, variants=there)


def verdict_problems(folder: Path, follows: Verdict, committed: dict[str, dict]) -> Iterator[str]:
    """The committed verdict is what the committed scores say, number for number."""
    where = f"claim {follows.replication}/{follows.id}, study {follows.study}"
    if follows.id not in committed:
        yield f"{where}: results/verdicts.json has no verdict on it; run {repro(folder)}"
        return
    for field, here, there in differences(committed[follows.id], json.loads(json.dumps(follows.as_json())), ""):
        yield (
            f"{where}: {field[1:]} is {here!r} in results/verdicts.json, the scores say {there!r}; run {repro(folder)}"
        )


def register_problems(declared: Study, claim: Claim) -> Iterator[str]:
    """The register is whole, it is the one that was judged by, and what it says of a claim is so here.

    Where there is no register and there never was one, a claim was never registered, and nothing is wrong.
    """
    book = register.load()
    yield from book.problems
    yield from register.history_problems()
    path = register.FILE
    for stage, entry in locks.stages(declared.folder).items():
        for dep in entry.get("deps", ()):
            if dep["path"] == str(path) and (not path.exists() or md5(path) != dep["md5"]):
                yield f"{path}: stage {stage} read another one; run {repro(declared.folder)}"
    if not book.entries or book.problems:
        return
    (standing,) = register.standings(book, declared, [claim]).values()
    where = f"claim {claim.replication}/{claim.id}, study {declared.name}"
    if standing.first is None:
        yield f"{where}: {path} does not know it; run `python -m replications register`"
    elif standing.unregistered:
        yield f"{where}: differs from {path}: {', '.join(standing.unregistered)}; run {register.COMMAND}"


# --- runs ----------------------------------------------------------------------------------------------------------

Row = tuple[Run, dict[str, str]]
"""A declared run and what runs.csv says of it."""


def params_of_runs_problems(declared: Study, rows: Iterable[Row]) -> Iterator[str]:
    """The runs that were measured have the declared parameters."""
    for run, row in rows:
        if row["params_sha256"] != runs.digest(run.params.declared()):
            yield (
                f"{_named(declared, run)}: was trained with other parameters than {declared.params_file} declares; "
                f"run {repro(declared.folder)}"
            )


def code_of_runs_problems(declared: Study, rows: Iterable[Row]) -> Iterator[str]:
    """The runs that were measured were trained by the code that is here, or by that of a commit that is named."""
    problems = cache(partial(evidence.problems, declared.folder))  # hundreds of runs are of one code
    for run, row in rows:
        for problem in problems(run.replication, row["code_sha256"]):
            yield f"{run.variant} seed {run.seed}: {problem}"


def data_of_runs_problems(declared: Study, rows: Iterable[Row]) -> Iterator[str]:
    """The runs that were measured were trained on the arrays that are here, if they are."""
    digest = cache(lambda arrays: runs.sha256(arrays.read_bytes()))  # and are of one file of many megabytes
    for run, row in rows:
        arrays = runs.arrays_file(declared, run)
        if arrays.exists() and row["data_sha256"] != digest(arrays):
            yield f"{_named(declared, run)}: was trained on other data than {arrays}; run {repro(declared.folder)}"


def stored_run_problems(declared: Study, run: Run, row: dict[str, str] | None) -> Iterator[str]:
    """The run is known, and where its images are on this machine they are those that were measured.

    A run that was trained here again, in another environment, to the same bytes is that run.
    """
    where, path = _named(declared, run), runs.folder(declared, run)
    if row is None:
        yield f"{where}: is not there; run {repro(declared.folder)}"
    elif path.exists():
        try:
            finished = runs.provenance(runs.read(declared, run))
        except runs.RunsError as error:
            yield str(error)
            return
        for name, value in finished.items():
            if str(value) != row[name] and name != "environment":
                yield f"{path}: {name} is {value}, {where} says {row[name]}; run {repro(declared.folder)}"


def _named(declared: Study, run: Run) -> str:
    return f"{declared.folder / 'results' / run.replication / 'runs.csv'}, {run.variant} seed {run.seed}"


def stored_runs_problems(folder: Path, replication: str) -> Iterator[str]:
    """What was measured is what was trained."""
    lock, path = locks.stages(folder), str(folder / "runs" / replication)
    trained = {out["path"]: out["md5"] for entry in lock.values() for out in entry.get("outs", ())}
    for stage, entry in lock.items():
        for dep in entry.get("deps", ()):
            if dep["path"] == path and dep["md5"] != trained.get(path):
                yield f"{path}: stage {stage} read other runs than stage train@{replication} left; run {repro(folder)}"


def drift(environment: dict, now: dict) -> Iterator[str]:
    """What differs between the environment of a run and another one: 'cpu: A, here B'."""
    for where, was, is_ in differences(environment, now, ""):
        yield f"{where[1:]}: {was}, here {is_}"


def environment_now() -> dict:
    """That of this machine, as a run started here would record it; imports Keras."""
    with environment.quiet():  # TensorFlow looks for GPUs, and says that there are none
        return environment.describe()


# --- hashes --------------------------------------------------------------------------------------------------------


def md5(path: Path) -> str:
    """A file's, as DVC writes it."""
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def md5_of_folder(folder: Path) -> str:
    """As DVC counts it: the list of the files and their hashes; .dvcignore leaves out what does not matter."""
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != "README.md"
    )
    entries = sorted(
        ({"md5": md5(path), "relpath": path.relative_to(folder).as_posix()} for path in files),
        key=lambda one: one["relpath"],
    )
    return hashlib.md5(json.dumps(entries, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def differences(here: Any, there: Any, where: str) -> Iterator[tuple[str, Any, Any]]:
    """(key, value here, value there) of whatever is not equal, `nothing` where one side lacks the key."""
    if isinstance(here, dict) and isinstance(there, dict):
        for key in [*here, *(key for key in there if key not in here)]:
            yield from differences(here.get(key, "nothing"), there.get(key, "nothing"), f"{where}.{key}")
    elif here != there or type(here) is not type(there):
        yield where, here, there

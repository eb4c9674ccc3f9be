"""Takes in runs that were finished on another machine: `python -m replications import-runs FOLDER`.

FOLDER is searched for runs (a facts.json beside an images.npz) wherever they lie in it: a copy of a whole runs/, or of
a single run; and for archives that `fill --pack` has written, of whose runs those of the study are looked at. A run is
taken in if it is undamaged, declared by the study, and was trained with the parameters, by the
code and on the data that are here; a run that is here already stays as it is. `dvc repro --pull` then trains what is
still missing, so that short leases of other machines add up. Exits with 1 where a run was refused.
"""

import re
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from replications import command, proof, runs, study
from replications.code import code_hash
from replications.errors import ReplicationError
from replications.runs import read_arrays
from replications.trust import chain

PACKED = r"{}/runs/\w+/\w+/\d+/(facts\.json|images\.npz|weights\.npz)"
"""The files of a study's runs in an archive of `fill --pack`."""
LARGEST = 2**28
"""Bytes that one archive may unpack to; `fill` writes less than a tenth."""


class ImportRunsError(ReplicationError):
    """A folder from which nothing can be taken in."""


class Refused(Exception):  # noqa: N818
    """Why a run is not taken in."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications import-runs", description=__doc__)
    parser.add_argument("folder", type=Path, help="a copy of another machine's runs/, or of a part of it")
    parser.add_argument("--study", default=".", help="the study's folder (default: the bundled study)")
    arguments = parser.parse_args(argv)
    counts = import_runs(study.load(arguments.study), arguments.folder)
    return 1 if counts["refused"] or counts["archives refused"] else 0


def import_runs(declared: study.Study, folder: Path) -> Counter[str]:
    """Takes in what it can, a line for each run.

    Returns how many runs were `taken in`, `here already` and `refused`, and how many `archives refused`.
    """
    with TemporaryDirectory() as unpacked:
        archives: Counter[str] = Counter()
        for number, archive in enumerate(sorted(folder.rglob("*.zip"))):
            try:
                unpack(archive, declared.name, Path(unpacked, str(number)))  # two may hold the same run
            except Refused as refused:
                archives["archives refused"] += 1
                print(command.printable(f"{archive}: refused: {refused}"), flush=True)
        paths = sorted(
            path.parent
            for place in (folder, Path(unpacked))
            for path in place.rglob("facts.json")
            if not path.parent.name.startswith(".")
        )
        if not paths and not archives:
            raise ImportRunsError(
                f"{folder}: no run of the {declared.name} study in it, expected folders with facts.json and images.npz "
                "or archives of `fill --pack`; copy runs/ of the other machine"
            )
        counts = _take_all(declared, paths)
    words = ", ".join(f"{counts[outcome]} {outcome}" for outcome in ("taken in", "here already", "refused"))
    print(f"{counts.total()} runs: {words}" + "".join(f"; {name}: {n}" for name, n in archives.items()))
    return counts + archives


def unpack(archive: Path, name: str, target: Path) -> None:
    """Writes the runs of a study out of an archive of `fill --pack`, and nothing else that it may hold.

    Raises:
        Refused: it is damaged, or promises more than such an archive may hold.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            wanted = [one for one in opened.infolist() if re.fullmatch(PACKED.format(re.escape(name)), one.filename)]
            if any(one.compress_type != zipfile.ZIP_STORED for one in wanted):
                raise Refused("compressed, expected files as they are: it is not by `fill --pack`")
            if sum(one.file_size for one in wanted) > LARGEST:
                raise Refused(f"its runs have more than {LARGEST >> 20} MB; copy them as folders")
            for one in wanted:
                path = target / one.filename
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(opened.read(one))
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise Refused(f"no archive of runs ({' '.join(str(error).split())})") from None


def _take_all(declared: study.Study, paths: Sequence[Path]) -> Counter[str]:
    known = {run.name: run for room in declared.variants for run in declared.runs(room)}

    @cache
    def data_hash(arrays_file: Path) -> str:
        first_run = next(run for run in known.values() if runs.arrays_file(declared, run) == arrays_file)
        return runs.sha256(read_arrays(declared, [first_run])[arrays_file.stem])

    counts: Counter[str] = Counter()
    for path in paths:
        try:
            outcome, what = take(declared, known, path, data_hash)
        except Refused as refused:
            outcome, what = "refused", f"refused: {refused}"
        counts[outcome] += 1
        print(command.printable(f"{path}: {what}"), flush=True)
    return counts


def take(
    declared: study.Study, known: dict[str, study.Run], path: Path, data_hash: Callable[[Path], str]
) -> tuple[str, str]:
    """One run; `data_hash` of an arrays file. Returns its outcome, and that in words.

    Raises:
        Refused: it is damaged, or another run than the study declares.
    """
    try:
        facts = runs.read_facts(path)
        content = (path / "images.npz").read_bytes()
        weights = (path / "weights.npz").read_bytes() if "weights_sha256" in facts else b""
    except (OSError, ValueError, RecursionError) as error:
        raise Refused(f"unreadable ({error})") from None
    name = "/".join(str(facts.get(key)) for key in ("replication", "variant", "seed"))
    if name not in known:
        raise Refused(f"{declared.params_file} declares no run {name}")
    if facts.get("images_sha256") != runs.sha256(content):
        raise Refused("images.npz holds other bytes than the training wrote")
    if "weights_sha256" in facts and facts["weights_sha256"] != runs.sha256(weights):
        raise Refused("weights.npz holds other bytes than the training wrote")
    run = known[name]
    expected = runs.identity(run, code_hash(run.replication), data_hash(runs.arrays_file(declared, run)))
    for where, was, is_ in chain.differences({key: facts.get(key) for key in expected}, expected, name):
        raise Refused(f"trained with {where} = {was}, here {is_}")
    try:
        runs.arrays_of(facts, content)
    except ValueError as error:
        raise Refused(str(error)) from None
    wrong = proof.problem(facts, content)
    if wrong:
        raise Refused(wrong)
    target = runs.folder(declared, run)
    if runs.is_finished(target, expected):
        own = runs.read_facts(target)
        if own["images_sha256"] == facts["images_sha256"]:
            return "here already", "here already, the same bytes"
        drift = "; ".join(chain.drift(facts["environment"], own.get("environment", {})))
        if not drift:
            raise Refused(f"other bytes than {target}, from the same environment: at most one of the two is right")
        return "here already", f"here already with other bytes, which stay; made elsewhere ({drift})"
    runs.write(target, content, facts, weights)
    return "taken in", f"taken in as {target}"

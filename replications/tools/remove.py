"""Takes a replication away: `python -m replications remove NAME`.

Deletes its package, its tests, its section of params.yaml, its runs and results, and writes what speaks of it again:
dvc.yaml, dvc.lock, verdicts, tables. Nothing is deleted of a replication that Git knows, unless `--committed` says so.
"""

import shutil
import subprocess
from io import BytesIO
from pathlib import Path

from ruamel.yaml import YAML

from replications import command, locks, study
from replications.errors import ReplicationError
from replications.results import write_text
from replications.tools.new import PARAMS


class RemoveError(ReplicationError):
    """A replication that is not there, or that is not to be lost by mistake."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications remove", description=__doc__)
    parser.add_argument("name", help="of the replication, such as vae_flow")
    parser.add_argument("--committed", action="store_true", help="even if Git knows it")
    arguments = parser.parse_args(argv)
    for path in remove(Path(), arguments.name, arguments.committed):
        print(f"deleted {path}")
    for words in (["pipeline"], ["code"]):
        command.in_its_own_process(*words)
    forget(Path("dvc.lock"), arguments.name)
    if Path("results", "verdicts.json").exists():
        done = subprocess.run(["dvc", "repro", "--quiet", "--single-item", "code", "judge", "report"], check=False)
        if done.returncode:
            raise RemoveError("dvc could not judge again; run `dvc repro --single-item code judge report`")
    return 0


def remove(root: Path, name: str, committed: bool = False) -> list[Path]:
    """Deletes a replication's folders and its section of params.yaml. Returns what was deleted.

    Raises:
        RemoveError: before anything is deleted.
    """
    places = [Path("replications", name), Path("tests", name), Path("results", name), Path("runs", name)]
    places.append(Path("outputs", name))
    if name not in study.REPLICATIONS:
        raise RemoveError(f"{name!r}: no such replication; there are {', '.join(study.REPLICATIONS)}")
    elsewhere = [path.parent.name for path in sorted(root.glob("*/params.yaml")) if name in YAML(typ="safe").load(path)]
    if elsewhere:
        raise RemoveError(f"{name}: {elsewhere[0]}/params.yaml declares it, too; take its section out there first")
    listed = subprocess.run(["git", "ls-files", "--", *map(str, places)], cwd=root, capture_output=True, check=False)
    if listed.returncode and not committed:
        raise RemoveError(
            f"{name}: Git does not say whether it knows it ({listed.stderr.decode(errors='replace').strip()}); say "
            "--committed to delete it all the same"
        )
    if listed.stdout and not committed:
        raise RemoveError(f"{name}: Git knows it; say --committed to delete it all the same, and commit what is left")
    text = (root / PARAMS).read_text(encoding="utf-8")
    write_text(root / PARAMS, without_section(text, name))
    there = [path for path in places if (root / path).exists()]
    for path in there:
        shutil.rmtree(root / path)
    return [*there, Path(f"{PARAMS}: {name}")]


def without_section(text: str, name: str) -> str:
    """params.yaml without one replication's section; every other line stays as it is written."""
    kept, inside = [], False
    for line in text.splitlines(keepends=True):
        if line[:1].strip() and line[0] != "#":
            inside = line.startswith(f"{name}:")
        if not inside:
            kept.append(line)
    return "".join(kept).rstrip("\n") + "\n"


def forget(path: Path, name: str) -> None:
    """dvc.lock without the stages of a replication."""
    if not path.exists():
        return
    locks.stages(path.parent)  # raises where it is damaged
    round_trip = YAML(typ="rt")
    round_trip.width = 80
    lock = round_trip.load(path)
    own = [stage for stage in lock["stages"] if stage.partition("@")[2] == name]
    if not own:
        return
    for stage in own:
        del lock["stages"][stage]
    text = BytesIO()
    round_trip.dump(lock, text)
    write_text(path, text.getvalue().decode())

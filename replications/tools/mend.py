"""Sets DVC's own files aside that a kill or a full disk left incomplete: `python -m replications mend`.

DVC empties dvc.lock and its rwlock before it writes them. An interruption at that moment leaves a partial or empty
file, which stops every later DVC command. Both can be made again: without a lock the stages run again, and find their
finished runs. What is set aside is kept in .set-aside/. Left alone is a file that DVC can read, and one in which Git
marked a conflict, which is for a person.
"""

import itertools
import json
from collections.abc import Callable
from pathlib import Path

from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from ruamel.yaml import YAML

from replications import command

ASIDE = Path(".set-aside")
RWLOCK = Path(".dvc", "tmp", "rwlock")
"""Where DVC keeps who reads and who writes what."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    command.Parser(prog="python -m replications mend", description=__doc__).parse_args(argv)
    for path in mend(Path()):
        print(f"{path}: left incomplete by a kill or a full disk, set aside in {ASIDE}; DVC writes it again")
    return 0


def mend(folder: Path) -> list[Path]:
    """Sets the torn files of the studies below a repository's folder aside, and returns the paths that they had.

    A copy that was set aside before is kept under another name.
    """
    locks = [path for pattern in ("dvc.lock", "*/dvc.lock") for path in sorted(folder.glob(pattern))]
    checks = {**dict.fromkeys(locks, read_lock), folder / RWLOCK: read_rwlock}
    torn = [path for path, read in checks.items() if path.is_file() and _is_torn(path.read_bytes(), read)]
    for path in torn:
        aside = folder / ASIDE
        aside.mkdir(exist_ok=True)
        name = "-".join(path.relative_to(folder).parts)
        number = next(n for n in itertools.count(1) if not (aside / f"{name}.{n}").exists())
        path.rename(aside / f"{name}.{number}")
    return torn


def read_lock(text: str) -> None:
    """Raises where DVC would stop."""
    COMPILED_LOCKFILE_SCHEMA(YAML(typ="safe", pure=True).load(text))


def read_rwlock(text: str) -> None:
    """Likewise."""
    if not isinstance(json.loads(text), dict):
        raise ValueError("expected paths and who holds them")


def _is_torn(content: bytes, read: Callable[[str], None]) -> bool:
    if b"\n<<<<<<< " in b"\n" + content:
        return False
    try:
        read(content.decode())
    except Exception:  # broken YAML, broken JSON and a schema that does not fit have no class in common
        return True
    return False

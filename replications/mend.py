"""Deletes what a kill or a full disk left torn of DVC's own files: `python -m replications mend`, before `dvc repro`.

DVC empties dvc.lock and .dvc/tmp/rwlock before it writes them, so that what happens in that very moment leaves a part,
or nothing, at which every later DVC stops. Both can be made again: without a lock the stages run again, and find their
finished runs. A file that DVC can read is left alone.
"""

import json
from pathlib import Path

from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from ruamel.yaml import YAML

from replications import command


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    command.Parser(prog="python -m replications mend", description=__doc__).parse_args(argv)
    for path in mend(Path()):
        print(f"{path}: torn by a kill or a full disk, deleted; DVC makes it again")
    return 0


def mend(folder: Path) -> list[Path]:
    """Deletes the torn files of the studies below a repository's folder, and returns their paths."""
    locks = [path for pattern in ("dvc.lock", "*/dvc.lock") for path in sorted(folder.glob(pattern))]
    checks = {**dict.fromkeys(locks, read_lock), folder / ".dvc" / "tmp" / "rwlock": read_rwlock}
    torn = [path for path, read in checks.items() if path.is_file() and not _reads(path, read)]
    for path in torn:
        path.unlink()
    return torn


def read_lock(text: str) -> None:
    """Raises where DVC would stop."""
    COMPILED_LOCKFILE_SCHEMA(YAML(typ="safe", pure=True).load(text))


def read_rwlock(text: str) -> None:
    """Likewise."""
    if not isinstance(json.loads(text), dict):
        raise ValueError("expected paths and who holds them")


def _reads(path: Path, read) -> bool:
    try:
        read(path.read_text(encoding="utf-8"))
    except Exception:  # broken YAML, broken JSON and a schema that does not fit have no class in common
        return False
    return True


if __name__ == "__main__":
    command.run(main)

"""DVC's own files, read strictly: dvc.lock, which says what each stage read and wrote, and the pins of data.

A file that DVC did not leave so is named in one line, with what is wrong and what mends it.
"""

from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML

from replications.command import repro
from replications.errors import ReplicationError


class LockError(ReplicationError):
    """A file of DVC's that is missing or damaged."""


BUNDLED = Path(".dvc/bundled/files/md5")
"""The DVC remote in the repository: what a clone carries."""


class _File(BaseModel):
    model_config = ConfigDict(strict=True)

    path: str
    md5: str


class _Stage(BaseModel):
    model_config = ConfigDict(strict=True)

    deps: list[_File] = []
    outs: list[_File] = []
    params: dict[str, dict[str, Any]] = {}


class _Lock(BaseModel):
    model_config = ConfigDict(strict=True)

    stages: dict[str, _Stage]


class _Pin(BaseModel):
    model_config = ConfigDict(strict=True)

    outs: list[_File]


def stages(folder: Path) -> dict[str, dict]:
    """Stage → what it read and wrote, from a study's dvc.lock; not to be changed.

    Raises:
        LockError: there is none, or it is damaged.
    """
    path = folder / "dvc.lock"
    remedy = f"restore it from Git, or delete it and run {repro(folder)}"
    if not path.exists():
        raise LockError(f"{path}: no such file; run {repro(folder)} and commit it")
    return _read(path, path.read_bytes(), _Lock, remedy)["stages"]


def pinned(pin: Path) -> dict[Path, str]:
    """Folder → the hash of its data, of all that a file such as data.dvc pins.

    Raises:
        LockError: it is damaged.
    """
    outs = _read(pin, pin.read_bytes(), _Pin, "restore it from Git")["outs"]
    if not outs:
        raise LockError(f"{pin}: pins nothing, expected a folder; restore it from Git")
    return {pin.parent / out["path"]: out["md5"] for out in outs}


def bundled(md5: str) -> Path:
    """Where an object of the bundled remote is."""
    return BUNDLED / md5[:2] / md5[2:]


@cache
def _read(path: Path, content: bytes, schema: type[BaseModel], remedy: str) -> dict:
    """Every check asks for the lock, whose reading takes longer than all else that they do."""
    conflict = next((line for line in content.splitlines() if line.startswith((b"<<<<<<< ", b">>>>>>> "))), None)
    if conflict is not None:
        raise LockError(f"{path}: Git marked a conflict in it ({conflict.decode(errors='replace')}); resolve it")
    try:
        read = _parsed(content)
        schema.model_validate(read)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise LockError(f"{path}: damaged ({where}: {first['msg']}), expected what DVC writes; {remedy}") from None
    except Exception as error:  # not YAMLError alone, as in study.load
        why = " ".join(str(error).split()) or type(error).__name__
        raise LockError(f"{path}: not readable as YAML ({why}); {remedy}") from None
    return read


@lru_cache(maxsize=16)
def _parsed(content: bytes) -> Any:
    """What YAML says, not to be changed."""
    return YAML(typ="safe").load(content.decode())

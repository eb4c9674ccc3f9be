"""The runs of a study on disk: where they lie, when a finished one may be reused, and reading them all, strictly.

A run's folder runs/REPLICATION/VARIANT/SEED/ holds `images.npz`, `facts.json` and, if its parameters say so,
`weights.npz`, and nothing that differs between two repetitions: no date, duration, host or path.
"""

import hashlib
import io
import json
import shutil
import zipfile
import zlib
from copy import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from replications import proof
from replications.code import code_hash
from replications.command import repro
from replications.datasets import arrays
from replications.errors import DataError, ReplicationError
from replications.study import Run, Study


class RunsError(ReplicationError):
    """Runs that are missing, damaged, undeclared or not numbers."""


@dataclass(frozen=True)
class Finished:
    """A finished run as everything right of the images sees it."""

    run: Run
    images: dict[str, np.ndarray]
    facts: dict


def folder(study: Study, run: Run) -> Path:
    """Where a run's outputs lie."""
    return study.folder / "runs" / run.name


def arrays_file(study: Study, run: Run) -> Path:
    """The arrays that a run is trained on."""
    return study.folder / "arrays" / f"{run.params.dataset}.npz"


def read_arrays(declared: Study, wanted: list[Run]) -> dict[str, bytes]:
    """Data set → the content of its arrays file, checked: what the runs are trained on."""
    data = {}
    for run in wanted:
        path = arrays_file(declared, run)
        if path.stem in data:
            continue
        try:
            content = path.read_bytes()
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                bad = archive.testzip()
            if bad:
                raise zipfile.BadZipFile(f"{bad} is damaged")
        except (OSError, zipfile.BadZipFile, zlib.error) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise RunsError(
                f"{path}: {why[0].lower() + why[1:]}; delete it if it is there and "
                f"run {repro(declared.folder, 'arrays')} to export it"
            ) from None
        data[path.stem] = content
    return data


def sha256(data: bytes) -> str:
    """Hexadecimal digest."""
    return hashlib.sha256(data).hexdigest()


def identity(run: Run, code: str, data: str) -> dict:
    """What must be equal for a finished run to be this run: parameters, code and data."""
    return {
        "replication": run.replication,
        "variant": run.variant,
        "seed": run.seed,
        "params": run.params.declared(),
        "code_sha256": code,
        "data_sha256": data,
    }


def provenance(finished: Finished) -> dict[str, str | int]:
    """What a run is known by once its images are out of sight: a row of results/REPLICATION/runs.csv.

    `facts_sha256` is of what only the model knew, `environment` a key of `environments.json` beside it.
    """
    facts = finished.facts
    return {
        "variant": finished.run.variant,
        "seed": finished.run.seed,
        "images_sha256": facts["images_sha256"],
        "facts_sha256": digest(facts["facts"]),
        "params_sha256": digest(facts["params"]),
        "code_sha256": facts["code_sha256"],
        "data_sha256": facts["data_sha256"],
        "environment": environment_id(facts["environment"]),
    }


def at(finished: Finished, share: float) -> tuple[dict[str, np.ndarray], dict]:
    """The images and facts of a run after a share of its training, as if it had ended there.

    `output@0.25` is an `output` of then; what no training changes, such as targets, is kept once.
    """
    images, facts = copy(finished.images), finished.facts["facts"]
    for name in [name for name in images if "@" in name]:
        values = images.pop(name)
        if name.endswith(f"@{share:g}"):
            images[name.partition("@")[0]] = values
    return images, facts if share == 1 else facts["earlier"][f"{share:g}"]


def environment_id(environment: dict) -> str:
    """A short name for what, besides parameters, code and data, can change a run's bytes."""
    return digest(environment)[:12]


def digest(content: dict) -> str:
    """SHA-256 of a dictionary, whatever the order of its keys."""
    return sha256(json.dumps(content, sort_keys=True).encode())


def write(target: Path, images: bytes, facts: dict, weights: bytes = b"") -> None:
    """Writes a finished run so that it is there whole or not at all, whatever happens meanwhile.

    Args:
        target: the run's folder.
        images: the content of its images.npz.
        facts: the content of its facts.json; digests of the files are added.
        weights: the content of its weights.npz, which is left out where this is empty.
    """
    unfinished, older = (target.with_name(f".{target.name}.{what}") for what in ("unfinished", "older"))
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        (unfinished / "images.npz").write_bytes(images)
        facts = {**facts, "images_sha256": sha256(images)}
        if weights:
            (unfinished / "weights.npz").write_bytes(weights)
            facts["weights_sha256"] = sha256(weights)
        facts["facts_json_sha256"] = digest_of_facts(facts)
        (unfinished / "facts.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        if target.exists():  # a folder is not replaced by another one at once
            shutil.rmtree(older, ignore_errors=True)
            target.replace(older)
        unfinished.replace(target)
        shutil.rmtree(older, ignore_errors=True)
    except OSError as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise RunsError(
            f"{target}: cannot be written ({error.strerror}); make room or permissions there and run again, "
            "finished runs are kept"
        ) from None


def digest_of_facts(facts: dict) -> str:
    """Of all that facts.json says besides this digest itself: some of it becomes scores."""
    said = {key: value for key, value in facts.items() if key != "facts_json_sha256"}
    return digest(json.loads(json.dumps(said)))


def sweep(study: Study, replication: str) -> None:
    """Removes what a killed `write` left between two of its steps; nobody reads it, but DVC would hash it."""
    for what in ("unfinished", "older"):
        for path in (study.folder / "runs" / replication).glob(f"*/.*.{what}"):
            shutil.rmtree(path, ignore_errors=True)


def is_finished(target: Path, expected: dict) -> bool:
    """Whether the folder holds exactly this run, undamaged and trained to its declared end."""
    try:
        facts = read_facts(target)
        same = all(facts.get(key) == value for key, value in expected.items())
        whole = same and facts["images_sha256"] == sha256((target / "images.npz").read_bytes())
        if whole and "weights_sha256" in facts:
            whole = facts["weights_sha256"] == sha256((target / "weights.npz").read_bytes())
        return whole and not proof.unfinished(facts)
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return False


def set_aside_undeclared(study: Study, replication: str) -> list[Path]:
    """Moves runs that params.yaml no longer declares to .set-aside/, where hours of training are not lost.

    Brings declared ones back from there. Returns the runs moved away.
    """
    declared = {folder(study, run) for run in study.runs(replication)}
    aside = study.folder / ".set-aside"
    for target in declared:
        kept = aside / target.relative_to(study.folder)
        if kept.exists() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(kept, target)
    moved = [path for path in _present(study, replication) if path not in declared]
    for path in moved:
        kept = aside / path.relative_to(study.folder)
        shutil.rmtree(kept, ignore_errors=True)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(path, kept)
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
    return moved


def check(study: Study, replication: str) -> list[Run]:
    """The declared runs, after making sure that these and no others are on disk.

    Raises:
        RunsError: a run is missing or undeclared, naming it and the command that mends it.
    """
    declared = {folder(study, run): run for run in study.runs(replication)}
    for path in _present(study, replication):
        if path not in declared:
            raise RunsError(
                f"{path}: an undeclared run; declare it in {study.params_file}, or {_mend(study, replication)} "
                "to set it aside"
            )
    missing = [run.name for path, run in declared.items() if not (path / "facts.json").exists()]
    if missing:
        raise RunsError(
            f"{len(missing)} of {len(declared)} declared runs are missing, first {missing[0]}; "
            f"{_mend(study, replication)}"
        )
    return list(declared.values())


def read(study: Study, run: Run) -> Finished:
    """A finished run, if its bytes and parameters are what they should be.

    Raises:
        RunsError: it is damaged or was trained with other parameters.
    """
    path, mend = folder(study, run), _mend(study, run.replication)
    try:
        facts = read_facts(path)
        content = (path / "images.npz").read_bytes()
    except (OSError, ValueError, RecursionError) as error:
        raise RunsError(f"{path}: unreadable ({error}); {mend}") from None
    if facts.get("images_sha256") != sha256(content):
        raise RunsError(f"{path / 'images.npz'}: its bytes are not those that the training wrote; {mend}")
    decides = identity(run, facts.get("code_sha256", ""), facts.get("data_sha256", ""))
    if any(facts.get(key) != value for key, value in decides.items()):
        raise RunsError(f"{path}: was trained with other parameters than {run.variant} declares now; {mend}")
    recorded = "trained" in facts or facts.get("code_sha256") == code_hash(run.replication)  # not by earlier code
    wrong = proof.unfinished(facts) if recorded else ""
    if wrong:
        raise RunsError(f"{path}: {wrong}, or {mend}")
    mend = f"delete {path} and {mend}"  # as a finished run it would not be trained again
    try:
        images = arrays_of(facts, content)
    except ValueError as error:
        raise RunsError(f"{path}: {error}; {mend}") from None
    wrong = proof.unlike_declared(facts, images) if recorded else ""
    if wrong:
        raise RunsError(f"{path}: {wrong}, or {mend}")
    return Finished(run, arrays.Arrays(images, path / "images.npz", mend), facts)


def arrays_of(facts: dict, content: bytes) -> dict[str, np.ndarray]:
    """The arrays of a run's images.npz, if its facts.json holds what instruments read; else a ValueError."""
    try:
        loaded = arrays.load(io.BytesIO(content))
    except DataError:
        raise ValueError("images.npz is no .npz file of arrays without pickles") from None
    for key in ("facts", "environment"):
        if not isinstance(facts.get(key), dict):
            raise ValueError(f"facts.json has no {key!r}, which instruments read")
    return loaded


def read_facts(path: Path) -> dict:
    """The facts.json of a run's folder, if it says what the training wrote; else a ValueError."""
    facts = json.loads((path / "facts.json").read_bytes())
    if not isinstance(facts, dict):
        raise ValueError(f"facts.json holds {type(facts).__name__}")
    if facts.get("facts_json_sha256") != digest_of_facts(facts):
        raise ValueError("facts.json does not say what the training wrote")
    return facts


def _mend(study: Study, replication: str) -> str:
    return f"run {repro(study.folder, f'train@{replication}', '--single-item --force')}"


def _present(study: Study, replication: str) -> list[Path]:
    """The run folders on disk, declared or not."""
    return sorted(
        seed
        for variant in (study.folder / "runs" / replication).glob("[!.]*")
        for seed in (variant.glob("[!.]*") if variant.is_dir() else [variant])
    )

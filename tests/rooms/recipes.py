"""The rooms' recipes as tests train them: tests/ROOM/test_train.py says SMALL, VARIANTS and arrays() of its own."""

import importlib
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from replications.environment import ONE_THREAD
from tests import tiny

SEED = 3
TRAIN = """
import json, os, random, sys
from pathlib import Path
room, folder, jobs, again = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[5:]
from replications.training import process
import keras
def step_by_step():
    compile_ = keras.Model.compile
    keras.Model.compile = lambda self, *a, **k: compile_(self, *a, **{**k, "run_eagerly": True, "jit_compile": False})
def one(time, name, params):
    if name not in again and params["epochs"] * (params["n_train"] // params["batch_size"]) <= 6:
        step_by_step()
    random.seed(time)
    told = []
    images, facts, _ = process.train(room, params, int(sys.argv[4]), (folder / "data.npz").read_bytes(),
                                  lambda *seen: told.append(seen))
    (folder / time / f"{name}.npz").write_bytes(images)
    (folder / time / f"{name}.json").write_text(json.dumps({**facts, "told": told}))
once = [name for name in jobs if name not in again]
for names, times in (*(([name], ("first", "again")) for name in again), (once, ("first",))):
    children = []
    for time in times:
        if child := os.fork():
            children.append(child)
        else:
            for name in names:
                one(time, name, jobs[name])
            os._exit(0)
    if any([os.waitpid(child, 0)[1] for child in children]):
        sys.exit(f"{names} failed")
"""
"""Through the entry of the suite: some variants twice at the same time, each in a process of its own.

The others train one after another in a process that they share, which spares its start, and take their few steps one by
one: compiling them would take longer.
"""


def of(room: str) -> ModuleType:
    """What the room's tests train: SMALL, the hyper-parameters; VARIANTS, what each changes; arrays(), the data set."""
    return importlib.import_module(f"tests.{room}.test_train")


def params(room: str, variant: str, **changes) -> Any:
    """The Params of one variant."""
    schema = importlib.import_module(f"replications.{room}.params").Params
    return schema(**{**of(room).SMALL, **of(room).VARIANTS[variant], **changes})


def train(room: str, variant: str, seed: int = SEED, **changes) -> tuple[dict[str, np.ndarray], dict]:
    """Trains in this process."""
    recipe = importlib.import_module(f"replications.{room}.train")
    return recipe.train(params(room, variant, **changes), seed, of(room).arrays(), lambda seen, total: None)


def train_twice(room: str, folder: Path, again: Sequence[str] = ()) -> None:
    """Fills two folders: `first`, with every variant of the room, and `again`, with those named.

    Where none is named, it is the first one of a quick room.
    """
    again = again or list(of(room).VARIANTS)[: room in tiny.QUICK_ROOMS]
    (folder / "data.npz").write_bytes(tiny.npz(of(room).arrays()))
    for time in ("first", "again"):
        (folder / time).mkdir()
    jobs = json.dumps({name: params(room, name).declared() for name in of(room).VARIANTS})
    command = [sys.executable, "-W", "error::UserWarning", "-c", TRAIN, room, str(folder), jobs, str(SEED), *again]
    environment = tiny.environment(**ONE_THREAD)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def images(folder: Path, variant: str) -> dict[str, np.ndarray]:
    """What the first run of a variant left."""
    with np.load(folder / "first" / f"{variant}.npz") as archive:
        return dict(archive)


def told(folder: Path, variant: str) -> dict:
    """What the first run of a variant told: its facts, environment and, as `told`, its progress."""
    return json.loads((folder / "first" / f"{variant}.json").read_text())


def announced(room: str, known: dict[str, set[str]], study: str = "root") -> None:
    """Metrics, curves, claims and tables name variants and instruments that exist.

    Args:
        room: its name.
        known: variant → the instruments that its runs are measured by.
        study: that of which claims are looked at. Another one than root need not have every variant of curves and
            tables.
    """
    measures, claims, schema = (
        importlib.import_module(f"replications.{room}.{name}") for name in ("measures", "claims", "params")
    )
    anywhere, fewer = set().union(*known.values()), study != "root"
    for name, (variant, instrument) in measures.METRICS.items():
        assert instrument in known[variant], name
    for curve in measures.CURVES:
        for variant in (one for variants in curve.series.values() for one in variants if one in known or not fewer):
            where = f"{curve.title}: {variant}"
            assert curve.x in schema.Params.model_fields or curve.x in known[variant], where
            assert curve.y in known[variant] or (curve.where_known and curve.y not in anywhere), where
    for claim in (one for one in claims.CLAIMS if study in one.studies):
        for variant, instrument in claim.needs:
            assert instrument in known[variant], f"{claim.id}: {instrument} of {variant}"
    for table in claims.TABLES:
        assert set(table.rows) <= set(known) or fewer, table.title
        assert all(len(row) == len(table.instruments) for row in table.rows.values()), table.title
        for instrument in table.instruments:
            assert any(instrument in known.get(row, ()) for row in table.rows), f"{table.title}: {instrument}"

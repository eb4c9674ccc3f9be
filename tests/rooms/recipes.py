"""The rooms' recipes as tests train them: tests/ROOM/test_train.py says SMALL, VARIANTS and arrays() of its own."""

import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from replications import study
from replications.environment import ONE_THREAD
from tests import tiny

SEED = 3
TRAIN = """
import json, os, random, sys
from pathlib import Path
folder, jobs, again, seed = Path(sys.argv[1]), *map(json.loads, sys.argv[2:])
from replications.training import process
import keras
def step_by_step():
    compile_ = keras.Model.compile
    keras.Model.compile = lambda self, *a, **k: compile_(self, *a, **{**k, "run_eagerly": True, "jit_compile": False})
def one(room, time, name):
    params, told = jobs[room][name], []
    if name not in again[room] and params["epochs"] * (params["n_train"] // params["batch_size"]) <= 6:
        step_by_step()
    random.seed(time)
    images, facts, _ = process.train(room, params, seed, (folder / room / "data.npz").read_bytes(),
                                  lambda *seen: told.append(seen))
    (folder / room / time / f"{name}.npz").write_bytes(images)
    (folder / room / time / f"{name}.json").write_text(json.dumps({**facts, "told": told}))
def wait():
    child, status = os.wait()
    if status:
        sys.exit(f"{children[child]} failed")
    del children[child]
children = {}
for room in jobs:
    once = [name for name in jobs[room] if name not in again[room]]
    for names, time in (*(([name], time) for name in again[room] for time in ("first", "again")), (once, "first")):
        if len(children) == 2:
            wait()
        if child := os.fork():
            children[child] = (room, names)
        else:
            for name in names:
                one(room, time, name)
            os._exit(0)
while children:
    wait()
"""
"""Through the entry of the suite: some variants twice at the same time, each in a process of its own.

The others of a room train one after another in a process that they share, and take their few steps one by one:
compiling them would take longer. All are children of one process, which imports what they need.
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


def trained(made_once: Callable, room: str) -> Path:
    """The folders of a room, `first` with every variant and `again` with the first one of a quick room.

    Its like are trained with it, once for all tests: do not change them.
    """
    like = [one for one in study.REPLICATIONS if (one in tiny.QUICK_ROOMS) == (room in tiny.QUICK_ROOMS)]
    twice = {one: list(of(one).VARIANTS)[:1] if one in tiny.QUICK_ROOMS else [] for one in like}
    return made_once(f"recipes-of-{like[0]}", partial(train_twice, twice)) / room


def train_twice(rooms: Mapping[str, Sequence[str]], folder: Path) -> None:
    """Fills two folders for each room: `first`, with every variant, and `again`, with those that are named."""
    for room in rooms:
        for time in ("first", "again"):
            (folder / room / time).mkdir(parents=True)
        (folder / room / "data.npz").write_bytes(tiny.npz(of(room).arrays()))
    jobs = {room: {name: params(room, name).declared() for name in of(room).VARIANTS} for room in rooms}
    words = [str(folder), *map(json.dumps, (jobs, rooms, SEED))]
    command = [sys.executable, "-W", "error::UserWarning", "-c", TRAIN, *words]
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
            if curve.where_known and not {curve.x, curve.y} <= anywhere | set(schema.Params.model_fields):
                continue  # nothing of this study knows it
            assert curve.x in schema.Params.model_fields or curve.x in known[variant], where
            assert curve.y in known[variant], where
    for claim in (one for one in claims.CLAIMS if study in one.studies):
        for variant, instrument in claim.needs:
            assert instrument in known[variant], f"{claim.id}: {instrument} of {variant}"
    for table in claims.TABLES:
        assert set(table.rows) <= set(known) or fewer, table.title
        assert all(len(row) == len(table.instruments) for row in table.rows.values()), table.title
        for instrument in table.instruments:
            assert any(instrument in known.get(row, ()) for row in table.rows), f"{table.title}: {instrument}"

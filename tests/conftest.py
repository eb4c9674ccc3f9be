"""Fixtures that several test files share.

They import what they need when they are asked for: the tests of the claims are to start at once.
"""

import gc
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from filelock import FileLock

from replications.environment import settle

settle()  # before a test imports Keras: as in a training process

VALIDATION = Path(__file__).parent.parent / "validation"


def pytest_addoption(parser):
    """`pytest -m slow --record`."""
    parser.addoption("--record", action="store_true", help="write what the slow tests came to into validation/")


def pytest_collection_finish(session):
    """Frameworks and tests live as long as the process: garbage collection need not go through them again."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter, config):
    """Expected failures in one line; validation/slow.json and slow.md: what every slow test last came to, and where."""
    expected = len(terminalreporter.stats.get("xfailed", []))
    if expected and not terminalreporter.hasopt("x"):
        kinds = "claims that do not hold, as they say themselves, and known defects"
        terminalreporter.write_line(f"{expected} expected failures: {kinds} (-rx: which, and why)")
    if not config.getoption("--record"):
        return
    from tests.slow import record

    record.write(VALIDATION, terminalreporter.stats)


@pytest.fixture
def tiny_study(tmp_path: Path):
    """Two variants, two seeds, no runs yet."""
    from replications import study
    from tests import tiny

    return study.load(tiny.write_study(tmp_path / "tiny"))


@pytest.fixture
def finished_study(tiny_study):
    """The same with made-up finished runs."""
    from tests import tiny

    tiny.write_runs(tiny_study)
    return tiny_study


@pytest.fixture
def eager(monkeypatch):
    """Nets take their steps one by one: no time goes into compiling what is run a few times."""
    import keras

    compile_ = keras.Model.compile
    eagerly = {"run_eagerly": True, "jit_compile": False}
    monkeypatch.setattr(keras.Model, "compile", lambda self, *a, **k: compile_(self, *a, **{**k, **eagerly}))


@pytest.fixture(scope="session")
def shared(tmp_path_factory, worker_id) -> Path:
    """A folder for what the processes of one pytest make once for all of them, under a lock."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def made_once(shared) -> Callable[[str, Callable[[Path], None]], Path]:
    """(Name, function) → the folder that the function filled, once for all processes of pytest: do not change it."""

    def made_once(name: str, make: Callable[[Path], None]) -> Path:
        folder, whole = shared / name, shared / f"{name}.whole"
        with FileLock(shared / f"{name}.lock"):
            if not whole.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                make(folder)
                whole.touch()
        return folder

    return made_once


@pytest.fixture(scope="session")
def trained(made_once) -> Callable[[str], Path]:
    """Room → the folder of its tiny study, trained by one worker, undisturbed. Once for all tests: do not change it."""

    from tests import tiny

    def train_all(rooms: list[str], within: Path) -> None:
        folders = {room: tiny.write_study(within / room / "tiny", room) for room in rooms}
        commands = [("train", room, "--study", folder, "--workers", 1) for room, folder in folders.items()]
        for room, text in zip(folders, tiny.one_by_one(within, *commands), strict=True):
            assert f"{room}: 4 runs to train, 0 finished before, on 1 workers" in text
            assert "[4/4]" in text

    quick = list(tiny.QUICK_ROOMS)
    others = [room for room in tiny.ROOMS if room not in quick]

    def trained(room: str) -> Path:
        name, rooms = ("trained", quick) if room in quick else ("trained-others", others)
        return made_once(name, partial(train_all, rooms)) / room / "tiny"

    return trained


@pytest.fixture(scope="session")
def labels_readers(shared) -> Path:
    """The folder of the tiny readers of labels, one per seed, which serve every room that needs them."""
    from tests import tiny

    folder = shared / "read-labels" / "tiny"
    whole = folder.with_name("whole")
    with FileLock(shared / "labels.lock"):
        if not whole.exists():
            tiny.write_study(folder, readers={"classification": tiny.CLASSIFICATION})
            done = tiny.command("readers", "--study", folder, cwd=folder)
            assert done.returncode == 0, done.stderr
            whole.touch()
    return folder / "readers"


@pytest.fixture(scope="session")
def segmentation_readers(made_once) -> Path:
    """A folder with the tiny segmentation nets, one per seed, and what they reach: `readers` and `results`."""

    def make(folder: Path) -> None:
        from tests import tiny

        study = tiny.write_study(folder / "tiny")
        done = tiny.command("readers", "--study", study, cwd=study)
        assert done.returncode == 0, done.stderr

    return made_once("read-facades", make) / "tiny"

"""The TFDS builder of the bundled world: the same bytes on every build, and nothing half."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from replications import command
from replications.datasets import facade_world
from replications.datasets.commands import main

SMALL = {"32": {"train": 9, "test": 4}, "64": {"train": 3, "test": 2}}
BUILD_SMALL = f"""
from replications.datasets import facade_world
from replications.datasets.commands import main
facade_world.SPLITS.update({SMALL})
raise SystemExit(main(["build", "facade_world/32", "--data-dir", __import__("sys").argv[1]]))
"""


@pytest.fixture
def small(monkeypatch):
    for size, splits in SMALL.items():
        monkeypatch.setitem(facade_world.SPLITS, size, splits)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.usefixtures("small")
def test_two_processes_build_the_same_bytes(tmp_path):
    # protobuf orders maps differently from process to process, so two builds in one would prove little
    assert main(["build", "facade_world/32", "--data-dir", str(tmp_path / "a")]) == 0
    subprocess.run([sys.executable, "-c", BUILD_SMALL, str(tmp_path / "b")], check=True)
    assert len(digests(tmp_path / "a")) == 4
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


@pytest.mark.usefixtures("small")
def test_a_prepared_data_set_is_left_alone(tmp_path, capsys):
    command = ["build", "facade_world/64", "--data-dir", str(tmp_path / "data")]
    assert main(command) == 0
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    capsys.readouterr()
    assert main(command) == 0
    assert "already prepared" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == {
        **before,
        tmp_path / "data": (tmp_path / "data").stat().st_mtime_ns,
    }


@pytest.mark.usefixtures("small")
def test_an_interrupted_build_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(facade_world.world, "render", interrupted)
    with pytest.raises(KeyboardInterrupt):
        main(["build", "facade_world/32", "--data-dir", str(tmp_path / "data")])
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_data_set(tmp_path, capsys):
    (tmp_path / "facade_world" / "32" / "2.0.0").mkdir(parents=True)
    assert status(["build", "facade_world/32", "--data-dir", str(tmp_path)]) == 2
    assert "holds no whole data set; remove it" in capsys.readouterr().err


def test_unknown_name(tmp_path, capsys):
    assert status(["build", "facade_world/128", "--data-dir", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: data set 'facade_world/128': expected one of facade_world/32, facade_world/64")
    assert message.count("\n") == 1


def test_streams_are_disjoint():
    draws = [facade_world.generator(size, split).random(4) for size in (32, 64) for split in ("train", "test")]
    assert len({tuple(draw) for draw in draws}) == 4
    np.testing.assert_array_equal(facade_world.generator(32, "train").random(4), draws[0])


def status(arguments: list[str]) -> int:
    """The exit status that a shell sees."""
    with pytest.raises(SystemExit) as stopped:
        command.run(lambda: main(arguments))
    assert isinstance(stopped.value.code, int)
    return stopped.value.code

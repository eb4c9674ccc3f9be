"""Whatever ends a command: no process of it is left behind, and what was finished is kept."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests import tiny

LONG = {**tiny.PIX2PIX, "epochs": 400}
LONG_READERS = {"segmentation": {**tiny.HEAD["readers"]["segmentation"], "epochs": 400}}
COMMANDS = {"train": ("train", "pix2pix", "--workers", "2"), "readers": ("readers",)}
BUSY = {"train": 4, "readers": 4}
"""How many processes a command has below it when it is at work: two that work, and what starts and tracks them."""


def start(folder: Path, name: str, terminal: int | None) -> subprocess.Popen:
    """A command in a session of its own, on a terminal or without one."""
    command = [sys.executable, "-m", "replications", *COMMANDS[name], "--study", str(folder)]
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL if terminal is None else terminal)
    on_it = None if terminal is None else lambda: os.close(os.open(os.ttyname(terminal), os.O_RDWR))  # it controls us
    return subprocess.Popen(command, env=tiny.environment(), start_new_session=True, preexec_fn=on_it, **streams)


def below(process: subprocess.Popen, n: int) -> list[psutil.Process]:
    """Its processes, as soon as there are so many and they have had a moment to begin."""
    end = time.monotonic() + 60
    while len(tree := psutil.Process(process.pid).children(recursive=True)) < n:
        assert process.poll() is None, "this test needs the command to be at work when it is ended"
        assert time.monotonic() < end, tree
        time.sleep(0.05)
    time.sleep(3)
    return psutil.Process(process.pid).children(recursive=True)


def ended_by(number: int) -> Callable[[subprocess.Popen, int], None]:
    return lambda process, _: process.send_signal(number)


def closed(process: subprocess.Popen, terminal: int) -> None:
    os.close(terminal)


ENDS = {
    "SIGTERM": ended_by(signal.SIGTERM),
    "SIGHUP": ended_by(signal.SIGHUP),
    "SIGINT": lambda process, _: os.killpg(process.pid, signal.SIGINT),  # as Ctrl-C does
    "SIGKILL": ended_by(signal.SIGKILL),
    "a closed terminal": closed,
}


@pytest.mark.slow
@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("name", COMMANDS)
def test_no_process_is_left(tmp_path, name, how):
    folder = tiny.write_study(tmp_path / "tiny", pix2pix=LONG, readers=LONG_READERS)
    master, terminal = pty.openpty() if how == "a closed terminal" else (-1, None)
    process = start(folder, name, terminal)
    if terminal is not None:
        os.close(terminal)
    tree = below(process, BUSY[name])
    ENDS[how](process, master)
    process.wait(timeout=60)
    assert process.returncode != 0
    _, alive = psutil.wait_procs(tree, timeout=30)
    left = [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]
    for one in left:
        one.kill()
    assert not left, left
    assert not list((folder / "runs").rglob("facts.json")), "no run was finished, and none is there"

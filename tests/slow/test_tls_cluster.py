"""A cluster over TCP that is guarded by TLS, set up as the text of workers.py says, word for word.

Two workers, which share no disk with the command; one of them is lost while it trains.
"""

import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from replications.training import workers
from tests import tiny

pytestmark = pytest.mark.slow

TEXT = workers.__doc__ or ""


def line_of(words: str) -> list[str]:
    """The arguments of the command in the text that starts with these words."""
    (line,) = [line.strip() for line in TEXT.splitlines() if line.strip().startswith(words)]
    return shlex.split(line)


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> dict[str, str]:
    """The environment that the text asks for, with a pair of its own."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed, which the text makes the key with")
    folder = tmp_path_factory.mktemp("keys")
    subprocess.run(line_of("openssl"), cwd=folder, check=True, capture_output=True)
    assert (folder / "key.pem").stat().st_mode & 0o077 == 0, "its owner alone can read the key"
    said = dict(re.findall(r"^ +(DASK_DISTRIBUTED\w+)=(\S+)$", TEXT, re.MULTILINE))
    assert len(said) == 8
    return {key: str(folder / value) if value.endswith(".pem") else value for key, value in said.items()}


@contextmanager
def dask(folder: Path, line: list[str], settings: dict[str, str]) -> Iterator[tuple[Path, subprocess.Popen]]:
    """A command of Dask's that goes on; yields the file of its log, and itself."""
    folder.mkdir()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *line, "--host", "127.0.0.1"],
            cwd=folder,
            env=tiny.environment(**settings),
            stdout=log,
            stderr=log,
        )
    try:
        yield folder / "log", process
    finally:
        tree = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _, alive = psutil.wait_procs(tree, timeout=5)
        for one in alive:
            one.kill()


def wait_for(log: Path, words: str) -> str:
    """The line of a log that holds these words."""
    for _ in range(3000):
        for line in log.read_text().splitlines():
            if words in line:
                return line
        time.sleep(0.1)
    return pytest.fail(f"{words!r} never appeared in\n{log.read_text()}")


def environment(address: str, settings: dict[str, str]) -> dict[str, str]:
    """Of a training command that joins the cluster."""
    return {"DASK_SCHEDULER_ADDRESS": address, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "3s", **settings}


def train(folder: Path, address: str, settings: dict[str, str]) -> subprocess.CompletedProcess:
    more = environment(address, settings)
    return tiny.command("train", "pix2pix", "--study", folder, cwd=folder, **more)


def lose(process: subprocess.Popen) -> list[psutil.Process]:
    """kill -9 of a worker with its nanny, as when a machine is gone; returns what it trained in."""
    nanny = psutil.Process(process.pid)
    (worker,) = [one for one in nanny.children() if "spawn_main" in " ".join(one.cmdline())]
    training = worker.children(recursive=True)
    nanny.kill()
    worker.kill()
    return training


def test_a_cluster_as_the_text_says_trains_the_same_bytes_loses_a_worker_and_lets_no_stranger_in(
    tmp_path, trained, settings
):
    scheduler = [word.replace("8786", "0") for word in line_of("dask scheduler")]
    with ExitStack() as cluster:
        log, _ = cluster.enter_context(dask(tmp_path / "scheduler", scheduler, settings))
        address = wait_for(log, "Scheduler at:").split()[-1]
        assert address.startswith("tls://127.0.0.1:")
        worker = [word.replace("tls://SCHEDULER:8786", address) for word in line_of("dask worker")]
        workers = []
        for name in ("one", "other"):
            log, process = cluster.enter_context(dask(tmp_path / name, worker, settings))
            assert wait_for(log, "Start worker at:").split()[-1].startswith("tls://")
            wait_for(log, "Registered to:")
            workers.append(process)

        strangers = {"no key": (address, {}), "no TLS": (address.replace("tls://", "tcp://"), {})}
        for stranger, (there, own) in strangers.items():
            folder = tiny.write_study(tmp_path / stranger)
            tiny.assert_one_line_error(
                train(folder, there, own), f"DASK_SCHEDULER_ADDRESS={there}: no scheduler answers there"
            )
            assert not (folder / "runs").exists()

        folder = tiny.write_study(tmp_path / "tiny")
        command = subprocess.Popen(
            [sys.executable, "-m", "replications", "train", "pix2pix", "--study", str(folder)],
            cwd=folder,
            env=tiny.environment(**environment(address, settings)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = _until(command, "[1/4]")
        training = lose(workers[0])
        rest, errors = command.communicate(timeout=900)
        _, alive = psutil.wait_procs(training, timeout=120)
        assert not alive, "a lost worker's training must not go on unseen"
    assert command.returncode == 0, errors
    assert errors == ""
    assert "on 2 workers" in said
    assert "[4/4]" in rest
    assert tiny.hashes(folder / "runs") == tiny.hashes(trained("pix2pix") / "runs")


def _until(command: subprocess.Popen, words: str) -> str:
    """What a command says up to the line that begins with these words."""
    said = ""
    for line in command.stdout:
        said += line
        if line.startswith(words):
            return said
    return pytest.fail(f"{words!r} was never said\n{said}{command.stderr.read()}")

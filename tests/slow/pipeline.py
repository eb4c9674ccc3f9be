"""A real DVC pipeline on a tiny study, started, watched and disturbed from outside.

The stages are those of the bundled study's dvc.yaml, cut down to one room, in a repository of its own with a copy of
the package: what is edited meanwhile in the checkout reaches no run.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from ruamel.yaml import YAML

from replications.study import REPLICATIONS
from replications.tools.mend import mend as mend_torn_files
from tests import tiny

ROOM = "vq_vae"  # its instruments need no reader
VARIANTS = {"none": {"quantiser": "none"}, "k512": {}, "k512_restarts": {"quantiser": "ema_restarts"}}
SEEDS = [1, 2]
DATASET = "facade_world-32"  # as dvc.yaml names it
WRITTEN = {
    f"train@{ROOM}": f"runs/{ROOM}/*/[!.]*/facts.json",
    f"measure@{ROOM}": f"results/{ROOM}/[!.]*",
    "judge": "results/[vm]e*.json",
    "report": "results/verdicts.md",
}
"""Stage → the files that it writes one after the other, by which its progress is seen; in the order of the stages."""
STAGES = tuple(WRITTEN)


class Missed(Exception):  # noqa: N818
    """The pipeline was past the point where it was to be disturbed."""


@dataclass
class Repro:
    """A `dvc repro` under way, the leader of a session of its own."""

    folder: Path
    process: subprocess.Popen
    lines: list[tuple[float, str]] = field(default_factory=list)
    """When (monotonic) which line was said."""

    @property
    def said(self) -> str:
        """All its output so far, standard error included."""
        return "".join(line for _, line in self.lines)

    @property
    def started(self) -> dict[str, float]:
        """Stage → when it was started."""
        return {line.split("'")[1]: moment for moment, line in list(self.lines) if line.startswith("Running stage '")}


def write(folder: Path) -> None:
    """The repository before any stage has run."""
    shutil.copytree(tiny.ROOT / "replications", folder / "replications", ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / "replications" / ROOM / "claims.py").open("a", encoding="utf-8") as file:
        file.write(f"\nCLAIMS = tuple(one for one in CLAIMS if {{v for v, _ in one.needs}} <= {{*{[*VARIANTS]}}})\n")
    for readme in tiny.READMES[:2]:
        (folder / readme).parent.mkdir(exist_ok=True)
        (folder / readme).write_text(tiny.markers(*tiny.BLOCKS), encoding="utf-8")

    tiny.write_arrays(folder)
    (folder / "arrays" / "facade_world-tiny.npz").rename(folder / "arrays" / f"{DATASET}.npz")
    section = {**tiny.VQ_VAE, "dataset": DATASET, "epochs": 3, "variants": VARIANTS}
    tiny.write_params(folder, tiny.params(ROOM, seeds=SEEDS, readers={}, **{ROOM: section}))
    (folder / "readers").mkdir()
    (folder / "readers" / "none").touch()  # a dependency of measure
    (folder / "results").mkdir()
    ceiling = {"segmentation": {"1": {"pixel_accuracy": 0.5}}}  # read by the report
    (folder / "results" / "readers.json").write_text(json.dumps(ceiling), encoding="utf-8")

    yaml = YAML()
    stages = yaml.load(tiny.ROOT / "dvc.yaml")["stages"]
    others = [f"/{name}/" for name in REPLICATIONS if name != ROOM]
    for stage in (stages[name.split("@")[0]] for name in STAGES):
        if "foreach" in stage:
            stage["foreach"] = [ROOM]
        body = stage.get("do", stage)
        body["deps"] = [path for path in body["deps"] if not any(other in path for other in others)]
    yaml.dump({"stages": {name.split("@")[0]: stages[name.split("@")[0]] for name in STAGES}}, folder / "dvc.yaml")
    shutil.copy(tiny.ROOT / ".dvcignore", folder)
    (folder / ".dvc").mkdir()
    (folder / ".dvc" / "config").write_text(
        "[core]\n    analytics = false\n    check_update = false\n    no_scm = true\n"
    )


def write_before(folder: Path, stage: str, blank: Path, finished: Path) -> None:
    """The repository as it stands when `stage` is next, from one before any stage and one where all have run."""
    shutil.copytree(blank, folder, dirs_exist_ok=True)
    earlier = STAGES[: STAGES.index(stage)]
    if not earlier:
        return
    shutil.copytree(finished / ".dvc" / "cache" / "files", folder / ".dvc" / "cache" / "files")
    shutil.copytree(finished / "runs", folder / "runs")
    for pattern in (WRITTEN[name] for name in earlier[1:]):
        for path in finished.glob(pattern):
            target = folder / path.relative_to(finished)
            target.parent.mkdir(exist_ok=True)
            shutil.copy(path, target)
    yaml = YAML()
    lock = yaml.load(finished / "dvc.lock")
    lock["stages"] = {name: lock["stages"][name] for name in earlier}
    yaml.dump(lock, folder / "dvc.lock")


@contextmanager
def repro(folder: Path) -> Iterator[Repro]:
    """`dvc repro`, as a terminal would start it. Nothing of it is left afterwards, however this ends."""
    beside = folder.parent / f"{folder.name}-tmp"  # a full disk is the study's alone
    beside.mkdir(exist_ok=True)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # in a shell's background; children would inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    environment = tiny.environment(
        PYTHONPATH=str(folder), PATH=path, TMPDIR=str(beside), DVC_SITE_CACHE_DIR=str(beside / "dvc"), SHELL="/bin/sh"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro"],
        cwd=folder,
        env={key: value for key, value in environment.items() if key not in ("DVC_ROOT", "DVC_STAGE")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    one = Repro(folder, process)
    reader = threading.Thread(target=_listen, args=(one,), daemon=True)
    reader.start()
    try:
        yield one
    finally:
        kill_session(process.pid)
        process.wait(timeout=60)
        reader.join(timeout=60)
        process.stdout.close()


def _listen(one: Repro) -> None:
    """Keeps what is said, with the time."""
    for line in one.process.stdout:
        one.lines.append((time.monotonic(), line))


def session(leader: int) -> list[psutil.Process]:
    """The living processes of a session, also those whose parents are dead."""
    members = []
    for one in psutil.process_iter():
        with suppress(ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            if os.getsid(one.pid) == leader and one.status() != psutil.STATUS_ZOMBIE:
                members.append(one)
    return members


def kill_session(leader: int) -> None:
    """kill -9 of a whole tree at once, and of what was forked meanwhile."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
    while members := session(leader):
        for one in members:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        time.sleep(0.01)


def wait_for_silence(leader: int, seconds: float) -> list[psutil.Process]:
    """Waits until a session has ended; the processes that still live after so many seconds."""
    end = time.monotonic() + seconds
    while (members := session(leader)) and time.monotonic() < end:
        time.sleep(0.1)
    return members


def n_written(folder: Path, stage: str) -> int:
    """How many of a stage's files are there."""
    return len(list(folder.glob(WRITTEN[stage])))


def where(one: Repro) -> str:
    """The stage that was started last."""
    return next(reversed(one.started), "none yet")


def undisturbed(folder: Path) -> tuple[dict[str, list[float]], float]:
    """Runs all stages. Returns stage → seconds from its start to each of its files and to its end; and all seconds."""
    began = time.monotonic()
    seen: dict[str, list[float]] = {stage: [] for stage in STAGES}
    with repro(folder) as one:
        while one.process.poll() is None:
            for stage, since in one.started.items():
                new = n_written(folder, stage) - len(seen[stage])
                seen[stage] += [time.monotonic() - since] * new
            time.sleep(0.005)
        ended = time.monotonic()
        assert one.process.returncode == 0, one.said
        starts = one.started
    assert tuple(starts) == STAGES, f"expected each stage to run once\n{one.said}"
    ends = [*list(starts.values())[1:], ended]
    for (stage, start), end in zip(starts.items(), ends, strict=True):
        seen[stage].append(end - start)
    return seen, ended - began


def wait(one: Repro, condition: Callable[[], bool]) -> None:
    """Waits for a condition, as long as the pipeline is under way.

    Raises:
        Missed: it has ended before.
    """
    while not condition():
        if one.process.poll() is not None:
            raise Missed(one.said)
        time.sleep(0.005)


def wait_for_progress(one: Repro, stage: str, n_files: int, seconds: float) -> None:
    """Waits until a stage has written so many of its files, and then for some seconds more."""
    wait(one, lambda: stage in one.started and n_written(one.folder, stage) >= n_files)
    end = time.monotonic() + seconds
    wait(one, lambda: time.monotonic() >= end)


def command(one: Repro, module: str) -> list[psutil.Process]:
    """The process that runs `python -m module`, in a list that is empty where there is none."""
    return [p for p in session(one.process.pid) if _cmdline(p)[1:3] == ["-m", module]]


def fork_servers(parents: list[psutil.Process]) -> list[psutil.Process]:
    """Those from which the given processes fork others."""
    return [c for p in parents for c in _children(p) if "multiprocessing.forkserver" in " ".join(_cmdline(c))]


def forked(parents: list[psutil.Process]) -> list[psutil.Process]:
    """The processes that work for the given ones: children of their fork servers."""
    return [c for server in fork_servers(parents) for c in _children(server)]


def _cmdline(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        return process.cmdline()
    return []


def _children(process: psutil.Process) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return process.children()
    return []


def content(folder: Path) -> dict[str, str]:
    """Path → SHA-256 of all that the pipeline writes: runs, results, the tables in the READMEs, and the lock."""
    found = {
        f"{name}/{path}": digest for name in ("runs", "results") for path, digest in tiny.hashes(folder / name).items()
    }
    for path in (*folder.glob("README.md"), *folder.glob("replications/*/README.md"), *folder.glob("dvc.lock")):
        found[str(path.relative_to(folder))] = tiny.hashes(path.parent)[path.name]
    return found


def mend(folder: Path) -> list[str]:
    """What `make repro` does before it starts DVC. Returns the files of DVC's that it found torn, and deleted."""
    return [str(path.relative_to(folder)) for path in mend_torn_files(folder)]


def differences(found: dict[str, str], expected: dict[str, str]) -> list[str]:
    """What is not as it should be, a line for each file."""
    missing = [f"{path}: missing" for path in sorted(expected.keys() - found.keys())]
    more = [f"{path}: not there in the undisturbed run" for path in sorted(found.keys() - expected.keys())]
    both = sorted(found.keys() & expected.keys())
    return [*missing, *more, *(f"{path}: other bytes" for path in both if found[path] != expected[path])]

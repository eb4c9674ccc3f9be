"""Faults while the pipeline runs: afterwards `make repro` ends with the bytes of an undisturbed run.

That is `python -m replications mend`, which deletes what DVC itself leaves torn and stops at, and one `dvc repro`.

Each point is a kind of fault and a stage; when it strikes, and whom, a seeded generator decides: between which two of
the stage's files, how far from the one to the other as the undisturbed run knew it, which process, which byte. Where it
really fell is written down and shown in a table at the end. The machine's pace differs, so a seed repeats the choices
and not the microsecond.

In a local cluster the scheduler is a thread of the training command: to kill the one is to kill the other. Clocks are
moved in the files' times, since a test must not set the machine's.

Every point starts DVC twice, and most import Keras: best on free cores. FAULTS_SEED=2 in the environment (default 1)
makes other points; `--record` writes the table to validation/faults.json and faults.md if all of them were run.
"""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest

from replications.tools.mend import RWLOCK
from tests import tiny
from tests.slow import machine, pipeline
from tests.slow.pipeline import Missed, Repro

SEED = int(os.environ.get("FAULTS_SEED", "1"))
DISK = 64 * 2**20
TRAIN, MEASURE, JUDGE, REPORT = pipeline.STAGES
VALIDATION = tiny.ROOT / "validation"

Fault = Callable[[Repro, np.random.Generator], str]
"""Strikes a pipeline under way, and says what it did."""


# --- faults --------------------------------------------------------------------------------------------------------


def kill_the_tree(one: Repro, rng: np.random.Generator) -> str:
    n = len(pipeline.session(one.process.pid))
    pipeline.kill_session(one.process.pid)
    return f"{n} processes"


def kill_a_fork_server(one: Repro, rng: np.random.Generator) -> str:
    trainings = pipeline.command(one, "replications.train")
    server = victim_among(one, rng, lambda: pipeline.fork_servers(trainings))
    return f"the fork server of a training command, {kill(server)}"


def kill_the_scheduler(one: Repro, rng: np.random.Generator) -> str:
    return f"the training command, {kill(victim_among(one, rng, lambda: pipeline.command(one, 'replications.train')))}"


def kill_a_training(one: Repro, rng: np.random.Generator) -> str:
    victim = victim_among(one, rng, lambda: pipeline.forked(pipeline.command(one, "replications.train")))
    return f"the process of a run, {kill(victim)}"


def kill_a_measuring_process(one: Repro, rng: np.random.Generator) -> str:
    measuring = victim_among(one, rng, lambda: pipeline.forked(pipeline.command(one, "replications.measure")))
    return f"a process of the pool, {kill(measuring)}"


def interrupt(one: Repro, rng: np.random.Generator) -> str:
    os.killpg(one.process.pid, signal.SIGINT)
    return "Ctrl-C"


def fill_the_disk(one: Repro, rng: np.random.Generator) -> str:
    """A file takes all room but at most a page; without a disk to fill, no process may write more than a few bytes."""
    if one.folder.is_mount():
        left = int(rng.integers(0, 2)) * 4096
        with (one.folder / "ballast").open("wb", buffering=0) as ballast:
            free = shutil.disk_usage(one.folder).free
            ballast.write(bytes(max(0, free - left)))
        return f"{left} bytes left on a disk of its own"
    limit = int(rng.integers(0, 100))
    for process in pipeline.session(one.process.pid):
        process.rlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return f"no file beyond {limit} bytes (no right to mount a small disk)"


def flip_a_byte(one: Repro, rng: np.random.Generator) -> str:
    """What a bad disk does, noticed when its file is next read."""
    path = a_finished_run(one, rng) / "images.npz"
    content = bytearray(path.read_bytes())
    at = int(rng.integers(len(content)))
    content[at] ^= 1 << int(rng.integers(8))
    path.write_bytes(content)
    return f"byte {at} of {path.relative_to(one.folder)}"


def truncate_the_facts(one: Repro, rng: np.random.Generator) -> str:
    path = a_finished_run(one, rng) / "facts.json"
    content = path.read_bytes()
    at = int(rng.integers(len(content) - 1))  # without its last line end alone it would be whole
    path.write_bytes(content[:at])
    return f"{path.relative_to(one.folder)} ends after {at} bytes"


def change_a_digit(one: Repro, rng: np.random.Generator) -> str:
    """Among the facts, some of which become scores: JSON as good as before, with another number."""
    path = a_finished_run(one, rng) / "facts.json"
    content = bytearray(path.read_bytes())
    begin, end = content.index(b'"facts"'), content.index(b'"images_sha256"')
    digits = [at for at in range(begin, end) if chr(content[at]).isdigit() and chr(content[at - 1]).isdigit()]
    at = digits[int(rng.integers(len(digits)))]
    content[at] = content[at] - 1 if content[at] == ord("9") else content[at] + 1
    path.write_bytes(content)
    return f"byte {at} of {path.relative_to(one.folder)}"


def move_the_clock(years: int) -> Fault:
    """All files of runs and results say one and the same moment, years away."""

    def moved(one: Repro, rng: np.random.Generator) -> str:
        pipeline.kill_session(one.process.pid)
        moment = time.time_ns() + years * 365 * 86400 * 10**9
        paths = [path for name in ("runs", "results", "dvc.lock") for path in one.folder.glob(f"{name}/**/*")]
        for path in paths:
            os.utime(path, ns=(moment, moment))
        return f"kill -9 of the tree, then {len(paths)} files {years:+} years"

    return moved


def leave_half_a_result(one: Repro, rng: np.random.Generator) -> str:
    """A file under its own name whose second half never reached the disk, and one that was never renamed."""
    stage = pipeline.where(one)
    pipeline.kill_session(one.process.pid)
    outs = [path for path in UNDISTURBED["folder"].glob(pipeline.WRITTEN[stage]) if path.is_file()]
    of = outs[int(rng.integers(len(outs)))]
    half = of.read_bytes()[: of.stat().st_size // 2]
    target = one.folder / of.relative_to(UNDISTURBED["folder"])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(half)
    target.with_name(f".{target.name}.unfinished").write_bytes(half)
    return f"kill -9 of the tree, then half of {target.relative_to(one.folder)}"


def leave_half_a_run(one: Repro, rng: np.random.Generator) -> str:
    """As a kill between two writes of `runs.write` leaves it: a run that was not there yet."""
    pipeline.kill_session(one.process.pid)
    whole = [path.parent for path in UNDISTURBED["folder"].glob(pipeline.WRITTEN[TRAIN])]
    missing = [path for path in whole if not (one.folder / path.relative_to(UNDISTURBED["folder"])).exists()]
    if not missing:
        raise Missed("all runs are finished")
    of = missing[int(rng.integers(len(missing)))]
    target = one.folder / of.relative_to(UNDISTURBED["folder"])
    unfinished = target.with_name(f".{target.name}.unfinished")
    unfinished.mkdir(parents=True, exist_ok=True)
    content = (of / "images.npz").read_bytes()
    (unfinished / "images.npz").write_bytes(content[: int(rng.integers(len(content)))])
    return f"kill -9 of the tree, then half of {target.relative_to(one.folder)}"


def leave_a_replaced_run(one: Repro, rng: np.random.Generator) -> str:
    """As a kill between the last two steps of `runs.write` leaves it: the new run in its place, the old one beside."""
    target = a_finished_run(one, rng)
    older = target.with_name(f".{target.name}.older")
    shutil.copytree(target, older)
    (older / "facts.json").write_text("{}\n", encoding="utf-8")
    return f"kill -9 of the tree, then {older.relative_to(one.folder)}"


def leave_stale_locks(one: Repro, rng: np.random.Generator) -> str:
    """DVC's own: the kill leaves them, with the number of a process that is dead."""
    pipeline.kill_session(one.process.pid)
    folder = one.folder / ".dvc" / "tmp"
    locks = json.loads((folder / "rwlock").read_text(encoding="utf-8"))
    held = [path for kind in locks.values() for path in kind]
    assert held, f"the kill was to leave {folder / 'rwlock'} with the locks of a dead process"
    (folder / "lock").write_text(f"{one.process.pid:>7}\n", encoding="utf-8")
    return f"kill -9 of the tree, which held {len(held)} files"


def victim_among(one: Repro, rng: np.random.Generator, find: Callable[[], list[psutil.Process]]) -> psutil.Process:
    """One of the processes that `find` gives, as soon as it gives some."""
    found: list[psutil.Process] = []

    def there() -> bool:
        found[:] = find()
        return bool(found)

    pipeline.wait(one, there)
    return found[int(rng.integers(len(found)))]


def kill(victim: psutil.Process) -> str:
    try:
        victim.kill()
    except psutil.NoSuchProcess:
        raise Missed("the process ended by itself") from None
    return "kill -9"


def a_finished_run(one: Repro, rng: np.random.Generator) -> Path:
    """A run's folder, after the tree was killed."""
    pipeline.kill_session(one.process.pid)
    finished = sorted(path.parent for path in one.folder.glob(pipeline.WRITTEN[TRAIN]))
    if not finished:
        raise Missed("no run is finished yet")
    return finished[int(rng.integers(len(finished)))]


# --- points --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Point:
    """A kind of fault, and the stage in which it is to strike."""

    kind: str
    fault: Fault
    stage: str
    after_a_file: bool = False
    """Whether a file of the stage has to be there."""
    before_a_file: bool = False
    """Whether no file of the stage may be there: what is to be struck is gone by then."""
    survived: bool = False
    """Whether the disturbed pipeline itself goes on to a good end."""


TREE, SERVER, SCHEDULER = "kill -9 of the tree", "kill -9 of a fork server", "kill -9 of the scheduler"
POINTS = (
    *(Point(TREE, kill_the_tree, stage) for stage in (TRAIN, TRAIN, TRAIN, MEASURE, MEASURE, JUDGE, JUDGE, REPORT)),
    *(Point(SERVER, kill_a_fork_server, TRAIN, survived=True) for _ in range(2)),
    *(Point(SCHEDULER, kill_the_scheduler, TRAIN) for _ in range(2)),
    *(Point("kill -9 of a training", kill_a_training, TRAIN, survived=True) for _ in range(2)),
    Point("kill -9 of a measuring process", kill_a_measuring_process, MEASURE, before_a_file=True),
    *(Point("SIGINT to the group", interrupt, stage) for stage in pipeline.STAGES),
    *(Point("disk full", fill_the_disk, stage) for stage in pipeline.STAGES),
    Point("a flipped byte", flip_a_byte, TRAIN, after_a_file=True),
    Point("a flipped byte", flip_a_byte, REPORT),
    Point("truncated facts", truncate_the_facts, MEASURE),
    Point("a changed digit of the facts", change_a_digit, MEASURE),
    Point("clock jump", move_the_clock(30), TRAIN),
    Point("clock jump", move_the_clock(-30), MEASURE),
    Point("half-written result", leave_half_a_result, MEASURE),
    Point("half-written result", leave_half_a_result, JUDGE),
    Point("half-written result", leave_half_a_result, REPORT),
    Point("half-written run", leave_half_a_run, TRAIN),
    Point("left-over of a replaced run", leave_a_replaced_run, MEASURE),
    Point("stale DVC locks", leave_stale_locks, TRAIN),
    Point("stale DVC locks", leave_stale_locks, MEASURE),
)
NAMES = [f"{i:02}-{point.kind}-{point.stage}".replace(" ", "_") for i, point in enumerate(POINTS, start=1)]

UNDISTURBED: dict = {}
"""blank and finished folder, content, timeline and seconds of the run that all others are compared with."""


@pytest.fixture(scope="module")
def records(request, tmp_path_factory) -> Iterator[list[dict]]:
    """What became of each point; shown as a table at the end, and kept where that was asked for."""
    if sys.platform != "linux":
        pytest.skip("sessions, limits of other processes and small disks are Linux's")
    base = tmp_path_factory.mktemp("faults")
    blank, folder = base / "blank", base / "undisturbed"
    pipeline.write(blank)
    shutil.copytree(blank, folder)
    timeline, seconds = pipeline.undisturbed(folder)
    UNDISTURBED.update(blank=blank, folder=folder, content=pipeline.content(folder), timeline=timeline, seconds=seconds)
    records: list[dict] = []
    yield records
    terminal = request.config.pluginmanager.get_plugin("terminalreporter")
    for line in ("", *table(records)):
        terminal.write_line(line)
    if request.config.getoption("--record") and len(records) == len(POINTS):
        write_record(records)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "point"), list(enumerate(POINTS, start=1)), ids=NAMES)
def test_one_repro_after_a_fault_ends_with_the_bytes_of_an_undisturbed_run(records, tmp_path, number, point):
    rng = np.random.default_rng([SEED, number])
    record = {"number": number, "kind": point.kind, "aimed_at": point.stage}
    for attempt in range(5):
        folder = tmp_path / f"{attempt}"
        with small_disk(folder) if point.fault is fill_the_disk else nullcontext():
            pipeline.write_before(folder, point.stage, UNDISTURBED["blank"], UNDISTURBED["folder"])
            try:
                record |= disturb(folder, point, rng)
            except Missed:
                continue
            began = time.monotonic()
            record["mended"] = pipeline.mend(folder)
            with pipeline.repro(folder) as again:
                again.process.wait(timeout=1800)
                left = pipeline.wait_for_silence(again.process.pid, 60)
            differences = pipeline.differences(pipeline.content(folder), UNDISTURBED["content"])
        record |= {
            "repro": again.process.returncode,
            "seconds": round(time.monotonic() - began, 1),
            "differences": differences,
            "left_over": [process.name() for process in left],
        }
        records.append(record)
        break
    else:
        pytest.fail(f"{point.kind}: the pipeline was past {point.stage} five times before the fault struck")
    assert again.process.returncode == 0, f"{record}\n{again.said}"
    assert not differences, f"{record}\n{again.said}"
    assert not record["orphans"], f"{record}: these lived on unseen"
    assert not left, f"{record}: these lived on unseen"
    shutil.rmtree(tmp_path)  # a few megabytes each; what failed stays to be looked at


def disturb(folder: Path, point: Point, rng: np.random.Generator) -> dict:
    """Runs the pipeline, strikes, and waits for its end. Returns what happened.

    Raises:
        Missed: the pipeline was past the stage, or the fault found nothing to strike.
    """
    timeline = [0.0, *UNDISTURBED["timeline"][point.stage]]
    n_files = 0 if point.before_a_file else int(rng.integers(int(point.after_a_file), len(timeline) - 1))
    delay = float(rng.uniform(0, timeline[n_files + 1] - timeline[n_files]))
    with pipeline.repro(folder) as one:
        pipeline.wait_for_progress(one, point.stage, n_files, delay)
        record = {
            "moment": f"{n_files} of {len(timeline) - 2} files + {delay:.2f} s",
            "fell_in": pipeline.where(one),
            "finished_runs": pipeline.n_written(folder, TRAIN),
            "struck": point.fault(one, rng),
        }
        one.process.wait(timeout=1800)
        # Who outlives a killed supervisor notices soon; a training that went on would hold the next one up unseen.
        record["orphans"] = [process.name() for process in pipeline.wait_for_silence(one.process.pid, 120)]
        record["disturbed_repro"] = one.process.returncode
    if one.process.returncode == 0 and not point.survived:
        raise Missed("all that mattered was done")
    (folder / "ballast").unlink(missing_ok=True)
    return record


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk in memory for the study alone, where that is allowed."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


STOPS_DVC = {
    "recycled process number": (
        str(RWLOCK),
        '{"write": {"FOLDER/runs/vq_vae": {"pid": PID, "cmd": "dvc repro"}}, "read": {}}',
        "is busy, it is being blocked by",
    ),
    "torn rwlock": (str(RWLOCK), "", "RWLock-file"),
    "torn dvc.lock": ("dvc.lock", "", "dvc.lock' validation failed"),
}
"""What DVC 3.67 does not survive by itself: file, its content, what DVC says then.

It empties both files before it writes them, so a kill or a full disk within that moment leaves them empty: `make mend`
deletes them. And it takes any process for the one that died if it has the number; that file is for a person to delete.
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", STOPS_DVC)
def test_what_stops_dvc_is_mended_by_deleting_the_file(records, tmp_path, kind):
    name, text, said = STOPS_DVC[kind]
    folder = tmp_path / "0"
    shutil.copytree(UNDISTURBED["folder"], folder, ignore=shutil.ignore_patterns("tmp"))
    (folder / ".dvc" / "tmp").mkdir()
    (folder / name).write_text(text.replace("FOLDER", str(folder)).replace("PID", str(os.getpid())), encoding="utf-8")
    with pipeline.repro(folder) as one:
        one.process.wait(timeout=1800)
    assert one.process.returncode != 0, f"DVC survives this now: move it to the points\n{one.said}"
    assert said in one.said
    if text:
        assert pipeline.mend(folder) == [], "another process may be alive"
        (folder / name).unlink()
    else:
        assert pipeline.mend(folder) == [name]
    with pipeline.repro(folder) as again:
        again.process.wait(timeout=1800)
    assert again.process.returncode == 0, again.said
    assert pipeline.differences(pipeline.content(folder), UNDISTURBED["content"]) == []


# --- what is shown and kept ----------------------------------------------------------------------------------------


def sound(record: dict) -> bool:
    """Whether nothing of the fault was left after one `dvc repro`."""
    return record["repro"] == 0 and not record["differences"] and not record["orphans"] and not record["left_over"]


def table(records: list[dict]) -> list[str]:
    """Markdown: a line for each point, and their count."""
    lines = [
        "| # | fault | fell in | finished runs | stage's files written + time | what was struck | "
        "disturbed `dvc repro` | `dvc repro` afterwards | bytes |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['number']} | {r['kind']} | {r['fell_in']} | {r['finished_runs']} | {r['moment']} | {r['struck']} | "
        f"exit {r['disturbed_repro']} | exit {r['repro']}, {r['seconds']:.0f} s | {in_words(r)} |"
        for r in records
    ]
    good = sum(map(sound, records))
    return [*lines, "", f"{len(records)} faults with seed {SEED}; the same bytes after one `dvc repro`: {good}."]


def in_words(record: dict) -> str:
    if sound(record):
        return f"the same, after {', '.join(record['mended'])} was mended" if record["mended"] else "the same"
    said = [*record["differences"], *(f"{name} lived on" for name in record["orphans"] + record["left_over"])]
    return "; ".join(said) or "the same, but not exit 0"


def write_record(records: list[dict]) -> None:
    """validation/faults.json and faults.md, with the date and the machine."""
    environment = machine.environment()
    result = {
        "date": machine.today(),
        "environment": environment,
        "seed": SEED,
        "undisturbed_seconds": round(UNDISTURBED["seconds"], 1),
        "faults": len(records),
        "same_bytes": sum(map(sound, records)),
        "points": records,
    }
    VALIDATION.mkdir(exist_ok=True)
    text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
    (VALIDATION / "faults.json").write_text(text, encoding="utf-8")
    (VALIDATION / "faults.md").write_text(as_markdown(result, machine.in_words()), encoding="utf-8")


def as_markdown(result: dict, where: str) -> str:
    """validation/faults.md, of what faults.json holds and the machine in words."""
    said = [
        "# Faults",
        "",
        "After each fault `make mend` and `dvc repro` were run once, as `make repro` does; runs, results, the tables "
        "in the READMEs and dvc.lock were compared byte for byte with those of an undisturbed run. Written by "
        "`pytest -m slow --record tests/slow/test_faults.py`.",
        "",
        f"{result['date']}; {where}. Undisturbed: {result['undisturbed_seconds']:.0f} s.",
        "",
        "Not tested: a process ID that the system has reused (DVC stops until its rwlock is deleted), and a bit that "
        "flips on disk without a new modification time (noticed only when the run is next read).",
        "",
        *table(result["points"]),
    ]
    return "\n".join(said) + "\n"


# --- the harness itself --------------------------------------------------------------------------------------------


def test_the_committed_table_follows_from_its_json():
    result = json.loads((VALIDATION / "faults.json").read_text(encoding="utf-8"))
    text = (VALIDATION / "faults.md").read_text(encoding="utf-8")
    where = re.search(rf"^{result['date']}; (.*)\. Undisturbed: ", text, re.MULTILINE)
    assert where, "the machine follows from nothing"
    assert text == as_markdown(result, where[1])


def test_a_changed_added_or_missing_file_is_a_difference(tmp_path):
    for name in ("runs/r/v/1/facts.json", "results/verdicts.json", "README.md", "replications/r/README.md", "dvc.lock"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    before = pipeline.content(tmp_path)
    assert len(before) == 5
    assert pipeline.differences(pipeline.content(tmp_path), before) == []
    (tmp_path / "runs/r/v/.1.older").mkdir()
    (tmp_path / "runs/r/v/.1.older/facts.json").touch()
    (tmp_path / "results/verdicts.json").write_text("other")
    (tmp_path / "dvc.lock").unlink()
    assert pipeline.differences(pipeline.content(tmp_path), before) == [
        "dvc.lock: missing",
        "runs/r/v/.1.older/facts.json: not there in the undisturbed run",
        "results/verdicts.json: other bytes",
    ]


def test_a_session_is_killed_with_those_whose_parents_are_dead():
    script = "sleep 1000 & (sleep 1000 & sleep 0.1) & sleep 1000"
    process = subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True)
    try:
        end = time.monotonic() + 60
        while len(pipeline.session(process.pid)) < 4 and time.monotonic() < end:
            time.sleep(0.01)
        members = pipeline.session(process.pid)
        assert len(members) >= 4
    finally:
        pipeline.kill_session(process.pid)
        process.wait(timeout=60)
    assert pipeline.session(process.pid) == []
    assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in members)

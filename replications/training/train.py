"""Trains the declared runs of one replication that are not there yet: `python -m replications train pix2pix`."""

import csv
import importlib
import json
import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import dask.config
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from replications import command, proof, runs, study
from replications.code import code_hash
from replications.errors import ReplicationError
from replications.judging import verdicts
from replications.statistics import detectable
from replications.training import devices, pictures, workers

WORKERS = "REPLICATIONS_WORKERS"
"""Environment variable: how many runs train at once, where the command line does not say."""
BENCH = Path("validation", "bench.json")
"""What `bench` measured: the first estimate, until there are runs of this machine."""


class TrainError(ReplicationError):
    """Runs that diverged, or that cannot start."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications train", description=__doc__)
    parser.add_argument("replication", help=f"one of {', '.join(study.REPLICATIONS)}")
    parser.add_argument("--study", default=".", help="the study's folder (default: the bundled study)")
    parser.add_argument(
        "--workers",
        type=int,
        help=f"worker processes on this machine (default: {WORKERS}, else one per core; on a GPU as many as pay)",
    )
    parser.add_argument("--only", metavar="VARIANT", action="append", help="train this variant alone; may be repeated")
    arguments = parser.parse_args(argv)
    if arguments.workers is not None and arguments.workers < 1:
        raise TrainError(f"--workers {arguments.workers}: expected at least 1; leave it out for one per core")
    declared = study.load(arguments.study)
    train(declared, arguments.replication, arguments.workers or workers_asked(), arguments.only)
    return 0


def workers_asked() -> int | None:
    """How many workers the environment asks for; None where it does not say.

    Raises:
        TrainError: that is no such number.
    """
    asked = os.environ.get(WORKERS, "")
    if asked and not (asked.isascii() and asked.isdecimal() and int(asked)):
        raise TrainError(f"{WORKERS}={asked}: expected a whole number of at least 1; unset it for one per core")
    return int(asked) if asked else None


def train(
    declared: study.Study,
    replication: str,
    n_workers: int | None = None,
    only: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
    until: float = math.inf,
    finished: Callable[[study.Run], None] | None = None,
) -> None:
    """Trains what is missing, keeps what is finished, and fails at the end if a run diverged.

    Args:
        declared: the study.
        replication: one of its rooms.
        n_workers: worker processes; None: one per core or, on a GPU, as many as pay.
        only: variants; None: all.
        seeds: of the declared ones; None: all.
        until: `time.monotonic()` at which runs that still train are given up; seeds are then trained one after the
            other, so that variants stay paired. Else the longest runs come first.
        finished: told of each run when it is written.

    Raises:
        TrainError: an unknown variant, or runs that diverged or failed.
        DeviceError: runs that should be on a GPU train on the processor.
        TimeUpError: `until` is reached; what was finished before is kept.
    """
    known = declared.variants_of(replication)
    unknown = sorted(set(only or ()) - set(known))
    if unknown:
        raise TrainError(f"--only {unknown[0]}: unknown variant of {replication}; known are {', '.join(known)}")
    wanted = [
        run
        for run in declared.runs(replication)
        if (not only or run.variant in only) and (seeds is None or run.seed in seeds)
    ]
    data = runs.read_arrays(declared, wanted)
    code = code_hash(replication)
    digests = {name: runs.sha256(content) for name, content in data.items()}
    identities = {run: runs.identity(run, code, digests[run.params.dataset]) for run in wanted}
    runs.sweep(declared, replication)
    for path in runs.set_aside_undeclared(declared, replication):
        print(f"{path}: no longer declared, set aside in {declared.folder / '.set-aside'}")
    missing = [run for run in wanted if not runs.is_finished(runs.folder(declared, run), identities[run])]
    if not missing:
        print(f"{replication}: all {len(wanted)} runs are finished, nothing to train")
        return

    check_precision(declared, missing)
    pictures.check(declared, missing, data)
    print_power(declared, replication)
    log = DurationLog(declared.folder / "logs" / f"{replication}.csv")
    if until == math.inf:  # stable: else in declared order, seed by seed
        missing.sort(key=lambda run: -log.expected.get(run.variant, math.inf))
    failures, diverged = [], 0
    checkpoints = declared.folder / ".checkpoints"
    gpus = usable_gpus()
    most = min(n_workers or workers.CPU_COUNT, len(missing))  # more would have nothing to do
    ramp = devices.Ramp(len(gpus), most, time.monotonic, devices.memory_used) if gpus and not n_workers else None
    with checkpoints_in(checkpoints), workers.cluster(most) as client:
        n_workers = max(1, len(client.scheduler_info()["workers"]))
        estimate = benched(declared, missing)
        with Reporter(replication, len(wanted), missing, log, n_workers, estimate, ramp) as reporter:
            at_once = reporter.at_once if ramp else None
            numbers = [gpu.number for gpu in gpus]
            outcomes = workers.run_all(client, missing, data, reporter.progress, at_once, numbers, until)
            try:
                for outcome in outcomes:
                    run = outcome.run
                    if outcome.facts is not None:
                        if gpus:
                            devices.check(gpus, outcome.facts["environment"]["device"])
                        wrong = proof.problem({**outcome.facts, **identities[run]}, outcome.images)
                        outcome = replace(outcome, facts=None, failed=wrong) if wrong else outcome
                    diverged += bool(outcome.diverged)
                    if outcome.facts is None:
                        failures.append(f"{run.variant} seed {run.seed} {_why(outcome)}")
                    else:
                        described = {**outcome.facts, **identities[run]}
                        runs.write(runs.folder(declared, run), outcome.images, described, outcome.weights)
                        log.add(run.variant, run.seed, outcome.seconds)
                        if finished:
                            finished(run)
                    reporter.finished(outcome)
            except workers.TimeUpError:
                if not failures:
                    raise
    if failures:
        remedies = ["correct what is named"] if diverged < len(failures) else []
        remedies += [f"change the parameters of what diverged in {declared.params_file}"] if diverged else []
        raise TrainError(
            f"{len(failures)} of {len(wanted)} runs failed, the others are kept: {'; '.join(failures)}. "
            f"To go on, {' and '.join([*remedies, 'run again'])}"
        )
    if not only and seeds is None:
        forget(checkpoints, replication)


@contextmanager
def checkpoints_in(folder: Path) -> Iterator[None]:
    """Where workers of this machine leave the state of long runs, unless the environment says another place."""
    own = workers.CHECKPOINTS not in os.environ
    if own:
        os.environ[workers.CHECKPOINTS] = str(folder.resolve())
    try:
        yield
    finally:
        if own:
            del os.environ[workers.CHECKPOINTS]


def usable_gpus() -> tuple[devices.Gpu, ...]:
    """The GPUs on which runs train here; a line says so where there is one that stays idle."""
    if dask.config.get("scheduler-address", None):
        return ()
    found = devices.gpus()
    if line := devices.advice(workers.backend(), found):
        print(line)
    return found if devices.computes_on_gpus(workers.backend()) else ()


def forget(checkpoints: Path, replication: str) -> None:
    """Where all declared runs are finished, what is left to go on from is of others, or of older code's."""
    for begun in ("run", ".run"):  # the latter while it was written
        for left in checkpoints.glob(f"{begun}-{replication}-*"):
            left.unlink(missing_ok=True)
    for compiled in checkpoints.glob(f"compiled-{replication}-*"):
        shutil.rmtree(compiled, ignore_errors=True)


def check_precision(declared: study.Study, wanted: list[study.Run]) -> None:
    """Before any process dies of it: oneDNN has no bfloat16 for AVX2, to which TensorFlow is pinned on a processor.

    Raises:
        TrainError: this machine alone would train such a run so.
    """
    gpu = any(Path(path).exists() for path in ("/proc/driver/nvidia", "/dev/dxg"))  # the latter under Windows
    elsewhere = dask.config.get("scheduler-address", None) or gpu
    mixed = next((run for run in wanted if getattr(run.params, "precision", "float32") != "float32"), None)
    if mixed and workers.backend() == "tensorflow" and not elsewhere:
        raise TrainError(
            f"{declared.params_file}: {mixed.variant}: precision = {mixed.params.precision}: expected a GPU, or "  # pyright: ignore
            "KERAS_BACKEND=jax, since TensorFlow does not compute in it on this processor; else set precision: float32"
        )


def print_power(declared: study.Study, replication: str) -> None:
    """Before any training: what the declared seeds can decide at all."""
    of_room = importlib.import_module(f"replications.{replication}.claims").CLAIMS
    of_study = [claim for claim in of_room if declared.name in claim.studies]
    n = len(declared.seeds_of(replication))
    warnings = verdicts.preflight(of_study, n)
    for warning in warnings:
        print(f"warning: {warning}")
    if of_study and not warnings:
        print(
            f"{replication}: {len(of_study)} claims, {n} paired seeds: an effect {detectable(n):.1f} standard "
            "deviations (over seeds) beyond the smallest that matters is detected with 80 % power"
        )


def benched(declared: study.Study, missing: list[study.Run]) -> float | None:
    """Seconds that these runs would take one after the other where the bench was run; None where it says nothing.

    It ran one variant of each replication of the bundled study: the others' nets are taken to be as fast.
    """
    path = declared.folder / BENCH
    if declared.name != "root" or not missing or not path.exists():
        return None
    try:
        one = json.loads(path.read_text(encoding="utf-8"))["replications"][missing[0].replication]
        return seconds_of(missing, one)
    except (ValueError, KeyError, TypeError, ZeroDivisionError, UnicodeDecodeError):
        return None  # a replication that was never benched, or a damaged file: no reason not to train


def seconds_of(of_replication: list[study.Run], one: dict) -> float:
    """What these runs take one after the other, were each image and each start as fast as in the `one` benched."""
    images = sum(run.params.n_train * run.params.epochs for run in of_replication)
    around = one["seconds"]["start"] + one["seconds"]["after"]
    return images / one["images_per_second"] + around * len(of_replication)


class DurationLog:
    """Seconds of past runs, kept beside the study and hashed by nobody: the next run's time is estimated from it."""

    def __init__(self, path: Path):
        self.path = path
        self.expected: dict[str, float] = {}
        """Variant → seconds of its last run."""
        if path.exists():
            with path.open(encoding="utf-8", newline="") as lines, suppress(KeyError, TypeError, ValueError, OSError):
                for row in csv.DictReader(lines):  # a damaged log is no reason not to train
                    self.expected[row["variant"]] = float(row["seconds"])

    def add(self, variant: str, seed: int, seconds: float) -> None:
        """Appends one run, if it can: the run itself is safe already."""
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            new = not self.path.exists()
            with self.path.open("a", encoding="utf-8", newline="") as lines:
                writer = csv.writer(lines)
                if new:
                    writer.writerow(["variant", "seed", "seconds"])
                writer.writerow([variant, seed, f"{seconds:.2f}"])


class Reporter:
    """Progress for people: a bar on a terminal, else a line for every finished run."""

    def __init__(
        self,
        replication: str,
        n_declared: int,
        missing: list[study.Run],
        log: DurationLog,
        n_workers: int,
        benched: float | None = None,
        ramp: devices.Ramp | None = None,
    ):
        self.replication, self.total, self.done = replication, len(missing), 0
        self.images: dict[str, tuple[int, int]] = {}
        self.ramp = ramp
        self.started = time.monotonic()
        kept = n_declared - len(missing)
        known = [log.expected[run.variant] for run in missing if run.variant in log.expected]
        expected = f", about {_duration(sum(known) / len(known) * len(missing) / n_workers)}" if known else ""
        if not known and benched:
            expected = f", about {_duration(benched / n_workers)} on a machine like that of {BENCH.with_suffix('.md')}"
        on = "on GPUs, as many at once as pay" if ramp else f"on {n_workers} workers"
        say = f"{replication}: {len(missing)} runs to train, {kept} finished before, {on}{expected}"
        print(say, flush=True)
        self.bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
        self.task = self.bar.add_task(replication, total=self.total, speed="")

    def __enter__(self) -> "Reporter":
        self.bar.start()
        return self

    def __exit__(self, *_) -> None:
        self.bar.stop()
        if self.done < self.total:
            print(f"{self.replication}: stopped, {self.done} of {self.total} runs finished and kept", flush=True)

    def progress(self, name: str, seen: int, total: int) -> None:
        """A running run's images."""
        self.images[name] = (seen, total)
        partly = sum(seen / total for seen, total in self.images.values() if seen < total)
        self.bar.update(self.task, completed=self.done + partly, speed=f"{self._speed():.0f} images/s")

    def at_once(self) -> int:
        """How many runs may train at a time, by the speed of those that do."""
        if self.ramp is None:
            return self.total
        if not self.ramp.settled:
            self.ramp.told(dict(self.images))
            if self.ramp.settled:
                print(f"{self.replication}: {self.ramp}", flush=True)
        return self.ramp.at_once

    def finished(self, outcome: workers.Outcome) -> None:
        """Counts a run as done."""
        self.done += 1
        name = outcome.run.name
        if name in self.images:
            self.images[name] = (self.images[name][1], self.images[name][1])
        self.bar.update(self.task, completed=self.done)
        if self.bar.disable:
            elapsed = time.monotonic() - self.started
            left = elapsed / self.done * (self.total - self.done)
            what = f"{outcome.seconds:.0f} s" if outcome.facts else _why(outcome)
            print(
                f"[{self.done}/{self.total}] {outcome.run.variant} seed {outcome.run.seed}: {what}; "
                f"{self._speed():.0f} images/s, {_duration(left)} left",
                flush=True,
            )

    def _speed(self) -> float:
        seen = list(self.images.values())  # a copy: another thread adds to it
        return sum(images for images, _ in seen) / (time.monotonic() - self.started)


def _why(outcome: workers.Outcome) -> str:
    return f"diverged at {outcome.diverged}" if outcome.diverged else f"failed: {outcome.failed}"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds > 90 else f"{seconds:.0f} s"

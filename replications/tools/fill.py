"""Spends the minutes of a device on the runs that are worth most: `python -m replications fill --minutes 25`.

Many people have a GPU for minutes: a short queue, the quota of a notebook. This command looks through all studies for
rooms with open claims, whose runs are neither here nor, by today's code, among the results. It trains those first for
which most open claims wait per minute, seed by seed with all variants, so that what is there when the time is up can be
compared in pairs. A finished run is kept at once. One that is cut off has saved its state in the last half minute, as
far as an epoch ended in it, and the same command goes on from there.

`--pack FOLDER` puts each run, when it ends, into archives below 16 MB each and 64 MB in all, for machines that give
back no more. At home, `python -m replications import-runs FOLDER --study STUDY` takes them in.

Exit status: 0 also where the time was up first; 2 where nothing can be trained or a run failed.
"""

import importlib
import io
import math
import os
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from replications import command, evidence, runs, study
from replications.code import code_hash
from replications.errors import ReplicationError
from replications.reporting import report
from replications.results import read_runs, write_bytes
from replications.tools import cost
from replications.training import devices, train, workers

OPEN = ("untestable", "inconclusive")
"""Outcomes of claims that wait for other runs than those that were judged."""
ARCHIVE, ALL = 15_500_000, 63_000_000
"""Bytes of one archive and of all of them: a little less than the 16 and 64 MB that may be carried."""
SAVED, EVERY = "REPLICATIONS_CHECKPOINT_EVERY", "30"
"""Environment variable of training/fitting.py, and seconds after which a run saves its state where an epoch ends."""
PARTS = ("facts.json", "images.npz", "weights.npz")
SPARE = 30
"""Seconds at the end for what is neither trained nor written yet."""


class FillError(ReplicationError):
    """Minutes that cannot be spent."""


@dataclass(frozen=True)
class Gap:
    """Runs of a room that are not here, by seeds, and what is known of their worth and their cost."""

    declared: study.Study
    room: str
    missing: Mapping[int, tuple[str, ...]]
    """Seed → variants that are not here."""
    n_open: int
    """Claims of the room that the study has not decided."""
    lasts: Callable[[int], float]
    """Number of runs → seconds of the clock, as far as such runs have shown; infinite where nobody knows."""

    @property
    def n_runs(self) -> int:
        """Of all seeds."""
        return sum(map(len, self.missing.values()))

    @property
    def worth(self) -> float:
        """Open claims per second of training; where nobody knows how long a run takes, an hour is assumed."""
        seconds = self.lasts(self.n_runs)
        return self.n_open / (seconds if math.isfinite(seconds) else 3600.0 * self.n_runs)

    def __str__(self) -> str:
        seconds = self.lasts(self.n_runs)
        long = f"about {seconds / 60:.0f} min" if math.isfinite(seconds) else "nobody knows how long that takes"
        return f"{self.declared.name}/{self.room}: {self.n_open} open claims, {self.n_runs} runs missing, {long}"


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications fill", description=__doc__)
    parser.add_argument("--minutes", type=float, required=True, help="how long the device is yours, start included")
    parser.add_argument("--study", action="append", metavar="FOLDER", help="look here alone; may be repeated")
    parser.add_argument("--workers", type=int, help="runs at once (default: as many as pay on a GPU, else the cores)")
    parser.add_argument("--pack", type=Path, metavar="FOLDER", help="put finished runs into small archives there")
    parser.add_argument("--dry-run", action="store_true", help="say what would be trained, and train nothing")
    arguments = parser.parse_args(argv)
    started = time.monotonic()
    if not 0 < arguments.minutes < 7 * 24 * 60:
        raise FillError(f"--minutes {arguments.minutes:g}: expected more than 0 and less than a week")
    if arguments.workers is not None and arguments.workers < 1:
        raise FillError(f"--workers {arguments.workers}: expected at least 1; leave it out for as many as pay")
    if arguments.pack and arguments.pack.exists() and not arguments.pack.is_dir():
        raise FillError(f"--pack {arguments.pack}: a file, expected a folder, or a name that is free")
    folders = arguments.study or [folder for folder in study.STUDIES if Path(folder, "params.yaml").exists()]
    n_workers = arguments.workers or train.workers_asked()
    studies = [study.load(folder) for folder in folders]
    left_out: list[str] = []
    found = sorted(gaps(studies, n_workers, left_out), key=lambda gap: -gap.worth)
    for line in (*left_out, *found):
        print(command.printable(str(line)))
    if not found and left_out:
        raise FillError(f"no replication can be trained here: {len(left_out)} were left out; the lines above say why")
    if not found:
        print("nothing to train: every replication has its runs, or has no undecided claim")
    if arguments.dry_run or not found:
        return 0
    os.environ.setdefault(SAVED, EVERY)
    until = started + 60 * arguments.minutes - SPARE
    return fill(found, until, n_workers, arguments.pack)


def gaps(studies: Sequence[study.Study], n_workers: int | None, left_out: list[str]) -> Iterator[Gap]:
    """What is missing in each room that has open claims.

    Args:
        studies: where to look.
        n_workers: how many runs train at a time; None: as many as pay on a GPU, else as there are cores.
        left_out: gets a line for each room that has open claims and cannot be trained here.
    """
    for declared in studies:
        for room in declared.variants:
            n_open = open_claims(declared, room)
            if not n_open:
                continue
            try:
                missing = missing_runs(declared, room)
            except ReplicationError as error:
                left_out.append(f"{declared.name}/{room}: left out: {error}")
                continue
            if missing:
                yield Gap(declared, room, missing, n_open, how_long(declared, room, n_workers))


def open_claims(declared: study.Study, room: str) -> int:
    """How many of a room's claims in a study have no outcome by runs of today's code."""
    verdicts = [one for one in report.read_verdicts(declared.folder) or () if one["replication"] == room]
    known = {claim.id for claim in claims_of(declared, room)}
    decided = {one["id"] for one in verdicts if one["verdict"] not in OPEN}
    earlier = evidence.read(declared.folder).get(room, {}).get("trained")
    return len(known) if earlier else len(known - decided)


def claims_of(declared: study.Study, room: str) -> list:
    """The claims of a room that a study tries."""
    claims = importlib.import_module(f"replications.{room}.claims").CLAIMS
    return [claim for claim in claims if declared.name in claim.studies]


def missing_runs(declared: study.Study, room: str) -> dict[int, tuple[str, ...]]:
    """Seed → variants whose run is neither here nor among the results, by today's code on today's data."""
    wanted = declared.runs(room)
    data = runs.read_arrays(declared, wanted)
    train.check_precision(declared, wanted)
    code, digests = code_hash(room), {name: runs.sha256(content) for name, content in data.items()}
    committed = read_runs(declared.folder, room) if (declared.folder / "results" / room / "runs.csv").exists() else {}
    found: dict[int, list[str]] = {}
    for run in wanted:
        identity = runs.identity(run, code, digests[run.params.dataset])
        row = committed.get((run.variant, run.seed), {})
        expected = {
            "params_sha256": runs.digest(identity["params"]),
            **{name: identity[name] for name in ("code_sha256", "data_sha256")},
        }
        if any(row.get(name) != value for name, value in expected.items()) and not runs.is_finished(
            runs.folder(declared, run), identity
        ):
            found.setdefault(run.seed, []).append(run.variant)
    return {seed: tuple(variants) for seed, variants in found.items()}


def how_long(declared: study.Study, room: str, n_workers: int | None) -> Callable[[int], float]:
    """Number of runs of a room → seconds of the clock; infinite where nothing is known.

    On a GPU by the speeds that were measured on one, where there are some: runs share it, and none has a share of its
    own. Else by how long runs took here, in turns of as many as train at a time.
    """
    on_a_gpu = bool(devices.gpus())
    if on_a_gpu:
        with suppress(cost.CostError, KeyError):
            speed = cost.Speeds.load(declared).of[room]
            images = max(run.params.n_train * run.params.epochs for run in declared.runs(room))
            return lambda n_runs: speed.seconds(n_runs, n_workers or speed.at_once(), images)
    known = train.DurationLog(declared.folder / "logs" / f"{room}.csv").expected
    if not known:
        return lambda n_runs: math.inf
    seconds = sum(known.values()) / len(known)
    at_once = n_workers or (1 if on_a_gpu else workers.CPU_COUNT)  # how many pay on a GPU is found out there
    return lambda n_runs: math.ceil(n_runs / at_once) * seconds


def fill(found: Sequence[Gap], until: float, n_workers: int | None, pack: Path | None) -> int:
    """Trains gap by gap until `time.monotonic()` is `until`. Returns the exit status.

    Raises:
        FillError: runs failed; all others are kept.
    """
    packer, failed, trained = Packer(pack) if pack else None, [], []
    for gap in found:
        if packer:
            packer.add_earlier(gap.declared, gap.room)
        seeds = that_fit(gap, until - time.monotonic())
        if not seeds:
            continue

        def finished(run: study.Run, declared: study.Study = gap.declared) -> None:
            trained.append(run.name)
            if packer:
                packer.add(declared, runs.folder(declared, run))

        variants = sorted({variant for seed in seeds for variant in gap.missing[seed]})
        try:
            train.train(gap.declared, gap.room, n_workers, variants, seeds, until, finished)
        except workers.TimeUpError:
            print(f"{gap.declared.name}/{gap.room}: the time is up; the same command goes on from here")
        except ReplicationError as error:
            failed.append(str(error))
            print(command.printable(f"{gap.declared.name}/{gap.room}: {error}"))
    if packer:
        print(packer)
    print(f"{len(trained)} runs trained; `dvc repro --pull` goes on with them, `import-runs` on another machine")
    if failed:
        raise FillError(f"runs of {len(failed)} replications failed, all others are kept: {failed[0]}")
    return 0


def that_fit(gap: Gap, left: float) -> list[int]:
    """The first seeds whose runs end within so many seconds; all where nobody knows how long a run takes."""
    seeds, n_runs = [], 0
    for seed, variants in gap.missing.items():
        n_runs += len(variants)
        seconds = gap.lasts(n_runs)
        if left <= 0 or (math.isfinite(seconds) and seconds > left):
            break
        seeds.append(seed)
    return seeds


def _names(archive: Path) -> list[str]:
    """The files in an archive; none where it is torn: then its runs are packed again."""
    try:
        with zipfile.ZipFile(archive) as opened:
            return opened.namelist()
    except (OSError, ValueError, zipfile.BadZipFile):
        return []


class Packer:
    """Archives of finished runs, each written anew whenever a run is added, so that a kill loses none."""

    def __init__(self, folder: Path, archive: int = ARCHIVE, all_: int = ALL):
        """Begins after the archives that are there.

        Raises:
            FillError: the folder cannot be made.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FillError(f"--pack {folder}: cannot be made ({error.strerror}); name another") from None
        self.folder, self.archive, self.all = folder, archive, all_
        there = sorted(folder.glob("runs-*.zip"))
        self.written = sum(path.stat().st_size for path in there)
        self.number = max((int(digits) for path in there if (digits := path.stem[5:]).isdecimal()), default=0)
        self.packed = {name.rpartition("/")[0] for path in there for name in _names(path)}
        self.content: list[tuple[str, bytes]] = []
        self.n_runs = 0
        self.left_out: list[str] = []

    def add_earlier(self, declared: study.Study, room: str) -> None:
        """The runs of a room that were finished before, as far as no archive here holds them."""
        for path in sorted((declared.folder / "runs" / room).glob("*/*/facts.json")):
            if not path.parent.name.startswith("."):
                self.add(declared, path.parent)

    def add(self, declared: study.Study, path: Path) -> None:
        """One run; where it does not fit any more, it is left out, and named at the end."""
        name = f"{declared.name}/{path.relative_to(declared.folder).as_posix()}"
        if name in self.packed:
            return
        files = [(part, (path / part).read_bytes()) for part in PARTS if (path / part).exists()]
        size = sum(len(content) for _, content in files)
        if size > self.archive or self.written + self._pending() + size > self.all:
            self.left_out.append(name)
            return
        if self._pending() + size > self.archive:
            self._close()
        self.content += [(f"{name}/{part}", content) for part, content in files]
        self.packed.add(name)
        self.n_runs += 1
        self._write()

    def _pending(self) -> int:
        return sum(len(content) for _, content in self.content)

    def _path(self) -> Path:
        return self.folder / f"runs-{self.number + 1:02d}.zip"

    def _write(self) -> None:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as opened:  # stored: arrays are compressed already
            for name, content in self.content:
                opened.writestr(zipfile.ZipInfo(name), content)
        write_bytes(self._path(), archive.getvalue())

    def _close(self) -> None:
        self.written += self._pending()
        self.number, self.content = self.number + 1, []

    def __str__(self) -> str:
        size = (self.written + self._pending()) / 2**20
        left = f"; left out, for they do not fit: {', '.join(self.left_out)}" if self.left_out else ""
        return f"{self.folder}: {self.n_runs} runs packed, {size:.1f} MB{left}"

"""What a study costs on GPUs, before it is begun: `python -m replications cost --study paper --epochs vq_vae=641`.

Runs that share a GPU take turns on it. With k of them at once, of I images each,

    seconds = start + runs · I / min(k · together / full, together),

where `together` is what the GPU does at most, in images per second, and `full` the number of runs at once that reach
it. `together` is a replication's own; `start` and `full` are common to all. The three are fitted to the trainings that
the study's speeds.yaml lists, by least squares of the logarithm of model over clock. Under `unseen` stands what the
model says of a training when it is fitted to all others: what it is worth for one that nobody has timed. More runs
than fit at once follow in waves, and the start of one hides behind the others' work. GPUs share nothing: each takes an
equal number of runs.

`--slower F` is for another GPU, F times as slow as the measured one when it is full. By memory bandwidth, a GeForce RTX
4090 (1.008 TB/s) would be 4.8 times as slow as an H200 (4.8 TB/s). One run alone need not be slower: it spends much of
its time on starting steps. Nobody has measured this.
"""

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pydantic
from rich.console import Console
from rich.table import Table
from scipy.optimize import least_squares

from replications import command, study
from replications.errors import ReplicationError

FILE = "speeds.yaml"


class CostError(ReplicationError):
    """Speeds that are missing, or a question that they do not answer."""


class _Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Measured(_Strict):
    """One training of several runs, as the clock saw it."""

    runs: int = pydantic.Field(gt=0)
    at_once: int = pydantic.Field(gt=0)
    images: int = pydantic.Field(gt=0)
    """Of each run: pictures times epochs."""
    seconds: float = pydantic.Field(gt=0)


@dataclass(frozen=True)
class Speed:
    """Of one replication on one GPU."""

    start: float
    """Seconds before the first step: imports, data, compilation."""
    alone: float
    """Images per second of a run that has the GPU for itself."""
    together: float
    """Images per second of the GPU, at most."""

    def seconds(self, runs: int, at_once: int, images: int) -> float:
        """Of `runs` on one GPU, of `images` each, `at_once` at a time."""
        k = min(runs, at_once)
        return self.start + runs * images / min(k * self.alone, self.together) if runs else 0.0

    def at_once(self) -> int:
        """How many runs it takes to keep the GPU busy."""
        return max(1, math.ceil(self.together / self.alone))

    def slower(self, factor: float) -> "Speed":
        """On a GPU that is so many times as slow when it is full; a run alone is as fast as long as it can be."""
        together = self.together / factor
        return replace(self, together=together, alone=min(self.alone, together))


class Speeds(_Strict):
    """A study's speeds.yaml."""

    device: str
    measured: dict[str, tuple[Measured, ...]]
    """Replication → its trainings that the clock saw."""

    @classmethod
    def load(cls, declared: study.Study) -> Self:
        """Raises CostError where there is none, or it says something else."""
        path = declared.folder / FILE
        try:
            content = study.unchecked(path)
            rooms = {name: measured for name, measured in content.items() if name != "device"}
            return cls(device=content.get("device"), measured=rooms)
        except FileNotFoundError:
            raise CostError(
                f"{path} is missing, expected the speeds of its replications; of the studies here, paper has one"
            ) from None
        except AttributeError:
            raise CostError(f"{path}: holds no names of replications; expected what paper/{FILE} has") from None
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise CostError(f"{path}: {where} is {first['input']!r}: {first['msg']}; mend it there") from None

    @property
    def of(self) -> dict[str, Speed]:
        """Replication → its speed, by the model that is fitted to all trainings."""
        return fit(self.measured)


def fit(measured: Mapping[str, Sequence[Measured]]) -> dict[str, Speed]:
    """Replication → its speed: least squares of log(model / clock), from several first guesses, the best one taken."""
    rooms = [room for room, trainings in measured.items() if trainings]
    clock = np.log([one.seconds for room in rooms for one in measured[room]])

    def speeds(x: np.ndarray) -> dict[str, Speed]:
        start, full, *together = np.exp(x).tolist()
        return {room: Speed(start, most / full, most) for room, most in zip(rooms, together, strict=True)}

    def residuals(x: np.ndarray) -> np.ndarray:
        speed_of = speeds(x)
        model = [speed_of[room].seconds(one.runs, one.at_once, one.images) for room in rooms for one in measured[room]]
        return np.log(model) - clock

    if not rooms:
        return {}
    fastest = [max(one.runs * one.images / one.seconds for one in measured[room]) for room in rooms]
    lowest = np.log([0.1, 1.0, *(0.1 * most for most in fastest)])
    highest = np.log([600.0, 100.0, *(100 * most for most in fastest)])
    guesses = [np.log([start, full, *(2 * most for most in fastest)]) for start in (5, 20) for full in (1.5, 3, 10)]
    found = [least_squares(residuals, guess, bounds=(lowest, highest)) for guess in guesses]
    return speeds(min(found, key=lambda one: one.cost).x)


def predicted(measured: Mapping[str, Sequence[Measured]], room: str, number: int) -> float | None:
    """Seconds of one training by the model that is fitted to all others; None where its replication has no other."""
    others = {name: [*trainings] for name, trainings in measured.items()}
    one = others[room].pop(number)
    return fit(others)[room].seconds(one.runs, one.at_once, one.images) if others[room] else None


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(
        prog="python -m replications cost", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--study", default="paper", help="the study's folder (default: paper)")
    parser.add_argument("--gpus", type=int, nargs="+", default=[1, 8, 64], help="how many (default: 1 8 64)")
    parser.add_argument("--epochs", nargs="+", default=[], metavar="REPLICATION=N", help="instead of params.yaml's")
    parser.add_argument("--price", type=float, help="of one GPU for an hour, in any currency; without it, hours alone")
    parser.add_argument("--slower", type=float, default=1.0, metavar="F", help="on GPUs F times as slow when full")
    parser.add_argument("--json", action="store_true", help="print JSON: replication → GPUs → hours")
    arguments = parser.parse_args(argv)
    if min(arguments.gpus) < 1:
        raise CostError(f"--gpus {min(arguments.gpus)}: expected at least 1; leave it out for 1, 8 and 64")
    if arguments.price is not None and not 0 <= arguments.price < math.inf:
        raise CostError(
            f"--price {arguments.price}: expected what an hour of one GPU costs, 0 or more; leave it out for hours"
        )
    if not 0 < arguments.slower < math.inf:
        raise CostError(f"--slower {arguments.slower}: expected a factor above 0; leave it out for the measured GPU")
    declared = study.load(arguments.study)
    speeds, epochs = Speeds.load(declared), epochs_of(declared, arguments.epochs)
    of = {room: speed.slower(arguments.slower) for room, speed in speeds.of.items()}
    by_room = hours_by_room(declared, of, epochs, arguments.gpus)
    if arguments.json:
        print(json.dumps(by_room, indent=1))
        return 0
    device = speeds.device if arguments.slower == 1 else f"GPU {arguments.slower:g} times as slow as {speeds.device}"
    console = Console()
    console.print(checked(speeds))
    console.print(estimated(declared, by_room, epochs, arguments.gpus, device, arguments.price))
    return 0


def epochs_of(declared: study.Study, words: list[str]) -> dict[str, int]:
    """`vq_vae=641` → {vq_vae: 641}."""
    found = {}
    for word in words:
        room, _, number = word.partition("=")
        if room not in declared.variants or not number.isdecimal() or int(number) < 1:
            raise CostError(
                f"--epochs {word}: expected REPLICATION=N, a replication of {declared.params_file} and a number from 1 "
                f"on, like {next(iter(declared.variants))}=200"
            )
        found[room] = int(number)
    return found


def checked(speeds: Speeds) -> Table:
    """What the model says, and what it says of a training that it was not fitted to, beside what was measured."""
    first = next(iter(speeds.of.values()), None)
    about = f"start {first.start:.0f} s, full with {first.together / first.alone:.1f} runs" if first else "nothing"
    table = Table(title=f"Modelled and measured times on one {speeds.device}: {about}")
    for name in ("replication", "runs", "at once", "images each", "measured", "modelled", "off by", "unseen"):
        table.add_column(name, justify="left" if name == "replication" else "right")
    table.add_column("off by", justify="right")
    of = speeds.of
    for room, trainings in speeds.measured.items():
        for number, one in enumerate(trainings):
            model, blind = of[room].seconds(one.runs, one.at_once, one.images), predicted(speeds.measured, room, number)
            table.add_row(
                *(room, str(one.runs), str(one.at_once), f"{one.images:,}", f"{one.seconds:.0f} s"),
                *(f"{model:.0f} s", off(model, one), f"{blind:.0f} s" if blind else "–", off(blind, one)),
            )
    return table


def off(model: float | None, one: Measured) -> str:
    """By how much of the clock; a dash where there is no model."""
    return f"{100 * (model / one.seconds - 1):+.0f} %" if model else "–"


def estimated(
    declared: study.Study,
    by_room: Mapping[str, Mapping[int, float]],
    epochs: dict[str, int],
    gpus: list[int],
    device: str,
    price: float | None,
) -> Table:
    """Hours from the first run's start to the last one's end, and the hours of all GPUs meanwhile."""
    totals = {n: sum(hours[n] for hours in by_room.values()) for n in gpus}
    table = Table(title=f"{declared.params_file}, on {device}", caption=", ".join(_runs_in_words(declared, epochs)))
    table.add_column("replication")
    for n in gpus:
        table.add_column(f"{n} GPU{'s' * (n > 1)}", justify="right")
    for room, hours in by_room.items():
        table.add_row(room, *(f"{hours[n]:.2f} h" for n in gpus))
    table.add_section()
    table.add_row("all, one after the other", *(f"{totals[n]:.2f} h" for n in gpus))
    table.add_row("hours of GPUs", *(f"{n * totals[n]:.1f} h" for n in gpus))
    if price is not None:
        table.add_row(f"at {price:g} an hour", *(f"{n * totals[n] * price:,.0f}" for n in gpus))
    return table


def hours_by_room(
    declared: study.Study, speed_of: Mapping[str, Speed], epochs: dict[str, int], gpus: list[int]
) -> dict[str, dict[int, float]]:
    """Replication → how many GPUs → hours. Raises CostError where a speed is missing."""
    found = {}
    for room in declared.variants:
        if room not in speed_of:
            raise CostError(f"{declared.folder / FILE}: {room} is missing, which the study trains; measure and add it")
        found[room] = {n: hours_of(declared, room, speed_of[room], epochs.get(room), n) for n in gpus}
    return found


def hours_of(declared: study.Study, room: str, speed: Speed, epochs: int | None, gpus: int) -> float:
    """Until the GPU with the most to do is done: it takes ⌈runs / GPUs⌉ of the longest."""
    runs = declared.runs(room)
    each = [run.params.n_train * (epochs or run.params.epochs) for run in runs]
    share = math.ceil(len(runs) / gpus)
    return speed.seconds(share, speed.at_once(), max(each)) / 3600


def _runs_in_words(declared: study.Study, epochs: dict[str, int]) -> list[str]:
    lines = []
    for room, variants in declared.variants.items():
        lengths = sorted({epochs.get(room, params.epochs) for params in variants.values()})
        lines.append(f"{room}: {len(declared.runs(room))} runs of {' or '.join(map(str, lengths))} epochs")
    return lines

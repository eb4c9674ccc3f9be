"""What a study costs on GPUs, before it is begun: `python -m replications cost --study paper --epochs vq_vae=641`.

Runs that share a GPU take turns on it. With k of them at once, of I images each,

    seconds = start + k I / min(k · alone, together),

where `alone` is the speed of one run and `together` what the GPU does at most, in images per second; both stand, with
the trainings that they were read off, in the study's speeds.yaml. More runs than fit at once follow in waves, and the
start of one hides behind the others' work. GPUs share nothing: each takes an equal number of runs.
"""

import argparse
import json
import math
from typing import Self

import pydantic
from rich.console import Console
from rich.table import Table
from ruamel.yaml import YAML, YAMLError

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


class Speed(_Strict):
    """Of one replication on one GPU."""

    start: float = pydantic.Field(ge=0)
    """Seconds before the first step: imports, data, compilation."""
    alone: float = pydantic.Field(gt=0)
    """Images per second of a run that has the GPU for itself."""
    together: float = pydantic.Field(gt=0)
    """Images per second of the GPU, at most."""
    measured: tuple[Measured, ...] = ()

    @pydantic.model_validator(mode="after")
    def _possible(self) -> Self:
        if self.alone > self.together:
            raise ValueError(
                f"alone = {self.alone:g} is more than together = {self.together:g}, what the GPU does at most"
            )
        return self

    def seconds(self, runs: int, at_once: int, images: int) -> float:
        """Of `runs` on one GPU, of `images` each, `at_once` at a time."""
        k = min(runs, at_once)
        return self.start + runs * images / min(k * self.alone, self.together) if runs else 0.0

    def at_once(self) -> int:
        """How many runs it takes to keep the GPU busy."""
        return max(1, math.ceil(self.together / self.alone))


class Speeds(_Strict):
    """A study's speeds.yaml."""

    device: str
    of: dict[str, Speed]

    @classmethod
    def load(cls, declared: study.Study) -> Self:
        """Raises CostError where there is none, or it says something else."""
        path = declared.folder / FILE
        try:
            content = YAML(typ="safe", pure=True).load(path)
            rooms = {name: speed for name, speed in content.items() if name != "device"}
            return cls(device=content.get("device"), of=rooms)
        except FileNotFoundError:
            raise CostError(
                f"{path} is missing, expected the speeds of its replications; of the studies here, paper has one"
            ) from None
        except (YAMLError, AttributeError, UnicodeDecodeError) as error:
            raise CostError(f"{path}: {' '.join(str(error).split())}; expected YAML as in paper/{FILE}") from None
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise CostError(f"{path}: {where} is {first['input']!r}: {first['msg']}; mend it there") from None


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(
        prog="python -m replications cost", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--study", default="paper", help="the study's folder (default: paper)")
    parser.add_argument("--gpus", type=int, nargs="+", default=[1, 8, 64], help="how many (default: 1 8 64)")
    parser.add_argument("--epochs", nargs="+", default=[], metavar="REPLICATION=N", help="instead of params.yaml's")
    parser.add_argument("--price", type=float, help="of one GPU for an hour, in any currency; without it, hours alone")
    parser.add_argument("--json", action="store_true", help="print JSON: replication → GPUs → hours")
    arguments = parser.parse_args(argv)
    if min(arguments.gpus) < 1:
        raise CostError(f"--gpus {min(arguments.gpus)}: expected at least 1; leave it out for 1, 8 and 64")
    if arguments.price is not None and not 0 <= arguments.price < math.inf:
        raise CostError(
            f"--price {arguments.price}: expected what an hour of one GPU costs, 0 or more; leave it out for hours"
        )
    declared = study.load(arguments.study)
    speeds, epochs = Speeds.load(declared), epochs_of(declared, arguments.epochs)
    if arguments.json:
        print(json.dumps(hours_by_room(declared, speeds, epochs, arguments.gpus), indent=1))
        return 0
    console = Console()
    console.print(checked(speeds))
    console.print(estimated(declared, speeds, epochs, arguments.gpus, arguments.price))
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
    """What the model predicts, beside what was measured."""
    table = Table(title=f"The model beside what was measured, one {speeds.device}")
    for name in ("replication", "runs", "at once", "images each", "measured", "model", "off by"):
        table.add_column(name, justify="left" if name == "replication" else "right")
    for room, speed in speeds.of.items():
        for one in speed.measured:
            model = speed.seconds(one.runs, one.at_once, one.images)
            off = f"{100 * (model / one.seconds - 1):+.0f} %"
            table.add_row(
                room, str(one.runs), str(one.at_once), f"{one.images:,}", f"{one.seconds:.0f} s", f"{model:.0f} s", off
            )
    return table


def estimated(
    declared: study.Study, speeds: Speeds, epochs: dict[str, int], gpus: list[int], price: float | None
) -> Table:
    """Hours from the first run's start to the last one's end, and the hours of all GPUs meanwhile."""
    by_room = hours_by_room(declared, speeds, epochs, gpus)
    totals = {n: sum(hours[n] for hours in by_room.values()) for n in gpus}
    table = Table(title=f"{declared.params_file}, on GPUs like that", caption=", ".join(_said(declared, epochs)))
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
    declared: study.Study, speeds: Speeds, epochs: dict[str, int], gpus: list[int]
) -> dict[str, dict[int, float]]:
    """Replication → how many GPUs → hours. Raises CostError where a speed is missing."""
    found = {}
    for room in declared.variants:
        if room not in speeds.of:
            raise CostError(f"{declared.folder / FILE}: {room} is missing, which the study trains; measure and add it")
        found[room] = {n: hours_of(declared, room, speeds.of[room], epochs.get(room), n) for n in gpus}
    return found


def hours_of(declared: study.Study, room: str, speed: Speed, epochs: int | None, gpus: int) -> float:
    """Until the GPU with the most to do is done: it takes ⌈runs / GPUs⌉ of the longest."""
    runs = declared.runs(room)
    each = [run.params.n_train * (epochs or run.params.epochs) for run in runs]
    share = math.ceil(len(runs) / gpus)
    return speed.seconds(share, speed.at_once(), max(each)) / 3600


def _said(declared: study.Study, epochs: dict[str, int]) -> list[str]:
    lines = []
    for room, variants in declared.variants.items():
        lengths = sorted({epochs.get(room, params.epochs) for params in variants.values()})
        lines.append(f"{room}: {len(declared.runs(room))} runs of {' or '.join(map(str, lengths))} epochs")
    return lines

"""The GPUs of this machine, and how many runs they train at once: measured while they train, not guessed.

    make repro GPU=1

One run leaves most of a GPU idle: its steps are short, and Python starts each of them. So several runs share a GPU,
each in a process of its own. `Ramp` begins with one run on each GPU, looks at how many images a second all of them
train, and doubles their number as long as that pays and the memory has room. Which GPU a run is on, and beside which
others, changes no byte of it where kernels add in a fixed order, which the suite asks for.
"""

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import NamedTuple

from replications.environment import BACKENDS
from replications.errors import ReplicationError

QUERY = ("nvidia-smi", "--query-gpu=index,name,memory.used,memory.total", "--format=csv,noheader,nounits")
PACKAGES = {"jax": ("jax_cuda13_plugin", "jax_cuda12_plugin"), "tensorflow": ("nvidia",), "torch": ("nvidia",)}
"""Backend → packages with which it computes on a GPU; one of them is enough."""
WINDOW = 20.0
"""Seconds over which the speed of a number of runs is measured, after the last of them has begun."""
WORTH, KEPT = 1.15, 1.03
"""So many times as many images a second are worth doubling the runs once more, and keeping what was doubled."""
FULL = 0.85
"""Share of a GPU's memory that runs may fill: a run takes most when it is compiled, which is before it is measured."""


class DeviceError(ReplicationError):
    """A GPU that is asked for and is not there."""


class Gpu(NamedTuple):
    """A GPU as its driver shows it, memory in MiB."""

    number: str
    """As CUDA_VISIBLE_DEVICES has it."""
    name: str
    used: int
    total: int


def gpus() -> tuple[Gpu, ...]:
    """The NVIDIA GPUs that this process may use; none where the driver's `nvidia-smi` is missing or fails."""
    if not shutil.which(QUERY[0]):
        return ()
    try:
        done = subprocess.run(QUERY, capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    wanted = None if visible is None else [one.strip() for one in visible.split(",")]
    found = (_parsed(line) for line in done.stdout.splitlines() if done.returncode == 0)
    return tuple(gpu for gpu in found if gpu and (wanted is None or gpu.number in wanted))


def _parsed(line: str) -> Gpu | None:
    """One line of `nvidia-smi`; None where it says no numbers: a part of a GPU (MIG) has no memory of its own there."""
    number, _, rest = line.partition(",")
    name, _, memory = rest.strip().rpartition(",")
    name, _, used = name.rpartition(",")
    try:
        return Gpu(number.strip(), name.strip(), int(used), int(memory))
    except ValueError:
        return None


def computes_on_gpus(backend: str) -> bool:
    """Whether the packages are installed with which a backend computes on a GPU; none of them is imported."""
    if backend == "jax" and os.environ.get("JAX_PLATFORMS", "cuda") == "cpu":
        return False
    return any(find_spec(name) for name in PACKAGES.get(backend, ()))


def advice(backend: str, found: Sequence[Gpu]) -> str:
    """A line for people whose GPU is idle; empty where there is none, or where it is used."""
    if not found or computes_on_gpus(backend):
        return ""
    return f"{found[0].name} is idle: KERAS_BACKEND={backend} has no packages for it; `make repro GPU=1` trains on it"


def check(found: Sequence[Gpu], backend: str) -> None:
    """Raises DeviceError where a GPU is asked for and none can be used."""
    if not found:
        raise DeviceError(
            "no GPU: expected one that nvidia-smi lists; install NVIDIA's driver, or leave GPU=1 out to train on "
            "processors"
        )
    if backend not in BACKENDS or not computes_on_gpus(backend):
        raise DeviceError(
            f"KERAS_BACKEND={backend}: expected a backend with packages for a GPU; install requirements-gpu.lock and "
            "set KERAS_BACKEND=jax"
        )


class Ramp:
    """How many runs train at once: doubled as long as that pays.

    It is told the images seen so far, run by run, and decides by the speed of all together. Time is a parameter, and so
    is memory, so that a test needs neither.
    """

    def __init__(
        self,
        n_gpus: int,
        most: int,
        now: Callable[[], float],
        memory: Callable[[], float],
        window: float = WINDOW,
    ):
        """Begins with a run on each GPU.

        Args:
            n_gpus: how many.
            most: of runs at once: as many as the processor has cores to start their steps.
            now: seconds, of any beginning.
            memory: share of the fullest GPU's memory that is used.
            window: seconds over which a speed is measured.
        """
        self.at_once, self.most = min(n_gpus, most), most
        self._fewer = 0
        self.speeds: dict[int, float] = {}
        """Number of runs at once → images per second of all together."""
        self.settled = self.at_once >= most
        self.why = "as many as the processor has cores" if self.settled else ""
        self._now, self._memory, self._window = now, memory, window
        self._begun: tuple[float, int] | None = None

    def told(self, seen: Mapping[str, tuple[int, int]]) -> None:
        """Images seen and images in all of each run so far, finished ones too; each call may raise `at_once`."""
        if self.settled:
            return
        training = [name for name, (images, total) in seen.items() if 0 < images < total]
        if len(training) < self.at_once:  # some are still compiled, or runs are running out: no speed of so many
            self._begun = None
            return
        total = sum(images for images, _ in seen.values())
        if self._begun is None:
            self._begun = (self._now(), total)
            return
        started, before = self._begun
        if (seconds := self._now() - started) < self._window:
            return
        self._begun = None
        self.speeds[self.at_once] = (total - before) / seconds
        self._decide()

    def _decide(self) -> None:
        speed, before = self.speeds[self.at_once], self.speeds.get(self._fewer)
        if before and speed < WORTH * before:
            self._settle(f"{self.at_once} train {speed / before:.2f} times as many images as {self._fewer}")
            self.at_once = self._fewer if speed < KEPT * before else self.at_once
        elif self._memory() * 2 > FULL:
            self._settle(f"{100 * self._memory():.0f} % of the memory is used")
        elif self.at_once == self.most:
            self._settle("as many as the processor has cores")
        else:
            self._fewer, self.at_once = self.at_once, min(2 * self.at_once, self.most)

    def _settle(self, why: str) -> None:
        self.settled, self.why = True, why

    def __str__(self) -> str:
        measured = ", ".join(f"{n} at once {speed:.0f} images/s" for n, speed in self.speeds.items())
        return f"{self.at_once} runs at once ({measured or 'not measured'}; {self.why or 'still measured'})"


def least_busy(numbers: Sequence[str], busy: Sequence[str]) -> str:
    """The GPU with the fewest runs, the first of several; empty where there is none.

    Args:
        numbers: all GPUs.
        busy: the GPU of each run under way.
    """
    counts = Counter(busy)
    return min(numbers, key=lambda number: counts[number], default="")


def memory_used() -> float:
    """Share of the fullest GPU's memory that is used, by anybody; 0 where nobody says so."""
    return max((gpu.used / gpu.total for gpu in gpus() if gpu.total), default=0.0)

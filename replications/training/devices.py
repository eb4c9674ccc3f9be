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

from replications.errors import ReplicationError

QUERY = ("nvidia-smi", "--query-gpu=index,uuid,name,memory.used,memory.total", "--format=csv,noheader,nounits")
PACKAGES = {"jax": ("jax_cuda13_plugin", "jax_cuda12_plugin"), "tensorflow": ("nvidia",), "torch": ("nvidia",)}
"""Backend → packages with which it computes on a GPU; one of them is enough."""
WINDOW = 20.0
"""Seconds for which so many runs have to train, on end or in pieces, until their speed is known."""
WORTH = 1.15
"""Runs are doubled once more where the last doubling trained at least so many times as many images a second."""
KEPT = 1.03
"""The last doubling is kept where it trained at least so many times as many, and else taken back."""
FULL = 0.85
"""Share of a GPU's memory that runs may fill: a run takes most when it is compiled, which is before it is measured."""


class DeviceError(ReplicationError):
    """A GPU that is there and on which nothing trains."""


class Gpu(NamedTuple):
    """A GPU as its driver shows it, memory in MiB; 0 where it does not say, as for a part of a GPU (MIG)."""

    number: str
    """As CUDA_VISIBLE_DEVICES may have it."""
    uuid: str
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
    lines = done.stdout.splitlines() if done.returncode == 0 else []
    listed = [gpu for line in lines if (gpu := _parsed(line))]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None or not listed:
        return tuple(listed)
    wanted = [one.strip() for one in visible.split(",") if one.strip() not in ("", "-1", "NoDevFiles")]
    return tuple(_named(one, listed) for one in wanted)


def _named(name: str, listed: Sequence[Gpu]) -> Gpu:
    """The GPU of a number or of the beginning of a UUID; a part of a GPU is not listed, and is taken as it is named."""
    for gpu in listed:
        if name == gpu.number or gpu.uuid.startswith(name):
            return gpu._replace(number=name)
    return Gpu(name, name, listed[0].name, 0, 0)


def _parsed(line: str) -> Gpu | None:
    """One line of `nvidia-smi`; None where it is none."""
    parts = [part.strip() for part in line.split(",")]
    if len(parts) < 5 or not parts[0].isdecimal():
        return None
    number, uuid, *name, used, total = parts
    memory = [int(one) if one.isdecimal() else 0 for one in (used, total)]
    return Gpu(number, uuid, ", ".join(name), *memory)


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


def check(found: Sequence[Gpu], trained_on: str) -> None:
    """Whether a run that should be on a GPU was: a backend that cannot use the driver falls back without a word.

    Args:
        found: the GPUs on which runs should train.
        trained_on: the device that a run's environment names.

    Raises:
        DeviceError: it was on a processor.
    """
    if trained_on.lower() == "cpu":
        raise DeviceError(
            f"{found[0].name} is there, and runs train on the processor: expected a driver that is new enough for the "
            "installed CUDA packages; update it, or set CUDA_VISIBLE_DEVICES= to train on the processor"
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
        self._last: tuple[float, int] | None = None
        self._seconds, self._images = 0.0, 0

    def told(self, seen: Mapping[str, tuple[int, int]]) -> None:
        """Images seen and images in all of each run so far, finished ones too; each call may raise `at_once`."""
        if self.settled:
            return
        n_training = sum(0 < images < total for images, total in seen.values())
        if n_training < self.at_once:  # some are still compiled, or have ended: this is no speed of so many
            self._last = None
            return
        now, images = self._now(), sum(images for images, _ in seen.values())
        if self._last:
            self._seconds += now - self._last[0]
            self._images += images - self._last[1]
        self._last = now, images
        if self._seconds >= self._window:
            self.speeds[self.at_once] = self._images / self._seconds
            self._last, self._seconds, self._images = None, 0.0, 0
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

"""GPUs without a GPU: what the driver's tool says, who may use one, and how many runs one trains at once."""

from collections.abc import Callable

import pytest

from replications.training import devices
from replications.training.devices import DeviceError, Gpu, Ramp

H200 = Gpu("0", "GPU-aa11", "NVIDIA H200", 512, 143771)
LISTED = "0, GPU-aa11, NVIDIA H200, 512, 143771"


@pytest.fixture
def driver(tmp_path, monkeypatch) -> Callable[[str], None]:
    """A tool of this name that answers as it is told to."""

    def answers(text: str, status: int = 0) -> None:
        tool = tmp_path / "nvidia-smi"
        tool.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\nexit {status}\n", encoding="utf-8")
        tool.chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return answers


def test_the_gpus_are_those_that_the_driver_lists(driver, monkeypatch):
    driver(f"{LISTED}\n1, GPU-bb22, NVIDIA A, B, 0, 143771")
    assert devices.gpus() == (H200, Gpu("1", "GPU-bb22", "NVIDIA A, B", 0, 143771))
    assert devices.memory_used() == pytest.approx(512 / 143771)
    for visible, numbers in {"1": ["1"], "": [], "-1": [], "1,0": ["1", "0"], "GPU-bb": ["GPU-bb"]}.items():
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
        assert [gpu.number for gpu in devices.gpus()] == numbers
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-77")
    assert devices.gpus() == (Gpu("MIG-77", "MIG-77", "NVIDIA H200", 0, 0),), "a part of a GPU is a GPU"


def test_a_gpu_whose_memory_is_not_said_is_one(driver):
    driver("0, GPU-aa11, NVIDIA H200, [N/A], [N/A]")
    assert devices.gpus() == (Gpu("0", "GPU-aa11", "NVIDIA H200", 0, 0),)
    assert devices.memory_used() == 0


@pytest.mark.parametrize("text", ["", "No devices were found", "a,b", ",,,,", "x, GPU-aa11, NVIDIA H200, 1, 2"])
def test_what_lists_no_gpu_is_none(driver, text):
    driver(text)
    assert devices.gpus() == ()


def test_a_driver_that_fails_and_one_that_is_missing_are_no_gpu(driver, monkeypatch):
    driver(LISTED, 9)
    assert devices.gpus() == ()
    monkeypatch.setenv("PATH", "/nowhere")
    assert devices.gpus() == ()
    assert devices.memory_used() == 0


def test_an_idle_gpu_is_named(monkeypatch):
    monkeypatch.setattr(devices, "find_spec", lambda name: None)
    assert devices.advice("tensorflow", ()) == ""
    assert "NVIDIA H200 is idle: KERAS_BACKEND=tensorflow has no packages for it; `make repro GPU=1`" in devices.advice(
        "tensorflow", (H200,)
    )
    monkeypatch.setattr(devices, "find_spec", lambda name: object())
    assert devices.advice("jax", (H200,)) == ""
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    assert not devices.computes_on_gpus("jax")


def test_runs_that_fall_back_to_the_processor_end_the_command():
    devices.check((H200,), "NVIDIA H200")
    with pytest.raises(DeviceError, match="NVIDIA H200 is there, and runs train on the processor: expected a driver"):
        devices.check((H200,), "cpu")


def ramped(speed: Callable[[int], float], most: int = 16, memory: Callable[[int], float] = lambda n: 0.02 * n) -> Ramp:
    """A ramp that has seen runs train, so many images a second where so many train at once, until it has settled.

    The clock goes on by a second; each run begins five seconds after it may, as it is compiled first.
    """
    clock, images, born = 0.0, {}, {}
    ramp = Ramp(1, most, lambda: clock, lambda: memory(ramp.at_once))
    while not ramp.settled and clock < 2000:
        clock += 1
        while len(born) < ramp.at_once:
            born[f"run {len(born)}"] = clock
        alive = [name for name, begun in born.items() if clock >= begun + 5]
        for name in alive:
            images[name] = images.get(name, 0) + speed(len(alive)) / len(alive)
        ramp.told({name: (int(seen), 10**9) for name, seen in images.items()})
    return ramp


def test_runs_are_doubled_as_long_as_that_pays():
    ramp = ramped(lambda n: 360 * min(n, 3.5))
    assert ramp.at_once == 4, "eight train no more images than four"
    assert [round(speed, -1) for speed in ramp.speeds.values()] == [360, 720, 1260, 1260]
    assert str(ramp) == (
        "4 runs at once (1 at once 360 images/s, 2 at once 720 images/s, 4 at once 1260 images/s, 8 at once 1260 "
        "images/s; 8 train 1.00 times as many images as 4)"
    )


def test_more_than_pay_are_taken_back_and_a_little_gain_is_kept():
    assert ramped(lambda n: 100 * n if n <= 2 else 150).at_once == 2
    assert ramped(lambda n: 100 * n if n <= 2 else 210).at_once == 4


def test_neither_memory_nor_the_processor_is_overrun():
    full = ramped(lambda n: 100 * n, memory=lambda n: 0.12 * n)
    assert full.at_once == 4, "eight would take 0.96 of the memory"
    assert "48 % of the memory is used" in str(full)
    many = ramped(lambda n: 100 * n, most=6)
    assert many.at_once == 6
    assert "cores" in str(many)
    assert Ramp(2, 1, lambda: 0.0, lambda: 0.0).settled, "one core starts the steps of one run"


def test_a_speed_is_that_of_so_many_runs_alone():
    """Runs that are still compiled, or that have ended, say nothing."""
    ramp = Ramp(2, 8, lambda: clock, lambda: 0.0, window=10)
    for clock in range(40):
        ramp.told({"a": (10 * clock, 10**6), "b": (0, 10**6)})
    assert ramp.speeds == {}
    for clock in range(40, 80):
        ramp.told({"a": (10**6, 10**6), "b": (10 * clock, 10**6)})
    assert ramp.speeds == {}
    assert ramp.at_once == 2


def test_short_runs_are_measured_in_pieces():
    """Sixteen seconds of training after fourteen of start: no twenty seconds on end with so many of them."""
    clock, born, seen, ended = 0, {}, {}, 0
    ramp = Ramp(1, 16, lambda: clock, lambda: 0.01)
    while not ramp.settled and clock < 3000:
        clock += 1
        while len(born) < ramp.at_once:
            born[f"run {ended + len(born)}"] = clock
        for name, begun in list(born.items()):
            seconds = clock - begun - 14
            seen[name] = (max(0, min(seconds * 1000, 16_000)), 16_000)
            if seconds >= 16:
                ended += 1
                del born[name]
        ramp.told(dict(seen))
    assert ramp.at_once == 16
    assert set(ramp.speeds) == {1, 2, 4, 8, 16}
    assert all(speed == pytest.approx(1000 * n, rel=0.1) for n, speed in ramp.speeds.items())


def test_the_least_busy_gpu_is_the_first_of_those_with_the_fewest_runs():
    assert devices.least_busy(("0", "1", "2"), ()) == "0"
    assert devices.least_busy(("0", "1", "2"), ("0", "1", "0")) == "2"
    assert devices.least_busy((), ()) == ""

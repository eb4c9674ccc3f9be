"""GPUs without a GPU: what the driver's tool says, who may use one, and how many runs one trains at once."""

from collections.abc import Callable

import pytest

from replications.training import devices
from replications.training.devices import DeviceError, Gpu, Ramp

H200 = Gpu("0", "NVIDIA H200", 512, 143771)


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
    driver("0, NVIDIA H200, 512, 143771\n1, NVIDIA H200, 0, 143771")
    assert devices.gpus() == (H200, Gpu("1", "NVIDIA H200", 0, 143771))
    assert devices.memory_used() == pytest.approx(512 / 143771)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert [gpu.number for gpu in devices.gpus()] == ["1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert devices.gpus() == ()


@pytest.mark.parametrize("text", ["", "No devices were found", "0, NVIDIA H200 MIG, [N/A], [N/A]", "a,b", ",,,,"])
def test_what_lists_no_gpu_is_none(driver, text):
    driver(text)
    assert devices.gpus() == ()


def test_a_driver_that_fails_and_one_that_is_missing_are_no_gpu(driver, monkeypatch):
    driver("0, NVIDIA H200, 512, 143771", 9)
    assert devices.gpus() == ()
    monkeypatch.setenv("PATH", "/nowhere")
    assert devices.gpus() == ()
    assert devices.memory_used() == 0


def test_an_idle_gpu_is_named_and_one_that_cannot_be_used_ends_the_command(monkeypatch):
    monkeypatch.setattr(devices, "find_spec", lambda name: None)
    assert devices.advice("tensorflow", ()) == ""
    assert "NVIDIA H200 is idle: KERAS_BACKEND=tensorflow has no packages for it; `make repro GPU=1`" in devices.advice(
        "tensorflow", (H200,)
    )
    with pytest.raises(DeviceError, match="no GPU: expected one that nvidia-smi lists"):
        devices.check((), "jax")
    with pytest.raises(DeviceError, match=r"KERAS_BACKEND=jax: expected .*requirements-gpu.lock"):
        devices.check((H200,), "jax")
    monkeypatch.setattr(devices, "find_spec", lambda name: object())
    devices.check((H200,), "jax")
    assert devices.advice("jax", (H200,)) == ""
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    assert not devices.computes_on_gpus("jax")


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


def test_the_least_busy_gpu_is_the_first_of_those_with_the_fewest_runs():
    assert devices.least_busy(("0", "1", "2"), ()) == "0"
    assert devices.least_busy(("0", "1", "2"), ("0", "1", "0")) == "2"
    assert devices.least_busy((), ()) == ""

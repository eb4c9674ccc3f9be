"""What surrounds an import of Keras: its kernels, its memory, its silence."""

import os
import subprocess
import sys

import pytest

from replications import environment
from replications.environment import ONE_THREAD, kernels
from tests import tiny

CPUINFO = "processor\t: 0\nmodel name\t: AMD EPYC\nflags\t\t: fpu sse4_2 avx avx2{more}\n"


@pytest.fixture
def cpuinfo(tmp_path, monkeypatch):
    """Writes what Linux says of its processor."""

    def write(more: str) -> None:
        (tmp_path / "cpuinfo").write_text(CPUINFO.format(more=more))
        monkeypatch.setattr(environment, "Path", lambda path: tmp_path / "cpuinfo")

    return write


def test_two_processors_of_one_name_may_differ(cpuinfo):
    seen = []
    for more in ("", " avx512f", " avx512f avx512_vnni"):
        cpuinfo(more)
        seen.append(kernels("tensorflow")["instructions"])
    assert seen == ["avx2", "avx512f", "avx512_vnni"]


def test_a_processor_that_says_nothing_is_unknown(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "Path", lambda path: tmp_path / "not there")
    assert kernels("tensorflow")["instructions"] == "unknown"


def test_kernels_say_whether_onednn_is_on_and_how_wide(monkeypatch):
    for key, value in ONE_THREAD.items():
        monkeypatch.setenv(key, value)
    assert kernels("tensorflow")["onednn"] == "avx2"
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA")
    assert kernels("tensorflow")["onednn"] == "any"
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert kernels("tensorflow")["onednn"] == "off"


FAULTS = """
import resource, sys
import numpy as np
from replications.environment import keep_memory
if sys.argv[1] == "keep":
    keep_memory()


def step():
    tensors = [np.ones(2**19) for _ in range(16)]
    del tensors


step()  # the first one has to take its memory from the system
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux" or os.confstr("CS_GNU_LIBC_VERSION") is None, reason="glibc's alone")
def test_memory_that_is_freed_stays_with_the_process():
    def page_faults(how: str) -> int:
        done = subprocess.run(
            [sys.executable, "-c", FAULTS, how], env=tiny.environment(), capture_output=True, text=True, check=True
        )
        return int(done.stdout)

    assert page_faults("keep") < page_faults("leave") / 10

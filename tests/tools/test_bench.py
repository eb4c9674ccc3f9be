"""The benchmark's own arithmetic: what is counted, and that it counts every replication."""

import importlib
import importlib.util
import json
import re

import keras
import pytest
from keras import layers

from replications import study
from replications.tools import bench
from replications.trust.chain import environment_now
from tests import tiny

SECONDS = {"imports": 1.0, "start": 2.0, "training": 3.0, "after": 4.0, "measuring": 5.0}


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (layers.Conv2D(8, 4, 2, "same"), (32, 32, 3), 16 * 16 * 4 * 4 * 3 * 8),
        (layers.Conv2DTranspose(3, 4, 2, "same"), (16, 16, 8), 16 * 16 * 4 * 4 * 8 * 3),
        (layers.Dense(5), (7,), 7 * 5),
    ],
    ids=["convolution", "transposed", "dense"],
)
def test_multiplications_of_a_layer(layer, shape, expected):
    picture = keras.Input(shape)
    assert bench.macs(keras.Model(picture, layers.ReLU()(layer(picture)))) == [expected]


def test_every_replication_is_counted():
    declared = study.load(".")
    for room in study.REPLICATIONS:
        of_room = importlib.import_module(f"replications.{room}.measures")
        assert of_room.TIMED in declared.variants_of(room)
        assert all(0 <= spared <= passes for passes, spared in of_room.PASSES.values())
    assert set(bench.REFERENCES) <= set(study.REPLICATIONS)


def test_the_page_shows_what_was_found():
    one = {"images_per_second": 123.4, "seconds": SECONDS, "gflops": 5.0, "gflops_matmul": 50.0, "peak_gb": 0.5}
    one["seconds_per_verdict"] = 77.0
    page = bench._PAGE.render(
        date="2026-01-31",
        machine="a machine",
        cores=2,
        repetitions=3,
        n_steps=100,
        replications={"pix2pix": one},
        steps={"pix2pix": {"convolutions": 0.8, "other": 0.05, "rest": 0.15}},
        instructions={"pix2pix": {"AVX2": 100.0, "widest": 130.0}},
        workers={"pix2pix": {"one": 10.0, "all": 19.0, "efficiency": 0.95}},
        backends={"pix2pix": {"TensorFlow": 10.0, "JAX, compiled": 12.5}},
        torch={
            "pix2pix": {
                "ours": 19.0,
                "ours_widest": 22.8,
                "torch_one_thread": 9.0,
                "torch_all_threads": 9.5,
                "ratio": 2.0,
                "ratio_widest": 2.4,
            }
        },
    )
    assert "| pix2pix | 123.4 | 1.0 s | 2.0 s | 3.0 s | 4.0 s | 5.0 s | 0.5 GB | 77.0 s |" in page
    assert "| pix2pix | 80 % | 5 % | 15 % | 5.0 | 10 % |" in page
    assert "| pix2pix | 100.0 | 130.0 |" in page
    assert "| pix2pix | 10.0 | 19.0 | 95 % |" in page
    assert "| pix2pix | 19.0 | 22.8 | 9.0 | 9.5 | 2.0 | 2.4 |" in page
    assert "\n| replication | TensorFlow | JAX, compiled |\n|---|---|---|\n| pix2pix | 10.0 | 12.5 |\n\n" in page


EXEC = "onednn_verbose,v1,primitive,exec,cpu"


def test_where_a_step_goes_is_read_between_the_first_and_the_last_progress():
    printed = "\n".join(
        [
            "onednn_verbose,v1,info,cpu,isa:Intel AVX2",
            f"{EXEC},convolution,jit:avx2,forward_training,src:f32,,,mb8,900.0",  # before the first: the first steps
            "progress, 160 1600 10.0",
            f"{EXEC},convolution,jit:avx2,backward_data,src:f32,,,mb8,500.5",
            f"{EXEC},reorder,jit:uni,undef,src:f32,,,128x64,100.0",
            "progress, 320 1600 11.0",
            f"{EXEC},convolution,jit:avx2,backward_weights,src:f32,,,mb8,699.5",
            "something else, of one line",
            "progress, 480 1600 12.0",
            f"{EXEC},convolution,jit:avx2,forward_inference,src:f32,,,mb50,900.0",  # after the last: the test set
        ]
    )
    assert bench.read_verbose(printed) == {"convolutions": 0.6, "other": 0.05, "rest": 0.35}


@pytest.mark.slow
@pytest.mark.parametrize("room", bench.REFERENCES)
def test_a_short_run_of_ours_and_of_pytorch(room):
    done = tiny.command("bench", "--run", room, "--short")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["images_per_second"] > 0
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed: `pip install torch`")
    done = tiny.command(room, module="replications.tools.bench_torch")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["images_per_second"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(("options", "kernels"), [((), {"avx2"}), (("--widest",), {"avx512_core"})])
def test_the_widest_instructions_are_taken_when_asked_for(options, kernels, monkeypatch):
    if not environment_now()["kernels"]["instructions"].startswith("avx512"):
        pytest.skip("this processor has none that are wider than AVX2")
    monkeypatch.setenv("ONEDNN_VERBOSE", "1")
    done = tiny.command("bench", "--run", "vq_vae", "--short", *options)
    assert done.returncode == 0, done.stderr
    forward = re.findall(r",exec,cpu,convolution,brg_conv_fwd:(\w+),", done.stdout)
    assert set(forward) == kernels

"""The benchmark's own arithmetic: what is counted, and that it counts every replication."""

import importlib.util
import json

import keras
import pytest
from keras import layers

from replications import bench, study
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
    assert bench.VARIANTS.keys() == bench.PASSES.keys() <= set(study.REPLICATIONS)
    for room, variant in bench.VARIANTS.items():
        assert variant in declared.variants_of(room)


def test_the_page_shows_what_was_found():
    one = {"images_per_second": 123.4, "seconds": SECONDS, "gflops": 5.0, "gflops_matmul": 50.0, "peak_gb": 0.5}
    page = bench._PAGE.render(
        date="2026-01-31",
        machine="a machine",
        cores=2,
        repetitions=3,
        steps=100,
        replications={"pix2pix": one},
        workers={"pix2pix": {"one": 10.0, "all": 19.0, "efficiency": 0.95}},
        backends={"pix2pix": {"TensorFlow": 10.0, "JAX, compiled": 12.5}},
        torch={"pix2pix": {"ours": 19.0, "torch_one_thread": 9.0, "torch_all_threads": 9.5, "ratio": 2.0}},
    )
    assert "| pix2pix | 123.4 | 1.0 s | 2.0 s | 3.0 s | 4.0 s | 5.0 s | 5.0 | 10 % | 0.5 GB |" in page
    assert "| pix2pix | 10.0 | 19.0 | 95 % |" in page
    assert "| pix2pix | 19.0 | 9.0 | 9.5 | 2.0 |" in page
    assert "\n| replication | TensorFlow | JAX, compiled |\n|---|---|---|\n| pix2pix | 10.0 | 12.5 |\n\n" in page


@pytest.mark.slow
@pytest.mark.parametrize("room", bench.REFERENCES)
def test_a_short_run_of_ours_and_of_pytorch(room):
    done = tiny.command("replications.bench", "--run", room, "--short")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["images_per_second"] > 0
    if importlib.util.find_spec("torch") is None:
        pytest.skip("torch is not installed: `pip install torch`")
    done = tiny.command("replications.bench_torch", room)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["images_per_second"] > 0

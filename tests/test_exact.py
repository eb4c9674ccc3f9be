"""Normalisation against Keras' own, which divides another way, and without instructions that differ by maker."""

import json
import platform
import subprocess
import sys
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from replications import exact
from replications.environment import ONE_THREAD
from tests import tiny

RNG = np.random.default_rng(0)
X = (3 * RNG.standard_normal((6, 4, 5, 7)) + 2).astype(np.float32)
PAIRS = {
    "batch": (partial(exact.BatchNormalization, epsilon=1e-5), partial(layers.BatchNormalization, epsilon=1e-5)),
    "instance": (
        partial(exact.InstanceNormalization, epsilon=1e-5),
        partial(layers.GroupNormalization, groups=-1, epsilon=1e-5),
    ),
}
pair = pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)


def with_weights(layer: layers.Layer, seed: int = 1) -> layers.Layer:
    """Built, with a scale and a shift that are not 1 and 0."""
    layer.build(X.shape)
    rng = np.random.default_rng(seed)
    layer.gamma.assign(rng.normal(1, 0.3, 7))
    layer.beta.assign(rng.normal(0, 0.3, 7))
    return layer


@pair
def test_outputs_and_gradients_are_those_of_keras(pair):
    results = []
    for make in pair:
        layer, x = with_weights(make()), tf.constant(X)
        with tf.GradientTape() as tape:
            tape.watch(x)
            training = {"training": True} if isinstance(layer, layers.BatchNormalization) else {}
            y = layer(x, **training)
            loss = tf.reduce_sum(y**3)
        results.append([y, *tape.gradient(loss, [x, layer.gamma.value, layer.beta.value])])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-3)


def test_moving_moments_are_those_of_keras_and_are_used_afterwards():
    ours, theirs = (with_weights(make()) for make in PAIRS["batch"])
    for layer in (ours, theirs):
        for factor in (1, 2, 3):
            layer(factor * X, training=True)
    np.testing.assert_allclose(ours.moving_mean, theirs.moving_mean, rtol=1e-6)
    np.testing.assert_allclose(ours.moving_variance, theirs.moving_variance, rtol=1e-5)
    np.testing.assert_allclose(ours(X, training=False), theirs(X, training=False), rtol=1e-4, atol=1e-4)


def test_a_constant_channel_is_no_division_by_zero():
    for make, _ in PAIRS.values():
        layer = with_weights(make())
        training = {"training": True} if isinstance(layer, layers.BatchNormalization) else {}
        np.testing.assert_allclose(layer(np.ones_like(X), **training)[0, 0, 0], layer.beta, atol=1e-3)


@pytest.mark.parametrize(
    ("divide", "expected"),
    [
        (lambda x, variance: x / exact.root(variance + 1e-5), False),
        (lambda x, variance: x / keras.ops.sqrt(variance + 1e-5), True),
        (lambda x, variance: x * keras.ops.rsqrt(variance + 1e-5), True),
    ],
    ids=["exact", "plain", "Keras"],
)
def test_no_reciprocal_square_root_is_left_in_the_optimised_graph(divide, expected):
    """TensorFlow writes x / √y as x · rsqrt(y) wherever it sees it: here it must not see it."""
    specs = [tf.TensorSpec(X.shape)] * 2
    function = tf.function(divide).get_concrete_function(*specs)
    assert ("Rsqrt" in optimised_operations(function)) == expected


def optimised_operations(function) -> set[str]:
    """The operations that are really run, after TensorFlow's graph optimiser."""
    from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
    from tensorflow.python.grappler import tf_optimizer

    frozen = convert_variables_to_constants_v2(function)
    graph = meta_graph_pb2.MetaGraphDef()
    graph.graph_def.CopyFrom(frozen.graph.as_graph_def())
    graph.collection_def["train_op"].node_list.value.extend([out.name for out in frozen.outputs])
    config = config_pb2.ConfigProto()
    config.graph_options.rewrite_options.meta_optimizer_iterations = 2
    config.graph_options.rewrite_options.min_graph_nodes = -1
    return {node.op for node in tf_optimizer.OptimizeGraph(config, graph).node}


@pytest.fixture(scope="module")
def steps() -> dict[str, str]:
    """Kind of layer → a digest of its weights and outputs after three steps, in a process as runs are trained in."""
    done = subprocess.run(
        [sys.executable, "-c", STEPS], env=tiny.environment(**ONE_THREAD), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


STEPS = """
import hashlib, json
import numpy as np
from replications.environment import quiet, settle
settle()
with quiet():
    import keras
from keras import layers
from replications import exact
from replications.training import process
from replications.training.initialisers import Seeds, he
process._be_deterministic()
x = np.random.default_rng(0).random((8, 8, 8, 4)).astype(np.float32)
seeds = Seeds(1)
kinds = {
    "convolution": lambda: layers.Conv2D(4, 4, 2, "same", kernel_initializer=he(seeds)),
    "transposed convolution": lambda: layers.Conv2DTranspose(4, 4, 2, "same", kernel_initializer=he(seeds)),
    "dense, sigmoid": lambda: layers.Dense(4, activation="sigmoid", kernel_initializer=he(seeds)),
    "dense, tanh": lambda: layers.Dense(4, activation="tanh", kernel_initializer=he(seeds)),
    "leaky ReLU": lambda: layers.LeakyReLU(0.2),
    "batch normalisation": exact.BatchNormalization,
    "instance normalisation": exact.InstanceNormalization,
    "softplus": lambda: layers.Activation("softplus"),
    "exponential": lambda: layers.Lambda(lambda x: keras.ops.exp(-x)),
}
found = {}
for name, make in kinds.items():
    channels = 12 if "normalisation" in name else 4
    model = keras.Sequential([keras.Input(x.shape[1:]), layers.Conv2D(channels, 3, padding="same",
        kernel_initializer=he(seeds)), make(), layers.Flatten(), layers.Dense(2, kernel_initializer=he(seeds))])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model.fit(x, np.ones((8, 2), np.float32), batch_size=8, epochs=3, shuffle=False, verbose=0)
    content = b"".join(np.ascontiguousarray(a).tobytes() for a in [*model.get_weights(), np.asarray(model(x))])
    found[name] = hashlib.sha256(content).hexdigest()[:16]
print(json.dumps(found))
"""
PINNED = {
    "convolution": "092ad0d0dee73af6",
    "transposed convolution": "15ea4ce4aac424a7",
    "dense, sigmoid": "389d529eefd6691c",
    "dense, tanh": "ecd47e889172671e",
    "leaky ReLU": "1ff46df38b6e3173",
    "softplus": "2a0b5d0ddd1b3369",
    "exponential": "faaa3b851730fbd9",
    "batch normalisation": "67bde75b7db1ccf2",
    "instance normalisation": "db7d67119fcdabf8",
}
"""Of an AMD EPYC under the pinned packages, those of normalisation of an Intel Xeon. Where a processor gives another
digest, runs trained there have other bytes: the layer named is where to look (validation/second_machine.md). TensorFlow
takes the approximate reciprocal for eight numbers at once, so normalisation has twelve channels here."""


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="bytes are promised under TensorFlow alone")
@pytest.mark.parametrize("kind", list(PINNED))
def test_a_few_steps_give_the_pinned_bytes(kind, steps):
    assert steps[kind] == PINNED[kind]


V, UPSTREAM = np.random.default_rng(0).random((2, 4096)).astype(np.float32) + np.float32(0.1)


def divided_by_the_root(divide) -> list[np.ndarray]:
    """UPSTREAM · (1 / √V), its gradient by V, and that by what is divided, under another gradient from above."""

    @tf.function
    def calculated(x, variance, above):
        with tf.GradientTape() as tape:
            tape.watch([x, variance])
            y = divide(x, variance)
        return [y, *tape.gradient(y, [variance, x], above)]

    return [value.numpy() for value in calculated(UPSTREAM, V, UPSTREAM[::-1].copy())]


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="it asks TensorFlow's graph")
def test_what_is_divided_by_the_root_is_exact_to_the_last_bit_and_so_are_its_gradients():
    y, of_variance, of_x = divided_by_the_root(lambda x, variance: x / exact.root(variance))
    above, known = UPSTREAM[::-1], np.sqrt(V)
    s = np.float32(0.5) * (known + V / known)
    np.testing.assert_allclose(s, np.sqrt(V.astype(float)), rtol=2e-7)
    np.testing.assert_array_equal(y, UPSTREAM / s)
    np.testing.assert_array_equal(of_x, above / s)
    np.testing.assert_array_equal(of_variance, above * (-UPSTREAM / s / s) * np.float32(0.5) / known)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="other processors may have exact instructions")
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="it asks TensorFlow's graph")
def test_a_reciprocal_and_the_gradient_of_a_root_are_not():
    """Why there is a module for it; where TensorFlow mends this, the module can go."""
    y, _, _ = divided_by_the_root(lambda x, variance: x * (1.0 / tf.maximum(tf.sqrt(variance), 1e-12)))
    _, of_variance, _ = divided_by_the_root(lambda x, variance: x * tf.sqrt(variance))
    assert (y != UPSTREAM * (1 / np.sqrt(V))).mean() > 0.1
    assert (of_variance != UPSTREAM[::-1] * UPSTREAM * np.float32(0.5) / np.sqrt(V)).mean() > 0.1

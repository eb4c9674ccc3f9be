"""The three nets: what goes in and out, that all variants share them, and where every number comes from."""

import keras
import numpy as np
import pytest
from keras import layers

from replications.exact import BatchNormalization
from replications.vae_vs_gan import networks

BUILDERS = {
    "encoder": lambda size=32, **changes: networks.encoder(
        size, **{"channels": 4, "latent_size": 6, "gaussian": True, "seed": 1, **changes}
    ),
    "decoder": lambda size=32, **changes: networks.decoder(
        size, **{"channels": 4, "latent_size": 6, "seed": 1, **changes}
    ),
    "discriminator": lambda size=32, latent_size=0, **changes: networks.discriminator(
        size, **{"channels": 4, "seed": 1, **changes}
    ),
}


def pictures(n: int, size: int = 32) -> np.ndarray:
    return np.random.default_rng(n).uniform(0, 1, (n, size, size, 3)).astype(np.float32)


def run(net: keras.Model, x: np.ndarray) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(one) for one in keras.tree.flatten(net(x, training=False))]


# Shapes.


@pytest.mark.parametrize("size", [32, 64])
def test_shapes(size):
    x = pictures(2, size)
    mean, log_var = run(BUILDERS["encoder"](size), x)
    assert mean.shape == log_var.shape == (2, 6)
    assert [one.shape for one in run(BUILDERS["encoder"](size, gaussian=False), x)] == [(2, 6)]
    assert run(BUILDERS["discriminator"](size), x)[0].shape == (2, 1)
    (decoded,) = run(BUILDERS["decoder"](size), mean)
    assert decoded.shape == (2, size, size, 3)


def test_pictures_fill_the_range_from_0_to_1():
    net = BUILDERS["decoder"]()
    last = net.layers[-1]
    last.set_weights([weight * 1e6 for weight in last.get_weights()])
    (decoded,) = run(net, np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32))
    assert 0 <= decoded.min() < 1e-3
    assert 1 - 1e-3 < decoded.max() <= 1


@pytest.mark.parametrize("name", ["encoder", "discriminator"])
def test_what_looks_at_pictures_sees_them_in_the_range_from_minus_1_to_1(name):
    """DCGAN's range, in which black is as far from grey as white."""
    net = BUILDERS[name]()
    first = keras.Model(net.input, next(layer.input for layer in net.layers if isinstance(layer, layers.Conv2D)))
    seen = [run(first, np.full((1, 32, 32, 3), value, np.float32))[0] for value in (0.0, 0.5, 1.0)]
    for value, expected in zip(seen, (-1, 0, 1), strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-6)


def test_the_nets_lead_down_and_back():
    down = [tuple(x.output.shape[1:]) for x in BUILDERS["encoder"]().layers if type(x) is layers.Conv2D]
    up = [tuple(x.output.shape[1:]) for x in BUILDERS["decoder"]().layers if isinstance(x, layers.Conv2DTranspose)]
    assert down == [(16, 16, 4), (8, 8, 8), (4, 4, 16)]
    assert up == [(8, 8, 8), (16, 16, 4), (32, 32, 3)]


def test_every_coordinate_and_every_pixel_counts():
    net, z = BUILDERS["decoder"](), np.zeros((1, 6), np.float32)
    (still,) = run(net, z)
    for coordinate in range(6):
        (moved,) = run(net, z + 100 * np.eye(6, dtype=np.float32)[coordinate])
        assert (np.abs(moved - still).max(axis=-1) > 0).mean() > 0.9, coordinate
    for name in ("encoder", "discriminator"):
        net, x = BUILDERS[name](), pictures(1)
        for row, column in ((0, 0), (31, 31), (15, 16)):
            changed = x.copy()
            changed[0, row, column] = 1 - changed[0, row, column]
            assert (run(net, changed)[0] != run(net, x)[0]).any(), name


# Batch normalisation.


@pytest.mark.parametrize("name", BUILDERS)
def test_a_bias_stands_only_where_no_norm_follows(name):
    found = 0
    for layer in BUILDERS[name]().layers:
        if isinstance(layer, layers.Conv2D | layers.Conv2DTranspose | layers.Dense):
            followers = {type(node.operation) for node in layer._outbound_nodes}
            normed = bool({BatchNormalization, layers.Reshape} & followers)
            found += normed
            assert layer.use_bias == (not normed), layer.name
    assert found == (3 if name == "decoder" else 2), "as in DCGAN, all but the decoder's last and the others' first"


def test_the_running_means_soon_forget_where_they_began():
    """There are few steps: after eighty alike, what is used after training is what was used in training."""
    for name in ("encoder", "decoder"):
        net = BUILDERS[name]()
        x = pictures(8) if name == "encoder" else np.random.default_rng(1).standard_normal((8, 6)).astype(np.float32)
        for _ in range(80):
            trained = keras.tree.flatten(net(x, training=True))
        np.testing.assert_allclose(run(net, x)[0], keras.ops.convert_to_numpy(trained[0]), rtol=1e-2, atol=1e-3)


# Seeds.


@pytest.mark.parametrize("name", BUILDERS)
def test_weights_start_as_wide_as_their_inputs_are_few(name):
    for weight in BUILDERS[name](channels=16, latent_size=50).trainable_variables:
        value = weight.numpy()
        if weight.name == "kernel":
            # The last axis but one of a transposed convolution is its outputs'; Keras counts it as the inputs'.
            expected = np.sqrt(2 / np.prod(value.shape[:-1]))
            assert value.std() == pytest.approx(expected, rel=0.1), weight.path
        elif weight.name == "gamma":
            assert value.std() == pytest.approx(0.02, rel=0.5)
            assert value.mean() == pytest.approx(1, abs=0.02)
        else:
            assert (value == 0).all()


def test_the_deterministic_encoder_begins_as_the_gaussian_one():
    gaussian, deterministic = (BUILDERS["encoder"](gaussian=value) for value in (True, False))
    np.testing.assert_array_equal(run(gaussian, pictures(2))[0], run(deterministic, pictures(2))[0])

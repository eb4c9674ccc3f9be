"""The nets of all cells: what goes in and out, and that cells which differ in their regime start alike."""

import keras
import numpy as np
import pytest

from replications.causes import networks

SHAPE = {"channels": 2, "latent_size": 6}


def run(net: keras.Model, *x: np.ndarray) -> list[np.ndarray]:
    said = net([*x] if len(x) > 1 else x[0], training=False)
    return [keras.ops.convert_to_numpy(one) for one in keras.tree.flatten(said)]


def pictures(n: int, size: int = 32) -> np.ndarray:
    return np.random.default_rng(n).uniform(0, 1, (n, size, size, 3)).astype(np.float32)


def encoder(size: int = 32, **changes) -> keras.Model:
    return networks.encoder(size, **{**SHAPE, "gaussian": True, "seed": 1, **changes})


def decoder(size: int = 32, **changes) -> keras.Model:
    return networks.decoder(size, **{**SHAPE, "noise_size": 3, "seed": 1, "name": "decoder", **changes})


@pytest.mark.parametrize("size", [32, 64])
def test_shapes(size):
    x, code = pictures(2, size), np.ones((2, 6), np.float32)
    assert [one.shape for one in run(encoder(size), x)] == [(2, 6)] * 2
    assert [one.shape for one in run(encoder(size, gaussian=False, hidden=4), x)] == [(2, 6), (2, 4), (2, 4)]
    (decoded,) = run(decoder(size), code, np.zeros((2, 3), np.float32))
    assert decoded.shape == (2, size, size, 3)
    assert decoded.min() >= 0
    assert decoded.max() <= 1
    judge = networks.discriminator(size, **SHAPE, seed=1)
    assert [one.shape for one in run(judge, x, code)] == [(2, 1)]


def test_the_mean_starts_from_the_same_weights_whatever_stands_beside_it():
    means = [run(encoder(**changes), pictures(3))[0] for changes in ({}, {"gaussian": False}, {"hidden": 4})]
    for other in means[1:]:
        np.testing.assert_array_equal(means[0], other)


def test_two_decoders_of_one_seed_start_alike():
    first, second = decoder(), decoder(name="first_decoder")
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_decoder_has_noise_of_its_own_and_the_discriminator_sees_the_code():
    code, noise = np.ones((2, 6), np.float32), np.zeros((2, 3), np.float32)
    assert (run(decoder(), code, noise)[0] != run(decoder(), code, noise + 1)[0]).any()
    judge, x = networks.discriminator(32, **SHAPE, seed=1), pictures(2)
    assert (run(judge, x, code)[0] != run(judge, x, 2 * code)[0]).all()
    assert (run(judge, x, code)[0] != run(judge, 1 - x, code)[0]).all()

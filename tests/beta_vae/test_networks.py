"""The encoder and the decoder: what goes in and out, how deep they are, and where every number comes from."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from replications.beta_vae import networks

NET = {"channels": 4, "latent_size": 3, "seed": 1}


def encoder(size: int = 32, **changes) -> keras.Model:
    return networks.encoder(size, **{**NET, "gaussian": True, **changes})


def decoder(size: int = 32, **changes) -> keras.Model:
    return networks.decoder(size, **{**NET, **changes})


def pictures(n: int, size: int = 32) -> np.ndarray:
    return np.random.default_rng(0).random((n, size, size, 3), np.float32)


def latents(n: int, size: int = 3) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 5, (n, size)).astype(np.float32)


# Shapes.


@pytest.mark.parametrize(("size", "channels", "latent_size"), [(32, 2, 1), (32, 4, 7), (64, 2, 3)])
def test_pictures_become_a_mean_and_a_log_variance_and_latents_pictures(size, channels, latent_size):
    shape = {"channels": channels, "latent_size": latent_size}
    said = encoder(size, **shape)(pictures(2, size))
    assert [one.shape for one in said] == [(2, latent_size)] * 2
    x = ops.convert_to_numpy(decoder(size, **shape)(latents(2, latent_size)))
    assert x.shape == (2, size, size, 3)
    assert 0 <= x.min() < x.max() <= 1


def test_mean_and_log_variance_are_linear_in_one_layer_and_stand_in_this_order():
    net = encoder()
    assert [layer.name for layer in net.layers if isinstance(layer, layers.Dense)] == ["mean", "log_var"]
    for layer in net.layers:
        if isinstance(layer, layers.Dense):
            assert layer.activation is keras.activations.linear, layer.name
    net.get_layer("mean").bias.assign([100, 200, 300])
    mean, log_var = (ops.convert_to_numpy(one) for one in net(pictures(1)))
    np.testing.assert_allclose(mean, [[100, 200, 300]], atol=20)
    assert np.abs(log_var).max() < 20


def test_an_encoder_without_noise_is_the_other_less_its_log_variance():
    alone, both = encoder(gaussian=False), encoder()
    x = pictures(2)
    assert alone(x).shape == (2, 3)
    np.testing.assert_array_equal(alone(x), both(x)[0])
    assert both.count_params() - alone.count_params() == both.get_layer("log_var").count_params()


def test_three_strides_lead_down_and_three_lead_back():
    down = [layer for layer in encoder(64).layers if type(layer) is layers.Conv2D]
    up = [layer for layer in decoder(64).layers if isinstance(layer, layers.Conv2DTranspose)]
    assert [tuple(layer.output.shape[1:]) for layer in down] == [(32, 32, 4), (16, 16, 8), (8, 8, 16)]
    assert [tuple(layer.output.shape[1:]) for layer in up] == [(16, 16, 8), (32, 32, 4), (64, 64, 3)]
    assert {layer.kernel_size for layer in [*down, *up]} == {(4, 4)}
    first = next(layer for layer in decoder(64).layers if isinstance(layer, layers.Reshape))
    assert tuple(first.output.shape[1:]) == (8, 8, 16)


@pytest.mark.parametrize("build", [encoder, decoder])
def test_one_row_is_treated_alike_in_any_company(build):
    net, x = build(), pictures(3) if build is encoder else latents(3)
    together, alone = (keras.tree.flatten(net(one, training=True)) for one in (x, x[:1]))
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_allclose(a[:1], b, atol=1e-4)


# Seeds.


def test_weights_start_with_the_variance_that_their_inputs_ask_for():
    """He for what a ReLU follows, 2 / inputs; Glorot for mean and log variance, 2 / (inputs + outputs)."""
    net = encoder(channels=16, latent_size=20)
    for layer in net.layers:
        if isinstance(layer, layers.Conv2D | layers.Dense):
            *_, inputs, outputs = layer.kernel.shape
            inputs *= np.prod(layer.kernel.shape[:-2], dtype=int)
            variance = 2 / (inputs + outputs) if isinstance(layer, layers.Dense) else 2 / inputs
            assert layer.kernel.numpy().std() == pytest.approx(variance**0.5, rel=0.1), layer.name

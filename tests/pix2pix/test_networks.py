"""The two nets: what goes in and out, what each patch sees, and where every number comes from."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from replications.exact import InstanceNormalization
from replications.pix2pix import networks

GENERATOR = {"ngf": 4, "depth": 4, "skips": True, "dropout": 0.5, "dropout_blocks": 2, "seed": 1}
DISCRIMINATOR = {"receptive_field": 16, "conditional": True, "ndf": 4, "seed": 1}


def generator(size: int = 32, **changes) -> keras.Model:
    return networks.generator(size, **{**GENERATOR, **changes})


def discriminator(size: int = 32, **changes) -> keras.Model:
    return networks.discriminator(size, **{**DISCRIMINATOR, **changes})


def pictures(n: int, size: int = 32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (n, size, size, 3)).astype(np.float32)


def output(net: keras.Model, x, *, training: bool = False) -> np.ndarray:
    return keras.ops.convert_to_numpy(net(x, training=training))


# Shapes.


@pytest.mark.parametrize(("size", "depth"), [(32, 2), (32, 4), (32, 5), (64, 4), (64, 6)])
@pytest.mark.parametrize("skips", [True, False])
def test_the_generator_gives_pictures_of_the_size_of_its_input(size, depth, skips):
    y = output(generator(size, depth=depth, skips=skips, ngf=2), pictures(2, size))
    assert y.shape == (2, size, size, 3)
    assert np.abs(y).max() <= 1


def test_the_generator_leads_down_and_back():
    net = generator(64, depth=4, ngf=2)
    down = [tuple(layer.output.shape[1:]) for layer in net.layers if type(layer) is layers.Conv2D]
    up = [tuple(layer.output.shape[1:]) for layer in net.layers if isinstance(layer, layers.Conv2DTranspose)]
    assert down == [(32, 32, 2), (16, 16, 4), (8, 8, 8), (4, 4, 16)]
    assert up == [(8, 8, 8), (16, 16, 4), (32, 32, 2), (64, 64, 3)]


def test_channels_stop_growing_at_eight_times_the_first():
    net = generator(64, depth=6, ngf=2)
    assert [layer.filters for layer in net.layers if type(layer) is layers.Conv2D] == [2, 4, 8, 16, 16, 16]


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize(("receptive_field", "shrunk"), [(1, 1), (7, 1), (16, 2), (34, 4), (70, 8)])
@pytest.mark.parametrize("conditional", [True, False])
def test_the_discriminator_gives_one_logit_for_each_patch(size, receptive_field, shrunk, conditional):
    net = discriminator(size, receptive_field=receptive_field, conditional=conditional, ndf=2)
    seen = [pictures(2, size), pictures(2, size, seed=1)] if conditional else [pictures(2, size)]
    assert len(net.inputs) == len(seen)
    assert output(net, seen).shape == (2, size // shrunk, size // shrunk, 1)


# What a patch sees.


@pytest.mark.parametrize("receptive_field", [1, *networks.RECEPTIVE_FIELDS])
@pytest.mark.parametrize("conditional", [True, False])
def test_a_patch_sees_as_many_pixels_as_it_says(receptive_field, conditional, monkeypatch):
    monkeypatch.setattr(networks, "_instance_norm", lambda seeds: layers.Identity())  # its mean sees the whole picture
    size = 2 * receptive_field if receptive_field > 16 else 48
    size += -size % 8
    net = discriminator(size, receptive_field=receptive_field, conditional=conditional, ndf=2)
    seen = [tf.constant(pictures(1, size, seed)) for seed in range(1 + conditional)]
    with tf.GradientTape() as tape:
        tape.watch(seen)
        logits = net(seen)
        middle = logits[0, logits.shape[1] // 2, logits.shape[2] // 2, 0]
    for gradient in tape.gradient(middle, seen):
        rows, columns = np.nonzero(np.abs(gradient.numpy()[0]).max(axis=-1))
        assert min(rows.min(), columns.min()) > 0 or receptive_field == 1, "the picture's border cuts the patch off"
        assert (np.ptp(rows) + 1, np.ptp(columns) + 1) == (receptive_field, receptive_field)


def test_the_largest_patch_of_the_bundled_study_sees_all_of_a_picture():
    """Receptive field 34 on 32 pixels stands for the ImageGAN: some logit depends on every pixel."""
    net = discriminator(32, receptive_field=34)
    x, y = (tf.constant(pictures(1, seed=seed)) for seed in (0, 1))
    with tf.GradientTape() as tape:
        tape.watch(y)
        logits = net([x, y])
        middle = logits[0, 4, 4, 0]
    assert np.abs(tape.gradient(middle, y).numpy()).max(axis=-1).min() > 0


def test_the_conditional_discriminator_listens_to_both_its_inputs():
    net, (x, y, z) = discriminator(), (pictures(1, seed=seed) for seed in range(3))
    assert np.abs(output(net, [x, y]) - output(net, [z, y])).max() > 1e-4
    assert np.abs(output(net, [x, y]) - output(net, [x, z])).max() > 1e-4


# Skips.


def without_bottleneck(net: keras.Model) -> keras.Model:
    """Silences the innermost convolution."""
    innermost = [layer for layer in net.layers if type(layer) is layers.Conv2D][-1]
    innermost.set_weights([np.zeros_like(weight) for weight in innermost.get_weights()])
    return net


def test_cutting_the_skips_leaves_the_bottleneck_as_the_only_way():
    x, other = pictures(1, seed=0), pictures(1, seed=1)
    cut, whole = without_bottleneck(generator(skips=False)), without_bottleneck(generator(skips=True))
    np.testing.assert_array_equal(output(cut, x), output(cut, other))
    assert np.abs(output(whole, x) - output(whole, other)).max() > 1e-3


def test_the_net_without_skips_is_the_one_with_skips_less_what_the_skips_bring():
    cut, whole = (generator(skips=skips) for skips in (False, True))
    assert not [layer for layer in cut.layers if isinstance(layer, layers.Concatenate)]
    joined = [layer.output.shape[1] for layer in whole.layers if isinstance(layer, layers.Concatenate)]
    assert joined == [4, 8, 16]
    encoders = [[layer for layer in net.layers if type(layer) is layers.Conv2D] for net in (cut, whole)]
    for a, b in zip(*encoders, strict=True):
        for of_a, of_b in zip(a.get_weights(), b.get_weights(), strict=True):
            np.testing.assert_array_equal(of_a, of_b)


# Seeds.


@pytest.mark.parametrize("build", [generator, discriminator])
def test_weights_start_as_in_the_paper(build):
    net = build(**({"ngf": 16} if build is generator else {"ndf": 16}))
    for weight in net.trainable_variables:
        value = weight.numpy()
        if weight.name == "gamma":
            assert abs(value.mean() - 1) < 5 * 0.02 / np.sqrt(value.size)
        elif weight.name == "kernel":
            assert abs(value.mean()) < 5 * 0.02 / np.sqrt(value.size)
            assert value.std() == pytest.approx(0.02, rel=0.2)
        else:
            assert (value == 0).all()


# Dropout, the only noise.


@pytest.mark.parametrize(
    ("size", "depth", "where"), [(32, 4, [4, 8]), (64, 6, [2, 4]), (32, 3, [8, 16]), (32, 2, [16])]
)
def test_dropout_acts_in_the_two_innermost_decoder_blocks(size, depth, where):
    net = generator(size, depth=depth, ngf=2, dropout=0.3)
    dropouts = [layer for layer in net.layers if isinstance(layer, layers.Dropout)]
    assert [layer.output.shape[1] for layer in dropouts] == where
    assert {layer.rate for layer in dropouts} == {0.3}
    assert len({layer.seed for layer in dropouts}) == len(dropouts)


def test_dropout_is_the_only_noise():
    x = pictures(2)
    noisy, silent = generator(dropout=0.5), generator(dropout=0.0)
    assert np.abs(output(noisy, x, training=True) - output(noisy, x, training=True)).max() > 1e-3
    np.testing.assert_array_equal(output(noisy, x), output(noisy, x))
    np.testing.assert_array_equal(output(silent, x, training=True), output(silent, x, training=True))
    np.testing.assert_allclose(output(silent, x, training=True), output(noisy, x), atol=1e-6)


def test_the_noise_follows_from_the_seed_alone():
    x = pictures(2)
    keras.utils.set_random_seed(1)
    first = [output(net, x, training=True) for net in [generator(seed=5)] for _ in range(2)]
    keras.utils.set_random_seed(2)
    again = [output(net, x, training=True) for net in [generator(seed=5)] for _ in range(2)]
    np.testing.assert_array_equal(first, again)


# Instance normalisation.


def test_instance_norm_agrees_with_numpy():
    rng = np.random.default_rng(3)
    x = rng.normal(2, 3, (3, 8, 6, 5)).astype(np.float32)
    norm = networks._instance_norm(networks.Seeds(1))
    norm.build(x.shape)
    gamma, beta = rng.normal(1, 0.5, 5), rng.normal(0, 1, 5)
    norm.set_weights([gamma, beta])
    mean, variance = x.mean(axis=(1, 2), keepdims=True), x.var(axis=(1, 2), keepdims=True)
    expected = gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta
    np.testing.assert_allclose(output(norm, x, training=True), expected, atol=1e-4)


@pytest.mark.parametrize("build", [generator, discriminator])
def test_a_picture_is_treated_alike_in_any_company(build):
    net, x = build(**({"dropout": 0.0} if build is generator else {})), pictures(3)
    seen = [x, x[::-1]] if build is discriminator else x
    first = [one[:1] for one in seen] if build is discriminator else x[:1]
    together, alone = (output(net, one, training=True) for one in (seen, first))
    np.testing.assert_allclose(together[:1], alone, atol=1e-4)


def test_a_bias_stands_only_where_no_norm_follows():
    for net in (generator(), discriminator()):
        for layer in net.layers:
            if isinstance(layer, layers.Conv2D | layers.Conv2DTranspose):
                followers = {type(node.operation) for node in layer._outbound_nodes}
                assert layer.use_bias == (InstanceNormalization not in followers), layer.name


@pytest.fixture
def mixed():
    """Layers that compute in bfloat16, as in paper/."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize("build", [generator, discriminator])
def test_in_mixed_precision_weights_and_outputs_are_float32_and_what_lies_between_is_not(build, mixed):
    net = build()
    assert {weight.dtype for weight in net.trainable_weights} == {"float32"}
    assert net.output.dtype == "float32"
    inner = {layer.compute_dtype for layer in net.layers if isinstance(layer, layers.Conv2D | layers.Conv2DTranspose)}
    assert inner == {"bfloat16", "float32"}, "the last computes in float32"

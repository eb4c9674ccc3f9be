"""The nets and the bottlenecks between them, against numbers worked out by hand and against NumPy."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from replications.vq_vae import networks

NET = {"channels": 4, "residual_blocks": 2, "seed": 1}
SHAPE = (3, 4, 4, 5)
"""B, h, w, D of the encodings that the quantisers are given."""
K, D = 6, SHAPE[-1]


def encoder(size: int = 32, **changes) -> keras.Model:
    return networks.encoder(size, **{**NET, "outputs": 3, **changes})


def decoder(size: int = 32, **changes) -> keras.Model:
    return networks.decoder(size, **{**NET, "embedding_dim": 3, **changes})


def pictures(n: int, size: int = 32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n, size, size, 3), np.float32)


def encodings(seed: int, scale: float = 1.0, shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, scale, shape).astype(np.float32)


def straight_through(codebook: np.ndarray, commitment_cost: float = 0.25) -> networks.StraightThrough:
    layer = networks.StraightThrough(*codebook.shape, commitment_cost=commitment_cost, seed=1)
    layer.codebook.assign(codebook)
    return layer


def ema(decay: float = 0.9, size: int = K, dim: int = D, seed: int = 1, commitment_cost: float = 0.25) -> networks.EMA:
    return networks.EMA(size, dim, commitment_cost=commitment_cost, decay=decay, seed=seed)


def with_restarts(restart_below: float, decay: float = 0.9, size: int = K, seed: int = 1) -> networks.EMAWithRestarts:
    return networks.EMAWithRestarts(size, D, commitment_cost=0.25, decay=decay, seed=seed, restart_below=restart_below)


def learned(layer: networks.EMA) -> dict[str, np.ndarray]:
    return {name: getattr(layer, name).numpy() for name in ("codebook", "count", "total")}


def numbers(said: dict) -> dict[str, np.ndarray]:
    return {name: ops.convert_to_numpy(value) for name, value in said.items()}


# Nets.


@pytest.mark.parametrize(("size", "blocks", "channels", "dim"), [(32, 0, 2, 1), (32, 2, 4, 3), (64, 1, 2, 4)])
def test_four_by_four_pixels_have_one_position(size, blocks, channels, dim):
    shape = {"residual_blocks": blocks, "channels": channels}
    z = encoder(size, **shape, outputs=dim)(pictures(2, size))
    assert z.shape == (2, size // 4, size // 4, dim)
    x = ops.convert_to_numpy(decoder(size, **shape, embedding_dim=dim)(10 * z))
    assert x.shape == (2, size, size, 3)
    assert 0 <= x.min() < x.max() <= 1


def test_the_encoder_is_two_strides_and_its_residual_blocks():
    net = encoder(residual_blocks=2, channels=4)
    convolutions = [
        (layer.kernel_size, layer.strides, layer.filters) for layer in net.layers if isinstance(layer, layers.Conv2D)
    ]
    block = [((3, 3), (1, 1), 4), ((1, 1), (1, 1), 4)]
    assert convolutions == [((4, 4), (2, 2), 4)] * 2 + 2 * block + [((1, 1), (1, 1), 3)]
    assert len([layer for layer in net.layers if isinstance(layer, layers.Add)]) == 2


def test_a_residual_block_adds_to_what_it_is_given():
    """With its last convolution silenced it hands its input on; else it is ReLU, 3×3, ReLU, 1×1 beside it."""
    inputs = keras.Input((6, 6, 4))
    net = keras.Model(inputs, networks._residual(inputs, 4, networks.Seeds(1)))
    x = np.random.default_rng(1).normal(size=(2, 6, 6, 4)).astype(np.float32)
    three, one = [layer for layer in net.layers if isinstance(layer, layers.Conv2D)]
    hidden = np.maximum(ops.convert_to_numpy(three(np.maximum(x, 0))), 0)
    by_hand = x + np.einsum("bhwi,io->bhwo", hidden, one.kernel.numpy()[0, 0])
    np.testing.assert_allclose(net(x), by_hand, atol=1e-5)
    one.kernel.assign(0 * one.kernel)
    np.testing.assert_array_equal(net(x), x)


def test_a_picture_is_treated_alike_in_any_company():
    for net, x in ((encoder(), pictures(3)), (decoder(), encodings(1, shape=(3, 8, 8, 3)))):
        np.testing.assert_allclose(net(x, training=True)[:1], net(x[:1], training=True), atol=1e-5)


# The nearest code.


def test_the_nearest_code_by_hand():
    codebook = np.array([[0, 0], [1, 0], [0, 3]], np.float32)
    z = np.array([[[[0.4, 0], [0.6, 0]], [[-5, 1.4], [0, 1.6]]]], np.float32)  # one picture of 2 × 2 positions
    codes = ops.convert_to_numpy(networks.nearest(z, codebook))
    assert codes.dtype == np.int32
    np.testing.assert_array_equal(codes, [[[0, 1], [0, 2]]])


def test_of_two_codes_at_one_distance_the_first_is_taken():
    codebook = np.array([[2, 0], [0, 0], [1, 1], [1, 1]], np.float32)
    z = np.array([[[[1, 0], [1, 5]]]], np.float32)
    np.testing.assert_array_equal(networks.nearest(z[:, :, :1], codebook[:2]), [[[0]]])
    np.testing.assert_array_equal(networks.nearest(z, codebook), [[[0, 2]]])


def test_the_nearest_code_agrees_with_a_plain_search():
    z, codebook = encodings(1), encodings(2, shape=(K, D))
    np.testing.assert_array_equal(networks.nearest(z, codebook), plain_search(z, codebook))


def plain_search(z: np.ndarray, codebook: np.ndarray) -> np.ndarray:
    """Every distance in turn."""
    codes = np.zeros(z.shape[:-1], int)
    for place in np.ndindex(codes.shape):
        codes[place] = np.argmin([np.linalg.norm(z[place].astype(float) - e) for e in codebook.astype(float)])
    return codes


# The paper's quantiser.


@pytest.mark.parametrize(("beta", "loss"), [(0.0, 0.0375), (0.25, 0.046875), (2.0, 0.1125)])
def test_equation_3_by_hand(beta, loss):
    """Squared differences .04, .01, .01, .09: mean .0375, once for the codebook and β times for the encoder."""
    layer = straight_through(np.array([[0, 0], [1, 1], [9, 9]], np.float32), beta)
    said = numbers(layer(np.array([[[[0.2, 0.1], [0.9, 0.7]]]], np.float32)))
    np.testing.assert_array_equal(said["codes"], [[[0, 1]]])
    np.testing.assert_allclose(said["quantised"], [[[[0, 0], [1, 1]]]], atol=1e-6)
    assert said["loss"] == pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_quantised_codes_and_loss_agree_with_numpy(training):
    z, codebook = encodings(1), encodings(2, shape=(K, D))
    said = numbers(straight_through(codebook, 0.7)(z, training=training))
    codes = plain_search(z, codebook)
    np.testing.assert_array_equal(said["codes"], codes)
    np.testing.assert_allclose(said["quantised"], codebook[codes], atol=1e-6)
    assert said["loss"] == pytest.approx(1.7 * np.mean((z - codebook[codes]) ** 2), rel=1e-5)


def gradients(layer: keras.Layer, z: np.ndarray, weights: np.ndarray, price: float) -> list[np.ndarray | None]:
    """Of Σ weights · quantised + price · loss, by the encodings and by the codebook."""
    x = tf.constant(z)
    with tf.GradientTape() as tape:
        tape.watch(x)
        tape.watch(layer.codebook.value)
        said = layer(x, training=True)
        total = tf.reduce_sum(weights * said["quantised"]) + price * said["loss"]
    found = tape.gradient(total, [x, layer.codebook.value])
    return [None if one is None else tf.convert_to_tensor(one).numpy() for one in found]


def test_the_encoder_receives_the_decoders_gradient_and_the_commitments():
    z, weights, codebook = encodings(1), encodings(3), encodings(2, shape=(K, D))
    commitment = 2 * (z - codebook[plain_search(z, codebook)]) / z.size
    for price, beta in ((0.0, 0.25), (1.0, 0.0), (1.0, 0.25), (5.0, 2.0)):
        of_z, _ = gradients(straight_through(codebook, beta), z, weights, price)
        np.testing.assert_allclose(of_z, weights + price * beta * commitment, atol=1e-6)
    assert np.abs(commitment).max() > 1e-3


def test_the_codebook_receives_the_codebook_losss_gradient_alone():
    z, weights, codebook = encodings(1), encodings(3), encodings(2, shape=(K, D))
    codebook[-1] = 100  # of no use to anyone
    codes, expected = plain_search(z, codebook), np.zeros_like(codebook)
    for place in np.ndindex(codes.shape):
        expected[codes[place]] += 2 * (codebook[codes[place]] - z[place]) / z.size
    assert np.abs(expected[:-1]).max() > 1e-3
    for beta in (0.0, 0.25, 2.0):
        _, of_codebook = gradients(straight_through(codebook, beta), z, weights, 1.0)
        np.testing.assert_allclose(of_codebook, expected, atol=1e-6)
        np.testing.assert_array_equal(of_codebook[-1], 0)
        _, without_loss = gradients(straight_through(codebook, beta), z, weights, 0.0)
        assert without_loss is None or not without_loss.any(), "the decoder's gradient ends before the codebook"


def test_the_optimiser_is_given_the_papers_codebook_and_no_other():
    assert [weight.name for weight in straight_through(np.eye(3)).trainable_weights] == ["codebook"]
    for layer in (ema(), with_restarts(1.0), networks.NoQuantiser(), networks.Gaussian(seed=1)):
        assert layer.trainable_weights == []


# Codebooks of moving averages.


def test_averages_start_as_if_each_code_had_been_its_own_encoding():
    start = learned(ema())
    np.testing.assert_array_equal(start["count"], np.ones(K))
    np.testing.assert_array_equal(start["total"], start["codebook"])


@pytest.mark.parametrize("build", [ema, partial(with_restarts, 0.5)], ids=["ema", "restarts"])
def test_code_vectors_follow_from_the_seed_alone_and_have_unit_length_on_average(build):
    keras.utils.set_random_seed(1)
    first = learned(build(seed=5))
    keras.utils.set_random_seed(2)
    again, another = learned(build(seed=5)), learned(build(seed=6))
    np.testing.assert_array_equal(first["codebook"], again["codebook"])
    assert (first["codebook"] != another["codebook"]).all()
    large = learned(build(size=2000))["codebook"]
    assert np.square(large).sum(axis=1).mean() == pytest.approx(1, abs=0.05)
    papers = networks.StraightThrough(K, D, commitment_cost=0.25, seed=5).codebook
    np.testing.assert_array_equal(papers, first["codebook"], err_msg="all three ways start from one codebook")


def test_one_step_of_the_averages_by_hand():
    layer = ema(decay=0.75, size=3, dim=2)
    codebook = np.array([[0, 0], [4, 4], [9, 9]], np.float32)
    layer.codebook.assign(codebook)
    layer.total.assign(codebook)
    layer(np.array([[[[1, 0], [1, 2]], [[4, 5], [0, 0]]]], np.float32), training=True)
    after = learned(layer)
    np.testing.assert_allclose(after["count"], [0.75 + 0.25 * 3, 1, 0.75])
    np.testing.assert_allclose(after["total"], [[0.5, 0.5], [4, 4.25], [6.75, 6.75]])
    np.testing.assert_allclose(after["codebook"], [[1 / 3, 1 / 3], [4, 4.25], [9, 9]], rtol=1e-6)


def plain_averages(state: dict[str, np.ndarray], z: np.ndarray, decay: float) -> dict[str, np.ndarray]:
    """One batch by appendix A.1, code by code."""
    codes = plain_search(z, state["codebook"])
    count, total = state["count"].astype(float), state["total"].astype(float)
    for k in range(len(count)):
        mine = z[codes == k].astype(float)
        count[k] = decay * count[k] + (1 - decay) * len(mine)
        total[k] = decay * total[k] + (1 - decay) * mine.sum(axis=0)
    return {"codebook": total / count[:, None], "count": count, "total": total}


def test_the_averages_agree_with_numpy_over_many_batches():
    layer = ema(decay=0.8)
    expected = learned(layer)
    for step in range(6):
        z = encodings(10 + step) + 0.3 * step
        expected = plain_averages(expected, z, 0.8)
        layer(z, training=True)
        for name, value in learned(layer).items():
            np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-5, err_msg=f"{name}, batch {step}")


def test_averages_quantise_with_the_codebook_from_before_the_batch():
    layer, z = ema(decay=0.5), encodings(1)
    before = learned(layer)["codebook"]
    said = numbers(layer(z, training=True))
    codes = plain_search(z, before)
    np.testing.assert_array_equal(said["codes"], codes)
    np.testing.assert_allclose(said["quantised"], before[codes], atol=1e-6)
    assert said["loss"] == pytest.approx(0.25 * np.mean((z - before[codes]) ** 2), rel=1e-5), "the commitment alone"
    assert np.abs(learned(layer)["codebook"] - before).max() > 0.05


@pytest.mark.parametrize("build", [ema, partial(with_restarts, 1.0)], ids=["ema", "restarts"])
def test_a_codebook_of_averages_has_no_gradient_and_its_encoder_the_usual_one(build):
    layer, z, weights = build(), encodings(1), encodings(3)
    codebook = learned(layer)["codebook"]
    of_z, of_codebook = gradients(layer, z, weights, 2.0)
    expected = weights + 2 * 0.25 * 2 * (z - codebook[plain_search(z, codebook)]) / z.size
    np.testing.assert_allclose(of_z, expected, atol=1e-6)
    assert of_codebook is None or not of_codebook.any()


def test_a_code_that_is_never_used_stays_a_number():
    layer = ema(decay=0.1, size=2)
    layer.codebook.assign(np.array([[50] * D, [200] * D], np.float32))
    layer.total.assign(layer.codebook)
    for step in range(60):
        layer(50 + encodings(step), training=True)
    after = learned(layer)
    assert after["count"][1] == 0, "0.1 to the sixtieth power is no float32"
    assert np.isfinite(after["codebook"]).all()
    np.testing.assert_allclose(after["codebook"][0], 50, atol=1)


# Restarts.


@pytest.mark.parametrize("threshold", [0.95, 1.15])
def test_exactly_the_codes_below_the_threshold_restart_at_encodings_of_the_batch(threshold):
    layer = with_restarts(threshold, size=24)
    restarted_ever = 0
    for step in range(4):
        z = encodings(20 + step, 0.5)
        expected = plain_averages(learned(layer), z, 0.9)
        layer(z, training=True)
        after, unused = learned(layer), expected["count"] < threshold
        assert unused.sum() < 24
        restarted_ever += unused.sum()
        for name in after:
            np.testing.assert_allclose(after[name][~unused], expected[name][~unused], rtol=1e-4, atol=1e-5)
        rows = {tuple(one) for one in z.reshape(-1, D)}
        assert all(tuple(one) in rows for one in after["codebook"][unused])
        np.testing.assert_array_equal(after["total"][unused], after["codebook"][unused])
        np.testing.assert_array_equal(after["count"][unused], 1)
    assert restarted_ever >= 5


def test_restarts_draw_from_the_whole_batch_and_follow_from_the_seed_alone():
    z = encodings(1)
    drawn = {}
    for name, seed in (("first", 5), ("again", 5), ("another", 6)):
        keras.utils.set_random_seed(len(drawn))
        layer = with_restarts(1e9, size=400, seed=seed)
        layer(z, training=True)
        once = learned(layer)["codebook"]
        layer(z, training=True)
        drawn[name] = np.stack([once, learned(layer)["codebook"]])
    np.testing.assert_array_equal(drawn["first"], drawn["again"])
    assert (drawn["first"] != drawn["another"]).any()
    assert (drawn["first"][0] != drawn["first"][1]).any(), "every batch draws anew"
    found = {tuple(one) for one in drawn["first"][0]}
    assert found == {tuple(one) for one in z.reshape(-1, D)}, "400 draws of 48 encodings leave none out"


def test_a_threshold_of_zero_restarts_nothing():
    plain, never = ema(), with_restarts(0.0)
    for step in range(4):
        for layer in (plain, never):
            layer(encodings(step), training=True)
    for name, value in learned(plain).items():
        np.testing.assert_array_equal(value, learned(never)[name])


@pytest.mark.parametrize("kind", ["straight_through", "ema", "restarts"])
def test_nothing_is_updated_at_test_time(kind):
    made = {
        "straight_through": straight_through(encodings(2, shape=(K, D))),
        "ema": ema(),
        "restarts": with_restarts(9.0),
    }
    layer = made[kind]
    before = [weight.numpy() for weight in layer.weights]
    assert before
    first, again = (numbers(layer(encodings(1), training=False)) for _ in range(2))
    for a, b in zip(before, layer.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    layer(encodings(1))  # not to train is the default
    for a, b in zip(before, layer.weights, strict=True):
        np.testing.assert_array_equal(a, b)


# No codebook.


def test_no_quantiser_hands_the_latent_on_with_its_gradient():
    z, weights = tf.constant(encodings(1)), encodings(3)
    with tf.GradientTape() as tape:
        tape.watch(z)
        said = networks.NoQuantiser()(z, training=True)
        total = tf.reduce_sum(weights * said["quantised"]) + said["loss"]
    np.testing.assert_array_equal(said["quantised"], z)
    assert float(said["loss"]) == 0
    np.testing.assert_array_equal(tape.gradient(total, z), weights)
    assert said.keys() == {"quantised", "loss"}


def test_the_rate_of_a_continuous_latent_by_hand():
    """Mean 2: 2 nats. Variance 4: (4 − ln 4 − 1) / 2 nats. Mean −1 and variance 1/4: (1 + 1/4 + ln 4 − 1) / 2."""
    mean, variance = np.array([[2, 0], [0, -1]]), np.array([[1, 4], [1, 0.25]])
    z = np.concatenate([mean[:, :, None], np.log(variance)[:, :, None]], axis=-1)[:, :, None, :]  # B = w = 2, h = 1
    said = numbers(networks.Gaussian(seed=1)(z.swapaxes(1, 2).astype(np.float32)))
    np.testing.assert_allclose(said["rate"], [2 + 0.8068528, 0.8181472], rtol=1e-5)
    assert said["loss"] == 0
    np.testing.assert_array_equal(said["quantised"][..., 0][:, 0], mean)


def test_the_rate_agrees_with_the_closed_form_on_random_latents():
    z = encodings(1, shape=(3, 4, 4, 2 * D))
    mean, deviation = z[..., :D].astype(float), np.exp(z[..., D:].astype(float) / 2)
    expected = (np.log(1 / deviation) + (deviation**2 + mean**2) / 2 - 1 / 2).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(networks.Gaussian(seed=1)(z)["rate"], expected, rtol=1e-5)


def test_a_continuous_latent_is_sampled_in_training_and_its_mean_at_test_time():
    z = np.zeros((400, 4, 4, 2), np.float32)
    z[..., 0], z[..., 1] = 3, np.log(0.25)
    layer = networks.Gaussian(seed=5)
    first, second = (ops.convert_to_numpy(layer(z, training=True)["quantised"]) for _ in range(2))
    assert first.mean() == pytest.approx(3, abs=5 * 0.5 / np.sqrt(first.size))
    assert first.std() == pytest.approx(0.5, rel=0.05)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.1
    np.testing.assert_array_equal(layer(z, training=False)["quantised"], z[..., :1])
    np.testing.assert_array_equal(layer(z)["quantised"], z[..., :1])
    keras.utils.set_random_seed(7)
    np.testing.assert_array_equal(networks.Gaussian(seed=5)(z, training=True)["quantised"], first)
    assert (ops.convert_to_numpy(networks.Gaussian(seed=6)(z, training=True)["quantised"]) != first).any()

"""The relativistic game and its penalty, against formulas and gradients taken exactly."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from replications.training import adversarial

RNG = np.random.default_rng(0)


def discriminator(weights: np.ndarray | None = None) -> keras.Model:
    """(B, 4, 4, 3) → (B, 1): linear with these weights, else a small net."""
    hidden = [] if weights is not None else [keras.layers.Dense(16, "tanh", kernel_initializer="he_normal")]
    net = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), *hidden, keras.layers.Dense(1)])
    if weights is not None:
        net.set_weights([weights[:, None], np.zeros(1)])
    return net


def test_the_pairing_loss_by_hand():
    real, fake = np.array([[2.0], [0.0]], np.float32), np.array([[1.0], [3.0]], np.float32)
    expected = (np.log1p(np.exp(-1)) + np.log1p(np.exp(3))) / 2
    assert float(adversarial.pairing_loss(real, fake)) == pytest.approx(expected, rel=1e-6)
    assert float(adversarial.pairing_loss(fake, fake)) == pytest.approx(np.log(2))


def test_the_penalty_of_a_linear_discriminator_is_its_squared_norm():
    weights = RNG.normal(size=48).astype(np.float32)
    x = RNG.random((4000, 4, 4, 3)).astype(np.float32)
    noise = RNG.standard_normal(x.shape).astype(np.float32)
    net = discriminator(weights)
    penalty = adversarial.gradient_penalty(net, x, net(x), noise, 0.05)
    assert float(penalty) == pytest.approx(np.square(weights).sum(), rel=0.1)


def test_with_a_small_step_it_is_the_exact_gradient_along_the_noise():
    net, x = discriminator(), tf.constant(RNG.random((8, 4, 4, 3)).astype(np.float32))
    noise = RNG.standard_normal(x.shape).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        logits = net(x)
    along = (tape.gradient(logits, x).numpy() * noise).sum(axis=(1, 2, 3))
    penalty = adversarial.gradient_penalty(net, x, net(x), noise, 1e-3)
    assert float(penalty) == pytest.approx(np.square(along).mean(), rel=0.02)


def test_a_frozen_discriminator_hands_gradients_on_and_takes_none():
    net, x = discriminator(), tf.constant(RNG.random((8, 4, 4, 3)).astype(np.float32))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        logits = adversarial.frozen_logits(net, x)
    np.testing.assert_allclose(logits, net(x), rtol=1e-6)
    assert tape.gradient(logits, x) is not None
    assert all(gradient is None for gradient in tape.gradient(logits, [v.value for v in net.trainable_variables]))

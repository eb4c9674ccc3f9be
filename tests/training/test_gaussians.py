"""Diagonal Gaussians against numbers worked out by hand, and against simulation."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from replications.training.gaussians import active_units, kl_to_standard_normal, sample


def test_the_kl_divergence_by_hand():
    """To N(0, 1) from itself 0; from N(2, 1) 2; from N(0, 4) (4 − ln 4 − 1) / 2; from N(−1, 1/4) (1/4 + ln 4) / 2."""
    mean, log_var = np.array([0, 2, 0, -1.0]), np.log([1, 1, 4, 0.25])
    expected = [0, 2, 0.8068528, 0.8181472]
    np.testing.assert_allclose(kl_to_standard_normal(mean, log_var), expected, atol=1e-6)
    of_tensors = kl_to_standard_normal(tf.constant(mean), tf.constant(log_var), ops.exp)
    np.testing.assert_allclose(of_tensors, expected, atol=1e-6)


@pytest.mark.parametrize(("mean", "log_var"), [(0.0, 0.0), (1.5, 0.0), (0.0, -3.0), (-0.7, 1.2), (2.0, -1.0)])
def test_the_kl_divergence_agrees_with_monte_carlo(mean, log_var):
    """E[log q(z) − log p(z)] over z from q."""
    deviation = np.exp(log_var / 2)
    z = sample(np.full(100_000, mean), np.full(100_000, log_var), np.random.default_rng(1))
    log_q = -((z - mean) ** 2) / (2 * deviation**2) - np.log(deviation)
    samples = log_q + z**2 / 2
    standard_error = samples.std() / np.sqrt(len(samples))
    assert abs(samples.mean() - kl_to_standard_normal(mean, log_var)) <= 5 * standard_error + 1e-12


def test_a_sample_has_the_mean_and_the_variance_that_were_said():
    mean, log_var = np.broadcast_to([0.5, -1, 0], (20_000, 3)), np.log(np.broadcast_to([0.25, 1, 2.25], (20_000, 3)))
    z = sample(mean, log_var, np.random.default_rng(1))
    np.testing.assert_allclose(z.mean(axis=0), [0.5, -1, 0], atol=0.05)
    np.testing.assert_allclose(z.std(axis=0), [0.5, 1, 1.5], rtol=0.03)
    np.testing.assert_allclose(np.corrcoef(z.T), np.eye(3), atol=0.03)
    without_noise = np.full(mean.shape, -np.inf)
    np.testing.assert_array_equal(sample(mean, without_noise, np.random.default_rng(1)), mean)


def test_a_unit_is_active_whose_mean_varies_by_more_than_a_hundredth():
    """The variances over two pictures are 0.25, 0.0101, 0.0099 and 0."""
    assert active_units(np.array([[0.0, 0, 0, 3], [1.0, 0.201, 0.199, 3]])) == 2

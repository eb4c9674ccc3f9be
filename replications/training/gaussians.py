"""Diagonal Gaussians N(mean, exp(log_var)), as encoders say them: their divergence, their samples, their use."""

import numpy as np


def kl_to_standard_normal(mean, log_var, exp=np.exp):
    """KL(N(mean, exp(log_var)) ‖ N(0, 1)) of each coordinate in nats (Kingma and Welling 2014, appendix B).

    (mean² + exp(log_var) − log_var − 1) / 2, at least 0. Of arrays, or of tensors with their own `exp`.
    """
    return (mean**2 + exp(log_var) - log_var - 1) / 2


def sample(mean: np.ndarray, log_var: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One draw from N(mean, exp(log_var)) for each coordinate."""
    return mean + np.exp(log_var / 2) * rng.standard_normal(mean.shape)


def active_units(mean: np.ndarray) -> int:
    """How many coordinates of posterior means (N, latent_size) depend on the picture: variance over pictures > 0.01.

    Burda et al. 2016, section 5.2.
    """
    return int((mean.var(axis=0) > 0.01).sum())

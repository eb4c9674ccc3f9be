"""How far apart are two *sets* of images, as distributions? Compared in the features of a net that knows the data."""

import numpy as np

_ROWS = 1024
"""Rows of the kernel's matrix at a time: two sets of ten thousand images would need 0.8 GB for one matrix."""


def kid(features_a: np.ndarray, features_b: np.ndarray) -> float:
    """Kernel distance of two sets of images: the squared maximum mean discrepancy of their features. Smaller is closer.

    Formula: mean of k(a, a′) over all pairs of different a + mean of k(b, b′) over all pairs of different b
    − 2 · mean of k(a, b), with k(x, y) = (x·y / F + 1)³ over F features: unbiased whatever the number of images, so the
    sets may differ in size. Args: (N, F) and (M, F), as of `classification.features`; at least two images each.
    Units: none. Range: about 0 for sets of one distribution (as often below it as above), no upper limit.
    Source: Bińkowski et al. 2018 (Demystifying MMD GANs), section 4, who take Inception's 2048 features, and the mean
    over subsets of 1000 images. Here they are those of a small net trained on the data at hand: compare values of one
    net only, and no value with a published one.
    Blind spot: what the features do not see (fine texture, detail within a class) is not compared. The kernel compares
    three moments of the features, no more. It does not tell lost variety from bad images: read it beside the modes and
    the sharpness. It has no spread of its own: repeat over seeds.
    """
    a, b = _check_features(features_a, "features_a"), _check_features(features_b, "features_b")
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"features_a has {a.shape[1]} features and features_b {b.shape[1]}, expected the same; "
            "read both sets with one net"
        )
    return float(_mean_within(a) + _mean_within(b) - 2 * _sum_between(a, b) / (len(a) * len(b)))


def _mean_within(x: np.ndarray) -> float:
    itself = _kernel((x * x).sum(axis=1), x.shape[1]).sum()
    return (_sum_between(x, x) - itself) / (len(x) * (len(x) - 1))


def _sum_between(x: np.ndarray, y: np.ndarray) -> float:
    return sum(_kernel(x[i : i + _ROWS] @ y.T, x.shape[1]).sum() for i in range(0, len(x), _ROWS))


def _kernel(products: np.ndarray, n_features: int) -> np.ndarray:
    shifted = products / n_features + 1
    return shifted * shifted * shifted  # NumPy's power is many times slower


def _check_features(features: np.ndarray, name: str) -> np.ndarray:
    features = np.asarray(features)
    if features.ndim != 2 or len(features) < 2 or features.shape[1] == 0:
        raise ValueError(
            f"{name} has shape {features.shape}, expected (N, F) with at least two images; "
            "make them with classification.features"
        )
    if not np.issubdtype(features.dtype, np.floating) or not np.isfinite(features).all():
        raise ValueError(
            f"{name} has type {features.dtype} and finite values: {bool(np.isfinite(features).all())}, expected finite "
            "floats; make them with classification.features"
        )
    return features.astype(np.float64, copy=False)

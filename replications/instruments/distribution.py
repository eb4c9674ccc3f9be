"""How far apart are two *sets* of images, as distributions, and how many of one lie among those of the other?"""

from collections.abc import Iterator

import numpy as np

_ROWS = 1024
"""Rows of a matrix of pairs at a time: two sets of ten thousand images would need 0.8 GB for the whole of it."""


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


def precision(pictures: np.ndarray, photos: np.ndarray, k: int = 3) -> float:
    """Share of pictures that lie among photographs. Larger is better; other photographs stay below 1.

    Formula: mean over pictures x of (some photograph p has ∠(x, p) ≤ r(p)), r(p) being the angle from p to its k-th
    nearest other photograph; the angle is that of the intensities as vectors, so how bright a picture is does not
    count. A black picture lies among none. Args: uint8 (M, H, W, 3) and (N, H, W, 3) with N above k. Units: none.
    Range: 0 to 1. Source: improved precision, f(φ, Φ) in equations 1 and 2 of Kynkäänniemi et al. 2019, with k = 3 as
    there; they compare distances of features of VGG-16. Here pixels are compared, so it is for pictures that are
    aligned, as digits are; distances of pixels would put black pictures and scraps of strokes among digits. Compare it
    with what other photographs reach.
    Blind spot: what averages several photographs lies among them, so blur and less contrast raise it; one photograph
    again and again may have 1; a shift by a pixel lowers it. Read it beside the sharpness and KID.
    """
    for name, images in (("pictures", pictures), ("photos", photos)):
        if images.dtype != np.uint8 or images.ndim != 4 or len(images) == 0:
            raise ValueError(f"{name} has type {images.dtype} and shape {images.shape}, expected uint8 (N, H, W, 3)")
    if pictures.shape[1:] != photos.shape[1:]:
        raise ValueError(f"pictures are {pictures.shape[1:]} and photos {photos.shape[1:]}, expected one size")
    if not 0 < k < len(photos):
        raise ValueError(f"k is {k}, expected from 1 to {len(photos) - 1}, one less than there are photos")
    flat_x, flat_p = (of.reshape(len(of), -1).astype(np.float64) for of in (pictures, photos))
    # A photograph is as near to itself as can be: the k-th nearest other one has the (k + 1)-th largest cosine.
    reach = np.concatenate([np.partition(rows, -k - 1, axis=1)[:, -k - 1] for rows in _cosines(flat_p, flat_p)])
    return float(np.concatenate([(rows >= reach).any(axis=1) for rows in _cosines(flat_x, flat_p)]).mean())


def _cosines(x: np.ndarray, y: np.ndarray) -> Iterator[np.ndarray]:
    """Of the angles from rows of x to all of y, some rows at a time; -1 where one of them is black.

    Intensities are whole numbers, so products and their sums are exact, and every processor finds the same cosines.
    """
    of_y = (y * y).sum(axis=1)
    for rows in (x[i : i + _ROWS] for i in range(0, len(x), _ROWS)):
        lengths = np.sqrt((rows * rows).sum(axis=1)[:, None] * of_y)
        yield np.divide(rows @ y.T, lengths, out=np.full(lengths.shape, -1.0), where=lengths > 0)


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

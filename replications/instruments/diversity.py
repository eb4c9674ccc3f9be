"""How much do outputs differ from each other?

Both instruments are mean absolute differences between pairs of images, in intensities, and so can be set beside
the true diversity of a world whose conditional distribution is known. Axes: M inputs, K draws each, N images.
"""

import numpy as np

from replications.instruments._images import check_intensities

# Pixels sorted at a time: keeps the temporaries in the processor's cache.
_CHUNK = 1024


def conditional_diversity(draws: np.ndarray) -> np.ndarray:
    """How much the outputs for *one* input differ from each other. Larger is more diverse.

    Formula: for each input the mean over the K (K - 1) / 2 pairs of its draws, and over pixels and channels, of
    |x_i - x_j|. Args: draws (M, K, H, W, 3), RGB in [0, 1], K >= 2. Returns (M,). Units: intensity.
    Range: [0, K / (2 (K - 1))]; 0 where the noise is ignored, a "Dirac delta".
    Source: Isola et al. 2017 (pix2pix), section 3.2.2, make the claim without a number; pairwise distance between
    draws as in Zhu et al. 2017 (BicycleGAN), who use a perceptual distance.
    Blind spot: any difference counts: pixel noise or flicker in texture is as good as a wall of another colour, and a
    fully diverse world of few modes scores below a noisy one.
    """
    draws = check_intensities(draws, "MKHW3", "draws")
    inputs, count = draws.shape[:2]
    if count < 2:
        raise ValueError(f"draws holds {count} output per input, expected at least 2; draw the noise more than once")
    return np.array([_mean_difference_to_others(one).mean() for one in draws.reshape(inputs, count, -1)])


def variety(images: np.ndarray) -> np.ndarray:
    """How much the outputs for *different* inputs differ from each other. Larger is more varied.

    Formula: for each image the mean over the N - 1 others, and over pixels and channels, of |x_i - x_j|.
    Args: images (N, H, W, 3), RGB in [0, 1], N >= 2. Returns (N,). Units: intensity. Range: [0, 1]; 0 when every input
    gets the same output.
    Source: the collapse of the unconditional GAN in Isola et al. 2017 (pix2pix), section 4.2; a number of our own.
    Blind spot: differences in brightness dominate; noise counts; a generator that permutes its outputs
    among the inputs is as varied as one that listens to them, so read it beside the fidelity.
    """
    images = check_intensities(images, "NHW3")
    if len(images) < 2:
        raise ValueError(f"images holds {len(images)} image, expected at least 2; hand over the whole set")
    return _mean_difference_to_others(images.reshape(len(images), -1))


def _mean_difference_to_others(values: np.ndarray) -> np.ndarray:
    """For each row of (N, D): mean over the other rows and over D of the absolute difference; in N log N time.

    Within one column sorted to s[0] <= ... <= s[N-1], with c the running sum of s:
    sum over j of |s[r] - s[j]| = s[r] (2 r + 2 - N) + c[N-1] - 2 c[r].
    """
    count, size = values.shape
    factor = (2 * np.arange(count) + 2 - count)[:, None]
    total = np.zeros(count)
    for start in range(0, size, _CHUNK):
        column = values[:, start : start + _CHUNK]
        order = np.argsort(column, axis=0)
        ordered = np.take_along_axis(column, order, axis=0)
        running = np.cumsum(ordered, axis=0)
        differences = np.empty_like(ordered)
        np.put_along_axis(differences, order, ordered * factor + running[-1] - 2 * running, axis=0)
        total += differences.sum(axis=1)
    # Rounding may leave -1e-17 for identical images.
    return np.maximum(total, 0) / (size * (count - 1))

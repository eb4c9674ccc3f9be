"""How close is an output to its target, pixel by pixel?

Each instrument takes `output` and `target` (N, H, W, 3), RGB in [0, 1], and returns one float per image (N,). All of
them reward the average of the plausible answers: a blurred output that commits to nothing is close to every
target, a crisp one that chose another plausible answer is far. So never read them without the sharpness.
"""

import numpy as np
from skimage.metrics import structural_similarity

from replications.instruments._images import check_pair

# Stands for "identical". One 8-bit step in one pixel of a 64 px image gives 89 dB.
HIGHEST_PSNR = 100.0


def l1(output: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Mean absolute error per image. Smaller is closer.

    Formula: mean over pixels and channels of |output - target|. Units: intensity. Range: [0, 1].
    Source: the reconstruction term of Isola et al. 2017 (pix2pix), eq. 3.
    Blind spot: its minimum is the conditional median, whether or not that is a possible image; a shift by one
    pixel costs as much as a loss of all texture. It is also what some of the nets were trained on.
    """
    output, target = check_pair(output, target)
    return np.abs(output - target).mean(axis=(1, 2, 3))


def mse(output: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Mean squared error per image. Smaller is closer.

    Formula: mean over pixels and channels of (output - target)². Units: intensity². Range: [0, 1].
    Source: the Gaussian log-likelihood at fixed variance, up to constants.
    Blind spot: its minimum is the conditional mean, which is blurred wherever the target is uncertain; a few
    large errors outweigh many small ones.
    """
    output, target = check_pair(output, target)
    return ((output - target) ** 2).mean(axis=(1, 2, 3))


def psnr(output: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio per image. Larger is closer.

    Formula: -10 log10(mse), the peak being 1. Units: dB. Range: [0, 100]: identical images, infinite by the formula,
    have 100, so that a mean over images stays finite. Else equal to `skimage.metrics.peak_signal_noise_ratio`.
    Source: as usual; per image and then averaged, not of the pooled error.
    Blind spot: that of `mse`. The logarithm lets a few nearly perfect images lift the mean.
    """
    return -10 * np.log10(np.maximum(mse(output, target), 10 ** (-HIGHEST_PSNR / 10)))


def ssim(output: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Structural similarity per image. Larger is closer.

    Formula: `skimage.metrics.structural_similarity` with the settings of the paper: Gaussian window of 1.5 px (11 px
    across), K1 = 0.01, K2 = 0.03, population covariance; per colour channel, then averaged. Units: none.
    Range: [-1, 1], 1 for identical images.
    Source: Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity", eq. 13.
    Blind spot: texture in the wrong phase (bricks one pixel off) scores below no texture at all; in dark or flat
    regions the constants decide.
    """
    output, target = check_pair(output, target, smallest_side=11)
    return np.array(
        [
            structural_similarity(
                one_output,
                one_target,
                channel_axis=-1,
                data_range=1.0,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
            )
            for one_output, one_target in zip(output, target, strict=True)
        ]
    )


def scores(output: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """Name → mean over the images by each instrument of this file."""
    return {instrument.__name__: float(instrument(output, target).mean()) for instrument in (l1, mse, psnr, ssim)}

"""How wide is the range of colours, and is it that of the real images?

These instruments judge *sets* of images: `images` (N, H, W, 3), RGB in [0, 1] (sRGB, D65), pooled over all pixels,
give one float per channel of CIE Lab: lightness "L", green-red "a", blue-yellow "b".
"""

import numpy as np
from skimage.color import rgb2lab

from replications.instruments._images import check_intensities

# Bins two units wide (about one just noticeable difference), over ranges that hold all of sRGB: a lies in [-86.2, 98.3]
# and b in [-107.9, 94.5]. Zero is the middle of a bin: at an edge, rounding would spread neutral greys over two.
BINS = {"L": np.linspace(0, 100, 51), "a": np.linspace(-111, 111, 112), "b": np.linspace(-111, 111, 112)}


def lab_histogram_intersection(output: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """Overlap of the colour distributions of two sets of images. Larger is closer.

    Formula: per channel of Lab, sum over bins of min(p, q), p and q being the normalised marginal histograms over
    all pixels of each set; bins of two units, L over [0, 100], a and b over [-111, 111]. The sets may differ in
    number and size of images. Units: none. Range: [0, 1], 1 for equal histograms.
    Source: Isola et al. 2017 (pix2pix), section 4.2 and Fig. 7, who do not give their bins (so compare orders and
    differences with their numbers, not values); intersection: Swain & Ballard 1991.
    Blind spot: the position of a colour does not count: shuffled pixels score 1. The channels are taken one by one, so
    wrong combinations pass. Frequent colours decide. With few colours (a procedural world) a shift of one bin
    costs as much as a shift of twenty; read `lab_spread` beside it.
    """
    p, q = _histograms(output, "output"), _histograms(target, "target")
    return {channel: float(np.minimum(p[channel], q[channel]).sum()) for channel in BINS}


def lab_spread(images: np.ndarray) -> dict[str, float]:
    """Standard deviation of the colours of a set of images: small is what "narrow" means.

    Formula: per channel of Lab, the standard deviation over all pixels of the set. Units: Lab units (about half a
    just noticeable difference each). Range: [0, 50] for L, [0, 110] for a and b; 0 for one flat colour.
    Source: the narrowing by L1 claimed in Isola et al. 2017 (pix2pix), section 4.2, as a number of its own.
    Blind spot: it asks for width, not for truth: colour noise or garish colours are wide. It mixes the variation
    within images with that between them. Blur alone lowers it a little, by averaging neighbours.
    """
    return {channel: float(values.std()) for channel, values in _channels(images, "images").items()}


def _channels(images: np.ndarray, name: str) -> dict[str, np.ndarray]:
    lab = rgb2lab(check_intensities(images, "NHW3", name)).reshape(-1, 3)
    return dict(zip(BINS, lab.T, strict=True))


def _histograms(images: np.ndarray, name: str) -> dict[str, np.ndarray]:
    histograms = {}
    for channel, values in _channels(images, name).items():
        edges = BINS[channel]
        # Rounding puts pure white at L = 100.000004, which numpy would leave out.
        counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
        histograms[channel] = counts / counts.sum()
    return histograms

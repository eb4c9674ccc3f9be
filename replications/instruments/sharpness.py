"""How sharp is an image? Six unrelated answers, none of them to be trusted alone.

Each instrument maps images (N, H, W, 3), RGB in [0, 1], to one float per image (N,), from the Rec. 709 luma.
The absolute values mean little; compare them with those of real images of the same kind and size. All of them
look at fine structure, not at whether it belongs there: artifacts and noise count as sharpness, and an image
can come out "sharper" than reality. None responds to a left-right flip or to more brightness.
"""

import numpy as np
from scipy import ndimage
from skimage import measure

from replications.instruments._images import EIGHT_BIT_STEP, ROUNDING_VARIANCE, grey

# The spectral slope of an image without content: below that of any content. The steepest there is, one slow wave on
# 16 px, has -7.5.
FLAT_SLOPE = -8.0


def gradient_energy(images: np.ndarray) -> np.ndarray:
    """Mean squared Sobel gradient ("Tenengrad"). Larger is sharper.

    Formula: mean over the inner pixels of Gx² + Gy², with Sobel kernels normalised so that a ramp of slope s
    (intensity per pixel) gives s². Units: (intensity / pixel)². Range: [0, 0.5]; 0 for a flat image.
    Source: Tenenbaum 1970; Krotkov 1987, "Focusing".
    Blind spot: contrast. Halving it divides the value by four at the same blur, and one strong edge outweighs
    a wall of faint bricks. Noise counts as gradient. The Sobel kernel does not see a one-pixel checkerboard.
    """
    luma = grey(images)
    smooth, difference = np.array([1, 2, 1]) / 4, np.array([-1, 0, 1]) / 2
    # Filtered along rows and columns only: `ndimage.sobel` of a stack would also smooth over its images.
    gx = ndimage.correlate1d(ndimage.correlate1d(luma, smooth, axis=1), difference, axis=2)
    gy = ndimage.correlate1d(ndimage.correlate1d(luma, smooth, axis=2), difference, axis=1)
    return _inner(gx**2 + gy**2).mean(axis=(1, 2))


def laplacian_variance(images: np.ndarray) -> np.ndarray:
    """Variance of the four-neighbour Laplacian. Larger is sharper.

    Formula: variance over the inner pixels of (sum of the four neighbours - 4 x the pixel).
    Units: intensity². Range: [0, 16], the upper end reached by a one-pixel checkerboard; 0 for a flat image.
    Source: Pech-Pacheco et al. 2000, "Diatom autofocusing in brightfield microscopy", eq. for LAP_VAR.
    Blind spot: noise. White noise of standard deviation s adds 20 s², so a noisy blurred image passes for a
    sharp one. Contrast, as for the gradient energy.
    """
    return _inner(ndimage.laplace(grey(images), axes=(1, 2))).var(axis=(1, 2))


def high_frequency_share(images: np.ndarray) -> np.ndarray:
    """Share of the spectral power above a quarter of the sampling frequency. Larger is sharper.

    Formula: power at radii above 0.25 cycles/pixel, less that of 8-bit rounding, over all power except the mean's,
    of the luma under a Hann window (so that the jump between opposite borders does not pass for an edge). The
    corners of the spectrum, up to 0.71 cycles/pixel, count. Units: none. Range: [0, 1]; white noise has
    1 - π/16 = 0.80; a flat image has 0 by definition. Nearly independent of contrast.
    Source: the band-power ratio of autofocus studies, e.g. Firestone et al. 1991; the cut is ours.
    Blind spot: it bottoms out: a Gaussian blur of 2 px leaves nothing above the cut, and no stronger blur can be
    told from it. It looks away from the borders (the window). A smooth gradient over the whole image, such as a
    sky, dwarfs the texture and lowers the share of a perfectly sharp picture. Noise raises it.
    """
    power = _power(grey(images))
    content = power.sum(axis=(1, 2))
    fine = _radius(power) > 0.25
    # Less what 8-bit rounding puts there: it outweighs what a strong blur leaves.
    above = np.maximum(power[:, fine].sum(axis=1) - fine.sum() * ROUNDING_VARIANCE, 0)
    has_content = content > power[0].size * ROUNDING_VARIANCE
    return np.divide(above, content, out=np.zeros_like(content), where=has_content)


def spectral_slope(images: np.ndarray) -> np.ndarray:
    """Slope of log power against log frequency. Larger (less negative) is sharper.

    Formula: least-squares slope of ln(P(f) + P0) on ln(f), P being the Hann-windowed power averaged over rings one
    frequency step wide, f from 1/side to 0.5 cycles/pixel, every octave weighing the same, and P0 the power of
    8-bit rounding. Units: none (an exponent). Range: about -7.5 to 0: photographs have about -2, white noise 0;
    a flat image has -8 by definition. Nearly independent of contrast.
    Source: Field 1987 (power of natural images falls as f ** -2); blur as a steeper slope: Vu & Chandler 2009 (S3).
    Blind spot: a strong blur leaves nothing but rounding in the upper rings, where the slope settles: between
    standard deviations of 3 and 4 px it no longer tells two blurs apart (at 32 px), and beyond that it turns back.
    Periodic texture such as bricks is no power law, so only compare images of one kind. Noise flattens the slope.
    """
    power = _power(grey(images))
    side = min(power.shape[1:])
    ring = np.rint(_radius(power) * side).astype(int)
    frequency = np.arange(1, side // 2 + 1) / side
    profile = np.stack([power[:, ring == step].mean(axis=1) for step in range(1, side // 2 + 1)])
    # The number of rings per octave grows with f; polyfit squares its weights.
    slope = np.polyfit(np.log(frequency), np.log(profile + ROUNDING_VARIANCE), 1, w=frequency**-0.5)[0]
    has_content = power.sum(axis=(1, 2)) > power[0].size * ROUNDING_VARIANCE
    return np.where(has_content, slope, FLAT_SLOPE)


def edge_width(images: np.ndarray) -> np.ndarray:
    """Mean width of the strong edges, in pixels. Larger is BLURRIER.

    Formula: along every row and every column the luma is cut into runs that only rise or only fall, from one local
    extremum to the next. A run that rises or falls by at least 20 % of the image's intensity range is an edge;
    its width is its height over its steepest step, and the widths are averaged with the heights as weights.
    Units: pixels. Range: [1, side]: a step has 1, a Gaussian-blurred step σ √(2π); an image with no edge at all
    has its larger side, by definition. Independent of contrast.
    Source: Marziliano et al. 2002, "A no-reference perceptual blur metric". Three changes: they count the pixels
    between the extrema, which 8-bit rounding of an edge's tails shortens; they take vertical edges only; and
    their weights are equal, so an edge that is blurred below the threshold leaves with a jump.
    Blind spot: detail that the blur has erased no longer counts, only the edges that are left; one narrow
    artifact of high contrast makes all other edges weak. Noise cuts the edges of a photograph into short, "sharp"
    runs, but lengthens the one-pixel steps of a drawing.
    """
    luma = grey(images)
    strong = np.maximum(0.2 * np.ptp(luma, axis=(1, 2)), 1.5 * EIGHT_BIT_STEP)
    height_sum, weighted_width_sum = np.zeros(len(luma)), np.zeros(len(luma))
    for lines in (luma, luma.swapaxes(1, 2)):
        step = np.diff(lines, axis=2)
        # Differences below half an 8-bit step are level ground. The zero appended to each line ends its last run.
        direction = np.where(np.abs(step) < 0.5 * EIGHT_BIT_STEP, 0, np.sign(step))
        step, direction = (np.pad(a, ((0, 0), (0, 0), (0, 1))).ravel() for a in (step, direction))
        start = np.concatenate([[0], 1 + np.flatnonzero(np.diff(direction))])
        height = np.abs(np.add.reduceat(step, start))
        steepest = np.maximum.reduceat(np.abs(step), start)
        image = start // (lines.shape[1] * lines.shape[2])
        edge = (direction[start] != 0) & (height >= strong[image])
        weighted_width = height[edge] ** 2 / steepest[edge]
        height_sum += np.bincount(image[edge], height[edge], minlength=len(luma))
        weighted_width_sum += np.bincount(image[edge], weighted_width, minlength=len(luma))
    no_edge = np.full(len(luma), float(max(luma.shape[1:])))
    return np.divide(weighted_width_sum, height_sum, out=no_edge, where=height_sum > 0)


def blur_effect(images: np.ndarray) -> np.ndarray:
    """How little a further blur changes the image. Larger is BLURRIER.

    Formula: `skimage.measure.blur_effect` of the luma: the share of the Sobel gradient that survives an 11-pixel
    moving average, per axis, the worse axis counting. Units: none. Range: [0, 1]; 1 for a flat image.
    Source: Crete et al. 2007, "The blur effect: perception and estimation with a new no-reference metric".
    Blind spot: noise is what the moving average removes first, so a noisy photograph counts as sharper (a noisy
    drawing, whose steps were sharper still, as blurrier). The 11 pixels are a third of a 32 px image: compare at
    one size only. It saturates once the blur is wider than the average. A flip moves it in the third decimal.
    """
    return np.array([measure.blur_effect(luma) for luma in grey(images)])


# Name -> the instrument, and +1 where a larger value is sharper, -1 where it is blurrier.
SHARPNESS = {
    "gradient_energy": (gradient_energy, +1),
    "laplacian_variance": (laplacian_variance, +1),
    "high_frequency_share": (high_frequency_share, +1),
    "spectral_slope": (spectral_slope, +1),
    "edge_width": (edge_width, -1),
    "blur_effect": (blur_effect, -1),
}


def relative(output: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Every instrument's score of a set of outputs relative to that of real images of the same kind.

    Args: output (N, H, W, 3) and real (M, H, W, 3), RGB in [0, 1]. Returns name → ratio of the means over the images
    (1: as sharp as real) and `name_distance` → |ln ratio|, 0 at 1: artifacts overshoot, and a distance counts both
    errors. The spectral slope is a logarithm already: its score is the difference (0: as real).
    """
    scores = {}
    for name, (instrument, _) in SHARPNESS.items():
        of_output, of_real = instrument(output).mean(), instrument(real).mean()
        if name == "spectral_slope":
            scores[name], scores[f"{name}_distance"] = of_output - of_real, abs(of_output - of_real)
        else:
            scores[name], scores[f"{name}_distance"] = of_output / of_real, abs(np.log(of_output / of_real))
    return scores


def _inner(filtered: np.ndarray) -> np.ndarray:
    """Without the outermost pixels, whose neighbours would have to be invented."""
    return filtered[:, 1:-1, 1:-1]


def _power(luma: np.ndarray) -> np.ndarray:
    """Power spectrum (N, H, W) under a Hann window; white noise of variance v has v everywhere (but at 0)."""
    rows, columns = (np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in luma.shape[1:])
    window = np.outer(rows, columns)
    # The windowed mean: it leaves exactly nothing at frequency zero.
    mean = np.average(luma, axis=(1, 2), weights=np.broadcast_to(window, luma.shape))[:, None, None]
    return np.abs(np.fft.fft2((luma - mean) * window)) ** 2 / (window**2).sum()


def _radius(power: np.ndarray) -> np.ndarray:
    """Distance (H, W) of each coefficient from frequency zero, in cycles per pixel."""
    height, width = power.shape[1:]
    return np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :])

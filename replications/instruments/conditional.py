"""How far is an output from what is known of p(photo | map)? Only for the procedural world, where all of it is known.

`known` is a list of N `world.Conditional`; outputs are (N, H, W, 3) in [0, 1]. What can be said of one output is an
array (N,); what compares sets is one number. All are this suite's own, but for the floors (any text on decision theory:
the mean is best under squared, the median under absolute error).
"""

import numpy as np
from scipy import ndimage
from skimage.color import rgb2gray

from replications.datasets.world import SHADOW_EDGES, WALL, Conditional, conditional


def distributions(labels: np.ndarray) -> list[Conditional]:
    """The exact distribution of each label map (N, H, W)."""
    return [conditional(one) for one in labels]


def distance_to_mean(output: np.ndarray, known: list[Conditional]) -> np.ndarray:
    """Mean |output − E[photo | map]|, intensities, 0 to 1; 0 for the minimiser of the expected squared error.

    Blind spot: it is small as well where mean and median are alike, and it does not say which way an output errs.
    """
    return np.array([np.abs(x - c.mean).mean() for x, c in zip(output, known, strict=True)])


def distance_to_median(output: np.ndarray, known: list[Conditional]) -> np.ndarray:
    """Mean |output − median(photo | map)|, intensities, 0 to 1; 0 for the minimiser of the expected absolute error.

    Blind spot: it is small as well where median and mean are alike; and the medians of all pixels together need not be
    a possible photo.
    """
    return np.array([np.abs(x - c.median).mean() for x, c in zip(output, known, strict=True)])


def preference(to_mean: np.ndarray, to_median: np.ndarray) -> float:
    """(d_median − d_mean) / (d_median + d_mean) of the mean distances: 1 is the mean itself, −1 the median itself.

    Args: what `distance_to_mean` and `distance_to_median` give, (N,). Units: none. Range: −1 to 1.
    Blind spot: 0 can mean halfway between the two or far from both; read it beside the distances.
    """
    mean, median = to_mean.mean(), to_median.mean()
    return float((median - mean) / (median + mean))


def distance_to_support(output: np.ndarray, known: list[Conditional]) -> np.ndarray:
    """Mean distance of each pixel to the nearest colour that it can have, intensities, 0 to 1; 0 on the support.

    Blind spot: pixel by pixel, so an output may mix the bricks of one wall with another's.
    """
    return np.array([c.distance_to_support(x).mean() for x, c in zip(output, known, strict=True)])


def l1_above_floor(output: np.ndarray, known: list[Conditional]) -> np.ndarray:
    """E|photo − output| over all photos of the map, less the smallest that any output can reach; ≥ 0, intensities.

    Blind spot: it rewards the median, whether or not that is a possible photo; a perfect sample is above the floor.
    """
    return np.array([c.expected_l1(x) - c.l1_floor for x, c in zip(output, known, strict=True)])


def mse_above_floor(output: np.ndarray, known: list[Conditional]) -> np.ndarray:
    """E(photo − output)² less its floor, the conditional variance: mean (output − conditional mean)².

    Units: squared intensities. Range: from 0, the mean itself.
    Blind spot: it rewards the blurred mean; a perfect sample is as far above the floor as the floor is high.
    """
    return np.array([np.square(x - c.mean).mean() for x, c in zip(output, known, strict=True)])


def true_diversity(known: list[Conditional]) -> np.ndarray:
    """E|photo − photo′| of two independent photos of one map: an ideal generator's `conditional_diversity`.

    Units: intensities. Range: from 0, where the map decides everything, to 1.
    Blind spot: that of `conditional_diversity`: other photos, or noise, may differ as much.
    """
    return np.array([c.diversity for c in known])


def energy(
    output: np.ndarray, target: np.ndarray, labels: np.ndarray, known: list[Conditional], *, uncertain: bool
) -> float:
    """Gradient energy relative to the real photos', inside areas of one class that are (un)certain.

    Units: none. Range: from 0, flat; 1 is as sharp as real there. A pixel counts where its whole 3 × 3 neighbourhood is
    of one class (labels (N, H, W)) and (un)certain throughout: the borders between classes, sharp in every output,
    count in neither.
    Blind spot: that of `gradient_energy`: contrast, and artifacts that pass for texture.
    """
    of_output = of_photos = 0.0
    for x, y, classes, c in zip(output, target, labels, known, strict=True):
        inside = ndimage.minimum_filter(classes, 3) == ndimage.maximum_filter(classes, 3)
        where = inside & ndimage.binary_erosion(c.uncertain == uncertain, np.ones((3, 3)))
        of_output += _gradient_energy(x)[where].sum()
        of_photos += _gradient_energy(y)[where].sum()
    return float(of_output / of_photos)


def shadow_step(output: np.ndarray, target: np.ndarray, labels: np.ndarray) -> float:
    """How steeply the shadow on the wall ends, relative to the real photos: an edge whose place the map leaves open.

    Formula: Σ_images max over the places where it may end of (mean luma of the wall's pixels in the two columns from
    there on − that in the two columns before), over the same sum of the real photos. A definite edge counts wherever
    it is put. Args: output and target, the real photos, in [0, 1] (N, H, W, 3); labels, their maps (N, H, W).
    Units: none. Range: from about 0, no edge anywhere, to 1, as definite as in photos; a shadow that fades over all of
    its places, as the mean of all photos does, has a seventh of that, and a little for the bricks.
    Blind spot: the joints of bricks are steps, too, and lost contrast looks like a soft edge.
    """
    return float(_steepest(output, labels).sum() / _steepest(target, labels).sum())


def _steepest(photos: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(N,): the largest rise of the wall's luma over the place of an edge."""
    unit = labels.shape[1] // 32
    wall = labels == WALL
    luma = rgb2gray(photos) * wall
    rises = []
    for edge in SHADOW_EDGES * unit:
        sides = [np.s_[:, :, edge : edge + 2 * unit], np.s_[:, :, edge - 2 * unit : edge]]
        light, dark = (luma[side].sum(axis=(1, 2)) / np.maximum(wall[side].sum(axis=(1, 2)), 1) for side in sides)
        rises.append(light - dark)
    return np.max(rises, axis=0)


def _gradient_energy(image: np.ndarray) -> np.ndarray:
    luma = rgb2gray(image)
    return ndimage.sobel(luma, axis=0) ** 2 + ndimage.sobel(luma, axis=1) ** 2

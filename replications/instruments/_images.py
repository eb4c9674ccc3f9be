"""What every instrument asks of the images handed to it: one check, in one place.

Axes: N images, H rows, W columns, 3 colours (RGB).
"""

import numpy as np
from skimage.color import rgb2gray

# One step of an 8-bit image, and the variance that rounding to such steps adds to a pixel. Images come from
# 8-bit files, so nothing finer than this is evidence of anything.
EIGHT_BIT_STEP = 1 / 255
ROUNDING_VARIANCE = EIGHT_BIT_STEP**2 / 12


def check_intensities(images: np.ndarray, axes: str, name: str = "images", smallest_side: int = 1) -> np.ndarray:
    """Return `images` as float64, or say at the door what is wrong with them.

    Args:
        images: floats in [0, 1], RGB along the last axis.
        axes: the expected axes, one letter each, such as "NHW3".
        name: what the caller calls them, for the message.
        smallest_side: fewest rows and columns the instrument can work with.
    """
    images = np.asarray(images)
    expected = "(" + ", ".join(axes) + ")"
    if images.ndim != len(axes) or images.shape[-1] != 3:
        raise ValueError(
            f"{name} has shape {images.shape}, expected {expected} with RGB along the last axis; "
            "add the missing axis, or repeat a grey channel three times"
        )
    if images.size == 0 or min(images.shape[-3:-1]) < smallest_side:
        raise ValueError(
            f"{name} has shape {images.shape}, expected at least one image and sides of at least "
            f"{smallest_side} px; hand over larger images"
        )
    if not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"{name} has type {images.dtype}, expected floats in [0, 1]; divide 8-bit images by 255")
    low, high = float(images.min()), float(images.max())
    # `not (... <= ...)` rather than `>`, so that a NaN is caught as well. The tolerance lets float32 rounding by.
    if not (low >= -1e-6 and high <= 1 + 1e-6):
        raise ValueError(
            f"{name} has values from {low} to {high}, expected intensities in [0, 1]; "
            "scale them (255 for 8-bit images, (x + 1) / 2 for tanh outputs) and clip"
        )
    return np.clip(images.astype(np.float64, copy=False), 0, 1)


def check_pair(output: np.ndarray, target: np.ndarray, smallest_side: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Check two batches (N, H, W, 3) that are compared image by image."""
    if np.shape(output) != np.shape(target):
        raise ValueError(
            f"output has shape {np.shape(output)} and target {np.shape(target)}, expected the same; "
            "hand over one target for each output, at the same size"
        )
    return (
        check_intensities(output, "NHW3", "output", smallest_side),
        check_intensities(target, "NHW3", "target", smallest_side),
    )


def grey(images: np.ndarray, smallest_side: int = 16) -> np.ndarray:
    """Check `images` (N, H, W, 3) and return their Rec. 709 luma (N, H, W)."""
    return rgb2gray(check_intensities(images, "NHW3", smallest_side=smallest_side))

"""The photographs that come with scikit-image, and known ways to damage images, each with growing strength.

Axes: N images, H rows, W columns, 3 colours (RGB). Distortions take and give floats in [0, 1], as an 8-bit file holds
them. Everything random is seeded.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage import data, transform

SEED = 7
DARKEST = 0.1
"""No photograph is darker (nor is the world): so much light can be taken away before anything is clipped."""


# --- images --------------------------------------------------------------------------------------------------------


@cache
def photographs(side: int) -> np.ndarray:
    """Photographs that come with scikit-image itself, nothing to download: (6, side, side, 3)."""
    sources = (data.astronaut, data.chelsea, data.coffee, data.rocket, data.hubble_deep_field, data.retina)
    return np.stack([_square(source(), side) for source in sources])


def _square(photo: np.ndarray, side: int) -> np.ndarray:
    short = min(photo.shape[:2])
    top, left = (photo.shape[0] - short) // 2, (photo.shape[1] - short) // 2
    crop = photo[top : top + short, left : left + short, :3]
    return eight_bit(np.asarray(transform.resize(crop, (side, side), anti_aliasing=True)))


def eight_bit(images: np.ndarray) -> np.ndarray:
    """As a file holds them."""
    return np.rint(np.clip(images, 0, 1) * 255) / 255


# --- distortions: images (N, H, W, 3) and a strength to damaged images ------------------------------------------------


def blurred(images: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of this standard deviation in pixels."""
    return eight_bit(ndimage.gaussian_filter(images, sigma, axes=(1, 2)))


def noisy(images: np.ndarray, sigma: float) -> np.ndarray:
    """White noise, the same in the three channels so that it is all luma."""
    noise = np.random.default_rng(SEED).normal(0, sigma, (*images.shape[:3], 1))
    return eight_bit(images + noise)


def salted(images: np.ndarray, share: float) -> np.ndarray:
    """Salt and pepper: this share of the pixels is black or white, a half each."""
    chance = np.random.default_rng(SEED).random((*images.shape[:3], 1))
    return np.where(chance < share / 2, 0.0, np.where(chance > 1 - share / 2, 1.0, images))


def through_jpeg(images: np.ndarray, quality: float) -> np.ndarray:
    """Saved as JPEG of this quality, and loaded again."""

    def one(image: np.ndarray) -> np.ndarray:
        file = io.BytesIO()
        _picture(image).save(file, "JPEG", quality=int(quality))
        return np.asarray(Image.open(file)) / 255

    return np.stack([one(image) for image in images])


def rescaled(images: np.ndarray, factor: float) -> np.ndarray:
    """Made smaller by this factor (means of blocks) and as large again as they were (bicubic)."""

    def one(image: np.ndarray) -> np.ndarray:
        picture = _picture(image)
        small = picture.resize([round(side / factor) for side in picture.size], Image.Resampling.BOX)
        return np.asarray(small.resize(picture.size, Image.Resampling.BICUBIC)) / 255

    return np.stack([one(image) for image in images])


def _picture(image: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(image * 255).astype(np.uint8))


def checkered(images: np.ndarray, amplitude: float) -> np.ndarray:
    """A checkerboard of single pixels on top, up and down by this much: what transposed convolutions leave."""
    board = (-1.0) ** np.indices(images.shape[1:3]).sum(axis=0)
    return eight_bit(images + amplitude * board[..., None])


def shifted(images: np.ndarray, pixels: float) -> np.ndarray:
    """Down and to the right; what leaves comes in on the other side."""
    return np.roll(images, (int(pixels), int(pixels)), axis=(1, 2))


def flipped(images: np.ndarray) -> np.ndarray:
    """Mirrored, left to right."""
    return images[:, :, ::-1]


def patches_shuffled(images: np.ndarray, pieces: float) -> np.ndarray:
    """Each picture cut into this many pieces a side, and put together in another order: locally right, no whole."""
    rng, k = np.random.default_rng(SEED), int(pieces)
    n, height, width, _ = images.shape
    grid = images.reshape(n, k, height // k, k, width // k, 3).swapaxes(2, 3)
    orders = [rng.permutation(k * k) for _ in range(n)]
    mixed = np.stack([one.reshape(k * k, -1)[order] for one, order in zip(grid, orders, strict=True)])
    return mixed.reshape(grid.shape).swapaxes(2, 3).reshape(images.shape)


def darkened(images: np.ndarray, light: float) -> np.ndarray:
    """This much light less, in every pixel, in whole 8-bit steps; up to DARKEST nothing is clipped."""
    return eight_bit(images - np.rint(255 * light) / 255)


def flattened(images: np.ndarray, share: float) -> np.ndarray:
    """This share of the contrast less: everything so much closer to medium grey."""
    return eight_bit(0.5 + (1 - share) * (images - 0.5))


def dimmed(images: np.ndarray) -> np.ndarray:
    """Three fifths of the contrast, with room to spare on both sides."""
    return 0.1 + 0.6 * images


def greyed(images: np.ndarray, share: float) -> np.ndarray:
    """This share of the saturation less; at 1 the luma alone is left, which never changes."""
    return eight_bit(_from_luma(*_to_luma(images, 1 - share, 0)))


def hue_turned(images: np.ndarray, turn: float) -> np.ndarray:
    """Colours turned by this part of a circle at equal luma (but where the turned colour does not exist)."""
    return eight_bit(_from_luma(*_to_luma(images, 1, turn)))


LUMA = np.array([0.2125, 0.7154, 0.0721])
"""Weights of the instruments' luma (`skimage.color.rgb2gray`)."""


def _to_luma(images: np.ndarray, scale: float, turn: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Luma, and the differences of red and of blue to it (N, H, W), these two turned and scaled as a vector."""
    luma = images @ LUMA
    # Each difference over its own largest value, so that a turn turns red into blue at equal strength.
    red, blue = (images[..., 0] - luma) / (1 - LUMA[0]), (images[..., 2] - luma) / (1 - LUMA[2])
    cosine, sine = scale * np.cos(2 * np.pi * turn), scale * np.sin(2 * np.pi * turn)
    red, blue = cosine * red - sine * blue, sine * red + cosine * blue
    return luma, red * (1 - LUMA[0]), blue * (1 - LUMA[2])


def _from_luma(luma: np.ndarray, red: np.ndarray, blue: np.ndarray) -> np.ndarray:
    green = -(LUMA[0] * red + LUMA[2] * blue) / LUMA[1]  # so that the luma is what it was
    return luma[..., None] + np.stack([red, green, blue], axis=-1)


def averaged(images: np.ndarray, share: float) -> np.ndarray:
    """This share of the pictures replaced by the mean of all."""
    return _replaced(images, eight_bit(images.mean(axis=0)), share)


def one_for_all(images: np.ndarray, share: float) -> np.ndarray:
    """This share of the pictures replaced by copies of the last one: dropped modes."""
    return _replaced(images, images[-1], share)


def _replaced(images: np.ndarray, picture: np.ndarray, share: float) -> np.ndarray:
    damaged = images.copy()
    damaged[: round(share * len(images))] = picture
    return damaged


def swapped(images: np.ndarray, share: float) -> np.ndarray:
    """This share of the pictures handed on, each to the next one's place: right pictures, wrong answers."""
    damaged, n = images.copy(), round(share * len(images))
    damaged[:n] = np.roll(images[:n], 1, axis=0)
    return damaged


@dataclass(frozen=True)
class Distortion:
    """How images are damaged, and how strongly; a strength of 0 would leave them as they are."""

    damage: Callable[[np.ndarray, float], np.ndarray]
    strengths: tuple[float, ...]
    unit: str


BLURS = (0, 0.4, 0.7, 1.0, 1.5, 2.0, 3.0)
"""Standard deviations in pixels. The last rung erases everything finer than about 8 pixels."""
_SHARES = (1 / 3, 2 / 3, 1.0)

DISTORTIONS = {
    "blur": Distortion(blurred, BLURS[1:], "standard deviation, pixels"),
    "rescaling": Distortion(rescaled, (2, 4, 8), "times smaller, then as large again"),
    "jpeg": Distortion(lambda images, lost: through_jpeg(images, 100 - lost), (10, 40, 70, 90, 95), "100 − quality"),
    "noise": Distortion(noisy, (0.02, 0.05, 0.1, 0.2), "standard deviation, intensity"),
    "salt_and_pepper": Distortion(salted, (0.01, 0.03, 0.1, 0.3), "share of the pixels"),
    "checkerboard": Distortion(checkered, (0.01, 0.02, 0.05, 0.1), "amplitude, intensity"),
    "shift": Distortion(shifted, (1, 2, 4, 8), "pixels, down and to the right"),
    "flip": Distortion(lambda images, _: flipped(images), (1,), "mirrored"),
    "patch_shuffle": Distortion(patches_shuffled, (2, 4, 8), "pieces a side"),
    "brightness": Distortion(darkened, (0.025, 0.05, DARKEST), "intensity taken away"),
    "contrast": Distortion(flattened, (0.1, 0.3, 0.5, 0.7), "share taken away"),
    "saturation": Distortion(greyed, (0.25, 0.5, 0.75, 1), "share taken away"),
    "hue": Distortion(hue_turned, (0.05, 0.1, 0.25, 0.5), "turns"),
    "mean_of_all": Distortion(averaged, _SHARES, "share of the pictures"),
    "one_for_all": Distortion(one_for_all, _SHARES, "share of the pictures"),
    "swap": Distortion(swapped, _SHARES, "share of the pictures"),
}

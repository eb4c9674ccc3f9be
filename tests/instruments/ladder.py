"""The ladder: images whose damage is known, and what it means for an instrument to notice it."""

from collections.abc import Callable
from functools import cache
from io import BytesIO

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage import data, transform

Instrument = Callable[[np.ndarray], np.ndarray]

# Standard deviations in pixels. The last rung erases everything finer than about 8 pixels.
BLURS = (0, 0.4, 0.7, 1.0, 1.5, 2.0, 3.0)


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


@cache
def facades(side: int, count: int = 6) -> np.ndarray:
    """Drawn facades of hard edges: sky above bricks with mortar, windows lit or dark: (count, side, side, 3)."""
    rng = np.random.default_rng(20)
    return np.stack([draw_facade(side, rng)[0] for _ in range(count)])


def draw_facade(side: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """One facade (side, side, 3) and its label map (side, side): 0 sky, 1 wall, 2 window."""
    y, x = np.mgrid[:side, :side]
    brick, mortar, sky = rng.uniform(0.2, 0.5, 3), rng.uniform(0.65, 0.85, 3), rng.uniform(0.6, 0.9, 3)
    phase_y, phase_x = rng.integers(4), rng.integers(8)
    course = (y + phase_y) // 4
    joint = ((y + phase_y) % 4 == 0) | ((x + phase_x + 4 * (course % 2)) % 8 == 0)
    photo, labels = np.where(joint[..., None], mortar, brick), np.ones((side, side), np.uint8)
    photo[: side // 8], labels[: side // 8] = sky, 0
    size = side // 8
    for top in range(side // 6, side - size, side // 4):
        for left in range(side // 8, side - size, side // 4):
            window = np.s_[top : top + size, left : left + size]
            photo[window], labels[window] = rng.choice([0.05, 0.95]), 2
    return eight_bit(photo), labels


def eight_bit(images: np.ndarray) -> np.ndarray:
    """As a file holds them."""
    return np.rint(np.clip(images, 0, 1) * 255) / 255


def blurred(images: np.ndarray, sigma: float) -> np.ndarray:
    return eight_bit(ndimage.gaussian_filter(images, sigma, axes=(1, 2)))


def noisy(images: np.ndarray, sigma: float) -> np.ndarray:
    """White noise, the same in the three channels so that it is all luma."""
    noise = np.random.default_rng(7).normal(0, sigma, (*images.shape[:3], 1))
    return eight_bit(images + noise)


def through_jpeg(images: np.ndarray, quality: float) -> np.ndarray:
    def one(image: np.ndarray) -> np.ndarray:
        file = BytesIO()
        Image.fromarray(np.rint(image * 255).astype(np.uint8)).save(file, "JPEG", quality=int(quality))
        return np.asarray(Image.open(file)) / 255

    return np.stack([one(image) for image in images])


def shifted(images: np.ndarray, pixels: int) -> np.ndarray:
    return np.roll(images, (pixels, pixels), axis=(1, 2))


def flipped(images: np.ndarray) -> np.ndarray:
    return images[:, :, ::-1]


def dimmed(images: np.ndarray) -> np.ndarray:
    """Three fifths of the contrast, with room to spare on both sides."""
    return 0.1 + 0.6 * images


def climb(instrument: Instrument, images: np.ndarray, blurs: tuple[float, ...] = BLURS) -> np.ndarray:
    """The instrument on every rung: (rungs, N)."""
    return np.stack([instrument(blurred(images, sigma)) for sigma in blurs])


def notices_blur(instrument: Instrument, direction: int, images: np.ndarray, blurs: tuple[float, ...] = BLURS) -> bool:
    """Whether every rung of blur moves the score (the mean over the images) the blurred way.

    And whether the strongest of the blurs moves it that way on each single image.
    """
    values = direction * climb(instrument, images, blurs)
    return bool(np.all(np.diff(values.mean(axis=1)) < 0) and np.all(values[-1] < values[0]))

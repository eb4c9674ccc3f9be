"""Drawn facades, and what it means for an instrument to notice blur; the damage itself is replications.ladder's."""

from collections.abc import Callable
from functools import cache

import numpy as np

from replications.trust.distortions import BLURS, blurred, eight_bit

Instrument = Callable[[np.ndarray], np.ndarray]


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


def climb(instrument: Instrument, images: np.ndarray, blurs: tuple[float, ...] = BLURS) -> np.ndarray:
    """The instrument on every rung: (rungs, N)."""
    return np.stack([instrument(blurred(images, sigma)) for sigma in blurs])


def notices_blur(instrument: Instrument, direction: int, images: np.ndarray, blurs: tuple[float, ...] = BLURS) -> bool:
    """Whether every rung of blur moves the score (the mean over the images) the blurred way.

    And whether the strongest of the blurs moves it that way on each single image.
    """
    values = direction * climb(instrument, images, blurs)
    return bool(np.all(np.diff(values.mean(axis=1)) < 0) and np.all(values[-1] < values[0]))

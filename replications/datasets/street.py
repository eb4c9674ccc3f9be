"""An enumerable street: one house, eight independent factors, 32,805 photos, all of them listed and equally likely.

What a model of this world does can be compared with the truth itself, not with a test set: p(photo) = 1 / N_PHOTOS for
each photo of `photos()`, so its entropy is log N_PHOTOS = 10.4 nats, its mean and median are sums over a list, and so
is the posterior of a photo given any code. All photos can be trained on: no gap of generalisation is taken for blur.

The map of the house is fixed, but for one thing: the windows stand in one of three places. So *edges* are uncertain
here, and not colours alone. Every factor is uniform over an odd number of values: the number of photos is odd, hence
every median is unique.

Axes: N photos, H × W = 32 × 32 pixels, C = 3 colours. Photos are uint8, probabilities and means float64 in [0, 1].
"""

import math
from functools import cache

import numpy as np

from replications.datasets import world

SIZE = 32
FACTORS = {
    "wall_colour": 5,
    "sky_shade": 3,
    "door_colour": 3,
    "mullion": 3,
    "brick_phase": 9,
    "window_place": 3,
    "left_pane": 3,
    "right_pane": 3,
}
"""Factor → how many values it has, all equally likely. A photo's number counts in them, the first most significant."""
N_PHOTOS = math.prod(FACTORS.values())
ENTROPY = math.log(N_PHOTOS)
"""Of a photo, in nats."""
MODE_FACTORS = ("wall_colour", "sky_shade", "door_colour", "mullion")
"""A *mode* is a combination of these; bricks, panes and places vary within it."""
N_MODES = math.prod(FACTORS[name] for name in MODE_FACTORS)

WALL_COLOURS = np.concatenate([world.WALL_COLOURS, [[95, 140, 90]]]).astype(np.uint8)
MORTAR_COLOURS = np.concatenate([world.MORTAR_COLOURS, [[195, 210, 180]]]).astype(np.uint8)
PANE_COLOURS = np.concatenate([world.WINDOW_COLOURS, [[150, 95, 130]]]).astype(np.uint8)
"""A window dark, lit, and with its curtains drawn."""
BRICK_LENGTH, COURSE_HEIGHT = 9, 6
"""Pixels, joint included. Phases shift the wall by thirds of both."""

ROOF = np.s_[4:8, 3:29]
WALL = np.s_[8:28, 4:28]
GROUND = np.s_[28:32, :]
DOOR = np.s_[20:28, 13:19]
WINDOW_ROWS = slice(11, 17)
WINDOW_COLUMNS = {"left_pane": 6, "right_pane": 18}
"""The first column of each window in the first place."""
WINDOW_WIDTH, PLACE_STEP = 5, 2


def numbers(factors: dict[str, np.ndarray]) -> np.ndarray:
    """The number of each photo in the list, int64 (N,), from its factors, each (N,)."""
    return np.ravel_multi_index(tuple(np.asarray(factors[name], np.int64) for name in FACTORS), tuple(FACTORS.values()))


def factors_of(photo_numbers: np.ndarray) -> dict[str, np.ndarray]:
    """Factor → its values, uint8 (N,), of photos by their numbers in the list: the inverse of `numbers`."""
    values = np.unravel_index(photo_numbers, tuple(FACTORS.values()))
    return {name: value.astype(np.uint8) for name, value in zip(FACTORS, values, strict=True)}


def mode_of(factors: dict[str, np.ndarray]) -> np.ndarray:
    """The mode's number of each photo, int64 (N,) in 0 … N_MODES − 1."""
    shape = tuple(FACTORS[name] for name in MODE_FACTORS)
    return np.ravel_multi_index(tuple(np.asarray(factors[name], np.int64) for name in MODE_FACTORS), shape)


def render(factors: dict[str, np.ndarray]) -> np.ndarray:
    """The photos (N, 32, 32, 3) uint8 of factors, each (N,): deterministic, and no two of them are alike."""
    n = len(factors["wall_colour"])
    photos = np.empty((n, SIZE, SIZE, 3), np.uint8)
    y, x = np.indices((SIZE, SIZE))
    photos[:] = world.SKY_SHADES[factors["sky_shade"]][:, None, None]
    photos[:, *ROOF] = world.ROOF_COLOURS[(x + y) % 2][ROOF]
    photos[:, *GROUND] = world.GROUND_COLOURS[((x % 4 == 0) | (y % 4 == 0)) * 1][GROUND]
    joint = np.stack([_joints(phase) for phase in range(FACTORS["brick_phase"])])[factors["brick_phase"]]
    of_wall = np.stack([WALL_COLOURS, MORTAR_COLOURS])[:, factors["wall_colour"]]
    wall = np.where(joint[..., None], of_wall[1][:, None, None], of_wall[0][:, None, None])
    photos[:, *WALL] = wall[:, *WALL]
    photos[:, *DOOR] = world.DOOR_COLOURS[factors["door_colour"]][:, None, None]
    bars = np.stack([_bars(style) for style in range(FACTORS["mullion"])])[factors["mullion"]]
    for place in range(FACTORS["window_place"]):
        here = np.flatnonzero(factors["window_place"] == place)
        for name, first in WINDOW_COLUMNS.items():
            pane = np.broadcast_to(PANE_COLOURS[factors[name][here]][:, None, None], (len(here), *_bars(0).shape, 3))
            columns = slice(first + place * PLACE_STEP, first + place * PLACE_STEP + WINDOW_WIDTH)
            photos[here, WINDOW_ROWS, columns] = np.where(bars[here][..., None], world.MULLION_COLOUR, pane)
    return photos


@cache
def photos() -> np.ndarray:
    """All photos, uint8 (N_PHOTOS, 32, 32, 3), in the order of their numbers: 100 MB, made once, not to be changed."""
    all_of_them = render(factors_of(np.arange(N_PHOTOS)))
    all_of_them.flags.writeable = False
    return all_of_them


def mean() -> np.ndarray:
    """E[photo], (32, 32, 3): what is nearest to all photos in squared error."""
    return photos().mean(axis=0, dtype=np.float64) / 255


def median() -> np.ndarray:
    """The median of each pixel and channel, (32, 32, 3): what is nearest to all photos in absolute error."""
    flat = photos().reshape(N_PHOTOS, -1)
    medians = [np.partition(column, N_PHOTOS // 2)[N_PHOTOS // 2] for column in flat.T]
    return np.reshape(medians, photos().shape[1:]) / 255


def _joints(phase: int) -> np.ndarray:
    """(32, 32) bool: mortar between bricks in running bond, shifted by thirds of a course and of a brick."""
    shift_y, shift_x = divmod(phase, 3)
    y, x = np.indices((SIZE, SIZE))
    y, x = y + shift_y * COURSE_HEIGHT // 3, x + shift_x * BRICK_LENGTH // 3
    stagger = (y // COURSE_HEIGHT % 2) * (BRICK_LENGTH // 2)
    return (y % COURSE_HEIGHT == 0) | ((x + stagger) % BRICK_LENGTH == 0)


def _bars(style: int) -> np.ndarray:
    """(6, 5) bool: the bars of a window."""
    bars = np.zeros((WINDOW_ROWS.stop - WINDOW_ROWS.start, WINDOW_WIDTH), bool)
    bars[:, WINDOW_WIDTH // 2] = world.MULLIONS[style] in ("vertical", "cross")
    bars[2] |= world.MULLIONS[style] == "cross"
    return bars

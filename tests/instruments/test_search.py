"""The search of the list against whole numbers, where two photos are equally near, too."""

import numpy as np
import pytest

from replications.datasets import street
from replications.instruments import listed, search

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    """Some of the street's, so that values repeat others."""
    return street.photos()[::97]


@pytest.fixture(scope="module")
def every(photos) -> listed.Listed:
    return listed.Listed(photos)


def by_whole_numbers(pictures: np.ndarray, photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first of the nearest photos and the sum of squared differences to it."""
    x, y = (some.reshape(len(some), -1).astype(np.int64) for some in (pictures, photos))
    apart = np.stack([np.square(one - y).sum(axis=1) for one in x])
    return apart.argmin(axis=1), apart.min(axis=1)


def between(photos: np.ndarray) -> np.ndarray:
    """Pictures as far from one photo as from another: of each value that differs, every other is taken from one."""
    made = []
    for _ in range(200):
        a, b = photos[RNG.choice(len(photos), 2, replace=False)].astype(np.int64)
        middle = (a + b) // 2  # off the middle by a half where the sum is odd, for one and the other in turn
        odd = np.flatnonzero((a + b) % 2)
        middle.flat[odd[::2]] += 1
        made.append(middle)
    return np.array(made, np.uint8)


@pytest.mark.parametrize("kind", ["noise", "near", "between"])
def test_the_nearest_photo_is_that_by_whole_numbers(photos, every, kind):
    near = np.clip(photos[::2] + RNG.normal(0, 20, photos[::2].shape), 0, 255).astype(np.uint8)
    pictures = {"noise": RNG.integers(0, 256, near.shape, np.uint8), "near": near, "between": between(photos)}[kind]
    numbers, apart = by_whole_numbers(pictures, photos)
    found = search.Search(every).nearest(pictures)
    np.testing.assert_array_equal(found.numbers, numbers)
    np.testing.assert_array_equal(found.distance, np.sqrt(apart / photos[0].size) / 255)


def test_neither_the_order_of_a_sum_nor_that_of_the_pictures_counts(photos, every):
    pictures = between(photos)
    found, back = search.Search(every).nearest(pictures), search.Search(every).nearest(pictures[::-1])
    np.testing.assert_array_equal(found.numbers, back.numbers[::-1])
    turned = search.Search(listed.Listed(photos[:, ::-1, ::-1])).nearest(pictures[:, ::-1, ::-1])
    np.testing.assert_array_equal(found.numbers, turned.numbers)
    np.testing.assert_array_equal(found.distance, turned.distance)


def test_single_precision_takes_another_of_two_photos_that_are_equally_near(photos, every):
    """What this search is for: on some processor or other, and on this one."""
    pictures = between(photos)
    assert (every.nearest(pictures).numbers != by_whole_numbers(pictures, photos)[0]).any()


def test_pictures_of_another_size_are_refused(every):
    with pytest.raises(ValueError, match="pictures is uint8"):
        search.Search(every).nearest(np.zeros((2, 16, 16, 3), np.uint8))

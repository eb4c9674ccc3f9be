"""Colour: overlap and width of the Lab histograms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import color

from replications.instruments.colour import BINS, lab_histogram_intersection, lab_spread
from replications.trust.distortions import blurred, dimmed, flipped, noisy, photographs, shifted
from tests.instruments.ladder import facades

every_kind = pytest.mark.parametrize("kind", [photographs, facades])
CHANNELS = ["L", "a", "b"]


def sheet(*colours: tuple[float, float, float]) -> np.ndarray:
    """One image of equal stripes: (1, 4, 4 x colours, 3)."""
    return np.repeat(np.broadcast_to(np.array(colours), (1, 4, len(colours), 3)), 4, axis=2)


BLACK, WHITE, GREY = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.5, 0.5, 0.5)


@every_kind
def test_equal_sets_overlap_wholly(kind):
    assert lab_histogram_intersection(kind(32), kind(32)) == pytest.approx({"L": 1, "a": 1, "b": 1})


def test_overlaps_by_hand():
    # Greys differ in lightness only.
    assert lab_histogram_intersection(sheet(BLACK), sheet(WHITE)) == pytest.approx({"L": 0, "a": 1, "b": 1})
    assert lab_histogram_intersection(sheet(BLACK, WHITE), sheet(WHITE))["L"] == pytest.approx(0.5)
    quarter = lab_histogram_intersection(sheet(BLACK, WHITE, WHITE, WHITE), sheet(BLACK, GREY))
    assert quarter["L"] == pytest.approx(0.25)
    assert lab_histogram_intersection(sheet((1.0, 0.0, 0.0)), sheet((0.0, 1.0, 0.0)))["a"] == pytest.approx(0)


def test_spread_by_hand():
    assert lab_spread(sheet(GREY)) == pytest.approx({"L": 0, "a": 0, "b": 0}, abs=1e-9)
    # L is 0 and 100: half of the range is the standard deviation.
    assert lab_spread(sheet(BLACK, WHITE)) == pytest.approx({"L": 50, "a": 0, "b": 0}, abs=1e-2)


def test_the_bins_hold_every_colour():
    steps = np.linspace(0, 1, 18)
    every = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(1, 18, -1, 3)
    lab = color.rgb2lab(every).reshape(-1, 3)
    for values, edges in zip(lab.T, BINS.values(), strict=True):
        assert edges[0] - 1e-4 <= values.min()
        assert values.max() <= edges[-1] + 1e-4
    # White is a hair above L = 100 by rounding and must not fall out.
    assert lab_histogram_intersection(sheet(WHITE), sheet(WHITE))["L"] == pytest.approx(1)


def test_sets_of_different_size_are_comparable():
    images = photographs(32)
    twice = np.concatenate([images, images])
    assert lab_histogram_intersection(twice, images) == pytest.approx({"L": 1, "a": 1, "b": 1})
    assert lab_spread(twice) == pytest.approx(lab_spread(images))


# What they do not respond to: where a colour stands.


@every_kind
def test_flip_shift_and_shuffle_change_nothing(kind):
    images = kind(32)
    shuffled = np.random.default_rng(3).permutation(images.reshape(-1, 3)).reshape(images.shape)
    for moved in (flipped(images), shifted(images, 5), shuffled):
        assert lab_histogram_intersection(moved, images) == pytest.approx({"L": 1, "a": 1, "b": 1})
        assert lab_spread(moved) == pytest.approx(lab_spread(images))


# What they respond to.


def test_averaging_narrows():
    # The mechanism of the claim: the same facade under several walls, and the average that L2 would put out.
    rng = np.random.default_rng(4)
    draws = np.ones((16, 8, 8, 3)) * rng.uniform(size=(16, 1, 1, 3))
    average = np.broadcast_to(draws.mean(axis=0), draws.shape)
    narrow, wide = lab_spread(average), lab_spread(draws)
    overlap = lab_histogram_intersection(average, draws)
    for channel in CHANNELS:
        assert narrow[channel] < 0.1 * wide[channel]
        assert overlap[channel] < 0.3


@every_kind
def test_less_contrast_narrows_every_channel(kind):
    narrow, wide = lab_spread(dimmed(kind(32))), lab_spread(kind(32))
    overlap = lab_histogram_intersection(dimmed(kind(32)), kind(32))
    for channel in CHANNELS:
        assert narrow[channel] < 0.9 * wide[channel]
        assert overlap[channel] < 0.95


def test_a_grey_copy_keeps_its_lightness_only():
    images = photographs(32)
    grey = color.gray2rgb(color.rgb2gray(images))
    assert lab_spread(grey)["a"] == pytest.approx(0, abs=1e-2)
    assert lab_spread(grey)["b"] == pytest.approx(0, abs=1e-2)
    assert lab_spread(grey)["L"] == pytest.approx(lab_spread(images)["L"], rel=0.1)


# Known blind spots.


def test_blur_alone_narrows_a_little():
    images = photographs(64)
    sharp, blur = lab_spread(images), lab_spread(blurred(images, 1.5))
    for channel in CHANNELS:
        assert 0.8 * sharp[channel] < blur[channel] < sharp[channel]


def test_noise_counts_as_width():
    images = photographs(32)
    assert lab_spread(noisy(images, 0.1))["L"] > lab_spread(images)["L"]


def test_few_colours_make_a_small_error_as_large_as_a_big_one():
    wall, near, far = (0.60, 0.3, 0.3), (0.66, 0.3, 0.3), (0.99, 0.3, 0.3)
    assert lab_histogram_intersection(sheet(near), sheet(wall))["L"] == 0
    assert lab_histogram_intersection(sheet(far), sheet(wall))["L"] == 0


@settings(deadline=None, max_examples=15, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_intersection_is_symmetric_and_a_share(seed):
    rng = np.random.default_rng(seed)
    output, target = rng.uniform(size=(2, 5, 4, 3)), rng.uniform(size=(3, 4, 4, 3)) ** 2
    there, back = lab_histogram_intersection(output, target), lab_histogram_intersection(target, output)
    assert list(there) == CHANNELS
    assert there == pytest.approx(back)
    assert all(0 <= share <= 1 for share in there.values())


def test_wrong_images_are_refused_at_the_door():
    with pytest.raises(ValueError, match="output has type uint8"):
        lab_histogram_intersection(np.zeros((1, 4, 4, 3), np.uint8), sheet(GREY))
    with pytest.raises(ValueError, match="target has values from"):
        lab_histogram_intersection(sheet(GREY), sheet(GREY) * 9)
    with pytest.raises(ValueError, match="expected \\(N, H, W, 3\\)"):
        lab_spread(np.zeros((4, 4, 3)))

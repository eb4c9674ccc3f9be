"""Diversity: numbers by hand, agreement with the plain double loop, and what counts as different."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replications.instruments.diversity import conditional_diversity, variety
from replications.trust.distortions import blurred, dimmed, flipped, noisy, photographs, shifted
from tests.instruments.ladder import facades


def plain(*values: float) -> np.ndarray:
    """Flat images of these intensities: (N, 4, 4, 3)."""
    return np.ones((len(values), 4, 4, 3)) * np.reshape(values, (-1, 1, 1, 1))


def pairwise(images: np.ndarray) -> np.ndarray:
    return np.abs(images[:, None] - images[None]).mean(axis=(2, 3, 4))


def test_numbers_by_hand():
    # Pairs: 0-0.5, 0-1, 0.5-1: differences 0.5, 1, 0.5.
    assert conditional_diversity(plain(0, 0.5, 1)[None]) == pytest.approx(2 / 3)
    np.testing.assert_allclose(variety(plain(0, 0.5, 1)), [0.75, 0.5, 0.75])
    # One input answered by two images, the other by always the same: a Dirac delta.
    np.testing.assert_allclose(conditional_diversity(np.stack([plain(0.2, 0.6), plain(0.4, 0.4)])), [0.4, 0])


def test_a_collapsed_generator_has_none():
    same = np.repeat(photographs(32)[:1], 5, axis=0)
    np.testing.assert_allclose(variety(same), 0, atol=1e-15)
    np.testing.assert_allclose(conditional_diversity(same[None]), 0, atol=1e-15)


def test_agreement_with_the_plain_double_loop():
    images = facades(32, 7)
    np.testing.assert_allclose(variety(images), pairwise(images).sum(axis=1) / 6)
    draws = np.stack([facades(32, 7)[:4], facades(32, 7)[3:]])
    expected = [np.mean([np.abs(a - b).mean() for a, b in combinations(one, 2)]) for one in draws]
    np.testing.assert_allclose(conditional_diversity(draws), expected)


def test_a_lit_or_dark_window_has_the_diversity_of_a_coin():
    # Expected difference of two independent draws: 2 p (1 - p), here over a quarter of the image.
    rng = np.random.default_rng(5)
    draws = np.zeros((50, 20, 8, 8, 3))
    draws[:, :, :4, :4] = rng.random((50, 20, 1, 1, 1)) < 0.3
    assert conditional_diversity(draws).mean() == pytest.approx(2 * 0.3 * 0.7 / 4, rel=0.05)


def test_what_is_done_to_all_alike_changes_nothing():
    images = photographs(32)
    for alike in (flipped(images), shifted(images, 3), 1 - images):
        np.testing.assert_allclose(variety(alike), variety(images))


def test_contrast_scales_it():
    np.testing.assert_allclose(variety(dimmed(photographs(32))), 0.6 * variety(photographs(32)))


@settings(deadline=None, max_examples=15, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(2, 9), levels=st.sampled_from([1, 3, 255]))
def test_any_set(seed, count, levels):
    rng = np.random.default_rng(seed)
    images = rng.integers(0, levels + 1, (count, 3, 5, 3)) / levels  # few levels: many ties
    values = variety(images)
    np.testing.assert_allclose(values, pairwise(images).sum(axis=1) / (count - 1), atol=1e-12)
    order = rng.permutation(count)
    np.testing.assert_allclose(variety(images[order]), values[order], atol=1e-12)
    assert conditional_diversity(images[None]) == pytest.approx(values.mean())
    assert np.all((values >= 0) & (values <= 1))


# Known blind spots.


def test_noise_counts_as_diversity():
    draws = np.repeat(photographs(32)[:1], 4, axis=0)
    assert conditional_diversity(noisy(draws, 0.1)[None])[0] > 0.05


def test_blur_barely_lowers_the_variety_of_photographs():
    assert variety(blurred(photographs(64), 2.0)).mean() > 0.9 * variety(photographs(64)).mean()


def test_answers_given_to_the_wrong_inputs_are_as_varied():
    assert variety(photographs(32)[::-1]).mean() == pytest.approx(variety(photographs(32)).mean())


def test_wrong_images_are_refused_at_the_door():
    with pytest.raises(ValueError, match="at least 2"):
        conditional_diversity(photographs(32)[:, None])
    with pytest.raises(ValueError, match="at least 2"):
        variety(photographs(32)[:1])
    with pytest.raises(ValueError, match="expected \\(M, K, H, W, 3\\)"):
        conditional_diversity(photographs(32))
    with pytest.raises(ValueError, match="divide 8-bit images by 255"):
        variety(np.zeros((3, 4, 4, 3), np.uint8))

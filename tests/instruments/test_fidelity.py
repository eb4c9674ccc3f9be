"""Fidelity: numbers by hand, and the preference for averages."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replications.instruments.fidelity import l1, mse, psnr, ssim
from replications.trust.distortions import BLURS, blurred, dimmed, flipped, noisy, photographs, shifted, through_jpeg
from tests.instruments.ladder import facades

# Name -> the instrument, and +1 where larger is closer.
FIDELITY = {"l1": (l1, -1), "mse": (mse, -1), "psnr": (psnr, +1), "ssim": (ssim, +1)}
every_instrument = pytest.mark.parametrize(("instrument", "direction"), FIDELITY.values(), ids=FIDELITY.keys())
every_kind = pytest.mark.parametrize("kind", [photographs, facades])


def grey(value: float) -> np.ndarray:
    return np.full((1, 16, 16, 3), value)


def test_numbers_by_hand():
    assert l1(grey(0.25), grey(0.75)) == pytest.approx(0.5)
    assert mse(grey(0.25), grey(0.75)) == pytest.approx(0.25)
    assert psnr(grey(0.25), grey(0.75)) == pytest.approx(6.0206, abs=1e-4)
    # Two flat images: only the means differ, (2 · 0.25 · 0.75 + 0.01²) / (0.25² + 0.75² + 0.01²).
    assert ssim(grey(0.25), grey(0.75)) == pytest.approx(0.3751 / 0.6251)
    assert psnr(grey(0.0), grey(1.0)) == pytest.approx(0)


def test_identical_images():
    images = photographs(32)
    np.testing.assert_array_equal(l1(images, images), 0)
    np.testing.assert_array_equal(mse(images, images), 0)
    np.testing.assert_allclose(psnr(images, images), 100)
    np.testing.assert_allclose(ssim(images, images), 1)


def test_the_smallest_difference_a_file_can_hold_is_not_identical():
    image = np.full((1, 64, 64, 3), 0.2)
    other = image.copy()
    other[0, 3, 5, 1] += 1 / 255
    assert 89 < psnr(other, image)[0] < 90


@every_kind
@every_instrument
def test_more_damage_is_further_away(instrument, direction, kind):
    target = kind(32)
    for damage, rungs in (
        (blurred, BLURS),
        (noisy, (0, 0.02, 0.05, 0.1, 0.2)),
        (through_jpeg, (95, 60, 20, 5)),
    ):
        scores = [direction * instrument(damage(target, rung), target).mean() for rung in rungs]
        assert np.all(np.diff(scores) < 0), damage.__name__


@every_kind
@every_instrument
def test_shift_flip_and_contrast_are_errors(instrument, direction, kind):
    target = kind(32)
    for damaged in (shifted(target, 1), flipped(target), dimmed(target)):
        assert np.all(direction * instrument(damaged, target) < direction * instrument(target, target))


@every_instrument
def test_flipping_both_changes_nothing(instrument, direction):
    output, target = blurred(photographs(32), 1.0), photographs(32)
    np.testing.assert_allclose(instrument(flipped(output), flipped(target)), instrument(output, target))


# Known blind spots: why fidelity is never read without sharpness.


@every_instrument
def test_a_blur_is_closer_than_bricks_one_pixel_off(instrument, direction):
    target = facades(32)
    blur, shift = instrument(blurred(target, 1.5), target), instrument(shifted(target, 1), target)
    assert direction * blur.mean() > direction * shift.mean()


def test_the_mean_of_what_is_possible_beats_a_possible_image():
    # Windows are lit or dark, even odds: grey windows are always wrong, and yet the best bet under the squared error.
    truths = np.stack([np.zeros((16, 16, 3)), np.ones((16, 16, 3))])

    def expected_error(error, guess):
        return error(np.broadcast_to(guess, truths.shape), truths).mean()

    assert expected_error(mse, np.full((16, 16, 3), 0.5)) < expected_error(mse, truths[0])
    # The absolute error does not care at even odds; at any others it takes the more probable side, its median.
    assert expected_error(l1, np.full((16, 16, 3), 0.5)) == pytest.approx(expected_error(l1, truths[0]))


@settings(deadline=None, max_examples=15, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_symmetric_bounded_and_ordered(seed):
    output, target = np.random.default_rng(seed).uniform(size=(2, 3, 16, 16, 3))
    for instrument, _ in FIDELITY.values():
        np.testing.assert_allclose(instrument(output, target), instrument(target, output))
    assert np.all(mse(output, target) <= l1(output, target))  # intensities are at most one
    assert np.all(l1(output, target) ** 2 <= mse(output, target))  # Jensen
    assert np.all(np.abs(ssim(output, target)) <= 1)


@every_instrument
def test_wrong_pairs_are_refused_at_the_door(instrument, direction):
    image = photographs(32)
    with pytest.raises(ValueError, match="one target for each output"):
        instrument(image[:2], image)
    with pytest.raises(ValueError, match="output has type uint8"):
        instrument((image * 255).astype(np.uint8), image)
    with pytest.raises(ValueError, match="target has values from"):
        instrument(image, image * 255)

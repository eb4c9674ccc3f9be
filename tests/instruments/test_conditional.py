"""Distances to a known distribution, on outputs whose answer is known: the mean, the median, and photos themselves."""

import numpy as np
import pytest
from scipy import ndimage

from replications.datasets import world
from replications.instruments import conditional

N = 5
STEP = 1 / 255


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return world.sample(np.random.default_rng(11), N, 32)[0]


@pytest.fixture(scope="module")
def known(labels) -> list[world.Conditional]:
    return conditional.distributions(labels)


def photos(labels: np.ndarray, seed: int) -> np.ndarray:
    return world.render(labels, world.sample_factors(np.random.default_rng(seed), labels)) / 255


def mean(known: list[world.Conditional]) -> np.ndarray:
    return np.stack([c.mean for c in known])


def median(known: list[world.Conditional]) -> np.ndarray:
    return np.stack([c.median for c in known])


def preference(output: np.ndarray, known: list[world.Conditional]) -> float:
    to_mean, to_median = conditional.distance_to_mean(output, known), conditional.distance_to_median(output, known)
    return conditional.preference(to_mean, to_median)


def test_one_distribution_for_each_map(labels, known):
    assert len(known) == N
    for one, c in zip(labels, known, strict=True):
        np.testing.assert_array_equal(c.mean, world.conditional(one).mean)


def test_the_mean_itself(known):
    output = mean(known)
    np.testing.assert_allclose(conditional.distance_to_mean(output, known), 0, atol=1e-15)
    np.testing.assert_allclose(conditional.mse_above_floor(output, known), 0, atol=1e-15)
    assert preference(output, known) == 1
    assert (conditional.l1_above_floor(output, known) > 1e-3).all()
    assert (conditional.distance_to_support(output, known) > 0.01).all()


def test_the_median_itself(known):
    output = median(known)
    np.testing.assert_allclose(conditional.distance_to_median(output, known), 0, atol=1e-15)
    np.testing.assert_allclose(conditional.l1_above_floor(output, known), 0, atol=1e-15)
    assert preference(output, known) == -1
    assert (conditional.mse_above_floor(output, known) > 1e-3).all()


def test_halfway_between_the_two(known):
    output = (mean(known) + median(known)) / 2
    assert preference(output, known) == pytest.approx(0, abs=1e-12)
    three_quarters = 0.75 * mean(known) + 0.25 * median(known)
    assert preference(three_quarters, known) == pytest.approx(0.5)


def test_numbers_by_hand(known):
    """A shift by one step of all intensities."""
    shifted = mean(known) + STEP
    np.testing.assert_allclose(conditional.distance_to_mean(shifted, known), STEP)
    np.testing.assert_allclose(conditional.mse_above_floor(shifted, known), STEP**2)
    np.testing.assert_allclose(conditional.distance_to_median(median(known) - STEP, known), STEP)


def test_a_photo_lies_on_the_support_and_a_mixture_of_two_does_not(labels, known):
    a, b = photos(labels, 1), photos(labels, 2)
    assert conditional.distance_to_support(a, known).max() == 0
    mixture = conditional.distance_to_support((a + b) / 2, known)
    assert (mixture > 0.01).all()
    np.testing.assert_allclose(conditional.distance_to_support(a + STEP / 4, known), STEP / 4)


def test_a_mixture_of_photos_pixel_by_pixel_passes_for_one(labels, known):
    """The blind spot, as written: a checkerboard of two photos."""
    checkerboard = (np.indices((32, 32)).sum(axis=0) % 2 == 0)[..., None]
    mixed = np.where(checkerboard, photos(labels, 1), photos(labels, 2))
    assert conditional.distance_to_support(mixed, known).max() == 0


def test_errors_of_photos_above_the_floors_are_those_of_independent_photos(labels, known):
    """E|x − x′| over the first's floor, and E(x − mean)² over nothing."""
    drawn = [photos(labels, seed) for seed in range(80)]
    floors = np.array([c.l1_floor for c in known])
    above = np.mean([conditional.l1_above_floor(one, known) for one in drawn], axis=0)
    np.testing.assert_allclose(above + floors, conditional.true_diversity(known), rtol=0.1)
    above = np.mean([conditional.mse_above_floor(one, known) for one in drawn], axis=0)
    np.testing.assert_allclose(above, [c.l2_floor for c in known], rtol=0.1)


def test_the_error_above_the_floor_is_that_of_many_photos(labels, known):
    output = ndimage.gaussian_filter(photos(labels, 1), (0, 1, 1, 0))
    drawn = np.stack([photos(labels, seed) for seed in range(2, 102)])
    errors = np.abs(drawn - output).mean(axis=(2, 3, 4))
    expected = conditional.l1_above_floor(output, known) + np.array([c.l1_floor for c in known])
    assert (np.abs(errors.mean(axis=0) - expected) < 4 * errors.std(axis=0) / np.sqrt(len(drawn))).all()


def test_as_many_distributions_as_outputs(known):
    for instrument in (conditional.distance_to_mean, conditional.l1_above_floor, conditional.mse_above_floor):
        with pytest.raises(ValueError, match="zip"):
            instrument(mean(known)[:-1], known)


# Gradient energy.


def energy(output, target, labels, known) -> tuple[float, float]:
    certain, uncertain = (conditional.energy(output, target, labels, known, uncertain=which) for which in (False, True))
    return certain, uncertain


def test_a_photo_has_its_own_energy(labels, known):
    target = photos(labels, 1)
    assert energy(target, target, labels, known) == (1, 1)


def test_blur_lowers_the_energy_in_both_regions(labels, known):
    target = photos(labels, 1)
    before = (1.0, 1.0)
    for sigma in (0.4, 0.7, 1.0, 2.0):
        after = energy(ndimage.gaussian_filter(target, (0, sigma, sigma, 0)), target, labels, known)
        assert after[0] < before[0]
        assert after[1] < before[1]
        before = after
    assert max(before) < 0.3


def test_averaging_lowers_the_energy_only_where_there_is_something_to_average(labels, known):
    certain, uncertain = energy(mean(known), photos(labels, 1), labels, known)
    assert certain == pytest.approx(1)
    assert uncertain < 0.2, "the borders between classes, sharp in the mean too, count in neither"


def test_another_photo_of_the_map_is_as_sharp(labels, known):
    certain, uncertain = energy(photos(labels, 2), photos(labels, 1), labels, known)
    assert certain == pytest.approx(1)
    assert 0.5 < uncertain < 2


def test_each_region_looks_at_itself_alone(labels, known):
    target = photos(labels, 1)
    where = np.stack([c.uncertain for c in known])[..., None]
    flat = np.full_like(target, 0.5)
    assert energy(np.where(where, flat, target), target, labels, known) == pytest.approx((1, 0))
    assert energy(np.where(where, target, flat), target, labels, known) == pytest.approx((0, 1))


def test_contrast_counts_squared(labels, known):
    target = photos(labels, 1)
    assert energy(target / 2, target, labels, known) == pytest.approx((0.25, 0.25))

"""Samples against a list of all photos: each formula against brute force, on a list small enough to count by hand."""

import numpy as np
import pytest
from scipy import stats

from replications.datasets import street
from replications.instruments import listed

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    """A few of the street's, so that values repeat others."""
    return street.photos()[::331]


@pytest.fixture(scope="module")
def searched(photos) -> listed.Listed:
    return listed.Listed(photos)


@pytest.fixture(scope="module")
def pictures(photos) -> np.ndarray:
    near = np.clip(photos[::3] + RNG.normal(0, 20, photos[::3].shape), 0, 255).astype(np.uint8)
    return np.concatenate([near, RNG.integers(0, 256, near.shape, np.uint8)])


def test_the_nearest_photo_is_the_one_that_a_plain_search_finds(photos, searched, pictures):
    apart = np.square(pictures[:, None] / 255 - photos[None] / 255).mean(axis=(2, 3, 4))
    found = searched.nearest(pictures)
    np.testing.assert_array_equal(found.numbers, apart.argmin(axis=1))
    np.testing.assert_allclose(found.distance, np.sqrt(apart.min(axis=1)), rtol=1e-5)
    assert len(searched.sizes) < photos[0].size / 5, "values that repeat others are searched once"


def test_photos_of_the_list_are_at_no_distance(photos, searched):
    found = searched.nearest(photos)
    np.testing.assert_array_equal(found.numbers, np.arange(len(photos)))
    assert found.distance.max() < 1e-6


def test_a_mixture_is_the_weighted_mean(photos, searched):
    weights = RNG.dirichlet(np.ones(len(photos)), 4)
    expected = np.einsum("nl,lhwc->nhwc", weights, photos / 255)
    np.testing.assert_allclose(searched.mixture(weights), expected, atol=1e-6)


def test_the_posterior_is_bayes_rule():
    mean, log_var = RNG.normal(size=(50, 3)), RNG.normal(-1, 0.5, (50, 3))
    codes = RNG.normal(size=(7, 3))
    density = np.prod([stats.norm.pdf(codes[:, [d]], mean[:, d], np.exp(log_var[:, d] / 2)) for d in range(3)], axis=0)
    expected = density / density.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(listed.posterior(codes, mean, log_var), expected, rtol=1e-9)


def test_no_output_is_nearer_to_the_photos_that_share_a_code_than_the_posterior_mean(photos, searched):
    mean, log_var = RNG.normal(size=(len(photos), 2)), np.full((len(photos), 2), -1.0)
    weights = listed.posterior(RNG.normal(size=(3, 2)), mean, log_var)
    best = searched.mixture(weights)

    def error(output: np.ndarray) -> np.ndarray:
        return np.einsum("nl,nl->n", weights, np.square(output[:, None] - photos[None] / 255).mean(axis=(2, 3, 4)))

    for _ in range(3):
        assert (error(best + RNG.normal(0, 0.02, best.shape)) > error(best)).all()


def test_a_median_is_the_value_that_half_of_the_weight_reaches(photos, searched):
    weights = RNG.dirichlet(np.ones(len(photos)), 3)
    flat = photos.reshape(len(photos), -1) / 255
    for row, found in zip(weights, searched.median(weights).reshape(3, -1), strict=True):
        for d in RNG.integers(0, flat.shape[1], 200):
            order = np.argsort(flat[:, d])
            expected = flat[order[np.searchsorted(np.cumsum(row[order]), 0.5)], d]
            assert found[d] == pytest.approx(expected, abs=1e-6)


def test_no_output_is_nearer_in_absolute_error_than_the_median(photos, searched):
    weights = RNG.dirichlet(np.full(len(photos), 0.1), 2)
    best = searched.median(weights)

    def error(output: np.ndarray) -> np.ndarray:
        return np.einsum("nl,nl->n", weights, np.abs(output[:, None] - photos[None] / 255).mean(axis=(2, 3, 4)))

    for other in (searched.mixture(weights), best + RNG.normal(0, 0.02, best.shape)):
        assert (error(other) > error(best)).all()


def test_the_mean_square_less_the_square_of_the_mean_is_the_least_squared_error(photos, searched):
    weights = RNG.dirichlet(np.full(len(photos), 0.1), 3)
    mean = searched.mixture(weights)
    left = searched.mean_square(weights) - np.square(mean).mean(axis=(1, 2, 3))
    errors = np.square(mean[:, None] - photos[None] / 255).mean(axis=(2, 3, 4))
    np.testing.assert_allclose(left, (weights * errors).sum(axis=1), rtol=1e-5)


@pytest.mark.parametrize(("weights", "expected"), [([1, 0, 0, 0], 1), ([0.5, 0.5, 0, 0], 2), ([0.25] * 4, 4)])
def test_perplexity_counts_the_photos_that_share_a_code(weights, expected):
    assert listed.perplexity(np.array([weights], float)) == pytest.approx([expected])


def test_support_share_counts_what_is_within_the_tolerance():
    nearest = listed.Nearest(np.arange(4), np.array([0.0, 0.04, 0.05, 0.2]))
    assert listed.support_share(nearest, 0.05) == 0.75
    assert listed.support_share(nearest, 0.01) == 0.25


def test_perfect_samples_show_as_many_photos_as_expected():
    drawn = [listed.Nearest(RNG.integers(0, 500, 300), np.zeros(300)) for _ in range(200)]
    assert np.mean([listed.distinct_share(one, 500) for one in drawn]) == pytest.approx(1, abs=0.01)
    same = listed.Nearest(np.zeros(300, int), np.zeros(300))
    assert listed.distinct_share(same, 500) == pytest.approx(1 / (500 * (1 - (1 - 1 / 500) ** 300)))


def test_total_variation_by_hand():
    assert listed.total_variation(np.array([0, 0, 1, 1]), np.full(4, 0.25)) == 0.5
    assert listed.total_variation(np.array([0, 1, 2, 3]), np.full(4, 0.25)) == 0


@pytest.mark.parametrize("probabilities", [np.full(20, 0.05), np.array([0.7, 0.2, 0.1])])
def test_the_expected_total_variation_is_that_of_perfect_samples(probabilities):
    draws = RNG.choice(len(probabilities), (4000, 60), p=probabilities)
    mean = np.mean([listed.total_variation(one, probabilities) for one in draws])
    assert listed.expected_total_variation(probabilities, 60) == pytest.approx(mean, rel=0.02)


def test_pictures_of_another_kind_are_an_error(searched, photos):
    with pytest.raises(ValueError, match=r"expected uint8 \(N, 32, 32, 3\)"):
        searched.nearest(photos / 255)
    with pytest.raises(ValueError, match="N > 0"):
        searched.nearest(photos[:0])

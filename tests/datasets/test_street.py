"""The enumerable street: what it says of all its photos, against listing them by other means."""

import itertools
import math

import numpy as np
import pytest

from replications.datasets import enumerable_street, street


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    return street.photos()


def test_there_are_as_many_photos_as_combinations_and_no_two_are_alike(photos):
    assert street.N_PHOTOS == len(list(itertools.product(*map(range, street.FACTORS.values())))) == 32_805
    assert photos.shape == (street.N_PHOTOS, 32, 32, 3)
    assert photos.dtype == np.uint8
    assert len({photo.tobytes() for photo in photos}) == street.N_PHOTOS
    assert math.exp(street.ENTROPY) == pytest.approx(street.N_PHOTOS)
    assert street.N_PHOTOS % 2 == 1, "every median is unique"


def test_numbers_and_factors_are_inverse():
    every = np.arange(street.N_PHOTOS)
    factors = street.factors_of(every)
    assert {name: values.max() + 1 for name, values in factors.items()} == street.FACTORS
    np.testing.assert_array_equal(street.numbers(factors), every)


def test_a_photo_is_what_its_factors_say(photos):
    """Rendered one by one, from factors put together by hand."""
    for number, combination in enumerate(itertools.product(*map(range, street.FACTORS.values()))):
        if number % 1001 == 0:
            one = {name: np.array([value]) for name, value in zip(street.FACTORS, combination, strict=True)}
            np.testing.assert_array_equal(street.render(one)[0], photos[number])


@pytest.mark.parametrize("factor", street.FACTORS)
def test_every_factor_shows_wherever_the_others_stand(factor):
    rng = np.random.default_rng(0)
    factors = street.factors_of(rng.integers(0, street.N_PHOTOS, 200))
    others = {name: values.copy() for name, values in factors.items()}
    others[factor] = (others[factor] + 1) % street.FACTORS[factor]
    changed = (street.render(factors) != street.render(others)).any(axis=(1, 2, 3))
    assert changed.all()


def test_the_mean_is_that_of_each_factor_listed_where_it_shows(photos):
    mean = street.mean()
    np.testing.assert_allclose(mean[0, 0], street.world.SKY_SHADES.mean(axis=0) / 255)
    np.testing.assert_allclose(mean[24, 16], street.world.DOOR_COLOURS.mean(axis=0) / 255)
    np.testing.assert_allclose(mean, np.stack([photos[i::5].mean(axis=0) for i in range(5)]).mean(axis=0) / 255)


def test_no_output_has_less_absolute_error_than_the_median_nor_less_squared_error_than_the_mean(photos):
    some = photos[::7].astype(float) / 255  # 7 is coprime to 5 · 3⁸: every factor has all its values
    rng = np.random.default_rng(1)
    for best, error in ((street.median(), np.abs), (street.mean(), np.square)):
        floor = error(photos[::1].astype(np.float32) / np.float32(255) - best.astype(np.float32)).mean()
        for _ in range(3):
            other = best + rng.normal(0, 0.05, best.shape)
            assert error(some - other).mean() > floor


def test_edges_are_uncertain(photos):
    """Where the windows stand follows from nothing else: the same photo has them in three places."""
    place = list(street.FACTORS).index("window_place")
    apart = math.prod(list(street.FACTORS.values())[place + 1 :])
    first, second, third = photos[[0, apart, 2 * apart]]
    columns = [np.flatnonzero((one != other).any(axis=(0, 2))) for one, other in ((first, second), (second, third))]
    for found, start in zip(columns, (6, 8), strict=True):
        windows = {start + i for i in range(7)} | {start + 12 + i for i in range(7)}
        assert set(found) <= windows
        assert {start, start + 6} & set(found)


def test_modes_are_numbered_in_the_order_of_their_factors():
    modes = street.mode_of(street.factors_of(np.arange(street.N_PHOTOS)))
    assert np.bincount(modes).tolist() == [street.N_PHOTOS // street.N_MODES] * street.N_MODES


def test_training_has_every_photo_once_and_the_test_some_of_them():
    train, test = enumerable_street.numbers("train"), enumerable_street.numbers("test")
    assert sorted(train) == list(range(street.N_PHOTOS))
    assert len(set(test)) == len(test) == 1000
    assert not np.array_equal(train[:1000], test)

"""Modes: numbers by hand, agreement with the world that counts them exactly, and what they do not see."""

from math import inf, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from replications.datasets import world
from replications.instruments.modes import (
    confidence,
    expected_modes,
    kl_to_true,
    mode_entropy,
    mode_numbers,
    modes_covered,
)

HEADS = {
    "wall_colour": len(world.WALL_COLOURS),
    "sky_shade": len(world.SKY_SHADES),
    "door_colour": len(world.DOOR_COLOURS),
    "mullion": len(world.MULLIONS),
}


def sure(classes: np.ndarray, n: int) -> np.ndarray:
    """A reader that is sure of these classes, of n."""
    return np.eye(n)[classes]


# By hand.


def test_mode_numbers_by_hand():
    predictions = {"tens": sure([0, 1, 2], 3), "ones": np.array([[0.6, 0.4], [0.1, 0.9], [0.3, 0.7]])}
    np.testing.assert_array_equal(mode_numbers(predictions), [0, 3, 5])
    # The first head is the most significant: swapped, the same images have other numbers.
    np.testing.assert_array_equal(mode_numbers(dict(reversed(predictions.items()))), [0, 4, 5])


def test_numbers_by_hand():
    modes = np.array([0, 0, 1, 3])
    assert modes_covered(modes) == 3
    assert mode_entropy(modes) == pytest.approx(1.5 * log(2))
    assert kl_to_true(modes, np.full(4, 0.25)) == pytest.approx(0.5 * log(2))
    assert kl_to_true(modes, np.array([0.5, 0.25, 0, 0.25])) == pytest.approx(0)
    assert kl_to_true(modes, np.array([0.5, 0, 0.25, 0.25])) == inf


def test_one_mode_alone():
    modes = np.zeros(7, int)
    assert modes_covered(modes) == 1
    assert mode_entropy(modes) == 0
    assert kl_to_true(modes, np.full(1000, 1e-3)) == pytest.approx(log(1000))


def test_half_of_the_modes_cost_log_two():
    assert kl_to_true(np.arange(500), np.full(1000, 1e-3)) == pytest.approx(log(2))


def test_expected_modes_by_hand():
    assert expected_modes(np.array([0.5, 0.5]), 1) == pytest.approx(1)
    assert expected_modes(np.array([0.5, 0.5]), 2) == pytest.approx(1.5)
    assert expected_modes(np.array([0.75, 0.25, 0]), 2) == pytest.approx(0.9375 + 0.4375)
    # 1000 modes of equal probability and 26,000 images, as in VEEGAN and PacGAN: all of them.
    assert expected_modes(np.full(1000, 1e-3), 26_000) == pytest.approx(1000, abs=1e-6)


def test_confidence_by_hand():
    predictions = {"a": np.array([[0.5, 0.5], [1, 0]]), "b": np.array([[0.2, 0.8], [0.4, 0.6]])}
    assert confidence(predictions) == pytest.approx((0.5 * 0.8 + 1 * 0.6) / 2)
    assert confidence({"a": sure([0, 1], 2)}) == 1


# Against the world, and against others.


def test_agreement_with_the_world():
    combinations = np.indices(tuple(HEADS.values())).reshape(4, -1)
    factors = {head: classes.astype(np.uint8) for head, classes in zip(HEADS, combinations, strict=True)}
    modes = mode_numbers({head: sure(factors[head], n) for head, n in HEADS.items()})
    np.testing.assert_array_equal(modes, world.mode_of(factors))
    np.testing.assert_array_equal(modes, np.arange(world.N_MODES))


def test_perfect_samples_of_the_world_are_on_average_what_is_expected():
    rng, p, n = np.random.default_rng(0), world.mode_probabilities(), 200
    draws = [rng.choice(len(p), n, p=p) for _ in range(400)]
    covered = np.array([modes_covered(modes) for modes in draws])
    assert covered.mean() == pytest.approx(expected_modes(p, n), abs=4 * covered.std() / 20)
    assert covered.std() > 0
    # The bias of few images, as documented: perfect samples are not at zero.
    assert np.mean([kl_to_true(modes, p) for modes in draws]) == pytest.approx(len(p) / (2 * n), rel=0.25)
    assert np.mean([mode_entropy(modes) for modes in draws]) < stats.entropy(p)


def test_dropping_modes_is_noticed_rung_by_rung():
    p = world.mode_probabilities()
    modes = np.random.default_rng(1).choice(len(p), 2000, p=p)
    rungs = [modes[modes < left] for left in (108, 81, 54, 27, 5)]
    assert np.all(np.diff([modes_covered(some) for some in rungs]) < 0)
    assert np.all(np.diff([mode_entropy(some) for some in rungs]) < 0)
    assert np.all(np.diff([kl_to_true(some, p) for some in rungs]) > 0)


@settings(deadline=None, max_examples=50, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), n_modes=st.integers(1, 20), n=st.integers(1, 60))
def test_bounds_agreement_with_scipy_and_no_order(seed, n_modes, n):
    rng = np.random.default_rng(seed)
    p, modes = rng.dirichlet(np.ones(n_modes)), rng.integers(0, n_modes, n)
    shares = np.bincount(modes, minlength=n_modes) / n
    assert kl_to_true(modes, p) == pytest.approx(stats.entropy(shares, p), abs=1e-9)
    assert mode_entropy(modes) == pytest.approx(stats.entropy(shares), abs=1e-9)
    assert 0 <= mode_entropy(modes) <= log(modes_covered(modes)) + 1e-9
    assert 1 <= modes_covered(modes) <= min(n, n_modes)
    assert 1 - 1e-9 <= expected_modes(p, n) <= min(n, n_modes) + 1e-9
    assert expected_modes(p, n) <= expected_modes(p, n + 1)
    shuffled = rng.permutation(modes)
    assert (modes_covered(shuffled), mode_entropy(shuffled)) == (modes_covered(modes), mode_entropy(modes))


# What they do not see.


def test_blind_spot_an_even_spread_is_not_the_true_one():
    p = world.mode_probabilities()
    even = np.repeat(np.arange(len(p)), 20)
    true = np.random.default_rng(2).choice(len(p), len(even), p=p)
    assert mode_entropy(even) > mode_entropy(true)
    assert kl_to_true(even, p) > kl_to_true(true, p)


def test_blind_spot_an_undecided_reader_still_covers_modes_and_only_the_confidence_tells():
    undecided = np.full((9, 3), 1 / 3) + 1e-6 * (np.eye(3)[np.arange(9) % 3] - 1 / 3)
    assert modes_covered(mode_numbers({"a": undecided})) == 3
    assert confidence({"a": undecided}) == pytest.approx(1 / 3, abs=1e-4)


# What is refused.


@pytest.mark.parametrize("instrument", [mode_numbers, confidence])
def test_bad_predictions_are_refused_at_the_door(instrument):
    good = sure([0, 1], 2)
    with pytest.raises(ValueError, match="expected at least one head"):
        instrument({})
    for wrong in (np.array([0, 1]), np.zeros((0, 2)), good[:1]):
        with pytest.raises(ValueError, match=r"predictions\['b'\] has shape|predictions\['a'\] has shape"):
            instrument({"a": good, "b": wrong})
    for wrong in (good * 2, good - 0.5, np.full((2, 2), np.nan)):
        with pytest.raises(ValueError, match=r"predictions\['b'\] holds rows that are no probabilities"):
            instrument({"a": good, "b": wrong})


@pytest.mark.parametrize("instrument", [modes_covered, mode_entropy, lambda modes: kl_to_true(modes, np.full(4, 0.25))])
def test_bad_modes_are_refused_at_the_door(instrument):
    for wrong in (np.zeros(3), np.zeros((2, 2), int), np.zeros(0, int)):
        with pytest.raises(ValueError, match="expected whole numbers"):
            instrument(wrong)
    with pytest.raises(ValueError, match="-1"):
        instrument(np.array([0, -1]))


def test_bad_probabilities_are_refused_at_the_door():
    with pytest.raises(ValueError, match="values from 0 to 4, expected numbers from 0 to 3"):
        kl_to_true(np.array([0, 4]), np.full(4, 0.25))
    for wrong in (np.full(4, 0.5), np.array([1.5, -0.5]), np.full((2, 2), 0.25), np.array([np.nan, 1])):
        with pytest.raises(ValueError, match=r"expected \(M,\) from 0 that sum to 1"):
            kl_to_true(np.array([0, 1]), wrong)
        with pytest.raises(ValueError, match=r"expected \(M,\) from 0 that sum to 1"):
            expected_modes(wrong, 3)
    with pytest.raises(ValueError, match="n = 0, expected at least one sample"):
        expected_modes(np.full(4, 0.25), 0)

"""Numbers that can be checked by hand, independent implementations, and the calibration of the verdict rule."""

import math
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from replications.statistics import (
    LEVEL,
    benjamini_hochberg,
    benjamini_hochberg_levels,
    decide,
    detectable,
    flip_chance,
    mean_interval,
    page_trend_p,
    power,
    sign_flip_p,
    sign_test_p,
    smallest_p,
    t_statistic,
    t_test_p,
    weigh,
)

DRAWS = 4000
TOLERANCE = 3 * math.sqrt(0.05 * 0.95 / DRAWS)  # of a simulated rate near 5 %
SHAPES = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "lognormal": lambda rng, shape: rng.lognormal(size=shape),
    "t3": lambda rng, shape: rng.standard_t(3, shape),
}


def rates(parts, smallest=0.0):
    """Share of (replicated, contradicted) among simulated sets of effects [draws, P, S]."""
    outcomes = decide(weigh(parts, smallest, patterns=2**10))
    return (outcomes == 1).mean(), (outcomes == -1).mean()


# --- intervals and tests -------------------------------------------------------------------------------------------


def test_t_interval_by_hand():
    # mean 3, s = √2.5, s/√5 = √0.5; t(4, 0.975) = 2.776445
    low, high = mean_interval([1, 2, 3, 4, 5])
    assert low == pytest.approx(3 - 2.776445 * math.sqrt(0.5), abs=1e-6)
    assert high == pytest.approx(3 + 2.776445 * math.sqrt(0.5), abs=1e-6)


@pytest.mark.parametrize("bound", [0.0, 0.7, -0.3])
def test_t_test_agrees_with_scipy(bound):
    effects = np.random.default_rng(0).normal(0.5, 1, (20, 6))
    reference: Any = scipy.stats.ttest_1samp(effects, bound, axis=1, alternative="greater")
    np.testing.assert_allclose(t_statistic(effects, bound), reference.statistic, rtol=1e-12)
    np.testing.assert_allclose(t_test_p(effects, bound), reference.pvalue, rtol=1e-12)
    interval = scipy.stats.ttest_1samp(effects[0], bound).confidence_interval(0.95)
    np.testing.assert_allclose(mean_interval(effects[0]), interval, rtol=1e-12)


@pytest.mark.parametrize(
    ("effects", "bound", "p"), [([0.3] * 5, 0.2, 0), ([0.3] * 5, 0.3, 1), ([0.3] * 5, 0.4, 1), ([0.0] * 5, 0, 1)]
)
def test_effects_without_spread(effects, bound, p):
    assert t_test_p(effects, bound) == p
    assert mean_interval(effects) == pytest.approx((effects[0], effects[0]))


def test_scipy_has_no_interval_for_effects_without_spread():
    """Why there is one here."""
    with np.errstate(invalid="ignore"):
        assert np.isnan(scipy.stats.t.interval(0.95, 4, 0.3, 0.0)).all()


def test_rounding_is_not_an_effect():
    gaps = [0.3 - 0.2] * 5  # 0.09999999999999998
    assert t_test_p(gaps, 0.1) == 1
    assert t_test_p([0.1 * 3] * 5, 0.3) == 1  # 0.30000000000000004


def test_one_seed_says_nothing():
    assert mean_interval([2.0]) == (-math.inf, math.inf)
    assert t_test_p([2.0], 0.0) == 1
    assert decide(weigh(np.array([[2.0]]), 0.0)) == 0
    assert flip_chance([[2.0]], 0.0, 0) == 0


@pytest.mark.parametrize(
    ("effects", "ways"),
    [
        ([1, 2, 3, 4, 5], 1),  # only the observed signs reach the sum 15
        ([-1, 2, 3, 4, 5], 2),  # sum 13: also all positive
        ([1, -2, 3, 4, 5], 3),  # sum 11: also 13 and 15
        ([-3, 1, 2, 4, 5], 5),  # sum 9: flipped subsets of sum ≤ 3: {}, {1}, {2}, {3}, {1, 2}
        ([-1, -2, -3, -4, -5], 32),
        ([0, 0, 0, 0, 0], 32),
        ([0, 1, 2, 3, 4], 2),  # the sign of a zero changes nothing
        ([0.1, 0.1, 0.1, -0.3, 0.7], 9),  # 8 with +0.3, and itself: 0.1 + 0.1 + 0.1 must count as 0.3
    ],
)
def test_sign_flips_by_hand(effects, ways):
    assert sign_flip_p(effects) == ways / 32


def test_sign_flips_agree_with_scipy():
    effects = np.random.default_rng(0).normal(0.4, 1, (10, 7))
    for row, p in zip(effects, sign_flip_p(effects), strict=True):
        reference = scipy.stats.permutation_test(
            (row,), np.mean, permutation_type="samples", alternative="greater", n_resamples=2**10
        )
        assert p == pytest.approx(reference.pvalue, rel=1e-12)


def test_the_sign_test_agrees_with_scipy():
    effects = np.random.default_rng(0).normal(0.4, 1, (20, 7))
    for bound in (0.0, 0.3, -0.2):
        for row, p in zip(effects, sign_test_p(effects, bound), strict=True):
            reference = scipy.stats.binomtest(int((row > bound).sum()), len(row), alternative="greater")
            assert p == pytest.approx(reference.pvalue, rel=1e-12)


def test_many_seeds_are_sampled():
    effects = np.random.default_rng(0).normal(0.3, 1, 14)
    assert sign_flip_p(effects, patterns=2**13) == pytest.approx(sign_flip_p(effects), abs=0.02)
    assert sign_flip_p(np.ones(40), patterns=2**10) == 2**-10  # never zero: the observed signs are among them


def test_smallest_p():
    assert smallest_p(5) == 0.03125 == sign_flip_p(np.arange(1, 6))
    assert smallest_p(4) == 0.0625


@pytest.mark.parametrize("conditions", [3, 4, 5])
def test_page_agrees_with_scipy(conditions):
    rng = np.random.default_rng(conditions)
    for _ in range(5):
        scores = rng.standard_normal((5, conditions)) + 0.4 * np.arange(conditions)
        reference = scipy.stats.page_trend_test(scores, method="exact")
        assert page_trend_p(scores) == pytest.approx(reference.pvalue, rel=1e-12)


@pytest.mark.parametrize("scores", [[[7, 7, 7]] * 5, [[1, 1, 2]] * 5, [[1, 1, 2], [1, 2, 3], [2, 1, 2]]])
def test_page_with_ties_is_the_share_of_orders_and_scipys_is_not(scores):
    """Why there is one here: a plain loop over all orders within each seed."""
    ranks = scipy.stats.rankdata(scores, axis=1)
    seeds = [[float(np.dot(order, (1, 2, 3))) for order in permutations(row)] for row in ranks]
    observed = (ranks @ (1, 2, 3)).sum()
    share = np.mean([sum(sums) >= observed - 1e-9 for sums in product(*seeds)])
    assert page_trend_p(scores) == pytest.approx(share, rel=1e-12)
    assert scipy.stats.page_trend_test(scores, method="exact").pvalue != pytest.approx(share, rel=0.1)


def test_page_by_hand():
    assert page_trend_p([[1, 2, 3]] * 2) == pytest.approx(1 / 36)  # one order of six, twice
    assert page_trend_p([[3, 2, 1]] * 2) == pytest.approx(1)
    assert page_trend_p([[0, 1]] * 5) == pytest.approx(2**-5)  # two conditions: a sign test
    assert page_trend_p([[7, 7, 7]] * 5) == 1  # nothing but ties
    assert page_trend_p([[1, 1, 2]]) == pytest.approx(1 / 3)  # the larger one may stand in three places


def test_page_with_many_conditions_agrees_with_scipy():
    scores = np.random.default_rng(0).standard_normal((5, 10)) + 0.1 * np.arange(10)
    reference = scipy.stats.page_trend_test(scores, method="asymptotic")
    assert page_trend_p(scores) == pytest.approx(reference.pvalue)


# --- multiplicity --------------------------------------------------------------------------------------------------


def test_benjamini_hochberg_by_hand():
    # sorted: 0.01·4/1 = 0.04, 0.02·4/2 = 0.04, 0.03·4/3 = 0.04, 0.9; and 0.005·3/1, 0.5·3/2 > 0.6·3/3
    np.testing.assert_allclose(benjamini_hochberg([0.03, 0.9, 0.01, 0.02]), [0.04, 0.9, 0.04, 0.04])
    np.testing.assert_allclose(benjamini_hochberg([0.5, 0.005, 0.6]), [0.6, 0.015, 0.6])
    assert benjamini_hochberg([]).shape == (0,)


P_VALUES = st.lists(st.floats(0, 0.1) | st.floats(0, 1), min_size=1, max_size=30)


@given(P_VALUES)
def test_benjamini_hochberg_agrees_with_its_formula(p):
    """adjusted_(i) = min over j ≥ i of p_(j) · claims / j."""
    in_order = sorted(p)
    adjusted = [min(in_order[j] * len(p) / (j + 1) for j in range(i, len(p))) for i in range(len(p))]
    np.testing.assert_allclose(benjamini_hochberg(p)[np.argsort(p)], np.minimum(adjusted, 1), rtol=1e-12)


@given(P_VALUES, st.integers(0))
def test_levels_are_where_a_claim_begins_to_pass(p, which):
    which %= len(p)
    level = benjamini_hochberg_levels(p)[which]
    for raw, passes in ((level * (1 - 1e-9), True), (level * (1 + 1e-9), False)):
        changed = [*p[:which], raw, *p[which + 1 :]]
        assert (benjamini_hochberg(changed)[which] <= LEVEL) == passes


# --- the rule ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", range(5, 11))
@pytest.mark.parametrize("shape", SHAPES)
def test_no_effect_is_rarely_a_verdict(shape, n):
    rng = np.random.default_rng([n, *shape.encode()])
    scores = SHAPES[shape](rng, (2, DRAWS, 1, n))
    replicated, contradicted = rates(scores[0] - scores[1])
    assert replicated <= 0.05
    assert contradicted <= 0.05


@pytest.mark.parametrize("n", [5, 8])
def test_false_rate_at_the_smallest_effect(n):
    """At exactly the smallest effect that matters the rule errs in 2.5 % of the cases, on either side of zero."""
    effects = np.random.default_rng(n).standard_normal((DRAWS, 1, n))
    assert rates(effects + 2, smallest=2.0)[0] <= 0.025 + TOLERANCE
    assert rates(effects - 2, smallest=-2.0)[0] <= 0.025 + TOLERANCE


def test_fewer_than_five_seeds_decide_nothing():
    for n in range(1, 5):
        assert rates(np.full((1, 1, n), 9.0) + np.arange(n)) == (0, 0)


def test_conjunction_errs_rarely_whichever_part_fails():
    """The weakest part must not be overlooked when it is the noisier one."""
    z = np.random.default_rng(0).standard_normal((2, DRAWS, 5))
    for null, true in ((z[0], z[1] + 5), (9 * z[0], z[1] + 5), (z[0], 9 * (z[1] + 5))):
        assert rates(np.stack([null, true], axis=1))[0] <= 0.05


@pytest.mark.parametrize("n", [5, 10])
def test_conjunction_of_weak_truths_is_rarely_contradicted(n):
    """The minimum per seed would be below zero on average here, and "contradict" in 6 % and 14 % of the cases."""
    weak = np.random.default_rng(n).standard_normal((DRAWS, 2, n)) + 0.3
    assert rates(weak)[1] <= 0.025
    assert rates(weak.min(axis=1, keepdims=True))[1] > 0.05


def test_false_discoveries_in_a_family():
    """30 claims, half of them empty: of those called replicated at most 2.5 % are, on average."""
    rng, false = np.random.default_rng(0), []
    for _ in range(150):
        effects = rng.standard_normal((30, 1, 6)) + np.repeat([0, 3], 15)[:, None, None]
        evidence = weigh(effects, 0.0)
        replicated = decide(evidence, benjamini_hochberg_levels(evidence.p_beyond)) == 1  # type: ignore[arg-type]
        false.append(replicated[:15].sum() / max(1, replicated.sum()))
    assert np.mean(false) <= 0.025 + 0.01


def independent_rule(effects):
    """Replicated, with scipy's t-test and a plain loop over signs."""
    reference: Any = scipy.stats.ttest_1samp(effects, 0, alternative="greater")
    flips = [np.mean(effects * signs) >= np.mean(effects) - 1e-12 for signs in product((1, -1), repeat=len(effects))]
    return reference.pvalue <= 0.025 and np.mean(flips) <= 0.05


@pytest.mark.parametrize(("n", "effect"), [(5, 1.0), (5, 2.0), (6, 1.0)])
def test_power_agrees_with_an_independent_simulation(n, effect):
    effects = np.random.default_rng(99).normal(effect, 1, (400, n))
    simulated = np.mean([independent_rule(row) for row in effects])
    assert power(n, effect) == pytest.approx(simulated, abs=3.5 * 0.5 / math.sqrt(400))


@pytest.mark.parametrize(("n", "effect"), [(8, 1.0), (9, 1.0), (10, 0.8)])
def test_power_approaches_the_noncentral_t(n, effect):
    critical = scipy.stats.t.ppf(0.975, n - 1)
    exact = scipy.stats.nct.sf(critical, n - 1, effect * math.sqrt(n))
    assert power(n, effect) == pytest.approx(exact, abs=0.03)


def test_detectable_effect():
    needed = [detectable(n) for n in (5, 6, 8)]
    assert needed == sorted(needed, reverse=True)
    assert needed == pytest.approx([1.8, 1.4, 1.15], abs=0.1)
    assert power(5, needed[0]) >= 0.8 > power(5, needed[0] - 0.05)
    assert detectable(5, level=LEVEL / 30) > needed[0]  # what multiplicity costs at worst
    assert detectable(4) == math.inf


def verdict_and_flip(effects, smallest=0.0):
    parts = np.array([effects], float)
    verdict = int(decide(weigh(parts, smallest)))
    return verdict, flip_chance(parts, smallest, verdict)


def test_flip_chance():
    verdict, chance = verdict_and_flip([50, 51, 49, 50, 52])
    assert verdict == 1
    assert chance < 0.01
    assert verdict_and_flip([3, 3, 3, 3, 3]) == (1, 0)  # no spread: nothing that could change
    verdict, chance = verdict_and_flip([0.2, 1.4, 0.9, 1.0, 2.4])  # p = 0.018, just enough
    assert verdict == 1
    assert 0.3 < chance < 0.7
    assert flip_chance([[1, 2, 3, 4]], 0.0, 0) == 0  # four seeds: inconclusive for ever


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-20, 20), min_size=5, max_size=7), st.integers(-5, 5))
def test_flip_chance_of_mirrored_effects(effects, smallest):
    verdict, chance = verdict_and_flip(effects, smallest)
    assert 0 <= chance <= 1
    if smallest == 0:
        assert verdict_and_flip([-x for x in effects])[0] == -verdict


def test_flip_chance_agrees_with_a_plain_simulation():
    """The textbook recipe, seed by seed, for a claim with one part."""
    effects, n = np.array([0.5, 1.5, 0.8, 2.0, 1.2, 0.1]), 6
    rng = np.random.default_rng(7)
    variance = (n - 1) * effects.var(ddof=1) / rng.chisquare(n - 1, DRAWS)
    mean = rng.normal(effects.mean(), np.sqrt(variance / n))
    fresh = rng.normal(mean[:, None], np.sqrt(variance)[:, None], (DRAWS, n))
    expected = 1 - rates(fresh[:, None])[0]
    assert flip_chance(effects[None], 0.0, 1) == pytest.approx(expected, abs=0.04)

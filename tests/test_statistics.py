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
    CONTRADICTED,
    INCONCLUSIVE,
    LEVEL,
    NEGLIGIBLE,
    REPLICATED,
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
    """Share of (replicated, contradicted, negligible) among simulated sets of effects [draws, P, S]."""
    outcomes = decide(weigh(parts, smallest, patterns=2**10))
    return tuple((outcomes == outcome).mean() for outcome in (REPLICATED, CONTRADICTED, NEGLIGIBLE))


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
    for smallest in (0.0, 1.0, 3.0, -1.0):
        assert decide(weigh(np.array([[2.0]]), smallest)) == INCONCLUSIVE
    assert flip_chance([[2.0]], 0.0, INCONCLUSIVE) == 0


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

SMALL = [0.1, -0.1, 0.05, -0.05, 0.02]


@pytest.mark.parametrize(
    ("effects", "smallest", "outcome"),
    [
        ([3, 4, 4, 3, 3], 2.0, REPLICATED),
        ([3, 4, 4, 3, 3], 2.8, INCONCLUSIVE),  # the interval begins at 2.72
        ([3, 4, 4, 3, 3], 5.0, NEGLIGIBLE),
        ([3, 4, 4, 3, 3], 4.0, INCONCLUSIVE),  # it ends at 4.08
        ([-3, -4, -4, -3, -3], 2.0, CONTRADICTED),
        ([-3, -4, -4, -3, -3], 5.0, CONTRADICTED),  # surely small, and surely on the other side: a direction is claimed
        (SMALL, 0.5, NEGLIGIBLE),
        (SMALL, 0.0, INCONCLUSIVE),  # nothing is too small to matter where the smallest effect is zero
        (SMALL, -0.5, REPLICATED),  # a margin: within it an effect is what is claimed
        ([-3, -4, -4, -3, -3], -2.0, CONTRADICTED),
        ([-3, -4, -4, -3, -3], -5.0, REPLICATED),
        ([0.5] * 5, 0.5, INCONCLUSIVE),  # exactly the smallest is neither beyond it nor within it
        ([-0.5] * 5, 0.5, CONTRADICTED),
        ([0.0] * 5, 0.5, NEGLIGIBLE),
        ([0.0] * 5, 0.0, INCONCLUSIVE),
    ],
)
def test_outcomes_by_hand(effects, smallest, outcome):
    assert decide(weigh([effects], smallest)) == outcome


@pytest.mark.parametrize("smallest", [0.5, 1.0, 3.0, -1.0, 0.0])
def test_the_p_values_are_scipys(smallest):
    def one_sided(effects, bound):
        reference: Any = scipy.stats.ttest_1samp(effects, bound, axis=-1, alternative="greater")
        return reference.pvalue

    effects = np.random.default_rng(0).normal(0.4, 1, (30, 1, 6))
    evidence, flat, null = weigh(effects, smallest), effects[:, 0], min(0.0, smallest)
    np.testing.assert_allclose(evidence.p_beyond, one_sided(flat, smallest))
    np.testing.assert_allclose(evidence.p_against, one_sided(-flat, -null))
    within = np.maximum(one_sided(flat, -smallest), one_sided(-flat, -smallest))
    np.testing.assert_allclose(evidence.p_negligible, within if smallest > 0 else 1.0)
    inside = [scipy.stats.binomtest(int((row < smallest).sum()), 6, alternative="greater").pvalue for row in flat]
    above = [scipy.stats.binomtest(int((row > -smallest).sum()), 6, alternative="greater").pvalue for row in flat]
    np.testing.assert_allclose(evidence.p_typical_negligible, np.maximum(inside, above) if smallest > 0 else 1.0)
    beyond = [scipy.stats.binomtest(int((row > smallest).sum()), 6, alternative="greater").pvalue for row in flat]
    np.testing.assert_allclose(evidence.p_typical, beyond)
    against = [scipy.stats.binomtest(int((row < null).sum()), 6, alternative="greater").pvalue for row in flat]
    np.testing.assert_allclose(evidence.p_typical_against, against)


@pytest.mark.parametrize(
    ("effects", "smallest", "p"),
    [
        ([0.01, 0.11, 0.12, 0.13, 0.14], 0.02, "p_beyond"),
        ([-0.09, -0.11, -0.12, -0.13, 0.0], 0.0, "p_against"),
        ([0.1, 0.12, 0.11, 0.1, 0.55], 0.5, "p_negligible"),
        ([-0.1, 0.12, -0.11, 0.1, -0.51], 0.5, "p_negligible"),
    ],
)
def test_one_seed_of_five_that_disagrees_keeps_the_typical_one_open(effects, smallest, p):
    """The t-test passes, the sign test does not: the outcome stays open, and the claim enters its family with 1."""
    evidence = weigh([effects], smallest)
    assert getattr(evidence, p) <= LEVEL
    assert evidence.p_claim == 1
    assert decide(evidence) == INCONCLUSIVE


def test_the_smallest_of_what_is_shown_enters_the_family():
    effects = np.random.default_rng(1).normal(0, 1, (300, 2, 6)) + np.linspace(-2, 4, 300)[:, None, None]
    evidence = weigh(effects, 1.5)
    beyond, against, negligible = evidence.shown
    np.testing.assert_array_equal(evidence.p_claim, np.minimum(np.minimum(beyond, against), negligible))
    outcomes = decide(evidence)
    assert ((outcomes != INCONCLUSIVE) == (evidence.p_claim <= LEVEL)).all()
    assert set(outcomes.tolist()) == {REPLICATED, CONTRADICTED, NEGLIGIBLE, INCONCLUSIVE}
    level = np.linspace(0, 0.05, 300)  # of each claim its own
    each = [int(decide(weigh(one, 1.5), float(its))) for one, its in zip(effects, level, strict=True)]
    assert decide(evidence, level).tolist() == each


def test_a_conjunction_is_negligible_where_one_part_surely_is():
    """Whichever one: it holds only where all parts do. Having been picked among two, its p counts twice."""
    large, small = [3.0, 4.0, 4.0, 3.0, 3.0], SMALL
    alone = weigh([small], 0.5)
    for parts, which in (([large, small], 1), ([small, large], 0)):
        evidence = weigh(parts, 0.5)
        assert decide(evidence) == NEGLIGIBLE
        assert evidence.part_negligible == which
        np.testing.assert_array_equal(evidence.effects_negligible, small)
        assert evidence.p_negligible == pytest.approx(2 * alone.p_negligible)
    fallen = weigh([[-3.0, -4.0, -4.0, -3.0, -3.0], small], 0.5)
    assert decide(fallen) == CONTRADICTED
    assert fallen.p_against == pytest.approx(2 * weigh([[-3.0, -4.0, -4.0, -3.0, -3.0]], 0.5).p_against)
    barely = [0.1, 0.1, 0.1, 0.3, 0.44]  # p = 0.013 alone
    assert decide(weigh([barely], 0.45)) == NEGLIGIBLE
    assert decide(weigh([barely, large, large], 0.45)) == INCONCLUSIVE


def test_a_test_for_order_must_agree():
    rising = [[3.0, 4.0, 4.0, 3.0, 3.0]]
    assert decide(weigh(rising, 1.0, p_order=(0.05, 1.0))) == REPLICATED
    assert decide(weigh(rising, 1.0, p_order=(0.06, 1.0))) == INCONCLUSIVE
    falling = -np.array(rising)
    assert decide(weigh(falling, 1.0, p_order=(1.0, 0.05))) == CONTRADICTED
    assert decide(weigh(falling, 1.0, p_order=(1.0, 0.06))) == INCONCLUSIVE


@pytest.mark.parametrize("n", range(5, 11))
@pytest.mark.parametrize("shape", SHAPES)
def test_no_effect_is_rarely_a_verdict(shape, n):
    rng = np.random.default_rng([n, *shape.encode()])
    scores = SHAPES[shape](rng, (2, DRAWS, 1, n))
    replicated, contradicted, negligible = rates(scores[0] - scores[1])
    assert replicated <= 0.05
    assert contradicted <= 0.05
    assert negligible == 0


@pytest.mark.parametrize("n", range(5, 11))
@pytest.mark.parametrize("shape", SHAPES)
def test_a_skew_between_seeds_decides_nothing_about_the_typical_one(shape, n):
    """One arm against a constant, at its median: nothing is there, and exactly the smallest effect is there."""
    noise = SHAPES[shape](np.random.default_rng([n, *shape.encode()]), (DRAWS, 1, n)) - (shape == "lognormal")
    for side in (1, -1):
        replicated, contradicted, _ = rates(side * noise)
        assert max(replicated, contradicted) <= 0.04
        for smallest in (0.5, 3.0):
            assert rates(side * noise + smallest, smallest)[0] <= 0.04
            assert rates(side * noise + smallest, smallest)[2] <= 0.04
            assert rates(side * noise - smallest, smallest)[2] <= 0.04


@pytest.mark.parametrize("n", [5, 8])
def test_false_rate_at_the_smallest_effect(n):
    """At exactly the smallest effect that matters the rule errs in 2.5 % of the cases, on either side of zero."""
    effects = np.random.default_rng(n).standard_normal((DRAWS, 1, n))
    assert rates(effects + 2, smallest=2.0)[0] <= 0.025 + TOLERANCE
    assert rates(effects - 2, smallest=-2.0)[0] <= 0.025 + TOLERANCE
    assert rates(effects - 2, smallest=-2.0)[1] <= 0.025 + TOLERANCE
    assert rates(effects + 2, smallest=2.0)[2] <= 0.025 + TOLERANCE
    assert rates(effects - 2, smallest=2.0)[2] <= 0.025 + TOLERANCE


def test_fewer_than_five_seeds_decide_nothing():
    for n in range(1, 5):
        for smallest in (0.0, 1.0, 99.0, -1.0):
            assert rates(np.full((1, 1, n), 9.0) + np.arange(n), smallest) == (0, 0, 0)


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
    least = weigh(weak.min(axis=1, keepdims=True), 0.0, patterns=2**10)
    assert (least.p_against <= LEVEL).mean() > 0.05


@pytest.mark.parametrize(("n", "n_parts"), [(5, 2), (5, 4), (10, 2), (10, 4)])
def test_conjunction_of_effects_that_matter_is_rarely_negligible(n, n_parts):
    """Picked among four parts, the one that seems the smallest would seem so three or four times as often."""
    effects = np.random.default_rng(n).standard_normal((DRAWS, n_parts, n)) + 2
    assert rates(effects, smallest=2.0)[2] <= 0.025 + TOLERANCE
    evidence = weigh(effects, 2.0, patterns=2**10)
    assert (evidence.p_negligible / n_parts <= LEVEL).mean() > 0.015 * n_parts


def test_wrong_decisions_in_a_family():
    """30 claims, two of three at a bound: of all decisions at most 5 % are wrong, on average."""
    rng, wrong = np.random.default_rng(0), []
    true = np.repeat([0.0, 2.0, 0.0, 5.0, -3.0], [10, 10, 4, 3, 3])
    smallest = np.repeat([0.0, 2.0, 3.0, 2.0, 2.0], [10, 10, 4, 3, 3])
    right = np.repeat([0, 0, NEGLIGIBLE, REPLICATED, CONTRADICTED], [10, 10, 4, 3, 3])
    for _ in range(150):
        claims = [weigh(rng.standard_normal((1, 6)) + mean, bound) for mean, bound in zip(true, smallest, strict=True)]
        levels = benjamini_hochberg_levels([one.p_claim for one in claims])
        found = np.array([int(decide(one, level)) for one, level in zip(claims, levels, strict=True)])
        decided = found != INCONCLUSIVE
        wrong.append((decided & (found != right)).sum() / max(1, decided.sum()))
    assert 0 < np.mean(wrong) <= 0.05


def independent_rule(effects):
    """Replicated, with scipy's t-test, a plain loop over signs, and a count."""
    reference: Any = scipy.stats.ttest_1samp(effects, 0, alternative="greater")
    flips = [np.mean(effects * signs) >= np.mean(effects) - 1e-12 for signs in product((1, -1), repeat=len(effects))]
    counted = scipy.stats.binomtest(int((effects > 0).sum()), len(effects), alternative="greater")
    return reference.pvalue <= 0.025 and np.mean(flips) <= 0.05 and counted.pvalue <= 0.05


@pytest.mark.parametrize(("n", "effect"), [(5, 1.0), (5, 2.0), (6, 1.0), (8, 1.0)])
def test_power_agrees_with_an_independent_simulation(n, effect):
    effects = np.random.default_rng(99).normal(effect, 1, (400, n))
    simulated = np.mean([independent_rule(row) for row in effects])
    assert power(n, effect) == pytest.approx(simulated, abs=3.5 * 0.5 / math.sqrt(400))


@pytest.mark.parametrize(("n", "effect"), [(5, 1.0), (8, 1.0), (9, 1.0), (10, 0.8)])
def test_power_lies_between_two_that_are_known_exactly(n, effect):
    """Below the noncentral t's and the sign test's own, and no further below than both fail apart."""
    by_t = scipy.stats.nct.sf(scipy.stats.t.ppf(0.975, n - 1), n - 1, effect * math.sqrt(n))
    needed = next(k for k in range(n + 1) if scipy.stats.binom.sf(k - 1, n, 0.5) <= 0.05)
    by_sign = scipy.stats.binom.sf(needed - 1, n, scipy.stats.norm.cdf(effect))
    assert by_t + by_sign - 1 - 0.03 <= power(n, effect) <= min(by_t, by_sign) + 0.03


def test_detectable_effect():
    needed = [detectable(n) for n in (5, 6, 8)]
    assert needed == sorted(needed, reverse=True)
    assert needed == pytest.approx([1.8, 1.8, 1.3], abs=0.05)
    assert power(5, needed[0]) >= 0.8 > power(5, needed[0] - 0.05)
    assert detectable(5, level=LEVEL / 30) > needed[0]  # what multiplicity costs at worst
    assert detectable(4) == math.inf


def verdict_and_flip(effects, smallest=0.0):
    parts = np.array([effects], float)
    verdict = int(decide(weigh(parts, smallest)))
    return verdict, flip_chance(parts, smallest, verdict)


def test_flip_chance():
    verdict, chance = verdict_and_flip([50, 51, 49, 50, 52])
    assert verdict == REPLICATED
    assert chance < 0.01
    assert verdict_and_flip([3, 3, 3, 3, 3]) == (REPLICATED, 0)  # no spread: nothing that could change
    verdict, chance = verdict_and_flip([0.2, 1.4, 0.9, 1.0, 2.4])  # p = 0.018, just enough
    assert verdict == REPLICATED
    assert 0.3 < chance < 0.7
    verdict, chance = verdict_and_flip([3, 4, 4, 3, 3], 9.0)
    assert verdict == NEGLIGIBLE
    assert chance < 0.01
    verdict, chance = verdict_and_flip(SMALL, 0.12)
    assert verdict == NEGLIGIBLE
    assert 0.3 < chance < 0.7
    assert flip_chance([[1, 2, 3, 4]], 0.0, INCONCLUSIVE) == 0  # four seeds: inconclusive for ever


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-20, 20), min_size=5, max_size=7), st.integers(-5, 5))
def test_flip_chance_of_mirrored_effects(effects, smallest):
    verdict, chance = verdict_and_flip(effects, smallest)
    assert 0 <= chance <= 1
    if smallest == 0:
        assert verdict_and_flip([-x for x in effects])[0] == -verdict


@pytest.mark.parametrize(("smallest", "which"), [(0.0, 0), (2.5, 2)])
def test_flip_chance_agrees_with_a_plain_simulation(smallest, which):
    """The textbook recipe, seed by seed, for a claim with one part."""
    effects, n = np.array([0.5, 1.5, 0.8, 2.0, 1.2, 0.1]), 6
    outcome = (REPLICATED, CONTRADICTED, NEGLIGIBLE)[which]
    assert decide(weigh(effects[None], smallest)) == outcome
    rng = np.random.default_rng(7)
    variance = (n - 1) * effects.var(ddof=1) / rng.chisquare(n - 1, DRAWS)
    mean = rng.normal(effects.mean(), np.sqrt(variance / n))
    fresh = rng.normal(mean[:, None], np.sqrt(variance)[:, None], (DRAWS, n))
    expected = 1 - rates(fresh[:, None], smallest)[which]
    assert flip_chance(effects[None], smallest, outcome) == pytest.approx(expected, abs=0.04)

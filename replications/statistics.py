"""Intervals, exact tests, multiplicity, the verdict rule, and what a number of seeds can decide.

Axes: S seeds, P parts of a claim (one, unless the claim is a conjunction), C conditions of an ordered factor.
An *effect* is one number per seed, signed so that positive supports the claim; the seed is the unit of evidence.
Functions take the seeds on the last axis and are vectorised over all axes before it, so that the rule that judges a
claim is the very rule that is calibrated by simulation in the tests.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import permutations, product

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtrc, ndtr, stdtr, stdtrit
from scipy.stats import false_discovery_control, rankdata

Array = NDArray[np.float64]

LEVEL = 0.025
"""One-sided level of the t-test: a claim passes, before multiplicity, when its two-sided 95 % interval does."""
EXACT_LEVEL = 0.05
"""Level of the exact tests that stand guard beside it; five seeds reach 2^-5 = 0.031, four only 0.0625."""
ROUNDING = 1e-12
"""Relative difference that floating point makes of equal numbers, here and in the exact tests' ties."""


# --- one claim -----------------------------------------------------------------------------------------------------


def mean_interval(effects: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """Student's interval of the mean, m ± t(S−1) s/√S; effects [S]. One seed says nothing: (−inf, inf).

    As `scipy.stats.t.interval`, which has NaN for effects without spread; here that is the one value they have.
    """
    effects = np.asarray(effects, float)
    n = len(effects)
    if n < 2:
        return -np.inf, np.inf
    half = stdtrit(n - 1, (1 + confidence) / 2) * effects.std(ddof=1) / np.sqrt(n)
    return float(effects.mean() - half), float(effects.mean() + half)


def t_statistic(effects: ArrayLike, bound: float) -> Array:
    """(m − bound) / (s/√S) over the last axis of effects [..., S] → [...].

    Equal effects have no spread: the statistic is then +inf beyond the bound, and −inf at the bound or below it, so
    that being exactly at the smallest effect never counts as being beyond it.
    """
    effects = np.asarray(effects, float)
    n = effects.shape[-1]
    if n < 2:
        return np.zeros(effects.shape[:-1])
    tolerance = ROUNDING * np.maximum(np.abs(effects).max(-1), abs(bound))
    above = effects.mean(-1) - bound
    spread = effects.std(-1, ddof=1) / np.sqrt(n)
    constant = spread <= tolerance
    with_spread = above / np.where(constant, 1, spread)
    return np.where(constant, np.where(above > tolerance, np.inf, -np.inf), with_spread)


def t_test_p(effects: ArrayLike, bound: float = 0.0) -> Array:
    """One-sided p of H0 "the mean effect is at most `bound`"; effects [..., S] → [...]. One seed: p = 1.

    As `scipy.stats.ttest_1samp` where effects have spread. Where they have none, that divides by what rounding left of
    it, and calls equal effects a sure one; see `t_statistic`.
    """
    effects = np.asarray(effects, float)
    n = effects.shape[-1]
    if n < 2:
        return np.ones(effects.shape[:-1])
    return stdtr(n - 1, -t_statistic(effects, bound))


def sign_flip_p(effects: ArrayLike, patterns: int = 2**16) -> Array:
    """Exact one-sided p of H0 "effects are symmetric about zero" (Fisher 1935); effects [..., S] → [...].

    The share of the 2^S ways to flip the signs whose mean is at least the observed one. Where 2^S exceeds
    `patterns`, that many are drawn instead (the observed one among them, so the test stays valid).

    As `scipy.stats.permutation_test(…, permutation_type="samples")`, which takes one set of effects at a time and
    calls a function for it: the calibration and `flip_chance` weigh thousands, here by one product of matrices.
    """
    effects = np.asarray(effects, float)
    signs = _sign_patterns(effects.shape[-1], patterns)  # [patterns, S]
    rows = effects.reshape(-1, effects.shape[-1])
    threshold = rows.sum(1) - ROUNDING * np.abs(rows).sum(1)
    step = max(1, 2**22 // len(signs))  # rows at a time: keeps the table of sums under 32 MB
    shares = [
        (rows[i : i + step] @ signs.T >= threshold[i : i + step, None]).mean(1) for i in range(0, len(rows), step)
    ]
    return np.concatenate(shares).reshape(effects.shape[:-1])


def sign_test_p(effects: ArrayLike, bound: float = 0.0) -> Array:
    """Exact one-sided p of H0 "the median effect is at most `bound`"; effects [..., S] → [...].

    P(B ≥ k) for B ~ binomial(S, 1/2) and k effects beyond the bound. It asks nothing of the effects' distribution.
    As `scipy.stats.binomtest`, which takes one set of effects at a time.
    """
    effects = np.asarray(effects, float)
    beyond = (effects > bound + ROUNDING * abs(bound)).sum(-1)
    return np.where(beyond > 0, bdtrc(np.maximum(beyond, 1) - 1.0, effects.shape[-1], 0.5), 1.0)


@lru_cache(maxsize=32)
def _sign_patterns(n: int, limit: int) -> Array:
    if 2**n <= limit:
        return np.array(list(product((1.0, -1.0), repeat=n)))
    drawn = np.random.default_rng(0).choice((1.0, -1.0), size=(limit, n))
    drawn[0] = 1.0
    return drawn


def page_trend_p(scores: ArrayLike) -> float:
    """Exact one-sided p of Page's (1963) trend test: scores [S, C] grow along C; H0: any order within a seed.

    L = Σ_seeds Σ_c c · rank(score of condition c within the seed). The distribution is that of permuting the ranks
    within each seed, ties included; beyond eight conditions the normal limit is used.

    As `scipy.stats.page_trend_test` where nothing ties. Where scores do, as counts will, that one goes on with the
    distribution of ranks 1 to C, which is then wrong to either side: of five seeds whose three scores are all alike it
    says 0.56 for 1, of five that say (1, 1, 2) 0.018 for 0.0041.
    """
    ranks = rankdata(np.asarray(scores, float), axis=1)
    n, c = ranks.shape
    observed = (ranks @ np.arange(1, c + 1)).sum()
    if c > 8:
        mean, variance = n * c * (c + 1) ** 2 / 4, n * c**2 * (c + 1) ** 2 * (c - 1) / 144
        return float(ndtr((mean - observed) / np.sqrt(variance)))
    distribution = np.ones(1)
    for row in ranks:
        distribution = np.convolve(distribution, _rank_sums(tuple(sorted(row))))
    return float(min(1.0, distribution[round(2 * observed) :].sum()))


@lru_cache(maxsize=64)
def _rank_sums(ranks: tuple[float, ...]) -> Array:
    """Probability of each 2·Σ c·rank_c (doubled: mean ranks are halves) over all orders of the ranks."""
    orders = np.array(list(permutations(ranks)))
    sums = np.rint(2 * orders @ np.arange(1, len(ranks) + 1)).astype(int)
    return np.bincount(sums) / len(sums)


# --- many claims ---------------------------------------------------------------------------------------------------


def benjamini_hochberg(p: ArrayLike) -> Array:
    """Adjusted p-values that control the false discovery rate (Benjamini and Hochberg 1995); [claims] → [claims].

    adjusted_(i) = min over j ≥ i of p_(j) · claims / j, with p_(1) ≤ p_(2) ≤ …
    """
    return false_discovery_control(np.asarray(p, float))


def benjamini_hochberg_levels(p: ArrayLike, level: float = LEVEL) -> Array:
    """The largest raw p with which each claim would still pass, the others staying as they are; [claims] → [claims].

    A claim passes (adjusted p ≤ level) exactly when its raw p is at most this. SciPy has nothing like it.
    """
    p = np.asarray(p, float)
    steps = level * np.arange(1, len(p) + 1) / len(p)
    levels = np.empty_like(p)
    for i in range(len(p)):
        others = np.sort(np.delete(p, i))
        passing = np.searchsorted(others, steps, side="right") >= np.arange(len(p))
        levels[i] = steps[passing][-1]  # the first step always passes: it asks nothing of the others
    return levels


# --- the rule ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Evidence:
    """What the seeds say about one claim, or about many at once: every field has the axes before [P, S] in front."""

    part: NDArray[np.intp]
    """Which part speaks for the claim: the one that is hardest to establish."""
    effects: Array
    """Its effects [..., S]."""
    part_against: NDArray[np.intp]
    """Which part speaks most against the claim: one that has fallen refutes a conjunction, whatever the others do."""
    effects_against: Array
    """Its effects [..., S]."""
    p_beyond: Array
    """t-test of H0 "effect ≤ smallest effect"."""
    p_against: Array
    """t-test of H0 "effect ≥ min(0, smallest effect)", times the number of parts."""
    p_value: Array
    """Exact sign-flip test of H0 "effect ≤ min(0, smallest effect)"."""
    p_reverse: Array
    """Its mirror image."""
    p_typical: Array
    """Exact sign test of H0 "median effect ≤ smallest effect"; 0 where effects are symmetric by design."""
    p_typical_against: Array
    """Exact sign test of H0 "median effect ≥ min(0, smallest effect)", times the number of parts; 0 likewise."""


def weigh(parts: ArrayLike, smallest: float, patterns: int = 2**16, symmetric: bool = True) -> Evidence:
    """Test the parts [..., P, S] of a claim against its smallest effect that matters.

    A conjunction is as strong as its weakest part: it holds only where every part passes at the full level (the
    intersection-union test, Berger 1982), that is, where the part with the largest p does. Against it the part is
    taken that lies furthest on the other side of zero; having been picked among P, its p by the t-test is multiplied
    by P. That of the exact sign-flip test is not: five seeds reach 2^-5 there, and could then contradict no
    conjunction. It only guards the other; what both come to together is calibrated, at four parts as well as at two.

    Differences of two exchangeable arms are symmetric whatever the scores' distribution, and the t-test can rely on
    it. Without such a balance (`symmetric` is false: one arm against a constant) a skew between seeds makes the t-test
    err, so the sign test, which knows no skew, must agree with it at the very bound.
    """
    parts, null = np.asarray(parts, float), min(0.0, smallest)
    n_parts = parts.shape[-2]
    weakest, effects = _part(parts, np.argmin(t_statistic(parts, smallest), axis=-1))
    furthest, against = _part(parts, np.argmax(t_statistic(-parts, -null), axis=-1))  # a part without spread is level
    return Evidence(
        part=weakest,
        effects=effects,
        part_against=furthest,
        effects_against=against,
        p_beyond=t_test_p(effects, smallest),
        p_against=np.minimum(1.0, n_parts * t_test_p(-against, -null)),
        p_value=sign_flip_p(parts - null, patterns).max(-1),
        p_reverse=sign_flip_p(null - against, patterns),
        p_typical=np.zeros(weakest.shape) if symmetric else sign_test_p(parts, smallest).max(-1),
        p_typical_against=np.zeros(weakest.shape)
        if symmetric
        else np.minimum(1.0, n_parts * sign_test_p(-against, -null)),
    )


def _part(parts: Array, which: NDArray[np.intp]) -> tuple[NDArray[np.intp], Array]:
    """`which` [...] of the parts [..., P, S], and its effects [..., S]."""
    return which, np.take_along_axis(parts, which[..., None, None], axis=-2)[..., 0, :]


def decide(
    evidence: Evidence,
    level_beyond: float = LEVEL,
    level_against: float = LEVEL,
    p_order: tuple[float, float] = (0.0, 0.0),
) -> NDArray[np.int64]:
    """The verdict: 1 replicated, −1 contradicted, 0 inconclusive.

    Replicated: p_beyond ≤ level, so that (before multiplicity, which lowers the level) the whole 95 % interval lies
    beyond the smallest effect, and the exact tests agree: that there is an effect at all and, where effects are not
    symmetric by design, that the typical one is beyond the smallest. Contradicted: the mirror image at zero (at the
    smallest effect, where that is negative: "not worse by more than a margin").
    `p_order` is the p of a test for order, growing and falling, where the claim is a trend.
    """
    exact = np.maximum.reduce([evidence.p_value, evidence.p_typical, np.full_like(evidence.p_value, p_order[0])])
    exact_against = np.maximum.reduce(
        [evidence.p_reverse, evidence.p_typical_against, np.full_like(evidence.p_value, p_order[1])]
    )
    holds = (evidence.p_beyond <= level_beyond) & (exact <= EXACT_LEVEL)
    fails = (evidence.p_against <= level_against) & (exact_against <= EXACT_LEVEL)
    return holds.astype(np.int64) - fails.astype(np.int64)


def flip_chance(
    parts: ArrayLike,
    smallest: float,
    verdict: int,
    level_beyond: float = LEVEL,
    level_against: float = LEVEL,
    draws: int = 2000,
    symmetric: bool = True,
) -> float:
    """Chance that as many fresh seeds give another verdict than `verdict`, the other claims staying as they are.

    Predictive simulation under a normal model with the usual vague prior: σ² ~ (S−1) s² / χ²(S−1),
    µ ~ N(m, σ²/S), then S new effects ~ N(µ, σ²). Deviations are drawn as random mixtures of the observed ones,
    which keeps the correlation between the parts [P, S]. A test for order takes no part in it.
    """
    parts = np.asarray(parts, float)
    n = parts.shape[-1]
    if n < 2:
        return 0.0  # such a set never decides anything, nor will the next
    rng = np.random.default_rng(0)
    mean = parts.mean(-1, keepdims=True)
    mixtures = rng.standard_normal((draws, n, n)) + rng.standard_normal((draws, n, 1)) / np.sqrt(n)  # new + of µ
    scale = 1 / np.sqrt(rng.chisquare(n - 1, draws))
    fresh = mean + (parts - mean) @ (mixtures * scale[:, None, None])  # [draws, P, S]
    again = decide(weigh(fresh, smallest, 2**10, symmetric), level_beyond, level_against)
    return float((again != verdict).mean())


# --- before training -----------------------------------------------------------------------------------------------


def smallest_p(n: int) -> float:
    """The smallest p that the exact sign-flip test can give with n seeds: 2^-n."""
    return 2.0**-n


def power(n: int, effect: float, level: float = LEVEL, draws: int = 4000) -> float:
    """Chance that n seeds replicate a claim whose true effect lies `effect` standard deviations beyond the smallest.

    The standard deviation is that of the effect between seeds; normal effects. By simulation of the rule itself with
    a smallest effect of zero, the hardest case for the exact test: with few seeds that test costs power that
    the noncentral t distribution does not know of.
    """
    effects = np.random.default_rng(0).standard_normal((draws, 1, n)) + effect
    return float((decide(weigh(effects, 0.0, patterns=2**10), level) == 1).mean())


def detectable(n: int, power_wanted: float = 0.8, level: float = LEVEL) -> float:
    """The effect, in standard deviations beyond the smallest, that n seeds replicate with this power; else inf."""
    low, high = 0.0, 64.0
    if power(n, high, level) < power_wanted:
        return np.inf
    while high - low > 0.01:  # the same draws are shifted, so power grows with the effect without noise
        middle = (low + high) / 2
        low, high = (low, middle) if power(n, middle, level) >= power_wanted else (middle, high)
    return high

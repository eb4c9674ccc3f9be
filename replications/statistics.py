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
import scipy
from numpy.typing import ArrayLike, NDArray

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
    half = scipy.special.stdtrit(n - 1, (1 + confidence) / 2) * effects.std(ddof=1) / np.sqrt(n)
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
    return scipy.special.stdtr(n - 1, -t_statistic(effects, bound))


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
    tolerance = ROUNDING * np.maximum(np.abs(effects).max(-1, keepdims=True), abs(bound))
    beyond = (effects > bound + tolerance).sum(-1)
    return np.where(beyond > 0, scipy.special.bdtrc(np.maximum(beyond, 1) - 1.0, effects.shape[-1], 0.5), 1.0)


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
    ranks = scipy.stats.rankdata(np.asarray(scores, float), axis=1)
    n, c = ranks.shape
    observed = (ranks @ np.arange(1, c + 1)).sum()
    if c > 8:
        mean, variance = n * c * (c + 1) ** 2 / 4, n * c**2 * (c + 1) ** 2 * (c - 1) / 144
        return float(scipy.special.ndtr((mean - observed) / np.sqrt(variance)))
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

    The family is *directional*: every claim of a study enters once, with the smallest of its one-sided p-values
    (replicated, contradicted, negligible), and is decided the way that p says. Whatever the truth, those that would be
    wrong lie on at most two sides of it (an effect of exactly the smallest that matters is neither beyond it nor, to
    the other side, within it or below zero), each with a chance of at most p: so the level of 2.5 % keeps the share of
    wrong ones among all decisions below 5 %, as Benjamini and Yekutieli 2005 argue for signs. It asks that claims be
    independent or positively dependent; arms that claims share are simulated in the calibration. A claim whose exact
    tests disagree, or whose quality checks fail, was registered all the same and enters with p = 1.
    """
    return scipy.stats.false_discovery_control(np.asarray(p, float))


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

REPLICATED, CONTRADICTED, NEGLIGIBLE, INCONCLUSIVE = 1, -1, 2, 0
"""What `decide` says of a claim. Whether it can be tested at all is asked before, by its quality checks."""


@dataclass(frozen=True)
class Evidence:
    """What the seeds say about one claim, or about many at once: every field has the axes before [P, S] in front.

    Three things can be shown, each by a t-test: the effect is beyond the smallest that matters, it has the other sign,
    or it is too small to matter. The exact tests beside them say whether five or ten seeds may be believed.
    """

    part: NDArray[np.intp]
    """Which part speaks for the claim: the one that is hardest to establish."""
    effects: Array
    """Its effects [..., S]."""
    part_against: NDArray[np.intp]
    """Which part speaks most against the claim: one that has fallen refutes a conjunction, whatever the others do."""
    effects_against: Array
    """Its effects [..., S]."""
    part_negligible: NDArray[np.intp]
    """Which part is most surely too small to matter."""
    effects_negligible: Array
    """Its effects [..., S]."""
    p_beyond: Array
    """t-test of H0 "effect ≤ smallest effect"."""
    p_against: Array
    """t-test of H0 "effect ≥ min(0, smallest effect)", times the number of parts."""
    p_negligible: Array
    """Two one-sided t-tests of H0 "|effect| ≥ smallest effect", the larger p, times the number of parts; 1 for a
    margin, within which an effect is what the claim says."""
    p_value: Array
    """Exact sign-flip test of H0 "effect ≤ min(0, smallest effect)"."""
    p_reverse: Array
    """Its mirror image."""
    p_typical: Array
    """Exact sign test of H0 "median effect ≤ smallest effect"."""
    p_typical_against: Array
    """Exact sign test of H0 "median effect ≥ min(0, smallest effect)"."""
    p_typical_negligible: Array
    """Exact sign tests of H0 "|median effect| ≥ smallest effect", the larger p."""

    @property
    def shown(self) -> tuple[Array, Array, Array]:
        """The p-values of replicated, contradicted, negligible: of the t-test, 1 where an exact test disagrees."""
        exact = (
            np.maximum(self.p_value, self.p_typical),
            np.maximum(self.p_reverse, self.p_typical_against),
            self.p_typical_negligible,
        )
        by_t = (self.p_beyond, self.p_against, self.p_negligible)
        beyond, against, negligible = (
            np.where(guard <= EXACT_LEVEL, p, 1.0) for p, guard in zip(by_t, exact, strict=True)
        )
        return beyond, against, negligible

    @property
    def p_claim(self) -> Array:
        """The smallest of the three: the one p with which the claim enters its family."""
        return np.minimum.reduce(self.shown)


def weigh(parts: ArrayLike, smallest: float, patterns: int = 2**16, p_order: tuple = (0.0, 0.0)) -> Evidence:
    """Test the parts [..., P, S] of a claim against its smallest effect that matters.

    A conjunction is as strong as its weakest part: it holds only where every part passes at the full level (the
    intersection-union test, Berger 1982), that is, where the part with the largest p does. Against it the part is
    taken that lies furthest on the other side of zero, and for "too small to matter" the part that is most surely so;
    having been picked among P, its p by the t-test is multiplied by P. Those of the exact tests are not: five seeds
    reach 2^-5 there, and could then contradict no conjunction. They only guard the t-test; what all of them come to
    together is calibrated, at four parts as well as at two.

    The t-test errs where effects are skewed: a GAN of which one seed in five collapses against a VAE that never does,
    one arm against a constant. The sign test knows no skew, so it must agree at the very bound: what is claimed is
    claimed of the typical seed, the median, too.

    Args:
        parts: effects, positive where they support the claim.
        smallest: the smallest effect that matters; negative: a margin that may be lost.
        patterns: how many sign patterns the exact test looks at.
        p_order: of a trend the p of a test for order, growing and falling.
    """
    parts, null, n_parts = np.asarray(parts, float), min(0.0, smallest), np.shape(parts)[-2]
    weakest, effects = _part(parts, np.argmin(t_statistic(parts, smallest), axis=-1))
    furthest, against = _part(parts, np.argmax(t_statistic(-parts, -null), axis=-1))  # a part without spread is level
    if smallest > 0:
        inside = np.minimum(t_statistic(parts, -smallest), t_statistic(-parts, -smallest))
        surest, within = _part(parts, np.argmax(inside, axis=-1))
        p_negligible = np.maximum(t_test_p(within, -smallest), t_test_p(-within, -smallest))
        p_typical_negligible = np.maximum(sign_test_p(within, -smallest), sign_test_p(-within, -smallest))
    else:
        surest, within = weakest, effects
        p_negligible = p_typical_negligible = np.ones(weakest.shape)
    return Evidence(
        part=weakest,
        effects=effects,
        part_against=furthest,
        effects_against=against,
        part_negligible=surest,
        effects_negligible=within,
        p_beyond=t_test_p(effects, smallest),
        p_against=np.minimum(1.0, n_parts * t_test_p(-against, -null)),
        p_negligible=np.minimum(1.0, n_parts * p_negligible),
        p_value=np.maximum(sign_flip_p(parts - null, patterns).max(-1), p_order[0]),
        p_reverse=np.maximum(sign_flip_p(null - against, patterns), p_order[1]),
        p_typical=sign_test_p(parts, smallest).max(-1),
        p_typical_against=sign_test_p(-against, -null),
        p_typical_negligible=p_typical_negligible,
    )


def _part(parts: Array, which: NDArray[np.intp]) -> tuple[NDArray[np.intp], Array]:
    """`which` [...] of the parts [..., P, S], and its effects [..., S]."""
    return which, np.take_along_axis(parts, which[..., None, None], axis=-2)[..., 0, :]


def decide(evidence: Evidence, level: Array | float = LEVEL) -> NDArray[np.int64]:
    """The outcome: REPLICATED, CONTRADICTED, NEGLIGIBLE or INCONCLUSIVE, in this order where several are shown.

    Replicated: p ≤ level, so that (before multiplicity, which lowers the level) the whole 95 % interval lies beyond
    the smallest effect. Contradicted: the whole interval lies beyond zero on the other side or, where the smallest
    effect is a margin, beyond the margin. Negligible: it lies within the smallest effect on both sides. An effect that
    is surely on the other side and surely small contradicts: the claim says a direction. In each case the exact tests
    agree.
    """
    beyond, against, negligible = (p <= level for p in evidence.shown)
    outcome = np.where(against, CONTRADICTED, np.where(negligible, NEGLIGIBLE, INCONCLUSIVE))
    return np.where(beyond, REPLICATED, outcome).astype(np.int64)


def flip_chance(
    parts: ArrayLike, smallest: float, outcome: int, level: Array | float = LEVEL, draws: int = 2000
) -> float:
    """Chance that as many fresh seeds give another outcome than `outcome`, the other claims staying as they are.

    Predictive simulation under a normal model with the usual vague prior: σ² ~ (S−1) s² / χ²(S−1),
    µ ~ N(m, σ²/S), then S new effects ~ N(µ, σ²). Deviations are drawn as random mixtures of the observed ones,
    which keeps the correlation between the parts [P, S]. A test for order takes no part in it.
    """
    parts = np.asarray(parts, float)
    n = parts.shape[-1]
    if n < 2:
        return 0.0  # such a set never decides anything, nor will the next
    mean = parts.mean(-1, keepdims=True)
    fresh = mean + (parts - mean) @ _predictive_mixtures(n, draws)  # [draws, P, S]
    again = decide(weigh(fresh, smallest, 2**10), level)
    return float((again != outcome).mean())


@lru_cache(maxsize=32)
def _predictive_mixtures(n: int, draws: int) -> Array:
    """What a set's deviations are mixed by, [draws, S, S]; the same for every set of as many seeds."""
    rng = np.random.default_rng(0)
    mixtures = rng.standard_normal((draws, n, n)) + rng.standard_normal((draws, n, 1)) / np.sqrt(n)  # new + of µ
    return mixtures * (1 / np.sqrt(rng.chisquare(n - 1, draws)))[:, None, None]


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
    return float((decide(weigh(effects, 0.0, patterns=2**10), level) == REPLICATED).mean())


def detectable(n: int, power_wanted: float = 0.8, level: float = LEVEL) -> float:
    """The effect, in standard deviations beyond the smallest, that n seeds replicate with this power; else inf."""
    low, high = 0.0, 64.0
    if power(n, high, level) < power_wanted:
        return np.inf
    while high - low > 0.01:  # the same draws are shifted, so power grows with the effect without noise
        middle = (low + high) / 2
        low, high = (low, middle) if power(n, middle, level) >= power_wanted else (middle, high)
    return high

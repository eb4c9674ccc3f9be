"""Scores of training seeds, drawn from a known truth and judged by the very rule that judges claims.

Each design is a predicate of `replications.judging.predicates`, whose own `effects` are weighed and decided by
`replications.statistics`. It draws the same numbers every time. What it comes to is shown by calibration_report.py.

Axes: V variants, D draws, S seeds, P parts of a claim. Effects are counted in standard deviations of the effect between
seeds, so that one table serves every instrument.
"""

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from replications.judging.predicates import (
    Above,
    Below,
    Both,
    Contrast,
    Dips,
    Greater,
    Increases,
    Peaks,
    Predicate,
    Similar,
)
from replications.judging.scores import Scores
from replications.statistics import (
    CONTRADICTED,
    INCONCLUSIVE,
    LEVEL,
    NEGLIGIBLE,
    REPLICATED,
    Array,
    Evidence,
    benjamini_hochberg_levels,
    decide,
    detectable,
    flip_chance,
    page_trend_p,
    power,
    t_test_p,
    weigh,
)

Integers = NDArray[np.int64]

DRAWS = 10_000
"""Sets of seeds where an outcome is as likely to be wrong as it can be: a rate near 5 % is then known to ± 0.2 %."""
SEEDS = (3, 5, 8, 10, 20)
PROMISED = (5, 8, 10)
"""The numbers of seeds for which errors are promised to stay rare."""
PATTERNS = 2**10
"""Sign patterns of the exact test: all of them up to ten seeds; with 20 as many drawn ones as `power` draws."""
FAR = 8.0
"""How far a collapsed seed lies from the others, in their standard deviations."""

DECIDED = {"replicated": REPLICATED, "contradicted": CONTRADICTED, "negligible": NEGLIGIBLE}
"""The outcomes that can be wrong: to leave a claim open is a lack of power, and no error."""
JUDGED = {**DECIDED, "inconclusive": INCONCLUSIVE}
"""All that `decide` says."""

COLUMNS = (
    *("design", "distribution", "n_seeds", "centre", "smallest_effect", "true_effect", "wrong"),
    *(*JUDGED, "covers_mean", "covers_median", "draws"),
)
FAMILY_COLUMNS = (
    *("arms", "n_seeds", "claims", "families", "wrong_share", "standard_error", "any_wrong"),
    *("replicated", "contradicted", "negligible"),
)
POWER_COLUMNS = (
    *("n_seeds", "effect", "replicated", "replicated_first_of_100", "contradicted", "contradicted_one_of_four"),
    *("negligible", "negligible_first_of_100", "detectable", "negligible_at"),
)
FLIP_COLUMNS = ("distribution", "outcome", "low", "high", "sets", "predicted", "observed", "standard_error")


# --- what is simulated ---------------------------------------------------------------------------------------------


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return rng.standard_normal(shape)


def _skewed(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Lognormal with σ = 1, whose mean is √e and whose variance e (e − 1)."""
    return (rng.lognormal(size=shape) - math.sqrt(math.e)) / math.sqrt(math.e * (math.e - 1))


def _heavy_tailed(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Student's t with 3 degrees of freedom, whose variance is 3."""
    return rng.standard_t(3, shape) / math.sqrt(3)


def _two_peaked(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """One seed in five lies far below the others, as a GAN that collapses; mean −FAR/5, variance 1 + 0.16 FAR²."""
    collapsed = rng.random(shape) < 0.2
    return (rng.standard_normal(shape) - FAR * collapsed + FAR / 5) / math.sqrt(1 + 0.16 * FAR**2)


DISTRIBUTIONS: Mapping[str, Callable[[np.random.Generator, tuple[int, ...]], Array]] = {
    "normal": _normal,
    "skewed": _skewed,
    "heavy-tailed": _heavy_tailed,
    "two-peaked": _two_peaked,
}
"""Name → scores of a variant around its location, of mean 0 and standard deviation 1."""
LOPSIDED = ("skewed", "two-peaked")


@dataclass(frozen=True)
class Design:
    """A claim in miniature: what is compared, and how a true effect gets into the arms.

    Where several arms are compared, every seed has besides an effect of its own that all its arms share, as large as
    what is each arm's alone: the reason why arms are paired.
    """

    words: str
    predicate: Predicate
    lift: Mapping[str, float]
    """Variant → its location when the true effect is 1."""
    base: Mapping[str, float] = field(default_factory=dict)
    """Variant → what is added to its location whatever the effect."""
    steady: Mapping[str, float] = field(default_factory=dict)
    """Variant whose scores are normal → their spread, that of the others being 1."""
    cases: tuple[tuple[float, float], ...] = (
        *((0.0, effect) for effect in (-1.0, 0.0, 0.5, 1.0, 2.0, 4.0)),
        *((0.5, effect) for effect in (-0.5, 0.0, 0.5, 1.5)),
        *((3.0, effect) for effect in (-3.0, 0.0, 1.0, 3.0)),
    )
    """(smallest effect, true effect)."""
    promised: bool = True
    """Whether the rule promises to err rarely, were it about the typical seed."""

    @property
    def weights(self) -> Array:
        """How each arm enters each part; [P, V]. Read off the predicate: its effects on arms that are one-hot or 0."""
        arms = {name: (np.arange(len(self.lift) + 1) == i).astype(float) for i, name in enumerate(self.lift)}
        parts = np.stack(list(self.predicate.effects(Drawn({}, arms=arms), ()).values()))
        return np.asarray(parts[:, :-1] - parts[:, -1:], float)

    @property
    def spreads(self) -> Array:
        """Standard deviation between seeds of each arm; [V]."""
        return np.array([self.steady.get(name, 1.0) for name in self.lift])

    @property
    def spread(self) -> float:
        """Standard deviation of the effect between seeds, of the widest part."""
        return float(np.linalg.norm(self.weights * self.spreads, axis=1).max())

    @property
    def alike(self) -> bool:
        """Whether arms spread alike are compared with each other, so that the rule can speak of their means, too."""
        return not self.steady and bool(np.allclose(self.weights.sum(1), 0))

    @property
    def balanced(self) -> bool:
        """Whether its effects are symmetric about the true one, so that their mean and their median are the same."""
        return not self.steady and all(np.allclose(np.sort(row), np.sort(-row)) for row in self.weights)


MARGIN = tuple((-3.0, effect) for effect in (-4.0, -3.0, -2.5, -2.0, -1.0, 0.0))

DESIGNS = {
    "greater": Design("one arm above another, paired", Greater("score", "a", "b"), {"a": 1, "b": 0}),
    "above": Design("one arm above a constant", Above("score", "a", 0.0), {"a": 1}),
    "below": Design("one arm below a constant", Below("score", "a", 0.0), {"a": -1}),
    "increases": Design(
        "a trend over four conditions",
        Increases("score", ("a", "b", "c", "d")),
        {"a": 0, "b": 1 / 3, "c": 2 / 3, "d": 1},
    ),
    "margin": Design(
        "one arm not below another by a margin", Greater("score", "a", "b"), {"a": 1, "b": 0}, cases=MARGIN
    ),
    "similar": Design(
        "two arms no further apart than a margin", Similar("score", ("a", "b")), {"a": 1, "b": 0}, cases=MARGIN
    ),
    "similar_four": Design(
        "four arms no further apart than a margin",
        Similar("score", ("a", "b", "c", "d")),
        {"a": 1, "b": 0, "c": 0, "d": 0},
        cases=MARGIN,
    ),
    "similar_eight": Design(
        "eight arms no further apart than a margin",
        Similar("score", tuple("abcdefgh")),
        {"a": 1, **dict.fromkeys("bcdefgh", 0)},
        cases=MARGIN,
    ),
    "contrast": Design(
        "two losers against one winner (2, −1, −1)",
        Contrast("score", (("a", 2.0), ("b", -1.0), ("c", -1.0))),
        {"a": 0.5, "b": 0, "c": 0},
    ),
    "unlike": Design(
        "a high-variance arm above a low-variance one",
        Greater("score", "a", "b"),
        {"a": 1, "b": 0},
        steady={"b": 0.1},
    ),
    "unlike_3": Design(
        "an arm above one of a third of its deviation",
        Greater("score", "a", "b"),
        {"a": 1, "b": 0},
        steady={"b": 1 / 3},
    ),
    "peaks": Design("two parts, both as true", Peaks("score", "a", ("b", "c")), {"a": 1, "b": 0, "c": 0}),
    "peaks_half": Design(
        "two parts, one beyond doubt", Peaks("score", "a", ("b", "c")), {"a": 1, "b": 0, "c": 0}, base={"c": -10.0}
    ),
    "peaks_four": Design(
        "four parts, all as true",
        Peaks("score", "a", ("b", "c", "d", "e")),
        {"a": 1, "b": 0, "c": 0, "d": 0, "e": 0},
    ),
    "peaks_mixed": Design(
        "two parts, high over high and low variance",
        Peaks("score", "a", ("b", "c")),
        {"a": 1, "b": 0, "c": 0},
        steady={"c": 0.1},
    ),
    "peaks_wild": Design(
        "two parts, high over low variance",
        Peaks("score", "a", ("b", "c")),
        {"a": 1, "b": 0, "c": 0},
        steady={"b": 0.1, "c": 0.1},
    ),
    "dips_wild": Design(
        "four parts, low under high variance",
        Dips("score", "a", ("b", "c", "d", "e")),
        {"a": -1, "b": 0, "c": 0, "d": 0, "e": 0},
        steady={"a": 0.1},
    ),
    "apart": Design(
        "two parts that share no arm",
        Both(Above("score", "a", 0.0), 1.0, Above("score", "b", 0.0), 1.0),
        {"a": 1, "b": 1},
    ),
    "apart_four": Design(
        "four parts that share no arm",
        Both(
            Both(Above("score", "a", 0.0), 1.0, Above("score", "b", 0.0), 1.0),
            1.0,
            Both(Above("score", "c", 0.0), 1.0, Above("score", "d", 0.0), 1.0),
            1.0,
        ),
        {"a": 1, "b": 1, "c": 1, "d": 1},
        promised=False,
    ),
}


@dataclass(frozen=True)
class Drawn(Scores):
    """Scores of many draws at once, each arm [D · S] in a row: predicates reckon seed by seed, so they never notice."""

    arms: Mapping[str, Array] = field(default_factory=dict)

    def arm(self, variant: str, instrument: str, seeds: Sequence[int]) -> Array:
        """All draws of a variant; `seeds` are not asked for."""
        return self.arms[variant]


def _rng(*what: str | int) -> np.random.Generator:
    """One stream per cell of a table, so that any of them can be drawn again alone."""
    return np.random.default_rng([part if isinstance(part, int) else zlib.crc32(part.encode()) for part in what])


def draw(design: Design, distribution: str, rng: np.random.Generator, draws: int, n: int) -> Array:
    """Scores [V, D, S] around locations of zero."""
    shape = (draws, n)
    arms: list[Array] = [
        design.steady[name] * rng.standard_normal(shape)
        if name in design.steady
        else DISTRIBUTIONS[distribution](rng, shape)
        for name in design.lift
    ]
    compared = design.alike or design.steady  # else every part is about one arm, and the seed says nothing of another
    shared = rng.standard_normal(shape) if compared else np.zeros(shape)
    scores: Array = np.stack(arms)
    scores += shared
    return scores


def located(design: Design, effect: float | Array, skew: ArrayLike = 0.0) -> Array:
    """Locations [V, …] of the arms when the true effect, in the scores' units, is `effect` […].

    `skew` [P] is taken off each part besides: with the median of its noise, its median is the true effect.
    """
    lift, base = (np.array([mapping.get(name, 0.0) for name in design.lift]) for mapping in (design.lift, design.base))
    base -= np.linalg.pinv(design.weights) @ np.broadcast_to(skew, len(design.weights))
    return np.multiply.outer(lift, effect) + base.reshape(-1, *[1] * np.ndim(effect))


@cache
def median_of_noise(name: str, distribution: str) -> tuple[float, ...]:
    """The medians of the parts when their means are zero, from a million draws (± 0.001 standard deviations)."""
    design = DESIGNS[name]
    weights = design.weights
    if design.balanced or distribution not in LOPSIDED:
        return (0.0,) * len(weights)
    scores = draw(design, distribution, _rng("median", distribution), 10**6, 1)[..., 0]
    return tuple(float(np.median(row @ scores)) for row in weights)


# --- the rule, on many draws ---------------------------------------------------------------------------------------


def parts_of(predicate: Predicate, scores: Mapping[str, Array]) -> Array:
    """The predicate's own effects [D, P, S] of scores {variant: [D, S]}."""
    arms = {name: arm.ravel() for name, arm in scores.items()}
    effects = predicate.effects(Drawn({}, arms=arms), ())
    shape = next(iter(scores.values())).shape
    return np.stack([part.reshape(shape) for part in effects.values()], axis=1)


@dataclass(frozen=True)
class Weighed:
    """Many sets of seeds, weighed as claims are.

    Where no t-test passes at the level of a single claim, the exact tests cannot change anything, and are left out.
    """

    by_t: Evidence
    """Of all sets [D]; without the exact tests by sign flips and for order."""
    open: NDArray[np.bool_]
    """Which sets a t-test leaves to the exact ones; [D]."""
    evidence: Evidence
    """Of the open ones, all of it."""

    @property
    def p_claim(self) -> Array:
        """The p [D] with which each enters its family; 1 where it lies above the level whatever the exact tests say."""
        p = np.ones(self.open.shape)
        p[self.open] = self.evidence.p_claim
        return p

    def decided(self, level: Array | float = LEVEL) -> Integers:
        """The outcomes [D]; level: of each set, or of all."""
        found = np.full(self.open.shape, INCONCLUSIVE)
        found[self.open] = decide(self.evidence, np.broadcast_to(level, self.open.shape)[self.open])
        return found


def weighed(predicate: Predicate, scores: Mapping[str, Array], smallest: float) -> Weighed:
    """What scores {variant: [D, S]} say of the predicate, each set of seeds on its own."""
    parts = parts_of(predicate, scores)
    by_t = weigh(parts, smallest, patterns=1)
    open_ = np.minimum.reduce([by_t.p_beyond, by_t.p_against, by_t.p_negligible]) <= LEVEL
    open_[0] = True  # so that there is always something to weigh
    order = (0.0, 0.0)
    if isinstance(predicate, Increases) and smallest >= 0:
        order = order_p(np.stack([scores[name][open_] for name in predicate.variants], axis=-1))
    return Weighed(by_t, open_, weigh(parts[open_], smallest, PATTERNS, order))


def verdicts(
    predicate: Predicate, scores: Mapping[str, Array], smallest: float, level: Array | float = LEVEL
) -> tuple[Integers, Array, Integers]:
    """The verdicts on scores {variant: [D, S]}, each set as if it were the claim's.

    Returns:
        Outcomes [D], the effects [D, S] of the part that is shown, and which part it is [D].
    """
    of_all = weighed(predicate, scores, smallest)
    found, by_t = of_all.decided(level), of_all.by_t
    part, effects = by_t.part, by_t.effects
    for outcome, other, of_other in (
        (CONTRADICTED, by_t.part_against, by_t.effects_against),
        (NEGLIGIBLE, by_t.part_negligible, by_t.effects_negligible),
    ):  # there a claim shows the part that decides
        part = np.where(found == outcome, other, part)
        effects = np.where((found == outcome)[:, None], of_other, effects)
    return found, effects, part


def order_p(scores: Array) -> tuple[Array, Array]:
    """Page's p, growing and falling, of untied scores [D, S, C] → [D] each.

    Without ties p depends on Page's L alone, so `page_trend_p` is asked once for each L that occurs.
    """
    n, conditions = scores.shape[1:]
    ranks = scores.argsort(-1).argsort(-1)
    growing = (ranks @ np.arange(conditions)).sum(-1)
    known = _orders.setdefault((n, conditions), {})
    for value, where in zip(*np.unique(growing, return_index=True), strict=True):
        if value not in known:
            known[value] = page_trend_p(scores[where]), page_trend_p(-scores[where])
    p = np.array([known[value] for value in growing]).reshape(-1, 2)
    return p[:, 0], p[:, 1]


_orders: dict[tuple[int, int], dict[int, tuple[float, float]]] = {}


# --- one claim -----------------------------------------------------------------------------------------------------


def rates(name: str, distribution: str, n: int, draws: int = DRAWS) -> list[dict]:
    """The rows of judge.csv about one design, distribution and number of seeds.

    Where mean and median of the effects differ, each of them is put at the true effect in turn. Away from zero and
    from the smallest effect, where no outcome is as likely to be wrong as it can be, a tenth of the draws suffice.
    """
    design = DESIGNS[name]
    noise = draw(design, distribution, _rng(name, distribution, n), draws, n)
    skew = median_of_noise(name, distribution)
    return [
        _rate(design, noise, case, centre, skew) | {"design": name, "distribution": distribution}
        for centre in (("median", "mean") if any(skew) else ("both",))
        for case in design.cases
    ]


def _rate(design: Design, noise: Array, case: tuple[float, float], centre: str, skew: tuple[float, ...]) -> dict:
    smallest, true = case
    noise = noise if true == 0 or abs(true) == abs(smallest) else noise[:, : noise.shape[1] // 10]
    locations = located(design, true * design.spread, skew if centre == "median" else 0.0)
    scores = dict(zip(design.lift, noise + locations[:, None, None], strict=True))
    found, effects, part = verdicts(design.predicate, scores, smallest * design.spread)
    means = design.weights @ locations
    return {
        "n_seeds": noise.shape[-1],
        "centre": centre,
        "smallest_effect": smallest,
        "true_effect": true,
        "wrong": " ".join(wrong_outcomes(smallest, true)),
        **{outcome: f"{(found == number).mean():.4f}" for outcome, number in JUDGED.items()},
        "covers_mean": f"{covered(effects, means[part]):.4f}",
        "covers_median": f"{covered(effects, (means + skew)[part]):.4f}",
        "draws": len(found),
    }


def wrong_outcomes(smallest: float, true: float) -> tuple[str, ...]:
    """What a right judge would not say of a claim all of whose parts have this true effect.

    Replicated, where it is not beyond the smallest that matters; contradicted, where it has the claimed sign or none
    (of a margin, where it is not beyond the margin); negligible, where it is not within the smallest on both sides.
    To be exactly at a bound is not to be beyond it, and not to be within it.
    """
    false = {
        "replicated": true <= smallest,
        "contradicted": true >= min(0.0, smallest),
        "negligible": abs(true) >= smallest,  # a margin is never negligible
    }
    return tuple(outcome for outcome in DECIDED if false[outcome])


def covered(effects: Array, truth: Array) -> float:
    """The share of draws whose 95 % interval covers the truth [D]; effects [D, S]: the t-test's other face."""
    p = t_test_p(effects - truth[:, None])
    return float(((p >= LEVEL) & (p <= 1 - LEVEL)).mean())


def standard_error(rate: float, draws: int) -> float:
    """Monte Carlo error of a rate, √(r (1 − r) / D); a rate of 0 or 1 is taken to be one draw off."""
    rate = min(max(rate, 1 / draws), 1 - 1 / draws)
    return math.sqrt(rate * (1 - rate) / draws)


# --- a study of claims ---------------------------------------------------------------------------------------------

FAMILY = ("greater", "above", "increases", "peaks_half", "unlike")
"""Claims of a family of 100: five of each design and distribution, unless all share one baseline arm."""
KINDS = {
    "zero": (0.0, 0.0),
    "smallest": (2.0, 2.0),
    "negligible": (3.0, 0.0),
    "beyond": (1.0, 3.0),
    "other": (1.0, -2.0),
}
"""Kind of claim → its smallest and its true effect. Of the first two every decision is wrong, of the others one is
right: negligible, replicated, contradicted."""
MIXES = {
    "no effect": (("zero",) * 5,),
    "exactly the smallest effect": (("smallest",) * 5,),
    "four of five at a bound": tuple(
        ("zero", "zero", "smallest", "smallest", one) for one in ("negligible", "beyond", "other")
    ),
    "a fifth of each kind": (tuple(KINDS),),
    "none at a bound": (("negligible", "negligible", "beyond", "other", "other"),),
}
"""What the claims of a family are → the kinds of each five that have a design and a distribution, in turn."""


def families(arms: str, n: int, mix: str, draws: int = DRAWS) -> dict:
    """A row of families.csv: of the claims that are decided in a study of 100, how many are decided wrongly.

    Args:
        arms: "own" for each claim, or one "shared" baseline that every claim compares its arm with.
        n: seeds.
        mix: what the claims are, of MIXES.
        draws: there are a fifth as many families.
    """
    count = draws // 5
    claims: list[tuple[str, Weighed]] = []
    for distribution in DISTRIBUTIONS:
        names = FAMILY if arms == "own" else ("greater",) * len(FAMILY)
        baseline = DISTRIBUTIONS[distribution](_rng(distribution, n, mix), (count, n))
        for i, name in enumerate(names):
            design, kinds = DESIGNS[name], MIXES[mix][len(claims) // 5 % len(MIXES[mix])]
            rng, skew = _rng(name, distribution, n, arms, mix, i), median_of_noise(name, distribution)
            for kind in kinds:
                noise = draw(design, distribution, rng, count, n)
                if arms == "shared":
                    noise[1] = baseline
                smallest, true = (design.spread * effect for effect in KINDS[kind])
                noise = noise + located(design, true, skew)[:, None, None]
                scores = dict(zip(design.lift, noise, strict=True))
                claims.append((kind, weighed(design.predicate, scores, smallest)))
    # a claim's raw p depends on no other claim; the level that it must reach depends on all
    levels = np.array([benjamini_hochberg_levels(p) for p in np.stack([one.p_claim for _, one in claims], axis=1)])
    found = np.stack([one.decided(level) for (_, one), level in zip(claims, levels.T, strict=True)], axis=1)
    kinds = np.array([kind for kind, _ in claims])
    wrong = np.zeros(found.shape, bool)
    for kind, case in KINDS.items():
        for outcome in wrong_outcomes(*case):
            wrong |= (kinds == kind) & (found == DECIDED[outcome])
    shares = wrong.sum(1) / np.maximum(1, (found != INCONCLUSIVE).sum(1))
    right = {"replicated": "beyond", "contradicted": "other", "negligible": "negligible"}
    return {
        "arms": arms,
        "n_seeds": n,
        "claims": mix,
        "families": count,
        "wrong_share": f"{shares.mean():.4f}",
        "standard_error": f"{shares.std(ddof=1) / math.sqrt(count):.4f}",
        "any_wrong": f"{wrong.any(1).mean():.4f}",
        **{
            outcome: f"{(found[:, kinds == kind] == DECIDED[outcome]).mean():.4f}" if kind in kinds else ""
            for outcome, kind in right.items()
        },
    }


# --- before training, and after ------------------------------------------------------------------------------------

POWER_SEEDS = (3, 4, 5, 6, 7, 8, 9, 10, 20)
POWER_EFFECTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)


def powers(n: int) -> list[dict]:
    """The rows of power.csv about one number of seeds: what the check before training goes by.

    An `effect` is counted in standard deviations: for replicated, how far the true one lies beyond the smallest; for
    contradicted, how far below zero; for negligible the true one is zero, and it is the smallest that lies so far
    off. With `_first_of_100` the claim is the only one of a hundred of which anything is to be found, so that its p
    must reach a hundredth of the level: the most that multiplicity can cost. With `_one_of_four` one of the four
    parts of a conjunction has fallen and the others stand as far above zero. `detectable` and `negligible_at` are
    what is found with 80 % chance.
    """
    needed, within = detectable(n), _where(lambda smallest: _share_negligible(n, smallest) >= 0.8)
    return [
        {
            "n_seeds": n,
            "effect": effect,
            "replicated": f"{power(n, effect):.4f}",
            "replicated_first_of_100": f"{power(n, effect, LEVEL / 100):.4f}",
            "contradicted": f"{_share_contradicted(n, (-effect,)):.4f}",
            "contradicted_one_of_four": f"{_share_contradicted(n, (-effect, effect, effect, effect)):.4f}",
            "negligible": f"{_share_negligible(n, effect):.4f}",
            "negligible_first_of_100": f"{_share_negligible(n, effect, LEVEL / 100):.4f}",
            "detectable": f"{needed:.3f}",
            "negligible_at": f"{within:.3f}",
        }
        for effect in POWER_EFFECTS
    ]


def _share_contradicted(n: int, parts: tuple[float, ...]) -> float:
    """Chance that n seeds contradict a claim whose parts have these true effects, of normal effects."""
    effects = _normal(_rng("contradicted", n), (4000, len(parts), n)) + np.array(parts)[:, None]
    return float((decide(weigh(effects, 0.0, PATTERNS)) == CONTRADICTED).mean())


def _share_negligible(n: int, smallest: float, level: float = LEVEL) -> float:
    """Chance that n seeds call an effect of zero too small to matter, of normal effects."""
    effects = _normal(_rng("negligible", n), (4000, 1, n))
    return float((decide(weigh(effects, smallest, PATTERNS), level) == NEGLIGIBLE).mean())


def _where(enough: Callable[[float], bool], low: float = 0.0, high: float = 64.0) -> float:
    """Where `enough` begins to hold, to 0.01; inf: nowhere up to `high`."""
    if not enough(high):
        return math.inf
    while high - low > 0.01:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


FLIP_DESIGNS = ("greater", "above", "peaks")
FLIP_SEEDS = (5, 8)
FLIP_CASES = ((0.0, -1.0, 4.0), (3.0, -3.0, 7.0))
"""(smallest effect, least and largest true effect)."""
BINS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0)
ANY = "any"

Flip = tuple[str, float, float]
"""Outcome, flip chance told, share of fresh sets from the same truth that do get another outcome."""


def flips(distribution: str, draws: int = DRAWS) -> list[Flip]:
    """What was told and what happened, of many sets of seeds.

    True effects are drawn evenly over FLIP_CASES. There are 1/400 of `draws` sets by design, number of seeds and case,
    each with 1/20 of `draws` fresh ones.
    """
    pairs: list[Flip] = []
    count, n_fresh = draws // 400, draws // 20
    words = {number: outcome for outcome, number in JUDGED.items()}
    for name in FLIP_DESIGNS:
        for n in FLIP_SEEDS:
            design, rng = DESIGNS[name], _rng("flip", name, distribution, n)
            for smallest, low, high in FLIP_CASES:
                bound = smallest * design.spread
                effects = rng.uniform(low, high, count) * design.spread
                noise = draw(design, distribution, rng, count * (1 + n_fresh), n)
                noise = noise.reshape(len(noise), count, 1 + n_fresh, n) + located(design, effects)[..., None, None]
                scores = {arm: x.reshape(-1, n) for arm, x in zip(design.lift, noise, strict=True)}
                found = verdicts(design.predicate, scores, bound)[0].reshape(count, 1 + n_fresh)
                first = parts_of(design.predicate, {arm: x[:, 0] for arm, x in zip(design.lift, noise, strict=True)})
                for parts, outcome, fresh in zip(first, found[:, 0].tolist(), found[:, 1:], strict=True):
                    chance = flip_chance(parts, bound, outcome, draws=500)
                    pairs.append((words[outcome], chance, float((fresh != outcome).mean())))
    return pairs


def flip_rows(distribution: str, pairs: Sequence[Flip], outcomes: Sequence[str] = (ANY,)) -> list[dict]:
    """The rows of flip_chance.csv about one distribution: what was told against what happened, by outcome and BINS.

    Of a single outcome all chances told are taken together.
    """
    rows = []
    for outcome in outcomes:
        of_outcome = [pair[1:] for pair in pairs if outcome in (ANY, pair[0])]
        predicted, happened = np.array(of_outcome).reshape(-1, 2).T
        for low, high in pairwise(BINS) if outcome == ANY else ((BINS[0], BINS[-1]),):
            inside = (predicted >= low) & ((predicted < high) | (high == 1))
            if inside.sum() > 1:
                rows.append(
                    {
                        "distribution": distribution,
                        "outcome": outcome,
                        "low": low,
                        "high": high,
                        "sets": int(inside.sum()),
                        "predicted": f"{predicted[inside].mean():.4f}",
                        "observed": f"{happened[inside].mean():.4f}",
                        "standard_error": f"{happened[inside].std(ddof=1) / math.sqrt(inside.sum()):.4f}",
                    }
                )
    return rows

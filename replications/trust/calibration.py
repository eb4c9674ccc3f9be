"""How often the judge errs, by simulation: `python -m replications calibration`.

Writes validation/judge.csv, families.csv, power.csv, flip_chance.csv, and judge.png and judge.md which show them.
Scores of training seeds are drawn from a known truth and judged by the very rule that judges claims: each design is a
predicate of `replications.claims`, whose own `effects` are weighed and decided by `replications.statistics`. Trains
nothing, reads nothing, and draws the same numbers every time.

Axes: V variants, D draws, S seeds, P parts of a claim. Effects are counted in standard deviations of the effect between
seeds, so that one table serves every instrument.
"""

import io
import math
import platform
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import scipy
from numpy.typing import NDArray

from replications import command
from replications.drawing import Axes, Line2D, plain, plt
from replications.errors import ReplicationError
from replications.judging.claims import Above, Below, Contrast, Greater, Increases, Peaks, Predicate, Similar
from replications.judging.scores import Scores
from replications.results import as_csv, write_bytes, write_text
from replications.statistics import (
    LEVEL,
    Array,
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
"""Sets of seeds where no effect is there to be found: a rate near 5 % is then known to ± 0.2 %."""
SEEDS = (3, 5, 8, 10, 20)
PROMISED = (5, 8, 10)
"""The numbers of seeds for which errors are promised to stay rare."""
PATTERNS = 2**10
"""Sign patterns of the exact test: all of them up to ten seeds; with 20 as many drawn ones as `power` draws."""
FAR = 8.0
"""How far a collapsed seed lies from the others, in their standard deviations."""

COLUMNS = (
    *("design", "distribution", "n_seeds", "centre", "smallest_effect", "true_effect", "truth"),
    *("replicated", "contradicted", "inconclusive", "covers_mean", "covers_median", "draws", "standard_error"),
)
FAMILY_COLUMNS = (
    *("arms", "n_seeds", "true_share", "families", "false_discovery_rate", "standard_error"),
    *("any_false", "found"),
)
POWER_COLUMNS = ("n_seeds", "effect", "power", "power_first_of_100", "detectable")
FLIP_COLUMNS = ("distribution", "low", "high", "sets", "predicted", "observed", "standard_error")


class CalibrationError(ReplicationError, ValueError):
    """A number of draws from which no rate can be told."""


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
    steady: tuple[str, ...] = ()
    """Variants whose scores are normal, with a tenth of the others' spread."""
    cases: tuple[tuple[float, float], ...] = (
        *((0.0, effect) for effect in (-1.0, 0.0, 0.5, 1.0, 2.0, 4.0)),
        *((0.5, effect) for effect in (0.0, 0.5, 1.5)),
    )
    """(smallest effect, true effect)."""
    promised: bool = True
    """Whether the rule promises to err rarely."""

    @property
    def weights(self) -> Array:
        """How each arm enters each part; [P, V]. Read off the predicate: its effects on arms that are one-hot."""
        arms = {name: (np.arange(len(self.lift)) == i).astype(float) for i, name in enumerate(self.lift)}
        return np.stack(list(self.predicate.effects(Drawn({}, arms), ()).values()))

    @property
    def spread(self) -> float:
        """Standard deviation of the effect between seeds."""
        own = np.array([0.1 if name in self.steady else 1.0 for name in self.lift])
        return float(np.linalg.norm(self.weights[0] * own))

    @property
    def balanced(self) -> bool:
        """Whether its effects are symmetric about the true one, so that their mean and their median are the same."""
        return self.predicate.symmetric and not self.steady


DESIGNS = {
    "greater": Design("one arm above another, paired", Greater("score", "a", "b"), {"a": 1, "b": 0}),
    "above": Design("one arm above a constant", Above("score", "a", 0.0), {"a": 1}),
    "below": Design("one arm below a constant", Below("score", "a", 0.0), {"a": -1}),
    "increases": Design(
        "a trend over four conditions",
        Increases("score", ("a", "b", "c", "d")),
        {"a": 0, "b": 1 / 3, "c": 2 / 3, "d": 1},
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
    "similar": Design(
        "two arms no further apart than a margin",
        Similar("score", ("a", "b")),
        {"a": 1, "b": 0},
        cases=tuple((-3.0, effect) for effect in (-4.0, -3.0, -2.5, -2.0, -1.0, 0.0)),
    ),
    "contrast": Design(
        "two losers against one winner (2, −1, −1)",
        Contrast("score", (("a", 2.0), ("b", -1.0), ("c", -1.0))),
        {"a": 0.5, "b": 0, "c": 0},
    ),
    "unlike": Design(
        "a wild arm above a steady one",
        Greater("score", "a", "b"),
        {"a": 1, "b": 0},
        steady=("b",),
        promised=False,
    ),
}


@dataclass(frozen=True)
class Drawn(Scores):
    """Scores of many draws at once, each arm [D · S] in a row: predicates reckon seed by seed, so they never notice."""

    arms: Mapping[str, Array]

    def arm(self, variant: str, instrument: str, seeds: Sequence[int]) -> Array:
        """All draws of a variant; `seeds` are not asked for."""
        return self.arms[variant]


def _rng(*what: str | int) -> np.random.Generator:
    """One stream per cell of a table, so that any of them can be drawn again alone."""
    return np.random.default_rng([part if isinstance(part, int) else zlib.crc32(part.encode()) for part in what])


def draw(design: Design, distribution: str, rng: np.random.Generator, draws: int, n: int) -> Array:
    """Scores [V, D, S] around locations of zero."""
    shape = (draws, n)
    arms = [
        0.1 * rng.standard_normal(shape) if name in design.steady else DISTRIBUTIONS[distribution](rng, shape)
        for name in design.lift
    ]
    shared = rng.standard_normal(shape) if len(arms) > 1 else 0.0
    return np.stack(arms) + shared


def located(design: Design, effect: float | Array) -> Array:
    """Locations [V, …] of the arms when the true effect, in the scores' units, is `effect` […]."""
    lift, base = (np.array([mapping.get(name, 0.0) for name in design.lift]) for mapping in (design.lift, design.base))
    return np.multiply.outer(lift, effect) + base.reshape(-1, *[1] * np.ndim(effect))


@cache
def median_of_noise(name: str, distribution: str) -> float:
    """The median of the effect when its mean is zero, from a million draws (± 0.001 standard deviations)."""
    design = DESIGNS[name]
    if design.balanced or distribution not in LOPSIDED:
        return 0.0
    scores = draw(design, distribution, _rng("median", distribution), 10**6, 1)
    return float(np.median(np.tensordot(design.weights[0], scores, 1)))


# --- the rule, on many draws ---------------------------------------------------------------------------------------


def parts_of(predicate: Predicate, scores: Mapping[str, Array]) -> Array:
    """The predicate's own effects [D, P, S] of scores {variant: [D, S]}."""
    arms = {name: arm.ravel() for name, arm in scores.items()}
    effects = predicate.effects(Drawn({}, arms), ())
    shape = next(iter(scores.values())).shape
    return np.stack([part.reshape(shape) for part in effects.values()], axis=1)


def verdicts(
    predicate: Predicate, scores: Mapping[str, Array], smallest: float, level: Array | float = LEVEL
) -> tuple[Integers, Array, Integers]:
    """The verdicts (1, 0, −1) on scores {variant: [D, S]}, each set as if it were the claim's.

    Returns:
        Verdicts [D], the effects [D, S] of the part that is shown, and which part it is [D]. Where neither t-test
        passes, the exact tests cannot change anything, and are left out.
    """
    parts = parts_of(predicate, scores)
    weighed = weigh(parts, smallest, patterns=1, symmetric=predicate.symmetric)
    level = np.broadcast_to(level, weighed.part.shape)
    found = np.zeros(weighed.part.shape, int)
    open_ = (weighed.p_beyond <= level) | (weighed.p_against <= LEVEL)
    if open_.any():
        evidence = weigh(parts[open_], smallest, PATTERNS, predicate.symmetric)
        order = (0.0, 0.0)
        if isinstance(predicate, Increases) and smallest >= 0:
            order = order_p(np.stack([scores[name][open_] for name in predicate.variants], axis=-1))
        found[open_] = decide(evidence, level[open_], LEVEL, order)  # type: ignore[arg-type]
    contradicted = found == -1  # there a claim shows the part that contradicts it
    effects = np.where(contradicted[:, None], weighed.effects_against, weighed.effects)
    return found, effects, np.where(contradicted, weighed.part_against, weighed.part)


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

    Where mean and median of the effects differ, each of them is put at the true effect in turn. Where the rule should
    find something, a tenth of the draws suffice.
    """
    design = DESIGNS[name]
    noise = draw(design, distribution, _rng(name, distribution, n), draws, n)
    skew = median_of_noise(name, distribution)
    return [
        _rate(design, noise, case, centre, skew) | {"design": name, "distribution": distribution}
        for centre in (("median", "mean") if skew else ("both",))
        for case in design.cases
    ]


def _rate(design: Design, noise: Array, case: tuple[float, float], centre: str, skew: float) -> dict:
    smallest, true = case
    truth = truth_of(smallest, true)
    noise = noise if truth in ("none", "smallest") else noise[:, : noise.shape[1] // 10]
    mean = true * design.spread - (skew if centre == "median" else 0.0)
    locations = located(design, mean)
    scores = dict(zip(design.lift, noise + locations[:, None, None], strict=True))
    found, effects, part = verdicts(design.predicate, scores, smallest * design.spread)
    means = (design.weights @ locations)[part]
    draws = len(found)
    replicated, contradicted = ((found == verdict).mean() for verdict in (1, -1))
    return {
        "n_seeds": noise.shape[-1],
        "centre": centre,
        "smallest_effect": smallest,
        "true_effect": true,
        "truth": truth,
        "replicated": f"{replicated:.4f}",
        "contradicted": f"{contradicted:.4f}",
        "inconclusive": f"{(found == 0).mean():.4f}",
        "covers_mean": f"{covered(effects, means):.4f}",
        "covers_median": f"{covered(effects, means + skew):.4f}",
        "draws": draws,
        "standard_error": f"{standard_error(replicated, draws):.4f}",
    }


def truth_of(smallest: float, true: float) -> str:
    """What a right judge would know: none, smallest (exactly that), beyond it, or opposite.

    "None" is the hypothesis that is to be refuted: no effect, or a gap as wide as the margin.
    """
    null = min(0.0, smallest)
    if true <= null:
        return "none" if true == null else "opposite"
    return "smallest" if true == smallest else "beyond"


def covered(effects: Array, truth: Array) -> float:
    """The share of draws whose 95 % interval covers the truth [D]; effects [D, S]: the t-test's other face."""
    p = t_test_p(effects - truth[:, None])
    return float(((p >= LEVEL) & (p <= 1 - LEVEL)).mean())


def standard_error(rate: float, draws: int) -> float:
    """Monte Carlo error of a rate, √(r (1 − r) / D); a rate of 0 or 1 is taken to be one draw off."""
    rate = min(max(rate, 1 / draws), 1 - 1 / draws)
    return math.sqrt(rate * (1 - rate) / draws)


# --- a study of claims ---------------------------------------------------------------------------------------------

FAMILY = ("greater", "above", "increases", "peaks_half", "contrast")
"""Claims of a family of 100: five of each design and distribution, unless all share one baseline arm."""
TRUE_SHARES = (0.0, 0.2, 0.4, 0.8)
TRUE_EFFECT = 2.0


def families(arms: str, n: int, true_share: float, draws: int = DRAWS) -> dict:
    """A row of families.csv: of the claims called replicated in a study of 100, how many are not true.

    Args:
        arms: "own" for each claim, or one "shared" baseline that every claim compares its arm with.
        n: seeds.
        true_share: share of the claims whose true effect is TRUE_EFFECT beyond the smallest, which is zero.
        draws: there are a fiftieth as many families.
    """
    count, n_true = draws // 50, round(5 * true_share)
    true = np.repeat([[TRUE_EFFECT, 0.0]], count, axis=0).repeat([n_true, 5 - n_true], axis=1)  # [families, 5]
    blocks = []
    for distribution in DISTRIBUTIONS:
        names = FAMILY if arms == "own" else ("greater",) * len(FAMILY)
        for i, name in enumerate(names):
            design = DESIGNS[name]
            rng = _rng(name, distribution, n, arms, round(100 * true_share), i)
            noise = draw(design, distribution, rng, count * 5, n)
            if arms == "shared":
                baseline = DISTRIBUTIONS[distribution](_rng(distribution, n, round(100 * true_share)), (count, n))
                noise[1] = baseline.repeat(5, axis=0)
            mean = true.ravel() * design.spread - median_of_noise(name, distribution)
            noise = noise + located(design, mean)[..., None]
            blocks.append((design.predicate, dict(zip(design.lift, noise, strict=True))))
    # a claim's raw p depends on no other claim; the level that it must reach depends on all
    p = [
        weigh(parts_of(predicate, scores), 0.0, 1, predicate.symmetric).p_beyond.reshape(count, 5)
        for predicate, scores in blocks
    ]
    levels = np.array([benjamini_hochberg_levels(row) for row in np.concatenate(p, axis=1)])
    found = np.concatenate(
        [
            verdicts(predicate, scores, 0.0, levels[:, 5 * i : 5 * i + 5].ravel())[0].reshape(count, 5) == 1
            for i, (predicate, scores) in enumerate(blocks)
        ],
        axis=1,
    )
    is_true = np.tile(true > 0, len(blocks))
    false_share = (found & ~is_true).sum(1) / np.maximum(1, found.sum(1))
    return {
        "arms": arms,
        "n_seeds": n,
        "true_share": true_share,
        "families": count,
        "false_discovery_rate": f"{false_share.mean():.4f}",
        "standard_error": f"{false_share.std(ddof=1) / math.sqrt(count):.4f}",
        "any_false": f"{(found & ~is_true).any(1).mean():.4f}",
        "found": f"{found[is_true].mean():.4f}" if n_true else "",
    }


# --- before training, and after ------------------------------------------------------------------------------------

POWER_SEEDS = (3, 4, 5, 6, 7, 8, 9, 10, 20)
POWER_EFFECTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0)


def powers(n: int) -> list[dict]:
    """The rows of power.csv about one number of seeds: what the check before training goes by.

    `power_first_of_100` is the power when the claim is the only true one of a hundred, so that its p must reach a
    hundredth of the level: the most that multiplicity can cost.
    """
    needed = detectable(n)
    return [
        {
            "n_seeds": n,
            "effect": effect,
            "power": f"{power(n, effect):.4f}",
            "power_first_of_100": f"{power(n, effect, LEVEL / 100):.4f}",
            "detectable": f"{needed:.3f}",
        }
        for effect in POWER_EFFECTS
    ]


FLIP_DESIGNS = ("greater", "above", "peaks")
FLIP_SEEDS = (5, 8)
FLIP_EFFECTS = (-1.0, 4.0)
BINS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 1.0)


def flips(distribution: str, draws: int = DRAWS) -> list[tuple[float, float]]:
    """(flip chance told, share of fresh sets from the same truth that do get another verdict) of many sets of seeds.

    True effects are drawn evenly over FLIP_EFFECTS. There are 1/200 of `draws` sets by design and number of seeds,
    each with 1/20 of `draws` fresh ones.
    """
    pairs = []
    count, n_fresh = draws // 200, draws // 20
    for name in FLIP_DESIGNS:
        for n in FLIP_SEEDS:
            design, rng = DESIGNS[name], _rng("flip", name, distribution, n)
            effects = rng.uniform(*FLIP_EFFECTS, count) * design.spread
            noise = draw(design, distribution, rng, count * (1 + n_fresh), n)
            noise = noise.reshape(len(noise), count, 1 + n_fresh, n) + located(design, effects)[..., None, None]
            scores = {arm: x.reshape(-1, n) for arm, x in zip(design.lift, noise, strict=True)}
            found = verdicts(design.predicate, scores, 0.0)[0].reshape(count, 1 + n_fresh)
            first = parts_of(design.predicate, {arm: x[:, 0] for arm, x in zip(design.lift, noise, strict=True)})
            for parts, verdict, fresh in zip(first, found[:, 0], found[:, 1:], strict=True):
                told = flip_chance(parts, 0.0, int(verdict), draws=500, symmetric=design.predicate.symmetric)
                pairs.append((told, float((fresh != verdict).mean())))
    return pairs


def flip_rows(distribution: str, pairs: Sequence[tuple[float, float]]) -> list[dict]:
    """The rows of flip_chance.csv about one distribution: what was told against what happened, by BINS."""
    told, happened = np.array(pairs).T
    rows = []
    for low, high in pairwise(BINS):
        inside = (told >= low) & ((told < high) | (high == 1))
        if inside.sum() > 1:
            rows.append(
                {
                    "distribution": distribution,
                    "low": low,
                    "high": high,
                    "sets": int(inside.sum()),
                    "predicted": f"{told[inside].mean():.4f}",
                    "observed": f"{happened[inside].mean():.4f}",
                    "standard_error": f"{happened[inside].std(ddof=1) / math.sqrt(inside.sum()):.4f}",
                }
            )
    return rows


# --- for people ----------------------------------------------------------------------------------------------------

BOUND = 0.05
"""What is promised: with no effect, PROMISED seeds give a wrong verdict of either kind no more often."""


def is_about_the_mean(row: Mapping) -> bool:
    """Whether a row of judge.csv reads a claim on one arm as one about the mean; it is about the typical seed."""
    return len(DESIGNS[row["design"]].lift) == 1 and row["centre"] == "mean"


def is_promised(row: Mapping) -> bool:
    """Whether the bound is promised for a row of judge.csv, were there no effect."""
    return DESIGNS[row["design"]].promised and not is_about_the_mean(row) and int(row["n_seeds"]) in PROMISED


def wrong(row: Mapping) -> float:
    """The larger of the rates of both verdicts, neither of which is right where there is no effect."""
    return max(float(row["replicated"]), float(row["contradicted"]))


def environment() -> str:
    """What the numbers were drawn and judged with."""
    return f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}"


def summary(
    judged: Sequence[Mapping],
    of_families: Sequence[Mapping],
    of_power: Sequence[Mapping],
    of_flips: Sequence[Mapping],
    made_with: str,
) -> str:
    """judge.md: what the rows of the tables say, in words, the worst cases named."""
    none = [row for row in judged if row["truth"] == "none"]
    promised = [row for row in none if is_promised(row)]
    at_smallest = [row for row in judged if row["truth"] == "smallest" and is_promised(row)]
    above = [f"{_cell(row)}: {100 * wrong(row):.1f} %" for row in promised if wrong(row) > BOUND]
    found_false = max(of_families, key=lambda row: float(row["false_discovery_rate"]))
    return f"""# How often the judge errs

Generated by `python -m replications calibration`, do not edit. Scores of training seeds are drawn from a known truth
and judged by the rule that judges claims. Effects are counted in standard deviations of the effect between seeds. Draws
for each rate: {max(int(row["draws"]) for row in judged)} where there is no effect to find, a tenth of it elsewhere.
{made_with}.

![Wrong verdicts, coverage, power and flip chance](judge.png)

## With no effect

Promised: with no effect and 5 to 10 seeds, "replicated" in at most 5 % of the cases.

- "Replicated" with no effect: at most {_most(promised, "replicated")}.
- "Contradicted" with no effect: at most {_most(promised, "contradicted")}.
- "Replicated" at exactly the smallest effect that matters, which is not beyond it: at most
  {_most(at_smallest, "replicated")}.
- Cells above 5 %: {"; ".join(above) or "none"}, of {len(promised)}.

The larger of both rates with no effect in %, the worst of 5, 8 and 10 seeds:

{_by_distribution([name for name in DESIGNS if DESIGNS[name].promised], promised, max, wrong)}

## What is not promised

- A claim on one arm is about its typical seed, the median. Read as one about the *mean*, it errs: at worst
  {_worst([row for row in none if is_about_the_mean(row)])}.
  No rule can mend that: where one seed in five collapses, five seeds show nothing of it in 33 % of the cases.
- A difference is taken to be symmetric, as it is where both arms are spread alike. That of a wild arm and a steady one
  (a tenth of the spread) is as skewed as the wild one. With no effect on the typical seed, at worst
  {_worst([row for row in none if row["design"] == "unlike" and row["centre"] == "median"])};
  with none on the mean, at worst
  {_worst([row for row in none if row["design"] == "unlike" and row["centre"] == "mean"])}.
- Three or four seeds decide nothing: the exact test cannot pass.

## Does the 95 % interval cover the true mean?

Student's t, of the part that was judged. Coverage in %, the lowest of 5, 8 and 10 seeds:

{_by_distribution(DESIGNS, [row for row in none if int(row["n_seeds"]) in PROMISED], min, _covers)}

## Power

Chance in % of "replicated" when the true effect lies so many standard deviations beyond the smallest, and the effect
that is found with 80 % chance, of which the command `train` speaks before it trains. Normal effects, one
claim; what the strictest multiplicity leaves of it is in power.csv.

{_power_table(of_power)}

## A study of 100 claims

Of the claims called replicated, how many are not true (false discovery rate), where true effects lie
{TRUE_EFFECT:g} standard deviations beyond the smallest. Benjamini-Hochberg keeps it below {100 * LEVEL:g} %. Seen: at
most {_of_100(found_false["false_discovery_rate"])} ± {_of_100(found_false["standard_error"])} %.

{_family_table(of_families)}

## Flip chance

The chance, as the judge tells it, that fresh seeds give another verdict, against how often fresh seeds from the same
truth did. True effects are spread evenly from {FLIP_EFFECTS[0]:g} to {FLIP_EFFECTS[1]:g}; 5 and 8 seeds.

{_flip_table([row for row in of_flips if row["distribution"] == "all"])}
"""


def _table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _of_100(share: str) -> str:
    return f"{100 * float(share):.1f}"


def _words(name: str) -> str:
    return DESIGNS[name].words


def _covers(row: Mapping) -> float:
    return float(row["covers_mean"])


def _cell(row: Mapping) -> str:
    return f"{_words(row['design'])}, {row['distribution']}, {row['n_seeds']} seeds"


def _most(rows: Sequence[Mapping], verdict: str) -> str:
    row = max(rows, key=lambda row: float(row[verdict]))
    error = standard_error(float(row[verdict]), int(row["draws"]))
    return f"{_of_100(row[verdict])} ± {100 * error:.1f} % ({_cell(row)})"


def _worst(rows: Sequence[Mapping]) -> str:
    row = max(rows, key=wrong)
    verdict = "replicated" if float(row["replicated"]) == wrong(row) else "contradicted"
    return f'"{verdict}" in {_most([row], verdict)}'


def _by_distribution(
    names: Iterable[str], rows: Sequence[Mapping], pick: Callable, value: Callable[[Mapping], float]
) -> str:
    lines = []
    for name in names:
        cells = [[row for row in rows if (row["design"], row["distribution"]) == (name, d)] for d in DISTRIBUTIONS]
        lines.append([_words(name), *(f"{100 * pick(map(value, cell)):.1f}" for cell in cells)])
    return _table(["design", *DISTRIBUTIONS], lines)


def _power_table(rows: Sequence[Mapping]) -> str:
    effects = [effect for effect in POWER_EFFECTS if effect]
    found = {(int(row["n_seeds"]), float(row["effect"])): row for row in rows}
    lines = []
    for n in POWER_SEEDS:
        needed = float(found[n, 0.0]["detectable"])
        powers_of_n = (f"{100 * float(found[n, effect]['power']):.0f}" for effect in effects)
        lines.append([n, *powers_of_n, "never" if math.isinf(needed) else f"{needed:.1f}"])
    return _table(["seeds", *(f"{effect:g}" for effect in effects), "80 % at"], lines)


def _family_table(rows: Sequence[Mapping]) -> str:
    lines = [
        [
            {"own": "own", "shared": "a shared baseline"}[row["arms"]],
            row["n_seeds"],
            f"{float(row['true_share']):.0%}",
            f"{_of_100(row['false_discovery_rate'])} ± {_of_100(row['standard_error'])}",
            _of_100(row["any_false"]),
            _of_100(row["found"]) if row["found"] else "–",
        ]
        for row in rows
    ]
    head = ["arms of the claims", "seeds", "true claims", "false discovery rate (%)"]
    return _table([*head, "families with a false one (%)", "true ones found (%)"], lines)


def _flip_table(rows: Sequence[Mapping]) -> str:
    lines = [
        [
            f"{float(row['low']):.1f} to {float(row['high']):.1f}",
            row["sets"],
            f"{float(row['predicted']):.2f}",
            f"{float(row['observed']):.2f} ± {float(row['standard_error']):.2f}",
        ]
        for row in rows
    ]
    return _table(["told", "sets of seeds", "told on average", "happened"], lines)


COLOURS = {"normal": "tab:blue", "skewed": "tab:orange", "heavy-tailed": "tab:green", "two-peaked": "tab:red"}
MARKERS = {5: "o", 8: "s", 10: "^"}


@plain()
def plot(judged: Sequence[Mapping], of_power: Sequence[Mapping], of_flips: Sequence[Mapping]) -> bytes:
    """judge.png: wrong verdicts, coverage, power, and flip chances told against those that happened."""
    figure = plt.figure(figsize=(13.5, 11.5), dpi=90, layout="constrained")
    ((upper,), (lower,)) = figure.subfigures(2, 1, squeeze=False, height_ratios=(1.15, 1))
    left, right = upper.subplots(1, 2)
    _plot_wrong(left, judged)
    _plot_coverage(right, judged)
    left, right = lower.subplots(1, 2)
    _plot_power(left, of_power)
    _plot_flips(right, of_flips)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})  # no version in the bytes
    plt.close(figure)
    return picture.getvalue()


def _plot_wrong(axes: Axes, judged: Sequence[Mapping]) -> None:
    rows = [row for row in judged if row["truth"] == "none" and int(row["n_seeds"]) in PROMISED]
    lines = {
        design.words: [row for row in rows if row["design"] == name and is_promised(row)]
        for name, design in DESIGNS.items()
        if design.promised
    }
    below = len(lines) - 0.5
    lines["one arm, about its mean"] = [row for row in rows if is_about_the_mean(row)]
    for centre in ("median", "mean"):
        lines[f"{_words('unlike')}, {centre}"] = [
            row for row in rows if row["design"] == "unlike" and row["centre"] in (centre, "both")
        ]
    _dots(axes, lines, wrong)
    axes.axvline(100 * BOUND, color="black", linewidth=1)
    axes.axhline(below, color="grey", linewidth=1, linestyle="--")
    axes.text(24.7, below + 0.08, "not promised", ha="right", va="top", fontsize=9, color="grey")
    axes.set(title="No effect: wrong verdicts of either kind", xlabel="rate (%); black: 5 %", xlim=(0, 25))
    colours = [Line2D([], [], marker="o", linestyle="", color=c, label=name) for name, c in COLOURS.items()]
    markers = [Line2D([], [], marker=m, linestyle="", color="grey", label=f"{n} seeds") for n, m in MARKERS.items()]
    axes.legend(handles=colours + markers, loc="upper right")


def _plot_coverage(axes: Axes, judged: Sequence[Mapping]) -> None:
    rows = [row for row in judged if row["truth"] == "none" and int(row["n_seeds"]) in PROMISED]
    lines = {
        design.words: [row for row in rows if row["design"] == name and row["centre"] in ("both", "mean")]
        for name, design in DESIGNS.items()
    }
    _dots(axes, lines, _covers)
    axes.axvline(95, color="black", linewidth=1)
    axes.set(title="Intervals that cover the true mean", xlabel="coverage (%); black: 95 %", xlim=(70, 100))


def _dots(axes: Axes, lines: Mapping[str, Sequence[Mapping]], value: Callable[[Mapping], float]) -> None:
    """One line of dots for each name, each distribution a little lower than the last."""
    for y, rows in enumerate(lines.values()):
        for row in rows:
            below = 0.2 * (list(COLOURS).index(row["distribution"]) - 1.5)
            style = {"color": COLOURS[row["distribution"]], "markersize": 4, "alpha": 0.8}
            axes.plot(100 * value(row), y + below, MARKERS[int(row["n_seeds"])], **style)
    axes.set_yticks(range(len(lines)), list(lines))
    axes.set_ylim(len(lines) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3)


def _plot_power(axes: Axes, rows: Sequence[Mapping]) -> None:
    seeds = [n for n in POWER_SEEDS if n >= 5]
    for n, colour in zip(seeds, plt.get_cmap("viridis")(np.linspace(0, 0.92, len(seeds))), strict=True):
        of_n = [row for row in rows if int(row["n_seeds"]) == n]
        x, y = ([float(row[column]) for row in of_n] for column in ("effect", "power"))
        axes.plot(x, y, marker=".", color=colour, label=f"{n} seeds")
    axes.axhline(0.8, color="grey", linewidth=1, linestyle=":")
    axes.set(title="Power: what the seeds can find", ylabel='chance of "replicated"', ylim=(0, 1.02), xlim=(0, 4))
    axes.set_xlabel("true effect beyond the smallest (standard deviations between seeds)")
    axes.legend(loc="lower right")


def _plot_flips(axes: Axes, rows: Sequence[Mapping]) -> None:
    axes.plot([0, 1], [0, 1], color="grey", linewidth=1, linestyle=":")
    for name in (*DISTRIBUTIONS, "all"):
        of_name = [row for row in rows if row["distribution"] == name]
        x, y, error = ([float(r[column]) for r in of_name] for column in ("predicted", "observed", "standard_error"))
        width, colour = (2.5, "black") if name == "all" else (1, COLOURS[name])
        bars = [2 * e for e in error]
        axes.errorbar(x, y, bars, marker="o", markersize=4, elinewidth=1, linewidth=width, color=colour, label=name)
    axes.set(title="Flip chance: what is told and what happens", xlim=(0, 0.8), ylim=(0, 0.8))
    axes.set(xlabel="flip chance told by the judge", ylabel="share of fresh sets of seeds with another verdict")
    axes.legend(loc="upper left", title="± 2 standard errors")


# --- command line --------------------------------------------------------------------------------------------------


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications calibration", description=__doc__)
    parser.add_argument("--out", default="validation", help="folder of the tables (default: validation)")
    parser.add_argument("--draws", type=int, default=DRAWS, help=f"sets of seeds for each rate (default: {DRAWS})")
    arguments = parser.parse_args(argv)
    if arguments.draws < 1000:
        raise CalibrationError(
            f"--draws {arguments.draws}: expected at least 1000, for a rate of 5 % is told apart from one of 7 % by "
            "nothing less; leave the option out for the committed number"
        )
    calibrate(Path(arguments.out), arguments.draws)
    return 0


def calibrate(out: Path, draws: int) -> None:
    """Simulates everything and writes the tables, the plot and the summary."""
    said = progress(len(DESIGNS) + 3)
    judged = []
    for name, design in DESIGNS.items():
        judged += [row for shape in DISTRIBUTIONS for n in SEEDS for row in rates(name, shape, n, draws)]
        said(f"{name}: {design.words}")
    of_families = [families(*cell, draws) for cell in family_cells()]
    said("families of 100 claims")
    of_power = [row for n in POWER_SEEDS for row in powers(n)]
    said("power")
    pairs = {shape: flips(shape, draws) for shape in DISTRIBUTIONS}
    pairs["all"] = [pair for of_shape in pairs.values() for pair in of_shape]
    of_flips = [row for shape, told in pairs.items() for row in flip_rows(shape, told)]
    said("flip chance")
    write_text(out / "judge.csv", as_csv(COLUMNS, judged))
    write_text(out / "families.csv", as_csv(FAMILY_COLUMNS, of_families))
    write_text(out / "power.csv", as_csv(POWER_COLUMNS, of_power))
    write_text(out / "flip_chance.csv", as_csv(FLIP_COLUMNS, of_flips))
    write_bytes(out / "judge.png", plot(judged, of_power, of_flips))
    write_text(out / "judge.md", summary(judged, of_families, of_power, of_flips, environment()))
    print(f"written to {out}: judge.md says what came out")


def family_cells() -> list[tuple[str, int, float]]:
    """(arms, number of seeds, share of true claims) of every row of families.csv."""
    return [(arms, n, share) for arms in ("own", "shared") for n in (5, 8) for share in TRUE_SHARES]


def progress(steps: int) -> Callable[[str], None]:
    """A function that prints one line for each finished step."""
    count = iter(range(1, steps + 1))
    return lambda what: print(f"[{next(count)}/{steps}] {what}", flush=True)

"""Predicates: what a claim compares with what. Pure, no files, no Keras.

A predicate turns scores into effects: one number per seed, signed so that positive supports the claim.

    Greater("laplacian_variance", "l1_cgan", than="l1", scale="log_ratio")

Axes: S seeds, P parts (more than one where it is a conjunction), V variants.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import Any, Literal, cast

import numpy as np

from replications.judging.scores import ScoreError, Scores
from replications.statistics import Array

Scale = Literal["difference", "log_ratio"]

Sign = Literal[1, -1]
"""Which way a predicate points: 1, as its class is called; −1, the other way.

Claims write the second as `Less`, `Below`, `Decreases` and `Dips`, functions that set the sign: claims are there to be
read, and `Less("kid_prior", "gan", "vae")` reads as its statement does.
"""


@dataclass(frozen=True)
class Greater:
    """A variant scores higher than another: x_variant − x_than, seed by seed (or log of the ratio). See `Less`."""

    instrument: str
    variant: str
    than: str
    scale: Scale = "difference"
    sign: Sign = 1

    def effects(self, scores: Scores, seeds: Sequence[int]) -> dict[str, Array]:
        """One part."""
        x = self.sign * arms(self, (self.variant, self.than), scores, seeds)
        return {f"{self.variant} {_over(self.sign)} {self.than}": x[0] - x[1]}


@dataclass(frozen=True)
class Above:
    """A variant scores above a known constant: x − level. See `Below`."""

    instrument: str
    variant: str
    level: float
    scale: Scale = "difference"
    sign: Sign = 1

    def effects(self, scores: Scores, seeds: Sequence[int]) -> dict[str, Array]:
        """One part."""
        x = self.sign * arms(self, (self.variant,), scores, seeds)[0]
        side = "above" if self.sign == 1 else "below"
        return {f"{self.variant} {side} {self.level:g}": x - self.sign * scaled(self.level, self.scale)}


@dataclass(frozen=True)
class Increases:
    """Scores grow along variants given in order: the change over the range, by the least-squares line.

    effect = (V−1) Σ_v (v − v̄) x_v / Σ_v (v − v̄)². Page's test for order must agree. See `Decreases`.
    """

    instrument: str
    variants: tuple[str, ...]
    scale: Scale = "difference"
    sign: Sign = 1

    def effects(self, scores: Scores, seeds: Sequence[int]) -> dict[str, Array]:
        """One part."""
        change = _change_over_range(arms(self, self.variants, scores, seeds))
        return {f"from {self.variants[0]} to {self.variants[-1]}": self.sign * change}


@dataclass(frozen=True)
class Peaks:
    """An inverted U: the middle scores higher than each of the ends; one part per end, x_middle − x_end. See `Dips`."""

    instrument: str
    middle: str
    ends: tuple[str, ...]
    scale: Scale = "difference"
    sign: Sign = 1

    def effects(self, scores: Scores, seeds: Sequence[int]) -> dict[str, Array]:
        """One part per end."""
        middle, *ends = self.sign * arms(self, (self.middle, *self.ends), scores, seeds)
        over = _over(self.sign)
        return {f"{self.middle} {over} {name}": middle - x for name, x in zip(self.ends, ends, strict=True)}


def Less(instrument: str, variant: str, than: str, scale: Scale = "difference") -> Greater:  # noqa: N802
    """A variant scores lower than another: x_than − x_variant."""
    return Greater(instrument, variant, than, scale, sign=-1)


def Below(instrument: str, variant: str, level: float, scale: Scale = "difference") -> Above:  # noqa: N802
    """A variant scores below a known constant: level − x."""
    return Above(instrument, variant, level, scale, sign=-1)


def Decreases(instrument: str, variants: tuple[str, ...], scale: Scale = "difference") -> Increases:  # noqa: N802
    """Scores fall along variants given in order."""
    return Increases(instrument, variants, scale, sign=-1)


def Dips(instrument: str, middle: str, ends: tuple[str, ...], scale: Scale = "difference") -> Peaks:  # noqa: N802
    """A U: the middle scores lower than each of the ends; one part per end, x_end − x_middle."""
    return Peaks(instrument, middle, ends, scale, sign=-1)


@dataclass(frozen=True)
class Similar:
    """No two of the variants differ by more than a margin; the claim's smallest effect is minus the margin.

    One part per ordered pair, x_a − x_b > −margin: two one-sided tests per pair (Schuirmann 1987).
    The gap that is least surely within the margin speaks for the claim, as a negative effect.
    """

    instrument: str
    variants: tuple[str, ...]
    scale: Scale = "difference"

    def effects(self, scores: Scores, seeds: Sequence[int]) -> dict[str, Array]:
        """One part per ordered pair."""
        x = dict(zip(self.variants, arms(self, self.variants, scores, seeds), strict=True))
        return {f"{a} over {b}": x[a] - x[b] for a, b in permutations(self.variants, 2)}


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of scores, Σ w_v x_v: differences of differences, such as a gain that levels off.

    `weights` are (variant, weight) pairs. The gain from 2 to 8 codes exceeds the gain from 64 to 512:
    (("k8", 1), ("k2", −1), ("k512", −1), ("k64", 1)).
    """

    instrument: str
    weights: tuple[tuple[str, float], ...]
    scale: Scale = "difference"
    sign: Sign = 1

    def effects(self, scores: Scores, seeds: Sequence[int]) -> dict[str, Array]:
        """One part."""
        weights = self.sign * np.array([weight for _, weight in self.weights])
        names = [name for name, _ in self.weights]
        label = " ".join(f"{weight:+g} {name}" for weight, name in zip(weights, names, strict=True))
        return {label: weights @ arms(self, names, scores, seeds)}


@dataclass(frozen=True)
class Both:
    """Two predicates hold at once. Effects are in units of each one's smallest, so the claim's smallest effect is 1."""

    first: "Predicate"
    first_smallest: float
    second: "Predicate"
    second_smallest: float
    scale: Scale = field(default="difference", init=False)

    def __post_init__(self) -> None:
        if min(self.first_smallest, self.second_smallest) <= 0:
            raise ValueError(
                "Both measures effects in units of the smallest that matters, so both smallest effects must be "
                f"positive; got {self.first_smallest:g} and {self.second_smallest:g}"
            )

    def effects(self, scores: Scores, seeds: Sequence[int]) -> dict[str, Array]:
        """The parts of both."""
        halves = ((self.first, self.first_smallest), (self.second, self.second_smallest))
        return {
            _labelled(half, label): effects / smallest
            for half, smallest in halves
            for label, effects in half.effects(scores, seeds).items()
        }


Predicate = Greater | Above | Increases | Peaks | Contrast | Similar | Both
"""What is compared with what.

Every one has `scale` (effects are differences of scores, or logarithms of their ratios) and `effects`: part → effects
[S]. The claim holds where every part does.
"""


def needs(predicate: Predicate) -> frozenset[tuple[str, str]]:
    """The (variant, instrument) pairs that a predicate reads."""
    asked = _Asked({})
    predicate.effects(asked, (0,))
    return frozenset(asked.values)


class _Asked(Scores):
    """Scores that are all 1 and that remember which arms were asked for."""

    def arm(self, variant: str, instrument: str, seeds: Sequence[int]) -> Array:
        cast(dict, self.values)[variant, instrument] = {}
        return np.ones(len(seeds))


def with_instrument(predicate: Predicate, instrument: str) -> Predicate:
    """The same predicate by another instrument; "-name" where that one falls when the claim's own rises."""
    if isinstance(predicate, Both):
        raise TypeError("Both spans several instruments: there is no single one to replace")
    turned = opposite(predicate) if instrument.startswith("-") else predicate
    return replace(turned, instrument=instrument.removeprefix("-"))


def opposite(predicate: Predicate) -> Predicate:
    """The predicate whose effects have the other sign; of `Similar`, which points nowhere, itself."""
    match predicate:
        case Similar():
            return predicate
        case Both():
            raise TypeError("Both has no opposite")
    return replace(predicate, sign=-predicate.sign)


def _over(sign: Sign) -> str:
    return "over" if sign == 1 else "under"


def arms(predicate: Any, variants: Sequence[str], scores: Scores, seeds: Sequence[int]) -> Array:
    """The scores [V, S] of the variants on the predicate's scale."""
    found = [scores.arm(variant, predicate.instrument, seeds) for variant in variants]
    if predicate.scale == "log_ratio":
        for variant, arm in zip(variants, found, strict=True):
            for seed, score in zip(seeds, arm, strict=True):
                if score <= 0:
                    where = f"variant '{variant}', instrument '{predicate.instrument}', seed {seed}"
                    raise ScoreError(f"{where}: a ratio needs positive scores, got {score:g}")
    return scaled(np.array(found), predicate.scale)


def scaled(values: Any, scale: Scale) -> Any:
    """Scores as they are, or their logarithms."""
    return np.log(values) if scale == "log_ratio" else values


def _change_over_range(x: Array) -> Array:
    """Least-squares slope per step times the number of steps; [V, S] → [S]."""
    steps = np.arange(len(x)) - (len(x) - 1) / 2
    return (len(x) - 1) * (steps @ (x - x[0])) / (steps @ steps)  # of equal scores exactly 0, not their rounding


def _labelled(predicate: Predicate, label: str) -> str:
    """Without it the halves of `Both` that compare the same variants would share a name."""
    instrument = getattr(predicate, "instrument", None)
    return label if instrument is None else f"{instrument}: {label}"

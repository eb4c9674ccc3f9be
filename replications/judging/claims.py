"""Claims, the predicates they are made of, and the verdict on each: pure, no files, no Keras.

A claim says what is compared (a *predicate*), what the smallest effect that matters is, and where the statement comes
from. A predicate turns scores into effects: one number per seed, signed so that positive supports the claim.

    Claim(
        id="adversarial_term_sharpens",
        replication="pix2pix",
        statement="Adding the adversarial term to L1 sharpens the output.",
        source="Isola et al. 2017, section 4.1, figure 4",
        explanation=("E2",),
        predicate=Greater("laplacian_variance", "l1_cgan", than="l1", scale="log_ratio"),
        smallest_effect=math.log(1.25),
        unit="times as sharp",
        also={"gradient_energy": math.log(1.1), "-edge_width": math.log(1.1)},
    )

A negative smallest effect states "not worse by more than this margin".
Axes: S seeds, P parts of a claim (more than one where it is a conjunction), V variants.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import permutations
from typing import Any, ClassVar, Literal, Self, cast, get_args

import numpy as np

from replications.errors import ReplicationError
from replications.judging.explanations import EXPLANATIONS, Cause
from replications.judging.scores import ScoreError, Scores
from replications.statistics import (
    EXACT_LEVEL,
    Array,
    Evidence,
    benjamini_hochberg,
    benjamini_hochberg_levels,
    decide,
    flip_chance,
    mean_interval,
    page_trend_p,
    smallest_p,
    weigh,
)

Scale = Literal["difference", "log_ratio"]
Outcome = Literal["replicated", "contradicted", "inconclusive"]
OUTCOMES: dict[int, Outcome] = {1: "replicated", -1: "contradicted", 0: "inconclusive"}
READ_STRICTLY = {"extra": "forbid", "strict": True, "allow_inf_nan": False}
"""How pydantic reads a verdict from JSON: no field more, and no text where a number is meant."""


class ClaimError(ReplicationError, ValueError):
    """A claim that contradicts itself, or that has another's name."""


# --- predicates ----------------------------------------------------------------------------------------------------


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
    symmetric: ClassVar[bool] = True

    def effects(self, scores: Scores, seeds: Sequence[int]) -> dict[str, Array]:
        """One part."""
        x = self.sign * _arms(self, (self.variant, self.than), scores, seeds)
        return {f"{self.variant} {_over(self.sign)} {self.than}": x[0] - x[1]}


@dataclass(frozen=True)
class Above:
    """A variant scores above a known constant: x − level. See `Below`.

    There is no second arm whose noise could balance a skew between seeds, so the sign test must agree with the t-test:
    what is claimed is claimed of the typical seed, the median.
    """

    instrument: str
    variant: str
    level: float
    scale: Scale = "difference"
    sign: Sign = 1
    symmetric: ClassVar[bool] = False

    def effects(self, scores: Scores, seeds: Sequence[int]) -> dict[str, Array]:
        """One part."""
        x = self.sign * _arms(self, (self.variant,), scores, seeds)[0]
        side = "above" if self.sign == 1 else "below"
        return {f"{self.variant} {side} {self.level:g}": x - self.sign * _scaled(self.level, self.scale)}


@dataclass(frozen=True)
class Increases:
    """Scores grow along variants given in order: the change over the range, by the least-squares line.

    effect = (V−1) Σ_v (v − v̄) x_v / Σ_v (v − v̄)². Page's test for order must agree. See `Decreases`.
    """

    instrument: str
    variants: tuple[str, ...]
    scale: Scale = "difference"
    sign: Sign = 1
    symmetric: ClassVar[bool] = True

    def effects(self, scores: Scores, seeds: Sequence[int]) -> dict[str, Array]:
        """One part."""
        change = _change_over_range(_arms(self, self.variants, scores, seeds))
        return {f"from {self.variants[0]} to {self.variants[-1]}": self.sign * change}


@dataclass(frozen=True)
class Peaks:
    """An inverted U: the middle scores higher than each of the ends; one part per end, x_middle − x_end. See `Dips`."""

    instrument: str
    middle: str
    ends: tuple[str, ...]
    scale: Scale = "difference"
    sign: Sign = 1
    symmetric: ClassVar[bool] = True

    def effects(self, scores: Scores, seeds: Sequence[int]) -> dict[str, Array]:
        """One part per end."""
        middle, *ends = self.sign * _arms(self, (self.middle, *self.ends), scores, seeds)
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
    The widest gap speaks for the claim, as a negative effect.
    """

    instrument: str
    variants: tuple[str, ...]
    scale: Scale = "difference"
    symmetric: ClassVar[bool] = True

    def effects(self, scores: Scores, seeds: Sequence[int]) -> dict[str, Array]:
        """One part per ordered pair."""
        x = dict(zip(self.variants, _arms(self, self.variants, scores, seeds), strict=True))
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

    @property
    def symmetric(self) -> bool:
        """Only where each weight has its counterpart: two losers against one winner are skewed when scores are."""
        weights = sorted(weight for _, weight in self.weights)
        return weights == sorted(-weight for weight in weights)

    def effects(self, scores: Scores, seeds: Sequence[int]) -> dict[str, Array]:
        """One part."""
        weights = self.sign * np.array([weight for _, weight in self.weights])
        names = [name for name, _ in self.weights]
        label = " ".join(f"{weight:+g} {name}" for weight, name in zip(weights, names, strict=True))
        return {label: weights @ _arms(self, names, scores, seeds)}


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

    @property
    def symmetric(self) -> bool:
        """Where both are."""
        return self.first.symmetric and self.second.symmetric

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

Every one has `scale` (effects are differences of scores, or logarithms of their ratios), `symmetric` (whether effects
are symmetric about zero when all arms are alike, whatever the scores' distribution), and `effects`: part → effects [S].
The claim holds where every part does.
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


def _arms(predicate: Any, variants: Sequence[str], scores: Scores, seeds: Sequence[int]) -> Array:
    """The scores [V, S] of the variants on the predicate's scale."""
    arms = [scores.arm(variant, predicate.instrument, seeds) for variant in variants]
    if predicate.scale == "log_ratio":
        for variant, arm in zip(variants, arms, strict=True):
            for seed, score in zip(seeds, arm, strict=True):
                if score <= 0:
                    where = f"variant '{variant}', instrument '{predicate.instrument}', seed {seed}"
                    raise ScoreError(f"{where}: a ratio needs positive scores, got {score:g}")
    return _scaled(np.array(arms), predicate.scale)


def _scaled(values: Any, scale: Scale) -> Any:
    return np.log(values) if scale == "log_ratio" else values


def _change_over_range(x: Array) -> Array:
    """Least-squares slope per step times the number of steps; [V, S] → [S]."""
    steps = np.arange(len(x)) - (len(x) - 1) / 2
    return (len(x) - 1) * (steps @ (x - x[0])) / (steps @ steps)  # of equal scores exactly 0, not their rounding


def _labelled(predicate: Predicate, label: str) -> str:
    """Without it the halves of `Both` that compare the same variants would share a name."""
    instrument = getattr(predicate, "instrument", None)
    return label if instrument is None else f"{instrument}: {label}"


# --- claims and verdicts -------------------------------------------------------------------------------------------


Favours = Literal["the claim", "its opposite", "either", "neither"]
SIGNS: dict[str, str] = {"the claim": "▲", "its opposite": "▼", "either": "◆", "neither": "·"}
"""Whom a deviation favours, in one character."""


@dataclass(frozen=True)
class Deviation:
    """Something we do otherwise than the source, and which way that is expected to move a claim."""

    __pydantic_config__: ClassVar = READ_STRICTLY

    kind: Literal["data", "size", "steps", "metric", "method"]
    what: str
    effect: str
    """What it is expected to do to the numbers, from what it is and not from what came out."""
    favours: Favours = "either"
    """Whom that helps: `either`, one cannot tell; `neither`, it cancels out or is too small to matter."""

    @property
    def helps(self) -> Self:
        """The same where it makes the claim easier to replicate: a replication proves less."""
        return replace(self, favours="the claim")

    @property
    def hinders(self) -> Self:
        """The same where it makes the claim harder to replicate: a contradiction proves less."""
        return replace(self, favours="its opposite")


@dataclass(frozen=True)
class Claim:
    """One statement on trial, written down before its runs."""

    id: str
    replication: str
    statement: str
    source: str
    explanation: tuple[Cause, ...]
    predicate: Predicate
    smallest_effect: float
    """The smallest effect that would matter, on the predicate's scale; negative: a margin that may be lost."""
    unit: str
    """What the effect is counted in, in words."""
    published: str | None = None
    also: Mapping[str, float] = field(default_factory=dict)
    """Other instruments for the same comparison → the smallest effect by each. "-name": see `with_instrument`."""
    deviations: tuple[Deviation, ...] = ()
    deviations_in: Mapping[str, tuple[Deviation, ...]] = field(default_factory=dict)
    """Study → what is done otherwise there, in place of `deviations`."""
    against: tuple[Cause, ...] = ()
    """The explanations that a replication of the claim speaks against; one in `explanation` it speaks for."""
    studies: tuple[str, ...] = ("root", "real")
    does_not_hold: Mapping[str, str] = field(default_factory=dict)
    """Study → why the claim is known not to be replicated there."""
    blurred_without: tuple[str, ...] = ()
    """The explanations whose cause is absent where the claim finds blur: replicated, it shows them not to be needed."""
    crisp_with: tuple[str, ...] = ()
    """The explanations whose cause is present where it finds no blur: replicated, it shows them not to be enough."""

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise ClaimError(
                f"claim {self.replication}/{self.id}: {problem}; "
                f"correct it in replications/{self.replication}/claims.py"
            )

    def deviations_of(self, study: str) -> tuple[Deviation, ...]:
        """What is done otherwise than in the source in a study."""
        return self.deviations_in.get(study, self.deviations)

    @property
    def needs(self) -> frozenset[tuple[str, str]]:
        """The (variant, instrument) pairs it reads, those of the other instruments included."""
        others = (needs(with_instrument(self.predicate, name)) for name in self.also)
        return needs(self.predicate).union(*others)


def _problems(claim: Claim) -> Iterator[str]:
    if not claim.id.isidentifier():
        yield "the id must be an identifier: it becomes a test's name"
    if not (claim.explanation or claim.against) or not set(claim.explanation) <= set(EXPLANATIONS):
        yield f"names explanations {claim.explanation}; there are {', '.join(EXPLANATIONS)}"
    if not set(claim.against) <= set(EXPLANATIONS) or set(claim.against) & set(claim.explanation):
        yield f"speaks against {claim.against}; there are {', '.join(EXPLANATIONS)}, and none is both for and against"
    if not {*claim.blurred_without, *claim.crisp_with} <= set(EXPLANATIONS):
        yield f"decides about {(*claim.blurred_without, *claim.crisp_with)}; there are {', '.join(EXPLANATIONS)}"
    if not math.isfinite(claim.smallest_effect):
        yield f"the smallest effect must be a finite number, got {claim.smallest_effect}"
    if not set(claim.does_not_hold) <= set(claim.studies):
        yield f"does_not_hold names {set(claim.does_not_hold)}, its studies are {claim.studies}"
    if not set(claim.deviations_in) <= set(claim.studies):
        yield f"deviations_in names {set(claim.deviations_in)}, its studies are {claim.studies}"
    match claim.predicate:
        case Both():
            if claim.smallest_effect != 1:
                yield "the smallest effect of Both is 1: its effects are counted in the smallest of each half"
            if claim.also:
                yield "Both spans several instruments and cannot be read by another one"
        case Similar() if claim.smallest_effect >= 0:
            yield f"the smallest effect of Similar is minus the margin, so negative; got {claim.smallest_effect:g}"
        case Above(level=level, scale="log_ratio") if level <= 0:
            yield f"a ratio needs a positive level, got {level:g}"
        case Increases(variants=variants) | Similar(variants=variants):
            if len(set(variants)) < max(2, len(variants)):
                yield f"needs at least two variants, all different; got {variants}"
    if claim.predicate.scale not in get_args(Scale):
        yield f"unknown scale '{claim.predicate.scale}'; there are {', '.join(get_args(Scale))}"


@dataclass(frozen=True)
class PublishedTable:
    """A table of the paper, to be shown beside ours; what it says is claimed, if at all, by claims of its own."""

    title: str
    instruments: tuple[str, ...]
    rows: Mapping[str, tuple[float | None, ...]]
    """Variant → published numbers, one for each instrument; `photos` is the row of real images."""


@dataclass(frozen=True)
class Verdict:
    """What came out for one claim in one study. Effects, interval and smallest effect are on the scale `scale`."""

    __pydantic_config__: ClassVar = READ_STRICTLY

    id: str
    replication: str
    statement: str
    source: str
    explanation: tuple[Cause, ...]
    against: tuple[Cause, ...]
    verdict: Outcome
    effect: float
    """The mean over seeds."""
    interval: tuple[float | None, float | None]
    """95 %, Student's t over seeds, not adjusted for multiplicity; None in JSON: no bound."""
    smallest_effect: float
    unit: str
    scale: Scale
    part: str
    """What was compared; of a conjunction the part that decided, whose numbers these are: the hardest to establish or,
    where the claim is contradicted, the one furthest on the other side of zero."""
    p_value: float
    """Exact sign-flip test that there is an effect at all."""
    p_beyond: float
    """t-test that the effect is beyond the smallest that matters."""
    p_adjusted: float
    """p_beyond, Benjamini-Hochberg over the claims of the study: at most 0.025 where replicated."""
    p_against: float
    """t-test that the effect has the other sign."""
    p_against_adjusted: float
    """p_against, Benjamini-Hochberg likewise: at most 0.025 where contradicted."""
    p_order: float | None
    """Page's test, for trends."""
    n_seeds: int
    effects_by_seed: Mapping[int, float]
    published: str | None
    study: str
    deviations: tuple[Deviation, ...]
    flip_chance: float
    """Chance that as many fresh seeds would give another verdict."""
    instruments: tuple[Mapping[str, Any], ...]
    """{instrument, effect, interval, smallest_effect, verdict} by each instrument, the claim's own first, each
    verdict as if it were the only claim (unadjusted)."""
    disagreement: bool
    """Whether those verdicts differ."""
    reason: str | None
    """Why it is known not to be replicated in this study, as the claim says (`does_not_hold`)."""

    def as_json(self) -> dict[str, Any]:
        """Plain data for JSON: floats at 6 significant digits, so that files do not change with the last bit.

        Infinities (an interval from one seed) become None.
        """
        return _plain(asdict(self))

    def in_words(self) -> str:
        """'1.95 [1.74, 2.19] times as sharp (n = 5)': effect and interval, ratios as ratios."""
        return f"{in_words(self.effect, self.interval, self.unit, self.scale)} (n = {self.n_seeds})"


def number(value: float | None, scale: Scale) -> str:
    """An effect, or a bound of one, for people: logarithms of ratios as ratios; None (no bound) as ∞."""
    if value is None:
        return "∞"
    return f"{math.exp(value):.3g}" if scale == "log_ratio" else f"{value:+.3g}"


def in_words(effect: float, interval: Sequence[float | None], unit: str, scale: Scale) -> str:
    """'1.95 [1.74, 2.19] times as sharp'."""
    low, high = (number(bound, scale) for bound in interval)
    return f"{number(effect, scale)} [{low}, {high}] {unit}"


def deviations_in_short(deviations: Iterable[Mapping[str, str]]) -> str:
    """'steps ▼, metric ·': kind and sign of each deviation, as a verdict's JSON has them, alike ones once."""
    return ", ".join(dict.fromkeys(f"{one['kind']} {SIGNS[one['favours']]}" for one in deviations))


def judge(
    claims: Sequence[Claim],
    scores: Mapping[str, Scores],
    seeds: Sequence[int] | Mapping[str, Sequence[int]],
    study: str,
) -> list[Verdict]:
    """The verdicts on all claims of a study, in their order.

    Args:
        claims: those that do not list the study are left out.
        scores: replication → scores.
        seeds: the declared seeds, of all replications or by replication.
        study: its name.

    Returns:
        One verdict per claim. Multiplicity is controlled over all of them together, so judge a study at once.
    """
    claims = [claim for claim in claims if study in claim.studies]
    _check_unique(claims)
    readings = [_read(claim, scores, seeds) for claim in claims]
    beyond = np.array([float(reading.evidence.p_beyond) for reading in readings])
    against = np.array([float(reading.evidence.p_against) for reading in readings])
    family = zip(
        benjamini_hochberg(beyond),
        benjamini_hochberg_levels(beyond),
        benjamini_hochberg(against),
        benjamini_hochberg_levels(against),
        strict=True,
    )
    return [
        _verdict(claim, reading, study, *(float(x) for x in adjusted))
        for claim, reading, adjusted in zip(claims, readings, family, strict=True)
    ]


def preflight(claims: Sequence[Claim], n_seeds: int) -> list[str]:
    """Warnings before any training: what the declared number of seeds cannot decide."""
    p = smallest_p(n_seeds)
    if not claims or p <= EXACT_LEVEL:
        return []
    enough = math.ceil(-math.log2(EXACT_LEVEL))
    return [
        f"{n_seeds} paired seed{'s' * (n_seeds != 1)}: the smallest possible p is {p:.4g} > {EXACT_LEVEL:g}, so none "
        f"of the {len(claims)} claims can be decided; declare at least {enough}"
    ]


@dataclass(frozen=True)
class _Reading:
    """One predicate read off the scores."""

    seeds: tuple[int, ...]
    parts: Array  # [P, S]
    labels: tuple[str, ...]  # of the parts
    evidence: Evidence
    p_order: tuple[float, float] | None
    others: tuple[dict[str, Any], ...] = ()

    def deciding(self, outcome: int) -> tuple[str, Array]:
        """The part whose numbers are shown, and its effects [S]: where the claim is contradicted the one that does."""
        if outcome == -1:
            return self.labels[int(self.evidence.part_against)], self.evidence.effects_against
        return self.labels[int(self.evidence.part)], self.evidence.effects

    def decide(self, *levels: float) -> int:
        return int(decide(self.evidence, *levels, p_order=self.p_order or (0.0, 0.0)))


def _read(claim: Claim, scores: Mapping[str, Scores], seeds: Sequence[int] | Mapping[str, Sequence[int]]) -> _Reading:
    """The claim by its own instrument, and by the others for comparison."""
    try:
        if claim.replication not in scores:
            raise ScoreError(f"no scores of replication '{claim.replication}'; there are {sorted(scores)}")
        declared = tuple(seeds[claim.replication] if isinstance(seeds, Mapping) else seeds)
        if len(set(declared)) < len(declared) or not declared:
            raise ScoreError(f"the declared seeds must be there and different, got {list(declared)}")
        own = scores[claim.replication]
        others = []
        for name, smallest in claim.also.items():
            reading = _read_by(with_instrument(claim.predicate, name), smallest, own, declared)
            others.append(_row(name.removeprefix("-"), reading, smallest))
        return replace(_read_by(claim.predicate, claim.smallest_effect, own, declared), others=tuple(others))
    except ScoreError as error:
        remedy = f"to make the scores again: dvc repro --pull measure@{claim.replication}"
        raise ScoreError(f"claim {claim.replication}/{claim.id}: {error}; {remedy}") from error


def _read_by(predicate: Predicate, smallest: float, scores: Scores, seeds: tuple[int, ...]) -> _Reading:
    effects = predicate.effects(scores, seeds)
    parts = np.array(list(effects.values()))
    evidence = weigh(parts, smallest, symmetric=predicate.symmetric)
    p_order = None
    if isinstance(predicate, Increases) and smallest >= 0:  # the test knows no margin other than zero
        x = predicate.sign * _arms(predicate, predicate.variants, scores, seeds).T  # [S, V]
        p_order = page_trend_p(x), page_trend_p(-x)
    return _Reading(seeds, parts, tuple(effects), evidence, p_order)


def _row(instrument: str, reading: _Reading, smallest: float) -> dict[str, Any]:
    outcome = reading.decide()
    _, effects = reading.deciding(outcome)
    return {
        "instrument": instrument,
        **_summary(effects),
        "smallest_effect": smallest,
        "verdict": OUTCOMES[outcome],
    }


def _summary(effects: Array) -> dict[str, Any]:
    return {"effect": float(effects.mean()), "interval": mean_interval(effects)}


def _verdict(
    claim: Claim,
    reading: _Reading,
    study: str,
    p_adjusted: float,
    level_beyond: float,
    p_against_adjusted: float,
    level_against: float,
) -> Verdict:
    evidence = reading.evidence
    outcome = reading.decide(level_beyond, level_against)
    part, effects = reading.deciding(outcome)
    own = ", ".join(sorted({instrument for _, instrument in needs(claim.predicate)}))
    instruments = (_row(own, reading, claim.smallest_effect), *reading.others)
    return Verdict(
        id=claim.id,
        replication=claim.replication,
        statement=claim.statement,
        source=claim.source,
        explanation=claim.explanation,
        against=claim.against,
        verdict=OUTCOMES[outcome],
        **_summary(effects),
        smallest_effect=claim.smallest_effect,
        unit=claim.unit,
        scale=claim.predicate.scale,
        part=part,
        p_value=float(evidence.p_value),
        p_beyond=float(evidence.p_beyond),
        p_adjusted=p_adjusted,
        p_against=float(evidence.p_against),
        p_against_adjusted=p_against_adjusted,
        p_order=None if reading.p_order is None else reading.p_order[0],
        n_seeds=len(reading.seeds),
        effects_by_seed=dict(zip(reading.seeds, effects.tolist(), strict=True)),
        published=claim.published,
        study=study,
        deviations=claim.deviations_of(study),
        flip_chance=flip_chance(
            reading.parts,
            claim.smallest_effect,
            outcome,
            level_beyond,
            level_against,
            symmetric=claim.predicate.symmetric,
        ),
        instruments=instruments,
        disagreement=len({row["verdict"] for row in instruments}) > 1,
        reason=claim.does_not_hold.get(study),
    )


def _check_unique(claims: Sequence[Claim]) -> None:
    names = [f"{claim.replication}/{claim.id}" for claim in claims]
    double = sorted({name for name in names if names.count(name) > 1})
    if double:
        raise ClaimError(f"claims with the same name: {', '.join(double)}; expected one of each, rename the others")


def _plain(value: Any) -> Any:
    """Tuples as lists, keys as strings, floats at 6 significant digits."""
    match value:
        case dict():
            return {str(key): _plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case float():
            return float(f"{value:.6g}") if math.isfinite(value) else None
    return value

"""From claims and scores to verdicts. Pure, no files, no Keras.

A verdict is one of five: the claim is *replicated* (the whole interval lies beyond the smallest effect that matters),
*contradicted* (it lies beyond zero on the other side or, where a margin is claimed, beyond the margin), *negligible*
(it lies within the smallest effect), *inconclusive* (none of these), or *untestable* (an arm did not reach what its
quality checks ask). Axes: S seeds, P parts of a claim.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar, Literal

import numpy as np

from replications.judging.claims import REACHED_BY, READ_STRICTLY, SIGNS, Check, Claim, ClaimError, Deviation
from replications.judging.explanations import Cause
from replications.judging.predicates import Increases, Predicate, Scale, arms, needs, with_instrument
from replications.judging.scores import ScoreError, Scores
from replications.statistics import (
    CONTRADICTED,
    EXACT_LEVEL,
    INCONCLUSIVE,
    NEGLIGIBLE,
    REPLICATED,
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

Outcome = Literal["replicated", "contradicted", "negligible", "inconclusive", "untestable"]
OUTCOMES: dict[int, Outcome] = {
    REPLICATED: "replicated",
    CONTRADICTED: "contradicted",
    NEGLIGIBLE: "negligible",
    INCONCLUSIVE: "inconclusive",
}
"""What `statistics.decide` says, in words; a fifth, untestable, is said by the quality checks."""

MEANS: dict[Outcome, str] = {
    "replicated": "the whole interval lies beyond the smallest effect that matters",
    "contradicted": "the whole interval lies on the other side of zero, or beyond the margin that was claimed",
    "negligible": "the whole interval lies within the smallest effect: any effect is too small to matter",
    "inconclusive": "the interval allows more than one of these",
    "untestable": "the nets did not reach what its quality checks ask, so that the comparison says nothing",
}
"""The five, in the order in which they are told."""


@dataclass(frozen=True)
class CheckResult:
    """What came of a quality check."""

    __pydantic_config__: ClassVar = READ_STRICTLY

    what: str
    instrument: str
    variant: str
    side: Literal["at least", "at most"]
    bound: float
    """Its mean over seeds."""
    value: float
    """The mean over seeds."""
    seeds_reached: int
    """How many seeds reach the bound."""
    n_seeds: int
    passed: bool
    why: str

    def in_words(self) -> str:
        """'psnr of autoencoder is 17.2, required: at least 20.1 (0 of 5 seeds reach it)'."""
        in_the_mean = self.value >= self.bound if self.side == "at least" else self.value <= self.bound
        too_few = f", {REACHED_BY:.0%} have to" if in_the_mean and not self.passed else ""
        return (
            f"{self.instrument} of {self.variant} is {self.value:.3g}, required: {self.side} {self.bound:.3g} "
            f"({self.seeds_reached} of {self.n_seeds} seeds reach it{too_few})"
        )


@dataclass(frozen=True)
class Snapshot:
    """The effect at one point of training."""

    __pydantic_config__: ClassVar = READ_STRICTLY

    share: float
    """Of the training that was done."""
    effect: float
    interval: tuple[float | None, float | None]


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
    decisive: tuple[Cause, ...]
    verdict: Outcome
    if_tested: Outcome
    """What the verdict would be if every quality check had passed."""
    checks: tuple[CheckResult, ...]
    """Its quality checks."""
    snapshots: tuple[Snapshot, ...]
    """The effect at each snapshot that was measured, the last included."""
    moved: float | None
    """By how much the last doubling of the training moved the effect; None: nothing was measured at half of it."""
    settled: bool | None
    """Whether that is less than the smallest effect that matters; None: not known."""
    registered: str
    """When it was written down: before its runs, after them, and what was changed since."""
    post_hoc: bool
    """Whether it was thought of when the scores were known."""
    effect: float
    """The mean over seeds."""
    interval: tuple[float | None, float | None]
    """95 %, Student's t over seeds, not adjusted for multiplicity; None in JSON: no bound."""
    smallest_effect: float
    unit: str
    scale: Scale
    part: str
    """What was compared; of a conjunction the part that decided, whose numbers these are: the hardest to establish,
    where the claim is contradicted the one furthest on the other side of zero, where it is negligible the one that is
    most surely too small."""
    p_value: float
    """Exact sign-flip test that there is an effect at all."""
    p_beyond: float
    """t-test that the effect is beyond the smallest that matters."""
    p_against: float
    """t-test that the effect has the other sign."""
    p_negligible: float
    """Two one-sided t-tests that the effect is smaller than the smallest that matters."""
    p_claim: float
    """The smallest of these three, 1 where an exact test disagrees or a quality check fails: what enters the family."""
    p_adjusted: float
    """p_claim, Benjamini-Hochberg over the claims of the study: at most 0.025 where anything is decided."""
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
    return of_unit(f"{number(effect, scale)} [{low}, {high}]", unit)


def of_unit(numbers: str, unit: str) -> str:
    """'1.95 times as sharp': the numbers before the unit or, where it is a sentence, in the place that it keeps, {}."""
    return unit.replace("{}", numbers) if "{}" in unit else f"{numbers} {unit}"


def deviations_in_short(deviations: Iterable[Mapping[str, str]]) -> str:
    """'steps ▼, metric ·': kind and sign of each deviation, as a verdict's JSON has them, alike ones once."""
    return ", ".join(dict.fromkeys(f"{one['kind']} {SIGNS[one['favours']]}" for one in deviations))


def judge(
    claims: Sequence[Claim],
    scores: Mapping[str, Scores],
    seeds: Sequence[int] | Mapping[str, Sequence[int]],
    study: str,
    registered: Mapping[str, str] | None = None,
    others: Sequence[float] = (),
) -> list[Verdict]:
    """The verdicts on claims of a study, in their order.

    Args:
        claims: those that do not list the study are left out.
        scores: replication → scores.
        seeds: the declared seeds, of all replications or by replication.
        study: its name.
        registered: claim (replication/id) → what the register says of it.
        others: `p_claim` of the study's claims that are not among these.

    Returns:
        One verdict per claim. Multiplicity is controlled over all claims of the study, these and the others.
    """
    claims = [claim for claim in claims if study in claim.studies]
    _check_unique(claims)
    readings = [_read(claim, scores, seeds, study) for claim in claims]
    p = np.array([1.0 if reading.failed else float(reading.evidence.p_claim) for reading in readings] + [*others])
    family = zip(claims, readings, p, benjamini_hochberg(p), benjamini_hochberg_levels(p), strict=False)
    standing = registered or {}
    return [
        _verdict(claim, reading, study, standing.get(f"{claim.replication}/{claim.id}", ""), *map(float, numbers))
        for claim, reading, *numbers in family
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


def examine(check: Check, scores: Scores, seeds: Sequence[int]) -> CheckResult:
    """Whether an arm reaches what a quality check asks, in the mean and in four seeds of five."""
    values = scores.arm(check.variant, check.instrument, seeds)
    bounds = scores.arm(*check.bound, seeds) if isinstance(check.bound, tuple) else np.full(len(seeds), check.bound)
    bounds = check.factor * bounds + check.plus
    sign = 1 if check.side == "at least" else -1
    reached = sign * (values - bounds) >= 0
    passed = sign * (values.mean() - bounds.mean()) >= 0 and reached.mean() >= REACHED_BY
    return CheckResult(
        what=check.what,
        instrument=check.instrument,
        variant=check.variant,
        side=check.side,
        bound=float(bounds.mean()),
        value=float(values.mean()),
        seeds_reached=int(reached.sum()),
        n_seeds=len(seeds),
        passed=bool(passed),
        why=check.why,
    )


@dataclass(frozen=True)
class _Reading:
    """One claim read off the scores."""

    scores: Scores
    seeds: tuple[int, ...]
    parts: Array  # [P, S]
    labels: tuple[str, ...]  # of the parts
    evidence: Evidence
    p_order: float | None
    others: tuple[dict[str, Any], ...] = ()
    checks: tuple[CheckResult, ...] = ()

    @property
    def failed(self) -> bool:
        return not all(check.passed for check in self.checks)

    def deciding(self, outcome: int) -> tuple[int, Array]:
        """The part whose numbers are shown, and its effects [S]: the one that decides."""
        if outcome == CONTRADICTED:
            return int(self.evidence.part_against), self.evidence.effects_against
        if outcome == NEGLIGIBLE:
            return int(self.evidence.part_negligible), self.evidence.effects_negligible
        return int(self.evidence.part), self.evidence.effects


def _read(
    claim: Claim, scores: Mapping[str, Scores], seeds: Sequence[int] | Mapping[str, Sequence[int]], study: str
) -> _Reading:
    """The claim by its own instrument, by the others for comparison, and its quality checks."""
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
        return replace(
            _read_by(claim.predicate, claim.smallest_effect, own, declared),
            others=tuple(others),
            checks=tuple(examine(check, own, declared) for check in claim.checks_of(study)),
        )
    except ScoreError as error:
        raise _of_claim(claim, str(error)) from error


def _of_claim(claim: Claim, error: str) -> ScoreError:
    """What is wrong with the scores that a claim reads, and the remedy."""
    remedy = f"to make the scores again: dvc repro --pull measure@{claim.replication} controls@{claim.replication}"
    return ScoreError(f"claim {claim.replication}/{claim.id}: {error}; {remedy}")


def _read_by(predicate: Predicate, smallest: float, scores: Scores, seeds: tuple[int, ...]) -> _Reading:
    effects = predicate.effects(scores, seeds)
    parts = np.array(list(effects.values()))
    order = None
    if isinstance(predicate, Increases) and smallest >= 0:  # the test knows no margin other than zero
        x = predicate.sign * arms(predicate, predicate.variants, scores, seeds).T  # [S, V]
        order = page_trend_p(x), page_trend_p(-x)
    evidence = _weighed(parts.tobytes(), parts.shape, smallest, order or (0.0, 0.0))
    return _Reading(scores, seeds, parts, tuple(effects), evidence, order and order[0])


@lru_cache(maxsize=4096)
def _weighed(parts: bytes, shape: tuple[int, ...], smallest: float, p_order: tuple[float, float]) -> Evidence:
    """`weigh`, once for equal effects: commands that check what is committed judge the same claims again and again."""
    return weigh(np.frombuffer(parts).reshape(shape), smallest, p_order=p_order)


@lru_cache(maxsize=4096)
def _flip_chance(parts: bytes, shape: tuple[int, ...], smallest: float, outcome: int, level: float) -> float:
    """`flip_chance`, once for equal effects."""
    return flip_chance(np.frombuffer(parts).reshape(shape), smallest, outcome, level)


def _row(instrument: str, reading: _Reading, smallest: float) -> dict[str, Any]:
    outcome = int(decide(reading.evidence))
    _, effects = reading.deciding(outcome)
    return {
        "instrument": instrument,
        **_summary(effects),
        "smallest_effect": smallest,
        "verdict": OUTCOMES[outcome],
    }


def _summary(effects: Array) -> dict[str, Any]:
    return {"effect": float(effects.mean()), "interval": mean_interval(effects)}


def _snapshots(claim: Claim, reading: _Reading, part: int) -> dict[str, Any]:
    """The effect of one part at each snapshot, and what the last doubling of the training did to it."""
    label, smallest = reading.labels[part], abs(claim.smallest_effect)
    effects = {}
    for share, scores in sorted(reading.scores.snapshots.items()):
        try:
            effects[share] = claim.predicate.effects(scores, reading.seeds)[label]
        except ScoreError as error:
            raise _of_claim(claim, f"at snapshot {share:g}: {error}") from error
    moved = float((effects[1.0] - effects[0.5]).mean()) if 0.5 in effects else None
    return {
        "snapshots": tuple(Snapshot(share, **_summary(at_share)) for share, at_share in effects.items()),
        "moved": moved,
        "settled": None if moved is None else abs(moved) < smallest,
    }


def _verdict(
    claim: Claim, reading: _Reading, study: str, registered: str, p_claim: float, p_adjusted: float, level: float
) -> Verdict:
    evidence = reading.evidence
    if_tested = int(decide(evidence, level))
    index, effects = reading.deciding(if_tested)
    own = ", ".join(sorted({instrument for _, instrument in needs(claim.predicate)}))
    instruments = (_row(own, reading, claim.smallest_effect), *reading.others)
    summary = _summary(effects)
    reason = claim.does_not_hold.get(study)
    return Verdict(
        id=claim.id,
        replication=claim.replication,
        statement=claim.statement,
        source=claim.source,
        explanation=claim.explanation,
        against=claim.against,
        decisive=claim.decisive,
        verdict="untestable" if reading.failed else OUTCOMES[if_tested],
        if_tested=OUTCOMES[if_tested],
        checks=reading.checks,
        **_snapshots(claim, reading, index),
        registered=registered,
        post_hoc=claim.post_hoc,
        **summary,
        smallest_effect=claim.smallest_effect,
        unit=claim.unit,
        scale=claim.predicate.scale,
        part=reading.labels[index],
        p_value=float(evidence.p_value),
        p_beyond=float(evidence.p_beyond),
        p_against=float(evidence.p_against),
        p_negligible=float(evidence.p_negligible),
        p_claim=p_claim,
        p_adjusted=p_adjusted,
        p_order=reading.p_order,
        n_seeds=len(reading.seeds),
        effects_by_seed=dict(zip(reading.seeds, effects.tolist(), strict=True)),
        published=claim.published,
        study=study,
        deviations=claim.deviations_of(study),
        flip_chance=_flip_chance(reading.parts.tobytes(), reading.parts.shape, claim.smallest_effect, if_tested, level),
        instruments=instruments,
        disagreement=len({row["verdict"] for row in instruments}) > 1,
        reason=reason and with_numbers(reason, reading, number(summary["effect"], claim.predicate.scale)),
    )


ASKED_FOR = re.compile(r"\{(?:(effect)|(\w+)\.(\w+?)(?:\.(min|max))?(?::([^}]+))?)\}")
"""A number that a written reason asks for: `{effect}`, `{variant.instrument}`, `{variant.instrument.max:.0%}`."""


def with_numbers(reason: str, reading: _Reading, effect: str) -> str:
    """A reason with the numbers that it asks for, of the scores that are judged."""

    def number_of(found: re.Match) -> str:
        if found[1]:
            return effect
        arm = reading.scores.arm(found[2], found[3], reading.seeds)
        text = format(float({"min": np.min, "max": np.max}.get(found[4], np.mean)(arm)), found[5] or ".3g")
        return text.replace("%", " %")

    text = ASKED_FOR.sub(number_of, reason)
    if "{" in text or "}" in text:
        raise ClaimError(f"a reason uses an unknown number: {text!r}; expected {{variant.instrument:.2f}}")
    return text


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

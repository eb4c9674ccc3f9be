"""What a claim is: a statement on trial, written down before its runs. Pure, no files, no Keras.

A claim says what is compared (a *predicate*, see predicates.py), what the smallest effect that matters is, where the
statement comes from, and what its arms must reach before the comparison means anything (its *quality checks*).

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
        checks=(READABLE,),
    )

A negative smallest effect states "not worse by more than this margin".
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Self, get_args

from replications.errors import ReplicationError
from replications.judging.explanations import EXPLANATIONS, Cause
from replications.judging.predicates import (
    Above,
    Both,
    Increases,
    Predicate,
    Scale,
    Similar,
    needs,
    with_instrument,
)

READ_STRICTLY = {"extra": "forbid", "strict": True, "allow_inf_nan": False}
"""How pydantic reads a verdict from JSON: no field more, and no text where a number is meant."""


class ClaimError(ReplicationError, ValueError):
    """A claim that contradicts itself, or that has another's name."""


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


REACHED_BY = 0.8
"""The share of the seeds that must reach the bound of a quality check, besides the mean: four of five."""


@dataclass(frozen=True)
class Check:
    """A quality check: what an arm must reach before a comparison means anything (the positive control of a claim).

    It passes where the mean over seeds reaches the bound, and four seeds of five do, each against the bound of its own
    seed. It is written down with the claim, before the reporting runs.
    """

    what: str
    """What is asked, in words: 'the GAN's samples are as near to photographs as blurred photographs are'."""
    instrument: str
    variant: str
    side: Literal["at least", "at most"]
    bound: float | tuple[str, str]
    """A number, or the score of another arm or control: (variant, instrument)."""
    why: str
    """How the bound was chosen, and from what."""
    factor: float = 1.0
    """What the bound is multiplied by."""
    plus: float = 0.0
    """What is added to it then."""
    studies: tuple[str, ...] = ()
    """Where it is asked; empty: in every study of the claim."""

    @property
    def needs(self) -> frozenset[tuple[str, str]]:
        """The (variant, instrument) pairs that it reads."""
        own = {(self.variant, self.instrument)}
        return frozenset(own if isinstance(self.bound, float | int) else own | {self.bound})


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
    """What the effect is counted in, in words; or a sentence, with {} where the number stands."""
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
    """Study → why the claim is known not to be replicated there. Numbers in it are asked for, not written:
    `{k512.used_share:.0%}` is the mean over seeds of that arm's score, `.min` and `.max` after it are the extremes,
    `{effect}` is the effect in words."""
    checks: tuple[Check, ...] = ()
    """What its arms must reach first."""
    decisive: tuple[Cause, ...] = ()
    """The explanations that it tests by intervention: the cause alone is put in or taken out."""
    post_hoc: bool = False
    """Whether it was thought of when the scores were known: a claim of another round must confirm it."""

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

    def checks_of(self, study: str) -> tuple[Check, ...]:
        """The quality checks that are asked for in a study."""
        return tuple(check for check in self.checks if not check.studies or study in check.studies)


def _problems(claim: Claim) -> Iterator[str]:
    if not claim.id.isidentifier():
        yield "the id must be an identifier: it becomes a test's name"
    if not (claim.explanation or claim.against) or not set(claim.explanation) <= set(EXPLANATIONS):
        yield f"names explanations {claim.explanation}; there are {', '.join(EXPLANATIONS)}"
    if not set(claim.against) <= set(EXPLANATIONS) or set(claim.against) & set(claim.explanation):
        yield f"speaks against {claim.against}; there are {', '.join(EXPLANATIONS)}, and none is both for and against"
    if not set(claim.decisive) <= {*claim.explanation, *claim.against}:
        yield f"decides about {claim.decisive}, but bears on {(*claim.explanation, *claim.against)} alone"
    for check in claim.checks:
        if not isinstance(check.bound, tuple) and not math.isfinite(check.bound):
            yield f"the bound of the check on {check.instrument} must be a finite number, got {check.bound}"
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

"""The five explanations on trial, and what the decisive claims show about each: derived from verdicts, never written.

Most claims only bear on an explanation. A few are *decisive*: they put its cause in, or take it out, and leave all else
as it was (`Claim.decisive`). Only these are told here. A claim that speaks for an explanation (`Claim.explanation`)
counts for it where it is replicated and against it where it is contradicted or negligible; one that speaks against it
(`Claim.against`) the other way round. Nothing is counted up: claims share their arms, and a vote among them means
nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Cause = Literal["E1", "E2", "E3", "E4", "E5"]


@dataclass(frozen=True)
class Explanation:
    """One answer to the question."""

    name: str
    says: str
    counts_for: str
    """The intervention, and what of it would count for the explanation."""
    counts_against: str
    """What would count against it."""


EXPLANATIONS: dict[Cause, Explanation] = {
    "E1": Explanation(
        "bottleneck",
        "the latent is too small to carry the image",
        "with the loss and the price of a nat fixed, a larger latent sharpens reconstructions",
        "from a latent of the same size, another loss gives crisp outputs; or a larger latent changes nothing",
    ),
    "E2": Explanation(
        "averaging",
        "L1 and L2 are minimised by averaging all plausible outputs",
        "the same net on the same data is sharper when the loss does not average; under L2 it puts out the mean; it is "
        "blurred where the target is uncertain and nowhere else",
        "a loss that averages is sharp where the target is uncertain, or blurred where it is certain; one that does "
        "not average is no sharper",
    ),
    "E3": Explanation(
        "noise",
        "sampling blurs and buys diversity; an adversary forbids blur and drops modes",
        "with noise in the latent, and nothing else changed, reconstructions are blurrier",
        "with noise they are as sharp as without",
    ),
    "E4": Explanation(
        "antagonism",
        "the KL term works against the reconstruction",
        "a larger weight of the KL term, and nothing else changed, blurs reconstructions",
        "at the calibrated weight reconstructions are as sharp as without a KL term",
    ),
    "E5": Explanation(
        "quantisation",
        "a limited codebook maps many inputs to one code",
        "with a codebook, or a smaller one, and nothing else changed, reconstructions are blurrier",
        "at an equal rate codes are no blurrier than a continuous latent",
    ),
}


@dataclass(frozen=True)
class Finding:
    """What the decisive claims show about one explanation; claims as 'replication/id (study)'."""

    counts_for: tuple[str, ...]
    counts_against: tuple[str, ...]
    inconclusive: tuple[str, ...]
    untestable: tuple[str, ...]
    conclusion: str
    """In a sentence or two."""


def findings(verdicts: Sequence[Mapping]) -> dict[Cause, Finding]:
    """E1 … E5 → what all verdicts, of all studies, show about it. Verdicts are those of verdicts.json."""
    return {name: _finding(name, verdicts) for name in EXPLANATIONS}


def _finding(name: Cause, verdicts: Sequence[Mapping]) -> Finding:
    by_way: dict[str, list[Mapping]] = {"for": [], "against": [], "inconclusive": [], "untestable": []}
    for verdict in verdicts:
        if name in verdict["decisive"]:
            by_way[direction(verdict, name)].append(verdict)
    return Finding(
        *(
            tuple(f"{verdict['replication']}/{verdict['id']} ({verdict['study']})" for verdict in by_way[way])
            for way in by_way
        ),
        conclusion=_conclusion(by_way),
    )


def direction(verdict: Mapping, name: Cause) -> str:
    """Which way a decisive verdict points: 'for', 'against', or why it points nowhere."""
    speaks = {"replicated": True, "contradicted": False, "negligible": False}
    outcome = verdict["verdict"]
    if outcome not in speaks:
        return outcome
    return "for" if speaks[outcome] == (name in verdict["explanation"]) else "against"


def _conclusion(by_way: Mapping[str, Sequence[Mapping]]) -> str:
    sentences = [
        f"{words}: {_named(by_way[way])}."
        for way, words in (("for", "For it"), ("against", "Against it"))
        if by_way[way]
    ]
    open_ = [f"{len(by_way[way])} {way}" for way in ("inconclusive", "untestable") if by_way[way]]
    if not sentences:
        sentences = ["No decisive claim could show anything yet" + (":" if open_ else ".")]
        return f"{sentences[0]} {', '.join(open_)}." if open_ else sentences[0]
    return " ".join(sentences + ([f"Decisive claims that are open: {', '.join(open_)}."] if open_ else []))


def _named(verdicts: Sequence[Mapping]) -> str:
    """'`id` in root and real, `other` in root (negligible)'."""
    where: dict[str, list[str]] = {}
    for verdict in verdicts:
        outcome = [] if verdict["verdict"] == "replicated" else [verdict["verdict"]]
        remarks = ", ".join([*outcome, *(["post hoc"] if verdict["post_hoc"] else [])])
        where.setdefault(verdict["id"], []).append(f"{verdict['study']}{f' ({remarks})' if remarks else ''}")
    return ", ".join(f"`{name}` in {' and '.join(studies)}" for name, studies in where.items())

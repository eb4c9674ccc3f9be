"""The five explanations on trial, and what the verdicts say about each: derived from the verdicts, never written.

A claim speaks for the explanations in its `explanation` and against those in its `against`, once it is replicated; a
contradicted claim speaks the other way round. Besides, some claims can decide what counts alone cannot: blur where the
cause is absent (`blurred_without`) shows that it is not needed, crispness where it is present (`crisp_with`) shows that
it is not enough.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from replications import study

Cause = Literal["E1", "E2", "E3", "E4", "E5"]


@dataclass(frozen=True)
class Explanation:
    """One answer to the question."""

    name: str
    says: str


EXPLANATIONS: dict[Cause, Explanation] = {
    "E1": Explanation("bottleneck", "the latent is too small to carry the image"),
    "E2": Explanation("averaging", "L1 and L2 are minimised by averaging all plausible outputs"),
    "E3": Explanation("noise", "sampling blurs and buys diversity; an adversary forbids blur and drops modes"),
    "E4": Explanation("antagonism", "the KL term works against the reconstruction"),
    "E5": Explanation("quantisation", "a limited codebook maps many inputs to one code"),
}


@dataclass(frozen=True)
class Finding:
    """What the verdicts say about one explanation."""

    supporting: tuple[str, ...]
    """Verdicts, as 'replication/id (study)'."""
    contradicting: tuple[str, ...]
    undecided: int
    not_needed: bool
    """Blur was shown where this cause is absent."""
    not_enough: bool
    """Crispness was shown in spite of it."""
    conclusion: str
    """One sentence."""


def findings(verdicts: Sequence[Mapping]) -> dict[Cause, Finding]:
    """E1 … E5 → what all verdicts, of all studies, say about it. Verdicts are those of verdicts.json."""
    return {name: _finding(name, verdicts) for name in EXPLANATIONS}


def deciding(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The claims (replication/id) of all rooms that can show an explanation not to be needed, and not to be enough."""
    every = [
        claim for room in study.REPLICATIONS for claim in importlib.import_module(f"replications.{room}.claims").CLAIMS
    ]
    return (
        tuple(f"{claim.replication}/{claim.id}" for claim in every if name in claim.blurred_without),
        tuple(f"{claim.replication}/{claim.id}" for claim in every if name in claim.crisp_with),
    )


def _finding(name: str, verdicts: Sequence[Mapping]) -> Finding:
    blurred_without, crisp_with = deciding(name)
    bearing = [
        (v, 1 if name in v["explanation"] else -1) for v in verdicts if name in (*v["explanation"], *v["against"])
    ]
    signs = {"replicated": 1, "contradicted": -1, "inconclusive": 0}
    said = [(f"{_claim(v)} ({v['study']})", direction * signs[v["verdict"]]) for v, direction in bearing]
    supporting = tuple(claim for claim, sign in said if sign > 0)
    contradicting = tuple(claim for claim, sign in said if sign < 0)
    undecided = sum(sign == 0 for _, sign in said)
    parts = [_weight(len(supporting), len(contradicting), undecided)]
    parts += _decisive(blurred_without, verdicts, "not needed for blur", "blur without it was not shown")
    parts += _decisive(crisp_with, verdicts, "not enough for blur", "crispness in spite of it was not shown")
    replicated = {_claim(v) for v in verdicts if v["verdict"] == "replicated"}
    return Finding(
        supporting,
        contradicting,
        undecided,
        not_needed=not replicated.isdisjoint(blurred_without),
        not_enough=not replicated.isdisjoint(crisp_with),
        conclusion=f"{'; '.join(parts)}.",
    )


def _weight(supporting: int, contradicting: int, undecided: int) -> str:
    """How the counts read in words."""
    decided = supporting + contradicting
    if not decided:
        return "Nothing was decided"
    if not contradicting:
        word = "Supported"
    elif not supporting:
        word = "Contradicted"
    else:
        word = "Mostly supported" if supporting > 2 * contradicting else "Contested"
        word = "Mostly contradicted" if contradicting > 2 * supporting else word
    return f"{word}: {supporting} for, {contradicting} against, {undecided} undecided"


def _decisive(claims: Sequence[str], verdicts: Sequence[Mapping], yes: str, no: str) -> list[str]:
    """What the claims that could show it have shown, if the studies at hand make any of them."""
    found = [v for v in verdicts if _claim(v) in claims]
    if not found:
        return []
    shown: dict[str, list[str]] = {}
    for verdict in found:
        if verdict["verdict"] == "replicated":
            shown.setdefault(verdict["id"], []).append(verdict["study"])
    names = ", ".join(f"`{name}` in {' and '.join(studies)}" for name, studies in shown.items())
    return [f"{yes} ({names})" if shown else no]


def _claim(verdict: Mapping) -> str:
    return f"{verdict['replication']}/{verdict['id']}"

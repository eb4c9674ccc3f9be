"""The five explanations on trial, and what the verdicts say about each: derived from the verdicts, never written.

A claim speaks for the explanations in its `explanation` and against those in its `against`, once it is replicated; a
contradicted claim speaks the other way round. Besides, two claims can decide what counts alone cannot: blur where the
cause is absent shows that it is not needed, crispness where it is present shows that it is not enough.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Explanation:
    """One answer to the question."""

    name: str
    says: str
    blurred_without: tuple[str, ...] = ()
    """Claims (replication/id) of blur where this cause is absent; any of them replicated: it is not needed."""
    crisp_with: tuple[str, ...] = ()
    """Claims of crispness where this cause is present; any of them replicated: it is not enough."""


EXPLANATIONS = {
    "E1": Explanation(
        "bottleneck",
        "the latent is too small to carry the image",
        blurred_without=("pix2pix/l1_outputs_are_blurrier_than_photos",),  # a U-Net's skips carry every pixel
        crisp_with=("vae_vs_gan/equal_bottleneck_yet_crisp",),
    ),
    "E2": Explanation(
        "averaging",
        "L1 and L2 are minimised by averaging all plausible outputs",
    ),
    "E3": Explanation(
        "noise",
        "sampling blurs and buys diversity; an adversary forbids blur and drops modes",
        blurred_without=("beta_vae/an_autoencoder_without_kl_is_blurred_too",),
        crisp_with=("vae_vs_gan/adversarial_term_sharpens_the_vae",),
    ),
    "E4": Explanation(
        "antagonism",
        "the KL term works against the reconstruction",
        blurred_without=("beta_vae/an_autoencoder_without_kl_is_blurred_too",),
        crisp_with=("vae_vs_gan/adversarial_term_sharpens_the_vae",),
    ),
    "E5": Explanation(
        "quantisation",
        "a limited codebook maps many inputs to one code",
        blurred_without=("vq_vae/without_a_quantiser_outputs_are_blurred_too",),
    ),
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


def findings(verdicts: Sequence[Mapping]) -> dict[str, Finding]:
    """E1 … E5 → what all verdicts, of all studies, say about it. Verdicts are those of verdicts.json."""
    return {name: _finding(name, explanation, verdicts) for name, explanation in EXPLANATIONS.items()}


def _finding(name: str, explanation: Explanation, verdicts: Sequence[Mapping]) -> Finding:
    bearing = [
        (v, 1 if name in v["explanation"] else -1) for v in verdicts if name in (*v["explanation"], *v["against"])
    ]
    signs = {"replicated": 1, "contradicted": -1, "inconclusive": 0}
    said = [(f"{_claim(v)} ({v['study']})", direction * signs[v["verdict"]]) for v, direction in bearing]
    supporting = tuple(claim for claim, sign in said if sign > 0)
    contradicting = tuple(claim for claim, sign in said if sign < 0)
    undecided = sum(sign == 0 for _, sign in said)
    parts = [_weight(len(supporting), len(contradicting), undecided)]
    parts += _decisive(explanation.blurred_without, verdicts, "not needed for blur", "blur without it was not shown")
    parts += _decisive(
        explanation.crisp_with, verdicts, "not enough for blur", "crispness in spite of it was not shown"
    )
    replicated = {_claim(v) for v in verdicts if v["verdict"] == "replicated"}
    return Finding(
        supporting,
        contradicting,
        undecided,
        not_needed=not replicated.isdisjoint(explanation.blurred_without),
        not_enough=not replicated.isdisjoint(explanation.crisp_with),
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

"""The answer: ideas about what blurs, each decided by claims of the room `causes`: derived, never written.

What a claim of vae_vs_gan says of whole models stands beside them and decides none (reporting/front.py).

An idea holds where all of its claims are replicated, and does not hold where one of them is contradicted or negligible.
Otherwise it is open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

ROOM, STUDY, ELSEWHERE = "causes", "root", "real"
"""Where causes are put in, and taken out: on data whose distribution is listed, and on data that nobody can list."""


@dataclass(frozen=True)
class Idea:
    """A part of the answer, and how it is said."""

    holds: str
    """The sentence where it holds."""
    fails: str
    """And where it does not."""
    open: str
    """What is asked as long as nobody knows."""
    measured: str
    """What was measured, however it came out: `{variant.instrument:%}` is a mean with its interval."""
    decided_by: tuple[str, ...]
    """Claims of the room."""
    beside: tuple[str, ...] = ()
    """Claims that limit what it says and decide nothing of it."""
    study: str = STUDY
    """Whose verdicts and numbers these are."""


IDEAS = (
    Idea(
        "A picture is blurred where two things meet: its latent code does not identify it, and the loss is minimised "
        "by the average of all pictures that the code leaves possible. A VAE whose decoder has a variance of 1 has "
        "both. Adding a GAN's discriminator, an adversary, removes the blur and, from the same code, raises the "
        "squared error.",
        "That blur needs both lost information and a loss that averages was not shown.",
        "Does blur need both lost information and a loss that averages?",
        "From a unit-variance VAE's codes a decoder trained with L2 reaches {kl_l2.laplacian_variance:%} of the "
        "sharpness of photographs. With an adversary added it reaches {kl_adversary.laplacian_variance:%}, or "
        "{kl_adversary.gradient_energy:%} by the gradient energy, which noise raises less. Edges are "
        "{kl_l2.edge_width:.2f} times as wide as photographs' under L2, {kl_adversary.edge_width:.2f} times with the "
        "adversary. With it the squared error is {kl_adversary.mse_over_mmse:.2f} times the least "
        "possible one. From 64 values without noise, which identify the photograph, L2 alone reaches "
        "{lossless_l2.laplacian_variance:%}; from eight, {lossless_8_l2.laplacian_variance:%}.",
        (
            "information_and_loss_interact",
            "averaging_alone_does_not_blur",
            "lost_information_alone_does_not_blur",
            "crispness_costs_squared_error",
        ),
        ("few_values_without_noise_do_not_blur",),
    ),
    Idea(
        "L2's blur follows from how much the code has lost, and hardly from what lost it: a small latent, noise, the "
        "KL term or a codebook. Where they lose equally much, at each of two strengths, they differ by less than a "
        "tenth of the sharpness.",
        "What loses the information matters, too, and not only how much of it is lost.",
        "Does blur follow from how much is lost, whatever loses it?",
        "Here the four lose unequal amounts: a small latent costs {size_l2.blur:%} of the sharpness, noise "
        "{noise_l2.blur:%}, the KL term {kl_l2.blur:%}, a codebook {codes_l2.blur:%}. That blur and "
        "loss go together is arithmetic in part: sharpness and squared error are both variances.",
        (
            "one_curve_for_the_best_decoders",
            "one_curve_for_trained_decoders",
            "one_curve_for_trained_decoders_at_a_milder_dose",
            "blur_grows_with_what_is_lost",
        ),
        ("one_curve_for_trained_decoders_across_doses",),
    ),
    Idea(
        "A loss that does not merely average is sharper, with an adversary or without one; L2 with an adversary is as "
        "sharp as photographs, at about twice the least possible squared error.",
        "That losses which do not merely average are crisp at about twice the least squared error was not shown.",
        "Is a decoder crisp under a loss that does not merely average, at about twice the least squared error?",
        "The energy score, a loss without an adversary, reaches {kl_energy.laplacian_variance:%} of the sharpness from "
        "the same codes, at {kl_energy.mse_over_mmse:.2f} times the least possible squared error; L2's is "
        "{kl_l2.mse_over_mmse:.2f} times.",
        (
            "lost_information_alone_does_not_blur",
            "a_proper_score_sharpens_without_an_adversary",
            "crispness_costs_at_most_twice_the_error",
        ),
        (
            "crispness_costs_squared_error",
            "an_adversary_that_sees_the_code_keeps_the_diversity",
            "l2_beside_an_adversary_takes_diversity",
        ),
    ),
    Idea(
        "A VAE of calibrated variance, whose code here identifies the photograph, does not blur its "
        "reconstructions; its samples are poor, mostly because its prior does not match the distribution of its codes.",
        "The blur of a VAE's samples is not the prior's doing alone.",
        "Is the blur of a calibrated VAE's samples the prior's doing?",
        "What it reconstructs has {sigma_l2.laplacian_variance:%} of the sharpness; decoded draws from "
        "its prior have {sigma_l2.laplacian_variance_prior:%}, from a Gaussian fitted to its codes "
        "{sigma_l2.laplacian_variance_ex_post:%}.",
        (
            "calibrated_noise_and_kl_do_not_blur",
            "samples_of_the_prior_are_blurred",
            "samples_of_the_codes_are_not_blurred",
            "an_ex_post_density_sharpens_samples",
        ),
    ),
    Idea(
        "On real digits (MNIST), too, lost information blurs under L2 and not with an adversary. Ways that lose "
        "equally much differ by less than a tenth of the sharpness.",
        "Not all of this holds on real digits (MNIST).",
        "Does this hold on real digits (MNIST), too?",
        "There L2 reaches {kl_l2.laplacian_variance:%} of the sharpness from a unit-variance VAE's codes, with an "
        "adversary {kl_adversary.laplacian_variance:%}; from codes without noise it reaches "
        "{lossless_l2.laplacian_variance:%}. The same loss costs more sharpness than on houses. "
        "At the greater strength noise leaves {noise_l2.laplacian_variance:%}, a codebook "
        "{codes_l2.laplacian_variance:%}.",
        (
            "kl_blurs_under_l2",
            "lost_information_alone_does_not_blur",
            "one_curve_for_trained_decoders_of_digits",
        ),
        ("the_streets_line_holds_for_digits",),
        ELSEWHERE,
    ),
)

Outcome = Literal["holds", "does not hold", "open"]


@dataclass(frozen=True)
class Judged:
    """What became of an idea."""

    outcome: Outcome
    sentence: str
    measured: str
    verdicts: tuple[Mapping, ...]
    """Of its claims, in their order, as far as they are there."""
    beside: tuple[Mapping, ...]
    """Likewise of those that decide nothing of it."""
    study: str
    """Whose they are."""


def judged(verdicts: Sequence[Mapping]) -> tuple[Judged, ...]:
    """What the verdicts, as in verdicts.json, of any study, make of each idea."""
    of_room = [one for one in verdicts if one["replication"] == ROOM]
    return tuple(_judged(idea, {one["id"]: one for one in of_room if one["study"] == idea.study}) for idea in IDEAS)


def _judged(idea: Idea, by_id: Mapping[str, Mapping]) -> Judged:
    found, beside = (tuple(by_id[name] for name in names if name in by_id) for names in (idea.decided_by, idea.beside))
    outcomes = {one["verdict"] for one in found}
    of_all = (idea.measured, found, beside, idea.study)
    if outcomes & {"contradicted", "negligible"}:
        return Judged("does not hold", idea.fails, *of_all)
    if len(found) == len(idea.decided_by) and outcomes == {"replicated"}:
        return Judged("holds", idea.holds, *of_all)
    return Judged("open", idea.open, *of_all)

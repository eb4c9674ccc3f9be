"""What is claimed about what blurs, as data: each cause put in, or taken out, on one decoder.

Sources: the discussion itself; Blau and Michaeli 2018 (perception and distortion); Rybkin et al. 2021 (σ-VAE); Ghosh et
al. 2020 (ex-post density estimation); Gneiting and Raftery 2007 (proper scores). Ratios of sharpness are relative to
real photographs unless two cells are compared. Smallest effects were set before the reporting runs: a quarter in
sharpness, a tenth where a decoder is compared with what is known exactly or codes that lose nothing are compared, a
quarter of the MMSE, a decibel, two hundredths of the range of intensities in the distance to a photograph.
"""

from dataclasses import replace
from math import log

from replications.judging.claims import Check, Claim, Deviation, PublishedTable
from replications.judging.explanations import Cause
from replications.judging.predicates import Above, Below, Contrast, Greater, Less, Similar

VARIED = "how a code loses information, and by which loss its decoder learns"
"""In a few words, for the list of the replications."""

SHARPER, TENTH = log(1.25), log(1.1)
SHARPNESS = "laplacian_variance"
EDGES = "gradient_energy"
"""What judges an adversary: noise, which passes for sharpness by the Laplacian, hardly moves it."""
OTHER_SHARPNESS = {"gradient_energy": SHARPER, "high_frequency_share": TENTH}
OTHERS = {SHARPNESS: SHARPER, "high_frequency_share": TENTH, "-blur_effect": log(1.05), "-edge_width": TENTH}
"""Beside the gradient energy. Where noise is left, edges of drawings are wider and this says less than it seems to."""
NO_BLURRIER = {name: -smallest for name, smallest in OTHERS.items()}
MARGINS = {EDGES: -SHARPER}
L2_CELLS = ("size_l2", "noise_l2", "kl_l2", "codes_l2")
MILD_CELLS = ("size_mild_l2", "noise_mild_l2", "kl_mild_l2", "codes_mild_l2")
"""The same four ways of losing information, at a dose that loses less."""
DIGIT_CELLS = (*L2_CELLS, "size_mild_l2", "noise_mild_l2")
"""On digits: those of the milder doses that lose as much as the KL term does."""
WAYS: dict[str, tuple[Cause, str]] = {
    "size_l2": ("E1", "a code of two values with a little noise"),
    "noise_l2": ("E3", "noise on a code of limited power"),
    "kl_l2": ("E4", "a KL term of weight one with unit variance"),
    "codes_l2": ("E5", "a code of eight bits"),
}

STREET = Deviation(
    "data",
    "32,805 photos of one street house, 32 px, all of them listed",
    "few and simple pictures; what is exact here nobody knows of photographs",
)
SHORT = Deviation(
    "steps",
    "4,096 steps of 32 pictures and nets of 16 channels",
    "all cells are blurrier than after a long training; those with an adversary or an energy score learn slowest",
)
DIGITS = Deviation("data", "8,000 digits of MNIST, 32 px", "few and simple pictures, which were not all trained on")
SHORT_ON_DIGITS = replace(SHORT, what="4,000 steps of 32 pictures and nets of 16 channels")
FIXED_CODE = Deviation(
    "method",
    "codes are learned with L2 in every cell; the cell's loss trains the decoder alone",
    "losses are compared on the same codes; an encoder that felt the adversary might keep other things",
    "neither",
)
TRAINED = Deviation(
    "metric",
    "the trained decoder's squared error stands for the least possible one",
    "what is not learned counts as lost: a cell that is trained less moves along the line and not off it",
    "the claim",
)
ALL = (STREET, SHORT, FIXED_CODE)
EASIER, HARDER = (STREET, SHORT.helps, FIXED_CODE), (STREET, SHORT.hinders, FIXED_CODE)
ON_DIGITS = (DIGITS, SHORT_ON_DIGITS, FIXED_CODE)
HARDER_ON_DIGITS = (DIGITS, SHORT_ON_DIGITS.hinders, FIXED_CODE)


def certain(cell: str) -> Check:
    """The negative control: what is the same in all photos is not blurred by anything but a lack of training."""
    return Check(
        f"{cell} has learned: pixels that are the same in all photos are at most a tenth less sharp than in photos",
        "sharpness_certain",
        cell,
        "at least",
        0.9,
        "where nothing is uncertain neither lost information nor the loss can blur; photographs have 1",
        studies=("root",),
    )


def quiet(cell: str) -> Check:
    """Noise is sharp, too: it shows where photos have none."""
    return Check(
        f"{cell} puts out no noise: pixels alike in all photos are at most a quarter sharper than in photos",
        "sharpness_certain",
        cell,
        "at most",
        1.25,
        "the quarter that is the smallest effect in sharpness; photographs have 1, and noise raises it everywhere",
        studies=("root",),
    )


def of_its_code(cell: str) -> Check:
    """What is sharp but shows another photograph, or always the same few, has not used its code."""
    return Check(
        f"the outputs of {cell} are photographs of their codes: their squared error is at most four times the least",
        "mse_over_mmse",
        cell,
        "at most",
        4.0,
        "halfway between a draw from p(photo | code), which has twice the least error (Blau and Michaeli 2018), and a "
        "draw from all photographs, whatever the code, which has six times at least",
        studies=("root",),
    )


def as_near_as_linear(cell: str, twice_the_error: bool = False) -> Check:
    """A decoder of eight values can be as near to the photograph as the best linear one of eight values is.

    One that does not average may have twice the squared error.
    """
    why = "principal components of the training photographs (replications/measuring/controls.py)"
    if twice_the_error:
        why += "; what does not average may have twice the error of what does (Blau and Michaeli 2018)"
    return Check(
        f"{cell} has learned: its outputs have at most {'twice ' if twice_the_error else ''}the squared error of those "
        "of the best linear autoencoder of eight values",
        "psnr",
        cell,
        "at least",
        ("linear_lossless_8_l2", "psnr"),
        why,
        plus=-3.0 if twice_the_error else 0.0,
        studies=("root",),
    )


def tells_apart(cell: str) -> Check:
    """A code that tells everything, and a decoder that shows it."""
    return Check(
        f"{cell} has learned: the photograph of the list that is nearest to an output is the one that was encoded",
        "right_photo_share",
        cell,
        "at least",
        0.99,
        "where nothing is lost a decoder can show which of the 32,805 photographs it was; 3 of 300 may be mistaken",
        studies=("root",),
    )


LINEAR = {
    "linear_lossless_l2": "the best linear autoencoder of 64 values",
    "linear_kl_l2": "the best linear VAE of 64 values and a KL term of weight one, decoded from the means of its codes",
    "linear_size_l2": "the best linear code of two values with the same noise",
    "linear_size_mild_l2": "the best linear code of six values with the same noise",
    "linear_noise_l2": "the best linear code of 64 values with the same noise",
    "linear_noise_mild_l2": "the best linear code of 64 values with the same noise",
    "linear_codes_l2": "the signs of the first six principal components",
}
"""Control → what it is, where photographs are not listed."""
FLOORS = {
    "sigma_l2": "linear_lossless_l2",
    "kl_energy": "linear_kl_l2",
    "kl_adversary": "linear_kl_l2",
}
"""Cell → the control that it must not be further from photographs than, where it is not the one of its own name."""


def close(cell: str, twice_the_error: bool = False) -> Check:
    """Where no list tells how near a decoder is to the best of its code, principal components say how near it can be.

    A decoder that does not average may have twice the squared error of one that does.
    """
    floor = FLOORS.get(cell, f"linear_{cell}")
    why = "principal components of the training photographs (replications/measuring/controls.py)"
    if twice_the_error:
        why += "; what is as likely as a photograph has up to twice the error of the mean (Blau and Michaeli 2018)"
    return Check(
        f"{cell} has learned: its outputs have at most {'twice ' if twice_the_error else ''}the squared error of those "
        f"of {LINEAR[floor]}",
        "psnr",
        cell,
        "at least",
        (floor, "psnr"),
        why,
        plus=-3.0 if twice_the_error else 0.0,
        studies=("real",),
    )


LOSSLESS = (tells_apart("lossless_l2"), certain("lossless_l2"), close("lossless_l2"))


def trained(cell: str) -> tuple[Check, Check]:
    """What an L2 decoder must reach, in either study, before its blur means anything."""
    return certain(cell), close(cell)


def adversarial(cell: str) -> tuple[Check, ...]:
    """What a decoder with an adversary or an energy score must reach before its sharpness means anything."""
    return certain(cell), quiet(cell), of_its_code(cell)


def adversarial_elsewhere(cell: str) -> tuple[Check, Check]:
    """The same where photographs are not listed: near enough to them, and no noise where all of them are alike."""
    quiet_there = Check(
        f"{cell} puts out no noise: pixels alike in all photos differ from them by at most a twentieth of the range",
        "certain_difference",
        cell,
        "at most",
        0.05,
        "root mean squared difference, intensities in [0, 1]; on the street a picture that near to a photo is taken "
        "for it",
        studies=("real",),
    )
    return close(cell, twice_the_error=True), quiet_there


ADVERSARY = (*adversarial("kl_adversary"), *adversarial_elsewhere("kl_adversary"))


def blurs_under_l2(cell: str, cause: Cause, way: str, studies: tuple[str, ...]) -> Claim:
    """That a way of losing information blurs, in words what it is."""
    return Claim(
        id=f"{cell.removesuffix('_l2')}_blurs_under_l2",
        replication="causes",
        statement=f"Under L2, {way} blurs: the same decoder is sharper where its code loses nothing.",
        source="the discussion",
        explanation=(cause,),
        predicate=Greater(SHARPNESS, "lossless_l2", cell, "log_ratio"),
        smallest_effect=SHARPER,
        unit="with 64 values and no noise the decoder is {} times as sharp",
        also=OTHER_SHARPNESS,
        deviations=ALL,
        deviations_in={"real": ON_DIGITS} if "real" in studies else {},
        studies=studies,
        checks=(*LOSSLESS, *trained(cell)),
        decisive=(cause,) if cause == "E3" else (),  # size and codebook change the number of values or the noise, too
    )


CLAIMS = (
    Claim(
        id="information_and_loss_interact",
        replication="causes",
        statement="Lost information blurs much more under L2 alone than under L2 with an adversary that sees the code.",
        source="the averaging explanation, as a contrast of four cells: blur needs both",
        explanation=("E2",),
        predicate=Contrast(
            EDGES,
            (("kl_adversary", 1.0), ("lossless_adversary", -1.0), ("kl_l2", -1.0), ("lossless_l2", 1.0)),
            "log_ratio",
        ),
        smallest_effect=SHARPER,
        unit="lost information costs L2 alone {} times the factor in sharpness that it costs L2 with the adversary",
        also=OTHERS,
        deviations=HARDER,
        studies=("root",),
        checks=(*LOSSLESS, certain("lossless_adversary"), quiet("lossless_adversary"), certain("kl_l2"), *ADVERSARY),
        decisive=("E2",),
    ),
    Claim(
        id="averaging_alone_does_not_blur",
        replication="causes",
        statement="A decoder trained with L2 is as sharp as photographs where its code loses nothing.",
        source="the averaging explanation: there is nothing to average",
        explanation=("E2",),
        predicate=Above(SHARPNESS, "lossless_l2", 1.0, "log_ratio"),
        smallest_effect=-SHARPER,
        unit="times as sharp as photographs",
        also=MARGINS,
        deviations=HARDER,
        studies=("root",),
        checks=LOSSLESS,
    ),
    *(
        blurs_under_l2(cell, cause, way, ("root",) if cell == "codes_l2" else ("root", "real"))
        for cell, (cause, way) in WAYS.items()
    ),
    replace(
        blurs_under_l2("codes_l2", "E5", "a code of six bits", ("real",)),
        id="codes_of_six_bits_blur_digits_under_l2",
        deviations=ON_DIGITS,
        deviations_in={},
    ),
    Claim(
        id="lost_information_alone_does_not_blur",
        replication="causes",
        statement="From codes of the VAE of unit variance, a decoder with an adversary is as sharp as photographs.",
        source="the averaging explanation, turned round: missing information alone does not blur",
        explanation=("E2",),
        against=("E4",),
        predicate=Above(EDGES, "kl_adversary", 1.0, "log_ratio"),
        smallest_effect=-SHARPER,
        unit="times as sharp as photographs",
        also=NO_BLURRIER,
        deviations=HARDER,
        deviations_in={"real": HARDER_ON_DIGITS},
        studies=("root", "real"),
        checks=ADVERSARY,
        decisive=("E2", "E4"),
    ),
    Claim(
        id="a_codebook_alone_does_not_blur",
        replication="causes",
        statement="From codes of eight bits, a decoder with an adversary is as sharp as photographs.",
        source="the averaging explanation, turned round: a codebook loses information, and that alone does not blur",
        explanation=("E2",),
        against=("E5",),
        predicate=Above(EDGES, "codes_adversary", 1.0, "log_ratio"),
        smallest_effect=-SHARPER,
        unit="times as sharp as photographs",
        also=NO_BLURRIER,
        deviations=HARDER,
        studies=("root",),
        checks=adversarial("codes_adversary"),
        decisive=("E2", "E5"),
    ),
    Claim(
        id="the_weight_of_the_kl_term_blurs",
        replication="causes",
        statement="Under L2, the KL term blurs at weight one with unit variance, and not at its calibrated weight.",
        source="Rybkin et al. 2021: a fixed unit variance is a hidden weight of the KL term",
        explanation=("E4",),
        predicate=Greater(SHARPNESS, "sigma_l2", "kl_l2", "log_ratio"),
        smallest_effect=SHARPER,
        unit="times as sharp at the calibrated weight",
        also=OTHER_SHARPNESS,
        deviations=ALL,
        deviations_in={"real": ON_DIGITS},
        studies=("root", "real"),
        checks=(*trained("sigma_l2"), *trained("kl_l2")),
        decisive=("E4",),
    ),
    Claim(
        id="a_proper_score_sharpens_without_an_adversary",
        replication="causes",
        statement="From the same codes, a proper score without an adversary makes a sharper decoder than L2.",
        source="Gneiting and Raftery 2007 (energy score); the averaging explanation: what counts is not the adversary",
        explanation=("E2",),
        predicate=Greater(EDGES, "kl_energy", "kl_l2", "log_ratio"),
        smallest_effect=SHARPER,
        unit="times as sharp",
        also=OTHERS,
        deviations=HARDER,
        deviations_in={"real": HARDER_ON_DIGITS},
        studies=("root", "real"),
        checks=(*trained("kl_l2"), *adversarial("kl_energy"), *adversarial_elsewhere("kl_energy")),
        decisive=("E2",),
    ),
    Claim(
        id="a_proper_score_sharpens_what_a_codebook_blurs",
        replication="causes",
        statement="From codes of eight bits, too, a proper score without an adversary makes a sharper decoder than L2.",
        source="Gneiting and Raftery 2007 (energy score); the averaging explanation, for a codebook",
        explanation=("E2",),
        against=("E5",),
        predicate=Greater(EDGES, "codes_energy", "codes_l2", "log_ratio"),
        smallest_effect=SHARPER,
        unit="times as sharp",
        also=OTHERS,
        deviations=HARDER,
        studies=("root",),
        checks=(certain("codes_l2"), *adversarial("codes_energy")),
        decisive=("E2",),
    ),
    Claim(
        id="few_values_without_noise_do_not_blur",
        replication="causes",
        statement="Under L2, a decoder of eight values without noise is as sharp as one of 64.",
        source="the bottleneck explanation, turned round: each photo has a code of its own, however few its values",
        explanation=("E2",),
        against=("E1",),
        predicate=Greater(SHARPNESS, "lossless_8_l2", "lossless_l2", "log_ratio"),
        smallest_effect=-TENTH,
        unit="times as sharp as with 64 values",
        also={EDGES: -TENTH},
        deviations=HARDER,
        studies=("root",),
        checks=(*LOSSLESS, certain("lossless_8_l2"), as_near_as_linear("lossless_8_l2")),
        decisive=("E1",),
    ),
    Claim(
        id="few_values_without_noise_cost_fidelity",
        replication="causes",
        statement="Under L2, a decoder of eight values without noise is further from the photograph than one of 64.",
        source="the bottleneck explanation: what does not pass is missing",
        explanation=("E1",),
        predicate=Greater("psnr", "lossless_l2", "lossless_8_l2"),
        smallest_effect=1.0,
        unit="dB of PSNR: with 64 values minus with eight",
        deviations=EASIER,
        studies=("root",),
        checks=(*LOSSLESS, certain("lossless_8_l2"), as_near_as_linear("lossless_8_l2")),
    ),
    Claim(
        id="more_values_without_noise_do_not_sharpen",
        replication="causes",
        statement="Under L2, a decoder of 256 values without noise is neither sharper nor blurrier than one of 64.",
        source="where nothing is lost, there is nothing that more values could keep",
        explanation=("E2",),
        predicate=Similar(SHARPNESS, ("lossless_256_l2", "lossless_l2"), "log_ratio"),
        smallest_effect=-TENTH,
        unit="times as sharp: the blurrier of the two decoders over the sharper one",
        deviations=ALL,
        studies=("root",),
        checks=(*LOSSLESS, certain("lossless_256_l2"), tells_apart("lossless_256_l2")),
    ),
    Claim(
        id="a_fine_codebook_does_not_blur",
        replication="causes",
        statement="Under L2, eight values of 64 levels each blur no more than eight values that are not rounded.",
        source="the quantisation explanation, turned round: rounding as such does not blur",
        explanation=("E2",),
        against=("E5",),
        predicate=Greater(SHARPNESS, "codes_k64_l2", "codes_off_l2", "log_ratio"),
        smallest_effect=-TENTH,
        unit="times as sharp as without rounding",
        also={EDGES: -TENTH},
        deviations=ALL,
        studies=("root",),
        checks=tuple(
            check(cell) for cell in ("codes_k64_l2", "codes_off_l2") for check in (certain, as_near_as_linear)
        ),
        decisive=("E5",),
        does_not_hold={
            "root": "about as sharp in the mean ({effect}), but in one seed less sharp by more than the margin. Hardly "
            "any photographs share a code there, so it is the fit that differs, and not what rounding has lost (more "
            "seeds: not tested)"
        },
    ),
    Claim(
        id="l2_blurs_more_from_a_coarser_codebook",
        replication="causes",
        statement="Under L2, eight values of two levels each blur more than eight values of 64 levels each.",
        source="the quantisation explanation: it is the levels that lose information",
        explanation=("E5",),
        predicate=Greater("blur", "codes_l2", "codes_k64_l2"),
        smallest_effect=0.05,  # as for the doses
        unit="of photographs' sharpness: the loss at two levels minus that at 64",
        also={"overlap_blur": 0.05},
        deviations=ALL,
        studies=("root",),
        checks=(certain("codes_k64_l2"), as_near_as_linear("codes_k64_l2"), certain("codes_l2")),
        decisive=("E5",),
    ),
    Claim(
        id="rounding_costs_l2_more_sharpness_than_a_proper_score",
        replication="causes",
        statement="Rounding eight values to two levels costs L2 more sharpness than it costs a proper score.",
        source="the averaging explanation, as a contrast of four cells: blur needs both",
        explanation=("E2",),
        against=("E5",),
        predicate=Contrast(
            "blur", (("codes_l2", 1.0), ("codes_off_l2", -1.0), ("codes_energy", -1.0), ("codes_off_energy", 1.0))
        ),
        smallest_effect=0.05,  # as for the doses
        unit="of photographs' sharpness: what rounding costs L2 minus what it costs the energy score",
        also={f"-{EDGES}": 0.05},
        deviations=ALL,
        studies=("root",),
        checks=(
            *adversarial("codes_energy"),
            *(check("codes_off_energy") for check in (certain, quiet)),
            as_near_as_linear("codes_off_energy", twice_the_error=True),
            certain("codes_l2"),
            certain("codes_off_l2"),
            as_near_as_linear("codes_off_l2"),
        ),
        decisive=("E2",),
    ),
    Claim(
        id="l1_blurs_too",
        replication="causes",
        statement="From the same codes, a decoder trained with L1 is blurrier than photographs.",
        source="Isola et al. 2017, section 3.3: L1 blurs less than L2",
        explanation=("E2",),
        predicate=Below(SHARPNESS, "kl_l1", 1.0, "log_ratio"),
        smallest_effect=SHARPER,
        unit="photographs are {} times as sharp as L1's outputs",
        also=OTHER_SHARPNESS,
        deviations=EASIER,
        studies=("root",),
        checks=(certain("kl_l1"),),
    ),
    Claim(
        id="from_the_same_codes_l1_blurs_less_than_l2",
        replication="causes",
        statement="From the same codes, L1 makes a sharper decoder than L2.",
        source="Isola et al. 2017, section 3.3",
        explanation=("E2",),
        predicate=Greater(SHARPNESS, "kl_l1", "kl_l2", "log_ratio"),
        smallest_effect=TENTH,
        unit="times as sharp",
        also={"gradient_energy": TENTH},
        deviations=ALL,
        studies=("root",),
        checks=(certain("kl_l1"), certain("kl_l2")),
        does_not_hold={
            "root": "the best L1 decoder of these codes is {kl_l1.laplacian_variance_optimal:.2f} times as sharp as "
            "photographs, the trained one {kl_l1.laplacian_variance:.2f} times, and L2's "
            "{kl_l2.laplacian_variance:.2f} times: L1 is still far from its optimum (more training: not tested)"
        },
    ),
    Claim(
        id="an_l2_decoder_is_the_conditional_mean",
        replication="causes",
        statement="A decoder trained with L2 is hardly blurrier than the mean of all photos that share its code.",
        source="the averaging explanation: the minimiser of the expected squared error is the conditional mean",
        explanation=("E2",),
        predicate=Below("fit_blur", "kl_l2", 0.0),
        smallest_effect=-0.1,
        unit="of photographs' sharpness: the trained decoder's minus the best one's",
        deviations=HARDER,
        studies=("root",),
        checks=(certain("kl_l2"),),
    ),
    Claim(
        id="one_curve_for_the_best_decoders",
        replication="causes",
        statement="How blurred the best L2 decoder is depends on its squared error, not on how information was lost.",
        source="a hypothesis of this suite: the five explanations are one",
        explanation=("E2",),
        predicate=Similar("overlap_off_the_line", (*L2_CELLS, *MILD_CELLS)),
        smallest_effect=-0.1,
        unit="of photographs' sharpness: minus the gap between ways or doses that is least surely small, given what "
        "each loses",
        deviations=ALL,
        studies=("root",),
        checks=tuple(certain(cell) for cell in (*L2_CELLS, *MILD_CELLS)),
    ),
    Claim(
        id="one_curve_for_trained_decoders",
        replication="causes",
        statement="How blurred a trained L2 decoder is depends on how much its code has lost, not on how it was lost.",
        source="a hypothesis of this suite: the five explanations are one",
        explanation=("E2",),
        predicate=Similar("blur_off_the_line", L2_CELLS),
        smallest_effect=-0.1,
        unit="of photographs' sharpness: minus the gap between two of the four ways that is least surely small, given "
        "what each loses",
        deviations=HARDER,
        studies=("root",),
        checks=tuple(certain(cell) for cell in L2_CELLS),
    ),
    Claim(
        id="one_curve_for_trained_decoders_of_digits",
        replication="causes",
        statement="On digits, too, a trained L2 decoder's blur depends on how much is lost, and not on how.",
        source="a hypothesis of this suite: the five explanations are one; the line is that of the tuning seed",
        explanation=("E2",),
        predicate=Similar("blur_off_the_line", DIGIT_CELLS),
        smallest_effect=-0.1,
        unit="of photographs' sharpness: minus the gap between ways or doses that is least surely small, given what "
        "each loses",
        deviations=(*ON_DIGITS, TRAINED),
        studies=("real",),
        checks=tuple(close(cell) for cell in DIGIT_CELLS),
    ),
    Claim(
        id="the_streets_line_holds_for_digits",
        replication="causes",
        statement="On digits, as on the street, L2 loses no larger a share of sharpness than of variance from a VAE's "
        "codes.",
        source="a hypothesis of this suite: the bundled study's line holds elsewhere (on the tuning seed it does not)",
        explanation=("E2",),
        predicate=Below("blur_off_the_streets_line", "kl_l2", 0.0),
        smallest_effect=-0.1,
        unit="of photographs' sharpness: what the line says minus what is lost",
        deviations=(*ON_DIGITS, TRAINED),
        studies=("real",),
        checks=(close("kl_l2"),),
        does_not_hold={
            "real": "from the VAE's codes L2 loses {kl_l2.lost_share:.0%} of the variance of digits and "
            "{kl_l2.blur:.0%} of their sharpness. Why it loses equal shares on the street, and not here, is not tested",
        },
    ),
    Claim(
        id="one_curve_for_trained_decoders_at_a_milder_dose",
        replication="causes",
        statement="At a milder dose, too, a trained L2 decoder's blur does not depend on how information was lost.",
        source="a hypothesis of this suite: the five explanations are one",
        explanation=("E2",),
        predicate=Similar("blur_off_the_line", MILD_CELLS),
        smallest_effect=-0.1,
        unit="of photographs' sharpness: minus the gap between two of the four ways that is least surely small, given "
        "what each loses",
        deviations=HARDER,
        studies=("root",),
        checks=tuple(certain(cell) for cell in MILD_CELLS),
    ),
    Claim(
        id="one_curve_for_trained_decoders_across_doses",
        replication="causes",
        statement="At both doses alike, the blur of a trained L2 decoder depends only on how much is lost.",
        source="a hypothesis of this suite: the five explanations are one, and training comes near the best",
        explanation=("E2",),
        predicate=Similar("blur_off_the_line", (*L2_CELLS, *MILD_CELLS)),
        smallest_effect=-0.1,
        unit="of photographs' sharpness: minus the gap between ways or doses that is least surely small, given what "
        "each loses",
        deviations=HARDER,
        studies=("root",),
        checks=tuple(certain(cell) for cell in (*L2_CELLS, *MILD_CELLS)),
        does_not_hold={
            "root": "trained decoders lie further above the line at the milder dose: with the KL term by "
            "{kl_mild_l2.blur_off_the_line:.2f}, against {noise_l2.blur_off_the_line:.2f} with the stronger noise. "
            "Training has more to draw there and is further from the best decoder (longer training: not tested)",
        },
    ),
    Claim(
        id="blur_grows_with_what_is_lost",
        replication="causes",
        statement="Under L2 the four ways of losing information blur more at the stronger dose than at the milder one.",
        source="a hypothesis of this suite: the dose makes the blur",
        explanation=("E2",),
        predicate=Contrast("blur", (*((cell, 0.25) for cell in L2_CELLS), *((cell, -0.25) for cell in MILD_CELLS))),
        smallest_effect=0.05,
        unit="of photographs' sharpness: the mean loss of the four ways, at the stronger dose minus at the milder",
        also={"overlap_blur": 0.05},
        deviations=ALL,
        studies=("root",),
        checks=tuple(certain(cell) for cell in (*L2_CELLS, *MILD_CELLS)),
    ),
    Claim(
        id="codes_blur_no_more_than_a_continuous_code",
        replication="causes",
        statement="At an equal best squared error a codebook blurs no more than a continuous code does.",
        source="the quantisation explanation, turned round",
        explanation=("E2",),
        against=("E5",),
        predicate=Less("blur_off_the_line", "codes_l2", "kl_l2"),
        smallest_effect=-0.1,
        unit="of photographs' sharpness: the codebook's decoder minus the VAE's, given what each code loses",
        deviations=ALL,
        studies=("root",),
        checks=(certain("codes_l2"), certain("kl_l2")),
        decisive=("E5",),
    ),
    Claim(
        id="calibrated_noise_and_kl_do_not_blur",
        replication="causes",
        statement="With noise and a KL term of calibrated weight a decoder is as sharp as without either.",
        source="Rybkin et al. 2021; the noise and antagonism explanations, turned round",
        explanation=("E2",),
        against=("E3", "E4"),
        predicate=Greater(SHARPNESS, "sigma_l2", "lossless_l2", "log_ratio"),
        smallest_effect=-SHARPER,
        unit="times as sharp as without",
        also=MARGINS,
        deviations=ALL,
        deviations_in={"real": ON_DIGITS},
        studies=("root", "real"),
        checks=(*LOSSLESS, *trained("sigma_l2")),
        decisive=("E3", "E4"),
    ),
    Claim(
        id="shrinkage_alone_does_not_blur",
        replication="causes",
        statement="The KL term's pull to the origin costs no sharpness where there is no noise.",
        source="½‖mean‖² is all that is left of the KL term of a code without noise: a decoder undoes it",
        explanation=("E2",),
        against=("E4",),
        predicate=Greater(SHARPNESS, "shrinkage_l2", "lossless_l2", "log_ratio"),
        smallest_effect=-SHARPER,
        unit="times as sharp as without",
        also=MARGINS,
        deviations=ALL,
        studies=("root",),
        checks=(*LOSSLESS, certain("shrinkage_l2")),
        decisive=("E4",),
    ),
    Claim(
        id="a_kl_term_on_hidden_values_does_not_blur",
        replication="causes",
        statement="A KL term on values that no decoder sees costs no sharpness.",
        source="a negative control: the term alone, without its information",
        explanation=("E2",),
        against=("E4",),
        predicate=Similar(SHARPNESS, ("hidden_l2", "lossless_l2"), "log_ratio"),
        smallest_effect=-TENTH,
        unit="times as sharp: the blurrier of the two decoders over the sharper one",
        deviations=ALL,
        studies=("root",),
        checks=(*LOSSLESS, certain("hidden_l2")),
    ),
    Claim(
        id="crispness_costs_squared_error",
        replication="causes",
        statement="From the same codes, the crisp decoder is further from the photograph than the blurred one.",
        source="Blau and Michaeli 2018, section 3: perception and distortion are at odds",
        explanation=("E2",),
        predicate=Greater("mse_over_mmse", "kl_adversary", "kl_l2"),
        smallest_effect=0.25,
        unit="of the least possible squared error: the crisp decoder's error minus the blurred one's",
        published="up to twice the least possible squared error",
        deviations=EASIER,
        studies=("root",),
        checks=(certain("kl_l2"), *ADVERSARY),
    ),
    Claim(
        id="crispness_costs_at_most_twice_the_error",
        replication="causes",
        statement="The crisp decoder's squared error is at most twice the least possible.",
        source="Blau and Michaeli 2018, theorem 2: a draw from p(photo | code) has exactly twice",
        explanation=("E2",),
        predicate=Below("mse_over_mmse", "kl_adversary", 2.0),
        smallest_effect=-0.25,
        unit="of the least possible squared error: twice it minus the decoder's error",
        published="twice the least possible squared error",
        deviations=HARDER,
        studies=("root",),
        checks=ADVERSARY,
        does_not_hold={
            "root": "it has {kl_adversary.mse_over_mmse:.2f} times the least squared error, more than a draw from the "
            "true posterior: the decoder has not learned the posterior, which "
            "`an_adversary_that_sees_the_code_keeps_the_diversity` shows, too (more training: not tested)"
        },
    ),
    Claim(
        id="an_adversary_that_sees_the_code_keeps_the_diversity",
        replication="causes",
        statement="With an adversary that sees the code, draws for one code vary as much as the photos of that code.",
        source="the noise explanation, turned round: an adversary drops modes",
        explanation=("E2",),
        against=("E3",),
        predicate=Above("diversity_share", "kl_adversary", 1.0),
        smallest_effect=-0.25,
        unit="of the true variance: the variance of the draws minus the true one",
        deviations=ALL,
        studies=("root",),
        checks=ADVERSARY,
        does_not_hold={
            "root": "draws for one code have {kl_adversary.diversity_share:.0%} of the true variance, those of the "
            "energy score {kl_energy.diversity_share:.0%} (`kl_energy`). L2 beside the adversary rewards draws "
            "that agree; without it they have {kl_adversary_alone.diversity_share:.0%}, so it is not the whole reason "
            "(`l2_beside_an_adversary_takes_diversity`)"
        },
    ),
    Claim(
        id="l2_beside_an_adversary_takes_diversity",
        replication="causes",
        statement="With the adversary alone, draws for one code vary more than with L2 beside it.",
        source="L2 rewards draws that agree: Isola et al. 2017, section 4.2, see hardly any variety with L1 beside it",
        explanation=("E2",),
        predicate=Greater("diversity_share", "kl_adversary_alone", "kl_adversary"),
        smallest_effect=0.25,
        unit="of the true variance: that of the draws with the adversary alone minus that with L2 beside it",
        deviations=ALL,
        studies=("root",),
        checks=(*ADVERSARY, *adversarial("kl_adversary_alone")),
        does_not_hold={"root": "more in every seed ({effect}), but the interval reaches below the smallest effect"},
    ),
    Claim(
        id="an_adversary_forbids_blur",
        replication="causes",
        statement="A trained discriminator rates a photograph as more real than the same photograph blurred.",
        source="the discussion: an adversary forbids blur",
        explanation=("E3",),
        predicate=Above("prefers_sharp", "kl_adversary", 0.5),
        smallest_effect=0.4,
        unit="of the photographs: the share rated above its blurred copy, minus one half",
        deviations=ALL,
        deviations_in={"real": ON_DIGITS},
        studies=("root", "real"),
        checks=ADVERSARY,
    ),
    Claim(
        id="samples_of_the_prior_are_blurred",
        replication="causes",
        statement="Samples of a calibrated VAE's prior are blurred.",
        source="the discussion; Dai and Wipf 2019; Ghosh et al. 2020",
        explanation=("E3",),
        predicate=Below(f"{SHARPNESS}_prior", "sigma_l2", 1.0, "log_ratio"),
        smallest_effect=SHARPER,
        unit="photographs are {} times as sharp as the prior's samples",
        deviations=EASIER,
        studies=("root",),
        checks=(certain("sigma_l2"),),
    ),
    Claim(
        id="samples_of_the_codes_are_not_blurred",
        replication="causes",
        statement="Decoded from the codes of photographs, a calibrated VAE's outputs are as sharp as photographs.",
        source="the prior, not the decoder, blurs samples: Dai and Wipf 2019",
        explanation=("E2",),
        against=("E3",),
        predicate=Above(SHARPNESS, "sigma_l2", 1.0, "log_ratio"),
        smallest_effect=-SHARPER,
        unit="times as sharp as photographs",
        also=MARGINS,
        deviations=HARDER,
        studies=("root",),
        checks=(certain("sigma_l2"),),
    ),
    Claim(
        id="an_ex_post_density_sharpens_samples",
        replication="causes",
        statement="A calibrated VAE's samples are sharper from a Gaussian fitted to its codes than from N(0, I).",
        source="Ghosh et al. 2020, table 1 (as FID)",
        explanation=("E3",),
        predicate=Above("sharpness_ex_post_over_prior", "sigma_l2", 1.0, "log_ratio"),
        smallest_effect=SHARPER,
        unit="times as sharp",
        deviations=ALL,
        studies=("root",),
        checks=(certain("sigma_l2"),),
    ),
    Claim(
        id="midpoints_of_a_vaes_codes_are_nearer_to_photographs",
        replication="causes",
        statement="Halfway between two codes a calibrated VAE is nearer to some photograph than a plain autoencoder.",
        source="the discussion: sampling makes the latent continuous, so that one can interpolate",
        explanation=("E3",),
        predicate=Less("listed_distance_between", "sigma_l2", "lossless_l2"),
        smallest_effect=0.02,
        unit="of the range of intensities nearer",
        deviations=ALL,
        studies=("root",),
        checks=(*LOSSLESS, certain("sigma_l2")),
        does_not_hold={
            "root": "halfway between two codes both are as far from every photograph "
            "({sigma_l2.listed_distance_between:.3f} and {lossless_l2.listed_distance_between:.3f}): at 64 values the "
            "noise of the calibrated VAE is far too small to fill the space between codes (fewer values: not tested)"
        },
    ),
)

TABLES = (
    PublishedTable(
        "Without a table in a paper: how many photos share a code, the least possible squared error, sharpness "
        "relative to photographs of the best L2 decoder and of the trained one, squared error over the least possible",
        ("shared", "mmse", f"{SHARPNESS}_optimal", SHARPNESS, "mse_over_mmse"),
        dict.fromkeys(
            (
                "lossless_l2",
                "lossless_8_l2",
                "lossless_256_l2",
                "lossless_adversary",
                "size_l2",
                "noise_l2",
                "codes_l2",
                "codes_off_l2",
                "codes_k8_l2",
                "codes_k64_l2",
                "kl_l2",
                *MILD_CELLS,
                "codes_adversary",
                "codes_energy",
                "codes_off_energy",
                "codes_k8_energy",
                "codes_k64_energy",
                "kl_l1",
                "kl_energy",
                "kl_adversary",
                "kl_adversary_alone",
                "sigma_l2",
                "shrinkage_l2",
                "hidden_l2",
            ),
            (None,) * 5,
        ),
    ),
    PublishedTable(
        "Without a table in a paper, on digits: share of their variance that outputs lose, sharpness relative to them",
        ("lost_share", SHARPNESS),
        dict.fromkeys(("lossless_l2", *DIGIT_CELLS, "kl_energy", "kl_adversary", "sigma_l2"), (None,) * 2),
    ),
)

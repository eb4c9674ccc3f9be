"""What pix2pix claims (Isola et al. 2017; section, table and figure numbers of arXiv v3), as data.

Ratios are relative to real photographs unless two variants are compared. Smallest effects were set before the
reporting runs: a quarter in sharpness, a tenth in colour, two points in recognition, one in a hundred of the intensity
range in pixel error.
"""

from math import log

from replications.judging.claims import Check, Claim, Deviation, PublishedTable
from replications.judging.predicates import Above, Below, Both, Dips, Greater, Less, Peaks, Similar

VARIED = "L1, L2, adversary, its receptive field, skips"
"""In a few words, for the list of the replications."""

SHARPER = log(1.25)
EVERYWHERE = ("root", "real", "paper")
"""The studies of claims whose arms have been run at the paper's own size, too."""
OTHER_SHARPNESS = {
    "gradient_energy": SHARPER,
    "high_frequency_share": log(1.1),
    "-blur_effect": log(1.05),
    "-edge_width": log(1.1),
}
SHORT = Deviation(
    "steps",
    "few epochs and small nets (params.yaml) instead of 200 epochs and 64 channels",
    "outputs are blurrier and less faithful; nets that play against an adversary are furthest from where they settle",
)
READER = Deviation(
    "metric",
    "recognition by the suite's own segmentation net instead of FCN-8s, on facades instead of Cityscapes",
    "easier scenes: accuracies are higher, their order is the same",
    "neither",
)
INSTANCE_NORM = Deviation(
    "method",
    "instance normalisation instead of batch normalisation at batch size 1",
    "none: while training at batch size 1 they are the same",
    "neither",
)
ONE_STEP = Deviation(
    "method",
    "both nets step from the same state instead of one after the other",
    "small: the original reuses the discriminator's output from before its step",
    "neither",
)
TRAINING = (SHORT, INSTANCE_NORM, ONE_STEP)
EASIER = (SHORT.helps, INSTANCE_NORM, ONE_STEP)
"""For claims that a short training makes easier to replicate."""
HARDER = (SHORT.hinders, INSTANCE_NORM, ONE_STEP)
"""For claims that a short training makes harder to replicate."""
HISTOGRAM = Deviation(
    "metric",
    "the paper does not give its histograms' bins; ours are two Lab units wide",
    "narrower bins lower every intersection",
    "neither",
)
DROPOUT = Deviation("size", "two dropout layers of three instead of three of eight", "about as much noise for the net")
FEW_STEPS = Deviation(
    "steps",
    "6,000 steps of 10 pictures (150 epochs) instead of 80,000 steps of one (200 epochs)",
    "three quarters of the pictures in a thirteenth of the steps: furthest where a net plays against an adversary",
)
MIXED = Deviation(
    "method", "layers compute in bfloat16, weights and losses are float32", "small: rounding far below the noise of SGD"
)
REFLECTED = Deviation(
    "data", "random crops of a reflected border of 30 pixels instead of an enlargement to 286", "small", "neither"
)
AT_SIZE = (FEW_STEPS, MIXED, REFLECTED, INSTANCE_NORM, ONE_STEP)
"""At the paper's own size (paper/)."""
EASIER_AT_SIZE = (FEW_STEPS.helps, *AT_SIZE[1:])
HARDER_AT_SIZE = (FEW_STEPS.hinders, *AT_SIZE[1:])


def certain(variant: str) -> tuple[Check, Check]:
    """Where the map decides the photo there is nothing to average: a net that has learned is as sharp as photographs.

    Within the factor that matters in sharpness, on either side: too sharp is not learned either.
    """
    what = f"where the map decides the photo, the output of {variant} is as sharp as the photo"
    why = "known exactly: 1 is right; a quarter is the smallest effect that matters in sharpness"
    return (
        Check(what, "energy_certain", variant, "at least", 0.8, why, studies=("root",)),
        Check(what, "energy_certain", variant, "at most", 1.25, why, studies=("root",)),
    )


def readable(variant: str, studies: tuple[str, ...] = ("real", "paper")) -> Check:
    """The output shows more of the map than the most frequent class everywhere does."""
    return Check(
        f"a segmentation net finds the map in the output of {variant}",
        "pixel_accuracy",
        variant,
        "at least",
        ("majority", "pixel_accuracy"),
        "naming the most frequent class everywhere, and the smallest effect that matters in recognition more",
        plus=0.02,
        studies=studies,
    )


def not_noise(variant: str, studies: tuple[str, ...] = ("real", "paper")) -> Check:
    """Artifacts are sharper than any photograph: what overshoots is not crisp."""
    return Check(
        f"the output of {variant} is not sharper than photographs",
        "laplacian_variance",
        variant,
        "at most",
        1.25,
        "photographs, and the smallest effect that matters in sharpness more",
        studies=studies,
    )


def below_the_ceiling(variant: str) -> Check:
    """A segmentation net that reads an output as well as a photograph cannot say what a better output would gain."""
    return Check(
        f"the segmentation net could find more in the output of {variant} than it does",
        "pixel_accuracy",
        variant,
        "at most",
        ("photos", "pixel_accuracy"),
        "what the same net finds in real photographs: its ceiling",
    )


READS_PHOTOS = Check(
    "L1 has learned to read photographs",
    "pixel_accuracy",
    "to_labels_l1",
    "at least",
    ("majority", "pixel_accuracy"),
    "naming the most frequent class everywhere, and the smallest effect that matters in recognition more",
    plus=0.02,
)
AT_THE_MEAN = Check(
    "L2 has learned: its error is within a tenth of the smallest that any output can have",
    "mse_above_floor",
    "l2",
    "at most",
    ("exact_mean", "mse"),
    "the error of the exact conditional mean; a tenth as for other errors here",
    factor=0.1,
    studies=("root",),
)
AT_THE_MEDIAN = Check(
    "L1 has learned: its error is within a tenth of the smallest that any output can have",
    "l1_above_floor",
    "l1",
    "at most",
    ("exact_median", "l1"),
    "the error of the exact conditional median; a tenth as for other errors here",
    factor=0.1,
    studies=("root",),
)
FIELDS = Deviation("size", "receptive fields scaled with the image", "the same share of the picture", "neither")


CLAIMS = (
    Claim(
        id="l1_outputs_are_blurrier_than_photos",
        replication="pix2pix",
        statement="L1 alone gives outputs blurrier than photographs.",
        source="Isola et al. 2017, section 4.2, figure 4",
        explanation=("E2",),
        predicate=Below("laplacian_variance", "l1", 1.0, "log_ratio"),
        smallest_effect=SHARPER,
        unit="photographs are {} times as sharp as L1's outputs",
        also=OTHER_SHARPNESS,
        deviations=EASIER,
        deviations_in={"paper": EASIER_AT_SIZE},
        studies=("real", "paper"),
        checks=(readable("l1"),),
    ),
    Claim(
        id="l2_is_as_blurred_as_the_exact_mean",
        replication="pix2pix",
        statement="Where the map leaves several photos possible, L2's output is as blurred as their exact mean.",
        source="Isola et al. 2017, section 3.1; the minimiser of the expected squared error, which is known here",
        explanation=("E2",),
        predicate=Similar("energy_uncertain", ("l2", "exact_mean")),
        smallest_effect=-0.1,
        unit="of the photographs' gradient energy: the lower minus the higher",
        deviations=(SHORT.hinders,),
        studies=("root",),
        checks=(*certain("l2"), AT_THE_MEAN),
        decisive=("E2",),
        post_hoc=True,
    ),
    Claim(
        id="l2_reaches_the_floor",
        replication="pix2pix",
        statement="L2's error is within a tenth of the smallest that any output can have.",
        source="the minimiser of the expected squared error, whose error is known here: 0.0290",
        explanation=("E2",),
        predicate=Below("mse_above_floor", "l2", 0.0),
        smallest_effect=-0.0029,
        unit="mean squared error (intensity range 1): the floor minus L2's error",
        deviations=(SHORT.hinders,),
        studies=("root",),
        checks=certain("l2"),
        post_hoc=True,
    ),
    Claim(
        id="adversarial_term_sharpens",
        replication="pix2pix",
        statement="Adding the adversarial term to L1 sharpens the output.",
        source="Isola et al. 2017, section 4.2, figure 4",
        explanation=("E2", "E3"),
        predicate=Greater("laplacian_variance", "l1_cgan", "l1", "log_ratio"),
        smallest_effect=SHARPER,
        unit="times as sharp as L1 alone",
        also=OTHER_SHARPNESS,
        deviations=HARDER,
        deviations_in={"paper": HARDER_AT_SIZE},
        studies=EVERYWHERE,
        checks=(
            *certain("l1"),
            *certain("l1_cgan"),
            readable("l1_cgan"),
            not_noise("l1_cgan"),
        ),
        decisive=("E2",),
    ),
    Claim(
        id="cgan_alone_is_sharp_but_less_faithful",
        replication="pix2pix",
        statement="The conditional GAN alone is sharper than L1, but further from the target than both terms together.",
        source="Isola et al. 2017, section 4.2, figure 4",
        explanation=("E2", "E3"),
        predicate=Both(
            Greater("laplacian_variance", "cgan", "l1", "log_ratio"), SHARPER, Greater("l1", "cgan", "l1_cgan"), 0.01
        ),
        smallest_effect=1.0,
        unit="on a scale where 1 is the smallest effect of each half (1.25 times as sharp, 0.01 mean absolute error)",
        deviations=TRAINING,
        deviations_in={"paper": AT_SIZE},
        studies=EVERYWHERE,
        checks=(
            *certain("cgan"),
            readable("cgan"),
            not_noise("cgan"),
        ),
    ),
    Claim(
        id="l1_reduces_the_artifacts_of_cgan",
        replication="pix2pix",
        statement="Added to the conditional GAN, L1 brings sharpness closer to that of photographs: fewer artifacts.",
        source="Isola et al. 2017, section 4.2",
        explanation=("E2", "E3"),
        predicate=Less("laplacian_variance_distance", "l1_cgan", "cgan"),
        smallest_effect=0.1,
        unit="in log ratio to photographs: the conditional GAN's distance minus that with L1",
        also={"gradient_energy_distance": 0.1},
        deviations=HARDER,
        deviations_in={"paper": HARDER_AT_SIZE},
        studies=EVERYWHERE,
        checks=(
            *certain("cgan"),
            readable("cgan"),
            *certain("l1_cgan"),
            readable("l1_cgan"),
        ),
        does_not_hold={
            "root": (
                "the conditional GAN alone is nearer to the photographs' sharpness ({cgan.laplacian_variance:.2f}) "
                "than it is with L1 ({l1_cgan.laplacian_variance:.2f}). No measure of sharpness sees its artifacts "
                "(walls of several colours, streaks); its error is larger "
                "(cgan_alone_is_sharp_but_less_faithful)"
            ),
        },
    ),
    Claim(
        id="l1_has_the_lowest_pixel_error",
        replication="pix2pix",
        statement="L1 alone has a lower pixel error than every variant with an adversary.",
        source="Isola et al. 2017, equation 3 (what L1 minimises)",
        explanation=("E2",),
        predicate=Dips("l1", "l1", ("gan", "cgan", "l1_gan", "l1_cgan")),
        smallest_effect=0.005,
        unit="mean absolute error (intensity range 1): an adversarial variant minus L1",
        also={"mse": 0.002, "-psnr": 0.3},
        deviations=TRAINING,
        does_not_hold={
            "real": "lowest in every seed, but over L1+GAN the interval reaches below the smallest effect",
        },
        checks=(
            *certain("l1"),
            AT_THE_MEDIAN,
            readable("l1"),
        ),
    ),
    Claim(
        id="l1_cgan_is_more_recognisable_than_l1",
        replication="pix2pix",
        statement="A segmentation net recognises more in the output of L1+cGAN than in that of L1.",
        source="Isola et al. 2017, table 1",
        explanation=("E2",),
        predicate=Greater("pixel_accuracy", "l1_cgan", "l1"),
        smallest_effect=0.02,
        unit="per-pixel accuracy: L1+cGAN minus L1",
        published="+0.24 (0.66 against 0.42)",
        also={"class_accuracy": 0.02, "class_iou": 0.02},
        deviations=(READER, *HARDER),
        deviations_in={"paper": (READER, *HARDER_AT_SIZE)},
        studies=EVERYWHERE,
        checks=(
            readable("l1", EVERYWHERE),
            below_the_ceiling("l1_cgan"),
        ),
        does_not_hold={
            "root": "more in the mean ({effect}), but the seeds differ so much that the interval reaches below the "
            "smallest effect",
            "real": "more in the mean ({effect}), but the interval reaches below the smallest effect",
        },
    ),
    Claim(
        id="cgan_is_more_recognisable_than_l1",
        replication="pix2pix",
        statement="A segmentation net recognises more in the output of the conditional GAN alone than in that of L1.",
        source="Isola et al. 2017, table 1",
        explanation=("E2",),
        predicate=Greater("pixel_accuracy", "cgan", "l1"),
        smallest_effect=0.02,
        unit="per-pixel accuracy: the conditional GAN minus L1",
        published="+0.15 (0.57 against 0.42)",
        also={"class_accuracy": 0.02, "class_iou": 0.02},
        deviations=(READER, *HARDER),
        deviations_in={"paper": (READER, *HARDER_AT_SIZE)},
        studies=EVERYWHERE,
        checks=(
            *certain("cgan"),
            readable("l1", EVERYWHERE),
            readable("cgan", EVERYWHERE),
            below_the_ceiling("cgan"),
        ),
        does_not_hold={
            "root": (
                "L1's outputs keep the colours by which the classes differ, and the net reads "
                "{l1.pixel_accuracy:.2f} of their pixels correctly (photographs: {photos.pixel_accuracy:.2f}). The "
                "conditional GAN's walls have several colours, and there it reads {cgan.pixel_accuracy:.2f}. A world "
                "whose classes differ by texture alone was not tested"
            ),
        },
    ),
    Claim(
        id="unconditional_gan_ignores_its_input",
        replication="pix2pix",
        statement="With an adversary that does not see the input, and no L1, the output does not show the input.",
        source="Isola et al. 2017, table 1, section 4.2",
        explanation=("E3",),
        predicate=Less("pixel_accuracy", "gan", "cgan"),
        smallest_effect=0.05,
        unit="per-pixel accuracy lost against cGAN",
        published="0.35 lost (0.22 against 0.57)",
        also={"class_accuracy": 0.05, "class_iou": 0.05, "variety": 0.2},
        deviations=(READER, *TRAINING),
        checks=(
            *certain("cgan"),
            readable("cgan", EVERYWHERE),
            below_the_ceiling("cgan"),
        ),
    ),
    Claim(
        id="conditioning_adds_little_beside_l1",
        replication="pix2pix",
        statement="With L1 in the loss, it makes little difference whether the adversary sees the input.",
        source="Isola et al. 2017, table 1 (a difference inside the spread between its tables)",
        explanation=("E3",),
        predicate=Similar("pixel_accuracy", ("l1_gan", "l1_cgan")),
        smallest_effect=-0.05,
        unit="per-pixel accuracy: the lower minus the higher",
        published="+0.02 (0.66 against 0.64)",
        deviations=(READER, *TRAINING),
        checks=(
            readable("l1_gan", EVERYWHERE),
            readable("l1_cgan", EVERYWHERE),
            below_the_ceiling("l1_cgan"),
        ),
    ),
    Claim(
        id="l1_narrows_the_colour_distribution",
        replication="pix2pix",
        statement="L1 outputs have a narrower distribution of colours than photographs.",
        source="Isola et al. 2017, section 4.2, figure 7",
        explanation=("E2",),
        predicate=Below("lab_spread_ab", "l1", 1.0, "log_ratio"),
        smallest_effect=log(1.1),
        unit="photographs have {} times the spread of colours (a and b) of L1's outputs",
        also={"lab_spread_L": log(1.1)},
        deviations=EASIER,
        deviations_in={"paper": EASIER_AT_SIZE},
        studies=EVERYWHERE,
        checks=(
            *certain("l1"),
            AT_THE_MEDIAN,
            readable("l1"),
        ),
    ),
    Claim(
        id="adversarial_term_widens_it_again",
        replication="pix2pix",
        statement="The adversarial term widens the distribution of colours again.",
        source="Isola et al. 2017, section 4.2, figure 7",
        explanation=("E2",),
        predicate=Greater("lab_spread_ab", "l1_cgan", "l1", "log_ratio"),
        smallest_effect=log(1.1),
        unit="times as wide as L1 in a and b",
        also={"lab_spread_L": log(1.1)},
        deviations=HARDER,
        deviations_in={"paper": HARDER_AT_SIZE},
        studies=EVERYWHERE,
        checks=(
            *certain("l1_cgan"),
            readable("l1_cgan"),
            not_noise("l1_cgan"),
        ),
    ),
    Claim(
        id="adversarial_term_matches_the_colours",
        replication="pix2pix",
        statement="The adversarial term brings the histograms of colour closer to those of photographs.",
        source="Isola et al. 2017, figure 7d",
        explanation=("E2",),
        predicate=Greater("lab_intersection", "l1_cgan", "l1"),
        smallest_effect=0.03,
        unit="histogram intersection, mean of L, a and b",
        published="+0.05 (L), +0.15 (a), +0.12 (b)",
        also={"lab_intersection_L": 0.03, "lab_intersection_a": 0.03, "lab_intersection_b": 0.03},
        deviations=(HISTOGRAM, *HARDER),
        deviations_in={"paper": (HISTOGRAM, *HARDER_AT_SIZE)},
        studies=EVERYWHERE,
        does_not_hold={
            "root": "closer in every seed, and in the mean by {effect}, more than was asked; for one claim alone that "
            "would do, but not once all claims of the study are corrected for",
        },
        checks=(
            *certain("l1_cgan"),
            readable("l1_cgan"),
            not_noise("l1_cgan"),
        ),
    ),
    Claim(
        id="l1_blurs_less_than_l2",
        replication="pix2pix",
        statement="L1 blurs less than L2.",
        source="Isola et al. 2017, section 3.1 (said without a number)",
        explanation=("E2",),
        predicate=Greater("laplacian_variance", "l1", "l2", "log_ratio"),
        smallest_effect=log(1.1),
        unit="times as sharp as L2",
        also={
            "gradient_energy": log(1.1),
            "high_frequency_share": log(1.1),
            "-blur_effect": log(1.02),
            "-edge_width": log(1.05),
        },
        deviations=TRAINING,
        checks=(
            *certain("l1"),
            *certain("l2"),
            AT_THE_MEAN,
            AT_THE_MEDIAN,
            readable("l1"),
            readable("l2"),
        ),
    ),
    Claim(
        id="l2_predicts_the_conditional_mean",
        replication="pix2pix",
        statement="A net trained with L2 puts out the conditional mean: it is nearer to it than to the median.",
        source="Isola et al. 2017, section 3.1; Mathieu et al. 2016; the minimiser of the expected squared error",
        explanation=("E2",),
        predicate=Above("mean_preference", "l2", 0.0),
        smallest_effect=0.2,
        unit="preference for the mean (1: the mean itself, −1: the median)",
        deviations=(SHORT.hinders,),
        studies=("root",),
        checks=(
            *certain("l2"),
            AT_THE_MEAN,
        ),
        decisive=("E2",),
    ),
    Claim(
        id="l1_predicts_the_conditional_median",
        replication="pix2pix",
        statement="A net trained with L1 puts out the conditional median: it is nearer to it than to the mean.",
        source="Isola et al. 2017, section 4.2; the minimiser of the expected absolute error",
        explanation=("E2",),
        predicate=Below("mean_preference", "l1", 0.0),
        smallest_effect=0.2,
        unit="preference for the median (1: the median itself, −1: the mean)",
        deviations=(SHORT.hinders,),
        studies=("root",),
        does_not_hold={
            "root": (
                "near even odds the L1 loss is almost flat between mean and median, and the net stays halfway; see the "
                "weaker claim l1_is_nearer_to_the_median_than_l2. Whether a longer training reaches the median: not "
                "tested"
            ),
        },
        checks=(
            *certain("l1"),
            AT_THE_MEDIAN,
        ),
    ),
    Claim(
        id="l1_is_nearer_to_the_median_than_l2",
        replication="pix2pix",
        statement="L1's output is nearer to the conditional median than L2's output is.",
        source="Isola et al. 2017, section 4.2; the weaker form of l1_predicts_the_conditional_median",
        explanation=("E2",),
        predicate=Less("distance_to_median", "l1", "l2"),
        smallest_effect=0.005,
        unit="of the intensity range: L2's distance to the median minus L1's",
        deviations=(SHORT.hinders,),
        studies=("root",),
        checks=(
            *certain("l1"),
            *certain("l2"),
            AT_THE_MEAN,
            AT_THE_MEDIAN,
        ),
    ),
    Claim(
        id="blur_is_where_the_target_is_uncertain",
        replication="pix2pix",
        statement="L1 is sharper where the input decides the photo than where it leaves several photos possible.",
        source="the averaging explanation: without alternatives there is nothing to average",
        explanation=("E2",),
        predicate=Above("energy_certain_over_uncertain", "l1", 1.0, "log_ratio"),
        smallest_effect=SHARPER,
        unit="L1 is {} times as sharp where the input decides the photo as where it does not",
        deviations=(SHORT.hinders,),
        studies=("root",),
        checks=(
            *certain("l1"),
            AT_THE_MEDIAN,
        ),
        decisive=("E2",),
    ),
    Claim(
        id="l2_softens_an_edge_of_uncertain_place",
        replication="pix2pix",
        statement="Where the map does not show in which of several places an edge lies, L2's output has a soft edge.",
        source="the averaging explanation; the discussion (sharp edges)",
        explanation=("E2",),
        predicate=Below("shadow_step", "l2", 1.0, "log_ratio"),
        smallest_effect=SHARPER,
        unit="in photographs the edge of the shadow is {} times as steep as in L2's outputs",
        deviations=(SHORT.hinders,),
        studies=("root",),
        checks=(*certain("l2"), AT_THE_MEAN),
        decisive=("E2",),
    ),
    Claim(
        id="adversary_puts_an_uncertain_edge_somewhere",
        replication="pix2pix",
        statement="Where an edge may lie in several places, the adversarial term makes it steeper than L2 does.",
        source="the averaging explanation; the discussion (sharp edges)",
        explanation=("E2", "E3"),
        predicate=Greater("shadow_step", "l1_cgan", "l2", "log_ratio"),
        smallest_effect=SHARPER,
        unit="with the adversarial term the edge of the shadow is {} times as steep as L2's",
        deviations=HARDER,
        studies=("root",),
        checks=(*certain("l1_cgan"), *certain("l2"), AT_THE_MEAN),
    ),
    Claim(
        id="adversarial_outputs_lie_on_the_support",
        replication="pix2pix",
        statement="L1+cGAN puts out possible colours (a window lit or dark): nearer to them than the average is.",
        source="the averaging explanation; Mathieu et al. 2016 on mixing two futures",
        explanation=("E2", "E3"),
        predicate=Below("distance_to_support", "l1_cgan", 1.0),
        smallest_effect=0.25,
        unit="of the conditional mean's distance to the nearest possible colour: its distance minus that of L1+cGAN",
        deviations=HARDER,
        studies=("root",),
        does_not_hold={
            "root": (
                "nearer to possible colours than the average in every seed, but by {effect}, a little less than the "
                "smallest effect; walls are brown or streaked, not of one of the facades' colours. Whether a longer "
                "training makes them so: not tested"
            ),
        },
        checks=(*certain("l1_cgan"),),
    ),
    Claim(
        id="generator_ignores_its_noise",
        replication="pix2pix",
        statement="Dropout noise hardly changes the output: at least three quarters of the true diversity are missing.",
        source="Isola et al. 2017, section 3.2.1 (said without a number)",
        explanation=("E3",),
        predicate=Below("diversity_share", "l1_cgan", 1.0),
        smallest_effect=0.75,
        unit="of the true conditional diversity missing",
        published="little stochasticity; on maps, BicycleGAN reports 0.013 against 0.110 (LPIPS)",
        deviations=(DROPOUT, *TRAINING),
        studies=("root",),
        checks=(*certain("l1_cgan"),),
    ),
    Claim(
        id="l1_alone_ignores_its_noise_as_well",
        replication="pix2pix",
        statement="Without an adversary the output changes just as little with the noise: the game is not the cause.",
        source="a control for Isola et al. 2017, section 3.2.1, which names the game alone",
        explanation=("E3",),
        predicate=Similar("diversity_share", ("l1", "l1_cgan")),
        smallest_effect=-0.1,
        unit="of the true conditional diversity: the lower minus the higher",
        deviations=(DROPOUT, *TRAINING),
        studies=("root",),
        checks=(*certain("l1"), *certain("l1_cgan")),
        post_hoc=True,
    ),
    Claim(
        id="receptive_field_is_an_inverted_u",
        replication="pix2pix",
        statement="A discriminator of patches beats one of pixels and one of the whole image.",
        source="Isola et al. 2017, table 3",
        explanation=("E3",),
        predicate=Peaks("pixel_accuracy", "l1_cgan", ("l1_cgan_pixel", "l1_cgan_image")),
        smallest_effect=0.02,
        unit="per-pixel accuracy over the better end",
        published="+0.24 (0.66 against 0.39 and 0.42)",
        also={"class_accuracy": 0.02, "class_iou": 0.02},
        deviations=(FIELDS, READER, *HARDER),
        checks=(
            *(readable(name, EVERYWHERE) for name in ("l1_cgan", "l1_cgan_pixel", "l1_cgan_image")),
            below_the_ceiling("l1_cgan"),
        ),
        does_not_hold={
            "root": (
                "the net reads {l1_cgan.pixel_accuracy:.2f} of the pixels with patches, "
                "{l1_cgan_pixel.pixel_accuracy:.2f} with pixels and {l1_cgan_image.pixel_accuracy:.2f} with the whole "
                "image; pixels vary much over the seeds"
            ),
            "real": (
                "at 64 px and twenty epochs a segmentation net finds hardly more with patches than with pixels or "
                "the whole image"
            ),
        },
    ),
    Claim(
        id="patches_sharpen_where_pixels_do_not",
        replication="pix2pix",
        statement="A discriminator of patches sharpens, one of single pixels does not.",
        source="Isola et al. 2017, section 4.4, table 3",
        explanation=("E3",),
        predicate=Greater("laplacian_variance", "l1_cgan", "l1_cgan_pixel", "log_ratio"),
        smallest_effect=SHARPER,
        unit="times as sharp as with the PixelGAN",
        also=OTHER_SHARPNESS,
        deviations=HARDER,
        does_not_hold={
            "root": (
                "in a world of few flat colours a discriminator of single pixels forbids colours in between, and with "
                "them soft edges, so it sharpens too, in some seeds more than patches do "
                "({l1_cgan_pixel.laplacian_variance:.2f} of the photographs' sharpness in the mean, beside "
                "{l1.laplacian_variance:.2f} of L1 alone). In a world of many colours: not tested"
            ),
        },
        checks=(
            *certain("l1_cgan"),
            *certain("l1_cgan_pixel"),
            readable("l1_cgan"),
            not_noise("l1_cgan"),
        ),
    ),
    Claim(
        id="skips_help",
        replication="pix2pix",
        statement="The U-Net beats the same net without its skips, under L1 and under L1+cGAN.",
        source="Isola et al. 2017, table 2",
        explanation=("E1",),
        predicate=Both(
            Greater("pixel_accuracy", "l1", "l1_no_skips"),
            0.02,
            Greater("pixel_accuracy", "l1_cgan", "l1_cgan_no_skips"),
            0.02,
        ),
        smallest_effect=1.0,
        unit="on a scale where 1 is the smallest effect that matters (0.02 per-pixel accuracy)",
        published="+0.13 (L1), +0.26 (L1+cGAN): 6.5 and 13 on this scale",
        deviations=(READER, *TRAINING),
        checks=(
            readable("l1", EVERYWHERE),
            readable("l1_cgan", EVERYWHERE),
            below_the_ceiling("l1_cgan"),
        ),
    ),
    Claim(
        id="adversary_hurts_without_skips",
        replication="pix2pix",
        statement="Without skips, adding the adversary costs recognition.",
        source="Isola et al. 2017, table 2",
        explanation=("E1", "E3"),
        predicate=Less("pixel_accuracy", "l1_cgan_no_skips", "l1_no_skips"),
        smallest_effect=0.02,
        unit="per-pixel accuracy: L1 alone minus L1 with the adversary",
        published="0.06 lost (0.29 against 0.35)",
        deviations=(READER, *TRAINING),
        checks=(
            readable("l1_no_skips", EVERYWHERE),
            below_the_ceiling("l1_cgan_no_skips"),
        ),
        does_not_hold={
            "root": (
                "without skips L1's outputs show hardly a window, and {l1_no_skips.pixel_accuracy:.2f} of their pixels "
                "are read; with the adversary there are ghosts of windows, and {l1_cgan_no_skips.pixel_accuracy:.2f} "
                "are. That the ghosts are the cause, and why the paper's adversary costs recognition: not tested"
            ),
        },
    ),
    Claim(
        id="no_gain_where_the_target_is_unambiguous",
        replication="pix2pix",
        statement="From photo to labels, where one answer is right, the adversarial term adds nothing to L1.",
        source="Isola et al. 2017, table 6",
        explanation=("E2",),
        predicate=Greater("pixel_accuracy", "to_labels_l1", "to_labels_l1_cgan"),
        smallest_effect=-0.02,
        unit="per-pixel accuracy: L1 minus L1+cGAN",
        published="+0.03 (0.86 against 0.83)",
        also={"class_accuracy": -0.02, "class_iou": -0.02},
        deviations=TRAINING,
        checks=(READS_PHOTOS,),
    ),
    Claim(
        id="cgan_alone_is_worse_where_the_target_is_unambiguous",
        replication="pix2pix",
        statement="From photo to labels, the conditional GAN alone is worse than L1.",
        source="Isola et al. 2017, table 6",
        explanation=("E2",),
        predicate=Less("pixel_accuracy", "to_labels_cgan", "to_labels_l1"),
        smallest_effect=0.02,
        unit="per-pixel accuracy: L1 minus the conditional GAN",
        published="0.12 lost (0.74 against 0.86)",
        also={"class_accuracy": 0.02, "class_iou": 0.02},
        deviations=EASIER,
        checks=(READS_PHOTOS,),
    ),
)

FCN_SCORE = ("pixel_accuracy", "class_accuracy", "class_iou")

TABLES = (
    PublishedTable(
        "Table 1, losses (FCN-score; published on Cityscapes)",
        FCN_SCORE,
        {
            "l1": (0.42, 0.15, 0.11),
            "gan": (0.22, 0.05, 0.01),
            "cgan": (0.57, 0.22, 0.16),
            "l1_gan": (0.64, 0.20, 0.15),
            "l1_cgan": (0.66, 0.23, 0.17),
            "photos": (0.80, 0.26, 0.21),
        },
    ),
    PublishedTable(
        "Table 2, with and without skips (FCN-score; published on Cityscapes, batch size 10)",
        FCN_SCORE,
        {
            "l1_no_skips": (0.35, 0.12, 0.08),
            "l1_cgan_no_skips": (0.29, 0.09, 0.05),
            "l1": (0.48, 0.18, 0.13),
            "l1_cgan": (0.55, 0.20, 0.14),
        },
    ),
    PublishedTable(
        "Table 3, receptive field of the discriminator (FCN-score; published on Cityscapes: 1, 70 and 286 of 256 px)",
        FCN_SCORE,
        {
            "l1_cgan_pixel": (0.39, 0.15, 0.10),
            "l1_cgan_patch16": (None, None, None),
            "l1_cgan": (0.66, 0.23, 0.17),
            "l1_cgan_image": (0.42, 0.16, 0.11),
        },
    ),
    PublishedTable(
        "Table 6, photo → labels (published on Cityscapes)",
        FCN_SCORE,
        {
            "to_labels_l1": (0.86, 0.42, 0.35),
            "to_labels_cgan": (0.74, 0.28, 0.22),
            "to_labels_l1_cgan": (0.83, 0.36, 0.29),
        },
    ),
    PublishedTable(
        "Figure 7d, colour histogram intersection (published on Cityscapes)",
        ("lab_intersection_L", "lab_intersection_a", "lab_intersection_b"),
        {
            "l1": (0.81, 0.69, 0.70),
            "cgan": (0.87, 0.74, 0.84),
            "l1_cgan": (0.86, 0.84, 0.82),
            "l1_cgan_pixel": (0.83, 0.68, 0.78),
        },
    ),
    PublishedTable(
        "Without a table in the paper: sharpness relative to photographs (variance of the Laplacian), pixel error, and "
        "diversity over dropout noise as a share of the true one",
        ("laplacian_variance", "l1", "diversity_share"),
        dict.fromkeys(("l1", "l2", "gan", "cgan", "l1_gan", "l1_cgan"), (None, None, None)),
    ),
)

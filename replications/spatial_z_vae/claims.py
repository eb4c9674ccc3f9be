"""What is claimed about the size, the layout and the KL weight of a latent, as data.

Sources: the README of Spatial-Z-VAE (github.com/seasonyc/Spatial-Z-VAE, 18 January 2019), which has pictures and no
number; for numbers Rombach et al. 2022 (latent diffusion, its model zoo) and Esser et al. 2024 (Stable Diffusion 3,
read second-hand); Dai and Wipf 2019 on superfluous dimensions. In the original the KL divergence is a mean over the
latent, so a larger latent also weighs each nat less: claims on the `mean` form are the original's own, those on the
`sum` form change the size alone. Ratios of sharpness are relative to real photographs unless two variants are compared.
Smallest effects were set before the reporting runs: 1 dB over a range of sizes and half of that between two variants, a
quarter in sharpness, a tenth of the photographs' distance to the mean image.
"""

from math import log

from replications.judging.checks import learned, like_photographs
from replications.judging.claims import Check, Claim, Deviation, PublishedTable
from replications.judging.predicates import Below, Contrast, Decreases, Greater, Increases, Less
from replications.spatial_z_vae.params import FLAT, FLAT_MEAN, SPATIAL, SPATIAL_MEAN

VARIED = "size and layout of the latent, form of the KL term, perceptual loss"
"""In a few words, for the list of the replications."""

PERCEPTUAL = ("flat_128_perceptual", "spatial_128_perceptual")
UNNORMALISED = ("spatial_128_unnormalised", "spatial_256_unnormalised", "spatial_512_unnormalised")
ALL = (
    *(*FLAT, "flat_8_mean", "flat_1024_mean"),
    *(*SPATIAL, "spatial_64_mean", "spatial_512_mean"),
    *(*UNNORMALISED, *PERCEPTUAL),
)

EVERYWHERE = ("root", "real", "paper")
ALL_SIZES = ("root", "paper")
"""The studies of claims about all sizes of a flat latent, of which real/ has two."""
ROOT_ALONE = ("root",)
"""The study of claims about arms that take longer to train on real photographs than there was time."""
REAL_ALONE = ("real",)
"""The study of claims about two sizes of a latent, where the others are about more."""
ORIGINAL = "Spatial-Z-VAE, README of 18 January 2019 (said without a number)"
SHARPER = log(1.25)
OTHER_SHARPNESS = {
    "gradient_energy": SHARPER,
    "high_frequency_share": log(1.1),
    "-blur_effect": log(1.05),
    "-edge_width": log(1.1),
}
OTHER_FIDELITY = {"-mse": 0.003, "-l1": 0.01, "ssim": 0.05}
NEARER = 0.02
"""Root mean squared difference, intensities in [0, 1]: a quarter of what a blur of one pixel moves a photograph."""
DOUBLINGS = "+1.28 and +2.22 dB per doubling of the channels (Stable Diffusion 3, table 3)"
LDM = "+3.3 dB for three times the values (KL-f8 to KL-f4 of latent diffusion)"

SHORT = Deviation(
    "steps",
    "nets of a quarter (flat) or an eighth of the channels (real: a half or a quarter), few epochs (params.yaml)",
    "all arms are blurrier; large flat latents, with the most weights, are furthest from where they settle",
)
DATA = Deviation(
    "data",
    "32 px photos of the enumerable street (root) or CIFAR-10 re-compressed as JPEG (real) instead of faces of 160 px",
    "a picture holds less, so that a smaller latent suffices",
)
PIXEL = Deviation(
    "method", "squared error of pixels instead of the perceptual loss", "blurrier reconstructions, all arms alike"
)
SUM = Deviation(
    "method",
    "the KL divergence is summed over the latent, not averaged",
    "a larger latent pays for every nat: less gain from its size than in the original's form",
    "its opposite",
)
SUM_OF_BOTH = Deviation("method", SUM.what, "none at equal sizes: both pay the same for a nat", "neither")
PLAIN = Deviation(
    "method",
    "the spatial nets have no instance normalisation",
    "each picture keeps its own brightness, colour and contrast, which pixels count",
    "the claim",
)
TRAINING = (PIXEL, SHORT, DATA)
HARDER = (PIXEL, SHORT.hinders, DATA)
"""For gains from a larger flat latent, which a short training makes harder to replicate."""
EASIER = (PIXEL, SHORT.helps, DATA)
"""For claims that a large flat latent gains nothing, which a short training makes easier to replicate."""
FEW_EPOCHS = Deviation(
    "steps",
    "2,343 steps of 64 pictures (3 epochs; the original's flat model: 8 epochs in batches of 16)",
    "as of a training stopped early: all arms are blurrier, and large flat latents are furthest from their end",
)
SMALL_PICTURES = Deviation(
    "data",
    "CIFAR-10 re-compressed as JPEG, 32 px, instead of faces of 160 px",
    "a picture holds less, so that a smaller latent suffices",
)
AT_SIZE = (PIXEL, FEW_EPOCHS, SMALL_PICTURES)
"""With the original's channels, on all of CIFAR-10 (paper/); its spatial arms have not been run there."""
EASIER_AT_SIZE = (PIXEL, FEW_EPOCHS.helps, SMALL_PICTURES)
HARDER_AT_SIZE = (PIXEL, FEW_EPOCHS.hinders, SMALL_PICTURES)
FEATURES = Deviation(
    "method",
    "a small net that has learnt the data set's own labels in the place of FaceNet",
    "it looks at what tells these labels apart, colours rather than edges in the procedural world",
    "its opposite",
)
KID = Deviation(
    "metric",
    "KID on features of the suite's own small net",
    "sees what tells the data set's labels apart, and little of the layout: a mosaic loses little by it",
)
MATCHED = Deviation(
    "size",
    "at 128 values the spatial net has fewer than a quarter of the flat one's parameters (root: a sixth), and it "
    "computes more for each picture",
    "fewer parameters hold a spatial net back, more computation helps it",
)
FIXED = Deviation(
    "method",
    "the decoder's variance is fixed, not learnt down to 0",
    "fewer nats are worth their price, so that fewer dimensions are used",
    "the claim",
)
MORE_NATS = Deviation(
    "method",
    "at equal numbers of values a spatial latent carries more nats than a flat one: its layout is not all that differs",
    "what it gains is more information as well as another layout",
    "the claim",
)


def all_learned(*variants: str) -> tuple[Check, ...]:
    """The arms that a claim compares: each at least as close to photographs as a linear autoencoder.

    For a flat arm on real photographs that is the one of its own size and weight. The street's photographs lie in so
    few linear dimensions that hundreds of components are without loss: there the bound has sixteen values at most. A
    spatial latent cannot hold components of the whole picture: its bound codes each square, in every study.
    """
    checks = []
    for variant in variants:
        if variant.startswith("spatial"):
            checks.append(_as_near_as_squares(variant))
        else:
            checks += [learned(variant, f"linear_{variant}", ("real", "paper")), _as_near_as_few(variant)]
    return tuple(checks)


def _as_near_as_few(variant: str) -> Check:
    return Check(
        f"{variant} has learned: its reconstructions are as close to photographs as those of the best linear "
        "autoencoder of as many values, but of sixteen at most, and the same weight of the KL term",
        "psnr",
        variant,
        "at least",
        (f"linear_{variant}", "psnr"),
        "principal components of the training photographs; sixteen values are what the latents of the other "
        "replications have, and more than the 10.4 nats of a photograph need",
        studies=("root",),
    )


def _as_near_as_squares(variant: str) -> Check:
    return Check(
        f"{variant} has learned: its reconstructions are as close to photographs as those of the best linear "
        "autoencoder of as many values for each square of four pixels a side, and the same weight of the KL term",
        "psnr",
        variant,
        "at least",
        (f"linear_{variant}", "psnr"),
        "principal components of the squares of the training photographs: what a spatial latent holds without looking "
        "further than a square",
    )


def shows_its_photo(variant: str) -> Check:
    """For a loss that does not ask for closeness: an output still shows which photograph it is of (the street)."""
    return Check(
        f"the outputs of {variant} are nearest to their own photograph, of all that there are, as often as blurred "
        "photographs are",
        "right_photo_share",
        variant,
        "at least",
        ("photos_blurred", "right_photo_share"),
        "photographs through a blur of one pixel of 32, in which a person sees what they show",
        studies=("root",),
    )


CLAIMS = (
    # The original's own statement, KL weight and size moving together.
    Claim(
        id="fidelity_grows_with_latent_size",
        replication="spatial_z_vae",
        statement="With the KL term as in the original, a larger flat latent brings reconstructions closer.",
        source=ORIGINAL,
        explanation=("E1", "E4"),
        predicate=Increases("psnr", FLAT_MEAN),
        smallest_effect=1.0,
        unit="dB from 8 to 1024 values, along a fitted line",
        also=OTHER_FIDELITY,
        deviations=HARDER,
        deviations_in={"paper": HARDER_AT_SIZE},
        studies=ALL_SIZES,
        checks=all_learned("flat_8_mean", "flat_1024_mean"),
    ),
    Claim(
        id="sharpness_grows_with_latent_size",
        replication="spatial_z_vae",
        statement="With the KL term as in the original, a larger flat latent sharpens reconstructions.",
        source=ORIGINAL,
        explanation=("E1", "E4"),
        predicate=Increases("laplacian_variance", FLAT_MEAN, "log_ratio"),
        smallest_effect=SHARPER,
        unit="times as sharp at 1024 values as at 8, along a fitted line",
        also=OTHER_SHARPNESS,
        deviations=HARDER,
        deviations_in={"paper": HARDER_AT_SIZE},
        studies=ALL_SIZES,
        checks=all_learned("flat_8_mean", "flat_1024_mean"),
        does_not_hold={
            "root": (
                "outputs from 8 values are already {flat_8_mean.laplacian_variance:.2f} times as sharp as "
                "photographs: 8 values carry {flat_8_mean.rate:.0f} nats, more than a photograph of the street needs"
            ),
        },
    ),
    Claim(
        id="fidelity_grows_with_spatial_latent_size",
        replication="spatial_z_vae",
        statement="With the KL term as in the original, a larger spatial latent brings reconstructions closer.",
        source=ORIGINAL,
        explanation=("E1", "E4"),
        predicate=Increases("psnr", SPATIAL_MEAN),
        smallest_effect=1.0,
        unit="dB from 64 to 512 values, along a fitted line",
        published=f"{DOUBLINGS}; {LDM}",
        also=OTHER_FIDELITY,
        deviations=TRAINING,
        studies=ROOT_ALONE,
        checks=all_learned("spatial_64_mean", "spatial_512_mean"),
    ),
    Claim(
        id="sharpness_grows_with_spatial_latent_size",
        replication="spatial_z_vae",
        statement="With the KL term as in the original, a larger spatial latent sharpens reconstructions.",
        source=ORIGINAL,
        explanation=("E1", "E4"),
        predicate=Increases("laplacian_variance", SPATIAL_MEAN, "log_ratio"),
        smallest_effect=SHARPER,
        unit="times as sharp at 512 values as at 64, along a fitted line",
        also=OTHER_SHARPNESS,
        deviations=TRAINING,
        studies=ROOT_ALONE,
        checks=all_learned("spatial_64_mean", "spatial_512_mean"),
    ),
    # The size alone.
    Claim(
        id="gain_survives_a_fixed_kl_weight",
        replication="spatial_z_vae",
        statement="With every nat weighing the same, a larger flat latent still brings reconstructions closer.",
        source="our question to Spatial-Z-VAE: its KL divergence is a mean over the latent",
        explanation=("E1",),
        against=("E4",),
        predicate=Increases("psnr", FLAT),
        smallest_effect=1.0,
        unit="dB from 8 to 1024 values, along a fitted line",
        also=OTHER_FIDELITY,
        deviations=(SUM, *HARDER),
        deviations_in={"paper": (SUM, *HARDER_AT_SIZE)},
        studies=ALL_SIZES,
        checks=all_learned("flat_8", "flat_1024"),
    ),
    Claim(
        id="sharpness_gain_survives_a_fixed_kl_weight",
        replication="spatial_z_vae",
        statement="With every nat weighing the same, a larger flat latent still sharpens reconstructions.",
        source="our question to Spatial-Z-VAE: its KL divergence is a mean over the latent",
        explanation=("E1",),
        against=("E4",),
        predicate=Increases("laplacian_variance", FLAT, "log_ratio"),
        smallest_effect=SHARPER,
        unit="times as sharp at 1024 values as at 8, along a fitted line",
        also=OTHER_SHARPNESS,
        deviations=(SUM, *HARDER),
        deviations_in={"paper": (SUM, *HARDER_AT_SIZE)},
        studies=ALL_SIZES,
        checks=all_learned("flat_8", "flat_1024"),
        decisive=("E1",),
        does_not_hold={
            "root": (
                "outputs from 8 values are already {flat_8.laplacian_variance:.2f} times as sharp as photographs: "
                "8 values carry {flat_8.rate:.0f} nats, more than a photograph of the street needs"
            ),
        },
    ),
    Claim(
        id="spatial_gain_survives_a_fixed_kl_weight",
        replication="spatial_z_vae",
        statement="With every nat weighing the same, a larger spatial latent still brings reconstructions closer.",
        source="our question to Spatial-Z-VAE; Esser et al. 2024, table 3; Rombach et al. 2022, model zoo",
        explanation=("E1",),
        against=("E4",),
        predicate=Increases("psnr", SPATIAL),
        smallest_effect=1.0,
        unit="dB from 64 to 512 values, along a fitted line",
        published=f"{DOUBLINGS}; {LDM}",
        also=OTHER_FIDELITY,
        deviations=(SUM, *TRAINING),
        studies=ROOT_ALONE,
        checks=all_learned("spatial_64", "spatial_512"),
    ),
    Claim(
        id="spatial_sharpness_gain_survives_a_fixed_kl_weight",
        replication="spatial_z_vae",
        statement="With every nat weighing the same, a larger spatial latent still sharpens reconstructions.",
        source="our question to Spatial-Z-VAE: its KL divergence is a mean over the latent",
        explanation=("E1",),
        against=("E4",),
        predicate=Increases("laplacian_variance", SPATIAL, "log_ratio"),
        smallest_effect=SHARPER,
        unit="times as sharp at 512 values as at 64, along a fitted line",
        also=OTHER_SHARPNESS,
        deviations=(SUM, *TRAINING),
        studies=ROOT_ALONE,
        checks=all_learned("spatial_64", "spatial_512"),
        decisive=("E1",),
    ),
    Claim(
        id="part_of_the_gain_is_the_kl_weight",
        replication="spatial_z_vae",
        statement="From 8 to 1024 flat values the original's form gains more than the size alone does.",
        source="our question to Spatial-Z-VAE: its KL divergence is a mean over the latent",
        explanation=("E4",),  # not against E1, only against E1 as the sole reading
        predicate=Contrast("psnr", (("flat_1024_mean", 1), ("flat_8_mean", -1), ("flat_1024", -1), ("flat_8", 1))),
        smallest_effect=0.5,
        unit="dB gained more",
        also=OTHER_FIDELITY,
        deviations=TRAINING,
        deviations_in={"paper": AT_SIZE},
        studies=ALL_SIZES,
        checks=all_learned("flat_8", "flat_1024", "flat_8_mean", "flat_1024_mean"),
        does_not_hold={
            "root": ("the interval allows a gain as well as a loss: {effect}"),
        },
    ),
    Claim(
        id="part_of_the_spatial_gain_is_the_kl_weight",
        replication="spatial_z_vae",
        statement="From 64 to 512 spatial values the original's form gains more than the size alone does.",
        source="our question to Spatial-Z-VAE: its KL divergence is a mean over the latent",
        explanation=("E4",),
        predicate=Contrast(
            "psnr", (("spatial_512_mean", 1), ("spatial_64_mean", -1), ("spatial_512", -1), ("spatial_64", 1))
        ),
        smallest_effect=0.5,
        unit="dB gained more",
        also=OTHER_FIDELITY,
        deviations=TRAINING,
        studies=ROOT_ALONE,
        checks=all_learned("spatial_64", "spatial_512", "spatial_64_mean", "spatial_512_mean"),
    ),
    # Two sizes of each latent.
    Claim(
        id="closer_with_128_flat_values_than_with_8",
        replication="spatial_z_vae",
        statement="With every nat weighing the same, 128 flat values bring reconstructions closer than 8 do.",
        source="our question to Spatial-Z-VAE: its KL divergence is a mean over the latent",
        explanation=("E1",),
        against=("E4",),
        predicate=Greater("psnr", "flat_128", "flat_8"),
        smallest_effect=1.0,
        unit="dB of PSNR: 128 values minus 8",
        also=OTHER_FIDELITY,
        deviations=(SUM, *HARDER),
        studies=REAL_ALONE,
        checks=all_learned("flat_8", "flat_128"),
    ),
    Claim(
        id="sharper_with_128_flat_values_than_with_8",
        replication="spatial_z_vae",
        statement="With every nat weighing the same, 128 flat values give sharper reconstructions than 8 do.",
        source="our question to Spatial-Z-VAE: its KL divergence is a mean over the latent",
        explanation=("E1",),
        against=("E4",),
        predicate=Greater("laplacian_variance", "flat_128", "flat_8", "log_ratio"),
        smallest_effect=SHARPER,
        unit="times as sharp with 128 values as with 8",
        also=OTHER_SHARPNESS,
        deviations=(SUM, *HARDER),
        studies=REAL_ALONE,
        checks=all_learned("flat_8", "flat_128"),
        decisive=("E1",),
    ),
    Claim(
        id="closer_with_256_spatial_values_than_with_128",
        replication="spatial_z_vae",
        statement="With every nat weighing the same, 256 spatial values bring reconstructions closer than 128 do.",
        source="our question to Spatial-Z-VAE; Esser et al. 2024, table 3; Rombach et al. 2022, model zoo",
        explanation=("E1",),
        against=("E4",),
        predicate=Greater("psnr", "spatial_256_unnormalised", "spatial_128_unnormalised"),
        smallest_effect=1.0,
        unit="dB of PSNR: 256 values minus 128",
        published=f"{DOUBLINGS}; {LDM}",
        also=OTHER_FIDELITY,
        deviations=(SUM, PLAIN, *TRAINING),
        studies=REAL_ALONE,
        checks=all_learned("spatial_128_unnormalised", "spatial_256_unnormalised"),
    ),
    Claim(
        id="sharper_with_256_spatial_values_than_with_128",
        replication="spatial_z_vae",
        statement="With every nat weighing the same, 256 spatial values give sharper reconstructions than 128 do.",
        source="our question to Spatial-Z-VAE: its KL divergence is a mean over the latent",
        explanation=("E1",),
        against=("E4",),
        predicate=Greater("laplacian_variance", "spatial_256_unnormalised", "spatial_128_unnormalised", "log_ratio"),
        smallest_effect=SHARPER,
        unit="times as sharp with 256 values as with 128",
        also=OTHER_SHARPNESS,
        deviations=(SUM, PLAIN, *TRAINING),
        studies=REAL_ALONE,
        checks=all_learned("spatial_128_unnormalised", "spatial_256_unnormalised"),
        decisive=("E1",),
    ),
    # The layout at an equal number of values. It carries more nats: a gain speaks for the bottleneck, which is wider.
    Claim(
        id="spatial_beats_flat_at_equal_size",
        replication="spatial_z_vae",
        statement="At 128 values a spatial latent gives closer reconstructions than a flat one.",
        source=ORIGINAL,
        explanation=("E1",),
        predicate=Greater("psnr", "spatial_128", "flat_128"),
        smallest_effect=0.5,
        unit="dB of PSNR: the spatial latent minus the flat one",
        also=OTHER_FIDELITY,
        deviations=(MORE_NATS, MATCHED, SUM_OF_BOTH, *TRAINING),
        studies=ROOT_ALONE,
        checks=all_learned("spatial_128", "flat_128"),
        does_not_hold={
            "root": (
                "all photographs of the street share one layout, which dense layers learn, while a value "
                "of a spatial latent is read from and painted on a part of the picture; where layouts "
                "differ, as in real, unnormalised_spatial_beats_flat_at_equal_size tests it"
            ),
        },
    ),
    Claim(
        id="spatial_is_sharper_than_flat_at_equal_size",
        replication="spatial_z_vae",
        statement="At 128 values a spatial latent gives sharper reconstructions than a flat one.",
        source=ORIGINAL,
        explanation=("E1",),
        predicate=Greater("laplacian_variance", "spatial_128", "flat_128", "log_ratio"),
        smallest_effect=SHARPER,
        unit="times as sharp",
        also=OTHER_SHARPNESS,
        deviations=(MORE_NATS, MATCHED, SUM_OF_BOTH, *TRAINING),
        studies=ROOT_ALONE,
        checks=all_learned("spatial_128", "flat_128"),
        does_not_hold={
            "root": (
                "as for spatial_beats_flat_at_equal_size: one layout, which dense layers learn; other layouts are "
                "tested in real by unnormalised_spatial_is_sharper_than_flat_at_equal_size"
            ),
        },
    ),
    Claim(
        id="spatial_beats_flat_at_512",
        replication="spatial_z_vae",
        statement="At 512 values a spatial latent gives closer reconstructions than a flat one with more parameters.",
        source=ORIGINAL,
        explanation=("E1",),
        predicate=Greater("psnr", "spatial_512", "flat_512"),
        smallest_effect=0.5,
        unit="dB of PSNR: the spatial latent minus the flat one",
        also=OTHER_FIDELITY,
        deviations=(MORE_NATS, MATCHED, SUM_OF_BOTH, *EASIER),
        studies=ROOT_ALONE,
        checks=all_learned("spatial_512", "flat_512"),
        does_not_hold={
            "root": (
                "as for spatial_beats_flat_at_equal_size: one layout, which dense layers learn; other "
                "layouts are not tested"
            ),
        },
    ),
    Claim(
        id="spatial_is_sharper_than_flat_at_512",
        replication="spatial_z_vae",
        statement="At 512 values a spatial latent gives sharper reconstructions than a flat one with more parameters.",
        source=ORIGINAL,
        explanation=("E1",),
        predicate=Greater("laplacian_variance", "spatial_512", "flat_512", "log_ratio"),
        smallest_effect=SHARPER,
        unit="times as sharp",
        also=OTHER_SHARPNESS,
        deviations=(MORE_NATS, MATCHED, SUM_OF_BOTH, *EASIER),
        studies=ROOT_ALONE,
        checks=all_learned("spatial_512", "flat_512"),
        does_not_hold={
            "root": (
                "as for spatial_beats_flat_at_equal_size: one layout, which dense layers learn; other "
                "layouts are not tested"
            ),
        },
    ),
    # Instance normalisation, which takes each picture's own brightness, colour and contrast away: a fourth factor.
    Claim(
        id="unnormalised_spatial_beats_flat_at_equal_size",
        replication="spatial_z_vae",
        statement="At 128 values and without its instance normalisation, too, a spatial latent gives closer "
        "reconstructions than a flat one.",
        source=ORIGINAL,
        explanation=("E1",),
        predicate=Greater("psnr", "spatial_128_unnormalised", "flat_128"),
        smallest_effect=0.5,
        unit="dB of PSNR: the spatial latent minus the flat one",
        also=OTHER_FIDELITY,
        deviations=(PLAIN, MORE_NATS, MATCHED, SUM_OF_BOTH, *TRAINING),
        checks=all_learned("spatial_128_unnormalised", "flat_128"),
        does_not_hold={
            "real": (
                "the flat net, which has many more parameters, comes a little closer ({effect}); spatial nets of as "
                "many parameters are not tested"
            ),
            "root": (
                "as for spatial_beats_flat_at_equal_size, and not for the normalisation, without which it loses as well"
            ),
        },
    ),
    Claim(
        id="unnormalised_spatial_is_sharper_than_flat_at_equal_size",
        replication="spatial_z_vae",
        statement="At 128 values and without its instance normalisation a spatial latent gives sharper reconstructions "
        "than a flat one.",
        source=ORIGINAL,
        explanation=("E1",),
        predicate=Greater("laplacian_variance", "spatial_128_unnormalised", "flat_128", "log_ratio"),
        smallest_effect=SHARPER,
        unit="times as sharp",
        also=OTHER_SHARPNESS,
        deviations=(PLAIN, MORE_NATS, MATCHED, SUM_OF_BOTH, *TRAINING),
        studies=REAL_ALONE,
        checks=all_learned("spatial_128_unnormalised", "flat_128"),
        does_not_hold={
            "real": (
                "the spatial latent's outputs are a little sharper ({effect}), by less than what matters; with its "
                "instance normalisation, as in the original, it is not tested on real photographs"
            ),
        },
    ),
    Claim(
        id="unnormalised_spatial_beats_flat_at_512",
        replication="spatial_z_vae",
        statement="At 512 values and without its instance normalisation, too, a spatial latent gives closer "
        "reconstructions than a flat one.",
        source=ORIGINAL,
        explanation=("E1",),
        predicate=Greater("psnr", "spatial_512_unnormalised", "flat_512"),
        smallest_effect=0.5,
        unit="dB of PSNR: the spatial latent minus the flat one",
        also=OTHER_FIDELITY,
        deviations=(PLAIN, MORE_NATS, MATCHED, SUM_OF_BOTH, *EASIER),
        studies=ROOT_ALONE,
        checks=all_learned("spatial_512_unnormalised", "flat_512"),
        does_not_hold={
            "root": (
                "as for spatial_beats_flat_at_equal_size, and not for the normalisation, without which it loses as well"
            ),
        },
    ),
    Claim(
        id="instance_normalisation_costs_fidelity",
        replication="spatial_z_vae",
        statement="At 512 spatial values reconstructions are closer without instance normalisation than with it.",
        source="follows from Ulyanov et al. 2016 (instance normalisation discards a picture's own contrast)",
        explanation=(),
        against=("E1",),
        predicate=Greater("psnr", "spatial_512_unnormalised", "spatial_512"),
        smallest_effect=0.5,
        unit="dB of PSNR: without the normalisation minus with it",
        also=OTHER_FIDELITY,
        deviations=(SUM_OF_BOTH, *TRAINING),
        studies=ROOT_ALONE,
        checks=all_learned("spatial_512_unnormalised", "spatial_512"),
        does_not_hold={
            "root": (
                "with the normalisation nets come a little closer ({effect}), and five seeds leave open whether by as "
                "much as matters; they learn faster with it here, and how much that hides is not tested"
            ),
        },
    ),
    # The mean.
    Claim(
        id="a_small_latent_outputs_the_mean",
        replication="spatial_z_vae",
        statement="With 8 values outputs are near the mean image: photographs are at least twice as far from it.",
        source=ORIGINAL,
        explanation=("E1",),
        predicate=Below("distance_to_training_mean", "flat_8", 1.0, "log_ratio"),
        smallest_effect=log(2),
        unit="photographs are {} times as far from the mean of the training images as the outputs",
        deviations=(SUM.helps, *EASIER),
        deviations_in={"paper": (SUM.helps, *EASIER_AT_SIZE)},
        studies=EVERYWHERE,
        checks=all_learned("flat_8"),
        does_not_hold={
            "root": (
                "8 values carry {flat_8.rate:.0f} nats, more than a photograph of the street needs: a latent is small "
                "in nats and not in values"
            ),
            "real": (
                "photographs are {effect} times as far from the mean image: 8 values hold brightness and rough "
                "colours, which differ much from photograph to photograph"
            ),
            "paper": (
                "photographs are {effect} times as far from the mean image: 8 values hold brightness and rough colours"
            ),
        },
    ),
    Claim(
        id="outputs_leave_the_mean_as_the_latent_grows",
        replication="spatial_z_vae",
        statement="With a larger flat latent, reconstructions lie further from the mean image, as photographs do.",
        source=ORIGINAL,
        explanation=("E1",),
        predicate=Increases("distance_to_training_mean", FLAT),
        smallest_effect=0.1,
        unit="of the photographs' distance to the mean image, from 8 to 1024 values, along a fitted line",
        deviations=(SUM, *HARDER),
        deviations_in={"paper": (SUM, *HARDER_AT_SIZE)},
        studies=ALL_SIZES,
        checks=all_learned("flat_8", "flat_1024"),
        does_not_hold={
            "root": (
                "with 8 values, outputs are already {flat_8.distance_to_training_mean:.2f} times as far from the mean "
                "image as photographs are: there is little left to gain"
            ),
        },
    ),
    # Samples are another question than reconstructions.
    Claim(
        id="prior_samples_do_not_gain",
        replication="spatial_z_vae",
        statement="A larger flat latent does not bring prior samples closer to the distribution of photographs.",
        source="the discussion takes reconstructions for samples; Spatial-Z-VAE never samples its prior",
        explanation=(),
        against=("E1",),
        predicate=Increases("kid_prior", FLAT),
        smallest_effect=-0.1,
        unit="KID more from 8 to 1024 values, along a fitted line",
        deviations=(KID, SUM.helps, *EASIER),
        deviations_in={"paper": (KID, SUM.helps, *EASIER_AT_SIZE)},
        studies=("paper",),
        checks=(*all_learned("flat_8", "flat_1024"), like_photographs("flat_8")),
    ),
    Claim(
        id="prior_samples_do_not_sharpen",
        replication="spatial_z_vae",
        statement="A larger flat latent does not make samples from the prior sharper by a quarter.",
        source="the discussion takes reconstructions for samples; Spatial-Z-VAE never samples its prior",
        explanation=(),
        against=("E1",),
        predicate=Decreases("laplacian_variance_prior", FLAT, "log_ratio"),
        smallest_effect=-SHARPER,
        unit="times as sharp at 8 values as at 1024, along a fitted line",
        also={"gradient_energy_prior": -SHARPER, "high_frequency_share_prior": -log(1.1)},
        deviations=(SUM.helps, *EASIER),
        deviations_in={"paper": (SUM.helps, *EASIER_AT_SIZE)},
        studies=("paper",),
        checks=(*all_learned("flat_8", "flat_1024"), like_photographs("flat_8")),
    ),
    Claim(
        id="prior_samples_come_no_nearer_to_photographs",
        replication="spatial_z_vae",
        statement="A larger flat latent does not bring prior samples nearer to some photograph that there is.",
        source="the discussion takes reconstructions for samples; Spatial-Z-VAE never samples its prior",
        explanation=(),
        against=("E1",),
        predicate=Increases("listed_distance_prior", FLAT),
        smallest_effect=-NEARER,
        unit="change in distance to the nearest photograph (intensity range 1), 8 to 1024 values, along a fitted line",
        deviations=(SUM.helps, *EASIER),
        studies=ROOT_ALONE,
        checks=all_learned("flat_8", "flat_1024"),
    ),
    Claim(
        id="spatial_prior_samples_come_no_nearer_to_photographs",
        replication="spatial_z_vae",
        statement="A larger spatial latent does not bring prior samples nearer to some photograph that there is.",
        source="the discussion takes reconstructions for samples; Spatial-Z-VAE never samples its prior",
        explanation=(),
        against=("E1",),
        predicate=Increases("listed_distance_prior", SPATIAL),
        smallest_effect=-NEARER,
        unit="change in distance to the nearest photograph (intensity range 1), 64 to 512 values, along a fitted line",
        deviations=(SUM.helps, *TRAINING),
        studies=ROOT_ALONE,
        checks=all_learned("spatial_64", "spatial_512"),
        does_not_hold={
            "root": ("seeds differ too much: {effect}; no samples are houses at either size"),
        },
    ),
    # The loss, a third factor.
    Claim(
        id="perceptual_loss_sharpens_at_equal_size",
        replication="spatial_z_vae",
        statement="At 128 flat values a perceptual loss gives sharper reconstructions than a pixel loss.",
        source=f"{ORIGINAL}; it says that a better loss alone leaves faces blurry and generic",
        explanation=("E2",),
        against=("E1",),
        predicate=Greater("laplacian_variance", "flat_128_perceptual", "flat_128", "log_ratio"),
        smallest_effect=SHARPER,
        unit="times as sharp",
        also=OTHER_SHARPNESS,
        deviations=(FEATURES, SUM_OF_BOTH, SHORT, DATA),
        studies=ROOT_ALONE,
        checks=(*all_learned("flat_128"), shows_its_photo("flat_128_perceptual")),
        does_not_hold={
            "root": (
                "with the pixel loss, outputs are already {flat_128.laplacian_variance:.2f} times as sharp as "
                "photographs: where a code has room for the photograph there is nothing to "
                "sharpen; why they lose a little ({effect}) is not tested"
            ),
        },
    ),
    Claim(
        id="perceptual_loss_sharpens_a_spatial_latent",
        replication="spatial_z_vae",
        statement="At 128 spatial values a perceptual loss gives sharper reconstructions than a pixel loss.",
        source=f"{ORIGINAL}; it trains with nothing but a perceptual loss",
        explanation=("E2",),
        against=("E1",),
        predicate=Greater("laplacian_variance", "spatial_128_perceptual", "spatial_128", "log_ratio"),
        smallest_effect=SHARPER,
        unit="times as sharp",
        also=OTHER_SHARPNESS,
        deviations=(FEATURES, SUM_OF_BOTH, SHORT, DATA),
        studies=ROOT_ALONE,
        checks=(*all_learned("spatial_128"), shows_its_photo("spatial_128_perceptual")),
        does_not_hold={
            "root": ("they lose a little: {effect}; another net in the place of the frozen one is not tested"),
        },
    ),
    # Where a latent is larger than what there is to say.
    Claim(
        id="superfluous_dimensions_are_muted",
        replication="spatial_z_vae",
        statement="Of 1024 flat values fewer than half are used (active units).",
        source="Dai and Wipf 2019, figure 1b (superfluous dimensions are muted, informative ones are not)",
        explanation=(),
        against=("E1",),
        predicate=Below("active_share", "flat_1024", 1.0, "log_ratio"),
        smallest_effect=log(2),
        unit="there are {} values for each value in use",
        deviations=(FIXED, *HARDER),
        deviations_in={"paper": (FIXED, *HARDER_AT_SIZE)},
        studies=ALL_SIZES,
        checks=all_learned("flat_1024"),
        does_not_hold={
            "root": (
                "all of them are used ({flat_1024.active_share:.0%}): at so low a weight of the KL term "
                "nothing is gained by muting one; a higher weight is not tested"
            ),
        },
    ),
    Claim(
        id="information_stops_growing_with_the_latent",
        replication="spatial_z_vae",
        statement="1024 flat values carry no more than 1.25 times as many nats as 128 do.",
        source="follows from Dai and Wipf 2019, figure 1b, once a latent exceeds what there is to say",
        explanation=(),
        against=("E1",),
        predicate=Less("rate", "flat_1024", "flat_128", "log_ratio"),
        smallest_effect=-log(1.25),
        unit="times as many nats in 128 values as in 1024",
        deviations=(FIXED, *HARDER),
        deviations_in={"paper": (FIXED, *HARDER_AT_SIZE)},
        studies=ALL_SIZES,
        checks=all_learned("flat_128", "flat_1024"),
    ),
    Claim(
        id="gain_levels_off",
        replication="spatial_z_vae",
        statement="From 8 to 128 flat values reconstructions gain more than from 128 to 1024.",
        source="follows from Dai and Wipf 2019, figure 1b, once a latent exceeds what there is to say",
        explanation=(),
        against=("E1",),
        predicate=Contrast("psnr", (("flat_128", 2), ("flat_8", -1), ("flat_1024", -1))),
        smallest_effect=0.5,
        unit="dB gained more by the first sixteenfold than by the next eightfold",
        also=OTHER_FIDELITY,
        deviations=(FIXED, *EASIER),
        deviations_in={"paper": (FIXED, *EASIER_AT_SIZE)},
        studies=ALL_SIZES,
        checks=all_learned("flat_8", "flat_128", "flat_1024"),
    ),
)

TABLES = (
    PublishedTable(
        "Table 3 of Esser et al. 2024: fidelity by channels of a spatial latent (published for 4 and 8 channels of "
        "larger pictures, perceptual and adversarial losses, read second-hand: compare the differences)",
        ("psnr", "ssim"),
        {
            "spatial_64": (None, None),
            "spatial_128": (None, None),
            "spatial_256": (25.12, 0.75),
            "spatial_512": (26.40, 0.79),
        },
    ),
    PublishedTable(
        "Without a table in the original: rate (nats), PSNR (dB) and sharpness relative to photographs (variance of "
        "the Laplacian) of reconstructions, sharpness and KID of prior samples, active units, parameters",
        (
            "rate",
            "psnr",
            "laplacian_variance",
            "laplacian_variance_prior",
            "kid_prior",
            "active_units",
            "parameters",
        ),
        dict.fromkeys(ALL, (None,) * 7),
    ),
)

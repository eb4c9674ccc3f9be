"""What VQ-VAE claims (van den Oord et al. 2017, arXiv 1711.00937), and what was found about codebooks since, as data.

Ratios of sharpness are relative to real photographs unless two variants are compared. Smallest effects were set before
the reporting runs: a quarter in sharpness, half a decibel, a twentieth in shares of variance.
"""

from math import log

from replications.judging.claims import (
    Above,
    Below,
    Claim,
    Contrast,
    Decreases,
    Deviation,
    Greater,
    Increases,
    PublishedTable,
    Similar,
)
from replications.vq_vae.params import SIZES

VARIED = "size of the codebook, how it is learned"
"""In a few words, for the list of the replications."""

VARIANTS = ("none", "vae", *SIZES, "k512_ema", "k512_restarts", "k32_commitment_01", "k32_commitment_2")
SHARPER = log(1.25)
EVERYWHERE = ("root", "real", "paper")
"""The studies of claims whose arms are declared at the paper's own size, too."""
OTHER_SHARPNESS = {"gradient_energy": SHARPER, "high_frequency_share": log(1.1), "-blur_effect": log(1.05)}
SHORT = Deviation(
    "steps",
    "a small net and few epochs (params.yaml)",
    "all arms are blurrier; the nets of large codebooks, and that without one, are furthest from where they settle",
)
DATA = Deviation(
    "data",
    "32 px facades of the procedural world (root) or CIFAR-10 re-compressed as JPEG (real)",
    "other numbers; JPEG leaves a little less detail to lose",
    "neither",
)
TRAINING = (SHORT, DATA)
EASIER, HARDER = (SHORT.helps, DATA), (SHORT.hinders, DATA)
"""For claims that a short training makes easier, or harder, to replicate."""
FEW_STEPS = Deviation(
    "steps",
    "1,560 steps of 128 pictures (4 epochs) instead of 250,000 (641 epochs)",
    "as of a training stopped early: all arms are blurrier, and those with the most to say are furthest from their end",
)
JPEG = Deviation("data", "CIFAR-10 re-compressed as JPEG", "a little less detail to lose", "neither")
ONE_MAP = Deviation(
    "size",
    "one map of 8 × 8 codes of 16 numbers each instead of 8 × 8 × 10 codes of a size that the paper does not state",
    "a narrower bottleneck: a tenth of the rate, and blurrier where there are codes",
)
AT_SIZE = (FEW_STEPS, JPEG, ONE_MAP)
"""At the paper's own size (paper/)."""
EASIER_AT_SIZE = (FEW_STEPS.helps, JPEG, ONE_MAP)
HARDER_AT_SIZE = (FEW_STEPS.hinders, JPEG, ONE_MAP)
RESTARTS = Deviation(
    "method",
    "512 codes instead of 65,536, and restarts instead of SimVQ's reparametrisation",
    "fewer codes are lost at 512, so that there is less to gain",
    "its opposite",
)
NO_PRIOR = Deviation(
    "metric",
    "decoded at equal rates (see the table), since no prior over codes is trained",
    "a prior would lower the VQ-VAE's rate, and so raise its quality at an equal one",
    "the claim",
)

AFTERWARDS = Deviation(
    "method",
    "named for this study after its runs were made, with the margin that it has in the others",
    "a claim that is named once its runs are there might have been left out, had they said something else",
)

CLAIMS = (
    Claim(
        id="error_falls_with_codebook_size",
        replication="vq_vae",
        statement="The larger the codebook, the smaller the error of reconstructions.",
        source="the discussion; Esser et al. 2021 (VQGAN, as reconstruction FID); Rombach et al. 2022, model zoo",
        explanation=("E5",),
        predicate=Decreases("mse", SIZES),
        smallest_effect=0.005,
        unit="mean squared error (intensity range 1) less from K = 2 to 512",
        published="+0.72 dB from 256 to 16,384 codes (Rombach et al. 2022, f8)",
        also={"-psnr": 0.5, "l1": 0.01, "-ssim": 0.05},
        deviations=HARDER,
        deviations_in={"paper": HARDER_AT_SIZE},
        studies=EVERYWHERE,
    ),
    Claim(
        id="sharpness_grows_with_codebook_size",
        replication="vq_vae",
        statement="The larger the codebook, the sharper are reconstructions.",
        source="the discussion (E5)",
        explanation=("E5",),
        predicate=Increases("laplacian_variance", SIZES, "log_ratio"),
        smallest_effect=SHARPER,
        unit="times as sharp at K = 512 as at 2",
        also=OTHER_SHARPNESS,
        deviations=HARDER,
        deviations_in={"paper": HARDER_AT_SIZE},
        studies=EVERYWHERE,
    ),
    Claim(
        id="quantisation_blurs",
        replication="vq_vae",
        statement="With the paper's quantiser at K = 512 reconstructions are blurrier than the same net's without one.",
        source="van den Oord et al. 2017, section 4.1 (said: slightly blurrier than the originals)",
        explanation=("E5",),
        predicate=Greater("laplacian_variance", "none", "k512", "log_ratio"),
        smallest_effect=SHARPER,
        unit="times as sharp is the net without a quantiser",
        also=OTHER_SHARPNESS,
        deviations=HARDER,
        deviations_in={"paper": HARDER_AT_SIZE},
        studies=EVERYWHERE,
    ),
    Claim(
        id="without_a_quantiser_outputs_are_blurred_too",
        replication="vq_vae",
        statement="Without any quantiser the same net's reconstructions are still blurrier than photographs.",
        source="the quantisation explanation, turned round: if codes alone blurred, this would be crisp",
        explanation=("E1", "E2"),
        against=("E5",),
        blurred_without=("E5",),
        predicate=Below("laplacian_variance", "none", 1.0, "log_ratio"),
        smallest_effect=SHARPER,
        unit="times as sharp are photographs",
        also=OTHER_SHARPNESS,
        deviations=EASIER,
        deviations_in={"paper": EASIER_AT_SIZE},
        studies=EVERYWHERE,
    ),
    Claim(
        id="quantisation_is_many_to_one",
        replication="vq_vae",
        statement="Many inputs share a code: of the pixels' variance a part is left when the code is known.",
        source="the discussion (E5); van den Oord et al. 2017, equation 1",
        explanation=("E5",),
        predicate=Above("patch_variance_within_code", "k512", 0.0),
        smallest_effect=0.05,
        unit="of the variance of the pixels below a code is within codes",
        also={"encoding_variance_within_code": 0.05},
        deviations=TRAINING,
        deviations_in={"paper": AT_SIZE},
        studies=EVERYWHERE,
    ),
    Claim(
        id="fewer_codes_mix_more_inputs",
        replication="vq_vae",
        statement="The smaller the codebook, the more of the pixels' variance is lost within codes.",
        source="the discussion (E5)",
        explanation=("E5",),
        predicate=Decreases("patch_variance_within_code", SIZES),
        smallest_effect=0.05,
        unit="of the variance less from K = 2 to 512",
        also={"encoding_variance_within_code": 0.05},
        deviations=HARDER,
        deviations_in={"paper": HARDER_AT_SIZE},
        studies=EVERYWHERE,
    ),
    Claim(
        id="gain_saturates_as_codes_go_unused",
        replication="vq_vae",
        statement="The gain from 2 to 8 codes is larger than that from 128 to 512.",
        source="Mentzer et al. 2023 (FSQ), section 5.1, figure 3: no gain beyond about 2^11 codes, as use falls",
        explanation=("E5",),
        predicate=Contrast("psnr", (("k8", 1.0), ("k2", -1.0), ("k512", -1.0), ("k128", 1.0))),
        smallest_effect=0.5,
        unit="dB more gained from K = 2 to 8 than from 128 to 512",
        published="reconstruction FID improves up to about 2^11 codes, then worsens",
        deviations=EASIER,
        deviations_in={"paper": EASIER_AT_SIZE},
        studies=EVERYWHERE,
    ),
    Claim(
        id="large_codebooks_go_unused",
        replication="vq_vae",
        statement="With the paper's quantiser, most of 512 codes are never used on the whole test set.",
        source="Mentzer et al. 2023 (FSQ), section 5.1 and table 2",
        explanation=("E5",),
        predicate=Below("used_share", "k512", 1.0),
        smallest_effect=0.5,
        unit="of the codebook unused",
        published="use below 50 % above 2^11 codes; 0.78 % in UViM without codebook splitting",
        deviations=EASIER,
        deviations_in={"paper": EASIER_AT_SIZE},
        studies=EVERYWHERE,
        does_not_hold={
            "root": (
                "more than half goes unused in every seed, but not beyond the smallest effect once all claims of the "
                "study are weighed together"
            ),
            "paper": "half goes unused, 42 to 64 % by seed: in the mean just the smallest effect",
        },
    ),
    Claim(
        id="collapse_costs_quality_at_equal_codebook_size",
        replication="vq_vae",
        statement="At 512 codes, keeping all of them in use (EMA with restarts) lowers the error of reconstructions.",
        source="Zhu et al. 2024 (SimVQ), table 1; Dhariwal et al. 2020 (restarts)",
        explanation=("E5",),
        predicate=Greater("psnr", "k512_restarts", "k512"),
        smallest_effect=0.5,
        unit="dB more with restarts",
        published="+1.4 to +2.0 dB from 1.4 % to 100 % in use, of 65,536 codes",
        also={"-mse": 0.001, "ssim": 0.02},
        deviations=(RESTARTS, *HARDER),
        deviations_in={"paper": (RESTARTS, *HARDER_AT_SIZE)},
        studies=EVERYWHERE,
        does_not_hold={
            "root": ("restarts are better in every seed, by half a decibel, which is the smallest effect itself"),
        },
    ),
    Claim(
        id="restarts_keep_the_codebook_in_use",
        replication="vq_vae",
        statement="EMA with restarts uses more of the codebook than the paper's quantiser.",
        source="Dhariwal et al. 2020 (Jukebox), said without a table",
        explanation=("E5",),
        predicate=Greater("perplexity", "k512_restarts", "k512", "log_ratio"),
        smallest_effect=log(1.5),
        unit="times the perplexity",
        also={"codes_used": log(1.5)},
        deviations=TRAINING,
        deviations_in={"paper": AT_SIZE},
        studies=EVERYWHERE,
    ),
    Claim(
        id="discrete_codes_do_not_beat_a_continuous_latent",
        replication="vq_vae",
        statement="At a comparable rate, a VAE of the same net reconstructs no worse than the VQ-VAE.",
        source="van den Oord et al. 2017, section 4.1: 4.51 (VAE) against 4.67 (VQ-VAE) bits per dimension",
        explanation=("E5",),
        predicate=Greater("psnr_at_rate", "vae", "k512_restarts"),
        smallest_effect=-0.25,
        unit="dB of the VAE's decoded samples over the VQ-VAE",
        published="0.16 bits per dimension better (4.51 against 4.67)",
        deviations=(NO_PRIOR, *TRAINING),
        deviations_in={"paper": (NO_PRIOR, *AT_SIZE)},
        studies=EVERYWHERE,
        does_not_hold={
            "root": (
                "at equal rates the VQ-VAE rather reconstructs better; the interval holds both no difference and "
                "a decibel"
            ),
            "real": ("about equal: the VAE is behind in four seeds of five, by 0.1 to 0.6 dB, where 0.25 was allowed"),
            "paper": "equal in the mean and in most seeds, but in one the VAE is 0.6 dB behind, where 0.25 was allowed",
        },
    ),
    Claim(
        id="insensitive_to_commitment_cost",
        replication="vq_vae",
        statement="The commitment cost hardly matters between 0.1 and 2.",
        source="van den Oord et al. 2017, section 3.2 (said without a number)",
        explanation=("E5",),
        predicate=Similar("psnr", ("k32_commitment_01", "k32", "k32_commitment_2")),
        smallest_effect=-0.5,
        unit="dB, the widest gap",
        published="no effect seen from 0.1 to 2.0",
        deviations=HARDER,
        deviations_in={"paper": (AFTERWARDS, *HARDER_AT_SIZE)},
        studies=EVERYWHERE,
        does_not_hold={
            "root": "at 2 fewer codes are used in so short a training, and about 0.7 dB are lost",
            "real": (
                "at a cost of 2 a codebook of 32 collapses to 13 to 17 codes in use, which costs a decibel against 0.25"
            ),
            "paper": "0.46 dB apart, 0.1 behind and 2 ahead, but the interval reaches beyond the half decibel allowed",
        },
    ),
)

TABLES = (
    PublishedTable(
        "Without a table in the paper: codebooks (the paper states K = 512 for ImageNet alone)",
        ("psnr_at_rate", "laplacian_variance", "perplexity", "used_share", "rate"),
        dict.fromkeys(VARIANTS, (None,) * 5),
    ),
)

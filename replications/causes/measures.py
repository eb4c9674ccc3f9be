"""Which instruments judge a cell of `causes`, and against what. NumPy and files alone.

Scores of sharpness are relative to the target photos: 1 is as they are. A score's name ends in `_optimal` for what the
best decoder puts out for the same codes, in `_drawn` for photos drawn from p(photo | code), in `_between` for midpoints
of codes, in `_prior` and `_ex_post` for a VAE's samples from N(0, I) and from a Gaussian fitted to its codes. Without
an ending it is that of decoded codes, each a sample of its channel.

    blur = 1 − sharpness = overlap_blur (photo → best decoder) + fit_blur (best decoder → trained one)

Sharpness is the variance of the Laplacian, so a squared quantity, and what a conditional mean lacks of it is the
variance of the Laplacian among the photos that share a code: the counterpart of their variance, the MMSE.

The posterior and what follows from it are known on the street alone. Elsewhere a code's loss is the squared error that
is left by the decoder which was trained, no less than the MMSE, as a share of the photos' variance: `lost_share`.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage.color import rgb2gray

from replications.causes.params import Params
from replications.instruments import fidelity, sharpness
from replications.measuring import known, street_scores
from replications.measuring.curves import Curve, Plot, Shown

SLOPE = 40.0
"""Blur of the best L2 decoder over its mean squared error, intensities in [0, 1]: the line through nought that is
nearest to the four ways of losing information on the tuning seed (39.8), to two digits."""
STREET_VARIANCE = 0.02461
"""Mean variance of a value over all photos of the street, intensities in [0, 1]: SLOPE times it, 0.98, is the street's
line for a share of the variance. There a decoder loses as large a share of sharpness as of variance, the trained ones,
by their own error, as well as the best."""
DIGITS_LINE = (0.53, 0.58)
"""Intercept and slope of a trained L2 decoder's blur over the share of the variance that it loses: the line through
six cells on the tuning seed, which lose 0.33 to 0.68. It says nothing of smaller losses."""
NOTHING_LOST = 1e-5
"""A mean squared error below which a code tells which photo it is, twice that of two roundings to 8 bits: nothing is
divided by it."""
SHARPNESS = "laplacian_variance"


def measure(images: dict[str, np.ndarray], facts: dict, params: Params, readers: Path) -> dict[str, float]:
    """Instrument → score of one run; what a cell cannot have is absent.

    Args:
        images: as train.py made them.
        facts: what train.py knew of the model.
        params: the run's.
        readers: not needed.
    """
    target, output = images["target"] / 255.0, images["output"] / 255.0
    scores = sharpness.relative(output, target) | fidelity.scores(output, target)
    scores |= {name: facts[name] for name in ("rate", "objective", "prefers_sharp") if name in facts}
    real = sharpness.laplacian_variance(target).mean()
    for name in ("between", "prior", "ex_post"):
        if name in images:
            scores[f"{SHARPNESS}_{name}"] = sharpness.laplacian_variance(images[name] / 255.0).mean() / real
    if "ex_post" in images:
        scores["sharpness_ex_post_over_prior"] = scores[f"{SHARPNESS}_ex_post"] / scores[f"{SHARPNESS}_prior"]
    where = certain(images["target"])
    if where[1:-1, 1:-1].any() and laplacian_energy(target, where) > 0:
        scores["sharpness_certain"] = laplacian_energy(output, where) / laplacian_energy(target, where)
        scores["sharpness_uncertain"] = laplacian_energy(output, ~where) / laplacian_energy(target, ~where)
    if not params.dataset.startswith("enumerable_street"):
        return scores | _of_the_outputs(output, target, 1 - scores[SHARPNESS], where)
    best = {"optimal": images["median" if params.loss == "l1" else "optimal"], "drawn": images["drawn"]}
    for name, pictures in best.items():
        scores[f"{SHARPNESS}_{name}"] = sharpness.laplacian_variance(pictures / 255.0).mean() / real
    scores |= {name: facts[name] for name in ("mmse", "shared")}
    scores |= _of_the_code(images, facts["mmse"], 1 - scores[SHARPNESS], 1 - scores[f"{SHARPNESS}_optimal"])
    scores |= street_scores.scores(params.dataset, {name: images[name] for name in ("target", "output")})
    between = street_scores.all_photos().nearest(images["between"])
    scores["listed_distance_between"] = float(between.distance.mean())
    return scores


def certain(photos: np.ndarray) -> np.ndarray:
    """(H, W) bool: pixels that, with their four neighbours, are the same in all photos (N, H, W, 3)."""
    varies = np.ptp(photos, axis=0).any(axis=-1)
    return ~ndimage.binary_dilation(varies)


def laplacian_energy(pictures: np.ndarray, where: np.ndarray) -> float:
    """Mean squared Laplacian of the luma of pictures (N, H, W, 3) in [0, 1], over pixels (H, W) bool, without borders.

    Units: squared intensity. Range: from 0, flat; noise has most. Source: none, it is `laplacian_variance` where some
    pixels alone count. Blind spot: that of `laplacian_variance`: noise counts as sharpness.
    """
    luma = rgb2gray(pictures)
    inner = where[1:-1, 1:-1]
    return float(np.square(ndimage.laplace(luma, axes=(1, 2))[:, 1:-1, 1:-1][:, inner]).mean())


def _of_the_code(images: dict[str, np.ndarray], mmse: float, blur: float, overlap: float) -> dict[str, float]:
    """What is compared with the best decoder of the same codes, and with the variance of the photos that share one.

    With x a photo of code z, x̂ the output, x̂′ another one of the same code and E[x | z] the best output under L2:

    - `blur`, `overlap_blur`: 1 − sharpness of x̂, and of the best outputs, relative to photos; 0 as sharp as they.
      `fit_blur` is what training adds, their difference.
    - `…_off_the_line`: the same less SLOPE · MMSE(z), what a code that loses so much should cost.
    - `mse_given_code`: MMSE(z) + mean (x̂ − E[x | z])², exactly E (x − x̂)² over all photos of the codes; mean squared
      intensity. `mse_over_mmse` is a multiple of MMSE(z): 1 for the best, 2 for a draw from p(x | z) (Blau and
      Michaeli 2018, theorem 2).
    - `diversity_share`: mean (x̂ − x̂′)² / 2 over MMSE(z): 1 where outputs vary as photos of the code do, 0 where not.

    Blind spot: squared error and MMSE know nothing of layout; noise counts as diversity.
    """
    output, again, mean = (images[name] / 255.0 for name in ("output", "again", "optimal"))
    scores = {"blur": blur, "overlap_blur": overlap, "fit_blur": blur - overlap}
    scores |= {"blur_off_the_line": blur - SLOPE * mmse, "overlap_off_the_line": overlap - SLOPE * mmse}
    error = mmse + np.square(output - mean).mean()  # over all photos of a code, exactly
    scores["mse_given_code"] = float(error)
    if mmse > NOTHING_LOST:
        scores["mse_over_mmse"] = float(error / mmse)
        scores["diversity_share"] = float(np.square(output - again).mean() / 2 / mmse)
    return scores


def _of_the_outputs(output: np.ndarray, target: np.ndarray, blur: float, where: np.ndarray) -> dict[str, float]:
    """What stands for the scores of a code where no list says what it has lost; pictures (N, H, W, 3) in [0, 1].

    `where`, (H, W) bool, are the pixels that are certain. Of a decoder that does not average, `lost_share` is its own
    and not its code's, and no line is about it.

    With x a photo, x̂ the output and V the variance of the photos, that is their mean squared difference from the mean
    photo:

    - `blur`: 1 − sharpness of x̂ relative to photos; 0 as sharp as they.
    - `lost_share`: mean (x − x̂)² / V; 0 where nothing is lost, 1 as far from photos as their mean is. It is at least
      MMSE(z) / V; the two are equal for an L2 decoder that has learned everything.
    - `certain_difference`: root mean squared difference from photos where all of them are alike; 0 without noise.
    - `blur_off_the_line`: blur less what DIGITS_LINE says of the share that is lost.
    - `blur_off_the_streets_line`: blur less SLOPE · STREET_VARIANCE · lost_share, the bundled study's prediction.

    Blind spot: what a decoder has not learned yet counts as lost by its code.
    """
    lost = float(np.square(output - target).mean() / target.var(axis=0).mean())
    at_nought, slope = DIGITS_LINE
    alike = {"certain_difference": float(np.sqrt(np.square(output - target)[:, where].mean()))} if where.any() else {}
    return alike | {
        "blur": blur,
        "lost_share": lost,
        "blur_off_the_line": blur - at_nought - slope * lost,
        "blur_off_the_streets_line": blur - SLOPE * STREET_VARIANCE * lost,
    }


def fixed_controls(data: dict[str, np.ndarray], variants: Mapping[str, Params]) -> known.Scores:
    """Control → instrument → score of known pictures.

    These are blurred photographs, the positive control: each instrument has to see that they are blurred. Where photos
    are listed, there is also the best linear autoencoder of eight values (`linear_sizes`); where they are not, the best
    linear autoencoder and VAE, and linear codes with a cell's noise or bits.
    """
    any_cell = next(iter(variants.values()))
    if not any_cell.dataset.startswith("enumerable_street"):
        arms = known.linear_arms(data, variants, ("lossless_l2", "kl_l2"))
        return {**arms, **linear_channels(data, variants)}
    photos = data["test_photo"][: any_cell.n_test]
    blurred = known.blurred(photos)
    of_blurred = sharpness.relative(blurred / 255.0, photos / 255.0)
    of_blurred |= street_scores.scores(any_cell.dataset, {"target": photos, "output": blurred})
    where = certain(photos)
    if where[1:-1, 1:-1].any() and laplacian_energy(photos / 255.0, where) > 0:
        of_both = (laplacian_energy(pictures / 255.0, where) for pictures in (blurred, photos))
        of_blurred["sharpness_certain"] = next(of_both) / next(of_both)
    return {"photos_blurred": of_blurred, **linear_sizes(data, variants)}


def linear_sizes(data: dict[str, np.ndarray], variants: Mapping[str, Params]) -> known.Scores:
    """`linear_lossless_8_l2` → scores of the best linear autoencoder of as many values as this cell's code has."""
    cell = variants.get("lossless_8_l2")
    if cell is None:
        return {}
    principal = known.components(data["train_photo"][: cell.n_train], cell.used)
    photos = data["test_photo"][: cell.n_test]
    return {"linear_lossless_8_l2": known.of_pictures(known.through(photos, principal, cell.used, 0.0), photos)}


def linear_channels(data: dict[str, np.ndarray], variants: Mapping[str, Params]) -> known.Scores:
    """`linear_CELL` → scores of the linear code that has a cell's noise, or as many bits.

    With noise: principal components, each at the power that together, at unit power on average, loses least
    (`powers`), and the best linear estimate of them. Levels: the signs of the first components, and the mean of the
    training photos that share all signs.
    """
    any_cell = next(iter(variants.values()))
    train, test = data["train_photo"][: any_cell.n_train], data["test_photo"][: any_cell.n_test]
    x, photos = (pictures.reshape(len(pictures), -1) / 255.0 for pictures in (train, test))
    channels = {
        name: cell for name, cell in variants.items() if cell.regime in ("noise", "levels") and cell.loss == "l2"
    }
    principal = known.components(train, max((cell.used for cell in channels.values()), default=1))
    scores = {}
    for name, cell in channels.items():
        first = principal.largest(cell.used, -np.inf)
        of_train, of_test = ((pictures - first.mean) @ first.axes for pictures in (x, photos))
        if cell.regime == "noise":
            power = powers(first.variances, cell.sigma)
            noise = np.random.default_rng(0).standard_normal(of_test.shape)
            received = of_test * np.sqrt(power / first.variances) + cell.sigma * noise
            output = first.mean + received * np.sqrt(power * first.variances) / (power + cell.sigma**2) @ first.axes.T
        else:
            shared = (of_test > 0) @ (2 ** np.arange(cell.used))
            of_list = (of_train > 0) @ (2 ** np.arange(cell.used))
            means = {code: x[of_list == code].mean(axis=0) for code in np.unique(of_list)}
            output = np.stack([means.get(code, first.mean) for code in shared])
        pictures = np.rint(255 * np.clip(output, 0, 1)).astype(np.uint8).reshape(test.shape)
        scores[f"linear_{name}"] = known.of_pictures(pictures, test)
    return scores


def powers(variances: np.ndarray, sigma: float) -> np.ndarray:
    """How much power each of n values of variance λᵢ gets, n in all, so that their noise costs least; (n,), from 0.

    The error is Σ λᵢ σ² / (pᵢ + σ²). Where its slope is the same for all that get any, pᵢ + σ² is proportional to √λᵢ;
    values for which that leaves nothing get none (reverse water-filling; Lee and Petersen 1976).

    Args:
        variances: λᵢ, positive; (n,).
        sigma: deviation of the noise.
    """
    roots = np.sqrt(variances)
    largest_first = np.sort(roots)[::-1]
    n = np.arange(1, len(roots) + 1)
    levels = (len(roots) + n * sigma**2) / np.cumsum(largest_first)  # (p + σ²) / √λ where the n largest get any
    last = np.flatnonzero(levels * largest_first >= sigma**2)[-1]
    return np.maximum(levels[last] * roots - sigma**2, 0)


MILD_CELLS = ("size_mild_l2", "noise_mild_l2", "kl_mild_l2", "codes_mild_l2")
"""The four ways of losing information, each at a dose that loses less."""
SIZES = ("lossless_8_l2", "lossless_l2", "lossless_256_l2")
"""Codes without noise of eight, 64 and 256 values."""
LEVELS = ("codes_off", "codes_k64", "codes_k8", "codes")
"""Eight values that are not rounded, or to 64, eight and two levels, each under L2 and the energy score."""
L2_CELLS = (
    *SIZES,
    *(f"{codes}_l2" for codes in LEVELS),
    *("sigma_l2", *MILD_CELLS, "size_l2", "kl_l2", "noise_l2"),
)
MECHANISMS = {"size": "size_l2", "noise": "noise_l2", "KL term": "kl_l2", "codebook": "codes_l2"}
"""Way of losing information → its cell under L2."""

METRICS = {
    "sharpness_lossless_l2": ("lossless_l2", SHARPNESS),
    "sharpness_kl_l2": ("kl_l2", SHARPNESS),
    "sharpness_kl_adversary": ("kl_adversary", SHARPNESS),
    "sharpness_kl_energy": ("kl_energy", SHARPNESS),
}
"""What `dvc metrics show` prints: name → (variant, instrument), means over seeds."""

LOSSES = {
    "L2": L2_CELLS,
    "L1": ("kl_l1",),
    "energy score": (*(f"{codes}_energy" for codes in LEVELS), "kl_energy"),
    "L2 + adversary": ("lossless_adversary", "codes_adversary", "kl_adversary"),
    "adversary": ("kl_adversary_alone",),
}
CURVES = (
    Curve(
        "blur (share of sharpness that is lost) against what the best decoder still gets wrong, MMSE",
        "mmse",
        "blur",
        LOSSES,
        where_known=True,
    ),
    Curve("the best L2 decoder's blur against MMSE", "mmse", "overlap_blur", {"L2": L2_CELLS}, where_known=True),
    Curve("squared error over MMSE against MMSE", "mmse", "mse_over_mmse", LOSSES, where_known=True),
    Curve(
        "blur (share of sharpness that is lost) against the share of photographs' variance that an L2 decoder loses",
        "lost_share",
        "blur",
        {"L2": L2_CELLS},
        where_known=True,
    ),
)

# Without `kl_adversary_alone`: it would need a fifth marker, and shows the same as L2 + adversary.
PLOT = Plot(
    "mmse",
    "blur",
    "what the best decoder of the code still gets wrong: MMSE",
    "blur: share of sharpness that is lost",
    {
        "lossless_l2": ("nothing lost", "L2"),
        "lossless_8_l2": ("nothing lost", "L2"),
        "lossless_256_l2": ("nothing lost", "L2"),
        "lossless_adversary": ("nothing lost", "L2 + adversary"),
        "sigma_l2": ("calibrated VAE", "L2"),
        "codes_off_l2": ("nothing lost", "L2"),
        "codes_off_energy": ("nothing lost", "energy score"),
        "codes_k8_l2": ("codebook", "L2"),
        "codes_k8_energy": ("codebook", "energy score"),
        "codes_k64_l2": ("codebook", "L2"),
        "codes_k64_energy": ("codebook", "energy score"),
        "size_l2": ("small latent", "L2"),
        "noise_l2": ("noise", "L2"),
        "kl_l2": ("KL term (VAE)", "L2"),
        "kl_l1": ("KL term (VAE)", "L1"),
        "kl_energy": ("KL term (VAE)", "energy score"),
        "kl_adversary": ("KL term (VAE)", "L2 + adversary"),
        "codes_l2": ("codebook", "L2"),
        "codes_adversary": ("codebook", "L2 + adversary"),
        "codes_energy": ("codebook", "energy score"),
        "size_mild_l2": ("small latent", "L2"),
        "noise_mild_l2": ("noise", "L2"),
        "kl_mild_l2": ("KL term (VAE)", "L2"),
        "codes_mild_l2": ("codebook", "L2"),
    },
    SLOPE,
    "best possible L2 decoder, on the tuning seed",
)
GLANCE = {
    "photograph": Shown("photo"),
    "nothing lost:\nL2": Shown("lossless l2", "lossless_l2", SHARPNESS),
    "VAE's code: best\npossible decoder": Shown("best kl_l2", "kl_l2", f"{SHARPNESS}_optimal"),
    "VAE's code:\nL2": Shown("kl l2", "kl_l2", SHARPNESS),
    "VAE's code:\nenergy score": Shown("kl energy", "kl_energy", SHARPNESS),
    "VAE's code:\nL2 + adversary": Shown("kl adversary", "kl_adversary", SHARPNESS),
}
"""Title → column of the sample sheet with its sharpness, of the picture in the README."""

PLOT_REAL = Plot(
    "lost_share",
    "blur",
    "share of the variance of test digits that L2 loses from the code",
    "blur: share of sharpness that is lost",
    {
        "lossless_l2": ("no noise", "L2"),
        "sigma_l2": ("calibrated VAE", "L2"),
        "size_l2": ("small latent", "L2"),
        "noise_l2": ("noise", "L2"),
        "kl_l2": ("KL term (VAE)", "L2"),
        "kl_energy": ("KL term (VAE)", "energy score"),
        "kl_adversary": ("KL term (VAE)", "L2 + adversary"),
        "codes_l2": ("codebook", "L2"),
        "size_mild_l2": ("small latent", "L2"),
        "noise_mild_l2": ("noise", "L2"),
    },
    SLOPE * STREET_VARIANCE,
    "best possible L2 decoder of houses",
    height=1.35,
    x_of={"kl_energy": "kl_l2", "kl_adversary": "kl_l2"},  # their codes are the same
)
GLANCE_REAL = {
    "digit": Shown("photo"),
    "no noise:\nL2": Shown("lossless l2", "lossless_l2", SHARPNESS),
    "calibrated VAE:\nL2": Shown("sigma l2", "sigma_l2", SHARPNESS),
    "VAE's code:\nL2": Shown("kl l2", "kl_l2", SHARPNESS),
    "VAE's code:\nenergy score": Shown("kl energy", "kl_energy", SHARPNESS),
    "VAE's code:\nL2 + adversary": Shown("kl adversary", "kl_adversary", SHARPNESS),
    "samples of the\ncalibrated VAE": Shown("sigma prior", "sigma_l2"),
}
"""The same of the study on real images. How little ink scraps have is not how blurred they are: no number for them."""

COMPARED = ("kl l2", "kl adversary")
"""The two columns of the sample sheet that the page shows first."""

TIMED = "kl_l2"
"""The variant that `bench` trains."""

PASSES = {"encoder": (3, 1), "decoder": (3, 0)}
"""Net → passes for each training image, and of how many the first layer is spared (bench.py says what counts)."""


def sheet(images: dict[str, dict[str, np.ndarray]]) -> list[tuple[str, np.ndarray]]:
    """Columns (title, pictures) of the sample sheet, from the images of one seed's runs by variant."""
    columns = [("photo", next(iter(images.values()))["target"])]
    for name, one in images.items():
        if name in MECHANISMS.values() and _listed(images):
            columns.append((f"best\n{name}", one["optimal"]))
        columns.append((name.replace("_", "\n"), one["output"]))
    if "sigma_l2" in images:
        columns += [(f"sigma\n{name}", images["sigma_l2"][name]) for name in ("prior", "ex_post")]
    return columns


def _listed(images: dict[str, dict[str, np.ndarray]]) -> bool:
    """Whether the list had the target photos: the best decoder of a code that tells all then puts out the photo."""
    told = images.get("lossless_l2")
    return told is not None and np.array_equal(told["optimal"], told["target"])

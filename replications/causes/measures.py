"""Which instruments judge a cell of `causes`, and against what. NumPy and files alone.

Scores of sharpness are relative to the target photos: 1 is as they are. A score's name ends in `_optimal` for what the
best decoder puts out for the same codes, in `_drawn` for photos drawn from p(photo | code), in `_between` for midpoints
of codes, in `_prior` and `_ex_post` for a VAE's samples from N(0, I) and from a Gaussian fitted to its codes. Without
an ending it is that of decoded codes, each a sample of its channel.

    blur = 1 − sharpness = overlap_blur (photo → best decoder) + fit_blur (best decoder → trained one)

Sharpness is the variance of the Laplacian, so a squared quantity, and what a conditional mean lacks of it is the
variance of the Laplacian among the photos that share a code: the counterpart of their variance, the MMSE.
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
    scores |= {name: facts[name] for name in ("mmse", "shared", "rate", "objective", "prefers_sharp") if name in facts}
    real = sharpness.laplacian_variance(target).mean()
    for name in ("drawn", "between", "prior", "ex_post"):
        if name in images:
            scores[f"{SHARPNESS}_{name}"] = sharpness.laplacian_variance(images[name] / 255.0).mean() / real
    best = images["median" if params.loss == "l1" else "optimal"] / 255.0
    scores[f"{SHARPNESS}_optimal"] = sharpness.laplacian_variance(best).mean() / real
    if "ex_post" in images:
        scores["sharpness_ex_post_over_prior"] = scores[f"{SHARPNESS}_ex_post"] / scores[f"{SHARPNESS}_prior"]
    where = certain(images["target"])
    if where[1:-1, 1:-1].any() and laplacian_energy(target, where) > 0:
        scores["sharpness_certain"] = laplacian_energy(output, where) / laplacian_energy(target, where)
        scores["sharpness_uncertain"] = laplacian_energy(output, ~where) / laplacian_energy(target, ~where)
    scores |= _of_the_code(images, facts["mmse"], 1 - scores[SHARPNESS], 1 - scores[f"{SHARPNESS}_optimal"])
    scores |= street_scores.scores(params.dataset, {name: images[name] for name in ("target", "output")})
    if params.dataset.startswith("enumerable_street"):
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


def fixed_controls(data: dict[str, np.ndarray], variants: Mapping[str, Params]) -> known.Scores:
    """Control → instrument → score of known pictures.

    These are blurred photographs, the positive control: each instrument has to see that they are blurred.
    """
    any_cell = next(iter(variants.values()))
    photos = data["test_photo"][: any_cell.n_test]
    blurred = known.blurred(photos)
    of_blurred = sharpness.relative(blurred / 255.0, photos / 255.0)
    of_blurred |= street_scores.scores(any_cell.dataset, {"target": photos, "output": blurred})
    where = certain(photos)
    if where[1:-1, 1:-1].any() and laplacian_energy(photos / 255.0, where) > 0:
        of_both = (laplacian_energy(pictures / 255.0, where) for pictures in (blurred, photos))
        of_blurred["sharpness_certain"] = next(of_both) / next(of_both)
    return {"photos_blurred": of_blurred}


MILD_CELLS = ("size_mild_l2", "noise_mild_l2", "kl_mild_l2", "codes_mild_l2")
"""The four ways of losing information, each at a dose that loses less."""
L2_CELLS = ("lossless_l2", "sigma_l2", *MILD_CELLS, "codes_l2", "size_l2", "kl_l2", "noise_l2")
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
    "energy score": ("codes_energy", "kl_energy"),
    "L2 + adversary": ("lossless_adversary", "codes_adversary", "kl_adversary"),
}
CURVES = (
    Curve(
        "blur (share of sharpness that is lost) against what the best decoder still gets wrong, MMSE",
        "mmse",
        "blur",
        LOSSES,
    ),
    Curve("the best L2 decoder's blur against MMSE", "mmse", "overlap_blur", {"L2": L2_CELLS}),
    Curve("squared error over MMSE against MMSE", "mmse", "mse_over_mmse", LOSSES, where_known=True),
)

PLOT = Plot(
    "mmse",
    "blur",
    "what the best decoder of the code still gets wrong: MMSE",
    "blur: share of sharpness that is lost",
    {
        "lossless_l2": ("nothing lost", "L2"),
        "lossless_adversary": ("nothing lost", "L2 + adversary"),
        "sigma_l2": ("calibrated VAE", "L2"),
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
        if name in MECHANISMS.values():
            columns.append((f"best\n{name}", one["optimal"]))
        columns.append((name.replace("_", "\n"), one["output"]))
    if "sigma_l2" in images:
        columns += [(f"sigma\n{name}", images["sigma_l2"][name]) for name in ("prior", "ex_post")]
    return columns

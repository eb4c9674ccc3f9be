"""Which instruments judge a vq_vae run, and against what. NumPy and files alone.

Scores of sharpness are relative to real photographs of the same test set: 1 is as they are. Codes are counted over the
whole test set, never per batch: a perplexity over few images is bounded by their positions.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from replications.instruments import fidelity, sharpness
from replications.measuring import known, street_scores
from replications.measuring.curves import Curve
from replications.vq_vae.params import SIZES, Params


def measure(images: dict[str, np.ndarray], facts: dict, params: Params, readers: Path) -> dict[str, float]:
    """Instrument → score of one run.

    Args:
        images: as train.py made them.
        facts: what train.py knew of the model.
        params: the run's.
        readers: the folder with the study's trained readers; not needed here.
    """
    target, output = images["target"] / 255.0, images["output"] / 255.0
    scores = sharpness.relative(output, target) | fidelity.scores(output, target)
    scores |= street_scores.scores(params.dataset, {name: images[name] for name in ("output", "target")})
    # Decoded at the rate that was paid for: a VAE pays for samples, not for means.
    sampled = images.get("sampled", images["output"]) / 255.0
    scores["psnr_at_rate"] = fidelity.psnr(sampled, target).mean()
    of_sampled = sharpness.relative(sampled, target)
    scores |= {f"{name}_at_rate": of_sampled[name] for name in ("laplacian_variance", "gradient_energy", "edge_width")}
    if "rate" in facts:
        scores["rate"] = facts["rate"]
    if "codes" in images:
        scores |= code_scores(images["codes"], params.codebook_size)
        scores["patch_variance_within_code"] = within(patches(images["target"], images["codes"]), images["codes"])
        first = images["codes"][: len(images["encoded"])]
        scores["encoding_variance_within_code"] = within(images["encoded"], first)
        scores["patches_per_code"] = distinct_patches(images["target"], images["codes"]) / scores["codes_used"]
    return scores


def fixed_controls(data: dict[str, np.ndarray], variants: Mapping[str, Params]) -> known.Scores:
    """Control → instrument → score of known pictures that no net judges.

    These are blurred photographs, and what the best linear code of as many numbers for each square of four pixels a
    side, which is what lies below a code, puts out.
    """
    p = next(iter(variants.values()))
    photos = data["test_photo"][: p.n_test]
    output = known.linear(
        data["train_photo"][: p.n_train], photos, p.embedding_dim, patch=4
    )  # four pixels a side below each code
    return {**known.reconstructions(photos), "linear_none": known.of_pictures(output, photos)}


def code_scores(codes: np.ndarray, codebook_size: int) -> dict[str, float]:
    """How a test set's codes (N, h, w) are used.

    perplexity = exp(H) of the share of each code, in 1 … K; codes_used = how many occur; used_share = of the codebook;
    rate = h w H, the nats per image that an ideal entropy coder of single codes pays.
    """
    counts = np.bincount(codes.ravel(), minlength=codebook_size)
    p = counts[counts > 0] / counts.sum()
    entropy = float(-(p * np.log(p)).sum())
    used = int((counts > 0).sum())
    return {
        "perplexity": float(np.exp(entropy)),
        "codes_used": used,
        "used_share": used / codebook_size,
        "rate": codes[0].size * entropy,
    }


def within(values: np.ndarray, codes: np.ndarray) -> float:
    """Share of the variance of values (N, h, w, D) that is left when the code (N, h, w) is known, in 0 … 1.

    Σ (x − mean of its code)² / Σ (x − mean)², over positions and dimensions: the within-class share of an analysis of
    variance. 0: a code says all; 1: it says nothing.
    """
    x = values.reshape(-1, values.shape[-1]).astype(np.float64)
    _, index = np.unique(codes.ravel(), return_inverse=True)
    counts = np.bincount(index)
    means = np.stack([np.bincount(index, column) for column in x.T], axis=1) / counts[:, None]
    return float(np.square(x - means[index]).sum() / np.square(x - x.mean(axis=0)).sum())


def patches(pictures: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The pixels below each code: (N, H, W, 3) → (N, h, w, H/h · W/w · 3)."""
    N, h, w = codes.shape
    tall, wide = pictures.shape[1] // h, pictures.shape[2] // w
    cut = pictures.reshape(N, h, tall, w, wide, 3).transpose(0, 1, 3, 2, 4, 5)
    return cut.reshape(N, h, w, tall * wide * 3)


def distinct_patches(pictures: np.ndarray, codes: np.ndarray) -> int:
    """Different pairs of patch and code: over the number of codes, how many inputs became one."""
    flat = patches(pictures, codes).reshape(codes.size, -1)
    return len(np.unique(np.column_stack([flat, codes.reshape(-1, 1)]), axis=0))


METRICS = {
    "psnr_none": ("none", "psnr"),
    "psnr_k512": ("k512", "psnr"),
    "psnr_k512_restarts": ("k512_restarts", "psnr"),
    "perplexity_k512": ("k512", "perplexity"),
    "perplexity_k512_restarts": ("k512_restarts", "perplexity"),
}
"""What `dvc metrics show` prints: name → (variant, instrument), means over seeds."""

_BY_SIZE = {"straight-through": SIZES, "EMA": ("k512_ema",), "EMA with restarts": ("k512_restarts",)}
CURVES = (
    Curve("mean squared error against codebook size", "codebook_size", "mse", _BY_SIZE),
    Curve("perplexity against codebook size", "codebook_size", "perplexity", _BY_SIZE),
    Curve("sharpness against codebook size (1: as photographs)", "codebook_size", "laplacian_variance", _BY_SIZE),
    Curve(
        "PSNR (dB) against rate (nats per image)",
        "rate",
        "psnr_at_rate",
        {**_BY_SIZE, "continuous (VAE)": ("vae_k2", "vae")},
    ),
    Curve("variance of the pixels below one code", "codebook_size", "patch_variance_within_code", _BY_SIZE),
)

COMPARED = ("k2", "k512")
"""The two columns of the sample sheet that the page shows first."""

TIMED = "k512"
"""The variant that `bench` trains."""

PASSES = {"encoder": (3, 1), "decoder": (3, 0)}
"""Net → passes for each training image, and of how many the first layer is spared (bench.py says what counts)."""


def sheet(images: dict[str, dict[str, np.ndarray]]) -> list[tuple[str, np.ndarray]]:
    """Columns (title, pictures) of the sample sheet, from the images of one seed's runs by variant."""
    columns = [("photo", next(iter(images.values()))["target"])]
    return columns + [(name.replace("_", "\n"), one["output"]) for name, one in images.items()]

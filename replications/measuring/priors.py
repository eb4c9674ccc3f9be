"""What samples of a prior look like beside photographs: asked of every replication that draws some.

NumPy and files alone, but for the reader.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from replications.instruments import classification, distribution, diversity, sharpness


def scores(images: Mapping[str, np.ndarray], dataset: str, readers: Path) -> dict[str, float]:
    """Instrument → score of samples: sharpness and variety over those of photographs (1: as they), and their KID.

    Args:
        images: `prior`, the samples (M, H, W, 3), and `target`, photographs (N, H, W, 3), uint8.
        dataset: that of the photographs, by whose labels the reader was trained.
        readers: the folder with the nets of one seed.
    """
    prior, target = images["prior"] / 255.0, images["target"] / 255.0
    found = {f"{name}_prior": score for name, score in sharpness.relative(prior, target).items()}
    found["variety_prior"] = diversity.variety(prior).mean() / diversity.variety(target).mean()
    reader = classification.load_reader(readers / f"classification-{dataset}.npz")
    of_samples, of_photographs = (classification.features(reader, images[name]) for name in ("prior", "target"))
    return found | {"kid_prior": distribution.kid(of_samples, of_photographs)}

"""What is exact on the enumerable street: outputs and samples against the list of all photos. NumPy alone.

Nothing here is asked on other data sets, whose photos nobody can list.
"""

from collections.abc import Mapping
from functools import cache

import numpy as np

from replications.datasets import street
from replications.instruments import listed
from replications.instruments.search import Search

TOLERANCE = 0.05
"""Root mean squared difference, intensities in [0, 1], up to which a picture is taken for a photo of the list. Blurred
by a pixel, every photo is further from the list than that (0.077 at least), and the mean photo is twice as far."""


def scores(dataset: str, images: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Instrument → score of what a run put out; empty on other data sets.

    Args:
        dataset: what the run was trained on.
        images: of these `prior` and, with `target`, `output`, uint8 (N, 32, 32, 3), as far as they are there.
    """
    found: dict[str, float] = {}
    if not dataset.startswith("enumerable_street"):
        return found
    if "output" in images:
        of_output, of_target = (all_photos().nearest(images[name]) for name in ("output", "target"))
        found["listed_distance"] = float(of_output.distance.mean())
        found["right_photo_share"] = float((of_output.numbers == of_target.numbers).mean())
    if "prior" in images:
        found |= {f"{name}_prior": score for name, score in of_samples(images["prior"]).items()}
    return found


def of_samples(samples: np.ndarray) -> dict[str, float]:
    """How samples of a prior, uint8 (N, 32, 32, 3), are spread over the list, and how far they are from it."""
    nearest = all_photos().nearest(samples)
    modes = street.mode_of(street.factors_of(nearest.numbers))
    probabilities = np.full(street.N_MODES, 1 / street.N_MODES)
    return {
        "listed_distance": float(nearest.distance.mean()),
        "support_share": listed.support_share(nearest, TOLERANCE),
        "distinct_share": listed.distinct_share(nearest, street.N_PHOTOS),
        "mode_variation": listed.total_variation(modes, probabilities),
    }


@cache
def all_photos() -> Search:
    """The list, prepared once for a process."""
    return Search(listed.Listed(street.photos()))

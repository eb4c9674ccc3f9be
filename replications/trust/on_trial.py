"""Every instrument on trial: its scores of images that are damaged more and more (distortions.py).

The images are photos of the bundled world and the photographs that come with scikit-image, so any clone can make them
again. Nets read the world's photos alone: they have learnt on others of its photos. The same code, arrays and readers
give the same bytes on the same kind of processor.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from replications.datasets import world
from replications.errors import ReplicationError
from replications.instruments import (
    classification,
    colour,
    conditional,
    distribution,
    diversity,
    fidelity,
    modes,
    recognition,
    sharpness,
)
from replications.trust.distortions import DARKEST, DISTORTIONS, SEED, eight_bit, photographs

COLUMNS = ("images", "instrument", "distortion", "strength", "score", "relative")
KINDS = ("facade_world", "photographs")
N_WORLD = 120
"""Photos of the bundled test set that are damaged; the rest of it is what KID and precision compare them with."""
N_DRAWS = 8
"""Photos of one label map, for the diversity of what one input gives; N_WORLD in all."""
PHOTOGRAPH_SIDE = 64


class LadderError(ReplicationError):
    """A table of the ladder that cannot be read, or a score that is no number."""


# --- instruments ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Instrument:
    """What is known of an instrument before it is asked."""

    function: Callable
    """What computes it; its docstring names the blind spots."""
    larger_is: str
    better: int
    """+1 where a larger score is the better one, -1 where a smaller, 0 where neither."""
    smallest: float = 0.05
    """The smallest change of the score that counts as one."""
    ratio: bool = True
    """Whether a change is a share of the undamaged score, or a difference to it (where that is 0, or a logarithm)."""

    def change(self, relative: float) -> float:
        """How far a relative score is from that of undamaged images."""
        return relative - 1 if self.ratio else relative


def _difference(function: Callable, larger_is: str, better: int, smallest: float) -> Instrument:
    return Instrument(function, larger_is, better, smallest, ratio=False)


INSTRUMENTS = {
    name: Instrument(function, "sharper" if direction > 0 else "blurrier", direction)
    for name, (function, direction) in sharpness.SHARPNESS.items()
} | {
    "spectral_slope": _difference(sharpness.spectral_slope, "sharper", +1, 0.05),
    "l1": _difference(fidelity.l1, "further from the target", -1, 0.005),
    "mse": _difference(fidelity.mse, "further from the target", -1, 0.0005),
    "psnr": _difference(fidelity.psnr, "closer to the target", +1, 0.5),
    "ssim": _difference(fidelity.ssim, "closer to the target", +1, 0.01),
    **{
        f"lab_intersection_{channel}": _difference(
            colour.lab_histogram_intersection, "closer to the target's colours", +1, 0.02
        )
        for channel in colour.BINS
    },
    **{f"lab_spread_{channel}": Instrument(colour.lab_spread, "wider", +1) for channel in colour.BINS},
    "variety": Instrument(diversity.variety, "more varied", +1),
    "conditional_diversity": Instrument(diversity.conditional_diversity, "more diverse", +1),
    "distance_to_mean": Instrument(conditional.distance_to_mean, "further from the mean", 0),
    "distance_to_median": Instrument(conditional.distance_to_median, "further from the median", 0),
    "mean_preference": _difference(conditional.preference, "nearer to the mean than to the median", 0, 0.02),
    "distance_to_support": _difference(conditional.distance_to_support, "further from possible colours", -1, 0.005),
    "l1_above_floor": Instrument(conditional.l1_above_floor, "further from the best guess", -1),
    "mse_above_floor": Instrument(conditional.mse_above_floor, "further from the best guess", -1),
    "energy_certain": Instrument(conditional.energy, "sharper", +1),
    "energy_uncertain": Instrument(conditional.energy, "sharper", +1),
    "shadow_step": Instrument(conditional.shadow_step, "more definite", +1),
    "kid": _difference(distribution.kid, "further from real images", -1, 0.05),
    "precision": _difference(distribution.precision, "among real images more often", +1, 0.05),
    "modes_covered": Instrument(modes.modes_covered, "more modes", +1),
    "mode_entropy": Instrument(modes.mode_entropy, "more even", +1),
    "kl_to_true": _difference(modes.kl_to_true, "further from the true shares", -1, 0.05),
    "confidence": _difference(modes.confidence, "surer", +1, 0.02),
    "joint_accuracy": _difference(classification.accuracy, "more recognisable", +1, 0.02),
    **{
        name: _difference(recognition.segmentation_scores, "more recognisable", +1, 0.02)
        for name in ("pixel_accuracy", "class_accuracy", "class_iou")
    },
}
"""Name of a score, as in results/*/scores.csv → the instrument. `probing` is absent: it reads latents, not images."""


@dataclass(frozen=True)
class World:
    """What is known of the damaged photos of the bundled world, and what reads them.

    Attributes:
        photos: undamaged, uint8 (N, H, W, 3).
        others: of the same test set, to compare distributions with, uint8.
        labels: label maps of `photos`, (N, H, W) uint8.
        factors: factor → (N,), what a reader of labels should find.
        draws: photos of the first maps, N_DRAWS each, uint8 (M, K, H, W, 3).
        n_classes: of the label maps.
    """

    photos: np.ndarray
    others: np.ndarray
    labels: np.ndarray
    factors: dict[str, np.ndarray]
    draws: np.ndarray
    n_classes: int


def bundled_world(test: Mapping[str, np.ndarray]) -> World:
    """From the arrays of the bundled test set: photo, labels, and the factors."""
    labels, n_maps = test["labels"][:N_WORLD, ..., 0], N_WORLD // N_DRAWS
    maps = np.repeat(labels[:n_maps], N_DRAWS, axis=0)
    draws = world.render(maps, world.sample_factors(np.random.default_rng(SEED), maps))
    return World(
        photos=test["photo"][:N_WORLD],
        others=test["photo"][N_WORLD:],
        labels=labels,
        factors={name: test[name][:N_WORLD] for name in ("wall_colour", "sky_shade", "door_colour", "mullion")},
        draws=draws.reshape(n_maps, N_DRAWS, *draws.shape[1:]),
        n_classes=len(world.CLASSES),
    )


def image_scores(damaged: np.ndarray, intact: np.ndarray) -> dict[str, float]:
    """What needs images alone, float in [0, 1] (N, H, W, 3), and what they were before the damage."""
    scores = {name: float(function(damaged).mean()) for name, (function, _) in sharpness.SHARPNESS.items()}
    scores |= fidelity.scores(damaged, intact)
    overlap, spread = colour.lab_histogram_intersection(damaged, intact), colour.lab_spread(damaged)
    scores |= {f"lab_intersection_{channel}": value for channel, value in overlap.items()}
    scores |= {f"lab_spread_{channel}": value for channel, value in spread.items()}
    return scores | {"variety": float(diversity.variety(damaged).mean())}


def known_scores(
    damaged: np.ndarray, draws: np.ndarray, intact: World, known: list[world.Conditional]
) -> dict[str, float]:
    """What needs the world's exact distribution: damaged photos (N, H, W, 3) and damaged draws (M, K, H, W, 3)."""
    to_mean, to_median = conditional.distance_to_mean(damaged, known), conditional.distance_to_median(damaged, known)
    return {
        "conditional_diversity": float(diversity.conditional_diversity(draws).mean()),
        "distance_to_mean": float(to_mean.mean()),
        "distance_to_median": float(to_median.mean()),
        "mean_preference": conditional.preference(to_mean, to_median),
        "distance_to_support": float(conditional.distance_to_support(damaged, known).mean()),
        "l1_above_floor": float(conditional.l1_above_floor(damaged, known).mean()),
        "mse_above_floor": float(conditional.mse_above_floor(damaged, known).mean()),
        **{
            name: conditional.energy(damaged, intact.photos / 255, intact.labels, known, uncertain=uncertain)
            for name, uncertain in (("energy_certain", False), ("energy_uncertain", True))
        },
        "shadow_step": conditional.shadow_step(damaged, intact.photos / 255, intact.labels),
    }


@dataclass(frozen=True)
class Readers:
    """The weights of the study's two nets: of labels, and of label maps."""

    labels: dict[str, np.ndarray]
    maps: dict[str, np.ndarray]


def load_readers(folder: Path) -> Readers:
    """From the bundled study's folder of the nets of one seed."""
    return Readers(
        labels=classification.load_reader(folder / "classification-facade_world-32.npz"),
        maps=recognition.load_reader(folder / "segmentation.npz"),
    )


def reader_scores(damaged: Sequence[np.ndarray], intact: World, readers: Readers) -> list[dict[str, float]]:
    """What needs a net, for each set of damaged photos, uint8 (N, H, W, 3)."""
    # All at once: a net is built anew for each call.
    photos_of_all = np.concatenate(damaged)
    read, predictions = (
        recognition.read(readers.maps, photos_of_all),
        classification.predict(readers.labels, photos_of_all),
    )
    features, real = (classification.features(readers.labels, photos) for photos in (photos_of_all, intact.others))
    truth = world.mode_probabilities()
    scores, n = [], len(intact.photos)
    for start in range(0, len(photos_of_all), n):
        these = slice(start, start + n)
        of_rung_predictions = {head: values[these] for head, values in predictions.items()}
        shown = modes.mode_numbers(of_rung_predictions)
        found = recognition.segmentation_scores(recognition.confusion(read[these], intact.labels, intact.n_classes))
        scores.append(
            {
                "kid": distribution.kid(features[these], real),
                "modes_covered": float(modes.modes_covered(shown)),
                "mode_entropy": modes.mode_entropy(shown),
                "kl_to_true": modes.kl_to_true(shown, truth),
                "confidence": modes.confidence(of_rung_predictions),
                "joint_accuracy": classification.accuracy(of_rung_predictions, intact.factors)["joint_accuracy"],
                **found,
            }
        )
    return scores


# --- climbing ------------------------------------------------------------------------------------------------------

Rung = tuple[str, float]
"""Distortion and strength; ("none", 0) is undamaged."""
GROUND: Rung = ("none", 0.0)


def rungs(distortions: Sequence[str] = tuple(DISTORTIONS)) -> list[Rung]:
    """Undamaged, then every strength of these distortions."""
    return [GROUND, *((name, strength) for name in distortions for strength in DISTORTIONS[name].strengths)]


def damage(images: np.ndarray, rung: Rung) -> np.ndarray:
    """The images (N, H, W, 3) as this rung leaves them."""
    distortion, strength = rung
    return images if rung == GROUND else DISTORTIONS[distortion].damage(images, strength)


def climb_photographs(wanted: Sequence[Rung]) -> list[dict[str, float]]:
    """The scores of scikit-image's photographs on each rung."""
    intact = eight_bit(DARKEST + (1 - DARKEST) * photographs(PHOTOGRAPH_SIDE))
    return [
        _shown("photographs", i, wanted, image_scores(damage(intact, wanted[i]), intact)) for i in range(len(wanted))
    ]


def climb_world(intact: World, wanted: Sequence[Rung], readers: Readers | None) -> list[dict[str, float]]:
    """The scores of the world's photos on each rung; without readers, those that need none."""
    photos, draws, known = intact.photos / 255, intact.draws / 255, conditional.distributions(intact.labels)
    scores, damaged_sets = [], []
    for i, rung in enumerate(wanted):
        damaged = damage(photos, rung)
        of_rung = image_scores(damaged, photos)
        # Map by map: what averages or drops pictures does it to the answers to one input.
        damaged_draws = np.stack([damage(one, rung) for one in draws])
        of_rung |= known_scores(damaged, damaged_draws, intact, known)
        damaged_sets.append(np.rint(damaged * 255).astype(np.uint8))
        of_rung["precision"] = distribution.precision(damaged_sets[-1], intact.others)
        scores.append(_shown("facade_world", i, wanted, of_rung))
    if readers is None:
        return scores
    print(f"facade_world: nets read {len(damaged_sets) * len(photos)} photos", flush=True)
    return [scored | read for scored, read in zip(scores, reader_scores(damaged_sets, intact, readers), strict=True)]


def _shown(kind: str, i: int, wanted: Sequence[Rung], scores: dict[str, float]) -> dict[str, float]:
    """Says when a distortion is done."""
    if i + 1 == len(wanted) or wanted[i + 1][0] != wanted[i][0]:
        print(f"{kind}: [{i + 1}/{len(wanted)}] {wanted[i][0]}", flush=True)
    return scores


def rows(kind: str, wanted: Sequence[Rung], scores: Sequence[Mapping[str, float]]) -> list[dict]:
    """One row for each instrument and rung, with the columns COLUMNS; the first rung is undamaged."""
    table = []
    for instrument in (name for name in INSTRUMENTS if name in scores[0]):
        undamaged = scores[0][instrument]
        for (distortion, strength), of_rung in zip(wanted, scores, strict=True):
            score = of_rung[instrument]
            relative = score / undamaged if INSTRUMENTS[instrument].ratio else score - undamaged
            where = {"images": kind, "instrument": instrument, "distortion": distortion, "strength": _digits(strength)}
            table.append(where | {"score": _digits(score), "relative": _digits(relative)})
    return table


def _digits(value: float) -> str:
    """Six digits; below 1e-12 lies rounding, which differs between processors."""
    return f"{round(float(value), 12) + 0.0:.6g}"

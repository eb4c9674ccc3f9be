"""Damages images in known ways and asks every instrument what it sees: `python -m replications ladder`.

Writes to validation/: instruments.csv (one row per kind of images, instrument, distortion and strength), instruments.md
(what follows from the numbers by a stated rule, beside the blind spots that the instruments' docstrings name) and
instruments.png. The images are photos of the bundled world and the photographs that come with scikit-image, so any
clone can make them again. Nets read the world's photos alone: they have learnt on others of its photos.

Axes: N images, H rows, W columns, 3 colours (RGB). Distortions take and give floats in [0, 1], as an 8-bit file holds
them. Everything random is seeded: the same code, arrays and readers give the same bytes on the same kind of processor.
"""

import csv
import inspect
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage import data, transform

from replications import command, study
from replications.datasets import arrays, world
from replications.drawing import Line2D, plain, plt
from replications.errors import DataError, ReplicationError
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
from replications.results import as_csv, write_bytes, write_text

COLUMNS = ("images", "instrument", "distortion", "strength", "score", "relative")
KINDS = ("facade_world", "photographs")
SEED = 7
N_WORLD = 120
"""Photos of the bundled test set that are damaged; the rest of it is what KID compares them with."""
N_DRAWS = 8
"""Photos of one label map, for the diversity of what one input gives; N_WORLD in all."""
PHOTOGRAPH_SIDE = 64
DARKEST = 0.1
"""No photograph is darker (nor is the world): so much light can be taken away before anything is clipped."""


class LadderError(ReplicationError):
    """A table of the ladder that cannot be read."""


# --- images --------------------------------------------------------------------------------------------------------


@cache
def photographs(side: int) -> np.ndarray:
    """Photographs that come with scikit-image itself, nothing to download: (6, side, side, 3)."""
    sources = (data.astronaut, data.chelsea, data.coffee, data.rocket, data.hubble_deep_field, data.retina)
    return np.stack([_square(source(), side) for source in sources])


def _square(photo: np.ndarray, side: int) -> np.ndarray:
    short = min(photo.shape[:2])
    top, left = (photo.shape[0] - short) // 2, (photo.shape[1] - short) // 2
    crop = photo[top : top + short, left : left + short, :3]
    return eight_bit(np.asarray(transform.resize(crop, (side, side), anti_aliasing=True)))


def eight_bit(images: np.ndarray) -> np.ndarray:
    """As a file holds them."""
    return np.rint(np.clip(images, 0, 1) * 255) / 255


# --- distortions: images (N, H, W, 3) and a strength to damaged images ------------------------------------------------


def blurred(images: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian blur of this standard deviation in pixels."""
    return eight_bit(ndimage.gaussian_filter(images, sigma, axes=(1, 2)))


def noisy(images: np.ndarray, sigma: float) -> np.ndarray:
    """White noise, the same in the three channels so that it is all luma."""
    noise = np.random.default_rng(SEED).normal(0, sigma, (*images.shape[:3], 1))
    return eight_bit(images + noise)


def salted(images: np.ndarray, share: float) -> np.ndarray:
    """Salt and pepper: this share of the pixels is black or white, a half each."""
    chance = np.random.default_rng(SEED).random((*images.shape[:3], 1))
    return np.where(chance < share / 2, 0.0, np.where(chance > 1 - share / 2, 1.0, images))


def through_jpeg(images: np.ndarray, quality: float) -> np.ndarray:
    """Saved as JPEG of this quality, and loaded again."""

    def one(image: np.ndarray) -> np.ndarray:
        file = io.BytesIO()
        _picture(image).save(file, "JPEG", quality=int(quality))
        return np.asarray(Image.open(file)) / 255

    return np.stack([one(image) for image in images])


def rescaled(images: np.ndarray, factor: float) -> np.ndarray:
    """Made smaller by this factor (means of blocks) and as large again as they were (bicubic)."""

    def one(image: np.ndarray) -> np.ndarray:
        picture = _picture(image)
        small = picture.resize([round(side / factor) for side in picture.size], Image.Resampling.BOX)
        return np.asarray(small.resize(picture.size, Image.Resampling.BICUBIC)) / 255

    return np.stack([one(image) for image in images])


def _picture(image: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(image * 255).astype(np.uint8))


def checkered(images: np.ndarray, amplitude: float) -> np.ndarray:
    """A checkerboard of single pixels on top, up and down by this much: what transposed convolutions leave."""
    board = (-1.0) ** np.indices(images.shape[1:3]).sum(axis=0)
    return eight_bit(images + amplitude * board[..., None])


def shifted(images: np.ndarray, pixels: float) -> np.ndarray:
    """Down and to the right; what leaves comes in on the other side."""
    return np.roll(images, (int(pixels), int(pixels)), axis=(1, 2))


def flipped(images: np.ndarray) -> np.ndarray:
    """Mirrored, left to right."""
    return images[:, :, ::-1]


def patches_shuffled(images: np.ndarray, pieces: float) -> np.ndarray:
    """Each picture cut into this many pieces a side, and put together in another order: locally right, no whole."""
    rng, k = np.random.default_rng(SEED), int(pieces)
    n, height, width, _ = images.shape
    grid = images.reshape(n, k, height // k, k, width // k, 3).swapaxes(2, 3)
    orders = [rng.permutation(k * k) for _ in range(n)]
    mixed = np.stack([one.reshape(k * k, -1)[order] for one, order in zip(grid, orders, strict=True)])
    return mixed.reshape(grid.shape).swapaxes(2, 3).reshape(images.shape)


def darkened(images: np.ndarray, light: float) -> np.ndarray:
    """This much light less, in every pixel, in whole 8-bit steps; up to DARKEST nothing is clipped."""
    return eight_bit(images - np.rint(255 * light) / 255)


def flattened(images: np.ndarray, share: float) -> np.ndarray:
    """This share of the contrast less: everything so much closer to medium grey."""
    return eight_bit(0.5 + (1 - share) * (images - 0.5))


def dimmed(images: np.ndarray) -> np.ndarray:
    """Three fifths of the contrast, with room to spare on both sides."""
    return 0.1 + 0.6 * images


def greyed(images: np.ndarray, share: float) -> np.ndarray:
    """This share of the saturation less; at 1 the luma alone is left, which never changes."""
    return eight_bit(_from_luma(*_to_luma(images, 1 - share, 0)))


def hue_turned(images: np.ndarray, turn: float) -> np.ndarray:
    """Colours turned by this part of a circle at equal luma (but where the turned colour does not exist)."""
    return eight_bit(_from_luma(*_to_luma(images, 1, turn)))


LUMA = np.array([0.2125, 0.7154, 0.0721])
"""Weights of the instruments' luma (`skimage.color.rgb2gray`)."""


def _to_luma(images: np.ndarray, scale: float, turn: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Luma, and the differences of red and of blue to it (N, H, W), these two turned and scaled as a vector."""
    luma = images @ LUMA
    # Each difference over its own largest value, so that a turn turns red into blue at equal strength.
    red, blue = (images[..., 0] - luma) / (1 - LUMA[0]), (images[..., 2] - luma) / (1 - LUMA[2])
    cosine, sine = scale * np.cos(2 * np.pi * turn), scale * np.sin(2 * np.pi * turn)
    red, blue = cosine * red - sine * blue, sine * red + cosine * blue
    return luma, red * (1 - LUMA[0]), blue * (1 - LUMA[2])


def _from_luma(luma: np.ndarray, red: np.ndarray, blue: np.ndarray) -> np.ndarray:
    green = -(LUMA[0] * red + LUMA[2] * blue) / LUMA[1]  # so that the luma is what it was
    return luma[..., None] + np.stack([red, green, blue], axis=-1)


def averaged(images: np.ndarray, share: float) -> np.ndarray:
    """This share of the pictures replaced by the mean of all."""
    return _replaced(images, eight_bit(images.mean(axis=0)), share)


def one_for_all(images: np.ndarray, share: float) -> np.ndarray:
    """This share of the pictures replaced by copies of the last one: dropped modes."""
    return _replaced(images, images[-1], share)


def _replaced(images: np.ndarray, picture: np.ndarray, share: float) -> np.ndarray:
    damaged = images.copy()
    damaged[: round(share * len(images))] = picture
    return damaged


def swapped(images: np.ndarray, share: float) -> np.ndarray:
    """This share of the pictures handed on, each to the next one's place: right pictures, wrong answers."""
    damaged, n = images.copy(), round(share * len(images))
    damaged[:n] = np.roll(images[:n], 1, axis=0)
    return damaged


@dataclass(frozen=True)
class Distortion:
    """How images are damaged, and how strongly; a strength of 0 would leave them as they are."""

    damage: Callable[[np.ndarray, float], np.ndarray]
    strengths: tuple[float, ...]
    unit: str


BLURS = (0, 0.4, 0.7, 1.0, 1.5, 2.0, 3.0)
"""Standard deviations in pixels. The last rung erases everything finer than about 8 pixels."""
_SHARES = (1 / 3, 2 / 3, 1.0)

DISTORTIONS = {
    "blur": Distortion(blurred, BLURS[1:], "standard deviation, pixels"),
    "rescaling": Distortion(rescaled, (2, 4, 8), "times smaller, then as large again"),
    "jpeg": Distortion(lambda images, lost: through_jpeg(images, 100 - lost), (10, 40, 70, 90, 95), "100 − quality"),
    "noise": Distortion(noisy, (0.02, 0.05, 0.1, 0.2), "standard deviation, intensity"),
    "salt_and_pepper": Distortion(salted, (0.01, 0.03, 0.1, 0.3), "share of the pixels"),
    "checkerboard": Distortion(checkered, (0.01, 0.02, 0.05, 0.1), "amplitude, intensity"),
    "shift": Distortion(shifted, (1, 2, 4, 8), "pixels, down and to the right"),
    "flip": Distortion(lambda images, _: flipped(images), (1,), "mirrored"),
    "patch_shuffle": Distortion(patches_shuffled, (2, 4, 8), "pieces a side"),
    "brightness": Distortion(darkened, (0.025, 0.05, DARKEST), "intensity taken away"),
    "contrast": Distortion(flattened, (0.1, 0.3, 0.5, 0.7), "share taken away"),
    "saturation": Distortion(greyed, (0.25, 0.5, 0.75, 1), "share taken away"),
    "hue": Distortion(hue_turned, (0.05, 0.1, 0.25, 0.5), "turns"),
    "mean_of_all": Distortion(averaged, _SHARES, "share of the pictures"),
    "one_for_all": Distortion(one_for_all, _SHARES, "share of the pictures"),
    "swap": Distortion(swapped, _SHARES, "share of the pictures"),
}


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


# --- what follows from the numbers ---------------------------------------------------------------------------------

ANSWERS = ("falls", "rises", "not monotone", "blind")


def answer(changes: Sequence[float], smallest: float) -> str:
    """What an instrument says of a distortion, from its changes along the strengths (K,), 0 being undamaged.

    `blind`: no strength changes the score by more than `smallest`. `falls`: otherwise, and no strength's score lies
    more than that above any weaker one's, undamaged included; `rises`: likewise, below. `not monotone`: neither.
    """
    climb = np.concatenate([[0.0], np.asarray(changes, dtype=np.float64)])
    if not np.isfinite(climb).all():
        raise LadderError(
            f"a score changes by {climb[1:].tolist()} along a distortion, expected numbers; look at the instrument and "
            "the distortion that were printed last"
        )
    if np.abs(climb).max() <= smallest:
        return "blind"
    if (climb - np.minimum.accumulate(climb)).max() <= smallest:
        return "falls"
    return "rises" if (np.maximum.accumulate(climb) - climb).max() <= smallest else "not monotone"


Climbs = dict[tuple[str, str, str], list[tuple[float, float]]]
"""(images, instrument, distortion) → (strength, change) by increasing strength, without undamaged."""


def climbs(table: Sequence[Mapping[str, str]]) -> Climbs:
    """The changes of every instrument along every distortion, from the rows of the table."""
    found: Climbs = {}
    for row in table:
        if row["distortion"] != GROUND[0]:
            change = INSTRUMENTS[row["instrument"]].change(float(row["relative"]))
            where = (row["images"], row["instrument"], row["distortion"])
            found.setdefault(where, []).append((float(row["strength"]), change))
    return {where: sorted(points) for where, points in found.items()}


def answers(found: Climbs) -> dict[tuple[str, str, str], str]:
    """(images, instrument, distortion) → one of ANSWERS."""
    return {
        where: answer([change for _, change in points], INSTRUMENTS[where[1]].smallest)
        for where, points in found.items()
    }


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a committed instruments.csv."""
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            table = list(csv.DictReader(lines))
    except FileNotFoundError:
        raise LadderError(f"{path}: no such file; make it with `python -m replications ladder`") from None
    if not table or tuple(table[0]) != COLUMNS:
        raise LadderError(
            f"{path}: columns {list(table[0]) if table else []}, expected {list(COLUMNS)}; "
            "make it again with `python -m replications ladder`"
        )
    return table


def known_blind_spot(function: Callable) -> str:
    """What an instrument's docstring names as its blind spot, in one line; empty where it names none."""
    spot = " ".join((inspect.getdoc(function) or "").split()).partition("Blind spot: ")[2]
    return spot[:1].upper() + spot[1:]


# --- what is written -----------------------------------------------------------------------------------------------

TITLES = {"facade_world": "Photos of the bundled world", "photographs": "Photographs"}


def markdown(table: Sequence[Mapping[str, str]]) -> str:
    """The whole of instruments.md, from the rows of instruments.csv and the docstrings of the instruments."""
    table_of_answers = answers(climbs(table))
    return "\n".join(
        [
            *_introduction(),
            *_answer_tables(table_of_answers),
            *_distortion_table(),
            *_blind_spot_table(table_of_answers),
        ]
    )


def _introduction() -> list[str]:
    return [
        "# What the instruments see",
        "",
        "Made by `python -m replications ladder` from [instruments.csv](instruments.csv), drawn in "
        "[instruments.png](instruments.png); do not edit. Images are damaged in known ways, with growing strength, and "
        "every instrument below scores them. Not tried here: searches of the list and of latents, probes, rates and "
        "bounds, whose tests are in tests/instruments and in the replications' tests.",
        "",
        f"The images are {N_WORLD} photos (32 pixels) of the test set of the bundled world, and the six photographs "
        f"({PHOTOGRAPH_SIDE} pixels) that come with scikit-image. Nets read the world's photos alone; KID compares "
        "them with the rest of the test set.",
        "",
        "**The rule.** A *change* is the damaged images' score over that of the undamaged ones, less 1; or, where that "
        "is 0 or a logarithm, the difference of the two. The *smallest change that counts* stands in the table below. "
        "**blind**: at no strength is the change larger. **falls**: otherwise, and no strength's score lies more than "
        "that above any weaker one's, undamaged included. **rises**: likewise, below. **not monotone**: neither. "
        "A cell is **bold** where damage moves the score the way that counts as better.",
        "",
    ]


def _answer_tables(answers_by: Mapping[tuple[str, str, str], str]) -> list[str]:
    lines = []
    for kind in KINDS:
        names = [name for name in INSTRUMENTS if any(where[:2] == (kind, name) for where in answers_by)]
        lines += [f"## {TITLES[kind]}", ""]
        lines += _table(
            ["instrument", "larger is", "smallest change that counts", *DISTORTIONS],
            [
                [
                    f"`{name}`",
                    INSTRUMENTS[name].larger_is,
                    _smallest(INSTRUMENTS[name]),
                    *(_cell(INSTRUMENTS[name], answers_by[kind, name, distortion]) for distortion in DISTORTIONS),
                ]
                for name in names
            ],
        )
    return lines


def _smallest(instrument: Instrument) -> str:
    return f"{100 * instrument.smallest:g} %" if instrument.ratio else f"{instrument.smallest:g}"


def rewards(instrument: Instrument, seen: str) -> bool:
    """Whether an instrument takes damage for an improvement."""
    return seen == {+1: "rises", -1: "falls", 0: None}[instrument.better]


def _cell(instrument: Instrument, seen: str) -> str:
    return f"**{seen}**" if rewards(instrument, seen) else seen


def _distortion_table() -> list[str]:
    listed = [
        [f"`{name}`", one.unit, ", ".join(f"{strength:.3g}" for strength in one.strengths)]
        for name, one in DISTORTIONS.items()
    ]
    return ["## Distortions", "", *_table(["distortion", "strength", "strengths"], listed)]


def _blind_spot_table(answers_by: Mapping[tuple[str, str, str], str]) -> list[str]:
    listed: dict[tuple[str, str], list[str]] = {}
    for name, instrument in INSTRUMENTS.items():
        # Numbers of one instrument that say the same share a line.
        listed.setdefault((known_blind_spot(instrument.function), in_words(name, answers_by)), []).append(name)
    body, above = [], ""
    for (known, seen), names in listed.items():
        repeated = "as above" if known == above else known
        body.append([", ".join(f"`{name}`" for name in names), repeated or "none named", seen])
        above = known or above
    return [
        "## Blind spots, known and seen",
        "",
        "What the docstring warns of, and what the tables above show; where the two kinds of images differ, the kind "
        "is named. Three distortions bring something of their own: `one_for_all` leaves one picture, whose own "
        "sharpness and colours the scores of single images become; `shift` and `patch_shuffle` make new edges where "
        "parts meet.",
        "",
        *_table(["instrument", "known (docstring)", "seen"], body),
    ]


def in_words(name: str, answers_by: Mapping[tuple[str, str, str], str]) -> str:
    """What one instrument does not see, and what it takes for an improvement, over both kinds of images."""
    instrument = INSTRUMENTS[name]
    kinds = [kind for kind in KINDS if any(where[:2] == (kind, name) for where in answers_by)]

    def those(wanted: Callable[[str], bool]) -> str:
        named = []
        for distortion in DISTORTIONS:
            where = [kind for kind in kinds if wanted(answers_by[kind, name, distortion])]
            if where:
                named.append(distortion if where == kinds else f"{distortion} ({where[0]})")
        return ", ".join(named)

    sentences = []
    for start, wanted in (
        ("Blind to", lambda one: one == "blind"),
        (f"Counts as {_better(instrument)}:", lambda one: rewards(instrument, one)),
        ("Not monotone under", lambda one: one == "not monotone"),
    ):
        if found := those(wanted):
            sentences.append(f"{start} {found}.")
    return " ".join(sentences) or "Sees every distortion, the stronger the more."


_OPPOSITES = {"blurrier": "sharper", "further": "closer"}


def _better(instrument: Instrument) -> str:
    first, _, rest = instrument.larger_is.partition(" ")
    if instrument.better >= 0:
        return instrument.larger_is
    return " ".join([_OPPOSITES[first], rest.replace("from", "to", 1)]).strip()


def _table(head: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *body]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines] + [""]


_COLOURS = {"falls": "#0072b2", "rises": "#d55e00", "not monotone": "#7b3fa0", "blind": "#8c8c8c"}
_STYLES = {"facade_world": "-", "photographs": (0, (2, 1.2))}
_HALF = 0.4
"""Of a cell, in units of cells: the rest is margin."""


@plain()
def draw(table: Sequence[Mapping[str, str]]) -> bytes:
    """The PNG: a cell for each instrument and distortion, the change against the strength, coloured by the answer.

    Heights are asinh of the change in units of the smallest that counts: linear where nothing happens, a logarithm
    where much does. Every instrument has a scale of its own, the same for all distortions.
    """
    found = climbs(table)
    answers_by, columns = answers(found), list(DISTORTIONS)
    names = [name for name in INSTRUMENTS if any(where[1] == name for where in found)]
    heights = {
        where: np.arcsinh([0.0, *(change / INSTRUMENTS[where[1]].smallest for _, change in points)])
        for where, points in found.items()
    }
    figure, axes = plt.subplots(figsize=(17, 0.52 * len(names) + 2.6), dpi=75, layout="constrained")
    for row, name in enumerate(names):
        unit = _HALF / max(1, *(np.abs(height).max() for where, height in heights.items() if where[1] == name))
        axes.axhspan(row - unit * np.arcsinh(1), row + unit * np.arcsinh(1), color="#e6e6e6", lw=0)
        for kind in KINDS:
            for column, distortion in enumerate(columns):
                if (height := heights.get((kind, name, distortion))) is not None:
                    x = column + np.linspace(-_HALF, _HALF, len(height))
                    style = {"color": _COLOURS[answers_by[kind, name, distortion]], "ls": _STYLES[kind]}
                    axes.plot(x, row - unit * height, lw=1.7, marker=".", ms=4, **style)  # rows count downwards
    axes.vlines(np.arange(len(columns) + 1) - 0.5, -0.5, len(names) - 0.5, color="#bbbbbb", lw=0.8)
    axes.hlines(np.arange(len(names) + 1) - 0.5, -0.5, len(columns) - 0.5, color="#bbbbbb", lw=0.8)
    axes.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(names) - 0.5, -0.5))
    axes.set_xticks(range(len(columns)), [name.replace("_", "\n") for name in columns], fontsize=10.5)
    axes.set_yticks(range(len(names)), [f"{name}\nlarger: {INSTRUMENTS[name].larger_is}" for name in names], fontsize=9)
    axes.tick_params(length=0, labeltop=True)
    axes.set_xlabel("distortion; in a cell: its strength, from undamaged (left) to the strongest (right)", fontsize=12)
    axes.set_ylabel(
        "instrument; in a cell: the change of its score, as asinh of multiples of the smallest change that counts "
        "(grey: smaller); a scale for each row",
        fontsize=12,
    )
    handles = [Line2D([], [], color=_COLOURS[one], lw=2.5, label=one) for one in ANSWERS]
    handles += [Line2D([], [], color="black", ls=_STYLES[kind], label=TITLES[kind].lower()) for kind in KINDS]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), frameon=False, fontsize=12)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})  # no version in the bytes
    plt.close(figure)
    return picture.getvalue()


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications ladder", description=__doc__)
    parser.add_argument("--study", default=".", help="the folder of the bundled study, with its arrays and readers")
    parser.add_argument("--out", default="validation", help="where to write to (default: validation)")
    arguments = parser.parse_args(argv)
    bundled, out = study.load(arguments.study), Path(arguments.out)
    intact, wanted = bundled_world(load_test_set(bundled.folder / "arrays" / "facade_world-32.npz")), rungs()
    nets = load_readers(bundled.nets(bundled.seeds[0]))
    table = rows("facade_world", wanted, climb_world(intact, wanted, nets))
    table += rows("photographs", wanted, climb_photographs(wanted))
    write_text(out / "instruments.csv", as_csv(COLUMNS, table))
    write_text(out / "instruments.md", markdown(table))
    write_bytes(out / "instruments.png", draw(table))
    print(f"ladder: {len(table)} scores in {out / 'instruments.csv'}, what they mean in {out / 'instruments.md'}")
    return 0


def load_test_set(path: Path) -> dict[str, np.ndarray]:
    """Feature → array of the bundled test set, from its exported arrays."""
    exported = arrays.load(path)
    test = {name.removeprefix("test_"): values for name, values in exported.items() if name.startswith("test_")}
    missing = {"photo", "labels", "wall_colour", "sky_shade", "door_colour", "mullion"} - set(test)
    if missing or len(test["photo"]) < 2 * N_WORLD:
        raise DataError(
            f"{path}: {len(test.get('photo', ()))} test photos, without {sorted(missing)}; expected at least "
            f"{2 * N_WORLD} of the bundled world; make it again with `dvc repro --pull arrays`"
        )
    return test

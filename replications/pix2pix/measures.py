"""Which instruments judge a pix2pix run, and against what. NumPy and files alone, but for the reader.

Scores of sharpness, spread and variety are relative to the real photographs of the same test set: 1 is as they are.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from replications.datasets.world import Conditional
from replications.instruments import colour, conditional, diversity, fidelity, recognition, sharpness
from replications.measuring import known
from replications.measuring.curves import Curve, Shown
from replications.pix2pix.params import Params


def measure(images: dict[str, np.ndarray], facts: dict, params: Params, readers: Path) -> dict[str, float]:
    """Instrument → score of one run.

    Args:
        images: input, target, output (N, H, W, 3), draws (M, K, H, W, 3) and palette, uint8, as train.py made them.
        facts: what train.py knew of the model; not needed here.
        params: the run's.
        readers: the folder with the study's trained readers.
    """
    palette = images["palette"]
    if params.direction == "photo_to_labels":
        return _label_scores(images, palette)
    labels = nearest_class(images["input"], palette)
    scores = _photo_scores(images) | _reader_scores(images["output"], labels, len(palette), readers)
    if params.dataset.startswith("facade_world"):
        scores |= _known_distribution_scores(images, labels)
    return scores


def controls(data: dict[str, np.ndarray], params: Params, readers: Path) -> known.Scores:
    """Control → instrument → score of known pictures, by a net: what photographs and blurred ones reach.

    Args:
        data: the arrays of the data set.
        params: of any variant.
        readers: the folder with the nets of one seed.
    """
    labels, photos = data["test_labels"][: params.n_test, ..., 0], data["test_photo"][: params.n_test]
    pictures = {"photos": photos, "photos_blurred": known.blurred(photos)}
    return {name: _reader_scores(shown, labels, len(data["palette"]), readers) for name, shown in pictures.items()}


def fixed_controls(data: dict[str, np.ndarray], variants: Mapping[str, Params]) -> known.Scores:
    """Control → instrument → score of known pictures that no net judges.

    These are blurred photographs, the most frequent class everywhere and, where the distribution is known, its exact
    mean and median.
    """
    n_test = next(iter(variants.values())).n_test
    labels, photos = data["test_labels"][:n_test, ..., 0], data["test_photo"][:n_test]
    frequent = np.full_like(labels, np.bincount(data["train_labels"].ravel()).argmax())
    scores = {
        "photos_blurred": known.of_pictures(known.blurred(photos), photos),
        "majority": recognition.segmentation_scores(recognition.confusion(frequent, labels, len(data["palette"]))),
    }
    if next(iter(variants.values())).dataset.startswith("facade_world"):
        of_maps = conditional.distributions(labels)
        best = {"exact_mean": [c.mean for c in of_maps], "exact_median": [c.median for c in of_maps]}
        for control, pictures in best.items():
            output = np.rint(255 * np.stack(pictures)).astype(np.uint8)  # as a run's pictures are kept
            of_output = _output_scores(output / 255.0, photos / 255.0, labels, of_maps)
            scores[control] = {**known.of_pictures(output, photos), **of_output}
    return scores


def nearest_class(pictures: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """The class whose colour is nearest, (N, H, W) uint8, of label maps shown as pictures."""
    distance = np.abs(pictures[..., None, :].astype(np.int16) - palette.astype(np.int16)).sum(axis=-1)
    return distance.argmin(axis=-1).astype(np.uint8)


def _photo_scores(images: dict[str, np.ndarray]) -> dict[str, float]:
    output, target, draws = (images[name] / 255.0 for name in ("output", "target", "draws"))
    scores = sharpness.relative(output, target) | fidelity.scores(output, target)
    overlap = colour.lab_histogram_intersection(output, target)
    of_output, of_photos = colour.lab_spread(output), colour.lab_spread(target)
    for channel in ("L", "a", "b"):
        scores[f"lab_intersection_{channel}"] = overlap[channel]
        scores[f"lab_spread_{channel}"] = of_output[channel] / of_photos[channel]
    scores["lab_intersection"] = float(np.mean(list(overlap.values())))
    scores["lab_spread_ab"] = (scores["lab_spread_a"] + scores["lab_spread_b"]) / 2
    scores["conditional_diversity"] = diversity.conditional_diversity(draws).mean()
    scores["variety"] = diversity.variety(output).mean() / diversity.variety(target).mean()
    return scores


def _reader_scores(photos: np.ndarray, labels: np.ndarray, n_classes: int, readers: Path) -> dict[str, float]:
    """FCN-score (section 4): a net trained on real photographs reads the output."""
    read = recognition.read(recognition.load_reader(readers / "segmentation.npz"), photos)
    return recognition.segmentation_scores(recognition.confusion(read, labels, n_classes))


def _label_scores(images: dict[str, np.ndarray], palette: np.ndarray) -> dict[str, float]:
    """Photo → labels: the output's nearest class against the true one; no reader needed."""
    read, true = (nearest_class(images[name], palette) for name in ("output", "target"))
    scores = recognition.segmentation_scores(recognition.confusion(read, true, len(palette)))
    return scores | {"l1": fidelity.l1(images["output"] / 255.0, images["target"] / 255.0).mean()}


def _known_distribution_scores(images: dict[str, np.ndarray], labels: np.ndarray) -> dict[str, float]:
    """Against the exact p(photo | map), which no real data set can offer."""
    output, of_maps = images["output"] / 255.0, conditional.distributions(labels)
    true_diversity = conditional.true_diversity(of_maps[: len(images["draws"])])
    drawn = diversity.conditional_diversity(images["draws"] / 255.0)
    scores = _output_scores(output, images["target"] / 255.0, labels, of_maps)
    return scores | {"diversity_share": drawn.mean() / true_diversity.mean()}


def _output_scores(
    output: np.ndarray, target: np.ndarray, labels: np.ndarray, of_maps: list[Conditional]
) -> dict[str, float]:
    """Outputs (N, H, W, 3), in [0, 1], against the exact p(photo | map)."""
    to_mean, to_median = conditional.distance_to_mean(output, of_maps), conditional.distance_to_median(output, of_maps)
    off_support = conditional.distance_to_support(output, of_maps)
    certain = conditional.energy(output, target, labels, of_maps, uncertain=False)
    uncertain = conditional.energy(output, target, labels, of_maps, uncertain=True)
    off_support_of_mean = conditional.distance_to_support(np.stack([c.mean for c in of_maps]), of_maps)
    return {
        "distance_to_mean": to_mean.mean(),
        "distance_to_median": to_median.mean(),
        "mean_preference": conditional.preference(to_mean, to_median),
        "distance_to_support": off_support.mean() / off_support_of_mean.mean(),
        "l1_above_floor": conditional.l1_above_floor(output, of_maps).mean(),
        "mse_above_floor": conditional.mse_above_floor(output, of_maps).mean(),
        "energy_certain": certain,
        "energy_uncertain": uncertain,
        "energy_certain_over_uncertain": certain / uncertain,
        "shadow_step": conditional.shadow_step(output, target, labels),
    }


METRICS = {
    "sharpness_l1": ("l1", "laplacian_variance"),
    "sharpness_l1_cgan": ("l1_cgan", "laplacian_variance"),
    "pixel_error_l1": ("l1", "l1"),
    "pixel_error_l1_cgan": ("l1_cgan", "l1"),
    "recognised_l1": ("l1", "pixel_accuracy"),
    "recognised_l1_cgan": ("l1_cgan", "pixel_accuracy"),
}
"""What `dvc metrics show` prints: name → (variant, instrument), means over seeds."""

CURVES = (
    Curve(
        "sharpness against the discriminator's receptive field (1: as photographs)",
        x="receptive_field",
        y="laplacian_variance",
        series={"L1+cGAN": ("l1_cgan_pixel", "l1_cgan", "l1_cgan_patch16", "l1_cgan_image")},
    ),
    Curve(
        "accuracy of the segmentation net against the discriminator's receptive field",
        x="receptive_field",
        y="pixel_accuracy",
        series={"L1+cGAN": ("l1_cgan_pixel", "l1_cgan", "l1_cgan_patch16", "l1_cgan_image")},
    ),
)

GLANCE = {
    "input": Shown("labels"),
    "photograph": Shown("photo"),
    "L2": Shown("l2", "l2", "laplacian_variance"),
    "what L2 aims at:\nthe mean": Shown("conditional mean (best under L2)"),
    "L1": Shown("l1", "l1", "laplacian_variance"),
    "L1 + cGAN": Shown("l1+cgan", "l1_cgan", "laplacian_variance"),
    "U-Net without skips,\nL1": Shown("l1 no skips", "l1_no_skips", "laplacian_variance"),
}
"""Title → column of the sample sheet with its sharpness, of the picture in the README."""

COMPARED = ("l1", "l1+cgan")
"""The two columns of the sample sheet that the page shows first."""

TIMED = "l1_cgan"
"""The variant that `bench` trains."""

PASSES = {"generator": (3, 1), "discriminator": (8, 2)}
"""Net → passes for each training image, and of how many the first layer is spared (bench.py says what counts)."""


def sheet(images: dict[str, dict[str, np.ndarray]]) -> list[tuple[str, np.ndarray]]:
    """Columns (title, pictures) of the sample sheet, from the images of one seed's runs by variant."""
    to_photo = {name: one for name, one in images.items() if not name.startswith("to_labels")}
    first = next(iter(to_photo.values()))
    columns = [("labels", first["input"]), ("photo", first["target"])]
    columns += [(_title(name), one["output"]) for name, one in to_photo.items()]
    return columns + [(_title(name), one["output"]) for name, one in images.items() if name not in to_photo]


def _title(variant: str) -> str:
    """The variant's name, broken so that it fits above a picture."""
    for long, short in (("to_labels_", "to labels\n"), ("_no_skips", "\nno skips"), ("_p", "\np"), ("_i", "\ni")):
        variant = variant.replace(long, short)
    return variant.replace("l1_", "l1+").replace("_", " ")

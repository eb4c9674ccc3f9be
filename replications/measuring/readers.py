"""Trains the nets that instruments read images with: `python -m replications readers`.

Writes readers/segmentation.npz and a readers/classification-DATASET.npz for each declared data set, and
results/readers.json with each reader's scores on real test images: the ceiling of what it can find in outputs.
"""

import json
from pathlib import Path

import numpy as np

from replications import command, study
from replications.datasets import arrays
from replications.environment import quiet
from replications.errors import DataError
from replications.instruments import classification, recognition
from replications.results import write_text


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications readers", description=__doc__)
    parser.add_argument("--study", default=".", help="the study's folder (default: the bundled study)")
    arguments = parser.parse_args(argv)
    declared = study.load(arguments.study)
    with quiet():
        import keras  # noqa: F401
    (declared.folder / "readers").mkdir(exist_ok=True)
    ceilings = {}
    if declared.readers.segmentation:
        ceilings["segmentation"] = _segmentation(declared, declared.readers.segmentation)
    if declared.readers.classification:
        ceilings["classification"] = {
            dataset: _classification(declared, dataset, p) for dataset, p in declared.readers.classification.items()
        }
    write_text(declared.folder / "results" / "readers.json", json.dumps(ceilings, indent=1) + "\n")
    return 0


def _segmentation(declared: study.Study, p: study.SegmentationReader) -> dict[str, float]:
    data = arrays.load(declared.folder / "arrays" / f"{p.dataset}.npz")
    n_classes = len(data["palette"])
    print(f"segmentation: training on {p.n_train} photos of {p.dataset}, {p.epochs} epochs", flush=True)
    weights = recognition.train_reader(
        data["train_photo"][: p.n_train],
        data["train_labels"][: p.n_train, ..., 0],
        n_classes,
        epochs=p.epochs,
        batch_size=p.batch_size,
        learning_rate=p.learning_rate,
        channels=p.channels,
        seed=p.seed,
    )
    recognition.save_reader(declared.folder / "readers" / "segmentation.npz", weights)
    read = recognition.read(weights, data["test_photo"])
    ceiling = recognition.segmentation_scores(recognition.confusion(read, data["test_labels"][..., 0], n_classes))
    return _told("segmentation", ceiling)


def _classification(declared: study.Study, dataset: str, p: study.ClassificationReader) -> dict[str, float]:
    name, path = f"classification-{dataset}", declared.folder / "arrays" / f"{dataset}.npz"
    data = arrays.load(path)
    print(f"{name}: training on {p.n_train} photos, {p.epochs} epochs", flush=True)
    weights = classification.train_classifier(
        data["train_photo"][: p.n_train],
        {head: _labels(data, "train", head, path)[: p.n_train] for head in p.heads},
        epochs=p.epochs,
        batch_size=p.batch_size,
        learning_rate=p.learning_rate,
        channels=p.channels,
        seed=p.seed,
        split_colours=p.split_colours,
    )
    classification.save_reader(declared.folder / "readers" / f"{name}.npz", weights)
    probabilities = classification.predict(weights, data["test_photo"])
    truth = {head: _labels(data, "test", head, path) for head in p.heads}
    return _told(name, classification.accuracy(probabilities, truth))


def _labels(data: dict[str, np.ndarray], split: str, head: str, path: Path) -> np.ndarray:
    """One label of every photo of a split, or a line that names those that are there."""
    n = len(data[f"{split}_photo"])
    known = sorted(
        key.removeprefix(f"{split}_") for key, values in data.items() if key.startswith(split) and values.shape == (n,)
    )
    if head not in known:
        raise DataError(f"{path}: no label {head!r} of the {split} photos, known are {known}; correct heads in readers")
    return data[f"{split}_{head}"]


def _told(name: str, ceiling: dict[str, float]) -> dict[str, float]:
    """Says the scores of one reader, and rounds them for the file."""
    print(f"{name}: on real test photos " + ", ".join(f"{key} {score:.3f}" for key, score in ceiling.items()))
    return {key: float(f"{score:.6g}") for key, score in ceiling.items()}

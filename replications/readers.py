"""Trains the nets that instruments read images with: `python -m replications.readers`.

Writes readers/segmentation.npz, and results/readers.json with each reader's score on real test images: the ceiling of
what it can find in outputs.
"""

import argparse
import json
import os

from replications import command, study
from replications.datasets import arrays
from replications.instruments import recognition
from replications.keras_import import ONE_THREAD, quiet
from replications.results import write_text


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m replications.readers", description=__doc__)
    parser.add_argument("--study", default=".", help="the study's folder (default: the bundled study)")
    arguments = parser.parse_args(argv)
    declared = study.load(arguments.study)
    os.environ.update(ONE_THREAD)
    with quiet():
        import keras  # noqa: F401
    p = declared.readers.segmentation
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
    path = declared.folder / "readers" / "segmentation.npz"
    path.parent.mkdir(exist_ok=True)
    recognition.save_reader(path, weights)
    read = recognition.read(weights, data["test_photo"])
    ceiling = recognition.segmentation_scores(recognition.confusion(read, data["test_labels"][..., 0], n_classes))
    rounded = {name: float(f"{score:.6g}") for name, score in ceiling.items()}
    write_text(declared.folder / "results" / "readers.json", json.dumps({"segmentation": rounded}, indent=1) + "\n")
    print("segmentation: on real test photos " + ", ".join(f"{name} {score:.3f}" for name, score in ceiling.items()))
    return 0


if __name__ == "__main__":
    command.run(main)

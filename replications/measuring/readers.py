"""Trains the nets that instruments read images with: `python -m replications readers`.

A net's own random variation affects scores. So every net is trained once with each of the study's seeds, and the nets
of seed s judge the run of seed s: intervals over seeds then include this variation. Writes
readers/SEED/segmentation.npz and readers/SEED/classification-DATASET.npz, and results/readers.json with each net's
scores on real test images: the ceiling of what it can find in outputs.
"""

import json
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np

from replications import command, study
from replications.command import repro
from replications.datasets import arrays
from replications.environment import check_backend, quiet
from replications.errors import DataError, ReplicationError
from replications.instruments import classification, recognition
from replications.measuring.pool import pool
from replications.results import write_text


class ReadersError(ReplicationError):
    """Nets that could not be trained."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications readers", description=__doc__)
    parser.add_argument("--study", default=".", help="the study's folder (default: the bundled study)")
    arguments = parser.parse_args(argv)
    train(study.load(arguments.study))
    return 0


def train(declared: study.Study) -> None:
    """Trains every net of a study with every seed, one per core."""
    check_backend()
    nets = [("segmentation", "")] if declared.readers.segmentation else []
    nets += [("classification", dataset) for dataset in declared.readers.classification]
    wanted = [(seed, kind, dataset) for kind, dataset in nets for seed in declared.seeds]
    check_data(declared)
    for seed in declared.seeds:
        declared.nets(seed).mkdir(parents=True, exist_ok=True)
    ceilings: dict[str, dict] = {}
    with pool(tasks_each=1) as processes:
        pending = [processes.submit(_train_one, declared, *net) for net in wanted]
        for (seed, kind, dataset), future in zip(wanted, pending, strict=True):
            name = f"{kind}-{dataset}" if dataset else kind
            try:
                ceiling = future.result()
            except BrokenProcessPool:
                raise ReadersError(
                    f"{name} seed {seed}: its process died (killed, or out of memory); "
                    f"run {repro(declared.folder, 'readers')} again"
                ) from None
            scores_in_words = ", ".join(f"{key} {score:.3f}" for key, score in ceiling.items())
            print(f"{name} seed {seed}: on real test photos {scores_in_words}", flush=True)
            of_kind = ceilings.setdefault(kind, {})
            of_net = of_kind.setdefault(dataset, {}) if dataset else of_kind
            of_net[str(seed)] = {key: float(f"{score:.6g}") for key, score in ceiling.items()}
    write_text(declared.folder / "results" / "readers.json", json.dumps(ceilings, indent=1) + "\n")


def check_data(declared: study.Study) -> None:
    """Whether the arrays hold what the nets are to read, before a process is started for any of them.

    Raises:
        DataError: a data set is not there, or lacks an array or a label.
    """
    if declared.readers.segmentation:
        path = declared.folder / "arrays" / f"{declared.readers.segmentation.dataset}.npz"
        data = arrays.load(path)
        _ = [data[name] for name in ("palette", "train_photo", "train_labels", "test_photo", "test_labels")]
    for dataset, reader in declared.readers.classification.items():
        path = declared.folder / "arrays" / f"{dataset}.npz"
        data = arrays.load(path)
        for split in ("train", "test"):
            for head in reader.heads:
                _labels(data, split, head, path)


def _train_one(declared: study.Study, seed: int, kind: str, dataset: str) -> dict[str, float]:
    """One net, in a process of its own: it sets the process-wide random state."""
    with quiet():
        import keras  # noqa: F401
    if kind == "segmentation":
        assert declared.readers.segmentation
        return _segmentation(declared, declared.readers.segmentation, seed)
    return _classification(declared, dataset, declared.readers.classification[dataset], seed)


def _segmentation(declared: study.Study, p: study.SegmentationReader, seed: int) -> dict[str, float]:
    data = arrays.load(declared.folder / "arrays" / f"{p.dataset}.npz")
    n_classes = len(data["palette"])
    weights = recognition.train_reader(
        data["train_photo"][: p.n_train],
        data["train_labels"][: p.n_train, ..., 0],
        n_classes,
        epochs=p.epochs,
        batch_size=p.batch_size,
        learning_rate=p.learning_rate,
        channels=p.channels,
        seed=p.seed + seed,
    )
    recognition.save_reader(declared.nets(seed) / "segmentation.npz", weights)
    read = recognition.read(weights, data["test_photo"])
    return recognition.segmentation_scores(recognition.confusion(read, data["test_labels"][..., 0], n_classes))


def _classification(declared: study.Study, dataset: str, p: study.ClassificationReader, seed: int) -> dict[str, float]:
    path = declared.folder / "arrays" / f"{dataset}.npz"
    data = arrays.load(path)
    weights = classification.train_classifier(
        data["train_photo"][: p.n_train],
        {head: _labels(data, "train", head, path)[: p.n_train] for head in p.heads},
        epochs=p.epochs,
        batch_size=p.batch_size,
        learning_rate=p.learning_rate,
        channels=p.channels,
        seed=p.seed + seed,
    )
    classification.save_reader(declared.nets(seed) / f"classification-{dataset}.npz", weights)
    probabilities = classification.predict(weights, data["test_photo"])
    truth = {head: _labels(data, "test", head, path) for head in p.heads}
    return classification.accuracy(probabilities, truth)


def _labels(data: dict[str, np.ndarray], split: str, head: str, path: Path) -> np.ndarray:
    """One label of every photo of a split, or a line that names those that are there."""
    n = len(data[f"{split}_photo"])
    known = sorted(
        key.removeprefix(f"{split}_") for key, values in data.items() if key.startswith(split) and values.shape == (n,)
    )
    if head not in known:
        raise DataError(f"{path}: no label {head!r} of the {split} photos, known are {known}; correct heads in readers")
    return data[f"{split}_{head}"]

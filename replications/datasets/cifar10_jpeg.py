"""CIFAR-10 re-compressed as JPEG of quality 75: photos of 32 × 32 pixels in ten classes.

The pixels are not those of the original: JPEG halves the resolution of colour and drops fine detail.

The reference is `cifar10_jpeg.tar.gz` of the mirror folder. Where there is none, TFDS's own `cifar10` is downloaded and
re-compressed here, which gives nearly but not exactly the same pixels: another encoder, and perhaps another order
within a class. So the data have another hash, and runs on them are other runs.
"""

import io
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from replications.datasets import mirror
from replications.datasets.writer import DeterministicWriter
from replications.errors import DataError

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
"""What TFDS's `cifar10` downloads."""
ARCHIVE = "cifar10_jpeg.tar.gz"
DIGEST = "5a4b415a62d84d463f12c1e5c7b021375f2076dbbb385160557e809480390141"
"""`mirror.digest` of the 60,000 JPEG files."""
QUALITY = 75
SIZE = 32

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
RELEASE = {"train": 5000, "test": 1000}
"""Split: images of each class, which are numbered from 0."""
PER_CLASS = {"small": {"train": 1000, "test": 200}, "full": RELEASE}
"""Config: how many of them it has, the first."""


class Cifar10Jpeg(tfds.core.GeneratorBasedBuilder):
    """Photos and their classes (0 … 9), which take turns: number 0 of each, number 1 …; so the first n are balanced."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(name=name, description=f"{n['train']} training and {n['test']} test photos per class.")
        for name, n in PER_CLASS.items()
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description="CIFAR-10 re-compressed as JPEG of quality 75: small photos in ten classes.",
            features=tfds.features.FeaturesDict(
                {
                    "photo": tfds.features.Image(shape=(SIZE, SIZE, 3), encoding_format="png"),
                    "label": np.uint8,
                }
            ),
            homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
            citation="A. Krizhevsky: Learning Multiple Layers of Features from Tiny Images. 2009.",
            disable_shuffling=True,
        )

    def _example_writer(self) -> DeterministicWriter:
        return DeterministicWriter(file_format=self.info.file_format or tfds.core.FileFormat.TFRECORD)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        source = mirror.locate(ARCHIVE, URL, lambda _: download_original(dl_manager.download_dir))
        if source.is_dir():
            members = compress_original(source)
        else:
            members = mirror.read_members(source, [name for split in RELEASE for name in member_names(split)])
            mirror.check_digest(members, DIGEST, source)
        return {split: self._generate_examples(members, split) for split in RELEASE}

    def _generate_examples(self, members: dict[str, bytes], split: str):
        n = PER_CLASS[str(self.builder_config_name)][split] * len(CLASSES)
        for i, name in enumerate(member_names(split)[:n]):
            photo = np.asarray(mirror.open_image(name, members[name], (SIZE, SIZE)))
            yield i, {"photo": photo, "label": np.uint8(i % len(CLASSES))}


def member_names(split: str) -> list[str]:
    """The files of a split inside the archive, the classes taking turns."""
    return [f"cifar10_jpeg/{split}/{name}/{number:04}.jpg" for number in range(RELEASE[split]) for name in CLASSES]


def download_original(folder: Path) -> Path:
    """Prepares TFDS's own `cifar10` in `folder`; returns the folder of its records."""
    builder = tfds.builder("cifar10", data_dir=folder)
    builder.download_and_prepare()
    return Path(builder.data_dir)


def compress_original(folder: Path) -> dict[str, bytes]:
    """JPEG files, by the name that the archive would give them, of the `cifar10` that TFDS prepared in `folder`.

    Within a class they are numbered in the order of the original, which TFDS shuffles but keeps in the ids.
    """
    builder = tfds.builder_from_directory(folder)
    members = {}
    for split, n in RELEASE.items():
        by_class: list[dict[str, bytes]] = [{} for _ in CLASSES]
        for example in tfds.as_numpy(builder.as_dataset(split=split)):
            by_class[example["label"]][example["id"]] = _compress(example["image"])
        counts = [len(of_class) for of_class in by_class]
        if counts != [n] * len(CLASSES):
            raise DataError(f"{folder}: {counts} images of each class in {split}, expected {n}; download cifar10 again")
        ordered = [of_class[key] for of_class in by_class for key in sorted(of_class)]
        turns = [ordered[label * n + number] for number in range(n) for label in range(len(CLASSES))]
        members.update(zip(member_names(split), turns, strict=True))
    return members


def _compress(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()

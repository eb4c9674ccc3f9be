"""The 10,000 test digits of MNIST, padded to 32 pixels and grey in all three channels: 10 modes that can be counted.

LeCun, Bottou, Bengio, Haffner 1998, "Gradient-Based Learning Applied to Document Recognition", section III. MNIST's
own training digits are not used. Every digit is padded from 28 × 28 to 32 × 32 with zeros, not resampled. MNIST lists
its test digits by source, the first 5,000 by other writers than the last, so every fifth digit goes to the test split
and not the last fifth, whose strokes have a tenth more ink.
"""

import gzip
import re
import zlib
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from replications.datasets import mirror
from replications.datasets.writer import DeterministicWriter
from replications.errors import DataError

ARCHIVE = "mnist_test_10k_png.tar.gz"
IMAGES_URL = "https://storage.googleapis.com/cvdf-datasets/mnist/t10k-images-idx3-ubyte.gz"
LABELS_URL = "https://storage.googleapis.com/cvdf-datasets/mnist/t10k-labels-idx1-ubyte.gz"
"""What TFDS's `mnist` downloads. Its records would not do: they are shuffled, and do not say the digits' numbers."""
DIGEST = "3ef1f904014d56e378fba419cce40644e7a347a40e0eea6e5dbb7171d1ff0226"
"""`mirror.digest` of the pixels and of the labels in the order of MNIST, the same from either source."""
MEMBER = re.compile(r"mnist_test_10k_png/images/(\d{6})-num(\d)\.png")
"""A digit in the archive: its number from 0, and what it shows."""
N_DIGITS, DIGIT_SIZE, PADDING = 10_000, 28, 2

TEST_EVERY = 5
"""Digits 4, 9, 14 … are the test split's, all others the training split's."""


class Mnist10k(tfds.core.GeneratorBasedBuilder):
    """Single digits, in the order of MNIST."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(name="32", description="32 × 32 pixels."),
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        size = DIGIT_SIZE + 2 * PADDING
        return self.dataset_info_from_configs(
            description="The 10,000 test digits of MNIST, grey in all three channels.",
            features=tfds.features.FeaturesDict(
                {
                    "photo": tfds.features.Image(shape=(size, size, 3), encoding_format="png"),
                    "digit": np.uint8,
                }
            ),
            homepage="http://yann.lecun.com/exdb/mnist/",
            citation=(
                "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner: Gradient-Based Learning Applied to Document Recognition. "
                "Proceedings of the IEEE 86 (11), 1998. Digits: Y. LeCun, C. Cortes, C. J. C. Burges: The MNIST "
                "Database of Handwritten Digits (CC BY-SA 3.0)."
            ),
            disable_shuffling=True,
        )

    def _example_writer(self) -> DeterministicWriter:
        return DeterministicWriter(file_format=self.info.file_format or tfds.core.FileFormat.TFRECORD)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        source = mirror.locate(ARCHIVE, IMAGES_URL, dl_manager.download)
        if source.name == ARCHIVE:
            images, labels = read_archive(source)
        else:
            images, labels = read_idx(source, mirror.locate(ARCHIVE, LABELS_URL, dl_manager.download))
        mirror.check_digest({"images": images.tobytes(), "labels": labels.tobytes()}, DIGEST, source)
        of_test = np.arange(len(images)) % TEST_EVERY == TEST_EVERY - 1
        own = {"train": ~of_test, "test": of_test}
        return {split: self._generate_examples(images[chosen], labels[chosen]) for split, chosen in own.items()}

    def _generate_examples(self, images: np.ndarray, labels: np.ndarray):
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield i, {"photo": picture(image), "digit": label}


def picture(digit: np.ndarray) -> np.ndarray:
    """A digit (28, 28) → a grey picture (32, 32, 3)."""
    return np.repeat(np.pad(digit, PADDING)[..., None], 3, axis=-1)


def read_archive(archive: Path) -> tuple[np.ndarray, np.ndarray]:
    """The digits (N, 28, 28) and what they show (N,), both uint8, of the mirror's PNG files."""
    expected = [known_as(f"mnist_test_10k_png/images/{number:06}-num0.png") for number in range(N_DIGITS)]
    members = dict(sorted(mirror.read_members(archive, expected, known_as).items()))
    size = (DIGIT_SIZE, DIGIT_SIZE)
    images = [np.asarray(mirror.open_image(name, content, size))[..., 0] for name, content in members.items()]
    return np.stack(images), np.array([MEMBER.fullmatch(name)[2] for name in members], np.uint8)  # pyright: ignore[reportOptionalSubscript]  # all match


def known_as(name: str) -> str:
    """A member's name without the digit, which cannot be known before: …/000007-num9.png → …/000007-num?.png."""
    return re.sub(r"\d\.png$", "?.png", name) if MEMBER.fullmatch(name) else ""


def read_idx(images: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    """The same of MNIST's own two files."""
    N, S = N_DIGITS, DIGIT_SIZE
    return _read_idx(images, (N, S, S)), _read_idx(labels, (N,))


def _read_idx(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """An .idx file of bytes: two zeros, 8 for bytes, the number of axes, their lengths as 4 bytes each, the content."""
    header = bytes([0, 0, 8, len(shape)]) + np.array(shape, ">i4").tobytes()
    size = len(header) + int(np.prod(shape))
    try:
        with gzip.open(path) as file:
            content = file.read(size + 1)  # one more than expected is enough to see that there is too much
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(f"{path}: no whole .gz file ({error}); download it again") from error
    if len(content) != size or not content.startswith(header):
        raise DataError(
            f"{path}: {len(content)} bytes that start with {content[:4]!r}, expected an idx file of the "
            f"shape {shape}; download it again"
        )
    return np.frombuffer(content, np.uint8, offset=len(header)).reshape(shape)

"""The CMP Facade Database in the pix2pix release, as pairs of photo and label map.

Every file of the release shows the photo on its left and the map on its right, in twelve colours blurred by JPEG.
"""

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

from replications.datasets import mirror
from replications.datasets.writer import DeterministicWriter
from replications.errors import DataError

URL = "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/facades.tar.gz"
ARCHIVE = "facades.tar.gz"
DIGEST = "2fbba5fa2a6cb6b671e58aca871d2a702fc9dc116d14cc6cd7a414dc9bd03df6"
"""`mirror.digest` of the 606 JPEG files."""
SPLITS = {"train": ("train", 400), "validation": ("val", 100), "test": ("test", 106)}
"""Split: its folder in the release and its number of images, which are numbered from 1."""
RELEASE_SIZE = 256

CLASSES = (
    "background", "facade", "window", "door", "cornice", "sill",
    "balcony", "blind", "deco", "molding", "pillar", "shop",
)  # fmt: skip
PALETTE = np.array(
    [
        [0, 0, 222], [0, 48, 255], [0, 128, 255], [0, 208, 255], [32, 255, 224], [112, 255, 144],
        [192, 255, 63], [255, 240, 0], [255, 160, 0], [255, 80, 0], [255, 0, 0], [174, 0, 0],
    ],
    dtype=np.uint8,
)  # fmt: skip
"""Colour of each class (12, 3), steps of Matlab's `jet`: the modes of the release's own pixels."""

NEAR, SURE = 32, 48
"""RGB distances. Pixels of flat areas are much nearer to their colour; around an edge they are anywhere."""
MIN_NEAR_SHARE = 0.4
"""A map has at least this share of its pixels within NEAR of a palette colour; the release's worst has 0.5."""


class CmpFacades(tfds.core.GeneratorBasedBuilder):
    """Photos of facades and their label maps (classes 0 … 11), in the order of the release."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(name="64", description="64 × 64 pixels."),
        tfds.core.BuilderConfig(name="256", description="256 × 256 pixels, the size of the release."),
    ]

    @property
    def size(self) -> int:
        """Height and width of the images."""
        return int(str(self.builder_config_name))

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description="The pix2pix release of the CMP Facade Database: photos of facades with label maps.",
            features=tfds.features.FeaturesDict(
                {
                    "photo": tfds.features.Image(shape=(self.size, self.size, 3), encoding_format="png"),
                    "labels": tfds.features.Image(shape=(self.size, self.size, 1), encoding_format="png"),
                }
            ),
            homepage="https://cmp.felk.cvut.cz/~tylecr1/facade/",
            citation=(
                "R. Tyleček, R. Šára: Spatial Pattern Templates for Recognition of Objects with Regular "
                "Structure. GCPR 2013."
            ),
            disable_shuffling=True,
        )

    def _example_writer(self) -> DeterministicWriter:
        return DeterministicWriter(file_format=self.info.file_format or tfds.core.FileFormat.TFRECORD)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        archive = mirror.locate(ARCHIVE, URL, dl_manager.download)
        expected = [name for split in SPLITS for name in member_names(split)]
        members = mirror.read_members(archive, expected)
        mirror.check_digest(members, DIGEST, archive)
        return {split: self._generate_examples(members, split) for split in SPLITS}

    def _generate_examples(self, members: dict[str, bytes], split: str):
        for i, name in enumerate(member_names(split)):
            photo, labels = decode_pair(name, members[name], self.size)
            yield i, {"photo": photo, "labels": labels[..., None]}


def member_names(split: str) -> list[str]:
    """The files of a split inside the archive, in the order of their numbers."""
    folder, n = SPLITS[split]
    return [f"facades/{folder}/{number}.jpg" for number in range(1, n + 1)]


def decode_pair(name: str, content: bytes, size: int) -> tuple[np.ndarray, np.ndarray]:
    """One file of the release → photo (size, size, 3) and labels (size, size), both uint8."""
    S = RELEASE_SIZE
    both = mirror.open_image(name, content, (2 * S, S))
    photo, labels = both.crop((0, 0, S, S)), decode_labels(np.asarray(both)[:, S:], name)
    return downsize_photo(photo, S // size), downsize_labels(labels, S // size, len(CLASSES))


def decode_labels(coloured: np.ndarray, name: str) -> np.ndarray:
    """The classes (H, W) uint8 of a coloured label map (H, W, 3), by the nearest colour of the palette.

    JPEG smears the colours of an edge over several pixels, and a mixed colour may be nearest to a third class: dark
    red on blue gets a rim of the background's blue, a narrow blind the green of balconies. So a pixel that is not
    sure takes the most frequent class of the sure pixels in the 5 × 5 around it.

    Known flaws: corners are rounded by a pixel or two, and a pillar of two or three pixels may read as shop (both red).
    """
    # |x − p|² = |x|² − 2 x·p + |p|², (H, W, 12); whole numbers below 2²⁴, so float32 is exact
    x, p = coloured.astype(np.float32), PALETTE.astype(np.float32)
    distance = (x * x).sum(-1, keepdims=True) - 2 * x @ p.T + (p * p).sum(-1)
    labels, nearest = distance.argmin(-1).astype(np.uint8), distance.min(-1)
    share = (nearest <= NEAR**2).mean()
    if share < MIN_NEAR_SHARE:
        raise DataError(
            f"{name}: {share:.0%} of the label map's pixels are near one of the {len(PALETTE)} label colours, "
            f"expected at least {MIN_NEAR_SHARE:.0%}: not the colours of the pix2pix release; get {ARCHIVE} again"
        )
    unsure = nearest > SURE**2
    y, x = np.nonzero(unsure)
    voters = np.pad(np.where(unsure, len(CLASSES), labels), 2, constant_values=len(CLASSES))
    around = np.stack([voters[y + dy, x + dx] for dy in range(5) for dx in range(5)])  # (25, unsure pixels)
    votes = np.stack([(around == k).sum(0) for k in range(len(CLASSES))])
    labels[y, x] = np.where(votes.any(0), votes.argmax(0), labels[y, x])
    return labels


def downsize_photo(photo: Image.Image, factor: int) -> np.ndarray:
    """The photo with every block of factor × factor pixels averaged."""
    return np.asarray(photo.reduce(factor))


def downsize_labels(labels: np.ndarray, factor: int, n_classes: int) -> np.ndarray:
    """The most frequent class of every block of factor × factor pixels; the smallest class wins a tie."""
    H, W = labels.shape
    blocks = labels.reshape(H // factor, factor, W // factor, factor)
    counts = np.stack([(blocks == k).sum((1, 3)) for k in range(n_classes)])
    return counts.argmax(0).astype(np.uint8)

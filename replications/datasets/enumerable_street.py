"""The bundled data set without a condition: every photo of `replications.datasets.street`, in an order drawn once."""

import numpy as np
import tensorflow_datasets as tfds

from replications.datasets import street
from replications.datasets.writer import DeterministicWriter

SPLITS = {"train": street.N_PHOTOS, "test": 1000}
"""Split → photos. Training has them all, each once; those of the test are among them, for there are no others."""
SEED = 20151119
SPLIT_KEYS = {"train": 0, "test": 1}
"""Every split has a random stream of its own: SeedSequence(SEED, spawn_key=(split key,))."""


class EnumerableStreet(tfds.core.GeneratorBasedBuilder):
    """One house under all values of its factors."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(name=str(street.SIZE), description=f"{street.SIZE} × {street.SIZE} pixels.")
    ]

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description="All photos of a small street house, equally likely, in an order drawn once.",
            features=tfds.features.FeaturesDict(
                {
                    "photo": tfds.features.Image(shape=(street.SIZE, street.SIZE, 3), encoding_format="png"),
                    **dict.fromkeys(street.FACTORS, np.uint8),
                }
            ),
            disable_shuffling=True,
        )

    def _example_writer(self) -> DeterministicWriter:
        return DeterministicWriter(file_format=self.info.file_format or tfds.core.FileFormat.TFRECORD)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        return {split: self._generate_examples(split) for split in SPLITS}

    def _generate_examples(self, split: str):
        factors = street.factors_of(numbers(split))
        photos = street.render(factors)
        for i in range(SPLITS[split]):
            yield i, {"photo": photos[i], **{factor: values[i] for factor, values in factors.items()}}


def numbers(split: str) -> np.ndarray:
    """The numbers in the list of a split's photos, in its order."""
    rng = np.random.default_rng(np.random.SeedSequence(SEED, spawn_key=(SPLIT_KEYS[split],)))
    return rng.permutation(street.N_PHOTOS)[: SPLITS[split]]

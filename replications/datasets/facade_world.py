"""The bundled data set: the procedural world of `replications.datasets.world`, drawn once with fixed seeds."""

import numpy as np
import tensorflow_datasets as tfds

from replications.datasets import world
from replications.datasets.writer import DeterministicWriter

SPLITS = {"32": {"train": 4000, "test": 500}, "64": {"train": 2000, "test": 250}}
"""Image size: number of examples of each split."""
SEED = 20170711
PALETTE = world.PALETTE
SPLIT_KEYS = {"train": 0, "test": 1}
"""Every image size and split has a random stream of its own: SeedSequence(SEED, spawn_key=(size, split key))."""
FACTORS = ("wall_colour", "brick_phase", "mullion", "door_colour", "sky_shade", "shadow")


class FacadeWorld(tfds.core.GeneratorBasedBuilder):
    """Facades drawn from label maps and independent factors, in the order in which they were sampled."""

    VERSION = tfds.core.Version("2.0.0")
    BUILDER_CONFIGS = [  # noqa: RUF012
        tfds.core.BuilderConfig(name=size, description=f"{size} × {size} pixels.") for size in SPLITS
    ]

    @property
    def size(self) -> int:
        """Height and width of the images."""
        return int(str(self.builder_config_name))

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description="Small street facades whose distribution given the label map is known exactly.",
            features=tfds.features.FeaturesDict(
                {
                    "photo": tfds.features.Image(shape=(self.size, self.size, 3), encoding_format="png"),
                    "labels": tfds.features.Image(shape=(self.size, self.size, 1), encoding_format="png"),
                    **dict.fromkeys(FACTORS, np.uint8),
                    "lit": tfds.features.Tensor(shape=(world.MAX_WINDOWS,), dtype=np.uint8),
                }
            ),
            disable_shuffling=True,
        )

    def _example_writer(self) -> DeterministicWriter:
        return DeterministicWriter(file_format=self.info.file_format or tfds.core.FileFormat.TFRECORD)

    def _split_generators(self, dl_manager: tfds.download.DownloadManager):
        return {split: self._generate_examples(split) for split in SPLITS[str(self.size)]}

    def _generate_examples(self, split: str):
        n = SPLITS[str(self.size)][split]
        labels, factors = world.sample(generator(self.size, split), n, self.size)
        photos = world.render(labels, factors)
        for i in range(n):
            factors_of_one = {factor: values[i] for factor, values in factors.items()}
            yield i, {"photo": photos[i], "labels": labels[i, ..., None], **factors_of_one}


def generator(size: int, split: str) -> np.random.Generator:
    """The random stream that a split is drawn from."""
    return np.random.default_rng(np.random.SeedSequence(SEED, spawn_key=(size, SPLIT_KEYS[split])))

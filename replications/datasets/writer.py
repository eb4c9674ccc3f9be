"""TFRecords that are the same bytes on every build."""

import tensorflow as tf
from tensorflow_datasets.core import writer


class DeterministicWriter(writer.ExampleWriter):
    """Writes the features of an example in order of name.

    A tf.train.Example is a protobuf map, and protobuf writes maps in an order that differs between processes unless
    asked not to.
    """

    def write(self, path, examples):
        """Writes pairs of key and serialized example."""
        return super().write(path, ((key, _in_order(example)) for key, example in examples))


def _in_order(serialized: bytes) -> bytes:
    return tf.train.Example.FromString(serialized).SerializeToString(deterministic=True)

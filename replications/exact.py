"""Normalisation by operations that x86 processors of every make round alike, under TensorFlow on a CPU.

TensorFlow computes 1 / x, 1 / √x and the gradient of √x by approximate instructions, and AMD and Intel approximate in
ways of their own (validation/second_machine.md). Square root and division of two tensors were found exact to the last
bit on both. So a scale is divided by a deviation here, and the deviation's gradient is a division, too.
"""

import keras
from keras import layers, ops


def root(x):
    """√x, x > 0, whose gradient is the division 1 / (2 √x).

    One step of Newton's method from √x is √x itself, and its slope is that of the root. Second derivatives are wrong:
    they are 0. TensorFlow's graph optimiser writes x / √x as x · rsqrt(x), but does not look behind a maximum.
    """
    known = ops.stop_gradient(ops.maximum(ops.sqrt(x), 1e-12))
    return 0.5 * (known + x / known)


class BatchNormalization(layers.BatchNormalization):
    """Batch normalisation (Ioffe and Szegedy 2015) over the last axis: Keras' own, but for how it divides."""

    def call(self, inputs, training=None, mask=None):
        """As in Keras: by the batch's moments in training, which its moving averages follow, else by those."""
        if training and self.trainable:
            mean, variance = ops.moments(inputs, axes=list(range(len(inputs.shape) - 1)))
            for moving, of_batch in ((self.moving_mean, mean), (self.moving_variance, variance)):
                moving.assign(moving * self.momentum + of_batch * (1.0 - self.momentum))
        else:
            mean, variance = self.moving_mean, self.moving_variance
        scale = self.gamma / root(variance + self.epsilon)
        return inputs * scale + (self.beta - mean * scale)


class InstanceNormalization(layers.Layer):
    """Instance normalisation (Ulyanov et al. 2016): each channel of each picture by its own mean and deviation.

    It computes in float32 whatever its input, as Keras' layers of this kind do.
    """

    def __init__(self, epsilon: float = 1e-5, gamma_initializer: str | keras.Initializer = "ones"):
        super().__init__()
        self.epsilon, self.gamma_initializer = epsilon, gamma_initializer

    def build(self, input_shape):
        """γ and β, one of each for a channel."""
        channels = input_shape[-1:]
        self.gamma = self.add_weight(name="gamma", shape=channels, initializer=self.gamma_initializer, autocast=False)
        self.beta = self.add_weight(name="beta", shape=channels, initializer="zeros", autocast=False)

    def call(self, inputs):
        """(B, H, W, C) → the same."""
        x = ops.cast(inputs, "float32")
        mean, variance = ops.moments(x, axes=[1, 2], keepdims=True)
        scale = self.gamma / root(variance + self.epsilon)
        return ops.cast(x * scale + (self.beta - mean * scale), self.compute_dtype)

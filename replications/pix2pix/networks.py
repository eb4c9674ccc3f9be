"""Generator and discriminator of pix2pix (Isola et al. 2017, appendix 6.1), scaled by `ngf`, `ndf` and `depth`.

Axes: B images, H × W pixels, C channels. Pictures are float in [−1, 1]. Every layer gets its seed explicitly. The last
layers compute in float32 whatever the others do, for losses do not add up in less.
"""

from functools import cache

import keras
from keras import layers, ops

from replications.exact import InstanceNormalization
from replications.training.initialisers import Seeds

RECEPTIVE_FIELDS = {7: 0, 16: 1, 34: 2, 70: 3}
"""Receptive field in pixels → number of stride-2 convolutions before the two of stride 1; 1 is the PixelGAN."""


def generator(
    size: int, *, ngf: int, depth: int, skips: bool, dropout: float, dropout_blocks: int, seed: int
) -> keras.Model:
    """U-Net, or with `skips=False` the encoder–decoder that remains when its skips are cut: (B, size, size, 3) → same.

    `depth` stride-2 convolutions of `ngf`·(1, 2, 4, 8, 8, …) channels lead down to `size` / 2**depth pixels, as many
    transposed ones back. Dropout, the only noise, acts in the `dropout_blocks` innermost decoder blocks.
    """
    seeds = Seeds(seed)
    channels = [ngf * min(2**i, 8) for i in range(depth)]
    x = inputs = keras.Input((size, size, 3))
    encoded = []
    for i, c in enumerate(channels):
        x = layers.LeakyReLU(0.2)(x) if i else x
        normed = 0 < i < depth - 1  # the norm's own shift takes the bias's place
        x = layers.Conv2D(c, 4, 2, "same", use_bias=not normed, kernel_initializer=_normal(seeds))(x)
        x = _instance_norm(seeds)(x) if normed else x
        encoded.append(x)
    for i, c in reversed(list(enumerate(channels[:-1]))):
        x = layers.ReLU()(x)
        x = Conv2DTranspose(c, 4, 2, "same", use_bias=False, kernel_initializer=_normal(seeds))(x)
        x = _instance_norm(seeds)(x)
        x = layers.Dropout(dropout, seed=seeds())(x) if i >= depth - 1 - dropout_blocks else x
        x = layers.Concatenate()([x, encoded[i]]) if skips else x
    x = layers.ReLU()(x)
    x = Conv2DTranspose(3, 4, 2, "same", activation="tanh", kernel_initializer=_normal(seeds), dtype="float32")(x)
    return keras.Model(inputs, x, name="generator")


def discriminator(size: int, *, receptive_field: int, conditional: bool, ndf: int, seed: int) -> keras.Model:
    """PatchGAN: (input, picture), or the picture alone → logits (B, h, w, 1), one for each patch.

    `receptive_field` is a patch's size in pixels: 1 (PixelGAN) or one of RECEPTIVE_FIELDS; at least `size` makes it the
    paper's ImageGAN.
    """
    seeds = Seeds(seed)
    picture = keras.Input((size, size, 3))
    condition = keras.Input((size, size, 3))
    x = layers.Concatenate()([condition, picture]) if conditional else picture
    if receptive_field == 1:
        kernel, strides = 1, [1, 1]
    else:
        kernel, strides = 4, [2] * RECEPTIVE_FIELDS[receptive_field] + [1]
    for i, stride in enumerate(strides):
        c = ndf * min(2**i, 8)
        x = layers.Conv2D(c, kernel, stride, "same", use_bias=i == 0, kernel_initializer=_normal(seeds))(x)
        x = _instance_norm(seeds)(x) if i else x
        x = layers.LeakyReLU(0.2)(x)
    x = layers.Conv2D(1, kernel, 1, "same", kernel_initializer=_normal(seeds), dtype="float32")(x)
    return keras.Model([condition, picture] if conditional else [picture], x, name="discriminator")


class Conv2DTranspose(layers.Conv2DTranspose):
    """Keras' own, but for what JAX makes of its gradient.

    There the kernel's gradient is written as a convolution with a window of the picture's size, which XLA does not
    recognise on a GPU: two layers of the U-Net took three quarters of a step. The numbers are the same up to rounding.
    """

    def call(self, inputs):
        """As in Keras."""
        if keras.backend.backend() != "jax":
            return super().call(inputs)
        x = _jax_conv_transpose(self.strides)(inputs, ops.convert_to_tensor(self.kernel))
        x = ops.add(x, self.bias) if self.use_bias else x
        return self.activation(x)


@cache
def _jax_conv_transpose(strides: tuple[int, int]):
    """(x, kernel) → the transposed convolution: a convolution's gradient, so that the convolution is its own."""
    import jax  # pyright: ignore[reportMissingImports]  # an extra

    def conv(y, kernel):
        return ops.conv(y, kernel, strides, "same")

    @jax.custom_vjp
    def conv_transpose(x, kernel):
        return ops.conv_transpose(x, kernel, strides, "same")

    def backward(saved, g):
        x, kernel = saved
        towards_x, pull = jax.vjp(conv, g, kernel)
        return towards_x, pull(x)[1]

    conv_transpose.defvjp(  # pyright: ignore[reportFunctionMemberAccess]
        lambda x, kernel: (conv_transpose(x, kernel), (x, kernel)), backward
    )
    return conv_transpose


def _normal(seeds: Seeds):
    return keras.initializers.RandomNormal(0.0, 0.02, seed=seeds())


def _instance_norm(seeds: Seeds):
    """Batch normalisation at the paper's batch size of 1 is instance normalisation; this is it at any batch size."""
    return InstanceNormalization(gamma_initializer=keras.initializers.RandomNormal(1.0, 0.02, seed=seeds()))

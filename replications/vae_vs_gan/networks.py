"""Encoder, decoder and discriminator: the same three functions for every variant, after DCGAN (Radford et al. 2016).

As there: strided convolutions instead of pooling, batch normalisation everywhere but at the decoder's output and at the
first convolution of the other two, ReLU in the decoder and LeakyReLU outside. Unlike there, weights start as wide as
those of He et al. 2015: from N(0, 0.02) nets of so few channels learn slowly. Pictures are in [0, 1]: a sigmoid stands
for DCGAN's tanh, which it is but for the range.
"""

import keras
from keras import layers

from replications.exact import BatchNormalization
from replications.training.initialisers import Seeds, he


def encoder(size: int, *, channels: int, latent_size: int, gaussian: bool, seed: int) -> keras.Model:
    """Picture (B, size, size, 3) → mean and, if `gaussian`, log variance of q(z|x), each (B, latent_size)."""
    seeds = Seeds(seed)
    picture = keras.Input((size, size, 3))
    x = _down(picture, channels, seeds)
    names = ("mean", "log_var") if gaussian else ("mean",)
    heads = [layers.Dense(latent_size, kernel_initializer=he(seeds), name=name)(x) for name in names]
    return keras.Model(picture, heads, name="encoder")


def decoder(size: int, *, channels: int, latent_size: int, seed: int) -> keras.Model:
    """Latent (B, latent_size) → picture (B, size, size, 3) in [0, 1]; a GAN calls it its generator.

    A dense layer and three transposed convolutions of `channels`·(4, 2, 1) and 3 channels lead up from `size` / 8.
    """
    seeds = Seeds(seed)
    x = z = keras.Input((latent_size,))
    side = size // 8
    x = layers.Dense(side * side * channels * 4, use_bias=False, kernel_initializer=he(seeds))(x)
    x = layers.Reshape((side, side, channels * 4))(x)
    x = layers.ReLU()(_batch_norm(seeds)(x))
    for factor in (2, 1):
        up = layers.Conv2DTranspose(channels * factor, 4, 2, "same", use_bias=False, kernel_initializer=he(seeds))
        x = layers.ReLU()(_batch_norm(seeds)(up(x)))
    x = layers.Conv2DTranspose(3, 4, 2, "same", activation="sigmoid", kernel_initializer=he(seeds))(x)
    return keras.Model(z, x, name="decoder")


def discriminator(size: int, *, channels: int, normalised: bool = True, seed: int) -> keras.Model:
    """Picture (B, size, size, 3) → logit (B, 1) of being real: the encoder with another last layer.

    With a penalty on its gradient it is not `normalised`: the penalty is on each picture by itself, and batch
    normalisation makes a picture's logit depend on the others (Gulrajani et al. 2017, section 4).
    """
    seeds = Seeds(seed)
    picture = keras.Input((size, size, 3))
    x = _down(picture, channels, seeds, normalised)
    return keras.Model(picture, layers.Dense(1, kernel_initializer=he(seeds))(x), name="discriminator")


def _down(picture, channels: int, seeds: Seeds, normalised: bool = True):
    """Three stride-2 convolutions of `channels`·(1, 2, 4): (B, size, size, 3) → (B, (size / 8)² · 4 · channels)."""
    x = layers.Rescaling(2, offset=-1)(picture)
    for factor in (1, 2, 4):
        normed = normalised and factor > 1  # the norm's own shift takes the bias's place
        x = layers.Conv2D(channels * factor, 4, 2, "same", use_bias=not normed, kernel_initializer=he(seeds))(x)
        x = _batch_norm(seeds)(x) if normed else x
        x = layers.LeakyReLU(0.2)(x)
    return layers.Flatten()(x)


def _batch_norm(seeds: Seeds):
    """Batch normalisation whose running means, used after training, forget fast: there are few steps."""
    return BatchNormalization(
        momentum=0.9, epsilon=1e-5, gamma_initializer=keras.initializers.RandomNormal(1.0, 0.02, seed=seeds())
    )

"""Encoders and decoders with a flat and with a spatial latent, and the net whose features the perceptual loss compares.

Both latents leave the encoder, and enter the decoder, as vectors (B, latent_size): for the spatial one that is its
map written in a row and nothing else, so that all that follows treats them alike. Pictures are in [0, 1]. Every layer
gets its seed explicitly.
"""

import keras
from keras import layers

from replications.exact import InstanceNormalization
from replications.spatial_z_vae.params import REDUCTION, cell_values
from replications.training.initialisers import Seeds, glorot, he

_START = {"kernel_initializer": "zeros", "bias_initializer": keras.initializers.Constant(-4.0)}
"""All log variances start here, at a deviation of 0.14: the noise of a large latent would drown what it carries, and
cost a short training most of its steps."""


def flat_encoder(size: int, *, channels: int, latent_size: int, seed: int) -> keras.Model:
    """Picture (B, size, size, 3) → mean and log variance of q(z|x), each (B, latent_size), by dense layers.

    Three stride-2 convolutions of `channels`·(1, 2, 3) lead to `size` / 8 pixels (the original's later flat model:
    five, to 5 × 5 pixels of 1024 channels). With the factor 3 a flat latent of 128 values has as many parameters as a
    spatial one behind eight residual blocks.
    """
    seeds = Seeds(seed)
    x = picture = keras.Input((size, size, 3))
    for factor in (1, 2, 3):
        x = layers.Conv2D(channels * factor, 4, 2, "same", activation="relu", kernel_initializer=he(seeds))(x)
    x = layers.Flatten()(x)
    mean = layers.Dense(latent_size, kernel_initializer=glorot(seeds), name="mean")(x)
    log_var = layers.Dense(latent_size, **_START, name="log_var")(x)
    return keras.Model(picture, [mean, log_var], name="encoder")


def flat_decoder(size: int, *, channels: int, latent_size: int, seed: int) -> keras.Model:
    """Latent (B, latent_size) → picture (B, size, size, 3) in [0, 1]: the flat encoder's mirror image."""
    seeds = Seeds(seed)
    z = keras.Input((latent_size,))
    x = layers.Dense((size // 8) ** 2 * channels * 3, activation="relu", kernel_initializer=he(seeds))(z)
    x = layers.Reshape((size // 8, size // 8, channels * 3))(x)
    for factor in (2, 1):
        x = layers.Conv2DTranspose(channels * factor, 4, 2, "same", activation="relu", kernel_initializer=he(seeds))(x)
    x = layers.Conv2DTranspose(3, 4, 2, "same", activation="sigmoid", kernel_initializer=glorot(seeds))(x)
    return keras.Model(z, x, name="decoder")


def spatial_encoder(
    size: int, *, channels: int, residual_blocks: int, latent_size: int, normalise: bool, seed: int
) -> keras.Model:
    """Picture (B, size, size, 3) → mean and log variance of q(z|x), each (B, latent_size), by 1×1 convolutions.

    A convolution of `channels`, two of stride 2 with 2 and 4 times as many, `residual_blocks` residual blocks, and for
    each of the (size / 4)² cells C = latent_size / (size / 4)² means and log variances: no layer is dense. With
    `normalise` every convolution of 3 × 3 is followed by instance normalisation, as in the original.
    """
    seeds = Seeds(seed)
    x = picture = keras.Input((size, size, 3))
    for factor, stride in ((1, 1), (2, 2), (4, 2)):
        x = _conv(x, channels * factor, normalise, seeds, stride)
    for _ in range(residual_blocks):
        x = _residual_block(x, normalise, seeds)
    per_cell = cell_values(size, latent_size)
    mean = layers.Conv2D(per_cell, 1, kernel_initializer=glorot(seeds), name="mean")(x)
    log_var = layers.Conv2D(per_cell, 1, **_START, name="log_var")(x)
    return keras.Model(picture, [layers.Flatten()(mean), layers.Flatten()(log_var)], name="encoder")


def spatial_decoder(size: int, *, channels: int, latent_size: int, normalise: bool, seed: int) -> keras.Model:
    """Latent (B, latent_size) → picture (B, size, size, 3) in [0, 1].

    A 1×1 convolution of 4·`channels`, two blocks that double the sides by repetition and convolve, with 2 and 1 times
    `channels`, and a convolution to the colours.
    """
    seeds = Seeds(seed)
    z = keras.Input((latent_size,))
    side = size // REDUCTION
    x = layers.Reshape((side, side, cell_values(size, latent_size)))(z)
    x = layers.Conv2D(channels * 4, 1, activation="relu", kernel_initializer=he(seeds))(x)
    for factor in (2, 1):
        x = _conv(layers.UpSampling2D()(x), channels * factor, normalise, seeds)
    x = layers.Conv2D(3, 3, 1, "same", activation="sigmoid", kernel_initializer=glorot(seeds))(x)
    return keras.Model(z, x, name="decoder")


def classifier(size: int, *, channels: int, heads: dict[str, int], seed: int) -> tuple[keras.Model, keras.Model]:
    """The net that the perceptual loss looks through, and the same net with its answers.

    A convolution of `channels` on all pixels, two of stride 2 with 2 and 4 times as many, and a hidden layer: four
    layers, from texture to content, in place of the five of FaceNet that the original compares.

    Returns:
        features: picture (B, size, size, 3) → list of the four layers' outputs.
        classifier: picture → list of logits (B, classes), one for each of `heads`, name → number of classes.
    """
    seeds = Seeds(seed)
    x = picture = keras.Input((size, size, 3))
    compared = []
    for factor, stride in ((1, 1), (2, 2), (4, 2)):
        x = layers.Conv2D(channels * factor, 3, stride, "same", activation="relu", kernel_initializer=he(seeds))(x)
        compared.append(x)
    x = layers.Dense(channels * 4, activation="relu", kernel_initializer=he(seeds))(layers.Flatten()(x))
    compared.append(x)
    logits = [layers.Dense(n, kernel_initializer=glorot(seeds), name=name)(x) for name, n in heads.items()]
    return keras.Model(picture, compared, name="features"), keras.Model(picture, logits, name="classifier")


def _conv(x, channels: int, normalise: bool, seeds: Seeds, stride: int = 1, activation: str = "relu"):
    """Convolution of 3 × 3, instance normalisation (whose shift takes the bias's place) where asked for, activation."""
    x = layers.Conv2D(channels, 3, stride, "same", use_bias=not normalise, kernel_initializer=he(seeds))(x)
    if normalise:
        x = InstanceNormalization()(x)
    return layers.Activation(activation)(x)


def _residual_block(x, normalise: bool, seeds: Seeds):
    """Two convolutions beside an identity."""
    channels = x.shape[-1]
    inner = _conv(x, channels, normalise, seeds)
    return layers.Add()([x, _conv(inner, channels, normalise, seeds, activation="linear")])

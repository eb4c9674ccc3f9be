"""The encoder and the decoder of a convolutional VAE, one pair for all values of β."""

import keras
from keras import layers

from replications.training.initialisers import Seeds, glorot, he


def encoder(size: int, *, channels: int, latent_size: int, gaussian: bool, seed: int) -> keras.Model:
    """Picture (B, size, size, 3) → [mean, log variance] of q(z|x), each (B, latent_size); mean if not `gaussian`.

    Three stride-2 convolutions of `channels`·(1, 2, 4) lead to `size` / 8 pixels.
    """
    seeds = Seeds(seed)
    x = picture = keras.Input((size, size, 3))
    for factor in (1, 2, 4):
        x = layers.Conv2D(channels * factor, 4, 2, "same", activation="relu", kernel_initializer=he(seeds))(x)
    x = layers.Flatten()(x)
    mean = layers.Dense(latent_size, kernel_initializer=glorot(seeds), name="mean")(x)
    if not gaussian:
        return keras.Model(picture, mean, name="encoder")
    log_var = layers.Dense(latent_size, kernel_initializer=glorot(seeds), name="log_var")(x)
    return keras.Model(picture, [mean, log_var], name="encoder")


def decoder(size: int, *, channels: int, latent_size: int, seed: int) -> keras.Model:
    """Latent (B, latent_size) → picture (B, size, size, 3) in [0, 1]: the encoder's mirror image."""
    seeds = Seeds(seed)
    z = keras.Input((latent_size,))
    x = layers.Dense((size // 8) ** 2 * channels * 4, activation="relu", kernel_initializer=he(seeds))(z)
    x = layers.Reshape((size // 8, size // 8, channels * 4))(x)
    for factor in (2, 1):
        x = layers.Conv2DTranspose(channels * factor, 4, 2, "same", activation="relu", kernel_initializer=he(seeds))(x)
    x = layers.Conv2DTranspose(3, 4, 2, "same", activation="sigmoid", kernel_initializer=glorot(seeds))(x)
    return keras.Model(z, x, name="decoder")

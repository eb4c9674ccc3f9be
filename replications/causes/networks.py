"""Encoder, decoder and discriminator: one of each for all cells, so that a cell differs by what its name says alone."""

import keras
from keras import layers

from replications.exact import BatchNormalization
from replications.training.initialisers import Seeds, glorot, he


def encoder(size: int, *, channels: int, latent_size: int, gaussian: bool, hidden: int = 0, seed: int) -> keras.Model:
    """Picture (B, size, size, 3) → mean and, if `gaussian`, log variance of the code, each (B, latent_size).

    Three stride-2 convolutions of `channels`·(1, 2, 4) lead to `size` / 8 pixels. The mean starts from the same
    weights whatever there is beside it: mean and log variance of `hidden` values, each (B, hidden), come last.
    """
    seeds = Seeds(seed)
    x = picture = keras.Input((size, size, 3))
    for factor in (1, 2, 4):
        x = layers.Conv2D(channels * factor, 4, 2, "same", activation="relu", kernel_initializer=he(seeds))(x)
    x = layers.Flatten()(x)
    heads = {"mean": latent_size, **({"log_var": latent_size} if gaussian else {})}
    heads |= {"hidden_mean": hidden, "hidden_log_var": hidden} if hidden else {}
    outputs = [layers.Dense(n, kernel_initializer=glorot(seeds), name=name)(x) for name, n in heads.items()]
    return keras.Model(picture, outputs, name="encoder")


def decoder(size: int, *, channels: int, latent_size: int, noise_size: int, seed: int, name: str) -> keras.Model:
    """Code (B, latent_size) and noise of the decoder's own (B, noise_size) → picture (B, size, size, 3) in [0, 1].

    A dense layer and three transposed convolutions of `channels`·(2, 1) and 3 channels, normalised as DCGAN's generator
    (Radford et al. 2016), without which an adversary leaves noise. Every cell has the noise, used or not: what is
    deterministic learns to overlook it.
    """
    seeds = Seeds(seed)

    def batch_norm() -> layers.Layer:
        """Its running means, used after training, forget fast: there are few steps."""
        gamma = keras.initializers.RandomNormal(1.0, 0.02, seed=seeds())
        return BatchNormalization(momentum=0.9, epsilon=1e-5, gamma_initializer=gamma)

    code, noise = keras.Input((latent_size,)), keras.Input((noise_size,))
    x = layers.Concatenate()([code, noise])
    x = layers.Dense((size // 8) ** 2 * channels * 4, use_bias=False, kernel_initializer=he(seeds))(x)
    x = layers.Reshape((size // 8, size // 8, channels * 4))(x)
    x = layers.ReLU()(batch_norm()(x))
    for factor in (2, 1):
        up = layers.Conv2DTranspose(channels * factor, 4, 2, "same", use_bias=False, kernel_initializer=he(seeds))
        x = layers.ReLU()(batch_norm()(up(x)))
    x = layers.Conv2DTranspose(3, 4, 2, "same", activation="sigmoid", kernel_initializer=glorot(seeds))(x)
    return keras.Model([code, noise], x, name=name)


def discriminator(size: int, *, channels: int, latent_size: int, seed: int) -> keras.Model:
    """Picture (B, size, size, 3) and code (B, latent_size) → logit (B, 1) of being a photo of this code.

    As it sees the code, pictures that are likely given the code win, and not pictures that are likely (Mirza and
    Osindero 2014). It is not normalised: its gradient is penalised for each picture by itself.
    """
    seeds = Seeds(seed)
    picture, code = keras.Input((size, size, 3)), keras.Input((latent_size,))
    x = layers.Rescaling(2, offset=-1)(picture)
    for factor in (1, 2, 4):
        x = layers.Conv2D(channels * factor, 4, 2, "same", kernel_initializer=he(seeds))(x)
        x = layers.LeakyReLU(0.2)(x)
    x = layers.Concatenate()([layers.Flatten()(x), code])
    x = layers.LeakyReLU(0.2)(layers.Dense(channels * 8, kernel_initializer=he(seeds))(x))
    logit = layers.Dense(1, kernel_initializer=he(seeds))(x)
    return keras.Model([picture, code], logit, name="discriminator")

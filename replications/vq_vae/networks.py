"""Encoder, decoder, and the bottlenecks between them: three ways to keep a codebook, none, and a continuous one.

Axes: B pictures, h × w positions, D numbers at each, K codes.
"""

import keras
from keras import layers, ops

from replications.training.initialisers import Seeds, glorot, he


def encoder(size: int, *, channels: int, residual_blocks: int, outputs: int, seed: int) -> keras.Model:
    """Picture (B, size, size, 3) → z_e (B, size / 4, size / 4, outputs).

    Two stride-2 4×4 convolutions and residual 3×3 blocks (section 4.1), then a 1×1 convolution.
    """
    seeds = Seeds(seed)
    x = picture = keras.Input((size, size, 3))
    for _ in range(2):
        x = layers.Conv2D(channels, 4, 2, "same", activation="relu", kernel_initializer=he(seeds))(x)
    for _ in range(residual_blocks):
        x = _residual(x, channels, seeds)
    z = layers.Conv2D(outputs, 1, kernel_initializer=glorot(seeds))(layers.ReLU()(x))
    return keras.Model(picture, z, name="encoder")


def decoder(size: int, *, channels: int, residual_blocks: int, embedding_dim: int, seed: int) -> keras.Model:
    """Latent (B, size / 4, size / 4, D) → picture (B, size, size, 3) in [0, 1]: the encoder's mirror image."""
    seeds = Seeds(seed)
    z = keras.Input((size // 4, size // 4, embedding_dim))
    x = layers.Conv2D(channels, 3, 1, "same", kernel_initializer=glorot(seeds))(z)
    for _ in range(residual_blocks):
        x = _residual(x, channels, seeds)
    x = layers.ReLU()(x)
    x = layers.Conv2DTranspose(channels, 4, 2, "same", activation="relu", kernel_initializer=he(seeds))(x)
    x = layers.Conv2DTranspose(3, 4, 2, "same", activation="sigmoid", kernel_initializer=glorot(seeds))(x)
    return keras.Model(z, x, name="decoder")


class NoQuantiser(layers.Layer):
    """The latent as it is: a plain autoencoder, the ceiling of all codebooks."""

    def call(self, z, training=False):
        """(B, h, w, D) → {quantised: the same, loss: 0}."""
        return {"quantised": z, "loss": ops.zeros(())}


class Gaussian(layers.Layer):
    """A continuous latent: z = mean + σ ε with the KL divergence to N(0, 1) as its price."""

    def __init__(self, *, seed: int):
        super().__init__()
        self.noise = keras.random.SeedGenerator(seed)

    def call(self, z, training=False):
        """(B, h, w, 2 D), mean and log variance → {quantised: a sample, or the mean at test time; rate (B,) nats}."""
        mean, log_var = ops.split(z, 2, axis=-1)
        noise = keras.random.normal(ops.shape(mean), seed=self.noise) if training else 0.0
        # By `square`: as a power it is another number in the last bit where nothing is compiled.
        rate = ops.sum(ops.square(mean) + ops.exp(log_var) - log_var - 1, axis=(1, 2, 3)) / 2
        return {"quantised": mean + ops.exp(log_var / 2) * noise, "rate": rate, "loss": ops.zeros(())}


class StraightThrough(layers.Layer):
    """The paper's quantiser (equations 1 to 3): the codebook follows the encodings by gradient descent.

    loss = ‖sg[z_e] − e‖² + β ‖z_e − sg[e]‖², means over positions and dimensions.
    """

    def __init__(self, codebook_size: int, embedding_dim: int, *, commitment_cost: float, seed: int):
        super().__init__()
        self.commitment_cost = commitment_cost
        self.codebook = self.add_weight(
            name="codebook", shape=(codebook_size, embedding_dim), initializer=_unit(embedding_dim, seed)
        )

    def call(self, z, training=False):
        """(B, h, w, D) → {quantised: with the encoder's gradient, codes (B, h, w), loss}."""
        codes = nearest(z, self.codebook)
        e = ops.take(self.codebook, codes, axis=0)
        codebook_loss = ops.mean(ops.square(ops.stop_gradient(z) - e))
        commitment = ops.mean(ops.square(z - ops.stop_gradient(e)))
        return {
            "quantised": z + ops.stop_gradient(e - z),
            "codes": codes,
            "loss": codebook_loss + self.commitment_cost * commitment,
        }


class EMA(layers.Layer):
    """The codebook as moving averages of the encodings (appendix A.1), with no gradient of its own.

    N_i ← γ N_i + (1 − γ) n_i, m_i ← γ m_i + (1 − γ) Σ z, e_i = m_i / N_i: n_i encodings of the batch went to code i.
    """

    def __init__(self, codebook_size: int, embedding_dim: int, *, commitment_cost: float, decay: float, seed: int):
        super().__init__()
        self.commitment_cost, self.decay = commitment_cost, decay
        shape = (codebook_size, embedding_dim)
        self.codebook = self.add_weight(
            name="codebook", shape=shape, initializer=_unit(embedding_dim, seed), trainable=False
        )
        self.count = self.add_weight(name="count", shape=shape[:1], initializer="ones", trainable=False)
        self.total = self.add_weight(
            name="total", shape=shape, initializer=_unit(embedding_dim, seed), trainable=False
        )  # equal to the codebook where every count is 1

    def call(self, z, training=False):
        """(B, h, w, D) → {quantised: with the encoder's gradient, codes (B, h, w), loss: the commitment}."""
        codes = nearest(z, self.codebook)
        e = ops.take(self.codebook, codes, axis=0)
        if training:
            self.update(ops.stop_gradient(z), codes)
        return {
            "quantised": z + ops.stop_gradient(e - z),
            "codes": codes,
            "loss": self.commitment_cost * ops.mean(ops.square(z - ops.stop_gradient(e))),
        }

    def update(self, z, codes) -> None:
        """One step of the moving averages."""
        K, D = self.codebook.shape
        chosen = ops.one_hot(ops.reshape(codes, (-1,)), K)  # (B h w, K)
        flat = ops.reshape(z, (-1, D))
        self.count.assign(self.decay * self.count + (1 - self.decay) * ops.sum(chosen, axis=0))
        self.total.assign(self.decay * self.total + (1 - self.decay) * ops.matmul(ops.transpose(chosen), flat))
        self.codebook.assign(self.total / ops.maximum(self.count, 1e-5)[:, None])


class EMAWithRestarts(EMA):
    """EMA whose unused codes start again at encodings drawn from the batch (Dhariwal et al. 2020, Jukebox)."""

    def __init__(self, codebook_size: int, embedding_dim: int, *, restart_below: float, seed: int, **ema):
        super().__init__(codebook_size, embedding_dim, seed=seed, **ema)
        self.restart_below = restart_below
        self.drawn = keras.random.SeedGenerator(seed)

    def update(self, z, codes) -> None:
        """One step of the moving averages, then the restarts."""
        super().update(z, codes)
        K, D = self.codebook.shape
        flat = ops.reshape(z, (-1, D))
        drawn = keras.random.randint((K,), 0, ops.shape(flat)[0], seed=self.drawn)
        fresh = ops.take(flat, drawn, axis=0)
        unused = ops.cast(self.count < self.restart_below, "float32")
        self.count.assign((1 - unused) * self.count + unused)
        self.total.assign((1 - unused)[:, None] * self.total + unused[:, None] * fresh)
        self.codebook.assign((1 - unused)[:, None] * self.codebook + unused[:, None] * fresh)


def nearest(z, codebook):
    """The code (B, h, w) int32 whose vector is nearest to each encoding (B, h, w, D); codebook (K, D). Equation 1."""
    distance = ops.sum(ops.square(codebook), axis=1) - 2 * ops.matmul(z, ops.transpose(codebook))  # less |z|²
    return ops.cast(ops.argmin(distance, axis=-1), "int32")


def _residual(x, channels: int, seeds: Seeds):
    """ReLU, 3×3, ReLU, 1×1, added to the input."""
    y = layers.Conv2D(channels, 3, 1, "same", kernel_initializer=he(seeds))(layers.ReLU()(x))
    y = layers.Conv2D(channels, 1, kernel_initializer=glorot(seeds))(layers.ReLU()(y))
    return layers.Add()([x, y])


def _unit(embedding_dim: int, seed: int):
    """Code vectors of unit length on average."""
    return keras.initializers.RandomUniform(-((3 / embedding_dim) ** 0.5), (3 / embedding_dim) ** 0.5, seed=seed)

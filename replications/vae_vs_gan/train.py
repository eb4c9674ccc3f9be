"""One decoder trained as autoencoder, VAE, GAN, or VAE and GAN at once, as one loss, on any backend.

VAE: Kingma and Welling 2014; GAN: Radford et al. 2016 (DCGAN); both at once: after Larsen et al. 2016 (VAE/GAN).
Rates and distortions are in nats per image, bounds in nats per dimension. Pictures are in [0, 1].
"""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from replications.errors import Diverged
from replications.training import fitting
from replications.training.adversarial import adversarial_loss, frozen_logits, gradient_penalty, pairing_loss
from replications.training.arrays import check_counts, check_finite, joined, pieces, six_digits, to_float, to_uint8
from replications.training.fitting import Batches, Outputs, adam, count, fit, jit_compile
from replications.training.gaussians import kl_to_standard_normal, sample
from replications.vae_vs_gan import networks
from replications.vae_vs_gan.params import Params

PIECE = 500
"""Images that go through a net at once when it is not trained."""
N_VARIANCE = 5000
"""Training images that say how large the error is: enough for a percent of it."""
SMALLEST_VARIANCE = (1 / 255) ** 2 / 12
"""Of the rounding to 8 bits: no pixel is known better."""


def train(
    params: Params, seed: int, data: dict[str, np.ndarray], progress: Callable[[int, int], None]
) -> tuple[dict[str, np.ndarray], dict, dict[str, keras.Model]]:
    """Trains one variant with one seed, decodes the prior, and runs it on the test set as far as it can.

    Args:
        params: the variant's hyper-parameters.
        seed: decides initial weights, order and noise; equal seeds pair the variants.
        data: train_photo, test_photo (N, H, W, 3) uint8; labels are not looked at.
        progress: told (images seen, images in all) now and then.

    Returns:
        images: target (N, H, W, 3); output, the decoded posterior means of the same, where there is an encoder; prior
            (n_samples, H, W, 3), decoded draws from N(0, 1); searched (n_search, H, W, 3), the nearest to the first
            targets that a search of the latent found. All uint8.
        facts: what only the model knows; with a Gaussian encoder also bounds on the log-likelihood.
        nets: encoder, decoder and discriminator, as far as the variant has them, as they ended.
        Images and facts of earlier snapshots come beside those of the end (`fitting.Fitted`).

    Raises:
        Diverged: a loss or an output was not finite, or all samples are one flat colour.
        DataError: the data set has fewer images than asked for.
    """
    check_counts(params, data)
    keras.utils.set_random_seed(seed)
    photos, test = data["train_photo"][: params.n_train], data["test_photo"][: params.n_test]
    model = VAEvsGAN(params, photos.shape[1], seed)
    batches = Batches(photos, params.batch_size, seed)
    optimizer = adam(params, beta_1=params.beta_1, beta_2=params.beta_2)
    fitted = fit(model, optimizer, batches, params, progress, lambda: look(model, photos, test, seed))
    images, facts = fitted.outputs({"target": test})
    if np.ptp(images["prior"].astype(float), axis=(0, 1, 2)).max() < 0.025 * 255:
        raise Diverged(f"epoch {params.epochs}: all samples are one flat colour")
    return images, facts, {name: net for name, net in model.nets.items() if net}


def look(model: "VAEvsGAN", photos: np.ndarray, test: np.ndarray, seed: int) -> Outputs:
    """What the model puts out as it is; photos, of the training, and test: uint8 (N, H, W, 3)."""
    params, rng = model.p, np.random.default_rng(seed)
    outputs = {"prior": model.decode(rng.standard_normal((params.n_samples, params.latent_size)))}
    if model.encoder:
        outputs["output"] = model.decode(model.encode(test)[0])
    outputs["searched"] = search(model.decoder, to_float(test[: params.n_search]), params, seed)
    check_finite(outputs, params.epochs)
    facts: dict[str, Any] = {f"{name}_parameters": net.count_params() if net else 0 for name, net in model.nets.items()}
    if params.encoder == "gaussian":
        bounds = likelihood(model, photos[:N_VARIANCE], test[: params.n_bound], rng)
        facts |= {name: six_digits(value) for name, value in bounds.items()}
    return {name: to_uint8(values) for name, values in outputs.items()}, facts


class VAEvsGAN(keras.Model):
    """Encoder (or none), noise, decoder, discriminator (or none) as one loss, so that plain `fit` trains all three.

    The gradient of the sum reaches the discriminator through its own term only, which sees stop-gradiented outputs; the
    adversarial term goes through a discriminator with stop-gradiented weights. Adam acts weight by weight, so one
    optimiser equals several with equal settings.
    """

    def __init__(self, params: Params, size: int, seed: int):
        super().__init__()
        self.p = params
        shape = {"channels": params.channels, "latent_size": params.latent_size}
        self.decoder = networks.decoder(size, **shape, seed=seed)
        self.encoder = None
        if params.encoder != "none":
            self.encoder = networks.encoder(size, **shape, gaussian=params.encoder == "gaussian", seed=seed + 500_000)
        self.discriminator = None
        if params.gamma > 0:
            normalised = params.gradient_penalty == 0
            self.discriminator = networks.discriminator(
                size, channels=params.channels, normalised=normalised, seed=seed + 1_000_000
            )
        self.nets = {"encoder": self.encoder, "decoder": self.decoder, "discriminator": self.discriminator}
        self.noise = keras.random.SeedGenerator(seed)
        terms = ["distortion"] if self.encoder else []
        terms += ["rate"] if params.encoder == "gaussian" else []
        terms += ["discriminator", "adversarial"] if self.discriminator else []
        self.trackers = {name: keras.metrics.Mean(name=name) for name in terms}

    def call(self, x, training=False):
        """Pictures (B, H, W, 3) → what the loss needs of their latents and of what they and the prior decode to.

        Where there is an encoder: mean, log_var (B, latent_size), output (B, H, W, 3). Where there is a discriminator:
        fake (B or 2 B, H, W, 3), all that it is to tell from pictures, samples of the prior last.
        """
        results: dict[str, Any] = {}
        z = []
        if self.encoder:
            encoded = keras.tree.flatten(self.encoder(x, training=training))  # a single output comes bare
            results = dict(zip(("mean", "log_var"), encoded, strict=False))
            z.append(results["mean"])
            if self.p.encoder == "gaussian":
                z[0] = z[0] + ops.exp(results["log_var"] / 2) * self.standard_normal(x)
        if self.discriminator:
            z.append(self.standard_normal(x))
        decoded = self.decoder(ops.concatenate(z), training=training)
        if self.encoder:
            results["output"] = decoded[: ops.shape(x)[0]]
        if self.discriminator:
            results["fake"] = decoded
        return results

    def standard_normal(self, x):
        """A latent from the prior for each picture, (B, latent_size)."""
        return keras.random.normal((ops.shape(x)[0], self.p.latent_size), seed=self.noise)

    def compute_loss(self, x=None, y: Any = None, y_pred: Any = None, sample_weight=None, training=True):
        """Distortion + β · rate, nats per image, + γ · adversarial + discriminator, as far as the variant has them.

        With the optimal variance the distortion is −log p of a decoder whose variance is the batch's mean squared error
        (Rybkin et al. 2021, equation 5), up to a constant.
        """
        losses, total = {}, 0.0
        if self.encoder:
            losses["distortion"] = ops.mean(ops.sum(ops.square(y - y_pred["output"]), axis=(1, 2, 3))) / 2
            total = total + self.priced(losses["distortion"], math.prod(y.shape[1:]))
        if self.p.encoder == "gaussian":
            rates = kl_to_standard_normal(y_pred["mean"], y_pred["log_var"], ops.exp)
            losses["rate"] = ops.mean(ops.sum(rates, axis=1))
            total = total + self.p.beta * losses["rate"]
        if self.discriminator:
            losses["discriminator"] = self.discriminator_loss(y, ops.stop_gradient(y_pred["fake"]))
            losses["adversarial"] = self.adversarial_loss(y, y_pred["fake"])
            total = total + losses["discriminator"] + self.p.gamma * losses["adversarial"]
        for name, value in losses.items():
            self.trackers[name].update_state(value)
        return total

    def priced(self, distortion, n_values: int):
        """The distortion as the loss counts it, in nats per image of `n_values` values."""
        if self.p.variance == "unit":
            return distortion
        return n_values / 2 * ops.log(2 * distortion / n_values)

    def adversarial_loss(self, real, fake):
        """What the decoder is told by the discriminator, which stands still."""
        assert self.discriminator is not None
        if self.p.game == "standard":
            return adversarial_loss(self.discriminator, fake)
        real_logits, fake_logits = (frozen_logits(self.discriminator, pictures) for pictures in (real, fake))
        return pairing_loss(fake_logits, self.paired(real_logits))

    def paired(self, real_logits):
        """A real picture's logit for each generated one's: where there are reconstructions, there are twice as many."""
        return ops.concatenate([real_logits] * (2 if self.encoder else 1))

    def discriminator_loss(self, real, fake):
        """What it costs the discriminator to take real and generated pictures for one another.

        Standard: −log D(x) − log(1 − D(G(z))), real and generated pictures normalised in batches of their own as in
        DCGAN. With one-sided label smoothing (Salimans et al. 2016, section 3.4) real pictures are real to 1 − s only.
        """
        assert self.discriminator is not None
        real_logits, fake_logits = (self.discriminator(pictures, training=True) for pictures in (real, fake))
        if self.p.game == "relativistic":
            loss = pairing_loss(self.paired(real_logits), fake_logits)
            for pictures, logits in ((real, real_logits), (fake, fake_logits)):
                noise = keras.random.normal(ops.shape(pictures), seed=self.noise)
                penalty = gradient_penalty(self.discriminator, pictures, logits, noise, self.p.penalty_step)
                loss = loss + self.p.gradient_penalty / 2 * penalty
            return loss
        s = self.p.label_smoothing
        taken_for_real = (1 - s) * ops.mean(ops.softplus(-real_logits)) + s * ops.mean(ops.softplus(real_logits))
        return taken_for_real + ops.mean(ops.softplus(fake_logits))

    def encode(self, photos: np.ndarray) -> list[np.ndarray]:
        """uint8 (N, H, W, 3) → mean and, of a Gaussian encoder, log variance, each (N, latent_size)."""
        assert self.encoder is not None
        results = [keras.tree.flatten(self.encoder(to_float(piece), training=False)) for piece in pieces(photos, PIECE)]
        return [joined(parts) for parts in zip(*results, strict=True)]

    def decode(self, z: np.ndarray) -> np.ndarray:
        """(N, latent_size) → pictures in [0, 1] (N, H, W, 3)."""
        return joined([self.decoder(piece, training=False) for piece in pieces(z.astype(np.float32), PIECE)])


# --- the search of the latent ----------------------------------------------------------------------------------------


class Search(keras.Model):
    """Latents as the only weights, in front of a decoder that stands still."""

    def __init__(self, decoder: keras.Model, z: np.ndarray):
        super().__init__()
        decoder.trainable = False
        self.decoder = decoder
        self.z = self.add_weight(shape=z.shape, initializer="zeros", name="z")
        self.z.assign(z)

    def call(self, x, training=False):
        """What the latents decode to, (N, H, W, 3), whatever `x`."""
        return self.decoder(self.z, training=False)

    def compute_loss(self, x=None, y: Any = None, y_pred: Any = None, sample_weight=None, training=True):
        """Sum over the images of the mean squared error, so that no image's gradient depends on how many there are."""
        return ops.sum(ops.mean(ops.square(y - y_pred), axis=(1, 2, 3)))


class Repeat(keras.utils.PyDataset):
    """The same (x, x), `n` times."""

    def __init__(self, x: np.ndarray, n: int):
        super().__init__(workers=0)
        self.x, self.n = x, n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, batch: int):
        return self.x, self.x


def search(decoder: keras.Model, target: np.ndarray, params: Params, seed: int) -> np.ndarray:
    """The output nearest to each target (N, H, W, 3) that gradient descent finds from `n_restarts` draws of the prior.

    After Metz et al. 2017 (who take L-BFGS), with Adam; nothing holds the latent near the prior.
    """
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((params.n_restarts * len(target), params.latent_size)).astype(np.float32)
    model = Search(decoder, z)
    # Under JAX `fit` gives away the arrays that it is given, and the averages of the weights may be the same arrays.
    decoder.set_weights(decoder.get_weights())
    model.compile(keras.optimizers.Adam(params.search_learning_rate), jit_compile=jit_compile())
    model.optimizer.build(model.trainable_variables)
    model.fit(Repeat(np.tile(target, (params.n_restarts, 1, 1, 1)), params.search_steps), shuffle=False, verbose=0)
    fitting.TRAINED.pop("search", None)  # what is told is the search at the end of the training
    count("search", steps=int(model.optimizer.iterations))
    decoder.trainable = True  # there may be training left
    found = ops.convert_to_numpy(model(target)).reshape(params.n_restarts, *target.shape)
    best = np.square(found - target).mean(axis=(2, 3, 4)).argmin(axis=0)
    return found[best, np.arange(len(target))]


# --- the likelihood --------------------------------------------------------------------------------------------------


def likelihood(model: VAEvsGAN, photos: np.ndarray, test: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Bounds on the mean log-likelihood of the test images, and two Gaussians to compare them with.

    Densities are those of intensities in [0, 1], in nats per dimension. photos, the training images, and test: uint8
    (N, H, W, 3). Returns decoder_variance; elbo and iwae (K = n_importance), of the same weights; rate, nats per image;
    and the two of `baselines`.
    """
    mean, log_var = model.encode(test)
    variance = decoder_variance(model, photos, rng)
    weights = log_weights(model, test, variance, rng)
    n_values = math.prod(test.shape[1:])
    return {
        "decoder_variance": variance,
        "elbo": weights.mean() / n_values,
        "iwae": log_mean_exp(weights).mean() / n_values,
        "rate": kl_to_standard_normal(mean, log_var).sum(axis=1).mean(),
        **baselines(photos, test),
    }


def decoder_variance(model: VAEvsGAN, photos: np.ndarray, rng: np.random.Generator) -> float:
    """The mean squared error of `photos` under posterior samples: the variance that makes their bound the tightest.

    Rybkin et al. 2021, section 3.2; here once, after training.
    """
    mean, log_var = model.encode(photos)
    decoded = model.decode(sample(mean, log_var, rng))
    return max(float(np.square(decoded - to_float(photos)).mean(dtype=float)), SMALLEST_VARIANCE)


def log_weights(model: VAEvsGAN, photos: np.ndarray, variance: float, rng: np.random.Generator) -> np.ndarray:
    """For each photo log p(x|z) + log p(z) − log q(z|x) of n_importance samples of q, (n_importance, N) in nats.

    Their mean is the usual bound (ELBO), the log of the mean of their exponentials the importance-weighted one.
    """
    x, (mean, log_var), weights = to_float(photos), model.encode(photos), []
    for _ in range(model.p.n_importance):
        z = sample(mean, log_var, rng)
        log_likelihood = log_normal(x, model.decode(z), variance).sum(axis=(1, 2, 3))
        weights.append(log_likelihood + (log_normal(z, 0, 1) - log_normal(z, mean, np.exp(log_var))).sum(axis=1))
    return np.array(weights)


def baselines(photos: np.ndarray, test: np.ndarray) -> dict[str, float]:
    """Mean log density of the test images, nats per dimension, about the mean of the training images `photos`.

    gaussian_baseline has one variance, so it is the VAE with its latent ignored. pixelwise_baseline has one for each
    pixel and channel; that is little more than the constant pixels, which count as known to 8 bits (a border of black),
    and it collapses where a test image has something there.
    """
    x, y = to_float(photos), to_float(test)
    mean, variances = x.mean(axis=0, dtype=float), x.var(axis=0, dtype=float)
    return {
        "gaussian_baseline": log_normal(y, mean, max(variances.mean(), SMALLEST_VARIANCE)).mean(),
        "pixelwise_baseline": log_normal(y, mean, np.maximum(variances, SMALLEST_VARIANCE)).mean(),
    }


def log_normal(x, mean, variance) -> np.ndarray:
    """The log of N(x; mean, variance) of each value in nats, in double precision."""
    x, mean, variance = (np.asarray(value, float) for value in (x, mean, variance))
    return -(np.log(2 * np.pi * variance) + (x - mean) ** 2 / variance) / 2


def log_mean_exp(values: np.ndarray) -> np.ndarray:
    """The log of the mean over the first axis of exp(values), safe from overflow (Burda et al. 2016, section 3)."""
    highest = values.max(axis=0)
    return highest + np.log(np.exp(values - highest).mean(axis=0))

"""The VQ-VAE recipe (van den Oord et al. 2017, equation 3; appendix A.1), on any Keras backend. Pictures in [0, 1]."""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from replications.training.arrays import check_counts, check_finite, joined, pieces, six_digits, to_float, to_uint8
from replications.training.fitting import Batches, Outputs, adam, fit
from replications.training.gaussians import sample
from replications.vq_vae import networks
from replications.vq_vae.params import Params


def train(
    params: Params, seed: int, data: dict[str, np.ndarray], progress: Callable[[int, int], None]
) -> tuple[dict[str, np.ndarray], dict, dict[str, keras.Model]]:
    """Trains one variant with one seed and runs it on the test set.

    Args:
        params: the variant's hyper-parameters.
        seed: decides initial weights, codes, order and noise; equal seeds pair the variants.
        data: train_photo, test_photo (N, H, W, 3) uint8.
        progress: told (images seen, images in all) now and then.

    Returns:
        images: target, output (reconstructions) (N, H, W, 3), uint8; `gaussian`: sampled, decoded posterior samples,
            beside the output, decoded posterior means; quantisers with a codebook: codes (N, h, w) uint16, encoded
            (n_encoded, h, w, D) and codebook (K, D) float32.
        facts: what only the model knows, over the test set.
        nets: encoder, bottleneck and decoder as they ended.
        Images and facts of earlier snapshots come beside those of the end (`fitting.Fitted`).

    Raises:
        Diverged: a loss or an output was not finite.
        DataError: the data set has fewer images than asked for.
    """
    check_counts(params, data)
    keras.utils.set_random_seed(seed)
    photos, test = data["train_photo"][: params.n_train], data["test_photo"][: params.n_test]
    model = VQVAE(params, photos.shape[1], float(to_float(photos).var()), seed)
    batches = Batches(photos, params.batch_size, seed)
    fitted = fit(model, adam(params), batches, params, progress, lambda: look(model, test, seed))
    return *fitted.outputs({"target": test}), {
        "encoder": model.encoder,
        "decoder": model.decoder,
        "bottleneck": model.bottleneck,
    }


def look(model: "VQVAE", test: np.ndarray, seed: int) -> Outputs:
    """What the model puts out as it is; test: photos uint8 (N, H, W, 3)."""
    params = model.p
    encoded = model.encode(test)
    bottleneck = model.through_bottleneck(encoded)
    outputs = {"output": model.decode(bottleneck["quantised"])}
    facts = {
        "encoder_parameters": model.encoder.count_params(),
        "decoder_parameters": model.decoder.count_params(),
        "positions": math.prod(encoded.shape[1:3]),
    }
    if params.quantiser == "gaussian":
        mean, log_var = np.split(encoded, 2, axis=-1)
        outputs["sampled"] = model.decode(sample(mean, log_var, np.random.default_rng(seed)))
        facts["rate"] = six_digits(bottleneck["rate"].mean())
    check_finite(outputs, params.epochs)
    images = {name: to_uint8(values) for name, values in outputs.items()}
    if "codes" in bottleneck:
        images["codes"] = bottleneck["codes"].astype(np.uint16)
        images["encoded"] = encoded[: params.n_encoded].astype(np.float32)
        images["codebook"] = model.bottleneck.codebook.numpy().astype(np.float32)
    return images, facts


class VQVAE(keras.Model):
    """Encoder, bottleneck, decoder: pictures (B, H, W, 3) → {output, and what the bottleneck says}."""

    def __init__(self, params: Params, size: int, variance: float, seed: int):
        super().__init__()
        self.p, self.variance = params, variance
        shape = {"channels": params.channels, "residual_blocks": params.residual_blocks}
        outputs = params.embedding_dim * (2 if params.quantiser == "gaussian" else 1)
        self.encoder = networks.encoder(size, **shape, outputs=outputs, seed=seed)
        self.decoder = networks.decoder(size, **shape, embedding_dim=params.embedding_dim, seed=seed + 500_000)
        self.bottleneck = bottleneck(params, seed)
        self.trackers = {name: keras.metrics.Mean(name=name) for name in ("reconstruction", "bottleneck")}

    def call(self, x, training=False):
        """The reconstruction, and what the bottleneck did."""
        through = self.bottleneck(self.encoder(x, training=training), training=training)
        return {"output": self.decoder(through["quantised"], training=training), **through}

    def compute_loss(self, x=None, y: Any = None, y_pred: Any = None, sample_weight=None, training=True):
        """Equation 3, or distortion + β · |rate − C|.

        The squared error is divided by the variance of the training pixels, so that it is of the order of 1 like the
        terms of the codebook. For the VAE the sum is that of a decoder with unit variance, in nats, over the same
        constant: of the β-VAE, or with a capacity that of Burgess et al. 2018 (equation 8), with the batch's mean KL
        divergence between the bars.
        """
        error = ops.mean(ops.square(y - y_pred["output"]))
        price = y_pred["loss"]
        if self.p.quantiser == "gaussian":
            half_values = math.prod(y.shape[1:]) / 2
            away = ops.abs(ops.mean(y_pred["rate"]) - self.p.capacity)
            price = self.p.beta * away / (half_values * self.variance)
        self.trackers["reconstruction"].update_state(error)
        self.trackers["bottleneck"].update_state(price)
        return error / self.variance + price

    def encode(self, photos: np.ndarray) -> np.ndarray:
        """uint8 (N, H, W, 3) → z_e (N, h, w, D); for the VAE mean and log variance (N, h, w, 2 D)."""
        return joined([self.encoder(to_float(piece), training=False) for piece in pieces(photos)])

    def through_bottleneck(self, encoded: np.ndarray) -> dict[str, np.ndarray]:
        """What the bottleneck says of each row of (N, h, w, …); without its losses."""
        said = [self.bottleneck(piece, training=False) for piece in pieces(encoded)]
        return {name: joined([one[name] for one in said]) for name in said[0] if name != "loss"}

    def decode(self, z: np.ndarray) -> np.ndarray:
        """(N, h, w, D) → pictures in [0, 1] (N, H, W, 3)."""
        return joined([self.decoder(piece, training=False) for piece in pieces(z.astype(np.float32))])


def bottleneck(params: Params, seed: int) -> keras.layers.Layer:
    """The variant's quantiser."""
    codebook = {"codebook_size": params.codebook_size, "embedding_dim": params.embedding_dim}
    learned = {"commitment_cost": params.commitment_cost, "seed": 1000 * seed + 900_000_000}
    match params.quantiser:
        case "none":
            return networks.NoQuantiser()
        case "gaussian":
            return networks.Gaussian(seed=seed)
        case "straight_through":
            return networks.StraightThrough(**codebook, **learned)
        case "ema":
            return networks.EMA(**codebook, **learned, decay=params.decay)
        case "ema_restarts":
            return networks.EMAWithRestarts(
                **codebook, **learned, decay=params.decay, restart_below=params.restart_below
            )

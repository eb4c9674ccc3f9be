"""The recipe of Spatial-Z-VAE: a VAE whose latent is a vector or a map, on any backend.

Rates and distortions are in nats per image. Pictures are in [0, 1].
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from replications.errors import DataError
from replications.spatial_z_vae import networks
from replications.spatial_z_vae.params import Params
from replications.training.arrays import check_counts, check_finite, joined, pieces, six_digits, to_float, to_uint8
from replications.training.fitting import Batches, Outputs, adam, count, fit, jit_compile
from replications.training.gaussians import active_units, kl_to_standard_normal, sample

MOST_CLASSES = 12
"""Labels with more classes than this are not learnt by the frozen net: bricks have 45 phases, which a net of this size
does not read."""


def train(
    params: Params, seed: int, data: dict[str, np.ndarray], progress: Callable[[int, int], None]
) -> tuple[dict[str, np.ndarray], dict, dict[str, keras.Model]]:
    """Trains one variant with one seed and runs it on the test set.

    Args:
        params: the variant's hyper-parameters.
        seed: decides initial weights, order and noise; equal seeds pair the variants.
        data: train_photo, test_photo (N, H, W, 3) uint8, and labels of the training images, `train_NAME` (N,) uint8,
            which only the perceptual loss needs.
        progress: told (images seen, images in all) now and then.

    Returns:
        images: target, output (decoded means), sampled (decoded posterior samples) (N, H, W, 3), prior
            (n_samples, H, W, 3), mean_image (1, H, W, 3), the mean of the training images; all uint8.
        facts: what only the model knows, over the test set.
        nets: encoder and decoder as they ended.
        Images and facts of earlier snapshots come beside those of the end (`fitting.Fitted`).

    Raises:
        Diverged: a loss or an output was not finite.
        DataError: the data set has fewer images than asked for, or does not suit the latent or the loss.
    """
    check_data(params, data)
    keras.utils.set_random_seed(seed)
    photos, test = data["train_photo"][: params.n_train], data["test_photo"][: params.n_test]
    compare = PixelLoss() if params.loss == "pixel" else PerceptualLoss(params, photos, labels(data), seed)
    model = SpatialZVAE(params, photos.shape[1], compare, seed)
    batches = Batches(photos, params.batch_size, seed)
    fitted = fit(model, adam(params), batches, params, progress, lambda: look(model, test, seed))
    same = {"target": test, "mean_image": to_uint8(photos.mean(axis=0, keepdims=True) / 255)}
    return *fitted.outputs(same), {"encoder": model.encoder, "decoder": model.decoder}


def look(model: "SpatialZVAE", test: np.ndarray, seed: int) -> Outputs:
    """What the model puts out as it is; test: photos uint8 (N, H, W, 3)."""
    params, rng = model.p, np.random.default_rng(seed)
    mean, log_var = model.encode(test)
    sampled = model.decode(sample(mean, log_var, rng))
    outputs = {
        "output": model.decode(mean),
        "sampled": sampled,
        "prior": model.decode(rng.standard_normal((params.n_samples, params.latent_size))),
    }
    check_finite(outputs, params.epochs)
    images = {name: to_uint8(values) for name, values in outputs.items()}
    facts = {
        "encoder_parameters": model.encoder.count_params(),
        "decoder_parameters": model.decoder.count_params(),
        "rate": six_digits(kl_to_standard_normal(mean, log_var).sum(axis=1).mean()),
        "distortion": six_digits(np.square(sampled - to_float(test)).sum(axis=(1, 2, 3)).mean() / 2),
        "active_units": active_units(mean),
    }
    return images, facts


class SpatialZVAE(keras.Model):
    """Encoder, noise, decoder: pictures (B, H, W, 3) → {output, mean, log_var}."""

    def __init__(self, params: Params, size: int, compare: "PixelLoss | PerceptualLoss", seed: int):
        super().__init__()
        self.p = params
        shape: dict[str, Any] = {"channels": params.channels, "latent_size": params.latent_size}
        if params.latent == "flat":
            self.encoder = networks.flat_encoder(size, **shape, seed=seed)
            self.decoder = networks.flat_decoder(size, **shape, seed=seed + 500_000)
        else:
            shape["normalise"] = params.normalisation == "instance"
            self.encoder = networks.spatial_encoder(size, **shape, residual_blocks=params.residual_blocks, seed=seed)
            self.decoder = networks.spatial_decoder(size, **shape, seed=seed + 500_000)
        self.compare = compare
        self.noise = keras.random.SeedGenerator(seed)
        self.trackers = {name: keras.metrics.Mean(name=name) for name in ("distortion", "rate")}

    def call(self, x, training=False):
        """The reparametrised sample, decoded."""
        mean, log_var = self.encoder(x, training=training)
        z = mean + ops.exp(log_var / 2) * keras.random.normal(ops.shape(mean), seed=self.noise)
        return {"output": self.decoder(z, training=training), "mean": mean, "log_var": log_var}

    def compute_loss(self, x=None, y: Any = None, y_pred: Any = None, sample_weight=None, training=True):
        """Distortion + β · rate, nats per image; in the original's form a multiple of the latent's mean."""
        distortion = self.compare(y, y_pred["output"])
        nats = kl_to_standard_normal(y_pred["mean"], y_pred["log_var"], ops.exp)  # (B, latent_size)
        rate = ops.mean(ops.sum(nats, axis=1))
        self.trackers["distortion"].update_state(distortion)
        self.trackers["rate"].update_state(rate)
        if self.p.kl == "mean":
            return distortion + self.p.beta * self.p.mean_counts_as * ops.mean(nats)
        return distortion + self.p.beta * rate

    def encode(self, photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """uint8 (N, H, W, 3) → mean and log variance, each (N, latent_size)."""
        mean, log_var = zip(*(self.encoder(to_float(piece), training=False) for piece in pieces(photos)), strict=True)
        return joined(mean), joined(log_var)

    def decode(self, z: np.ndarray) -> np.ndarray:
        """(N, latent_size) → pictures in [0, 1] (N, H, W, 3)."""
        return joined([self.decoder(piece, training=False) for piece in pieces(z.astype(np.float32))])


class PixelLoss:
    """Half the squared error of the pixels: −log p(x|z) in nats for a decoder of unit variance, up to a constant."""

    def __call__(self, x, output):
        """Pictures (B, H, W, 3) twice → nats per image."""
        return ops.mean(ops.sum(ops.square(x - output), axis=(1, 2, 3))) / 2


class PerceptualLoss:
    """Mean squared differences of features, summed over the layers of a frozen net, and no pixel loss.

    The original looks through FaceNet. The net here is the suite's own: it first learns the data set's own labels for
    `feature_epochs` epochs, anew in every run: its own chance is part of what the run shows. The run's seed is added to
    `feature_seed`, so that runs that are paired look through the same net. Its last layer would rule a plain sum: each
    is weighed such that all count the same between training images that have nothing to do with each
    other (each and its neighbour in the data set), and together as much as their pixels. β then weighs about as much
    beside both losses.
    """

    def __init__(self, params: Params, photos: np.ndarray, labels: dict[str, np.ndarray], seed: int):
        seed += params.feature_seed
        self.features, classifier = networks.classifier(
            photos.shape[1],
            channels=params.feature_channels,
            heads={name: int(values.max()) + 1 for name, values in labels.items()},
            seed=seed,
        )
        loss = [keras.losses.SparseCategoricalCrossentropy(from_logits=True) for _ in labels]
        classifier.compile(keras.optimizers.Adam(params.learning_rate), loss, jit_compile=jit_compile())
        rng = np.random.default_rng(seed)
        for _ in range(params.feature_epochs):
            order = rng.permutation(len(photos))
            truth = [values[: len(photos)][order] for values in labels.values()]
            classifier.fit(to_float(photos[order]), truth, batch_size=params.batch_size, shuffle=False, verbose=0)
        count("features", steps=int(classifier.optimizer.iterations))
        self.features.trainable = False
        first = to_float(photos[:500])
        pairs = list(zip(pieces(first), pieces(np.roll(first, 1, axis=0)), strict=True))
        by_pixels = np.mean([float(PixelLoss()(a, b)) for a, b in pairs])
        by_layer = np.mean([[float(layer) for layer in self.by_layer(a, b)] for a, b in pairs], axis=0)
        self.weights = [float(weight) for weight in by_pixels / by_layer / len(by_layer)]

    def by_layer(self, x, output) -> list:
        """Pictures (B, H, W, 3) twice → the mean squared difference of each layer's features."""
        pairs = zip(self.features(x, training=False), self.features(output, training=False), strict=True)
        return [ops.mean(ops.square(a - b)) for a, b in pairs]

    def __call__(self, x, output):
        """Pictures (B, H, W, 3) twice → as many nats per image as such a distance has by pixels."""
        return sum(weight * layer for weight, layer in zip(self.weights, self.by_layer(x, output), strict=True))


def check_data(params: Params, data: dict[str, np.ndarray]) -> None:
    """Raises DataError before any training where the data set does not have what the parameters ask for."""
    check_counts(params, data)
    if params.latent == "spatial":
        try:
            networks.cell_values(data["train_photo"].shape[1], params.latent_size)
        except ValueError as error:
            raise DataError(str(error)) from None
    if params.loss == "perceptual" and not labels(data):
        raise DataError(
            "loss = perceptual: the data set has no labels for the frozen net to learn, expected train_NAME (N,) uint8 "
            f"of at most {MOST_CLASSES} classes; take loss: pixel or another data set"
        )


def labels(data: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Name → class of each training image, uint8 (N,), for the labels that the frozen net learns."""
    return {
        name.removeprefix("train_"): values
        for name, values in sorted(data.items())
        if name.startswith("train_") and values.ndim == 1 and values.dtype == np.uint8 and values.max() < MOST_CLASSES
    }

"""The β-VAE recipe (Higgins et al. 2017, equation 4; Rybkin et al. 2021 for the optimal variance), on any backend.

Rates and distortions are in nats per image. Pictures are in [0, 1].
"""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from replications.beta_vae import networks
from replications.beta_vae.params import Params
from replications.errors import DataError
from replications.training.arrays import check_finite, joined, pieces, six_digits, to_float, to_uint8
from replications.training.fitting import Batches, Outputs, adam, fit
from replications.training.gaussians import active_units, kl_to_standard_normal, sample


def train(
    params: Params, seed: int, data: dict[str, np.ndarray], progress: Callable[[int, int], None]
) -> tuple[dict[str, np.ndarray], dict, dict[str, keras.Model]]:
    """Trains one variant with one seed and runs it on the test set.

    Args:
        params: the variant's hyper-parameters.
        seed: decides initial weights, order and noise; equal seeds pair the variants.
        data: train_photo, test_photo (N, H, W, 3) uint8, and the labels of the same images, `train_NAME` (N, …).
        progress: told (images seen, images in all) now and then.

    Returns:
        images: target, output (decoded means), sampled (decoded posterior samples) (N, H, W, 3), prior
            (n_samples, H, W, 3), draws (M, n_draws, H, W, 3), all uint8; latent, posterior samples (P, latent_size)
            float32 of images that were not trained on, with their labels `probe_NAME` (P, …).
        facts: what only the model knows, over the test set.
        nets: encoder and decoder as they ended.
        Images and facts of earlier snapshots come beside those of the end (`fitting.Fitted`).

    Raises:
        Diverged: a loss or an output was not finite.
        DataError: the data set has fewer images than asked for.
    """
    check_counts(params, data)
    keras.utils.set_random_seed(seed)
    photos, test = data["train_photo"][: params.n_train], data["test_photo"][: params.n_test]
    model = BetaVAE(params, photos.shape[1], seed)
    batches = Batches(photos, params.batch_size, seed)
    probed = slice(params.n_train, params.n_train + params.n_probe)
    probe = data["train_photo"][probed]
    fitted = fit(model, adam(params), batches, params, progress, lambda: look(model, test, probe, seed))
    same = {"target": test} | {f"probe_{name}": values[probed] for name, values in labels(data).items()}
    return *fitted.outputs(same), {"encoder": model.encoder, "decoder": model.decoder}


def look(model: "BetaVAE", test: np.ndarray, probe: np.ndarray, seed: int) -> Outputs:
    """What the model puts out as it is; test and probe: photos uint8 (N, H, W, 3)."""
    params, rng = model.p, np.random.default_rng(seed)
    mean, log_var = model.encode(test)
    first = slice(params.n_draws_inputs)
    draws = [model.decode(sample(mean[first], log_var[first], rng)) for _ in range(params.n_draws)]
    outputs = {
        "output": model.decode(mean),
        "sampled": model.decode(sample(mean, log_var, rng)),
        "prior": model.decode(rng.standard_normal((params.n_samples, params.latent_size))),
        "draws": np.stack(draws, axis=1),
    }
    check_finite(outputs, params.epochs)
    images = {name: to_uint8(values) for name, values in outputs.items()}
    images["latent"] = sample(*model.encode(probe), rng).astype(np.float32)
    facts = {
        "encoder_parameters": model.encoder.count_params(),
        "decoder_parameters": model.decoder.count_params(),
        "distortion": six_digits(np.square(outputs["sampled"] - to_float(test)).sum(axis=(1, 2, 3)).mean() / 2),
        "active_units": active_units(mean),
    }
    if params.encoder == "gaussian":  # without noise there is no finite rate
        facts["rate"] = six_digits(kl_to_standard_normal(mean, log_var).sum(axis=1).mean())
    return images, facts


class BetaVAE(keras.Model):
    """Encoder, noise, decoder: pictures (B, H, W, 3) → {output, mean, log_var}."""

    def __init__(self, params: Params, size: int, seed: int):
        super().__init__()
        self.p = params
        shape = {"channels": params.channels, "latent_size": params.latent_size}
        self.encoder = networks.encoder(size, **shape, gaussian=params.encoder == "gaussian", seed=seed)
        self.decoder = networks.decoder(size, **shape, seed=seed + 500_000)
        self.noise = keras.random.SeedGenerator(seed)
        terms = ("distortion", "rate") if params.encoder == "gaussian" else ("distortion",)
        self.trackers = {name: keras.metrics.Mean(name=name) for name in terms}

    def call(self, x, training=False):
        """The reparametrised sample, decoded; of a deterministic encoder the mean, and no log variance."""
        if self.p.encoder == "deterministic":
            return {"output": self.decoder(self.encoder(x, training=training), training=training)}
        mean, log_var = self.encoder(x, training=training)
        z = mean + ops.exp(log_var / 2) * keras.random.normal(ops.shape(mean), seed=self.noise)
        return {"output": self.decoder(z, training=training), "mean": mean, "log_var": log_var}

    def compute_loss(self, x=None, y: Any = None, y_pred: Any = None, sample_weight=None, training=True):
        """Distortion + β · rate, nats per image."""
        distortion = ops.mean(ops.sum(ops.square(y - y_pred["output"]), axis=(1, 2, 3))) / 2
        self.trackers["distortion"].update_state(distortion)
        if self.p.encoder == "deterministic":
            return distortion
        rate = ops.mean(ops.sum(kl_to_standard_normal(y_pred["mean"], y_pred["log_var"], ops.exp), axis=1))
        self.trackers["rate"].update_state(rate)
        if self.p.variance == "optimal":
            n_values = math.prod(y.shape[1:])
            distortion = n_values / 2 * ops.log(2 * distortion / n_values)  # −log p at σ² = MSE, up to a constant
        return distortion + self.p.beta * rate

    def encode(self, photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """uint8 (N, H, W, 3) → mean and log variance, each (N, latent_size); −inf for a deterministic encoder."""
        said = [self.encoder(to_float(piece), training=False) for piece in pieces(photos)]
        if self.p.encoder == "deterministic":
            return joined(said), np.full((len(photos), self.p.latent_size), -np.inf)
        mean, log_var = zip(*said, strict=True)
        return joined(mean), joined(log_var)

    def decode(self, z: np.ndarray) -> np.ndarray:
        """(N, latent_size) → pictures in [0, 1] (N, H, W, 3)."""
        return joined([self.decoder(piece, training=False) for piece in pieces(z.astype(np.float32))])


def check_counts(params: Params, data: dict[str, np.ndarray]) -> None:
    """Raises DataError before any training where the data set has fewer images than asked for."""
    wanted = {"train": params.n_train + params.n_probe, "test": params.n_test}
    for split, n in wanted.items():
        if n > len(data[f"{split}_photo"]):
            asked = "n_train + n_probe" if split == "train" else "n_test"
            raise DataError(f"{asked} = {n}: the data set has {len(data[f'{split}_photo'])} images; ask for no more")


def labels(data: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Name → what is known of the training images besides their pixels."""
    return {
        name.removeprefix("train_"): values
        for name, values in data.items()
        if name.startswith("train_") and name != "train_photo"
    }

"""The pix2pix recipe (Isola et al. 2017, sections 3 and 3.3), on any Keras backend, readable from top to bottom."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from replications.errors import DataError, Diverged
from replications.pix2pix import networks
from replications.pix2pix.params import Params
from replications.training.adversarial import adversarial_loss
from replications.training.fitting import Outputs, adam, fit


def train(
    params: Params, seed: int, data: dict[str, np.ndarray], progress: Callable[[int, int], None]
) -> tuple[dict[str, np.ndarray], dict, dict[str, keras.Model]]:
    """Trains one variant with one seed and runs it on the test set.

    Args:
        params: the variant's hyper-parameters.
        seed: decides initial weights, order, augmentation and dropout; equal seeds pair the variants.
        data: train_photo, test_photo (N, H, W, 3), train_labels, test_labels (N, H, W, 1), palette (K, 3); all uint8.
        progress: told (images seen, images in all) after each epoch's parts.

    Returns:
        images: input, target, output (N, H, W, 3) and draws (M, n_draws, H, W, 3), uint8; `draws` are further outputs
            for the first M test inputs, which differ by dropout alone; palette as given.
        facts: what only the model knows.
        nets: generator and, where there is one, discriminator as they ended.
        Images and facts of earlier snapshots come beside those of the end (`fitting.Fitted`).

    Raises:
        Diverged: a loss or an output was not finite, or all outputs are one flat colour.
        DataError: the data set has fewer pairs than asked for.
    """
    keras.config.set_dtype_policy(params.precision)
    keras.utils.set_random_seed(seed)
    size = data["train_photo"].shape[1]
    model = Pix2Pix(params, size, seed)
    pairs = Pairs(params, seed, *pictures(data, "train", params.direction, params.n_train))
    x, y = pictures(data, "test", params.direction, params.n_test)
    optimizer = adam(params, beta_1=params.beta_1)
    if params.n_epochs_decay:
        decay = params.n_epochs_decay * len(pairs)
        optimizer.learning_rate = LinearDecay(params.learning_rate, params.epochs * len(pairs), decay)
    fitted = fit(model, optimizer, pairs, params, progress, lambda: look(model, x))
    images, facts = fitted.outputs({"input": x, "target": y, "palette": data["palette"]})
    if np.ptp(images["output"].astype(float), axis=(0, 1, 2)).max() < 0.05 * 127.5:
        raise Diverged(f"epoch {params.epochs}: all outputs are one flat colour")
    nets = {"generator": model.generator, "discriminator": model.discriminator}
    return images, facts, {name: net for name, net in nets.items() if net}


def look(model: "Pix2Pix", x: np.ndarray) -> Outputs:
    """What the model makes of inputs x, uint8 (N, H, W, 3), as it is."""
    params = model.p
    first = x[: params.n_draws_inputs]
    output = model.predict(to_float(x), batch_size=50, verbose=0)
    draws = [model.predict(to_float(first), batch_size=50, verbose=0) for _ in range(params.n_draws)]
    if not np.isfinite(output).all():  # the last step's weights, which no loss has seen
        raise Diverged(f"epoch {params.epochs}: outputs are not numbers")
    images = {"output": to_uint8(output), "draws": to_uint8(np.stack(draws, axis=1))}
    facts = {
        "generator_parameters": model.generator.count_params(),
        "discriminator_parameters": model.discriminator.count_params() if model.discriminator else 0,
    }
    return images, facts


class Pix2Pix(keras.Model):
    """Generator against discriminator as one loss, so that plain `fit` trains both: (B, H, W, 3) → (B, H, W, 3).

    The gradient of the sum reaches each net through its own terms only: the discriminator's terms see a
    stop-gradiented output, the generator's term goes through a discriminator with stop-gradiented weights. Adam acts
    weight by weight, so one optimiser equals two with equal settings.
    """

    def __init__(self, params: Params, size: int, seed: int):
        super().__init__()
        self.p = params
        self.generator = networks.generator(
            size,
            ngf=params.ngf,
            depth=params.depth,
            skips=params.skips,
            dropout=params.dropout,
            dropout_blocks=params.dropout_blocks,
            seed=seed,
        )
        self.discriminator = None
        if params.discriminator != "none":
            self.discriminator = networks.discriminator(
                size,
                receptive_field=params.receptive_field,
                conditional=params.discriminator == "conditional",
                ndf=params.ndf,
                seed=seed + 500_000,
            )
        terms = ["l1", "l2"] + (["discriminator", "adversarial"] if self.discriminator else [])
        self.trackers = {name: keras.metrics.Mean(name=name) for name in terms}

    def call(self, x, training=False):
        """The generator; dropout stays on at test time, as in the paper (section 3.2.1)."""
        return self.generator(x, training=True)

    def compute_loss(self, x=None, y: Any = None, y_pred: Any = None, sample_weight=None, training=True):
        """Sum of equations 3 and 4, λ·L1 (and λ·L2) included; pictures are in [−1, 1] as in the original code."""
        losses = {"l1": ops.mean(ops.abs(y - y_pred)), "l2": ops.mean(ops.square(y - y_pred))}
        total = self.p.lambda_l1 * losses["l1"] + self.p.lambda_l2 * losses["l2"]
        if self.discriminator:
            losses["discriminator"] = self.discriminator_loss(x, y, ops.stop_gradient(y_pred))
            losses["adversarial"] = adversarial_loss(self.discriminator, self.seen(x, y_pred))
            total = total + losses["discriminator"] + losses["adversarial"]
        for name, value in losses.items():
            self.trackers[name].update_state(value)
        return total

    def discriminator_loss(self, x, y, fake):
        """−½ [log D(x, y) + log(1 − D(x, G(x)))], halved to slow D down (section 3.3)."""
        assert self.discriminator is not None
        real_logits = self.discriminator(self.seen(x, y), training=True)
        fake_logits = self.discriminator(self.seen(x, fake), training=True)
        return 0.5 * (ops.mean(ops.softplus(-real_logits)) + ops.mean(ops.softplus(fake_logits)))

    def seen(self, x, picture):
        """What the discriminator sees: the unconditional one never the input."""
        return [x, picture] if self.p.discriminator == "conditional" else [picture]


class LinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A constant learning rate that falls linearly to zero over the last steps (section 6.2)."""

    def __init__(self, learning_rate: float, steps: int, decay_steps: int):
        self.learning_rate, self.steps, self.decay_steps = learning_rate, steps, decay_steps

    def __call__(self, step):
        """The rate at a step, the first being 0."""
        left = (self.steps - ops.cast(step, "float32")) / self.decay_steps
        return self.learning_rate * ops.minimum(1.0, left)

    def get_config(self) -> dict[str, float]:
        """The arguments, for Keras."""
        return {"learning_rate": self.learning_rate, "steps": self.steps, "decay_steps": self.decay_steps}


class Pairs(keras.utils.PyDataset):
    """Batches of (input, target) in [−1, 1]: order, crops and flips follow from the seed alone."""

    def __init__(self, params: Params, seed: int, x: np.ndarray, y: np.ndarray):
        super().__init__(workers=0)  # a thread of its own would cost a third of the speed on one core
        self.p, self.rng, self.size = params, np.random.default_rng(seed), x.shape[1]
        self.batch_size = params.batch_size
        self.x, self.y = pad(x, params.jitter), pad(y, params.jitter)
        self.on_epoch_end()

    def __len__(self) -> int:
        return len(self.x) // self.batch_size

    def on_epoch_end(self):
        """A new order, and a new crop and flip for every pair."""
        n = len(self.x)
        self.order = self.rng.permutation(n)
        self.top, self.left = self.rng.integers(0, self.p.jitter + 1, (2, n))
        self.flip = self.p.mirror & (self.rng.random(n) < 0.5)

    def __getitem__(self, batch: int):
        chosen = self.order[batch * self.batch_size : (batch + 1) * self.batch_size]
        return tuple(to_float(np.stack([self.crop(z, i) for i in chosen])) for z in (self.x, self.y))

    def crop(self, z: np.ndarray, i: int) -> np.ndarray:
        """Picture `i` of `z` as this epoch shows it, (size, size, 3)."""
        cut = z[i, self.top[i] : self.top[i] + self.size, self.left[i] : self.left[i] + self.size]
        return cut[:, ::-1] if self.flip[i] else cut


def pictures(data: dict[str, np.ndarray], split: str, direction: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The first `n` (input, target) of a split as RGB uint8 (n, H, W, 3); label maps wear their palette.

    Raises:
        DataError: the split has fewer.
    """
    if n > len(data[f"{split}_photo"]):
        raise DataError(f"n_{split} = {n}: the data set has {len(data[f'{split}_photo'])} pairs; ask for no more")
    photos, labels = data[f"{split}_photo"][:n], data["palette"][data[f"{split}_labels"][:n, ..., 0]]
    return (labels, photos) if direction == "labels_to_photo" else (photos, labels)


def pad(z: np.ndarray, by: int) -> np.ndarray:
    """Room for random crops: `by` pixels of reflection in height and width. Unlike an enlargement it blurs nothing."""
    before, after = by // 2, by - by // 2
    return np.pad(z, ((0, 0), (before, after), (before, after), (0, 0)), mode="reflect")


def to_float(z: np.ndarray) -> np.ndarray:
    """uint8 → [−1, 1] float32."""
    z = z.astype(np.float32)
    z /= 127.5  # in place: new memory would cost more time than the arithmetic
    z -= 1
    return z


def to_uint8(z: np.ndarray) -> np.ndarray:
    """[−1, 1] → uint8."""
    return np.clip(np.round((z + 1) * 127.5), 0, 255).astype(np.uint8)

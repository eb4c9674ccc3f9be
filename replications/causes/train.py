"""One code, learned with L2; one decoder of it, trained by the loss of the cell. As one loss, on any backend.

Codes: Kingma and Welling 2014 (VAE), Rybkin et al. 2021 (optimal variance), Mentzer et al. 2024 (FSQ: levels).
Losses: Huang et al. 2024 (R3GAN's game), given the code; Gneiting and Raftery 2007, section 4.2 (energy score).
Rates and errors are in nats per image unless they say otherwise. Pictures are in [0, 1].
"""

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops
from scipy import ndimage

from replications.causes import networks
from replications.causes.params import Params
from replications.errors import DataError
from replications.exact import root
from replications.instruments import listed
from replications.training.adversarial import frozen_logits, gradient_penalty, pairing_loss
from replications.training.arrays import check_counts, check_finite, joined, pieces, six_digits, to_float, to_uint8
from replications.training.fitting import Batches, Outputs, adam, fit
from replications.training.gaussians import kl_to_standard_normal

PIECE = 500
"""Images that go through a net at once when it is not trained."""
SMALLEST_POWER = 1e-6
"""Of a code that is divided by its power."""
SAME_CODE = 1e-4
"""Values that differ by less were said of the same photo; they are of about unit variance where it matters."""
SMALLEST_DISTANCE = 1e-6
"""Squared, below which the root of the energy score has no slope worth following."""
BLUR = 1 / 32
"""Deviation, in picture sides, of the blur that the trained discriminator is shown."""


def train(
    params: Params, seed: int, data: dict[str, np.ndarray], progress: Callable[[int, int], None]
) -> tuple[dict[str, np.ndarray], dict, dict[str, keras.Model]]:
    """Trains one cell with one seed, decodes codes of the test photos, and says what the best decoder would put out.

    All that is said of codes in general (which photos share one, what the best decoder makes of it) is exact where the
    training photos are all photos that there are, as on the enumerable street. Elsewhere it is true of the training
    photos as a distribution.

    Args:
        params: the cell's hyper-parameters.
        seed: decides initial weights, order and noise; equal seeds pair the cells.
        data: train_photo, test_photo (N, H, W, 3) uint8; labels are not looked at.
        progress: told (images seen, images in all) now and then.

    Returns:
        images: target; output and again, one code of each target decoded with two draws of the decoder's own noise;
            optimal, the best L2 decoder's output for the same codes, E[photo | code]; of an L1 cell median, the best L1
            decoder's; drawn, photos drawn from p(photo | code); between, decoded midpoints of codes; of a VAE prior and
            ex_post, decoded draws from N(0, I) and from a Gaussian fitted to the codes (Ghosh et al. 2020). All uint8
            (N, H, W, 3).
        facts: mmse, E‖photo − E[photo | code]‖² per value; shared, how many photos share a code; and what else only the
            model knows.
        nets: as they ended.

    Raises:
        Diverged: a loss or an output was not finite.
        DataError: the data set has fewer images than asked for, or a test photo a code that no training photo has.
    """
    check_counts(params, data)
    keras.utils.set_random_seed(seed)
    photos, test = data["train_photo"][: params.n_train], data["test_photo"][: params.n_test]
    model = Causes(params, photos.shape[1], seed)
    batches = Batches(photos, params.batch_size, seed)
    optimizer = adam(params, beta_1=params.beta_1, beta_2=params.beta_2)
    every = listed.Listed(data["train_photo"])
    look_at = {"every": every, "photos": data["train_photo"], "test": test, "seed": seed}
    fitted = fit(model, optimizer, batches, params, progress, lambda: look(model, **look_at))
    return *fitted.outputs({"target": test}), {name: net for name, net in model.nets.items() if net}


def look(model: "Causes", every: listed.Listed, photos: np.ndarray, test: np.ndarray, seed: int) -> Outputs:
    """What the model puts out as it is; photos are those of the list, test some of them: uint8 (N, H, W, 3)."""
    params, rng = model.p, np.random.default_rng(seed)
    means, log_var = model.encode(photos)
    code_of = model.encode(test)
    centre, scale = standards(params, means)
    means = (means - centre) / scale
    mean = as_listed((code_of[0] - centre) / scale, means)
    codes = model.code(mean, code_of[1], rng)
    weights = given_codes(params, codes, means, log_var)
    drawn = photos[[rng.choice(len(photos), p=row) for row in weights]]
    optimal = every.mixture(weights)
    outputs = {
        "output": model.decode(codes, rng),
        "again": model.decode(codes, rng),
        "optimal": optimal,
        "between": model.decode((codes + np.roll(codes, 1, axis=0))[: params.n_samples] / 2, rng),
    }
    if params.loss == "l1":
        outputs["median"] = every.median(weights)
    if params.gaussian:
        outputs["prior"] = model.decode(rng.standard_normal((params.n_samples, params.used)), rng)
        some = rng.permutation(len(photos))[: 50 * params.used]
        fitted_to = model.code(means[some], log_var[some], rng)
        ex_post = rng.multivariate_normal(
            fitted_to.mean(axis=0), np.cov(fitted_to.T).reshape(params.used, -1), params.n_samples, method="eigh"
        )
        outputs["ex_post"] = model.decode(ex_post, rng)
    check_finite(outputs, params.epochs)
    images = {name: to_uint8(values) for name, values in outputs.items()} | {"drawn": drawn}
    squares = every.mean_square(weights)
    facts: dict[str, Any] = {f"{name}_parameters": net.count_params() if net else 0 for name, net in model.nets.items()}
    facts |= {
        "mmse": six_digits((squares - np.square(optimal).mean(axis=(1, 2, 3))).mean()),
        "shared": six_digits(listed.perplexity(weights).mean()),
        "objective": six_digits(model.objective(test, code_of, codes, outputs["output"])),
    }
    if params.gaussian:
        facts["rate"] = six_digits(kl_to_standard_normal(*code_of).sum(axis=1).mean())
    if model.discriminator:
        facts["prefers_sharp"] = six_digits(model.prefers_sharp(test, codes))
    return images, facts


def standards(params: Params, means: np.ndarray) -> tuple[np.ndarray | float, np.ndarray | float]:
    """What is taken from codes, and what they are divided by, over all photos: (L, used) → for each value, or for all.

    Noise is added to codes of unit power; levels are of values whose mean is nought and whose variance is one.
    """
    if params.regime == "noise":
        return 0.0, np.sqrt(np.square(means, dtype=float).mean() + SMALLEST_POWER)
    if params.regime == "levels":
        return means.mean(axis=0, dtype=float), np.sqrt(means.var(axis=0, dtype=float) + SMALLEST_POWER)
    return 0.0, 1.0


def as_listed(mean: np.ndarray, means: np.ndarray) -> np.ndarray:
    """What the encoder says of test photos, (N, used), as it says it of the same photos in the list, (L, used).

    In a batch of another size the last bits differ, and a value that lies at a border would get another level. What is
    not in the list stays as it is.
    """
    own = means[nearest(mean, means)]
    same = np.abs(mean - own).max(axis=1, keepdims=True) < SAME_CODE
    return np.where(same, own, mean)


def nearest(codes: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Index of the row of means (L, used) that is nearest to each of the codes (N, used)."""
    codes, means = codes.astype(float), means.astype(float)
    return (np.square(means).sum(axis=1)[None] - 2 * codes @ means.T).argmin(axis=1)


def given_codes(params: Params, codes: np.ndarray, means: np.ndarray, log_var: np.ndarray) -> np.ndarray:
    """p(photo | code) over the list, float64 (N, L), rows sum to 1.

    Args:
        params: the cell's.
        codes: (N, used).
        means: of the code of every photo of the list, (L, used), by the standards of its regime.
        log_var: (L, used), of a VAE.

    Of a deterministic code, and of shrinkage, it is all on the photo whose code it is: each has a code of its own. So
    size alone loses nothing in principle, and what is blurred there is the fit.
    """
    if params.regime == "vae":
        return listed.posterior(codes, means, log_var)
    if params.regime == "noise":
        return listed.posterior(codes, means, np.full_like(means, 2 * math.log(params.sigma)))
    if params.levels:
        of_list = rounded(means, params.levels)
        same = np.ones((len(codes), len(means)), bool)
        for value, of_all in zip(codes.T, of_list.T, strict=True):
            same &= np.abs(value[:, None] - of_all) < 1 / params.levels
        if not same.any(axis=1).all():
            raise DataError(
                f"levels = {params.levels}, used = {params.used}: {(~same.any(axis=1)).sum()} of {len(codes)} test "
                "photos have a code that no training photo has, expected none, since the posterior over training "
                "photos is not known there; take fewer levels or values, or more training photos"
            )
        return same / same.sum(axis=1, keepdims=True)
    of_list = rounded(means, 0) if params.regime == "levels" else means
    weights = np.zeros((len(codes), len(means)))
    weights[np.arange(len(codes)), nearest(codes, of_list)] = 1
    return weights


def rounded(means: np.ndarray, levels: int) -> np.ndarray:
    """The tanh of codes, each value rounded to the nearest of `levels` evenly spaced in [−1, 1]; 0: not rounded."""
    if not levels:
        return np.tanh(means)
    steps = (levels - 1) / 2
    return np.round((np.tanh(means) + 1) * steps) / steps - 1


class Causes(keras.Model):
    """Encoder, channel, the decoder that the code is learned with and the one that is judged, perhaps a discriminator.

    In an L2 cell the two decoders are one. In the others the judged one starts from the same weights, and no gradient
    of its loss reaches the encoder: cells that differ in their loss have the same codes.
    """

    def __init__(self, params: Params, size: int, seed: int):
        super().__init__()
        self.p = params
        shape = {"channels": params.channels, "latent_size": params.latent_size}
        self.encoder = networks.encoder(
            size, **shape, gaussian=params.gaussian, hidden=params.hidden, seed=seed + 500_000
        )
        own = {**shape, "noise_size": params.noise_size, "seed": seed}
        self.first_decoder = networks.decoder(size, **own, name="first_decoder")
        self.decoder = self.first_decoder if params.loss == "l2" else networks.decoder(size, **own, name="decoder")
        self.discriminator = None
        if params.loss == "adversary":
            self.discriminator = networks.discriminator(size, **shape, seed=seed + 1_000_000)
        self.nets = {"encoder": self.encoder, "decoder": self.decoder, "discriminator": self.discriminator}
        self.of_code, self.of_decoder, self.of_again, self.of_penalty = (
            keras.random.SeedGenerator(seed + 1000 * i) for i in range(1, 5)
        )
        terms = ["distortion"] + (["rate"] if params.beta else [])
        terms += {"l2": [], "l1": ["l1"], "energy": ["energy"], "adversary": ["l2", "adversarial", "discriminator"]}[
            params.loss
        ]
        self.trackers = {name: keras.metrics.Mean(name=name) for name in terms}
        self.mask = np.arange(params.latent_size) < params.used

    def call(self, x, training=False):
        """Pictures (B, H, W, 3) → code, what the first decoder makes of it, output of the judged one, rate.

        Of the energy score there is a second output, of another draw of the decoder's own noise: again.
        """
        code, rate = self.channel(*keras.tree.flatten(self.encoder(x, training=training)))
        noise = self.standard_normal(code, self.of_decoder)
        first = self.first_decoder([code, noise], training=training)
        results = {"code": ops.stop_gradient(code), "first": first, "output": first}
        if rate is not None:
            results["rate"] = rate
        if self.p.loss != "l2":
            results["output"] = self.decoder([results["code"], noise], training=training)
        if self.p.loss == "energy":
            noise = self.standard_normal(code, self.of_again)
            results["again"] = self.decoder([results["code"], noise], training=training)
        return results

    def channel(self, mean, *others) -> tuple[Any, Any]:
        """What the encoder says (B, latent_size) → code, noise and mask included, and what it costs, (B,), or None."""
        mask = ops.convert_to_tensor(self.mask.astype("float32"))
        rate = None
        if self.p.hidden:
            hidden_mean, hidden_log_var = others
            rate = ops.sum(kl_to_standard_normal(hidden_mean, hidden_log_var, ops.exp), axis=1)
        if self.p.regime == "vae":
            (log_var,) = others
            rate = ops.sum(mask * kl_to_standard_normal(mean, log_var, ops.exp), axis=1)
            mean = mean + ops.exp(log_var / 2) * self.standard_normal(mean, self.of_code, self.p.latent_size)
        if self.p.regime == "shrinkage":
            rate = ops.sum(mask * ops.square(mean), axis=1) / 2
        if self.p.regime == "noise":
            power = ops.mean(ops.square(mean) * mask) * self.p.latent_size / self.p.used
            mean = mean / root(power + SMALLEST_POWER)
            mean = mean + self.p.sigma * self.standard_normal(mean, self.of_code, self.p.latent_size)
        if self.p.regime == "levels":
            centre, variance = ops.moments(mean, axes=[0], keepdims=True)
            mean = ops.tanh((mean - centre) / root(variance + SMALLEST_POWER))
            if self.p.levels:
                steps = (self.p.levels - 1) / 2
                mean = mean + ops.stop_gradient(ops.round((mean + 1) * steps) / steps - 1 - mean)
        return mean * mask, rate

    def standard_normal(self, like, seed: keras.random.SeedGenerator, size: int = 0):
        """Noise for each row, (B, noise_size) or of another size."""
        return keras.random.normal((ops.shape(like)[0], size or self.p.noise_size), seed=seed)

    def compute_loss(self, x=None, y: Any = None, y_pred: Any = None, sample_weight=None, training=True):
        """½ Σ (x − x̂)² + β · rate of the code, nats per image, and the loss of the judged decoder.

        With the optimal variance the first is −log p of a decoder whose variance is the batch's mean squared error
        (Rybkin et al. 2021, equation 5), up to a constant.
        """
        losses = {"distortion": half_squares(y, y_pred["first"])}
        total = losses["distortion"]
        if self.p.variance == "optimal":
            n_values = math.prod(y.shape[1:])
            total = n_values / 2 * ops.log(2 * total / n_values)
        if "rate" in y_pred:
            losses["rate"] = ops.mean(y_pred["rate"])
            total = total + self.p.beta * losses["rate"]
        judged = self.judged_losses(y, y_pred)
        for name, value in (losses | judged).items():
            self.trackers[name].update_state(value)
        weights = {"adversarial": self.p.gamma, "l2": self.p.fidelity}
        return total + sum(weights.get(name, 1.0) * value for name, value in judged.items())

    def judged_losses(self, y, y_pred) -> dict[str, Any]:
        """Of the decoder that is judged, where it has a loss of its own, nats per image."""
        output = y_pred["output"]
        if self.p.loss == "l1":
            return {"l1": ops.mean(ops.sum(ops.abs(y - output), axis=(1, 2, 3)))}
        if self.p.loss == "energy":
            return {"energy": energy_score(y, output, y_pred["again"], self.p.square)}
        if self.discriminator is None:
            return {}
        code, fake = y_pred["code"], ops.stop_gradient(output)
        given = self.given(code)
        real_logits, fake_logits = (given(one) for one in (y, fake))
        loss = pairing_loss(real_logits, fake_logits)
        for pictures, logits in ((y, real_logits), (fake, fake_logits)):
            noise = keras.random.normal(ops.shape(pictures), seed=self.of_penalty)
            penalty = gradient_penalty(given, pictures, logits, noise, self.p.penalty_step)
            loss = loss + self.p.gradient_penalty / 2 * penalty
        still = frozen_logits(self.discriminator, [output, code])
        return {
            "l2": half_squares(y, output),
            "adversarial": pairing_loss(still, ops.stop_gradient(real_logits)),
            "discriminator": loss,
        }

    def given(self, code) -> Any:
        """The discriminator of pictures alone, (B, H, W, 3) → logits, for codes (B, latent_size) that are known."""
        judge: Any = self.discriminator
        return lambda pictures, training=True: judge([pictures, code], training=training)

    def encode(self, photos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """uint8 (N, H, W, 3) → mean and log variance, each (N, used); nought where the encoder says no variance."""
        said = [keras.tree.flatten(self.encoder(to_float(piece), training=False)) for piece in pieces(photos, PIECE)]
        mean, *others = [joined(parts)[:, : self.p.used] for parts in zip(*said, strict=True)]
        return mean, others[0] if self.p.gaussian else np.zeros_like(mean)

    def code(self, mean: np.ndarray, log_var: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """One code of each picture, (N, used), as the channel makes it."""
        if self.p.regime == "levels":
            return rounded(mean, self.p.levels)
        deviation = {"vae": np.exp(log_var / 2), "noise": self.p.sigma}.get(self.p.regime, 0.0)
        return mean + deviation * rng.standard_normal(mean.shape)

    def decode(self, codes: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """(N, used or latent_size) → pictures in [0, 1] (N, H, W, 3), each with noise of its own."""
        rng = rng or np.random.default_rng(0)
        code = np.zeros((len(codes), self.p.latent_size), np.float32)
        code[:, : self.p.used] = codes[:, : self.p.used]
        noise = rng.standard_normal((len(codes), self.p.noise_size)).astype(np.float32)
        parts = zip(pieces(code, PIECE), pieces(noise, PIECE), strict=True)
        return joined([self.decoder([*part], training=False) for part in parts])

    def objective(self, photos: np.ndarray, said: tuple[np.ndarray, np.ndarray], codes, output: np.ndarray) -> float:
        """½ Σ (x − x̂)² + β · rate of what is put out, nats per image, with a decoder of unit variance."""
        rate = 0.0
        if self.p.regime == "vae":
            rate = kl_to_standard_normal(*said).sum(axis=1).mean()
        if self.p.regime == "shrinkage":
            rate = np.square(codes).sum(axis=1).mean() / 2
        return float(np.square(output - to_float(photos)).sum(axis=(1, 2, 3)).mean() / 2 + self.p.beta * rate)

    def prefers_sharp(self, photos: np.ndarray, codes: np.ndarray) -> float:
        """Share of photos that the discriminator takes for real rather than the same photo through a blur."""
        assert self.discriminator is not None
        code = np.zeros((len(codes), self.p.latent_size), np.float32)
        code[:, : self.p.used] = codes
        sharp = to_float(photos)
        sigma = BLUR * photos.shape[1]
        blurred = ndimage.gaussian_filter(sharp, sigma, axes=(1, 2), mode="mirror")
        logits = [
            joined(
                [self.discriminator([*part], training=False) for part in zip(pieces(one), pieces(code), strict=True)]
            )
            for one in (sharp, blurred)
        ]
        return float((logits[0] > logits[1]).mean())


def half_squares(y, output):
    """½ Σ (x − x̂)² over an image, the mean over the batch: −log p of unit variance, up to a constant."""
    return ops.mean(ops.sum(ops.square(y - output), axis=(1, 2, 3))) / 2


def energy_score(y, output, again, square: int):
    """E‖x − x̂‖ − ½ E‖x̂ − x̂′‖ of two draws, of the picture and of its squares, summed; the mean over the batch.

    Gneiting and Raftery 2007, equation 22, β = 1: a proper score, smallest for the true distribution, of which no part
    is an adversary. Of the picture alone, what is small is seen too late; a sum of proper scores is one.
    """
    score = 0.0
    for side in (y.shape[1], square):
        to_first, to_second, apart = (distances(*pair, side) for pair in ((y, output), (y, again), (output, again)))
        score = score + ops.mean(ops.sum((to_first + to_second - apart) / 2, axis=1))
    return score


def distances(a, b, side: int):
    """Root of the summed squares of each square of `side` pixels, (B, squares)."""
    squares = ops.square(a - b)
    n = a.shape[1] // side
    squares = ops.reshape(squares, (-1, n, side, n, side, a.shape[3]))
    return root(ops.reshape(ops.sum(squares, axis=(2, 4, 5)), (-1, n * n)) + SMALLEST_DISTANCE)

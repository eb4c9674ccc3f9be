"""The β-VAE recipe: its loss by hand, its noise, its facts by other formulas, and the entry that the suite uses."""

import random
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from pydantic import ValidationError

from replications.beta_vae import networks, train
from replications.beta_vae.params import Params
from replications.datasets import facade_world, world
from replications.errors import DataError, Diverged
from tests.rooms import recipes

N_TRAIN, N_PROBE, N_TEST, N_DRAWN = 8, 20, 6, 3
SMALL = {
    "dataset": "facade_world-tiny",
    "n_train": N_TRAIN,
    "n_probe": N_PROBE,
    "n_test": N_TEST,
    "epochs": 1,
    "batch_size": 4,
    "learning_rate": 1e-3,
    "channels": 2,
    "latent_size": 3,
    "encoder": "gaussian",
    "beta": 1.0,
    "variance": "unit",
    "n_samples": 5,
    "n_draws": 4,
    "n_draws_inputs": N_DRAWN,
}
AUTOENCODER = {"encoder": "deterministic", "beta": 0.0}
N_VALUES = 32 * 32 * 3


def params(**changes) -> Params:
    return Params(**{**SMALL, **changes})


def arrays() -> dict[str, np.ndarray]:
    """A few photos of the procedural world, with their maps and factors, as `export` would write them."""
    data = {"palette": world.PALETTE}
    for split, n in (("train", N_TRAIN + N_PROBE), ("test", N_TEST)):
        labels, factors = world.sample(np.random.default_rng(n), n, 32)
        data |= {f"{split}_photo": world.render(labels, factors), f"{split}_labels": labels[..., None]}
        data |= {f"{split}_{name}": values for name, values in factors.items()}
    return data


def silent(seen: int, of: int) -> None:
    """Nobody listens to the progress."""


def photos(n: int = 2) -> tf.Tensor:
    return tf.constant(train.to_float(arrays()["train_photo"][:n]))


@pytest.fixture(autouse=True)
def step_by_step(monkeypatch):
    """No graph, which takes longer to make than these trainings; the runs through the suite's entry have theirs."""
    compile_ = train.BetaVAE.compile
    monkeypatch.setattr(train.BetaVAE, "compile", lambda self, adam, **_: compile_(self, adam, run_eagerly=True))


# The rate.


# The loss.


def said_by_hand() -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """Two black pictures taken for grey and white: distortions 384 and 1536 nats, rates 2 and 0.8068528 nats."""
    y = tf.zeros((2, 32, 32, 3))
    output = np.zeros(y.shape, np.float32)
    output[0], output[1] = 0.5, 1
    mean, log_var = np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32)
    mean[0, 0], log_var[1, 2] = 2, np.log(4)
    return y, {"output": tf.constant(output), "mean": tf.constant(mean), "log_var": tf.constant(log_var)}


@pytest.mark.parametrize(
    ("changes", "loss"),
    [
        ({"beta": 0.0}, 960),
        ({"beta": 1.0}, 961.403426),
        ({"beta": 10.0}, 974.034264),
        (AUTOENCODER, 960),
        ({"variance": "optimal", "beta": 0.0}, -721.925574),  # 1536 ln 0.625
        ({"variance": "optimal", "beta": 1.0}, -720.522147),
        ({"variance": "optimal", **AUTOENCODER}, 960),
    ],
)
def test_the_loss_by_hand(changes, loss):
    y, said = said_by_hand()
    model = train.BetaVAE(params(**changes), 32, seed=1)
    assert float(model.compute_loss(y, y, said)) == pytest.approx(loss, rel=1e-6)
    assert float(model.trackers["distortion"].result()) == pytest.approx(960)
    assert ("rate" in model.trackers) == (model.p.encoder == "gaussian")
    if "rate" in model.trackers:
        assert float(model.trackers["rate"].result()) == pytest.approx(1.403426, rel=1e-5)


def test_the_optimal_variance_is_the_likeliest():
    """−log p of a Gaussian decoder, up to D/2 ln 2π + D/2: no variance has a smaller one, the mean squared error it."""
    y, said = said_by_hand()
    loss = float(train.BetaVAE(params(variance="optimal", beta=0.0), 32, seed=1).compute_loss(y, y, said))

    def minus_log_likelihood(variance: float) -> float:
        return 960 / variance + N_VALUES / 2 * np.log(variance) - N_VALUES / 2

    assert minus_log_likelihood(0.625) == pytest.approx(loss, rel=1e-6)
    assert min(minus_log_likelihood(0.625 * factor) for factor in (0.1, 0.5, 0.9, 1.1, 2, 10)) > loss + 1


# The gradients.


def gradients(changes: dict, loss_of=None) -> dict[str, np.ndarray | None]:
    """The gradient of the loss by every weight of the two nets; of another loss (model, x, said) if given."""
    model = train.BetaVAE(params(**changes), 32, seed=3)
    rng = np.random.default_rng(1)
    for net in (model.encoder, model.decoder):  # far from the start, where the mean is near 0 and so is the rate
        net.set_weights([w + rng.normal(0, 0.1, w.shape).astype(np.float32) for w in net.get_weights()])
    x = photos()
    with tf.GradientTape() as tape:
        said = model(x, training=True)
        total = model.compute_loss(x, x, said) if loss_of is None else loss_of(model, x, said)
    nets = (model.encoder, model.decoder)
    weights = {f"{net.name} {i} {w.path}": w for net in nets for i, w in enumerate(net.trainable_variables)}
    found = tape.gradient(total, [w.value for w in weights.values()])
    return {name: None if g is None else g.numpy() for name, g in zip(weights, found, strict=True)}


def assert_near(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> None:
    for (name, a), b in zip(ours.items(), theirs.values(), strict=True):
        scale = np.abs(b).max()
        assert scale > 0, f"{name} is 0 throughout, which proves nothing"
        np.testing.assert_allclose(a, b, atol=1e-4 * scale, err_msg=name)


def reference(beta: float, variance: str):
    """The evidence lower bound with a Gaussian decoder, written out; σ² is 1 or the error, held fixed."""

    def loss(model: keras.Model, x: tf.Tensor, said: dict[str, tf.Tensor]) -> tf.Tensor:
        square = (x - said["output"]) ** 2
        s2 = tf.stop_gradient(tf.reduce_mean(square)) if variance == "optimal" else tf.constant(1.0)
        log_p = -tf.reduce_sum(square / (2 * s2) + tf.math.log(2 * np.pi * s2) / 2, axis=(1, 2, 3))
        deviation = tf.exp(said["log_var"] / 2)
        kl = tf.reduce_sum(-tf.math.log(deviation) + (deviation**2 + said["mean"] ** 2 - 1) / 2, axis=1)
        return tf.reduce_mean(-log_p + beta * kl)

    return loss


@pytest.mark.parametrize("beta", [0.0, 1.0, 10.0])
def test_the_gradient_of_the_optimal_variance_is_that_of_a_gaussian_whose_variance_is_the_error(beta):
    """Rybkin et al. 2021, section 3.2, for every weight of both nets."""
    changes = {"variance": "optimal", "beta": beta}
    ours = gradients(changes)
    assert_near(ours, gradients(changes, reference(beta, "optimal")))
    unit = gradients(changes, reference(beta, "unit"))
    largest = max(unit, key=lambda name: np.abs(unit[name]).max())
    other = dict(zip(unit, ours.values(), strict=True))[largest]
    assert np.abs(other).max() > 3 * np.abs(unit[largest]).max(), "an error below 1 weighs more"


@pytest.mark.parametrize("beta", [0.0, 0.1, 1.0, 10.0])
def test_the_gradient_at_unit_variance_is_that_of_the_evidence_lower_bound_with_its_rate_weighed_by_beta(beta):
    assert_near(gradients({"beta": beta}), gradients({"beta": beta}, reference(beta, "unit")))


def test_without_a_rate_the_noise_alone_tells_the_log_variance_anything():
    of_log_var = [gradient for name, gradient in gradients({"beta": 0.0}).items() if "log_var" in name]
    assert len(of_log_var) == 2
    assert all(np.abs(gradient).max() > 0 for gradient in of_log_var)
    deterministic = gradients(AUTOENCODER)
    assert not [name for name, gradient in deterministic.items() if gradient is None or "log_var" in name]


def test_the_rate_reaches_the_encoder_alone():
    of_rate = gradients({}, lambda model, x, said: tf.reduce_sum(said["mean"] ** 2 + said["log_var"] ** 2))
    for name, gradient in of_rate.items():
        assert (gradient is None) == name.startswith("decoder"), name


# The noise.


def test_a_deterministic_encoder_has_neither_noise_nor_a_rate():
    model = train.BetaVAE(params(**AUTOENCODER), 32, seed=1)
    x = photos()
    first, second = (model(x, training=True) for _ in range(2))
    assert first.keys() == {"output"}
    np.testing.assert_array_equal(first["output"], second["output"])
    np.testing.assert_array_equal(first["output"], model.decoder(model.encoder(x)))
    mean, log_var = model.encode(arrays()["test_photo"])
    assert (np.exp(log_var) == 0).all()
    np.testing.assert_array_equal(train.sample(mean, log_var, np.random.default_rng(1)), mean)


def test_a_gaussian_encoder_draws_anew_for_every_picture_and_step_in_training_and_out_of_it():
    model = train.BetaVAE(params(), 32, seed=1)
    x = tf.repeat(photos(1), 2, axis=0)
    seen = [model(x, training=training)["output"].numpy() for training in (True, True, False)]
    assert len({one.tobytes() for step in seen for one in step}) == 6


def test_the_noise_follows_from_the_seed_alone():
    x, seen = photos(), []
    for disturbed, seed in ((1, 5), (2, 5), (1, 6)):
        keras.utils.set_random_seed(disturbed)
        model = train.BetaVAE(params(), 32, seed)
        for net, theirs in ((model.encoder, networks.encoder), (model.decoder, networks.decoder)):
            shape = {"channels": 2, "latent_size": 3} | ({"gaussian": True} if net is model.encoder else {})
            net.set_weights(theirs(32, **shape, seed=9).get_weights())
        seen.append(model(x, training=True)["output"].numpy())
    np.testing.assert_array_equal(seen[0], seen[1])
    assert (seen[0] != seen[2]).any(axis=(1, 2, 3)).all()


def fixed_encoder(size: int, **_) -> keras.Model:
    """Three numbers of the first two pixels as mean and log variance."""
    picture = keras.Input((size, size, 3))
    return keras.Model(picture, [picture[:, 0, 0, :], picture[:, 0, 1, :]])


def fixed_decoder(size: int, **_) -> keras.Model:
    """Paints the whole picture in the colour whose logit is the latent, which can so be read off."""
    z = keras.Input((3,))
    return keras.Model(z, layers.UpSampling2D(size)(layers.Reshape((1, 1, 3))(layers.Activation("sigmoid")(z))))


def painted(pictures: np.ndarray) -> np.ndarray:
    """The latents (…, 3) of painted pictures."""
    colour = np.asarray(pictures)[..., 0, 0, :].astype(float)
    colour = colour / 255 if np.asarray(pictures).dtype == np.uint8 else colour
    return np.log(colour / (1 - colour))


def test_a_sample_has_the_mean_and_the_variance_that_the_encoder_says(monkeypatch):
    monkeypatch.setattr(networks, "encoder", fixed_encoder)
    monkeypatch.setattr(networks, "decoder", fixed_decoder)
    x = np.zeros((20_000, 4, 4, 3), np.float32)
    x[:, 0, 0], x[:, 0, 1] = [0.5, -1, 0], np.log([0.25, 1, 2.25])
    model = train.BetaVAE(params(), 4, seed=1)
    z = painted(model(x, training=True)["output"])
    np.testing.assert_allclose(z.mean(axis=0), [0.5, -1, 0], atol=0.05)
    np.testing.assert_allclose(z.std(axis=0), [0.5, 1, 1.5], rtol=0.03)
    np.testing.assert_allclose(np.corrcoef(z.T), np.eye(3), atol=0.03)


# Encoding, decoding, and what a run hands on.


@pytest.mark.parametrize("n", [1, 100, 101, 230])
def test_encoding_and_decoding_go_piece_by_piece_and_lose_no_row(n):
    model = train.BetaVAE(params(channels=1), 32, seed=1)
    x = np.random.default_rng(1).integers(0, 256, (n, 32, 32, 3), np.uint8)
    mean, log_var = model.encode(x)
    assert mean.shape == log_var.shape == (n, 3)
    expected = model.encoder(x.astype(np.float32) / 255)
    np.testing.assert_allclose(mean, expected[0], atol=1e-5)
    np.testing.assert_allclose(log_var, expected[1], atol=1e-5)
    decoded = model.decode(mean.astype(np.float64))
    assert decoded.shape == (n, 32, 32, 3)
    np.testing.assert_allclose(decoded, model.decoder(mean), atol=1e-5)


@pytest.fixture
def models(monkeypatch) -> list[train.BetaVAE]:
    """The models that `train` makes, so that a test can ask them afterwards."""
    made, build = [], train.BetaVAE

    def keep(*arguments):
        made.append(build(*arguments))
        return made[-1]

    monkeypatch.setattr(train, "BetaVAE", keep)
    return made


def say_log_variance(net: keras.Model, log_var: float) -> keras.Model:
    """A new encoder is sure of nothing; this one has posteriors of one width."""
    net.get_layer("log_var").bias.assign([log_var] * 3)
    net.get_layer("log_var").kernel.assign(0 * net.get_layer("log_var").kernel)
    net.get_layer("mean").kernel.assign(5 * net.get_layer("mean").kernel)
    return net


@pytest.fixture
def paint(monkeypatch, models):
    """A decoder whose latents can be read off its pictures, and posteriors with a standard deviation of 1/2."""
    encoder = networks.encoder
    monkeypatch.setattr(networks, "encoder", lambda *size, **net: say_log_variance(encoder(*size, **net), np.log(0.25)))
    monkeypatch.setattr(networks, "decoder", fixed_decoder)
    return models


def test_outputs_are_decoded_means_samples_draws_and_priors(paint):
    wanted = params(learning_rate=1e-9, n_samples=2000, n_draws=300)
    images, *_ = train.train(wanted, 3, arrays(), silent)
    mean, _ = paint[0].encode(arrays()["test_photo"])
    assert np.abs(mean).max() < 4, "further out eight bits hold too few colours"
    assert mean.std(axis=0).min() > 0.05
    np.testing.assert_allclose(painted(images["output"]), mean, atol=0.1)
    noise = (painted(images["sampled"]) - mean) / 0.5
    assert 0.5 < noise.std() < 1.5
    assert np.abs(noise).min() > 1e-3
    draws = (painted(images["draws"]) - mean[:N_DRAWN, None]) / 0.5
    np.testing.assert_allclose(draws.mean(axis=1), 0, atol=0.3)
    np.testing.assert_allclose(draws.std(axis=1), 1, atol=0.2)
    assert np.abs(np.corrcoef(draws.transpose(0, 2, 1).reshape(9, -1)) - np.eye(9)).max() < 0.3
    prior = painted(images["prior"])
    np.testing.assert_allclose(prior.mean(axis=0), 0, atol=0.12)
    np.testing.assert_allclose(prior.std(axis=0), 1, atol=0.08)
    np.testing.assert_allclose(np.corrcoef(prior.T), np.eye(3), atol=0.1)


def test_the_latents_that_are_probed_are_samples_of_images_that_were_not_trained_on(paint):
    images, *_ = train.train(params(learning_rate=1e-9), 3, arrays(), silent)
    data = arrays()
    mean, _ = paint[0].encode(data["train_photo"][N_TRAIN:])
    noise = (images["latent"] - mean) / 0.5
    assert images["latent"].shape == (N_PROBE, 3)
    assert images["latent"].dtype == np.float32
    assert abs(noise.mean()) < 0.5
    assert 0.7 < noise.std() < 1.3
    assert np.abs(np.corrcoef(noise.T, mean.T)[:3, 3:]).max() < 0.75
    for name in (*facade_world.FACTORS, "lit", "labels"):
        np.testing.assert_array_equal(images[f"probe_{name}"], data[f"train_{name}"][N_TRAIN:], err_msg=name)
    assert not {"probe_photo", "probe_palette"} & images.keys()


def test_nothing_that_a_deterministic_encoder_hands_on_is_drawn_but_the_prior(models):
    images, facts, _ = train.train(params(**AUTOENCODER), 3, arrays(), silent)
    np.testing.assert_array_equal(images["sampled"], images["output"])
    np.testing.assert_array_equal(images["draws"], np.repeat(images["output"][:N_DRAWN, None], 4, axis=1))
    mean, _ = models[0].encode(arrays()["train_photo"][N_TRAIN:])
    np.testing.assert_array_equal(images["latent"], mean)
    assert "rate" not in facts
    assert len(np.unique(images["prior"], axis=0)) == 5


def test_facts_agree_with_other_formulas(models):
    """The rate as the differential of entropies, active units by a loop, the distortion from the pictures on disk."""
    images, facts, _ = train.train(params(epochs=2), 3, arrays(), silent)
    model, target = models[0], arrays()["test_photo"] / 255
    mean, log_var = (ops.convert_to_numpy(one).astype(float) for one in model.encoder(target.astype(np.float32)))
    deviation = np.exp(log_var) ** 0.5
    cross_entropy = np.log(2 * np.pi) / 2 + (mean**2 + deviation**2) / 2
    rate = (cross_entropy - np.log(2 * np.pi * np.e * deviation**2) / 2).sum() / N_TEST
    assert facts["rate"] == pytest.approx(rate, rel=1e-4)
    error = sum((image / 255 - one) ** 2 for image, one in zip(images["sampled"], target, strict=True)).sum()
    assert facts["distortion"] == pytest.approx(error / 2 / N_TEST, rel=2e-3)
    of_mean = sum((image / 255 - one) ** 2 for image, one in zip(images["output"], target, strict=True)).sum()
    assert facts["distortion"] != pytest.approx(of_mean / 2 / N_TEST, rel=1e-5), "that of samples, not of means"
    assert facts["encoder_parameters"] == sum(w.size for w in model.encoder.get_weights())
    assert facts["decoder_parameters"] == sum(w.size for w in model.decoder.get_weights())


def test_a_unit_is_active_whose_mean_varies_by_more_than_a_hundredth(monkeypatch):
    """Burda et al. 2016, section 5.2: here the means' variances are 0.25, 0.0101, 0.0099 and 0."""

    def encoder(size: int, **_) -> keras.Model:
        picture = keras.Input((size, size, 3))
        brightness = picture[:, 0, 0, :1]
        mean = layers.Concatenate()([brightness * scale for scale in (1.0, 0.201, 0.199, 0.0)])
        return keras.Model(picture, [mean, 0 * mean])

    monkeypatch.setattr(networks, "encoder", encoder)
    data = arrays()
    data["test_photo"] = np.zeros((N_TEST, 32, 32, 3), np.uint8)
    data["test_photo"][::2] = 255
    _, facts, _ = train.train(params(latent_size=4), 3, data, silent)
    assert facts["active_units"] == 2


# The same start, the same batches, the same noise.


@pytest.fixture
def steps_seen(monkeypatch):
    """Every (x, y, weights before, output) of the steps of `fit`, in a list."""
    seen, compute_loss = [], train.BetaVAE.compute_loss

    def looked_on(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        weights = {w.path: w.numpy() for net in (self.encoder, self.decoder) for w in net.weights}
        seen.append((x.numpy(), y.numpy(), weights, y_pred["output"].numpy()))
        return compute_loss(self, x, y, y_pred, sample_weight, training)

    monkeypatch.setattr(train.BetaVAE, "compute_loss", looked_on)
    return seen


def test_variants_of_one_seed_are_paired(steps_seen):
    variants = {
        "beta_1": {},
        "beta_0001": {"beta": 0.001},
        "sigma": {"variance": "optimal"},
        "autoencoder": AUTOENCODER,
    }
    seen = {}
    for name, changes in variants.items():
        random.seed(name)
        train.train(params(epochs=2, **changes), 3, arrays(), silent)
        seen[name] = steps_seen.copy()
        steps_seen.clear()
    by_hand = train.Batches(arrays()["train_photo"][:N_TRAIN], 4, 3)
    by_hand.on_epoch_end()  # Keras ends an epoch once more than it begins one, after it has built the model
    expected = []
    for _ in range(2):
        expected += [by_hand[batch][0] for batch in range(len(by_hand))]
        by_hand.on_epoch_end()
    for name, steps in seen.items():
        assert len(steps) == len(expected) == 4
        for (x, y, _, _), batch in zip(steps, expected, strict=True):
            np.testing.assert_array_equal(x, batch, err_msg=name)
            np.testing.assert_array_equal(y, batch, err_msg=name)
        first, second, others = steps[0][2], steps[1][2], seen["beta_1"][0][2]
        missing = {path for path in others if "log_var" in path} if name == "autoencoder" else set()
        assert len(first) == len(others) - len(missing)
        for ours, theirs in zip(first.values(), (others[path] for path in others if path not in missing), strict=True):
            np.testing.assert_array_equal(ours, theirs, err_msg=name)
        assert any((a != b).any() for a, b in zip(first.values(), second.values(), strict=True)), "nothing was learnt"
        same_noise = (steps[0][3] == seen["beta_1"][0][3]).all()
        assert same_noise == (name != "autoencoder"), name


# What is refused, and what ends a training.


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"n_train": N_TRAIN + 1}, "n_train + n_probe = 29: the data set has 28 images; ask for no more"),
     ({"n_probe": N_PROBE + 1}, "n_train + n_probe = 29: the data set has 28 images; ask for no more"),
     ({"n_test": N_TEST + 1}, "n_test = 7: the data set has 6 images; ask for no more")],
)  # fmt: skip
def test_more_images_than_there_are_are_refused_before_any_training(changes, words, models):
    with pytest.raises(DataError) as error:
        train.train(params(**changes), 1, arrays(), silent)
    assert str(error.value) == words
    assert not models


@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_an_output_that_is_no_number_though_the_last_loss_was_one():
    with pytest.raises(Diverged, match=r"^epoch 1: \w+ is not a number everywhere"):
        train.train(params(learning_rate=1e30, n_train=4), 1, arrays(), silent)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"encoder": "deterministic"}, r"beta = 1\.0 with a deterministic encoder, .*; set it to 0"),
        ({"encoder": "discrete"}, "'gaussian' or 'deterministic'"),
        ({"variance": "learned"}, "'unit' or 'optimal'"),
        ({"beta": -0.1}, "greater than or equal to 0"),
        ({"beta": float("nan")}, "beta\n.*finite number"),
        ({"beta": float("inf")}, "beta\n.*finite number"),
        ({"latent_size": 0}, "greater than 0"),
        ({"latent_size": 3.0}, "valid integer"),
        ({"n_probe": 19}, "greater than or equal to 20"),
        ({"n_samples": 1}, "greater than or equal to 2"),
        ({"n_draws": 1}, "greater than or equal to 2"),
    ],
)
def test_hyper_parameters_that_are_refused(changes, words):
    with pytest.raises(ValidationError, match=words):
        params(**changes)


def test_hyper_parameters_that_are_not():
    for changes in ({}, AUTOENCODER, {"variance": "optimal"}, {"beta": 0.0}, {"batch_size": N_TRAIN}):
        assert params(**changes).latent_size == 3


# Through the entry of the suite, each run in a process of its own.

VARIANTS = {"beta_1": {}, "sigma": {"variance": "optimal"}, "autoencoder": AUTOENCODER}


@pytest.fixture(scope="module")
def trained(made_once) -> Path:
    """Two folders: `first`, with every variant, and `again`, with the first of them."""
    return recipes.trained(made_once, "beta_vae")


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_a_run_leaves(variant, trained):
    images = recipes.images(trained, variant)
    shapes = {
        "target": (N_TEST, 32, 32, 3),
        "output": (N_TEST, 32, 32, 3),
        "sampled": (N_TEST, 32, 32, 3),
        "prior": (SMALL["n_samples"], 32, 32, 3),
        "draws": (N_DRAWN, SMALL["n_draws"], 32, 32, 3),
        "latent": (N_PROBE, SMALL["latent_size"]),
        "probe_labels": (N_PROBE, 32, 32, 1),
        "probe_lit": (N_PROBE, world.MAX_WINDOWS),
        **{f"probe_{name}": (N_PROBE,) for name in facade_world.FACTORS},
    }
    assert {name: image.shape for name, image in images.items()} == shapes
    assert {name for name, image in images.items() if image.dtype != np.uint8} == {"latent"}
    np.testing.assert_array_equal(images["target"], arrays()["test_photo"])
    assert (images["sampled"] == images["output"]).all() == (variant == "autoencoder")


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_a_run_tells(variant, trained):
    told = recipes.told(trained, variant)
    facts, losses = told["facts"], told["facts"]["losses"]
    assert told["told"] == [[N_TRAIN, N_TRAIN]]
    assert losses.keys() == {"loss", "distortion"} | (set() if variant == "autoencoder" else {"rate"})
    assert all(len(values) == 1 and np.isfinite(values).all() for values in losses.values())
    [loss], [distortion], [rate] = (losses.get(name, [0]) for name in ("loss", "distortion", "rate"))
    if variant == "beta_1":
        assert loss == pytest.approx(distortion + rate, rel=1e-5)
    elif variant == "autoencoder":
        assert loss == distortion
    else:  # the mean over batches of the logarithm is near the logarithm of the mean
        assert loss == pytest.approx(N_VALUES / 2 * np.log(2 * distortion / N_VALUES) + rate, abs=15)
    assert ("rate" in facts) == (variant != "autoencoder")
    assert facts.keys() - {"rate"} == {
        "encoder_parameters",
        "decoder_parameters",
        "distortion",
        "active_units",
        "losses",
    }


def test_the_distortion_falls():
    _, facts, _ = train.train(params(epochs=10, learning_rate=1e-2, beta=0.1), 1, arrays(), silent)
    losses = facts["losses"]["distortion"]
    assert losses[-1] < 0.95 * losses[0]

"""The VQ-VAE recipe: its loss and gradients by hand, its codebooks in training, and the entry that the suite uses."""

import random
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from pydantic import ValidationError

from replications.datasets import world
from replications.errors import Diverged
from replications.vq_vae import networks, train
from replications.vq_vae.params import Params
from tests.rooms import recipes

N_TRAIN, N_TEST, N_ENCODED = 8, 6, 4
K, D, POSITIONS = 16, 3, 64
SMALL = {
    "dataset": "facade_world-tiny",
    "n_train": N_TRAIN,
    "n_test": N_TEST,
    "epochs": 1,
    "batch_size": 4,
    "learning_rate": 1e-3,
    "channels": 4,
    "residual_blocks": 1,
    "embedding_dim": D,
    "quantiser": "straight_through",
    "codebook_size": K,
    "commitment_cost": 0.25,
    "decay": 0.9,
    "restart_below": 1.0,
    "beta": 0.01,
    "n_encoded": N_ENCODED,
}
# Keras' own way to make an array of a variable; nobody but a test hears of it.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
QUANTISERS = ("none", "gaussian", "straight_through", "ema", "ema_restarts")
VARIANTS = {quantiser: {"quantiser": quantiser} for quantiser in QUANTISERS}
WITH_CODES = QUANTISERS[2:]


def params(**changes) -> Params:
    return Params(**{**SMALL, **changes})


def arrays() -> dict[str, np.ndarray]:
    """A few photos of the procedural world, with their maps, as `export` would write them."""
    data = {"palette": world.PALETTE}
    for split, n in (("train", N_TRAIN), ("test", N_TEST)):
        labels, factors = world.sample(np.random.default_rng(n), n, 32)
        data |= {f"{split}_photo": world.render(labels, factors), f"{split}_labels": labels[..., None]}
    return data


def silent(seen: int, of: int) -> None:
    """Nobody listens to the progress."""


def photos(n: int = 2) -> tf.Tensor:
    return tf.constant(arrays()["train_photo"][:n].astype(np.float32) / 255)


def plain_search(z: np.ndarray, codebook: np.ndarray) -> np.ndarray:
    """The nearest code by all distances."""
    return np.square(z[..., None, :].astype(float) - codebook.astype(float)).sum(axis=-1).argmin(axis=-1)


@pytest.fixture(autouse=True)
def step_by_step(monkeypatch):
    """No graph, which takes longer to make than these trainings; the runs through the suite's entry have theirs."""
    compile_ = train.VQVAE.compile
    monkeypatch.setattr(train.VQVAE, "compile", lambda self, adam, **_: compile_(self, adam, run_eagerly=True))


# The loss.


@pytest.mark.parametrize("quantiser", QUANTISERS)
def test_the_loss_is_the_error_over_the_variance_and_the_price_of_the_bottleneck(quantiser):
    """Errors 0.25 and 1, so 0.625 in the mean; variance 0.05: 12.5. Prices 0.7, or 0.01 · 30 nats / (1536 · 0.05)."""
    model = train.VQVAE(params(quantiser=quantiser), 32, 0.05, seed=1)
    y, output = tf.zeros((2, 32, 32, 3)), np.zeros((2, 32, 32, 3), np.float32)
    output[0], output[1] = 0.5, 1
    said = {"output": tf.constant(output), "loss": tf.constant(0.7)}
    if quantiser == "gaussian":
        said |= {"loss": tf.constant(0.0), "rate": tf.constant([20.0, 40.0])}
    price = 0.00390625 if quantiser == "gaussian" else 0.7
    assert float(model.compute_loss(y, y, said)) == pytest.approx(12.5 + price, rel=1e-6)
    assert float(model.trackers["reconstruction"].result()) == pytest.approx(0.625)
    assert float(model.trackers["bottleneck"].result()) == pytest.approx(price)


def test_the_vaes_loss_is_that_of_the_beta_vae_over_a_constant():
    """Half the sum of squares + β · rate, in nats per image, over 1536 · variance."""
    model = train.VQVAE(params(quantiser="gaussian", beta=3.0), 32, 0.05, seed=1)
    x = photos()
    said = {name: ops.convert_to_numpy(value) for name, value in model(x, training=True).items()}
    nats = np.square(x - said["output"]).sum(axis=(1, 2, 3)) / 2 + 3 * said["rate"]
    loss = float(model.compute_loss(x, x, {name: tf.constant(value) for name, value in said.items()}))
    assert loss == pytest.approx(nats.mean() / (1536 * 0.05), rel=1e-5)


@pytest.mark.parametrize(("capacity", "away"), [(0.0, 30), (30.0, 0), (50.0, 20), (25.0, 5)])
def test_a_capacity_makes_the_price_the_distance_of_the_mean_rate(capacity, away):
    """Of 20 and 40 nats the mean is 30: for C = 25 their own distances would come to 10 in the mean, and not to 5."""
    model = train.VQVAE(params(quantiser="gaussian", capacity=capacity), 32, 0.05, seed=1)
    y = tf.zeros((2, 32, 32, 3))
    said = {"output": y, "loss": tf.constant(0.0), "rate": tf.constant([20.0, 40.0])}
    assert float(model.compute_loss(y, y, said)) == pytest.approx(0.01 * away / (1536 * 0.05), rel=1e-6)


@pytest.mark.parametrize("capacity", [40.0, 150.0])
def test_training_brings_the_rate_to_the_capacity_from_either_side(capacity):
    x = photos(4)
    model = train.VQVAE(params(quantiser="gaussian", capacity=capacity, beta=10.0), 32, 0.05, seed=1)
    model(x)
    keras.Model.compile(model, keras.optimizers.Adam(3e-3), jit_compile=False)
    rates = []
    for _ in range(120):
        rates.append(float(ops.mean(model(x)["rate"])))
        model.train_on_batch(x, x)
    assert 40 < rates[0] < 150, "it begins between them"
    assert rates[-1] == pytest.approx(capacity, rel=0.15)


@pytest.mark.parametrize(
    ("quantiser", "averaged"), [("straight_through", True), ("ema", False), ("ema_restarts", False)]
)
def test_averages_of_the_weights_take_the_codebook_in_where_it_is_a_weight(quantiser, averaged):
    """Averaging changes no step, so a codebook that follows the encodings by itself is the same with and without."""
    (with_averages, *_), (without, *_) = (
        train.train(params(quantiser=quantiser, ema=ema), 1, arrays(), silent) for ema in (0.9, 0.0)
    )
    assert np.array_equal(with_averages["codebook"], without["codebook"]) is not averaged
    assert not np.array_equal(with_averages["encoded"], without["encoded"]), "the encoder is averaged in all of them"


# Gradients of the whole.


def away_from_the_start(model: train.VQVAE) -> train.VQVAE:
    """Weights that make encodings larger than a new net's, so that they go to different codes."""
    rng = np.random.default_rng(1)
    model(photos())
    for net in (model.encoder, model.decoder):
        net.set_weights([w + rng.normal(0, 0.2, w.shape).astype(np.float32) for w in net.get_weights()])
    return model


def gradients(tape: tf.GradientTape, loss, variables) -> list[np.ndarray]:
    return [g.numpy() for g in map(tf.convert_to_tensor, tape.gradient(loss, [v.value for v in variables]))]


def assert_near(ours: list[np.ndarray], theirs: list[np.ndarray]) -> None:
    for a, b in zip(ours, theirs, strict=True):
        scale = np.abs(b).max()
        assert scale > 0, "0 throughout proves nothing"
        np.testing.assert_allclose(a, b, atol=1e-4 * scale)


@pytest.mark.parametrize("quantiser", WITH_CODES)
def test_each_net_receives_the_gradients_that_are_meant_for_it(quantiser):
    """The decoder that of the error; the encoder the decoder's by its input, as if it were the encoder's output, and
    the commitment's; the codebook that of the codebook loss, if it has any."""
    model = away_from_the_start(train.VQVAE(params(quantiser=quantiser, commitment_cost=0.7), 32, 0.05, seed=3))
    x = photos()
    with tf.GradientTape(persistent=True) as tape:
        z = model.encoder(x)
        codebook = tf.constant(model.bottleneck.codebook.numpy())
        tape.watch(codebook)
        codes = plain_search(z.numpy(), codebook.numpy())
        e = tf.gather(codebook, codes)
        given = tf.stop_gradient(e)
        tape.watch(given)
        error = tf.reduce_mean((x - model.decoder(given)) ** 2) / 0.05
        with tape.stop_recording():
            of_input = tape.gradient(error, given)
        for_encoder = tf.reduce_sum(z * of_input) + 0.7 * tf.reduce_mean((z - given) ** 2)
        for_codebook = tf.reduce_mean((tf.stop_gradient(z) - e) ** 2)
    expected = {
        "encoder": gradients(tape, for_encoder, model.encoder.trainable_variables),
        "decoder": gradients(tape, error, model.decoder.trainable_variables),
        "codebook": [tf.convert_to_tensor(tape.gradient(for_codebook, codebook)).numpy()],
    }
    assert len(np.unique(codes)) > 2
    with tf.GradientTape(persistent=True) as tape:
        total = model.compute_loss(x, x, model(x, training=True))
    assert_near(gradients(tape, total, model.encoder.trainable_variables), expected["encoder"])
    assert_near(gradients(tape, total, model.decoder.trainable_variables), expected["decoder"])
    mine = [v for v in model.trainable_variables if v.name == "codebook"]
    assert len(mine) == (quantiser == "straight_through")
    if mine:
        assert_near(gradients(tape, total, mine), expected["codebook"])


# Codebooks in training.


def compiled(quantiser: str, optimiser: keras.Optimizer, **changes) -> train.VQVAE:
    """A model whose steps are a graph, as they are in the suite."""
    model = away_from_the_start(train.VQVAE(params(quantiser=quantiser, **changes), 32, 0.05, seed=3))
    keras.Model.compile(model, optimiser, jit_compile=False)
    return model


@pytest.mark.parametrize("quantiser", ["ema_restarts", pytest.param("ema", marks=pytest.mark.slow)])
def test_training_moves_the_averages_once_per_batch_and_by_its_encodings(quantiser):
    model, x = compiled(quantiser, keras.optimizers.Adam(1e-3), restart_below=0.95), photos(4)
    averages = model.bottleneck
    for _ in range(2):  # the first builds the graph as well, which must not count
        count, total, codebook = (w.numpy() for w in (averages.count, averages.total, averages.codebook))
        z = ops.convert_to_numpy(model.encoder(x)).reshape(-1, D)
        chosen = np.eye(K)[plain_search(z, codebook)]
        count, total = 0.9 * count + 0.1 * chosen.sum(axis=0), 0.9 * total + 0.1 * chosen.T @ z
        model.train_on_batch(x, x)
        kept = count >= 0.95 if quantiser == "ema_restarts" else np.ones(K, bool)
        assert 0 < kept.sum() < K or quantiser == "ema"
        np.testing.assert_allclose(averages.count.numpy()[kept], count[kept], rtol=1e-4)
        np.testing.assert_allclose(averages.total.numpy()[kept], total[kept], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(
            averages.codebook.numpy()[kept], (total / count[:, None])[kept], rtol=1e-3, atol=1e-4
        )
        for code in averages.codebook.numpy()[~kept]:
            assert np.abs(z - code).max(axis=1).min() < 1e-4, "a code starts again at an encoding of the batch"


def test_the_papers_codebook_moves_by_its_gradient_alone():
    """One step of plain descent: the codes that were chosen move, towards the mean of their encodings."""
    model, x = compiled("straight_through", keras.optimizers.SGD(0.1)), photos(4)
    before = model.bottleneck.codebook.numpy()
    z = ops.convert_to_numpy(model.encoder(x)).reshape(-1, D)
    codes = plain_search(z, before)
    expected = before.copy()
    for code, one in zip(codes, z, strict=True):
        expected[code] -= 0.1 * 2 * (before[code] - one) / z.size
    model.train_on_batch(x, x)
    np.testing.assert_allclose(model.bottleneck.codebook.numpy(), expected, atol=1e-5)
    assert 0 < (expected != before).any(axis=1).sum() < K


def test_evaluation_leaves_every_weight_as_it_is():
    for quantiser in QUANTISERS:
        model = away_from_the_start(train.VQVAE(params(quantiser=quantiser), 32, 0.05, seed=3))
        before = [w.numpy() for w in model.weights if "seed" not in w.path]
        model(photos())
        model.decode(model.through_bottleneck(model.encode(arrays()["test_photo"]))["quantised"])
        for a, b in zip(before, (w.numpy() for w in model.weights if "seed" not in w.path), strict=True):
            np.testing.assert_array_equal(a, b, err_msg=quantiser)


def test_the_bottleneck_is_the_one_that_was_asked_for():
    kinds = {
        "none": networks.NoQuantiser,
        "gaussian": networks.Gaussian,
        "straight_through": networks.StraightThrough,
        "ema": networks.EMA,
        "ema_restarts": networks.EMAWithRestarts,
    }
    for quantiser, kind in kinds.items():
        wanted = params(quantiser=quantiser, commitment_cost=0.7, decay=0.8, restart_below=2.0)
        made = train.bottleneck(wanted, 3)
        assert type(made) is kind
        assert getattr(made, "commitment_cost", 0.7) == 0.7
        assert getattr(made, "decay", 0.8) == 0.8
        assert getattr(made, "restart_below", 2.0) == 2.0
        if quantiser in WITH_CODES:
            assert made.codebook.shape == (K, D)
            outputs = train.VQVAE(wanted, 32, 0.05, 3).encoder.output_shape
            assert outputs == (None, 8, 8, D)
    continuous = params(quantiser="gaussian")
    assert train.VQVAE(continuous, 32, 0.05, 3).encoder.output_shape == (None, 8, 8, 2 * D)
    drawn = [train.bottleneck(continuous, seed)(np.zeros((1, 2, 2, 2)), training=True) for seed in (1, 1, 2)]
    first, again, another = (one["quantised"].numpy() for one in drawn)
    np.testing.assert_array_equal(first, again)
    assert (first != another).all()


# Encoding, decoding, and what a run hands on.


@pytest.mark.parametrize("n", [1, 100, 101, 230])
def test_encoding_quantising_and_decoding_go_piece_by_piece_and_lose_no_row(n):
    x = np.random.default_rng(1).integers(0, 256, (n, 32, 32, 3), np.uint8)
    for quantiser in ("gaussian", "ema_restarts"):
        model = train.VQVAE(params(quantiser=quantiser, channels=1, residual_blocks=0), 32, 0.05, 1)
        z = model.encode(x)
        np.testing.assert_allclose(z, model.encoder(x.astype(np.float32) / 255), atol=1e-5)
        through = model.through_bottleneck(z)
        together = model.bottleneck(z)
        assert through.keys() == together.keys() - {"loss"}
        for name, value in through.items():
            assert len(value) == n
            np.testing.assert_allclose(value, together[name], atol=1e-4)
        decoded = model.decode(through["quantised"].astype(np.float64))
        np.testing.assert_allclose(decoded, model.decoder(through["quantised"]), atol=1e-5)


@pytest.fixture
def models(monkeypatch) -> list[train.VQVAE]:
    """The models that `train` makes, so that a test can ask them afterwards."""
    made, build = [], train.VQVAE

    def keep(*arguments):
        made.append(build(*arguments))
        return made[-1]

    monkeypatch.setattr(train, "VQVAE", keep)
    return made


@pytest.mark.parametrize("quantiser", ["straight_through", "ema_restarts"])
def test_outputs_are_decoded_code_vectors_of_the_whole_test_set(quantiser, models):
    images, facts, _ = train.train(params(quantiser=quantiser), 3, arrays(), silent)
    [model], codebook = models, images["codebook"]
    assert model.variance == pytest.approx((arrays()["train_photo"] / 255).var(), rel=1e-5)
    z = ops.convert_to_numpy(model.encoder(arrays()["test_photo"].astype(np.float32) / 255))
    np.testing.assert_array_equal(codebook, model.bottleneck.codebook.numpy())
    np.testing.assert_array_equal(images["codes"], plain_search(z, codebook))
    np.testing.assert_allclose(images["encoded"], z[:N_ENCODED], atol=1e-5)
    decoded = ops.convert_to_numpy(model.decoder(codebook[images["codes"]]))
    assert np.abs(images["output"] / 255 - decoded).max() < 0.51 / 255
    assert facts["positions"] == POSITIONS
    assert facts["encoder_parameters"] == sum(w.size for w in model.encoder.get_weights())
    assert facts["decoder_parameters"] == sum(w.size for w in model.decoder.get_weights())


def test_the_vae_hands_on_decoded_means_samples_and_its_rate(models):
    images, facts, _ = train.train(params(quantiser="gaussian"), 3, arrays(), silent)
    [model] = models
    z = ops.convert_to_numpy(model.encoder(arrays()["test_photo"].astype(np.float32) / 255)).astype(float)
    mean, deviation = z[..., :D], np.exp(z[..., D:]) ** 0.5
    decoded = ops.convert_to_numpy(model.decoder(mean.astype(np.float32)))
    assert np.abs(images["output"] / 255 - decoded).max() < 0.51 / 255
    rate = (np.log(1 / deviation) + (deviation**2 + mean**2 - 1) / 2).sum(axis=(1, 2, 3)).mean()
    assert facts["rate"] == pytest.approx(rate, rel=1e-4)
    shift = np.abs(images["sampled"] / 255 - decoded).mean()
    others = mean + deviation * np.random.default_rng(99).standard_normal(mean.shape)
    usual = np.abs(ops.convert_to_numpy(model.decoder(others.astype(np.float32))) - decoded).mean()
    assert shift == pytest.approx(usual, rel=0.15), "samples are as far from the mean as the posterior is wide"


# The same start and the same batches.


@pytest.fixture
def steps_seen(monkeypatch):
    """Every (x, weights before) of the steps of `fit`, in a list."""
    seen, call = [], train.VQVAE.call

    def looked_on(self, x, training=False):
        if training:
            weights = {"encoder": self.encoder.get_weights(), "decoder": self.decoder.get_weights()}
            if hasattr(self.bottleneck, "codebook"):
                weights["codebook"] = [self.bottleneck.codebook.numpy()]
            seen.append((x.numpy(), weights))
        return call(self, x, training)

    monkeypatch.setattr(train.VQVAE, "call", looked_on)
    return seen


def test_variants_of_one_seed_are_paired(steps_seen):
    seen = {}
    for quantiser in QUANTISERS:
        random.seed(quantiser)
        train.train(params(quantiser=quantiser, epochs=2), 3, arrays(), silent)
        seen[quantiser] = steps_seen.copy()
        steps_seen.clear()
    by_hand = train.Batches(arrays()["train_photo"], 4, 3)
    by_hand.on_epoch_end()  # Keras ends an epoch once more than it begins one, after it has built the model
    expected = []
    for _ in range(2):
        expected += [by_hand[batch][0] for batch in range(len(by_hand))]
        by_hand.on_epoch_end()
    first = {name: steps[0][1] for name, steps in seen.items()}
    for name, steps in seen.items():
        assert len(steps) == len(expected) == 4
        for (x, _), batch in zip(steps, expected, strict=True):
            np.testing.assert_array_equal(x, batch, err_msg=name)
        assert any((a != b).any() for a, b in zip(steps[0][1]["encoder"], steps[1][1]["encoder"], strict=True))
        last = -2 if name == "gaussian" else None  # that encoder's last layer has twice the outputs
        for ours, theirs in zip(first[name]["encoder"][:last], first["none"]["encoder"][:last], strict=True):
            np.testing.assert_array_equal(ours, theirs, err_msg=name)
        for ours, theirs in zip(first[name]["decoder"], first["none"]["decoder"], strict=True):
            np.testing.assert_array_equal(ours, theirs, err_msg=name)
    for name in WITH_CODES:
        np.testing.assert_array_equal(*(first[one]["codebook"][0] for one in (name, "straight_through")))


# What is refused, and what ends a training.


def test_an_output_that_is_no_number_though_the_last_loss_was_one():
    with pytest.raises(Diverged, match=r"^epoch 1: \w+ is not a number everywhere"):
        train.train(params(learning_rate=1e30, n_train=4, quantiser="none"), 1, arrays(), silent)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"codebook_size": 2**16 + 1}, "codebook_size = 65537: expected at most 65536, codes are kept as uint16"),
        ({"codebook_size": 1}, "greater than or equal to 2"),
        ({"quantiser": "gumbel"}, "'ema' or 'ema_restarts'"),
        ({"decay": 1.0}, "less than 1"),
        ({"decay": 0.0}, "greater than 0"),
        ({"commitment_cost": -0.1}, "greater than or equal to 0"),
        ({"restart_below": -1.0}, "greater than or equal to 0"),
        ({"beta": float("nan")}, "beta\n.*finite number"),
        ({"embedding_dim": 0}, "greater than 0"),
        ({"residual_blocks": -1}, "greater than or equal to 0"),
        ({"n_encoded": 0}, "greater than 0"),
    ],
)
def test_hyper_parameters_that_are_refused(changes, words):
    with pytest.raises(ValidationError, match=words):
        params(**changes)


def test_the_largest_codebook_still_fits_into_a_file():
    assert params(codebook_size=2**16).codebook_size - 1 == np.iinfo(np.uint16).max


# Through the entry of the suite, each run in a process of its own.


@pytest.fixture(scope="module")
def trained(made_once) -> Path:
    """Two folders: `first` and `again`, each with every way through the bottleneck."""
    return recipes.trained(made_once, "vq_vae")


@pytest.mark.parametrize("quantiser", QUANTISERS)
def test_what_a_run_leaves(quantiser, trained):
    images = recipes.images(trained, quantiser)
    kinds = {"target": ((N_TEST, 32, 32, 3), np.uint8), "output": ((N_TEST, 32, 32, 3), np.uint8)}
    if quantiser == "gaussian":
        kinds["sampled"] = kinds["output"]
    if quantiser in WITH_CODES:
        kinds["codes"] = (N_TEST, 8, 8), np.uint16
        kinds["encoded"] = (N_ENCODED, 8, 8, D), np.float32
        kinds["codebook"] = (K, D), np.float32
    assert {name: (image.shape, image.dtype) for name, image in images.items()} == kinds
    np.testing.assert_array_equal(images["target"], arrays()["test_photo"])
    if quantiser in WITH_CODES:
        assert images["codes"].max() < K
        np.testing.assert_array_equal(images["codes"][:N_ENCODED], plain_search(images["encoded"], images["codebook"]))
    if quantiser == "gaussian":
        assert (images["sampled"] != images["output"]).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("quantiser", QUANTISERS)
def test_what_a_run_tells(quantiser, trained):
    told = recipes.told(trained, quantiser)
    facts, losses = told["facts"], told["facts"]["losses"]
    assert facts.keys() - {"rate"} == {"encoder_parameters", "decoder_parameters", "positions", "losses"}
    assert ("rate" in facts) == (quantiser == "gaussian")
    assert losses.keys() == {"loss", "reconstruction", "bottleneck"}
    [loss], [error], [price] = (losses[name] for name in ("loss", "reconstruction", "bottleneck"))
    variance = (arrays()["train_photo"] / 255).var()
    assert loss == pytest.approx(error / variance + price, rel=1e-4)
    assert (price == 0) == (quantiser == "none")


@pytest.mark.parametrize("quantiser", ["ema", pytest.param("none", marks=pytest.mark.slow)])
def test_the_error_falls(quantiser):
    _, facts, _ = train.train(params(epochs=12, learning_rate=1e-2, quantiser=quantiser), 1, arrays(), silent)
    losses = facts["losses"]["reconstruction"]
    assert losses[-1] < 0.9 * losses[0]

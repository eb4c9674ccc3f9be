"""The pix2pix recipe: against two optimisers written out, and through the entry that the suite trains with."""

import random
from itertools import product
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from replications.datasets import world
from replications.errors import DataError, Diverged
from replications.pix2pix import networks, train
from replications.pix2pix.params import Params
from tests import tiny
from tests.rooms import recipes

ALL = {name: value for name, value in tiny.PIX2PIX.items() if name != "variants"}
N_TRAIN, N_TEST, N_DRAWN = 8, 6, 3
SMALL = {**ALL, "n_train": N_TRAIN, "n_test": N_TEST, "n_draws_inputs": N_DRAWN, "epochs": 2}


def params(**changes) -> Params:
    return Params(**{**SMALL, **changes})


def arrays(n_train: int = N_TRAIN, n_test: int = N_TEST) -> dict[str, np.ndarray]:
    """A few pairs of the procedural world."""
    data = {"palette": world.PALETTE}
    for split, n in (("train", n_train), ("test", n_test)):
        labels, factors = world.sample(np.random.default_rng(n), n, 32)
        data |= {f"{split}_photo": world.render(labels, factors), f"{split}_labels": labels[..., None]}
    return data


def silent(seen: int, of: int) -> None:
    """Nobody listens to the progress."""


# One loss against two.


def reference_losses(g: keras.Model, d: keras.Model, p: Params, x: tf.Tensor, y: tf.Tensor) -> dict[str, tf.Tensor]:
    """Equations 1 to 4 of the paper with the log-probabilities written out."""

    def log_probability(picture, *, real: bool) -> tf.Tensor:
        logits = d([x, picture] if p.discriminator == "conditional" else [picture], training=True)
        truth = tf.ones_like(logits) if real else tf.zeros_like(logits)
        return -tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(truth, logits))

    fake = g(x, training=True)
    l1, l2 = tf.reduce_mean(tf.abs(y - fake)), tf.reduce_mean((y - fake) ** 2)
    adversarial = -log_probability(fake, real=True)
    return {
        "l1": l1,
        "l2": l2,
        "adversarial": adversarial,
        "discriminator": -0.5 * (log_probability(y, real=True) + log_probability(fake, real=False)),
        "generator": adversarial + p.lambda_l1 * l1 + p.lambda_l2 * l2,
    }


def reference_gradients(g, d, p, x, y) -> tuple[list, list, dict[str, float]]:
    """Of each net's own loss, as two training steps from the same state would take them."""
    with tf.GradientTape(persistent=True) as tape:
        losses = reference_losses(g, d, p, x, y)
    of_g = tape.gradient(losses["generator"], [v.value for v in g.trainable_variables])
    of_d = tape.gradient(losses["discriminator"], [v.value for v in d.trainable_variables])
    return of_g, of_d, {name: float(value) for name, value in losses.items()}


@pytest.fixture(params=["conditional", "unconditional"])
def game(request):
    """The model, an equal generator and discriminator beside it, and a batch of two pairs."""
    p = params(discriminator=request.param, dropout=0.0, depth=3, lambda_l1=10.0, lambda_l2=5.0, receptive_field=16)
    model = train.Pix2Pix(p, 32, seed=3)
    g = networks.generator(
        32, ngf=p.ngf, depth=p.depth, skips=p.skips, dropout=0.0, dropout_blocks=p.dropout_blocks, seed=7
    )
    d = networks.discriminator(
        32, receptive_field=p.receptive_field, conditional=p.discriminator == "conditional", ndf=p.ndf, seed=7
    )
    rng = np.random.default_rng(1)
    for ours, theirs in ((model.generator, g), (model.discriminator, d)):
        # Far from the start, where all logits are nearly 0 and a wrong sign would hardly show.
        weights = [w + rng.normal(0, 0.1, w.shape).astype(np.float32) for w in ours.get_weights()]
        ours.set_weights(weights)
        theirs.set_weights(weights)
    x, y = train.pictures(arrays(), "train", p.direction, 2)
    return model, g, d, p, tf.constant(train.to_float(x)), tf.constant(train.to_float(y))


def assert_near(ours: np.ndarray, theirs: np.ndarray, name: str, tolerance: float) -> None:
    scale = np.abs(theirs).max()
    assert scale > 0, f"{name} is 0 throughout, which proves nothing"
    assert np.abs(ours - theirs).max() <= tolerance * scale, name


def test_one_loss_has_the_gradients_of_two(game):
    model, g, d, p, x, y = game
    with tf.GradientTape(persistent=True) as tape:
        total = model.compute_loss(x, y, model(x, training=True))
    of_g, of_d, losses = reference_gradients(g, d, p, x, y)
    assert float(total) == pytest.approx(losses["generator"] + losses["discriminator"], rel=1e-5)
    for name in ("l1", "l2", "adversarial", "discriminator"):
        assert float(model.trackers[name].result()) == pytest.approx(losses[name], rel=1e-5), name
    for ours, theirs in ((model.generator, of_g), (model.discriminator, of_d)):
        variables = ours.trainable_variables
        gradients = tape.gradient(total, [v.value for v in variables])
        for variable, gradient, expected in zip(variables, gradients, theirs, strict=True):
            assert_near(gradient.numpy(), expected.numpy(), variable.path, 1e-4)


def test_one_optimiser_steps_as_two(game):
    model, g, d, p, x, y = game
    start = {net.name: net.get_weights() for net in (g, d)}
    # Adam's usual epsilon makes a whole step of the rounding of a gradient that is nearly 0.
    joint, *optimisers = (keras.optimizers.Adam(p.learning_rate, beta_1=p.beta_1, epsilon=1e-2) for _ in range(3))
    model.compile(joint, jit_compile=False, run_eagerly=True)
    for _ in range(2):
        model.train_on_batch(x, y)
        of_g, of_d, _ = reference_gradients(g, d, p, x, y)
        for optimiser, gradients, net in zip(optimisers, (of_g, of_d), (g, d), strict=True):
            optimiser.apply_gradients(zip(gradients, net.trainable_variables, strict=True))
    for ours, theirs in ((model.generator, g), (model.discriminator, d)):
        for a, b, before in zip(ours.get_weights(), theirs.get_weights(), start[theirs.name], strict=True):
            # Graph and eager kernels round otherwise, up to 3.4e-3 after two steps; a term that is missing, double or
            # weighed otherwise is off by a tenth and more.
            assert_near(a - before, b - before, theirs.name, 1e-2)


def test_the_terms_reach_their_own_net_alone(game):
    model, _, _, _, x, y = game
    with tf.GradientTape(persistent=True) as tape:
        fake = model(x, training=True)
        of_discriminator = model.discriminator_loss(x, y, tf.stop_gradient(fake))
        of_generator = train.adversarial_loss(model.discriminator, model.seen(x, fake))
    mine = [v.value for v in model.generator.trainable_variables]
    yours = [v.value for v in model.discriminator.trainable_variables]
    assert all(gradient is None for gradient in tape.gradient(of_discriminator, mine))
    assert all(gradient is None for gradient in tape.gradient(of_generator, yours))
    assert all(gradient is not None for gradient in tape.gradient(of_generator, mine))


def test_without_a_discriminator_only_the_pixels_count():
    p = params(discriminator="none", dropout=0.0, lambda_l1=3.0, lambda_l2=0.5)
    model = train.Pix2Pix(p, 32, seed=3)
    x, y = (tf.constant(train.to_float(z)) for z in train.pictures(arrays(), "train", p.direction, 2))
    fake = model(x, training=True)
    total = 3 * np.abs(y - fake).mean() + 0.5 * np.square(y - fake).mean()
    assert float(model.compute_loss(x, y, fake)) == pytest.approx(total, rel=1e-5)
    assert set(model.trackers) == {"l1", "l2"}


# Order, crops and flips.


def numbered(n: int) -> np.ndarray:
    """Pictures each of whose pixels tells the picture's number, its row and its column."""
    z = np.zeros((n, 8, 8, 3), np.uint8)
    z[..., 0], z[..., 1], z[..., 2] = np.arange(n)[:, None, None], np.arange(8)[:, None], np.arange(8)
    return z


def pairs(seed: int = 1, n: int = 8, **changes) -> train.Pairs:
    z = numbered(n)
    return train.Pairs(params(**{"batch_size": 2, "jitter": 5, "mirror": True, **changes}), seed, z, 255 - z)


def epochs_of(given: train.Pairs, epochs: int = 3) -> np.ndarray:
    """Everything that the net would see: (epochs, batches, 2, batch size, 8, 8, 3)."""
    seen = []
    for _ in range(epochs):
        seen.append([given[batch] for batch in range(len(given))])
        given.on_epoch_end()
    return np.array(seen)


def test_order_crops_and_flips_follow_from_the_seed_alone():
    random.seed(1)
    expected = epochs_of(pairs())
    random.seed(2)
    again = pairs()
    random.random()
    np.random.random()  # noqa: NPY002
    keras.utils.set_random_seed(5)
    np.testing.assert_array_equal(epochs_of(again), expected)
    assert (epochs_of(pairs(seed=2)) != expected).any()


def test_looking_twice_changes_nothing():
    """Keras takes a batch to see its shape before the first epoch, and may read ahead."""
    peeked = pairs()
    for _ in range(3):
        peeked[0]
    np.testing.assert_array_equal(epochs_of(peeked), epochs_of(pairs()))


def test_input_and_target_are_cut_alike():
    seen = train.to_uint8(epochs_of(pairs()))
    np.testing.assert_array_equal(seen[:, :, 0], 255 - seen[:, :, 1])


def test_the_learning_rate_falls_to_zero_over_the_last_epochs():
    """Of 8 steps the last 4: 1, 3/4, 1/2, 1/4 of the rate, and 0 after the end."""
    rate = train.LinearDecay(0.2, steps=8, decay_steps=4)
    rates = [float(rate(step)) for step in range(9)]
    np.testing.assert_allclose(rates, [0.2, 0.2, 0.2, 0.2, 0.2, 0.15, 0.1, 0.05, 0], atol=1e-8)


def test_more_epochs_of_decay_than_epochs_are_one_clear_error():
    with pytest.raises(ValueError, match=r"n_epochs_decay = 3: .* which are 2; ask for no more"):
        params(n_epochs_decay=3)


def test_a_falling_rate_changes_what_is_learned_after_it_begins_to_fall():
    """With one batch an epoch: the same after the first two of four epochs, and another net in the end."""
    given = {"discriminator": "none", "epochs": 4, "snapshots": [0.5, 1.0], "batch_size": 8, "n_train": 8, "jitter": 0}
    constant, falling = (train.train(params(**given, n_epochs_decay=decay), 1, arrays(), silent)[0] for decay in (0, 2))
    np.testing.assert_array_equal(constant["output@0.5"], falling["output@0.5"])
    assert (constant["output"] != falling["output"]).any()


def test_every_pair_is_seen_once_in_an_epoch_and_in_another_order_in_the_next():
    numbers = train.to_uint8(epochs_of(pairs()))[:, :, 0, :, 0, 0, 0].reshape(3, 8)
    for epoch in numbers:
        assert sorted(epoch) == list(range(8))
    assert len({tuple(epoch) for epoch in numbers}) == 3


def test_what_fills_no_batch_is_left_out_of_the_epoch():
    given = pairs(n=7)
    assert len(given) == 3
    numbers = train.to_uint8(epochs_of(given, 1))[0, :, 0, :, 0, 0, 0].ravel()
    assert len(set(numbers)) == 6


def test_crops_are_windows_of_the_reflected_picture_and_all_of_them_occur():
    x = numbered(8)
    padded = np.pad(x, ((0, 0), (2, 3), (2, 3), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(train.pad(x, 5), padded)
    given, found = pairs(), []
    for _ in range(60):
        for batch in range(len(given)):
            for picture in train.to_uint8(given[batch][0]):
                windows = {
                    (top, left, flip): padded[picture[0, 0, 0], top : top + 8, left : left + 8][:, :: -1 if flip else 1]
                    for top, left, flip in product(range(6), range(6), (False, True))
                }
                same = [window for window, content in windows.items() if (content == picture).all()]
                assert same, "no window of the padded picture"
                found.append(same[0])
        given.on_epoch_end()
    tops, lefts, flips = map(np.array, zip(*found, strict=True))
    assert set(tops) == set(lefts) == set(range(6))
    assert 0.4 < flips.mean() < 0.6


def test_without_jitter_and_mirror_pictures_stay_as_they_are():
    z = numbered(8)
    for x, y in epochs_of(pairs(jitter=0, mirror=False)).reshape(-1, 2, 2, 8, 8, 3):
        x, y = train.to_uint8(x), train.to_uint8(y)
        np.testing.assert_array_equal(x, z[x[:, 0, 0, 0]])
        np.testing.assert_array_equal(y, 255 - x)


# Pictures and numbers.


def test_every_intensity_survives_the_way_there_and_back():
    z = np.arange(256, dtype=np.uint8)
    there = train.to_float(z)
    assert there.dtype == np.float32
    assert (there[0], there[255]) == (-1, 1)
    np.testing.assert_array_equal(train.to_uint8(there), z)


def test_what_leaves_the_range_is_clipped():
    np.testing.assert_array_equal(train.to_uint8(np.array([-1.5, -1, 0, 1, 1.5])), [0, 0, 128, 255, 255])


def test_label_maps_wear_their_palette_on_either_side():
    data = arrays()
    labels = data["palette"][data["train_labels"][:5, ..., 0]]
    x, y = train.pictures(data, "train", "labels_to_photo", 5)
    np.testing.assert_array_equal(x, labels)
    np.testing.assert_array_equal(y, data["train_photo"][:5])
    x, y = train.pictures(data, "train", "photo_to_labels", 5)
    np.testing.assert_array_equal(x, data["train_photo"][:5])
    np.testing.assert_array_equal(y, labels)


@pytest.mark.parametrize(("split", "there"), [("train", N_TRAIN), ("test", N_TEST)])
def test_more_pairs_than_there_are(split, there):
    with pytest.raises(DataError, match=f"n_{split} = {there + 1}: the data set has {there} pairs; ask for no more"):
        train.pictures(arrays(), split, "labels_to_photo", there + 1)
    with pytest.raises(DataError, match=f"n_{split} = {there + 1}"):
        train.train(params(**{f"n_{split}": there + 1, "epochs": 1, "discriminator": "none"}), 1, arrays(), silent)


# What ends a training.


def test_an_output_that_is_no_number_though_the_last_loss_was_one():
    p = params(learning_rate=1e30, n_train=2, batch_size=2, epochs=1, discriminator="none")
    with pytest.raises(Diverged, match=r"^epoch 1: outputs are not numbers"):
        train.train(p, 1, arrays(), silent)


def test_one_flat_colour(monkeypatch):
    def always_magenta(size: int, **_) -> keras.Model:
        inputs = keras.Input((size, size, 3))
        paint = layers.Conv2D(3, 1, kernel_initializer="zeros", name="paint")
        model = keras.Model(inputs, paint(inputs))
        paint.set_weights([paint.get_weights()[0], np.array([1, -1, 1])])
        return model

    monkeypatch.setattr(networks, "generator", always_magenta)
    p = params(learning_rate=1e-9, epochs=1, discriminator="none")
    with pytest.raises(Diverged, match=r"^epoch 1: all outputs are one flat colour"):
        train.train(p, 1, arrays(), silent)


# The same start and the same batches.


@pytest.fixture
def eager(monkeypatch):
    """Steps one by one, so that a test can look on; every (x, y, first weights of the generator) of `fit` in a list."""
    seen = []
    compile_, compute_loss = train.Pix2Pix.compile, train.Pix2Pix.compute_loss

    def looked_on(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        seen.append((x.numpy(), y.numpy(), self.generator.get_weights()))
        return compute_loss(self, x, y, y_pred, sample_weight, training)

    monkeypatch.setattr(train.Pix2Pix, "compile", lambda self, adam, **_: compile_(self, adam, run_eagerly=True))
    monkeypatch.setattr(train.Pix2Pix, "compute_loss", looked_on)
    return seen


def test_variants_of_one_seed_are_paired(eager):
    seen = {}
    for name, changes in {
        "l1": {"discriminator": "none"},
        "l1_cgan": {},
        "gan": {"discriminator": "unconditional", "lambda_l1": 0.0},
    }.items():
        train.train(params(jitter=4, mirror=True, **changes), 3, arrays(), silent)
        seen[name] = eager.copy()
        eager.clear()
    by_hand = train.Pairs(
        params(jitter=4, mirror=True), 3, *train.pictures(arrays(), "train", "labels_to_photo", N_TRAIN)
    )
    by_hand.on_epoch_end()  # Keras ends an epoch once more than it begins one, after it has built the model
    expected = []
    for _ in range(2):
        expected += [by_hand[batch] for batch in range(len(by_hand))]
        by_hand.on_epoch_end()
    for name, steps in seen.items():
        assert len(steps) == len(expected) == 4
        for (x, y, _), (expected_x, expected_y) in zip(steps, expected, strict=True):
            np.testing.assert_array_equal(x, expected_x, err_msg=name)
            np.testing.assert_array_equal(y, expected_y, err_msg=name)
        for ours, theirs in zip(steps[0][2], seen["l1"][0][2], strict=True):
            np.testing.assert_array_equal(ours, theirs, err_msg=name)
        assert any((a != b).any() for a, b in zip(steps[0][2], steps[1][2], strict=True)), "nothing was learnt"


def test_the_pixel_error_falls():
    p = params(discriminator="none", epochs=8, learning_rate=5e-3, dropout=0.0)
    _, facts, _ = train.train(p, 1, arrays(), silent)
    losses = facts["losses"]["l1"]
    assert losses[-1] < 0.8 * losses[0]
    assert losses[-1] < losses[len(losses) // 2] < losses[0]


# Through the entry of the suite, each in a process of its own.

VARIANTS = {
    "l1_cgan": {},
    "l1": {"discriminator": "none"},
    "gan": {"discriminator": "unconditional", "lambda_l1": 0.0},
    "to_labels_l1_cgan": {"direction": "photo_to_labels"},
}


@pytest.fixture(scope="module")
def trained(made_once) -> Path:
    """Two folders: `first`, with every variant, and `again`, with the first of them."""
    return recipes.trained(made_once, "pix2pix")


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_a_run_leaves(variant, trained):
    images = recipes.images(trained, variant)
    assert images.keys() == {"input", "target", "output", "draws", "palette"}
    assert all(image.dtype == np.uint8 for image in images.values())
    for name in ("input", "target", "output"):
        assert images[name].shape == (N_TEST, 32, 32, 3)
    assert images["draws"].shape == (N_DRAWN, SMALL["n_draws"], 32, 32, 3)
    data = arrays()
    direction = VARIANTS[variant].get("direction", "labels_to_photo")
    x, y = train.pictures(data, "test", direction, N_TEST)
    np.testing.assert_array_equal(images["input"], x)
    np.testing.assert_array_equal(images["target"], y)
    np.testing.assert_array_equal(images["palette"], data["palette"])
    assert (images["draws"][:, 0] != images["draws"][:, 1]).any(axis=(1, 2, 3)).all(), "dropout differs in each draw"


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_a_run_tells(variant, trained):
    told = recipes.told(trained, variant)
    facts, environment = told["facts"], told["environment"]
    adversary = VARIANTS[variant].get("discriminator") != "none"
    assert facts["losses"].keys() - {"loss"} == {"l1", "l2"} | (
        {"discriminator", "adversarial"} if adversary else set()
    )
    for name, losses in facts["losses"].items():
        assert min(losses) > 0, name
    assert facts["generator_parameters"] > 0
    assert (facts["discriminator_parameters"] > 0) == adversary
    assert environment["packages"].keys() == {"keras", "numpy", "tensorflow"}


def test_the_total_is_the_sum_of_its_terms(trained):
    losses = recipes.told(trained, "l1_cgan")["facts"]["losses"]
    total = SMALL["lambda_l1"] * np.array(losses["l1"]) + losses["discriminator"] + np.array(losses["adversarial"])
    np.testing.assert_allclose(losses["loss"], total, rtol=1e-4)


def test_the_discriminator_learns(trained):
    """At chance its loss is ln 2; the halves are already taken."""
    losses = recipes.told(trained, "l1_cgan")["facts"]["losses"]["discriminator"]
    assert losses[-1] < losses[0] < 1.2 * np.log(2)

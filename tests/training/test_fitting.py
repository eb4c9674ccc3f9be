"""How all rooms train: what a run that is cut off leaves behind, and that it comes to the same bytes in the end."""

import importlib
import random
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import keras
import numpy as np
import pytest

from replications.params import RunParams
from replications.training import fitting
from replications.training import process as training
from tests import tiny

LONG = {"epochs": 4}


class CutError(Exception):
    """Stands for a kill."""


def params(room: str, variant: str):
    section = {**tiny.ROOMS[room], **LONG}
    variants = section.pop("variants")
    return importlib.import_module(f"replications.{room}.params").Params(**{**section, **variants[variant]})


@cache
def arrays() -> bytes:
    """A tiny study's."""
    with TemporaryDirectory() as folder:
        tiny.write_arrays(Path(folder))
        return next(Path(folder).rglob("*.npz")).read_bytes()


def train(room: str, variant: str, progress=lambda *_: None) -> tuple[bytes, dict]:
    images, facts, _ = training.train(room, params(room, variant).declared(), 3, arrays(), progress)
    return images, facts["facts"]


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    """The file of a run that leaves its state after every epoch."""
    monkeypatch.setenv(fitting.FILE, str(tmp_path / "kept" / "run.npz"))
    monkeypatch.setenv(fitting.EVERY, "0")
    return tmp_path / "kept" / "run.npz"


def cut_after(epochs: float, told: list):
    """A progress that ends the run, as a kill would, once so many epochs have been told of."""

    def progress(seen: int, total: int) -> None:
        told.append(seen)
        if seen >= epochs / LONG["epochs"] * total:
            raise CutError

    return progress


@pytest.fixture
def often(monkeypatch):
    """Progress after every batch: the tiny runs have fewer than twenty."""

    def on_train_batch_end(self, batch, logs=None):
        self.seen += 1
        self.tell(self.seen * self.batch_size, self.total * self.batch_size)

    monkeypatch.setattr(fitting.Watch, "on_train_batch_end", on_train_batch_end)


@pytest.mark.parametrize(
    ("room", "variant"),
    [
        ("pix2pix", "l1_cgan"),
        pytest.param("vq_vae", "k512_restarts", marks=pytest.mark.slow),
        pytest.param("vae_vs_gan", "vae_gan", marks=pytest.mark.slow),
    ],
)
def test_a_run_cut_off_goes_on_to_the_same_bytes(room, variant, checkpoint, often, monkeypatch):
    monkeypatch.delenv(fitting.FILE)
    whole = train(room, variant)
    monkeypatch.setenv(fitting.FILE, str(checkpoint))
    told: list[int] = []
    with pytest.raises(CutError):
        train(room, variant, cut_after(2.5, told))
    assert checkpoint.exists(), "two epochs are done and kept"
    again: list[int] = []
    assert train(room, variant, lambda seen, total: again.append(seen)) == whole
    assert min(again) > max(told) / 2, "the first epochs were not trained again"
    assert not checkpoint.exists(), "a finished run leaves nothing"


class Line(keras.Model):
    """A net that is trained in no time."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seed=1))
        self.dense.build((None, 1))

    def call(self, x, training=False):
        return self.dense(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return keras.ops.mean(keras.ops.square(y - y_pred))


class Numbers(fitting.Batches):
    """Eight numbers in batches of two."""

    def __init__(self):
        super().__init__(np.arange(8)[:, None], 2, seed=3)


def fit(progress=lambda *_: None) -> tuple[list[int], list[np.ndarray]]:
    """What was told, and the weights in the end."""
    model, told = Line(), []

    def also(seen: int, total: int) -> None:
        told.append(seen)
        progress(seen, total)

    fitted(model, also)
    return told, model.get_weights()


def declared(**changes) -> RunParams:
    numbers = {"dataset": "numbers", "n_train": 8, "n_test": 2, "batch_size": 2, "learning_rate": 0.1}
    return RunParams(**{**numbers, **LONG, **changes})


def fitted(model: keras.Model, progress=lambda *_: None, **changes) -> fitting.Fitted:
    """What looks at the model sees its weights, as bytes of an image, and as a fact."""

    def look() -> fitting.Outputs:
        weights = np.concatenate([weight.ravel() for weight in model.get_weights()])
        return {"output": weights.copy()}, {"weights": weights.tolist()}

    p = declared(**changes)
    return fitting.fit(model, fitting.adam(p), Numbers(), p, progress, look)


def test_losses_before_the_cut_are_kept(checkpoint, often):
    with pytest.raises(CutError):
        fit(cut_after(2.5, []))
    losses = fitted(Line()).losses
    assert {name: len(values) for name, values in losses.items()} == {"loss": LONG["epochs"]}


@pytest.mark.parametrize("damage", ["empty", "cut", "other"])
def test_a_damaged_checkpoint_counts_as_none(damage, checkpoint, often, monkeypatch):
    monkeypatch.setenv(fitting.EVERY, "0")
    _, whole = fit()
    with pytest.raises(CutError):
        fit(cut_after(2.5, []))
    content = checkpoint.read_bytes()
    if damage == "other":
        np.savez(checkpoint, epochs=1)
    else:
        checkpoint.write_bytes(content[: len(content) // 2 if damage == "cut" else 0])
    told, weights = fit()
    assert told[0] == 2, "from the first batch"
    for a, b in zip(weights, whole, strict=True):
        np.testing.assert_array_equal(a, b)


def test_nothing_is_left_where_nobody_asked_for_it(monkeypatch, tmp_path):
    monkeypatch.delenv(fitting.FILE, raising=False)
    monkeypatch.setenv(fitting.EVERY, "0")
    monkeypatch.chdir(tmp_path)
    fit()
    assert not list(tmp_path.iterdir())


def test_short_runs_leave_nothing(checkpoint, monkeypatch, often):
    monkeypatch.delenv(fitting.EVERY)
    with pytest.raises(CutError):
        fit(cut_after(3.5, []))
    assert not checkpoint.exists()


def test_tensorflow_on_a_processor_is_not_compiled():
    assert not fitting.jit_compile()


# Batches.


def orders(seed: int, epochs: int = 3) -> list[list[int]]:
    """The numbers of seven pictures in the order in which they are shown, two at a time."""
    numbered = np.broadcast_to(np.arange(7, dtype=np.uint8)[:, None, None, None], (7, 4, 4, 3))
    given, seen = fitting.Batches(numbered, 2, seed), []
    assert len(given) == 3
    for _ in range(epochs):
        given[0]  # looking twice changes nothing
        shown = [given[batch] for batch in range(len(given))]
        assert all(x is y for x, y in shown), "the picture is its own target"
        seen.append([round(255 * float(one[0, 0, 0])) for x, _ in shown for one in x])
        given.on_epoch_end()
    return seen


def test_every_picture_is_shown_at_most_once_in_an_epoch_and_in_another_order_in_the_next():
    for epoch in orders(1):
        assert len(set(epoch)) == len(epoch) == 6, "what fills no batch is left out"
    assert len({tuple(epoch) for epoch in orders(1)}) == 3
    assert {number for epoch in orders(1, 20) for number in epoch} == set(range(7)), "not always the same one"


def test_the_order_follows_from_the_seed_alone():
    random.seed(1)
    keras.utils.set_random_seed(1)
    first = orders(1)
    random.seed(2)
    keras.utils.set_random_seed(2)
    assert orders(1) == first
    assert orders(2) != first


# Snapshots.


def at_every_epoch(**changes) -> list[np.ndarray]:
    """The weights that a look at the model sees after each of four epochs."""
    return [
        images["output"] for images, _ in fitted(Line(), snapshots=[0.25, 0.5, 0.75, 1.0], **changes).looked.values()
    ]


@pytest.mark.parametrize("changes", [{}, {"ema": 0.5}], ids=["weights", "averages"])
def test_a_snapshot_is_the_end_of_a_shorter_training(changes):
    shorter = [fitted(Line(), epochs=n, **changes).looked[1.0][0]["output"] for n in (1, 2, 3, 4)]
    for then, end in zip(at_every_epoch(**changes), shorter, strict=True):
        np.testing.assert_array_equal(then, end)


def test_looking_changes_nothing():
    looked_at, alone = Line(), Line()
    fitted(looked_at, snapshots=[0.25, 0.5, 0.75, 1.0], ema=0.9)
    fitted(alone, ema=0.9)
    for a, b in zip(looked_at.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_averages_are_those_of_the_weights_by_hand():
    momentum, kept = 0.5, Line()
    seen: list[np.ndarray] = []

    class Follow(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(np.concatenate([weight.ravel() for weight in kept.get_weights()]))

    kept.compile(keras.optimizers.Adam(0.1))
    kept.fit(Numbers(), epochs=1, shuffle=False, verbose=0, callbacks=[Follow()])
    average = seen[0]  # Keras begins with the weights after the first step
    for one in seen[1:]:
        average = momentum * average + (1 - momentum) * one
    np.testing.assert_allclose(fitted(Line(), epochs=1, ema=momentum).looked[1.0][0]["output"], average, rtol=1e-6)


def test_what_was_looked_at_before_a_cut_is_kept(checkpoint, often):
    shares = {"snapshots": [0.25, 0.5, 1.0], "ema": 0.9}
    whole = fitted(Line(), **shares)
    with pytest.raises(CutError):
        fitted(Line(), cut_after(2.5, []), **shares)
    again = fitted(Line(), **shares)
    assert list(again.looked) == [0.25, 0.5, 1.0]
    for share, (images, facts) in whole.looked.items():
        np.testing.assert_array_equal(again.looked[share][0]["output"], images["output"])
        assert again.looked[share][1] == facts


def test_images_and_facts_of_a_run_name_their_snapshots():
    images, facts = fitted(Line(), snapshots=[0.5, 1.0]).outputs({"target": np.zeros(1)})
    assert list(images) == ["output", "target", "output@0.5"]
    assert facts["weights"] == images["output"].tolist()
    assert facts["earlier"]["0.5"]["weights"] == images["output@0.5"].tolist()
    assert len(facts["losses"]["loss"]) == LONG["epochs"]
    assert "earlier" not in fitted(Line()).outputs({})[1]


def test_moments_are_those_of_the_first_batches():
    net = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization(momentum=0.9)])
    model = keras.Sequential([keras.Input((1,)), net])
    batches = Numbers()
    fitting.calibrate(model, batches)
    drawn = [np.asarray(batches[i][0]) for i in range(len(batches))]
    normal = net.layers[0]
    np.testing.assert_allclose(normal.moving_mean.numpy(), [np.mean([x.mean() for x in drawn])], rtol=1e-5)
    np.testing.assert_allclose(normal.moving_variance.numpy(), [np.mean([x.var() for x in drawn])], rtol=1e-5)
    assert normal.momentum == 0.9


def test_weights_are_plain_arrays_that_a_net_takes_back():
    net, other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]), None
    kept = fitting.weights_of({"decoder": net, "encoder": other})
    assert list(kept) == ["decoder/000/kernel", "decoder/001/bias"]
    again = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    again.set_weights(list(kept.values()))
    x = np.ones((1, 3))
    np.testing.assert_array_equal(again(x), net(x))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"snapshots": [0.3, 1.0]}, "0.3 × 4 epochs = 1.2, expected whole epochs"),
        ({"snapshots": [0.5]}, "up to its end"),
        ({"snapshots": [1.0, 0.5]}, "growing shares"),
        ({"snapshots": [0.0, 1.0]}, "growing shares"),
    ],
)
def test_snapshots_that_no_training_has_are_refused(changes, expected):
    with pytest.raises(ValueError, match=expected):
        declared(**changes)


def test_a_younger_key_at_its_default_is_no_part_of_a_runs_identity():
    assert {"ema", "snapshots", "keep_weights"}.isdisjoint(declared().declared())
    assert declared(ema=0.5).declared()["ema"] == 0.5

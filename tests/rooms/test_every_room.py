"""What every room's recipe has to do, whatever it trains: the rooms' own tests stand in tests/ROOM."""

import importlib
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
from pydantic import ValidationError
from tensorflow.python.eager import context

from replications.errors import DataError, Diverged
from replications.study import REPLICATIONS
from tests import tiny
from tests.rooms import recipes

VARIANTS = [(room, variant) for room in REPLICATIONS for variant in recipes.of(room).VARIANTS]
rooms = pytest.mark.parametrize("room", REPLICATIONS)
variants = pytest.mark.parametrize(("room", "variant"), VARIANTS, ids=["-".join(one) for one in VARIANTS])
"""Quick: all of them are trained once for all tests."""


def first_of(room: str) -> str:
    return next(iter(recipes.of(room).VARIANTS))


first_variants = pytest.mark.parametrize(
    ("room", "variant"),
    [
        pytest.param(*one, marks=[] if one[1] == first_of(one[0]) else pytest.mark.slow, id="-".join(one))
        for one in VARIANTS
    ],
)
"""Each builds or trains nets of its own: the first of each room stands for the others, which are slow."""


@pytest.fixture
def trained(room, made_once) -> Path:
    """Two folders of the room: `first`, with every variant, and `again`, with the first of them in a quick room."""
    return recipes.trained(made_once, room)


# Through the entry of the suite.


@pytest.mark.parametrize("room", tiny.QUICK_ROOMS)
def test_a_repetition_gives_the_same_bytes(room, trained):
    assert_same_twice(trained, first_of(room))


@pytest.mark.slow
@rooms
def test_a_repetition_of_any_variant_gives_the_same_bytes(room, made_once):
    every = list(recipes.of(room).VARIANTS)
    folder = made_once(f"{room}-trained-twice", partial(recipes.train_twice, {room: every})) / room
    for variant in every:
        assert_same_twice(folder, variant)


def assert_same_twice(folder: Path, variant: str) -> None:
    for name in (f"{variant}.npz", f"{variant}.json"):
        assert (folder / "first" / name).read_bytes() == (folder / "again" / name).read_bytes(), variant


@variants
def test_what_every_run_leaves(room, variant, trained):
    images, params = recipes.images(trained, variant), recipes.params(room, variant)
    assert images["target"].dtype == np.uint8
    assert images["target"].shape == (params.n_test, 32, 32, 3)
    if getattr(params, "direction", "") != "photo_to_labels":
        np.testing.assert_array_equal(images["target"], recipes.of(room).arrays()["test_photo"][: params.n_test])
    for name, image in images.items():
        assert image.size, name
        assert image.shape[-1] != 3 or image.dtype == np.uint8 or name in ("encoded", "codebook", "latent"), name


@variants
def test_what_every_run_tells(room, variant, trained):
    told, params = recipes.told(trained, variant), recipes.params(room, variant)
    seen = [one for one, _ in told["told"]]
    assert seen == sorted(set(seen))
    assert told["told"][-1] == [params.epochs * params.n_train] * 2
    losses = told["facts"]["losses"]
    assert "loss" in losses
    for name, values in losses.items():
        assert len(values) == params.epochs, name
        assert np.isfinite(values).all(), name
    counts = {name: n for name, n in told["facts"].items() if name.endswith("parameters")}
    assert sum(counts.values()) > 0
    assert told["environment"]["threads"] == 1
    assert {"keras", "numpy"} <= told["environment"]["packages"].keys()


# Same bytes on every x86 processor.

APPROXIMATE = {"Reciprocal", "ReciprocalGrad", "Rsqrt", "RsqrtGrad", "SqrtGrad", "InvGrad"}
"""Operations that TensorFlow computes by instructions that AMD and Intel approximate each in a way of its own
(replications/exact.py)."""


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="bytes are promised under TensorFlow alone")
@first_variants
def test_no_operation_of_a_training_is_approximate(room, variant):
    """But for the logarithm of an arm's whole error: it divides by a single number, which is exact."""
    context.enable_graph_collection()
    try:
        recipes.train(room, variant)
        graphs = [graph.post_optimization_graph for graph in context.export_run_metadata().function_graphs]
    finally:
        context.disable_graph_collection()
    nodes = [node for graph in graphs for node in graph.node]
    nodes += [node for graph in graphs for function in graph.library.function for node in function.node_def]
    assert {"Conv2D", "RealDiv"} <= {node.op for node in nodes}, "the training is among the graphs"
    one_logarithm = getattr(recipes.params(room, variant), "variance", "unit") == "optimal"
    assert not {node.op for node in nodes} & APPROXIMATE - ({"Reciprocal"} if one_logarithm else set())


# Where initial weights come from.


class BuiltError(Exception):
    """Stands for the training of a model that a test wants as it is before."""


@pytest.fixture
def built(monkeypatch):
    """(Room, variant, seed) → the model that its recipe trains, before the first step."""

    def built(room: str, variant: str, seed: int) -> keras.Model:
        kept = []

        def fit(model, *_):
            kept.append(model)
            raise BuiltError

        with monkeypatch.context() as patched:
            patched.setattr(importlib.import_module(f"replications.{room}.train"), "fit", fit)
            with pytest.raises(BuiltError):
                recipes.train(room, variant, seed)
        return kept[0]

    return built


def drawn(model: keras.Model) -> Iterator[np.ndarray]:
    """All weights but those that are the same number everywhere, as shifts and biases are, and starts that are shared.

    A codebook's `total`, a moving sum, starts as the codebook does. Of two decoders that are compared, `decoder` and
    `first_decoder`, one starts as the other does.
    """
    twin = getattr(model, "first_decoder", None)
    twins = {id(w) for w in twin.weights} if twin is not None and twin is not model.decoder else set()
    return (w.numpy() for w in model.weights if w.name != "total" and id(w) not in twins and np.ptp(w.numpy()) > 0)


@pytest.mark.usefixtures("eager")
@first_variants
def test_initial_weights_follow_from_the_seed_alone_and_no_two_layers_start_alike(room, variant, built):
    keras.utils.set_random_seed(1)
    first = built(room, variant, 5)
    keras.utils.set_random_seed(2)
    random.random()
    again, another = built(room, variant, 5), built(room, variant, 6)
    for a, b in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(drawn(first), drawn(another), strict=True):
        assert (a != b).all()
    of_seeds = [list(drawn(one)) for one in (first, another)]
    starts = {np.sort(w.ravel() / w.std())[-3:].round(5).tobytes() for weights in of_seeds for w in weights}
    assert len(starts) == sum(map(len, of_seeds)) >= 8


# What is refused, and what ends a training.


@rooms
@pytest.mark.parametrize("split", ["train", "test"])
def test_more_images_than_there_are_are_refused_before_any_training(room, split, monkeypatch):
    recipe = importlib.import_module(f"replications.{room}.train")
    monkeypatch.setattr(recipe, "fit", lambda *_: pytest.fail("it trains"))
    there = len(recipes.of(room).arrays()[f"{split}_photo"])
    said = rf"n_{split}( \+ n_\w+)? = \d+: the data set has {there} (images|pairs); ask for no more$"
    with pytest.raises(DataError, match=said):
        recipes.train(room, first_of(room), **{f"n_{split}": there + 1})


@pytest.mark.usefixtures("eager")
@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
@first_variants
def test_a_loss_that_is_no_number_names_its_epoch(room, variant):
    with pytest.raises(Diverged, match=r"^epoch \d+: .*(is (nan|inf|not a number)|are not numbers)"):
        recipes.train(room, variant, learning_rate=1e30)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("room", tiny.quick_or_slow(REPLICATIONS))
def test_the_epoch_is_that_in_which_it_happened(room, monkeypatch):
    params = recipes.params(room, first_of(room))
    steps = params.n_train // params.batch_size
    late = keras.optimizers.schedules.PiecewiseConstantDecay([2 * steps - 2], [1e-3, 1e30])  # late in the second epoch
    adam = keras.optimizers.Adam

    def diverging(_, **settings):
        return adam(late, **settings)

    monkeypatch.setattr(keras.optimizers, "Adam", diverging)
    with pytest.raises(Diverged, match=r"^epoch [23]: .*(is (nan|inf|not a number)|are not numbers)"):
        recipes.train(room, first_of(room), epochs=4)


@rooms
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n_train": 3, "batch_size": 4}, "n_train = 3: expected at least one batch, 4"),
        ({"n_test": 0}, "n_test\n.*greater than 0"),
        ({"epochs": 0}, "epochs\n.*greater than 0"),
        ({"epochs": 1.0}, "epochs\n.*valid integer"),
        ({"batch_size": 0}, "batch_size\n.*greater than"),
        ({"learning_rate": 0.0}, "learning_rate\n.*greater than 0"),
        ({"learning_rate": float("nan")}, "learning_rate\n.*finite number"),
        ({"learning_rate": float("inf")}, "learning_rate\n.*finite number"),
        ({"learning_rat": 0.1}, "learning_rat\n.*not permitted"),
    ],
)
def test_hyper_parameters_that_are_refused_everywhere(room, changes, said):
    with pytest.raises(ValidationError, match=said):
        recipes.params(room, first_of(room), **changes)

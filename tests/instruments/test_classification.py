"""The reader of labels: it reads what it should, answers in order, repeats its bytes, and says what is wrong."""

import json
import subprocess
import sys

import numpy as np
import pytest

from replications.datasets import world
from replications.errors import Diverged
from replications.instruments.classification import (
    FEATURES,
    accuracy,
    features,
    load_reader,
    predict,
    save_reader,
    train_classifier,
)
from replications.trust.distortions import blurred, noisy
from tests import tiny

SETTINGS = {"epochs": 6, "batch_size": 16, "learning_rate": 3e-3, "channels": 8}
SHORT = SETTINGS | {"epochs": 1, "channels": 2}
COLOURS = np.array([[200, 60, 60], [60, 160, 60], [60, 60, 200]])


def draw(count: int, seed: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Photos (count, 16, 16, 3) of stripes: their direction, and the colour below them; not in alphabetical order."""
    rng = np.random.default_rng(seed)
    labels = {"stripes": rng.integers(0, 2, count), "colour": rng.integers(0, 3, count)}
    y, x = np.mgrid[:16, :16]
    along = np.where(labels["stripes"][:, None, None] == 0, y, x) + rng.integers(0, 4, count)[:, None, None]
    photos = np.where((along % 4 < 2)[..., None], 230, COLOURS[labels["colour"]][:, None, None])
    photos = photos + rng.normal(0, 8, photos.shape)
    return np.clip(photos, 0, 255).astype(np.uint8), {k: v.astype(np.uint8) for k, v in labels.items()}


@pytest.fixture(scope="module")
def reader() -> dict[str, np.ndarray]:
    return train_classifier(*draw(320, seed=1), seed=0, **SETTINGS)


@pytest.fixture(scope="module")
def unseen() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    return draw(300, seed=2)  # more than are read at a time


# The score.


def test_accuracy_by_hand():
    probabilities = {
        "a": np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.1, 0.9]]),
        "b": np.array([[1.0, 0, 0], [0, 0.3, 0.7], [0, 1.0, 0], [1.0, 0, 0]]),
    }
    labels = {"a": np.array([0, 1, 0, 0]), "b": np.array([0, 2, 0, 1])}
    assert accuracy(probabilities, labels) == {"accuracy_a": 0.75, "accuracy_b": 0.5, "joint_accuracy": 0.5}


# The reader.


def test_the_reader_reads_unseen_photos(reader, unseen):
    photos, labels = unseen
    assert accuracy(predict(reader, photos), labels)["joint_accuracy"] > 0.97


def test_heads_answer_in_the_order_in_which_they_were_trained(reader, unseen):
    probabilities = predict(reader, unseen[0])
    assert list(probabilities) == ["stripes", "colour"]
    assert probabilities["stripes"].shape == (300, 2)
    assert probabilities["colour"].shape == (300, 3)


def test_answers_are_probabilities_and_belong_to_their_photos(reader, unseen):
    photos, _ = unseen
    probabilities, order = predict(reader, photos), np.random.default_rng(0).permutation(300)
    shuffled = predict(reader, photos[order])
    for head, values in probabilities.items():
        assert values.dtype == np.float64
        assert values.min() >= 0
        np.testing.assert_allclose(values.sum(axis=1), 1)
        np.testing.assert_allclose(shuffled[head], values[order], atol=1e-5)


def test_features_are_of_about_unit_scale_and_belong_to_their_photos(reader, unseen):
    photos, _ = unseen
    hidden = features(reader, photos)
    assert hidden.shape == (300, FEATURES)
    assert hidden.dtype == np.float32
    assert 0.1 < np.square(hidden).mean() < 2
    np.testing.assert_allclose(features(reader, photos[100:110]), hidden[100:110], atol=1e-4)


def test_a_single_head_is_enough():
    photos, labels = draw(120, seed=3)
    reader = train_classifier(photos, {"colour": labels["colour"]}, seed=0, **(SETTINGS | {"epochs": 8}))
    assert list(predict(reader, photos)) == ["colour"]
    assert accuracy(predict(reader, photos), labels)["accuracy_colour"] > 0.95


def test_damage_costs_accuracy_rung_by_rung(reader, unseen):
    photos, labels = unseen
    for damage, rungs in ((blurred, (0, 1.5, 3.0)), (noisy, (0, 0.3, 0.9))):
        damaged = (np.rint(damage(photos / 255, rung) * 255).astype(np.uint8) for rung in rungs)
        scores = [accuracy(predict(reader, images), labels)["joint_accuracy"] for images in damaged]
        assert np.all(np.diff(scores) < 0), (damage.__name__, scores)


@pytest.mark.usefixtures("eager")
def test_same_seed_same_bytes_and_another_seed_another_reader():
    photos, labels = draw(40, seed=3)

    def train(seed):
        return train_classifier(photos, labels, seed=seed, **(SHORT | {"epochs": 2}))

    first = train(0)
    np.random.default_rng(9).random(5)
    again, other = train(0), train(1)
    assert list(first) == list(again)
    assert all(first[name].tobytes() == again[name].tobytes() for name in first)
    assert not np.array_equal(first["classifier_0/kernel"], other["classifier_0/kernel"])


@pytest.mark.usefixtures("eager")
def test_training_leaves_the_photos_alone():
    photos, labels = draw(8, seed=3)
    before = photos.copy(), {head: values.copy() for head, values in labels.items()}
    train_classifier(photos, labels, seed=0, **SHORT)
    np.testing.assert_array_equal(photos, before[0])
    for head, values in labels.items():
        np.testing.assert_array_equal(values, before[1][head])


@pytest.mark.usefixtures("eager")
def test_a_diverged_reader_says_so():
    with pytest.raises(Diverged, match="seed 4 in epoch"):
        train_classifier(*draw(40, seed=3), seed=4, **(SHORT | {"epochs": 2, "learning_rate": float("inf")}))


def test_saved_and_loaded(reader, unseen, tmp_path):
    path = tmp_path / "reader.npz"
    save_reader(path, reader)
    again = predict(load_reader(path), unseen[0])
    assert list(again) == ["stripes", "colour"]
    for head, values in predict(reader, unseen[0]).items():
        np.testing.assert_array_equal(again[head], values)


def test_nothing_imports_a_framework_before_it_is_needed():
    modules = "classification, modes, distribution, probing"
    show = "print({'keras', 'tensorflow', 'sklearn'} & set(sys.modules))"
    code = f"import sys; from replications.instruments import {modules}; {show}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_wrong_arguments_are_refused_at_the_door(reader):
    photos, labels = draw(6, seed=3)
    with pytest.raises(ValueError, match="photos has shape"):
        train_classifier(photos / 255, labels, seed=0, **SHORT)
    with pytest.raises(ValueError, match="expected at least one head"):
        train_classifier(photos, {}, seed=0, **SHORT)
    with pytest.raises(ValueError, match=r"labels\['colour'\] has shape \(5,\)"):
        train_classifier(photos, labels | {"colour": labels["colour"][:5]}, seed=0, **SHORT)
    with pytest.raises(ValueError, match=r"labels\['colour'\] .* type int64, expected uint8"):
        train_classifier(photos, labels | {"colour": labels["colour"].astype(int)}, seed=0, **SHORT)
    with pytest.raises(ValueError, match=r"labels\['colour'\] holds class 0 alone"):
        train_classifier(photos, labels | {"colour": np.zeros(6, np.uint8)}, seed=0, **SHORT)
    with pytest.raises(ValueError, match="photos has shape"):
        predict(reader, photos[:0])
    for read in (predict, features):
        with pytest.raises(ValueError, match="expected the size that the reader was trained on"):
            read(reader, np.zeros((1, 32, 32, 3), np.uint8))


# The command that trains it.


def study_of(folder, heads):
    """A study that declares a reader of labels and none of label maps."""
    labels, factors = world.sample(np.random.default_rng(0), 24, 32)
    arrays = {"photo": world.render(labels, factors), "door_colour": factors["door_colour"], "lit": factors["lit"]}
    (folder / "arrays").mkdir(parents=True)
    np.savez(
        folder / "arrays" / "facade_world-tiny.npz",
        **{f"train_{name}": values[:16] for name, values in arrays.items()},
        **{f"test_{name}": values[16:] for name, values in arrays.items()},
    )
    declared = {"heads": heads, "n_train": 16, "seed": 0, **SHORT}
    return tiny.write_params(folder, tiny.params(readers={"classification": {"facade_world-tiny": declared}}))


def test_the_command_trains_the_declared_reader_and_writes_its_ceiling(tmp_path):
    folder = study_of(tmp_path / "study", ["door_colour"])
    done = tiny.command("readers", "--study", folder, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    nets = sorted(path.relative_to(folder / "readers").as_posix() for path in (folder / "readers").rglob("*.npz"))
    assert nets == [f"{seed}/classification-facade_world-tiny.npz" for seed in (1, 2)], "one for each seed"
    reader = load_reader(folder / "readers" / nets[0])
    assert list(predict(reader, np.zeros((1, 32, 32, 3), np.uint8))) == ["door_colour"]
    ceilings = json.loads((folder / "results" / "readers.json").read_text())
    scores = ceilings.pop("classification").pop("facade_world-tiny")
    assert ceilings == {}, "nothing about a reader that is not declared"
    assert list(scores) == ["1", "2"]
    assert all(list(of_net) == ["accuracy_door_colour", "joint_accuracy"] for of_net in scores.values())
    assert all(0 <= score <= 1 for of_net in scores.values() for score in of_net.values())


def test_a_head_that_is_no_label_is_one_line_with_those_that_are(tmp_path):
    folder = study_of(tmp_path / "study", ["door_colour", "lit"])
    done = tiny.here("readers", "--study", folder)
    tiny.assert_one_line_error(done, "facade_world-tiny.npz: no label 'lit'", "known are ['door_colour']", "heads")

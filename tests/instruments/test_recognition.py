"""Recognition: the score by hand, and a reader that learns what it should and nothing else."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replications.errors import Diverged
from replications.instruments.recognition import (
    confusion,
    load_reader,
    read,
    save_reader,
    segmentation_scores,
    train_reader,
)
from replications.trust.distortions import blurred, flipped, noisy, shifted, through_jpeg
from tests.instruments.ladder import draw_facade

CLASSES = 3
SETTINGS = {"epochs": 8, "batch_size": 8, "learning_rate": 1e-2, "channels": 12}


def draw(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Photos (count, 32, 32, 3) in [0, 1] and labels (count, 32, 32)."""
    rng = np.random.default_rng(seed)
    photos, labels = zip(*(draw_facade(32, rng) for _ in range(count)), strict=True)
    return np.stack(photos), np.stack(labels)


def as_files(photos: np.ndarray) -> np.ndarray:
    return np.rint(photos * 255).astype(np.uint8)


def scores_of(weights, photos: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    return segmentation_scores(confusion(read(weights, as_files(photos)), labels, CLASSES))


@pytest.fixture(scope="module")
def reader() -> dict[str, np.ndarray]:
    photos, labels = draw(96, seed=1)
    return train_reader(as_files(photos), labels, CLASSES, seed=0, **SETTINGS)


@pytest.fixture(scope="module")
def unseen() -> tuple[np.ndarray, np.ndarray]:
    return draw(32, seed=2)


# The score.

#: Truth 0 0 0 1 1 2, read 0 0 1 1 2 2.
BY_HAND = np.array([[2, 1, 0], [0, 1, 1], [0, 0, 1]])


def test_confusion_by_hand():
    labels, predicted = np.array([[[0, 0, 0, 1, 1, 2]]], np.uint8), np.array([[[0, 0, 1, 1, 2, 2]]], np.uint8)
    np.testing.assert_array_equal(confusion(predicted, labels, 3), BY_HAND)


def test_scores_by_hand():
    scores = segmentation_scores(BY_HAND)
    assert scores["pixel_accuracy"] == pytest.approx(4 / 6)
    assert scores["class_accuracy"] == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert scores["class_iou"] == pytest.approx((2 / 3 + 1 / 3 + 1 / 2) / 3)


def test_a_class_absent_from_the_truth_is_left_out():
    wider = np.zeros((5, 5), int)
    wider[:3, :3] = BY_HAND
    assert segmentation_scores(wider) == pytest.approx(segmentation_scores(BY_HAND))
    # Reading the absent class is still an error of the class that was there: 1/2 right, IoU 1/2.
    assert segmentation_scores(np.array([[1, 1], [0, 0]])) == pytest.approx(
        {"pixel_accuracy": 0.5, "class_accuracy": 0.5, "class_iou": 0.5}
    )


def test_blind_spot_of_pixel_accuracy():
    all_wall = segmentation_scores(np.array([[0, 10], [0, 90]]))
    assert all_wall == pytest.approx({"pixel_accuracy": 0.9, "class_accuracy": 0.5, "class_iou": 0.45})


@settings(deadline=None, max_examples=20, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), classes=st.integers(2, 6))
def test_confusion_counts_pairs_and_adds_up(seed, classes):
    predicted, labels = np.random.default_rng(seed).integers(0, classes, (2, 4, 5, 5), dtype=np.uint8)
    counts = confusion(predicted, labels, classes)
    for true in range(classes):
        for seen in range(classes):
            assert counts[true, seen] == np.sum((labels == true) & (predicted == seen))
    halves = confusion(predicted[:2], labels[:2], classes) + confusion(predicted[2:], labels[2:], classes)
    np.testing.assert_array_equal(halves, counts)
    relabelled = np.random.default_rng(seed).permutation(classes).astype(np.uint8)
    renamed = segmentation_scores(confusion(relabelled[predicted], relabelled[labels], classes))
    assert renamed == pytest.approx(segmentation_scores(counts))
    assert segmentation_scores(confusion(labels, labels, classes)) == pytest.approx(dict.fromkeys(renamed, 1.0))


# The reader.


def test_the_reader_reads_unseen_photos(reader, unseen):
    scores = scores_of(reader, *unseen)
    assert scores["pixel_accuracy"] > 0.95
    assert scores["class_iou"] > 0.9


def test_a_flipped_photo_reads_as_its_flipped_map(reader, unseen):
    photos, labels = unseen
    assert scores_of(reader, flipped(photos), flipped(labels))["pixel_accuracy"] > 0.95


def test_a_shifted_photo_reads_as_its_shifted_map(reader, unseen):
    # Exactly so wherever no border is in sight, 8 pixels away.
    photos, _ = unseen
    reading, moved = read(reader, as_files(photos)), read(reader, as_files(shifted(photos, 3)))
    np.testing.assert_array_equal(moved[:, 11:-8, 11:-8], shifted(reading, 3)[:, 11:-8, 11:-8])


def test_other_sizes_can_be_read(reader):
    photo, labels = draw_facade(64, np.random.default_rng(6))
    assert read(reader, as_files(photo[None])).shape == labels[None].shape


def test_damage_costs_recognition_rung_by_rung(reader, unseen):
    photos, labels = unseen
    for damage, rungs in ((blurred, (0, 1.0, 2.0, 4.0)), (noisy, (0, 0.1, 0.3)), (through_jpeg, (95, 20, 3))):
        scores = [scores_of(reader, damage(photos, rung), labels)["class_iou"] for rung in rungs]
        assert np.all(np.diff(scores) < 0), (damage.__name__, scores)


def test_a_mild_blur_costs_little(reader, unseen):
    # Known blind spot: the colours alone say much, so recognition is no instrument of sharpness.
    photos, labels = unseen
    assert scores_of(reader, blurred(photos, 0.7), labels)["class_iou"] > 0.9


def test_the_reader_has_learnt_no_layout(reader, unseen):
    # Every facade it has seen had the same map; shown nothing, it must not draw it.
    for intensity in (0, 128, 255):
        reading = read(reader, np.full((1, 32, 32, 3), intensity, np.uint8))
        assert len(np.unique(reading)) == 1


def test_a_crisp_photo_of_something_else_is_not_recognised(reader, unseen):
    photos, labels = unseen
    upside_down = photos[:, ::-1]
    assert scores_of(reader, upside_down, labels)["class_iou"] < 0.6 * scores_of(reader, photos, labels)["class_iou"]


@pytest.mark.usefixtures("eager")
def test_same_seed_same_bytes_and_another_seed_another_reader():
    photos, labels = draw(20, seed=3)
    short = SETTINGS | {"epochs": 2, "channels": 2}

    def train(seed):
        return train_reader(as_files(photos), labels, CLASSES, seed=seed, **short)

    first = train(0)
    np.random.default_rng(9).random(5)
    again, other = train(0), train(1)
    assert list(first) == list(again)
    assert all(first[name].tobytes() == again[name].tobytes() for name in first)
    assert not np.array_equal(first["reader_0/kernel"], other["reader_0/kernel"])


@pytest.mark.usefixtures("eager")
def test_training_leaves_the_photos_alone():
    photos, labels = draw(8, seed=3)
    photos = as_files(photos)
    before = photos.copy(), labels.copy()
    train_reader(photos, labels, CLASSES, seed=0, **(SETTINGS | {"epochs": 1, "channels": 2}))
    np.testing.assert_array_equal(photos, before[0])
    np.testing.assert_array_equal(labels, before[1])


@pytest.mark.usefixtures("eager")
def test_a_diverged_reader_says_so():
    photos, labels = draw(8, seed=3)
    with pytest.raises(Diverged, match="seed 4 in epoch"):
        train_reader(
            as_files(photos), labels, CLASSES, seed=4, **(SETTINGS | {"learning_rate": float("inf"), "channels": 2})
        )


def test_saved_and_loaded(reader, unseen, tmp_path):
    path = tmp_path / "reader.npz"
    save_reader(path, reader)
    first = path.read_bytes()
    save_reader(path, load_reader(path))
    assert path.read_bytes() == first
    assert [file.name for file in tmp_path.iterdir()] == ["reader.npz"]
    photos = as_files(unseen[0])
    np.testing.assert_array_equal(read(load_reader(path), photos), read(reader, photos))


def test_an_interrupted_save_leaves_the_old_reader(tmp_path, monkeypatch):
    path = tmp_path / "reader.npz"
    save_reader(path, {"reader_0/kernel": np.zeros(3)})

    def interrupted(file, **ignored):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_reader(path, {"reader_0/kernel": np.ones(3)})
    np.testing.assert_array_equal(load_reader(path)["reader_0/kernel"], np.zeros(3))
    assert [file.name for file in tmp_path.iterdir()] == ["reader.npz"]


def test_nothing_imports_keras_before_a_net_is_needed():
    modules = "sharpness, fidelity, colour, diversity, recognition"
    show = "print({'keras', 'tensorflow'} & set(sys.modules))"
    code = f"import sys; from replications.instruments import {modules}; {show}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_wrong_arguments_are_refused_at_the_door():
    photos, labels = np.zeros((2, 16, 16, 3), np.uint8), np.zeros((2, 16, 16), np.uint8)
    with pytest.raises(ValueError, match="photos has shape"):
        train_reader(photos / 255, labels, CLASSES, seed=0, **SETTINGS)
    with pytest.raises(ValueError, match="one label for each pixel"):
        train_reader(photos, labels[:1], CLASSES, seed=0, **SETTINGS)
    with pytest.raises(ValueError, match="below n_classes = 3"):
        train_reader(photos, labels + np.uint8(3), CLASSES, seed=0, **SETTINGS)
    with pytest.raises(ValueError, match="one reading for each label map"):
        confusion(labels[:1], labels, CLASSES)
    with pytest.raises(ValueError, match="predicted has shape"):
        confusion(labels.astype(int), labels, CLASSES)
    for wrong in (np.zeros((3, 3)), np.ones((2, 3))):
        with pytest.raises(ValueError, match="expected a square matrix"):
            segmentation_scores(wrong)

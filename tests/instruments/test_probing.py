"""The linear probe: it finds what is said plainly, and nothing where nothing is said."""

import numpy as np
import pytest

from replications.instruments.probing import chance, probe_accuracy


def labels_of(n: int, classes: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, classes, n)


def noise(n: int, size: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, size))


def test_chance_by_hand():
    assert chance(np.array([2, 0, 2, 1, 2])) == pytest.approx(3 / 5)
    assert chance(np.array([1, 1], np.uint8)) == 1


def test_a_label_on_a_line_is_found():
    labels = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    latents = np.array([-1.0, -1.2, 1.0, 1.1, -0.9, -1.1, 1.2, 0.9])[:, None]
    assert probe_accuracy(latents, labels) == 1


def test_it_is_tested_on_rows_that_it_was_not_trained_on():
    # Labels drawn at random, and as many dimensions as rows: learned by heart, and worth nothing on other rows.
    labels = labels_of(400, 2)
    assert probe_accuracy(noise(400, 400), labels) == pytest.approx(0.5, abs=0.12)


@pytest.mark.parametrize("n_classes", [2, 10])
def test_labels_that_take_turns_do_no_harm(n_classes):
    """As in a data set that lists one image of each class after the other: either half must hold every class."""
    labels = np.arange(200) % n_classes
    latents = noise(200, n_classes) * 0.1 + np.eye(n_classes)[labels]
    assert probe_accuracy(latents, labels) == 1


def test_many_classes_are_told_apart():
    labels = labels_of(600, 10)
    latents = np.eye(10)[labels] + 0.1 * noise(600, 10)
    assert probe_accuracy(latents, labels) > 0.99


def test_a_latent_that_says_nothing_gives_about_chance():
    labels = np.random.default_rng(4).choice(3, 2000, p=[0.6, 0.3, 0.1])
    assert probe_accuracy(noise(2000, 4), labels) == pytest.approx(chance(labels), abs=0.03)


def test_accuracy_falls_as_the_label_drowns_in_noise():
    labels = labels_of(2000, 4)
    values = [probe_accuracy(np.eye(4)[labels] + scale * noise(2000, 4), labels) for scale in (0.1, 0.5, 1, 2, 8)]
    assert np.all(np.diff(values) < 0), values
    assert values[-1] == pytest.approx(chance(labels), abs=0.1)


def test_dead_dimensions_are_as_good_as_absent():
    labels = labels_of(200, 3)
    latents = np.eye(3)[labels] + noise(200, 3)
    dead = np.concatenate([latents, np.zeros((200, 5)), np.full((200, 2), 7.3)], axis=1)
    assert probe_accuracy(dead, labels) == probe_accuracy(latents, labels)
    assert probe_accuracy(np.zeros((200, 5)), labels) == pytest.approx(chance(labels), abs=0.1)


def test_the_scale_of_a_dimension_plays_no_role():
    labels = labels_of(300, 3)
    latents = np.eye(3)[labels] + 0.7 * noise(300, 3)
    scaled = latents * [1e-6, 1, 1e4] + [0, 50, -1e5]
    assert probe_accuracy(scaled, labels) == pytest.approx(probe_accuracy(latents, labels), abs=0.02)


def test_it_repeats_itself_and_takes_float32():
    labels = labels_of(300, 3).astype(np.uint8)
    latents = (np.eye(3)[labels] + noise(300, 3)).astype(np.float32)
    before = latents.copy()
    assert probe_accuracy(latents, labels) == probe_accuracy(latents, labels)
    np.testing.assert_array_equal(latents, before)


def test_blind_spot_what_is_not_linear_is_not_found():
    # Exclusive or: two signs, and the label says whether they agree.
    latents = np.sign(noise(1000, 2)) + 0.1 * noise(1000, 2, seed=5)
    labels = (latents.prod(axis=1) > 0).astype(int)
    assert probe_accuracy(latents, labels) < 0.6
    assert probe_accuracy(latents.prod(axis=1, keepdims=True), labels) > 0.95


def test_bad_input_is_refused_at_the_door():
    latents, labels = noise(6, 2), np.array([0, 0, 1, 1, 0, 0])
    for wrong in (labels / 2, labels[:, None], labels[:0]):
        with pytest.raises(ValueError, match="labels has shape"):
            probe_accuracy(latents, wrong)
        with pytest.raises(ValueError, match="labels has shape"):
            chance(wrong)
    for wrong in (latents[:5], latents[:, 0], latents[:, :0], latents[..., None]):
        with pytest.raises(ValueError, match=r"expected \(N, D\) and \(N,\)"):
            probe_accuracy(wrong, labels)
    for wrong in (latents * np.nan, latents.astype(int)):
        with pytest.raises(ValueError, match="expected finite floats"):
            probe_accuracy(wrong, labels)
    with pytest.raises(ValueError, match="labels holds 1 class in the 3 rows that train"):
        probe_accuracy(latents, np.zeros(6, int))
    with pytest.raises(ValueError, match="a row to test on"):
        probe_accuracy(latents[:1], labels[:1])

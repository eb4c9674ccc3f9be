"""KID: against a naive double loop, unbiased, and a ladder of damage through a net that reads the world's labels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replications.datasets import world
from replications.instruments import distribution
from replications.instruments.classification import features, train_classifier
from replications.instruments.distribution import kid
from replications.trust.distortions import blurred, noisy


def naive(a: np.ndarray, b: np.ndarray) -> float:
    """The definition, pair by pair."""

    def k(x, y):
        return (sum(float(p) * float(q) for p, q in zip(x, y, strict=True)) / len(x) + 1) ** 3

    def within(x):
        return sum(k(x[i], x[j]) for i in range(len(x)) for j in range(len(x)) if i != j) / (len(x) * (len(x) - 1))

    return within(a) + within(b) - 2 * sum(k(x, y) for x in a for y in b) / (len(a) * len(b))


def gaussian(n: int, seed: int, mean: float = 0.0, scale: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, scale, (n, 16))


# The number.


def test_a_number_by_hand():
    # One feature: k(0, 0) = 1, k(1, 1) = 8, k(0, 1) = 1.
    a, b = np.array([[0.0], [0.0]]), np.array([[1.0], [1.0]])
    assert kid(a, b) == pytest.approx(1 + 8 - 2 * 1)
    # k(0, 1) once each way within, and (1 + 1 + 1 + 8) / 4 between: a set is "closer than equal" to itself, by chance.
    ends = np.array([[0.0], [1.0]])
    assert kid(ends, ends) == pytest.approx(1 + 1 - 2 * 11 / 4)


@settings(deadline=None, max_examples=30, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 7), m=st.integers(2, 7), size=st.integers(1, 5))
def test_agreement_with_the_double_loop_and_symmetry(seed, n, m, size):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(n, size)), rng.normal(1, 2, size=(m, size))
    assert kid(a, b) == pytest.approx(naive(a, b), abs=1e-8)
    assert kid(a, b) == pytest.approx(kid(b, a), abs=1e-9)
    assert kid(rng.permutation(a), b) == pytest.approx(kid(a, b), abs=1e-9)
    # Turning the space of features turns no distance.
    turned = np.linalg.qr(rng.normal(size=(size, size)))[0]
    assert kid(a @ turned, b @ turned) == pytest.approx(kid(a, b), abs=1e-8)


def test_a_large_set_is_summed_in_pieces(monkeypatch):
    a, b = gaussian(100, 0), gaussian(70, 1, mean=0.3)
    whole = kid(a, b)
    monkeypatch.setattr(distribution, "_ROWS", 32)
    assert kid(a, b) == pytest.approx(whole, rel=1e-12)


def test_unbiased_around_zero_for_one_distribution_whatever_the_sizes():
    for n, m in ((20, 20), (10, 60)):
        values = np.array([kid(gaussian(n, seed), gaussian(m, 1000 + seed)) for seed in range(300)])
        assert abs(values.mean()) < 4 * values.std() / np.sqrt(len(values))
        assert 0.25 < (values < 0).mean() < 0.75


def test_float32_features_are_added_in_double_precision():
    a, b = gaussian(300, 0, mean=30).astype(np.float32), gaussian(300, 1, mean=30).astype(np.float32)
    assert kid(a, b) == pytest.approx(kid(a.astype(float), b.astype(float)), rel=1e-12)


@pytest.mark.parametrize(
    "rungs", [[{"mean": m} for m in (0, 0.3, 0.6, 1.2)], [{"scale": s} for s in (1, 1.3, 1.6, 2.2)]], ids=str
)
def test_it_grows_with_the_distance(rungs):
    values = [kid(gaussian(500, 0), gaussian(500, 1, **rung)) for rung in rungs]
    assert np.all(np.diff(values) > 0)
    assert abs(values[0]) < 0.1 * values[1]


def test_blind_spot_moments_above_the_third():
    """Signs of ±1 against normal numbers with the fourth moment of none: equal mean and spread, no skew."""
    signs = np.random.default_rng(2).choice([-1.0, 1.0], (2000, 16))
    assert abs(kid(gaussian(2000, 0), signs)) < 0.05 * kid(gaussian(2000, 0), gaussian(2000, 1, mean=0.3))


# The ladder: photos of the world, in the features of a net that has learnt to read its labels.


@pytest.fixture(scope="module")
def photos() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    labels, factors = world.sample(np.random.default_rng(3), 1500, 32)
    return world.render(labels, factors), factors


@pytest.fixture(scope="module")
def reader(photos) -> dict[str, np.ndarray]:
    images, factors = photos
    heads = {head: factors[head][:900] for head in ("wall_colour", "sky_shade", "door_colour", "mullion")}
    return train_classifier(images[:900], heads, epochs=4, batch_size=32, learning_rate=3e-3, channels=8, seed=0)


@pytest.fixture(scope="module")
def distance(photos, reader):
    """Images → their distance to real photos that neither they nor the net come from."""
    real = features(reader, photos[0][900:1200])
    return lambda images: kid(features(reader, images), real)


def test_real_photos_are_at_about_zero_and_damage_takes_them_away_rung_by_rung(photos, distance):
    unseen = photos[0][1200:]
    for damage, rungs in ((blurred, (0, 0.7, 1.5, 3.0)), (noisy, (0, 0.1, 0.2, 0.4))):
        values = [distance(np.rint(damage(unseen / 255, rung) * 255).astype(np.uint8)) for rung in rungs]
        assert np.all(np.diff(values) > 0), (damage.__name__, values)
        assert abs(values[0]) < 0.25 * values[1], (damage.__name__, values)


def test_dropped_modes_are_noticed_rung_by_rung(photos, distance):
    images, factors = photos[0][1200:], photos[1]["wall_colour"][1200:]
    values = [distance(images[factors < left]) for left in (4, 3, 2, 1)]
    assert np.all(np.diff(values) > 0), values
    assert abs(values[0]) < 0.5 * values[1], values


def test_one_photo_again_and_again_is_far_from_all_of_them(photos, distance):
    images = photos[0][1200:]
    assert distance(np.repeat(images[:1], 300, axis=0)) > 10 * abs(distance(images))


# What is refused.


def test_bad_features_are_refused_at_the_door():
    good = gaussian(4, 0)
    for wrong in (good[:1], good[0], np.zeros((3, 0)), np.zeros((2, 2, 2))):
        with pytest.raises(ValueError, match="features_b has shape"):
            kid(good, wrong)
    with pytest.raises(ValueError, match="features_a has 16 features and features_b 15"):
        kid(good, good[:, :15])
    for wrong in (good * np.nan, good * np.inf, np.zeros((4, 16), int)):
        with pytest.raises(ValueError, match="features_a has type"):
            kid(wrong, good)

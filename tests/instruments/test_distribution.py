"""KID and precision: against naive loops, on known answers, and on ladders of damage.

KID is unbiased and compares the features of a net that reads the world's labels. Precision compares pixels.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replications.datasets import world
from replications.instruments import distribution
from replications.instruments.classification import features, train_classifier
from replications.instruments.distribution import kid, precision
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


# Precision: the number.


def damaged(damage, images: np.ndarray, rung: float) -> np.ndarray:
    return np.rint(255 * np.clip(damage(images / 255, rung), 0, 1)).astype(np.uint8)


def at(degrees: float, length: float = 250) -> np.ndarray:
    """A picture of one pixel whose red and green have this direction."""
    angle = np.deg2rad(degrees)
    return np.rint(length * np.array([np.cos(angle), np.sin(angle), 0])).astype(np.uint8).reshape(1, 1, 1, 3)


def naive_precision(pictures: np.ndarray, photos: np.ndarray, k: int) -> float:
    """The definition, pair by pair."""

    def cosine(x, y):
        products = [
            sum(int(a) * int(b) for a, b in zip(p.ravel(), q.ravel(), strict=True)) for p, q in ((x, y), (x, x), (y, y))
        ]
        return products[0] / float(np.sqrt(float(products[1] * products[2])))

    reach = [sorted((cosine(p, q) for j, q in enumerate(photos) if j != i))[-k] for i, p in enumerate(photos)]
    among = [any(cosine(x, p) >= r for p, r in zip(photos, reach, strict=True)) for x in pictures]
    return sum(among) / len(among)


def test_a_precision_by_hand():
    """Photographs at 0, 10 and 30 degrees: the nearest other one of each is 10, 10 and 20 degrees away."""
    photos = np.concatenate([at(0), at(10), at(30)])
    for degrees, among in ((0, 1), (5, 1), (20, 1), (49, 1), (51, 0), (90, 0)):
        for length in (250, 60):
            assert precision(at(degrees, length), photos, k=1) == among, (degrees, length)
    assert precision(np.concatenate([at(0), at(49), at(51), at(90)]), photos, k=1) == 0.5
    assert precision(at(51), photos, k=2) == 1, "the second nearest of 30 degrees is 30 degrees away"
    assert precision(np.concatenate([at(5), at(0, 0)]), photos, k=1) == 0.5, "black has no direction"


@settings(deadline=None, max_examples=30, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 3))
def test_precision_agrees_with_the_loops_whatever_the_order(seed, k):
    rng = np.random.default_rng(seed)
    pictures, photos = (rng.integers(1, 256, (n, 1, 1, 3), np.uint8) for n in (7, 9))
    share = precision(pictures, photos, k)
    assert share == naive_precision(pictures, photos, k)
    assert precision(rng.permutation(pictures), rng.permutation(photos), k) == share


def test_precision_of_a_large_set_is_counted_in_pieces(monkeypatch):
    rng = np.random.default_rng(0)
    pictures, photos = (rng.integers(0, 256, (n, 1, 1, 3), np.uint8) for n in (70, 100))
    whole = precision(pictures, photos)
    assert 0 < whole < 1
    monkeypatch.setattr(distribution, "_ROWS", 32)
    assert precision(pictures, photos) == whole


def test_a_photograph_that_is_there_lies_among_them_and_noise_does_not(photos):
    images = photos[0]
    assert precision(images[:50], images) == 1
    unseen = precision(images[1200:], images[:1200])
    assert 0.3 < unseen < 1
    values = [precision(damaged(noisy, images[1200:], rung), images[:1200]) for rung in (0, 0.05, 0.1, 0.4)]
    assert values[0] == unseen
    assert np.all(np.diff(values) < 0) or (values[-2:] == [0, 0] and values[0] > values[1] > 0), values
    assert values[-1] == 0
    half = np.concatenate([images[1200:1350], np.random.default_rng(0).integers(0, 256, (150, 32, 32, 3), np.uint8)])
    assert precision(half, images[:1200]) == precision(images[1200:1350], images[:1200]) / 2


def strokes(n: int, seed: int) -> np.ndarray:
    """Bright strokes on black, bent and moved: drawn digits of two kinds."""
    rng = np.random.default_rng(seed)
    rows = np.arange(32)
    pictures = np.zeros((n, 32, 32, 3), np.uint8)
    for picture in pictures:
        bend, where, kind = rng.uniform(-6, 6), rng.uniform(13, 18), rng.integers(2)
        course = where + bend * np.sin(np.pi * (rows - 6) / 20 * (1 + kind))
        ink = np.exp(-(((np.arange(32)[None] - course[:, None]) / 1.5) ** 2)) * ((rows > 5) & (rows < 26))[:, None]
        picture[:] = np.rint(255 * ink)[..., None]
    return pictures


def test_black_pictures_and_scraps_lie_among_no_drawn_digits_and_faint_ones_do():
    """Where most pixels are black, distances would be least for those with the least ink."""
    digits, others = strokes(400, 0), strokes(100, 1)
    real = precision(others, digits)
    assert real > 0.6
    assert precision(np.zeros_like(others), digits) == 0
    kept = np.random.default_rng(2).random((100, 8, 1, 8, 1, 1)) < 0.5
    scraps = (others.reshape(100, 8, 4, 8, 4, 3) * kept).reshape(others.shape).astype(np.uint8)
    assert precision(scraps, digits) < 0.1 * real
    assert precision(others // 3, digits) == pytest.approx(real, abs=0.05)


def test_blind_spots_of_precision(photos):
    images = photos[0]
    soft = damaged(blurred, images[1200:], 1.0)
    assert precision(soft, images[:1200]) > precision(images[1200:], images[:1200]), "blur"
    assert precision(np.repeat(images[:1], 30, axis=0), images[:1200]) == 1, "one photograph again and again"
    shifted = np.roll(images[1200:], 1, axis=2)
    assert precision(shifted, images[:1200]) < precision(images[1200:], images[:1200]), "a shift"


# What is refused.


def test_precision_refuses_what_is_no_set_of_pictures():
    good = np.concatenate([at(degrees) for degrees in (0, 10, 20, 30, 40)])
    for wrong in (good / 255, good[0], good[:0]):
        with pytest.raises(ValueError, match="pictures has type"):
            precision(wrong, good)
        with pytest.raises(ValueError, match="photos has type"):
            precision(good, wrong)
    with pytest.raises(ValueError, match=r"pictures are \(1, 1, 3\) and photos \(2, 2, 3\)"):
        precision(good, np.zeros((5, 2, 2, 3), np.uint8))
    for k in (0, 5):
        with pytest.raises(ValueError, match=f"k is {k}, expected from 1 to 4"):
            precision(good, good, k)


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

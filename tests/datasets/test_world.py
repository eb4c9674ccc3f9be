"""The procedural world: what it says of p(photo | map) against listing every photo, and against sampling.

Listing needs no joint distribution: a pixel's colour follows from the factors of its own class alone, so rendering
every combination of those (1,260 walls, 6 windows, …) gives each pixel's exact distribution by another way than
`conditional`.
"""

import hashlib
import json
from collections.abc import Callable
from itertools import chain, combinations, product
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage, stats

from replications import locks
from replications.datasets import facade_world, world
from replications.datasets.arrays import PINNED
from replications.datasets.commands import main
from replications.trust.chain import md5, md5_of_folder
from tests import tiny

N_SAMPLED = 2001
SOME = 7
"""Where each pixel against each photo would take long, every seventh pixel: shares no factor with 5 × 9 bricks."""
UNCERTAIN = (world.SKY, world.WALL, world.WINDOW, world.DOOR)
CERTAIN = (world.ROOF, world.GROUND)
PHASES = np.ones(world.N_BRICK_PHASES, int)
SHADOWS = np.ones(len(world.SHADOW_EDGES), int)
LISTS = {
    world.SKY: {"sky_shade": world.SKY_WEIGHTS},
    world.DOOR: {"door_colour": world.DOOR_WEIGHTS},
    world.WALL: {"wall_colour": world.WALL_WEIGHTS, "brick_phase": PHASES, "shadow": SHADOWS},
    world.WINDOW: {"mullion": world.MULLION_WEIGHTS, "lit": world.LIT_WEIGHTS},
}
"""Class: the factors that its pixels follow from, with their weights."""

Listed = dict[int, tuple[np.ndarray, np.ndarray, np.ndarray]]


def a_map(size: int) -> np.ndarray:
    """A map in which every class occurs."""
    labels, _ = world.sample(np.random.default_rng(1), 20, size)
    return next(one for one in labels if len(np.unique(one)) == len(world.CLASSES))


def photos_of(one: np.ndarray, factors: dict[str, np.ndarray]) -> np.ndarray:
    """Photos in [0, 1] of one map; factors that are not given are 0, `lit` given by one number for all windows."""
    n = len(next(iter(factors.values())))
    names = (*facade_world.FACTORS, "lit")
    complete = {name: np.asarray(factors.get(name, np.zeros(n)), np.uint8) for name in names}
    complete["lit"] = np.repeat(complete["lit"][:, None], world.MAX_WINDOWS, axis=1)
    return world.render(np.repeat(one[None], n, axis=0), complete) / 255


def listed(one: np.ndarray) -> Listed:
    """Class: (where (H, W), the colours that its pixels can have (K, pixels, 3), their probabilities (K,))."""
    result = {}
    for cls in range(len(world.CLASSES)):
        weights = LISTS.get(cls, {"mullion": np.ones(1)})
        values = np.array(list(product(*(range(len(w)) for w in weights.values()))))
        photos = photos_of(one, dict(zip(weights, values.T, strict=True)))
        p = np.array([np.prod(combination) for combination in product(*weights.values())], float)
        where = one == cls
        result[cls] = where, photos[:, where], p / p.sum()
    return result


def expected(listing: Listed, of: Callable[[np.ndarray, np.ndarray], np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """E[of(photo, where)] per pixel and channel, (H, W, 3)."""
    result = np.full(shape, np.nan)
    for where, colours, p in listing.values():
        result[where] = np.einsum("k,knc->nc", p, of(colours, where))
    return result


SIZES = [pytest.param(size, marks=[pytest.mark.slow] if size > 32 else []) for size in world.SIZES]
"""No study of the repository is larger than the smallest."""


@pytest.fixture(scope="module", params=SIZES, ids="{}px".format)
def known(request) -> tuple[np.ndarray, world.Conditional, Listed]:
    one = a_map(request.param)
    return one, world.conditional(one), listed(one)


@pytest.fixture(scope="module")
def sampled() -> tuple[world.Conditional, np.ndarray]:
    """The distribution of one map, and many of its photos in [0, 1]."""
    one = a_map(32)
    maps = np.repeat(one[None], N_SAMPLED, axis=0)
    photos = world.render(maps, world.sample_factors(np.random.default_rng(2), maps))
    return world.conditional(one), photos.astype(np.float32) / np.float32(255)


def others(c: world.Conditional, photo: np.ndarray) -> dict[str, np.ndarray]:
    """Outputs that are neither the mean nor the median."""
    rng = np.random.default_rng(3)
    return {
        "a photo": photo,
        "blurred": ndimage.gaussian_filter(photo, (1, 1, 0)),
        "grey": np.full_like(photo, 0.5),
        "noise": rng.random(photo.shape),
        "halfway": (c.mean + c.median) / 2,
        "disturbed": np.clip(c.median + rng.normal(0, 0.02, photo.shape), 0, 1),
    }


# Exactly, by listing.


def test_probabilities_are_probabilities(known):
    _, c, _ = known
    assert (c.probabilities >= 0).all()
    np.testing.assert_allclose(c.probabilities.sum(axis=0), 1)


def test_the_mean_is_that_of_all_photos(known):
    _, c, listing = known
    np.testing.assert_allclose(c.mean, expected(listing, lambda x, _: x, c.mean.shape), atol=1e-12)


def test_the_median_is_the_colour_of_least_expected_error_and_the_only_one(known):
    _, c, listing = known
    for where, every, p in listing.values():
        colours, said = every[:, ::SOME], c.median[where][::SOME]
        errors = np.stack([np.einsum("k,knc->nc", p, np.abs(colours - one)) for one in colours])
        best = errors.argmin(axis=0)[None]
        np.testing.assert_array_equal(said, np.take_along_axis(colours, best, 0)[0])
        equally_good = errors < errors.min(axis=0) + 1e-9
        np.testing.assert_array_equal(colours[equally_good], np.broadcast_to(said, colours.shape)[equally_good])


def test_the_floors_are_the_errors_of_the_median_and_of_the_mean(known):
    _, c, listing = known
    absolute = expected(listing, lambda x, where: np.abs(x - c.median[where]), c.mean.shape)
    square = expected(listing, lambda x, where: (x - c.mean[where]) ** 2, c.mean.shape)
    assert c.l1_floor == pytest.approx(absolute.mean(), rel=1e-12)
    assert c.l2_floor == pytest.approx(square.mean(), rel=1e-12)


def test_the_expected_error_of_any_output(known):
    one, c, listing = known
    for name, output in others(c, photos_of(one, {"mullion": np.array([1])})[0]).items():
        absolute = expected(listing, lambda x, where, o=output: np.abs(x - o[where]), c.mean.shape)
        np.testing.assert_allclose(c.expected_l1_map(output), absolute, atol=1e-12, err_msg=name)


def test_every_other_output_is_above_the_floors(known):
    one, c, listing = known
    for name, output in others(c, photos_of(one, {"mullion": np.array([1])})[0]).items():
        square = expected(listing, lambda x, where, o=output: (x - o[where]) ** 2, c.mean.shape)
        assert c.expected_l1(output) > c.l1_floor + 1e-4, name
        assert square.mean() > c.l2_floor + 1e-6, name
        assert (c.expected_l1_map(output) >= c.expected_l1_map(c.median) - 1e-12).all(), name
    assert c.expected_l1(c.mean) > c.l1_floor + 1e-3
    off_median = expected(listing, lambda x, where: (x - c.median[where]) ** 2, c.mean.shape)
    assert off_median.mean() > c.l2_floor + 1e-3


def test_one_step_off_the_median_costs_everywhere(known):
    _, c, _ = known
    at_median = c.expected_l1_map(c.median)
    for step in (-1 / 255, 1 / 255):
        assert (c.expected_l1_map(c.median + step) > at_median + 1e-6).all()


def test_the_diversity_is_that_of_all_pairs_of_photos(known):
    """E|x − x′| is twice the integral of F (1 − F), F being the cumulative distribution."""
    _, c, listing = known
    total = 0.0
    for _, colours, p in listing.values():
        order = colours.argsort(axis=0)
        below = np.cumsum(p[order], axis=0)[:-1]
        gaps = np.diff(np.take_along_axis(colours, order, axis=0), axis=0)
        total += 2 * (below * (1 - below) * gaps).sum()
    assert c.diversity == pytest.approx(total / c.mean.size, rel=1e-12)


def test_roof_and_ground_are_certain_and_nothing_else_is(known):
    one, c, listing = known
    np.testing.assert_array_equal(c.uncertain, np.isin(one, UNCERTAIN))
    for cls in CERTAIN:
        where, colours, _ = listing[cls]
        assert len(np.unique(colours[0], axis=0)) == 2, "a fine texture of two colours"
        for output in (c.mean, c.median):
            np.testing.assert_array_equal(output[where], colours[0])


def test_the_support_is_exactly_what_can_be_seen(known):
    _, c, listing = known
    for where, every, _ in listing.values():
        colours = every[:, ::SOME]
        said = c.colours[:, where][:, None, ::SOME]
        possible = (c.probabilities[:, where] > 0)[:, None, ::SOME]
        same = (np.abs(said - colours[None]).max(axis=-1) < 1e-9) & possible
        assert same.any(axis=0).all(), "a colour that was rendered is missing"
        assert (same.any(axis=1) | ~possible[:, 0]).all(), "a colour that is never rendered"


def test_the_lists_of_photos_have_the_documented_joints():
    """In JOINT_PHASES of the N_BRICK_PHASES phases a pixel is mortar, wherever it is."""
    one = np.full((32, 32), world.WALL, np.uint8)
    for colour, mortar in enumerate(world.MORTAR_COLOURS):
        phases = np.arange(world.N_BRICK_PHASES)
        photos = photos_of(one, {"brick_phase": phases, "wall_colour": np.full(len(phases), colour)})
        looks = [mortar, np.rint(world.SHADE * mortar)]
        is_mortar = np.any([(np.rint(photos * 255) == look).all(axis=-1) for look in looks], axis=0)
        np.testing.assert_array_equal(is_mortar.sum(axis=0), world.JOINT_PHASES)


def test_where_the_shadow_may_end(known):
    """From left to right less and less of the wall lies in it, a seventh at a time, and nothing else does."""
    one, c, _ = known
    unit = len(one) // 32
    of_wall = np.concatenate([world.WALL_COLOURS, world.MORTAR_COLOURS])
    dark = {tuple(colour) for colour in np.rint(world.SHADE * of_wall)}
    for x in range(len(one)):
        rows = np.flatnonzero(one[:, x] == world.WALL)
        for y in rows[:1]:
            shaded = [tuple(colour) in dark for colour in np.rint(255 * c.colours[:, y, x])]
            assert c.probabilities[shaded, y, x].sum() == pytest.approx((x // unit < world.SHADOW_EDGES).mean())


def test_every_wall_reaches_beyond_the_shadows():
    maps, _ = world.sample(np.random.default_rng(12), 300, 32)
    for one in maps:
        columns = np.flatnonzero((one == world.WALL).any(axis=0))
        assert columns[0] < world.SHADOW_EDGES[0] - 1
        assert columns[-1] > world.SHADOW_EDGES[-1]


def test_no_cumulative_probability_is_a_half():
    """In whole numbers: no set of candidates of any class weighs half of the total, so every median is unique."""
    joints = [world.N_BRICK_PHASES - world.JOINT_PHASES, world.JOINT_PHASES]
    by_class = {
        "sky": world.SKY_WEIGHTS,
        "door": world.DOOR_WEIGHTS,
        "wall": np.outer([3, 4], np.outer(joints, world.WALL_WEIGHTS)).ravel(),  # where three of the shadows reach
        "window": np.outer(world.MULLION_WEIGHTS, world.LIT_WEIGHTS).ravel(),
    }
    for name, weights in by_class.items():
        sizes = range(len(weights) + 1)
        sets = chain.from_iterable(combinations(weights.tolist(), size) for size in sizes)
        assert all(2 * sum(one) != weights.sum() for one in sets), name


# By sampling.


def test_the_mean_of_samples(sampled):
    c, photos = sampled
    variance = np.einsum("khw,khwc->hwc", c.probabilities, (c.colours - c.mean) ** 2)
    standard_error = np.sqrt(variance / len(photos))
    assert (np.abs(photos.mean(axis=0, dtype=np.float64) - c.mean) <= 6 * standard_error + 1e-6).all()


def test_the_median_of_samples_where_they_can_tell(sampled):
    """Of a wall so few samples cannot: its cumulative probabilities come too near to 1/2."""
    c, photos = sampled
    weights = c.probabilities[..., None]
    below = (weights * (c.colours < c.median - 1e-9)).sum(axis=0)
    up_to = (weights * (c.colours < c.median + 1e-9)).sum(axis=0)
    margin = 4 * 0.5 / np.sqrt(len(photos))
    clear = (below < 0.5 - margin) & (up_to > 0.5 + margin)
    assert clear[a_map(32) != world.WALL].mean() > 0.9
    np.testing.assert_allclose(np.median(photos, axis=0)[clear], c.median[clear], atol=1e-6)


def assert_mean(samples: np.ndarray, value: float) -> None:
    standard_error = samples.std(ddof=1) / np.sqrt(len(samples))
    assert abs(samples.mean() - value) < 4 * standard_error, f"{samples.mean()} ± {standard_error}, expected {value}"


def test_the_floors_and_the_diversity_of_samples(sampled):
    c, photos = sampled
    assert_mean(np.abs(photos - c.median.astype(np.float32)).mean(axis=(1, 2, 3)), c.l1_floor)
    assert_mean(np.square(photos - c.mean.astype(np.float32)).mean(axis=(1, 2, 3)), c.l2_floor)
    assert_mean(np.abs(photos[:-1:2] - photos[1::2]).mean(axis=(1, 2, 3)), c.diversity)


def test_every_photo_lies_on_the_support_and_a_half_lit_window_does_not(sampled):
    c, photos = sampled
    for photo in photos[:200]:
        assert c.distance_to_support(photo).max() < 1e-6
    one = a_map(32)
    dark, lit = photos_of(one, {"lit": np.array([0, 1])})
    half_lit = c.distance_to_support((dark + lit) / 2)
    assert half_lit[one == world.WINDOW].min() > 0.05
    assert half_lit[one != world.WINDOW].max() < 1e-9


def test_modes_occur_as_often_as_they_should():
    maps = np.broadcast_to(a_map(32), (10_000, 32, 32))
    factors = world.sample_factors(np.random.default_rng(4), maps)
    counts = np.bincount(world.mode_of(factors), minlength=world.N_MODES)
    assert len(counts) == world.N_MODES == 108
    assert stats.chisquare(counts, len(maps) * world.mode_probabilities()).pvalue > 1e-3
    assert stats.chisquare(np.bincount(factors["brick_phase"], minlength=world.N_BRICK_PHASES)).pvalue > 1e-3


def test_windows_are_lit_one_by_one():
    one = a_map(32)
    n_windows = ndimage.label(one == world.WINDOW)[1]
    assert n_windows >= 2
    factors = world.sample_factors(np.random.default_rng(5), np.broadcast_to(one, (5000, 32, 32)))
    lit = factors["lit"][:, :n_windows].astype(float)
    np.testing.assert_allclose(lit.mean(axis=0), 0.4, atol=5 * np.sqrt(0.24 / 5000))
    np.testing.assert_allclose(np.corrcoef(lit.T), np.eye(n_windows), atol=5 / np.sqrt(5000))
    assert (factors["lit"][:, n_windows:] == 255).all()


# What a photo tells beside its map.


def a_scene(n_windows: int, **areas: tuple[slice, slice]) -> np.ndarray:
    """A map of ground with a wall of 20 by 22 pixels, so many windows on it, and what else is given."""
    one = np.full((32, 32), world.GROUND, np.uint8)
    for name, area in areas.items():
        one[area] = world.CLASSES.index(name)
    for window in range(n_windows):
        one[10:15, 4 + 6 * window : 4 + 6 * window + 3] = world.WINDOW
    return one


WALL_AREA, SKY_AREA, DOOR_AREA = (
    (slice(5, 25), slice(2, 24)),
    (slice(0, 3), slice(0, 32)),
    (slice(17, 25), slice(8, 13)),
)


def test_the_entropy_of_the_factors_by_hand():
    """Of weights w that add up to W it is ln W − Σ w ln w / W."""
    wall = np.log(19) - (7 * np.log(7) + 5 * np.log(5) + 4 * np.log(4) + 3 * np.log(3)) / 19 + np.log(45) + np.log(7)
    sky = door = np.log(9) - (4 * np.log(4) + 3 * np.log(3) + 2 * np.log(2)) / 9
    mullion, one_window = np.log(3), np.log(5) - (3 * np.log(3) + 2 * np.log(2)) / 5
    by_hand = {
        0: a_scene(0),
        wall: a_scene(0, wall=WALL_AREA),
        sky: a_scene(0, sky=SKY_AREA),
        door: a_scene(0, door=DOOR_AREA),
        mullion + one_window: a_scene(1),
        mullion + 3 * one_window: a_scene(3),
        wall + sky + door + mullion + 2 * one_window: a_scene(2, wall=WALL_AREA, sky=SKY_AREA, door=DOOR_AREA),
    }
    np.testing.assert_allclose(world.factor_entropy(np.stack(list(by_hand.values()))), list(by_hand), atol=1e-12)
    assert wall == pytest.approx(7.09, abs=0.01)
    assert world.factor_entropy(a_map(64)[None]) == pytest.approx(world.factor_entropy(a_map(32)[None]))


def entropy_of_photos(photos: np.ndarray, p: np.ndarray) -> float:
    """Of the distribution of photos (K, …), each with its probability: equal ones are one."""
    mass: dict[bytes, float] = {}
    for photo, probability in zip(photos, p / p.sum(), strict=True):
        mass[photo.tobytes()] = mass.get(photo.tobytes(), 0.0) + probability
    of_each = np.array(list(mass.values()))
    return float(-(of_each * np.log(of_each)).sum())


@pytest.mark.parametrize(
    ("n_windows", "areas", "varied"),
    [
        (1, {"wall": WALL_AREA}, ("wall_colour", "brick_phase", "shadow", "mullion", "lit")),
        (2, {"sky": SKY_AREA, "door": DOOR_AREA}, ("sky_shade", "door_colour", "mullion", "lit", "wall_colour")),
        (3, {"sky": SKY_AREA}, ("sky_shade", "door_colour", "mullion", "lit")),
        (0, {"door": DOOR_AREA}, ("sky_shade", "door_colour", "mullion", "lit")),
    ],
)
def test_the_entropy_of_the_factors_is_that_of_all_photos_of_a_map(n_windows, areas, varied):
    """Every combination of the factors that are varied is rendered; the others show nowhere on the map."""
    one = a_scene(n_windows, **areas)
    weights = {"lit": world.LIT_WEIGHTS} | {name: w for lists in LISTS.values() for name, w in lists.items()}
    choices = [(name, weights[name]) for name in varied if name != "lit"]
    choices += [(window, world.LIT_WEIGHTS) for window in range(n_windows)]
    values = np.array(list(product(*(range(len(w)) for _, w in choices))), np.uint8)
    p = np.array([np.prod(combination) for combination in product(*(w for _, w in choices))], float)
    factors = {name: np.zeros(len(values), np.uint8) for name in facade_world.FACTORS}
    factors["lit"] = np.full((len(values), world.MAX_WINDOWS), 255, np.uint8)
    for (name, _), column in zip(choices, values.T, strict=True):
        if isinstance(name, int):
            factors["lit"][:, name] = column
        else:
            factors[name] = column
    photos = world.render(np.repeat(one[None], len(values), axis=0), factors)
    assert world.factor_entropy(one[None])[0] == pytest.approx(entropy_of_photos(photos, p), rel=1e-12)


def test_on_maps_that_occur_no_two_values_of_a_factor_look_alike():
    """Class by class, whose pixels follow from factors of their own: the entropies of what is seen add up."""
    maps, _ = world.sample(np.random.default_rng(11), 12, 32)
    for one, said in zip(maps, world.factor_entropy(maps), strict=True):
        seen = sum(entropy_of_photos(colours, p) for cls, (_, colours, p) in listed(one).items() if cls != world.WINDOW)
        numbers, n_windows = ndimage.label(one == world.WINDOW)
        windows = np.log(len(world.MULLIONS)) + n_windows * (np.log(5) - (3 * np.log(3) + 2 * np.log(2)) / 5)
        looks = photos_of(one, {"mullion": np.repeat([0, 1, 2], 2), "lit": np.tile([0, 1], 3)})
        for window in range(1, n_windows + 1):
            panes = looks[:, numbers == window]
            assert len(np.unique(panes.reshape(6, -1), axis=0)) == 6, "every window tells its light and the mullions"
        assert said == pytest.approx(seen + windows * (n_windows > 0), rel=1e-12)


# Modes, maps and factors.


def test_a_mode_is_named_by_one_number():
    ranges = {"wall_colour": 4, "sky_shade": 3, "door_colour": 3, "mullion": 3}
    values = np.array(list(product(*map(range, ranges.values()))), np.uint8)
    modes = world.mode_of(dict(zip(ranges, values.T, strict=True)))
    assert sorted(modes) == list(range(world.N_MODES))
    p = world.mode_probabilities()
    assert p.shape == (world.N_MODES,)
    assert p.sum() == pytest.approx(1)
    weights = (world.WALL_WEIGHTS, world.SKY_WEIGHTS, world.DOOR_WEIGHTS, world.MULLION_WEIGHTS)
    by_hand = [np.prod([w[i] / w.sum() for w, i in zip(weights, one, strict=True)]) for one in values]
    np.testing.assert_allclose(p[modes], by_hand)


def test_both_sizes_share_layouts_and_factors():
    small, small_factors = world.sample(np.random.default_rng(6), 50, 32)
    large, large_factors = world.sample(np.random.default_rng(6), 50, 64)
    np.testing.assert_array_equal(np.kron(small, np.ones((1, 2, 2), np.uint8)), large)
    for name, values in small_factors.items():
        np.testing.assert_array_equal(values, large_factors[name])


def test_thousands_of_maps():
    labels, factors = world.sample(np.random.default_rng(7), 2500, 32)
    assert labels.dtype == np.uint8
    assert set(np.unique(labels)) == set(range(len(world.CLASSES)))
    n_windows = np.array([ndimage.label(one == world.WINDOW)[1] for one in labels])
    assert 8 < n_windows.max() <= world.MAX_WINDOWS
    np.testing.assert_array_equal((factors["lit"] != 255).sum(axis=1), n_windows)
    for cls in (world.SKY, world.ROOF, world.WALL, world.DOOR, world.GROUND):
        assert (labels == cls).any(axis=(1, 2)).all(), f"a map without {world.CLASSES[cls]}"
    for one, n in zip(labels[:300], n_windows, strict=False):
        assert ndimage.label(one == world.WINDOW, np.ones((3, 3)))[1] == n, "windows that touch"
        assert ndimage.label(one == world.DOOR)[1] == 1
    assert len(np.unique(labels, axis=0)) > 2400


def test_windows_count_in_reading_order():
    one = a_map(32)
    windows, n = ndimage.label(one == world.WINDOW)
    corners = [(rows.start, columns.start) for rows, columns in ndimage.find_objects(windows)]
    assert corners == sorted(corners)
    factors = world.sample_factors(np.random.default_rng(8), one[None])
    factors["mullion"][:] = 0
    for window in range(n):
        factors["lit"][0, :n] = np.arange(n) == window
        photo = world.render(one[None], factors)[0]
        bright = (photo == world.WINDOW_COLOURS[1]).all(axis=-1) & (one == world.WINDOW)
        np.testing.assert_array_equal(bright, windows == window + 1)


def test_equal_generators_give_equal_bytes_and_others_do_not():
    (a, of_a), (b, of_b), (c, _) = (world.sample(np.random.default_rng(seed), 5, 32) for seed in (9, 9, 10))
    np.testing.assert_array_equal(world.render(a, of_a), world.render(b, of_b))
    assert (a != c).any()


@pytest.mark.parametrize("size", [0, 16, 48, 128])
def test_a_size_that_is_not_drawn(size):
    with pytest.raises(ValueError, match=rf"size {size}: .*\(32, 64\)"):
        world.sample(np.random.default_rng(0), 1, size)


# The bytes on disk.


@pytest.fixture(scope="module")
def pinned() -> dict[str, str]:
    """Data set → the digest of its folder that data.dvc pins, or that the stage which draws it has left in dvc.lock."""
    pins = locks.pinned(tiny.ROOT / "data.dvc")
    drawn = {
        Path(out["path"]): out["md5"]
        for stage, entry in locks.stages(tiny.ROOT).items()
        if stage.startswith("data@")
        for out in entry["outs"]
    }
    return {
        **{path.relative_to(tiny.ROOT / "data").as_posix(): digest for path, digest in pins.items()},
        **{path.relative_to("data").as_posix(): digest for path, digest in drawn.items()},
    }


def test_a_clone_carries_what_data_dvc_pins_and_draws_the_rest(pinned):
    assert set(pinned) == {"facade_world/32", "enumerable_street/32"}
    carried = [path.relative_to(tiny.ROOT / "data").as_posix() for path in locks.pinned(tiny.ROOT / "data.dvc")]
    assert tuple(carried) == PINNED
    for name in carried:
        listed = (tiny.ROOT / locks.bundled(pinned[name])).read_bytes()
        assert f"{hashlib.md5(listed).hexdigest()}.dir" == pinned[name]
        for one in json.loads(listed):
            assert md5(tiny.ROOT / locks.bundled(one["md5"])) == one["md5"], one["relpath"]


LARGER = {"facade_world/64": "84e001b29104f1d22b877b1e57a7d1b6.dir"}
"""Data sets that no study uses, and what they have come to since they were drawn first."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["facade_world/32", "enumerable_street/32", *LARGER])
def test_rebuilding_from_code_gives_the_pinned_bytes(name, pinned, tmp_path):
    assert main(["build", name, "--data-dir", str(tmp_path)]) == 0
    wanted = {**pinned, **LARGER}[name]
    assert md5_of_folder(tmp_path / name) == wanted, "the code draws another data set than the pinned one"

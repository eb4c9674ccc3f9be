"""The sharpness instruments on the ladder: what each does and does not respond to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from replications.instruments import sharpness
from replications.instruments.sharpness import SHARPNESS
from replications.trust.distortions import BLURS, blurred, dimmed, flipped, noisy, photographs, shifted, through_jpeg
from tests.instruments.ladder import climb, facades, notices_blur

every_instrument = pytest.mark.parametrize(("instrument", "direction"), SHARPNESS.values(), ids=SHARPNESS.keys())
every_kind = pytest.mark.parametrize("kind", [photographs, facades])
every_side = pytest.mark.parametrize("side", [32, 64])


def as_rgb(luma: np.ndarray) -> np.ndarray:
    """(H, W) -> (1, H, W, 3)."""
    return np.repeat(luma[None, :, :, None], 3, axis=3).astype(float)


def flat(side: int = 32, value: float = 0.3) -> np.ndarray:
    return np.full((1, side, side, 3), value)


def checkerboard(side: int = 32) -> np.ndarray:
    return as_rgb(np.indices((side, side)).sum(axis=0) % 2)


def step_edge(side: int = 64) -> np.ndarray:
    return as_rgb(np.broadcast_to(np.arange(side) >= side // 2, (side, side)))


def ratio(instrument, damaged: np.ndarray, intact: np.ndarray) -> float:
    return float(instrument(damaged).mean() / instrument(intact).mean())


# Blur: the one thing they are for.


@every_side
@every_kind
@every_instrument
def test_blur_moves_every_instrument_rung_by_rung(instrument, direction, kind, side):
    # The share of high frequencies is used up at 2 px (see the test below).
    blurs = BLURS[:5] if instrument is sharpness.high_frequency_share else BLURS
    assert notices_blur(instrument, direction, kind(side), blurs)


@every_side
@every_kind
def test_high_frequency_share_bottoms_out_and_never_turns_back(kind, side):
    beyond = climb(sharpness.high_frequency_share, kind(side), (1.5, 2.0, 3.0, 4.0, 6.0))
    assert np.all(np.diff(beyond, axis=0) <= 0)
    assert np.all(beyond[-1] < 1e-3)


def test_spectral_slope_turns_back_under_extreme_blur():
    # Known limit: where only 8-bit rounding is left of the fine scales, more blur looks flatter, not steeper.
    slope = climb(sharpness.spectral_slope, photographs(32), (3.0, 6.0)).mean(axis=1)
    assert slope[1] > slope[0]


def test_single_images_follow_as_well():
    for instrument, direction in SHARPNESS.values():
        for images in (photographs(64), facades(64)):
            assert np.all(np.diff(direction * climb(instrument, images, BLURS[:5]), axis=0) < 0)


@pytest.mark.parametrize("direction", [+1, -1])
def test_the_ladder_fails_instruments_that_do_not_measure(direction):
    def constant(images):
        return np.full(len(images), 0.5)

    def brightness(images):
        return images.mean(axis=(1, 2, 3))

    def chance(images):
        return np.random.default_rng(0).random(len(images))

    for impostor in (constant, brightness, chance):
        assert not notices_blur(impostor, direction, photographs(32))


@every_instrument
def test_the_ladder_fails_an_instrument_that_points_the_wrong_way(instrument, direction):
    assert not notices_blur(instrument, -direction, photographs(32))


# What they must not respond to.


@every_kind
@every_instrument
def test_flip_leaves_them_unchanged(instrument, direction, kind):
    # skimage's blur_effect drops two pixels on one side and one on the other.
    tolerance = 0.01 if instrument is sharpness.blur_effect else 1e-9
    np.testing.assert_allclose(instrument(flipped(kind(32))), instrument(kind(32)), atol=tolerance)


@every_instrument
def test_a_small_shift_hardly_moves_the_score(instrument, direction):
    assert ratio(instrument, shifted(facades(64), 3), facades(64)) == pytest.approx(1, abs=0.05)


@every_kind
@every_instrument
def test_more_brightness_leaves_them_unchanged(instrument, direction, kind):
    dim = dimmed(kind(32))
    np.testing.assert_allclose(instrument(dim + 0.2), instrument(dim), rtol=1e-6)


@every_kind
@pytest.mark.parametrize(
    ("name", "response"),
    [
        ("gradient_energy", 0.36),
        ("laplacian_variance", 0.36),
        ("high_frequency_share", 1),
        ("spectral_slope", 1),
        ("edge_width", 1),
        ("blur_effect", 1),
    ],
)
def test_less_contrast_fools_only_the_two_energies(name, response, kind):
    instrument, _ = SHARPNESS[name]
    assert ratio(instrument, dimmed(kind(64)), kind(64)) == pytest.approx(response, rel=0.05)


@every_instrument
def test_images_are_judged_one_by_one(instrument, direction):
    together = instrument(photographs(32))
    alone = np.concatenate([instrument(one[None]) for one in photographs(32)])
    assert together.shape == (6,)
    np.testing.assert_allclose(together, alone, rtol=1e-9)


# Known blind spots, asserted so that nobody forgets them.


@every_instrument
def test_noise_makes_photographs_sharper(instrument, direction):
    noise = instrument(noisy(photographs(64), 0.05)).mean()
    assert direction * noise > direction * instrument(photographs(64)).mean()


def test_noise_on_a_blurred_photograph_outdoes_the_sharp_one():
    noisy_blur = noisy(blurred(photographs(64), 1.5), 0.1)
    assert ratio(sharpness.laplacian_variance, noisy_blur, photographs(64)) > 5
    assert ratio(sharpness.high_frequency_share, noisy_blur, photographs(64)) > 5
    assert ratio(sharpness.edge_width, noisy_blur, photographs(64)) < 1


def test_noise_on_a_drawing_divides_the_instruments():
    drawing, noise = facades(64), noisy(facades(64), 0.1)
    assert ratio(sharpness.laplacian_variance, noise, drawing) > 1.3  # sharper
    assert ratio(sharpness.edge_width, noise, drawing) > 1.1  # blurrier
    assert ratio(sharpness.blur_effect, noise, drawing) > 1.1  # blurrier


@every_kind
@every_instrument
def test_mild_jpeg_hardly_moves_them(instrument, direction, kind):
    assert ratio(instrument, through_jpeg(kind(64), 90), kind(64)) == pytest.approx(1, abs=0.1)


def test_coarse_jpeg_divides_the_instruments():
    drawing, coarse = facades(64), through_jpeg(facades(64), 10)
    assert ratio(sharpness.laplacian_variance, coarse, drawing) > 0.9  # ringing replaces the lost edges
    assert ratio(sharpness.blur_effect, coarse, drawing) > 1.2


def test_sobel_does_not_see_a_checkerboard():
    assert sharpness.gradient_energy(checkerboard()) == pytest.approx(0)
    assert sharpness.laplacian_variance(checkerboard()) == pytest.approx(16)


# Numbers that can be checked by hand.


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gradient_energy", 0),
        ("laplacian_variance", 0),
        ("high_frequency_share", 0),
        ("spectral_slope", sharpness.FLAT_SLOPE),
        ("edge_width", 32),
        ("blur_effect", 1),
    ],
)
@pytest.mark.parametrize("grey", [0.0, 0.3, 1.0])
def test_a_flat_image_is_as_blurred_as_can_be(name, value, grey):
    instrument, direction = SHARPNESS[name]
    assert instrument(flat(32, grey)) == pytest.approx(value, abs=1e-12)
    strongest = instrument(blurred(photographs(32), 3.0))
    assert np.all(direction * instrument(flat(32, grey)) <= direction * strongest)


def test_a_ramp_has_its_slope_squared_as_gradient_energy():
    ramp = as_rgb(np.broadcast_to(np.arange(32) * 0.02, (32, 32)))
    assert sharpness.gradient_energy(ramp) == pytest.approx(0.02**2)
    assert sharpness.laplacian_variance(ramp) == pytest.approx(0, abs=1e-20)


def test_white_noise():
    luma = np.random.default_rng(1).uniform(0.2, 0.8, (8, 128, 128, 1))
    noise = np.repeat(luma, 3, axis=3)
    variance = 0.6**2 / 12
    assert sharpness.laplacian_variance(noise).mean() == pytest.approx(20 * variance, rel=0.03)
    assert sharpness.high_frequency_share(noise).mean() == pytest.approx(1 - np.pi / 16, rel=0.02)
    # A little above zero: taking away the mean costs the lowest ring some power.
    assert sharpness.spectral_slope(noise).mean() == pytest.approx(0, abs=0.25)


@pytest.mark.parametrize(("cycles_per_pixel", "share"), [(1 / 8, 0), (3 / 8, 1)])
def test_a_wave_is_either_above_or_below_the_cut(cycles_per_pixel, share):
    wave = as_rgb(np.broadcast_to(0.5 + 0.4 * np.sin(2 * np.pi * cycles_per_pixel * np.arange(64)), (64, 64)))
    assert sharpness.high_frequency_share(wave) == pytest.approx(share, abs=1e-3)


@pytest.mark.parametrize("exponent", [-1, -2, -3])
def test_spectral_slope_finds_the_exponent_of_a_power_law(exponent):
    rng = np.random.default_rng(2)
    radius = np.hypot(np.fft.fftfreq(256)[:, None], np.fft.fftfreq(256)[None])
    radius[0, 0] = np.inf
    spectrum = np.fft.fft2(rng.normal(size=(8, 256, 256))) * radius ** (exponent / 2)
    luma = np.fft.ifft2(spectrum).real
    images = np.concatenate([as_rgb((one - one.min()) / np.ptp(one)) for one in luma])
    assert sharpness.spectral_slope(images).mean() == pytest.approx(exponent, abs=0.2)


def test_edge_width_of_a_step_and_of_a_blurred_step():
    assert sharpness.edge_width(step_edge()) == pytest.approx(1)
    for sigma in (1.0, 2.0, 3.0):
        width = sharpness.edge_width(ndimage.gaussian_filter(step_edge(), sigma, axes=(1, 2)))
        assert width == pytest.approx(sigma * np.sqrt(2 * np.pi), rel=0.05)


def test_edge_width_of_a_ramp_is_its_length():
    luma = np.clip((np.arange(64) - 20) / 5, 0, 1)  # rises over 5 pixels
    assert sharpness.edge_width(as_rgb(np.broadcast_to(luma, (64, 64)))) == pytest.approx(5)


def test_edge_width_takes_rows_and_columns():
    assert sharpness.edge_width(step_edge().swapaxes(1, 2)) == pytest.approx(1)


# Any image at all.


@every_instrument
@settings(deadline=None, max_examples=10, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), low=st.floats(0, 1), height=st.integers(16, 40), dtype=st.sampled_from("fd"))
def test_any_image_has_a_finite_value_and_its_flips_the_same(instrument, direction, seed, low, height, dtype):
    images = np.random.default_rng(seed).uniform(low, 1, (2, height, 24, 3)).astype(dtype)
    values = instrument(images)
    assert values.shape == (2,)
    assert np.all(np.isfinite(values))
    tolerance = 0.05 if instrument is sharpness.blur_effect else 1e-4
    np.testing.assert_allclose(instrument(images[:, ::-1]), values, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 32, 32, 3), np.uint8), "divide 8-bit images by 255"),
        (np.full((2, 32, 32, 3), 1.2), "expected intensities in"),
        (np.full((2, 32, 32, 3), -0.1), "expected intensities in"),
        (np.full((2, 32, 32, 3), np.nan), "expected intensities in"),
        (np.zeros((32, 32, 3)), "expected \\(N, H, W, 3\\)"),
        (np.zeros((2, 32, 32, 1)), "expected \\(N, H, W, 3\\)"),
        (np.zeros((0, 32, 32, 3)), "at least one image"),
        (np.zeros((2, 8, 32, 3)), "at least 16 px"),
    ],
)
@every_instrument
def test_wrong_images_are_refused_at_the_door(instrument, direction, images, message):
    with pytest.raises(ValueError, match=message):
        instrument(images)

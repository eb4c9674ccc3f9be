"""Parity: each instrument against an implementation that shares no line with it, to the tolerance that stands there.

scikit-image, SciPy, scikit-learn, or loops written out from the formula in the paper; OpenCV where it is installed.
Elsewhere, because they prove more than parity: diversity and KID against double loops (test_diversity,
test_distribution), modes against SciPy's entropy and the world's own count (test_modes), floors against many drawn
photos (test_conditional), counts of pixels one by one (test_recognition).
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize, signal
from skimage import color, filters, metrics
from skimage.color import rgb2gray
from sklearn import metrics as learned
from sklearn.linear_model import LinearRegression
from sklearn.metrics.pairwise import pairwise_distances, polynomial_kernel
from sklearn.neighbors import NearestNeighbors

from replications.datasets import world
from replications.instruments import (
    classification,
    colour,
    conditional,
    distribution,
    fidelity,
    probing,
    recognition,
    sharpness,
)
from replications.trust.distortions import blurred, eight_bit, noisy, photographs
from tests.instruments.ladder import facades

every_kind = pytest.mark.parametrize("kind", [photographs, facades])


# Sharpness.


@every_kind
def test_gradient_energy_agrees_with_skimage(kind):
    images = kind(64)
    # skimage halves the sum of the two squares, and does not halve the difference over two pixels: 1/2 against 1/4.
    expected = [(filters.sobel(rgb2gray(one))[1:-1, 1:-1] ** 2).mean() / 2 for one in images]
    assert_allclose(sharpness.gradient_energy(images), expected, rtol=1e-9)


@every_kind
def test_laplacian_variance_agrees_with_skimage_and_with_a_convolution(kind):
    images = kind(64)
    expected = [filters.laplace(rgb2gray(one), ksize=3)[1:-1, 1:-1].var() for one in images]
    assert_allclose(sharpness.laplacian_variance(images), expected, rtol=1e-9)
    # Rec. 709 written out as well, which rgb2gray has above.
    kernel, weights = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]]), np.array([0.2125, 0.7154, 0.0721])
    expected = [signal.convolve2d((one * weights).sum(axis=-1), kernel, mode="valid").var() for one in images]
    assert_allclose(sharpness.laplacian_variance(images), expected, rtol=1e-9)


def windowed_power(luma: np.ndarray) -> dict[tuple[float, float], float]:
    """(cycles per pixel down, to the right) → power under a Hann window: the sum of the Fourier transform, as such."""
    n = len(luma)
    place = np.arange(n)
    hann = np.sin(np.pi * (place + 0.5) / n) ** 2
    window = hann[:, None] * hann[None, :]
    values = (luma - (luma * window).sum() / window.sum()) * window
    power = {}
    for down in range(-n // 2, n // 2):
        for right in range(-n // 2, n // 2):
            wave = np.exp(-2j * np.pi * (down * place[:, None] + right * place[None, :]) / n)
            power[down / n, right / n] = abs((values * wave).sum()) ** 2 / (window**2).sum()
    return power


@every_kind
def test_high_frequency_share_agrees_with_a_fourier_sum_written_out(kind):
    rounding = (1 / 255) ** 2 / 12
    for image in (kind(16)[:2], blurred(kind(16)[:2], 1.0)):
        expected = []
        for one in image:
            power = windowed_power(rgb2gray(one))
            above = sum(p - rounding for (down, right), p in power.items() if down**2 + right**2 > 0.25**2)
            expected.append(max(above, 0) / sum(power.values()))
        assert_allclose(sharpness.high_frequency_share(image), expected, rtol=1e-9, atol=1e-12)


@every_kind
def test_spectral_slope_agrees_with_rings_counted_one_by_one_and_a_fit_of_scikit_learn(kind):
    images = kind(16)[:3]
    expected = []
    for one in images:
        rings: dict[int, list[float]] = {ring: [] for ring in range(1, 9)}
        for (down, right), power in windowed_power(rgb2gray(one)).items():
            ring = round(16 * (down**2 + right**2) ** 0.5)
            if ring in rings:
                rings[ring].append(power)
        frequency = np.array([ring / 16 for ring in rings])
        height = np.log([np.mean(powers) + (1 / 255) ** 2 / 12 for powers in rings.values()])
        # An octave holds rings in proportion to its frequency.
        fit = LinearRegression().fit(np.log(frequency)[:, None], height, sample_weight=1 / frequency)
        expected.append(fit.coef_[0])
    assert_allclose(sharpness.spectral_slope(images), expected, rtol=1e-9)


def test_edge_width_agrees_with_a_plain_loop():
    image = eight_bit(photographs(32)[:1])
    luma = rgb2gray(image[0])
    heights, widths = [], []
    for line in [*luma, *luma.T]:
        start = 0
        for here in range(1, len(line)):
            last = here == len(line) - 1
            turns = not last and direction_of(line, here) != direction_of(line, here + 1)
            if last or turns:
                run = np.diff(line[start : here + 1])
                height = abs(run.sum())
                if direction_of(line, here) != 0 and height >= 0.2 * np.ptp(luma):
                    heights.append(height)
                    widths.append(height / abs(run).max())
                start = here
    assert sharpness.edge_width(image) == pytest.approx(np.average(widths, weights=heights))


def direction_of(line: np.ndarray, here: int) -> int:
    step = line[here] - line[here - 1]
    return 0 if abs(step) < 0.5 / 255 else int(np.sign(step))


@every_kind
def test_blur_effect_agrees_with_the_paper_written_out(kind):
    """Crete et al. 2007, equations 1 to 7, with skimage's 11 pixels and Sobel in place of their 9 and differences."""
    sobel = np.outer([1, 2, 1], [1, 0, -1]) / 8

    def survives(luma: np.ndarray) -> float:
        """Along the rows: what a moving average leaves of the gradient, as a share."""
        mirrored = np.pad(luma, ((0, 0), (5, 5)), mode="symmetric")
        average = np.stack([mirrored[:, i : i + 11].mean(axis=1) for i in range(luma.shape[1])], axis=1)
        # The outer pixels, whose neighbours are invented, are left out: two at the start and one at the end.
        sharp, smooth = (np.abs(signal.convolve2d(x, sobel, mode="valid"))[1:, 1:] for x in (luma, average))
        return 1 - np.maximum(0, sharp - smooth).sum() / sharp.sum()

    images = kind(32)
    expected = [max(survives(luma), survives(luma.T)) for luma in map(rgb2gray, images)]
    assert_allclose(sharpness.blur_effect(images), expected, rtol=1e-9)


# Fidelity.


def test_l1_mse_and_psnr_agree_with_scikit_learn_and_skimage():
    target = photographs(32)
    output = blurred(target, 1.0)
    pairs = list(zip(target, output, strict=True))
    expected = [learned.mean_absolute_error(t.ravel(), o.ravel()) for t, o in pairs]
    assert_allclose(fidelity.l1(output, target), expected, rtol=1e-12)
    assert_allclose(fidelity.mse(output, target), [metrics.mean_squared_error(t, o) for t, o in pairs], rtol=1e-12)
    expected = [metrics.peak_signal_noise_ratio(t, o, data_range=1) for t, o in pairs]
    assert_allclose(fidelity.psnr(output, target), expected, rtol=1e-12)


def test_ssim_agrees_with_skimage_channel_by_channel():
    target = photographs(32)
    settings_of_the_paper = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    for output in (blurred(target, 1.0), noisy(target, 0.1)):
        expected = [
            np.mean(
                [
                    metrics.structural_similarity(t[..., c], o[..., c], data_range=1, **settings_of_the_paper)
                    for c in range(3)
                ]
            )
            for t, o in zip(target, output, strict=True)
        ]
        assert_allclose(fidelity.ssim(output, target), expected)


@every_kind
def test_ssim_agrees_with_the_paper_written_out(kind):
    """Wang et al. 2004, equations 13 to 17: one window of 11 × 11 after the other, wherever it fits."""
    distance = np.arange(-5, 6)
    window = np.exp(-(distance[:, None] ** 2 + distance[None, :] ** 2) / (2 * 1.5**2))
    window /= window.sum()

    def of_one_window(x: np.ndarray, y: np.ndarray) -> float:
        mean_x, mean_y = (window * x).sum(), (window * y).sum()
        variance_x, variance_y = (window * (x - mean_x) ** 2).sum(), (window * (y - mean_y) ** 2).sum()
        covariance = (window * (x - mean_x) * (y - mean_y)).sum()
        above = (2 * mean_x * mean_y + 0.01**2) * (2 * covariance + 0.03**2)
        return above / ((mean_x**2 + mean_y**2 + 0.01**2) * (variance_x + variance_y + 0.03**2))

    target = kind(16)[:2]
    for output in (blurred(target, 1.0), noisy(target, 0.1), target[:, ::-1]):
        expected = [
            np.mean(
                [
                    of_one_window(t[y : y + 11, x : x + 11, c], o[y : y + 11, x : x + 11, c])
                    for y in range(6)
                    for x in range(6)
                    for c in range(3)
                ]
            )
            for t, o in zip(target, output, strict=True)
        ]
        assert_allclose(fidelity.ssim(output, target), expected, rtol=1e-7, atol=1e-9)


# Colour.


def lab(images: np.ndarray) -> np.ndarray:
    """CIE Lab of sRGB under D65, from IEC 61966-2-1 and CIE 15, in other digits than skimage's."""
    linear = np.where(images <= 0.04045, images / 12.92, ((images + 0.055) / 1.055) ** 2.4)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = (
        np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
        for t in np.moveaxis(linear @ np.transpose(to_xyz) / [0.9505, 1.0, 1.089], -1, 0)
    )
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


@every_kind
def test_lab_spread_agrees_with_the_standard_written_out(kind):
    expected = lab(kind(32)).reshape(-1, 3).std(axis=0)
    assert list(colour.lab_spread(kind(32)).values()) == pytest.approx(list(expected), rel=1e-3)


def test_lab_intersection_agrees_with_a_plain_count_and_with_the_standard_written_out():
    output, target = photographs(32)[:3], photographs(32)[3:]
    result = colour.lab_histogram_intersection(output, target)
    # A colour at the edge of a bin falls on either side of it by the digits of the standard.
    for to_lab, tolerance in ((color.rgb2lab, 1e-9), (lab, 5e-3)):
        for index, channel in enumerate(colour.BINS):
            p, q = (two_unit_shares(to_lab(images)[..., index], -111 if index else 0) for images in (output, target))
            overlap = sum(min(p[place], q[place]) for place in p.keys() & q.keys())
            assert result[channel] == pytest.approx(overlap, abs=tolerance)


def two_unit_shares(values: np.ndarray, low: float) -> dict[int, float]:
    places = np.floor((values.ravel() - low) / 2).astype(int)
    return {int(place): float(np.mean(places == place)) for place in np.unique(places)}


# Sets, and what nets read.


def test_kid_agrees_with_the_kernel_of_scikit_learn():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(40, 24)), rng.normal(0.2, 1.3, size=(55, 24))

    def within(x: np.ndarray) -> float:
        kernel = polynomial_kernel(x, degree=3, coef0=1)
        return (kernel.sum() - np.trace(kernel)) / (len(x) * (len(x) - 1))

    expected = within(a) + within(b) - 2 * polynomial_kernel(a, b, degree=3, coef0=1).mean()
    assert distribution.kid(a, b) == pytest.approx(expected, rel=1e-9)


def test_precision_agrees_with_the_neighbours_of_scikit_learn():
    rng = np.random.default_rng(0)
    photos, pictures = (rng.integers(0, 256, (n, 1, 1, 3), np.uint8) for n in (60, 40))
    flat, points = photos.reshape(60, -1).astype(float), pictures.reshape(40, -1).astype(float)
    reach = NearestNeighbors(n_neighbors=4, metric="cosine").fit(flat).kneighbors(flat)[0][:, 3]
    among = (pairwise_distances(points, flat, metric="cosine") <= reach + 1e-12).any(axis=1)
    assert 0 < among.mean() < 1
    assert distribution.precision(pictures, photos) == among.mean()


def test_segmentation_scores_agree_with_scikit_learn():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 5, (3, 8, 8), dtype=np.uint8)  # of six classes: the last one does not occur
    predicted = np.where(rng.random(labels.shape) < 0.6, labels, rng.integers(0, 6, labels.shape)).astype(np.uint8)
    counts = recognition.confusion(predicted, labels, 6)
    truth, read = labels.ravel(), predicted.ravel()
    np.testing.assert_array_equal(counts, learned.confusion_matrix(truth, read, labels=range(6)))
    expected = {
        "pixel_accuracy": learned.accuracy_score(truth, read),
        "class_accuracy": learned.recall_score(truth, read, labels=range(5), average="macro"),
        "class_iou": learned.jaccard_score(truth, read, labels=range(5), average="macro"),
    }
    assert recognition.segmentation_scores(counts) == pytest.approx(expected, rel=1e-12)


def test_accuracy_agrees_with_scikit_learn():
    rng = np.random.default_rng(2)
    labels = {"a": rng.integers(0, 3, 200), "b": rng.integers(0, 4, 200)}
    said = {head: rng.dirichlet(np.ones(n), 200) for head, n in (("a", 3), ("b", 4))}
    names = {head: values.argmax(axis=1) for head, values in said.items()}
    expected = {f"accuracy_{head}": learned.accuracy_score(labels[head], names[head]) for head in labels}
    # Right in both: one label of two digits.
    both = [10 * one["a"] + one["b"] for one in (labels, names)]
    assert classification.accuracy(said, labels) == pytest.approx(
        expected | {"joint_accuracy": learned.accuracy_score(*both)}, rel=1e-12
    )


def convolved(maps: np.ndarray, kernel: np.ndarray, dilation: int = 1) -> np.ndarray:
    """(H, W, C) through a kernel (3, 3, C, D), no border: nine weighted, shifted copies, in double precision."""
    height, width = maps.shape[0] - 2 * dilation, maps.shape[1] - 2 * dilation
    out = np.zeros((height, width, kernel.shape[-1]))
    for down in range(3):
        for right in range(3):
            seen = maps[down * dilation : down * dilation + height, right * dilation : right * dilation + width]
            out += seen @ kernel[down, right].astype(np.float64)
    return out


def test_the_reader_of_maps_agrees_with_its_net_written_out():
    rng = np.random.default_rng(3)
    photos, labels = rng.integers(0, 256, (12, 20, 24, 3), dtype=np.uint8), rng.integers(0, 4, (12, 20, 24), np.uint8)
    weights = recognition.train_reader(
        photos, labels, 4, epochs=1, batch_size=4, learning_rate=1e-2, channels=5, seed=0
    )
    read = recognition.read(weights, photos)
    expected = []
    for photo in photos:
        maps = np.pad(photo / 127.5 - 1, ((8, 8), (8, 8), (0, 0)), mode="symmetric")
        for layer, dilation in enumerate((1, 1, 2, 4)):
            maps = convolved(maps, weights[f"reader_{layer}/kernel"], dilation) + weights[f"reader_{layer}/bias"]
            maps = np.maximum(maps, 0)
        scores = maps @ weights["reader_classes/kernel"][0, 0].astype(np.float64) + weights["reader_classes/bias"]
        expected.append(scores.argmax(axis=-1))
    assert len(np.unique(expected)) > 1
    # All but ties that single precision decides otherwise.
    assert (read == np.array(expected)).mean() > 0.999


def test_the_reader_of_labels_agrees_with_its_net_written_out():
    rng = np.random.default_rng(4)
    photos, labels = rng.integers(0, 256, (40, 16, 16, 3), dtype=np.uint8), rng.integers(0, 3, 40, np.uint8)
    weights = classification.train_classifier(
        photos, {"one": labels}, epochs=2, batch_size=8, learning_rate=1e-2, channels=3, seed=0
    )

    def normal(values: np.ndarray, name: str) -> np.ndarray:
        mean, variance = weights[f"{name}/moving_mean"], weights[f"{name}/moving_variance"]
        scale = weights.get(f"{name}/gamma", np.ones_like(mean))
        return scale * (values - mean) / np.sqrt(variance + 1e-3) + weights[f"{name}/beta"]

    hidden = []
    for photo in photos:
        maps = photo / 127.5 - 1
        for layer in range(3):
            # Every second place of an even side: what is missing is added at the end.
            padded = np.pad(maps, ((0, 1), (0, 1), (0, 0)))
            maps = convolved(padded, weights[f"classifier_{layer}/kernel"])[::2, ::2]
            maps = np.maximum(normal(maps, f"classifier_{layer}_normal"), 0)
        features = maps.ravel() @ weights["classifier_features/kernel"].astype(np.float64)
        hidden.append(np.maximum(normal(features, "classifier_features_normal"), 0))
    assert_allclose(classification.features(weights, photos), hidden, atol=1e-4)
    scores = np.array(hidden) @ weights["classifier_head_one/kernel"] + weights["classifier_head_one/bias"]
    odds = np.exp(scores)
    assert_allclose(classification.predict(weights, photos)["one"], odds / odds.sum(axis=1, keepdims=True), atol=1e-4)


def test_the_probe_agrees_with_a_regression_written_out():
    """Cross-entropy + ‖w‖² / 2, no penalty on the intercept, to its minimum by BFGS; on the probe's own halves."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, 3, 200)
    latents = rng.normal(size=(200, 4)) * [1, 3, 0.1, 1] + 0.8 * np.eye(4)[labels]
    order = np.random.default_rng(0).permutation(200)
    train, test = order[::2], order[1::2]
    x = (latents - latents[train].mean(axis=0)) / latents[train].std(axis=0)

    def logits(parameters: np.ndarray, rows: np.ndarray) -> np.ndarray:
        weights = parameters.reshape(5, 3)
        return x[rows] @ weights[:4] + weights[4]

    def loss(parameters: np.ndarray) -> float:
        scores = logits(parameters, train)
        right = scores[np.arange(len(train)), labels[train]]
        return (np.log(np.exp(scores).sum(axis=1)) - right).sum() + (parameters[:12] ** 2).sum() / 2

    best = optimize.minimize(loss, np.zeros(15)).x
    expected = (logits(best, test).argmax(axis=1) == labels[test]).mean()
    assert 0.4 < expected < 0.9
    assert probing.probe_accuracy(latents, labels) == pytest.approx(expected, abs=0.01)  # one row of a hundred


# The known distribution.


@pytest.fixture(scope="module")
def street() -> tuple[np.ndarray, np.ndarray, list[world.Conditional]]:
    """Maps, photos in [0, 1], and their exact distributions."""
    labels, factors = world.sample(np.random.default_rng(6), 3, 32)
    return labels, world.render(labels, factors) / 255, conditional.distributions(labels)


def test_distances_to_the_known_distribution_agree_with_loops(street):
    _, photos, known = street
    output = blurred(photos, 1.0)
    mean, median, support, l1, mse = np.zeros((5, 3))
    for i, c in enumerate(known):
        for y in range(32):
            for x in range(32):
                pixel, candidates, chances = output[i, y, x], c.colours[:, y, x], c.probabilities[:, y, x]
                possible = [colour for colour, p in zip(candidates, chances, strict=True) if p > 0]
                expected = sum(p * colour for colour, p in zip(candidates, chances, strict=True))
                middle = np.array(
                    [min(v for v in candidates[:, k] if chances[candidates[:, k] <= v].sum() > 0.5) for k in range(3)]
                )
                mean[i] += np.abs(pixel - expected).mean() / 1024
                median[i] += np.abs(pixel - middle).mean() / 1024
                support[i] += min(np.abs(pixel - colour).mean() for colour in possible) / 1024
                l1[i] += (chances @ (np.abs(candidates - pixel) - np.abs(candidates - middle)).mean(axis=1)) / 1024
                mse[i] += (chances @ ((candidates - pixel) ** 2 - (candidates - expected) ** 2).mean(axis=1)) / 1024
    assert_allclose(conditional.distance_to_mean(output, known), mean, rtol=1e-9)
    assert_allclose(conditional.distance_to_median(output, known), median, rtol=1e-9)
    assert_allclose(conditional.distance_to_support(output, known), support, rtol=1e-9)
    assert_allclose(conditional.l1_above_floor(output, known), l1, rtol=1e-9)
    assert_allclose(conditional.mse_above_floor(output, known), mse, rtol=1e-9)


@pytest.mark.parametrize("uncertain", [False, True])
def test_energy_agrees_with_skimage_pixel_by_pixel(street, uncertain):
    labels, photos, known = street
    output = blurred(photos, 0.7)
    sums = np.zeros(2)
    for i, c in enumerate(known):
        lumas = rgb2gray(output[i]), rgb2gray(photos[i])
        energies = [filters.sobel_h(luma) ** 2 + filters.sobel_v(luma) ** 2 for luma in lumas]
        for y in range(1, 31):
            for x in range(1, 31):
                around = np.s_[y - 1 : y + 2, x - 1 : x + 2]
                if len(np.unique(labels[i][around])) == 1 and (c.uncertain[around] == uncertain).all():
                    sums += [energy[y, x] for energy in energies]
    expected = sums[0] / sums[1]
    assert conditional.energy(output, photos, labels, known, uncertain=uncertain) == pytest.approx(expected, rel=1e-9)


# OpenCV, which shares nothing with SciPy.


@pytest.fixture(scope="module")
def cv2():
    return pytest.importorskip("cv2", reason="OpenCV is not installed; `pip install opencv-python-headless`")


@every_kind
def test_sharpness_agrees_with_opencv(cv2, kind):
    images = kind(64)
    gradient, laplacian = [], []
    for luma in map(rgb2gray, images):
        # OpenCV's Sobel kernels are those of a ramp of slope 1/8.
        x, y = (cv2.Sobel(luma, cv2.CV_64F, dx, 1 - dx, ksize=3) / 8 for dx in (1, 0))
        gradient.append((x**2 + y**2)[1:-1, 1:-1].mean())
        laplacian.append(cv2.Laplacian(luma, cv2.CV_64F, ksize=1)[1:-1, 1:-1].var())
    assert_allclose(sharpness.gradient_energy(images), gradient, rtol=1e-9)
    assert_allclose(sharpness.laplacian_variance(images), laplacian, rtol=1e-9)


def test_fidelity_agrees_with_opencv(cv2):
    target = photographs(32)
    output = blurred(target, 1.0)
    pairs = list(zip(target, output, strict=True))
    assert_allclose(fidelity.psnr(output, target), [cv2.PSNR(t, o, 1.0) for t, o in pairs], rtol=1e-9)
    expected = [cv2.norm(t, o, cv2.NORM_L1) / t.size for t, o in pairs]
    assert_allclose(fidelity.l1(output, target), expected, rtol=1e-9)


@every_kind
def test_colour_agrees_with_opencv(cv2, kind):
    images = kind(32)
    expected = np.stack([cv2.cvtColor(one, cv2.COLOR_RGB2LAB) for one in images.astype(np.float32)])
    assert list(colour.lab_spread(images).values()) == pytest.approx(list(expected.std(axis=(0, 1, 2))), rel=5e-3)

"""Pictures whose place on every scale is known: blurred photographs, noise, and the best that no net was trained for.

A replication's measures have them scored by the instruments that judge its runs (controls.py).
"""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from scipy import linalg, ndimage

from replications.instruments import fidelity, sharpness
from replications.params import RunParams

Scores = Mapping[str, Mapping[str, float]]
"""Control → instrument → score."""

BLUR = 1 / 32
"""Standard deviation of the blur of `photos_blurred`, in picture sides: one pixel of 32. A person still sees what the
picture shows, and sees at once that it is blurred."""


def blurred(photos: np.ndarray) -> np.ndarray:
    """Photos (N, H, W, 3), uint8, through a Gaussian blur of a thirty-second of their height."""
    sigma = BLUR * photos.shape[1]
    return np.rint(ndimage.gaussian_filter(photos.astype(float), sigma, axes=(1, 2), mode="mirror")).astype(np.uint8)


def noise(photos: np.ndarray) -> np.ndarray:
    """As many pictures of the same size, each value drawn evenly from 0 to 255; the same ones every time."""
    return np.random.default_rng(0).integers(0, 256, photos.shape, np.uint8)


def samples(data: dict[str, np.ndarray], n_test: int, n_samples: int) -> dict[str, dict[str, np.ndarray]]:
    """Control → images in the place of a model's samples: other photographs, the same blurred, noise.

    `photos` are training photographs, which a model could at best put out: their distance to the test photographs is
    that of real to real.
    """
    target, others = data["test_photo"][:n_test], data["train_photo"][:n_samples]
    pictures = {"photos": others, "photos_blurred": blurred(others), "noise": noise(others)}
    return {name: {"prior": prior, "target": target} for name, prior in pictures.items()}


def reconstructions(photos: np.ndarray) -> Scores:
    """The scores of blurred photographs in the place of a model's reconstructions of (N, H, W, 3), uint8."""
    return {"photos_blurred": of_pictures(blurred(photos), photos)}


def of_pictures(output: np.ndarray, photos: np.ndarray) -> Mapping[str, float]:
    """Sharpness and fidelity of pictures in the place of reconstructions, both uint8 (N, H, W, 3).

    Of a blur so wide that nothing is left of the highest frequencies, the logarithm of their share is no number, and
    is left out.
    """
    with np.errstate(divide="ignore"):
        scores = sharpness.relative(output / 255.0, photos / 255.0) | fidelity.scores(output / 255.0, photos / 255.0)
    return {name: score for name, score in scores.items() if np.isfinite(score)}


def linear(
    train: np.ndarray, test: np.ndarray, n_values: int, beta: float = 0.0, patch: int | None = None
) -> np.ndarray:
    """Test pictures as the best *linear* autoencoder of a size puts them out, uint8 (N, H, W, 3).

    Principal components: with component i of variance λᵢ, the optimum of ½ Σ (x − x̂)² + β KL over linear encoders and
    decoders keeps the n largest and shrinks the mean of each by 1 − β / λᵢ, those below β to nothing (Lucas et al.
    2019, section 4, for a decoder of unit variance). β = 0 is PCA. A net of the same size that is further from the
    photographs than this has not learned.

    Args:
        train: photos uint8 (M, H, W, 3) whose components are taken.
        test: photos uint8 (N, H, W, 3).
        n_values: how many components.
        beta: weight of the KL term in nats, for intensities in [0, 1].
        patch: side of the squares that are coded one by one with the same components; None: the whole picture.
    """
    return through(test, components(train, n_values, patch), n_values, beta)


@dataclass(frozen=True)
class Components:
    """The first principal components of photos, or of the squares that photos are cut into."""

    mean: np.ndarray
    """Of the squares, intensities in [0, 1]; (D,)."""
    variances: np.ndarray
    """λᵢ, the largest last; (n,)."""
    axes: np.ndarray
    """Orthonormal; (D, n)."""
    side: int
    """Of a square in pixels; the whole picture is one, too."""

    def largest(self, n: int, above: float = 0.0) -> "Components":
        """The n largest alone, and of them those whose variance exceeds a value."""
        kept = self.variances[-n:] > above
        return replace(self, variances=self.variances[-n:][kept], axes=self.axes[:, -n:][:, kept])


def components(train: np.ndarray, n_values: int, patch: int | None = None) -> Components:
    """The n largest components of photos uint8 (M, H, W, 3), or of their squares of `patch` pixels.

    There are no more of them than squares, or than values in a square.
    """
    side = patch or train.shape[1]
    x = _cut(train, side) / 255.0
    mean, n = x.mean(axis=0), min(n_values, *x.shape)
    if len(x) < x.shape[1]:
        _, lengths, directions = linalg.svd(x - mean, full_matrices=False)
        return Components(mean, lengths[:n][::-1] ** 2 / len(x), directions[:n][::-1].T, side)
    covariance = np.cov((x - mean).T, bias=True)
    variances, axes = linalg.eigh(covariance, subset_by_index=(x.shape[1] - n, x.shape[1] - 1))
    return Components(mean, variances, axes, side)


def through(photos: np.ndarray, principal: Components, n_values: int, beta: float) -> np.ndarray:
    """Photos uint8 (N, H, W, 3) through the n largest components, each shrunk as `linear` says."""
    first = principal.largest(n_values, -np.inf)
    kept = np.clip(1 - beta / np.maximum(first.variances, np.finfo(float).tiny), 0, 1)
    output = first.mean + ((_cut(photos, first.side) / 255.0 - first.mean) @ first.axes * kept) @ first.axes.T
    return _joined(np.rint(255 * np.clip(output, 0, 1)).astype(np.uint8), photos.shape, first.side)


def linear_objective(photos: np.ndarray, principal: Components, n_values: int, beta: float) -> float:
    """What the best *linear* VAE of a size comes to on some photos: ½ E Σ (x − x̂)² + β KL, nats per image.

    x̂ is of a sampled code. With component i of variance λᵢ in the training photos, the n largest above β are kept
    (Lucas et al. 2019, section 4, for a decoder of unit variance). With tᵢ the mean square of the component in these
    photos, each that is kept comes to β / 2 · (tᵢ / λᵢ + log(λᵢ / β)), each that is left out to tᵢ / 2; on the training
    photos, tᵢ is λᵢ. A net that comes to more on the same photos has not learned: it could have been linear.

    Args:
        photos: uint8 (N, H, W, 3), intensities in [0, 1] once divided by 255.
        principal: components of whole training photos, at least n.
        n_values: n.
        beta: weight of the KL term in nats; 0: half the squared error that PCA leaves.
    """
    kept = principal.largest(n_values, beta)
    centred = _cut(photos, kept.side) / 255.0 - kept.mean
    squares = np.square(centred @ kept.axes).mean(axis=0)
    left_out = np.square(centred).sum(axis=1).mean() - squares.sum()
    price = beta * (squares / kept.variances + np.log(kept.variances / beta)).sum() if beta else 0.0
    return float((left_out + price) / 2)


def linear_arms(
    data: Mapping[str, np.ndarray],
    variants: Mapping[str, RunParams],
    names: Iterable[str],
    weight: Callable[[Any], float] = lambda params: params.beta,
    objectives: Container[str] = (),
    objective_on: Literal["test_photo", "train_photo"] = "test_photo",
) -> dict[str, Mapping[str, float]]:
    """`linear_NAME` → scores of the best linear autoencoder of an arm's size and KL weight, and `photos_blurred`.

    Args:
        data: the arrays of a data set.
        variants: a study's, whose parameters say `latent_size`.
        names: of them those that quality checks ask about; undeclared ones are left out.
        weight: an arm's parameters → how much a nat weighs beside ½ Σ (x − x̂)².
        objectives: of the names those that get, as `objective`, what the best linear VAE of their β comes to.
        objective_on: the photos on which it does: those on which the net's own loss is computed.
    """
    any_arm = next(iter(variants.values()))
    photos = {"test_photo": data["test_photo"][: any_arm.n_test], "train_photo": data["train_photo"][: any_arm.n_train]}
    arms: dict[str, Any] = {name: variants[name] for name in names if name in variants}
    largest = max((params.latent_size for params in arms.values()), default=1)
    principal = components(photos["train_photo"], largest)
    test = photos["test_photo"]
    scores = dict(reconstructions(test))
    for name, params in arms.items():
        of_arm = dict(of_pictures(through(test, principal, params.latent_size, weight(params)), test))
        if name in objectives:
            of_arm["objective"] = linear_objective(photos[objective_on], principal, params.latent_size, params.beta)
        scores[f"linear_{name}"] = of_arm
    return scores


def _cut(photos: np.ndarray, side: int) -> np.ndarray:
    """(N, H, W, 3) → squares of this side, each a row."""
    n, height, width, channels = photos.shape
    squares = photos.reshape(n, height // side, side, width // side, side, channels)
    return squares.transpose(0, 1, 3, 2, 4, 5).reshape(-1, side * side * channels)


def _joined(rows: np.ndarray, shape: tuple[int, ...], side: int) -> np.ndarray:
    """The inverse of `_cut`."""
    n, height, width, channels = shape
    squares = rows.reshape(n, height // side, width // side, side, side, channels)
    return squares.transpose(0, 1, 3, 2, 4, 5).reshape(shape)


def together(*scores: Scores) -> dict[str, dict[str, float]]:
    """The scores of each control, from several sources."""
    merged: dict[str, dict[str, float]] = {}
    for of_source in scores:
        for control, of_control in of_source.items():
            merged.setdefault(control, {}).update({name: float(score) for name, score in of_control.items()})
    return merged

"""How samples stand to a list of all the photos that there are: the exact counterpart of comparing two sets of images.

`photos` is such a list, uint8 (L, H, W, C), all equally likely, no two alike; `pictures` are uint8 (N, H, W, C). Each
picture is held against the whole list, so nothing here is estimated but what a finite number of samples leaves open,
and for that there is a formula.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

_ROWS = 256
"""Pictures at a time: the distances of all at once to a long list would need gigabytes."""
_ROUNDING = 1e-9
"""Of a sum of weights: half of them are half of them."""


@dataclass(frozen=True)
class Nearest:
    """For each of N pictures the photo of the list that it is nearest to."""

    numbers: np.ndarray
    """(N,) int64: its place in the list."""
    distance: np.ndarray
    """(N,) float64: root of the mean squared difference to it, over pixels and colours, intensities in [0, 1]."""


class Listed:
    """A list of photos, prepared once for being searched.

    Most values of a photo repeat others: all pixels of the sky have one colour. Values that are equal to each other in
    every photo of the list are one column here, so that a search multiplies hundreds of columns and not thousands; the
    distances are the same.
    """

    def __init__(self, photos: np.ndarray):
        values = np.ascontiguousarray(photos.reshape(len(photos), -1).T)
        first: dict[bytes, int] = {}
        self.group = np.array([first.setdefault(row.tobytes(), len(first)) for row in values])
        """(H W C,): the column that each value of a photo belongs to."""
        chosen = [np.flatnonzero(self.group == g)[0] for g in range(len(first))]
        self.columns = values[chosen].T.astype(np.float32) / np.float32(255)
        """(L, G) float32 in [0, 1]."""
        self.sizes = np.bincount(self.group).astype(np.float32)
        self.shape = photos.shape[1:]

    def __len__(self) -> int:
        return len(self.columns)

    def nearest(self, pictures: np.ndarray) -> Nearest:
        """The photo of the list that each picture is nearest to, by squared error, in single precision.

        Scores take `search.Search`, which is exact: here photos that are equally near but for rounding are told apart
        by the processor.

        Formula: argmin over i of Σ (x − yᵢ)². Args: uint8 (N, H, W, C). Range of the distance: 0 to 1.
        Source: exhaustive search. Blind spot: a picture between two photos, such as their mean, counts for one of them;
        its distance tells.
        """
        _check(pictures, self.shape)
        squares = (self.columns**2 @ self.sizes)[None]
        numbers, distance = [], []
        for piece in np.array_split(pictures, range(_ROWS, len(pictures), _ROWS)):
            x = piece.reshape(len(piece), -1).astype(np.float64) / 255
            sums = np.stack([np.bincount(self.group, row, len(self.sizes)) for row in x]).astype(np.float32)
            found = (squares - 2 * sums @ self.columns.T).argmin(axis=1)
            nearest = self.columns[found][:, self.group].astype(np.float64)
            numbers.append(found)
            distance.append(np.sqrt(np.square(x - nearest).mean(axis=1)))
        return Nearest(np.concatenate(numbers), np.concatenate(distance))

    def mixture(self, weights: np.ndarray) -> np.ndarray:
        """Means of the list's photos under weights (N, L) that sum to 1, float64 (N, H, W, C) in [0, 1].

        With the posterior p(photo | code) for weights it is E[photo | code], which no decoder is nearer than in squared
        error.
        """
        means = weights @ self.columns.astype(np.float64)
        return means[:, self.group].reshape(len(weights), *self.shape)

    def median(self, weights: np.ndarray) -> np.ndarray:
        """Medians of the list's photos under weights (N, L) that sum to 1, float64 (N, H, W, C) in [0, 1].

        For each value of a photo the smallest of which at least half of the weight lies at or below. With the posterior
        p(photo | code) no decoder is nearer in absolute error.
        """
        medians = np.empty((len(weights), len(self.sizes)))
        for g, column in enumerate(self.columns.T):
            values, place = np.unique(column, return_inverse=True)
            shares = weights @ np.eye(len(values))[place]
            below = np.cumsum(shares, axis=1) >= 0.5 - _ROUNDING
            medians[:, g] = values[below.argmax(axis=1)]
        return medians[:, self.group].reshape(len(weights), *self.shape)

    def mean_square(self, weights: np.ndarray) -> np.ndarray:
        """E‖photo‖² under weights (N, L) that sum to 1, the mean over pixels and colours, (N,).

        Less the mean square of `mixture`, it is the variance of the photos that share a code: what the best decoder
        still gets wrong, the minimum mean squared error.
        """
        return weights @ (self.columns.astype(np.float64) ** 2 @ self.sizes.astype(np.float64)) / len(self.group)


def posterior(codes: np.ndarray, mean: np.ndarray, log_var: np.ndarray) -> np.ndarray:
    """p(photo | code) of a Gaussian encoder over a list of equally likely photos, exactly, float64 (N, L).

    Formula: Bayes' rule, N(z; meanᵢ, exp(log_varᵢ)) over its sum over all i. Units: none; rows sum to 1.
    Args: codes (N, D); mean, log_var (L, D) of q(z | photo), of every photo of the list.
    Source: Bayes; that this posterior's mean is the optimal decoder: Rybkin et al. 2021, appendix A, for squared error.
    """
    precision = np.exp(-log_var.astype(np.float64))
    mean, z = mean.astype(np.float64), codes.astype(np.float64)
    quadratic = z**2 @ precision.T - 2 * z @ (mean * precision).T + (mean**2 * precision).sum(axis=1)
    log_density = -(quadratic + log_var.sum(axis=1, dtype=np.float64)) / 2
    density = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    return density / density.sum(axis=1, keepdims=True)


def perplexity(weights: np.ndarray) -> np.ndarray:
    """How many photos share a code: exp of the entropy of each row of weights (N, L), (N,), from 1 to L."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(weights > 0, weights * np.log(weights), 0)
    return np.exp(-terms.sum(axis=1))


def support_share(nearest: Nearest, tolerance: float) -> float:
    """Share of pictures that are a photo of the list, within a tolerance. Larger is better; real photos have 1.

    Formula: mean of (distance ≤ tolerance). Units: none. Range: 0 to 1. Source: the precision of a sample set in the
    sense of Sajjadi et al. 2018, with the support listed instead of estimated. Blind spot: one photo again and again
    has 1; read it beside `distinct_share`.
    """
    return float((nearest.distance <= tolerance).mean())


def distinct_share(nearest: Nearest, n_listed: int) -> float:
    """Different photos that the pictures show, over those that the same number of perfect samples shows on average.

    Formula: distinct numbers / L (1 − (1 − 1 / L)ᴺ). Units: none. Range: from about 0; perfect samples have 1 on
    average. Source: linearity of expectation. Blind spot: noise is near to many photos; read it beside
    `support_share`.
    """
    n = len(nearest.numbers)
    return float(len(np.unique(nearest.numbers)) / (-n_listed * np.expm1(n * np.log1p(-1 / n_listed))))


def total_variation(classes: np.ndarray, probabilities: np.ndarray) -> float:
    """How far shares of classes are from true probabilities, 0 to 1. Smaller is closer.

    Formula: ½ Σ |q − p|, q the share of the N pictures in each class, p (M,) its probability. Units: none: the chance
    that is assigned wrongly. Args: classes (N,), whole numbers below M. Source: total variation distance.
    Blind spot: perfect samples have about √(M / 2πN) and not 0; compare with `expected_total_variation`.
    """
    shares = np.bincount(classes, minlength=len(probabilities)) / len(classes)
    return float(np.abs(shares - probabilities).sum() / 2)


def expected_total_variation(probabilities: np.ndarray, n: int) -> float:
    """What `total_variation` of n perfect samples is on average: half the sum of mean deviations of binomials, exactly.

    Formula: E|k − n p| = 2 m C(n, m) pᵐ (1 − p)ⁿ⁻ᵐ⁺¹ with m = ⌊n p⌋ + 1. Units: none. Range: 0 to 1.
    Source: De Moivre 1730. Blind spot: none, it is exact.
    """
    p = np.asarray(probabilities, float)
    m = np.floor(n * p) + 1
    deviation = 2 * m * (1 - p) * stats.binom.pmf(m, n, p)
    return float(deviation.sum() / (2 * n))


def _check(pictures: np.ndarray, shape: tuple[int, ...]) -> None:
    if pictures.dtype != np.uint8 or pictures.shape[1:] != shape or not len(pictures):
        raise ValueError(
            f"pictures is {pictures.dtype} {pictures.shape}, expected uint8 (N, {', '.join(map(str, shape))}), N > 0; "
            "hand over pictures of the size of the list's"
        )

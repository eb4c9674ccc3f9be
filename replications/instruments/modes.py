"""Which modes does a set of images show, and how often? From what a reader of labels says of each image.

A *mode* is a combination of classes, one for each head of the reader (`classification`): the wall's colour × the sky's
shade …, or a digit. `predictions` is what `classification.predict` gives: head → probabilities (N, classes), the
most significant head first. N images, M modes.

Known blind spots of all of them: an image counts for the mode it resembles most, so noise or a blend of two modes
covers modes as well; read `confidence` beside them. What happens within a mode is not seen: one and the same image for
each mode is full coverage. And the reader's own errors count: real test images give the ceiling.
"""

import numpy as np


def mode_numbers(predictions: dict[str, np.ndarray]) -> np.ndarray:
    """The mode of each image, int64 (N,), from 0 to M − 1: the most probable class of each head, read as digits.

    For heads wall_colour, sky_shade, door_colour, mullion these are the numbers of `world.mode_of`.
    """
    _check_predictions(predictions)
    classes = tuple(probabilities.argmax(axis=1) for probabilities in predictions.values())
    sizes = [probabilities.shape[1] for probabilities in predictions.values()]
    return np.asarray(np.ravel_multi_index(classes, sizes))


def modes_covered(modes: np.ndarray) -> int:
    """How many distinct modes the images show. Larger is more.

    Formula: number of distinct values of `modes` (N,), from `mode_numbers`. Units: modes. Range: 1 to min(N, M).
    Source: Metz et al. 2017 (unrolled GANs), section 3.3.1; table 1 of Srivastava et al. 2017 (VEEGAN).
    Blind spot: it grows with N, and even perfect samples do not show all modes: compare with `expected_modes` at the
    same N. A single misread image adds a mode.
    """
    return len(np.unique(_check_modes(modes)))


def mode_entropy(modes: np.ndarray) -> float:
    """How evenly the images are spread over modes. Larger is more even.

    Formula: −Σ q log q, q the share of the N images in each mode. Units: nats. Range: 0 (one mode) to log min(N, M).
    Source: Shannon 1948, of the empirical histogram, without correction.
    Blind spot: it ignores which modes they are, and evenness is not truth: where the true shares are uneven, those of
    the images should be, too (`kl_to_true`). Few images bias it downwards, by about (M − 1) / 2N.
    """
    counts = np.unique(_check_modes(modes), return_counts=True)[1]
    shares = counts / counts.sum()
    return float(max(0.0, -(shares * np.log(shares)).sum()))


def kl_to_true(modes: np.ndarray, probabilities: np.ndarray) -> float:
    """How far the images' modes are from the true distribution of modes. Smaller is closer.

    Formula: KL(q ‖ p) = Σ q log(q / p), q the share of the N images in each mode and p its true probability (M,).
    Units: nats. Range: [0, −log min p]; infinite where an image shows a mode that cannot occur.
    Source: the "KL" beside the modes in Srivastava et al. 2017 (VEEGAN), section 4.1, and Lin et al. 2018 (PacGAN),
    section 4; p is uniform there, since digits are stacked at random.
    Blind spot: a dropped mode costs only what its share adds to the others: half of M equal modes gives log 2. Few
    images raise it, by about (M − 1) / 2N even for perfect samples; compare at one N.
    """
    p = _check_probabilities(probabilities)
    modes = _check_modes(modes, len(p))
    shares = np.bincount(modes, minlength=len(p)) / len(modes)
    shown = shares > 0
    with np.errstate(divide="ignore"):
        return float(max(0.0, (shares[shown] * np.log(shares[shown] / p[shown])).sum()))


def expected_modes(probabilities: np.ndarray, n: int) -> float:
    """How many distinct modes `n` perfect samples show on average: what `modes_covered` is to be compared with.

    Formula: Σ 1 − (1 − p)ⁿ over the modes' probabilities (M,); exact. Units: modes. Range: 1 to min(n, M).
    Source: linearity of expectation. Blind spot: it knows no errors of the reader; the real test images' modes do.
    """
    if n < 1:
        raise ValueError(f"n = {n}, expected at least one sample; hand over the number of images")
    return float((1 - (1 - _check_probabilities(probabilities)) ** n).sum())


def confidence(predictions: dict[str, np.ndarray]) -> float:
    """How sure the reader is of what it reads. Larger is surer.

    Formula: mean over the images of the product over the heads of the highest probability. Units: none.
    Range: (0, 1], at least the product of 1 / classes.
    Source: a number of our own, in place of the quality that Inception's score mixes with variety.
    Blind spot: nets are sure of much that they have never seen; only a low value says something, compared with that of
    real test images.
    """
    _check_predictions(predictions)
    return float(np.prod([probabilities.max(axis=1) for probabilities in predictions.values()], axis=0).mean())


def _check_predictions(predictions: dict[str, np.ndarray]) -> None:
    if not predictions:
        raise ValueError("predictions is empty, expected at least one head; make it with classification.predict")
    counts = {head: len(probabilities) for head, probabilities in predictions.items()}
    for head, probabilities in predictions.items():
        if np.ndim(probabilities) != 2 or np.size(probabilities) == 0 or len(set(counts.values())) > 1:
            raise ValueError(
                f"predictions[{head!r}] has shape {np.shape(probabilities)} beside {counts} images, expected "
                "(N, classes) with the same N > 0 for every head; make them with one call of classification.predict"
            )
        # `not (… and …)` so that a NaN is caught as well. The tolerance lets float32 rounding by.
        if not (np.min(probabilities) >= 0 and np.allclose(np.sum(probabilities, axis=1), 1, atol=1e-5)):
            raise ValueError(
                f"predictions[{head!r}] holds rows that are no probabilities, expected values from 0 that sum to 1; "
                "hand over what classification.predict gives"
            )


def _check_modes(modes: np.ndarray, n_modes: int | None = None) -> np.ndarray:
    modes = np.asarray(modes)
    if modes.ndim != 1 or modes.size == 0 or not np.issubdtype(modes.dtype, np.integer):
        raise ValueError(
            f"modes has shape {modes.shape} and type {modes.dtype}, expected whole numbers (N,), N > 0; "
            "make them with mode_numbers"
        )
    if modes.min() < 0 or (n_modes is not None and modes.max() >= n_modes):
        highest = "" if n_modes is None else f" to {n_modes - 1}, the modes that have a probability"
        raise ValueError(
            f"modes has values from {modes.min()} to {modes.max()}, expected numbers from 0{highest}; "
            "make them with mode_numbers, by the reader of this data set"
        )
    return modes


def _check_probabilities(probabilities: np.ndarray) -> np.ndarray:
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 1 or p.size == 0 or not (p.min() >= 0 and abs(p.sum() - 1) < 1e-6):
        raise ValueError(
            f"probabilities has shape {p.shape} and sum {p.sum()}, expected (M,) from 0 that sum to 1; "
            "divide weights by their sum"
        )
    return p

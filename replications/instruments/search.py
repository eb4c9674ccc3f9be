"""Which photo of a list a picture is nearest to, exactly: the same answer on every processor.

Intensities are whole numbers from 0 to 255, and so are sums of their products. In double precision all of them are
exact below 2⁵³, in whatever order a processor adds them, so that a tie between two photos is a tie everywhere. In
single precision each kind of processor rounds another way, and another photo comes out.
"""

import numpy as np

from replications.instruments.listed import _ROWS, Listed, Nearest, _check


class Search:
    """A list of photos, prepared once for being searched."""

    def __init__(self, every: Listed):
        self.every = every
        self.values = np.rint(every.columns.astype(np.float64) * 255)
        """(L, G): whole numbers; G columns stand for the values of a photo that repeat each other in all of them."""
        self.sizes = every.sizes.astype(np.float64)
        self.squares = self.values**2 @ self.sizes

    def nearest(self, pictures: np.ndarray) -> Nearest:
        """The photo of the list that each picture is nearest to, by squared error; of equally near ones the first.

        Formula: argmin over i of Σ (x − yᵢ)². Args: uint8 (N, H, W, C). Range of the distance: 0 to 1.
        Source: exhaustive search. Blind spot: a picture between two photos, such as their mean, counts for one of them;
        its distance tells.
        """
        _check(pictures, self.every.shape)
        numbers, squared = [], []
        for piece in np.array_split(pictures, range(_ROWS, len(pictures), _ROWS)):
            x = piece.reshape(len(piece), -1).astype(np.float64)
            sums = np.stack([np.bincount(self.every.group, row, len(self.sizes)) for row in x])
            apart = self.squares - 2 * sums @ self.values.T
            found = apart.argmin(axis=1)
            numbers.append(found)
            squared.append((x**2).sum(axis=1) + apart[np.arange(len(found)), found])
        distance = np.sqrt(np.concatenate(squared) / pictures[0].size) / 255
        return Nearest(np.concatenate(numbers), distance)

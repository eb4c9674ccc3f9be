"""A procedural world of street facades whose conditional distribution is known exactly.

A *label map* says what stands where (sky, roof, wall, window, door, ground). A *photo* is a deterministic function of
the map and of independent discrete factors: wall colour, brick phase, mullion style, door colour, sky shade, how far
the shadow of the house next door reaches, and lit or dark for every window. So p(photo | map) is a finite list, and its
mean, median, support and diversity are computed here, not estimated. The map does not tell where the shadow ends: an
*edge* is uncertain, and not colours alone. Two classes, roof and ground, carry a fine texture that depends on no
factor: whatever is blurred there is not blurred by averaging.

Axes: N images, H × W pixels, C = 3 colours, K candidate colours of a pixel. Photos are uint8 on disk; everything
analytic is float64 in [0, 1]. Every factor's weights are integers with an odd total: no cumulative probability of any
product of them is exactly 1/2, hence every conditional median is unique.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

CLASSES = ("sky", "roof", "wall", "window", "door", "ground")
SKY, ROOF, WALL, WINDOW, DOOR, GROUND = range(6)
PALETTE = np.array(
    [[0, 170, 255], [255, 85, 0], [0, 0, 170], [255, 255, 0], [170, 0, 0], [85, 255, 170]], dtype=np.uint8
)
"""RGB code of each class in a label map shown, or fed to a network, as a picture (6, 3)."""

MAX_WINDOWS = 12
SIZES = (32, 64)
COURSE_HEIGHT, BRICK_LENGTH = 5, 9
"""Pixels, joint included. Both odd, and so is the number of brick phases."""
N_BRICK_PHASES = COURSE_HEIGHT * BRICK_LENGTH
JOINT_PHASES = COURSE_HEIGHT + BRICK_LENGTH - 1
"""In so many of the N_BRICK_PHASES phases a wall pixel is mortar, wherever it is: a whole row of a course, and one
column of each of the other rows."""

SKY_SHADES = np.array([[135, 190, 235], [190, 195, 200], [240, 175, 140]], dtype=np.uint8)
SKY_WEIGHTS = np.array([4, 3, 2])
WALL_COLOURS = np.array([[165, 70, 55], [205, 165, 95], [95, 115, 140], [225, 215, 195]], dtype=np.uint8)
WALL_WEIGHTS = np.array([7, 5, 4, 3])
MORTAR_COLOURS = np.array([[220, 205, 190], [135, 100, 50], [185, 195, 205], [165, 150, 130]], dtype=np.uint8)
"""The joint between the bricks of each wall colour."""
SHADOW_EDGES = np.array([9, 11, 13, 15, 17, 19, 21])
"""Columns of 32, all equally likely: left of one of them the wall lies in the shadow. Every wall begins left of them
and ends right of them."""
SHADE = 0.6
"""What the shadow leaves of a colour."""
DOOR_COLOURS = np.array([[40, 90, 60], [90, 55, 30], [60, 60, 130]], dtype=np.uint8)
DOOR_WEIGHTS = np.array([4, 3, 2])
MULLIONS = ("none", "vertical", "cross")
MULLION_WEIGHTS = np.array([1, 1, 1])
MULLION_COLOUR = np.array([240, 240, 235], dtype=np.uint8)
WINDOW_COLOURS = np.array([[45, 55, 75], [250, 215, 120]], dtype=np.uint8)
"""A window dark, and lit."""
LIT_WEIGHTS = np.array([3, 2])
ROOF_COLOURS = np.array([[95, 60, 60], [145, 95, 85]], dtype=np.uint8)
GROUND_COLOURS = np.array([[150, 150, 145], [95, 95, 95]], dtype=np.uint8)

N_MODES = len(WALL_COLOURS) * len(SKY_SHADES) * len(DOOR_COLOURS) * len(MULLIONS)
"""108: wall colour × sky shade × door colour × mullion style. Bricks, shadow and lit windows vary within a mode."""


def sample(rng: np.random.Generator, n: int, size: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Draws `n` label maps (n, size, size) uint8 and the factors of their photos, each uint8 with `n` rows.

    `lit` is (n, MAX_WINDOWS): 0 dark, 1 lit, 255 where the map has no such window; windows count in reading order.
    """
    _check_size(size)
    labels = np.stack([_sample_map(rng, size) for _ in range(n)])
    return labels, sample_factors(rng, labels)


def sample_factors(rng: np.random.Generator, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Draws the factors of one photo for each of the label maps (N, H, W), from p(factors | map)."""
    n = len(labels)

    def draw(weights: np.ndarray, shape=None) -> np.ndarray:
        shape = n if shape is None else shape
        return rng.choice(len(weights), size=shape, p=weights / weights.sum()).astype(np.uint8)

    factors = {
        "wall_colour": draw(WALL_WEIGHTS),
        "brick_phase": draw(np.ones(N_BRICK_PHASES)),
        "mullion": draw(MULLION_WEIGHTS),
        "door_colour": draw(DOOR_WEIGHTS),
        "sky_shade": draw(SKY_WEIGHTS),
        "lit": draw(LIT_WEIGHTS, (n, MAX_WINDOWS)),
        "shadow": draw(np.ones(len(SHADOW_EDGES))),
    }
    n_windows = np.array([ndimage.label(one == WINDOW)[1] for one in labels])
    factors["lit"][np.arange(MAX_WINDOWS) >= n_windows[:, None]] = 255
    return factors


def render(labels: np.ndarray, factors: dict[str, np.ndarray]) -> np.ndarray:
    """The photos (N, H, W, 3) uint8 of the label maps (N, H, W) under `factors`: deterministic, one photo each."""
    photos = np.empty((*labels.shape, 3), dtype=np.uint8)
    for i, one in enumerate(labels):
        windows, n_windows = ndimage.label(one == WINDOW)
        lit = np.concatenate([[0], factors["lit"][i, :n_windows]])
        photos[i] = _unambiguous(one)
        photos[i][one == SKY] = SKY_SHADES[factors["sky_shade"][i]]
        photos[i][one == DOOR] = DOOR_COLOURS[factors["door_colour"][i]]
        wall = _brick_wall(one.shape[0], factors["wall_colour"][i], factors["brick_phase"][i])
        wall = np.where(_shaded(one.shape[0])[factors["shadow"][i]][:, None], _in_shadow(wall), wall)
        photos[i] = np.where((one == WALL)[..., None], wall, photos[i])
        pane = WINDOW_COLOURS[lit[windows]]
        pane[_mullions(windows, factors["mullion"][i])] = MULLION_COLOUR
        photos[i] = np.where((one == WINDOW)[..., None], pane, photos[i])
    return photos


@dataclass(frozen=True)
class Conditional:
    """The exact p(photo | map), pixel by pixel, for one label map (H, W).

    Attributes:
        colours: (K, H, W, 3) float64 in [0, 1], the colours that a pixel can have.
        probabilities: (K, H, W), their probabilities; they sum to 1 over K, unused places are 0.

    All expectations over pixels (floors, diversity) need only these marginals, since an expected sum is a sum of
    expectations, however strongly the pixels depend on each other.
    """

    colours: np.ndarray
    probabilities: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """E[photo | map], (H, W, 3): what minimises the expected squared error (L2)."""
        return np.einsum("khw,khwc->hwc", self.probabilities, self.colours)

    @property
    def median(self) -> np.ndarray:
        """The median of each pixel and channel, (H, W, 3): what minimises the expected absolute error (L1)."""
        order = np.argsort(self.colours, axis=0, kind="stable")
        weights = np.broadcast_to(self.probabilities[..., None], self.colours.shape)
        cumulative = np.cumsum(np.take_along_axis(weights, order, axis=0), axis=0)
        first_past_half = np.argmax(cumulative > 0.5, axis=0)[None]
        return np.take_along_axis(np.take_along_axis(self.colours, order, 0), first_past_half, 0)[0]

    @property
    def l1_floor(self) -> float:
        """Minimum over all outputs of E|photo − output|, mean over pixels and channels: the median's error."""
        return float(self.expected_l1(self.median))

    @property
    def l2_floor(self) -> float:
        """Minimum over all outputs of E(photo − output)², mean over pixels and channels: the conditional variance."""
        squares = (self.colours - self.mean) ** 2
        return float(np.einsum("khw,khwc->", self.probabilities, squares) / self.mean.size)

    @property
    def diversity(self) -> float:
        """E|photo − photo′| of two independent photos of this map (Gini's mean difference), mean over pixels."""
        p, x = self.probabilities, self.colours
        return float(sum(p_k[..., None] * self.expected_l1_map(x_k) for p_k, x_k in zip(p, x, strict=True)).mean())  # pyright: ignore[reportAttributeAccessIssue]  # no map is without classes

    @property
    def uncertain(self) -> np.ndarray:
        """(H, W) bool: where the map leaves more than one colour possible."""
        return self.distance_to_support(self.mean) > 1e-9

    def expected_l1_map(self, output: np.ndarray) -> np.ndarray:
        """E|photo − output| per pixel and channel, (H, W, 3)."""
        return np.einsum("khw,khwc->hwc", self.probabilities, np.abs(self.colours - output))

    def expected_l1(self, output: np.ndarray) -> float:
        """E|photo − output|, mean over pixels and channels."""
        return float(self.expected_l1_map(output).mean())

    def distance_to_support(self, output: np.ndarray) -> np.ndarray:
        """(H, W): mean absolute difference over channels to the nearest colour that the pixel can have."""
        distance = np.abs(self.colours - output).mean(axis=-1)
        return np.where(self.probabilities > 0, distance, np.inf).min(axis=0)


def conditional(labels: np.ndarray) -> Conditional:
    """The exact distribution of photos of one label map (H, W), by listing each pixel's candidates."""
    K = 4 * len(WALL_COLOURS)
    colours = np.repeat(_unambiguous(labels)[None], K, axis=0)
    probabilities = np.zeros((K, *labels.shape))
    probabilities[0] = 1

    def fill(cls: int, candidates: list[np.ndarray], weights: np.ndarray) -> None:
        """Weights (candidates,) of every pixel of a class, or (candidates, W) of its columns."""
        here = labels == cls
        of_columns = (weights / weights.sum(axis=0)).reshape(len(weights), 1, -1)
        shares = np.broadcast_to(of_columns, (len(weights), *labels.shape))
        for k in range(K):
            used = k < len(candidates)
            probabilities[k][here] = shares[k][here] if used else 0
            if used:
                colours[k][here] = np.broadcast_to(candidates[k], (*labels.shape, 3))[here]

    fill(SKY, list(SKY_SHADES), SKY_WEIGHTS)
    fill(DOOR, list(DOOR_COLOURS), DOOR_WEIGHTS)
    brick_or_joint = [N_BRICK_PHASES - JOINT_PHASES, JOINT_PHASES]
    of_wall = np.concatenate([WALL_COLOURS, MORTAR_COLOURS])
    in_shadow = _shaded(labels.shape[1]).sum(axis=0)  # for each column, in so many of the shadows
    in_light_or_shadow = np.stack([len(SHADOW_EDGES) - in_shadow, in_shadow])
    of_colour = np.outer(brick_or_joint, WALL_WEIGHTS).ravel()
    fill(
        WALL,
        [*of_wall, *_in_shadow(of_wall)],
        np.einsum("sw,c->scw", in_light_or_shadow, of_colour).reshape(-1, labels.shape[1]),
    )
    windows, _ = ndimage.label(labels == WINDOW)
    panes = []
    for style in range(len(MULLIONS)):
        for colour in WINDOW_COLOURS:
            pane = np.broadcast_to(colour, (*labels.shape, 3)).copy()
            pane[_mullions(windows, style)] = MULLION_COLOUR
            panes.append(pane)
    fill(WINDOW, panes, np.outer(MULLION_WEIGHTS, LIT_WEIGHTS).ravel())
    return Conditional(colours / 255.0, probabilities)


def mode_of(factors: dict[str, np.ndarray]) -> np.ndarray:
    """The mode's number of each photo, (N,) in 0 … N_MODES − 1, from its factors."""
    mode = factors["wall_colour"].astype(np.int64)
    for name, n in (
        ("sky_shade", len(SKY_SHADES)),
        ("door_colour", len(DOOR_COLOURS)),
        ("mullion", len(MULLIONS)),
    ):
        mode = mode * n + factors[name]
    return mode


def mode_probabilities() -> np.ndarray:
    """(N_MODES,): the probability of every mode, in the order of `mode_of`."""
    p = np.ones(1)
    for weights in (WALL_WEIGHTS, SKY_WEIGHTS, DOOR_WEIGHTS, MULLION_WEIGHTS):
        p = np.outer(p, weights / weights.sum()).ravel()
    return p


def factor_entropy(labels: np.ndarray) -> np.ndarray:
    """H(photo | map) in nats of each label map (N, H, W), exactly: what an image tells beside its layout, (N,).

    The entropies of the factors that are visible on the map, which are independent, add up: two sets of their values
    never give the same photo (a test renders them).
    """

    def entropy(weights: np.ndarray) -> float:
        p = weights / weights.sum()
        return float(-(p * np.log(p)).sum())

    def visible(cls: int) -> np.ndarray:
        return (labels == cls).any(axis=(1, 2))

    n_windows = np.array([ndimage.label(one == WINDOW)[1] for one in labels])
    wall = entropy(WALL_WEIGHTS) + np.log(N_BRICK_PHASES) + np.log(len(SHADOW_EDGES))
    windows = n_windows * entropy(LIT_WEIGHTS) + (n_windows > 0) * entropy(MULLION_WEIGHTS)
    sky, door = (visible(cls) * entropy(weights) for cls, weights in ((SKY, SKY_WEIGHTS), (DOOR, DOOR_WEIGHTS)))
    return visible(WALL) * wall + windows + sky + door


def _sample_map(rng: np.random.Generator, size: int) -> np.ndarray:
    """One label map, laid out on a grid of 32 units and enlarged to `size`: both sizes share their layouts."""
    grid = np.full((32, 32), SKY, dtype=np.uint8)
    left, right = rng.integers(0, 5), 32 - rng.integers(0, 5)
    roof, roof_height, ground = rng.integers(1, 6), rng.integers(2, 5), 32 - rng.integers(3, 5)
    top = roof + roof_height
    grid[roof:top, left:right] = ROOF
    grid[top:ground, left:right] = WALL
    grid[ground:] = GROUND
    door_height, door_x = rng.integers(6, 8), rng.integers(left + 1, right - 6)
    grid[ground - door_height : ground, door_x : door_x + 5] = DOOR
    width, height = rng.choice([3, 5]), rng.choice([3, 5])
    pitch_x, pitch_y = width + rng.integers(2, 4), height + rng.integers(2, 4)
    columns = min(4, (right - left - 1) // pitch_x)
    floors = min(3, (ground - top - 1) // pitch_y)
    margin = (right - left - (columns * pitch_x - (pitch_x - width))) // 2
    for floor in range(floors):
        for column in range(columns):
            y, x = top + 1 + floor * pitch_y, left + margin + column * pitch_x
            free = (grid[y - 1 : y + height + 1, x - 1 : x + width + 1] == WALL).all()
            if free and y + height < ground and rng.random() < 0.9:
                grid[y : y + height, x : x + width] = WINDOW
    scale = size // 32
    return np.kron(grid, np.ones((scale, scale), dtype=np.uint8))


def _unambiguous(labels: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: roof tiles and paving, which depend on the position alone; 0 elsewhere."""
    unit = labels.shape[0] // 32
    y, x = np.indices(labels.shape) // unit
    photo = np.zeros((*labels.shape, 3), dtype=np.uint8)
    photo = np.where((labels == ROOF)[..., None], ROOF_COLOURS[(x + y) % 2], photo)
    return np.where((labels == GROUND)[..., None], GROUND_COLOURS[((x % 4 == 0) | (y % 4 == 0)) * 1], photo)


def _brick_wall(size: int, wall_colour: int, phase: int) -> np.ndarray:
    """(size, size, 3) uint8: bricks in running bond; `phase` shifts them down and to the right independently."""
    shift_x, shift_y = divmod(int(phase), COURSE_HEIGHT)
    y, x = np.indices((size, size))
    y, x = y + shift_y, x + shift_x
    stagger = (y // COURSE_HEIGHT % 2) * (BRICK_LENGTH // 2)
    joint = (y % COURSE_HEIGHT == 0) | ((x + stagger) % BRICK_LENGTH == 0)
    return np.where(joint[..., None], MORTAR_COLOURS[wall_colour], WALL_COLOURS[wall_colour])


def _shaded(size: int) -> np.ndarray:
    """(shadows, size) bool: the columns that lie in each shadow."""
    return np.arange(size) // (size // 32) < SHADOW_EDGES[:, None]


def _in_shadow(colours: np.ndarray) -> np.ndarray:
    """Colours (…, 3) uint8 as the shadow shows them."""
    return np.rint(SHADE * colours).astype(np.uint8)


def _mullions(windows: np.ndarray, style: int) -> np.ndarray:
    """(H, W) bool: the bars of every window; `windows` numbers the windows' pixels from 1 (0: none)."""
    bars = np.zeros(windows.shape, dtype=bool)
    thickness = windows.shape[0] // 32
    for rows, columns in ndimage.find_objects(windows):
        middle_y = (rows.start + rows.stop - thickness) // 2
        middle_x = (columns.start + columns.stop - thickness) // 2
        if MULLIONS[style] in ("vertical", "cross"):
            bars[rows, middle_x : middle_x + thickness] = True
        if MULLIONS[style] == "cross":
            bars[middle_y : middle_y + thickness, columns] = True
    return bars


def _check_size(size: int) -> None:
    if size not in SIZES:
        raise ValueError(f"size {size}: the world is drawn at {SIZES} pixels; choose one of these")

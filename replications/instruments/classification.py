"""Classification: a net that has only ever seen real photos names what is in an output: the *reader of labels*.

A small convolutional net with one head for each label (the wall's colour, the sky's shade, a digit …) learns photo →
labels on real training images only. What it reads off generated images says which modes they show (`modes`), and its
hidden layer is the space in which two sets of images are compared (`distribution`). Its accuracy on real test images
is the ceiling: an output cannot be expected to be more readable than a photo.

Source: the classifier that counts the modes of stacked MNIST in Metz et al. 2017 (unrolled GANs), section 3.3.1, and
Srivastava et al. 2017 (VEEGAN), section 4.1; features of a net trained on the data at hand in place of Inception's,
which has seen photographs of 299 pixels. Axes: N images, H rows, W columns, F features. Keras is imported when a net
is needed, not before.

Known blind spots: it answers whatever it is shown, noise included, so read the confidence beside the answers; it may go
by flat colour, so a blurred image can be read as well as a sharp one; what no label names, it has not learnt to see.
"""

# Keras annotates its parameters with the type of their default only.
# pyright: reportArgumentType=false

import numpy as np

from replications.errors import Diverged
from replications.instruments import recognition

# Feature maps of the convolutions, in multiples of `channels`: each halves the sides, so 32 pixels become 4.
_WIDTHS = (1, 2, 4)
FEATURES = 128
"""F: units of the hidden layer."""
# Of the running means that the batch normalisation reads with: a few hundred steps must do (Keras: 0.99).
_MOMENTUM = 0.9
_SHIFT = 2
"""Training photos are moved by so many pixels at most in each direction: to have something in another place is not to
be something else. They are never mirrored, because a digit must not be."""
_PIECE = 256
_HEAD = "classifier_head_"


def train_classifier(
    photos: np.ndarray,
    labels: dict[str, np.ndarray],
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    channels: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Train a reader of labels on real photos and return its weights.

    Sum over the heads of their cross-entropies, Adam with a rate that falls to zero along half a cosine, photos shifted
    at random. Everything random is seeded, so the same seed gives the same bytes on the same kind of processor with the
    same number of threads. Sets the process-wide random state and, with TensorFlow, deterministic operations: give it a
    process of its own.

    Args:
        photos: uint8 (N, H, W, 3), real training images.
        labels: head → uint8 (N,), classes from 0; the highest that occurs says how many there are.
        epochs: passes over the photos.
        batch_size: images per step.
        learning_rate: of Adam, at the start.
        channels: feature maps of the first layer; the others have twice and four times as many.
        seed: of the weights, the order and the shifts.
    """
    keras = recognition._keras()
    photos = recognition._check_photos(photos)
    labels = _check_labels(labels, len(photos))
    backend = keras.backend.backend()
    keras.utils.set_random_seed(seed)
    if backend == "tensorflow":
        import tensorflow

        tensorflow.config.experimental.enable_op_determinism()

    n_classes = {head: int(values.max()) + 1 for head, values in labels.items()}
    classifier, _ = _build_classifier(photos.shape[1:3], n_classes, channels, seed)
    steps = epochs * -(-len(photos) // batch_size)
    classifier.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(learning_rate, steps)),
        [keras.losses.SparseCategoricalCrossentropy(from_logits=True) for _ in labels],
        jit_compile=backend == "jax",  # JAX is slow without, TensorFlow on a CPU slow with
    )
    classifier.optimizer.build(
        classifier.trainable_variables
    )  # else the first step makes its slots, and is traced twice
    rng = np.random.default_rng(seed)
    for epoch in range(epochs):
        order = rng.permutation(len(photos))
        x, y = _shifted(photos[order], rng), [values[order] for values in labels.values()]
        fitted = classifier.fit(x, y, batch_size=batch_size, shuffle=False, verbose=0)
        if not np.isfinite(loss := fitted.history["loss"][-1]):
            raise Diverged(
                f"the reader's loss became {loss} with seed {seed} in epoch {epoch + 1} of {epochs}; "
                f"lower learning_rate (now {learning_rate})"
            )
    return {weight.path: value for weight, value in zip(classifier.weights, classifier.get_weights(), strict=True)}


def predict(weights: dict[str, np.ndarray], photos: np.ndarray) -> dict[str, np.ndarray]:
    """Probabilities of the classes of every head, float64 (N, classes), for `photos`, uint8 (N, H, W, 3).

    Heads come in the order in which they were trained; photos must have the size that the reader was trained on.
    """
    classifier, _ = _restore(weights, photos)
    return {head: _softmax(scores) for head, scores in zip(_heads(weights), _run(classifier, photos), strict=True)}


def features(weights: dict[str, np.ndarray], photos: np.ndarray) -> np.ndarray:
    """The hidden layer, float32 (N, F), for `photos`, uint8 (N, H, W, 3), of the size that was trained on."""
    _, hidden = _restore(weights, photos)
    return _run(hidden, photos)[0]


def accuracy(probabilities: dict[str, np.ndarray], labels: dict[str, np.ndarray]) -> dict[str, float]:
    """How often a reader is right: on real test images, the ceiling of what it can find in outputs.

    Formula: accuracy_HEAD = share of the images whose most probable class is the true one; joint_accuracy = share of
    those where every head is right. Units: none. Range: [0, 1]. Args: what `predict` gives, and the true labels.
    Blind spot: frequent classes decide; a head that always names the most frequent is right as often as that occurs.
    """
    right = {head: probabilities[head].argmax(axis=-1) == labels[head] for head in probabilities}
    scores = {f"accuracy_{head}": float(values.mean()) for head, values in right.items()}
    return scores | {"joint_accuracy": float(np.all(list(right.values()), axis=0).mean())}


save_reader, load_reader = recognition.save_reader, recognition.load_reader
"""Weights to .npz and back; both readers keep theirs alike."""


def _build_classifier(size: tuple[int, int], n_classes: dict[str, int], channels: int, seed: int):
    """Two models of a photo, 0 to 255 (B, H, W, 3): → the scores (B, classes) of each head in turn; → its features."""
    keras = recognition._keras()
    from replications.exact import BatchNormalization

    def seeded(layer: int):
        return keras.initializers.HeNormal(seed=np.random.SeedSequence([seed, layer]).generate_state(1)[0].item())

    x = photo = keras.Input((*size, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(x)
    for layer, width in enumerate(_WIDTHS):
        x = keras.layers.Conv2D(
            width * channels,
            3,
            strides=2,
            padding="same",
            use_bias=False,
            kernel_initializer=seeded(layer),
            name=f"classifier_{layer}",
        )(x)
        x = BatchNormalization(momentum=_MOMENTUM, name=f"classifier_{layer}_normal")(x)
        x = keras.layers.ReLU()(x)
    hidden = keras.layers.Dense(
        FEATURES, use_bias=False, kernel_initializer=seeded(len(_WIDTHS)), name="classifier_features"
    )(keras.layers.Flatten()(x))
    # No learnt scale: features of about unit variance, whatever the net, are what the kernel of KID is made for.
    normal = BatchNormalization(momentum=_MOMENTUM, name="classifier_features_normal")
    hidden = normal(hidden)
    normal.gamma.trainable = False
    hidden = keras.layers.ReLU()(hidden)
    heads = [  # a list: Keras would sort a dict by its keys
        keras.layers.Dense(n, kernel_initializer=seeded(len(_WIDTHS) + 1 + i), name=_HEAD + head)(hidden)
        for i, (head, n) in enumerate(n_classes.items())
    ]
    return keras.Model(photo, heads), keras.Model(photo, hidden)


def _restore(weights: dict[str, np.ndarray], photos: np.ndarray):
    """The two models with these weights, for photos of this size."""
    photos = recognition._check_photos(photos)
    size = photos.shape[1:3]
    with recognition.of_this_net(weights):
        channels = weights["classifier_0/kernel"].shape[-1]
        inputs, cells = weights["classifier_features/kernel"].shape[0], _WIDTHS[-1] * channels
    for _ in _WIDTHS:
        size = tuple(-(-side // 2) for side in size)
    if size[0] * size[1] * cells != inputs:
        raise ValueError(
            f"photos has shape {photos.shape}, expected the size that the reader was trained on, which leaves "
            f"{inputs // cells} cells of the last layer, not {size[0] * size[1]}; read with the reader of this data set"
        )
    n_classes = {head: weights[f"{_HEAD}{head}/bias"].size for head in _heads(weights)}
    with recognition.of_this_net(weights):
        classifier, hidden = _build_classifier(photos.shape[1:3], n_classes, channels, seed=0)
        classifier.set_weights([weights[weight.path] for weight in classifier.weights])
    return classifier, hidden


def _heads(weights: dict[str, np.ndarray]) -> list[str]:
    """The heads in the order in which they were trained."""
    end = "/bias"
    return [name[len(_HEAD) : -len(end)] for name in weights if name.startswith(_HEAD) and name.endswith(end)]


def _run(model, photos: np.ndarray) -> list[np.ndarray]:
    """The model's outputs; called directly, in pieces: `predict` would compile the net anew for each set of outputs."""
    keras = recognition._keras()
    pieces = np.array_split(photos, range(_PIECE, len(photos), _PIECE))
    # A model with a single output gives it bare, one with several a list.
    outputs = zip(*(keras.tree.flatten(model(piece, training=False)) for piece in pieces), strict=True)
    return [np.concatenate([keras.ops.convert_to_numpy(part) for part in parts]) for parts in outputs]


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores.astype(np.float64) - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _shifted(photos: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each photo moved by up to _SHIFT pixels down and to the right, or the other way; its border is repeated."""
    n, height, width, _ = photos.shape
    padded = np.pad(photos, ((0, 0), (_SHIFT, _SHIFT), (_SHIFT, _SHIFT), (0, 0)), mode="edge")
    down, right = rng.integers(0, 2 * _SHIFT + 1, (2, n))
    rows, columns = down[:, None] + np.arange(height), right[:, None] + np.arange(width)
    return padded[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]


def _check_labels(labels: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    if not labels:
        raise ValueError("labels is empty, expected at least one head; name what the reader is to tell apart")
    checked = {head: np.asarray(values) for head, values in labels.items()}
    for head, values in checked.items():
        if values.shape != (count,) or values.dtype != np.uint8:
            raise ValueError(
                f"labels[{head!r}] has shape {values.shape} and type {values.dtype}, expected uint8 ({count},): "
                "one class number for each photo; map names to class numbers first"
            )
        if not values.any():
            raise ValueError(
                f"labels[{head!r}] holds class 0 alone, expected at least two classes; leave this head out"
            )
    return checked

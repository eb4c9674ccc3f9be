"""Recognition: a net that has only ever seen real photos reads the label map off an output (the FCN-score).

A small fully convolutional net, the *reader*, learns photo -> label map on real training images only. It then
reads the outputs; what it reads is compared with the label map each output was made from. Its score on real test
images is the ceiling: an output cannot be expected to be more readable than a photo.

Source: Isola et al. 2017 (pix2pix), section 4.1, after Salimans et al. 2016; there an FCN-8s (Long et al. 2015)
trained on Cityscapes. Axes: N images, H rows, W columns. Keras is imported when a net is needed, not before.

Known blind spots: the reader may go by flat colour, which a blurred output has too, so check first that blur costs it
something; and whatever fools it (the right kind of texture in the right place) passes for content.
"""

# Keras annotates its parameters with the type of their default only.
# pyright: reportArgumentType=false

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from replications.command import repro
from replications.datasets import arrays
from replications.environment import quiet
from replications.errors import DataError, Diverged

# Dilations of the 3x3 convolutions: the reader sees 1 + 2 (1 + 1 + 2 + 4) = 17 pixels, a window and its surroundings
# but not the layout of a facade. No pooling, no strides, and no zeros around the photo (they would tell the net where
# it is; a reader trained with them drew the usual layout on an empty picture): the border is mirrored. So it cannot
# learn a layout by heart, and a shifted photo gets the shifted reading.
_DILATIONS = (1, 1, 2, 4)
_MARGIN = sum(_DILATIONS)


def train_reader(
    photos: np.ndarray,
    labels: np.ndarray,
    n_classes: int,
    *,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    channels: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Train a reader on real photos and return its weights.

    Cross-entropy per pixel, Adam, mirrored at random. Everything random is seeded, so the same seed gives the same
    bytes on the same kind of processor with the same number of threads. Sets the process-wide random state
    and, with TensorFlow, deterministic operations: give it a process of its own.

    Args:
        photos: uint8 (N, H, W, 3), real training images.
        labels: uint8 (N, H, W), classes 0 to n_classes - 1.
        n_classes: number of classes.
        epochs: passes over the photos.
        batch_size: images per step.
        learning_rate: of Adam.
        channels: feature maps of each hidden layer.
        seed: of the weights, the order and the mirroring.
    """
    keras = _keras()
    photos, labels = _check_photos(photos), _check_labels(labels, n_classes, "labels")
    if labels.shape != photos.shape[:3]:
        raise ValueError(
            f"labels has shape {labels.shape} and photos {photos.shape}, expected one label for each pixel; "
            "hand over the label maps of these photos, at their size"
        )
    backend = keras.backend.backend()
    keras.utils.set_random_seed(seed)
    if backend == "tensorflow":
        import tensorflow

        tensorflow.config.experimental.enable_op_determinism()

    reader = _build_reader(n_classes, channels, seed)
    reader.compile(
        keras.optimizers.Adam(learning_rate),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=backend == "jax",  # JAX is slow without, TensorFlow on a CPU slow with
    )
    reader.optimizer.build(reader.trainable_variables)  # else the first step makes its slots: traced twice
    rng = np.random.default_rng(seed)
    for epoch in range(epochs):
        order = rng.permutation(len(photos))
        x, y = photos[order], labels[order]
        mirrored = rng.random(len(x)) < 0.5
        x[mirrored], y[mirrored] = x[mirrored, :, ::-1], y[mirrored, :, ::-1]
        fitted = reader.fit(_mirror_border(x), y, batch_size=batch_size, shuffle=False, verbose=0)
        if not np.isfinite(loss := fitted.history["loss"][-1]):
            raise Diverged(
                f"the reader's loss became {loss} with seed {seed} in epoch {epoch + 1} of {epochs}; "
                f"lower learning_rate (now {learning_rate})"
            )
    return {weight.path: value for weight, value in zip(reader.weights, reader.get_weights(), strict=True)}


def read(weights: dict[str, np.ndarray], photos: np.ndarray) -> np.ndarray:
    """Read the label maps (N, H, W), uint8, off `photos`, uint8 (N, H, W, 3), of any size."""
    keras = _keras()
    photos = _check_photos(photos)
    with of_this_net(weights):
        *_, channels, n_classes = weights["reader_classes/kernel"].shape
        reader = _build_reader(n_classes, channels, seed=0)
        reader.set_weights([weights[weight.path] for weight in reader.weights])
    # Called directly, in pieces: `predict` would compile the net anew for each set of outputs.
    pieces = np.array_split(_mirror_border(photos), range(64, len(photos), 64))
    readings = [np.asarray(keras.ops.convert_to_numpy(reader(piece, training=False))).argmax(-1) for piece in pieces]
    return np.concatenate(readings).astype(np.uint8)


def save_reader(path: Path | str, weights: dict[str, np.ndarray]) -> None:
    """Write the weights as .npz: whole or not at all, even when interrupted."""
    path = Path(path)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            np.savez(file, allow_pickle=False, **weights)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def load_reader(path: Path | str) -> dict[str, np.ndarray]:
    """Load weights written by `save_reader`.

    Raises:
        DataError: they are not there, or damaged; naming the file and the command that makes it.
    """
    maker = repro(Path(path).parent.parent.parent, "readers")  # of STUDY/readers/SEED/NET.npz
    if not Path(path).exists():
        raise DataError(f"{path}: no such file; run {maker}")
    return arrays.load(path, maker)


@contextmanager
def of_this_net(weights: dict[str, np.ndarray]) -> Iterator[None]:
    """Weights that are of another net than the one that they are put into are one line that names their file."""
    try:
        yield
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        where, remedy = (getattr(weights, name, default) for name, default in (("where", "weights"), ("remedy", "")))
        raise DataError(f"{where}: weights of another net ({' '.join(str(error).split())[:200]}); {remedy}") from None


def confusion(predicted: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Count of pixels by true class (rows) and class read (columns), int64 (n_classes, n_classes).

    Over all pixels of all images at once; matrices of several batches may be added.
    """
    predicted, labels = _check_labels(predicted, n_classes, "predicted"), _check_labels(labels, n_classes, "labels")
    if predicted.shape != labels.shape:
        raise ValueError(
            f"predicted has shape {predicted.shape} and labels {labels.shape}, expected the same; "
            "hand over one reading for each label map, at its size"
        )
    pairs = labels.astype(np.int64).ravel() * n_classes + predicted.ravel()
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


def segmentation_scores(confusion: np.ndarray) -> dict[str, float]:
    """The three numbers of the FCN-score, from one confusion matrix over all images. Larger is more recognisable.

    Formula, with n_ij pixels of class i read as j, t_i = sum over j of n_ij and r_i = sum over j of n_ji:
    pixel_accuracy = sum n_ii / sum t_i; class_accuracy = mean of n_ii / t_i; class_iou = mean of
    n_ii / (t_i + r_i - n_ii); means over the classes that occur in the truth. Units: none. Range: [0, 1].
    Source: Long et al. 2015 (FCN), section 5; Isola et al. 2017 (pix2pix), Table 1.
    Blind spot: pixel accuracy is ruled by large classes (all wall is a fair score), the class means by rare ones.
    One matrix over all images has no spread: repeat over seeds.
    """
    confusion = np.asarray(confusion, dtype=np.float64)
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1] or not confusion.sum() > 0:
        raise ValueError(
            f"confusion has shape {confusion.shape} and sum {confusion.sum()}, expected a square matrix of counts that "
            "are not all zero; make it with confusion(predicted, labels, n_classes)"
        )
    right, truth, readings = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    occurs = truth > 0
    return {
        "pixel_accuracy": float(right.sum() / truth.sum()),
        "class_accuracy": float((right[occurs] / truth[occurs]).mean()),
        "class_iou": float((right[occurs] / (truth + readings - right)[occurs]).mean()),
    }


def _keras():
    """Keras, imported when it is first needed; its device look-up, noisy without a GPU, is over with it."""
    with quiet():
        import keras

        if keras.backend.backend() == "tensorflow":
            import tensorflow

            tensorflow.config.list_physical_devices()
    return keras


def _build_reader(n_classes: int, channels: int, seed: int):
    """Photo with its mirrored border, 0 to 255 (B, H + 16, W + 16, 3) -> scores of the classes (B, H, W, n_classes)."""
    keras = _keras()

    def seeded(layer: int):
        return keras.initializers.HeNormal(seed=np.random.SeedSequence([seed, layer]).generate_state(1)[0].item())

    x = photo = keras.Input((None, None, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(x)
    for layer, dilation in enumerate(_DILATIONS):
        x = keras.layers.Conv2D(
            channels,
            3,
            padding="valid",
            dilation_rate=dilation,
            activation="relu",
            kernel_initializer=seeded(layer),
            name=f"reader_{layer}",
        )(x)
    classes = keras.layers.Conv2D(n_classes, 1, kernel_initializer=seeded(len(_DILATIONS)), name="reader_classes")(x)
    return keras.Model(photo, classes)


def _mirror_border(photos: np.ndarray) -> np.ndarray:
    return np.pad(photos, ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN), (0, 0)), mode="symmetric")


def _check_photos(photos: np.ndarray) -> np.ndarray:
    photos = np.asarray(photos)
    if photos.ndim != 4 or photos.shape[-1] != 3 or photos.dtype != np.uint8 or photos.size == 0:
        raise ValueError(
            f"photos has shape {photos.shape} and type {photos.dtype}, expected uint8 (N, H, W, 3), N > 0; "
            "convert intensities in [0, 1] by np.rint(255 * x).astype(np.uint8)"
        )
    return photos


def _check_labels(labels: np.ndarray, n_classes: int, name: str) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.ndim != 3 or labels.dtype != np.uint8 or labels.size == 0 or labels.max() >= n_classes:
        highest = labels.max() if labels.size else None
        raise ValueError(
            f"{name} has shape {labels.shape}, type {labels.dtype} and highest value {highest}, expected uint8 "
            f"(N, H, W) with values below n_classes = {n_classes}; map colours to class numbers first"
        )
    return labels

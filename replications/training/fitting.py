"""How every room trains: Keras' own `fit`, compiled where that pays, watched, and resumed where it was cut off.

A run that is told a folder by the environment variable REPLICATIONS_CHECKPOINTS leaves its state there at the end of
an epoch, every few minutes, under its identity: parameters, seed, code and data. Started again, it goes on from there
and comes to the same bytes.
"""

import json
import os
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from replications.errors import Diverged
from replications.params import RunParams
from replications.training.arrays import to_float

FILE, EVERY = "REPLICATIONS_CHECKPOINT", "REPLICATIONS_CHECKPOINT_EVERY"
"""Environment variables of a run's process: where it leaves its state (unset: nowhere), and after how many seconds."""
SECONDS = 300

TRAINED: dict[str, dict[str, int]] = {}
"""Net → what its training came to in this process: epochs, steps, images. `proof` holds it against the parameters."""


Outputs = tuple[dict[str, np.ndarray], dict]
"""What a room puts out at a snapshot: images and facts."""
AT = "@"
"""`output@0.25` is what `output` was after a quarter of the training."""


@dataclass(frozen=True)
class Fitted:
    """What a training came to."""

    losses: dict[str, list[float]]
    """Each tracked loss, its mean in every epoch, to six digits."""
    looked: dict[float, Outputs]
    """Share of the training → what was put out then; the last is the end."""

    def outputs(self, same: Mapping[str, np.ndarray]) -> Outputs:
        """All images and facts of a run.

        Args:
            same: images that no training changes, such as targets: kept once.
        """
        images, facts = self.looked[1.0]
        images, facts = {**images, **same}, {**facts, "losses": self.losses}
        earlier = {share: at for share, at in self.looked.items() if share < 1}
        for share, (images_then, _) in earlier.items():
            images |= {f"{name}{AT}{share:g}": values for name, values in images_then.items()}
        if earlier:
            facts["earlier"] = {f"{share:g}": facts_then for share, (_, facts_then) in earlier.items()}
        return images, facts


def adam(params: RunParams, **betas: float) -> keras.optimizers.Adam:
    """Adam at the run's learning rate, with the moving average of the weights if the run asks for one."""
    averaged = {"use_ema": True, "ema_momentum": params.ema} if params.ema else {}
    return keras.optimizers.Adam(params.learning_rate, **betas, **averaged)


def fit(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    batches: keras.utils.PyDataset,
    params: RunParams,
    progress: Callable[[int, int], None],
    look: Callable[[], Outputs],
) -> Fitted:
    """Trains a model whose variables exist, in place. At its end its weights are their averages, where it has any.

    Args:
        model: with its loss in `compute_loss`.
        optimizer: of all of its trainable weights.
        batches: have `batch_size` and draw the order of each epoch from a generator of their own.
        params: of the run: epochs, passes over the batches, those before an interruption included, and snapshots.
        progress: told (images seen, images in all) now and then.
        look: makes the outputs of a snapshot. It must draw the same noise each time, from generators of its own.

    Raises:
        Diverged: the mean of a loss over an epoch is not finite.
    """
    epochs = params.epochs
    model.compile(optimizer, jit_compile=jit_compile())
    optimizer.build(model.trainable_variables)  # else the first step makes its slots, and is traced a second time
    counted = Counted(batches)
    snapshots = Snapshots(params, batches, look)
    checkpoint = Checkpoint(batches, counted, snapshots)
    first = checkpoint.resume(model)
    model.fit(
        counted,
        epochs=epochs,
        initial_epoch=first,
        shuffle=False,  # `batches` do; Keras would shuffle them again, from Python's global generator
        verbose=0,
        callbacks=[Watch(batches, first, epochs, progress), snapshots, checkpoint],
    )
    snapshots.look_at_the_end()
    checkpoint.remove()
    count("model", epochs=counted.epochs, steps=int(optimizer.iterations), images=counted.images)
    return Fitted(dict(sorted(checkpoint.history.items())), snapshots.looked)


def count(net: str, **counts: int) -> None:
    """Adds to what the training of a net came to; what `fit` does not train itself, a room counts so."""
    so_far = TRAINED.setdefault(net, {})
    for what, n in counts.items():
        so_far[what] = so_far.get(what, 0) + n


def jit_compile() -> bool:
    """Whether a step is compiled by XLA: under JAX always, under TensorFlow on a GPU alone, under PyTorch never.

    JAX without runs operation by operation; TensorFlow on a CPU is half as fast with it as without.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return bool(tf.config.list_physical_devices("GPU"))
    return backend == "jax"


class Batches(keras.utils.PyDataset):
    """Batches of (x, x), pictures in [0, 1]: the order of every epoch follows from the seed alone."""

    def __init__(self, photos: np.ndarray, batch_size: int, seed: int):
        super().__init__(workers=0)  # a thread of its own would cost a third of the speed on one core
        self.photos, self.batch_size, self.rng = photos, batch_size, np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        return len(self.photos) // self.batch_size

    def on_epoch_end(self):
        """A new order."""
        self.order = self.rng.permutation(len(self.photos))

    def __getitem__(self, batch: int):
        chosen = self.order[batch * self.batch_size : (batch + 1) * self.batch_size]
        x = to_float(self.photos[chosen])
        return x, x


class Counted(keras.utils.PyDataset):
    """Batches, and how many epochs and images were really drawn from them."""

    def __init__(self, batches: keras.utils.PyDataset):
        super().__init__(workers=0)
        self.batches, self.epochs, self.images = batches, 0, 0
        self.drawn: dict[int, int] = {}
        """Batch of this epoch → its images. Keras draws the first ones twice, once to see what they are like."""

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, batch: int):
        x, y = self.batches[batch]
        self.drawn[batch] = len(x)
        return x, y

    def on_epoch_end(self):
        """A new order, as Keras asks for at the end of an epoch and once before the first."""
        self.batches.on_epoch_end()

    def end_epoch(self) -> None:
        """One more, of the batches that were drawn."""
        self.epochs, self.images = self.epochs + 1, self.images + sum(self.drawn.values())
        self.drawn.clear()


class Watch(keras.callbacks.Callback):
    """Reports progress every twenty batches, and stops a run whose loss is no longer a number."""

    def __init__(self, batches: keras.utils.PyDataset, first: int, epochs: int, progress: Callable[[int, int], None]):
        super().__init__()
        self.seen, self.total = first * len(batches), epochs * len(batches)
        self.batch_size, self.tell = batches.batch_size, progress

    def on_train_batch_end(self, batch, logs=None):
        """Counts images."""
        self.seen += 1
        if self.seen % 20 == 0 or self.seen == self.total:
            self.tell(self.seen * self.batch_size, self.total * self.batch_size)

    def on_epoch_end(self, epoch, logs=None):
        """Looks at the epoch's mean losses."""
        bad = {name: value for name, value in (logs or {}).items() if not np.isfinite(value)}
        if bad:
            raise Diverged(f"epoch {epoch + 1}: " + ", ".join(f"{name} is {value}" for name, value in bad.items()))


CALIBRATED = 50
"""Batches by which moving moments are made anew for averaged weights."""


class Snapshots(keras.callbacks.Callback):
    """Has a room make its outputs at shares of the training, as if it had ended there, and goes on as if it had not.

    Outputs are of averaged weights where the optimiser keeps averages. The moments that batch normalisation keeps are
    of the weights themselves, so they are taken anew, of the first batches (Izmailov et al. 2018, section 3.2).
    """

    def __init__(self, params: RunParams, batches: keras.utils.PyDataset, look: Callable[[], Outputs]):
        super().__init__()
        self.p, self.batches, self.make = params, batches, look
        self.at = params.snapshot_epochs()
        self.looked: dict[float, Outputs] = {}

    def on_epoch_end(self, epoch, logs=None):
        """Looks, before the end of the training, and puts every variable back as it was."""
        if self.at.get(epoch + 1, 1.0) == 1.0:
            return
        synchronise(self.model)
        before = [variable.numpy() for variable in self.model.variables]
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        self.look(self.at[epoch + 1])
        for variable, value in zip(self.model.variables, before, strict=True):
            variable.assign(value)

    def look_at_the_end(self) -> None:
        """`fit` itself has put the averages in the place of the weights."""
        self.look(1.0)

    def look(self, share: float) -> None:
        """The outputs of the variables as they are."""
        if self.p.ema:
            calibrate(self.model, self.batches)
        self.looked[share] = self.make()


def calibrate(model: keras.Model, batches: keras.utils.PyDataset) -> None:
    """Takes the moments of every batch normalisation anew: means over the first batches under today's weights."""
    nets = [net for net in model.layers if isinstance(net, keras.Model)]
    layers = [layer for net in nets for layer in net.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in layers]
    for i in range(min(CALIBRATED, len(batches)) if layers else 0):
        for layer in layers:
            layer.momentum = i / (i + 1)
        model(batches[i][0], training=True)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def weights_of(nets: Mapping[str, keras.Model | None]) -> dict[str, np.ndarray]:
    """All variables of nets as plain arrays: `decoder/003/kernel` is the fourth of the decoder's, from 0.

    In this order `set_weights` takes them into a net of the same shape.
    """
    return {
        f"{name}/{i:03d}/{weight.name}": weight.numpy()
        for name, net in nets.items()
        for i, weight in enumerate(net.weights if net else ())
    }


def synchronise(model: keras.Model) -> None:
    """Under JAX a model's variables hold what they held when `fit` began, until they are told."""
    if keras.backend.backend() == "jax":
        model.jax_state_sync()


class Checkpoint(keras.callbacks.Callback):
    """The losses so far and, in a file, all that a run needs to go on from the end of an epoch.

    What the generators of noise hold are variables like weights; the batches' own is wound forward instead.
    """

    def __init__(self, batches: keras.utils.PyDataset, counted: Counted, snapshots: Snapshots):
        super().__init__()
        self.batches, self.counted, self.snapshots, self.history = batches, counted, snapshots, {}
        self.file = Path(os.environ[FILE]) if os.environ.get(FILE) else None
        self.every, self.saved = float(os.environ.get(EVERY, SECONDS)), time.monotonic()

    def resume(self, model: keras.Model) -> int:
        """Brings model and batches to where the file left them. Returns the number of epochs that are done.

        A file that is not whole counts as none.
        """
        if self.file is None or not self.file.exists():
            return 0
        variables = self.variables(model)
        try:
            with self.file.open("rb") as file, np.load(file, allow_pickle=False) as state:
                epochs, history = int(state["epochs"]), json.loads(str(state["history"]))
                images = int(state["images"])
                values = [state[f"variable_{i}"].reshape(variable.shape) for i, variable in enumerate(variables)]
                looked = {
                    float(share): ({name: state[f"{name}{AT}{share}"] for name in names}, facts)
                    for share, (names, facts) in json.loads(str(state["looked"])).items()
                }
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
            return 0
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        for _ in range(epochs):
            self.batches.on_epoch_end()
        self.history, self.counted.epochs, self.counted.images = history, epochs, images
        self.snapshots.looked = looked
        return epochs

    def on_epoch_end(self, epoch, logs=None):
        """Keeps the counts, the losses and, if it is time to, everything."""
        self.counted.end_epoch()
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(f"{value:.6g}"))
        if self.file is None or time.monotonic() - self.saved < self.every:
            return
        synchronise(self.model)
        state = {f"variable_{i}": variable.numpy() for i, variable in enumerate(self.variables(self.model))}
        unfinished = self.file.with_name(f".{self.file.name}.{os.getpid()}")
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            state |= {"epochs": self.counted.epochs, "images": self.counted.images}
            looked = self.snapshots.looked
            for share, (images, _) in looked.items():
                state |= {f"{name}{AT}{share!r}": values for name, values in images.items()}
            said = {"looked": json.dumps({share: [list(images), facts] for share, (images, facts) in looked.items()})}
            np.savez(file, allow_pickle=False, history=json.dumps(self.history), **said, **state)
        unfinished.replace(self.file)  # whole or not at all
        self.saved = time.monotonic()

    def remove(self) -> None:
        """The file of a run that is done."""
        if self.file is not None:
            self.file.unlink(missing_ok=True)

    @staticmethod
    def variables(model: keras.Model) -> list[keras.Variable]:
        """Weights, generators of noise, means of losses, the optimiser's own."""
        return [*model.variables, *model.optimizer.variables]

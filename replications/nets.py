"""Trained networks to play with: `from replications.nets import load`; `python -m replications sample` draws with them.

    from replications.nets import load

    gan = load("vae_vs_gan", "gan")
    codes = np.random.default_rng(0).standard_normal((16, gan.p.latent_size))
    pictures = gan.decode(codes)  # (16, 32, 32, 3) in [0, 1]

What comes back is the Keras model of the replication's train.py, with the weights that its run ended with and with its
parts under the names that they have there: `encoder`, `decoder`, `discriminator`, `generator`, `bottleneck`. Its
`p` holds the hyper-parameters. Small copies of a few networks, without their discriminators, come with the repository,
for notebooks/explore.ipynb: they load without any training. `python -m replications bundle` makes them.
"""

import importlib
import inspect
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from replications import command, runs, study
from replications.datasets import arrays
from replications.environment import check_backend, quiet
from replications.errors import ReplicationError
from replications.params import RunParams
from replications.results import write_bytes

BUNDLED = Path("notebooks", "nets")
"""Facts and weights of a few runs that were measured; `verify` holds the facts against runs.csv."""
SMALL = "small.npz"
"""What a copy has in place of weights.npz: `small` of it."""
DIGESTS = "digests.json"
"""Of a copy: the SHA-256 of the weights.npz that it was made from, and of its small.npz."""
ADVERSARY = "discriminator"
"""The part that a copy goes without: training needs it, and nothing that one plays with does."""
UNCHANGED = 1e-5
"""Relative change of a weight that training left as it was: averaging over steps rounds it."""
PER_ROW = 8
"""Pictures beside each other on a sheet of samples."""


class NetsError(ReplicationError):
    """A run without weights, or nets that draw no samples."""


def load(replication: str, variant: str, seed: int | None = None, folder: str | Path = ".") -> Any:
    """The nets of a finished run, as a Keras model. The repository's copy stands in for a run that is not here.

    Args:
        replication: such as vae_vs_gan.
        variant: an arm of it, such as gan.
        seed: one of the replication's; None: the first.
        folder: the study's; `.` is the bundled one.

    Raises:
        NetsError: there is no such run on this machine nor a copy in the repository, it kept no weights, or
            params.yaml has other parameters now.
        StudyError: the study has no such replication.
    """
    declared = study.load(folder)
    known = declared.variants_of(replication)
    if variant not in known:
        hint = command.did_you_mean(variant, known) or f"known are {', '.join(known)}"
        raise NetsError(f"{variant}: {replication} of the {declared.name} study has no such variant; {hint}")
    seed = declared.seeds_of(replication)[0] if seed is None else seed
    if seed not in declared.seeds_of(replication):
        seeds = ", ".join(map(str, declared.seeds_of(replication)))
        raise NetsError(
            f"seed {seed}: {replication} of the {declared.name} study has the seeds {seeds}; name one of them"
        )
    run = study.Run(replication, variant, seed, known[variant])
    path, copy = runs.folder(declared, run), bundled(declared, run)
    train = f"`python -m replications train {replication} --only {variant} --study {declared.folder}`"
    copied = copy.exists() and not (path / "facts.json").exists()
    if copied:
        path, mend = copy, f"`git restore {copy}` brings it back, or run"
    else:
        mend = f"delete {path} and run"
    if not (path / "facts.json").exists():
        raise NetsError(f"{path}: there is no such run on this machine; train it by {train}")
    if not copied and not (path / "weights.npz").exists():
        raise NetsError(
            f"{path}: the run kept no weights; raise keep_weights in {declared.params_file} and run {train}"
        )
    try:
        facts = runs.read_facts(path)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NetsError(f"{path / 'facts.json'}: damaged ({error}); {mend} {train}") from None
    if copied:
        file, weights = path / SMALL, read_small(path, facts, f"{mend} {train}")
    else:
        file = path / "weights.npz"
        if runs.sha256(file.read_bytes()) != facts.get("weights_sha256"):
            raise NetsError(f"{file}: damaged, its digest differs; {mend} {train}")
        weights = arrays.load(file, train)
    if runs.digest(facts.get("params", {})) != runs.digest(run.params.declared()):
        raise NetsError(f"{path}: was trained with other parameters than {declared.params_file} has now; run {train}")
    check_backend()
    with quiet():
        importlib.import_module("keras")
    picture = facts.get("picture")
    if not isinstance(picture, list) or len(picture) != 3 or not all(type(n) is int and 0 < n < 4096 for n in picture):
        raise NetsError(
            f"{path / 'facts.json'}: picture = {picture}, expected height, width and channels; {mend} {train}"
        )
    model = untrained(replication, known[variant], picture, seed)
    fill(model, weights, file, f"{mend} {train}")
    if copied and hasattr(model, ADVERSARY):
        setattr(model, ADVERSARY, None)  # rather than one that has not learned
    return model


def fill(model: Any, weights: Mapping[str, np.ndarray], file: Path, remedy: str) -> None:
    """Gives the parts of a model the weights that a file has for them.

    Raises:
        NetsError: the model has no such part, or its weights have other shapes.
    """
    values: dict[str, list[np.ndarray]] = {}
    for name, value in weights.items():  # decoder/003/kernel, in the net's order
        values.setdefault(name.partition("/")[0], []).append(value)
    for name, given in values.items():
        part: Any = vars(model).get(name)  # and nothing that a class has, whatever a file names
        shapes = [tuple(weight.shape) for weight in part.weights] if hasattr(part, "set_weights") else None
        if shapes != [weight.shape for weight in given]:
            raise NetsError(
                f"{file}: {name} has weights of {[weight.shape for weight in given]}, its net has "
                f"{shapes or 'no such part'}; {remedy}"
            )
        part.set_weights(given)


def bundled(declared: study.Study, run: study.Run) -> Path:
    """Where the repository has a copy of a run's facts and weights, if it has one."""
    return declared.folder / BUNDLED / run.name


def read_small(copy: Path, facts: Mapping[str, Any], remedy: str) -> dict[str, np.ndarray]:
    """The weights of a copy in the repository.

    Args:
        copy: its folder.
        facts: of the run, from its facts.json.
        remedy: what brings the copy back.

    Raises:
        NetsError: they are missing, damaged, or of other weights than the facts name.
    """
    for name in (SMALL, DIGESTS):
        if not (copy / name).is_file():
            raise NetsError(f"{copy / name}: no such file; {remedy}")
    content = (copy / SMALL).read_bytes()
    try:
        digests = json.loads((copy / DIGESTS).read_text(encoding="utf-8"))
        of, here = (digests[name] for name in ("weights.npz", SMALL))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NetsError(f"{copy / DIGESTS}: damaged ({error!r}); {remedy}") from None
    if runs.sha256(content) != here:
        raise NetsError(f"{copy / SMALL}: damaged, its digest is not the one in {DIGESTS}; {remedy}")
    if of != facts.get("weights_sha256"):
        raise NetsError(f"{copy / SMALL}: is of other weights than its facts.json names; {remedy}")
    return dict(arrays.load(io.BytesIO(content)))


def small(run: study.Run, picture: list[int], weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What is left of a run's weights in a copy: small once it is compressed, and good enough to play with.

    It is in half precision and without the discriminator. A row or a column of a dense layer is zero where training
    changed none of its weights; where the code does not use a value, it changes none.

    Args:
        run: whose weights.
        picture: height, width and channels, from the run's facts.
        weights: as weights.npz has them.
    """
    with quiet():
        keras = importlib.import_module("keras")
    keras.utils.set_random_seed(run.seed)  # as before a run
    model = untrained(run.replication, run.params, picture, run.seed)
    kept = {}
    for name, value in weights.items():
        part, number, _ = name.split("/")
        if part == ADVERSARY:
            continue
        if value.ndim == 2:
            initial = vars(model)[part].get_weights()[int(number)]
            same = np.abs(value - initial) <= UNCHANGED * np.abs(initial)
            value = np.where(same.all(axis=0) | same.all(axis=1, keepdims=True), 0, value)
        kept[name] = value.astype(np.float16)
    return kept


def untrained(replication: str, params: RunParams, picture: list[int], seed: int) -> Any:
    """The model of a replication as it is before training: the one of its train.py that takes parameters and a size.

    What it needs for its training alone (a loss, a variance) is left out.
    """
    train = importlib.import_module(f"replications.{replication}.train")
    for model in vars(train).values():
        if inspect.isclass(model) and model.__module__ == train.__name__:
            takes = inspect.signature(model).parameters
            if {"params", "size", "seed"} <= set(takes):
                given = {"params": params, "size": picture[0], "seed": seed}
                made: Any = model(**{name: given.get(name) for name in takes})
                made(np.zeros((1, *picture), np.float32))  # its parts have their weights now
                return made
    raise NetsError(f"replications/{replication}/train.py: has no model that takes params, size and seed; add one")


def main(argv: list[str] | None = None) -> int:
    """Command line of `sample`."""
    parser = command.Parser(
        prog="python -m replications sample",
        description="Draws samples from a trained net's prior N(0, I), as a sheet of pictures.",
    )
    parser.add_argument(
        "run", metavar="REPLICATION/VARIANT[/SEED]", help="a finished run; the first seed if none is named"
    )
    parser.add_argument("--study", default=".", help="the study's folder (default: the bundled study)")
    parser.add_argument("--n", type=int, default=64, help="how many (default: 64)")
    parser.add_argument("--seed", type=int, default=0, help="of the draws (default: 0)")
    parser.add_argument("--out", type=command.file_to_write, default=Path("samples.png"), help="default: samples.png")
    arguments = parser.parse_args(argv)
    if not 1 <= arguments.n <= 10_000:
        raise NetsError(f"--n {arguments.n}: expected 1 to 10,000; a sheet has {PER_ROW} pictures beside each other")
    if arguments.seed < 0:
        raise NetsError(f"--seed {arguments.seed}: expected a whole number from 0; leave it out for 0")
    if not arguments.out.suffix:
        raise NetsError(f"--out {arguments.out}: expected the name of a picture; say samples.png, for example")
    model = load(*named(arguments.run), arguments.study)
    if not draws(model):
        raise NetsError(f"{arguments.run}: its net has no prior to draw from; take a VAE or a GAN, vae_vs_gan/gan")
    pictures = samples(model, arguments.n, arguments.seed)
    write_bytes(arguments.out, sheet(pictures))
    print(f"{arguments.out}: {arguments.n} samples of {arguments.run}")
    return 0


def named(words: str) -> tuple[str, str, int | None]:
    """`vae_vs_gan/gan/11` → replication, variant and seed; no seed in the words: None.

    Raises:
        NetsError: these words name no run.
    """
    parts = re.fullmatch(r"(\w+)/(\w+)(?:/([0-9]{1,10}))?", words)
    if parts is None:
        raise NetsError(f"{words}: expected the name of a run; say vae_vs_gan/gan, for example")
    return parts[1], parts[2], int(parts[3]) if parts[3] else None


def draws(model: Any) -> bool:
    """Whether a model decodes codes from N(0, I): a GAN, or a VAE, whose KL term has drawn its codes there."""
    params = getattr(model, "p", None)
    decodes = hasattr(model, "decode") and hasattr(params, "latent_size")
    encoder, regime = getattr(params, "encoder", "gaussian"), getattr(params, "regime", "vae")
    return decodes and encoder != "deterministic" and regime == "vae"


def samples(model: Any, n: int, seed: int) -> np.ndarray:
    """Pictures in [0, 1], (n, H, W, 3), for n codes from N(0, I)."""
    return np.asarray(model.decode(np.random.default_rng(seed).standard_normal((n, model.p.latent_size))))


def sheet(pictures: np.ndarray, scale: int = 3) -> bytes:
    """Pictures in [0, 1], (N, H, W, 3), row by row as a PNG, each pixel `scale` pixels wide."""
    from PIL import Image  # here, as nobody who loads a net needs it

    n, height, width, _ = pictures.shape
    rows = -(-n // PER_ROW)
    padded = np.ones((rows * PER_ROW, height, width, 3))
    padded[:n] = pictures
    whole = padded.reshape(rows, PER_ROW, height, width, 3).swapaxes(1, 2).reshape(rows * height, PER_ROW * width, 3)
    picture = Image.fromarray(np.rint(255 * whole).astype(np.uint8))
    picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()

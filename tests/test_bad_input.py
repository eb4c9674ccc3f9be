"""Bad input of every kind, and the one line that each must end with: value, expectation, remedy; nothing is touched.

A case is a row of a table: how a whole small repository is spoilt, the command that then meets it, and what its line
must say. The commands are driven through their real entry, in this process because importing takes longer than
failing; a handful of them once more in processes of their own.
"""

import gzip
import importlib
import io
import json
import shlex
import shutil
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

import dask
import numpy as np
import pytest
from PIL import Image

from replications import __main__ as door
from replications import command, runs, study
from replications.code import code_hash
from replications.errors import ReplicationError
from replications.instruments import recognition
from replications.judging import judge
from replications.judging.claims import Claim
from replications.judging.predicates import Greater
from replications.measuring import controls, measure
from replications.pix2pix import claims as pix2pix_claims
from replications.reporting import report
from tests import tiny

Patch = pytest.MonkeyPatch
Spoil = Callable[[Path, Patch], None]
"""Spoils a copy of the repository, or what surrounds it; the working directory is that copy."""


@dataclass(frozen=True)
class Case:
    """One bad input."""

    id: str
    command: str
    """The module below `replications` and its arguments."""
    spoil: Spoil
    value: str
    expectation: str
    remedy: str


# --- ways to spoil -------------------------------------------------------------------------------------------------


def nothing(place: Path, patch: Patch) -> None:
    """The arguments are bad enough."""


def params(**changes) -> Spoil:
    """A params.yaml whose keys say something else."""
    return lambda place, patch: tiny.write_params(place, tiny.params(**changes)) and None


def section(**changes) -> Spoil:
    """The same of keys in pix2pix."""
    return params(pix2pix={**tiny.PIX2PIX, **changes})


def reader(**changes) -> Spoil:
    """The same of the reader of label maps."""
    return params(readers={"segmentation": {**tiny.HEAD["readers"]["segmentation"], **changes}})


def labels_reader(dataset: str, **changes) -> Spoil:
    """The same of a reader of labels, without another."""
    return params(readers={"classification": {dataset: {**tiny.CLASSIFICATION["facade_world-tiny"], **changes}}})


def without(key: str) -> Spoil:
    """A params.yaml whose pix2pix lacks a key."""
    kept = {name: value for name, value in tiny.PIX2PIX.items() if name != key}
    return params(pix2pix=kept)


def text(name: str, content: str) -> Spoil:
    """A file that holds something else."""
    return lambda place, patch: (place / name).write_text(content, encoding="utf-8") and None


def raw(name: str, content: bytes) -> Spoil:
    """The same, of bytes."""
    return lambda place, patch: (place / name).write_bytes(content) and None


def cut(name: str, kept: float) -> Spoil:
    """A file of which only the first part is left."""

    def spoil(place: Path, patch: Patch) -> None:
        content = (place / name).read_bytes()
        (place / name).write_bytes(content[: int(kept * len(content))])

    return spoil


def flip(name: str, at: float) -> Spoil:
    """A file with one bit flipped."""

    def spoil(place: Path, patch: Patch) -> None:
        content = bytearray((place / name).read_bytes())
        content[int(at * len(content))] ^= 1
        (place / name).write_bytes(content)

    return spoil


def swap(name: str, old: str, new: str) -> Spoil:
    """A text file with one word replaced."""

    def spoil(place: Path, patch: Patch) -> None:
        content = (place / name).read_text(encoding="utf-8")
        assert old in content
        (place / name).write_text(content.replace(old, new, 1), encoding="utf-8")

    return spoil


def gone(name: str) -> Spoil:
    """A file or a folder that is not there."""
    return lambda place, patch: shutil.rmtree(place / name) if (place / name).is_dir() else (place / name).unlink()


def folder(name: str) -> Spoil:
    """A folder where a file should be."""

    def spoil(place: Path, patch: Patch) -> None:
        (place / name).unlink(missing_ok=True)
        (place / name).mkdir(parents=True)

    return spoil


def file(name: str) -> Spoil:
    """A file where a folder should be."""

    def spoil(place: Path, patch: Patch) -> None:
        if (place / name).is_dir():
            shutil.rmtree(place / name)
        (place / name).write_text("a file\n")

    return spoil


def rows(change: Callable[[list[dict]], list[dict]]) -> Spoil:
    """Other rows of scores."""

    def spoil(place: Path, patch: Patch) -> None:
        path = place / SCORES
        tiny.write_rows(path, change(tiny.read_rows(path)))

    return spoil


def first_row(**changes) -> Spoil:
    """Scores of which the first row says something else."""
    return rows(lambda all_rows: [{**all_rows[0], **changes}, *all_rows[1:]])


def verdict(**changes) -> Spoil:
    """Verdicts of which the first says something else."""

    def spoil(place: Path, patch: Patch) -> None:
        entries = json.loads((place / VERDICTS).read_text(encoding="utf-8"))
        entries[0] |= changes
        (place / VERDICTS).write_text(json.dumps(entries), encoding="utf-8")

    return spoil


def doubled_verdict(place: Path, patch: Patch) -> None:
    entries = json.loads((place / VERDICTS).read_text(encoding="utf-8"))
    (place / VERDICTS).write_text(json.dumps([*entries, entries[0]]), encoding="utf-8")


def first_of(name: str, **changes) -> Spoil:
    """A file of results/pix2pix of which the first row says something else."""

    def spoil(place: Path, patch: Patch) -> None:
        path = place / "results" / "pix2pix" / name
        first, *others = tiny.read_rows(path)
        tiny.write_rows(path, [{**first, **changes}, *others])

    return spoil


def mean(**changes) -> Spoil:
    """A summary of which the first row says something else."""
    return first_of("summary.csv", **changes)


def origin(**changes) -> Spoil:
    """Runs of which the first says something else of where it comes from."""
    return first_of("runs.csv", **changes)


def environments(**changes) -> Spoil:
    """Environments that say something of another kind."""

    def spoil(place: Path, patch: Patch) -> None:
        path = place / "results" / "pix2pix" / "environments.json"
        known = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({name: {**one, **changes} for name, one in known.items()}), encoding="utf-8")

    return spoil


def run_of(images: bytes | None = None, **facts) -> Spoil:
    """A run whose images or facts are others, with the digest that fits them."""

    def spoil(place: Path, patch: Patch) -> None:
        declared = study.load(".")
        run = declared.runs("pix2pix")[0]
        content = tiny.npz(tiny.images(run.variant, run.seed)) if images is None else images
        runs.write(runs.folder(declared, run), content, {"facts": {}, **runs.identity(run, "", ""), **facts})

    return spoil


def claimed(**changes) -> Spoil:
    """A claims.py that makes one claim, differently; as in a room, what is wrong with it shows when it is read."""

    def spoil(place: Path, patch: Patch) -> None:
        patch.setattr(judge, "claims_of", lambda declared: [claim(**changes)])

    return spoil


def claim(**changes) -> Claim:
    said = {
        "id": "it_sharpens",
        "replication": "pix2pix",
        "statement": "It sharpens.",
        "source": "somebody 2017",
        "explanation": ("E2",),
        "predicate": Greater("ssim", "l1_cgan", "l1"),
        "smallest_effect": 0.1,
        "unit": "sharper",
    }
    return Claim(**{**said, **changes})


def other_study(place: Path, patch: Patch) -> None:
    tiny.write_params(place / "other", tiny.params())


def twice_claimed(place: Path, patch: Patch) -> None:
    patch.setattr(judge, "claims_of", lambda declared: [claim(), claim()])


def set_to(variable: str, value: str, before: Spoil = nothing) -> Spoil:
    """An environment variable."""

    def spoil(place: Path, patch: Patch) -> None:
        before(place, patch)
        patch.setenv(variable, value)

    return spoil


def no_jax(place: Path, patch: Patch) -> None:
    gone("runs")(place, patch)
    patch.setenv("KERAS_BACKEND", "jax")
    patch.setattr(importlib.util, "find_spec", lambda name: None)


def dask_setting(key: str, value: str) -> Spoil:
    """What Dask has read from its environment and files, where there is something to train."""

    def spoil(place: Path, patch: Patch) -> None:
        gone("runs")(place, patch)
        patch.setitem(dask.config.config, key, value)

    return spoil


def undeclared_run(place: Path, patch: Patch) -> None:
    shutil.copytree("runs/pix2pix/l1/2", "runs/pix2pix/l1/7")


def other_arrays(**changes: np.ndarray | None) -> Spoil:
    """Exported arrays with some replaced, or left out."""

    def spoil(place: Path, patch: Patch) -> None:
        with np.load(ARRAYS) as archive:
            arrays = {**archive, **changes}
        np.savez(ARRAYS, **{name: values for name, values in arrays.items() if values is not None})

    return spoil


def in_place(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Spoil:
    """Exported arrays of which one is changed."""

    def spoil(place: Path, patch: Patch) -> None:
        with np.load(ARRAYS) as archive:
            changed = {name: change(archive[name])}
        other_arrays(**changed)(place, patch)

    return spoil


def pickled() -> bytes:
    """An .npz whose array is a pickle."""
    content = io.BytesIO()
    np.savez(content, output=np.array([{"a": 1}], object))
    return content.getvalue()


# --- archives ------------------------------------------------------------------------------------------------------

NAMES = ("facades/train/1.jpg", "facades/train/2.jpg", "facades/val/1.jpg", "facades/test/1.jpg")
ARCHIVE = "mirror/facades.tar.gz"


def picture(width: int = 512, height: int = 256, kind: str = "JPEG", colour: tuple[int, int, int] = (0, 48, 255)):
    """A file of the release: all of its label map is facade."""
    content = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(content, kind)
    return content.getvalue()


def bomb() -> bytes:
    """A PNG of a few bytes whose header promises 3.6 gigapixels."""
    small = picture(1, 1, "PNG")
    header = small[:16] + (60_000).to_bytes(4, "big") * 2 + small[24:29]
    return header + zlib.crc32(header[12:29]).to_bytes(4, "big") + small[33:]


def tar(files: dict[str, bytes], extra: tuple[tarfile.TarInfo, ...] = ()) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, inside in files.items():
            archive.addfile(member(name, len(inside)), io.BytesIO(inside))
        for one in extra:
            archive.addfile(one, io.BytesIO(bytes(one.size)))
    return content.getvalue()


def member(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, target
    return info


def release(**changes: bytes) -> dict[str, bytes]:
    """The four files that the builder expects here; `first` is the first one's content."""
    files = dict.fromkeys(NAMES, picture())
    return {**files, NAMES[0]: changes.get("first", files[NAMES[0]])}


def archive(files: dict[str, bytes], *extra: tarfile.TarInfo) -> Spoil:
    """A mirror whose archive holds these files."""
    return lambda place, patch: (place / ARCHIVE).write_bytes(tar(files, extra)) and None


def trusted(files: dict[str, bytes]) -> Spoil:
    """The same where the digest is theirs: what is wrong is seen in the images alone."""

    def spoil(place: Path, patch: Patch) -> None:
        from replications.datasets import cmp_facades, mirror

        archive(files)(place, patch)
        patch.setattr(cmp_facades, "DIGEST", mirror.digest(files))

    return spoil


def sparse() -> tarfile.TarInfo:
    """One megabyte that takes no byte of the archive."""
    one = member(NAMES[0])
    one.pax_headers = {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(2**20)}
    return one


def small_budget(place: Path, patch: Patch) -> None:
    from replications.datasets import mirror

    patch.setattr(mirror, "MAX_ARCHIVE_BYTES", 2**20)
    archive({f"zeros-{i}": bytes(2**19) for i in range(4)})(place, patch)


def wrong_checksum(place: Path, patch: Patch) -> None:
    content = bytearray((place / ARCHIVE).read_bytes())
    content[-1] ^= 1  # of the length that gzip compares last
    (place / ARCHIVE).write_bytes(content)


def unpacked(place: Path, patch: Patch) -> None:
    folder(ARCHIVE)(place, patch)


def half_prepared(place: Path, patch: Patch) -> None:
    (place / "new" / "cmp_facades" / "64" / "1.0.0").mkdir(parents=True)


def two_versions(place: Path, patch: Patch) -> None:
    shutil.copytree(place / PREPARED, place / PREPARED.parent / "9.0.0")


# --- the table -----------------------------------------------------------------------------------------------------

SCORES, VERDICTS, ARRAYS = "results/pix2pix/scores.csv", "results/verdicts.json", "arrays/facade_world-tiny.npz"
RUN = "runs/pix2pix/l1/1"
PREPARED = Path("data/facade_world/32/2.0.0")
SHARD = f"{PREPARED}/facade_world-train.tfrecord-00000-of-00001"
BOMB = "a: &a [1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{new}: &{new} [*{old},*{old},*{old},*{old},*{old},*{old},*{old},*{old},*{old}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
BUILD = "datasets build cmp_facades/64 --data-dir new"
EXPORT = "datasets export facade_world/32 --data-dir data --out out"
IT = "correct it there"
CLAIMS_FILE = "correct it in replications/pix2pix/claims.py"
MEASURE_AGAIN = "run `dvc repro --pull measure@pix2pix`"
TRAIN_AGAIN = "run `dvc repro --pull --single-item --force train@pix2pix`"
BEGIN = "begin (generated, do not edit) -->"
JUDGE_AGAIN = "run `dvc repro --pull judge`"
ARCHIVE_AGAIN, IMAGE_AGAIN = "get facades.tar.gz again", "get the archive again"
TRUSTED = "get facades.tar.gz from a trusted source"
BUILD_AGAIN = "build it with `python -m replications datasets build facade_world/32"

PARAMS = [
    Case("no-params", "judge", gone("params.yaml"), "params.yaml: no such file", "a study is a folder with", "--study"),
    Case("study-nowhere", "judge --study no", nothing, "no/params.yaml", "a study is a folder with", "--study"),
    Case("study-is-a-file", "judge --study README.md", nothing, "README.md/params.yaml", "a study is a", "--study"),
    Case("params-is-a-folder", "judge", folder("params.yaml"), "params.yaml: not readable", "a study is", "--study"),
    Case("empty", "judge", text("params.yaml", ""), "holds NoneType", "keys such as seeds and beta_vae", "add them"),
    Case("a-list", "judge", text("params.yaml", "- 1\n"), "holds list", "keys such as seeds and beta_vae", "add them"),
    Case("broken-yaml", "judge", text("params.yaml", "seeds: [1"), "params.yaml", "expected ',' or ']'", IT),
    Case("double-key", "judge", text("params.yaml", "a: 1\na: 2\n"), 'duplicate key "a"', "not readable as YAML", IT),
    Case("python-tag", "judge", text("params.yaml", "seeds: !!python/name:os.system"), "os.system", "as YAML", IT),
    Case("no-text", "judge", raw("params.yaml", b"seeds: [1] # \xff"), "params.yaml", "not readable as YAML", IT),
    Case("control-character", "judge", text("params.yaml", "\x00"), "params.yaml", "special characters are not", IT),
    Case("impossible-date", "judge", text("params.yaml", "seeds: 2026-99-99"), "params.yaml", "month must be in 1", IT),
    Case("thousand-brackets", "judge", text("params.yaml", "[" * 3000), "params.yaml", "not readable as YAML", IT),
    Case("billion-laughs", "judge", text("params.yaml", BOMB + "seeds: *i\n"), "unknown key 'a'", "known are", "seeds"),
    Case("laughing-seeds", "judge", params(seeds=[[[[0] * 9] * 9] * 9] * 9), "seeds.0 = [[[", "valid integer", IT),
    Case(
        "misspelt", "judge", section(ecpohs=3), "unknown key 'ecpohs'", "pix2pix.variants.l1", "did you mean 'epochs'"
    ),
    Case("unknown", "judge", section(colour=3), "unknown key 'colour'", "known are", "'epochs'"),
    Case("orders-to-a-terminal", "judge", params(**{"\x1b[31m": 1}), r"'\x1b[31m'", "known are", "seeds"),
    Case("missing", "judge", without("epochs"), "'epochs' is missing", "pix2pix.variants.l1", "give it a value"),
    Case("words", "judge", section(epochs="many"), "epochs = 'many'", "valid integer", IT),
    Case("negative", "judge", section(epochs=-1), "epochs = -1", "greater than 0", IT),
    Case("fraction", "judge", section(epochs=1.5), "epochs = 1.5", "valid integer", IT),
    Case("no-number", "judge", section(learning_rate=float("nan")), "learning_rate = nan", "finite number", IT),
    Case("infinite", "judge", section(lambda_l1=float("inf")), "lambda_l1 = inf", "finite number", IT),
    Case("choice", "judge", section(direction="up"), "direction = 'up'", "'labels_to_photo' or", IT),
    Case("half-a-batch", "judge", section(n_train=2), "n_train = 2", "at least one batch, 4", "params.yaml: pix2pix"),
    Case("data-elsewhere", "judge", section(dataset="../a"), "dataset = '../a'", "such as facade_world-32", IT),
    Case("seedless", "judge", params(seeds=[]), "seeds = []", "at least 1 item", IT),
    Case("seed-twice", "judge", params(seeds=[1, 2, 2]), "seed 2 is declared twice", "each seed is one run", "once"),
    Case("seed-negative", "judge", params(seeds=[-1]), "seed -1", "whole numbers from 0", "seeds = [-1]"),
    Case("seed-huge", "judge", params(seeds=[2**32]), "seed 4294967296", "up to 4294967295", "seeds = [4294967296]"),
    Case("seed-tuned", "judge", params(seeds=[101]), "seed 101", "a tuning seed", "seeds that nothing was tuned on"),
    Case("variant-is-a-path", "judge", section(variants={"../l1": {}}), "'../l1'", "such as l1_cgan", "rename it"),
    Case(
        "variant-is-true",
        "judge",
        swap("params.yaml", "    l1:", "    true:"),
        "True is no name",
        "such as l1_cgan",
        "rename it",
    ),
    Case("variants-are-a-list", "judge", section(variants=["l1"]), "['l1']", "such as variants:", "add them"),
    Case(
        "variant-is-null", "judge", section(variants={"l1": None}), "holds None", "keys such as epochs: 3", "add some"
    ),
    Case("section-is-null", "judge", params(pix2pix=None), "got None", "a section with its variants", "add them there"),
    Case("reader-elsewhere", "judge", labels_reader("../a"), "'../a'", "such as facade_world-32", IT),
    Case("line-end-in-a-key", "judge", labels_reader("a\nb"), r"'a\nb'", "such as facade_world-32", IT),
    Case("reader-reads-elsewhere", "judge", reader(dataset="/a"), "dataset = '/a'", "such as facade_world-32", IT),
    Case("reader-misspelt", "judge", reader(chanels=1), "readers.segmentation.chanels", "did you mean", "'channels'"),
    Case("reader-headless", "judge", labels_reader("a", heads=[]), "a.heads = []", "at least 1 item", IT),
]
HELP = "--help` says what is expected"
ARGUMENTS = [
    Case("train-what", "train", nothing, "replication", "arguments are required", HELP),
    Case("train-other", "train cyclegan", nothing, "'cyclegan'", "declared are ['pix2pix']", "name one of them"),
    Case("no-workers", "train pix2pix --workers 0", nothing, "--workers 0", "at least 1", "leave it out"),
    Case("workers-in-words", "train pix2pix --workers two", nothing, "'two'", "is no whole number", HELP),
    Case("workers-of-nothing", "train pix2pix --workers", nothing, "--workers", "expected one argument", HELP),
    Case("other-variant", "train pix2pix --only l3", nothing, "--only l3", "known are", "l1, l1_cgan"),
    Case("train-faster", "train pix2pix --fast", nothing, "--fast", "unrecognized arguments", HELP),
    Case("train-nowhere", "train pix2pix --study no", nothing, "no/params.yaml", "a study is a folder", "--study"),
    Case("measure-what", "measure", nothing, "replication", "arguments are required", HELP),
    Case("measure-other", "measure cyclegan", nothing, "'cyclegan'", "declared are ['pix2pix']", "name one of them"),
    Case("measure-more", "measure pix2pix l1", nothing, "l1", "unrecognized arguments", HELP),
    Case("measure-nowhere", "measure pix2pix --study no", nothing, "no/params.yaml", "a study is a", "--study"),
    Case("judge-more", "judge pix2pix", nothing, "pix2pix", "unrecognized arguments", HELP),
    Case("report-nowhere", "report --study no", nothing, "no/params.yaml", "a study is a folder", "--study"),
    Case("report-otherwise", "report --pdf", nothing, "--pdf", "unrecognized arguments", HELP),
    Case("readers-nowhere", "readers --study no", nothing, "no/params.yaml", "a study is a folder", "--study"),
    Case("readers-more", "readers labels", nothing, "labels", "unrecognized arguments", HELP),
    Case("audit-none", "audit --runs 0", nothing, "--runs 0", "expected at least 1", "leave it out"),
    Case("audit-other", "audit --only a/b/1", nothing, "--only a/b/1", "expected one such as", "params.yaml declares"),
    Case("audit-by-name", "audit --seed one", nothing, "'one'", "is no whole number", HELP),
    Case("trace-what", "trace", nothing, "claim", "arguments are required", HELP),
    Case("trace-other", "trace zzz", nothing, "'zzz'", "judges no such claim", "replications claims`"),
    Case("regress-what", "regress", nothing, "--against", "arguments are required", HELP),
    Case("regress-nowhere", "regress --against no", nothing, "--against no", "name a revision", "such as HEAD"),
    Case("datasets-what", "datasets", nothing, "command", "arguments are required", HELP),
    Case("datasets-fetch", "datasets fetch", nothing, "'fetch'", "choose from", "'build', 'export'"),
    Case(
        "build-other", "datasets build imagenet/64 --data-dir new", nothing, "'imagenet/64'", "one of", "cifar10_jpeg"
    ),
    Case("build-nowhere", "datasets build facade_world/32", nothing, "--data-dir", "arguments are required", HELP),
    Case("export-what", "datasets export --data-dir a --out b", nothing, "NAME", "arguments are required", HELP),
]
TRAINING = [
    Case("no-arrays", "train pix2pix", gone(ARRAYS), ARRAYS, "no such file", "run `dvc repro --pull arrays`"),
    Case("cut-arrays", "train pix2pix", cut(ARRAYS, 0.9), ARRAYS, "not a zip file", "run `dvc repro --pull arrays`"),
    Case("flipped-arrays", "train pix2pix", flip(ARRAYS, 0.5), ARRAYS, "is damaged", "run `dvc repro --pull arrays`"),
    Case("arrays-are-a-page", "train pix2pix", text(ARRAYS, "<html>"), ARRAYS, "not a zip file", "delete it if it is"),
    Case("grey-arrays", "train pix2pix", in_place("train_photo", lambda x: x[..., :1]),
         f"{ARRAYS}: train_photo: uint8 (48, 32, 32, 1)", "expected uint8 (N, S, S, 3), RGB", "name another data set"),
    Case("classes-without-a-colour", "train pix2pix", in_place("palette", lambda x: x[:2]),
         f"{ARRAYS}: train_labels: class ", "expected classes below 2, as many as palette", "export this one anew"),
    Case("arrays-are-a-folder", "train pix2pix", folder(ARRAYS), ARRAYS, "is a directory", "delete it if it is there"),
]  # fmt: skip
ENVIRONMENT = [
    Case(
        "train-by-theano", "train pix2pix", set_to("KERAS_BACKEND", "theano", gone("runs")),
        "KERAS_BACKEND=theano", "one of tensorflow, jax, torch", "unset it",
    ),
    Case(
        "read-by-theano", "readers", set_to("KERAS_BACKEND", "theano"),
        "KERAS_BACKEND=theano", "one of tensorflow, jax, torch", "unset it",
    ),
    Case("no-such-package", "train pix2pix", no_jax, "KERAS_BACKEND=jax", "the package jax", "install it, or set"),
    Case(
        "pigeon", "train pix2pix", dask_setting("scheduler-address", "pigeon://a:9"),
        "DASK_SCHEDULER_ADDRESS=pigeon://a:9", "no scheduler answers there", "unset it to train on this machine",
    ),
    Case(
        "no-port", "train pix2pix", dask_setting("scheduler-address", "tcp://127.0.0.1:port"),
        "DASK_SCHEDULER_ADDRESS=tcp://127.0.0.1:port", "no scheduler answers there", "start one, or unset it",
    ),
    Case(
        "tls-without-a-key", "train pix2pix", dask_setting("scheduler-address", "tls://127.0.0.1:9"),
        "DASK_SCHEDULER_ADDRESS=tls://127.0.0.1:9", "no scheduler answers there", "start one, or unset it",
    ),
    Case(
        "mirror-nowhere", BUILD, set_to("REPLICATIONS_MIRROR", "nowhere"),
        "REPLICATIONS_MIRROR=nowhere", "is no folder", "set REPLICATIONS_MIRROR to a folder that holds facades",
    ),
    Case(
        "mirror-is-a-file", BUILD, set_to("REPLICATIONS_MIRROR", ARCHIVE),
        f"REPLICATIONS_MIRROR={ARCHIVE}", "is no folder", "set REPLICATIONS_MIRROR to a folder that holds facades",
    ),
    Case(
        "mirror-without-it", BUILD, gone(ARCHIVE),
        "REPLICATIONS_MIRROR=mirror holds no such file", "cannot be downloaded", "or connect to the network",
    ),
    Case(
        "mirror-unpacked", BUILD, unpacked,
        "REPLICATIONS_MIRROR=mirror holds no such file", "cannot be downloaded", "or connect to the network",
    ),
]  # fmt: skip
CLAIMS = [
    Case("claims-nothing", "judge --study other", other_study,
         "no claim is about a study called 'other'", "named by their folder", "`--study .`"),
    Case("claims-variant", "judge", claimed(predicate=Greater("ssim", "l3", "l1")),
         "no scores of variant 'l3'", "there are scores of ['exact_mean',", "dvc repro --pull measure@pix2pix"),
    Case("claims-instrument", "judge", claimed(predicate=Greater("taste", "l1_cgan", "l1")),
         "no score by instrument 'taste'", "it has [", "dvc repro --pull measure@pix2pix"),
    Case("claims-replication", "judge", claimed(replication="cyclegan"),
         "no scores of replication 'cyclegan'", "there are ['pix2pix']", "dvc repro --pull measure@cyclegan"),
    Case("claims-explanation", "judge", claimed(explanation=("E9",)),
         "('E9',)", "there are E1, E2, E3, E4, E5", CLAIMS_FILE),
    Case("claims-nameless", "judge", claimed(id="it sharpens"),
         "pix2pix/it sharpens", "must be an identifier", CLAIMS_FILE),
    Case("claims-no-number", "judge", claimed(smallest_effect=float("nan")),
         "got nan", "must be a finite number", CLAIMS_FILE),
    Case("claims-twice", "judge", twice_claimed, "pix2pix/it_sharpens", "claims with the same name",
         "rename the others"),
]  # fmt: skip
NO_OUTPUT = tiny.npz({"input": np.zeros((1, 2, 2, 3), np.uint8)})
RUNS = [
    Case(
        "no-origin",
        "measure pix2pix",
        run_of(),
        f"{RUN}: facts.json has no 'environment'",
        "which instruments read",
        f"delete {RUN} and",
    ),
    Case(
        "no-output",
        "measure pix2pix",
        run_of(NO_OUTPUT, environment=tiny.ENVIRONMENT),
        f"{RUN}/images.npz: no array",
        "expected beside ['input']",
        f"delete {RUN} and",
    ),
    Case("no-run", "measure pix2pix", gone("runs/pix2pix/l1/2"), "pix2pix/l1/2", "1 of 4 declared runs", TRAIN_AGAIN),
    Case("no-runs", "measure pix2pix", gone("runs"), "first pix2pix/l1/1", "4 of 4 declared runs are", TRAIN_AGAIN),
    Case("run-too-many", "measure pix2pix", undeclared_run, "runs/pix2pix/l1/7", "undeclared", "declare it in params"),
    Case("cut-images", "measure pix2pix", cut(f"{RUN}/images.npz", 0.5), f"{RUN}/images.npz", "bytes", TRAIN_AGAIN),
    Case("flipped-images", "measure pix2pix", flip(f"{RUN}/images.npz", 0.5), RUN, "not those that the", TRAIN_AGAIN),
    Case("no-images", "measure pix2pix", gone(f"{RUN}/images.npz"), f"{RUN}: unreadable", "No such file", TRAIN_AGAIN),
    Case("cut-facts", "measure pix2pix", cut(f"{RUN}/facts.json", 0.5), RUN, "unreadable", TRAIN_AGAIN),
    Case("facts-are-a-list", "measure pix2pix", text(f"{RUN}/facts.json", "[]"), RUN, "holds list", TRAIN_AGAIN),
    Case("other-params", "measure pix2pix", run_of(params={}), RUN, "was trained with other parameters", TRAIN_AGAIN),
    Case("images-are-words", "measure pix2pix", run_of(b"words"), RUN, "no .npz file of arrays", f"delete {RUN} and"),
    Case(
        "images-are-pickles", "measure pix2pix", run_of(pickled()), RUN, "no .npz file of arrays", f"delete {RUN} and"
    ),
]
READ = [
    Case("no-scores", "judge", gone(SCORES), SCORES, "no such file", MEASURE_AGAIN),
    Case("scores-are-a-folder", "judge", folder(SCORES), SCORES, "is a directory", "mend it and run again"),
    Case("scores-empty", "judge", text(SCORES, ""), SCORES, "has no score of l1 seed 1", MEASURE_AGAIN),
    Case("scores-no-text", "judge", raw(SCORES, b"variant,seed\n\xff,1\n"), SCORES, "damaged", MEASURE_AGAIN),
    Case("scores-endless", "judge", text(SCORES, "variant\n" + "a" * 200_000), SCORES, "damaged", MEASURE_AGAIN),
    Case("no-column", "judge", swap(SCORES, "score,n_images", "skore,n_images"), "skore",
         "needs variant, seed, instrum",
         MEASURE_AGAIN),
    Case("no-seed", "judge", rows(lambda r: [one for one in r if one["seed"] != "2"]), "l1 seed 2", "has no score",
         MEASURE_AGAIN),
    Case("other-seed", "judge", first_row(seed="7"), "seed 7", "scores the undeclared run", MEASURE_AGAIN),
    Case("other-arm", "judge", first_row(variant="l3"), "l3 seed 1", "scores the undeclared run", MEASURE_AGAIN),
    Case("score-nan", "judge", first_row(score="nan"), "the score is nan", "did the run diverge?", MEASURE_AGAIN),
    Case("score-huge", "judge", first_row(score="1e999"), "the score is inf", "did the run diverge?", MEASURE_AGAIN),
    Case("score-in-words", "judge", first_row(score="good"), "'good'", "needs variant, seed, instrum", MEASURE_AGAIN),
    Case("score-in-other-digits", "judge", first_row(score="٣"), "score row 1", "expected a number", MEASURE_AGAIN),
    Case("score-with-a-line", "judge", first_row(score="1_0"), "score row 1", "expected a number", MEASURE_AGAIN),
    Case("score-is-huge", "judge", first_row(score="1e300"), "score row 1", "did the run diverge", MEASURE_AGAIN),
    Case("images-with-a-line", "judge", first_row(n_images="1_0"), "score row 1", "whole number", MEASURE_AGAIN),
    Case("of-no-images", "judge", first_row(n_images="0"), "score row 1", "at least 1", MEASURE_AGAIN),
    Case("column-too-few", "judge", swap(SCORES, ",4\n", "\n"), "score row", "each column", MEASURE_AGAIN),
    Case("column-too-many", "judge", swap(SCORES, ",4\n", ",4,7\n"), "score row", "each column", MEASURE_AGAIN),
    Case("score-twice", "judge", rows(lambda r: [r[0], *r]), "score row 2", "the second score of", MEASURE_AGAIN),
    Case("score-gone", "judge", rows(lambda r: [one for one in r if one is not r[0]]), "'l1'", "declared seeds [1]",
         "dvc repro --pull measure@pix2pix"),
    Case("score-negative", "judge", rows(lambda r: [{**one, "score": "-1"} for one in r]), "got -1", "positive scores",
         "dvc repro --pull measure@pix2pix"),
]  # fmt: skip
REPORTED = [
    Case("no-verdicts", "report", gone(VERDICTS), VERDICTS, "no such file", "run `dvc repro --pull` to judge first"),
    Case("verdicts-are-a-folder", "report", folder(VERDICTS), VERDICTS, "is a directory", "mend it and run again"),
    Case("cut-verdicts", "report", cut(VERDICTS, 0.9), VERDICTS, "damaged", JUDGE_AGAIN),
    Case("verdicts-are-no-text", "report", raw(VERDICTS, b"\xff"), VERDICTS, "damaged", JUDGE_AGAIN),
    Case("verdicts-are-a-number", "report", text(VERDICTS, "3"), VERDICTS, "expected a list of verdicts", JUDGE_AGAIN),
    Case("verdicts-are-numbers", "report", text(VERDICTS, "[3]"), VERDICTS, "expected a list of verd", JUDGE_AGAIN),
    Case("verdicts-in-brackets", "report", text(VERDICTS, "[" * 9000), VERDICTS, "damaged", JUDGE_AGAIN),
    Case("verdict-is-other", "report", verdict(colour="red"), VERDICTS, "differs in colour", JUDGE_AGAIN),
    Case("verdict-is-maybe", "report", verdict(verdict="maybe"), "verdict = 'maybe'", "expected", JUDGE_AGAIN),
    Case("effect-is-huge", "report", verdict(effect=1e308), "has an effect of 1e+308", "expected", JUDGE_AGAIN),
    Case("effect-outside", "report", verdict(interval=[5, -5]), "has an interval [5", "does not hold", JUDGE_AGAIN),
    Case("chance-of-seven", "report", verdict(p_value=7), "has p_value = 7", "expected a chance", JUDGE_AGAIN),
    Case("chance-below-none", "report", verdict(flip_chance=-3), "has flip_chance = -3", "a chance", JUDGE_AGAIN),
    Case("verdict-twice", "report", doubled_verdict, VERDICTS, "is listed twice", JUDGE_AGAIN),
    Case("effect-is-large", "report", verdict(effect="large"), "effect = 'large'", "expected", JUDGE_AGAIN),
    Case("explained-otherwise", "report", verdict(explanation=["E9"]), "= 'E9'", "expected", JUDGE_AGAIN),
    Case("no-markers", "report", text("results/README.md", "mine\n"), "README.md", BEGIN, "put them back"),
    Case("no-readme", "report", gone("README.md"), "README.md", "no such file", "run this in the repository's folder"),
    Case("no-rooms-markers", "report", text("replications/vq_vae/README.md", "mine\n"), "vq_vae/README.md", BEGIN,
         "put"),
    Case("no-means", "report", swap("results/pix2pix/summary.csv", ",mean,", ",moan,"), "summary.csv", "mean",
         MEASURE_AGAIN),
    Case("mean-is-none", "report", mean(mean="nan"), "summary.csv", "is nan [", MEASURE_AGAIN),
    Case("mean-is-outside", "report", mean(low="9e5"), "summary.csv", "[900000", MEASURE_AGAIN),
    Case("mean-in-other-digits", "report", mean(mean="٣"), "summary.csv", "expected a number", MEASURE_AGAIN),
    Case("run-of-no-digest", "report", origin(images_sha256="x"), "runs.csv", "expected a SHA-256", "dvc repro --pull"),
    Case("seed-with-a-sign", "report", origin(seed=" +1"), "runs.csv", "expected a whole number", "dvc repro --pull"),
    Case("packages-are-a-list", "report", environments(packages=[1]), "environments.json", ".packages is [1]",
         "dvc repro --pull"),
    Case("device-is-a-number", "report", environments(device=5), "environments.json", ".device is 5",
         "dvc repro --pull"),
    Case("no-ceilings", "report", gone("results/readers.json"), "readers.json", "no such file", " readers`"),
    Case("no-origins", "report", gone("results/pix2pix/runs.csv"), "runs.csv", "no such file", "dvc repro --pull`"),
    Case("other-origins", "report", swap("results/pix2pix/runs.csv", "seed", "sow"), "runs.csv", "a row is not",
         "dvc repro"),
    Case("cut-environments", "report", cut("results/pix2pix/environments.json", 0.5), "environments.json", "damaged",
         "run `dvc repro --pull`"),
    Case("cut-ceilings", "report", cut("results/readers.json", 0.5), "readers.json", "damaged", " readers`"),
]  # fmt: skip
READERS = [
    Case("reads-nothing", "readers", gone(ARRAYS), ARRAYS, "expected exported arrays", "datasets export`"),
    Case("reads-half", "readers", cut(ARRAYS, 0.5), ARRAYS, "no whole .npz file of arrays", "make it again"),
    Case("reads-pickles", "readers", raw(ARRAYS, pickled()), ARRAYS, "no whole .npz file of arrays", "make it again"),
    Case("reads-unlabelled", "readers", other_arrays(palette=None), ARRAYS, "no array 'palette', expected",
         "name another data set"),
    Case("reads-without-photos", "readers", other_arrays(train_photo=None), ARRAYS, "no array 'train_photo'",
         "export it again"),
    Case("reads-other-labels", "readers", labels_reader("facade_world-tiny", heads=["cat"]), "'cat'", "known are",
         "correct heads in readers"),
    Case("readers-are-a-file", "readers", file("readers"), "readers", "not a directory", "mend it and run again"),
]  # fmt: skip
MIRROR = [
    Case("cut-archive", BUILD, cut(ARCHIVE, 0.6), ARCHIVE, "of 4 expected images", ARCHIVE_AGAIN),
    Case("empty-archive", BUILD, raw(ARCHIVE, b""), ARCHIVE, "4 expected images", ARCHIVE_AGAIN),
    Case("archive-is-a-page", BUILD, raw(ARCHIVE, b"<html>404</html>"), ARCHIVE, "no .tar.gz archive", ARCHIVE_AGAIN),
    Case("archive-of-noise", BUILD, raw(ARCHIVE, gzip.compress(bytes(range(256)) * 40)), ARCHIVE, "no .tar.gz",
         ARCHIVE_AGAIN),
    Case("flipped-archive", BUILD, flip(ARCHIVE, 0.5), ARCHIVE, "expected", ARCHIVE_AGAIN),
    Case("wrong-checksum", BUILD, wrong_checksum, ARCHIVE, "no .tar.gz archive (Incorrect length", ARCHIVE_AGAIN),
    Case("other-images", BUILD, archive(release(first=picture(colour=(255, 0, 0)))), ARCHIVE, "images have the digest",
         "get the original facades.tar.gz"),
    Case("image-gone", BUILD, archive({NAMES[1]: b""}), "facades/test/1.jpg is the first missing", "4 expected images",
         ARCHIVE_AGAIN),
    Case("image-too-many", BUILD, archive(release(), member("facades/cat.png")), "'facades/cat.png'",
         "not one of the 4 expected", ARCHIVE_AGAIN),
    Case("image-twice", BUILD, archive(release(), member(NAMES[0])), NAMES[0], "there twice, expected once",
         ARCHIVE_AGAIN),
    Case("outside", BUILD, archive({}, member("../../cat.jpg")), "'../../cat.jpg'", "relative names below it", TRUSTED),
    Case("absolute", BUILD, archive({}, member("/cat.jpg")), "'/cat.jpg'", "relative names below it", TRUSTED),
    Case("backslash", BUILD, archive({}, member(r"..\cat.jpg")), r"..\\cat.jpg", "relative names below it", TRUSTED),
    Case("drive", BUILD, archive({}, member("C:cat.jpg")), "'C:cat.jpg'", "relative names below it", TRUSTED),
    Case("link", BUILD, archive({}, member(NAMES[0], 0, tarfile.SYMTYPE, "/x")), NAMES[0], "files and folders",
         TRUSTED),
    Case("hard-link", BUILD, archive({}, member(NAMES[0], 0, tarfile.LNKTYPE, "x")), NAMES[0], "files and fol",
         TRUSTED),
    Case("pipe", BUILD, archive({}, member("pipe", 0, tarfile.FIFOTYPE)), "'pipe'", "files and folders only", TRUSTED),
    Case("device", BUILD, archive({}, member("disk", 0, tarfile.BLKTYPE)), "'disk'", "files and folders", TRUSTED),
    Case("sparse", BUILD, archive({}, sparse()), NAMES[0], "is a sparse file, expected plain files", TRUSTED),
    Case("member-too-large", BUILD, archive({}, member("a", 2**20 + 1)), "1048577 bytes", "at most 1048576", TRUSTED),
    Case("zeros", BUILD, small_budget, "more than 1048576 bytes when decompressed", "expected less", ARCHIVE_AGAIN),
    Case("line-end-in-a-name", BUILD, archive({}, member("a\nb/../../c")), r"'a\nb/../../c'", "relative names",
         TRUSTED),
    Case("image-small", BUILD, trusted(release(first=picture(8, 4))), f"{NAMES[0]}: 8×4", "512×256", IMAGE_AGAIN),
    Case("image-bomb", BUILD, trusted(release(first=bomb())), NAMES[0], "not a readable image", IMAGE_AGAIN),
    Case("image-is-words", BUILD, trusted(release(first=b"words")), NAMES[0], "not a readable image", IMAGE_AGAIN),
    Case("half-an-image", BUILD, trusted(release(first=picture()[:600])), NAMES[0], "not a readable", IMAGE_AGAIN),
    Case("image-of-another-kind", BUILD, trusted(release(first=picture(kind="TIFF"))), NAMES[0], "not a readable image",
         IMAGE_AGAIN),
    Case("wrong-colours", BUILD, trusted(release(first=picture(colour=(90, 90, 90)))), f"{NAMES[0]}: 0%",
         "at least 40%: not the colours of the pix2pix release", ARCHIVE_AGAIN),
]  # fmt: skip
PREPARED_DATA = [
    Case("half-prepared", BUILD, half_prepared, "new/cmp_facades/64/1.0.0", "holds no whole data set", "remove it"),
    Case("data-below-a-file", BUILD.replace("new", "README.md/new"), nothing, "README.md", "file exists", "mend it"),
    Case("data-is-a-file", BUILD.replace("new", "README.md"), nothing, "README.md", "not a directory", "mend it"),
    Case("not-prepared", "datasets export cmp_facades/64 --data-dir data --out out", nothing, "data/cmp_facades/64",
         "expected cmp_facades/64", "build it with"),
    Case("one-of-two-prepared", EXPORT.replace("--data", "facade_world/64 --data"), nothing, "data/facade_world/64",
         "no prepared data set",
         "build it with `python -m replications datasets build facade_world/64"),
    Case("export-elsewhere", EXPORT.replace("facade_world/32", "../data"), nothing, "data/../data", "expected ../data",
         "build it with"),
    Case("two-versions", EXPORT, two_versions, "2.0.0, 9.0.0", "expected exactly one", "remove the others"),
    Case("cut-description", EXPORT, cut(f"{PREPARED}/dataset_info.json", 0.5), str(PREPARED), "damaged", BUILD_AGAIN),
    Case("other-features", EXPORT, text(f"{PREPARED}/features.json", "{}"), str(PREPARED), "damaged", BUILD_AGAIN),
    Case("no-shard", EXPORT, gone(SHARD), f"{PREPARED}: split train", "truncated or damaged", BUILD_AGAIN),
    Case("cut-shard", EXPORT, cut(SHARD, 0.7), f"{PREPARED}: split train", "truncated or damaged", BUILD_AGAIN),
    Case("flipped-shard", EXPORT, flip(SHARD, 0.5), f"{PREPARED}: split train", "truncated or damaged", BUILD_AGAIN),
    Case("empty-shard", EXPORT, raw(SHARD, b""), "split train of facade_world/32 has 0 examples", "says 12",
         BUILD_AGAIN),
    Case("shards-swapped", EXPORT, lambda *_: shutil.copy(SHARD, SHARD.replace("train", "test")) and None,
         "split test of facade_world/32 has 12 examples", "says 5", BUILD_AGAIN),
    Case("out-is-a-file", EXPORT.replace("out out", "out README.md"), nothing, "README.md", "file exists", "mend it"),
    Case("out-has-a-folder", EXPORT, folder("out/facade_world-32.npz"), "out/facade_world-32.npz", "directory", "mend"),
]  # fmt: skip
CASES = [
    *PARAMS, *ARGUMENTS, *TRAINING, *ENVIRONMENT, *CLAIMS, *RUNS, *READ, *REPORTED, *READERS, *MIRROR, *PREPARED_DATA,
]  # fmt: skip


# --- the repository that is spoilt ---------------------------------------------------------------------------------

README = f"# It\n\n{tiny.markers('replications', 'results')}"


class InThisProcess:
    """Takes the place of the pool of processes."""

    def __init__(self, *_, **__):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def submit(self, function: Callable, *arguments) -> Future:
        future = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


@pytest.fixture(scope="module")
def around() -> Iterator[None]:
    """What all cases share: the claims that two variants can decide, and a reader that takes everything for sky."""
    with pytest.MonkeyPatch.context() as patch:
        variants = {*tiny.PIX2PIX["variants"], "majority", "photos", "exact_mean", "exact_median"}
        decidable = [
            claim for claim in pix2pix_claims.CLAIMS
            if "root" in claim.studies
            and {name for name, _ in claim.needs.union(*(check.needs for check in claim.checks_of("root")))} <= variants
        ]  # fmt: skip
        patch.setattr(pix2pix_claims, "CLAIMS", decidable)
        patch.setattr(measure, "pool", InThisProcess)
        patch.setattr(controls, "pool", InThisProcess)
        patch.setattr(recognition, "load_reader", lambda path: {})
        patch.setattr(recognition, "read", lambda weights, photos: np.zeros(photos.shape[:3], np.uint8))
        for variable in ("REPLICATIONS_MIRROR", "KERAS_BACKEND"):
            patch.delenv(variable, raising=False)
        yield


@pytest.fixture(scope="module")
def finished(around, tmp_path_factory) -> Path:
    """A small repository in which everything was trained, measured, judged and reported."""
    place = tmp_path_factory.mktemp("finished") / "repository"
    with pytest.MonkeyPatch.context() as patch:
        tiny.write_study(place)
        tiny.write_readmes(place, README)
        patch.chdir(place)
        declared = study.load(".")
        for seed in declared.seeds:
            (place / "readers" / str(seed)).mkdir(parents=True)
            (place / "readers" / str(seed) / "segmentation.npz").write_bytes(b"")
        data = runs.sha256((place / ARRAYS).read_bytes())
        for run in declared.runs("pix2pix"):
            facts = {
                "facts": {},
                "environment": tiny.ENVIRONMENT,
                **tiny.shown(run),
                **runs.identity(run, code_hash("pix2pix"), data),
            }
            runs.write(runs.folder(declared, run), tiny.npz(tiny.images(run.variant, run.seed)), facts)
        measure.measure(declared, "pix2pix")
        controls.measure(declared, "pix2pix")
        (place / "results" / "readers.json").write_text('{"segmentation": {"1": {"pixel_accuracy": 0.9}}}')
        assert judge.main([]) == 0
        assert report.main([]) == 0
    return place


@pytest.fixture(scope="module")
def prepared(around, tmp_path_factory) -> Path:
    """The same for data: a mirror with a release of four files, a prepared data set, and its export."""
    from replications.datasets import cmp_facades, facade_world, mirror
    from replications.datasets import commands as datasets

    place = tmp_path_factory.mktemp("prepared") / "repository"
    (place / "mirror").mkdir(parents=True)
    (place / "README.md").write_text(README)
    (place / ARCHIVE).write_bytes(tar(release()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(facade_world.SPLITS, "32", {"train": 12, "test": 5})
        assert datasets.main(["build", "facade_world/32", "--data-dir", str(place / "data")]) == 0
    datasets.export("facade_world/32", place / "data", place / "out")
    splits = {"train": ("train", 2), "validation": ("val", 1), "test": ("test", 1)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cmp_facades, "SPLITS", splits)
        patch.setattr(cmp_facades, "DIGEST", mirror.digest(release()))
        patch.setattr(cmp_facades, "URL", "http://127.0.0.1:9/facades.tar.gz")
        yield place


@pytest.fixture
def place(tmp_path, request, monkeypatch) -> Path:
    """A copy, to be spoilt, of what the case's command works on."""
    data = request.param.startswith("datasets") or "mirror" in request.param
    shutil.copytree(request.getfixturevalue("prepared" if data else "finished"), tmp_path / "repository")
    monkeypatch.chdir(tmp_path / "repository")
    if data:
        monkeypatch.setenv("REPLICATIONS_MIRROR", "mirror")
    return tmp_path / "repository"


def snapshot(place: Path) -> dict[str, tuple]:
    """All that is there, and when it was written: a file that is replaced by its like was overwritten as well."""
    digests = tiny.hashes(place)
    return {
        str(path.relative_to(place)): (
            digests.get(str(path.relative_to(place))),
            path.stat().st_mtime_ns if path.is_file() else None,
        )
        for path in place.rglob("*")
    }


def ends(line: str, patch: Patch) -> int:
    """The exit status of a command that is run as `python -m replications.…` runs it."""
    module, *arguments = shlex.split(line)
    patch.setattr(sys, "argv", ["replications", module, *arguments])
    with pytest.raises(SystemExit) as stopped:
        command.run(door.main)
    return stopped.value.code


# --- the tests -----------------------------------------------------------------------------------------------------


def test_the_table_is_long_enough_and_names_each_case_once(capsys):
    assert len({case.id for case in CASES}) == len(CASES)
    assert len(CASES) >= 60
    with capsys.disabled():
        print(f"\n{len(CASES)} bad inputs")


@pytest.mark.parametrize(
    ("place", "line"),
    [(line, line) for line in ("train pix2pix", "measure pix2pix", "judge", "report", BUILD, EXPORT)],
    indirect=["place"],
)
def test_unspoilt_every_command_succeeds(place, line, monkeypatch, capsys):
    assert ends(line, monkeypatch) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("place", "case"),
    [pytest.param(c.command, c, id=c.id) for c in CASES],
    indirect=["place"],
)
def test_bad_input_ends_in_one_clear_line_and_touches_nothing(place, case, monkeypatch, capsys):
    case.spoil(place, monkeypatch)
    before = snapshot(place)
    capsys.readouterr()
    status = ends(case.command, monkeypatch)
    said = capsys.readouterr().err
    assert status == 2, said
    assert said.startswith("error: ")
    assert said.count("\n") == 1, said
    assert said.strip().isprintable()
    for words in (case.value, case.expectation, case.remedy):
        assert words in said, f"expected {words!r} in: {said}"
    assert len(said) < 1000, "nobody reads that"
    assert snapshot(place) == before


@pytest.mark.parametrize("quoted", ["a\nb", "a\r\nerror: b", "\x1b[31ma", "a\x00b", "a\u202eb", "\udcff"])
def test_whatever_a_message_quotes_it_is_one_printable_line(quoted, capsys):
    def main() -> int:
        raise ReplicationError(f"{quoted}: expected less; take it away")

    with pytest.raises(SystemExit):
        command.run(main)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.strip().isprintable()


HANDFUL = ("workers-in-words", "verdicts-are-a-number", "cut-shard")


@pytest.mark.parametrize(
    ("place", "case"), [(c.command, c) for c in CASES if c.id in HANDFUL], ids=lambda c: getattr(c, "id", ""),
    indirect=["place"],
)  # fmt: skip
def test_a_handful_in_processes_of_their_own(place, case, monkeypatch):
    case.spoil(place, monkeypatch)
    module, *arguments = shlex.split(case.command)
    before = snapshot(place)
    done = tiny.command(module, *arguments, cwd=place)
    tiny.assert_one_line_error(done, case.value, case.expectation, case.remedy)
    assert snapshot(place) == before

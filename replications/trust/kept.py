"""Keeps the first outputs of finished runs, without loss: `python -m replications keep pix2pix --study paper`.

When a lent GPU goes back, its runs are lost, and with them the pictures that a new instrument could be applied to. So
the outputs for the first test inputs are kept: outputs/ROOM/VARIANT/SEED.webp in the study's folder, squares below each
other. `dvc add` pins that folder, and `dvc push` puts it into the bundled remote. A clone needs no pull: `kept.of_run`
reads the bundled remote, too, and gives the pictures as an array.

What is checked: that the files are those that were pinned and are of measured runs; that they are what the sample sheet
shows, which shows the first seed alone; and, of files that name the run's pictures, that these were measured. The
scores cannot be checked: they are means over all test inputs.
"""

import argparse
import io
import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from replications import command, locks, runs, study
from replications.errors import ReplicationError
from replications.measuring import sheets
from replications.results import read_runs, write_bytes
from replications.trust.chain import md5

FOLDER = "outputs"
PIXELS = 6 * 256 * 256
"""Of a run, unless asked for otherwise: six pictures of 256 pixels a side, or 384 of 32."""
LIMIT = 40_000_000
"""Bytes of all kept outputs of a study: a clone of the repository carries them."""
LONGEST = 16_383
"""Pixels of a side, at most, in WebP."""
ARRAYS = ("output", "prior")
"""Those of a run that are kept: what it makes of the test inputs or, of a net without inputs, its samples."""
TAG = ExifTags.Base.ImageDescription
"""Where a file says which pictures it is taken from: SHA-256 of the run's images.npz. Files of before have none."""


class KeptError(ReplicationError):
    """Outputs that cannot be kept, or that are not what they should be."""


@dataclass(frozen=True)
class Kept:
    """The file of one run."""

    path: Path
    """As the study names it."""
    content: Path
    """Where its bytes are: there, if they were pulled, else in the bundled remote."""
    md5: str | None
    """As it was pinned; None: no pin names it."""

    @property
    def remedy(self) -> str:
        """What brings its bytes back."""
        if self.content == self.path:
            return f"`dvc checkout {self.path}` brings it back"
        return f"`git restore {self.content}` brings it back, or `dvc push` on the machine that pinned it"


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(
        prog="python -m replications keep", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("replication", help="whose finished runs")
    parser.add_argument("--study", default=".", help="the study's folder (default: the bundled study)")
    parser.add_argument("--only", action="append", metavar="VARIANT", help="only this variant; may be repeated")
    parser.add_argument("--first", type=int, help=f"how many outputs (default: as many as {PIXELS:,} pixels hold)")
    arguments = parser.parse_args(argv)
    declared = study.load(arguments.study)
    if arguments.first is not None and arguments.first < 1:
        raise KeptError(f"--first {arguments.first}: expected at least 1; leave it out for as many as fit")
    wanted = finished_here(declared, arguments.replication, arguments.only)
    folder, pin, before = declared.folder / FOLDER, pin_of(declared), every(declared)
    away = [one for one in before if one.content != one.path]
    if away:
        raise KeptError(
            f"{folder}: {len(away)} files that {pin} pins are not here, expected all, for `dvc add` would forget them; "
            f"run `dvc pull {pin}` first"
        )
    content, n_bytes = {}, 0
    others = {one.path: one.path.stat().st_size for one in before}
    for run in wanted:  # all of them are read before any is written
        path = file_of(declared, run)
        content[path] = as_webp(run, measured(declared, run), arguments.first)
        others.pop(path, None)
        n_bytes = sum(others.values()) + sum(map(len, content.values()))
        if n_bytes > LIMIT:
            raise KeptError(
                f"{folder}: {n_bytes / 1e6:.1f} MB up to {run.name}, expected at most {LIMIT / 1e6:.0f} MB; ask for "
                "fewer outputs by --first, or for some variants by --only"
            )
    for path, picture in content.items():
        write_bytes(path, picture)
    numbers = " or ".join(map(str, sorted({len(read(path)) for path in content})))
    print(f"the first {numbers} outputs of {len(wanted)} runs kept, {n_bytes / 1e6:.1f} MB in {folder}")
    print(f"now: dvc add {folder} && dvc push {pin} && git add {pin} {locks.BUNDLED}")
    return 0


def finished_here(declared: study.Study, replication: str, only: Sequence[str] | None = None) -> list[study.Run]:
    """The runs whose folders are on this machine, of some variants or of all.

    Raises:
        KeptError: an unknown variant, or no run.
    """
    known = declared.runs(replication)
    unknown = sorted(set(only or ()) - {run.variant for run in known})
    if unknown:
        variants = ", ".join(dict.fromkeys(run.variant for run in known))
        raise KeptError(f"--only {unknown[0]}: unknown variant of {replication}; known are {variants}")
    found = [run for run in known if not only or run.variant in only]
    found = [run for run in found if (runs.folder(declared, run) / "facts.json").exists()]
    if not found:
        raise KeptError(
            f"{declared.folder / 'runs' / replication}: no finished run of those asked for, expected some; train them, "
            "or take them in by `python -m replications import-runs`"
        )
    return found


def measured(declared: study.Study, run: study.Run) -> runs.Finished:
    """A run on this machine, which is the one that was measured, if one was.

    Raises:
        KeptError: another one was.
    """
    finished, row = runs.read(declared, run), _row(declared, run)
    if row and row["images_sha256"] != finished.facts["images_sha256"]:
        raise KeptError(
            f"{runs.folder(declared, run)}: has other pictures than the run that was measured, expected the same; "
            f"measure it first, by `python -m replications measure {run.replication} --study {declared.folder}`"
        )
    return finished


def _row(declared: study.Study, run: study.Run) -> dict[str, str] | None:
    if not (declared.folder / "results" / run.replication / "runs.csv").exists():
        return None
    return read_runs(declared.folder, run.replication).get((run.variant, run.seed))


def file_of(declared: study.Study, run: study.Run) -> Path:
    """Where a run's outputs are kept."""
    return declared.folder / FOLDER / run.replication / run.variant / f"{run.seed}.webp"


def pin_of(declared: study.Study) -> Path:
    """The file by which DVC pins them."""
    return declared.folder / f"{FOLDER}.dvc"


def as_webp(run: study.Run, finished: runs.Finished, first: int | None = None) -> bytes:
    """A run's first outputs, below each other, without loss, and the digest of all its pictures.

    Args:
        run: whose.
        finished: the same; `output` or else `prior` is uint8 (N, S, S, 3).
        first: how many; None: as many as `PIXELS` hold. Where there are fewer, all of them.

    Raises:
        KeptError: its arrays are no such pictures, or WebP cannot hold so many.
    """
    name, pictures = kept_array(finished)
    if pictures is None or not are_pictures(pictures):
        found = "not there" if pictures is None else f"{pictures.dtype} {pictures.shape}"
        raise KeptError(
            f"{run.name}: {name} is {found}, expected square pictures of three colours; leave its variant out by --only"
        )
    side = pictures.shape[1]
    most = LONGEST // side
    if first is not None and min(first, len(pictures)) > most:
        raise KeptError(f"--first {first}: a WebP holds at most {most} pictures of {side} pixels; ask for no more")
    shown = pictures[: first or min(most, max(1, PIXELS // side**2))]
    exif, content = Image.Exif(), io.BytesIO()
    exif[TAG] = finished.facts["images_sha256"]
    strip = Image.fromarray(np.concatenate(shown))
    strip.save(content, format="webp", lossless=True, quality=100, method=6, exif=exif)
    return content.getvalue()


def are_pictures(array: np.ndarray) -> bool:
    """Whether an array holds square pictures in bytes that WebP can hold: uint8 (N, S, S, 3)."""
    if array.dtype != np.uint8 or array.ndim != 4 or not len(array):
        return False
    _, height, width, channels = array.shape
    return 0 < height == width <= LONGEST and channels == 3


def kept_array(finished: runs.Finished) -> tuple[str, np.ndarray | None]:
    """The name of the array of a run that is kept, and the array; None where it has none."""
    name = next((name for name in ARRAYS if name in finished.images), ARRAYS[0])
    return name, finished.images.get(name)


def read(path: Path) -> np.ndarray:
    """The pictures of a kept file: uint8 (N, S, S, 3).

    Raises:
        KeptError: it holds none.
    """
    try:
        with Image.open(path, formats=["webp"]) as opened:
            strip = np.asarray(opened.convert("RGB"))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError, ValueError, SyntaxError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise KeptError(f"no WebP picture ({why})") from None
    height, width, _ = strip.shape
    if height % width:
        raise KeptError(f"{width} × {height} pixels, expected squares below each other")
    return strip.reshape(height // width, width, width, 3)


def taken_from(path: Path) -> str | None:
    """SHA-256 of the images.npz that a kept file says it is taken from; None where it does not say."""
    with Image.open(path, formats=["webp"]) as opened:
        return opened.getexif().get(TAG)


def every(declared: study.Study) -> list[Kept]:
    """All that is kept of a study: what is pinned, and what is here without a pin.

    Raises:
        ReplicationError: pin or listing are damaged.
    """
    pin, found = pin_of(declared), {}
    for folder, digest in (locks.pinned(pin) if pin.exists() else {}).items():
        listing = locks.bundled(digest)
        try:
            listed = [(str(one["relpath"]), str(one["md5"])) for one in json.loads(listing.read_bytes())]
        except FileNotFoundError:
            raise KeptError(
                f"{pin}: pins what is not in {locks.BUNDLED}; run `dvc push {pin}` on the machine that pinned it, or "
                f"`git restore {listing}`"
            ) from None
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise KeptError(
                f"{listing}: no list of files ({type(error).__name__}), expected DVC's; `git restore {listing}` brings "
                "it back"
            ) from None
        for name, digest_of_file in listed:
            path = folder / name
            found[path] = Kept(path, path if path.exists() else locks.bundled(digest_of_file), digest_of_file)
    for path in sorted((declared.folder / FOLDER).rglob("*.webp")):
        found.setdefault(path, Kept(path, path, None))
    return list(found.values())


def of_run(declared: study.Study, run: study.Run) -> np.ndarray | None:
    """The kept outputs of a run, uint8 (N, S, S, 3); None where there are none.

    Raises:
        KeptError: they are damaged.
    """
    for one in every(declared):
        if one.path == file_of(declared, run):
            try:
                return read(one.content)
            except KeptError as error:
                raise KeptError(f"{one.path}: {error}; {one.remedy}") from None
    return None


def problems(declared: study.Study, only: Collection[study.Run] | None = None) -> Iterator[str]:
    """A line for what is not as it should be: of all that is kept, or of some runs alone."""
    try:
        found = every(declared)
    except ReplicationError as error:
        yield str(error)
        return
    folder, pin = declared.folder / FOLDER, pin_of(declared)
    again = f"`dvc add {folder} && dvc push {pin}`"
    known = {file_of(declared, run): run for room in declared.variants for run in declared.runs(room)}
    asked = None if only is None else {file_of(declared, run) for run in only}
    found = [one for one in found if asked is None or one.path in asked]
    loose = [one.path for one in found if one.md5 is None]
    if loose:
        yield f"{folder}: {len(loose)} files that {pin} does not pin, first {loose[0]}; run {again}"
    for one in found:
        run = known.get(one.path)
        if run is None:
            yield f"{one.path}: is of no declared run; take it out of {folder} (`dvc pull {pin}`), then run {again}"
        else:
            yield from (f"{one.path}: {what}" for what in _wrong(declared, run, one))


def _wrong(declared: study.Study, run: study.Run, one: Kept) -> Iterator[str]:
    """What is not right with the file of a run, in words."""
    try:
        row, outputs, digest, shown = (
            _row(declared, run),
            read(one.content),
            taken_from(one.content),
            on_the_sheet(declared, run),
        )
    except KeptError as error:
        yield f"{error}; {one.remedy}"
        return
    except ReplicationError as error:
        yield f"cannot be compared: {error}"
        return
    if row is None:
        yield f"is of a run that was not measured, expected one of results/{run.replication}/runs.csv; measure it"
    elif digest not in (None, row["images_sha256"]):
        yield "is taken from another run than the one that was measured; run `python -m replications keep` again"
    if one.md5 is not None and md5(one.content) != one.md5:
        yield f"its bytes are not those that were pinned; {one.remedy}"
    elif shown is not None:
        small = sheets.halved(outputs)[: len(shown)]
        if not np.array_equal(small, shown[: len(small)]):
            yield f"is not what the sample sheet shows of {run.name}; {one.remedy}, or measure again for another sheet"


def on_the_sheet(declared: study.Study, run: study.Run) -> np.ndarray | None:
    """What the sample sheet shows of a run, uint8 (rows, S, S, 3); None where no column has its variant's name.

    A sheet shows the first seed.
    """
    if run.seed != declared.seeds_of(run.replication)[0]:
        return None
    columns = sheets.load(declared, run.replication)
    for title, strip in columns.strips.items():
        if re.sub(r"\W+", "_", title) in (run.variant, f"prior_{run.variant}"):
            return np.asarray(strip).reshape(columns.rows, columns.height, columns.width, 3)
    return None


def in_words(declared: study.Study, wanted: Collection[study.Run]) -> tuple[list[str], list[str]]:
    """For `trace`: what is kept of some runs and what it is good for, if anything is; and what is wrong with it."""
    wrong = list(problems(declared, wanted))
    try:
        found = {one.path for one in every(declared)} & {file_of(declared, run) for run in wanted}
    except ReplicationError:
        return [], wrong
    if not found:
        return [], wrong
    return [
        f"the first outputs of {len(found)} of these {len(wanted)} runs are kept in {declared.folder / FOLDER}: a new "
        "instrument can read them, but the scores are means over all test inputs"
    ], wrong


def compared(outputs: np.ndarray | None, finished: runs.Finished) -> str:
    """For `audit`: how near a run that was trained again is to its kept outputs; empty where there are none."""
    if outputs is None:
        return ""
    name, pictures = kept_array(finished)
    if pictures is None or pictures[: len(outputs)].shape != outputs.shape:
        return f"; kept are {len(outputs)} outputs of another shape than its {name}"
    error = np.square(pictures[: len(outputs)] / 255 - outputs / 255).mean()
    if not error:
        return f"; its first {len(outputs)} outputs are the kept ones"
    return f"; PSNR of its first {len(outputs)} outputs against the kept ones: {-10 * np.log10(error):.1f} dB"

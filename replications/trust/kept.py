"""Keeps the first outputs of finished runs, without loss: `python -m replications keep pix2pix --study paper`.

A run on a lent GPU leaves with the machine, and with it the pictures that a new instrument could be applied to. So its
outputs for the first test inputs stay: outputs/ROOM/VARIANT/SEED.webp in the study's folder, squares below each other.
`dvc add` pins that folder and `dvc push` puts it into the bundled remote. A clone has it by `dvc pull
paper/outputs.dvc`, and `kept.read` gives the pictures as an array.

What the pictures can show: that they are those of the sheet, where a sheet shows the run; what an instrument says of
them; and how far a run that is trained again is from them. What they cannot show: the scores, which are means over all
test inputs.
"""

import argparse
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from replications import command, locks, runs, study
from replications.errors import ReplicationError
from replications.measuring import sheets
from replications.results import read_runs, write_bytes

FOLDER = "outputs"
REMOTE = Path(".dvc/bundled/files/md5")
PIXELS = 6 * 256 * 256
"""Of a run, unless asked for otherwise: six pictures of 256 pixels a side, or 384 of 32."""
LIMIT = 40_000_000
"""Bytes of all kept outputs of a study: a clone of the repository carries them."""
LONGEST = 16_383
"""Pixels of a side, at most, in WebP."""
ARRAYS = ("output", "prior")
"""Those of a run that are kept: what it makes of the test inputs or, of a net without inputs, its samples."""


class KeptError(ReplicationError):
    """Outputs that cannot be kept, or that are not what they should be."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(
        prog="python -m replications keep", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("replication", help="whose finished runs")
    parser.add_argument("--study", default=".", help="the study's folder (default: the bundled study)")
    parser.add_argument("--only", action="append", metavar="VARIANT", help="keep these alone; may be repeated")
    parser.add_argument("--first", type=int, help=f"how many outputs (default: as many as {PIXELS:,} pixels hold)")
    arguments = parser.parse_args(argv)
    declared = study.load(arguments.study)
    if arguments.first is not None and arguments.first < 1:
        raise KeptError(f"--first {arguments.first}: expected at least 1; leave it out for as many as fit")
    wanted = finished_here(declared, arguments.replication, arguments.only)
    folder, content, n_bytes = declared.folder / FOLDER, {}, 0
    others = {path: path.stat().st_size for path in kept_here(declared)}
    for run in wanted:  # all of them are read before any is written
        path = file_of(declared, run)
        content[path] = as_webp(run, runs.read(declared, run).images, arguments.first)
        others.pop(path, None)
        n_bytes = sum(others.values()) + sum(map(len, content.values()))
        if n_bytes > LIMIT:
            raise KeptError(
                f"{folder}: {n_bytes / 1e6:.1f} MB up to {run.name}, expected at most {LIMIT / 1e6:.0f} MB; ask for "
                "fewer outputs by --first, or for some variants by --only"
            )
    for path, picture in content.items():
        write_bytes(path, picture)
    print(f"{len(wanted)} runs kept, {n_bytes / 1e6:.1f} MB in {folder}")
    print(f"to pin them: dvc add {folder} && dvc push {folder}.dvc")
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


def file_of(declared: study.Study, run: study.Run) -> Path:
    """Where a run's outputs are kept."""
    return declared.folder / FOLDER / run.replication / run.variant / f"{run.seed}.webp"


def kept_here(declared: study.Study) -> list[Path]:
    """The files that are kept on this machine."""
    return sorted((declared.folder / FOLDER).rglob("*.webp"))


def as_webp(run: study.Run, images: Mapping[str, np.ndarray], first: int | None = None) -> bytes:
    """A run's first outputs, below each other, without loss.

    Args:
        run: whose.
        images: its arrays; `output` or else `prior` is uint8 (N, S, S, 3).
        first: how many; None: as many as `PIXELS` hold.
    """
    name = next((name for name in ARRAYS if name in images), ARRAYS[0])
    pictures = images[name]
    if pictures.ndim != 4 or pictures.shape[3] != 3 or pictures.shape[1] != pictures.shape[2]:
        raise KeptError(f"{run.name}: {name} is {pictures.shape}, expected square pictures of three colours")
    side = pictures.shape[1]
    pictures = pictures[: first or max(1, PIXELS // side**2)][: LONGEST // side]
    content = io.BytesIO()
    Image.fromarray(np.concatenate(pictures)).save(content, format="webp", lossless=True, quality=100, method=6)
    return content.getvalue()


def read(path: Path) -> np.ndarray:
    """The pictures of a kept file: uint8 (N, S, S, 3).

    Raises:
        KeptError: it holds none.
    """
    remedy = f"restore it: `dvc pull`, or `git restore {REMOTE}` where it is an object of the bundled remote"
    try:
        with Image.open(path, formats=["webp"]) as opened:
            strip = np.asarray(opened.convert("RGB"))
    except (OSError, UnidentifiedImageError, ValueError, SyntaxError) as error:
        raise KeptError(f"{path}: no WebP picture ({error}); {remedy}") from None
    height, width, _ = strip.shape
    if height % width:
        raise KeptError(f"{path}: {width} × {height} pixels, expected squares below each other; {remedy}")
    return strip.reshape(height // width, width, width, 3)


def pinned(declared: study.Study) -> dict[Path, Path]:
    """Kept file, as the study names it → where its bytes are: here, if they were pulled, else in the bundled remote."""
    pin = declared.folder / f"{FOLDER}.dvc"
    if not pin.exists():
        return {path: path for path in kept_here(declared)}
    found = {}
    for folder, digest in locks.pinned(pin).items():
        listing = _object(digest)
        try:
            listed = [(str(one["relpath"]), str(one["md5"])) for one in json.loads(listing.read_bytes())]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise KeptError(f"{listing}: unreadable ({error}); `git restore {listing}` brings it back") from None
        for name, md5 in listed:
            found[folder / name] = folder / name if (folder / name).exists() else _object(md5)
    return found


def _object(md5: str) -> Path:
    return REMOTE / md5[:2] / md5[2:]


def of_run(declared: study.Study, run: study.Run) -> np.ndarray | None:
    """The kept outputs of a run, uint8 (N, S, S, 3); None where there are none."""
    path = pinned(declared).get(file_of(declared, run))
    return read(path) if path is not None else None


def files(declared: study.Study) -> list[Path]:
    """What is kept; nothing where the list of it is damaged, which `problems` says."""
    try:
        return sorted(pinned(declared))
    except ReplicationError:
        return []


def problems(declared: study.Study) -> Iterator[str]:
    """Kept outputs are of runs that were measured; where the sheet shows the run, they are what it shows."""
    try:
        found = pinned(declared)
    except ReplicationError as error:
        yield str(error)
        return
    known = {file_of(declared, run): run for room in declared.variants for run in declared.runs(room)}
    for path, content in found.items():
        run = known.get(path)
        if run is None:
            yield f"{path}: is of no declared run; delete it, and pin {path.parts[0]}/{FOLDER} again by `dvc add`"
            continue
        if (run.variant, run.seed) not in read_runs(declared.folder, run.replication):
            yield f"{path}: is of a run that was not measured; measure it, or delete the file and `dvc add` again"
            continue
        try:
            shown, ours = on_the_sheet(declared, run), read(content)
        except ReplicationError as error:
            yield str(error)
            continue
        small = sheets.small(ours)
        n = min(len(small), 0 if shown is None else len(shown))
        if shown is not None and n and not np.array_equal(small[:n], shown[:n]):
            yield f"{path}: is not what the sheet shows of {run.name}; restore it: `dvc pull`"


def on_the_sheet(declared: study.Study, run: study.Run) -> np.ndarray | None:
    """What the sheet shows of a run, uint8 (rows, S, S, 3): it shows the first seed; None where it does not."""
    if run.seed != declared.seeds_of(run.replication)[0]:
        return None
    columns = sheets.load(declared, run.replication)
    for title, strip in columns.strips.items():
        if re.sub(r"\W+", "_", title) == run.variant:
            return np.asarray(strip).reshape(columns.rows, columns.height, columns.width, 3)
    return None


def in_words(declared: study.Study, wanted: list[study.Run]) -> list[str]:
    """For `trace`: what is kept of some runs, and what it is good for; nothing where nothing is."""
    found = pinned(declared)
    of_runs = [found[path] for run in wanted if (path := file_of(declared, run)) in found]
    if not of_runs:
        return []
    numbers = sorted({len(read(path)) for path in of_runs})
    return [
        f"of {len(of_runs)} of these {len(wanted)} runs the first {' or '.join(map(str, numbers))} outputs are kept in "
        f"{declared.folder / FOLDER}: a new instrument can read them, but the scores are means over all test inputs"
    ]


def compared(declared: study.Study, finished: runs.Finished) -> str:
    """For `audit`: how far a run that was trained again is from its kept outputs; empty where there are none."""
    outputs = of_run(declared, finished.run)
    if outputs is None:
        return ""
    name = next((name for name in ARRAYS if name in finished.images), ARRAYS[0])
    ours = finished.images[name][: len(outputs)]
    if ours.shape != outputs.shape:
        return f"; kept are {len(outputs)} outputs of another shape"
    error = np.square(ours / 255 - outputs / 255).mean()
    far = f"{-10 * np.log10(error):.1f} dB from the kept ones" if error else "the kept ones"
    return f"; its first {len(outputs)} outputs are {far}"

"""Every command, every file that it reads, every kind of damage: one line that names the file, and nothing touched.

`GRID` says what is tried, and validation/damages.md shows it as a table. What is wrong in a way of its own stands in
test_bad_input.py.
"""

import io
import itertools
import json
import os
import shutil
import signal
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from replications.trust import chain
from tests import tiny
from tests.conftest import VALIDATION
from tests.test_bad_input import ARRAYS, RUN, SCORES, VERDICTS, around, ends, finished

__all__ = ["around", "finished"]  # fixtures

DOCUMENT = VALIDATION / "damages.md"
SECONDS = 20
"""What a command may take to notice: a FIFO that is opened would be waited for without end."""


def lost(path: Path) -> None:
    path.unlink()


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_link_to_itself(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


def torn(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: 2 * len(content) // 3])


def in_latin_1(path: Path) -> None:
    path.write_bytes(b"\xe4\xf6\xfc: [\xdf]\n")


def zeros(path: Path) -> None:
    path.write_bytes(bytes(4096))


def a_conflict(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(b"<<<<<<< HEAD\n" + content + b"=======\n" + content + b">>>>>>> other\n")


def another_schema(path: Path) -> None:
    path.write_text('{"a": null}\n', encoding="utf-8")


def a_list(path: Path) -> None:
    path.write_text("[1, 2]\n", encoding="utf-8")


def pickled(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, output=np.array([{"a": 1}], object))


def promising_terabytes(path: Path) -> None:
    """An array whose header says that it is huge, and that then ends."""
    header = io.BytesIO()
    huge = {"descr": "|u1", "fortran_order": False, "shape": (10**9, 32, 32, 3)}
    np.lib.format.write_array_header_1_0(header, huge)
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("output", "target", "train_photo", "test_photo"):
            archive.writestr(f"{name}.npy", header.getvalue())


ANY = (lost, emptied, a_folder, a_fifo, a_link_to_itself, torn, zeros, in_latin_1)
TEXT = (*ANY, a_conflict, another_schema, a_list)
ARRAY = (*ANY, pickled, promising_terabytes)
THERE = tuple(damage for damage in TEXT if damage not in (lost, a_link_to_itself))
"""Of a file that need not be there: without its facts a folder is no run."""

FACTS, IMAGES = f"{RUN}/facts.json", f"{RUN}/images.npz"
CONTROLS, SUMMARY, RUNS, ENVIRONMENTS, CURVES, TITLES = (
    f"results/pix2pix/{name}"
    for name in ("controls.csv", "summary.csv", "runs.csv", "environments.json", "curves.csv", "columns/columns.json")
)
COLUMN = "results/pix2pix/columns/01.png"
Damage = Callable[[Path], None]
GRID: dict[str, dict[str, tuple[Damage, ...]]] = {
    "train pix2pix": {"params.yaml": TEXT, ARRAYS: ARRAY},
    "measure pix2pix": {"params.yaml": TEXT, FACTS: TEXT, IMAGES: ARRAY},
    "controls pix2pix": {"params.yaml": TEXT, ARRAYS: ARRAY},
    "readers": {"params.yaml": TEXT, ARRAYS: ARRAY},
    "judge": {"params.yaml": TEXT, SCORES: TEXT, CONTROLS: TEXT},
    "report": {"params.yaml": TEXT, VERDICTS: TEXT, SUMMARY: THERE, RUNS: TEXT, ENVIRONMENTS: TEXT, "README.md": TEXT},
    "page --out page.html": {
        "params.yaml": TEXT,
        VERDICTS: TEXT,
        SUMMARY: TEXT,
        CURVES: THERE,
        TITLES: TEXT,
        COLUMN: ANY,
        RUNS: TEXT,
        "CITATION.cff": TEXT,
    },
    "claims": {VERDICTS: TEXT},
    "pipeline": {"params.yaml": TEXT},
    "trace adversarial_term_sharpens": {"params.yaml": TEXT, VERDICTS: TEXT, SCORES: TEXT, RUNS: TEXT},
    "recheck adversarial_term_sharpens": {"params.yaml": TEXT, SCORES: TEXT, ARRAYS: ARRAY},
    "regress --against HEAD": {"params.yaml": TEXT, SCORES: TEXT},
    "evidence --study .": {"params.yaml": TEXT, RUNS: TEXT},
    "audit --only pix2pix/l1/1": {"params.yaml": TEXT, RUNS: TEXT, ENVIRONMENTS: TEXT, SCORES: TEXT, ARRAYS: ARRAY},
    "sample pix2pix/l1/1": {"params.yaml": TEXT},
    "import-runs elsewhere": {"params.yaml": TEXT, f"elsewhere/{FACTS}": THERE, f"elsewhere/{IMAGES}": ARRAY},
    "keep pix2pix": {"params.yaml": TEXT, FACTS: THERE, IMAGES: ARRAY},
    "verify --study .": {
        "params.yaml": TEXT,
        "dvc.lock": TEXT,
        VERDICTS: TEXT,
        SCORES: TEXT,
        CONTROLS: TEXT,
        SUMMARY: TEXT,
        CURVES: TEXT,
        RUNS: TEXT,
        ENVIRONMENTS: TEXT,
        "results/verdicts.md": TEXT,
        COLUMN: ANY,
        "README.md": TEXT,
    },
}
"""Command → file that it reads → what happens to the file."""
ROWS = [(line, file, damages) for line, files in GRID.items() for file, damages in files.items()]


def cells() -> Iterator:
    """A damage of each file, another every time, is tried quickly; all others are slow."""
    for number, (line, file, damages) in enumerate(ROWS):
        for i, damage in enumerate(damages):
            marks = [] if i == number % len(damages) else [pytest.mark.slow]
            name = f"{line.split()[0]}-{Path(file).name}-{damage.__name__}"
            yield pytest.param(line, file, damage, marks=marks, id=name)


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Fails what waits for longer."""

    def late(*_) -> None:
        pytest.fail(f"not noticed within {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def place(finished, tmp_path, monkeypatch) -> Path:
    """A copy, to be damaged, of a small repository in which everything is finished; the working directory."""
    root = tmp_path / "repository"
    shutil.copytree(finished, root)
    shutil.copytree(root / "runs", root / "elsewhere" / "runs")
    shutil.copy(tiny.ROOT / "CITATION.cff", root)
    monkeypatch.chdir(root)
    return root


def commit(place: Path) -> None:
    """Puts all that is there into a repository of Git."""
    name = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
    for words in (["init", "--quiet"], ["add", "--all"], [*name, "commit", "--quiet", "--message", "all"]):
        subprocess.run(["git", *words], cwd=place, check=True)


def lock(place: Path) -> None:
    """As if stages of DVC had written all results that are there."""
    files = sorted(path for path in (place / "results").rglob("*") if path.is_file())
    outs = [{"path": path.relative_to(place).as_posix(), "md5": chain.md5(path)} for path in files]
    stages = {"measure@pix2pix": {"cmd": "…", "outs": outs}}
    (place / "dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": stages}), encoding="utf-8")


def seen(place: Path) -> dict[str, tuple[int, int]]:
    """All that is there, without opening it: when it was written, and how much."""
    every = (path for path in place.rglob("*") if path.is_symlink() or not path.is_dir())
    return {str(path): ((about := path.lstat()).st_mtime_ns, about.st_size) for path in every}


@pytest.mark.parametrize(("line", "file", "damage"), list(cells()))
def test_damage_is_one_line_that_names_the_file_and_touches_nothing(line, file, damage, place, monkeypatch, capsys):
    if "HEAD" in line:
        commit(place)
    follows = set()
    if line.startswith("verify"):
        lock(place)
        ends(line, monkeypatch)  # of a study that is so small, some things do not follow in any case
        follows = set(capsys.readouterr().out.splitlines())
    damage(place / file)
    before = seen(place)
    capsys.readouterr()
    with within(SECONDS):
        status = ends(line, monkeypatch)
    said = capsys.readouterr()
    assert seen(place) == before
    if file.startswith("elsewhere"):
        assert status == 1, said.err
        assert "elsewhere/runs/pix2pix/l1/1: refused: " in said.out
        assert "4 runs: 0 taken in, 3 here already, 1 refused" in said.out, "the others are looked at all the same"
        return
    names = (Path(file).name, Path(file).stem, "pix2pix/l1/1")  # the file, what makes it, or the run it is of
    if line.startswith("verify") and status == 1:
        added = [words for words in said.out.splitlines() if words not in follows]
        assert any(file in words.partition(": ")[0] for words in added if words.startswith("        ")), added
        return
    assert status == 2, said.out + said.err
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1, said.err
    assert any(name in said.err for name in names), said.err


@pytest.mark.parametrize(
    "line", sorted({line for line in GRID if line.split()[0] in ("judge", "report", "page", "claims")})
)
def test_undamaged_the_same_command_succeeds(line, place, monkeypatch):
    assert ends(line, monkeypatch) == 0


def table() -> str:
    """validation/damages.md."""
    kinds = list(dict.fromkeys(itertools.chain.from_iterable(damages for *_, damages in ROWS)))
    n_cells = sum(len(damages) for *_, damages in ROWS)
    lines = [
        "# Damaged files",
        "",
        f"{len(GRID)} commands, {len(ROWS)} pairs of a command and a file that it reads, {n_cells} cells (×). Each is "
        "tried by tests/test_damages.py: the command has to end",
        f"within {SECONDS} s with exit status 2 and one line that names the file, and may write nothing. `make test` "
        "tries one cell of each row, `pytest -m slow` all others. `import-runs` refuses the one run, says so, looks at "
        "the others, and ends with exit status 1. `verify` goes on where it can, with a line that names the file "
        "first, and ends with exit status 1, too. "
        f"Nets that judge are damaged in the same {len(ARRAY)} ways as arrays"
        ", and swapped for one another.",
        "",
        f"| command | file | {' | '.join(kind.__name__.replace('_', ' ') for kind in kinds)} |",
        "|---|---|" + "---|" * len(kinds),
        *(
            f"| `{line}` | {file} | {' | '.join('×' if kind in damages else '' for kind in kinds)} |"
            for line, file, damages in ROWS
        ),
    ]
    return "\n".join(lines) + "\n"


def test_the_table_shows_the_grid():
    assert DOCUMENT.read_text(encoding="utf-8") == table(), "write `table()` there"

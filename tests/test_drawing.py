"""Pictures are results: no setting of the user's for matplotlib reaches them."""

import ast
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest

from replications import drawing
from replications.reporting import page
from tests import tiny

PACKAGE = tiny.ROOT / "replications"
MATPLOTLIBRC = """
figure.facecolor: black
savefig.dpi: 30
savefig.facecolor: red
savefig.bbox: tight
font.family: serif
axes.titlesize: 20
image.interpolation: bilinear
svg.hashsalt: mine
text.usetex: True
backend: pony
no.such.key: 1
"""
DRAWS = """
import hashlib, sys
from pathlib import Path
from replications import study
from replications.measuring import sheets
sheets.write(study.load(sys.argv[1]), "pix2pix", Path())
print(hashlib.sha256(Path("sheet.png").read_bytes()).hexdigest())
"""


def drawn(study: Path, folder: Path, **variables: str) -> subprocess.CompletedProcess:
    """Draws a sample sheet in a process of its own, whose working directory is the folder."""
    return subprocess.run(
        [sys.executable, "-c", DRAWS, study],
        cwd=folder,
        env={**tiny.environment(), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_sheet_has_the_same_bytes_whatever_matplotlibrc_says(finished_study, tmp_path):
    plain, here, there = (tmp_path / name for name in ("plain", "here", "there"))
    for folder in (plain, here, there):
        folder.mkdir()
    (here / "matplotlibrc").write_text(MATPLOTLIBRC, encoding="utf-8")
    (there / "settings").write_text(MATPLOTLIBRC, encoding="utf-8")
    expected = drawn(finished_study.folder, plain)
    assert expected.returncode == 0, expected.stderr
    variables = {"MATPLOTLIBRC": "settings", "MPLBACKEND": "pony", "SOURCE_DATE_EPOCH": "0", "TZ": "Asia/Tokyo"}
    for done in (drawn(finished_study.folder, here), drawn(finished_study.folder, there, **variables)):
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == expected.stdout


def test_a_matplotlibrc_that_is_no_text_is_one_line(finished_study, tmp_path):
    (tmp_path / "matplotlibrc").write_bytes(b"font.size: 9\n\xff\xfe")
    done = tiny.command("measure", "pix2pix", "--study", finished_study.folder, cwd=tmp_path)
    tiny.assert_one_line_error(done, "matplotlib cannot be imported", "matplotlibrc", "mend it, or move it away")


VERDICT = {
    **{"verdict": "replicated", "effect": 1.0, "interval": (0.5, None), "smallest_effect": 0.2},
    "effects_by_seed": {"1": 0.8, "2": 1.2},
}
POINTS = [{"x": x, "y": x, "low": 0.0, "high": 200.0, "series": "one"} for x in (1.0, 100.0)]
SET: dict = {"axes.facecolor": "red", "font.size": 30, "lines.linewidth": 9, "lines.dashed_pattern": (9, 9)}


def test_the_plots_of_the_page_have_the_same_bytes_whatever_is_set():
    def plots() -> tuple[str, str]:
        return page.plot(VERDICT), page._curve(("y", "x"), {"root": POINTS})

    expected = plots()
    with matplotlib.rc_context(SET):
        set_so = dict(matplotlib.rcParams)
        assert plots() == expected
        assert dict(matplotlib.rcParams) == set_so, "who has settings keeps them"


def modules() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path.name != "drawing.py"]


def test_nothing_else_imports_matplotlib():
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.split(".")[0] != "matplotlib", f"{path} imports {name}, expected drawing"


@pytest.mark.parametrize("path", [path for path in modules() if "plt." in path.read_text(encoding="utf-8")], ids=str)
def test_every_function_that_begins_a_figure_draws_it_plain(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef):
            calls = {ast.unparse(one.func) for one in ast.walk(node) if isinstance(one, ast.Call)}
            if calls & {"plt.figure", "plt.subplots", "plt.subplot_mosaic"}:
                decorators = [ast.unparse(one) for one in node.decorator_list]
                assert "plain()" in decorators, f"{path}:{node.lineno} {node.name}: expected @plain()"


def test_matplotlib_draws_into_memory():
    assert drawing.plt.get_backend().lower() == "agg"

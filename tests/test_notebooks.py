"""notebooks/explore.ipynb runs as it stands, and its numbers are those that its text speaks of."""

import json
import tomllib
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from packaging.specifiers import SpecifierSet

from replications import runs
from tests import tiny

PATH = tiny.ROOT / "notebooks" / "explore.ipynb"


@pytest.fixture
def cells() -> list[dict]:
    return json.loads(PATH.read_text(encoding="utf-8"))["cells"]


def source(cell: dict) -> str:
    return "".join(cell["source"])


def test_every_cell_of_code_has_words_before_it(cells):
    kinds = [cell["cell_type"] for cell in cells]
    assert kinds[0] == "markdown"
    assert "code code" not in " ".join(kinds)


def test_no_outputs_are_committed(cells):
    """Nobody would notice that they are of other networks."""
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells if cell["cell_type"] == "code")


def test_binder_installs_what_is_pinned_under_a_python_that_the_suite_runs_on():
    folder = tiny.ROOT / ".binder"
    (line,) = (folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert (folder / line.removeprefix("-r ")).resolve() == tiny.ROOT / "requirements.lock"
    python = (folder / "runtime.txt").read_text(encoding="utf-8").strip().removeprefix("python-")
    project = tomllib.loads((tiny.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert SpecifierSet(project["requires-python"]).contains(f"{python}.99"), "Binder takes the newest patch release"


def test_it_runs_and_shows_what_its_text_says(cells, monkeypatch, capsys):
    monkeypatch.chdir(PATH.parent)  # where Jupyter starts
    monkeypatch.setattr(runs, "folder", lambda *_: Path("nowhere"))  # the repository's copies alone
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figures = []
    monkeypatch.setattr(pyplot, "show", lambda: figures.append(pyplot.gcf()) or pyplot.close("all"))
    names: dict = {}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile(source(cell), cell["id"], "exec"), names)
    sharpness, error = names["sharpness_of"], names["error_of"]
    assert len(figures) >= 7
    assert "32,805 photographs" in capsys.readouterr().out
    assert sharpness["kl_l2"] < 0.7 < 0.9 < sharpness["sigma_l2"], "blurred where the code has lost something"
    assert sharpness["codes_l2"] < 0.8
    assert sharpness["kl_adversary"] > 0.9, "the same codes give crisp pictures"
    assert sharpness["kl_l2"] == pytest.approx(names["sharpness_of_best"], abs=0.1), "just that average"
    assert names["mmse"] < error["kl_l2"] < 1.25 * names["mmse"]
    assert 2 < error["kl_adversary"] / names["mmse"] < 3, "up to twice, done perfectly; this one costs more"
    ghosts, fitted = (names["distance_of"][f"sigma_l2, from {of}"] for of in ("N(0, I)", "a Gaussian fitted to codes"))
    assert fitted < 0.8 * ghosts, "mends that"
    (lost, sharp), (lost_bits, sharp_bits) = (np.transpose(points) for points in names["points"].values())
    for one in (lost, lost_bits):
        assert list(one) == sorted(one)
    assert sharp[0] > 0.99, "without more noise nothing is lost"
    assert max(sharp[-1], sharp_bits[-1]) < 0.6, "less and less sharp"
    apart = np.abs(np.interp(lost_bits, lost, sharp) - sharp_bits).max()
    assert 0.05 < apart < 0.2, "close to each other, and not one"

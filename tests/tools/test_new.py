"""`python -m replications new`: a room that runs, declared everywhere, followed to its verdict as the guide says."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from replications.study import REPLICATIONS
from replications.tools import new
from tests import tiny

NAME = "flow_of_mine"
COPIED = ("replications", "tests", "results", "params.yaml", "dvc.yaml", "README.md", "CITATION.cff", "pyproject.toml")
"""What of a checkout the guide needs."""
SMALLER = {
    "dataset: facade_world-32": "dataset: facade_world-tiny",
    "n_train: 1500": "n_train: 32",
    "n_test: 200": "n_test: 4",
}


def checkout(folder: Path) -> Path:
    for name in COPIED:
        source = tiny.ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "report.html"))
        else:
            shutil.copy(source, folder / name)
    return folder


@pytest.fixture(scope="module")
def begun(made_once) -> Path:
    """A checkout in which the guide was followed: begun, trained, measured, judged, reported."""
    return made_once("new", follow)


def follow(root: Path) -> None:
    checkout(root)
    subprocess.run(["git", "init", "--quiet", root], check=True)
    said(root, "new", NAME)
    tiny.write_arrays(root)
    file = root / "params.yaml"
    others, section = file.read_text(encoding="utf-8").split(f"{NAME}:")
    for what, smaller in SMALLER.items():
        assert what in section
        section = section.replace(what, smaller)
    file.write_text(f"{others}{NAME}:{section}", encoding="utf-8")
    for command in (["train", NAME], ["measure", NAME], ["judge"], ["report"]):
        said(root, *command)


def said(root: Path, *command: str) -> str:
    done = tiny.command(*command, cwd=root, PYTHONPATH=str(root))
    assert done.returncode == 0, f"{command}: {done.stderr}"
    (root / f"{command[0]}.txt").write_text(done.stdout, encoding="utf-8")
    return done.stdout


def test_the_guide_ends_with_a_verdict(begun):
    assert "[10/10]" in (begun / "train.txt").read_text(encoding="utf-8")
    verdicts = json.loads((begun / "results" / "verdicts.json").read_text(encoding="utf-8"))
    ours = [verdict for verdict in verdicts if verdict["replication"] == NAME]
    assert [verdict["id"] for verdict in ours] == [f"{NAME}_is_closer_with_a_wider_latent"]
    assert ours[0]["verdict"] in ("replicated", "contradicted", "inconclusive")
    assert len(ours[0]["effects_by_seed"]) == 5
    assert len(verdicts) > len(ours), "beside those of all others"
    assert f"**{NAME}** With 64 values" in (begun / "README.md").read_text(encoding="utf-8")
    assert "| narrow |" in (begun / "replications" / NAME / "README.md").read_text(encoding="utf-8")


def test_it_is_declared_wherever_the_last_room_is(begun):
    before, after = (YAML(typ="safe").load(root / "dvc.yaml") for root in (tiny.ROOT, begun))
    last = REPLICATIONS[-1]
    for stage, content in before["stages"].items():
        text, now = json.dumps(content), json.dumps(after["stages"][stage])
        assert now.count(NAME) == text.count(last), stage
    assert json.dumps(after["plots"]).count(NAME) == json.dumps(before["plots"]).count(last)
    assert str((*REPLICATIONS, NAME)).replace("'", '"') in (begun / "replications" / "study.py").read_text("utf-8")


def test_what_it_declared_before_is_as_it_was(begun):
    for file in ("dvc.yaml", "params.yaml"):
        before, after = ((root / file).read_text(encoding="utf-8").splitlines() for root in (tiny.ROOT, begun))
        lists = [line for line in before if "foreach" in line]
        assert [line for line in before if line not in after] == lists


def test_the_new_room_keeps_the_rules_of_the_house_and_passes_its_own_tests(begun):
    tests = [f"tests/{NAME}", "tests/test_house_rules.py"]
    done = tiny.command(
        "-q",
        "-p",
        "no:cacheprovider",
        "-n",
        "0",
        *tests,
        "-k",
        NAME,
        cwd=begun,
        module="pytest",
        PYTHONPATH=str(begun),
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout


def test_what_it_wrote_is_formatted(begun):
    written = [begun / "replications" / NAME, begun / "tests" / NAME, begun / "replications" / "study.py"]
    for command in (["format", "--check"], ["check"]):
        done = tiny.command(*command, *written, cwd=begun, module="ruff")
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["", "Flow", "2d", "a-b", "../x", "class", "a.b", "straße"])
def test_a_name_that_cannot_be_a_package_is_refused(tmp_path, name):
    with pytest.raises(new.NewError, match="cannot be a package of Python: expected lower-case letters"):
        new.begin(tmp_path, name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["pix2pix", "claims", "datasets", "readers", "seeds"])
def test_a_name_in_use_is_refused_and_nothing_is_written(tmp_path, name):
    root = checkout(tmp_path)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    with pytest.raises(new.NewError, match=f"'{name}' is in use: .* exists; choose another name"):
        new.begin(root, name)
    assert before == {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_elsewhere_it_says_where_to_go(tmp_path):
    tiny.assert_one_line_error(
        tiny.command("new", NAME, cwd=tmp_path),
        "params.yaml is not here; run it in the root of a checkout of the suite",
    )


def test_a_second_room_comes_after_the_first_however_the_list_is_broken(tmp_path):
    root = checkout(tmp_path)
    new.begin(root, "first")
    file = root / "replications" / "study.py"
    broken = file.read_text(encoding="utf-8").replace(', "first")', ',\n    "first",\n)')
    file.write_text(broken, encoding="utf-8")
    new.begin(root, "second")
    assert '"first", "second")' in file.read_text(encoding="utf-8")
    stages = YAML(typ="safe").load(root / "dvc.yaml")["stages"]
    assert stages["train"]["foreach"][-2:] == ["first", "second"]
    assert "results/second/scores.csv" in stages["judge"]["deps"]


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [("replications/study.py", "REPLICATIONS = (", "REPLICATIONS = tuple("), ("dvc.yaml", "foreach:", "each:")],
)
def test_a_list_that_is_not_there_is_said_and_nothing_is_written(tmp_path, file, before, after):
    root = checkout(tmp_path)
    path = root / file
    path.write_text(path.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")
    with pytest.raises(new.NewError, match=rf"{file} is not written as it was meant to be; declare first there"):
        new.begin(root, "first")
    assert not (root / "replications" / "first").exists()


@pytest.mark.parametrize("file", new.EDITS)
def test_a_damaged_declaration_is_named_and_nothing_is_written(tmp_path, file):
    root = checkout(tmp_path)
    (root / file).write_bytes(b"\xff")
    with pytest.raises(new.NewError, match=f"{file}: damaged .* `git restore {file}` brings it back"):
        new.begin(root, "first")
    assert not (root / "replications" / "first").exists()

"""`python -m replications new`: a room that runs, declared everywhere, followed to its verdict as the guide says."""

import json
import shutil
import subprocess
from functools import partial
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from replications.judging.verdicts import MEANS
from replications.tools import new
from tests import tiny

NAME = "flow_of_mine"
COPIED = (
    *("replications", "tests", "results", "real", "paper", "params.yaml", "dvc.yaml", "dvc.lock", "code.json"),
    *("README.md", "CITATION.cff", "register.jsonl", "pyproject.toml", ".gitignore", ".gitattributes", "data.dvc"),
    ".dvcignore",
)
"""What of a checkout the guide needs."""
NOT_COPIED = shutil.ignore_patterns("__pycache__", "report.html", "data", "arrays", "runs", "readers")
"""What Git does not keep either."""
SMALLER = {
    "dataset: facade_world-32": "dataset: facade_world-tiny",
    "n_train: 1500": "n_train: 32",
    "n_test: 200": "n_test: 4",
}


def checkout(folder: Path) -> Path:
    for name in COPIED:
        source = tiny.ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=NOT_COPIED)
        else:
            shutil.copy(source, folder / name)
    return folder


@pytest.fixture(scope="module")
def committed(made_once) -> Path:
    """A checkout under Git and DVC with everything committed: do not change it."""
    return made_once("committed", commit) / "suite"


def commit(within: Path) -> None:
    root = checkout(within / "suite")
    shutil.copytree(tiny.ROOT / ".dvc", root / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp", "bundled"))
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    subprocess.run(["dvc", "repro", "--quiet", "--single-item", "code", "judge", "report"], cwd=root, check=True)
    for command in (["add", "--all"], [*IDENTITY, "commit", "--quiet", "--message", "all"]):
        subprocess.run(["git", *command], cwd=root, check=True)


IDENTITY = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")


@pytest.fixture(scope="module")
def begun(made_once, committed) -> Path:
    """A copy in which the guide was followed: begun, trained, measured, judged, reported. Do not change it."""
    return made_once("new", partial(follow, committed)) / "suite"


def follow(committed: Path, within: Path) -> None:
    root = Path(shutil.copytree(committed, within / "suite", symlinks=True))
    said(root, "new", NAME)
    tiny.write_arrays(root)
    file = root / "params.yaml"
    others, section = file.read_text(encoding="utf-8").split(f"{NAME}:")
    for what, smaller in SMALLER.items():
        assert what in section
        section = section.replace(what, smaller)
    file.write_text(f"{others}{NAME}:{section}", encoding="utf-8")
    commands = (["train", NAME], ["controls", NAME], ["measure", NAME], ["judge"], ["report"])
    trained, *_ = tiny.one_by_one(root, *commands, PYTHONPATH=str(root))
    (within / "train.txt").write_text(trained, encoding="utf-8")


def said(root: Path, *command: str) -> str:
    done = tiny.command(*command, cwd=root, PYTHONPATH=str(root))
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def test_the_guide_ends_with_a_verdict(begun):
    assert "[10/10]" in (begun.parent / "train.txt").read_text(encoding="utf-8")
    verdicts = json.loads((begun / "results" / "verdicts.json").read_text(encoding="utf-8"))
    ours = [verdict for verdict in verdicts if verdict["replication"] == NAME]
    assert [verdict["id"] for verdict in ours] == [f"{NAME}_is_closer_with_a_wider_latent"]
    assert ours[0]["verdict"] in MEANS
    assert len(ours[0]["effects_by_seed"]) == 5
    assert len(verdicts) > len(ours), "beside those of all others"
    assert f"**{NAME}** With 64 values" in (begun / "results" / "README.md").read_text(encoding="utf-8")
    assert "| narrow |" in (begun / "replications" / NAME / "README.md").read_text(encoding="utf-8")


def test_nothing_else_was_edited_by_hand(begun):
    """What differs is the new folders, one section of params.yaml, and what commands make of it."""
    before = YAML(typ="safe").load(tiny.ROOT / "params.yaml")
    after = YAML(typ="safe").load(begun / "params.yaml")
    assert after.pop(NAME)
    assert after == before
    generated = {"README.md", "dvc.yaml", "code.json", "params.yaml"}
    for path in tiny.ROOT.glob("replications/**/*.py"):
        assert (begun / path.relative_to(tiny.ROOT)).read_bytes() == path.read_bytes()
    for name in {"CITATION.cff", "pyproject.toml", "real/params.yaml", "real/dvc.yaml", "paper/dvc.yaml"} - generated:
        assert (begun / name).read_bytes() == (tiny.ROOT / name).read_bytes(), name


def test_it_is_a_stage_beside_the_others(begun):
    stages = YAML(typ="safe").load(begun / "dvc.yaml")["stages"]
    assert NAME in stages["train"]["foreach"]
    assert NAME in stages["measure"]["foreach"]
    assert f"results/{NAME}/scores.csv" in stages["judge"]["deps"]


@pytest.mark.slow
def test_the_new_room_keeps_the_rules_of_the_house_and_passes_its_own_tests(begun):
    tests = [f"tests/{NAME}", "tests/rooms", "tests/test_house_rules.py"]
    done = tiny.command(
        "-q",
        "-p",
        "no:cacheprovider",
        "-n",
        "0",
        *tests,
        "-k",
        f"{NAME} or import or come_before or stay_left",  # the latter go through all modules
        cwd=begun,
        module="pytest",
        PYTHONPATH=str(begun),
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout


def test_what_it_wrote_is_formatted(begun):
    written = [begun / "replications" / NAME, begun / "tests" / NAME]
    for command in (["format", "--check"], ["check"]):
        done = tiny.command(*command, *written, cwd=begun, module="ruff")
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["", "Flow", "2d", "a-b", "../x", "class", "a.b", "straße"])
def test_a_name_that_cannot_be_a_package_is_refused(tmp_path, name):
    with pytest.raises(new.NewError, match="cannot be a package of Python: expected lower-case letters"):
        new.begin(tmp_path, name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["pix2pix", "study", "datasets", "readers", "seeds"])
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


def test_damaged_params_are_named_and_nothing_is_written(tmp_path):
    root = checkout(tmp_path)
    (root / "params.yaml").write_bytes(b"\xff")
    with pytest.raises(new.NewError, match=r"params\.yaml: damaged .* `git restore params\.yaml` brings it back"):
        new.begin(root, "first")
    assert not (root / "replications" / "first").exists()


# --- and taken away again ------------------------------------------------------------------------------------------


def status(root: Path) -> str:
    return subprocess.run(["git", "status", "--short"], cwd=root, capture_output=True, text=True, check=True).stdout


def test_what_was_begun_and_judged_is_taken_away_without_a_trace(begun, tmp_path):
    """Its verdict stands beside the others, and then everything is as it was before."""
    root = Path(shutil.copytree(begun, tmp_path / "suite", symlinks=True))
    assert NAME in (root / "results" / "README.md").read_text(encoding="utf-8")
    assert NAME in status(root)
    said(root, "remove", NAME)
    assert status(root) == ""


def test_what_git_knows_is_kept_unless_it_is_said(committed):
    done = tiny.command("remove", "vq_vae", cwd=committed, PYTHONPATH=str(committed))
    tiny.assert_one_line_error(done, "vq_vae", "paper/params.yaml declares it, too", "take its section out there first")
    assert status(committed) == ""


def test_without_git_nothing_is_deleted_unless_it_is_said(begun, tmp_path):
    root = Path(shutil.copytree(begun, tmp_path / "suite", symlinks=True, ignore=shutil.ignore_patterns(".git")))
    done = tiny.command("remove", NAME, cwd=root, PYTHONPATH=str(root), GIT_CEILING_DIRECTORIES=str(tmp_path))
    tiny.assert_one_line_error(
        done, f"{NAME}: Git does not say whether it knows it", "not a git repository", "--committed"
    )
    assert (root / "replications" / NAME).is_dir()


def test_an_unknown_replication_is_one_line_with_those_that_there_are(committed):
    done = tiny.command("remove", "flow", cwd=committed, PYTHONPATH=str(committed))
    tiny.assert_one_line_error(done, "'flow': no such replication; there are beta_vae, causes, pix2pix")

"""What the documents tell people to type is understood: by the suite's commands, DVC, make, and the file system."""

import importlib
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from dvc.cli.parser import get_main_parser
from dvc.repo import Repo
from ruamel.yaml import YAML

from replications import __main__ as door
from replications import command, study
from replications.commands import COMMANDS
from tests import tiny

DOCUMENTS = (
    "README.md",
    "results/README.md",
    "docs/guide.md",
    "CONTRIBUTING.md",
    "paper/README.md",
    *(f"replications/{name}/README.md" for name in study.REPLICATIONS),
    *sorted(path.relative_to(tiny.ROOT).as_posix() for path in (tiny.ROOT / "validation").rglob("*.md")),
)
COMMENTS = ("clusters/slurm.sh", "clusters/kubernetes.yaml", "replications/training/workers.py")
"""Files whose indented lines of text tell what to type, too."""
PROGRAMS = ("python -m replications", "dvc", "make", "pytest", "pip", "sbatch")
ASSIGNED = re.compile(r"^(?:[A-Z][A-Z0-9_]*=\S+ )+")
FILLED = {
    "R": "pix2pix",
    "R=N": "vq_vae=1",
    "N": "1",
    "P": "3",
    "F": "4.8",
    "VARIANT": "l1",
    "…": "",
    "vae_flow": "vq_vae",
}
"""What a reader puts in place of a word; vae_flow is a replication that `new` is about to begin."""
HERE = (
    "python -m replications trace adversarial_term_sharpens",
    "python -m replications --help",
    "dvc metrics show",
    "dvc plots show",
)


def commands(document: str) -> list[str]:
    """What a document tells to type: lines of its shell blocks without their comments, and code in a sentence."""
    text = (tiny.ROOT / document).read_text(encoding="utf-8")
    if document in COMMENTS:
        lines = re.findall(r"^#? {4,5}(\S.*)$", text, re.MULTILINE)
    else:
        blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        outside = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
        lines = [line.split("  #")[0] for block in blocks for line in block.splitlines()]
        lines += re.findall(r"`([^`]+)`", outside)
    said = [ASSIGNED.sub("", " ".join(line.split())).removesuffix(" &") for line in lines]
    return [line for line in said if line.startswith(tuple(f"{one} " for one in PROGRAMS)) or line == "pytest"]


def filled(line: str) -> list[str]:
    """The words of a command, placeholders filled in, and what stands in brackets taken."""
    words = shlex.split(re.sub(r"[\[\]](?![\w-]*=)", "", line) if line.startswith("python") else line)
    words = [re.sub(r"\bvae_flow\b", FILLED["vae_flow"], FILLED.get(word, word)) for word in words]
    return [word for word in words if word]


RECORDS = ("validation/bench.", "validation/faults.", "validation/slow.")
"""What was measured once, in the words of then."""
TOLD = [document for document in (*DOCUMENTS, *COMMENTS) if not document.startswith(RECORDS)]
EVERY = sorted({(document, line) for document in TOLD for line in commands(document)})


def of(program: str) -> pytest.MarkDecorator:
    found = [(document, line) for document, line in EVERY if line.split()[0] == program]
    return pytest.mark.parametrize(("document", "line"), found)


# --- python -m replications ----------------------------------------------------------------------------------------


class Understood(Exception):  # noqa: N818 - it says what happened
    """The words were parsed; nothing was done."""


@pytest.fixture
def parsed_only(monkeypatch):
    """Commands end once they have parsed their words."""

    def ending(parse):
        def parsed(self, words=None, namespace=None):
            raise Understood(parse(self, words, namespace))

        return parsed

    for name in ("parse_args", "parse_intermixed_args"):
        monkeypatch.setattr(command.Parser, name, ending(getattr(command.Parser, name)))


def understood(words: list[str]) -> None:
    with pytest.raises(Understood):
        door.main(words)


@of("python")
def test_a_command_of_the_suite_is_understood(document, line, parsed_only):
    _, _, module, *words = filled(line)
    if module != "replications":
        assert importlib.util.find_spec(module), f"{document}: there is no module {module}"
    elif words != ["--help"]:
        understood(words)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_example_of_a_command_is_understood(name, parsed_only):
    understood(shlex.split(COMMANDS[name][2]))


@pytest.mark.parametrize("words", [["train"], ["bench", "--only", "cyclegan"], ["page", "--pdf"], ["regress", "HEAD"]])
def test_what_no_command_understands_is_noticed(words, parsed_only):
    with pytest.raises(command.CommandError):
        understood(words)


# --- DVC -----------------------------------------------------------------------------------------------------------


@cache
def stages() -> set[str]:
    """Every stage of every pipeline as DVC resolves it, and every group of them: real/dvc.yaml:train@vq_vae."""
    with Repo(str(tiny.ROOT)) as repo:
        every = {stage.addressing for stage in repo.index.stages}
    return every | {name.partition("@")[0] for name in every}


def check_target(target: str) -> None:
    if target.endswith("dvc.yaml"):
        assert (tiny.ROOT / target).is_file(), f"there is no pipeline {target}"
    else:
        assert target.removeprefix("dvc.yaml:") in stages(), f"there is no stage {target}"


def check_dvc(line: str) -> None:
    """DVC's own parser knows the words, and its pipelines and params.yaml what they name."""
    said = get_main_parser().parse_args(filled(line)[1:])
    if not hasattr(said, "single_item"):  # neither repro nor exp run
        return
    for target in said.targets or ():
        check_target(target)
    assert said.pull or said.single_item or said.dry, f"{line}: fails in a fresh clone, whose data are in the remote"
    for changed in getattr(said, "set_param", None) or ():
        value = YAML(typ="safe").load(tiny.ROOT / "params.yaml")
        *keys, last = changed.removeprefix("+").partition("=")[0].split(".")
        for key in keys:
            value = value[key]
        assert changed.startswith("+") or last in value, f"{line}: params.yaml has no {changed}"


@of("dvc")
def test_a_command_of_dvc_is_understood_and_names_what_is_there(document, line):
    check_dvc(line)


@pytest.mark.parametrize(
    "line",
    ["dvc repro", "dvc repro real/dvc.yaml", "dvc repro --pull trian", "dvc repro --pull no/dvc.yaml", "dvc exp run"],
)
def test_what_dvc_could_not_do_is_noticed(line):
    with pytest.raises(AssertionError):
        check_dvc(line)


FREE = re.compile(r"--(?:pull|single-item|dry)\b|(?:^|\s)-\w*s\w*\b")
"""Options with which `dvc repro` does not fail where the data are in the remote alone."""


def without_pull(text: str) -> list[str]:
    """Every `dvc repro` and `dvc exp run` of a text that would not take its data from the remote."""
    said = re.findall(r"dvc\s+(?:repro|exp\s+run)\b[^`\"'|#\n]*", text)
    return [one for one in said if not FREE.search(one.removeprefix("dvc"))]


def test_nothing_says_dvc_repro_without_pull():
    listed = subprocess.run(["git", "ls-files"], cwd=tiny.ROOT, capture_output=True, text=True, check=True)
    wrong = {}
    for file in listed.stdout.splitlines():
        path = tiny.ROOT / file
        if file.startswith(("tests/", *RECORDS)) or path.suffix in (".png", ".npz") or not path.is_file():
            continue
        try:
            found = without_pull(path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue
        if found:
            wrong[file] = found
    assert wrong == {}, "a fresh clone has its data in DVC's remote alone: say --pull"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("`dvc repro`", 1),
        ("run `dvc repro real/dvc.yaml` and", 1),
        ("dvc exp run -S a=1 -n b", 1),
        ("`dvc repro --pull`; `dvc repro -sf page`; `dvc repro --single-item judge`; `dvc repro --dry`", 0),
        ("`dvc repro --pull real/dvc.yaml`, then `dvc repro`", 1),
        ("dvc exp run --pull -S a=1", 0),
    ],
)
def test_a_dvc_repro_without_pull_is_noticed(text, found):
    assert len(without_pull(text)) == found


@pytest.mark.parametrize(("folder", "stage", "options"), [(".", "", ""), ("real", "judge", ""), (".", "", "--force")])
def test_the_hint_of_an_error_is_understood(folder, stage, options):
    check_dvc(command.repro(Path(folder), stage, options).strip("`"))


# --- make, pytest, the rest ----------------------------------------------------------------------------------------


@of("make")
def test_a_target_of_make_is_there(document, line, tmp_path):
    driver = tmp_path / "nvidia-smi"  # for GPU=1
    driver.write_text("#!/bin/sh\necho 'GPU 0: a stand-in'\n", encoding="utf-8")
    driver.chmod(0o755)
    words = ["make", "-n", *shlex.split(line, comments=True)[1:]]
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(words, cwd=tiny.ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{document}: {done.stderr}"


@of("pytest")
def test_pytest_is_told_of_files_that_are_there(document, line):
    for word in filled(line)[1:]:
        if "/" in word:
            assert (tiny.ROOT / word).exists(), f"{document}: {word}"


@of("sbatch")
def test_a_job_is_a_script_that_is_there_and_a_command(document, line):
    words = [word for word in shlex.split(line)[1:] if not word.startswith("-")]
    assert (tiny.ROOT / words[0]).is_file(), document
    check_dvc(line[line.index("dvc ") :])


@of("pip")
def test_pip_is_told_of_files_and_extras_that_are_there(document, line):
    if "-r" in line.split():
        assert (tiny.ROOT / line.split()[line.split().index("-r") + 1]).is_file()


def test_documents_tell_people_to_type_something():
    """Of each kind: otherwise nothing above was checked."""
    assert {line.split()[0] for _, line in EVERY} == {"python", "dvc", "make", "pytest", "pip", "sbatch"}
    assert len(EVERY) > 40


@pytest.mark.parametrize("line", HERE)
def test_a_command_of_the_readme_runs(line, tmp_path):
    program, *words = shlex.split(line)
    beside = ["-o", str(tmp_path)] if words[0] == "plots" else []  # not into the checkout
    own = [sys.executable] if program == "python" else [sys.executable, "-m", program]
    done = subprocess.run(
        [*own, *words, *beside], cwd=tiny.ROOT, env=tiny.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


# --- links ---------------------------------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """Of a document's headings, as the public host makes them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document):
    path = tiny.ROOT / document
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", text)):
        if re.match(r"\w+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = path.parent / file if file else path
        assert there.exists(), f"{document} links to {target}"
        if anchor:
            assert anchor in anchors(there.read_text(encoding="utf-8")), f"{document} links to {target}"


def test_every_module_that_a_document_names_is_there():
    """`replications/training/workers.py`, in words or in code."""
    for document in ("README.md", "CONTRIBUTING.md", "paper/README.md"):
        text = (tiny.ROOT / document).read_text(encoding="utf-8")
        for file in re.findall(r"\breplications/[\w/]+\.py\b", text):
            assert (tiny.ROOT / file).is_file(), f"{document} names {file}"


def test_plots_have_names_intervals_and_pictures(tmp_path):
    """What `dvc plots` and the DVC extension of an editor show."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "plots", "show", "--json", "-o", str(tmp_path)],
        cwd=tiny.ROOT,
        env=tiny.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    plots = json.loads(done.stdout[done.stdout.index("{") :])
    plots = plots.get("data", plots)
    pictures = {name for name in plots if name.endswith(".png")}
    curves = {name for name in plots if name.endswith("curves.csv")}
    assert len(pictures) == len(curves) >= 5
    for name in curves:
        for plot in plots[name]:
            content = plot["content"] if isinstance(plot["content"], str) else json.dumps(plot["content"])
            assert "95 % interval over seeds" in content
            assert '"high"' in content, "intervals are drawn"

"""Every command that the README tells people to run is run by a test: here, or where WHERE says."""

import json
import re
import shlex
import subprocess
import sys

import pytest

from replications.command import COMMANDS
from tests import tiny

README = (tiny.ROOT / "README.md").read_text(encoding="utf-8")
PROGRAMS = ("python", "dvc", "make", "pytest", "pip", "sbatch", "DASK_SCHEDULER_ADDRESS=")
HERE = (
    "python -m replications trace adversarial_term_sharpens",
    "python -m replications --help",
    "dvc metrics show",
    "dvc plots show",
)
WHERE = {
    "make test": (".ci/run", "make test"),
    "pytest": ("Makefile", "pytest --numprocesses"),
    "pip install --require-hashes -r requirements.lock": ("Makefile", "--require-hashes -r requirements.lock"),
    "python -m replications audit --runs 2": (".ci/run", "replications audit --runs 1"),
    "python -m replications regress --against HEAD~1": ("tests/test_regress.py", 'regress.main(["--against", "HEAD"'),
    "python -m replications new vae_flow": ("tests/test_new.py", 'said(root, "new", NAME)'),
    "python -m replications import-runs FOLDER": ("tests/test_import_runs.py", '"replications", "import-runs"'),
    "python -m replications bench": ("tests/test_bench.py", 'tiny.command("bench"'),
    "make repro": ("tests/slow/pipeline.py", '"dvc", "repro"'),
    "dvc repro": ("tests/slow/pipeline.py", '"dvc", "repro"'),
    "dvc repro real/dvc.yaml": ("real/dvc.lock", "replications.train pix2pix --study real"),
    "dvc repro -sf page": ("tests/test_page.py", "page.page(tiny.ROOT)"),
    "sbatch clusters/slurm.sh dvc repro real/dvc.yaml": ("tests/test_clusters.py", 'CLUSTERS / "slurm.sh"'),
    "DASK_SCHEDULER_ADDRESS=tls://host:8786 dvc repro": (
        "tests/slow/test_tls_cluster.py",
        '"DASK_SCHEDULER_ADDRESS": address',
    ),
    "pip install jax[cuda13]": ("paper/README.md", "KERAS_BACKEND=jax"),
}
"""Command → the file in which it is run, and the words there that run it, or what it calls, on a study that is small
enough or as a whole. Three hours of real/ are in no test, but in its lock; the last one wants a GPU."""


def commands(text: str) -> set[str]:
    """What a document tells to run: lines of its shell blocks without their comments, and code in a sentence."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    within = [
        " ".join(code.split()) for code in re.findall(r"`([^`]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    ]
    said = [line for line in lines + within if line.startswith(PROGRAMS)]
    return {line for line in said if " " in line or line == "pytest"}


def test_every_command_of_the_readme_is_run_somewhere():
    said = commands(README)
    assert said == {*HERE, *WHERE}
    for command, (file, words) in WHERE.items():
        assert words in (tiny.ROOT / file).read_text(encoding="utf-8"), f"{command} is not run by {file}"


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


@pytest.mark.parametrize("document", ["CONTRIBUTING.md", "paper/README.md", "clusters/README.md"])
def test_other_documents_name_only_commands_that_there_are(document):
    path = tiny.ROOT / document
    for line in commands(path.read_text(encoding="utf-8")) if path.exists() else ():
        found = re.match(r"python -m replications[ .](\w[\w-]*)", line)
        if found:
            assert found[1] in COMMANDS or found[1] == "bench_torch", line


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

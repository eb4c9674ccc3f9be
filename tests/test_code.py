"""The digest of the code that a result rests on: of every module that is loaded, and of nothing that means nothing."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from replications import code
from replications.study import REPLICATIONS
from tests import tiny


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """A copy of the package, which the digests are made to look at."""
    copy = tmp_path / "replications"
    shutil.copytree(code.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "PACKAGE", copy)
    return copy


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_code_json_is_of_the_code_that_is_here():
    found = (tiny.ROOT / code.FILE).read_text(encoding="utf-8")
    assert found == code.as_json(), "code.json is of other code; run `dvc repro --pull code` and commit it"


def test_the_digest_is_the_same_by_every_version_of_python():
    """What was trained under one is compared under another; `ast.unparse` quotes the inner string in other ways."""
    source = '''def f(n: int, *rest, **data) -> str:
    """Doc."""
    return f"n_{rest} = {n:.3g}: {len(data[f'{rest}_photo'])} ü" if data else None
'''
    expected = "54466211bee38387cf4e820283c9f276322466b4a46cefd28e8393400e7ae92b"
    assert hashlib.sha256(code.canonical(source).encode()).hexdigest() == expected


def test_a_copy_of_the_code_has_the_same_digests(package, monkeypatch):
    copied = code.stages()
    monkeypatch.undo()
    assert copied == code.stages()


@pytest.mark.parametrize("replication", REPLICATIONS)
def test_training_is_known_by_recipe_networks_and_process(replication):
    names = {path.relative_to(code.PACKAGE).as_posix() for path in code.trains(replication)}
    assert {f"{replication}/{file}.py" for file in ("networks", "params", "train")} <= names
    assert {"environment.py", "training/fitting.py", "training/process.py"} <= names
    assert not {name for name in names if name.startswith(("judging", "measuring", "reporting", "trust", "tools"))}
    assert not {name for name in names if name.endswith(("claims.py", "measures.py"))}


STAGES = {
    "train@pix2pix": ("training.process", "pix2pix.train", "pix2pix.params"),
    "measure@vae_vs_gan": ("measuring.measure", "vae_vs_gan.measures", "vae_vs_gan.params"),
    "readers": ("measuring.readers",),
    "judge": ("judging.judge", *(f"{name}.claims" for name in REPLICATIONS)),
    "report": ("reporting.report", *(f"{name}.claims" for name in REPLICATIONS)),
    "page": ("reporting.page",),
    "ladder": ("trust.ladder",),
    "calibration": ("trust.calibration",),
}


LOADED = """
import importlib, json, os, sys
import keras, scipy.stats, sklearn.linear_model, matplotlib.pyplot  # once for all: only our own modules are told
for stage, names in json.loads(sys.argv[1]).items():
    if not os.fork():
        for name in names:
            importlib.import_module("replications." + name)
        own = [module for name, module in sys.modules.items() if name.startswith("replications.")]
        print(json.dumps([stage, [module.__name__ for module in own if not hasattr(module, "__path__")]]), flush=True)
        os._exit(0)
    assert os.wait()[1] == 0, stage
"""


def test_every_module_that_a_stage_loads_is_in_its_digest():
    """In a process of its own for each, which says what it loaded: a dependency cannot be forgotten."""
    command = [sys.executable, "-c", LOADED, json.dumps(STAGES)]
    done = subprocess.run(command, cwd=tiny.ROOT, capture_output=True, text=True, check=True)
    told = dict(json.loads(line) for line in done.stdout.splitlines())
    assert set(told) == set(STAGES)
    for stage, names in told.items():
        loaded = {Path(*name.split(".")[1:]).with_suffix(".py") for name in names}
        assert {Path(*name.split(".")).with_suffix(".py") for name in STAGES[stage]} <= loaded, stage
        known = {path.relative_to(code.PACKAGE) for path in code.imported(*STAGES[stage])}
        assert loaded <= known, f"{stage} loads {sorted(map(str, loaded - known))}, which its digest does not cover"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("\nclass ", "\n# a comment\n\n\nclass ", id="comment"),
        pytest.param('"""The ', '"""Otherwise said, the ', id="docstring"),
        pytest.param(
            "def call(self, x, training=False):", "def call(\n        self, x,\n        training=False):", id="lines"
        ),
        pytest.param("outputs are not numbers", "outputs are no numbers", id="message"),
    ],
)
def test_what_means_nothing_changes_no_digest(package, old, new):
    before = code.stages()
    edit(package / "pix2pix" / "train.py", old, new)
    assert code.stages() == before


def test_a_moved_file_changes_no_digest(package):
    before = code.stages()
    (package / "elsewhere").mkdir()
    (package / "training" / "fitting.py").rename(package / "elsewhere" / "fitting.py")
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8").replace(
            "replications.training.fitting", "replications.elsewhere.fitting"
        )
        text = text.replace("from replications.training import fitting", "from replications.elsewhere import fitting")
        path.write_text(text, encoding="utf-8")
    assert code.stages() == before


@pytest.mark.parametrize(
    ("name", "old", "new", "stages"),
    [
        pytest.param("pix2pix/train.py", "0.5 * (ops.mean", "0.6 * (ops.mean", {"train.pix2pix"}, id="number"),
        pytest.param(
            "pix2pix/train.py",
            "ops.softplus(-real_logits)",
            "ops.softplus(real_logits)",
            {"train.pix2pix"},
            id="sign",
        ),
        pytest.param("pix2pix/networks.py", "LeakyReLU(0.2)", "LeakyReLU(0.3)", {"train.pix2pix"}, id="layer"),
        pytest.param("pix2pix/networks.py", 'name="generator"', 'name="g"', {"train.pix2pix"}, id="text"),
        pytest.param(
            "training/process.py", "enable_op_determinism()", "get_memory_growth()",
            {f"train.{name}" for name in REPLICATIONS}, id="determinism",
        ),
        pytest.param("pix2pix/claims.py", "smallest_effect=", "smallest_effect=2 * ", {"claims.pix2pix"}, id="claim"),
        pytest.param(
            "reporting/page.html.jinja", "<html", "<html data-x", {"page"}, id="template",
        ),
    ],
)  # fmt: skip
def test_what_means_something_changes_the_digests_of_its_stages(package, name, old, new, stages):
    before = flat(code.stages())
    edit(package / name, old, new)
    after = flat(code.stages())
    assert {stage for stage in after if after[stage] != before[stage]} == stages


def test_the_interval_is_code_of_measuring_and_judging(package):
    """The fault that folder dependencies ended: 95 % changed to 99 % left summaries and curves as they were."""
    before = flat(code.stages())
    edit(package / "statistics.py", "0.95", "0.99")
    after = flat(code.stages())
    changed = {stage for stage in after if after[stage] != before[stage]}
    assert {"judge", "report", "page", *(f"measure.{name}" for name in REPLICATIONS)} <= changed
    assert not {stage for stage in changed if stage.startswith(("train", "arrays", "data"))}


def flat(stages: dict) -> dict[str, str]:
    """Stage, with its replication where it has one → digest."""
    groups = {group: of if isinstance(of, dict) else {"": of} for group, of in stages.items()}
    return {f"{group}.{name}".removesuffix("."): digest for group, of in groups.items() for name, digest in of.items()}


def test_the_list_of_commands_is_code_of_no_stage():
    """A command more makes no stage stale."""
    stages = ("datasets.commands", "datasets.arrays", "measuring.readers", "measuring.measure", "measuring.controls")
    stages += ("judging.judge", "reporting.report", "reporting.page", "trust.calibration", "trust.ladder")
    files = code.imported(*stages)
    assert code.PACKAGE / "command.py" in files
    assert code.PACKAGE / "commands.py" not in files

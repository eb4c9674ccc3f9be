"""TensorFlow, JAX and PyTorch come to the same verdicts on a reduced study; not to the same bytes.

Each backend trains where its package is installed (`pip install jax`, `pip install torch`) and is skipped elsewhere.
"""

import importlib.util
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from replications import study
from replications.environment import BACKENDS
from replications.judging import judge
from replications.judging import verdicts as judging
from tests import tiny

ARMS = ("l1", "l1_cgan")
REDUCED = {"n_test": 100}
"""As many steps as the bundled study: in fewer the adversary has not sharpened anything yet."""
DECIDED = {"l1_outputs_are_blurrier_than_photos": "replicated", "adversarial_term_sharpens": "replicated"}
"""Claim → verdict, of those that so short a training decides by a wide margin."""

pytestmark = pytest.mark.slow


def reduced(folder: Path) -> Path:
    """Two arms of the bundled study."""
    content = YAML(typ="safe").load(tiny.ROOT / "params.yaml")
    section = content["pix2pix"] | REDUCED
    section["variants"] = {name: section["variants"][name] for name in ARMS}
    readers = {"segmentation": content["readers"]["segmentation"] | {"n_train": 500, "epochs": 2}}
    kept = {key: content[key] for key in ("seeds", "tuning_seeds")}
    tiny.write_params(folder, {**kept, "readers": readers, "pix2pix": section})
    arrays = tiny.ROOT / "arrays" / "facade_world-32.npz"
    if not arrays.exists():
        pytest.skip("arrays are not there: run `dvc repro --pull arrays`")
    (folder / "arrays").mkdir()
    shutil.copy(arrays, folder / "arrays")
    return folder


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_comes_to_the_same_verdicts(backend, tmp_path, monkeypatch):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed: `pip install {backend}`")
    folder = reduced(tmp_path / "reduced")
    for command in (["readers"], ["controls", "pix2pix"], ["train", "pix2pix"], ["measure", "pix2pix"]):
        done = tiny.command(*command, cwd=folder, KERAS_BACKEND=backend)
        assert done.returncode == 0, f"{command}: {done.stderr}"
    monkeypatch.chdir(folder)
    declared = study.load(".")
    environments = (folder / "results" / "pix2pix" / "environments.json").read_text(encoding="utf-8")
    assert f'"backend": "{backend}"' in environments
    on_trial = [claim for claim in judge.claims_of(declared) if claim.id in DECIDED]
    scores = {"pix2pix": judge.read_scores(declared, "pix2pix")}
    verdicts = judging.judge(on_trial, scores, declared.seeds, "root")
    assert {verdict.id: verdict.if_tested for verdict in verdicts} == DECIDED, [one.in_words() for one in verdicts]

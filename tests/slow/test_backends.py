"""TensorFlow, JAX and PyTorch come to the same verdicts on a reduced study, and each trains every replication.

They do not come to the same bytes.

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
    needed(backend)
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


def needed(backend: str) -> None:
    """Skips where the backend is missing."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed: `pip install {backend}`")


@pytest.mark.parametrize("room", tiny.ROOMS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_trains_and_measures_every_replication(backend, room, tmp_path):
    """Under JAX, vae_vs_gan once stopped at its first snapshot: a search gave away the memory of the averages.

    pix2pix's `predict` would do so, too. None of its arms averages its weights.
    """
    needed(backend)
    averaged = {} if room == "pix2pix" else {"ema": 0.9}
    section = {**tiny.ROOMS[room], "epochs": 2, "snapshots": [0.5, 1.0], **averaged}
    readers = {**tiny.HEAD["readers"], "classification": tiny.CLASSIFICATION}
    folder = tiny.write_study(tmp_path, room, **{room: section}, readers=readers, seeds=[1])
    for command in (["readers"], ["controls", room], ["train", room], ["measure", room]):
        done = tiny.command(*command, cwd=folder, KERAS_BACKEND=backend)
        assert done.returncode == 0, f"{command}: {done.stderr}"
    scores = tiny.read_rows(folder / "results" / room / "scores.csv")
    assert {row["variant"] for row in scores} == set(section["variants"])
    assert {row["snapshot"] for row in scores} == {"0.5", "1"}


def test_runs_of_an_arm_share_what_jax_compiled(tmp_path):
    needed("jax")
    one_arm = {**tiny.VAE_VS_GAN, "variants": {"gan": tiny.VAE_VS_GAN["variants"]["gan"]}}
    checkpoints = tmp_path / "checkpoints"
    bytes_of, compiled = {}, []
    for name, shared in (("alone", ""), ("together", str(checkpoints))):
        for seeds in ([1], [1, 2]):
            folder = tiny.write_study(tmp_path / name, "vae_vs_gan", vae_vs_gan=one_arm, seeds=seeds)
            more = {"KERAS_BACKEND": "jax", "REPLICATIONS_CHECKPOINTS": shared}
            done = tiny.command("train", "vae_vs_gan", cwd=folder, **more)
            assert done.returncode == 0, done.stderr
            compiled.append({path.name for path in checkpoints.rglob("*-cache")})
        bytes_of[name] = tiny.hashes(folder / "runs")
    assert compiled[0] == compiled[1] == set(), "nothing is kept where no folder is given"
    assert compiled[2] == compiled[3] != set(), "the second seed compiles nothing"
    assert len(bytes_of["alone"]) > 2
    assert bytes_of["together"] == bytes_of["alone"]

"""A dry run of paper/: the study as it is declared, shrunk to toy size, through the commands that its pipeline runs."""

import json
import textwrap
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from replications import study
from replications.beta_vae import claims as beta_vae
from replications.pix2pix import claims as pix2pix
from replications.spatial_z_vae import claims as spatial_z_vae
from replications.vq_vae import claims as vq_vae
from tests import tiny

ROOMS = {"pix2pix": pix2pix, "spatial_z_vae": spatial_z_vae, "beta_vae": beta_vae, "vq_vae": vq_vae}
TRAINED = {"pix2pix": "l1_cgan", "spatial_z_vae": "flat_128", "beta_vae": "beta_1", "vq_vae": "k512_restarts"}
"""What is trained here is one arm of each room; every kind of arm is trained by the room's own tests. The judge gets
this arm's scores in the place of the others'."""

SIZE, N_CLASSES = 64, 12
TOY = {
    "readers": {"n_train": 4, "epochs": 1, "batch_size": 2, "channels": 4},
    "pix2pix": {
        "n_train": 4,
        "n_test": 4,
        "epochs": 1,
        "batch_size": 2,
        "jitter": 2,
        "precision": "float32",  # TensorFlow has no other on a processor
        "ngf": 2,
        "ndf": 2,
        "depth": 6,  # 64 pixels instead of 256: two convolutions less lead down to one
    },
    "spatial_z_vae": {"n_train": 4, "n_test": 4, "epochs": 1, "batch_size": 2, "channels": 4, "n_samples": 4},
    "beta_vae": {
        "n_train": 4,
        "n_probe": 20,
        "n_test": 4,
        "epochs": 1,
        "batch_size": 2,
        "channels": 4,
        "latent_size": 8,
        "n_samples": 4,
        "n_draws_inputs": 2,
    },
    "vq_vae": {"n_train": 4, "n_test": 4, "epochs": 1, "batch_size": 2, "channels": 8, "n_encoded": 2},
}
"""Section → the numbers that are smaller; all others are the study's own."""
N_PHOTOS = TOY["beta_vae"]["n_train"] + TOY["beta_vae"]["n_probe"]


def toy(every_arm: bool = False) -> dict:
    """paper/params.yaml at toy size, for one of its seeds."""
    content = YAML(typ="safe").load(tiny.ROOT / "paper" / "params.yaml")
    content["seeds"] = content["seeds"][:1]
    for reader in (content["readers"]["segmentation"], *content["readers"]["classification"].values()):
        reader |= TOY["readers"]
    for room in set(content) - {"seeds", "tuning_seeds", "readers"}:
        variants = content[room]["variants"]
        arms = variants if every_arm else (TRAINED[room],)
        content[room] |= TOY[room] | {"variants": {name: variants[name] for name in arms}}
    return content


def write_arrays(folder: Path) -> None:
    """Noise in place of the photographs."""
    rng = np.random.default_rng(0)
    arrays = {"palette": rng.integers(0, 256, (N_CLASSES, 3), dtype=np.uint8)}
    for split in ("train", "test"):
        arrays[f"{split}_photo"] = rng.integers(0, 256, (4, SIZE, SIZE, 3), dtype=np.uint8)
        arrays[f"{split}_labels"] = rng.integers(0, N_CLASSES, (4, SIZE, SIZE, 1), dtype=np.uint8)
    (folder / "arrays").mkdir()
    np.savez_compressed(folder / "arrays" / "cmp_facades-256.npz", allow_pickle=False, **arrays)
    photos = {
        f"{split}_photo": rng.integers(0, 256, (N_PHOTOS, 32, 32, 3), dtype=np.uint8) for split in ("train", "test")
    }
    photos |= {f"{split}_label": np.arange(N_PHOTOS, dtype=np.uint8) % 10 for split in ("train", "test")}
    np.savez_compressed(folder / "arrays" / "cifar10_jpeg-full.npz", allow_pickle=False, **photos)


@pytest.fixture(scope="module")
def paper(made_once) -> Path:
    """The toy study, trained, measured and judged by its commands; beside it what each of them said."""
    return made_once("dry", run_all) / "paper"


def run_all(within: Path) -> None:
    folder = within / "paper"  # claims know a study by its folder's name
    write_arrays(tiny.write_params(folder, toy()))
    run_them(within, [["readers"], *([command, room] for room in ROOMS for command in ("train", "measure"))])
    declare_all_arms(folder)
    run_them(within, [*(["controls", room] for room in ROOMS), ["judge"]])


def run_them(within: Path, commands: list[list[str]]) -> None:
    texts = tiny.one_by_one(within, *([*words, "--study", "paper"] for words in commands))
    for words, text in zip(commands, texts, strict=True):
        (within / "-".join(words)).with_suffix(".txt").write_text(text, encoding="utf-8")


def declare_all_arms(folder: Path) -> None:
    """Each has the scores of the one that it is like."""
    declared = toy(every_arm=True)
    tiny.write_params(folder, declared)
    for room, name in TRAINED.items():
        path = folder / "results" / room / "scores.csv"
        rows = tiny.read_rows(path)
        others = set(declared[room]["variants"]) - {name}
        tiny.write_rows(path, rows + [row | {"variant": o} for o in others for row in rows if row["variant"] == name])


def said(paper: Path, *command: str) -> str:
    return (paper.parent / f"{'-'.join(command)}.txt").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("room", ROOMS)
def test_the_whole_study_runs(paper, room):
    runs = len(toy()["seeds"]) * len(toy()[room]["variants"])
    assert f"[{runs}/{runs}]" in said(paper, "train", room)
    assert len(tiny.read_rows(paper / "results" / room / "runs.csv")) == runs
    assert (paper / "results" / room / "sheet.png").stat().st_size > 0


@pytest.mark.slow
def test_one_seed_decides_nothing_and_the_command_says_so(paper):
    assert "warning: 1 paired seed: the smallest possible p is 0.5 > 0.05" in said(paper, "train", "pix2pix")
    verdicts = json.loads((paper / "results" / "verdicts.json").read_text(encoding="utf-8"))
    assert len(verdicts) == sum("paper" in claim.studies for room in ROOMS.values() for claim in room.CLAIMS)
    assert {verdict["if_tested"] for verdict in verdicts} == {"inconclusive"}
    for verdict in verdicts:
        of = {
            "pix2pix": "6,000 steps",
            "spatial_z_vae": "2,343 steps",
            "beta_vae": "4,584 steps",
            "vq_vae": "1,560 steps",
        }[verdict["replication"]]
        assert of in str(verdict["deviations"]), "of this study, not of the others"


def test_a_precision_that_a_processor_does_not_have_is_refused_before_training(tmp_path):
    content = toy()
    content["pix2pix"]["precision"] = "mixed_bfloat16"
    folder = tiny.write_params(tmp_path / "paper", content)
    write_arrays(folder)
    done = tiny.here("train", "pix2pix", "--study", folder, cwd=tmp_path)
    tiny.assert_one_line_error(done, "l1_cgan: precision = mixed_bfloat16: expected a GPU, or KERAS_BACKEND=jax")


def test_the_arms_that_the_readme_offers_can_be_declared(tmp_path):
    text = (tiny.ROOT / "paper" / "README.md").read_text(encoding="utf-8")
    offered = YAML(typ="safe").load(textwrap.dedent(text.split("```yaml\n")[1].split("```")[0]))
    content = YAML(typ="safe").load(tiny.ROOT / "paper" / "params.yaml")
    for room, section in offered.items():
        assert not section["variants"].keys() & content[room]["variants"].keys(), "they are there already"
        content[room]["variants"] |= section["variants"]
    declared = study.load(tiny.write_params(tmp_path / "paper", content))
    assert declared.variants_of("pix2pix")["l1_cgan_patch16"].receptive_field == 16
    assert declared.variants_of("spatial_z_vae")["spatial_512"].latent == "spatial"

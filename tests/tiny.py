"""Studies small enough for a test, one of each room: a few facades of 32 pixels, nets of a few channels, one epoch."""

import csv
import hashlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import chdir, redirect_stderr, redirect_stdout
from math import log
from pathlib import Path

import numpy as np
from ruamel.yaml import YAML
from scipy import ndimage

from replications import proof, runs, study
from replications.datasets import world
from replications.environment import ONE_THREAD

ROOT = Path(__file__).parent.parent

HEAD = {
    "seeds": [1, 2],
    "tuning_seeds": [101],
    "readers": {
        "segmentation": {
            "dataset": "facade_world-tiny",
            "n_train": 8,
            "epochs": 1,
            "batch_size": 4,
            "learning_rate": 1e-3,
            "channels": 4,
            "seed": 0,
        }
    },
}
PIX2PIX = {
    "dataset": "facade_world-tiny",
    "direction": "labels_to_photo",
    "n_train": 8,
    "n_test": 4,
    "epochs": 1,
    "batch_size": 4,
    "learning_rate": 1e-3,
    "beta_1": 0.5,
    "jitter": 0,
    "mirror": False,
    "precision": "float32",
    "ngf": 4,
    "ndf": 4,
    "depth": 2,
    "skips": True,
    "dropout": 0.5,
    "dropout_blocks": 1,
    "discriminator": "conditional",
    "receptive_field": 7,
    "lambda_l1": 1.0,  # at 100 two steps of both variants round to the same bytes
    "lambda_l2": 0.0,
    "n_draws": 2,
    "n_draws_inputs": 4,
    "variants": {"l1": {"discriminator": "none"}, "l1_cgan": {}},
}
ENVIRONMENT = {"backend": "none", "cpu": "made up", "packages": {"numpy": "0"}}
SPATIAL_Z_VAE = {
    "dataset": "facade_world-tiny",
    "n_train": 16,
    "n_test": 4,
    "epochs": 1,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "latent": "flat",
    "latent_size": 8,
    "channels": 4,
    "residual_blocks": 1,
    "normalisation": "instance",
    "beta": 1.0,
    "kl": "sum",
    "mean_counts_as": 8,
    "loss": "pixel",
    "feature_channels": 4,
    "feature_epochs": 1,
    "feature_seed": 0,
    "n_samples": 8,
    "variants": {
        "flat_8": {"loss": "perceptual"},
        "spatial_64": {"latent": "spatial", "latent_size": 64, "kl": "mean"},
    },
}
BETA_VAE = {
    "dataset": "facade_world-tiny",
    "n_train": 16,
    "n_probe": 24,
    "n_test": 4,
    "epochs": 1,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "channels": 4,
    "latent_size": 4,
    "encoder": "gaussian",
    "beta": 1.0,
    "variance": "unit",
    "n_samples": 8,
    "n_draws": 2,
    "n_draws_inputs": 2,
    "variants": {"autoencoder": {"encoder": "deterministic", "beta": 0.0}, "sigma": {"variance": "optimal"}},
}
VQ_VAE = {
    "dataset": "facade_world-tiny",
    "n_train": 16,
    "n_test": 4,
    "epochs": 1,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "channels": 4,
    "residual_blocks": 1,
    "embedding_dim": 4,
    "quantiser": "straight_through",
    "codebook_size": 8,
    "commitment_cost": 0.25,
    "decay": 0.99,
    "restart_below": 1.0,
    "beta": 1.0,
    "n_encoded": 2,
    "variants": {"vae": {"quantiser": "gaussian"}, "k512_restarts": {"quantiser": "ema_restarts"}},
}
VAE_VS_GAN = {
    "dataset": "facade_world-tiny",
    "n_train": 16,
    "n_test": 4,
    "epochs": 2,
    "snapshots": [0.5, 1.0],
    "batch_size": 8,
    "learning_rate": 1e-3,
    "beta_1": 0.5,
    "channels": 4,
    "latent_size": 4,
    "encoder": "gaussian",
    "beta": 1.0,
    "gamma": 1.0,
    "label_smoothing": 0.1,
    "n_samples": 8,
    "n_search": 2,
    "n_restarts": 1,
    "search_steps": 2,
    "search_learning_rate": 0.1,
    "n_bound": 2,
    "n_importance": 2,
    "variants": {
        "vae_gan": {"variance": "optimal"},
        "gan": {"encoder": "none", "beta": 0.0, "game": "relativistic", "gradient_penalty": 0.1, "ema": 0.9},
    },
}
CAUSES = {
    "dataset": "facade_world-tiny",
    "n_train": 16,
    "n_test": 4,
    "epochs": 2,
    "snapshots": [0.5, 1.0],
    "batch_size": 8,
    "learning_rate": 1e-3,
    "beta_1": 0.5,
    "beta_2": 0.99,
    "channels": 2,
    "latent_size": 4,
    "used": 4,
    "noise_size": 2,
    "regime": "vae",
    "beta": 1.0,
    "variance": "unit",
    "sigma": 0.0,
    "levels": 0,
    "hidden": 0,
    "loss": "l2",
    "gamma": 1.0,
    "gradient_penalty": 0.02,
    "penalty_step": 0.005,
    "square": 8,
    "n_samples": 4,
    "variants": {
        "kl_adversary": {"loss": "adversary"},
        "size_l2": {"regime": "noise", "beta": 0.0, "sigma": 0.1, "used": 2},
    },
}
ROOMS = {
    "pix2pix": PIX2PIX,
    "spatial_z_vae": SPATIAL_Z_VAE,
    "beta_vae": BETA_VAE,
    "vq_vae": VQ_VAE,
    "vae_vs_gan": VAE_VS_GAN,
    "causes": CAUSES,
}
"""Replication → its section of params.yaml: two variants that have as little as possible in common."""
QUICK_ROOMS = ("pix2pix", "vq_vae", "causes")
"""Those that stand for all where a test takes half a minute for each: with and without a discriminator, a codebook, a
code of its own, snapshots; no reader of labels. The slow tests take the others."""
for section in ROOMS.values():
    section["keep_weights"] = 1.0
CLASSIFICATION = {
    "facade_world-tiny": {
        "heads": ["wall_colour", "sky_shade", "door_colour", "mullion"],
        "n_train": 48,
        "epochs": 1,
        "batch_size": 16,
        "learning_rate": 1e-3,
        "channels": 4,
        "seed": 0,
    }
}
"""The readers of labels; no part of HEAD, so that tests which need none do not wait for one."""


READMES = ("README.md", "results/README.md", *(f"replications/{name}/README.md" for name in study.REPLICATIONS))
"""The files that the report writes tables into."""
BLOCKS = ("answer", "ideas", "deciding", "headlines", "replications", "results")
"""All that stands between markers in one of them or another."""


def write_readmes(folder: Path, text: str = "") -> None:
    """Files that the report can write its tables into: a text and, below it, all markers that are not in it."""
    for readme in READMES:
        (folder / readme).parent.mkdir(parents=True, exist_ok=True)
        missing = [block for block in BLOCKS if f"<!-- {block}: begin" not in text]
        (folder / readme).write_text(text + markers(*missing), encoding="utf-8")


def markers(*blocks: str) -> str:
    """The lines of a README between which the report writes."""
    return "".join(f"<!-- {one}: begin (generated, do not edit) -->\n<!-- {one}: end -->\n" for one in blocks)


def params(room: str = "pix2pix", **head) -> dict:
    """What params.yaml says with one room's section; keyword arguments replace whole keys."""
    return json.loads(json.dumps({**HEAD, room: ROOMS[room], **head}))


def write_params(folder: Path, content) -> Path:
    """Writes params.yaml and returns the study's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "params.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(content, file)
    return folder


def write_arrays(folder: Path, n_train: int = 48, n_test: int = 4) -> None:
    """A few pairs of the procedural world with their factors, as `export` would write them."""
    arrays = {"palette": world.PALETTE}
    for split, n in (("train", n_train), ("test", n_test)):
        labels, factors = world.sample(np.random.default_rng(n), n, 32)
        arrays |= {f"{split}_photo": world.render(labels, factors), f"{split}_labels": labels[..., None]}
        arrays |= {f"{split}_{name}": values for name, values in factors.items()}
    (folder / "arrays").mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / "arrays" / "facade_world-tiny.npz", **arrays)


def quick_or_slow(rooms: Sequence[str]) -> list:
    """Rooms as parameters of a test, the slow ones marked."""
    import pytest  # the pipelines of tests/slow import this module, too

    return [pytest.param(room, marks=[] if room in QUICK_ROOMS else pytest.mark.slow) for room in rooms]


def write_study(folder: Path, room: str = "pix2pix", **head) -> Path:
    """A study's folder, ready to train."""
    write_arrays(folder)
    return write_params(folder, params(room, **head))


def images(variant: str, seed: int) -> dict[str, np.ndarray]:
    """Made-up outputs: the photos blurred, less so under an adversary, with draws that differ a little."""
    labels, factors = world.sample(np.random.default_rng(4), 4, 32)
    photos = world.render(labels, factors)
    sigma = (0.3 if "gan" in variant else 1.5) + 0.02 * seed
    output = ndimage.gaussian_filter(photos.astype(float), (0, sigma, sigma, 0))
    noise = np.random.default_rng(seed).normal(0, 3, (4, 2, *photos.shape[1:]))
    return {
        "input": world.PALETTE[labels],
        "target": photos,
        "output": output.astype(np.uint8),
        "draws": np.clip(output[:, None] + noise, 0, 255).astype(np.uint8),
        "palette": world.PALETTE,
    }


def npz(arrays: dict[str, np.ndarray]) -> bytes:
    """The content of an npz file."""
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def shown(run: study.Run) -> dict:
    """What a made-up run says of its training: that it came to its declared end."""
    return {"trained": proof.declared(run.params), "picture": [32, 32, 3]}


def write_runs(declared: study.Study) -> None:
    """A made-up finished run for each declared one."""
    for run in declared.runs("pix2pix"):
        content = npz(images(run.variant, run.seed))
        runs.write(
            runs.folder(declared, run),
            content,
            {"facts": {}, "environment": ENVIRONMENT, **shown(run), **runs.identity(run, "code", "data")},
        )


def write_scores(declared: study.Study, effect: float = log(3), noise: float = 0.02) -> None:
    """Made-up scores of every declared run by every instrument that a claim reads; adversarial variants score more."""
    from replications.judging.judge import claims_of

    rng = np.random.default_rng(0)
    instruments = sorted({instrument for claim in claims_of(declared) for _, instrument in claim.needs})
    rows = [
        {
            "variant": run.variant,
            "seed": run.seed,
            "instrument": instrument,
            "score": f"{np.exp((effect if 'gan' in run.variant else 0) - log(4) + rng.normal(0, noise)):.6g}",
            "n_images": 4,
        }
        for run in declared.runs("pix2pix")
        for instrument in instruments
    ]
    write_rows(declared.folder / "results" / "pix2pix" / "scores.csv", rows)


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def write_rows(path: Path, rows: list[dict]) -> None:
    """Rows as a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def environment(**more: str) -> dict[str, str]:
    """For a command in a process of its own, wherever it runs: the package is found, no cluster is inherited."""
    own = ("DASK_", *ONE_THREAD)  # the latter of pytest itself: a command has to set its own
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(own)}
    return {**inherited, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **more}


def command(*words: object, cwd: Path = ROOT, module: str = "replications", **more: str) -> subprocess.CompletedProcess:
    """Runs `python -m replications WORDS`, or another module, to its end."""
    return python("-m", module, *words, cwd=cwd, **more)


def python(*words: object, cwd: Path, **more: str) -> subprocess.CompletedProcess:
    """Runs Python to its end; keyword arguments are further environment variables."""
    return subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=cwd,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def here(*words: object, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    """The same in this process, for a command that ends before it starts others: nobody waits for Python to start."""
    from replications import __main__ as door
    from replications import command

    out, err = io.StringIO(), io.StringIO()
    with chdir(cwd), redirect_stdout(out), redirect_stderr(err):
        try:
            command.run(lambda: door.main([str(word) for word in words]))
        except SystemExit as stopped:
            status = int(stopped.code or 0)
    return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())


ONE_BY_ONE = """
import contextlib, io, json, sys
from replications.__main__ import main
if __name__ == "__main__":  # processes of the commands import this file
    texts = []
    for words in json.loads(sys.argv[1]):
        with contextlib.redirect_stdout(io.StringIO()) as text:
            assert main(words) == 0, words
        texts.append(text.getvalue())
    print(json.dumps(texts))
"""


def one_by_one(folder: Path, *commands: Sequence[object], **more: str) -> list[str]:
    """What each command says that runs to its end in `folder`, all in one process, which imports once what they share.

    Each of them runs in a process of its own elsewhere.
    """
    script = folder / "commands.py"
    script.write_text(ONE_BY_ONE, encoding="utf-8")
    done = python(script, json.dumps([[str(word) for word in words] for words in commands]), cwd=folder, **more)
    script.unlink()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == "", "nothing but an error goes to standard error"
    return json.loads(done.stdout)


def assert_one_line_error(done: subprocess.CompletedProcess, *said: str) -> None:
    """A command that ended as it should on bad input: exit status 2, one line on standard error, no traceback."""
    assert done.returncode == 2, f"exit status {done.returncode}, expected 2\n{done.stdout}{done.stderr}"
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, f"expected one line of error\n{done.stderr}"
    assert lines[0].startswith("error: ")
    for words in said:
        assert words in lines[0], f"expected {words!r} in: {lines[0]}"


def hashes(folder: Path) -> dict[str, str]:
    """Relative path → SHA-256 of every file below a folder."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }

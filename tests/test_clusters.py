"""The recipes of clusters/: the same commands and variables as in the text of workers.py, which a slow test follows."""

import os
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from replications.training import workers
from tests import tiny

CLUSTERS = tiny.ROOT / "clusters"
LINES = [line.strip() for line in (workers.__doc__ or "").splitlines()]


@pytest.fixture(scope="module")
def deployments() -> dict[str, dict]:
    """Role → the pod of the scheduler and of the workers on Kubernetes."""
    items = YAML(typ="safe").load(CLUSTERS / "kubernetes.yaml")["items"]
    return {
        item["spec"]["template"]["metadata"]["labels"]["role"]: item["spec"]["template"]["spec"]
        for item in items
        if item["kind"] == "Deployment"
    }


@pytest.mark.parametrize("role", ["scheduler", "worker"])
def test_kubernetes_starts_what_the_text_says(deployments, role):
    (said,) = [line for line in LINES if line.startswith(f"dask {role}")]
    (container,) = deployments[role]["containers"]
    assert container["command"] == shlex.split(said.replace("SCHEDULER:8786", "replications:8786"))
    settings = dict(line.split("=", 1) for line in LINES if line.startswith("DASK_DISTRIBUTED"))
    given = {one["name"]: one["value"] for one in container["env"]}
    assert given == {key: f"/tls/{value}" if value.endswith(".pem") else value for key, value in settings.items()}
    assert container["volumeMounts"] == [{"name": "tls", "mountPath": "/tls", "readOnly": True}]
    assert deployments[role]["volumes"][0]["secret"]["secretName"] == "replications-tls"


def test_workers_find_the_scheduler_by_its_service():
    items = YAML(typ="safe").load(CLUSTERS / "kubernetes.yaml")["items"]
    (service,) = [item for item in items if item["kind"] == "Service"]
    assert service["metadata"]["name"] == "replications"
    assert service["spec"]["ports"] == [{"port": 8786}]
    (scheduler,) = [i for i in items if i["metadata"]["name"] == "replications-scheduler"]
    assert scheduler["spec"]["template"]["metadata"]["labels"] == service["spec"]["selector"]


SRUN = """#!/bin/sh
# Stands for Slurm's: as many processes as tasks, here.
n=${1#--ntasks=}
shift
for i in $(seq "$n"); do "$@" & done
wait
"""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("openssl") or not shutil.which("bash"), reason="the recipe needs bash and openssl")
def test_the_recipe_for_slurm_trains_the_same_bytes_and_leaves_no_key(tmp_path, trained):
    """With real scheduler and worker processes that speak TLS over TCP; Slurm itself is not here."""
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    (bin_ / "srun").write_text(SRUN)
    (bin_ / "srun").chmod(stat.S_IRWXU)
    folder = tiny.write_study(tmp_path / "tiny")
    path = os.pathsep.join([str(bin_), str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [
            "bash",
            str(CLUSTERS / "slurm.sh"),
            "python",
            "-m",
            "replications",
            "train",
            "pix2pix",
            "--study",
            str(folder),
        ],
        cwd=tmp_path,
        env=tiny.environment(PATH=path, SLURM_NTASKS="3"),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "[4/4]" in done.stdout
    assert tiny.hashes(folder / "runs") == tiny.hashes(trained("pix2pix") / "runs")
    assert not list(tmp_path.glob(".dask-*"))

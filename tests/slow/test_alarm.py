"""The alarm rings: a fault in a recipe loses a trend of the claims that recheck.yaml calls the canary.

Without a fault it does not: validation/versions.md has the same claims on the same seed, under several versions.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from replications.judging.verdicts import number
from replications.trust import recheck, versions
from tests import tiny


@dataclass(frozen=True)
class Fault:
    """A line of a recipe, written as it should not be."""

    name: str
    file: str
    right: str
    wrong: str
    claims: tuple[str, ...]
    """Those of the canary whose arms it touches; at least one of them has to ring."""


PIX2PIX = ("pix2pix/adversarial_term_sharpens", "pix2pix/cgan_alone_is_sharp_but_less_faithful")
OF_FAULTS = (
    Fault("L1 has no weight", "pix2pix/train.py", 'self.p.lambda_l1 * losses["l1"]', 'losses["l1"]', PIX2PIX),
    Fault(
        "pairs are shuffled",
        "pix2pix/train.py",
        "tuple(to_float(np.stack([self.crop(z, i) for i in chosen])) for z in (self.x, self.y))",
        "tuple(to_float(np.stack([self.crop(z, i) for i in order])) "
        "for z, order in ((self.x, chosen), (self.y, chosen[::-1])))",
        PIX2PIX,
    ),
    Fault(
        "a gradient is not stopped",
        "vq_vae/networks.py",
        '"quantised": z + ops.stop_gradient(e - z),\n            "codes": codes,\n            "loss": codebook_loss',
        '"quantised": z + (e - z),\n            "codes": codes,\n            "loss": codebook_loss',
        ("vq_vae/quantisation_blurs",),
    ),
)
FAULTS = {fault.name: fault for fault in OF_FAULTS}
TABLE = tiny.ROOT / "validation" / "alarm.md"


@pytest.fixture(params=FAULTS)
def fault(request) -> Fault:
    return FAULTS[request.param]


@pytest.fixture(scope="module")
def rechecked(request) -> Iterator[list[tuple[Fault, dict]]]:
    """What became of each claim under each fault; kept as a table where that was asked for."""
    found: list[tuple[Fault, dict]] = []
    yield found
    if request.config.getoption("--record") and {fault.name for fault, _ in found} == set(FAULTS):
        TABLE.write_text("\n".join(table(found)) + "\n", encoding="utf-8")


def table(found: Sequence[tuple[Fault, dict]]) -> list[str]:
    """Markdown: a line for each claim that a fault touches."""
    lines = [
        "# Faults of a recipe, and whether the alarm rings",
        "",
        "Made by `pytest -m slow --record tests/slow/test_alarm.py`: a line of a recipe was made wrong on purpose, and "
        "the claims of the canary that it touches were rechecked on one fresh seed. *predicted*: where 95 % of the "
        "effects of one fresh seed lie. For a claim of two parts, a single seed compares only the first. The same "
        "claims and seed without a fault: [versions.md](versions.md).",
        "",
        "| fault | file | claim | committed | predicted | with the fault | trend |",
        "|---|---|---|---|---|---|---|",
    ]
    for fault, one in found:
        committed, fresh = one["committed"], one["fresh"]
        effects = [number(one[key], committed["scale"]) for one, key in ((committed, "effect"), (fresh, "effect"))]
        predicted = " to ".join(number(bound, committed["scale"]) for bound in one["predicted"] or ()) or "–"
        failed = [check["variant"] for check in fresh["checks"] if not check["passed"]]
        fell = f", a quality check of {' and '.join(dict.fromkeys(failed))} fails" if failed else ""
        cells = [
            fault.name,
            f"replications/{fault.file}",
            one["claim"],
            f"{effects[0]}, {committed['verdict']}",
            predicted,
            f"{effects[1]}{fell}",
            "the same" if one["same_trend"] else "**different**",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def broken(folder: Path, fault: Fault) -> Path:
    """A checkout whose recipe has the fault."""
    folder.mkdir()
    for name in ("params.yaml", "recheck.yaml", "register.jsonl", "results", "real", "paper", "arrays"):
        (folder / name).symlink_to(tiny.ROOT / name)
    shutil.copytree(tiny.ROOT / "replications", folder / "replications")
    file = folder / "replications" / fault.file
    text = file.read_text(encoding="utf-8")
    assert text.count(fault.right) == 1, f"{fault.file} has changed: expected once {fault.right!r}"
    file.write_text(text.replace(fault.right, fault.wrong), encoding="utf-8")
    return folder


def test_every_fault_is_one_of_the_recipe_and_touches_the_canary(fault, tmp_path):
    broken(tmp_path / "checkout", fault)
    assert set(fault.claims) <= set(recheck.claims_of_set("canary"))


@pytest.mark.slow
def test_a_fault_of_the_recipe_loses_a_trend(fault, tmp_path, rechecked):
    if not (tiny.ROOT / "arrays").exists():
        pytest.skip("arrays are not there: run `dvc repro --pull arrays`")
    folder = broken(tmp_path / "checkout", fault)
    done = subprocess.run(
        [sys.executable, "-m", "replications", "recheck", *fault.claims, "--fresh", "1", "--json"],
        cwd=folder,
        env=tiny.environment(PYTHONPATH=str(folder)),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    found = json.loads(done.stdout)
    rechecked += [(fault, one) for one in found]
    assert not all(one["same_trend"] for one in found)


def test_without_a_fault_it_does_not_ring(monkeypatch):
    """What is committed of the same claims and the same seed, under the versions of requirements.lock and others."""
    monkeypatch.chdir(tiny.ROOT)
    of_faults = {claim for fault in FAULTS.values() for claim in fault.claims}
    assert versions.read()
    for combination in versions.read():
        same = {one.claim for one in combination.trends if one.same_trend}
        assert of_faults <= same, combination.versions


def test_every_fault_rings_in_the_committed_table():
    lines = TABLE.read_text(encoding="utf-8").splitlines()
    for name in FAULTS:
        assert any(line.startswith(f"| {name} |") and line.endswith("| **different** |") for line in lines), name

"""Each link from a verdict to its data, broken in a copy of what is committed, is named; and no other link is."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from replications import code, runs, study
from replications.results import read_environments
from replications.trust import chain, trace
from replications.trust.trace import TraceError

ROOT = Path(__file__).parent.parent.parent
CLAIM = "adversarial_term_sharpens"
HERE = {"cpu": "another", "packages": {"tensorflow": "9.9"}}


@pytest.fixture
def tree(tmp_path, monkeypatch) -> Path:
    """A copy of the bundled study as it is committed, without its runs, and of the code; the working directory."""
    for file in ("params.yaml", "dvc.lock", "data.dvc", "README.md"):
        shutil.copy(ROOT / file, tmp_path / file)
    for folder in ("results", "real/results", "paper/results", "replications"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(code, "PACKAGE", tmp_path / "replications")
    return tmp_path


def broken(here: dict = HERE) -> dict[str, tuple[str, ...]]:
    """The broken links of one claim, with what is said of them."""
    declared = study.load(".")
    return {
        link.name: link.problems for link in trace.trace(declared, trace.find(declared, CLAIM), here) if link.problems
    }


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_an_untouched_copy_holds(tree):
    assert broken() == {}


def altered_score(tree: Path) -> None:
    path = tree / "results" / "pix2pix" / "scores.csv"
    row = next(line for line in path.read_text().splitlines() if line.startswith("l1_cgan,1,laplacian_variance,"))
    variant, seed, instrument, score, n = row.split(",")
    edit(path, row, ",".join([variant, seed, instrument, f"{float(score) * 1.01:.6g}", n]))


def altered_verdict(tree: Path) -> None:
    path = tree / "results" / "verdicts.json"
    entries = json.loads(path.read_text(encoding="utf-8"))
    next(entry for entry in entries if entry["id"] == CLAIM)["effect"] += 0.1
    path.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def altered_lock(tree: Path) -> None:
    edit(tree / "dvc.lock", chain.md5(tree / "results/pix2pix/scores.csv"), "a" * 32)


def altered_images(tree: Path) -> None:
    path = tree / "results" / "pix2pix" / "runs.csv"
    row = next(line for line in path.read_text().splitlines() if line.startswith("l1_cgan,1,"))
    edit(path, row, row.replace(row.split(",")[2], "b" * 64))


def altered_params(tree: Path) -> None:
    edit(tree / "params.yaml", "  lambda_l1: 100.0", "  lambda_l1: 99.0")


def altered_shard(tree: Path) -> None:
    arrays = tree / "arrays" / "facade_world-32.npz"
    arrays.parent.mkdir()
    arrays.write_bytes(b"other arrays")


def altered_pin(tree: Path) -> None:
    pin = (tree / "data.dvc").read_text(encoding="utf-8").split("md5: ")[1].split()[0]
    edit(tree / "data.dvc", pin, "c" * 32 + ".dir")


def altered_instrument(tree: Path) -> None:
    with (tree / "replications" / "instruments" / "sharpness.py").open("a") as file:
        file.write("\nCHANGED = True\n")


def altered_readme(tree: Path) -> None:
    edit(tree / "README.md", " ✔ replicated<br>", " ✔ Replicated<br>")


def altered_environment(tree: Path) -> None:
    edit(tree / "results" / "pix2pix" / "environments.json", '"cpu": "', '"cpu": "the new ')


BREAKS = [
    (altered_score, {"verdict", "scores"}, "results/pix2pix/scores.csv: its bytes are not those that stage measure"),
    (altered_verdict, {"README.md", "verdict"}, f"claim pix2pix/{CLAIM}, study root: effect is"),
    (altered_lock, {"scores"}, "a" * 32),
    (altered_images, {"runs"}, "results/pix2pix/runs.csv: its bytes are not those that stage measure@pix2pix wrote"),
    (altered_params, {"parameters"}, "params.yaml: pix2pix.lambda_l1 is 99.0, but stage"),
    (altered_shard, {"data"}, "its bytes are not those that stage arrays@facade_world-32 exported"),
    (altered_pin, {"data"}, "data.dvc: pins other data than stage arrays@facade_world-32 read"),
    (altered_instrument, {"instruments"}, "dvc.lock: stage measure@pix2pix ran with other code than today's"),
    (altered_readme, {"README.md"}, "README.md shows"),
    (altered_environment, {"README.md", "environment"}, "environments.json: its bytes are not those that stage"),
]


@pytest.mark.parametrize(("alter", "links", "words"), BREAKS, ids=[alter.__name__ for alter, *_ in BREAKS])
def test_a_broken_link_is_named_and_no_other(tree, alter, links, words):
    alter(tree)
    said = broken()
    assert set(said) == links
    problems = [problem for problems in said.values() for problem in problems]
    assert any(words in problem for problem in problems), problems
    assert all("run `dvc " in problem or "dvc checkout" in problem for problem in problems), "each with its remedy"
    assert not any("\n" in problem for problem in problems)


def test_other_training_code_is_named(tree, monkeypatch):
    (tree / "results" / "evidence.json").write_text("{}\n", encoding="utf-8")
    said = broken()
    assert set(said) == {"README.md", "code"}, "the README says what code it is"
    assert "which is not today's, and results/evidence.json names no commit for it" in said["code"][0]
    assert "run `python -m replications evidence --study .`" in said["code"][0]


def test_a_commit_that_has_other_code_is_named(tree):
    """The first commit of the repository trained nothing."""
    first = subprocess.run(["git", "rev-list", "--max-parents=0", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    path = tree / "results" / "evidence.json"
    evidence_ = json.loads(path.read_text(encoding="utf-8"))
    (digest,) = evidence_["pix2pix"]["trained"]
    evidence_["pix2pix"]["trained"][digest] = first.stdout.split()[0]
    path.write_text(json.dumps(evidence_), encoding="utf-8")
    assert "code" in broken()


def test_a_replication_that_was_just_begun_breaks_no_other_chain(tree):
    declared = study.load(".")
    begun = replace(declared, variants={**declared.variants, "just_begun": declared.variants["pix2pix"]})
    assert not [link for link in trace.trace(begun, trace.find(declared, CLAIM), HERE) if link.problems]


def test_a_run_on_this_machine_that_is_not_the_one_that_was_measured_is_named(tree):
    declared = study.load(".")
    run = next(run for run in declared.runs("pix2pix") if run.variant == "l1")
    facts = {"facts": {}, "environment": HERE, **runs.identity(run, "e" * 64, "f" * 64)}
    runs.write(runs.folder(declared, run), b"not even images", facts)
    assert set(broken()) == {"runs"}


def test_drift_of_the_environment_is_shown_and_breaks_nothing(tree):
    declared = study.load(".")
    links = trace.trace(declared, trace.find(declared, CLAIM), HERE)
    (environment,) = [link for link in links if link.name == "environment"]
    assert environment.problems == ()
    assert any("differs from this machine" in line and "here another" in line for line in environment.shown)
    same = next(iter(read_environments(Path(), "pix2pix").values()))
    links = trace.trace(declared, trace.find(declared, CLAIM), same)
    assert any("as here" in line for line in links[-1].shown)


def test_the_command_shows_every_link_and_says_by_its_status_whether_they_hold(tree, capsys, monkeypatch):
    monkeypatch.setattr(chain, "environment_now", lambda: HERE)
    assert trace.main([f"pix2pix/{CLAIM}"]) == 0
    said = capsys.readouterr().out
    for words in ("README.md", "verdict", "scores", "instruments", "runs", "parameters", "code", "data", "environment"):
        assert f"✔ {words}" in said
    assert "seeds 1, 2, 3, 4, 5:" in said
    assert "deviation (steps):" in said
    assert "every link holds" in said
    altered_score(tree)
    assert trace.main([CLAIM]) == 1
    said = capsys.readouterr().out
    assert "✘ scores" in said
    assert "broken: verdict, scores" in said
    assert trace.main([CLAIM, "--json"]) == 1
    links = json.loads(capsys.readouterr().out)
    assert [link["name"] for link in links if link["problems"]] == ["verdict", "scores"]


@pytest.mark.parametrize("name", ["adversarial_term_sharpen", "vq_vae/adversarial_term_sharpens"])
def test_an_unknown_claim_is_one_line_with_the_nearest(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(TraceError, match=f"'{name}': the root study judges no such claim; did you mean {CLAIM}"):
        trace.find(study.load("."), name)

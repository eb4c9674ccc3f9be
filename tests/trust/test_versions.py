"""Claims under other versions: each in an environment of its own, none trained twice, a lost trend is told."""

import json
import subprocess
from contextlib import chdir
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

from replications import study
from replications.errors import ReplicationError
from replications.trust import chain, recheck, versions
from replications.trust.versions import VersionsError
from tests import tiny

PINNED, OLDER = {"keras": "3.15.1", "tensorflow": "2.21.0"}, {"keras": "3.12.4", "tensorflow": "2.18.1"}
CLAIM = "vq_vae/quantisation_blurs"


@cache
def verdict() -> dict:
    """The committed verdict of the claim."""
    with chdir(tiny.ROOT):
        return chain.judged(study.load("."))[CLAIM.rpartition("/")[2]].as_json()


@pytest.fixture
def checkout(tmp_path, monkeypatch) -> Path:
    """The bundled study as it is committed, with a claim and two combinations to try, in a folder of its own."""
    for name in ("params.yaml", "pyproject.toml", "register.jsonl", "results", "real", "paper", "replications"):
        (tmp_path / name).symlink_to(tiny.ROOT / name)
    declared = {"sets": {"canary": [CLAIM]}, "versions": [PINNED, OLDER]}
    (tmp_path / "recheck.yaml").write_text(json.dumps(declared), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def child(monkeypatch) -> SimpleNamespace:
    """Stands for pip and for `recheck` in another environment: `seen`, the words; `changed`, added to each effect."""
    kept = SimpleNamespace(seen=[], changed=0.0, status={"pip": 0, "replications": None}, backends=[])
    monkeypatch.setattr(versions.venv, "create", lambda folder, **_: folder.mkdir(parents=True, exist_ok=True))

    def run(words, variables=None):
        kept.seen.append(words[1:])
        module = words[2] if words[1] == "-m" else ""
        if module == "replications":
            kept.backends.append(variables["KERAS_BACKEND"])
        committed = verdict()
        fresh = {**committed, "effect": committed["effect"] + kept.changed}
        one = {"claim": CLAIM, "same_trend": not kept.changed, "predicted": [-1.0, 1.0]}
        told = json.dumps([{**one, "committed": committed, "fresh": fresh}]) if module == "replications" else "2.0.2\n"
        status = kept.status.get(module)
        return subprocess.CompletedProcess(words, int(kept.changed != 0) if status is None else status, told)

    monkeypatch.setattr(versions, "run", run)
    return kept


def test_each_combination_is_trained_once_with_the_same_fresh_seeds(checkout, child, capsys):
    assert versions.main(["--fresh", "2", "--workers", "1"]) == 0
    trained = [words for words in child.seen if words[:3] == ["-m", "replications", "recheck"]]
    assert (
        trained
        == [["-m", "replications", "recheck", "--set", "canary", "--seeds", "201,202", "--json", "--workers", "1"]] * 2
    )
    assert child.backends == ["tensorflow", "tensorflow"]
    installed = [words for words in child.seen if words[:2] == ["-m", "pip"]]
    assert "keras==3.12.4" in installed[1]
    assert {"numpy", "dvc"} <= set(installed[1]), "the others come as these versions allow"
    older, pinned = versions.read()
    assert (older.versions, pinned.versions) == (OLDER, PINNED)
    assert (older.numpy, older.seeds) == ("2.0.2", [201, 202])
    child.seen.clear()
    assert versions.main(["--fresh", "2"]) == 0
    assert child.seen == []
    assert capsys.readouterr().out.count("validation/versions.json has it") == 2
    assert versions.main(["--fresh", "3"]) == 0, "on other seeds it is another trial"
    assert len(versions.read()) == 2
    assert not any(words[:2] == ["-m", "pip"] for words in child.seen), "the environments are there"


def test_a_trend_that_is_lost_is_told_and_ends_with_1(checkout, child, capsys):
    child.changed = 5.0
    assert versions.main([]) == 1
    assert f"keras 3.12.4, tensorflow 2.18.1: ANOTHER TREND of {CLAIM}" in capsys.readouterr().out
    table = versions.TABLE.read_text(encoding="utf-8")
    assert "2 of 2 trends were lost." in table
    assert table.count("**") == 4
    assert versions.main([]) == 1, "what was lost before is lost, though nothing is trained"


def test_what_was_compared_with_earlier_results_says_so(checkout, child):
    """The committed effect that the table shows is the latest one, whatever the order of the versions."""
    assert versions.main([]) == 0
    older, pinned = versions.read()
    earlier = older.trends[0].model_copy(update={"committed": 7.25, "committed_verdict": "contradicted"})
    for dates, shown in (
        (("2026-01-01", "2026-01-02"), pinned.trends[0]),
        (("2026-01-02", "2026-01-01"), earlier),
    ):
        known = [
            older.model_copy(update={"trends": [earlier], "date": dates[0]}),
            pinned.model_copy(update={"date": dates[1]}),
        ]
        lines = versions.as_markdown(known).splitlines()
        (row,) = (line for line in lines if line.startswith(f"| {CLAIM} |"))
        assert f", {shown.committed_verdict} |" in row
        said = [
            line.endswith("; compared with what was committed then") for line in lines if line.startswith("- keras")
        ]
        assert said == [shown is not earlier, shown is earlier]


def test_what_cannot_be_installed_or_trained_is_named(checkout, child):
    child.status["pip"] = 1
    with pytest.raises(
        VersionsError, match=r"keras 3\.15\.1, tensorflow 2\.21\.0: pip could not install them, .* leave"
    ):
        versions.main([])
    child.status = {"pip": 0, "replications": 2}
    with pytest.raises(VersionsError, match=r"tensorflow 2\.21\.0: nothing was judged, for the reason above"):
        versions.main([])
    assert not versions.FILE.exists()


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ([{"keras": "3.15.1"}], "expected a version of keras and one of tensorflow, jax, torch"),
        ([{"keras": "3.15.1", "jax": "1", "torch": "2"}], "expected a version of keras and one of"),
        ([{"keras": "newest", "jax": "1"}], "keras: 'newest' is no version, such as 3.15.1"),
        ([{"keras": 3.15, "jax": "1"}], "valid string"),
        ("all", "valid list"),
    ],
)
def test_versions_that_are_none(checkout, child, declared, message):
    Path("recheck.yaml").write_text(json.dumps({"sets": {"canary": [CLAIM]}, "versions": declared}), encoding="utf-8")
    with pytest.raises(ReplicationError, match=r"recheck\.yaml: expected sets.*" + message):
        versions.main([])
    assert child.seen == []


@pytest.mark.parametrize("content", ["", "{}", "[1]", '[{"versions": {}}]', "<<<<<<< HEAD"])
def test_a_damaged_list_is_named(checkout, child, content):
    versions.FILE.parent.mkdir()
    versions.FILE.write_text(content, encoding="utf-8")
    with pytest.raises(VersionsError, match=r"validation/versions\.json: expected what this command writes .*Git"):
        versions.main([])
    assert child.seen == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--set", "night"], "--set night: recheck.yaml has no such set; it has canary"),
        (["--fresh", "0"], "--fresh 0: expected 1 to 1,000"),
        (["--workers", "0"], "--workers 0: expected at least 1"),
    ],
)
def test_what_is_refused(checkout, child, words, message):
    with pytest.raises(ReplicationError, match=message):
        versions.main(words)
    assert child.seen == []


def test_the_committed_table_follows_from_its_numbers(monkeypatch):
    monkeypatch.chdir(tiny.ROOT)
    assert versions.TABLE.read_text(encoding="utf-8") == versions.as_markdown(versions.read())


def test_every_declared_combination_was_tried_with_the_whole_canary(monkeypatch):
    monkeypatch.chdir(tiny.ROOT)
    tried = versions.read()
    assert [one.versions for one in tried] == [one.versions for one in sorted(tried, key=versions.by_version)]
    assert sorted(map(str, recheck.declared_in_file().versions)) == sorted(str(one.versions) for one in tried)
    for combination in tried:
        assert [one.claim for one in combination.trends] == recheck.claims_of_set("canary"), combination.versions

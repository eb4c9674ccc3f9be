"""Verdicts here against those of a revision: float noise passes, a trend that is lost does not."""

import copy
import json
import shutil
import subprocess
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from replications.trust import chain, regress
from replications.trust.regress import RegressError, compare
from tests import tiny

VERDICT = {
    "id": "it_sharpens",
    "replication": "pix2pix",
    "verdict": "replicated",
    "effect": 0.636,
    "interval": [0.543, 0.729],
    "scale": "log_ratio",
    "unit": "times as sharp",
}
"""As the first version of the suite wrote it: no field more is needed to compare it."""
OTHER = {**VERDICT, "id": "it_blurs", "verdict": "inconclusive", "effect": 0.01, "interval": [None, None]}


def changed(**values) -> list[regress.Change]:
    """The first claim after a change, against before."""
    before = {f"pix2pix/{one['id']}": one for one in (VERDICT, OTHER)}
    return compare(before, {"it_sharpens": {**VERDICT, **values}, "it_blurs": OTHER})


def test_nothing_changed():
    changes = changed()
    assert [change.name for change in changes] == ["pix2pix/it_sharpens", "pix2pix/it_blurs"]
    assert [change.what for change in changes] == ["the same", "the same"]
    assert not any(change.failure for change in changes)


@pytest.mark.parametrize("effect", [0.636 * (1 + 1e-12), 0.636001, 0.63599, 0.65, 0.55])
def test_noise_within_the_intervals_passes(effect):
    """From the last bit of a float to another set of seeds."""
    assert not changed(effect=effect)[0].failure


def test_an_effect_that_moved_further_than_both_intervals_allow_fails():
    (half,) = {round((high - low) / 2, 6) for low, high in [VERDICT["interval"]]}
    allowed = (2 * half**2) ** 0.5
    assert changed()[0].allowed == pytest.approx(allowed)
    for sign in (-1, 1):
        moved = {
            "effect": 0.636 + sign * (allowed + 0.001),
            "interval": [x + sign * (allowed + 0.001) for x in (0.543, 0.729)],
        }
        assert "the effect moved by" in changed(**moved)[0].failure
        assert not changed(**{**moved, "effect": 0.636 + sign * (allowed - 0.001)})[0].failure


def test_a_narrow_interval_allows_no_more_than_rounding():
    exact = {**VERDICT, "interval": [0.636, 0.636]}
    before = {"pix2pix/it_sharpens": exact}
    assert not compare(before, {"it_sharpens": {**exact, "effect": 0.636005}})[0].failure
    assert compare(before, {"it_sharpens": {**exact, "effect": 0.6361}})[0].failure


@pytest.mark.parametrize("verdict", ["inconclusive", "contradicted", "negligible", "untestable"])
def test_another_verdict_fails_though_the_effect_hardly_moved(verdict):
    (change, _) = changed(verdict=verdict, effect=0.635)
    assert change.failure == f"the verdict was replicated and is {verdict}"


def test_an_untestable_claim_says_which_check_failed():
    check = {
        "what": "the net has learned",
        "instrument": "psnr",
        "variant": "l1",
        "side": "at least",
        "bound": 20.0,
        "value": 17.2,
        "seeds_reached": 0,
        "n_seeds": 5,
        "passed": False,
        "why": "of the tuning seed",
    }
    passed = {**check, "instrument": "ssim", "passed": True}
    (change, _) = changed(verdict="untestable", checks=[passed, check])
    assert change.failure == (
        "the verdict was replicated and is untestable: "
        "psnr of l1 is 17.2, required: at least 20 (0 of 5 seeds reach it)"
    )
    assert changed(verdict="inconclusive", checks=[passed, check])[0].failure.endswith("is inconclusive")


def test_two_verdicts_that_are_untestable_are_the_same():
    before = {"pix2pix/it_sharpens": {**VERDICT, "verdict": "untestable"}}
    assert not compare(before, {"it_sharpens": {**VERDICT, "verdict": "untestable"}})[0].failure


def test_a_claim_that_is_gone_fails_and_a_new_one_does_not():
    before = {"pix2pix/it_sharpens": VERDICT, "pix2pix/it_blurs": OTHER}
    (gone,) = [change for change in compare(before, {"it_sharpens": VERDICT}) if change.failure]
    assert (gone.name, gone.failure) == ("pix2pix/it_blurs", "the claim is gone")
    (new,) = [
        change
        for change in compare({"pix2pix/it_sharpens": VERDICT}, {"it_sharpens": VERDICT, "it_blurs": OTHER})
        if change.what == "new"
    ]
    assert not new.failure


def test_an_effect_on_another_scale_is_not_compared():
    assert "scale" in changed(scale="difference", effect=0.64)[0].failure


def test_a_set_of_seeds_without_an_interval_allows_any_effect_but_no_other_verdict():
    before = {"pix2pix/it_blurs": OTHER}
    assert not compare(before, {"it_blurs": {**OTHER, "effect": 5.0}})[0].failure
    assert compare(before, {"it_blurs": {**OTHER, "verdict": "replicated"}})[0].failure


# --- the command ---------------------------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A Git repository whose first commit has judged two claims."""
    tiny.write_params(tmp_path, tiny.params())
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "verdicts.json").write_text(json.dumps([VERDICT, OTHER]), encoding="utf-8")
    identity = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false")
    for words in (("init", "-q"), ("add", "-A"), (*identity, "commit", "-qm", "judged")):
        subprocess.run(["git", *words], cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def judge_says(monkeypatch, *verdicts: dict) -> None:
    """What follows from the scores of the working tree."""
    follows = {one["id"]: SimpleNamespace(as_json=lambda one=one: copy.deepcopy(one)) for one in verdicts}
    monkeypatch.setattr(chain, "judged", lambda declared: follows)


def test_the_command_passes_noise(repository, monkeypatch, capsys):
    judge_says(monkeypatch, {**VERDICT, "effect": 0.6360001}, OTHER)
    assert regress.main(["--against", "HEAD"]) == 0
    said = capsys.readouterr().out
    assert "2 claims, 0 regressions against HEAD" in said
    assert "1.89" in said, "effects as people read them"


def test_what_is_as_it_was_is_counted_and_what_is_not_is_shown_regressions_first(repository, monkeypatch, capsys):
    judge_says(monkeypatch, VERDICT, OTHER)
    assert regress.main(["--against", "HEAD"]) == 0
    said = capsys.readouterr().out
    assert "root: 2 of 2 claims are as they were" in said
    assert VERDICT["id"] not in said
    judge_says(monkeypatch, {**VERDICT, "effect": 0.6360001}, {**OTHER, "verdict": "replicated"})
    assert regress.main(["--against", "HEAD"]) == 1
    said = capsys.readouterr().out
    assert said.index(OTHER["id"]) < said.index(VERDICT["id"])
    assert "0 of 2 claims are as they were" in said


def test_the_command_fails_on_a_lost_trend_and_writes_junit(repository, monkeypatch, capsys):
    judge_says(monkeypatch, {**VERDICT, "verdict": "inconclusive", "effect": 0.02, "interval": [-0.1, 0.14]}, OTHER)
    assert regress.main(["--against", "HEAD", "--junit", "out/verdicts.xml"]) == 1
    assert "the verdict was replicated and is inconclusive" in capsys.readouterr().out
    suite = ElementTree.parse(repository / "out" / "verdicts.xml").getroot()
    assert (suite.tag, suite.get("tests"), suite.get("failures")) == ("testsuite", "2", "1")
    (failed,) = [case for case in suite if len(case)]
    assert (failed.get("classname"), failed.get("name")) == ("root.pix2pix", "it_sharpens")
    assert failed[0].get("message") == "the verdict was replicated and is inconclusive"


@pytest.mark.parametrize("revision", ["nowhere", "HEAD~5", "--help", ":0", "--output=x", "HEAD:results", ""])
def test_a_revision_that_does_not_exist_is_one_line(repository, monkeypatch, revision):
    judge_says(monkeypatch, VERDICT)
    with pytest.raises(RegressError) as caught:
        regress.main([f"--against={revision}"])
    message = str(caught.value)
    assert message.startswith(f"--against {revision}: no such commit; name a revision of this repository")
    assert "\n" not in message
    assert not (repository / "x").exists()


def test_a_shallow_clone_is_told_from_a_revision_that_was_never_there(repository, monkeypatch, tmp_path):
    judge_says(monkeypatch, VERDICT)
    subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", "Second"], check=True, cwd=repository)
    clone = tmp_path / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{repository}", str(clone)], check=True)
    monkeypatch.chdir(clone)
    with pytest.raises(
        RegressError, match=r"HEAD~1: no such commit in this shallow clone; run `git fetch --unshallow`"
    ):
        regress.main(["--against", "HEAD~1"])


@pytest.mark.parametrize("content", ["{", "[1]", '{"a": 1}', '[{"id": "x"}]'])
def test_verdicts_that_cannot_be_read_are_one_line(repository, monkeypatch, content):
    judge_says(monkeypatch, VERDICT)
    (repository / "results" / "verdicts.json").write_text(content)
    subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-qam", "damaged"], check=True
    )
    with pytest.raises(RegressError, match="holds no verdicts"):
        regress.main(["--against", "HEAD"])


def test_json_says_the_same_and_is_json(repository, monkeypatch, capsys):
    judge_says(monkeypatch, {**VERDICT, "verdict": "inconclusive"}, OTHER)
    assert regress.main(["--against", "HEAD", "--json"]) == 1
    said = json.loads(capsys.readouterr().out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    lost, same = said["verdicts"]
    assert (lost["before"], lost["after"], lost["moved"]) == ("replicated", "inconclusive", 0)
    assert lost["failure"] == "the verdict was replicated and is inconclusive"
    assert (same["claim"], same["failure"], same["allowed"]) == ("pix2pix/it_blurs", "", None), "no bound, no number"


# --- what is declared, against a revision that has no register -----------------------------------------------------
# With one, tests/judging/test_register.py tries every way of moving a goalpost.


def declared(capsys, status: int) -> tuple[dict[str, str], list[str]]:
    """What is said of declarations: subject → its regressions; and what could not be compared."""
    assert regress.main(["--against", "HEAD", "--json"]) == status
    said = json.loads(capsys.readouterr().out)
    return {one["subject"]: one["what"] for one in said["declared"] if one["failure"]}, said["not_compared"]


def test_a_revision_without_a_register_says_what_could_not_be_compared(repository, monkeypatch, capsys):
    judge_says(monkeypatch, VERDICT, OTHER)
    found, (said,) = declared(capsys, 0)
    assert found == {}
    assert said.startswith("predicates, checks, reasons and studies of its claims, and published tables (HEAD has no ")
    assert "statement, source, published, smallest_effect" in said


@pytest.mark.parametrize(
    ("head", "words"),
    [({"seeds": [1]}, "seeds 1, 2 → 1"), ({"tuning_seeds": [7]}, "tuning_seeds 101 → 7")],
)
def test_seeds_are_compared_with_those_of_its_params(repository, monkeypatch, capsys, head, words):
    judge_says(monkeypatch, VERDICT, OTHER)
    tiny.write_params(repository, tiny.params(**head))
    assert declared(capsys, 1)[0] == {"study root": words}


def test_parameters_are_shown_and_are_no_regression(repository, monkeypatch, capsys):
    judge_says(monkeypatch, VERDICT, OTHER)
    params = tiny.params()
    params["pix2pix"]["epochs"] = 9
    tiny.write_params(repository, params)
    assert regress.main(["--against", "HEAD"]) == 0
    assert "· study root: pix2pix.epochs 1 → 9\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("field", "old", "new", "words"),
    [
        ("smallest_effect", 0.223144, 0.0198026, "smallest_effect 0.223 → 0.0198"),
        ("published", "twice as sharp", "four times as sharp", "published 'twice as sharp' → 'four times as sharp'"),
        ("source", "figure 4", None, "source 'figure 4' → nothing"),
        (
            "deviations",
            [{"kind": "steps", "what": "2 epochs", "effect": "blurrier", "favours": "the claim"}],
            [],
            "deviations[steps] '2 epochs' → nothing",
        ),
    ],
)
def test_what_its_verdicts_repeat_of_a_claim_is_compared(repository, monkeypatch, capsys, field, old, new, words):
    before = {**VERDICT, field: old}
    (repository / "results" / "verdicts.json").write_text(json.dumps([before]), encoding="utf-8")
    committed(repository)
    judge_says(monkeypatch, before)
    assert declared(capsys, 0)[0] == {}
    judge_says(monkeypatch, {**before, field: new})
    assert declared(capsys, 1)[0] == {"pix2pix/it_sharpens": words}


def committed(repository) -> None:
    identity = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false")
    for words in (("add", "-A"), (*identity, "commit", "-qm", "more")):
        subprocess.run(["git", *words], cwd=repository, check=True, capture_output=True)


def test_a_whole_study_that_is_gone_is_a_regression(repository, monkeypatch, capsys):
    judge_says(monkeypatch, VERDICT, OTHER)
    for name in ("real", "tuning"):  # a folder to tune in is no study: nothing was judged there
        tiny.write_params(repository / name, tiny.params())
    (repository / "real" / "results").mkdir()
    (repository / "real" / "results" / "verdicts.json").write_text(json.dumps([VERDICT]), encoding="utf-8")
    committed(repository)
    shutil.rmtree(repository / "tuning")
    assert "study tuning" not in declared(capsys, 1)[0]
    shutil.rmtree(repository / "real")
    assert declared(capsys, 1)[0] == {
        "study real": "gone",
        "pix2pix/it_sharpens": "is no longer on trial in study real",
    }
    assert regress.main(["--against", "HEAD", "--junit", "verdicts.xml"]) == 1
    assert "✘ study real: gone\n" in capsys.readouterr().out
    suite = ElementTree.parse("verdicts.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("4", "2")
    assert [case.get("name") for case in suite if case.get("classname") == "declared" and len(case)] == [
        "study real",
        "pix2pix/it_sharpens",
    ]


def test_params_that_cannot_be_read_there_are_one_line(repository, monkeypatch):
    judge_says(monkeypatch, VERDICT)
    (repository / "params.yaml").write_text("seeds: [", encoding="utf-8")
    committed(repository)
    tiny.write_params(repository, tiny.params())
    with pytest.raises(
        RegressError, match=r"--against HEAD: params.yaml is not readable there \(.*\); name another"
    ) as e:
        regress.main(["--against", "HEAD"])
    assert "\n" not in str(e.value)

"""The claims, one test for each in every study: do the committed verdicts follow from the committed scores, and hold?

Nothing is trained here and nothing heavy is imported. The checks are plain functions of a folder: test_tampering.py
hands them copies that were tampered with and sees them fail.
"""

import contextlib
import importlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import zip_longest
from pathlib import Path

import pytest

from replications import command, study
from replications.judging.claims import SIGNS, Claim
from replications.judging.verdicts import MEANS, Verdict
from replications.reporting import report
from replications.trust import chain
from tests.reporting import test_report

ROOT = Path(__file__).parent.parent
STUDIES = (
    ".",
    *(name for name in ("real", "paper") if any((ROOT / name / f).exists() for f in ("results", "dvc.lock"))),
)
ROOMS = {name: tuple(study.load(ROOT / name).variants) for name in STUDIES}
"""Study → the replications that its params.yaml declares; a study need not have them all."""
CLAIMS = [
    claim
    for room in dict.fromkeys(room for rooms in ROOMS.values() for room in rooms)
    for claim in importlib.import_module(f"replications.{room}.claims").CLAIMS
]


def title(name: str) -> str:
    """What a study is called: its folder, or `root`."""
    return "root" if name == "." else name


def claims_of(name: str) -> list[Claim]:
    """The claims that are on trial in a study: those that name it, of the replications that it declares."""
    return [claim for claim in CLAIMS if claim.replication in ROOMS[name] and title(name) in claim.studies]


def cases(expecting: bool = False):
    """One pytest case for each study and claim; where a claim is known not to hold, a strict expected failure."""
    found = []
    for name in STUDIES:
        verdicts = committed_here(ROOT, name) if expecting and (ROOT / name / "results/verdicts.json").exists() else {}
        for claim in claims_of(name):
            reason = known_not_to_hold(claim, title(name), verdicts.get(claim.id)) if expecting else None
            marks = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
            found.append(pytest.param(name, claim, id=f"{title(name)}-{claim.replication}-{claim.id}", marks=marks))
    return found


def known_not_to_hold(claim: Claim, study: str, verdict: Mapping | None) -> str | None:
    """Why a claim is not replicated in a study, in one line: its failed quality checks, or the reason that it gives.

    The claim gives reasons of its own, and nobody has to write one where a check says it. The numbers in a reason are
    those of the committed verdict.
    """
    if verdict and verdict["verdict"] == "untestable":
        failed = [f"{one['what']}: {report.checked(one)}" for one in verdict["checks"] if not one["passed"]]
        return " ".join(f"untestable, {'; '.join(failed)}".split())
    if study not in claim.does_not_hold:
        return None
    return (verdict or {}).get("reason") or claim.does_not_hold[study]


# --- the checks: functions of a repository's folder and a study's name ---------------------------------------------


@contextlib.contextmanager
def there(tree: Path):
    """Works in a repository's folder, since a study is named by its path from there."""
    before = Path.cwd()
    os.chdir(tree)
    try:
        yield
    finally:
        os.chdir(before)


def repro(name: str) -> str:
    return command.repro(Path(name))


def check(tree: Path, problems: Callable[[], Iterator[str]]) -> None:
    """Nothing is wrong with a link of the chain, in a repository's folder."""
    with there(tree):
        for problem in problems():
            pytest.fail(problem)


def check_file(tree: Path, name: str, file: str) -> None:
    check(tree, lambda: chain.file_problems(Path(name), file))


def check_params(tree: Path, name: str) -> None:
    check(tree, lambda: chain.params_problems(Path(name), {"seeds", "readers", *ROOMS[name]}))


def check_code(tree: Path, name: str) -> None:
    check(tree, lambda: chain.code_problems(Path(name)))


def judged(tree: Path, name: str) -> dict[str, Verdict]:
    with there(tree):
        return chain.judged(study.load(name))


def committed(tree: Path, name: str) -> dict[str, dict]:
    with there(tree):
        return chain.committed_verdicts(Path(name))


committed_here = cache(committed)


def check_verdict(verdicts: dict[str, Verdict], entries: dict[str, dict], name: str, claim: Claim) -> None:
    check(ROOT, lambda: chain.verdict_problems(Path(name), verdicts[claim.id], entries))


def check_complete(entries: dict[str, dict], name: str) -> None:
    """No verdict is there that nobody claims."""
    claimed = [claim.id for claim in claims_of(name)]
    wrong = sorted(set(entries) ^ set(claimed)) or "another order"
    assert list(entries) == claimed, f"results/verdicts.json of study {title(name)}: {wrong}; run {repro(name)}"


def check_holds(verdict: Verdict) -> None:
    """The claim is replicated."""
    assert verdict.verdict == "replicated", (
        f"{verdict.replication}/{verdict.id} in study {verdict.study} is {verdict.verdict}, expected replicated: "
        f"{verdict.in_words()}, where {report.smallest(verdict.as_json())} matters ({verdict.statement})"
    )


def check_tables(tree: Path) -> None:
    """The README files show these verdicts and scores."""
    with there(tree):
        for path, blocks in report.generated(Path()).items():
            readme = path.read_text(encoding="utf-8")
            expected = report.with_blocks(readme, blocks, path)
            lines = zip_longest(expected.splitlines(), readme.splitlines())
            for should, shown in lines:
                assert should == shown, f"{path} shows {shown!r}, the results say {should!r}; run `dvc repro --pull`"
            assert readme == expected


# --- the committed studies -----------------------------------------------------------------------------------------

judged_here = cache(judged)


@pytest.mark.parametrize(("name", "claim"), cases())
def test_verdict_follows_from_scores(name, claim):
    check_verdict(judged_here(ROOT, name), committed_here(ROOT, name), name, claim)


@pytest.mark.parametrize(("name", "claim"), cases(expecting=True))
def test_claim_holds(name, claim):
    check_holds(judged_here(ROOT, name)[claim.id])


@pytest.mark.parametrize(
    ("name", "file"),
    [
        pytest.param(name, file, id=f"{title(name)}-{file}")
        for name in STUDIES
        for file in chain.result_files(study.load(ROOT / name))
    ],
)
def test_result_is_what_its_stage_wrote(name, file):
    check_file(ROOT, name, file)


@pytest.mark.parametrize("name", STUDIES, ids=title)
def test_results_were_made_with_these_params(name):
    check_params(ROOT, name)


@pytest.mark.parametrize("name", STUDIES, ids=title)
def test_pictures_were_judged_by_the_nets_that_were_trained(name):
    check(ROOT, lambda: chain.net_problems(Path(name)))


def test_results_were_made_by_this_code():
    """Of the bundled study alone: a comment should not oblige anybody to train hours for the others."""
    check_code(ROOT, ".")


@pytest.mark.parametrize("name", STUDIES, ids=title)
def test_every_verdict_belongs_to_a_claim(name):
    check_complete(committed_here(ROOT, name), name)


def test_readmes_show_the_results():
    check_tables(ROOT)


def test_no_two_claims_share_an_id():
    """Of all replications together: verdicts are looked up by it, here and by people."""
    ids = [claim.id for claim in CLAIMS]
    assert not {id for id in ids if ids.count(id) > 1}


def test_every_claim_is_on_trial_and_in_its_own_room():
    assert set(study.REPLICATIONS) == set(ROOMS["."]), "the bundled study declares every replication"
    on_trial = {claim.id for name in STUDIES for claim in claims_of(name)}
    for room in study.REPLICATIONS:
        for claim in importlib.import_module(f"replications.{room}.claims").CLAIMS:
            assert claim.replication == room, f"{claim.id} is declared in {room}"
            assert claim.id in on_trial, f"{room}/{claim.id} names {claim.studies}, none of which tries it"


def test_a_failure_is_expected_only_with_a_reason():
    for claim in CLAIMS:
        assert all(len(reason.split()) >= 5 for reason in claim.does_not_hold.values()), claim.id


@pytest.mark.parametrize("outcome", MEANS)
def test_a_claim_that_is_not_replicated_is_expected_to_fail_by_its_reason_or_its_failed_check(outcome):
    verdict = next(one for one in test_report.five_in() if one["verdict"] == outcome)
    silent = replace(CLAIMS[0], does_not_hold={})
    speaks = replace(CLAIMS[0], studies=("root",), checks=(), deviations_in={}, does_not_hold={"root": "it is slow"})
    check = "untestable, the GAN is near photographs: kid of gan is 0.3, required: at most 0.2 (0 of 5 seeds reach it)"
    is_untestable = outcome == "untestable"
    assert known_not_to_hold(silent, "root", verdict) == (check if is_untestable else None)
    assert known_not_to_hold(speaks, "root", verdict) == (check if is_untestable else "it is slow")
    assert known_not_to_hold(speaks, "real", verdict) == (check if is_untestable else None)
    told = verdict | {"reason": "it is 3 times slower"}
    assert known_not_to_hold(speaks, "root", told) == (check if is_untestable else "it is 3 times slower")
    assert known_not_to_hold(speaks, "root", None) == "it is slow", "where nothing was judged yet"


def test_the_reason_of_an_expected_failure_is_one_line():
    verdict = test_report.five_in()[-1]
    verdict["checks"][1]["what"] = "two\nlines"
    assert "two lines: kid of gan" in str(known_not_to_hold(CLAIMS[0], "root", verdict))
    for case in cases(expecting=True):
        assert all("\n" not in mark.kwargs["reason"] and mark.kwargs["strict"] for mark in case.marks)


def test_a_case_is_expected_to_fail_where_its_committed_verdict_is_untestable(monkeypatch):
    claim = next(one for one in claims_of(".") if "root" not in one.does_not_hold)
    untestable = test_report.five_in()[-1] | {"id": claim.id}
    monkeypatch.setitem(globals(), "committed_here", lambda *_: {claim.id: untestable})
    marked = {case.values[1].id: case.marks for case in cases(expecting=True) if case.values[0] == "."}
    assert [mark.name for mark in marked[claim.id]] == ["xfail"]
    assert "untestable, the GAN is near photographs" in marked[claim.id][0].kwargs["reason"]
    assert not any(case.marks for case in cases())


CHANGES = {
    "a bound": lambda entry: entry["checks"][1].update(bound=0.4),
    "what a check came to": lambda entry: entry["checks"][1].update(value=0.1),
    "whether a check passed": lambda entry: entry["checks"][1].update(passed=True),
    "why a bound is what it is": lambda entry: entry["checks"][0].update(why="so that it passes"),
    "a check": lambda entry: entry["checks"].pop(),
    "a snapshot": lambda entry: entry["snapshots"].pop(0),
    "an effect at a snapshot": lambda entry: entry["snapshots"][1].update(effect=1.0),
    "settled": lambda entry: entry.update(settled=None),
    "registered": lambda entry: entry.update(registered="before everything"),
    "post hoc": lambda entry: entry.update(post_hoc=True),
    "decisive": lambda entry: entry.update(decisive=["E2"]),
    "what it would be": lambda entry: entry.update(if_tested="negligible"),
    "the outcome": lambda entry: entry.update(verdict="replicated"),
    "the smallest effect": lambda entry: entry.update(smallest_effect=0.01),
}
FIELDS = {
    **dict.fromkeys(list(CHANGES)[:5], "checks"),
    **dict.fromkeys(list(CHANGES)[5:7], "snapshots"),
    **{"settled": "settled", "registered": "registered", "post hoc": "post_hoc", "decisive": "decisive"},
    **{"what it would be": "if_tested", "the outcome": "verdict", "the smallest effect": "smallest_effect"},
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_is_altered_in_a_verdict_is_noticed(change):
    """Quality checks, snapshots and what the register says follow from the scores and the claims as the numbers do."""
    judged = test_report.five()[-1]
    entry = json.loads(json.dumps(judged.as_json()))
    untested = replace(CLAIMS[0], id=judged.id)
    check_verdict({judged.id: judged}, {judged.id: entry}, ".", untested)
    CHANGES[change](entry)
    with pytest.raises(
        pytest.fail.Exception, match=rf"pix2pix/is_untestable, study root: {FIELDS[change]} is .*run `dvc"
    ):
        check_verdict({judged.id: judged}, {judged.id: entry}, ".", untested)


def test_every_claim_says_where_it_departs_from_its_source_and_which_way_that_should_move_it():
    for claim in CLAIMS:
        assert claim.deviations, f"{claim.replication}/{claim.id}: nothing here is exactly as in its source"
        if "paper" in claim.studies:
            assert "paper" in claim.deviations_in, (
                f"{claim.replication}/{claim.id}: other nets and steps than elsewhere"
            )
        for one in (*claim.deviations, *(one for study_ in claim.deviations_in.values() for one in study_)):
            assert len(one.what.split()) >= 3, f"{claim.replication}/{claim.id}: {one}"
            assert one.effect, f"{claim.replication}/{claim.id}: {one}"
            assert one.favours in SIGNS

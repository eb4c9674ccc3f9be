"""The claims, one test for each in every study: do the committed verdicts follow from the committed scores, and hold?

Nothing is trained here and nothing heavy is imported. The checks are plain functions of a folder: test_tampering.py
hands them copies that were tampered with and sees them fail.
"""

import contextlib
import importlib
import os
from collections.abc import Callable, Iterator
from functools import cache
from itertools import zip_longest
from pathlib import Path

import pytest

from replications import study
from replications.judging.claims import SIGNS, Claim, Verdict
from replications.reporting import report
from replications.trust import chain

ROOT = Path(__file__).parent.parent
STUDIES = (
    ".",
    *(name for name in ("real", "paper") if any((ROOT / name / f).exists() for f in ("results", "dvc.lock"))),
)
ROOMS = {name: tuple(study.load(ROOT / name).variants) for name in STUDIES}
"""Study → the replications that its params.yaml declares; a study need not have them all."""
CLAIMS = [
    claim
    for room in study.REPLICATIONS
    if any(room in rooms for rooms in ROOMS.values())
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
        for claim in claims_of(name):
            reason = claim.does_not_hold.get(title(name))
            marks = [pytest.mark.xfail(strict=True, reason=reason)] if expecting and reason else []
            found.append(pytest.param(name, claim, id=f"{title(name)}-{claim.replication}-{claim.id}", marks=marks))
    return found


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
    return repro(Path(name))


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

judged_here, committed_here = cache(judged), cache(committed)


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

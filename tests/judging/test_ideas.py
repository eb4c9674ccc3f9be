"""The answer: an idea holds, fails or is open as the claims that decide it came out, and for no other reason."""

import importlib

import pytest

from replications.judging import ideas
from replications.judging.ideas import IDEAS


def verdict(name: str, outcome: str, **changes) -> dict:
    """What is read of one entry of verdicts.json."""
    return {"id": name, "replication": ideas.ROOM, "study": ideas.STUDY, "verdict": outcome, **changes}


def of_first(*outcomes: str) -> ideas.Judged:
    """What becomes of the first idea, whose claims came out so."""
    return ideas.judged([verdict(name, out) for name, out in zip(IDEAS[0].decided_by, outcomes, strict=False)])[0]


ALL = ("replicated",) * len(IDEAS[0].decided_by)


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (ALL, "holds"),
        (ALL[1:], "open"),
        (("inconclusive", *ALL[1:]), "open"),
        (("untestable", *ALL[1:]), "open"),
        (("negligible", *ALL[1:]), "does not hold"),
        (("contradicted", "untestable", *ALL[2:]), "does not hold"),
        ((), "open"),
    ],
)
def test_an_idea_is_what_its_claims_make_of_it(outcomes, expected):
    told = of_first(*outcomes)
    idea = IDEAS[0]
    assert told.outcome == expected
    assert told.sentence == {"holds": idea.holds, "does not hold": idea.fails, "open": idea.open}[expected]
    assert [one["id"] for one in told.verdicts] == list(idea.decided_by[: len(outcomes)])


def test_other_studies_and_rooms_decide_nothing():
    names = IDEAS[0].decided_by
    elsewhere = [verdict(name, "replicated", study="real") for name in names]
    another = [verdict(name, "replicated", replication="beta_vae") for name in names]
    assert ideas.judged([*elsewhere, *another])[0].outcome == "open"


def test_every_idea_is_decided_by_claims_that_there_are():
    claims = importlib.import_module(f"replications.{ideas.ROOM}.claims").CLAIMS
    for idea in IDEAS:
        known = {claim.id for claim in claims if idea.study in claim.studies}
        assert idea.decided_by
        assert {*idea.decided_by, *idea.beside} <= known
        assert len({idea.holds, idea.fails, idea.open}) == 3

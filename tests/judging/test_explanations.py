"""What the verdicts say about the five explanations: told by decisive claims alone, and never counted up."""

import importlib
from typing import get_args

import pytest

from replications.judging import explanations
from replications.judging.explanations import EXPLANATIONS, findings
from replications.judging.verdicts import MEANS
from replications.study import REPLICATIONS

NOTHING = "No decisive claim could show anything yet."


def verdict(id: str, outcome: str, supports=(), against=(), decisive=None, study: str = "root") -> dict:
    """What `findings` reads of one entry of verdicts.json, where tuples are lists; decisive about all, unless told."""
    return {
        "id": id,
        "replication": "pix2pix",
        "study": study,
        "verdict": outcome,
        "post_hoc": False,
        "explanation": list(supports),
        "against": list(against),
        "decisive": [*supports, *against] if decisive is None else list(decisive),
    }


# --- which way a claim points --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "speaks_for", "speaks_against"),
    [
        ("replicated", "counts_for", "counts_against"),
        ("contradicted", "counts_against", "counts_for"),
        ("negligible", "counts_against", "counts_for"),
        ("inconclusive", "inconclusive", "inconclusive"),
        ("untestable", "untestable", "untestable"),
    ],
)
def test_a_decisive_claim_points_the_way_of_its_outcome(outcome, speaks_for, speaks_against):
    """One that speaks for an explanation counts for it when replicated, one that speaks against it in reverse."""
    found = findings([verdict("a", outcome, ["E2"], ["E1"])])
    ways = ("counts_for", "counts_against", "inconclusive", "untestable")
    points = {"E2": speaks_for, "E1": speaks_against}
    for name, finding in found.items():
        assert {way: getattr(finding, way) for way in ways} == {
            way: ("pix2pix/a (root)",) if way == points.get(name) else () for way in ways
        }


def test_every_outcome_has_a_direction():
    for outcome in MEANS:
        findings([verdict("a", outcome, ["E1"])])


def test_a_claim_that_is_not_decisive_shows_nothing_whatever_it_bears_on():
    found = findings([verdict("a", "replicated", ["E1", "E2"], ["E3"], decisive=["E2"])])
    assert found["E2"].counts_for == ("pix2pix/a (root)",)
    for name in ("E1", "E3"):
        assert (found[name].counts_for, found[name].counts_against) == ((), ())
        assert found[name].conclusion == NOTHING


# --- in words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ([], NOTHING),
        (["inconclusive"], "No decisive claim could show anything yet: 1 inconclusive."),
        (["untestable", "inconclusive", "untestable"], f"{NOTHING[:-1]}: 1 inconclusive, 2 untestable."),
        (["replicated"], "For it: `claim_0` in root."),
        (["contradicted"], "Against it: `claim_0` in root (contradicted)."),
        (["negligible"], "Against it: `claim_0` in root (negligible)."),
        (
            ["replicated", "negligible"],
            "For it: `claim_0` in root. Against it: `claim_1` in root (negligible).",
        ),
        (
            ["replicated", "replicated", "untestable"],
            "For it: `claim_0` in root, `claim_1` in root. Decisive claims that are open: 1 untestable.",
        ),
    ],
)
def test_the_conclusion_names_the_claims_and_how_many_are_open(outcomes, said):
    found = findings([verdict(f"claim_{i}", outcome, ["E1"]) for i, outcome in enumerate(outcomes)])
    assert found["E1"].conclusion == said


def test_a_claim_against_it_that_is_replicated_is_named_without_its_outcome():
    found = findings([verdict("crisp", "replicated", ["E2"], ["E1"]), verdict("dull", "contradicted", ["E2"], ["E1"])])
    assert found["E1"].conclusion == "For it: `dull` in root (contradicted). Against it: `crisp` in root."


def test_a_claim_is_named_once_with_its_studies():
    several = [
        verdict("a", "contradicted", ["E1"]),
        verdict("a", "negligible", ["E1"], study="real"),
        verdict("a", "replicated", ["E1"], study="paper"),
    ]
    found = findings(several)["E1"]
    assert found.counts_against == ("pix2pix/a (root)", "pix2pix/a (real)")
    assert found.conclusion == "For it: `a` in paper. Against it: `a` in root (contradicted) and real (negligible)."


# --- the five ------------------------------------------------------------------------------------------------------


def test_there_are_five_and_each_says_what_would_count_for_it_and_against_it():
    assert list(EXPLANATIONS) == ["E1", "E2", "E3", "E4", "E5"] == list(get_args(explanations.Cause))
    found = findings([])
    assert list(found) == list(EXPLANATIONS)
    assert {finding.conclusion for finding in found.values()} == {NOTHING}
    for field in ("name", "says", "counts_for", "counts_against"):
        told = [getattr(explanation, field) for explanation in EXPLANATIONS.values()]
        assert all(told)
        assert len(set(told)) == 5


CLAIMS = [one for room in REPLICATIONS for one in importlib.import_module(f"replications.{room}.claims").CLAIMS]


def test_claims_speak_for_every_explanation():
    for name in EXPLANATIONS:
        assert any(name in claim.explanation for claim in CLAIMS), f"no claim speaks for {name}"

"""What the verdicts say about the five explanations: counted for and against, and decided where a claim can decide."""

import importlib
from typing import get_args

import pytest

from replications.judging import explanations
from replications.judging.explanations import EXPLANATIONS, Explanation, findings
from replications.study import REPLICATIONS


def verdict(id: str, outcome: str, supports=(), against=(), study: str = "root") -> dict:
    """What `findings` reads of one entry of verdicts.json, where tuples are lists."""
    return {
        "id": id,
        "replication": "pix2pix",
        "study": study,
        "verdict": outcome,
        "explanation": list(supports),
        "against": list(against),
    }


@pytest.fixture
def on_trial(monkeypatch):
    """Two explanations: nothing can decide about the first, one claim each way about the second."""
    two = {"E1": Explanation("bottleneck", "too small"), "E2": Explanation("averaging", "averages")}
    deciding = {"E1": ((), ()), "E2": (("pix2pix/blur_without",), ("pix2pix/crisp_with",))}
    monkeypatch.setattr(explanations, "EXPLANATIONS", two)
    monkeypatch.setattr(explanations, "deciding", deciding.get)


# --- counts --------------------------------------------------------------------------------------------------------


def test_claims_for_and_against_are_told_apart(on_trial):
    """A claim for it speaks for it when replicated and against it when contradicted, a claim against it in reverse."""
    found = findings(
        [
            verdict("a", "replicated", ["E1"]),
            verdict("b", "contradicted", ["E1"]),
            verdict("c", "replicated", ["E2"], ["E1"]),
            verdict("d", "contradicted", ["E2"], ["E1"]),
            verdict("e", "inconclusive", ["E1"]),
            verdict("f", "inconclusive", [], ["E1"]),
        ]
    )
    assert found["E1"].supporting == ("pix2pix/a (root)", "pix2pix/d (root)")
    assert found["E1"].contradicting == ("pix2pix/b (root)", "pix2pix/c (root)")
    assert found["E1"].undecided == 2
    assert found["E2"].supporting == ("pix2pix/c (root)",)
    assert found["E2"].contradicting == ("pix2pix/d (root)",)
    assert found["E2"].undecided == 0


def test_a_claim_that_names_an_explanation_nowhere_does_not_count(on_trial):
    found = findings([verdict("a", "replicated", ["E2"])])
    assert (found["E1"].supporting, found["E1"].contradicting, found["E1"].undecided) == ((), (), 0)


def test_every_study_counts_by_itself(on_trial):
    found = findings([verdict("a", "replicated", ["E1"]), verdict("a", "contradicted", ["E1"], study="real")])["E1"]
    assert found.supporting == ("pix2pix/a (root)",)
    assert found.contradicting == ("pix2pix/a (real)",)


# --- in words ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("supporting", "contradicting", "undecided", "said"),
    [
        (0, 0, 0, "Nothing was decided."),
        (0, 0, 3, "Nothing was decided."),
        (1, 0, 0, "Supported: 1 for, 0 against, 0 undecided."),
        (3, 0, 2, "Supported: 3 for, 0 against, 2 undecided."),
        (0, 2, 1, "Contradicted: 0 for, 2 against, 1 undecided."),
        (3, 1, 0, "Mostly supported: 3 for, 1 against, 0 undecided."),
        (2, 1, 0, "Contested: 2 for, 1 against, 0 undecided."),
        (1, 1, 9, "Contested: 1 for, 1 against, 9 undecided."),
        (1, 2, 0, "Contested: 1 for, 2 against, 0 undecided."),
        (1, 3, 0, "Mostly contradicted: 1 for, 3 against, 0 undecided."),
        (5, 2, 0, "Mostly supported: 5 for, 2 against, 0 undecided."),
    ],
)
def test_the_conclusion_follows_from_the_counts(on_trial, supporting, contradicting, undecided, said):
    outcomes = ["replicated"] * supporting + ["contradicted"] * contradicting + ["inconclusive"] * undecided
    found = findings([verdict(f"claim_{i}", outcome, ["E1"]) for i, outcome in enumerate(outcomes)])
    assert found["E1"].conclusion == said


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ({}, "Nothing was decided."),
        ({"blur_without": "replicated"}, "Nothing was decided; not needed for blur (`blur_without` in root)."),
        ({"blur_without": "inconclusive"}, "Nothing was decided; blur without it was not shown."),
        ({"blur_without": "contradicted"}, "Nothing was decided; blur without it was not shown."),
        ({"crisp_with": "replicated"}, "Nothing was decided; not enough for blur (`crisp_with` in root)."),
        ({"crisp_with": "contradicted"}, "Nothing was decided; crispness in spite of it was not shown."),
        (
            {"crisp_with": "replicated", "blur_without": "replicated"},
            "Nothing was decided; not needed for blur (`blur_without` in root); "
            "not enough for blur (`crisp_with` in root).",
        ),
    ],
)
def test_one_claim_can_show_that_a_cause_is_not_needed_or_not_enough(on_trial, outcomes, said):
    """Whether or not it names the explanation: here it names the other one."""
    found = findings([verdict(id, outcome, ["E1"]) for id, outcome in outcomes.items()])
    assert found["E2"].conclusion == said


def test_a_deciding_claim_that_bears_on_it_counts_as_well(on_trial):
    found = findings([verdict("blur_without", "replicated", ["E1"], ["E2"])])["E2"]
    assert found.contradicting == ("pix2pix/blur_without (root)",)
    assert found.conclusion == (
        "Contradicted: 0 for, 1 against, 0 undecided; not needed for blur (`blur_without` in root)."
    )


def test_one_study_that_shows_it_is_enough_and_is_named(on_trial):
    shown = [verdict("blur_without", "inconclusive", ["E1"]), verdict("blur_without", "replicated", ["E1"], (), "real")]
    assert findings(shown)["E2"].conclusion == "Nothing was decided; not needed for blur (`blur_without` in real)."
    both = [verdict("blur_without", "replicated", ["E1"], (), study) for study in ("root", "real")]
    assert "(`blur_without` in root and real)" in findings(both)["E2"].conclusion


def test_another_rooms_claim_of_the_same_id_decides_nothing(on_trial):
    other = verdict("blur_without", "replicated", ["E1"]) | {"replication": "vq_vae"}
    assert findings([other])["E2"].conclusion == "Nothing was decided."


# --- the five ------------------------------------------------------------------------------------------------------


def test_there_are_five_and_each_has_a_finding():
    assert list(EXPLANATIONS) == ["E1", "E2", "E3", "E4", "E5"] == list(get_args(explanations.Cause))
    found = findings([])
    assert list(found) == list(EXPLANATIONS)
    assert {finding.conclusion for finding in found.values()} == {"Nothing was decided."}
    names = [explanation.name for explanation in EXPLANATIONS.values()]
    assert len(set(names)) == 5
    assert all(explanation.says for explanation in EXPLANATIONS.values())


DECIDING = [
    pytest.param(name, claim, crisp, id=f"{name}-{claim}")
    for name in EXPLANATIONS
    for crisp, claims in zip((False, True), explanations.deciding(name), strict=True)
    for claim in claims
]


def test_the_claims_that_decide_say_so_themselves():
    """A change here changes what the README and the page say is needed or enough: look at both."""
    assert [(one.values[0], one.values[1], one.values[2]) for one in DECIDING] == [
        ("E1", "pix2pix/l1_outputs_are_blurrier_than_photos", False),
        ("E1", "vae_vs_gan/equal_bottleneck_yet_crisp", True),
        ("E3", "beta_vae/an_autoencoder_without_kl_is_blurred_too", False),
        ("E3", "vae_vs_gan/adversarial_term_sharpens_the_vae", True),
        ("E4", "beta_vae/an_autoencoder_without_kl_is_blurred_too", False),
        ("E4", "vae_vs_gan/adversarial_term_sharpens_the_vae", True),
        ("E5", "vq_vae/without_a_quantiser_outputs_are_blurred_too", False),
    ]


@pytest.mark.parametrize(("explanation", "claim", "crisp"), DECIDING)
def test_every_deciding_claim_exists_and_does_not_speak_for_what_it_can_refute(explanation, claim, crisp):
    room, id = claim.split("/")
    assert room in REPLICATIONS
    claims = {one.id: one for one in importlib.import_module(f"replications.{room}.claims").CLAIMS}
    assert id in claims
    if not crisp:  # blur where the cause is absent cannot support that it is the cause
        assert explanation not in claims[id].explanation
        assert explanation in claims[id].against, f"{claim} can show that {explanation} is not needed, so is against it"


def test_claims_speak_for_every_explanation():
    claims = [one for room in REPLICATIONS for one in importlib.import_module(f"replications.{room}.claims").CLAIMS]
    for name in EXPLANATIONS:
        assert any(name in claim.explanation for claim in claims), f"no claim speaks for {name}"

"""The first screen: an answer that follows from decisive claims, and headlines that nobody chose."""

import pytest

from replications.judging.ideas import IDEAS
from replications.reporting import front, numbers, report
from tests import tiny


def verdict(id: str, outcome: str = "replicated", study: str = "root", **changes) -> dict:
    """As in verdicts.json, as far as the first screen reads it; `p` is that of the outcome."""
    p = changes.pop("p", 0.01)
    return {
        "id": id,
        "replication": "pix2pix",
        "study": study,
        "statement": f"{id} holds.",
        "verdict": outcome,
        "effect": 0.5,
        "interval": [0.4, 0.6],
        "unit": "sharper",
        "scale": "difference",
        "settled": True,
        "post_hoc": False,
        "decisive": [],
        "disagreement": False,
        "explanation": ["E2"],
        "against": [],
        **dict.fromkeys(("p_beyond", "p_against", "p_negligible"), p),
        **changes,
    }


def by_claim(*verdicts: dict) -> dict[str, dict[str, dict]]:
    found: dict[str, dict[str, dict]] = {}
    for one in verdicts:
        found.setdefault(f"{one['replication']}/{one['id']}", {})[one["study"]] = one
    return found


def test_the_answer_says_what_became_of_each_idea_and_by_which_claims():
    first, second, *_ = IDEAS
    verdicts = [verdict(name, replication="causes") for name in first.decided_by]
    verdicts.append(verdict(second.decided_by[0], "contradicted", replication="causes"))
    lines = front.answer(verdicts, {}).splitlines()
    of_first = ", ".join(f"`{name}` *replicated*" for name in first.decided_by)
    assert lines[0] == f"- **{first.holds}** It holds. ({of_first})"
    assert lines[1] == f"- **{second.fails}** The opposite was expected. (`{second.decided_by[0]}` *contradicted*)"
    of_both = first.decided_by[-1]
    assert of_both in IDEAS[2].decided_by, "a claim may decide several ideas"
    assert lines[2:] == [f"- **{IDEAS[2].open}** Open. (`{of_both}` *replicated*)", f"- **{IDEAS[3].open}** Open."]


def test_claims_beside_an_idea_and_those_whose_instruments_disagree_are_marked():
    idea = next(one for one in IDEAS if one.beside)
    verdicts = [verdict(name, replication="causes") for name in idea.decided_by[:-1]]
    verdicts.append(verdict(idea.decided_by[-1], replication="causes", disagreement=True))
    verdicts.append(verdict(idea.beside[0], "inconclusive", replication="causes"))
    lines = front.answer(verdicts, {}).splitlines()
    line = next(line for line in lines if idea.beside[0] in line)
    assert "It holds." in line, "what stands beside decides nothing"
    assert line.endswith(f"`{idea.decided_by[-1]}` *replicated*†; beside: `{idea.beside[0]}` *inconclusive*)")
    assert lines[-1] == "† its instruments disagree"
    for one in IDEAS:
        assert not set(one.beside) & set(one.decided_by)


def test_the_answer_tells_what_was_measured_with_its_intervals():
    scores = numbers.read(tiny.ROOT, "causes")
    lines = front.answer([], scores).splitlines()
    l2 = "{:.0f} % [{:.0f}, {:.0f}]".format(*(100 * one for one in scores["kl_l2", "laplacian_variance"]))
    assert f"From the code of a VAE with unit variance, which does not determine it, L2 has {l2}" in lines[0]
    crisp = "{:.2f} [{:.2f}, {:.2f}]".format(*scores["kl_adversary", "mse_over_mmse"])
    assert f"and {crisp} times the least possible" in lines[2]


@pytest.mark.parametrize("text", ["{kl_l2.blurr:%}", "{nobody.blur:%}", "{kl_l2.blur}", "{kl_l2.blur:.0%}", "50 %}"])
def test_a_number_that_nobody_knows_is_named(text):
    with pytest.raises(numbers.NumbersError) as caught:
        numbers.filled(text, {("kl_l2", "blur"): numbers.Mean(0.4, 0.3, 0.5)})
    assert text.strip("{}").split(":")[0] in str(caught.value)
    assert "expected" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"p": 0.001}, True),
        ({"p": 0.5}, False),
        ({"p": 0.001, "settled": False}, False),
        ({"p": 0.001, "post_hoc": True}, False),
        ({"p": 0.5, "decisive": ["E2"]}, True),
    ],
)
def test_headlines_are_the_clearest_that_settled_and_decisive_ones_first(changes, named):
    others = [verdict(f"other_{i}", p=0.01) for i in range(12)]
    one = verdict("mine", **changes)
    assert (one in front.chosen([*others, one])) == named
    assert len(front.chosen([*others, one])) == front.HEADLINES


def test_what_could_not_be_decided_is_no_headline():
    assert front.chosen([verdict("a", "inconclusive"), verdict("b", "untestable")]) == []


def test_each_explanation_has_its_two_before_the_rest():
    many = [verdict(f"averaging_{i}", p=1e-6) for i in range(12)]
    rare = verdict("quantised", p=0.02, explanation=["E5"])
    assert rare in front.chosen([*many, rare])


def test_headlines_show_every_study_and_no_effect_of_what_was_untestable():
    said = front.headlines(
        by_claim(verdict("a"), verdict("a", "untestable", "real"), verdict("b", "contradicted")), report.SIGNS
    )
    rows = [line for line in said.splitlines() if line.startswith("|")]
    assert rows[0] == "| claim | root | real |"
    (row,) = [line for line in rows if line.startswith("| a holds.")]
    assert row == "| a holds. *(pix2pix)* | ✔ replicated<br>+0.5 [+0.4, +0.6] sharper | ⊘ untestable |"
    assert '- "b holds." *contradicted*, +0.5 [+0.4, +0.6] sharper.' in said


def test_more_than_five_that_did_not_replicate_are_counted():
    said = front.headlines(by_claim(*(verdict(f"c{i}", "negligible") for i in range(8))), report.SIGNS)
    assert said.count("*negligible*") == front.NOT_REPLICATED
    assert "- and 3 more:" in said


def test_nothing_escapes_its_cell():
    said = front.headlines(by_claim(verdict("a", statement="a | <b>b</b>\n[c](d)")), report.SIGNS)
    assert r"a \| &lt;b&gt;b&lt;/b&gt; [c]\(d)" in said


def test_the_readme_is_read_in_minutes():
    words = (tiny.ROOT / "README.md").read_text(encoding="utf-8").split()
    assert len(words) <= 1500, f"README.md has {len(words)} words"

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
        "n_seeds": 5,
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


def causes(*of: tuple[str, str], **changes) -> list[dict]:
    """Verdicts of the room that answers, from names and outcomes."""
    return [verdict(name, outcome, replication="causes", **changes) for name, outcome in of]


def test_the_answer_is_what_became_of_the_first_idea_and_how_sure_all_of_it_is():
    first, second, *_ = IDEAS
    verdicts = causes(*((name, "replicated") for name in first.decided_by), (second.decided_by[0], "inconclusive"))
    verdicts += [verdict("a", "untestable", "real"), verdict("b", "replicated", "real")]
    setting, said, sure = front.answer(verdicts, {}).strip().split("\n\n")
    assert setting == front.SETTING
    assert said == f"**{first.holds}**"
    assert sure == (
        "Numbers are means over 5 seeds with 95 % intervals. The 4 claims behind the answer: 3 *replicated*, "
        "1 *inconclusive*. On real images, of 2 claims: 1 *replicated*, 1 *untestable* (networks failed quality "
        "checks)."
    )
    assert front.sure([]) == ""
    assert front.sure([verdict("b", "replicated", "real")]) == "On real images, of 1 claims: 1 *replicated*."
    for outcome, sentence in {"contradicted": first.fails, "inconclusive": first.open}.items():
        _, said, *_ = front.answer(causes((first.decided_by[0], outcome)), {}).split("\n\n")
        assert said.strip() == f"**{sentence}** {front.BECAME['open' if sentence == first.open else 'does not hold']}"


def test_the_other_ideas_follow_with_how_their_claims_came_out():
    _, second, third, fourth, elsewhere = IDEAS
    shared = IDEAS[0].decided_by[-1]
    assert shared in third.decided_by, "a claim may decide several ideas"
    lines = front.others(causes((shared, "replicated"), (second.decided_by[0], "contradicted")), {}).splitlines()
    assert lines == [
        f"- **{second.fails}** The opposite was expected. Claims: 1 *contradicted*.",
        f"- **{third.open}** Open. Claims: 1 *replicated*.",
        f"- **{fourth.open}** Open.",
        f"- **{elsewhere.open}** Open.",
    ]


def test_what_is_said_of_real_images_follows_from_verdicts_of_real_images():
    *_, elsewhere = IDEAS
    there = causes(*((name, "replicated") for name in elsewhere.decided_by), study="real")
    assert front.others(there, {}).splitlines()[-1] == f"- **{elsewhere.holds}** It holds. Claims: 3 *replicated*."
    here = causes(*((name, "replicated") for name in elsewhere.decided_by))
    assert f"**{elsewhere.open}**" in front.others(here, {})
    assert "behind the answer" not in front.sure(there), "the answer is the bundled study's"
    scores = {study: numbers.read(tiny.ROOT, "causes") for study in ("root", "real")}
    assert f"**{elsewhere.open}** Open. There L2 reaches" in front.others([], scores)
    assert "There L2 reaches" not in front.others([], {"root": scores["root"]})


def test_claims_beside_an_idea_and_those_whose_instruments_disagree_are_marked():
    idea = next(one for one in IDEAS[1:] if one.beside)
    verdicts = causes(*((name, "replicated") for name in idea.decided_by[:-1]), (idea.beside[0], "inconclusive"))
    verdicts += causes((idea.decided_by[-1], "replicated"), disagreement=True)
    lines = front.others(verdicts, {}).splitlines()
    counted = "4 *replicated* (1†); further claims: 1 *inconclusive*."
    assert f"- **{idea.holds}** It holds. Claims: {counted}" in lines
    assert lines[-1] == "† the instruments of sharpness disagree about it"
    names = ", ".join(f"`{name}` *replicated*" for name in idea.decided_by)
    row = f"| {idea.holds} It holds. | {names}† | `{idea.beside[0]}` *inconclusive* |"
    assert row in front.deciding(verdicts).splitlines()
    for one in IDEAS:
        assert not set(one.beside) & set(one.decided_by)


def test_the_answer_tells_what_was_measured_with_its_intervals():
    scores = numbers.read(tiny.ROOT, "causes")
    of_root = {"root": scores}
    l2 = "{:.0f} % [{:.0f}, {:.0f}]".format(*(100 * one for one in scores["kl_l2", "laplacian_variance"]))
    crisp = "{:.2f} [{:.2f}, {:.2f}]".format(*scores["kl_adversary", "mse_over_mmse"])
    said = front.answer([], of_root)
    assert f"codes a decoder trained with L2 reaches {l2} of the sharpness of photographs" in said
    assert f"Its squared error is {crisp} times the least possible one" in said
    energy = "{:.2f} [{:.2f}, {:.2f}]".format(*scores["kl_energy", "mse_over_mmse"])
    assert f"at {energy} times the least possible squared error" in front.others([], of_root)


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


def test_more_than_a_few_that_did_not_replicate_are_counted():
    said = front.headlines(by_claim(*(verdict(f"c{i}", "negligible") for i in range(8))), report.SIGNS)
    assert said.count("*negligible*") == front.NOT_REPLICATED
    assert f"- and {8 - front.NOT_REPLICATED} more:" in said


def test_nothing_escapes_its_cell():
    said = front.headlines(by_claim(verdict("a", statement="a | <b>b</b>\n[c](d)")), report.SIGNS)
    assert r"a \| &lt;b&gt;b&lt;/b&gt; [c]\(d)" in said


def test_the_readme_is_read_in_minutes():
    words = (tiny.ROOT / "README.md").read_text(encoding="utf-8").split()
    assert len(words) <= 1500, f"README.md has {len(words)} words"

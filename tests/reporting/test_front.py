"""The first screen: an answer that follows from decisive claims, and headlines that nobody chose."""

import re

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
        "flip_chance": 0.1,
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
    verdicts[1]["flip_chance"], verdicts[2]["flip_chance"] = 0.424, None
    verdicts += [verdict("a", "untestable", "real"), verdict("b", "replicated", "real")]
    setting, said, sure = front.answer(verdicts, {}).strip().split("\n\n")
    assert setting == front.SETTING
    assert said == f"**{first.holds}**"
    assert sure == (
        "Numbers are means over 5 seeds with 95 % intervals. Claims that decide the answer: on houses 4 *replicated*, "
        "1 *inconclusive*. On fresh seeds the least certain of them, on houses, has a chance of 42 % to come out "
        "otherwise. Of all claims, 4 of 5 in *root*, 1 of 2 in *real* (1 *untestable*) came out *replicated*. The "
        "networks of an untestable claim failed its quality checks."
    )
    assert front.sure([]) == ""
    assert front.sure([verdict("b", "replicated", "real")]) == "Of all claims, 1 of 1 in *real* came out *replicated*."
    for outcome, sentence in {"contradicted": first.fails, "inconclusive": first.open}.items():
        _, said, *_ = front.answer(causes((first.decided_by[0], outcome)), {}).split("\n\n")
        assert said.strip() == f"**{sentence}** {front.BECAME['open' if sentence == first.open else 'does not hold']}"


def test_the_other_ideas_follow_with_how_their_claims_came_out():
    _, second, third, fourth, elsewhere = IDEAS
    shared = "lost_information_alone_does_not_blur"
    assert shared in {*IDEAS[0].decided_by} & {*third.decided_by}, "a claim may decide several ideas"
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
    assert "Claims that decide the answer: on digits of MNIST 3 *replicated*." in front.sure(there)
    assert "houses" not in front.sure(there)
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
    assert " †: the instruments of sharpness disagree. " in front.sure(verdicts)
    names = ", ".join(f"`{name}` *replicated*" for name in idea.decided_by)
    row = f"| {idea.holds} It holds. | {names}† | `{idea.beside[0]}` *inconclusive* |"
    assert row in front.deciding(verdicts).splitlines()
    for one in IDEAS:
        assert not set(one.beside) & set(one.decided_by)


def test_the_models_that_the_question_names_are_told_where_they_were_compared():
    _, name = front.WHOLE_MODELS
    changes = {"replication": "vae_vs_gan", "effect": 0.693147, "interval": [0.6, 0.8], "scale": "log_ratio"}
    verdicts = [verdict(name, disagreement=True, **changes), verdict(name, study="real", **changes)]
    who = "Samples of a GAN, whose loss does not average, are sharper than a VAE's by a factor of"
    here, there = "2 [1.82, 2.23]† on houses", "2 [1.82, 2.23] on digits of MNIST"
    assert front.whole_models(verdicts) == f"{who} {here} and by a factor of {there}."
    assert front.whole_models(verdicts) in front.answer(verdicts, {})
    assert "†: the instruments of sharpness disagree." in front.sure(verdicts)
    mixed = [verdict(name, "contradicted", **changes), verdicts[1]]
    assert front.whole_models(mixed) == (
        f"{who} {there}. That samples of a GAN are sharper than a VAE's is *contradicted* on houses."
    )
    lost = [
        verdict(name, outcome, study, **changes)
        for outcome, study in (("inconclusive", "root"), ("untestable", "real"))
    ]
    assert front.whole_models(lost) == (
        "That samples of a GAN are sharper than a VAE's is *inconclusive* on houses and *untestable* on digits of "
        "MNIST."
    )
    assert front.whole_models([verdict(name, study="paper", **changes)]) == ""
    more = [{**one, "n_seeds": 10} for one in verdicts]
    assert "means over 5 or 10 seeds" in front.sure([*more, *causes((IDEAS[0].decided_by[0], "replicated"))])


def test_the_answer_tells_what_was_measured_with_its_intervals():
    scores = numbers.read(tiny.ROOT, "causes")
    of_root = {"root": scores}
    l2 = "{:.0f} % [{:.0f}, {:.0f}]".format(*(100 * one for one in scores["kl_l2", "laplacian_variance"]))
    crisp = "{:.2f} [{:.2f}, {:.2f}]".format(*scores["kl_adversary", "mse_over_mmse"])
    said = front.answer([], of_root)
    assert f"codes a decoder trained with L2 reaches {l2} of the sharpness of photographs" in said
    assert f"With it the squared error is {crisp} times the least possible one" in said
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
    assert (one in [verdict for _, verdict in front.chosen([*others, one])]) == named
    assert len(front.chosen([*others, one])) == front.HEADLINES


def test_what_could_not_be_decided_is_no_headline():
    assert front.chosen([verdict("a", "inconclusive"), verdict("b", "untestable")]) == []


def test_each_explanation_has_its_two_before_the_rest():
    many = [verdict(f"averaging_{i}", p=1e-6) for i in range(12)]
    rare = verdict("quantised", p=0.02, explanation=["E5"])
    assert ("quantisation", rare) in front.chosen([*many, rare])
    assert [about for about, _ in front.chosen(many)] == 2 * ["averaging"] + 8 * [""]


def test_headlines_show_every_study_and_no_effect_of_what_was_untestable():
    said = front.headlines(
        by_claim(verdict("a"), verdict("a", "untestable", "real"), verdict("b", "contradicted")), report.SIGNS
    )
    rows = [line for line in said.splitlines() if line.startswith("|")]
    assert rows[0] == "| about | claim | root | real |"
    (row,) = [line for line in rows if "| a holds." in line]
    assert row == "| averaging | a holds. *(pix2pix)* | ✔ replicated<br>+0.5 [+0.4, +0.6] sharper | ⊘ untestable |"
    assert "**Not replicated** in *root*: 1 *contradicted*. [All claims](results/README.md)." in said
    unit = front.headlines(by_claim(verdict("a"), verdict("a", study="real")), report.SIGNS)
    assert "| ✔ replicated<br>+0.5 [+0.4, +0.6] sharper | ✔ replicated<br>+0.5 [+0.4, +0.6] |" in unit


def test_nothing_escapes_its_cell():
    said = front.headlines(by_claim(verdict("a", statement="a | <b>b</b>\n[c](d)")), report.SIGNS)
    assert r"a \| &lt;b&gt;b&lt;/b&gt; [c]\(d)" in said


def test_the_readme_is_read_in_minutes():
    """Numbers, and what separates columns, are no words."""
    text = (tiny.ROOT / "README.md").read_text(encoding="utf-8")
    words = [word for word in text.split() if re.search(r"[^\W\d_]", word)]
    assert len(words) <= 1400, f"README.md has {len(words)} words"
    by_hand = re.sub(r"<!-- \w+: begin .*?<!-- \w+: end -->", "", text, flags=re.S).split()
    assert len(by_hand) <= 400, f"README.md has {len(by_hand)} words that nobody generates"

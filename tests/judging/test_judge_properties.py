"""What must hold of the judge whatever the scores: mirrored, reordered, rescaled or better scores, and other claims.

Scores lie on a grid of eighths, so that shifting and doubling them is exact: the properties are the rule's, and
rounding has its tests in test_statistics.py.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from replications.judging import claims
from replications.judging.claims import (
    Above,
    Below,
    Both,
    Claim,
    Contrast,
    Decreases,
    Dips,
    Greater,
    Increases,
    Less,
    Peaks,
    Similar,
    judge,
    needs,
    opposite,
)
from replications.judging.scores import Scores
from replications.statistics import benjamini_hochberg, benjamini_hochberg_levels, decide, flip_chance, weigh

GREATER = Greater("score", "a", "b")
ABOVE = Above("score", "a", 1.5)
INCREASES = Increases("score", ("a", "b", "c", "d"))
PEAKS = Peaks("score", "b", ("a", "c"))
SIMILAR = Similar("score", ("a", "b", "c"))
LOPSIDED = Contrast("score", (("a", 2.0), ("b", -1.0), ("c", -1.0)))
SINGLE = [
    *(GREATER, Less("score", "a", "b"), ABOVE, Below("score", "a", 1.5), INCREASES, LOPSIDED),
    *(Decreases("score", ("a", "b", "c")), Contrast("score", (("a", 1.0), ("b", -1.0), ("c", -1.0), ("d", 1.0)))),
]
"""Predicates of one part."""
PREDICATES = [*SINGLE, PEAKS, Dips("score", "b", ("a", "c")), SIMILAR, Both(GREATER, 0.5, ABOVE, 0.25)]
MIRRORED = {"replicated": "contradicted", "contradicted": "replicated", "inconclusive": "inconclusive"}
RANK = {"contradicted": -1, "inconclusive": 0, "replicated": 1}

eighths = st.integers(-80, 80).map(lambda k: k / 8)
smallest_effects = st.sampled_from([0.0, 0.25, 1.0, -0.5])


@st.composite
def arms(draw, values=eighths, variants="abcd"):
    """{variant: one score per seed}, with gaps between the arms that are often large enough for a verdict."""
    n = draw(st.integers(5, 7))
    scores = {name: np.array(draw(st.lists(values, min_size=n, max_size=n))) for name in variants}
    gap = draw(st.integers(-10, 10))
    places = draw(st.permutations([1, 4, 9, 16]))  # not evenly spaced, or differences of differences had no gap
    return {name: arm + gap * place for (name, arm), place in zip(scores.items(), places, strict=False)}


def name(predicate):
    """A short pytest id."""
    arms = len(predicate.weights) if isinstance(predicate, Contrast) else ""
    falls = "-" * (getattr(predicate, "sign", 1) == -1)
    return f"{falls}{type(predicate).__name__}{arms}"


@pytest.fixture(scope="module", autouse=True)
def _without_flip_chances():
    """Thousands of random draws for each verdict; they are looked at in a test of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(claims, "flip_chance", lambda *_, **__: 0.0)
        yield


def verdict_of(predicate, scores, smallest=0.0, seeds=None):
    seeds = range(len(scores["a"])) if seeds is None else seeds
    read = {name: scores[name] for name, _ in needs(predicate)}
    values = {(name, "score"): dict(zip(seeds, arm.tolist(), strict=True)) for name, arm in read.items()}
    claim = Claim(
        id="a_claim",
        replication="pix2pix",
        statement="",
        source="",
        explanation=("E2",),
        predicate=predicate,
        smallest_effect=smallest_of(predicate, smallest),
        unit="",
    )
    return judge([claim], {"pix2pix": Scores(values)}, sorted(seeds), "root")[0]


def smallest_of(predicate, smallest):
    """A smallest effect that the predicate may have."""
    if isinstance(predicate, Similar):
        return -abs(smallest) or -0.125
    return 1.0 if isinstance(predicate, Both) else smallest


# --- mirror images -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("predicate", SINGLE, ids=name)
@settings(max_examples=25, deadline=None)
@given(scores=arms())
def test_the_opposite_claim_gets_the_opposite_verdict(predicate, scores):
    """Greater with its arms swapped, a trend read backwards: the smallest effect is zero, so nothing favours a side."""
    one, other = verdict_of(predicate, scores), verdict_of(opposite(predicate), scores)
    assert other.verdict == MIRRORED[one.verdict]
    assert other.effect == -one.effect
    assert other.interval == pytest.approx((-one.interval[1], -one.interval[0]))
    assert (other.p_beyond, other.p_against) == (one.p_against, one.p_beyond)


@settings(max_examples=25, deadline=None)
@given(scores=arms(), smallest=smallest_effects)
def test_swapping_arms_is_the_opposite_claim(scores, smallest):
    swapped = {"a": scores["b"], "b": scores["a"]}
    assert verdict_of(Less("score", "a", "b"), scores, smallest) == replace(
        verdict_of(GREATER, swapped, smallest), part="a under b"
    )
    backwards = dict(zip("dcba", scores.values(), strict=True))
    one, other = verdict_of(INCREASES, scores, smallest), verdict_of(Decreases("score", tuple("abcd")), backwards)
    if smallest == 0:
        assert (one.verdict, one.effect, one.p_order) == (other.verdict, pytest.approx(other.effect), other.p_order)


@settings(max_examples=25, deadline=None)
@given(scores=arms(), smallest=smallest_effects, order=st.permutations("abc"))
def test_it_does_not_matter_in_which_order_alike_arms_are_named(scores, smallest, order):
    for predicate, other in (
        (SIMILAR, Similar("score", tuple(order))),
        (Peaks("score", "d", tuple("abc")), Peaks("score", "d", tuple(order))),
    ):
        one, again = verdict_of(predicate, scores, smallest), verdict_of(other, scores, smallest)
        assert (one.verdict, one.p_beyond) == (again.verdict, again.p_beyond)


@pytest.mark.parametrize("predicate", [*SINGLE, PEAKS], ids=name)
@settings(max_examples=10, deadline=None)
@given(scores=arms())
def test_a_claim_and_its_opposite_are_never_both_replicated(predicate, scores):
    found = {verdict_of(one, scores).verdict for one in (predicate, opposite(predicate))}
    assert found != {"replicated"}


# --- what must not matter ------------------------------------------------------------------------------------------


def same(one, other, factor=1.0):
    """The same verdict for the same reasons, effects `factor` times as large; of no effect in any seed see below."""
    assume(max(map(abs, one.effects_by_seed.values())) > 1e-9)
    assert other.verdict == one.verdict
    assert other.effect == pytest.approx(factor * one.effect)
    assert other.interval == pytest.approx([factor * bound for bound in one.interval])
    for name in ("p_value", "p_beyond", "p_against", "p_order"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), abs=1e-9)


@pytest.mark.parametrize("predicate", PREDICATES, ids=name)
@settings(max_examples=10, deadline=None)
@given(scores=arms(), smallest=smallest_effects, data=st.data())
def test_the_order_and_the_names_of_seeds_do_not_matter(predicate, scores, smallest, data):
    n = len(scores["a"])
    order = data.draw(st.permutations(range(n)))
    names = data.draw(st.lists(st.integers(0, 10**6), min_size=n, max_size=n, unique=True))
    shuffled = {name: arm[list(order)] for name, arm in scores.items()}
    same(verdict_of(predicate, scores, smallest), verdict_of(predicate, shuffled, smallest, names))


def rescaled(predicate, factor):
    """The predicate whose constants are counted in the other unit."""
    match predicate:
        case Above():
            return replace(predicate, level=factor * predicate.level)
        case Both(first, first_smallest, second, second_smallest):
            halves = (rescaled(first, factor), factor * first_smallest, rescaled(second, factor))
            return Both(*halves, factor * second_smallest)
    return predicate


@pytest.mark.parametrize("predicate", PREDICATES, ids=name)
@settings(max_examples=10, deadline=None)
@given(scores=arms(), smallest=smallest_effects, factor=st.sampled_from([0.001, 0.1, 0.5, 3.0, 255.0, 1e6]))
def test_the_unit_of_the_scores_does_not_matter(predicate, scores, smallest, factor):
    one = verdict_of(predicate, scores, smallest)
    in_other_units = {name: factor * arm for name, arm in scores.items()}
    claimed = factor * smallest_of(predicate, smallest)
    again = verdict_of(rescaled(predicate, factor), in_other_units, claimed)
    same(one, again, 1.0 if isinstance(predicate, Both) else factor)


@pytest.mark.parametrize("predicate", [GREATER, INCREASES, PEAKS, SIMILAR, LOPSIDED], ids=name)
@settings(max_examples=10, deadline=None)
@given(scores=arms(), smallest=smallest_effects, data=st.data())
def test_what_a_seed_does_to_all_arms_alike_does_not_matter(predicate, scores, smallest, data):
    """That is what pairing is for; a shift of all scores is the case where every seed does the same."""
    n = len(scores["a"])
    shift = np.array(data.draw(st.lists(st.integers(-500, 500), min_size=n, max_size=n)))
    shifted = {name: arm + shift for name, arm in scores.items()}
    same(verdict_of(predicate, scores, smallest), verdict_of(predicate, shifted, smallest))


@settings(max_examples=20, deadline=None)
@given(scores=arms(), smallest=smallest_effects, shift=st.integers(-500, 500))
def test_a_shift_of_one_arm_and_its_constant_does_not_matter(scores, smallest, shift):
    shifted = {name: arm + shift for name, arm in scores.items()}
    again = verdict_of(replace(ABOVE, level=ABOVE.level + shift), shifted, smallest)
    same(verdict_of(ABOVE, scores, smallest), again)


@pytest.mark.parametrize("predicate", [GREATER, ABOVE, INCREASES, PEAKS, SIMILAR, LOPSIDED], ids=name)
@settings(max_examples=10, deadline=None)
@given(
    scores=arms(values=st.integers(170, 210), variants="abcd"),
    smallest=smallest_effects,
    factor=st.sampled_from([0.01, 0.3, 7.0, 255.0]),
)
def test_a_common_factor_does_not_matter_to_ratios(predicate, scores, smallest, factor):
    ratio = replace(predicate, scale="log_ratio")
    smallest = smallest / 4
    again = verdict_of(rescaled(ratio, factor), {name: factor * arm for name, arm in scores.items()}, smallest)
    same(verdict_of(ratio, scores, smallest), again)


def test_equal_scores_are_no_trend():
    """An instrument that is saturated in every arm."""
    for score in np.linspace(0.1, 0.9, 9):
        verdict = verdict_of(INCREASES, {arm: np.full(5, score) for arm in "abcd"})
        assert (verdict.p_beyond, verdict.p_against, verdict.verdict) == (1, 1, "inconclusive")


# --- more effect, more verdict -------------------------------------------------------------------------------------

LIFTS = {
    **{predicate: {"a": 1.0} for predicate in (GREATER, ABOVE)},
    INCREASES: {"b": 1.0, "c": 2.0, "d": 3.0},
    LOPSIDED: {"a": 1.0},
}
"""Predicate → the arms that rise with the effect, and how fast."""


@pytest.mark.parametrize("predicate", LIFTS, ids=name)
@settings(max_examples=50, deadline=None)
@given(scores=arms(), smallest=smallest_effects, more=st.integers(1, 40) | st.integers(80, 800))
def test_more_of_an_effect_never_speaks_against_it(predicate, scores, smallest, more):
    """The same added to the effect of every seed: neither is a replication lost by it, nor a contradiction gained."""
    lifted = {name: arm + more / 8 * LIFTS[predicate].get(name, 0) for name, arm in scores.items()}
    before, after = verdict_of(predicate, scores, smallest), verdict_of(predicate, lifted, smallest)
    assert RANK[after.verdict] >= RANK[before.verdict]
    assert after.p_beyond <= before.p_beyond
    assert after.p_against >= before.p_against


@pytest.mark.parametrize("predicate", SINGLE, ids=name)
@settings(max_examples=10, deadline=None)
@given(scores=arms(), smallest=smallest_effects, more=st.integers(1, 40))
def test_a_larger_smallest_effect_is_never_easier_to_reach(predicate, scores, smallest, more):
    before, after = (verdict_of(predicate, scores, bound) for bound in (smallest, smallest + more / 8))
    assert RANK[after.verdict] <= max(0, RANK[before.verdict])


@settings(max_examples=25, deadline=None)
@given(scores=arms(), smallest=smallest_effects)
def test_what_the_verdict_says_is_seen_in_effect_and_interval(scores, smallest):
    for predicate in PREDICATES:
        verdict = verdict_of(predicate, scores, smallest)
        if verdict.verdict == "replicated":
            assert verdict.interval[0] > verdict.smallest_effect - 1e-9
        if verdict.verdict == "contradicted":
            assert verdict.interval[1] < min(0, verdict.smallest_effect) + 1e-9


def test_all_verdicts_occur_in_these_examples():
    """Else all of the above would hold of a judge that says nothing."""
    seen = set()

    @settings(max_examples=80, deadline=None, database=None, derandomize=True)
    @given(scores=arms())
    def look(scores):
        seen.update((str(predicate), verdict_of(predicate, scores).verdict) for predicate in SINGLE)

    look()
    assert len(seen) == 3 * len(SINGLE), seen


# --- conjunctions --------------------------------------------------------------------------------------------------


def parts_of_peaks(*parts):
    """Scores of which PEAKS makes these parts: the middle is zero."""
    return dict(zip("bac", (np.zeros(5), *(-np.array(part, float) for part in parts)), strict=True))


def test_a_conjunction_holds_only_where_every_part_passes_every_test():
    weak, uneven = [1.0, 1.0, 1.5, 2.5, 4.0], [-0.01, 4.0, 4.0, 4.0, 4.0]
    alone = [verdict_of(GREATER, {"a": np.array(part), "b": np.zeros(5)}).verdict for part in (weak, uneven)]
    assert alone == ["replicated", "inconclusive"]
    assert verdict_of(PEAKS, parts_of_peaks(weak, uneven)).verdict == "inconclusive"


def test_a_conjunction_is_contradicted_by_the_part_that_speaks_most_against_it():
    level, fallen = np.array([-0.1, -0.05, 0.0, 0.05, 0.1]), np.array([-2.0, -3.0, -4.0, -5.0, -6.0])
    assert verdict_of(PEAKS, parts_of_peaks(fallen, level + 9), 1.0).verdict == "contradicted"
    for beside in (level, np.zeros(5), np.full(5, 1.0)):  # without spread, too: at zero, or at the smallest effect
        assert verdict_of(PEAKS, parts_of_peaks(fallen, beside), 1.0).verdict == "contradicted"
        verdict = verdict_of(PEAKS, parts_of_peaks(beside, fallen), 1.0)
        assert verdict.verdict == "contradicted"
        assert verdict.effect == pytest.approx(-4), "the numbers shown are those of the part that contradicts"


# --- many claims ---------------------------------------------------------------------------------------------------

p_values = st.lists(st.floats(0, 0.1) | st.floats(0, 1), min_size=1, max_size=25)


@settings(deadline=None)
@given(p_values, st.data())
def test_adjusted_p_values_are_monotone(p, data):
    adjusted = benjamini_hochberg(p)
    assert (adjusted >= np.array(p) - 1e-12).all()
    assert (adjusted <= 1).all()
    order = np.argsort(p)
    assert (np.diff(adjusted[order]) >= 0).all()
    which = data.draw(st.integers(0, len(p) - 1))
    larger = np.array(p)
    larger[which] = data.draw(st.floats(p[which], 1))
    assert (benjamini_hochberg(larger) >= adjusted - 1e-12).all(), "a claim that is less certain helps no other"


@settings(deadline=None)
@given(p_values, st.data())
def test_the_order_of_claims_does_not_matter(p, data):
    order = data.draw(st.permutations(range(len(p))))
    for adjust in (benjamini_hochberg, benjamini_hochberg_levels):
        np.testing.assert_allclose(adjust(np.array(p)[order]), adjust(p)[order])


@settings(deadline=None)
@given(p_values)
def test_a_hopeless_claim_more_helps_no_other(p):
    assert (benjamini_hochberg([*p, 1.0])[:-1] >= benjamini_hochberg(p) - 1e-12).all()


def test_a_stricter_level_only_takes_verdicts_away():
    effects = np.random.default_rng(0).normal(0.3, 1, (3000, 1, 6))
    verdicts = [decide(weigh(effects, 0.1), level, level) for level in (0.025, 0.015, 0.005, 0.0001)]
    for usual, strict in pairwise(verdicts):
        assert ((strict == usual) | (strict == 0)).all()
        assert (strict != usual).any()


# --- flip chance ---------------------------------------------------------------------------------------------------


@settings(max_examples=10, deadline=None)
@given(scores=arms(), factor=st.sampled_from([0.125, 4.0]))
def test_flip_chance_is_a_probability_and_knows_no_unit(scores, factor):
    effects = (scores["a"] - scores["b"])[None]
    verdict = int(decide(weigh(effects, 0.25)))
    chance = flip_chance(effects, 0.25, verdict, draws=300)
    assert 0 <= chance <= 1
    assert flip_chance(factor * effects, factor * 0.25, verdict, draws=300) == pytest.approx(chance, abs=0.01)
    others = sum(flip_chance(effects, 0.25, other, draws=300) for other in {-1, 0, 1} - {verdict})
    assert chance + others == pytest.approx(2), "the three verdicts share a chance of one"

"""What must hold of the judge whatever the scores: mirrored, reordered, rescaled, better or more scores, other claims.

Scores lie on a grid of eighths, so that shifting and doubling them is exact: the properties are the rule's, and
rounding has its tests in test_statistics.py.
"""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from replications.judging import verdicts
from replications.judging.claims import Check, Claim
from replications.judging.predicates import (
    Above,
    Below,
    Both,
    Contrast,
    Decreases,
    Dips,
    Greater,
    Increases,
    Less,
    Peaks,
    Similar,
    needs,
    opposite,
)
from replications.judging.scores import Scores
from replications.judging.verdicts import judge
from replications.statistics import (
    CONTRADICTED,
    INCONCLUSIVE,
    LEVEL,
    NEGLIGIBLE,
    REPLICATED,
    benjamini_hochberg,
    benjamini_hochberg_levels,
    decide,
    flip_chance,
    weigh,
)

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
P_VALUES = ("p_value", "p_beyond", "p_against", "p_negligible", "p_claim", "p_adjusted", "p_order")

eighths = st.integers(-80, 80).map(lambda k: k / 8)
smallest_effects = st.sampled_from([0.0, 0.25, 1.0, 16.0, 80.0, -0.5])


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
        patch.setattr(verdicts, "flip_chance", lambda *_, **__: 0.0)
        yield


def verdict_of(predicate, scores, smallest=0.0, seeds=None, earlier=None):
    seeds = range(len(scores["a"])) if seeds is None else seeds
    read = {name for name, _ in needs(predicate)}

    def table(arms):
        named = ((name, arm.tolist()) for name, arm in arms.items() if name in read)
        return {(name, "score"): dict(zip(seeds, arm, strict=True)) for name, arm in named}

    snapshots = {share: Scores(table(arms)) for share, arms in (earlier or {}).items()}
    claim = claim_of(predicate, smallest_of(predicate, smallest))
    return judge([claim], {"pix2pix": Scores(table(scores), snapshots)}, sorted(seeds), "root")[0]


def claim_of(predicate, smallest, name="a_claim", checks=()):
    return Claim(
        id=name,
        replication="pix2pix",
        statement="",
        source="",
        explanation=("E2",),
        predicate=predicate,
        smallest_effect=smallest,
        unit="",
        checks=checks,
    )


def smallest_of(predicate, smallest):
    """A smallest effect that the predicate may have."""
    if isinstance(predicate, Similar):
        return -abs(smallest) or -0.125
    return 1.0 if isinstance(predicate, Both) else smallest


def parts_of(predicate, scores):
    """Its effects: part → [S]."""
    read = {(name, "score"): dict(enumerate(scores[name].tolist())) for name, _ in needs(predicate)}
    return predicate.effects(Scores(read), range(len(scores["a"])))


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
    halves = (ABOVE, 0.25, Less("score", "a", "b"), 2.0)
    weights = dict(LOPSIDED.weights)
    for predicate, other in (
        (SIMILAR, Similar("score", tuple(order))),
        (Peaks("score", "d", tuple("abc")), Peaks("score", "d", tuple(order))),
        (Dips("score", "d", tuple("abc")), Dips("score", "d", tuple(order))),
        (LOPSIDED, replace(LOPSIDED, weights=tuple((arm, weights[arm]) for arm in order))),
        (Both(*halves), Both(*halves[2:], *halves[:2])),
    ):
        one, again = verdict_of(predicate, scores, smallest), verdict_of(other, scores, smallest)
        assert one.verdict == again.verdict
        for name in P_VALUES:
            assert getattr(again, name) == pytest.approx(getattr(one, name), abs=1e-9)


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
    for name in P_VALUES:
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


@pytest.mark.parametrize("factor", [0.1, 0.3, 0.7, 1.1])
def test_what_rounding_leaves_of_no_effect_is_none_in_any_unit(factor):
    """Of eight seeds two have no effect at all: six beyond zero do not make a typical one."""
    middle, end = np.array([3.0, 3.0, 4, 5, 6, 5, 4, 5]), np.array([1.0, 1.0, 1, 1, 1, 1, 1, 1])
    scores = {"a": middle, "b": end, "c": np.array([5.0, 5.0, 1, 1, 1, 1, 1, 1])}  # 2a − b − c = 0 in the first two
    one, again = (verdict_of(LOPSIDED, {arm: f * x for arm, x in scores.items()}) for f in (1.0, factor))
    assert (one.verdict, one.p_claim) == ("inconclusive", 1)
    assert one.p_beyond < LEVEL
    assert (again.verdict, again.p_claim) == (one.verdict, one.p_claim)


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
    assert after.verdict == "replicated" or before.verdict != "replicated"
    assert before.verdict == "contradicted" or after.verdict != "contradicted"
    assert after.p_beyond <= before.p_beyond
    assert after.p_against >= before.p_against


@pytest.mark.parametrize("predicate", SINGLE, ids=name)
@settings(max_examples=10, deadline=None)
@given(scores=arms(), smallest=smallest_effects, more=st.integers(1, 40))
def test_a_larger_smallest_effect_is_never_easier_to_reach(predicate, scores, smallest, more):
    """Nor does it make what is too small to matter matter."""
    before, after = (verdict_of(predicate, scores, bound) for bound in (smallest, smallest + more / 8))
    assert before.verdict == "replicated" or after.verdict != "replicated"
    if smallest >= 0:
        assert after.verdict == before.verdict or before.verdict not in ("negligible", "contradicted")
        assert after.p_negligible <= before.p_negligible


@settings(max_examples=25, deadline=None)
@given(scores=arms(), smallest=smallest_effects)
def test_what_the_verdict_says_is_seen_in_effect_and_interval(scores, smallest):
    for predicate in PREDICATES:
        verdict = verdict_of(predicate, scores, smallest)
        low, high = verdict.interval
        if verdict.verdict == "replicated":
            assert low > verdict.smallest_effect - 1e-9
        if verdict.verdict == "contradicted":
            assert high < min(0, verdict.smallest_effect) + 1e-9
        if verdict.verdict == "negligible":
            assert -verdict.smallest_effect - 1e-9 < low <= high < verdict.smallest_effect + 1e-9


@settings(max_examples=25, deadline=None)
@given(scores=arms(), smallest=smallest_effects)
def test_what_is_shown_excludes_what_it_denies(scores, smallest):
    """No claim is shown to be both beyond the smallest effect and too small to matter, or beyond it and against it."""
    for predicate in PREDICATES:
        bound = smallest_of(predicate, smallest)
        evidence = weigh(np.array([*parts_of(predicate, scores).values()]), bound)
        beyond, against, negligible = (p <= LEVEL for p in evidence.shown)
        assert not (beyond and negligible)
        assert not (beyond and against)
        assert not (negligible and bound <= 0)
        shown = {REPLICATED: beyond, CONTRADICTED: against, NEGLIGIBLE: negligible, INCONCLUSIVE: True}
        assert decide(evidence) == next(outcome for outcome, is_shown in shown.items() if is_shown)


# --- more seeds, more verdict --------------------------------------------------------------------------------------


@pytest.mark.parametrize("predicate", PREDICATES, ids=name)
@settings(max_examples=12, deadline=None)
@given(scores=arms(), smallest=smallest_effects, times=st.sampled_from([2, 3]))
def test_the_same_effects_in_more_seeds_never_leave_open_what_was_decided(predicate, scores, smallest, times):
    """What was surely small may come to be surely on the other side; nothing that is sure comes to be open."""
    before = verdict_of(predicate, scores, smallest)
    after = verdict_of(predicate, {name: np.tile(arm, times) for name, arm in scores.items()}, smallest)
    assert before.verdict == "inconclusive" or after.verdict in (before.verdict, "contradicted")
    for name in ("p_beyond", "p_against", "p_negligible"):
        if getattr(before, name) < 0.5:
            assert getattr(after, name) <= getattr(before, name)


def test_more_of_the_same_seeds_decide_what_few_left_open():
    """Else the above would hold of a rule that counts no seeds."""
    open_ = {"a": np.array([1.0, 2.0, 0.5, 1.5, -0.2]), "b": np.zeros(5)}
    more = {name: np.tile(arm, 3) for name, arm in open_.items()}
    found = [[verdict_of(GREATER, scores, smallest).verdict for smallest in (0.0, 2.0)] for scores in (open_, more)]
    assert found == [["inconclusive", "inconclusive"], ["replicated", "negligible"]]


def test_all_verdicts_occur_in_these_examples():
    """Else all of the above would hold of a judge that says nothing."""
    seen = set()

    @settings(max_examples=80, deadline=None, database=None, derandomize=True)
    @given(scores=arms())
    def look(scores):
        for smallest in (0.0, 80.0):
            seen.update((str(predicate), verdict_of(predicate, scores, smallest).verdict) for predicate in SINGLE)

    look()
    assert len(seen) == 4 * len(SINGLE), seen


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


def test_a_conjunction_is_negligible_where_one_part_is_and_none_has_fallen():
    small, large = np.array([-0.1, -0.05, 0.02, 0.05, 0.1]), np.array([6.0, 7.0, 8.0, 7.0, 6.0])
    for parts in ((small, large), (large, small)):
        verdict = verdict_of(PEAKS, parts_of_peaks(*parts), 1.0)
        assert verdict.verdict == "negligible"
        assert verdict.effect == pytest.approx(0.004), "the numbers shown are those of the part that is too small"
    for parts in ((small, -large), (-large, small)):
        assert verdict_of(PEAKS, parts_of_peaks(*parts), 1.0).verdict == "contradicted"
    lower, within = np.array([-1.9, -1.4, -0.9, -0.4, 0.1]), np.array([-0.5, -0.3, 0.05, 0.4, 0.6])
    for parts in ((lower, within), (within, lower)):  # the lower part is hardest to establish, but not surely small
        verdict = verdict_of(PEAKS, parts_of_peaks(*parts), 1.0)
        assert verdict.verdict == "negligible"
        assert verdict.effect == pytest.approx(0.05)


# --- what comes before a verdict, and beside it --------------------------------------------------------------------

quality = Check("it must be there", "quality", "a", "at least", 1.0, "by hand")


@settings(max_examples=25, deadline=None)
@given(sets=st.lists(arms(variants="ab"), min_size=2, max_size=5), smallest=smallest_effects, data=st.data())
def test_a_failed_check_takes_a_claim_out_and_leaves_the_others_alone(sets, smallest, data):
    """It is untestable whatever its scores say, enters with p = 1, and moves others through their family alone."""
    n = min(len(scores["a"]) for scores in sets)
    values, claims = {}, []
    for i, scores in enumerate(sets):
        for arm in "ab":
            values[f"{arm}{i}", "score"] = dict(enumerate(scores[arm][:n].tolist()))
        values[f"a{i}", "quality"] = dict.fromkeys(range(n), 1.0)
        check = replace(quality, variant=f"a{i}")
        claims.append(claim_of(Greater("score", f"a{i}", f"b{i}"), smallest, f"claim_{i}", (check,)))
    before = judge(claims, {"pix2pix": Scores(values)}, range(n), "root")
    assert "untestable" not in {one.verdict for one in before}
    which = data.draw(st.integers(0, len(sets) - 1))
    short = data.draw(st.sampled_from([n, n // 3 + 1]))  # seeds that do not reach it: all, or more than one in five
    values[f"a{which}", "quality"] = {seed: 0.9 if seed < short else 9.0 for seed in range(n)}
    after = judge(claims, {"pix2pix": Scores(values)}, range(n), "root")
    failed = after.pop(which)
    assert (failed.verdict, failed.p_claim, failed.p_adjusted) == ("untestable", 1, 1)
    assert (failed.effect, failed.p_beyond) == (before[which].effect, before[which].p_beyond)
    p = [1.0 if i == which else one.p_claim for i, one in enumerate(before)]
    adjusted = np.delete(benjamini_hochberg(p), which)
    del before[which]
    for one, other, its in zip(before, after, adjusted, strict=True):
        assert other.p_adjusted == pytest.approx(its)
        assert (other.verdict != "inconclusive") == (its <= LEVEL)
        assert other.verdict in (one.verdict, "inconclusive", "negligible")
        same_but = {"verdict": one.verdict, "if_tested": one.if_tested, "p_adjusted": one.p_adjusted}
        if other.verdict == one.verdict:
            assert replace(other, **same_but) == one


@pytest.mark.parametrize("predicate", PREDICATES, ids=name)
@settings(max_examples=10, deadline=None)
@given(scores=arms(), smallest=smallest_effects, data=st.data())
def test_settled_is_whether_the_last_doubling_moved_the_effect_by_less_than_matters(predicate, scores, smallest, data):
    shares = data.draw(st.sets(st.sampled_from([0.125, 0.25, 0.5, 0.75])))
    n, earlier = len(scores["a"]), {}
    for share in shares:
        steps = {name: data.draw(st.integers(-160, 160)) / 8 for name in scores}
        earlier[share] = {name: arm + steps[name] * np.resize([0.5, 1.0, 1.5], n) for name, arm in scores.items()}
    verdict = verdict_of(predicate, scores, smallest, earlier=earlier)
    assert [snapshot.share for snapshot in verdict.snapshots] == [*sorted(shares), 1.0]
    plain = verdict_of(predicate, scores, smallest)
    assert replace(verdict, snapshots=plain.snapshots, moved=None, settled=None) == plain, "it takes no part in it"
    if 0.5 not in shares:
        assert (verdict.moved, verdict.settled) == (None, None)
        return
    now, then = (parts_of(predicate, one)[verdict.part].mean() for one in (scores, earlier[0.5]))
    assert verdict.moved == pytest.approx(now - then, abs=1e-9)
    assert verdict.settled is (abs(verdict.moved) < abs(smallest_of(predicate, smallest)))


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


@pytest.mark.parametrize("smallest", [0.1, 2.0])
def test_a_stricter_level_only_takes_verdicts_away(smallest):
    """What is both small and on the other side may be left small; nothing else becomes another verdict."""
    effects = np.random.default_rng(0).normal(0.3, 1, (3000, 1, 6))
    found = [decide(weigh(effects, smallest), level) for level in (0.025, 0.015, 0.005, 0.0001)]
    for usual, strict in pairwise(found):
        small = (usual == CONTRADICTED) & (strict == NEGLIGIBLE)
        assert ((strict == usual) | (strict == INCONCLUSIVE) | small).all()
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
    every = (REPLICATED, CONTRADICTED, NEGLIGIBLE, INCONCLUSIVE)
    others = sum(flip_chance(effects, 0.25, other, draws=300) for other in every if other != verdict)
    assert chance + others == pytest.approx(3), "the four verdicts share a chance of one"

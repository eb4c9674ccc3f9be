"""From scores to verdicts: what each predicate measures, what the judge says, and what it refuses to read."""

import csv
import io
import json
import math
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from replications import study
from replications.judging import judge as judging
from replications.judging.claims import Check, Claim, Deviation
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
    with_instrument,
)
from replications.judging.scores import ScoreError, Scores
from replications.judging.verdicts import MEANS, OUTCOMES, deviations_in_short, examine, judge, preflight
from replications.statistics import benjamini_hochberg

ROOT = Path(__file__).parent.parent.parent
SEEDS = (11, 12, 13, 14, 15)
SMALL = Deviation("size", "64 px", "less detail").helps
PREDICATES = [
    Greater("sharpness", "gan", "l1"),
    Less("sharpness", "gan", "l1"),
    Above("sharpness", "gan", 1.0),
    Below("sharpness", "gan", 1.0),
    Increases("sharpness", ("l1", "gan", "cgan")),
    Decreases("sharpness", ("l1", "gan", "cgan")),
    Peaks("sharpness", "gan", ("l1", "cgan")),
    Dips("sharpness", "gan", ("l1", "cgan")),
    Contrast("sharpness", (("l1", 1.0), ("gan", -2.0), ("cgan", 1.0))),
]


def kind(predicate) -> str:
    """A pytest id: the class, with a minus where it points the other way."""
    return "-" * (getattr(predicate, "sign", 1) == -1) + type(predicate).__name__


def scores_of(arms, instrument="sharpness", seeds=SEEDS):
    """Scores from {variant: [one per seed]}."""
    return Scores({(name, instrument): dict(zip(seeds, arm, strict=True)) for name, arm in arms.items()})


def claim_of(predicate, smallest_effect=0.0, **changes):
    claim = Claim(
        id="a_claim",
        replication="pix2pix",
        statement="The adversarial term sharpens.",
        source="Isola et al. 2017, section 4.1",
        explanation=("E2",),
        predicate=predicate,
        smallest_effect=smallest_effect,
        unit="sharper",
    )
    return replace(claim, **changes)


def verdict_of(claim, scores, seeds=SEEDS, study="root"):
    return judge([claim], {"pix2pix": scores}, seeds, study)[0]


# --- predicates ----------------------------------------------------------------------------------------------------

ARMS = {"l1": [1, 2, 1, 2, 1], "gan": [4, 6, 5, 5, 4], "cgan": [7, 7, 9, 8, 7]}


@pytest.mark.parametrize(
    ("predicate", "effects"),
    [
        (Greater("sharpness", "gan", "l1"), [[3, 4, 4, 3, 3]]),
        (Less("sharpness", "gan", "l1"), [[-3, -4, -4, -3, -3]]),
        (Above("sharpness", "gan", 4), [[0, 2, 1, 1, 0]]),
        (Below("sharpness", "gan", 4), [[0, -2, -1, -1, 0]]),
        (Increases("sharpness", ("l1", "gan", "cgan")), [[6, 5, 8, 6, 6]]),  # three equal steps: last − first
        (Decreases("sharpness", ("l1", "gan", "cgan")), [[-6, -5, -8, -6, -6]]),
        (Peaks("sharpness", "gan", ("l1", "cgan")), [[3, 4, 4, 3, 3], [-3, -1, -4, -3, -3]]),
        (Dips("sharpness", "gan", ("l1", "cgan")), [[-3, -4, -4, -3, -3], [3, 1, 4, 3, 3]]),
        (Similar("sharpness", ("l1", "gan")), [[-3, -4, -4, -3, -3], [3, 4, 4, 3, 3]]),
        (Contrast("sharpness", (("cgan", 1), ("gan", -2), ("l1", 1))), [[0, -3, 0, 0, 0]]),
        (
            Both(Greater("sharpness", "gan", "l1"), 2, Greater("sharpness", "cgan", "gan"), 0.5),
            [[1.5, 2, 2, 1.5, 1.5], [6, 2, 8, 6, 6]],
        ),
    ],
)
def test_effects_by_hand(predicate, effects):
    parts = predicate.effects(scores_of(ARMS), SEEDS)
    np.testing.assert_allclose(list(parts.values()), effects)


def test_change_over_range_is_that_of_the_line():
    arms = {"a": [0.0], "b": [1.0], "c": [1.0], "d": [4.0]}
    predicate = Increases("sharpness", ("a", "b", "c", "d"))
    slope = np.polyfit([0, 1, 2, 3], [0, 1, 1, 4], 1)[0]
    (change,) = predicate.effects(scores_of(arms, seeds=(1,)), (1,)).values()
    assert change == pytest.approx([3 * slope])


def test_log_ratio():
    scores = scores_of({"gan": [2.0, 8.0], "l1": [1.0, 2.0]}, seeds=(1, 2))
    (ratio,) = Greater("sharpness", "gan", "l1", scale="log_ratio").effects(scores, (1, 2)).values()
    np.testing.assert_allclose(ratio, np.log([2, 4]))
    (ratio,) = Above("sharpness", "gan", 4, scale="log_ratio").effects(scores, (1, 2)).values()
    np.testing.assert_allclose(ratio, np.log([0.5, 2]))


@pytest.mark.parametrize("predicate", PREDICATES, ids=kind)
def test_opposite_and_other_instruments(predicate):
    scores = scores_of(ARMS)
    parts = list(predicate.effects(scores, SEEDS).values())
    mirrored = list(opposite(predicate).effects(scores, SEEDS).values())
    np.testing.assert_array_equal(np.array(mirrored), -np.array(parts))
    assert opposite(opposite(predicate)) == predicate
    assert with_instrument(predicate, "edges") == replace(predicate, instrument="edges")
    assert opposite(with_instrument(predicate, "-width")) == replace(predicate, instrument="width")


def test_needs():
    both = Both(Greater("sharpness", "gan", "l1"), 1, Less("error", "l1", "gan"), 1)
    assert needs(both) == {("gan", "sharpness"), ("l1", "sharpness"), ("gan", "error"), ("l1", "error")}
    claim = claim_of(Above("sharpness", "gan", 1), also={"-width": 0.1})
    assert claim.needs == {("gan", "sharpness"), ("gan", "width")}


# --- verdicts ------------------------------------------------------------------------------------------------------


def test_replicated():
    verdict = verdict_of(claim_of(Greater("sharpness", "gan", "l1"), 1.0), scores_of(ARMS))
    assert verdict.verdict == "replicated"
    assert verdict.effect == pytest.approx(3.4)
    half = 2.776445 * math.sqrt(0.3 / 5)  # effects 3 4 4 3 3: s² = 0.3
    assert verdict.interval == pytest.approx((3.4 - half, 3.4 + half))
    assert verdict.p_value == 1 / 32
    assert verdict.p_beyond == verdict.p_claim == verdict.p_adjusted < 0.001  # a single claim: nothing to adjust
    assert verdict.effects_by_seed == dict(zip(SEEDS, [3, 4, 4, 3, 3], strict=True))
    assert verdict.flip_chance < 0.05
    assert verdict.n_seeds == 5
    assert verdict.in_words() == "+3.4 [+2.72, +4.08] sharper (n = 5)"


def test_swapped_arms_are_contradicted():
    verdict = verdict_of(claim_of(Greater("sharpness", "l1", "gan"), 1.0), scores_of(ARMS))
    assert verdict.verdict == "contradicted"
    assert verdict.p_claim == verdict.p_against <= 0.025


def test_an_effect_too_small_to_matter_is_negligible():
    bounds = ((2.7, "replicated"), (2.8, "inconclusive"), (4.05, "inconclusive"), (4.1, "negligible"))
    for smallest, expected in bounds:  # interval: 2.72 to 4.08
        verdict = verdict_of(claim_of(Greater("sharpness", "gan", "l1"), smallest), scores_of(ARMS))
        assert verdict.verdict == verdict.if_tested == expected
    assert verdict.p_claim == verdict.p_negligible <= 0.025
    assert verdict.interval[1] < verdict.smallest_effect


def test_small_and_on_the_other_side_is_contradicted():
    verdict = verdict_of(claim_of(Greater("sharpness", "l1", "gan"), 9.0), scores_of(ARMS))
    assert max(verdict.p_against, verdict.p_negligible) <= 0.025
    assert verdict.verdict == "contradicted"


def test_a_conjunction_shows_the_part_that_is_negligible():
    arms = {"pixel": [1, 2, 1, 2, 1], "patch": [5, 6, 5, 6, 7], "image": [5, 6.1, 5.1, 5.9, 7]}
    verdict = verdict_of(claim_of(Peaks("sharpness", "patch", ("pixel", "image")), 1.0), scores_of(arms))
    assert verdict.verdict == "negligible"
    assert verdict.part == "patch over image"
    assert verdict.effect == pytest.approx(-0.02)
    assert list(verdict.effects_by_seed.values()) == pytest.approx([0, -0.1, -0.1, 0.1, 0])


def test_every_outcome_is_told():
    assert set(MEANS) == {*OUTCOMES.values(), "untestable"}


def test_not_worse_by_more_than_a_margin():
    arms = {"vq": [1.0, 1.1, 0.9, 1.0, 1.05], "vae": [1.02, 1.08, 0.95, 1.01, 1.0]}
    no_gain = Less("psnr", "vq", "vae")
    scores = scores_of(arms, "psnr")
    assert verdict_of(claim_of(no_gain, -0.5), scores).verdict == "replicated"
    assert verdict_of(claim_of(no_gain, 0.0), scores).verdict == "inconclusive"
    ahead = scores_of({**arms, "vq": [x + 1 for x in arms["vq"]]}, "psnr")
    assert verdict_of(claim_of(no_gain, -0.5), ahead).verdict == "contradicted"


def test_similar_within_a_margin():
    arms = {"a": [1.0, 1.1, 0.9, 1.0, 1.05], "b": [1.02, 1.08, 0.95, 1.01, 1.0], "c": [1.01, 1.0, 1.0, 1.02, 0.99]}
    claim = claim_of(Similar("sharpness", ("a", "b", "c")), -0.5)
    assert verdict_of(claim, scores_of(arms)).verdict == "replicated"
    verdict = verdict_of(claim, scores_of({**arms, "c": [x + 2 for x in arms["c"]]}))
    assert verdict.verdict == "contradicted"
    assert verdict.part == "b over c"
    assert verdict.effect == pytest.approx(-1.992)


def test_inverted_u():
    arms = {"pixel": [1, 2, 1, 2, 1], "patch": [5, 6, 5, 6, 7], "image": [3, 4, 2, 3, 4]}
    verdict = verdict_of(claim_of(Peaks("sharpness", "patch", ("pixel", "image")), 1.0), scores_of(arms))
    assert verdict.verdict == "replicated"
    assert verdict.part == "patch over image"  # the harder one
    image_first = {**arms, "image": [9, 9, 8, 9, 10]}
    verdict = verdict_of(claim_of(Peaks("sharpness", "patch", ("pixel", "image")), 1.0), scores_of(image_first))
    assert verdict.verdict == "contradicted"


def test_both():
    scores = Scores({**scores_of(ARMS).values, **scores_of({"l1": [1] * 5, "gan": [2.0, 2, 3, 2, 2]}, "error").values})
    sharp_but_wrong = Both(Greater("sharpness", "gan", "l1"), 1.0, Greater("error", "gan", "l1"), 0.1)
    verdict = verdict_of(claim_of(sharp_but_wrong, 1.0), scores)
    assert verdict.verdict == "replicated"
    assert verdict.part == "error: gan over l1"  # t = (11 − 1)/2 against (3.4 − 1)/0.245
    assert verdict.instruments[0]["instrument"] == "error, sharpness"
    one_fails = Both(Greater("sharpness", "gan", "l1"), 1.0, Less("error", "gan", "l1"), 0.1)
    assert verdict_of(claim_of(one_fails, 1.0), scores).verdict == "contradicted"


def test_trend_needs_the_order_and_not_only_a_slope():
    rng = np.random.default_rng(0)
    growing = {f"k{i}": i + 0.1 * rng.standard_normal(5) for i in range(4)}
    claim = claim_of(Increases("sharpness", ("k0", "k1", "k2", "k3")), 1.0)
    verdict = verdict_of(claim, scores_of(growing))
    assert verdict.verdict == "replicated"
    assert verdict.p_order == pytest.approx(24**-5)
    falling = Decreases("sharpness", ("k0", "k1", "k2", "k3"))
    assert verdict_of(claim_of(falling, 1.0), scores_of(growing)).verdict == "contradicted"
    jump = {"k0": [3.0] * 5, "k1": [2.0] * 5, "k2": [1.0] * 5, "k3": [9.0, 9, 9, 9, 9.5]}  # falls, falls, leaps
    verdict = verdict_of(claim, scores_of(jump))
    assert verdict.interval[0] > 1
    assert verdict.p_order is not None
    assert verdict.p_order > 0.05
    assert verdict.verdict == "inconclusive"


def test_no_increase_beyond_a_margin_is_not_asked_to_fall():
    flat = {"a": [1.0, 1.1, 0.9, 1.0, 1.0], "b": [1.1, 1.0, 1.0, 0.9, 1.0], "c": [1.0, 1.1, 1.0, 1.0, 0.95]}
    verdict = verdict_of(claim_of(Decreases("sharpness", ("a", "b", "c")), -0.5), scores_of(flat))
    assert verdict.verdict == "replicated"
    assert verdict.p_order is None


def test_multiplicity_is_over_all_claims_of_the_study():
    """One family, and each claim in it once: with the smallest of its p-values, whichever way it is decided."""
    barely = {"l1": [0.0] * 5, "gan": [0.2, 1.4, 0.9, 1.0, 2.4]}  # p = 0.018
    claim = claim_of(Greater("sharpness", "gan", "l1"))
    other = claim_of(Less("sharpness", "gan", "l1"), id="the_other_way")
    small = claim_of(Greater("sharpness", "gan", "l1"), 2.5, id="small")  # p = 0.014
    for one, alone in ((claim, "replicated"), (other, "contradicted"), (small, "negligible")):
        assert verdict_of(one, scores_of(barely)).verdict == alone
        empty = {"l1": [0.0] * 5, "gan": [1.0, -1.0, 0.5, -0.5, 0.1]}
        others = [replace(claim, id=f"other_{i}", replication="vq_vae") for i in range(4)]
        scores = {"pix2pix": scores_of(barely), "vq_vae": scores_of(empty)}
        verdicts = judge([one, *others], scores, {"pix2pix": SEEDS, "vq_vae": SEEDS}, "root")
        assert {verdict.verdict for verdict in verdicts} == {"inconclusive"}
        assert verdicts[0].p_adjusted == pytest.approx(5 * verdicts[0].p_claim)
        adjusted = benjamini_hochberg([verdict.p_claim for verdict in verdicts])
        np.testing.assert_allclose([verdict.p_adjusted for verdict in verdicts], adjusted)
        assert verdicts[0].instruments[0]["verdict"] == alone  # as if it were alone
    # decided in three different ways they carry each other, as claims of one kind would
    assert [one.verdict for one in judge([claim, other, small], {"pix2pix": scores_of(barely)}, SEEDS, "root")] == [
        *("replicated", "contradicted", "negligible")
    ]


# --- quality checks ------------------------------------------------------------------------------------------------


def check_of(bound, side="at least", **changes):
    check = Check("the GAN is sharp", "sharpness", "gan", side, bound, "as sharp as it must be")
    return replace(check, **changes)


@pytest.mark.parametrize(
    ("check", "passed", "reached", "bound"),
    [  # gan: 4 6 5 5 4, mean 4.8
        (check_of(4.0), True, 5, 4.0),
        (check_of(4.8), False, 3, 4.8),  # the mean reaches it, four of five do not
        (check_of(4.0, "at most"), False, 2, 4.0),
        (check_of(5.0, "at most"), True, 4, 5.0),  # exactly four of five
        (check_of(("cgan", "sharpness")), False, 0, 7.6),
        (check_of(("cgan", "sharpness"), factor=0.5), True, 5, 3.8),
        (check_of(("cgan", "sharpness"), "at most", plus=-3.0), False, 4, 4.6),  # each by its own seed; the mean fails
        (check_of(("l1", "sharpness"), factor=2.0, plus=1.5), True, 4, 4.3),
    ],
)
def test_quality_checks_by_hand(check, passed, reached, bound):
    result = examine(check, scores_of(ARMS), SEEDS)
    assert (result.passed, result.seeds_reached, result.n_seeds) == (passed, reached, 5)
    assert result.bound == pytest.approx(bound)
    assert result.value == pytest.approx(4.8)
    too_few = ", 80% have to" if (check.bound, check.side) == (4.8, "at least") else ""  # where the mean reaches it
    assert result.in_words() == (
        f"sharpness of gan is 4.8, required: {check.side} {bound:g} ({reached} of 5 seeds reach it{too_few})"
    )


def test_four_of_five_do_not_stand_for_the_mean():
    arms = {**ARMS, "gan": [4, 4, 4, 4, -9]}
    result = examine(check_of(3.0), scores_of(arms), SEEDS)
    assert (result.seeds_reached, result.passed) == (4, False)


def test_a_failed_check_makes_a_claim_untestable():
    claim = claim_of(Greater("sharpness", "gan", "l1"), 1.0, checks=(check_of(3.0), check_of(5.0)))
    verdict = verdict_of(claim, scores_of(ARMS))
    assert (verdict.verdict, verdict.if_tested) == ("untestable", "replicated")
    assert [check.passed for check in verdict.checks] == [True, False]
    assert (verdict.p_claim, verdict.p_adjusted) == (1, 1)
    assert verdict.effect == pytest.approx(3.4)  # told all the same
    assert verdict.as_json()["checks"][1]["value"] == 4.8


def test_checks_are_asked_where_they_are_declared():
    elsewhere = check_of(99.0, studies=("real",))
    claim = claim_of(Greater("sharpness", "gan", "l1"), 1.0, checks=(elsewhere,))
    assert verdict_of(claim, scores_of(ARMS)).verdict == "replicated"
    assert verdict_of(claim, scores_of(ARMS)).checks == ()
    assert verdict_of(claim, scores_of(ARMS), study="real").verdict == "untestable"


def test_a_claim_that_cannot_be_tested_counts_in_its_family():
    """It was registered all the same: with p = 1 it makes it harder for the others, and never easier."""
    barely = {"l1": [0.0] * 5, "gan": [0.2, 1.4, 0.9, 1.0, 2.4], "cgan": [50.0, 51, 50, 49, 50]}
    claim = claim_of(Greater("sharpness", "gan", "l1"))  # p = 0.018
    sure = claim_of(Greater("sharpness", "cgan", "l1"), id="sure")
    scores = {"pix2pix": scores_of(barely)}
    assert [one.verdict for one in judge([claim, sure], scores, SEEDS, "root")] == ["replicated", "replicated"]
    failing = replace(sure, checks=(check_of(99.0),))
    found = judge([claim, failing], scores, SEEDS, "root")
    assert [one.verdict for one in found] == ["inconclusive", "untestable"]
    assert found[0].p_adjusted == pytest.approx(2 * found[0].p_claim)


def test_claims_judged_alone_are_held_to_the_same_level_as_among_the_others():
    """`recheck` judges a few claims of a study again: fewer claims must not make it easier to be replicated."""
    claims = [claim_of(Greater("sharpness", "gan", "l1"), 1.0), claim_of(Greater("sharpness", "gan", "l1"), 3.4)]
    claims = [replace(claim, id=f"claim_{number}") for number, claim in enumerate(claims)]
    scores = {"pix2pix": scores_of(ARMS)}
    first, second = judge(claims, scores, SEEDS, "root")
    (alone,) = judge(claims[:1], scores, SEEDS, "root")
    (among,) = judge(claims[:1], scores, SEEDS, "root", others=[second.p_claim])
    assert alone.p_adjusted < first.p_adjusted == among.p_adjusted
    assert among == first


# --- settled or not ------------------------------------------------------------------------------------------------


def with_snapshots(earlier):
    """Scores of ARMS whose gan had other scores earlier: {share of the training: what was missing}."""
    last = scores_of(ARMS)
    return Scores(
        last.values,
        {share: scores_of({**ARMS, "gan": [x - gap for x in ARMS["gan"]]}) for share, gap in earlier.items()},
    )


def test_a_score_that_a_snapshot_lacks_is_told_with_the_claim_and_the_share():
    scores = with_snapshots({0.5: 1.0})
    del scores.snapshots[0.5].values["gan", "sharpness"]
    with pytest.raises(ScoreError, match=r"claim pix2pix/a_claim: at snapshot 0\.5: .*'gan'.*measure@pix2pix"):
        verdict_of(claim_of(Greater("sharpness", "gan", "l1"), 1.0), scores)


def test_without_a_snapshot_at_half_nobody_knows_whether_it_has_settled():
    claim = claim_of(Greater("sharpness", "gan", "l1"), 1.0)
    for scores in (scores_of(ARMS), with_snapshots({0.25: 3.0})):
        verdict = verdict_of(claim, scores)
        assert (verdict.moved, verdict.settled) == (None, None)
        assert verdict.snapshots[-1].share == 1
        assert verdict.snapshots[-1].effect == pytest.approx(3.4)


@pytest.mark.parametrize(
    ("gap", "smallest", "settled"),
    [
        (0.5, 1.0, True),
        (1.5, 1.0, False),
        (-0.5, 1.0, True),
        (-1.5, 1.0, False),  # it moved back
        (1.0, 1.0, False),  # exactly the smallest effect is not less
        (0.5, -1.0, True),  # of a margin
        (1.5, -1.0, False),
    ],
)
def test_settled_is_moved_by_less_than_the_smallest_effect(gap, smallest, settled):
    claim = claim_of(Greater("sharpness", "gan", "l1"), smallest)
    verdict = verdict_of(claim, with_snapshots({0.5: gap, 0.25: 3.0}))
    assert verdict.moved == pytest.approx(gap)
    assert verdict.settled is settled
    assert [snapshot.share for snapshot in verdict.snapshots] == [0.25, 0.5, 1.0]
    assert [snapshot.effect for snapshot in verdict.snapshots] == pytest.approx([0.4, 3.4 - gap, 3.4])
    assert verdict.snapshots[-1].interval == verdict.interval
    assert (verdict.verdict, verdict.effect) == (verdict_of(claim, scores_of(ARMS)).verdict, pytest.approx(3.4))


def test_it_is_the_part_that_decides_whose_effect_must_have_settled():
    predicate = Peaks("sharpness", "gan", ("l1", "cgan"))  # contradicted by the second: gan over cgan
    scores = Scores(scores_of(ARMS).values, {0.5: scores_of({**ARMS, "cgan": [x + 5 for x in ARMS["cgan"]]})})
    verdict = verdict_of(claim_of(predicate, 1.0), scores)
    assert (verdict.verdict, verdict.part) == ("contradicted", "gan over cgan")
    assert (verdict.moved, verdict.settled) == (pytest.approx(5), False)


def test_claims_of_other_studies_are_left_out():
    claim = claim_of(Greater("sharpness", "gan", "l1"))
    elsewhere = replace(claim, id="elsewhere", studies=("real",))
    verdicts = judge([claim, elsewhere], {"pix2pix": scores_of(ARMS)}, SEEDS, "root")
    assert [verdict.id for verdict in verdicts] == ["a_claim"]
    assert judge([elsewhere], {}, SEEDS, "root") == []


def test_instruments_that_disagree_are_shown():
    width = scores_of({"l1": [9, 8, 9, 9, 8], "gan": [4, 4, 5, 4, 4]}, "width")  # blur: wide edges
    noise = scores_of({"l1": [3, 2, 3, 3, 2], "gan": [1, 1, 1, 2, 1]}, "noise")
    scores = Scores({**scores_of(ARMS).values, **width.values, **noise.values})
    claim = claim_of(Greater("sharpness", "gan", "l1"), 1.0, also={"-width": 0.5})
    agreed = verdict_of(claim, scores)
    assert not agreed.disagreement
    assert [row["instrument"] for row in agreed.instruments] == ["sharpness", "width"]
    assert agreed.instruments[1]["effect"] == pytest.approx(4.4)
    disputed = verdict_of(replace(claim, also={"-width": 0.5, "noise": 0.1}), scores)
    assert disputed.disagreement
    assert [row["verdict"] for row in disputed.instruments] == ["replicated", "replicated", "contradicted"]
    assert disputed.verdict == "replicated"  # the claim's own instrument decides


def test_ratio_in_words():
    scores = scores_of({"l1": [1.0] * 5, "gan": [2.0, 2.0, 2.0, 2.0, 2.0]})
    claim = claim_of(Greater("sharpness", "gan", "l1", scale="log_ratio"), math.log(1.2), unit="times as sharp")
    assert verdict_of(claim, scores).in_words() == "2 [2, 2] times as sharp (n = 5)"


def test_json_is_stable_and_complete():
    claim = claim_of(Greater("sharpness", "gan", "l1"), 1.0, published="85 %", deviations=(SMALL,))
    plain = verdict_of(claim, scores_of(ARMS)).as_json()
    promised = "id replication statement source explanation verdict effect interval smallest_effect p_value n_seeds"
    assert {*promised.split(), "published", "study", "deviations"} <= set(plain)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["deviations"] == [{"kind": "size", "what": "64 px", "effect": "less detail", "favours": "the claim"}]
    assert plain["effect"] == 3.4  # not 3.4000000000000004
    assert plain["interval"] == [2.71991, 4.08009]
    assert plain["effects_by_seed"]["11"] == 3.0


def test_a_claim_may_speak_against_explanations_alone():
    claim = claim_of(Greater("sharpness", "gan", "l1"), explanation=(), against=("E1", "E4"))
    verdict = verdict_of(claim, scores_of(ARMS))
    assert (verdict.explanation, verdict.against) == ((), ("E1", "E4"))
    assert (verdict.as_json()["explanation"], verdict.as_json()["against"]) == ([], ["E1", "E4"])


def test_one_seed_is_inconclusive_and_still_json():
    scores = scores_of({"l1": [1.0], "gan": [3.0]}, seeds=(1,))
    verdict = verdict_of(claim_of(Greater("sharpness", "gan", "l1")), scores, seeds=(1,))
    assert verdict.verdict == "inconclusive"
    assert verdict.as_json()["interval"] == [None, None]
    json.dumps(verdict.as_json(), allow_nan=False)


# --- properties ----------------------------------------------------------------------------------------------------

eighths = st.integers(-40, 40).map(lambda x: x / 8)
pairs_of_arms = st.integers(5, 7).flatmap(
    lambda n: st.tuples(*[st.lists(eighths, min_size=n, max_size=n) for _ in range(2)])
)
smallest_effects = st.integers(0, 8).map(lambda x: x / 8)
few = settings(max_examples=35, deadline=None)


def judged(arms, smallest, predicate=None):
    seeds = range(len(arms[0]))
    predicate = predicate or Greater("sharpness", "gan", "l1")
    return verdict_of(
        claim_of(predicate, smallest), scores_of(dict(zip(("gan", "l1"), arms, strict=True)), seeds=seeds), seeds
    )


@few
@given(pairs_of_arms, smallest_effects)
def test_swapping_the_arms_flips_the_sign(arms, smallest):
    ours, swapped = judged(arms, smallest), judged(arms[::-1], smallest)
    assert swapped.effect == -ours.effect
    if ours.verdict == "replicated":
        assert swapped.verdict == "contradicted"
    less = judged(arms[::-1], smallest, Less("sharpness", "gan", "l1"))
    assert (less.verdict, less.effect) == (ours.verdict, ours.effect)


@few
@given(pairs_of_arms, smallest_effects, st.randoms(use_true_random=False))
def test_order_of_seeds_is_irrelevant(arms, smallest, random):
    order = list(range(len(arms[0])))
    random.shuffle(order)
    ours = judged(arms, smallest)
    shuffled = judged([[arm[i] for i in order] for arm in arms], smallest)
    assert shuffled.verdict == ours.verdict
    assert shuffled.p_beyond == pytest.approx(ours.p_beyond)
    assert shuffled.p_value == ours.p_value


@few
@given(pairs_of_arms, smallest_effects, st.floats(1e-3, 1e3))
def test_units_are_irrelevant(arms, smallest, factor):
    scaled = judged([[x * factor for x in arm] for arm in arms], smallest * factor)
    ours = judged(arms, smallest)
    assert scaled.verdict == ours.verdict
    assert scaled.effect == pytest.approx(factor * ours.effect)


@few
@given(pairs_of_arms, smallest_effects, st.integers(0, 80))
def test_a_better_favoured_arm_never_harms(arms, smallest, gain):
    better = judged([[x + gain / 8 for x in arms[0]], arms[1]], smallest)
    before = judged(arms, smallest)
    assert better.verdict == "replicated" or before.verdict != "replicated"
    assert before.verdict == "contradicted" or better.verdict != "contradicted"


@few
@given(pairs_of_arms, smallest_effects)
def test_replicated_means_the_whole_interval_lies_beyond(arms, smallest):
    verdict = judged(arms, smallest)
    if verdict.verdict == "replicated":
        assert verdict.interval[0] >= smallest
    if verdict.verdict == "contradicted":
        assert verdict.interval[1] <= 0
    if verdict.verdict == "negligible":
        assert -smallest <= verdict.interval[0] <= verdict.interval[1] <= smallest


# --- what is refused -----------------------------------------------------------------------------------------------

TABLE = "variant,seed,instrument,score,n_images\n" + "\n".join(
    f"{variant},{seed},sharpness,{score},100"
    for variant, arm in ARMS.items()
    for seed, score in zip(SEEDS, arm, strict=True)
)


def rows(text):
    return csv.DictReader(io.StringIO(text))


def test_scores_are_read_from_a_table():
    assert Scores.from_rows(rows(TABLE)) == scores_of(ARMS)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_score_that_is_no_number(number):
    with pytest.raises(ScoreError, match=rf"row 16.*'gan'.*'99'.*the score is {number}"):
        Scores.from_rows(rows(f"{TABLE}\ngan,99,sharpness,{number},100"))
    with pytest.raises(ScoreError, match=r"variant 'gan', instrument 'sharpness', seed 13: the score is"):
        scores_of({"gan": [1, 2, float(number), 4, 5]})


@pytest.mark.parametrize("row", ["gan,1,sharpness", "gan,one,sharpness,2,100", "gan,1,sharpness,high,100"])
def test_malformed_row(row):
    with pytest.raises(ScoreError, match=r"row 16.*needs variant, seed, instrument, score"):
        Scores.from_rows(rows(f"{TABLE}\n{row}"))


def test_duplicate_row():
    with pytest.raises(ScoreError, match=r"row 16.*'gan'.*'13'.*second score"):
        Scores.from_rows(rows(f"{TABLE}\ngan,13,sharpness,5,100"))


@pytest.mark.parametrize(
    ("predicate", "seeds", "message"),
    [
        (Greater("sharpness", "wgan", "l1"), SEEDS, r"no scores of variant 'wgan'.*'cgan', 'gan', 'l1'"),
        (Greater("psnr", "gan", "l1"), SEEDS, r"variant 'gan' has no score by instrument 'psnr'.*'sharpness'"),
        (Greater("sharpness", "gan", "l1"), (*SEEDS, 16), r"'gan'.*missing for declared seeds \[16\]"),
        (Greater("sharpness", "gan", "l1"), SEEDS[:4], r"'gan'.*left over from undeclared seeds \[15\]"),
        (Greater("sharpness", "gan", "l1"), (*SEEDS, 15), r"declared seeds must be there and different"),
        (Greater("sharpness", "gan", "l1"), (), r"declared seeds must be there"),
    ],
)
def test_missing_scores_are_named_with_the_remedy(predicate, seeds, message):
    with pytest.raises(ScoreError, match=rf"claim pix2pix/a_claim: .*{message}.*dvc repro --pull measure@pix2pix"):
        verdict_of(claim_of(predicate), scores_of(ARMS), seeds)


def test_missing_replication():
    with pytest.raises(ScoreError, match=r"no scores of replication 'pix2pix'; there are \['vq_vae'\]"):
        judge([claim_of(PREDICATES[0])], {"vq_vae": scores_of(ARMS)}, SEEDS, "root")


def test_ratio_of_a_score_that_is_not_positive():
    scores = scores_of({"gan": [1, 1, 0, 1, 1], "l1": [1, 1, 1, 1, 1]})
    with pytest.raises(ScoreError, match=r"variant 'gan', instrument 'sharpness', seed 13: a ratio needs positive"):
        verdict_of(claim_of(Greater("sharpness", "gan", "l1", scale="log_ratio")), scores)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": "not an id"}, "identifier"),
        ({"explanation": ("E9",)}, "E9.*there are E1"),
        ({"explanation": ()}, "there are E1"),
        ({"against": ("E9",)}, "E9.*there are E1"),
        ({"explanation": ("E1", "E2"), "against": ("E2",)}, "E2"),
        ({"smallest_effect": math.nan}, "finite"),
        ({"does_not_hold": {"papr": "typo"}}, "papr"),
        ({"predicate": Similar("sharpness", ("a", "b"))}, "minus the margin"),
        ({"predicate": Increases("sharpness", ("a",))}, "at least two variants"),
        ({"predicate": Increases("sharpness", ("a", "a"))}, "all different"),
        ({"predicate": Above("sharpness", "a", 0, scale="log_ratio")}, "positive level"),
        ({"predicate": Greater("sharpness", "a", "b", scale="ratio")}, "unknown scale 'ratio'"),  # type: ignore[arg-type]
        ({"predicate": Both(PREDICATES[0], 1, PREDICATES[1], 1)}, "smallest effect of Both is 1"),
    ],
)
def test_claims_that_make_no_sense(changes, message):
    with pytest.raises(ValueError, match=rf"claim pix2pix/.*{message}"):
        replace(claim_of(PREDICATES[0]), **changes)


def test_more_senseless_claims():
    with pytest.raises(ValueError, match="must be positive"):
        Both(PREDICATES[0], -1, PREDICATES[1], 1)
    with pytest.raises(TypeError, match="several instruments"):
        with_instrument(Both(PREDICATES[0], 1, PREDICATES[1], 1), "width")
    claim = claim_of(PREDICATES[0])
    with pytest.raises(ValueError, match="same name: pix2pix/a_claim"):
        judge([claim, claim], {"pix2pix": scores_of(ARMS)}, SEEDS, "root")


def test_preflight():
    claims = [claim_of(PREDICATES[0])] * 3
    assert preflight(claims, 5) == []
    (warning,) = preflight(claims, 4)
    assert warning == (
        "4 paired seeds: the smallest possible p is 0.0625 > 0.05, so none of the 3 claims can be decided; "
        "declare at least 5"
    )
    assert "1 paired seed:" in preflight(claims, 1)[0]


def test_warnings_are_of_the_replications_own_seeds_and_the_judge_itself_prints_nothing(capsys):
    """What a caller prints as JSON must not be broken by them."""
    bundled = study.load(".")
    assert not judging.warnings(bundled)
    (warning,) = judging.warnings(replace(bundled, own_seeds={**bundled.own_seeds, "pix2pix": (1, 2, 3)}))
    assert warning.startswith("pix2pix: 3 paired seeds: the smallest possible p is 0.125 ")
    judging.judge(bundled)
    assert capsys.readouterr().out == ""


# --- cost ----------------------------------------------------------------------------------------------------------


def test_judging_is_quick():
    rng = np.random.default_rng(0)
    scores = {"pix2pix": scores_of({name: rng.normal(1, 0.1, 10) for name in ARMS}, seeds=range(10))}
    claims = [replace(claim_of(PREDICATES[i % len(PREDICATES)]), id=f"claim_{i}") for i in range(20)]
    start = time.process_time()
    judge(claims, scores, range(10), "root")
    assert time.process_time() - start < 3  # a second and less, with room for a slow machine


def test_import_pulls_in_nothing_heavy():
    script = "import sys, replications.judging.judge; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy = {"keras", "tensorflow", "torch", "jax", "matplotlib", "pandas"}
    assert not heavy & set(loaded.stdout.split())


def test_a_skew_between_seeds_does_not_decide_a_claim_about_one_arm():
    """Nine in a hundred t-tests at 2.5 % would; the sign test must agree."""
    scores = scores_of({"l1": [0.2, 0.21, 0.19, 0.2, 1.02]})
    verdict = verdict_of(claim_of(Below("sharpness", "l1", 1.0), 0.0), scores)
    assert verdict.verdict == "inconclusive"  # p < 0.025 fails already: the outlier widens the interval
    scores = scores_of({"l1": [0.9, 0.9, 0.9, 0.9, 1.01]})
    verdict = verdict_of(claim_of(Below("sharpness", "l1", 1.0), 0.0), scores)
    assert verdict.p_beyond < 0.025
    assert verdict.verdict == "inconclusive", "one seed of five is above: the typical one is not proved to be below"
    below = verdict_of(claim_of(Below("sharpness", "l1", 1.0), 0.0), scores_of({"l1": [0.9, 0.9, 0.9, 0.9, 0.99]}))
    assert below.verdict == "replicated"


def test_nor_does_it_decide_about_a_wild_arm_and_a_steady_one():
    """A difference of two arms is taken to be no more symmetric than one arm: four of five seeds prove nothing."""
    steady = [1.0, 1.0, 1.0, 1.0, 1.0]
    arms = {"l1": steady, "gan": [1.1, 1.1, 1.1, 1.1, 0.99]}  # the fifth collapsed
    verdict = verdict_of(claim_of(Greater("sharpness", "gan", "l1")), scores_of(arms))
    assert verdict.p_beyond < 0.025
    assert (verdict.verdict, verdict.p_claim) == ("inconclusive", 1)
    small = verdict_of(
        claim_of(Greater("sharpness", "gan", "l1"), 0.11), scores_of({**arms, "gan": [*steady[:4], 1.12]})
    )
    assert small.p_negligible < 0.025
    assert (small.verdict, small.p_claim) == ("inconclusive", 1)


def test_deviations_in_short():
    data, steps = Deviation("data", "other data", "less"), Deviation("steps", "fewer", "blurrier")
    listed = [asdict(one) for one in (steps.hinders, data, data, steps.helps, replace(data, favours="neither"))]
    assert deviations_in_short(listed) == "steps ▼, data ◆, steps ▲, data ·"

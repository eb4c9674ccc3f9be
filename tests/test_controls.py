"""Negative controls: the committed scores, robbed of what a claim speaks of, must not replicate it.

Each claim is judged thousands of times from scores that were spoilt in the way that its null hypothesis describes. No
multiplicity is taken into account, so that the control is harder than the judge's own use. What is spoilt depends on
what is claimed:

- *Comparisons* of variants: the variants' names are shuffled within each seed. A claim that is replicated then owes
  nothing to what distinguishes its variants. One shuffle is applied to all instruments alike, so conjunctions keep
  their correlations; where an instrument does not read every variant (an autoencoder has no rate), those that it reads
  are shuffled among themselves, in the same order.
- *One arm against a constant* (Above, Below): shuffling would only show another variant, which may lie on the same side
  (nearly all outputs are blurrier than photographs). Their null is "as often above as below", so each seed's score is
  mirrored about the constant where a coin says so.
- *No difference* (Similar, and every claim with a margin, whose smallest effect is negative): shuffling makes such
  claims truer, not falser. Instead each arm in turn is moved far away, down and up: no such claim may be replicated
  both ways, and one of likeness neither way.

What this cannot show: that an instrument measures what it is named for, or that variants differ in nothing else.
"""

from dataclasses import dataclass
from functools import cache
from itertools import permutations

import numpy as np
import pytest

from replications import study
from replications.judging import verdicts as judging
from replications.judging.claims import Claim
from replications.judging.predicates import Above, Below, Greater, Increases, Predicate, Similar, needs
from replications.judging.scores import Scores, read_scores
from replications.statistics import Array, decide, page_trend_p, weigh
from tests.test_claims import ROOMS, ROOT, STUDIES, claims_of, there, title

N = 500
LIMIT = 0.05

Arms = dict[tuple[str, str], Array]
"""(variant, instrument) → scores [N, S] of N spoilt copies of S seeds."""


@dataclass(frozen=True)
class Room:
    """The committed scores of one replication in one study, and what is claimed about them."""

    scores: Scores
    seeds: tuple[int, ...]
    variants: tuple[str, ...]
    claims: tuple[Claim, ...]

    @property
    def arms(self) -> Arms:
        """The scores as they are, one copy, where every seed has one: nothing is over the MMSE where that is nought."""
        whole = {key: arm for key, arm in self.scores.values.items() if arm.keys() >= set(self.seeds)}
        return {key: np.array([[arm[seed] for seed in self.seeds]]) for key, arm in whole.items()}


CASES = [pytest.param(name, room, id=f"{title(name)}-{room}") for name in STUDIES for room in ROOMS[name]]
every_room = pytest.mark.parametrize(("name", "room"), CASES)
every_room_of_root = pytest.mark.parametrize(
    ("name", "room"),
    [pytest.param(*case.values, id=case.id, marks=[] if case.values[0] == "." else pytest.mark.slow) for case in CASES],
)
"""Takes a second or two for each room: those of root in every run of the tests, the others are slow."""


@cache
def committed(name: str, room: str) -> Room:
    with there(ROOT):
        declared = study.load(name)
        scores = read_scores(declared, room)
    of_room = tuple(claim for claim in claims_of(name) if claim.replication == room)
    assert of_room, f"nothing is claimed about {room} in study {title(name)}"
    return Room(scores, declared.seeds_of(room), tuple(declared.variants[room]), of_room)


# --- judging many copies at once -----------------------------------------------------------------------------------


def effects(claim: Claim, arms: Arms) -> Array:
    """The parts [N, P, S] of a claim from N copies of the scores: to its predicate, N · S seeds."""
    n, s = next(iter(arms.values())).shape
    needed = {key: arms[key].ravel() for key in needs(claim.predicate)}
    seeds = range(n * s)
    copies = Scores({key: dict(zip(seeds, arm.tolist(), strict=True)) for key, arm in needed.items()})
    parts = np.array(list(claim.predicate.effects(copies, seeds).values()))
    return parts.reshape(len(parts), n, s).transpose(1, 0, 2)


def outcomes(claim: Claim, arms: Arms) -> Array:
    """What `decide` says of each of N copies [N], as if the claim were the only one."""
    verdicts = decide(weigh(effects(claim, arms), claim.smallest_effect))
    if isinstance(claim.predicate, Increases) and claim.smallest_effect >= 0:
        predicate = claim.predicate
        x = np.stack([arms[name, predicate.instrument] for name in predicate.variants], axis=-1)  # N, S, V
        for i in np.flatnonzero(np.abs(verdicts) == 1):  # the test for order must agree
            order = tuple(page_trend_p(sign * predicate.sign * x[i]) for sign in (1, -1))
            one = {key: arm[i : i + 1] for key, arm in arms.items()}
            verdicts[i] = decide(weigh(effects(claim, one), claim.smallest_effect, p_order=order))[0]
    return verdicts


# --- spoiling ------------------------------------------------------------------------------------------------------


def kind_of(claim: Claim) -> str:
    if claim.smallest_effect < 0:
        return "no difference"
    return "one arm" if isinstance(claim.predicate, Above) else "comparison"


def shuffled(room: Room, rng: np.random.Generator) -> Arms:
    """N copies with variants, and controls that claims compare, shuffled within each seed, all instruments alike."""
    compared = {key for claim in room.claims for key in needs(claim.predicate) if key[0] not in room.variants}
    names = [*room.variants, *sorted({control for control, _ in compared})]
    places = rng.random((len(names), N, len(room.seeds)))
    spoilt: Arms = {}
    for instrument in {instrument for _, instrument in room.arms}:
        among = {*room.variants, *(control for control, other in compared if other == instrument)}
        read = [i for i, name in enumerate(names) if name in among and (name, instrument) in room.arms]
        arms = np.stack([np.repeat(room.arms[names[i], instrument], N, axis=0) for i in read])  # V, N, S
        arms = np.take_along_axis(arms, places[read].argsort(axis=0), axis=0)
        spoilt |= {(names[i], instrument): arm for i, arm in zip(read, arms, strict=True)}
    return spoilt


def mirrored(room: Room, claim: Claim, rng: np.random.Generator) -> Arms:
    """N copies of the only arm, mirrored about its constant, or not, seed by seed."""
    predicate = claim.predicate
    assert isinstance(predicate, Above)
    key = (predicate.variant, predicate.instrument)
    coin = rng.choice((-1.0, 1.0), size=(N, len(room.seeds)))
    if predicate.scale == "log_ratio":
        return {key: predicate.level * (room.arms[key] / predicate.level) ** coin}
    return {key: predicate.level + coin * (room.arms[key] - predicate.level)}


def moved(claim: Claim, arms: Arms) -> dict[str, tuple[int, int]]:
    """Variant and instrument → the verdicts with this arm moved far down and far up; left out where it has no say.

    Far is ten times the widest effect of any seed and the margin together, on the claim's own scale.
    """
    before = effects(claim, arms)
    far = 10 * (np.abs(before).max() - claim.smallest_effect)
    verdicts = {}
    for key, arm in arms.items():
        both = [
            {**arms, key: arm * np.exp(by) if claim.predicate.scale == "log_ratio" else arm + by} for by in (-far, far)
        ]
        if not np.allclose(effects(claim, both[0]), before):  # the middle one of a trend weighs nothing
            down, up = (int(outcomes(claim, one)[0]) for one in both)
            verdicts["/".join(key)] = down, up
    return verdicts


# --- the controls --------------------------------------------------------------------------------------------------


def of_kind(room: Room, kind: str) -> list[Claim]:
    return [claim for claim in room.claims if kind_of(claim) == kind]


def check_shares(shares: dict[str, float]) -> None:
    """Five in a hundred at most of all verdicts of a room, and of no claim twice as many."""
    assert not shares or np.mean(list(shares.values())) <= LIMIT, shares
    assert all(share <= 2 * LIMIT for share in shares.values()), shares


@every_room_of_root
def test_shuffled_variants_replicate_nothing(name, room):
    there_ = committed(name, room)
    spoilt = shuffled(there_, np.random.default_rng(0))
    check_shares({claim.id: (outcomes(claim, spoilt) == 1).mean() for claim in of_kind(there_, "comparison")})


@every_room
def test_scores_mirrored_by_a_coin_replicate_nothing(name, room):
    there_, rng = committed(name, room), np.random.default_rng(0)
    check_shares(
        {claim.id: (outcomes(claim, mirrored(there_, claim, rng)) == 1).mean() for claim in of_kind(there_, "one arm")}
    )


@every_room
def test_no_difference_is_not_found_where_there_is_one(name, room):
    there_ = committed(name, room)
    for claim in of_kind(there_, "no difference"):
        verdicts = moved(claim, {key: there_.arms[key] for key in needs(claim.predicate)})
        assert verdicts, f"{claim.id}: no arm has a say in it"
        for arm, both in verdicts.items():
            wrong = 1 in both if isinstance(claim.predicate, Similar) else both == (1, 1)
            assert not wrong, f"{claim.id} is replicated with {arm} far away"


# --- the controls can fail -----------------------------------------------------------------------------------------


@every_room
def test_unspoilt_scores_get_the_verdicts_of_the_judge(name, room):
    """What is judged here many times at once is judged by the suite's own rule."""
    there_ = committed(name, room)
    verdicts = judging.judge(there_.claims, {room: there_.scores}, there_.seeds, title(name))
    unadjusted = {verdict.id: verdict.instruments[0]["verdict"] for verdict in verdicts}
    for claim in there_.claims:
        assert judging.OUTCOMES[int(outcomes(claim, there_.arms)[0])] == unadjusted[claim.id], claim.id


@every_room
def test_without_spoiling_the_controls_fail(name, room):
    there_ = committed(name, room)
    judged = {claim.id: float(outcomes(claim, there_.arms)[0] == 1) for claim in of_kind(there_, "comparison")}
    with pytest.raises(AssertionError):
        check_shares(judged)


def made_up(**arms: float) -> Room:
    """Scores by one instrument of variants that are about so large."""
    seeds = (1, 2, 3, 4, 5)
    noise = ((0, 1, -1, 2, -2), (1, 0, 2, -2, -1), (-1, -2, 0, 1, 2))
    scores = {
        (name, "x"): {seed: mean + 0.01 * n for seed, n in zip(seeds, of_arm, strict=True)}
        for (name, mean), of_arm in zip(arms.items(), noise, strict=False)
    }
    return Room(Scores(scores), seeds, tuple(arms), ())


def claim_of(predicate: Predicate, smallest_effect: float) -> Claim:
    return Claim("it", "pix2pix", "It is.", "nobody", ("E2",), predicate, smallest_effect, "of it")


def test_a_shuffle_keeps_each_seeds_scores_and_moves_instruments_together():
    there_ = made_up(a=1.0, b=2.0, c=4.0)
    x = dict(there_.scores.values)
    y = {(name, "y"): {seed: -v for seed, v in x[name, "x"].items()} for name in "ab"}  # c has none
    z = {(name, "z"): {seed: 10 * v for seed, v in x[name, "x"].items()} for name in "abc"}
    there_ = Room(Scores({**x, **y, **z}), there_.seeds, there_.variants, ())
    spoilt = shuffled(there_, np.random.default_rng(1))
    before, after = (
        {name: np.array([arms[key] for key in sorted(arms) if key[1] == name]) for name in "xyz"}
        for arms in (there_.arms, spoilt)
    )
    for name, arms in after.items():
        kept = np.repeat(np.sort(before[name], axis=0), N, axis=1)
        np.testing.assert_array_equal(np.sort(arms, axis=0), kept)
    np.testing.assert_allclose(after["z"], 10 * after["x"])
    orders = after["x"].argsort(axis=0)  # which place a, b and c have, V, N, S
    assert {tuple(order) for order in orders.reshape(3, -1).T} == {*permutations(range(3))}
    np.testing.assert_array_equal(orders[0] < orders[1], -after["y"][0] < -after["y"][1])
    alike = (orders[:, :, 0] == orders[:, :, 1]).all(axis=0).mean()
    assert abs(alike - 1 / 6) < 0.04, "each seed has an order of its own"


@pytest.mark.parametrize("scale", ["difference", "log_ratio"])
def test_coins_show_both_sides_about_equally_often(scale):
    there_, claim = made_up(a=1.0), claim_of(Below("x", "a", 3.0, scale), 0.5)
    assert outcomes(claim, there_.arms)[0] == 1
    spoilt = mirrored(there_, claim, np.random.default_rng(2))
    assert 0.45 < (spoilt["a", "x"] < 3).mean() < 0.55
    check_shares({claim.id: (outcomes(claim, spoilt) == 1).mean()})


@pytest.mark.parametrize(
    ("predicate", "says"),
    [
        (Similar("x", ("a", "b")), {"a/x": (-1, -1), "b/x": (-1, -1)}),
        (Greater("x", "a", "b"), {"a/x": (-1, 1), "b/x": (1, -1)}),
        (Increases("x", ("a", "c", "b")), {"a/x": (1, -1), "b/x": (-1, 1)}),
        (Above("x", "a", 1.0, "log_ratio"), {"a/x": (-1, 1)}),
    ],
)
def test_an_arm_far_away_decides_a_claim_of_no_difference(predicate, says):
    there_ = made_up(a=1.0, b=1.001, c=1.002)
    claim = claim_of(predicate, -0.2)
    arms = {key: there_.arms[key] for key in needs(predicate)}
    assert outcomes(claim, arms)[0] == 1, "similar before"
    assert moved(claim, arms) == says

"""Is the committed calibration what the code gives, does it keep its promise, and is it of the rule that judges?"""

import csv
import io
import math
import re
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import matplotlib.image
import numpy as np
import pytest
import scipy.stats

from replications.judging import claims
from replications.judging.claims import Claim, judge
from replications.judging.scores import Scores
from replications.results import as_csv
from replications.statistics import LEVEL, benjamini_hochberg, decide, mean_interval, page_trend_p, weigh
from replications.trust import calibration
from replications.trust.calibration import (
    BOUND,
    COLUMNS,
    DESIGNS,
    DISTRIBUTIONS,
    PROMISED,
    SEEDS,
    CalibrationError,
    covered,
    draw,
    families,
    flip_rows,
    flips,
    is_promised,
    located,
    main,
    median_of_noise,
    order_p,
    parts_of,
    plot,
    powers,
    rates,
    standard_error,
    verdicts,
    wrong,
)

FOLDER = Path(__file__).parent.parent.parent / "validation"
REMEDY = "run `python -m replications calibration` and commit validation/"


def committed(file):
    with (FOLDER / file).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


JUDGED = committed("judge.csv")
FAMILIES = committed("families.csv")
POWERS = committed("power.csv")
FLIPS = committed("flip_chance.csv")
DRAWS = max(int(row["draws"]) for row in JUDGED)


def rows_of(design, distribution, n):
    wanted = (design, distribution, str(n))
    return [row for row in JUDGED if (row["design"], row["distribution"], row["n_seeds"]) == wanted]


def row_of(design, distribution, n, smallest, true, centre="both"):
    (found,) = (
        row
        for row in rows_of(design, distribution, n)
        if (float(row["smallest_effect"]), float(row["true_effect"]), row["centre"]) == (smallest, true, centre)
    )
    return found


def written(columns, rows):
    """The rows as the committed file has them."""
    return list(csv.DictReader(io.StringIO(as_csv(columns, rows))))


def near(rate, other, draws, of=4.0):
    """Whether a rate agrees with another one within Monte Carlo error, that of both."""
    return abs(rate - other) <= of * math.hypot(standard_error(rate, draws), standard_error(other, draws))


# --- it is the rule that judges ------------------------------------------------------------------------------------


def claim_of(predicate, smallest):
    words: dict[str, Any] = {"statement": "", "source": "", "explanation": ("E2",), "unit": ""}
    return Claim("a_claim", "pix2pix", predicate=predicate, smallest_effect=smallest, **words)


@pytest.mark.parametrize("n", [5, 8])
@pytest.mark.parametrize("name", DESIGNS)
def test_simulated_scores_are_judged_as_claims_are(name, n, monkeypatch):
    """Every draw, handed to `claims.judge` as the scores of a study, gets the verdict that the simulation gave it."""
    monkeypatch.setattr(claims, "flip_chance", lambda *_, **__: 0.0)  # takes no part in the verdict
    design, seen = DESIGNS[name], set()
    smallest = -3.0 if name == "similar" else 0.5
    for effect in (-6.0, -3.0, 0.0, 1.0, 3.0):
        for distribution in DISTRIBUTIONS:
            noise = draw(design, distribution, np.random.default_rng(n), 2, n)
            locations = located(design, effect * design.spread)
            simulated = dict(zip(design.lift, noise + locations[:, None, None], strict=True))
            found, effects, _ = verdicts(design.predicate, simulated, smallest * design.spread)
            for i, verdict in enumerate(found):
                scores = Scores({(v, "score"): dict(enumerate(x[i].tolist())) for v, x in simulated.items()})
                claim = claim_of(design.predicate, smallest * design.spread)
                judged = judge([claim], {"pix2pix": scores}, range(n), "root")[0]
                assert judged.verdict == claims.OUTCOMES[int(verdict)]
                assert list(judged.effects_by_seed.values()) == pytest.approx(effects[i].tolist())
                seen.add(judged.verdict)
    assert {"replicated", "inconclusive"} <= seen
    assert "contradicted" in seen or name == "similar"


def test_leaving_out_exact_tests_where_the_t_tests_fail_changes_nothing():
    for name in ("above", "peaks"):
        design = DESIGNS[name]
        noise = draw(design, "skewed", np.random.default_rng(0), 500, 6) + located(design, 0.7)[:, None, None]
        scores = dict(zip(design.lift, noise, strict=True))
        whole = decide(weigh(parts_of(design.predicate, scores), 0.2, symmetric=design.predicate.symmetric))
        assert (verdicts(design.predicate, scores, 0.2)[0] == whole).all()
        assert set(whole) >= {0, 1}


def test_the_order_of_conditions_is_tested_as_claims_do():
    scores = np.random.default_rng(0).standard_normal((60, 5, 4)) + 0.3 * np.arange(4)
    growing, falling = order_p(scores)
    assert growing.tolist() == [page_trend_p(one) for one in scores]
    assert falling.tolist() == [page_trend_p(-one) for one in scores]


def test_a_trend_without_order_is_no_trend():
    """The last condition leaps and the others fall: the line rises, but not the ranks."""
    leap = np.arange(5) / 10 + np.array([[2.0], [1.0], [0.0], [9.0]])
    found, effects, _ = verdicts(DESIGNS["increases"].predicate, dict(zip("abcd", leap[:, None], strict=True)), 0.5)
    assert decide(weigh(effects[:, None], 0.5)) == 1
    assert found == 0


def test_coverage_is_that_of_the_interval_that_is_shown():
    effects = np.random.default_rng(0).lognormal(size=(200, 5))
    truth = np.full(200, math.sqrt(math.e))
    inside = [low <= math.sqrt(math.e) <= high for low, high in map(mean_interval, effects)]
    assert covered(effects, truth) == np.mean(inside)
    assert 0.7 < np.mean(inside) < 0.9


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_scores_have_the_mean_and_the_spread_that_effects_are_counted_in(name):
    drawn = DISTRIBUTIONS[name](np.random.default_rng(0), (10**6,))
    assert drawn.mean() == pytest.approx(0, abs=0.006)
    assert drawn.std() == pytest.approx(1, abs=0.1 if name == "heavy-tailed" else 0.02)


@pytest.mark.parametrize("name", DESIGNS)
def test_an_effect_is_as_large_as_it_is_said_to_be(name):
    design = DESIGNS[name]
    noise = draw(design, "two-peaked", np.random.default_rng(1), 40_000, 1)
    skew = median_of_noise(name, "two-peaked")
    for effect in (-2.0, 0.0):
        scores = dict(zip(design.lift, noise + located(design, effect)[:, None, None], strict=True))
        part = parts_of(design.predicate, scores)[:, 0, 0]
        assert part.mean() == pytest.approx(effect, abs=0.05)
        assert part.std() == pytest.approx(design.spread, rel=0.02)
        assert np.median(part) == pytest.approx(effect + skew, abs=0.06)
    assert (skew != 0) == (name in ("above", "below", "contrast", "unlike"))


# --- the committed tables are what the code gives ------------------------------------------------------------------

CELLS = [(name, list(DISTRIBUTIONS)[i % 4], (5, 8, 10, 5, 3)[i % 5]) for i, name in enumerate(DESIGNS)]


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_a_cell_of_the_committed_rates_comes_out_again(cell):
    assert written(COLUMNS, rates(*cell, DRAWS)) == rows_of(*cell), REMEDY


def test_other_committed_rows_come_out_again():
    power_of_6 = [row for row in POWERS if row["n_seeds"] == "6"]
    assert written(calibration.POWER_COLUMNS, powers(6)) == power_of_6, REMEDY
    (family,) = (row for row in FAMILIES if (row["arms"], row["n_seeds"], row["true_share"]) == ("shared", "5", "0.4"))
    assert written(calibration.FAMILY_COLUMNS, [families("shared", 5, 0.4, DRAWS)]) == [family], REMEDY


def test_the_committed_table_is_complete():
    wanted = {
        (name, distribution, str(n), str(float(smallest)), str(float(true)))
        for name, design in DESIGNS.items()
        for distribution in DISTRIBUTIONS
        for n in SEEDS
        for smallest, true in design.cases
    }
    assert {tuple(row[column] for column in (*COLUMNS[:3], *COLUMNS[4:6])) for row in JUDGED} == wanted
    for row in JUDGED:
        assert sum(float(row[verdict]) for verdict in COLUMNS[7:10]) == pytest.approx(1, abs=2e-4)


def test_the_command_writes_the_committed_files_from_its_rows(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(calibration, "rates", lambda *cell: rows_of(*cell[:3]))
    of_families = iter(FAMILIES)
    monkeypatch.setattr(calibration, "families", lambda *_: next(of_families))
    monkeypatch.setattr(calibration, "powers", lambda n: [row for row in POWERS if row["n_seeds"] == str(n)])
    monkeypatch.setattr(calibration, "flips", lambda *_: [])
    monkeypatch.setattr(calibration, "flip_rows", lambda name, _: [row for row in FLIPS if row["distribution"] == name])
    text = (FOLDER / "judge.md").read_text(encoding="utf-8")
    monkeypatch.setattr(calibration, "environment", lambda: re.search(r"^(Python .*)\.$", text, re.MULTILINE)[1])
    assert main(["--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.count("\n") == len(DESIGNS) + 4
    for file in ("judge.csv", "families.csv", "power.csv", "flip_chance.csv", "judge.md"):
        assert (tmp_path / file).read_bytes() == (FOLDER / file).read_bytes(), f"{file}: {REMEDY}"
    drawn, there = (matplotlib.image.imread(folder / "judge.png") for folder in (tmp_path, FOLDER))
    assert drawn.shape == there.shape
    assert np.abs(drawn - there).mean() < 0.01, f"judge.png: {REMEDY}"
    assert (tmp_path / "judge.png").read_bytes() == plot(JUDGED, POWERS, FLIPS), "the same rows, the same bytes"


def test_too_few_draws_are_refused(tmp_path):
    with pytest.raises(CalibrationError, match=r"--draws 10: expected at least 1000.*leave the option out"):
        main(["--out", str(tmp_path / "none"), "--draws", "10"])
    assert not (tmp_path / "none").exists()


# --- what the tables say -------------------------------------------------------------------------------------------


def test_no_effect_is_rarely_a_verdict():
    promised = [row for row in JUDGED if is_promised(row) and row["truth"] == "none"]
    assert {(row["design"], row["distribution"], int(row["n_seeds"])) for row in promised} == {
        (name, distribution, n)
        for name, design in DESIGNS.items()
        if design.promised
        for distribution in DISTRIBUTIONS
        for n in PROMISED
    }
    for row in promised:
        assert int(row["draws"]) >= 10_000
        assert wrong(row) <= BOUND, row
    for row in JUDGED:
        if is_promised(row) and row["truth"] == "smallest":
            assert float(row["replicated"]) <= BOUND, row


def test_what_is_not_promised_is_told():
    """The cells in which the rule errs more often are in the table, and judge.md names the worst of them."""
    errs = [row for row in JUDGED if row["truth"] == "none" and wrong(row) > BOUND]
    assert {row["design"] for row in errs} == {"above", "below", "unlike"}
    text = (FOLDER / "judge.md").read_text(encoding="utf-8")
    for design, centre in (("unlike", "median"), ("unlike", "mean")):
        worst = max(wrong(row) for row in errs if (row["design"], row["centre"]) == (design, centre))
        assert f"{100 * worst:.1f} ±" in text.split("## What is not promised")[1].split("\n## ")[0]


def test_fewer_than_five_seeds_decide_nothing():
    assert {row["inconclusive"] for row in JUDGED if row["n_seeds"] == "3"} == {"1.0000"}


def test_the_sign_test_is_what_keeps_one_arm_from_erring():
    """Without it the skew of one arm's scores decides: the guard matters, and the bound above can fail."""
    skewed = np.random.default_rng(0).lognormal(size=(4000, 1, 20)) - 1  # median zero
    peaked = DISTRIBUTIONS["two-peaked"](np.random.default_rng(0), (4000, 1, 10)) - median_of_noise(
        "above", "two-peaked"
    )
    without = decide(weigh(skewed, 0.0, 2**10)), decide(weigh(peaked, 0.0, 2**10))
    guarded = (decide(weigh(effects, 0.0, 2**10, symmetric=False)) for effects in (skewed, peaked))
    assert (without[0] == 1).mean() > 2 * BOUND
    assert (without[1] == -1).mean() > BOUND
    for found in guarded:
        assert max((found == 1).mean(), (found == -1).mean()) <= BOUND


def independent(effects, bound, sign_tests):
    """Replicated or not, with scipy and a plain loop over the draws; effects [D, S]."""
    t: Any = scipy.stats.ttest_1samp(effects, bound, axis=1, alternative="greater")
    n = effects.shape[1]
    signs = np.array(np.meshgrid(*[[1, -1]] * n)).reshape(n, -1)
    found = []
    for row, p in zip(effects, t.pvalue, strict=True):
        exact = (row @ signs >= row.sum() - 1e-9).mean()
        signed = scipy.stats.binomtest(int((row > bound).sum()), n, alternative="greater").pvalue
        found.append(p <= 0.025 and exact <= 0.05 and (not sign_tests or signed <= 0.05))
    return np.mean(found)


def test_rates_agree_with_an_independent_simulation():
    rng, draws = np.random.default_rng(99), 800
    pairs = rng.standard_normal((2, draws, 5))
    found = independent(pairs[0] + math.sqrt(2) - pairs[1], 0.0, False)
    assert near(found, float(row_of("greater", "normal", 5, 0.0, 1.0)["replicated"]), 1000)
    spread = math.sqrt(math.e * (math.e - 1))
    one = (rng.lognormal(size=(draws, 8)) - 1) / spread + 1.5
    found = independent(one, 0.5, True)
    assert near(found, float(row_of("above", "skewed", 8, 0.5, 1.5, "median")["replicated"]), 1000)
    winner, *losers = rng.standard_t(3, (3, draws, 5))
    effects = (2 * winner - losers[0] - losers[1]) / math.sqrt(18) + 2
    found = independent(effects, 0.0, True)
    assert near(found, float(row_of("contrast", "heavy-tailed", 5, 0.0, 2.0)["replicated"]), 1000)


def test_verdicts_grow_with_the_effect():
    cells = {}
    for row in sorted(JUDGED, key=lambda row: float(row["true_effect"])):
        cell = tuple(row[column] for column in COLUMNS[:5])
        cells.setdefault(cell, []).append(float(row["replicated"]))
    for cell, found in cells.items():
        assert all(larger >= smaller - 0.03 for smaller, larger in pairwise(found)), (cell, found)


# --- power, families, flip chance ----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [5, 8, 10])
def test_the_check_before_training_speaks_of_the_committed_table(n, capsys):
    from replications.training.train import print_power

    print_power(SimpleNamespace(name="root", seeds=tuple(range(n))), "pix2pix")  # type: ignore[arg-type]
    told = re.search(rf"{n} paired seeds decide, with 80 % chance, .* lies ([\d.]+)\s", capsys.readouterr().out)
    of_n = [row for row in POWERS if row["n_seeds"] == str(n)]
    (needed,) = {row["detectable"] for row in of_n}
    assert told[1] == f"{float(needed):.1f}"
    x, y = ([float(row[column]) for row in of_n] for column in ("effect", "power"))
    assert np.interp(float(needed), x, y) == pytest.approx(0.8, abs=0.03)


def test_too_few_seeds_are_told_to_be_too_few(capsys):
    from replications.training.train import print_power

    print_power(SimpleNamespace(name="root", seeds=(1, 2, 3)), "pix2pix")  # type: ignore[arg-type]
    assert "none of the" in capsys.readouterr().out
    assert {(row["power"], row["detectable"]) for row in POWERS if row["n_seeds"] == "3"} == {("0.0000", "inf")}


def test_power_is_the_rate_at_which_effects_were_found():
    """The table of the check before training against the scores that were simulated and judged."""
    for n in (5, 8, 10, 20):
        for effect in (0.5, 1.0, 2.0):
            (told,) = (
                float(row["power"]) for row in POWERS if row["n_seeds"] == str(n) and float(row["effect"]) == effect
            )
            assert near(told, float(row_of("greater", "normal", n, 0.0, effect)["replicated"]), DRAWS // 10)


def test_false_discoveries_in_a_study_are_rare():
    for row in FAMILIES:
        allowed = LEVEL + 3 * float(row["standard_error"])
        assert float(row["false_discovery_rate"]) <= allowed, row
    assert any(float(row["false_discovery_rate"]) > 0 for row in FAMILIES)


def test_a_family_is_judged_as_a_study_is(monkeypatch):
    """One family through `claims.judge`: the same claims are replicated as by levels and `decide`."""
    monkeypatch.setattr(claims, "flip_chance", lambda *_, **__: 0.0)
    rng, n, design = np.random.default_rng(3), 6, DESIGNS["greater"]
    effects = np.repeat([0.0, 2.0], 20)
    noise = draw(design, "heavy-tailed", rng, 40, n) + located(design, effects * design.spread)[..., None]
    scores = dict(zip(design.lift, noise, strict=True))
    p = weigh(parts_of(design.predicate, scores), 0.0, 1).p_beyond
    found = verdicts(design.predicate, scores, 0.0, calibration.benjamini_hochberg_levels(p))[0] == 1
    values, study = {}, []
    for i in range(40):
        values |= {(f"{name}{i}", "score"): dict(enumerate(noise[v, i].tolist())) for v, name in enumerate("ab")}
        claim = claim_of(claims.Greater("score", f"a{i}", f"b{i}"), 0.0)
        study.append(claims.replace(claim, id=f"claim_{i}"))
    judged = [v.verdict == "replicated" for v in judge(study, {"pix2pix": Scores(values)}, range(n), "root")]
    assert judged == found.tolist()
    assert 5 < sum(judged) < (benjamini_hochberg(p) <= 0.5).sum()


def test_flip_chances_come_true():
    told = [row for row in FLIPS if row["distribution"] == "all"]
    assert sum(int(row["sets"]) for row in told) >= 1000
    *usual, likely = [(float(row["predicted"]), float(row["observed"])) for row in told]
    assert [float(row["low"]) for row in told] == list(calibration.BINS[:-1])
    for predicted, observed in usual:
        assert observed == pytest.approx(predicted, abs=0.06)
    assert [observed for _, observed in usual] == sorted(observed for _, observed in usual)
    assert likely[1] > 0.3, "flips that are told to be more likely than not are likely, if less than told"


def test_flip_chances_are_compared_with_fresh_seeds(monkeypatch):
    """What is told must not leak into what happened: a judge that always tells 0.3 is seen to be wrong."""
    monkeypatch.setattr(calibration, "flip_chance", lambda *_, **__: 0.3)
    pairs = flips("normal", 2000)
    (row,) = flip_rows("normal", pairs)
    happened = np.array([share for _, share in pairs])
    assert {told for told, _ in pairs} == {0.3}
    assert happened.min() < 0.05
    assert happened.max() > 0.5
    assert (row["low"], row["sets"]) == (0.3, len(pairs))

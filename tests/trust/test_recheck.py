"""A claim on fresh seeds beside its committed verdict: a lost trend is told, and nothing else is touched."""

import json
import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from ruamel.yaml import YAML
from scipy import stats

from replications import environment, study
from replications.errors import ReplicationError
from replications.judging import judge
from replications.judging.claims import Claim
from replications.judging.predicates import Greater
from replications.judging.scores import Scores, read_scores
from replications.results import read_runs
from replications.trust import chain, recheck, regress
from replications.trust.recheck import RecheckError
from tests import tiny

CLAIM = "sharpness_grows_with_spatial_latent_size"
ROOM = "spatial_z_vae"
FRESH = (201, 202, 203, 204, 205)


WHAT_TO_TRAIN = (
    [CLAIM],
    ["--set", "canary"],
    ["--seeds", ""],
    ["--fresh", "0"],
    ["--again"],
    ["--workers", "2"],
    ["--clean"],
)


@pytest.fixture
def bundled(tmp_path, monkeypatch) -> study.Study:
    """The bundled study as it is committed, seen from a folder in which nothing but its files lies."""
    for name in ("params.yaml", "recheck.yaml", "register.jsonl", "results", "real", "paper", "replications", "arrays"):
        if (tiny.ROOT / name).exists():
            (tmp_path / name).symlink_to(tiny.ROOT / name)
    (tmp_path / "arrays").mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return study.load(".")


@pytest.fixture
def trained(bundled, monkeypatch) -> Callable[[Callable[[str, float], float]], None]:
    """(Variant, committed score) → fresh score: the committed scores, so changed, stand for a training."""
    committed = read_scores(bundled, ROOM)

    def train_as(changed: Callable[[str, float], float]) -> None:
        values = {
            (variant, instrument): {
                seed: changed(variant, score) for seed, score in zip(FRESH, arm.values(), strict=False)
            }
            for (variant, instrument), arm in committed.values.items()
        }
        monkeypatch.setattr(recheck, "check_arrays", lambda *_: None)
        monkeypatch.setattr(recheck, "train", lambda *_: None)
        monkeypatch.setattr(recheck, "scores_of", lambda *_: Scores(values))

    return train_as


def run(*words: str) -> int:
    return recheck.main([CLAIM, *words])


def test_scores_like_the_committed_ones_are_the_same_trend(trained, bundled, capsys):
    trained(lambda variant, score: score)
    assert run() == 0
    said = capsys.readouterr().out
    assert f"{ROOM}/{CLAIM} (root)" in said
    assert f"seeds {', '.join(map(str, bundled.seeds_of(ROOM)))}" in said
    assert "seeds 201, 202, 203, 204, 205" in said
    assert "within" in said
    assert said.rstrip().endswith("the same trend")


def test_fresh_scores_are_judged_among_all_claims_of_the_study(trained, bundled):
    trained(lambda variant, score: score)
    committed = chain.judged(bundled)[CLAIM]
    (one,) = recheck.recheck(bundled, [recheck.named(bundled, CLAIM)], FRESH)
    assert one.fresh.p_adjusted == committed.p_adjusted


def test_a_trend_that_is_lost_is_told_and_ends_with_1(trained, capsys):
    """As if a fault of the recipe made all latents equally sharp."""
    trained(lambda variant, score: 0.5)
    assert run() == 1
    assert "ANOTHER TREND" in capsys.readouterr().out


def test_the_prediction_interval_is_that_of_the_textbook(bundled):
    committed = chain.judged(bundled)[CLAIM]
    fresh = replace(committed, effects_by_seed=dict.fromkeys(FRESH[:3], 0.0), effect=0.0)
    effects = np.array(list(committed.effects_by_seed.values()))
    half = stats.t.ppf(0.975, 4) * effects.std(ddof=1) * np.sqrt(1 / 5 + 1 / 3)
    expected = pytest.approx((effects.mean() - half, effects.mean() + half))
    assert recheck.Rechecked(committed, fresh).predicted == expected
    pooled = recheck.Rechecked(committed, fresh).pooled
    assert pooled is not None
    assert pooled[0] == pytest.approx(effects.sum() / 8)
    other = recheck.Rechecked(committed, replace(fresh, part="another"))
    assert (other.predicted, other.within, other.pooled, other.pooled_outcome) == (None, None, None, None)


@pytest.mark.parametrize(
    ("by_seed", "smallest", "outcome"),
    [
        ([0.5, 0.6, 0.4, 0.55, 0.45], 0.3, "replicated"),
        ([0.5, 0.6, 0.4, 0.55, -0.6], 0.3, "inconclusive"),
        ([0.1, 0.0, -0.1, 0.05, 0.02], 0.3, "negligible"),
        ([-0.5, -0.6, -0.4, -0.55, -0.45], 0.3, "contradicted"),
        ([-0.01, 0.0, 0.01, 0.02, 0.0], -0.1, "replicated"),
    ],
)
def test_all_seeds_together_come_to_what_one_claim_by_itself_would(bundled, by_seed, smallest, outcome):
    committed = chain.judged(bundled)[CLAIM]
    early, late = (
        replace(committed, effects_by_seed=dict(zip(seeds, by_seed, strict=True)), smallest_effect=smallest)
        for seeds in (range(1, 6), range(11, 16))
    )
    one = recheck.Rechecked(early, late)
    assert one.pooled_outcome == outcome
    assert one.as_json()["pooled_outcome"] == outcome
    assert f"| {outcome}: " in recheck.as_markdown([one])
    assert f"pooled     {outcome}" in recheck.in_words(one)


def test_the_prediction_interval_holds_as_often_as_it_says(bundled):
    """By simulation: 95 of 100 repetitions by seeds of the same kind fall into it."""
    rng, hits, n = np.random.default_rng(0), 0, 2000
    committed = chain.judged(bundled)[CLAIM]
    for _ in range(n):
        before, after = rng.normal(1, 0.3, (2, 5))
        one = recheck.Rechecked(
            replace(committed, effects_by_seed=dict(enumerate(before)), effect=before.mean()),
            replace(committed, effects_by_seed=dict(enumerate(after)), effect=after.mean()),
        )
        hits += bool(one.within)
    assert hits / n == pytest.approx(0.95, abs=0.02)


def test_claims_that_are_rechecked_at_once_raise_no_more_false_alarms_than_one(bundled, capsys):
    """By simulation: of repetitions by seeds of the same kind, all seven keep their trend in 95 of 100."""
    rng, alarms, n = np.random.default_rng(0), 0, 500
    committed, other = chain.judged(bundled)[CLAIM], "inconclusive"
    assert committed.verdict != other
    for _ in range(n):
        at_once = [
            recheck.Rechecked(
                replace(committed, effects_by_seed=dict(enumerate(before)), effect=before.mean()),
                replace(committed, verdict=other, effects_by_seed={201: after}, effect=after),
                at_once=7,
            )
            for before, after in ((rng.normal(1, 0.3, 5), rng.normal(1, 0.3)) for _ in range(7))
        ]
        alarms += not all(one.same_trend for one in at_once)
        beyond = [one for one in at_once if one.same_trend and not one.within]
        assert all("by no more than one of 7 claims may" in recheck.in_words(one) for one in beyond)
    assert alarms / n == pytest.approx(0.05, abs=0.03)


def test_json_junit_and_markdown_say_the_same(trained, tmp_path, capsys):
    trained(lambda variant, score: 0.5)
    assert run("--json", "--junit", "report.xml", "--markdown", "summary.md") == 1
    (one,) = json.loads(capsys.readouterr().out)
    assert one["claim"] == f"{ROOM}/{CLAIM}"
    assert not one["same_trend"]
    suite = ElementTree.parse(tmp_path / "report.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("1", "1")
    assert f"| {ROOM}/{CLAIM} | **different** |" in (tmp_path / "summary.md").read_text(encoding="utf-8")


def test_verdicts_of_an_earlier_revision_are_compared_where_seeds_are_others(bundled, monkeypatch, tmp_path, capsys):
    """Nothing is trained: both sides are committed."""
    today = chain.judged(bundled)[CLAIM]
    effects = dict(zip(FRESH, today.effects_by_seed.values(), strict=True))
    moved = replace(today, effects_by_seed=effects)
    fallen = replace(
        moved, id="fallen", effects_by_seed={s: e - 5 for s, e in effects.items()}, effect=today.effect - 5
    )
    same_seeds = replace(today, id="same_seeds")
    of_both = [(moved, today), (replace(fallen, verdict="negligible"), replace(today, id="fallen"))]
    today_all = {one.id: one for one in (*(now for now, _ in of_both), same_seeds)}
    monkeypatch.setattr(chain, "judged", lambda _: today_all)
    earlier = {f"{ROOM}/{one.id}": one.as_json() for one in (*(before for _, before in of_both), same_seeds)}
    monkeypatch.setattr(recheck.regress, "check_revision", lambda *_: None)
    monkeypatch.setattr(recheck.regress, "code_and_data_at", lambda *_: code_and_data_here())
    monkeypatch.setattr(recheck.regress, "verdicts_at", lambda *_: earlier)
    monkeypatch.setattr(recheck.regress, "params_at", lambda *_: params_here())
    assert recheck.main(["--earlier", "abc", "--markdown", "table.md"]) == 1
    said = capsys.readouterr().out
    assert f"{ROOM}/{CLAIM} (root)" in said
    assert "same_seeds" not in said
    assert said.count("ANOTHER TREND") == 1
    table = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "\n\n2 claims on fresh seeds: " in table
    assert "1 of 2 fresh effects lie within their prediction interval; 1.9 were expected" in table
    assert f"| {ROOM}/fallen | **different** |" in table
    assert not recheck.FOLDER.exists()
    for arm, reads in (("flat_32", False), ("spatial_512_mean", True)):
        changed, added = params_here(), params_here()
        changed[ROOM]["variants"][arm]["learning_rate"] = 1e-3
        del added[ROOM]["variants"][arm]
        for params in (changed, added):
            monkeypatch.setattr(recheck.regress, "params_at", lambda *_, params=params: params)
            with pytest.raises(RecheckError, match="no claim of the root") if reads else nullcontext():
                recheck.main(["--earlier", "abc"])
            assert (f"{ROOM}/{CLAIM} (root)" in capsys.readouterr().out) is not reads
    other = code_and_data_here() | {"spatial_512_mean": {("other code", "other data")}}
    monkeypatch.setattr(recheck.regress, "params_at", lambda *_: params_here())
    monkeypatch.setattr(recheck.regress, "code_and_data_at", lambda *_: other)
    for words, which in ((), ", code"), (("--other-code",), ""):
        with pytest.raises(RecheckError, match=f"no claim of the root study .* same parameters{which} and data"):
            recheck.main(["--earlier", "abc", *words])
    other = {arm: {("other code", data) for _, data in both} for arm, both in code_and_data_here().items()}
    monkeypatch.setattr(recheck.regress, "code_and_data_at", lambda *_: other)
    with pytest.raises(RecheckError, match="no claim of the root study"):
        recheck.main(["--earlier", "abc"])
    assert recheck.main(["--earlier", "abc", "--other-code", "--markdown", "table.md"]) == 1
    assert "Other code trained the fresh ones." in (tmp_path / "table.md").read_text(encoding="utf-8")
    assert "Other code" not in table
    monkeypatch.setattr(recheck.regress, "code_and_data_at", lambda *_: code_and_data_here())
    measured = {n: {**v, "instruments": [{**v["instruments"][0], "instrument": "mse"}]} for n, v in earlier.items()}
    monkeypatch.setattr(recheck.regress, "verdicts_at", lambda *_: measured)
    with pytest.raises(RecheckError, match="no claim of the root study"):
        recheck.main(["--earlier", "abc"])
    counted = {name: verdict | {"smallest_effect": 7.0} for name, verdict in earlier.items()}
    monkeypatch.setattr(recheck.regress, "verdicts_at", lambda *_: counted)
    with pytest.raises(RecheckError, match="no claim of the root study"):
        recheck.main(["--earlier", "abc"])
    monkeypatch.setattr(recheck.regress, "verdicts_at", lambda *_: earlier)
    params = params_here()
    params[ROOM]["epochs"] += 1  # so that more than seeds has changed
    monkeypatch.setattr(recheck.regress, "params_at", lambda *_: params)
    with pytest.raises(
        RecheckError,
        match="no claim of the root study was judged there on arms with the same parameters, code and data and",
    ):
        recheck.main(["--earlier", "abc"])


@pytest.mark.parametrize("damaged", [{"readers": "none"}, {"readers": {"segmentation": 3}}, {ROOM: 7}])
def test_earlier_params_that_are_no_study_are_named(bundled, monkeypatch, damaged):
    before = chain.judged(bundled)[CLAIM].as_json()
    monkeypatch.setattr(recheck.regress, "check_revision", lambda *_: None)
    monkeypatch.setattr(recheck.regress, "code_and_data_at", lambda *_: code_and_data_here())
    monkeypatch.setattr(recheck.regress, "verdicts_at", lambda *_: {f"{ROOM}/{CLAIM}": before})
    monkeypatch.setattr(recheck.regress, "params_at", lambda *_: params_here() | damaged)
    with pytest.raises(RecheckError, match=r"--earlier: .* are no sections of a study there .* name another revision"):
        recheck.main(["--earlier", "abc"])


def test_a_control_brings_in_the_arms_that_it_is_made_of(bundled):
    """`linear_NAME` is of arm NAME, and all controls are of as many pictures as the first arm has."""
    claims = {claim.id: claim for claim in judge.claims_of(bundled)}

    def behind(replication: str, name: str) -> list[str]:
        return recheck.arms_behind(bundled, replication, claims[name])

    crisp = behind("vae_vs_gan", "a_calibrated_vae_reconstructs_crisply")
    assert crisp == ["autoencoder", "sigma_vae"], "it compares sigma_vae with photos, and checks linear_autoencoder"
    assert behind("vq_vae", "restarts_keep_the_codebook_in_use") == ["none", "k512", "k512_restarts"]
    assert recheck.arms_behind(bundled, ROOM, None) == list(bundled.variants_of(ROOM))


def test_code_and_data_are_those_of_a_variants_runs():
    rows = [
        {"variant": "a", "code_sha256": "c", "data_sha256": "d"},
        {"variant": "a", "code_sha256": "c", "data_sha256": "e"},
        {"variant": "b"},
    ]
    assert regress.code_and_data(rows) == {"a": {("c", "d"), ("c", "e")}, "b": {("", "")}}


def code_and_data_here() -> dict[str, set[tuple[str, ...]]]:
    return regress.code_and_data(read_runs(Path(), ROOM).values())


def params_here() -> dict:
    return YAML(typ="safe").load(Path("params.yaml"))


@pytest.mark.parametrize(("name", "revision"), [("fresh_seeds", "32d14ef"), ("fresh_seeds_exact", "1980b90")])
def test_a_table_of_fresh_seeds_follows_from_what_is_committed(monkeypatch, name, revision):
    monkeypatch.chdir(tiny.ROOT)
    try:
        regress.check_revision(revision)
    except regress.RegressError:
        pytest.skip(f"the history of this clone does not reach back to {revision}: run `git fetch --unshallow`")
    table = recheck.as_markdown(recheck.earlier(study.load("."), revision, other_code=True))
    assert Path(f"validation/{name}.md").read_text(encoding="utf-8") == table


def test_an_earlier_verdict_without_its_seeds_is_named(bundled, monkeypatch):
    before = chain.judged(bundled)[CLAIM].as_json()
    del before["effects_by_seed"]
    monkeypatch.setattr(recheck.regress, "check_revision", lambda *_: None)
    monkeypatch.setattr(recheck.regress, "code_and_data_at", lambda *_: code_and_data_here())
    monkeypatch.setattr(recheck.regress, "verdicts_at", lambda *_: {f"{ROOM}/{CLAIM}": before})
    monkeypatch.setattr(recheck.regress, "params_at", lambda *_: params_here())
    with pytest.raises(RecheckError, match=r"--earlier abc: .* has other fields there than today .* a later revision"):
        recheck.main(["--earlier", "abc"])


def test_a_run_is_judged_by_the_nets_of_the_studys_seed_in_its_place(bundled, monkeypatch):
    """A replication on seeds of its own has no nets of its own: those of another seed would give other scores."""
    own = replace(bundled, own_seeds={ROOM: (6, 7, 8, 9, 10)})
    monkeypatch.setattr(recheck, "link_arrays", lambda *_: None)
    trained_with = []
    monkeypatch.setattr(recheck, "train_nets", lambda fresh, _: trained_with.extend(fresh.seeds))
    run = own.runs(ROOM)[-1]
    fresh = recheck.with_nets(own, run)
    assert (run.seed, trained_with) == (10, [5])
    assert fresh.nets_of(ROOM, run.seed) == fresh.nets(5)


def test_other_code_goes_with_an_earlier_revision(bundled):
    with pytest.raises(RecheckError, match="--other-code: it goes with --earlier REV"):
        recheck.main([CLAIM, "--other-code"])


@pytest.mark.parametrize("words", WHAT_TO_TRAIN)
def test_what_trains_nothing_is_not_told_what_to_train(bundled, words):
    with pytest.raises(RecheckError, match="--earlier: it trains nothing"):
        recheck.main(["--earlier", "HEAD", *words])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--earlier", "no-such-thing"], "--earlier no-such-thing: no such commit"),
        (
            ["sharpness_grows_with_spatial_latent_sise"],
            "judges no such claim; did you mean sharpness_grows_with_spatial_latent_size",
        ),
        ([f"vq_vae/{CLAIM}"], "judges no such claim"),
        ([], "no claim is named"),
        (["--set", "night"], "has no such set; it has canary"),
        ([CLAIM, "--seeds", "4-8"], "seed 6 is a reporting seed .* or kept for tuning.* allow it by --again"),
        ([CLAIM, "--seeds", "101"], "seed 101 is .* kept for tuning"),
        ([CLAIM, "--seeds", "103"], "seed 103 is .* kept for tuning"),
        ([CLAIM, "--seeds", "200-210"], "seed 200 is .* kept for tuning"),
        ([CLAIM, "--seeds", "9-7"], "9-7 is no range"),
        ([CLAIM, "--seeds", "1-99999"], "is no range of at most 1,000 seeds"),
        ([CLAIM, "--seeds", "x"], "'x' is no number and no range"),
        ([CLAIM, "--seeds", "²"], "is no number and no range"),
        ([CLAIM, "--seeds", "7-"], "'7-' is no number and no range"),
        ([CLAIM, "--seeds", "7", "--fresh", "2"], "exclude each other"),
        ([CLAIM, "--fresh", "0"], "--fresh 0: expected 1 to 1,000"),
        ([CLAIM, "--workers", "0"], "--workers 0: expected at least 1"),
    ],
)
def test_what_cannot_be_rechecked(bundled, words, message):
    with pytest.raises(ReplicationError, match=message):
        recheck.main(words)
    assert not recheck.FOLDER.exists()


def test_a_committed_effect_is_told_in_todays_words_where_it_counts_the_same(bundled):
    verdict = chain.judged(bundled)[CLAIM]
    reworded = recheck.Rechecked(replace(verdict, unit="in old words"), verdict)
    assert reworded.before == verdict
    assert "in old words" not in recheck.in_words(reworded)
    other = recheck.Rechecked(replace(verdict, unit="in old words", scale="difference"), verdict)
    assert other.before.unit == "in old words"


@pytest.mark.parametrize("backend", ["jax", "none"])
def test_a_backend_that_is_not_there_is_one_line_and_no_folder(bundled, monkeypatch, backend):
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setattr(environment.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ReplicationError, match=f"KERAS_BACKEND={backend}: expected"):
        run()
    assert not recheck.FOLDER.exists()


def test_a_damaged_list_of_sets(bundled):
    of_another_kind = ("sets: {canary: 3}\nversions: []", "sets: {}", "- a", "sets: {canary: []}", "3")
    no_yaml = ("[", "[" * 5000, "sets: 2026-99-99", "sets: {a: &a [*a]}\x00")
    for content in (*of_another_kind, *no_yaml):
        Path("recheck.yaml").unlink()
        Path("recheck.yaml").write_text(content, encoding="utf-8")
        why = "not readable as YAML" if content in no_yaml else "expected sets"
        with pytest.raises(ReplicationError, match=rf"recheck\.yaml: {why}") as caught:
            recheck.claims_of_set("canary")
        assert "pydantic" not in str(caught.value)


def test_seeds_are_numbers_and_ranges_and_fresh_ones_follow_all_that_are_used(bundled):
    assert recheck.seeds_of(bundled, "31-33,40,32", None, False) == (31, 32, 33, 40)
    assert recheck.seeds_of(bundled, "1-2", None, True) == (1, 2)
    assert recheck.seeds_of(bundled, None, None, False) == FRESH
    assert recheck.seeds_of(bundled, None, 2, False) == FRESH[:2]


def test_seeds_of_another_replication_are_fresh(bundled):
    declared = replace(bundled, own_seeds={**bundled.own_seeds, "vq_vae": (21, 22)})
    assert recheck.seeds_of(declared, "21-23", None, False, {"beta_vae"}) == (21, 22, 23)
    with pytest.raises(RecheckError, match="seed 21 is a reporting seed of vq_vae in the root study, or kept"):
        recheck.seeds_of(declared, "21-23", None, False, {"vq_vae"})
    with pytest.raises(RecheckError, match="seed 101 is a reporting seed of beta_vae"):
        recheck.seeds_of(declared, "101", None, False, {"beta_vae"})


def test_the_declared_sets_name_claims_that_are_judged(bundled):
    for name in recheck.claims_of_set("canary"):
        assert recheck.named(bundled, name)


def test_only_the_arms_that_claim_and_checks_compare_are_trained(bundled):
    claim = recheck.named(bundled, "spatial_is_sharper_than_flat_at_512")
    arms = recheck.arms_of(bundled, [claim])
    assert {"spatial_512", "flat_512"} <= set(arms)
    assert set(arms) == {v for v, _ in recheck.read_by(bundled, claim)} & set(bundled.variants_of(ROOM))
    assert len(arms) < len(bundled.variants_of(ROOM))


@pytest.mark.slow
def test_a_tiny_study_on_fresh_seeds_from_training_to_verdict(trained_tiny, capsys):
    """Everything but the claim is as a user has it; a second time nothing is trained."""
    declared, claim = trained_tiny
    committed = {path: path.read_bytes() for path in declared.folder.rglob("*") if path.is_file()}
    for again in (False, True):
        fresh = replace(declared, folder=recheck.folder_of(declared, (7, 8)), seeds=(7, 8))
        recheck.link_arrays(declared, fresh)
        arms = recheck.arms_of(declared, [claim])
        recheck.train(fresh, "vq_vae", 1, arms)
        scores = recheck.scores_of(fresh, "vq_vae", arms, [claim])
        assert set(scores.arm(arms[0], "laplacian_variance", (7, 8))) != {0.0}
        assert ("nothing to train" in capsys.readouterr().out) == again
    assert {path: path.read_bytes() for path in declared.folder.rglob("*") if path.is_file()} == committed


@pytest.fixture
def trained_tiny(tmp_path, monkeypatch) -> tuple[study.Study, Claim]:
    """A tiny study with its arrays, and a claim about its arms."""
    monkeypatch.chdir(tmp_path)
    declared = study.load(tiny.write_study(tmp_path / "tiny", "vq_vae"))
    first, second, *_ = declared.variants_of("vq_vae")
    claim = Claim(
        id="one_is_sharper",
        replication="vq_vae",
        statement="One is sharper.",
        source="nobody",
        explanation=("E5",),
        predicate=Greater("laplacian_variance", first, second),
        smallest_effect=0.1,
        unit="sharper",
        deviations=(),
        studies=("tiny",),
    )
    return declared, claim


def test_what_was_trained_is_deleted_where_that_is_asked(trained, bundled):
    trained(lambda variant, score: score)
    assert run() == 0
    folder = recheck.folder_of(bundled, FRESH)
    assert folder.is_dir()
    assert run("--clean") == 0
    assert not folder.exists()
    assert Path("arrays").is_dir()


def test_without_the_data_there_is_a_line_and_no_folder(bundled):
    Path("arrays").unlink() if Path("arrays").is_symlink() else Path("arrays").rmdir()
    with pytest.raises(RecheckError, match="arrays: no such folder; run `dvc repro --pull arrays`"):
        run()
    assert not recheck.FOLDER.exists()


def test_nets_that_judge_are_trained_once_for_the_same_data_and_seeds(bundled, monkeypatch, tmp_path):
    if not (tiny.ROOT / "arrays" / "enumerable_street-32.npz").exists():
        pytest.skip("the arrays are not here: run `dvc repro --pull arrays`")
    asked: list[study.Study] = []
    monkeypatch.setattr(recheck.readers, "train", asked.append)
    fresh = replace(bundled, folder=recheck.folder_of(bundled, FRESH), seeds=FRESH)
    recheck.link_arrays(bundled, fresh)
    recheck.train_nets(fresh, ROOM)
    recheck.train_nets(fresh, ROOM)
    (one,) = asked
    assert one.seeds == FRESH
    assert list(one.readers.classification) == ["enumerable_street-32"]
    assert one.readers.segmentation is None
    recheck.train_nets(replace(fresh, seeds=FRESH[:2]), ROOM)
    assert len(asked) == 2
    shutil.rmtree(tmp_path / ".recheck")

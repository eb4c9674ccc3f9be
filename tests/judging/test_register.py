"""The register: goalposts that are moved after the runs are named, by `--check`, beside the verdict and by `regress`.

All of it on a small copy: two claims, two studies of four made-up runs, a Git repository, a ledger of two entries.
"""

import json
import math
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from replications import runs, study
from replications.judging import judge, register
from replications.judging.claims import Check, Claim, Deviation, PublishedTable
from replications.judging.predicates import Greater, Increases, opposite
from replications.judging.register import RegisterError
from replications.pix2pix import claims as of_pix2pix
from replications.results import ResultsError
from replications.trust import regress
from tests import tiny

SEEDS = [1, 2, 3, 4, 5]
INSTRUMENTS = ("laplacian_variance", "gradient_energy", "edge_width", "psnr")
SHARPENS = Claim(
    id="adversarial_term_sharpens",
    replication="pix2pix",
    statement="Adding the adversarial term to L1 sharpens the output.",
    source="Isola et al. 2017, section 4.1, figure 4",
    published="twice as sharp",
    explanation=("E2",),
    decisive=("E2",),
    predicate=Greater("laplacian_variance", "l1_cgan", "l1", "log_ratio"),
    smallest_effect=math.log(1.25),
    unit="times as sharp",
    also={"gradient_energy": math.log(1.1), "-edge_width": math.log(1.1)},
    checks=(
        Check("the net has learned", "psnr", "l1", "at least", 1.0, "of the tuning seed"),
        Check("it is sharp", "laplacian_variance", "l1_cgan", "at least", ("l1", "psnr"), "of the floor", factor=0.1),
    ),
    deviations=(
        Deviation("steps", "2 epochs, not 200", "both are blurrier").helps,
        Deviation("size", "32 pixels, not 256", "less detail").hinders,
    ),
    deviations_in={"real": (Deviation("size", "64 pixels, not 256", "less detail"),)},
    does_not_hold={"real": "the discriminator is too small, as its share of the picture shows"},
)
POST_HOC = replace(
    SHARPENS,
    id="adversarial_term_costs_fidelity",
    statement="Adding the adversarial term costs fidelity.",
    predicate=Greater("psnr", "l1", "l1_cgan"),
    smallest_effect=0.5,
    also={},
    checks=(),
    decisive=(),
    does_not_hold={},
    post_hoc=True,
)
NAME, OTHER = (f"pix2pix/{claim.id}" for claim in (SHARPENS, POST_HOC))
TABLE = PublishedTable("Table 1", ("psnr",), {"l1": (12.5,), "l1_cgan": (11.0,)})
WHY = "a reviewer asked for it"


def git(*words: str) -> str:
    options = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *options, *words], check=True, capture_output=True, text=True).stdout


def commit() -> None:
    git("add", "-A")
    git("commit", "-qm", "as it is")


def train(folder: Path, seed_of_images: str = "first", arms: tuple[str, ...] = ("l1", "l1_cgan"), **more: str) -> None:
    """Made-up runs and scores of all declared seeds: what `measure` leaves."""
    declared = study.load(folder)
    rows = [
        {
            "variant": run.variant,
            "seed": run.seed,
            "images_sha256": runs.digest({"of": [seed_of_images if run.variant in arms else "first", run.name]}),
            "facts_sha256": "f" * 64,
            "params_sha256": "params",
            "code_sha256": "code",
            "data_sha256": "data",
            "environment": "here",
            **more,
        }
        for run in declared.runs("pix2pix")
    ]
    tiny.write_rows(folder / "results/pix2pix/runs.csv", rows)
    scores = [
        {
            "variant": run.variant,
            "seed": run.seed,
            "snapshot": share,
            "instrument": instrument,
            "score": 1 + ("gan" in run.variant) + 0.01 * run.seed,
            "n_images": 4,
        }
        for run in declared.runs("pix2pix")
        for share in run.params.snapshots
        for instrument in INSTRUMENTS
    ]
    tiny.write_rows(folder / "results/pix2pix/scores.csv", scores)


def claim_is(monkeypatch, *claims: Claim) -> None:
    monkeypatch.setattr(of_pix2pix, "CLAIMS", claims)


def of_small(monkeypatch) -> None:
    """One replication, two claims, one table: all that the code of the copy says."""
    monkeypatch.setattr(study, "REPLICATIONS", ("pix2pix",))
    monkeypatch.setattr(of_pix2pix, "TABLES", (TABLE,))
    claim_is(monkeypatch, SHARPENS, POST_HOC)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Registered, trained, registered again, judged and committed."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        of_small(patch)
        for name in (".", "real"):
            tiny.write_params(Path(name), tiny.params(seeds=SEEDS))
        git("init", "-q")
        commit()
        assert register.main([]) == 0
        commit()
        for name in (".", "real"):
            train(Path(name))
        assert register.main([]) == 0
        for name in (".", "real"):
            judge.main(["--study", name])
        commit()
    return folder


@pytest.fixture
def place(made, tmp_path, monkeypatch) -> Path:
    """A copy to forge; the working directory."""
    shutil.copytree(made, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    of_small(monkeypatch)
    return Path()


def test_who_judges_without_a_register_is_warned(place, capsys):
    assert judge.main([]) == 0
    assert "register.jsonl" not in capsys.readouterr().out
    register.FILE.unlink()
    assert judge.main([]) == 0
    assert "warning: register.jsonl: no such file, so no claim counts as registered; " in capsys.readouterr().out


def checked(capsys) -> list[str]:
    """What `register --check` finds wrong."""
    capsys.readouterr()
    status = register.main(["--check"])
    said = capsys.readouterr().out.splitlines()
    assert status == (len(said) > 1), said
    return said[:-1]


def said_of(name: str = NAME, folder: str = ".") -> str:
    """What stands beside the verdict."""
    declared = study.load(folder)
    return register.registered(declared, judge.claims_of(declared))[name]


def regressed(capsys) -> dict[str, str]:
    """What `regress` says against what is committed: subject → all that is a regression."""
    capsys.readouterr()
    status = regress.main(["--against", "HEAD", "--json"])
    said = json.loads(capsys.readouterr().out)
    failures = [one for one in said["declared"] if one["failure"]]
    assert status == bool(failures or any(one["failure"] for one in said["verdicts"]))
    found: dict[str, str] = {}
    for one in failures:
        found[one["subject"]] = f"{found.get(one['subject'], '')}{one['what']}; "
    return found


def test_an_untouched_copy_is_as_registered(place, capsys):
    assert checked(capsys) == []
    assert regressed(capsys) == {}
    for folder in (".", "real"):
        assert said_of(folder=folder).startswith("registered before its runs (entry 0, commit ")
    assert register.withdrawn() == []
    committed = json.loads(Path("results/verdicts.json").read_text(encoding="utf-8"))
    assert [one["registered"] for one in committed] == [said_of(NAME), said_of(OTHER)]


# --- goalposts -----------------------------------------------------------------------------------------------------


def changed_claim(claim: Claim = SHARPENS, **values) -> Callable:
    """A forgery of claims.py: one claim with other values."""

    def forge(monkeypatch) -> None:
        other = replace(claim, **values)
        claim_is(monkeypatch, *[other if one is claim else one for one in (SHARPENS, POST_HOC)])

    return forge


def changed_params(folder: str, change: Callable[[dict], None]) -> Callable:
    """A forgery of a params.yaml."""

    def forge(monkeypatch) -> None:
        path = Path(folder, "params.yaml")
        content = YAML(typ="safe").load(path)
        change(content)
        tiny.write_params(path.parent, content)

    return forge


def one_of(name: str, position: int, **values) -> tuple:
    """Checks or deviations of the claim, one of them with other values."""
    found = list(getattr(SHARPENS, name))
    found[position] = replace(found[position], **values)
    return tuple(found)


PREDICATE = SHARPENS.predicate
assert isinstance(PREDICATE, Greater)
CLAIMS = {
    "smallest_effect_lowered": (changed_claim(smallest_effect=math.log(1.02)), "smallest_effect 0.223 → 0.0198"),
    "smallest_effect_by_the_last_digit": (
        changed_claim(smallest_effect=SHARPENS.smallest_effect - 1e-15),
        f"smallest_effect {SHARPENS.smallest_effect!r} → {SHARPENS.smallest_effect - 1e-15!r}",
    ),
    "taken_out_of_the_study_where_it_fails": (
        changed_claim(studies=("root",), does_not_hold={}, deviations_in={}),
        "studies root, real → root",
    ),
    "favourable_deviation_removed": (
        changed_claim(deviations=SHARPENS.deviations[1:]),
        "deviations[steps] '2 epochs, not 200' → nothing",
    ),
    "favours_changed": (
        changed_claim(deviations=one_of("deviations", 0, favours="neither")),
        "deviations[steps].favours 'the claim' → 'neither'",
    ),
    "deviation_reworded": (
        changed_claim(deviations=one_of("deviations", 0, effect="none that one sees")),
        "deviations[steps].effect 'both are blurrier' → 'none that one sees'",
    ),
    "published_number_raised": (
        changed_claim(published="four times as sharp"),
        "published 'twice as sharp' → 'four times as sharp'",
    ),
    "statement_reworded": (
        changed_claim(statement="Adding the adversarial term to L1 changes the output."),
        "statement '…ersarial term to L1 sharpens the output.' → '…ersarial term to L1 changes the output.'",
    ),
    "source_changed": (changed_claim(source="Isola et al. 2017, section 3"), "source '…"),
    "arm_swapped": (
        changed_claim(predicate=replace(PREDICATE, variant="l1", than="l1_cgan")),
        "predicate.than 'l1' → 'l1_cgan'",
        "predicate.variant 'l1_cgan' → 'l1'",
    ),
    "another_predicate": (
        changed_claim(predicate=Increases("laplacian_variance", ("l1", "l1_cgan"), "log_ratio")),
        "predicate.is 'Greater' → 'Increases'",
        "predicate.than 'l1' → nothing",
        "predicate.variant 'l1_cgan' → nothing",
        "predicate.variants nothing → l1, l1_cgan",
    ),
    "turned_round": (changed_claim(predicate=opposite(PREDICATE)), "predicate.sign 1 → -1"),
    "instrument_swapped": (
        changed_claim(predicate=replace(PREDICATE, instrument="gradient_energy")),
        "predicate.instrument 'laplacian_variance' → 'gradient_energy'",
    ),
    "scale_changed": (
        changed_claim(predicate=replace(PREDICATE, scale="difference")),
        "predicate.scale 'log_ratio' → 'difference'",
    ),
    "other_instrument_dropped": (
        changed_claim(also={"gradient_energy": math.log(1.1)}),
        "also.-edge_width 0.0953 → nothing",
    ),
    "bound_relaxed": (
        changed_claim(checks=one_of("checks", 0, bound=0.5)),
        "checks[psnr of l1].bound 1 → 0.5",
    ),
    "bound_of_another_arm": (
        changed_claim(checks=one_of("checks", 1, bound=("l1", "edge_width"))),
        "checks[laplacian_variance of l1_cgan].bound l1, psnr → l1, edge_width",
    ),
    "bound_relaxed_by_its_factor": (
        changed_claim(checks=one_of("checks", 1, factor=0.01)),
        "checks[laplacian_variance of l1_cgan].factor 0.1 → 0.01",
    ),
    "check_removed": (
        changed_claim(checks=SHARPENS.checks[1:]),
        "checks[psnr of l1] 'the net has learned' → nothing",
    ),
    "check_asked_elsewhere": (
        changed_claim(checks=one_of("checks", 0, studies=("root",))),
        "checks[psnr of l1].studies nothing → root",
    ),
    "why_of_a_check_changed": (
        changed_claim(checks=one_of("checks", 0, why="it looks right")),
        "checks[psnr of l1].why 'of the tuning seed' → 'it looks right'",
    ),
    "no_longer_decisive": (changed_claim(decisive=()), "decisive E2 → nothing"),
    "speaks_for_what_it_spoke_against": (
        changed_claim(explanation=(), against=("E2",)),
        "against nothing → E2",
        "explanation E2 → nothing",
    ),
    "post_hoc_turned_off": (changed_claim(POST_HOC, post_hoc=False), "post_hoc yes → nothing"),
}
"""Forgery → how it is done, and what must be said of it, each change in words of its own."""


STUDIES = {
    "tuning_seeds_rewritten": (changed_params(".", lambda c: c.update(tuning_seeds=[7])), "tuning_seeds 101 → 7"),
    "seeds_changed": (
        changed_params(".", lambda c: c.update(seeds=[3, 4, 5, 6, 8])),
        "seeds 1, 2, 3, 4, 5 → 3, 4, 5, 6, 8",
    ),
    "seed_dropped": (changed_params(".", lambda c: c.update(seeds=[1, 2, 3, 5])), "seeds 1, 2, 3, 4, 5 → 1, 2, 3, 5"),
    "weights_averaged": (changed_params(".", lambda c: c["pix2pix"].update(ema=0.5)), "ema nothing → 0.5"),
    "reader_trained_longer": (
        changed_params(".", lambda c: c["readers"]["segmentation"].update(epochs=9)),
        "readers.segmentation.epochs 1 → 9",
    ),
    "epochs_raised": (changed_params(".", lambda c: c["pix2pix"].update(epochs=4)), "epochs 1 → 4"),
    "an_arm_changed": (
        changed_params(".", lambda c: c["pix2pix"]["variants"]["l1_cgan"].update(lambda_l1=10.0)),
        "lambda_l1 nothing → 10",
    ),
}


LABELS = {
    "heads": ["digit"],
    "n_train": 8,
    "epochs": 1,
    "batch_size": 4,
    "learning_rate": 1e-3,
    "channels": 4,
    "seed": 0,
}
"""A net that reads digits."""


def of(forgery: str) -> str:
    """The claim that a forgery is about."""
    return OTHER if forgery == "post_hoc_turned_off" else NAME


@pytest.mark.parametrize("forgery", CLAIMS)
def test_a_claim_that_is_changed_after_its_runs_is_named_everywhere(place, monkeypatch, capsys, forgery):
    forge, *words = CLAIMS[forgery]
    forge(monkeypatch)
    found, claim = checked(capsys), of(forgery)
    for one in words:
        assert any(said.startswith(f"not registered: {claim}: {one}") for said in found), found
    if forgery == "check_asked_elsewhere":  # where it is asked for, nothing changed
        assert "differs from the register: checks[psnr of l1] 'the" in said_of(claim, "real")
    else:
        assert said_of(claim).startswith(f"differs from the register: {', '.join(words)}")
    assert words[0] in regressed(capsys)[claim]


def test_to_ask_another_study_with_checks_and_deviations_of_its_own_changes_nothing_here(place, monkeypatch):
    own = replace(SHARPENS.checks[0], instrument="l1", studies=("paper",))
    asked = [*(replace(one, studies=("root", "real")) for one in SHARPENS.checks), own]
    in_paper = {**SHARPENS.deviations_in, "paper": SHARPENS.deviations[:1]}
    changed_claim(studies=("root", "real", "paper"), checks=tuple(asked), deviations_in=in_paper)(monkeypatch)
    assert register.main(["--reason", WHY]) == 0
    for folder in (".", "real"):
        assert said_of(folder=folder).startswith("registered before its runs (entry 0")


@pytest.mark.parametrize("forgery", CLAIMS)
def test_who_registers_the_change_must_say_why_and_it_stands_beside_the_verdict(place, monkeypatch, capsys, forgery):
    forge, *words = CLAIMS[forgery]
    forge(monkeypatch)
    claim = of(forgery)
    with pytest.raises(RegisterError, match=r"expected a reason; run `python -m replications register --reason TEXT`"):
        register.main([])
    assert register.main(["--reason", WHY]) == 0
    assert f"{claim}: {words[0]}" in capsys.readouterr().out
    assert checked(capsys) == []
    said = said_of(claim, "real" if forgery == "check_asked_elsewhere" else ".")
    assert said.startswith("changed after its runs: ")
    if forgery != "check_asked_elsewhere":
        assert ", ".join(words) in said
    assert re.search(r" \(entry 2, commit \w{7}\); first registered before them \(entry 0, commit \w{7}\)$", said)
    assert words[0] in regressed(capsys)[claim], "a reason makes it no smaller a regression"


@pytest.mark.parametrize("forgery", STUDIES)
def test_a_study_that_is_changed_after_its_runs_is_named_everywhere(place, monkeypatch, capsys, forgery):
    forge, words = STUDIES[forgery]
    forge(monkeypatch)
    (line,) = checked(capsys)
    assert line.startswith("not registered: study root: ")
    assert line.endswith(words)
    told = {"an_arm_changed": "lambda_l1 1 → 10 in l1_cgan"}.get(forgery, words)
    assert told in said_of().partition("differs from the register: ")[2]
    assert said_of(folder="real").startswith("registered before its runs"), "another study is untouched"
    train(Path())
    goalpost = any(part in words for part in ("seeds", "readers"))
    assert (words in regressed(capsys).get("study root", "")) == goalpost, "parameters are shown, and move no goalpost"
    assert register.main(["--reason", WHY]) == 0
    assert checked(capsys) == []
    said = said_of()
    assert said.startswith("changed after its runs: ")
    assert told in said


def test_seeds_are_not_rewritten_without_a_reason(place, monkeypatch):
    for forgery in ("tuning_seeds_rewritten", "seeds_changed"):
        forge, words = STUDIES[forgery]
        forge(monkeypatch)
        with pytest.raises(RegisterError, match=f"study root: {words}"):
            register.main([])


def test_a_change_of_arms_that_a_claim_does_not_read_is_not_told_of_it(place, monkeypatch, capsys):
    changed_params(".", lambda c: c["pix2pix"]["variants"].update(gan={"lambda_l1": 0.0}))(monkeypatch)
    assert checked(capsys) == [
        'not registered: study root: pix2pix.variants.gan nothing → {"lambda_l1": 0.0}',
    ]
    assert said_of().startswith("registered before its runs (entry 0")


def test_a_change_of_nets_that_judge_other_pictures_is_not_told_of_a_claim(place, monkeypatch, capsys):
    changed_params(".", lambda c: c["readers"].update(classification={"mnist10k-32": LABELS}))(monkeypatch)
    assert len(checked(capsys)) == 1, "of the study it is told"
    assert said_of().startswith("registered before its runs (entry 0")


def test_a_change_of_nets_is_not_told_of_a_claim_that_no_net_judges(place, monkeypatch, capsys):
    forge, words = STUDIES["reader_trained_longer"]
    forge(monkeypatch)
    assert words in said_of()
    monkeypatch.setattr(register, "reads", lambda replication: False)
    assert said_of().startswith("registered before its runs (entry 0")


def test_a_unit_reworded_is_named_and_is_no_change_of_the_claim(place, monkeypatch, capsys):
    """No number depends on it; that somebody changed it after the runs stands beside the verdict all the same."""
    changed_claim(unit="photographs are {} times as sharp")(monkeypatch)
    words = "unit 'times as sharp' → 'photographs are {} times as sharp'"
    assert checked(capsys) == [f"not registered: {NAME}: {words}"]
    assert said_of().startswith(f"differs from the register: {words}")
    assert words in regressed(capsys)[NAME]
    with pytest.raises(RegisterError, match="expected a reason"):
        register.main([])
    assert register.main(["--reason", WHY]) == 0
    assert said_of().startswith("registered before its runs (entry 0")
    assert f"; reworded after them: {words} (entry 2" in said_of()


def test_a_check_reworded_is_named_and_is_no_change_of_the_claim(place, monkeypatch, capsys):
    """As long as what it asks of which arm, and the bound with its reason, are the same."""
    changed_claim(checks=one_of("checks", 0, what="the net has seen enough"))(monkeypatch)
    words = "checks[psnr of l1].what 'the net has learned' → 'the net has seen enough'"
    assert said_of().startswith(f"differs from the register: {words}")
    assert register.main(["--reason", WHY]) == 0
    assert said_of().startswith("registered before its runs (entry 0")
    assert f"; reworded after them: {words} (entry 2" in said_of()


def test_fresh_seeds_of_a_replication_are_not_declared_without_a_reason(place, monkeypatch, capsys):
    changed_params(".", lambda c: c["pix2pix"].update(seeds=[11, 12, 13, 14, 15]))(monkeypatch)
    with pytest.raises(RegisterError, match=r"study root: pix2pix\.seeds nothing → 11, 12, 13, 14, 15"):
        register.main([])
    assert register.main(["--reason", WHY]) == 0
    assert checked(capsys) == []


def test_a_reason_reworded_is_named_and_is_no_goalpost(place, monkeypatch, capsys):
    """Since no verdict depends on it; it is always written after the runs."""
    changed_claim(does_not_hold={"real": "the data are poor, as everybody knows"})(monkeypatch)
    words = "'the discriminator is too small, as its share of the picture …' → 'the data are poor, as everybody knows'"
    assert checked(capsys) == [f"not registered: {NAME}: does_not_hold.real {words}"]
    assert said_of(folder="real").startswith("differs from the register: reason 'the disc")
    assert said_of().startswith("registered before"), "in another study it is no reason"
    assert "does_not_hold.real" in regressed(capsys)[NAME]
    with pytest.raises(RegisterError, match="does_not_hold"):
        register.main([])
    register.main(["--reason", WHY])
    assert re.fullmatch(
        r"registered before its runs \(entry 0, commit \w{7}\); "
        r"the reason why it does not hold was written after them \(entry 2, commit \w{7}\)",
        said_of(folder="real"),
    )


def test_a_number_of_a_published_table_is_named(place, monkeypatch, capsys):
    monkeypatch.setattr(of_pix2pix, "TABLES", (replace(TABLE, rows={**TABLE.rows, "l1": (14.0,)}),))
    words = "tables of pix2pix: [Table 1].rows.l1 12.5 → 14"
    assert checked(capsys) == [f"not registered: {words}"]
    assert "12.5 → 14" in regressed(capsys)["tables of pix2pix"]


# --- what is taken away --------------------------------------------------------------------------------------------


def test_a_claim_that_is_deleted_is_named_everywhere(place, monkeypatch, capsys):
    claim_is(monkeypatch, POST_HOC)
    assert checked(capsys) == [f"not registered: {NAME}: withdrawn"]
    (gone,) = register.withdrawn()
    assert (gone.claim, gone.studies, gone.everywhere, gone.entry) == (NAME, ("root", "real"), True, None)
    assert gone.statement == SHARPENS.statement
    assert gone.in_words == "taken out of root, real without a word in the register"
    assert regressed(capsys)[NAME] == f"{gone.in_words}; "
    with pytest.raises(RegisterError, match=f"{NAME} withdrawn from root, real: expected a reason"):
        register.main([])
    register.main(["--reason", WHY])
    assert f"{NAME}: withdrawn\n" in capsys.readouterr().out
    assert checked(capsys) == []
    (gone,) = register.withdrawn()
    assert re.fullmatch(rf"withdrawn from root, real: {WHY} \(entry 2, commit \w{{7}}\)", gone.in_words)
    assert regressed(capsys)[NAME] == f"{gone.in_words}; "


def test_a_claim_with_another_name_is_a_new_one_and_the_old_one_is_withdrawn(place, monkeypatch, capsys):
    claim_is(monkeypatch, replace(SHARPENS, id="sharpens"), POST_HOC)
    assert checked(capsys) == [f"not registered: {NAME}: withdrawn", "not registered: pix2pix/sharpens: new"]
    assert said_of("pix2pix/sharpens") == "never registered"
    register.main(["--reason", WHY])
    assert re.fullmatch(r"first registered after its runs \(entry 2, commit \w{7}\)", said_of("pix2pix/sharpens"))


def test_a_claim_taken_out_of_a_study_is_withdrawn_from_it(place, monkeypatch):
    changed_claim(studies=("root",), does_not_hold={}, deviations_in={})(monkeypatch)
    with pytest.raises(RegisterError, match=f"{NAME} withdrawn from real; "):
        register.main([])
    register.main(["--reason", WHY])
    (gone,) = register.withdrawn()
    assert (gone.claim, gone.studies, gone.everywhere) == (NAME, ("real",), False)


def test_a_claim_that_comes_back_after_its_runs_is_told_so(place, monkeypatch):
    claim_is(monkeypatch, POST_HOC)
    register.main(["--reason", WHY])
    claim_is(monkeypatch, SHARPENS, POST_HOC)
    assert register.withdrawn() == []
    assert said_of().startswith("differs from the register: taken up again; changed after its runs: withdrawn (entry 2")
    register.main([])
    assert re.match(
        r"changed after its runs: withdrawn \(entry 2, .*\), taken up again \(entry 3, .*\); first", said_of()
    )


def test_a_whole_study_that_is_deleted_is_named_everywhere(place, capsys):
    shutil.rmtree("real")
    assert checked(capsys) == ["not registered: study real: gone"]
    assert regressed(capsys)["study real"] == "gone; "
    assert {(one.claim, one.studies) for one in register.withdrawn()} == {(NAME, ("real",)), (OTHER, ("real",))}
    with pytest.raises(RegisterError, match=f"{OTHER} withdrawn from real; {NAME} withdrawn from real: expected"):
        register.main([])
    register.main(["--reason", WHY])
    assert checked(capsys) == []
    assert all(one.entry and one.entry.reason == WHY for one in register.withdrawn())
    assert regressed(capsys)["study real"] == "gone; "


def test_a_study_that_is_no_longer_listed_is_gone(place, monkeypatch, capsys):
    monkeypatch.setattr(study, "STUDIES", (".",))
    assert checked(capsys) == ["not registered: study real: gone"]
    assert regressed(capsys)["study real"] == "gone; "


def test_a_replication_that_a_study_drops_takes_its_claims_with_it(place, capsys):
    changed_params("real", lambda c: c.pop("pix2pix"))(None)
    (line,) = checked(capsys)
    assert line.startswith("not registered: study real: pix2pix {")
    assert "pix2pix {" in regressed(capsys)["study real"]
    with pytest.raises(RegisterError, match=f"{NAME} withdrawn from real"):
        register.main([])


# --- the ledger itself ---------------------------------------------------------------------------------------------


def lines() -> list[bytes]:
    return register.FILE.read_bytes().splitlines(keepends=True)


def edited(number: int, **values) -> Callable[[], None]:
    """One line with another content, as it would be written."""

    def forge() -> None:
        found = lines()
        said = json.loads(found[number])
        found[number] = json.dumps({**said, **values}, sort_keys=True, ensure_ascii=False).encode() + b"\n"
        register.FILE.write_bytes(b"".join(found))

    return forge


def other_lines(change: Callable[[list[bytes]], list[bytes]]) -> Callable[[], None]:
    return lambda: register.FILE.write_bytes(b"".join(change(lines()))) and None


LEDGERS = {
    "first_line_edited": (edited(0, reason="it was always so"), "line 2: it follows a line with SHA-256 "),
    "last_line_edited": (edited(2, reason="it was always so"), "line 3: commit "),
    "number_edited": (edited(1, entry=7), "line 2: it is entry 7, expected 1"),
    "first_line_removed": (other_lines(lambda all_: all_[1:]), "line 1: it is entry 1, expected 0"),
    "line_removed": (other_lines(lambda all_: [all_[0], all_[2]]), "line 2: it is entry 2, expected 1"),
    "line_inserted": (other_lines(lambda all_: [all_[0], *all_]), "line 2: it is entry 0, expected 1"),
    "lines_reordered": (other_lines(lambda all_: [all_[1], all_[0], all_[2]]), "line 1: it is entry 1, expected 0"),
    "truncated": (other_lines(lambda all_: all_[:1]), "line 2: commit "),
    "torn": (lambda: register.FILE.write_bytes(register.FILE.read_bytes()[:-1]), "its last line has no end"),
    "torn_within": (lambda: register.FILE.write_bytes(register.FILE.read_bytes()[:-9]), "its last line has no end"),
    "emptied": (lambda: register.FILE.write_bytes(b""), "line 1: commit "),
    "no_json": (lambda: register.FILE.write_bytes(b"{\n"), "line 1: Expecting property name"),
    "another_file": (lambda: register.FILE.write_bytes(b"[1]\n"), "line 1: Input should be a valid dictionary"),
    "another_field": (edited(2, date="today"), "line 3: Extra inputs are not permitted"),
    "claim_of_another_kind": (edited(2, claims={"pix2pix/skips_help": {"studies": 5}}), "line 3: Field required"),
    "claim_of_no_study": (
        edited(2, claims={"pix2pix/skips_help": {"statement": "Skips help.", "studies": []}}),
        "line 3: List should have at least 1 item",
    ),
    "section_is_a_number": (
        edited(2, studies={"root": {"pix2pix": 3}}),
        "line 3: Value error, study root: pix2pix is 3, expected a section of params.yaml",
    ),
    "variants_are_a_list": (edited(2, studies={"root": {"pix2pix": {"variants": []}}}), "line 3: Value error, study"),
    "no_commit": (
        edited(2, commit="--output=x"),
        "line 3: Value error, commit is '--output=x', expected the 40 digits",
    ),
    "no_change": (
        edited(2, claims={}, tables={}, studies={}, runs={}),
        "line 3: Value error, it changes nothing, expected a change in each entry",
    ),
    "no_text": (lambda: register.FILE.write_bytes(b"\xff\xfe\n"), "line 1: "),
}


@pytest.fixture
def three(place, monkeypatch) -> Path:
    """A third entry, committed."""
    changed_claim(smallest_effect=math.log(1.02))(monkeypatch)
    register.main(["--reason", WHY])
    commit()
    return place


@pytest.mark.parametrize("forgery", LEDGERS)
def test_a_ledger_that_was_tampered_with_is_named(three, capsys, forgery):
    assert checked(capsys) == []
    forge, words = LEDGERS[forgery]
    forge()
    said = checked(capsys)
    assert any(one.startswith("register.jsonl") and words in one and "put back what" in one for one in said), said
    with pytest.raises(RegisterError, match=r"put back what") as caught:
        register.main(["--reason", WHY])
    assert "\n" not in str(caught.value)


def test_a_ledger_whose_hashes_follow_is_caught_by_git(three, capsys):
    """Who lowers a smallest effect, and has it so from the first entry on, with every hash after it made again."""
    found = [json.loads(line) for line in lines()]
    found[0]["claims"][NAME]["smallest_effect"] = math.log(1.02)
    del found[2]  # which raised it
    register.FILE.write_bytes(b"")
    previous = None
    for said in found:
        line = json.dumps({**said, "previous": previous}, sort_keys=True, ensure_ascii=False)
        previous = register._sha256(line.encode())
        with register.FILE.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
    assert register.load().problems == ()
    assert said_of().startswith("registered before its runs"), "the chain alone cannot know"
    (said,) = checked(capsys)
    assert "line 1: commit" in said
    commit()
    assert checked(capsys) == [said], "in a commit of its own, too"


def test_a_truncation_that_is_committed_is_caught_by_git(three, capsys):
    other_lines(lambda all_: all_[:2])()
    commit()
    assert any("line 3: commit" in one for one in checked(capsys))


def test_a_ledger_that_is_deleted_and_begun_again_is_caught_by_git(three, capsys):
    register.FILE.unlink()
    assert register.main(["--check"]) == 1
    assert capsys.readouterr().out.endswith("register.jsonl: no such file; run `python -m replications register`\n")
    with pytest.raises(RegisterError, match="line 1: commit"):
        register.main(["--reason", WHY])
    commit()
    with pytest.raises(RegisterError, match="line 1: commit"):
        register.main(["--reason", WHY])


def test_a_broken_ledger_is_said_beside_the_verdict(three):
    edited(0, reason="it was always so")()
    assert said_of().startswith("not known, the register is broken: register.jsonl, line 2: it follows a line")


# --- before or after its runs --------------------------------------------------------------------------------------


def begin(monkeypatch, *claims: Claim) -> None:
    """In a copy without runs and register."""
    for name in (".", "real"):
        shutil.rmtree(Path(name, "results"))
    git("rm", "-q", "--cached", str(register.FILE))
    register.FILE.unlink()
    shutil.rmtree(".git")
    git("init", "-q")
    claim_is(monkeypatch, *claims)
    commit()


def test_without_a_register_nothing_was_registered(place, monkeypatch, capsys):
    begin(monkeypatch, SHARPENS)
    train(Path())
    (verdict,) = judge.judge(study.load("."))
    assert verdict.registered == "never registered"
    assert register.withdrawn() == []
    assert register.main(["--check"]) == 1
    assert capsys.readouterr().out == "register.jsonl: no such file; run `python -m replications register`\n"


def test_a_claim_registered_when_its_runs_were_there_says_so(place, monkeypatch):
    begin(monkeypatch, SHARPENS)
    train(Path())
    register.main([])
    assert re.fullmatch(r"first registered after its runs \(entry 0, commit \w{7}\)", said_of())
    train(Path(), code_sha256="a word in a message changed")
    assert said_of().startswith("first registered after"), "the same pictures by other code are no new runs"
    train(Path(), "first", ("gan",))
    changed_params(".", lambda c: c["pix2pix"]["variants"].update(gan={"lambda_l1": 0.0}))(monkeypatch)
    train(Path())
    assert said_of().startswith("first registered after"), "nor does an arm that is added make them new"


def test_new_runs_are_told_from_those_that_were_there(place, monkeypatch):
    begin(monkeypatch, SHARPENS)
    train(Path())
    register.main([])
    train(Path(), "second")
    words = r"registered before its runs \(entry 0, commit \w{7}\), after earlier runs of the same arms"
    assert re.fullmatch(words, said_of())
    register.main([])
    assert re.fullmatch(words, said_of()), "whether it is known to the register or not"
    train(Path())
    assert said_of().startswith("first registered after"), "the old ones, brought back"


def test_one_run_that_was_there_is_enough(place, monkeypatch):
    """More seeds are declared, and trained: of some of them the scores were known."""
    begin(monkeypatch, SHARPENS)
    train(Path())
    register.main([])
    changed_params(".", lambda c: c.update(seeds=[*SEEDS, 6]))(monkeypatch)
    register.main(["--reason", WHY])
    train(Path())
    assert said_of().startswith("changed after its runs: seeds 1, 2, 3, 4, 5 → 1, 2, 3, 4, 5, 6 (entry 1")


def test_a_change_before_the_runs_is_not_held_against_a_claim(place, monkeypatch):
    begin(monkeypatch, SHARPENS)
    register.main([])
    changed_claim(smallest_effect=math.log(1.5))(monkeypatch)
    assert register.main([]) == 0, "without a reason"
    train(Path())
    assert re.fullmatch(r"registered before its runs \(entry 0, .*\)", said_of())
    register.main([])
    assert re.fullmatch(r"registered before its runs \(entry 0, .*\)", said_of())


def test_a_change_by_the_entry_that_first_names_the_runs_is_after_them(place, monkeypatch):
    begin(monkeypatch, SHARPENS)
    register.main([])
    train(Path())
    changed_claim(smallest_effect=math.log(1.02))(monkeypatch)
    with pytest.raises(RegisterError, match="after its runs: expected a reason"):
        register.main([])
    register.main(["--reason", WHY])
    assert said_of().startswith("changed after its runs: smallest_effect 0.223 → 0.0198 (entry 1")


def test_other_seeds_until_they_please_are_told(place, monkeypatch):
    begin(monkeypatch, SHARPENS)
    register.main([])
    train(Path())
    register.main([])
    changed_params(".", lambda c: c.update(seeds=[11, 12, 13, 14, 15]))(monkeypatch)
    register.main(["--reason", "these were poor"])
    train(Path())
    assert said_of().endswith(", after earlier runs of the same arms")


def test_a_claim_about_other_arms_is_held_against_the_runs_of_those_that_it_was_about(place, monkeypatch):
    """What came of the first arms was known, though those of the new ones are trained after it is written down."""
    changed_params(".", lambda c: c["pix2pix"]["variants"].update(cgan={}, l2={}))(monkeypatch)
    changed_claim(predicate=replace(PREDICATE, variant="cgan", than="l2"), checks=())(monkeypatch)
    register.main(["--reason", WHY])
    train(Path())
    said = said_of()
    assert said.startswith("changed after its runs: ")
    assert "predicate.than 'l1' → 'l2', predicate.variant 'l1_cgan' → 'cgan', arm declared in cgan, l2 (entry 2" in said


def test_results_that_are_hidden_for_a_while_are_known_all_the_same(place, monkeypatch):
    """Once an entry has named them."""
    for name in (".", "real"):
        Path(name, "results").rename(Path(name, "hidden"))
    changed_claim(smallest_effect=math.log(1.02))(monkeypatch)
    with pytest.raises(RegisterError, match=r"smallest_effect 0\.223 → 0\.0198, after its runs"):
        register.main([])
    register.main(["--reason", WHY])
    for name in (".", "real"):
        Path(name, "hidden").rename(Path(name, "results"))
    assert said_of().startswith("changed after its runs: smallest_effect 0.223 → 0.0198 (entry 2")


def test_a_claim_without_runs_says_that_none_are_named(place):
    Path("results/pix2pix/runs.csv").unlink()
    assert re.fullmatch(r"registered \(entry 0, commit \w{7}\), and no runs of it are named", said_of())


def test_a_claim_that_is_added_to_a_study_after_its_runs_says_so(place, monkeypatch):
    begin(monkeypatch, replace(SHARPENS, studies=("root",), does_not_hold={}, deviations_in={}))
    register.main([])
    train(Path("real"))
    claim_is(monkeypatch, SHARPENS)
    assert said_of(folder="real") == "never registered"
    register.main([])
    assert said_of(folder="real").startswith("first registered after its runs (entry 1")


# --- the command ---------------------------------------------------------------------------------------------------


def test_it_says_what_changed_and_writes_nothing_else(place, monkeypatch, capsys):
    before = register.FILE.read_bytes()
    assert register.main([]) == 0
    assert capsys.readouterr().out == "register.jsonl: nothing changed since entry 1\n"
    assert register.FILE.read_bytes() == before
    changed_claim(smallest_effect=math.log(1.02))(monkeypatch)
    assert register.main(["--reason", f"  {WHY}\n"]) == 0
    assert capsys.readouterr().out == (
        f"{NAME}: smallest_effect 0.223 → 0.0198\nregister.jsonl: entry 2 written, commit it\n"
    )
    after = register.FILE.read_bytes()
    assert after.startswith(before)
    (line,) = after.removeprefix(before).splitlines()
    said = json.loads(line)
    assert said["reason"] == WHY
    assert list(said["claims"]) == [NAME]
    assert said["tables"] == said["studies"] == said["runs"] == {}, "what changed, and nothing else"
    assert list(said) == sorted(said)
    assert said["commit"] == git("rev-parse", "HEAD").strip()


def test_an_entry_says_what_runs_there_were(place):
    first, second = (json.loads(line) for line in lines())
    assert first["runs"] == {"real": {"pix2pix": None}, "root": {"pix2pix": None}}
    assert second["claims"] == second["studies"] == {}
    runs = second["runs"]["root"]["pix2pix"]
    assert runs["sha256"] == register._sha256(Path("results/pix2pix/runs.csv").read_bytes())
    assert set(runs["runs"]) == {f"{arm}/{seed}" for arm in ("l1", "l1_cgan") for seed in SEEDS}


def test_an_entry_says_whether_git_knew_all_of_it(place, monkeypatch):
    (entry,) = register.load().entries[:1]
    assert entry.clean
    with Path("params.yaml").open("a") as file:
        file.write("# a word\n")
    changed_claim(smallest_effect=math.log(1.02))(monkeypatch)
    register.main(["--reason", WHY])
    entry = register.load().entries[-1]
    assert not entry.clean
    assert f"(entry 2, on top of commit {git('rev-parse', 'HEAD')[:7]})" in said_of()


def test_it_holds_no_date_host_or_path(place):
    text = register.FILE.read_text(encoding="utf-8")
    assert not re.search(r"20\d\d-\d\d|\d\d:\d\d:\d\d|/(home|tmp|work)/", text)


def test_what_is_written_depends_on_nothing_but_what_is_declared(place, tmp_path, monkeypatch):
    """Whatever the order of keys in a params.yaml."""
    shutil.copytree(Path(), tmp_path / "other")
    changed_claim(smallest_effect=math.log(1.02))(monkeypatch)
    register.main(["--reason", WHY])
    here = register.FILE.read_bytes()
    monkeypatch.chdir(tmp_path / "other")
    for name in (".", "real"):
        content = YAML(typ="safe").load(Path(name, "params.yaml"))
        tiny.write_params(Path(name), dict(reversed(content.items())))
    git("commit", "-qam", "in another order")
    register.main(["--reason", WHY])
    there = register.FILE.read_bytes()
    of_here, of_there = (re.sub(rb'"commit": "\w+"', b"", text) for text in (here, there))
    assert of_here == of_there


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--reason", " "], "--reason '': expected some words"),
        (["--check", "--reason", "x"], "--reason: --check writes nothing down; leave one of the two out"),
    ],
)
def test_words_that_make_no_sense_are_one_line(place, words, said):
    with pytest.raises(RegisterError, match=re.escape(said)):
        register.main(words)


def test_without_git_nothing_is_registered(place, monkeypatch):
    shutil.rmtree(".git")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(Path.cwd().parent))
    changed_claim(smallest_effect=math.log(1.02))(monkeypatch)
    with pytest.raises(RegisterError, match="Git has no commit here, expected a clone with its history"):
        register.main(["--reason", WHY])


def test_damaged_runs_are_one_line(place):
    path = Path("results/pix2pix/runs.csv")
    path.write_text("variant,seed\nl1,1\n", encoding="utf-8")
    with pytest.raises(ResultsError, match=r"runs\.csv: damaged \(a row is not variant, .*images_sha256.*; run `d"):
        register.here()


def test_a_field_that_claims_will_get_changes_no_registered_claim():
    """Where it is empty, no or nothing."""
    assert register.content(replace(SHARPENS, published=None, decisive=())).keys().isdisjoint({"published", "decisive"})
    assert register.content(replace(SHARPENS, smallest_effect=0.0))["smallest_effect"] == 0.0


# --- the committed register ----------------------------------------------------------------------------------------


def test_the_committed_register_is_whole_and_says_what_is_here(monkeypatch, capsys):
    monkeypatch.chdir(tiny.ROOT)
    if not register.FILE.exists() and not list(register.history_problems()):
        pytest.skip("no register was ever committed")
    assert register.main(["--check"]) == 0, capsys.readouterr().out

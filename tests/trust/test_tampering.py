"""Tampering with a copy of what is committed: each check of test_claims.py fails, and its message names the culprit."""

import csv
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from replications import code, study
from replications.judging import register
from replications.judging.predicates import opposite
from replications.judging.scores import ScoreError, read_scores
from replications.judging.verdicts import judge as judge_claims
from replications.reporting import report
from replications.study import StudyError
from replications.trust import chain
from tests import tiny
from tests.test_claims import (
    CLAIMS,
    ROOT,
    STUDIES,
    check_code,
    check_complete,
    check_file,
    check_holds,
    check_params,
    check_tables,
    check_verdict,
    claims_of,
    committed,
    judged,
    repro,
    there,
    title,
)

SHARPENS = next(claim for claim in CLAIMS if claim.id == "adversarial_term_sharpens")


def l1_cgan(name: str) -> dict[str, str]:
    """A run of each study: what its rows have."""
    return {"variant": "l1_cgan", "seed": str(first_seed(name))}


def first_seed(name: str) -> int:
    return study.load(ROOT / name).seeds_of("pix2pix")[0]


def one_score(name: str) -> dict[str, str]:
    return {**l1_cgan(name), "instrument": "laplacian_variance"}


@pytest.fixture(params=STUDIES, ids=title)
def name(request) -> str:
    return request.param


@pytest.fixture
def tree(tmp_path) -> Path:
    """A copy of what is committed and read here."""
    for name in STUDIES:
        for file in ("params.yaml", "dvc.lock"):
            assert (ROOT / name / file).exists(), f"{Path(name, file)}: no such file; run {repro(name)} and commit it"
            (tmp_path / name).mkdir(exist_ok=True)
            shutil.copy(ROOT / name / file, tmp_path / name / file)
        assert (ROOT / name / "results").exists(), f"{Path(name, 'results')}: no such folder; run {repro(name)}"
        shutil.copytree(ROOT / name / "results", tmp_path / name / "results")
    if (ROOT / register.FILE).exists():
        shutil.copy(ROOT / register.FILE, tmp_path / register.FILE)
    for readme in tiny.READMES:
        (tmp_path / readme).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / readme, tmp_path / readme)
    return tmp_path


def change_rows(tree: Path, name: str, change) -> None:
    """Writes scores.csv again with each row replaced by those that `change` makes of it."""
    path = tree / name / "results" / "pix2pix" / "scores.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    changed = [new for row in rows for new in change(row)]
    assert changed != rows
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(changed)


def is_row(row: dict, wanted: dict) -> bool:
    return wanted.items() <= row.items()


def failure_of(check, *arguments) -> str:
    """What a check that must fail says."""
    with pytest.raises((AssertionError, pytest.fail.Exception)) as caught:
        check(*arguments)
    return str(caught.value)


def check_sharpens(tree: Path, name: str) -> None:
    check_verdict(judged(tree, name), committed(tree, name), name, SHARPENS)


def test_an_untouched_copy_passes(tree, name):
    check_sharpens(tree, name)
    check_file(tree, name, "pix2pix/scores.csv")
    check_params(tree, name)
    check_tables(tree)


def test_an_altered_score_is_noticed_twice(tree, name):
    change_rows(
        tree,
        name,
        lambda row: [{**row, "score": f"{float(row['score']) * 1.001:.6g}"} if is_row(row, one_score(name)) else row],
    )
    said = failure_of(check_file, tree, name, "pix2pix/scores.csv")
    assert said.startswith(
        f"{Path(name, 'results/pix2pix/scores.csv')}: its bytes are not those that stage measure@pix2pix wrote"
    )
    assert repro(name) in said
    said = failure_of(check_sharpens, tree, name)
    first = "snapshots" if name == "." else "checks"  # there a check reads this score, too
    assert f"claim pix2pix/adversarial_term_sharpens, study {title(name)}: {first} is" in said


def test_an_altered_verdict_is_noticed_twice(tree, name):
    path = tree / name / "results" / "verdicts.json"
    entries = json.loads(path.read_text(encoding="utf-8"))
    entry = next(entry for entry in entries if entry["id"] == SHARPENS.id)
    before, entry["verdict"] = entry["verdict"], "altered"
    path.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert "verdicts.json: its bytes are not those that stage judge wrote" in failure_of(
        check_file, tree, name, "verdicts.json"
    )
    said = failure_of(check_sharpens, tree, name)
    assert f"adversarial_term_sharpens, study {title(name)}: verdict is 'altered'" in said
    assert f"the scores say {before!r}" in said


def test_a_verdict_left_out_is_noticed(tree, name):
    entries = committed(tree, name)
    del entries[SHARPENS.id]
    assert SHARPENS.id in failure_of(check_complete, entries, name)
    assert SHARPENS.id in failure_of(check_verdict, judged(tree, name), entries, name, SHARPENS)


def test_a_verdict_altered_in_the_readme_is_noticed(tree):
    path = tree / "results" / "README.md"
    text = path.read_text(encoding="utf-8")
    assert " ✔ replicated<br>" in text
    path.write_text(text.replace(" ✔ replicated<br>", " ✔ Replicated<br>", 1), encoding="utf-8")
    said = failure_of(check_tables, tree)
    assert "README.md shows" in said
    assert "✔ Replicated" in said


def test_a_mean_altered_in_a_replications_readme_is_noticed(tree):
    path = tree / "replications" / "pix2pix" / "README.md"
    before, generated = path.read_text(encoding="utf-8").split(report.markers("results")[0])
    assert " [" in generated
    path.write_text(before + report.markers("results")[0] + generated.replace(" [", " [9", 1), encoding="utf-8")
    said = failure_of(check_tables, tree)
    assert "replications/pix2pix/README.md shows" in said
    assert " [9" in said


def test_an_altered_lock_is_noticed(tree, name):
    path = tree / name / "dvc.lock"
    wanted = chain.md5(tree / name / "results/pix2pix/scores.csv")
    path.write_text(path.read_text(encoding="utf-8").replace(wanted, "a" * 32), encoding="utf-8")
    said = failure_of(check_file, tree, name, "pix2pix/scores.csv")
    assert "a" * 32 in said


def test_a_result_that_is_gone_is_noticed(tree, name):
    for file in chain.result_files(study.load(ROOT / name)):
        gone = tree / name / "results" / file
        shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
        assert f"{Path(name, 'results', file)}: no such file, stage" in failure_of(check_file, tree, name, file)


def score_error(tree: Path, name: str) -> str:
    with pytest.raises(ScoreError) as caught:
        judged(tree, name)
    message = str(caught.value)
    assert "\n" not in message
    assert str(Path(name, "results/pix2pix/scores.csv")) in message
    assert "run `dvc repro" in message
    assert "measure@pix2pix`" in message
    return message


def test_a_missing_run_is_named(tree, name):
    change_rows(tree, name, lambda row: [] if is_row(row, l1_cgan(name)) else [row])
    assert f"has no score of l1_cgan seed {first_seed(name)}" in score_error(tree, name)


@pytest.mark.parametrize("other", [{"seed": "77"}, {"variant": "l1_wgan"}])
def test_an_undeclared_run_is_named(tree, name, other):
    change_rows(tree, name, lambda row: [row, {**row, **other}] if is_row(row, l1_cgan(name)) else [row])
    wanted = {**l1_cgan(name), **other}
    assert f"scores the undeclared run {wanted['variant']} seed {wanted['seed']}" in score_error(tree, name)


@pytest.mark.parametrize("score", ["nan", "inf", "", "good"])
def test_a_score_that_is_no_number_is_named(tree, name, score):
    change_rows(tree, name, lambda row: [{**row, "score": score} if is_row(row, one_score(name)) else row])
    said = score_error(tree, name)
    assert "'l1_cgan'" in said
    assert "'laplacian_variance'" in said
    assert f"'{first_seed(name)}'" in said


def test_a_double_score_is_named(tree, name):
    change_rows(tree, name, lambda row: [row, row] if is_row(row, one_score(name)) else [row])
    said = score_error(tree, name)
    assert "the second score of this variant, seed and instrument" in said
    assert "'l1_cgan'" in said


def test_a_missing_instrument_is_named(tree, name):
    change_rows(tree, name, lambda row: [] if is_row(row, one_score(name)) else [row])
    with pytest.raises(
        ScoreError,
        match=rf"'l1_cgan', instrument 'laplacian_variance': scores missing for declared seeds \[{first_seed(name)}\]",
    ):
        judged(tree, name)


def test_a_constant_instrument_sharpens_nothing(tree, name):
    change_rows(tree, name, lambda row: [{**row, "score": "1"} if row["instrument"] == "laplacian_variance" else row])
    verdict = judged(tree, name)[SHARPENS.id]
    assert verdict.if_tested == "negligible", "no effect at all, whatever the seed"
    assert verdict.verdict in ("negligible", "untestable")
    assert "adversarial_term_sharpens" in failure_of(check_holds, verdict)
    said = failure_of(check_sharpens, tree, name)
    assert f"adversarial_term_sharpens, study {title(name)}: verdict is '" in said
    assert f"the scores say '{verdict.verdict}'" in said


def test_swapped_arms_are_contradicted(tree, name):
    with there(tree):
        declared = study.load(name)
        scores = {room: read_scores(declared, room) for room in declared.variants}
    swapped = replace(SHARPENS, predicate=opposite(SHARPENS.predicate), also={})
    claims = [swapped if claim is SHARPENS else claim for claim in claims_of(name)]
    seeds = {room: declared.seeds_of(room) for room in scores}
    verdicts = {verdict.id: verdict for verdict in judge_claims(claims, scores, seeds, title(name))}
    assert verdicts[SHARPENS.id].if_tested == "contradicted"
    outcome = verdicts[SHARPENS.id].verdict
    assert outcome in ("contradicted", "untestable")
    assert f"is {outcome}, expected replicated" in failure_of(check_holds, verdicts[SHARPENS.id])
    said = failure_of(check_verdict, verdicts, committed(tree, name), name, SHARPENS)
    assert "adversarial_term_sharpens" in said


def change_params(tree: Path, name: str, old: str, new: str) -> None:
    path = tree / name / "params.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_misspelt_params_key_is_named(tree, name):
    change_params(tree, name, "\n  lambda_l1:", "\n  lamda_l1:")
    with pytest.raises(StudyError, match=r"unknown key 'lamda_l1'; did you mean 'lambda_l1'\?"):
        judged(tree, name)
    assert f"{Path(name, 'params.yaml')}: pix2pix.lamda_l1 is 100.0, but stage" in failure_of(check_params, tree, name)


def test_a_params_value_of_the_wrong_type_is_named(tree, name):
    change_params(tree, name, "\n  lambda_l1: 100.0", "\n  lambda_l1: many")
    with pytest.raises(StudyError, match="lambda_l1 = 'many': input should be a valid number"):
        judged(tree, name)
    assert "pix2pix.lambda_l1 is many, but stage" in failure_of(check_params, tree, name)


def test_a_changed_params_value_is_named(tree, name):
    change_params(tree, name, "cgan: {lambda_l1: 0.0}", "cgan: {}")
    said = failure_of(check_params, tree, name)
    assert "pix2pix.variants.cgan.lambda_l1 is nothing, but stage" in said
    assert "ran with 0.0" in said
    assert repro(name) in said


def test_changed_code_is_named(tree, monkeypatch):
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "replications", tree / "replications", ignore=ignore, dirs_exist_ok=True)
    check_code(tree, ".")
    monkeypatch.setattr(code, "PACKAGE", tree / "replications")
    for file, stage in {
        "pix2pix/train.py": "train@pix2pix",
        "instruments/sharpness.py": "measure@pix2pix",
        "statistics.py": "measure@pix2pix",
        "pix2pix/claims.py": "judge",
    }.items():
        path = tree / "replications" / file
        text = path.read_text(encoding="utf-8")
        path.write_text(text + "\n# changed\n", encoding="utf-8")
        check_code(tree, ".")
        path.write_text(text + "\nCHANGED = True\n", encoding="utf-8")
        said = failure_of(check_code, tree, ".")
        assert "ran with other code than today's" in said
        with there(tree):
            assert any(f"stage {stage} ran with" in problem for problem in chain.code_problems(Path()))
        path.write_text(text, encoding="utf-8")


def test_nets_that_were_replaced_are_named(tree, name):
    """In the lock, whose digests say which nets judged, and on disk."""
    lock = tree / name / "dvc.lock"
    folder = Path(name, "readers").as_posix()
    digests = set(
        re.findall(rf"path: {re.escape(folder)}\n +hash: md5\n +md5: (\S+)", lock.read_text(encoding="utf-8"))
    )
    assert len(digests) == 1, "trained, and judged with"
    with there(tree):
        assert not list(chain.net_problems(Path(name)))
    lock.write_text(lock.read_text(encoding="utf-8").replace(digests.pop(), f"{'0' * 32}.dir", 1), encoding="utf-8")
    with there(tree):
        said = "\n".join(chain.net_problems(Path(name)))
    assert f"{folder}: stage" in said
    assert "judged by other nets than stage readers trained" in said


def test_a_net_that_was_replaced_on_disk_is_named(tree, name):
    (tree / name / "readers" / "1").mkdir(parents=True)
    (tree / name / "readers" / "1" / "segmentation.npz").write_bytes(b"another")
    with there(tree):
        said = "\n".join(chain.net_problems(Path(name)))
    assert "its nets are not those that stage readers trained" in said


def test_a_control_that_was_altered_is_noticed(tree, name):
    """A bound that is lowered in its file lets nets pass that have not learned."""
    path = tree / name / "results" / "pix2pix" / "controls.csv"
    of_photos = f"photos,{first_seed(name)},pixel_accuracy,"
    path.write_text(path.read_text(encoding="utf-8").replace(f"{of_photos}0", f"{of_photos}1"))
    assert "its bytes are not those that stage controls@pix2pix wrote" in failure_of(
        check_file, tree, name, "pix2pix/controls.csv"
    )

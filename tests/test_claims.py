"""The claims, one test for each in every study: do the committed verdicts follow from the committed scores, and hold?

Nothing is trained here and nothing heavy is imported. The checks are plain functions of a folder, so that the tests
at the end can hand them a copy that was tampered with and see them fail.
"""

import contextlib
import csv
import hashlib
import importlib
import json
import os
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from replications import judge, report, study
from replications.claims import Claim, ScoreError, Verdict, opposite
from replications.claims import judge as judge_claims
from replications.study import StudyError

ROOT = Path(__file__).parent.parent
STUDIES = (
    ".",
    *(name for name in ("real", "paper") if any((ROOT / name / f).exists() for f in ("results", "dvc.lock"))),
)
FILES = (
    "readers.json",
    "verdicts.json",
    "verdicts.md",
    "metrics.json",
    *(
        f"{name}/{file}"
        for name in study.REPLICATIONS
        for file in ("scores.csv", "summary.csv", "metrics.json", "sheet.png")
    ),
)
CLAIMS = [
    claim for name in study.REPLICATIONS for claim in importlib.import_module(f"replications.{name}.claims").CLAIMS
]


def title(name: str) -> str:
    """What a study is called: its folder, or `root`."""
    return "root" if name == "." else name


def cases(expecting: bool = False):
    """One pytest case for each study and claim; where a claim is known not to hold, a strict expected failure."""
    for name in STUDIES:
        for claim in CLAIMS:
            if title(name) in claim.studies:
                reason = claim.does_not_hold.get(title(name))
                marks = [pytest.mark.xfail(strict=True, reason=reason)] if expecting and reason else []
                yield pytest.param(name, claim, id=f"{title(name)}-{claim.replication}-{claim.id}", marks=marks)


# --- the checks: functions of a repository's folder and a study's name ---------------------------------------------


@contextlib.contextmanager
def there(tree: Path):
    """Works in a repository's folder, since a study is named by its path from there."""
    before = Path.cwd()
    os.chdir(tree)
    try:
        yield
    finally:
        os.chdir(before)


def repro(name: str) -> str:
    return "`dvc repro`" if name == "." else f"`dvc repro {name}/dvc.yaml`"


def read_lock(tree: Path, name: str) -> dict[str, dict]:
    path = tree / name / "dvc.lock"
    assert path.exists(), f"{Path(name, 'dvc.lock')}: no such file; run {repro(name)} and commit it"
    return YAML(typ="safe").load(path)["stages"]


def md5_of(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def check_file(tree: Path, name: str, file: str) -> None:
    """A result is byte for byte what its stage wrote."""
    path = Path(name, "results", file)
    remedy = f"run {repro(name)} and commit what it writes"
    outs = {
        Path(out["path"]): (stage, out["md5"])
        for stage, entry in read_lock(tree, name).items()
        for out in entry.get("outs", ())
    }
    assert path in outs, f"{path}: no stage of {Path(name, 'dvc.lock')} wrote it; {remedy}"
    stage, wanted = outs[path]
    assert (tree / path).exists(), f"{path}: no such file, stage {stage} should have written it; {remedy}"
    found = md5_of(tree / path)
    assert found == wanted, (
        f"{path}: its bytes are not those that stage {stage} wrote "
        f"(md5 {found}, {Path(name, 'dvc.lock')} says {wanted}); {remedy}"
    )


def check_params(tree: Path, name: str) -> None:
    """The results were made with the parameters that params.yaml holds."""
    file = Path(name, "params.yaml")
    present = YAML(typ="safe").load(tree / file)
    seen = set()
    for stage, entry in read_lock(tree, name).items():
        for key, used in entry.get("params", {}).get(str(file), {}).items():
            seen.add(key)
            for where, here, there_ in differences(present.get(key, "nothing"), used, key):
                pytest.fail(f"{file}: {where} is {here}, but stage {stage} ran with {there_}; run {repro(name)}")
    wanted = {"seeds", "readers", *study.REPLICATIONS}
    assert wanted <= seen, f"{Path(name, 'dvc.lock')}: no stage ran with {sorted(wanted - seen)}; run {repro(name)}"


def differences(here, there_, where: str):
    """(key, value here, value there) of whatever is not equal, `nothing` where one side lacks the key."""
    if isinstance(here, dict) and isinstance(there_, dict):
        for key in [*here, *(key for key in there_ if key not in here)]:
            yield from differences(here.get(key, "nothing"), there_.get(key, "nothing"), f"{where}.{key}")
    elif here != there_ or type(here) is not type(there_):
        yield where, here, there_


def check_code(tree: Path, name: str) -> None:
    """The results were made by the code that is here."""
    for stage, entry in read_lock(tree, name).items():
        for dep in entry.get("deps", ()):
            path = Path(dep["path"])
            if path.parts[0] == "replications":
                assert (tree / path).exists(), f"{path}: stage {stage} read it, it is gone; run {repro(name)}"
                found = md5_of_folder(tree / path) if (tree / path).is_dir() else md5_of(tree / path)
                assert found == dep["md5"], f"{path}: changed since stage {stage} ran; run {repro(name)}"


def md5_of_folder(folder: Path) -> str:
    """As DVC counts it: the list of the files and their hashes; .dvcignore leaves out what does not matter."""
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != "README.md"
    )
    entries = sorted(
        ({"md5": md5_of(path), "relpath": path.relative_to(folder).as_posix()} for path in files),
        key=lambda one: one["relpath"],
    )
    return hashlib.md5(json.dumps(entries, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"


def judged(tree: Path, name: str) -> dict[str, Verdict]:
    """Claim → the verdict that follows from the scores."""
    with there(tree):
        return {verdict.id: verdict for verdict in judge.judge(study.load(name))}


def committed(tree: Path, name: str) -> dict[str, dict]:
    """Claim → the verdict as committed."""
    path = Path(name, "results", "verdicts.json")
    assert (tree / path).exists(), f"{path}: no such file; run {repro(name)} and commit what it writes"
    return {entry["id"]: entry for entry in json.loads((tree / path).read_text(encoding="utf-8"))}


def check_verdict(verdicts: dict[str, Verdict], entries: dict[str, dict], name: str, claim: Claim) -> None:
    """The committed verdict is what the committed scores say, number for number."""
    where = f"claim {claim.replication}/{claim.id}, study {title(name)}"
    remedy = f"run {repro(name)}"
    assert claim.id in entries, f"{where}: results/verdicts.json has no verdict on it; {remedy}"
    follows = json.loads(json.dumps(verdicts[claim.id].as_json()))
    for field, here, there_ in differences(entries[claim.id], follows, ""):
        pytest.fail(f"{where}: {field[1:]} is {here!r} in results/verdicts.json, the scores say {there_!r}; {remedy}")


def check_complete(entries: dict[str, dict], name: str) -> None:
    """No verdict is there that nobody claims."""
    claimed = [claim.id for claim in CLAIMS if title(name) in claim.studies]
    wrong = sorted(set(entries) ^ set(claimed)) or "another order"
    assert list(entries) == claimed, f"results/verdicts.json of study {title(name)}: {wrong}; run {repro(name)}"


def check_holds(verdict: Verdict) -> None:
    """The claim is replicated."""
    assert verdict.verdict == "replicated", (
        f"{verdict.replication}/{verdict.id} in study {verdict.study} is {verdict.verdict}, expected replicated: "
        f"{verdict.in_words()}, where {report.smallest(verdict.as_json())} matters ({verdict.statement})"
    )


def check_table(tree: Path) -> None:
    """README.md shows these verdicts."""
    with there(tree):
        readme = Path("README.md").read_text(encoding="utf-8")
        expected = report.with_table(readme, report.table(Path()))
    lines = zip(expected.splitlines(), readme.splitlines(), strict=False)
    different = next(((shown, should) for should, shown in lines if should != shown), None)
    assert different is None, f"README.md shows {different[0]!r}, the verdicts say {different[1]!r}; run `dvc repro`"
    assert readme == expected


# --- the committed studies -----------------------------------------------------------------------------------------

judged_here, committed_here = cache(judged), cache(committed)


@pytest.mark.parametrize(("name", "claim"), cases())
def test_verdict_follows_from_scores(name, claim):
    check_verdict(judged_here(ROOT, name), committed_here(ROOT, name), name, claim)


@pytest.mark.parametrize(("name", "claim"), cases(expecting=True))
def test_claim_holds(name, claim):
    check_holds(judged_here(ROOT, name)[claim.id])


@pytest.mark.parametrize("name", STUDIES, ids=title)
@pytest.mark.parametrize("file", FILES)
def test_result_is_what_its_stage_wrote(name, file):
    check_file(ROOT, name, file)


@pytest.mark.parametrize("name", STUDIES, ids=title)
def test_results_were_made_with_these_params(name):
    check_params(ROOT, name)


def test_results_were_made_by_this_code():
    """Of the bundled study alone: a comment should not oblige anybody to train hours for the others."""
    check_code(ROOT, ".")


@pytest.mark.parametrize("name", STUDIES, ids=title)
def test_every_verdict_belongs_to_a_claim(name):
    check_complete(committed_here(ROOT, name), name)


def test_readme_shows_the_verdicts():
    check_table(ROOT)


def test_a_failure_is_expected_only_with_a_reason():
    for claim in CLAIMS:
        assert all(len(reason.split()) >= 5 for reason in claim.does_not_hold.values()), claim.id


# --- tampering with a copy -----------------------------------------------------------------------------------------

SHARPENS = next(claim for claim in CLAIMS if claim.id == "adversarial_term_sharpens")
L1_CGAN = {"variant": "l1_cgan", "seed": "1", "instrument": "laplacian_variance"}


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
    shutil.copy(ROOT / "README.md", tmp_path)
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
    check_table(tree)


def test_an_altered_score_is_noticed_twice(tree, name):
    change_rows(
        tree,
        name,
        lambda row: [{**row, "score": f"{float(row['score']) * 1.001:.6g}"} if is_row(row, L1_CGAN) else row],
    )
    said = failure_of(check_file, tree, name, "pix2pix/scores.csv")
    assert said.startswith(
        f"{Path(name, 'results/pix2pix/scores.csv')}: its bytes are not those that stage measure@pix2pix wrote"
    )
    assert repro(name) in said
    said = failure_of(check_sharpens, tree, name)
    assert f"claim pix2pix/adversarial_term_sharpens, study {title(name)}: effect is" in said


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
    path = tree / "README.md"
    text = path.read_text(encoding="utf-8")
    assert " ✔ replicated<br>" in text
    path.write_text(text.replace(" ✔ replicated<br>", " ✔ Replicated<br>", 1), encoding="utf-8")
    said = failure_of(check_table, tree)
    assert "README.md shows" in said
    assert "✔ Replicated" in said


def test_an_altered_lock_is_noticed(tree, name):
    path = tree / name / "dvc.lock"
    wanted = md5_of(tree / name / "results/pix2pix/scores.csv")
    path.write_text(path.read_text(encoding="utf-8").replace(wanted, "0" * 32), encoding="utf-8")
    said = failure_of(check_file, tree, name, "pix2pix/scores.csv")
    assert "0" * 32 in said


@pytest.mark.parametrize("file", FILES)
def test_a_result_that_is_gone_is_noticed(tree, name, file):
    (tree / name / "results" / file).unlink()
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
    change_rows(tree, name, lambda row: [] if is_row(row, {"variant": "l1_cgan", "seed": "1"}) else [row])
    assert "has no score of l1_cgan seed 1" in score_error(tree, name)


@pytest.mark.parametrize("other", [{"seed": "77"}, {"variant": "l1_wgan"}])
def test_an_undeclared_run_is_named(tree, name, other):
    change_rows(
        tree, name, lambda row: [row, {**row, **other}] if is_row(row, {"variant": "l1_cgan", "seed": "1"}) else [row]
    )
    wanted = {"variant": "l1_cgan", "seed": "1", **other}
    assert f"scores the undeclared run {wanted['variant']} seed {wanted['seed']}" in score_error(tree, name)


@pytest.mark.parametrize("score", ["nan", "inf", "", "good"])
def test_a_score_that_is_no_number_is_named(tree, name, score):
    change_rows(tree, name, lambda row: [{**row, "score": score} if is_row(row, L1_CGAN) else row])
    said = score_error(tree, name)
    assert "'l1_cgan'" in said
    assert "'laplacian_variance'" in said
    assert "'1'" in said


def test_a_double_score_is_named(tree, name):
    change_rows(tree, name, lambda row: [row, row] if is_row(row, L1_CGAN) else [row])
    said = score_error(tree, name)
    assert "the second score of this variant, seed and instrument" in said
    assert "'l1_cgan'" in said


def test_a_missing_instrument_is_named(tree, name):
    change_rows(tree, name, lambda row: [] if is_row(row, L1_CGAN) else [row])
    with pytest.raises(
        ScoreError, match=r"'l1_cgan', instrument 'laplacian_variance': scores missing for declared seeds \[1\]"
    ):
        judged(tree, name)


def test_a_constant_instrument_sharpens_nothing(tree, name):
    change_rows(tree, name, lambda row: [{**row, "score": "1"} if row["instrument"] == "laplacian_variance" else row])
    verdict = judged(tree, name)[SHARPENS.id]
    assert verdict.verdict != "replicated"
    assert "adversarial_term_sharpens" in failure_of(check_holds, verdict)
    assert "effect is" in failure_of(check_sharpens, tree, name)


def test_swapped_arms_are_contradicted(tree, name):
    with there(tree):
        declared = study.load(name)
        scores = {"pix2pix": judge.read_scores(declared, "pix2pix")}
    swapped = replace(SHARPENS, predicate=opposite(SHARPENS.predicate), also={})
    claims = [swapped if claim is SHARPENS else claim for claim in CLAIMS]
    verdicts = {verdict.id: verdict for verdict in judge_claims(claims, scores, declared.seeds, title(name))}
    assert verdicts[SHARPENS.id].verdict == "contradicted"
    assert "is contradicted, expected replicated" in failure_of(check_holds, verdicts[SHARPENS.id])
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
    change_params(tree, name, "{discriminator: none, lambda_l1: 0.0, lambda_l2: 100.0}", "{discriminator: none}")
    said = failure_of(check_params, tree, name)
    assert "pix2pix.variants.l2.lambda_l1 is nothing, but stage" in said
    assert "ran with 0.0" in said
    assert repro(name) in said


def test_changed_code_is_named(tree):
    shutil.copytree(ROOT / "replications", tree / "replications", ignore=shutil.ignore_patterns("__pycache__"))
    check_code(tree, ".")
    for file in ("pix2pix/train.py", "instruments/sharpness.py", "statistics.py"):
        path = tree / "replications" / file
        text = path.read_text(encoding="utf-8")
        path.write_text(text + "\n# changed\n", encoding="utf-8")
        said = failure_of(check_code, tree, ".")
        assert "changed since stage" in said
        assert str(Path("replications", file).parent) in said
        path.write_text(text, encoding="utf-8")

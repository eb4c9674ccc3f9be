"""The claims, one test for each in every study: do the committed verdicts follow from the committed scores, and hold?

Nothing is trained here and nothing heavy is imported. The checks are plain functions of a folder: test_tampering.py
hands them copies that were tampered with and sees them fail.
"""

import contextlib
import hashlib
import importlib
import json
import os
from functools import cache
from itertools import zip_longest
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from replications import judge, report, study
from replications.claims import Claim, Verdict

ROOT = Path(__file__).parent.parent
STUDIES = (
    ".",
    *(name for name in ("real", "paper") if any((ROOT / name / f).exists() for f in ("results", "dvc.lock"))),
)
ROOMS = {name: tuple(study.load(ROOT / name).variants) for name in STUDIES}
"""Study → the replications that its params.yaml declares; a study need not have them all."""
CLAIMS = [
    claim
    for room in study.REPLICATIONS
    if any(room in rooms for rooms in ROOMS.values())
    for claim in importlib.import_module(f"replications.{room}.claims").CLAIMS
]


def title(name: str) -> str:
    """What a study is called: its folder, or `root`."""
    return "root" if name == "." else name


def claims_of(name: str) -> list[Claim]:
    """The claims that are on trial in a study: those that name it, of the replications that it declares."""
    return [claim for claim in CLAIMS if claim.replication in ROOMS[name] and title(name) in claim.studies]


def files_of(name: str) -> tuple[str, ...]:
    """The committed results of a study."""
    of_a_room = ("scores.csv", "summary.csv", "curves.csv", "metrics.json", "sheet.png")
    rooms = (f"{room}/{file}" for room in ROOMS[name] for file in of_a_room)
    return ("readers.json", "verdicts.json", "verdicts.md", "metrics.json", *rooms)


def cases(expecting: bool = False):
    """One pytest case for each study and claim; where a claim is known not to hold, a strict expected failure."""
    found = []
    for name in STUDIES:
        for claim in claims_of(name):
            reason = claim.does_not_hold.get(title(name))
            marks = [pytest.mark.xfail(strict=True, reason=reason)] if expecting and reason else []
            found.append(pytest.param(name, claim, id=f"{title(name)}-{claim.replication}-{claim.id}", marks=marks))
    return found


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
    return stages_in(path.read_text(encoding="utf-8"))


@cache
def stages_in(text: str) -> dict[str, dict]:
    """Every check asks for the lock, whose reading takes longer than all else that they do."""
    return YAML(typ="safe").load(text)["stages"]


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
    wanted = {"seeds", "readers", *ROOMS[name]}
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
    claimed = [claim.id for claim in claims_of(name)]
    wrong = sorted(set(entries) ^ set(claimed)) or "another order"
    assert list(entries) == claimed, f"results/verdicts.json of study {title(name)}: {wrong}; run {repro(name)}"


def check_holds(verdict: Verdict) -> None:
    """The claim is replicated."""
    assert verdict.verdict == "replicated", (
        f"{verdict.replication}/{verdict.id} in study {verdict.study} is {verdict.verdict}, expected replicated: "
        f"{verdict.in_words()}, where {report.smallest(verdict.as_json())} matters ({verdict.statement})"
    )


def check_tables(tree: Path) -> None:
    """The README files show these verdicts and scores."""
    with there(tree):
        for path, table in report.generated(Path()).items():
            readme = path.read_text(encoding="utf-8")
            expected = report.with_table(readme, table)
            lines = zip_longest(expected.splitlines(), readme.splitlines())
            for should, shown in lines:
                assert should == shown, f"{path} shows {shown!r}, the results say {should!r}; run `dvc repro`"
            assert readme == expected


# --- the committed studies -----------------------------------------------------------------------------------------

judged_here, committed_here = cache(judged), cache(committed)


@pytest.mark.parametrize(("name", "claim"), cases())
def test_verdict_follows_from_scores(name, claim):
    check_verdict(judged_here(ROOT, name), committed_here(ROOT, name), name, claim)


@pytest.mark.parametrize(("name", "claim"), cases(expecting=True))
def test_claim_holds(name, claim):
    check_holds(judged_here(ROOT, name)[claim.id])


@pytest.mark.parametrize(
    ("name", "file"),
    [pytest.param(name, file, id=f"{title(name)}-{file}") for name in STUDIES for file in files_of(name)],
)
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


def test_readmes_show_the_results():
    check_tables(ROOT)


def test_no_two_claims_share_an_id():
    """Of all replications together: verdicts are looked up by it, here and by people."""
    ids = [claim.id for claim in CLAIMS]
    assert not {id for id in ids if ids.count(id) > 1}


def test_every_claim_is_on_trial_and_in_its_own_room():
    assert set(study.REPLICATIONS) == set(ROOMS["."]), "the bundled study declares every replication"
    on_trial = {claim.id for name in STUDIES for claim in claims_of(name)}
    for room in study.REPLICATIONS:
        for claim in importlib.import_module(f"replications.{room}.claims").CLAIMS:
            assert claim.replication == room, f"{claim.id} is declared in {room}"
            assert claim.id in on_trial, f"{room}/{claim.id} names {claim.studies}, none of which tries it"


def test_a_failure_is_expected_only_with_a_reason():
    for claim in CLAIMS:
        assert all(len(reason.split()) >= 5 for reason in claim.does_not_hold.values()), claim.id

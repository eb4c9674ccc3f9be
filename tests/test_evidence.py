"""Results of earlier code stay, named by the commit that has it; what no commit is named for is refused."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from replications import code, evidence, study
from replications.evidence import EvidenceError
from replications.needs import reads
from tests import tiny
from tests.test_claims import ROOMS, STUDIES, there, title


def of_earlier_code(name: str) -> list[str]:
    """The replications of a study whose committed runs today's code did not train."""
    with there(tiny.ROOT):
        return [room for room in ROOMS[name] if set(evidence.versions(Path(name), room)) != {""}]


@pytest.mark.parametrize("name", STUDIES, ids=title)
def test_every_committed_run_is_of_todays_code_or_of_a_commit_that_has_its_code(name):
    with there(tiny.ROOT):
        for room in ROOMS[name]:
            for digest in {row["code_sha256"] for row in evidence.read_runs(Path(name), room).values()}:
                assert evidence.problems(Path(name), room, digest) == []


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A copy of what the `paper` study has committed; the working directory is its parent."""
    if not of_earlier_code("paper"):
        pytest.skip("all of paper/ is of today's code")
    for file in ("params.yaml", "dvc.lock"):
        (tmp_path / "paper").mkdir(exist_ok=True)
        shutil.copy(tiny.ROOT / "paper" / file, tmp_path / "paper" / file)
    shutil.copytree(tiny.ROOT / "paper" / "results", tmp_path / "paper" / "results")
    monkeypatch.chdir(tmp_path)
    return Path("paper")


def room_of(folder: Path) -> tuple[str, str, str]:
    """A replication with evidence of earlier code, the digest of that code, the commit."""
    room, declared = next((room, one) for room, one in evidence.read(folder).items() if one["trained"])
    digest, commit = next(iter(declared["trained"].items()))
    return room, digest, commit


def rewrite(folder: Path, room: str, trained: dict) -> None:
    declared = evidence.read(folder)
    declared[room]["trained"] = trained
    evidence.file(folder).write_text(json.dumps(declared), encoding="utf-8")


def test_a_declaration_does_not_just_go(folder):
    """Who deletes it, and has it written again, finds it there again."""
    if not evidence.declared_earlier(folder) or evidence._git("rev-parse", "--is-shallow-repository") != b"false\n":
        pytest.skip("the history of this clone does not say it: run `git fetch --unshallow`")
    declared = study.load(folder)
    assert list(evidence.history_problems(declared)) == []
    before = evidence.read(folder)
    evidence.file(folder).unlink()
    assert evidence.declare(declared, 1) == before
    gone = list(evidence.history_problems(declared))
    assert {re.search(r"results/(\w+)/scores", one)[1] for one in gone} == before.keys()
    room = next(iter(before))
    evidence.file(folder).write_text(json.dumps({**before, room: {**before[room], "measured": "0" * 40}}))
    (other,) = evidence.history_problems(declared)
    assert f"{room}/scores.csv was declared to be measured by" in other


def test_a_declaration_is_not_invented(monkeypatch):
    """Of what today's code measured, by the commit that has its scores or by another one."""
    with there(tiny.ROOT):
        declared = study.load(".")
        if not evidence.declared_earlier(Path()) or evidence._git("rev-parse", "--is-shallow-repository") != b"false\n":
            pytest.skip("the history of this clone does not say it: run `git fetch --unshallow`")
        before = evidence.read(Path())
        room = next(room for room in ROOMS["."] if room not in before)
        path = f"results/{room}/scores.csv"
        commit = evidence._git("log", "-1", "--format=%H", "--", path).decode().strip()
        for measured, as_today, words in (
            (commit, True, f"{path} is declared to be measured by earlier code, but is of today's"),
            ("0" * 40, True, f"{path} is of commit {commit[:12]}, declared is 000000000000"),
            (commit, False, None),
        ):
            invented = {**before, room: {"trained": {}, "measured": measured}}
            monkeypatch.setattr(evidence, "read", lambda _, invented=invented: invented)
            monkeypatch.setattr(evidence, "measures_as_today", lambda *_, as_today=as_today: as_today)
            said = [one for one in evidence.history_problems(declared) if f"/{room}/" in one]
            assert [words in one for one in said] == [True] * (words is not None)


def test_what_today_s_code_measured_is_not_declared_again(folder, monkeypatch):
    """So that the remedy for an invented declaration takes it away."""
    declared = study.load(folder)
    monkeypatch.setattr(evidence, "measured_earlier", lambda *_: False)
    monkeypatch.setattr(evidence, "read_runs", lambda *_: {})
    monkeypatch.setattr(evidence, "measures_as_today", lambda *_: False)
    assert evidence.declare(declared, 1).keys() == evidence.read(folder).keys()
    monkeypatch.setattr(evidence, "measures_as_today", lambda *_: True)
    assert evidence.declare(declared, 1) == {}


def test_whether_a_commit_measures_as_today_is_read_from_its_digests(monkeypatch):
    monkeypatch.setattr(code, "stages", lambda: {"measure": {"pix2pix": "abc"}})
    monkeypatch.setattr(evidence, "_git", lambda *_: b'{"measure": {"pix2pix": "abc"}}')
    assert evidence.measures_as_today("pix2pix", "0" * 40)
    monkeypatch.setattr(evidence, "_git", lambda *_: b'{"measure": {"pix2pix": "def"}}')
    assert not evidence.measures_as_today("pix2pix", "0" * 40)
    monkeypatch.setattr(evidence, "_git", lambda *_: b"{}")
    assert not evidence.measures_as_today("pix2pix", "0" * 40)


def test_silence_is_refused(folder):
    room, digest, _ = room_of(folder)
    assert evidence.problems(folder, room, digest) == []
    evidence.file(folder).unlink()
    (problem,) = evidence.problems(folder, room, digest)
    assert f"trained by the code {digest[:12]}, which is not today's" in problem
    assert "run `python -m replications evidence --study paper`" in problem


def test_a_commit_with_other_code_is_refused(folder):
    room, digest, _ = room_of(folder)
    others = subprocess.run(
        ["git", "log", "--reverse", "--format=%H", "--", f"replications/{room}"],
        cwd=tiny.ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    other = next(commit for commit in others if evidence.hashes_at(commit).get(room) not in (digest, None))
    rewrite(folder, room, {digest: other})
    (problem,) = evidence.problems(folder, room, digest)
    assert f"the code of {room} at {other[:12]} is" in problem


def test_a_commit_that_is_not_there_is_refused_with_the_remedy(folder):
    room, digest, _ = room_of(folder)
    rewrite(folder, room, {digest: "f" * 40})
    (problem,) = evidence.problems(folder, room, digest)
    assert "git fetch --unshallow" in problem


@pytest.mark.parametrize("content", ["", "[]", '{"pix2pix": []}', '{"pix2pix": {"trained": 1, "measured": ""}}', "{"])
def test_a_damaged_declaration_is_one_line(folder, content):
    evidence.file(folder).write_text(content, encoding="utf-8")
    with pytest.raises(EvidenceError, match=r"evidence\.json: damaged .*`python -m replications") as e:
        evidence.read(folder)
    assert "\n" not in str(e.value)


def test_a_digest_that_no_commit_has_is_one_line():
    with pytest.raises(EvidenceError, match="pix2pix: none of the last 1 commits has the code 000000000000"):
        evidence.commit_with("pix2pix", "0" * 64, last=1)


def test_declaring_again_writes_the_same(folder):
    assert evidence.declare(study.load(folder), 100) == evidence.read(folder)


def test_what_is_accepted_is_what_was_declared_and_no_more(folder):
    path = folder / "dvc.lock"
    lock = YAML(typ="safe").load(path)
    (room, other), *_ = [(a, b) for a in ROOMS["paper"] for b in ROOMS["paper"] if a != b]
    today = code.stages()["train"][room]
    path.write_text(path.read_text(encoding="utf-8").replace(today, "0" * 64), encoding="utf-8")
    assert evidence.accept(folder, {other}) == []
    assert evidence.accept(folder, {room}) == [f"train@{room}"]
    assert YAML(typ="safe").load(path) == lock


def test_nets_are_accepted_where_all_that_they_judge_is_of_earlier_code_and_controls_one_by_one(folder):
    path, today = folder / "dvc.lock", code.stages()
    lock = YAML(typ="safe").load(path)
    judged = sorted(room for room in ROOMS["paper"] if reads(room))
    text = path.read_text(encoding="utf-8")
    for digest in (today["readers"], today["controls"][judged[0]]):
        assert digest in text
        text = text.replace(digest, "0" * 64)
    path.write_text(text, encoding="utf-8")
    assert evidence.accept(folder, set(judged[1:])) == []
    assert evidence.accept(folder, {judged[0]}) == [f"controls@{judged[0]}"]
    assert evidence.accept(folder, set(judged)) == ["readers"]
    assert YAML(typ="safe").load(path) == lock


def test_words_name_the_commit():
    with there(tiny.ROOT):
        for name in STUDIES:
            said = evidence.in_words(Path(name), list(ROOMS[name]))
            measured = [room for room, one in evidence.read(Path(name)).items() if not one["trained"]]
            assert bool(said) == bool(of_earlier_code(name) or measured)
            for sentence in said:
                assert re.match(
                    "(Trained|Measured) by the code of commit [0-9a-f]{12}, which differs from today's", sentence
                )
                assert not sentence.startswith("Measured") or any(room in sentence for room in measured)


def test_scores_of_earlier_code_are_declared_and_stay_so_once_dvc_was_told(tmp_path, monkeypatch):
    """Today's code trained the runs; what measured them was another."""
    for file in ("params.yaml", "dvc.lock"):
        shutil.copy(tiny.ROOT / file, tmp_path / file)
    shutil.copytree(tiny.ROOT / "results", tmp_path / "results")
    monkeypatch.chdir(tmp_path)
    folder, today = Path(), code.stages()["measure"]["pix2pix"]
    monkeypatch.setattr(evidence, "declared_earlier", lambda _: {})  # a history that never declared any
    monkeypatch.setattr(evidence, "measures_as_today", lambda *_: False)  # and whose code is another
    evidence.file(folder).unlink(missing_ok=True)
    assert not evidence.measured_earlier(folder, "pix2pix")
    assert "pix2pix" not in evidence.declare(study.load("."), 100)
    lock = folder / "dvc.lock"
    assert today in lock.read_text(encoding="utf-8")
    lock.write_text(lock.read_text(encoding="utf-8").replace(today, "0" * 64), encoding="utf-8")
    assert evidence.measured_earlier(folder, "pix2pix")
    found = evidence.declare(study.load("."), 100)
    assert found["pix2pix"]["trained"] == {}
    evidence.file(folder).write_text(json.dumps(found), encoding="utf-8")
    assert evidence.accept(folder, {"pix2pix"}) == ["measure@pix2pix"]
    assert evidence.declare(study.load("."), 100) == found
    commit = found["pix2pix"]["measured"][:12]
    assert f"Measured by the code of commit {commit}, which differs from today's: pix2pix." in evidence.in_words(
        folder, ["pix2pix"]
    )

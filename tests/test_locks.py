"""DVC's own files as a kill, a merge or a person may leave them: one line that names the file and the remedy."""

from pathlib import Path

import pytest

from replications import locks
from replications.locks import LockError

STAGE = {
    "cmd": "echo",
    "deps": "[{path: a, md5: b}]",
    "outs": "[{path: c, md5: d}]",
    "params": "{params.yaml: {x: 1}}",
}


def lock(**changes: str) -> str:
    return "stages:\n  one:\n" + "".join(f"    {key}: {value}\n" for key, value in (STAGE | changes).items())


def test_a_whole_lock_says_what_each_stage_read_and_wrote(tmp_path):
    (tmp_path / "dvc.lock").write_text("schema: '2.0'\n" + lock(), encoding="utf-8")
    one = locks.stages(tmp_path)["one"]
    assert one["outs"] == [{"path": "c", "md5": "d"}]
    assert one["params"] == {"params.yaml": {"x": 1}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "it: Input should be"),
        ("[]", "it: Input should be"),
        ("null", "it: Input should be"),
        ("schema: '2.0'", "stages: Field required"),
        ("stages: 3", "stages: Input should be a valid dictionary"),
        ("stages: {one: 3}", "stages.one: Input should be"),
        (lock(outs="[{path: c}]"), "stages.one.outs.0.md5: Field required"),
        (lock(outs="3"), "stages.one.outs: Input should be a valid list"),
        (lock(deps="[{path: 3, md5: b}]"), "stages.one.deps.0.path: Input should be a valid string"),
        (lock(params="[x]"), "stages.one.params: Input should be a valid dictionary"),
        (lock()[:-20], "not readable as YAML"),
        ("<<<<<<< HEAD\n" + lock() + "=======\n>>>>>>> other\n", "Git marked a conflict in it .<<<<<<< HEAD.; resolve"),
        ("[" * 5000, "not readable as YAML"),
        ("\x00", "not readable as YAML"),
    ],
)
def test_a_damaged_lock_is_named_in_one_line(tmp_path, content, message):
    (tmp_path / "dvc.lock").write_text(content, encoding="utf-8")
    with pytest.raises(LockError, match=f"dvc.lock: .*(?:{message})") as caught:
        locks.stages(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_lock_in_another_encoding(tmp_path):
    (tmp_path / "dvc.lock").write_bytes(lock(cmd="é").encode("latin-1"))
    with pytest.raises(LockError, match=r"dvc\.lock: not readable as YAML .*decode"):
        locks.stages(tmp_path)


def test_no_lock(tmp_path):
    with pytest.raises(LockError, match=r"dvc\.lock: no such file; run `dvc repro --pull"):
        locks.stages(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "outs: 3", "outs: []", "outs: [{path: data}]", "<<<<<<< HEAD\nouts: []"])
def test_a_damaged_pin(tmp_path, content):
    pin: Path = tmp_path / "data.dvc"
    pin.write_text(content, encoding="utf-8")
    with pytest.raises(LockError, match=r"data\.dvc: .*(?:restore it from Git|resolve it)$"):
        locks.pinned(pin)


def test_a_whole_pin(tmp_path):
    (tmp_path / "data.dvc").write_text(
        "outs:\n- {md5: abc.dir, path: data/a}\n- {md5: b.dir, path: data/b}\n", encoding="utf-8"
    )
    pins = {tmp_path / "data" / "a": "abc.dir", tmp_path / "data" / "b": "b.dir"}
    assert locks.pinned(tmp_path / "data.dvc") == pins

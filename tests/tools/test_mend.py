"""DVC's own files, torn: set aside where DVC would stop at them, and nowhere else."""

import shutil
from pathlib import Path

import pytest
from dvc.exceptions import DvcException
from dvc.repo import Repo

from replications.tools import mend
from tests import tiny


@pytest.fixture
def place(tmp_path) -> Path:
    """A repository with the real pipeline's files and its lock."""
    for name in ("dvc.yaml", "dvc.lock", "params.yaml", "data.dvc"):
        shutil.copy(tiny.ROOT / name, tmp_path)
    (tmp_path / "real").mkdir()
    shutil.copy(tiny.ROOT / "real" / "dvc.lock", tmp_path / "real")
    (tmp_path / ".dvc" / "tmp").mkdir(parents=True)
    (tmp_path / mend.RWLOCK).write_text("{}")
    (tmp_path / ".dvc" / "config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    return tmp_path


def stops_dvc(place: Path) -> bool:
    """Whether DVC itself cannot read its lock."""
    try:
        with Repo(str(place)) as repo:
            for stage in repo.index.stages:
                _ = stage.outs
    except DvcException:
        return True
    return False


def test_whole_files_stay(place):
    before = tiny.hashes(place)
    assert mend.mend(place) == []
    assert tiny.hashes(place) == before
    assert not stops_dvc(place)


LOCK = (tiny.ROOT / "dvc.lock").read_bytes()


@pytest.mark.parametrize("n_bytes", [0, 1, 15, *range(4096, len(LOCK), 40960)])
def test_a_lock_of_any_length_no_longer_stops_dvc(place, n_bytes):
    (place / "dvc.lock").write_bytes(LOCK[:n_bytes])
    stopped = stops_dvc(place)
    assert mend.mend(place) == ([place / "dvc.lock"] if stopped else [])
    assert not stops_dvc(place)


def test_an_empty_lock_stops_dvc(place):
    """Else this file would have nothing to mend."""
    (place / "dvc.lock").write_bytes(b"")
    assert stops_dvc(place)


@pytest.mark.parametrize("torn", ["", "{", '{"write": {"/a/runs": {"pid": 1', "[]"])
def test_locks_of_paths_and_of_other_studies_are_mended_too(place, torn):
    for name in (mend.RWLOCK, "real/dvc.lock"):
        (place / name).write_text(torn)
    assert mend.mend(place) == [place / "real/dvc.lock", place / mend.RWLOCK]
    assert not (place / mend.RWLOCK).exists()
    assert (place / "dvc.lock").exists()


def test_a_conflict_that_git_marked_is_for_a_person(place):
    (place / "dvc.lock").write_bytes(b"<<<<<<< HEAD\n" + LOCK + b"=======\n" + LOCK + b">>>>>>> other\n")
    assert stops_dvc(place)
    before = tiny.hashes(place)
    assert mend.mend(place) == []
    assert tiny.hashes(place) == before


def test_a_file_that_cannot_be_read_is_not_taken_for_torn(place, monkeypatch):
    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(PermissionError):
        mend.mend(place)
    assert (place / "dvc.lock").exists()


def test_what_is_set_aside_is_kept_each_time(place):
    for number, torn in enumerate((b"schema: '2", b"mine: 1"), start=1):
        (place / "real" / "dvc.lock").write_bytes(torn)
        assert mend.mend(place) == [place / "real/dvc.lock"]
        assert (place / mend.ASIDE / f"real-dvc.lock.{number}").read_bytes() == torn


def test_the_command_says_what_it_set_aside(place):
    (place / "dvc.lock").write_bytes(b"schema: '2")
    done = tiny.command("mend", cwd=place)
    assert (done.returncode, done.stderr) == (0, "")
    words = "left incomplete by a kill or a full disk, set aside in .set-aside; DVC writes it again"
    assert done.stdout == f"dvc.lock: {words}\n"
    assert tiny.command("mend", cwd=place).stdout == ""

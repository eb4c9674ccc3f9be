"""Fixtures that several test files share.

They import what they need when they are asked for: the tests of the claims are to start at once.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest


@pytest.fixture
def tiny_study(tmp_path: Path):
    """Two variants, two seeds, no runs yet."""
    from replications import study
    from tests import tiny

    return study.load(tiny.write_study(tmp_path / "tiny"))


@pytest.fixture
def finished_study(tiny_study):
    """The same with made-up finished runs."""
    from tests import tiny

    tiny.write_runs(tiny_study)
    return tiny_study


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Callable[[str], Path]:
    """Room → the folder of its tiny study, trained by one worker, undisturbed. Once for all tests: do not change it."""
    from tests import tiny

    @cache
    def trained(room: str) -> Path:
        folder = tiny.write_study(tmp_path_factory.mktemp(room) / "tiny", room)
        done = tiny.command("replications.train", room, "--study", folder, "--workers", "1", cwd=folder)
        assert done.returncode == 0, done.stderr
        assert done.stderr == "", "nothing but an error goes to standard error"
        assert f"{room}: 4 runs to train, 0 finished before, on 1 workers" in done.stdout
        assert "[4/4]" in done.stdout
        return folder

    return trained


@pytest.fixture(scope="session")
def labels_reader(tmp_path_factory) -> Path:
    """The tiny reader of labels, which serves every room that needs one, made by its command."""
    from tests import tiny

    readers = {"classification": tiny.CLASSIFICATION}
    folder = tiny.write_study(tmp_path_factory.mktemp("readers") / "tiny", readers=readers)
    done = tiny.command("replications.readers", "--study", folder, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "readers" / "classification-facade_world-tiny.npz"

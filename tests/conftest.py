"""Fixtures that several test files share.

They import what they need when they are asked for: the tests of the claims are to start at once.
"""

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

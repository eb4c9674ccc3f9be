"""What is committed in validation/ is what the commands wrote from the code that is here."""

from pathlib import Path

import pytest

from replications import chain
from tests.test_claims import ROOT, there

FOLDER = Path("validation")


def outputs() -> list[tuple[str, str]]:
    """(file, MD5) of every output in validation/dvc.lock."""
    with there(ROOT):
        return [(out["path"], out["md5"]) for stage in chain.read_lock(FOLDER).values() for out in stage["outs"]]


@pytest.mark.parametrize(("file", "md5"), outputs(), ids=[file for file, _ in outputs()])
def test_a_validation_is_what_its_command_wrote(file, md5):
    assert chain.md5(ROOT / file) == md5, f"{file}: run `dvc repro validation/dvc.yaml` and commit what it writes"


def test_the_validations_are_of_the_code_that_is_here():
    with there(ROOT):
        assert list(chain.code_problems(FOLDER)) == []

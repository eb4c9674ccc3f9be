"""Nets that judge, damaged or of another kind: one line that names the file and the command that makes it."""

import re

import numpy as np
import pytest

from replications.errors import DataError
from replications.instruments import classification, recognition
from tests.test_damages import ARRAY, SECONDS, within

NETS = {"segmentation": recognition, "classification-facade_world-tiny": classification}


@pytest.mark.parametrize("damage", ARRAY)
@pytest.mark.parametrize("name", NETS)
def test_a_damaged_net_that_judges_is_one_line_that_names_it_and_the_command_that_makes_it(name, damage, tmp_path):
    """Read by processes of a pool, which no guard of the command's own process protects."""
    path = tmp_path / "study" / "readers" / "1" / f"{name}.npz"
    path.parent.mkdir(parents=True)
    recognition.save_reader(path, {"one": np.zeros((3, 3)), "another": np.ones(500)})
    damage(path)
    with within(SECONDS), pytest.raises(DataError) as refused:
        NETS[name].load_reader(path)
    assert str(path) in str(refused.value)
    assert f"dvc repro --pull {tmp_path / 'study' / 'dvc.yaml'}:readers" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "weights",
    [
        {"one": np.zeros((3, 3))},
        {"reader_classes/kernel": np.zeros(()), "classifier_0/kernel": np.zeros(())},
        {"reader_classes/kernel": np.zeros((1, 1, 4, 0)), "classifier_0/kernel": np.zeros((3, 3, 3, 0))},
        {"reader_classes/kernel": np.zeros((1, 1, 4, 6)), "classifier_0/kernel": np.zeros((3, 3, 3, 4))},
    ],
    ids=["other names", "no shape", "nothing in it", "names are missing"],
)
@pytest.mark.parametrize("name", NETS)
def test_weights_of_another_net_are_one_line_that_names_their_file(name, weights, tmp_path):
    path = tmp_path / "study" / "readers" / "1" / f"{name}.npz"
    path.parent.mkdir(parents=True)
    recognition.save_reader(path, weights)
    read = recognition.read if name == "segmentation" else classification.predict
    with pytest.raises(DataError, match=re.escape(str(path))) as refused:
        read(NETS[name].load_reader(path), np.zeros((1, 32, 32, 3), np.uint8))
    assert "\n" not in str(refused.value)
    assert "readers`" in str(refused.value)

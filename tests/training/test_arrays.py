"""Arrays on their way into nets and out again."""

import numpy as np
import pytest

from replications.errors import DataError, Diverged
from replications.params import RunParams
from replications.training import arrays

PARAMS = RunParams(dataset="made_up-4", n_train=8, n_test=6, epochs=3, batch_size=4, learning_rate=1e-3)


def test_every_intensity_survives_the_way_there_and_back_and_others_are_clipped():
    z = np.arange(256, dtype=np.uint8)
    there = arrays.to_float(z)
    assert there.dtype == np.float32
    assert (there[0], there[255]) == (0, 1)
    np.testing.assert_array_equal(arrays.to_uint8(there), z)
    np.testing.assert_array_equal(arrays.to_uint8(np.array([-0.5, 1.5, 0.5 / 255 + 1e-6])), [0, 255, 1])


@pytest.mark.parametrize("n", [1, 100, 101, 230])
@pytest.mark.parametrize("rows", [100, 7])
def test_pieces_are_small_and_lose_no_row(n, rows):
    x = np.arange(3 * n).reshape(n, 3)
    pieces = arrays.pieces(x, rows)
    assert max(map(len, pieces)) <= rows
    np.testing.assert_array_equal(arrays.joined(pieces), x)


def test_a_fact_has_six_digits():
    assert arrays.six_digits(np.float32(1 / 3)) == 0.333333
    assert arrays.six_digits(123456789.0) == 123457000.0


@pytest.mark.parametrize(("split", "asked", "there"), [("train", 8, 7), ("test", 6, 5)])
def test_fewer_images_than_asked_for(split, asked, there):
    data = {"train_photo": np.zeros(8), "test_photo": np.zeros(6)}
    arrays.check_counts(PARAMS, data)
    with pytest.raises(DataError) as error:
        arrays.check_counts(PARAMS, {**data, f"{split}_photo": np.zeros(there)})
    assert str(error.value) == f"n_{split} = {asked}: the data set has {there} images; ask for no more"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_output_that_is_no_number(value):
    fine, broken = np.zeros((2, 3)), np.array([[0, 1], [value, 0]])
    arrays.check_finite({"output": fine}, 3)
    with pytest.raises(Diverged, match=r"^epoch 3: prior is not a number everywhere$"):
        arrays.check_finite({"output": fine, "prior": broken}, 3)

"""Where initial weights come from."""

import random

import keras
import numpy as np
import pytest

from replications.training.initialisers import Seeds, glorot, he


def test_no_two_nets_of_a_study_share_a_seed():
    """The rooms give their nets seeds that lie far apart: the run's, and 500,000 or a million more."""
    drawn = []
    for seed in (1, 2, 500_001, 1_000_001):
        seeds = Seeds(seed)
        drawn += [seeds() for _ in range(999)]
    assert len(set(drawn)) == len(drawn)


@pytest.mark.parametrize(("initialiser", "variance"), [(he, 2 / 300), (glorot, 2 / (300 + 200))])
def test_weights_have_the_variance_that_their_inputs_ask_for_and_follow_from_the_seed(initialiser, variance):
    keras.utils.set_random_seed(1)
    weights = np.asarray(initialiser(Seeds(3))((300, 200)))
    random.random()
    keras.utils.set_random_seed(2)
    np.testing.assert_array_equal(initialiser(Seeds(3))((300, 200)), weights)
    assert (np.asarray(initialiser(Seeds(4))((300, 200))) != weights).all()
    assert weights.std() == pytest.approx(variance**0.5, rel=0.03)

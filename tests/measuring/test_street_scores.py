"""Known pictures against the list: photographs are on it, blurred ones and noise are not, a few photos are not all."""

import numpy as np
import pytest

from replications.datasets import street
from replications.measuring import known, street_scores

DATASET = "enumerable_street-32"


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    return street.photos()[np.random.default_rng(0).integers(0, street.N_PHOTOS, 600)]


def of(prior: np.ndarray) -> dict[str, float]:
    return street_scores.scores(DATASET, {"prior": prior})


def test_photographs_are_on_the_list_and_spread_as_evenly_as_so_many_can_be(photos):
    scores = of(photos)
    assert scores["support_share_prior"] == 1
    assert scores["listed_distance_prior"] < 1e-6
    assert scores["distinct_share_prior"] == pytest.approx(1, abs=0.02)
    assert scores["mode_variation_prior"] == pytest.approx(0.19, abs=0.03), "√(modes / 2 π N)"


def test_a_blur_that_a_person_sees_takes_every_photo_off_the_list(photos):
    blurred = of(known.blurred(photos))
    assert blurred["support_share_prior"] == 0
    assert blurred["listed_distance_prior"] > 0.077
    assert of(known.noise(photos))["support_share_prior"] == 0


def test_noise_that_a_person_hardly_sees_does_not(photos):
    noisy = np.clip(photos + np.random.default_rng(1).normal(0, 10, photos.shape), 0, 255).astype(np.uint8)
    assert of(noisy)["support_share_prior"] == 1


def test_one_photo_again_and_again_is_on_the_list_and_no_more(photos):
    scores = of(np.repeat(photos[:1], 600, axis=0))
    assert scores["support_share_prior"] == 1
    assert scores["distinct_share_prior"] < 0.01
    assert scores["mode_variation_prior"] > 0.99


def test_reconstructions_are_right_where_the_nearest_photo_is_their_own(photos):
    scores = street_scores.scores(DATASET, {"output": photos[[0, 1, 3, 2]], "target": photos[:4]})
    assert scores == {"listed_distance": pytest.approx(0, abs=1e-6), "right_photo_share": 0.5}


def test_elsewhere_nothing_is_listed(photos):
    assert street_scores.scores("cmp_facades-64", {"prior": photos}) == {}

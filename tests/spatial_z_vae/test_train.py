"""The Spatial-Z-VAE recipe: its losses against numbers by hand, and through the entry that the suite trains with."""

from math import log
from pathlib import Path

import keras
import numpy as np
import pytest

from replications.datasets import world
from replications.errors import DataError
from replications.spatial_z_vae import networks, train
from replications.spatial_z_vae.params import Params
from tests.rooms import recipes

N_TRAIN, N_TEST, N_SAMPLES = 16, 6, 5
SMALL = {
    "dataset": "facade_world-tiny",
    "n_train": N_TRAIN,
    "n_test": N_TEST,
    "epochs": 2,
    "batch_size": 4,
    "learning_rate": 1e-3,
    "latent": "flat",
    "latent_size": 64,
    "channels": 2,
    "residual_blocks": 1,
    "normalisation": "instance",
    "beta": 0.01,
    "kl": "sum",
    "mean_counts_as": 128,
    "loss": "pixel",
    "feature_channels": 2,
    "feature_epochs": 1,
    "feature_seed": 0,
    "n_samples": N_SAMPLES,
}
VARIANTS = {
    "flat": {},
    "spatial_mean": {"latent": "spatial", "kl": "mean"},
    "flat_perceptual": {"loss": "perceptual"},
}
FACTORS = ("wall_colour", "sky_shade", "door_colour", "mullion")


def params(**changes) -> Params:
    return Params(**{**SMALL, **changes})


def arrays(n_train: int = N_TRAIN, n_test: int = N_TEST) -> dict[str, np.ndarray]:
    """A few photos of the procedural world with the names of their factors."""
    data = {}
    for split, n in (("train", n_train), ("test", n_test)):
        labels, factors = world.sample(np.random.default_rng(n), n, 32)
        data |= {f"{split}_photo": world.render(labels, factors), f"{split}_labels": labels[..., None]}
        data |= {f"{split}_{name}": np.asarray(values).astype(np.uint8) for name, values in factors.items()}
    return data


def silent(seen: int, of: int) -> None:
    """Nobody listens to the progress."""


def model(**changes) -> train.SpatialZVAE:
    return train.SpatialZVAE(params(**changes), 32, train.PixelLoss(), seed=1)


# The KL divergence.


def loss_of(net: train.SpatialZVAE, means: list[float]) -> float:
    """The loss where the output is right and the posteriors of two pictures have these means and unit variance."""
    x = np.zeros((len(means), 32, 32, 3), np.float32)
    mean = np.repeat(np.array(means, np.float32)[:, None], net.p.latent_size, axis=1)
    return float(net.compute_loss(x, x, {"output": x, "mean": mean, "log_var": np.zeros_like(mean)}))


def test_the_sum_weighs_every_nat_the_same():
    """64 values of 2 nats and 64 of none: a rate of 64 nats per image."""
    assert loss_of(model(latent_size=64, beta=0.5), [2.0, 0.0]) == pytest.approx(0.5 * 64)
    assert loss_of(model(latent_size=128, beta=0.5), [2.0, 0.0]) == pytest.approx(0.5 * 128)


def test_the_mean_weighs_a_nat_the_less_the_larger_the_latent():
    """A nat per value, whatever their number, counted as 128 nats."""
    for latent_size in (8, 64, 256):
        net = model(latent_size=latent_size, kl="mean", beta=0.5)
        assert loss_of(net, [2.0, 0.0]) == pytest.approx(0.5 * 128)
        assert float(net.trackers["rate"].result()) == pytest.approx(latent_size), "the rate itself stays in nats"


def test_both_forms_are_the_same_loss_at_the_size_that_the_mean_counts_as():
    forms = [loss_of(model(latent_size=32, mean_counts_as=32, kl=kl), [1.3, -0.4]) for kl in ("sum", "mean")]
    assert forms[0] == pytest.approx(forms[1])
    assert forms[0] > 0


def test_the_latent_is_a_sample_of_the_posterior():
    """Means of 3 and variances of 4: what reaches the decoder has them."""
    net = model(latent_size=256)
    net.encoder = lambda x, training: (np.full((16, 256), 3, np.float32), np.full((16, 256), log(4), np.float32))
    net.decoder = lambda z, training: z
    z, again = (keras.ops.convert_to_numpy(net(np.zeros((16, 32, 32, 3)))["output"]) for _ in range(2))
    assert z.mean() == pytest.approx(3, abs=0.15)
    assert z.std() == pytest.approx(2, abs=0.1)
    assert (z != again).all()


# The distortions.


def test_the_pixel_loss_by_hand():
    """Two pictures of 2 × 1 pixels: squared errors of 3 · 0.25 + 3 · 1 and of 0."""
    x = np.zeros((2, 2, 1, 3), np.float32)
    output = x.copy()
    output[0, 0], output[0, 1] = 0.5, 1.0
    assert float(train.PixelLoss()(x, output)) == pytest.approx((3.75 + 0) / 2 / 2)


def test_the_perceptual_loss_by_hand():
    """Layers that double the picture, and that take its mean: mean squares of 4 · 0.25 and 0.25, weighed by 3 and 2."""
    loss = object.__new__(train.PerceptualLoss)
    loss.features = lambda x, training: [2 * x, keras.ops.mean(x, axis=(1, 2))]
    loss.weights = [3.0, 2.0]
    x = np.zeros((2, 4, 4, 3), np.float32)
    assert float(loss(x, x + 0.5)) == pytest.approx(3 * 1 + 2 * 0.25)
    x[:, ::2] = 1  # the same mean, other pixels
    assert float(loss(x, np.full_like(x, 0.5))) == pytest.approx(3 * 1)
    assert float(loss(x, x)) == 0


@pytest.fixture(scope="module")
def perceptual() -> train.PerceptualLoss:
    data = arrays()
    return train.PerceptualLoss(params(), data["train_photo"], train.labels(data), seed=0)


def test_unrelated_photos_are_as_far_apart_by_features_as_by_pixels(perceptual):
    photos = train.to_float(arrays()["train_photo"])
    others = np.roll(photos, 1, axis=0)
    pixels = float(train.PixelLoss()(photos, others))
    assert float(perceptual(photos, others)) == pytest.approx(pixels, rel=1e-4)
    shares = np.array(perceptual.weights) * [float(layer) for layer in perceptual.by_layer(photos, others)]
    np.testing.assert_allclose(shares, pixels / 4, rtol=1e-4, err_msg="every layer counts the same")


def test_the_frozen_net_is_another_with_each_seed_of_the_run(perceptual):
    data = arrays()

    def kernels(seed: int, **changes) -> list[np.ndarray]:
        keras.utils.set_random_seed(99)
        net = train.PerceptualLoss(params(**changes), data["train_photo"], train.labels(data), seed)
        return net.features.get_weights()

    same, of_run, shifted = kernels(0), kernels(1), kernels(0, feature_seed=1)
    for a, b, other, third in zip(perceptual.features.get_weights(), same, of_run, shifted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(other, third, rtol=1e-4, atol=1e-6, err_msg="feature_seed is added to the run's")
        assert np.abs(a - other).max() > 1e-4


def test_the_frozen_net_has_learnt(perceptual):
    untrained, _ = networks.classifier(32, channels=2, heads={"wall_colour": 4}, seed=0)
    for a, b in zip(perceptual.features.get_weights(), untrained.get_weights(), strict=True):
        assert 1e-4 < np.abs(a - b).max() < 0.1


def test_the_frozen_net_stays_as_it_is_while_the_vae_trains(perceptual):
    net = train.SpatialZVAE(params(loss="perceptual"), 32, perceptual, seed=1)
    net.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    before, decoder = perceptual.features.get_weights(), net.decoder.get_weights()
    x = train.to_float(arrays()["train_photo"])
    net.train_on_batch(x, x)
    assert any((a != b).any() for a, b in zip(decoder, net.decoder.get_weights(), strict=True))
    for a, b in zip(before, perceptual.features.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_perceptual_arm_has_no_pixel_loss(perceptual):
    net = train.SpatialZVAE(params(beta=0.0), 32, perceptual, seed=1)
    x = train.to_float(arrays()["train_photo"][:4])
    output = np.roll(x, 1, axis=0)
    zeros = np.zeros((4, 64), np.float32)
    loss = float(net.compute_loss(x, x, {"output": output, "mean": zeros, "log_var": zeros}))
    assert loss == pytest.approx(float(perceptual(x, output)), rel=1e-5)


def test_the_frozen_net_learns_the_labels_that_name_a_few_classes():
    data = arrays() | {"train_half": np.zeros(N_TRAIN, np.float32)}
    data["train_brick_phase"] = np.arange(N_TRAIN, dtype=np.uint8)
    assert sorted(train.labels(data)) == sorted((*FACTORS, "shadow"))
    assert list(train.labels({"train_photo": data["train_photo"], "train_label": data["train_mullion"]})) == ["label"]


# What cannot be trained is one line.


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"latent": "spatial", "latent_size": 100}, r"latent_size = 100 .* take a multiple of 64"),
    ],
)
def test_what_the_data_set_does_not_suit_is_one_clear_error(changes, said):
    with pytest.raises(DataError, match=said) as error:
        train.train(params(**changes), 1, arrays(), silent)
    assert "\n" not in str(error.value)


def test_a_data_set_without_labels_has_no_perceptual_loss():
    data = {name: values for name, values in arrays().items() if name.endswith("_photo")}
    with pytest.raises(DataError, match=r"no labels .* take loss: pixel"):
        train.train(params(loss="perceptual"), 1, data, silent)
    train.check_data(params(), data)


def test_a_flat_latent_may_have_any_size():
    train.check_data(params(latent_size=100), arrays())


@pytest.mark.parametrize("changes", [{"kl": "max"}, {"latent": "map"}, {"loss": "l1"}, {"beta": -1.0}, {"n_train": 3}])
def test_params_that_say_something_impossible(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        params(**changes)


# The entry that the suite trains with, in processes of their own.

PERCEPTUAL = "flat_perceptual"


@pytest.fixture(scope="module")
def trained(made_once) -> Path:
    """Two folders: `first`, with every variant, and `again`, with the first of them."""
    return recipes.trained(made_once, "spatial_z_vae")


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_a_run_leaves(variant, trained):
    images = recipes.images(trained, variant)
    assert images.keys() == {"target", "output", "sampled", "prior", "mean_image"}
    assert all(image.dtype == np.uint8 for image in images.values())
    for name in ("target", "output", "sampled"):
        assert images[name].shape == (N_TEST, 32, 32, 3)
    assert images["prior"].shape == (N_SAMPLES, 32, 32, 3)
    data = arrays()
    np.testing.assert_array_equal(images["target"], data["test_photo"])
    mean = data["train_photo"].astype(float).mean(axis=0, keepdims=True)
    assert images["mean_image"].shape == (1, 32, 32, 3)
    assert np.abs(images["mean_image"] - mean).max() <= 0.51
    assert (images["sampled"] != images["output"]).any(axis=(1, 2, 3)).all(), "the posterior is sampled"


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_a_run_tells(variant, trained):
    facts = recipes.told(trained, variant)["facts"]
    assert facts["losses"].keys() == {"loss", "distortion", "rate"}
    assert facts["encoder_parameters"] > 0
    assert facts["decoder_parameters"] > 0
    assert facts["rate"] > 0
    assert facts["distortion"] > 0
    assert 0 <= facts["active_units"] <= 128


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_total_is_the_sum_of_its_terms(variant, trained):
    """At 64 values a nat weighs twice as much by the mean that counts as 128."""
    losses = recipes.told(trained, variant)["facts"]["losses"]
    beta = SMALL["beta"] * (2 if VARIANTS[variant].get("kl") == "mean" else 1)
    total = np.array(losses["distortion"]) + beta * np.array(losses["rate"])
    np.testing.assert_allclose(losses["loss"], total, rtol=1e-4)
    assert losses["distortion"][1] < losses["distortion"][0]


def test_the_distortion_that_is_reported_is_that_of_the_samples_pixels(trained):
    """Also where the loss looks at features."""
    facts = recipes.told(trained, PERCEPTUAL)["facts"]
    images = recipes.images(trained, PERCEPTUAL)
    error = images["sampled"] / 255 - images["target"] / 255
    assert facts["distortion"] == pytest.approx((error**2).sum(axis=(1, 2, 3)).mean() / 2, rel=0.01)

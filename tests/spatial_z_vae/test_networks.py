"""Flat and spatial nets: what goes in and out, what they weigh, and where every number comes from."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from ruamel.yaml import YAML

from replications.exact import InstanceNormalization
from replications.spatial_z_vae import networks
from replications.spatial_z_vae.params import cell_values

ROOT = Path(__file__).parent.parent.parent
SHAPE = {"channels": 4, "latent_size": 128, "seed": 1}


def nets(
    latent: str, size: int = 32, residual_blocks: int = 2, normalise: bool = True, **changes
) -> tuple[keras.Model, keras.Model]:
    """Encoder and decoder."""
    shape = {**SHAPE, **changes}
    if latent == "flat":
        return networks.flat_encoder(size, **shape), networks.flat_decoder(size, **shape)
    encoder = networks.spatial_encoder(size, **shape, residual_blocks=residual_blocks, normalise=normalise)
    return encoder, networks.spatial_decoder(size, **shape, normalise=normalise)


def pictures(n: int, size: int = 32, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1, (n, size, size, 3)).astype(np.float32)


def parameters(latent: str, **changes) -> int:
    return sum(net.count_params() for net in nets(latent, **changes))


# Shapes.


@pytest.mark.parametrize("latent", ["flat", "spatial"])
@pytest.mark.parametrize(("size", "latent_size"), [(32, 64), (32, 192), (64, 256)])
def test_pictures_become_latents_and_pictures_again(latent, size, latent_size):
    encoder, decoder = nets(latent, size, latent_size=latent_size)
    mean, log_var = encoder(pictures(2, size))
    assert mean.shape == log_var.shape == (2, latent_size)
    output = keras.ops.convert_to_numpy(decoder(10 * mean))
    assert output.shape == (2, size, size, 3)
    assert output.min() >= 0
    assert output.max() <= 1


def test_the_flat_encoder_leads_down_to_an_eighth_and_the_decoder_back():
    encoder, decoder = nets("flat")
    down = [tuple(layer.output.shape[1:]) for layer in encoder.layers if type(layer) is layers.Conv2D]
    up = [tuple(layer.output.shape[1:]) for layer in decoder.layers if isinstance(layer, layers.Conv2DTranspose)]
    assert down == [(16, 16, 4), (8, 8, 8), (4, 4, 12)]
    assert up == [(8, 8, 8), (16, 16, 4), (32, 32, 3)]


def test_the_spatial_nets_have_no_dense_layer_and_a_map_in_the_middle():
    encoder, decoder = nets("spatial", latent_size=192)
    assert not any(isinstance(layer, layers.Dense) for net in (encoder, decoder) for layer in net.layers)
    assert encoder.get_layer("mean").output.shape == (None, 8, 8, 3)
    assert encoder.get_layer("log_var").output.shape == (None, 8, 8, 3)
    reshaped = [layer.output.shape for layer in decoder.layers if isinstance(layer, layers.Reshape)]
    assert reshaped == [(None, 8, 8, 3)]


@pytest.mark.parametrize("blocks", [0, 1, 3])
def test_there_are_as_many_residual_blocks_as_asked_for(blocks):
    encoder, _ = nets("spatial", residual_blocks=blocks)
    assert sum(isinstance(layer, layers.Add) for layer in encoder.layers) == blocks


@pytest.mark.parametrize("normalise", [True, False])
def test_instance_normalisation_takes_the_contrast_away_and_nothing_else_does(normalise):
    encoder, decoder = nets("spatial", normalise=normalise)
    normalised = [sum(isinstance(layer, InstanceNormalization) for layer in net.layers) for net in (encoder, decoder)]
    assert normalised == ([7, 2] if normalise else [0, 0])  # three convolutions, two blocks of two; two blocks
    x = pictures(1)
    full, half = (keras.ops.convert_to_numpy(encoder(share * x)[0]) for share in (1, 0.5))
    assert (np.abs(full - half).max() < 1e-3 * np.abs(full).max()) == normalise


def test_a_spatial_latent_is_the_map_in_the_order_in_which_it_is_read_again():
    """Flat and spatial latents look alike from outside; the map must survive being written in a row."""
    encoder, decoder = nets("spatial", latent_size=192)
    x = pictures(1)
    as_map = keras.Model(encoder.input, encoder.get_layer("mean").output)(x)
    reshape = next(layer for layer in decoder.layers if isinstance(layer, layers.Reshape))
    np.testing.assert_array_equal(reshape(encoder(x)[0]), as_map)


def test_the_cells_of_a_spatial_latent_lie_where_the_picture_does():
    """Moving the picture by a cell moves the map by one, up to what is near the border."""
    encoder = networks.spatial_encoder(64, channels=2, residual_blocks=0, latent_size=256, normalise=True, seed=1)
    x = np.zeros((2, 64, 64, 3), np.float32)
    x[0, 24:32, 24:32] = x[1, 24:32, 28:36] = 1
    here, there = keras.ops.convert_to_numpy(encoder(x)[0]).reshape(2, 16, 16)
    np.testing.assert_allclose(there[4:12, 5:12], here[4:12, 4:11], atol=1e-4)
    assert np.abs(there[4:12, 4:11] - here[4:12, 4:11]).max() > 0.1


@pytest.mark.parametrize(("size", "latent_size"), [(32, 100), (32, 32), (30, 128)])
def test_a_latent_that_does_not_fill_its_map_is_one_clear_error(size, latent_size):
    with pytest.raises(ValueError, match=rf"latent_size = {latent_size} .* {size} pixels evenly; take a multiple of"):
        cell_values(size, latent_size)


@pytest.mark.parametrize("latent", ["flat", "spatial"])
def test_every_posterior_starts_with_the_same_small_variance(latent):
    """No picture is drowned in noise before there is anything to learn from it."""
    encoder, _ = nets(latent)
    np.testing.assert_array_equal(encoder(pictures(4))[1], np.full((4, 128), -4))


# Parameters.


def declared() -> dict[str, dict]:
    """Study → the shared values of its section."""
    contents = {study: YAML(typ="safe").load(ROOT / study / "params.yaml") for study in (".", "real")}
    return {study: content["spatial_z_vae"] for study, content in contents.items() if "spatial_z_vae" in content}


def parameters_at_128(section: dict, latent: str) -> int:
    """Of the arm of 128 values, with its normalisation where the study declares it so."""
    variants = section["variants"]
    row = section | next(variants[name] for name in (f"{latent}_128", f"{latent}_128_unnormalised") if name in variants)
    normalise = {"normalise": row["normalisation"] == "instance"} if latent == "spatial" else {}
    return parameters(latent, channels=row["channels"], residual_blocks=row["residual_blocks"], **normalise)


@pytest.mark.parametrize("study", ["root", "real"])
def test_what_flat_and_spatial_weigh_at_128_values(study):
    """As the deviation MATCHED says."""
    section = declared()["." if study == "root" else "real"]
    counts = {}
    for latent in ("flat", "spatial"):
        counts[latent] = parameters_at_128(section, latent)
    assert counts["spatial"] < counts["flat"] / (4 if study == "real" else 6), counts


def test_the_numbers_of_parameters_that_the_readme_states():
    readme = (ROOT / "replications" / "spatial_z_vae" / "README.md").read_text(encoding="utf-8")
    for study, section in declared().items():
        for latent in ("flat", "spatial"):
            count = parameters_at_128(section, latent)
            assert f"{count:,}" in readme, f"README.md does not give {latent}_128 of {study} its {count:,} parameters"


# The net that the perceptual loss looks through.


def test_the_frozen_net_shows_four_layers_and_answers_each_label():
    features, classifier = networks.classifier(32, channels=4, heads={"wall": 4, "sky": 3}, seed=1)
    shapes = [tuple(one.shape[1:]) for one in features(pictures(2))]
    assert shapes == [(32, 32, 4), (16, 16, 8), (8, 8, 16), (16,)]
    assert [one.shape[1] for one in classifier(pictures(2))] == [4, 3]
    trained = {id(weight) for weight in classifier.weights}
    assert all(id(weight) in trained for weight in features.weights), "features are those of the net that was trained"


# Seeds.

"""The recipe of the cells: each channel and each loss by hand, the posterior by counting, and who learns from what."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import ValidationError
from scipy import stats

from replications.causes import train
from replications.causes.params import Params
from replications.datasets import street
from replications.errors import DataError
from tests.rooms import recipes

N_TRAIN, N_TEST = 24, 6
SMALL = {
    "dataset": "enumerable_street-32",
    "n_train": N_TRAIN,
    "n_test": N_TEST,
    "epochs": 1,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "beta_1": 0.0,
    "beta_2": 0.99,
    "channels": 2,
    "latent_size": 6,
    "used": 6,
    "noise_size": 3,
    "regime": "vae",
    "beta": 1.0,
    "variance": "unit",
    "sigma": 0.0,
    "levels": 0,
    "hidden": 0,
    "loss": "l2",
    "gamma": 10.0,
    "gradient_penalty": 0.02,
    "penalty_step": 0.005,
    "square": 8,
    "n_samples": 5,
}
DETERMINISTIC = {"regime": "deterministic", "beta": 0.0}
NOISE = {"regime": "noise", "beta": 0.0, "sigma": 0.5, "used": 2}
LEVELS = {"regime": "levels", "beta": 0.0, "levels": 2, "used": 3}
OFF = {**LEVELS, "levels": 0}
VARIANTS = {
    "kl_l2": {},
    "kl_adversary": {"loss": "adversary"},
    "kl_energy": {"loss": "energy"},
    "kl_l1": {"loss": "l1"},
    "sigma_l2": {"variance": "optimal"},
    "noise_l2": NOISE,
    "codes_l2": LEVELS,
    "codes_off_l2": OFF,
    "kl_adversary_alone": {"loss": "adversary", "fidelity": 0.0},
    "hidden_l2": {**DETERMINISTIC, "beta": 1.0, "hidden": 2},
    "shrinkage_l2": {"regime": "shrinkage"},
}


def params(**changes) -> Params:
    return Params(**{**SMALL, **changes})


def arrays() -> dict[str, np.ndarray]:
    """A few photos of the street as the list of all that there are; those of the test are among them."""
    photos = street.photos()[:: street.N_PHOTOS // N_TRAIN][:N_TRAIN].copy()
    return {"train_photo": photos, "test_photo": photos[::4].copy()}


def model(seed: int = 1, **changes) -> train.Causes:
    made = train.Causes(params(**changes), 32, seed)
    made(photos(1))
    return made


def photos(n: int = 4) -> np.ndarray:
    return train.to_float(arrays()["train_photo"][:n])


# The channels.


def channel(made: train.Causes, mean: np.ndarray, *others: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    code, rate = made.channel(*(tf.constant(one, tf.float32) for one in (mean, *others)))
    return code.numpy(), None if rate is None else rate.numpy()


def test_a_mask_leaves_the_first_values_of_a_code_in_every_regime():
    mean = np.random.default_rng(0).normal(size=(8, 6))
    for changes in (DETERMINISTIC, NOISE, LEVELS, {"regime": "shrinkage"}):
        code, _ = channel(model(**{**changes, "used": 2}), mean)
        assert (code[:, 2:] == 0).all()
        assert (code[:, :2] != 0).any(axis=0).all()
    code, rate = channel(model(used=2), mean, np.zeros((8, 6)))
    assert (code[:, 2:] == 0).all()
    np.testing.assert_allclose(rate, np.square(mean[:, :2]).sum(axis=1) / 2, rtol=1e-5)


def test_noise_is_added_to_codes_of_unit_power():
    mean = np.random.default_rng(1).normal(3, 7, (4000, 6))
    code, rate = channel(model(**NOISE), mean)
    assert rate is None
    clean = mean[:, :2] / np.sqrt(np.square(mean[:, :2]).mean())
    noise = code[:, :2] - clean
    np.testing.assert_allclose(noise.std(axis=0), 0.5, rtol=0.05)
    assert abs(np.corrcoef(noise.T)[0, 1]) < 0.06


def test_levels_are_even_and_a_gradient_passes_them():
    mean = 5 + np.linspace(-4, 4, 81)[:, None] * np.ones((1, 6))
    three = params(**{**LEVELS, "levels": 3, "used": 6})
    code, _ = channel(model(**{**LEVELS, "levels": 3, "used": 6}), mean)
    assert set(np.unique(code.round(6))) == {-1.0, 0.0, 1.0}
    centre, scale = train.standards(three, mean)
    np.testing.assert_allclose(code, train.rounded((mean - centre) / scale, 3), atol=1e-6)
    x = tf.constant(mean, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(model(**{**LEVELS, "levels": 3, "used": 6}).channel(x)[0] * tf.range(81.0)[:, None])
    assert float(tf.reduce_max(tf.abs(tape.gradient(total, x)))) > 0.1


def test_values_that_are_not_rounded_are_standardised_like_those_that_are():
    mean = 5 + np.linspace(-4, 4, 81)[:, None] * np.ones((1, 6))
    code, _ = channel(model(**{**OFF, "used": 6}), mean)
    centre, scale = train.standards(params(**OFF), mean)
    np.testing.assert_allclose(code, train.rounded((mean - centre) / scale, 0), atol=1e-6)
    np.testing.assert_allclose(code, np.tanh((mean - 5) / mean.std(axis=0)), atol=1e-5)


def test_shrinkage_is_half_of_the_squared_length():
    mean = np.random.default_rng(2).normal(size=(5, 6))
    code, rate = channel(model(regime="shrinkage"), mean)
    np.testing.assert_allclose(code, mean, rtol=1e-6)
    np.testing.assert_allclose(rate, np.square(mean).sum(axis=1) / 2, rtol=1e-5)


def test_hidden_values_pay_and_no_decoder_sees_them():
    made = model(**VARIANTS["hidden_l2"])
    mean, hidden, log_var = np.ones((2, 6)), np.full((2, 2), 3.0), np.zeros((2, 2))
    code, rate = channel(made, mean, hidden, log_var)
    np.testing.assert_array_equal(code, mean.astype(np.float32))
    np.testing.assert_allclose(rate, 9.0)


# The losses.


def test_the_loss_of_the_code_by_hand():
    y, black = np.zeros((2, 32, 32, 3), np.float32), np.zeros((2, 32, 32, 3), np.float32)
    black[0], black[1] = 0.5, 1
    said = {"first": tf.constant(black), "output": tf.constant(black), "rate": tf.constant([2.0, 1.0])}
    assert float(model().compute_loss(y, tf.constant(y), said)) == pytest.approx(960 + 1.5)
    assert float(model(beta=10.0).compute_loss(y, tf.constant(y), said)) == pytest.approx(960 + 15)
    optimal = float(model(variance="optimal").compute_loss(y, tf.constant(y), said))
    assert optimal == pytest.approx(1536 * np.log(0.625) + 1.5, rel=1e-6)


def test_l1_is_the_sum_of_absolute_errors():
    y, output = tf.zeros((2, 32, 32, 3)), tf.constant(np.full((2, 32, 32, 3), 0.25, np.float32))
    made = model(loss="l1")
    assert float(made.judged_losses(y, {"output": output})["l1"]) == pytest.approx(3072 / 4)


def test_the_energy_score_by_hand():
    """Of the whole picture and of sixteen squares: each draw √3072 · 0.5 from black, the two as far from each other."""
    y = tf.zeros((2, 32, 32, 3))
    one, other = (tf.constant(np.full((2, 32, 32, 3), value, np.float32)) for value in (0.5, 1.0))
    whole, squares = (np.sqrt(n) * (0.5 + 1.0 - 0.5) / 2 for n in (3072, 192))
    assert float(train.energy_score(y, one, other, 8)) == pytest.approx(whole + 16 * squares, rel=1e-5)


def test_the_energy_score_is_smallest_for_the_true_distribution_and_not_for_its_mean():
    """Photos are black or white squares, equally likely; whoever puts out grey, or white alone, scores worse."""
    rng, n = np.random.default_rng(3), 6000
    flat = lambda values: tf.constant(np.broadcast_to(values[:, None, None, None], (n, 8, 8, 3)), tf.float32)  # noqa: E731
    y = flat(rng.integers(0, 2, n))
    score = lambda a, b: float(train.energy_score(y, flat(a), flat(b), 4))  # noqa: E731
    true = score(rng.integers(0, 2, n), rng.integers(0, 2, n))
    assert true < 0.8 * score(np.full(n, 0.5), np.full(n, 0.5))
    assert true < 0.8 * score(np.ones(n), np.ones(n))


def gradients(changes: dict, of=None) -> dict[str, float]:
    """Net → the largest gradient of the loss, or of one of the judged decoder's, by any of its weights."""
    made = model(**changes)
    x = tf.constant(photos())
    nets = {"encoder": made.encoder, "first_decoder": made.first_decoder, **made.nets}
    with tf.GradientTape() as tape:
        said = made(x, training=True)
        total = made.compute_loss(x, x, said) if of is None else made.judged_losses(x, said)[of]
    weights = {name: [w.value for w in net.trainable_variables] for name, net in nets.items() if net}
    found = tape.gradient(total, weights)
    return {
        name: max((float(np.abs(g).max()) for g in of_net if g is not None), default=0.0)
        for name, of_net in found.items()
    }


@pytest.mark.parametrize(
    ("loss", "of", "who"),
    [
        ("l1", "l1", {"decoder"}),
        ("energy", "energy", {"decoder"}),
        ("adversary", "l2", {"decoder"}),
        ("adversary", "adversarial", {"decoder"}),
        ("adversary", "discriminator", {"discriminator"}),
    ],
)
def test_the_loss_of_the_judged_decoder_reaches_it_alone(loss, of, who):
    assert {name for name, largest in gradients({"loss": loss}, of).items() if largest > 0} == who


def test_without_fidelity_the_adversary_alone_teaches_the_judged_decoder():
    """What L2 adds to its loss is weighed by nought: all the rest is as it was."""
    y = tf.constant(photos())
    made = {weight: model(loss="adversary", fidelity=weight) for weight in (0.0, 1.0, 3.0)}
    said = made[0.0](y, training=True)
    total = {weight: float(one.compute_loss(y, y, said)) for weight, one in made.items()}
    l2 = float(made[0.0].judged_losses(y, said)["l2"])
    assert total[1.0] - total[0.0] == pytest.approx(l2, rel=1e-4)
    assert total[3.0] - total[0.0] == pytest.approx(3 * l2, rel=1e-4)


def test_every_net_learns_from_the_whole_loss():
    assert min(gradients({"loss": "adversary"}).values()) > 0
    assert min(gradients({}).values()) > 0


def test_in_an_l2_cell_the_decoder_of_the_code_is_the_one_that_is_judged():

    made = model()
    assert made.decoder is made.first_decoder
    other = model(loss="energy")
    assert other.decoder is not other.first_decoder
    for a, b in zip(other.decoder.get_weights(), other.first_decoder.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# Same codes, whatever the loss.


@pytest.fixture
def trained(made_once):
    """Every variant's run, from the test of every room."""
    return recipes.trained(made_once, "causes")


def test_cells_that_differ_in_their_loss_have_the_same_codes(trained):
    names = ("kl_l2", "kl_adversary", "kl_energy", "kl_l1")
    told = [recipes.told(trained, name)["facts"] for name in names]
    for name in ("mmse", "shared", "rate"):
        assert len({one[name] for one in told}) == 1, name
    optimal = [recipes.images(trained, name)["optimal"] for name in names]
    for other in optimal[1:]:
        np.testing.assert_array_equal(optimal[0], other)


@pytest.mark.usefixtures("eager")
def test_a_discriminator_that_tells_the_decoder_nothing_changes_nothing():
    """The sham adversary: it is trained, and no gradient of it reaches the decoder; so the decoder is that of L2."""
    found = {}
    for name, changes in {"sham": {"loss": "adversary", "gamma": 1e-30}, "l2": {}}.items():
        _, _, nets = train.train(params(epochs=2, **changes), 3, arrays(), lambda *_: None)
        found[name] = nets
    assert "discriminator" in found["sham"]
    for a, b in zip(found["sham"]["encoder"].get_weights(), found["l2"]["encoder"].get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    for a, b in zip(found["sham"]["decoder"].get_weights(), found["l2"]["decoder"].get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


# Which photos share a code.


def test_a_code_that_no_photo_of_the_list_has_is_named():
    means = np.array([[2.0, -2], [3, -1], [-1, 5]])
    codes = train.rounded(np.array([[2.0, -2], [-1, -1]]), 2)
    with pytest.raises(DataError, match=r"levels = 2, used = 2: 1 of 2 test photos have a code that no .* take fewer"):
        train.given_codes(params(**{**LEVELS, "used": 2}), codes, means, np.zeros_like(means))


def test_a_photo_of_the_list_has_the_level_that_it_has_there():
    """Its value lies at a border, and another batch puts it on the other side of it."""
    listed, elsewhere = np.array([[1e-7, 2.0], [3, -1]]), np.array([[-1e-7, 2.0], [-1e-7, 2.1]])
    assert (train.rounded(train.as_listed(elsewhere, listed), 2) == [[1, 1], [-1, 1]]).all()


def test_given_a_code_of_levels_all_photos_of_the_code_are_alike():
    means = np.array([[2.0, -2], [3, -1], [-1, 5], [2, 2]])
    codes = train.rounded(means[:3], 2)
    weights = train.given_codes(params(**{**LEVELS, "used": 2}), codes, means, np.zeros_like(means))
    np.testing.assert_allclose(weights, [[0.5, 0.5, 0, 0], [0.5, 0.5, 0, 0], [0, 0, 1, 0]])


def test_given_a_noisy_code_it_is_bayes_rule():
    rng = np.random.default_rng(4)
    means, codes = rng.normal(size=(9, 2)), rng.normal(size=(3, 2))
    density = np.prod([stats.norm.pdf(codes[:, [d]], means[:, d], 0.5) for d in range(2)], axis=0)
    weights = train.given_codes(params(**NOISE), codes, means, np.zeros_like(means))
    np.testing.assert_allclose(weights, density / density.sum(axis=1, keepdims=True), rtol=1e-9)


def test_a_deterministic_code_tells_its_photo():
    means = np.random.default_rng(5).normal(size=(9, 6))
    weights = train.given_codes(params(**DETERMINISTIC), means[[4, 2]], means, np.zeros_like(means))
    assert weights.argmax(axis=1).tolist() == [4, 2]
    assert (weights.sum(axis=1) == 1).all()


# What a run hands on.


@pytest.fixture
def untrained(monkeypatch):
    """Trains nothing, so that what is handed on can be compared with the nets as they start."""
    made, build = [], train.Causes

    def keep(*arguments):
        made.append(build(*arguments))
        return made[-1]

    monkeypatch.setattr(train, "Causes", keep)
    return made


@pytest.mark.parametrize(
    "changes", [{}, NOISE, LEVELS, OFF, DETERMINISTIC], ids=["vae", "noise", "levels", "off", "none"]
)
def test_the_best_decoder_and_its_error_by_counting(changes, untrained):
    """Another way to E[x | z]: the weights are taken from the encoder's own words, photo by photo."""
    images, facts, _ = train.train(params(learning_rate=1e-9, **changes), 3, arrays(), lambda *_: None)
    made, data = untrained[0], arrays()
    mean, log_var = made.encode(data["train_photo"])
    if changes is NOISE:
        mean = mean / np.sqrt(np.square(mean).mean())
    if changes in (LEVELS, OFF):
        mean = (mean - mean.mean(axis=0)) / np.sqrt(mean.var(axis=0) + train.SMALLEST_POWER)
    own, own_log_var = mean[::4], log_var[::4]
    codes = made.code(own, own_log_var, np.random.default_rng(3))
    for i, code in enumerate(codes):
        likelihood = {
            "vae": lambda code=code: np.exp(stats.norm.logpdf(code, mean, np.exp(log_var / 2)).sum(axis=1)),
            "noise": lambda code=code: np.exp(stats.norm.logpdf(code, mean, 0.5).sum(axis=1)),
            "levels": lambda code=code: (train.rounded(mean, 2) == code).all(axis=1).astype(float),
            "deterministic": lambda i=i: (np.arange(N_TRAIN) == 4 * i).astype(float),
        }[made.p.regime if changes is not OFF else "deterministic"]()
        weights = likelihood / likelihood.sum()
        best = np.einsum("l,lhwc->hwc", weights, data["train_photo"] / 255)
        np.testing.assert_allclose(images["optimal"][i] / 255, best, atol=0.006)
    assert facts["mmse"] >= 0
    assert (facts["mmse"] == pytest.approx(0, abs=1e-9)) == (changes in (OFF, DETERMINISTIC))


def test_photos_are_drawn_among_those_that_share_the_code(untrained):
    images, *_ = train.train(params(learning_rate=1e-9, **LEVELS), 3, arrays(), lambda *_: None)
    data = arrays()["train_photo"]
    mean = untrained[0].encode(data)[0]
    codes = train.rounded((mean - mean.mean(axis=0)) / np.sqrt(mean.var(axis=0) + train.SMALLEST_POWER), 2)
    for i, photo in enumerate(images["drawn"]):
        (number,) = np.flatnonzero((data == photo).all(axis=(1, 2, 3)))
        np.testing.assert_array_equal(codes[number], codes[4 * i])


def test_a_decoded_code_has_noise_of_the_decoders_own_each_time(untrained):
    images, *_ = train.train(params(learning_rate=1e-9, **LEVELS), 3, arrays(), lambda *_: None)
    assert (images["output"] != images["again"]).any(axis=(1, 2, 3)).all()
    assert {"prior", "ex_post", "median"}.isdisjoint(images)


def test_the_objective_is_that_of_a_decoder_of_unit_variance(untrained):
    images, facts, _ = train.train(params(**{"beta": 3.0}), 3, arrays(), lambda *_: None)
    error = np.square(images["output"] / 255 - images["target"] / 255).sum(axis=(1, 2, 3)).mean() / 2
    assert facts["objective"] == pytest.approx(error + 3 * facts["rate"], rel=5e-3)


# What is refused.


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"used": 7}, "more than latent_size"),
        ({"regime": "deterministic"}, "beta = 1.0 with regime deterministic"),
        ({"beta": 0.0}, "beta = 0.0 with regime vae"),
        ({"sigma": 1.0}, "sigma = 1.0 with regime vae"),
        ({**NOISE, "sigma": 0.0}, "sigma = 0.0 with regime noise"),
        ({"levels": 2}, "levels = 2 with regime vae"),
        ({**LEVELS, "levels": 1}, "levels = 1 with regime levels"),
        ({"hidden": 2}, "hidden = 2 with regime vae"),
        ({**NOISE, "variance": "optimal"}, "variance = optimal with regime noise"),
        ({"fidelity": 0.0}, "fidelity = 0.0 with loss l2"),
    ],
)
def test_impossible_cells_are_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        params(**changes)


def test_the_nets_are_equal_whatever_the_size_of_the_code():
    counts = {made.encoder.count_params() for made in (model(**DETERMINISTIC), model(**{**DETERMINISTIC, "used": 2}))}
    assert len(counts) == 1
    assert isinstance(model(), keras.Model)

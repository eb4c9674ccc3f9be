"""The recipe: the mathematics by hand, one loss against two, and all variants through the suite's own entry."""

from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from pydantic import ValidationError
from scipy import stats

from replications.datasets import world
from replications.errors import Diverged
from replications.vae_vs_gan import networks, train
from replications.vae_vs_gan.params import Params
from tests.rooms import recipes

N_TRAIN, N_TEST, LATENT = 16, 6, 3
SMALL = {
    "dataset": "facade_world-tiny",
    "n_train": N_TRAIN,
    "n_test": N_TEST,
    "epochs": 3,
    "batch_size": 4,
    "learning_rate": 3e-3,
    "beta_1": 0.5,
    "channels": 4,
    "latent_size": LATENT,
    "encoder": "gaussian",
    "beta": 0.5,
    "gamma": 0.0,
    "label_smoothing": 0.1,
    "n_samples": 7,
    "n_search": 3,
    "n_restarts": 2,
    "search_steps": 2,
    "search_learning_rate": 0.1,
    "n_bound": 5,
    "n_importance": 4,
}
VARIANTS = {
    "autoencoder": {"encoder": "deterministic", "beta": 0.0},
    "vae": {},
    "gan": {"encoder": "none", "beta": 0.0, "gamma": 1.0},
    "vae_gan": {"gamma": 3.0, "epochs": 2},
    "paired": {"gamma": 3.0, "game": "relativistic", "gradient_penalty": 0.2, "epochs": 2},
}


def params(variant: str = "vae", **changes) -> Params:
    return Params(**{**SMALL, **VARIANTS[variant], **changes})


def arrays(n_train: int = N_TRAIN, n_test: int = N_TEST) -> dict[str, np.ndarray]:
    """A few photos of the procedural world with a label."""
    data = {}
    for split, n in (("train", n_train), ("test", n_test)):
        labels, factors = world.sample(np.random.default_rng(n), n, 32)
        data |= {f"{split}_photo": world.render(labels, factors), f"{split}_mullion": factors["mullion"]}
    return data


def silent(seen: int, of: int) -> None:
    """Nobody listens to the progress."""


# The mathematics, by hand.


def test_log_normal():
    assert train.log_normal(3.0, 1.0, 4.0) == pytest.approx(-0.5 * np.log(8 * np.pi) - 0.5)
    x, mean, variance = np.random.default_rng(0).uniform(0.1, 2, (3, 5))
    np.testing.assert_allclose(
        train.log_normal(x, mean, variance), stats.norm.logpdf(x, mean, np.sqrt(variance)), rtol=1e-12
    )
    small = train.log_normal(np.float32(0.1), np.float32(0.1), np.float32(1e-6))
    assert small == pytest.approx(-0.5 * np.log(2 * np.pi * 1e-6), rel=1e-6)
    assert small.dtype == np.float64


def test_log_mean_exp():
    values = np.log([[1.0, 2.0], [3.0, 2.0], [8.0, 2.0]])
    np.testing.assert_allclose(train.log_mean_exp(values), np.log([4.0, 2.0]))
    np.testing.assert_allclose(train.log_mean_exp(values - 5000), np.log([4.0, 2.0]) - 5000)
    np.testing.assert_allclose(train.log_mean_exp(values + 5000), np.log([4.0, 2.0]) + 5000)


class Line:
    """A model whose likelihood is known: z decodes to a picture on a line, so p(x) is a normal distribution.

    `wider` and `aside` make the posterior wrong: by a factor of its variance, and by a shift.
    """

    variance, slope = 0.01, np.linspace(0.1, 0.4, 12).reshape(1, 2, 2, 3)

    def __init__(self, wider: float = 1.0, aside: float = 0.0, n_importance: int = 50):
        self.p = SimpleNamespace(n_importance=n_importance)
        self.wider, self.aside = wider, aside

    def decode(self, z: np.ndarray) -> np.ndarray:
        return 0.5 + z[:, :, None, None] * self.slope

    def encode(self, photos: np.ndarray) -> list[np.ndarray]:
        precision = 1 + (self.slope**2).sum() / self.variance
        mean = ((photos / 255 - 0.5) * self.slope).sum(axis=(1, 2, 3)) / self.variance / precision
        log_var = np.full((len(photos), 1), np.log(self.wider / precision))
        return [mean[:, None] + self.aside * np.sqrt(1 / precision), log_var]

    def photos(self, n: int) -> np.ndarray:
        rng = np.random.default_rng(n)
        noise = np.sqrt(self.variance) * rng.standard_normal((n, 2, 2, 3))
        return train.to_uint8(self.decode(0.5 * rng.standard_normal((n, 1))) + noise)

    def log_likelihood(self, photos: np.ndarray) -> np.ndarray:
        slope = self.slope.ravel()
        covariance = np.outer(slope, slope) + self.variance * np.eye(12)
        return stats.multivariate_normal.logpdf(photos.reshape(-1, 12) / 255, np.full(12, 0.5), covariance)


def test_with_the_true_posterior_every_weight_is_the_likelihood():
    line = Line(n_importance=5)
    photos = line.photos(8)
    weights = train.log_weights(line, photos, line.variance, np.random.default_rng(0))
    np.testing.assert_allclose(weights, np.tile(line.log_likelihood(photos), (5, 1)), atol=1e-4)


def test_a_wrong_posterior_loosens_the_bound_by_its_divergence_and_importance_weights_win_it_back():
    line = Line(wider=2.0, aside=0.5, n_importance=2000)
    photos = line.photos(8)
    weights = train.log_weights(line, photos, line.variance, np.random.default_rng(0))
    known = line.log_likelihood(photos)
    lost = (2.0 + 0.25 - 1 - np.log(2)) / 2  # KL of q to the true posterior
    np.testing.assert_allclose(known - weights.mean(axis=0), lost, atol=0.15)
    np.testing.assert_allclose(train.log_mean_exp(weights), known, atol=0.1)


def test_what_is_told_of_the_likelihood():
    line = Line(wider=2.0, n_importance=300)
    photos, test = line.photos(400), line.photos(50)
    told = train.likelihood(line, photos, test, np.random.default_rng(0))
    # A posterior of twice the variance moves the decoded picture by slope · √(2 / precision).
    precision = 1 + (line.slope**2).sum() / line.variance
    around = np.square(photos / 255 - line.decode(line.encode(photos)[0])).mean()
    assert told["decoder_variance"] == pytest.approx(around + (line.slope**2).mean() * 2 / precision, rel=0.02)
    assert told["elbo"] < told["iwae"]
    known = line.log_likelihood(test).mean() / 12
    assert told["iwae"] == pytest.approx(known, abs=0.05)
    assert told["elbo"] == pytest.approx(known - (1 - np.log(2)) / 2 / 12, abs=0.05)
    mean, log_var = line.encode(test)
    assert told["rate"] == pytest.approx(((mean**2 + np.exp(log_var) - log_var - 1) / 2).sum(axis=1).mean())
    assert told.keys() == {
        "decoder_variance",
        "elbo",
        "iwae",
        "rate",
        "gaussian_baseline",
        "pixelwise_baseline",
    }


def test_the_variance_is_never_below_that_of_rounding():
    line = Line()
    line.decode = lambda z: np.repeat(np.full((1, 2, 2, 3), 0.2), len(z), axis=0)
    photos = np.full((4, 2, 2, 3), 51, np.uint8)
    assert train.decoder_variance(line, photos, np.random.default_rng(0)) == pytest.approx(1 / 255**2 / 12)


def test_baselines():
    photos = np.zeros((2, 1, 1, 3), np.uint8)
    photos[1, 0, 0] = (51, 102, 0)  # means 0.1, 0.2, 0; variances 0.01, 0.04, 0
    test = np.array([51, 0, 0], np.uint8).reshape(1, 1, 1, 3)
    told = train.baselines(photos, test)
    variances = np.array([0.01, 0.04, 1 / 255**2 / 12])
    expected = stats.norm.logpdf([0.2, 0, 0], [0.1, 0.2, 0], np.sqrt(variances)).mean()
    assert told["pixelwise_baseline"] == pytest.approx(expected, rel=1e-5)
    expected = stats.norm.logpdf([0.2, 0, 0], [0.1, 0.2, 0], np.sqrt(0.05 / 3)).mean()
    assert told["gaussian_baseline"] == pytest.approx(expected, rel=1e-5)
    assert np.isfinite(list(train.baselines(np.zeros_like(photos), test).values())).all()


# One loss against two.


class Game:
    """A model, equal nets beside it, a batch of four photos, and the noise of a step, which is given."""

    def __init__(self, variant: str):
        self.p = params(variant, label_smoothing=0.2)
        self.model = train.VAEvsGAN(self.p, 32, seed=3)
        shape = {"channels": self.p.channels, "latent_size": LATENT}
        beside = {
            "decoder": networks.decoder(32, **shape, seed=7),
            "encoder": networks.encoder(32, **shape, gaussian=self.p.encoder == "gaussian", seed=7),
            "discriminator": networks.discriminator(
                32, channels=self.p.channels, normalised=self.p.gradient_penalty == 0, seed=7
            ),
        }
        rng = np.random.default_rng(1)
        self.nets = {}  # name → ours, theirs
        for name, theirs in beside.items():
            ours = getattr(self.model, name)
            if ours is not None:
                # Far from the start, where all logits are nearly 0 and a wrong sign would hardly show.
                weights = [np.abs(w + rng.normal(0, 0.1, w.shape).astype(np.float32)) for w in ours.get_weights()]
                weights = [w * rng.choice([-1, 1], w.shape) if w.ndim > 1 else w for w in weights]
                ours.set_weights(weights)
                theirs.set_weights(weights)
                self.nets[name] = ours, theirs
        self.x = tf.constant(train.to_float(arrays()["train_photo"][:4]))
        self.noise = [tf.constant(rng.standard_normal((4, LATENT)), tf.float32) for _ in range(2)]

    def total(self) -> tf.Tensor:
        noise = iter(self.noise)
        self.model.standard_normal = lambda x: next(noise)
        return self.model.compute_loss(self.x, self.x, self.model(self.x, training=True))

    def reference(self) -> dict[str, tf.Tensor]:
        """What the encoder and the decoder minimise (`model`), and the discriminator, with all terms written out."""
        noise, z, losses, n_real = list(self.noise), [], {}, 0
        e, d, g = (self.nets.get(name, (None, None))[1] for name in ("encoder", "discriminator", "decoder"))
        if e:
            mean, *log_var = tf.nest.flatten(e(self.x, training=True))
            if log_var:
                deviation = tf.sqrt(tf.exp(log_var[0]))
                z.append(mean + deviation * noise.pop(0))
                kl = 0.5 * tf.reduce_sum(mean**2 + deviation**2 - tf.math.log(deviation**2) - 1, axis=1)
                losses["rate"] = tf.reduce_mean(kl)
            else:
                z.append(mean)
            n_real = 4
        if d:
            z.append(noise.pop(0))
        decoded = g(tf.concat(z, axis=0), training=True)
        model = tf.constant(0.0)
        if e:
            errors = tf.reduce_sum((self.x - decoded[:n_real]) ** 2, axis=[1, 2, 3])
            losses["distortion"] = 0.5 * tf.reduce_mean(errors)
            model += losses["distortion"] + self.p.beta * losses.get("rate", 0.0)
        if d and self.p.game == "standard":

            def surprise(pictures, label):
                logits = d(pictures, training=True)
                labels = tf.fill(tf.shape(logits), label)
                return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))

            losses["discriminator"] = surprise(self.x, 0.8) + surprise(decoded, 0.0)
            losses["adversarial"] = surprise(decoded, 1.0)
        elif d:
            real, fake = d(self.x), d(decoded)
            lead = tf.tile(real, (2, 1)) - fake  # reconstructions and samples, each beside a photo
            losses["discriminator"] = -tf.reduce_mean(tf.math.log_sigmoid(lead))
            losses["adversarial"] = -tf.reduce_mean(tf.math.log_sigmoid(-lead))
            directions = keras.random.SeedGenerator(3)
            for pictures, logits in ((self.x, real), (decoded, fake)):
                step = self.p.penalty_step * keras.random.normal(pictures.shape, seed=directions)
                slope = (d(pictures + step) - logits) / self.p.penalty_step
                losses["discriminator"] += self.p.gradient_penalty / 2 * tf.reduce_mean(slope**2)
        if d:
            model += self.p.gamma * losses["adversarial"]
        return losses | {"model": model}

    def reference_gradients(self) -> tuple[dict[str, list], dict[str, float]]:
        """Of each net's own loss, as two training steps from the same state would take them."""
        with tf.GradientTape(persistent=True) as tape:
            losses = self.reference()
        gradients = {
            name: tape.gradient(
                losses["discriminator" if name == "discriminator" else "model"],
                [v.value for v in theirs.trainable_variables],
            )
            for name, (_, theirs) in self.nets.items()
        }
        return gradients, {name: float(value) for name, value in losses.items()}


@pytest.fixture(params=VARIANTS)
def game(request):
    return Game(request.param)


def assert_near(ours, theirs, name: str, tolerance: float) -> None:
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    scale = np.abs(theirs).max()
    assert scale > 0, f"{name} is 0 throughout, which proves nothing"
    assert np.abs(ours - theirs).max() <= tolerance * scale, name


def test_one_loss_has_the_gradients_of_two(game):
    with tf.GradientTape(persistent=True) as tape:
        total = game.total()
    gradients, losses = game.reference_gradients()
    assert float(total) == pytest.approx(losses["model"] + losses.get("discriminator", 0), rel=1e-5)
    assert {*game.model.trackers, "model"} == losses.keys()
    for name, tracker in game.model.trackers.items():
        assert float(tracker.result()) == pytest.approx(losses[name], rel=1e-5), name
    for net, (ours, _) in game.nets.items():
        variables = ours.trainable_variables
        for variable, gradient, expected in zip(
            variables, tape.gradient(total, [v.value for v in variables]), gradients[net], strict=True
        ):
            if game.p.game == "relativistic" and variable is game.model.discriminator.layers[-1].bias:
                assert abs(float(gradient[0])) < 1e-5, "what all logits have in common is in no difference of them"
                continue
            assert_near(gradient, expected, variable.path, 1e-3)


def test_one_optimiser_steps_as_two():
    game = Game("vae_gan")
    start = {name: ours.get_weights() for name, (ours, _) in game.nets.items()}
    # Adam's usual epsilon makes a whole step of the rounding of a gradient that is nearly 0.
    joint, *optimisers = (keras.optimizers.Adam(1e-3, beta_1=game.p.beta_1, epsilon=1e-1) for _ in range(4))
    for _ in range(2):
        with tf.GradientTape() as tape:
            total = game.total()
        variables = game.model.trainable_variables
        joint.apply_gradients(zip(tape.gradient(total, [v.value for v in variables]), variables, strict=True))
        gradients, _ = game.reference_gradients()
        for optimiser, (name, (_, theirs)) in zip(optimisers, game.nets.items(), strict=True):
            optimiser.apply_gradients(zip(gradients[name], theirs.trainable_variables, strict=True))
    for name, (ours, theirs) in game.nets.items():
        trained = [variable.trainable for variable in ours.weights]
        for a, b, before, is_trained in zip(
            ours.get_weights(), theirs.get_weights(), start[name], trained, strict=True
        ):
            if is_trained:
                assert_near(a - before, b - before, name, 5e-3)


@pytest.mark.parametrize("variant", ["gan", "vae_gan"])
def test_the_terms_reach_their_own_nets_alone(variant):
    model = Game(variant).model
    x = train.to_float(arrays()["train_photo"][:4])
    with tf.GradientTape(persistent=True) as tape:
        fake = model(x, training=True)["fake"]
        of_discriminator = model.discriminator_loss(x, tf.stop_gradient(fake))
        of_decoder = train.adversarial_loss(model.discriminator, fake)
    mine = [v.value for v in model.decoder.trainable_variables]
    yours = [v.value for v in model.discriminator.trainable_variables]
    assert all(gradient is None for gradient in tape.gradient(of_discriminator, mine))
    assert all(gradient is None for gradient in tape.gradient(of_decoder, yours))
    assert all(gradient is not None for gradient in tape.gradient(of_decoder, mine))


def test_the_discriminator_sees_reconstructions_and_samples():
    x = train.to_float(arrays()["train_photo"][:4])
    for variant, shown in (("gan", 4), ("vae_gan", 8)):
        assert train.VAEvsGAN(params(variant), 32, 1)(x)["fake"].shape == (shown, 32, 32, 3)
    both = train.VAEvsGAN(params("vae_gan"), 32, 1)(x)
    np.testing.assert_array_equal(both["output"], both["fake"][:4])
    assert "fake" not in train.VAEvsGAN(params("vae"), 32, 1)(x)


def test_noise_is_drawn_anew_and_follows_from_the_seed_alone():
    x = train.to_float(arrays()["train_photo"][:4])
    for variant in ("vae", "gan", "vae_gan"):
        first = train.VAEvsGAN(params(variant), 32, 1)
        one, two = (keras.tree.flatten(first(x)) for _ in range(2))
        assert any((np.asarray(a) != np.asarray(b)).any() for a, b in zip(one, two, strict=True)), variant
        keras.utils.set_random_seed(99)
        again = keras.tree.flatten(train.VAEvsGAN(params(variant), 32, 1)(x))
        for a, b in zip(one, again, strict=True):
            np.testing.assert_array_equal(a, b)
    still = train.VAEvsGAN(params("autoencoder"), 32, 1)
    np.testing.assert_array_equal(still(x)["output"], still(x)["output"])


def test_variants_of_one_seed_begin_alike():
    models = {variant: train.VAEvsGAN(params(variant), 32, 5) for variant in VARIANTS}
    for net, variants in {
        "decoder": ("autoencoder", "vae", "gan", "vae_gan", "paired"),
        "encoder": ("vae", "vae_gan", "paired"),
        "discriminator": ("gan", "vae_gan"),
    }.items():
        first, *others = (getattr(models[variant], net).get_weights() for variant in variants)
        for other in others:
            for a, b in zip(first, other, strict=True):
                np.testing.assert_array_equal(a, b, err_msg=net)


# The search of the latent.


@pytest.fixture(scope="module")
def curved() -> keras.Model:
    """A decoder with three coordinates, whose pictures are 4 × 4 and whose norm has seen others than it will see."""
    z = keras.Input((LATENT,))
    x = layers.Dense(48, kernel_initializer=keras.initializers.RandomNormal(0, 1, seed=1))(z)
    norm = layers.BatchNormalization()
    net = keras.Model(z, layers.Reshape((4, 4, 3))(layers.Activation("sigmoid")(norm(x))))
    rng = np.random.default_rng(2)
    norm.set_weights([np.ones(48), np.zeros(48), rng.normal(0, 0.5, 48), rng.uniform(0.5, 2, 48)])
    return net


def decoded(net: keras.Model, z: np.ndarray) -> np.ndarray:
    return np.asarray(net(z.astype(np.float32)))


def test_the_search_finds_what_can_be_put_out(curved):
    weights = curved.get_weights()
    target = decoded(curved, np.random.default_rng(5).standard_normal((4, LATENT)))
    found = train.search(curved, target, params(search_steps=150, n_restarts=3), seed=1)
    assert found.shape == target.shape
    assert np.square(found - target).mean(axis=(1, 2, 3)).max() < 1e-3
    for before, after in zip(weights, curved.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    again = train.search(curved, target, params(search_steps=150, n_restarts=3), seed=1)
    np.testing.assert_array_equal(found, again)


def test_the_search_begins_at_draws_of_the_prior_and_takes_the_best_for_each_image(curved):
    target = np.random.default_rng(5).uniform(0, 1, (4, 4, 4, 3)).astype(np.float32)
    z = np.random.default_rng(8).standard_normal((6 * 4, LATENT))
    drawn = decoded(curved, z).reshape(6, *target.shape)
    errors = np.square(drawn - target).mean(axis=(2, 3, 4))
    nearest = drawn[errors.argmin(axis=0), np.arange(4)]
    found = train.search(curved, target, params(search_steps=1, n_restarts=6, search_learning_rate=1e-9), seed=8)
    np.testing.assert_allclose(found, nearest, atol=1e-6)
    assert len(set(errors.argmin(axis=0))) > 1


def test_the_loss_of_a_search_is_a_sum_over_images_of_means_over_values(curved):
    z = np.random.default_rng(5).standard_normal((2, LATENT))
    searching = train.Search(curved, z)
    target = np.random.default_rng(6).uniform(0, 1, (2, 4, 4, 3)).astype(np.float32)
    shown = decoded(curved, z)
    expected = np.square(shown - target).sum() / 48
    assert float(searching.compute_loss(target, target, searching(target))) == pytest.approx(expected, rel=1e-5)
    assert [weight.path for weight in searching.trainable_variables] == [searching.z.path]


def test_more_steps_find_nearer_ones(curved):
    target = np.random.default_rng(5).uniform(0, 1, (4, 4, 4, 3)).astype(np.float32)
    errors = [
        np.square(train.search(curved, target, params(search_steps=steps), seed=1) - target).mean() for steps in (1, 60)
    ]
    assert errors[1] < 0.9 * errors[0]


def test_the_search_of_one_image_does_not_depend_on_the_others(curved):
    """Adam acts coordinate by coordinate, and the loss is a sum."""
    target = decoded(curved, np.random.default_rng(5).standard_normal((4, LATENT)))
    together = train.search(curved, target, params(search_steps=20, n_restarts=1), seed=1)
    other = target.copy()
    other[1:] = 1 - other[1:]
    apart = train.search(curved, other, params(search_steps=20, n_restarts=1), seed=1)
    np.testing.assert_allclose(together[0], apart[0], atol=1e-4)
    assert np.abs(together[1:] - apart[1:]).max() > 0.1


# What is refused, and what ends a training.


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"encoder": "none", "beta": 0.0}, "nothing to learn from"),
        ({"encoder": "deterministic"}, "beta = 0.5 without a gaussian encoder"),
        ({"encoder": "none", "gamma": 1.0}, "beta = 0.5 without a gaussian encoder"),
        ({"n_search": 7}, "n_search = 7 is more than n_test = 6"),
        ({"n_bound": 7}, "n_bound = 7 is more than n_test = 6"),
        ({"batch_size": 1}, "batch_size"),
        ({"label_smoothing": 0.5}, "label_smoothing"),
    ],
)
def test_params_that_make_no_sense(changes, said):
    with pytest.raises(ValidationError, match=said):
        params(**changes)


@pytest.fixture
def eager(monkeypatch):
    """Steps one by one: no time goes into compiling what is run a few times."""
    for model in (train.VAEvsGAN, train.Search):
        compile_ = model.compile
        monkeypatch.setattr(model, "compile", lambda self, adam, f=compile_, **_: f(self, adam, run_eagerly=True))


@pytest.mark.usefixtures("eager")
def test_an_output_that_is_no_number(monkeypatch):
    monkeypatch.setattr(train, "search", lambda decoder, target, *_: np.full_like(target, np.nan))
    with pytest.raises(Diverged, match=r"^epoch 1: searched is not a number everywhere"):
        train.train(params(epochs=1), 1, arrays(), silent)


@pytest.mark.usefixtures("eager")
def test_one_flat_colour(monkeypatch):
    def always_grey(size: int, *, latent_size: int, **_) -> keras.Model:
        z = keras.Input((latent_size,))
        x = layers.Dense(1, "sigmoid", kernel_initializer="zeros", trainable=False)(z)
        return keras.Model(z, layers.Reshape((size, size, 3))(layers.RepeatVector(size * size * 3)(x)))

    monkeypatch.setattr(networks, "decoder", always_grey)
    with pytest.raises(Diverged, match=r"^epoch 1: all samples are one flat colour"):
        train.train(params("gan", epochs=1), 1, arrays(), silent)


# Through the entry of the suite, each in a process of its own.


@pytest.fixture(scope="module")
def trained(made_once) -> Path:
    """Two folders: `first`, with every variant, and `again`, with the first of them."""
    return recipes.trained(made_once, "vae_vs_gan")


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_a_run_leaves(variant, trained):
    images = recipes.images(trained, variant)
    expected = {"target": N_TEST, "prior": SMALL["n_samples"], "searched": SMALL["n_search"]}
    if variant != "gan":
        expected["output"] = N_TEST
    assert {name: image.shape for name, image in images.items()} == {
        name: (n, 32, 32, 3) for name, n in expected.items()
    }
    assert all(image.dtype == np.uint8 for image in images.values())
    np.testing.assert_array_equal(images["target"], arrays()["test_photo"])
    assert len(np.unique(images["prior"], axis=0)) == SMALL["n_samples"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_a_run_tells(variant, trained):
    facts, gamma = recipes.told(trained, variant)["facts"], VARIANTS[variant].get("gamma", 0.0)
    variant = {"paired": "vae_gan"}.get(variant, variant)  # the same terms in another game
    terms = {
        "autoencoder": {"distortion"},
        "vae": {"distortion", "rate"},
        "gan": {"discriminator", "adversarial"},
        "vae_gan": {"distortion", "rate", "discriminator", "adversarial"},
    }[variant]
    assert facts["losses"].keys() == {"loss", *terms}
    total = (
        np.array(facts["losses"].get("distortion", 0.0))
        + SMALL["beta"] * np.array(facts["losses"].get("rate", 0.0))
        + facts["losses"].get("discriminator", 0.0)
        + gamma * np.array(facts["losses"].get("adversarial", 0.0))
    )
    np.testing.assert_allclose(facts["losses"]["loss"], total, rtol=1e-4)
    counted = {name: facts[f"{name}_parameters"] > 0 for name in ("encoder", "decoder", "discriminator")}
    assert counted == {"encoder": variant != "gan", "decoder": True, "discriminator": "gan" in variant}
    bounds = {"decoder_variance", "elbo", "iwae", "rate", "gaussian_baseline", "pixelwise_baseline"}
    assert bounds & facts.keys() == (bounds if "vae" in variant else set())
    if "vae" in variant:
        assert facts["elbo"] < facts["iwae"]


@pytest.mark.parametrize(
    ("variant", "name"), [("autoencoder", "distortion"), ("vae", "loss"), ("gan", "discriminator")]
)
def test_nets_learn(variant, name, trained):
    losses = recipes.told(trained, variant)["facts"]["losses"][name]
    assert losses[-1] < 0.9 * losses[0]

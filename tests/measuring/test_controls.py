"""Known pictures, by the instruments that judge runs: what quality checks take their bounds from."""

import importlib
import json
import shutil
from dataclasses import dataclass

import numpy as np
import pytest
from scipy import optimize

from replications import study
from replications.datasets import arrays
from replications.judging.scores import ScoreError, read_scores
from replications.measuring import known
from tests import tiny


def photos(n: int, size: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, size, size, 3), np.uint8)


def on_a_plane(n: int, dimensions: int, seed: int, size: int = 8) -> np.ndarray:
    """Photos whose deviations from grey lie in a linear space of so many dimensions, but for rounding."""
    directions = np.random.default_rng(0).standard_normal((dimensions, size * size * 3)) * 10
    values = 128 + np.random.default_rng(seed).standard_normal((n, dimensions)) @ directions
    return np.clip(np.rint(values), 0, 255).astype(np.uint8).reshape(n, size, size, 3)


def error(output: np.ndarray, target: np.ndarray) -> float:
    return float(np.square(output / 255.0 - target / 255.0).mean())


def test_principal_components_reproduce_what_lies_in_their_space():
    train, test = on_a_plane(200, 3, seed=1), on_a_plane(20, 3, seed=2)
    assert error(known.linear(train, test, 3), test) < (1 / 255) ** 2
    assert error(known.linear(train, test, 2), test) > 10 * (1 / 255) ** 2


def test_no_linear_code_is_closer_to_what_it_was_fitted_on():
    """Eckart and Young: against random subspaces, each with its own best coordinates."""
    train = photos(300)
    best = error(known.linear(train, train, 5), train)
    x = train.reshape(300, -1) / 255.0
    mean = x.mean(axis=0)
    for seed in range(20):
        q, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((x.shape[1], 5)))
        assert best < np.square((x - mean) - (x - mean) @ q @ q.T).mean()


def test_few_photos_have_the_components_of_the_same_photos_many_times():
    """Fewer than values go another way, which takes no matrix of all values."""
    few, test = photos(100), photos(20, seed=1)
    many = np.concatenate([few] * 3)
    assert len(few) < few[0].size < len(many)
    for n_values, beta in ((5, 0.0), (5, 0.02), (99, 0.0)):
        difference = known.linear(few, test, n_values, beta).astype(int) - known.linear(many, test, n_values, beta)
        assert np.abs(difference).max() <= 1, "but for rounding"
        assert known.linear_objective(test, known.components(few, n_values), n_values, beta) == pytest.approx(
            known.linear_objective(test, known.components(many, n_values), n_values, beta)
        )


def test_arms_of_several_sizes_are_scored_as_each_by_itself():
    @dataclass
    class Arm:
        latent_size: int
        beta: float = 0.0
        n_train: int = 100
        n_test: int = 20

    data = {"train_photo": photos(120, size=16), "test_photo": photos(30, size=16, seed=1)}
    arms = {"small": Arm(2, 0.02), "large": Arm(7)}
    scores = known.linear_arms(data, arms, ("small", "large", "not declared"), objectives=("small",))
    train, test = data["train_photo"][:100], data["test_photo"][:20]
    for name, arm in arms.items():
        expected = known.of_pictures(known.linear(train, test, arm.latent_size, arm.beta), test)
        assert scores[f"linear_{name}"]["mse"] == pytest.approx(expected["mse"], rel=1e-6)
    of_two = known.components(train, 2)
    assert scores["linear_small"]["objective"] == pytest.approx(known.linear_objective(test, of_two, 2, 0.02))
    assert "objective" not in scores["linear_large"]
    trained_on = known.linear_arms(data, arms, ("small",), objectives=("small",), objective_on="train_photo")
    assert trained_on["linear_small"]["objective"] == pytest.approx(known.linear_objective(train, of_two, 2, 0.02))
    assert scores.keys() == {"photos_blurred", "linear_small", "linear_large"}


def test_a_weight_of_the_kl_term_shrinks_by_what_lucas_et_al_say():
    """One component of variance λ: the decoded mean of a deviation d is (1 − β/λ) d, and nothing below β."""
    train = np.full((2, 1, 1, 3), 128, np.uint8)
    train[0, 0, 0, 0], train[1, 0, 0, 0] = 28, 228  # variance (100/255)² of the first value, none of the others
    variance = (100 / 255) ** 2
    for beta, expected in ((0.0, 100), (variance / 4, 75), (variance / 2, 50), (2 * variance, 0)):
        output = known.linear(train, train[1:], 1, beta)
        assert output[0, 0, 0, 0] - 128 == pytest.approx(expected, abs=1), beta


@pytest.mark.parametrize("beta", [0.0, 0.01, 0.05])
def test_no_linear_vae_has_less_of_a_loss_than_the_closed_form(beta):
    """Against an optimiser that knows nothing of it: a gain, a variance and a weight for each of three components."""
    train, n = on_a_plane(200, 4, seed=3), 3
    first = known.components(train, 4)
    mean, variances = first.mean, first.variances
    total = np.square(train / 255.0 - mean.reshape(train.shape[1:])).sum(axis=(1, 2, 3)).mean()

    def loss(free: np.ndarray) -> float:
        gain, log_var, weight = free[:n], free[n : 2 * n], free[2 * n :]
        kept = variances[-n:]
        error = kept * (1 - gain * weight) ** 2 + weight**2 * np.exp(log_var)
        rate = (gain**2 * kept + np.exp(log_var) - log_var - 1).sum() / 2
        return (total - kept.sum() + error.sum()) / 2 + beta * rate

    start = np.concatenate([np.ones(n), np.full(n, -3.0), np.ones(n)])
    found = optimize.minimize(
        loss, start, method="L-BFGS-B", bounds=[(None, None)] * n + [(-40, 5)] * n + [(None, None)] * n
    )
    assert known.linear_objective(train, first, n, beta) == pytest.approx(found.fun, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("beta", [0.0, 0.01, 0.05])
def test_the_loss_of_a_linear_vae_is_that_on_the_photos_it_is_compared_on(beta):
    """Other photos through the same optimum, whose gains, variances and weights Lucas et al. write down."""
    train, test, n = on_a_plane(200, 4, seed=3), on_a_plane(100, 4, seed=4), 3
    first = known.components(train, n)
    x = test.reshape(100, -1) / 255.0 - first.mean
    errors, rates = np.square(x).sum(axis=1), np.zeros(100)
    for variance, axis in zip(first.variances, first.axes.T, strict=True):
        if variance <= beta:
            continue
        weight, spread = np.sqrt(variance - beta), beta / variance  # of the decoder; of the posterior
        y = x @ axis
        z = weight * y / variance
        errors += (y - weight * z) ** 2 - y**2 + weight**2 * spread
        rates += (z**2 + spread - (np.log(spread) if beta else 0) - 1) / 2
    expected = errors.mean() / 2 + (beta * rates.mean() if beta else 0)
    assert known.linear_objective(test, first, n, beta) == pytest.approx(expected)
    assert known.linear_objective(train, first, n, beta) != pytest.approx(expected), "as on the training photos"


def test_squares_are_coded_one_by_one():
    train = np.repeat(np.repeat(photos(50, size=2), 4, axis=1), 4, axis=2)  # squares of one colour each
    assert error(known.linear(train, train, 3, patch=4), train) < (1 / 255) ** 2, "three numbers say a colour"
    assert error(known.linear(train, train, 3), train) > 0.01, "and not four of them"


def test_the_blur_is_a_thirty_second_of_the_picture():
    point = np.zeros((1, 64, 64, 3), np.uint8)
    point[0, 32, 32] = 255
    row = known.blurred(np.repeat(point, 1, axis=0))[0, 32, :, 0].astype(float)
    ratio = row[32] / row[34]  # two pixels aside, at σ = 2: exp(1/2)
    assert ratio == pytest.approx(np.exp(0.5), rel=0.15)


def test_noise_is_the_same_every_time_and_like_no_photo():
    a, b = (known.noise(photos(4)) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert a.shape == (4, 8, 8, 3)
    assert abs(a.mean() - 127.5) < 10


def test_controls_of_samples_are_judged_against_the_test_photos():
    data = {"train_photo": photos(6), "test_photo": photos(4, seed=1)}
    found = known.samples(data, n_test=3, n_samples=5)
    assert list(found) == ["photos", "photos_blurred", "noise"]
    np.testing.assert_array_equal(found["photos"]["prior"], data["train_photo"][:5])
    np.testing.assert_array_equal(found["photos_blurred"]["prior"], known.blurred(data["train_photo"][:5]))
    assert all((one["target"] == data["test_photo"][:3]).all() for one in found.values())


@pytest.mark.parametrize("room", tiny.quick_or_slow(study.REPLICATIONS))
def test_every_replication_has_controls_that_no_net_judges(trained, room):
    declared = study.load(trained(room))
    of_room = importlib.import_module(f"replications.{room}.measures")
    variants = declared.variants_of(room)
    data = arrays.load(declared.folder / "arrays" / f"{next(iter(variants.values())).dataset}.npz")
    scores = of_room.fixed_controls(data, variants)
    assert scores["photos_blurred"]["laplacian_variance"] < 0.1, "photographs through a blur are blurred"
    assert all(np.isfinite(score) for of_control in scores.values() for score in of_control.values())


def test_where_the_distribution_is_known_its_exact_mean_is_the_floor(trained):
    from replications.pix2pix import measures

    declared = study.load(trained("pix2pix"))
    data = arrays.load(declared.folder / "arrays" / "facade_world-tiny.npz")
    scores = measures.fixed_controls(data, declared.variants_of("pix2pix"))
    assert scores["exact_mean"]["mse_above_floor"] < 1e-5
    assert scores["exact_median"]["l1_above_floor"] < 1e-9
    assert scores["exact_mean"]["energy_certain"] == pytest.approx(1, abs=0.02)
    assert scores["exact_mean"]["energy_uncertain"] < 0.3 < scores["exact_median"]["energy_certain"]
    assert 0 < scores["majority"]["pixel_accuracy"] < 1


def test_the_command_scores_every_control_with_the_net_of_each_seed(trained, segmentation_readers, tmp_path):
    folder = tmp_path / "tiny"
    shutil.copytree(trained("pix2pix"), folder)
    for name in ("readers", "results"):
        shutil.copytree(segmentation_readers / name, folder / name)
    for command in (("controls", "pix2pix"), ("measure", "pix2pix")):
        done = tiny.command(*command, "--study", folder, cwd=folder)
        assert done.returncode == 0, done.stderr
    ceilings = json.loads((folder / "results" / "readers.json").read_text())["segmentation"]
    rows = tiny.read_rows(folder / "results" / "pix2pix" / "controls.csv")
    assert list(rows[0]) == ["control", "seed", "instrument", "score"]
    read = {
        row["seed"]: float(row["score"])
        for row in rows
        if (row["control"], row["instrument"]) == ("majority", "pixel_accuracy")
    }
    assert set(read) == {"1", "2"} == set(ceilings), "no net judges it, yet it stands beside every seed"
    assert len(set(read.values())) == 1
    scores = read_scores(study.load(folder), "pix2pix")
    assert scores.arm("photos", "pixel_accuracy", (1, 2)).shape == (2,)
    assert scores.arm("exact_mean", "mse", (1, 2)).std() == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nobody"], ("nobody", "declared are")),
        (["pix2pix", "--study", "nowhere"], ("nowhere/params.yaml", "a study is a folder")),
    ],
)
def test_what_is_not_there_is_one_line(trained, tmp_path, arguments, words):
    done = tiny.here("controls", *arguments, cwd=trained("pix2pix"))
    tiny.assert_one_line_error(done, *words)


def test_without_its_net_it_is_one_line_with_the_command_that_makes_it(trained):
    folder = trained("pix2pix")
    done = tiny.command("controls", "pix2pix", "--study", folder, cwd=folder)
    tiny.assert_one_line_error(done, "segmentation.npz: no such file", "readers`")


def test_as_many_components_as_values_lose_nothing():
    train, test = photos(300, size=4), photos(5, size=4, seed=1)
    for n_values in (48, 1000):
        np.testing.assert_array_equal(known.linear(train, test, n_values), test)


def test_arms_share_their_components_and_keep_their_own_size_and_weight():
    data = {"train_photo": on_a_plane(100, 6, 1, size=16), "test_photo": on_a_plane(9, 6, 2, size=16)}
    arms = {name: Arm(size, beta) for name, size, beta in (("small", 2, 0.0), ("heavy", 6, 1e-3), ("large", 6, 0.0))}
    scores = known.linear_arms(data, arms, ["small", "heavy", "large", "nobody"])
    assert list(scores) == ["photos_blurred", "linear_small", "linear_heavy", "linear_large"]
    for name, arm in arms.items():
        alone = known.linear(data["train_photo"], data["test_photo"], arm.latent_size, arm.beta)
        assert scores[f"linear_{name}"] == known.of_pictures(alone, data["test_photo"])
    errors = [scores[f"linear_{name}"]["mse"] for name in ("large", "heavy", "small")]
    assert errors == sorted(errors)
    assert len(set(errors)) == 3
    doubled = known.linear_arms(data, arms, ["heavy"], weight=lambda params: 2 * params.beta)
    assert doubled["linear_heavy"]["mse"] > scores["linear_heavy"]["mse"]


@dataclass(frozen=True)
class Arm:
    """What `linear_arms` reads of an arm's parameters."""

    latent_size: int
    beta: float
    n_train: int = 100
    n_test: int = 9


def test_a_mean_over_a_larger_latent_weighs_a_nat_less():
    from replications.spatial_z_vae import measures

    declared = study.load(tiny.ROOT).variants["spatial_z_vae"]
    weights = {name: measures.weight_of_a_nat(params) for name, params in declared.items()}
    assert weights["flat_8"] == weights["flat_1024"] == declared["flat_8"].beta
    assert weights["flat_8_mean"] == pytest.approx(128 / 8 * weights["flat_8"])
    assert weights["flat_1024_mean"] == pytest.approx(128 / 1024 * weights["flat_8"])


def test_a_damaged_control_is_named_with_its_file_and_its_command(tmp_path):
    folder = tmp_path / "tiny"
    tiny.write_params(folder, tiny.params("pix2pix"))
    results = folder / "results" / "pix2pix"
    declared = study.load(folder)
    rows = [{"variant": r.variant, "seed": r.seed, "instrument": "l1", "score": 1.0} for r in declared.runs("pix2pix")]
    tiny.write_rows(results / "scores.csv", rows)
    tiny.write_rows(results / "controls.csv", [{"control": "photos", "seed": 1, "instrument": "l1", "score": "nan"}])
    with pytest.raises(ScoreError, match=r"controls\.csv: control row 1.*score is nan.*controls@pix2pix"):
        read_scores(declared, "pix2pix")
    tiny.write_rows(results / "controls.csv", [{"control": "l1", "seed": 1, "instrument": "l1", "score": 1}])
    with pytest.raises(ScoreError, match="'l1' is a control and a variant"):
        read_scores(declared, "pix2pix")

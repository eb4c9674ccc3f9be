"""The cost model: its arithmetic by hand, its speeds against measured ones, and questions that it cannot answer."""

import json

import pytest

from replications import study
from replications.errors import ReplicationError
from replications.tools import cost
from tests import tiny

ONE = "device: a GPU\npix2pix: [{runs: 1, at_once: 1, images: 10"
SPEED = cost.Speed(start=10, alone=100, together=250)


@pytest.mark.parametrize(
    ("runs", "at_once", "images", "expected"),
    [
        (1, 1, 1000, 10 + 1000 / 100),
        (2, 2, 1000, 10 + 2000 / 200),
        (3, 3, 1000, 10 + 3000 / 250),
        (6, 3, 1000, 10 + 6000 / 250),
        (6, 1, 1000, 10 + 6000 / 100),
        (0, 3, 1000, 0),
    ],
)
def test_seconds(runs, at_once, images, expected):
    assert SPEED.seconds(runs, at_once, images) == pytest.approx(expected)


def test_as_many_at_once_as_keep_the_gpu_busy():
    assert SPEED.at_once() == 3


def test_more_gpus_than_runs_are_of_no_use_and_epochs_may_be_others():
    declared = study.load(tiny.ROOT / "paper")
    runs = len(declared.runs("pix2pix"))
    of = [cost.hours_of(declared, "pix2pix", SPEED, None, n) for n in (1, runs, 10 * runs)]
    assert of[0] > of[1] == of[2]
    epochs = declared.runs("pix2pix")[0].params.epochs
    images = 400 * epochs
    assert of[1] == pytest.approx((10 + images / 100) / 3600)
    assert of[0] == pytest.approx((10 + runs * images / 250) / 3600)
    assert cost.hours_of(declared, "pix2pix", SPEED, 200, runs) == pytest.approx(
        (10 + 200 / epochs * images / 100) / 3600
    )


def test_another_gpu_is_slower_when_it_is_full():
    assert SPEED.slower(2) == cost.Speed(start=10, alone=100, together=125)
    assert SPEED.slower(5) == cost.Speed(start=10, alone=50, together=50)
    assert SPEED.slower(1) == SPEED


@pytest.fixture
def speeds() -> cost.Speeds:
    return cost.Speeds.load(study.load(tiny.ROOT / "paper"))


def test_the_model_is_within_a_quarter_of_what_was_measured(speeds):
    for room, speed in speeds.of.items():
        for one in speeds.measured[room]:
            model = speed.seconds(one.runs, one.at_once, one.images)
            assert 0.75 < model / one.seconds < 1.25, f"{room}: {one}, by the model {model:.0f} s"


def test_where_there_are_three_others_it_predicts_a_training_that_it_has_not_seen(speeds):
    for number, one in enumerate(speeds.measured["vq_vae"]):
        model = cost.predicted(speeds.measured, "vq_vae", number)
        assert 0.75 < model / one.seconds < 1.35, f"{one}, by the model {model:.0f} s"
    assert cost.predicted(speeds.measured, "spatial_z_vae", 0) is None, "it is the only one of its replication"


def test_a_fit_finds_the_speeds_that_made_its_measurements():
    true = {name: cost.Speed(10, most / 4, most) for name, most in (("a", 300.0), ("b", 5000.0))}
    cases = [(1, 1, 40_000), (2, 2, 80_000), (8, 8, 60_000), (12, 6, 9_000)]
    measured = {
        name: [cost.Measured(runs=n, at_once=k, images=i, seconds=speed.seconds(n, k, i)) for n, k, i in cases]
        for name, speed in true.items()
    }
    for name, found in cost.fit(measured).items():
        assert (found.start, found.alone, found.together) == pytest.approx(
            (10, true[name].alone, true[name].together), rel=1e-3
        )
    assert cost.predicted(measured, "b", 2) == pytest.approx(measured["b"][2].seconds, rel=1e-3)
    assert cost.fit({}) == {}


def test_the_command_shows_check_hours_and_money(capsys):
    assert cost.main(["--study", str(tiny.ROOT / "paper"), "--gpus", "1", "8", "--price", "3"]) == 0
    said = capsys.readouterr().out
    for word in ("unseen", "NVIDIA H200", "8 GPUs", "hours of GPUs", "at 3 an hour", "15 runs of 150 epochs"):
        assert word in said


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--gpus", "0"], "--gpus 0: expected at least 1"),
        (["--price", "-1"], "--price -1.0: expected what an hour of one GPU costs"),
        (["--price", "nan"], "--price nan: expected what an hour of one GPU costs"),
        (["--slower", "0"], "--slower 0.0: expected a factor above 0"),
        (["--slower", "inf"], "--slower inf: expected a factor above 0"),
        (["--epochs", "pix2pix"], "--epochs pix2pix: expected REPLICATION=N"),
        (["--epochs", "nets=3"], "--epochs nets=3: expected REPLICATION=N"),
        (["--epochs", "pix2pix=0"], "--epochs pix2pix=0: expected REPLICATION=N"),
        (["--study", str(tiny.ROOT)], "speeds.yaml is missing, expected the speeds of its replications"),
    ],
)
def test_bad_questions(arguments, expected):
    with pytest.raises(cost.CostError, match=expected):
        cost.main(["--study", str(tiny.ROOT / "paper"), *arguments])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("device: a GPU\n", "pix2pix is missing, which the study trains; measure and add it"),
        ("- 1\n", "holds no names of replications; expected what paper/speeds.yaml has"),
        ("device: [\n", r"speeds\.yaml: not readable as YAML"),
        ("[" * 5000, r"speeds\.yaml: not readable as YAML"),
        ("device: 2026-99-99\n", r"speeds\.yaml: not readable as YAML"),
        ("device: a GPU\npix2pix: []\n", "pix2pix is missing, which the study trains; measure and add it"),
        ("device: a GPU\npix2pix: 3\n", "measured.pix2pix is 3"),
        (f"{ONE}, seconds: -2}}]\n", r"measured.pix2pix.0.seconds is -2"),
        (f"{ONE}, seconds: .inf}}]\n", r"measured.pix2pix.0.seconds is inf"),
        (f"{ONE}}}]\n", r"measured.pix2pix.0.seconds is .*Field required"),
    ],
)
def test_bad_speeds(content, expected, tmp_path):
    (tmp_path / "params.yaml").write_text((tiny.ROOT / "paper" / "params.yaml").read_text(encoding="utf-8"))
    (tmp_path / "speeds.yaml").write_text(content)
    with pytest.raises(ReplicationError, match=expected):
        cost.main(["--study", str(tmp_path)])


def test_json_has_the_hours_of_the_table(capsys):
    assert cost.main(["--gpus", "1", "8", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert all(hours["1"] >= hours["8"] > 0 for hours in said.values())
    cost.main(["--gpus", "1"])
    assert f"{said['pix2pix']['1']:.2f} h" in capsys.readouterr().out

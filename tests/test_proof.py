"""What a finished run must show, and that a run which does not is named and never kept."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from replications import proof, runs, study
from replications.code import code_hash
from replications.errors import Diverged
from replications.training import train as train_command
from replications.training import workers
from tests import tiny

PLAIN = {**tiny.PIX2PIX, "epochs": 2, "n_train": 12, "discriminator": "none", "variants": {"l1": {}}}
ONE_RUN = {"seeds": [1], "pix2pix": PLAIN}
"""Two epochs of three batches."""


@pytest.fixture
def declared(tmp_path, monkeypatch) -> study.Study:
    """A run to train, by the training command in this process: there are no workers."""

    @contextmanager
    def cluster(n_workers):
        yield SimpleNamespace(scheduler_info=lambda: {"workers": {}})

    def quiet(seen: int, total: int) -> None:
        pass

    def run_all(client, missing, data, progress, *_) -> Iterator[workers.Outcome]:
        from replications.training import process

        for run in missing:
            params = run.params.declared()
            try:
                images, facts, _ = process.train(run.replication, params, run.seed, data[params["dataset"]], quiet)
            except Diverged as error:
                yield workers.Outcome(run, 1.0, diverged=str(error))
            else:
                yield workers.Outcome(run, 1.0, images, facts)

    monkeypatch.setattr(workers, "cluster", cluster)
    monkeypatch.setattr(workers, "run_all", run_all)
    return study.load(tiny.write_study(tmp_path / "tiny", **ONE_RUN))


@pytest.fixture
def room(monkeypatch):
    """The recipe's module; tests change what it does."""
    return importlib.import_module("replications.pix2pix.train")


Patch = pytest.MonkeyPatch


def one_epoch_less(room, patch: Patch) -> None:
    fit = room.fit

    def less(model, adam, pairs, params, *others):
        return fit(model, adam, pairs, params.model_copy(update={"epochs": params.epochs - 1}), *others)

    patch.setattr(room, "fit", less)


def stops_early(room, patch: Patch) -> None:
    """As a callback of Keras' does it: `fit` itself returns as if nothing had happened."""
    from replications.training import fitting

    def stop(self, epoch, logs=None):
        self.model.stop_training = True

    patch.setattr(fitting.Watch, "on_epoch_end", stop)


def skips_a_batch(room, patch: Patch) -> None:
    patch.setattr(room.Pairs, "__len__", lambda self: len(self.x) // self.batch_size - 1)


def halves_the_batches(room, patch: Patch) -> None:
    draw = room.Pairs.__getitem__
    patch.setattr(room.Pairs, "__getitem__", lambda self, batch: tuple(z[:2] for z in draw(self, batch)))


def a_picture_too_few(room, patch: Patch) -> None:
    train = room.train

    def changed(*arguments):
        images, *others = train(*arguments)
        return {**images, "output": images["output"][:-1]}, *others

    patch.setattr(room, "train", changed)


def not_a_number(room, patch: Patch) -> None:
    """One value of one picture, after the recipe's own look at its outputs."""
    to_uint8 = room.to_uint8

    def spoilt(z):
        z = np.array(z)
        z.flat[7] = np.nan
        return to_uint8(z)

    patch.setattr(room, "to_uint8", spoilt)


CODE = "correct replications/pix2pix/train.py"
EXPECTED = "expected 2 epochs, 6 steps, 24 images"
NAMED = [
    (one_epoch_less, f"failed: trained model: 1 epochs, 3 steps, 12 images, {EXPECTED}", CODE),
    (stops_early, f"failed: trained model: 1 epochs, 3 steps, 12 images, {EXPECTED}", CODE),
    (skips_a_batch, f"failed: trained model: 2 epochs, 4 steps, 16 images, {EXPECTED}", CODE),
    (halves_the_batches, f"failed: trained model: 2 epochs, 6 steps, 12 images, {EXPECTED}", CODE),
    (a_picture_too_few, "output: uint8 (3, 32, 32, 3), expected uint8 (4, 32, 32, 3)", CODE),
    (not_a_number, "diverged at epoch 2: an output is not a number everywhere", "change the parameters of what diver"),
]


@pytest.mark.parametrize(("spoil", "found", "remedy"), NAMED, ids=[case[0].__name__ for case in NAMED])
def test_a_run_that_is_not_what_was_declared_is_named_and_not_kept(
    declared, room, monkeypatch, capsys, spoil, found, remedy
):
    spoil(room, monkeypatch)
    with pytest.raises(train_command.TrainError) as caught:
        train_command.train(declared, "pix2pix", 1)
    message = str(caught.value)
    assert message.startswith("1 of 1 runs failed, the others are kept: l1 seed 1 ")
    assert found in message
    assert remedy in message
    assert "\n" not in message
    assert ("in params.yaml" in message.replace(str(declared.params_file), "params.yaml")) == ("diverged" in message)
    assert not list((declared.folder / "runs").rglob("*.npz"))


def test_unspoilt_the_same_run_is_kept_and_says_what_was_trained(declared, capsys):
    train_command.train(declared, "pix2pix", 1)
    (run,) = declared.runs("pix2pix")
    facts = runs.read(declared, run).facts
    assert facts["trained"] == {"model": {"epochs": 2, "steps": 6, "images": 24}}
    assert facts["picture"] == [32, 32, 3]
    assert "[1/1] l1 seed 1: 1 s" in capsys.readouterr().out


OUTPUTS = [
    ("number", "output", lambda x: x[:-1], "uint8 (3, 32, 32, 3), expected uint8 (4, 32, 32, 3)"),
    ("draws", "draws", lambda x: x[:, :1], "uint8 (4, 1, 32, 32, 3), expected uint8 (4, 2, 32, 32, 3)"),
    ("float", "output", lambda x: x / 255, "float64 (4, 32, 32, 3), expected uint8 (4, 32, 32, 3)"),
    ("size", "output", lambda x: x[:, :16], "uint8 (4, 16, 32, 3), expected uint8 (4, 32, 32, 3)"),
    ("grey", "target", lambda x: x[..., :1], "uint8 (4, 32, 32, 1), expected uint8 (4, 32, 32, 3)"),
    ("nan", "palette", lambda x: x * np.nan, " is not a number everywhere, expected finite values"),
]


@pytest.mark.parametrize(("name", "change", "said"), [case[1:] for case in OUTPUTS], ids=[case[0] for case in OUTPUTS])
def test_outputs_that_are_not_what_was_declared_are_named(tiny_study, name, change, said):
    run = tiny_study.runs("pix2pix")[0]
    facts, images = {**runs.identity(run, "", ""), **tiny.shown(run)}, tiny.images(run.variant, run.seed)
    assert proof.problem(facts, tiny.npz(images)) == ""
    found = proof.problem(facts, tiny.npz({**images, name: change(images[name])}))
    assert found.startswith(f"images.npz: {name}")
    assert said in found
    assert found.endswith(CODE)


@pytest.mark.parametrize("without", ["output", "target"])
def test_outputs_that_are_not_there_are_named(tiny_study, without):
    run = tiny_study.runs("pix2pix")[0]
    images = {name: values for name, values in tiny.images(run.variant, run.seed).items() if name != without}
    found = proof.problem({**runs.identity(run, "", ""), **tiny.shown(run)}, tiny.npz(images))
    assert found.startswith(f"images.npz has no array {without}")


# --- runs on disk ----------------------------------------------------------------------------------------------------


def written(declared: study.Study, code: str, **facts) -> tuple[study.Run, dict]:
    """A run of this code that says so, and its identity."""
    run = declared.runs("pix2pix")[0]
    identity = runs.identity(run, code, "data")
    content = tiny.npz(tiny.images(run.variant, run.seed))
    runs.write(runs.folder(declared, run), content, {"facts": {}, "environment": tiny.ENVIRONMENT, **facts, **identity})
    return run, identity


SHORT = {"trained": {"model": {"epochs": 0, "steps": 0, "images": 0}}, "picture": [32, 32, 3]}


@pytest.mark.parametrize("shown", [{}, SHORT, {"trained": []}, {"trained": {}}, {"trained": {"model": 3}}])
def test_a_run_of_todays_code_that_does_not_show_its_training_is_not_finished(tiny_study, shown):
    run, identity = written(tiny_study, code_hash("pix2pix"), **shown)
    assert not runs.is_finished(runs.folder(tiny_study, run), identity), "it is trained again"
    with pytest.raises(runs.RunsError, match=r"expected .*, or run `dvc repro") as caught:
        runs.read(tiny_study, run)
    assert str(caught.value).startswith(f"{runs.folder(tiny_study, run)}: ")


def test_a_run_of_earlier_code_which_kept_no_record_is_still_evidence(tiny_study):
    run, identity = written(tiny_study, "earlier")
    assert runs.read(tiny_study, run).facts["facts"] == {}
    assert not runs.is_finished(runs.folder(tiny_study, run), identity), "but never today's run"


def test_a_net_that_nobody_declared_is_named(tiny_study):
    run = tiny_study.runs("pix2pix")[0]
    facts = {**runs.identity(run, "", ""), **tiny.shown(run)}
    assert proof.unfinished(facts) == ""
    facts["trained"] = {**facts["trained"], "search": {"steps": 3}}
    assert proof.unfinished(facts).startswith("trained search: 3 steps, expected nothing; correct replications/pix2pix")


def test_what_rooms_train_besides_is_declared_by_their_parameters(tmp_path):
    of_room = {
        room: study.load(tiny.write_params(tmp_path / room, tiny.params(room))).variants_of(room) for room in tiny.ROOMS
    }
    besides = {
        f"{room}/{variant}": set(proof.declared(params)) - {"model"}
        for room, variants in of_room.items()
        for variant, params in variants.items()
    }
    assert {name: nets for name, nets in besides.items() if nets} == {
        "spatial_z_vae/flat_8": {"features"},
        "vae_vs_gan/vae_gan": {"search"},
        "vae_vs_gan/gan": {"search"},
    }
    assert proof.declared(of_room["spatial_z_vae"]["flat_8"])["features"] == {"steps": 2}, "16 images, 8 in a batch"

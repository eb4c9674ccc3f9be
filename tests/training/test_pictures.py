"""Data sets of pictures that no replication takes: one line before any process starts, and no run."""

from collections.abc import Callable

import numpy as np
import pytest

from replications import study
from replications.errors import DataError
from replications.training import pictures, workers
from replications.training import train as train_command
from tests import tiny

Arrays = dict[str, np.ndarray]
MULTIPLE = {"pix2pix": 4, "spatial_z_vae": 8, "beta_vae": 8, "vq_vae": 4, "vae_vs_gan": 8, "causes": 8}
every_room = pytest.mark.parametrize("room", list(tiny.ROOMS))


def cut(height: int, width: int) -> Callable[[Arrays], Arrays]:
    """All pictures and label maps cut to another size."""
    return lambda arrays: {
        name: values[:, :height, :width] if values.ndim == 4 else values for name, values in arrays.items()
    }


def changed(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {**arrays, name: change(arrays[name])}


def without(name: str) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {key: values for key, values in arrays.items() if key != name}


def grey(arrays: Arrays) -> Arrays:
    return {name: values[..., :1] if name.endswith("_photo") else values for name, values in arrays.items()}


SPOILT = [
    pytest.param(cut(30, 30), "train_photo: uint8 (48, 30, 30, 3)", "a multiple of {multiple} for", id="30x30"),
    pytest.param(cut(32, 24), "train_photo: uint8 (48, 32, 24, 3)", "uint8 (N, S, S, 3), RGB and square", id="32x24"),
    pytest.param(grey, "train_photo: uint8 (48, 32, 32, 1)", "uint8 (N, S, S, 3), RGB and square", id="grey"),
    pytest.param(
        changed("train_photo", lambda x: x[..., 0]),
        "train_photo: uint8 (48, 32, 32)",
        "RGB and square",
        id="no channel",
    ),
    pytest.param(
        changed("train_photo", lambda x: x.astype(np.float32) / 255),
        "train_photo: float32 (48, 32, 32, 3)",
        "uint8 (N, S, S, 3)",
        id="float",
    ),
    pytest.param(
        changed("train_photo", lambda x: x[:0]), "train_photo: uint8 (0, 32, 32, 3)", "RGB and square", id="none"
    ),
    pytest.param(
        changed("test_photo", lambda x: x[:, :24, :24]),
        "test_photo: uint8 (4, 24, 24, 3)",
        "the size of train_photo, (32, 32, 3)",
        id="other size in test",
    ),
    pytest.param(without("test_photo"), "no array 'test_photo'", "one for {room} beside", id="no test"),
    pytest.param(
        changed("train_labels", lambda x: x[:-1]),
        "train_labels: uint8 (47, 32, 32, 1)",
        "48 rows, one for each picture of train_photo",
        id="a label map too few",
    ),
    pytest.param(
        changed("test_labels", lambda x: x[:, :16]),
        "test_labels: uint8 (4, 16, 32, 1)",
        "uint8 (N, 32, 32, 1)",
        id="label maps of another size",
    ),
    pytest.param(
        changed("test_labels", lambda x: x + np.uint8(200)),
        "test_labels: class 2",
        "as many as palette has colours",
        id="classes without a colour",
    ),
    pytest.param(
        changed("palette", lambda x: x[:, :1]),
        "palette: uint8 (",
        "uint8 (K, 3), a colour for each class",
        id="palette",
    ),
]


@every_room
@pytest.mark.parametrize(("spoil", "found", "expected"), SPOILT)
def test_pictures_that_no_net_takes_are_one_line_before_any_process(
    tmp_path, monkeypatch, room, spoil, found, expected
):
    folder = tiny.write_study(tmp_path / "tiny", room)
    path = folder / "arrays" / "facade_world-tiny.npz"
    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez(path, **spoil(arrays))

    def no_cluster(*_):
        pytest.fail("processes were started")

    monkeypatch.setattr(workers, "cluster", no_cluster)
    with pytest.raises(DataError) as caught:
        train_command.train(study.load(folder), room, 1)
    message = str(caught.value)
    assert message.startswith(f"{path}: {found}")
    assert expected.format(room=room, multiple=MULTIPLE[room]) in message.partition("expected ")[2]
    assert f"name another data set in {folder / 'params.yaml'}, or export this one anew" in message
    assert "\n" not in message
    assert not (folder / "runs").exists()


def test_label_maps_are_what_pix2pix_alone_cannot_do_without(tmp_path):
    for room in tiny.ROOMS:
        declared = study.load(tiny.write_study(tmp_path / room, room))
        path = declared.folder / "arrays" / "facade_world-tiny.npz"
        with np.load(path) as archive:
            np.savez(path, **{name: values for name, values in archive.items() if not name.endswith("_labels")})
        content = {"facade_world-tiny": path.read_bytes()}
        if room == "pix2pix":
            with pytest.raises(DataError, match="no array 'train_labels', expected one for pix2pix beside"):
                pictures.check(declared, declared.runs(room), content)
        else:
            pictures.check(declared, declared.runs(room), content)


def test_a_deeper_net_wants_sides_that_it_can_halve_as_often(tmp_path):
    deep = {**tiny.PIX2PIX, "variants": {"l1": {}, "deep": {"depth": 6}}}
    declared = study.load(tiny.write_study(tmp_path / "tiny", pix2pix=deep))
    content = {"facade_world-tiny": (declared.folder / "arrays" / "facade_world-tiny.npz").read_bytes()}
    with pytest.raises(DataError, match="S a multiple of 64 for the nets of pix2pix"):
        pictures.check(declared, declared.runs("pix2pix"), content)


@every_room
@pytest.mark.parametrize("study_", [".", "real", "paper"])
def test_declared_nets_take_the_sides_of_their_data_sets(room, study_):
    """facade_world/32, cmp_facades/64 …: a side that is a power of two says what it is in its name."""
    declared = study.load(tiny.ROOT / study_)
    for params in declared.variants.get(room, {}).values():
        side = params.dataset.rpartition("-")[2]
        if side.isdigit():
            assert int(side) % params.side_multiple == 0

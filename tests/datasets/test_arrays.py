"""Export of a prepared data set to one .npz, and what is said when the data set is missing or damaged."""

import io
import json
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from replications import command
from replications.datasets import arrays, world
from replications.datasets.commands import main
from replications.errors import DataError


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A TFDS folder with a small facade_world/32."""
    from replications.datasets import facade_world

    data_dir = tmp_path_factory.mktemp("prepared") / "data"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(facade_world.SPLITS, "32", {"train": 12, "test": 5})
        assert main(["build", "facade_world/32", "--data-dir", str(data_dir)]) == 0
    return data_dir


@pytest.fixture
def damaged(prepared, tmp_path):
    """A copy to be damaged, and the folder of its version."""
    shutil.copytree(prepared, tmp_path / "data")
    return tmp_path / "data", tmp_path / "data" / "facade_world" / "32" / "2.0.0"


def test_round_trip(prepared, tmp_path):
    exported = arrays.export("facade_world/32", prepared, tmp_path / "out" / "a.npz")
    loaded = arrays.load(tmp_path / "out" / "a.npz")
    assert sorted(set(loaded) - {"palette"}) == sorted(
        f"{split}_{feature}"
        for split in ("train", "test")
        for feature in (
            "photo", "labels", "lit", "wall_colour", "brick_phase", "mullion", "door_colour", "sky_shade",
            "shadow",
        )
    )  # fmt: skip
    np.testing.assert_array_equal(loaded.pop("palette"), world.PALETTE)
    for key, values in loaded.items():
        assert values.dtype == np.uint8
        np.testing.assert_array_equal(values, exported[key])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.npz"]


def test_rows_are_the_examples_in_the_order_of_generation(prepared):
    from replications.datasets import facade_world

    loaded = arrays.read("facade_world/32", prepared)
    labels, factors = world.sample(facade_world.generator(32, "test"), 5, 32)
    np.testing.assert_array_equal(loaded["test_labels"][..., 0], labels)
    np.testing.assert_array_equal(loaded["test_photo"], world.render(labels, factors))
    np.testing.assert_array_equal(loaded["test_lit"], factors["lit"])


def test_same_data_same_bytes(prepared, tmp_path):
    for path in ("a.npz", "b.npz"):
        arrays.export("facade_world/32", prepared, tmp_path / path)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_interrupted_export_keeps_the_old_file(prepared, tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    path.write_bytes(b"old")

    def interrupted(file, **_):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        arrays.export("facade_world/32", prepared, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_truncated_shard(damaged):
    data_dir, folder = damaged
    shard = next(folder.glob("*-train.tfrecord-*"))
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"split train of facade_world/32 is truncated .*dvc pull data\.dvc") as e:
        arrays.read("facade_world/32", data_dir)
    assert str(folder) in str(e.value)
    assert "\n" not in str(e.value)


def test_flipped_byte(damaged):
    data_dir, folder = damaged
    shard = next(folder.glob("*-test.tfrecord-*"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 255
    shard.write_bytes(content)
    with pytest.raises(DataError, match="split test of facade_world/32 is truncated or damaged"):
        arrays.read("facade_world/32", data_dir)


def test_missing_shard(damaged):
    data_dir, folder = damaged
    next(folder.glob("*-test.tfrecord-*")).unlink()
    with pytest.raises(DataError, match="split test of facade_world/32 is truncated or damaged"):
        arrays.read("facade_world/32", data_dir)


def test_count_differs_from_dataset_info(damaged):
    data_dir, folder = damaged
    info = json.loads((folder / "dataset_info.json").read_text())
    (test,) = (split for split in info["splits"] if split["name"] == "test")
    test["shardLengths"] = ["6"]
    (folder / "dataset_info.json").write_text(json.dumps(info))
    with pytest.raises(DataError, match=r"split test of facade_world/32 has 5 examples, its dataset_info\.json says 6"):
        arrays.read("facade_world/32", data_dir)


@pytest.mark.parametrize("file", ["dataset_info.json", "features.json"])
def test_damaged_description(damaged, file):
    data_dir, folder = damaged
    (folder / file).write_text("{")
    with pytest.raises(DataError, match="description of facade_world/32 is damaged") as e:
        arrays.read("facade_world/32", data_dir)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("name", "remedy"), [("facade_world/32", "dvc pull data.dvc"), ("cmp_facades/64", "build cmp_facades/64")]
)
def test_missing_folder(tmp_path, capsys, name, remedy):
    out = tmp_path / "out"
    assert status(["export", name, "--data-dir", str(tmp_path), "--out", str(out)]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert remedy in message
    assert message.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize("named", ["planted.Feature", "data.planted.Feature", "tensorflow_datasets.planted.Feature", 3])
def test_nothing_that_a_data_folder_names_is_imported(damaged, monkeypatch, named):
    data_dir, folder = damaged
    for place in (folder, data_dir, data_dir.parent):
        (place / "planted.py").write_text("raise SystemExit('it ran')\n", encoding="utf-8")
        monkeypatch.syspath_prepend(str(place))
    monkeypatch.chdir(data_dir.parent)
    path = folder / "features.json"
    content = json.loads(path.read_bytes())
    content["featuresDict"]["features"]["labels"]["pythonClassName"] = named
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(DataError, match=r"features\.json: names the class .*nothing of a data folder is imported"):
        arrays.read("facade_world/32", data_dir)


def test_two_versions(damaged):
    data_dir, folder = damaged
    shutil.copytree(folder, folder.with_name("1.0.1"))
    with pytest.raises(DataError, match=r"versions 1\.0\.1, 2\.0\.0, expected exactly one"):
        arrays.prepared_folder("facade_world/32", data_dir)


def test_export_command(prepared, tmp_path, capsys):
    assert main(["export", "facade_world/32", "--data-dir", str(prepared), "--out", str(tmp_path)]) == 0
    assert "facade_world-32.npz: test 5, train 12 examples" in capsys.readouterr().out
    assert (tmp_path / "facade_world-32.npz").is_file()


class TestLoad:
    def test_from_an_open_file(self):
        buffer = io.BytesIO()
        np.savez_compressed(buffer, train_photo=np.arange(3, dtype=np.uint8))
        buffer.seek(0)
        np.testing.assert_array_equal(arrays.load(buffer)["train_photo"], [0, 1, 2])

    def test_missing(self, tmp_path):
        with pytest.raises(DataError, match="is missing, expected exported arrays"):
            arrays.load(tmp_path / "a.npz")

    @pytest.mark.parametrize("kept", [0, 10, 1000])
    def test_truncated(self, tmp_path, kept):
        path = tmp_path / "a.npz"
        np.savez_compressed(path, a=np.random.default_rng(0).integers(0, 255, 4000, dtype=np.uint8))
        path.write_bytes(path.read_bytes()[:kept])
        with pytest.raises(DataError, match=r"no whole \.npz file"):
            arrays.load(path)

    def test_refuses_pickles(self, tmp_path):
        np.savez(tmp_path / "a.npz", a=np.array([{}], dtype=object))
        with pytest.raises(DataError, match=r"no whole \.npz file"):
            arrays.load(tmp_path / "a.npz")

    def test_needs_no_tensorflow(self, tmp_path):
        np.savez(tmp_path / "a.npz", a=np.zeros(1))
        code = (
            "import sys; sys.modules['tensorflow'] = sys.modules['tensorflow_datasets'] = None; "
            "from replications.datasets import arrays; arrays.load(sys.argv[1])"
        )
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "a.npz")], check=True)


def status(arguments: list[str]) -> int:
    """The exit status that a shell sees."""
    with pytest.raises(SystemExit) as stopped:
        command.run(lambda: main(arguments))
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def member(name: str, content: bytes, packed: int = zipfile.ZIP_DEFLATED, twice: bool = False) -> bytes:
    """An archive of one good array and of this member."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        good = io.BytesIO()
        np.save(good, np.zeros(3))
        file.writestr("good.npy", good.getvalue())
        for _ in range(2 if twice else 1):
            file.writestr(name, content, packed)
    return archive.getvalue()


HEADER = b"\x93NUMPY\x01\x00"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (member("readme.txt", b"words"), "'readme.txt', expected arrays alone"),
        (member("x.npy", HEADER + (9000).to_bytes(2, "little") + b"[" * 9000), "x.npy|brackets|EOF|header|nested"),
        (member("x.npy", HEADER + (60).to_bytes(2, "little") + b"{'descr': 1}".ljust(60)), ""),
        (member("x.npy", bytes(2**30 + 2**20)), "bytes that unpack to 1,074,790"),
        (member("x.npy", b"", zipfile.ZIP_BZIP2), "is packed otherwise than NumPy packs"),
    ],
    ids=["words", "brackets", "another-header", "bomb", "bzip2"],
)
def test_an_archive_that_numpy_did_not_write_is_one_line(tmp_path, content, why):
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.npz is no whole \.npz file of arrays \(.*({why})") as caught:
        arrays.load(path)
    assert "\n" not in command.printable(str(caught.value))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_array_that_stands_twice_in_an_archive_is_refused(tmp_path):
    good = io.BytesIO()
    np.save(good, np.ones(3))
    (tmp_path / "a.npz").write_bytes(member("x.npy", good.getvalue(), twice=True))
    with pytest.raises(DataError, match=r"'x\.npy', expected arrays alone, each once"):
        arrays.load(tmp_path / "a.npz")

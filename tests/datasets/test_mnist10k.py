"""The builder of digits on archives made here, and on the real digits where a mirror holds them."""

import gzip
import io
import os
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from PIL import Image

from replications import command
from replications.datasets import arrays, mirror, mnist10k
from replications.datasets.commands import main

FOLDER = "mnist_test_10k_png/images"
LABELS = np.array([7, 2, 1, 0, 4, 1, 4, 9, 5, 9, 0, 6], np.uint8)
IMAGES = np.random.default_rng(0).integers(0, 255, (len(LABELS), 28, 28), dtype=np.uint8)
NAMES = [f"{FOLDER}/{number:06}-num{label}.png" for number, label in enumerate(LABELS)]
SMALL = {
    "N_DIGITS": len(LABELS),
    "DIGEST": mirror.digest({"images": IMAGES.tobytes(), "labels": LABELS.tobytes()}),
}


@pytest.fixture
def files(monkeypatch) -> dict[str, bytes]:
    """The builder expects these twelve digits of noise; not in their order, as in no archive names are."""
    for name, value in SMALL.items():
        monkeypatch.setattr(mnist10k, name, value)
    return {NAMES[number]: png(IMAGES[number]) for number in reversed(range(len(NAMES)))}


def png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def status(arguments: list[str]) -> int:
    """The exit status that a shell sees."""
    with pytest.raises(SystemExit) as stopped:
        command.run(lambda: main(arguments))
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def refusal(data_dir: Path, capsys) -> str:
    """The one line that a build ends with."""
    assert status(["build", "mnist10k/32", "--data-dir", str(data_dir)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    return said


def assert_built(built: dict[str, np.ndarray]) -> None:
    """The twelve digits, put together here in another way."""
    assert sorted({name.split("_", 1)[1] for name in built}) == ["digit", "photo"]
    assert {values.dtype for values in built.values()} == {np.dtype(np.uint8)}
    for split, numbers in {"train": [0, 1, 2, 3, 5, 6, 7, 8, 10, 11], "test": [4, 9]}.items():
        expected = np.zeros((len(numbers), 32, 32, 3), np.uint8)
        for channel in range(3):
            expected[:, 2:30, 2:30, channel] = IMAGES[numbers]
        np.testing.assert_array_equal(built[f"{split}_digit"], LABELS[numbers])
        np.testing.assert_array_equal(built[f"{split}_photo"], expected)


def test_digits_are_grey_and_every_fifth_is_for_tests(files, tmp_path, monkeypatch):
    (tmp_path / "mirror").mkdir()
    write_tar(tmp_path / "mirror" / "mnist_test_10k_png.tar.gz", {**files, "mnist_test_10k_png/labels.csv": b"file"})
    monkeypatch.setenv(mirror.MIRROR_VARIABLE, str(tmp_path / "mirror"))
    assert main(["build", "mnist10k/32", "--data-dir", str(tmp_path / "data")]) == 0
    assert_built(arrays.read("mnist10k/32", tmp_path / "data"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "mirror"]


def test_two_builds_give_the_same_bytes(files, tmp_path, monkeypatch):
    write_tar(tmp_path / "mnist_test_10k_png.tar.gz", files)
    monkeypatch.setenv(mirror.MIRROR_VARIABLE, str(tmp_path))
    contents = []
    for name in ("a", "b"):
        assert main(["build", "mnist10k/32", "--data-dir", str(tmp_path / name)]) == 0
        written = [path for path in sorted((tmp_path / name).rglob("*")) if path.is_file()]
        contents.append({path.relative_to(tmp_path / name): path.read_bytes() for path in written})
    assert len(contents[0]) == 4
    assert contents[0] == contents[1]
    # one process may repeat by chance the order that protobuf gives a map, so: every record is in the fixed order
    for record in tf.data.TFRecordDataset([str(p) for p in tmp_path.glob("a/**/*tfrecord*")]).as_numpy_iterator():
        assert record == tf.train.Example.FromString(record).SerializeToString(deterministic=True)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (NAMES[3], None, r"11 of 12 expected images, \S+/000003-num\?\.png is the first missing"),
        (f"{FOLDER}/000012-num1.png", b"x", r"000012-num1\.png' is not one of the 12 expected"),
        (f"{FOLDER}/3.png", b"x", r"images/3\.png' is not one of the 12 expected"),
        (f"{FOLDER}/000003-num?.png", b"x", r"images/000003-num\?\.png' is not one of the 12 expected"),
        (f"{FOLDER}/000003-num8.png", b"x", r"000003-num\?\.png is there twice"),
        (NAMES[3], b"x", r"000003-num0\.png: not a readable image"),
        (NAMES[3], png(IMAGES[3, 1:]), r"000003-num0\.png: 28×27 pixels, expected 28×28"),
        (NAMES[3], png(IMAGES[3] ^ np.eye(28, k=27, dtype=np.uint8)), f"digest [0-9a-f]+, expected {SMALL['DIGEST']}"),
        (NAMES[3], png(IMAGES[4]), f"digest [0-9a-f]+, expected {SMALL['DIGEST']}"),
    ],
    ids=["missing", "too many", "unnumbered", "literal", "twice", "no image", "size", "one pixel", "another digit"],
)  # fmt: skip
def test_another_archive(files, tmp_path, monkeypatch, capsys, name, content, message):
    files[name] = content
    archive = write_tar(tmp_path / "mnist_test_10k_png.tar.gz", {n: c for n, c in files.items() if c is not None})
    monkeypatch.setenv(mirror.MIRROR_VARIABLE, str(tmp_path))
    assert re.search(message, refusal(tmp_path / "data", capsys))
    assert list(tmp_path.iterdir()) == [archive]


def test_another_label(files, tmp_path, monkeypatch, capsys):
    files[f"{FOLDER}/000003-num6.png"] = files.pop(NAMES[3])
    write_tar(tmp_path / "mnist_test_10k_png.tar.gz", files)
    monkeypatch.setenv(mirror.MIRROR_VARIABLE, str(tmp_path))
    assert f"expected {SMALL['DIGEST']}" in refusal(tmp_path / "data", capsys)


def test_truncated(files, tmp_path, monkeypatch, capsys):
    archive = write_tar(tmp_path / "mnist_test_10k_png.tar.gz", files)
    archive.write_bytes(archive.read_bytes()[:5000])
    monkeypatch.setenv(mirror.MIRROR_VARIABLE, str(tmp_path))
    said = refusal(tmp_path / "data", capsys)
    assert re.search(r"truncated or no \.tar\.gz.*of 12 expected images; get mnist_test_10k_png\.tar\.gz again", said)


@pytest.mark.parametrize("folder", [None, "empty"])
def test_neither_mirror_nor_network(tmp_path, monkeypatch, capsys, folder):
    monkeypatch.setattr(mnist10k, "IMAGES_URL", "http://127.0.0.1:9/t10k-images-idx3-ubyte.gz")
    monkeypatch.delenv(mirror.MIRROR_VARIABLE, raising=False)
    if folder:
        monkeypatch.setenv(mirror.MIRROR_VARIABLE, str(tmp_path / folder))
    said = refusal(tmp_path / "data", capsys)
    assert said.startswith(f"error: mnist_test_10k_png.tar.gz: REPLICATIONS_MIRROR{'=' if folder else ' is not set'}")
    assert "http://127.0.0.1:9/" in said
    assert list(tmp_path.iterdir()) == []


class TestMnistItself:
    """MNIST's own two files, made here instead of downloaded."""

    IMAGES_IDX = bytes.fromhex("00000803 0000000c 0000001c 0000001c") + IMAGES.tobytes()
    LABELS_IDX = bytes.fromhex("00000801 0000000c") + LABELS.tobytes()

    @pytest.fixture
    def site(self, tmp_path, monkeypatch, files):
        """Where the two files lie that TFDS is made to download."""
        folder = tmp_path / "site"
        folder.mkdir()
        (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(self.IMAGES_IDX))
        (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(self.LABELS_IDX))
        monkeypatch.delenv(mirror.MIRROR_VARIABLE, raising=False)
        monkeypatch.setattr(mirror, "_reach", lambda url: None)
        monkeypatch.setattr(
            tfds.download.DownloadManager, "download", lambda _, url: str(folder / url.rsplit("/", maxsplit=1)[1])
        )
        return folder

    @pytest.mark.usefixtures("site")
    def test_gives_the_same_data(self, tmp_path):
        assert main(["build", "mnist10k/32", "--data-dir", str(tmp_path / "data")]) == 0
        assert_built(arrays.read("mnist10k/32", tmp_path / "data"))

    @pytest.mark.parametrize(
        "content",
        [
            gzip.compress(IMAGES_IDX[:-1]),
            gzip.compress(IMAGES_IDX + b"\0"),
            gzip.compress(b"\1" + IMAGES_IDX[1:]),
            gzip.compress(IMAGES_IDX)[:-2000],
            b"<html>404</html>",
            b"",
        ],
        ids=["short", "long", "magic", "truncated", "no gz", "empty"],
    )
    def test_damaged(self, site, tmp_path, capsys, content):
        (site / "t10k-images-idx3-ubyte.gz").write_bytes(content)
        said = refusal(tmp_path / "data", capsys)
        assert re.search(r"t10k-images-idx3-ubyte\.gz: .*expected an idx file|t10k-images\S+: no whole \.gz", said)

    def test_altered_label(self, site, tmp_path, capsys):
        (site / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(self.LABELS_IDX[:-1] + b"\5"))
        assert f"expected {SMALL['DIGEST']}" in refusal(tmp_path / "data", capsys)


# The real digits.


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    folder = os.environ.get(mirror.MIRROR_VARIABLE)
    archive = Path(folder or "") / mnist10k.ARCHIVE
    if not folder or not archive.is_file():
        pytest.skip(f"{mirror.MIRROR_VARIABLE} names no folder that holds {mnist10k.ARCHIVE}")
    return mnist10k.read_archive(archive)


def test_digits_are_in_the_order_of_mnist(digits):
    images, labels = digits
    assert images.shape == (10_000, 28, 28)
    assert labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


@pytest.mark.slow
def test_every_picture_is_a_digit_of_the_split_and_named_rightly(digits, tmp_path):
    images, labels = digits
    assert main(["build", "mnist10k/32", "--data-dir", str(tmp_path / "data")]) == 0
    built = arrays.read("mnist10k/32", tmp_path / "data")
    for split, numbers in {"train": np.arange(10_000) % 5 != 4, "test": np.arange(10_000) % 5 == 4}.items():
        photos = built[f"{split}_photo"]
        np.testing.assert_array_equal(built[f"{split}_digit"], labels[numbers])
        np.testing.assert_array_equal(photos[:, 2:30, 2:30, 1], images[numbers])
        assert photos.sum(dtype=np.int64) == 3 * images[numbers].sum(dtype=np.int64), "something in the padding"

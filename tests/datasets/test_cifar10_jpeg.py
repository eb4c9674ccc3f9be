"""The CIFAR builder on archives made here, and on the real one where a mirror holds it."""

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
from replications.datasets import arrays, cifar10_jpeg, mirror
from replications.datasets.commands import main

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
RELEASE = {"train": 3, "test": 1}
FIRST, LAST = "cifar10_jpeg/train/airplane/0000.jpg", "cifar10_jpeg/train/truck/0002.jpg"


def colour(split: str, label: int, number: int) -> tuple[int, int, int]:
    """Of the one-coloured image that stands for a photo here: grey, or red-brown in the test split."""
    return (20 * label + 40, 30 * number + 60, 60) if split == "test" else (20 * label + 40,) * 2 + (30 * number + 60,)


def jpeg(rgb: tuple[int, int, int], size: tuple[int, int] = (32, 32), altered_pixel: bool = False) -> bytes:
    buffer, image = io.BytesIO(), Image.new("RGB", size, rgb)
    if altered_pixel:
        image.putpixel((7, 9), (255, 255, 255))
    image.save(buffer, "JPEG", quality=75)
    return buffer.getvalue()


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def files(monkeypatch) -> dict[str, bytes]:
    """The builder expects these: 3 training images and 1 test image of every class, in the order of an archive."""
    files = {
        f"cifar10_jpeg/{split}/{name}/{number:04}.jpg": jpeg(colour(split, label, number))
        for split, n in sorted(RELEASE.items())
        for label, name in enumerate(CLASSES)
        for number in range(n)
    }
    monkeypatch.setattr(cifar10_jpeg, "RELEASE", RELEASE)
    monkeypatch.setattr(cifar10_jpeg, "PER_CLASS", {"small": {"train": 2, "test": 1}, "full": RELEASE})
    monkeypatch.setattr(cifar10_jpeg, "DIGEST", mirror.digest(files))
    return files


@pytest.fixture
def no_network(monkeypatch):
    """Nothing answers at the address, whether this machine has a network or not."""
    monkeypatch.setattr(cifar10_jpeg, "URL", "http://127.0.0.1:9/cifar-10-binary.tar.gz")


def status(arguments: list[str]) -> int:
    """The exit status that a shell sees."""
    with pytest.raises(SystemExit) as stopped:
        command.run(lambda: main(arguments))
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def expected_photos(split: str, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Colours (10 n, 3) and labels of the first n images of every class, the classes taking turns."""
    rows = [(colour(split, label, number), label) for number in range(n) for label in range(10)]
    return np.array([rgb for rgb, _ in rows]), np.array([label for _, label in rows])


def assert_built(built: dict[str, np.ndarray], per_class: dict[str, int]) -> None:
    for split, n in per_class.items():
        colours, labels = expected_photos(split, n)
        np.testing.assert_array_equal(built[f"{split}_label"], labels)
        assert built[f"{split}_photo"].shape == (10 * n, 32, 32, 3)
        assert np.abs(built[f"{split}_photo"].astype(int) - colours[:, None, None]).max() <= 3


@pytest.mark.parametrize(("config", "per_class"), [("small", {"train": 2, "test": 1}), ("full", RELEASE)])
def test_classes_take_turns(files, tmp_path, monkeypatch, config, per_class):
    (tmp_path / "mirror").mkdir()
    write_tar(tmp_path / "mirror" / "cifar10_jpeg.tar.gz", files)
    monkeypatch.setenv(mirror.MIRROR_VARIABLE, str(tmp_path / "mirror"))
    assert main(["build", f"cifar10_jpeg/{config}", "--data-dir", str(tmp_path / "data")]) == 0
    built = arrays.read(f"cifar10_jpeg/{config}", tmp_path / "data")
    assert sorted(built) == ["test_label", "test_photo", "train_label", "train_photo"]  # and no palette
    assert {values.dtype for values in built.values()} == {np.dtype(np.uint8)}
    assert_built(built, per_class)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "mirror"]


def test_two_builds_give_the_same_bytes(files, tmp_path, monkeypatch):
    write_tar(tmp_path / "cifar10_jpeg.tar.gz", files)
    monkeypatch.setenv(mirror.MIRROR_VARIABLE, str(tmp_path))
    contents = []
    for name in ("a", "b"):
        assert main(["build", "cifar10_jpeg/small", "--data-dir", str(tmp_path / name)]) == 0
        written = [path for path in sorted((tmp_path / name).rglob("*")) if path.is_file()]
        contents.append({path.relative_to(tmp_path / name): path.read_bytes() for path in written})
    assert len(contents[0]) == 4
    assert contents[0] == contents[1]
    # one process may repeat by chance the order that protobuf gives a map, so: every record is in the fixed order
    for record in tf.data.TFRecordDataset([str(p) for p in tmp_path.glob("a/**/*tfrecord*")]).as_numpy_iterator():
        assert record == tf.train.Example.FromString(record).SerializeToString(deterministic=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda files: files.pop(LAST), r"39 of 40 expected images, \S+/train/truck/0002\.jpg is the first missing"),
        (lambda files: files.update({LAST.replace("0002", "0003"): b"x"}), "truck/0003.jpg' is not one of the 40"),
        (lambda files: files.update({FIRST: jpeg((40, 40, 60), altered_pixel=True)}), "digest .*, expected DIGEST: an"),
        (lambda files: files.update({FIRST: files[LAST], LAST: files[FIRST]}), "digest .*, expected DIGEST: another"),
    ],
    ids=["missing", "unexpected", "altered", "swapped"],
)
def test_another_archive(files, tmp_path, monkeypatch, capsys, change, message):
    change(files)
    archive = write_tar(tmp_path / "cifar10_jpeg.tar.gz", files)
    assert_refused(tmp_path, monkeypatch, capsys, message.replace("DIGEST", cifar10_jpeg.DIGEST))
    assert list(tmp_path.iterdir()) == [archive]


@pytest.mark.parametrize(
    ("content", "message"),
    [(jpeg((0, 0, 0), (32, 31)), "airplane/0000.jpg: 32×31 pixels, expected 32×32"), (b"x", "not a readable image")],
    ids=["wrong size", "no image"],
)
def test_an_image_that_is_none_of_ours(files, tmp_path, monkeypatch, capsys, content, message):
    files[FIRST] = content
    monkeypatch.setattr(cifar10_jpeg, "DIGEST", mirror.digest(files))
    archive = write_tar(tmp_path / "cifar10_jpeg.tar.gz", files)
    assert_refused(tmp_path, monkeypatch, capsys, message)
    assert list(tmp_path.iterdir()) == [archive]


def test_truncated(files, tmp_path, monkeypatch, capsys):
    archive = write_tar(tmp_path / "cifar10_jpeg.tar.gz", files)
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    assert_refused(tmp_path, monkeypatch, capsys, r"truncated or no \.tar\.gz.*of 40 expected images; get cifar10_jpeg")


def assert_refused(folder: Path, monkeypatch, capsys, message: str) -> None:
    """The build with `folder` as mirror ends with one line that matches `message`."""
    monkeypatch.setenv(mirror.MIRROR_VARIABLE, str(folder))
    assert status(["build", "cifar10_jpeg/small", "--data-dir", str(folder / "data")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert re.search(message, said)


@pytest.mark.usefixtures("no_network")
def test_neither_mirror_nor_network(tmp_path, monkeypatch, capsys):
    assert_refused(tmp_path, monkeypatch, capsys, "cifar10_jpeg.tar.gz: REPLICATIONS_MIRROR=.* holds no such file")
    monkeypatch.delenv(mirror.MIRROR_VARIABLE)
    assert status(["build", "cifar10_jpeg/small", "--data-dir", str(tmp_path / "data")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: cifar10_jpeg.tar.gz: REPLICATIONS_MIRROR is not set, and http://127.0.0.1:9/")
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


class TestOriginal:
    """TFDS's own cifar10, really prepared by TFDS, from files in the format of CIFAR's site that are made here."""

    @pytest.fixture
    def site(self, tmp_path, monkeypatch, files):
        """The folder of an unpacked download."""
        folder = tmp_path / "site" / "cifar-10-batches-bin"
        folder.mkdir(parents=True)
        (folder / "batches.meta.txt").write_text("\n".join(CLASSES) + "\n")
        (folder / "test_batch.bin").write_bytes(self.records("test", [(label, 0) for label in range(10)]))
        train = [(label, number) for number in range(3) for label in (3, 9, 0, 1, 2, 8, 7, 4, 5, 6)]
        for batch in range(5):
            of_batch = train[6 * batch : 6 * (batch + 1)]
            (folder / f"data_batch_{batch + 1}.bin").write_bytes(self.records("train", of_batch))

        def download_and_extract(_, url):
            assert url == cifar10_jpeg.URL
            return str(folder.parent)

        monkeypatch.delenv(mirror.MIRROR_VARIABLE, raising=False)
        monkeypatch.setattr(mirror, "_reach", lambda url: None)
        monkeypatch.setattr(tfds.download.DownloadManager, "download_and_extract", download_and_extract)
        return folder

    @staticmethod
    def records(split: str, images: list[tuple[int, int]]) -> bytes:
        """A byte of label, then 32 × 32 bytes of red, of green and of blue."""
        return b"".join(
            bytes([label, *(value for value in colour(split, label, number) for _ in range(1024))])
            for label, number in images
        )

    @pytest.mark.usefixtures("site")
    def test_is_compressed_again_in_the_order_of_the_original(self, tmp_path):
        assert main(["build", "cifar10_jpeg/small", "--data-dir", str(tmp_path / "data")]) == 0
        assert_built(arrays.read("cifar10_jpeg/small", tmp_path / "data"), {"train": 2, "test": 1})
        assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "site"]

    def test_lacks_an_image(self, site, tmp_path, capsys):
        (site / "test_batch.bin").write_bytes(self.records("test", [(label, 0) for label in range(9)]))
        assert status(["build", "cifar10_jpeg/small", "--data-dir", str(tmp_path / "data")]) == 2
        said = capsys.readouterr().err
        assert "[1, 1, 1, 1, 1, 1, 1, 1, 1, 0] images of each class in test, expected 1" in said
        assert said.count("\n") == 1


def test_compression_is_that_of_the_quality():
    """Quality 75 is Pillow's own default, and shows in the tables of quantisation."""
    image = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG")
    assert cifar10_jpeg._compress(image) == buffer.getvalue()


# The real archive.


@pytest.fixture(scope="module")
def archive() -> Path:
    folder = os.environ.get(mirror.MIRROR_VARIABLE)
    archive = Path(folder or "") / cifar10_jpeg.ARCHIVE
    if not folder or not archive.is_file():
        pytest.skip(f"{mirror.MIRROR_VARIABLE} names no folder that holds {cifar10_jpeg.ARCHIVE}")
    return archive


@pytest.fixture(scope="module")
def built(archive, tmp_path_factory) -> dict[str, np.ndarray]:
    data_dir = tmp_path_factory.mktemp("cifar10") / "data"
    assert main(["build", "cifar10_jpeg/small", "--data-dir", str(data_dir)]) == 0
    return arrays.read("cifar10_jpeg/small", data_dir)


@pytest.mark.slow
def test_counts_and_balance(built):
    assert {name: values.shape for name, values in built.items()} == {
        "train_photo": (10_000, 32, 32, 3), "train_label": (10_000,),
        "test_photo": (2000, 32, 32, 3), "test_label": (2000,),
    }  # fmt: skip
    for split in ("train", "test"):
        np.testing.assert_array_equal(built[f"{split}_label"], np.arange(len(built[f"{split}_label"])) % 10)


@pytest.mark.slow
def test_photos_are_those_of_the_archive(archive, built):
    found = {}
    with tarfile.open(archive, "r|gz") as tar:  # alphabetical: the first files are test airplanes
        for member in tar:
            if member.isreg():
                found[member.name] = np.asarray(Image.open(tar.extractfile(member)))
            if len(found) == 3:
                break
    assert list(found) == [f"cifar10_jpeg/test/airplane/000{number}.jpg" for number in range(3)]
    np.testing.assert_array_equal(built["test_photo"][[0, 10, 20]], list(found.values()))


def test_quality_of_the_archive(archive):
    """Its files have the tables that QUALITY gives."""
    with tarfile.open(archive, "r|gz") as tar:
        member = next(member for member in tar if member.isreg())
        image = Image.open(tar.extractfile(member))
        again = Image.open(io.BytesIO(cifar10_jpeg._compress(np.asarray(image))))
    assert image.format == "JPEG"
    assert image.quantization == again.quantization


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "test"])
def test_labels_belong_to_the_photos(built, split):
    """Airplanes and ships, with sky and sea behind them, are bluer than all others; frogs are the least blue."""
    photos = built[f"{split}_photo"].mean(axis=(1, 2), dtype=np.float64)
    by_class = np.stack([photos[built[f"{split}_label"] == label].mean(axis=0) for label in range(10)])
    order = (by_class[:, 2] - by_class[:, 0]).argsort()
    assert CLASSES[order[0]] == "frog"
    assert {CLASSES[label] for label in order[-2:]} == {"airplane", "ship"}


@pytest.mark.slow
def test_no_photo_is_in_both_splits(built):
    train, test = ({photo.tobytes() for photo in built[f"{split}_photo"]} for split in ("train", "test"))
    assert not train & test

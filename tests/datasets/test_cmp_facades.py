"""The CMP builder and the reader of its archive, on archives made here; the real one where a mirror holds it."""

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from replications import command
from replications.datasets import cmp_facades, mirror
from replications.datasets.commands import main
from replications.errors import DataError

NAMES = ["facades/train/1.jpg", "facades/train/2.jpg", "facades/val/1.jpg", "facades/test/1.jpg"]


def jpeg(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=75)
    return buffer.getvalue()


def label_map(seed: int) -> np.ndarray:
    """(256, 256): 8 × 8 blocks of random classes."""
    blocks = np.random.default_rng(seed).integers(0, 12, (8, 8), dtype=np.uint8)
    return np.kron(blocks, np.ones((32, 32), np.uint8))


def release_file(labels: np.ndarray, palette: np.ndarray = cmp_facades.PALETTE) -> bytes:
    photo = np.full((256, 256, 3), 90, np.uint8)
    return jpeg(np.concatenate([photo, palette[labels]], axis=1))


def write_tar(path: Path, files: dict[str, bytes], extra: list[tarfile.TarInfo] | None = None) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in extra or []:
            tar.addfile(member, io.BytesIO(bytes(member.size)))
    return path


def member(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, target
    return info


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return {name: release_file(label_map(seed)) for seed, name in enumerate(NAMES)}


@pytest.fixture
def small_release(monkeypatch, files):
    """The builder expects the four files of `files`."""
    splits = {"train": ("train", 2), "validation": ("val", 1), "test": ("test", 1)}
    monkeypatch.setattr(cmp_facades, "SPLITS", splits)
    monkeypatch.setattr(cmp_facades, "DIGEST", mirror.digest(files))


def one_line(error: pytest.ExceptionInfo) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


class TestReadMembers:
    def test_returns_what_the_archive_holds(self, tmp_path, files):
        archive = write_tar(tmp_path / "a.tar.gz", {**files, "facades/LICENCE": b"research use"})
        assert mirror.read_members(archive, NAMES) == files

    @pytest.mark.parametrize("kept", [0.2, 0.9])
    def test_truncated(self, tmp_path, files, kept):
        archive = write_tar(tmp_path / "a.tar.gz", files)
        archive.write_bytes(archive.read_bytes()[: int(kept * archive.stat().st_size)])
        with pytest.raises(DataError, match=r"truncated or no \.tar\.gz.*of 4 expected images; get a\.tar\.gz") as e:
            mirror.read_members(archive, NAMES)
        one_line(e)

    @pytest.mark.parametrize("content", [b"", b"<html>404</html>", os.urandom(2000)])
    def test_no_archive(self, tmp_path, content):
        archive = tmp_path / "a.tar.gz"
        archive.write_bytes(content)
        with pytest.raises(DataError, match=r"truncated or no|0 of 4 expected images"):
            mirror.read_members(archive, NAMES)

    def test_missing_image(self, tmp_path, files):
        archive = write_tar(tmp_path / "a.tar.gz", {name: files[name] for name in NAMES[1:]})
        with pytest.raises(DataError, match=r"3 of 4 expected images, facades/train/1\.jpg is the first missing"):
            mirror.read_members(archive, NAMES)

    def test_image_too_many(self, tmp_path, files):
        archive = write_tar(tmp_path / "a.tar.gz", {**files, "facades/train/3.jpg": b"x"})
        with pytest.raises(DataError, match=r"'facades/train/3\.jpg' is not one of the 4 expected"):
            mirror.read_members(archive, NAMES)

    def test_image_twice(self, tmp_path, files):
        archive = write_tar(tmp_path / "a.tar.gz", files, [member(NAMES[0], 10)])
        with pytest.raises(DataError, match="there twice"):
            mirror.read_members(archive, NAMES)

    @pytest.mark.parametrize(
        ("bad", "problem"),
        [
            (member("../../outside.jpg", 3), "points outside"),
            (member("/etc/outside.jpg", 3), "points outside"),
            (member("C:\\outside.jpg", 3), "points outside"),
            (member(NAMES[0], 0, tarfile.SYMTYPE, "/etc/hostname"), "link or a device"),
            (member(NAMES[0], 0, tarfile.LNKTYPE, NAMES[1]), "link or a device"),
            (member("pipe", 0, tarfile.FIFOTYPE), "link or a device"),
            (member("facades/notes.txt", 2**20 + 1), "has 1048577 bytes, expected at most 1048576"),
        ],
    )
    def test_hostile_member(self, tmp_path, bad, problem):
        archive = write_tar(tmp_path / "a.tar.gz", {}, [bad])
        with pytest.raises(DataError, match=problem) as e:
            mirror.read_members(archive, NAMES)
        assert "trusted source" in one_line(e)
        assert list(tmp_path.iterdir()) == [archive]

    def test_more_bytes_than_any_release(self, tmp_path, monkeypatch, files):
        archive = write_tar(tmp_path / "a.tar.gz", {}, [member(f"zeros-{i}", 2**20) for i in range(4)])
        monkeypatch.setattr(mirror, "MAX_ARCHIVE_BYTES", 2**21)
        with pytest.raises(DataError, match="more than 2097152 bytes when decompressed"):
            mirror.read_members(archive, NAMES)


class TestOpenImage:
    def test_wrong_size_is_not_decoded(self, monkeypatch):
        monkeypatch.setattr(Image.Image, "convert", None)
        with pytest.raises(DataError, match="n: 8×4 pixels, expected 512×256"):
            mirror.open_image("n", jpeg(np.zeros((4, 8, 3), np.uint8)), (512, 256))

    @pytest.mark.parametrize("limit", [40, 20])  # Pillow warns above its limit, and refuses above twice of it
    def test_decompression_bomb(self, monkeypatch, limit):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(DataError, match="n: not a readable image"):
            mirror.open_image("n", jpeg(np.zeros((5, 10, 3), np.uint8)), (10, 5))

    def test_damaged(self, files):
        content = files[NAMES[0]]
        for damaged in (b"", b"text", content[: len(content) // 2]):
            with pytest.raises(DataError, match="n: not a readable image"):
                mirror.open_image("n", damaged, (512, 256))


class TestLocate:
    def test_prefers_the_mirror(self, tmp_path, monkeypatch):
        (tmp_path / "a.tar.gz").touch()
        monkeypatch.setenv(mirror.MIRROR_VARIABLE, str(tmp_path))
        assert mirror.locate("a.tar.gz", "http://127.0.0.1:9/a", lambda url: Path(url)) == tmp_path / "a.tar.gz"

    @pytest.mark.parametrize("folder", [None, "empty"])
    def test_neither_mirror_nor_network(self, tmp_path, monkeypatch, folder):
        monkeypatch.delenv(mirror.MIRROR_VARIABLE, raising=False)
        if folder:
            monkeypatch.setenv(mirror.MIRROR_VARIABLE, str(tmp_path / folder))
        with pytest.raises(DataError, match=r"set REPLICATIONS_MIRROR to a folder .* or connect to the network") as e:
            mirror.locate("a.tar.gz", "http://127.0.0.1:9/a.tar.gz", lambda url: Path(url))
        one_line(e)


def test_digest_depends_on_names_and_contents_not_on_order():
    one = mirror.digest({"a": b"x", "b": b"y"})
    assert mirror.digest({"b": b"y", "a": b"x"}) == one
    assert mirror.digest({"a": b"y", "b": b"x"}) != one
    assert mirror.digest({"a": b"xb", "b": b""}) != mirror.digest({"a": b"x", "b": b"b"})


class TestDecode:
    @pytest.mark.parametrize("seed", range(3))
    def test_labels_survive_jpeg(self, seed):
        truth = label_map(seed)
        photo, labels = cmp_facades.decode_pair("n", release_file(truth), 256)
        assert labels.dtype == np.uint8
        assert (labels != truth).mean() < 0.02
        assert np.abs(photo.astype(int)[:, :240] - 90).max() <= 3

    def test_colours_without_noise_are_exact(self):
        truth = label_map(7)
        np.testing.assert_array_equal(cmp_facades.decode_labels(cmp_facades.PALETTE[truth], "n"), truth)

    @pytest.mark.parametrize("wrong", ["grey", "negative", "noise"])
    def test_wrong_label_colours(self, wrong):
        palette = {
            "grey": np.repeat(np.arange(12, dtype=np.uint8)[:, None], 3, 1),
            "negative": 255 - cmp_facades.PALETTE,
            "noise": np.random.default_rng(0).integers(60, 190, (12, 3), dtype=np.uint8),
        }[wrong]
        with pytest.raises(DataError, match=r"facades/val/7\.jpg: .*expected at least 40%: not the colours") as e:
            cmp_facades.decode_pair("facades/val/7.jpg", release_file(label_map(0), palette), 64)
        one_line(e)

    def test_majority_by_hand(self):
        labels = np.array(
            [
                [5, 5, 1, 2],
                [5, 0, 2, 1],
                [9, 9, 3, 3],
                [9, 9, 3, 11],
            ],
            np.uint8,
        )
        # 5 three times of four; 1 and 2 tie, the smaller wins; only 9; 3 three times
        np.testing.assert_array_equal(cmp_facades.downsize_labels(labels, 2, 12), [[5, 1], [9, 3]])

    def test_photo_is_averaged_over_blocks(self):
        photo = np.array([[[0, 0, 0], [100, 0, 4]], [[100, 0, 0], [200, 8, 0]]], np.uint8)
        np.testing.assert_array_equal(cmp_facades.downsize_photo(Image.fromarray(photo), 2), [[[100, 2, 1]]])


class TestBuild:
    @pytest.mark.usefixtures("small_release")
    def test_from_a_mirror(self, tmp_path, monkeypatch, files, capsys):
        from replications.datasets import arrays

        (tmp_path / "mirror").mkdir()
        write_tar(tmp_path / "mirror" / "facades.tar.gz", files)
        monkeypatch.setenv(mirror.MIRROR_VARIABLE, str(tmp_path / "mirror"))
        assert main(["build", "cmp_facades/64", "--data-dir", str(tmp_path / "data")]) == 0
        assert "train 2, validation 1, test 1 examples" in capsys.readouterr().out
        built = arrays.read("cmp_facades/64", tmp_path / "data")
        expected = label_map(1)[::4, ::4]
        np.testing.assert_array_equal(built["train_labels"][1, ..., 0], expected)
        assert built["validation_photo"].shape == (1, 64, 64, 3)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "mirror"]

    @pytest.mark.usefixtures("small_release")
    def test_other_images_than_the_release(self, tmp_path, monkeypatch, files, capsys):
        write_tar(tmp_path / "facades.tar.gz", {**files, NAMES[0]: files[NAMES[1]]})
        monkeypatch.setenv(mirror.MIRROR_VARIABLE, str(tmp_path))
        assert status(["build", "cmp_facades/64", "--data-dir", str(tmp_path / "data")]) == 2
        message = capsys.readouterr().err
        assert cmp_facades.DIGEST in message
        assert message.count("\n") == 1
        assert [path.name for path in tmp_path.iterdir()] == ["facades.tar.gz"]

    def test_neither_mirror_nor_network(self, tmp_path, monkeypatch, capsys):
        monkeypatch.delenv(mirror.MIRROR_VARIABLE, raising=False)
        monkeypatch.setattr(cmp_facades, "URL", "http://127.0.0.1:9/facades.tar.gz")
        assert status(["build", "cmp_facades/64", "--data-dir", str(tmp_path / "data")]) == 2
        message = capsys.readouterr().err
        assert message.startswith("error: facades.tar.gz: REPLICATIONS_MIRROR is not set")
        assert message.count("\n") == 1
        assert list(tmp_path.iterdir()) == []


def test_the_release_itself():
    folder = os.environ.get(mirror.MIRROR_VARIABLE)
    archive = Path(folder or "") / cmp_facades.ARCHIVE
    if not folder or not archive.is_file():
        pytest.skip(f"{mirror.MIRROR_VARIABLE} names no folder that holds {cmp_facades.ARCHIVE}")
    names = {split: cmp_facades.member_names(split) for split in cmp_facades.SPLITS}
    assert {split: len(of_split) for split, of_split in names.items()} == {
        "train": 400,
        "validation": 100,
        "test": 106,
    }
    members = mirror.read_members(archive, [name for of_split in names.values() for name in of_split])
    mirror.check_digest(members, cmp_facades.DIGEST, archive)
    pairs = [cmp_facades.decode_pair(name, members[name], 64) for name in names["test"]]
    counts = np.bincount(np.stack([labels for _, labels in pairs]).ravel(), minlength=12)
    shares = dict(zip(cmp_facades.CLASSES, counts / counts.sum(), strict=True))
    assert max(shares, key=lambda name: shares[name]) == "facade"
    assert 0.05 < shares["window"] < 0.2
    assert min(shares.values()) > 0.002


def status(arguments: list[str]) -> int:
    """The exit status that a shell sees."""
    with pytest.raises(SystemExit) as stopped:
        command.run(lambda: main(arguments))
    assert isinstance(stopped.value.code, int)
    return stopped.value.code

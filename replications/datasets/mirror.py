"""Archives from a public address or from a mirror folder, read without trust and without unpacking.

Nothing is written to disk: members are read into memory, and every size is checked before it is used.
"""

import gzip
import hashlib
import io
import os
import re
import tarfile
import urllib.error
import urllib.request
import warnings
import zlib
from collections.abc import Callable, Collection
from pathlib import Path, PurePosixPath
from typing import Any

from PIL import Image

from replications.errors import DataError

MIRROR_VARIABLE = "REPLICATIONS_MIRROR"
MAX_MEMBER_BYTES = 2**20
"""Images of a few hundred pixels take a tenth of it."""
MAX_ARCHIVE_BYTES = 2**28
"""Of the archive's decompressed content, headers included."""
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png")


def locate(file_name: str, url: str, download: Callable[[str], os.PathLike]) -> Path:
    """The path of an archive: the mirror folder's, where it holds one, else the one that `download(url)` returns."""
    folder = os.environ.get(MIRROR_VARIABLE)
    if folder and not Path(folder).is_dir():  # whoever names a mirror does not expect a download
        raise DataError(
            f"{file_name}: {MIRROR_VARIABLE}={folder} is no folder; set {MIRROR_VARIABLE} to a folder that holds "
            f"{file_name}, or connect to the network without it to download {url}"
        )
    if folder and (Path(folder) / file_name).is_file():
        return Path(folder) / file_name
    mirror = f"{MIRROR_VARIABLE}={folder} holds no such file" if folder else f"{MIRROR_VARIABLE} is not set"
    try:
        _reach(url)
        return Path(download(url))
    except Exception as error:  # every kind of network failure has its own class
        raise DataError(
            f"{file_name}: {mirror}, and {url} cannot be downloaded ({_one_line(error)}); set {MIRROR_VARIABLE} "
            f"to a folder that holds {file_name}, or connect to the network"
        ) from error


def read_members(archive: Path, expected: Collection[str], known_as: Callable[[str], str] = str) -> dict[str, bytes]:
    """The content of the `expected` members of a .tar.gz, by name; an image that is not expected is an error.

    Other files (a licence, a read-me) are skipped. `known_as` maps a member's name to what is expected, for names that
    say more than can be known before; the content is returned by the full name.
    """
    remedy = f"get {archive.name} again"
    wanted, met, found = set(expected), set(), {}
    try:
        with gzip.open(archive) as file, _open_tar(stream := _Budget(file, archive)) as tar:
            for member in tar:
                _check_member(member, archive)
                name = known_as(member.name)
                if name in met:
                    raise DataError(f"{archive}: {name} is there twice, expected once; {remedy}")
                if name in wanted:
                    met.add(name)
                    content = tar.extractfile(member)
                    found[member.name] = content.read() if content else b""
                elif member.isreg() and member.name.lower().endswith(IMAGE_SUFFIXES):
                    raise DataError(
                        f"{archive}: image {member.name!r} is not one of the {len(wanted)} expected; {remedy}"
                    )
            while stream.read(2**20):  # gzip compares its checksum at the end, and the archive's own comes earlier
                pass
    except DataError:
        raise
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error) as error:
        raise DataError(
            f"{archive}: truncated or no .tar.gz archive ({_one_line(error)}), after {len(found)} of "
            f"{len(wanted)} expected images; {remedy}"
        ) from error
    missing = sorted(wanted - met)
    if missing:
        raise DataError(
            f"{archive}: {len(found)} of {len(wanted)} expected images, {missing[0]} is the first missing; {remedy}"
        )
    return found


def check_digest(members: dict[str, bytes], expected: str, archive: Path) -> None:
    """Raises unless `digest(members)` is the expected one."""
    found = digest(members)
    if found != expected:
        raise DataError(
            f"{archive}: the images have the digest {found}, expected {expected}: another release, or images "
            f"compressed again; get the original {archive.name}"
        )


def digest(members: dict[str, bytes]) -> str:
    """SHA-256 over the members in order of name: name, a zero byte, size as 8 bytes (big end first), content.

    The archive's own bytes would not do: the same files compressed again give others.
    """
    sha = hashlib.sha256()
    for name in sorted(members):
        sha.update(name.encode() + b"\0" + len(members[name]).to_bytes(8, "big") + members[name])
    return sha.hexdigest()


def open_image(name: str, content: bytes, size: tuple[int, int]) -> Image.Image:
    """Decodes an RGB image of exactly `size` (width, height); the size is checked before any pixel is decoded."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=("JPEG", "PNG"))  # others run programs to be decoded
        if image.size != size:
            raise DataError(
                f"{name}: {image.width}×{image.height} pixels, expected {size[0]}×{size[1]}; get the archive again"
            )
        return image.convert("RGB")
    except DataError:
        raise
    except Exception as error:  # a damaged image fails in many ways
        raise DataError(f"{name}: not a readable image ({_one_line(error)}); get the archive again") from error


class _Budget:
    """A stream that stops after MAX_ARCHIVE_BYTES: a small archive can decompress to any size, headers too."""

    def __init__(self, stream: gzip.GzipFile, archive: Path):
        self.stream, self.archive, self.left = stream, archive, MAX_ARCHIVE_BYTES

    def read(self, size: int) -> bytes:
        block = self.stream.read(size)
        self.left -= len(block)
        if self.left < 0:
            raise DataError(
                f"{self.archive}: more than {MAX_ARCHIVE_BYTES} bytes when decompressed, expected less; "
                f"get {self.archive.name} again"
            )
        return block


def _open_tar(stream: Any) -> tarfile.TarFile:  # the mode "r|" needs no more of a stream than `read`
    return tarfile.open(fileobj=stream, mode="r|")


def _check_member(member: tarfile.TarInfo, archive: Path) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name or re.match("[A-Za-z]:", member.name):
        problem = "points outside the archive, expected relative names below it"
    elif not (member.isreg() or member.isdir()):
        problem = "is a link or a device, expected files and folders only"
    elif member.issparse():  # its holes take no bytes of the archive, so any number of megabytes
        problem = "is a sparse file, expected plain files and folders only"
    elif member.size > MAX_MEMBER_BYTES:
        problem = f"has {member.size} bytes, expected at most {MAX_MEMBER_BYTES}"
    else:
        return
    raise DataError(f"{archive}: member {member.name!r} {problem}; get {archive.name} from a trusted source")


def _reach(url: str) -> None:
    """Raises within seconds if there is no network; the download itself would try again for minutes."""
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=20).close()
    except urllib.error.HTTPError as error:  # an answer, if only that it does not like HEAD
        error.close()


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= 160 else text[:160] + "…"

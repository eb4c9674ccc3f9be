"""Random input: params.yaml loads or is refused in one line, an archive reads as what it holds or is refused likewise.

Always the same random input: a test that fails here fails everywhere.
"""

import io
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from ruamel.yaml import YAML

from replications import study
from replications.datasets import mirror
from replications.errors import DataError
from replications.study import StudyError
from tests import tiny


def fuzz(examples: int) -> settings:
    """As many examples, the same every time, however slow the machine."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def refused(error: Exception, file: str) -> None:
    """The message is one line that names the file, and that somebody would read."""
    message = str(error)
    assert message.startswith(file)
    assert "\n" not in message
    assert len(message) < 2000


# --- params.yaml ---------------------------------------------------------------------------------------------------

REAL = (tiny.ROOT / "params.yaml").read_text(encoding="utf-8").split("\nspatial_z_vae:")[0] + "\n"
"""The bundled study's first sections: the others are of the same kinds, and all would take as many times as long."""
TINY = {**tiny.HEAD, **tiny.ROOMS, "readers": {**tiny.HEAD["readers"], "classification": tiny.CLASSIFICATION}}
KEYS = sorted({*TINY, "variants", "seeds", "segmentation", "classification", "heads", "dataset", *tiny.PIX2PIX})
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | st.binary(max_size=4)
    | st.sampled_from(KEYS)
)
keys = st.sampled_from(KEYS) | st.text(max_size=6) | st.integers() | st.booleans() | st.none()
structures = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5), max_leaves=12
)


def load(folder: Path, content: str | bytes) -> study.Study | None:
    """The study, or None where it was refused as it should be."""
    path = folder / "params.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
    try:
        declared = study.load(folder)
    except StudyError as error:
        refused(error, str(path))
        return None
    for name in declared.variants:
        assert all(isinstance(run.variant, str) and run.variant.isidentifier() for run in declared.runs(name))
    return declared


def dumped(content) -> str:
    text = io.StringIO()
    yaml = YAML(typ="safe")
    yaml.dump(content, text)
    return text.getvalue()


def positions(content, at: tuple = ()) -> list[tuple]:
    """Where values stand: the keys that lead to each."""
    inside = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    return [(*at, key) for key, _ in inside] + [one for key, value in inside for one in positions(value, (*at, key))]


def changed(content, at: tuple, value):
    """A copy with another value at one position."""
    if not at:
        return value
    if isinstance(content, dict):
        return {key: changed(inner, at[1:], value) if key == at[0] else inner for key, inner in content.items()}
    return [changed(inner, at[1:], value) if key == at[0] else inner for key, inner in enumerate(content)]


def renamed(content, at: tuple, name):
    """A copy with another key at one position."""
    if len(at) > 1:
        inside = content[at[0]]
        return changed(content, at[:1], renamed(inside, at[1:], name))
    return {name if key == at[0] else key: v for key, v in content.items()} if isinstance(content, dict) else content


VARIANTS = [at for at in positions(TINY) if len(at) == 3 and at[1] == "variants"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def test_untouched_they_load(folder):
    assert load(folder, REAL) is not None
    assert load(folder, dumped(TINY)) is not None


@fuzz(80)
@given(structures)
def test_any_structure_loads_or_is_refused(folder, content):
    load(folder, dumped(content))


@fuzz(90)
@given(st.sampled_from(positions(TINY)), structures)
def test_any_value_anywhere_loads_or_is_refused(folder, at, value):
    load(folder, dumped(changed(TINY, at, value)))


@fuzz(60)
@given(st.sampled_from(VARIANTS) | st.sampled_from(positions(TINY)), keys)
def test_any_key_anywhere_loads_or_is_refused(folder, at, name):
    load(folder, dumped(renamed(TINY, at, name)))


@fuzz(90)
@given(st.text(alphabet="[]{}:,-&*!|>?#%@'\"\\ \n\tab01.e~<=_", max_size=60))
def test_any_text_loads_or_is_refused(folder, text):
    load(folder, text)


@fuzz(50)
@given(st.binary(max_size=40))
def test_any_bytes_load_or_are_refused(folder, content):
    load(folder, content)


LINES = REAL.splitlines(keepends=True)
VALUED = [number for number, line in enumerate(LINES) if re.match(r" +\w+: [\w.]+", line)]
VALUES = (
    "2026-13-41", "2026-01-01T99:00:00", "!!int x", "!!float x", "!!bool x", "!!timestamp x", "!!null x",
    "!!binary é", "!!set [a]", "!!omap {a: 1}", "!!map a", "!!seq a", "!!str [a]", "!a b", "!!python/name:os.system",
    "!<x> a", "&a [*a]", "&a {a: *a}", "*b", "&a a", "{? [a] : b}", "{[a]: b}", "{{a: b}: c}", "{<<: a}",
    "{<<: [{a: b}]}", "0o9", "0x", "1_0", "1e999", "-.inf", ".nan", "0b2", "1:60:60", "9" * 5000, "[" * 2000,
    "{a: " * 1000, "'", '"\\x"', "|", ">-9", "|\n a", "%YAML 9.9", "--- a", "...", "@a", "`a", "\t", "\x00", "\x85",
    "\u2028", "\ufeff", "\ud800", "é",
)  # fmt: skip
"""What a hand or a program may leave behind a colon."""


@fuzz(60)
@given(
    st.integers(0, len(REAL) - 1),
    st.sampled_from(["value", "value", "value", "delete", "double", "cut"]),
    st.sampled_from(VALUES),
)
def test_the_real_params_with_an_accident_load_or_are_refused(folder, position, accident, value):
    line, valued = position % len(LINES), VALUED[position % len(VALUED)]
    text = {
        "value": "".join([*LINES[:valued], LINES[valued].split(":")[0], f": {value}\n", *LINES[valued + 1 :]]),
        "delete": REAL[:position] + REAL[position + 1 + position % 20 :],
        "double": "".join([*LINES[:line], LINES[line], *LINES[line:]]),
        "cut": REAL[:position],
    }[accident]
    load(folder, text)


# --- archives ------------------------------------------------------------------------------------------------------


def png(seed: int) -> bytes:
    content = io.BytesIO()
    noise = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(noise).save(content, "PNG")
    return content.getvalue()


FILES = {f"a/{number}.png": png(number) for number in range(3)}


def tar(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:
        for name, inside in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(inside)
            archive.addfile(member, io.BytesIO(inside))
    return content.getvalue()


ARCHIVE, PLAIN = tar(FILES), tar(FILES, "w")


def members(folder: Path, content: bytes) -> dict[str, bytes] | None:
    """What is read, or None where it was refused as it should be."""
    path = folder / "a.tar.gz"
    path.write_bytes(content)
    try:
        return mirror.read_members(path, FILES)
    except DataError as error:
        refused(error, str(path))
        return None
    finally:
        assert {one.name for one in folder.iterdir()} <= {"a.tar.gz", "params.yaml"}, "nothing is unpacked"


def test_an_untouched_archive_reads_as_what_it_holds(folder):
    assert members(folder, ARCHIVE) == FILES


@fuzz(60)
@given(st.binary(max_size=600))
def test_random_bytes_are_no_archive(folder, content):
    assert members(folder, content) is None
    assert members(folder, mirror.gzip.compress(content, mtime=0)) is None


@pytest.mark.parametrize("step", [37])
def test_a_truncated_archive_is_refused_wherever_it_ends(folder, step):
    for length in [*range(0, len(ARCHIVE), step), len(ARCHIVE) - 1]:
        assert members(folder, ARCHIVE[:length]) is None, f"the first {length} of {len(ARCHIVE)} bytes"


@fuzz(300)
@given(st.lists(st.tuples(st.integers(0, len(ARCHIVE) - 1), st.integers(1, 255)), min_size=1, max_size=3))
def test_a_flipped_byte_changes_no_content_unseen(folder, flips):
    content = bytearray(ARCHIVE)
    for at, bits in flips:
        content[at] ^= bits
    assert members(folder, bytes(content)) in (None, FILES)


@fuzz(300)
@given(st.lists(st.tuples(st.integers(0, len(PLAIN) - 1), st.integers(1, 255)), min_size=1, max_size=3))
def test_a_forged_archive_reads_as_something_or_is_refused(folder, flips):
    """With the right checksum around it: the tar itself says nothing of its contents, so these may be others."""
    content = bytearray(PLAIN)
    for at, bits in flips:
        content[at] ^= bits
    found = members(folder, mirror.gzip.compress(bytes(content), 1, mtime=0))
    assert found is None or set(found) == set(FILES)


@fuzz(300)
@given(st.sampled_from(["PNG", "JPEG"]), st.lists(st.tuples(st.integers(0, 2**16), st.integers(1, 255)), max_size=4))
def test_a_damaged_image_has_its_size_or_is_refused(kind, flips):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 4), (1, 2, 3)).save(buffer, kind)
    content = bytearray(buffer.getvalue())
    for at, bits in flips:
        content[at % len(content)] ^= bits
    try:
        image = mirror.open_image("n", bytes(content), (8, 4))
    except DataError as error:
        refused(error, "n: ")
        return
    assert image.size == (8, 4)
    assert image.mode == "RGB"

"""`python -m replications`: one door to every command."""

import argparse
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from replications import __main__ as door
from replications import command, results
from replications.command import CommandError
from replications.commands import COMMANDS
from tests import tiny


def test_help_names_every_command_and_loads_none(tmp_path):
    done = tiny.command("--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for name, (_, what, example) in COMMANDS.items():
        assert f"  {name} " in done.stdout
        assert f"{what}\n" in done.stdout
        assert f" {example}\n" in done.stdout
        assert example.split()[0] == name
    assert tiny.command(cwd=tmp_path).stdout == done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_its_own_help(name, capsys):
    with pytest.raises(SystemExit) as caught:
        door.main([name, "--help"])
    assert caught.value.code == 0
    assert f"example: python -m replications {COMMANDS[name][2]}\n" in capsys.readouterr().out


def test_a_command_gets_its_words(monkeypatch):
    judge = importlib.import_module("replications.judging.judge")
    monkeypatch.setattr(judge, "main", lambda words: len(words))
    assert door.main(["judge", "--study", "real"]) == 2


def test_an_unknown_command_is_one_line(tmp_path):
    with pytest.raises(CommandError, match=r"'jugde': no such command; did you mean judge\?"):
        door.main(["jugde"])
    with pytest.raises(CommandError, match=r"'controlls': no such command; did you mean controls\?"):
        door.main(["controlls"])
    with pytest.raises(CommandError, match="'x': no such command; expected one of claims, trace"):
        door.main(["x"])
    done = tiny.command("jugde", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: 'jugde': no such command")


def test_the_version_is_that_of_the_package_and_of_the_citation(capsys):
    assert door.main(["--version"]) == 0
    version = capsys.readouterr().out.removeprefix("replications ").strip()
    assert f'version = "{version}"' in (tiny.ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    assert f"version: {version}" in (tiny.ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    ("words", "full", "status", "said"),
    [
        (["--version"], "stdout", 2, "error: standard output or a temporary file: no space left on device; expected"),
        (["judge", "--help"], "stdout", 2, "error: standard output or a temporary file: no space left on device"),
        (["judge", "--study", "nowhere"], "stderr", 2, ""),
    ],
)
def test_a_full_disk_under_what_is_printed_is_one_line_or_a_status(words, full, status, said):
    other = "stderr" if full == "stdout" else "stdout"
    with Path("/dev/full").open("w", encoding="utf-8") as device:
        streams = {full: device, other: subprocess.PIPE}
        done = subprocess.run(
            [sys.executable, "-m", "replications", *words], cwd=tiny.ROOT, text=True, check=False, **streams
        )
    assert done.returncode == status
    text = getattr(done, other)
    assert text.startswith(said)
    assert text.count("\n") <= 1


@pytest.mark.parametrize(("words", "status"), [("--version", 0), ("judge --study nowhere", 2)])
def test_a_closed_standard_output_changes_no_status(words, status):
    line = f'"{sys.executable}" -m replications {words} >&-'
    done = subprocess.run(["sh", "-c", line], cwd=tiny.ROOT, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == status
    assert done.stderr.count("\n") == (status == 2)


def parsed(kind: object, text: str) -> object:
    parser = command.Parser(prog="python -m replications judge")
    parser.add_argument("--given", type=kind)
    return parser.parse_args(["--given", text]).given


@pytest.mark.parametrize("text", ["٣", "1_0", " 7", "", "1e3", "9" * 5000])
def test_a_number_is_written_in_digits(text):
    with pytest.raises(CommandError, match="is no whole number; write 10, for example"):
        parsed(int, text)
    with pytest.raises(ValueError, match="expected a whole number"):
        results.whole_number(text)


@pytest.mark.parametrize("text", ["٣", "1_0.5", " 0.5", "", "+1", "0x10", "infinity", "1" + "0" * 40 + "e9999"])
def test_a_number_in_a_table_is_written_as_the_suite_writes_it(text):
    with pytest.raises(ValueError, match="expected a number"):
        results.number(text)


@pytest.mark.parametrize("value", [0.0, -1.5, 1e-300, 123456.0, 1.2345e7, 1e22, float("inf")])
def test_a_number_of_the_suite_is_read(value):
    for text in (f"{value:.6g}", str(value), repr(value)):
        assert results.number(text) == float(text)
    assert parsed(int, "-7") == results.whole_number("-7") == -7


def test_no_argument_is_the_folder_in_which_it_stands():
    assert parsed(Path, "real/runs/") == Path("real/runs")
    assert parsed(command.file_to_write, "report.xml") == Path("report.xml")
    for kind in (Path, command.file_to_write):
        with pytest.raises(CommandError, match="names no file or folder"):
            parsed(kind, "")
    with pytest.raises(argparse.ArgumentTypeError, match="'new/' is a folder, expected a file to write to"):
        command.file_to_write("new/")


def test_a_device_or_a_fifo_is_not_replaced_by_a_file(tmp_path):
    fifo = tmp_path / "out.xml"
    os.mkfifo(fifo)
    for path in (fifo, tmp_path, Path("/dev/full")):
        with pytest.raises(results.ResultsError, match="is a folder, a device or a FIFO, expected a file to write"):
            results.write_text(path, "text")
    assert fifo.is_fifo()
    assert Path("/dev/full").is_char_device()
    assert [path.name for path in tmp_path.iterdir()] == ["out.xml"]

"""`python -m replications`: one door to every command."""

import importlib

import pytest

from replications import __main__ as door
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
    with pytest.raises(CommandError, match="'x': no such command; expected one of train, measure"):
        door.main(["x"])
    done = tiny.command("jugde", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("error: 'jugde': no such command")


def test_the_version_is_that_of_the_package_and_of_the_citation(capsys):
    assert door.main(["--version"]) == 0
    version = capsys.readouterr().out.removeprefix("replications ").strip()
    assert f'version = "{version}"' in (tiny.ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    assert f"version: {version}" in (tiny.ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()

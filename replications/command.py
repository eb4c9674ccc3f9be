"""How every command of the suite ends: one clear line for a person, and an exit status for a shell."""

import argparse
import difflib
import errno
import importlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NoReturn, TextIO

from replications.errors import ReplicationError


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The three known names that are most like an unknown one, for its error message; empty: none is like it."""
    nearest = difflib.get_close_matches(name, list(known), n=3)
    return f"did you mean {' or '.join(nearest)}?" if nearest else ""


class CommandError(ReplicationError):
    """Arguments or an environment that a command cannot run with."""


class Parser(argparse.ArgumentParser):
    """A command line whose help ends with an example, and whose errors are one line like all others."""

    def __init__(self, *, prog: str, **options):
        super().__init__(prog=prog, **options)
        self.register("type", int, whole_number)  # Python's own takes 1_0 and Arabic digits
        self.register("type", Path, path)  # and '' for the folder in which it stands

    def format_help(self) -> str:
        """The help, and an example of the command."""
        # Imported here, by name: a command more is no new code for all stages of the pipeline.
        commands = importlib.import_module("replications.commands").COMMANDS
        _, _, example = commands.get(self.prog.rsplit(" ", 1)[-1], (None, None, None))
        self.epilog = example and f"example: python -m replications {example}"
        return super().format_help()

    def print_help(self, file=None) -> None:
        """Prints it; argparse would be silent where nothing can be written."""
        print(self.format_help(), end="", file=file)

    def error(self, message: str) -> NoReturn:
        """Called by argparse, which would print and exit."""
        raise CommandError(f"{message}; `{self.prog} --help` says what is expected")


def whole_number(text: str) -> int:
    """What `type=int` reads of an argument: digits, as a person writes a number."""
    if not re.fullmatch("[+-]?[0-9]{1,18}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number; write 10, for example")
    return int(text)


def path(text: str) -> Path:
    """What `type=Path` reads of an argument."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"{text!r} names no file or folder; write `.` for the one that you are in")
    return Path(text)


def file_to_write(text: str) -> Path:
    """An argument that names a file that will be written, in the place of one that may be there."""
    if text.endswith(("/", os.sep)):
        raise argparse.ArgumentTypeError(f"{text!r} is a folder, expected a file to write to; name one in it")
    return path(text)


def run(main: Callable[[], int]) -> None:
    """Runs a command line; exits 0, 1 by its own word, 2 with one line of error, 130 on Ctrl-C."""
    _refuse_fifos()
    for stream in (sys.stdout, sys.stderr):  # a terminal that cannot write all characters shows those as codes
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    status: int | str | None
    try:
        try:
            status = main()
        except SystemExit as ended:  # after --help and --version
            status = ended.code
        if sys.stdout is not None:  # it is where it was closed
            sys.stdout.flush()
    except ReplicationError as error:
        _end(str(error))
    except KeyboardInterrupt:
        print("interrupted: what was finished is kept, run the same command again to go on", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # pyright: ignore[reportOptionalMemberAccess]
        sys.exit(141)
    except OSError as error:
        why = error.strerror or str(error) or type(error).__name__
        place = error.filename2 or error.filename or "standard output or a temporary file"
        _drop(sys.stdout)
        _end(f"{place}: {why[0].lower() + why[1:]}; expected to read or write there, mend it and run again")
    except MemoryError:
        _end("this machine: out of memory; ask for less, or end what else takes memory, and run again")
    sys.exit(status)


def _drop(stream: TextIO | None) -> None:
    """What was printed and cannot be written is dropped, so that Python ends in silence."""
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@cache
def _refuse_fifos() -> None:
    """From now on this process opens no FIFO by its name to read: it would wait without end for somebody to write."""

    def refuse(event: str, arguments: tuple) -> None:
        if event != "open":
            return
        path, _, flags = arguments
        if not isinstance(path, str | bytes) or flags & os.O_ACCMODE != os.O_RDONLY:
            return
        if Path(os.fsdecode(path)).is_fifo():
            raise OSError(errno.EINVAL, "is a FIFO, expected a file", os.fsdecode(path))

    sys.addaudithook(refuse)


def in_its_own_process(*words: str) -> None:
    """Runs `python -m replications WORDS` on the package as it now lies on the disk.

    Raises:
        CommandError: it failed; its own line of error is on the terminal.
    """
    if subprocess.run([sys.executable, "-m", "replications", *words], check=False).returncode:
        raise CommandError(
            f"python -m replications {' '.join(words)}: failed, its error stands above; mend it and run it"
        )


def repro(folder: Path, stage: str = "", options: str = "") -> str:
    """The command that makes a study's results again, or what one of its stages writes, in backquotes.

    With `--pull`, since the data of a fresh clone are in DVC's remote alone.
    """
    target = stage if folder == Path() else f"{folder / 'dvc.yaml'}:{stage}".removesuffix(":")
    return f"`{' '.join(word for word in ('dvc repro --pull', options, target) if word)}`"


def _end(message: str) -> NoReturn:
    """One line, whatever the message quotes: a file may hold line ends, and orders to a terminal."""
    with suppress(OSError):  # where nothing can be said the status still says it
        print(f"error: {printable(message)}", file=sys.stderr)
    _drop(sys.stderr)
    sys.exit(2)


def printable(message: str) -> str:
    """The message in one line, without what a terminal would take for an order."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in " ".join(message.split()))

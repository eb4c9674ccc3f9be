"""How every command of the suite ends: one clear line for a person, and an exit status for a shell."""

import argparse
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from replications.errors import ReplicationError


class CommandError(ReplicationError):
    """Arguments or an environment that a command cannot run with."""


class Parser(argparse.ArgumentParser):
    """A command line whose errors are one line like all others, without the usage before it."""

    def error(self, message: str) -> NoReturn:
        """Called by argparse, which would print and exit."""
        raise CommandError(f"{message}; `{self.prog} --help` says what is expected")


def run(main: Callable[[], int]) -> None:
    """Runs a command line; exits 0, 1 by its own word, 2 with one line of error, 130 on Ctrl-C."""
    try:
        sys.exit(main())
    except ReplicationError as error:
        _end(str(error))
    except KeyboardInterrupt:
        print("interrupted: what was finished is kept, run the same command again to go on", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except OSError as error:
        path = error.filename2 or error.filename
        if path is None:
            raise
        why = error.strerror or type(error).__name__
        _end(f"{path}: {why[0].lower() + why[1:]}; expected to read or write there, mend it and run again")


def _end(message: str) -> NoReturn:
    """One line, whatever the message quotes: a file may hold line ends, and orders to a terminal."""
    print(f"error: {printable(message)}", file=sys.stderr)
    sys.exit(2)


def printable(message: str) -> str:
    """The message in one line, without what a terminal would take for an order."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in " ".join(message.split()))

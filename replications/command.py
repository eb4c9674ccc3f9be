"""How every command of the suite ends: one clear line for a person, and an exit status for a shell."""

import argparse
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from replications.errors import ReplicationError

COMMANDS = {
    "train": ("train the declared runs of a replication that are not there yet", "train pix2pix --workers 2"),
    "measure": ("images to scores, curves and a sample sheet", "measure pix2pix"),
    "judge": ("scores to verdicts", "judge --study real"),
    "report": ("verdicts to Markdown", "report --study real"),
    "page": ("all of it on one page to look at: results/report.html", "page"),
    "readers": ("train the nets that instruments read images with", "readers"),
    "datasets": ("build and export data sets", "datasets build facade_world/32 --data-dir data"),
    "new": ("begin a replication of your own", "new vae_flow"),
    "trace": ("where a verdict comes from, link by link", "trace adversarial_term_sharpens"),
    "audit": ("train committed runs again and compare", "audit --runs 2"),
    "regress": ("compare verdicts with those of a Git revision", "regress --against HEAD~1"),
    "import-runs": ("take in runs that another machine finished", "import-runs FOLDER --study paper"),
    "mend": ("delete what a kill left torn of DVC's own files, before dvc repro", "mend"),
    "calibration": ("how often the judge errs, by simulation", "calibration"),
    "ladder": ("what each instrument notices of known damage", "ladder"),
    "cost": ("what a study costs on GPUs, before it is begun", "cost --epochs vq_vae=641 --price 3"),
    "bench": ("how fast it trains here, and where the time goes", "bench --only vq_vae"),
}
"""Command → what it does, and an example, in the order in which people meet them."""


class CommandError(ReplicationError):
    """Arguments or an environment that a command cannot run with."""


class Parser(argparse.ArgumentParser):
    """A command line whose help ends with an example, and whose errors are one line like all others."""

    def __init__(self, *, prog: str, **options):
        _, example = COMMANDS.get(prog.rsplit(" ", 1)[-1], (None, None))
        super().__init__(prog=prog, epilog=example and f"example: python -m replications {example}", **options)

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

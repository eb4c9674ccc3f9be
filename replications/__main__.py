"""Every command of the suite: `python -m replications COMMAND …`; `--help` lists them."""

import importlib
import sys
import traceback
from pathlib import Path

from replications import command
from replications.commands import COMMANDS, GROUPS
from replications.environment import drop_settings

VERSION = "0.1.0"
"""Of the suite; pyproject.toml and CITATION.cff say the same. A result is named by its commit, as `trace` shows."""

DASK_SETTINGS = str(Path("dask", "config.py"))
"""Dask reads the user's settings when it is imported, and stops where it cannot."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    words = sys.argv[1:] if argv is None else argv
    if not words or words[0] in ("-h", "--help"):
        width = max(map(len, COMMANDS))
        listed = "\n\n".join(
            "\n".join(
                [
                    f"to {purpose}:",
                    *(
                        f"  {name.ljust(width)}  {what}\n  {' ' * width}    {example}"
                        for name, (_, what, example) in commands.items()
                    ),
                ]
            )
            for purpose, commands in GROUPS.items()
        )
        print(
            f"usage: python -m replications COMMAND …\n\n{listed}\n\n"
            "Below each an example; more on one: python -m replications COMMAND -h\n"
            "Exit status: 0 done, 1 a check says no, 2 an error in one line, 130 interrupted."
        )
        return 0
    if words[0] == "--version":
        print(f"replications {VERSION}")
        return 0
    if words[0] not in COMMANDS:
        hint = command.did_you_mean(words[0], COMMANDS) or f"expected one of {', '.join(COMMANDS)}"
        raise command.CommandError(f"{words[0]!r}: no such command; {hint}")
    if sys.flags.optimize > 1:
        raise command.CommandError(
            "PYTHONOPTIMIZE=2 (python -OO): expected docstrings to be there, which help and validation/ quote; unset it"
        )
    drop_settings()  # before NumPy is imported, which reads some of them
    module, *_ = COMMANDS[words[0]]
    try:
        found = importlib.import_module(f"replications.{module}")
    except ValueError as error:
        if not any(frame.filename.endswith(DASK_SETTINGS) for frame in traceback.extract_tb(error.__traceback__)):
            raise
        raise command.CommandError(
            f"{words[0]}: cannot start ({error}); expected files of settings that Dask can read "
            "(~/.config/dask, or where DASK_CONFIG says), or none: mend them, or move them away"
        ) from None
    return found.main(words[1:])


if __name__ == "__main__":
    command.run(main)

"""Every command of the suite: `python -m replications COMMAND …`; `--help` lists them."""

import difflib
import importlib
import sys

from replications import command
from replications.command import COMMANDS


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    words = sys.argv[1:] if argv is None else argv
    if not words or words[0] in ("-h", "--help"):
        width = max(map(len, COMMANDS))
        listed = "\n".join(
            f"  {name.ljust(width)}  {what}\n  {' ' * width}    {example}"
            for name, (_, what, example) in COMMANDS.items()
        )
        print(
            f"usage: python -m replications COMMAND …\n\n{listed}\n\n"
            "Below each an example; more on one: python -m replications COMMAND -h\n"
            "Exit status: 0 done, 1 a check says no, 2 an error in one line, 130 interrupted."
        )
        return 0
    if words[0] not in COMMANDS:
        near = difflib.get_close_matches(words[0], COMMANDS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(COMMANDS)}"
        raise command.CommandError(f"{words[0]!r}: no such command; {hint}")
    module, *_ = COMMANDS[words[0]]
    return importlib.import_module(f"replications.{module}").main(words[1:])


if __name__ == "__main__":
    command.run(main)

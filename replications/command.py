"""How every command of the suite ends: one clear line for a person, and an exit status for a shell."""

import os
import sys
from collections.abc import Callable

from replications.errors import ReplicationError


def run(main: Callable[[], int]) -> None:
    """Runs a command line; exits 0, 1 by its own word, 2 with one line of error, 130 on Ctrl-C."""
    try:
        sys.exit(main())
    except ReplicationError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted: what was finished is kept, run the same command again to go on", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)

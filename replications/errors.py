"""The errors that a person is meant to read."""


class ReplicationError(Exception):
    """An error whose message is one line for the user: the value, what was expected, the remedy."""


class DataError(ReplicationError, ValueError):
    """Data that is missing, damaged, or not what its name says."""


class Diverged(ReplicationError, ArithmeticError):  # noqa: N818 - it says what happened
    """A training whose loss is no longer a number, or whose outputs collapsed."""

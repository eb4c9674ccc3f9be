"""How the suite imports Keras: on one thread, and without a word on the terminal."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Environment of a training process, set before Keras is imported: more threads than one would add numbers in another
order, and the bytes would depend on the machine's cores."""


@contextmanager
def quiet() -> Iterator[None]:
    """Drops what native code writes to standard error meanwhile; Python's own errors are raised as ever.

    TensorFlow greets from C++ before its log level can be set.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)

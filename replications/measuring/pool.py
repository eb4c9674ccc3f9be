"""Processes for what is measured: one per core, and none of them outlives its command."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import connection, get_context, parent_process
from threading import Thread

from dask.system import CPU_COUNT

from replications.environment import settle


def pool(tasks_each: int | None = None) -> ProcessPoolExecutor:
    """A pool for a `with` block.

    Args:
        tasks_each: how many tasks a process takes before another one stands in for it; None: all that come.
    """
    settle()  # before a process of the pool imports NumPy
    return ProcessPoolExecutor(
        CPU_COUNT, get_context("forkserver"), initializer=_end_with_the_command, max_tasks_per_child=tasks_each
    )


def _end_with_the_command() -> None:
    """In a process of the pool: whatever ends the command, a signal that nobody can catch included, ends it, too."""
    command = parent_process()
    if command is not None:
        Thread(target=_wait_for, args=(command.sentinel,), daemon=True).start()


def _wait_for(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)

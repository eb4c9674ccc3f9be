"""Runs over Dask workers: one run per worker thread, each in a process of its own, results written by the client.

The worker supervises, the child trains. Workers read and write no files: data goes to them and results come back as
messages, so a laptop and a cluster run the same line of code. `DASK_SCHEDULER_ADDRESS` joins an existing cluster.
"""

import logging
import multiprocessing
import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dask
from dask.system import CPU_COUNT
from distributed import Client, Future, LocalCluster, as_completed, get_worker

from replications.errors import ReplicationError
from replications.keras_import import ONE_THREAD
from replications.study import Run

TOPIC = "replications-progress"
MODULE = "replications.training"


class WorkerError(ReplicationError):
    """A cluster that cannot be used, or a run whose process died again and again."""


@dataclass(frozen=True)
class Outcome:
    """What became of a run: `images` and `facts`, or the reason why it `diverged` or `failed`."""

    run: Run
    seconds: float
    images: bytes = b""
    facts: dict | None = None
    diverged: str = ""
    failed: str = ""


@contextmanager
def cluster(n_workers: int | None = None) -> Iterator[Client]:
    """A Dask client: of the scheduler that Dask's configuration names, else of a local cluster, one worker per core."""
    address = dask.config.get("scheduler-address", None)
    if address:
        try:
            with Client(address, timeout=10) as client:
                yield client
        except OSError as error:
            raise WorkerError(f"DASK_SCHEDULER_ADDRESS={address}: no scheduler answers there ({error})") from None
        return
    # Dask's own worker processes are daemons by default, and daemons may have no children: here they train in one.
    with (
        dask.config.set(
            {
                "distributed.worker.daemon": False,
                "distributed.worker.memory.terminate": False,  # a worker holds messages; its children train
                "distributed.worker.profile.enabled": False,  # samples every worker's threads all the time
            }
        ),
        LocalCluster(
            n_workers=n_workers or CPU_COUNT,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address=None,
            silence_logs=logging.CRITICAL,
        ) as local,
        Client(local) as client,
    ):
        yield client


def run_all(
    client: Client, runs: list[Run], data: dict[str, bytes], progress: Callable[[str, int, int], None]
) -> Iterator[Outcome]:
    """Trains the runs, in the given order of priority, and yields each outcome the moment it is there.

    Args:
        client: from `cluster`.
        runs: what to train.
        data: the content of an npz file for each dataset that the runs name.
        progress: told (run's name, images seen, images in all) while runs go on.
    """
    client.subscribe_topic(TOPIC, lambda event: progress(*event[1]))
    # Not scattered: a scattered copy is lost with its worker, a task's result is made again.
    held = {name: client.submit(bytes, content, key=f"data-{name}", pure=False) for name, content in data.items()}
    futures: dict[Future, Run] = {
        client.submit(
            supervise,
            run.name,
            run.replication,
            run.params.model_dump(),
            run.seed,
            held[run.params.dataset],  # pyright: ignore[reportAttributeAccessIssue]
            key=f"run-{run.name}",
            priority=-order,
            retries=2,
            pure=False,
        ): run
        for order, run in enumerate(runs)
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sending large graph")
        for future in as_completed(futures):
            run = futures.pop(future)
            if future.status == "error":
                raise WorkerError(f"{run.name}: {future.exception()}") from None
            yield Outcome(run, **future.result())
            future.release()


def supervise(name: str, replication: str, params: dict, seed: int, data: bytes) -> dict:
    """On a worker: trains one run in a child process and passes its messages on. Returns an Outcome's fields."""
    os.environ.update(ONE_THREAD)  # before the fork server imports Keras
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([MODULE])
    receiver, sender = context.Pipe(duplex=False)
    started = time.monotonic()
    child = context.Process(target=_train_one, args=(replication, params, seed, data, sender))
    child.start()
    sender.close()
    try:
        while True:
            kind, *content = receiver.recv()
            if kind == "progress":
                get_worker().log_event(TOPIC, [name, *content])
            elif kind == "failed":
                return {"seconds": time.monotonic() - started, "failed": content[0]}
            elif kind == "diverged":
                return {"seconds": time.monotonic() - started, "diverged": content[0]}
            else:
                return {"seconds": time.monotonic() - started, "images": content[0], "facts": content[1]}
    except EOFError:
        child.join()
        how = signal.Signals(-child.exitcode).name if child.exitcode < 0 else f"exit status {child.exitcode}"
        raise WorkerError(f"the training process died ({how}); its messages are above") from None
    finally:
        child.join(timeout=10)
        child.kill()


def _train_one(*args) -> None:
    """Imports the training module in the child alone, so that a worker stays small."""
    from replications.training import train_one

    train_one(*args)

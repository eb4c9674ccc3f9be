"""Runs over Dask workers: one run per worker, each in a process of its own, results written by the client.

The worker supervises, the child trains. Workers share no files: data goes to them and results come back as messages
(the state of a long run stays with them, if they are given a folder for it), so a laptop and a cluster run the same
line of code. `DASK_SCHEDULER_ADDRESS` joins an existing cluster.

Dask's messages are pickles: whoever can speak to a scheduler or a worker can run code as its user. On one machine the
workers are threads of the command, and nothing takes orders from outside it. A cluster of several machines needs TLS,
with a key that its owner alone can read. One pair serves all roles:

    openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=replications -keyout key.pem -out cert.pem

Then, in the environment of the scheduler, of every worker and of the training command:

    DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION=true
    DASK_DISTRIBUTED__COMM__TLS__CA_FILE=cert.pem
    DASK_DISTRIBUTED__COMM__TLS__SCHEDULER__CERT=cert.pem
    DASK_DISTRIBUTED__COMM__TLS__SCHEDULER__KEY=key.pem
    DASK_DISTRIBUTED__COMM__TLS__WORKER__CERT=cert.pem
    DASK_DISTRIBUTED__COMM__TLS__WORKER__KEY=key.pem
    DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT=cert.pem
    DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY=key.pem

    dask scheduler --protocol tls --port 8786 --no-dashboard
    dask worker tls://SCHEDULER:8786 --protocol tls --nthreads 1 --no-dashboard
    DASK_SCHEDULER_ADDRESS=tls://SCHEDULER:8786 python -m replications train pix2pix

The same stands in Dask's own configuration files below `distributed.comm`. Workers of one machine follow neither.
"""

import json
import logging
import math
import multiprocessing
import os
import platform
import signal
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import dask.config
from dask.system import CPU_COUNT
from distributed import Client, Future, LocalCluster, as_completed, get_worker
from distributed.comm import inproc

from replications.code import code_hash
from replications.environment import BACKENDS, check_backend, kernels, settle
from replications.errors import ReplicationError
from replications.runs import digest, identity, sha256
from replications.study import Run
from replications.training.devices import least_busy

TOPIC = "replications-progress"
MODULE = "replications.training.process"
CHECKPOINTS = "REPLICATIONS_CHECKPOINTS"
"""Environment variable of a worker: a folder for the state of runs that take long; unset: they start anew."""


UNTIMED = {
    "distributed.scheduler.worker-ttl": None,
    "distributed.scheduler.idle-timeout": None,
    "distributed.scheduler.no-workers-timeout": None,
    "distributed.worker.lifetime.duration": None,
    "distributed.comm.timeouts.connect": "365 days",
}
"""Dask's time-outs on one machine: none. Its workers are threads of the command, silent only while the machine sleeps
or a person has stopped the command; a scheduler that then takes them for dead has nobody to start them again."""

PAUSE = 5
"""Seconds between two looks at whether anybody is left to train."""
PATIENCE = {"here": 2, "elsewhere": 120}
"""How many such looks find no worker before the command gives up: one of a cluster may come again, ten minutes long."""


class WorkerError(ReplicationError):
    """A cluster that cannot be used, or a run whose process died again and again."""


class TimeUpError(ReplicationError):
    """Runs that were still training when the time that was given to them was up."""


@dataclass(frozen=True)
class Outcome:
    """What became of a run: `images`, `facts` and `weights`, or the reason why it `diverged` or `failed`."""

    run: Run
    seconds: float
    images: bytes = b""
    facts: dict | None = None
    weights: bytes = b""
    diverged: str = ""
    failed: str = ""


@contextmanager
def cluster(n_workers: int | None = None) -> Iterator[Client]:
    """A Dask client: of the scheduler that Dask's configuration names, else of a local cluster, one worker per core."""
    address = dask.config.get("scheduler-address", None)
    if address:
        try:
            client = Client(address, timeout=10)
        except (OSError, ValueError, TypeError, RuntimeError) as error:  # the last two: TLS on one side alone
            why = " ".join(str(error).split())
            raise WorkerError(
                f"DASK_SCHEDULER_ADDRESS={address}: no scheduler answers there ({why}); start one, "
                "or unset it to train on this machine alone"
            ) from None
        with client:
            yield client
        return
    check_backend()
    settings = {
        "distributed.worker.profile.enabled": False,  # samples every worker's threads all the time
        "distributed.scheduler.http.routes": [],  # nobody reads these pages
        "distributed.worker.http.routes": [],
        **UNTIMED,
    }
    # Else Dask asks for the way to a host of the Internet, to name workers after this machine, and warns where none is.
    inproc.global_manager._ip = "127.0.0.1"
    own = dask.config.merge(*dask.config.defaults)  # not the user's variables and files: they are for other clusters
    with dask.config.set(own), dask.config.set(settings), ExitStack() as stack:
        try:
            local = LocalCluster(
                n_workers=n_workers or CPU_COUNT,
                threads_per_worker=1,
                processes=False,  # they only supervise: as threads they share one fork server
                protocol="inproc://",  # and take no orders, whatever Dask's configuration says of other clusters
                dashboard_address="127.0.0.1:0",  # None would take port 8787, and warn where it is taken
                worker_dashboard_address="127.0.0.1:0",  # None would listen to the network
                memory_limit=None,  # a worker holds messages; its children train
                silence_logs=logging.CRITICAL,
            )
            stack.enter_context(local)
            stack.callback(kill_trainings)  # whose end the cluster would wait for
            client = stack.enter_context(Client(local))
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            why = " ".join(str(error).split())
            raise WorkerError(
                f"no workers can be started on this machine ({why}); look at its free memory and disk"
            ) from None
        yield client


def kill_trainings() -> None:
    """The runs under way in children of this process: where the command stops early, nobody waits for them."""
    for child in multiprocessing.active_children():
        child.kill()


def run_all(
    client: Client,
    runs: list[Run],
    data: dict[str, bytes],
    progress: Callable[[str, int, int], None],
    at_once: Callable[[], int] | None = None,
    gpus: Sequence[str] = (),
    until: float = math.inf,
) -> Iterator[Outcome]:
    """Trains the runs, in the given order of priority, and yields each outcome the moment it is there.

    Args:
        client: from `cluster`.
        runs: what to train.
        data: the content of an npz file for each dataset that the runs name.
        progress: told (run's name, images seen, images in all) while runs go on.
        at_once: how many runs may train at a time, asked again and again; None: as many as there are workers.
        gpus: numbers of this machine's GPUs, of which each run gets the one with the fewest runs; none: the backend
            takes what it finds.
        until: `time.monotonic()` at which the runs that still train are given up.

    Raises:
        WorkerError: nobody is left to train.
        TimeUpError: `until` is reached.
    """
    client.subscribe_topic(TOPIC, lambda event: progress(*event[1]))
    # Not scattered: a scattered copy is lost with its worker, a task's result is made again.
    codes = {name: code_hash(name) for name in {run.replication for run in runs}}
    digests = {name: sha256(content) for name, content in data.items()}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sending large graph")
        held = {
            name: client.submit(bytes, content, key=f"data-{name}-{digests[name]}", pure=False)
            for name, content in data.items()
        }
    if client.cluster and _workers(client):  # else Dask gives the workers without the data the last runs first
        client.replicate(list(held.values()))

    def key(run: Run) -> str:
        """A shared scheduler takes equal keys for the same task, whoever asks; a run's checkpoint has the same name."""
        decides = identity(run, codes[run.replication], digests[run.params.dataset])
        return f"run-{run.name}-{sha256(json.dumps(decides, sort_keys=True).encode())}"

    waiting, on = deque(enumerate(runs)), {}
    futures: dict[Future, Run] = {}
    done = as_completed()

    def start() -> None:
        """As many of those that wait as may train now."""
        while waiting and (at_once is None or len(futures) < at_once()):
            order, run = waiting.popleft()
            on[run] = least_busy(gpus, [on[other] for other in futures.values()])
            future = client.submit(
                supervise,
                run.name,
                run.replication,
                run.params.declared(),
                run.seed,
                held[run.params.dataset],
                key(run).replace("/", "-"),
                on[run],
                key=key(run),
                priority=-order,
                retries=2,
                pure=False,
            )
            futures[future] = run
            done.add(future)

    start()
    while futures:
        future = _next(client, done, start, until)
        run = futures.pop(future)
        if future.status == "error":  # its process died again and again: the other runs go on
            yield Outcome(run, seconds=0.0, failed=" ".join(str(future.exception()).split()))
        elif future.status != "finished":  # it takes the scheduler to end a task without a result
            raise WorkerError(
                f"{_where(client)} has left, {run.name} and the runs after it are not trained; start a scheduler and "
                "run the same command again, finished runs are kept"
            )
        else:
            yield Outcome(run, **future.result())
        start()
        future.release()


def _next(client: Client, done: as_completed, begin: Callable[[], None], until: float) -> Future:
    """The next task that is done, as long as there is somebody to do it; meanwhile starts what may start.

    Raises:
        WorkerError: there is no worker, and none comes. Looks are counted and not time, which passes in a machine's
            sleep as well.
        TimeUpError: none is done before `until`.
    """
    patience = PATIENCE["here" if client.cluster else "elsewhere"]
    looks, end = 0, time.monotonic() + PAUSE
    while not done.has_ready():
        time.sleep(0.05)
        begin()
        if time.monotonic() >= until:
            raise TimeUpError("the time is up")
        if time.monotonic() < end:
            continue
        looks, end = 0 if _workers(client) else looks + 1, time.monotonic() + PAUSE
        if looks >= patience:
            start = "run the same command again" if client.cluster else "start one (`dask worker`) and run again"
            raise WorkerError(
                f"{_where(client)} has no worker left, expected one within {looks * PAUSE} s; {start}, "
                "finished runs are kept"
            )
    return next(done)


def _workers(client: Client) -> int:
    """How many workers there are; none where nobody answers."""
    try:
        return len(client.scheduler_info()["workers"])
    except (OSError, RuntimeError):
        return 0


def _where(client: Client) -> str:
    if client.cluster or client.scheduler is None:
        return "the cluster on this machine"
    return f"the scheduler {client.scheduler.address}"


def supervise(
    name: str, replication: str, params: dict, seed: int, data: bytes, checkpoint: str, gpu: str = ""
) -> dict:
    """On a worker: trains one run in a child process and passes its messages on. Returns an Outcome's fields.

    `checkpoint`: begins the name of the file, in the folder that the worker's CHECKPOINTS names if it does, where a run
    that was cut off goes on, on a machine of the same kind; beside it lies what JAX compiled. `gpu`: the number of the
    one that it trains on; empty: the backend's choice.
    """
    settle()  # before the fork server imports NumPy and Keras
    # Ctrl-C reaches all processes, and the command alone is to answer it: the fork server inherits this thread's mask.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    # Dask's nannies make workers daemons, and daemons may have no children: here they train in one.
    multiprocessing.current_process()._config["daemon"] = False  # pyright: ignore[reportAttributeAccessIssue]
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(preload())
    receiver, sender = context.Pipe(duplex=False)
    started = time.monotonic()
    folder = os.environ.get(CHECKPOINTS)
    file = str(Path(folder, f"{checkpoint}-{machine()}.npz")) if folder else ""
    compiled = str(Path(folder, f"compiled-{replication}-{machine()}")) if folder else ""
    arguments = (gpu, compiled, replication, params, seed, data, file, sender)
    child = context.Process(target=_train_one, args=arguments, daemon=True)
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
                named = dict(zip(("images", "facts", "weights"), content, strict=True))
                return {"seconds": time.monotonic() - started, **named}
    except EOFError:
        child.join()
        status = child.exitcode or 0
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        raise WorkerError(
            f"the training process died ({how}{', often for lack of memory' * (how == 'SIGKILL')}); its messages stand "
            "above, or in the worker's log"
        ) from None
    finally:
        child.join(timeout=10)
        child.kill()


def preload() -> list[str]:
    """What a fork server imports once for all runs: Keras, too, except under PyTorch.

    PyTorch looks for a GPU when Keras is imported, and CUDA that was begun before a fork cannot be used after it.
    """
    return [__name__] if backend() == "torch" else [MODULE, __name__]


def machine() -> str:
    """A short name for what else decides bytes here: begun on one kind of machine, a run is not to end on another."""
    packages = {name: version(name) for name in ("keras", "numpy", backend())}
    gpus = [path.read_text().splitlines()[0] for path in Path("/proc/driver/nvidia/gpus").glob("*/information")]
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    cpu = next((line for line in lines if line.startswith("model name")), platform.processor())
    return digest({"kernels": kernels(backend()), "packages": packages, "cpu": cpu, "gpus": sorted(gpus)})[:12]


def backend() -> str:
    """The one that the environment names, before Keras is imported."""
    return os.environ.get("KERAS_BACKEND") or BACKENDS[0]


def _train_one(gpu: str, compiled: str, *args) -> None:
    """Imports the training module in the child alone, so that a worker stays small."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; this one ends with its worker
    if gpu:  # read when a backend looks for its devices, which none of them has done before a fork
        os.environ |= {"CUDA_VISIBLE_DEVICES": gpu, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}  # the driver's tool counts so
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # else the first of several runs takes all of the memory
    from replications.training.process import train_one

    if compiled and backend() == "jax":
        from replications.training.compiled import share

        share(compiled)
    train_one(*args)

"""Runs over Dask, with a supervisor that trains nothing: what becomes of a run whose process dies."""

import time
import warnings

import dask
import dask.config
import numpy as np
import pytest
from distributed import Client, LocalCluster

from replications.training import workers

DIED = workers.WorkerError("the training process died")


def supervise(
    name: str, replication: str, params: dict, seed: int, data: bytes, checkpoint: str, gpu: str = ""
) -> dict:
    """Stands for `workers.supervise`."""
    if "l1/2" in name:
        raise DIED
    return {"seconds": 0.1, "images": data[:3], "facts": {"facts": {}, "gpu": gpu}}


@pytest.fixture(autouse=True)
def scratch(tmp_path):
    """A scratch folder of its own: no test clears away what killed trainings left in this machine's."""
    with dask.config.set({"temporary-directory": str(tmp_path)}):
        yield


@pytest.fixture
def client():
    nowhere = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}  # as in `cluster`
    with Client(processes=False, n_workers=1, threads_per_worker=1, **nowhere) as client:
        yield client


def test_a_run_whose_process_dies_again_and_again_is_named_and_the_others_go_on(tiny_study, client, monkeypatch):
    monkeypatch.setattr(workers, "supervise", supervise)
    declared = tiny_study.runs("pix2pix")
    data = {"facade_world-tiny": b"data"}
    outcomes = {outcome.run.name: outcome for outcome in workers.run_all(client, declared, data, lambda *_: None)}
    assert set(outcomes) == {run.name for run in declared}
    failed = outcomes.pop("pix2pix/l1/2")
    assert failed.facts is None
    assert failed.failed == str(DIED)
    assert all(outcome.images == b"dat" and not outcome.failed for outcome in outcomes.values())


def test_where_no_worker_is_left_the_command_ends_and_says_so(tiny_study, client, monkeypatch):
    monkeypatch.setattr(workers, "supervise", supervise)
    monkeypatch.setattr(workers, "PAUSE", 0.2)
    client.retire_workers()
    outcomes = workers.run_all(client, tiny_study.runs("pix2pix"), {"facade_world-tiny": b"data"}, lambda *_: None)
    with pytest.raises(workers.WorkerError, match=r"this machine has no worker left, expected one .* run the same"):
        next(outcomes)


def test_where_the_scheduler_has_left_the_command_ends_and_says_so(tiny_study, monkeypatch):
    monkeypatch.setattr(workers, "supervise", supervise)
    nowhere = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        LocalCluster(processes=False, n_workers=0, **nowhere) as cluster,
        Client(cluster.scheduler_address) as client,
    ):
        outcomes = workers.run_all(client, tiny_study.runs("pix2pix"), {"facade_world-tiny": b"data"}, lambda *_: None)
        client.loop.call_later(1, lambda: client.loop.add_callback(cluster.scheduler.close))
        with pytest.raises(workers.WorkerError, match=rf"{cluster.scheduler_address} has left, .* are kept"):
            next(outcomes)


TRAINING: set[str] = set()
"""Runs under way in the workers, which are threads of this process."""


def slow(name: str, *arguments) -> dict:
    """Stands for `workers.supervise`, too; its facts say how many trained at once when it began."""
    TRAINING.add(name)
    n = len(TRAINING)
    time.sleep(0.3)
    TRAINING.discard(name)
    outcome = supervise(name.replace("l1/2", "l1/1"), *arguments)
    return {**outcome, "facts": {**outcome["facts"], "at_once": n}}


@pytest.mark.parametrize("at_once", [1, 2])
def test_no_more_runs_train_at_once_than_may_and_each_on_the_gpu_with_the_fewest(tiny_study, monkeypatch, at_once):
    monkeypatch.setattr(workers, "supervise", slow)
    declared, data = tiny_study.runs("pix2pix"), {"facade_world-tiny": b"data"}
    nowhere = {"dashboard_address": "127.0.0.1:0", "worker_dashboard_address": "127.0.0.1:0"}
    with Client(processes=False, n_workers=4, threads_per_worker=1, **nowhere) as client:
        found = list(workers.run_all(client, declared, data, lambda *_: None, lambda: at_once, ("0", "3")))
    facts = [outcome.facts for outcome in found]
    assert len(facts) == 4
    assert max(one["at_once"] for one in facts) == at_once
    assert {one["gpu"] for one in facts} == ({"0", "3"} if at_once == 2 else {"0"})


def test_what_still_trains_when_the_time_is_up_is_given_up(tiny_study, client, monkeypatch):
    """One worker, 0.3 s for each of four runs."""
    monkeypatch.setattr(workers, "supervise", slow)
    declared, data = tiny_study.runs("pix2pix"), {"facade_world-tiny": b"data"}
    outcomes = workers.run_all(client, declared, data, lambda *_: None, until=time.monotonic() + 0.8)
    with pytest.raises(workers.TimeUpError):
        pytest.fail(f"all {len(list(outcomes))} came")
    assert next(workers.run_all(client, declared[:1], data, lambda *_: None)).facts, "the workers are still there"


def test_a_large_data_set_is_handed_over_without_a_word(tiny_study, client, monkeypatch):
    """Dask advises against large graphs; a scattered copy would be lost with its worker."""
    monkeypatch.setattr(workers, "supervise", supervise)
    data = {"facade_world-tiny": np.random.default_rng(0).bytes(30_000_000)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outcomes = list(workers.run_all(client, tiny_study.runs("pix2pix")[:1], data, lambda *_: None))
    assert outcomes[0].images == data["facade_world-tiny"][:3]


DASK = {
    "temporary-directory": "/nowhere",
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.preload": ["no_such_module"],
    "distributed.worker.preload": ["no_such_module"],
    "distributed.worker.memory.terminate": 0.01,
    "distributed.worker.lifetime.duration": "1 second",
    "distributed.comm.compression": "pony",
}
"""What a user's variables (DASK_...) and files (~/.config/dask) may say for clusters of their own."""


def test_workers_of_this_machine_follow_no_settings_of_the_users(monkeypatch):
    defaults = dask.config.merge(*dask.config.defaults)
    with dask.config.set(DASK):
        monkeypatch.delitem(dask.config.config, "scheduler-address", raising=False)
        with workers.cluster(n_workers=1) as client:
            for key in DASK:
                assert dask.config.get(key) == dask.config.get(key, config=defaults), key
            assert client.submit(sum, [1, 2]).result(timeout=60) == 3
        assert all(dask.config.get(key) == value for key, value in DASK.items()), "they hold elsewhere"


@pytest.mark.parametrize(("backend", "imported"), [("tensorflow", True), ("jax", True), ("torch", False)])
def test_a_fork_server_imports_keras_unless_that_would_begin_cuda(backend, imported, monkeypatch):
    """Seen on an H200: under PyTorch every run's process died of "CUDA error: initialization error"."""
    monkeypatch.setenv("KERAS_BACKEND", backend)
    assert (workers.MODULE in workers.preload()) is imported

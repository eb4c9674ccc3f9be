"""Training a tiny study through its real command: the same bytes whatever happens meanwhile.

Every command here starts a cluster and imports Keras, so one training serves several questions.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from replications import study
from replications.command import repro
from replications.environment import ONE_THREAD
from replications.training import train as train_command
from tests import tiny

WILD = {"learning_rate": 1e30}


def train(folder: Path, *arguments: object, room: str = "pix2pix", **environment: str) -> subprocess.CompletedProcess:
    """The command, to its end."""
    return tiny.command("train", room, "--study", folder, *arguments, cwd=folder, **environment)


@contextmanager
def training(folder: Path, *arguments: str, room: str = "pix2pix", **environment: str):
    """The command as a process in a group of its own, as a terminal would start it.

    No session of its own: in one, whose other processes nobody could continue, Ctrl-Z is ignored.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "replications", "train", room, "--study", str(folder), *arguments],
        cwd=folder,
        env=tiny.environment(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
        # What a shell runs in the background, these tests perhaps, ignores Ctrl-C, and so do all its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def wait_for_a_finished_run(process: subprocess.Popen) -> str:
    """Reads until a run is done; what was said until then."""
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith("[1/"):
            return said
    pytest.fail(f"no run was finished\n{said}{process.stderr.read()}")


def assert_gone(processes: list[psutil.Process]) -> None:
    """No training goes on unseen."""
    _, alive = psutil.wait_procs(processes, timeout=120)
    alive = [one for one in alive if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert not alive, f"still running: {alive}"


def written(folder: Path) -> dict[str, int]:
    """Run → when it was written."""
    return {
        str(path.parent.relative_to(folder / "runs")): path.stat().st_mtime_ns
        for path in sorted((folder / "runs").glob("*/*/[!.]*/facts.json"))
    }


@pytest.fixture(scope="module")
def once(trained) -> Path:
    """The study trained by one worker, undisturbed: what all others are compared with. Do not change it."""
    assert len(written(trained("pix2pix"))) == 4
    return trained("pix2pix")


def test_a_finished_study_trains_nothing(once):
    before = written(once)
    done = train(once)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "pix2pix: all 4 runs are finished, nothing to train\n"
    assert written(once) == before


def test_runs_hold_their_provenance_and_nothing_of_the_machine(once):
    declared = study.load(once)
    for path in (once / "runs").rglob("facts.json"):
        text = path.read_text(encoding="utf-8")
        for key in ("backend", "cpu", "code_sha256", "data_sha256", "params", "packages", "threads", "losses"):
            assert f'"{key}"' in text
        for private in (str(once), str(tiny.ROOT), os.uname().nodename, "seconds", "date"):
            assert private not in text
    assert {run.name for run in declared.runs("pix2pix")} == set(written(once))


def test_runs_tell_the_kernels_that_made_their_bytes(once):
    facts = json.loads(next((once / "runs").rglob("facts.json")).read_text(encoding="utf-8"))
    kernels = facts["environment"]["kernels"]
    assert kernels["onednn"] == ONE_THREAD["ONEDNN_MAX_CPU_ISA"].lower()
    assert kernels["instructions"]


def test_what_older_runs_left_to_go_on_from_is_deleted(tmp_path):
    begun = ("run-pix2pix-l1-1-0.npz", ".run-pix2pix-l1-1-0.npz.7", "run-pix2pix_2-l1-1-0.npz", "run-vq_vae-k2-1-0.npz")
    for name in begun:
        (tmp_path / name).touch()
    for folder in ("compiled-pix2pix-0", "compiled-vq_vae-0"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "jit_train_step-0").touch()
    train_command.forget(tmp_path, "pix2pix")
    left = ["compiled-vq_vae-0", "run-pix2pix_2-l1-1-0.npz", "run-vq_vae-k2-1-0.npz"]
    assert sorted(path.name for path in tmp_path.iterdir()) == left
    train_command.forget(tmp_path / "not there", "pix2pix")


def test_seeds_and_variants_differ(once):
    digests = [digest for name, digest in tiny.hashes(once / "runs").items() if name.endswith("images.npz")]
    assert len(set(digests)) == 4


def test_an_interruption_a_kill_and_a_diverging_variant_leave_the_others_the_same_bytes(once, tmp_path):
    """One worker interrupted, one killed, then two, beside a variant that diverges."""
    folder = tiny.write_study(tmp_path / "tiny")
    with training(folder, "--workers", "1") as process:
        wait_for_a_finished_run(process)
        tree = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C does
        said, errors = process.communicate(timeout=300)
    assert process.returncode == 130, errors
    assert errors == "interrupted: what was finished is kept, run the same command again to go on\n"
    assert "finished and kept" in said
    assert_gone(tree)
    kept = written(folder)
    assert 1 <= len(kept) < 3, "this test needs two runs to be missing"

    with training(folder, "--workers", "1") as process:
        assert f"{4 - len(kept)} runs to train, {len(kept)} finished before" in wait_for_a_finished_run(process)
        tree = psutil.Process(process.pid).children(recursive=True)
        for one in [psutil.Process(process.pid), *tree]:
            one.kill()
        assert_gone(tree)
    now = written(folder)
    assert kept.items() < now.items()
    assert len(now) < 4, "this test needs a run to be missing"

    variants = {"wild": WILD, **tiny.PIX2PIX["variants"]}
    tiny.write_params(folder, tiny.params(pix2pix={**tiny.PIX2PIX, "variants": variants}))
    done = train(folder, "--workers", "2")
    tiny.assert_one_line_error(
        done,
        "2 of 6 runs failed, the others are kept",
        "wild seed 1 diverged at epoch 1",
        "wild seed 2 diverged at epoch 1",
        "params.yaml and run again",
    )
    assert f"{6 - len(now)} runs to train, {len(now)} finished before, on 2 workers" in done.stdout
    assert now.items() < written(folder).items()
    assert tiny.hashes(folder / "runs") == tiny.hashes(once / "runs")


def sleep_through(process: subprocess.Popen, stop: signal.Signals, seconds: float) -> None:
    """All processes of the command stopped and, after a while, continued."""
    tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    os.killpg(process.pid, stop)
    time.sleep(seconds)
    assert {one.status() for one in tree if one.is_running()} <= {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE}
    os.killpg(process.pid, signal.SIGCONT)


def test_missing_and_added_runs_alone_are_trained_by_a_machine_that_slept_to_the_same_bytes(once, tmp_path):
    """By a closed lid and by Ctrl-Z. Dask takes a worker for dead that is silent for so long, though never for one of
    less than five seconds.
    """
    folder = tmp_path / "tiny"
    shutil.copytree(once, folder)
    kept = written(folder)
    shutil.rmtree(folder / "runs" / "pix2pix" / "l1" / "2")
    del kept["pix2pix/l1/2"]
    tiny.write_params(folder, tiny.params(seeds=[1, 2, 3]))
    with training(folder, "--workers", "1", DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL="1s") as process:
        said = wait_for_a_finished_run(process)
        assert "pix2pix: 3 runs to train, 3 finished before" in said
        for stop in (signal.SIGSTOP, signal.SIGTSTP):
            sleep_through(process, stop, 8)
            time.sleep(0.5)
            assert process.poll() is None, "this test needs the command to be at work when it is stopped"
        said, errors = process.communicate(timeout=90)
    assert process.returncode == 0, errors
    assert "[3/3]" in said
    now = written(folder)
    assert len(now) == 6
    assert kept.items() <= now.items(), "finished runs were left alone"
    assert tiny.hashes(once / "runs").items() <= tiny.hashes(folder / "runs").items()


@pytest.mark.slow
def test_a_lid_closed_for_longer_than_dask_waits_for_a_worker(tmp_path):
    """With Dask's own time-outs: a worker is dead after five minutes."""
    long = {**tiny.PIX2PIX, "epochs": 300, "variants": {"l1": tiny.PIX2PIX["variants"]["l1"]}}
    folder = tiny.write_study(tmp_path / "tiny", pix2pix=long)
    with training(folder, "--workers", "2") as process:
        time.sleep(20)
        sleep_through(process, signal.SIGSTOP, 400)
        said, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    assert "[2/2]" in said
    assert len(written(folder)) == 2


@pytest.mark.slow
def test_ctrl_c_ends_a_long_run_at_once_and_it_goes_on_to_the_same_bytes(tmp_path):
    long = {**tiny.PIX2PIX, "epochs": 300, "variants": {"l1": tiny.PIX2PIX["variants"]["l1"]}}
    whole, cut = (tiny.write_study(tmp_path / name / "tiny", pix2pix=long, seeds=[1]) for name in ("whole", "cut"))
    assert train(whole).returncode == 0
    with training(cut, REPLICATIONS_CHECKPOINT_EVERY="0") as process:
        end = time.monotonic() + 120
        while not (left := list((cut / ".checkpoints").glob("run-pix2pix-l1-1-*.npz"))):
            assert time.monotonic() < end
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        tree = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, signal.SIGINT)
        began = time.monotonic()
        _, errors = process.communicate(timeout=300)
        assert time.monotonic() - began < 15, "nobody waits for the run"
    assert process.returncode == 130, errors
    assert_gone(tree)
    assert left[0].exists()
    assert not written(cut), "this test needs the run to be cut off"
    assert train(cut).returncode == 0
    assert tiny.hashes(cut / "runs") == tiny.hashes(whole / "runs")
    assert not list((cut / ".checkpoints").iterdir())


@pytest.mark.slow  # as among the faults
@pytest.mark.parametrize("victim", ["the training process", "the fork server"])
def test_what_is_killed_beside_the_command_changes_nothing(once, tmp_path, victim):
    folder = tiny.write_study(tmp_path / "tiny")
    with training(folder, "--workers", "2") as process:
        wait_for_a_finished_run(process)
        (server,) = [one for one in psutil.Process(process.pid).children() if "forkserver" in " ".join(one.cmdline())]
        trains = server.children()
        assert trains, "a run trains in a process of its own"
        (server if victim == "the fork server" else trains[0]).kill()
        said, errors = process.communicate(timeout=600)
        assert_gone(trains)
    assert process.returncode == 0, errors
    assert "[4/4]" in said
    assert tiny.hashes(folder / "runs") == tiny.hashes(once / "runs")


@pytest.mark.slow  # as the other clusters
def test_workers_of_a_scheduler_started_by_hand_make_the_same_bytes(once, tmp_path):
    folder = tiny.write_study(tmp_path / "tiny")
    with dask_process(tmp_path / "0", "scheduler", "--port", "0", "--no-show") as scheduler:
        address = wait_for(scheduler, "Scheduler at:").split()[-1]
        one_thread = ("worker", address, "--nthreads", "1")
        with (
            dask_process(tmp_path / "1", *one_thread, "--no-nanny") as plain,
            dask_process(tmp_path / "2", *one_thread) as under_a_nanny,  # Dask's default: the worker is a daemon
        ):
            wait_for(plain, "Registered to:")
            wait_for(under_a_nanny, "Registered to:")
            done = train(folder, DASK_SCHEDULER_ADDRESS=address)
            assert plain.poll() is None
            assert under_a_nanny.poll() is None
    assert done.returncode == 0, done.stderr
    assert "on 2 workers" in done.stdout
    assert done.stderr == ""
    assert tiny.hashes(folder / "runs") == tiny.hashes(once / "runs")


@pytest.mark.slow
def test_a_worker_that_falls_silent_is_replaced_and_without_any_the_command_ends(once, tmp_path):
    folder = tiny.write_study(tmp_path / "tiny")
    with dask_process(
        tmp_path / "0", "scheduler", "--port", "0", "--no-show", DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL="1s"
    ) as scheduler:
        address = wait_for(scheduler, "Scheduler at:").split()[-1]
        one_thread = ("worker", address, "--nthreads", "1", "--no-nanny")
        with dask_process(tmp_path / "1", *one_thread) as asleep, dask_process(tmp_path / "2", *one_thread) as awake:
            wait_for(asleep, "Registered to:")
            wait_for(awake, "Registered to:")
            with training(folder, DASK_SCHEDULER_ADDRESS=address) as process:
                wait_for_a_finished_run(process)
                asleep.send_signal(signal.SIGSTOP)
                said, errors = process.communicate(timeout=300)
            asleep.kill()
            assert process.returncode == 0, errors
            assert "[4/4]" in said
        assert tiny.hashes(folder / "runs") == tiny.hashes(once / "runs")
        shutil.rmtree(folder / "runs" / "pix2pix" / "l1")
        none = "from replications.training import workers; workers.PAUSE = 0.5; workers.PATIENCE['elsewhere'] = 4"
        run = "from replications import __main__, command; command.run(__main__.main)"
        done = subprocess.run(
            [sys.executable, "-c", f"{none}; {run}", "train", "pix2pix", "--study", str(folder)],
            env=tiny.environment(DASK_SCHEDULER_ADDRESS=address),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        tiny.assert_one_line_error(done, f"the scheduler {address} has no worker left", "start one (`dask worker`)")
    assert len(written(folder)) == 2, "finished runs are kept"


@contextmanager
def dask_process(folder: Path, role: str, *arguments: str, **environment: str):
    """`dask scheduler` or `dask worker` on loopback, with its log in a file."""
    folder.mkdir()
    module = f"distributed.cli.dask_{role}"
    common = ["--host", "127.0.0.1", "--no-dashboard"]
    common += ["--local-directory", str(folder)] if role == "worker" else []
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments, *common],
            cwd=folder,
            env=tiny.environment(**environment),
            stderr=log,
        )
    process.log = folder / "log"
    try:
        yield process
    finally:
        tree = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        _, alive = psutil.wait_procs(tree, timeout=5)
        for one in alive:
            one.kill()


def wait_for(process: subprocess.Popen, words: str) -> str:
    """The line of its log that holds these words."""
    for _ in range(3000):
        for line in process.log.read_text().splitlines():
            if words in line:
                return line
        time.sleep(0.1)
    return pytest.fail(f"{words!r} never appeared in\n{process.log.read_text()}")


# --- the other rooms -----------------------------------------------------------------------------------------------

OTHERS = [room for room in tiny.ROOMS if room != "pix2pix"]
every_other_room = pytest.mark.parametrize("room", tiny.quick_or_slow(OTHERS))


@every_other_room
def test_a_rooms_runs_are_whole_and_differ(trained, room):
    folder = trained(room)
    assert {run.name for run in study.load(folder).runs(room)} == set(written(folder))
    digests = [digest for name, digest in tiny.hashes(folder / "runs").items() if name.endswith("images.npz")]
    assert len(set(digests)) == 4, "seeds and variants differ"
    for path in (folder / "runs").rglob("facts.json"):
        text = path.read_text(encoding="utf-8")
        for private in (str(folder), str(tiny.ROOT), os.uname().nodename, "seconds", "date"):
            assert private not in text


@pytest.mark.slow
@every_other_room
def test_two_workers_a_kill_and_a_failing_variant_leave_a_room_the_same_bytes(trained, tmp_path, room):
    """Two workers, all killed after the first run; then two again, beside a variant that asks for too many images."""
    folder = tiny.write_study(tmp_path / "tiny", room)
    with training(folder, "--workers", "2", room=room) as process:
        assert f"{room}: 4 runs to train, 0 finished before, on 2 workers" in wait_for_a_finished_run(process)
        tree = psutil.Process(process.pid).children(recursive=True)
        for one in [psutil.Process(process.pid), *tree]:
            one.kill()
        assert_gone(tree)
    kept = written(folder)
    assert 1 <= len(kept) < 4, "this test needs a run to be missing"

    variants = {**tiny.ROOMS[room]["variants"], "greedy": {"n_test": 999}}
    tiny.write_params(folder, tiny.params(room, **{room: {**tiny.ROOMS[room], "variants": variants}}))
    done = train(folder, "--workers", "2", room=room)
    assert f"{room}: {6 - len(kept)} runs to train, {len(kept)} finished before, on 2 workers" in done.stdout
    greedy = "failed: n_test = 999: the data set has 4 images; ask for no more"
    tiny.assert_one_line_error(
        done,
        "2 of 6 runs failed, the others are kept",
        f"greedy seed 1 {greedy}",
        f"greedy seed 2 {greedy}",
        "To go on, correct what is named and run again",
    )
    assert kept.items() < written(folder).items(), "finished runs were left alone"
    assert tiny.hashes(folder / "runs") == tiny.hashes(trained(room) / "runs")


@pytest.mark.parametrize(
    ("room", "key", "value"),
    [
        ("spatial_z_vae", "latent_size", -8),
        ("beta_vae", "beta", -1.0),
        ("vq_vae", "commitment_cost", -0.25),
        ("vae_vs_gan", "gamma", -1.0),
        ("causes", "gamma", -1.0),
    ],
)
def test_a_negative_hyper_parameter_is_one_line(tmp_path, room, key, value):
    folder = tiny.write_study(tmp_path / "tiny", room, **{room: {**tiny.ROOMS[room], key: value}})
    done = tiny.here("train", room, "--study", folder)
    tiny.assert_one_line_error(done, f"params.yaml: {room}.variants.", f"{key} = {value}: input should be greater than")
    assert not (folder / "runs").exists()


# --- bad input -----------------------------------------------------------------------------------------------------


def test_an_unknown_replication_is_named(tiny_study):
    done = tiny.here("train", "cyclegan", "--study", tiny_study.folder)
    tiny.assert_one_line_error(done, "no section for replication 'cyclegan'", "['pix2pix']")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "l3"], ["--only l3: unknown variant of pix2pix; known are l1, l1_cgan"]),
        (["--workers", "0"], ["--workers 0: expected at least 1"]),
        (["--workers", "-2"], ["--workers -2: expected at least 1"]),
    ],
)
def test_a_bad_argument_is_one_line(tiny_study, arguments, said):
    done = tiny.here("train", "pix2pix", "--study", tiny_study.folder, *arguments)
    tiny.assert_one_line_error(done, *said)


def test_no_more_workers_are_started_than_there_are_runs_to_train(tiny_study, monkeypatch):
    """3,000 would take a minute to start, and nearly all of them would have nothing to do."""
    started = []

    def cluster(n_workers: int):
        started.append(n_workers)
        raise StartedError

    monkeypatch.setattr(train_command.workers, "cluster", cluster)
    monkeypatch.setattr(train_command.workers, "CPU_COUNT", 64)
    for n_workers in (3000, 3, None):
        with pytest.raises(StartedError):
            train_command.train(tiny_study, "pix2pix", n_workers)
    assert started == [4, 3, 4]


class StartedError(Exception):
    """Stands for a cluster that a test needs no more of."""


def test_missing_arrays_are_named_with_the_command_that_makes_them(tiny_study):
    path = tiny_study.folder / "arrays" / "facade_world-tiny.npz"
    path.unlink()
    remedy = f"run {repro(tiny_study.folder, 'arrays')}"
    tiny.assert_one_line_error(
        tiny.here("train", "pix2pix", "--study", tiny_study.folder), f"{path}: no such file", remedy
    )


def test_truncated_arrays_are_named_with_the_command_that_makes_them(tiny_study):
    path = tiny_study.folder / "arrays" / "facade_world-tiny.npz"
    path.write_bytes(path.read_bytes()[:-100])
    remedy = f"run {repro(tiny_study.folder, 'arrays')}"
    tiny.assert_one_line_error(tiny.here("train", "pix2pix", "--study", tiny_study.folder), str(path), remedy)


@pytest.mark.parametrize(
    "address",
    ["tcp://127.0.0.1:9", *(pytest.param(one, marks=pytest.mark.slow) for one in ("nowhere", "pigeon://127.0.0.1:9"))],
)
def test_a_scheduler_that_does_not_answer_is_named(tiny_study, address):
    done = train(tiny_study.folder, DASK_SCHEDULER_ADDRESS=address, DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT="1s")
    tiny.assert_one_line_error(done, f"DASK_SCHEDULER_ADDRESS={address}: no scheduler answers there")


def test_before_the_first_run_the_bench_says_how_long_it_should_take(capsys):
    declared = study.load(".")
    missing = declared.runs("beta_vae")
    seconds = train_command.benched(declared, missing)
    assert 60 < seconds < 6 * 3600
    assert train_command.benched(declared, missing[: len(missing) // 2]) < seconds
    log = train_command.DurationLog(tiny.ROOT / "nowhere.csv")
    train_command.Reporter("beta_vae", len(missing), missing, log, 2, seconds)
    assert f"about {seconds / 120:.0f} min on a machine like that of validation/bench.md" in capsys.readouterr().out


def test_where_nothing_was_benched_nothing_is_promised(tmp_path, monkeypatch):
    real = study.load(tiny.ROOT / "real")
    assert train_command.benched(real, real.runs("beta_vae")) is None, "other nets"
    root = study.load(".")
    assert train_command.benched(root, []) is None
    monkeypatch.setattr(train_command, "BENCH", tmp_path / "bench.json")
    for content in ("{", "[]", '{"replications": {}}', '{"replications": {"beta_vae": {"seconds": {}}}}'):
        (tmp_path / "bench.json").write_text(content, encoding="utf-8")
        assert train_command.benched(root, root.runs("beta_vae")) is None

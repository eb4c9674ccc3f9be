"""What nobody must be able to do: run code through a file or a port, write elsewhere, or call home."""

import ast
import os
import re
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from replications.datasets import mirror
from replications.errors import DataError
from replications.reporting import report
from replications.training import workers
from tests import tiny
from tests.reporting.test_report import README, tables_of, verdicts, write
from tests.test_bad_input import NAMES, member, picture, release, tar

MODULES = sorted((tiny.ROOT / "replications").rglob("*.py"))
EVERYWHERE = sorted([*MODULES, *(tiny.ROOT / "tests").rglob("*.py")])


def relative(path: Path) -> str:
    return path.relative_to(tiny.ROOT).as_posix()


# --- nothing that is read runs -------------------------------------------------------------------------------------


def calls(source: str) -> Iterator[tuple[int, str, dict[str | None, str]]]:
    """(line, what is called with its whole name, keywords) of every call; imported names are written out."""
    tree = ast.parse(source)
    whole = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            whole |= {alias.asname or alias.name.split(".")[0]: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            first, *rest = ast.unparse(node.func).split(".")
            yield (
                node.lineno,
                ".".join([whole.get(first, first), *rest]),
                {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords},
            )


UNPICKLES = (
    *(
        "pickle.load",
        "pickle.Unpickler",
        "cloudpickle.",
        "dill.",
        "joblib.load",
        "marshal.load",
        "shelve.",
        "torch.load",
    ),
    *("pandas.read_pickle", "keras.models.load_model", "keras.saving.load_model", "numpy.fromfile", "numpy.memmap"),
)
RUNS_TEXT = ("eval", "exec", "compile", "os.system", "os.popen", "subprocess.getoutput", "runpy.", "code.")


def unsafe(source: str) -> list[str]:
    """What a module calls that could run what it reads."""
    found = []
    for line, called, keywords in calls(source):
        opened_safely = keywords.get("allow_pickle") == "False"
        if called.startswith(UNPICKLES) or keywords.get("allow_pickle", "False") != "False":
            found.append(f"{line}: {called} unpickles")
        if called == "numpy.load" and not opened_safely:
            found.append(f"{line}: {called} does not say allow_pickle=False")
        if called in RUNS_TEXT or called.startswith(tuple(name for name in RUNS_TEXT if "." in name)):
            found.append(f"{line}: {called} runs text")
        if keywords.get("shell", "False") != "False":
            found.append(f"{line}: {called} starts a shell")
        if called.startswith("yaml.") and called != "yaml.safe_load":
            found.append(f"{line}: {called} may run what it reads")
        if called in ("ruamel.yaml.YAML", "YAML") and keywords.get("typ") not in ("'safe'", "'rt'"):
            found.append(f"{line}: YAML() does not say typ='safe'")
        if ".extract" in called and called.rsplit(".", 1)[1] in ("extract", "extractall"):
            found.append(f"{line}: {called} unpacks files")
    return found


def test_nothing_that_is_read_can_run():
    found = {relative(path): unsafe(path.read_text(encoding="utf-8")) for path in MODULES}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import numpy as np\nnp.load(path)",
        "import numpy as np\nnp.load(path, allow_pickle=True)",
        "from numpy import load\nload(path)",
        "from numpy import load as read\nread(path)",
        "import numpy\nnumpy.load(path)",
        "import pickle\npickle.loads(text)",
        "from pickle import loads\nloads(text)",
        "import joblib\njoblib.load(path)",
        "import subprocess\nsubprocess.run(line, shell=True)",
        "import os\nos.system(line)",
        "eval(text)",
        "exec(text)",
        "from ruamel.yaml import YAML\nYAML(typ='unsafe').load(path)",
        "from ruamel.yaml import YAML\nYAML().load(path)",
        "import yaml\nyaml.load(text, Loader=yaml.Loader)",
        "import tarfile\ntarfile.open(path).extractall(folder)",
    ],
)
def test_that_check_sees_what_it_must(source):
    assert len(unsafe(source)) >= 1


# --- Dask ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster():
    """The local cluster of the training command, with one worker."""
    with workers.cluster(1) as client:
        yield client


def listening(tree: list[psutil.Process]) -> dict[tuple[str, int], int]:
    """(Address, port) → the process that listens there."""
    return {
        (one.laddr.ip, one.laddr.port): process.pid
        for process in tree
        for one in process.net_connections()
        if one.status == psutil.CONN_LISTEN or (one.type == socket.SOCK_DGRAM and not one.raddr)
    }


def test_a_local_cluster_takes_no_orders_from_outside_its_process(cluster):
    info = cluster.scheduler_info()
    ((named, worker),) = info["workers"].items()
    assert worker["nanny"] is None
    for what, address in {"scheduler": info["address"], "worker": named}.items():
        assert address.startswith("inproc://"), what
    assert cluster.submit(int, "7", pure=False).result() == 7


def test_all_that_dask_opens_is_a_page_on_loopback(cluster):
    me = psutil.Process()
    bound = listening([me, *me.children(recursive=True)])
    info = cluster.scheduler_info()
    (worker,) = info["workers"].values()
    pages = {info["services"].get("dashboard"), worker["services"].get("dashboard")} - {None}
    assert pages, "what is to be found"
    assert set(bound) == {("127.0.0.1", port) for port in pages}


def test_the_pages_of_dask_show_nothing(cluster):
    """Who works on the machine could read what is trained, and more with other packages."""
    info = cluster.scheduler_info()
    (worker,) = info["workers"].values()
    for port in {info["services"].get("dashboard"), worker["services"].get("dashboard")} - {None}:
        for page in ("/json/identity.json", "/info/main/workers.html", "/info/logs.html", "/metrics"):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(f"GET {page} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
                assert connection.recv(4096).startswith(b"HTTP/1.1 404"), page


def test_the_workers_text_says_how_to_guard_a_cluster():
    """The slow test of it reads the settings from here."""
    said = workers.__doc__
    for role in ("SCHEDULER", "WORKER", "CLIENT"):
        for what in ("CERT", "KEY"):
            assert f"DASK_DISTRIBUTED__COMM__TLS__{role}__{what}=" in said
    assert "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION=true" in said


# --- archives ------------------------------------------------------------------------------------------------------


def test_an_archive_can_write_nowhere(tmp_path, monkeypatch):
    """Whatever it names: no file is opened for writing, no folder made, no link, while one is read."""
    archives = {
        "good": tar(release()),
        "outside": tar({"../outside.txt": b"x", **release()}),
        "absolute": tar({f"{tmp_path}/absolute.txt": b"x", **release()}),
        "linked": tar({}, (member("facades", 0, b"2", str(tmp_path)), member("facades/train/1.jpg", 3))),
    }
    folder = tmp_path / "mirror"
    folder.mkdir()
    for name, content in archives.items():
        (folder / f"{name}.tar.gz").write_bytes(content)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    events = []
    sys.addaudithook(lambda event, arguments: events.append((event, arguments)) if events is not None else None)
    for name in archives:
        try:
            found = mirror.read_members(folder / f"{name}.tar.gz", NAMES)
        except DataError:
            assert name != "good"
        else:
            assert name == "good"
            assert found == dict.fromkeys(NAMES, picture())
    seen, events = events, None
    opened = [arguments for event, arguments in seen if event == "open"]
    assert len([one for one in opened if str(one[0]).endswith(".tar.gz")]) == len(archives), (
        "the hook sees the archives"
    )
    for path, mode, flags in opened:
        assert not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT), f"{path} is opened with mode {mode}"
    assert not [event for event, _ in seen if event in ("os.mkdir", "os.symlink", "os.link", "os.rename", "os.remove")]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


# --- the report ----------------------------------------------------------------------------------------------------

HOSTILE = 'a | b\n\n# c <script>alert("d")</script> & [e](javascript:f)'


KNOWN = {
    *("verdict", "if_tested", "scale", "study", "explanation", "against", "decisive", "replication", "favours", "kind"),
    "side",
}
"""Fields of a verdict that name something known, so that nothing else can stand there."""


def hostile() -> dict:
    """A verdict, as in verdicts.json, of which every other text says HOSTILE."""
    return spoilt(verdicts("root")[0])


def spoilt(value):
    if isinstance(value, dict):
        return {key: inner if key in KNOWN else spoilt(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [spoilt(inner) for inner in value]
    return HOSTILE if isinstance(value, str) else value


def assert_escaped(markdown: str) -> None:
    assert "<script" not in markdown
    assert "</script" not in markdown
    assert "&lt;script" in markdown, "it is shown"
    assert "](javascript:" not in markdown
    assert not re.search(r"^# c", markdown, re.MULTILINE), "a line of its own"
    assert " & " not in markdown


def test_the_table_escapes_every_text(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "environments", lambda *_: {HOSTILE: {"pix2pix": 4}})
    write(tmp_path, [hostile()])
    said = report.table(tmp_path)
    assert_escaped(said)
    for table in tables_of(said):
        assert len({len(row) for row in table}) == 1, "a bar in a text makes no cell"


def test_the_page_of_a_study_escapes_every_text(tmp_path, monkeypatch):
    tiny.write_params(tmp_path, tiny.params())
    tiny.write_readmes(tmp_path, README)
    write(tmp_path, [hostile()])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(report, "environments", lambda *_: {HOSTILE: {"pix2pix": 4}})
    assert report.main([]) == 0
    assert_escaped((tmp_path / "results" / "verdicts.md").read_text(encoding="utf-8"))


# --- no network ----------------------------------------------------------------------------------------------------

GUARD = '''
"""Stands for a machine without a network: only loopback can be reached, and no name is looked up."""
import socket, sys

HERE = (None, "", "127.0.0.1", "::1", "localhost", socket.gethostname())

def guard(event, arguments):
    if event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        if arguments[1][0] not in HERE:
            print(f"NETWORK {event} {arguments[1]}", file=sys.stderr)
            raise OSError(f"the network is cut off: {arguments[1]}")
    if event == "socket.getaddrinfo" and arguments[0] not in HERE:
        print(f"NETWORK {event} {arguments[0]}", file=sys.stderr)
        raise OSError(f"the network is cut off: {arguments[0]}")

sys.addaudithook(guard)
'''


def cut_off() -> list[str]:
    """The words before a command that take its network away, but for loopback; none where the kernel forbids it."""
    for words in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        shell = [*words, "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
        try:
            if subprocess.run([*shell, "true"], capture_output=True, timeout=30, check=False).returncode == 0:
                return shell
        except (OSError, subprocess.TimeoutExpired):
            pass
    return []


PIPELINE = """
import json, pathlib, socket, sys
from replications import study
from replications.judging import judge
from replications.measuring import controls, measure, readers
from replications.pix2pix import claims
from replications.reporting import report
from replications.training import train

def reaches(address):
    try:
        socket.create_connection(address, timeout=5).close()
    except OSError:
        return False
    return True

if __name__ == "__main__":
    assert not reaches(("192.0.2.1", 80)) and not reaches(("example.org", 80)), "the network is not cut off"
    variants = set(study.load(".").variants["pix2pix"])
    known = {"exact_mean", "exact_median", *variants}
    claims.CLAIMS = [c for c in claims.CLAIMS if "root" in c.studies and {v for v, _ in c.needs} <= known]
    assert claims.CLAIMS
    for command, arguments in ((train, ["pix2pix", "--workers", "1"]), (readers, []), (controls, ["pix2pix"]),
                               (measure, ["pix2pix"]),
                               (judge, []), (report, [])):
        assert command.main(arguments) == 0
"""


@pytest.mark.slow
def test_the_pipeline_needs_no_network(tmp_path):
    tiny.write_study(tmp_path, seeds=[1], pix2pix={**tiny.PIX2PIX, "n_test": 2, "n_draws_inputs": 2})
    tiny.write_readmes(tmp_path, README)
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD)
    (tmp_path / "pipeline.py").write_text(textwrap.dedent(PIPELINE))
    path = os.pathsep.join([str(tiny.ROOT), str(tmp_path / "guard")])
    done = subprocess.run(
        [*cut_off(), sys.executable, "pipeline.py"],
        cwd=tmp_path,
        env={**tiny.environment(), "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    attempts = [line for line in done.stderr.splitlines() if line.startswith("NETWORK")]
    assert done.returncode == 0, done.stdout + done.stderr
    assert not [line for line in attempts if "192.0.2.1" not in line and "example.org" not in line]
    assert len(attempts) >= 2, "the guard saw the two attempts that it must"
    assert (tmp_path / "results" / "verdicts.md").exists()

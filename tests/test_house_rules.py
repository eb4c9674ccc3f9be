"""The rules of the house that a reader of one file cannot see: who imports whom, what is loaded, what is committed."""

import ast
import contextlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from replications import code
from replications.commands import COMMANDS
from replications.reporting import pipeline
from replications.study import REPLICATIONS, STUDIES, Study, load
from replications.trust import chain

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "replications"
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = REPLICATIONS
HEAVY = {"keras", "tensorflow", "tensorflow_datasets", "torch", "jax"}
MAY_BE_HEAVY = {
    "environment.py",
    "measuring/readers.py",
    "tools/bench.py",
    "tools/bench_torch.py",
    "training/adversarial.py",
    "training/fitting.py",
    "training/initialisers.py",
    "exact.py",
    "training/arrays.py",
    "training/compiled.py",
    "training/process.py",
    "instruments/recognition.py",
    "instruments/classification.py",
}
PIPELINES = sorted(path.relative_to(ROOT) for path in [*ROOT.glob("dvc.yaml"), *ROOT.glob("*/dvc.yaml")])
OF_STUDIES = [pipeline for pipeline in PIPELINES if (ROOT / pipeline.parent / "params.yaml").exists()]


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


# --- rooms ---------------------------------------------------------------------------------------------------------

FILES = {"README.md", "__init__.py", "claims.py", "measures.py", "networks.py", "params.py", "train.py"}
HEADINGS = ["What the paper reports", "What we keep", "What we change", "What we got", "What to make of it"]
CHANGED = (
    "What was changed after the audit of the first claims",
    "What was changed for the enumerable street",
    "What was changed for the second runs of root",
    "What was changed for seeds 11 to 15 of root",
    "What was changed for seeds 6 to 10 of root",
    "What was changed for real images",
)
"""A heading more, in the rooms that were there at the time."""
ARGUMENTS = {
    "train.py": {"train": ["params", "seed", "data", "progress"]},
    "measures.py": {
        "measure": ["images", "facts", "params", "readers"],
        "fixed_controls": ["data", "variants"],
        "sheet": ["images"],
    },
}
"""File → function → the arguments that it is called with, in every room."""
VALUES = {
    "measures.py": {"METRICS", "CURVES", "COMPARED", "TIMED", "PASSES"},
    "claims.py": {"CLAIMS", "TABLES", "VARIED"},
    "params.py": {"Params"},
}


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def defined(module: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    """(name, statement) of what a module defines at its top level."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (
                (name.id, node) for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)
            )


def test_every_room_is_known_by_its_name():
    """A folder with networks is a room, and every room is found by its name alone: there is no registry."""
    assert sorted(path.parent.name for path in PACKAGE.glob("*/networks.py")) == sorted(REPLICATIONS)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_the_files_of_every_room(room):
    assert {path.name for path in (PACKAGE / room).iterdir() if path.is_file()} == FILES
    assert (ast.get_docstring(parsed(PACKAGE / room / "__init__.py")) or "").startswith(f"{room}: ")
    there = {path.name for path in (ROOT / "tests" / room).glob("*.py")}
    assert {"test_networks.py", "test_train.py", "test_measures.py"} <= there, f"tests/{room} mirrors the room"


@pytest.mark.parametrize("room", ROOMS)
def test_a_rooms_readme_answers_the_same_questions(room):
    text = (PACKAGE / room / "README.md").read_text(encoding="utf-8")
    assert text.splitlines()[0] == f"# {room}"
    assert [heading for heading in re.findall(r"^## (.*)$", text, re.MULTILINE) if heading not in CHANGED] == HEADINGS


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("file", sorted({*ARGUMENTS, *VALUES}))
def test_a_rooms_file_defines_what_its_callers_ask_for(room, file):
    module = dict(defined(parsed(PACKAGE / room / file)))
    assert VALUES.get(file, set()) <= set(module)
    for function, arguments in ARGUMENTS.get(file, {}).items():
        assert [argument.arg for argument in module[function].args.args] == arguments, f"{room}/{file}: {function}"


# --- imports -------------------------------------------------------------------------------------------------------


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of every import in a file, nested ones included."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # relative to the file's package
                package = ("replications", *path.relative_to(PACKAGE).parts[: -node.level])
                base = ".".join([*package, *([base] if base else [])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def test_rooms_never_import_each_other():
    for path in MODULES:
        room = path.relative_to(PACKAGE).parts[0]
        if room in ROOMS:
            for line, module in imports(path):
                other = [*module.split("."), ""][1] if module.startswith("replications.") else ""
                assert other not in ROOMS or other == room, f"{relative(path)}:{line} imports {module} of another room"


def test_nothing_but_rooms_imports_a_room():
    """What is written once must not know who uses it."""
    for path in MODULES:
        if path.relative_to(PACKAGE).parts[0] not in ROOMS:
            for line, module in imports(path):
                assert [*module.split("."), ""][1] not in ROOMS, f"{relative(path)}:{line} imports {module}"


ORDER = ("training", "measuring", "judging", "reporting", "trust", "tools")
"""The packages in the order in which results pass through them. Each knows those before it, and none after it."""
EXCEPTIONS = {("training/train.py", "judging")}
"""Before it trains, the command says what the seeds can decide about the claims."""
LEAVES = ("datasets", "instruments")
"""Know no package but each other."""


def test_packages_import_what_comes_before_them_alone():
    for path in MODULES:
        first = path.relative_to(PACKAGE).parts[0]
        for line, module in imports(path):
            _, other, *_ = [*module.split("."), ""]
            if not module.startswith("replications.") or other == first or (relative(path), other) in EXCEPTIONS:
                continue
            where = f"{relative(path)}:{line} imports {module}"
            if first in ORDER and other in ORDER:
                assert ORDER.index(other) < ORDER.index(first), f"{where}, which comes after it"
            elif first in LEAVES or first.endswith(".py"):
                assert other not in ORDER, f"{where}: it knows no package of a step"
            elif first in ROOMS:
                assert other not in ("reporting", "trust", "tools"), (
                    f"{where}, which is none of a replication's business"
                )


def test_judging_never_reaches_training():
    """Not through another module either: verdicts can be made where nothing can be trained."""
    reached = {path.relative_to(PACKAGE).parts[0] for path in code.imported("judging.judge", "reporting.report")}
    assert not reached & {"training", "measuring", "instruments", "environment.py"}


def may_be_heavy(path: Path) -> bool:
    """Rooms' networks and train, what makes data sets, and the few files that train."""
    first, *_, last = ("", *path.relative_to(PACKAGE).parts)[-2:]
    return (
        relative(path) in MAY_BE_HEAVY
        or first == "datasets"
        or (first in ROOMS and last in ("networks.py", "train.py"))
    )


def test_keras_and_tensorflow_stay_left_of_the_images():
    for path in MODULES:
        if not may_be_heavy(path):
            for line, module in imports(path):
                assert module.split(".")[0] not in HEAVY, f"{relative(path)}:{line} imports {module}"


def test_importing_loads_no_framework():
    """In a process of its own: what these import, however deeply, is neither Keras nor what runs below it."""
    modules = [f"replications.{room}.{name}" for room in REPLICATIONS for name in ("claims", "params", "measures")]
    modules += [
        f"replications.{name}"
        for name in (
            *("judging.judge", "reporting.report", "measuring.measure", "runs", "study"),
            *("training.train", "training.workers", "tools.new", "trust.trace"),
        )
    ]
    said = f"""
import importlib, sys
for name in {modules!r}:
    importlib.import_module(name)
    if loaded := {HEAVY!r} & set(sys.modules):
        sys.exit(f"importing {{name}} loads {{sorted(loaded)}}")
"""
    done = subprocess.run([sys.executable, "-c", said], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_judging_loads_no_plots_and_no_cluster():
    """So that the tests of the claims start in about a second."""
    said = "import sys, replications.judging.judge, replications.reporting.report; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", said], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {"matplotlib", "skimage", "distributed", "dvc"} & set(done.stdout.split())
    assert not loaded, f"judging loads {sorted(loaded)}"


# --- nothing unsafe ------------------------------------------------------------------------------------------------


# --- what is committed ---------------------------------------------------------------------------------------------


def tracked() -> list[Path]:
    """The text files that Git knows or would add, without the lock of the packages."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a Git checkout")
    paths = [ROOT / name for name in sorted(set(listed.stdout.decode().split("\0"))) if name]
    return [path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:8192]]


def test_no_file_names_a_path_of_somebodys_machine():
    folders = "|".join(("home", "root", "tmp", "Users", "work", "private"))
    somewhere = re.compile(rf"(?<![\w.:/}}~*-])/(?:{folders})/\w")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in tracked()
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1)
        if somewhere.search(line)
    ]
    assert not found, "\n".join(found)


def test_no_committed_file_is_large():
    """A clone stays small: below 1 MB a file, but for the bundled data, and the register, which only grows."""
    limits = {"register.jsonl": 3_000_000}
    files = [path for path in tracked() if ".dvc/bundled" not in path.as_posix()]
    assert not [path for path in files if path.stat().st_size > limits.get(path.name, 1_000_000)]


@pytest.fixture(scope="module", params=["requirements.lock", "requirements-gpu.lock"])
def requirements(request) -> dict[str, str]:
    """Package → its lines in a lock; for a GPU there are more of them."""
    text = (ROOT / request.param).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", text.strip())
    return {normal(re.split(r"[=\s;\[]", entry)[0]): entry for entry in entries}


def normal(package: str) -> str:
    """A package's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", package).lower()


def test_every_requirement_is_pinned_by_hash(requirements):
    assert len(requirements) > 50
    for name, entry in requirements.items():
        assert re.match(r"[\w.-]+(\[[\w,-]+\])?==\S+", entry), f"{name} is not pinned: {entry.splitlines()[0]}"
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), f"{name} has no hash"


def test_the_lock_names_no_host(requirements):
    for name, entry in requirements.items():
        for word in ("://", "--index", "--find-links", "--extra", "@ "):
            assert word not in entry, f"{name} names a host or a file: {entry.splitlines()[0]}"


def test_the_lock_covers_what_the_project_needs(requirements):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for wanted in (*project["dependencies"], *project["optional-dependencies"]["test"]):
        name = normal(re.split(r"[<>=!~\s;\[]", wanted)[0])
        assert name in requirements, f"{wanted} is missing"


def test_the_lock_agrees_with_the_bounds(requirements):
    packaging = pytest.importorskip("packaging.requirements")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for wanted in map(packaging.Requirement, project["dependencies"]):
        entry = requirements[normal(wanted.name)]
        version = re.search(r"==([^\s;]+)", entry).group(1)
        assert version in wanted.specifier, f"the lock has {wanted.name} {version}, pyproject.toml {wanted}"


def test_both_locks_have_the_same_versions_of_what_both_have():
    """So that an environment for a GPU differs by what computes on it."""
    pinned = [
        dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))
        for name in ("requirements.lock", "requirements-gpu.lock")
    ]
    processor, gpu = pinned
    assert {name: gpu.get(name) for name in processor} == processor
    assert {"jax", "jaxlib", "jax-cuda13-plugin"} <= set(gpu) - set(processor)


@pytest.mark.parametrize("words", [["repro"], ["test"], ["page"]])
def test_without_a_gpu_make_says_so_in_a_line_and_installs_nothing(tmp_path, words):
    shutil.copy(ROOT / "Makefile", tmp_path)
    environment = {**os.environ, "PATH": "/usr/bin:/bin"}
    if shutil.which("nvidia-smi", path=environment["PATH"]):
        pytest.skip("there is a GPU here")
    done = subprocess.run(
        ["make", *words, "GPU=1"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "GPU=1: no GPU, expected one that `nvidia-smi -L` lists" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["Makefile"]


def test_with_a_gpu_make_takes_an_environment_of_its_own(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    driver = tmp_path / "bin" / "nvidia-smi"
    driver.parent.mkdir()
    driver.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA H200 (UUID: GPU-1)'\n", encoding="utf-8")
    driver.chmod(0o755)
    (tmp_path / "requirements-gpu.lock").touch()
    environment = {**os.environ, "PATH": f"{driver.parent}:/usr/bin:/bin"}
    done = subprocess.run(
        ["make", "-n", "repro", "GPU=1"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "-r requirements-gpu.lock" in done.stdout
    assert ".venv-gpu/bin/python -m pip install" in done.stdout
    studies = [line for line in done.stdout.splitlines() if line.startswith("dvc repro")]
    assert studies == ["dvc repro --pull", "dvc repro --pull real/dvc.yaml", "dvc repro --pull paper/dvc.yaml"]


@pytest.mark.parametrize("value", ["no", "2", "1 1"])
def test_another_value_is_refused(tmp_path, value):
    shutil.copy(ROOT / "Makefile", tmp_path)
    done = subprocess.run(["make", "page", f"GPU={value}"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert f"GPU={value}: expected 1, or 0 for the processor" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [[], ["GPU="], ["GPU=0"]])
def test_unless_asked_make_takes_the_processor(tmp_path, words):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "requirements.lock").touch()
    environment = {name: value for name, value in os.environ.items() if name not in ("GPU", "MAKEFLAGS")}
    done = subprocess.run(
        ["make", "-n", "repro", *words],
        **{"cwd": tmp_path, "env": environment, "capture_output": True, "text": True, "timeout": 60, "check": True},
    )
    assert "-r requirements.lock" in done.stdout
    assert [line for line in done.stdout.splitlines() if line.startswith("dvc repro")] == ["dvc repro --pull"]


# --- the pipelines -------------------------------------------------------------------------------------------------


@cache
def stages(pipeline: Path) -> dict[str, dict]:
    """Stage → its definition, with `foreach` written out: over a list, or over a mapping with `key` and `item.…`."""
    written: dict[str, dict] = {}
    for name, stage in YAML(typ="safe").load(ROOT / pipeline)["stages"].items():
        if "foreach" not in stage:
            written[name] = stage
            continue
        for item in stage["foreach"]:
            values = {"item": item}
            if isinstance(stage["foreach"], dict):
                values = {"key": item} | {f"item.{key}": value for key, value in stage["foreach"][item].items()}
            written[f"{name}@{item}"] = filled_in(stage["do"], values)
    return written


def filled_in(value, values: dict[str, str]):
    """The same with each `${name}` replaced."""
    if isinstance(value, dict):
        return {filled_in(key, values): filled_in(inner, values) for key, inner in value.items()}
    if isinstance(value, list):
        return [filled_in(inner, values) for inner in value]
    return re.sub(r"\$\{([\w.]+)\}", lambda found: values[found[1]], value) if isinstance(value, str) else value


def test_both_kinds_of_foreach_are_written_out(tmp_path):
    (tmp_path / "dvc.yaml").write_text(
        "stages:\n"
        "  one: {cmd: a}\n"
        "  listed: {foreach: [x, y], do: {cmd: 'run ${item}', outs: ['out/${item}': {cache: false}]}}\n"
        "  mapped: {foreach: {x: {of: p}}, do: {cmd: 'run ${key} on ${item.of}', params: ['${key}']}}\n"
    )
    assert stages(tmp_path / "dvc.yaml") == {
        "one": {"cmd": "a"},
        "listed@x": {"cmd": "run x", "outs": [{"out/x": {"cache": False}}]},
        "listed@y": {"cmd": "run y", "outs": [{"out/y": {"cache": False}}]},
        "mapped@x": {"cmd": "run x on p", "params": ["x"]},
    }
    with pytest.raises(KeyError, match="typo"):
        filled_in("${typo}", {"item": "x"})


def paths_of(stage: dict, keys: tuple[str, ...], pipeline: Path) -> list[Path]:
    """Paths from the repository's root; entries are names, or names with options."""
    folder = pipeline.parent / stage.get("wdir", ".")
    names = [entry if isinstance(entry, str) else next(iter(entry)) for key in keys for entry in stage.get(key, ())]
    return [Path(*resolved(folder / name)) for name in names]


def resolved(path: Path) -> list[str]:
    parts: list[str] = []
    for part in path.parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return parts


OUTPUTS = ("outs", "metrics", "plots")
STAGES = [(pipeline, name) for pipeline in PIPELINES for name in stages(pipeline)]


@pytest.fixture(scope="module")
def outputs() -> set[Path]:
    """All that stages write, and what data.dvc tracks."""
    made = {path for p in PIPELINES for stage in stages(p).values() for path in paths_of(stage, OUTPUTS, p)}
    for pointer in [*ROOT.glob("*.dvc"), *ROOT.glob("*/*.dvc")]:
        if pointer.is_file():
            folder = pointer.parent.relative_to(ROOT)
            made |= {folder / out["path"] for out in YAML(typ="safe").load(pointer)["outs"]}
    return made


@pytest.mark.parametrize(("pipeline", "name"), STAGES, ids=lambda value: str(value))
def test_a_stage_depends_on_what_is_there_or_is_made(pipeline, name, outputs):
    for path in paths_of(stages(pipeline)[name], ("deps",), pipeline):
        there = (ROOT / path).exists() and not ignored(path)
        assert path in outputs or there, f"{pipeline}:{name} depends on {path}, which is neither committed nor made"


def ignored(path: Path) -> bool:
    """Whether Git ignores it, so that a clone would not have it."""
    return subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize(("pipeline", "name"), STAGES, ids=lambda value: str(value))
def test_a_stage_runs_a_command_that_is_there(pipeline, name):
    command = re.match(r"python -m replications ([\w-]+)", stages(pipeline)[name]["cmd"]).group(1)
    module, *_ = COMMANDS[command]
    assert PACKAGE.joinpath(*module.split(".")).with_suffix(".py").is_file(), f"{command}: no module {module}"


@pytest.mark.parametrize(("pipeline", "name"), STAGES, ids=lambda value: str(value))
def test_a_stage_reads_params_of_its_study_and_the_digest_of_its_code(pipeline, name):
    stage, read = stages(pipeline)[name], {}
    for entry in stage.get("params", ()):
        file, keys = next(iter(entry.items())) if isinstance(entry, dict) else ("params.yaml", [entry])
        read[Path(*resolved(pipeline.parent / stage.get("wdir", ".") / file))] = keys
    digests = read.pop(code.FILE, ())
    assert set(read) <= {pipeline.parent / "params.yaml"}, f"{pipeline}:{name} reads another study's numbers"
    for path, keys in read.items():
        assert set(keys) <= set(YAML(typ="safe").load(ROOT / path)), f"{pipeline}:{name} reads {keys} of {path}"
    assert digests or name == "code", f"{pipeline}:{name} does not depend on its code"
    today = digests_today()
    for key in digests:
        group, _, of = key.partition(".")
        assert today[group] if not of else today[group][of], f"{pipeline}:{name} depends on the digest {key}"


@cache
def digests_today() -> dict:
    return code.stages()


@cache
def declared(pipeline: Path) -> Study:
    return load(ROOT / pipeline.parent)


@pytest.mark.parametrize("pipeline", OF_STUDIES, ids=str)
def test_a_pipeline_trains_and_measures_the_replications_that_its_study_declares(pipeline):
    rooms = sorted(declared(pipeline).variants)
    for stage in ("train", "measure"):
        assert sorted(name.split("@")[1] for name in stages(pipeline) if name.startswith(f"{stage}@")) == rooms
    judged = paths_of(stages(pipeline)["judge"], ("deps",), pipeline)
    assert sorted(path.parts[-2] for path in judged if path.name == "scores.csv") == rooms
    shown = [next(iter(plot)) if isinstance(plot, dict) else plot for plot in plots(pipeline)]
    for room in rooms:
        assert {f"results/{room}/curves.csv", f"results/{room}/sheet.png"} <= set(shown)


def plots(pipeline: Path) -> list:
    return YAML(typ="safe").load(ROOT / pipeline)["plots"]


@pytest.mark.parametrize("pipeline", OF_STUDIES, ids=str)
def test_a_stage_depends_on_the_arrays_that_its_params_name(pipeline):
    study, all_stages = declared(pipeline), stages(pipeline)

    def arrays(stage: str) -> set[str]:
        return {path.stem for path in paths_of(all_stages[stage], ("deps",), pipeline) if path.suffix == ".npz"}

    for room, variants in study.variants.items():
        assert arrays(f"train@{room}") == {params.dataset for params in variants.values()}, f"{pipeline}:train@{room}"
    wanted = {*study.readers.classification}
    assert arrays("readers") == wanted | ({study.readers.segmentation.dataset} if study.readers.segmentation else set())


@pytest.mark.parametrize("folder", STUDIES)
def test_the_pipelines_are_what_the_template_makes_of_their_params(folder):
    path = ROOT / folder / "dvc.yaml"
    found = path.read_text(encoding="utf-8")
    with contextlib.chdir(ROOT):
        assert found == pipeline.render(load(folder)), f"{path.name}: run `python -m replications pipeline`"


def test_a_clone_that_converts_line_ends_has_the_bytes_that_are_committed(tmp_path):
    """Of Git's automatic conversion nothing is left: what is hashed is the same on every machine."""
    clone = tmp_path / "clone"
    options = ["-c", "core.autocrlf=true", "-c", "core.eol=crlf"]
    done = subprocess.run(["git", *options, "clone", "-q", *options, ROOT, clone], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("not a Git checkout")
    listed = subprocess.run(["git", "ls-files", "--eol"], cwd=clone, capture_output=True, text=True, check=True).stdout
    converted = [line for line in listed.splitlines() if "w/crlf" in line or "w/mixed" in line]
    assert not converted, converted[:5]
    with contextlib.chdir(clone):
        for folder in STUDIES:
            for file in chain.result_files(load(folder)):
                assert list(chain.file_problems(Path(folder), file)) == []

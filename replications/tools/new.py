"""Begins a replication: `python -m replications new NAME`; `python -m replications remove NAME` takes it away again.

Writes a replication that runs as it is, a tiny autoencoder with one claim, and tests that mirror it; gives it a section
in params.yaml and writes dvc.yaml again. What it writes is meant to be replaced file by file. Nothing is overwritten:
a name that is in use is refused before anything is written.
"""

import keyword
import re
from collections.abc import Callable
from pathlib import Path

import jinja2

from replications import command
from replications.errors import ReplicationError
from replications.results import write_text

TEMPLATES = Path(__file__).parent / "new_replication"
PARAMS = Path("params.yaml")
ROOM = ("README.md", "__init__.py", "claims.py", "measures.py", "networks.py", "params.py", "train.py")
TESTS = ("test_measures.py", "test_networks.py", "test_train.py")


class NewError(ReplicationError):
    """A name that cannot be a replication's, or a folder that is no checkout of the suite."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications new", description=__doc__)
    parser.add_argument("name", help="of its folder, its section of params.yaml and its Python package; vae_flow")
    arguments = parser.parse_args(argv)
    for path in begin(Path(), arguments.name):
        print(f"wrote {path}")
    command.in_its_own_process("pipeline")  # which knows the new package
    command.in_its_own_process("code")
    name = arguments.name
    steps = {
        f"dvc repro --pull measure@{name} controls@{name}": "trains and measures its ten runs, in two or three minutes",
        "dvc repro --single-item judge report page": "its verdict, beside all others",
        f"pytest tests/{arguments.name} tests/test_claims.py": "what it is checked by",
    }
    width = max(map(len, steps))
    print("next:", *(f"  {step.ljust(width)}  {what}" for step, what in steps.items()), sep="\n")
    print("then make it your paper's, file by file: CONTRIBUTING.md, Add your own paper")
    return 0


def begin(root: Path, name: str) -> list[Path]:
    """Writes the replication and its section below a checkout's root. Returns what was written.

    Raises:
        NewError: before anything is written.
    """
    check(root, name)
    render = _renderer(name)
    files = {Path("replications", name, file): render(f"{file}.jinja") for file in ROOM} | {
        Path("tests", name, file): render(f"{file}.jinja") for file in TESTS
    }
    before = (root / PARAMS).read_text(encoding="utf-8")
    files[PARAMS] = before.rstrip("\n") + "\n" + render("params.yaml.jinja")
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        write_text(root / path, text)
    return list(files)


def check(root: Path, name: str) -> None:
    """Raises NewError where `begin` could not end well."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise NewError(
            f"{name!r} cannot be a package of Python: expected lower-case letters, digits and underscores, a letter "
            "first and no word of the language; vae_flow, say"
        )
    if not (root / PARAMS).is_file():
        raise NewError(f"{PARAMS} is not here; run it in the root of a checkout of the suite")
    try:
        (root / PARAMS).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise NewError(f"{PARAMS}: damaged ({error}); expected UTF-8, `git restore {PARAMS}` brings it back") from None
    taken = [Path("replications", name), Path("replications", f"{name}.py"), Path("tests", name)]
    section = re.search(rf"^{name}:", (root / "params.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    there = [str(path) for path in taken if (root / path).exists()] + ["a section of params.yaml"] * bool(section)
    if there:
        raise NewError(f"{name!r} is in use: {there[0]} exists; choose another name")


def _renderer(name: str) -> Callable[[str], str]:
    """Template's file name → its text for this room."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return lambda file: _sorted_imports(environment.get_template(file).render(name=name))


def _sorted_imports(text: str) -> str:
    """Where the room's own module comes among its neighbours depends on its name."""
    blocks = r"(?:^from (?:replications|tests)\S* import .*\n)+"
    return re.sub(blocks, lambda found: "".join(sorted(found[0].splitlines(True))), text, flags=re.MULTILINE)

"""What code a result rests on: a digest of every module that a stage imports, however deeply, and of nothing else.

The digest follows from what the code does. An edited comment, docstring or message, a line break, a moved file or
another order of imports leaves it as it is. `code.json` holds it for every stage of the pipeline; DVC compares these
numbers and not the files, so a stage is stale where its code changed and nowhere else, and no list of files is kept by
hand.
"""

import ast
import hashlib
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from replications import command
from replications.results import write_text
from replications.study import REPLICATIONS

PACKAGE = Path(__file__).parent
FILE = Path("code.json")

TRAINS = ("training.process", "{replication}.train", "{replication}.params")
"""The modules that a training process loads. What they import decides a run's bytes, besides data and parameters."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    command.Parser(prog="python -m replications code", description=__doc__).parse_args(argv)
    write_text(FILE, as_json())
    print(f"digests of the code of every stage in {FILE}")
    return 0


def as_json() -> str:
    """The content of code.json."""
    return json.dumps(stages(), indent=1, sort_keys=True) + "\n"


def stages() -> dict[str, str | dict[str, str]]:
    """Stage → the digest of its code, for each replication or data set where the stage has one for each."""
    datasets = sorted(path.stem for path in (PACKAGE / "datasets").glob("*.py") if _is_builder(path))
    return {
        "data": {name: digest("datasets.commands", f"datasets.{name}") for name in datasets},
        "arrays": {name: digest("datasets.arrays", f"datasets.{name}") for name in datasets},
        "readers": digest("measuring.readers"),
        "train": {name: code_hash(name) for name in REPLICATIONS},
        "measure": {name: digest("measuring.measure", f"{name}.measures", f"{name}.params") for name in REPLICATIONS},
        "controls": {name: digest("measuring.controls", f"{name}.measures", f"{name}.params") for name in REPLICATIONS},
        "claims": {name: digest(f"{name}.claims", f"{name}.params") for name in REPLICATIONS},
        "judge": digest("judging.judge"),
        "report": digest("reporting.report"),
        "page": digest("reporting.page", also=("reporting/page.html.jinja",)),
        "calibration": digest("trust.calibration"),
        "ladder": digest("trust.ladder"),
    }


def _is_builder(path: Path) -> bool:
    return "tfds.core.GeneratorBasedBuilder" in path.read_text(encoding="utf-8")


def code_hash(replication: str) -> str:
    """The digest of the code that trains a replication: a run's version."""
    return digest(*_training(replication))


def trains(replication: str) -> list[Path]:
    """The files whose digest `code_hash` is."""
    return imported(*_training(replication))


def _training(replication: str) -> list[str]:
    return [name.format(replication=replication) for name in TRAINS]


def digest(*modules: str, also: Iterable[str] = ()) -> str:
    """SHA-256 of the modules and all that they import of the package, and of further files, byte for byte.

    Args:
        modules: names below the package: "training.process".
        also: files that modules read instead of importing them, relative to the package.
    """
    parts = [_hashed(_text(path)) for path in imported(*modules)]
    parts += [hashlib.sha256((PACKAGE / file).read_bytes()).hexdigest() for file in also]
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()


@cache
def _hashed(source: str) -> str:
    """SHA-256 of what decides something in Python code."""
    return hashlib.sha256(canonical(source).encode()).hexdigest()


def imported(*modules: str) -> list[Path]:
    """The files of the modules and of all that they import of the package, directly or through each other."""
    found: set[Path] = set()
    pending = list(modules)
    while pending:
        path = _file(pending.pop())
        if path is not None and path not in found:
            found.add(path)
            pending += _imports(_text(path))
    return sorted(found)


def _file(name: str) -> Path | None:
    """The file of a module below the package; None where the name is a package's, or no module's at all."""
    path = PACKAGE.joinpath(*name.split(".")).with_suffix(".py")
    return path if path.is_file() else None


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _imports(source: str) -> tuple[str, ...]:
    """The names below the package that a file may import; a name in a module is tried as a module, too."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(name.removeprefix(f"{PACKAGE.name}.") for name in found if name.startswith(f"{PACKAGE.name}."))


@cache
def canonical(source: str) -> str:
    """Python code as its syntax tree says it, the same text by every version of Python, without what decides nothing.

    Left out are docstrings and the strings that describe a value, the words of errors and of `print`, and where in the
    package a name is imported from.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            statements = getattr(node, field, None)
            if isinstance(statements, list):
                setattr(node, field, [one for one in statements if not _says_nothing(one)])
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            node.exc, node.cause = node.exc.func, None
    return _written(tree)


def _says_nothing(node: ast.stmt) -> bool:
    """Whether a statement is a text, a word on the terminal, or an import of the package's."""
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").split(".")[0] == PACKAGE.name and not any(alias.asname for alias in node.names)
    if not isinstance(node, ast.Expr):
        return False
    value = node.value
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print":
        return True
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _written(value: object) -> str:
    # `ast.unparse` quotes otherwise from one version of Python to the next, and `ast.dump` shows empty fields or not.
    if isinstance(value, ast.AST):
        there = [(name, inner) for name, inner in ast.iter_fields(value) if inner is not None and inner != []]
        return f"{type(value).__name__}({', '.join(f'{name}={_written(inner)}' for name, inner in there)})"
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    return ascii(value)

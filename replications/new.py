"""Begins a replication: `python -m replications new NAME`.

Writes a room that runs as it is, a tiny autoencoder with one claim, and tests that mirror it; declares it in
params.yaml, dvc.yaml and study.py. What it writes is meant to be replaced file by file. Nothing is overwritten: a name
that is in use is refused before anything is written.
"""

import keyword
import re
from collections.abc import Callable
from pathlib import Path

import jinja2

from replications import command
from replications.errors import ReplicationError
from replications.results import write_text

TEMPLATES = Path(__file__).parent / "new_room"
ROOM = ("README.md", "__init__.py", "claims.py", "measures.py", "networks.py", "params.py", "train.py")
TESTS = ("test_measures.py", "test_networks.py", "test_train.py")


class NewError(ReplicationError):
    """A name that cannot be a replication's, or a folder that is no checkout of the suite."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications new", description=__doc__)
    parser.add_argument("name", help="of the room: a folder, a section of params.yaml and a Python package; vae_flow")
    arguments = parser.parse_args(argv)
    for path in begin(Path(), arguments.name):
        print(f"wrote {path}")
    steps = {
        f"dvc repro --pull measure@{arguments.name}": "trains its ten runs and measures them, in two or three minutes",
        "dvc repro -s judge report page": "its verdict, beside all others",
        f"pytest tests/{arguments.name} tests/test_claims.py": "what it is checked by",
    }
    width = max(map(len, steps))
    print("next:", *(f"  {step.ljust(width)}  {what}" for step, what in steps.items()), sep="\n")
    print("then make it your paper's, file by file: CONTRIBUTING.md, Add your own paper")
    return 0


def begin(root: Path, name: str) -> list[Path]:
    """Writes the room and its declarations below a checkout's root. Returns what was written.

    Raises:
        NewError: before anything is written.
    """
    check(root, name)
    render = _renderer(name)
    files = {Path("replications", name, file): render(f"{file}.jinja") for file in ROOM} | {
        Path("tests", name, file): render(f"{file}.jinja") for file in TESTS
    }
    for file, edit in EDITS.items():
        before = (root / file).read_text(encoding="utf-8")
        files[Path(file)] = edit(before, name, render)
        if files[Path(file)] == before:
            raise NewError(f"{file} is not written as it was meant to be; declare {name} there beside the last room")
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
    missing = [file for file in EDITS if not (root / file).is_file()]
    if missing:
        raise NewError(f"{missing[0]} is not here; run it in the root of a checkout of the suite")
    for file in EDITS:
        try:
            (root / file).read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise NewError(f"{file}: damaged ({error}); expected UTF-8, `git restore {file}` brings it back") from None
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


def _declared_last(text: str, name: str, render: Callable[[str], str]) -> str:
    """params.yaml with the room's section at its end."""
    return text.rstrip("\n") + "\n" + render("params.yaml.jinja")


def _known_last(text: str, name: str, render: Callable[[str], str]) -> str:
    """study.py with the room at the end of REPLICATIONS."""
    return re.sub(r"^(REPLICATIONS = \([^)]*?),?\s*\)", rf'\1, "{name}")', text, count=1, flags=re.MULTILINE)


def _staged_last(text: str, name: str, render: Callable[[str], str]) -> str:
    """dvc.yaml with the room beside the last one: in the lists, and wherever that one is a dependency or a plot."""
    lists = re.findall(r"foreach: \[.*?(\w+)\]", text)
    if not lists:
        return text
    last = lists[-1]
    text = re.sub(r"(foreach: \[.*)\]", rf"\1, {name}]", text)
    item = rf"^( +)- \S*/{last}(?:/\S*)?\n(?:^\1 +(?!- )\S.*\n)*"  # with the lines below it that are indented further
    return re.sub(
        rf"(?:{item})+", lambda found: found[0] + re.sub(rf"\b{last}\b", name, found[0]), text, flags=re.MULTILINE
    )


EDITS = {"params.yaml": _declared_last, "dvc.yaml": _staged_last, "replications/study.py": _known_last}
"""File → the text that it gets from its text."""


if __name__ == "__main__":
    command.run(main)

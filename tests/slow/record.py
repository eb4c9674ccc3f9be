"""What the slow tests came to, with date and machine: validation/slow.json, and slow.md for people."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests import tiny
from tests.slow import machine


def write(folder: Path, stats: Mapping[str, Sequence]) -> None:
    """Adds the tests of one pytest, by what its terminal knows of them; others stay as they were last seen."""
    path = folder / "slow.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known = {name: one for name, one in known.items() if is_there(name)}
    here = {"date": machine.today(), "machine": machine.in_words()}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in stats.get(outcome, ()):
            if "slow" in report.keywords and (report.when == "call" or outcome in ("error", "skipped")):
                known[report.nodeid] = {"result": outcome, "seconds": round(report.duration), **here}
    path.write_text(json.dumps(known, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "slow.md").write_text("\n".join(table(known)) + "\n", encoding="utf-8")


def is_there(name: str) -> bool:
    """Whether there is still a test of this name: 'tests/test_x.py::test_y[case]'."""
    path, _, function = name.partition("[")[0].rpartition("::")
    file = tiny.ROOT / path
    return file.exists() and f"def {function}(" in file.read_text(encoding="utf-8")


def table(known: Mapping[str, Mapping]) -> list[str]:
    """Markdown: a line for each test with all of its cases, then the machines."""
    machines = sorted({one["machine"] for one in known.values()})
    passed = sum(one["result"] == "passed" for one in known.values())
    tests: dict[str, dict[str, Mapping]] = {}
    for name, one in sorted(known.items()):
        tests.setdefault(name.partition("[")[0], {})[name] = one
    return [
        "# The slow tests",
        "",
        f"What each came to when it was last run: {passed} of {len(known)} passed. Made by `pytest -m slow --record`; "
        "slow.json has every case.",
        "",
        "| test | cases | did not pass | seconds in all | date | machine |",
        "|---|---|---|---|---|---|",
        *(_line(name, cases, machines) for name, cases in tests.items()),
        "",
        *(f"{i}. {words}" for i, words in enumerate(machines, start=1)),
    ]


def _line(name: str, cases: Mapping[str, Mapping], machines: Sequence[str]) -> str:
    """The cases of one test; the dates and the machines of all of them."""
    others = [f"{case.removeprefix(name) or 'it'}: {one['result']}" for case, one in cases.items()]
    others = [words for words, one in zip(others, cases.values(), strict=True) if one["result"] != "passed"]
    dates = sorted({one["date"] for one in cases.values()})
    where = sorted({str(machines.index(one["machine"]) + 1) for one in cases.values()})
    seconds = sum(one["seconds"] for one in cases.values())
    words = (len(cases), ", ".join(others) or "–", seconds, " to ".join(dict.fromkeys((dates[0], dates[-1]))))
    return f"| {name} | {' | '.join(map(str, words))} | {', '.join(where)} |"

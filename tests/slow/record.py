"""What the slow tests came to, with date and machine: validation/slow.json, and slow.md for people."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.slow import machine


def write(folder: Path, stats: Mapping[str, Sequence]) -> None:
    """Adds the tests of one pytest, by what its terminal knows of them; others stay as they were last seen."""
    path = folder / "slow.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    here = {"date": machine.today(), "machine": machine.in_words()}
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in stats.get(outcome, ()):
            if "slow" in report.keywords and (report.when == "call" or outcome in ("error", "skipped")):
                known[report.nodeid] = {"result": outcome, "seconds": round(report.duration), **here}
    path.write_text(json.dumps(known, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "slow.md").write_text("\n".join(table(known)) + "\n", encoding="utf-8")


def table(known: Mapping[str, Mapping]) -> list[str]:
    """Markdown: a line for each test, then the machines."""
    machines = sorted({one["machine"] for one in known.values()})
    passed = sum(one["result"] == "passed" for one in known.values())
    return [
        "# The slow tests",
        "",
        f"What each came to when it was last run: {passed} of {len(known)} passed. Made by `pytest -m slow --record`.",
        "",
        "| test | result | seconds | date | machine |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {one['result']} | {one['seconds']} | {one['date']} | {machines.index(one['machine']) + 1} |"
            for name, one in sorted(known.items())
        ),
        "",
        *(f"{i}. {words}" for i, words in enumerate(machines, start=1)),
    ]

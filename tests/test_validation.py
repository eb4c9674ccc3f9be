"""What is committed in validation/ is what the commands wrote from the code that is here."""

import csv
import json
import re
import subprocess
from pathlib import Path

import pytest

from replications import locks, study
from replications.tools import bench
from replications.trust import chain
from tests import tiny
from tests.slow import record
from tests.test_claims import ROOT, there

FOLDER = Path("validation")


def outputs() -> list[tuple[str, str]]:
    """(file, MD5) of every output in validation/dvc.lock."""
    with there(ROOT):
        return [(out["path"], out["md5"]) for stage in locks.stages(FOLDER).values() for out in stage["outs"]]


@pytest.mark.parametrize(("file", "md5"), outputs(), ids=[file for file, _ in outputs()])
def test_a_validation_is_what_its_command_wrote(file, md5):
    assert chain.md5(ROOT / file) == md5, f"{file}: run `dvc repro validation/dvc.yaml` and commit what it writes"


def test_the_validations_are_of_the_code_that_is_here():
    with there(ROOT):
        assert list(chain.code_problems(FOLDER)) == []


# The study of the second machine: the text says what its tables hold.

SECOND = ROOT / FOLDER / "second_machine"


def text() -> str:
    return SECOND.with_suffix(".md").read_text(encoding="utf-8")


def readme() -> str:
    return (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")


def test_as_many_runs_have_the_same_bytes_as_the_text_says():
    rooms: dict[str, list[bool]] = {}
    for row in tiny.read_rows(SECOND / "runs.csv"):
        rooms.setdefault(row["replication"], []).append(row["images_sha256"] == row["committed_images_sha256"])
    said = [line for line in text().splitlines() if re.fullmatch(r"\| \w+ \| \d+ of \d+ \|", line)]
    assert said == [f"| {room} | {sum(same)} of {len(same)} |" for room, same in rooms.items()]
    n_same, n = sum(map(sum, rooms.values())), sum(map(len, rooms.values()))
    assert f" {n_same} of its {n} runs\n" in readme()


def test_a_processor_without_avx_512_gave_as_many_runs_with_the_same_bytes_as_the_text_says():
    rows = tiny.read_rows(SECOND / "without_avx512.csv")
    same = [
        row for row in rows if all(row[name] == row[f"committed_{name}"] for name in ("images_sha256", "facts_sha256"))
    ]
    assert len(same) == len(rows)
    assert f"All {len(rows)} that were trained\nmatched byte for byte, at least one of each arm " in text()
    assert {row["variant"] for row in rows} == set(study.load(ROOT).variants["pix2pix"])
    (environment,) = json.loads((SECOND / "without_avx512.json").read_text(encoding="utf-8")).values()
    assert environment["kernels"]["instructions"] == "avx2"


COMPARED_WITH = "1980b90"
"""The revision whose runs were trained again on other processors. Nets that normalise are not here any more: they were
trained again, on other seeds."""


def test_other_processors_were_compared_with_what_was_committed():
    rows = [row for name in ("without_avx512", "intel") for row in tiny.read_rows(SECOND / f"{name}.csv")]
    committed = {}
    for room in {row["replication"] for row in rows}:
        show = ["git", "show", f"{COMPARED_WITH}:results/{room}/runs.csv"]
        done = subprocess.run(show, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"this clone's history does not reach back to {COMPARED_WITH}: run `git fetch --unshallow`")
        committed |= {(room, run["variant"], run["seed"]): run for run in csv.DictReader(done.stdout.splitlines())}
    for row in rows:
        then = committed[row["replication"], row["variant"], row["seed"]]
        assert all(row[f"committed_{name}"] == then[name] for name in ("images_sha256", "facts_sha256"))


def test_on_an_intel_processor_the_bytes_are_the_same_as_the_text_says():
    digests = ("images_sha256", "facts_sha256")
    for row in tiny.read_rows(SECOND / "intel.csv"):
        run = row["replication"], row["variant"], row["seed"]
        same = all(row[name] == row[f"committed_{name}"] for name in digests)
        (line,) = (line for line in text().splitlines() if line.startswith(f"| {'/'.join(run)} |"))
        assert line.endswith("| no | the same |" if same else "| yes | different |"), (
            "only where a net does not normalise"
        )
    (environment,) = json.loads((SECOND / "intel.json").read_text(encoding="utf-8")).values()
    assert environment["cpu"].startswith("Intel")


def test_the_second_machine_changed_the_verdicts_that_the_text_shows():
    rows = tiny.read_rows(SECOND / "verdicts.csv")
    changed = [row for row in rows if row["verdict"] != row["committed_verdict"]]
    words = "{}, {:+.3f} [{:+.3f}, {:+.3f}]".format
    for row in changed:
        before, after = (
            words(row[f"{side}verdict"], *(float(row[f"{side}{name}"]) for name in ("effect", "low", "high")))
            for side in ("committed_", "")
        )
        assert f"\n| `{row['claim']}` | {before} | {after} |\n" in text()
    assert text().count("\n| `") == len(changed)
    assert f" {len(rows) - len(changed)} of its {len(rows)} claims " in readme()
    moved = [row for row in rows if any(row[name] != row[f"committed_{name}"] for name in ("effect", "low", "high"))]
    assert f" of the {len(moved)} claims that moved at all, {len(moved) - len(changed)}\n" in text()


def test_the_table_of_slow_tests_names_those_that_there_are():
    known = json.loads((ROOT / FOLDER / "slow.json").read_text(encoding="utf-8"))
    gone = [name for name in known if not record.is_there(name)]
    assert not gone, "run `pytest -m slow --record` on any slow test: it forgets them"
    assert (ROOT / FOLDER / "slow.md").read_text(encoding="utf-8") == "\n".join(record.table(known)) + "\n"


def test_the_text_of_the_bench_follows_from_what_it_measured():
    found = json.loads((ROOT / FOLDER / "bench.json").read_text(encoding="utf-8"))
    assert (ROOT / FOLDER / "bench.md").read_text(encoding="utf-8") == bench.as_markdown(found)


def test_a_slow_test_that_was_moved_or_renamed_is_not_there():
    here = "tests/test_validation.py::test_a_slow_test_that_was_moved_or_renamed_is_not_there"
    assert record.is_there(here)
    assert record.is_there(f"{here}[a case]")
    assert not record.is_there(f"{here}_any_more")
    assert not record.is_there(here.replace("validation", "valuation"))

"""All that is committed, held against what it follows from: `python -m replications verify`.

Nothing is trained, nothing is written, and it takes seconds: bundled objects against their digests, results against
dvc.lock, runs against parameters, code, data and environments, networks that come with the repository against their
runs, kept outputs against pins and sheets, summaries and curves against scores, verdicts against scores and the
register, texts and pictures against verdicts. Exits with 1 where something does not follow. What only a training can
show is for `audit`.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from replications import command, evidence, locks, nets, runs, study
from replications.command import repro
from replications.errors import ReplicationError
from replications.judging import judge, register
from replications.locks import BUNDLED
from replications.measuring import measure
from replications.needs import dataset_of
from replications.reporting import glance, report
from replications.results import read_environments, read_runs
from replications.trust import chain, files, kept

PICTURE, BLOCK = 24.0, 8
"""Difference, of 255, in the mean of a square of so many pixels, up to which a picture that is drawn again is the same:
fonts are rendered a little differently elsewhere."""


@dataclass(frozen=True)
class Checked:
    """One kind of thing that was looked at."""

    what: str
    n: int
    """How many there are."""
    problems: tuple[str, ...]
    """A line for each that does not follow."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications verify", description=__doc__)
    parser.add_argument("--study", action="append", help="a study's folder; may be repeated (default: all of them)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args(argv)
    found = {"suite": suite()}
    for folder in arguments.study or study.STUDIES:
        declared = study.load(folder)
        found[declared.name] = of_study(declared)
    if arguments.json:
        print(json.dumps({name: [vars(one) for one in all_of] for name, all_of in found.items()}, indent=1))
    else:
        show(found)
    return 1 if any(one.problems for all_of in found.values() for one in all_of) else 0


def show(found: dict[str, list[Checked]]) -> None:
    """A line for each kind, and below it what does not follow."""
    for name, all_of in found.items():
        for one in all_of:
            print(f"{'broken' if one.problems else 'ok':6}  {name}: {one.n} {one.what}")
            for problem in one.problems:
                print(f"        {problem}")
    n = sum(len(one.problems) for all_of in found.values() for one in all_of)
    print(f"{n} inconsistencies" if n else "everything that is committed follows from its inputs")


def check(what: str, n: int, *sources: Iterable[str]) -> Checked:
    """A kind of thing with its problems. An unreadable file is one of them; other kinds are still looked at."""
    return Checked(what, n, tuple(problem for source in sources for problem in readable(source)))


def readable(source: Iterable[str]) -> Iterator[str]:
    """The problems of a source up to the first file that cannot be read, which is the last one."""
    try:
        yield from source
    except ReplicationError as error:
        yield str(error)


def suite() -> list[Checked]:
    """What belongs to no single study."""
    objects = sorted(path for path in BUNDLED.rglob("*") if path.is_file())
    book = register.load()
    return [
        check(
            "bundled objects against their digests and pins",
            len(objects),
            object_problems(objects),
            files.pin_problems(),
        ),
        check(
            "generated files against params.yaml and code, commands that ran against those declared",
            1 + len(study.STUDIES),
            files.pipeline_problems(),
        ),
        check(
            "tables and texts of validation/ against their stages and tables",
            len(files.TEXTS),
            files.validation_problems(),
        ),
        check(
            "entries of the register, one upon the other",
            len(book.entries),
            book.problems,
            register.history_problems(),
            (change.in_words for change in register.unregistered(book)),
        ),
        check("READMEs against the verdicts", 2 + len(study.REPLICATIONS), readme_problems()),
    ]


def of_study(declared: study.Study) -> list[Checked]:
    """All of one study, in the order in which one follows from the other."""
    folder, rooms = declared.folder, list(declared.variants)
    of_runs = [run for room in rooms for run in declared.runs(room)]
    written = sorted(
        Path(out["path"]).relative_to(folder / "results").as_posix()
        for entry in locks.stages(folder).values()
        for out in entry.get("outs", ())
        if Path(out["path"]).is_relative_to(folder / "results") and not out["path"].endswith("report.html")
    )
    wanted = sorted({*written, *chain.result_files(declared)})
    claims = judge.claims_of(declared)
    datasets = sorted({dataset_of(declared, room) for room in rooms})
    return [
        check(
            "results against dvc.lock",
            len(wanted),
            (problem for file in wanted for problem in chain.file_problems(folder, file)),
        ),
        check(
            "stages against parameters and code",
            len(locks.stages(folder)),
            chain.params_problems(folder, rooms),
            chain.code_problems(folder),
        ),
        check(
            "runs against parameters, code and environment",
            len(of_runs),
            run_problems(declared),
            evidence.history_problems(declared),
        ),
        check(
            "networks that come with the repository against the runs that were measured",
            len(bundled_nets(declared)),
            net_problems(declared),
        ),
        check(
            "files of kept outputs against pin, runs and sample sheets",
            len(kept_files(declared)),
            kept.problems(declared),
        ),
        check(
            "data sets and nets that judge against what was read",
            len(datasets),
            data_problems(declared, datasets),
        ),
        check("replications: summary, curves and metrics against scores", len(rooms), derived_problems(declared)),
        check("verdicts against scores", len(claims), verdict_problems(declared)),
        check("text of verdicts.md against the verdicts", 1, text_problems(declared)),
        check("pictures against the results", len(glance.rooms(declared)), picture_problems(declared)),
        check("sample sheets against their pictures", len(rooms), files.sheet_problems(declared)),
        check("files of results/ against the stages that write them", 1, files.stray_problems(declared)),
    ]


def kept_files(declared: study.Study) -> list[kept.Kept]:
    """What is kept of runs; nothing where the list of it is damaged, which `kept.problems` says."""
    try:
        return kept.every(declared)
    except ReplicationError:
        return []


def object_problems(objects: list[Path]) -> Iterator[str]:
    """An object of the cache in Git has the name of its digest."""
    if not objects:
        yield f"{BUNDLED}: empty, expected the objects of the bundled data; `git restore .dvc/bundled` brings them back"
    for path in objects:
        digest = f"{path.parent.name}{path.name}".removesuffix(".dir")
        if (found := chain.md5(path)) != digest:
            yield f"{path}: its digest is {found}, its name says {digest}; `git restore {path}` brings it back"


def readme_problems() -> Iterator[str]:
    """What stands between markers is what the verdicts say."""
    for path, blocks in report.generated(Path()).items():
        text = report.read_readme(path)
        if report.with_blocks(text, blocks, path) != text:
            yield f"{path}: its tables are not those of the results; run {repro(Path(), 'report')}"


def run_problems(declared: study.Study) -> Iterator[str]:
    """Each declared run was measured, and is of what it says that it is of; no other was."""
    for room in declared.variants:
        yield from readable(_run_problems(declared, room))


def _run_problems(declared: study.Study, room: str) -> Iterator[str]:
    rows, environments = read_runs(declared.folder, room), read_environments(declared.folder, room)
    for name, environment in environments.items():
        if (found := runs.environment_id(environment)) != name:
            path = declared.folder / "results" / room / "environments.json"
            yield f"{path}: {name} holds the environment {found}; run {repro(declared.folder, f'measure@{room}')}"
    wanted = {(run.variant, run.seed): run for run in declared.runs(room)}
    for variant, seed in sorted(set(rows) - set(wanted)):
        yield f"{declared.folder / 'results' / room / 'runs.csv'}: {variant} seed {seed} is not declared"
    for key, run in wanted.items():
        if key not in rows:
            yield f"{run.name}: was not measured; run {repro(declared.folder)}"
        elif rows[key]["environment"] not in environments:
            yield f"{run.name}: environment {rows[key]['environment']} is not in environments.json"
    measured = [(run, rows[key]) for key, run in wanted.items() if key in rows]
    yield from chain.params_of_runs_problems(declared, measured)
    yield from chain.code_of_runs_problems(declared, measured)
    yield from chain.stored_runs_problems(declared.folder, room)


def bundled_nets(declared: study.Study) -> list[Path]:
    """The folders of the runs of which the repository has a copy: facts and weights."""
    return sorted({path.parent for path in (declared.folder / nets.BUNDLED).rglob("*") if path.is_file()})


MADE_FROM = ("variant", "seed", "params_sha256", "code_sha256", "data_sha256")
"""Of a run's row: what is the same wherever it is trained."""


def net_problems(declared: study.Study) -> Iterator[str]:
    """Networks that come with the repository have the facts of measured runs, and are of the weights that these name.

    On another kind of machine, where a run has other bytes, they are of its parameters, code and data.
    """
    known = {nets.bundled(declared, run): run for room in declared.variants for run in declared.runs(room)}
    for path in bundled_nets(declared):
        run = known.get(path)
        if run is None:
            yield f"{path}: is of no declared run; delete it"
            continue
        remedy = f"`git restore {path}` brings it back, or `python -m replications bundle {run.name}` makes it again"
        try:
            facts = runs.read_facts(path)
            row = {key: str(value) for key, value in runs.provenance(runs.Finished(run, {}, facts)).items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            yield f"{path}: damaged ({error}); {remedy}"
            continue
        measured = read_runs(declared.folder, run.replication).get((run.variant, run.seed), {})
        compared = row if measured.get("environment") == row["environment"] else MADE_FROM
        if any(measured.get(key) != row[key] for key in compared):
            yield f"{path}: is of another run than the one that was measured; {remedy}"
            continue
        try:
            nets.read_small(path, facts, remedy)
        except ReplicationError as error:
            yield str(error)


def data_problems(declared: study.Study, datasets: list[str]) -> Iterator[str]:
    """Arrays are those that were exported and read, and all runs of a data set say that they read the same."""
    for name in datasets:
        yield from chain.data_problems(declared.folder, name)
    yield from chain.net_problems(declared.folder)
    read: dict[str, set[str]] = {}
    for room in declared.variants:
        rows = read_runs(declared.folder, room)
        read.setdefault(dataset_of(declared, room), set()).update(row["data_sha256"] for row in rows.values())
        named = [(run, rows.get((run.variant, run.seed))) for run in declared.runs(room)]
        yield from chain.data_of_runs_problems(declared, [(run, row) for run, row in named if row])
    for name, hashes in read.items():
        if len(hashes) > 1:
            where = f"{declared.folder}, runs on {name}"
            yield f"{where}: read {len(hashes)} different files of arrays, expected one; run {repro(declared.folder)}"


def derived_problems(declared: study.Study) -> Iterator[str]:
    """Summary, curves and metrics are those of the scores, byte for byte."""
    for room in declared.variants:
        results = declared.folder / "results" / room
        remedy = f"run {repro(declared.folder, f'measure@{room}')}"
        try:
            text = (results / "scores.csv").read_text(encoding="utf-8")
            rows = [{"snapshot": "1", **row} for row in csv.DictReader(io.StringIO(text, newline=""))]
            derived = measure.derived(declared, room, rows)  # of older evidence, too, which has no snapshots
        except (OSError, ValueError, KeyError, TypeError, IndexError, csv.Error) as error:
            yield f"{results / 'scores.csv'}: nothing follows from it ({error!r}); {remedy}"
            continue
        for name, text in derived.items():
            path = results / name
            if not path.exists() or path.read_bytes() != text.encode():
                yield f"{path}: does not follow from scores.csv; {remedy}"


def verdict_problems(declared: study.Study) -> Iterator[str]:
    """Verdicts are those of the scores, there are no others, and metrics.json counts them."""
    committed, follows = chain.committed_verdicts(declared.folder), chain.judged(declared)
    for verdict in follows.values():
        yield from chain.verdict_problems(declared.folder, verdict, committed)
    path = declared.folder / "results" / "verdicts.json"
    for name in sorted(set(committed) - set(follows)):
        yield f"{path}: {name} is no claim of the {declared.name} study; run {repro(declared.folder, 'judge')}"
    counts = Counter(one.verdict for one in follows.values())
    path = path.with_name("metrics.json")
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        written = None
    if written != {name: counts[name] for name in judge.COLOURS}:
        yield f"{path}: does not count the verdicts; run {repro(declared.folder, 'judge')}"


def text_problems(declared: study.Study) -> Iterator[str]:
    """verdicts.md says what the verdicts say."""
    path, verdicts = declared.folder / "results" / "verdicts.md", report.read_verdicts(declared.folder)
    if verdicts is None or not path.exists() or report.of_study(declared, verdicts).encode() != path.read_bytes():
        yield f"{path}: is not what the verdicts say; run {repro(declared.folder, 'report')}"


def picture_problems(declared: study.Study) -> Iterator[str]:
    """The pictures of the answer show the results that are here."""
    for room in glance.rooms(declared):
        root = declared.folder.parent if declared.name in study.STUDIES else declared.folder
        path, remedy = root / "results" / glance.file_of(declared, room), f"run {repro(root, 'page')}"
        try:
            with Image.open(path) as shown, Image.open(io.BytesIO(glance.draw(declared, room))) as drawn:
                committed, redrawn = (np.asarray(one.convert("RGB"), float) for one in (shown, drawn))
                written, follows = (one.info.get(glance.NUMBERS) for one in (shown, drawn))
        except (OSError, UnidentifiedImageError, ReplicationError) as error:
            yield f"{path}: cannot be compared ({error}); {remedy}"
            continue
        if written != follows or committed.shape != redrawn.shape or apart(committed, redrawn) > PICTURE:
            yield f"{path}: does not show the results that are here; {remedy}"


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """The largest difference between means of squares of two pictures (H, W, 3)."""
    height, width = (side // BLOCK * BLOCK for side in a.shape[:2])
    squares = (a - b)[:height, :width].reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, -1)
    return float(np.abs(squares.mean(axis=(1, 3))).max())

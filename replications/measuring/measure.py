"""Measures the finished runs of one replication: `python -m replications measure pix2pix`.

Writes results/REPLICATION/: scores.csv (one row per run and instrument), summary.csv (means with intervals, for
`dvc plots`), curves.csv (the room's curves, likewise), metrics.json (a few numbers for `dvc metrics`), sheet.png (the
same inputs through every variant) and columns/ (its pictures, of which the page is made). And where all of it comes
from: runs.csv (a row of hashes per run) and environments.json (the machines and packages that they name).
"""

import importlib
import json
import math
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np

from replications import command, runs, study
from replications.command import repro
from replications.environment import check_backend
from replications.errors import ReplicationError
from replications.measuring import curves, sheets
from replications.measuring.pool import pool
from replications.results import as_csv, write_text
from replications.statistics import mean_interval

SCORES = ("variant", "seed", "snapshot", "instrument", "score", "n_images")


@dataclass(frozen=True)
class Measured:
    """What one run came to."""

    scores: dict[float, dict[str, float]]
    """Share of the training that was done → instrument → score; the last is the end."""
    n_images: int
    provenance: dict[str, str | int]
    environment: dict


class MeasureError(ReplicationError):
    """A score that is not a number."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications measure", description=__doc__)
    parser.add_argument("replication", help=f"one of {', '.join(study.REPLICATIONS)}")
    parser.add_argument("--study", default=".", help="the study's folder (default: the bundled study)")
    arguments = parser.parse_args(argv)
    declared = study.load(arguments.study)
    measure(declared, arguments.replication)
    return 0


def measure(declared: study.Study, replication: str) -> None:
    """Scores every declared run; one process per core."""
    check_backend()  # before a process of the pool needs it for a reader
    wanted = runs.check(declared, replication)
    print(f"{replication}: measuring {len(wanted)} runs", flush=True)
    rows: list[dict] = []
    provenance: list[dict] = []
    environments: dict[str, dict] = {}
    for done, (run, measured) in enumerate(each(declared, wanted), start=1):
        provenance.append(measured.provenance)
        environments[runs.environment_id(measured.environment)] = measured.environment
        rows += rows_of(declared, run, measured)
        if done % 10 == 0 or done == len(wanted):
            print(f"[{done}/{len(wanted)}] {run.variant} seed {run.seed}", flush=True)
    results = declared.folder / "results" / replication
    write_text(results / "scores.csv", as_csv(SCORES, rows))
    write_text(results / "runs.csv", as_csv(tuple(provenance[0]), provenance))
    write_text(results / "environments.json", json.dumps(environments, indent=1, sort_keys=True) + "\n")
    for name, text in derived(declared, replication, rows).items():
        write_text(results / name, text)
    sheets.write(declared, replication, results)
    print(f"{replication}: {len(rows)} scores in {results / 'scores.csv'}, sample sheet in {results / 'sheet.png'}")


def each(
    declared: study.Study, wanted: Sequence[study.Run], ended: bool = False
) -> Iterator[tuple[study.Run, Measured]]:
    """Finished runs and what they came to, in their order; one process per core.

    Args:
        declared: their study.
        wanted: the runs.
        ended: whether they are measured at the end of their training alone, and not at each snapshot.

    Raises:
        MeasureError: a run cannot be measured, or a process died.
    """
    with pool() as processes:
        pending = [processes.submit(scores_of, declared, run, ended) for run in wanted]
        for run, future in zip(wanted, pending, strict=True):
            try:
                measured = future.result()
            except BrokenProcessPool:
                raise MeasureError(
                    f"{run.name}: a measuring process died (killed, or out of memory); nothing was written, run the "
                    "same command again"
                ) from None
            yield run, measured


def derived(declared: study.Study, replication: str, rows: list[dict]) -> dict[str, str]:
    """File of results/REPLICATION → its text, of all that follows from the rows of scores.csv."""
    room = importlib.import_module(f"replications.{replication}.measures")
    summary = summarise(rows)
    points = curves.rows(room.CURVES, declared.variants_of(replication), summary)
    means = {(row["variant"], row["instrument"]): row["mean"] for row in summary}
    metrics = {name: means[arm] for name, arm in room.METRICS.items() if arm in means}
    return {
        "summary.csv": as_csv(tuple(summary[0]), summary),
        "curves.csv": as_csv(curves.COLUMNS, points),
        "metrics.json": json.dumps(metrics, indent=1) + "\n",
    }


def rows_of(declared: study.Study, run: study.Run, measured: Measured) -> list[dict]:
    """The rows of scores.csv of one run, snapshot by snapshot.

    Raises:
        MeasureError: a score is not a number.
    """
    rows = []
    for share, scores in measured.scores.items():
        for instrument, score in scores.items():
            if not math.isfinite(score):
                at = "" if share == 1 else f" at snapshot {share:g}"
                raise MeasureError(
                    f"{run.name}: {instrument}{at} is {score}, expected a number; look at the run's images, "
                    f"then delete {runs.folder(declared, run)} and run {repro(declared.folder)} to train it again"
                )
            of_run = {"variant": run.variant, "seed": run.seed, "snapshot": f"{share:g}"}
            rows.append(of_run | {"instrument": instrument, "score": f"{score:.6g}", "n_images": measured.n_images})
    return rows


def scores_of(declared: study.Study, run: study.Run, ended: bool = False) -> Measured:
    """One run of a study's, measured; in a process of the pool."""
    return scores_of_run(declared, runs.read(declared, run), ended)


def scores_of_run(declared: study.Study, finished: runs.Finished, ended: bool = False) -> Measured:
    """A finished run by the instruments of its room, at each of its snapshots, or as it ended."""
    run = finished.run
    room = importlib.import_module(f"replications.{run.replication}.measures")
    scores = {}
    try:
        for share in (1.0,) if ended else run.params.snapshots:
            images, facts = runs.at(finished, share)
            of_share = room.measure(images, facts, run.params, declared.nets_of(run.replication, run.seed))
            scores[share] = {name: float(score) for name, score in of_share.items()}
    except ArithmeticError as error:
        raise MeasureError(
            f"{run.name}: cannot be measured ({error}); look at the run's images, "
            f"then delete {runs.folder(declared, run)} and run {repro(declared.folder)} to train it again"
        ) from None
    n_images = max(len(finished.images[name]) for name in ("output", "prior") if name in finished.images)
    return Measured(scores, n_images, runs.provenance(finished), finished.facts["environment"])


def summarise(rows: list[dict]) -> list[dict]:
    """Mean and 95 % interval over seeds (Student's t) for each variant and instrument at the end of the training.

    In order of appearance.
    """
    scores: dict[tuple[str, str], list[float]] = {}
    for row in (row for row in rows if float(row["snapshot"]) == 1):
        scores.setdefault((row["variant"], row["instrument"]), []).append(float(row["score"]))
    summary = []
    for (variant, instrument), values in scores.items():
        low, high = mean_interval(np.array(values)) if len(values) > 1 else (values[0], values[0])
        summary.append(
            {
                "variant": variant,
                "instrument": instrument,
                "mean": float(f"{np.mean(values):.6g}"),
                "low": float(f"{low:.6g}"),
                "high": float(f"{high:.6g}"),
                "n_seeds": len(values),
            }
        )
    return summary

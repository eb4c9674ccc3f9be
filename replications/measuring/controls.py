"""Scores of known pictures, by the instruments that judge runs: `python -m replications controls pix2pix`.

A score means little until it is known what photographs reach, what blurred ones do, and what noise does. Writes
results/REPLICATION/controls.csv: one row for each control, seed and instrument. A control is not trained; where a net
of the study judges, the score of seed s is by the net of seed s, as a run's is. Quality checks of claims take their
bounds from here, so that no bound is a number that somebody liked.

A replication's `measures` says which controls it has, in two functions: `controls(data, params, readers)`, of those
that a net judges, and `fixed_controls(data, variants)`, of the others, which are the same with every seed.
"""

import importlib
import math
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import numpy as np

from replications import command, study
from replications.command import repro
from replications.datasets import arrays
from replications.environment import check_backend
from replications.errors import ReplicationError
from replications.measuring.known import Scores, together
from replications.measuring.pool import pool
from replications.results import as_csv, write_text

COLUMNS = ("control", "seed", "instrument", "score")


class ControlsError(ReplicationError):
    """A control whose score is not a number."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications controls", description=__doc__)
    parser.add_argument("replication", help=f"one of {', '.join(study.REPLICATIONS)}")
    parser.add_argument("--study", default=".", help="the study's folder (default: the bundled study)")
    arguments = parser.parse_args(argv)
    measure(study.load(arguments.study), arguments.replication)
    return 0


def measure(declared: study.Study, replication: str) -> None:
    """Scores the controls of one replication; a seed per process."""
    declared.variants_of(replication)  # an unknown one is told here, and not by a process
    check_backend()
    with pool() as processes:
        same = processes.submit(fixed_scores, declared, replication)
        pending = [processes.submit(scores_of, declared, replication, seed) for seed in declared.seeds_of(replication)]
        try:
            of_seeds = [together(same.result(), future.result()) for future in pending]
        except BrokenProcessPool:
            raise ControlsError(
                f"{replication}: a process died (killed, or out of memory); nothing was written, run "
                f"{repro(declared.folder, f'controls@{replication}')} again"
            ) from None
    rows: list[dict[str, Any]] = []
    for seed, scores in zip(declared.seeds_of(replication), of_seeds, strict=True):
        for control, of_control in scores.items():
            for instrument, score in of_control.items():
                if not math.isfinite(score):
                    raise ControlsError(
                        f"{replication}: {instrument} of the control {control} is {score}, expected a number; look at "
                        f"the pictures of {declared.folder / 'arrays'}"
                    )
                row = {"control": control, "seed": seed, "instrument": instrument, "score": f"{score:.6g}"}
                rows.append(row)
    path = declared.folder / "results" / replication / "controls.csv"
    write_text(path, as_csv(COLUMNS, rows))
    print(f"{replication}: {len(rows)} scores of {', '.join(of_seeds[0])} in {path}")


def scores_of(declared: study.Study, replication: str, seed: int) -> Scores:
    """Control → instrument → score, by the nets of one seed; none where a replication has no such controls."""
    room = importlib.import_module(f"replications.{replication}.measures")
    if not hasattr(room, "controls"):
        return {}
    params = next(iter(declared.variants_of(replication).values()))
    return room.controls(_data(declared, params.dataset), params, declared.nets_of(replication, seed))


def fixed_scores(declared: study.Study, replication: str) -> Scores:
    """Control → instrument → score, of the controls that no net judges."""
    variants = declared.variants_of(replication)
    room = importlib.import_module(f"replications.{replication}.measures")
    return room.fixed_controls(_data(declared, next(iter(variants.values())).dataset), variants)


def _data(declared: study.Study, dataset: str) -> dict[str, np.ndarray]:
    return arrays.load(declared.folder / "arrays" / f"{dataset}.npz")

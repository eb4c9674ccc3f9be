"""Trains committed runs again and compares: `python -m replications audit --runs 2`.

The runs are picked at random. On the same kind of machine, with the same packages, a run must come out byte for byte
the same, and its scores digit for digit; elsewhere its scores must lie within the spread of the committed seeds. Where
an earlier version of the code is declared to have measured them, scores may differ by a hundredth, and those that a
classifier reads, which was another one then, by a tenth. The command says what it found, and exits with 1 where none of
this holds. It needs the data (`dvc repro --pull arrays`) and no committed images. Nets that judge are trained in
.recheck/, where they are not here.
"""

import argparse
import io
import math
import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import NamedTuple

import numpy as np
import scipy
from rich.console import Console
from rich.table import Table

from replications import command, evidence, nets, runs, study
from replications.code import code_hash
from replications.datasets import arrays
from replications.errors import ReplicationError
from replications.judging import judge
from replications.judging.scores import read_scores
from replications.measuring import controls, measure
from replications.needs import reads
from replications.results import read_environments, read_runs
from replications.runs import read_arrays
from replications.training import workers
from replications.training.train import check_precision
from replications.trust import chain, kept, recheck

CONFIDENCE = 0.999
"""Of the interval, predicted from the committed seeds, that another machine's score must fall into. Wide, since many
scores are compared at once; a trend that is lost lies far outside."""

READ_BY_A_NET = frozenset(
    {"confidence", "kid_prior", "kl_to_true", "mode_entropy", "mode_entropy_share", "modes_covered", "modes_share"}
)
"""Instruments that ask the classifier (instruments/classification.py)."""

MOVED = 0.1
"""How far, of the larger of the two, a score may be from the committed one where another classifier reads the same
pictures. Between classifiers of one seed, trained on processors of two makers, a hundredth was seen, of kid_prior."""

NEAR = 0.01
"""How far scores may be from committed ones that an earlier version of the code measured: rounding and ties."""


class AuditError(ReplicationError):
    """Runs that cannot be audited."""


@dataclass(frozen=True)
class Finding:
    """What became of one run that was trained again."""

    run: study.Run
    passed: bool
    what: str
    seconds: float


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications audit", description=__doc__)
    parser.add_argument("--runs", type=int, default=2, help="how many runs to pick (default: 2)")
    parser.add_argument("--study", default=".", help="the study's folder (default: the bundled study)")
    parser.add_argument("--replication", choices=study.REPLICATIONS, help="pick among its runs alone")
    parser.add_argument("--only", metavar="REPLICATION/VARIANT/SEED", action="append", help="this run; may be repeated")
    parser.add_argument("--seed", type=int, help="of the choice, to make it again (default: drawn and printed)")
    parser.add_argument("--workers", type=int, help="worker processes on this machine (default: one per core)")
    arguments = parser.parse_args(argv)
    for name in ("runs", "workers"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise AuditError(f"--{name} {value}: expected at least 1; leave it out for the default")
    declared = study.load(arguments.study)
    seed = secrets.randbelow(2**31) if arguments.seed is None else arguments.seed
    picked = named(declared, arguments.only) if arguments.only else pick(declared, arguments, seed)
    names = ", ".join(run.name for run in picked)
    print(f"audit of the {declared.name} study" + ("" if arguments.only else f" (--seed {seed})") + f": {names}")
    findings = audit(declared, picked, arguments.workers)
    show(findings)
    rooms = dict.fromkeys(run.replication for run in picked)
    others = [line for room in rooms for line in other_controls(declared, room, {run.variant for run in picked})]
    print(*others, sep="\n", end="\n" * bool(others))
    return 0 if all(finding.passed for finding in findings) and not others else 1


def pick(declared: study.Study, arguments: argparse.Namespace, seed: int) -> list[study.Run]:
    """Some of the declared runs, at random."""
    rooms = [arguments.replication] if arguments.replication else list(declared.variants)
    candidates = [run for room in rooms for run in declared.runs(room)]
    return Random(seed).sample(candidates, min(arguments.runs, len(candidates)))


def named(declared: study.Study, names: list[str]) -> list[study.Run]:
    """The runs of these names."""
    known = {run.name: run for room in declared.variants for run in declared.runs(room)}
    for name in names:
        if name not in known:
            raise AuditError(
                f"--only {name}: {declared.params_file} declares no such run; expected one such as {next(iter(known))}"
            )
    return [known[name] for name in dict.fromkeys(names)]


def audit(declared: study.Study, picked: list[study.Run], n_workers: int | None = None) -> list[Finding]:
    """Trains the runs again, beside the committed ones, and compares each with its row in runs.csv."""
    committed = {}
    for run in picked:
        row = read_runs(declared.folder, run.replication).get((run.variant, run.seed))
        checks = (chain.params_of_runs_problems, chain.code_of_runs_problems, chain.data_of_runs_problems)
        problems = [problem for check in checks if row for problem in check(declared, [(run, row)])]
        if row is None or problems:
            raise AuditError(problems[0] if problems else next(chain.stored_run_problems(declared, run, None)))
        committed[run.name] = row
    for replication in dict.fromkeys(run.replication for run in picked):  # what is compared is read before anything is
        read_scores(declared, replication)  # trained
        read_environments(declared.folder, replication)
    check_precision(declared, picked)
    data = read_arrays(declared, picked)
    outputs = {run.name: kept.of_run(declared, run) for run in picked}
    findings = []
    n_workers = min(n_workers or workers.CPU_COUNT, len(picked))  # more would have nothing to do
    with workers.cluster(n_workers) as client:
        for outcome in workers.run_all(client, picked, data, lambda *_: None):
            name = outcome.run.name
            findings.append(compare(declared, outcome, committed[name], data, outputs[name]))
            print(f"[{len(findings)}/{len(picked)}] {outcome.run.name}: {findings[-1].what}", flush=True)
    return findings


def other_controls(declared: study.Study, replication: str, arms: Collection[str]) -> Iterator[str]:
    """Scores of known pictures that no net judges, computed again: a line for each that is not the committed one.

    Of linear codes, which take longest, those of some arms alone.
    """
    if not (declared.folder / "results" / replication / "controls.csv").exists():
        return
    variants = {name: params for name, params in declared.variants_of(replication).items() if name in arms}
    few = replace(declared, variants={**declared.variants, replication: variants})
    committed = read_scores(declared, replication).values
    for control, of_control in controls.fixed_scores(few, replication).items():
        for instrument, score in of_control.items():
            for seed, was in committed.get((control, instrument), {}).items():  # earlier code had fewer instruments
                if not math.isclose(was, score, rel_tol=NEAR, abs_tol=NEAR / 10):
                    where = declared.folder / "results" / replication / "controls.csv"
                    yield f"{where}: {instrument} of {control}, seed {seed}, is {was:.6g}, here it is {score:.6g}"
                    break


def compare(
    declared: study.Study,
    outcome: workers.Outcome,
    row: dict[str, str],
    data: dict[str, bytes],
    outputs: np.ndarray | None = None,
) -> Finding:
    """A run that was trained again, against the committed one, and the first outputs that were kept of that."""
    run = outcome.run
    if outcome.facts is None:
        return Finding(run, False, f"ended with {outcome.diverged or outcome.failed}", outcome.seconds)
    digest = runs.sha256(data[runs.arrays_file(declared, run).stem])
    identity = runs.identity(run, code_hash(run.replication), digest)
    facts = {**outcome.facts, **identity, "images_sha256": runs.sha256(outcome.images)}
    with np.load(io.BytesIO(outcome.images), allow_pickle=False) as archive:
        finished = runs.Finished(run, {name: archive[name] for name in archive.files}, facts)
    now = runs.provenance(finished)
    if (now["images_sha256"], now["facts_sha256"]) == (row["images_sha256"], row["facts_sha256"]):
        passed, what = _of_scores(declared, run, list(other_scores(declared, finished)))
        for problem in other_nets(declared, outcome, facts):
            passed, what = False, f"{what}, but {problem}"
        return Finding(run, passed, f"byte for byte the same{what}", outcome.seconds)
    earlier = row["code_sha256"] != now["code_sha256"]  # a commit is named for it, else nothing was trained
    if now["environment"] == row["environment"] and not earlier:
        what = "other bytes on the same kind of machine with the same packages"
        return Finding(run, False, f"{what}{kept.compared(outputs, finished)}", outcome.seconds)
    environment = read_environments(declared.folder, run.replication)[row["environment"]]
    if runs.environment_id(environment) != row["environment"]:
        what = f"its environment is not the one that {row['environment']} is the name of"
        return Finding(run, False, what, outcome.seconds)
    differs = "; ".join([*["code: an earlier version's"] * earlier, *chain.drift(environment, facts["environment"])])
    outside = list(outside_the_spread(declared, finished))
    what = f"outside the spread over seeds: {'; '.join(outside)}" if outside else "within the spread over seeds"
    what = f"{what} (other bytes; what differs: {differs}){kept.compared(outputs, finished)}"
    return Finding(run, not outside, what, outcome.seconds)


def other_nets(declared: study.Study, outcome: workers.Outcome, facts: dict) -> Iterator[str]:
    """What is wrong with the copy of a run's nets in the repository, if it has one: other weights, or none."""
    copy = nets.bundled(declared, outcome.run)
    if not copy.exists():
        return
    expected = nets.small(outcome.run, facts["picture"], arrays.load(io.BytesIO(outcome.weights)))
    try:
        found = nets.read_small(copy, runs.read_facts(copy), f"`git restore {copy}` brings it back")
    except (ReplicationError, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        yield f"the copy in {copy} is damaged ({error})"
        return
    if found.keys() != expected.keys() or not all(np.array_equal(found[name], expected[name]) for name in expected):
        yield f"the weights in {copy} are others"


def judging(declared: study.Study, run: study.Run) -> study.Study:
    """The study, or one in .recheck/ that has the nets which judge the run, where they are not here."""
    if not reads(run.replication) or declared.nets_of(run.replication, run.seed).exists():
        return declared
    return recheck.with_nets(declared, run)


class Other(NamedTuple):
    """A score that is not the committed one."""

    share: float
    """Of the training: the snapshot that is scored."""
    instrument: str
    was: float | None
    here: float | None

    @property
    def line(self) -> str:
        """What is said of it."""
        at = "" if self.share == 1 else f" at snapshot {self.share:g}"
        here = "nothing" if self.here is None else self.here
        return f"{self.instrument}{at} is {here}, committed is {self.was}"

    @property
    def near(self) -> bool:
        """Whether it is within a hundredth of the committed one, or within a thousandth of a share's whole range."""
        return (
            self.was is not None
            and self.here is not None
            and math.isclose(self.was, self.here, rel_tol=NEAR, abs_tol=NEAR / 10)
        )


def _of_scores(declared: study.Study, run: study.Run, others: list[Other]) -> tuple[bool, str]:
    """Whether scores that are not the committed ones may be so, and what is said of them.

    Today's code may round otherwise, or break another tie, than the earlier code that is declared to have measured
    the committed scores, and it may have trained another classifier; it may not give other numbers.
    """
    earlier = evidence.read(declared.folder).get(run.replication)
    if not others:
        return True, ", and so are its scores"
    wrong = [other for other in others if not (earlier and (other.near or _read_otherwise(declared, run, other)))]
    if earlier and not wrong:
        which = f"those that the code of commit {earlier['measured'][:12]} measured"
        return True, f", and so are its scores, but for {len(others)} that differ a little from {which}"
    return False, f", but not its scores: {'; '.join(other.line for other in wrong)}"


def _read_otherwise(declared: study.Study, run: study.Run, other: Other) -> bool:
    """Whether another classifier may have given this score: it is near to the committed one, and so are other seeds'.

    That is weak: a score that was forged by less than a tenth passes, where it stays within the spread over seeds.
    """
    scores = read_scores(declared, run.replication).snapshots.get(other.share)
    if other.instrument not in READ_BY_A_NET or other.was is None or other.here is None or scores is None:
        return False
    declared_seeds = declared.seeds_of(run.replication)
    arm = scores.arm(run.variant, other.instrument, declared_seeds)
    mean, half = spread(arm[[seed != run.seed for seed in declared_seeds]])
    within = abs(other.here - mean) <= half and abs(other.was - mean) <= half
    return within and abs(other.here - other.was) <= MOVED * max(abs(other.here), abs(other.was))


def other_scores(declared: study.Study, finished: runs.Finished) -> Iterator[Other]:
    """Each score of a run, at any snapshot, that is not the committed one to all six digits."""
    run = finished.run
    measured = measure.scores_of_run(judging(declared, run), finished).scores
    committed = {
        (share, instrument): by_seed[run.seed]
        for share, scores in read_scores(declared, run.replication).snapshots.items()
        for (variant, instrument), by_seed in scores.values.items()
        if variant == run.variant and run.seed in by_seed
    }
    ours = {
        (share, instrument): float(f"{score:.6g}")
        for share, scores in measured.items()
        for instrument, score in scores.items()
    }
    for share, instrument in sorted(committed.keys() | ours.keys()):
        was, here = committed.get((share, instrument)), ours.get((share, instrument))
        if was != here:
            yield Other(share, instrument, was, here)


def outside_the_spread(declared: study.Study, finished: runs.Finished):
    """A line for each score, of those that claims read, which the committed seeds do not lead one to expect."""
    run = finished.run
    needed = {
        instrument
        for claim in judge.claims_of(declared)
        if claim.replication == run.replication
        for variant, instrument in claim.needs
        if variant == run.variant
    }
    here = measure.scores_of_run(judging(declared, run), finished).scores[1.0]
    scores = read_scores(declared, run.replication)
    for instrument in sorted(needed):
        mean, half = spread(scores.arm(run.variant, instrument, declared.seeds_of(run.replication)))
        if not abs(here[instrument] - mean) <= half:
            yield f"{instrument} is {here[instrument]:.6g}, expected {mean:.6g} ± {half:.2g}"


def spread(arm: np.ndarray) -> tuple[float, float]:
    """The mean of committed scores, (seeds,), and how far from it one more may lie: anywhere if there is but one."""
    n = len(arm)
    if n < 2:
        return arm.mean(), np.inf
    half = scipy.special.stdtrit(n - 1, (1 + CONFIDENCE) / 2) * arm.std(ddof=1) * np.sqrt(1 + 1 / n)
    return arm.mean(), half + 1e-5 * abs(arm.mean())  # scores are written with six digits


def show(findings: list[Finding]) -> None:
    """The table on the terminal."""
    table = Table(title="Runs trained again", title_justify="left")
    for column in ("run", "result", "seconds"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        colour = "green" if finding.passed else "red"
        table.add_row(finding.run.name, f"[{colour}]{finding.what}[/]", f"{finding.seconds:.0f}")
    Console(width=None if Console().is_terminal else 150).print(table)

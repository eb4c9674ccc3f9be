"""Trains a claim's arms on seeds that were never used: `python -m replications recheck noise_blurs_under_l2`.

It trains the arms that the claim and its quality checks compare, and no others, judges them by the same rule, and
prints the fresh effect beside the committed one. What it trains is kept in .recheck/, so that it goes on where it was
cut off; results/ and dvc.lock stay as they are. It needs the data (`dvc repro --pull arrays`).

A claim passes if its verdict is the same, or if the fresh effect lies in the prediction interval of the committed one.
If fresh seeds are like the committed ones, the effects of all claims that are rechecked at once lie in their intervals
with a probability of 95 %. Exits with 1 if a claim does not pass.

`--earlier REV` trains nothing: it puts the claims whose replication has got fresh seeds since that revision, and whose
arms have the same parameters, code and data as there, beside what was committed there. With `--other-code` the code may
be another, as after a change that should move no trend.
"""

import argparse
import json
import math
import os
import re
import shutil
import sys
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any
from xml.etree import ElementTree

import numpy as np
import scipy
from dask.system import CPU_COUNT
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from replications import command, runs, study
from replications.code import digest
from replications.command import repro
from replications.environment import BACKENDS, check_backend
from replications.errors import ReplicationError
from replications.judging import judge, verdicts
from replications.judging.claims import Claim
from replications.judging.scores import Scores
from replications.judging.verdicts import Verdict
from replications.measuring import controls, measure, readers
from replications.needs import dataset_of, readers_of, reads
from replications.results import read_csv, read_runs, write_bytes, write_text
from replications.statistics import decide, mean_interval, weigh
from replications.training import pictures
from replications.training.train import BENCH, DurationLog, benched, train
from replications.trust import chain, regress

FOLDER = Path(".recheck")
"""What is trained here, below the repository's root; git ignores it."""
DECLARED = Path("recheck.yaml")
"""Sets of claims, and the versions for `python -m replications versions`."""
FRESH = 5
MOST = 1000
"""Seeds of one command."""
"""How many seeds, where none are asked for."""
FOR_TUNING = 100
"""How many seeds from a declared tuning seed on are kept for tuning (CONTRIBUTING.md): params.yaml declares 101, and
vq_vae's β was tuned on 101 to 104."""


class RecheckError(ReplicationError):
    """A claim, a set or seeds that nothing can be trained for."""


@dataclass(frozen=True)
class Rechecked:
    """A claim on fresh seeds, beside what is committed."""

    committed: Verdict
    fresh: Verdict
    at_once: int = 1
    """How many claims are rechecked at once, each with a chance of its own to lie outside its interval."""
    other_code: bool = False
    """Whether the fresh runs were trained by other code."""

    @property
    def predicted(self) -> tuple[float, float] | None:
        """Where 95 % of the effects of as many fresh seeds lie, if they are like the committed ones.

        None where the two effects are of different parts of the claim, or come from a single seed: nothing to compare.
        """
        return self._predicted(0.05)

    def _predicted(self, outside: float) -> tuple[float, float] | None:
        """The interval that a share `outside` of such effects misses."""
        before = np.array(list(self.committed.effects_by_seed.values()), float)
        if self.committed.part != self.fresh.part or len(before) < 2:
            return None
        spread = np.sqrt(1 / len(before) + 1 / len(self.fresh.effects_by_seed))
        half = float(scipy.special.stdtrit(len(before) - 1, 1 - outside / 2) * before.std(ddof=1) * spread)
        return float(before.mean()) - half, float(before.mean()) + half

    @property
    def before(self) -> verdicts.Verdict:
        """The committed verdict in today's words, which differ where the unit was reworded and counts the same."""
        same = (self.committed.scale, self.committed.part) == (self.fresh.scale, self.fresh.part)
        return replace(self.committed, unit=self.fresh.unit) if same else self.committed

    @property
    def within(self) -> bool | None:
        """Whether the fresh effect lies there; None where that is not known."""
        predicted = self.predicted
        return None if predicted is None else predicted[0] <= self.fresh.effect <= predicted[1]

    @property
    def same_trend(self) -> bool:
        """Whether nothing was lost: the same verdict, or an effect that was to be expected of one claim among so many.

        Of claims that are rechecked at once, all are to be expected within their intervals in 95 % of repetitions
        (Bonferroni). If each interval held 95 %, one of seven claims would lie outside in 30 % of them.
        """
        allowed = self._predicted(0.05 / self.at_once)
        expected = allowed is not None and allowed[0] <= self.fresh.effect <= allowed[1]
        return self.committed.verdict == self.fresh.verdict or expected

    @property
    def all_effects(self) -> list[float]:
        """Of all seeds, the committed ones first; none where committed and fresh effects are not alike."""
        if self.committed.part != self.fresh.part:
            return []
        return [*self.committed.effects_by_seed.values(), *self.fresh.effects_by_seed.values()]

    @property
    def pooled(self) -> tuple[float, tuple[float, float]] | None:
        """Mean and 95 % interval of the effect over all seeds; None where they are not alike."""
        effects = self.all_effects
        return (float(np.mean(effects)), mean_interval(effects)) if effects else None

    @property
    def pooled_outcome(self) -> str | None:
        """What all seeds together come to, quality checks and the number of claims aside; None where not alike.

        Who adds seeds because the first were inconclusive looks twice, and errs more often than a verdict does: it says
        whether seeds were too few, and is no verdict.
        """
        effects = self.all_effects
        return verdicts.OUTCOMES[int(decide(weigh([effects], self.fresh.smallest_effect)))] if effects else None

    def as_json(self) -> dict:
        """Plain data."""
        return {
            "claim": f"{self.fresh.replication}/{self.fresh.id}",
            "study": self.fresh.study,
            "same_trend": self.same_trend,
            "within_prediction": self.within,
            "predicted": self.predicted,
            "pooled": self.pooled,
            "pooled_outcome": self.pooled_outcome,
            "committed": self.committed.as_json(),
            "fresh": self.fresh.as_json(),
        }


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications recheck", description=__doc__)
    parser.add_argument("claim", nargs="*", help="as `python -m replications claims` lists them")
    parser.add_argument("--set", metavar="NAME", help=f"the claims of a set in {DECLARED}, besides")
    parser.add_argument("--study", default=".", help="the study's folder (default: the bundled study)")
    parser.add_argument("--earlier", metavar="REV", help="train nothing: beside the verdicts of REV, on other seeds")
    parser.add_argument("--other-code", action="store_true", help="with --earlier: even if the training code changed")
    parser.add_argument("--seeds", metavar="11-15", help="seeds, as numbers and ranges with commas between them")
    parser.add_argument("--fresh", type=int, metavar="N", help=f"the next N seeds that are not used (default: {FRESH})")
    parser.add_argument("--again", action="store_true", help="allow tuning and reporting seeds among --seeds")
    parser.add_argument("--workers", type=int, help="worker processes on this machine (default: one per core)")
    parser.add_argument("--clean", action="store_true", help="delete what was trained, once it is judged")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--junit", metavar="FILE", type=command.file_to_write, help="write a JUnit report there, too")
    parser.add_argument(
        "--markdown", metavar="FILE", type=command.file_to_write, help="write a table there, too, for a job's summary"
    )
    arguments = parser.parse_args(argv)
    if arguments.workers is not None and arguments.workers < 1:
        raise RecheckError(f"--workers {arguments.workers}: expected at least 1; leave it out for one per core")
    declared = study.load(arguments.study)
    if arguments.earlier is not None:
        of_training = ("set", "seeds", "fresh", "again", "workers", "clean")
        given = [name for name in of_training if getattr(arguments, name) is not parser.get_default(name)]
        if arguments.claim or given:
            raise RecheckError(
                f"--earlier: it trains nothing; leave claims, {', '.join(f'--{name}' for name in of_training)} out"
            )
        return tell(arguments, earlier(declared, arguments.earlier, arguments.other_code))
    if arguments.other_code:
        raise RecheckError("--other-code: it goes with --earlier REV; leave it out")
    names = [*arguments.claim, *(claims_of_set(arguments.set) if arguments.set else ())]
    claims = [named(declared, name) for name in dict.fromkeys(names)]
    if not claims:
        raise RecheckError("no claim is named; name one that `python -m replications claims` lists, or a --set")
    rooms = {claim.replication for claim in claims}
    seeds = seeds_of(declared, arguments.seeds, arguments.fresh, arguments.again, rooms)
    with redirect_stdout(sys.stderr if arguments.json else sys.stdout):
        rechecked = recheck(declared, claims, seeds, arguments.workers)
    status = tell(arguments, rechecked)
    if arguments.clean:
        shutil.rmtree(folder_of(declared, seeds))
    return status


def tell(arguments: argparse.Namespace, rechecked: Sequence[Rechecked]) -> int:
    """Writes and prints what is asked for; returns the exit status."""
    if arguments.junit:
        write_bytes(arguments.junit, as_junit(rechecked))
    if arguments.markdown:
        write_text(arguments.markdown, as_markdown(rechecked))
    if arguments.json:
        print(json.dumps([one.as_json() for one in rechecked], indent=1, ensure_ascii=False))
    else:
        print("\n".join(in_words(one) for one in rechecked))
    return 0 if all(one.same_trend for one in rechecked) else 1


# --- what is asked ---------------------------------------------------------------------------------------------------


def named(declared: study.Study, name: str) -> Claim:
    """The claim of a name, with its replication before a slash or without it."""
    known = {claim.id: claim for claim in judge.claims_of(declared)}
    replication, _, short = name.rpartition("/")
    claim = known.get(short)
    if claim is None or replication not in ("", claim.replication):
        hint = command.did_you_mean(short, known) or "`python -m replications claims` lists the known claims"
        raise RecheckError(f"{name}: the {declared.name} study judges no such claim; {hint}")
    return claim


class Declared(BaseModel):
    """recheck.yaml."""

    model_config = ConfigDict(extra="forbid", strict=True)

    sets: dict[str, Annotated[list[str], Field(min_length=1)]]
    """Name of a set → its claims."""
    versions: list[dict[str, str]] = Field(min_length=1)
    """Each of Keras and of one backend: {keras: 3.15.1, tensorflow: 2.21.0}."""

    @field_validator("versions")
    @classmethod
    def _one_backend(cls, combinations: list[dict[str, str]]) -> list[dict[str, str]]:
        for one in combinations:
            if not any(one.keys() == {"keras", backend} for backend in BACKENDS):
                raise ValueError(f"{one}: expected a version of keras and one of {', '.join(BACKENDS)}")
            for name, number in one.items():
                if not re.fullmatch(r"[0-9]+(\.[0-9a-z]+)*", number):
                    raise ValueError(f"{name}: {number!r} is no version, such as 3.15.1")
        return combinations


def declared_in_file() -> Declared:
    """What recheck.yaml declares."""
    try:
        return Declared.model_validate(study.unchecked(DECLARED))
    except OSError as error:
        raise RecheckError(f"{DECLARED}: {error.strerror}; run it in the root of a checkout") from None
    except ValidationError as error:
        first = error.errors()[0]
        why = f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}"
        raise RecheckError(
            f"{DECLARED}: expected sets, each with a list of claims, and versions of packages ({why}); mend it"
        ) from None


def claims_of_set(name: str) -> list[str]:
    """The claims of a set."""
    sets = declared_in_file().sets
    if name not in sets:
        raise RecheckError(f"--set {name}: {DECLARED} has no such set; it has {', '.join(sets)}")
    return sets[name]


def seeds_of(
    declared: study.Study, listed: str | None, fresh: int | None, again: bool, rooms: Collection[str] = ()
) -> tuple[int, ...]:
    """The seeds to train with.

    Args:
        declared: the study, whose seeds are used.
        listed: '11-15,20', or None.
        fresh: how many that are not used, or None.
        again: whether used ones may be listed.
        rooms: the replications whose reporting seeds may not be listed (none: all of the study). A seed on which
            another replication reports is as fresh as others.
    """
    for_tuning = {seed for first in declared.tuning_seeds for seed in range(first, first + FOR_TUNING)}
    used = {*declared.all_seeds, *for_tuning}
    reported = {seed for room in rooms or declared.variants for seed in declared.seeds_of(room)}
    if listed is None:
        n = FRESH if fresh is None else fresh
        if not 1 <= n <= MOST:
            raise RecheckError(f"--fresh {n}: expected 1 to {MOST:,}; leave it out for {FRESH}")
        return tuple(range(max(used) + 1, max(used) + 1 + n))
    if fresh is not None:
        raise RecheckError("--seeds and --fresh exclude each other; leave one of them out")
    seeds: list[int] = []
    for part in listed.split(","):
        if not re.fullmatch(r"[0-9]{1,10}(-[0-9]{1,10})?", part):
            raise RecheckError(f"--seeds {listed}: {part!r} is no number and no range; write 11-15,20, for example")
        low, high = int(part.partition("-")[0]), int(part.rpartition("-")[2])
        if not low <= high <= study.MAX_SEED or high - low >= MOST:
            raise RecheckError(
                f"--seeds {listed}: {part} is no range of at most {MOST:,} seeds from 0 to {study.MAX_SEED}; "
                "write 11-15"
            )
        seeds += range(low, high + 1)
    seeds = list(dict.fromkeys(seeds))
    taken = sorted((reported | for_tuning) & set(seeds))
    if taken and not again:
        where = f"{' or '.join(sorted(rooms or declared.variants))} in the {declared.name} study"
        raise RecheckError(
            f"--seeds {listed}: seed {taken[0]} is a reporting seed of {where}, or kept for tuning; it says nothing "
            "new: name others, or allow it by --again"
        )
    return tuple(seeds)


# --- training, measuring, judging ------------------------------------------------------------------------------------


def folder_of(declared: study.Study, seeds: Sequence[int]) -> Path:
    """Where a study's runs with these seeds lie, of other versions elsewhere: .recheck/201-205/keras-3.15.1…/root."""
    ends = (
        f"{seeds[0]}-{seeds[-1]}" if list(seeds) == list(range(seeds[0], seeds[-1] + 1)) else "-".join(map(str, seeds))
    )
    return FOLDER / (ends if len(ends) < 60 else runs.digest({"seeds": list(seeds)})[:12]) / packages() / declared.name


def packages() -> str:
    """The versions that decide the bytes of a run: 'keras-3.15.1_tensorflow-2.21.0'.

    Raises:
        KerasError: the backend is not there.
    """
    check_backend()
    backend = os.environ.get("KERAS_BACKEND") or BACKENDS[0]
    return "_".join(f"{name}-{version(name)}" for name in ("keras", backend))


def recheck(
    declared: study.Study, claims: Sequence[Claim], seeds: tuple[int, ...], n_workers: int | None = None
) -> list[Rechecked]:
    """Each claim on fresh seeds, beside its committed verdict.

    Args:
        declared: the study.
        claims: of this study.
        seeds: to train with.
        n_workers: processes; None: one per core.
    """
    committed = chain.judged(declared, {claim.replication for claim in claims})
    fresh = declared.with_seeds(seeds, folder_of(declared, seeds))
    by_room: dict[str, list[Claim]] = {}
    for claim in claims:
        by_room.setdefault(claim.replication, []).append(claim)
    arms_of_rooms = {room: arms_of(declared, of_room) for room, of_room in by_room.items()}
    check_arrays(declared, arms_of_rooms)
    link_arrays(declared, fresh)
    started = time.monotonic()
    scores = {}
    for room, of_room in by_room.items():
        arms = arms_of_rooms[room]
        print(f"{room}: what is claimed compares {', '.join(arms)}; seeds {', '.join(map(str, seeds))}")
        print(f"{room}: {time_of(declared, fresh, room, arms, n_workers)}", flush=True)
        train(fresh, room, n_workers, arms)
        scores[room] = scores_of(fresh, room, arms, of_room)
    others = [verdict.p_claim for name, verdict in committed.items() if name not in {claim.id for claim in claims}]
    judged = {one.id: one for one in verdicts.judge(claims, scores, seeds, declared.name, others=others)}
    print(f"trained and judged in {(time.monotonic() - started) / 60:.1f} min", flush=True)
    return [Rechecked(committed[claim.id], judged[claim.id], len(claims)) for claim in claims]


def earlier(declared: study.Study, revision: str, other_code: bool = False) -> list[Rechecked]:
    """The verdicts of claims whose seeds are others since a revision, beside those that it has.

    A claim is left out if an arm of it has other parameters, code (unless `other_code`) or data than there, or is new:
    its effect may differ for that reason. So is one whose effect is measured or counts otherwise than there.

    Raises:
        RecheckError: there are none.
        RegressError: there is no such revision, or it has no verdicts of this study.
    """
    regress.check_revision(revision, "--earlier")
    there = regress.verdicts_at(revision, declared.folder, "--earlier")
    params = regress.params_at(revision, declared.folder, "--earlier"), study.unchecked(declared.params_file)
    claims = {claim.id: claim for claim in judge.claims_of(declared)}
    judged, found = chain.judged(declared), []
    trained = {
        room: (
            regress.code_and_data_at(revision, declared.folder, room),
            regress.code_and_data(read_runs(declared.folder, room).values()),
        )
        for room in {verdict.replication for verdict in judged.values()}
    }
    for verdict in judged.values():
        committed = there.get(f"{verdict.replication}/{verdict.id}")
        if committed is None:
            continue
        then, now = (_in_a_study(one, verdict.replication) for one in params)
        code_then, code_now = trained[verdict.replication]
        arms = arms_behind(declared, verdict.replication, claims.get(verdict.id))
        if any(then.get(arm) != now[arm] for arm in arms):
            continue
        if any(data_digests(code_then.get(arm)) != data_digests(code_now.get(arm)) for arm in arms):
            continue
        same_code = all(code_then.get(arm) == code_now.get(arm) for arm in arms)
        if not (same_code or other_code):
            continue
        try:
            before = TypeAdapter(Verdict).validate_json(json.dumps(committed))
        except ValidationError as error:
            why = " ".join(str(error).split())
            raise RecheckError(
                f"--earlier {revision}: {verdict.id} has other fields there than today ({why}); name a later revision"
            ) from None
        by = [one.instruments[0]["instrument"] for one in (before, verdict)]
        same_measure = (before.scale, by[0]) == (verdict.scale, by[1]) and math.isclose(  # six digits are committed
            before.smallest_effect, verdict.smallest_effect, rel_tol=1e-5
        )
        fresh = not before.effects_by_seed.keys() & verdict.effects_by_seed.keys()
        if fresh and (same_measure or before.part != verdict.part):
            found.append(Rechecked(before, verdict, other_code=not same_code))
    if not found:
        raise RecheckError(
            f"--earlier {revision}: no claim of the {declared.name} study was judged there on arms with the "
            f"same parameters{'' if other_code else ', code'} and data and on seeds entirely different from today's; "
            "name the last revision before a replication got fresh seeds"
        )
    return [replace(one, at_once=len(found)) for one in found]


def data_digests(trained: Collection[tuple[str, ...]] | None) -> set[str]:
    """The digests of the data alone, of those of code and data (`regress.code_and_data`)."""
    return {of_data for _, of_data in trained or ()}


def arms_behind(declared: study.Study, replication: str, claim: Claim | None) -> list[str]:
    """The variants that decide a claim's effect and its checks: those it compares and those behind its controls.

    `linear_NAME` is the best linear code of variant NAME; the pictures that controls are made of are as many as the
    first variant says. Of no claim, or of one that reads controls alone, they are all.
    """
    variants = list(declared.variants_of(replication))
    read = {name for name, _ in read_by(declared, claim)} if claim else set()
    controls_read = read - set(variants)
    wanted = (
        read | {name.removeprefix("linear_") for name in controls_read} | set(variants[:1] if controls_read else ())
    )
    return [name for name in variants if name in wanted] if read & set(variants) else variants


def _in_a_study(params: Mapping[str, Any], replication: str) -> dict[str, dict[str, Any]]:
    """Variant → what a params.yaml declares for it: its hyper-parameters, and the nets that judge its replication."""
    try:
        section = {"seeds": None, **params.get(replication, {})}
        nets = readers_of(section.get("dataset"), params.get("readers")) if reads(replication) else None
        variants = section.pop("variants", {})
        return {name: {**section, **own, "seeds": None, "readers": nets} for name, own in variants.items()}
    except (AttributeError, KeyError, TypeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise RecheckError(
            f"--earlier: {replication} and readers in params.yaml are no sections of a study there ({why}); name "
            "another revision"
        ) from None


def time_of(declared: study.Study, fresh: study.Study, room: str, arms: Sequence[str], n_workers: int | None) -> str:
    """How many runs there are, and how long they should take if none is there yet."""
    wanted = [run for run in fresh.runs(room) if run.variant in arms]
    seen = DurationLog(declared.folder / "logs" / f"{room}.csv").expected
    if set(arms) <= set(seen):
        seconds, where = sum(seen[run.variant] for run in wanted), "as they took on this machine"
    else:
        seconds, where = benched(declared, wanted), f"if all arms were like the one in {BENCH.with_suffix('.md')}"
    if seconds is None:
        return f"{len(wanted)} runs"
    return f"{len(wanted)} runs, about {seconds / (n_workers or CPU_COUNT) / 60:.0f} min in all, {where}"


def arms_of(declared: study.Study, claims: Iterable[Claim]) -> list[str]:
    """The variants that claims of one replication compare or check, in the declared order; controls are no variants."""
    claims = list(claims)
    wanted = {variant for claim in claims for variant, _ in read_by(declared, claim)}
    return [variant for variant in declared.variants_of(claims[0].replication) if variant in wanted]


def read_by(declared: study.Study, claim: Claim) -> set[tuple[str, str]]:
    """The (arm, instrument) pairs that a claim and its quality checks read in this study."""
    checks = [check for check in claim.checks if not check.studies or declared.name in check.studies]
    return {pair for one in (claim, *checks) for pair in one.needs}


def check_arrays(declared: study.Study, arms: Mapping[str, Sequence[str]]) -> None:
    """Raises a line for arrays that no arm (replication → variants) can be trained on, before anything is written."""
    if not (declared.folder / "arrays").is_dir():
        raise RecheckError(
            f"{declared.folder / 'arrays'}: no such folder; run {repro(declared.folder, 'arrays')} to export the data"
        )
    for room, variants in arms.items():
        wanted = [run for run in declared.runs(room) if run.variant in variants]
        pictures.check(declared, wanted, runs.read_arrays(declared, wanted))


def link_arrays(declared: study.Study, fresh: study.Study) -> None:
    """Lets a folder see the study's arrays."""
    link, arrays = fresh.folder / "arrays", (declared.folder / "arrays").resolve()
    fresh.folder.mkdir(parents=True, exist_ok=True)
    if not link.exists():
        link.unlink(missing_ok=True)  # one that leads nowhere
        link.symlink_to(arrays, target_is_directory=True)


def scores_of(fresh: study.Study, replication: str, arms: Sequence[str], claims: Sequence[Claim]) -> Scores:
    """The scores at the end of training of some arms of a replication, and of its controls if a claim asks for any."""
    if reads(replication):
        train_nets(fresh, replication)
    wanted = [run for run in fresh.runs(replication) if run.variant in arms]
    rows = [
        {"variant": run.variant, "seed": run.seed, "instrument": instrument, "score": f"{score:.6g}"}
        for run, measured in measure.each(fresh, wanted, ended=True)
        for instrument, score in measured.scores[1.0].items()
    ]
    if all(variant in arms for claim in claims for variant, _ in read_by(fresh, claim)):
        return Scores.from_rows(rows)
    controls.measure(fresh, replication)
    path = fresh.folder / "results" / replication / "controls.csv"
    return Scores.from_rows(rows, read_csv(path, controls.COLUMNS, "run the same command again"))


def with_nets(declared: study.Study, run: study.Run) -> study.Study:
    """A study's folder in .recheck/ with the nets that judge a run: those of the study's seed, not of the run's own."""
    seeds = (declared.net_seed(run.replication, run.seed),)
    fresh = declared.with_seeds(seeds, folder_of(declared, seeds))
    link_arrays(declared, fresh)
    train_nets(fresh, run.replication)
    return replace(fresh, own_seeds={run.replication: (run.seed,)})


def train_nets(fresh: study.Study, replication: str) -> None:
    """The nets that read this replication's pictures, where there are none of today's code, data and parameters yet."""
    dataset = dataset_of(fresh, replication)
    of_room = study.Readers(**readers_of(dataset, fresh.readers.model_dump()))
    made_of = {
        "readers": of_room.model_dump(mode="json"),
        "seeds": list(fresh.seeds),
        "code": digest("measuring.readers"),
        "data": runs.sha256((fresh.folder / "arrays" / f"{dataset}.npz").read_bytes()),
    }
    mark = fresh.folder / "readers" / f"{dataset}.json"
    if not (mark.exists() and mark.read_text(encoding="utf-8") == runs.digest(made_of)):
        readers.train(replace(fresh, readers=of_room))
        write_text(mark, runs.digest(made_of))


# --- what is told ----------------------------------------------------------------------------------------------------


def in_words(one: Rechecked) -> str:
    """A claim, its two verdicts and how they compare, for a terminal."""
    lines = [f"{one.fresh.replication}/{one.fresh.id} ({one.fresh.study}): {one.fresh.statement}"]
    for word, verdict in (("committed", one.before), ("fresh", one.fresh)):
        seeds = ", ".join(str(seed) for seed in verdict.effects_by_seed)
        lines.append(f"  {word:<10} {verdict.verdict:<13} {verdict.in_words()}, seeds {seeds}")
        lines += [f"             {check.in_words()}" for check in verdict.checks if not check.passed]
    if one.pooled:
        effect, interval = one.pooled
        words = verdicts.in_words(effect, interval, one.fresh.unit, one.fresh.scale)
        lines.append(f"  {'pooled':<10} {one.pooled_outcome:<13} {words}")
    lines.append(f"  {expected(one)}")
    lines.append("  the same trend" if one.same_trend else "  ANOTHER TREND")
    return "\n".join(lines)


def expected(one: Rechecked) -> str:
    """Whether the fresh effect was to be expected."""
    if one.predicted is None:
        return "no interval predicts the fresh effect: another part of the claim decides, or there was one seed alone"
    low, high = (verdicts.number(bound, one.fresh.scale) for bound in one.predicted)
    words = f"the fresh effect lies {'within' if one.within else 'outside'} [{low}, {high}], the prediction interval"
    if not one.within and one.same_trend and one.committed.verdict != one.fresh.verdict:
        words += f", by no more than one of {one.at_once} claims may"
    return words


def _pooled(one: Rechecked) -> str:
    if one.pooled is None:
        return "– (another part decides)"
    effect, interval = one.pooled
    words = verdicts.number(effect, one.fresh.scale), *(verdicts.number(end, one.fresh.scale) for end in interval)
    return "{}: {} [{}, {}] (n = {})".format(one.pooled_outcome, *words, len(one.all_effects))


def as_markdown(rechecked: Sequence[Rechecked]) -> str:
    """How many trends repeat, beside what was to be expected, and a table, what changed first."""

    def seeds(verdict: Verdict) -> str:
        return ", ".join(map(str, verdict.effects_by_seed))

    def within(of: Sequence[Rechecked]) -> str:
        known = [one for one in of if one.within is not None]
        return f"{sum(one.within is True for one in known)} of {len(known)} fresh effects lie within their prediction"

    rooms: dict[str, list[Rechecked]] = {}
    for one in rechecked:
        rooms.setdefault(one.fresh.replication, []).append(one)
    known = [one for one in rechecked if one.within is not None]
    chances = [one.committed.flip_chance for one in rechecked]
    open_ = [one for one in rechecked if one.fresh.if_tested == "inconclusive"]
    decided = sum(one.pooled_outcome not in (None, "inconclusive") for one in open_)
    outcomes = sum(one.committed.if_tested == one.fresh.if_tested for one in rechecked)
    lines = [
        "# Claims on fresh seeds",
        "",
        *(
            f"{room}: committed on seeds {seeds(of[0].committed)}, fresh on seeds {seeds(of[0].fresh)}. "
            f"{len(of)} claims; {within(of)} interval."
            + " Other code trained the fresh ones."
            * any(one.other_code for one in of)
            for room, of in rooms.items()
        ),
        "",
        f"{len(rechecked)} claims on fresh seeds: the outcome, quality checks aside, is the same in {outcomes}; by the "
        f"chances given with the verdicts, {len(rechecked) - sum(chances):.1f} were expected. {within(rechecked)} "
        f"interval; {0.95 * len(known):.1f} were expected. A trend counts as different if the verdict changed and the "
        f"effect lies so far outside that chance moves one of {len(rechecked)} effects as far in at most 5 % of such "
        "comparisons.",
        "",
        f"Of the {len(open_)} that are inconclusive on the fresh seeds, all seeds together decide {decided}, each "
        "claim by itself. That says whether seeds were too few; it is no verdict.",
        "",
        "| claim | trend | committed | fresh | within prediction | all seeds |",
        "|---|---|---|---|---|---|",
    ]
    for one in sorted(rechecked, key=lambda one: one.same_trend):
        cells = [
            f"{one.fresh.replication}/{one.fresh.id}",
            "the same" if one.same_trend else "**different**",
            *(f"{_outcome(verdict)}: {verdict.in_words()}" for verdict in (one.before, one.fresh)),
            {True: "yes", False: "no", None: "– (another part decides, or there was one seed)"}[one.within],
            _pooled(one),
        ]
        lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _outcome(verdict: Verdict) -> str:
    """The outcome, and of a claim that failed its quality checks what it would be without them."""
    if verdict.verdict == "untestable":
        return f"untestable (without its quality checks {verdict.if_tested})"
    return verdict.verdict


def as_junit(rechecked: Sequence[Rechecked]) -> bytes:
    """A test case for each claim."""
    lost = sum(not one.same_trend for one in rechecked)
    suite = ElementTree.Element("testsuite", name="recheck", tests=str(len(rechecked)), failures=str(lost))
    for one in rechecked:
        where = f"{one.fresh.study}.{one.fresh.replication}"
        case = ElementTree.SubElement(suite, "testcase", classname=where, name=one.fresh.id)
        if not one.same_trend:
            message = f"the verdict was {one.committed.verdict} and is {one.fresh.verdict}"
            ElementTree.SubElement(case, "failure", message=message).text = in_words(one)
    return ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)

"""A set of claims under other versions of Keras and its backends: `python -m replications versions`.

recheck.yaml lists the versions. Each combination gets an environment of its own in .recheck/versions/, in which the
claims of a set are rechecked on fresh seeds, the same seeds under all of them. What comes out is added to
validation/versions.json and, for people, to versions.md. A combination that is there already, with the same seeds,
claims and committed effects, is not trained again; one that was cut off goes on where it was.

Exits with 1 where a trend is lost under one of them.
"""

import argparse
import ctypes
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tomllib
import venv
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from replications import command, study
from replications.environment import BACKENDS
from replications.errors import ReplicationError
from replications.judging.predicates import Scale
from replications.judging.verdicts import number
from replications.results import write_text
from replications.trust import chain, recheck

ENVIRONMENTS = recheck.FOLDER / "versions"
FILE = Path("validation/versions.json")
TABLE = FILE.with_suffix(".md")
LEAVE_OUT = f"leave the versions out of {recheck.DECLARED}"
PR_SET_PDEATHSIG = 1
"""From Linux' sys/prctl.h: the signal that a process gets when the one that started it ends."""


class VersionsError(ReplicationError):
    """Versions that cannot be installed, or under which nothing can be trained."""


class Trend(BaseModel):
    """A claim under a combination of versions; effects are on the claim's scale."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    claim: str
    scale: Scale
    committed: float
    committed_verdict: str
    predicted: list[float] | None
    """Where 95 % of the effects of as many fresh seeds lie."""
    fresh: float
    fresh_verdict: str
    same_trend: bool


class Combination(BaseModel):
    """What came out under a combination of versions."""

    model_config = ConfigDict(extra="forbid", strict=True)

    versions: dict[str, str]
    backend: str
    python: str
    numpy: str
    date: str
    seeds: list[int]
    trends: list[Trend]


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications versions", description=__doc__)
    parser.add_argument("--set", metavar="NAME", default="canary", help="the set of claims (default: %(default)s)")
    parser.add_argument("--fresh", type=int, metavar="N", default=recheck.FRESH, help="seeds (default: %(default)s)")
    parser.add_argument("--workers", type=int, help="worker processes on this machine (default: one per core)")
    arguments = parser.parse_args(argv)
    if arguments.workers is not None and arguments.workers < 1:
        raise VersionsError(f"--workers {arguments.workers}: expected at least 1; leave it out for one per core")
    declared = study.load(".")
    seeds = recheck.seeds_of(declared, None, arguments.fresh, False)
    claims = [recheck.named(declared, name) for name in recheck.claims_of_set(arguments.set)]
    committed = {f"{one.replication}/{one.id}": one.as_json()["effect"] for one in chain.judged(declared).values()}
    effects = {name: committed[name] for name in (f"{claim.replication}/{claim.id}" for claim in claims)}
    wanted = recheck.declared_in_file().versions
    for versions in wanted:
        if any(is_of(known, versions, seeds, effects) for known in read()):
            print(f"{in_words(versions)}: {FILE} has it")
            continue
        found = under(versions, arguments, seeds)
        others = [known for known in read() if known.versions in wanted and known.versions != versions]
        write([*others, found])
        lost = [one.claim for one in found.trends if not one.same_trend]
        what = f"ANOTHER TREND of {', '.join(lost)}" if lost else "the same trends"
        print(f"{in_words(versions)}: {what}", flush=True)
    print(f"all of them in {TABLE}")
    return int(any(not one.same_trend for known in read() if known.versions in wanted for one in known.trends))


def is_of(
    known: Combination, versions: Mapping[str, str], seeds: Sequence[int], committed: Mapping[str, float]
) -> bool:
    """Whether it is what training the claims with these effects again, under the versions, would have to repeat."""
    same = known.versions == versions and known.seeds == list(seeds)
    return same and {one.claim: one.committed for one in known.trends} == committed


def under(versions: Mapping[str, str], arguments: argparse.Namespace, seeds: Sequence[int]) -> Combination:
    """Trains and judges in an environment with these versions."""
    python = installed(versions)
    backend = next(name for name in BACKENDS if name in versions)
    words = ["recheck", "--set", arguments.set, "--seeds", ",".join(map(str, seeds)), "--json"]
    if arguments.workers:
        words += ["--workers", str(arguments.workers)]
    variables = {**os.environ, "KERAS_BACKEND": backend}
    print(f"{in_words(versions)}: {' '.join(words)}", flush=True)
    done = run([str(python), "-m", "replications", *words], variables)
    if done.returncode not in (0, 1):
        raise VersionsError(f"{in_words(versions)}: nothing was judged, for the reason above; mend it, or {LEAVE_OUT}")
    numpy = run([str(python), "-c", "import numpy; print(numpy.__version__)"], variables).stdout.strip()
    return Combination(
        versions=dict(versions),
        backend=backend,
        python=platform.python_version(),
        numpy=numpy,
        date=date.today().isoformat(),
        seeds=list(seeds),
        trends=[trend(one) for one in json.loads(done.stdout)],
    )


def installed(versions: Mapping[str, str]) -> Path:
    """The Python of an environment that has them, made where there is none."""
    folder = ENVIRONMENTS / "_".join(f"{name}-{version}" for name, version in sorted(versions.items()))
    python, mark = folder / "bin" / "python", folder / "installed"
    if mark.exists():
        return python.absolute()
    print(f"{in_words(versions)}: an environment in {folder}", flush=True)
    dependencies = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    names = [re.split(r"[<>=,;\[ ]", one)[0] for one in dependencies]
    wanted = [f"{name}=={version}" for name, version in versions.items()]
    wanted += [name for name in names if name not in versions]  # as those that are fixed allow
    venv.create(folder, clear=True, with_pip=True)
    if run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]).returncode:
        raise VersionsError(f"{in_words(versions)}: pip could not install them, for the reason above; {LEAVE_OUT}")
    mark.touch()
    return python.absolute()


def run(words: Sequence[str], variables: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """A command whose errors and progress are seen and whose standard output is kept; it ends when this one does."""

    def end_with_this_one() -> None:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    return subprocess.run(
        words, env=variables, stdout=subprocess.PIPE, text=True, check=False, preexec_fn=end_with_this_one
    )


def trend(one: Mapping[str, Any]) -> Trend:
    """What is kept of a claim, of `recheck --json`."""
    committed, fresh = one["committed"], one["fresh"]
    return Trend(
        claim=one["claim"],
        scale=committed["scale"],
        committed=committed["effect"],
        committed_verdict=committed["verdict"],
        predicted=one["predicted"],
        fresh=fresh["effect"],
        fresh_verdict=fresh["verdict"],
        same_trend=one["same_trend"],
    )


def read() -> list[Combination]:
    """What is there so far."""
    if not FILE.exists():
        return []
    try:
        return TypeAdapter(list[Combination]).validate_json(FILE.read_bytes())
    except ValidationError as error:
        why = " ".join(str(error.errors()[0]["msg"]).split())
        raise VersionsError(
            f"{FILE}: expected what this command writes ({why}); restore it from Git, or delete it"
        ) from None


def write(known: Sequence[Combination]) -> None:
    """Both files."""
    known = sorted(known, key=by_version)
    plain = [one.model_dump() for one in known]
    write_text(FILE, json.dumps(plain, indent=1, ensure_ascii=False) + "\n")
    write_text(TABLE, as_markdown(known))


def by_version(one: Combination) -> list[list[int]]:
    """The earliest Keras first."""
    return [[int(part) for part in re.findall(r"\d+", version)] for version in one.versions.values()]


def as_markdown(known: Sequence[Combination]) -> str:
    """A line for each claim, a column for each combination; what was committed is as the latest of them found it."""
    lost = sum(not one.same_trend for combination in known for one in combination.trends)
    seeds = sorted({seed for one in known for seed in one.seeds})
    trends = {(one.claim, i): one for i, combination in enumerate(known) for one in combination.trends}
    heads = [in_words(one.versions) for one in known]
    lines = [
        "# Claims under other versions",
        "",
        "Made by `python -m replications versions`: a few claims of the bundled study, trained again on fresh seeds "
        f"({', '.join(map(str, seeds))}) under the versions that recheck.yaml lists. *predicted*: where 95 % of the "
        "effects of as many fresh seeds lie, if nothing but the seeds is different."
        + " For a claim of two parts, a single seed compares only the first."
        * any(len(one.seeds) == 1 for one in known),
        "",
        f"{lost or 'None'} of {len(trends)} trends {'was' if lost == 1 else 'were'} lost.",
        "",
        "| claim | committed | predicted | " + " | ".join(heads) + " |",
        "|---|---|---|" + "---|" * len(known),
    ]
    shown: dict[str, Trend] = {}
    for claim in dict.fromkeys(claim for claim, _ in trends):
        here = {i: trends[claim, i] for i in range(len(known)) if (claim, i) in trends}
        shown[claim] = here[max(here, key=lambda i: (known[i].date, i))]
        low_high = " to ".join(number(bound, shown[claim].scale) for bound in shown[claim].predicted or ()) or "–"
        cells = [f"{number(here[i].fresh, here[i].scale)}" if i in here else "–" for i in range(len(known))]
        cells = [cell if i not in here or here[i].same_trend else f"**{cell}**" for i, cell in enumerate(cells)]
        committed = f"{number(shown[claim].committed, shown[claim].scale)}, {shown[claim].committed_verdict}"
        lines.append(f"| {claim} | {committed} | {low_high} | " + " | ".join(cells) + " |")
    lines.append("")
    for one in known:
        of_earlier = any(trend.committed != shown[trend.claim].committed for trend in one.trends)
        lines.append(
            f"- {in_words(one.versions)}: {described(one)}" + "; compared with what was committed then" * of_earlier
        )
    return "\n".join(lines) + "\n"


def described(one: Combination) -> str:
    """'tensorflow computes; NumPy 2.0.2, Python 3.11.7; trained on 2026-11-30'."""
    return f"{one.backend} computes; NumPy {one.numpy}, Python {one.python}; trained on {one.date}"


def in_words(versions: Mapping[str, str]) -> str:
    """'keras 3.15.1, tensorflow 2.21.0'."""
    return ", ".join(f"{name} {version}" for name, version in versions.items())

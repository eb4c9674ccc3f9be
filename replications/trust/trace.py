"""Where a verdict comes from, link by link: `python -m replications trace CLAIM`.

Prints verdict, register, scores, runs, parameters, code, data and environment of one claim, says of each link whether
it holds, and exits with 1 where one is broken. What differs between the runs' environment and this machine is shown,
and breaks nothing.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from replications import code, command, evidence, runs, study
from replications.command import repro
from replications.errors import ReplicationError
from replications.judging import judge, register
from replications.judging.claims import Claim
from replications.judging.scores import read_scores
from replications.reporting import report
from replications.results import environment_words, read_environments, read_runs
from replications.trust import chain, kept


class TraceError(ReplicationError):
    """A claim that the study does not judge."""


@dataclass(frozen=True)
class Link:
    """One step from a number to its origin."""

    name: str
    shown: tuple[str, ...]
    """What stands there, a line each."""
    problems: tuple[str, ...] = ()
    """What is wrong with it, a line each; none: the link holds."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications trace", description=__doc__)
    parser.add_argument("claim", help="such as adversarial_term_sharpens")
    parser.add_argument("--study", default=".", help="the study's folder (default: the bundled study)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args(argv)
    declared = study.load(arguments.study)
    claim = find(declared, arguments.claim)
    links = trace(declared, claim, chain.environment_now())
    if arguments.json:
        print(json.dumps([asdict(link) for link in links], indent=1, ensure_ascii=False))
    else:
        show(declared, claim, links)
    return 1 if any(link.problems for link in links) else 0


def find(declared: study.Study, name: str) -> Claim:
    """The claim of that name, which may be given with its replication: pix2pix/skips_help."""
    claims = {claim.id: claim for claim in judge.claims_of(declared)}
    wanted = name.rsplit("/", 1)[-1]
    if wanted not in claims or name not in (wanted, f"{claims[wanted].replication}/{wanted}"):
        hint = command.did_you_mean(wanted, claims) or "`python -m replications claims` lists the known claims"
        raise TraceError(f"claim {name!r}: the {declared.name} study judges no such claim; {hint}")
    return claims[wanted]


def trace(declared: study.Study, claim: Claim, here: dict) -> list[Link]:
    """The links from a claim's verdict back to its data.

    Args:
        declared: the study.
        claim: one that it judges.
        here: this machine's environment, as `replications.environment` describes it.
    """
    return [
        _shown_to_people(declared, claim),
        _verdict(declared, claim),
        _register(declared, claim),
        _scores(declared, claim),
        _instruments(declared, claim),
        _runs(declared, claim),
        _parameters(declared, claim),
        _code(declared, claim),
        _data(declared, claim),
        _environment(declared, claim, here),
    ]


def show(declared: study.Study, claim: Claim, links: list[Link]) -> None:
    """The links on the terminal."""
    console = Console(width=None if Console().is_terminal else 200, highlight=False, soft_wrap=True)
    console.print(f"[bold]{claim.replication}/{claim.id}[/] in the {declared.name} study: {escape(claim.statement)}")
    for link in links:
        console.print(f"{'[red]✘[/]' if link.problems else '[green]✔[/]'} [bold]{link.name}[/]")
        for line in link.shown:
            console.print(f"    {escape(line)}")
        for line in link.problems:
            console.print(f"    [red]broken:[/] {escape(line)}")
    broken = [link.name for link in links if link.problems]
    console.print(f"broken: {', '.join(broken)}" if broken else "every link holds")


def _shown_to_people(declared: study.Study, claim: Claim) -> Link:
    committed = chain.committed_verdicts(declared.folder)
    shown = report.effect(committed[claim.id]) if claim.id in committed else "nothing"
    return Link("texts", (shown,), tuple(_readme_problems(declared)))


def _readme_problems(declared: study.Study) -> Iterator[str]:
    for path, blocks in report.generated(Path()).items():
        if path.parent.name in ("", "results", *declared.variants):
            readme = report.read_readme(path)
            lines = zip_longest(report.with_blocks(readme, blocks, path).splitlines(), readme.splitlines())
            for should, is_ in lines:
                if should != is_:
                    yield f"{path} shows {is_!r}, the results say {should!r}; run {repro(declared.folder)}"
                    return


def _verdict(declared: study.Study, claim: Claim) -> Link:
    follows = chain.judged(declared, [claim.replication])[claim.id]
    committed = chain.committed_verdicts(declared.folder)
    shown = (
        f"{declared.folder / 'results/verdicts.json'}: {follows.verdict}, {follows.in_words()}, smallest effect "
        f"{report.smallest(follows.as_json())}, p beyond it {follows.p_beyond:.3g}, adjusted {follows.p_adjusted:.3g}",
        *(f"deviation ({one.kind}): {one.what}; {one.effect}; favours {one.favours}" for one in follows.deviations),
        f"rule: replications/judging; claim: replications/{claim.replication}/claims.py; {claim.predicate}",
    )
    problems = (
        *chain.verdict_problems(declared.folder, follows, committed),
        *chain.file_problems(declared.folder, "verdicts.json"),
        *chain.code_problems(declared.folder, {"judge"}),
    )
    return Link("verdict", shown, problems)


def _register(declared: study.Study, claim: Claim) -> Link:
    standing = register.registered(declared, [claim])[register.name_of(claim)]
    return Link("register", (f"{register.FILE}: {standing}",), tuple(chain.register_problems(declared, claim)))


def _scores(declared: study.Study, claim: Claim) -> Link:
    scores, file = read_scores(declared, claim.replication), f"{claim.replication}/scores.csv"
    seeds = declared.seeds_of(claim.replication)
    shown = [f"{declared.folder / 'results' / file}:"]
    for variant, instrument in sorted(claim.needs):
        arm = scores.arm(variant, instrument, seeds)
        values = ", ".join(f"{score:.6g}" for score in arm)
        shown.append(f"{variant}, {instrument}, seeds {', '.join(map(str, seeds))}: {values}")
    return Link("scores", tuple(shown), tuple(chain.file_problems(declared.folder, file)))


def _instruments(declared: study.Study, claim: Claim) -> Link:
    names = sorted({instrument for _, instrument in claim.needs})
    shown = (f"{', '.join(names)}: replications/instruments, as replications/{claim.replication}/measures.py asks",)
    problems = (
        *chain.code_problems(declared.folder, {f"measure@{claim.replication}"}),
        *chain.file_problems(declared.folder, "readers.json"),
    )
    return Link("instruments", shown, problems)


def _rows(declared: study.Study, claim: Claim) -> list[tuple[study.Run, dict[str, str] | None]]:
    """The runs that a claim rests on, with their rows in runs.csv."""
    rows, needed = read_runs(declared.folder, claim.replication), {variant for variant, _ in claim.needs}
    wanted = [run for run in declared.runs(claim.replication) if run.variant in needed]
    return [(run, rows.get((run.variant, run.seed))) for run in wanted]


def _runs(declared: study.Study, claim: Claim) -> Link:
    rows = _rows(declared, claim)
    shown = [
        f"{runs.folder(declared, run)}: images {row['images_sha256'][:12]}, facts {row['facts_sha256'][:12]}"
        + ("" if runs.folder(declared, run).exists() else " (not on this machine)")
        + (" (trained again in another environment)" if _elsewhere(declared, run, row) else "")
        for run, row in rows
        if row
    ]
    remake = f"python -m replications audit --study {declared.folder} --only {claim.replication}/VARIANT/SEED"
    problems = [
        *chain.file_problems(declared.folder, f"{claim.replication}/runs.csv"),
        *chain.stored_runs_problems(declared.folder, claim.replication),
        *(problem for run, row in rows for problem in chain.stored_run_problems(declared, run, row)),
    ]
    outputs, wrong = kept.in_words(declared, [run for run, _ in rows])
    return Link("runs", (*shown, *outputs, f"to train one again: {remake}"), (*problems, *wrong))


def _elsewhere(declared: study.Study, run: study.Run, row: dict[str, str]) -> bool:
    """Whether the run on this machine is of another environment than the one that was measured."""
    try:
        return str(runs.provenance(runs.read(declared, run))["environment"]) != row["environment"]
    except runs.RunsError:  # `chain.stored_run_problems` says which
        return False


def _parameters(declared: study.Study, claim: Claim) -> Link:
    rows = _rows(declared, claim)
    own = {run.variant: run.params.model_dump_json() for run, _ in rows}
    problems = (
        *chain.params_problems(declared.folder, {claim.replication}),
        *chain.params_of_runs_problems(declared, [(run, row) for run, row in rows if row]),
    )
    return Link("parameters", tuple(f"{variant}: {params}" for variant, params in own.items()), problems)


def _code(declared: study.Study, claim: Claim) -> Link:
    files = ", ".join(path.relative_to(code.PACKAGE.parent).as_posix() for path in code.trains(claim.replication))
    shown = (
        f"{files}: {code.code_hash(claim.replication)[:12]}, comments and docstrings left out",
        *evidence.in_words(declared.folder, [claim.replication]),
    )
    rows = [(run, row) for run, row in _rows(declared, claim) if row]
    return Link("code", shown, tuple(chain.code_of_runs_problems(declared, rows)))


def _data(declared: study.Study, claim: Claim) -> Link:
    rows = [(run, row) for run, row in _rows(declared, claim) if row]
    datasets = sorted({runs.arrays_file(declared, run).stem for run, _ in rows})
    hashes = sorted({row["data_sha256"][:12] for _, row in rows})
    problems = (
        *(problem for name in datasets for problem in chain.data_problems(declared.folder, name)),
        *chain.net_problems(declared.folder),
        *chain.data_of_runs_problems(declared, rows),
    )
    return Link("data", (f"{', '.join(datasets)}: {', '.join(hashes)}",), problems)


def _environment(declared: study.Study, claim: Claim, here: dict) -> Link:
    environments = read_environments(declared.folder, claim.replication)
    used = [row["environment"] for _, row in _rows(declared, claim) if row]
    shown, problems = [], list(chain.file_problems(declared.folder, f"{claim.replication}/environments.json"))
    for name in sorted(set(used)):
        if name not in environments:
            problems.append(f"environment {name}: not in environments.json; run {repro(declared.folder)}")
            continue
        differs = list(chain.drift(environments[name], here))
        what = f"differs from this machine, so that bytes may, too ({'; '.join(differs)})" if differs else "as here"
        shown.append(f"{used.count(name)} runs in {environment_words(environments[name])}: {what}")
    return Link("environment", tuple(shown), tuple(problems))

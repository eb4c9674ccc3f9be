"""Writes the verdicts for people: `python -m replications report` makes results/verdicts.md and README.md's table.

The table in README.md stands between two markers and shows every study whose verdicts are there, side by side.
"""

import csv
import dataclasses
import importlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import get_args

from jinja2 import Environment, StrictUndefined

from replications import command, study
from replications.command import repro
from replications.errors import ReplicationError
from replications.judging import claims
from replications.judging.claims import Scale, in_words, number
from replications.judging.explanations import EXPLANATIONS, findings
from replications.results import environment_words, read_environments, read_runs, write_text

BEGIN, END = "<!-- results: begin (generated, do not edit) -->", "<!-- results: end -->"
SIGNS = {"replicated": "✔ replicated", "contradicted": "✘ contradicted", "inconclusive": "? inconclusive"}


def _escaped(value: object) -> object:
    """What a template puts out: one line that holds no HTML, no link and no end of a table's cell."""
    if not isinstance(value, str):
        return value
    text = re.sub(r"\s+", " ", value)
    for raw, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", r"\|"), ("](", r"]\(")):
        text = text.replace(raw, safe)
    return text


_ENVIRONMENT = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_escaped)
_ENVIRONMENT.filters["short"] = lambda number: "–" if number is None else short(number)
_SUMMARY = _ENVIRONMENT.from_string(
    """\
{% for study, counts in totals.items() %}
**{{ study }}** study: {{ counts.replicated }} replicated, {{ counts.contradicted }} contradicted, \
{{ counts.inconclusive }} inconclusive. Runs: {% for words, runs in environments[study].items() %}\
{{ runs.values() | sum }} in {{ words }}{{ "; " if not loop.last else "." }}{% endfor %}

{% endfor %}

| explanation | for | against | undecided | conclusion |
|---|---|---|---|---|
{% for name, finding in findings.items() %}
| **{{ name }}** {{ explanations[name].name }} | {{ finding.supporting | length }} | \
{{ finding.contradicting | length }} | {{ finding.undecided }} | {{ finding.conclusion }} |
{% endfor %}

**What did not replicate**: contradicted {{ "are" if contradicted else "is nothing." }}

{% for verdict in contradicted %}
- in *{{ verdict.study }}*, **{{ verdict.replication }}**: "{{ verdict.statement }}" Seen: {{ effect(verdict) }}.\
{% if verdict.reason %} Why, as far as it is known: {{ verdict.reason }}.{% endif %}

{% endfor %}

Why the inconclusive ones are undecided stands beside each of them in verdicts.md of its study.

| claim | published |{% for study in totals %} {{ study }} |{% endfor %}

|---|---|{% for study in totals %}---|{% endfor %}

{% for rows in claims.values() %}
{% set any = rows.values() | first %}
{% set published = any.published or "–" %}
| **{{ any.replication }}** {{ any.statement }} \
({{ bearing(any) }})<br>*deviations: {{ deviations(any.deviations) }}* | {{ published }} |\
{% for study in totals %}{% if study in rows %} {{ signs[rows[study].verdict] }}<br>{{ effect(rows[study]) }}\
{% if rows[study].deviations != any.deviations %}<br>*deviations: \
{{ deviations(rows[study].deviations) }}*{% endif %} |\
{% else %} – |{% endif %}{% endfor %}

{% endfor %}
"""
)
_STUDY = _ENVIRONMENT.from_string(
    """\
# Verdicts of the {{ study }} study

Runs were made in {{ environments | length }} environment{{ "s" if environments | length > 1 }}\
{{ ": they are not all comparable byte for byte." if environments | length > 1 else "." }}

| runs | of | environment |
|---|---|---|
{% for words, runs in environments.items() %}
| {{ runs.values() | sum }} | {{ runs | join(", ") }} | {{ words }} |
{% endfor %}

{% for v in verdicts %}
## {{ v.id }}: {{ v.verdict }}

{{ v.statement }} *({{ v.source }}; {{ bearing(v) }})*

- Effect: {{ effect(v) }}, {{ v.n_seeds }} seeds; compared: {{ v.part }}.
- Smallest effect that matters: {{ smallest(v) }}. Published: {{ v.published or "no number" }}.
- p (sign flips, any effect) {{ "%.3g" % v.p_value }}; p (beyond the smallest) {{ "%.3g" % v.p_beyond }}, adjusted \
{{ "%.3g" % v.p_adjusted }}{% if v.verdict == "contradicted" %}; p (the other sign) {{ "%.3g" % v.p_against }}, \
adjusted {{ "%.3g" % v.p_against_adjusted }}{% endif %}; \
chance that fresh seeds give another verdict {{ "%.2f" % v.flip_chance }}.
{% if v.reason and v.verdict != "replicated" %}
- Why it is not replicated, as far as it is known: {{ v.reason }}.
{% endif %}
- By each instrument:{% for i in v.instruments %} {{ i.instrument }} {{ i.verdict }}{{ "," if not loop.last else "." }}\
{% endfor %}{% if v.disagreement %} **The instruments disagree.**{% endif %}

| deviation | | expected effect | favours |
|---|---|---|---|
{% for one in v.deviations %}
| {{ one.kind }} | {{ one.what }} | {{ one.effect }} | {{ signs[one.favours] }} {{ one.favours }} |
{% endfor %}

{% endfor %}
"""
)


_TABLES = _ENVIRONMENT.from_string(
    """\
{% for table in tables %}
**{{ table.title }}**

| variant |{% for name in table.instruments %} {{ name }}, published |\
{% for study in studies %} {{ study }} |{% endfor %}{% endfor %}

|---|{% for name in table.instruments %}---|{% for study in studies %}---|{% endfor %}{% endfor %}

{% for variant, published in table.rows.items() %}
| {{ variant }} |{% for name in table.instruments %} {{ published[loop.index0] | short }} |\
{% for ours in studies.values() %} {{ ours.get((variant, name), "–") }} |{% endfor %}{% endfor %}

{% endfor %}

{% endfor %}
"""
)


class ReportError(ReplicationError):
    """A README that lost its markers, or verdicts that are not there."""


def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = command.Parser(prog="python -m replications report", description=__doc__)
    parser.add_argument("--study", default=".", help="the study's folder (default: the bundled study)")
    arguments = parser.parse_args(argv)
    declared = study.load(arguments.study)
    verdicts = read_verdicts(declared.folder)
    if verdicts is None:
        raise ReportError(
            f"{declared.folder / 'results/verdicts.json'}: no such file; run {repro(declared.folder)} to judge first"
        )
    path = declared.folder / "results" / "verdicts.md"
    page = _STUDY.render(
        study=declared.name,
        verdicts=verdicts,
        environments=environments(declared.folder, declared.variants),
        effect=effect,
        smallest=smallest,
        bearing=bearing,
        signs=claims.SIGNS,
    )
    written = {path: page}
    for readme, content in generated(Path()).items():
        if not readme.exists():
            raise ReportError(f"{readme}: no such file; run this in the repository's folder")
        written[readme] = with_table(readme.read_text(encoding="utf-8"), content)
    for file, text in written.items():  # all of them, or none
        write_text(file, text)
    print(f"{len(verdicts)} verdicts in {path}, tables in README.md and the replications' READMEs")
    return 0


def generated(root: Path) -> dict[Path, str]:
    """README → what stands between its markers, for the suite and for each replication."""
    texts = {root / "README.md": table(root)}
    for name in study.REPLICATIONS:
        tables = importlib.import_module(f"replications.{name}.claims").TABLES
        texts[root / "replications" / name / "README.md"] = _TABLES.render(tables=tables, studies=means(root, name))
    return texts


def means(root: Path, replication: str) -> dict[str, dict[tuple[str, str], str]]:
    """Study → (variant, instrument) → '0.66 [0.65, 0.67]': mean and interval over seeds; `photos` from the readers."""
    studies = {}
    for folder in study.STUDIES:
        results = root / folder / "results"
        if not (results / replication / "summary.csv").exists():
            continue
        path, remedy = results / replication / "summary.csv", f"run {repro(root / folder, f'measure@{replication}')}"
        try:
            with path.open(encoding="utf-8", newline="") as lines:
                ours = {
                    (row["variant"], row["instrument"]): "{} [{}, {}]".format(
                        *(short(float(row[name])) for name in ("mean", "low", "high"))
                    )
                    for row in csv.DictReader(lines)
                }
        except (KeyError, TypeError, ValueError, csv.Error) as error:
            raise ReportError(f"{path}: damaged ({error!r}); {remedy}") from None
        path, remedy = results / "readers.json", f"run {repro(root / folder, 'readers')}"
        try:
            ceiling = json.loads(path.read_text(encoding="utf-8"))["segmentation"]
            ours |= {("photos", name): short(score) for name, score in ceiling.items()}
        except FileNotFoundError:
            raise ReportError(f"{path}: no such file; {remedy}") from None
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise ReportError(f"{path}: damaged ({error!r}); {remedy}") from None
        studies["root" if folder == "." else folder] = ours
    return studies


def environments(folder: Path, replications: Iterable[str]) -> dict[str, dict[str, int]]:
    """Environment, in words → replication → the number of a study's runs that were made in it."""
    found: dict[str, dict[str, int]] = {}
    for name in replications:
        known = read_environments(folder, name)
        for row in read_runs(folder, name).values():
            counts = found.setdefault(environment_words(known[row["environment"]]), {})
            counts[name] = counts.get(name, 0) + 1
    return found


def read_verdicts(folder: Path) -> list[dict] | None:
    """The verdicts of the study in a folder, None where there are none."""
    path = folder / "results" / "verdicts.json"
    remedy = f"run {repro(folder, 'judge')} to judge again"
    try:
        verdicts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    except (ValueError, RecursionError) as error:
        raise ReportError(f"{path}: damaged ({error}); {remedy}") from None
    if verdicts is not None and not (isinstance(verdicts, list) and all(isinstance(one, dict) for one in verdicts)):
        raise ReportError(f"{path}: expected a list of verdicts, found something else; {remedy}")
    for verdict in verdicts or ():
        other = _unlike(claims.Verdict, verdict) or [
            f"deviations.{name}" for one in verdict["deviations"] for name in _unlike(claims.Deviation, one)
        ]
        if other:
            raise ReportError(
                f"{path}: written by another version of the suite, which differs in {', '.join(other)}; {remedy}"
            )
        for name, (fits, expected) in _FIELDS.items():
            if not fits(verdict[name]):
                said = f"{verdict['replication']}/{verdict['id']}: {name} = {verdict[name]!r}"
                raise ReportError(f"{path}: {said}, expected {expected}; {remedy}")
    return verdicts


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_explanations(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) and one in EXPLANATIONS for one in value)


_FIELDS = {
    "verdict": (lambda value: value in list(SIGNS), f"one of {', '.join(SIGNS)}"),
    "scale": (lambda value: value in get_args(Scale), f"one of {', '.join(get_args(Scale))}"),
    "explanation": (_are_explanations, f"names from {', '.join(EXPLANATIONS)}"),
    "against": (_are_explanations, f"names from {', '.join(EXPLANATIONS)}"),
    "interval": (
        lambda value: isinstance(value, list) and len(value) == 2 and all(x is None or _is_number(x) for x in value),
        "two numbers, or null for no bound",
    ),
    **dict.fromkeys(("effect", "smallest_effect", "p_value", "p_beyond", "p_adjusted"), (_is_number, "a number")),
    **dict.fromkeys(
        ("id", "replication", "study", "statement", "source", "unit", "part"),
        (lambda value: isinstance(value, str), "a text"),
    ),
}
"""Field of a verdict → whether a value fits, and what does: of those that a page is made of."""


def _unlike(kind: type, entry: object) -> list[str]:
    """The fields that a dataclass and an entry of verdicts.json do not share."""
    return sorted({field.name for field in dataclasses.fields(kind)} ^ set(entry if isinstance(entry, dict) else ()))


@dataclasses.dataclass(frozen=True)
class Everything:
    """What all studies have to say."""

    folders: dict[str, Path]
    """Study → where it lies."""
    verdicts: list[dict]
    by_claim: dict[str, dict[str, dict]]
    """'replication/id' → study → verdict."""
    totals: dict[str, dict[str, int]]
    """Study → verdict → how many."""
    environments: dict[str, dict[str, dict[str, int]]]
    """Study → environment, in words → replication → runs."""


def everything(root: Path) -> Everything:
    """Of every study below the repository's root that has verdicts."""
    every = Everything({}, [], {}, {}, {})
    for folder in study.STUDIES:
        verdicts = read_verdicts(root / folder)
        if not verdicts:
            continue
        name = verdicts[0]["study"]
        every.folders[name] = root / folder
        every.verdicts.extend(verdicts)
        every.totals[name] = {sign: sum(v["verdict"] == sign for v in verdicts) for sign in SIGNS}
        rooms = dict.fromkeys(verdict["replication"] for verdict in verdicts)
        every.environments[name] = environments(root / folder, rooms)
        for verdict in verdicts:
            every.by_claim.setdefault(f"{verdict['replication']}/{verdict['id']}", {})[name] = verdict
    return every


def table(root: Path) -> str:
    """The Markdown table of all studies below the repository's root."""
    every = everything(root)
    return _SUMMARY.render(
        claims=every.by_claim,
        contradicted=[
            verdict
            for rows in every.by_claim.values()
            for verdict in rows.values()
            if verdict["verdict"] == "contradicted"
        ],
        totals=every.totals,
        environments=every.environments,
        signs=SIGNS,
        effect=effect,
        bearing=bearing,
        deviations=claims.deviations_in_short,
        explanations=EXPLANATIONS,
        findings=findings(every.verdicts),
    )


def with_table(readme: str, table: str) -> str:
    """README text with the table between its markers replaced."""
    try:
        before, rest = readme.split(BEGIN)
        _, after = rest.split(END)
    except ValueError:
        raise ReportError(f"README.md: expected each of the lines {BEGIN} and {END} once; put them back") from None
    return f"{before}{BEGIN}\n{table}{END}{after}"


def effect(verdict: dict) -> str:
    """Effect with interval, in words."""
    return in_words(verdict["effect"], verdict["interval"], verdict["unit"], verdict["scale"])


def bearing(verdict: dict) -> str:
    """The explanations that a claim bears on: 'E2, against E1'."""
    return ", ".join([*verdict["explanation"], *(f"against {name}" for name in verdict["against"])])


def short(number: float) -> str:
    """Two decimals, or two digits where these would be noughts."""
    return f"{number:.2f}" if abs(number) >= 0.1 or number == 0 else f"{number:.2g}"


def smallest(verdict: dict) -> str:
    """The smallest effect that matters, in words."""
    return f"{number(verdict['smallest_effect'], verdict['scale'])} {verdict['unit']}"

"""Writes the verdicts for people: `python -m replications report` makes results/verdicts.md and README.md's tables.

What it writes into a README stands between two markers: in README.md the list of the replications, and the verdicts of
every study that has some, side by side; in a replication's README the published numbers beside ours.
"""

import csv
import dataclasses
import importlib
import json
import re
import reprlib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from pydantic import TypeAdapter, ValidationError

from replications import command, evidence, study
from replications.command import repro
from replications.errors import ReplicationError
from replications.judging import claims
from replications.judging.claims import in_words, number
from replications.judging.explanations import EXPLANATIONS, findings
from replications.results import environment_words, read_environments, read_runs, write_text

RESULTS, REPLICATIONS = "results", "replications"
"""What stands between markers in a README: the verdicts or numbers, and, in README.md, the list of the replications."""
VERDICTS = TypeAdapter(list[claims.Verdict])
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
- **{{ study }}** study: {{ counts.replicated }} replicated, {{ counts.contradicted }} contradicted, \
{{ counts.inconclusive }} inconclusive. Runs: {% for words, runs in environments[study].items() %}\
{{ runs.values() | sum }} in {{ words }}{{ "; " if not loop.last else "." }}{% endfor %}\
{% for sentence in of_code[study] %} {{ sentence }}{% endfor %}

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
{% for sentence in of_code %}
{{ sentence }}
{% endfor %}

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


_REPLICATIONS = _ENVIRONMENT.from_string(
    """\
| | replication | what is varied | bears on |
|---|---|---|---|
{% for one in rooms %}
| [{{ one.name }}](replications/{{ one.name }}/README.md) | {{ one.source }} | {{ one.varied }} | {{ one.bears_on }} |
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
        of_code=evidence.in_words(declared.folder, list(declared.variants)),
        effect=effect,
        smallest=smallest,
        bearing=bearing,
        signs=claims.SIGNS,
    )
    written = {path: page}
    for readme, blocks in generated(Path()).items():
        if not readme.exists():
            raise ReportError(f"{readme}: no such file; run this in the repository's folder")
        written[readme] = with_blocks(readme.read_text(encoding="utf-8"), blocks, readme)
    for file, text in written.items():  # all of them, or none
        write_text(file, text)
    print(f"{len(verdicts)} verdicts in {path}, tables in README.md and the replications' READMEs")
    return 0


def generated(root: Path) -> dict[Path, dict[str, str]]:
    """README → block → what stands between its markers, for the suite and for each replication."""
    texts = {root / "README.md": {REPLICATIONS: listed(), RESULTS: table(root)}}
    for name in study.REPLICATIONS:
        tables = importlib.import_module(f"replications.{name}.claims").TABLES
        numbers = _TABLES.render(tables=tables, studies=means(root, name))
        texts[root / "replications" / name / "README.md"] = {RESULTS: numbers}
    return texts


def listed() -> str:
    """The Markdown table of the replications: what each of them says of itself.

    Its source is the first line of its package, what it varies and what its claims bear on stand in its claims.py; what
    most of its claims bear on comes first.
    """
    rooms = []
    for name in study.REPLICATIONS:
        said = (importlib.import_module(f"replications.{name}").__doc__ or "").strip().partition("\n")[0]
        of_room = importlib.import_module(f"replications.{name}.claims")
        bears = Counter(cause for claim in of_room.CLAIMS for cause in (*claim.explanation, *claim.against))
        rooms.append(
            {
                "name": name,
                "source": said.removeprefix(f"{name}: ").removesuffix("."),
                "varied": of_room.VARIED,
                "bears_on": ", ".join(sorted(bears, key=lambda cause: (-bears[cause], cause))),
            }
        )
    return _REPLICATIONS.render(rooms=rooms)


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
    if not path.exists():
        return None
    content = path.read_bytes()
    try:
        VERDICTS.validate_json(content)
    except ValidationError as error:
        remedy = f"run {repro(folder, 'judge')} to judge again"
        raise ReportError(f"{path}: {_first_problem(error, content)}; {remedy}") from None
    return json.loads(content)


def _first_problem(error: ValidationError, content: bytes) -> str:
    """What is wrong with a verdicts.json: the claim, its field, the value, and what was expected."""
    found = error.errors(include_url=False)
    first = found[0]
    if first["type"] == "json_invalid":
        return f"damaged ({first['msg'].removeprefix('Invalid JSON: ')})"
    if len(first["loc"]) < 2:
        return "expected a list of verdicts, found something else"
    differs = ("missing", "unexpected_keyword_argument")
    fields = {_field(one["loc"]) for one in found if one["type"] in differs and isinstance(one["loc"][-1], str)}
    if fields:
        return f"written by another version of the suite, which differs in {', '.join(sorted(fields))}"
    verdict = json.loads(content)[first["loc"][0]]
    expected = (
        first["msg"].replace("Input should be ", "expected ").replace("Field required", "expected one value more")
    )
    value = reprlib.repr(first["input"])
    return f"{verdict['replication']}/{verdict['id']}: {_field(first['loc'])} = {value}, {expected}"


def _field(place: tuple) -> str:
    """'deviations.effect': where a verdict has it, whichever of several it is."""
    return ".".join(part for part in place[1:] if isinstance(part, str))


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
    of_code: dict[str, list[str]]
    """Study → a sentence for each earlier version of the code that its runs rest on."""


def everything(root: Path) -> Everything:
    """Of every study below the repository's root that has verdicts."""
    every = Everything({}, [], {}, {}, {}, {})
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
        every.of_code[name] = evidence.in_words(root / folder, list(rooms))
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
        of_code=every.of_code,
        signs=SIGNS,
        effect=effect,
        bearing=bearing,
        deviations=claims.deviations_in_short,
        explanations=EXPLANATIONS,
        findings=findings(every.verdicts),
    )


def markers(block: str) -> tuple[str, str]:
    """The lines between which a generated block of a README stands."""
    return f"<!-- {block}: begin (generated, do not edit) -->", f"<!-- {block}: end -->"


def with_blocks(readme: str, blocks: Mapping[str, str], path: Path = Path("README.md")) -> str:
    """README text with what stands between the markers of these blocks replaced."""
    for block, text in blocks.items():
        begin, end = markers(block)
        try:
            before, rest = readme.split(begin)
            _, after = rest.split(end)
        except ValueError:
            raise ReportError(f"{path}: expected each of the lines {begin} and {end} once; put them back") from None
        readme = f"{before}{begin}\n{text}{end}{after}"
    return readme


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

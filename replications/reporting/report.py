"""Writes the verdicts for people: `python -m replications report` makes results/verdicts.md and tables in READMEs.

What it writes into a README stands between two markers: in README.md the answer, ten claims and the list of the
replications; in results/README.md the verdicts of every study that has some, side by side; in a replication's README
the published numbers beside ours.
"""

import dataclasses
import importlib
import json
import math
import re
import reprlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from pydantic import TypeAdapter, ValidationError

from replications import command, evidence, study
from replications.command import repro
from replications.errors import ReplicationError
from replications.judging import claims, ideas, register
from replications.judging.explanations import EXPLANATIONS, findings
from replications.judging.scores import LARGEST
from replications.judging.verdicts import MEANS, CheckResult, Verdict, deviations_in_short, in_words, number, of_unit
from replications.reporting import front, numbers
from replications.reporting.numbers import Numbers
from replications.results import environment_words, read_environments, read_runs, write_text
from replications.statistics import mean_interval

RESULTS, REPLICATIONS = "results", "replications"
NOTHING = "–"
"""A cell of a table without a number."""
ANSWER, IDEAS, DECIDING, HEADLINES = "answer", "ideas", "deciding", "headlines"
"""What stands between markers in a README: the verdicts or numbers and, in README.md, the list of the replications, the
answer, and a few claims."""
VERDICTS = TypeAdapter(list[Verdict])
SIGNS = {
    "replicated": "✔ replicated",
    "contradicted": "✘ contradicted",
    "negligible": "≈ negligible",
    "inconclusive": "? inconclusive",
    "untestable": "⊘ untestable",
}
"""The outcomes, each with a sign that is told from the others without colour, in the order in which they are told."""
SETTLED = {True: "settled", False: "not settled", None: "settled?"}
"""Whether an effect had come to rest, in short."""
MARKS = 'An effect is marked "settled" if the last doubling of the training moved it by less than the smallest effect \
that matters, "not settled" if it moved it by more, and "settled?" if that was not measured. An effect in brackets \
belongs to a claim that could not be tested.'
"""What the marks in a table of verdicts mean."""
POST_HOC = "Thought of when the scores were known (post hoc): another round of runs must confirm it."
DECISIVE = "a decisive claim puts one cause in, or takes it out, and leaves all else as it was"
DATA = {
    "root": "drawn street houses (pix2pix: drawn facades), whose distribution is known exactly",
    "real": "real images of 32 and 64 pixels (photographs and, in vae_vs_gan and causes, handwritten digits)",
    "paper": "real images at the papers' own size",
}
"""Study → what its nets are trained on."""
Withdrawn = Sequence[tuple[str, str]]
"""(replication/id, reason) of claims that were on trial once."""


def _escaped(value: object) -> object:
    """What a template puts out."""
    return front.escaped(value) if isinstance(value, str) else value


_ENVIRONMENT = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_escaped)
_SUMMARY = _ENVIRONMENT.from_string(
    """\
{% for study, counts in totals.items() %}
- **{{ study }}** study: {% for outcome, n in counts.items() %}{{ n }} {{ outcome }}\
{{ ", " if not loop.last else "." }}{% endfor %} Runs: {% for words, runs in environments[study].items() %}\
{{ runs.values() | sum }} in {{ words }}{{ "; " if not loop.last else "." }}{% endfor %}\
{% for sentence in of_code[study] %} {{ sentence }}{% endfor %}

{% endfor %}

Signs: {{ signs.values() | join(", ") }}.

Explanations are judged by *decisive* claims alone: {{ decisive }}. They are named as in verdicts.md of a study.

| explanation | what would count for it | what would count against it | what the decisive claims show |
|---|---|---|---|
{% for name, finding in findings.items() %}
{% set one = explanations[name] %}
| **{{ name }}** {{ one.name }}: {{ one.says }} | {{ one.counts_for }} | {{ one.counts_against }} | \
{{ finding.conclusion }} |
{% endfor %}

**What did not replicate**: {% if refuted %}the following claims are contradicted, or their effects are too small to \
matter. The reason, as far as it is known, follows the effect.{% else %}nothing was \
contradicted, and no effect was shown to be too small to matter.{% endif %}


{% for rows in refuted %}
{% set any = rows | first %}
- **{{ any.replication }}** "{{ any.statement }}" {% for verdict in rows %}*{{ verdict.study }}*: \
{{ signs[verdict.verdict] }}, {{ effect(verdict) }}{% if verdict.reason %}: {{ verdict.reason }}{% endif %}\
{{ ". " if not loop.last else "." }}{% endfor %}

{% endfor %}

**What could not be tested**: {{ "the nets did not reach what a quality check asks. A claim is counted under each \
check that it failed." if untestable else "nothing failed a quality check." }}\
{% if unchecked %} {{ unchecked }} of {{ n_verdicts }} verdicts are on claims that name no quality check.{% endif %}


{% for what, failed in untestable.items() %}
- failed: {{ what }} ({{ failed.variants | join(", ") }}; {% for study, n in failed.claims.items() %}\
{{ n }} claim{{ "s" if n != 1 }} in *{{ study }}*{{ ", " if not loop.last }}{% endfor %})
{% endfor %}

{% if written %}
**When the claims were written down**, as the register has it:

{% for said, studies in written.items() %}
{% set few = studies.values() | map("length") | sum <= few_of %}
- {{ said }} ({% for study, names in studies.items() %}{% if few %}{{ names | join(", ") }}{% else %}\
{{ names | length }} claim{{ "s" if names | length != 1 }}{% endif %} in *{{ study }}*\
{{ ", " if not loop.last }}{% endfor %})
{% endfor %}

{% endif %}
{% if withdrawn %}
**Withdrawn claims**, which no run decides about any more:

{% for claim, reason in withdrawn %}
- {{ claim }}: {{ reason }}
{% endfor %}

{% endif %}
Every claim. {{ marks }} The verdicts.md of each study says more.

| claim | published |{% for study in totals %} {{ study }} |{% endfor %}

|---|---|{% for study in totals %}---|{% endfor %}

{% for rows in claims.values() %}
{% set any = rows.values() | first %}
{% set published = any.published or "–" %}
| **{{ any.replication }}** {{ any.statement }} \
({{ bearing(any) }}{{ "; post hoc" if any.post_hoc }})<br>*deviations: {{ deviations(any.deviations) }}* | \
{{ published }} |\
{% for study in totals %}{% if study in rows %} {{ signs[rows[study].verdict] }}<br>\
{{ shown(rows[study]) }}<br>{{ settled[rows[study].settled] }}\
{% if rows[study].deviations != any.deviations %}<br>*deviations: \
{{ deviations(rows[study].deviations) }}*{% endif %} |\
{% else %} – |{% endif %}{% endfor %}

{% endfor %}
"""
)
_STUDY = _ENVIRONMENT.from_string(
    """\
# Verdicts of the {{ study }} study

Its nets are trained on {{ data }}. Each of its claims has one of five outcomes:

| outcome | claims | means |
|---|---|---|
{% for outcome, sign in signs.items() %}
| {{ sign }} | {{ totals[outcome] }} | {{ means[outcome] }} |
{% endfor %}

How to read a verdict. An *effect* is a mean over seeds, that is, over nets trained alike from different random numbers;
its 95 % interval is in square brackets. An effect in "times" is a ratio. *a over b* is by how much variant a scores
above variant b, *a under b* by how much below. The *smallest effect that matters* and the *quality checks* (what the
nets must reach before the comparison means anything) belong to the claim, which says when they were written down.
*p, adjusted* is the chance of so clear a result if the outcome were wrong,
made larger for the number of claims of the study; 0.025 or less decides.

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
{% if v.decisive %}
Decisive about {{ v.decisive | join(" and ") }}: {{ decisive }}.
{% endif %}

{% if v.verdict == "untestable" %}
**It could not be tested**: {{ means[v.verdict] }}. \
{% for check in v.checks if not check.passed %}Asked: {{ check.what }}. Seen: {{ checked(check) }}. {% endfor %}\
Had every check been passed, the outcome would be *{{ v.if_tested }}*: \
{{ means[v.if_tested] }}.

{% endif %}
- **Compared**: {{ compared(v) }}; nets trained with {{ v.n_seeds }} seeds, compared seed by seed, on {{ data }}.
- **Had the nets learned?** {{ learned(v.checks) }}
{% for check in v.checks %}
  - {{ "✓ passed" if check.passed else "✗ failed" }}: {{ check.what }}. {{ checked(check) }}. Why this bound: \
{{ check.why }}.
{% endfor %}
- **Had it settled?** {{ settling(v) }}
- **What came out**: {{ v.verdict }}: {{ means[v.verdict] }}. Effect: {{ effect(v) }}\
{{ ", which says nothing about the claim" if v.verdict == "untestable" }}. \
{{ matters(v) }}. Published: {{ v.published or "no number" }}.
- **How sure is it?** {{ sure(v) }} p-values: for an effect beyond the smallest {{ "%.3g" % v.p_beyond }}, on the \
other side {{ "%.3g" % v.p_against }}, too small to matter {{ "%.3g" % v.p_negligible }}, for any effect (sign flips) \
{{ "%.3g" % v.p_value }}{% if v.p_order is not none %}, for an order (Page) {{ "%.3g" % v.p_order }}{% endif %}.
- **When was it written down?** {{ written_down(v) }}
{% if v.reason and v.verdict != "replicated" %}
- **Why it is not replicated**, as far as it is known: {{ v.reason }}.
{% endif %}
- **By each instrument**:{% for i in v.instruments %} {{ i.instrument }} {{ i.verdict }}\
{{ "," if not loop.last else "." }}{% endfor %}{% if v.disagreement %} **The instruments disagree.**{% endif %}


{% if v.snapshots | length > 1 %}
| share of the training | effect [95 %] |
|---|---|
{% for one in v.snapshots %}
| {{ "%.3g" % (100 * one.share) }} % | {{ at(one, v) }} |
{% endfor %}

{% endif %}
| deviation | | expected effect | favours |
|---|---|---|---|
{% for one in v.deviations %}
| {{ one.kind }} | {{ one.what }} | {{ one.effect }} | {{ favours[one.favours] }} {{ one.favours }} |
{% endfor %}

{% endfor %}
{% if withdrawn %}
## Withdrawn claims

No run decides about these any more.

{% for claim, reason in withdrawn %}
- {{ claim }}: {{ reason }}
{% endfor %}
{% endif %}
"""
)


_TABLES = _ENVIRONMENT.from_string(
    """\
{% for table in tables %}
**{{ table.title }}**

{% set columns = columns_of(table, studies) %}
| variant |{% for column in columns %} {{ column }} |{% endfor %}

|---|{% for _ in columns %}---|{% endfor %}

{% for variant in table.rows %}
| {{ variant }} |{% for cells in columns.values() %} {{ cells[variant] }} |{% endfor %}

{% endfor %}

{% endfor %}
"""
)


_REPLICATIONS = _ENVIRONMENT.from_string(
    """\
| | replication | what is varied |
|---|---|---|
{% for one in rooms %}
| [{{ one.name }}](replications/{{ one.name }}/README.md) | {{ one.source }} | {{ one.varied }} |
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
    page = of_study(declared, verdicts)
    written = {path: page}
    for readme, blocks in generated(Path()).items():
        written[readme] = with_blocks(read_readme(readme), blocks, readme)
    for file, text in written.items():  # all of them, or none
        write_text(file, text)
    print(f"{len(verdicts)} verdicts in {path}, tables in README.md, results/README.md and the replications' READMEs")
    return 0


def gone() -> Withdrawn:
    """What the register in this folder says of claims that are no longer on trial."""
    if not register.FILE.exists():
        return ()
    return [(one.claim, one.in_words) for one in register.withdrawn() if one.entry]  # else `register --check` says so


def of_study(declared: study.Study, verdicts: list[dict], withdrawn: Withdrawn | None = None) -> str:
    """verdicts.md: every verdict of a study, told so that somebody who knows nothing of it can judge it."""
    counts = Counter(verdict["verdict"] for verdict in verdicts)
    return _STUDY.render(
        study=declared.name,
        data=data(declared.name),
        verdicts=verdicts,
        totals={outcome: counts[outcome] for outcome in SIGNS},
        environments=environments(declared.folder, declared.variants),
        of_code=evidence.in_words(declared.folder, list(declared.variants)),
        withdrawn=[
            (name, why)
            for name, why in (gone() if withdrawn is None else withdrawn)
            if name.partition("/")[0] in declared.variants
        ],
        signs=SIGNS,
        means=MEANS,
        decisive=DECISIVE,
        favours=claims.SIGNS,
        effect=effect,
        at=at,
        matters=matters,
        bearing=bearing,
        checked=checked,
        compared=compared,
        learned=learned,
        settling=settling,
        sure=sure,
        written_down=written_down,
    )


def generated(root: Path, withdrawn: Withdrawn | None = None) -> dict[Path, dict[str, str]]:
    """README → block → what stands between its markers, for the suite and for each replication."""
    results, scores = everything(root, withdrawn), numbers_of_answer(root)
    of_front = {
        ANSWER: front.answer(results.verdicts, scores),
        IDEAS: front.others(results.verdicts, scores),
        HEADLINES: front.headlines(results.by_claim, SIGNS),
    }
    texts = {
        root / "README.md": {**of_front, REPLICATIONS: listed()},
        root / "results" / "README.md": {
            DECIDING: front.deciding(results.verdicts),
            RESULTS: table(root, withdrawn),
        },
    }
    for name in study.REPLICATIONS:
        tables = importlib.import_module(f"replications.{name}.claims").TABLES
        rendered = _TABLES.render(tables=tables, studies=means(root, name), columns_of=columns_of)
        texts[root / "replications" / name / "README.md"] = {RESULTS: rendered}
    return texts


def numbers_of_answer(root: Path) -> dict[str, Numbers]:
    """Study → the numbers that the answer is told with, as far as the room that answers has results there."""
    folders = {ideas.STUDY: root, ideas.ELSEWHERE: root / ideas.ELSEWHERE}
    return {
        name: numbers.read(folder, ideas.ROOM)
        for name, folder in folders.items()
        if (folder / "results" / ideas.ROOM / "summary.csv").exists()
    }


def listed() -> str:
    """The Markdown table of the replications: what each of them says of itself.

    Its source is the first line of its package; what it varies stands in its claims.py.
    """
    rooms = []
    for name in study.REPLICATIONS:
        first_line = (importlib.import_module(f"replications.{name}").__doc__ or "").strip().partition("\n")[0]
        varied = importlib.import_module(f"replications.{name}.claims").VARIED
        rooms.append(
            {
                "name": name,
                "source": first_line.removeprefix(f"{name}: ").removesuffix("."),
                "varied": varied,
            }
        )
    return _REPLICATIONS.render(rooms=rooms)


def columns_of(
    table: claims.PublishedTable, studies: Mapping[str, Mapping[tuple[str, str], str]]
) -> dict[str, dict[str, str]]:
    """Title → variant → cell: of each instrument the published numbers and each study's, where there are any."""
    columns = {}
    for place, instrument in enumerate(table.instruments):
        published = {variant: row[place] for variant, row in table.rows.items()}
        columns[f"{instrument}, published"] = {
            variant: NOTHING if number is None else short(number) for variant, number in published.items()
        }
        for study_name, ours in studies.items():
            title = f"{instrument}, {study_name}"
            columns[title] = {variant: ours.get((variant, instrument), NOTHING) for variant in table.rows}
    return {title: cells for title, cells in columns.items() if set(cells.values()) != {NOTHING}}


def means(root: Path, replication: str) -> dict[str, dict[tuple[str, str], str]]:
    """Study → (variant, instrument) → '0.66 [0.65, 0.67]': mean and interval over seeds.

    `photos` is what the segmentation nets find in real images.
    """
    studies = {}
    for folder in study.STUDIES:
        results = root / folder / "results"
        if not (results / replication / "summary.csv").exists():
            continue
        summary = numbers.read(root / folder, replication)
        texts = {score: "{} [{}, {}]".format(*map(short, mean)) for score, mean in summary.items()}
        path, remedy = results / "readers.json", f"run {repro(root / folder, 'readers')}"
        try:
            ceiling = json.loads(path.read_text(encoding="utf-8"))["segmentation"]
            texts |= {("photos", name): score for name, score in _ceiling(ceiling).items()}
        except FileNotFoundError:
            raise ReportError(f"{path}: no such file; {remedy}") from None
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise ReportError(f"{path}: damaged ({error!r}); {remedy}") from None
        studies["root" if folder == "." else folder] = texts
    return studies


def _ceiling(scores: Mapping) -> dict[str, str]:
    """Instrument → mean and interval over the nets of all seeds."""
    found: dict[str, list[float]] = {}
    for of_net in scores.values():
        for name, score in of_net.items():
            if not math.isfinite(score):
                raise ValueError(f"{name} is {score}")
            found.setdefault(name, []).append(float(score))
    return {name: _over_seeds(of_nets) for name, of_nets in found.items()}


def _over_seeds(scores: Sequence[float]) -> str:
    """'0.66 [0.65, 0.67]'; the mean alone where there is one seed."""
    mean = short(sum(scores) / len(scores))
    return mean if len(scores) < 2 else "{} [{}, {}]".format(mean, *map(short, mean_interval(scores)))


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
    verdicts = json.loads(content)
    known: set[str] = set()
    for verdict in verdicts:
        name = f"{verdict['replication']}/{verdict['id']}"
        wrong = "is listed twice" if name in known else _impossible(verdict)
        if wrong:
            raise ReportError(f"{path}: {name} {wrong}; run {repro(folder, 'judge')} to judge again")
        known.add(name)
    return verdicts


def _impossible(verdict: Mapping[str, Any]) -> str:
    """What no judging gives, though each of a verdict's fields is of its kind; empty: nothing."""
    effect, (low, high) = verdict["effect"], verdict["interval"]
    if abs(effect) > LARGEST:
        return f"has an effect of {effect:g}, expected one between ±{LARGEST:g}"
    if (low is not None and low > effect) or (high is not None and high < effect):
        return f"has an interval {verdict['interval']} that does not hold its effect {effect:g}"
    for field in ("p_value", "p_beyond", "p_against", "p_negligible", "p_claim", "p_adjusted", "flip_chance"):
        if not 0 <= verdict[field] <= 1:
            return f"has {field} = {verdict[field]:g}, expected a chance between 0 and 1"
    return ""


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
    withdrawn: Withdrawn = ()
    """Claims that are on trial no longer, and why."""


def everything(root: Path, withdrawn: Withdrawn | None = None) -> Everything:
    """Of every study below the repository's root that has verdicts."""
    results = Everything({}, [], {}, {}, {}, {}, tuple(gone() if withdrawn is None else withdrawn))
    for folder in study.STUDIES:
        verdicts = read_verdicts(root / folder)
        if not verdicts:
            continue
        name = verdicts[0]["study"]
        results.folders[name] = root / folder
        results.verdicts.extend(verdicts)
        results.totals[name] = {sign: sum(v["verdict"] == sign for v in verdicts) for sign in SIGNS}
        rooms = dict.fromkeys(verdict["replication"] for verdict in verdicts)
        results.environments[name] = environments(root / folder, rooms)
        results.of_code[name] = evidence.in_words(root / folder, list(rooms))
        for verdict in verdicts:
            results.by_claim.setdefault(f"{verdict['replication']}/{verdict['id']}", {})[name] = verdict
    return results


def table(root: Path, withdrawn: Withdrawn | None = None) -> str:
    """The verdicts of all studies below the repository's root, for results/README.md."""
    results = everything(root, withdrawn)
    refuted = [[v for v in rows.values() if v["verdict"] in REFUTED] for rows in results.by_claim.values()]
    return _SUMMARY.render(
        claims=results.by_claim,
        refuted=[rows for rows in refuted if rows],
        untestable=untestable(results.verdicts),
        unchecked=sum(not verdict["checks"] for verdict in results.verdicts),
        n_verdicts=len(results.verdicts),
        written=written(results.verdicts),
        few_of=3,
        withdrawn=results.withdrawn,
        totals=results.totals,
        environments=results.environments,
        of_code=results.of_code,
        signs=SIGNS,
        settled=SETTLED,
        marks=MARKS,
        decisive=DECISIVE,
        effect=effect,
        shown=shown,
        bearing=bearing,
        deviations=deviations_in_short,
        explanations=EXPLANATIONS,
        findings=findings(results.verdicts),
    )


REFUTED = ("contradicted", "negligible")
"""The outcomes that show a claim not to hold."""


@dataclasses.dataclass(frozen=True)
class Failed:
    """A quality check that was failed, whichever variants it was asked of."""

    variants: dict[str, None]
    """Those that failed it, in order."""
    claims: Counter
    """Study → how many claims rest on one of them."""


def untestable(verdicts: Iterable[Mapping]) -> dict[str, Failed]:
    """Quality check, in words → who failed it. What is asked alike of several variants is one check."""
    found: dict[str, Failed] = {}
    for verdict in verdicts:
        of_claim: dict[str, None] = {}
        for check in verdict["checks"]:
            if not check["passed"]:
                what = re.sub(rf"(^|\bof ){re.escape(check['variant'])}\b", r"\1a variant", check["what"])
                found.setdefault(what, Failed({}, Counter())).variants[check["variant"]] = None
                of_claim[what] = None
        for what in of_claim:
            found[what].claims[verdict["study"]] += 1
    return found


def written(verdicts: Iterable[Mapping]) -> dict[str, dict[str, list[str]]]:
    """What the register says → study → the claims that it says it of."""
    found: dict[str, dict[str, list[str]]] = {}
    for verdict in verdicts:
        if verdict["registered"]:
            name = f"{verdict['replication']}/{verdict['id']}"
            found.setdefault(verdict["registered"], {}).setdefault(verdict["study"], []).append(name)
    return found


def markers(block: str) -> tuple[str, str]:
    """The lines between which a generated block of a README stands."""
    return f"<!-- {block}: begin (generated, do not edit) -->", f"<!-- {block}: end -->"


def read_readme(path: Path) -> str:
    """The text of a README that the report writes into."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ReportError(f"{path}: no such file; run this in the repository's folder") from None
    except UnicodeDecodeError as error:
        raise ReportError(f"{path}: damaged ({error}); `git restore {path}` brings it back") from None


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


# --- a verdict in words --------------------------------------------------------------------------------------------


def effect(verdict: Mapping) -> str:
    """Effect with interval, in words."""
    return in_words(verdict["effect"], verdict["interval"], verdict["unit"], verdict["scale"])


def shown(verdict: Mapping) -> str:
    """The same, in brackets where the claim could not be tested: then it says nothing about the claim."""
    return f"({effect(verdict)})" if verdict["verdict"] == "untestable" else effect(verdict)


def at(snapshot: Mapping, verdict: Mapping) -> str:
    """The effect at a snapshot of the training, in words."""
    return in_words(snapshot["effect"], snapshot["interval"], verdict["unit"], verdict["scale"])


def bearing(verdict: Mapping) -> str:
    """The explanations that a claim bears on: 'E2, against E1'."""
    return ", ".join([*verdict["explanation"], *(f"against {name}" for name in verdict["against"])])


def short(number: float) -> str:
    """Two decimals, or two digits where these would be noughts."""
    return f"{number:.2f}" if abs(number) >= 0.1 or number == 0 else f"{number:.2g}"


def smallest(verdict: Mapping) -> str:
    """The smallest effect that matters, in words."""
    return of_unit(number(verdict["smallest_effect"], verdict["scale"]), verdict["unit"])


def matters(verdict: Mapping) -> str:
    """The same in a sentence; a claim that something is no worse has a margin instead."""
    words = (
        "Smallest effect that matters:" if verdict["smallest_effect"] >= 0 else "Margin that was claimed: no lower than"
    )
    return f"{words} {smallest(verdict)}"


def data(study: str) -> str:
    """What the nets of a study are trained on, in words."""
    return DATA.get(study, f"the data of the {study} study")


def compared(verdict: Mapping) -> str:
    """What was compared, by which instrument; of a claim with two halves the one that decides."""
    half, _, part = verdict["part"].rpartition(": ")
    if half:
        return f"{part}, by {half} (the half of the claim that decides)"
    return f"{part}, by {verdict['instruments'][0]['instrument']}"


def checked(check: Mapping) -> str:
    """What came of a quality check, in words."""
    return CheckResult(**check).in_words()


def learned(checks: Sequence[Mapping]) -> str:
    """Whether the nets reached what was asked of them, in a sentence."""
    if not checks:
        return "Not known: the claim names no quality check."
    failed = sum(not check["passed"] for check in checks)
    if not failed:
        return "Yes, as far as was asked:"
    return (
        f"No, {f'{failed} of ' if len(checks) > 1 else ''}{len(checks)} quality check{'s' * (len(checks) > 1)} failed:"
    )


def settling(verdict: Mapping) -> str:
    """Whether the effect had come to rest when the training ended, in a sentence."""
    if verdict["settled"] is None:
        only = "only the end of training was measured"
        return f"Not known: {only if len(verdict['snapshots']) < 2 else 'half of the training was not measured'}."
    if verdict["scale"] == "log_ratio":
        moved, matters = (f"a factor of {math.exp(x):.3g}" for x in (verdict["moved"], abs(verdict["smallest_effect"])))
    else:
        moved, matters = f"{verdict['moved']:+.3g}", f"{abs(verdict['smallest_effect']):.3g}"
    change = f"the last doubling of the training changed the effect by {moved}, where {matters} either way would matter"
    return f"Yes: {change}." if verdict["settled"] else f"No: {change}. With more training the outcome may differ."


def sure(verdict: Mapping) -> str:
    """How sure the outcome is, in two sentences."""
    low, high = (number(bound, verdict["scale"]) for bound in verdict["interval"])
    interval = (
        "There is no interval" if None in verdict["interval"] else f"The 95 % interval reaches from {low} to {high}"
    )
    if verdict["verdict"] == "untestable":
        decided = f"the outcome that it would have, {verdict['if_tested']}, does not count (p = 1)"
    else:
        decided = f"p, adjusted for all claims of the study, is {verdict['p_adjusted']:.3g}"
    return f"{interval}; {decided}. {verdict['n_seeds']} fresh seeds would give another outcome with {chance(verdict)}."


def chance(verdict: Mapping) -> str:
    """The chance that as many fresh seeds would give another outcome, in words."""
    flips = verdict["flip_chance"]
    return "a chance of less than 1 %" if flips < 0.005 else f"a chance of about {100 * flips:.0f} %"


def written_down(verdict: Mapping) -> str:
    """When the claim was written down, in a sentence or two."""
    sentence = verdict["registered"].rstrip(".") or "the register does not say"
    sentence = f"{sentence[0].upper()}{sentence[1:]}."
    return f"{sentence} {POST_HOC}" if verdict["post_hoc"] else sentence

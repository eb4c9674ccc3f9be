"""The first screen of README.md: the answer, ten claims that are chosen by rule, and what did not replicate."""

import re
from collections.abc import Mapping, Sequence

from replications.judging import ideas
from replications.judging.explanations import EXPLANATIONS
from replications.judging.verdicts import in_words
from replications.reporting.numbers import Numbers, filled

STUDY = "root"
"""The study that answers: its distributions are known exactly, and everybody can train it."""
SAID: Mapping[str, str] = {
    "holds": "It holds.",
    "does not hold": "The opposite was expected.",
    "open": "Open.",
}
"""What became of an idea."""
DECIDED = ("replicated", "contradicted", "negligible")
DISAGREE = "†"
"""Beside a claim by whose further instruments another outcome would be decided."""
HEADLINES = 10
PER_EXPLANATION = 2
NOT_REPLICATED = 5
RULE = (
    f"Chosen by rule: for each explanation the {PER_EXPLANATION} settled claims of smallest p that precede their "
    "scores, decisive ones first; then the next."
)


def answer(verdicts: Sequence[Mapping], scores: Numbers) -> str:
    """The answer: what became of each idea about what blurs, what was measured, and the claims that decide it.

    Args:
        verdicts: as in verdicts.json, of any study.
        scores: the scores of the room that answers; none: then no numbers are told.
    """
    lines = []
    for idea in ideas.told(verdicts):
        parts = [f"**{escaped(idea.sentence)}** {SAID[idea.outcome]}"]
        if scores:
            parts.append(escaped(filled(idea.measured, scores)))
        if idea.verdicts:
            decide, beside = (
                ", ".join(f"`{one['id']}` *{one['verdict']}*{_mark(one)}" for one in of)
                for of in (idea.verdicts, idea.beside)
            )
            parts.append(f"({decide}{'; beside: ' * bool(beside)}{beside})")
        lines.append(f"- {' '.join(parts)}")
    if any(DISAGREE in line for line in lines):
        lines += ["", f"{DISAGREE} its instruments disagree"]
    return "\n".join([*lines, ""])


def _mark(verdict: Mapping) -> str:
    """A sign beside the outcome of a claim whose instruments disagree."""
    return DISAGREE if verdict["disagreement"] else ""


def headlines(by_claim: Mapping[str, Mapping[str, Mapping]], signs: Mapping[str, str]) -> str:
    """Ten claims in every study, and what did not replicate in the bundled one.

    Args:
        by_claim: 'replication/id' → study → verdict.
        signs: outcome → how it is written.
    """
    here = [rows[STUDY] for rows in by_claim.values() if STUDY in rows]
    studies = list(dict.fromkeys(study for rows in by_claim.values() for study in rows))
    lines = [f"| claim | {' | '.join(studies)} |", f"|---|{'---|' * len(studies)}"]
    for verdict in chosen(here):
        rows = by_claim[f"{verdict['replication']}/{verdict['id']}"]
        cells = [_cell(rows[study], signs) if study in rows else "–" for study in studies]
        lines.append(f"| {escaped(verdict['statement'])} *({verdict['replication']})* | {' | '.join(cells)} |")
    refuted = [one for outcome in DECIDED[1:] for one in here if one["verdict"] == outcome]
    lines += ["", RULE, "", "**What did not replicate** in the bundled study:", ""]
    lines += [f"- {_told(one)}" for one in refuted[:NOT_REPLICATED]]
    more = len(refuted) - NOT_REPLICATED
    if more > 0:
        lines.append(f"- and {more} more: [results/README.md](results/README.md)")
    return "\n".join([*lines, ""])


def chosen(verdicts: Sequence[Mapping]) -> list[Mapping]:
    """The headlines among a study's verdicts, by `RULE`."""
    able = [one for one in verdicts if one["verdict"] in DECIDED and one["settled"] and not one["post_hoc"]]
    able.sort(key=_p)
    found: list[Mapping] = []
    for name in EXPLANATIONS:
        about = [one for one in able if name in (*one["explanation"], *one["against"]) and one not in found]
        decisive = [one for one in about if name in one["decisive"]]
        found += [*decisive, *(one for one in about if one not in decisive)][:PER_EXPLANATION]
    return [*found, *(one for one in able if one not in found)][:HEADLINES]


def _p(verdict: Mapping) -> float:
    """The p value of the outcome."""
    of = {"replicated": "p_beyond", "contradicted": "p_against", "negligible": "p_negligible"}
    return verdict[of[verdict["verdict"]]] if verdict["verdict"] in of else 1.0


def _told(verdict: Mapping) -> str:
    """A claim, what came out and how much."""
    effect = _effect(verdict)
    effect = f"({effect})" if verdict["verdict"] == "untestable" else effect
    return f'"{escaped(verdict["statement"])}" *{verdict["verdict"]}*{_mark(verdict)}, {effect}.'


def _cell(verdict: Mapping, signs: Mapping[str, str]) -> str:
    """The outcome and, where there is one, the effect."""
    sign = signs[verdict["verdict"]]
    return sign if verdict["verdict"] == "untestable" else f"{sign}{_mark(verdict)}<br>{_effect(verdict)}"


def _effect(verdict: Mapping) -> str:
    return escaped(in_words(verdict["effect"], verdict["interval"], verdict["unit"], verdict["scale"]))


def escaped(text: str) -> str:
    """A text as one line that holds no HTML, no link and no end of a table's cell."""
    text = re.sub(r"\s+", " ", text)
    for raw, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", r"\|"), ("](", r"]\(")):
        text = text.replace(raw, safe)
    return text

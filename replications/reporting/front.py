"""The first screen of README.md: the answer, ten claims that are chosen by rule, and what did not replicate."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from replications.judging import ideas
from replications.judging.explanations import EXPLANATIONS
from replications.judging.verdicts import in_words
from replications.reporting.numbers import Numbers, filled

STUDY = "root"
"""The study that answers: its distributions are known exactly, and everybody can train it."""
SETTING = (
    "The answer comes from networks trained on 32×32 drawings of houses, here called photographs, whose "
    "distribution is known. Sharpness is the variance of the Laplacian."
)
"""What a reader has to know before the answer's numbers."""
BECAME: Mapping[str, str] = {
    "holds": "It holds.",
    "does not hold": "The opposite was expected.",
    "open": "Open.",
}
"""What became of an idea."""
DECIDED = ("replicated", "contradicted", "negligible")
OUTCOMES = (*DECIDED, "inconclusive", "untestable")
DISAGREE = "†"
"""Beside a claim by whose further instruments another outcome would be decided."""
HEADLINES = 10
PER_EXPLANATION = 2
NOT_REPLICATED = 1
"""Lines; another one counts the others."""
RULE = (
    f"Chosen by rule: {PER_EXPLANATION} per explanation, decisive ones first, then by smallest p; "
    "all settled and written down before their scores."
)


def answer(verdicts: Sequence[Mapping], scores: Mapping[str, Numbers]) -> str:
    """On what, the first idea about what blurs with what was measured, and how sure the whole answer is.

    Args:
        verdicts: as in verdicts.json, of all studies.
        scores: study → the scores of the room that answers; of a study that is not there no numbers are told.
    """
    first, *_ = ideas.judged(verdicts)
    sentences = [f"**{escaped(first.sentence)}**", BECAME[first.outcome] * (first.outcome != "holds")]
    sentences.append(_measured(first, scores))
    return f"{SETTING}\n\n{' '.join(filter(None, sentences))}\n\n{sure(verdicts)}\n"


def others(verdicts: Sequence[Mapping], scores: Mapping[str, Numbers]) -> str:
    """What became of each of the other ideas, what was measured, and how the claims that decide it came out."""
    all_ideas = ideas.judged(verdicts)
    lines = [f"- {_idea(one, scores)}" for one in all_ideas[1:]]
    if any(verdict["disagreement"] for one in all_ideas for verdict in (*one.verdicts, *one.beside)):
        lines += ["", f"{DISAGREE} the instruments of sharpness disagree about it"]
    return "\n".join([*lines, ""])


def sure(verdicts: Sequence[Mapping]) -> str:
    """How sure the answer is: the outcomes of all claims that decide it, and how much is known of real images."""
    here = [idea for idea in ideas.judged(verdicts) if idea.study == STUDY]
    behind = {one["id"]: one for idea in here for one in idea.verdicts}.values()
    real = [one for one in verdicts if one["study"] == "real"]
    sentences = []
    if behind:
        seeds = " or ".join(map(str, sorted({one["n_seeds"] for one in behind})))
        sentences.append(f"Numbers are means over {seeds} seeds with 95 % intervals.")
        sentences.append(f"The {len(behind)} claims behind the answer: {_counted(behind)}.")
    if real:
        untestable = any(one["verdict"] == "untestable" for one in real)
        why = " (networks failed quality checks)" * untestable
        sentences.append(f"On real images, of {len(real)} claims: {_counted(real)}{why}.")
    return " ".join(sentences)


def deciding(verdicts: Sequence[Mapping]) -> str:
    """A Markdown table: each idea, the claims that decide it and those that stand beside it, with their outcomes."""
    lines = ["| part of the answer | claims that decide it | beside them |", "|---|---|---|"]
    for idea in ideas.judged(verdicts):
        cells = [
            ", ".join(f"`{one['id']}` *{one['verdict']}*{_mark(one)}" for one in group) or "–"
            for group in (idea.verdicts, idea.beside)
        ]
        lines.append(f"| {escaped(idea.sentence)} {BECAME[idea.outcome]} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def _measured(idea: ideas.Judged, scores: Mapping[str, Numbers]) -> str:
    return escaped(filled(idea.measured, scores[idea.study])) if idea.study in scores else ""


def _idea(idea: ideas.Judged, scores: Mapping[str, Numbers]) -> str:
    parts = [f"**{escaped(idea.sentence)}** {BECAME[idea.outcome]}", *filter(None, [_measured(idea, scores)])]
    if idea.verdicts:
        disagree = sum(one["disagreement"] for one in idea.verdicts)
        parts.append(f"Claims: {_counted(idea.verdicts)}{f' ({disagree}{DISAGREE})' if disagree else ''}")
        parts[-1] += f"; further claims: {_counted(idea.beside)}." if idea.beside else "."
    return " ".join(parts)


def _counted(verdicts: Iterable[Mapping]) -> str:
    """Outcomes, counted, those that were not tested last: '3 *replicated*, 1 *inconclusive*, 2 *untestable*'."""
    counts = Counter(one["verdict"] for one in verdicts)
    return ", ".join(f"{counts[outcome]} *{outcome}*" for outcome in OUTCOMES if counts[outcome])


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
    lines += ["", RULE, "", f"**What did not replicate** in *{STUDY}*:", ""]
    lines += [f"- {_refuted(one)}" for one in refuted[:NOT_REPLICATED]]
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
    key_of = {"replicated": "p_beyond", "contradicted": "p_against", "negligible": "p_negligible"}
    return verdict[key_of[verdict["verdict"]]] if verdict["verdict"] in key_of else 1.0


def _refuted(verdict: Mapping) -> str:
    """A claim, what came out and how much."""
    return f'"{escaped(verdict["statement"])}" *{verdict["verdict"]}*{_mark(verdict)}, {_effect(verdict)}.'


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

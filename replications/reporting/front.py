"""The first screen of README.md: the answer, ten claims that are chosen by rule, and how many others there are."""

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
    "Where nothing else is said, networks were trained on 32×32 drawings of houses, here called photographs, whose "
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
RULE = (
    f"Chosen by rule: {PER_EXPLANATION} per explanation, decisive ones first, then by smallest p. In *{STUDY}* all are "
    "settled. When each was registered, and what changed since, stands with its verdict."
)
WHOLE_MODELS = ("vae_vs_gan", "vae_samples_are_blurrier_than_gan_samples")
"""The claim about the two models that the question names: replication and id."""
DATA = {"root": "houses", "real": "digits of MNIST"}
"""Study → on what the networks that answer were trained there."""


def answer(verdicts: Sequence[Mapping], scores: Mapping[str, Numbers]) -> str:
    """On what, the first idea about what blurs with what was measured, the models asked about, and how sure all is.

    Args:
        verdicts: as in verdicts.json, of all studies.
        scores: study → the scores of the room that answers; of a study that is not there no numbers are told.
    """
    first, *_ = ideas.judged(verdicts)
    sentences = [f"**{escaped(first.sentence)}**", BECAME[first.outcome] * (first.outcome != "holds")]
    sentences += [_measured(first, scores), whole_models(verdicts)]
    return f"{SETTING}\n\n{' '.join(filter(None, sentences))}\n\n{sure(verdicts)}\n"


def others(verdicts: Sequence[Mapping], scores: Mapping[str, Numbers]) -> str:
    """What became of each of the other ideas, what was measured, and how the claims that decide it came out."""
    all_ideas = ideas.judged(verdicts)
    return "\n".join([*(f"- {_idea(one, scores)}" for one in all_ideas[1:]), ""])


def whole_models(verdicts: Sequence[Mapping]) -> str:
    """How much sharper a GAN's samples are than a VAE's, or in which study that was not replicated."""
    found, others = [], []
    for one in verdicts:
        if (one["replication"], one["id"]) == WHOLE_MODELS and one["study"] in DATA:
            data = DATA[one["study"]]
            if one["verdict"] == "replicated":
                factor = in_words(one["effect"], one["interval"], "{}", one["scale"])
                found.append(f"by a factor of {factor}{_mark(one)} on {data}")
            else:
                others.append(f"*{one['verdict']}* on {data}")
    sentences = []
    if found:
        who = "Samples of a GAN, whose loss does not average, are sharper than a VAE's"
        sentences.append(f"{who} {' and '.join(found)}.")
    if others:
        sentences.append(f"That samples of a GAN are sharper than a VAE's is {' and '.join(others)}.")
    return " ".join(sentences)


def sure(verdicts: Sequence[Mapping]) -> str:
    """How sure the answer is: the outcomes of the claims that decide it, the least certain one, and those of all."""
    behind = {
        study: {one["id"]: one for idea in ideas.judged(verdicts) if idea.study == study for one in idea.verdicts}
        for study in DATA
    }
    told = [one for of in behind.values() for one in of.values()]
    told += [one for one in verdicts if (one["replication"], one["id"]) == WHOLE_MODELS and one["study"] in DATA]
    sentences = []
    if told:
        seeds = " or ".join(map(str, sorted({one["n_seeds"] for one in told})))
        sentences.append(f"Numbers are means over {seeds} seeds with 95 % intervals.")
    counts = [
        f"on {DATA[study]} {_counted(of.values())}{_disagreeing(of.values())}" for study, of in behind.items() if of
    ]
    if counts:
        sentences.append(f"Claims that decide the answer: {'; '.join(counts)}.")
    chances = [one["flip_chance"] for one in behind[STUDY].values() if one["flip_chance"] is not None]
    if chances:
        chance = f"{100 * max(chances):.0f} %"
        least = f"the least certain of them, on {DATA[STUDY]}"
        sentences.append(f"On fresh seeds {least}, has a chance of {chance} to come out otherwise.")
    if any(one["disagreement"] for one in told):
        sentences.append(f"{DISAGREE}: the instruments of sharpness disagree.")
    if verdicts:
        sentences.append(_of_all(verdicts))
    return " ".join(sentences)


def _of_all(verdicts: Sequence[Mapping]) -> str:
    """'Of all claims, *replicated* are 87 of 138 in *root* (5 *untestable*), 47 of 66 in *real*. …'."""
    outcomes: dict[str, list[str]] = {}
    for one in verdicts:
        outcomes.setdefault(one["study"], []).append(one["verdict"])
    counts = []
    for study, of_study in outcomes.items():
        untestable = of_study.count("untestable")
        counts.append(f"{of_study.count('replicated')} of {len(of_study)} in *{study}*")
        counts[-1] += f" ({untestable} *untestable*)" * bool(untestable)
    why = " The networks of an untestable claim failed its quality checks."
    return f"Of all claims, {', '.join(counts)} came out *replicated*.{why * ('untestable' in ' '.join(counts))}"


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
        parts.append(f"Claims: {_counted(idea.verdicts)}{_disagreeing(idea.verdicts)}")
        parts[-1] += f"; further claims: {_counted(idea.beside)}." if idea.beside else "."
    return " ".join(parts)


def _counted(verdicts: Iterable[Mapping]) -> str:
    """Outcomes, counted, those that were not tested last: '3 *replicated*, 1 *inconclusive*, 2 *untestable*'."""
    counts = Counter(one["verdict"] for one in verdicts)
    return ", ".join(f"{counts[outcome]} *{outcome}*" for outcome in OUTCOMES if counts[outcome])


def _disagreeing(verdicts: Iterable[Mapping]) -> str:
    """' (2†)', or nothing."""
    disagree = sum(one["disagreement"] for one in verdicts)
    return f" ({disagree}{DISAGREE})" if disagree else ""


def _mark(verdict: Mapping) -> str:
    """A sign beside the outcome of a claim whose instruments disagree."""
    return DISAGREE if verdict["disagreement"] else ""


def headlines(by_claim: Mapping[str, Mapping[str, Mapping]], signs: Mapping[str, str]) -> str:
    """Ten claims in every study, and how many were not replicated in the bundled one.

    Args:
        by_claim: 'replication/id' → study → verdict.
        signs: outcome → how it is written.
    """
    here = [rows[STUDY] for rows in by_claim.values() if STUDY in rows]
    studies = list(dict.fromkeys(study for rows in by_claim.values() for study in rows))
    lines = [f"| about | claim | {' | '.join(studies)} |", f"|---|---|{'---|' * len(studies)}"]
    for about, verdict in chosen(here):
        rows = by_claim[f"{verdict['replication']}/{verdict['id']}"]
        cells = [_cell(rows[study], signs, study == STUDY) if study in rows else "–" for study in studies]
        statement = f"{escaped(verdict['statement'])} *({verdict['replication']})*"
        lines.append(f"| {about} | {statement} | {' | '.join(cells)} |")
    others = [one for one in here if one["verdict"] != "replicated"]
    lines += ["", RULE, "", f"**Not replicated** in *{STUDY}*: {_counted(others) or 'none'}. "]
    lines[-1] += "[All claims](results/README.md)."
    return "\n".join([*lines, ""])


def chosen(verdicts: Sequence[Mapping]) -> list[tuple[str, Mapping]]:
    """The headlines among a study's verdicts, by `RULE`, each with the name of the explanation that it is about."""
    able = [one for one in verdicts if one["verdict"] in DECIDED and one["settled"] and not one["post_hoc"]]
    able.sort(key=_p)
    found: list[tuple[str, Mapping]] = []
    for name, explanation in EXPLANATIONS.items():
        taken = [one for _, one in found]
        about = [one for one in able if name in (*one["explanation"], *one["against"]) and one not in taken]
        decisive = [one for one in about if name in one["decisive"]]
        first = [*decisive, *(one for one in about if one not in decisive)][:PER_EXPLANATION]
        found += [(explanation.name, one) for one in first]
    taken = [one for _, one in found]
    return [*found, *(("", one) for one in able if one not in taken)][:HEADLINES]


def _p(verdict: Mapping) -> float:
    """The p value of the outcome."""
    key_of = {"replicated": "p_beyond", "contradicted": "p_against", "negligible": "p_negligible"}
    return verdict[key_of[verdict["verdict"]]] if verdict["verdict"] in key_of else 1.0


def _cell(verdict: Mapping, signs: Mapping[str, str], with_unit: bool) -> str:
    """The outcome and, where there is one, the effect."""
    sign = signs[verdict["verdict"]]
    if verdict["verdict"] == "untestable":
        return sign
    unit = verdict["unit"] if with_unit else "{}"
    effect = escaped(in_words(verdict["effect"], verdict["interval"], unit, verdict["scale"]))
    return f"{sign}{_mark(verdict)}<br>{effect}"


def escaped(text: str) -> str:
    """A text as one line that holds no HTML, no link and no end of a table's cell."""
    text = re.sub(r"\s+", " ", text)
    for raw, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", r"\|"), ("](", r"]\(")):
        text = text.replace(raw, safe)
    return text

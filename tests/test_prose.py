"""Numbers in prose: what was measured is generated from its file, and nobody writes it by hand.

A number that somebody typed stays when its run is made anew. So hand-written text about results may name a
hyper-parameter that params.yaml declares, and nothing that was measured, in digits or in words.
"""

import importlib
import re
from pathlib import Path

import pytest

from replications import study
from replications.judging.verdicts import ASKED_FOR
from replications.reporting import report

ROOT = Path(__file__).parent.parent
NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?")
IN_WORDS = re.compile(
    r"\b(?:twice|thrice|double[sd]?|half|halves|third|quarter|fifth|sixth|seventh|eighth|tenth|twentieth|fortieth"
    r"|(?:two|three|four|five|six|seven|eight|nine|ten|twenty)fold|decibels?|per ?cent)s?\b"
    r"|\b(?:two|three|four|five|six|seven|eight|nine|ten)\s+times\b|\b\d+(?:\.\d+)?\s*(?:dB|%|nats)"
)
"""Quantities in words; 'the first two epochs' is none, 'twice as sharp' is."""
CLAIMS = [
    (name, claim)
    for name in study.REPLICATIONS
    for claim in importlib.import_module(f"replications.{name}.claims").CLAIMS
]


def declared_numbers(name: str) -> set[str]:
    """Every number that a params.yaml says of a replication, and the sides of its pictures."""
    found = set()
    for folder in study.STUDIES:
        text = (ROOT / folder / "params.yaml").read_text(encoding="utf-8")
        section = re.search(rf"(?ms)^{name}:.*?(?=^\S|\Z)", text)
        if section:
            found |= set(re.findall(r"\d+(?:\.\d+)?", section[0]))
    return found


def written(name: str) -> str:
    """What somebody wrote about a replication's results: what follows the generated tables."""
    readme = (ROOT / "replications" / name / "README.md").read_text(encoding="utf-8")
    _, end = report.markers(report.RESULTS)
    return readme.partition(end)[2].replace("95 % intervals", "intervals")


def measured_in(text: str, allowed: set[str]) -> list[str]:
    """The numbers in a text that nothing declares."""
    text = re.sub(r"`[^`]*`", "", text)  # names of claims, variants and files
    digits = [one for one in NUMBER.findall(text) if one.lstrip("+-").replace(",", "").rstrip(".") not in allowed]
    return digits + [one[0] for one in IN_WORDS.finditer(text)]


@pytest.mark.parametrize("name", study.REPLICATIONS)
def test_what_is_written_about_results_holds_no_measured_number(name):
    assert not measured_in(written(name), declared_numbers(name)), f"replications/{name}/README.md"


@pytest.mark.parametrize(
    ("claim", "where"),
    [pytest.param(claim, where, id=f"{claim.id}-{where}") for _, claim in CLAIMS for where in claim.does_not_hold],
)
def test_a_reason_asks_for_its_numbers(claim, where):
    """`{k512.used_share:.0%}` is filled in when the claim is judged; what is left over is declared somewhere."""
    left = ASKED_FOR.sub("", claim.does_not_hold[where])
    allowed = declared_numbers(claim.replication) | set(re.findall(r"\d+(?:\.\d+)?", claim.statement))
    assert not measured_in(left, allowed), claim.id


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("eight values gain 3.5 dB", ["3.5", "3.5 dB"]),
        ("the gain is a quarter of what was hoped", ["quarter"]),
        ("three times as sharp", ["three times"]),
        ("from 8 to 1,024 values", []),
        ("`k512_restarts` uses all codes at 512", []),
        ("0.47 against 0.53", ["0.47", "0.53"]),
        ("twice as many pictures", ["twice"]),
    ],
)
def test_measured_numbers_are_told_from_declared_ones(text, found):
    assert measured_in(text, {"8", "1024", "512"}) == found

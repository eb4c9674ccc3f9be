"""How the suite is cited, and that it cites the sources of its claims and whatever it names by a number."""

import calendar
import importlib
import re
from pathlib import Path

import pytest

from replications import study
from replications.reporting import citation
from replications.reporting.citation import Author, CitationError, Work
from tests import tiny

CITED = citation.read(tiny.ROOT)
TEXTS = [
    path
    for folder in ("replications", "docs", "validation")
    for path in sorted((tiny.ROOT / folder).rglob("*"))
    if path.suffix in (".py", ".md")
]


def named(pattern: str) -> set[str]:
    """All that the code's and the documents' texts name by a pattern."""
    return {found for path in TEXTS for found in re.findall(pattern, path.read_text(encoding="utf-8"))}


def test_every_paper_that_a_text_names_by_its_number_is_cited():
    urls = [work.url for work in CITED.references]
    arxiv = named(r"arXiv[ :]*(\d{4}\.\d{4,5})")
    assert len(arxiv) >= 10
    assert [number for number in sorted(arxiv) if f"https://arxiv.org/abs/{number}" not in urls] == []
    doi = named(r"doi[ :]*(10\.\d+/[\w./-]*\w)")
    assert doi
    assert [number for number in sorted(doi) if f"https://doi.org/{number}" not in urls] == []


def test_the_sources_of_the_claims_are_cited():
    """'Isola et al. 2017' and 'Dai and Wipf 2019', as claims name where a statement comes from."""
    cited = {(work.authors[0].family_names, str(work.year)) for work in CITED.references}
    sources = [
        claim.source
        for name in study.REPLICATIONS
        for claim in importlib.import_module(f"replications.{name}.claims").CLAIMS
    ]
    named = {
        found
        for source in sources
        for found in re.findall(r"\b([A-Z][\w-]+)(?: et al\.| and [A-Z][\w-]+|, [A-Z][\w-]+)* (\d{4})\b", source)
    }
    assert ("Isola", "2017") in named
    assert len(named) >= 8
    assert sorted(one for one in named - cited if one[0] not in calendar.month_name) == []


def test_an_entry_of_bibtex():
    paper = Work.model_validate(
        {
            "type": "conference-paper",
            "title": "Neural Nets: A Study",
            "year": 2017,
            "conference": {"name": "NIPS"},
            "authors": [
                {"name-particle": "van den", "family-names": "Ørd", "given-names": "Aaron"},
                {"name": "The Others"},
            ],
        }
    )
    assert citation.bibtex(paper) == (
        "@inproceedings{vandenrd2017neural,\n  title = {{Neural Nets: A Study}},\n"
        "  author = {van den Ørd, Aaron and {The Others}},\n  year = {2017},\n  booktitle = {NIPS}\n}"
    )
    assert str(paper.authors[0]) == "Aaron van den Ørd"
    assert citation.bibtex(paper.model_copy(update={"type": "database"})).startswith("@misc{")
    assert str(Author(alias="nobody")) == "nobody"


def test_each_entry_has_a_key_of_its_own_and_no_sign_that_bibtex_would_read():
    entries = list(citation.entries(CITED))
    assert len(entries) == 1 + len(CITED.references)
    keys = [entry.partition("{")[2].partition(",")[0] for entry in entries]
    assert len(set(keys)) == len(keys)
    assert all(re.fullmatch(r"[a-z0-9]+", key) for key in keys)
    texts = [text for work in (CITED, *CITED.references) for text in (work.title, work.notes, work.venue)]
    assert not [text for text in texts if re.search(r"[&%#_$\\\\{}]", text)]


def test_the_readme_has_the_entry_of_the_suite():
    readme = (tiny.ROOT / "README.md").read_text(encoding="utf-8")
    assert f"```bibtex\n{citation.bibtex(CITED)}\n```" in readme


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [", "damaged .*expected YAML"),
        ("[1]", "the whole: Input should be"),
        ("title: x", "Field required"),
    ],
)
def test_a_damaged_citation_is_named(tmp_path: Path, text, expected):
    (tmp_path / "CITATION.cff").write_text(text, encoding="utf-8")
    with pytest.raises(CitationError, match=rf"CITATION.cff: .*{expected}.*git restore"):
        citation.read(tmp_path)

"""All committed Markdown as its public host shows it: tables are tables, and no tag stands there as text."""

import re

import pytest
from markdown_it import MarkdownIt

from replications import study
from replications.reporting import report
from tests import tiny
from tests.reporting import test_report

WRITTEN = ("README.md", "CONTRIBUTING.md", "paper/README.md")
DOCUMENTS = sorted(
    {
        *WRITTEN,
        *(path.relative_to(tiny.ROOT).as_posix() for path in tiny.ROOT.glob("validation/**/*.md")),
        *(f"replications/{name}/README.md" for name in study.REPLICATIONS),
        *(f"{folder}/results/verdicts.md".removeprefix("./") for folder in study.STUDIES),
    }
)
MARKDOWN = MarkdownIt("commonmark").enable("table")
ALLOWED = re.compile(r"<br>|<!--.*?-->", re.DOTALL)
"""The HTML that is meant: an end of a line in a cell, and the markers of what is generated."""


def text_of(document: str) -> str:
    return (tiny.ROOT / document).read_text(encoding="utf-8")


def rendered(text: str) -> tuple[int, list[str]]:
    """The number of tables, and every text outside of code that is no table's, with its tags."""
    tokens = MARKDOWN.parse(text)
    tables = sum(token.type == "table_open" for token in tokens)
    within, texts = False, []
    for token in tokens:
        within = (within or token.type == "table_open") and token.type != "table_close"
        if token.type == "inline" and not within:
            texts.append("".join(child.content for child in token.children if child.type != "code_inline"))
    return tables, texts


def rulers(text: str) -> int:
    """How many tables a text was meant to have: the lines that part their heads from their rows."""
    outside = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    return len(re.findall(r"^\|(?:\s*:?-{3,}:?\s*\|)+$", outside, re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_table_is_shown_as_one(document):
    text = text_of(document)
    tables, texts = rendered(text)
    assert tables == rulers(text)
    raw = [one for one in texts if re.search(r"\|\s*:?-{3,}|^\|.*\|$", one, re.MULTILINE)]
    assert raw == [], f"{document}: a row of a table is shown as text: is the blank line before it missing?"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_no_tag_is_shown_as_text(document):
    """Neither as it stands, where it is no HTML, nor escaped; and no HTML but what is meant."""
    html = MARKDOWN.render(text_of(document))
    shown = re.sub(r"<(pre|code)\b.*?</\1>", "", html, flags=re.DOTALL)
    assert re.findall(r"&lt;/?(?:br|table|tr|td|th|p|em|strong|a|img|span|div|sub|sup)\b[^&]*&gt;", shown) == []
    tokens = MARKDOWN.parse(text_of(document))
    every = [token for one in tokens for token in (one, *(one.children or ()))]
    html = [token.content for token in every if token.type in ("html_block", "html_inline")]
    assert [one for one in html if ALLOWED.sub("", one).strip()] == []


def tables_meant(verdicts: list[dict]) -> int:
    """Of the outcomes, of the environments, of deviations for every claim, of its snapshots where there are several."""
    return 2 + len(verdicts) + sum(len(verdict["snapshots"]) > 1 for verdict in verdicts)


@pytest.mark.parametrize("folder", study.STUDIES)
def test_the_verdicts_show_a_table_of_deviations_for_every_claim(folder):
    verdicts = report.read_verdicts(tiny.ROOT / folder)
    tables, _ = rendered(text_of(f"{folder}/results/verdicts.md"))
    assert tables == tables_meant(verdicts or [])


@pytest.fixture
def of_five(tmp_path, monkeypatch) -> tuple[list[dict], str, str]:
    """A verdict of each outcome, one of them without snapshots; verdicts.md and README's block about them."""
    verdicts = [*test_report.five_in(), test_report.verdicts("root")[0]]
    verdicts[1]["reason"] = "a | bar"
    test_report.write(tmp_path, verdicts)
    monkeypatch.setattr(study, "STUDIES", (".",))
    tiny.write_params(tmp_path, tiny.params())
    monkeypatch.chdir(tmp_path)
    withdrawn = [("pix2pix/old", "a | tautology")]
    return verdicts, report.of_study(study.load("."), verdicts, withdrawn), report.table(tmp_path, withdrawn)


def test_verdicts_of_every_outcome_are_tables_and_lists_and_nothing_else(of_five):
    verdicts, page, block = of_five
    for text, meant in ((page, tables_meant(verdicts)), (block, 2)):
        tables, texts = rendered(text)
        assert tables == rulers(text) == meant
        assert not [one for one in texts if re.search(r"^\||\|$|\|\s*:?-{3,}", one, re.MULTILINE)]
        assert not re.search(r"&lt;/?(?:br|b|em|strong)", MARKDOWN.render(text))


def test_the_parts_of_a_verdict_are_one_list_and_its_checks_a_list_in_it(of_five):
    """A blank line too many would make paragraphs of them, one too few a single one."""
    _, page, _ = of_five
    depth, items = 0, []
    for token in MARKDOWN.parse(page.split("## is_untestable: ")[1].split("\n## ")[0]):
        depth += (token.type == "bullet_list_open") - (token.type == "bullet_list_close")
        if token.type == "inline" and depth:
            items.append((depth, re.split(r"[*:?]+", token.content.lstrip("*"))[0]))
    outer = ["Compared", "Had the nets learned", "Had it settled", "What came out", "How sure is it"]
    outer += ["When was it written down", "By each instrument"]
    assert [head for at, head in items if at == 1] == outer
    assert [head for at, head in items if at == 2] == ["✓ passed", "✗ failed"]


def test_five_outcomes_a_failed_check_and_snapshots_are_seen_when_rendered(of_five):
    _, page, block = of_five
    shown, seen = MARKDOWN.render(page), MARKDOWN.render(block)
    for outcome, sign in report.SIGNS.items():
        assert f"<h2>is_{outcome}: {outcome}</h2>" in shown
        assert f"<td>{sign}</td>" in shown
        assert f"<td>{sign}<br>" in seen
    assert re.search(r"<li>✗ failed: the GAN is near photographs\. kid of gan is 0\.3, required: at most 0\.2", shown)
    assert "<td>25 %</td>\n<td>+0.5 [+0.48, +0.52] sharper</td>" in shown
    assert "<li>failed: the GAN is near photographs (gan; 1 claim in <em>root</em>)</li>" in seen
    for text in (shown, seen):
        assert "<li>pix2pix/old: a | tautology</li>" in text


def test_the_readme_shows_replications_explanations_and_claims():
    begin, end = report.markers("results")
    assert rendered(text_of("results/README.md").split(begin)[1].split(end)[0])[0] == 2
    begin, end = report.markers("headlines")
    assert rendered(text_of("README.md").split(begin)[1].split(end)[0])[0] == 1
    assert rendered(report.listed())[0] == 1


def test_a_table_after_a_line_of_text_is_noticed():
    """As in every verdicts.md until this test: a list, and a table right below it."""
    text = "- an item\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    tables, texts = rendered(text)
    assert (tables, rulers(text)) == (0, 1)
    assert any("|---|" in one for one in texts)

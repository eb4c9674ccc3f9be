"""results/report.html: what it says follows from the results, and a browser shows it as a reader would want it."""

import base64
import contextlib
import importlib
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from markupsafe import escape
from PIL import Image
from ruamel.yaml import YAML

from replications import study
from replications.datasets import world
from replications.errors import ReplicationError
from replications.judging.explanations import EXPLANATIONS
from replications.judging.ideas import IDEAS
from replications.judging.verdicts import MEANS
from replications.measuring import sheets
from replications.reporting import glance, page, report
from tests import tiny
from tests.reporting import test_report

MAX_BYTES = 6 * 2**20


@pytest.fixture(scope="module")
def text(made_once) -> str:
    """The page of the committed results."""
    return (made_once("page", write) / "report.html").read_text(encoding="utf-8")


def write(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "report.html").write_text(page.page(tiny.ROOT), encoding="utf-8")


@pytest.fixture(scope="module")
def small(made_once) -> str:
    """A page of two studies with a verdict of each outcome, of which one was measured at the end of training alone."""
    return (made_once("small-page", write_small) / "report.html").read_text(encoding="utf-8")


def write_small(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for name in ("CITATION.cff", "params.yaml"):
        (folder / name).symlink_to(tiny.ROOT / name)
    test_report.write(folder, test_report.five_in())
    test_report.write(folder / "real", [*test_report.five_in("real")[:1], *test_report.verdicts("real")])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study, "STUDIES", (".", "real"))
        patch.setattr(page, "sheets_of", lambda *_: {})
        patch.setattr(study, "load", lambda _: None)
        text = page.page(folder, [("pix2pix/old", "a <tautology>")])
    (folder / "report.html").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ([True], "its check passed"),
        ([False], "0 of 1 check passed"),
        ([True, True], "all 2 checks passed"),
        ([True, False, True], "2 of 3 checks passed"),
    ],
)
def test_a_closed_claim_tells_how_many_checks_were_passed(outcomes, said):
    assert page.passed({"checks": [{"passed": one} for one in outcomes]}) == said


def test_a_closed_claim_tells_where_its_instruments_disagree(text):
    folders = (tiny.ROOT / folder / "results" for folder in study.STUDIES)
    verdicts = [one for of in folders for one in json.loads((of / "verdicts.json").read_text(encoding="utf-8"))]
    n = sum(one["disagreement"] for one in verdicts)
    _, claims = text.split("</header>")
    assert claims.count("instruments disagree</span>") == n > 0
    assert text.count(" passed</span>") == sum(bool(one["checks"]) for one in verdicts)


def points(svg: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r'<circle cx="([\d.-]+)" cy="([\d.-]+)"', svg)]


@pytest.mark.parametrize("n", [2, 3, 4])
def test_the_curve_has_a_point_for_each_snapshot_and_a_dotted_line_at_the_smallest_effect(n):
    shares = (0.125, 0.25, 0.5, 1.0)[-n:]
    effects = (0.0, 0.4, 0.3, 0.8)[-n:]
    snapshots = [{"share": s, "effect": e, "interval": [None, None]} for s, e in zip(shares, effects, strict=True)]
    svg = page.course({"snapshots": snapshots, "smallest_effect": 0.2})
    found = points(svg)
    assert len(found) == n
    (line,) = re.findall(r'<polyline points="([^"]*)"', svg)
    assert len(line.split()) == n
    across = [x for x, _ in found]
    assert np.allclose(np.diff(across), np.diff(across)[0], atol=0.2), "each doubling of the training is as wide"
    heights = [y for _, y in found]
    assert np.argsort(np.negative(heights)).tolist() == np.argsort(effects).tolist(), "more is further up"
    (dotted,) = re.findall(r'<path d="M0 ([\d.]+)H64"[^>]*stroke-dasharray', svg)
    assert (
        np.interp(0.2, sorted(effects), sorted(heights, reverse=True)) == pytest.approx(float(dotted), abs=0.1) or n < 4
    )
    assert all(0 < y < 28 for y in (*heights, float(dotted)))


def test_no_line_ends_between_a_number_and_its_per_cent_sign(text):
    front = text.partition("<header>")[2].partition("</header>")[0]
    told = re.sub(r"<[^>]*>", "", front)
    assert len(re.findall(r"[0-9]\u00a0%", told)) > 3
    assert re.findall(r"[0-9] %", told) == []


def test_there_is_no_curve_where_the_end_alone_was_measured():
    only = test_report.verdicts("root")[0]
    assert len(only["snapshots"]) == 1
    assert page.course(only) == ""


def cell(text: str, claim: str, study: str) -> str:
    """What the page shows of a claim in a study, closed."""
    of_claim = text.split(f'aria-controls="pix2pix--{claim}"')[1].split('<tr class="details"')[0]
    return of_claim.split(f'<td data-of="{study}:">')[1].split("</td>")[0]


def details(text: str, claim: str, study: str) -> str:
    """What the page shows of a claim in a study when it is open, without tags."""
    of_claim = text.split(f'id="pix2pix--{claim}" hidden')[1].split("</tbody>\n<tbody")[0]
    return " ".join(re.sub(r"<[^>]*>", " ", of_claim.split(f"<h3>{study}: ")[1].split("<h3>")[0]).split())


def test_five_outcomes_are_shown_counted_explained_and_to_be_filtered_by(small):
    for outcome, sign in zip(MEANS, report.SIGNS.values(), strict=True):
        shown = cell(small, f"is_{outcome}", "root")
        assert f'<span class="verdict {outcome}">{sign}</span>' in shown
        assert f'<span class="plot {outcome}"' in shown
        assert f"<option>{outcome}</option>" in small
        assert f'<dt class="verdict {outcome}">{sign}</dt> <dd>{MEANS[outcome]}.</dd>' in small
        assert f'<span class="verdict {outcome}">1 {outcome}</span>' in small
    assert ">(+1 [+0.98, +1.02] sharper)<" in cell(small, "is_untestable", "root")


def test_a_claim_shows_its_course_or_that_it_is_not_known(small):
    shown = cell(small, "is_replicated", "root")
    assert len(points(shown)) == len(test_report.SHARES)
    assert 'aria-label="The effect at each snapshot: +0.5 at 25 %, +0.97 at 50 %, +1 at 100 %"' in shown
    assert re.search(r"</span>\s*settled</span>", shown)
    assert re.search(r"</span>\s*not settled</span>", cell(small, "is_contradicted", "root"))
    shown = cell(small, "it_sharpens", "real")
    assert points(shown) == []
    assert "settled: not known" in shown


def test_the_details_of_a_claim_list_its_checks_with_value_and_bound(small):
    said = details(small, "is_untestable", "root")
    assert "Had the nets learned? No, 1 of 2 quality checks failed:" in said
    assert "✓ passed : the GAN shows as many modes as photographs. modes of gan is 9.5, required: at least 9" in said
    assert "✗ failed : the GAN is near photographs. kid of gan is 0.3, required: at most 0.2 (0 of 5 seeds" in said
    assert "Why this bound: blur | is bad." in said
    assert "It could not be tested:" in said
    assert "the outcome would be replicated :" in said
    assert "the claim names no quality check" in details(small, "it_sharpens", "real")


def test_the_details_of_a_claim_say_when_it_was_written_down_and_whether_it_settled(small):
    said = details(small, "is_negligible", "root")
    assert f"When was it written down? W{test_report.REGISTERED[1:]}. {report.POST_HOC}" in said
    assert "When was it written down? The register does not say." in details(small, "is_inconclusive", "root")
    assert "Had it settled? Yes: the last doubling of the training changed the effect by +0.03, where 0.1" in details(
        small, "is_replicated", "root"
    )
    assert "only the end of training was measured" in details(small, "it_sharpens", "real")
    marked = re.findall(r'aria-controls="pix2pix--(\w+)"(?:(?!</th>).)*<span class="mark">post hoc', small, re.DOTALL)
    assert marked == ["is_negligible"]
    assert f"Decisive about E1: {report.DECISIVE}." in details(small, "is_replicated", "root")


def test_the_explanations_say_what_would_count_and_what_was_shown(small):
    shown = small.split('id="explanations"')[1].split("</section>")[0]
    for one in EXPLANATIONS.values():
        for words in (one.says, one.counts_for, one.counts_against):
            assert words in shown
    assert "Against it: <code>is_replicated</code> in root and real." in shown
    answer = small.split('<div class="front">')[1].split("</header>")[0]
    for idea in IDEAS:
        assert str(escape(idea.open)) in answer, "no claim of the room that decides it is there"


def test_withdrawn_claims_are_listed_with_their_reasons(small):
    assert "<li><code>pix2pix/old</code>: a &lt;tautology&gt;</li>" in small


def luminance(colour: str) -> float:
    """Relative luminance of '#rrggbb', as WCAG 2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot((0.2126, 0.7152, 0.0722), linear))


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_outcome_can_be_read_on_every_ground_of_both_themes(theme):
    """A contrast of 4.5 to 1 (WCAG 2, AA), and no two outcomes have one colour."""
    template = (Path(page.__file__).parent / "page.html.jinja").read_text(encoding="utf-8")
    colours = dict(re.findall(r"--(\w+): (#\w{6})", re.findall(r":root \{(.*?)\}", template, re.DOTALL)[theme]))
    for outcome in (*MEANS, "soft", "text", "link"):
        for ground in ("back", "card"):
            low, high = sorted((luminance(colours[outcome]), luminance(colours[ground])))
            assert (high + 0.05) / (low + 0.05) >= 4.5, f"{outcome} on {ground}"
    assert len({colours[outcome] for outcome in MEANS}) == 5


def test_a_plot_of_an_interval_without_bounds_and_the_same_bytes_again():
    one = test_report.verdicts("root")[0]
    one["interval"] = [None, None]
    assert page.plot(one) == page.plot(one)
    assert page.plot(one).startswith("<svg")
    assert "currentColor" in page.plot(one), "as dark or as light as the text beside it"
    assert page.INK not in page.plot(one)


def shown(columns: dict[str, np.ndarray]) -> sheets.Columns:
    """As read from the files of a sheet."""
    rows, height, width, _ = next(iter(columns.values())).shape
    return sheets.Columns(
        height, width, rows, {title: Image.fromarray(np.concatenate(one)) for title, one in columns.items()}
    )


@pytest.mark.parametrize("larger", [1, 3])
def test_what_is_known_is_that_of_the_label_maps_shown(larger):
    labels, _ = world.sample(np.random.default_rng(0), 8, 32)
    pictures = np.repeat(np.repeat(world.PALETTE[labels], larger, axis=1), larger, axis=2)
    strips = page.known(shown({"labels": pictures}))
    for strip, name in zip(strips.values(), ("mean", "median"), strict=True):
        found = np.asarray(strip).reshape(8, 32 * larger, 32 * larger, 3)[
            :, larger // 2 :: larger, larger // 2 :: larger
        ]
        for picture, of in zip(found, labels, strict=True):
            assert (picture == np.round(255 * getattr(world.conditional(of), name))).all()


@pytest.mark.parametrize("folder", study.STUDIES)
def test_every_committed_sheet_has_its_columns(folder):
    declared = study.load(tiny.ROOT / folder)
    for room in declared.variants:
        columns = sheets.load(declared, room)
        assert columns.rows >= page.INPUTS
        assert len(columns.strips) == columns_drawn(declared, room), "as many as sheet.png shows"
        of_room = importlib.import_module(f"replications.{room}.measures")
        assert set(of_room.COMPARED) <= set(columns.strips) or folder != ".", room


def columns_drawn(declared: study.Study, room: str) -> int:
    with Image.open(declared.folder / "results" / room / "sheet.png") as picture:
        return round(picture.width / 95)


def test_the_page_shows_the_committed_columns_pixel_by_pixel():
    declared = study.load(tiny.ROOT)
    uris = page.sheets_of("root", declared)["vq_vae"]["columns"]
    columns = sheets.load(declared, "vq_vae")
    assert list(uris) == list(columns.strips)
    for title, uri in uris.items():
        with Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))) as picture:
            top = np.asarray(columns.strips[title])[: page.INPUTS * columns.height]
            assert (np.asarray(picture.convert("RGB")) == top).all()


def test_the_page_holds_everything_in_itself(text):
    assert len(text.encode()) < MAX_BYTES
    asked = re.findall(r"""(?:src|href)=["']([^"']*)""", re.sub(r'<a href="https?://', "<a ", text))
    assert asked
    assert [one for one in asked if not one.startswith(("#", "data:"))] == [], "a link is followed by people alone"
    assert "url(" not in re.sub(r"url\(#\w+\)", "", text)


def test_every_claim_is_there_with_the_command_that_traces_it(text):
    for folder in study.STUDIES:
        for one in report.read_verdicts(tiny.ROOT / folder):
            more = "" if one["study"] == "root" else f" --study {one['study']}"
            assert f"trace {one['id']}{more}</code>" in text
            assert text.count(f'id="{one["replication"]}--{one["id"]}"') == 1


def test_what_a_result_says_is_text_and_never_a_tag(tmp_path, monkeypatch):
    for name in ("results", "CITATION.cff", "params.yaml"):
        (tmp_path / name).symlink_to(tiny.ROOT / name)
    evil = "</script><script>alert(1)</script>"
    verdicts = test_report.five_in()[-1:]
    verdicts[0] |= {"statement": evil, "unit": evil, "part": evil, "registered": evil, "source": evil, "reason": evil}
    verdicts[0]["checks"][1] |= {"what": evil, "why": evil, "variant": evil, "instrument": evil}
    monkeypatch.setattr(study, "STUDIES", (".",))
    monkeypatch.setattr(report, "read_verdicts", lambda _: verdicts)
    for name in ("sheets_of", "curves"):  # neither holds what a verdict says
        monkeypatch.setattr(page, name, lambda *_: {})
    assert "<script>alert" not in page.page(tmp_path, [(evil, evil)])


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("columns/03.png", b"no picture", "no picture of column 'l2'"),
        ("columns/columns.json", b"{", "expected titles and the size"),
        ("curves.csv", b"curve,series,variant,x,y,low,high\na,b,c,1,2,3,many\n", "expected points with intervals"),
        ("curves.csv", b"curve,x\na,1\n", "a row is not curve, series, x, y, low, high"),
    ],
)
def test_damaged_results_are_named_with_a_remedy(name, content, expected, tmp_path, monkeypatch):
    for one in ("CITATION.cff", "params.yaml"):
        (tmp_path / one).symlink_to(tiny.ROOT / one)
    shutil.copytree(tiny.ROOT / "results", tmp_path / "results")
    damaged = tmp_path / "results" / "pix2pix" / name
    damaged.write_bytes(content)
    monkeypatch.setattr(page, "plot", lambda _: "")
    with pytest.raises(ReplicationError, match=f"{name}.*{expected}.*run `dvc repro --pull"):
        page.page(tmp_path)


def test_colours_that_are_no_label_are_not_taken_for_one():
    with pytest.raises(glance.GlanceError, match="other colours than world"):
        page.known(shown({"labels": np.full((8, 32, 32, 3), 7, np.uint8)}))


def test_without_verdicts_there_is_no_page(tmp_path):
    with pytest.raises(page.PageError, match="no verdicts there; run `dvc repro --pull"):
        page.page(tmp_path)


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("no/such/report.html", "--out no/such/report.html: there is no folder no/such, expected one; make it"),
        ("there", "--out there: a folder, expected the name of a file; say there/report.html"),
        ("file/report.html", "--out file/report.html: there is no folder file, expected one"),
        ("closed/report.html", "--out closed/report.html: closed may not be written to; name a folder that may"),
    ],
)
def test_a_page_that_could_not_be_written_is_refused_before_anything_is_made(out, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "closed").mkdir()
    monkeypatch.setattr(page.os, "access", lambda path, _: path.name != "closed")  # root may write anywhere
    monkeypatch.setattr(page, "page", lambda _: pytest.fail("nothing is made"))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(page.PageError, match=f"^{re.escape(said)}"):
        page.main(["--out", out])
    assert sorted(tmp_path.rglob("*")) == before


def test_dvc_keeps_the_page_and_sends_it_to_no_remote():
    """Of an output that it does not keep, `dvc repro --pull` says that it is up to date where it is missing."""
    outs = YAML(typ="safe").load(tiny.ROOT / "dvc.yaml")["stages"]["page"]["outs"]
    assert {"results/report.html": {"push": False}} in outs
    listed = subprocess.run(
        ["git", "check-ignore", "results/report.html"], cwd=tiny.ROOT, capture_output=True, check=False
    )
    assert listed.returncode == 0, "five megabytes that anybody can make again are no part of the history"


# --- in a browser --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is missing: it is in requirements.lock")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


in_both_themes = pytest.mark.parametrize("opened", ["light", "dark"], indirect=True)


@pytest.fixture
def opened(browser, text, tmp_path, request):
    """The page as a reader without a network sees it, light unless asked for, and what the browser complained of."""
    with shown_in(browser, text, tmp_path, getattr(request, "param", "light")) as tab:
        tab.wait_for_selector(".frame img")
        yield tab


@pytest.fixture
def opened_small(browser, small, tmp_path, request):
    """The same of the small page, which has no pictures."""
    with shown_in(browser, small, tmp_path, getattr(request, "param", "light")) as tab:
        yield tab


@contextlib.contextmanager
def shown_in(browser, text: str, folder: Path, theme: str):
    (folder / "report.html").write_text(text, encoding="utf-8")
    context = browser.new_context(color_scheme=theme, viewport={"width": 1280, "height": 900}, offline=True)
    tab, said = context.new_page(), []
    tab.on("console", lambda message: said.append(f"{message.text} {message.location['url']}".strip()))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.goto((folder / "report.html").as_uri())
    yield tab
    context.close()
    assert said == []


def visible(tab) -> int:
    return tab.locator(".claims > tbody:visible").count()


@in_both_themes
def test_a_browser_shows_it_without_a_complaint_and_every_picture_loads(opened):
    opened.wait_for_function("[...document.images].every(one => one.complete && one.naturalWidth)")
    assert opened.locator("svg").count() > 200
    sheets = opened.locator("#sheet option").count()
    assert sheets == sum(len(study.load(tiny.ROOT / folder).variants) for folder in study.STUDIES)
    for name in opened.locator("#sheet option").all_text_contents():
        opened.select_option("#sheet", name)
        opened.wait_for_function("[...document.images].every(one => one.complete && one.naturalWidth)")


def test_filters_and_disclosures_work_by_keyboard(opened):
    every = visible(opened)
    opened.locator("select[name=replication]").focus()
    opened.keyboard.type("vq")
    assert 0 < visible(opened) < every
    assert opened.locator(".filters output").text_content() == f"{visible(opened)} of {every} claims"
    button = opened.locator(".claims > tbody:visible .claim button").first
    button.focus()
    details = opened.locator(f"#{button.get_attribute('aria-controls')}")
    assert not details.is_visible()
    opened.keyboard.press("Enter")
    assert details.is_visible()
    assert "python -m replications trace" in details.text_content()
    opened.keyboard.press("Space")
    assert not details.is_visible()
    opened.locator("button[type=reset]").focus()
    opened.keyboard.press("Enter")
    opened.wait_for_function(f"document.querySelectorAll('.claims > tbody:not([hidden])').length === {every}")


def test_the_divider_moves_by_keyboard(opened):
    opened.locator("#divider").focus()
    opened.keyboard.press("End")
    assert opened.evaluate("document.getElementById('frames').style.getPropertyValue('--at')") == "100%"


def test_what_is_open_is_printed_and_no_control(opened):
    opened.emulate_media(media="print")
    assert not opened.locator(".filters").is_visible()
    assert not opened.locator("#divider").is_visible()
    assert opened.locator("tr.details:visible").count() == 0
    opened.emulate_media(media="screen")
    opened.locator(".claim button").first.click()
    opened.emulate_media(media="print")
    assert opened.locator("tr.details:visible").count() == 1


WIDTHS = (360, 390, 768, 820, 1280)


def test_nothing_is_wider_than_the_window(opened):
    for width in WIDTHS:
        opened.set_viewport_size({"width": width, "height": 900})
        assert_fits(opened, width)


def assert_fits(tab, width: int) -> None:
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    for region in tab.locator(".scroll").all():
        name = region.get_attribute("aria-label")
        wide, there = region.evaluate("one => [one.scrollWidth, one.clientWidth]")
        assert wide <= there, f"{name} scrolls sideways in {width} pixels: {wide} > {there}"


CELLS = """() => [...document.querySelectorAll("#explanations table tr")].map(row => {
  const ruler = document.createElement("canvas").getContext("2d");
  return [...row.children].map(cell => {
    const style = getComputedStyle(cell), box = cell.getBoundingClientRect();
    ruler.font = `${style.fontSize} ${style.fontFamily}`;
    const inside = box.width - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    const text = cell.textContent, whole = ruler.measureText(text).width <= inside + 1;
    return { text, whole, characters: inside / ruler.measureText("n").width, left: box.left, right: box.right };
  });
})"""
"""Row by row, the cells of the table of explanations: how many letters fit beside each other, and whether all do."""


def test_the_explanations_can_be_read_in_a_window_of_any_width(opened):
    """A cell that does not hold its text in one line is at least eight letters wide, and no row leaves the window."""
    for width in WIDTHS:
        opened.set_viewport_size({"width": width, "height": 900})
        rows = opened.evaluate(CELLS)
        assert len(rows) == 6
        for row in rows[1:]:
            for cell in row:
                assert cell["whole"] or cell["characters"] >= 8, (width, cell)
                assert 0 <= cell["left"] <= cell["right"] <= width, (width, cell)
            assert row[-1]["characters"] >= 24, f"{width}: a conclusion is no column of single words: {row[-1]}"


@pytest.mark.slow
@pytest.mark.parametrize("opened", ["light", "dark"], indirect=True)
def test_an_accessibility_check_finds_nothing(opened):
    """Of all claims, which takes half a minute. A page of one claim for each outcome is always checked."""
    opened.locator(".claims .claim button").first.click()
    assert_accessible(opened)


def assert_accessible(tab) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    found = axe.Axe().run(tab)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("opened_small", ["light", "dark"], indirect=True)
@pytest.mark.parametrize("width", [390, 1280])
def test_with_all_outcomes_open_nothing_is_wider_than_the_window_or_hard_to_read(opened_small, width):
    opened_small.set_viewport_size({"width": width, "height": 900})
    for button in opened_small.locator(".claim button").all():
        button.click()
    assert opened_small.locator(".checks .failed").count() == 1
    assert_fits(opened_small, width)
    boxes = [curve.bounding_box() for curve in opened_small.locator(".course svg").all()]
    assert len(boxes) == 6, "of all claims but those that were measured at the end of training alone"
    assert all(box["width"] >= 60 and box["x"] + box["width"] <= width for box in boxes), "they are seen"
    assert_accessible(opened_small)


@pytest.mark.parametrize("outcome", MEANS)
def test_claims_are_filtered_by_outcome(opened_small, outcome):
    opened_small.select_option("select[name=verdict]", outcome)
    ids = opened_small.locator(".claims > tbody:visible .claim button").evaluate_all(
        "all => all.map(one => one.getAttribute('aria-controls'))"
    )
    more = {"replicated": ["pix2pix--it_sharpens"], "contradicted": ["pix2pix--it_blurs"]}
    assert ids == [f"pix2pix--is_{outcome}", *more.get(outcome, [])]


@pytest.mark.parametrize("opened_small", ["light", "dark"], indirect=True)
def test_a_plot_has_the_colour_of_its_outcome(opened_small):
    """Drawn in the colour of the text around it, which each theme has its own of."""
    for outcome in MEANS:
        badge, *drawn = (
            opened_small.locator(f".claims {where}").first.evaluate(f"one => getComputedStyle(one).{what}")
            for where, what in (
                (f".verdict.{outcome}", "color"),
                (f".course.{outcome} polyline", "stroke"),
                (f".course.{outcome} circle", "fill"),
                (f'.plot.{outcome} [style*="stroke: currentColor"]', "stroke"),
            )
        )
        assert drawn == [badge] * 3, outcome


@pytest.mark.parametrize(
    ("title", "y", "x"),
    [
        ("rate (nats) against β", "rate (nats)", "β"),
        ("sharpness against β (1: as photographs)", "sharpness (1: as photographs)", "β"),
        ("sharpness (1: as photographs) against PSNR (dB)", "sharpness (1: as photographs)", "PSNR (dB)"),
        ("variance of the pixels below one code", "variance of the pixels below one code", "codebook size"),
    ],
)
def test_the_title_of_a_curve_names_both_axes(title, y, x):
    assert page.axes_of(title, "codebook_size") == (y, x)


def test_a_line_goes_from_left_to_right_and_a_nought_that_was_rounded_is_on_no_logarithmic_axis():
    rows = [
        {"series": "L2", "x": x, "y": y, "low": y, "high": y}
        for x, y in ((1.0, 1.0), (1e-15, 0.0), (0.5, 0.5), (0.1, 0.1))
    ]
    picture = page._curve(("y", "x"), {"root": rows})
    lines = [re.findall(r"[ML] ([\d.]+) ([\d.]+)", path) for path in re.findall(r' d="([^"]*)"', picture)]
    (line,) = [of for of in lines if len(of) == 4 and len({x for x, _ in of}) == 4]
    across = np.array([float(x) for x, _ in line])
    assert (across - across[0]) / np.ptp(across) == pytest.approx([0, 0.1, 0.5, 1], abs=0.01)

"""results/report.html: what it says follows from the results, and a browser shows it as a reader would want it."""

import base64
import importlib
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

from replications import study
from replications.datasets import world
from replications.judging.explanations import findings
from replications.measuring import sheets
from replications.reporting import page, report
from tests import tiny

MAX_BYTES = 6 * 2**20


@pytest.fixture(scope="module")
def text(made_once) -> str:
    """The page of the committed results."""
    return (made_once("page", write) / "report.html").read_text(encoding="utf-8")


def write(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "report.html").write_text(page.page(tiny.ROOT), encoding="utf-8")


def verdict(claim: str, says: str, explanation: tuple[str, ...] = (), against: tuple[str, ...] = ()) -> dict:
    replication, name = claim.split("/")
    bears = {"explanation": list(explanation), "against": list(against)}
    return {"replication": replication, "id": name, "verdict": says, "study": "root", **bears}


NOT_NEEDED = verdict("pix2pix/l1_outputs_are_blurrier_than_photos", "replicated", ("E2",), ("E1",))
NOT_ENOUGH = verdict("vae_vs_gan/equal_bottleneck_yet_crisp", "replicated", ("E2",), ("E1",))
CODES = verdict("vq_vae/without_a_quantiser_outputs_are_blurred_too", "replicated", ("E2",), ("E5",))


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        ([NOT_NEEDED], "What stands is averaging (E2): L1 and L2 are minimised by averaging all plausible outputs (1 "),
        ([NOT_NEEDED], "Bottleneck (E1) is not needed: outputs are blurred without it, too."),
        ([NOT_ENOUGH], "Bottleneck (E1) is not enough: outputs are crisp in spite of it."),
        ([NOT_NEEDED, NOT_ENOUGH], "Bottleneck (E1) is neither needed nor enough: outputs are blurred without it, and"),
        ([CODES], "Quantisation (E5) is not needed: outputs are blurred without it, too."),
        ([{**NOT_NEEDED, "verdict": "inconclusive"}], "None of the five explanations stands"),
        (
            [{**NOT_NEEDED, "verdict": "contradicted"}],
            "Averaging (E2) is outweighed: more verdicts speak against it than for it.",
        ),
        (
            [NOT_NEEDED, verdict("vq_vae/one", "replicated", ("E5",))],
            "What stand are averaging (E2) and quantisation (E5)",
        ),
    ],
)
def test_the_answer_follows_from_the_verdicts(verdicts, said):
    assert said in page.answer(findings(verdicts))


def test_a_plot_of_an_interval_without_bounds_and_the_same_bytes_again():
    one = json.loads((tiny.ROOT / "results" / "verdicts.json").read_text(encoding="utf-8"))[0]
    one["interval"] = [None, None]
    assert page.plot(one) == page.plot(one)
    assert page.plot(one).startswith("<svg")


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
    asked = re.findall(r"""(?:src|href)=["']([^"']*)""", text)
    assert asked
    assert [one for one in asked if not one.startswith(("#", "data:"))] == []
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
    verdicts = json.loads((tiny.ROOT / "results" / "verdicts.json").read_text(encoding="utf-8"))[:1]
    verdicts[0] |= {"statement": evil, "unit": evil, "part": evil}
    monkeypatch.setattr(study, "STUDIES", (".",))
    monkeypatch.setattr(report, "read_verdicts", lambda _: verdicts)
    monkeypatch.setattr(page, "sheets_of", lambda *_: {})
    assert "<script>alert" not in page.page(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("columns/03.png", b"no picture", "no picture of column 'l2'"),
        ("columns/columns.json", b"{", "expected titles and the size"),
        ("curves.csv", b"curve,series,variant,x,y,low,high\na,b,c,1,2,3,many\n", "expected points with intervals"),
        ("curves.csv", b"curve,x\na,1\n", "expected points with intervals"),
    ],
)
def test_damaged_results_are_named_with_a_remedy(name, content, expected, tmp_path, monkeypatch):
    for one in ("CITATION.cff", "params.yaml"):
        (tmp_path / one).symlink_to(tiny.ROOT / one)
    shutil.copytree(tiny.ROOT / "results", tmp_path / "results")
    damaged = tmp_path / "results" / "pix2pix" / name
    damaged.write_bytes(content)
    monkeypatch.setattr(page, "plot", lambda _: "")
    with pytest.raises((page.PageError, sheets.SheetError), match=f"{name}.*{expected}.*run `dvc repro --pull"):
        page.page(tmp_path)


def test_colours_that_are_no_label_are_not_taken_for_one():
    with pytest.raises(page.PageError, match="other colours than world"):
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
    (tmp_path / "report.html").write_text(text, encoding="utf-8")
    context = browser.new_context(
        color_scheme=getattr(request, "param", "light"), viewport={"width": 1280, "height": 900}, offline=True
    )
    tab, said = context.new_page(), []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.goto((tmp_path / "report.html").as_uri())
    tab.wait_for_selector(".frame img")
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
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        for region in opened.locator(".scroll").all():
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


@in_both_themes
@pytest.mark.parametrize("width", WIDTHS)
def test_the_explanations_can_be_read_in_a_window_of_any_width(opened, width):
    """A cell that does not hold its text in one line is at least eight letters wide, and no row leaves the window."""
    opened.set_viewport_size({"width": width, "height": 900})
    rows = opened.evaluate(CELLS)
    assert len(rows) == 6
    for row in rows[1:]:
        for cell in row:
            assert cell["whole"] or cell["characters"] >= 8, cell
            assert 0 <= cell["left"] <= cell["right"] <= width, cell
        assert row[-1]["characters"] >= 24, f"a conclusion is no column of single words: {row[-1]}"


@in_both_themes
def test_an_accessibility_check_finds_nothing(opened):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    opened.locator(".claims .claim button").first.click()
    found = axe.Axe().run(opened)
    assert found.violations_count == 0, found.generate_report()

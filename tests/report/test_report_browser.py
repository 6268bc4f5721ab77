"""The report in a real browser: telephone, dark, paper, and nothing fetched. Skipped without Chromium."""

import json
from pathlib import Path

import pytest

from support.report_fixture import make_run
from topofuse.report import write_report

CHROMIUM = Path("/usr/bin/chromium")
playwright = pytest.importorskip("playwright.sync_api")
pytestmark = [pytest.mark.browser, pytest.mark.skipif(not CHROMIUM.exists(), reason=f"no browser at {CHROMIUM}")]

# relative luminance and contrast ratio of WCAG 2.2, of the ink on the page
CONTRAST = """() => {
  const rgb = (c) => c.match(/[0-9.]+/g).slice(0, 3).map(Number).map((v) => v / 255);
  const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = (c) => { const [r, g, b] = rgb(c).map(linear); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const style = getComputedStyle(document.body);
  const [a, b] = [light(style.color), light(style.backgroundColor)].sort((x, y) => y - x);
  return { background: style.backgroundColor, contrast: (a + 0.05) / (b + 0.05) };
}"""
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
BEYOND = """() => [...document.querySelectorAll("figure, p, li, .cards div, table")]
  .filter((e) => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth + 1).length"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    run = make_run(tmp_path_factory.mktemp("browser") / "run", n_pool=300, n_test=100)
    kept = {f"mp-{i}": f"POSCAR of mp-{i}" for i in range(1000, 1400)}
    (run / "structures.json").write_text(json.dumps(kept), encoding="utf-8")
    return write_report(run)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, report):
    pages = []

    def open_page(width, **context):
        page = browser.new_page(viewport={"width": width, "height": 740}, **context)
        page.asked, page.complaints = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda message: page.complaints.append(message.text))
        page.goto(report.as_uri())
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_does_not_scroll_sideways(visit, width):
    page = visit(width)
    assert page.evaluate(SIDEWAYS) == 0
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    assert page.evaluate(SIDEWAYS) == 0


def test_nothing_is_fetched_and_nothing_is_complained_of(visit, report):
    page = visit(800)
    assert page.asked == [report.as_uri()]
    assert page.complaints == []


def test_light_and_dark_are_two_legible_themes(visit):
    light, dark = (visit(800, color_scheme=scheme).evaluate(CONTRAST) for scheme in ("light", "dark"))
    assert light["background"] != dark["background"]
    assert min(light["contrast"], dark["contrast"]) > 7


def test_paper_is_white_whatever_the_screen_was(visit):
    page = visit(700, color_scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate(CONTRAST) == {"background": "rgb(255, 255, 255)", "contrast": pytest.approx(21)}
    assert not page.locator("nav").is_visible()
    assert page.evaluate(BEYOND) == 0


def test_a_link_to_a_structure_unfolds_it(visit):
    page = visit(800)
    structure = page.locator("#structure-3")
    assert not structure.is_visible()
    page.click('a[href="#structure-3"]')
    structure.wait_for(state="visible", timeout=2000)
    assert structure.text_content().startswith("POSCAR of mp-")

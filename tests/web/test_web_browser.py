"""The page in a real browser: Debian's Chromium, driven by Playwright. Screenshots are kept in build/screenshots."""

from __future__ import annotations

import csv
import json
import os
from contextlib import contextmanager
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from support.stand_ins import ByFirstAtom, poscar
from support.web_server import serving
from topofuse.screening.predict import predict_paths
from topofuse.screening.table import COLUMNS, csv_text
from topofuse.web.examples import EXAMPLES, example_text

CHROMIUM = next((p for p in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(p).exists()), None)
pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium in /usr/bin")]
SCREENSHOTS = Path(os.environ.get("TOPOFUSE_SCREENSHOTS", Path(__file__).parents[2] / "build" / "screenshots"))
AUDIT = (Path(__file__).parents[1] / "support/page_audit.js").read_text(encoding="utf-8")
# software rendering, so that WebGL works on machines without a graphics card; root may not have a sandbox
FLAGS = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox"]


@pytest.fixture(scope="module")
def address():
    with serving() as found:
        yield found


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium, address):
    with opened_page(chromium, address, viewport={"width": 1000, "height": 800}) as opened:
        yield opened


@pytest.fixture
def phone(chromium, address):
    screen = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2}
    with opened_page(chromium, address, **screen, is_mobile=True, has_touch=True) as opened:
        yield opened


@contextmanager
def opened_page(chromium, address, **options):
    """A fresh page; at the end it must have asked no other host and reported no error."""
    context = chromium.new_context(**options)
    context.set_default_timeout(120_000)  # of milliseconds: software rendering beside other work takes its time
    opened = context.new_page()
    asked, wrong = [], []
    opened.on("request", lambda r: asked.append(r.url))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
    opened.goto(address)
    opened.wait_for_selector(".model[data-state=ready]")
    yield opened
    context.close()
    elsewhere = [url for url in asked if not url.startswith((address + "/", "blob:"))]
    assert (elsewhere, wrong) == ([], [])


def upload(page, *named):
    page.set_input_files(
        "#files",
        [{"name": name, "mimeType": "text/plain", "buffer": text.encode()} for name, text in named],
    )


def picture(page, selector, name):
    """The pixels (h, w, 4) of one part of the page, as a person sees it; kept as a file."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    path = SCREENSHOTS / f"{name}.png"
    page.wait_for_selector(selector)
    page.locator(selector).scroll_into_view_if_needed()
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.locator(selector).screenshot(path=path)
    return matplotlib.image.imread(path)


def drawn(pixels):
    """Share of the pixels that are not background."""
    background = pixels[4, 4]
    return float((np.abs(pixels - background).max(axis=-1) > 0.05).mean())


def several(page):
    """The rows that the page must have, and the page with them."""
    named = [("b_CaS.vasp", poscar("Ca", "S")), ("a_CsCl.vasp", poscar("Cs", "Cl")), ("c_bad.cif", "data_x\nloop_")]
    upload(page, *named, ("d_Na.vasp", poscar("Na", a=3.4)))
    page.wait_for_selector("#table tbody tr >> nth=3")
    return [*named, ("d_Na.vasp", poscar("Na", a=3.4))]


def column(page, index):
    return [line.locator("th, td").nth(index).inner_text() for line in page.locator("#table tbody tr").all()]


def test_an_upload_is_classified_at_three_levels_and_drawn_twice(page):
    upload(page, ("Bi2Se3.vasp", example_text("Bi2Se3")))
    page.wait_for_selector("#zone canvas")
    assert page.inner_text("#formula") == "Bi2Se3"
    assert page.inner_text("#status") == "Bi2Se3 is classified."
    # the stand-in: Z = 34 → the fifth class
    assert page.inner_text("#verdict .class") == "Topological crystalline insulator"
    assert [h.inner_text() for h in page.locator("#levels h3").all()] == [
        "Two classes",
        "Three classes",
        "Five classes",
    ]
    chosen = [c.inner_text().split("\n") for c in page.locator("#levels .chosen").all()]
    assert [c[0] for c in chosen] == ["Non-trivial", "Topological insulator", "Crystalline TI"]
    assert [c[-1] for c in chosen] == ["95.0 %", "85.0 %", "80.0 %"]
    assert page.is_hidden("#why")  # the stand-in has no reasons
    assert 0.02 < drawn(picture(page, "#crystal", "crystal")) < 0.9
    assert 0.05 < drawn(picture(page, "#zone", "zone")) < 0.9
    assert page.locator("#zone .overlay span", has_text="Γ").count() == 1
    page.screenshot(path=SCREENSHOTS / "page.png", full_page=True)


def test_what_the_model_says_of_its_own_reliability_is_shown(page):
    said = {
        "set_90": "ti|tci",
        "set_95": "",
        "novelty": 0.1234,
        "domain": "likely_magnetic",
        "nearest": "mp-34202 Bi2Te3 ti; some id Sb2Te3 hsl_semimetal",
    }

    def with_more(route):
        answer = route.fetch().json()
        answer["columns"] += list(said)
        answer["rows"] = [row | said for row in answer["rows"]]
        route.fulfill(json=answer)

    why = {
        "answer": {"p_nontrivial": 0.95},
        "modalities": [
            {"name": "bands", "change": 0.2, "p_without": 0.75},
            {"name": "kspace", "change": -0.01, "p_without": 0.96},
        ],
        "features": [{"words": "share of Bi", "value": 0.4, "log_odds": -0.32}],
        "zone": {"electrons": 28, "atomic_filling": 4, "atomic_limit": False, "indicators": [2, 4]},
        "sketch": None,
        "no_sketch": {"reason": "too_large", "sentence": "the cell is too large"},
        "domain_reason": "",
    }
    page.route("**/api/explain", lambda route: route.fulfill(json=why))
    page.route("**/api/predict", with_more)
    upload(page, ("MgO.vasp", poscar("Mg", "O")))
    page.wait_for_selector("#trust:visible")
    shown = dict(part.inner_text().split("\n", 1) for part in page.locator("#trust > div").all())
    assert shown["90 % prediction set"] == "Topological insulator, Crystalline TI"
    assert shown["95 % prediction set"].startswith("Empty: for every class")
    assert shown["Novelty"].startswith("0.12")
    assert shown["Domain"].startswith("Likely magnetic")
    assert shown["Nearest training materials"].split("\n") == [
        "Bi2Te3, Topological insulator mp-34202",
        "Sb2Te3, Semimetal, line some id",
    ]
    page.wait_for_selector("#why:visible")
    lines = [" ".join(line.inner_text().split()) for line in page.locator("#why li").all()]
    assert lines == [
        "Sketch of the bands 75.0 % without it +20.0",
        "Brillouin zone 96.0 % without it −1.0",
        "Share of Bi: 0.4 −0.32",
    ]
    assert "multiple of 4. This crystal cannot be one of them" in page.inner_text("#why dl")
    assert "Z2 × Z4" in page.inner_text("#why dl")
    assert "None: the cell is too large." in page.inner_text("#why dl")


def test_the_pictures_follow_their_controls_and_the_arrow_keys(page):
    upload(page, ("NaCl.vasp", example_text("NaCl")))
    page.wait_for_selector("#crystal canvas")
    seen = [picture(page, "#crystal", "one-cell")]

    def differs(name):
        seen.append(picture(page, "#crystal", name))
        assert np.abs(seen[-1] - seen[-2]).max() > 0.2, name

    page.uncheck("#bonds")
    differs("no-bonds")
    page.uncheck("#edges")
    differs("no-edges")
    page.select_option("#supercell", "2")
    differs("supercell")
    page.select_option("#cell", "primitive")
    differs("primitive")
    page.focus("#crystal canvas")
    zone = picture(page, "#zone", "zone-before")
    page.keyboard.press("ArrowRight")
    differs("turned")
    assert np.abs(picture(page, "#zone", "zone-turned") - zone).max() > 0.2  # both turn together
    page.keyboard.press("+")
    differs("zoomed")
    page.click("#reset")
    differs("reset")


def test_a_bad_file_is_answered_with_its_reason(page):
    upload(page, ("notes.txt", "Dear diary, today I measured nothing."))
    page.wait_for_selector("#reason:visible")
    assert page.inner_text("#verdict") == "Not classified"
    assert page.inner_text("#reason").startswith("Unknown format: neither its name nor its content")
    assert page.inner_text("#status") == "notes.txt cannot be classified."
    assert page.is_hidden("#pictures")
    page.screenshot(path=SCREENSHOTS / "bad-file.png", full_page=True)


def test_several_files_are_a_table_that_sorts(page):
    several(page)
    assert page.inner_text("#status") == "4 structures: 2 classified, 1 metal, 1 not usable."
    assert column(page, 0) == ["b_CaS.vasp", "a_CsCl.vasp", "c_bad.cif", "d_Na.vasp"]
    page.get_by_role("button", name="File", exact=True).click()
    assert column(page, 0) == ["a_CsCl.vasp", "b_CaS.vasp", "c_bad.cif", "d_Na.vasp"]
    page.get_by_role("button", name="File", exact=True).click()
    assert column(page, 0) == ["d_Na.vasp", "c_bad.cif", "b_CaS.vasp", "a_CsCl.vasp"]
    assert page.get_attribute("th[data-key=input]", "aria-sort") == "descending"
    page.get_by_role("button", name="Space group").click()
    assert column(page, 2) == ["221", "221", "221", ""]
    page.get_by_role("button", name="d_Na.vasp").click()
    assert page.inner_text("#formula") == "Na"
    assert page.evaluate("document.activeElement.id") == "result"
    assert "Kramers" in page.inner_text("#reason")
    page.screenshot(path=SCREENSHOTS / "table.png", full_page=True)


def test_the_table_is_downloaded_as_predict_writes_it(page, tmp_path):
    for name, text in several(page):
        (tmp_path / name).write_text(text)
    expected = predict_paths([tmp_path / name for name in column(page, 0)], ByFirstAtom())
    for row in expected:
        row["input"] = Path(row["input"]).name
    saved = {}
    for kind in ("csv", "json"):
        with page.expect_download() as download:
            page.click(f"#{kind}")
        assert download.value.suggested_filename == f"topofuse.{kind}"
        saved[kind] = Path(download.value.path()).read_text()
    assert saved["csv"] == csv_text(expected)
    assert [tuple(row) for row in json.loads(saved["json"])] == [COLUMNS] * 4
    assert json.loads(saved["json"]) == expected
    assert len(list(csv.DictReader(saved["csv"].splitlines()))) == 4


def test_a_structure_can_be_pasted_or_taken_from_the_examples(page):
    page.click("#paste summary")
    page.fill("#text", example_text("Si"))
    page.get_by_role("button", name="Classify").click()
    page.wait_for_selector("#crystal canvas")
    assert page.inner_text("#formula") == "Si"
    assert page.is_hidden("#note")
    page.wait_for_selector(f"#examples li >> nth={len(EXAMPLES) - 1}")
    page.get_by_role("button", name="TaAs").click()
    page.locator("#formula", has_text="TaAs").wait_for()
    assert page.inner_text("#note").startswith("Known as the first Weyl semimetal")


def test_dropped_files_are_taken(page):
    page.evaluate(
        """(text) => {
            const data = new DataTransfer();
            data.items.add(new File([text], "dropped.vasp"));
            document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }""",
        poscar("Mg", "O"),
    )
    page.wait_for_selector("#result:visible")
    assert page.inner_text("#about .file") == "dropped.vasp"


def test_a_name_is_never_read_as_markup(page):
    upload(page, ("<img src=x onerror=alert(1)>.vasp", poscar("Mg", "O")), ("<b>x</b>.cif", "data_x"))
    page.wait_for_selector("#table tbody tr >> nth=1")
    assert column(page, 0)[1] == "<b>x</b>.cif"
    assert page.locator("main img, main b").count() == 0


def test_the_keyboard_reaches_everything_in_the_order_of_the_page(page):
    upload(page, ("NaCl.vasp", example_text("NaCl")))
    page.wait_for_selector("#zone canvas")
    page.evaluate("document.activeElement.blur()")
    order = []
    for _ in range(40):
        page.keyboard.press("Tab")
        order.append(
            page.evaluate("(() => { const e = document.activeElement; return e.id || e.textContent.trim(); })()")
            if page.evaluate("document.activeElement.tagName") != "CANVAS"
            else page.evaluate("document.activeElement.parentElement.id + ' picture'")
        )
        if order[-1] == "Interface for programs":
            break
    examples = [e.formula for e in EXAMPLES]
    pictures = ["cell", "supercell", "bonds", "edges", "crystal picture", "path", "labels", "reset", "zone picture"]
    assert order == [
        *("Skip to the result", "files", *examples, "Paste a structure", *pictures),
        *("High-symmetry momenta", "Interface for programs"),
    ]


def test_controls_have_names_and_texts_have_contrast_by_day_and_by_night(page):
    several(page)
    page.wait_for_selector("#zone canvas")
    for summary in ("#paste", "#momenta"):
        page.evaluate(f"document.querySelector('{summary}').open = true")
    assert page.evaluate(f"{AUDIT}.unnamed()") == []
    assert page.get_attribute("#status", "aria-live") == "polite"
    assert page.get_attribute("html", "lang") == "en"
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(f"{AUDIT}.faint()") == [], scheme
        page.screenshot(path=SCREENSHOTS / f"{scheme}.png", full_page=True)


def test_a_phone_shows_it_all_without_scrolling_sideways(phone):
    page = phone
    several(page)
    page.wait_for_selector("#zone canvas")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert drawn(picture(page, "#crystal", "phone-crystal")) > 0.02
    page.screenshot(path=SCREENSHOTS / "phone.png", full_page=True)

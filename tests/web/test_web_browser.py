"""The page in a real browser: Debian's Chromium, driven by Playwright. Screenshots are kept in build/screenshots."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

from support.browser import CHROMIUM, browser, opened_page
from support.stand_ins import ByFirstAtom, poscar, pretended
from support.web_server import serving
from topofuse.screening.predict import predict_paths
from topofuse.screening.table import COLUMNS, csv_text
from topofuse.web.examples import EXAMPLES, example_text

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium in /usr/bin")]
SCREENSHOTS = Path(os.environ.get("TOPOFUSE_SCREENSHOTS", Path(__file__).parents[2] / "build" / "screenshots"))
AUDIT = (Path(__file__).parents[1] / "support/page_audit.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def address():
    with serving() as found:
        yield found


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


@pytest.fixture
def page(chromium, address):
    with opened_page(chromium, address, viewport={"width": 1000, "height": 800}) as opened:
        yield opened


@pytest.fixture
def phone(chromium, address):
    screen = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2}
    with opened_page(chromium, address, **screen, is_mobile=True, has_touch=True) as opened:
        yield opened


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


def places(page):
    """Where in the table each column is."""
    keys = page.locator("#table thead th").evaluate_all("(heads) => heads.map((head) => head.dataset.key)")
    return {key: index for index, key in enumerate(keys)}


def column(page, index):
    return [line.locator("th, td").nth(index).inner_text() for line in page.locator("#table tbody tr").all()]


def bars(page):
    return [" ".join(line.inner_text().split("\n")[:2]) for line in page.locator("#probabilities li").all()]


def test_the_start_page_says_what_this_is_and_offers_examples_with_their_class(page):
    assert page.locator("#start p").count() == 2
    cards = [card.inner_text().split("\n") for card in page.locator("#examples button").all()]
    assert len(cards) == len(EXAMPLES)
    assert cards[0][-2:] == ["Topological insulator", EXAMPLES[0].note]
    page.screenshot(path=SCREENSHOTS / "start.png", full_page=True)
    upload(page, ("MgO.vasp", poscar("Mg", "O")))
    page.wait_for_selector("#result:visible")
    assert page.is_hidden("#start")
    assert page.is_hidden("#examples .note >> nth=0")


def test_an_upload_is_read_once_classified_and_drawn(page):
    asked = []
    page.on(
        "request", lambda request: asked.append(request.url.rsplit("/", 1)[-1]) if request.method == "POST" else None
    )
    upload(page, ("Bi2Se3.vasp", example_text("Bi2Se3")))
    page.wait_for_selector("#zone canvas")
    assert asked == ["material"]
    assert page.inner_text("#formula") == "Bi2Se3"
    assert page.inner_text("#status") == "Bi2Se3 is classified."
    # the stand-in: Z = 34 → the fifth class
    assert page.inner_text("#verdict .class") == "Topological crystalline insulator"
    assert bars(page) == [
        "Trivial 5.0 %",
        "Non-trivial, all four 95.0 %",
        "Insulators, both 85.0 %",
        "Topological insulator 5.0 %",
        "Crystalline TI 80.0 %",
        "Semimetals, both 10.0 %",
        "Semimetal, point 5.0 %",
        "Semimetal, line 5.0 %",
    ]
    assert page.locator("#probabilities .track").count() == 5
    assert page.is_hidden("#why")  # the stand-in has no reasons
    assert 0.02 < drawn(picture(page, "#crystal", "crystal")) < 0.9
    assert 0.05 < drawn(picture(page, "#zone", "zone")) < 0.9
    assert page.locator("#zone .overlay span", has_text="Γ").count() == 1
    page.screenshot(path=SCREENSHOTS / "page.png", full_page=True)


def test_bands_are_drawn_and_their_levels_can_be_read(page):
    upload(page, ("Na3Bi.vasp", example_text("Na3Bi")))
    page.wait_for_selector("#plot canvas")
    with_coupling = picture(page, "#plot", "bands-with")
    assert 0.03 < drawn(with_coupling) < 0.6
    assert "Γ: spin-orbit coupling exchanges levels" in page.inner_text("#marks")
    assert "bands must cross" in page.inner_text("#marks")
    assert page.inner_text("#bands-caveat").startswith("A sketch, no calculation to rely on")
    assert page.inner_text("#bands-summary").startswith("Taken at its word, the sketch says: Semimetal, line.")
    page.focus("#plot canvas")
    page.keyboard.press("ArrowRight")
    first = page.inner_text("#bands-readout")
    assert first.startswith("Γ: ")
    assert "filled, number 1 below the filling; " in first
    page.keyboard.press("ArrowUp")
    assert "empty, number 1 above the filling" in page.inner_text("#bands-readout")
    box = page.locator("#plot canvas").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert page.inner_text("#bands-readout") != first
    page.uncheck("#coupling")
    assert np.abs(picture(page, "#plot", "bands-without") - with_coupling).max() > 0.2
    assert "exchanges" not in page.inner_text("#marks")
    page.click("#levels-details summary")
    lines = [line.inner_text() for line in page.locator("#levels-table tbody tr").all()]
    assert any(line.startswith("Γ") and "4 → 3" in line for line in lines)


def test_names_of_momenta_do_not_cover_one_another(page):
    for formula in ("ZrSiS", "Bi2Se3"):
        upload(page, (f"{formula}.vasp", example_text(formula)))
        page.locator("#formula", has_text=formula).wait_for()
        picture(page, "#zone", f"zone-{formula}")
        boxes = [span.bounding_box() for span in page.locator("#zone .overlay span").all()]
        assert len(boxes) > 5
        for k, one in enumerate(boxes):
            for other in boxes[:k]:
                apart_x = abs(one["x"] + one["width"] / 2 - other["x"] - other["width"] / 2)
                apart_y = abs(one["y"] + one["height"] / 2 - other["y"] - other["height"] / 2)
                beside = apart_x > (one["width"] + other["width"]) / 2 - 1
                assert beside or apart_y > (one["height"] + other["height"]) / 2 - 1


def test_what_is_known_and_how_far_to_believe_the_model_is_shown(page):
    said = {
        "known_class": "ti",
        "known_id": "mp-34202",
        "known_link": "http://127.0.0.1/materials/mp-34202 http://127.0.0.1/materials/MAT1",
        "experiment": "its gap closes (A. Body, J. 1, 2 (2020))",
        "warnings": "slab: it is a slab; symmetry: nearly cubic",
        "set_90": "ti|tci",
        "set_95": "ti|tci|trivial",
        "novelty": 0.1234,
        "domain": "likely_magnetic",
    }
    near = [
        {"id": "mp-34202", "formula": "Bi2Te3", "label": "ti", "link": "http://127.0.0.1/materials/mp-34202"},
        {"id": "some id", "formula": "Sb2Te3", "label": "hsl_semimetal", "link": None},
    ]
    column = {"modality": "bands", "column": "x", "words": "energy to an exchange", "value": 0.84, "log_odds": 1.25}
    why = {
        "answer": {"p_nontrivial": 0.95},
        "modalities": [
            {
                "name": "bands",
                "title": "Sketch of the bands",
                "from_sketch": True,
                "change": 0.2,
                "p_without": 0.75,
                "columns": [column],
            },
            {
                "name": "kspace",
                "title": "Brillouin zone",
                "from_sketch": False,
                "change": -0.01,
                "p_without": 0.96,
                "columns": [],
            },
        ],
        "features": [{"words": "share of Bi", "value": 0.4, "log_odds": -0.32}],
        "zone": {"electrons": 28, "atomic_filling": 4, "atomic_limit": False, "indicators": [2, 4]},
        "sketch": {"nontrivial": False, "verdict": "trivial"},
        "no_sketch": None,
        "domain_reason": "",
    }

    def with_more(route):
        answer = route.fetch().json()
        answer["row"] |= said
        route.fulfill(json=answer | {"neighbours": near, "why": why})

    page.route("**/api/material", with_more)
    upload(page, ("MgO.vasp", poscar("Mg", "O")))
    page.wait_for_selector("#why:visible")
    first = page.inner_text("#known").split("\n")
    first = [line for line in first if line]
    assert first == [
        "Known from first principles: Topological insulator. It is a training material: mp-34202, MAT1.",
        "Experiment: its gap closes (A. Body, J. 1, 2 (2020))",
        "Beware: it is a slab",
        "Beware: nearly cubic",
    ]
    shown = dict(part.inner_text().split("\n", 1) for part in page.locator("#trust > div").all())
    assert shown["90 % prediction set"] == "Topological insulator, Crystalline TI"
    assert shown["95 % prediction set"] == "Topological insulator, Crystalline TI, Trivial"
    assert shown["Novelty"].startswith("0.12")
    assert shown["Domain"].startswith("Likely magnetic")
    assert [card.inner_text().split("\n") for card in page.locator("#cards li").all()] == [
        ["Bi2Te3", "Topological insulator", "mp-34202"],
        ["Sb2Te3", "Semimetal, line", "some id"],
    ]
    assert page.locator("#cards a").count() == 1
    lines = [" ".join(line.inner_text().split()) for line in page.locator("#why .why li").all()]
    assert lines == [
        "Sketch of the bands 75.0 % without it +20.0",
        "Brillouin zone 96.0 % without it −1.0",
        "Share of Bi: 0.4 −0.32",
    ]
    taken = page.inner_text("#why .taken")
    assert "the sketch says trivial, and the model says the opposite" in taken
    assert "Energy to an exchange: 0.84 (+1.25 log-odds of non-trivial)" in taken
    assert "multiple of 4. This crystal cannot be one of them" in page.inner_text("#why dl")
    assert "Z2 × Z4" in page.inner_text("#why dl")


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
    assert page.inner_text("body").count("Unknown format") == 1
    assert page.inner_text("#status") == ""
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
    assert column(page, places(page)["spacegroup"]) == ["221", "221", "221", ""]
    classes = column(page, places(page)["label"])
    assert [text for text in classes if text.startswith("error: ")] == [classes[3]]
    assert "Kramers" in classes[2]
    assert page.locator("#table .five-bars .fill").count() == 10
    assert page.get_attribute("#table .five-bars >> nth=0", "aria-label").count("%") == 5
    box = page.locator("#materials .scroll").evaluate("(e) => [e.scrollHeight, e.clientHeight]")
    assert box[0] == box[1]  # all rows are seen
    page.get_by_role("button", name="d_Na.vasp").click()
    assert page.inner_text("#formula") == "Na"
    assert page.evaluate("document.activeElement.id") == "result"
    assert "Kramers" in page.inner_text("#reason")
    page.screenshot(path=SCREENSHOTS / "table.png", full_page=True)
    page.get_by_role("button", name="c_bad.cif").click()
    assert page.is_hidden("#result")  # its line says all there is to say


def test_a_server_that_is_gone_is_said_once(page):
    page.route("**/api/predict", lambda route: route.abort())
    with_errors = [("a.vasp", poscar("Mg", "O")), ("b.vasp", poscar("Ca", "S"))]
    upload(page, *with_errors)
    page.wait_for_selector("#status.wrong")
    assert page.inner_text("#status").startswith("2 of 2 files were not classified. The server does not answer")
    assert page.is_hidden("#materials")


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
            page.evaluate("(() => { const e = document.activeElement; return e.id || e.innerText.trim(); })()")
            if page.evaluate("document.activeElement.tagName") != "CANVAS"
            else page.evaluate("document.activeElement.parentElement.id + ' picture'")
        )
        if order[-1] == "Interface for programs":
            break
    pictures = ["cell", "supercell", "bonds", "edges", "crystal picture", "path", "labels", "reset", "zone picture"]
    assert order == [
        *("Skip to the result", "topofuse", "files", "Paste a structure", *(e.formula for e in EXAMPLES), *pictures),
        *("coupling", "range", "plot picture", "Levels and parities at special momenta"),
        *("High-symmetry momenta", "Interface for programs"),
    ]


def test_controls_have_names_and_texts_have_contrast_by_day_and_by_night(page):
    several(page)
    page.wait_for_selector("#zone canvas")
    for summary in ("#paste", "#levels-details", "#momenta"):
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
    assert page.locator("#table .class").first.bounding_box()["x"] < 360  # the class is in sight
    assert page.is_visible("#table .class >> nth=0")
    page.screenshot(path=SCREENSHOTS / "phone.png", full_page=True)


def test_a_calculation_is_offered_shown_and_drawn(chromium):
    """The server has no GPAW here, so its offer is put in on the way; the calculation is a pretended one."""

    def offer(route):
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "compute": {"seconds": 40}})

    with (
        serving(compute=pretended) as address,
        opened_page(chromium, address, viewport={"width": 1000, "height": 800}) as page,
    ):
        page.route("**/api/material", offer)
        page.set_input_files("#files", [{"name": "slow.vasp", "mimeType": "", "buffer": example_text("SnTe").encode()}])
        page.click("#compute-it")
        assert "of about 40 s" in page.inner_text("#compute-content:has(progress)")
        page.click("#compute-cancel")
        assert "No result: it was cancelled." in page.inner_text("#compute-content:has(#compute-it)")
        page.set_input_files("#files", [{"name": "SnTe.vasp", "mimeType": "", "buffer": example_text("SnTe").encode()}])
        page.wait_for_selector("#about:has-text('SnTe.vasp')")
        page.click("#compute-it")
        assert "Topological crystalline insulator" in page.inner_text("#compute-content:has(strong)")
        assert "first principles" in page.inner_text("#kinds")
        assert "Its bands are drawn over the sketch's" in page.inner_text("#compute-content")
        page.screenshot(path=SCREENSHOTS / "computed.png", full_page=True)

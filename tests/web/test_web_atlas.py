"""The atlas on the page: over HTTP, and in a real browser."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from support.browser import CHROMIUM, browser, opened_page
from support.small_atlas import ROWS, small_atlas
from support.stand_ins import poscar
from support.web_server import serving

SCREENSHOTS = Path(os.environ.get("TOPOFUSE_SCREENSHOTS", Path(__file__).parents[2] / "build" / "screenshots"))
AUDIT = (Path(__file__).parents[1] / "support/page_audit.js").read_text(encoding="utf-8")
in_browser = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium in /usr/bin")]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        path = small_atlas(tmp_path_factory.mktemp("atlas") / "small.parquet")
        patch.setenv("TOPOFUSE_ATLAS", str(path))
        with serving() as found:
            yield found


@pytest.fixture(scope="module")
def chromium():
    with browser() as started:
        yield started


def get(address: str, path: str, **query) -> dict:
    with urlopen(f"{address}/api/atlas{path}?{urlencode(query)}") as answer:
        return json.load(answer)


class TestInterface:
    def test_the_card_counts_what_is_there(self, address):
        card = get(address, "")
        assert (card["missing"], card["rows"]) == (None, len(ROWS))
        assert card["counts"]["trivial"] == 3
        assert card["elements"] == ["H", "O", "Na", "Si", "Ca", "Se", "Sn", "Te", "Bi"]
        assert card["licence"] == "CC BY 4.0"

    def test_a_page_has_the_rows_of_the_search(self, address):
        found = get(address, "/rows", elements="Bi,Se", p="0.5:", sort="id", descending=False)
        assert (found["total"], found["pages"], found["counts"]) == (2, 1, {"ti": 1, "hsl_semimetal": 1})
        assert [row["id"] for row in found["rows"]] == ["mp-10", "mp-11"]
        assert get(address, "/rows", page=1)["rows"] == []

    def test_cells_count_the_rows_that_have_a_place(self, address):
        found = get(address, "/cells", classes="nontrivial,metal")
        assert sorted(found["cells"]) == [[5, 40, 1, "hsl_semimetal"], [5, 45, 1, "tci"], [12, 47, 1, "ti"]]
        assert sum(cell[2] for cell in get(address, "/cells")["cells"]) == 6

    def test_a_row_has_its_levels_and_its_neighbours(self, address):
        found = get(address, "/rows/mp-10")
        assert found["row"]["levels"]["three"]["label"] == "topological_insulator"
        assert [(one["id"], one["label"]) for one in found["neighbours"]] == [("mp-1", "ti"), ("a b", "hsp_semimetal")]
        assert found["link"] == "https://materialsproject.org/materials/mp-10"
        assert get(address, "/rows/mp-12")["row"]["reason"].startswith("odd number")

    @pytest.mark.parametrize(
        ("path", "query", "status"),
        [
            ("/rows", {"elements": "Xx"}, 400),
            ("/rows", {"p": "high"}, 400),
            ("/cells", {"spacegroups": "1;2"}, 400),
            ("/rows", {"sort": "beauty"}, 400),
            ("/rows", {"page": -1}, 422),
            ("/rows", {"text": "x" * 101}, 422),
            ("/rows", {"unknown": 1}, 422),
            ("/rows/mp-999", {}, 404),
        ],
    )
    def test_a_wrong_question_is_refused(self, address, path, query, status):
        with pytest.raises(HTTPError) as refused:
            get(address, path, **query)
        assert refused.value.code == status
        refused.value.close()

    def test_without_a_file_the_page_says_so(self, monkeypatch, tmp_path):
        monkeypatch.setenv("TOPOFUSE_ATLAS", str(tmp_path / "none.parquet"))
        with serving() as address:
            assert "there is no atlas at" in get(address, "")["missing"]
            with pytest.raises(HTTPError) as refused:
                get(address, "/rows")
            refused.value.close()


class TestBrowser:
    pytestmark = in_browser

    def ids(self, page) -> list[str]:
        return page.locator("#atlas-table tbody th").all_inner_texts()

    def found(self, page, words: str) -> list[str]:
        # no wait_for_function: it polls by eval, which the page's Content-Security-Policy refuses
        page.locator("#atlas-found").filter(has_text=re.compile(f"^{re.escape(words)}")).wait_for()
        return self.ids(page)

    def test_conditions_lead_to_rows_and_a_row_to_its_material(self, chromium, address):
        with opened_page(chromium, address, viewport={"width": 1100, "height": 900}) as page:
            assert self.found(page, "8 found · Trivial 3 · ")[:3] == ["mp-9", "mp-11", "mp-10"]
            bismuth, oxygen = (page.get_by_role("button", name=f"{name}: ", exact=False).first for name in ("Bi", "O"))
            bismuth.click()
            assert self.found(page, "2 found") == ["mp-11", "mp-10"]
            assert bismuth.get_attribute("aria-label") == "Bi: must be there"
            bismuth.click()
            oxygen.click()
            oxygen.click()
            assert set(self.found(page, "3 found")) == {"mp-9", "mp-7", "mp-12"}
            page.get_by_role("button", name="Clear all").click()
            self.found(page, "8 found")
            page.get_by_label("Topological insulator").check()
            page.locator("[name=novelty-to]").fill("0.3")
            assert self.found(page, "1 found") == ["mp-10"]
            page.screenshot(path=SCREENSHOTS / "atlas.png", full_page=True)
            page.get_by_role("button", name="mp-10").click()
            page.wait_for_selector("#result:visible")
            assert page.inner_text("#formula") == "Bi2Se3"
            assert page.get_attribute("#origin a", "href") == "https://materialsproject.org/materials/mp-10"
            assert "drop it here" in page.inner_text("#origin")
            assert "gap 0.31 eV at a special momentum, z4 = 1" in page.inner_text("#origin")
            assert page.inner_text("#known").startswith("Known from first principles: Topological insulator")
            assert page.locator("#cards li").count() == 2
            page.set_input_files("#files", [{"name": "a.vasp", "mimeType": "", "buffer": poscar("Mg", "O").encode()}])
            page.wait_for_selector("#origin", state="hidden")
            assert page.is_hidden("#atlas")

    def test_the_plot_and_the_heads_order_and_choose(self, chromium, address):
        phone = {
            "viewport": {"width": 400, "height": 800},
            "is_mobile": True,
            "has_touch": True,
            "color_scheme": "dark",
        }
        with opened_page(chromium, address, **phone) as page:
            self.found(page, "8 found")
            page.get_by_role("button", name="Formula", exact=True).click()
            page.wait_for_selector("#atlas-table th[aria-sort=ascending]")
            assert self.ids(page)[:2] == ["mp-10", "mp-11"]
            page.wait_for_selector("#scatter canvas[aria-label^='6 materials']")
            box = page.locator("#scatter canvas").bounding_box()
            # novelty 0.25, probability 0.944
            x = box["x"] + 46 + 0.25 * (box["width"] - 58)
            page.locator("#scatter canvas").scroll_into_view_if_needed()
            box = page.locator("#scatter canvas").bounding_box()
            y = box["y"] + box["height"] - 40 - 0.944 * (box["height"] - 52)
            page.touchscreen.tap(x, y)
            assert self.found(page, "1 found") == ["mp-10"]
            assert page.input_value("[name=p-from]") == "0.92"
            assert page.evaluate("document.documentElement.scrollWidth") == 400
            page.screenshot(path=SCREENSHOTS / "atlas-phone.png", full_page=True)
            page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
            assert page.evaluate(f"{AUDIT}.unnamed()") == []
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                assert page.evaluate(f"{AUDIT}.faint()") == [], scheme

    def test_a_full_line_is_asked_again(self, chromium, address):
        with opened_page(chromium, address) as page:
            asked = []

            def busy_once(route):
                asked.append(route.request.url)
                if len(asked) > 1:
                    return route.continue_()
                return route.fulfill(status=503, headers={"Retry-After": "1"}, json={"detail": "the line is full"})

            page.route("**/api/material", busy_once)
            page.set_input_files("#files", [{"name": "a.vasp", "mimeType": "", "buffer": poscar("Mg", "O").encode()}])
            page.wait_for_selector("#result:visible")
            assert len(asked) == 2

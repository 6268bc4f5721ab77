"""The report of a run: what it says, that it stands alone, and that it repeats itself byte for byte."""

import copy
import json
import re
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from support.report_fixture import make_run
from topofuse.crystals import Crystal
from topofuse.crystals.read_poscar import parse_poscar
from topofuse.materials import Dataset
from topofuse.report import (
    ReportError,
    keep_structures,
    mistakes,
    numbers,
    provenance,
    write_ablation_report,
    write_report,
)
from topofuse.report.breakdown import confident_mistakes
from topofuse.report.document import Document, Section, Text, table
from topofuse.report.grids import POSITIONS
from topofuse.report.html import held_together, to_html
from topofuse.report.markdown import to_markdown
from topofuse.report.source import read_run
from topofuse.report.svg import inline_svg, new_figure, styled

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """Collects what a test asks about a page, and fails on tags that do not close."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.links, self.labels = [], [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs[k] for k in ("href", "src", "xlink:href") if k in attrs]
        self.labels += [attrs["aria-label"]] if "aria-label" in attrs else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("report") / "run")


@pytest.fixture(scope="module")
def html(run_dir):
    return write_report(run_dir).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def markdown(run_dir, html):
    return (run_dir / "report.md").read_text(encoding="utf-8")


def changed(run_dir, tmp_path, **changes):
    """A copy of a run whose results.json differs in `changes`."""
    results = json.loads((run_dir / "results.json").read_text(encoding="utf-8")) | changes
    (tmp_path / "results.json").write_text(json.dumps(results), encoding="utf-8")
    (tmp_path / "predictions.parquet").write_bytes((run_dir / "predictions.parquet").read_bytes())
    return tmp_path


def test_the_verdict_comes_first_and_in_numbers(run_dir, html):
    results = json.loads((run_dir / "results.json").read_text(encoding="utf-8"))
    chosen = next(s for s in results["strategies"] if s["name"] == results["chosen"])
    for level in ("two", "three", "five"):
        said = held_together(numbers.interval("accuracy", chosen["test"][level]["accuracy"]))
        assert said in html[: html.index("Strategies side by side</h2>")]
    assert "Of the 80 % most confident predictions for two classes, 97.5 % are right" in html.replace("\u00a0", " ")
    assert html.index('id="verdict"') < html.index('id="strategies"') < html.index('id="protocol"')


def test_every_part_is_there_in_reading_order(html):
    parts = ["verdict", "strategies", "members", "confusion", "curves", "trust", "where", "ablation", "mistakes"]
    places = [html.index(f'<section id="{part}"') for part in [*parts, "protocol", "citations"]]
    assert places == sorted(places)


def test_every_figure_that_a_reader_expects_is_drawn(html):
    said = " ".join(Page(html).labels)
    for words in (
        *(f"Accuracy of each strategy, {n} classes" for n in ("two", "three", "five")),
        *(
            f"Confusion matrix, {n} classes, {rows}"
            for n in ("Two", "Three", "Five")
            for rows in ("out-of-fold", "test")
        ),
        "Learning curves. fold-0: 30 epochs",
        "ROC curve: area",
        "Precision-recall curve: at 90 % recall",
        "Reliability diagram.",
        "Accuracy against the share of predictions used.",
        "Coverage of the 90 % prediction sets.",
        "Periodic table of accuracy.",
        "Accuracy by crystal system",
        "Accuracy by atoms in the cell",
        "Measured gain in points",
    ):
        assert words in said


def test_points_and_bars_tell_their_numbers_to_a_pointer(run_dir, html):
    results = json.loads((run_dir / "results.json").read_text(encoding="utf-8"))
    of = results["strategies"][0]
    told = f"<title>{of['title']}, test: {numbers.interval('accuracy', of['test']['five']['accuracy'])}</title>"
    assert told in html
    assert html.count("<title>") > 300
    assert "hover:" not in html


def test_coverage_that_chance_does_not_explain_is_marked(markdown):
    rows = [line for line in markdown.splitlines() if line.startswith("| TCI | ") and "of 100" in line]
    assert [line.count("71.0 % of 100 !") for line in rows] == [4, 4]  # by class, by label
    assert "| TI | – | – | – | – |" in markdown  # no such material: nothing to tell
    assert "| likely magnetic, out-of-fold | 90 | 37.5 % | 62.0 % |" in markdown


def test_the_json_twin_says_the_same(run_dir, html, markdown):
    twin = json.loads((run_dir / "report.json").read_text(encoding="utf-8"))
    assert [s["title"] for s in twin["sections"]] == re.findall(r"^## (.*)$", markdown, re.MULTILINE)
    assert [s["anchor"] for s in twin["sections"]] == re.findall(r'<section id="([^"]+)"', html)
    blocks = [block for section in twin["sections"] for block in section["blocks"]]
    blocks += [inner for block in blocks if block["kind"] == "folded" for inner in block["blocks"]]
    assert {block["kind"] for block in blocks} == {"text", "items", "cards", "table", "gallery", "code", "folded"}
    assert sum(block["kind"] == "table" for block in blocks) == html.count("<table>")
    assert next(block for block in blocks if block["kind"] == "text")["text"] in markdown.replace("\\", "")
    pictures = [p for block in blocks if block["kind"] == "gallery" for p in block["pictures"]]
    assert all(p["data"] for p in pictures)
    roc = next(p for p in pictures if p["alt"].startswith("ROC"))
    assert {point["rows"] for point in roc["data"]} == {"out-of-fold", "test"}


def test_mistakes_carry_their_structures(run_dir, tmp_path):
    changed(run_dir, tmp_path)
    listed = confident_mistakes(read_run(tmp_path).parts)
    salt = Crystal.validated(4 * np.eye(3), [17, 11, 17, 11], [[0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0], [0, 0.5, 0]])
    n = len(listed)
    data = Dataset(
        name="salts",
        material_ids=[m.material_id for m in listed],
        formulas=["NaCl"] * n,
        crystals=[salt] * n,
        labels=np.zeros(n, dtype=np.int8),
        split=np.array(["pool"] * n),
        fold=np.zeros(n, dtype=np.int8),
        sources=[""] * n,
    )
    keep_structures(tmp_path, data)
    page = Page(to_html(Document("T", "s", (mistakes.section(read_run(tmp_path)),))))
    assert page.links.count("#structure-0") == page.ids.count("structure-0") == 1
    kept = json.loads((tmp_path / "structures.json").read_text(encoding="utf-8"))
    assert set(kept) == {m.material_id for m in listed}
    lattice, symbols, places = parse_poscar(kept[listed[0].material_id])[:3]
    assert np.allclose(lattice, 4 * np.eye(3))
    assert list(symbols) == [17, 17, 11, 11]
    assert np.allclose(places, [[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0], [0, 0.5, 0]])
    with pytest.raises(ReportError, match="is not the data set of"):
        keep_structures(tmp_path, data.select([0]))


def test_an_ablation_beside_the_run_counts_if_it_is_of_the_same_data(run_dir, tmp_path):
    run, beside = tmp_path / "cpu", tmp_path / "ablate-cpu"
    run.mkdir()
    beside.mkdir()
    changed(run_dir, run)
    ablation = json.loads((run_dir / "ablation.json").read_text(encoding="utf-8"))
    for data, counts in (("3f9a" * 16, True), ("0000" * 16, False), (None, False)):
        of = {"hashes": {"data": data}} if data else {}
        (beside / "ablation.json").write_text(json.dumps(ablation | of), encoding="utf-8")
        assert (read_run(run).ablation is not None) == counts


@pytest.mark.slow
def test_on_small_data_it_says_why_trees_are_ahead_of_networks_where_they_are(run_dir, tmp_path):
    results = json.loads((run_dir / "results.json").read_text(encoding="utf-8"))

    def told(name: str, trees: float, **dataset) -> bool:
        strategies = copy.deepcopy(results["strategies"])
        boosted = next(s for s in strategies if s["name"] == "boosted")
        boosted["test"]["two"]["accuracy"]["value"] = trees
        networks = copy.deepcopy(results["networks_only"])
        networks["test"]["two"]["accuracy"]["value"] = 0.8
        (tmp_path / name).mkdir()
        edited = {"strategies": strategies, "networks_only": networks, "dataset": results["dataset"] | dataset}
        return "The boosted trees alone are 2.0 points better" in write_report(
            changed(run_dir, tmp_path / name, **edited)
        ).read_text(encoding="utf-8")

    assert told("ahead", 0.82)
    assert not told("behind", 0.78)
    assert not told("large", 0.82, n_pool=20_000)


def test_small_data_are_called_small(html, markdown):
    assert "Small data: these figures come from only 240 materials" in html
    assert "> **Note:** Small data" in markdown
    assert "Made-up data" in html


def test_the_page_stands_alone(html):
    page = Page(html)
    assert "script" not in page.tags
    fetched = [x for x in page.links if not x.startswith(("#", "https://next-gen.materialsproject.org/materials/"))]
    assert fetched == []
    assert "@import" not in html
    assert "url(http" not in html


def test_the_page_has_landmarks_captions_and_words_for_every_figure(html):
    page = Page(html)
    for landmark in ("header", "nav", "main", "footer"):
        assert page.tags.count(landmark) == 1
    assert page.tags.count("caption") == page.tags.count("table") > 5
    assert page.tags.count("figcaption") == page.tags.count("figure") == html.count('role="img"') > 15
    assert all(page.labels)
    assert page.tags.count("h1") == 1


def test_every_id_is_used_once_and_every_inner_link_arrives(html):
    page = Page(html)
    assert len(page.ids) == len(set(page.ids))
    inner = {link[1:] for link in page.links if link.startswith("#")} | set(re.findall(r"url\(#([^)]+)\)", html))
    assert inner <= set(page.ids)


def test_figures_take_their_ink_from_the_page(html):
    assert "currentColor" in html
    assert "#010203" not in html
    assert "#040506" not in html
    assert "prefers-color-scheme: dark" in html


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes(run_dir, html, markdown):
    page = write_report(run_dir)
    assert page == run_dir / "report.html"
    assert page.read_text(encoding="utf-8") == html
    assert (run_dir / "report.md").read_text(encoding="utf-8") == markdown


def test_strategies_that_were_not_chosen_are_marked(markdown):
    overview = [line for line in markdown.splitlines() if line.startswith(("| ", "| **")) and "for comparison" in line]
    assert len(overview) == 6  # five strategies and the networks alone
    assert "| **★ Super ensemble, weighted** |" in markdown
    assert "| test † |" in markdown


def test_markdown_tables_have_as_many_cells_as_headers(markdown):
    lines = markdown.splitlines()
    rules = [i for i, line in enumerate(lines) if line.startswith("| ---")]
    assert len(rules) > 5
    for i in rules:
        width = lines[i].count("|")
        j = i - 1
        while j < len(lines) and lines[j].startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", lines[j])) == width
            j += 1


@pytest.mark.slow
def test_words_from_outside_are_escaped(run_dir, tmp_path, html):
    assert "On &lt;nothing&gt; &amp; more" in html
    evil = "<script>alert('$x$ | y')</script>"
    page = write_report(changed(run_dir, tmp_path, title=evil, choice=evil, jobs=[], history=[])).read_text(
        encoding="utf-8"
    )
    assert "<script" not in page
    assert "\\<script>" in (tmp_path / "report.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_run_without_a_test_set_is_reported_out_of_fold(run_dir, tmp_path):
    results = json.loads((run_dir / "results.json").read_text(encoding="utf-8"))
    strategies = [s | {"test": None} for s in results["strategies"] if s["oof"]]
    dataset = results["dataset"] | {"n_test": 0, "class_counts": {"pool": results["dataset"]["class_counts"]["pool"]}}
    changes = {"strategies": strategies, "dataset": dataset, "networks_only": None, "jobs": [], "history": []}
    changes |= {"trust": None}  # a run of before it was measured
    changed(run_dir, tmp_path, **changes)
    frame = pd.read_parquet(tmp_path / "predictions.parquet")
    frame[frame["split"] == "pool"].to_parquet(tmp_path / "predictions.parquet")
    text = write_report(tmp_path).read_text(encoding="utf-8")
    assert "900 materials, each predicted by models that were trained without its formula" in text
    for absent in ("members", "ablation", "trust"):
        assert f'id="{absent}"' not in text
    assert "surest 80" not in text


@pytest.mark.slow
def test_one_epoch_and_undefined_numbers_are_drawn_without_complaint(run_dir, tmp_path):
    results = json.loads((run_dir / "results.json").read_text(encoding="utf-8"))
    history = [h for h in results["history"] if h["epoch"] == 0 and h["job"] in ("fold-0", "full")]
    results["strategies"][0]["test"]["two"]["accuracy"] |= {"low": None, "high": float("nan")}
    changes = {"history": history, "strategies": results["strategies"], "weights": {}, "feature_importance": []}
    assert "1 epochs" in write_report(changed(run_dir, tmp_path, **changes)).read_text(encoding="utf-8")


def test_what_is_missing_is_named(run_dir, tmp_path):
    with pytest.raises(ReportError, match=r"results\.json is missing"):
        write_report(tmp_path)
    changed(run_dir, tmp_path, chosen="nobody")
    with pytest.raises(ReportError, match="nobody"):
        write_report(tmp_path)
    (tmp_path / "results.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ReportError, match="missing title"):
        write_report(tmp_path)


def test_a_strategy_that_predicted_only_some_rows_is_an_error(run_dir, tmp_path):
    changed(run_dir, tmp_path)
    frame = pd.read_parquet(tmp_path / "predictions.parquet")
    frame.loc[3, "super_weighted:p_trivial"] = np.nan
    frame.to_parquet(tmp_path / "predictions.parquet")
    with pytest.raises(ReportError, match="899 of 900"):
        read_run(tmp_path).rows("super_weighted", "oof")
    assert read_run(tmp_path).rows("full", "oof") is None


def test_the_ablation_stands_beside_what_was_expected(run_dir, tmp_path):
    (tmp_path / "ablation.json").write_bytes((run_dir / "ablation.json").read_bytes())
    page = write_ablation_report(tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "| Capacity | +2.0 | −0.90 [−1.40, −0.40] |" in text
    assert "expects +6.5 points in all from 7 of these parts" in text
    assert "below zero: Capacity." in text
    Page(page.read_text(encoding="utf-8"))
    assert "Provenance" not in text
    twin = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert [s["anchor"] for s in twin["sections"]] == ["ablation"]


def test_an_ablation_says_where_its_figures_come_from(run_dir):
    ablation = json.loads((run_dir / "ablation.json").read_text(encoding="utf-8"))
    results = json.loads((run_dir / "results.json").read_text(encoding="utf-8"))
    assert provenance.origin(ablation) is None
    section = provenance.origin(ablation | results)
    assert "3f9a" * 16 in to_markdown(Document("T", "s", (section,)))


def test_words_in_backticks_are_set_as_code():
    assert '<p class="plain">by <code>a &amp; b</code></p>' in to_html(
        Document("T", "s", (Section("a", "A", (Text("by `a & b`"),)),))
    )


def test_numbers_are_written_one_way():
    assert numbers.interval("accuracy", {"value": 0.948, "low": 0.944, "high": 0.952}) == "94.8 % [94.4, 95.2]"
    assert numbers.interval("auroc", {"value": 0.98512, "low": 0.983, "high": 0.987}) == "0.985 [0.983, 0.987]"
    assert numbers.interval("auroc", {"value": float("nan"), "low": None, "high": None}) == "–"
    assert numbers.interval("mcc", {"value": 0.5, "low": None, "high": None}) == "0.500"
    assert numbers.signed_interval({"value": -0.44, "low": -0.04, "high": 0.2}) == "−0.4 [0.0, +0.2]"
    assert [numbers.duration(s) for s in (3.21, 75, 3599, 4000)] == ["3.2 s", "1 min 15 s", "1 h 0 min", "1 h 7 min"]
    assert held_together("94.8 % [94.4, 95.2]") == "94.8\u00a0% [94.4,\u00a095.2]"


def test_numbers_in_a_figure_are_not_rounded_with_its_coordinates():
    with styled():
        figure, axes = new_figure(2, 2)
        axes.plot([0, 1], [0, 1])
        axes.set_title("area 0.997")
        svg = inline_svg(figure, "small")
    assert "area 0.997" in svg
    assert not re.search(r'x="[0-9]+\.[0-9]{3}', svg)


def test_the_report_tells_of_troubled_elements_one_by_one(markdown):
    told = (
        markdown[markdown.index("Elements for which first-principles calculations are unreliable") :]
        .split("\n\n")[1]
        .splitlines()[2:]
    )
    assert [line.split(" | ")[0].strip("| ") for line in told] == ["Fe", "Cu", "any of these", "none of these"]


def test_every_element_up_to_lawrencium_has_its_place():
    assert len(POSITIONS) == 103
    assert len(set(POSITIONS.values())) == 103
    assert POSITIONS["C"][1] == POSITIONS["Pb"][1]


def test_a_table_with_a_short_row_is_an_error():
    with pytest.raises(ValueError, match="2 headers"):
        table("caption", ["a", "b"], [["only one"]])


def test_a_document_of_one_section_has_no_navigation():
    document = Document("T", "s", (Section("a", "A", (Text("hello"),)),))
    assert "<nav" not in to_html(document)
    assert to_markdown(document) == "# T\n\ns\n\n## A\n\nhello\n"

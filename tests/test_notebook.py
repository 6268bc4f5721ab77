"""`topofuse.predict`: any structures in, a table out that Python prints, pandas takes and a notebook draws."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from ase import Atoms
from pymatgen.core import Lattice, Structure

import topofuse
from support.stand_ins import ByFirstAtom, poscar
from topofuse import Crystal, predictions
from topofuse.ensemble.bundle import BundleError
from topofuse.labels import FIVE
from topofuse.screening.table import COLUMNS

CELL, SPOTS = np.diag([4.2] * 3), [[0, 0, 0], [0.5, 0.5, 0.5]]


@pytest.fixture
def mixed(tmp_path):
    """A folder of two files, a crystal, an Atoms, a disordered Structure, something else, a metal."""
    (tmp_path / "a.vasp").write_text(poscar("Ca", "S"))
    (tmp_path / "b <i>.cif").write_text("data_x")
    return [
        tmp_path,
        Crystal.validated(CELL, [55, 17], SPOTS),
        Atoms("MgO", cell=CELL, scaled_positions=SPOTS, pbc=True),
        Structure(Lattice(CELL), [{"Na": 0.5, "K": 0.5}, "Cl"], SPOTS),
        7,
        Structure(Lattice.cubic(3.4), ["Na"], [[0, 0, 0]]),
    ]


@pytest.fixture
def found(mixed):
    return topofuse.predict(mixed, model=ByFirstAtom())


def test_structures_of_every_kind_have_a_row_in_order(mixed, found):
    assert isinstance(found, topofuse.Predictions)
    names = [f"structures[{i}]" for i in range(1, 6)]
    assert [row["input"] for row in found] == [str(mixed[0] / "a.vasp"), str(mixed[0] / "b <i>.cif"), *names]
    assert [row["status"] for row in found] == ["ok", "error", "ok", "ok", "error", "error", "metal"]
    assert [row["formula"] for row in found][2:4] == ["CsCl", "MgO"]
    assert "disordered" in found[4]["reason"]
    assert "not 'int'" in found[5]["reason"]
    assert len(found) == 7


def test_one_structure_needs_no_list(mixed):
    for one in (mixed[1], mixed[2], str(mixed[0] / "a.vasp"), Structure(Lattice(CELL), ["Cs", "Cl"], SPOTS)):
        assert len(topofuse.predict(one, model=ByFirstAtom())) == 1
    assert len(topofuse.predict(mixed[0], model=ByFirstAtom())) == 2


def test_structures_in_memory_go_to_worker_processes_too(mixed, found):
    assert topofuse.predict(mixed, model=ByFirstAtom(), workers=1).rows == found.rows


def test_the_table_has_every_row_and_column(found):
    table = found.table
    assert list(table.columns) == list(COLUMNS)
    assert table["status"].tolist() == [row["status"] for row in found]
    assert table["p_nontrivial"].dtype == float
    assert table["spacegroup"].dropna().tolist() == [221, 221, 221, 221]
    assert topofuse.predict([], model=ByFirstAtom()).table.empty


def test_it_prints_as_the_command_line_does_and_says_what_it_left_out(found, monkeypatch):
    def lines():  # those that continue a warning are indented
        return [line for line in repr(found).splitlines() if not line.startswith(" ")]

    assert lines()[0].split() == ["input", "formula", "known", "label", "p", "set_90", "warnings"]
    assert len(lines()) == 1 + 7 + 1
    monkeypatch.setattr(predictions, "SHOWN", 3)
    assert len(lines()) == 1 + 3 + 2
    assert repr(found).endswith("… 4 more rows; .table has all 7")
    assert "… 4 more rows" in found._repr_html_()


class Seen(HTMLParser):
    """Tags, cells by row, widths of the parts of each bar, what a screen reader says of it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.rows: list[list[str]] = []
        self.bars: list[list[float]] = []
        self.words: list[str] = []
        self.open = 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.open += 1
        given = dict(attrs)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if given.get("role") == "img":
            self.bars.append([])
            self.words.append(given["aria-label"])
        elif width := re.search(r"width: ([\d.]+)%", given.get("style", "")):
            self.bars[-1].append(float(width[1]))

    def handle_endtag(self, tag):
        self.open -= 1

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


class TestDrawn:
    def test_it_is_whole_and_asks_nothing_of_anybody(self, found):
        page = found._repr_html_()
        assert type(page) is str
        assert Seen(page).open == 0
        assert not re.search(r"https?:|<script|<img|<link|@import|url\(|on\w+=", page)

    def test_every_row_is_there_and_columns_that_say_nothing_are_not(self, found, mixed):
        seen = Seen(found._repr_html_())
        assert len(seen.rows) == 1 + len(found)
        assert all(len(row) == len(seen.rows[0]) for row in seen.rows)
        assert seen.rows[0][-1] == "reason"
        assert "p_trivial" not in seen.rows[0]
        fine = Seen(topofuse.predict(mixed[1], model=ByFirstAtom())._repr_html_())
        assert "reason" not in fine.rows[0]

    def test_bars_are_the_probabilities_and_are_read_aloud(self, found):
        seen = Seen(found._repr_html_())
        classified = [row for row in found if row["status"] == "ok"]
        assert len(seen.bars) == len(classified)
        for row, bar, words in zip(classified, seen.bars, seen.words, strict=True):
            assert bar == pytest.approx([100 * row[f"p_{name}"] for name in FIVE], abs=0.01)
            assert words == ", ".join(f"{name} {row[f'p_{name}']:.3f}" for name in FIVE)

    def test_names_are_text_and_never_markup(self, found):
        page = found._repr_html_()
        assert "b &lt;i&gt;.cif" in page
        assert "<i>" not in page

    def test_ink_and_paper_are_the_notebooks_own(self, found):
        style = found._repr_html_().split("<style>")[1].split("</style>")[0]
        assert not re.search(r"(?<!-)\bcolor: (?!inherit)", style)
        assert not re.search(r"background: (?!transparent|rgba\(128, 128, 128)", style)


def test_a_model_is_named_or_given(tmp_path):
    with pytest.raises(BundleError, match="is no model bundle"):
        topofuse.predict("docs/examples", model=tmp_path)

"""The best of a screening come first, and filters pass what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.screening_sources import folder_of_files, listed, rows_of
from topofuse.screening.ranking import FilterError, Filters, rank, write_ranking
from topofuse.screening.table import COLUMNS


@pytest.fixture
def folder(tmp_path) -> Path:
    return folder_of_files(tmp_path)


def row(formula: str, p: float, n_atoms: int = 5, label: str = "ti", **other) -> dict:
    found = dict.fromkeys(COLUMNS) | {"input": formula, "status": "ok", "reason": "", "formula": formula}
    found |= {"n_atoms": n_atoms, "label": label, "spacegroup": 1}
    found |= {f"p_{name}": 0.0 for name in ("hsp_semimetal", "hsl_semimetal", "ti", "tci")}
    return found | {f"p_{label}": p, "p_trivial": 1 - p, "p_nontrivial": p} | other


class TestRanking:
    ROWS = (
        row("Bi2Se3", 0.95),
        row("Sb2Te3", 0.951, n_atoms=3),
        row("SnTe", 0.99, label="tci"),
        row("NaCl", 0.1, label="trivial"),
        row("C", 0.60, n_atoms=40),
        {**dict.fromkeys(COLUMNS), "input": "x", "status": "error"},
    )

    def best(self, rows=ROWS, **filters) -> list[str]:
        return [found["formula"] for _, found in rank(rows, Filters(**filters)).best]

    def test_the_most_probable_come_first_and_of_equals_the_smaller_cell(self):
        assert self.best() == ["SnTe", "Sb2Te3", "Bi2Se3", "C"]
        assert self.best(top=2) == ["SnTe", "Sb2Te3"]
        assert rank(self.ROWS, Filters(top=1)).passed == 4

    def test_filters_pass_what_they_say(self):
        assert self.best(elements=("Te",)) == ["SnTe", "Sb2Te3"]
        assert self.best(elements=("Te", "Sb")) == ["Sb2Te3"]
        assert self.best(without=("Te", "C")) == ["Bi2Se3"]  # Sc, Cl, ... are other elements than C
        assert self.best([row("ScN", 0.9), row("CaC2", 0.8)], without=("C",)) == ["ScN"]
        assert self.best(max_atoms=4) == ["Sb2Te3"]
        assert self.best(classes=("tci",)) == ["SnTe"]
        assert self.best(classes=("tci", "ti")) == ["SnTe", "Sb2Te3", "Bi2Se3", "C"]
        assert self.best(max_novelty=0.5) == []

    def test_what_the_model_cannot_know_counts_less(self):
        rows = [row("Bi2Se3", 0.9, novelty=0.6), row("Sb2Te3", 0.7, novelty=0.1), row("SnTe", 0.5, novelty=None)]
        assert self.best(rows) == ["Sb2Te3", "SnTe", "Bi2Se3"]
        assert self.best(rows, max_novelty=0.5) == ["Sb2Te3"]

    def test_chosen_classes_are_ranked_by_their_own_probability(self):
        rows = [row("Bi2Se3", 0.9, p_ti=0.5, p_tci=0.4), row("Sb2Te3", 0.8, p_ti=0.7, p_tci=0.1)]
        assert self.best(rows) == ["Bi2Se3", "Sb2Te3"]
        assert self.best(rows, classes=("ti",)) == ["Sb2Te3", "Bi2Se3"]

    @pytest.mark.parametrize(
        ("filters", "words"),
        [
            ({"elements": ("Xx",)}, "'Xx' is no element's symbol"),
            ({"without": ("bi",)}, "'bi' is no element's symbol"),
            ({"elements": ("Te",), "without": ("Te",)}, "Te cannot be both"),
            ({"classes": ("magic",)}, "no class 'magic'; there are trivial"),
        ],
    )
    def test_a_filter_that_can_pass_nothing_is_refused(self, filters, words):
        with pytest.raises(FilterError, match=words):
            Filters(**filters)

    def test_the_page_says_what_is_known_and_what_to_beware_of(self, tmp_path):
        warned = "slab: an empty layer; small_gap: of 0.1 eV"
        rows = [row("Bi2Se3", 0.95, known_class="tci", warnings=warned), row("SnTe", 0.9, warnings="")]
        page = write_ranking(tmp_path, rank(rows, Filters()), {}).read_text()
        assert "Known class" in page
        assert "slab, small_gap" in page
        plain = write_ranking(tmp_path, rank(rows[1:], Filters()), {}).read_text()
        assert "Known class" not in plain
        assert "Warnings" not in plain

    def test_page_and_table_tell_the_same(self, folder, tmp_path):
        rows_of(folder, tmp_path / "out", about="test")
        table = listed(tmp_path / "out")
        page, text = ((tmp_path / f"out/ranking.{suffix}").read_text() for suffix in ("html", "md"))
        assert [line["rank"] for line in table] == ["1", "2", "3", "4", "5", "6"]
        assert float(table[0]["promise"]) >= float(table[-1]["promise"])
        for line in table:
            assert line["formula"] in page
            assert line["formula"] in text
        assert "http://" not in page.replace("http://www.w3.org", "")
        assert "6 of 8 structures pass the filters" in page
        rows_of(folder, tmp_path / "out", filters=Filters(elements=("Pu",)))
        assert "No structure passes the filters" in (tmp_path / "out/ranking.html").read_text()

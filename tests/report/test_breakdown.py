"""Where a model is right: by class, element, crystal system and cell size; its surest mistakes; calibration."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from topofuse.labels import FIVE
from topofuse.report.breakdown import (
    TROUBLED,
    Share,
    by_cell_size,
    by_class,
    by_crystal_system,
    by_element,
    confident_mistakes,
    with_any_of,
)
from topofuse.report.curves import own_reliability_figure
from topofuse.report.source import Rows


def rows(labels, p5, **columns):
    n = len(labels)
    frame = {"material_id": [f"mp-{i}" for i in range(n)], "formula": ["X"] * n, "spacegroup": [225] * n}
    frame |= {"n_atoms": [2] * n, "elements": ["Na Cl"] * n, "label": [FIVE[c] for c in labels]}
    return Rows("oof", pd.DataFrame(frame | columns), np.array(labels), np.array(p5, dtype=float))


def test_wilson_intervals_are_those_of_the_textbook():
    low, high = Share("x", 8, 10).interval  # Newcombe, Stat. Med. 17, 857 (1998), formula of method 3
    assert (low, high) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    assert Share("x", 5, 5).interval[1] == 1.0


def test_breakdowns_count_each_material_where_it_belongs():
    right, wrong = [0.9, 0.1, 0, 0, 0], [0.2, 0.8, 0, 0, 0]
    some = rows(
        [0, 0, 1],
        [right, wrong, wrong],
        spacegroup=[225, 194, 2],
        n_atoms=[2, 3, 100],
        elements=["Na Cl", "Na", "Bi"],
    )
    assert {e: (s.right, s.n) for e, s in by_element(some).items()} == {"Na": (1, 2), "Cl": (1, 1), "Bi": (1, 1)}
    systems = [(s.name, s.right, s.n) for s in by_crystal_system(some)]
    assert systems == [("triclinic", 1, 1), ("hexagonal", 0, 1), ("cubic", 1, 1)]
    assert [(s.name, s.right) for s in by_cell_size(some)] == [("1–2", 1), ("3–4", 0), ("65 and more", 1)]


def test_each_class_is_counted_at_each_level():
    p5 = [[0.9, 0.1, 0, 0, 0], [0, 0.3, 0.7, 0, 0], [0, 0, 0.2, 0.8, 0], [0, 0, 0, 0.9, 0.1]]
    some = rows([0, 1, 1, 4], p5)  # right; the other semimetal; an insulator; the other insulator
    found = {level: {c: (s.right, s.n) for c, s in by_class(some, level).items()} for level in ("two", "three", "five")}
    assert found["two"] == {"trivial": (1, 1), "hsp_semimetal": (2, 2), "tci": (1, 1)}
    assert found["three"] == {"trivial": (1, 1), "hsp_semimetal": (1, 2), "tci": (1, 1)}
    assert found["five"] == {"trivial": (1, 1), "hsp_semimetal": (0, 2), "tci": (0, 1)}


def test_materials_with_troubled_elements_are_looked_at_apart():
    right, wrong = [0.9, 0.1, 0, 0, 0], [0.2, 0.8, 0, 0, 0]
    some = rows([0, 0, 0], [right, wrong, wrong], elements=["Fe O", "Fe Cu S", "F O"])
    assert [(s.right, s.n) for s in with_any_of(some, TROUBLED)] == [(1, 2), (0, 1)]
    assert [(s.right, s.n) for s in with_any_of(some, ("Np",))] == [(0, 0), (1, 3)]


def test_mistakes_come_surest_first_and_only_between_trivial_and_not():
    p5 = [[0.9, 0.1, 0, 0, 0], [0.05, 0.95, 0, 0, 0], [0.3, 0.7, 0, 0, 0], [0.1, 0.9, 0, 0, 0]]
    found = confident_mistakes([rows([3, 0, 0, 2], p5)])  # the last is a semimetal of the other kind: not listed
    assert [(m.material_id, m.confidence) for m in found] == [("mp-1", 0.95), ("mp-0", 0.9), ("mp-2", 0.7)]
    assert (found[0].label, found[0].decision) == ("trivial", "hsp_semimetal")
    assert len(confident_mistakes([rows([3, 0, 0, 2], p5)], n=1)) == 1


def test_calibration_error_by_hand_in_bins_of_twenty_at_least():
    half = own_reliability_figure([rows([0] * 10 + [1] * 30, [[0.5, 0.5, 0, 0, 0]] * 40)])
    assert "25.0 % on out-of-fold rows" in half.alt
    exact = own_reliability_figure(
        [rows([0] * 20 + [1] * 20, [[1.0, 0, 0, 0, 0]] * 20 + [[0, 1.0, 0, 0, 0]] * 20)],
    )
    assert "0.0 % on out-of-fold rows" in exact.alt
    assert [(b["n"], b["p"], b["share"]) for b in exact.data] == [(20, 0, 0), (20, 1, 1)]

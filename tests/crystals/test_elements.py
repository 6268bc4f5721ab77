"""What the project knows about the elements agrees with the calculations behind the labels and with textbooks."""

from __future__ import annotations

import json

import numpy as np
import pytest

from support.topomat import VALENCE, needs_topomat
from topofuse.crystals.elements import (
    element_properties,
    element_property,
    oxidation_states,
    valence_electrons,
)
from topofuse.crystals.formula import SYMBOLS


@needs_topomat
def test_valence_electrons_are_those_of_the_calculations_behind_the_labels():
    expected = json.loads(VALENCE.read_text(encoding="utf-8"))
    found = {symbol: int(valence_electrons([SYMBOLS.index(symbol)])[0]) for symbol in expected}
    assert found == expected


def test_every_element_to_lawrencium_has_valence_electrons():
    counts = valence_electrons(np.arange(1, 104))
    assert counts.dtype == np.int64
    assert counts.min() >= 1
    assert (counts <= np.arange(1, 104)).all()


def test_frozen_4f_electrons_do_not_count():
    tb, lu, eu = valence_electrons([65, 71, 63])
    assert tb == lu == 9
    assert eu == 17


@pytest.mark.parametrize("bad", [0, 104, -1])
def test_an_impossible_atomic_number_is_named(bad):
    with pytest.raises(ValueError, match=str(bad)):
        valence_electrons([6, bad])


def test_the_table_is_a_row_per_atomic_number():
    table, names = element_properties()
    assert table.shape == (104, len(names))
    assert np.isnan(table[0]).all()
    assert table[1:, names.index("group")].min() == 1
    assert element_property("chi")[9] == 3.98


def test_an_unknown_property_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="chi"):
        element_property("colour")


@pytest.mark.parametrize(
    ("symbol", "shell", "measured"),
    # ζ in eV from the fine structure of atomic spectra (p: 2/3 of the splitting of Ga, In, Tl; tables for the rest)
    [("S", "p", 0.047), ("Te", "p", 0.49), ("Bi", "p", 1.25), ("Tl", "p", 0.64), ("Ni", "d", 0.083), ("Pt", "d", 0.5)],
)
def test_spin_orbit_constants_are_right_within_a_factor_of_one_and_a_half(symbol, shell, measured):
    value = element_property(f"soc_{shell}")[SYMBOLS.index(symbol)]
    assert measured / 1.5 < value < measured * 1.55


def test_spin_orbit_coupling_grows_down_a_group():
    for group in ([8, 16, 34, 52], [7, 15, 33, 51, 83], [6, 14, 32, 50, 82]):
        assert (np.diff(element_property("soc_p")[group]) > 0).all()
    for group in ([28, 46, 78], [27, 45, 77]):
        assert (np.diff(element_property("soc_d")[group]) > 0).all()


def test_common_oxidation_states():
    assert oxidation_states()[11].common == (1,)
    assert 4 in oxidation_states()[22].common
    assert -2 in oxidation_states()[8].common

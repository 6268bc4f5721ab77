"""Verdicts on states that GPAW gave: recorded traces of compounds whose class is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from support.recorded_states import recorded
from topofuse.confirm.settings import CLOSE
from topofuse.confirm.table import agreement, indicator
from topofuse.confirm.verdict import Verdict, judge, levels_of
from topofuse.symmetry import Levels, RepresentationError, SymmetryTable


def verdict_on(name: str) -> Verdict:
    table, stars, electrons = recorded(name)
    return judge(table, levels_of(table, stars, electrons), electrons)


def moved(levels: Levels, table: SymmetryTable, electrons: int, distance: float) -> Levels:
    """The levels with all empty sets moved so that the lowest is `distance` above the highest filled one."""
    ends = np.cumsum(np.bincount(levels.set, table.stars[levels.star].dimensions[levels.coirrep]))
    filled = int(np.searchsorted(ends, electrons)) + 1
    empty = levels.set >= filled
    gap = levels.energy[empty].min() - levels.energy[~empty].max()
    return replace(levels, energy=np.where(empty, levels.energy - gap + distance, levels.energy))


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("NaCl-rock_salt", "trivial"),
        ("GaAs-zinc_blende", "trivial"),
        ("SnTe-rock_salt", "tci"),
        ("Sb-arsenic_a7", "ti"),
        ("HgTe-zinc_blende", "hsp_semimetal"),
        ("SiRu-caesium_chloride", "hsl_semimetal"),
    ],
)
def test_known_compounds_have_their_class(textbook, name, label):
    assert textbook[name].label == label
    assert verdict_on(name).label == label


def test_tin_telluride_has_mirror_chern_number_two():
    """T. H. Hsieh et al., Nat. Commun. 3, 982 (2012): z8 = 4; the gap is at L."""
    table, _, _ = recorded("SnTe-rock_salt")
    found = verdict_on("SnTe-rock_salt")
    assert indicator(found, table) == "(4) of Z8"
    assert min(found.fillings, key=lambda filling: filling.gap).label == "L"
    assert 0.1 < found.gap < 0.4


def test_the_fourfold_level_of_mercury_telluride_is_half_full():
    found = verdict_on("HgTe-zinc_blende")
    assert [(f.label, f.held, f.size) for f in found.fillings if f.cut] == [("GAMMA", 2, 4)]
    assert found.gap == 0
    assert not found.too_close


def test_levels_closer_than_the_errors_are_too_close_to_call():
    table, stars, electrons = recorded("SnTe-rock_salt")
    levels = levels_of(table, stars, electrons)
    near = [moved(one, table, electrons, 0.9 * CLOSE) if one.star == 2 else one for one in levels]
    found = judge(table, near, electrons)
    assert found.label is None
    assert found.as_computed == "tci"
    assert [f.label for f in found.too_close] == [table.stars[2].label]
    far = [moved(one, table, electrons, 1.1 * CLOSE) if one.star == 2 else one for one in levels]
    assert judge(table, far, electrons).label == "tci"


def test_a_level_that_is_cut_is_certain_unless_a_neighbour_could_close_it():
    """Two of four electrons are in the fourfold level; an empty twofold one beside it could take both."""
    table, stars, electrons = recorded("HgTe-zinc_blende")
    levels = levels_of(table, stars, electrons)
    gamma = next(one for one in levels if one.star == 0)
    ends = np.cumsum(np.bincount(gamma.set, table.stars[0].dimensions[gamma.coirrep]))
    cut = int(np.searchsorted(ends, electrons))
    level = gamma.energy[gamma.set == cut].max()
    twofold = (gamma.set > cut) & (table.stars[0].dimensions[gamma.coirrep] == 2)
    assert twofold.any()
    neighbour = gamma.set == gamma.set[twofold].min()
    near = replace(gamma, energy=np.where(neighbour, level + CLOSE / 2, gamma.energy))
    found = judge(table, [near if one.star == 0 else one for one in levels], electrons)
    assert found.as_computed == "hsp_semimetal"
    assert found.label is None


@pytest.mark.parametrize(
    ("one", "other", "classes"),
    [("ti", "ti", 5), ("ti", "tci", 3), ("hsl_semimetal", "tci", 2), ("trivial", "tci", 0), ("trivial", "trivial", 5)],
)
def test_agreement_is_the_finest_level_at_which_two_classes_agree(one, other, classes):
    assert agreement(one, other) == classes
    assert agreement(other, one) == classes


def test_levels_that_a_grid_splits_are_one_still():
    """GPAW gave the fluorine states of AgF at Γ 9 meV apart; symmetry makes them four at one energy."""
    table, stars, electrons = recorded("SnTe-rock_salt")
    place = next(i for i, one in enumerate(stars) if table.stars[table.momenta[one.momentum].star].label == "GAMMA")
    energy = stars[place].energy.copy()
    top = np.flatnonzero(np.abs(energy - energy[electrons - 1]) < 1e-3)
    assert len(top) == 4
    plus = stars[place].traces.copy()
    plus[:, top[:2]] += 0.3  # states mixed within the set: only the sum of their traces is known
    plus[:, top[2:]] -= 0.3
    for distance, whole in ((0.009, True), (2 * CLOSE, False)):
        energy[top[2:]] = energy[top[0]] + distance
        split = [*stars[:place], replace(stars[place], energy=energy, traces=plus), *stars[place + 1 :]]
        if whole:
            assert judge(table, levels_of(table, split, electrons), electrons).label == "tci"
        else:
            with pytest.raises(RepresentationError):
                levels_of(table, split, electrons)

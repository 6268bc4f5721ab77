"""Coirreps of levels, and the class that follows: known insulators, inverted by hand, and input that is wrong."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from topofuse.crystals import analyse
from topofuse.labels import FIVE
from topofuse.symmetry import Alignment, Levels, RepresentationError, SymmetryTable, diagnose, identify, symmetry_table
from topofuse.tightbinding.sketch import sketch_of
from topofuse.tightbinding.states import star_levels


def of(crystal) -> tuple[SymmetryTable, list[Levels], int]:
    symmetric = analyse(crystal)
    table, sketch = symmetry_table(symmetric.spacegroup), sketch_of(symmetric)
    return table, [star.levels for star in star_levels(sketch, table)], 2 * sketch.filled


def inverted(table: SymmetryTable, levels: list[Levels], electrons: int, label: str) -> list[Levels]:
    """The levels with the highest filled and the lowest empty one at a star exchanged."""
    out = list(levels)
    for i, one in enumerate(levels):
        star = table.stars[one.star]
        if star.label == label:
            filled = one.below @ star.dimensions + np.cumsum(star.dimensions[one.coirrep])
            last = int(np.searchsorted(filled, electrons))
            coirrep = one.coirrep.copy()
            coirrep[[last, last + 1]] = coirrep[[last + 1, last]]
            out[i] = replace(one, coirrep=coirrep)
    return out


def bands(table: SymmetryTable, multiplicities: np.ndarray) -> list[Levels]:
    """Filled bands with these coirreps, all levels apart."""
    out = []
    for i, star in enumerate(table.stars):
        coirrep = np.repeat(np.arange(len(star.dimensions)), multiplicities[star.columns])
        sets = np.arange(len(coirrep))
        states = np.repeat(sets, star.dimensions[coirrep])
        out.append(Levels(i, np.zeros(len(star.dimensions), dtype=int), sets * 0.1, coirrep, sets, states))
    return out


def test_bismuth_selenide_without_its_inversion_at_gamma_is_trivial(bi2se3):
    """H. Zhang et al., Nat. Phys. 5, 438 (2009)."""
    table, levels, electrons = of(bi2se3)
    found = diagnose(table, levels, electrons)
    assert FIVE[found.verdict] == "ti"
    assert found.z4 % 2 == 1
    assert found.weak is False
    assert FIVE[diagnose(table, inverted(table, levels, electrons, "GAMMA"), electrons).verdict] == "trivial"


def test_tin_telluride_without_its_inversions_at_four_momenta_is_trivial(textbook):
    """T. H. Hsieh et al., Nat. Commun. 3, 982 (2012): z8 = 4, mirror Chern number 2."""
    table, levels, electrons = of(textbook["SnTe-rock_salt"].crystal)
    found = diagnose(table, levels, electrons)
    assert FIVE[found.verdict] == "tci"
    assert found.indicator.tolist() == [4]
    assert found.z4 == 0
    assert FIVE[diagnose(table, inverted(table, levels, electrons, "L"), electrons).verdict] == "trivial"


def test_an_hourglass_insulator_has_its_indicator(textbook):
    """KHgSb: Z. Wang et al., Nature 532, 189 (2016); Z. Song et al., Nat. Commun. 9, 3530 (2018)."""
    table, levels, electrons = of(textbook["KHgSb-zrbesi"].crystal)
    found = diagnose(table, levels, electrons)
    assert table.orders.tolist() == [12]
    assert found.indicator.tolist() in ([4], [8])
    assert FIVE[found.verdict] == "tci"


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Si-diamond", "trivial"),
        ("NaCl-rock_salt", "trivial"),
        ("Sb-arsenic_a7", "ti"),
        ("HgTe-zinc_blende", "hsp_semimetal"),
        ("Na3Bi-na3as", "hsl_semimetal"),
    ],
)
def test_known_compounds(name, label, textbook):
    table, levels, electrons = of(textbook[name].crystal)
    found = diagnose(table, levels, electrons)
    assert FIVE[found.verdict] == label
    assert bool(found.cut) == (label == "hsp_semimetal")
    assert found.compatible is {"hsp_semimetal": None, "hsl_semimetal": False}.get(label, True)


@pytest.mark.parametrize("number", [2, 14, 62, 139, 166, 187, 194, 216, 225, 227])
def test_atomic_limits_are_trivial(number):
    table = symmetry_table(number)
    for row in table.band_representations:
        electrons = int(row[table.stars[0].columns] @ table.stars[0].dimensions)
        assert FIVE[diagnose(table, bands(table, row), electrons).verdict] == "trivial"


def test_one_pair_of_the_other_parity_makes_an_atomic_limit_a_topological_insulator():
    table = symmetry_table(2)
    odd = table.band_representations[0].copy()
    one = table.stars[0]
    odd[one.columns] = odd[one.columns][::-1]
    found = diagnose(table, bands(table, odd), int(odd[one.columns] @ one.dimensions))
    assert FIVE[found.verdict] == "ti"


def test_a_spin_orbit_splitting_below_a_millielectronvolt_still_splits():
    table = symmetry_table(2)
    row = table.band_representations[0]
    levels = bands(table, row + table.band_representations[-1])
    close = [replace(one, energy=one.energy * 1e-3) for one in levels]
    assert diagnose(table, close, 2).cut == ()
    merged = [replace(one, set=np.zeros_like(one.set)) for one in levels]
    assert len(diagnose(table, merged, 2).cut) == len(table.stars)


class TestIdentification:
    def test_traces_of_representations_are_their_coirreps(self):
        table = symmetry_table(225)
        for momentum in table.momenta:
            star = table.stars[momentum.star]
            order = np.arange(len(star.dimensions))[::-1]
            states = np.repeat(order, star.dimensions[order])
            energy = np.repeat(np.arange(len(order)) * 0.5, star.dimensions[order])
            traces = (momentum.characters / star.dimensions)[:, states]
            found = identify(table, momentum, energy, traces)
            assert found.coirrep.tolist() == order.tolist()
            assert found.below.sum() == 0

    def test_numerical_splittings_are_closed_and_real_ones_are_not(self):
        table = symmetry_table(225)
        gamma = table.find(np.zeros(3))
        fourfold = int(np.argmax(table.stars[0].dimensions))
        traces = np.repeat(gamma.characters[:, [fourfold]] / 4, 4, axis=1)
        traces[:, :2] += 0.2 * np.array([1, -1])  # the parts of a set have no characters of their own
        found = identify(table, gamma, np.array([0, 3e-4, 6e-4, 9e-4]), traces)
        assert found.coirrep.tolist() == [fourfold]
        twofold = np.flatnonzero(table.stars[0].dimensions == 2)[:2]
        pair = np.repeat(gamma.characters[:, twofold] / 2, 2, axis=1)
        assert len(set(identify(table, gamma, np.array([0, 0, 1e-4, 1e-4]), pair).set.tolist())) == 2

    def test_a_set_that_is_cut_off_is_left_out(self):
        table = symmetry_table(225)
        gamma = table.find(np.zeros(3))
        fourfold = int(np.argmax(table.stars[0].dimensions))
        traces = np.concatenate(
            [
                np.repeat(gamma.characters[:, [0]] / 2, 2, axis=1),
                np.repeat(gamma.characters[:, [fourfold]] / 4, 3, axis=1),
            ],
            1,
        )
        energy = np.array([0.0, 0.0, 1.0, 1.0, 1.0])
        assert identify(table, gamma, energy, traces, electrons=2).coirrep.tolist() == [0]
        with pytest.raises(RepresentationError, match="only 2 of 4 electrons at GAMMA"):
            identify(table, gamma, energy, traces, electrons=4)

    def test_momenta_are_found_up_to_a_reciprocal_lattice_vector(self):
        table = symmetry_table(166)
        assert table.find(np.array([1.0, -1.0, 2.0])) is table.find(np.zeros(3))
        assert table.find(np.array([0.1, 0.2, 0.3])) is None

    def test_operations_in_another_order_or_convention(self):
        table = symmetry_table(227)
        order = np.random.default_rng(0).permutation(len(table.rotations))
        shift = np.random.default_rng(1).integers(-1, 2, (len(order), 3))
        sign = np.where(np.arange(len(order)) % 2, -1.0, 1.0)
        found = Alignment.with_table(
            table, table.rotations[order], table.translations[order] + shift, table.spins[order] * sign[:, None, None]
        )
        np.testing.assert_array_equal(order[found.operations], np.arange(len(order)))
        np.testing.assert_array_equal(found.signs, sign[found.operations])
        np.testing.assert_array_equal(found.shifts, shift[found.operations])

    def test_operations_of_another_group_or_axes_are_refused(self):
        table, other = symmetry_table(227), symmetry_table(2)
        with pytest.raises(ValueError, match="space group 227 has the operation"):
            Alignment.with_table(table, other.rotations, other.translations, other.spins)
        with pytest.raises(ValueError, match="standard setting of space group 227"):
            Alignment.with_table(table, table.rotations, table.translations + 0.25, table.spins)
        with pytest.raises(ValueError, match="axes of the standardised lattice"):
            Alignment.with_table(table, table.rotations, table.translations, np.roll(table.spins, 1, axis=0))


def test_wrong_input_is_told():
    table = symmetry_table(2)
    levels = bands(table, table.band_representations[0])
    with pytest.raises(ValueError, match="hold 0 to 2 electrons, not 4"):
        diagnose(table, levels, 4)
    with pytest.raises(ValueError, match="space group 2 needs levels once at GAMMA"):
        diagnose(table, levels[:-1], 2)

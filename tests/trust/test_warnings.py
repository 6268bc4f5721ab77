"""Warnings: each where it applies, none on well-known compounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pymatgen.core import Composition

from topofuse.crystals import Crystal, CrystalError, analyse
from topofuse.crystals.symmetrise import symmetrise
from topofuse.modalities.material import sketch_facts
from topofuse.trust.experiment import experiment_of, findings
from topofuse.trust.near_symmetry import has_operation, higher_symmetry, lattice_operations
from topofuse.trust.warnings import SEPARATOR, codes, warnings_of, widest_layer


def said(crystal: Crystal) -> list[str]:
    return codes(SEPARATOR.join(warnings_of(analyse(crystal))))


def shaken(crystal: Crystal, size: float, seed: int = 0) -> Crystal:
    moved = np.random.default_rng(seed).normal(0, size, (len(crystal), 3))
    return Crystal(crystal.lattice, crystal.numbers, crystal.frac_coords + moved @ np.linalg.inv(crystal.lattice))


def rock_salt(a: float, *numbers: int) -> Crystal:
    lattice = a / 2 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    return Crystal(lattice, np.array(numbers), np.array([[0, 0, 0], [0.5, 0.5, 0.5]]))


def test_nothing_is_said_of_sound_crystals(nacl, zno, bi2se3):
    assert [said(crystal) for crystal in (nacl, zno, bi2se3)] == [[], [], []]


def test_magnets_and_4f_electrons(bi2se3):
    assert said(rock_salt(5.14, 63, 8)) == ["magnetic", "f_electrons"]  # EuO
    smb6 = [[0, 0, 0], *([0.2, 0.5, 0.5], [0.8, 0.5, 0.5], [0.5, 0.2, 0.5]), *([0.5, 0.8, 0.5], [0.5, 0.5, 0.2])]
    crystal = Crystal.validated(4.13 * np.eye(3), [62, 5, 5, 5, 5, 5, 5], [*smb6, [0.5, 0.5, 0.8]])
    assert said(crystal) == ["f_electrons"]


def test_a_single_layer_with_vacuum(bi2se3):
    graphene = Crystal(np.array([[2.46, 0, 0], [-1.23, 2.1304, 0], [0, 0, 15.0]]), np.array([6, 6]),
                       np.array([[1 / 3, 2 / 3, 0.5], [2 / 3, 1 / 3, 0.5]]))  # fmt: skip
    assert said(graphene) == ["slab"]
    assert widest_layer(analyse(bi2se3)) == pytest.approx(2.58, abs=0.1)  # its van der Waals gap is none


def test_lengths_of_no_real_crystal(bi2se3, nacl):
    for factor, crystal in ((2.0, bi2se3), (0.6, nacl)):
        assert said(Crystal(crystal.lattice * factor, crystal.numbers, crystal.frac_coords)) == ["lengths"]


def test_symmetry_that_noise_broke_is_named_and_can_be_made_exact(bi2se3):
    noisy = shaken(bi2se3, 0.05)
    found = analyse(noisy)
    assert found.spacegroup != 166
    assert "near_symmetry" in said(noisy)
    higher, _ = higher_symmetry(found)
    assert higher.spacegroup == 166
    assert f"R-3m (166), found is {found.symbol}" in warnings_of(found)[0]
    exact, moved = symmetrise(noisy, 0.3)
    assert exact.spacegroup == 166
    assert 0.03 < moved.atoms < 0.3
    assert moved.lengths < 1e-6


def test_spglib_is_asked_only_where_symmetry_can_grow():
    cubic, stretched = 4.0 * np.eye(3), np.diag([4.0, 4.0, 4.2])
    assert [len(lattice_operations(cubic, tolerance)) for tolerance in (0.3, 0.01)] == [48, 48]
    assert [len(lattice_operations(stretched, tolerance)) for tolerance in (0.3, 0.01)] == [48, 16]
    hexagonal = np.array([[3.0, 0, 0], [-1.5, 1.5 * 3**0.5, 0], [0, 0, 5]])
    for lattice, number in ((hexagonal, 24), (rock_salt(5.6, 11, 17).lattice, 48)):
        found = lattice_operations(lattice, 0.01)
        assert len(found) == number
        assert np.allclose(found @ (lattice @ lattice.T) @ found.transpose(0, 2, 1), lattice @ lattice.T)
    two = np.array([[0, 0, 0], [0.5, 0.5, 0.52]])
    none, inversion = np.eye(3, dtype=np.int64), -np.eye(3, dtype=np.int64)
    like, unlike = (Crystal(cubic, np.array(numbers), two) for numbers in ([55, 55], [55, 17]))
    assert [has_operation(like, none, tolerance) for tolerance in (0.3, 0.01)] == [True, False]
    assert not has_operation(unlike, none, 0.3)
    assert [has_operation(unlike, inversion, tolerance) for tolerance in (0.3, 0.01)] == [True, False]


def test_what_is_exact_does_not_move(compounds):
    for crystal in compounds.values():
        found, moved = symmetrise(crystal, 0.01)
        assert found.spacegroup == analyse(crystal).spacegroup
        assert moved.atoms < 1e-3
        assert moved.lengths < 1e-4


@pytest.mark.parametrize("tolerance", [0.0, -1.0, 1.5])
def test_a_tolerance_that_makes_no_sense(nacl, tolerance):
    with pytest.raises(CrystalError, match="outside 0 to 1"):
        symmetrise(nacl, tolerance)


def test_a_small_gap_of_the_sketch(nacl):
    wide, narrow = analyse(nacl), analyse(rock_salt(6.46, 82, 52))
    assert warnings_of(wide, sketch_facts(wide)) == []
    sketch = sketch_facts(narrow)
    for gap, expected in ((0.3, ["small_gap"]), (1.5, []), (0.0, [])):  # eV; one of zero is closed by symmetry
        told = warnings_of(narrow, replace(sketch, point_gap=gap))
        assert codes(SEPARATOR.join(told)) == expected
    assert warnings_of(narrow) == []  # no sketch, no word of it


def test_experiment_is_told_of_the_material_itself_only():
    assert experiment_of(analyse(rock_salt(6.46, 82, 52))).startswith("trivial: no surface state")
    assert experiment_of(analyse(rock_salt(7.5, 82, 52))) == ""
    assert experiment_of(analyse(rock_salt(5.64, 11, 17))) == ""


def test_every_finding_has_a_reduced_formula_and_a_reference_with_a_year_and_a_doi():
    for (formula, *_), finding in findings().items():
        assert Composition(formula).reduced_formula == formula
        assert finding.reference[-6] == "("
        assert 1900 < int(finding.reference[-5:-1]) < 2030
        assert finding.doi.startswith("10.")
        assert 5 < finding.volume < 60

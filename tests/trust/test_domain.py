"""The domain of the labels: open shells, odd numbers of electrons, elements that nobody was trained on."""

from __future__ import annotations

import numpy as np
import pytest

from topofuse.trust.domain import Domain, domain_of, has_closed_shells, odd_electrons, open_shell


def atoms(formula: str) -> np.ndarray:
    from pymatgen.core import Composition

    return np.concatenate([np.repeat(e.Z, int(n)) for e, n in Composition(formula).items()])


@pytest.mark.parametrize(
    "formula",
    ["NaCl", "Si", "Bi2Se3", "SnTe", "HgTe", "Na3Bi", "TaAs", "SrTiO3", "ZnO", "Cu2O", "LiCoO2", "K2PtCl4", "PdO"],
)
def test_closed_shells_and_simple_metals_are_inside(formula):
    assert domain_of(atoms(formula)) is Domain.IN
    assert open_shell(atoms(formula)) == ""


@pytest.mark.parametrize(
    "formula",
    ["MnO", "NiO", "CuO", "La2CuO4", "CrI3", "RuCl3", "Sr2IrO4", "TiCl3", "UO2", "LiFePO4", "MnBi2Te4", "FeTe"],
)
def test_open_shells_beside_anions_are_likely_magnetic(formula):
    assert open_shell(atoms(formula))


@pytest.mark.parametrize("formula", ["Fe", "Mn3Sn", "Co", "Ni", "FeRh", "YMn6Sn6", "EuTe", "GdPtBi", "PuSb"])
def test_metals_rich_in_magnetic_elements_are_likely_magnetic(formula):
    assert open_shell(atoms(formula))


@pytest.mark.parametrize(
    "formula", ["FeS2", "RuS2", "Ni(CO)4", "Fe(CO)5", "UO3", "CeO2", "WTe2", "NbSe2", "MoS2", "CoSb3", "Nb3Cl8"]
)
def test_pairs_of_anions_carbonyls_metal_bonds_and_full_shells_are_not(formula):
    assert open_shell(atoms(formula)) == ""


def test_the_reason_names_the_element_and_what_is_the_matter():
    assert open_shell(atoms("NiO")) == "no charge balance closes the d shell of Ni"
    assert open_shell(atoms("UCl4")) == "no charge balance closes the f shell of U"
    assert open_shell(atoms("EuTe")) == "Eu keeps an open f shell"
    assert open_shell(atoms("FePt")) == "50 % of the atoms are Fe"


def test_only_the_reduced_formula_counts_for_shells():
    assert open_shell(atoms("Mn2O2")) == open_shell(atoms("MnO"))
    assert open_shell(atoms("MnO")[::-1]) == open_shell(atoms("MnO"))


def test_charge_balance_takes_one_state_per_element():
    assert has_closed_shells(((11, 17), (1, 1)))
    assert has_closed_shells(((26, 16), (1, 2)))  # Fe2+ and a pair of S
    assert not has_closed_shells(((8, 26), (1, 1)))


def test_an_odd_number_of_electrons_comes_before_all_else():
    seen = np.zeros(104, dtype=bool)
    assert domain_of(atoms("Al")) is Domain.ODD_ELECTRONS
    assert domain_of(atoms("Al2")) is Domain.IN
    assert domain_of(atoms("Al"), seen) is Domain.ODD_ELECTRONS
    assert odd_electrons(atoms("Al2")) == ""
    assert odd_electrons(atoms("Al")) == (
        "odd number of electrons in the primitive cell (nu = 3): a metal by Kramers' theorem, as long as it "
        "has no magnetic order and interactions do not localise the electrons; outside the classification"
    )


def test_an_element_that_was_not_seen_is_outside():
    seen = np.ones(104, dtype=bool)
    seen[17] = False
    assert domain_of(atoms("NaCl"), seen) is Domain.UNSEEN_ELEMENT
    assert domain_of(atoms("NaBr"), seen) is Domain.IN
    assert domain_of(atoms("NiCl2"), seen) is Domain.UNSEEN_ELEMENT

"""The scalar and physics features say what a textbook says, and do not depend on how a crystal is written down."""

from __future__ import annotations

import re

import numpy as np
import pytest
import spglib
from hypothesis import given, settings
from hypothesis import strategies as st

from support.topomat import TOPOMAT, needs_topomat
from topofuse.crystals import Crystal, analyse
from topofuse.crystals.closed_shells import closed_states, d_electrons, has_lone_pair
from topofuse.crystals.elements import valence_electrons
from topofuse.crystals.formula import SYMBOLS
from topofuse.crystals.neighbours import Neighbours
from topofuse.crystals.pointgroups import is_symmorphic, point_group_of
from topofuse.modalities.physics.charge import NAMES as CHARGE_NAMES
from topofuse.modalities.physics.charge import balance, charge_features, guess_states
from topofuse.modalities.physics.features import PHYSICS
from topofuse.modalities.scalar.features import SCALAR
from topofuse.modalities.scalar.symmetry_tables import site_has_inversion

FCC = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


def formula(text):
    counts = {}
    for symbol, count in re.findall(r"([A-Z][a-z]?)(\d*)", text):
        counts[SYMBOLS.index(symbol)] = int(count or 1)
    return tuple(sorted(counts)), tuple(counts[z] for z in sorted(counts))


def rocksalt(a, cation, anion):
    return Crystal.validated(a * np.eye(3), [cation] * 4 + [anion] * 4, np.vstack([FCC, np.add(FCC, [0.5, 0, 0])]))


def diamond(a, first, second):
    return Crystal.validated(a * np.eye(3), [first] * 4 + [second] * 4, np.vstack([FCC, FCC + 0.25]))


def bismuth_selenide():
    a, c = 4.143, 28.636
    lattice = a * np.array([[1, 0, 0], [-0.5, np.sqrt(3) / 2, 0], [0, 0, c / a]])
    z = [0.399, -0.399, 0.0, 0.206, -0.206]
    centring = np.array([[0, 0, 0], [2 / 3, 1 / 3, 1 / 3], [1 / 3, 2 / 3, 2 / 3]])
    coords = [np.add(t, [0, 0, height]) for height in z for t in centring]
    return Crystal.validated(lattice, np.repeat([83, 83, 34, 34, 34], 3), coords)


def pyrite():
    u = 0.385
    sulfur = np.array([[u, u, u], [0.5 - u, -u, 0.5 + u], [-u, 0.5 + u, 0.5 - u], [0.5 + u, 0.5 - u, -u]])
    return Crystal.validated(5.416 * np.eye(3), [26] * 4 + [16] * 8, np.vstack([FCC, sulfur, -sulfur]))


CRYSTALS = {
    "NaCl": rocksalt(5.64, 11, 17),
    "PbTe": rocksalt(6.46, 82, 52),
    "Si": diamond(5.43, 14, 14),
    "GaAs": diamond(5.65, 31, 33),
    "Bi2Se3": bismuth_selenide(),
    "FeS2": pyrite(),
    "Po": Crystal.validated(3.36 * np.eye(3), [84], [[0, 0, 0]]),
    "Ar": Crystal.validated(5.26 * np.eye(3), [18] * 4, FCC),
}


def table(modality, crystal):
    row = modality.extract(crystal)["table"]
    assert row.shape == (1, len(modality.table_names))
    assert row.dtype == np.float32
    assert not np.isinf(row).any()
    return row[0]


def named(modality, crystal):
    return dict(zip(modality.table_names, table(modality, crystal).tolist(), strict=True))


@pytest.mark.parametrize("modality", [SCALAR, PHYSICS], ids=lambda m: m.name)
def test_feature_names_are_unique(modality):
    assert len(set(modality.table_names)) == len(modality.table_names)


@pytest.mark.parametrize("modality", [SCALAR, PHYSICS], ids=lambda m: m.name)
@pytest.mark.parametrize("name", CRYSTALS)
def test_features_do_not_depend_on_how_the_crystal_is_written_down(modality, name):
    crystal = CRYSTALS[name]
    rng = np.random.default_rng(7)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    order = rng.permutation(len(crystal))
    other = Crystal.validated(
        crystal.lattice @ rotation, crystal.numbers[order], (crystal.frac_coords + rng.random(3))[order]
    )
    double = Crystal.validated(
        crystal.lattice * [[1], [1], [2]],
        np.tile(crystal.numbers, 2),
        np.vstack([crystal.frac_coords, np.add(crystal.frac_coords, [0, 0, 1])]) / [1, 1, 2],
    )
    expected = table(modality, analyse(crystal))
    for rewritten in (other, double):
        np.testing.assert_allclose(table(modality, analyse(rewritten)), expected, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("modality", [SCALAR, PHYSICS], ids=lambda m: m.name)
def test_features_do_not_depend_on_the_order_of_orbits(modality):
    crystal = analyse(CRYSTALS["Bi2Se3"])
    order = np.arange(crystal.n_orbits)[::-1]
    shuffled = type(crystal)(
        **{
            **{k: getattr(crystal, k) for k in crystal.__dataclass_fields__},
            "orbits": (crystal.n_orbits - 1 - crystal.orbits),
            "orbit_atoms": crystal.orbit_atoms[order],
            "orbit_sizes": crystal.orbit_sizes[order],
            "wyckoffs": crystal.wyckoffs[::-1],
            "site_symmetries": crystal.site_symmetries[::-1],
        }
    )
    np.testing.assert_allclose(table(modality, shuffled), table(modality, crystal), rtol=1e-5, atol=1e-6)


def test_a_strained_copy_changes_lengths_but_not_the_chemistry():
    crystal = analyse(CRYSTALS["NaCl"])
    near = crystal.neighbours
    swollen = Neighbours(near.centre, near.atom, near.distance * 1.02, near.vector * 1.02)
    strained = crystal.distorted(1.02 * np.eye(3), swollen)
    before, after = named(SCALAR, crystal), named(SCALAR, strained)
    assert after["volume_per_atom"] == pytest.approx(before["volume_per_atom"] * 1.02**3, rel=1e-5)
    assert after["spacegroup"] == before["spacegroup"]
    before, after = named(PHYSICS, crystal), named(PHYSICS, strained)
    assert after["ratio_min"] == pytest.approx(before["ratio_min"] * 1.02, rel=1e-5)
    assert after["closed_miss"] == before["closed_miss"]


def test_rock_salt_as_the_textbook_has_it():
    crystal = analyse(CRYSTALS["NaCl"])
    scalar, physics = named(SCALAR, crystal), named(PHYSICS, crystal)
    assert scalar["spacegroup"] == 225
    assert scalar["nu"] == valence_electrons([11, 17]).sum() == 14
    assert scalar["x_Na"] == 0.5
    assert scalar["density"] == pytest.approx(2.16, abs=0.01)
    assert scalar["at_inversion"] == 1
    assert scalar["pg_order"] == 48
    assert physics["hoppe_mean"] == pytest.approx(6, abs=0.1)
    assert physics["dchi_max"] == pytest.approx(3.16 - 0.93)
    assert physics["closed_neutral"] == physics["zintl_neutral"] == 1


def test_silicon_is_held_by_four_bonds_per_atom():
    physics = named(PHYSICS, analyse(CRYSTALS["Si"]))
    assert physics["bonds8_found"] == physics["bonds8_needed"] == 4
    assert physics["zintl_neutral"] == 1
    assert physics["ionicity_mean"] == 0


def test_pyrite_needs_the_sulfur_pairs_and_low_spin_iron():
    physics = named(PHYSICS, analyse(CRYSTALS["FeS2"]))
    assert physics["zintl_miss"] > 0  # Fe2+ is d6: no closed shell without a ligand field
    assert physics["zintl_ls_miss"] == 0


@pytest.mark.parametrize(
    "text", ["NaCl", "SrTiO3", "Bi2Se3", "PbTe", "CsPbI3", "TlBr", "ZnO", "Cu2O", "LaAlO3", "Na3Bi"]
)
def test_compounds_of_closed_shell_ions_are_charge_balanced(text):
    row = dict(zip(CHARGE_NAMES, charge_features(formula(text)), strict=True))
    assert row["closed_neutral"] == 1
    assert row["closed_miss"] == 0


@pytest.mark.parametrize("text", ["TaAs", "NbP", "ZrTe", "Cu3Au", "LaAl2", "VO2", "NaO2"])
def test_metals_and_open_shells_are_not(text):
    assert dict(zip(CHARGE_NAMES, charge_features(formula(text)), strict=True))["closed_neutral"] == 0


def test_the_guess_is_the_chemists():
    assert guess_states(formula("SrTiO3"))[0] == (-2, 4, 2)
    assert guess_states(formula("Bi2Se3"))[0] == (-2, 3)
    assert guess_states(formula("PbTe"))[0] == (-2, 2)


def test_half_heuslers_have_18_electrons_and_heuslers_24():
    for text, count in (("ZrNiSn", 18), ("NaZnSb", 18), ("VFe2Al", 24)):
        assert dict(zip(CHARGE_NAMES, charge_features(formula(text)), strict=True))["e_chem"] == count


def test_ions_keep_the_electrons_that_they_should():
    assert d_electrons(22, 4) == 0
    assert d_electrons(27, 3) == 6
    assert d_electrons(30, 2) == 10
    assert has_lone_pair(82, 2)
    assert has_lone_pair(83, 3)
    assert not has_lone_pair(82, 4)
    assert set(closed_states(52)) == {-2, 4, 6}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(-8, 8), min_size=1, max_size=4, unique=True), min_size=1, max_size=4))
def test_the_reachable_sums_are_those_of_all_products(options):
    sums = np.array([0])
    for values in options:
        sums = (sums[:, None] + np.array(values)).ravel()
    found = balance(options)
    assert abs(found.nearest) == np.abs(sums).min()
    assert found.ways == (sums == 0).sum()
    assert found.total == len(sums)
    assert (found.low, found.high) == (sums.min(), sums.max())


def test_symmetry_tables_have_the_known_numbers():
    kinds = [spglib.get_spacegroup_type(hall) for hall in range(1, 531)]
    groups = {(kind.pointgroup_international, point_group_of(kind.number)) for kind in kinds}
    symbols = {symbol for symbol, _ in groups}
    assert len(groups) == len(symbols) == 32  # facts of a space group are those of its point group
    assert sum(group.centrosymmetric for _, group in groups) == 11
    assert sum(group.polar for _, group in groups) == 10
    assert sum(group.chiral for _, group in groups) == 11
    facts = dict(groups)
    assert facts["m-3m"] == (48, 6, 1, 0, 0)
    assert facts["6mm"] == (12, 5, 0, 1, 0)
    assert facts["32"] == (6, 4, 0, 0, 1)
    assert sum(map(is_symmorphic, range(1, 231))) == 73
    assert is_symmorphic(225)
    assert not is_symmorphic(227)
    for number in (0, 231):
        with pytest.raises(ValueError, match=f"no space group {number}"):
            point_group_of(number)
    assert all(map(site_has_inversion, ("-1", "2/m..", "-3m.", "m.mm", "m-3.m", "4/mm.m")))
    assert not any(map(site_has_inversion, ("1", "-43m", "m.m2", "-4m2", "-6m2", "222")))


@needs_topomat
def test_electron_counts_are_those_of_the_database():
    import pandas as pd

    rows = pd.read_parquet(TOPOMAT, columns=["numbers", "n_valence_electrons", "split"])
    rows = rows[rows.split == "pool"].sample(500, random_state=3)
    mine = [int(valence_electrons(z).sum()) for z in rows.numbers]
    assert np.mean(np.array(mine) == rows.n_valence_electrons) > 0.99

"""A training material is recognised however it is written down; another structure is not taken for it."""

from __future__ import annotations

import numpy as np
import pytest

from topofuse.crystals import Crystal, CrystalFacts, analyse
from topofuse.crystals.fingerprint import LENGTH, fingerprint
from topofuse.trust.known import COLUMNS, Finder, KnownMaterials, links_of


def facts_of(*crystals: Crystal) -> CrystalFacts:
    return CrystalFacts.concatenate([CrystalFacts.from_crystal(analyse(crystal)) for crystal in crystals])


def scaled(crystal: Crystal, factor: float) -> Crystal:
    return Crystal(crystal.lattice * factor, crystal.numbers, crystal.frac_coords)


@pytest.fixture(scope="module")
def finder(compounds) -> Finder:
    facts = facts_of(*compounds.values())
    formulas = [name.split("-")[0] for name in compounds]
    known = KnownMaterials.from_facts(facts, [f"Materiae MAT{i:08}" for i in range(len(compounds))])
    return Finder([f"mp-{i}" for i in range(len(compounds))], formulas, ["ti"] * len(compounds), known)


def test_every_one_is_found_in_every_way_of_writing_it_down(finder, compounds, rewritings):
    for way in ("supercell", "all at once"):
        facts = facts_of(*(rewritings[way](crystal) for crystal in compounds.values()))
        assert [finder.find(facts, i) for i in range(len(facts))] == list(range(len(compounds))), way


def test_a_little_strain_is_the_same_material_and_a_doubled_cell_is_none(finder, compounds):
    for i, crystal in enumerate(compounds.values()):
        facts = facts_of(scaled(crystal, 1.02), scaled(crystal, 2.0), scaled(crystal, 0.9))
        assert [finder.find(facts, k) for k in range(3)] == [i, None, None]


def test_another_structure_of_the_same_formula_and_space_group_is_none(bi2se3):
    # both in P4/nmm: the anion at another height is another structure
    def layer(z: float) -> Crystal:
        coords = [[0, 0, 0], [0.5, 0.5, 0], [0, 0.5, z], [0.5, 0, 1 - z]]
        return Crystal.validated(np.diag([3.8, 3.8, 5.5]), [26, 26, 34, 34], coords)

    known = KnownMaterials.from_facts(facts_of(layer(0.27)), ["nowhere"])
    finder = Finder(["made-up"], ["FeSe"], ["ti"], known)
    facts = facts_of(layer(0.275), layer(0.45), bi2se3)
    assert [finder.find(facts, k) for k in range(3)] == [0, None, None]


def test_columns_name_class_id_source_and_pages(finder, compounds, nacl):
    row = list(compounds).index("NaCl-rock_salt")
    found = finder.columns(facts_of(nacl, scaled(nacl, 2.0)))
    assert tuple(found) == COLUMNS
    assert [found[name][0] for name in COLUMNS] == [
        "ti", f"mp-{row}", f"Materiae MAT{row:08}",
        f"https://materialsproject.org/materials/mp-{row} http://materiae.iphy.ac.cn/materials/MAT{row:08}",
    ]  # fmt: skip
    assert [found[name][1] for name in COLUMNS] == [None] * 4


def test_what_is_in_no_database_has_no_page():
    assert links_of("textbook/NaCl-rock_salt", "") == []
    assert links_of("mp-1 javascript:alert(1)", "Materiae MAT1 javascript:alert(1)") == []
    assert links_of("mvc-1", "Materiae MAT00000001") == ["http://materiae.iphy.ac.cn/materials/MAT00000001"]


def test_a_fingerprint_changes_as_little_as_the_atoms_move(compounds):
    rng = np.random.default_rng(0)
    for crystal in compounds.values():
        found = analyse(crystal)
        own = fingerprint(found)
        assert own.shape == (LENGTH,)
        assert (np.diff(own[: LENGTH // 2]) >= 0).all()
        unit = (found.primitive.volume / len(found.primitive)) ** (1 / 3)
        moved = rng.normal(0, 1, (len(crystal), 3))
        moved *= 0.01 / np.linalg.norm(moved, axis=1, keepdims=True).max()
        shaken = Crystal(crystal.lattice, crystal.numbers, crystal.frac_coords + moved @ np.linalg.inv(crystal.lattice))
        np.testing.assert_allclose(fingerprint(analyse(shaken)), own, atol=2 * 0.03 / unit)

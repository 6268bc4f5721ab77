"""Facts of crystals that travel beside their features."""

from __future__ import annotations

import numpy as np
import pytest

from topofuse.crystals import CrystalFacts, analyse
from topofuse.modalities.extraction import extract_all
from topofuse.modalities.store import FeatureStore


@pytest.fixture(scope="module")
def facts(compounds):
    return CrystalFacts.concatenate([CrystalFacts.from_crystal(analyse(crystal)) for crystal in compounds.values()])


def test_they_are_those_of_the_primitive_cell(facts, compounds):
    assert len(facts) == len(compounds)
    for i, crystal in enumerate(compounds.values()):
        found = analyse(crystal)
        assert facts.spacegroup[i] == found.spacegroup
        assert facts.n_atoms[i] == len(found.primitive)
        assert facts.atoms(i).tolist() == sorted(found.primitive.numbers.tolist())
    assert facts.spacegroup[list(compounds).index("NaCl-rock_salt")] == 225
    assert facts.atoms(list(compounds).index("NaCl-rock_salt")).tolist() == [11, 17]


def test_selected_rows_come_in_the_order_asked_for(facts):
    chosen = facts.select(np.array([7, 0, 7]))
    assert chosen.spacegroup.tolist() == facts.spacegroup[[7, 0, 7]].tolist()
    assert [chosen.atoms(i).tolist() for i in range(3)] == [facts.atoms(i).tolist() for i in (7, 0, 7)]
    assert len(facts.select(np.array([], dtype=int))) == 0


def test_a_store_keeps_them_in_a_file_too_and_for_every_view(small_world, tmp_path):
    small_world.views[2].save(tmp_path / "store.safetensors")
    kept = FeatureStore.load(tmp_path / "store.safetensors").facts
    for i, crystal in enumerate(small_world.crystals):
        assert kept.spacegroup[i] == analyse(crystal).spacegroup
        assert kept.atoms(i).tolist() == small_world.store.facts.atoms(i).tolist()


def test_they_need_no_modality_that_holds_them(nacl, zno):
    facts = extract_all([nacl, zno], names=("kspace",), workers=0).views[0].facts
    assert facts.spacegroup.tolist() == [225, 186]
    assert facts.n_atoms.tolist() == [2, 4]

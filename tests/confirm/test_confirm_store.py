"""Finished calculations on disk: the same crystal has one name, and nothing is read that was not written whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from topofuse.confirm.path import NEAR, PathBands
from topofuse.confirm.settings import ACCURACIES
from topofuse.confirm.store import Result, Store, StoreError, key_of
from topofuse.crystals import Crystal, analyse
from topofuse.symmetry import Levels
from topofuse.tightbinding.lines import lines_of

QUICK = ACCURACIES["quick"]
LEVELS = Levels(
    0,
    np.array([0, 0, 1]),
    np.array([-3.25, -1.0, 2.125]),
    np.array([1, 0, 2]),
    np.array([0, 1, 2]),
    np.array([0, 0, 1, 1, 2, 2]),
)


def test_a_result_comes_back_as_it_was_put(tmp_path):
    store = Store(tmp_path / "new" / "folder")
    store.put("abc", Result("", 227, 8, (LEVELS,), 3.5, 11, "engine 1"))
    found = store.get("abc")
    assert (found.reason, found.spacegroup, found.electrons, found.seconds) == ("", 227, 8, 3.5)
    for name, value in vars(LEVELS).items():
        assert np.array_equal(getattr(found.levels[0], name), value), name


def test_bands_come_back_with_their_gap(tmp_path):
    energy = np.array([[-2.0, -1.0, 0.5, 1.0], [-2.5, -1.0, -0.25, 1.0], [-2.0, -1.5, 0.25, 1.5]])
    path = PathBands(np.array([0.0, 0.5, 1.0]), np.array([0, 0, 0]), (("GAMMA", "X"),), energy, 2)
    Store(tmp_path).put("abc", Result("", 227, 8, (LEVELS,), 3.5, 11, "engine 1", path))
    found = Store(tmp_path).get("abc").path
    assert np.array_equal(found.energy, energy)
    assert (found.ends, found.filled, found.gap) == ((("GAMMA", "X"),), 2, 0.75)


def test_bands_are_those_next_to_the_filling(textbook):
    lines = lines_of(analyse(textbook["SiRu-fesi_b20"].crystal), 3)
    states = 100
    energy = [np.arange(states) + 0.25 * i for i in range(lines.distance.size)]
    path = PathBands.near_filling(lines, energy, 40)
    assert path.energy.shape == (lines.distance.size, 2 * NEAR)
    assert path.energy[0, path.filled - 1] == 39
    assert path.gap == 1
    few = PathBands.near_filling(lines, energy, 4)
    assert (few.filled, few.energy[0, 0]) == (4, 0)


def test_nothing_is_there_before(tmp_path):
    assert Store(tmp_path).get("abc") is None


@pytest.mark.parametrize("content", ["", "{}", '{"levels": 3}', "[1, 2]"])
def test_a_damaged_file_is_named(tmp_path, content):
    store = Store(tmp_path)
    (tmp_path / "abc.json").write_text(content)
    with pytest.raises(StoreError, match=r"abc\.json is damaged: delete it"):
        store.get("abc")


def test_atoms_in_another_order_are_the_same_crystal(textbook):
    crystal = analyse(textbook["SiRu-fesi_b20"].crystal)
    order = np.arange(len(crystal.primitive))[::-1]
    cell = crystal.primitive
    other = replace(crystal, primitive=Crystal(cell.lattice, cell.numbers[order], cell.frac_coords[order] + 1.0))
    assert key_of(other, QUICK, "engine 1") == key_of(crystal, QUICK, "engine 1")


def test_all_that_decides_the_result_decides_the_name(silicon):
    crystal = analyse(silicon)
    wider = analyse(Crystal(silicon.lattice * 1.001, silicon.numbers, silicon.frac_coords))
    names = {
        key_of(crystal, QUICK, "engine 1"),
        key_of(crystal, QUICK, "engine 2"),
        key_of(crystal, ACCURACIES["tight"], "engine 1"),
        key_of(crystal, replace(QUICK, smearing=0.01), "engine 1"),
        key_of(wider, QUICK, "engine 1"),
    }
    assert len(names) == 5

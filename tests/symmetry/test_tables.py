"""The carried tables of the 230 space groups against what is known about them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from topofuse.symmetry import indicator_classes, symmetry_table
from topofuse.symmetry.diagnosis import TCI, TI
from topofuse.symmetry.tables import SPACE_GROUPS
from topofuse.symmetry.zones import group_facts

GROUPS = range(1, SPACE_GROUPS + 1)
# groups of indicators with spin-orbit coupling: H. C. Po et al., Nat. Commun. 8, 50 (2017), table 3 of the supplement
KNOWN = {
    1: (),
    2: (2, 2, 2, 4),
    12: (2, 2, 4),
    47: (2, 2, 2, 4),
    81: (2,),
    83: (2, 4, 8),
    139: (2, 8),
    166: (2, 4),
    174: (3, 3),
    176: (12,),
    187: (3, 3),
    188: (3,),
    189: (3, 3),
    191: (6, 12),
    194: (12,),
    216: (2,),
    221: (4, 8),
    225: (8,),
    227: (4,),
    229: (2, 8),
}


def test_indicators_of_all_groups():
    for number in GROUPS:
        table, facts = symmetry_table(number), group_facts(number)
        assert tuple(table.orders.tolist()) == facts.indicators == KNOWN.get(number, facts.indicators)
        assert np.linalg.matrix_rank(table.band_representations) == facts.rank
        assert table.compatibility.shape == (len(table.dimensions), len(table.dimensions) - facts.rank)


def test_band_representations_are_compatible_and_trivial():
    for number in GROUPS:
        table = symmetry_table(number)
        assert not (table.band_representations @ table.compatibility).any()
        assert not (table.band_representations @ table.indicator % table.orders).any()
        filled = [table.band_representations[:, s.columns] @ s.dimensions for s in table.stars]
        assert all((one == filled[0]).all() for one in filled)  # as many bands at every momentum


def test_characters_tell_the_coirreps_apart():
    for number in GROUPS:
        table = symmetry_table(number)
        for momentum in table.momenta:
            identity = np.trace(table.rotations[momentum.operations], axis1=1, axis2=2) == 3
            dimensions = table.stars[momentum.star].dimensions
            np.testing.assert_allclose(momentum.characters[identity], np.tile(dimensions, (identity.sum(), 1)))
            assert np.linalg.cond(momentum.characters) < 40
            fixed = momentum.k @ table.rotations[momentum.operations]
            np.testing.assert_allclose(fixed - momentum.k, np.rint(fixed - momentum.k), atol=1e-9)
        assert {m.star for m in table.momenta} == set(range(len(table.stars)))


def test_every_momentum_that_symmetry_isolates_is_there():
    axis = np.arange(12) / 12
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)

    def whole(x: np.ndarray) -> np.ndarray:
        return (np.abs(x - np.rint(x)) < 1e-6).all(-1)

    for number in GROUPS:
        table = symmetry_table(number)
        images = np.einsum("pi,gij->pgj", grid, table.rotations)
        fixing = np.concatenate([whole(images - grid[:, None]), whole(-images - grid[:, None])], axis=1)
        acting = np.concatenate([table.rotations, -table.rotations])
        # a momentum may move along directions that all these operations leave alone; their number is this mean
        free = fixing @ np.trace(acting, axis1=1, axis2=2) / fixing.sum(1)
        isolated = grid[np.abs(free) < 1e-6]
        known = np.array([m.k for m in table.momenta])
        stars = np.concatenate([known @ rotation for rotation in acting])
        assert whole(isolated[:, None] - stars).any(1).all(), number


def test_classes_of_the_indicators():
    assert Counter(indicator_classes(2).tolist()) == {0: 1, TI: 16, TCI: 15}
    assert Counter(indicator_classes(225).tolist()) == {0: 1, TI: 4, TCI: 3}
    assert indicator_classes(216).tolist() == [0, TI]
    assert indicator_classes(189).tolist() == [0] + [TCI] * 8
    # z4 = 0 with an odd weak index is a weak insulator, which the labels' source counts as crystalline
    table = symmetry_table(2)
    weak_only = (table.z4 == 0) & (table.weak == 1)
    assert weak_only.any()
    assert (indicator_classes(2)[weak_only] == TCI).all()


def test_numbers_of_indicators_and_back():
    for number in (1, 2, 191, 225):
        table = symmetry_table(number)
        np.testing.assert_array_equal(table.number(table.elements()), np.arange(len(table.z4)))


@pytest.mark.parametrize("number", [0, 231, -3])
def test_there_are_230_groups(number):
    with pytest.raises(ValueError, match=f"1 to 230; found {number}"):
        symmetry_table(number)

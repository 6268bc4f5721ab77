"""The pairs of atoms within reach are those that pymatgen finds, and those that a plain count over images finds."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from pymatgen.optimization.neighbors import find_points_in_spheres

from topofuse.crystals import Crystal, neighbours
from topofuse.crystals.crystal import CrystalError
from topofuse.crystals.neighbours import find_neighbours, pairs_within

CUBE, FACE_CENTRED = np.eye(3), np.ones((3, 3)) - np.eye(3)
SHEARED = np.array([[3.0, 0, 0], [2.9, 3.1, 0], [-1.4, 1.6, 4.0]])
CELLS = {  # lattice (Å), number of atoms, reach (Å)
    "one atom, twelve images at exactly the reach": (2.0 * FACE_CENTRED, 1, np.sqrt(8.0)),
    "one atom, six images at exactly the reach": (3.0 * CUBE, 1, 3.0),
    "shorter than any distance": (3.0 * CUBE, 1, 2.9),
    "skewed": (SHEARED, 4, 7.0),
    "left-handed": (SHEARED[[1, 0, 2]], 4, 7.0),
    "turned": (SHEARED @ np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0], 4, 7.0),
    "a short vector": (np.diag([0.6, 11.0, 13.0]), 3, 6.6),
    "a long vector": (np.diag([3.0, 3.2, 900.0]), 3, 6.6),
    "a flat cell that nobody writes down": (np.array([[4.0, 0, 0], [39.0, 4.0, 0], [0, 0, 5.0]]), 3, 6.0),
    "many atoms": (14.0 * CUBE + 0.3, 60, 5.0),
}


def crystal_of(lattice: np.ndarray, n: int) -> Crystal:
    return Crystal(lattice, np.full(n, 6), np.random.default_rng(n).random((n, 3)))


def listed(i, j, shift, distance) -> np.ndarray:
    """Rows of centre, atom, shift and distance, sorted; no atom with itself."""
    rows = np.column_stack([i, j, np.rint(shift), distance])[np.asarray(distance) > 1e-3]
    return rows[np.lexsort(rows[:, 4::-1].T)]


@pytest.mark.parametrize("name", CELLS)
def test_pairs_are_those_of_pymatgen(name):
    lattice, n, reach = CELLS[name]
    crystal = crystal_of(lattice, n)
    centres = np.arange(n)[:: 2 if n > 2 else 1]
    cart = crystal.frac_coords @ lattice
    there = find_points_in_spheres(
        cart, cart[centres], r=float(reach), pbc=np.ones(3, dtype=np.int64), lattice=np.ascontiguousarray(lattice)
    )
    pairs = pairs_within(crystal, centres, float(reach))
    own, expected = listed(pairs.centre, pairs.atom, pairs.shift, pairs.distance), listed(*there)
    assert own.shape == expected.shape
    np.testing.assert_allclose(own, expected, atol=1e-9)


def test_pairs_are_those_that_counting_all_images_finds():
    crystal = crystal_of(SHEARED, 3)
    steps = np.array(list(product(range(-12, 13), repeat=3)))
    cart = crystal.frac_coords @ SHEARED
    away = cart[None, :, None] + (steps @ SHEARED)[None, None] - cart[:, None, None]
    distance = np.linalg.norm(away, axis=-1)
    i, j, s = np.nonzero((distance < 6.1) & (distance > 0))
    pairs = pairs_within(crystal, np.arange(3), 6.1)
    own = listed(pairs.centre, pairs.atom, pairs.shift, pairs.distance)
    np.testing.assert_allclose(own, listed(i, j, steps[s], distance[i, j, s]), atol=1e-9)


def test_vectors_lead_from_the_centre_to_the_shifted_atom():
    crystal, centres = crystal_of(SHEARED, 4), np.array([2, 0])
    pairs = pairs_within(crystal, centres, 5.0)
    ends = (crystal.frac_coords[pairs.atom] + pairs.shift) @ SHEARED
    np.testing.assert_allclose(pairs.vector, ends - (crystal.frac_coords @ SHEARED)[centres[pairs.centre]], atol=1e-9)
    np.testing.assert_allclose(pairs.distance, np.linalg.norm(pairs.vector, axis=1), atol=1e-12)


def test_each_pair_has_a_reach_of_its_own_and_none_leaves_it_out():
    crystal, centres = crystal_of(SHEARED, 4), np.arange(4)
    reach = np.random.default_rng(0).uniform(2.0, 6.0, (4, 4)) * (1 - np.eye(4))
    pairs, every = pairs_within(crystal, centres, reach), pairs_within(crystal, centres, 6.0)
    kept = every.distance < reach[every.centre, every.atom]
    assert 0 < kept.sum() < len(kept)
    for name in ("centre", "atom", "shift", "distance"):
        np.testing.assert_allclose(getattr(pairs, name), getattr(every, name)[kept], atol=1e-12)


@pytest.mark.parametrize("matrix", [False, True], ids=["one reach", "reach of each pair"])
def test_in_parts_or_all_at_once_is_the_same(monkeypatch, matrix):
    crystal, centres = crystal_of(SHEARED, 4), np.array([3, 1, 0])
    reach = np.random.default_rng(0).uniform(3.0, 6.0, (3, 4)) if matrix else 6.0
    whole = pairs_within(crystal, centres, reach)
    monkeypatch.setattr(neighbours, "_FEW", 0)
    for at_once in (1, 400, 10**9):
        monkeypatch.setattr(neighbours, "_AT_ONCE", at_once)
        parts = pairs_within(crystal, centres, reach)
        for name in ("centre", "atom", "shift", "vector", "distance"):
            np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), atol=1e-12)


def test_twelve_neighbours_and_all_that_tie_with_the_last():
    body_centred = Crystal(3.0 * (np.ones((3, 3)) / 2 - CUBE), np.array([6]), np.zeros((1, 3)))
    found = find_neighbours(body_centred, np.array([0]))
    assert len(found.centre) == 14
    np.testing.assert_allclose(found.distance, [1.5 * np.sqrt(3)] * 8 + [3.0] * 6)


def test_neighbours_do_not_depend_on_the_first_radius(monkeypatch):
    crystal = crystal_of(14.0 * CUBE + 0.3, 60)
    expected = find_neighbours(crystal, np.arange(60))
    monkeypatch.setattr(neighbours, "_START_RADIUS", 0.4)
    found = find_neighbours(crystal, np.arange(60))
    assert (found.atom == expected.atom).all()
    np.testing.assert_allclose(found.vector, expected.vector, atol=1e-12)


def test_an_atom_with_few_neighbours_is_refused():
    with pytest.raises(CrystalError, match="fewer than 12 neighbours within 40"):
        find_neighbours(Crystal(np.diag([50.0, 55.0, 60.0]), np.array([6]), np.zeros((1, 3))), np.array([0]))

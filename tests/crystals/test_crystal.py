"""Crystals: atoms that are too close to one another are found in cells of every shape and size."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from topofuse.crystals import Crystal, CrystalError
from topofuse.crystals.crystal import MIN_DISTANCE

CELLS = {
    "cubic": np.eye(3) * 12.0,
    "skewed": np.array([[9.0, 0, 0], [8.5, 5.0, 0], [-8.0, 4.0, 11.0]]),
    "flat": np.array([[40.0, 0, 0], [0, 40.0, 0], [3.0, 2.0, 0.8]]),
}


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
@pytest.mark.parametrize("atoms", [2, 40, 160])
def test_two_atoms_are_found_to_be_close_across_a_face_of_the_cell_too(cell: np.ndarray, atoms: int) -> None:
    rng = np.random.default_rng(atoms)
    lattice = cell * max(1.0, (6 * atoms / abs(np.linalg.det(cell))) ** (1 / 3))
    for distance in (0.9 * MIN_DISTANCE, 1.1 * MIN_DISTANCE):
        coords = _spread(lattice, atoms - 1, rng)
        step = rng.normal(size=3)
        # the last atom is near the first, which is put on a corner: the two are in different cells
        coords -= coords[0]
        coords = np.vstack([coords, step / np.linalg.norm(step) * distance @ np.linalg.inv(lattice)])
        crystal = Crystal(lattice, np.full(atoms, 1), coords % 1.0)
        assert crystal.smallest_distance() == pytest.approx(distance)
        if distance < MIN_DISTANCE:
            with pytest.raises(CrystalError, match=f"two atoms are {distance:.3f} Å apart"):
                Crystal.validated(lattice, crystal.numbers, coords)
        else:
            assert len(Crystal.validated(lattice, crystal.numbers, coords)) == atoms


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
@pytest.mark.parametrize("atoms", [2, 30, 155])
@pytest.mark.parametrize(("number", "least"), [(82, 1.46), (55, 2.44), (14, 1.11), (1, MIN_DISTANCE)])
def test_atoms_must_be_half_the_sum_of_their_covalent_radii_apart(cell, atoms, number, least) -> None:
    rng = np.random.default_rng(atoms)
    lattice = cell * max(1.0, (100 * atoms / abs(np.linalg.det(cell))) ** (1 / 3), 3 if cell is CELLS["flat"] else 1)
    coords = _spread(lattice, atoms - 1, rng, apart=2.6)
    for distance in (0.45, 0.99 * least, 1.01 * least):
        step = rng.normal(size=3)
        near = coords[0] + step / np.linalg.norm(step) * distance @ np.linalg.inv(lattice)
        numbers = np.full(atoms, 1)  # hydrogen may be near to all of them
        numbers[[0, -1]] = number
        if distance < least:
            with pytest.raises(CrystalError, match=f"two atoms are {distance:.3f} Å apart"):
                Crystal.validated(lattice, numbers, np.vstack([coords, near]))
        elif Crystal(lattice, numbers, np.vstack([coords, near]) % 1.0).smallest_distance() >= distance - 1e-9:
            assert len(Crystal.validated(lattice, numbers, np.vstack([coords, near]))) == atoms


@pytest.mark.parametrize(("number", "radius"), [(6, 0.76), (71, 1.87), (72, 1.75), (97, 2.0)])
def test_the_radii_are_those_that_the_features_use(number: int, radius: float) -> None:
    for factor, fits in ((0.99, False), (1.01, True)):
        atoms = np.diag([20.0, 20.0, 20.0]), [number, number], np.array([[0, 0, 0], [factor * radius / 20, 0, 0]])
        if fits:
            assert len(Crystal.validated(*atoms)) == 2
        else:
            with pytest.raises(CrystalError, match=f"the least accepted for them is {radius:.2f}"):
                Crystal.validated(*atoms)


def test_an_image_of_an_atom_is_not_too_near_to_it_either() -> None:
    for a, fits in ((2.4, False), (2.5, True)):
        lattice = np.diag([a, 30.0, 30.0])
        if fits:
            assert len(Crystal.validated(lattice, [55], np.zeros((1, 3)))) == 1
        else:
            with pytest.raises(CrystalError, match=r"two atoms are 2.400 Å apart; the least accepted for them is 2.44"):
                Crystal.validated(lattice, [55], np.zeros((1, 3)))


def _spread(lattice: np.ndarray, n: int, rng: np.random.Generator, apart: float = 1.2) -> np.ndarray:
    """(n, 3) coordinates of atoms more than `apart` Å apart, images in the neighbouring cells included."""
    cells = np.array(list(product((-1, 0, 1), repeat=3)))[:, None]
    assert np.linalg.norm(cells[cells.any(-1)] @ lattice, axis=-1).min() > apart
    coords = rng.random((1, 3))
    while len(coords) < n:
        one = rng.random(3)
        if np.linalg.norm((coords - one + cells) @ lattice, axis=-1).min() > apart:
            coords = np.vstack([coords, one])
    return coords

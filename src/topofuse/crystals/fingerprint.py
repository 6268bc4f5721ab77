"""A few numbers that tell whether two crystals of one formula and space group are the same structure.

They are average minimum distances (D. Widdowson, M. M. Mosca, A. Pulido, V. Kurlin, A. I. Cooper, MATCH Commun. Math.
Comput. Chem. 87, 529 (2022)): the distance from an atom to its k-th neighbour, averaged over the atoms. They do not
depend on how the crystal is written down, and an atom that moves by d changes none of them by more than 2 d. Those
distances see no elements; so the same is added for neighbours of another element, weighted by atomic number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.neighbours import pairs_within
from topofuse.crystals.symmetry import SymmetricCrystal

SHELLS = 12  # neighbours that are looked at, all and those of another element
LENGTH = 2 * SHELLS
_START = 1.75  # first search, in units of the cube root of the volume per atom of another element
_LONGEST = 6.5  # largest entry; beyond, an element is so dilute that its neighbours tell nothing


def fingerprint(crystal: SymmetricCrystal) -> NDArray[np.float32]:
    """(24,) mean distances to the 1st ... 12th neighbour, then to the 1st ... 12th of another element.

    In units of the cube root of the volume per atom; zeros where there is one element only.
    """
    cell, sizes = crystal.primitive, crystal.orbit_sizes.astype(np.float64)
    unit = (cell.volume / len(cell)) ** (1 / 3)
    near = crystal.neighbours
    first = np.searchsorted(near.centre, np.arange(crystal.n_orbits))
    all_kinds = near.distance[first[:, None] + np.arange(SHELLS)]
    weights = sizes * crystal.orbit_numbers
    mean = [sizes @ all_kinds / sizes.sum(), weights @ _to_others(crystal, unit) / weights.sum()]
    lengths: NDArray[np.float32] = np.minimum(np.concatenate(mean) / unit, _LONGEST).astype(np.float32)
    return lengths


def _to_others(crystal: SymmetricCrystal, unit: float) -> NDArray[np.float64]:
    """(m, 12) distances of the orbits' representatives to the nearest atoms of other elements, Å, ascending."""
    cell, beyond = crystal.primitive, _LONGEST * unit
    kinds = cell.numbers[crystal.orbit_atoms]
    other = cell.numbers != kinds[:, None]
    if not other.any():
        return np.zeros((crystal.n_orbits, SHELLS))
    nearest, waiting = np.empty((crystal.n_orbits, SHELLS)), np.arange(crystal.n_orbits)
    radius = np.minimum(_START * unit * np.cbrt(len(cell) / other.sum(axis=1)), beyond)
    while len(waiting):
        pairs = pairs_within(cell, crystal.orbit_atoms[waiting], radius[waiting, None] * other[waiting])
        counts = np.bincount(pairs.centre, minlength=len(waiting))
        rank = np.arange(len(pairs.centre)) - np.repeat(np.cumsum(counts) - counts, counts)
        distances = np.full((len(waiting), max(SHELLS, counts.max())), beyond)
        distances[pairs.centre, rank] = pairs.distance
        distances.sort(axis=1)
        nearest[waiting] = distances[:, :SHELLS]
        waiting = waiting[(counts < SHELLS) & (radius[waiting] < beyond)]
        radius = np.minimum(1.5 * radius, beyond)
    return nearest

"""A few numbers that tell whether two crystals of one formula and space group are the same structure.

They are average minimum distances (D. Widdowson, M. M. Mosca, A. Pulido, V. Kurlin, A. I. Cooper, MATCH Commun. Math.
Comput. Chem. 87, 529 (2022)): the distance from an atom to its k-th neighbour, averaged over the atoms. They do not
depend on how the crystal is written down, and an atom that moves by d changes none of them by more than 2 d. Those
distances see no elements; so the same is added for neighbours of another element, weighted by atomic number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pymatgen.optimization.neighbors import find_points_in_spheres

from topofuse.crystals.symmetry import SymmetricCrystal

SHELLS = 12  # neighbours that are looked at, all and those of another element
LENGTH = 2 * SHELLS
_LONGEST = 6.5  # largest entry; beyond, an element is so dilute that its neighbours tell nothing
_PBC = np.ones(3, dtype=np.int64)


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
    found: NDArray[np.float32] = np.minimum(np.concatenate(mean) / unit, _LONGEST).astype(np.float32)
    return found


def _to_others(crystal: SymmetricCrystal, unit: float) -> NDArray[np.float64]:
    """(m, 12) distances of the orbits' representatives to the nearest atoms of other elements, Å, ascending."""
    cell, found = crystal.primitive, np.zeros((crystal.n_orbits, SHELLS))
    kinds = cell.numbers[crystal.orbit_atoms]
    if (cell.numbers == kinds[0]).all():
        return found
    cart, lattice = np.ascontiguousarray(cell.frac_coords @ cell.lattice), np.ascontiguousarray(cell.lattice)
    waiting, radius = np.arange(crystal.n_orbits), 2.5 * unit
    while len(waiting):
        radius = min(radius, _LONGEST * unit)
        i, j, _, d = find_points_in_spheres(
            all_coords=cart, center_coords=cart[crystal.orbit_atoms[waiting]], r=radius, pbc=_PBC, lattice=lattice,
            tol=1e-8,
        )  # fmt: skip
        other = cell.numbers[j] != kinds[waiting][i]
        i, d = i[other], d[other]
        order = np.lexsort((d, i))
        counts = np.bincount(i, minlength=len(waiting))
        starts = np.cumsum(counts) - counts
        last = radius >= _LONGEST * unit
        for k, orbit in enumerate(waiting):
            if counts[k] >= SHELLS or last:
                own = d[order[starts[k] : starts[k] + min(SHELLS, counts[k])]]
                found[orbit] = np.concatenate([own, np.full(SHELLS - len(own), radius)])
        waiting = waiting[counts < SHELLS] if not last else waiting[:0]
        radius *= 1.5
    return found

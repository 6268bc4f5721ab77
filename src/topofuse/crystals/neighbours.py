"""Periodic neighbours of one atom per orbit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pymatgen.optimization.neighbors import find_points_in_spheres

from topofuse.crystals.crystal import Crystal, CrystalError

MIN_NEIGHBOURS = 12
TIE_TOLERANCE = 0.05  # Å; a coordination shell is never cut in the middle
_START_RADIUS = 4.5
_MAX_RADIUS = 40.0
_PBC = np.ones(3, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest neighbours of the orbit representatives, sorted by centre and then by distance.

    centre: (e,) int64, orbit index of the central atom
    atom: (e,) int64, index of the neighbour in the primitive cell
    distance: (e,) float64, Å
    vector: (e, 3) float64, from centre to neighbour, Å
    """

    centre: NDArray[np.int64]
    atom: NDArray[np.int64]
    distance: NDArray[np.float64]
    vector: NDArray[np.float64]


def find_neighbours(crystal: Crystal, centres: NDArray[np.int64]) -> Neighbours:
    """The 12 nearest neighbours of each atom in `centres`, and all that tie with the twelfth.

    Raises `CrystalError` where an atom has fewer than 12 neighbours within 40 Å.
    """
    cart = np.ascontiguousarray(crystal.frac_coords @ crystal.lattice)
    lattice = np.ascontiguousarray(crystal.lattice)
    radius = _START_RADIUS
    while True:
        i, j, shift, d = find_points_in_spheres(
            all_coords=cart, center_coords=cart[centres], r=radius, pbc=_PBC, lattice=lattice, tol=1e-8
        )
        keep = d > 1e-3
        i, j, shift, d = i[keep], j[keep], shift[keep], d[keep]
        if (np.bincount(i, minlength=len(centres)) > MIN_NEIGHBOURS).all():
            order = np.lexsort((d, i))
            i, j, shift, d = i[order], j[order], shift[order], d[order]
            first = np.searchsorted(i, np.arange(len(centres)))
            limit = d[first + MIN_NEIGHBOURS - 1] + TIE_TOLERANCE
            if limit.max() <= radius:
                keep = d <= limit[i]
                i, j, shift, d = i[keep], j[keep], shift[keep], d[keep]
                vector = cart[j] + shift @ lattice - cart[centres[i]]
                return Neighbours(i.astype(np.int64), j.astype(np.int64), d, vector)
        radius *= 1.3
        if radius > _MAX_RADIUS:
            raise CrystalError(f"an atom has fewer than {MIN_NEIGHBOURS} neighbours within {_MAX_RADIUS} Å")

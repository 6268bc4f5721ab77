"""Thermal views: the same crystal with a slightly strained lattice and displaced neighbours.

Views serve test-time augmentation. The space group, its orbits and Wyckoff positions are those of the
original; lattice and distances change. The random numbers depend only on the seed, the view's number,
the space group and the composition, and are dealt out in an order that does not depend on the choice of
origin, axes, or atom order, so that equal crystals have equal views.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.neighbours import Neighbours
from topofuse.crystals.symmetry import SymmetricCrystal

STRAIN = 0.01  # standard deviation of each independent axial strain
DISPLACEMENT = 0.05  # Å, standard deviation of one Cartesian component of an atom's displacement (300 K)


def thermal_view(crystal: SymmetricCrystal, view: int, seed: int = 0) -> SymmetricCrystal:
    """View number `view` of a crystal; view 0 is the crystal itself."""
    if view == 0:
        return crystal
    composition = np.bincount(crystal.primitive.numbers)
    key = zlib.crc32(f"{crystal.spacegroup}:{composition.tolist()}".encode())
    rng = np.random.default_rng([seed, view, key])
    strained = _strained_conventional(crystal, rng)
    deformation = np.linalg.solve(crystal.conventional_lattice, strained)
    neighbours = _displaced(crystal, deformation, rng)
    return crystal.distorted(deformation, neighbours)


def _strained_conventional(crystal: SymmetricCrystal, rng: np.random.Generator) -> NDArray[np.float64]:
    """Conventional lattice with its axes scaled as the crystal system allows."""
    factors = 1.0 + STRAIN * rng.standard_normal(3)
    if crystal.spacegroup >= 195:  # cubic: isotropic
        scale = np.full(3, factors[0])
    elif crystal.spacegroup >= 75:  # tetragonal, trigonal, hexagonal: a = b
        scale = factors[[0, 0, 1]]
    else:  # the shortest axis takes the first factor, whichever axis that is
        rank = np.argsort(np.argsort(np.linalg.norm(crystal.conventional_lattice, axis=1)))
        scale = factors[rank]
    return crystal.conventional_lattice * scale[:, None]


def _displaced(crystal: SymmetricCrystal, deformation: NDArray[np.floating], rng: np.random.Generator) -> Neighbours:
    """Neighbours after the strain, each pair moved against each other by two atoms' thermal displacements."""
    found = crystal.neighbours
    numbers = crystal.primitive.numbers
    n_orbits = crystal.n_orbits
    count = np.bincount(found.centre, minlength=n_orbits)
    mean_distance = np.bincount(found.centre, found.distance, minlength=n_orbits) / count
    # an order that knows species, orbit sizes and distances, but no coordinates or indices
    order = np.lexsort(
        (
            found.distance.round(3),
            numbers[found.atom],
            mean_distance.round(3)[found.centre],
            crystal.orbit_sizes[found.centre],
            crystal.orbit_numbers[found.centre],
        )
    )
    vector = found.vector @ deformation
    length = np.linalg.norm(vector, axis=1)
    # relative displacement along the bond and across it; two atoms move independently, hence sqrt(2)
    relative = np.empty((len(order), 3))
    relative[order] = np.sqrt(2.0) * DISPLACEMENT * rng.standard_normal((len(order), 3))
    moved = np.sqrt((length + relative[:, 0]) ** 2 + relative[:, 1] ** 2 + relative[:, 2] ** 2)
    return Neighbours(found.centre, found.atom, moved, vector * (moved / length)[:, None])

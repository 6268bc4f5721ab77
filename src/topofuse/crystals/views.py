"""Thermal views: the same crystal with a slightly strained lattice and displaced neighbours.

Views serve test-time augmentation. The space group, its orbits and Wyckoff positions are those of the
original; lattice and distances change. The band sketch is not computed anew (`modalities.extraction`). The
random numbers depend only on the seed, the view's number, the space group and the composition, and are dealt
out in an order that does not depend on the choice of origin, axes, or atom order, so that equal crystals have
equal views.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.neighbours import Neighbours
from topofuse.crystals.symmetry import SymmetricCrystal

VIEWS_VERSION = 2  # raised whenever the views of a crystal change
STRAIN = 0.01  # standard deviation of each independent axial strain
TIE = 1e-3  # Å; bonds of one kind whose lengths differ by less are taken for equivalent
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
    strained: NDArray[np.float64] = crystal.conventional_lattice * scale[:, None]
    return strained


def _displaced(crystal: SymmetricCrystal, deformation: NDArray[np.floating], rng: np.random.Generator) -> Neighbours:
    """Neighbours after the strain, each pair moved against each other by two atoms' thermal displacements.

    The equivalent bonds of a shell move alike: which of them is which depends on the input's origin and
    axes, and so would everything that knows their angles if they moved apart.
    """
    near = crystal.neighbours
    group = _equivalent_bonds(crystal)
    vector = near.vector @ deformation
    length = np.linalg.norm(vector, axis=1)
    # relative displacement along the bond and across it; two atoms move independently, hence sqrt(2)
    relative = (np.sqrt(2.0) * DISPLACEMENT * rng.standard_normal((int(group.max()) + 1, 3)))[group]
    moved = np.sqrt((length + relative[:, 0]) ** 2 + relative[:, 1] ** 2 + relative[:, 2] ** 2)
    return Neighbours(near.centre, near.atom, moved, vector * (moved / length)[:, None])


def _equivalent_bonds(crystal: SymmetricCrystal) -> NDArray[np.int64]:
    """(e,) the group of each bond, numbered by species, orbit sizes and distances, never by coordinates or indices."""
    near = crystal.neighbours
    count = np.bincount(near.centre, minlength=crystal.n_orbits)
    mean_distance = np.bincount(near.centre, near.distance, minlength=crystal.n_orbits) / count
    site = _ranked(crystal.orbit_numbers, crystal.orbit_sizes, mean_distance)
    return _ranked(site[near.centre], crystal.primitive.numbers[near.atom], near.distance)


def _ranked(major: NDArray[np.int64], minor: NDArray[np.int64], distance: NDArray[np.float64]) -> NDArray[np.int64]:
    """(k,) group numbers 0, 1, … in the order of the three keys; distances that tie are one group."""
    order = np.lexsort((distance, minor, major))
    begins = np.diff(distance[order]) > TIE
    begins |= (np.diff(major[order]) != 0) | (np.diff(minor[order]) != 0)
    group = np.zeros(len(order), dtype=np.int64)
    group[order[1:]] = np.cumsum(begins)
    return group

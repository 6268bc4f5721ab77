"""Pairs of atoms within reach of each other, periodic images included, and the neighbours of one atom per orbit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.crystal import Crystal, CrystalError

MIN_NEIGHBOURS = 12
TIE_TOLERANCE = 0.05  # Å; a coordination shell is never cut in the middle
# In units of the cube root of the volume per atom; 99 % of topomat's crystals have all their neighbours within it
_START_RADIUS = 1.75
_MAX_RADIUS = 40.0  # Å
_COINCIDENT = 1e-3  # Å; an atom is not its own neighbour
_TOLERANCE = 1e-8  # Å², added to the square of a reach: equal distances are within it or beyond it together
_FEW = 50_000  # up to here looking at all distances takes less time than leaving out far images
_AT_ONCE = 2_000_000  # distances that are in memory at a time


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs of a centre and another atom, sorted by centre, then by atom, then by lattice vector.

    centre: (p,) int64, index among the centres
    atom: (p,) int64, index in the cell
    shift: (p, 3) float64, lattice vector (whole numbers) from the atom's place in the cell to the one that is meant
    vector: (p, 3) float64, from the centre to the atom, Å
    distance: (p,) float64, Å
    """

    centre: NDArray[np.int64]
    atom: NDArray[np.int64]
    shift: NDArray[np.float64]
    vector: NDArray[np.float64]
    distance: NDArray[np.float64]


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
    radius = _START_RADIUS * float(np.cbrt(crystal.volume / len(crystal)))
    while True:
        radius = min(radius, _MAX_RADIUS)
        pairs = pairs_within(crystal, centres, radius)
        if (np.bincount(pairs.centre, minlength=len(centres)) >= MIN_NEIGHBOURS).all():
            order = np.lexsort((pairs.distance, pairs.centre))
            i, d = pairs.centre[order], pairs.distance[order]
            first = np.searchsorted(i, np.arange(len(centres)))
            limit = d[first + MIN_NEIGHBOURS - 1] + TIE_TOLERANCE
            if limit.max() <= radius or radius == _MAX_RADIUS:
                keep = d <= limit[i]
                order = order[keep]
                return Neighbours(i[keep], pairs.atom[order], d[keep], pairs.vector[order])
        elif radius == _MAX_RADIUS:
            raise CrystalError(f"an atom has fewer than {MIN_NEIGHBOURS} neighbours within {_MAX_RADIUS} Å")
        radius *= 1.3


def pairs_within(crystal: Crystal, centres: NDArray[np.int64], reach: float | NDArray[np.float64]) -> Pairs:
    """All atoms within `reach` (Å) of the atoms `centres` (c,) of the cell, images included; no atom with itself.

    reach: one for all, or (c, n) for each centre and each atom of the cell; 0 leaves a pair out
    """
    limit = np.asarray(reach, dtype=np.float64)
    farthest = float(limit.max())
    cart = crystal.frac_coords @ crystal.lattice
    own = cart[centres]
    # an atom, and another one within reach, differ along each axis by no more than that in units of lattice vectors
    apart = np.ptp(crystal.frac_coords, axis=0) + farthest / crystal.face_distances + 1e-8
    shifts = _lattice_vectors(tuple(map(int, apart.tolist())))
    places = (cart.T[:, :, None] + (shifts @ crystal.lattice).T[:, None]).reshape(3, -1)  # all images of each atom
    # |x − c|² < r²  ⇔  c·x − x²/2 > (c² − r²)/2: one product of matrices instead of three differences
    least = np.einsum("ij,ij->i", own, own)[:, None] / 2 - (limit**2 + _TOLERANCE) / 2
    if len(own) * places.shape[1] <= _FEW:
        least = least if least.shape[1] == 1 else np.repeat(least, len(shifts), axis=1)
        i, image = _above(own, places, least)
    else:
        i, image = _in_parts(own, places, least, farthest)
    vector = places.take(image, axis=1) - own.T.take(i, axis=1)
    distance = np.sqrt(np.einsum("ij,ij->j", vector, vector))
    other = np.flatnonzero(distance > _COINCIDENT)
    atom, shift = np.divmod(image.take(other), len(shifts))
    return Pairs(i.take(other), atom, shifts.take(shift, axis=0), vector.take(other, axis=1).T, distance.take(other))


def _in_parts(
    own: NDArray[np.float64], places: NDArray[np.float64], least: NDArray[np.float64], reach: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """As `_above`, without the images outside the box around all spheres, and some centres at a time."""
    low, high = own.min(0), own.max(0)
    middle, half = (low + high) / 2, (high - low) / 2 + reach + _TOLERANCE
    inside = np.flatnonzero((np.abs(places - middle[:, None]) < half[:, None]).all(0))
    images, rows = places.shape[1] // least.shape[1], max(1, _AT_ONCE // len(inside))
    places = places.take(inside, axis=1)
    batches = []
    for start in range(0, len(own), rows):
        part = slice(start, start + rows)
        value = least[part] if least.shape[1] == 1 else least[part].take(inside // images, axis=1)
        i, k = _above(own[part], places, value)
        batches.append((i + start, inside[k]))
    if len(batches) == 1:
        return batches[0]
    return np.concatenate([i for i, _ in batches]), np.concatenate([k for _, k in batches])


def _above(
    own: NDArray[np.float64], places: NDArray[np.float64], least: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(p,) indices of centres c (c, 3) and of places x (3, m) with c·x − x²/2 above `least`, (c, 1) or (c, m)."""
    score = own @ places
    score -= np.einsum("ij,ij->j", places, places) / 2
    centre, place = np.divmod(np.flatnonzero(score > least), places.shape[1])
    return centre, place


@lru_cache(maxsize=64)
def _lattice_vectors(most: tuple[int, ...]) -> NDArray[np.float64]:
    """(s, 3) all whole numbers between minus and plus `most`, one for each axis; the last varies fastest."""
    axes = [np.arange(-count, count + 1, dtype=np.float64) for count in most]
    vectors: NDArray[np.float64] = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    vectors.flags.writeable = False  # shared by all callers through the cache
    return vectors

"""Where a band sketch looks: at one momentum of every star that symmetry fixes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.operations import group_of
from topofuse.symmetry import symmetry_table

TRIMS = np.array([[a, b, c] for a in (0.0, 0.5) for b in (0.0, 0.5) for c in (0.0, 0.5)])


@dataclass(frozen=True, eq=False)
class Sampling:
    """Momenta in reciprocal lattice units of the primitive cell.

    points: (k, 3); of a crystal's own sampling, number i is on star i of its symmetry table, so Γ is first
    trims: (8,) the point that is equivalent to each of `TRIMS` by a space-group operation or time reversal
    trim_signs: (8,) ±1, trace of inversion at the TRIM over that at its point (an inversion moved by a lattice vector)
    """

    points: NDArray[np.float64]
    trims: NDArray[np.int64]
    trim_signs: NDArray[np.float64]

    @classmethod
    def at(cls, points: NDArray[np.float64]) -> Sampling:
        """Any momenta (k, 3), of which nothing is known."""
        return cls(points, np.empty(0, dtype=np.int64), np.empty(0))


def same_momentum(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether momenta (..., 3) agree up to a reciprocal lattice vector."""
    apart = a - b
    same: NDArray[np.bool_] = np.abs(apart - np.rint(apart)).max(-1) < 1e-5
    return same


@lru_cache(maxsize=512)
def sampling_of(spacegroup: int, hall_number: int, centering: str) -> Sampling:
    """The momenta that a space group fixes, one of every star; Hall number and centring as for `group_of`."""
    points = np.array([momentum.k for momentum in symmetry_table(spacegroup).representatives])
    rotations, translations = group_of(hall_number, centering)
    turned = np.rint(np.linalg.inv(rotations)).transpose(0, 2, 1)
    trims, signs = [], []
    for trim in TRIMS:
        images = turned @ trim
        equal = same_momentum(np.concatenate([images, -images]), points[:, None])
        point, image = np.argwhere(equal)[0].tolist()
        trims.append(point)
        signs.append(_inversion_sign(rotations, translations, image % len(rotations), trim))
    return Sampling(points, np.array(trims), np.array(signs))


def _inversion_sign(
    rotations: NDArray[np.int64], translations: NDArray[np.float64], operation: int, trim: NDArray[np.float64]
) -> float:
    """±1 between the traces of inversion at a TRIM k and at its image under an operation h = {W|w}.

    The trace at the image is that of h⁻¹ I h at k, which is the inversion {-1|t + n}, n = W⁻¹(t - 2w) - t.
    """
    inversion = np.flatnonzero(np.trace(rotations, axis1=1, axis2=2) == -3)
    if not len(inversion):
        return 1.0
    t = translations[inversion[0]]
    moved = np.linalg.solve(rotations[operation], t - 2 * translations[operation]) - t
    return 1.0 - 2.0 * (round(2.0 * float(trim @ moved)) % 2)

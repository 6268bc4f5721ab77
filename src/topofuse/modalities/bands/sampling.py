"""Where a band sketch looks: special momenta, time-reversal-invariant momenta, and lines between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal
from topofuse.modalities.bands.operators import Operators
from topofuse.modalities.kspace.irreps import extended_bravais, momenta, path

TRIMS = np.array([[a, b, c] for a in (0.0, 0.5) for b in (0.0, 0.5) for c in (0.0, 0.5)])


@dataclass(frozen=True, eq=False)
class Sampling:
    """Momenta in reciprocal lattice units of the primitive cell.

    points: (k, 3); the first `labelled` are the special momenta of the path, GAMMA first, the others are those
        of the eight `TRIMS` that are equivalent to none of them
    trims: (8,) the point that is equivalent to each of `TRIMS` by a space-group operation or time reversal
    trim_signs: (8,) ±1, trace of inversion at the TRIM over that at its point (an inversion moved by a lattice vector)
    lines: (l, 2) points at the ends of the lines of the path
    """

    points: NDArray[np.float64]
    labelled: int
    trims: NDArray[np.int64]
    trim_signs: NDArray[np.float64]
    lines: NDArray[np.int64]

    @property
    def middles(self) -> NDArray[np.float64]:
        """(l, 3) the momentum in the middle of each line."""
        middle: NDArray[np.float64] = self.points[self.lines].mean(1)
        return middle


def same_momentum(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether momenta (..., 3) agree up to a reciprocal lattice vector."""
    apart = a - b
    same: NDArray[np.bool_] = np.abs(apart - np.rint(apart)).max(-1) < 1e-5
    return same


def sampling_of(crystal: SymmetricCrystal, operators: Operators) -> Sampling:
    """The momenta of a crystal; path and labels are those of Y. Hinuma et al., Comp. Mat. Sci. 128, 140 (2017)."""
    conventional = crystal.conventional_lattice
    symbol = extended_bravais(crystal.spacegroup, crystal.centering, conventional)
    named = momenta(symbol, crystal.centering, conventional)
    index = {label: i for i, label in enumerate(named)}
    lines = np.array([(index[a], index[b]) for a, b in path(symbol) if a in index and b in index])
    points = list(named.values())
    trims, signs = [], []
    for trim in TRIMS:
        images = operators.momentum_rotations @ trim
        images = np.concatenate([images, -images])
        equal = same_momentum(images[None], np.array(points)[:, None])
        where = np.flatnonzero(equal.any(1))
        if len(where):
            trims.append(int(where[0]))
            signs.append(_inversion_sign(operators, int(equal[where[0]].argmax()) % (len(images) // 2), trim))
        else:
            points.append(trim)
            trims.append(len(points) - 1)
            signs.append(1.0)
    return Sampling(np.array(points), len(named), np.array(trims), np.array(signs), lines)


def _inversion_sign(operators: Operators, operation: int, trim: NDArray[np.float64]) -> float:
    """±1 between the traces of inversion at a TRIM k and at its image under an operation h = {W|w}.

    The trace at the image is that of h⁻¹ I h at k, which is the inversion {-1|t + n}, n = W⁻¹(t - 2w) - t.
    """
    inversion = np.flatnonzero(operators.characters == -3)
    if not len(inversion):
        return 1.0
    t = operators.translations[inversion[0]]
    moved = np.linalg.solve(operators.rotations[operation], t - 2 * operators.translations[operation]) - t
    return 1.0 - 2.0 * (round(2.0 * float(trim @ moved)) % 2)

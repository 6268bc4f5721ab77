"""Where a band sketch looks: special momenta, time-reversal-invariant momenta, and lines between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal
from topofuse.symmetry.zones import extended_bravais, momenta, path
from topofuse.tightbinding.operators import Operators

TRIMS = np.array([[a, b, c] for a in (0.0, 0.5) for b in (0.0, 0.5) for c in (0.0, 0.5)])

_ON_LINE = 0.3819  # a share of a line that is on no special momentum


@dataclass(frozen=True, eq=False)
class Sampling:
    """Momenta in reciprocal lattice units of the primitive cell.

    points: (k, 3); the first `labelled` are the special momenta of the path, GAMMA first, the others are those
        of the eight `TRIMS` that are equivalent to none of them
    trims: (8,) the point that is equivalent to each of `TRIMS` by a space-group operation or time reversal
    trim_signs: (8,) ±1, trace of inversion at the TRIM over that at its point (an inversion moved by a lattice vector)
    lines: (l, 2) points at the ends of the lines of the path
    operations: for each line, operations that fix all its momenta, one of each class, without the identity
    """

    points: NDArray[np.float64]
    labelled: int
    trims: NDArray[np.int64]
    trim_signs: NDArray[np.float64]
    lines: NDArray[np.int64]
    operations: tuple[NDArray[np.int64], ...]

    @property
    def middles(self) -> NDArray[np.float64]:
        """(l, 3) the momentum in the middle of each line."""
        middle: NDArray[np.float64] = self.points[self.lines].mean(1)
        return middle

    def only(self, points: NDArray[np.int64]) -> Sampling:
        """Some of the points, without lines and without what is told of the TRIMs."""
        none = np.empty(0, dtype=np.int64)
        return Sampling(self.points[points], 0, none, np.empty(0), none.reshape(0, 2), ())


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
    points = np.array(list(named.values()))
    group = operators.rotations.tobytes(), operators.translations.tobytes()
    return _sampling(symbol, tuple(named), points.tobytes(), *group)


@lru_cache(maxsize=1024)
def _sampling(symbol: str, labels: tuple[str, ...], momenta: bytes, rotations: bytes, translations: bytes) -> Sampling:
    """Shared by crystals whose lattices have the same special momenta and the same group."""
    points = list(np.frombuffer(momenta).reshape(-1, 3))
    group = _Group(
        np.frombuffer(rotations, dtype=np.int64).reshape(-1, 3, 3), np.frombuffer(translations).reshape(-1, 3)
    )
    index = {label: i for i, label in enumerate(labels)}
    lines = np.array([(index[a], index[b]) for a, b in path(symbol) if a in index and b in index])
    trims, signs = [], []
    for trim in TRIMS:
        images = group.momentum_rotations @ trim
        images = np.concatenate([images, -images])
        equal = same_momentum(images[None], np.array(points)[:, None])
        where = np.flatnonzero(equal.any(1))
        if len(where):
            trims.append(int(where[0]))
            signs.append(_inversion_sign(group, int(equal[where[0]].argmax()) % (len(images) // 2), trim))
        else:
            points.append(trim)
            trims.append(len(points) - 1)
            signs.append(1.0)
    found = np.array(points)
    begin, end = found[lines[:, 0]], found[lines[:, 1]]
    operations = tuple(group.of_line(momentum) for momentum in begin + _ON_LINE * (end - begin))
    return Sampling(found, len(labels), np.array(trims), np.array(signs), lines, operations)


class _Group:
    """Operations {W|t} of a space group."""

    def __init__(self, rotations: NDArray[np.int64], translations: NDArray[np.float64]) -> None:
        self.rotations, self.translations = rotations, translations
        self.momentum_rotations = np.rint(np.linalg.inv(rotations)).transpose(0, 2, 1)

    def of_line(self, momentum: NDArray[np.float64]) -> NDArray[np.int64]:
        """One operation of each class of those that fix a momentum, without the identity.

        Operations that an operation of the line carries into each other, or into their inverse, have the same trace or
        its conjugate, but for a phase that is the same all along the line.
        """
        fixed = np.flatnonzero(same_momentum(self.momentum_rotations @ momentum, momentum))
        own = self.rotations[fixed]
        inverse = np.rint(np.linalg.inv(own)).astype(np.int64)
        seen: set[bytes] = {np.eye(3, dtype=np.int64).tobytes()}
        chosen = []
        for operation, rotation, back in zip(fixed.tolist(), own, inverse, strict=True):
            if rotation.tobytes() not in seen:
                chosen.append(operation)
                seen.update(same.tobytes() for one in (rotation, back) for same in own @ one @ inverse)
        return np.array(chosen, dtype=np.int64)


def _inversion_sign(group: _Group, operation: int, trim: NDArray[np.float64]) -> float:
    """±1 between the traces of inversion at a TRIM k and at its image under an operation h = {W|w}.

    The trace at the image is that of h⁻¹ I h at k, which is the inversion {-1|t + n}, n = W⁻¹(t - 2w) - t.
    """
    inversion = np.flatnonzero(np.trace(group.rotations, axis1=1, axis2=2) == -3)
    if not len(inversion):
        return 1.0
    t = group.translations[inversion[0]]
    moved = np.linalg.solve(group.rotations[operation], t - 2 * group.translations[operation]) - t
    return 1.0 - 2.0 * (round(2.0 * float(trim @ moved)) % 2)

"""Is a crystal nearly, but not exactly, of a higher symmetry? spglib decides, and is asked only where it can be.

A space group can only grow by a lattice translation within the primitive cell, or by a larger point group, which has to
leave the lattice in place. Most crystals have neither, within the tolerance, and that is seen much faster than spglib
finds a space group.
"""

from __future__ import annotations

import numpy as np
import spglib
from numpy.typing import NDArray

from topofuse.crystals import Crystal, SymmetricCrystal
from topofuse.crystals.operations import group_of
from topofuse.crystals.symmetry import analyse_at

LOOSER = (0.3, 0.2)  # Å; where the first finds no higher symmetry, the second does not either (1,500 crystals)
MOST_ATOMS = 200  # of a cell whose symmetry is looked for again
_STEPS = np.array([step for step in np.ndindex(5, 5, 5) if step != (2, 2, 2)]) - 2  # lattice vectors of a reduced cell


def higher_symmetry(crystal: SymmetricCrystal) -> tuple[SymmetricCrystal, float] | None:
    """The crystal with more symmetry, at the tightest of the tolerances `LOOSER`, and that; None if there is none."""
    if len(crystal.primitive) > MOST_ATOMS or not _can_be_higher(crystal, LOOSER[0]):
        return None
    higher = None
    for tolerance in LOOSER:
        symmetric = analyse_at(crystal.primitive, tolerance)
        if symmetric is None or _operations(symmetric) <= 1.001 * _operations(crystal):
            break
        higher = symmetric, tolerance
    return higher


def _can_be_higher(crystal: SymmetricCrystal, tolerance: float) -> bool:
    """False only where no operation can be added within the tolerance (Å)."""
    more = lattice_operations(crystal.primitive.lattice, tolerance) > _order(crystal)
    return more or has_translation(crystal.primitive, tolerance)


def has_translation(cell: Crystal, tolerance: float) -> bool:
    """Whether a translation shorter than those of the lattice moves every atom onto a like one within tolerance (Å)."""
    z = cell.numbers
    kinds, counts = np.unique(z, return_counts=True)
    if np.gcd.reduce(counts) == 1:
        return False
    order = np.argsort(counts)
    own = cell.frac_coords[z == kinds[order[0]]]
    translations = own[1:] - own[0]
    for kind in kinds[order]:
        x = cell.frac_coords[z == kind]
        away = (x + translations[:, None])[:, :, None] - x  # of each moved atom from each atom in place
        distance = ((away - np.rint(away)) @ cell.lattice) ** 2
        translations = translations[(distance.sum(-1).min(-1) < tolerance**2).all(-1)]
        if not len(translations):
            return False
    return True


def lattice_operations(lattice: NDArray[np.float64], tolerance: float) -> int:
    """Number of operations that leave a lattice, (3, 3) row vectors, in place within a tolerance (Å)."""
    reduced = spglib.niggli_reduce(lattice)
    basis = lattice if reduced is None else np.asarray(reduced)
    vectors = _STEPS @ basis
    length = np.linalg.norm(vectors, axis=1)
    images = [np.flatnonzero(np.abs(length - own) < tolerance) for own in np.linalg.norm(basis, axis=1)]
    first, second, third = images

    def alike(i: int, j: int) -> NDArray[np.bool_]:
        """Which images of basis vectors i and j have the distance that these have."""
        between = np.linalg.norm(vectors[images[i]][:, None] - vectors[images[j]], axis=-1)
        near: NDArray[np.bool_] = np.abs(between - np.linalg.norm(basis[i] - basis[j])) < 2 * tolerance
        return near

    fits = alike(0, 1)[:, :, None] & alike(0, 2)[:, None] & alike(1, 2)
    i, j, k = np.nonzero(fits)
    volumes = np.linalg.det(np.stack([_STEPS[first[i]], _STEPS[second[j]], _STEPS[third[k]]], axis=1))
    return int((np.rint(np.abs(volumes)) == 1).sum())


def _operations(crystal: SymmetricCrystal) -> float:
    """Operations per atom, translations included."""
    return _order(crystal) / len(crystal.primitive)


def _order(crystal: SymmetricCrystal) -> int:
    """Operations of a space group, modulo the lattice translations of its primitive cell."""
    return len(group_of(crystal.hall_number, crystal.centering)[0])

"""Is a crystal nearly, but not exactly, of a higher symmetry? spglib decides, and is asked only where it can be.

A space group can only grow by a lattice translation within the primitive cell, or by a rotation that leaves the lattice
in place, and with it every atom. Most crystals have neither, within the tolerance, and that is seen much faster than
spglib finds a space group.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import spglib
from numpy.typing import NDArray

from topofuse.crystals import Crystal, SymmetricCrystal
from topofuse.crystals.operations import group_of
from topofuse.crystals.symmetry import analyse_at

LOOSER = (0.3, 0.2)  # Å; where the first finds no higher symmetry, the second does not either (1,500 crystals)
MOST_ATOMS = 200  # of a cell whose symmetry is looked for again
_SLACK = 2.0  # an atom that an operation is measured from may itself be off by the tolerance
_MOST_ROTATIONS = 48
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
    cell = crystal.primitive
    if has_operation(cell, np.eye(3, dtype=np.int64), tolerance):
        return True
    return any(has_operation(cell, rotation, _SLACK * tolerance) for rotation in _further(crystal, tolerance))


def has_operation(cell: Crystal, rotation: NDArray[np.int64], tolerance: float) -> bool:
    """Whether x → x W + t with some t moves every atom onto a like one within the tolerance (Å).

    rotation: (3, 3) W, for rows of fractional coordinates; for the identity t has to be shorter than the lattice's
    """
    z, moved = cell.numbers, cell.frac_coords @ rotation
    kinds, counts = np.unique(z, return_counts=True)
    order = np.argsort(counts)
    rarest = z == kinds[order[0]]
    translations = cell.frac_coords[rarest] - moved[rarest][0]
    if np.array_equal(rotation, np.eye(3)):
        translations = translations[1:] if np.gcd.reduce(counts) > 1 else translations[:0]
    for kind in kinds[order]:
        if not len(translations):
            return False
        of_kind = z == kind
        away = (moved[of_kind] + translations[:, None])[:, :, None] - cell.frac_coords[of_kind]
        squares = ((away - np.rint(away)).reshape(-1, 3) @ cell.lattice) ** 2
        distance = squares.sum(1).reshape(away.shape[:3])  # of each moved atom from each atom in place
        translations = translations[(distance.min(-1) < tolerance**2).all(-1)]
    return len(translations) > 0


def _further(crystal: SymmetricCrystal, tolerance: float) -> Iterator[NDArray[np.int64]]:
    """Rotations of the lattice within the tolerance that the crystal lacks, one of each coset of its own."""
    own = group_of(crystal.hall_number, crystal.centering)[0].transpose(0, 2, 1)
    if len(own) == _MOST_ROTATIONS:
        return
    left = lattice_operations(crystal.primitive.lattice, tolerance)
    if len(left) <= len(own):
        return
    products = own
    while len(left := left[~(left[:, None] == products).all((2, 3)).any(1)]):
        yield left[0]
        products = own @ left[0]


def lattice_operations(lattice: NDArray[np.float64], tolerance: float) -> NDArray[np.int64]:
    """(k, 3, 3) W of the rotations x → x W that leave a lattice, rows of (3, 3), in place within a tolerance (Å)."""
    reduced = spglib.niggli_reduce(lattice)
    basis = lattice if reduced is None else np.asarray(reduced)
    vectors = _STEPS @ basis
    length = np.linalg.norm(vectors, axis=1)
    images = [np.flatnonzero(np.abs(length - own) < tolerance) for own in np.linalg.norm(basis, axis=1)]

    def alike(i: int, j: int) -> NDArray[np.bool_]:
        """Which images of basis vectors i and j have the distance that these have."""
        between = np.linalg.norm(vectors[images[i]][:, None] - vectors[images[j]], axis=-1)
        near: NDArray[np.bool_] = np.abs(between - np.linalg.norm(basis[i] - basis[j])) < 2 * tolerance
        return near

    fits = np.nonzero(alike(0, 1)[:, :, None] & alike(0, 2)[:, None] & alike(1, 2))
    moved = np.stack([_STEPS[image[at]] for image, at in zip(images, fits, strict=True)], axis=1)
    moved = moved[np.rint(np.abs(np.linalg.det(moved))) == 1]
    change = np.rint(basis @ np.linalg.inv(lattice))
    operations: NDArray[np.int64] = np.rint(np.linalg.inv(change) @ moved @ change).astype(np.int64)
    return operations


def _operations(crystal: SymmetricCrystal) -> float:
    """Operations per atom, translations included."""
    return _order(crystal) / len(crystal.primitive)


def _order(crystal: SymmetricCrystal) -> int:
    """Operations of a space group, modulo the lattice translations of its primitive cell."""
    return len(group_of(crystal.hall_number, crystal.centering)[0])

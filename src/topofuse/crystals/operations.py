"""The operations of a space group on the standard primitive cell, and what they do to its atoms."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import spglib
from numpy.typing import NDArray

# Columns are the primitive basis vectors in the conventional basis (spglib's convention).
_PRIMITIVE = {
    "P": np.eye(3),
    "A": np.array([[1, 0, 0], [0, 0.5, -0.5], [0, 0.5, 0.5]]),
    "C": np.array([[0.5, 0.5, 0], [-0.5, 0.5, 0], [0, 0, 1]]),
    "I": np.array([[-0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.5, 0.5, -0.5]]),
    "F": np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]),
    "R": np.array([[2, -1, -1], [1, 1, -2], [1, 1, 1]]) / 3.0,
}


def primitive_basis(centering: str) -> NDArray[np.float64]:
    """(3, 3): columns are the primitive basis vectors in units of the conventional ones."""
    return _PRIMITIVE[centering]


@lru_cache(maxsize=256)
def group_of(hall_number: int, centering: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Operations x → W x + t of the standard primitive cell: (g, 3, 3) W, (g, 3) t in [0, 1), one per rotation."""
    known = spglib.get_symmetry_from_database(hall_number)
    if known is None:
        raise ValueError(f"spglib knows no Hall number {hall_number}")
    basis = primitive_basis(centering)
    inverse = np.linalg.inv(basis)
    rotations = np.rint(inverse @ known["rotations"] @ basis).astype(np.int64)
    translations = known["translations"] @ inverse.T
    _, first = np.unique(rotations.reshape(-1, 9), axis=0, return_index=True)
    first.sort()  # the others differ by a lattice translation of the primitive cell
    return rotations[first], (translations[first] + 1e-9) % 1.0 - 1e-9


def images(
    positions: NDArray[np.float64], rotations: NDArray[np.int64], translations: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(g, n) atom at the image of each atom, and (g, n, 3) the lattice vector from the image to it.

    positions: (n, 3) fractional, which the operations carry into each other
    """
    image = np.einsum("gij,aj->gai", rotations, positions) + translations[:, None]
    # sum of cos 2π(x - y) over the three axes: largest, three, where two positions are one but for a lattice vector
    closeness = _waves(image) @ _waves(positions).T
    atom: NDArray[np.int64] = closeness.argmax(-1)
    return atom, np.rint(positions[atom] - image).astype(np.int64)


def _waves(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    angle = 2 * np.pi * positions
    return np.concatenate([np.cos(angle), np.sin(angle)], axis=-1)


def symmetric_part(
    positions: NDArray[np.float64], moves: NDArray[np.float64], group: tuple[int, str]
) -> NDArray[np.float64]:
    """(n, 3) part of the moves (n, 3) of atoms that keeps the symmetry: their mean over all operations.

    positions: as for `images`; moves: fractional; group: Hall number and centring, as for `group_of`
    """
    rotations, translations = group_of(*group)
    atoms, _ = images(positions, rotations, translations)
    backwards = np.rint(np.linalg.inv(rotations))
    mean: NDArray[np.float64] = np.einsum("gij,gaj->ai", backwards, moves[atoms]) / len(rotations)
    return mean

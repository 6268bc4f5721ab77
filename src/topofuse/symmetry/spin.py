"""Spin 1/2: what rotations do to it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


def spinor(rotation: NDArray[np.float64]) -> NDArray[np.complex128]:
    """(2, 2) matrix exp(-iθ n·σ/2) of the proper part of an orthogonal matrix, 0 ≤ θ ≤ π: inversion is 1."""
    proper = rotation * np.linalg.det(rotation)
    angle = np.arccos(np.clip((np.trace(proper) - 1) / 2, -1, 1))
    if angle < 1e-6:
        return np.eye(2, dtype=np.complex128)
    if np.pi - angle < 1e-4:
        angle = np.pi
        axis = np.linalg.eigh((proper + proper.T) / 2)[1][:, -1]
    else:
        axis = np.array([proper[2, 1] - proper[1, 2], proper[0, 2] - proper[2, 0], proper[1, 0] - proper[0, 1]])
        axis /= 2 * np.sin(angle)
    matrix: NDArray[np.complex128] = np.cos(angle / 2) * np.eye(2) - 1j * np.sin(angle / 2) * np.einsum(
        "a,abc->bc", axis, PAULI
    )
    return matrix

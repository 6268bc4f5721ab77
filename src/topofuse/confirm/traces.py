"""Traces of space-group operations over spinors of plane waves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topofuse.symmetry import Momentum, SymmetryTable


def state_traces(
    table: SymmetryTable,
    momentum: Momentum,
    waves: NDArray[np.float64],
    states: NDArray[np.complex128],
    dual: NDArray[np.complex128],
    spinors: NDArray[np.complex128],
) -> NDArray[np.complex128]:
    """(c, s) expectation values of the momentum's c operations in s spinors.

    waves: (q, 3) momenta of the plane waves in reciprocal lattice units: `momentum.k` and reciprocal lattice vectors
    states: (b, q) bands without spin; dual: (b, q) what their products are taken with: the states themselves if they
        are orthonormal, the overlap operator times them in the projector-augmented-wave method
    spinors: (s, b, 2) parts of the bands with spin up and down
    """
    norms = np.einsum("bq,bq->b", dual.conj(), states).real
    traces = []
    for operation in momentum.operations:
        moved = _moved(waves, states, table.rotations[operation], table.translations[operation])
        between = (dual.conj() @ moved.T) / np.sqrt(np.outer(norms, norms))
        turned = between @ (spinors @ table.spins[operation].T)
        traces.append((spinors.conj() * turned).sum((1, 2)))
    return np.array(traces)


def _moved(
    waves: NDArray[np.float64],
    states: NDArray[np.complex128],
    rotation: NDArray[np.int64],
    translation: NDArray[np.float64],
) -> NDArray[np.complex128]:
    """(b, q) coefficients of ψ(W⁻¹(r - t)): the wave p becomes p' = W⁻ᵀ p with the phase exp(-2πi p'·t)."""
    images = waves @ np.rint(np.linalg.inv(rotation))
    steps = np.rint(images - waves[0]).astype(np.int64)
    if np.abs(images - waves[0] - steps).max() > 1e-6:
        raise ValueError("the operation does not leave the momentum in place")
    place = {wave: i for i, wave in enumerate(map(tuple, np.rint(waves - waves[0]).astype(np.int64).tolist()))}
    target = np.array([place.get(step, -1) for step in map(tuple, steps.tolist())])
    inside = target >= 0  # a wave at the rim of the sphere may have its image outside, by rounding
    moved = np.zeros_like(states)
    moved[:, target[inside]] = (states * np.exp(-2j * np.pi * (images @ translation)))[:, inside]
    return moved

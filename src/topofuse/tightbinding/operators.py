"""Space-group operations on Bloch orbitals, on spin, and their traces over sets of states."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal
from topofuse.crystals.operations import group_of, images
from topofuse.symmetry.spin import spinor
from topofuse.tightbinding.adapted import Inversion, invariant
from topofuse.tightbinding.atoms import MAX_ELL
from topofuse.tightbinding.hamiltonian import Basis
from topofuse.tightbinding.integrals import real_harmonics, sphere_quadrature


@lru_cache(maxsize=1)
def _fit() -> tuple[NDArray[np.float64], tuple[NDArray[Any], ...]]:
    """Directions, and the pseudo-inverse of the harmonics of each l on them."""
    directions = sphere_quadrature()[0][::7]
    harmonics = real_harmonics(directions, MAX_ELL)
    return directions, tuple(np.linalg.pinv(harmonics[:, m * m : (m + 1) ** 2]) for m in range(MAX_ELL + 1))


def rotated_harmonics(rotation: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Matrices D of l = 0 to 3 with Y_m(R⁻¹ r) = Σ_m' D[m', m] Y_m'(r), for an orthogonal (3, 3) matrix R."""
    directions, inverse = _fit()
    turned = real_harmonics(directions @ rotation, MAX_ELL)
    return tuple(np.asarray(inverse[m] @ turned[:, m * m : (m + 1) ** 2]) for m in range(MAX_ELL + 1))


@lru_cache(maxsize=1)
def angular_momentum() -> tuple[NDArray[np.float64], ...]:
    """Real antisymmetric A of l = 0 to 3, each (3, 2l+1, 2l+1), with L = iA in the basis of real harmonics (ħ = 1)."""
    step = 1e-4
    slopes: list[list[NDArray[np.float64]]] = [[] for _ in range(MAX_ELL + 1)]
    for axis in range(3):
        there, back = (rotated_harmonics(_about(axis, angle)) for angle in (step, -step))
        for ell in range(MAX_ELL + 1):
            # a rotation by t is exp(-i t L)
            slope = np.round((there[ell] - back[ell]) / (2 * step), 6)
            slopes[ell].append(slope)
    return tuple(np.array(per_axis) for per_axis in slopes)


def _about(axis: int, angle: float) -> NDArray[np.float64]:
    turn = np.eye(3)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    turn[first, first] = turn[second, second] = np.cos(angle)
    turn[second, first] = np.sin(angle)
    turn[first, second] = -turn[second, first]
    return turn


@lru_cache(maxsize=512)
def _of_rotation(entries: bytes) -> tuple[tuple[NDArray[np.float64], ...], NDArray[np.complex128]]:
    rotation = np.frombuffer(entries).reshape(3, 3)
    return rotated_harmonics(rotation), spinor(rotation)


class Operators:
    """The g operations of a crystal's space group (modulo translations) on its n orbitals.

    rotations: (g, 3, 3) int64, W; translations: (g, 3), t; of fractional coordinates
    momentum_rotations: (g, 3, 3), W⁻ᵀ, what acts on momenta in reciprocal lattice units
    determinants, characters: (g,) det W and tr W
    spinors: (g, 2, 2)
    atoms: (g, n_atoms) the atom that each atom is sent to; shifts: (g, n_atoms, 3) its lattice vector beyond the image
    """

    def __init__(self, crystal: SymmetricCrystal, basis: Basis) -> None:
        cell = crystal.primitive
        self.rotations, self.translations = group_of(crystal.hall_number, crystal.centering)
        self.momentum_rotations = np.rint(np.linalg.inv(self.rotations)).transpose(0, 2, 1)
        self.determinants = np.rint(np.linalg.det(self.rotations)).astype(np.int64)
        self.characters = np.trace(self.rotations, axis1=1, axis2=2)
        self.atoms, self.shifts = images(cell.frac_coords, self.rotations, self.translations)
        cartesian = cell.lattice.T @ self.rotations @ np.linalg.inv(cell.lattice.T)
        # rounded, since the lattices of many crystals have the same rotations
        parts = [_of_rotation((np.round(r, 9) + 0.0).tobytes()) for r in cartesian]
        self.spinors = np.array([spin for _, spin in parts])
        self._scatter(basis, [orbital for orbital, _ in parts])

    def _scatter(self, basis: Basis, rotated: list[tuple[NDArray[np.float64], ...]]) -> None:
        """Nonzero elements U[row, column] of every operation, without the phases: (g, c) each."""
        within = np.arange(basis.size) - basis.starts[basis.atom]
        rows: list[NDArray[Any]] = []
        columns: list[NDArray[Any]] = []
        values: list[NDArray[Any]] = []
        for ell in range(MAX_ELL + 1):
            width = 2 * ell + 1
            shell = np.flatnonzero(basis.ell == ell).reshape(-1, width)  # (shells, 2l + 1)
            if not len(shell):
                continue
            image = self.atoms[:, basis.atom[shell[:, 0]]]
            target = (basis.starts[image] + within[shell[:, 0]])[:, :, None] + np.arange(width)
            shape = (len(self.atoms), len(shell), width, width)
            matrices = np.array([orbital[ell] for orbital in rotated])
            for part, value in (
                (rows, target[:, :, :, None]),
                (columns, shell[None, :, None, :]),
                (values, matrices[:, None]),
            ):
                part.append(np.broadcast_to(value, shape).reshape(len(self.atoms), -1))
        self._rows, self._columns, self._values = (np.concatenate(part, axis=1) for part in (rows, columns, values))
        self._atoms = basis.atom[self._columns[0]]
        self._size = basis.size

    @property
    def inversion(self) -> Inversion | None:
        """What inversion does to the atoms; None where there is none."""
        inversions = np.flatnonzero(self.characters == -3)
        return Inversion(self.atoms[inversions[0]], self.shifts[inversions[0]]) if len(inversions) else None

    def _elements(self, operations: NDArray[np.int64], momentum: NDArray[np.float64]) -> NDArray[Any]:
        """(o, c) elements of operations that fix a momentum; real where it is time-reversal-invariant."""
        # the Bloch sum of an atom goes to that of its image with the phase of the lattice vector between the two
        image = np.einsum("oij,j->oi", self.momentum_rotations[operations], momentum)
        turns = (self.shifts[operations] @ image[:, :, None])[:, :, 0]  # (o, atoms)
        if invariant(momentum):
            signs: NDArray[np.float64] = 1.0 - 2.0 * (np.rint(2 * turns) % 2)
            return np.asarray(self._values[operations] * signs[:, self._atoms])
        return np.asarray(self._values[operations] * np.exp(2j * np.pi * turns)[:, self._atoms])

    def matrices(self, operations: NDArray[np.int64], momentum: NDArray[np.float64]) -> NDArray[Any]:
        """(o, n, n) representations U of operations that fix `momentum`, on columns of orbital coefficients.

        Real at momenta that time reversal leaves in place.
        """
        elements = self._elements(operations, momentum)
        matrices = np.zeros((len(operations), self._size, self._size), dtype=elements.dtype)
        matrices[np.arange(len(operations))[:, None], self._rows[operations], self._columns[operations]] = elements
        return matrices

    def traces(
        self, operations: NDArray[np.int64], momentum: NDArray[np.float64], density: NDArray[Any]
    ) -> NDArray[Any]:
        """(o,) traces Tr(U ρ) of operations that fix `momentum`, with a density ρ (n, n)."""
        elements = self._elements(operations, momentum)
        traced: NDArray[Any] = (elements * density[self._columns[operations], self._rows[operations]]).sum(1)
        return traced

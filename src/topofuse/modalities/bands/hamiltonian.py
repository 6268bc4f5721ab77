"""Tight binding without fitted integrals: overlap and Hamiltonian of a cell at any momentum, and its bands.

The orbitals are those of the free atoms (`atoms.py`), their integrals the two-centre ones (`integrals.py`), the
levels on the diagonal those of the free atoms, shifted by constants (`levels.py`): no charge flows, nothing is
iterated to self-consistency. Orbitals are ordered by atom, shell, m. Bloch sums carry the phase
exp(2πi k·(x_j + R - x_i)), positions included.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pymatgen.optimization.neighbors import find_points_in_spheres
from scipy.linalg import lapack

from topofuse.crystals import Crystal
from topofuse.modalities.bands.atoms import BOHR, FreeAtom
from topofuse.modalities.bands.integrals import MAX_RANGE, cutoff, pair_table, real_harmonics

_COINCIDENT = 1e-3  # Å; an atom is not its own neighbour
_SMALLEST_OVERLAP = 0.02  # eigenvalues of an indefinite overlap matrix are raised to this
# As for the shifts of the levels (`levels.py`), chosen on crystals of topomat's pool: docs/levers.md
COUPLING = 0.75  # part of each off-diagonal element, beyond overlap times mean level, that is kept
SHIFTED_COUPLING = 0.5  # part of the levels' shifts, times overlap, that off-diagonal elements share
_MEMORY = 2_000_000  # matrix elements that are built at a time


@dataclass(frozen=True, eq=False)
class Basis:
    """The n orbitals of a cell.

    atoms: free atom of each of the a atoms; starts: (a + 1,) first orbital of each atom, and n
    atom, ell: (n,) atom and angular momentum of each orbital
    level, shift, spin_orbit: (n,) level, the part of it by which the free atom's is shifted, spin-orbit constant, eV
    """

    atoms: tuple[FreeAtom, ...]
    starts: NDArray[np.int64]
    atom: NDArray[np.int64]
    ell: NDArray[np.int64]
    level: NDArray[np.float64]
    shift: NDArray[np.float64]
    spin_orbit: NDArray[np.float64]

    @property
    def size(self) -> int:
        """Number of orbitals, without spin."""
        return int(self.starts[-1])


def basis_of(atoms: tuple[FreeAtom, ...]) -> Basis:
    """The orbitals of a cell with these free atoms."""
    sizes = [atom.n_orbitals for atom in atoms]
    width = [2 * atom.ell + 1 for atom in atoms]

    def of_orbitals(of_shells: Iterable[NDArray[Any]]) -> NDArray[Any]:
        return np.concatenate([np.repeat(values, w) for values, w in zip(of_shells, width, strict=True)])

    shift = of_orbitals(atom.shift for atom in atoms)
    return Basis(
        atoms,
        np.concatenate([[0], np.cumsum(sizes)]),
        np.repeat(np.arange(len(atoms)), sizes),
        of_orbitals(atom.ell for atom in atoms),
        of_orbitals(atom.energy for atom in atoms) + shift,
        shift,
        of_orbitals(atom.spin_orbit for atom in atoms),
    )


@dataclass(frozen=True, eq=False)
class _Block:
    """Overlap and Hamiltonian elements (e, 2·a·b) of the bonds between atoms i and j (all images), a slice of all."""

    i: int
    j: int
    bonds: slice
    elements: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bands:
    """Solutions at k momenta.

    energy: (k, n) ascending, eV
    states: (k, n, n) columns C with C† S C = 1
    dual: (k, n, n) S C
    """

    energy: NDArray[np.float64]
    states: NDArray[np.complex128]
    dual: NDArray[np.complex128]


class TightBinding:
    """Overlap and Hamiltonian of a cell.

    partner: for a cell with inversion, (n_atoms,) the atom that each atom is sent to. Matrices are then real in a
    basis of inversion-adapted orbitals, which costs a third of the time.
    """

    def __init__(self, cell: Crystal, basis: Basis, partner: NDArray[np.int64] | None = None) -> None:
        self.basis = basis
        level = (1 - COUPLING) * basis.level + COUPLING * SHIFTED_COUPLING * basis.shift
        self._mean = (level[:, None] + level) / 2
        self._vectors, self._blocks = _bonds(cell, basis)
        self._gauge = None if partner is None else _RealGauge(basis, partner)

    def matrices(self, momenta: NDArray[np.float64]) -> NDArray[np.complex128]:
        """(2, k, n, n) overlap and Hamiltonian (eV) at momenta (k, 3) in reciprocal lattice units."""
        basis, starts = self.basis, self.basis.starts
        n = basis.size
        both = np.zeros((2, len(momenta), n, n), dtype=np.complex128)
        angle = 2 * np.pi * (momenta @ self._vectors.T)
        cosine, sine = np.cos(angle), np.sin(angle)
        for block in self._blocks:
            first, last = starts[block.i], starts[block.j]
            rows, columns = slice(first, starts[block.i + 1]), slice(last, starts[block.j + 1])
            part = both[:, :, rows, columns].transpose(1, 0, 2, 3)
            part.real = (cosine[:, block.bonds] @ block.elements).reshape(part.shape)
            part.imag = (sine[:, block.bonds] @ block.elements).reshape(part.shape)
        both += both.conj().transpose(0, 1, 3, 2)
        both[1] *= COUPLING
        both[1] += self._mean * both[0]
        diagonal = np.arange(n)
        both[0, :, diagonal, diagonal] += 1
        both[1, :, diagonal, diagonal] += basis.level[:, None]
        return both

    def energies(self, momenta: NDArray[np.float64]) -> NDArray[np.float64]:
        """(k, n) band energies at momenta (k, 3), ascending, eV."""
        found = []
        for part in self._parts(momenta):
            overlap, hamiltonian = self._adapted(part)[1]
            found.append(_solve(overlap, hamiltonian, vectors=False)[0])
        return np.concatenate(found)

    def bands(self, momenta: NDArray[np.float64]) -> Bands:
        """Energies and states at momenta (k, 3)."""
        found = []
        for part in self._parts(momenta):
            plain, adapted = self._adapted(part)
            energy, states = _solve(adapted[0], adapted[1], vectors=True)
            if self._gauge is not None:
                states = self._gauge.back(states)
            found.append((energy, states, plain[0] @ states))
        return Bands(*(np.concatenate(arrays) for arrays in zip(*found, strict=True)))

    def _parts(self, momenta: NDArray[np.float64]) -> list[NDArray[np.float64]]:
        """The momenta in groups whose matrices fit into memory."""
        at_once = max(1, _MEMORY // self.basis.size**2)
        return [momenta[first : first + at_once] for first in range(0, len(momenta), at_once)]

    def _adapted(self, momenta: NDArray[np.float64]) -> tuple[NDArray[np.complex128], NDArray[Any]]:
        plain = self.matrices(momenta)
        return plain, plain if self._gauge is None else self._gauge.matrices(plain)


class _Half(NamedTuple):
    """Columns of a basis, each a combination of two orbitals: their indices and coefficients, (m,) each."""

    one: NDArray[np.int64]
    other: NDArray[np.int64]
    of_one: NDArray[np.float64]
    of_other: NDArray[np.float64]

    def between(self, matrix: NDArray[np.float64], right: _Half) -> NDArray[np.float64]:
        """Matrices (..., n, n) between these columns and those of `right`."""
        half = matrix.take(right.one, -1) * right.of_one + matrix.take(right.other, -1) * right.of_other
        return half.take(self.one, -2) * self.of_one[:, None] + half.take(self.other, -2) * self.of_other[:, None]

    def add_to(self, orbitals: NDArray[np.float64], coefficients: NDArray[np.float64]) -> None:
        """Add what coefficients (k, m, b) of these columns mean to those of the orbitals (k, n, b)."""
        orbitals[:, self.one] += coefficients * self.of_one[:, None]
        orbitals[:, self.other] += coefficients * self.of_other[:, None]


class _RealGauge:
    """Basis in which inversion times time reversal is complex conjugation, so that all matrices are real.

    It sends orbital p to s = parity times its partner; without spin its square is 1. The basis has real columns,
    (p + s u)/√2 of an orbital p and its partner u on another atom and the even orbitals on inversion centres, and
    then imaginary ones, i (p - s u)/√2 and i times the odd orbitals on inversion centres.
    """

    def __init__(self, basis: Basis, partner: NDArray[np.int64]) -> None:
        orbital = np.arange(basis.size)
        image = basis.starts[partner[basis.atom]] + orbital - basis.starts[basis.atom]
        parity = (-1.0) ** basis.ell
        pairs = orbital[orbital < image]
        self._halves = []
        for sign in (1.0, -1.0):
            alone = orbital[(orbital == image) & (parity == sign)]
            ones, zeros, root = np.ones(len(alone)), np.zeros(len(alone)), np.full(len(pairs), np.sqrt(0.5))
            self._halves.append(
                _Half(
                    np.concatenate([pairs, alone]),
                    np.concatenate([image[pairs], alone]),
                    np.concatenate([root, ones]),
                    np.concatenate([sign * parity[pairs] * root, zeros]),
                )
            )

    def matrices(self, plain: NDArray[np.complex128]) -> NDArray[np.float64]:
        """(..., n, n) Hermitian matrices in this basis."""
        real, imaginary = self._halves
        split = len(real.one)
        out = np.empty(plain.shape)
        out[..., :split, :split] = real.between(plain.real, real)
        out[..., split:, split:] = imaginary.between(plain.real, imaginary)
        out[..., split:, :split] = imaginary.between(plain.imag, real)
        out[..., :split, split:] = out[..., split:, :split].swapaxes(-1, -2)
        return out

    def back(self, states: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Columns (k, n, m) in this basis, as columns in the basis of orbitals."""
        real, imaginary = self._halves
        out = np.zeros(states.shape, dtype=np.complex128)
        real.add_to(out.real, states[:, : len(real.one)])
        imaginary.add_to(out.imag, states[:, len(real.one) :])
        return out


def _bonds(cell: Crystal, basis: Basis) -> tuple[NDArray[np.float64], list[_Block]]:
    """Fractional vectors (e, 3) of the cell's bonds, one direction of each, and their elements by pair of atoms."""
    cart = np.ascontiguousarray(cell.frac_coords @ cell.lattice)
    lattice = np.ascontiguousarray(cell.lattice)
    periodic = np.ones(3, dtype=np.int64)
    i, j, shift, length = find_points_in_spheres(cart, cart, r=MAX_RANGE, pbc=periodic, lattice=lattice, tol=1e-8)
    z = cell.numbers
    forward = (z[i] < z[j]) | ((z[i] == z[j]) & (i <= j))
    keep = forward & (length > _COINCIDENT)
    i, j, shift, length = i[keep], j[keep], shift[keep], length[keep]
    order = np.lexsort((j, i))
    i, j, shift, length = i[order], j[order], shift[order], length[order]
    vectors = cell.frac_coords[j] + shift - cell.frac_coords[i]
    max_ell = 2 * max(int(atom.ell.max()) for atom in basis.atoms)
    harmonics = real_harmonics((vectors @ lattice) / length[:, None], max_ell)
    blocks: list[_Block] = []
    used: list[NDArray[np.int64]] = []
    count = 0
    for first, second in {(int(a), int(b)) for a, b in zip(z[i], z[j], strict=True)}:
        bonds = np.flatnonzero((z[i] == first) & (z[j] == second) & (length / BOHR < cutoff(first, second)))
        if not len(bonds):
            continue
        elements = pair_table(first, second).blocks(length[bonds] / BOHR, harmonics[bonds]).reshape(len(bonds), -1)
        # from an atom to its own images, both directions are in the list, and the adjoint is added to all
        elements[i[bonds] == j[bonds]] *= 0.5
        pair = i[bonds] * len(z) + j[bonds]
        begins = np.flatnonzero(np.diff(pair, prepend=-1))
        for begin, end in zip(begins, [*begins[1:], len(bonds)], strict=True):
            one = bonds[begin]
            blocks.append(_Block(int(i[one]), int(j[one]), slice(count + begin, count + end), elements[begin:end]))
        used.append(bonds)
        count += len(bonds)
    return vectors[np.concatenate(used) if used else []], blocks


def _solve(overlap: NDArray[Any], hamiltonian: NDArray[Any], vectors: bool) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Generalised eigenproblem at each momentum: (k, n) energies, (k, n, n) states (empty without `vectors`).

    Where atoms nearly coincide the overlap matrix has negative eigenvalues: its small ones are then raised.
    """
    complex_ = np.iscomplexobj(overlap)
    solver = lapack.zhegvd if complex_ else lapack.dsygvd
    energy = np.empty(overlap.shape[:2])
    states = np.empty_like(overlap) if vectors else np.empty(0, dtype=overlap.dtype)
    for k, (s, h) in enumerate(zip(overlap, hamiltonian, strict=True)):
        # a transposed C array is a Fortran array, without a copy, of the conjugate matrix
        found, columns, info = solver(h.T, s.T, jobz="V" if vectors else "N")
        if info > len(s):  # not positive definite
            return _solve_indefinite(overlap, hamiltonian, vectors)
        if info:
            raise np.linalg.LinAlgError(f"eigenvalues not found (LAPACK info {info})")
        energy[k] = found
        if vectors:
            states[k] = columns.conj() if complex_ else columns
    return energy, states


def _solve_indefinite(
    overlap: NDArray[Any], hamiltonian: NDArray[Any], vectors: bool
) -> tuple[NDArray[np.float64], NDArray[Any]]:
    value, column = np.linalg.eigh(overlap)
    root = column / np.sqrt(np.maximum(value, _SMALLEST_OVERLAP))[:, None, :]
    orthogonal = root.conj().transpose(0, 2, 1) @ hamiltonian @ root
    if not vectors:
        return np.linalg.eigvalsh(orthogonal), np.empty(0)
    energy, states = np.linalg.eigh(orthogonal)
    return energy, root @ states

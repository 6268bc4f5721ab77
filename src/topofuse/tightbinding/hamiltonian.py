"""Tight binding from tables of free atoms: overlap and Hamiltonian of a cell at any momentum, and its bands.

The orbitals are those of the free atoms (`atoms.py`), their integrals the two-centre ones (`integrals.py`), the levels
on the diagonal those of the free atoms. What is changed in a crystal is in `fitted.py`. No charge flows, nothing is
iterated to self-consistency. Orbitals are ordered by atom, shell, m. Bloch sums carry the phase exp(2πi k·R) of the
lattice vector R, without the positions of atoms.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import Crystal
from topofuse.crystals.neighbours import pairs_within
from topofuse.tightbinding.adapted import (
    Halves,
    IndefiniteOverlapError,
    Inversion,
    Solution,
    Wanted,
    invariant,
    solve,
    solve_even_and_odd,
    solve_real,
)
from topofuse.tightbinding.atoms import BOHR, FreeAtom
from topofuse.tightbinding.fitted import LEVEL_SHARE, SHIFT_SHARE, SPIN_ORBIT
from topofuse.tightbinding.integrals import cutoff, pair_table, real_harmonics


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
        of_orbitals(atom.spin_orbit * SPIN_ORBIT[atom.ell] for atom in atoms),
    )


class _Bonds(NamedTuple):
    """Bonds between atoms of two elements with a and b orbitals: of p pairs of atoms, up to m images each.

    i, j: (p,) atoms; bonds: (p, m) place of each bond among all of the cell
    elements: (p, m, 2·a·b) overlap and Hamiltonian, zero where a pair has fewer images
    """

    i: NDArray[np.int64]
    j: NDArray[np.int64]
    bonds: NDArray[np.int64]
    elements: NDArray[np.float64]


# momentum, real and imaginary part (2, rows, n) of overlap and Hamiltonian; no imaginary part where they are real
_Problem = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64] | None]


@dataclass(frozen=True, eq=False)
class Bands:
    """Solutions at k momenta; arrays of states are real at momenta that time reversal leaves in place.

    energy: (k, n) ascending, eV
    states: k times (n, m) columns C with C† S C = 1, of the m lowest levels that were wanted
    dual: k times (n, m) S C
    parity: k times (n,) ±1 of each state at such momenta of a crystal with inversion, else None
    """

    energy: NDArray[np.float64]
    states: tuple[NDArray[Any], ...]
    dual: tuple[NDArray[Any], ...]
    parity: tuple[NDArray[np.int64] | None, ...]


class TightBinding:
    """Overlap and Hamiltonian of a cell; with `inversion`, eigenproblems are smaller or real (`adapted.py`)."""

    def __init__(self, cell: Crystal, basis: Basis, inversion: Inversion | None = None) -> None:
        self.basis = basis
        self._inversion = inversion is not None
        self._halves = Halves.for_inversion(basis.starts, basis.ell, inversion)
        self._positions = cell.frac_coords
        self._vectors, self._shifts, self._bonds = _bonds(cell, basis)

    def matrices(self, momenta: NDArray[np.float64]) -> NDArray[np.complex128]:
        """(2, k, n, n) overlap and Hamiltonian (eV) at momenta (k, 3) in reciprocal lattice units."""
        angle = 2 * np.pi * (momenta @ self._shifts.T)
        places = Halves.for_inversion(self.basis.starts, self.basis.ell, None)
        cosines, sines = np.split(self._sums(np.cos(angle), np.sin(angle), places), 2)
        return (cosines + 1j * sines).swapaxes(0, 1)

    def bands(self, momenta: NDArray[np.float64], wanted: Wanted = len) -> Bands:
        """Energies and states at momenta (k, 3); wanted: energies (n,) → how many of the lowest states are kept."""
        fixed = invariant(momenta)
        # with inversion, positions of atoms in the phases make matrices at other momenta real
        angle = momenta @ (self._vectors if self._inversion else self._shifts).T
        angle[fixed] = np.rint(2 * momenta[fixed]) / 2 @ self._shifts.T
        angle *= 2 * np.pi
        sums = self._sums(np.cos(angle), np.sin(angle[~fixed]), self._halves)
        imaginary = iter(sums[len(momenta) :])
        problems: list[_Problem] = [
            (k, real, None if real_only else next(imaginary))
            for k, real, real_only in zip(momenta, sums[: len(momenta)], fixed, strict=True)
        ]
        try:
            solutions = [self._solution(*problem, wanted, raised=False) for problem in problems]
        except IndefiniteOverlapError:
            solutions = [self._solution(*problem, wanted, raised=True) for problem in problems]
        energy, states, dual, parity = zip(*solutions, strict=True)
        return Bands(np.array(energy), states, dual, parity)

    def _solution(
        self,
        momentum: NDArray[np.float64],
        real: NDArray[np.float64],
        imaginary: NDArray[np.float64] | None,
        wanted: Wanted,
        raised: bool,
    ) -> Solution:
        if self._inversion and imaginary is None:
            return solve_even_and_odd(self._halves, momentum, real, wanted, raised)
        if self._inversion and imaginary is not None:
            phases = np.exp(2j * np.pi * (self._positions @ momentum))[self.basis.atom]
            return solve_real(self._halves, phases, real, imaginary, wanted, raised)
        overlap, hamiltonian = real if imaginary is None else real + 1j * imaginary
        energy, states = solve(overlap, hamiltonian, raised)
        states = states[:, : wanted(energy)]
        return Solution(energy, states, overlap @ states, None)

    def _sums(self, cosines: NDArray[np.float64], sines: NDArray[np.float64], halves: Halves) -> NDArray[np.float64]:
        """(c + s, 2, rows, n) overlap and Hamiltonian, real and imaginary parts, for cosines (c, e), sines (s, e)."""
        c, rows, size = len(cosines), halves.rows, self.basis.size
        waves = np.concatenate([cosines, sines]).T
        both = np.zeros((waves.shape[1], 2, rows, size))
        flat = both.reshape(-1, 2, rows * size)
        widths = np.diff(self.basis.starts)
        for i, j, bonds, elements in self._bonds:
            a, b = widths[i[0]], widths[j[0]]
            part = waves[bonds].transpose(0, 2, 1) @ elements  # (p, c + s, 2·a·b)
            part = part.reshape(len(i), -1, 2, a * b).transpose(1, 2, 0, 3)
            row, column = halves.starts[i, None] + np.arange(a), halves.starts[j, None] + np.arange(b)
            above, below = halves.starts[i] < rows, halves.starts[j] < rows
            place = row[above, :, None] * size + column[above, None]
            flat[:, :, place.ravel()] = part[:, :, above].reshape(len(flat), 2, -1)
            part = part[:, :, below].reshape(len(flat), 2, -1)
            place = column[below, None] * size + row[below, :, None]
            flat[:c, :, place.ravel()] += part[:c]
            flat[c:, :, place.ravel()] -= part[c:]
        diagonal = np.arange(rows)
        both[:c, 0, diagonal, diagonal] += 1
        both[:c, 1, diagonal, diagonal] += self.basis.level[halves.order[:rows]]
        return both


def _bonds(cell: Crystal, basis: Basis) -> tuple[NDArray[np.float64], NDArray[np.float64], list[_Bonds]]:
    """The cell's bonds, one direction of each: vectors (e, 3), lattice vectors (e, 3), elements by pair of elements."""
    z = cell.numbers
    pairs = pairs_within(cell, np.arange(len(cell)), _reach(z))
    i, j, shift, length = pairs.centre, pairs.atom, pairs.shift, pairs.distance
    vectors = cell.frac_coords[j] + shift - cell.frac_coords[i]
    max_ell = 2 * max(int(atom.ell.max()) for atom in basis.atoms)
    harmonics = real_harmonics(pairs.vector / length[:, None], max_ell)
    level = {}
    for atom, number in enumerate(z.tolist()):
        own = slice(*basis.starts[atom : atom + 2])
        level[number] = LEVEL_SHARE * basis.level[own] + SHIFT_SHARE * basis.shift[own]
    groups: list[_Bonds] = []
    used: list[NDArray[np.int64]] = []
    count = 0
    kinds = z[i] * 1000 + z[j]
    for kind in np.unique(kinds).tolist():
        first, second = divmod(kind, 1000)
        bonds = np.flatnonzero((kinds == kind) & (length / BOHR < cutoff(first, second)))
        if not len(bonds):
            continue
        elements = pair_table(first, second).blocks(length[bonds] / BOHR, harmonics[bonds])
        mean = (level[first][:, None] + level[second]).ravel() / 2
        elements[:, 1] += mean * elements[:, 0]
        elements = elements.reshape(len(bonds), -1)
        # from an atom to its own images, both directions are in the list, and the adjoint is added to all
        elements[i[bonds] == j[bonds]] *= 0.5
        begins = np.flatnonzero(np.diff(i[bonds] * len(z) + j[bonds], prepend=-1))
        images = np.diff(begins, append=len(bonds))
        pair, image = np.repeat(np.arange(len(begins)), images), np.arange(len(bonds)) - np.repeat(begins, images)
        place = np.zeros((len(begins), images.max()), dtype=np.int64)
        place[pair, image] = count + np.arange(len(bonds))
        padded = np.zeros((*place.shape, elements.shape[1]))
        padded[pair, image] = elements
        groups.append(_Bonds(i[bonds[begins]], j[bonds[begins]], place, padded))
        used.append(bonds)
        count += len(bonds)
    chosen = np.concatenate(used) if used else np.empty(0, dtype=np.int64)
    return vectors[chosen], shift[chosen], groups


def _reach(z: NDArray[np.int64]) -> NDArray[np.float64]:
    """(a, a) range of the interaction of each pair of atoms, Å; 0 for one of its two directions."""
    elements, kind = np.unique(z, return_inverse=True)
    ranges = BOHR * np.array([[cutoff(first, second) for second in elements.tolist()] for first in elements.tolist()])
    once = np.triu(np.ones((len(z), len(z)), dtype=bool))
    return np.asarray(ranges[kind[:, None], kind] * np.where(z[:, None] == z, once, z[:, None] < z))

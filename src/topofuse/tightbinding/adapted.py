"""Eigenproblems of a cell in bases that its symmetry makes small or real.

Without spin, time reversal sends the Bloch sums of momentum k to those of -k. So at a time-reversal-invariant momentum
matrices are real, and where there is inversion they fall into an even and an odd block. At other momenta inversion
times time reversal leaves k in place and its square is 1: there is a basis in which matrices are real.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_SMALLEST_OVERLAP = 0.02  # eigenvalues of an indefinite overlap matrix are raised to this
_INVARIANT = 2e-5
_HALF = np.sqrt(0.5)


def invariant(momenta: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether momenta (..., 3) are time-reversal-invariant: their doubles are reciprocal lattice vectors."""
    same: NDArray[np.bool_] = np.abs(2 * momenta - np.rint(2 * momenta)).max(-1) < _INVARIANT
    return same


class IndefiniteOverlapError(ArithmeticError):
    """An overlap matrix has a negative eigenvalue: atoms nearly coincide."""


class Inversion(NamedTuple):
    """What inversion does to the a atoms of a cell.

    partner: (a,) the atom that each one is sent to; shifts: (a, 3) its lattice vector beyond the image: the image of
    atom i is at x_partner - shift
    """

    partner: NDArray[np.int64]
    shifts: NDArray[np.int64]


class _Part(NamedTuple):
    """States of one parity: (p + sign · partner)/√2 of the pairs, then the orbitals on centres at the places `kept`."""

    sign: NDArray[np.float64]
    kept: NDArray[np.int64]


Wanted = Callable[[NDArray[np.float64]], int]  # how many of the lowest states are wanted, by the energies


class Solution(NamedTuple):
    """Levels of a momentum: energies (n,) ascending; states C and dual S C, (n, m) columns, of the m lowest.

    parity: (n,) ±1 of each state at a time-reversal-invariant momentum of a crystal with inversion, else None
    """

    energy: NDArray[np.float64]
    states: NDArray[Any]
    dual: NDArray[Any]
    parity: NDArray[np.int64] | None


@dataclass(frozen=True, eq=False)
class Halves:
    """The n orbitals, ordered for inversion: one atom of every pair that it swaps, atoms on centres, the other ones.

    order: (n,) orbital at each place; starts: (a,) first place of each atom
    pairs, alone: number of orbitals in the first and in the second part
    sign: (pairs,) parity of the orbital itself; own: (alone,) the same
    shifts: (pairs + alone, 3) `Inversion.shifts` of the orbital's atom
    Without inversion all orbitals are in the second part, in their own order.
    """

    order: NDArray[np.int64]
    starts: NDArray[np.int64]
    pairs: int
    alone: int
    sign: NDArray[np.float64]
    own: NDArray[np.float64]
    shifts: NDArray[np.int64]

    @classmethod
    def for_inversion(cls, starts: NDArray[np.int64], ell: NDArray[np.int64], inversion: Inversion | None) -> Halves:
        """starts: (a + 1,) first orbital of each atom, and n; ell: (n,)."""
        size, atoms = np.diff(starts), np.arange(len(starts) - 1)
        partner, shifts = inversion or (atoms, np.zeros((len(atoms), 3), dtype=np.int64))
        one, centre = np.flatnonzero(atoms < partner), np.flatnonzero(atoms == partner)
        atom_order = np.concatenate([one, centre, partner[one]])
        order = np.concatenate([np.arange(starts[i], starts[i + 1]) for i in atom_order])
        places = np.empty(len(atoms), dtype=np.int64)
        places[atom_order] = np.concatenate([[0], np.cumsum(size[atom_order])[:-1]])
        pairs, alone = int(size[one].sum()), int(size[centre].sum())
        rows = order[: pairs + alone]
        parity = (-1.0) ** ell[rows]
        return cls(
            order,
            places,
            pairs,
            alone,
            parity[:pairs],
            parity[pairs:],
            np.repeat(shifts, size, axis=0)[rows],
        )

    @property
    def rows(self) -> int:
        """Number of places of the first two parts: rows of a matrix that say everything."""
        return self.pairs + self.alone

    @cached_property
    def parts(self) -> tuple[_Part, _Part]:
        """The even and the odd states, where Bloch sums have the signs of the orbitals themselves."""
        return self._parts(self.sign, self.own)

    def parts_at(self, momentum: NDArray[np.float64]) -> tuple[_Part, _Part]:
        """The even and the odd states at a time-reversal-invariant momentum."""
        if not momentum.any():
            return self.parts
        phase = 1.0 - 2.0 * (np.rint(2 * (self.shifts @ momentum)) % 2)
        return self._parts(self.sign * phase[: self.pairs], self.own * phase[self.pairs :])

    def _parts(self, sign: NDArray[np.float64], own: NDArray[np.float64]) -> tuple[_Part, _Part]:
        even = own > 0
        return _Part(sign, self.pairs + np.flatnonzero(even)), _Part(-sign, self.pairs + np.flatnonzero(~even))

    def block(self, sums: NDArray[np.float64], part: _Part) -> NDArray[np.float64]:
        """(2, m, m) the matrices (2, rows, n) between the states of a part."""
        p, kept = self.pairs, part.kept
        folded = sums[:, :, :p] + sums[:, :, self.rows :] * part.sign
        if not len(kept):
            return folded[:, :p]
        out = np.empty((2, p + len(kept), p + len(kept)))
        out[:, :p, :p] = folded[:, :p]
        out[:, p:, :p] = folded[:, kept] * _HALF
        out[:, :p, p:] = out[:, p:, :p].transpose(0, 2, 1)
        out[:, p:, p:] = sums[:, kept[:, None], kept]
        return out

    def between(self, sines: NDArray[np.float64]) -> NDArray[np.float64]:
        """(2, odd, even) imaginary part of the matrices between the odd and the even states of `block`."""
        p, even, odd = self.pairs, self.parts[0].kept, self.parts[1].kept
        rows = np.concatenate([np.arange(p), odd])
        out = np.empty((2, len(rows), p + len(even)))
        out[:, :, :p] = (sines[:, :, :p] + sines[:, :, self.rows :] * self.sign)[:, rows]
        out[:, :, p:] = sines[:, rows[:, None], even] * (2 * _HALF)
        out[:, p:] *= _HALF
        return out

    def columns(self, coefficients: NDArray[np.float64], part: _Part) -> NDArray[np.float64]:
        """(n, b) columns, by place, of coefficients (m, b) of the states of a part."""
        p = self.pairs
        out = np.zeros((len(self.order), coefficients.shape[1]))
        np.multiply(coefficients[:p], _HALF, out=out[:p])
        out[part.kept] = coefficients[p:]
        np.multiply(out[:p], part.sign[:, None], out=out[self.rows :])
        return out


def solve_even_and_odd(
    halves: Halves, momentum: NDArray[np.float64], sums: NDArray[np.float64], wanted: Wanted, raised: bool
) -> Solution:
    """Levels at a time-reversal-invariant momentum of a crystal with inversion; sums: (2, rows, n)."""
    parts = halves.parts_at(momentum)
    blocks = [halves.block(sums, part) for part in parts]
    solved = [solve(overlap, hamiltonian, raised) for overlap, hamiltonian in blocks]
    energy = np.concatenate([levels for levels, _ in solved])
    order = np.argsort(energy, kind="stable")
    energy, parity = energy[order], np.repeat([1, -1], [len(levels) for levels, _ in solved])[order]
    lowest = parity[: wanted(energy)]
    states, dual = np.empty((2, len(energy), len(lowest)))
    for sign, part, (overlap, _), (_, columns) in zip((1, -1), parts, blocks, solved, strict=True):
        own = lowest == sign
        columns = columns[:, : np.count_nonzero(own)]
        states[:, own] = halves.columns(columns, part)
        dual[:, own] = halves.columns(overlap @ columns, part)
    return Solution(energy, _by_orbital(halves, states), _by_orbital(halves, dual), parity)


def solve_real(
    halves: Halves,
    phases: NDArray[np.complex128],
    cosines: NDArray[np.float64],
    sines: NDArray[np.float64],
    wanted: Wanted,
    raised: bool,
) -> Solution:
    """Levels at any momentum of a crystal with inversion.

    cosines, sines: (2, rows, n) real and imaginary part of the matrices, by place, in the basis of Bloch sums with the
    positions of atoms in the phase; phases: (n,) by which coefficients are multiplied to be those of other Bloch sums
    """
    even, odd = (halves.block(cosines, part) for part in halves.parts)
    e = even.shape[1]
    whole = np.empty((2, e + odd.shape[1], e + odd.shape[1]))
    whole[:, :e, :e], whole[:, e:, e:] = even, odd
    whole[:, e:, :e] = halves.between(sines)
    whole[:, :e, e:] = whole[:, e:, :e].transpose(0, 2, 1)
    energy, columns = solve(whole[0], whole[1], raised)
    columns = columns[:, : wanted(energy)]

    def back(coefficients: NDArray[np.float64]) -> NDArray[np.complex128]:
        out = np.empty((len(halves.order), coefficients.shape[1]), dtype=np.complex128)
        out.real = halves.columns(coefficients[:e], halves.parts[0])
        out.imag = halves.columns(coefficients[e:], halves.parts[1])
        return _by_orbital(halves, out) * phases[:, None]

    return Solution(energy, back(columns), back(whole[0] @ columns), None)


def _by_orbital(halves: Halves, places: NDArray[Any]) -> NDArray[Any]:
    out = np.empty_like(places)
    out[halves.order] = places
    return out


def solve(overlap: NDArray[Any], hamiltonian: NDArray[Any], raised: bool) -> tuple[NDArray[np.float64], NDArray[Any]]:
    """Generalised eigenproblem: (m,) energies, (m, m) states.

    Raises `IndefiniteOverlapError`, unless `raised`: then small eigenvalues of the overlap matrix are raised.
    """
    if not len(overlap):
        return np.empty(0), overlap
    if raised:
        return _solve_raised(overlap, hamiltonian)
    from scipy.linalg import lapack  # a fifth of a second of start-up

    complex_ = np.iscomplexobj(overlap)
    solver = lapack.zhegvd if complex_ else lapack.dsygvd
    # a transposed C array is a Fortran array, without a copy, of the conjugate matrix
    energy, columns, info = solver(hamiltonian.T, overlap.T)
    if info > len(overlap):
        raise IndefiniteOverlapError
    if info:
        raise np.linalg.LinAlgError(f"eigenvalues not found (LAPACK info {info})")
    return energy, columns.conj() if complex_ else columns


def _solve_raised(overlap: NDArray[Any], hamiltonian: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[Any]]:
    value, column = np.linalg.eigh(overlap)
    root = column / np.sqrt(np.maximum(value, _SMALLEST_OVERLAP))
    orthogonal = root.conj().T @ hamiltonian @ root
    energy, states = np.linalg.eigh(orthogonal)
    return energy, root @ states

"""From states to coirreps: which irreducible corepresentations the levels at a momentum are.

Nothing here knows where the states come from: a tight-binding sketch, or a first-principles calculation that printed
the traces of its operations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topofuse.symmetry.tables import FRACTION, Momentum, SymmetryTable

DEGENERATE = 1e-5  # eV; levels this close are one set, unless symmetry needs more of them
# Where levels of a set lie apart by numerical errors, their traces are of no representation: such a set is joined with
# neighbours up to these distances (eV), one after the other.
_JOINED = (1e-4, 1e-3, 4e-3)
_ROUNDING = 0.05  # by which a multiplicity may differ from an integer


class RepresentationError(ValueError):
    """States that are no representation of the little group; the message says where."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """Where the operations of a table stand among the operations of somebody else, and how their traces differ.

    operations: (g,) index among the other operations; signs: (g,) ±1 of the rotations of the spin
    shifts: (g, 3) the other translations minus the table's, lattice vectors of the primitive cell
    """

    operations: NDArray[np.int64]
    signs: NDArray[np.float64]
    shifts: NDArray[np.float64]

    @classmethod
    def with_table(
        cls,
        table: SymmetryTable,
        rotations: NDArray[np.int64],
        translations: NDArray[np.float64],
        spins: NDArray[np.complex128],
    ) -> Alignment:
        """Compare with operations (h, 3, 3), (h, 3) and their spin rotations (h, 2, 2) in the same axes.

        Raises ValueError where the operations are not those of the table's group, setting and axes.
        """
        place = {np.asarray(w, dtype=np.int64).tobytes(): i for i, w in enumerate(rotations)}
        missing = [w for w in table.rotations if w.tobytes() not in place]
        if missing:
            raise ValueError(f"space group {table.spacegroup} has the operation {missing[0].tolist()}; it is not given")
        index = np.array([place[w.tobytes()] for w in table.rotations])
        shifts = translations[index] - table.translations
        signs = np.einsum("gst,gst->g", table.spins.conj(), spins[index]).real / 2
        if np.abs(shifts - np.rint(shifts)).max() > 1 / (2 * FRACTION):
            raise ValueError(f"translations are not those of the standard setting of space group {table.spacegroup}")
        if np.abs(np.abs(signs) - 1).max() > 1e-3:
            raise ValueError("the spin rotations are not in the axes of the standardised lattice")
        return cls(index, np.sign(signs), np.rint(shifts))

    def factors(self, momentum: Momentum) -> NDArray[np.complex128]:
        """(c,) by which traces of the other operations are multiplied to be those of the momentum's operations."""
        own = momentum.operations
        phases: NDArray[np.complex128] = np.exp(2j * np.pi * self.shifts[own] @ momentum.k)
        return self.signs[own] * phases


@dataclass(frozen=True, eq=False)
class Levels:
    """The states at one star of momenta as coirreps: l of them, ascending in energy.

    star: index of the star in the table; below: (c,) multiplicities of what lies beneath the first level
    energy: (l,) eV; coirrep: (l,) which of the star's; set: (l,) number of the degenerate set that it is part of
    set_of_state: (s,) the set of each state that was identified
    """

    star: int
    below: NDArray[np.int64]
    energy: NDArray[np.float64]
    coirrep: NDArray[np.int64]
    set: NDArray[np.int64]
    set_of_state: NDArray[np.int64]


def identify(
    table: SymmetryTable,
    momentum: Momentum,
    energy: NDArray[np.float64],
    traces: NDArray[np.complex128],
    below: NDArray[np.complex128] | None = None,
    electrons: int = 0,
    split: float = _JOINED[-1],
) -> Levels:
    """The coirreps of states with energies (s,) ascending, eV.

    traces: (c, s) expectation values of `momentum.operations`, in the table's convention (`Alignment`)
    below: (c,) traces over all states beneath these; None if there are none
    electrons: that the levels, with all beneath, have to hold
    split: eV, the farthest that levels of a set may lie apart by numerical errors
    States from the first set on that is no representation are left out: the last set may be given in part, and high
    states of a poor basis may be wrong. Raises `RepresentationError` where too few are left.
    """
    star = table.stars[momentum.star]
    nothing = np.zeros(len(star.dimensions), dtype=np.int64)
    base, whole = (nothing, True) if below is None else _whole(momentum.from_traces @ below)
    if not whole:
        raise RepresentationError(f"the states beneath those at {star.label} are no coirreps")
    sets, multiplicities = _sets(star.dimensions, momentum.from_traces, energy, traces, split)
    hold = int((base + multiplicities.sum(0)) @ star.dimensions)
    if hold < electrons or not len(multiplicities):
        raise RepresentationError(f"only {hold} of {electrons} electrons at {star.label} are in states of coirreps")
    mean = np.bincount(sets, energy[: len(sets)]) / np.bincount(sets)
    owner, coirrep = np.nonzero(multiplicities)
    times = multiplicities[owner, coirrep]
    owner, coirrep = np.repeat(owner, times), np.repeat(coirrep, times)
    return Levels(momentum.star, base, mean[owner], coirrep, owner, sets)


def _whole(values: NDArray[np.complex128]) -> tuple[NDArray[np.int64], bool]:
    nearest = np.rint(values.real).astype(np.int64)
    return nearest, bool(np.abs(values - nearest).max() < _ROUNDING and (nearest >= 0).all())


def _sets(
    dimensions: NDArray[np.int64],
    from_traces: NDArray[np.complex128],
    energy: NDArray[np.float64],
    traces: NDArray[np.complex128],
    split: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number of the degenerate set of each state, and (sets, c) multiplicities of the coirreps in each.

    As many states and sets as come before the first set that is no representation.
    """
    apart = np.diff(energy)
    ends = apart > DEGENERATE
    wider = (split,) if split > _JOINED[-1] else ()
    for distance in (*_JOINED, *wider, 0.0):
        starts = np.concatenate([[0], np.flatnonzero(ends) + 1])
        size = np.diff([*starts, len(energy)])
        count = np.add.reduceat(traces, starts, axis=1).T @ from_traces.T
        nearest = np.rint(count.real).astype(np.int64)
        bad = (np.abs(count - nearest).max(1) > _ROUNDING) | (nearest < 0).any(1) | (nearest @ dimensions != size)
        sets = np.concatenate([[0], np.cumsum(ends)])
        if not bad.any():
            break
        ends &= ~((bad[sets[1:]] | bad[sets[:-1]]) & (apart < distance))
    good = int(bad.argmax()) if bad.any() else len(bad)
    return sets[sets < good], nearest[:good]

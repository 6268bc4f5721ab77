"""From the band sketch to coirreps: the levels with spin-orbit coupling at the momenta that symmetry fixes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topofuse.symmetry import Alignment, Levels, SymmetryTable, identify
from topofuse.tightbinding.sketch import Sketch

_ONE_SET = 2e-5  # eV; levels without spin-orbit coupling that are this close are one set
_DECIMALS = 6  # of weights, so that a tie between two sets is not decided by rounding errors


@dataclass(frozen=True, eq=False)
class StarLevels:
    """The levels of a star, and which of them move together.

    rigid: (l,) the set of levels without spin-orbit coupling that a level has the largest part of
    """

    levels: Levels
    rigid: NDArray[np.int64]


def star_levels(sketch: Sketch, table: SymmetryTable) -> list[StarLevels]:
    """The levels of every star of the table, from a sketch at the momenta that symmetry fixes.

    Raises `RepresentationError` where the sketch's states are no representations, which overlapping atoms may bring.
    """
    operators = sketch.operators
    alignment = Alignment.with_table(table, operators.rotations, operators.translations, operators.spinors)
    stars = []
    for point, momentum in enumerate(table.representatives):
        traces, below = _traces(sketch, point, alignment.operations[momentum.operations])
        factors = alignment.factors(momentum)
        traces, below = traces * factors[:, None], below * factors
        levels = identify(table, momentum, sketch.spin[point].energy, traces, below, 2 * sketch.filled)
        stars.append(StarLevels(levels, _rigid(sketch, point, levels)))
    return stars


def _traces(
    sketch: Sketch, point: int, operations: NDArray[np.int64]
) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    """(c, s) expectation values of operations in the levels with spin, and (c,) traces over all bands beneath them."""
    spin, spinors = sketch.spin[point], sketch.operators.spinors[operations]
    beneath = sketch.beneath(point, operations) * np.trace(spinors, axis1=1, axis2=2)
    width = len(spin.states)
    moved = sketch.in_window(point, operations) @ spin.states.reshape(width, -1)  # (c, w, 2·2w)
    moved = spinors[:, None] @ moved.reshape(len(operations), width, 2, -1)
    return (spin.states.conj() * moved).sum((1, 2)), beneath


def _rigid(sketch: Sketch, point: int, levels: Levels) -> NDArray[np.int64]:
    spin = sketch.spin[point]
    width = len(spin.states)
    energy = sketch.bands.energy[point][spin.first : spin.first + width]
    parent = np.concatenate([[0], np.cumsum(np.diff(energy) > _ONE_SET)])
    share = (spin.states.real**2 + spin.states.imag**2).sum(1)  # (bands, levels)
    of_parent = np.add.reduceat(share, np.flatnonzero(np.diff(parent, prepend=-1)), axis=0)
    of_parent = of_parent[:, : len(levels.set_of_state)]
    of_set = np.add.reduceat(of_parent, np.flatnonzero(np.diff(levels.set_of_state, prepend=-1)), axis=1)
    chosen: NDArray[np.int64] = np.round(of_set / of_set.sum(0), _DECIMALS).argmax(0)[levels.set]
    return chosen

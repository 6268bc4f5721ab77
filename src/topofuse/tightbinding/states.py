"""From the band sketch to coirreps: the levels with spin-orbit coupling at the momenta that symmetry fixes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal
from topofuse.symmetry import Alignment, Levels, Momentum, SymmetryTable, identify, symmetry_table
from topofuse.tightbinding.sampling import Sampling, same_momentum
from topofuse.tightbinding.sketch import MAX_FIXED_ORBITALS, NoSketch, Sketch, sketch_at

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
    """The levels of every star of the table.

    Raises `RepresentationError` where the sketch's states are no representations, which overlapping atoms may bring.
    """
    operators = sketch.operators
    alignment = Alignment.of(table, operators.rotations, operators.translations, operators.spinors)
    sampled = sampled_momenta(sketch.sampling, table)
    found = []
    for star in range(len(table.stars)):
        point, momentum = sampled[star]
        traces, below = _traces(sketch, point, alignment.operations[momentum.operations])
        factors = alignment.factors(momentum)
        traces, below = traces * factors[:, None], below * factors
        levels = identify(table, momentum, sketch.spin[point].energy, traces, below, 2 * sketch.filled)
        found.append(StarLevels(levels, _rigid(sketch, point, levels)))
    return found


def fixed_sketch_of(crystal: SymmetricCrystal) -> Sketch | NoSketch:
    """A sketch that has what `star_levels` asks for and no more, for cells of up to `MAX_FIXED_ORBITALS` orbitals."""
    return sketch_at(crystal, lambda sampling: _fixed(sampling, symmetry_table(crystal.spacegroup)), MAX_FIXED_ORBITALS)


@lru_cache(maxsize=1024)
def _fixed(sampling: Sampling, table: SymmetryTable) -> Sampling:
    """One momentum of every star, shared by crystals with the same sampling."""
    return sampling.only(np.unique([point for point, _ in sampled_momenta(sampling, table)]))


@lru_cache(maxsize=1024)
def sampled_momenta(sampling: Sampling, table: SymmetryTable) -> tuple[tuple[int, Momentum], ...]:
    """For every star the first point of a sketch that is a momentum of it, and which one."""
    found = []
    for star in range(len(table.stars)):
        own = [m for m in table.momenta if m.star == star]
        equal = same_momentum(sampling.points[:, None], np.array([m.k for m in own]))
        if not equal.any():
            raise ValueError(f"the sketch has no momentum of the star {table.stars[star].label}")
        point = int(equal.any(1).argmax())
        found.append((point, own[int(equal[point].argmax())]))
    return tuple(found)


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

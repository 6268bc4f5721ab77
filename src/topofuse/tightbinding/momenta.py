"""What the sketch's levels are at the momenta that symmetry fixes: coirreps, parities, exchanges; for people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal
from topofuse.symmetry import SymmetryTable
from topofuse.symmetry.zones import labelled_momenta
from topofuse.tightbinding.indicators import even_share, parity_exchange_at
from topofuse.tightbinding.sketch import Sketch
from topofuse.tightbinding.states import StarLevels

_PURE = 0.01  # share of the other parity up to which a set of levels has one parity


@dataclass(frozen=True, eq=False)
class MomentumLevels:
    """The l levels with spin-orbit coupling near the filling at one special momentum, ascending in energy.

    label: of the star, as `symmetry.zones.momenta` has it; k: (3,) one of its momenta, in the reciprocal basis
    time_reversal_invariant: whether the momentum equals its opposite
    energy: (l,) eV; dimension: (l,) states of the level; coirrep: (l,) which of the momentum's in the symmetry table,
        from 1 (the numbers are the table's own); filled: (l,) share of its states that is occupied
    parity: (l,) 1 even, -1 odd, 0 where the level holds both, or there is no inversion here
    odd_pairs: pairs of states of odd parity among the occupied ones, without and with spin-orbit coupling; None where
        there is no inversion here, or the filling cuts a level
    exchange: smallest energy between an occupied level and an empty one of the opposite parity, eV, or None
    """

    label: str
    k: NDArray[np.float64]
    time_reversal_invariant: bool
    energy: NDArray[np.float64]
    dimension: NDArray[np.int64]
    coirrep: NDArray[np.int64]
    parity: NDArray[np.int64]
    filled: NDArray[np.float64]
    odd_pairs: tuple[int | None, int | None]
    exchange: float | None

    @property
    def inverted(self) -> bool:
        """Whether spin-orbit coupling exchanges levels of opposite parity across the filling."""
        without, with_spin = self.odd_pairs
        return without is not None and with_spin is not None and without != with_spin


def momentum_levels(
    crystal: SymmetricCrystal, sketch: Sketch, table: SymmetryTable, stars: list[StarLevels]
) -> list[MomentumLevels]:
    """One for each star of the table, Γ first; stars: those that `star_levels` gives."""
    labels = [star.label for star in table.stars]
    _, named = labelled_momenta(crystal)
    for name, k in reversed(named.items()):  # of several names in a star the first counts: F, not F_2
        momentum = table.find(k)
        if momentum is not None:
            labels[momentum.star] = name
    return [_at(sketch, table, levels, star, labels[star]) for star, levels in enumerate(stars)]


def _at(sketch: Sketch, table: SymmetryTable, star: StarLevels, point: int, label: str) -> MomentumLevels:
    levels, k = star.levels, sketch.sampling.points[point]
    dimensions = table.stars[levels.star].dimensions
    dimension = dimensions[levels.coirrep]
    invariant = bool(np.abs(2 * k - np.rint(2 * k)).max() < 1e-5)
    with_parity = invariant and sketch.operators.inversion is not None
    parity = np.zeros(len(levels.energy), dtype=np.int64)
    if with_parity:
        even = even_share(sketch, point)[: len(levels.set_of_state)]
        mean = (np.bincount(levels.set_of_state, even) / np.bincount(levels.set_of_state))[levels.set]
        parity = (mean > 1 - _PURE).astype(np.int64) - (mean < _PURE)
    # levels of one set share its electrons
    of_set = np.bincount(levels.set, dimension)
    before = np.cumsum(of_set) - of_set + int(levels.below @ dimensions)
    share = np.clip((2 * sketch.filled - before) / of_set, 0, 1)
    return MomentumLevels(
        label,
        k,
        invariant,
        levels.energy,
        dimension,
        levels.coirrep + 1,
        parity,
        share[levels.set],
        _odd_pairs(sketch, point) if with_parity else (None, None),
        parity_exchange_at(sketch, point) if with_parity else None,
    )


def _odd_pairs(sketch: Sketch, point: int) -> tuple[int | None, int | None]:
    inversion = np.flatnonzero(sketch.operators.characters == -3)[:1]
    traces = sketch.traces(point, inversion)[:, 0].real
    # without spin-orbit coupling a state without spin stands for a pair
    pairs = [(sketch.filled - traces[0]) / 2, (2 * sketch.filled - traces[1]) / 4]
    without, with_spin = (round(n) if abs(n - round(n)) < _PURE else None for n in pairs)
    return without, with_spin

"""From states to a class, by the analysis that judges the sketch too, and where the answer is too close to call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topofuse.confirm.engine import StarStates
from topofuse.confirm.settings import CLOSE
from topofuse.labels import FIVE
from topofuse.symmetry import Diagnosis, Levels, SymmetryTable, diagnose, identify


@dataclass(frozen=True)
class StarFilling:
    """Where the electrons end at a star.

    label: of the star; gap: eV between the last filled and the first empty level, 0 where a level is cut, infinite
        where the levels above or all levels are unknown
    held, size: electrons in the level where the filling ends, and how many it can hold; 0 where it is unknown
    certain: whether no other order of levels within `CLOSE` would turn a cut into a gap, or a gap into a cut
    """

    label: str
    gap: float
    held: int
    size: int
    certain: bool

    @property
    def cut(self) -> bool:
        """Whether the filling ends inside a degenerate level."""
        return self.held < self.size


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the states of a crystal say.

    diagnosis: as the levels stand; fillings: one per star
    """

    diagnosis: Diagnosis
    fillings: tuple[StarFilling, ...]

    @property
    def as_computed(self) -> str:
        """The class as the levels stand, however close they are."""
        return FIVE[self.diagnosis.verdict]

    @property
    def too_close(self) -> tuple[StarFilling, ...]:
        """Fillings that make the class uncertain: none if a level is cut for certain at another star."""
        if any(filling.cut and filling.certain for filling in self.fillings):
            return ()
        return tuple(filling for filling in self.fillings if not filling.certain)

    @property
    def label(self) -> str | None:
        """The class; None where it is too close to call."""
        return None if self.too_close else self.as_computed

    @property
    def gap(self) -> float:
        """eV, the smallest of the gaps."""
        return min(filling.gap for filling in self.fillings)


def levels_of(table: SymmetryTable, stars: Sequence[StarStates], electrons: int) -> list[Levels]:
    """The coirreps of states; `RepresentationError` where they are none.

    GPAW's grids split degenerate levels by up to 0.01 eV. What lies farther apart than `CLOSE` is different.
    """
    return [
        identify(table, table.momenta[one.momentum], one.energy, one.traces, electrons=electrons, split=CLOSE)
        for one in stars
    ]


def judge(table: SymmetryTable, levels: Sequence[Levels], electrons: int) -> Verdict:
    """The verdict on the lowest `electrons` states of every star."""
    return Verdict(diagnose(table, levels, electrons), tuple(_filling(table, one, electrons) for one in levels))


def _filling(table: SymmetryTable, levels: Levels, electrons: int) -> StarFilling:
    star = table.stars[levels.star]
    if not len(levels.energy):
        return StarFilling(star.label, float("inf"), 0, 0, True)
    dimensions = star.dimensions[levels.coirrep]
    size = np.bincount(levels.set, dimensions).astype(int)
    energy = np.bincount(levels.set, levels.energy) / np.bincount(levels.set)
    ends = np.cumsum(size) + int(levels.below @ star.dimensions)
    last = int(np.searchsorted(ends, electrons))
    held = int(electrons - (ends[last] - size[last]))
    if held == size[last]:
        gap = float(energy[last + 1] - energy[last]) if last + 1 < len(energy) else float("inf")
        return StarFilling(star.label, gap, held, int(size[last]), gap > CLOSE)
    near = np.abs(energy - energy[last]) <= CLOSE
    before = int(size[near & (np.arange(len(size)) < last)].sum())
    certain = before + held not in _sums(dimensions[near[levels.set]])
    return StarFilling(star.label, 0.0, held, int(size[last]), certain)


def _sums(dimensions: NDArray[np.int64]) -> set[int]:
    """All sums of some of the numbers."""
    sums = {0}
    for one in dimensions.tolist():
        sums |= {total + one for total in sums}
    return sums

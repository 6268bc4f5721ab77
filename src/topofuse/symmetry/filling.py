"""Whether electrons can fill whole levels: what the space group and their number alone say of a Brillouin zone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal
from topofuse.crystals.elements import valence_electrons
from topofuse.symmetry.zones import TRICLINIC, extended_bravais, group_facts, zone

_REACH = 512  # beyond, every multiple of the greatest common divisor is a sum


@dataclass(frozen=True)
class MomentumFacts:
    """A special momentum with spin-orbit coupling and time reversal.

    order: operations in the little co-group; dimensions: {dimension of a level: kinds of such levels}
    fits: whether the electrons can fill whole levels there
    """

    label: str
    time_reversal_invariant: bool
    order: int
    dimensions: dict[int, int]
    fits: bool


@dataclass(frozen=True)
class ZoneFacts:
    """The Brillouin zone of the crystal and its filling.

    electrons: valence electrons in the primitive cell
    atomic_filling: every atomic insulator of this space group has a multiple of this many
    atomic_limit: whether atoms on the space group's sites can make an insulator with so many electrons
    indicators: orders of the symmetry-indicator group's factors, (2, 2, 2, 4) for Z2×Z2×Z2×Z4; empty: no indicators
    lines_that_fit, lines: of the lines of the path, those on which the electrons can fill whole levels; all
    """

    electrons: int
    atomic_filling: int
    atomic_limit: bool
    indicators: tuple[int, ...]
    momenta: tuple[MomentumFacts, ...]
    lines_that_fit: int
    lines: int

    @property
    def forced(self) -> tuple[str, ...]:
        """Momenta at which no gap is possible, because the electrons cannot fill whole levels."""
        return tuple(m.label for m in self.momenta if not m.fits)


def zone_facts(crystal: SymmetricCrystal) -> ZoneFacts:
    """What is known of the zone of a crystal."""
    electrons = int(valence_electrons(crystal.primitive.numbers).sum())
    shape = extended_bravais(crystal.spacegroup, crystal.centering, crystal.conventional_lattice)
    table, group = zone(crystal.spacegroup, shape), group_facts(crystal.spacegroup)
    # which triclinic momentum is which depends on the cell, but all but GAMMA are alike: two-fold everywhere
    labels = table.labels if shape != TRICLINIC else ("GAMMA", *["other"] * (len(table.labels) - 1))
    unfilled = Filling.from_dimensions(little.double for little in table.nodes).unfilled(electrons)
    momenta = tuple(
        MomentumFacts(label, trim, little.order, dict(sorted(little.double.items())), not bool(bad))
        for label, trim, little, bad in zip(labels, table.trim, table.nodes, unfilled, strict=True)
    )
    lines_unfilled = Filling.from_dimensions(line[4].double for line in table.lines).unfilled(electrons)
    return ZoneFacts(
        electrons=electrons,
        atomic_filling=group.atomic_filling,
        atomic_limit=atomic_limit(electrons, group.orbit_sizes),
        indicators=group.indicators,
        momenta=momenta,
        lines_that_fit=int((~lines_unfilled).sum()),
        lines=len(table.lines),
    )


@dataclass(frozen=True, eq=False)
class Filling:
    """Which numbers of electrons fill whole levels, at m momenta.

    gcds, largest: (m,) greatest common divisor, and maximum, of the dimensions of a momentum's levels
    reachable: (m, _REACH + 1) whether so many electrons are a sum of dimensions
    """

    gcds: NDArray[np.int64]
    largest: NDArray[np.int64]
    reachable: NDArray[np.bool_]

    @classmethod
    def from_dimensions(cls, dimensions: Iterable[Iterable[int]]) -> Filling:
        """From the dimensions of the levels of each momentum."""
        sets = [tuple(d) for d in dimensions]
        return cls(
            np.array([gcd(*d) for d in sets]), np.array([max(d) for d in sets]), np.array([_sums(d) for d in sets])
        )

    def unfilled(self, n: int) -> NDArray[np.bool_]:
        """(m,) whether n electrons cannot fill whole levels."""
        return ~self.reachable[:, n] if n <= _REACH else n % self.gcds != 0

    def rest(self, n: int) -> NDArray[np.float64]:
        """(m,) electrons beyond whole multiples of the gcd, over the gcd."""
        return (n % self.gcds) / self.gcds


def atomic_limit(electrons: int, orbit_sizes: Iterable[int]) -> bool:
    """Whether pairs of electrons on orbits of these sizes, each used any number of times, can be so many electrons."""
    return electrons % 2 == 0 and is_sum(electrons // 2, orbit_sizes)


def is_sum(n: int, parts: Iterable[int]) -> bool:
    """Whether n is a sum of `parts`, each used any number of times."""
    distinct = tuple(sorted(set(parts)))
    return bool(_sums(distinct)[n]) if n <= _REACH else n % gcd(*distinct) == 0


@lru_cache(maxsize=2048)
def _sums(parts: tuple[int, ...]) -> NDArray[np.bool_]:
    """(_REACH + 1,) whether n is a sum of `parts`, each used any number of times."""
    reach = np.zeros(_REACH + 1, dtype=bool)
    reach[0] = True
    for part in parts:
        for n in range(part, _REACH + 1):
            reach[n] |= reach[n - part]
    return reach

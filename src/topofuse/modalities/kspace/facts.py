"""What the space group and the electron count alone say of a crystal's Brillouin zone, for people to read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from topofuse.crystals import SymmetricCrystal
from topofuse.modalities.base import Part
from topofuse.modalities.elements import valence_electrons
from topofuse.modalities.kspace.graph import EDGE_FEATURES, NODE_FEATURES, TABLE_NAMES, extract
from topofuse.modalities.kspace.irreps import TRICLINIC, extended_bravais, group_facts, zone


@dataclass(frozen=True)
class Momentum:
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
    momenta: tuple[Momentum, ...]
    lines_that_fit: int
    lines: int

    @property
    def forced(self) -> tuple[str, ...]:
        """Momenta at which no gap is possible, because the electrons cannot fill whole levels."""
        return tuple(m.label for m in self.momenta if not m.fits)


def zone_facts(crystal: SymmetricCrystal, part: Part | None = None) -> ZoneFacts:
    """What is known of the zone of a crystal.

    part: the k-space modality of the crystal with its graph, where that is at hand
    """
    part = extract(crystal) if part is None or "node.features" not in part else part
    shape = extended_bravais(crystal.spacegroup, crystal.centering, crystal.conventional_lattice)
    found, facts = zone(crystal.spacegroup, shape), group_facts(crystal.spacegroup)
    unfilled = np.asarray(part["node.features"], dtype=float)[:, NODE_FEATURES.index("double_unfilled")] > 0
    # which triclinic momentum is which depends on the cell, but all but GAMMA are alike: two-fold everywhere
    labels = found.labels if shape != TRICLINIC else ("GAMMA", *["other"] * (len(found.labels) - 1))
    momenta = tuple(
        Momentum(label, trim, little.order, dict(sorted(little.double.items())), not bool(bad))
        for label, trim, little, bad in zip(labels, found.trim, found.nodes, unfilled, strict=True)
    )
    lines = np.asarray(part["edge.features"])[: len(found.lines), EDGE_FEATURES.index("double_unfilled")]
    table = np.asarray(part["table"])[0]
    return ZoneFacts(
        electrons=int(valence_electrons(crystal.primitive.numbers).sum()),
        atomic_filling=facts.atomic_filling,
        atomic_limit=not bool(table[TABLE_NAMES.index("violates_atomic_limit")]),
        indicators=facts.indicators,
        momenta=momenta,
        lines_that_fit=int((lines == 0).sum()),
        lines=len(found.lines),
    )

"""What the space group, the electrons and the band sketch say of a crystal, without any learning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import spglib

from topofuse.crystals import SymmetricCrystal
from topofuse.modalities.bands.features import (
    CROSSING_LINE,
    DEGENERATE_POINT,
    HIGHER_ORDER,
    STRONG_OR_WEAK,
    TRIVIAL,
)
from topofuse.modalities.base import Part
from topofuse.modalities.elements import valence_electrons
from topofuse.modalities.kspace.graph import EDGE_FEATURES, NODE_FEATURES
from topofuse.modalities.kspace.irreps import TRICLINIC, extended_bravais, group_facts, zone
from topofuse.modalities.registry import modality

_VERDICTS = {
    TRIVIAL: "trivial",
    DEGENERATE_POINT: "a semimetal: the filling ends inside a degenerate level at a special momentum",
    CROSSING_LINE: "a semimetal: occupied states do not match at the ends of a line, so bands cross on it",
    STRONG_OR_WEAK: "a topological insulator: parities give a strong or weak index",
    HIGHER_ORDER: "a topological crystalline insulator: parities give a higher-order index",
}


@dataclass(frozen=True)
class Momentum:
    """A special momentum with spin-orbit coupling and time reversal.

    dimensions: {dimension of a level: kinds of such levels}; fits: whether the electrons can fill whole levels there
    """

    label: str
    time_reversal_invariant: bool
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


@dataclass(frozen=True)
class SketchFacts:
    """The tight-binding sketch with spin-orbit coupling. Its gaps are far too wide; energies in eV.

    verdict: in words; nontrivial: whether it is another than trivial; verdict_without: the same without the coupling
    point_gap: smallest gap at special momenta; direct_gap: also inside the lines, without the coupling
    z4, rotoinversion: indicators, None where the crystal lacks the symmetry; orbitals: in the cell
    """

    verdict: str
    nontrivial: bool
    verdict_without: str
    point_gap: float
    direct_gap: float
    crossing_lines: int
    z4: int | None
    rotoinversion: int | None
    orbitals: int


def symbol_of(crystal: SymmetricCrystal) -> str:
    """Hermann-Mauguin symbol of the space group, e.g. 'R-3m'."""
    kind = spglib.get_spacegroup_type(crystal.hall_number)
    if kind is None:
        raise ValueError(f"spglib knows no Hall number {crystal.hall_number}")
    return str(kind.international_short)


def zone_facts(crystal: SymmetricCrystal, part: Part | None = None) -> ZoneFacts:
    """part: the k-space modality of the crystal with its graph, where that is at hand."""
    part = modality("kspace").extract(crystal) if part is None or "node.features" not in part else part
    shape = extended_bravais(crystal.spacegroup, crystal.centering, crystal.conventional_lattice)
    found, facts = zone(crystal.spacegroup, shape), group_facts(crystal.spacegroup)
    unfilled = np.asarray(part["node.features"], dtype=float)[:, NODE_FEATURES.index("double_unfilled")] > 0
    # which triclinic momentum is which depends on the cell, but all but GAMMA are alike: two-fold everywhere
    labels = found.labels if shape != TRICLINIC else ("GAMMA", *["other"] * (len(found.labels) - 1))
    momenta = tuple(
        Momentum(label, trim, dict(sorted(little.double.items())), not bool(bad))
        for label, trim, little, bad in zip(labels, found.trim, found.nodes, unfilled, strict=True)
    )
    lines = np.asarray(part["edge.features"])[: len(found.lines), EDGE_FEATURES.index("double_unfilled")]
    table = np.asarray(part["table"])[0]
    names = modality("kspace").table_names
    return ZoneFacts(
        electrons=int(valence_electrons(crystal.primitive.numbers).sum()),
        atomic_filling=facts.atomic_filling,
        atomic_limit=not bool(table[names.index("violates_atomic_limit")]),
        indicators=facts.indicators,
        momenta=momenta,
        lines_that_fit=int((lines == 0).sum()),
        lines=len(found.lines),
    )


def sketch_facts(crystal: SymmetricCrystal, part: Part | None = None) -> SketchFacts | None:
    """None where there is no sketch (odd number of electrons, more than 60 orbitals, noble gases)."""
    part = modality("bands").extract(crystal) if part is None else part
    row = dict(zip(modality("bands").table_names, np.asarray(part["table"])[0].tolist(), strict=True))
    if np.isnan(row["orbitals"]):
        return None

    def whole(name: str) -> int | None:
        return None if np.isnan(row[name]) else round(row[name])

    verdict = round(row["verdict_soc"])
    return SketchFacts(
        verdict=_VERDICTS[verdict],
        nontrivial=verdict != TRIVIAL,
        verdict_without=_VERDICTS[round(row["verdict"])],
        point_gap=row["point_gap_min_soc"],
        direct_gap=row["direct_gap"],
        crossing_lines=round(row["crossing_lines_soc"]),
        z4=whole("z4_soc"),
        rotoinversion=whole("rotoinversion_soc"),
        orbitals=round(row["orbitals"]),
    )

"""Is the crystal itself one of the training materials? Then its first-principles class is known, and is said first.

Two crystals count as the same where formula, space group and atoms in the primitive cell agree, the volume per atom to
15 %, and the numbers of `crystals.fingerprint` to 5 % on average; of several, the closest is named. How often that is
wrong, and how often it misses: docs/trust.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.facts import CrystalFacts
from topofuse.crystals.formula import reduced_formula

COLUMNS = ("known_class", "known_id", "known_source", "known_link")
MOST_VOLUME = 0.15  # relative difference of the volume per atom
MOST_DISTANCE = 0.05  # mean relative difference of the fingerprints
_UNIT = 1e-4  # of the fingerprints as they are stored
_MATERIALS_PROJECT = "https://materialsproject.org/materials/"
_MATERIAE = "http://materiae.iphy.ac.cn/materials/"


@dataclass(frozen=True, eq=False)
class KnownMaterials:
    """What tells n training materials apart.

    spacegroups: (n,) uint8; sizes: (n,) uint16, atoms in the primitive cell; volumes: (n,) float32, per atom, Å³
    fingerprints: (n, 24) uint16, `crystals.fingerprint` in units of 1e-4
    sources: n times where the class was looked up, e.g. 'Materiae MAT00027346'; '' where the data set does not say
    """

    spacegroups: NDArray[np.uint8]
    sizes: NDArray[np.uint16]
    volumes: NDArray[np.float32]
    fingerprints: NDArray[np.uint16]
    sources: Sequence[str]

    @classmethod
    def from_facts(cls, facts: CrystalFacts, sources: Sequence[str]) -> KnownMaterials:
        """From the facts of the training materials, in their order."""
        codes = np.rint(facts.fingerprint / _UNIT).astype(np.uint16)
        return cls(
            spacegroups=facts.spacegroup.astype(np.uint8),
            sizes=facts.n_atoms.astype(np.uint16),
            volumes=facts.volume_per_atom.astype(np.float32),
            fingerprints=codes,
            sources=list(sources),
        )

    def difference(self, facts: CrystalFacts, index: int, rows: Sequence[int]) -> NDArray[np.float64]:
        """(len(rows),) how unlike the crystal at `index` of `facts` they are; infinite where it is another structure.

        The mean relative difference of the fingerprints, plus that of the volumes, which decides among equals.
        """
        chosen = np.asarray(rows, dtype=np.int64)
        stored = self.fingerprints[chosen] * _UNIT
        own = facts.fingerprint[index].astype(np.float64)
        whole = np.maximum(np.maximum(stored, own), _UNIT)
        unlike = (np.abs(stored - own) / whole).mean(axis=1)
        volume = facts.volume_per_atom[index]
        change = np.abs(self.volumes[chosen] - volume) / np.maximum(self.volumes[chosen], volume)
        same = (
            (self.spacegroups[chosen] == facts.spacegroup[index])
            & (self.sizes[chosen] == facts.n_atoms[index])
            & (change <= MOST_VOLUME)
            & (unlike <= MOST_DISTANCE)
        )
        return np.where(same, unlike + change, np.inf)


@dataclass(frozen=True, eq=False)
class Finder:
    """Finds a crystal among the training materials: their ids, reduced formulas, classes by name, what is known."""

    ids: Sequence[str]
    formulas: Sequence[str]
    classes: Sequence[str]
    known: KnownMaterials

    @cached_property
    def _rows(self) -> Mapping[str, list[int]]:
        rows: dict[str, list[int]] = {}
        for row, formula in enumerate(self.formulas):
            rows.setdefault(formula, []).append(row)
        return rows

    def find(self, facts: CrystalFacts, index: int) -> int | None:
        """The row of the training material that the crystal at `index` of `facts` is; None where it is none."""
        rows = self._rows.get(reduced_formula(facts.atoms(index)), [])
        if not rows:
            return None
        difference = self.known.difference(facts, index, rows)
        best = int(difference.argmin())
        return rows[best] if np.isfinite(difference[best]) else None

    def columns(self, facts: CrystalFacts) -> dict[str, list[Any]]:
        """The columns `COLUMNS` for all crystals; None where a crystal is no training material."""
        return {
            name: list(values)
            for name, values in zip(COLUMNS, zip(*(self._cells(facts, i) for i in range(len(facts))), strict=True),
                                    strict=True)
        }  # fmt: skip

    def _cells(self, facts: CrystalFacts, index: int) -> tuple[str | None, ...]:
        row = self.find(facts, index)
        if row is None:
            return (None,) * len(COLUMNS)
        source = self.known.sources[row]
        links = links_of(self.ids[row], source)
        return self.classes[row], self.ids[row], source or None, " ".join(links) or None


def links_of(material_id: str, source: str) -> list[str]:
    """Addresses of a training material's pages: in the Materials Project, and in the database of its class.

    >>> links_of("mp-541837", "Materiae MAT00027346")
    ['https://materialsproject.org/materials/mp-541837', 'http://materiae.iphy.ac.cn/materials/MAT00027346']
    """
    database, _, name = source.partition(" ")
    return [
        *([_MATERIALS_PROJECT + material_id] if re.fullmatch(r"mp-[a-z0-9]+", material_id) else []),
        *([_MATERIAE + name] if database == "Materiae" and re.fullmatch(r"MAT[0-9]+", name) else []),
    ]

"""What is known of crystals before any feature is computed: space group, atoms, volume; it travels beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.fingerprint import fingerprint
from topofuse.crystals.symmetry import SymmetricCrystal


@dataclass(frozen=True, eq=False)
class CrystalFacts:
    """Facts of n crystals.

    spacegroup: (n,) international numbers
    numbers: atomic numbers of the atoms of the primitive cells, one cell after the other, ascending in each
    offsets: (n + 1,) where each crystal's `numbers` begin, and their total
    volume_per_atom: (n,) Å³; fingerprint: (n, 24), see `crystals.fingerprint`
    """

    spacegroup: NDArray[np.int64]
    numbers: NDArray[np.int64]
    offsets: NDArray[np.int64]
    volume_per_atom: NDArray[np.float64]
    fingerprint: NDArray[np.float32]

    @classmethod
    def from_crystal(cls, crystal: SymmetricCrystal) -> CrystalFacts:
        """Facts of one crystal."""
        numbers = np.sort(crystal.primitive.numbers)
        volume = np.array([crystal.primitive.volume / len(numbers)])
        prints = fingerprint(crystal)[None]
        return cls(np.array([crystal.spacegroup]), numbers, np.array([0, len(numbers)]), volume, prints)

    @classmethod
    def concatenate(cls, parts: Sequence[CrystalFacts]) -> CrystalFacts:
        """Facts of all the crystals of `parts`, in order."""
        sizes = np.concatenate([part.n_atoms for part in parts])
        return cls(
            np.concatenate([part.spacegroup for part in parts]),
            np.concatenate([part.numbers for part in parts]),
            np.concatenate([[0], np.cumsum(sizes)]),
            np.concatenate([part.volume_per_atom for part in parts]),
            np.concatenate([part.fingerprint for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.spacegroup)

    @property
    def n_atoms(self) -> NDArray[np.int64]:
        """(n,) atoms in the primitive cells."""
        return np.diff(self.offsets)

    def atoms(self, index: int) -> NDArray[np.int64]:
        """Atomic numbers, ascending, of the atoms in the primitive cell of the crystal at `index`."""
        return self.numbers[self.offsets[index] : self.offsets[index + 1]]

    def select(self, rows: NDArray[np.integer]) -> CrystalFacts:
        """Facts of the crystals at `rows`, in that order."""
        cells = [self.atoms(int(row)) for row in rows]
        numbers = np.concatenate([*cells, self.numbers[:0]])
        offsets = np.concatenate([[0], np.cumsum([len(c) for c in cells])])
        return CrystalFacts(self.spacegroup[rows], numbers, offsets, self.volume_per_atom[rows], self.fingerprint[rows])

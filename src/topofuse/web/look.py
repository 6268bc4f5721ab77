"""A structure file → the material, for a model to see: all that is done before the model. Runs in worker processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from topofuse.crystals import CrystalError, SymmetricCrystal, analyse
from topofuse.crystals.read import read_structure
from topofuse.modalities.material import Material, material_of
from topofuse.modalities.store import Sample
from topofuse.screening.examine import uncomputable
from topofuse.trust.domain import odd_electrons


@dataclass(frozen=True)
class Look:
    """`Look(extractor)(path)` reads a file; `CrystalError` says why it cannot be used.

    extractor: features of one crystal as the model takes them; can be pickled
    """

    extractor: Callable[[SymmetricCrystal], list[Sample]]

    def __call__(self, path: Path) -> Material:
        """The material; without features where the number of electrons is odd."""
        try:
            crystal = analyse(read_structure(path))
            metal = odd_electrons(crystal.primitive.numbers)
            return material_of(crystal, None if metal else self.extractor)
        except (CrystalError, ImportError, MemoryError):
            raise
        except Exception as error:  # a bug, or arithmetic that one strange crystal defeats
            raise CrystalError(uncomputable(error)) from error

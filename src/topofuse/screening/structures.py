"""Structures as people hold them in Python: paths, pymatgen's `Structure`, ase's `Atoms`, crystals; one or many."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from topofuse.crystals import Crystal, CrystalError
from topofuse.crystals.read import find_structures, read_structure
from topofuse.crystals.text import refuse_moments
from topofuse.screening.entries import Entry, FileEntry

if TYPE_CHECKING:
    from ase import Atoms
    from pymatgen.core.structure import IStructure

StructureLike: TypeAlias = "str | os.PathLike[str] | Crystal | IStructure | Atoms"


@dataclass(frozen=True)
class StructureEntry:
    """A structure in memory, and what its row calls it; it can be sent to a worker process."""

    name: str
    structure: Any
    size: int = 0

    def crystal(self) -> Crystal:
        """The structure, checked; `CrystalError` with the reason."""
        return as_crystal(self.structure)


def as_crystal(structure: StructureLike) -> Crystal:
    """The crystal that a path names, or that an object of pymatgen or ase holds.

    Raises `CrystalError` with the reason: disorder, a cell that is not periodic in three directions, what
    `read_structure` and `Crystal.validated` refuse, and any other type.
    """
    if isinstance(structure, Crystal):
        return structure
    if isinstance(structure, str | os.PathLike):
        return read_structure(Path(structure))
    if _is_pymatgen(structure):
        return _from_pymatgen(structure)
    if _is_ase(structure):
        return _from_ase(structure)
    raise CrystalError(
        "a structure is a path, a pymatgen Structure, an ase Atoms or a topofuse Crystal, "
        f"not {type(structure).__name__!r}"
    )


def is_one(structures: object) -> bool:
    """Whether this is one structure; pymatgen's and ase's are sequences too, of atoms."""
    return isinstance(structures, str | os.PathLike | Crystal) or _is_pymatgen(structures) or _is_ase(structures)


def entries(structures: Iterable[StructureLike]) -> Iterator[Entry]:
    """What gets a row each, in order: the files behind paths (folders are searched), and structures in memory."""
    for index, structure in enumerate(structures):
        if isinstance(structure, str | os.PathLike):
            yield from map(FileEntry, find_structures([Path(structure)]))
        else:
            yield StructureEntry(f"structures[{index}]", structure)


def _is_pymatgen(structure: object) -> bool:
    # by what it has, not by its class, so that nothing need be imported to know
    return hasattr(structure, "lattice") and hasattr(structure, "frac_coords") and hasattr(structure, "is_ordered")


def _is_ase(structure: object) -> bool:
    return hasattr(structure, "get_scaled_positions") and hasattr(structure, "get_atomic_numbers")


def _from_pymatgen(structure: Any) -> Crystal:
    for site in structure:
        if not site.is_ordered:
            raise CrystalError(
                f"site {site.label} holds {site.species_string}: disordered structures cannot be classified"
            )
        moment = site.properties.get("magmom")
        if moment is not None:
            refuse_moments(
                np.atleast_1d(np.asarray(getattr(moment, "moment", moment), dtype=float)), f"site {site.label}"
            )
    if not all(structure.lattice.pbc):
        raise CrystalError("the structure is not periodic in all three directions (pymatgen: the lattice's pbc)")
    numbers = [getattr(site.specie, "Z", 0) for site in structure]
    return Crystal.validated(structure.lattice.matrix, numbers, structure.frac_coords)


def _from_ase(atoms: Any) -> Crystal:
    if atoms.cell.rank < 3 or not np.all(atoms.pbc):
        raise CrystalError("the structure is not periodic in all three directions (ase: pbc=True and a cell)")
    for index, moment in enumerate(np.asarray(atoms.get_initial_magnetic_moments(), dtype=float)):
        refuse_moments(np.atleast_1d(moment), f"atom {index + 1}")
    shares = getattr(atoms, "info", {}).get("occupancy") or {}
    if any(list(own.values()) != [1] for own in shares.values()):
        raise CrystalError("sites are mixed or partly occupied: disordered structures cannot be classified")
    return Crystal.validated(np.array(atoms.cell), atoms.get_atomic_numbers(), atoms.get_scaled_positions(wrap=False))

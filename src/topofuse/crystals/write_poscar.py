"""A crystal → POSCAR text, by ase's writer."""

from __future__ import annotations

from io import StringIO

from topofuse.crystals.crystal import Crystal


def poscar(crystal: Crystal, title: str) -> str:
    """VASP 5 POSCAR of `crystal`, fractional coordinates, under a title line; equal elements stand together."""
    from ase import Atoms  # half a second, which reading needs for few formats only
    from ase.io import write

    atoms = Atoms(crystal.numbers, cell=crystal.lattice, scaled_positions=crystal.frac_coords, pbc=True)
    text = StringIO()
    write(text, atoms, format="vasp", direct=True, sort=True)
    _, _, body = text.getvalue().partition("\n")
    return f"{' '.join(title.split())}\n{body}"

"""The symmetry of a crystal: its standardised primitive cell, space group, and orbits of atoms.

Every modality starts from the standardised primitive cell, which is what makes predictions
independent of the input's origin, rotation, atom order, and choice of cell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import spglib
from numpy.typing import NDArray

from topofuse.crystals.crystal import Crystal, CrystalError, empty_layers
from topofuse.crystals.neighbours import Neighbours, find_neighbours
from topofuse.crystals.operations import primitive_basis, symmetric_part

# The labels' database agrees with spglib on 99.8 % of the space groups at 0.1 Å, on 98.4 % at 0.01 Å.
spglib.error.OLD_ERROR_HANDLING = False  # failures raise SpglibError instead of returning None with a warning
SYMPRECS = (0.1, 0.03, 0.01, 0.001)
_EXACT = 1e-6  # Å; positions that obey the symmetry as well as that are left alone
MAX_GAP = 8.0  # Å; the widest empty layers along all three axes of a material of topomat are 4.6 Å (caesium)


@dataclass(frozen=True, eq=False)
class SymmetricCrystal:
    """A standardised primitive cell together with its symmetry.

    primitive: the cell in spglib's standard primitive setting, idealised; n atoms
    spacegroup: international number, 1 to 230
    hall_number: spglib's Hall number, 1 to 530
    pointgroup: Hermann-Mauguin symbol, e.g. 'm-3m'
    centering: one of P A C I F R
    conventional_lattice: (3, 3) row vectors of the standardised conventional cell, Å
    orbits: (n,) int64, index 0..m-1 of each atom's orbit under the space group
    orbit_atoms: (m,) int64, one representative atom per orbit
    orbit_sizes: (m,) int64, atoms of the orbit in the primitive cell
    wyckoffs: m Wyckoff letters
    site_symmetries: m site-symmetry symbols as spglib writes them, e.g. '-43m', '.m.'
    """

    primitive: Crystal
    spacegroup: int
    hall_number: int
    pointgroup: str
    centering: str
    conventional_lattice: NDArray[np.float64]
    orbits: NDArray[np.int64]
    orbit_atoms: NDArray[np.int64]
    orbit_sizes: NDArray[np.int64]
    wyckoffs: tuple[str, ...]
    site_symmetries: tuple[str, ...]

    @property
    def symbol(self) -> str:
        """Hermann-Mauguin symbol of the space group, e.g. 'R-3m'."""
        kind = spglib.get_spacegroup_type(self.hall_number)
        if kind is None:
            raise ValueError(f"spglib knows no Hall number {self.hall_number}")
        return str(kind.international_short)

    @property
    def n_orbits(self) -> int:
        """Number of symmetry-inequivalent sites."""
        return len(self.orbit_atoms)

    @property
    def orbit_numbers(self) -> NDArray[np.int64]:
        """(m,) atomic number of each orbit."""
        return self.primitive.numbers[self.orbit_atoms]

    @cached_property
    def neighbours(self) -> Neighbours:
        """Neighbours of the orbit representatives; found once, shared by the modalities."""
        return find_neighbours(self.primitive, self.orbit_atoms)

    @cached_property
    def empty_layers(self) -> NDArray[np.float64]:
        """(3,) widths of the widest empty layers along the axes of the primitive cell, Å."""
        return empty_layers(self.primitive.lattice, self.primitive.frac_coords)

    def distorted(self, deformation: NDArray[np.floating], neighbours: Neighbours) -> SymmetricCrystal:
        """The same symmetry assignment on a slightly distorted geometry (see `crystals.views`).

        deformation: (3, 3), applied to row vectors from the right
        neighbours: of the distorted crystal, in the order of this crystal's
        """
        lattice = self.primitive.lattice @ deformation
        copy = replace(
            self,
            primitive=Crystal(lattice, self.primitive.numbers, self.primitive.frac_coords),
            conventional_lattice=self.conventional_lattice @ deformation,
        )
        vars(copy)["neighbours"] = neighbours  # fills the cached property
        return copy


def analyse_at(crystal: Crystal, symprec: float) -> SymmetricCrystal | None:
    """The space group at one tolerance (Å), and the standardised cell; None where spglib finds none."""
    cell = (crystal.lattice.tolist(), crystal.frac_coords.tolist(), crystal.numbers.tolist())
    try:
        dataset = spglib.get_symmetry_dataset(cell, symprec=symprec)
    except spglib.SpglibError:  # another tolerance is tried; analyse() reports when all have failed
        return None
    if dataset is None:
        return None
    centering = dataset.international[0]
    basis = primitive_basis(centering)
    conventional = np.array(dataset.std_lattice)
    # one standardised atom for each atom of the primitive cell, and an input atom that it stands for
    _, std_atom = np.unique(dataset.std_mapping_to_primitive, return_index=True)
    labels, input_atom = np.unique(dataset.mapping_to_primitive, return_index=True)
    if len(labels) != len(std_atom):
        return None
    lattice = basis.T @ conventional
    to_primitive = np.linalg.inv(basis).T
    coords = np.array(dataset.std_positions)[std_atom] @ to_primitive
    given = (crystal.frac_coords @ np.array(dataset.transformation_matrix).T + dataset.origin_shift) @ to_primitive
    coords += _averaged_moves(given, np.searchsorted(labels, dataset.mapping_to_primitive), lattice, coords, dataset)
    primitive = Crystal(lattice, np.array(dataset.std_types, dtype=np.int64)[std_atom], coords % 1.0)
    _, orbit_atoms, orbits, sizes = np.unique(
        np.asarray(dataset.crystallographic_orbits)[input_atom],
        return_index=True,
        return_inverse=True,
        return_counts=True,
    )
    return SymmetricCrystal(
        primitive=primitive,
        spacegroup=int(dataset.number),
        hall_number=int(dataset.hall_number),
        pointgroup=str(dataset.pointgroup),
        centering=centering,
        conventional_lattice=conventional,
        orbits=orbits.astype(np.int64),
        orbit_atoms=orbit_atoms.astype(np.int64),
        orbit_sizes=sizes.astype(np.int64),
        wyckoffs=tuple(dataset.wyckoffs[input_atom[a]] for a in orbit_atoms),
        site_symmetries=tuple(dataset.site_symmetry_symbols[input_atom[a]] for a in orbit_atoms),
    )


def _averaged_moves(
    given: NDArray[np.float64],
    atom: NDArray[np.int64],
    lattice: NDArray[np.float64],
    coords: NDArray[np.float64],
    dataset: spglib.SpglibDataset,
) -> NDArray[np.float64]:
    """(n, 3) from spglib's ideal positions to those that the mean over all atoms and operations gives.

    spglib takes the ideal positions of an orbit from one of its atoms, so they depend on the order of atoms where these
    obey the symmetry only roughly. given: (m, 3) the atoms as they came, in the basis of the primitive cell; atom: (m,)
    the atom of the primitive cell that each one stands for; coords: (n, 3) the ideal positions
    """
    apart = given - coords[atom]
    apart -= np.rint(apart)
    if np.abs((apart - apart.mean(0)) @ lattice).max() < _EXACT:
        return np.zeros_like(coords)
    moves = np.zeros_like(coords)
    np.add.at(moves, atom, apart / np.bincount(atom)[atom, None])
    return symmetric_part(coords, moves, (dataset.hall_number, dataset.international[0]))


def _refuse_molecule(crystal: SymmetricCrystal) -> None:
    """`CrystalError` where empty layers wider than `MAX_GAP` cross all three axes of the cell: nothing is bonded on."""
    gaps = crystal.empty_layers
    if gaps.min() > MAX_GAP:
        raise CrystalError(
            f"its atoms are a molecule or cluster in an empty box ({gaps.min():.1f} Å and more to the next on all "
            "sides), not a crystal"
        )


def analyse(crystal: Crystal) -> SymmetricCrystal:
    """Find the space group and standardise the cell.

    Raises `CrystalError` where spglib finds no symmetry at any tolerance, and for a molecule in an empty box.
    """
    for symprec in SYMPRECS:
        symmetric = analyse_at(crystal, symprec)
        if symmetric is not None:
            _refuse_molecule(symmetric)
            return symmetric
    raise CrystalError(f"no space group found at tolerances {SYMPRECS} Å (do atoms coincide or the cell collapse?)")

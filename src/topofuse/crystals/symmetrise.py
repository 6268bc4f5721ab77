"""A crystal whose symmetry is only nearly there: made exact at a tolerance that a person chooses, and what moved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import spglib
from numpy.typing import NDArray

from topofuse.crystals.crystal import Crystal, CrystalError
from topofuse.crystals.symmetry import SymmetricCrystal, analyse_at

MOST = 1.0  # Å; with more, different atoms would become one


@dataclass(frozen=True)
class Moved:
    """What making the symmetry exact did.

    atoms: Å, the farthest that an atom moved; lengths: relative, the largest change of a length of the cell
    angles: degrees, the largest change of an angle of the cell
    """

    tolerance: float
    atoms: float
    lengths: float
    angles: float

    def __str__(self) -> str:
        return (
            f"made symmetric within {self.tolerance:g} Å: atoms moved by at most {self.atoms:.3f} Å, lengths of the "
            f"cell by {100 * self.lengths:.2f} %, angles by {self.angles:.2f} degrees"
        )


def symmetrise(crystal: Crystal, tolerance: float) -> tuple[SymmetricCrystal, Moved]:
    """The crystal with the space group that holds within `tolerance` (Å), made exact.

    Raises `CrystalError` where there is none, and for a tolerance outside 0 to 1 Å.
    """
    if not 0 < tolerance <= MOST:
        raise CrystalError(f"a tolerance of {tolerance:g} Å is outside 0 to {MOST:g} Å")
    symmetric = analyse_at(crystal, tolerance)
    if symmetric is None:
        raise CrystalError(f"no space group found at a tolerance of {tolerance:g} Å")
    return symmetric, _moved(crystal, tolerance)


def _moved(crystal: Crystal, tolerance: float) -> Moved:
    cell = (crystal.lattice.tolist(), crystal.frac_coords.tolist(), crystal.numbers.tolist())
    dataset = spglib.get_symmetry_dataset(cell, symprec=tolerance)
    if dataset is None:
        raise CrystalError(f"no space group found at a tolerance of {tolerance:g} Å")
    standard, change = np.array(dataset.std_lattice), np.array(dataset.transformation_matrix)
    own = np.linalg.inv(change).T @ crystal.lattice  # the cell as it came, with the standardised cell's vectors
    places = crystal.frac_coords @ change.T + dataset.origin_shift
    ideal, ideal_numbers = np.array(dataset.std_positions), np.array(dataset.std_types)
    shifts = np.array([_to_nearest(x, ideal[ideal_numbers == z]) for x, z in zip(places, crystal.numbers, strict=True)])
    shifts -= shifts.mean(axis=0)  # the origin is free
    before, after = _lengths_and_angles(own), _lengths_and_angles(standard)
    return Moved(
        tolerance=tolerance,
        atoms=float(np.linalg.norm(shifts @ standard, axis=1).max()),
        lengths=float(np.abs(before[:3] / after[:3] - 1).max()),
        angles=float(np.abs(before[3:] - after[3:]).max()),
    )


def _to_nearest(place: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3,) fractional vector from a place to the nearest of others (k, 3) and their images, by its components."""
    apart = others - place
    apart -= np.rint(apart)
    nearest: NDArray[np.float64] = apart[np.abs(apart).max(axis=1).argmin()]
    return nearest


def _lengths_and_angles(lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """(6,): a, b, c in Å; alpha, beta, gamma in degrees."""
    lengths = np.linalg.norm(lattice, axis=1)
    cosines = [lattice[i] @ lattice[j] / lengths[i] / lengths[j] for i, j in ((1, 2), (0, 2), (0, 1))]
    return np.concatenate([lengths, np.degrees(np.arccos(np.clip(cosines, -1, 1)))])

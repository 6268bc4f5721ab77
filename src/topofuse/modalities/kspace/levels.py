"""Nearly free electrons: plane-wave levels of the empty lattice at given momenta, seen from the filling.

Energies are in units of the free-electron Fermi energy of the same density, so that they depend on the
shape of the cell and on the number of electrons, not on the size of the cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.crystal import reciprocal

SHELL_TOLERANCE = 1e-3  # relative to the Fermi energy: plane waves this close form one shell
WINDOW = 0.05  # half-width, in Fermi energies, of the window in which levels are counted


@dataclass(frozen=True, eq=False)
class EmptyLattice:
    """Levels at k momenta, n = the number of occupied orbital levels (electron pairs, rounded up).

    All energies in units of the free-electron Fermi energy.

    lowest: (k,) the lowest level, (|k| / k_F)² for the shortest equivalent momentum
    level: (k,) the n-th level
    shell: (k,) plane waves in the shell of the n-th level
    filled: (k,) share of that shell that is filled, in (0, 1]; 1 where the filling ends at the shell's top
    gap_above, gap_below: (k,) from the n-th level's shell to the next higher, next lower shell
    density: (k,) levels within ±WINDOW of the n-th, over the number n
    """

    lowest: NDArray[np.float64]
    level: NDArray[np.float64]
    shell: NDArray[np.float64]
    filled: NDArray[np.float64]
    gap_above: NDArray[np.float64]
    gap_below: NDArray[np.float64]
    density: NDArray[np.float64]

    @property
    def inside(self) -> NDArray[np.bool_]:
        """(k,) whether the filling ends inside a shell, as in a metal."""
        return self.filled < 1.0 - 1e-9


def fermi_wavevector(electrons: float, volume: float) -> float:
    """k_F = (3π² n)^(1/3) of free electrons, Å⁻¹; volume in Å³."""
    return float((3.0 * np.pi**2 * electrons / volume) ** (1.0 / 3.0))


def empty_lattice(lattice: NDArray[np.float64], momenta: NDArray[np.float64], electrons: int) -> EmptyLattice:
    """Plane-wave levels around the filling.

    lattice: (3, 3) primitive cell, rows, Å; momenta: (k, 3) in its reciprocal basis; electrons per cell, at least 1.
    """
    pairs = (electrons + 1) // 2
    volume = float(abs(np.linalg.det(lattice)))
    k_fermi = fermi_wavevector(electrons, volume)
    momenta = momenta - np.rint(momenta)
    basis = reciprocal(lattice)
    reach = float(np.sqrt(((momenta @ basis) ** 2).sum(1).max()))
    radius = 1.1 * k_fermi + 0.3 * (2.0 * np.pi) / volume ** (1.0 / 3.0)
    while True:
        vectors = _lattice_points(lattice, basis, radius + reach)
        energy = ((momenta[:, None] @ basis + (vectors @ basis)) ** 2).sum(-1) / k_fermi**2
        if energy.shape[1] > pairs:
            energy.sort(axis=1)
            levels = _around(energy, pairs)
            # plane waves beyond the radius are missing from the list
            if (levels.level + np.maximum(levels.gap_above, WINDOW)).max() <= (radius / k_fermi) ** 2:
                return levels
        radius *= 1.25


def _lattice_points(lattice: NDArray[np.float64], basis: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """(m, 3) integer coordinates of the reciprocal lattice points within `radius` (Å⁻¹) of the origin."""
    bounds = np.floor(radius * np.sqrt((lattice**2).sum(1)) / (2.0 * np.pi)).astype(int)
    axes = [np.arange(-b, b + 1, dtype=np.float64) for b in bounds]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    within: NDArray[np.float64] = grid[((grid @ basis) ** 2).sum(1) <= radius**2]
    return within


def _around(energy: NDArray[np.float64], pairs: int) -> EmptyLattice:
    level = energy[:, pairs - 1]
    tolerance = SHELL_TOLERANCE
    below = (energy < level[:, None] - tolerance).sum(1)
    upto = (energy <= level[:, None] + tolerance).sum(1)
    rows = np.arange(len(energy))
    # inf where the list of plane waves ends with the shell: the caller then asks for a longer one
    top = np.where(upto < energy.shape[1], energy[rows, np.minimum(upto, energy.shape[1] - 1)], np.inf)
    bottom = np.where(below > 0, energy[rows, np.maximum(below - 1, 0)], 0.0)
    window = (np.abs(energy - level[:, None]) < WINDOW).sum(1)
    return EmptyLattice(
        lowest=energy[:, 0],
        level=level,
        shell=(upto - below).astype(np.float64),
        filled=(pairs - below) / (upto - below),
        gap_above=top - level,
        gap_below=level - bottom,
        density=window / pairs,
    )

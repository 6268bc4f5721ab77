"""Write src/topofuse/tightbinding/atoms.npz: free atoms for the band sketch, from the atomic numbers alone.

Self-consistent spherical atoms with the local density approximation: exchange of the electron gas, correlation of
D. M. Ceperley and B. J. Alder, Phys. Rev. Lett. 45, 566 (1980), as J. P. Perdew and A. Zunger, Phys. Rev. B 23, 5048
(1981), fit it. Scalar-relativistic in the zeroth-order regular approximation (ZORA, E. van Lenthe et al., J. Chem.
Phys. 101, 9783 (1994)), whose spin-orbit term gives the constants. Basis functions are the valence orbitals of these
atoms in an additional potential (r/r0)² hartree, r0 = 2.6 covalent radii, as tight binding from density-functional
theory confines them: D. Porezag et al., Phys. Rev. B 51, 12947 (1995). Of 1.85, 2.6 and 3.6 covalent radii, 2.6 told
the classes of crystals apart best.

Run as `python tools/make_atom_table.py`; twelve seconds on one core, deterministic.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh_tridiagonal
from scipy.special import spherical_jn

from topofuse.crystals.elements import element_property, valence_electrons
from topofuse.tightbinding.atoms import MOMENTA

TARGET = Path(__file__).parents[1] / "src/topofuse/tightbinding/atoms.npz"
LAST = 103
SPEED_OF_LIGHT = 137.036  # atomic units
BOHR = 0.529177  # Å
CONFINEMENT = 2.6  # covalent radii
BOUND = -0.08  # hartree; spin-orbit constants of levels above this are those of the confined orbital
POINTS = 900
# Density errors below this (hartree times square root of electrons per square root of Z) end the iteration.
CONVERGED, MAX_ITERATIONS, MIXING = 3e-4, 150, 0.3
NOBLE = {
    2: "1s2",
    10: "2s2 2p6",
    18: "3s2 3p6",
    36: "3d10 4s2 4p6",
    54: "4d10 5s2 5p6",
    86: "4f14 5d10 6s2 6p6",
}
Shell = tuple[int, int]  # n, l


class Configuration(NamedTuple):
    """Electrons by shell, the shells that become basis functions, and the electrons in these."""

    occupation: dict[Shell, int]
    valence: list[Shell]
    electrons: int


def configuration(z: int) -> Configuration:
    """The configuration that the atom is calculated in.

    d metals have one s electron (group 12: two); lanthanides and actinides keep 4f or 5f in the core except Ce, Eu,
    Gd and Pa to No; s and p shells of the period are always basis functions, (n-1)d from Ca, Sr, Ba, Ra on.
    """
    core = max(c for c in (0, *NOBLE) if c < z)
    occupied: dict[Shell, int] = {}
    for noble, shells in NOBLE.items():
        if noble <= core:
            for shell in shells.split():
                occupied[int(shell[0]), "spdf".index(shell[1])] = int(shell[2:])
    group, block, n = (int(element_property(name)[z]) for name in ("group", "block", "period"))
    left = z - core
    valence = [(n, 0), (n, 1)]
    if z <= 2:
        valence = [(1, 0)]
        occupied[1, 0] = z
    elif 57 <= z <= 71 or z >= 89:
        f = _f_electrons(z)
        occupied |= {(n, 0): 2, (n - 2, 3): f, (n - 1, 2): left - 2 - f}
        valence.append((n - 1, 2))
        if z in (58, 63, 64) or 91 <= z <= 102:
            valence.append((n - 2, 3))
    elif 3 <= group <= 12 and block in (2, 3):
        left -= _filled(occupied, (n - 2, 3), 14, n >= 6)
        s = 2 if group == 12 else 1
        occupied |= {(n, 0): s, (n - 1, 2): left - s}
        valence.append((n - 1, 2))
    elif group <= 2:
        occupied[n, 0] = left
        if z in (20, 38, 56, 88):
            valence.append((n - 1, 2))
    else:
        left -= _filled(occupied, (n - 2, 3), 14, n >= 6)
        left -= _filled(occupied, (n - 1, 2), 10, n >= 4)
        occupied |= {(n, 0): 2, (n, 1): left - 2}
    electrons = sum(occupied.get(shell, 0) for shell in valence)
    return Configuration({shell: count for shell, count in occupied.items() if count > 0}, valence, electrons)


def _f_electrons(z: int) -> int:
    if z == 90:
        return 0
    f = z - 57 if z < 80 else max(0, z - 89)
    return min(f + (z in (63, 70)), 14)


def _filled(occupied: dict[Shell, int], shell: Shell, capacity: int, present: bool) -> int:
    if present:
        occupied[shell] = capacity
    return capacity if present else 0


def exchange_correlation(density: np.ndarray) -> np.ndarray:
    """Potential (hartree) of a density (electrons per bohr³): exchange, and correlation of Perdew and Zunger."""
    radius = (3 / (4 * np.pi * np.maximum(density, 1e-30))) ** (1 / 3)
    exchange = -((3 / np.pi * np.maximum(density, 0)) ** (1 / 3))
    a, b, c = -0.1423, 1.0529, 0.3334
    root = np.sqrt(radius)
    denominator = 1 + b * root + c * radius
    dilute = a / denominator * (1 + 7 / 6 * b * root + 4 / 3 * c * radius) / denominator
    small = np.minimum(radius, 1)
    log = np.log(small)
    dense = 0.0311 * log - 0.048 - 0.0311 / 3 + 2 / 3 * 0.002 * small * log + (2 * -0.0116 - 0.002) / 3 * small
    return exchange + np.where(radius >= 1, dilute, dense)


class Grid:
    """Radii in equal steps of their logarithm, bohr."""

    def __init__(self, z: int) -> None:
        x = np.linspace(np.log(2e-4 / z), np.log(45.0), POINTS)
        self.step = x[1] - x[0]
        self.r = np.exp(x)
        self.volume = self.r**3 * self.step  # ∫ r² dr


def solve(
    grid: Grid, potential: np.ndarray, ell: int, count: int, extra: np.ndarray | float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The `count` lowest levels (hartree), radial functions R with ∫ R² r² dr = 1, and ZORA's K(r).

    The equation -½ r⁻² d/dr (r² K dR/dr) + (K l(l+1)/2r² + V) R = E R in its weak form; K = 1/(1 - V/2c²) is that of
    the atom's potential, `extra` only confines.
    """
    r, h = grid.r, grid.step
    k = 1 / (1 - potential / (2 * SPEED_OF_LIGHT**2))
    between = np.sqrt(r[1:] * r[:-1]) * (k[1:] + k[:-1]) / 2 / h**2
    kinetic = np.zeros_like(r)
    kinetic[:-1] += between
    kinetic[1:] += between
    kinetic[-1] += r[-1] * k[-1] / h**2
    if ell > 0:
        kinetic[0] += r[0] * k[0] / h**2
    diagonal = kinetic / 2 + r**3 * (k * ell * (ell + 1) / (2 * r**2) + potential + extra)
    measure = r**1.5
    levels, vectors = eigh_tridiagonal(
        diagonal / measure**2, -between / 2 / (measure[1:] * measure[:-1]), select="i", select_range=(0, count - 1)
    )
    return levels, vectors.T / measure / np.sqrt(h), k


def self_consistent(z: int, occupation: dict[Shell, int]) -> tuple[Grid, np.ndarray]:
    """Grid and potential (hartree) of the atom."""
    grid = Grid(z)
    r, h = grid.r, grid.step
    potential = -z / r * (0.1 + 0.9 * np.exp(-r * z ** (1 / 3) / 0.9))
    for _ in range(MAX_ITERATIONS):
        density = np.zeros_like(r)
        for ell in sorted({ell for _, ell in occupation}):
            shells = [n for n, other in occupation if other == ell]
            _, functions, _ = solve(grid, potential, ell, max(shells) - ell)
            for n in shells:
                density += occupation[n, ell] * functions[n - ell - 1] ** 2 / (4 * np.pi)
        # trapezoidal sums from inside and from outside
        inner = np.cumsum(4 * np.pi * density * r**3 * h) - 2 * np.pi * density * r**3 * h
        outer = np.cumsum((4 * np.pi * density * r**2 * h)[::-1])[::-1] - 2 * np.pi * density * r**2 * h
        found = -z / r + inner / r + outer + exchange_correlation(density)
        error = np.sqrt((4 * np.pi * density * grid.volume * (found - potential) ** 2).sum() / z)
        if error < CONVERGED:
            return grid, potential
        potential = potential + MIXING * (found - potential)
    raise RuntimeError(f"element {z} has not converged: {error:.1e}")


def shells_of(z: int) -> tuple[int, list[tuple[int, float, float, np.ndarray]]]:
    """Electrons in the valence shells; (l, level, spin-orbit constant, transforms (2, q)) of each, in hartree."""
    occupation, valence, electrons = configuration(z)
    grid, potential = self_consistent(z, occupation)
    r = grid.r
    confinement = (r / (CONFINEMENT * float(element_property("r_covalent")[z]) / BOHR)) ** 2
    shells = []
    for n, ell in valence:
        levels, functions, k = solve(grid, potential, ell, n - ell)
        level, free = levels[-1], functions[-1]
        levels, functions, _ = solve(grid, potential, ell, n - ell, confinement)
        confined = functions[-1] * np.sign(functions[-1][np.argmax(np.abs(functions[-1]) * r)])
        # H_atom R = (E - confinement) R; V is added since the other atom's half of it belongs to the pair as well
        applied = (levels[-1] - confinement + potential) * confined
        spread = free if level < BOUND else confined
        spin_orbit = float((spread**2 * np.gradient(k, r) / r * grid.volume).sum())
        bessel = spherical_jn(ell, MOMENTA[:, None] * r) * grid.volume * np.sqrt(2 / np.pi)
        shells.append((ell, float(level), spin_orbit, np.stack([bessel @ confined, bessel @ applied])))
    return electrons, shells


def main() -> None:
    """Write the table."""
    electrons = np.zeros(LAST + 1, dtype=np.int16)
    element, rows = [], []
    for z in range(1, LAST + 1):
        electrons[z], shells = shells_of(z)
        if (electrons[z] - valence_electrons([z])[0]) % 2:
            raise RuntimeError(f"element {z} has {electrons[z]} electrons here: of another parity than elsewhere")
        element += [z] * len(shells)
        rows += shells
    ell, level, spin_orbit, radial = zip(*rows, strict=True)
    np.savez_compressed(
        TARGET,
        element=np.array(element, dtype=np.int16),
        ell=np.array(ell, dtype=np.int8),
        electrons=electrons,
        energy=np.array(level, dtype=np.float32),
        spin_orbit=np.array(spin_orbit, dtype=np.float32),
        radial=np.array(radial, dtype=np.float32),
    )
    print(f"{len(rows)} shells of {LAST} elements: {TARGET}")


if __name__ == "__main__":
    main()

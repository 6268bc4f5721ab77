"""Filling: electrons against the orbits of the crystal, and the free-electron gas that they would make."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal
from topofuse.crystals.closed_shells import active_electrons
from topofuse.crystals.elements import valence_electrons

NAMES = (
    "rs",
    "fermi_energy",
    "paw_density",
    "chem_nu",
    "chem_odd",
    "chem_mod_2min",
    "chem_mod_2gcd",
    "chem_over_2min",
    "atomic_limit_rest",
    "anion_exhausts",
    "pairs_mod_anion",
    "pairs_mod_cation",
)
_BOHR = 0.529177  # Å
_RYDBERG = 13.605693  # eV


def filling_features(crystal: SymmetricCrystal) -> NDArray[np.float64]:
    """(f,) features named `NAMES`.

    rs: Wigner-Seitz radius of the chemically active electrons, bohr; fermi_energy: of their free gas, eV.
    An atomic limit with time reversal fills 2 × (orbit size) × integer electrons on each occupied orbit;
    the *_mod_* say what is left over, as a part of the divisor.
    """
    numbers = crystal.primitive.numbers
    electrons = active_electrons()[numbers]
    chem = int(electrons.sum())
    paw = int(valence_electrons(numbers).sum())
    volume = crystal.primitive.volume / _BOHR**3
    rs = (3 * volume / (4 * np.pi * max(chem, 1))) ** (1 / 3)
    sizes = crystal.orbit_sizes
    smallest, common = 2 * int(sizes.min()), 2 * int(np.gcd.reduce(sizes))
    by_orbit = electrons[crystal.orbit_atoms]
    anion = by_orbit == by_orbit.max()
    anion_sites = int(sizes[anion].sum())
    gcd_anion, gcd_cation = int(np.gcd.reduce(sizes[anion])), int(np.gcd.reduce(sizes[~anion])) if (~anion).any() else 1
    return np.array(
        [
            rs,
            _RYDBERG * (9 * np.pi / 4) ** (2 / 3) / rs**2,
            paw / volume,
            chem,
            chem % 2,
            chem % smallest / smallest,
            chem % common / common,
            chem / smallest,
            _rest(paw // 2, sizes),
            chem / (8 * anion_sites),
            paw // 2 % gcd_anion / gcd_anion,
            paw // 2 % gcd_cation / gcd_cation,
        ],
        dtype=np.float64,
    )


def _rest(pairs: int, sizes: NDArray[np.int64]) -> float:
    """Pairs of electrons left when whole orbits (any number of shells each) hold as many as they can, at least 0."""
    reachable = np.zeros(pairs + 1, dtype=bool)
    reachable[0] = True
    for size in sorted(set(sizes.tolist())):
        for start in range(min(size, pairs + 1)):
            reachable[start::size] = np.logical_or.accumulate(reachable[start::size])
    return float(pairs - np.flatnonzero(reachable)[-1])

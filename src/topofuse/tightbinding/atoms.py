"""Free atoms: valence shells, their levels, spin-orbit constants and radial functions in momentum space.

The table is `atoms.npz` beside this file, written by `tools/make_atom_table.py`; it is read once, when first needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.elements import MAX_ATOMIC_NUMBER
from topofuse.tightbinding.fitted import level_shifts

HARTREE = 27.211386  # eV
BOHR = 0.529177  # Å
MAX_ELL = 3
# Momenta (1/bohr) at which the radial functions are tabulated: midpoints of equal steps.
MOMENTUM_STEP = 0.08
MOMENTA = np.arange(0, 16, MOMENTUM_STEP) + MOMENTUM_STEP / 2


@dataclass(frozen=True, eq=False)
class FreeAtom:
    """Valence shells of an element, s of them, with n = Σ(2l + 1) orbitals.

    electrons: of the neutral atom in these shells
    ell: (s,) angular momenta
    starts: (s + 1,) first orbital of each shell, and n
    energy, shift: (s,) levels of the free atom, and what is added to them in a crystal (`level_shifts`), eV
    spin_orbit: (s,) constants ζ of H = ζ L·S, eV
    radial: (s, 2, q) Bessel transforms √(2/π) ∫ j_l(kr) f(r) r² dr at `MOMENTA`, atomic units, of the confined
        radial function f = R, and of f = (T + 2V) R with kinetic energy and potential of the free atom
    """

    electrons: int
    ell: NDArray[np.int64]
    starts: NDArray[np.int64]
    energy: NDArray[np.float64]
    shift: NDArray[np.float64]
    spin_orbit: NDArray[np.float64]
    radial: NDArray[np.float64]

    @property
    def n_orbitals(self) -> int:
        """Orbitals of the atom, without spin."""
        return int(self.starts[-1])


@cache
def _table() -> dict[str, NDArray[np.float64]]:
    with resources.files(__package__).joinpath("atoms.npz").open("rb") as file, np.load(file) as npz:
        return {name: npz[name] for name in npz.files}


@cache
def orbital_counts() -> NDArray[np.int64]:
    """(104,) orbitals of each element's free atom, without spin; 0 where the table has none."""
    table = _table()
    element, orbitals = table["element"].astype(np.int64), 2 * table["ell"].astype(np.int64) + 1
    counts = np.bincount(element, orbitals, minlength=MAX_ATOMIC_NUMBER + 1)
    return counts.astype(np.int64)


@lru_cache(maxsize=128)
def free_atom(number: int) -> FreeAtom | None:
    """The free atom of atomic number `number`; None where the table has none."""
    table = _table()
    of_element = table["element"] == number
    if not of_element.any():
        return None
    ell = table["ell"][of_element].astype(np.int64)
    return FreeAtom(
        electrons=int(table["electrons"][number]),
        ell=ell,
        starts=np.concatenate([[0], np.cumsum(2 * ell + 1)]),
        energy=table["energy"][of_element].astype(np.float64) * HARTREE,
        shift=level_shifts(number, ell),
        spin_orbit=table["spin_orbit"][of_element].astype(np.float64) * HARTREE,
        radial=table["radial"][of_element].astype(np.float64),
    )

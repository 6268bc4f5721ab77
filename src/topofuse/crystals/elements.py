"""The chemical elements: valence electrons, oxidation states, tabulated properties.

The table is `elements.csv` beside this file, written by `tools/make_element_table.py`; it is read once,
when first needed.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAX_ATOMIC_NUMBER = 103

# Electrons in the frozen core of the PAW data set in common use for each element: (first Z, last Z, core).
# It is the choice of the Materials Project's calculations: semicore p (and s) shells are valence for alkali,
# alkaline-earth and early transition metals, the outermost d shell is for Ga, Ge, In, Sn, Tl, Pb, and the
# 4f electrons of Pr-Sm and Tb-Lu are frozen at their trivalent (Yb: divalent) count.
_FROZEN_CORES = (
    (1, 2, 0),
    (3, 3, 0),  # Li: all three electrons are valence
    (4, 4, 0),
    (5, 10, 2),
    (11, 12, 4),  # Na, Mg: 2p is valence, 2s is not
    (13, 18, 10),
    (19, 21, 10),  # K, Ca, Sc: 3s and 3p are valence
    (22, 26, 12),  # Ti-Fe: 3p
    (27, 27, 18),
    (28, 29, 12),
    (30, 32, 18),
    (33, 36, 28),
    (37, 40, 28),  # Rb-Zr: 4s and 4p
    (41, 45, 30),  # Nb-Rh: 4p
    (46, 50, 36),
    (51, 54, 46),
    (55, 58, 46),
    (59, 59, 48),
    (60, 60, 49),
    (61, 61, 50),
    (62, 62, 51),
    (63, 64, 46),  # Eu, Gd: 4f is valence
    (65, 65, 56),
    (66, 66, 57),
    (67, 67, 58),
    (68, 68, 59),
    (69, 69, 60),
    (70, 76, 62),  # Yb (divalent), Lu, and Hf-Os with 5p
    (77, 82, 68),
    (83, 86, 78),  # Bi; Po, At, Rn continue it
    (87, 103, 78),  # Fr, Ra and the actinides: 6s and 6p are valence; beyond Cm by extrapolation
)


class Oxidation(NamedTuple):
    """Oxidation states of one element, ascending: common ones, those found in the ICSD, all known."""

    common: tuple[int, ...]
    icsd: tuple[int, ...]
    known: tuple[int, ...]


@cache
def _valence_table() -> NDArray[np.int64]:
    table = np.zeros(MAX_ATOMIC_NUMBER + 1, dtype=np.int64)
    for first, last, core in _FROZEN_CORES:
        table[first : last + 1] = np.arange(first, last + 1) - core
    return table


def valence_electrons(numbers: ArrayLike) -> NDArray[np.int64]:
    """Valence electrons of each atom, counted as in the PAW calculations behind the labels.

    numbers: (n,) atomic numbers, 1 to 103. Semicore electrons are included where those data sets include
    them, so that the sum over a cell is the number of electrons that the calculation filled bands with.
    Raises `ValueError` for another atomic number.
    """
    z = np.asarray(numbers, dtype=np.int64)
    if z.size and (z.min() < 1 or z.max() > MAX_ATOMIC_NUMBER):
        bad = z[(z < 1) | (z > MAX_ATOMIC_NUMBER)][0]
        raise ValueError(f"atomic number {bad} is outside 1 to {MAX_ATOMIC_NUMBER}")
    return _valence_table()[z]


@cache
def _rows() -> list[dict[str, str]]:
    text = resources.files(__package__).joinpath("elements.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def element_properties() -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Tabulated properties: (104, p) float64, row = atomic number (row 0 is NaN), and the p names.

    NaN where the value is unknown. Energies in eV, radii in Å, melting point in K, molar volume in cm³.

    - chi: Pauling electronegativity; mass: atomic mass in u; mendeleev: Pettifor's chemical order (H = 103)
    - r_atomic (Slater), r_covalent (Cordero), r_metallic, r_vdw, r_cation, r_anion (means over charges)
    - ie1..ie3: ionisation energies; affinity: electron affinity
    - period, group (1-18), block (s p d f = 0 1 2 3)
    - n_s n_p n_d n_f: electrons in the chemically active shells ns, np, (n-1)d, (n-2)f; n_outer their sum
    - filling: occupied part of the active shells of the element's block
    - e_s e_p e_d e_f: LDA orbital energies (NIST) of the shells ns, np, (n-1)d, (n-2)f
    - soc_p soc_d soc_f: spin-orbit constants ζ of these shells, computed in a Thomas-Fermi potential
      stretched until it gives the orbital energy (not relativistic: within about a factor of 1.5)
    """
    rows = _rows()
    names = tuple(name for name in rows[0] if name not in ("z", "symbol", "ox_common", "ox_icsd", "ox_all"))
    table = np.full((MAX_ATOMIC_NUMBER + 1, len(names)), np.nan)
    for row in rows:
        table[int(row["z"])] = [float(row[name]) if row[name] else np.nan for name in names]
    table.setflags(write=False)
    return table, names


@cache
def element_property(name: str) -> NDArray[np.float64]:
    """One column of `element_properties`, (104,) by atomic number. Raises `ValueError` for an unknown name."""
    table, names = element_properties()
    if name not in names:
        raise ValueError(f"no element property {name!r}; there are {', '.join(names)}")
    return table[:, names.index(name)]


@cache
def oxidation_states() -> tuple[Oxidation, ...]:
    """Oxidation states by atomic number, 0 to 103 (entry 0 is empty)."""

    def parse(text: str) -> tuple[int, ...]:
        return tuple(int(q) for q in text.split())

    states = (Oxidation(parse(r["ox_common"]), parse(r["ox_icsd"]), parse(r["ox_all"])) for r in _rows())
    return (Oxidation((), (), ()), *states)

"""Is a material of the kind that the labels are about? By electron counting on the formula alone.

The labels come from non-magnetic calculations of materials whose computed moment is below 0.1 Bohr magneton per cell.
Open 3d and f shells usually carry one, and so do the late 4d and 5d ions in oxides and halides. Which shells stay
open is decided by charge balance: where closed-shell and low-spin ions make the formula neutral, none does.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topofuse.crystals.closed_shells import closed_states, valence_of
from topofuse.crystals.elements import valence_electrons
from topofuse.crystals.formula import SYMBOLS, Formula, atomic_number, formula_of


class Domain(StrEnum):
    """Where a material stands; the first that holds, from the bottom up, is its value."""

    IN = "in"
    LIKELY_MAGNETIC = "likely_magnetic"
    UNSEEN_ELEMENT = "unseen_element"
    ODD_ELECTRONS = "odd_electrons"


def _numbers(symbols: str) -> frozenset[int]:
    return frozenset(z for s in symbols.split() if (z := atomic_number(s)) is not None)


_HARD = _numbers("O F Cl Br")  # anions around which 4d, 5d and Cu2+ shells stay open
_SOFT = _numbers("S Se Te I")
_PNICTOGENS = _numbers("N P As Sb Bi")
_CHALCOGENS = _numbers("S Se Te")  # may pair up: S2 2- in pyrite, chains in polysulphides
_MAGNETIC_3D = _numbers("Ti V Cr Mn Fe Co Ni")
_LATE_45D = _numbers("Tc Ru Rh Pd Ag Re Os Ir Pt Au")
_EARLY_45D = _numbers("Zr Nb Mo Hf Ta W")  # their halides pair the electrons in metal-metal bonds
_OPEN_4F_5F = _numbers("Eu Gd Np Pu Am Cm Bk Cf Es Fm Md No")  # 4f frozen in the core: all other lanthanides but Ce
_VARIABLE_F = _numbers("Ce Pa U")  # closed as Ce4+, Pa5+, U6+
# Diamagnetic ions in the ligand fields that they are found in: d6 octahedral, d8 square-planar, beside closed shells.
_LOW_SPIN = {s: q for symbols, q in (
    ("Co Rh Ir", (3,)), ("Ru Os", (2,)), ("Pd Pt", (2, 4)), ("Cu Ag Au", (3,)),
) for s in _numbers(symbols)}  # fmt: skip
_IRON, _COPPER, _CARBON = 26, 29, 6
# Metals: least share of the atoms from which moments are the rule. Chosen on a list of known magnets against the
# pool (benchmarks/domain.py); below, the pool holds more non-magnets than the list holds magnets.
METAL_SHARES = {25: 0.2, 26: 0.4, 24: 0.5, 27: 0.6, 28: 0.9}
_CARBONYL = 3  # carbon atoms per transition metal from which the 18-electron rule pairs its electrons


def domain_of(numbers: ArrayLike, seen: NDArray[np.bool_] | None = None) -> Domain:
    """The domain of a crystal.

    numbers: (n,) atomic numbers of the primitive cell, 1 to 103
    seen: (104,) whether the training materials hold the element; None where that is not known
    """
    z = np.asarray(numbers, dtype=np.int64)
    if odd_electrons(z):
        return Domain.ODD_ELECTRONS
    if seen is not None and not seen[z].all():
        return Domain.UNSEEN_ELEMENT
    return Domain.LIKELY_MAGNETIC if open_shell(z) else Domain.IN


def odd_electrons(numbers: ArrayLike) -> str:
    """Why a crystal of these atoms is a metal by its electron count alone, in words; empty for an even count.

    numbers: (n,) atomic numbers of the primitive cell. Without magnetism every level is at least twofold (Kramers), so
    an odd number of electrons leaves one half full, unless interactions localise them (a Mott insulator).
    """
    electrons = int(valence_electrons(numbers).sum())
    if electrons % 2 == 0:
        return ""
    return (
        f"odd number of electrons in the primitive cell (nu = {electrons}): a metal by Kramers' theorem, as long as it "
        "has no magnetic order and interactions do not localise the electrons; outside the classification"
    )


def open_shell(numbers: ArrayLike) -> str:
    """Why a material of these atoms probably has a magnetic moment, in words; empty where nothing says so.

    Only the reduced formula counts.
    """
    return _open_shell(formula_of(numbers))


@lru_cache(maxsize=4096)
def _open_shell(formula: Formula) -> str:
    count = dict(zip(*formula, strict=True))
    total = sum(count.values())

    def atoms_of(elements: frozenset[int]) -> int:
        return sum(n for z, n in count.items() if z in elements)

    if atoms_of(_OPEN_4F_5F):
        return f"{_names(count, _OPEN_4F_5F)} keeps an open f shell"
    for z, least in METAL_SHARES.items():
        if count.get(z, 0) >= least * total:
            return f"{100 * count[z] / total:.0f} % of the atoms are {SYMBOLS[z]}"
    hard, anions = atoms_of(_HARD), atoms_of(_HARD | _SOFT)
    metals = sum(n for z, n in count.items() if valence_of(z).kind == "d" and valence_of(z).electrons < 12)
    if count.get(_CARBON, 0) >= _CARBONYL * max(metals, 1):
        return ""
    if not has_closed_shells(formula):
        if atoms_of(_VARIABLE_F) and anions + atoms_of(_PNICTOGENS) >= atoms_of(_VARIABLE_F):
            return f"no charge balance closes the f shell of {_names(count, _VARIABLE_F)}"
        if 0 < metals <= anions and (open_d := _open_d(count, hard, metals)):
            return f"no charge balance closes the d shell of {_names(count, open_d)}"
    return ""


def _open_d(count: dict[int, int], hard: int, metals: int) -> frozenset[int]:
    """The transition metals of the formula whose open shells are likely to be magnetic."""
    candidates = _MAGNETIC_3D | ({_COPPER} if hard else set())
    if hard >= metals:
        candidates |= _LATE_45D
        halogens = any(valence_of(z).kind == "p" and valence_of(z).electrons == 7 for z in count)
        if not halogens:
            candidates |= _EARLY_45D
    return frozenset(candidates & count.keys())


def _names(count: dict[int, int], elements: frozenset[int]) -> str:
    return ", ".join(SYMBOLS[z] for z in count if z in elements)


def has_closed_shells(formula: Formula) -> bool:
    """Whether closed-shell and low-spin ions can make the formula neutral.

    Chalcogens may be bonded to each other, with any mean charge between -2 and -1; Fe2+ is low-spin beside such pairs.
    """
    pairs = list(zip(*formula, strict=True))
    if 0 in _sums([[q * n for q in _states(z)] for z, n in pairs]):
        return True
    bonded = sum(n for z, n in pairs if z in _CHALCOGENS)
    if not bonded:
        return False
    others = [[q * n for q in (*_states(z), *((2,) if z == _IRON else ()))] for z, n in pairs if z not in _CHALCOGENS]
    return any(bonded <= charge < 2 * bonded for charge in _sums(others))


def _states(z: int) -> tuple[int, ...]:
    if z == _CARBON:
        return (4, 2, -4)  # 2: in CO and CN-
    if z == 16:
        return (*closed_states(z), 4)  # sulphites; period 3 is not among the lone pairs
    if z in _VARIABLE_F:
        return (max(closed_states(z)),)
    return (*closed_states(z), *_LOW_SPIN.get(z, ()))


def _sums(contributions: Sequence[Sequence[int]]) -> set[int]:
    sums = {0}
    for options in contributions:
        sums = {total + charge for total in sums for charge in options}
    return sums

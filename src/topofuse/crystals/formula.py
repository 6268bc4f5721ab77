"""Element symbols, atomic numbers, reduced and anonymous formulas."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from math import gcd, inf, isnan
from string import ascii_uppercase

import numpy as np
from numpy.typing import ArrayLike

from topofuse.crystals.elements import MAX_ATOMIC_NUMBER, element_property

_SYMBOLS = """n H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr
    Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu
    Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm Bk Cf Es Fm Md No Lr"""

Formula = tuple[tuple[int, ...], tuple[int, ...]]
"""Atomic numbers, ascending, and how many atoms of each, without a common divisor."""

SYMBOLS: tuple[str, ...] = tuple(_SYMBOLS.split())
"""Symbols by atomic number; index 0 is the neutron, never an atom."""

_NUMBERS = {symbol: z for z, symbol in enumerate(SYMBOLS) if z} | {"D": 1, "T": 1}


def atomic_number(symbol: str) -> int | None:
    """Atomic number of an element symbol in any case ('Fe', 'FE'), D and T being hydrogen; None if unknown."""
    return _NUMBERS.get(symbol.strip().capitalize())


def reduced_formula(numbers: ArrayLike) -> str:
    """Reduced formula as pymatgen writes it ('Bi2Se3'), from atomic numbers (n,) between 1 and 103."""
    return _formula(formula_of(numbers))


def anonymous_formula(numbers: ArrayLike) -> str:
    """Reduced formula that names no element, rarest first, as pymatgen writes it: Bi2Se3 and Al2O3 are both 'A2B3'.

    numbers: (n,) atomic numbers between 1 and 103
    """
    counts = sorted(formula_of(numbers)[1])
    letters = [ascii_uppercase[i % 26] + "'" * (i // 26) for i in range(len(counts))]
    return "".join(letter + (str(n) if n > 1 else "") for letter, n in zip(letters, counts, strict=True))


def formula_of(numbers: ArrayLike) -> Formula:
    """The reduced formula of atomic numbers (n,) between 1 and 103; ValueError for none, or for others."""
    counts = sorted(Counter(np.asarray(numbers, dtype=np.int64).tolist()).items())
    if not counts or counts[0][0] < 1 or counts[-1][0] > MAX_ATOMIC_NUMBER:
        raise ValueError(f"atomic numbers must lie between 1 and {MAX_ATOMIC_NUMBER}, at least one of them")
    divisor = gcd(*(n for _, n in counts))
    return tuple(z for z, _ in counts), tuple(n // divisor for _, n in counts)


# peroxides and molecules, which pymatgen writes with two of each
_DOUBLED = frozenset(("LiO", "NaO", "KO", "HO", "CsO", "RbO", "O", "N", "F", "Cl", "H"))
_POLYANION = 1.65  # largest difference of the electronegativities of its two elements


@lru_cache(maxsize=65536)
def _formula(formula: Formula) -> str:
    """By electronegativity, a polyanion in brackets: `Composition.reduced_formula`, whose import takes 0.1 s."""
    chi = {z: float(element_property("chi")[z]) for z in formula[0]}
    ordered = sorted(
        zip(*formula, strict=True), key=lambda own: (inf if isnan(chi[own[0]]) else chi[own[0]], SYMBOLS[own[0]])
    )
    if len(ordered) > 2:
        (a, n), (b, m) = ordered[-2:]
        units = gcd(n, m)
        if units > 1 and chi[b] - chi[a] < _POLYANION:
            return f"{_written(ordered[:-2])}({_written([(a, n // units), (b, m // units)])}){units}"
    text = _written(ordered)
    return _written([(z, 2) for z, _ in ordered]) if text in _DOUBLED else text


def _written(counts: list[tuple[int, int]]) -> str:
    return "".join(SYMBOLS[z] + (str(n) if n > 1 else "") for z, n in counts)

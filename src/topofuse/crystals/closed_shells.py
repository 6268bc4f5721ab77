"""Oxidation states that leave an element with a closed shell, and what is left on an ion.

A band insulator without magnetism wants closed shells: noble-gas ions, d10 ions, lone-pair cations
(s2), and, less strictly, low-spin ions in a ligand field (octahedral d6, square-planar d8).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.elements import element_property, oxidation_states

# Rare earths as the calculations behind the labels treat them: 4f frozen at the trivalent count (Yb: divalent),
# Ce and Eu with 4f among the valence electrons.
_RARE_EARTH_STATES = {58: (3, 4), 63: (2, 3), 64: (3,), 70: (2,)}
_ACTINIDE_STATES = {89: (3,), 90: (4,), 91: (5,), 92: (6,)}
_LOW_SPIN = {  # d6 and d8 ions that are diamagnetic in strong ligand fields
    26: (2,),
    27: (3, 1),
    44: (2,),
    45: (3, 1),
    76: (2,),
    77: (3, 1),
    78: (4, 2),
    46: (4, 2),
    28: (2, 4),
    79: (3,),
    47: (3,),
}
_LONE_PAIR_PERIOD = 4  # Ge2+, As3+ and heavier


class Valence(NamedTuple):
    """kind: 's', 'p', 'd', 'f' or 'noble'; electrons: chemically active ones of the neutral atom; period."""

    kind: str
    electrons: int
    period: int


@cache
def valence_of(z: int) -> Valence:
    """Electrons that take part in bonding: s and p of the main groups, s and d of groups 3-12, 3 of a rare earth."""
    group, period = int(element_property("group")[z]), int(element_property("period")[z])
    if group == 18:
        return Valence("noble", 0, period)
    if 57 <= z <= 71:
        return Valence("f", max(closed_states(z)), period)
    if z >= 89:
        return Valence("f", min(z - 86, 6), period)
    if z == 1 or group <= 2:
        return Valence("s", group, period)
    if group <= 12:
        return Valence("d", group, period)
    return Valence("p", group - 10, period)


@cache
def active_electrons() -> NDArray[np.int64]:
    """(104,) `valence_of(z).electrons` by atomic number."""
    return np.array([0, *(valence_of(z).electrons for z in range(1, 104))])


@cache
def anion_formers() -> NDArray[np.bool_]:
    """(104,) whether an element obeys the 8-N rule as an anion: p block with four electrons or more, and hydrogen."""
    kinds = [valence_of(z) for z in range(1, 104)]
    return np.array([False, *(z == 1 or (v.kind == "p" and v.electrons >= 4) for z, v in enumerate(kinds, start=1))])


@cache
def kinds() -> NDArray[np.str_]:
    """(104,) `valence_of(z).kind` by atomic number; entry 0 is empty."""
    return np.array(["", *(valence_of(z).kind for z in range(1, 104))])


@cache
def closed_states(z: int) -> tuple[int, ...]:
    """Charges of the closed-shell ions of element z (0 for a noble gas)."""
    group, period = int(element_property("group")[z]), int(element_property("period")[z])
    if group == 18:
        return (0,)
    if z == 1:
        return (1, -1)
    if 57 <= z <= 71:
        return _RARE_EARTH_STATES.get(z, (3,))
    if z >= 89:
        return _ACTINIDE_STATES.get(z, (3,))
    if group <= 2:
        return (group,)
    if group <= 12:
        empty = (group,) if group <= 7 else (8,) if z in (44, 76) else ()
        full = {10: (0,), 11: (1,), 12: (2,)}.get(group, ())
        return (*empty, *full, *((-1,) if z == 79 else ()))
    electrons = group - 10
    lone_pair = (electrons - 2,) if period >= _LONE_PAIR_PERIOD and electrons > 2 else ()
    anion = (electrons - 8,) if electrons >= 4 else ()
    cation = () if z in (8, 9) else (electrons,)
    return (*cation, *lone_pair, *anion)


@cache
def low_spin_states(z: int) -> tuple[int, ...]:
    """Closed shells, and the d6 and d8 ions that ligand fields close."""
    return tuple(dict.fromkeys((*closed_states(z), *_LOW_SPIN.get(z, ()))))


@cache
def listed_states(z: int, kind: str) -> tuple[int, ...]:
    """Oxidation states from the table: 'common', 'icsd' or 'known'; the next wider list where one is empty."""
    states = oxidation_states()[z]
    chain = {
        "common": (states.common, states.known, states.icsd),
        "icsd": (states.icsd, states.known, states.common),
        "known": (tuple(sorted({*states.common, *states.icsd, *states.known})),),
    }[kind]
    first = next((s for s in chain if s), ())
    return first or (0,)


def d_electrons(z: int, charge: int) -> int:
    """d electrons left on a transition-metal ion; 0 for other elements."""
    valence = valence_of(z)
    return min(max(valence.electrons - charge, 0), 10) if valence.kind == "d" else 0


def has_lone_pair(z: int, charge: int) -> bool:
    """Whether the ion is a heavy p-block cation that kept its s2 pair (Tl+, Pb2+, Bi3+, Sn2+, Sb3+, Te4+)."""
    valence = valence_of(z)
    return valence.kind == "p" and valence.period >= _LONE_PAIR_PERIOD and 0 < charge == valence.electrons - 2

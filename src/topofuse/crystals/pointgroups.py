"""The 32 crystallographic point groups: order, crystal system, inversion, polarity, chirality."""

from __future__ import annotations

from typing import NamedTuple


class PointGroup(NamedTuple):
    """order: number of operations; system: 0 triclinic .. 6 cubic; the rest are 0 or 1."""

    order: int
    system: int
    centrosymmetric: int
    polar: int
    chiral: int


# Hahn (ed.), International Tables for Crystallography A, chapter 10.1
POINT_GROUPS = {
    "1": PointGroup(1, 0, 0, 1, 1),
    "-1": PointGroup(2, 0, 1, 0, 0),
    "2": PointGroup(2, 1, 0, 1, 1),
    "m": PointGroup(2, 1, 0, 1, 0),
    "2/m": PointGroup(4, 1, 1, 0, 0),
    "222": PointGroup(4, 2, 0, 0, 1),
    "mm2": PointGroup(4, 2, 0, 1, 0),
    "mmm": PointGroup(8, 2, 1, 0, 0),
    "4": PointGroup(4, 3, 0, 1, 1),
    "-4": PointGroup(4, 3, 0, 0, 0),
    "4/m": PointGroup(8, 3, 1, 0, 0),
    "422": PointGroup(8, 3, 0, 0, 1),
    "4mm": PointGroup(8, 3, 0, 1, 0),
    "-42m": PointGroup(8, 3, 0, 0, 0),
    "4/mmm": PointGroup(16, 3, 1, 0, 0),
    "3": PointGroup(3, 4, 0, 1, 1),
    "-3": PointGroup(6, 4, 1, 0, 0),
    "32": PointGroup(6, 4, 0, 0, 1),
    "3m": PointGroup(6, 4, 0, 1, 0),
    "-3m": PointGroup(12, 4, 1, 0, 0),
    "6": PointGroup(6, 5, 0, 1, 1),
    "-6": PointGroup(6, 5, 0, 0, 0),
    "6/m": PointGroup(12, 5, 1, 0, 0),
    "622": PointGroup(12, 5, 0, 0, 1),
    "6mm": PointGroup(12, 5, 0, 1, 0),
    "-6m2": PointGroup(12, 5, 0, 0, 0),
    "6/mmm": PointGroup(24, 5, 1, 0, 0),
    "23": PointGroup(12, 6, 0, 0, 1),
    "m-3": PointGroup(24, 6, 1, 0, 0),
    "432": PointGroup(24, 6, 0, 0, 1),
    "-43m": PointGroup(24, 6, 0, 0, 0),
    "m-3m": PointGroup(48, 6, 1, 0, 0),
}


def point_group(symbol: str) -> PointGroup:
    """Facts about a point group given by its Hermann-Mauguin symbol. Raises `ValueError` for an unknown one."""
    # spglib writes the second setting of some groups (-4m2, -62m) as the first; be safe about both
    found = POINT_GROUPS.get({"-4m2": "-42m", "-62m": "-6m2"}.get(symbol, symbol))
    if found is None:
        raise ValueError(f"unknown point group {symbol!r}; there are {', '.join(POINT_GROUPS)}")
    return found

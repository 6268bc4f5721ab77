"""Facts about point groups, space groups, and site symmetries that the scalar features look up."""

from __future__ import annotations

from functools import cache
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

CENTERINGS = {"P": 0, "A": 1, "C": 1, "I": 2, "F": 3, "R": 4}  # A and C differ by the choice of axes only

# The 73 space groups with a point whose site symmetry is the whole point group.
# fmt: off
SYMMORPHIC = frozenset((
    1, 2, 3, 5, 6, 8, 10, 12, 16, 21, 22, 23, 25, 35, 38, 42, 44, 47, 65, 69, 71,
    75, 79, 81, 82, 83, 87, 89, 97, 99, 107, 111, 115, 119, 121, 123, 139,
    143, 146, 147, 148, 149, 150, 155, 156, 157, 160, 162, 164, 166,
    168, 174, 175, 177, 183, 187, 189, 191, 195, 196, 197, 200, 202, 204, 207, 209, 211, 215, 216, 217, 221, 225, 229,
))
# fmt: on


def point_group(symbol: str) -> PointGroup:
    """Facts about a point group given by its Hermann-Mauguin symbol. Raises `ValueError` for an unknown one."""
    # spglib writes the second setting of some groups (-4m2, -62m) as the first; be safe about both
    found = POINT_GROUPS.get({"-4m2": "-42m", "-62m": "-6m2"}.get(symbol, symbol))
    if found is None:
        raise ValueError(f"unknown point group {symbol!r}; there are {', '.join(POINT_GROUPS)}")
    return found


@cache
def site_has_inversion(symbol: str) -> bool:
    """Whether an oriented site-symmetry symbol ('m.mm', '-3m.', '2/m..') holds the inversion."""
    bare = symbol.replace(".", "")
    return "/" in bare or "-1" in bare or "-3" in bare or bare == "mmm"

"""Facts about space groups and site symmetries that the scalar features look up."""

from __future__ import annotations

from functools import cache

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


@cache
def site_has_inversion(symbol: str) -> bool:
    """Whether an oriented site-symmetry symbol ('m.mm', '-3m.', '2/m..') holds the inversion."""
    bare = symbol.replace(".", "")
    return "/" in bare or "-1" in bare or "-3" in bare or bare == "mmm"

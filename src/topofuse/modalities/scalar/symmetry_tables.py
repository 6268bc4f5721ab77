"""Facts about centrings and site symmetries that the scalar features look up."""

from __future__ import annotations

from functools import cache

CENTERINGS = {"P": 0, "A": 1, "C": 1, "I": 2, "F": 3, "R": 4}  # A and C differ by the choice of axes only


@cache
def site_has_inversion(symbol: str) -> bool:
    """Whether an oriented site-symmetry symbol ('m.mm', '-3m.', '2/m..') holds the inversion."""
    bare = symbol.replace(".", "")
    return "/" in bare or "-1" in bare or "-3" in bare or bare == "mmm"

"""From coirreps to a class: is the filling possible, are the bands compatible, is the indicator trivial?

Classes as in T. Zhang et al., Nature 566, 475 (2019), whose catalogue the labels come from; indicators after
Z. Song, T. Zhang, Z. Fang, C. Fang, Nat. Commun. 9, 3530 (2018) and E. Khalaf et al., Phys. Rev. X 8, 031070 (2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from topofuse.labels import FIVE, TopoClass
from topofuse.symmetry.levels import Levels
from topofuse.symmetry.tables import SymmetryTable, symmetry_table

TRIVIAL, HSP, HSL, TI, TCI = (
    FIVE.index(name)
    for name in (
        TopoClass.TRIVIAL,
        TopoClass.HSP_SEMIMETAL,
        TopoClass.HSL_SEMIMETAL,
        TopoClass.TI,
        TopoClass.TCI,
    )
)


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What symmetry says about a filling.

    cut: labels of the stars where the filling ends inside a degenerate set; a semimetal with a degenerate point
    multiplicities: (n,) coirreps of the filled sets; where a set is cut, without it
    compatible: whether bands with these multiplicities may be gapped everywhere; None where a set is cut
    indicator: (s,) symmetry indicators, `SymmetryTable.orders` apart; None unless compatible
    z4, weak: strong index of inversion, and whether a weak one is odd; None without inversion or indicator
    verdict: index into `labels.FIVE`
    """

    cut: tuple[str, ...]
    multiplicities: NDArray[np.int64]
    compatible: bool | None
    indicator: NDArray[np.int64] | None
    z4: int | None
    weak: bool | None
    verdict: int


def diagnose(table: SymmetryTable, levels: Sequence[Levels], electrons: int) -> Diagnosis:
    """The diagnosis of the lowest `electrons` states at each momentum.

    levels: of every star of the table. Raises ValueError where a star is missing, or the levels do not reach so far.
    """
    check_complete(table, levels)
    multiplicities = np.zeros(len(table.dimensions), dtype=np.int64)
    cut = []
    for one in levels:
        star = table.stars[one.star]
        filled, whole = _filled(one, star.dimensions, electrons, star.label)
        multiplicities[star.columns] = filled
        if not whole:
            cut.append(star.label)
    if cut:
        return Diagnosis(tuple(cut), multiplicities, None, None, None, None, HSP)
    if (multiplicities @ table.compatibility).any():
        return Diagnosis((), multiplicities, False, None, None, None, HSL)
    indicator = multiplicities @ table.indicator % table.orders
    number = int(table.number(indicator))
    z4, weak = (int(table.z4[number]), bool(table.weak[number])) if table.inversion else (None, None)
    verdict = int(indicator_classes(table.spacegroup)[number])
    return Diagnosis((), multiplicities, True, indicator, z4, weak, verdict)


def check_complete(table: SymmetryTable, levels: Sequence[Levels]) -> None:
    """Raise ValueError unless each star of the table has its levels once."""
    given = sorted(one.star for one in levels)
    if given != list(range(len(table.stars))):
        wanted = ", ".join(star.label for star in table.stars)
        named = ", ".join(table.stars[i].label for i in given)
        raise ValueError(f"space group {table.spacegroup} needs levels once at {wanted}; given are {named or 'none'}")


def _filled(
    levels: Levels, dimensions: NDArray[np.int64], electrons: int, label: str
) -> tuple[NDArray[np.int64], bool]:
    size = np.bincount(levels.set, dimensions[levels.coirrep])
    ends = np.concatenate([[0], np.cumsum(size)]) + levels.below @ dimensions
    if not ends[0] <= electrons <= ends[-1]:
        raise ValueError(f"the levels at {label} hold {ends[0]:.0f} to {ends[-1]:.0f} electrons, not {electrons}")
    sets = int(np.searchsorted(ends, electrons, side="right")) - 1
    inside = np.bincount(levels.coirrep[levels.set < sets], minlength=len(dimensions))
    return levels.below + inside, bool(ends[sets] == electrons)


@lru_cache(maxsize=230)
def indicator_classes(spacegroup: int) -> NDArray[np.int64]:
    """(x,) class of gapped bands with each indicator, numbered by `SymmetryTable.number`: TRIVIAL, TI or TCI.

    With inversion an odd z4 is a strong topological insulator, and all others are crystalline; without, the groups of
    order 2 tell of strong ones, those of order 3 (mirror Chern numbers) of crystalline ones.
    """
    table = symmetry_table(spacegroup)
    classes = np.full(len(table.elements()), TCI)
    if table.inversion:
        classes[table.z4 % 2 == 1] = TI
    elif table.orders.tolist() == [2]:
        classes[:] = TI
    classes[0] = TRIVIAL
    return classes

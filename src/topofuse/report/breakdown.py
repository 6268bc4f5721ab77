"""Where predictions are right and where they fail: by class, element, crystal system, cell size, confidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from topofuse.crystals.pointgroups import CRYSTAL_SYSTEMS, point_group_of
from topofuse.evaluation.reliability import wilson_interval
from topofuse.labels import FIVE, coarsen, decide, level_probabilities
from topofuse.report.source import Rows

# Elements that trouble first-principles databases; accuracy on them is looked at apart.
TROUBLED: tuple[str, ...] = ("Cr", "Mn", "Fe", "Cu", "Tc", "Eu", "Os", "Np")
CELL_SIZES: dict[str, int] = {"1–2": 1, "3–4": 3, "5–8": 5, "9–16": 9, "17–32": 17, "33–64": 33, "65 and more": 65}


@dataclass(frozen=True)
class Share:
    """k of n materials decided rightly, with Wilson's 95 % interval."""

    name: str
    right: int
    n: int

    @property
    def value(self) -> float:
        """Share of right decisions."""
        return self.right / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's interval of `value`."""
        return wilson_interval(self.right, self.n)


def right(rows: Rows, level: str = "two") -> NDArray[np.bool_]:
    """(n,) whether each material is decided rightly at `level`."""
    correct: NDArray[np.bool_] = np.equal(coarsen(rows.labels, level), coarsen(decide(rows.p5), level))
    return correct


def by_class(rows: Rows, level: str) -> dict[str, Share]:
    """Class of the five → share of its materials that are decided rightly at `level`; classes that occur."""
    ok = right(rows, level)
    parts = {name: ok[rows.labels == code] for code, name in enumerate(FIVE)}
    return {name: Share(name, int(ok.sum()), len(ok)) for name, ok in parts.items() if len(ok)}


def by_element(rows: Rows, level: str = "two") -> dict[str, Share]:
    """Symbol → share of right decisions at `level` among the materials that contain the element."""
    parts = {"element": rows.table["elements"].str.split(), "right": right(rows, level)}
    exploded = pd.DataFrame(parts).explode("element")
    grouped = exploded.groupby("element")["right"].agg(["sum", "count"])
    return {str(e): Share(str(e), int(k), int(n)) for e, k, n in grouped.itertuples()}


def with_any_of(rows: Rows, elements: Sequence[str], level: str = "two") -> tuple[Share, Share]:
    """Shares of right decisions at `level` of the materials with any of `elements`, and of those with none.

    n is 0, and the share undefined, where there are no such materials.
    """
    ok, wanted = right(rows, level), set(elements)
    any_of = np.array([bool(wanted & set(words)) for words in rows.table["elements"].str.split()], dtype=bool)
    first, second = (Share(name, int(ok[m].sum()), int(m.sum())) for name, m in (("any", any_of), ("none", ~any_of)))
    return first, second


def by_crystal_system(rows: Rows) -> list[Share]:
    """Share of right two-class decisions per crystal system, of those that occur."""
    systems = np.array([point_group_of(number).system for number in rows.table["spacegroup"]], dtype=np.int64)
    return _shares(rows, systems, CRYSTAL_SYSTEMS)


def by_cell_size(rows: Rows) -> list[Share]:
    """Share of right two-class decisions by the number of atoms in the cell, of the sizes that occur."""
    sizes = np.searchsorted(list(CELL_SIZES.values()), rows.table["n_atoms"].to_numpy(), side="right") - 1
    return _shares(rows, sizes, tuple(CELL_SIZES))


def _shares(rows: Rows, which: NDArray[np.integer], names: Sequence[str]) -> list[Share]:
    """which: (n,) index of each row's group in `names`; groups without a row are left out."""
    ok = right(rows)
    shares = [Share(name, int(ok[which == i].sum()), int((which == i).sum())) for i, name in enumerate(names)]
    return [share for share in shares if share.n]


@dataclass(frozen=True)
class Mistake:
    """One wrong two-class decision and how sure it was (probability of the class decided for)."""

    material_id: str
    formula: str
    split: str
    spacegroup: int
    n_atoms: int
    label: str
    decision: str
    confidence: float


def confident_mistakes(parts: Sequence[Rows], n: int = 20) -> list[Mistake]:
    """The `n` wrong two-class decisions of all `parts` that were surest; ties in the order of material ids."""
    mistakes = []
    for rows in parts:
        five = decide(rows.p5)
        sure = level_probabilities(rows.p5, "two").max(axis=1)
        for i in np.flatnonzero(~right(rows)):
            row = rows.table.iloc[i]
            mistakes.append(
                Mistake(
                    str(row["material_id"]),
                    str(row["formula"]),
                    rows.split,
                    int(row["spacegroup"]),
                    int(row["n_atoms"]),
                    str(row["label"]),
                    FIVE[five[i]],
                    float(sure[i]),
                )
            )
    return sorted(mistakes, key=lambda m: (-m.confidence, m.material_id))[:n]

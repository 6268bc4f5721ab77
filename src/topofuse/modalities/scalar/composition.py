"""Statistics of the composition: element properties averaged over the formula, fractions of elements and groups."""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.elements import element_properties, valence_electrons
from topofuse.crystals.formula import SYMBOLS, Formula

STATISTICS = ("mean", "dev", "min", "max", "range")
_ROLES = ("anion", "cation", "most")  # most electronegative, least electronegative, most abundant
_ROLE_PROPERTIES = ("chi", "r_covalent", "period", "group", "n_p", "n_d", "ie1", "e_s", "e_p", "e_d", "soc_p", "soc_d")
_BLOCKS = "spdf"
_NORMS = (2, 3, 5)


@cache
def _property_table() -> tuple[NDArray[np.float64], tuple[str, ...]]:
    table, names = element_properties()
    valence = np.full(len(table), np.nan)
    valence[1:] = valence_electrons(np.arange(1, len(table)))
    number = np.arange(len(table), dtype=np.float64)
    return np.column_stack([table, number, valence]), (*names, "z", "paw")


def composition_names() -> tuple[str, ...]:
    """Names of `composition_features`."""
    _, names = _property_table()
    return (
        *(f"{name}_{statistic}" for statistic in STATISTICS for name in names),
        *(f"{role}_{name}" for role in _ROLES for name in ("fraction", *_ROLE_PROPERTIES)),
        "n_elements",
        *(f"norm{p}" for p in _NORMS),
        "entropy",
        *(f"block_{b}" for b in _BLOCKS),
        *(f"group_{g}" for g in range(1, 19)),
        *(f"x_{symbol}" for symbol in SYMBOLS[1:]),
    )


@lru_cache(maxsize=4096)
def composition_features(formula: Formula) -> NDArray[np.float64]:
    """(f,) features of a reduced formula; NaN where no element of it has the property."""
    table, names = _property_table()
    z = np.array(formula[0])
    x = np.array(formula[1], dtype=np.float64)
    x /= x.sum()
    values = table[z]
    fractions = np.bincount(z, weights=x, minlength=len(table))[1:]
    block = values[:, names.index("block")].astype(int)
    group = values[:, names.index("group")].astype(int)
    row = np.concatenate(
        [
            _statistics(values, x),
            _role_features(values, x, names),
            [len(z), *((x**p).sum() ** (1 / p) for p in _NORMS), -(x * np.log(x)).sum()],
            np.bincount(block, weights=x, minlength=4),
            np.bincount(group, weights=x, minlength=19)[1:],
            fractions,
        ]
    )
    row.setflags(write=False)
    return row


def _statistics(values: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean, mean absolute deviation, extremes of each column, over the elements that have the property."""
    known = ~np.isnan(values)
    weights = known * x[:, None]
    total = weights.sum(0)
    some = total > 0
    total = np.where(some, total, 1.0)
    filled = np.where(known, values, 0.0)
    mean = (weights * filled).sum(0) / total
    deviation = (weights * np.abs(filled - mean)).sum(0) / total
    low = np.where(known, values, np.inf).min(0)
    high = np.where(known, values, -np.inf).max(0)
    rows = np.stack([mean, deviation, low, high, high - low])
    return np.where(some, rows, np.nan).ravel()


def _role_features(values: NDArray[np.float64], x: NDArray[np.float64], names: tuple[str, ...]) -> NDArray[np.float64]:
    """Fraction and chosen properties of the most and least electronegative and of the most abundant element."""
    chi = np.nan_to_num(values[:, names.index("chi")], nan=0.0)
    by_chi = np.lexsort((values[:, names.index("z")], chi))
    by_abundance = np.lexsort((values[:, names.index("z")], chi, x))  # ties: the more electronegative one
    picks = [by_chi[-1], by_chi[0], by_abundance[-1]]
    columns = [names.index(name) for name in _ROLE_PROPERTIES]
    return np.concatenate([np.concatenate([[x[i]], values[i, columns]]) for i in picks])

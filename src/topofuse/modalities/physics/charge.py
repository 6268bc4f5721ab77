"""Charge balance: can oxidation states be assigned so that the formula is neutral, and are the shells closed?

Everything here depends on the reduced formula alone and is cached by it. One state per element, found by
dynamic programming over the sums that the elements can reach together.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.closed_shells import (
    closed_states,
    d_electrons,
    has_lone_pair,
    listed_states,
    low_spin_states,
    valence_of,
)
from topofuse.crystals.elements import element_property
from topofuse.crystals.formula import Formula

_TIERS = ("closed", "lowspin", "common", "icsd", "known")
_TIER_NAMES = ("miss", "signed", "neutral", "ways", "low", "high")
_GUESS_NAMES = (
    "guess_neutral",
    "guess_cost",
    "guess_closed",
    "q_max",
    "q_min",
    "q_abs",
    "q_dev",
    "n_cations",
    "d_left_max",
    "d_left_mean",
    "d_open",
    "d_open_fraction",
    "d0",
    "d10",
    "lone_pair",
    "f_open",
    "q_chi_order",
)
_COUNT_NAMES = (
    "e_chem",
    "e_per_atom",
    "e_per_anion",
    "e_per_pblock",
    "e_minus8_per_anion",
    "e_minus8_per_pblock",
    "e_mod2",
    "e_mod8",
    "e_mod18",
    "d_metal_e",
    "donated",
    "needed",
    "need_balance",
    "need_ratio",
    "need_p",
    "p_balance",
)
NAMES = (*(f"{tier}_{name}" for tier in _TIERS for name in _TIER_NAMES), *_GUESS_NAMES, *_COUNT_NAMES)

# What a state costs in the guess, by where it is listed: closed and common < common < ICSD < known
_COSTS = {"closed": 0.0, "common": 0.5, "icsd": 1.0, "known": 2.0}
_ORDER_COST = 1.0  # per unit of electronegativity times charge: cations should be the electropositive ones


class Balance(NamedTuple):
    """The sums that one contribution per element can reach: the one nearest to zero, and the ways to reach zero."""

    nearest: int
    ways: int
    total: int
    low: int
    high: int


def balance(contributions: Sequence[Sequence[int]]) -> Balance:
    """Sums of one contribution from each sequence, by dynamic programming.

    contributions: per element, the possible charges of all its atoms together (state × count).
    A tie between +q and -q goes to +q.
    """
    sums = {0: 1}
    for options in contributions:
        reached: dict[int, int] = {}
        for total, ways in sums.items():
            for charge in options:
                reached[total + charge] = reached.get(total + charge, 0) + ways
        sums = reached
    distance = min(map(abs, sums))
    nearest = distance if distance in sums else -distance
    return Balance(nearest, sums.get(0, 0), sum(sums.values()), min(sums), max(sums))


def tier_states(z: int, tier: str) -> tuple[int, ...]:
    """Oxidation states of element z in a tier: 'closed', 'lowspin', 'common', 'icsd', 'known'."""
    if tier == "closed":
        return closed_states(z) or listed_states(z, "common")
    if tier == "lowspin":
        return low_spin_states(z) or listed_states(z, "common")
    return listed_states(z, tier)


@lru_cache(maxsize=4096)
def guess_states(formula: Formula) -> tuple[tuple[int, ...] | None, float]:
    """The most probable neutral assignment of one state per element, and its cost.

    None, NaN where no neutral assignment exists. The cost is additive: how unusual each state is, and
    charge times electronegativity, so that the electropositive elements come out as cations.
    """
    chi = _chi(formula)
    counts = np.array(formula[1], dtype=np.float64)
    fractions = counts / counts.sum()
    mean = float(fractions @ chi)
    best: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, ())}
    for i, (z, count) in enumerate(zip(*formula, strict=True)):
        options = _priced_states(z)
        reached: dict[int, tuple[float, tuple[int, ...]]] = {}
        for total, (cost, states) in best.items():
            for charge, price in options:
                new = cost + fractions[i] * (price + _ORDER_COST * charge * (chi[i] - mean))
                key = total + charge * count
                # states break ties, so that the answer does not depend on the order of the search
                if key not in reached or (new, (*states, charge)) < reached[key]:
                    reached[key] = (new, (*states, charge))
        best = reached
    if 0 not in best:
        return None, np.nan
    return best[0][1], best[0][0]


@cache
def _priced_states(z: int) -> tuple[tuple[int, float], ...]:
    priced: dict[int, float] = {}
    closed = closed_states(z)
    for kind in ("common", "icsd", "known"):
        for charge in listed_states(z, kind):
            priced.setdefault(charge, _COSTS["closed"] if charge in closed and kind == "common" else _COSTS[kind])
    for charge in closed:
        priced.setdefault(charge, _COSTS["icsd"])
    return tuple(sorted(priced.items()))


@lru_cache(maxsize=4096)
def _chi(formula: Formula) -> NDArray[np.float64]:
    """Electronegativities; helium, neon, argon have none and count as inert (mean of the others)."""
    chi = element_property("chi")[list(formula[0])]
    unknown = np.isnan(chi)
    return chi if not unknown.any() else np.where(unknown, chi[~unknown].mean() if not unknown.all() else 0.0, chi)


@lru_cache(maxsize=4096)
def charge_features(formula: Formula) -> NDArray[np.float64]:
    """(f,) features named `NAMES`."""
    row = np.array([*_tiers(formula), *_guess(formula), *_counting(formula)], dtype=np.float64)
    row.setflags(write=False)
    return row


def _tiers(formula: Formula) -> list[float]:
    atoms = sum(formula[1])
    out: list[float] = []
    for tier in _TIERS:
        balanced = balance([[q * n for q in tier_states(z, tier)] for z, n in zip(*formula, strict=True)])
        # a mixed-valent element may take any mean charge between its extremes: the interval test
        out += [
            abs(balanced.nearest) / atoms,
            balanced.nearest / atoms,
            float(balanced.ways > 0),
            np.log1p(balanced.ways),
            balanced.low / atoms,
            balanced.high / atoms,
        ]
    return out


def _guess(formula: Formula) -> list[float]:
    states, cost = guess_states(formula)
    if states is None:
        return [0.0, *[np.nan] * (len(_GUESS_NAMES) - 1)]
    z = formula[0]
    q = np.array(states, dtype=np.float64)
    x = np.array(formula[1], dtype=np.float64)
    x /= x.sum()
    d = np.array([d_electrons(a, int(c)) for a, c in zip(z, states, strict=True)])
    metal = np.array([valence_of(a).kind == "d" for a in z])
    open_d = metal & (d > 0) & (d < 10)
    f_open = [valence_of(a).kind == "f" and int(c) not in closed_states(a) for a, c in zip(z, states, strict=True)]
    closed = all(c in closed_states(a) for a, c in zip(z, states, strict=True))
    chi = _chi(formula)
    cations, anions = chi[q > 0], chi[q < 0]
    return [
        1.0,
        cost,
        float(closed),
        q.max(),
        q.min(),
        x @ np.abs(q),
        float(np.sqrt(x @ q**2)),
        x[q > 0].sum(),
        d.max(),
        x @ d,
        float(open_d.any()),
        x[open_d].sum(),
        x[metal & (d == 0)].sum(),
        x[metal & (d == 10)].sum(),
        sum(f for a, c, f in zip(z, states, x, strict=True) if has_lone_pair(a, int(c))),
        x[np.array(f_open)].sum(),
        anions.min() - cations.max() if len(cations) and len(anions) else np.nan,
    ]


def _counting(formula: Formula) -> list[float]:
    """Valence-electron counts per formula unit: 8 and 18 of half-Heuslers, 24 of Heuslers, Zintl's 8-N need.

    `donated`: electrons of the elements that are not p-block formers of anions; `needed`: 8-N of the p-block
    elements of groups 14-17 (hydrogen: 1); both per atom. `need_p`, `p_balance`: the same for the most
    electronegative element alone, all others donating.
    """
    z, counts = formula
    n = np.array(counts, dtype=np.float64)
    valence = [valence_of(a) for a in z]
    electrons = np.array([v.electrons for v in valence], dtype=np.float64)
    p_block = np.array([v.kind == "p" and v.electrons >= 4 for v in valence])
    chi = _chi(formula)
    anion = chi == chi.max()
    need = np.where(p_block, 8 - electrons, 0.0) + np.array([1.0 if a == 1 else 0.0 for a in z])
    atoms, total = n.sum(), float(n @ electrons)
    donated = float((n * electrons)[~p_block].sum())
    needed = float(n @ need)
    n_anion, n_p = float(n[anion].sum()), float(n[p_block].sum())
    anion_need = float((n * need)[anion].sum())
    d_atoms = float(n[[v.kind == "d" for v in valence]].sum())
    return [
        total,
        total / atoms,
        total / n_anion,
        total / n_p if n_p else np.nan,
        (total - 8 * n_anion) / n_anion,
        (total - 8 * n_p) / n_p if n_p else np.nan,
        total % 2,
        total % 8,
        total % 18,
        total / d_atoms if d_atoms else np.nan,
        donated / atoms,
        needed / atoms,
        (donated - needed) / atoms,
        donated / needed if needed else np.nan,
        anion_need / atoms,
        (total - float((n * electrons)[anion].sum()) - anion_need) / atoms,
    ]

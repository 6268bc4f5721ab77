"""Probabilities of the classes when the energies of the levels are known only to some tenths of an eV.

Every rigid set of levels moves by a Gaussian error of its own. At one star of momenta the probabilities of all
multiplicities that the filling may then have follow from one integral over the energy μ of the last filled level: at
fixed μ the sets are independent, and each is filled up to one of its levels. Indicators and compatibility are linear in
the multiplicities, so the stars are combined by convolution. No random numbers; what is left out is below 1e-3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from topofuse.symmetry.diagnosis import HSL, HSP, check_complete, indicator_classes
from topofuse.symmetry.levels import Levels
from topofuse.symmetry.tables import SymmetryTable

_STEP = 0.6  # of the integral, in standard deviations; sums over equal steps converge fast for Gaussians
_NODES = np.arange(-7, 8) * _STEP  # around the last filled level
_REACH = 5.0  # standard deviations from the last filled level beyond which nothing changes
_NEGLIGIBLE = 1e-6


@dataclass(frozen=True, eq=False)
class SoftVerdict:
    """Probabilities for b blurs.

    cut: (b,) that the filling ends inside a degenerate set at some momentum
    broken: (b,) that it does not, but the bands are incompatible
    indicator: (x, b) that it does not, the bands are compatible, and the indicator is the one of this number
    classes: (5, b) of `labels.FIVE`
    """

    cut: NDArray[np.float64]
    broken: NDArray[np.float64]
    indicator: NDArray[np.float64]
    classes: NDArray[np.float64]


def soft_verdict(
    table: SymmetryTable,
    levels: Sequence[Levels],
    rigid: Sequence[NDArray[np.int64]],
    electrons: int,
    blurs: Sequence[float],
) -> SoftVerdict:
    """Probabilities of what `diagnose` finds when levels are blurred.

    levels: of every star; rigid: for each of them (l,) the number, from 0, of the rigid set that a level belongs to
    blurs: standard deviations of the errors of rigid sets, eV
    """
    check_complete(table, levels)
    widths = np.array(blurs, dtype=np.float64)
    found = [star_fillings(table, one, own, electrons, widths) for one, own in zip(levels, rigid, strict=True)]
    uncut = np.prod([probability.sum(0) for _, probability in found], axis=0)
    indicator = _combined(
        table, [(table.multiplicities(s.star, m), p) for s, (m, p) in zip(levels, found, strict=True)]
    )
    cut = np.clip(1 - uncut, 0, 1)
    broken = np.clip(uncut - indicator.sum(0), 0, 1)
    classes = np.zeros((5, len(widths)))
    np.add.at(classes, indicator_classes(table.spacegroup), indicator)
    classes[HSP], classes[HSL] = cut, broken
    return SoftVerdict(cut, broken, indicator, classes / classes.sum(0))


def star_fillings(
    table: SymmetryTable, levels: Levels, rigid: NDArray[np.int64], electrons: int, widths: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Multiplicities (f, c) that the filled levels of a star may have, and their probabilities (f, b).

    Probabilities do not add up to one: the rest is that of a filling that ends inside a degenerate set.
    """
    dimensions = table.stars[levels.star].dimensions
    size = dimensions[levels.coirrep]
    wanted = electrons - int(levels.below @ dimensions)
    if not 0 < wanted <= size.sum():
        raise ValueError(f"the levels at {table.stars[levels.star].label} do not reach the filling")
    if len(dimensions) == 1 and levels.set[-1] == len(levels.set) - 1:  # nothing to exchange, nothing degenerate
        whole = wanted % dimensions[0] == 0
        return np.full((int(whole), 1), electrons // dimensions[0]), np.ones((int(whole), len(widths)))
    last = levels.energy[np.searchsorted(np.cumsum(size), wanted)]
    sets, filled = _movable(levels, rigid, last, _REACH * widths.max(), len(dimensions))
    # columns are blur × node; the last filled level is at `last` plus the node
    away = np.tile(_NODES, len(widths))
    width = np.repeat(widths, len(_NODES))
    state = np.concatenate([np.ones(len(width)), np.zeros(len(width))])[None]  # weight, and that with a level at μ
    found = filled[None]
    room = np.cumsum([0, *(int(steps[-1] @ dimensions) for _, steps in sets[::-1])])[::-1]
    for (energy, steps), rest in zip(sets, room[1:], strict=True):
        z = away + (last - energy[:, None]) / width
        below = np.ones((len(z) + 2, len(width)))
        below[1:-1], below[-1] = ndtr(z), 0.0
        share = below[:-1] - below[1:]
        at = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        found, state = _with_set(found, state, steps, share, at)
        electrons_now = found @ dimensions
        keep = (electrons_now <= wanted) & (electrons_now + rest >= wanted) & (state.max(1, initial=0) > _NEGLIGIBLE)
        found, state = found[keep], state[keep]
    whole = found @ dimensions == wanted
    weight = state[whole, len(width) :].reshape(-1, len(widths), len(_NODES)).sum(2) * _STEP
    return found[whole] + levels.below, weight


def _movable(
    levels: Levels, rigid: NDArray[np.int64], last: float, reach: float, n_coirreps: int
) -> tuple[list[tuple[NDArray[np.float64], NDArray[np.int64]]], NDArray[np.int64]]:
    """Rigid sets near the filling, the farthest first, and the multiplicities (c,) of all that is certainly filled.

    Of each set: energies (k,) of its degenerate levels, and (k + 1, c) multiplicities of the lowest 0 to k of them.
    """
    away = np.abs(levels.energy - last)
    closest = np.full(rigid.max() + 1, np.inf)
    np.minimum.at(closest, rigid, away)
    moves = closest[rigid] < reach
    one = np.eye(n_coirreps, dtype=np.int64)[levels.coirrep]
    order = np.lexsort((levels.energy, rigid))
    order = order[moves[order]]
    owner, energy = rigid[order], levels.energy[order]
    sums = np.concatenate([np.zeros((1, n_coirreps), dtype=np.int64), np.cumsum(one[order], axis=0)])
    ends = np.flatnonzero(np.diff(owner, append=-1) | (np.diff(energy, append=np.inf) > 0))  # of degenerate levels
    firsts = np.flatnonzero(np.diff(owner[ends], prepend=-1))
    sets, begin = {}, 0
    for first, after in zip(firsts.tolist(), [*firsts[1:].tolist(), len(ends)], strict=True):
        own = ends[first:after]
        sets[int(owner[own[0]])] = energy[own], sums[np.concatenate([[begin], own + 1])] - sums[begin]
        begin = int(own[-1]) + 1
    # far sets are nearly certain and leave few fillings to go on with
    far_first = sorted(sets, key=lambda number: (-closest[number], number))
    return [sets[number] for number in far_first], one[~moves & (levels.energy < last)].sum(0)


def _with_set(
    found: NDArray[np.int64],
    state: NDArray[np.float64],
    steps: NDArray[np.int64],
    share: NDArray[np.float64],
    at: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Add a rigid set: filled up to step j with weight `share[j]`, and with a level at μ with weight `at[j - 1]`."""
    half = state.shape[1] // 2
    weight, pinned = state[:, None, :half] * share, state[:, None, half:] * share
    pinned[:, 1:] += state[:, None, :half] * at
    both = np.concatenate([weight, pinned], axis=2).reshape(-1, 2 * half)
    return _merged((found[:, None] + steps).reshape(-1, found.shape[1]), both)


def _merged(rows: NDArray[np.int64], weight: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Distinct rows, and the sums of their weights."""
    if not rows.size:  # no rows, or nothing in which they could differ
        return rows[:1], weight.sum(0, keepdims=True)[: len(rows)]
    plain = np.ascontiguousarray(rows, dtype=np.int16)
    order = np.lexsort(plain.T)
    plain = plain[order]
    begin = np.flatnonzero(np.concatenate([[True], (plain[1:] != plain[:-1]).any(1)]))
    return plain[begin].astype(np.int64), np.add.reduceat(weight[order], begin, axis=0)


def _combined(
    table: SymmetryTable, stars: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]]
) -> NDArray[np.float64]:
    """(x, b) probabilities of compatible bands with each indicator, from the vectors (f, n) of all stars."""
    s, out = len(table.orders), np.zeros((len(table.elements()), stars[0][1].shape[1]))
    parts = []
    for vectors, probability in stars:
        if not len(vectors):  # the filling is always cut
            return out
        tags = np.concatenate([vectors @ table.indicator % table.orders, vectors @ table.compatibility], axis=1)
        parts.append(_merged(tags, probability))
    parts.sort(key=lambda part: len(part[0]))
    # what the stars still to come can add to each relation, at least and at most
    least = np.cumsum([tags[:, s:].min(0) for tags, _ in parts[::-1]], axis=0)[::-1]
    most = np.cumsum([tags[:, s:].max(0) for tags, _ in parts[::-1]], axis=0)[::-1]
    width = parts[0][0].shape[1]
    found, weight = np.zeros((1, width), dtype=np.int64), np.ones((1, out.shape[1]))
    for i, (tags, probability) in enumerate(parts):
        rows = (found[:, None] + tags).reshape(-1, width)
        rows[:, :s] %= table.orders
        both = (weight[:, None] * probability).reshape(len(rows), out.shape[1])
        keep = both.max(1, initial=0) > _NEGLIGIBLE * 0.1
        rest = (least[i + 1], most[i + 1]) if i + 1 < len(parts) else (0, 0)
        keep &= ((rows[:, s:] + rest[0] <= 0) & (rows[:, s:] + rest[1] >= 0)).all(1)
        found, weight = _merged(rows[keep], both[keep])
    np.add.at(out, table.number(found[:, :s]), weight)
    return out

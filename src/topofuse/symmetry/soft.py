"""Probabilities of the classes when the energies of the levels are known only to some tenths of an eV.

Every rigid set of levels moves by a Gaussian error of its own. At one star of momenta the probabilities of all
multiplicities that the filling may then have follow from one integral over the energy μ of the last filled level: at
fixed μ the sets are independent, and each is filled up to one of its levels. Indicators and compatibility are linear in
the multiplicities, so the stars are combined by convolution. No random numbers; what is left out is below 1e-3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from topofuse.symmetry.diagnosis import HSL, HSP, check_complete, indicator_classes
from topofuse.symmetry.levels import Levels
from topofuse.symmetry.tables import SymmetryTable

_STEP = 0.6  # of the integral, in standard deviations; sums over equal steps converge fast for Gaussians
_NODES = np.arange(-7, 8) * _STEP  # around the last filled level
_REACH = 5.0  # standard deviations from the last filled level beyond which nothing changes
_NEGLIGIBLE = 1e-6
_MANY = 32  # fewer vectors of multiplicities are not worth merging before the end
_ROOT = np.sqrt(2 * np.pi)
_LARGEST = 2**62


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
    fillings = [star_fillings(table, one, own, electrons, widths) for one, own in zip(levels, rigid, strict=True)]
    uncut = np.prod([probability.sum(0) for _, probability in fillings], axis=0)
    indicator = _combined(
        table, [(table.multiplicities(s.star, m), p) for s, (m, p) in zip(levels, fillings, strict=True)]
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
    from scipy.special import ndtr  # a fifth of a second of start-up

    dimensions = table.stars[levels.star].dimensions
    size = dimensions[levels.coirrep]
    wanted = electrons - int(levels.below @ dimensions)
    if not 0 < wanted <= size.sum():
        raise ValueError(f"the levels at {table.stars[levels.star].label} do not reach the filling")
    if len(dimensions) == 1 and levels.set[-1] == len(levels.set) - 1:  # nothing to exchange, nothing degenerate
        whole = wanted % dimensions[0] == 0
        return np.full((int(whole), 1), electrons // dimensions[0]), np.ones((int(whole), len(widths)))
    last = levels.energy[np.searchsorted(np.cumsum(size), wanted)]
    near = _near(levels, rigid, last, _REACH * widths.max(), len(dimensions))
    # columns are blur × node; the last filled level is at `last` plus the node
    width = np.repeat(widths, len(_NODES))
    z = np.tile(_NODES, len(widths)) + (last - near.energy[:, None]) / width
    filled, at = ndtr(z), np.exp(-(z**2) / 2) / _ROOT
    wanted -= int(near.certain @ dimensions)
    # a vector of multiplicities is one number: the largest that each coirrep can have, plus one, are the radices
    radix = np.concatenate([[1], np.cumprod(near.steps.sum(0) + 1)])
    if radix[-1] > _LARGEST:
        raise ValueError(f"too many levels within reach of the filling at {table.stars[levels.star].label}")
    codes, electrons_of = (np.append(0, np.cumsum(near.steps @ each)) for each in (radix[:-1], dimensions))
    chosen, holds, state = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64), np.ones((1, 2 * len(width)))
    state[:, len(width) :] = 0  # weight, and that with a level at μ
    ends = near.ends.tolist()
    for begin, end in pairwise(ends):
        code, more = codes[begin : end + 1] - codes[begin], electrons_of[begin : end + 1] - electrons_of[begin]
        chosen, holds = (chosen[:, None] + code).ravel(), (holds[:, None] + more).ravel()
        state = _with_set(state, filled[begin:end], at[begin:end])
        possible = ((holds <= wanted) & (holds >= wanted - (electrons_of[-1] - electrons_of[end]))).nonzero()[0]
        if len(possible) > _MANY:
            possible = possible[chosen[possible].argsort(kind="stable")]
            chosen, holds, state = _merged_codes(chosen[possible], holds[possible], state[possible])
        elif len(possible) < len(chosen):
            chosen, holds, state = chosen[possible], holds[possible], state[possible]
    whole = holds == wanted
    weight = state[whole, len(width) :].reshape(-1, len(widths), len(_NODES)).sum(2) * _STEP
    return chosen[whole, None] // radix[:-1] % (radix[1:] // radix[:-1]) + near.certain + levels.below, weight


@dataclass(frozen=True, eq=False)
class _Near:
    """Degenerate levels (k,) of the rigid sets near the filling: set by set, the farthest first, ascending in each.

    energy: (k,) eV; steps: (k, c) multiplicities of the coirreps in each; ends: (sets + 1,) where each set begins
    certain: (c,) multiplicities of all that is certainly filled
    """

    energy: NDArray[np.float64]
    steps: NDArray[np.int64]
    ends: NDArray[np.int64]
    certain: NDArray[np.int64]


def _near(levels: Levels, rigid: NDArray[np.int64], last: float, reach: float, n_coirreps: int) -> _Near:
    away = np.abs(levels.energy - last)
    closest = np.full(rigid.max() + 1, np.inf)
    np.minimum.at(closest, rigid, away)
    moves = closest[rigid] < reach
    one = np.eye(n_coirreps, dtype=np.int64)[levels.coirrep]
    order = np.flatnonzero(moves)
    # far sets are nearly certain and leave few fillings to go on with
    order = order[np.lexsort((levels.energy[order], rigid[order], -closest[rigid[order]]))]
    owner, energy = rigid[order], levels.energy[order]
    another = np.diff(owner, prepend=-1) != 0
    begins = np.flatnonzero(another | (np.diff(energy, prepend=-np.inf) > 0))  # of degenerate levels
    steps = np.add.reduceat(one[order], begins, axis=0)
    ends = np.append(np.flatnonzero(another[begins]), len(begins))
    return _Near(energy[begins], steps, ends, one[~moves & (levels.energy < last)].sum(0))


def _with_set(state: NDArray[np.float64], filled: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """States (f · (k + 1), 2w) after a rigid set of k levels: each times that it is filled up to none, one, …, all.

    filled, at: (k, w) probability that a level lies beneath μ, and density at μ
    """
    half = state.shape[1] // 2
    share = np.empty((len(filled) + 1, half))
    share[0], share[1:] = 1 - filled[0], filled
    share[1:-1] -= filled[1:]
    out = np.empty((len(state), len(share), 2 * half))
    np.multiply(state[:, None, :half], share, out=out[..., :half])
    np.multiply(state[:, None, half:], share, out=out[..., half:])
    out[:, 1:, half:] += state[:, None, :half] * at
    return out.reshape(-1, 2 * half)


def _merged_codes(
    codes: NDArray[np.int64], holds: NDArray[np.int64], state: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Distinct codes of ascending ones, what they hold, and the sums of their states, without negligible ones."""
    another = np.ones(len(codes), dtype=np.bool_)
    np.not_equal(codes[1:], codes[:-1], out=another[1:])
    begins = another.nonzero()[0]
    if len(begins) < len(codes):
        state = np.add.reduceat(state, begins, axis=0)
    keep = state.max(1, initial=0) > _NEGLIGIBLE
    begins = begins[keep]
    return codes[begins], holds[begins], state[keep]


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
    sums, weight = np.zeros((1, width), dtype=np.int64), np.ones((1, out.shape[1]))
    for i, (tags, probability) in enumerate(parts):
        rows = (sums[:, None] + tags).reshape(-1, width)
        rows[:, :s] %= table.orders
        both = (weight[:, None] * probability).reshape(len(rows), out.shape[1])
        keep = both.max(1, initial=0) > _NEGLIGIBLE * 0.1
        rest = (least[i + 1], most[i + 1]) if i + 1 < len(parts) else (0, 0)
        keep &= ((rows[:, s:] + rest[0] <= 0) & (rows[:, s:] + rest[1] >= 0)).all(1)
        sums, weight = _merged(rows[keep], both[keep])
    np.add.at(out, table.number(sums[:, :s]), weight)
    return out

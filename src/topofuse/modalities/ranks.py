"""Normal scores: what the rank of a value among the training values says, without heavy tails.

A value becomes Φ⁻¹ of its rank, ties in the middle of their ranks. Networks are trained with the same in torch
(`modalities.encoders.Standardise`, which says why it is not scikit-learn's).
"""

from __future__ import annotations

from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

CLIP = 3.0  # standard deviations; a value outside the training range saturates
N_QUANTILES = 129
SLACK = 1e-4  # of the spread of the values; smaller differences are rounding errors


def normal_scores(
    values: NDArray[np.float32], quantiles: NDArray[np.float32], slack: NDArray[np.floating]
) -> NDArray[np.float64]:
    """(f, b) values of f columns → (f, b) scores within ±CLIP; those of NaN mean nothing.

    quantiles: (f, 129) of the training values; slack: (f, 1) differences that are none. Where many crystals share a
    value the ranks jump: a rounding error beside it must not count as another value.
    """
    below = _rank(quantiles, values - slack, np.less)
    above = _rank(quantiles, values + slack, np.less_equal)
    lower = np.clip(below - 1, 0, N_QUANTILES - 2)
    ends = [np.take_along_axis(quantiles, lower + i, axis=1) for i in (0, 1)]
    with np.errstate(over="ignore"):  # of values far outside, which are clipped
        share = np.clip((values - ends[0]) / np.maximum(ends[1] - ends[0], 1e-12), 0.0, 1.0)
    scores = _scores()
    between = scores[2 * lower] * (1 - share) + scores[2 * lower + 2] * share
    tied = scores[np.clip(above + below - 1, 0, 2 * N_QUANTILES - 2)]
    return np.asarray(np.where(above > below, tied, between))


def _rank(quantiles: NDArray[np.float32], values: NDArray[np.floating], before: np.ufunc) -> NDArray[np.int64]:
    """(f, b) how many of its column's ascending quantiles are `before` each value; 0 for NaN.

    A binary search in all columns at once: `searchsorted` column by column takes ten times as long for one crystal.
    """
    rank = np.zeros(values.shape, dtype=np.int64)
    for step in (128, 64, 32, 16, 8, 4, 2, 1):
        tried = rank + step
        entry = np.take_along_axis(quantiles, np.minimum(tried, N_QUANTILES) - 1, axis=1)
        rank = np.where((tried <= N_QUANTILES) & before(entry, values), tried, rank)
    return rank


def standardise(table: NDArray[np.float32], quantiles: NDArray[np.float32]) -> NDArray[np.float64]:
    """(b, f) raw columns → (b, f) normal scores; 0 where undefined, and in columns that had one value in training."""
    tail = N_QUANTILES // 20
    inner, outer = (quantiles[:, -1 - cut] - quantiles[:, cut] for cut in (tail, 0))
    slack = np.float32(SLACK) * np.where(inner > 0, inner, outer)[:, None]
    values = np.ascontiguousarray(table.T)
    scores = normal_scores(values, quantiles, slack)
    defined: NDArray[Any] = ~np.isnan(values) & (outer > 0)[:, None]
    return np.where(defined, scores, 0.0).T


@cache
def _scores() -> NDArray[np.float64]:
    """Normal scores of the ranks at the quantiles and half-way between."""
    inner = [NormalDist().inv_cdf(share) for share in np.linspace(0.0, 1.0, 2 * N_QUANTILES - 1)[1:-1]]
    return np.asarray(np.clip([-CLIP, *inner, CLIP], -CLIP, CLIP), dtype=np.float64)

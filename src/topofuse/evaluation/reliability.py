"""Do probabilities mean what they say: calibration error, reliability curve, and what abstaining brings.

Bins have equal mass: rows sorted by probability, cut into runs of equal length. Bins of equal width would put nearly
all rows of a good classifier into two of them. scikit-learn's `calibration_curve` puts equal probabilities into one bin
and does not say how many rows a bin has, which the error and the intervals need.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

BINS = 15


def calibration_error(event: NDArray[np.bool_], p: NDArray[np.floating], bins: int = BINS) -> float:
    """Expected calibration error: mean over rows of |share of events − mean p| of the row's bin.

    event: (n,) whether it happened; p: (n,) the probability that was given to it
    M. Naeini et al., AAAI 2015, with equal-mass bins.
    """
    return sum(len(rows) * abs(float(event[rows].mean() - p[rows].mean())) for rows in _bins(p, bins)) / len(p)


def honest_error(p: NDArray[np.floating], bins: int = BINS, draws: int = 100, seed: int = 0) -> float:
    """What `calibration_error` would be on average if events happened just as often as p (n,) says.

    It is not zero, and the larger the fewer the rows: the floor of what can be shown.
    """
    rng = np.random.default_rng(seed)
    cuts = _bins(p, bins)
    errors = [
        sum(abs(float(((rng.random(len(rows)) < p[rows]) - p[rows]).sum())) for rows in cuts) / len(p)
        for _ in range(draws)
    ]
    return float(np.mean(errors))


def wilson_interval(happened: int, n: int) -> tuple[float, float]:
    """95 % interval of a share of `happened` in n > 0 (E. B. Wilson, J. Am. Stat. Assoc. 22, 209, 1927).

    It stays inside 0..1 and says something even where all or none happened.
    """
    interval = binomtest(happened, n).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def reliability_curve(event: NDArray[np.bool_], p: NDArray[np.floating], bins: int = BINS) -> list[dict[str, Any]]:
    """Per bin, from the lowest: n rows, mean `p`, `share` of events with its 95 % interval `low`, `high` (Wilson)."""
    curve = []
    for rows in _bins(p, bins):
        happened = int(event[rows].sum())
        low, high = wilson_interval(happened, len(rows))
        curve.append(
            {
                "n": len(rows),
                "p": float(p[rows].mean()),
                "share": happened / len(rows),
                "low": low,
                "high": high,
            }
        )
    return curve


def risk_coverage(right: NDArray[np.bool_], confidence: NDArray[np.floating], points: int = 50) -> list[dict[str, Any]]:
    """Accuracy on the most confident rows, at `points` shares of the rows up to all of them.

    right: (n,) whether the decision is right; confidence: (n,) the probability of the decision
    → {"coverage", "accuracy", "confidence"}; the last is the least confidence among the rows kept.
    """
    order = np.argsort(-confidence, kind="stable")
    hits = np.cumsum(right[order])
    curve = []
    for step in range(1, points + 1):
        kept = max(1, round(len(order) * step / points))
        curve.append(
            {
                "coverage": step / points,
                "accuracy": float(hits[kept - 1] / kept),
                "confidence": float(confidence[order[kept - 1]]),
            }
        )
    return curve


def accuracy_at(right: NDArray[np.bool_], confidence: NDArray[np.floating], coverage: float) -> float:
    """Accuracy on the most confident `coverage` of the rows."""
    kept = np.argsort(-confidence, kind="stable")[: max(1, round(len(right) * coverage))]
    return float(right[kept].mean())


def _bins(p: NDArray[np.floating], bins: int) -> list[NDArray[np.intp]]:
    return [rows for rows in np.array_split(np.argsort(p, kind="stable"), bins) if len(rows)]

"""Three opinions on the same crystals: labels, a second first-principles database, and a model's classes.

A database that was computed independently says how far labels of this kind can be trusted. Its classes are coarser
(`FOUR`), so agreement is counted at two, three and four classes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from topofuse.evaluation.bootstrap import Interval, interval, resamples

FOUR: tuple[str, ...] = ("trivial", "semimetal", "ti", "tci")
FIVE_TO_FOUR = np.array([0, 1, 1, 2, 3])
_COARSER = {"two": np.array([0, 1, 1, 1]), "three": np.array([0, 1, 2, 2]), "four": np.arange(4)}
AGREEMENT_LEVELS: tuple[str, ...] = tuple(_COARSER)


def agreement(
    labels: NDArray[np.integer],
    second: NDArray[np.integer],
    model: NDArray[np.integer],
    groups: Sequence[str],
    level: str,
    *,
    n: int = 1000,
    seed: int = 0,
) -> dict[str, Interval]:
    """Shares of equal classes, with 95 % bootstrap intervals over groups of rows.

    labels, second, model: (r,) codes of `FOUR`; groups: (r,) for example reduced formulas
    level: 'two', 'three' or 'four' classes; n: resamples
    Returns, each {"value", "low", "high"}: second_labels, model_labels, model_second; difference (model_labels minus
    second_labels, on the same resamples); model_agreed (the model on the rows where the two databases agree, whose
    share is second_labels).
    """
    a, b, c = (_COARSER[level][np.asarray(codes)] for codes in (labels, second, model))
    agreed = a == b
    marks = np.stack([agreed, c == a, c == b, agreed & (c == a)]).astype(np.float64)
    point = _shares(marks.mean(1, keepdims=True))
    blocks = [marks @ weights.T / weights.sum(1) for weights in resamples(len(a), groups, n, seed)]
    draws = _shares(np.concatenate(blocks, axis=1))
    return {name: interval(float(point[name][0]), draws[name]) for name in point}


def _shares(means: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    second_labels, model_labels, model_second, both = means
    return {
        "second_labels": second_labels,
        "model_labels": model_labels,
        "model_second": model_second,
        "difference": model_labels - second_labels,
        "model_agreed": both / np.maximum(second_labels, 1e-12),
    }

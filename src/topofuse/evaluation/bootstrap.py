"""Bootstrap intervals of the metrics: materials are drawn with replacement, whole formula groups at a time.

Rows of one reduced formula are near-copies of each other; drawing them one by one would count them as
independent evidence and make the intervals too narrow. Intervals are percentile intervals at 95 %.
scipy.stats.bootstrap draws rows, not groups, and calls a metric once per resample; here all metrics of all resamples
are a few matrix products.

Degenerate resamples. A resample may miss a class. Then balanced accuracy, macro F1 and the one-vs-rest
AUROC are means over the classes that it holds (as `metrics` defines them), and the two-class AUROC, which
needs both, is undefined in it. Undefined resamples are left out of the percentiles; where fewer than half
of the resamples define a metric, its interval is NaN, NaN: too little data to say.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topofuse.evaluation.metrics import METRICS, Floats, Scorer
from topofuse.labels import LEVELS

Interval = dict[str, float]

COVERAGE = 95.0
ENTRIES_AT_ONCE = 1_000_000  # of the weight matrix: 8 MB, so that blocks stay in the cache's reach


def bootstrap_intervals(
    labels: ArrayLike,
    p5: ArrayLike,
    groups: ArrayLike | None = None,
    n: int = 1000,
    seed: int = 0,
) -> dict[str, dict[str, Interval]]:
    """{level: {metric: {"value", "low", "high"}}}: value on all rows, percentile interval of n resamples.

    labels: (n_rows,) codes 0..4; p5: (n_rows, 5); groups: (n_rows,) of any hashable kind, for example
    reduced formulas, or None for rows drawn one by one. Same seed, same numbers.
    """
    scorer = Scorer(labels, p5)
    point = scorer(np.ones((1, scorer.n)))
    draws: dict[tuple[str, str], list[Floats]] = {(level, m): [] for level in LEVELS for m in METRICS}
    for weights in resamples(scorer.n, groups, n, seed):
        for level, values in scorer(weights).items():
            for metric, value in values.items():
                draws[level, metric].append(value)
    return {
        level: {m: interval(float(point[level][m][0]), np.concatenate(draws[level, m])) for m in METRICS}
        for level in LEVELS
    }


def paired_difference(
    labels: ArrayLike,
    p5_a: ArrayLike,
    p5_b: ArrayLike,
    groups: ArrayLike | None,
    level: str,
    metric: str,
    n: int = 1000,
    seed: int = 0,
) -> Interval:
    """Metric of a minus metric of b on the same rows and the same resamples: {"value", "low", "high"}.

    In the metric's own unit (accuracy: a fraction, so 0.01 is one point). For log_loss, lower is better.
    """
    first, second = (Scorer(labels, p, levels=(level,), metrics=(metric,)) for p in (p5_a, p5_b))

    def difference(weights: Floats) -> Floats:
        return first(weights)[level][metric] - second(weights)[level][metric]

    value = float(difference(np.ones((1, first.n)))[0])
    draws = [difference(weights) for weights in resamples(first.n, groups, n, seed)]
    return interval(value, np.concatenate(draws))


def resamples(n_rows: int, groups: ArrayLike | None, n: int, seed: int) -> Iterator[Floats]:
    """Blocks (b, n_rows) of weights, n rows in all: how often each row was drawn, equal within a group."""
    if n < 1:
        raise ValueError(f"at least one resample is needed, not {n}")
    codes = _group_codes(n_rows, groups)
    n_groups = int(codes.max()) + 1
    rng = np.random.default_rng(seed)
    # draws are made one resample at a time, so that the numbers do not depend on how they are
    # cut into blocks
    block = max(1, ENTRIES_AT_ONCE // n_rows)
    for start in range(0, n, block):
        size = min(block, n - start)
        counts = np.empty((size, n_groups))
        for i in range(size):
            counts[i] = np.bincount(rng.integers(n_groups, size=n_groups), minlength=n_groups)
        yield counts[:, codes]


def _group_codes(n_rows: int, groups: ArrayLike | None) -> NDArray[np.intp]:
    if groups is None:
        return np.arange(n_rows)
    names = np.asarray(groups)
    if names.shape != (n_rows,):
        raise ValueError(f"groups must have one entry per row, ({n_rows},), not {names.shape}")
    return np.unique(names, return_inverse=True)[1]


def interval(value: float, draws: Floats) -> Interval:
    """Value with the percentile interval of the defined draws; NaN where fewer than half are defined."""
    defined = draws[np.isfinite(draws)]
    if 2 * len(defined) < len(draws):
        return {"value": value, "low": float("nan"), "high": float("nan")}
    tail = (100.0 - COVERAGE) / 2
    low, high = np.percentile(defined, [tail, 100.0 - tail])
    return {"value": value, "low": float(low), "high": float(high)}

"""Metrics of five-class probabilities at the three levels, for weighted rows and hence for resamples.

Everything follows from three things that are linear in the weights of the rows: the confusion matrix,
the sum of the losses, and the rank statistic behind AUROC. So a point estimate and a thousand bootstrap
resamples are the same computation with other weights, and nothing is defined twice.

Definitions (those of scikit-learn, which the tests compare with):

- accuracy: share of decisions that are right;
- balanced_accuracy: mean recall over the classes that occur among the labels;
- macro_f1: mean F1 over the classes that occur among labels or decisions;
- auroc: of p(non-trivial) for two classes; otherwise one-vs-rest, mean over the classes that occur
  (NaN where the labels hold a single class: no pair exists to be ordered);
- mcc: Matthews correlation (Gorodkin's R_K for more than two classes); 0 where labels or decisions are constant;
- log_loss: mean of −ln p(label), in nats, with p clipped to the smallest float64 step.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topofuse.labels import LEVELS, coarsen, decide, level_probabilities

Floats = NDArray[np.float64]

METRICS: tuple[str, ...] = ("accuracy", "balanced_accuracy", "macro_f1", "auroc", "mcc", "log_loss")
SUM_TOLERANCE = 1e-4  # float32 averages of probabilities are off by 1e-6; more than this is a mistake


def checked(labels: ArrayLike, p5: ArrayLike) -> tuple[NDArray[np.int64], Floats]:
    """Labels (n,) as codes 0..4 and p5 (n, 5) as float64, otherwise as given.

    Rows are not rescaled to an exact sum of 1: the rounding would break ties between equal scores.
    Raises ValueError for an empty set, unequal lengths, an unknown label (−1), and rows that are no
    probabilities (NaN among them: a row that nobody predicted).
    """
    codes = np.asarray(labels)
    p = np.asarray(p5, dtype=np.float64)
    if p.ndim != 2 or p.shape[1] != 5 or codes.shape != (len(p),) or len(p) == 0:
        raise ValueError(f"labels (n,) and p5 (n, 5) with n > 0 are needed, not {codes.shape} and {p.shape}")
    if not np.issubdtype(codes.dtype, np.integer):
        raise ValueError(f"labels are integer codes 0..4, not {codes.dtype}")
    bad = np.flatnonzero((codes < 0) | (codes > 4))
    if len(bad):
        raise ValueError(
            f"{len(bad)} labels are no class (row {bad[0]}: {codes[bad[0]]}); leave rows without a label out"
        )
    sums = p.sum(axis=1)
    bad = np.flatnonzero(~(np.isfinite(p).all(axis=1) & (p >= 0).all(axis=1) & (np.abs(sums - 1) <= SUM_TOLERANCE)))
    if len(bad):
        raise ValueError(f"{len(bad)} rows of p5 are no probabilities (row {bad[0]}: {p[bad[0]]})")
    return codes.astype(np.int64), p


def confusion(labels: ArrayLike, p5: ArrayLike, level: str) -> NDArray[np.int64]:
    """Confusion matrix (k, k) of `level`: rows are labels, columns decisions, entries counts."""
    codes, p = checked(labels, p5)
    k = len(LEVELS[_known_level(level)])
    cells = coarsen(codes, level) * k + coarsen(decide(p), level)
    return np.bincount(cells, minlength=k * k).reshape(k, k)


def level_metrics(labels: ArrayLike, p5: ArrayLike, level: str) -> dict[str, float]:
    """{metric: value} at `level` ('two', 'three' or 'five') for labels (n,) and probabilities p5 (n, 5)."""
    return all_metrics(labels, p5, levels=(level,))[level]


def all_metrics(labels: ArrayLike, p5: ArrayLike, levels: Iterable[str] = tuple(LEVELS)) -> dict[str, dict[str, float]]:
    """{level: {metric: value}} for labels (n,) and probabilities p5 (n, 5); errors as in `checked`."""
    scorer = Scorer(labels, p5, levels=levels)
    values = scorer(np.ones((1, scorer.n)))
    return {level: {metric: float(v[0]) for metric, v in metrics.items()} for level, metrics in values.items()}


class Scorer:
    """Metrics of fixed rows under many weightings at once: sorting is done once, weights come later."""

    def __init__(
        self,
        labels: ArrayLike,
        p5: ArrayLike,
        levels: Iterable[str] = tuple(LEVELS),
        metrics: Iterable[str] = METRICS,
    ) -> None:
        codes, p = checked(labels, p5)
        self.levels = tuple(_known_level(level) for level in levels)
        self.metrics = tuple(_known_metric(metric) for metric in metrics)
        self.n = len(codes)
        decided = decide(p)
        self._cells = np.zeros((self.n, 25))
        self._cells[np.arange(self.n), codes * 5 + decided] = 1.0
        self._losses = np.stack([_losses(codes, p, level) for level in self.levels], axis=1)
        self._ranks: dict[str, list[_RankSum]] = {}
        if "auroc" in self.metrics:
            shared: dict[bytes, _RankSum] = {}  # 'trivial against the rest' is the same at every level
            self._ranks = {level: _rank_sums(codes, p, level, shared) for level in self.levels}

    def __call__(self, weights: Floats) -> dict[str, dict[str, Floats]]:
        """Weights (b, n), how often each row counts → {level: {metric: (b,)}}; NaN where undefined."""
        five = (weights @ self._cells).reshape(-1, 5, 5)
        losses = weights @ self._losses
        total = weights.sum(axis=1)
        areas: dict[int, Floats] = {}
        out: dict[str, dict[str, Floats]] = {}
        for i, level in enumerate(self.levels):
            values = from_confusion(coarsen_confusion(five, level))
            values["log_loss"] = losses[:, i] / total
            if "auroc" in self.metrics:
                for rank in self._ranks[level]:
                    if id(rank) not in areas:
                        areas[id(rank)] = rank(weights)
                values["auroc"] = _mean_defined(np.stack([areas[id(r)] for r in self._ranks[level]]))
            out[level] = {metric: values[metric] for metric in self.metrics}
        return out


def coarsen_confusion(five: Floats, level: str) -> Floats:
    """Confusion matrices (b, 5, 5) → (b, k, k) of `level`, by summing rows and columns."""
    to = np.zeros((5, len(LEVELS[level])))
    to[np.arange(5), coarsen(np.arange(5), level)] = 1.0
    coarse: Floats = np.einsum("bij,ik,jl->bkl", five, to, to)
    return coarse


def from_confusion(matrices: Floats) -> dict[str, Floats]:
    """Confusion matrices (b, k, k) → accuracy, balanced_accuracy, macro_f1 and mcc, each (b,)."""
    hit = np.einsum("bii->bi", matrices)
    true, decided, total = matrices.sum(axis=2), matrices.sum(axis=1), matrices.sum(axis=(1, 2))
    right = hit.sum(axis=1)
    nan = np.full_like(hit, np.nan)
    recall = np.divide(hit, true, out=nan.copy(), where=true > 0)
    f1 = np.divide(2 * hit, true + decided, out=nan.copy(), where=true + decided > 0)
    # Gorodkin, Comput. Biol. Chem. 28, 367 (2004), eq. 8, in counts
    covariance = right * total - (true * decided).sum(axis=1)
    scale = np.sqrt((total**2 - (decided**2).sum(axis=1)) * (total**2 - (true**2).sum(axis=1)))
    return {
        "accuracy": right / total,
        "balanced_accuracy": _mean_defined(recall.T),
        "macro_f1": _mean_defined(f1.T),
        "mcc": np.divide(covariance, scale, out=np.zeros_like(scale), where=scale > 0),
    }


class _RankSum:
    """Weighted area under the ROC curve of one score: P(score of a positive > of a negative), ties ½."""

    def __init__(self, score: Floats, positive: NDArray[np.bool_]) -> None:
        negatives = np.flatnonzero(~positive)
        self._negatives = negatives[np.argsort(score[negatives], kind="stable")]
        self._positives = np.flatnonzero(positive)
        ordered = score[self._negatives]
        self._below = np.searchsorted(ordered, score[self._positives], side="left")
        self._up_to = np.searchsorted(ordered, score[self._positives], side="right")

    def __call__(self, weights: Floats) -> Floats:
        """Weights (b, n) → areas (b,); NaN where no positive or no negative has weight."""
        negative = np.zeros((len(weights), len(self._negatives) + 1))
        np.cumsum(weights[:, self._negatives], axis=1, out=negative[:, 1:])
        positive = weights[:, self._positives]
        below = np.take(negative, self._below, axis=1)
        below += np.take(negative, self._up_to, axis=1)
        won = 0.5 * np.einsum("bi,bi->b", positive, below)
        pairs = positive.sum(axis=1) * negative[:, -1]
        auroc: Floats = np.divide(won, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)
        return auroc


def _rank_sums(codes: NDArray[np.int64], p: Floats, level: str, shared: dict[bytes, _RankSum]) -> list[_RankSum]:
    """One-vs-rest rank statistics of `level` for the classes that occur; one alone for two classes."""
    truth, scores = coarsen(codes, level), level_probabilities(p, level).astype(np.float64)
    classes = (1,) if level == "two" else range(len(LEVELS[level]))
    ranks = []
    for c in classes:
        # 'non-trivial' and 'trivial against the rest' order the same pairs by mirrored scores
        score, positive = (scores[:, 0], truth == 0) if level == "two" else (scores[:, c], truth == c)
        if level != "two" and not positive.any():
            continue
        key = score.tobytes() + positive.tobytes()
        ranks.append(shared.setdefault(key, _RankSum(score, positive)))
    return ranks


def _losses(codes: NDArray[np.int64], p: Floats, level: str) -> Floats:
    """−ln p(label) (n,) at `level`."""
    own = level_probabilities(p, level)[np.arange(len(codes)), coarsen(codes, level)]
    losses: Floats = -np.log(np.clip(own, np.finfo(np.float64).eps, 1.0))
    return losses


def _mean_defined(values: Floats) -> Floats:
    """Mean (b,) of values (k, b) over their entries that are defined; NaN where none is."""
    defined = np.isfinite(values)
    count = defined.sum(axis=0)
    total = np.where(defined, values, 0.0).sum(axis=0)
    mean: Floats = np.divide(total, count, out=np.full(values.shape[1], np.nan), where=count > 0)
    return mean


def _known_level(level: str) -> str:
    if level not in LEVELS:
        raise ValueError(f"unknown level {level!r}; one of {', '.join(LEVELS)}")
    return level


def _known_metric(metric: str) -> str:
    if metric not in METRICS:
        raise ValueError(f"unknown metric {metric!r}; one of {', '.join(METRICS)}")
    return metric

"""Out-of-fold rows, and blends of families of models whose weights are fitted on them alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float64]
_FLOOR = 1e-6
_SMALLEST = 1e-4  # weights below this are zero: a family for that little would have to be computed all the same


class OutOfFold:
    """Out-of-fold probabilities of n rows: NaN until a model that did not see the row has filled it."""

    def __init__(self, n: int, classes: int = 5) -> None:
        self._values = np.full((n, classes), np.nan)

    def fill(self, rows: NDArray[np.integer], probabilities: Probabilities) -> None:
        """Enter the predictions of `rows`; refuses NaN, and rows that were filled before."""
        if np.isnan(probabilities).any():
            raise ValueError("out-of-fold predictions hold NaN")
        if not np.isnan(self._values[rows]).all():
            raise ValueError("a row was predicted out of fold twice: the folds overlap")
        self._values[rows] = probabilities

    def complete(self, rows: NDArray[np.integer] | None = None) -> Probabilities:
        """The given rows, or all, (len(rows), classes); ValueError if any was never predicted."""
        values = self._values if rows is None else self._values[rows]
        missing = np.flatnonzero(np.isnan(values).any(axis=1))
        if len(missing):
            raise ValueError(f"{len(missing)} rows have no out-of-fold prediction, the first is row {missing[0]}")
        return values


def average(probabilities: Sequence[Probabilities]) -> Probabilities:
    """Mean of probabilities over models, (n, 5): never of labels, never of logits."""
    return np.asarray(np.stack(list(probabilities)).mean(axis=0), dtype=np.float64)


def blend(families: Mapping[str, Probabilities], weights: Mapping[str, float]) -> Probabilities:
    """Weighted mean of the families' probabilities; the weights are scaled to sum to one."""
    missing = set(weights) - set(families)
    if missing:
        raise ValueError(f"no predictions of {sorted(missing)} to blend")
    total = sum(weights.values())
    return sum((w / total * families[name] for name, w in weights.items()), np.zeros(1))


def log_loss(labels: NDArray[np.integer], probabilities: Probabilities) -> float:
    """Mean negative log-likelihood of the five classes, in nats.

    Not scikit-learn's: probabilities have the floor that `fit_weights` minimises with, 1e-6, so that one row to which a
    family gave zero does not decide which strategy is chosen.
    """
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, _FLOOR)).mean())


def fit_weights(families: Mapping[str, Probabilities], labels: NDArray[np.integer]) -> dict[str, float]:
    """Non-negative weights summing to one that minimise the log-likelihood loss of the blend.

    The loss is convex in the weights, so the start does not matter. What rounding leaves of a weight becomes zero.
    """
    from scipy.optimize import minimize  # a fifth of a second of start-up, which predictions do without

    names = list(families)
    chosen = np.stack([families[name][np.arange(len(labels)), labels] for name in names], axis=1)

    def loss(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        mixed = np.maximum(chosen @ w, _FLOOR)
        return float(-np.log(mixed).mean()), -(chosen / mixed[:, None]).mean(axis=0)

    start = np.full(len(names), 1.0 / len(names))
    constraint = {"type": "eq", "fun": lambda w: w.sum() - 1.0, "jac": lambda w: np.ones_like(w)}
    optimum = minimize(
        loss, start, jac=True, method="SLSQP", bounds=[(0.0, 1.0)] * len(names), constraints=[constraint]
    )
    if not optimum.success:
        raise RuntimeError(f"the blend's weights could not be fitted: {optimum.message}")
    weights = np.where(optimum.x < _SMALLEST, 0.0, optimum.x)
    return {name: float(w) for name, w in zip(names, weights / weights.sum(), strict=True)}


def cross_fitted_blend(
    families: Mapping[str, Probabilities], labels: NDArray[np.integer], folds: NDArray[np.integer]
) -> Probabilities:
    """Blend each fold's rows with weights fitted on the other folds' rows: an honest estimate, (n, 5)."""
    out = OutOfFold(len(labels))
    for fold in np.unique(folds):
        inside = folds == fold
        others = {name: p[~inside] for name, p in families.items()}
        weights = fit_weights(others, labels[~inside])
        out.fill(np.flatnonzero(inside), blend({name: p[inside] for name, p in families.items()}, weights))
    return out.complete()

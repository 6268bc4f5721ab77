"""The strategies side by side, and the choice among them on out-of-fold rows alone.

Families of models are blended into strategies. The full-data model has no out-of-fold rows; it shares the
K-fold networks' settings, so their out-of-fold rows stand for both, and in a blend the two share one weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topofuse.ensemble.blending import Probabilities, blend, cross_fitted_blend, fit_weights, log_loss
from topofuse.labels import LEVELS, coarsen, decide

DEPLOYED, FAST = "bundle", "fast"
STRATEGIES: dict[str, tuple[str, str]] = {
    "kfold": ("K-fold", "the preset's network, one per fold, averaged"),
    "ensemble": ("Ensemble", "diverse networks, each trained once per fold, averaged"),
    "full": ("Full data", "one network on the whole pool, epochs fixed beforehand from the K-fold runs"),
    "boosted": ("Boosted trees", "LightGBM on the tables of all modalities, one pair of models per fold, averaged"),
    "super_mean": ("Super ensemble, mean", "plain average of the four above"),
    "super_weighted": ("Super ensemble, weighted", "blend of the four; weights fitted on out-of-fold rows"),
    DEPLOYED: ("The model bundle", "the chosen blend, every member trained again on the whole pool: `predict` uses it"),
    FAST: ("The fast bundle", "boosted trees on what takes little time to compute; on test, of the pool"),
}


@dataclass(frozen=True, eq=False)
class Families:
    """Probabilities (n, 5) of each family on the same rows; `full` is None out of fold."""

    kfold: Probabilities
    ensemble: Probabilities
    boosted: Probabilities
    full: Probabilities | None

    def named(self) -> dict[str, Probabilities]:
        """Families by name; the full-data model, where present, is one of them."""
        out = {"kfold": self.kfold, "ensemble": self.ensemble, "boosted": self.boosted}
        return out if self.full is None else {**out, "full": self.full}


LEAST_WEIGHT = 0.05  # of a family in the bundle
# share of each family in the plain average of the four strategies; out of fold, K-fold stands for `full` too
_MEAN = {"kfold": 0.5, "ensemble": 0.25, "boosted": 0.25}


@dataclass(frozen=True, eq=False)
class Choice:
    """The strategy that out-of-fold rows chose.

    weights: of the families with out-of-fold rows, in the weighted blend
    scores: strategy → its accuracies per level and log loss, out of fold
    out_of_fold: (n, 5) probabilities of the pool by the chosen strategy, which calibrate the bundle
    """

    name: str
    weights: dict[str, float]
    scores: dict[str, dict[str, float]]
    out_of_fold: Probabilities

    def reason(self) -> str:
        """A sentence for the report."""
        return (
            f"{STRATEGIES[self.name][0]} has the lowest out-of-fold log loss of the five classes "
            f"({self.scores[self.name]['log_loss']:.4f}) of the strategies with out-of-fold rows; "
            "the weights of the weighted blend are cross-fitted for this comparison. No test row was looked at."
        )

    def deployed_weights(self) -> dict[str, float]:
        """Weights of the families in the bundle, whose members have all seen the whole pool.

        The full-data network takes the place of the K-fold networks. A family below `LEAST_WEIGHT` is left out: it
        costs more time than it brings accuracy.
        """
        blends = {"super_mean": _MEAN, "super_weighted": self.weights}
        weights = blends.get(self.name, {self.name: 1.0})
        kept = {name: weight for name, weight in weights.items() if weight >= LEAST_WEIGHT}
        total = sum(kept.values())
        return {"full" if name == "kfold" else name: weight / total for name, weight in kept.items()}

    def summary(self) -> dict[str, Any]:
        """JSON-able."""
        return {"chosen": self.name, "reason": self.reason(), "weights": self.weights, "scores": self.scores}


def split_full(weights: dict[str, float]) -> dict[str, float]:
    """The weight of `kfold` in equal halves on `kfold` and `full`."""
    half = weights["kfold"] / 2
    return {**weights, "kfold": half, "full": half}


def choose(families: Families, strategies: Mapping[str, Probabilities], labels: NDArray[np.integer]) -> Choice:
    """Choose among `strategies`, the `out_of_fold_strategies` of `families`; nothing here is of `test`.

    By log loss: a proper score of the probabilities, in which chance tells less than in accuracies.
    """
    if families.full is not None:
        raise ValueError("the full-data model has seen every row: it has no out-of-fold predictions")
    weights = fit_weights(families.named(), labels)
    scores = {name: _score(labels, p) for name, p in strategies.items()}
    best = min(scores, key=lambda name: scores[name]["log_loss"])
    return Choice(best, weights, scores, strategies[best])


def _score(labels: NDArray[np.integer], p: Probabilities) -> dict[str, float]:
    decided = decide(p)
    accuracy = {level: float((coarsen(decided, level) == coarsen(labels, level)).mean()) for level in LEVELS}
    return {**accuracy, "log_loss": log_loss(labels, p)}


def out_of_fold_strategies(
    families: Families, labels: NDArray[np.integer], folds: NDArray[np.integer]
) -> dict[str, Probabilities]:
    """Out-of-fold probabilities of every strategy that has them; the weighted blend is cross-fitted."""
    named = families.named()
    return {
        **named,
        "super_mean": blend(named, _MEAN),
        "super_weighted": cross_fitted_blend(named, labels, folds),
    }


def new_row_strategies(families: Families, weights: dict[str, float]) -> dict[str, Probabilities]:
    """Probabilities of every strategy on rows that no model was trained on (`test`, new crystals)."""
    named = families.named()
    return {
        **named,
        "super_mean": blend(named, split_full(_MEAN)),
        "super_weighted": blend(named, split_full(weights)),
    }


def out_of_fold_networks(
    families: Families, labels: NDArray[np.integer], folds: NDArray[np.integer]
) -> tuple[Probabilities, dict[str, float]]:
    """The networks without the trees: cross-fitted blend of the families of networks, and its weights."""
    named = {name: p for name, p in families.named().items() if name != "boosted"}
    return cross_fitted_blend(named, labels, folds), fit_weights(named, labels)

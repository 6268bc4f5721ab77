"""The strategies side by side, and the choice among them on out-of-fold rows alone.

Families of models are blended into strategies. The full-data model has no out-of-fold rows; it shares the
K-fold networks' settings, so their out-of-fold rows stand for both, and in a blend the two share one weight.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topofuse.ensemble.blending import Probabilities, average, blend, cross_fitted_blend, fit_weights, log_loss
from topofuse.labels import LEVELS, coarsen, decide

STRATEGIES: dict[str, tuple[str, str]] = {
    "kfold": ("K-fold", "the preset's network, one per fold, averaged"),
    "ensemble": ("Ensemble", "diverse networks, each trained once per fold, averaged"),
    "full": ("Full data", "one network on the whole pool, epochs fixed beforehand from the K-fold runs"),
    "boosted": ("Boosted trees", "LightGBM on the tables of all modalities, one pair of models per fold, averaged"),
    "super_mean": ("Super ensemble, mean", "plain average of the four above"),
    "super_weighted": ("Super ensemble, weighted", "blend of the four; weights fitted on out-of-fold rows"),
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


# share of each family in the plain average of the four strategies; out of fold, K-fold stands for `full` too
_MEAN = {"kfold": 0.5, "ensemble": 0.25, "boosted": 0.25}


@dataclass(frozen=True)
class Choice:
    """The strategy that out-of-fold rows chose.

    weights: of the families with out-of-fold rows, in the weighted blend
    scores: strategy → its accuracies per level and log loss, out of fold
    """

    name: str
    weights: dict[str, float]
    scores: dict[str, dict[str, float]]

    def reason(self) -> str:
        """A sentence for the report."""
        return (
            f"{STRATEGIES[self.name][0]} has the highest out-of-fold accuracy, averaged over the three levels "
            f"({100 * self.scores[self.name]['mean_accuracy']:.2f} %), of the strategies with out-of-fold rows; "
            "the weights of the weighted blend are cross-fitted for this comparison. No test row was looked at."
        )

    def deployed_weights(self) -> dict[str, float]:
        """Family weights of the chosen strategy for new crystals; K-fold and full-data share one weight."""
        if self.name not in ("super_mean", "super_weighted"):
            return {self.name: 1.0}
        return split_full(_MEAN if self.name == "super_mean" else self.weights)

    def summary(self) -> dict[str, Any]:
        """JSON-able."""
        return {"chosen": self.name, "reason": self.reason(), "weights": self.weights, "scores": self.scores}


def split_full(weights: dict[str, float]) -> dict[str, float]:
    """The weight of `kfold` in equal halves on `kfold` and `full`."""
    half = weights["kfold"] / 2
    return {**weights, "kfold": half, "full": half}


def choose(families: Families, labels: NDArray[np.integer], folds: NDArray[np.integer]) -> Choice:
    """Choose among the strategies with out-of-fold rows; all arguments are out of fold, none of `test`."""
    if families.full is not None:
        raise ValueError("the full-data model has seen every row: it has no out-of-fold predictions")
    weights = fit_weights(families.named(), labels)
    scores = {name: _score(labels, p) for name, p in out_of_fold_strategies(families, labels, folds).items()}
    best = max(scores, key=lambda name: (scores[name]["mean_accuracy"], -scores[name]["log_loss"]))
    return Choice(best, weights, scores)


def _score(labels: NDArray[np.integer], p: Probabilities) -> dict[str, float]:
    decided = decide(p)
    accuracy = {level: float((coarsen(decided, level) == coarsen(labels, level)).mean()) for level in LEVELS}
    return {**accuracy, "mean_accuracy": float(np.mean(list(accuracy.values()))), "log_loss": log_loss(labels, p)}


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


def networks_only(families: Families) -> Probabilities:
    """The networks without the trees: the mean of the K-fold (and full-data) and ensemble families."""
    kfold = families.kfold if families.full is None else average([families.kfold, families.full])
    return average([kfold, families.ensemble])

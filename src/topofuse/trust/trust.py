"""What a bundle carries beside its models: how to calibrate them, and what is needed for prediction sets.

It is fitted at the end of a run on out-of-fold predictions of the pool, for the main bundle on those of the chosen
strategy, for the fast bundle on those of trees of its kind. The members of a bundle have seen the whole pool, so they
have no out-of-fold rows of their own; those of models with the same settings, trained without a fold, stand for them.
How well that holds is measured on the test rows, with the bundle itself (`topofuse.evaluation.confidence`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topofuse.trust.calibration import Temperatures, fit_temperatures
from topofuse.trust.sets import CONFIDENCES, PredictionSets, members, written

Probabilities = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Assessment:
    """A model's whole answer for n crystals.

    probabilities: (n, 5) calibrated, in the order of `topofuse.labels.FIVE`
    columns: further columns of the table of predictions by name, n entries each
    """

    probabilities: Probabilities
    columns: Mapping[str, list[Any]]


@dataclass(frozen=True, eq=False)
class Trust:
    """temperatures and sets as fitted; origin: which predictions they were fitted on, in words."""

    temperatures: Temperatures
    sets: PredictionSets
    origin: str

    @classmethod
    def fit(cls, labels: NDArray[np.integer], p5: NDArray[np.floating], origin: str) -> Trust:
        """From labels (n,), codes 0..4, and probabilities p5 (n, 5) of models that did not see these rows."""
        temperatures = fit_temperatures(labels, p5)
        return cls(temperatures, PredictionSets.fit(labels, temperatures.apply(p5)), origin)

    def assess(self, p5: NDArray[np.floating]) -> Assessment:
        """From the models' own probabilities (n, 5)."""
        calibrated = self.temperatures.apply(p5)
        p_values = self.sets.p_values(calibrated)
        return Assessment(calibrated, {f"set_{c}": written(members(p_values, c)) for c in CONFIDENCES})

    def described(self) -> dict[str, Any]:
        """What bundle.json says of it; with `tensors` all that `restore` needs."""
        temperatures = {"nontrivial": self.temperatures.nontrivial, "kind": self.temperatures.kind}
        return {"origin": self.origin, "temperatures": temperatures}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Arrays for trust.safetensors."""
        return {f"sets.{name}": getattr(self.sets, name) for name in ("scores", "classes", "labels")}

    @classmethod
    def restore(cls, described: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> Trust:
        """Put back what `described` and `tensors` gave."""
        sets = PredictionSets(tensors["sets.scores"], tensors["sets.classes"], tensors["sets.labels"])
        return cls(Temperatures(**described["temperatures"]), sets, described["origin"])


@dataclass(frozen=True, eq=False)
class CrossFitted:
    """Out-of-fold answers by a `Trust` that did not see the fold: calibrated probabilities and p-values, (n, 5)."""

    probabilities: Probabilities
    p_values: NDArray[np.float64]


def cross_fit(labels: NDArray[np.integer], p5: NDArray[np.floating], folds: NDArray[np.integer]) -> CrossFitted:
    """Answers for each fold's rows by a `Trust` fitted on the other folds' rows: an honest estimate."""
    probabilities, p_values = np.full((2, *np.shape(p5)), np.nan)
    for fold in np.unique(folds):
        inside = folds == fold
        trust = Trust.fit(labels[~inside], p5[~inside], f"all folds but {fold}")
        probabilities[inside] = trust.temperatures.apply(p5[inside])
        p_values[inside] = trust.sets.p_values(probabilities[inside])
    return CrossFitted(probabilities, p_values)

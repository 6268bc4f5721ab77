"""The block `trust` of results.json: calibration, prediction sets and abstention, measured.

trust                       {"main": BUNDLE, "fast": BUNDLE}
BUNDLE
  fitted_on                 in words: the out-of-fold predictions that the bundle's `Trust` was fitted on
  temperatures              {"nontrivial": T, "kind": T}; above 1: the models were too sure
  oof                       ROWS of the pool; every row's answer is by a `Trust` fitted on the other folds
  test                      ROWS of the test split, answered by the bundle itself; null without test rows
ROWS
  n                         number of rows
  before, after             FIGURES of the models' own and of the calibrated probabilities
  sets                      {"90": SETS, "95": SETS}
  risk_coverage             [{"coverage", "accuracy", "confidence"}], 50 points of coverage from 0.02 to 1: two-class
                            accuracy on the most confident share of the rows, and the least confidence among them
  accuracy_at_80            two-class accuracy on the most confident 80 %
FIGURES
  ece                       {"two", "three", "five"}: expected calibration error, 15 equal-mass bins; for two classes
                            of p_nontrivial, for three and five of the probability of the class that is decided
  ece_floor                 what `ece.two` would be on average if p_nontrivial were exact: fewer rows, higher floor
  log_loss                  {"two", "three", "five"}
  reliability               of p_nontrivial, 15 bins from the lowest: [{"n", "p", "share", "low", "high"}]; mean
                            probability, share that is non-trivial, 95 % interval of the share
SETS
  classes                   {class: {"n", "covered", "share", "low", "high", "kept"}}: rows of the class, those
                            whose set holds it, their share; low and high: shares between which 95 % of binomial
                            draws are if the coverage is as asked; kept: whether `share` is not below them (above is
                            no fault: every set holds the label, which is right more often). null share for n = 0
  labels                    {class: ...}: the same for the rows with this label
  mean_size                 classes in a set, on average
  sizes                     [share of sets with 0, 1, 2, 3, 4, 5 classes]
  precise                   of the sets with one class, the share that is right; null where there is none
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from topofuse.evaluation.metrics import Scorer
from topofuse.evaluation.reliability import (
    accuracy_at,
    calibration_error,
    honest_error,
    reliability_curve,
    risk_coverage,
)
from topofuse.labels import FIVE, LEVELS, coarsen, decide, level_probabilities
from topofuse.trust.sets import CONFIDENCES, members
from topofuse.trust.trust import Trust

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TrustRows:
    """labels (n,) codes 0..4; probabilities before and after calibration, and p-values of the classes, each (n, 5)."""

    labels: NDArray[np.integer]
    before: Floats
    after: Floats
    p_values: Floats

    @classmethod
    def from_predictions(cls, trust: Trust, labels: NDArray[np.integer], p5: Floats) -> TrustRows:
        """Rows that neither the models nor `trust` saw; p5: (n, 5) the models' own probabilities."""
        calibrated = trust.temperatures.apply(p5)
        return cls(labels, p5, calibrated, trust.sets.p_values(calibrated))


def measure_trust(trust: Trust, oof: TrustRows, test: TrustRows | None) -> dict[str, Any]:
    """BUNDLE, as the module describes it."""
    described = trust.described()
    return {
        "fitted_on": described["origin"],
        "temperatures": described["temperatures"],
        "oof": _measured(oof),
        "test": None if test is None else _measured(test),
    }


def _measured(rows: TrustRows) -> dict[str, Any]:
    right, confidence = _decided(rows.labels, rows.after, "two")
    return {
        "n": len(rows.labels),
        "before": _figures(rows.labels, rows.before),
        "after": _figures(rows.labels, rows.after),
        "sets": {str(c): _sets(rows, members(rows.p_values, c), c) for c in CONFIDENCES},
        "risk_coverage": risk_coverage(right, confidence),
        "accuracy_at_80": accuracy_at(right, confidence, 0.8),
    }


def _figures(labels: NDArray[np.integer], p5: Floats) -> dict[str, Any]:
    scorer = Scorer(labels, p5, metrics=("log_loss",))
    losses = scorer(np.ones((1, scorer.n)))
    nontrivial = level_probabilities(p5, "two")[:, 1]
    ece = {"two": calibration_error(labels > 0, nontrivial)}
    return {
        "ece": ece | {level: calibration_error(*_decided(labels, p5, level)) for level in ("three", "five")},
        "ece_floor": honest_error(nontrivial),
        "log_loss": {level: float(losses[level]["log_loss"][0]) for level in LEVELS},
        "reliability": reliability_curve(labels > 0, nontrivial),
    }


def _decided(labels: NDArray[np.integer], p5: Floats, level: str) -> tuple[NDArray[np.bool_], Floats]:
    """Whether the decision at `level` is right (n,), and its probability (n,)."""
    codes = coarsen(decide(p5), level)
    return codes == coarsen(labels, level), level_probabilities(p5, level)[np.arange(len(codes)), codes]


def _sets(rows: TrustRows, inside: NDArray[np.bool_], confidence: int) -> dict[str, Any]:
    sizes = inside.sum(axis=1)
    single = sizes == 1
    covered = inside[np.arange(len(inside)), rows.labels]
    decided = decide(rows.after)
    return {
        "classes": {name: _coverage(covered[rows.labels == code], confidence) for code, name in enumerate(FIVE)},
        "labels": {name: _coverage(covered[decided == code], confidence) for code, name in enumerate(FIVE)},
        "mean_size": float(sizes.mean()),
        "sizes": [float(share) for share in np.bincount(sizes, minlength=len(FIVE) + 1) / len(sizes)],
        "precise": float(covered[single].mean()) if single.any() else None,
    }


def _coverage(covered: NDArray[np.bool_], confidence: int) -> dict[str, Any]:
    n, count = len(covered), int(covered.sum())
    if n == 0:
        return {"n": 0, "covered": 0, "share": None, "low": None, "high": None, "kept": None}
    low, high = (int(k) for k in binom.ppf([0.025, 0.975], n, confidence / 100))
    return {"n": n, "covered": count, "share": count / n, "low": low / n, "high": high / n, "kept": count >= low}

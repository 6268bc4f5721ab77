"""Conformal prediction sets that hold the label: at least 90 or 95 % of each class, and of each label, are covered.

The nonconformity score of a class is 0 for the class that is decided (`labels.decide`), else 1 − p(class) of calibrated
probabilities. So the decided class is in every set. A further class is in the set of a crystal where its score is not
among the largest 10 % (or 5 %) of the scores that the true class had, for known materials of that class, or for known
materials with this label (Mondrian conformal prediction with these two groupings, V. Vovk et al., Algorithmic Learning
in a Random World, 2005, section 4.5). Both promises hold for the union of both sets.

The p-values are not smoothed, which needs random numbers: a prediction must not depend on them, nor on what else is in
the batch. Without it the sets are larger by at most one part in the number of materials. They are those of crepes,
which brings scikit-learn and a second of start-up with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topofuse.labels import FIVE, decide

CONFIDENCES: tuple[int, ...] = (90, 95)  # per cent; of the columns set_90 and set_95
SEPARATOR = "|"  # of classes in a table's cell: no format quotes it


@dataclass(frozen=True, eq=False)
class PredictionSets:
    """Scores of materials whose class is known, by models that did not see them.

    scores: (n,) float32, of the true class: 0 where it was decided, else 1 − p(class)
    classes: (n,) int8 codes 0..4
    labels: (n,) int8 codes 0..4, what was decided
    """

    scores: NDArray[np.float32]
    classes: NDArray[np.int8]
    labels: NDArray[np.int8]

    @classmethod
    def fit(cls, labels: NDArray[np.integer], p5: NDArray[np.floating]) -> PredictionSets:
        """From the true classes (n,) and calibrated probabilities (n, 5) of models that did not see the rows."""
        own, decided = _scores(p5)[np.arange(len(labels)), labels], decide(p5)
        order = np.lexsort((own, decided, labels))
        return cls(own[order], labels[order].astype(np.int8), decided[order].astype(np.int8))

    def p_values(self, p5: NDArray[np.floating]) -> NDArray[np.float64]:
        """(n, 5): the share of the known materials whose true class had at least the score that the class has here.

        Counted among the materials of the class and among those with the same label; the larger share is given. The
        crystal itself is counted in, so a class or a label of which no material is known has 1.
        """
        alphas = _scores(p5)
        classes = np.broadcast_to(np.arange(len(FIVE)), alphas.shape)
        labels = np.broadcast_to(decide(p5)[:, None], alphas.shape)
        return np.maximum(
            _shares(self.scores, self.classes, alphas, classes), _shares(self.scores, self.labels, alphas, labels)
        )


def _shares(
    scores: NDArray[np.float32], groups: NDArray[np.integer], alphas: NDArray[np.float32], own: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Of each of `alphas` the share of its group `own` with at least this score, itself counted in."""
    shares = np.ones(alphas.shape)
    for group in range(len(FIVE)):
        inside, known = own == group, np.sort(scores[groups == group])
        at_least = len(known) - np.searchsorted(known, alphas[inside])
        shares[inside] = (at_least + 1) / (len(known) + 1)
    return shares


def members(p_values: NDArray[np.floating], confidence: int) -> NDArray[np.bool_]:
    """p-values (n, 5) → (n, 5), whether the class is in the set at `confidence` per cent; larger sets hold smaller."""
    return np.asarray(p_values) >= (100 - confidence) / 100


def written(inside: Iterable[NDArray[np.bool_]]) -> list[str]:
    """Sets as a table has them: 'ti|tci'; classes in the order of `topofuse.labels.FIVE`."""
    return [SEPARATOR.join(name for name, there in zip(FIVE, row, strict=True) if there) for row in inside]


def _scores(p5: NDArray[np.floating]) -> NDArray[np.float32]:
    """(n, 5): 0 for the class that is decided, else 1 − p(class)."""
    scores = (1.0 - np.asarray(p5, dtype=np.float64)).astype(np.float32)
    scores[np.arange(len(scores)), decide(p5)] = 0.0
    return scores

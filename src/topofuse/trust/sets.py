"""Class-conditional (Mondrian) conformal prediction sets: of each class's materials, at least 90 or 95 % are covered.

A class is in the set of a crystal where the crystal is not among the 10 % (or 5 %) of that class's own materials to
which the models gave the least probability (V. Vovk et al., Algorithmic Learning in a Random World, 2005, section 4.5).
The nonconformity score is 1 − p(class), of calibrated probabilities. crepes counts; its p-values are taken without
smoothing, which needs random numbers: a prediction must not depend on them, nor on what else is in the batch. Without
it the sets are larger by at most one part in the number of the class's materials.

A set may be empty: the models hesitate more over the crystal than over 90 % of the materials of any class.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topofuse.labels import FIVE

CONFIDENCES: tuple[int, ...] = (90, 95)  # per cent; of the columns set_90 and set_95
SEPARATOR = "|"  # of classes in a table's cell: no format quotes it


@dataclass(frozen=True, eq=False)
class PredictionSets:
    """Scores of materials whose class is known, by models that did not see them.

    scores: (n,) float32, 1 − p(own class); classes: (n,) int8 codes 0..4
    """

    scores: NDArray[np.float32]
    classes: NDArray[np.int8]

    @classmethod
    def fit(cls, labels: NDArray[np.integer], p5: NDArray[np.floating]) -> PredictionSets:
        """From labels (n,) and calibrated probabilities (n, 5) of models that did not see the rows."""
        own = _scores(p5)[np.arange(len(labels)), labels]
        order = np.lexsort((own, labels))
        return cls(own[order], labels[order].astype(np.int8))

    def p_values(self, p5: NDArray[np.floating]) -> NDArray[np.float64]:
        """(n, 5): of the materials of each class, the share to which at most this much probability was given.

        The crystal itself is counted in, so a class of which no material is known has 1: it is in every set.
        """
        alphas = _scores(p5)
        bins = np.tile(np.arange(len(FIVE), dtype=np.int8), len(alphas))
        return np.asarray(self._crepes.predict_p(alphas.ravel(), bins, smoothing=False)).reshape(alphas.shape)

    @cached_property
    def _crepes(self) -> Any:
        from crepes import ConformalClassifier  # where used: it brings pandas and scikit-learn

        return ConformalClassifier().fit(self.scores, bins=self.classes)


def members(p_values: NDArray[np.floating], confidence: int) -> NDArray[np.bool_]:
    """p-values (n, 5) → (n, 5), whether the class is in the set at `confidence` per cent; larger sets hold smaller."""
    return np.asarray(p_values) >= (100 - confidence) / 100


def written(inside: Iterable[NDArray[np.bool_]]) -> list[str]:
    """Sets as a table has them: 'ti|tci', '' for an empty one; classes in the order of `topofuse.labels.FIVE`."""
    return [SEPARATOR.join(name for name, there in zip(FIVE, row, strict=True) if there) for row in inside]


def _scores(p5: NDArray[np.floating]) -> NDArray[np.float32]:
    return (1.0 - np.asarray(p5, dtype=np.float64)).astype(np.float32)

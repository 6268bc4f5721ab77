"""Temperature scaling of five-class probabilities, one temperature for each of the two questions that they answer.

The probabilities are p(non-trivial) and p(kind | non-trivial) (`labels.compose`); each is scaled by its own
temperature T (C. Guo et al., ICML 2017, section 4.2): p^(1/T), made to sum to one again. T > 1 is less sure than the
models were. Offsets per class (vector scaling) and a beta calibration were measured too (docs/trust.md); they bring
nothing out of fold that two numbers do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topofuse.labels import compose, level_probabilities

Probabilities = NDArray[np.float64]
_LARGEST = 10.0  # temperatures are sought between its inverse and it
_FLOOR = 1e-9  # of a probability whose logarithm is taken


@dataclass(frozen=True)
class Temperatures:
    """Of p(non-trivial) and of p(kind | non-trivial); 1 leaves a probability as it is."""

    nontrivial: float
    kind: float

    def apply(self, p5: NDArray[np.floating]) -> Probabilities:
        """(n, 5) probabilities → calibrated ones. Whether p(non-trivial) is above one half does not change."""
        two, kinds = _factors(p5)
        return compose(_scaled(two, self.nontrivial)[:, 1], _scaled(kinds, self.kind))


def fit_temperatures(labels: NDArray[np.integer], p5: NDArray[np.floating]) -> Temperatures:
    """The temperatures of least log loss on labels (n,), codes 0..4, and p5 (n, 5) of models that did not see them.

    Without a non-trivial row nothing is known of the kinds: their temperature is 1.
    """
    two, kinds = _factors(p5)
    rows = labels > 0
    nontrivial = _fit(two, rows.astype(np.int64))
    return Temperatures(nontrivial, _fit(kinds[rows], labels[rows] - 1) if rows.any() else 1.0)


def _fit(p: Probabilities, labels: NDArray[np.integer]) -> float:
    from scipy.optimize import minimize_scalar  # a fifth of a second of start-up, which predictions do without

    logs = np.log(np.maximum(p, _FLOOR))

    def loss(log_temperature: float) -> float:
        scaled = logs / np.exp(log_temperature)
        return float((np.logaddexp.reduce(scaled, axis=1) - scaled[np.arange(len(labels)), labels]).mean())

    # convex in 1/T, so there is one minimum; where the rows are separated it is at the bound
    bound = np.log(_LARGEST)
    optimum = minimize_scalar(loss, bounds=(-bound, bound), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(optimum.x))


def _factors(p5: NDArray[np.floating]) -> tuple[Probabilities, Probabilities]:
    """p(trivial), p(non-trivial) (n, 2) and p(kind | non-trivial) (n, 4), equal shares where that is undefined."""
    p5 = np.asarray(p5, dtype=np.float64)
    two = np.asarray(level_probabilities(p5, "two"))
    whole = two[:, 1:]
    kinds = np.divide(p5[:, 1:], whole, out=np.full((len(p5), 4), 0.25), where=whole > 0)
    return two / two.sum(axis=1, keepdims=True), kinds


def _scaled(p: Probabilities, temperature: float) -> Probabilities:
    powers = (p / p.max(axis=1, keepdims=True)) ** (1.0 / temperature)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))

"""The blocks `trust.domain` and `trust.novelty` of results.json: accuracy inside and outside, near and far.

domain     {"oof": {DOMAIN: FIGURES}, "test": the same, null without test rows}; a domain without rows is left out
novelty    {"oof": [{"low", "high", **FIGURES}], "test": ...}; low <= novelty < high, 1 belongs to the last
FIGURES    {"n": rows, "share": of all rows, "two", "three", "five": accuracy at the level, null without rows}

The predictions are the chosen strategy's out of fold, and the main bundle's on the test rows. The novelty of a pool row
is that of a crystal whose formula the training materials lack.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topofuse.labels import LEVELS, coarsen, decide
from topofuse.trust.domain import Domain

EDGES = (0.0, 0.5, 0.9, 0.99, 1.0)


def by_domain(
    domains: Sequence[Domain], labels: NDArray[np.integer], p5: NDArray[np.floating]
) -> dict[str, dict[str, Any]]:
    """{DOMAIN: FIGURES} of n rows; labels (n,) codes 0..4, p5 (n, 5)."""
    codes, names = decide(p5), np.array([str(domain) for domain in domains])
    return {
        str(domain): _figures(names == str(domain), labels, codes) for domain in Domain if (names == str(domain)).any()
    }


def by_novelty(
    novelty: NDArray[np.floating], labels: NDArray[np.integer], p5: NDArray[np.floating]
) -> list[dict[str, Any]]:
    """FIGURES of n rows by their novelty (n,)."""
    codes = decide(p5)
    place = np.clip(np.searchsorted(EDGES, novelty, side="right") - 1, 0, len(EDGES) - 2)
    return [
        {"low": low, "high": high, **_figures(place == k, labels, codes)}
        for k, (low, high) in enumerate(pairwise(EDGES))
    ]


def _figures(rows: NDArray[np.bool_], labels: NDArray[np.integer], codes: NDArray[np.integer]) -> dict[str, Any]:
    n = int(rows.sum())
    right = {
        level: float(np.mean(coarsen(codes[rows], level) == coarsen(labels[rows], level))) if n else None
        for level in LEVELS
    }
    return {"n": n, "share": n / len(rows), **right}

"""The classes of a material, and how the three levels of the task follow from one another.

Two classes (trivial, nontrivial), three (trivial, semimetal, topological insulator) and five.
Probabilities of the coarser levels are sums of the five; labels are decided from the top down,
so that no level ever contradicts another.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray


class TopoClass(StrEnum):
    """Topological class with spin-orbit coupling, as symmetry indicators tell it."""

    TRIVIAL = "trivial"
    HSP_SEMIMETAL = "hsp_semimetal"
    HSL_SEMIMETAL = "hsl_semimetal"
    TI = "ti"
    TCI = "tci"


UNKNOWN = "unknown"  # no label: never to be read as trivial

FIVE: tuple[str, ...] = tuple(c.value for c in TopoClass)
THREE: tuple[str, ...] = ("trivial", "semimetal", "topological_insulator")
TWO: tuple[str, ...] = ("trivial", "nontrivial")
KINDS: tuple[str, ...] = FIVE[1:]
LEVELS: dict[str, tuple[str, ...]] = {"two": TWO, "three": THREE, "five": FIVE}

_FIVE_TO_THREE = np.array([0, 1, 1, 2, 2])
_FIVE_TO_TWO = np.array([0, 1, 1, 1, 1])


def coarsen(codes: NDArray[np.integer], level: str) -> NDArray[np.integer]:
    """Codes 0..4 of the five classes → codes of `level` ('two', 'three' or 'five')."""
    maps = {"two": _FIVE_TO_TWO, "three": _FIVE_TO_THREE, "five": np.arange(5)}
    return maps[level][np.asarray(codes)]


def level_probabilities(p5: NDArray[np.floating], level: str) -> NDArray[np.floating]:
    """(n, 5) probabilities → (n, k) probabilities of `level`, by sums."""
    p5 = np.asarray(p5)
    codes = coarsen(np.arange(5), level)
    out = np.zeros((len(p5), len(LEVELS[level])), dtype=p5.dtype)
    for five, code in enumerate(codes):
        out[:, code] += p5[:, five]
    return out


def compose(p_nontrivial: NDArray[np.floating], p_kind: NDArray[np.floating]) -> NDArray[np.float64]:
    """p(non-trivial) (n,) and p(kind | non-trivial) (n, 4) → five-class probabilities (n, 5)."""
    nontrivial = np.asarray(p_nontrivial, dtype=np.float64)[:, None]
    kinds = nontrivial * np.asarray(p_kind, dtype=np.float64)
    return np.asarray(np.concatenate([1.0 - nontrivial, kinds], axis=1), dtype=np.float64)


def decide(p5: NDArray[np.floating]) -> NDArray[np.integer]:
    """Five-class codes (n,), decided top down: trivial or not, semimetal or insulator, then which.

    The two- and three-class labels are `coarsen` of this, hence consistent by construction.
    A tie between trivial and non-trivial goes to trivial.
    """
    p5 = np.asarray(p5)
    nontrivial = level_probabilities(p5, "two")[:, 1] > 0.5
    three = level_probabilities(p5, "three")
    semimetal = three[:, 1] >= three[:, 2]
    kind = np.where(semimetal, 1 + (p5[:, 2] > p5[:, 1]), 3 + (p5[:, 4] > p5[:, 3]))
    return np.where(nontrivial, kind, 0)

"""Probabilities from logits, with numpy: of networks without torch, and of trees; nothing that is slow to import."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def logistic(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """1 / (1 + exp(-x)), without overflow."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -logits)), dtype=np.float64)


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Along the last axis."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))

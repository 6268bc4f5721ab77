"""How much the modalities attend to each other in the networks of a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topofuse.config import FusionConfig
from topofuse.ensemble.bundle import Bundle
from topofuse.modalities.store import FeatureStore


@dataclass(frozen=True)
class Attention:
    """How much each modality (row) attends to each (column), mean over heads, layers and networks; rows sum to one.

    between: attention of each to the others; over: self-attention over all; None where no network has such
    """

    names: tuple[str, ...]
    between: tuple[tuple[float, ...], ...] | None
    over: tuple[tuple[float, ...], ...] | None


def attention(bundle: Bundle, store: FeatureStore) -> Attention | None:
    """Of the bundle's fusion networks on the first crystal of a store; None where it has no network that attends."""
    predictors = [n for members in bundle.networks.values() for n in members if isinstance(n.settings, FusionConfig)]
    if not predictors:
        return None
    from topofuse.fusion.attention import attention_weights  # with torch, which the bundle has needed already
    from topofuse.training.inference import FusionPredictor

    batch = store.batch(np.arange(1))
    weights = [attention_weights(n.network, batch) for n in predictors if isinstance(n, FusionPredictor)]
    between = [pair[0] for pair in weights if pair[0] is not None]
    over = [pair[1] for pair in weights if pair[1] is not None]
    if not between and not over:
        return None
    return Attention(bundle.config.modalities, _rows(between), _rows(over))


def _rows(matrices: Sequence[NDArray[np.floating[Any]]]) -> tuple[tuple[float, ...], ...] | None:
    if not matrices:
        return None
    return tuple(tuple(float(x) for x in row) for row in np.mean(matrices, axis=0))

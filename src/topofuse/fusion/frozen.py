"""A trained committee network in numpy: what predictions and explanations use, without torch.

`fusion.committee` is the same network in torch, which trains it; a test compares the two. Sums are in double precision,
so that an answer depends neither on the machine nor on what else is in the batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from topofuse.config import CommitteeConfig, NetworkConfig
from topofuse.fusion.probabilities import logistic, softmax
from topofuse.labels import KINDS
from topofuse.modalities.ranks import N_QUANTILES, standardise
from topofuse.modalities.registry import modality
from topofuse.modalities.store import FeatureStore

_BLOCK = 128  # crystals at a time


class Predictor(Protocol):
    """A trained network, whatever it is computed with.

    settings: of the network; tables_only: whether it reads nothing but tables
    """

    @property
    def settings(self) -> NetworkConfig:
        """As a bundle holds them."""

    @property
    def tables_only(self) -> bool:
        """Whether it does without graphs."""

    def predict(
        self, store: FeatureStore, rows: NDArray[np.integer], absent: Sequence[bool] | None = None
    ) -> NDArray[np.float64]:
        """(len(rows), 5) probabilities; absent: per modality, whether it is left out for every crystal."""


@dataclass(frozen=True, eq=False)
class FrozenCommittee:
    """names: the modalities that it reads; tensors: weights by the names that torch gives them."""

    names: tuple[str, ...]
    settings: CommitteeConfig
    tensors: Mapping[str, NDArray[Any]]

    tables_only = True

    @classmethod
    def restore(
        cls, names: tuple[str, ...], settings: CommitteeConfig, tensors: Mapping[str, NDArray[Any]]
    ) -> FrozenCommittee:
        """From the tensors of a bundle; ValueError where they are not those of such a network."""
        expected = _shapes(names, settings)
        shapes = {key: tensor.shape for key, tensor in tensors.items()}
        wrong = sorted(key for key in {*expected, *shapes} if expected.get(key) != shapes.get(key))
        if wrong:
            raise ValueError(f"{wrong[0]} has shape {shapes.get(wrong[0])}, it should be {expected.get(wrong[0])}")
        if any(tensor.dtype not in (np.float16, np.float32) for tensor in tensors.values()):
            raise ValueError("weights of another type than float16 and float32")
        if not all(np.isfinite(tensor).all() for tensor in tensors.values()):
            raise ValueError("weights that are not finite")
        return cls(names, settings, tensors)

    def predict(
        self, store: FeatureStore, rows: NDArray[np.integer], absent: Sequence[bool] | None = None
    ) -> NDArray[np.float64]:
        """(len(rows), 5) probabilities, the mean over the members; absent: modalities whose columns become 0."""
        parts = [self._probabilities(store, rows[i : i + _BLOCK], absent) for i in range(0, len(rows), _BLOCK)]
        return np.concatenate([np.zeros((0, 1 + len(KINDS))), *parts])

    def _probabilities(
        self, store: FeatureStore, rows: NDArray[np.integer], absent: Sequence[bool] | None
    ) -> NDArray[np.float64]:
        left_out = absent or [False] * len(self.names)
        tables = [store.table((name,))[rows] for name in self.names]
        ends = np.cumsum([table.shape[1] for table in tables])[:-1]
        scores = np.split(standardise(np.concatenate(tables, axis=1), self._quantiles), ends, axis=1)
        inputs = [
            part * (not out)
            for name, table, score, out in zip(self.names, tables, scores, left_out, strict=True)
            for part in (score, *_indicators(name, table))
        ]
        w, k = self._weights, self.settings.committee
        hidden = np.concatenate(inputs, axis=1)[:, None] * w["signs"]
        for i in range(self.settings.stages):
            flat = hidden.reshape(len(rows) * k, -1) @ w[f"layers.{i}.shared.weight"].T + w[f"layers.{i}.shared.bias"]
            hidden = _gelu(flat.reshape(len(rows), k, -1) * w[f"layers.{i}.scale"] + w[f"layers.{i}.bias"])
        out = np.einsum("bkw,kwo->bko", hidden, w["head"]) + w["head_bias"]
        p = logistic(out[..., :1])
        return np.asarray(np.concatenate([1.0 - p, p * softmax(out[..., 1:])], axis=-1).mean(axis=1))

    @cached_property
    def _quantiles(self) -> NDArray[np.float32]:
        """Of the columns of all modalities: one look-up for all is quicker than one for each."""
        return np.concatenate([self.tensors[f"standardise.{name}.quantiles"] for name in self.names])

    @cached_property
    def _weights(self) -> dict[str, NDArray[np.float64]]:
        return {key: value.astype(np.float64) for key, value in self.tensors.items()}


def _indicators(name: str, table: NDArray[np.float32]) -> list[NDArray[np.bool_]]:
    """(b, n) which of its n values a categorical column has, for each of the modality's."""
    made = modality(name)
    return [table[:, made.table_names.index(column), None] == np.arange(n) for column, n in made.categories.items()]


def _shapes(names: tuple[str, ...], settings: CommitteeConfig) -> dict[str, tuple[int, ...]]:
    """Of every tensor of `fusion.committee.CommitteeNetwork`."""
    tables = {name: modality(name) for name in names}
    size = sum(len(m.table_names) + sum(m.categories.values()) for m in tables.values())
    k, width, outputs = settings.committee, settings.width, 1 + len(KINDS)
    shapes: dict[str, tuple[int, ...]] = {
        f"standardise.{name}.quantiles": (len(m.table_names), N_QUANTILES) for name, m in tables.items()
    }
    for i in range(settings.stages):
        shapes[f"layers.{i}.shared.weight"] = (width, width if i else size)
        shapes[f"layers.{i}.shared.bias"] = (width,)
        shapes |= {f"layers.{i}.{part}": (k, width) for part in ("scale", "bias")}
    return {**shapes, "signs": (k, size), "head": (k, width, outputs), "head_bias": (k, outputs)}


def _gelu(x: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.special import erf  # a fifth of a second of start-up, which trees do without

    return np.asarray(0.5 * x * (1.0 + erf(x / np.sqrt(2.0))))

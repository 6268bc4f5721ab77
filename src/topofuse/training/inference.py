"""Probabilities from a trained network, with test-time augmentation over thermal views."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from topofuse.config import FusionConfig
from topofuse.fusion.build import Network, build_network
from topofuse.fusion.frozen import FrozenCommittee, Predictor
from topofuse.fusion.logits import Logits
from topofuse.fusion.network import FusionNetwork
from topofuse.modalities.store import Batch, FeatureStore

INFERENCE_BATCH = 512


def network_device(network: Network) -> torch.device:
    """Where the network's parameters are."""
    return next(network.parameters()).device


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with every tensor on `device`."""
    if device.type == "cpu":
        return batch
    return {name: {key: t.to(device, non_blocking=True) for key, t in part.items()} for name, part in batch.items()}


@torch.inference_mode()
def iter_logits(
    network: Network, store: FeatureStore, rows: NDArray[np.integer], absent: Sequence[bool] | None = None
) -> Iterator[tuple[NDArray[np.integer], Logits]]:
    """Batches of row indices and their logits, float32 on the CPU, in evaluation mode.

    absent: per modality, whether it is left out for every crystal
    """
    network.eval()
    device = network_device(network)
    for start in range(0, len(rows), INFERENCE_BATCH):
        chosen = rows[start : start + INFERENCE_BATCH]
        mask = None if absent is None else torch.tensor(absent, device=device).expand(len(chosen), -1)
        logits = network(to_device(store.batch(chosen, network.tables_only), device), mask)
        yield chosen, Logits(logits.nontrivial.float().cpu(), logits.kind.float().cpu())


def predict(
    network: Network, store: FeatureStore, rows: NDArray[np.integer], absent: Sequence[bool] | None = None
) -> NDArray[np.float64]:
    """(len(rows), 5) probabilities of one pass over one view; absent: as of `iter_logits`."""
    out = np.full((len(rows), 5), np.nan)
    done = 0
    for chosen, logits in iter_logits(network, store, rows, absent):
        out[done : done + len(chosen)] = logits.probabilities().double().numpy()
        done += len(chosen)
    return out


def predict_views(network: Network, views: Sequence[FeatureStore], rows: NDArray[np.integer]) -> NDArray[np.float64]:
    """Test-time augmentation: the mean of the probabilities over the views, (len(rows), 5)."""
    if not views:
        raise ValueError("test-time augmentation needs at least one view")
    averaged: NDArray[np.float64] = np.mean([predict(network, view, rows) for view in views], axis=0)
    return averaged


@dataclass(frozen=True, eq=False)
class FusionPredictor:
    """A trained fusion network in torch, as a bundle holds it."""

    network: FusionNetwork
    settings: FusionConfig

    tables_only = False

    def predict(
        self, store: FeatureStore, rows: NDArray[np.integer], absent: Sequence[bool] | None = None
    ) -> NDArray[np.float64]:
        """(len(rows), 5) probabilities; absent: per modality, whether it is left out for every crystal."""
        return predict(self.network, store, rows, absent)


def restore_fusion(
    names: tuple[str, ...], settings: FusionConfig, tensors: Mapping[str, NDArray[Any]]
) -> FusionPredictor:
    """From the tensors of a bundle; RuntimeError where they are not those of such a network."""
    with torch.device("meta"):  # shapes without memory: those of the settings could be of any size
        expected = {key: tuple(value.shape) for key, value in FusionNetwork(names, settings).state_dict().items()}
    if expected != {key: value.shape for key, value in tensors.items()}:
        raise RuntimeError("its tensors are not those of such a network")
    network = FusionNetwork(names, settings)
    network.load_state_dict(_as_torch(tensors))
    return FusionPredictor(network.eval(), settings)


def torch_network(predictor: Predictor) -> Network:
    """The network of a bundle in torch, in evaluation mode."""
    if isinstance(predictor, FusionPredictor):
        return predictor.network
    if not isinstance(predictor, FrozenCommittee):
        raise TypeError(f"no network of a bundle: {type(predictor).__name__}")
    network = build_network(predictor.names, predictor.settings)
    network.load_state_dict(_as_torch(predictor.tensors))
    return network.eval()


def _as_torch(tensors: Mapping[str, NDArray[Any]]) -> dict[str, torch.Tensor]:
    return {key: torch.from_numpy(np.array(value, dtype=np.float32)) for key, value in tensors.items()}

"""How much the modalities attend to each other in a fusion network."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from topofuse.fusion.network import CrossAttention, FusionNetwork
from topofuse.modalities.store import Batch

Matrix = NDArray[np.floating[Any]]


@torch.inference_mode()
def attention_weights(network: FusionNetwork, batch: Batch) -> tuple[Matrix | None, Matrix | None]:
    """(m, m) attention to the others and over all, of the first crystal of a batch; None where the network has no such.

    Means over heads and layers. It follows `FusionNetwork.fuse`.
    """
    network.eval()
    tokens = network.embed(batch) + network.kind_of_token
    m, between = tokens.shape[1], None
    cross = network.cross
    if isinstance(cross, CrossAttention):
        normed = torch.stack([norm(tokens[:, i]) for i, norm in enumerate(cross.norms)], dim=1)
        between = torch.zeros(m, m)
        for i, layer in enumerate(cross.attention):
            context = normed[:, cross.others[i]]
            between[i, cross.others[i]] = layer(normed[:, i : i + 1], context, context)[1][0, 0]
    tokens = cross(tokens)
    layers = []
    for block in network.self_attention:
        normed = block.norm(tokens)  # type: ignore[operator]
        layers.append(_weights(block.attention, normed))  # type: ignore[arg-type]
        tokens = block(tokens)
    over = torch.stack(layers).mean(dim=0).numpy() if layers else None
    return None if between is None else between.numpy(), over


def _weights(layer: nn.MultiheadAttention, tokens: Tensor) -> Tensor:
    weights: Tensor = layer(tokens, tokens, tokens)[1][0]
    return weights

"""Encoder of the crystal graph: continuous-filter convolutions over orbits.

Messages are element-wise products of a neighbour's features with a filter of the distance (K. Schütt et
al., SchNet, J. Chem. Phys. 148, 241722, 2018); a matrix product per node, only element-wise work per edge.
The filter is a learned function tabulated on a grid of distances and interpolated linearly.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from topofuse.modalities.encoders import EncoderSpec, ResidualBlock, TableEncoder, gather_rows, scatter_sum

MAX_DISTANCE = 10.0  # Å; beyond it, the filter of this distance
N_GRID = 200
N_GAUSSIANS = 40
N_ELEMENTS = 104


class DistanceFilter(nn.Module):
    """Distance (e,) → filter (e, channels)."""

    grid_features: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        grid = torch.linspace(0.0, MAX_DISTANCE, N_GRID)
        centres = torch.linspace(0.5, MAX_DISTANCE, N_GAUSSIANS)
        width = MAX_DISTANCE / N_GAUSSIANS
        self.register_buffer("grid_features", torch.exp(-(((grid[:, None] - centres) / width) ** 2)), persistent=False)
        self.body = nn.Sequential(nn.Linear(N_GAUSSIANS, channels), nn.GELU(), nn.Linear(channels, channels))

    def forward(self, position: Tensor, lower: Tensor) -> Tensor:
        """Filters at fractional grid positions; `lower` is the grid point below each."""
        table = self.body(self.grid_features)
        fraction = (position - lower)[:, None]
        return torch.lerp(gather_rows(table, lower), gather_rows(table, lower + 1), fraction)


class Convolution(nn.Module):
    """One round of messages over the crystal graph, with a residual."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.send = nn.Linear(channels, channels)
        self.filter = DistanceFilter(channels)
        self.receive = nn.Sequential(nn.Linear(channels, channels), nn.GELU(), nn.Linear(channels, channels))
        self.drop = nn.Dropout(dropout)

    def forward(self, h: Tensor, edges: tuple[Tensor, Tensor, Tensor, Tensor, Tensor]) -> Tensor:
        """(n, channels) → (n, channels)."""
        source, target, weight, position, lower = edges
        message = gather_rows(self.send(self.norm(h)), source) * self.filter(position, lower) * weight[:, None]
        out: Tensor = h + self.drop(self.receive(scatter_sum(message, target, h.shape[0])))
        return out


class Encoder(nn.Module):
    """Crystal graph → (b, width): pooled orbits (mean and maximum) plus the graph's table."""

    def __init__(self, spec: EncoderSpec) -> None:
        super().__init__()
        self.edge_dropout = spec.edge_dropout
        self.distance_noise = spec.distance_noise
        self.element = nn.Embedding(N_ELEMENTS, spec.channels)
        self.site = nn.Linear(2, spec.channels)
        self.rounds = nn.ModuleList(Convolution(spec.channels, spec.dropout) for _ in range(spec.layers))
        self.pool = nn.Sequential(nn.Linear(2 * spec.channels, spec.width), ResidualBlock(spec.width, spec.dropout))
        self.table = TableEncoder(spec)

    def fit(self, part: dict[str, Tensor]) -> None:
        """Take the training crystals' statistics of the table."""
        self.table.fit(part)

    def forward(self, part: dict[str, Tensor]) -> Tensor:
        """Tensors of the modality → (b, width)."""
        h = self.element(part["node.number"]) + self.site(part["node.features"])
        edges = self._edges(part)
        for convolve in self.rounds:
            h = convolve(h, edges)
        graph, n_graphs = part["node.graph"], part["table"].shape[0]
        mean = scatter_sum(h * part["node.weight"][:, None], graph, n_graphs)
        lowest = h.new_full((n_graphs, h.shape[1]), -1e4)
        largest = lowest.scatter_reduce(0, graph[:, None].expand_as(h), h, reduce="amax")
        out: Tensor = self.pool(torch.cat([mean, largest], dim=1)) + self.table(part)
        return out

    def _edges(self, part: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Source, target, weight, grid position and the grid point below, with training noise."""
        distance, weight = part["edge.distance"], part["edge.count"] / 12.0
        if self.training:
            distance = distance + self.distance_noise * torch.randn_like(distance)
            kept = torch.rand_like(weight) >= self.edge_dropout
            weight = weight * kept / (1.0 - self.edge_dropout)
        position = (distance / MAX_DISTANCE * (N_GRID - 1)).clamp(0.0, N_GRID - 1.001)
        return part["edge.source"], part["edge.target"], weight, position, position.long()

"""Encoder of the k-space graph: gated messages between high-symmetry momenta along the lines of the path."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from topofuse.modalities.encoders import EncoderSpec, ResidualBlock, Standardise, TableEncoder, gather_rows, scatter_sum
from topofuse.modalities.kspace.graph import EDGE_FEATURES, NODE_FEATURES


class GatedRound(nn.Module):
    """h_i + Σ_j σ(gate(e_ij)) · send(h_j), summed over the lines that meet at momentum i."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.send = nn.Linear(channels, channels)
        self.gate = nn.Linear(channels, channels)
        self.block = ResidualBlock(channels, dropout)

    def forward(self, h: Tensor, lines: Tensor, source: Tensor, target: Tensor) -> Tensor:
        """(n, channels) nodes and (e, channels) lines → (n, channels)."""
        message = gather_rows(self.send(self.norm(h)), source) * torch.sigmoid(self.gate(lines))
        out: Tensor = self.block(h + scatter_sum(message, target, h.shape[0]))
        return out


class Encoder(nn.Module):
    """k-space graph → (b, width): pooled momenta (mean and maximum) plus the graph's table."""

    def __init__(self, spec: EncoderSpec) -> None:
        super().__init__()
        self.edge_dropout = spec.edge_dropout
        self.node_norm = Standardise(len(NODE_FEATURES))
        self.line_norm = Standardise(len(EDGE_FEATURES))
        self.node = nn.Linear(len(NODE_FEATURES), spec.channels)
        self.line = nn.Sequential(nn.Linear(len(EDGE_FEATURES), spec.channels), nn.GELU())
        self.rounds = nn.ModuleList(GatedRound(spec.channels, spec.dropout) for _ in range(spec.layers))
        self.pool = nn.Sequential(nn.Linear(2 * spec.channels, spec.width), ResidualBlock(spec.width, spec.dropout))
        self.table = TableEncoder(spec)

    def fit(self, part: dict[str, Tensor]) -> None:
        """Take the training crystals' statistics of table, momenta and lines."""
        self.table.fit(part)
        self.node_norm.fit(part["node.features"])
        self.line_norm.fit(part["edge.features"])

    def forward(self, part: dict[str, Tensor]) -> Tensor:
        """Tensors of the modality → (b, width)."""
        h = self.node(self.node_norm(part["node.features"]))
        lines = self.line(self.line_norm(part["edge.features"]))
        if self.training:
            lines = lines * (torch.rand(len(lines), 1, device=lines.device) >= self.edge_dropout)
        for exchange in self.rounds:
            h = exchange(h, lines, part["edge.source"], part["edge.target"])
        graph, n_graphs = part["node.graph"], part["table"].shape[0]
        count = torch.bincount(graph, minlength=n_graphs)[:, None]
        mean = scatter_sum(h, graph, n_graphs) / count
        lowest = h.new_full((n_graphs, h.shape[1]), -1e4)
        largest = lowest.scatter_reduce(0, graph[:, None].expand_as(h), h, reduce="amax")
        out: Tensor = self.pool(torch.cat([mean, largest], dim=1)) + self.table(part)
        return out

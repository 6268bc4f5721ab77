"""The committee network: a multilayer perceptron on the tables of all modalities that is k networks in one.

The k members share their matrices and differ in scalings of inputs and hidden units and in their heads; they
are trained side by side, each on its own loss, and their probabilities are averaged. After TabM (Y. Gorishniy,
A. Kotelnikov, A. Babenko, ICLR 2025, arXiv:2410.24210) and BatchEnsemble (Y. Wen et al., arXiv:2002.06715).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from topofuse.config import CommitteeConfig
from topofuse.fusion.logits import Logits
from topofuse.labels import KINDS
from topofuse.modalities.encoders import Standardise
from topofuse.modalities.registry import modality
from topofuse.modalities.store import Batch


class SharedLayer(nn.Module):
    """dropout(gelu(scale_i * (W x) + bias_i)): one matrix for all members i."""

    def __init__(self, size: int, width: int, members: int, dropout: float) -> None:
        super().__init__()
        self.shared = nn.Linear(size, width)
        self.scale = nn.Parameter(torch.ones(members, width))
        self.bias = nn.Parameter(torch.zeros(members, width))
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(b, k, size) → (b, k, width)."""
        out: Tensor = self.drop(functional.gelu(self.shared(x) * self.scale + self.bias))
        return out


class CommitteeNetwork(nn.Module):
    """Batch of crystals → logits of k members. It reads only the tables of the batch."""

    tables_only = True

    def __init__(self, names: tuple[str, ...], config: CommitteeConfig) -> None:
        super().__init__()
        if len(names) < 1:
            raise ValueError("a network needs at least one modality")
        self.names = names
        self.modality_dropout = config.modality_dropout
        tables = {name: modality(name) for name in names}
        self.standardise = nn.ModuleDict({name: Standardise(len(m.table_names)) for name, m in tables.items()})
        self.categories = {
            name: [(m.table_names.index(column), n) for column, n in m.categories.items()] for name, m in tables.items()
        }
        size = sum(len(m.table_names) + sum(m.categories.values()) for m in tables.values())
        members = config.committee
        self.signs = nn.Parameter(torch.randint(0, 2, (members, size)) * 2.0 - 1.0)
        sizes = [size, *[config.width] * config.stages]
        self.layers = nn.Sequential(*(SharedLayer(a, config.width, members, config.dropout) for a in sizes[:-1]))
        self.head = nn.Parameter(0.02 * torch.randn(members, config.width, 1 + len(KINDS)))
        self.head_bias = nn.Parameter(torch.zeros(members, 1 + len(KINDS)))

    def fit_statistics(self, batch: Batch) -> None:
        """Take the training crystals' quantiles; `batch` holds them all."""
        for name, standardise in self.standardise.items():
            standardise.fit(batch[name]["table"])  # type: ignore[operator]

    def fuse(self, batch: Batch, absent: Tensor | None = None) -> Tensor:
        """Standardised tables side by side, categories as indicators, (b, size).

        absent: (b, m) bool, modalities to leave out (their columns become 0); None leaves out none, or random ones
        in training
        """
        parts = [self._inputs(name, batch[name]["table"]) for name in self.names]
        if absent is None and self.training and self.modality_dropout > 0 and len(self.names) > 1:
            absent = torch.rand(len(parts[0]), len(parts), device=parts[0].device) < self.modality_dropout
        if absent is not None:
            parts = [part * ~absent[:, i : i + 1] for i, part in enumerate(parts)]
        return torch.cat(parts, dim=1)

    def classify(self, fused: Tensor) -> Logits:
        """(b, size) → logits of the k members."""
        hidden = self.layers(fused[:, None] * self.signs)
        out = torch.einsum("bkw,kwo->bko", hidden, self.head) + self.head_bias
        return Logits(out[..., 0], out[..., 1:])

    def forward(self, batch: Batch, absent: Tensor | None = None) -> Logits:
        """Batch → logits."""
        return self.classify(self.fuse(batch, absent))

    def _inputs(self, name: str, table: Tensor) -> Tensor:
        indicators = [functional.one_hot(table[:, column].long(), n) for column, n in self.categories[name]]
        return torch.cat([self.standardise[name](table), *indicators], dim=1)

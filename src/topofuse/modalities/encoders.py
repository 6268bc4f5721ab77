"""Building blocks that the modalities' encoders share.

An encoder maps its modality's tensors of a batch of b crystals to one embedding each, (b, width). It is
built from an `EncoderSpec` and fitted once to the training crystals' tables (`Standardise`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from topofuse.modalities.ranks import CLIP, N_QUANTILES, SLACK


@dataclass(frozen=True)
class EncoderSpec:
    """Sizes of an encoder.

    width: of the embedding; channels: of nodes and edges inside a graph encoder
    layers: message-passing rounds, or residual blocks for a table
    dropout: of hidden units; edge_dropout: share of edges left out in training
    distance_noise: Å, standard deviation of noise on bond lengths in training
    table_size: columns of the modality's table
    categories: (column, number of categories) of the columns that are codes 0, 1, …
    """

    width: int
    channels: int
    layers: int
    dropout: float
    edge_dropout: float
    distance_noise: float
    table_size: int
    categories: tuple[tuple[int, int], ...]


class Standardise(nn.Module):
    """Map every column to a standard normal distribution by the training crystals' quantiles; undefined becomes 0.

    A value becomes Φ⁻¹ of its rank among the training values, ties in the middle of their ranks. Heavy tails and
    counts need no treatment of their own. Measured against shifting and scaling: see docs/levers.md. Not scikit-learn's
    QuantileTransformer: that one lets a rounding error beside a tied value count as another value, and is no part of
    a network that is saved without pickle or exported as ONNX. `modalities.ranks` is the same without torch.
    """

    quantiles: Tensor
    scores: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("quantiles", torch.zeros(size, N_QUANTILES))
        # normal scores of the ranks 0, 1/2, 1, 3/2, ... N_QUANTILES - 1: at the quantiles and half-way between
        ranks = torch.linspace(0.0, 1.0, 2 * N_QUANTILES - 1, dtype=torch.float64)
        self.register_buffer("scores", torch.special.ndtri(ranks).clamp(-CLIP, CLIP).float(), persistent=False)

    def fit(self, table: Tensor) -> None:
        """Take the quantiles of `table` (n, size), NaN where undefined."""
        share = torch.linspace(0.0, 1.0, N_QUANTILES, dtype=torch.float64)
        columns = table.double().nan_to_num(nan=torch.nan, posinf=torch.nan, neginf=torch.nan)
        # a column that is undefined throughout has NaN quantiles; with zeros, every value would be beyond them
        self.quantiles.copy_(torch.nanquantile(columns, share, dim=0).T.nan_to_num())

    def forward(self, table: Tensor) -> Tensor:
        """(b, size) raw → (b, size) standardised, within ±CLIP."""
        values = table.T.contiguous()
        # Where many crystals share a value the ranks jump: a rounding error beside it must not count as another value.
        slack = self._slack()
        below = torch.searchsorted(self.quantiles, values - slack)
        above = torch.searchsorted(self.quantiles, values + slack, right=True)
        lower = (below - 1).clamp(0, N_QUANTILES - 2)
        low, high = self.quantiles.gather(1, lower), self.quantiles.gather(1, lower + 1)
        share = ((values - low) / (high - low).clamp_min(1e-12)).clamp(0.0, 1.0)
        between = torch.lerp(self.scores[2 * lower], self.scores[2 * lower + 2], share)
        tied = self.scores[(above + below - 1).clamp(0, 2 * N_QUANTILES - 2)]
        varies = (self.quantiles[:, -1:] > self.quantiles[:, :1]).to(values.dtype)  # else its weights are untrained
        return (torch.where(above > below, tied, between).nan_to_num() * varies).T

    def _slack(self) -> Tensor:
        """(size, 1) differences that are rounding errors: SLACK of the range that holds nine tenths of the values."""
        tail = N_QUANTILES // 20
        inner = self.quantiles[:, -1 - tail] - self.quantiles[:, tail]
        outer = self.quantiles[:, -1] - self.quantiles[:, 0]
        return SLACK * torch.where(inner > 0, inner, outer)[:, None]


class ResidualBlock(nn.Module):
    """x + dropout(linear(gelu(linear(norm(x)))))."""

    def __init__(self, width: int, dropout: float, expansion: int = 2) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, expansion * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(expansion * width, width),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) → (..., width)."""
        out: Tensor = x + self.body(x)
        return out


class TableEncoder(nn.Module):
    """Encoder of a modality that is one row of numbers per crystal.

    Columns enter standardised; those that are codes of categories are embedded too.
    """

    def __init__(self, spec: EncoderSpec) -> None:
        super().__init__()
        self.standardise = Standardise(spec.table_size)
        self.project = nn.Linear(spec.table_size, spec.width)
        self.columns = [column for column, _ in spec.categories]
        self.embed = nn.ModuleList(nn.Embedding(n, spec.width) for _, n in spec.categories)
        self.drop = nn.Dropout(spec.dropout)
        self.blocks = nn.Sequential(*(ResidualBlock(spec.width, spec.dropout) for _ in range(spec.layers)))

    def fit(self, part: dict[str, Tensor]) -> None:
        """Take the training crystals' statistics from a batch of them all."""
        self.standardise.fit(part["table"])

    def forward(self, part: dict[str, Tensor]) -> Tensor:
        """Tensors of the modality → (b, width)."""
        table = part["table"]
        hidden = self.project(self.standardise(table))
        for column, embedding in zip(self.columns, self.embed, strict=True):
            hidden = hidden + embedding(table[:, column].long())
        out: Tensor = self.blocks(self.drop(hidden))
        return out


def scatter_sum(values: Tensor, index: Tensor, size: int) -> Tensor:
    """(k, c) rows summed into (size, c) by `index` (k,)."""
    return values.new_zeros(size, values.shape[1]).index_add_(0, index, values)


def gather_rows(values: Tensor, index: Tensor) -> Tensor:
    """Rows `values[index]`; on a CPU its gradient is deterministic and four times faster than indexing's."""
    return values.index_select(0, index)

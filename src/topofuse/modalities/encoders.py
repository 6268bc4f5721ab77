"""Building blocks that the modalities' encoders share.

An encoder maps its modality's tensors of a batch of b crystals to one embedding each, (b, width). It is
built from an `EncoderSpec` and fitted once to the training crystals' tables (`Standardise`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

CLIP = 6.0  # standard deviations; a feature far outside the training range saturates


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
    """Shift and scale columns by the training crystals' mean and deviation; undefined becomes 0.

    Columns are compressed by sign(x)·log(1 + |x|) first where they are heavy-tailed.
    """

    mean: Tensor
    scale: Tensor
    heavy: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(size))
        self.register_buffer("heavy", torch.zeros(size))

    def fit(self, table: Tensor) -> None:
        """Take the statistics of `table` (n, size), NaN where undefined."""
        table = table.double()
        centred = table - table.nanmean(0)
        deviation = centred.square().nanmean(0).sqrt()
        kurtosis = (centred / deviation.clamp_min(1e-9)).pow(4).nanmean(0)
        self.heavy.copy_((kurtosis > 30.0).nan_to_num(False))
        table = self._compress(table)
        mean = table.nanmean(0)
        deviation = (table - mean).square().nanmean(0).sqrt()
        self.mean.copy_(mean.nan_to_num())
        constant = ~(deviation > 1e-7)  # also where a column is undefined throughout
        self.scale.copy_(torch.where(constant, 0.0, 1.0 / deviation.clamp_min(1e-7)))

    def _compress(self, table: Tensor) -> Tensor:
        return torch.where(self.heavy > 0, table.sign() * table.abs().log1p(), table)

    def forward(self, table: Tensor) -> Tensor:
        """(b, size) raw → (b, size) standardised."""
        return ((self._compress(table) - self.mean) * self.scale).nan_to_num().clamp(-CLIP, CLIP)


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
        return x + self.body(x)


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
        return self.blocks(self.drop(hidden))


def scatter_sum(values: Tensor, index: Tensor, size: int) -> Tensor:
    """(k, c) rows summed into (size, c) by `index` (k,)."""
    return values.new_zeros(size, values.shape[1]).index_add_(0, index, values)


def take(values: Tensor, index: Tensor) -> Tensor:
    """Rows `values[index]`; on a CPU its gradient is deterministic and four times faster than indexing's."""
    return values.index_select(0, index)

"""The fusion network: encoders, attention between and over the modalities, stages, hierarchical classifier.

It knows a list of modalities, never their names: each is a token of one width.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from topofuse.config import FusionConfig
from topofuse.fusion.logits import Logits
from topofuse.labels import KINDS
from topofuse.modalities.encoders import EncoderSpec, ResidualBlock
from topofuse.modalities.registry import build_encoder, modality
from topofuse.modalities.store import Batch


class CrossAttention(nn.Module):
    """For each modality, attention of its embedding over those of the others, with a residual."""

    def __init__(self, n_tokens: int, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(n_tokens))
        self.attention = nn.ModuleList(
            nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True) for _ in range(n_tokens)
        )
        self.others = [[j for j in range(n_tokens) if j != i] for i in range(n_tokens)]

    def forward(self, tokens: Tensor) -> Tensor:
        """(b, m, width) → (b, m, width)."""
        normed = torch.stack([norm(tokens[:, i]) for i, norm in enumerate(self.norms)], dim=1)
        attended = []
        for i, attention in enumerate(self.attention):
            context = normed[:, self.others[i]]
            update, _ = attention(normed[:, i : i + 1], context, context, need_weights=False)
            attended.append(tokens[:, i : i + 1] + update)
        return torch.cat(attended, dim=1)


class SelfAttention(nn.Module):
    """Attention over the modalities as a sequence of tokens, then a feed-forward block; both residual."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, dropout=dropout, batch_first=True)
        self.block = ResidualBlock(width, dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        """(b, m, width) → (b, m, width)."""
        normed = self.norm(tokens)
        update, _ = self.attention(normed, normed, normed, need_weights=False)
        out: Tensor = self.block(tokens + update)
        return out


class Classifier(nn.Module):
    """Five linear layers with normalisation, GELU and dropout between them.

    Outputs one logit of non-trivial and the logits of the kinds given non-trivial.
    """

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        sizes = [width, width, width // 2, width // 2, width // 4]
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), nn.LayerNorm(after), nn.GELU(), nn.Dropout(dropout)]
        self.body = nn.Sequential(*layers, nn.Linear(sizes[-1], 1 + len(KINDS)))

    def forward(self, fused: Tensor) -> Logits:
        """(b, width) → logits."""
        out = self.body(fused)
        return Logits(out[:, :1], out[:, None, 1:])


class FusionNetwork(nn.Module):
    """Batch of crystals → logits. `fuse` and `classify` are apart, so that mixup can act between them."""

    tables_only = False

    def __init__(self, names: tuple[str, ...], config: FusionConfig) -> None:
        super().__init__()
        if len(names) < 1:
            raise ValueError("a network needs at least one modality")
        self.names = names
        self.modality_dropout = config.modality_dropout
        width, m = config.width, len(names)
        self.encoders = nn.ModuleDict({name: build_encoder(name, _spec(name, config)) for name in names})
        self.kind_of_token = nn.Parameter(0.02 * torch.randn(m, width))
        self.absent = nn.Parameter(torch.zeros(m, width))
        use_cross = config.cross_attention and m > 1
        self.cross = CrossAttention(m, width, config.heads, config.dropout) if use_cross else nn.Identity()
        self.self_attention = nn.Sequential(
            *(SelfAttention(width, config.heads, config.dropout) for _ in range(config.attention_layers))
        )
        self.join = nn.Sequential(nn.LayerNorm(m * width), nn.Linear(m * width, width))
        self.stages = nn.Sequential(*(ResidualBlock(width, config.dropout) for _ in range(config.stages)))
        self.classifier = Classifier(width, config.dropout)

    def fit_statistics(self, batch: Batch) -> None:
        """Let the encoders take the training crystals' means and deviations; `batch` holds them all."""
        for name, encoder in self.encoders.items():
            encoder.fit(batch[name])  # type: ignore[operator]

    def embed(self, batch: Batch) -> Tensor:
        """Embeddings of the modalities, (b, m, width)."""
        return torch.stack([encoder(batch[name]) for name, encoder in self.encoders.items()], dim=1)

    def fuse(self, batch: Batch, absent: Tensor | None = None) -> Tensor:
        """Fused features (b, width).

        absent: (b, m) bool, modalities to leave out; None leaves out none, or random ones in training
        """
        tokens = self.embed(batch)
        if absent is None and self.training and self.modality_dropout > 0 and len(self.names) > 1:
            absent = self._drop_modalities(tokens)
        if absent is not None:
            tokens = torch.where(absent[:, :, None], self.absent.to(tokens.dtype), tokens)
        tokens = self.self_attention(self.cross(tokens + self.kind_of_token))
        fused: Tensor = self.stages(self.join(tokens.flatten(1)))
        return fused

    def classify(self, fused: Tensor) -> Logits:
        """Fused features (b, width) → logits."""
        logits: Logits = self.classifier(fused)
        return logits

    def forward(self, batch: Batch, absent: Tensor | None = None) -> Logits:
        """Batch → logits."""
        return self.classify(self.fuse(batch, absent))

    def _drop_modalities(self, tokens: Tensor) -> Tensor:
        """Random (b, m) mask that never leaves out everything."""
        b, m = tokens.shape[:2]
        absent = torch.rand(b, m, device=tokens.device) < self.modality_dropout
        keep = torch.randint(m, (b,), device=tokens.device)
        absent[torch.arange(b, device=tokens.device), keep] = False
        return absent


def _spec(name: str, config: FusionConfig) -> EncoderSpec:
    info = modality(name)
    return EncoderSpec(
        width=config.width,
        channels=config.channels,
        layers=config.graph_layers if info.index_arrays else config.table_layers,
        dropout=config.dropout,
        edge_dropout=config.edge_dropout,
        distance_noise=config.distance_noise,
        table_size=len(info.table_names),
        categories=tuple((info.table_names.index(column), n) for column, n in info.categories.items()),
    )

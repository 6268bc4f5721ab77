"""Loss of the hierarchical head, with label smoothing and mixup."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from topofuse.fusion.logits import Logits


def hierarchical_loss(logits: Logits, labels: Tensor, smoothing: float) -> Tensor:
    """(b,) loss per crystal: binary cross-entropy of non-trivial plus cross-entropy of the kind.

    Of a committee, the mean of its members' losses: each learns on its own.

    Without smoothing this is the negative log-likelihood of the five classes.

    labels: (b,) codes 0..4; the kind counts only where the label is non-trivial. With smoothing s the
    binary target is 1 - s/2 or s/2, and the kind's is 1 - s plus s/4 on every kind.
    """
    nontrivial = (labels > 0)[:, None].expand_as(logits.nontrivial)
    target = nontrivial.to(logits.nontrivial.dtype) * (1.0 - smoothing) + 0.5 * smoothing
    binary = functional.binary_cross_entropy_with_logits(logits.nontrivial, target, reduction="none")
    kinds = (labels - 1).clamp_min(0)[:, None].expand_as(logits.nontrivial)
    kind = functional.cross_entropy(logits.kind.movedim(-1, 1), kinds, reduction="none", label_smoothing=smoothing)
    return (binary + torch.where(nontrivial, kind, torch.zeros_like(kind))).mean(dim=1)


class Mixture(NamedTuple):
    """A mixup of a batch with a permutation of itself: λ and the permutation."""

    weight: float
    partner: Tensor

    def features(self, fused: Tensor) -> Tensor:
        """λ·x + (1 - λ)·x[partner] of fused features (b, width)."""
        return self.weight * fused + (1.0 - self.weight) * fused[self.partner]

    def loss(self, logits: Logits, labels: Tensor, smoothing: float) -> Tensor:
        """λ·loss(labels) + (1 - λ)·loss(labels[partner]), (b,)."""
        own = hierarchical_loss(logits, labels, smoothing)
        other = hierarchical_loss(logits, labels[self.partner], smoothing)
        return self.weight * own + (1.0 - self.weight) * other


def draw_mixture(size: int, alpha: float, rng: np.random.Generator) -> Mixture:
    """λ ~ Beta(α, α) and a random partner for each of `size` crystals; α = 0 gives λ = 1 (no mixup)."""
    weight = float(rng.beta(alpha, alpha)) if alpha > 0 else 1.0
    return Mixture(weight, torch.from_numpy(rng.permutation(size)))

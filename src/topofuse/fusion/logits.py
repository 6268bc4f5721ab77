"""What every network gives: logits of non-trivial and of the kind, from one predictor or from a committee."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Logits(NamedTuple):
    """Outputs of the hierarchical head, of k predictors each: 1 of a fusion network, more of a committee.

    nontrivial: (b, k) logit of p(non-trivial); kind: (b, k, 4) logits of p(kind | non-trivial)
    """

    nontrivial: Tensor
    kind: Tensor

    def probabilities(self) -> Tensor:
        """(b, 5) probabilities of the five classes, the mean over the predictors."""
        p = torch.sigmoid(self.nontrivial)[..., None]
        return torch.cat([1.0 - p, p * torch.softmax(self.kind, dim=-1)], dim=-1).mean(dim=1)

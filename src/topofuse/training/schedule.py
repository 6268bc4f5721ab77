"""Learning-rate schedule: linear warm-up, then cosine cycles with a falling maximum."""

from __future__ import annotations

import math

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


class CyclicCosineWarmup(LRScheduler):
    """Linear from `min_lr` to `max_lr` over `warmup_epochs`, then cosine cycles.

    With c = (epoch - warmup) // cycle_epochs and e = (epoch - warmup) mod cycle_epochs:
    lr = min_lr + (max_lr · decay^c - min_lr) · ½ (1 + cos(π e / cycle_epochs)).
    One step is one epoch; all parameter groups get the same rate.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        *,
        min_lr: float,
        max_lr: float,
        warmup_epochs: int,
        cycle_epochs: int,
        decay: float = 0.8,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < min_lr <= max_lr:
            raise ValueError(f"needs 0 < min_lr <= max_lr, got min_lr={min_lr}, max_lr={max_lr}")
        if warmup_epochs < 0 or cycle_epochs < 1:
            raise ValueError(f"needs warmup_epochs >= 0 and cycle_epochs >= 1, got {warmup_epochs}, {cycle_epochs}")
        self.min_lr, self.max_lr, self.decay = min_lr, max_lr, decay
        self.warmup_epochs, self.cycle_epochs = warmup_epochs, cycle_epochs
        super().__init__(optimizer, last_epoch)

    def rate(self, epoch: int) -> float:
        """Learning rate of epoch 0, 1, 2, …"""
        if epoch < self.warmup_epochs:
            return self.min_lr + (self.max_lr - self.min_lr) * epoch / self.warmup_epochs
        cycle, within = divmod(epoch - self.warmup_epochs, self.cycle_epochs)
        top = self.max_lr * self.decay**cycle
        return self.min_lr + (top - self.min_lr) * 0.5 * (1.0 + math.cos(math.pi * within / self.cycle_epochs))

    def get_lr(self) -> list[float | Tensor]:
        """Rates of the current epoch, one per parameter group."""
        return [self.rate(self.last_epoch) for _ in self.optimizer.param_groups]

"""Training of one network: epochs, validation, early stopping, a checkpoint after every epoch.

Every epoch's random numbers are derived from the task's seed and the epoch's number, so that a run that was
stopped and resumed gives the same network as one that was not. That, and checkpoints that hold no pickle, are why the
loop is written out here and is not Lightning's or skorch's.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from topofuse.config import NetworkConfig, TrainingConfig
from topofuse.fusion.build import Network, build_network
from topofuse.fusion.logits import Logits
from topofuse.modalities.store import Batch, FeatureStore
from topofuse.training.checkpoint import (
    CheckpointError,
    load_optimizer_tensors,
    load_tensors,
    optimizer_tensors,
    save_tensors,
    with_prefix,
    without_prefix,
)
from topofuse.training.inference import iter_logits, to_device
from topofuse.training.loss import draw_mixture
from topofuse.training.schedule import CyclicCosineWarmup

FIT_ROWS = 4096  # crystals that the encoders' statistics are taken from, at most
FLOOR = 1e-6  # of a probability in the validation loss


@dataclass(frozen=True, eq=False)
class NetworkTask:
    """One network to be trained.

    train, validation: row indices into the feature store; without validation rows the last epoch is kept
    """

    name: str
    modalities: tuple[str, ...]
    network: NetworkConfig
    training: TrainingConfig
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    seed: int

    def fingerprint(self, labels: NDArray[np.integer]) -> str:
        """Hash of everything that decides the trained network, besides the features."""
        digest = hashlib.sha256()
        settings = [self.modalities, self.network.model_dump(), self.training.model_dump(), self.seed]
        digest.update(json.dumps(settings, sort_keys=True).encode())
        for rows in (self.train, self.validation):
            digest.update(rows.astype("<i8").tobytes() + labels[rows].astype("<i8").tobytes())
        return digest.hexdigest()[:16]


@dataclass
class Progress:
    """Where a task stands; kept in its checkpoint. `history` has one entry per epoch."""

    next_epoch: int = 0
    best_epoch: int = -1
    best_loss: float = float("inf")
    history: list[dict[str, Any]] = field(default_factory=list)

    def stopped(self, training: TrainingConfig) -> bool:
        """Whether the last epoch or the end of the patience has been reached."""
        waited = self.next_epoch - 1 - self.best_epoch
        return self.next_epoch >= training.epochs or (self.best_epoch >= 0 and waited >= training.patience)


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A trained network and how it came about."""

    network: Network
    progress: Progress


EpochHook = Callable[[str, dict[str, Any]], None]


class Trainer:
    """Trains the network of one task on a feature store, resuming from the task's directory."""

    def __init__(
        self,
        task: NetworkTask,
        store: FeatureStore,
        labels: NDArray[np.integer],
        directory: Path,
        *,
        features: str,
        device: torch.device | None = None,
        on_epoch: EpochHook | None = None,
        on_batch: Callable[[], None] | None = None,
    ) -> None:
        self.task, self.store, self.labels, self.directory = task, store, np.asarray(labels), directory
        self.device = device or default_device()
        self.on_epoch, self.on_batch = on_epoch, on_batch
        self.identity = f"{task.fingerprint(self.labels)}:{features}"
        self.checkpoint = directory / "checkpoint.safetensors"
        self.result = directory / "network.safetensors"

    def run(self) -> TrainedNetwork:
        """Train to the end, or return what is already trained."""
        if self.result.exists():
            return self._finished()
        network = self._build()
        optimizer = self._optimizer(network)
        progress, best = self._resume(network, optimizer)
        schedule = self._schedule(optimizer, progress.next_epoch)
        while not progress.stopped(self.task.training):
            entry = self._epoch(network, optimizer, schedule, progress)
            if entry["val_loss"] is None or entry["val_loss"] < progress.best_loss:
                progress.best_loss = entry["val_loss"] if entry["val_loss"] is not None else progress.best_loss
                progress.best_epoch = entry["epoch"]
                best = {key: value.detach().clone() for key, value in network.state_dict().items()}
            self._save(network, optimizer, progress, best)
            if self.on_epoch:
                self.on_epoch(self.task.name, entry)
        network.load_state_dict(best)
        save_tensors(self.result, network.state_dict(), {"identity": self.identity, "progress": asdict(progress)})
        self.checkpoint.unlink(missing_ok=True)
        return TrainedNetwork(network.eval(), progress)

    def _epoch(self, network: Network, optimizer: AdamW, schedule: LRScheduler, progress: Progress) -> dict[str, Any]:
        started = time.perf_counter()
        epoch = progress.next_epoch
        lr = optimizer.param_groups[0]["lr"]
        train_loss = self._train_epoch(network, optimizer, epoch)
        schedule.step()
        val_loss, val_accuracy = self._validate(network)
        entry = {
            "epoch": epoch,
            "lr": float(lr),
            "train_loss": train_loss,
            "val_loss": val_loss,
            "val_accuracy": val_accuracy,
            "seconds": round(time.perf_counter() - started, 3),
        }
        progress.next_epoch += 1
        progress.history.append(entry)
        return entry

    def _train_epoch(self, network: Network, optimizer: AdamW, epoch: int) -> float:
        """One pass over the training rows; the mean loss."""
        training = self.task.training
        rng = np.random.default_rng([self.task.seed, epoch])
        torch.manual_seed(int(rng.integers(2**62)))
        network.train()
        total, seen = 0.0, 0
        for batch, labels in self._batches(rng, network.tables_only):
            with _autocast(self.device):
                mixture = draw_mixture(len(labels), training.mixup_alpha, rng)
                mixture = mixture._replace(partner=mixture.partner.to(self.device))
                logits = network.classify(mixture.features(network.fuse(batch)))
            loss = mixture.loss(Logits(*(part.float() for part in logits)), labels, training.label_smoothing).mean()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), training.gradient_clip)
            optimizer.step()
            total += float(loss.detach()) * len(labels)
            seen += len(labels)
            if self.on_batch:
                self.on_batch()
        return total / seen

    def _batches(self, rng: np.random.Generator, tables_only: bool) -> Iterator[tuple[Batch, Tensor]]:
        rows = rng.permutation(self.task.train)
        size = self.task.training.batch_size
        for start in range(0, len(rows), size):
            chosen = rows[start : start + size]
            labels = torch.from_numpy(self.labels[chosen].astype(np.int64)).to(self.device)
            yield to_device(self.store.batch(chosen, tables_only), self.device), labels

    def _validate(self, network: Network) -> tuple[float | None, float | None]:
        """Negative log-likelihood of the five classes, and two-class accuracy, on the validation rows."""
        rows = self.task.validation
        if len(rows) == 0:
            return None, None
        total, right = 0.0, 0
        for chosen, logits in iter_logits(network, self.store, rows):
            labels = torch.from_numpy(self.labels[chosen].astype(np.int64))
            probabilities = logits.probabilities()
            of_label = probabilities.gather(1, labels[:, None])
            total -= float(of_label.clamp_min(FLOOR).log().sum())
            right += int(((probabilities[:, 0] < 0.5) == (labels > 0)).sum())
        return total / len(rows), right / len(rows)

    def _build(self) -> Network:
        torch.manual_seed(self.task.seed)
        network = build_network(self.task.modalities, self.task.network)
        rows = np.random.default_rng(self.task.seed).permutation(self.task.train)[:FIT_ROWS]
        network.fit_statistics(self.store.batch(np.sort(rows), network.tables_only))
        return network.to(self.device)

    def _optimizer(self, network: Network) -> AdamW:
        """AdamW; weights of linear layers decay, biases, norms and embeddings do not."""
        decay = [p for p in network.parameters() if p.ndim >= 2]
        other = [p for p in network.parameters() if p.ndim < 2]
        groups: list[dict[str, Any]] = [{"params": decay}, {"params": other, "weight_decay": 0.0}]
        return AdamW(groups, lr=self.task.training.max_lr, weight_decay=self.task.training.weight_decay, fused=True)

    def _schedule(self, optimizer: AdamW, epoch: int) -> LRScheduler:
        training = self.task.training
        for group in optimizer.param_groups:
            group["initial_lr"] = group["lr"] = training.max_lr
        if training.schedule == "constant":
            return LambdaLR(optimizer, lambda _: 1.0, last_epoch=epoch - 1)
        return CyclicCosineWarmup(
            optimizer,
            min_lr=training.min_lr,
            max_lr=training.max_lr,
            warmup_epochs=training.warmup_epochs,
            cycle_epochs=training.cycle_epochs,
            last_epoch=epoch - 1,
        )

    def _save(self, network: Network, optimizer: AdamW, progress: Progress, best: dict[str, Tensor]) -> None:
        tensors = with_prefix("model.", network.state_dict())
        tensors |= with_prefix("best.", best) | with_prefix("optimizer.", optimizer_tensors(optimizer))
        save_tensors(self.checkpoint, tensors, {"identity": self.identity, "progress": asdict(progress)})

    def _resume(self, network: Network, optimizer: AdamW) -> tuple[Progress, dict[str, Tensor]]:
        if not self.checkpoint.exists():
            return Progress(), {}
        tensors, info = load_tensors(self.checkpoint)
        self._check_identity(info, self.checkpoint)
        network.load_state_dict(without_prefix("model.", tensors))
        load_optimizer_tensors(optimizer, without_prefix("optimizer.", tensors))
        best = {key: value.to(self.device) for key, value in without_prefix("best.", tensors).items()}
        return Progress(**info["progress"]), best

    def _finished(self) -> TrainedNetwork:
        tensors, info = load_tensors(self.result)
        self._check_identity(info, self.result)
        network = build_network(self.task.modalities, self.task.network)
        network.load_state_dict(tensors)
        return TrainedNetwork(network.to(self.device).eval(), Progress(**info["progress"]))

    def _check_identity(self, info: dict[str, Any], path: Path) -> None:
        if info.get("identity") != self.identity:
            raise CheckpointError(
                f"{path} belongs to other settings, data or features; choose another --out, or delete it"
            )


def default_device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _autocast(device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")

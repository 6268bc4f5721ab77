"""Training of many independent networks, several at a time, each in a process with its own threads.

On a small machine two networks on one core each finish sooner than one after the other on two cores, and
a network's numbers do not depend on how many threads there are.
On a GPU, or with one worker, the tasks run one after the other in this process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from topofuse.modalities.registry import feature_hash
from topofuse.modalities.store import FeatureStore
from topofuse.system.processes import peak_memory_gib, worker_pool
from topofuse.training.trainer import EpochHook, NetworkTask, TrainedNetwork, Trainer, default_device


def train_tasks(
    tasks: Sequence[NetworkTask],
    store: FeatureStore,
    labels: NDArray[np.integer],
    directory: Path,
    *,
    workers: int,
    on_epoch: EpochHook,
    on_done: Callable[[str, float], None],
) -> dict[str, TrainedNetwork]:
    """Train every task in `directory / task.name`; what is finished there is read, what was begun goes on.

    on_epoch: called in this process after every epoch of any task
    on_done: called with a task's name, and the peak memory (GiB) of the process that trained it, when it is done
    """
    todo = [task for task in tasks if not (directory / task.name / "network.safetensors").exists()]
    if workers > 1 and todo and default_device().type == "cpu":
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "store.safetensors"
            store.save(path)
            _in_processes(
                todo, _Shared(path, np.asarray(labels), directory), min(workers, len(todo)), on_epoch, on_done
            )
    trained = {}
    for task in tasks:
        trained[task.name] = _trainer(task, store, labels, directory, on_epoch).run()
        on_done(task.name, peak_memory_gib())
    return trained


@dataclass(frozen=True)
class _Shared:
    """What every worker needs for every task."""

    store: Path
    labels: NDArray[np.integer]
    directory: Path


def _trainer(
    task: NetworkTask, store: FeatureStore, labels: NDArray[np.integer], directory: Path, on_epoch: EpochHook
) -> Trainer:
    return Trainer(
        task, store, labels, directory / task.name, features=feature_hash(task.modalities), on_epoch=on_epoch
    )


def _in_processes(
    tasks: list[NetworkTask], shared: _Shared, workers: int, on_epoch: EpochHook, on_done: Callable[[str, float], None]
) -> None:
    events: SimpleQueue[tuple[str, dict[str, Any]]] = get_context("spawn").SimpleQueue()
    with worker_pool(workers, _begin_worker, (shared, events)) as pool:
        pending = {pool.submit(_train_in_worker, task) for task in tasks}
        while pending:
            done, pending = wait(pending, timeout=0.5)
            while not events.empty():
                on_epoch(*events.get())
            for future in done:
                on_done(*future.result())  # an error of a task ends the run; the others keep their checkpoints


_worker: tuple[_Shared, FeatureStore, SimpleQueue[tuple[str, dict[str, Any]]]]


def _begin_worker(shared: _Shared, events: SimpleQueue[tuple[str, dict[str, Any]]]) -> None:
    global _worker
    torch.set_num_threads(1)
    _worker = (shared, FeatureStore.load(shared.store), events)


def _train_in_worker(task: NetworkTask) -> tuple[str, float]:
    shared, store, events = _worker
    _trainer(task, store, shared.labels, shared.directory, lambda *event: events.put(event)).run()
    return task.name, peak_memory_gib()

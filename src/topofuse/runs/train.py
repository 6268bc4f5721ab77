"""From features to models: every network and all trees of a run, each without the fold that it will predict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from topofuse.ensemble.boosted import BoostedTrees, fit_or_load
from topofuse.runs.jobs import NetworkJob, TreesJob, fixed_epochs, full_job, kfold_jobs, member_jobs, trees_jobs
from topofuse.runs.prepare import Prepared
from topofuse.training.parallel import train_tasks
from topofuse.training.trainer import TrainedNetwork

T = TypeVar("T")
Networks = Mapping[NetworkJob, TrainedNetwork]
Trees = Mapping[TreesJob, BoostedTrees]


@dataclass(frozen=True, eq=False)
class Trained:
    """What was trained on the features: K-fold, members and full-data networks, and trees without each fold."""

    prepared: Prepared
    networks: Networks
    trees: Trees

    def family(self, name: str, index: int | None = None) -> dict[NetworkJob, TrainedNetwork]:
        """The networks of a family; of member `index` alone where that is given."""
        return {
            job: network for job, network in self.networks.items() if job.family == name and index in (None, job.index)
        }

    def gain(self) -> NDArray[np.float64]:
        """(f,) split gain per column of the tables, mean over the trees of all folds."""
        return np.asarray(np.mean([trees.gain() for trees in self.trees.values()], axis=0))


def train(prepared: Prepared) -> Trained:
    """Train every model of the comparison, or read back those that the folder holds."""
    config, rows, folder = prepared.config, prepared.rows, prepared.folder
    with folder.timings.stage("networks"):
        networks = _train_all_networks(prepared)
    with folder.timings.stage("trees"):
        trees = fit_trees(prepared, trees_jobs("trees", config, rows), folder.path, "boosted trees")
    return Trained(prepared, networks, trees)


def _train_all_networks(prepared: Prepared) -> Networks:
    """The full-data network comes after the folds, whose best epochs say how long it is trained."""
    config, rows, log = prepared.config, prepared.rows, prepared.folder.log
    folds, members = kfold_jobs(config, rows), member_jobs(config, rows)
    planned = {job.name: job.task.training.epochs for job in [*folds, *members]} | {"full": config.training.epochs}
    log.begin(planned, config.threads)
    networks = _train(prepared, folds)
    epochs = fixed_epochs(network.progress.best_epoch for network in networks.values())
    networks |= _train(prepared, [full_job(config, rows, epochs), *members])
    log.end()
    prepared.folder.timings.peak("peak_worker_memory", log.peak_memory_gib)
    return networks


def train_networks(prepared: Prepared, jobs: Sequence[NetworkJob]) -> dict[NetworkJob, TrainedNetwork]:
    """Train the networks of `jobs` under a bar of their own, or read back those that the folder holds."""
    log = prepared.folder.log
    log.begin({job.name: job.task.training.epochs for job in jobs}, prepared.config.threads)
    networks = _train(prepared, jobs)
    log.end()
    return networks


def _train(prepared: Prepared, jobs: Sequence[NetworkJob]) -> dict[NetworkJob, TrainedNetwork]:
    log = prepared.folder.log
    trained = train_tasks(
        [job.task for job in jobs],
        prepared.views[0],
        prepared.rows.labels,
        prepared.folder.path / "networks",
        workers=prepared.config.threads,
        on_epoch=log.epoch,
        on_done=log.job_done,
    )
    return {job: trained[job.name] for job in jobs}


def fit_trees(
    prepared: Prepared, jobs: Sequence[TreesJob], directory: Path, title: str
) -> dict[TreesJob, BoostedTrees]:
    """Fit the trees of `jobs` in `directory`, or read back those that are there."""
    return dict(zip(jobs, for_trees(prepared, jobs, directory, title, lambda _, trees: trees), strict=True))


def for_trees(
    prepared: Prepared, jobs: Sequence[TreesJob], directory: Path, title: str,
    use: Callable[[TreesJob, BoostedTrees], T],
) -> list[T]:  # fmt: skip
    """What `use` makes of the trees of each job, in order; the trees themselves are not kept.

    Jobs side by side, one thread each: two threads on one job take longer than one.
    """

    def fit(job: TreesJob) -> T:
        trees = fit_or_load(
            directory / job.name,
            table_of(prepared, job),
            prepared.rows.labels,
            job.train,
            job.validation,
            job.settings,
            seed=job.seed,
            threads=1,
            rounds=job.rounds,
        )
        return use(job, trees)

    with ThreadPoolExecutor(prepared.config.threads) as pool:
        return list(prepared.folder.log.track(pool.map(fit, jobs), title, len(jobs)))


def table_of(prepared: Prepared, job: TreesJob) -> NDArray[np.float32]:
    """(n, f) features that the trees of `job` see, of all rows."""
    store = prepared.views[0]
    return (store.without_costly() if job.skip_costly else store).table(job.modalities)

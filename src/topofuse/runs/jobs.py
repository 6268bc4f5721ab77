"""What a run trains, as typed jobs: K-fold, diverse members, full-data networks, and boosted trees.

Every network stops early on its own validation rows, which are taken from its training rows, grouped by
formula; the fold that it will predict is never looked at. Names of folders are written from a job's family,
index and fold, and are never read back into them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from topofuse.config import BoostedConfig, Config, NetworkConfig, TrainingConfig
from topofuse.runs.prepare import Labelled
from topofuse.training.trainer import NetworkTask

Settings = tuple[NetworkConfig, TrainingConfig]
NO_ROWS = np.array([], dtype=np.int64)


@dataclass(frozen=True, eq=False, kw_only=True)
class NetworkJob:
    """One network of a run.

    family: 'kfold', 'member' or 'full'; in an ablation, the predictor that it belongs to
    index: number of the ensemble member, where it is one; in an ablation also of the inner fold
    fold: the fold that it leaves out and will predict; None where it sees the whole pool
    task: settings, rows and seed, as the training takes them
    """

    family: str
    index: int | None = None
    fold: int | None
    task: NetworkTask

    @property
    def model(self) -> str:
        """Name of the networks with the same settings, one per fold: 'kfold', 'member2', 'full', 'full-member2'."""
        return _model(self.family, self.index, self.fold)

    @property
    def name(self) -> str:
        """Its folder, and what log and results call it: 'member2/0', 'full-member2'."""
        return self.task.name


@dataclass(frozen=True, eq=False, kw_only=True)
class TreesJob:
    """Boosted trees on the tables of `modalities`.

    family: 'trees' or 'trees-fast'; in an ablation or a generalisation, the predictor or the split
    fold: the fold that they leave out; None where they see the whole pool
    rounds: of the binary and of the kind models, where there are no validation rows to stop by
    skip_costly: without a modality for crystals for which it takes long
    """

    family: str
    fold: int | None
    modalities: tuple[str, ...]
    skip_costly: bool
    settings: BoostedConfig
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    seed: int
    rounds: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """Its folder: 'trees/0', 'trees/full'."""
        return f"{self.family}/{'full' if self.fold is None else self.fold}"


def left_out(job: NetworkJob | TreesJob) -> int:
    """The fold that a job leaves out; ValueError where it sees the whole pool, for which nothing is out of fold."""
    if job.fold is None:
        raise ValueError(f"{job.name} has seen the whole pool: it has no out-of-fold rows")
    return job.fold


def _model(family: str, index: int | None, fold: int | None) -> str:
    if index is None:
        return family
    return f"{family}-member{index}" if fold is None else f"{family}{index}"


def network_job(
    family: str, fold: int, rows: Labelled, available: NDArray[np.int64], settings: Settings,
    modalities: tuple[str, ...], seed: int, index: int | None = None,
) -> NetworkJob:  # fmt: skip
    """A job on the rows `available`: a share for validation, and of the rest the subset that is seen."""
    network, training = settings
    train, validation = rows.hold_out(available, training.validation_share, seed)
    if training.subset_share < 1.0:
        train, _ = rows.hold_out(train, 1.0 - training.subset_share, seed + 1)
    name = f"{_model(family, index, fold)}/{fold}"
    task = NetworkTask(name, modalities, network, training, train, validation, seed)
    return NetworkJob(family=family, index=index, fold=fold, task=task)


def kfold_jobs(config: Config, rows: Labelled) -> list[NetworkJob]:
    """One job per fold with the preset's own settings."""
    settings = (config.network, config.training)
    return [
        network_job("kfold", fold, rows, rows.outside(fold), settings, config.modalities, _seed(config, 0, fold))
        for fold in rows.folds
    ]


def member_jobs(config: Config, rows: Labelled) -> list[NetworkJob]:
    """Per diverse member, one job per fold, so that its predictions exist out of fold."""
    return [
        network_job(
            "member", fold, rows, rows.outside(fold), (member.network, member.training), config.modalities,
            _seed(config, index + 1, fold), index,
        )
        for index, member in enumerate(config.members)
        for fold in rows.folds
    ]  # fmt: skip


def full_job(config: Config, rows: Labelled, epochs: int, member: int | None = None) -> NetworkJob:
    """A job on the whole pool with the preset's settings, or a member's: `epochs` fixed beforehand, no validation."""
    settings = config if member is None else config.members[member]
    training = settings.training.model_copy(update={"epochs": epochs})
    seed = _seed(config, 99 if member is None else 100 + member, 0)
    name = _model("full", member, None)
    task = NetworkTask(name, config.modalities, settings.network, training, rows.pool, NO_ROWS, seed)
    return NetworkJob(family="full", index=member, fold=None, task=task)


def fixed_epochs(best_epochs: Iterable[int]) -> int:
    """Epochs of a network on the whole pool: the median of the folds' best, counted from one."""
    return int(np.median(list(best_epochs))) + 1


def trees_jobs(family: str, config: Config, rows: Labelled) -> list[TreesJob]:
    """Boosted trees without each fold, on the same rows as the K-fold network of this fold."""
    return [trees_job(family, config, job) for job in kfold_jobs(config, rows)]


def full_trees_job(family: str, config: Config, rows: Labelled, rounds: Sequence[tuple[int, int]]) -> TreesJob:
    """Boosted trees on the whole pool, with as many rounds as the folds' early stopping found on average."""
    binary, kind = np.mean(rounds, axis=0)
    like = full_job(config, rows, epochs=1)  # for its rows and its seed
    return replace(trees_job(family, config, like), rounds=(round(binary), round(kind)))


def trees_job(family: str, config: Config, like: NetworkJob) -> TreesJob:
    """Trees with the settings of `config` on the rows, and with the seed, of the network job `like`."""
    return TreesJob(
        family=family,
        fold=like.fold,
        modalities=config.modalities,
        skip_costly=config.skip_costly,
        settings=config.boosted,
        train=like.task.train,
        validation=like.task.validation,
        seed=like.task.seed,
    )


def _seed(config: Config, family: int, fold: int) -> int:
    return 100_000 * config.seed + 1_000 * family + 10 * fold

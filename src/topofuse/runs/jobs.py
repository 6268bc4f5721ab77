"""The strategy's networks as training jobs: K-fold, diverse members, full-data.

Every network stops early on its own validation rows, which are taken from its training rows, grouped by
formula; the fold that it will predict is never looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topofuse.config import Config, NetworkConfig, TrainingConfig
from topofuse.materials.splits import grouped_holdout
from topofuse.training.trainer import Job


@dataclass(frozen=True, eq=False)
class Rows:
    """The labelled rows of a feature store.

    labels: (n,) codes 0..4; formulas: (n,) reduced formulas, the groups of every split
    fold: (n,) 0..k-1 in the pool, -1 in `test`
    """

    labels: NDArray[np.int64]
    formulas: NDArray[np.str_]
    fold: NDArray[np.int64]

    @property
    def pool(self) -> NDArray[np.int64]:
        """Indices of the rows for training and validation."""
        return np.flatnonzero(self.fold >= 0)

    @property
    def test(self) -> NDArray[np.int64]:
        """Indices of the rows that no choice looks at."""
        return np.flatnonzero(self.fold < 0)

    @property
    def folds(self) -> list[int]:
        """Numbers of the folds."""
        return [int(f) for f in np.unique(self.fold[self.pool])]

    def outside(self, fold: int) -> NDArray[np.int64]:
        """Pool rows outside `fold`."""
        return np.flatnonzero((self.fold >= 0) & (self.fold != fold))

    def inside(self, fold: int) -> NDArray[np.int64]:
        """Pool rows of `fold`."""
        return np.flatnonzero(self.fold == fold)

    def hold_out(self, rows: NDArray[np.int64], share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """`rows` cut into (kept, held out), grouped by formula, stratified by class."""
        mask = grouped_holdout(self.formulas[rows].tolist(), self.labels[rows], share, seed)
        return rows[~mask], rows[mask]


def network_job(
    name: str, rows: Rows, available: NDArray[np.int64], settings: tuple[NetworkConfig, TrainingConfig],
    modalities: tuple[str, ...], seed: int,
) -> Job:  # fmt: skip
    """A job on the rows `available`: a share for validation, and of the rest the subset that is seen."""
    network, training = settings
    train, validation = rows.hold_out(available, training.validation_share, seed)
    if training.subset_share < 1.0:
        train, _ = rows.hold_out(train, 1.0 - training.subset_share, seed + 1)
    return Job(name, modalities, network, training, train, validation, seed)


def kfold_jobs(config: Config, rows: Rows) -> list[Job]:
    """One job per fold with the preset's own settings."""
    settings = (config.network, config.training)
    return [
        network_job(f"kfold/{fold}", rows, rows.outside(fold), settings, config.modalities, _seed(config, 0, fold))
        for fold in rows.folds
    ]


def member_jobs(config: Config, rows: Rows) -> list[Job]:
    """Per diverse member, one job per fold, so that its predictions exist out of fold."""
    return [
        network_job(
            f"member{index}/{fold}",
            rows,
            rows.outside(fold),
            (config.members[index].network, config.members[index].training),
            config.modalities,
            _seed(config, index + 1, fold),
        )
        for index in range(len(config.members))
        for fold in rows.folds
    ]


def full_job(config: Config, rows: Rows, epochs: int, member: int | None = None) -> Job:
    """A job on the whole pool with the preset's settings, or a member's: `epochs` fixed beforehand, no validation."""
    settings = config if member is None else config.members[member]
    network, training = settings.network, settings.training
    name, family = ("full", 99) if member is None else (f"full-member{member}", 100 + member)
    training = training.model_copy(update={"epochs": epochs})
    none = np.array([], dtype=np.int64)
    return Job(name, config.modalities, network, training, rows.pool, none, _seed(config, family, 0))


def fixed_epochs(best_epochs: Iterable[int]) -> int:
    """Epochs of a network on the whole pool: the median of the folds' best, counted from one."""
    return int(np.median(list(best_epochs))) + 1


def fold_of(job: Job) -> int:
    """The fold that a K-fold or member job leaves out."""
    return int(job.name.rsplit("/", 1)[1])


def _seed(config: Config, family: int, fold: int) -> int:
    return 100_000 * config.seed + 1_000 * family + 10 * fold

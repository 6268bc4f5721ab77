"""From a data set to features: the labelled materials, with a store per thermal view."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topofuse.config import Config
from topofuse.materials import Dataset, grouped_holdout
from topofuse.modalities.extraction import default_cache, extract_all
from topofuse.modalities.store import FeatureStore
from topofuse.runs.folder import Opened, RunFolder


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labels, formulas and folds of n materials with a class, in the order of their feature stores.

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


@dataclass(frozen=True, eq=False)
class Prepared:
    """Features of the labelled materials, a store per thermal view.

    data: the materials that the stores hold, in the same order; rejected: (material id, reason) of the others
    """

    config: Config
    data: Dataset
    rows: Labelled
    views: list[FeatureStore]
    rejected: list[tuple[str, str]]
    folder: RunFolder


def prepare(opened: Opened) -> Prepared:
    """Features of the labelled materials; those that cannot be used are left out with their reason."""
    config, data, folder = opened.config, opened.data, opened.folder
    labelled = data.select(np.flatnonzero(data.labels >= 0))
    with folder.timings.stage("features"):
        extraction = extract_all(
            labelled.crystals,
            n_views=config.tta_views,
            seed=config.seed,
            cache_dir=default_cache(),
            workers=config.threads,
            names=config.modalities,
            progress=folder.log.show,
        )
    kept = labelled.select(extraction.kept)
    rows = Labelled(kept.labels.astype(np.int64), np.array(kept.formulas), kept.fold.astype(np.int64))
    rejected = [(labelled.material_ids[index], reason) for index, reason in extraction.rejected]
    return Prepared(config, kept, rows, extraction.views, [*data.rejected, *rejected], folder)

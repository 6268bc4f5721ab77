"""What a run and an ablation begin with: settings, data, the folder, features of the labelled materials."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from topofuse.config import Config, ConfigError, load_config
from topofuse.materials import Dataset, load
from topofuse.modalities.extraction import default_cache, extract_all
from topofuse.modalities.registry import feature_hash
from topofuse.modalities.store import FeatureStore
from topofuse.runs.jobs import Rows
from topofuse.system.files import read_json, write_json


@dataclass(frozen=True, eq=False)
class Prepared:
    """Features of the labelled materials, a store per thermal view.

    data: the materials that the stores hold, in the same order; rejected: (material id, reason) of the others
    """

    config: Config
    data: Dataset
    rows: Rows
    views: list[FeatureStore]
    rejected: list[tuple[str, str]]


def open_run(
    preset: str, data: str | Path | None, out: str | Path | None, resume: bool, seed: int | None, kind: str
) -> tuple[Config, Dataset, Path]:
    """Settings, data and the run's folder (`runs/KIND-PRESET-DATA` if `out` is None).

    Raises ConfigError where the folder holds a run already and `resume` is False, or holds another run.
    """
    config = load_config(preset, seed=seed)
    torch.set_num_threads(config.threads)
    dataset = load(data)
    directory = Path(out) if out is not None else Path("runs") / f"{kind}-{config.preset}-{dataset.name}"
    identity = {
        "kind": kind,
        "config": config.model_dump(mode="json"),
        "data": dataset.data_hash,
        "features": feature_hash(config.modalities),
    }
    path = directory / "config.json"
    if not path.exists():
        write_json(path, identity)
    elif not resume:
        raise ConfigError(f"{directory} already holds a run; continue it with --resume, or choose another --out")
    elif read_json(path) != identity:
        raise ConfigError(f"{directory} holds a run of other settings, data or features; choose another --out")
    return config, dataset, directory


def prepare(config: Config, dataset: Dataset, progress: bool) -> Prepared:
    """Features of the labelled materials; those that cannot be used are left out with their reason."""
    labelled = dataset.take(np.flatnonzero(dataset.labels >= 0))
    extraction = extract_all(
        labelled.crystals,
        n_views=config.tta_views,
        seed=config.seed,
        cache_dir=default_cache(),
        workers=config.threads,
        names=config.modalities,
        progress=progress,
    )
    kept = labelled.take(extraction.kept)
    rows = Rows(kept.labels.astype(np.int64), np.array(kept.formulas), kept.fold.astype(np.int64))
    rejected = [(labelled.material_ids[index], reason) for index, reason in extraction.rejected]
    return Prepared(config, kept, rows, extraction.views, [*dataset.rejected, *rejected])

"""What is exported: one strategy's predictions of a finished run, with labels, folds and splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from topofuse.errors import TopofuseError
from topofuse.labels import FIVE
from topofuse.system.files import read_json

KEYS = ("material_id", "split", "fold", "label")


class ExportError(TopofuseError, ValueError):
    """What was asked for cannot be exported; the message says why, and the way out."""


@dataclass(frozen=True, eq=False)
class Predicted:
    """Rows of one strategy, those that it predicted.

    strategy: its name; material_ids: (n,); split: (n,) 'pool' or 'test'; fold: (n,), -1 outside the pool
    labels: (n,) codes 0 to 4; p5: (n, 5) probabilities, out of fold in the pool
    results: `results.json` of the run, empty where there is none beside the predictions
    """

    strategy: str
    material_ids: NDArray[np.str_]
    split: NDArray[np.str_]
    fold: NDArray[np.int64]
    labels: NDArray[np.int64]
    p5: NDArray[np.float64]
    results: Mapping[str, Any]

    def rows(self, split: str) -> Predicted:
        """Those of a split; `ExportError` where there are none."""
        mask = self.split == split
        if not mask.any():
            rest = {"pool": "has no out-of-fold predictions", "test": "has no predictions of test rows"}
            raise ExportError(f"strategy {self.strategy!r} {rest[split]} in this run: choose another --strategy")
        return replace(
            self,
            material_ids=self.material_ids[mask],
            split=self.split[mask],
            fold=self.fold[mask],
            labels=self.labels[mask],
            p5=self.p5[mask],
        )


def read_predictions(path: Path, strategy: str | None = None) -> Predicted:
    """Predictions of `strategy`, or of the one that the run chose, from a run's folder or its predictions.parquet.

    Raises `ExportError` where the file is none of `topofuse run`'s or has no such strategy.
    """
    file = path / "predictions.parquet" if path.is_dir() else path
    if not file.exists():
        raise ExportError(f"there is no {file}; `topofuse run --out DIR` makes one")
    table = _read_table(file)
    strategies = [name.removesuffix(":p_trivial") for name in table.columns if name.endswith(":p_trivial")]
    missing = [name for name in KEYS if name not in table.columns]
    if missing or not strategies:
        lacks = f"column {missing[0]}" if missing else "the probabilities of any strategy"
        raise ExportError(f"{file} is not the predictions.parquet of a run: it lacks {lacks}")
    beside = file.with_name("results.json")
    results = read_json(beside) if beside.exists() else {}
    strategy = strategy or results.get("chosen")
    if strategy is None:
        raise ExportError(f"without {beside} nobody knows what the run chose: give --strategy {'|'.join(strategies)}")
    if strategy not in strategies:
        raise ExportError(f"no strategy {strategy!r} in {file}; there are {', '.join(strategies)}")
    p5 = table[[f"{strategy}:p_{name}" for name in FIVE]].to_numpy(dtype=np.float64)
    table, p5 = table[~np.isnan(p5).any(axis=1)], p5[~np.isnan(p5).any(axis=1)]
    return Predicted(
        strategy,
        table["material_id"].to_numpy(dtype=str),
        table["split"].to_numpy(dtype=str),
        table["fold"].to_numpy(dtype=np.int64),
        np.array([FIVE.index(name) for name in table["label"]]),
        p5,
        results,
    )


def _read_table(file: Path) -> pd.DataFrame:
    import pyarrow as pa

    try:
        return pd.read_parquet(file)
    except (pa.ArrowException, OSError) as error:
        raise ExportError(f"{file} is not a readable parquet file: {error}") from error

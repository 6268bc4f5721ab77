"""Reads what runs, ablations and generalisations left behind, and checks that it is whole."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from topofuse.errors import TopofuseError
from topofuse.labels import FIVE

RESULT_KEYS = (
    "title",
    "created",
    "preset",
    "seed",
    "versions",
    "hashes",
    "config",
    "timings",
    "machine",
    "dataset",
    "strategies",
    "chosen",
    "choice",
    "weights",
    "jobs",
)
DATASET_KEYS = ("name", "n_materials", "n_pool", "n_test", "class_counts", "note", "citations")
PREDICTION_COLUMNS = ("material_id", "formula", "split", "label", "spacegroup", "n_atoms", "elements")
ABLATION_KEYS = ("rows", "protocol")
STRUCTURES = "structures.json"  # POSCAR text by material id, of the mistakes
GENERALISATION_KEYS = ("title", "subtitle", "family", "protocol", "kinds", "curve", "skipped_shares")

EVALUATIONS: dict[str, tuple[str, str]] = {"oof": ("pool", "out-of-fold"), "test": ("test", "test")}


class ReportError(TopofuseError, ValueError):
    """A run folder that no report can be written from; the message says what is missing and where."""


@dataclass(frozen=True)
class Rows:
    """Labelled materials of one split with the five-class probabilities of one strategy.

    table: (n rows) of predictions.parquet; labels: (n,) codes 0..4; p5: (n, 5) float64
    """

    split: str
    table: pd.DataFrame
    labels: NDArray[np.int64]
    p5: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Run:
    """Everything a report is written from.

    results: content of results.json; predictions: of predictions.parquet
    ablation, generalisation: content of their files, where there are any of the same data
    structures: POSCAR text by material id, of the mistakes
    """

    results: dict[str, Any]
    predictions: pd.DataFrame
    ablation: dict[str, Any] | None
    generalisation: dict[str, Any] | None
    structures: dict[str, str]

    @property
    def chosen(self) -> dict[str, Any]:
        """The strategy that the out-of-fold rows chose."""
        return next(s for s in self.results["strategies"] if s["name"] == self.results["chosen"])

    @property
    def parts(self) -> list[Rows]:
        """What the chosen strategy predicted, by split: out-of-fold rows before test rows, where it has them."""
        name = self.results["chosen"]
        return [rows for split in EVALUATIONS if (rows := self.rows(name, split)) is not None]

    def rows(self, strategy: str, split: str) -> Rows | None:
        """Rows of `split` ('oof' or 'test') that `strategy` predicted; None where it predicted none."""
        columns = [f"{strategy}:p_{c}" for c in FIVE]
        if not set(columns) <= set(self.predictions.columns):
            return None
        table = self.predictions[self.predictions["split"] == EVALUATIONS[split][0]]
        table = table[table["label"].isin(FIVE)]
        p5 = table[columns].to_numpy(dtype=np.float64)
        covered = np.isfinite(p5).all(axis=1)
        if not covered.any():
            return None
        if not covered.all():
            raise ReportError(f"{strategy} predicted {covered.sum()} of {len(covered)} rows of {split}: all or none")
        codes = table["label"].map({name: i for i, name in enumerate(FIVE)}).to_numpy(dtype=np.int64)
        return Rows(split, table.reset_index(drop=True), codes, p5)


def read_run(run_dir: Path) -> Run:
    """Run from `run_dir`; ReportError names the file and the key that is missing."""
    results = _read_json(run_dir / "results.json", RESULT_KEYS)
    _require(results["dataset"], DATASET_KEYS, f"{run_dir / 'results.json'}: dataset")
    names = [s.get("name") for s in results["strategies"]]
    if results["chosen"] not in names:
        raise ReportError(f"chosen strategy {results['chosen']!r} is none of {names}")
    path = run_dir / "predictions.parquet"
    if not path.is_file():
        raise ReportError(f"{path} is missing; `topofuse run` writes it")
    predictions = pd.read_parquet(path)
    _require(predictions.columns, PREDICTION_COLUMNS, str(path))
    path = run_dir / STRUCTURES
    structures = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return with_measurements(run_dir, Run(results, predictions, None, None, structures))


def with_measurements(run_dir: Path, run: Run) -> Run:
    """`run` with the ablation and the generalisation that lie in its folder, or beside it."""
    return replace(
        run,
        ablation=_of_same_data(run_dir, "ablate", "ablation.json", read_ablation, run.results),
        generalisation=_of_same_data(run_dir, "generalise", "generalisation.json", read_generalisation, run.results),
    )


def _of_same_data(
    run_dir: Path, command: str, file: str, read: Callable[[Path], dict[str, Any]], results: Mapping[str, Any]
) -> dict[str, Any] | None:
    """What `command` measured: in the folder of the run, or in COMMAND-NAME beside a run NAME, if on the same data.

    `topofuse run` and `topofuse ablate` write into runs/PRESET and runs/ablate-PRESET if nothing else is said.
    """
    if (run_dir / file).is_file():
        return read(run_dir)
    beside = run_dir.resolve().parent / f"{command}-{run_dir.resolve().name}"
    if not (beside / file).is_file():
        return None
    content = read(beside)
    data = (content.get("hashes") or {}).get("data")
    return content if data is not None and data == results["hashes"].get("data") else None


def read_ablation(run_dir: Path) -> dict[str, Any]:
    """ablation.json of `run_dir`, checked. Gains are in points: hundredths of accuracy or of AUROC."""
    ablation = _read_json(run_dir / "ablation.json", ABLATION_KEYS)
    for row in ablation["rows"]:
        _require(row, ("name", "title", "gain"), f"{run_dir / 'ablation.json'}: rows")
    return ablation


def read_generalisation(run_dir: Path) -> dict[str, Any]:
    """generalisation.json of `run_dir`, checked. Differences are in points: hundredths of accuracy or of AUROC."""
    content = _read_json(run_dir / "generalisation.json", GENERALISATION_KEYS)
    where = str(run_dir / "generalisation.json")
    for kind in content["kinds"]:
        _require(kind, ("name", "title", "note", "n_groups", "largest_group", "metrics", "difference"), where)
    for point in content["curve"]:
        _require(point, ("share", "n_rows", "metrics", "difference"), where)
    return content


def _read_json(path: Path, keys: tuple[str, ...]) -> dict[str, Any]:
    if not path.is_file():
        raise ReportError(f"{path} is missing; a report is written from it")
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    _require(content, keys, str(path))
    return content


def _require(container: Any, keys: tuple[str, ...], where: str) -> None:
    missing = [key for key in keys if key not in container]
    if missing:
        raise ReportError(f"{where}: missing {', '.join(missing)}")

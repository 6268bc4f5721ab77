"""A run beside a second database, on the materials that both databases label."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from topofuse.evaluation.agreement import AGREEMENT_LEVELS, FIVE_TO_FOUR, FOUR, agreement
from topofuse.evaluation.bootstrap import Interval
from topofuse.labels import decide
from topofuse.report.source import EVALUATIONS, ReportError, Rows, Run

Codes = NDArray[np.int64]
LEVEL_TITLES: dict[str, str] = {"two": "2 classes", "three": "3 classes", "four": "4 classes"}


def second_database(
    run: Run, path: Path, strategy: str | None = None
) -> dict[str, tuple[int, dict[str, dict[str, Interval]]]]:
    """For each split that the strategy predicted: number of shared materials, and `agreement` by level.

    path: as for `read_second`; strategy: its name in results.json; None is the chosen one
    Raises ReportError where the file cannot be used, or shares no material.
    """
    second = read_second(path)
    tables = {}
    for split in EVALUATIONS:
        rows = run.rows(strategy or run.results["chosen"], split)
        if rows is None:
            continue
        shared, labels, others, model = beside(rows, second)
        if not shared.any():
            continue
        groups = rows.table["formula"][shared].tolist()
        tables[EVALUATIONS[split][1]] = (
            int(shared.sum()),
            {level: agreement(labels, others, model, groups, level) for level in AGREEMENT_LEVELS},
        )
    if not tables:
        raise ReportError(f"{path} shares no material with the run")
    return tables


def read_second(path: Path) -> dict[str, int]:
    """Code of `FOUR` of each material of a second database, by id.

    path: a parquet file with the columns material_id and class_second (one of `FOUR`)
    Raises ReportError where the file lacks a column or holds another class.
    """
    table = pq.read_table(path)
    missing = {"material_id", "class_second"} - set(table.column_names)
    if missing:
        raise ReportError(f"{path} has no column {', '.join(sorted(missing))}")
    classes = dict(zip(table["material_id"].to_pylist(), table["class_second"].to_pylist(), strict=True))
    unknown = sorted({str(name) for name in classes.values()} - set(FOUR))
    if unknown:
        raise ReportError(f"{path}: class_second is one of {', '.join(FOUR)}, not {', '.join(unknown)}")
    return {name: FOUR.index(own) for name, own in classes.items()}


def beside(rows: Rows, second: Mapping[str, int]) -> tuple[NDArray[np.bool_], Codes, Codes, Codes]:
    """Which rows the second database labels, and of these the labels, its classes and the decided ones (`FOUR`)."""
    shared = rows.table["material_id"].isin(second).to_numpy()
    others = np.array([second[name] for name in rows.table["material_id"][shared]], dtype=np.int64)
    return shared, FIVE_TO_FOUR[rows.labels[shared]], others, FIVE_TO_FOUR[decide(rows.p5[shared])]

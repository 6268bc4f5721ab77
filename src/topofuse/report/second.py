"""A run beside a second database, on the materials that both databases label."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from topofuse.evaluation.agreement import AGREEMENT_LEVELS, FIVE_TO_FOUR, FOUR, agreement
from topofuse.evaluation.bootstrap import Interval
from topofuse.labels import decide
from topofuse.report.source import EVALUATIONS, ReportError, Run

LEVEL_TITLES: dict[str, str] = {"two": "2 classes", "three": "3 classes", "four": "4 classes"}


def second_database(
    run: Run, path: Path, strategy: str | None = None
) -> dict[str, tuple[int, dict[str, dict[str, Interval]]]]:
    """For each split that the strategy predicted: number of shared materials, and `agreement` by level.

    path: a parquet file with the columns material_id and class_second (one of `FOUR`)
    strategy: its name in results.json; None is the chosen one
    Raises ReportError where the file lacks a column, holds another class, or shares no material.
    """
    table = pq.read_table(path)
    missing = {"material_id", "class_second"} - set(table.column_names)
    if missing:
        raise ReportError(f"{path} has no column {', '.join(sorted(missing))}")
    classes = dict(zip(table["material_id"].to_pylist(), table["class_second"].to_pylist(), strict=True))
    unknown = sorted({str(name) for name in classes.values()} - set(FOUR))
    if unknown:
        raise ReportError(f"{path}: class_second is one of {', '.join(FOUR)}, not {', '.join(unknown)}")
    tables = {}
    for split in EVALUATIONS:
        rows = run.rows(strategy or run.results["chosen"], split)
        if rows is None:
            continue
        shared = rows.table["material_id"].isin(classes).to_numpy()
        if not shared.any():
            continue
        ids, groups = (rows.table[name][shared].tolist() for name in ("material_id", "formula"))
        second = np.array([FOUR.index(classes[name]) for name in ids])
        labels, model = FIVE_TO_FOUR[rows.labels[shared]], FIVE_TO_FOUR[decide(rows.p5[shared])]
        tables[EVALUATIONS[split][1]] = (
            int(shared.sum()),
            {level: agreement(labels, second, model, groups, level) for level in AGREEMENT_LEVELS},
        )
    if not tables:
        raise ReportError(f"{path} shares no material with the run")
    return tables

"""Rows of an atlas as a file: CSV, parquet or JSONL."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from topofuse.atlas.atlas import Atlas, Row
from topofuse.atlas.card import AtlasError
from topofuse.system.files import write_whole
from topofuse.system.text import csv_text_cell

SUFFIXES = (".csv", ".parquet", ".jsonl")


def check(path: Path) -> None:
    """Refuse (`AtlasError`) a place where no table can be written."""
    if path.suffix.lower() not in SUFFIXES:
        raise AtlasError(f"{path}: the name of a table ends in {', '.join(SUFFIXES)}")
    if not path.parent.is_dir():
        raise AtlasError(f"{path}: there is no folder {path.parent}")
    if path.is_dir():
        raise AtlasError(f"{path} is a folder")


def write(path: Path, atlas: Atlas, numbers: NDArray[np.int64]) -> None:
    """Write these rows, in this order, whole or not at all."""
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        stream = pa.BufferOutputStream()
        pq.write_table(atlas.part(numbers), stream, compression="zstd")
        content = stream.getvalue().to_pybytes()
    elif suffix == ".csv":
        content = csv_text(atlas.rows(numbers), atlas.part(numbers[:0]).column_names).encode()
    else:
        content = "".join(json.dumps(row, allow_nan=False) + "\n" for row in atlas.rows(numbers)).encode()
    write_whole(path, content)


def csv_text(rows: list[Row], columns: list[str]) -> str:
    """The whole CSV: missing values are empty, text is as `csv_text_cell` has it."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in columns])
    return stream.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, list):
        value = "; ".join(map(str, value))
    return csv_text_cell(value) if isinstance(value, str) else "" if value is None else str(value)

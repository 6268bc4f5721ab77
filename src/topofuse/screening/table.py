"""The table of predictions: its columns, its files (CSV, parquet, JSONL), its look on a terminal."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from topofuse.errors import TopofuseError
from topofuse.labels import FIVE
from topofuse.system.files import fsync_replace
from topofuse.system.text import csv_text_cell, visible

Row = dict[str, Any]

PROBABILITIES: tuple[str, ...] = (*(f"p_{name}" for name in FIVE), "p_nontrivial")
KNOWN: tuple[str, ...] = ("known_class", "known_id", "known_source", "known_link", "experiment")  # not the model's
SETS: tuple[str, ...] = ("set_90", "set_95")  # prediction sets: classes joined by |
PLACE: tuple[str, ...] = ("novelty", "nearest", "domain")  # against the training materials
SKETCH: tuple[str, ...] = ("sketch_gap", "sketch_z4")  # what the band sketch says, where there is one
COLUMNS: tuple[str, ...] = (
    *("input", "status", "reason", "formula", "spacegroup", "n_atoms"),
    *KNOWN,
    "label",
    *PROBABILITIES,
    *SETS,
    "warnings",
    *PLACE,
    *SKETCH,
)
_NUMBERS = frozenset((*PROBABILITIES, "novelty", "sketch_gap"))
SUFFIXES = (".csv", ".parquet", ".jsonl")
_GROUP = 4096  # rows per parquet row group


class OutputError(TopofuseError, ValueError):
    """The table cannot be written there; the message says why."""


class TableWriter:
    """Writes rows one by one under a temporary name, and renames when all went well.

    The suffix decides the format. The temporary file is in the folder `scratch`, which is on the same file
    system, else beside `path`. extra: further columns, and what they hold (str, int or float).
    Raises `OutputError` where the format is unknown or the folder is missing.
    """

    def __init__(self, path: Path, scratch: Path | None = None, extra: Mapping[str, type] | None = None) -> None:
        if path.suffix.lower() not in SUFFIXES:
            raise OutputError(f"{path}: the name of a table ends in {', '.join(SUFFIXES)}")
        if not path.parent.is_dir():
            raise OutputError(f"{path}: there is no folder {path.parent}")
        if path.is_dir():
            raise OutputError(f"{path} is a folder")
        self.path = path
        self._extra = dict(extra or {})
        self._columns = (*COLUMNS, *self._extra)
        self._temporary = (scratch or path.parent) / f".{path.name}.{os.getpid()}.part"
        self._stack = contextlib.ExitStack()
        self._pending: list[Row] = []
        self._stream: io.TextIOWrapper | None = None
        self._parquet: Any = None

    def __enter__(self) -> Self:
        try:
            if self.path.suffix.lower() == ".parquet":
                import pyarrow.parquet as pq

                self._parquet = self._stack.enter_context(pq.ParquetWriter(self._temporary, schema(self._extra)))
            else:
                self._stream = self._stack.enter_context(self._temporary.open("w", encoding="utf-8", newline=""))
                if self.path.suffix.lower() == ".csv":
                    csv.writer(self._stream, lineterminator="\n").writerow(self._columns)
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error.strerror or error}") from error
        return self

    def write(self, row: Row) -> None:
        """Append a row; missing values are None."""
        if self._parquet is not None:
            self._pending.append(row)
            if len(self._pending) >= _GROUP:
                self._flush()
        elif self.path.suffix.lower() == ".csv":
            csv.writer(self._stream, lineterminator="\n").writerow(csv_cells(row, self._columns))  # type: ignore[arg-type]
        elif self._stream is not None:
            self._stream.write(json.dumps({name: row[name] for name in self._columns}, allow_nan=False) + "\n")

    def _flush(self) -> None:
        import pyarrow as pa

        if self._pending:
            self._parquet.write_table(pa.Table.from_pylist(self._pending, schema=schema(self._extra)))
            self._pending = []

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None and self._parquet is not None:
                self._flush()
            self._stack.close()
            if kind is None:
                fsync_replace(self._temporary, self.path)
        finally:
            self._temporary.unlink(missing_ok=True)


def csv_cells(row: Row, columns: Iterable[str] = COLUMNS) -> list[str]:
    """Cells of a CSV line: numbers that are not whole with six decimals, missing values empty, text as `csv_text_cell`.

    Parquet and JSONL have the text as it is.
    """
    return [_csv_cell(name, row[name]) for name in columns]


def _csv_cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6f}" if name in _NUMBERS else csv_text_cell(str(value))


def csv_text(rows: Iterable[Row], extra: Iterable[str] = ()) -> str:
    """The whole CSV, header included; extra: further columns."""
    columns = (*COLUMNS, *extra)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(csv_cells(row, columns) for row in rows)
    return stream.getvalue()


def aligned_text(rows: Iterable[Row], names: Iterable[str] | None = None) -> str:
    """A table for a wide terminal: aligned, numbers with three decimals.

    names: of the columns; without, all those of a prediction, the reason at the end
    """
    if names is None:
        names = [*(name for name in COLUMNS if name != "reason"), "reason"]
    names = list(names)
    cells = [[name.removeprefix("p_") if name in PROBABILITIES else name for name in names]]
    for row in rows:
        cells.append(
            [
                "" if (value := row[name]) is None else f"{value:.3f}" if name in _NUMBERS else str(value)
                for name in names
            ]
        )
    cells = [[visible(" ".join(cell.split())) for cell in line] for line in cells]
    widths = [max(len(line[k]) for line in cells) for k in range(len(names))]
    return "\n".join("  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in cells)


def schema(extra: Mapping[str, type] | None = None) -> Any:
    """Of the parquet file: names and types of the columns; extra: further ones."""
    import pyarrow as pa

    kinds = {"spacegroup": pa.int16(), "n_atoms": pa.int32(), "sketch_z4": pa.int8()}
    kinds |= dict.fromkeys(_NUMBERS, pa.float64())
    kinds |= {
        name: {str: pa.string(), int: pa.int32(), float: pa.float64()}[kind] for name, kind in (extra or {}).items()
    }
    return pa.schema([(name, kinds.get(name, pa.string())) for name in (*COLUMNS, *(extra or {}))])

"""The file of an atlas: parquet that any reader of parquet reads; no structures, and nothing that could be executed.

A reader does not trust what it reads: columns, their types, sizes and values are checked, and bounded.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from topofuse.atlas.card import AtlasError, OriginCard
from topofuse.labels import FIVE

VARIABLE = "TOPOFUSE_ATLAS"  # of the environment: the file to read in place of the one in the package
_KEY = b"topofuse.atlas"
_MOST_BYTES, _MOST_UNPACKED, _MOST_ROWS = 64 * 2**20, 2**30, 2_000_000
_GROUP = 32_768  # rows that are packed together

_TEXT = pa.string()
_SHARE = pa.float32()  # 0 to 1
PROBABILITIES = tuple(f"p_{name}" for name in FIVE)
SCHEMA = pa.schema(
    [
        *[(name, _TEXT) for name in ("id", "formula")],
        *[("spacegroup", pa.int16()), ("n_atoms", pa.int32())],
        *[(name, _TEXT) for name in ("status", "reason", "known_class", "known_id", "known_source", "experiment")],
        ("label", _TEXT),
        *[(name, _SHARE) for name in PROBABILITIES],
        *[(name, _TEXT) for name in ("set_90", "set_95", "warnings")],
        ("novelty", _SHARE),
        ("nearest", pa.list_(_TEXT)),
        ("domain", _TEXT),
        *[("sketch_gap", pa.float32()), ("sketch_z4", pa.int8())],
    ]
)
# in memory, each different text of these columns is kept once
_FEW = ("formula", "status", "label", "known_class", "set_90", "set_95", "domain")
_ROUNDED = (*PROBABILITIES, "novelty", "sketch_gap")


def carried() -> Path:
    """The file that is read where none is named: that of the variable `TOPOFUSE_ATLAS`, else that in the package."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else Path(str(files("topofuse.atlas") / "data/materials_project.parquet"))


def from_predictions(table: pa.Table) -> pa.Table:
    """The columns `SCHEMA` from those of a screening's predictions.parquet, in its order."""
    columns = {}
    for name in SCHEMA.names:
        column = table["input" if name == "id" else name]
        if name in _ROUNDED:
            column = pc.round(column, 3)
        elif name == "nearest":
            column = pc.split_pattern(column, "; ")
        elif name == "reason":  # that of a metal is the same for all of them
            column = pc.if_else(pc.equal(table["status"], "error"), column, None)
        elif name in ("warnings", "experiment"):
            column = pc.if_else(pc.equal(column, ""), None, column)
        columns[name] = column.cast(SCHEMA.field(name).type)
    return pa.table(columns, schema=SCHEMA)


def write(path: Path, table: pa.Table, card: OriginCard) -> None:
    """Write an atlas; table: with the columns `SCHEMA`."""
    table = table.replace_schema_metadata({_KEY: card.to_json().encode()})
    encoded = ["id"]  # ids that follow one another share their beginnings
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=19,
        row_group_size=_GROUP,
        use_dictionary=[name for name in table.column_names if name not in encoded],
        column_encoding=dict.fromkeys(encoded, "DELTA_BYTE_ARRAY"),
        write_statistics=False,
    )


def read(path: Path) -> tuple[pa.Table, OriginCard]:
    """An atlas, checked; `AtlasError` where there is none or it is damaged."""
    try:
        if not path.is_file():
            raise AtlasError(
                f"there is no atlas at {path}: this installation has none. Name one by {VARIABLE}=FILE, or screen a "
                "collection of your own (topofuse screen)"
            )
        if path.stat().st_size > _MOST_BYTES:
            raise AtlasError(f"it has more than {_MOST_BYTES // 2**20} MiB")
        with pq.ParquetFile(path) as file:
            card = _checked_head(file)
        with pq.ParquetFile(path, read_dictionary=list(_FEW)) as file:
            return _checked(file.read()), card
    except AtlasError as error:
        raise error if not path.is_file() else AtlasError(f"{path} is no atlas: {error}") from None
    except (pa.ArrowException, OSError) as error:
        raise AtlasError(f"{path} is no readable atlas: {str(error)[:200]}") from error


def _checked_head(file: pq.ParquetFile) -> OriginCard:
    about = file.metadata
    if _KEY not in (about.metadata or {}):
        raise AtlasError("it has no card")
    card = OriginCard.from_json(about.metadata[_KEY])
    if file.schema_arrow.names != SCHEMA.names:
        raise AtlasError(f"its columns are not {', '.join(SCHEMA.names)}")
    for name, given in zip(SCHEMA.names, file.schema_arrow.types, strict=True):
        if _plain(given) != _plain(SCHEMA.field(name).type):
            raise AtlasError(f"its column {name} is not of type {SCHEMA.field(name).type}")
    unpacked = sum(about.row_group(k).total_byte_size for k in range(about.num_row_groups))
    if about.num_rows > _MOST_ROWS or unpacked > _MOST_UNPACKED:
        raise AtlasError(f"it has more than {_MOST_ROWS:,} rows, or more than {_MOST_UNPACKED // 2**20} MiB unpacked")
    return card


def _plain(kind: Any) -> Any:
    if pa.types.is_dictionary(kind):
        return kind.value_type
    return pa.list_(kind.value_type) if pa.types.is_list(kind) else kind


def _checked(table: pa.Table) -> pa.Table:
    """The table in one piece; its texts and numbers are what they can be."""
    table = table.unify_dictionaries().combine_chunks()
    table = pa.table({name: one_piece(table[name]) for name in table.column_names})
    for name in ("id", "status"):
        if table[name].null_count:
            raise AtlasError(f"its column {name} has gaps")
    if len(pc.unique(table["id"])) != len(table):
        raise AtlasError("an id is there twice")
    for name in ("label", "known_class"):
        if strange := set(texts(table[name])) - {*FIVE, None}:
            raise AtlasError(f"its column {name} has the class {sorted(map(str, strange))[0][:40]!r}")
    bounds: dict[str, tuple[float, float]] = {**dict.fromkeys((*PROBABILITIES, "novelty"), (0, 1))}
    bounds |= {"spacegroup": (1, 230), "sketch_gap": (0, 1000), "sketch_z4": (0, 3)}
    for name, (low, high) in bounds.items():
        limits = pc.min_max(table[name]).as_py()
        if limits["min"] is not None and not low <= limits["min"] <= limits["max"] <= high:
            raise AtlasError(f"its column {name} has numbers outside {low:g} to {high:g}")
    return table


def one_piece(column: Any) -> Any:
    """A column as one array."""
    combined = column.combine_chunks()
    if isinstance(combined, pa.ChunkedArray):
        return combined.chunk(0) if combined.num_chunks else pa.array([], column.type)
    return combined


def texts(column: Any) -> list[str | None]:
    """The different texts in a column."""
    values: list[str | None] = pc.unique(column).to_pylist()
    return values


def where(column: Any, holds: Callable[[Any], Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(rows,) whether a condition holds, which is asked of each different text once.

    holds: an array of texts → an array of booleans; it does not hold of a missing text
    """
    array = one_piece(column)
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    true = np.append(np.asarray(pc.fill_null(holds(array.dictionary), False), dtype=bool), False)
    codes = np.asarray(pc.fill_null(array.indices, len(true) - 1))
    return np.asarray(true[codes])

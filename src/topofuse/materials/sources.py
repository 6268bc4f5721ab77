"""Loaders: the parquet schema of topomat, a CSV beside structure files, the embedded textbook."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import Crystal, CrystalError
from topofuse.crystals.formula import reduced_formula
from topofuse.crystals.read import read_structure
from topofuse.labels import FIVE, UNKNOWN
from topofuse.materials.dataset import N_FOLDS, Dataset, DatasetError
from topofuse.materials.splits import check_splits, make_splits

if TYPE_CHECKING:
    import pyarrow as pa

REQUIRED_COLUMNS = ("material_id", "class_soc", "lattice", "numbers", "frac_coords")
_LIST_COLUMNS = ("lattice", "numbers", "frac_coords")


def load(path: str | Path | None = None) -> Dataset:
    """The data set at `path` (.parquet or .csv); the embedded textbook where `path` is None.

    Raises `DatasetError` where it cannot be used, `FileNotFoundError` where it is absent.
    """
    if path is None:
        return load_textbook()
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no data set at {path}")
    if path.suffix.lower() == ".parquet":
        return load_parquet(path)
    if path.suffix.lower() == ".csv":
        return load_csv(path)
    raise DatasetError(f"{path}: a data set is a .parquet or a .csv file (see `topofuse data check --help`)")


def load_parquet(path: str | Path) -> Dataset:
    """Read the schema of topomat.

    Required columns: material_id, class_soc, lattice (9 numbers per row, Å, row-major), numbers (N),
    frac_coords (3N). Optional: split with fold (made where absent), materiae_id (of the class, in the Materiae
    database). Other columns are not read; formulas are computed from the crystals. Rows whose crystal is invalid are
    left out and listed in `rejected`. Raises `DatasetError` naming the column or row.
    """
    path = Path(path)
    table = _read_table(path)
    names = set(table.column_names)
    ids = _strings(table, "material_id")
    labels = _codes(_strings(table, "class_soc", null=UNKNOWN), FIVE, "class_soc", ids)
    split = np.array(_strings(table, "split"), dtype="<U10") if "split" in names else None
    fold = _integers(table, "fold") if "fold" in names else None
    looked_up = _strings(table, "materiae_id", null="") if "materiae_id" in names else [""] * len(ids)
    sources = [f"Materiae {name}" if name else "" for name in looked_up]
    columns = {name: _lists(table, name) for name in _LIST_COLUMNS}
    crystals: list[Crystal] = []
    kept: list[int] = []
    rejected: list[tuple[str, str]] = []
    for row, name in enumerate(ids):
        lattice, numbers, coords = (columns[c][0][columns[c][1][row] : columns[c][1][row + 1]] for c in _LIST_COLUMNS)
        if len(lattice) != 9:
            raise DatasetError(f"row {row} ({name}): lattice holds {len(lattice)} numbers instead of 9")
        if len(coords) != 3 * len(numbers):
            raise DatasetError(
                f"row {row} ({name}): frac_coords holds {len(coords)} numbers for {len(numbers)} atoms, "
                f"instead of {3 * len(numbers)}"
            )
        try:
            crystals.append(Crystal.validated(lattice, numbers, coords))
            kept.append(row)
        except CrystalError as error:
            rejected.append((name, str(error)))
    return _assemble(path.stem, ids, crystals, kept, labels, split, fold, rejected, sources)


def load_csv(path: str | Path) -> Dataset:
    """Read a CSV with the columns path, label and optionally id, split with fold; UTF-8, comma-separated.

    path: structure file, relative to the CSV's folder
    label: one of the five classes; empty or 'unknown' where not known

    Files that cannot be used are left out and listed in `rejected`. Raises `DatasetError` naming the
    column or the line.
    """
    path = Path(path)
    rows = _read_csv(path)
    ids = [row.get("id") or row["path"] for row in rows]
    names = [row["label"].strip().lower() or UNKNOWN for row in rows]
    labels = _codes(names, FIVE, "label", ids)
    columns = set(rows[0])
    split = fold = None
    if "split" in columns:
        split = np.array([row["split"].strip() for row in rows], dtype="<U10")
    if "fold" in columns:
        fold = np.array([_fold(row["fold"], index, ids[index]) for index, row in enumerate(rows)], dtype=np.int8)
    crystals: list[Crystal] = []
    kept: list[int] = []
    rejected: list[tuple[str, str]] = []
    for index, row in enumerate(rows):
        try:
            crystals.append(read_structure(path.parent / row["path"]))
            kept.append(index)
        except CrystalError as error:
            rejected.append((ids[index], str(error)))
    return _assemble(path.stem, ids, crystals, kept, labels, split, fold, rejected, [""] * len(ids))


def load_textbook() -> Dataset:
    """The data set that the package carries: well-known compounds in classical prototypes."""
    from topofuse.materials.textbook import iter_textbook

    materials = list(iter_textbook())
    ids = [material.material_id for material in materials]
    labels = _codes([str(material.label) for material in materials], FIVE, "label", ids)
    crystals = [material.crystal for material in materials]
    sources = [material.source for material in materials]
    return _assemble("textbook", ids, crystals, list(range(len(ids))), labels, None, None, [], sources)


def _assemble(
    name: str,
    ids: list[str],
    crystals: list[Crystal],
    kept: list[int],
    labels: NDArray[np.int8],
    split: NDArray[np.str_] | None,
    fold: NDArray[np.int8] | None,
    rejected: list[tuple[str, str]],
    sources: list[str],
) -> Dataset:
    """Rows `kept` of the columns with their crystals; splits are made where the source has none."""
    if (split is None) != (fold is None):
        there, absent = ("split", "fold") if fold is None else ("fold", "split")
        raise DatasetError(f"there is a column {there} but no {absent}: give both, or none to have them made")
    if not kept:
        reason = f"; the first is {rejected[0][0]}: {rejected[0][1]}" if rejected else ""
        raise DatasetError(f"the data set {name} holds no usable row ({len(rejected)} rejected{reason})")
    formulas = [reduced_formula(crystal.numbers) for crystal in crystals]
    index = np.array(kept)
    if split is None or fold is None:
        new_split, new_fold = make_splits(formulas, labels[index], N_FOLDS)
    else:
        new_split, new_fold = split[index], fold[index]
    data = Dataset(
        name=name,
        material_ids=[ids[i] for i in kept],
        formulas=formulas,
        crystals=crystals,
        labels=labels[index],
        split=new_split,
        fold=new_fold,
        sources=[sources[i] for i in kept],
        rejected=rejected,
    )
    check_splits(data)
    return data


def _codes(names: Sequence[str], classes: tuple[str, ...], column: str, ids: Sequence[str]) -> NDArray[np.int8]:
    """Class names → codes (n,) int8; 'unknown' is -1; any other name is refused."""
    table = {name: code for code, name in enumerate(classes)} | {UNKNOWN: -1}
    for row, name in enumerate(names):
        if name not in table:
            allowed = ", ".join((*classes, UNKNOWN))
            raise DatasetError(f"row {row} ({ids[row]}): {column} is {name!r}; allowed are {allowed}")
    return np.array([table[name] for name in names], dtype=np.int8)


def _read_table(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    wanted = [*REQUIRED_COLUMNS, "split", "fold", "materiae_id"]
    try:
        there = pq.read_schema(path).names
        missing = [name for name in REQUIRED_COLUMNS if name not in there]
        if missing:
            raise DatasetError(
                f"{path} has no column {', '.join(missing)}; required are {', '.join(REQUIRED_COLUMNS)}, "
                f"found are {', '.join(there) or 'none'}"
            )
        table = pq.read_table(path, columns=[name for name in wanted if name in there])
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise DatasetError(f"{path} is not a readable parquet file: {error}") from error
    if table.num_rows == 0:
        raise DatasetError(f"{path} holds no rows")
    return table


def _strings(table: pa.Table, name: str, null: str | None = None) -> list[str]:
    """A text column; nulls become `null`, or are refused where that is None."""
    import pyarrow.types as kinds

    column = table.column(name)
    if kinds.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not (kinds.is_string(column.type) or kinds.is_large_string(column.type)):
        raise DatasetError(f"column {name} holds {column.type} instead of text")
    values = column.to_pylist()
    if null is None and None in values:
        raise DatasetError(f"row {values.index(None)}: {name} is empty")
    return [(null or "") if value is None else str(value) for value in values]


def _integers(table: pa.Table, name: str) -> NDArray[np.int8]:
    import pyarrow.types as kinds

    column = table.column(name)
    if not kinds.is_integer(column.type):
        raise DatasetError(f"column {name} holds {column.type} instead of integers")
    values = column.to_pylist()
    for row, value in enumerate(values):
        if value is None or not -1 <= value < N_FOLDS:
            raise DatasetError(f"row {row}: {name} is {value}; allowed are -1 to {N_FOLDS - 1}")
    return np.array(values, dtype=np.int8)


def _lists(table: pa.Table, name: str) -> tuple[NDArray[np.generic], NDArray[np.int64]]:
    """A list column as flat values and offsets (n + 1,)."""
    import pyarrow as pa
    import pyarrow.types as kinds

    column = table.column(name)
    if not (kinds.is_list(column.type) or kinds.is_large_list(column.type) or kinds.is_fixed_size_list(column.type)):
        raise DatasetError(f"column {name} holds {column.type} instead of lists of numbers")
    inner = column.type.value_type
    if not (kinds.is_integer(inner) or (kinds.is_floating(inner) and name != "numbers")):
        raise DatasetError(f"column {name} holds lists of {inner} instead of lists of numbers")
    if column.null_count:
        raise DatasetError(f"row {column.is_null().to_pylist().index(True)}: {name} is empty")
    array = column.cast(pa.large_list(inner)).combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks)
    offsets = array.offsets.to_numpy()
    values = array.values.to_numpy(zero_copy_only=False)
    if array.values.null_count:
        values = np.nan_to_num(values, nan=-1) if name == "numbers" else values  # refused row by row, as no atom
    return values, offsets.astype(np.int64)


def _read_csv(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            header = list(reader.fieldnames or [])
            missing = [name for name in ("path", "label") if name not in header]
            if missing:
                raise DatasetError(
                    f"{path} has no column {', '.join(missing)}; the first line should name path and label "
                    f"(and may name id, split, fold), found {', '.join(header) or 'nothing'}"
                )
            rows = []
            for row in reader:
                if None in row or None in row.values():
                    raise DatasetError(f"{path} line {reader.line_num}: {len(header)} values expected")
                if not row["path"].strip():
                    raise DatasetError(f"{path} line {reader.line_num}: the path is empty")
                rows.append(
                    {key: value for key, value in row.items() if key in ("path", "label", "id", "split", "fold")}
                )
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path} is not a readable CSV file in UTF-8: {error}") from error
    if not rows:
        raise DatasetError(f"{path} holds no rows")
    return rows


def _fold(text: str, row: int, name: str) -> int:
    """A fold from a CSV cell; empty is -1."""
    text = text.strip() or "-1"
    try:
        fold = int(text)
    except ValueError:
        fold = -2
    if not -1 <= fold < N_FOLDS:
        raise DatasetError(f"row {row} ({name}): fold is {text!r}; allowed are 0 to {N_FOLDS - 1}, or empty")
    return fold

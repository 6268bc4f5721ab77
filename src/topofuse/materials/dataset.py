"""Data sets of labelled crystals: one schema, whichever source (parquet, CSV, the embedded textbook)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import Crystal
from topofuse.errors import TopofuseError
from topofuse.labels import FIVE, UNKNOWN

N_FOLDS = 5
Split = Literal["pool", "test", "unlabelled"]
SPLITS: tuple[Split, ...] = ("pool", "test", "unlabelled")


class DatasetError(TopofuseError, ValueError):
    """A data set that cannot be used; the message names the row or column and the way out."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """Materials in rows.

    name: of the source
    material_ids: n unique identifiers
    formulas: n reduced formulas, computed from the crystals; the grouping key of every split
    crystals: n crystals
    labels: (n,) int8, index into `topofuse.labels.FIVE`; -1 where unknown (which is not trivial)
    split: (n,) of 'pool' (train and validate), 'test' (once per reported run), 'unlabelled'
    fold: (n,) int8, 0 to 4 in the pool, -1 elsewhere
    sources: n times where the label was looked up, such as 'Materiae MAT00027346'; '' where the source does not say
    rejected: (id, reason) of the rows that are no valid crystal and therefore not in the data set
    """

    name: str
    material_ids: list[str]
    formulas: list[str]
    crystals: Sequence[Crystal]
    labels: NDArray[np.int8]
    split: NDArray[np.str_]
    fold: NDArray[np.int8]
    sources: list[str]
    rejected: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        check_columns(self)

    def __len__(self) -> int:
        return len(self.material_ids)

    def rows(self, split: Split) -> NDArray[np.int64]:
        """Indices of the rows of a split, ascending."""
        return np.flatnonzero(self.split == split)

    def select(self, rows: NDArray[np.integer] | Sequence[int]) -> Dataset:
        """The data set of the given rows, in that order."""
        index = np.asarray(rows, dtype=np.int64)
        return Dataset(
            name=self.name,
            material_ids=[self.material_ids[i] for i in index],
            formulas=[self.formulas[i] for i in index],
            crystals=[self.crystals[i] for i in index],
            labels=self.labels[index],
            split=self.split[index],
            fold=self.fold[index],
            sources=[self.sources[i] for i in index],
        )

    @cached_property
    def data_hash(self) -> str:
        """sha256 (hex) over ids, crystals, labels, splits and folds, in order."""
        digest = hashlib.sha256()
        for name, crystal in zip(self.material_ids, self.crystals, strict=True):
            digest.update(f"{name}\0{crystal.content_hash()}\n".encode())
        digest.update(self.labels.astype("<i1").tobytes())
        digest.update(self.fold.astype("<i1").tobytes())
        digest.update("\0".join(self.split.tolist()).encode())
        return digest.hexdigest()


def check_columns(data: Dataset) -> None:
    """Raise `DatasetError` where the columns contradict each other, naming the first row that does."""
    n = len(data.material_ids)
    lengths = {"formulas": len(data.formulas), "crystals": len(data.crystals), "labels": len(data.labels)}
    lengths["sources"] = len(data.sources)
    for name, length in {**lengths, "split": len(data.split), "fold": len(data.fold)}.items():
        if length != n:
            raise DatasetError(f"{n} material ids but {length} {name}")
    seen: dict[str, int] = {}
    for row, name in enumerate(data.material_ids):
        if seen.setdefault(name, row) != row:
            raise DatasetError(f"rows {seen[name]} and {row} have the same id {name!r}: ids must be unique")

    def refuse(bad: NDArray[np.bool_], message: str) -> None:
        if bad.any():
            row = int(bad.argmax())
            label = FIVE[data.labels[row]] if 0 <= data.labels[row] < len(FIVE) else UNKNOWN
            detail = f"split {str(data.split[row])!r}, fold {data.fold[row]}, class {label!r}"
            raise DatasetError(f"row {row} ({data.material_ids[row]}; {detail}): {message}")

    refuse((data.labels < -1) | (data.labels >= len(FIVE)), f"label codes are -1 to {len(FIVE) - 1}")
    refuse(~np.isin(data.split, SPLITS), f"the split is one of {', '.join(SPLITS)}")
    unlabelled = data.split == "unlabelled"
    refuse(~unlabelled & (data.labels < 0), "a row without a class belongs to the split 'unlabelled'")
    refuse(unlabelled & (data.labels >= 0), "a row with a class belongs to 'pool' or 'test'")
    in_pool = data.split == "pool"
    refuse(in_pool & ((data.fold < 0) | (data.fold >= N_FOLDS)), f"pool rows have a fold of 0 to {N_FOLDS - 1}")
    refuse(~in_pool & (data.fold != -1), "rows outside the pool have fold -1")

"""`topofuse.Atlas`: the predictions for a whole database, searched in memory without a model."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from topofuse.atlas.card import AtlasError, OriginCard
from topofuse.atlas.file import carried, read, texts
from topofuse.atlas.query import Query, matching, numeric
from topofuse.crystals.formula import SYMBOLS
from topofuse.labels import FIVE
from topofuse.trust.known import links_of

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
METAL = (
    "odd number of electrons in the primitive cell: a metal, as long as it has no magnetic order and interactions do "
    "not localise the electrons; outside the classification"
)


class Atlas:
    """Rows of an atlas and its card; nothing in it changes.

    table: the columns of `atlas.file.SCHEMA`
    """

    def __init__(self, table: pa.Table, card: OriginCard) -> None:
        self.card = card
        self._table = table

    @classmethod
    def open(cls, path: str | os.PathLike[str] | None = None) -> Atlas:
        """Read a file; without one, that of the variable TOPOFUSE_ATLAS, or else the one in the package.

        Raises `AtlasError` where there is none, or it is damaged.
        """
        return cls(*read(carried() if path is None else Path(path)))

    def __len__(self) -> int:
        return len(self._table)

    @property
    def table(self) -> pd.DataFrame:
        """All rows as a DataFrame, with the column p_nontrivial."""
        return self._frame(np.arange(len(self)))

    def search(self, **conditions: Any) -> pd.DataFrame:
        """The rows of which all conditions hold, as a DataFrame, best first; conditions: those of `Query`.

        Elements, classes and the like may also be given as one text: elements="Bi Se", classes="ti".
        """
        split = {
            name: tuple(value.replace(",", " ").split())
            for name, value in conditions.items()
            if isinstance(value, str) and name not in ("text", "sort")
        }
        return self._frame(self.select(Query(**{**conditions, **split})))

    def show(self, name: str) -> Row:
        """All that is there of the material with this id, and `link` and `known_link`; `AtlasError` without it."""
        index = self.numbers([name])
        if not len(index):
            raise AtlasError(f"the atlas has no material {name[:80]!r}; its ids are like {self._first_id()}")
        (row,) = self.rows(index)
        if row["status"] == "metal":
            row["reason"] = METAL
        known = links_of(row["known_id"], row["known_source"] or "") if row["known_id"] else []
        return {**row, "link": self.card.link(row["id"]), "known_link": " ".join(known) or None}

    def numbers(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Numbers of the rows with one of these ids."""
        wanted = pa.array(ids, pa.string())
        return np.flatnonzero(np.asarray(pc.is_in(self._table["id"], wanted))).astype(np.int64)

    def select(self, query: Query) -> NDArray[np.int64]:
        """Numbers of the rows that are looked for, in the order that is asked for."""
        selected = np.flatnonzero(matching(self._table, query, self.p_nontrivial))
        key = self._key(query.sort)[selected]
        key = np.where(np.isnan(key), np.inf, -key if query.descending else key)
        return np.asarray(selected[np.lexsort((self._by_id[selected], key))])

    def rows(self, numbers: NDArray[np.int64]) -> list[Row]:
        """These rows, with the column p_nontrivial, as values of Python."""
        taken = self.part(numbers).to_pylist()
        for row in taken:
            for name in (*(n for n in row if n.startswith("p_")), "novelty", "sketch_gap"):
                row[name] = None if row[name] is None else round(row[name], 3)  # as float32 has it: 0.7129999
        return list(taken)

    def counts(self, numbers: NDArray[np.int64] | None = None) -> Counter[str]:
        """How many rows (of these) there are of each class, and with the status 'metal' and 'error'."""
        part = self._table.select(["label", "status"])
        part = part if numbers is None else part.take(pa.array(numbers))
        named = pc.coalesce(part["label"].cast(pa.string()), part["status"].cast(pa.string()))
        return Counter({one["values"]: one["counts"] for one in pc.value_counts(named).to_pylist()})

    @cached_property
    def p_nontrivial(self) -> NDArray[np.float64]:
        """(rows,) probability of any class but trivial; NaN where there is no class."""
        return np.asarray(np.round(1.0 - numeric(self._table, "p_trivial"), 3))

    @cached_property
    def novelty(self) -> NDArray[np.float64]:
        """(rows,), NaN where there is no class."""
        return numeric(self._table, "novelty")

    @cached_property
    def label_codes(self) -> NDArray[np.int64]:
        """(rows,) 0 to 4, the class of each row by its place in `FIVE`; -1 where there is none."""
        codes = pc.index_in(self._table["label"].cast(pa.string()), pa.array(FIVE))
        return np.asarray(pc.fill_null(codes, -1), dtype=np.int64)

    @cached_property
    def elements(self) -> tuple[str, ...]:
        """Symbols that occur, by atomic number."""
        inside = set(re.findall("[A-Z][a-z]?", " ".join(filter(None, texts(self._table["formula"])))))
        return tuple(symbol for symbol in SYMBOLS[1:] if symbol in inside)

    @cached_property
    def _by_id(self) -> NDArray[np.int64]:
        """(rows,) places in the order of ids: mp-9 comes before mp-10."""
        ids = self._table["id"]
        order = pc.sort_indices(pa.table({"length": pc.utf8_length(ids), "id": ids}),
                                sort_keys=[("length", "ascending"), ("id", "ascending")])  # fmt: skip
        places = np.empty(len(self), dtype=np.int64)
        places[np.asarray(order)] = np.arange(len(self))
        return places

    def _key(self, name: str) -> NDArray[np.float64]:
        if name == "promise":
            return np.asarray(self.p_nontrivial * (1.0 - np.nan_to_num(self.novelty)))
        if name == "p_nontrivial":
            return self.p_nontrivial
        if name == "id":
            return self._by_id.astype(np.float64)
        if name in ("formula", "label"):
            texts = self._table[name].cast(pa.string())
            ranks = np.asarray(pc.rank(texts, tiebreaker="dense"), dtype=np.float64)
            return np.where(np.asarray(pc.is_null(texts)), np.nan, ranks)
        return numeric(self._table, name)

    def part(self, numbers: NDArray[np.int64]) -> pa.Table:
        """These rows as a table of pyarrow, with the column p_nontrivial."""
        part = self._table.take(pa.array(numbers))
        p = self.p_nontrivial[numbers]
        column = pa.array(p, mask=np.isnan(p))
        return part.add_column(part.column_names.index("p_tci") + 1, "p_nontrivial", column)

    def _frame(self, numbers: NDArray[np.int64]) -> pd.DataFrame:
        return self.part(numbers).to_pandas()

    def _first_id(self) -> str:
        return str(self._table["id"][0].as_py()) if len(self) else "(none: it is empty)"

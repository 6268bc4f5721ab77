"""The atlas over HTTP: its card, searches in pages, cells of the scatter plot, one row in full."""

from __future__ import annotations

import threading
from collections import Counter
from typing import Annotated, Any

import numpy as np
from fastapi import FastAPI, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

from topofuse.atlas.atlas import Atlas
from topofuse.atlas.card import WHAT_IT_IS, AtlasError
from topofuse.atlas.query import Query as Wanted
from topofuse.atlas.query import bounds, listed, whole_numbers
from topofuse.labels import FIVE
from topofuse.web.neighbours import neighbours
from topofuse.web.service import levels

PAGE = 25  # rows of one answer
CELLS = 50  # along each axis of the scatter plot


class Conditions(BaseModel):
    """What is looked for; lists are separated by commas, bounds are LOW:HIGH, of which one may be missing."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field("", max_length=100, description="an id, a formula, or elements: Bi-Se")
    elements: str = Field("", max_length=400, description="all of which are in the formula")
    without: str = Field("", max_length=400, description="none of which is in the formula")
    classes: str = Field("", max_length=200, description="five classes, their groups, metal, error")
    within: str = Field("", max_length=200, description="classes beside which set_90 holds none")
    domains: str = Field("", max_length=200)
    spacegroups: str = Field("", max_length=1000)
    z4: str = Field("", max_length=20)
    p: str = Field(":", max_length=60, description="bounds of p_nontrivial")
    novelty: str = Field(":", max_length=60)
    gap: str = Field(":", max_length=60, description="bounds of the gap of the band sketch, eV")
    atoms: str = Field(":", max_length=60, description="bounds of the atoms in the primitive cell")
    known: bool | None = Field(None, description="whether it is a training material")
    warned: bool | None = Field(None, description="whether there is a warning")
    sort: str = "promise"
    descending: bool = True

    def query(self) -> Wanted:
        """The same for `Atlas.select`; `AtlasError` for what cannot be."""
        lists = ("elements", "without", "classes", "within", "domains")
        given: dict[str, Any] = {name: listed(getattr(self, name)) for name in lists}
        given |= {name: whole_numbers(getattr(self, name)) for name in ("spacegroups", "z4")}
        given |= {name: bounds(getattr(self, name)) for name in ("p", "novelty", "gap", "atoms")}
        given |= {name: getattr(self, name) for name in ("text", "known", "warned", "sort", "descending")}
        return Wanted(**given)


class SearchedPage(Conditions):
    """Conditions, and which page of the answer."""

    page: int = Field(0, ge=0, le=100_000)


class AtlasCard(BaseModel):
    """What the atlas is, and what a row is; or why there is none."""

    missing: str | None = Field(description="why there is no atlas; the rest is then empty")
    rows: int = 0
    counts: dict[str, int] = Field(default={}, description="rows of each class, metal, error")
    elements: list[str] = Field(default=[], description="symbols that occur")
    source: str = ""
    model: str = ""
    date: str = ""
    licence: str = ""
    attribution: str = ""
    what: str = ""


class AtlasPage(BaseModel):
    """One page of what a search found."""

    total: int
    counts: dict[str, int] = Field(description="of all that was found: rows of each class, metal, error")
    page: int
    pages: int
    size: int = Field(description="rows of a full page")
    rows: list[dict[str, Any]]


class AtlasCells(BaseModel):
    """What a search found, counted on a grid of novelty (across) and p_nontrivial (up)."""

    size: int = Field(description="cells along each axis, of which each goes from 0 to 1")
    cells: list[tuple[int, int, int, str]] = Field(description="across, up, rows there, their most frequent class")


class AtlasRow(BaseModel):
    """One material: its row as `POST /api/material` has it, and its page in the database."""

    row: dict[str, Any]
    neighbours: list[dict[str, Any]]
    link: str


class Shelf:
    """The atlas, read when it is first asked for; one search at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._atlas: Atlas | AtlasError | None = None

    def __call__(self) -> Atlas:
        """The atlas; `AtlasError` where there is none."""
        with self._lock:
            if self._atlas is None:
                try:
                    self._atlas = Atlas.open()
                except AtlasError as error:
                    self._atlas = error
        if isinstance(self._atlas, AtlasError):
            raise self._atlas
        return self._atlas

    def select(self, conditions: Conditions) -> tuple[Atlas, Any]:
        """The atlas, and the numbers of the rows that are looked for."""
        atlas = self()
        with self._lock:
            return atlas, atlas.select(conditions.query())

    def with_structures(self, nearest: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Neighbours with `spacegroup` and `n_atoms`, None for those that the atlas lacks."""
        try:
            atlas = self()
        except AtlasError:
            return [one | {"spacegroup": None, "n_atoms": None} for one in nearest]
        known = {row["id"]: row for row in atlas.rows(atlas.numbers([one["id"] for one in nearest]))}
        keys = ("spacegroup", "n_atoms")
        return [one | {key: known.get(one["id"], {}).get(key) for key in keys} for one in nearest]


def add_atlas(app: FastAPI, shelf: Shelf) -> None:
    """The routes under /api/atlas."""

    def selected(conditions: Conditions) -> tuple[Atlas, Any]:
        try:
            return shelf.select(conditions)
        except AtlasError as error:
            raise HTTPException(400, str(error)) from error

    @app.get("/api/atlas")
    def card() -> AtlasCard:
        """What the atlas is: counts, origin, licence; or why there is none."""
        try:
            atlas = shelf()
        except AtlasError as error:
            return AtlasCard(missing=str(error))
        about = {name: getattr(atlas.card, name) for name in ("source", "model", "date", "licence", "attribution")}
        return AtlasCard(
            missing=None,
            rows=len(atlas),
            counts=dict(atlas.counts()),
            elements=list(atlas.elements),
            what=WHAT_IT_IS,
            **about,
        )

    @app.get("/api/atlas/rows")
    def rows(conditions: Annotated[SearchedPage, Query()]) -> AtlasPage:
        """A page of the rows of which all conditions hold."""
        atlas, index = selected(conditions)
        page = conditions.page
        return AtlasPage(
            total=len(index),
            counts=dict(atlas.counts(index)),
            page=page,
            pages=-(-len(index) // PAGE),
            size=PAGE,
            rows=atlas.rows(index[page * PAGE : (page + 1) * PAGE]),
        )

    @app.get("/api/atlas/cells")
    def cells(conditions: Annotated[Conditions, Query()]) -> AtlasCells:
        """The rows of which all conditions hold, counted by novelty and probability."""
        atlas, index = selected(conditions)
        return AtlasCells(size=CELLS, cells=counted(atlas, index))

    @app.get("/api/atlas/rows/{name}")
    def row(name: str) -> AtlasRow:
        """One material in full."""
        try:
            entry = shelf().show(name)
        except AtlasError as error:
            raise HTTPException(404, str(error)) from error
        near = shelf.with_structures(neighbours("; ".join(entry["nearest"] or [])))
        shown = entry | {"input": entry["id"], "levels": levels(entry)}
        return AtlasRow(row=shown, neighbours=near, link=entry["link"])


def counted(atlas: Atlas, numbers: Any) -> list[tuple[int, int, int, str]]:
    """Cells of the grid with the rows of these numbers: across, up, how many, their most frequent class.

    Rows without novelty or a class are in none.
    """
    across, up = atlas.novelty[numbers], atlas.p_nontrivial[numbers]
    placed = ~(np.isnan(across) | np.isnan(up))
    places = [np.minimum((value[placed] * CELLS + 1e-6).astype(int), CELLS - 1) for value in (across, up)]
    codes = atlas.label_codes[numbers][placed]
    keys, counts = np.unique((places[0] * CELLS + places[1]) * len(FIVE) + codes, return_counts=True)
    cells: dict[int, Counter[str]] = {}
    for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
        cells.setdefault(key // len(FIVE), Counter())[FIVE[key % len(FIVE)]] = count
    return [(key // CELLS, key % CELLS, own.total(), own.most_common(1)[0][0]) for key, own in cells.items()]

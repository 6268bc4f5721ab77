"""How unlike the training materials is a crystal, and which of them are the closest?

Crystals are points in a space of 64 axes: tables, standardised by the training materials' ranks, weighted by what the
boosted trees use, projected on the axes of largest variance. A crystal's novelty is the share of the training materials
that have another one of theirs, of another formula, nearer than the crystal has any: about 0 for a training material,
evenly spread for crystals like them, 1 beyond the most isolated one. An element that no training material holds, or a
cell larger than all of theirs, is novelty 1. How well this tells real crystals from impossible ones: docs/trust.md.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.elements import MAX_ATOMIC_NUMBER
from topofuse.labels import FIVE
from topofuse.modalities.ranks import N_QUANTILES, SLACK, normal_scores
from topofuse.modalities.store import FeatureStore
from topofuse.trust.domain import Domain, domain_of
from topofuse.trust.known import Finder, KnownMaterials

AXES = 64
NEIGHBOURS = 3
COLUMNS = ("novelty", "nearest", "domain")
_WHITENING = 0.5  # axes are divided by their standard deviation to this power
_WEIGHTING = 0.25  # columns are multiplied by their gain in the trees to this power
_LEAST_GAIN = 1e-3  # of the mean gain; columns that no tree uses still count a little
_LEAST_VARIANCE = 1e-4  # of the largest
_TAIL = 16  # quantiles; the range between this one and its mirror image measures how far a value lies outside
_BLOCK = 256  # crystals whose distances to all the training materials are in memory at a time
_GRID = 513  # quantiles of the training materials' own distances
Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """Where n crystals lie.

    novelty: (n,) in [0, 1]; distance: (n,) to the nearest training material
    nearest: (n, 3) rows of the training materials, the closest first
    """

    novelty: NDArray[np.float64]
    distance: NDArray[np.float64]
    nearest: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TrainingMaterials:
    """The n training materials as points, and how a crystal becomes one.

    names: modalities whose tables are read, f columns together
    quantiles: (f, 129) of the columns; projection: (f, k), weights included; centre: (k,)
    codes: (n, k) int8, the points in units of step (k,)
    distances: (513,) quantiles of the training materials' own distances
    seen: (104,) whether a training material holds the element; largest: atoms in the largest primitive cell
    ids, formulas: n names each; classes: (n,) int8 codes 0..4
    known: what tells whether a crystal is one of them; None in a bundle that was made before there was such a thing
    """

    names: tuple[str, ...]
    quantiles: Array
    projection: NDArray[np.float16]
    centre: Array
    step: Array
    codes: NDArray[np.int8]
    distances: Array
    seen: NDArray[np.bool_]
    largest: int
    ids: Sequence[str]
    formulas: Sequence[str]
    classes: NDArray[np.int8]
    known: KnownMaterials | None = None

    @classmethod
    def fit(
        cls, store: FeatureStore, rows: NDArray[np.integer], names: tuple[str, ...],
        described: tuple[Sequence[str], Sequence[str], NDArray[np.integer]], gain: NDArray[np.floating] | None = None,
        sources: Sequence[str] | None = None,
    ) -> TrainingMaterials:  # fmt: skip
        """From the features of the training materials.

        rows: of the store; described: their ids, reduced formulas and classes 0..4, in the order of `rows`
        gain: (f,) what each column is worth to the trees; None weighs them alike
        sources: where each class was looked up, see `KnownMaterials`; None where nothing says so
        """
        ids, formulas, classes = described
        table = np.ascontiguousarray(store.table(names)[rows])
        quantiles = _quantiles(table)
        standard = _standardised(table, quantiles)
        projection = _principal_axes(standard, gain)
        points = standard @ projection.astype(np.float32)
        centre = points.mean(axis=0)
        step = np.maximum(np.abs(points - centre).max(axis=0), 1e-6) / 127
        codes = np.rint((points - centre) / step).astype(np.int8)
        facts, seen = store.facts.select(rows), np.zeros(MAX_ATOMIC_NUMBER + 1, dtype=bool)
        seen[facts.numbers] = True
        own = _own_distances((codes * step).astype(np.float32), formulas)
        grid = np.quantile(own[np.isfinite(own)], np.linspace(0.0, 1.0, _GRID)).astype(np.float32)
        return cls(
            names, quantiles, projection, centre, step, codes, grid, seen, int(facts.n_atoms.max()),
            list(ids), list(formulas), np.asarray(classes, dtype=np.int8),
            KnownMaterials.from_facts(facts, [""] * len(ids) if sources is None else sources),
        )  # fmt: skip

    @cached_property
    def _points(self) -> Array:
        return (self.codes * self.step).astype(np.float32)

    def embed(self, table: NDArray[np.floating]) -> Array:
        """(b, f) tables → (b, k) points; in double precision, since BLAS rounds by how many rows there are."""
        standard = _standardised(np.ascontiguousarray(table, dtype=np.float32), self.quantiles)
        axes = self.projection.astype(np.float64)
        blocks = [standard[start : start + _BLOCK] @ axes for start in range(0, len(standard), _BLOCK)]
        points = np.concatenate(blocks) if blocks else np.empty((0, axes.shape[1]))
        return np.asarray(points - self.centre, dtype=np.float32)

    def place(self, store: FeatureStore, rows: NDArray[np.integer] | None = None) -> Neighbourhood:
        """Where the crystals of a store lie, or those of `rows`."""
        rows = np.arange(len(store)) if rows is None else rows
        points = self.embed(store.table(self.names)[rows])
        _, nearest = _nearest(points, self._points)
        # its distances lose digits near zero, which ones by how many rows there are: those of the nearest anew
        apart = np.linalg.norm(points[:, None].astype(np.float64) - self._points[nearest], axis=2)
        order = np.argsort(apart, axis=1, kind="stable")
        nearest = np.take_along_axis(nearest, order, axis=1)
        distance = np.take_along_axis(apart, order, axis=1)[:, 0]
        novelty = self._ranked(distance)
        for i, row in enumerate(rows):
            z = store.facts.atoms(int(row))
            if not self.seen[z].all() or len(z) > self.largest:
                novelty[i] = 1.0
        return Neighbourhood(novelty, distance, nearest)

    def own_novelty(self) -> NDArray[np.float64]:
        """(n,) novelty of each training material if its formula were not among them."""
        return self._ranked(_own_distances(self._points, self.formulas))

    def _ranked(self, distance: NDArray[np.float64]) -> NDArray[np.float64]:
        share = np.linspace(0.0, 1.0, len(self.distances))
        return np.asarray(np.interp(distance, self.distances, share, left=0.0), dtype=np.float64)

    def columns(self, store: FeatureStore) -> dict[str, list[Any]]:
        """The columns `COLUMNS` of the table of predictions, and those of `known`, for the crystals of a store."""
        placed = self.place(store)
        return {
            **({} if self.finder is None else self.finder.columns(store.facts)),
            "novelty": placed.novelty.tolist(),
            "nearest": ["; ".join(self.describe(row) for row in rows) for rows in placed.nearest.tolist()],
            "domain": [str(domain) for domain in self.domains(store)],
        }

    @cached_property
    def finder(self) -> Finder | None:
        """Finds a crystal among the training materials; None where the bundle does not say enough of them."""
        if self.known is None:
            return None
        return Finder(self.ids, self.formulas, [FIVE[code] for code in self.classes], self.known)

    def domains(self, store: FeatureStore, rows: NDArray[np.integer] | None = None) -> list[Domain]:
        """The domain of each crystal of a store, or of `rows`."""
        rows = np.arange(len(store)) if rows is None else rows
        return [domain_of(store.facts.atoms(int(row)), self.seen) for row in rows]

    def describe(self, row: int) -> str:
        """A training material in words: id, formula, class."""
        return f"{self.ids[row]} {self.formulas[row]} {FIVE[self.classes[row]]}"

    def described(self) -> dict[str, Any]:
        """What bundle.json says of it; with `tensors` all that `restore` needs."""
        return {"modalities": list(self.names), "materials": len(self.ids), "largest_cell": self.largest}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Arrays for reference.safetensors; names are compressed."""
        return {
            **{name: np.ascontiguousarray(getattr(self, name)) for name in _ARRAYS},  # safetensors ignores strides
            **{name: _packed(getattr(self, name)) for name in ("ids", "formulas")},
            **({} if self.known is None else _known_tensors(self.known)),
        }

    @classmethod
    def restore(cls, described: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> TrainingMaterials:
        """Put back what `described` and `tensors` gave."""
        arrays: dict[str, Any] = {name: tensors[name] for name in _ARRAYS}
        texts: dict[str, Any] = {name: _unpacked(tensors[name]) for name in ("ids", "formulas")}
        known = _restored_known(tensors) if "known.sources" in tensors else None
        largest = int(described["largest_cell"])
        return cls(names=tuple(described["modalities"]), largest=largest, known=known, **arrays, **texts)


_MAX_NAMES = 256 * 2**20  # bytes; a million materials have 20 MB of names
_ARRAYS = ("quantiles", "projection", "centre", "step", "codes", "distances", "seen", "classes")
_KNOWN_ARRAYS = ("spacegroups", "sizes", "volumes", "fingerprints")


def _quantiles(table: Array) -> Array:
    """(f, 129) quantiles of the columns of a table (n, f); zeros for a column that is undefined throughout."""
    share = np.linspace(0.0, 1.0, N_QUANTILES)
    quantiles = np.zeros((table.shape[1], N_QUANTILES), dtype=np.float32)
    for column, values in zip(quantiles, table.T, strict=True):
        defined = values[np.isfinite(values)]
        if len(defined):
            column[:] = np.quantile(defined.astype(np.float64), share)
    return quantiles


def _standardised(table: Array, quantiles: Array) -> Array:
    """Normal scores of the columns' ranks, and beyond the training materials' range a slowly growing distance from it.

    (b, f) → (b, f); 0 where undefined.
    """
    out = np.zeros(table.shape, dtype=np.float32)
    for start in range(0, len(table), _BLOCK):
        out[start : start + _BLOCK] = _standardised_block(table[start : start + _BLOCK].T, quantiles).T
    return out


def _standardised_block(values: Array, quantiles: Array) -> Array:
    """(f, b) → (f, b)."""
    low, high = quantiles[:, :1], quantiles[:, -1:]
    inner = quantiles[:, -1 - _TAIL, None] - quantiles[:, _TAIL, None]
    inner = np.where(inner > 0, inner, np.maximum(high - low, 1e-12))
    inside = normal_scores(values, quantiles, SLACK * inner)
    outside = np.log1p(np.maximum(values - high, 0) / inner) - np.log1p(np.maximum(low - values, 0) / inner)
    return np.where((high > low) & np.isfinite(values), inside + outside, 0.0)


def _principal_axes(standard: Array, gain: NDArray[np.floating] | None) -> NDArray[np.float16]:
    """(f, k) columns' weights times the axes of largest variance, these partly whitened.

    By hand: scikit-learn's PCA whitens wholly or not, and would give other bits than the carried bundles have.
    """
    weights = np.ones(standard.shape[1])
    if gain is not None:
        weights = (gain / max(gain.mean(), 1e-12) + _LEAST_GAIN) ** _WEIGHTING
    weighted = (standard - standard.mean(axis=0)) * weights
    variance, axes = np.linalg.eigh(np.asarray(weighted.T @ weighted, dtype=np.float64) / len(standard))
    most = np.argsort(-variance)[:AXES]
    most = most[variance[most] > _LEAST_VARIANCE * variance.max()]  # few materials do not span all axes
    whitened = axes[:, most] * variance[most] ** (-_WHITENING / 2)
    return np.asarray(weights[:, None] * whitened, dtype=np.float16)


def _nearest(
    points: Array, others: Array, group: NDArray[np.integer] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Squared distances and rows of the nearest `others`, (b, 3) each, ascending; inf where there are too few.

    group: (b,) where `points` are `others`: those of the same group are left out. scikit-learn's NearestNeighbors
        cannot leave them out, and its distances differ in the last bits
    """
    lengths = (others**2).sum(axis=1)
    squares = np.full((len(points), NEIGHBOURS), np.inf, dtype=np.float32)
    rows = np.zeros((len(points), NEIGHBOURS), dtype=np.int64)
    for start in range(0, len(points), _BLOCK):
        block = points[start : start + _BLOCK]
        separation = block @ others.T
        separation *= -2.0
        separation += lengths
        if group is not None:
            separation[group[start : start + _BLOCK, None] == group] = np.inf
        own, inside = (block**2).sum(axis=1), np.arange(len(block))
        for place in range(min(NEIGHBOURS, len(others))):  # three times the least is far quicker than a partition
            best = separation.argmin(axis=1)
            rows[start + inside, place] = best
            squares[start + inside, place] = np.maximum(separation[inside, best] + own, 0.0)
            separation[inside, best] = np.inf
    return squares, rows


def _own_distances(points: Array, formulas: Sequence[str]) -> NDArray[np.float64]:
    """(n,) distance of each point to the nearest of another formula; infinite where there is none."""
    _, group = np.unique(np.asarray(formulas, dtype=str), return_inverse=True)
    squares, _ = _nearest(points, points, group)
    return np.sqrt(squares[:, 0]).astype(np.float64)


def _known_tensors(known: KnownMaterials) -> dict[str, NDArray[Any]]:
    arrays = {f"known.{name}": np.ascontiguousarray(getattr(known, name)) for name in _KNOWN_ARRAYS}
    return {**arrays, "known.sources": _packed(known.sources)}


def _restored_known(tensors: Mapping[str, NDArray[Any]]) -> KnownMaterials:
    arrays: dict[str, Any] = {name: tensors[f"known.{name}"] for name in _KNOWN_ARRAYS}
    return KnownMaterials(**arrays, sources=_unpacked(tensors["known.sources"]))


def _packed(names: Sequence[str]) -> NDArray[np.uint8]:
    return np.frombuffer(zlib.compress("\n".join(names).encode(), 9), dtype=np.uint8)


def _unpacked(packed: NDArray[np.uint8]) -> list[str]:
    """What `_packed` was given; ValueError for what is none, or more than `_MAX_NAMES` bytes of names."""
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(packed.tobytes(), _MAX_NAMES)
    except zlib.error as error:
        raise ValueError(f"names of the reference materials: {error}") from error
    if not unpacking.eof or unpacking.unused_data:
        raise ValueError("names of the reference materials are cut, or too many")
    return text.decode().split("\n")

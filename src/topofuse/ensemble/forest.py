"""A boosted model's trees as arrays: predictions and contributions without LightGBM, and nothing to parse on disk.

Every split asks whether a column is at most a threshold. Columns are single precision, so a threshold rounded down to
single precision asks the same; leaf values are rounded to it, which moves probabilities by less than 1e-7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topofuse.fusion.probabilities import logistic, softmax

_BLOCK = 128  # rows that are led through the trees at a time
_SPLITS = {"column": np.uint16, "threshold": np.float32, "undefined_left": np.bool_, "gain": np.float32}
_CHILDREN = {"left": np.int32, "right": np.int32}
_LEAVES = {"value": np.float32, "count": np.int32}
_DTYPES: dict[str, type] = {"root": np.int32, **_SPLITS, **_CHILDREN, **_LEAVES}


class ForestError(ValueError):
    """Arrays that are no trees; the message says what is wrong with them."""


@dataclass(frozen=True, eq=False)
class Forest:
    """One boosted model: m splits and l leaves of all its trees, numbered through.

    columns: f, columns of the table that it reads
    root: (rounds, k) int32; the trees of a round are one for each of the k outputs: 1 for two classes, else the classes
    column, threshold: (m,) a row goes left where its value is at most the threshold
    undefined_left: (m,) where a row goes whose value is NaN
    left, right: (m,) int32, number of the next split, which is larger; of a leaf j, -1 - j. `root` has the same form
    gain: (m,) what the split gained in training
    value, count: (l,) what a leaf adds to its output, and the training rows that ended in it
    """

    columns: int
    root: NDArray[np.int32]
    column: NDArray[np.uint16]
    threshold: NDArray[np.float32]
    undefined_left: NDArray[np.bool_]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    gain: NDArray[np.float32]
    value: NDArray[np.float32]
    count: NDArray[np.int32]

    def tensors(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, for safetensors."""
        return {name: np.ascontiguousarray(getattr(self, name)) for name in _DTYPES}

    @classmethod
    def restore(cls, tensors: Mapping[str, NDArray[Any]], columns: int) -> Forest:
        """Put back what `tensors` gave, on a table of so many columns; `ForestError` for what are no trees."""
        missing = sorted(_DTYPES.keys() - tensors.keys())
        if missing:
            raise ForestError(f"trees without {', '.join(missing)}")
        for name, dtype in _DTYPES.items():
            if tensors[name].dtype != dtype or tensors[name].ndim != (2 if name == "root" else 1):
                raise ForestError(f"{name} of the trees has type {tensors[name].dtype}, {tensors[name].ndim} axes")
        forest = cls(columns, **{name: tensors[name] for name in _DTYPES})
        forest._check()
        return forest

    def _check(self) -> None:
        splits, leaves = len(self.column), len(self.value)
        for names, n in (((*_SPLITS, *_CHILDREN), splits), (_LEAVES, leaves)):
            if any(len(getattr(self, name)) != n for name in names):
                raise ForestError("arrays of the trees differ in length")
        # everything has one way to it, and later splits follow earlier ones: no row can walk in a circle
        children = np.concatenate([self.left, self.right])
        reached = np.sort(np.concatenate([self.root.ravel(), children]))
        earlier = np.tile(np.arange(splits), 2)
        if not np.array_equal(reached, np.arange(-leaves, splits)) or ((children >= 0) & (children <= earlier)).any():
            raise ForestError("the splits of the trees do not form trees")
        if splits and int(self.column.max()) >= self.columns:
            raise ForestError(f"trees read column {int(self.column.max())} of a table of {self.columns}")
        if np.isnan(self.threshold).any() or not np.isfinite(self.value).all() or (self.count < 1).any():
            raise ForestError("trees hold a threshold, a value or a count that is none")

    @property
    def rounds(self) -> int:
        """Boosting rounds."""
        return len(self.root)

    def gains(self) -> NDArray[np.float64]:
        """(f,) total split gain per column."""
        return np.asarray(np.bincount(self.column, self.gain, self.columns), dtype=np.float64)

    def predict(self, table: NDArray[np.floating]) -> NDArray[np.float64]:
        """(n, f) features, NaN where undefined → (n,) probabilities of two classes' second, else (n, k)."""
        raw = self.raw(table)
        return logistic(raw[:, 0]) if raw.shape[1] == 1 else softmax(raw)

    def raw(self, table: NDArray[np.floating]) -> NDArray[np.float64]:
        """(n, f) features → (n, k) sums of leaf values: log-odds, or logits of the classes."""
        n, shape = len(table), self.root.shape
        if table.shape[1] != self.columns:
            raise ValueError(f"the trees read {self.columns} columns, the table has {table.shape[1]}")
        sums = np.zeros((n, shape[1]))
        for start in range(0, n, _BLOCK):
            leaves = self._leaves(np.asarray(table[start : start + _BLOCK], dtype=np.float32))
            sums[start : start + _BLOCK] = self.value.astype(np.float64)[leaves].reshape(-1, *shape).sum(axis=1)
        return sums

    def _leaves(self, table: NDArray[np.float32]) -> NDArray[np.int64]:
        """(n, trees) the leaf of every row in every tree."""
        n, trees = len(table), self.root.size
        values, column = table.ravel(), self.column.astype(np.int64)
        row = np.repeat(np.arange(n) * self.columns, trees)
        state = np.tile(self.root.ravel(), n).astype(np.int64)
        walking = np.flatnonzero(state >= 0)
        while len(walking):
            split = state[walking]
            value = values[row[walking] + column[split]]
            left = (value <= self.threshold[split]) | (np.isnan(value) & self.undefined_left[split])
            state[walking] = after = np.where(left, self.left[split], self.right[split])
            walking = walking[after >= 0]
        return -1 - state.reshape(n, trees)

    def contributions(self, row: NDArray[np.floating]) -> tuple[NDArray[np.float64], float]:
        """(f,) of each column to the log-odds of a row (f,), and the log-odds that there are without any column.

        Exact Shapley values of the trees, in which a column left out sends a row both ways in the shares of the
        training rows (S. Lundberg et al., Nature Machine Intelligence 2, 56, 2020). Of a leaf with the columns k on its
        way, column j has value·(o_j − z_j)·∫₀¹ Π_{k≠j} (z_k(1 − t) + o_k t) dt, z_k being the share of the training
        rows that go on where k decides and o_k whether this row does. The integrand is a polynomial in t, for which
        Gauss' quadrature is exact. Only for a model of two classes.
        """
        if self.root.shape[1] != 1:
            raise ValueError("contributions are those of a model of two classes")
        ways = self._ways
        value = self.value.astype(np.float64)
        start = float((value * ways.share).sum())
        if len(ways.column) == 0:
            return np.zeros(self.columns), start
        x = np.asarray(row, dtype=np.float32)[self.column]
        left = np.where(np.isnan(x), self.undefined_left, x <= self.threshold)
        on_it = np.logical_and.reduceat(left[ways.split] == ways.goes_left, ways.pairs)
        nodes, weights = np.polynomial.legendre.leggauss((ways.most + 1) // 2)
        t = (nodes + 1.0) / 2.0
        factor = ways.shares[:, None] * (1.0 - t) + on_it[:, None] * t
        whole = np.multiply.reduceat(factor, ways.leaves, axis=0)[ways.group]
        integral = (whole / factor) @ (weights / 2.0)
        gains = value[ways.leaf] * (on_it - ways.shares) * integral
        return np.asarray(np.bincount(ways.column, gains, self.columns), dtype=np.float64), start

    @cached_property
    def _ways(self) -> _Ways:
        return _Ways.through(self)


@dataclass(frozen=True, eq=False)
class _Ways:
    """From the roots to the leaves: e splits on all the ways, p pairs of a leaf and a column that decides on its way.

    split, goes_left: (e,) sorted by pair; pairs: (p,) where each pair begins among them
    leaf, column, shares: (p,) of the pair, the last being the share of training rows that go on where it decides
    leaves: where each leaf begins among the pairs; group: (p,) which of them it is
    most: columns on the way to any leaf; share: (l,) of the tree's training rows, in each leaf
    """

    split: NDArray[np.int64]
    goes_left: NDArray[np.bool_]
    pairs: NDArray[np.int64]
    leaf: NDArray[np.int64]
    column: NDArray[np.int64]
    shares: NDArray[np.float64]
    leaves: NDArray[np.int64]
    group: NDArray[np.int64]
    most: int
    share: NDArray[np.float64]

    @classmethod
    def through(cls, forest: Forest) -> _Ways:
        """The ways of all trees at once, from the leaves upwards."""
        m, n = len(forest.column), len(forest.value)
        parent = np.full(m + n, -1, dtype=np.int64)
        for children in (forest.left, forest.right):
            parent[_numbered(children, m)] = np.arange(m)
        rows = np.concatenate([np.zeros(m), forest.count]).astype(np.float64)
        leaf, below = np.arange(n), m + np.arange(n)
        paths, top = [], below.copy()
        while len(leaf):
            above = parent[below]
            leaf, below, above = leaf[above >= 0], below[above >= 0], above[above >= 0]
            np.add.at(rows, above, forest.count[leaf])
            top[leaf] = above
            paths.append((leaf, above, below))
            below = above
        leaf, split, child = (np.concatenate(part) for part in zip(*paths, strict=True))
        share = forest.count / rows[top]
        order = np.lexsort((forest.column[split], leaf))
        leaf, split, child = leaf[order], split[order], child[order]
        column = forest.column[split].astype(np.int64)
        pairs = _starts(leaf, column)
        shares = np.multiply.reduceat(rows[child] / rows[split], pairs) if len(pairs) else np.zeros(0)
        leaves = _starts(leaf[pairs])
        sizes = np.diff(leaves, append=len(pairs))
        goes_left = _numbered(forest.left, m)[split] == child
        return cls(
            split, goes_left, pairs, leaf[pairs], column[pairs], shares, leaves,
            np.repeat(np.arange(len(leaves)), sizes), int(sizes.max(initial=0)), share,
        )  # fmt: skip


def _numbered(children: NDArray[np.int32], splits: int) -> NDArray[np.int64]:
    """Splits and, after them, leaves, numbered from 0."""
    return np.where(children >= 0, children, splits - 1 - children).astype(np.int64)


def _starts(*keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where a new combination of keys begins."""
    if len(keys[0]) == 0:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(np.concatenate([[True], np.any([key[1:] != key[:-1] for key in keys], axis=0)]))

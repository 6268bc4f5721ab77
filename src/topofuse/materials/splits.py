"""Grouped splits: no group on both sides of any boundary, classes in equal shares.

The groups of a data set's own splits are reduced formulas. Others ask how far a model carries: to systems of
elements, or to structure types, that it has never met.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.formula import SYMBOLS, anonymous_formula, reduced_formula
from topofuse.materials.dataset import Dataset, DatasetError

GROUPINGS: dict[str, str] = {
    "formula": "no reduced formula on both sides",
    "chemsys": "no set of elements on both sides",
    "prototype": "no anonymous formula with space group on both sides",
    "random": "rows drawn one by one",
}
TEST_SHARE = 0.15
MIN_FORMULAS = 10


def group_keys(
    kind: str, numbers: Sequence[NDArray[np.integer]], spacegroups: NDArray[np.integer] | None = None
) -> NDArray[np.str_]:
    """Names (n,) of the groups that a split of `kind` (a key of `GROUPINGS`) keeps together.

    numbers: atomic numbers of each of n crystals
    spacegroups: (n,) international numbers; `prototype` alone needs them

    With `random`, every row is a group of its own. Raises `ValueError` for another kind.
    """
    if kind == "formula":
        names = [reduced_formula(z) for z in numbers]
    elif kind == "chemsys":
        names = ["-".join(sorted(SYMBOLS[z] for z in np.unique(crystal))) for crystal in numbers]
    elif kind == "prototype":
        if spacegroups is None:
            raise ValueError("groups of kind 'prototype' need the space groups")
        pairs = zip(numbers, spacegroups, strict=True)
        names = [f"{anonymous_formula(crystal)}:{int(group)}" for crystal, group in pairs]
    elif kind == "random":
        names = [str(row) for row in range(len(numbers))]
    else:
        raise ValueError(f"no grouping {kind!r}; there are {', '.join(GROUPINGS)}")
    return np.array(names, dtype=str)


def make_splits(
    formulas: Sequence[str], labels: NDArray[np.integer], n_folds: int, seed: int = 0
) -> tuple[NDArray[np.str_], NDArray[np.int8]]:
    """Split (n,) and fold (n,): about 15 % of the labelled rows are 'test', the rest 'pool' in `n_folds` folds.

    Rows with label -1 are 'unlabelled'. Deterministic for a seed. Raises `DatasetError` where there are
    fewer than 10 different labelled formulas.
    """
    labelled = np.flatnonzero(np.asarray(labels) >= 0)
    names = np.asarray(formulas, dtype=str)
    n_formulas = len(np.unique(names[labelled]))
    if n_formulas < MIN_FORMULAS:
        raise DatasetError(
            f"{n_formulas} different formulas with a known class: at least {MIN_FORMULAS} are needed "
            "for a test split and cross-validation"
        )
    split = np.full(len(names), "unlabelled", dtype="<U10")
    fold = np.full(len(names), -1, dtype=np.int8)
    test = grouped_holdout(names[labelled].tolist(), labels[labelled], TEST_SHARE, seed)
    split[labelled[test]] = "test"
    pool = labelled[~test]
    split[pool] = "pool"
    fold[pool] = grouped_folds(names[pool].tolist(), labels[pool], n_folds, seed)
    return split, fold


def grouped_holdout(
    groups: Sequence[str], labels: NDArray[np.integer], share: float, seed: int = 0
) -> NDArray[np.bool_]:
    """(n,) True for the rows held out: about `share` of them, whole groups, classes in equal shares.

    groups: n names, for example reduced formulas
    labels: (n,) class codes
    share: 0 < share <= 0.5, of the rows

    With the same seed, a larger share holds all rows of a smaller one. Raises `ValueError` for another share,
    or where there is only one group.
    """
    if not 0 < share <= 0.5:
        raise ValueError(f"share {share} must lie above 0 and at most at 0.5")
    names, first, group = np.unique(np.asarray(groups, dtype=str), return_index=True, return_inverse=True)
    if len(names) < 2:
        raise ValueError("a hold-out needs at least two different groups")
    sizes, kind = np.bincount(group), np.asarray(labels)[first]
    order = np.random.default_rng(seed).permutation(len(names))
    chosen: list[int] = []
    for code in np.unique(kind):  # of each class, groups in random order until the share is reached
        members = order[kind[order] == code]
        rows = np.cumsum(sizes[members])
        chosen += members[rows <= round(share * rows[-1])].tolist()
    if not chosen:  # too few rows of every class: hold out one group
        chosen = [int(order[0])]
    return np.isin(group, chosen)


def grouped_folds(groups: Sequence[str], labels: NDArray[np.integer], n_folds: int, seed: int = 0) -> NDArray[np.int8]:
    """(n,) number of each row's fold, 0 to `n_folds` - 1: whole groups, classes in equal shares.

    groups: n names, for example reduced formulas; labels: (n,) class codes
    """
    from sklearn.model_selection import StratifiedGroupKFold

    # scikit-learn refuses where every class is rarer than the number of folds; there is nothing to stratify then
    codes = labels if np.bincount(np.asarray(labels)).max() >= n_folds else np.zeros_like(labels)
    splitter = StratifiedGroupKFold(n_splits=n_folds, shuffle=True, random_state=seed)
    fold = np.full(len(groups), -1, dtype=np.int8)
    with warnings.catch_warnings():
        # a class with fewer rows than folds cannot be in each of them: known, and harmless
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        for k, (_, part) in enumerate(splitter.split(np.zeros(len(groups)), codes, groups=np.asarray(groups))):
            fold[part] = k
    return fold


def check_splits(data: Dataset) -> None:
    """Raise `DatasetError` where a reduced formula stands in pool and test, or in two folds of the pool."""
    home: dict[str, tuple[str, int, str]] = {}
    for name, formula, split, fold in zip(
        data.material_ids, data.formulas, data.split.tolist(), data.fold.tolist(), strict=True
    ):
        if split == "unlabelled":  # neither trained on nor tested on
            continue
        first = home.setdefault(formula, (split, fold, name))
        if first[:2] != (split, fold):
            places = " and ".join(f"{s} fold {f}" if s == "pool" else s for s, f in (first[:2], (split, fold)))
            raise DatasetError(
                f"formula {formula} stands in {places} ({first[2]}, {name}): splits must be grouped by reduced "
                "formula; leave out the columns split and fold to have them made"
            )

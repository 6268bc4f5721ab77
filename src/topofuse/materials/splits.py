"""Grouped splits: no reduced formula on both sides of any boundary, classes in equal shares."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from topofuse.materials.dataset import Dataset

TEST_SHARE = 0.15
MIN_FORMULAS = 10


def make_splits(
    formulas: Sequence[str], labels: NDArray[np.integer], n_folds: int, seed: int = 0
) -> tuple[NDArray[np.str_], NDArray[np.int8]]:
    """Split (n,) and fold (n,): about 15 % of the labelled rows are 'test', the rest 'pool' in `n_folds` folds.

    Rows with label -1 are 'unlabelled'. Deterministic for a seed. Raises `DatasetError` where there are
    fewer than 10 different labelled formulas.
    """
    from topofuse.materials.dataset import DatasetError

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
    for k, validation in enumerate(_grouped_folds(names[pool], labels[pool], n_folds, seed)):
        fold[pool[validation]] = k
    return split, fold


def grouped_holdout(
    formulas: Sequence[str], labels: NDArray[np.integer], share: float, seed: int = 0
) -> NDArray[np.bool_]:
    """(n,) True for the rows held out: about `share` of them, whole formulas, classes in equal shares.

    formulas: n reduced formulas
    labels: (n,) class codes
    share: 0 < share <= 0.5, of the rows

    Raises `ValueError` for another share, or where there is only one formula.
    """
    if not 0 < share <= 0.5:
        raise ValueError(f"share {share} must lie above 0 and at most at 0.5")
    names, first, group = np.unique(np.asarray(formulas, dtype=str), return_index=True, return_inverse=True)
    if len(names) < 2:
        raise ValueError("a hold-out needs at least two different formulas")
    sizes, kind = np.bincount(group), np.asarray(labels)[first]
    order = np.random.default_rng(seed).permutation(len(names))
    chosen: list[int] = []
    for code in np.unique(kind):  # of each class, formulas in random order until the share is reached
        members = order[kind[order] == code]
        rows = np.cumsum(sizes[members])
        chosen += members[rows <= round(share * rows[-1])].tolist()
    if not chosen:  # too few rows of every class: hold out one formula
        chosen = [int(order[0])]
    return np.isin(group, chosen)


def _grouped_folds(
    names: NDArray[np.str_], labels: NDArray[np.integer], n_folds: int, seed: int
) -> Iterator[NDArray[np.int64]]:
    """Row indices of each of `n_folds` parts."""
    from sklearn.model_selection import StratifiedGroupKFold

    # scikit-learn refuses where every class is rarer than the number of folds; there is nothing to stratify then
    codes = labels if np.bincount(np.asarray(labels)).max() >= n_folds else np.zeros_like(labels)
    splitter = StratifiedGroupKFold(n_splits=n_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # a class with fewer rows than folds cannot be in each of them: known, and harmless
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        for _, part in splitter.split(np.zeros(len(names)), codes, groups=names):
            yield part.astype(np.int64)


def check_splits(data: Dataset) -> None:
    """Raise `DatasetError` where a reduced formula stands in pool and test, or in two folds of the pool."""
    from topofuse.materials.dataset import DatasetError

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

"""What the parts of the input did for p(non-trivial): modalities left out one at a time, and columns.

Left out means, for a network, the modality's mask (committees read its columns' medians then, fusion networks the
token that stands for an absent modality), and for trees the medians of the training materials; columns without known
medians, those of the bands, become undefined, as they are for the crystals that have no sketch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topofuse.ensemble.blending import average, blend
from topofuse.ensemble.bundle import Bundle
from topofuse.modalities.registry import modality, table_columns, words
from topofuse.modalities.store import FeatureStore

OF_EACH = 3  # columns of each modality that are named
_ONE = np.arange(1)


@dataclass(frozen=True)
class FeaturePart:
    """A column of the tables: its value (None where undefined) and its contribution to the trees' log-odds."""

    modality: str
    column: str
    words: str
    value: float | None
    log_odds: float


@dataclass(frozen=True)
class ModalityPart:
    """What leaving a modality out changes.

    title: what it is called on the page; from_sketch: whether it is computed from the band sketch
    p_without: p(non-trivial) without it; change: p(non-trivial) with it minus without it
    log_odds: the same in log-odds
    trees_log_odds: sum of the trees' contributions of its columns, None without trees
    columns: those of its columns that contribute most to the trees, strongest first
    """

    name: str
    title: str
    from_sketch: bool
    p_without: float
    change: float
    log_odds: float
    trees_log_odds: float | None
    columns: tuple[FeaturePart, ...]


def modality_parts(
    bundle: Bundle, views: Sequence[FeatureStore], columns: NDArray[np.float64] | None
) -> tuple[ModalityPart, ...]:
    """Of one crystal, strongest first; columns: (f,) the trees' contributions, None where there are no trees."""
    names = bundle.config.modalities
    p = _nontrivial(bundle, bundle.raw_stores(views))
    owners = np.array([name.split(":", 1)[0] for name in table_columns(names)])
    parts = []
    for name in names:
        without = _nontrivial(bundle, _left_out(bundle, views, name))
        summed = None if columns is None else float(columns[owners == name].sum())
        change = _log_odds(p) - _log_odds(without)
        named = () if columns is None else strongest_columns(bundle, views[0], columns * (owners == name), OF_EACH)
        title, from_sketch = words(name).title, modality(name).from_sketch
        parts.append(ModalityPart(name, title, from_sketch, without, p - without, change, summed, named))
    return tuple(sorted(parts, key=lambda part: -abs(part.change)))


def tree_contributions(bundle: Bundle, store: FeatureStore) -> tuple[NDArray[np.float64], float] | None:
    """(f,) contributions of the columns to the two-class trees' log-odds, and the log-odds they start from.

    Exact Shapley values of the trees (`ensemble.forest.Forest.contributions`), averaged over the models. None where the
    bundle has no trees.
    """
    if not bundle.trees:
        return None
    row = store.table(bundle.config.modalities)[0]
    each = [trees.contributions(row) for trees in bundle.trees]
    return np.asarray(np.mean([columns for columns, _ in each], axis=0)), float(np.mean([start for _, start in each]))


def strongest_columns(
    bundle: Bundle, store: FeatureStore, contributions: NDArray[np.float64], n: int
) -> tuple[FeaturePart, ...]:
    """The n columns of largest contribution, strongest first; those without any are left out."""
    names = table_columns(bundle.config.modalities)
    values = store.table(bundle.config.modalities)[0].astype(float)
    parts = []
    for i in np.argsort(-np.abs(contributions), kind="stable")[:n]:
        if not contributions[i]:
            break
        owner, column = names[i].split(":", 1)
        value = float(values[i]) if np.isfinite(values[i]) else None
        parts.append(FeaturePart(owner, column, words(owner).column(column), value, float(contributions[i])))
    return tuple(parts)


def _nontrivial(bundle: Bundle, raw: NDArray[np.float64]) -> float:
    return float(1.0 - bundle.trust.temperatures.apply(raw)[0, 0])


def _log_odds(p: float) -> float:
    inside = min(max(p, 1e-9), 1 - 1e-9)
    return float(np.log(inside / (1 - inside)))


def _left_out(bundle: Bundle, views: Sequence[FeatureStore], name: str) -> NDArray[np.float64]:
    """(1, 5) the blend's probabilities without a modality, before calibration."""
    absent = [other == name for other in bundle.config.modalities]
    families = {
        family: average([network.predict(view, _ONE, absent) for network in networks for view in views])
        for family, networks in bundle.networks.items()
        if networks
    }
    if bundle.trees:
        table = np.concatenate(
            [
                _typical(bundle, other) if other == name else views[0].table((other,))[:1]
                for other in bundle.config.modalities
            ],
            axis=1,
        )
        families["boosted"] = average([trees.predict(table) for trees in bundle.trees])
    return blend(families, bundle.weights)


def _typical(bundle: Bundle, name: str) -> NDArray[np.float32]:
    """(1, f) medians of the modality's columns over the training materials, undefined where the bundle has none."""
    size, reference = len(modality(name).table_names), bundle.reference
    if reference is None or name not in reference.names:
        return np.full((1, size), np.nan, dtype=np.float32)
    start = sum(len(modality(other).table_names) for other in reference.names[: reference.names.index(name)])
    return reference.quantiles[None, start : start + size, reference.quantiles.shape[1] // 2]  # the median

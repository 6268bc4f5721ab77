"""Boosted trees (LightGBM) on the tables of all modalities, as a hierarchical five-class model.

One binary model for non-trivial, one four-class model for the kind given non-trivial, trained on the
non-trivial rows: two classes trained as such are better than sums of a five-class softmax.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from topofuse.config import BoostedConfig
from topofuse.ensemble.blending import average
from topofuse.ensemble.forest import Forest, ForestError
from topofuse.labels import KINDS, compose
from topofuse.system.extras import require
from topofuse.system.files import read_json, write_json, write_whole
from topofuse.training.checkpoint import CheckpointError

_FILE = "trees.safetensors"


@dataclass(frozen=True, eq=False)
class BoostedTrees:
    """Averaged pairs of boosted models: non-trivial, and kind given non-trivial."""

    binary: tuple[Forest, ...]
    kind: tuple[Forest, ...]

    def predict(self, table: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, f) features, NaN where undefined → (n, 5) probabilities."""
        nontrivial = average([model.predict(table) for model in self.binary])
        kind = average([model.predict(table) for model in self.kind])
        return compose(nontrivial, kind)

    def contributions(self, row: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
        """(f,) of the columns of a row (f,) to the log-odds of non-trivial, and those that the trees start from."""
        each = [model.contributions(row) for model in self.binary]
        return np.asarray(np.mean([shares for shares, _ in each], axis=0)), float(np.mean([start for _, start in each]))

    def gain(self) -> NDArray[np.float64]:
        """(f,) total split gain per feature, each model's gains scaled to sum to one, averaged."""
        gains = [model.gains() for model in (*self.binary, *self.kind)]
        return average([np.asarray(g / max(g.sum(), 1e-12)) for g in gains])

    def rounds(self) -> tuple[int, int]:
        """Mean number of boosting rounds of the binary and of the kind models."""
        binary, kind = (np.mean([model.rounds for model in models]) for models in (self.binary, self.kind))
        return round(float(binary)), round(float(kind))

    def content(self) -> bytes:
        """All models as one safetensors file."""
        named = {f"binary-{i}": model for i, model in enumerate(self.binary)}
        named |= {f"kind-{i}": model for i, model in enumerate(self.kind)}
        return save({f"{name}.{key}": array for name, model in named.items() for key, array in model.tensors().items()})

    @classmethod
    def restore(cls, content: bytes, columns: int) -> BoostedTrees:
        """Put back what `content` gave, on tables of so many columns; `ForestError` for what are no trees."""
        named: dict[str, dict[str, NDArray[Any]]] = {}
        try:
            for key, array in load(content).items():
                named.setdefault(key.rpartition(".")[0], {})[key.rpartition(".")[2]] = array
        except SafetensorError as error:
            raise ForestError(f"no safetensors file: {error}") from error
        models = {name: Forest.restore(arrays, columns) for name, arrays in sorted(named.items())}
        binary, kind = (tuple(m for n, m in models.items() if n.startswith(part)) for part in ("binary-", "kind-"))
        outputs = {m.root.shape[1] for m in binary}, {m.root.shape[1] for m in kind}
        if outputs != ({1}, {len(KINDS)}) or len(binary) + len(kind) < len(models):
            raise ForestError(f"boosted trees are models binary-0 ... and kind-0 ..., not {', '.join(models)}")
        return cls(binary, kind)


def as_forest(text: str) -> Forest:
    """The arrays of a LightGBM model from its text form, in which this package trained it."""
    head, *parts = text.split("\n\nend of trees", 1)[0].split("\nTree=")
    about = dict(line.split("=", 1) for line in head.splitlines() if "=" in line)
    trees = [dict(line.split("=", 1) for line in part.splitlines() if "=" in line) for part in parts]

    def joined(name: str, dtype: type) -> NDArray[Any]:
        words = [word for tree in trees for word in tree.get(name, "").split()]
        return np.array(words).astype(dtype)

    split = np.array([int(tree["num_leaves"]) - 1 for tree in trees])
    first_split, first_leaf = (np.cumsum(n) - n for n in (split, split + 1))
    owner = np.repeat(np.arange(len(trees)), split)

    def numbered(children: NDArray[np.int64], owner: NDArray[np.int64]) -> NDArray[np.int32]:
        moved = np.where(children >= 0, children + first_split[owner], children - first_leaf[owner])
        return np.asarray(moved, dtype=np.int32)

    decision, threshold = joined("decision_type", np.int64), joined("threshold", np.float64)
    kind_of_missing = decision >> 2  # 0: NaN counts as nought, 1: nought counts as missing, 2: NaN goes its own way
    if (decision & 1).any() or (kind_of_missing == 1).any():
        raise ForestError("trees with categories, or to which nought is missing, are not trained here")
    return Forest(
        columns=int(about["max_feature_idx"]) + 1,
        root=numbered(np.where(split > 0, 0, -1), np.arange(len(trees))).reshape(
            -1, int(about["num_tree_per_iteration"])
        ),
        column=joined("split_feature", np.uint16),
        threshold=_rounded_down(threshold),
        undefined_left=np.where(kind_of_missing == 2, (decision & 2) > 0, threshold >= 0),
        left=numbered(joined("left_child", np.int64), owner),
        right=numbered(joined("right_child", np.int64), owner),
        gain=joined("split_gain", np.float32),
        value=joined("leaf_value", np.float64).astype(np.float32),
        count=np.maximum(joined("leaf_count", np.int64), 1).astype(np.int32),
    )


def _rounded_down(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest single-precision numbers that are not larger."""
    with np.errstate(over="ignore"):
        near = values.astype(np.float32)
    return np.where(near > values, np.nextafter(near, np.float32(-np.inf)), near)


def fit_boosted(
    table: NDArray[np.float32],
    labels: NDArray[np.integer],
    train: NDArray[np.integer],
    validation: NDArray[np.integer],
    config: BoostedConfig,
    *,
    seed: int,
    threads: int,
    rounds: tuple[int, int] | None = None,
) -> BoostedTrees:
    """Fit on the rows `train`, with early stopping on the rows `validation` (all label codes 0..4).

    rounds: of the binary and of the kind models, where there are no rows for early stopping; else the configuration's
    """
    require("training boosted trees", "train", "lightgbm")
    most = rounds or (config.rounds, config.rounds)
    binary, kind = [], []
    for repeat in range(config.seeds):
        params = _params(config, 1000 * repeat + seed, threads)
        binary.append(
            _fit(table, (labels > 0).astype(int), train, validation, {**params, "objective": "binary"}, most[0], config)
        )
        kinds = {**params, "objective": "multiclass", "num_class": len(KINDS), "num_leaves": max(config.leaves // 2, 2)}
        kind_train, kind_validation = (r[labels[r] > 0] for r in (train, validation))
        kind.append(_fit(table, labels - 1, kind_train, kind_validation, kinds, most[1], config))
    return BoostedTrees(tuple(binary), tuple(kind))


def _fit(
    table: NDArray[np.float32],
    target: NDArray[np.integer],
    train: NDArray[np.integer],
    validation: NDArray[np.integer],
    params: dict[str, Any],
    rounds: int,
    config: BoostedConfig,
) -> Forest:
    import lightgbm as lgb  # for training alone

    data = lgb.Dataset(table[train], target[train], params=params)
    sets: list[lgb.Dataset] = []
    callbacks: list[Callable[..., Any]] = []
    if len(validation):
        sets = [lgb.Dataset(table[validation], target[validation], reference=data, params=params)]
        callbacks = [lgb.early_stopping(config.patience, verbose=False)]
    model = lgb.train(params, data, rounds, valid_sets=sets, callbacks=callbacks)
    return as_forest(model.model_to_string())  # up to its best round


def _params(config: BoostedConfig, seed: int, threads: int) -> dict[str, Any]:
    return {
        "learning_rate": config.learning_rate,
        "num_leaves": config.leaves,
        "min_data_in_leaf": config.min_leaf,
        "feature_fraction": config.feature_share,
        "bagging_fraction": config.row_share,
        "bagging_freq": 1,
        "lambda_l2": config.l2,
        "num_threads": threads,  # LightGBM's own default oversubscribes beside torch's threads
        "deterministic": True,
        "force_row_wise": True,
        "seed": seed,
        "verbosity": -1,
    }


def fit_or_load(
    directory: Path,
    table: NDArray[np.float32],
    labels: NDArray[np.integer],
    train: NDArray[np.integer],
    validation: NDArray[np.integer],
    config: BoostedConfig,
    *,
    seed: int,
    threads: int,
    rounds: tuple[int, int] | None = None,
) -> BoostedTrees:
    """`fit_boosted`, kept in `directory`; a second call with the same input reads it back."""
    digest = hashlib.sha256(json.dumps([config.model_dump(), seed, rounds], sort_keys=True).encode())
    for rows in (train, validation):
        digest.update(np.ascontiguousarray(table[rows]).tobytes() + labels[rows].astype("<i8").tobytes())
    identity, done = digest.hexdigest()[:16], directory / "done.json"
    if done.exists():
        info = read_json(done)
        if info["identity"] != identity:
            raise CheckpointError(f"{directory} belongs to other settings or data; choose another --out, or delete it")
        return _read(directory / _FILE, table.shape[1])
    trees = fit_boosted(table, labels, train, validation, config, seed=seed, threads=threads, rounds=rounds)
    write_whole(directory / _FILE, trees.content())
    write_json(done, {"identity": identity})
    return trees


def _read(path: Path, columns: int) -> BoostedTrees:
    try:
        return BoostedTrees.restore(path.read_bytes(), columns)
    except (OSError, ForestError) as error:
        raise CheckpointError(
            f"{path} cannot be read ({error}); delete its folder, the trees are fitted again"
        ) from error

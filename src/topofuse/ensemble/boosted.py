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

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from topofuse.config import BoostedConfig
from topofuse.ensemble.blending import average
from topofuse.labels import KINDS, compose
from topofuse.system.files import read_json, write_json, write_whole
from topofuse.training.checkpoint import CheckpointError


@dataclass(frozen=True, eq=False)
class BoostedTrees:
    """Averaged pairs of LightGBM models: non-trivial, and kind given non-trivial."""

    binary: tuple[lgb.Booster, ...]
    kind: tuple[lgb.Booster, ...]

    def predict(self, table: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, f) features, NaN where undefined → (n, 5) probabilities."""
        nontrivial = average([_predict(model, table) for model in self.binary])
        kind = average([_predict(model, table) for model in self.kind])
        return compose(nontrivial, kind)

    def gain(self) -> NDArray[np.float64]:
        """(f,) total split gain per feature, each model's gains scaled to sum to one, averaged."""
        gains = [model.feature_importance("gain") for model in (*self.binary, *self.kind)]
        return average([np.asarray(g / max(g.sum(), 1e-12)) for g in gains])

    def rounds(self) -> tuple[int, int]:
        """Mean number of boosting rounds of the binary and of the kind models."""
        binary, kind = (np.mean([_rounds(model) for model in models]) for models in (self.binary, self.kind))
        return round(float(binary)), round(float(kind))

    def texts(self) -> dict[str, str]:
        """LightGBM's text form of every model, by name."""
        pairs = {f"binary-{i}": model for i, model in enumerate(self.binary)}
        pairs |= {f"kind-{i}": model for i, model in enumerate(self.kind)}
        return {name: model.model_to_string() for name, model in pairs.items()}

    @classmethod
    def from_texts(cls, texts: dict[str, str]) -> BoostedTrees:
        """Put back what `texts` gave."""
        models = {name: lgb.Booster(model_str=text) for name, text in sorted(texts.items())}
        return cls(
            tuple(m for name, m in models.items() if name.startswith("binary-")),
            tuple(m for name, m in models.items() if name.startswith("kind-")),
        )


# per-node numbers of LightGBM's text that neither predictions nor their contributions need, and their share: half
_DISPENSABLE = frozenset({"leaf_weight", "internal_weight", "internal_value", "split_gain", "tree_sizes"})


def compact_text(text: str) -> str:
    """LightGBM's text of a model without what prediction does not need, leaf values to eight digits.

    `gain` and the training parameters are lost; probabilities change by less than 1e-6.
    """
    lines = []
    for line in text.split("\nfeature_importances", 1)[0].split("\n"):
        name, _, values = line.partition("=")
        if name == "leaf_value":
            line = f"{name}={' '.join(f'{float(value):.8g}' for value in values.split(' '))}"
        if name not in _DISPENSABLE:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _rounds(model: lgb.Booster) -> int:
    # a freshly fitted model also holds the rounds after its best one, which its predictions and its text leave out
    return model.best_iteration if model.best_iteration > 0 else model.current_iteration()


def _predict(model: lgb.Booster, table: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(model.predict(table), dtype=np.float64)


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
) -> lgb.Booster:
    data = lgb.Dataset(table[train], target[train], params=params)
    sets: list[lgb.Dataset] = []
    callbacks: list[Callable[..., Any]] = []
    if len(validation):
        sets = [lgb.Dataset(table[validation], target[validation], reference=data, params=params)]
        callbacks = [lgb.early_stopping(config.patience, verbose=False)]
    return lgb.train(params, data, rounds, valid_sets=sets, callbacks=callbacks)


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
        return BoostedTrees.from_texts({name: (directory / f"{name}.txt").read_text() for name in info["models"]})
    trees = fit_boosted(table, labels, train, validation, config, seed=seed, threads=threads, rounds=rounds)
    texts = trees.texts()
    for name, text in texts.items():
        write_whole(directory / f"{name}.txt", text.encode())
    write_json(done, {"identity": identity, "models": sorted(texts)})
    return trees

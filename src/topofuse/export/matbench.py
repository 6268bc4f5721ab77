"""Predictions in the layout of a Matbench record: per fold, probabilities by material id, and scores.

The layout is that of `MatbenchBenchmark.to_file` (matbench 0.6: `matbench/bench.py`, `task.py`, `util.py`,
`data_ops.py` in github.com/materialsproject/matbench). Matbench's own leaderboard has 13 fixed tasks, and this is
none of them: its package reads the file as JSON, not by `MatbenchBenchmark.from_file`.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, roc_auc_score

from topofuse import __version__
from topofuse.export.source import ExportError, Predicted
from topofuse.system.files import write_whole

BENCHMARK = "topofuse"
TASK = "topofuse_nontrivial"
LAYOUT = "0.6"  # version of matbench whose layout this is


def write_matbench(predicted: Predicted, path: Path) -> int:
    """Write `path`, .json or .json.gz; returns the number of predictions.

    Each fold of the run's cross-validation is a fold of the record: out-of-fold p(non-trivial), floats between 0 and
    1, by material id. Test rows are not in it. Raises `ExportError`.
    """
    if not path.name.lower().endswith((".json", ".json.gz")):
        raise ExportError(f"{path}: a Matbench record is a .json or .json.gz file")
    pool = predicted.rows("pool")
    folds = {f"fold_{k}": _fold(pool, pool.fold == k) for k in np.unique(pool.fold)}
    task = {
        "@module": "matbench.task",
        "@class": "MatbenchTask",
        "benchmark_name": BENCHMARK,
        "dataset_name": TASK,
        "results": folds,
    }
    record: dict[str, Any] = {
        "@module": "matbench.bench",
        "@class": "MatbenchBenchmark",
        "version": LAYOUT,
        "tasks": {TASK: task},
        "user_metadata": _metadata(pool),
        "benchmark_name": BENCHMARK,
        "datestamp": datetime.now(UTC).strftime("%Y.%m.%d %H:%M.%S"),
    }
    text = json.dumps({**record, "hash": record_hash(record)}, allow_nan=False).encode()
    write_whole(path, gzip.compress(text, mtime=0) if path.name.lower().endswith(".gz") else text)
    return len(pool.labels)


def record_hash(record: dict[str, Any]) -> str:
    """SHA-256 (hex) of a record without its `hash`, keys sorted at every depth: Matbench's `hash_dictionary`."""
    return hashlib.sha256(json.dumps(record, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _fold(pool: Predicted, inside: NDArray[np.bool_]) -> dict[str, Any]:
    p = 1.0 - pool.p5[inside, 0]
    truth, decided = pool.labels[inside] > 0, p > 0.5
    scores: dict[str, float] = {
        "accuracy": accuracy_score(truth, decided),
        "balanced_accuracy": balanced_accuracy_score(truth, decided),
        "f1": f1_score(truth, decided),
        "rocauc": roc_auc_score(truth, p),
    }
    return {
        "data": {str(name): float(value) for name, value in zip(pool.material_ids[inside], p, strict=True)},
        "parameters": {"strategy": pool.strategy},
        "scores": {name: float(value) for name, value in scores.items()},
    }


def _metadata(pool: Predicted) -> dict[str, Any]:
    run = {key: pool.results[key] for key in ("preset", "seed", "hashes", "versions") if key in pool.results}
    target = "whether a material is topologically non-trivial; p > 0.5 is decided as such"
    return {"software": f"topofuse {__version__}", "strategy": pool.strategy, "target": target, **run}

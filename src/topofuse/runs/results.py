"""`results.json` and `predictions.parquet` of a run: what the report shows, for machines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from topofuse.crystals.formula import SYMBOLS
from topofuse.ensemble.blending import blend
from topofuse.ensemble.strategies import (
    DEPLOYED,
    FAST,
    STRATEGIES,
    Choice,
    Families,
    new_row_strategies,
    out_of_fold_networks,
    out_of_fold_strategies,
    split_full,
)
from topofuse.evaluation.bootstrap import bootstrap_intervals
from topofuse.labels import FIVE
from topofuse.modalities.registry import table_columns
from topofuse.runs.provenance import provenance
from topofuse.system.files import null_undefined, write_json, write_whole

if TYPE_CHECKING:
    from topofuse.runs.deploy import Bundles
    from topofuse.runs.run import RunState

Probabilities = NDArray[np.float64]

NO_OUT_OF_FOLD = {
    "full": "none: it has seen every pool row; the K-fold row has its settings",
    DEPLOYED: "none: it has seen every pool row; the chosen strategy's row has its settings",
}
TEXTBOOK_NOTE = (
    "The embedded textbook compounds are simple, symmetric, and far richer in topological materials than nature; "
    "figures on them show that the machinery works, not how good the method is."
)
CITATIONS = [
    "Labels: T. Zhang et al., 'Catalogue of topological electronic materials', Nature 566, 475 (2019); Materiae.",
    "Structures: A. Jain et al., 'Commentary: The Materials Project', APL Materials 1, 011002 (2013), CC BY 4.0.",
]


def write_results(
    state: RunState,
    choice: Choice,
    families: Families,
    test: Families | None,
    bundles: Bundles,
    directory: Path,
) -> None:
    """Score every strategy out of fold and on `test`, with intervals, and write both files.

    families, test: predictions of the families, out of fold and on the test rows; bundles: those of the bundles
    """
    rows = state.rows
    oof = out_of_fold_strategies(families, rows.labels[rows.pool], rows.fold[rows.pool])
    on_test = {} if test is None else new_row_strategies(test, choice.weights)
    oof[FAST] = bundles.fast_out_of_fold
    on_test |= {name: p for name, p in ((DEPLOYED, bundles.main), (FAST, bundles.fast)) if p is not None}
    networks, network_weights = out_of_fold_networks(families, rows.labels[rows.pool], rows.fold[rows.pool])
    networks_on_test = None if test is None else blend(test.named(), split_full(network_weights))
    strategies = [
        {
            "name": name,
            "title": title,
            "description": description,
            "oof": _scored(state, rows.pool, oof.get(name)),
            "oof_note": NO_OUT_OF_FOLD.get(name),
            "test": _scored(state, rows.test, on_test.get(name)),
        }
        for name, (title, description) in STRATEGIES.items()
    ]
    write_json(
        directory / "results.json",
        {
            "title": f"topofuse run on {state.prepared.data.name}",
            **provenance(state.config, state.prepared.data),
            "config": state.config.model_dump(mode="json"),
            "timings": state.timings.summary(),
            "dataset": describe_rows(state),
            "strategies": strategies,
            "chosen": choice.name,
            "choice": choice.reason(),
            "weights": choice.weights,
            "trust": null_undefined(bundles.trust),
            "networks_only": {
                "name": "networks_only",
                "title": "All networks, no trees",
                "description": "blend of the K-fold (with the full-data) and the ensemble family",
                "oof": _scored(state, rows.pool, networks),
                "test": _scored(state, rows.test, networks_on_test),
            },
            "jobs": _jobs(state),
            "history": [
                {"job": name, **entry} for name, trained in state.networks.items() for entry in trained.progress.history
            ],
            "feature_importance": _importance(state),
        },
    )
    _write_predictions(state, oof, on_test, directory / "predictions.parquet")


def _scored(state: RunState, rows: NDArray[np.int64], p: Probabilities | None) -> dict[str, Any] | None:
    if p is None or len(rows) == 0:
        return None
    intervals = bootstrap_intervals(
        state.rows.labels[rows], p, state.rows.formulas[rows], n=state.config.bootstrap, seed=state.config.seed
    )
    scored: dict[str, Any] = null_undefined(intervals)
    return scored


def describe_rows(state: RunState) -> dict[str, Any]:
    """What the run's data hold."""
    rows, data = state.rows, state.prepared.data
    counts = {
        split: {name: int((rows.labels[members] == code).sum()) for code, name in enumerate(FIVE)}
        for split, members in (("pool", rows.pool), ("test", rows.test))
    }
    return {
        "name": data.name,
        "n_materials": len(data) + len(state.prepared.rejected),
        "n_pool": len(rows.pool),
        "n_test": len(rows.test),
        "n_rejected": len(state.prepared.rejected),
        "class_counts": counts,
        "note": TEXTBOOK_NOTE if data.name == "textbook" else "",
        "citations": CITATIONS,
    }


def _jobs(state: RunState) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "kind": "full" if name.startswith("full") else name.split("/")[0].rstrip("0123456789"),
            "epochs_run": len(trained.progress.history),
            "best_epoch": trained.progress.best_epoch,
            "seconds": round(sum(entry["seconds"] for entry in trained.progress.history), 1),
            "n_parameters": sum(p.numel() for p in trained.network.parameters()),
        }
        for name, trained in state.networks.items()
    ]


def _importance(state: RunState, top: int = 40) -> list[dict[str, Any]]:
    gain = np.mean([trees.gain() for trees in state.trees.values()], axis=0)
    columns = table_columns(state.config.modalities)
    return [
        {"feature": columns[i].split(":", 1)[1], "modality": columns[i].split(":", 1)[0], "gain": float(gain[i])}
        for i in np.argsort(-gain)[:top]
    ]


def _write_predictions(
    state: RunState, oof: dict[str, Probabilities], test: dict[str, Probabilities], path: Path
) -> None:
    """One row per pool and test material; out-of-fold predictions for the pool."""
    rows, data = state.rows, state.prepared.data
    order = np.concatenate([rows.pool, rows.test])
    crystals = [data.crystals[i] for i in order]
    table: dict[str, Any] = {
        "material_id": [data.material_ids[i] for i in order],
        "formula": rows.formulas[order],
        "split": ["pool"] * len(rows.pool) + ["test"] * len(rows.test),
        "fold": rows.fold[order],
        "label": [FIVE[code] for code in rows.labels[order]],
        "spacegroup": state.views[0].facts.spacegroup[order],
        "n_atoms": state.views[0].facts.n_atoms[order],
        "elements": [" ".join(SYMBOLS[z] for z in np.unique(c.numbers)) for c in crystals],
    }
    for name in STRATEGIES:
        parts = [oof.get(name), test.get(name)]
        sizes = (len(rows.pool), len(rows.test))
        full = [np.full((n, 5), np.nan) if p is None else p for p, n in zip(parts, sizes, strict=True)]
        values = np.concatenate(full).astype(np.float32)
        table |= {f"{name}:p_{label}": values[:, code] for code, label in enumerate(FIVE)}
    write_whole(path, pd.DataFrame(table).to_parquet(index=False, compression="zstd"))

"""`results.json` and `predictions.parquet` of a run: what the report shows, for machines. Each is written once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from topofuse.crystals.formula import SYMBOLS
from topofuse.ensemble.blending import blend
from topofuse.ensemble.strategies import DEPLOYED, FAST, STRATEGIES, new_row_strategies, split_full
from topofuse.evaluation.bootstrap import bootstrap_intervals
from topofuse.labels import FIVE
from topofuse.modalities.registry import table_columns
from topofuse.report.mistakes import structures_of_mistakes
from topofuse.report.source import STRUCTURES, Run, with_measurements
from topofuse.runs.compare import Comparison
from topofuse.runs.deploy import Deployed
from topofuse.runs.prepare import Prepared
from topofuse.runs.provenance import provenance
from topofuse.runs.train import Networks, Trained
from topofuse.system.files import null_undefined, write_json, write_whole

Probabilities = NDArray[np.float64]
Scored = Mapping[str, Probabilities]

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


def write_results(trained: Trained, comparison: Comparison, deployed: Deployed) -> Run:
    """Score every strategy out of fold and on `test`, with intervals; write both files, and return what they hold.

    structures.json has the structures of the mistakes that the report lists.
    """
    prepared = trained.prepared
    path = prepared.folder.path
    out_of_fold = {**comparison.strategies, FAST: deployed.fast_out_of_fold}
    on_test: dict[str, Probabilities] = {}
    if deployed.families is not None:
        on_test = new_row_strategies(deployed.families, comparison.choice.weights)
    on_test |= {name: p for name, p in ((DEPLOYED, deployed.main), (FAST, deployed.fast)) if p is not None}
    results = _results(trained, comparison, deployed, out_of_fold, on_test)
    predictions = _predictions(prepared, out_of_fold, on_test)
    run = with_measurements(path, Run(results, predictions, None, None, {}))
    run = replace(run, structures=structures_of_mistakes(run, prepared.data))
    write_json(path / "results.json", results)
    write_whole(path / "predictions.parquet", predictions.to_parquet(index=False, compression="zstd"))
    write_json(path / STRUCTURES, run.structures)
    return run


def _results(
    trained: Trained, comparison: Comparison, deployed: Deployed, out_of_fold: Scored, on_test: Scored
) -> dict[str, Any]:
    """The content of results.json."""
    prepared, choice = trained.prepared, comparison.choice
    rows = prepared.rows
    networks = {**trained.networks, **deployed.members}
    return {
        "title": f"topofuse run on {prepared.data.name}",
        **provenance(prepared.config, prepared.data),
        "config": prepared.config.model_dump(mode="json"),
        "timings": prepared.folder.timings.summary(),
        "dataset": describe_rows(prepared),
        "strategies": [
            {
                "name": name,
                "title": title,
                "description": description,
                "oof": _scored(prepared, rows.pool, out_of_fold.get(name)),
                "oof_note": NO_OUT_OF_FOLD.get(name),
                "test": _scored(prepared, rows.test, on_test.get(name)),
            }
            for name, (title, description) in STRATEGIES.items()
        ],
        "chosen": choice.name,
        "choice": choice.reason(),
        "weights": choice.weights,
        "trust": null_undefined(deployed.trust),
        "networks_only": _networks_only(prepared, comparison, deployed),
        "jobs": _jobs(networks),
        "history": [
            {"job": job.name, **entry} for job, network in networks.items() for entry in network.progress.history
        ],
        "feature_importance": _importance(trained),
    }


def _networks_only(prepared: Prepared, comparison: Comparison, deployed: Deployed) -> dict[str, Any]:
    """What the networks reach without the trees."""
    weights = split_full(dict(comparison.network_weights))
    on_test = None if deployed.families is None else blend(deployed.families.named(), weights)
    return {
        "name": "networks_only",
        "title": "All networks, no trees",
        "description": "blend of the K-fold (with the full-data) and the ensemble family",
        "oof": _scored(prepared, prepared.rows.pool, comparison.networks),
        "test": _scored(prepared, prepared.rows.test, on_test),
    }


def _scored(prepared: Prepared, rows: NDArray[np.int64], p: Probabilities | None) -> dict[str, Any] | None:
    if p is None or len(rows) == 0:
        return None
    own, config = prepared.rows, prepared.config
    intervals = bootstrap_intervals(own.labels[rows], p, own.formulas[rows], n=config.bootstrap, seed=config.seed)
    scored: dict[str, Any] = null_undefined(intervals)
    return scored


def describe_rows(prepared: Prepared) -> dict[str, Any]:
    """What the run's data hold."""
    rows, data = prepared.rows, prepared.data
    counts = {
        split: {name: int((rows.labels[members] == code).sum()) for code, name in enumerate(FIVE)}
        for split, members in (("pool", rows.pool), ("test", rows.test))
    }
    return {
        "name": data.name,
        "n_materials": len(data) + len(prepared.rejected),
        "n_pool": len(rows.pool),
        "n_test": len(rows.test),
        "n_rejected": len(prepared.rejected),
        "class_counts": counts,
        "note": TEXTBOOK_NOTE if data.name == "textbook" else "",
        "citations": CITATIONS,
    }


def _jobs(networks: Networks) -> list[dict[str, Any]]:
    return [
        {
            "name": job.name,
            "model": job.model,
            "kind": job.family,
            "epochs_run": len(trained.progress.history),
            "best_epoch": trained.progress.best_epoch,
            "seconds": round(sum(entry["seconds"] for entry in trained.progress.history), 1),
            "n_parameters": sum(p.numel() for p in trained.network.parameters()),
        }
        for job, trained in networks.items()
    ]


def _importance(trained: Trained, top: int = 40) -> list[dict[str, Any]]:
    """The columns with the largest split gain in the trees of all folds."""
    gain = trained.gain()
    columns = [column.split(":", 1) for column in table_columns(trained.prepared.config.modalities)]
    return [
        {"feature": columns[i][1], "modality": columns[i][0], "gain": float(gain[i])} for i in np.argsort(-gain)[:top]
    ]


def _predictions(prepared: Prepared, out_of_fold: Scored, on_test: Scored) -> pd.DataFrame:
    """One row per pool and test material; out-of-fold predictions for the pool."""
    rows, data, store = prepared.rows, prepared.data, prepared.views[0]
    order = np.concatenate([rows.pool, rows.test])
    table: dict[str, Any] = {
        "material_id": [data.material_ids[i] for i in order],
        "formula": rows.formulas[order],
        "split": ["pool"] * len(rows.pool) + ["test"] * len(rows.test),
        "fold": rows.fold[order],
        "label": [FIVE[code] for code in rows.labels[order]],
        "spacegroup": store.facts.spacegroup[order],
        "n_atoms": store.facts.n_atoms[order],
        "elements": [" ".join(SYMBOLS[z] for z in np.unique(data.crystals[i].numbers)) for i in order],
    }
    for name in STRATEGIES:
        parts = [out_of_fold.get(name), on_test.get(name)]
        sizes = (len(rows.pool), len(rows.test))
        full = [np.full((n, 5), np.nan) if p is None else p for p, n in zip(parts, sizes, strict=True)]
        values = np.concatenate(full).astype(np.float32)
        table |= {f"{name}:p_{label}": values[:, code] for code, label in enumerate(FIVE)}
    return pd.DataFrame(table)

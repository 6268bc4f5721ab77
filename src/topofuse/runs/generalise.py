"""How far a model carries: to formulas, systems of elements and structure types that it has never met.

The boosted trees are trained and scored out of fold on the pool, once per kind of grouping, and on growing
parts of the pool. They are the family that carries the ensemble and train in minutes; what they lose from one
split to the next, the ensemble may be expected to lose as well. The test rows are never touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topofuse.config import Config
from topofuse.ensemble.blending import OutOfFold
from topofuse.ensemble.boosted import fit_or_load
from topofuse.evaluation.bootstrap import Interval, bootstrap_intervals, paired_difference
from topofuse.materials.splits import GROUPINGS, group_keys, grouped_folds, grouped_holdout
from topofuse.runs.jobs import Rows, kfold_jobs
from topofuse.runs.prepare import Prepared, open_run, prepare
from topofuse.runs.progress import RunLog
from topofuse.runs.provenance import provenance
from topofuse.system.files import null_undefined, write_json

Probabilities = NDArray[np.float64]

FAMILY = "boosted trees"
TITLES: dict[str, str] = {
    "formula": "Formula",
    "chemsys": "System of elements",
    "prototype": "Prototype",
    "random": "Random",
}
SHARES = (0.10, 0.25, 0.50)  # of the rows outside a fold; all of them is the formula split itself
MIN_ROWS = 20  # to learn and to stop from; with fewer, a share is not measured


@dataclass(frozen=True, eq=False)
class Fit:
    """Trees to be fitted: `name` is their folder, `rows` what they learn from, `inside` what they predict."""

    name: str
    fold: int
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    inside: NDArray[np.int64]
    seed: int


def run(
    preset: str = "quick",
    data: str | Path | None = None,
    kinds: Sequence[str] = tuple(GROUPINGS),
    out: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> Path:
    """Measure the kinds of split (`formula` always, as the reference) and the learning curve; path of `report.html`.

    Raises ConfigError, DatasetError.
    """
    from topofuse.report import write_generalisation_report

    config, dataset, directory = open_run(preset, data, out, resume, None, "generalise")
    prepared = prepare(config, dataset, progress)
    splits = split_rows(prepared, kinds)
    fits = {kind: kind_fits(config, rows, kind) for kind, rows in splits.items()}
    curves = {share: curve_fits(config, splits["formula"], share) for share in SHARES}
    measured = {share: found for share, found in curves.items() if found}
    log = RunLog(directory, progress)
    everything = [fit for group in (*fits.values(), *measured.values()) for fit in group]
    predictions = _predicted(prepared, everything, directory / "trees", log)
    write_json(
        directory / "generalisation.json",
        {
            **_heading(prepared),
            "kinds": _kinds(prepared, splits, predictions),
            "curve": _curve(prepared, measured, fits["formula"], predictions),
            "skipped_shares": [share for share, found in curves.items() if not found],
        },
    )
    return write_generalisation_report(directory)


def split_rows(prepared: Prepared, kinds: Sequence[str]) -> dict[str, Rows]:
    """Rows of every kind, `formula` first: its folds are the data set's own, the others have as many.

    In each, `formulas` holds the names of that kind's groups; rows of `test` stay outside of every fold.
    """
    rows = prepared.rows
    out = {"formula": rows}
    for kind in (k for k in GROUPINGS if k in kinds and k != "formula"):
        numbers = [crystal.numbers for crystal in prepared.data.crystals]
        keys = group_keys(kind, numbers, prepared.views[0].facts.spacegroup)
        fold = np.full_like(rows.fold, -1)
        folds = grouped_folds(keys[rows.pool].tolist(), rows.labels[rows.pool], len(rows.folds), prepared.config.seed)
        fold[rows.pool] = folds
        out[kind] = replace(rows, formulas=keys, fold=fold)
    return out


def kind_fits(config: Config, rows: Rows, kind: str) -> list[Fit]:
    """One fit per fold; training, validation rows and seeds are those of the trees in `topofuse run`."""
    return [
        Fit(f"{kind}/{fold}", fold, job.train, job.validation, rows.inside(fold), job.seed)
        for fold, job in zip(rows.folds, kfold_jobs(config, rows), strict=True)
    ]


def curve_fits(config: Config, rows: Rows, share: float) -> list[Fit]:
    """One fit per fold on `share` of the rows outside it; empty where that is too little to learn from.

    The rows for early stopping come out of the share as well: whoever has a tenth of the data has a tenth of it
    for everything. Whole formulas; a larger share holds a smaller one.
    """
    fits = []
    for fold, job in zip(rows.folds, kfold_jobs(config, rows), strict=True):
        part = learning_rows(rows, fold, share, job.seed)
        if len(part) < MIN_ROWS or len(np.unique(rows.labels[part] > 0)) < 2:
            return []
        train, validation = rows.hold_out(part, config.training.validation_share, job.seed)
        name = f"formula-{round(100 * share)}-percent/{fold}"
        fits.append(Fit(name, fold, train, validation, rows.inside(fold), job.seed))
    return fits


def learning_rows(rows: Rows, fold: int, share: float, seed: int) -> NDArray[np.int64]:
    """About `share` of the pool rows outside `fold`: whole formulas, classes in equal shares."""
    outside = rows.outside(fold)
    return outside[grouped_holdout(rows.formulas[outside].tolist(), rows.labels[outside], share, seed)]


def _predicted(prepared: Prepared, fits: Sequence[Fit], directory: Path, log: RunLog) -> dict[str, Probabilities]:
    """Out-of-fold probabilities of the pool by the first part of the fits' names; fitted, or read back."""
    config, rows = prepared.config, prepared.rows
    table = prepared.views[0].table(config.modalities)
    predictions: dict[str, OutOfFold] = {}

    def predicted(fit: Fit) -> Probabilities:
        trees = fit_or_load(
            directory / fit.name,
            table,
            rows.labels,
            fit.train,
            fit.validation,
            config.boosted,
            seed=fit.seed,
            threads=1,  # as many fits side by side are quicker than as many threads
        )
        return trees.predict(table[fit.inside])

    with ThreadPoolExecutor(config.threads) as pool:
        for fit, found in zip(fits, log.track(pool.map(predicted, fits), FAMILY, len(fits)), strict=True):
            group = predictions.setdefault(fit.name.split("/")[0], OutOfFold(len(rows.labels)))
            group.fill(fit.inside, found)
    return {name: oof.complete(rows.pool) for name, oof in predictions.items()}


def _heading(prepared: Prepared) -> dict[str, Any]:
    config, rows = prepared.config, prepared.rows
    return {
        **provenance(config, prepared.data),
        "title": f"How far the {FAMILY} carry, on {prepared.data.name}",
        "subtitle": f"Generalisation of the {FAMILY} with the preset {config.preset}",
        "family": FAMILY,
        "n_pool": len(rows.pool),
        "protocol": (
            f"{FAMILY.capitalize()} only: the family that carries the ensemble. {len(rows.pool):,} materials of the "
            f"pool, each predicted by trees that were fitted on the other {len(rows.folds) - 1} of {len(rows.folds)} "
            "folds; the test split is not touched. Rows for early stopping are taken from the training rows and "
            "grouped like the folds. Intervals are bootstrap intervals at 95 % over the groups of the split; those of "
            "a difference are paired, over the groups of the split that is compared, or over formulas where it has "
            "none. They do not include the chance of one fit against another of the same settings."
        ),
    }


def _kinds(
    prepared: Prepared, splits: Mapping[str, Rows], predictions: Mapping[str, Probabilities]
) -> list[dict[str, Any]]:
    """Metrics of every kind and its difference to `formula`, in points."""
    out = []
    for kind, rows in splits.items():
        groups = rows.formulas[rows.pool]
        sizes = np.unique(groups, return_counts=True)[1]
        # near-copies of one formula are no independent evidence on what a random split makes of them
        compared = prepared.rows.formulas[rows.pool] if kind == "random" else groups
        out.append(
            {
                "name": kind,
                "title": TITLES[kind],
                "note": GROUPINGS[kind],
                "n_groups": len(sizes),
                "largest_group": int(sizes.max()),
                "metrics": _scored(prepared, predictions[kind], groups),
                "difference": None
                if kind == "formula"
                else _differences(prepared, predictions[kind], predictions["formula"], compared),
            }
        )
    return out


def _curve(
    prepared: Prepared,
    measured: Mapping[float, list[Fit]],
    whole: list[Fit],
    predictions: Mapping[str, Probabilities],
) -> list[dict[str, Any]]:
    """Metrics by the share of the rows to learn from, each with what it lacks to all of them, in points."""
    formulas = prepared.rows.formulas[prepared.rows.pool]
    out = []
    for share, fits in [*measured.items(), (1.0, whole)]:
        p = predictions[fits[0].name.split("/")[0]]
        out.append(
            {
                "share": share,
                "n_rows": round(float(np.mean([len(fit.train) + len(fit.validation) for fit in fits]))),
                "metrics": _scored(prepared, p, formulas),
                "difference": None if share == 1 else _differences(prepared, p, predictions["formula"], formulas),
            }
        )
    return out


def _scored(prepared: Prepared, p: Probabilities, groups: NDArray[np.str_]) -> dict[str, Any]:
    labels, config = prepared.rows.labels[prepared.rows.pool], prepared.config
    scored: dict[str, Any] = null_undefined(bootstrap_intervals(labels, p, groups, config.bootstrap, config.seed))
    return scored


def _differences(
    prepared: Prepared, p: Probabilities, reference: Probabilities, groups: NDArray[np.str_]
) -> dict[str, dict[str, Any]]:
    """{level: {metric: interval}} of `p` minus `reference` on the same rows, in points (hundredths)."""
    labels, config = prepared.rows.labels[prepared.rows.pool], prepared.config

    def points(level: str, metric: str) -> Any:
        found: Interval = paired_difference(labels, p, reference, groups, level, metric, config.bootstrap, config.seed)
        return null_undefined({key: 100.0 * value for key, value in found.items()})

    return {
        "two": {"accuracy": points("two", "accuracy"), "auroc": points("two", "auroc")},
        "three": {"accuracy": points("three", "accuracy")},
        "five": {"accuracy": points("five", "accuracy")},
    }

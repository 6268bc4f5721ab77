"""How far a model carries: to formulas, systems of elements and structure types that it has never met.

The boosted trees are trained and scored out of fold on the pool, once per kind of grouping, and on growing
parts of the pool. They are the family that carries the ensemble and train in minutes; what they lose from one
split to the next, the ensemble may be expected to lose as well. The test rows are never touched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topofuse.config import Config
from topofuse.ensemble.blending import OutOfFold
from topofuse.ensemble.boosted import BoostedTrees
from topofuse.evaluation.bootstrap import Interval, bootstrap_intervals, paired_difference
from topofuse.materials.splits import GROUPINGS, group_keys, grouped_folds, grouped_holdout
from topofuse.report import write_generalisation_report
from topofuse.runs.folder import open_run
from topofuse.runs.jobs import TreesJob, left_out, trees_jobs
from topofuse.runs.prepare import Labelled, Prepared, prepare
from topofuse.runs.provenance import provenance
from topofuse.runs.train import for_trees, table_of
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
    opened = open_run("generalise", preset, data, out, resume=resume, progress=progress)
    prepared = prepare(opened)
    config = opened.config
    splits = split_rows(prepared, kinds)
    by_kind = {kind: trees_jobs(kind, config, rows) for kind, rows in splits.items()}
    curves = {share: curve_jobs(config, splits["formula"], share) for share in SHARES}
    measured = {share: jobs for share, jobs in curves.items() if jobs}
    predictions = {kind: _predicted(prepared, splits[kind], jobs) for kind, jobs in by_kind.items()}
    on_shares = {share: _predicted(prepared, splits["formula"], jobs) for share, jobs in measured.items()}
    points = [*((share, jobs, on_shares[share]) for share, jobs in measured.items())]
    points.append((1.0, by_kind["formula"], predictions["formula"]))
    content = {
        **_heading(prepared),
        "kinds": _kinds(prepared, splits, predictions),
        "curve": [_curve_point(prepared, *point, predictions["formula"]) for point in points],
        "skipped_shares": [share for share, jobs in curves.items() if not jobs],
    }
    write_json(opened.folder.path / "generalisation.json", content)
    return write_generalisation_report(opened.folder.path, content)


def split_rows(prepared: Prepared, kinds: Sequence[str]) -> dict[str, Labelled]:
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


def curve_jobs(config: Config, rows: Labelled, share: float) -> list[TreesJob]:
    """One job per fold on `share` of the rows outside it; empty where that is too little to learn from.

    The rows for early stopping come out of the share as well: whoever has a tenth of the data has a tenth of it
    for everything. Whole formulas; a larger share holds a smaller one.
    """
    jobs = []
    for job in trees_jobs(f"formula-{round(100 * share)}-percent", config, rows):
        part = learning_rows(rows, left_out(job), share, job.seed)
        if len(part) < MIN_ROWS or len(np.unique(rows.labels[part] > 0)) < 2:
            return []
        train, validation = rows.hold_out(part, config.training.validation_share, job.seed)
        jobs.append(replace(job, train=train, validation=validation))
    return jobs


def learning_rows(rows: Labelled, fold: int, share: float, seed: int) -> NDArray[np.int64]:
    """About `share` of the pool rows outside `fold`: whole formulas, classes in equal shares."""
    outside = rows.outside(fold)
    return outside[grouped_holdout(rows.formulas[outside].tolist(), rows.labels[outside], share, seed)]


def _predicted(prepared: Prepared, rows: Labelled, jobs: Sequence[TreesJob]) -> Probabilities:
    """(n_pool, 5) out-of-fold probabilities by the trees of `jobs`; fitted, or read back."""

    def inside(job: TreesJob, trees: BoostedTrees) -> Probabilities:
        return trees.predict(table_of(prepared, job)[rows.inside(left_out(job))])

    out = OutOfFold(len(rows.labels))
    predictions = for_trees(prepared, jobs, prepared.folder.path / "trees", f"{FAMILY}, {jobs[0].family}", inside)
    for job, p in zip(jobs, predictions, strict=True):
        out.fill(rows.inside(left_out(job)), p)
    return out.complete(rows.pool)


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
    prepared: Prepared, splits: Mapping[str, Labelled], predictions: Mapping[str, Probabilities]
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


def _curve_point(
    prepared: Prepared, share: float, jobs: Sequence[TreesJob], p: Probabilities, whole: Probabilities
) -> dict[str, Any]:
    """Metrics at a share of the rows to learn from, with what they lack to those of the whole, in points."""
    formulas = prepared.rows.formulas[prepared.rows.pool]
    return {
        "share": share,
        "n_rows": round(float(np.mean([len(job.train) + len(job.validation) for job in jobs]))),
        "metrics": _scored(prepared, p, formulas),
        "difference": None if share == 1 else _differences(prepared, p, whole, formulas),
    }


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
        difference: Interval = paired_difference(
            labels, p, reference, groups, level, metric, config.bootstrap, config.seed
        )
        return null_undefined({key: 100.0 * value for key, value in difference.items()})

    return {
        "two": {"accuracy": points("two", "accuracy"), "auroc": points("two", "auroc")},
        "three": {"accuracy": points("three", "accuracy")},
        "five": {"accuracy": points("five", "accuracy")},
    }

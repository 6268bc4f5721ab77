"""From models to the choice: every family and every strategy out of fold, once, and the best of them.

Nothing here looks at a test row; `choice.json` is written before any is predicted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topofuse.ensemble.blending import OutOfFold, average
from topofuse.ensemble.strategies import (
    Choice,
    Families,
    choose,
    out_of_fold_networks,
    out_of_fold_strategies,
)
from topofuse.runs.jobs import left_out
from topofuse.runs.prepare import Prepared
from topofuse.runs.train import Networks, Trained, Trees, table_of
from topofuse.system.files import write_json
from topofuse.training.inference import predict_views

Probabilities = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Comparison:
    """Out-of-fold probabilities (n_pool, 5), rows in the order of the pool, and what they chose.

    families: of each family of models; strategies: of each strategy that has them, by name
    networks: of the networks without the trees, whose blend has the weights `network_weights`
    """

    families: Families
    strategies: Mapping[str, Probabilities]
    networks: Probabilities
    network_weights: Mapping[str, float]
    choice: Choice


def compare(trained: Trained) -> Comparison:
    """Predict the pool out of fold, blend, choose; writes choice.json."""
    folder, rows = trained.prepared.folder, trained.prepared.rows
    labels, folds = rows.labels[rows.pool], rows.fold[rows.pool]
    with folder.timings.stage("bundles"):
        families = _families(trained)
        strategies = out_of_fold_strategies(families, labels, folds)
        networks, weights = out_of_fold_networks(families, labels, folds)
        choice = choose(families, strategies, labels)
        write_json(folder.path / "choice.json", choice.summary())
    return Comparison(families, strategies, networks, weights, choice)


def _families(trained: Trained) -> Families:
    prepared = trained.prepared
    members = [
        networks_out_of_fold(prepared, trained.family("member", index)) for index in range(len(prepared.config.members))
    ]
    return Families(
        kfold=networks_out_of_fold(prepared, trained.family("kfold")),
        ensemble=average(members),
        boosted=trees_out_of_fold(prepared, trained.trees),
        full=None,
    )


def networks_out_of_fold(prepared: Prepared, networks: Networks) -> Probabilities:
    """(n_pool, 5): each fold by the network that left it out, mean over the views."""
    out = OutOfFold(len(prepared.rows.labels))
    for job, trained in networks.items():
        inside = prepared.rows.inside(left_out(job))
        out.fill(inside, predict_views(trained.network, prepared.views, inside))
    return out.complete(prepared.rows.pool)


def trees_out_of_fold(prepared: Prepared, trees: Trees) -> Probabilities:
    """(n_pool, 5): each fold by the trees that left it out."""
    out = OutOfFold(len(prepared.rows.labels))
    for job, forest in trees.items():
        inside = prepared.rows.inside(left_out(job))
        out.fill(inside, forest.predict(table_of(prepared, job)[inside]))
    return out.complete(prepared.rows.pool)

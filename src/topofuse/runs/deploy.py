"""From the choice to the bundles that `predict` uses, and to the test rows: the one step that predicts them.

Every member of the chosen blend is trained again on the whole pool: `bundle/`. `bundle-fast/` holds boosted trees on
what takes little time to compute. What the bundles say is measured with the bundles themselves, read back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topofuse.config import BoostedConfig, Config
from topofuse.ensemble.blending import average
from topofuse.ensemble.boosted import BoostedTrees
from topofuse.ensemble.bundle import Bundle, load_bundle, save_bundle
from topofuse.ensemble.strategies import FAST, STRATEGIES, Choice, Families
from topofuse.evaluation.confidence import TrustRows, measure_trust
from topofuse.evaluation.novelty import by_domain, by_novelty
from topofuse.modalities.registry import modality, table_columns
from topofuse.runs.compare import trees_out_of_fold
from topofuse.runs.jobs import NetworkJob, fixed_epochs, full_job, full_trees_job, trees_jobs
from topofuse.runs.prepare import Prepared
from topofuse.runs.provenance import provenance
from topofuse.runs.train import Trained, Trees, fit_trees, table_of, train_networks
from topofuse.system.processes import peak_memory_gib
from topofuse.training.inference import predict_views
from topofuse.training.trainer import TrainedNetwork
from topofuse.trust.novelty import TrainingMaterials
from topofuse.trust.trust import Trust, cross_fit

Probabilities = NDArray[np.float64]
Members = dict[NetworkJob, TrainedNetwork]


@dataclass(frozen=True, eq=False)
class Deployed:
    """What the bundles of a run, and its strategies, say of rows that chose nothing.

    members: the networks that were trained again on the whole pool
    main, fast: (n, 5) calibrated probabilities of the test rows by the bundles, None without test rows
    fast_out_of_fold: (n, 5) of the pool, by trees of the fast bundle's kind that did not see the row
    families: of the test rows, by the families of the comparison; None without test rows
    trust: the block of results.json that `topofuse.evaluation.confidence` and `.novelty` describe
    """

    members: Members
    main: Probabilities | None
    fast: Probabilities | None
    fast_out_of_fold: Probabilities
    families: Families | None
    trust: dict[str, Any]


@dataclass(frozen=True, eq=False)
class _Measured:
    """Calibrated probabilities of the pool, cross-fitted, and of the test rows; the bundle's part of `trust`."""

    pool: Probabilities
    test: Probabilities | None
    trust: dict[str, Any]


def deploy(trained: Trained, choice: Choice) -> Deployed:
    """Train and write both bundles, read them back, and predict the test rows with them and with every family."""
    prepared = trained.prepared
    timings = prepared.folder.timings
    with timings.stage("bundles"):
        reference = _fit_reference(trained)
        members = _train_members_on_pool(trained) if "ensemble" in choice.deployed_weights() else {}
        main = _measure(prepared, _main_bundle(trained, choice, members, reference), choice.out_of_fold)
        fast_trees = _fast_trees(prepared)
        unseen = trees_out_of_fold(prepared, fast_trees)
        fast = _measure(prepared, _fast_bundle(prepared, fast_trees, unseen, reference), unseen)
        far = {} if reference is None else _measure_reference(prepared, reference, main)
        families = _families_on_test(trained)
    timings.peak("peak_memory", peak_memory_gib())
    trust = {"main": main.trust, "fast": fast.trust, **far}
    return Deployed(members, main.test, fast.test, fast.pool, families, trust)


def _fit_reference(trained: Trained) -> TrainingMaterials | None:
    """The pool as bundles carry it, by tables that all of them have; None where every modality is costly."""
    config, data = trained.prepared.config, trained.prepared.data
    names = tuple(name for name in config.modalities if modality(name).costly is None)
    rows, pool = trained.prepared.rows, trained.prepared.rows.pool
    if not names:
        return None
    gain = dict(zip(table_columns(config.modalities), trained.gain(), strict=True))
    described = [data.material_ids[i] for i in pool], rows.formulas[pool].tolist(), rows.labels[pool]
    weights = np.array([gain[column] for column in table_columns(names)])
    sources = [data.sources[i] for i in pool]
    return TrainingMaterials.fit(trained.prepared.views[0], pool, names, described, weights, sources)


def _measure_reference(prepared: Prepared, reference: TrainingMaterials, main: _Measured) -> dict[str, Any]:
    """The blocks `domain` and `novelty` of `trust`: `topofuse.evaluation.novelty`."""
    store, rows = prepared.views[0], prepared.rows
    labels = rows.labels[rows.pool]
    domain: dict[str, Any] = {"oof": by_domain(reference.domains(store, rows.pool), labels, main.pool), "test": None}
    novelty: dict[str, Any] = {"oof": by_novelty(reference.own_novelty(), labels, main.pool), "test": None}
    if main.test is not None:
        labels = rows.labels[rows.test]
        domain["test"] = by_domain(reference.domains(store, rows.test), labels, main.test)
        novelty["test"] = by_novelty(reference.place(store, rows.test).novelty, labels, main.test)
    return {"domain": domain, "novelty": novelty}


def _measure(prepared: Prepared, bundle: Bundle, out_of_fold: Probabilities) -> _Measured:
    rows = prepared.rows
    fitted = cross_fit(rows.labels[rows.pool], out_of_fold, rows.fold[rows.pool])
    pool = TrustRows(rows.labels[rows.pool], out_of_fold, fitted.probabilities, fitted.p_values)
    if len(rows.test) == 0:
        return _Measured(pool.after, None, measure_trust(bundle.trust, pool, None))
    test = TrustRows.from_predictions(
        bundle.trust, rows.labels[rows.test], bundle.raw_stores(prepared.views, rows.test)
    )
    return _Measured(pool.after, test.after, measure_trust(bundle.trust, pool, test))


def _families_on_test(trained: Trained) -> Families | None:
    """Predictions of the test rows by the models of the comparison."""
    prepared = trained.prepared
    rows = prepared.rows.test
    if len(rows) == 0:
        return None

    def by_networks(family: str) -> Probabilities:
        networks = trained.family(family).values()
        return average([predict_views(trained.network, prepared.views, rows) for trained in networks])

    return Families(
        kfold=by_networks("kfold"),
        ensemble=by_networks("member"),
        boosted=average([trees.predict(table_of(prepared, job)[rows]) for job, trees in trained.trees.items()]),
        full=by_networks("full"),
    )


def _train_members_on_pool(trained: Trained) -> Members:
    """Every ensemble member once more, on the whole pool, for the median of its folds' best epochs."""
    prepared = trained.prepared
    jobs = []
    for index in range(len(prepared.config.members)):
        epochs = fixed_epochs(n.progress.best_epoch for n in trained.family("member", index).values())
        jobs.append(full_job(prepared.config, prepared.rows, epochs, index))
    return train_networks(prepared, jobs)


def _main_bundle(trained: Trained, choice: Choice, members: Members, reference: TrainingMaterials | None) -> Bundle:
    prepared, weights = trained.prepared, choice.deployed_weights()
    parts = {"full": trained.family("full"), "ensemble": members}
    networks = {
        family: {job.name: (job.task.network, own.network) for job, own in part.items()}
        for family, part in parts.items()
        if family in weights
    }
    trees = [_fit_on_pool(prepared, prepared.config, trained.trees)] if "boosted" in weights else []
    trust = _fit_trust(prepared, choice.out_of_fold, f"the chosen strategy, {STRATEGIES[choice.name][0]}")
    info = {**provenance(prepared.config, prepared.data), "chosen": choice.name}
    target = prepared.folder.path / "bundle"
    save_bundle(target, prepared.config, networks, trees, weights, trust, info, reference)
    return load_bundle(target)


def _fast_trees(prepared: Prepared) -> Trees:
    """Trees of the fast bundle's kind without each fold."""
    jobs = trees_jobs("trees-fast", fast_config(prepared.config), prepared.rows)
    return fit_trees(prepared, jobs, prepared.folder.path, "trees of the fast bundle")


def _fast_bundle(
    prepared: Prepared, trees: Trees, out_of_fold: Probabilities, reference: TrainingMaterials | None
) -> Bundle:
    config = fast_config(prepared.config)
    forest = _fit_on_pool(prepared, config, trees)
    trust = _fit_trust(prepared, out_of_fold, "trees of the fast bundle's kind")
    info = {**provenance(prepared.config, prepared.data), "chosen": FAST}
    target = prepared.folder.path / "bundle-fast"
    save_bundle(target, config, {}, [forest], {"boosted": 1.0}, trust, info, reference)
    return load_bundle(target)


def _fit_on_pool(prepared: Prepared, config: Config, folds: Trees) -> BoostedTrees:
    """Trees of the same family as those of the folds, on the whole pool."""
    family = next(iter(folds)).family
    job = full_trees_job(family, config, prepared.rows, [trees.rounds() for trees in folds.values()])
    (forest,) = fit_trees(prepared, [job], prepared.folder.path, f"{family}, whole pool").values()
    return forest


def _fit_trust(prepared: Prepared, out_of_fold: Probabilities, source: str) -> Trust:
    labels = prepared.rows.labels[prepared.rows.pool]
    return Trust.fit(labels, out_of_fold, f"out-of-fold predictions of {len(labels):,} pool rows by {source}")


def fast_config(config: Config) -> Config:
    """Settings of the fast bundle: costly modalities skipped, two seeds at most, one view."""
    names = tuple(name for name in config.modalities if name in config.fast_modalities) or config.modalities
    boosted: BoostedConfig = config.boosted.model_copy(update={"seeds": min(config.boosted.seeds, 2)})
    return config.model_copy(update={"modalities": names, "boosted": boosted, "tta_views": 1, "skip_costly": True})

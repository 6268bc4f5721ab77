"""From a finished comparison to the bundles that `predict` uses: every member trained again on the whole pool.

`bundle/` holds the chosen blend. `bundle-fast/` holds boosted trees on what takes little time to compute.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from topofuse.config import BoostedConfig, Config, NetworkConfig
from topofuse.ensemble.blending import OutOfFold
from topofuse.ensemble.boosted import BoostedTrees, fit_or_load
from topofuse.ensemble.bundle import Bundle, load_bundle, save_bundle
from topofuse.ensemble.strategies import STRATEGIES, Choice, Families, out_of_fold_strategies
from topofuse.evaluation.novelty import by_domain, by_novelty
from topofuse.evaluation.trust import TrustRows, measure_trust
from topofuse.fusion.build import Network
from topofuse.modalities.registry import modality, table_columns
from topofuse.runs.jobs import fixed_epochs, full_job
from topofuse.runs.progress import RunLog
from topofuse.runs.provenance import provenance
from topofuse.trust.novelty import Reference
from topofuse.trust.trust import Trust, cross_fit

if TYPE_CHECKING:
    from topofuse.runs.run import RunState

Probabilities = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bundles:
    """What the bundles of a run predict, calibrated as `predict` gives it.

    main, fast: (n, 5) probabilities of the test rows, None without test rows
    fast_out_of_fold: (n, 5) of the pool, by trees of the fast bundle's kind that did not see the row
    trust: the block of results.json that `topofuse.evaluation.trust` and `.novelty` describe
    """

    main: Probabilities | None
    fast: Probabilities | None
    fast_out_of_fold: Probabilities
    trust: dict[str, Any]


def deploy(state: RunState, choice: Choice, families: Families, directory: Path, log: RunLog) -> Bundles:
    """Train and write both bundles, read them back, and predict the test rows with them.

    families: out-of-fold probabilities of the pool; the chosen strategy's calibrate the main bundle
    """
    info = {**provenance(state.config, state.prepared.data), "chosen": choice.name}
    pool = state.rows.pool
    chosen = out_of_fold_strategies(families, state.rows.labels[pool], state.rows.fold[pool])[choice.name]
    reference = _fit_reference(state)
    main = _main_bundle(state, choice, chosen, reference, directory, log, info)
    fast, fast_trees = _fast_bundle(state, reference, directory, log, info)
    main_oof, main_test, main_trust = _measure(state, main, chosen)
    fast_oof, fast_test, fast_trust = _measure(state, fast, fast_trees)
    far = {} if reference is None else _measure_reference(state, reference, main_oof, main_test)
    return Bundles(main_test, fast_test, fast_oof, {"main": main_trust, "fast": fast_trust, **far})


def _fit_reference(state: RunState) -> Reference | None:
    """The pool as bundles carry it, by tables that all of them have; None where every modality is costly."""
    names = tuple(name for name in state.config.modalities if modality(name).costly is None)
    rows, data = state.rows.pool, state.prepared.data
    if not names:
        return None
    gains = np.mean([trees.gain() for trees in state.trees.values()], axis=0)
    gain = dict(zip(table_columns(state.config.modalities), gains, strict=True))
    described = [data.material_ids[i] for i in rows], state.rows.formulas[rows].tolist(), state.rows.labels[rows]
    weights = np.array([gain[column] for column in table_columns(names)])
    return Reference.fit(state.views[0], rows, names, described, weights)


def _measure_reference(
    state: RunState, reference: Reference, oof: Probabilities, test: Probabilities | None
) -> dict[str, Any]:
    """The blocks `domain` and `novelty` of `trust`: `topofuse.evaluation.novelty`."""
    store, rows = state.views[0], state.rows
    labels = rows.labels[rows.pool]
    domain: dict[str, Any] = {"oof": by_domain(reference.domains(store, rows.pool), labels, oof), "test": None}
    novelty: dict[str, Any] = {"oof": by_novelty(reference.own_novelty(), labels, oof), "test": None}
    if test is not None:
        labels = rows.labels[rows.test]
        domain["test"] = by_domain(reference.domains(store, rows.test), labels, test)
        novelty["test"] = by_novelty(reference.place(store, rows.test).novelty, labels, test)
    return {"domain": domain, "novelty": novelty}


def _fit_trust(state: RunState, out_of_fold: Probabilities, of: str) -> Trust:
    labels = state.rows.labels[state.rows.pool]
    return Trust.fit(labels, out_of_fold, f"out-of-fold predictions of {len(labels):,} pool rows by {of}")


def _measure(
    state: RunState, bundle: Bundle, out_of_fold: Probabilities
) -> tuple[Probabilities, Probabilities | None, dict[str, Any]]:
    """Calibrated probabilities of the pool, cross-fitted, and of the test rows; the bundle's part of `trust`."""
    rows = state.rows
    fitted = cross_fit(rows.labels[rows.pool], out_of_fold, rows.fold[rows.pool])
    pool = TrustRows(rows.labels[rows.pool], out_of_fold, fitted.probabilities, fitted.p_values)
    if len(rows.test) == 0:
        return pool.after, None, measure_trust(bundle.trust, pool, None)
    test = TrustRows.of(bundle.trust, rows.labels[rows.test], bundle.raw_stores(state.views, rows.test))
    return pool.after, test.after, measure_trust(bundle.trust, pool, test)


def fit_trees(state: RunState, config: Config, directory: Path, log: RunLog, title: str) -> dict[int, BoostedTrees]:
    """Boosted trees without each fold, on the same rows as the K-fold network of this fold.

    Folds side by side, one thread each: two threads on one fold take longer than one.
    """

    def fit(fold: int) -> BoostedTrees:
        job = state.jobs[f"kfold/{fold}"]
        return _fit(state, config, directory / str(fold), (job.train, job.validation), job.seed, None)

    with ThreadPoolExecutor(config.threads) as pool:
        folds = state.rows.folds
        return dict(zip(folds, log.track(pool.map(fit, folds), title, len(folds)), strict=True))


def _fit_on_pool(state: RunState, config: Config, directory: Path, folds: list[BoostedTrees]) -> BoostedTrees:
    """Trees on the whole pool, with as many rounds as the folds' early stopping found on average."""
    binary, kind = np.mean([trees.rounds() for trees in folds], axis=0)
    rows = state.rows.pool, state.rows.pool[:0]
    return _fit(state, config, directory, rows, state.jobs["full"].seed, (round(binary), round(kind)))


def _fit(
    state: RunState,
    config: Config,
    directory: Path,
    rows: tuple[NDArray[np.int64], NDArray[np.int64]],
    seed: int,
    rounds: tuple[int, int] | None,
) -> BoostedTrees:
    return fit_or_load(
        directory,
        _table(state, config),
        state.rows.labels,
        *rows,
        config.boosted,
        seed=seed,
        threads=1,
        rounds=rounds,
    )


def _table(state: RunState, config: Config) -> NDArray[np.float32]:
    store = state.views[0]
    return (store.thrifty() if config.thrifty else store).table(config.modalities)


def _main_bundle(
    state: RunState,
    choice: Choice,
    out_of_fold: Probabilities,
    reference: Reference | None,
    directory: Path,
    log: RunLog,
    info: dict[str, object],
) -> Bundle:
    weights = choice.deployed_weights()
    networks: dict[str, dict[str, tuple[NetworkConfig, Network]]] = {}
    if "full" in weights:
        networks["full"] = _with_settings(state, ["full"])
    if "ensemble" in weights:
        networks["ensemble"] = _with_settings(state, _train_members_on_pool(state, directory, log))
    trees = []
    if "boosted" in weights:
        trees = [_fit_on_pool(state, state.config, directory / "trees/full", list(state.trees.values()))]
    trust = _fit_trust(state, out_of_fold, f"the chosen strategy, {STRATEGIES[choice.name][0]}")
    save_bundle(directory / "bundle", state.config, networks, trees, weights, trust, info, reference)
    return load_bundle(directory / "bundle")


def _with_settings(state: RunState, names: list[str]) -> dict[str, tuple[NetworkConfig, Network]]:
    return {name: (state.jobs[name].network, state.networks[name].network) for name in names}


def _train_members_on_pool(state: RunState, directory: Path, log: RunLog) -> list[str]:
    """Every ensemble member once more, on the whole pool; the names of the jobs."""
    jobs = []
    for index in range(len(state.config.members)):
        epochs = fixed_epochs(n.progress.best_epoch for n in state.family(f"member{index}/").values())
        jobs.append(full_job(state.config, state.rows, epochs, index))
    log.begin({job.name: job.training.epochs for job in jobs})
    state.train(jobs, directory, log)
    log.end()
    return [job.name for job in jobs]


def _fast_bundle(
    state: RunState, reference: Reference | None, directory: Path, log: RunLog, info: dict[str, object]
) -> tuple[Bundle, Probabilities]:
    """The fast bundle, and out-of-fold predictions of trees of its kind."""
    config, rows = fast_config(state.config), state.rows
    table = _table(state, config)
    folds = fit_trees(state, config, directory / "trees-fast", log, "trees of the fast bundle")
    out = OutOfFold(len(rows.labels))
    for fold, trees in folds.items():
        out.fill(rows.inside(fold), trees.predict(table[rows.inside(fold)]))
    trees = _fit_on_pool(state, config, directory / "trees-fast/full", list(folds.values()))
    trust = _fit_trust(state, out.complete(rows.pool), "trees of the fast bundle's kind")
    info = {**info, "chosen": "fast"}
    save_bundle(directory / "bundle-fast", config, {}, [trees], {"boosted": 1.0}, trust, info, reference)
    return load_bundle(directory / "bundle-fast"), out.complete(rows.pool)


def fast_config(config: Config) -> Config:
    """Settings of the fast bundle: thrifty, two seeds at most, one view."""
    names = tuple(name for name in config.modalities if name in config.fast_modalities) or config.modalities
    boosted: BoostedConfig = config.boosted.model_copy(update={"seeds": min(config.boosted.seeds, 2)})
    return config.model_copy(update={"modalities": names, "boosted": boosted, "tta_views": 1, "thrifty": True})

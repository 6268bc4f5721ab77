"""From a finished comparison to the bundles that `predict` uses: every member trained again on the whole pool.

`bundle/` holds the chosen blend. `bundle-fast/` holds boosted trees on the modalities that take little time.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from topofuse.config import BoostedConfig, Config, NetworkConfig
from topofuse.ensemble.blending import OutOfFold
from topofuse.ensemble.boosted import BoostedTrees, fit_or_load
from topofuse.ensemble.bundle import Bundle, load_bundle, save_bundle
from topofuse.ensemble.members import fixed_epochs, full_job
from topofuse.ensemble.strategies import Choice
from topofuse.fusion.build import Network
from topofuse.progress import RunLog
from topofuse.provenance import provenance

if TYPE_CHECKING:
    from topofuse.pipeline import RunState

Probabilities = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bundles:
    """What the bundles of a run predict.

    main, fast: (n, 5) probabilities of the test rows, None without test rows
    fast_out_of_fold: (n, 5) of the pool, by trees of the fast bundle's kind that did not see the row
    """

    main: Probabilities | None
    fast: Probabilities | None
    fast_out_of_fold: Probabilities


def deploy(state: RunState, choice: Choice, directory: Path, log: RunLog) -> Bundles:
    """Train and write both bundles, read them back, and predict the test rows with them."""
    info = {**provenance(state.config, state.prepared.data), "chosen": choice.name}
    main = _main_bundle(state, choice, directory, log, info)
    fast, out_of_fold = _fast_bundle(state, directory, log, info)
    test = state.rows.test
    if len(test) == 0:
        return Bundles(None, None, out_of_fold)
    return Bundles(main.predict_stores(state.views, test), fast.predict_stores(state.views, test), out_of_fold)


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
        state.views[0].table(config.modalities),
        state.rows.labels,
        *rows,
        config.boosted,
        seed=seed,
        threads=1,
        rounds=rounds,
    )


def _main_bundle(state: RunState, choice: Choice, directory: Path, log: RunLog, info: dict[str, object]) -> Bundle:
    weights = choice.deployed_weights()
    networks: dict[str, dict[str, tuple[NetworkConfig, Network]]] = {}
    if "full" in weights:
        networks["full"] = _with_settings(state, ["full"])
    if "ensemble" in weights:
        networks["ensemble"] = _with_settings(state, _train_members_on_pool(state, directory, log))
    trees = []
    if "boosted" in weights:
        trees = [_fit_on_pool(state, state.config, directory / "trees/full", list(state.trees.values()))]
    save_bundle(directory / "bundle", state.config, networks, trees, weights, info)
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
    state: RunState, directory: Path, log: RunLog, info: dict[str, object]
) -> tuple[Bundle, Probabilities]:
    """The fast bundle, and out-of-fold predictions of trees of its kind."""
    config, rows = fast_config(state.config), state.rows
    table = state.views[0].table(config.modalities)
    folds = fit_trees(state, config, directory / "trees-fast", log, "trees of the fast bundle")
    out = OutOfFold(len(rows.labels))
    for fold, trees in folds.items():
        out.fill(rows.inside(fold), trees.predict(table[rows.inside(fold)]))
    trees = _fit_on_pool(state, config, directory / "trees-fast/full", list(folds.values()))
    save_bundle(directory / "bundle-fast", config, {}, [trees], {"boosted": 1.0}, {**info, "chosen": "fast"})
    return load_bundle(directory / "bundle-fast"), out.complete(rows.pool)


def fast_config(config: Config) -> Config:
    """Settings of the fast bundle: the quick modalities, two seeds at most, one view."""
    names = tuple(name for name in config.modalities if name in config.fast_modalities) or config.modalities
    boosted: BoostedConfig = config.boosted.model_copy(update={"seeds": min(config.boosted.seeds, 2)})
    return config.model_copy(update={"modalities": names, "boosted": boosted, "tta_views": 1})

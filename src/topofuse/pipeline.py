"""The whole strategy, from crystals to report: K-fold, diverse ensemble, full-data model, trees, super ensemble.

The order is the protocol. Everything is trained and chosen on the pool; the test rows are predicted at the
end, when `choice.json` already says which strategy is reported.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topofuse.config import Config
from topofuse.ensemble.blending import OutOfFold, average
from topofuse.ensemble.boosted import BoostedTrees, fit_or_load
from topofuse.ensemble.bundle import save_bundle
from topofuse.ensemble.members import Rows, fixed_epochs, fold_of, full_job, kfold_jobs, member_jobs
from topofuse.ensemble.strategies import Choice, Families, choose
from topofuse.files import write_json
from topofuse.modalities.store import FeatureStore
from topofuse.preparation import Prepared, open_run, prepare
from topofuse.processes import peak_memory_gib
from topofuse.progress import RunLog
from topofuse.provenance import provenance
from topofuse.training.inference import predict_views
from topofuse.training.parallel import train_jobs
from topofuse.training.trainer import Job, TrainedNetwork


@dataclass
class RunState:
    """What a run gathers on its way to the report."""

    prepared: Prepared
    networks: dict[str, TrainedNetwork] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    trees: dict[int, BoostedTrees] = field(default_factory=dict)
    timings: dict[str, float] = field(default_factory=dict)

    @property
    def config(self) -> Config:
        """Settings of the run."""
        return self.prepared.config

    @property
    def rows(self) -> Rows:
        """Labels, formulas and folds of the labelled materials."""
        return self.prepared.rows

    @property
    def views(self) -> list[FeatureStore]:
        """Features of the labelled materials, a store per view."""
        return self.prepared.views

    def family(self, prefix: str) -> dict[str, TrainedNetwork]:
        """Trained networks whose job name starts with `prefix`."""
        return {name: network for name, network in self.networks.items() if name.startswith(prefix)}


def run(
    preset: str = "quick",
    data: str | Path | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    seed: int | None = None,
    progress: bool = True,
) -> Path:
    """Run the strategy and return the path of `report.html`.

    data: a parquet file, a CSV of structure files, or None for the embedded `textbook`
    out: the run's folder; `runs/PRESET-DATA` if None
    resume: continue the run that `out` holds; without it, a folder that holds a run is refused
    Raises ConfigError, DatasetError.
    """
    started = time.perf_counter()
    config, dataset, directory = open_run(preset, data, out, resume, seed, "run")
    log = RunLog(directory, progress)
    prepared = prepare(config, dataset, progress)
    state = RunState(prepared, timings={"features_s": time.perf_counter() - started})
    _train_networks(state, directory, log)
    _train_trees(state, directory, log)
    families = _out_of_fold(state)
    choice = choose(families, state.rows.labels[state.rows.pool], state.rows.fold[state.rows.pool])
    write_json(directory / "choice.json", choice.summary())
    test = _test(state)
    state.timings["total_s"] = time.perf_counter() - started
    _write_bundle(state, choice, directory / "bundle")
    return _report(state, choice, families, test, directory)


def _train_networks(state: RunState, directory: Path, log: RunLog) -> None:
    started = time.perf_counter()
    config, rows = state.config, state.rows
    folds, members = kfold_jobs(config, rows), member_jobs(config, rows)
    log.begin({job.name: job.training.epochs for job in [*folds, *members]} | {"full": config.training.epochs})
    _train(state, folds, directory, log)
    epochs = fixed_epochs([n.progress.best_epoch for n in state.networks.values()])
    _train(state, [full_job(config, rows, epochs), *members], directory, log)
    log.end()
    state.timings["peak_worker_memory_gib"] = log.peak_memory_gib
    state.timings["networks_s"] = time.perf_counter() - started


def _train(state: RunState, jobs: list[Job], directory: Path, log: RunLog) -> None:
    state.jobs |= {job.name: job for job in jobs}
    state.networks |= train_jobs(
        jobs,
        state.views[0],
        state.rows.labels,
        directory / "networks",
        workers=state.config.threads,
        on_epoch=log.epoch,
        on_done=log.job_done,
    )


def _train_trees(state: RunState, directory: Path, log: RunLog) -> None:
    started = time.perf_counter()
    config, rows = state.config, state.rows
    table = state.views[0].table(config.modalities)
    for fold in log.track(rows.folds, "boosted trees"):
        job = state.jobs[f"kfold/{fold}"]  # the same rows as the network of this fold
        state.trees[fold] = fit_or_load(
            directory / "trees" / str(fold),
            table,
            rows.labels,
            job.train,
            job.validation,
            config.boosted,
            seed=job.seed,
            threads=config.threads,
        )
    state.timings["trees_s"] = time.perf_counter() - started


def _out_of_fold(state: RunState) -> Families:
    """Out-of-fold probabilities of every family, rows in the order of `rows.pool`."""
    rows, n = state.rows, len(state.rows.labels)
    table = state.views[0].table(state.config.modalities)
    members: dict[str, OutOfFold] = {}
    for name, trained in state.networks.items():
        if name != "full":
            inside = rows.inside(fold_of(state.jobs[name]))
            family = members.setdefault(name.split("/")[0], OutOfFold(n))
            family.fill(inside, predict_views(trained.network, state.views, inside))
    trees = members.setdefault("boosted", OutOfFold(n))
    for fold, model in state.trees.items():
        trees.fill(rows.inside(fold), model.predict(table[rows.inside(fold)]))
    complete = {name: oof.complete(rows.pool) for name, oof in members.items()}
    return Families(
        kfold=complete["kfold"],
        ensemble=average([p for name, p in complete.items() if name.startswith("member")]),
        boosted=complete["boosted"],
        full=None,
    )


def _test(state: RunState) -> Families | None:
    """Predictions of the test rows: the one place that touches them."""
    rows = state.rows.test
    if len(rows) == 0:
        return None
    table = state.views[0].table(state.config.modalities)[rows]

    def of(prefix: str) -> NDArray[np.float64]:
        return average([predict_views(t.network, state.views, rows) for t in state.family(prefix).values()])

    return Families(
        kfold=of("kfold/"),
        ensemble=of("member"),
        boosted=average([trees.predict(table) for trees in state.trees.values()]),
        full=of("full"),
    )


def _write_bundle(state: RunState, choice: Choice, directory: Path) -> None:
    families = {"kfold": "kfold/", "ensemble": "member", "full": "full"}
    weights = choice.deployed_weights()
    save_bundle(
        directory,
        state.config,
        {
            family: {
                name: (state.jobs[name].network, trained.network) for name, trained in state.family(prefix).items()
            }
            for family, prefix in families.items()
            if weights.get(family, 0.0) > 0
        },
        list(state.trees.values()) if weights.get("boosted", 0.0) > 0 else [],
        weights,
        {**provenance(state.config, state.prepared.data), "chosen": choice.name},
    )


def _report(state: RunState, choice: Choice, families: Families, test: Families | None, directory: Path) -> Path:
    from topofuse.report import write_report
    from topofuse.results import write_results

    state.timings["peak_memory_gib"] = peak_memory_gib()
    write_results(state, choice, families, test, directory)
    return write_report(directory)

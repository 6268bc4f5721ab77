"""The whole strategy, from crystals to report: K-fold, diverse ensemble, full-data model, trees, super ensemble.

The order is the protocol. Everything is trained and chosen on the pool; then the members of the chosen blend are
trained again on the whole pool, for the bundle. The test rows are predicted at the end, when `choice.json` already
says which strategy is reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topofuse.config import Config
from topofuse.ensemble.blending import OutOfFold, average
from topofuse.ensemble.boosted import BoostedTrees
from topofuse.ensemble.strategies import Families, choose
from topofuse.modalities.store import FeatureStore
from topofuse.runs.deploy import deploy, fit_trees
from topofuse.runs.jobs import Rows, fixed_epochs, fold_of, full_job, kfold_jobs, member_jobs
from topofuse.runs.prepare import Prepared, open_run, prepare
from topofuse.runs.progress import RunLog, Timings
from topofuse.runs.results import write_results
from topofuse.system.files import write_json
from topofuse.system.processes import peak_memory_gib
from topofuse.training.inference import predict_views
from topofuse.training.parallel import train_jobs
from topofuse.training.trainer import Job, TrainedNetwork


@dataclass
class RunState:
    """What a run gathers on its way to the report."""

    prepared: Prepared
    timings: Timings
    networks: dict[str, TrainedNetwork] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    trees: dict[int, BoostedTrees] = field(default_factory=dict)

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

    def train(self, jobs: list[Job], directory: Path, log: RunLog) -> None:
        """Train networks, or read back those that `directory` holds."""
        self.jobs |= {job.name: job for job in jobs}
        self.networks |= train_jobs(
            jobs,
            self.views[0],
            self.rows.labels,
            directory / "networks",
            workers=self.config.threads,
            on_epoch=log.epoch,
            on_done=log.job_done,
        )

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
    from topofuse.report import keep_structures, write_report  # loads what draws, which training does not need

    config, dataset, directory = open_run(preset, data, out, resume, seed, "run")
    log, timings = RunLog(directory, progress), Timings(directory)
    with timings.stage("features"):
        state = RunState(prepare(config, dataset, progress), timings)
    with timings.stage("networks"):
        _train_networks(state, directory, log)
    with timings.stage("trees"):
        state.trees |= fit_trees(state, config, directory / "trees", log, "boosted trees")
    with timings.stage("bundles"):
        families = _out_of_fold(state)
        choice = choose(families, state.rows.labels[state.rows.pool], state.rows.fold[state.rows.pool])
        write_json(directory / "choice.json", choice.summary())
        bundles = deploy(state, choice, families, directory, log)
        test = _test(state)
    timings.peak("peak_memory", peak_memory_gib())
    write_results(state, choice, families, test, bundles, directory)
    keep_structures(directory, state.prepared.data)
    return write_report(directory)


def _train_networks(state: RunState, directory: Path, log: RunLog) -> None:
    config, rows = state.config, state.rows
    folds, members = kfold_jobs(config, rows), member_jobs(config, rows)
    log.begin({job.name: job.training.epochs for job in [*folds, *members]} | {"full": config.training.epochs})
    state.train(folds, directory, log)
    epochs = fixed_epochs(n.progress.best_epoch for n in state.networks.values())
    state.train([full_job(config, rows, epochs), *members], directory, log)
    log.end()
    state.timings.peak("peak_worker_memory", log.peak_memory_gib)


def _out_of_fold(state: RunState) -> Families:
    """Out-of-fold probabilities of every family, rows in the order of `rows.pool`."""
    rows, n = state.rows, len(state.rows.labels)
    table = state.views[0].table(state.config.modalities)
    members: dict[str, OutOfFold] = {}
    for name, trained in state.networks.items():
        if "/" in name:  # one network per fold; the others have seen the whole pool
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
        full=predict_views(state.networks["full"].network, state.views, rows),
    )

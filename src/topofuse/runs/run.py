"""The whole strategy, from crystals to report: K-fold, diverse ensemble, full-data model, trees, super ensemble.

The order is the protocol. Everything is trained and chosen on the pool; then the members of the chosen blend are
trained again on the whole pool, for the bundle. The test rows are predicted at the end, when `choice.json` already
says which strategy is reported.
"""

from __future__ import annotations

from pathlib import Path

from topofuse.report import write_report
from topofuse.runs.compare import compare
from topofuse.runs.deploy import deploy
from topofuse.runs.folder import open_run
from topofuse.runs.prepare import prepare
from topofuse.runs.results import write_results
from topofuse.runs.train import train


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
    out: the run's folder; `runs/PRESET` if None
    resume: continue the run that `out` holds; without it, a folder that holds a run is refused
    Raises ConfigError, DatasetError.
    """
    opened = open_run("run", preset, data, out, resume=resume, seed=seed, progress=progress)
    prepared = prepare(opened)
    trained = train(prepared)
    comparison = compare(trained)
    deployed = deploy(trained, comparison.choice)
    results = write_results(trained, comparison, deployed)
    return write_report(opened.folder.path, results)

"""Confirmations from paths to rows, and what a person sees of them on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from topofuse.confirm import cost
from topofuse.confirm.engine import engine_version
from topofuse.confirm.inputs import write_inputs
from topofuse.confirm.path import PER_LINE
from topofuse.confirm.plan import Job, Selection, announce, is_sure, plan
from topofuse.confirm.run import TIME_LIMIT, Calculate, Engine, Local, run
from topofuse.confirm.settings import Settings
from topofuse.confirm.store import Result, Store, default_folder
from topofuse.confirm.table import DFT_COLUMNS, dft_row, verdict_columns
from topofuse.confirm.trace_files import TraceFileError, levels_in, read_traces
from topofuse.confirm.verdict import judge
from topofuse.crystals import CrystalError, analyse
from topofuse.screening.entries import Entry
from topofuse.screening.predict import PredictOptions, predict_rows, write_table
from topofuse.screening.screen import open_given
from topofuse.screening.structures import entries
from topofuse.screening.table import Row, TableWriter, aligned_text
from topofuse.symmetry import symmetry_table
from topofuse.system.extras import require
from topofuse.system.workers import default_workers

_SHOWN = ("input", "formula", "spacegroup", "label", "p_nontrivial", "dft_status", "dft_class", "agreement", "dft_gap")


@dataclass(frozen=True)
class Effort:
    """How the work is done; nothing here changes a result.

    workers: calculations at a time, each with `threads` threads; time_limit: seconds that each may take
    engine: 'local', or 'ray' at `address`; store: folder of finished calculations, None for the user's
    """

    workers: int = 1
    threads: int = 1
    time_limit: float = TIME_LIMIT
    engine: str = "local"
    address: str | None = None
    store: Path | None = None


def confirm(
    paths: Iterable[Path],
    model: str,
    settings: Settings,
    selection: Selection,
    effort: Effort,
    say: Callable[[str], None],
) -> list[Row]:
    """The rows of all structures behind paths, with the columns `DFT_COLUMNS`; `say` is told what is done.

    model: 'full', 'fast' or a folder. Raises `MissingLibraryError` where GPAW is missing.
    """
    needs_gpaw()
    return confirmed(predicted(paths, model), settings, selection, effort, say)


def needs_gpaw() -> None:
    """`MissingLibraryError` where GPAW is missing."""
    require("topofuse confirm", "dft", "gpaw")


def confirmed(
    structures: Iterable[tuple[Entry, Row]],
    settings: Settings,
    selection: Selection,
    effort: Effort,
    say: Callable[[str], None],
) -> list[Row]:
    """The rows with the columns `DFT_COLUMNS`, after all calculations that `selection` asks for."""
    kept, version = Store(effort.store or default_folder()), engine_version()
    jobs = plan(structures, settings, version, kept, selection)
    for line in announce(jobs, version, settings, effort.threads):
        say(line)
    work = Calculate(settings, effort.threads, PER_LINE if selection.path else 0)
    engine: Engine = Local(work, kept, effort.workers, effort.time_limit)
    if effort.engine == "ray":
        from topofuse.confirm.cluster import RayEngine

        engine = RayEngine(work, kept, effort.address, effort.workers, effort.threads, effort.time_limit)
    results = run(jobs, engine, CalculationReport(jobs, say))
    return [dft_row(job, result, settings) for job, result in zip(jobs, results, strict=True)]


def confirm_screening(
    source: str, folder: Path, settings: Settings, selection: Selection, effort: Effort, say: Callable[[str], None]
) -> Counter[str]:
    """Calculate the unsure structures of a finished screening, and write confirmed.csv beside its table.

    The file has a row of each structure that was calculated, now or before, or should have been; rows by status are
    counted. Raises as `confirm` and `screening.screen` do.
    """
    import pyarrow.parquet as pq

    table = pq.ParquetFile(folder / "predictions.parquet")
    rows = (row for batch in table.iter_batches() for row in batch.to_pylist())
    pairs = zip(open_given(source, folder).entries(), rows, strict=True)
    unsure = ((entry, row) for entry, row in pairs if row["status"] == "ok" and not is_sure(row))
    calculated = [row for row in confirmed(unsure, settings, selection, effort, say) if row["dft_status"] != "left_out"]
    write_table(TableWriter(folder / "confirmed.csv", extra=DFT_COLUMNS), calculated)
    return Counter(str(row["dft_status"]) for row in calculated)


def predicted(paths: Iterable[Path], model: str) -> Iterator[tuple[Entry, Row]]:
    """What is behind paths, with the rows of a model ('full', 'fast' or a folder)."""
    from topofuse.ensemble.bundle import open_bundle

    given: list[str | Path] = list(paths)
    rows = predict_rows(given, open_bundle(model), PredictOptions(default_workers()))
    return zip(entries(given), rows, strict=True)


def read_row(paths: Sequence[Path], model: str, traces: Path, electrons: int) -> Row:
    """The row of one structure, judged by traces that another code gave, so many of the states filled.

    Raises `TraceFileError` where the traces cannot be used.
    """
    file = read_traces(traces)  # before the model is loaded
    predictions = list(predicted(paths, model))
    if len(predictions) != 1:
        raise TraceFileError(f"traces are of one structure; given are {len(predictions)}")
    entry, row = predictions[0]
    if row["status"] != "ok":
        raise TraceFileError(f"{row['input']}: {row['reason']}")
    table = symmetry_table(analyse(entry.crystal()).spacegroup)
    try:
        verdict = judge(table, levels_in(file, table, electrons), electrons)
    except ValueError as error:  # no representations, or too few states
        raise TraceFileError(f"{traces}: {error}") from error
    columns = verdict_columns(verdict, table, row["label"])
    return {**row, **dict.fromkeys(DFT_COLUMNS), **columns, "dft_settings": f"traces in {traces}"}


def write_all_inputs(paths: Iterable[Path], code: str, folder: Path, say: Callable[[str], None]) -> None:
    """Input files of `code` for all structures behind paths, each in a folder of its own, named after its file."""
    for entry in entries(list(paths)):
        try:
            crystal = analyse(entry.crystal())
        except CrystalError as error:
            say(f"left out: {entry.name}: {error}")
            continue
        own = folder / Path(entry.name).name
        write_inputs(crystal, code, own)
        say(f"{entry.name}: {own}")


class CalculationReport:
    """Tells of each calculation as it ends: how many are done, what was found, how long the rest will take.

    Estimates of what is left are scaled by how long the calculations so far took.
    """

    def __init__(self, jobs: Sequence[Job], say: Callable[[str], None]) -> None:
        self._say = say
        self._left = {job.key: job.seconds for job in jobs if job.to_do}
        self._total, self._took, self._estimated = len(self._left), 0.0, 0.0

    def __call__(self, job: Job, result: Result | str) -> None:
        """A calculation has ended."""
        self._left.pop(job.key, None)
        if isinstance(result, Result):
            self._took += result.seconds
            self._estimated += job.seconds
        pace = self._took / self._estimated if self._estimated else 1.0
        rest = f"; about {cost.in_words(pace * sum(self._left.values()))} left" if self._left else ""
        self._say(f"[{self._total - len(self._left)}/{self._total}] {job.row['input']}: {_outcome(job, result)}{rest}")


def _outcome(job: Job, result: Result | str) -> str:
    if isinstance(result, str) or result.reason:
        return result if isinstance(result, str) else result.reason
    table = symmetry_table(result.spacegroup)
    columns = verdict_columns(judge(table, result.levels, result.electrons), table, job.row["label"])
    answer = columns["dft_class"] or columns["dft_reason"]
    return f"{answer}, gap {columns['dft_gap']:.3f} eV (model: {job.row['label']}), {cost.in_words(result.seconds)}"


def on_terminal(rows: Iterable[Row]) -> str:
    """The rows aligned; not all columns."""
    return aligned_text(rows, [*_SHOWN, "dft_reason"])


def summary(counts: Counter[str], path: Path) -> str:
    """How many rows there are of each status."""
    tally = ", ".join(f"{counts[status]} {status}" for status in ("ok", "too_close", "left_out", "failed"))
    return f"{counts.total()} structures ({tally}) in {path}"

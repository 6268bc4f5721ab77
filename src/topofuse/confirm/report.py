"""What a person sees of confirmations: the model's rows before, a line per calculation, the table at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from topofuse.confirm import cost
from topofuse.confirm.plan import Job
from topofuse.confirm.store import Result
from topofuse.confirm.table import verdict_columns
from topofuse.confirm.verdict import judge
from topofuse.screening.entries import Entry
from topofuse.screening.predict import Work, predict_rows
from topofuse.screening.structures import entries
from topofuse.screening.table import Row, aligned_text
from topofuse.symmetry import symmetry_table
from topofuse.system.workers import default_workers

_SHOWN = ("input", "formula", "spacegroup", "label", "p_nontrivial", "dft_status", "dft_class", "agreement", "dft_gap")


def predicted(paths: Iterable[Path], model: str) -> Iterator[tuple[Entry, Row]]:
    """What is behind paths, with the rows of a model ('full', 'fast' or a folder)."""
    from topofuse.ensemble.bundle import open_bundle

    given: list[str | Path] = list(paths)
    rows = predict_rows(given, open_bundle(model), Work(default_workers()))
    return zip(entries(given), rows, strict=True)


class Progress:
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
        self._say(f"[{self._total - len(self._left)}/{self._total}] {job.row['input']}: {_found(job, result)}{rest}")


def _found(job: Job, result: Result | str) -> str:
    if isinstance(result, str) or result.reason:
        return result if isinstance(result, str) else result.reason
    table = symmetry_table(result.spacegroup)
    columns = verdict_columns(judge(table, result.levels, result.electrons), table, job.row["label"])
    found = columns["dft_class"] or columns["dft_reason"]
    return f"{found}, gap {columns['dft_gap']:.3f} eV (model: {job.row['label']}), {cost.in_words(result.seconds)}"


def on_terminal(rows: Iterable[Row]) -> str:
    """The rows aligned; not all columns."""
    return aligned_text(rows, [*_SHOWN, "dft_reason"])


def summary(rows: Sequence[Row], path: Path | None) -> str:
    """How many rows there are of each status."""
    counts = Counter(str(row["dft_status"]) for row in rows)
    found = ", ".join(f"{counts[status]} {status}" for status in ("ok", "too_close", "left_out", "failed"))
    return f"{len(rows)} structures ({found}) in {path}"

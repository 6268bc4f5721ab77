"""The columns that a calculation adds to the table of predictions."""

from __future__ import annotations

import math
from typing import Any

from topofuse.confirm.plan import Job
from topofuse.confirm.settings import CLOSE, Settings, stand_ins
from topofuse.confirm.store import Result
from topofuse.confirm.verdict import StarFilling, Verdict, judge
from topofuse.labels import FIVE, LEVELS, coarsen
from topofuse.screening.table import Row
from topofuse.symmetry import SymmetryTable, symmetry_table

DFT_COLUMNS: dict[str, type] = {
    "dft_status": str,
    "dft_reason": str,
    "dft_class": str,
    "agreement": int,
    "dft_gap": float,
    "dft_gap_path": float,
    "dft_indicator": str,
    "dft_cut": str,
    "dft_close": str,
    "dft_settings": str,
    "dft_seconds": float,
}


def dft_row(job: Job, result: Result | str | None, settings: Settings) -> Row:
    """The row of a structure with the columns `DFT_COLUMNS`; result: or the reason why there is none."""
    row: Row = {**job.row, **dict.fromkeys(DFT_COLUMNS)}
    if result is None:
        return {**row, "dft_status": "left_out", "dft_reason": job.reason}
    if isinstance(result, str):
        return {**row, "dft_status": "failed", "dft_reason": result}
    row["dft_settings"] = in_words(
        settings, result.engine, [] if job.crystal is None else job.crystal.primitive.numbers
    )
    row["dft_seconds"] = round(result.seconds, 1)
    if result.reason:
        return {**row, "dft_status": "failed", "dft_reason": result.reason}
    table = symmetry_table(result.spacegroup)
    if result.path is not None:
        row["dft_gap_path"] = round(result.path.gap, 4)
    return {**row, **verdict_columns(judge(table, result.levels, result.electrons), table, row["label"])}


def verdict_columns(verdict: Verdict, table: SymmetryTable, label: str | None) -> Row:
    """What a verdict puts into a row; label: the model's class."""
    close = verdict.too_close
    return {
        "dft_status": "too_close" if close else "ok",
        "dft_reason": _too_close(verdict) if close else "",
        "dft_class": verdict.label,
        "agreement": None if verdict.label is None or label is None else agreement(label, verdict.label),
        "dft_gap": round(verdict.gap, 4) if math.isfinite(verdict.gap) else None,  # traces of filled states only
        "dft_indicator": indicator(verdict, table),
        "dft_cut": ", ".join(f"{f.label} {f.held}/{f.size}" for f in verdict.fillings if f.cut),
        "dft_close": ", ".join(f"{f.label} {f.gap:.3f}" for f in close),
    }


def agreement(one: str, other: str) -> int:
    """At how many classes two classes still agree: 5, 3 or 2, and 0 where one is trivial and the other is not."""
    codes = [FIVE.index(one), FIVE.index(other)]
    for level in ("five", "three", "two"):
        first, second = coarsen(codes, level).tolist()  # type: ignore[arg-type]
        if first == second:
            return len(LEVELS[level])
    return 0


def indicator(verdict: Verdict, table: SymmetryTable) -> str:
    """The indicator in words: '(0, 2) of Z2 × Z4'; empty where there is none."""
    indicator = verdict.diagnosis.indicator
    if indicator is None or not len(indicator):
        return ""
    numbers = ", ".join(map(str, indicator.tolist()))
    return f"({numbers}) of {' × '.join(f'Z{order}' for order in table.orders.tolist())}"


def in_words(settings: Settings, engine: str, numbers: Any) -> str:
    """The settings of a calculation on one line."""
    parts = [
        engine,
        "PBE and spin-orbit coupling, no magnetism",
        f"plane waves to {settings.cutoff_for(numbers):g} eV",
        f"{settings.density:g} momenta per 1/Å",
    ]
    if replaced := stand_ins(numbers):
        parts.append(replaced)
    return "; ".join(parts)


def _too_close(verdict: Verdict) -> str:
    return f"too close to call ({verdict.as_computed} as it stands): " + ", ".join(map(_words, verdict.too_close))


def _words(filling: StarFilling) -> str:
    if filling.cut:
        return f"at {filling.label} a level that is cut has neighbours within {CLOSE:g} eV"
    return f"at {filling.label} the filling ends between levels {filling.gap:.3f} eV apart"

"""How numbers are written in a report: shares in per cent, the rest in three decimals, intervals behind."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

NONE = "–"
PERCENT_METRICS = frozenset({"accuracy", "balanced_accuracy", "macro_f1"})
METRIC_TITLES: dict[str, str] = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "macro_f1": "Macro F1",
    "auroc": "AUROC",
    "mcc": "Matthews correlation",
    "log_loss": "Log loss",
}
LEVEL_TITLES: dict[str, str] = {"two": "Two classes", "three": "Three classes", "five": "Five classes"}
CLASS_TITLES: dict[str, str] = {
    "trivial": "trivial",
    "nontrivial": "non-trivial",
    "semimetal": "semimetal",
    "topological_insulator": "topological insulator",
    "hsp_semimetal": "semimetal (point)",
    "hsl_semimetal": "semimetal (line)",
    "ti": "TI",
    "tci": "TCI",
}


def is_number(value: Any) -> bool:
    """Whether `value` is a finite number; JSON's null and NaN both mean 'undefined'."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def percent(share: Any, digits: int = 1) -> str:
    """0.948 → '94.8 %'."""
    return f"{100 * share:.{digits}f} %" if is_number(share) else NONE


def decimal(value: Any, digits: int = 3) -> str:
    """0.98512 → '0.985'."""
    return f"{value:.{digits}f}" if is_number(value) else NONE


def count(value: Any) -> str:
    """19789 → '19,789'."""
    return f"{value:,}" if is_number(value) else NONE


def signed(value: Any, digits: int = 1) -> str:
    """0.42 → '+0.4', −0.42 → '−0.4' (a true minus sign), nothing measured → '–'."""
    if not is_number(value):
        return NONE
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return text
    return ("−" if value < 0 else "+") + text


def interval(metric: str, measured: Mapping[str, Any] | None) -> str:
    """{"value", "low", "high"} of `metric` → '94.8 % [94.4, 95.2]' or '0.985 [0.983, 0.987]'."""
    if measured is None or not is_number(measured["value"]):
        return NONE
    scale, digits = (100, 1) if metric in PERCENT_METRICS else (1, 3)
    unit = " %" if scale == 100 else ""
    value = f"{scale * measured['value']:.{digits}f}{unit}"
    if not (is_number(measured["low"]) and is_number(measured["high"])):
        return value
    return f"{value} [{scale * measured['low']:.{digits}f}, {scale * measured['high']:.{digits}f}]"


def signed_interval(measured: Mapping[str, Any] | None, digits: int = 1) -> str:
    """Difference in points → '+0.4 [−0.1, +0.9]'."""
    if measured is None or not is_number(measured["value"]):
        return NONE
    if not (is_number(measured["low"]) and is_number(measured["high"])):
        return signed(measured["value"], digits)
    return (
        f"{signed(measured['value'], digits)} [{signed(measured['low'], digits)}, {signed(measured['high'], digits)}]"
    )


def moment(iso: Any) -> str:
    """'2026-11-23T17:53:35+00:00' → '2026-11-23 17:53 UTC'; what is no such time stays as it is."""
    try:
        then = datetime.fromisoformat(str(iso))
    except ValueError:
        return str(iso)
    return f"{then.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if then.tzinfo else f"{then:%Y-%m-%d %H:%M}"


def duration(seconds: Any) -> str:
    """4000 → '1 h 7 min', 75 → '1 min 15 s', 3.2 → '3.2 s'."""
    if not is_number(seconds):
        return NONE
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{minutes // 60} h {minutes % 60} min"

"""Predictions on a terminal of 80 columns: what a person looks for first, and a line below for what needs words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from topofuse.labels import FIVE
from topofuse.screening.table import Row
from topofuse.system.text import visible
from topofuse.trust.sets import SEPARATOR as BETWEEN_CLASSES
from topofuse.trust.warnings import codes

WIDTH = 80
_HEAD = ("input", "formula", "known", "label", "p", "set_90", "warnings")
_INPUT, _FORMULA = (8, 22), 12  # characters; longer names lose their beginning
_WARNINGS = 16  # characters, where the input can be shorter for them
_NOTE = "p: probability of any class but trivial. All columns: --wide, or -o FILE."


def narrow_text(rows: Sequence[Row], note: str = _NOTE) -> str:
    """A table of at most 80 columns; reasons and findings of experiment are on lines of their own; then the note."""
    cells = [_HEAD[1:-1], *(_cells(row) for row in rows)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(cells[0]))]
    left = WIDTH - sum(widths) - 2 * (len(widths) + 1)
    longest = max([len("input"), *(len(_name(row)) for row in rows)])
    first = min(longest, max(_INPUT[0], min(_INPUT[1], left - _WARNINGS)))
    lines = [_line(_HEAD, [first, *widths])]
    for row, line in zip(rows, cells[1:], strict=True):
        shown_codes = _fitting(codes(row["warnings"] or ""), left - first)
        lines += [_line((_shortened(_name(row), first), *line, shown_codes), [first, *widths]), *_below(row)]
    return "\n".join([*lines, *([note] if note else [])])


def _cells(row: Row) -> tuple[str, ...]:
    p, members = row["p_nontrivial"], (row["set_90"] or "").split(BETWEEN_CLASSES)
    return (
        _shortened(row["formula"] or "", _FORMULA),
        _short(row["known_class"] or ""),
        _short(row["label"] or row["status"]),
        "" if p is None else f"{p:.3f}",
        "any" if len(members) == len(FIVE) else BETWEEN_CLASSES.join(map(_short, members)),
    )


def _name(row: Row) -> str:
    return visible(" ".join(str(row["input"]).split()))


def _line(cells: Iterable[str], widths: Sequence[int]) -> str:
    *aligned, last = cells
    return "  ".join([*(cell.ljust(w) for cell, w in zip(aligned, widths, strict=True)), last]).rstrip()


def _short(name: str) -> str:
    return name.removesuffix("_semimetal")


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"…{text[1 - most :]}"


def _fitting(names: Sequence[str], room: int) -> str:
    """As many names as there is room for, and how many more there are."""
    for kept in range(len(names), 0, -1):
        left = len(names) - kept
        text = ", ".join(names[:kept]) + (f" +{left}" if left else "")
        if len(text) <= room:
            return text
    return f"{len(names)} of them" if names else ""


def _below(row: Row) -> list[str]:
    sentences = [row["reason"]] if row["reason"] else []
    sentences += [f"experiment: {row['experiment']}"] if row["experiment"] else []
    wrapper = textwrap.TextWrapper(WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    return [line for text in sentences for line in wrapper.wrap(visible(text))]

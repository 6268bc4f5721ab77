"""`topofuse.predict`: predictions as a table that Python prints, pandas takes, and a notebook draws."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from topofuse.labels import FIVE
from topofuse.screening.narrow import narrow_text
from topofuse.screening.predict import TIME_LIMIT, Model, PredictOptions, predict_paths
from topofuse.screening.structures import StructureLike, is_one
from topofuse.screening.table import COLUMNS, PROBABILITIES, Row

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 60  # rows that are printed or drawn; `table` has them all

# M. Okabe and K. Ito, "Color universal design" (2008): a hue for semimetals, one for insulators, none for trivial.
# All are of middling lightness, so that they stand out on white and on black.
_COLOURS = dict(zip(FIVE, ("#8c8c8c", "#56b4e9", "#0072b2", "#d55e00", "#e69f00"), strict=True))
_STYLE = """
.topofuse-predictions table {border-collapse: collapse; color: inherit; background: transparent}
.topofuse-predictions th, .topofuse-predictions td {padding: .15em .6em; text-align: left; white-space: nowrap}
.topofuse-predictions thead th {border-bottom: 1px solid currentColor}
.topofuse-predictions td.number {text-align: right; font-variant-numeric: tabular-nums}
.topofuse-predictions td.reason {white-space: normal; min-width: 16em}
.topofuse-predictions .bar {display: inline-flex; width: 9em; height: .8em; vertical-align: middle;
  background: rgba(128, 128, 128, .2)}
.topofuse-predictions .key {display: inline-block; width: .8em; height: .8em; margin: 0 .3em 0 .9em}
"""


@dataclass(frozen=True, repr=False)
class Predictions:
    """Rows of predictions, in the order of what was asked; printed, indexed and drawn as a table.

    rows: one per structure, with the keys `topofuse.screening.table.COLUMNS`; missing values are None
    """

    rows: tuple[Row, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __getitem__(self, index: int) -> Row:
        return self.rows[index]

    @property
    def table(self) -> pd.DataFrame:
        """All rows and columns as a DataFrame."""
        import pandas as pd

        return pd.DataFrame(list(self.rows), columns=list(COLUMNS)).astype({"spacegroup": "Int16", "sketch_z4": "Int8"})

    def __repr__(self) -> str:
        note = "p: probability of any class but trivial; .table has all columns"
        return "\n".join([narrow_text(self.rows[:SHOWN], note), *self._left_out()])

    def _left_out(self) -> list[str]:
        return [f"… {len(self) - SHOWN} more rows; .table has all {len(self)}"] if len(self) > SHOWN else []

    def _repr_html_(self) -> str:
        """The table as HTML for notebooks: no script, nothing from elsewhere, the page's own ink and paper."""
        shown = self.rows[:SHOWN]
        names = [name for name in (*(n for n in COLUMNS if n != "reason"), "reason") if name not in PROBABILITIES]
        names = [name for name in names if _told(name, shown)]
        head, body = _head(names), [_line(names, row) for row in shown]
        notes = [Markup("<p>{}</p>").format(note) for note in self._left_out()]
        keys = [
            Markup('<span class="key" style="background: {}"></span>{}').format(colour, name)
            for name, colour in _COLOURS.items()
        ]
        page = Markup(
            '<div class="topofuse-predictions"><style>{}</style><table><thead>{}</thead><tbody>{}</tbody></table>{}'
            "<p>{}</p></div>"
        ).format(Markup(_STYLE), head, Markup("").join(body), Markup("").join(notes), Markup("").join(keys))
        return str(page)


def predict(
    structures: StructureLike | Iterable[StructureLike],
    model: str | os.PathLike[str] | Model = "full",
    *,
    workers: int = 0,
    time_limit: float = TIME_LIMIT,
    symmetrise: float | None = None,
    progress: bool = False,
) -> Predictions:
    """Classify structures: files, folders, and objects of pymatgen, ase or topofuse; one or many, also mixed.

    model: 'full', 'fast', the folder of a bundle, or a bundle that `topofuse.ensemble.bundle.open_bundle` gave
    workers: processes that compute features; 0 is this process, which knows no time limit
    time_limit: seconds that one structure may take
    symmetrise: Å; structures are made symmetric within this tolerance first; None: as they are

    One row per structure, in order (a folder has a row per file in it). A structure that cannot be used is a row
    with status 'error' and the reason, one with an odd number of electrons in the primitive cell has status 'metal'.
    A model that is named stays in memory: a loop over single structures is as fast as a list of them.
    Raises `BundleError` where the model cannot be loaded.
    """
    if isinstance(model, str | os.PathLike):
        from topofuse.ensemble.bundle import kept_bundle

        model = kept_bundle(os.fspath(model))
    given: list[Any] = [structures] if is_one(structures) else list(structures)  # type: ignore[arg-type]
    options = PredictOptions(workers, time_limit, symmetrise=symmetrise)
    return Predictions(tuple(predict_paths(given, model, options, progress=progress)))


def _told(name: str, rows: Iterable[Row]) -> bool:
    """Whether any row says anything in this column."""
    return any(row[name] not in (None, "") for row in rows)


def _head(names: list[str]) -> Markup:
    cells = Markup("").join(Markup('<th scope="col">{}</th>').format(name) + _bar_head(name) for name in names)
    return Markup("<tr>{}</tr>").format(cells)


def _bar_head(name: str) -> Markup:
    """The probabilities stand behind the label."""
    return Markup('<th scope="col">probabilities</th><th scope="col">nontrivial</th>' if name == "label" else "")


def _line(names: list[str], row: Row) -> Markup:
    cells = []
    for name in names:
        value = row[name]
        kind = "reason" if name == "reason" else "number" if isinstance(value, int | float) else "text"
        text = "" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
        cells.append(Markup('<td class="{}">{}</td>').format(kind, text))
        if name == "label":
            cells.append(_bar(row))
    return Markup("<tr>{}</tr>").format(Markup("").join(cells))


def _bar(row: Row) -> Markup:
    """The five probabilities as a bar of five parts, which is read aloud as words, and p_nontrivial."""
    if row["label"] is None:
        return Markup("<td></td><td></td>")
    probabilities = {name: float(row[f"p_{name}"]) for name in FIVE}
    words = ", ".join(f"{name} {p:.3f}" for name, p in probabilities.items())
    parts = Markup("").join(
        Markup('<span style="width: {}%; background: {}"></span>').format(f"{100 * p:.2f}", _COLOURS[name])
        for name, p in probabilities.items()
    )
    return Markup(
        '<td><span class="bar" role="img" aria-label="{0}" title="{0}">{1}</span></td><td class="number">{2}</td>'
    ).format(escape(words), parts, f"{row['p_nontrivial']:.3f}")

"""The most promising rows of a screening: filters, one number to order by, a table and a page for a person.

promise = p × (1 − novelty): the probability, discounted by how little the model can know of such a material.
p is p_nontrivial, or the sum over the chosen classes; without a column novelty it is p alone. Within the
same hundredth of promise smaller cells come first: they are easier to compute and to make.
"""

from __future__ import annotations

import csv
import heapq
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from topofuse.crystals.formula import SYMBOLS
from topofuse.errors import TopofuseError
from topofuse.labels import FIVE
from topofuse.report.document import Card, Cards, Document, Items, Section, Text, table
from topofuse.report.html import to_html
from topofuse.report.markdown import to_markdown
from topofuse.report.numbers import CLASS_TITLES, count, decimal, percent
from topofuse.screening.table import COLUMNS, PROBABILITIES, Row, csv_cells
from topofuse.system.files import write_whole
from topofuse.trust.warnings import codes

FILES = ("ranking.csv", "ranking.html", "ranking.md")
# what the page shows, where the rows have it, with its title
_SHOWN = {
    "input": "Structure",
    "formula": "Formula",
    "spacegroup": "Space group",
    "n_atoms": "Atoms",
    "label": "Class",
    "p_nontrivial": "p(non-trivial)",
    "set_90": "90 % set",
    "novelty": "Novelty",
    "domain": "Domain",
    "known_class": "Known class",
    "warnings": "Warnings",
    "nearest": "Nearest known",
}

_NOTE = "What each warning means is in the column warnings of ranking.csv."


class FilterError(TopofuseError, ValueError):
    """A filter that can pass nothing; the message says why."""


@dataclass(frozen=True)
class Filters:
    """What may be on the list.

    elements, without: symbols of which all, none may be in the formula
    max_atoms: in the primitive cell
    max_novelty: rows without novelty do not pass
    classes: of `FIVE`; none given means all but trivial
    top: how many are listed
    """

    elements: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    max_atoms: int | None = None
    max_novelty: float | None = None
    classes: tuple[str, ...] = ()
    top: int = 100

    def __post_init__(self) -> None:
        for symbol in (*self.elements, *self.without):
            if symbol not in SYMBOLS[1:]:
                raise FilterError(f"{symbol!r} is no element's symbol")
        if both := set(self.elements) & set(self.without):
            raise FilterError(f"{', '.join(sorted(both))} cannot be both there and not there")
        if wrong := [name for name in self.classes if name not in FIVE]:
            raise FilterError(f"there is no class {wrong[0]!r}; there are {', '.join(FIVE)}")

    def passes(self, row: Row) -> bool:
        """Whether a classified row may be on the list."""
        inside = set(re.findall(r"[A-Z][a-z]?", row["formula"] or ""))
        novelty = row.get("novelty")
        return (
            row["label"] in (self.classes or FIVE[1:])
            and inside.issuperset(self.elements)
            and inside.isdisjoint(self.without)
            and (self.max_atoms is None or row["n_atoms"] <= self.max_atoms)
            and (self.max_novelty is None or (novelty is not None and novelty <= self.max_novelty))
        )

    def promise(self, row: Row) -> float:
        """What rows are ordered by, 0 to 1."""
        p = sum(row[f"p_{name}"] for name in self.classes) if self.classes else row["p_nontrivial"]
        score: float = p * (1.0 - (row.get("novelty") or 0.0))
        return score

    def in_words(self) -> list[str]:
        """The filters as lines for a person."""
        return [
            text
            for given, text in (
                (True, "class: " + " or ".join(CLASS_TITLES[name] for name in self.classes or FIVE[1:])),
                (self.elements, f"contains {', '.join(self.elements)}"),
                (self.without, f"contains no {', '.join(self.without)}"),
                (self.max_atoms is not None, f"at most {self.max_atoms} atoms in the primitive cell"),
                (self.max_novelty is not None, f"novelty at most {self.max_novelty}"),
            )
            if given
        ]


@dataclass
class Ranking:
    """The best rows, and what was counted on the way.

    best: (promise, row), best first
    statuses, labels: rows of each
    passed: how many the filters let through
    """

    filters: Filters
    best: list[tuple[float, Row]] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    passed: int = 0


def rank(rows: Iterable[Row], filters: Filters) -> Ranking:
    """The `filters.top` best of rows, which are streamed; equals stay in their order."""
    ranking = Ranking(filters)
    best: list[tuple[tuple[int, int, float, int], Row]] = []
    for index, row in enumerate(rows):
        ranking.statuses[row["status"]] += 1
        if row["status"] != "ok":
            continue
        ranking.labels[row["label"]] += 1
        if not filters.passes(row):
            continue
        ranking.passed += 1
        promise = filters.promise(row)
        item = ((round(100 * promise), -row["n_atoms"], promise, -index), row)
        if len(best) < filters.top:
            heapq.heappush(best, item)
        else:
            heapq.heappushpop(best, item)
    ranking.best = [(key[2], row) for key, row in sorted(best, key=lambda item: item[0], reverse=True)]
    return ranking


def write_ranking(folder: Path, ranking: Ranking, about: Mapping[str, str]) -> Path:
    """Write `FILES` into `folder`; path of the page. `about`: how the rows came to be, as title → text."""
    write_whole(folder / "ranking.csv", _csv(ranking).encode())
    page = _document(ranking, about)
    write_whole(folder / "ranking.md", to_markdown(page).encode())
    write_whole(folder / "ranking.html", to_html(page).encode())
    return folder / "ranking.html"


def _csv(ranking: Ranking) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(("rank", "promise", *COLUMNS))
    for place, (promise, row) in enumerate(ranking.best, 1):
        writer.writerow((place, f"{promise:.6f}", *csv_cells(row)))
    return stream.getvalue()


def _document(ranking: Ranking, about: Mapping[str, str]) -> Document:
    total = ranking.statuses.total()
    passed = f"{count(ranking.passed)} of {count(total)} structures pass the filters"
    sections = [
        Section("candidates", "Candidates", (Text(_rule(ranking), "plain"), *_table(ranking))),
        Section("filters", "Filters", (Items(tuple(ranking.filters.in_words())),)),
        Section("screened", "What was screened", (_cards(ranking), _classes(ranking))),
        Section("origin", "How it was made", (Items(tuple(f"{key}: {text}" for key, text in about.items())),)),
    ]
    sources = ("ranking.csv", "predictions.parquet")
    return Document("Most promising candidates", f"{passed}; {about.get('source', '')}", tuple(sections), sources)


def _rule(ranking: Ranking) -> str:
    classes = ranking.filters.classes
    p = "p(" + " or ".join(CLASS_TITLES[name] for name in classes) + ")" if classes else "p(non-trivial)"
    product = f"promise = {p} × (1 − novelty)" if "novelty" in COLUMNS else f"promise = {p}"
    return (
        f"Ordered by {product}; within the same hundredth of it, smaller cells first. These are predictions from the "
        "structure alone: reasons to compute or to measure, not results."
    )


def _table(ranking: Ranking) -> tuple[Any, ...]:
    if not ranking.best:
        return (Text("No structure passes the filters.", "warning"),)
    shown = [name for name in _SHOWN if name in COLUMNS and any(row[name] not in (None, "") for _, row in ranking.best)]
    listed = [
        (str(place), decimal(promise), *(_cell(name, row[name]) for name in shown))
        for place, (promise, row) in enumerate(ranking.best, 1)
    ]
    header = ("Rank", "Promise", *(_SHOWN[name] for name in shown))
    listing = table(f"The first {len(listed)} of {count(ranking.passed)}", header, listed)
    return (listing, *([Text(_NOTE, "plain")] if "warnings" in shown else []))


def _cell(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in ("label", "known_class"):
        return CLASS_TITLES[value]
    if name == "warnings":
        return ", ".join(codes(value))
    return decimal(value) if name in PROBABILITIES or isinstance(value, float) else str(value)


def _cards(ranking: Ranking) -> Cards:
    statuses, labels = ranking.statuses, ranking.labels
    nontrivial = labels.total() - labels["trivial"]
    share = percent(nontrivial / labels.total()) if labels else "none"
    return Cards(
        (
            Card("Structures", count(statuses.total()), f"{count(statuses['ok'])} classified"),
            Card("Non-trivial", count(nontrivial), f"{share} of the classified"),
            Card("Metals", count(statuses["metal"]), "odd number of electrons in the primitive cell"),
            Card("Not usable", count(statuses["error"]), "each with its reason in predictions.parquet"),
        )
    )


def _classes(ranking: Ranking) -> Any:
    n = ranking.labels.total()
    rows = [
        (CLASS_TITLES[name], count(ranking.labels[name]), percent(ranking.labels[name] / n if n else None))
        for name in FIVE
    ]
    return table("Classified structures", ("Class", "Structures", "Share"), rows)

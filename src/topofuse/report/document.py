"""What a report is made of, before it is written as HTML, Markdown or JSON: sections of text, tables, pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True)
class Cell:
    """Content of one table cell. `link`: address it leads to, '' for none."""

    text: str
    link: str = ""


@dataclass(frozen=True)
class Text:
    """A paragraph of plain text. `tone`: 'plain', 'lead' (the verdict) or 'warning'."""

    text: str
    tone: str = "plain"
    kind: ClassVar[str] = "text"


@dataclass(frozen=True)
class Items:
    """A list of plain lines."""

    lines: tuple[str, ...]
    kind: ClassVar[str] = "items"


@dataclass(frozen=True)
class Card:
    """One large number with what it is and what stands beside it."""

    title: str
    value: str
    detail: str


@dataclass(frozen=True)
class Cards:
    """The numbers that a reader takes home."""

    cards: tuple[Card, ...]
    kind: ClassVar[str] = "cards"


@dataclass(frozen=True)
class Table:
    """A table; the first column names the row. `marked`: indices of rows that stand out."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    marked: frozenset[int] = frozenset()
    kind: ClassVar[str] = "table"

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                raise ValueError(f"table {self.caption!r}: a row of {len(row)} cells under {len(self.header)} headers")


@dataclass(frozen=True)
class Picture:
    """A figure as inline SVG; `alt` says in words what it shows, with its main numbers.

    data: what is drawn, point by point, for the JSON twin: numbers and names by the name of a quantity
    """

    svg: str
    caption: str
    alt: str
    data: tuple[Mapping[str, Any], ...] = ()
    kind: ClassVar[str] = "picture"


@dataclass(frozen=True)
class Gallery:
    """Pictures side by side. `size`: 'small', 'medium', 'broad', or 'wide' (scrolls on a narrow screen)."""

    pictures: tuple[Picture, ...]
    size: str = "medium"
    kind: ClassVar[str] = "gallery"


@dataclass(frozen=True)
class Code:
    """Preformatted text under a summary line; folded in HTML. `anchor`: its address inside the page, '' for none."""

    summary: str
    text: str
    language: str = "json"
    anchor: str = ""
    kind: ClassVar[str] = "code"


@dataclass(frozen=True)
class Folded:
    """Blocks that few readers want, under a summary line; folded in HTML."""

    summary: str
    blocks: tuple[Text | Table | Code, ...]
    kind: ClassVar[str] = "folded"


Block = Text | Items | Cards | Table | Gallery | Code | Folded


@dataclass(frozen=True)
class Section:
    """A titled part of the report; `anchor` is its address inside the page."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """A whole report: title, one line under it, sections in reading order; `sources`: files with its numbers."""

    title: str
    subtitle: str
    sections: tuple[Section, ...] = field(default_factory=tuple)
    sources: tuple[str, ...] = ("results.json", "predictions.parquet")


def cells(*texts: str | Cell) -> tuple[Cell, ...]:
    """Row of a table from plain texts."""
    return tuple(t if isinstance(t, Cell) else Cell(t) for t in texts)


def table(
    caption: str, header: Sequence[str], rows: Sequence[Sequence[str | Cell]], marked: Sequence[int] = ()
) -> Table:
    """Table from plain texts."""
    return Table(caption, tuple(header), tuple(cells(*row) for row in rows), frozenset(marked))

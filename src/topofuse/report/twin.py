"""The report as JSON: the same sections, tables and words, and the numbers that each figure draws."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from topofuse.report.document import Block, Document, Folded, Gallery, Table


def to_json(document: Document) -> dict[str, Any]:
    """JSON value of `document`: {"title", "subtitle", "sources", "sections": [{"anchor", "title", "blocks"}]}.

    A block has its "kind" and the fields of its class in `topofuse.report.document`; a figure has no drawing
    but "data", a list of points. A table's rows are texts as printed: exact numbers are in the files of "sources".
    """
    sections = [
        {"anchor": s.anchor, "title": s.title, "blocks": [_block(block) for block in s.blocks]}
        for s in document.sections
    ]
    return {
        "title": document.title,
        "subtitle": document.subtitle,
        "sources": list(document.sources),
        "sections": sections,
    }


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Table():
            content: dict[str, Any] = {
                "caption": block.caption,
                "header": list(block.header),
                "rows": [[cell.text for cell in row] for row in block.rows],
                "marked": sorted(block.marked),
            }
        case Gallery():
            content = {
                "pictures": [{"caption": p.caption, "alt": p.alt, "data": _plain(p.data)} for p in block.pictures]
            }
        case Folded():
            content = {"summary": block.summary, "blocks": [_block(inner) for inner in block.blocks]}
        case _:
            content = _plain(block)
    return {"kind": block.kind, **content}


def _plain(value: Any) -> Any:
    """Dataclasses as dicts, tuples as lists, NaN as null, all the way down."""
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, Mapping):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return value

"""The training materials that a row names as nearest, for the page: with their class and a link."""

from __future__ import annotations

from typing import Any

from topofuse.trust.known import links_of


def neighbours(nearest: str | None) -> list[dict[str, Any]]:
    """From the column `nearest`: 'mp-541837 Bi2Te3 ti; …'. An id may hold spaces; only some have a page.

    >>> neighbours("mp-541837 Bi2Te3 ti")[0]["link"]
    'https://materialsproject.org/materials/mp-541837'
    """
    neighbours = []
    for one in nearest.split("; ") if nearest else []:
        name, formula, label = one.rsplit(" ", 2)
        links = links_of(name, "")
        neighbours.append({"id": name, "formula": formula, "label": label, "link": links[0] if links else None})
    return neighbours

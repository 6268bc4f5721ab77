"""An atlas on a terminal of 80 columns: a table of rows, one row in full, the card."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from topofuse.atlas.atlas import Atlas, Row
from topofuse.atlas.card import ROUNDING, WHAT_IT_IS, WHAT_IT_LACKS
from topofuse.labels import FIVE
from topofuse.system.text import visible
from topofuse.trust.sets import SEPARATOR as BETWEEN_CLASSES
from topofuse.trust.warnings import SEPARATOR as BETWEEN_WARNINGS
from topofuse.trust.warnings import codes

WIDTH = 80
_HEAD = ("id", "formula", "sg", "known", "label", "p", "set_90", "novelty", "warnings")
_FORMULA = 14  # characters; longer ones lose their end
TITLES = {
    "trivial": "trivial",
    "hsp_semimetal": "semimetal, bands must cross at a point",
    "hsl_semimetal": "semimetal, bands must cross on a line",
    "ti": "topological insulator",
    "tci": "topological crystalline insulator",
    "metal": "metal: an odd number of electrons, no class",
    "error": "not usable",
}


def rows_text(rows: Sequence[Row], total: int) -> str:
    """A table of at most 80 columns, and a line on what was left out."""
    lines = [_HEAD, *(_cells(row) for row in rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(_HEAD) - 1)]
    room = WIDTH - sum(widths) - 2 * len(widths)
    shown = [
        "  ".join([*(cell.ljust(w) for cell, w in zip(line, widths, strict=False)), _cut(line[-1], room)]).rstrip()
        for line in lines
    ]
    more = f"{len(rows)} of {total:,} rows; all of them: -o FILE" if len(rows) < total else f"{total:,} rows"
    return "\n".join([*(visible(line) for line in shown), more])


def _cells(row: Row) -> tuple[str, ...]:
    members = (row["set_90"] or "").split(BETWEEN_CLASSES)
    return (
        row["id"],
        _cut(row["formula"] or "", _FORMULA),
        str(row["spacegroup"] or ""),
        _short(row["known_class"] or ""),
        _short(row["label"] or row["status"]),
        _number(row["p_nontrivial"], 3),
        "any" if len(members) == len(FIVE) else BETWEEN_CLASSES.join(map(_short, members)),
        _number(row["novelty"], 2),
        ", ".join(codes(row["warnings"] or "")),
    )


def _short(name: str) -> str:
    return name.removesuffix("_semimetal")


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(room - 1, 0)] + "…"


def row_text(row: Row, atlas: Atlas) -> str:
    """Everything about one row of `Atlas.show`, its link, and what a prediction is."""
    lines = [f"{row['id']}  {row['formula'] or ''}", row["link"], ""]
    if row["known_class"]:
        lines.append(f"known: {TITLES[row['known_class']]}, from first principles ({row['known_source']})")
        lines.append(f"  a training material: {row['known_id']}")
        lines += [f"  {link}" for link in (row["known_link"] or "").split()]
    lines += _wrapped("experiment: ", row["experiment"])
    lines.append(f"prediction: {TITLES[row['label'] or row['status']]}")
    lines += _wrapped("  ", row["reason"])
    if row["label"]:
        lines += [f"  {name:<15}{row[f'p_{name}']:.3f}" for name in (*FIVE, "nontrivial")]
        for name in ("set_90", "set_95"):
            lines.append(f"  {name}: {(row[name] or '').replace(BETWEEN_CLASSES, ', ')}")
    for warning in (row["warnings"] or "").split(BETWEEN_WARNINGS):
        lines += _wrapped("warning: ", warning)
    facts = {
        "space group": row["spacegroup"],
        "atoms in the primitive cell": row["n_atoms"],
        "domain": row["domain"],
        "novelty": row["novelty"],
        "nearest training materials": "; ".join(row["nearest"] or []),
        "gap of the band sketch": None if row["sketch_gap"] is None else f"{row['sketch_gap']:.3f} eV",
        "z4 of the band sketch": row["sketch_z4"],
    }
    lines += [line for name, value in facts.items() if value not in (None, "") for line in _wrapped(f"{name}: ", value)]
    return "\n".join([*(visible(line) for line in lines), "", *textwrap.wrap(WHAT_IT_IS, WIDTH), "", origin(atlas)])


def _wrapped(name: str, value: Any) -> list[str]:
    if value in (None, ""):
        return []
    text = " ".join(str(value).split())
    return textwrap.wrap(f"{name}{text}", WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def origin(atlas: Atlas) -> str:
    """A line on who made the rows, of what."""
    card = atlas.card
    return f"{card.source}, model {card.model} of topofuse {card.topofuse}, {card.date}; {card.licence}"


def card_text(atlas: Atlas) -> str:
    """The card: origin, counts, licence, attribution, and what an atlas is not."""
    card, counts = atlas.card, atlas.counts()
    lines = [
        f"{len(atlas):,} structures of the {card.source}, as the model {card.model} classifies them",
        *(f"  {counts[name]:>9,}  {title}" for name, title in TITLES.items()),
        f"licence: {card.licence}",
        *_wrapped("attribution: ", card.attribution),
        f"made: {card.date}, topofuse {card.topofuse}",
        *(f"{name}: {value[:16]}…" for name, value in (("model", card.identity), ("structures", card.data))),
        f"code of the features: {card.features}",
        *_wrapped("rounding: ", ROUNDING),
        "",
        *textwrap.wrap(f"What it is, and is not: {WHAT_IT_IS} {WHAT_IT_LACKS}", WIDTH),
    ]
    return "\n".join(visible(line) for line in lines)

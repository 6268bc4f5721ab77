"""Extended XYZ text → lattice, atomic numbers and coordinates; only the cell and the columns that tell the atoms.

Format: https://github.com/libAtoms/extxyz. Values of other keys are passed over, not decoded.
"""

from __future__ import annotations

import numpy as np

from topofuse.crystals.crystal import CrystalError
from topofuse.crystals.read_json import decode_json
from topofuse.crystals.text import (
    Arrays,
    count_of_atoms,
    element,
    element_or_number,
    fractional,
    numbers_in,
    refuse_moments,
    refuse_partial,
)

_CLOSING = {'"': '"', "'": "'", "{": "}", "[": "]"}
_TRUE = ("T", "t", "True", "true", "TRUE", "1")
_MOMENTS = ("magmom", "magmoms", "initial_magmom", "initial_magmoms")


def parse_xyz(text: str) -> Arrays:
    """Lattice (3, 3) Å, atomic numbers (n,), fractional coordinates (n, 3); raises `CrystalError` with the reason."""
    lines = text.splitlines()
    count, frames = _frames(lines)
    if frames != 1:
        raise CrystalError(f"the file holds {frames} structures: keep one per file")
    info = _keys(lines[1])
    if "lattice" not in info:
        raise CrystalError("the file gives no cell, so it is a molecule or cluster, not a crystal")
    words = info["lattice"].replace(",", " ").split()
    if len(words) != 9:
        raise CrystalError(f"the lattice holds {len(words)} numbers, not nine: is the file damaged?")
    lattice = np.array(numbers_in(words, "the lattice", 9)).reshape(3, 3)
    if not all(word in _TRUE for word in info.get("pbc", "T").replace(",", " ").split()):
        raise CrystalError("the structure is not periodic in all three directions")
    _refuse_occupancies(info.get("occupancy", ""))
    rows = [line.split() for line in lines[2 : 2 + count]]
    columns = _columns(info.get("properties", "species:S:1:pos:R:3"), rows)
    for name, own in columns.items():
        if "occupanc" in name:
            for i, words in enumerate(own):
                refuse_partial(numbers_in(words, f"the occupancy of atom {i + 1}", 1)[0], f"atom {i + 1}")
        if name in _MOMENTS:
            for i, words in enumerate(own):
                refuse_moments(numbers_in(words, f"the moment of atom {i + 1}", len(words)), f"atom {i + 1}")
    positions = columns.get("pos", columns.get("positions"))
    if positions is None or any(len(words) != 3 for words in positions):
        raise CrystalError("the file has no three columns of positions (pos:R:3)")
    coords = np.array([numbers_in(words, f"the position of atom {i + 1}", 3) for i, words in enumerate(positions)])
    return lattice, np.array(_elements(columns), dtype=np.int64), fractional(coords, lattice)


def _frames(lines: list[str]) -> tuple[int, int]:
    """Atoms of the first structure, and how many structures there are; nothing may follow but blank lines."""
    at = first = frames = 0
    while at < len(lines) and lines[at].strip():
        count = count_of_atoms(lines[at].strip(), len(lines) - at - 2)
        first, frames, at = first or count, frames + 1, at + count + 2
    if any(line.strip() for line in lines[at:]):
        raise CrystalError("lines follow that belong to no structure: is the file damaged?")
    return first, frames


def _keys(comment: str) -> dict[str, str]:
    """The comment line's key=value pairs as text, keys in lower case; values may be quoted or in brackets."""
    values: dict[str, str] = {}
    at = 0
    while (equals := comment.find("=", at)) >= 0:
        words = comment[at:equals].split()
        start = equals + 1
        while start < len(comment) and comment[start].isspace():
            start += 1
        closing = _CLOSING.get(comment[start : start + 1])
        if closing:
            start += 1
            end = comment.find(closing, start)
            while end > 0 and comment[end - 1] == "\\":
                end = comment.find(closing, end + 1)
            if end < 0:
                raise CrystalError("a quotation mark or bracket in line 2 is not closed: is the file damaged?")
            at = end + 1
        else:
            end = start
            while end < len(comment) and not comment[end].isspace():
                end += 1
            at = end
        key = words[-1].lower() if words else ""
        if key in values and key in ("lattice", "properties", "pbc"):
            raise CrystalError(f"line 2 gives {words[-1][:20]!r} twice")
        values[key] = comment[start:end]
    return values


def _columns(properties: str, rows: list[list[str]]) -> dict[str, list[list[str]]]:
    """{property: its words of every atom}."""
    fields = properties.split(":")
    if len(fields) % 3 or not all(width.isdecimal() and 0 < int(width[:4]) < 1000 for width in fields[2::3]):
        raise CrystalError("the columns of the atoms (Properties=name:type:number…) cannot be understood")
    columns: dict[str, list[list[str]]] = {}
    start = 0
    for name, width in zip(fields[::3], map(int, fields[2::3]), strict=True):
        if name.lower() in columns:
            raise CrystalError(f"the column {name[:20]!r} is given twice")
        columns[name.lower()] = [row[start : start + width] for row in rows]
        start += width
    short = next((i for i, row in enumerate(rows) if len(row) < start), None)
    if short is not None:
        raise CrystalError(f"atom {short + 1} has {len(rows[short])} columns, not {start}: is the file truncated?")
    return columns


def _elements(columns: dict[str, list[list[str]]]) -> list[int]:
    symbols = columns.get("species", columns.get("symbols"))
    numbers = columns.get("z", columns.get("numbers"))
    if symbols is None and numbers is None:
        raise CrystalError("the file does not say which elements its atoms are (species:S:1)")
    by_symbol = [element(words[0], f"atom {i + 1}") for i, words in enumerate(symbols or [])]
    by_number = [element_or_number(words[0], f"atom {i + 1}") for i, words in enumerate(numbers or [])]
    if by_symbol and by_number and by_symbol != by_number:
        raise CrystalError("the columns of symbols and of atomic numbers contradict each other")
    return by_number or by_symbol


def _refuse_occupancies(text: str) -> None:
    """What ase writes of mixed sites: {kind: {element: share}} as JSON."""
    if not text:
        return
    kinds = decode_json(text.replace("\\", "").removeprefix("_JSON "))
    shares = list(kinds.values()) if isinstance(kinds, dict) else [None]
    if any(not isinstance(own, dict) or list(own.values()) not in ([1], [1.0]) for own in shares):
        raise CrystalError("sites are mixed or partly occupied: disordered structures cannot be classified")

"""vasprun.xml → lattice, atomic numbers and coordinates of its last step.

The XML may declare nothing: without a document type there are no entities, so nothing grows and nothing is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import numpy as np

from topofuse.crystals.crystal import CrystalError
from topofuse.crystals.text import Arrays, element, numbers_in

_DECLARATION = re.compile(r"<!(?!--|\[CDATA\[)")
_MAX_DEPTH = 50
_PIECE = 65536  # characters; depth is looked at after each, so that no tall tree is built


def parse_vasprun(text: str) -> Arrays:
    """Lattice (3, 3) Å, atomic numbers (n,), fractional coordinates (n, 3) of the last ionic step.

    The initial structure stands in where there was no step. Raises `CrystalError` with the reason, also for a
    calculation that has not ended. Format: https://www.vasp.at/wiki/index.php/Vasprun.xml
    """
    if _DECLARATION.search(text):
        raise CrystalError("the XML declares a document type or entities, which vasprun.xml does not")
    species, structures = _collected(text)
    if species is None or not structures:
        raise CrystalError("the XML holds no atoms with positions: it is not a vasprun.xml")
    structure = structures.get("calculation") or structures.get("initialpos")
    if structure is None:
        raise CrystalError("the XML holds neither a calculation nor an initial structure")
    basis, positions = structure
    if len(basis) != 3 or len(positions) != len(species):
        raise CrystalError(
            f"{len(species)} atoms, {len(positions)} positions and {len(basis)} lattice vectors: damaged?"
        )
    lattice = np.array([numbers_in(row.split(), f"lattice vector {k + 1}", 3) for k, row in enumerate(basis)])
    coords = [numbers_in(row.split(), f"the position of atom {k + 1}", 3) for k, row in enumerate(positions)]
    numbers = [element(symbol.strip(), f"atom {k + 1}") for k, symbol in enumerate(species)]
    return lattice, np.array(numbers, dtype=np.int64), np.array(coords).reshape(-1, 3)


def _collected(text: str) -> tuple[list[str] | None, dict[str, tuple[list[str], list[str]]]]:
    """Symbols of the atoms; the last structure of a calculation and the initial one, as (basis, positions)."""
    species: list[str] | None = None
    structures: dict[str, tuple[list[str], list[str]]] = {}
    path: list[str] = []
    for event, node in _events(text):
        if event == "start":
            path.append(node.tag)
            if len(path) > _MAX_DEPTH:
                raise CrystalError("the XML is nested too deeply for a vasprun.xml")
            continue
        path.pop()
        if node.tag == "atominfo":
            rows = node.iterfind("array[@name='atoms']/set/rc")
            species = [(row[0].text or "") if len(row) else "" for row in rows]
        elif node.tag == "structure":
            kind = "calculation" if "calculation" in path else str(node.get("name"))
            basis = [row.text or "" for row in node.iterfind("crystal/varray[@name='basis']/v")]
            structures[kind] = (basis, [row.text or "" for row in node.iterfind("varray[@name='positions']/v")])
        if "structure" not in path and "atominfo" not in path:
            node.clear()
    return species, structures


def _events(text: str) -> Iterator[tuple[str, Any]]:
    """('start' or 'end', element) in the order of the file."""
    parser: Any = ElementTree.XMLPullParser(("start", "end"))
    data = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)  # it may name an encoding that the text has no more
    try:
        for start in range(0, len(data), _PIECE):
            parser.feed(data[start : start + _PIECE])
            yield from parser.read_events()
        parser.close()
        yield from parser.read_events()
    except ElementTree.ParseError as error:
        raise CrystalError("not readable XML: it is truncated (is the calculation unfinished?) or damaged") from error

"""Structures as decoded JSON → lattice, atomic numbers and coordinates; three forms, told apart by their keys."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.crystal import CrystalError
from topofuse.crystals.formula import atomic_number
from topofuse.crystals.text import OCCUPANCY_TOLERANCE, Arrays, check_size, refuse_moments

MAX_BRACKETS = 1_000_000  # 2,000 atoms in pymatgen's form have some 20,000; empty ones would fill the memory
MAX_DEPTH = 32  # brackets within brackets, at least accepted; a structure has seven, Python ends at some hundreds
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)

# OPTIMADE 1.2, structure_features: what a list of sites alone does not tell
_INCOMPLETE = {
    "disorder": "its sites are disordered: disordered structures cannot be classified",
    "implicit_atoms": "it has atoms whose positions are not given",
    "site_attachments": "it has atoms whose positions are not given",
}


def parse_json(text: str) -> Arrays:
    """Arrays from the text of one JSON structure; raises `CrystalError` with the reason."""
    return parse_record(decode_json(text))


def decode_json(text: str | bytes, brackets: int = MAX_BRACKETS) -> Any:
    """What a JSON text holds.

    Raises `CrystalError` where it is none, has more than `brackets` or `MAX_DEPTH`, or gives a key of an object twice.
    """
    check_nesting(text if isinstance(text, bytes) else text.encode("utf-8", "replace"), brackets)
    try:
        return json.loads(text, object_pairs_hook=each_once)
    except CrystalError:
        raise
    except (ValueError, RecursionError) as error:
        raise CrystalError(f"not readable JSON: {str(error)[:200]}") from error


def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A dict of the pairs; `CrystalError` where a key comes twice: which of two lattices is meant is not known."""
    entries = dict(pairs)
    if len(entries) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise CrystalError(f"{twice[:20]!r} is given twice: which of the two is meant?")
    return entries


def check_nesting(text: bytes, most: int) -> None:
    """`CrystalError` for more than `most` brackets, and for too many within each other.

    Pairs are taken away from the inside, by level.
    """
    brackets = _STRING.sub(b"", text).translate(None, _NOT_BRACKETS)
    if len(brackets) > most:
        raise CrystalError(f"more than {most:,} brackets: more than one usable crystal takes")
    for _ in range(MAX_DEPTH):
        if not brackets:
            return
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    if len(brackets) > MAX_DEPTH:  # few are unclosed ones, of which the parser says more
        raise CrystalError(f"not readable: more than {MAX_DEPTH} brackets within brackets")


def parse_record(data: Any) -> Arrays:
    """Lattice (3, 3) Å, atomic numbers (n,), fractional coordinates (n, 3), without running any decoder.

    data: pymatgen's `Structure.as_dict()`, alone or under 'structure'; or 'lattice' (3 × 3 or 9 numbers, Å,
    row vectors), 'numbers' and 'frac_coords' (n × 3 or 3n), as in topomat; or an entry of OPTIMADE's
    structures, or its 'attributes' alone. Raises `CrystalError` with the reason.
    """
    for key in ("structure", "attributes"):
        if isinstance(data, dict) and isinstance(data.get(key), dict):
            data = data[key]
    for form, keys, parse in (
        ("pymatgen", ("lattice", "sites"), _pymatgen),
        ("arrays", ("lattice", "numbers", "frac_coords"), _arrays),
        ("OPTIMADE", ("lattice_vectors", "cartesian_site_positions", "species_at_sites"), _optimade),
    ):
        if isinstance(data, Mapping) and all(key in data for key in keys):
            return _checked(form, parse, data)
    raise CrystalError(
        "the JSON holds no structure (pymatgen's keys 'lattice' and 'sites', or 'lattice', 'numbers' and "
        "'frac_coords', or OPTIMADE's)"
    )


def _checked(form: str, parse: Any, data: Mapping[str, Any]) -> Arrays:
    try:
        with np.errstate(all="ignore"):  # overflow gives infinities, which are refused as such
            lattice, numbers, coords = parse(data)
        if lattice.shape != (3, 3) or coords.shape != (len(numbers), 3):
            raise CrystalError("the JSON's lattice is not 3 by 3 numbers, or a site has not 3 coordinates")
        return lattice, np.array(numbers, dtype=np.int64), coords
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError, np.linalg.LinAlgError) as error:
        if isinstance(error, CrystalError):
            raise
        where = "the JSON structure is not complete"
        if isinstance(error, KeyError):
            raise CrystalError(f"{where}: it lacks {error}"[:200]) from error
        owner = {"pymatgen": "pymatgen's form", "OPTIMADE": "OPTIMADE's form"}.get(form, "numbers")
        raise CrystalError(f"{where}: its lattice or its sites are not of {owner}") from error


def _pymatgen(data: Mapping[str, Any]) -> Arrays:
    check_size(len(data["sites"]))
    if not all(data["lattice"].get("pbc") or [True]):
        raise CrystalError("the structure is not periodic in all three directions")
    numbers = [_site_element(index, site) for index, site in enumerate(data["sites"])]
    coords = [[float(x) for x in site["abc"]] for site in data["sites"]]
    return np.array(data["lattice"]["matrix"], dtype=float), np.array(numbers), _rows(coords)


def _arrays(data: Mapping[str, Any]) -> Arrays:
    check_size(len(data["numbers"]))
    lattice = np.array(data["lattice"], dtype=float)
    numbers = np.array(data["numbers"])
    if numbers.dtype.kind not in "iu" or numbers.ndim != 1:
        raise CrystalError("'numbers' are not whole numbers, one for each atom")
    return lattice.reshape(3, 3), numbers, np.array(data["frac_coords"], dtype=float).reshape(-1, 3)


def _optimade(data: Mapping[str, Any]) -> Arrays:
    for feature in data.get("structure_features") or ():
        if feature in _INCOMPLETE:
            raise CrystalError(_INCOMPLETE[feature])
    if any(periodic != 1 for periodic in data.get("dimension_types") or ()):
        raise CrystalError("the structure is not periodic in all three directions")
    check_size(len(data["species_at_sites"]))
    species = {entry["name"]: entry for entry in data.get("species") or ()}
    numbers = [_species_element(species.get(name), str(name)) for name in data["species_at_sites"]]
    lattice = np.array(data["lattice_vectors"], dtype=float)
    positions = _rows(data["cartesian_site_positions"])
    if lattice.shape != (3, 3) or not np.isfinite(lattice).all():
        raise CrystalError("the structure gives no cell in all three directions")
    return lattice, np.array(numbers), np.linalg.solve(lattice.T, positions.T).T


def _rows(coords: Any) -> NDArray[np.float64]:
    return np.array(coords, dtype=float) if len(coords) else np.empty((0, 3))


def _site_element(index: int, site: Mapping[str, Any]) -> int:
    species = site["species"]
    name = site.get("label") or f"number {index + 1}"
    occupancy = sum(float(part.get("occu", 1.0)) for part in species)
    if len(species) != 1 or not abs(occupancy - 1.0) <= OCCUPANCY_TOLERANCE:
        raise CrystalError(
            f"site {name} holds {len(species)} elements with total occupancy {occupancy:g}: "
            "disordered structures cannot be classified"
        )
    moment = (site.get("properties") or {}).get("magmom")
    if moment is not None:
        refuse_moments([float(x) for x in (moment if isinstance(moment, list) else [moment])], f"site {name}")
    return _number(species[0]["element"], f"site {name}")


def _species_element(species: Mapping[str, Any] | None, name: str) -> int:
    if species is None:  # left out by some providers where its name is the element's
        return _number(name, "a site")
    symbols = species["chemical_symbols"]
    share = [float(x) for x in species.get("concentration") or [1.0] * len(symbols)]
    if len(symbols) != 1 or not abs(sum(share) - 1.0) <= OCCUPANCY_TOLERANCE or species.get("attached"):
        mixture = " and ".join(map(str, symbols))[:60]
        raise CrystalError(f"species {name[:20]!r} is {mixture}: disordered structures cannot be classified")
    return _number(symbols[0], f"the sites of {name[:20]!r}")


def _number(symbol: Any, where: str) -> int:
    z = atomic_number(str(symbol))
    if z is None:
        raise CrystalError(f"unknown element {str(symbol)[:20]!r} on {where}")
    return z

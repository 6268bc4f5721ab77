"""Input files of FHI-aims and CASTEP → lattice, atomic numbers and coordinates; all other settings are passed over."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.crystal import CrystalError
from topofuse.crystals.text import (
    Arrays,
    check_size,
    element,
    element_or_number,
    fractional,
    lattice_of,
    numbers_in,
    refuse_moments,
)

# Å; CODATA 2002, as CASTEP has it
_UNITS = {"ang": 1.0, "bohr": 0.5291772108, "a0": 0.5291772108, "m": 1e10, "cm": 1e8, "nm": 10.0, "pm": 0.01}
# keywords of geometry.in that say nothing of cell and atoms; any other may be a misspelled atom
_AIMS = (
    "calculate_friction", "constrain_relaxation", "empty", "empty_frac", "esp_constraint", "hessian_block",
    "hessian_block_lv", "hessian_block_lv_atom", "hessian_file", "homogeneous_field", "initial_charge", "isotope",
    "magnetic_moment", "magnetic_response", "multipole", "nuclear_spin", "pseudocore", "RT_TDDFT_initial_velocity",
    "set_vacuum_level", "symmetry_frac", "symmetry_frac_change_threshold", "symmetry_lv", "symmetry_n_params",
    "symmetry_params", "trust_radius", "velocity", "verbatim_writeout",
)  # fmt: skip


def parse_aims(text: str) -> Arrays:
    """Lattice (3, 3) Å, atomic numbers (n,), fractional coordinates (n, 3) of a geometry.in of FHI-aims.

    Format: manual of FHI-aims (https://fhi-aims.org), chapter on geometry.in. Raises `CrystalError`.
    """
    vectors: list[list[float]] = []
    numbers: list[int] = []
    coords: list[tuple[bool, list[float]]] = []
    for raw in text.splitlines():
        words = raw.split("#", 1)[0].split()
        if not words:
            continue
        if words[0] == "lattice_vector":
            vectors.append(numbers_in(words[1:], f"lattice vector {len(vectors) + 1}", 3))
        elif words[0] in ("atom", "atom_frac"):
            where = f"atom {len(numbers) + 1}"
            coords.append((words[0] == "atom_frac", numbers_in(words[1:4], f"the coordinates of {where}", 3)))
            if len(words) < 5:
                raise CrystalError(f"{where} has no element: is the file truncated?")
            numbers.append(element(words[4], where))
        elif words[0] == "initial_moment":
            refuse_moments(numbers_in(words[1:], "initial_moment", 1), f"atom {len(numbers)}")
        elif words[0] not in _AIMS:
            raise CrystalError(f"{words[0][:20]!r} is no keyword of a geometry.in: is an atom misspelled?")
    _check(len(vectors), len(numbers))
    lattice = np.array(vectors)
    positions = np.array([x for _, x in coords])
    in_units_of_the_cell = np.array([is_fractional for is_fractional, _ in coords])
    if not in_units_of_the_cell.all():
        positions = np.where(in_units_of_the_cell[:, None], positions, fractional(positions, lattice))
    return lattice, np.array(numbers, dtype=np.int64), positions


def _check(vectors: int, atoms: int) -> None:
    if not vectors:
        raise CrystalError("the file gives no cell, so it is a molecule or cluster, not a crystal")
    if vectors != 3:
        raise CrystalError(f"the file gives {vectors} lattice vectors, not three: is it truncated?")
    if not atoms:
        raise CrystalError("the structure holds no atoms")
    check_size(atoms)


def parse_cell(text: str) -> Arrays:
    """Lattice (3, 3) Å, atomic numbers (n,), fractional coordinates (n, 3) of a .cell file of CASTEP.

    Two lattices, two lists of positions, an unknown unit, and mixed atoms are refused. Raises `CrystalError`.
    Format: CASTEP user guide (https://www.castep.org), cell file.
    """
    blocks = _blocks(text)
    lattice = _castep_lattice(blocks)
    kinds = [name for name in ("positions_frac", "positions_abs") if name in blocks]
    if len(kinds) != 1:
        raise CrystalError("one block of POSITIONS_FRAC or POSITIONS_ABS is expected: is the file truncated?")
    unit, rows = _unit(blocks[kinds[0]], kinds[0])
    _check(3, len(rows))
    numbers, coords = [], []
    for i, words in enumerate(rows):
        where = f"atom {i + 1}"
        numbers.append(element_or_number(words[0].split(":", 1)[0], where))
        coords.append(numbers_in(words[1:4], f"the coordinates of {where}", 3))
        rest = " ".join(words[4:])
        if "MIXTURE" in rest.upper():
            raise CrystalError(f"{where} is of a MIXTURE: disordered structures cannot be classified")
        for spin in re.findall(r"\b(?:SPIN|MAGMOM)\s*[=:\s]\s*([^\s()]+)", rest, flags=re.IGNORECASE):
            refuse_moments(numbers_in([spin], f"the spin of {where}", 1), where)
    positions = np.array(coords)
    positions = positions if kinds[0] == "positions_frac" else fractional(positions * unit, lattice)
    return lattice, np.array(numbers, dtype=np.int64), positions


def _blocks(text: str) -> dict[str, list[list[str]]]:
    """{name of a %BLOCK, in lower case: words of its lines}, without comments."""
    blocks: dict[str, list[list[str]]] = {}
    name = ""
    for raw in text.splitlines():
        words = re.split(r"[#!;]", raw, maxsplit=1)[0].split()
        if not words or words[0].upper() == "COMMENT":
            continue
        head = words[0].lower()
        if head in ("%block", "%endblock"):
            given = words[1].lower() if len(words) > 1 else ""
            if not given or (name if head == "%block" else given != name) or (head == "%block" and given in blocks):
                raise CrystalError(
                    "its blocks overlap, repeat or do not end: it is truncated, damaged, or no .cell file"
                )
            name = given if head == "%block" else ""
            blocks.setdefault(given, [])
        elif name:
            blocks[name].append(words)
    if name:
        raise CrystalError(f"the block {name[:30].upper()} does not end: is the file truncated?")
    return blocks


def _castep_lattice(blocks: dict[str, list[list[str]]]) -> NDArray[np.float64]:
    kinds = [name for name in ("lattice_cart", "lattice_abc") if name in blocks]
    if len(kinds) != 1:
        raise CrystalError("one block of LATTICE_CART or LATTICE_ABC is expected: is the file truncated?")
    unit, rows = _unit(blocks[kinds[0]], kinds[0])
    expected = 3 if kinds[0] == "lattice_cart" else 2
    if len(rows) != expected:
        raise CrystalError(f"the block {kinds[0].upper()} has {len(rows)} lines, not {expected}")
    values = np.array([numbers_in(row, f"line {k + 1} of {kinds[0].upper()}", 3) for k, row in enumerate(rows)])
    return values * unit if expected == 3 else lattice_of((values[0] * unit).tolist(), values[1].tolist())


def _unit(rows: list[list[str]], block: str) -> tuple[float, list[list[str]]]:
    """The unit in Å that a block begins with, and its other lines."""
    if not rows or len(rows[0]) != 1:
        return 1.0, rows
    unit = rows[0][0].lower()
    if unit not in _UNITS:
        raise CrystalError(
            f"unknown unit {rows[0][0][:20]!r} in the block {block.upper()}; known are {', '.join(_UNITS)}"
        )
    return _UNITS[unit], rows[1:]

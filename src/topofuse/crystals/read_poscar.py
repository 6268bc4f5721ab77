"""POSCAR, CONTCAR and CHGCAR text → lattice, atomic numbers and coordinates, with strict checks."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.crystal import CrystalError
from topofuse.crystals.formula import atomic_number
from topofuse.crystals.text import Arrays, check_size, fractional, numbers_in

# after the atoms; Fortran writes numbers without E, and stars where there is no room
_HEADING = re.compile(
    r"\s*(?P<mode>c|k|d|cart\w*|kart\w*|direct)?\s*|\s*(lattice velocities|augmentation occupancies)\b.*", re.IGNORECASE
)
_NUMBERS = re.compile(r"[-+.\deEdD*\s]*")


def parse_poscar(text: str) -> Arrays:
    """Lattice (3, 3) Å, atomic numbers (n,), fractional coordinates (n, 3).

    Velocities, predictor lines and grids after the atoms are passed over; other text is refused. The elements
    must be named (VASP 5 and later): in older files they stand only in the POTCAR, and a guess would be wrong.
    Raises `CrystalError` with the reason. Format: https://www.vasp.at/wiki/index.php/POSCAR
    """
    lines = text.splitlines()
    if len(lines) < 8:
        raise CrystalError(f"a POSCAR has at least 8 lines, this file has {len(lines)}: is it truncated?")
    scale = numbers_in(lines[1].split(), "the scaling factor (line 2)")
    lattice = np.array(
        [numbers_in(line.split(), f"lattice vector {k + 1} (line {k + 3})", 3) for k, line in enumerate(lines[2:5])]
    )
    lattice, factor = _scaled(lattice, scale)
    numbers = _species(lines[5], lines[6])
    at = 7
    if lines[at].strip()[:1].lower() == "s":  # selective dynamics
        at += 1
    mode = lines[at].strip()[:1].lower() if at < len(lines) else ""
    if mode not in ("d", "c", "k"):
        raise CrystalError(f"line {at + 1} should say Direct or Cartesian: is the file truncated or not a POSCAR?")
    rows = lines[at + 1 : at + 1 + len(numbers)]
    if len(rows) < len(numbers):
        raise CrystalError(f"{len(numbers)} atoms announced but {len(rows)} lines of coordinates: is it truncated?")
    coords = np.array([numbers_in(row.split(), f"the coordinates of atom {i + 1}", 3) for i, row in enumerate(rows)])
    _check_rest(lines[at + 1 + len(numbers) :], at + 2 + len(numbers))
    if mode != "d":
        coords = fractional(coords * factor, lattice)
    return lattice, numbers, coords


def _check_rest(lines: list[str], first: int) -> None:
    """`CrystalError` where after the atoms comes more than a blank line, headings of VASP, and numbers."""
    modes = 0
    for number, line in enumerate(lines, start=first):
        heading = _HEADING.fullmatch(line)
        modes += bool(heading and heading["mode"])
        if modes > 1 or not (heading or _NUMBERS.fullmatch(line)) or (number == first and line.strip() and not heading):
            raise CrystalError(
                f"line {number}, after the last atom, is none of a POSCAR: {line.strip()[:20]!r}; are there more atoms "
                "than announced, or another file behind the first?"
            )


def _scaled(lattice: NDArray[np.float64], scale: list[float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The scaled lattice and the factor (3,) that also applies to Cartesian coordinates."""
    if len(scale) >= 3:  # one factor per Cartesian axis
        factor = np.array(scale[:3])
    elif scale[0] < 0:  # minus the cell volume in Å³
        volume = abs(np.linalg.det(lattice))
        if volume == 0:
            raise CrystalError("the lattice vectors enclose no volume")
        factor = np.full(3, (-scale[0] / volume) ** (1 / 3))
    else:
        factor = np.full(3, scale[0])
    if (factor <= 0).any():
        raise CrystalError(f"scaling factor {scale[0]:g} is not positive")
    return lattice * factor, factor


def _species(names: str, counts: str) -> NDArray[np.int64]:
    """(n,) atomic numbers from the lines 'Bi Se' and '2 3'; 'Sr_sv' and 'Fe/hash' count as Sr and Fe."""
    symbols = [re.split(r"[_/]", word)[0] for word in names.split()]
    if symbols and all(word.isdecimal() for word in symbols):
        raise CrystalError("the elements are not named (VASP 4 format): write their symbols in line 6")
    words = counts.split()
    if not symbols or len(words) != len(symbols):
        raise CrystalError(f"{len(symbols)} elements in line 6 but {len(words)} counts in line 7")
    if not all(word.isdecimal() and len(word) < 9 and int(word) > 0 for word in words):
        raise CrystalError(f"line 7 should hold the number of atoms per element, found {counts.strip()[:40]!r}")
    total = sum(int(word) for word in words)
    check_size(total)
    numbers: list[int] = []
    for symbol, word in zip(symbols, words, strict=True):
        z = atomic_number(symbol)
        if z is None:
            raise CrystalError(f"unknown element {symbol[:20]!r}")
        numbers += [z] * int(word)
    return np.array(numbers, dtype=np.int64)

"""What the readers of text formats share: numbers, element symbols, cells from lengths and angles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.crystal import MAX_ATOMS, CrystalError
from topofuse.crystals.elements import MAX_ATOMIC_NUMBER
from topofuse.crystals.formula import atomic_number

Arrays = tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]

OCCUPANCY_TOLERANCE = 0.01
MAX_MOMENT = 0.1  # Bohr magnetons; the labels are of materials with less than this per cell


def numbers_in(words: Sequence[str], what: str, count: int | None = None) -> list[float]:
    """The first `count` words as finite numbers (all leading numbers if None); `CrystalError` naming `what`."""
    values: list[float] = []
    for word in words[:count]:
        try:
            values.append(float(word.replace("d", "e").replace("D", "e")))
        except ValueError as error:
            if count is None and values:
                break
            raise CrystalError(f"{what}: {word[:20]!r} is not a number") from error
    if not values or (count is not None and len(values) < count):
        raise CrystalError(f"{what}: {count or 1} numbers expected, found {len(values)}: is the file truncated?")
    if not np.isfinite(values).all():
        raise CrystalError(f"{what}: NaN or infinite values")
    return values


def element(symbol: str, where: str) -> int:
    """Atomic number of an element symbol; `CrystalError` where it is none."""
    z = atomic_number(symbol)
    if z is None:
        raise CrystalError(f"unknown element {symbol[:20]!r} on {where}")
    return z


def element_or_number(word: str, where: str) -> int:
    """Atomic number of a symbol, or of an atomic number in digits."""
    if word.isdecimal() and word.isascii() and len(word) < 4:
        if not 1 <= int(word) <= MAX_ATOMIC_NUMBER:
            raise CrystalError(f"atomic number {int(word)} of {where} is outside 1 to {MAX_ATOMIC_NUMBER}")
        return int(word)
    return element(word, where)


def count_of_atoms(word: str, lines_left: int) -> int:
    """The announced number of atoms; `CrystalError` where fewer lines follow, or too many are announced."""
    if not (word.isascii() and word.isdecimal()) or len(word) > 9 or int(word) == 0:
        raise CrystalError(f"{word[:20]!r} is not a number of atoms")
    if int(word) > max(lines_left, 0):
        raise CrystalError(f"{word} atoms announced but {max(lines_left, 0)} lines follow: is the file truncated?")
    check_size(int(word))
    return int(word)


def check_size(atoms: int) -> None:
    """`CrystalError` where a cell holds more atoms than are supported."""
    if atoms > MAX_ATOMS:
        raise CrystalError(f"{atoms} atoms in the cell; at most {MAX_ATOMS} are supported")


def fractional(cartesian: NDArray[np.float64], lattice: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 3) fractional coordinates of Cartesian ones, in a lattice of row vectors."""
    try:
        return cartesian @ np.linalg.inv(lattice)
    except np.linalg.LinAlgError as error:
        raise CrystalError("the lattice vectors enclose no volume") from error


def lattice_of(lengths: Sequence[float], angles: Sequence[float]) -> NDArray[np.float64]:
    """(3, 3) row vectors of a cell given by lengths a, b, c and angles alpha, beta, gamma in degrees.

    The first vector is along x, the second in the xy plane. `CrystalError` where they enclose no volume.
    """
    if min(lengths) <= 0:
        raise CrystalError("cell lengths {:g}, {:g}, {:g} Å must be positive".format(*lengths))
    if not all(0 < x < 180 for x in angles):
        raise CrystalError("cell angles {:g}, {:g}, {:g} must lie between 0 and 180 degrees".format(*angles))
    alpha, beta, gamma = np.radians(angles)
    cx = np.cos(beta)
    cy = (np.cos(alpha) - np.cos(beta) * np.cos(gamma)) / np.sin(gamma)
    cz2 = 1 - cx**2 - cy**2
    if cz2 <= 0:
        raise CrystalError("cell angles {:g}, {:g}, {:g} enclose no volume".format(*angles))
    unit = np.array([[1, 0, 0], [np.cos(gamma), np.sin(gamma), 0], [cx, cy, np.sqrt(cz2)]])
    unit[np.abs(unit) < 1e-12] = 0.0  # cos 90° exactly
    vectors: NDArray[np.float64] = unit * np.array(lengths, dtype=float)[:, None]
    return vectors


def refuse_moments(values: Sequence[float] | NDArray[np.float64], where: str) -> None:
    """`CrystalError` where a magnetic moment (in Bohr magnetons) is stated: labels are of materials without one."""
    size = float(np.linalg.norm(values))
    if not size <= MAX_MOMENT:
        raise CrystalError(
            f"a magnetic moment of {size:.3g} is stated for {where}: the classification is of non-magnetic crystals "
            "only; leave the moments out to have the crystal classified as if it had none"
        )


def refuse_partial(occupancy: float, where: str) -> None:
    """`CrystalError` where a site is not fully occupied."""
    if not abs(occupancy - 1.0) <= OCCUPANCY_TOLERANCE:
        raise CrystalError(f"{where} has occupancy {occupancy:g}: disordered structures cannot be classified")

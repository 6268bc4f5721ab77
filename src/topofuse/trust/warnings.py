"""What a physicist should know before believing an answer: a code and a sentence each; docs/trust.md has the shares.

The thresholds were measured on the materials of the pool, which are real crystals: `benchmarks/trust.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal
from topofuse.crystals.crystal import empty_layers
from topofuse.crystals.elements import element_property
from topofuse.crystals.formula import SYMBOLS
from topofuse.crystals.operations import primitive_basis
from topofuse.modalities.material import SketchFacts
from topofuse.tightbinding.sketch import NoSketch
from topofuse.trust.domain import open_shell
from topofuse.trust.near_symmetry import higher_symmetry

SEPARATOR = "; "  # of warnings in a table's cell; no sentence has it
VACUUM = 6.0  # Å; an empty layer as wide as that is no van der Waals gap
SHORT, LONG = 0.65, 1.3  # nearest neighbours' distance over the sum of the covalent radii
CLOSE_GAP = 1.0  # eV; below, the sketch's verdict is wrong in one of seven cases
_OPEN = 1e-4  # eV; below, the gap is closed by symmetry
_4F = range(58, 71)  # Ce to Yb


def warnings_of(crystal: SymmetricCrystal, sketch: SketchFacts | NoSketch | None = None) -> list[str]:
    """Warnings as 'code: sentence'.

    sketch: the bands that the model saw, if it saw any
    """
    return [f"{code}: {words}" for code, words in _warnings(crystal, sketch)]


def codes(cell: str) -> list[str]:
    """The codes of a table's cell of warnings."""
    return [part.split(":", 1)[0] for part in cell.split(SEPARATOR) if part]


def _warnings(crystal: SymmetricCrystal, sketch: SketchFacts | NoSketch | None) -> Iterator[tuple[str, str]]:
    numbers = crystal.primitive.numbers
    if reason := open_shell(numbers):
        yield "magnetic", f"probably magnetic ({reason}), and the labels are for materials without a moment"
    if inside := [SYMBOLS[z] for z in np.unique(numbers) if z in _4F]:
        names = ", ".join(inside)
        yield "f_electrons", f"4f electrons of {names}: the labels do not know of their magnetism or mixed valence"
    if (width := widest_layer(crystal)) > VACUUM:
        yield "slab", f"an empty layer of {width:.1f} Å: a slab or a single sheet, and the labels are for bulk crystals"
    shortest = bond_ratios(crystal).min()
    if not SHORT <= shortest <= LONG:
        what = f"its shortest bond is {shortest:.2f} times the sum of the covalent radii"
        yield "lengths", f"{what}, too {'short' if shortest < SHORT else 'long'} for a crystal"
    if (higher := higher_symmetry(crystal)) is not None:
        symmetric, tolerance = higher
        names = f"{symmetric.symbol} ({symmetric.spacegroup}), found is {crystal.symbol} ({crystal.spacegroup})"
        offer = f"--symmetrise {tolerance:g} predicts for the higher one"
        yield "near_symmetry", f"within {tolerance:g} Å of space group {names}: {offer}"
    if isinstance(sketch, SketchFacts) and _OPEN < sketch.point_gap < CLOSE_GAP:
        gap = f"the band sketch has a gap of only {sketch.point_gap:.2g} eV at a special momentum"
        yield "small_gap", f"{gap}, less than its error, so the order of the bands is uncertain"


def widest_layer(crystal: SymmetricCrystal) -> float:
    """Å: the widest empty layer along an axis of the primitive or of the conventional cell."""
    cell = crystal.primitive
    conventional = crystal.conventional_lattice
    # sites of the conventional cell, modulo one: the primitive cell's, projected on each axis
    basis = primitive_basis(crystal.centering)
    steps = np.array([[i, j, k] for i in range(2) for j in range(2) for k in range(2)]) @ basis.T
    inside = (cell.frac_coords @ basis.T)[None] + steps[:, None]
    along_conventional = empty_layers(conventional, inside.reshape(-1, 3) % 1.0)
    return float(max(crystal.empty_layers.max(), along_conventional.max()))


def bond_ratios(crystal: SymmetricCrystal) -> NDArray[np.float64]:
    """(m,) for each orbit, the least distance to a neighbour over the sum of both covalent radii."""
    near = crystal.neighbours
    radii = element_property("r_covalent")
    sums = radii[crystal.orbit_numbers[near.centre]] + radii[crystal.primitive.numbers[near.atom]]
    least = np.full(crystal.n_orbits, np.inf)
    np.minimum.at(least, near.centre, near.distance / sums)
    return least

"""A crystal → what the page draws of it: atoms, bonds, cell, Brillouin zone. Runs in worker processes."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import Crystal, SymmetricCrystal
from topofuse.crystals.closed_shells import anion_formers
from topofuse.crystals.elements import element_property
from topofuse.crystals.formula import SYMBOLS, reduced_formula
from topofuse.crystals.neighbours import pairs_within
from topofuse.crystals.operations import primitive_basis
from topofuse.web.zone import brillouin_zone

BOND = 1.15  # a bond is at most this many times the sum of covalent radii, as in modalities/physics/bonds.py
MAX_BONDS = 20_000  # more are no picture


def scene_of(crystal: SymmetricCrystal) -> dict[str, Any]:
    """Formula, space group, elements (symbol, covalent radius in Å), cells and zone, ready for JSON.

    cells: 'conventional' and, where it is another one, 'primitive'; both are spglib's standard settings and have the
    axes of the zone.
    """
    species = np.unique(crystal.primitive.numbers).tolist()
    cells = {"conventional": conventional_cell(crystal), "primitive": crystal.primitive}
    if crystal.centering == "P":
        del cells["primitive"]
    return {
        "formula": reduced_formula(crystal.primitive.numbers),
        "spacegroup": crystal.spacegroup,
        "spacegroup_symbol": crystal.symbol,
        "pointgroup": crystal.pointgroup,
        "elements": [_element(z) for z in species],
        "cells": {name: _drawn(cell, species) for name, cell in cells.items()},
        "zone": brillouin_zone(crystal),
    }


def conventional_cell(crystal: SymmetricCrystal) -> Crystal:
    """The conventional cell filled with atoms: those of the primitive one, and their copies by the centring."""
    basis = primitive_basis(crystal.centering)
    steps = np.array(list(product(range(3), repeat=3))) @ basis.T % 1.0
    shifts = np.unique(np.round(steps, 6) % 1.0, axis=0)
    atoms = crystal.primitive.frac_coords @ basis.T
    coords = (atoms[None] + shifts[:, None]).reshape(-1, 3) % 1.0
    return Crystal(crystal.conventional_lattice, np.tile(crystal.primitive.numbers, len(shifts)), coords)


def bonds(crystal: Crystal) -> NDArray[np.int64]:
    """(b, 5) rows i, j, and the cell of j as three integers; each bond once.

    Atoms are bonded within `BOND` times the sum of their covalent radii (Cordero). Two atoms that are both no
    anion formers are not, in a compound that has anions: cations lie close without a bond between them.
    """
    radius = np.nan_to_num(element_property("r_covalent")[crystal.numbers], nan=1.5)
    reach = BOND * (radius[:, None] + radius)
    anion = anion_formers()[crystal.numbers]
    if anion.any():
        reach[~anion[:, None] & ~anion] = 0
    near = pairs_within(crystal, np.arange(len(crystal)), reach)
    i, j, shift = near.centre, near.atom, near.shift.astype(np.int64)
    a, b, c = shift.T
    forward = (i < j) | ((i == j) & ((a > 0) | ((a == 0) & ((b > 0) | ((b == 0) & (c > 0))))))
    pairs: NDArray[np.int64] = np.column_stack([i, j, shift])[forward]
    return pairs[:0] if len(pairs) > MAX_BONDS else pairs


def _element(z: int) -> dict[str, Any]:
    radius = float(element_property("r_covalent")[z])
    return {"symbol": SYMBOLS[z], "radius": radius if np.isfinite(radius) else 1.5}


def _drawn(cell: Crystal, species: list[int]) -> dict[str, Any]:
    return {
        "lattice": cell.lattice.tolist(),
        "species": [species.index(z) for z in cell.numbers.tolist()],
        "positions": np.round(cell.frac_coords, 6).tolist(),
        "bonds": bonds(cell).tolist(),
    }

"""The physics modality: what an expert would compute on paper, as one table row."""

from __future__ import annotations

import numpy as np

from topofuse.crystals import SymmetricCrystal
from topofuse.crystals.formula import formula_of
from topofuse.modalities.base import Modality, Part
from topofuse.modalities.physics import bonds, charge, environments, filling, orbitals

TABLE_NAMES = (*charge.NAMES, *orbitals.NAMES, *bonds.NAMES, *environments.NAMES, *filling.NAMES)


def extract(crystal: SymmetricCrystal) -> Part:
    """One row of physics features; see `TABLE_NAMES`."""
    formula = formula_of(crystal.primitive.numbers)
    edges = bonds.bond_edges(crystal)
    row = np.concatenate(
        [
            charge.charge_features(formula),
            orbitals.orbital_features(formula),
            bonds.bond_features(crystal, edges),
            environments.environment_features(crystal, edges),
            filling.filling_features(crystal),
        ]
    )
    return {"table": row[None].astype(np.float32)}


PHYSICS = Modality("physics", 1, extract, TABLE_NAMES)

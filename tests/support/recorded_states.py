"""States that GPAW gave for textbook compounds, as `benchmarks/record_states.py` wrote them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from topofuse.confirm.engine import StarStates
from topofuse.symmetry import SymmetryTable, symmetry_table

FILE = Path(__file__).parents[1] / "confirm" / "recorded_states.npz"


def recorded(name: str) -> tuple[SymmetryTable, list[StarStates], int]:
    """The table of the space group, the states at each of its stars, and the number of electrons."""
    with np.load(FILE) as file:
        spacegroup, electrons = file[f"{name}/numbers"].tolist()
        table = symmetry_table(spacegroup)
        stars = [
            StarStates(int(index), file[f"{name}/energy{i}"], file[f"{name}/traces{i}"].astype(complex))
            for i, index in enumerate(file[f"{name}/momenta"])
        ]
    return table, stars, electrons

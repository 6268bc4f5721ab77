"""A file without symmetry, and the reason why a file is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.broken_inputs import CIF
from topofuse.crystals import CrystalError
from topofuse.crystals.read import read_structure

PLAIN_P1 = CIF.replace("_space_group_name_H-M_alt 'F m -3 m'\n", "").replace("_chemical_formula_sum 'Na4 Cl4'\n", "")


def refusal(path: Path) -> str:
    with pytest.raises(CrystalError) as caught:
        read_structure(path)
    return str(caught.value)

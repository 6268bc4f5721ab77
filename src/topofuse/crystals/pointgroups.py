"""The point group of a space group: order, crystal system, inversion, polarity, chirality; from gemmi's operations."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import gemmi
import numpy as np

CRYSTAL_SYSTEMS = ("triclinic", "monoclinic", "orthorhombic", "tetragonal", "trigonal", "hexagonal", "cubic")


class PointGroup(NamedTuple):
    """order: number of operations; system: index in `CRYSTAL_SYSTEMS`; the rest are 0 or 1.

    polar: a direction is left alone by all operations; chiral: no operation changes the handedness
    """

    order: int
    system: int
    centrosymmetric: int
    polar: int
    chiral: int


@cache
def point_group_of(spacegroup: int) -> PointGroup:
    """The point group of the space group with this international number. Raises `ValueError` outside 1 to 230."""
    if not 1 <= spacegroup <= 230:
        raise ValueError(f"there is no space group {spacegroup}; there are 1 to 230")
    group = gemmi.SpaceGroup(int(spacegroup))
    rotations = np.array([operation.rot for operation in group.operations().sym_ops])
    return PointGroup(
        order=len(rotations),
        system=CRYSTAL_SYSTEMS.index(group.crystal_system_str()),
        centrosymmetric=int(group.is_centrosymmetric()),
        polar=int(rotations.sum(axis=0).any()),  # proportional to the projection on what no operation moves
        chiral=int(group.is_sohncke()),
    )


@cache
def is_symmorphic(spacegroup: int) -> bool:
    """Whether the space group has a point whose site symmetry is the whole point group."""
    return bool(gemmi.SpaceGroup(int(spacegroup)).is_symmorphic())

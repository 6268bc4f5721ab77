"""How long a calculation takes, before it is begun: a power law fitted to calculations that were timed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from topofuse.confirm.path import PER_LINE
from topofuse.confirm.settings import Settings
from topofuse.crystals import SymmetricCrystal
from topofuse.crystals.elements import valence_electrons
from topofuse.symmetry import symmetry_table
from topofuse.tightbinding.lines import lines_of

_WAVES = 0.00286  # plane waves per Å³ and eV^1.5 of cutoff: (2 m / ħ²)^1.5 / 6π²
# seconds = exp(_OFFSET) · (waves · bands · momenta)^_EXPONENT; least squares on the logarithms of what 190 crystals of
# one to eight atoms took on one core (docs/confirm.md); machines differ
_OFFSET, _EXPONENT = -6.73, 0.72
_PATH = 0.6  # of the effort for a momentum of the table: a momentum on the path converges to less


@dataclass(frozen=True)
class Size:
    """What the effort depends on: plane waves, bands, and momenta that symmetry leaves (two kinds together)."""

    waves: float
    bands: float
    momenta: float


def size_of(crystal: SymmetricCrystal, settings: Settings, *, path: bool = False) -> Size:
    """The size of a calculation, from the structure alone; path: with bands along the path."""
    cell = crystal.primitive
    table = symmetry_table(crystal.spacegroup)
    waves = _WAVES * abs(float(np.linalg.det(cell.lattice))) * settings.cutoff_for(cell.numbers) ** 1.5
    electrons = float(np.sum(valence_electrons(cell.numbers)))
    # the mesh is the least that has the density along every axis
    reciprocal = 2 * np.pi * np.linalg.norm(np.linalg.inv(cell.lattice), axis=0)
    mesh = np.ceil(reciprocal * settings.density)
    operations = len(table.rotations) * (1 if table.inversion else 2)
    irreducible = np.prod(mesh / 2 + 1) * 8 / operations
    along = _PATH * lines_of(crystal, PER_LINE).distance.size if path else 0.0
    return Size(waves, electrons / 2 + 3 * len(cell), float(irreducible) + len(table.stars) + along)


def seconds_for(size: Size) -> float:
    """Seconds of processor time, about: half or twice as many are usual."""
    return math.exp(_OFFSET + _EXPONENT * math.log(size.waves * size.bands * size.momenta))


def in_words(seconds: float) -> str:
    """A duration for a person: '40 s', '12 min', '3.5 h'."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

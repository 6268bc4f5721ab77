"""Symmetry analysis of band structures: states at momenta → coirreps → compatibility, indicators, class.

    table = symmetry_table(166)
    levels = [identify(table, table.find(k), energy, traces) for k, energy, traces in ...]
    diagnose(table, levels, electrons).verdict

Tables of all 230 space groups with spin-orbit coupling and time reversal are carried; where the states come from is
no business of this package.
"""

from topofuse.symmetry.diagnosis import Diagnosis, diagnose, indicator_classes
from topofuse.symmetry.levels import Alignment, Levels, RepresentationError, identify
from topofuse.symmetry.soft import SoftVerdict, soft_verdict
from topofuse.symmetry.tables import Momentum, Star, SymmetryTable, symmetry_table

__all__ = [
    "Alignment",
    "Diagnosis",
    "Levels",
    "Momentum",
    "RepresentationError",
    "SoftVerdict",
    "Star",
    "SymmetryTable",
    "diagnose",
    "identify",
    "indicator_classes",
    "soft_verdict",
    "symmetry_table",
]

"""Crystals: a validated structure and its symmetry."""

from topofuse.crystals.crystal import Crystal, CrystalError
from topofuse.crystals.symmetry import SymmetricCrystal, analyse
from topofuse.crystals.views import thermal_view

__all__ = ["Crystal", "CrystalError", "SymmetricCrystal", "analyse", "thermal_view"]

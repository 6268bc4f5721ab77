"""Crystals: a validated structure, its symmetry, its facts."""

from topofuse.crystals.crystal import Crystal, CrystalError
from topofuse.crystals.facts import CrystalFacts
from topofuse.crystals.symmetry import SymmetricCrystal, analyse
from topofuse.crystals.views import thermal_view

__all__ = ["Crystal", "CrystalError", "CrystalFacts", "SymmetricCrystal", "analyse", "thermal_view"]

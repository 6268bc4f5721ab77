"""Crystals: a validated structure and its symmetry."""

from topofuse.crystals.crystal import Crystal, CrystalError
from topofuse.crystals.symmetry import SymmetricCrystal, analyse

__all__ = ["Crystal", "CrystalError", "SymmetricCrystal", "analyse"]

"""Scalar features: composition, symmetry, geometry and electron counts."""

from topofuse.modalities.scalar.features import SCALAR as MODALITY

__all__ = ["MODALITY"]

"""Symmetry indicators: what the band sketch's coirreps say, and how sure that is when its levels are a little off."""

from topofuse.modalities.indicators.features import INDICATORS as MODALITY

__all__ = ["MODALITY"]

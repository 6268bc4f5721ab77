"""Band sketch: what a tight-binding model from free-atom tables says about the bands at the filling."""

from topofuse.modalities.bands.features import BANDS as MODALITY

__all__ = ["MODALITY"]

"""Physics features: what an expert would compute on paper."""

from topofuse.modalities.physics.features import PHYSICS as MODALITY

__all__ = ["MODALITY"]

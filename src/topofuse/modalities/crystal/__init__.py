"""Crystal graph: orbits of atoms and their neighbours."""

from topofuse.modalities.crystal.graph import CRYSTAL as MODALITY

__all__ = ["MODALITY"]

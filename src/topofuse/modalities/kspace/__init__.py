"""k-space graph: high-symmetry momenta and the lines between them."""

from topofuse.modalities.kspace.graph import KSPACE as MODALITY

__all__ = ["MODALITY"]

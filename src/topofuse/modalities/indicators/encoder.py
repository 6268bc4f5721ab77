"""Encoder of the symmetry indicators: residual blocks on standardised columns."""

from topofuse.modalities.encoders import TableEncoder as Encoder

__all__ = ["Encoder"]

"""Encoder of the band sketch: residual blocks on standardised columns."""

from topofuse.modalities.encoders import TableEncoder as Encoder

__all__ = ["Encoder"]

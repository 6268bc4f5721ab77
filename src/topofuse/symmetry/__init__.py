"""Symmetry analysis of band structures."""

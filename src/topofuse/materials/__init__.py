"""Data sets of labelled crystals and their splits."""

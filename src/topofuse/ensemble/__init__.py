"""Ensembling: members, stacking by out-of-fold rows, the bundle on disk."""

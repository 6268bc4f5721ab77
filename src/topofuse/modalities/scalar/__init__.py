"""Scalar features: composition, symmetry, geometry and electron counts."""

"""Fusion of the modalities: attention, stages, classifier."""

"""Modalities: views of a crystal that the network fuses."""

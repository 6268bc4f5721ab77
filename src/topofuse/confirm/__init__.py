"""A first-principles answer for a crystal, with GPAW, judged by the symmetry analysis that judges the sketch."""

"""Trust: how far an answer can be believed. Calibrated probabilities, prediction sets, novelty, domain."""

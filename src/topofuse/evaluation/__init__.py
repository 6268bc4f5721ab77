"""Evaluation: metrics as pure functions, protocol, ablation."""

"""Presets: settings of a run, as data."""

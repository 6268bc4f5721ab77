"""Where the shared data set lies beside a checkout, and the mark of tests that need it."""

from __future__ import annotations

from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "shared/topomat"
TOPOMAT = FOLDER / "topomat.parquet"
VALENCE = FOLDER / "valence.json"
needs_topomat = pytest.mark.skipif(not FOLDER.exists(), reason=f"{FOLDER} is absent")

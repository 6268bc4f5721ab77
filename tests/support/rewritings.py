"""Names of the fixture `rewritings`, for tests that go through them; those that are in "all at once" too are slow."""

from __future__ import annotations

import pytest

ALONE = ["rotation", "atom order", "supercell", "primitive cell", "skewed cell"]  # all of them in "all at once" too
WAYS = [*(pytest.param(way, marks=pytest.mark.slow) for way in ALONE), "translation", "all at once"]

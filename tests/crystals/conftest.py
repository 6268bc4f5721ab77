"""Files that a test writes."""

from __future__ import annotations

import pytest


@pytest.fixture
def write(tmp_path):
    def _write(content: str | bytes, name: str = "x.cif"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return _write

"""The page on security names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def rows() -> list[list[str]]:
    """Cells of every line of the page's tables, heads left out."""
    lines = (ROOT / "docs/security.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| ")]
    return [row for row in cells if row[0] not in ("threat", "---")]


def test_every_threat_has_a_defence_and_a_test_that_exists():
    found = rows()
    assert len(found) > 20
    for row in found:
        assert len(row) == 3, row
        assert all(row), row
        named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", row[2])
        assert len(named) == row[2].count("::") > 0, row
        for file, test in named:
            assert re.search(rf"^\s*def {test}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), test

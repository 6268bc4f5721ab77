"""The page on security names tests that there are."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def page() -> str:
    return (ROOT / "docs/security.md").read_text(encoding="utf-8")


def rows() -> list[list[str]]:
    """Cells of every line of the tables of threats, heads left out."""
    lines = page().partition("## Attacked")[0].splitlines()
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


def test_every_attack_that_is_reported_can_be_repeated():
    sys.path.insert(0, str(ROOT / "tools/attack"))
    try:
        spec = importlib.util.spec_from_file_location("attack_main", ROOT / "tools/attack/__main__.py")
        attack = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(attack)
    finally:
        sys.path.remove(str(ROOT / "tools/attack"))
    commands = re.findall(r"^\| `([^`]+)` \|", page().partition("## Attacked")[2], re.MULTILINE)
    assert len(commands) > 10
    for command in commands:
        given = attack.parser().parse_args(shlex.split(command))
        assert f"def {given.function}(" in (ROOT / f"tools/attack/{given.module}.py").read_text(encoding="utf-8")

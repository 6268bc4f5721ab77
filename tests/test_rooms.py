"""A room imports only from the rooms above it in the table of docs/contributing.md, and nothing imports in a circle.

Every import counts, wherever it stands: inside a function, and for types alone too.
"""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from topofuse.modalities.registry import MODALITY_NAMES

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src/topofuse"
_ROW = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \|", re.MULTILINE)


def rooms() -> list[str]:
    """The rooms in the order of the table; those of one line may import from those before them."""
    table = (ROOT / "docs/contributing.md").read_text(encoding="utf-8").split("## The rooms")[1].split("\n## ")[0]
    return [room for row in _ROW.findall(table) for room in re.findall(r"\w+", row)]


def modules() -> dict[str, Path]:
    def dotted(path: Path) -> str:
        parts = path.relative_to(SOURCE.parent).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    return {dotted(path): path for path in SOURCE.rglob("*.py")}


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """Module → the modules of topofuse that it imports."""
    paths = modules()
    graph: dict[str, set[str]] = {}
    for name, path in paths.items():
        graph[name] = set()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                graph[name] |= {alias.name for alias in node.names if alias.name in paths}
            elif isinstance(node, ast.ImportFrom) and node.module in paths:
                members = [f"{node.module}.{alias.name}" for alias in node.names]
                graph[name] |= {member if member in paths else node.module for member in members}
            elif isinstance(node, ast.ImportFrom) and node.level:
                pytest.fail(f"{name}: imports are written in full")
    return graph


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else "topofuse"


def test_the_table_names_every_room_once():
    named = rooms()
    there = {path.stem for path in SOURCE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert len(set(named)) == len(named)
    assert set(named) == there - {"__init__", "pretrained"}


def test_every_room_imports_only_from_those_above_it(imports):
    place = {name: number for number, name in enumerate(rooms())}
    up = [
        f"{module} imports {other}"
        for module, others in imports.items()
        for other in others
        if "." in module and "." in other and place[room(other)] > place[room(module)]
    ]
    assert not up, "\n".join(up)


def test_no_module_outside_modalities_imports_that_of_one_modality(imports):
    """A seventh modality is a folder and a line; what the others share is beside their folders."""
    folders = tuple(f"topofuse.modalities.{name}" for name in MODALITY_NAMES)
    named = [
        f"{module} imports {other}"
        for module, others in imports.items()
        for other in others
        if room(module) != "modalities" and f"{other}.".startswith(tuple(f"{folder}." for folder in folders))
    ]
    assert not named, "\n".join(named)


def test_no_module_imports_itself_by_way_of_others(imports):
    order = list(TopologicalSorter(imports).static_order())  # CycleError names the circle
    assert set(order) == set(imports)


def test_from_the_package_itself_only_its_version_is_imported(imports):
    """What `topofuse` offers to people comes from the last rooms; inside, it would be a circle."""
    for module, others in imports.items():
        if "topofuse" in others:
            text = modules()[module].read_text(encoding="utf-8")
            assert re.findall(r"from topofuse import (.*)", text) == ["__version__"], module
            assert not re.search(r"^\s*import topofuse$", text, re.MULTILINE), module

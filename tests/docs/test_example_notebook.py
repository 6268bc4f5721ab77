"""The notebooks in examples/ run from top to bottom, and carry no output of an older version."""

from __future__ import annotations

import ast
import json
import warnings
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*.ipynb"))


def run(cells: list[dict[str, Any]]) -> list[Any]:
    """What the code cells show: the value of the last line of each, as Jupyter has it."""
    names: dict[str, Any] = {"__name__": "__main__"}
    shown = []
    for number, cell in enumerate(cells):
        body = ast.parse("".join(cell["source"]), f"cell {number}").body
        last = body.pop() if isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), f"cell {number}", "exec"), names)
        if last is not None:
            shown.append(eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names))
    return shown


@pytest.mark.docs
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_it_runs_and_shows_something(path, monkeypatch, capsys):
    monkeypatch.chdir(path.parent)
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shown = [value for value in run(code) if value is not None]
    drawn = [value._repr_html_() for value in shown if hasattr(value, "_repr_html_")]
    assert len(drawn) == 3
    assert "Bi2Se3" in drawn[0]
    printed = capsys.readouterr().out
    assert "first ionisation energy, mean: " in printed
    assert 0.5 < float(printed.split("accuracy ")[1]) <= 1

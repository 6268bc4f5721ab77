"""A run's folder: one default place for each command, and what is in it is never another run's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from topofuse.config import ConfigError
from topofuse.runs.folder import default_folder, open_run


@pytest.mark.parametrize(
    ("command", "preset", "path"),
    [
        ("run", "cpu", "runs/cpu"),
        ("run", "settings/mine.toml", "runs/mine"),
        ("ablate", "cpu", "runs/ablate-cpu"),
        ("generalise", "cpu", "runs/generalise-cpu"),
    ],
)
def test_each_command_has_a_place_of_its_own_that_the_report_of_the_run_looks_in(command, preset, path):
    assert default_folder(command, preset) == Path(path)


def test_the_default_is_taken_where_nothing_is_said(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    opened = open_run("ablate", "quick", progress=False)
    assert opened.folder.path == Path("runs/ablate-quick")
    held = json.loads((tmp_path / "runs/ablate-quick/config.json").read_text())
    assert held["kind"] == "ablate"
    assert held["config"] == opened.config.model_dump(mode="json")
    assert held["data"] == opened.data.data_hash


@pytest.mark.slow
def test_a_folder_belongs_to_one_run(tmp_path):
    open_run("run", "quick", out=tmp_path, progress=False)
    open_run("run", "quick", out=tmp_path, resume=True, progress=False)
    with pytest.raises(ConfigError, match="already holds a run; continue it with --resume"):
        open_run("run", "quick", out=tmp_path, progress=False)
    for other in ({"command": "ablate"}, {"seed": 1}, {"preset": "cpu"}):
        given = {"command": "run", "preset": "quick", "out": tmp_path, "resume": True, "progress": False} | other
        with pytest.raises(ConfigError, match="other settings, data or features"):
            open_run(**given)

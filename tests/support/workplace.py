"""A folder with a tiny preset and a small data set, and runs of the whole strategy in it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from topofuse.crystals.write_poscar import poscar
from topofuse.labels import FIVE
from topofuse.runs import run as pipeline

PRESET = """
tta_views = 2
bootstrap = 100
threads = 1

[network]
width = 16
channels = 8
graph_layers = 1
table_layers = 1
heads = 2
attention_layers = 1
stages = 1

[training]
epochs = 3
batch_size = 16
warmup_epochs = 1
cycle_epochs = 2
validation_share = 0.2

[[members]]
network = { dropout = 0.1 }
training = { mixup_alpha = 0.5 }

[boosted]
rounds = 15
leaves = 4
min_leaf = 2
"""


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, small_world) -> Path:
    """A folder with a preset and a data set of 60 structure files in two folds and a test split."""
    folder = tmp_path_factory.mktemp("workplace")
    (folder / "tiny.toml").write_text(PRESET)
    seen: dict[str, int] = {}
    with (folder / "mine.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "split", "fold"])
        for i, (crystal, label) in enumerate(zip(small_world.crystals, small_world.labels, strict=True)):
            (folder / f"{i}.vasp").write_text(poscar(crystal, "crystal"))
            part = seen.setdefault(small_world.formulas[i], i % 5)  # a formula in one place only
            place = ("test", "") if part == 4 else ("pool", part % 2)
            writer.writerow([f"{i}.vasp", FIVE[label], *place])
    return folder


@pytest.fixture
def run(workplace, monkeypatch):
    monkeypatch.setenv("TOPOFUSE_CACHE", str(workplace / "cache"))

    def _run(out: str, **options) -> Path:
        given = {"data": workplace / "mine.csv", "progress": False} | options
        return pipeline.run(str(workplace / "tiny.toml"), out=workplace / out, **given)

    return _run


@pytest.fixture
def whole(run, workplace) -> Path:
    """The folder of an uninterrupted run, made once."""
    if not (workplace / "whole/report.html").exists():
        assert run("whole") == workplace / "whole/report.html"
    return workplace / "whole"


def numbers(folder: Path) -> dict:
    """Of the results, all that does not depend on the clock or the machine."""
    results = json.loads((folder / "results.json").read_text())
    for key in ("created", "timings", "machine"):
        del results[key]
    for entry in [*results["jobs"], *results["history"]]:
        del entry["seconds"]
    return results

"""The modality of docs/add-a-modality.md, added to a copy of the package as the page says, goes all the way."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.docs, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
WALK = """
import json, sys
from itertools import islice
from pathlib import Path
import numpy as np, torch
from topofuse.config import FusionConfig, parse_config
from topofuse.crystals import analyse
from topofuse.crystals.read import read_structure
from topofuse.ensemble.boosted import fit_boosted
from topofuse.ensemble.bundle import open_bundle, save_bundle
from topofuse.explain import explain
from topofuse.explain.text import as_text
from topofuse.fusion.network import FusionNetwork
from topofuse.labels import FIVE
from topofuse.materials.textbook import iter_textbook
from topofuse.modalities.extraction import extract_all
from topofuse.modalities.registry import modality, table_columns
from topofuse.modalities.store import FeatureStore
from topofuse.report.figures import importance_figure
from topofuse.trust.novelty import TrainingMaterials
from topofuse.trust.trust import Trust
from topofuse.web.reading import Read

names, gaas = ("scalar", "shape"), Path(sys.argv[1])
settings = dict(width=16, channels=8, graph_layers=1, table_layers=1, heads=2, attention_layers=1)
config = parse_config({"preset": "tiny", "modalities": names, "fast_modalities": names, "tta_views": 1, "threads": 1,
                       "network": settings, "training": {"epochs": 1}, "members": [{}],
                       "boosted": {"rounds": 10, "leaves": 4, "min_leaf": 2}})
chosen = [m for label in FIVE for m in islice((m for m in iter_textbook() if m.label == label), 8)]
labels, rows = np.array([FIVE.index(m.label) for m in chosen]), np.arange(len(chosen))

(store,) = extract_all([m.crystal for m in chosen], workers=0, names=names, cache_dir=Path("cache")).views
store.save(Path("store.safetensors"))
store = FeatureStore.load(Path("store.safetensors"))

torch.manual_seed(0)
network = FusionNetwork(names, FusionConfig(**settings))
network.fit_statistics(store.batch(rows))
network(store.batch(rows)).kind.square().sum().backward()
moved = {name for name in names for p in network.encoders[name].parameters() if p.grad is not None and p.grad.any()}
network.eval()

trees = fit_boosted(store.table(), labels, rows[::2], rows[1::2], config.boosted, seed=0, threads=1)
gain = dict(zip(table_columns(names), trees.gain(), strict=True))
described = [m.material_id for m in chosen], [m.reduced_formula for m in chosen], labels
reference = TrainingMaterials.fit(store, rows, names, described)
trust = Trust.fit(labels, np.random.default_rng(0).dirichlet(np.ones(5), len(rows)), "made up")
networks = {"kfold": {"0": (FusionConfig(**settings), network)}}
weights = {"kfold": 0.5, "boosted": 0.5}
save_bundle(Path("bundle"), config, networks, [trees], weights, trust, {}, reference)
bundle = open_bundle("bundle")

explanation = explain(gaas, bundle)
reading = Read(bundle.extractor(), explained=True)(gaas)
features = [{"feature": c.split(":")[1], "modality": c.split(":")[0], "gain": g} for c, g in gain.items() if g]
features += [{"feature": "volume", "modality": "shape", "gain": 1.0}]
print(json.dumps({
    "row": modality("shape").extract(analyse(read_structure(gaas)))["table"][0].tolist(),
    "stored": store.arrays["shape"]["table"].shape,
    "trained": sorted(moved),
    "columns": list(gain),
    "novelty": reference.names,
    "explained": {part.name: [part.title, part.change] for part in explanation.modalities},
    "text": as_text(explanation),
    "page": explain(reading.material, bundle).to_dict()["modalities"],
    "report": importance_figure(features).svg,
}))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """A copy of the package, without bundles, with the page's folder and its line."""
    sys.path.insert(0, str(ROOT / "tools"))
    doc_examples = importlib.import_module("doc_examples")
    folder = tmp_path_factory.mktemp("added")
    place = doc_examples.Place(folder / "page")
    for block in doc_examples.blocks(ROOT / "docs/add-a-modality.md"):
        place.run(block)
    copy = folder / "topofuse"
    shutil.copytree(ROOT / "src/topofuse", copy, ignore=shutil.ignore_patterns("*.safetensors", "__pycache__"))
    shutil.copytree(folder / "page/shape", copy / "modalities/shape")
    registry = copy / "modalities/registry.py"
    line = (folder / "page/line.txt").read_text().strip()
    text, changed = re.subn(r"^MODALITY_NAMES: .*$", line, registry.read_text(), flags=re.MULTILINE)
    assert changed == 1
    registry.write_text(text)
    return folder


@pytest.fixture(scope="module")
def walked(package) -> dict:
    """What `WALK` printed: two cheap modalities of 40 crystals, a tiny network and tiny trees."""
    environment = os.environ | {"PYTHONPATH": str(package), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", WALK, ROOT / "docs/examples/GaAs.vasp"],
        cwd=package, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict = json.loads(done.stdout.splitlines()[-1])
    return found


def test_it_is_extracted_stored_and_read_by_network_and_trees(walked):
    assert walked["row"] == pytest.approx([1.0, 22.6], abs=0.1)  # fcc: equal axes; a³ / 8 with a = 5.65 Å
    assert walked["stored"] == [40, 2]
    assert walked["trained"] == ["scalar", "shape"]
    assert walked["columns"][-2:] == ["shape:aspect", "shape:volume"]


def test_it_counts_for_novelty_and_is_explained_reported_and_on_the_page(walked):
    assert walked["novelty"] == ["scalar", "shape"]
    title, change = walked["explained"]["shape"]
    assert title == "Shape of the cell"
    assert change != 0
    assert "shape" in walked["text"]
    assert {part["name"]: part["title"] for part in walked["page"]}["shape"] == title
    assert "#8c564b" in walked["report"]  # the colour of its bars

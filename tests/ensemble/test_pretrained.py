"""The models that the package carries: whole, small enough, described by their cards, and as good as these say."""

from __future__ import annotations

import json
import re
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from support.topomat import TOPOMAT, needs_topomat
from topofuse.crystals import analyse
from topofuse.ensemble.bundle import CARRIED, open_bundle
from topofuse.labels import decide
from topofuse.materials import load
from topofuse.screening.predict import predict_paths

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).resolve().parents[2] / "docs/examples"
LARGEST = {"full": 25.0, "fast": 5.0}  # MB


def folder(name: str) -> Path:
    return Path(str(resources.files("topofuse").joinpath("pretrained", name)))


@pytest.fixture(scope="module", params=CARRIED)
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def bundle(name):
    return open_bundle(name)


def stated(name: str, title: str) -> float:
    """Accuracy on test, as the card has it."""
    card = (folder(name) / "MODEL_CARD.md").read_text(encoding="utf-8")
    row = re.search(rf"^\| {re.escape(title)} \| accuracy \|[^|]*\| ([\d.]+) ", card, re.MULTILINE)
    assert row is not None
    return float(row[1]) / 100


def test_it_is_small_and_holds_nothing_that_could_be_unpickled(name):
    files = [file for file in folder(name).rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) / 1e6 <= LARGEST[name]
    assert {file.suffix for file in files} == {".json", ".safetensors", ".md"}


def test_the_card_describes_this_bundle(name):
    card = (folder(name) / "MODEL_CARD.md").read_text(encoding="utf-8")
    manifest = json.loads((folder(name) / "bundle.json").read_text(encoding="utf-8"))
    assert manifest["features"] in card
    assert manifest["info"]["hashes"]["data"][:16] in card
    assert f"--preset {manifest['config']['preset']}" in card
    assert 0.5 < stated(name, "five classes") < stated(name, "trivial / non-trivial") < 1


def test_the_examples_are_answered(bundle):
    rows = {Path(str(row["input"])).stem: row for row in predict_paths([EXAMPLES], bundle)}
    assert rows["Al"]["status"] == "metal"
    assert rows["Bi2Se3"]["status"] == "ok"
    assert rows["Bi2Se3"]["p_nontrivial"] > rows["GaAs"]["p_nontrivial"]


@needs_topomat
def test_on_test_crystals_it_is_as_good_as_the_card_says(name, bundle):
    data = load(TOPOMAT)
    test = np.flatnonzero((data.split == "test") & (data.labels >= 0))
    chosen = np.random.default_rng(0).permutation(test)[:200]
    p = bundle.predict_proba([analyse(data.crystals[i]) for i in chosen])
    right = int(((decide(p) > 0) == (data.labels[chosen] > 0)).sum())
    expected = stated(name, "trivial / non-trivial")
    low, high = binom.ppf([0.0005, 0.9995], len(chosen), expected)
    assert low <= right <= high

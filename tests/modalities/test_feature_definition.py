"""The features of reference crystals are pinned: a changed meaning needs a new version number.

After a deliberate change, raise the modality's `version` and run `python tests/modalities/test_feature_definition.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from topofuse.crystals import analyse, thermal_view
from topofuse.materials.textbook import iter_textbook
from topofuse.modalities.extraction import extract_sample
from topofuse.modalities.registry import MODALITY_NAMES, feature_hash, modality

PINNED = Path(__file__).parent / "feature_definition.json"
EVERY = 160  # of the textbook's compounds, each 160th


def fingerprint() -> dict:
    """Per modality: its version, and for each reference crystal the sum of squares of every array."""
    chosen = [m for i, m in enumerate(iter_textbook()) if i % EVERY == 0]
    found: dict = {"feature_hash": feature_hash(), "modalities": {n: {} for n in MODALITY_NAMES}}
    for material in chosen:
        crystal = analyse(material.crystal)
        for view in (0, 1):
            sample = extract_sample(thermal_view(crystal, view))
            for name, part in sample.items():
                sums = {k: float(np.nansum(np.square(v.astype(float)))) for k, v in part.items() if "." not in k}
                sums |= {k: float(np.abs(v.astype(float)).sum()) for k, v in part.items() if "features" in k}
                found["modalities"][name][f"{material.material_id}#{view}"] = sums
    return found


def test_features_mean_what_their_version_says():
    pinned, found = json.loads(PINNED.read_text()), fingerprint()
    for name in MODALITY_NAMES:
        assert found["modalities"][name].keys() == pinned["modalities"][name].keys()
        for material, sums in found["modalities"][name].items():
            for key, value in sums.items():
                expected = pinned["modalities"][name][material][key]
                assert abs(value - expected) <= 1e-3 * abs(expected) + 1e-6, (
                    f"{name}, {key} of {material} changed from {expected:.6g} to {value:.6g}: raise the version of "
                    f"{name} (now {modality(name).version}) and pin again"
                )


def test_a_changed_definition_has_another_hash():
    assert feature_hash() == json.loads(PINNED.read_text())["feature_hash"]


if __name__ == "__main__":
    PINNED.write_text(json.dumps(fingerprint(), indent=1) + "\n")

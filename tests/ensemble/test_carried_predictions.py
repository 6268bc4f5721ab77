"""What the carried bundles predict for 200 textbook crystals is pinned: no change of the code may move it.

`carried_predictions.npz` was made at commit 8daccb6. Two machines may add the same numbers in another order (BLAS,
SIMD width), so that the comparison allows 1e-9; on the machine that made the file every bit is the same.
After new bundles are carried: `python tests/ensemble/test_carried_predictions.py`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from topofuse.crystals import analyse
from topofuse.ensemble.bundle import CARRIED, open_bundle
from topofuse.materials.textbook import iter_textbook

PINNED = Path(__file__).parent / "carried_predictions.npz"
N_CRYSTALS = 200
ROUNDING = 1e-9


def chosen_ids() -> list[str]:
    """200 of the textbook's materials, drawn once."""
    ids = [material.material_id for material in iter_textbook()]
    return [ids[i] for i in np.sort(np.random.default_rng(0).permutation(len(ids))[:N_CRYSTALS])]


def predictions(name: str, ids: list[str]) -> NDArray[np.float64]:
    """(n, 5) probabilities by the carried bundle called `name`."""
    crystals = {material.material_id: material.crystal for material in iter_textbook()}
    return open_bundle(name).predict_proba([analyse(crystals[one]) for one in ids])


@pytest.mark.parametrize("name", CARRIED)
def test_a_carried_bundle_predicts_what_it_did(name):
    with np.load(PINNED) as pinned:
        ids, expected = pinned["ids"].tolist(), pinned[name]
    assert len(ids) == N_CRYSTALS
    np.testing.assert_allclose(predictions(name, ids), expected, rtol=0, atol=ROUNDING)


if __name__ == "__main__":
    ids = chosen_ids()
    np.savez_compressed(PINNED, ids=np.array(ids), **{name: predictions(name, ids) for name in CARRIED})

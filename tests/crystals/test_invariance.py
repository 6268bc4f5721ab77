"""The answer belongs to the crystal, not to the way in which it is written down."""

from __future__ import annotations

import numpy as np
import pytest

from support.rewritings import ALONE, WAYS
from topofuse.crystals import analyse
from topofuse.modalities.extraction import extract_all
from topofuse.training.inference import predict_views


@pytest.fixture(scope="module")
def original(compounds):
    return extract_all(list(compounds.values()), n_views=3, workers=0)


@pytest.fixture(scope="module", params=WAYS)
def rewritten(request, compounds, rewritings):
    return extract_all([rewritings[request.param](c) for c in compounds.values()], n_views=3, workers=0)


@pytest.mark.slow
def test_the_averaged_prediction_of_the_network_is_the_same(original, rewritten, network, compounds):
    rows = np.arange(len(compounds))
    ours = predict_views(network, original.views, rows)
    theirs = predict_views(network, rewritten.views, rows)
    np.testing.assert_allclose(theirs, ours, atol=2e-5)
    assert np.ptp(ours, axis=0).max() > 0.01  # of different compounds it is not


def test_the_table_that_the_trees_read_is_the_same(original, rewritten):
    np.testing.assert_allclose(rewritten.views[0].table(), original.views[0].table(), rtol=2e-4, atol=2e-4)


def test_the_graphs_have_the_same_size(original, rewritten):
    for name, groups in original.views[0].offsets.items():
        for group, offsets in groups.items():
            np.testing.assert_array_equal(rewritten.views[0].offsets[name][group], offsets)


def test_the_rewritings_really_rewrite(compounds, rewritings):
    assert set(rewritings) == {*ALONE, "translation", "all at once"}
    for way, rewrite in rewritings.items():
        changed = [rewrite(c).content_hash() != c.content_hash() for c in compounds.values()]
        assert sum(changed) >= (5 if way == "primitive cell" else len(changed)), way


def test_a_supercell_has_the_same_primitive_cell(bi2se3, rewritings):
    small, large = analyse(bi2se3), analyse(rewritings["supercell"](bi2se3))
    assert len(small.primitive) == len(large.primitive) == 5
    assert small.spacegroup == large.spacegroup == 166

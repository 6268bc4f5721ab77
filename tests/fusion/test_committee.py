"""The committee network: members that share matrices, see only tables, and are averaged as probabilities."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from topofuse.config import CommitteeConfig, FusionConfig
from topofuse.fusion.build import build_network
from topofuse.fusion.committee import CommitteeNetwork
from topofuse.fusion.frozen import FrozenCommittee
from topofuse.fusion.network import FusionNetwork
from topofuse.modalities.encoders import CLIP, Standardise
from topofuse.modalities.registry import MODALITY_NAMES
from topofuse.training.inference import predict, torch_network

SETTINGS = CommitteeConfig(committee=5, width=16, stages=2, dropout=0.2, modality_dropout=0.2)


@pytest.fixture(scope="module")
def committee(small_world) -> CommitteeNetwork:
    torch.manual_seed(0)
    built = build_network(MODALITY_NAMES, SETTINGS)
    built.fit_statistics(small_world.store.batch(np.arange(60), tables_only=True))
    assert isinstance(built, CommitteeNetwork)
    return built.eval()


def test_the_kind_of_network_is_a_setting():
    assert isinstance(build_network(("scalar",), SETTINGS), CommitteeNetwork)
    assert isinstance(build_network(("scalar",), FusionConfig(width=16, heads=2)), FusionNetwork)


def test_every_member_has_its_own_opinion(committee, small_world):
    logits = committee(small_world.store.batch(np.arange(7), tables_only=True))
    assert logits.nontrivial.shape == (7, 5)
    assert logits.kind.shape == (7, 5, 4)
    assert logits.nontrivial.std(dim=1).min() > 0


def test_the_prediction_is_the_mean_of_the_members_probabilities(committee, small_world):
    logits = committee(small_world.store.batch(np.arange(7), tables_only=True))
    p = torch.sigmoid(logits.nontrivial).mean(dim=1)
    torch.testing.assert_close(logits.probabilities()[:, 0], 1 - p)
    np.testing.assert_allclose(predict(committee, small_world.store, np.arange(7)).sum(axis=1), 1.0, atol=1e-6)


def test_graphs_do_not_matter(committee, small_world):
    rows = np.arange(7)
    with_graphs, tables = (committee(small_world.store.batch(rows, tables_only=only)) for only in (False, True))
    torch.testing.assert_close(with_graphs.kind, tables.kind, rtol=0, atol=0)


def test_a_modality_left_out_has_no_say(committee, small_world):
    batch, others = (small_world.store.batch(rows, tables_only=True) for rows in (np.arange(10), np.arange(20, 30)))
    for index, name in enumerate(MODALITY_NAMES):
        absent = torch.zeros(10, len(MODALITY_NAMES), dtype=torch.bool)
        absent[:, index] = True
        other = {**batch, name: others[name]}
        torch.testing.assert_close(committee(batch, absent).kind, committee(other, absent).kind)
        assert not torch.allclose(committee(batch).kind, committee(other).kind)


@pytest.fixture(scope="module")
def tensors(committee):
    with torch.no_grad():  # large enough for the answers to differ from crystal to crystal
        committee.head.mul_(20.0)
    return {key: value.numpy().copy() for key, value in committee.state_dict().items()}


@pytest.fixture(scope="module")
def frozen(tensors):
    return FrozenCommittee.restore(MODALITY_NAMES, SETTINGS, tensors)


class TestFrozen:
    """The same network in numpy."""

    def test_it_answers_as_torch_does(self, committee, frozen, small_world):
        strange = small_world.store.select(np.arange(8))
        strange.arrays["crystal"]["table"][0] = np.nan
        strange.arrays["scalar"]["table"][1, :30] = 1e30
        strange.arrays["physics"]["table"][2] = -1e30
        for store, rows in ((small_world.store, np.arange(60)), (strange, np.array([3, 0, 1, 2]))):
            expected = predict(committee, store, rows)
            assert np.ptp(expected[:, 0]) > 0.01
            np.testing.assert_allclose(frozen.predict(store, rows), expected, rtol=0, atol=1e-6)

    def test_a_modality_left_out_is_left_out_as_in_torch(self, committee, frozen, small_world):
        rows = np.arange(10)
        for name in MODALITY_NAMES:
            absent = [other == name for other in MODALITY_NAMES]
            expected = predict(committee, small_world.store, rows, absent)
            np.testing.assert_allclose(frozen.predict(small_world.store, rows, absent), expected, rtol=0, atol=1e-6)

    def test_an_answer_does_not_depend_on_the_batch(self, frozen, small_world):
        together = frozen.predict(small_world.store, np.arange(60))
        alone = np.concatenate([frozen.predict(small_world.store, np.array([i])) for i in range(60)])
        np.testing.assert_allclose(alone, together, rtol=0, atol=1e-12)
        assert frozen.predict(small_world.store, np.arange(0)).shape == (0, 5)

    def test_it_becomes_torch_again(self, committee, frozen, small_world):
        again = torch_network(frozen)
        rows = np.arange(10)
        np.testing.assert_array_equal(
            predict(again, small_world.store, rows), predict(committee, small_world.store, rows)
        )

    def test_weights_of_another_shape_type_or_name_are_refused(self, tensors):
        def refusal(**changes):
            with pytest.raises(ValueError, match=r".") as caught:
                FrozenCommittee.restore(MODALITY_NAMES, SETTINGS, {**tensors, **changes})
            return str(caught.value)

        assert "head has shape (1, 2), it should be (5, 16, 5)" in refusal(head=np.zeros((1, 2), np.float32))
        assert "another type" in refusal(signs=tensors["signs"].astype(np.float64))
        assert "not finite" in refusal(head=np.full_like(tensors["head"], np.nan))
        assert "more has shape (1,), it should be None" in refusal(more=np.zeros(1, np.float32))
        lacking = {key: value for key, value in tensors.items() if key != "head_bias"}
        with pytest.raises(ValueError, match="head_bias has shape None"):
            FrozenCommittee.restore(MODALITY_NAMES, SETTINGS, lacking)


class TestStandardise:
    def test_the_training_values_become_normal(self):
        torch.manual_seed(0)
        table = torch.stack([torch.randn(4000).exp(), torch.rand(4000) ** 3], dim=1)
        standardise = Standardise(2)
        standardise.fit(table)
        out = standardise(table)
        torch.testing.assert_close(out.mean(0), torch.zeros(2), atol=0.02, rtol=0)
        torch.testing.assert_close(out.std(0), torch.ones(2), atol=0.05, rtol=0)
        order = table[:, 0].argsort()
        assert (out[order, 0].diff() >= 0).all()

    def test_undefined_and_constant_values_become_nought_and_extremes_saturate(self):
        table = torch.stack([torch.full((100,), torch.nan), torch.full((100,), 7.0), torch.arange(100.0)], dim=1)
        standardise = Standardise(3)
        standardise.fit(table)
        out = standardise(torch.tensor([[1.0, 8.0, 1e9], [torch.nan, torch.nan, -1e9]]))
        assert out[:, :2].tolist() == [[0.0, 0.0], [0.0, 0.0]]
        assert out[:, 2].tolist() == [CLIP, -CLIP]

    def test_a_rounding_error_beside_a_common_value_changes_little(self):
        torch.manual_seed(0)
        table = torch.where(torch.rand(1000, 1) < 0.6, torch.zeros(1000, 1), torch.rand(1000, 1))
        standardise = Standardise(1)
        standardise.fit(table)
        near = standardise(torch.tensor([[-1e-7], [0.0], [1e-7]]))
        assert near.std() == 0
        assert standardise(torch.tensor([[0.01]])) > near[0] + 0.5  # but a small value is another value

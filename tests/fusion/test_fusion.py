"""The fusion network: who attends to whom, how deep it is, and that a crystal's answer is its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from topofuse.config import FusionConfig
from topofuse.fusion.logits import Logits
from topofuse.fusion.network import Classifier, CrossAttention, FusionNetwork, SelfAttention
from topofuse.modalities.registry import MODALITY_NAMES
from topofuse.training.inference import INFERENCE_BATCH, predict, predict_views

WIDTH, HEADS = 16, 4
SMALL = FusionConfig(width=WIDTH, channels=8, graph_layers=1, table_layers=1, heads=HEADS)


def tokens(b: int = 3, m: int = 4) -> torch.Tensor:
    return torch.randn(b, m, WIDTH, generator=torch.Generator().manual_seed(0), requires_grad=True)


def cross_attention(m: int = 4) -> CrossAttention:
    torch.manual_seed(1)
    return CrossAttention(m, WIDTH, HEADS, 0.0).eval()


def influence(output: torch.Tensor, x: torch.Tensor) -> list[float]:
    """Largest gradient of `output` with respect to each token."""
    return torch.autograd.grad(output.sum(), x)[0].abs().amax(dim=(0, 2)).tolist()


class TestCrossAttention:
    def test_it_keeps_the_shape(self):
        for m in (2, 3, 4, 5):
            x = tokens(m=m)
            assert cross_attention(m)(x).shape == x.shape

    @pytest.mark.parametrize("own", range(4))
    def test_a_modality_does_not_see_itself_in_its_context(self, own):
        cross, x = cross_attention(), tokens()
        for attention in cross.attention:  # with a constant query, only keys and values carry information
            with torch.no_grad():
                attention.in_proj_weight[:WIDTH] = 0.0
        update = cross(x)[:, own] - x[:, own]
        felt = influence(update.square(), x)
        assert felt[own] == 0.0
        assert all(felt[other] > 0 for other in range(4) if other != own)

    def test_its_own_token_is_the_query_and_the_residual(self):
        cross, x = cross_attention(), tokens()
        assert influence((cross(x) - x)[:, 2].square(), x)[2] > 0
        for attention in cross.attention:
            nn.init.zeros_(attention.out_proj.weight)
            nn.init.zeros_(attention.out_proj.bias)
        torch.testing.assert_close(cross(x), x)

    def test_with_two_modalities_the_context_is_the_other_one_alone(self):
        cross, x = cross_attention(2), tokens(m=2)
        changed = x.detach().clone()
        changed[:, 1] = 2.0
        assert not torch.allclose(cross(x)[:, 0], cross(changed)[:, 0])


class TestSelfAttention:
    def test_every_token_sees_all_four(self):
        torch.manual_seed(2)
        layer, x = SelfAttention(WIDTH, HEADS, 0.0).eval(), tokens()
        out = layer(x)
        assert out.shape == x.shape
        for i in range(4):
            assert all(felt > 0 for felt in influence(layer(x)[:, i].square(), x))

    def test_it_works_on_a_sequence_and_is_no_linear_map(self):
        torch.manual_seed(2)
        layer, x = SelfAttention(WIDTH, HEADS, 0.0).eval(), tokens().detach()
        order = torch.tensor([2, 0, 3, 1])
        torch.testing.assert_close(layer(x)[:, order], layer(x[:, order]))
        assert not torch.allclose(layer(2 * x), 2 * layer(x), atol=1e-3)


class TestClassifier:
    def test_it_has_five_linear_layers_with_norm_gelu_and_dropout_between(self):
        kinds = [type(layer).__name__ for layer in Classifier(WIDTH, 0.3).body]
        assert kinds == ["Linear", "LayerNorm", "GELU", "Dropout"] * 4 + ["Linear"]

    def test_its_probabilities_are_the_products_of_the_two_heads(self):
        logits = Logits(torch.tensor([[0.0], [20.0]]), torch.log(torch.tensor([[[1.0, 2, 3, 4]], [[1, 1, 1, 1]]])))
        p = logits.probabilities()
        torch.testing.assert_close(p[0], torch.tensor([0.5, 0.05, 0.1, 0.15, 0.2]))
        torch.testing.assert_close(p.sum(dim=1), torch.ones(2))


class TestNetwork:
    def test_shapes_at_every_step(self, network, small_world):
        batch = small_world.store.batch(np.arange(7))
        assert network.embed(batch).shape == (7, len(MODALITY_NAMES), 32)
        assert network.fuse(batch).shape == (7, 32)
        logits = network(batch)
        assert logits.nontrivial.shape == (7, 1)
        assert logits.kind.shape == (7, 1, 4)

    def test_a_prediction_does_not_depend_on_the_batch(self, network, small_world):
        rows = np.arange(len(small_world))
        together = predict(network, small_world.store, rows)
        np.testing.assert_allclose(together.sum(axis=1), 1.0, atol=1e-6)
        reversed_ = predict(network, small_world.store, rows[::-1])[::-1]
        np.testing.assert_allclose(reversed_, together, atol=1e-6)
        alone = np.concatenate([predict(network, small_world.store, rows[i : i + 1]) for i in rows])
        np.testing.assert_allclose(alone, together, atol=1e-6)
        assert np.ptp(together, axis=0).max() > 0.01  # an untrained network, but no constant one

    def test_more_rows_than_an_inference_batch_are_predicted_all_and_in_order(self, network, small_world):
        rows = np.tile(np.arange(len(small_world)), INFERENCE_BATCH // len(small_world) + 2)
        many = predict(network, small_world.store, rows)
        few = predict(network, small_world.store, np.arange(len(small_world)))
        np.testing.assert_allclose(many, few[rows], atol=1e-6)

    def test_views_are_averaged_as_probabilities(self, network, small_world):
        rows = np.array([4, 2])
        each = [predict(network, view, rows) for view in small_world.views]
        np.testing.assert_allclose(predict_views(network, small_world.views, rows), sum(each) / 3)
        with pytest.raises(ValueError, match="at least one view"):
            predict_views(network, [], rows)

    def test_a_modality_left_out_has_no_say(self, network, small_world):
        batch = small_world.store.batch(np.arange(10))
        for index, name in enumerate(MODALITY_NAMES):
            absent = torch.zeros(10, len(MODALITY_NAMES), dtype=torch.bool)
            absent[:, index] = True
            other = {**batch, name: small_world.store.batch(np.arange(20, 30))[name]}
            with torch.no_grad():
                torch.testing.assert_close(network(batch, absent), network(other, absent))
                assert not torch.allclose(network(batch).nontrivial, network(other).nontrivial)
                assert not torch.allclose(network(batch).nontrivial, network(batch, absent).nontrivial)

    @pytest.mark.parametrize("names", [("scalar",), ("crystal", "physics"), ("physics", "scalar", "kspace")])
    def test_any_list_of_modalities_makes_a_network(self, names, small_world):
        torch.manual_seed(0)
        net = FusionNetwork(names, SMALL)
        net.fit_statistics(small_world.store.batch(np.arange(60)))
        p = predict(net, small_world.store, np.arange(5))
        assert p.shape == (5, 5)
        assert isinstance(net.cross, nn.Identity) == (len(names) == 1)

    def test_no_modality_is_refused(self):
        with pytest.raises(ValueError, match="at least one modality"):
            FusionNetwork((), SMALL)

    def test_cross_attention_can_be_switched_off(self):
        without = SMALL.model_copy(update={"cross_attention": False})
        assert isinstance(FusionNetwork(MODALITY_NAMES, without).cross, nn.Identity)

    def test_training_never_leaves_out_every_modality(self, small_world):
        torch.manual_seed(0)
        net = FusionNetwork(("scalar", "physics", "bands"), SMALL.model_copy(update={"modality_dropout": 0.9}))
        batch = small_world.store.batch(np.arange(60), tables_only=True)
        net.fit_statistics(batch)
        nn.init.constant_(net.absent, 1e3)  # what stands for an absent modality is told from every embedding
        seen: list[torch.Tensor] = []
        net.cross.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        with torch.no_grad():
            for _ in range(40):
                net.train().fuse(batch)
        absent = (torch.cat(seen) > 500).all(dim=2)
        assert absent.shape == (2400, 3)
        assert not absent.all(dim=1).any()
        assert absent.float().mean().item() == pytest.approx(0.9 * 2 / 3, abs=0.02)

    def test_evaluation_is_deterministic_and_training_is_not(self, network, small_world):
        batch = small_world.store.batch(np.arange(6))
        torch.testing.assert_close(network(batch).kind, network(batch).kind, rtol=0, atol=0)
        network.train()
        try:
            assert not torch.equal(network(batch).kind, network(batch).kind)
        finally:
            network.eval()

"""The loss is the likelihood of the hierarchy, smoothed and mixed as the formulas say."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from topofuse.fusion.logits import Logits
from topofuse.training.loss import Mixture, draw_mixture, hierarchical_loss

LABELS = torch.arange(5)


def logits(seed: int = 0, n: int = 5) -> Logits:
    generator = torch.Generator().manual_seed(seed)
    return Logits(
        torch.randn(n, 1, generator=generator, dtype=torch.float64),
        torch.randn(n, 1, 4, generator=generator, dtype=torch.float64),
    )


def test_without_smoothing_the_loss_is_the_likelihood_of_the_five_classes():
    guess = logits()
    likelihood = guess.probabilities()[LABELS, LABELS]
    torch.testing.assert_close(hierarchical_loss(guess, LABELS, 0.0), -likelihood.log())


def test_the_kind_of_a_trivial_material_does_not_matter():
    guess = logits()
    other = Logits(guess.nontrivial, guess.kind + torch.tensor([5.0, 0, -3, 1], dtype=torch.float64))
    a, b = (hierarchical_loss(g, torch.zeros(5, dtype=torch.int64), 0.1) for g in (guess, other))
    torch.testing.assert_close(a, b)


def test_smoothing_of_one_fifth_by_hand():
    # undecided network: p(non-trivial) = 0.5, kinds 0.25 each; every target has the same loss
    undecided = Logits(torch.zeros(2, 1, dtype=torch.float64), torch.zeros(2, 1, 4, dtype=torch.float64))
    loss = hierarchical_loss(undecided, torch.tensor([0, 3]), 0.2)
    assert loss.tolist() == pytest.approx([math.log(2), math.log(2) + math.log(4)])
    # logit ln 3: p = 0.75; the target of a non-trivial material is 0.9, of a trivial one 0.1
    sure = Logits(torch.full((2, 1), math.log(3), dtype=torch.float64), torch.zeros(2, 1, 4, dtype=torch.float64))
    loss = hierarchical_loss(sure, torch.tensor([0, 3]), 0.2)
    trivial = -0.1 * math.log(0.75) - 0.9 * math.log(0.25)
    nontrivial = -0.9 * math.log(0.75) - 0.1 * math.log(0.25) + math.log(4)
    assert loss.tolist() == pytest.approx([trivial, nontrivial])
    # kinds 0.5, 1/6, 1/6, 1/6; the target is 0.8 + 0.05 on the first, 0.05 on the others
    kinds = Logits(
        torch.zeros(1, 1, dtype=torch.float64), torch.tensor([[[math.log(3), 0, 0, 0]]], dtype=torch.float64)
    )
    loss = hierarchical_loss(kinds, torch.tensor([1]), 0.2)
    assert loss.tolist() == pytest.approx([math.log(2) - 0.85 * math.log(0.5) - 3 * 0.05 * math.log(1 / 6)])


def test_the_loss_of_a_committee_is_the_mean_of_its_members_losses():
    members = [logits(seed) for seed in range(3)]
    committee = Logits(*(torch.cat(parts, dim=1) for parts in zip(*members, strict=True)))
    each = [hierarchical_loss(member, LABELS, 0.1) for member in members]
    torch.testing.assert_close(hierarchical_loss(committee, LABELS, 0.1), sum(each) / 3)
    mean = sum(member.probabilities() for member in members) / 3
    torch.testing.assert_close(committee.probabilities(), mean)


def test_with_smoothing_certainty_is_punished():
    def loss(logit: float) -> float:
        guess = Logits(torch.tensor([[logit]]), torch.zeros(1, 1, 4))
        return float(hierarchical_loss(guess, torch.tensor([0]), 0.2))

    best = math.log(0.1 / 0.9)
    assert loss(best) < loss(best - 3)
    assert loss(best) < loss(best + 1)


def test_mixed_features_and_losses_by_hand():
    fused = torch.tensor([[1.0, 2.0], [3.0, 6.0], [5.0, 4.0]], dtype=torch.float64)
    mixture = Mixture(0.75, torch.tensor([1, 2, 0]))
    expected = torch.tensor([[1.5, 3.0], [3.5, 5.5], [4.0, 3.5]], dtype=torch.float64)
    torch.testing.assert_close(mixture.features(fused), expected)
    guess, labels = logits(n=3), torch.tensor([0, 2, 4])
    own = hierarchical_loss(guess, labels, 0.1)
    other = hierarchical_loss(guess, torch.tensor([2, 4, 0]), 0.1)
    torch.testing.assert_close(mixture.loss(guess, labels, 0.1), 0.75 * own + 0.25 * other)


def test_lambda_one_is_no_mixup():
    fused, guess = torch.randn(5, 3, generator=torch.Generator().manual_seed(1)), logits()
    mixture = Mixture(1.0, torch.tensor([4, 3, 2, 1, 0]))
    torch.testing.assert_close(mixture.features(fused), fused)
    torch.testing.assert_close(mixture.loss(guess, LABELS, 0.2), hierarchical_loss(guess, LABELS, 0.2))


def test_alpha_nought_switches_mixup_off():
    assert draw_mixture(8, 0.0, np.random.default_rng(0)).weight == 1.0


@pytest.mark.parametrize("alpha", [0.1, 0.4, 2.0])
def test_lambda_has_the_moments_of_the_beta_distribution(alpha):
    rng = np.random.default_rng(3)
    weights = np.array([draw_mixture(2, alpha, rng).weight for _ in range(4000)])
    assert weights.mean() == pytest.approx(0.5, abs=0.03)
    assert weights.var() == pytest.approx(0.25 / (2 * alpha + 1), rel=0.1)


def test_partners_are_a_permutation_and_depend_on_the_seed_alone():
    a, b, c = (draw_mixture(50, 0.4, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert sorted(a.partner.tolist()) == list(range(50))
    assert a.weight == b.weight
    assert a.partner.tolist() == b.partner.tolist()
    assert a.partner.tolist() != c.partner.tolist()

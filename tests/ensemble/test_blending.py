"""Out-of-fold rows are complete or refused, and blends are the averages that one works out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from topofuse.ensemble import blending
from topofuse.ensemble.blending import OutOfFold, average, blend, cross_fitted_blend, fit_weights, log_loss
from topofuse.ensemble.strategies import (
    Choice,
    Families,
    choose,
    new_row_strategies,
    out_of_fold_networks,
    out_of_fold_strategies,
    split_full,
)

A = np.array([[0.6, 0.1, 0.1, 0.1, 0.1], [0.2, 0.5, 0.1, 0.1, 0.1]])
B = np.array([[0.2, 0.3, 0.3, 0.1, 0.1], [0.0, 0.9, 0.1, 0.0, 0.0]])
C = np.array([[0.1, 0.1, 0.1, 0.1, 0.6], [0.4, 0.1, 0.1, 0.2, 0.2]])


def guesses(labels, sharpness, seed):
    """Probabilities that lean towards the labels."""
    rng = np.random.default_rng(seed)
    raw = rng.dirichlet(np.ones(5), len(labels))
    raw[np.arange(len(labels)), labels] += sharpness
    return raw / raw.sum(axis=1, keepdims=True)


@pytest.fixture
def labels():
    return np.random.default_rng(0).integers(0, 5, 200)


@pytest.fixture
def folds():
    return np.arange(200) % 4


class TestOutOfFold:
    def test_a_row_that_nobody_predicted_is_an_error(self):
        oof = OutOfFold(4)
        oof.fill(np.array([0, 1]), A)
        with pytest.raises(ValueError, match="2 rows have no out-of-fold prediction"):
            oof.complete()
        np.testing.assert_array_equal(oof.complete(np.array([1, 0])), A[::-1])
        oof.fill(np.array([3, 2]), B)
        np.testing.assert_array_equal(oof.complete(), np.vstack([A, B[::-1]]))

    def test_no_row_is_filled_twice(self):
        oof = OutOfFold(3)
        oof.fill(np.array([0, 1]), A)
        with pytest.raises(ValueError, match="the folds overlap"):
            oof.fill(np.array([1, 2]), B)

    def test_a_prediction_that_is_not_a_number_is_refused(self):
        bad = A.copy()
        bad[1, 2] = np.nan
        with pytest.raises(ValueError, match="NaN"):
            OutOfFold(2).fill(np.array([0, 1]), bad)


class TestArithmetic:
    def test_the_average_is_of_probabilities(self):
        expected = [[0.3, 1 / 6, 1 / 6, 0.1, 0.8 / 3], [0.2, 0.5, 0.1, 0.1, 0.1]]
        np.testing.assert_allclose(average([A, B, C]), expected)

    def test_a_blend_by_hand(self):
        families = {"a": A, "b": B, "c": C}
        half = blend(families, {"a": 1.0, "b": 3.0})
        np.testing.assert_allclose(half, [[0.3, 0.25, 0.25, 0.1, 0.1], [0.05, 0.8, 0.1, 0.025, 0.025]])
        np.testing.assert_allclose(blend(families, {"c": 0.2}), C)
        with pytest.raises(ValueError, match=r"no predictions of \['d'\]"):
            blend(families, {"a": 0.5, "d": 0.5})

    def test_the_loss_by_hand(self):
        assert log_loss(np.array([0, 1]), A) == pytest.approx(-(np.log(0.6) + np.log(0.5)) / 2)


class TestWeights:
    def test_the_better_family_has_the_weight(self, labels):
        weights = fit_weights({"good": guesses(labels, 2.0, 1), "noise": guesses(labels, 0.0, 2)}, labels)
        assert weights["good"] > 0.95
        assert sum(weights.values()) == pytest.approx(1.0)
        assert min(weights.values()) >= 0.0

    def test_two_families_that_err_apart_share_it(self, labels):
        first, second = guesses(labels, 0.5, 1), guesses(labels, 0.5, 2)
        weights = fit_weights({"a": first, "b": second}, labels)
        assert 0.2 < weights["a"] < 0.8
        mixed = log_loss(labels, blend({"a": first, "b": second}, weights))
        assert mixed <= min(log_loss(labels, first), log_loss(labels, second))

    def test_no_other_weights_are_better(self, labels):
        families = {"a": guesses(labels, 0.6, 1), "b": guesses(labels, 0.4, 2), "c": guesses(labels, 0.1, 3)}
        found = log_loss(labels, blend(families, fit_weights(families, labels)))
        rng = np.random.default_rng(4)
        for weights in rng.dirichlet(np.ones(3), 300):
            assert log_loss(labels, blend(families, dict(zip("abc", weights, strict=True)))) >= found - 1e-5

    def test_weights_for_a_fold_never_see_the_fold(self, labels, folds, monkeypatch):
        families = {"a": guesses(labels, 1.0, 1), "b": guesses(labels, 0.5, 2)}
        seen = []
        original = blending.fit_weights

        def watching(given, codes):
            seen.append({name: p.copy() for name, p in given.items()})
            return original(given, codes)

        monkeypatch.setattr(blending, "fit_weights", watching)
        honest = cross_fitted_blend(families, labels, folds)
        assert len(seen) == 4
        for fold, given in enumerate(seen):
            np.testing.assert_array_equal(given["a"], families["a"][folds != fold])
        # and turning a fold's own labels round leaves its rows as they were
        monkeypatch.undo()
        turned = np.where(folds == 2, (labels + 1) % 5, labels)
        again = cross_fitted_blend(families, turned, folds)
        np.testing.assert_array_equal(again[folds == 2], honest[folds == 2])
        assert not np.array_equal(again[folds != 2], honest[folds != 2])


class TestChoice:
    def test_the_best_out_of_fold_is_chosen(self, labels, folds):
        families = Families(guesses(labels, 0.3, 1), guesses(labels, 0.2, 2), guesses(labels, 4.0, 3), None)
        strategies = out_of_fold_strategies(families, labels, folds)
        choice = choose(families, strategies, labels)
        np.testing.assert_array_equal(choice.out_of_fold, strategies[choice.name])
        losses = {name: score["log_loss"] for name, score in choice.scores.items()}
        assert losses[choice.name] == min(losses.values())
        assert choice.scores["boosted"]["two"] == pytest.approx(1.0, abs=0.02)
        assert set(losses) == {"kfold", "ensemble", "boosted", "super_mean", "super_weighted"}
        assert "No test row" in choice.reason()

    def test_the_full_data_model_has_no_place_in_the_choice(self, labels, folds):
        p = guesses(labels, 1.0, 1)
        with pytest.raises(ValueError, match="no out-of-fold predictions"):
            choose(Families(p, p, p, p), {"kfold": p}, labels)
        assert "full" not in out_of_fold_strategies(Families(p, p, p, None), labels, folds)

    def test_kfold_and_full_data_share_one_weight(self):
        shared = split_full({"kfold": 0.5, "ensemble": 0.2, "boosted": 0.3})
        assert shared == {"kfold": 0.25, "full": 0.25, "ensemble": 0.2, "boosted": 0.3}

    def test_the_mean_of_new_rows_is_the_plain_average_of_the_four(self):
        families = Families(kfold=A, ensemble=B, boosted=C, full=B)
        rows = new_row_strategies(families, {"kfold": 1.0, "ensemble": 0.0, "boosted": 0.0})
        np.testing.assert_allclose(rows["super_mean"], (A + B + C + B) / 4)
        np.testing.assert_allclose(rows["super_weighted"], (A + B) / 2)
        np.testing.assert_array_equal(rows["full"], B)

    def test_networks_alone_leave_the_trees_out(self, labels, folds):
        families = Families(guesses(labels, 0.3, 1), guesses(labels, 0.2, 2), guesses(labels, 4.0, 3), None)
        p, weights = out_of_fold_networks(families, labels, folds)
        assert set(weights) == {"kfold", "ensemble"}
        networks = {"kfold": families.kfold, "ensemble": families.ensemble}
        np.testing.assert_array_equal(p, cross_fitted_blend(networks, labels, folds))

    def test_what_is_deployed_is_what_was_chosen(self):
        weights = {"kfold": 0.4, "ensemble": 0.1, "boosted": 0.5}
        assert Choice("boosted", weights, {}, A).deployed_weights() == {"boosted": 1.0}
        assert Choice("kfold", weights, {}, A).deployed_weights() == {"full": 1.0}  # trained on the whole pool
        assert Choice("super_weighted", weights, {}, A).deployed_weights() == {
            "full": 0.4,
            "ensemble": 0.1,
            "boosted": 0.5,
        }
        mean = Choice("super_mean", weights, {}, A).deployed_weights()
        assert mean == {"full": 0.5, "ensemble": 0.25, "boosted": 0.25}

    def test_a_family_that_hardly_counts_is_not_deployed(self):
        choice = Choice("super_weighted", {"kfold": 0.04, "ensemble": 0.24, "boosted": 0.72}, {}, A)
        assert choice.deployed_weights() == {"ensemble": 0.25, "boosted": 0.75}

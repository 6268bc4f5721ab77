"""Probabilities mean what they say, sets cover what they promise, and abstaining helps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topofuse.evaluation.confidence import TrustRows, measure_trust
from topofuse.evaluation.reliability import (
    accuracy_at,
    calibration_error,
    honest_error,
    reliability_curve,
    risk_coverage,
)
from topofuse.labels import FIVE, compose, decide
from topofuse.trust.calibration import Temperatures, fit_temperatures
from topofuse.trust.sets import CONFIDENCES, PredictionSets, members, written
from topofuse.trust.trust import Trust, cross_fit

SHARES = np.array([0.66, 0.11, 0.09, 0.08, 0.06])


def honest(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels (n,) that were drawn from the probabilities (n, 5), rare classes among them."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(1.5 * SHARES, size=n)
    return (rng.random((n, 1)) > p.cumsum(axis=1)[:, :4]).sum(axis=1), p


def too_sure(p: np.ndarray, nontrivial: float, kind: float) -> np.ndarray:
    """What a model with these temperatures would have said where `p` is right."""
    return Temperatures(1 / nontrivial, 1 / kind).apply(p)


@pytest.fixture(scope="module")
def fitted() -> PredictionSets:
    return PredictionSets.fit(*honest(4_000, seed=5))


@pytest.fixture(scope="module")
def told() -> dict:
    """A run's figures: 8,000 rows in five folds, 2,000 of test, by a model that is too sure."""
    labels, p = honest(10_000, seed=9)
    said, folds = too_sure(p, 1.7, 1.4), np.arange(8_000) % 5
    trust = Trust.fit(labels[:8_000], said[:8_000], "made up")
    fitted = cross_fit(labels[:8_000], said[:8_000], folds)
    pool = TrustRows(labels[:8_000], said[:8_000], fitted.probabilities, fitted.p_values)
    return measure_trust(trust, pool, TrustRows.from_predictions(trust, labels[8_000:], said[8_000:]))


class TestTemperatures:
    @pytest.mark.parametrize("true", [(1.0, 1.0), (1.8, 1.3), (0.7, 2.5)])
    def test_they_are_found_from_what_an_overconfident_model_said(self, true):
        labels, p = honest(20_000, seed=1)
        found = fit_temperatures(labels, too_sure(p, *true))
        assert (found.nontrivial, found.kind) == pytest.approx(true, rel=0.05)
        np.testing.assert_allclose(found.apply(too_sure(p, *true)), p, atol=0.02)

    def test_by_hand(self):
        p = compose(np.array([0.8]), np.array([[0.5, 0.3, 0.2, 0.0]]))
        q = Temperatures(2.0, 0.5).apply(p)
        nontrivial = np.sqrt(0.8) / (np.sqrt(0.8) + np.sqrt(0.2))
        kinds = np.array([0.25, 0.09, 0.04, 0.0]) / 0.38
        np.testing.assert_allclose(q, [[1 - nontrivial, *(nontrivial * kinds)]])

    def test_one_changes_nothing_and_certainty_stays_certain(self):
        p = np.array([[1.0, 0, 0, 0, 0], [0, 0, 0, 1.0, 0], [0.2] * 5, [1e-300, 0.5, 0.5, 0, 0]])
        np.testing.assert_allclose(Temperatures(1.0, 1.0).apply(p), p, atol=1e-15)
        np.testing.assert_allclose(Temperatures(3.0, 0.1).apply(p[:2]), p[:2])

    def test_trivial_or_not_is_decided_as_before(self):
        _, p = honest(2_000, seed=2)
        for t in (0.2, 5.0):
            np.testing.assert_array_equal(decide(Temperatures(t, t).apply(p)) > 0, decide(p) > 0)

    def test_where_no_material_is_nontrivial_nothing_is_said_of_the_kinds(self):
        p = np.tile([0.9, 0.1, 0, 0, 0], (10, 1))
        found = fit_temperatures(np.zeros(10, dtype=int), p)
        assert found.kind == 1.0
        assert np.isfinite(found.apply(p)).all()


class TestSets:
    @pytest.mark.slow
    @pytest.mark.parametrize("confidence", CONFIDENCES)
    def test_of_every_class_the_promised_share_is_covered(self, confidence):
        # the coverage itself varies with the few known materials of a rare class: many small worlds, one share
        covered, known, asked = np.zeros((3, 5))
        for seed in range(40):
            labels, p = honest(3_000, seed=seed)
            sets = PredictionSets.fit(labels[:2_000], p[:2_000])
            inside = members(sets.p_values(p[2_000:]), confidence)
            known += np.bincount(labels[:2_000], minlength=5)
            asked += np.bincount(labels[2_000:], minlength=5)
            covered += [inside[labels[2_000:] == c, c].sum() for c in range(5)]
        promised = confidence / 100
        spread = np.sqrt(promised * (1 - promised) * (1 / known + 1 / asked))
        assert (covered / asked > promised - 3.5 * spread).all()

    @pytest.mark.slow
    def test_of_every_label_the_promised_share_is_covered(self):
        for seed in range(5):
            labels, p = honest(6_000, seed=seed)
            sets = PredictionSets.fit(labels[:4_000], p[:4_000])
            inside = members(sets.p_values(p[4_000:]), 90)
            covered, decided = inside[np.arange(2_000), labels[4_000:]], decide(p[4_000:])
            for code in range(5):
                rows = covered[decided == code]
                assert rows.mean() > 0.9 - 3.5 * 0.3 / np.sqrt(len(rows)) - 0.02

    def test_p_values_count_materials_of_the_class_and_those_with_the_label(self):
        p = np.zeros((6, 5))
        p[:, 3] = [0.9, 0.8, 0.7, 0.4, 0.3, 0.1]
        p[:, 0] = 1 - p[:, 3]
        sets = PredictionSets.fit(np.array([3, 3, 3, 3, 3, 0]), p)
        found = sets.p_values(np.array([[0.65, 0, 0, 0.35, 0], [0.75, 0, 0, 0.25, 0], [0.3, 0, 0, 0.7, 0]]))
        # all five `ti` have scores 0, 0, 0, 0.6, 0.7, the three that are called trivial 0, 0.6, 0.7; the crystal counts
        np.testing.assert_allclose(found[:, 3], [max(2 / 6, 2 / 4), max(1 / 6, 1 / 4), 1])
        np.testing.assert_allclose(found[:, 0], [1, 1, max(1 / 2, 1 / 4)])  # one trivial, three that are called `ti`
        np.testing.assert_allclose(found[:, [1, 2, 4]], 1.0)  # nobody knows: not ruled out

    @given(st.lists(st.floats(0, 1), min_size=5, max_size=5).filter(sum))
    def test_the_label_is_in_every_set(self, fitted, weights):
        p = np.array([weights]) / sum(weights)
        for confidence in CONFIDENCES:
            assert members(fitted.p_values(p), confidence)[0, decide(p)[0]]

    def test_a_larger_confidence_gives_a_larger_set(self, fitted):
        p_values = fitted.p_values(honest(500, seed=6)[1])
        small, large = (members(p_values, c) for c in (90, 95))
        assert (large | small == large).all()
        assert large.sum() > small.sum()

    def test_the_batch_does_not_matter(self, fitted):
        _, p = honest(20, seed=7)
        together = fitted.p_values(p)
        np.testing.assert_array_equal(np.concatenate([fitted.p_values(p[i : i + 1]) for i in range(20)]), together)

    def test_as_text(self):
        inside = np.array([[0, 0, 0, 1, 1], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]], dtype=bool)
        assert written(inside) == ["ti|tci", "", "|".join(FIVE)]


class TestReliability:
    def test_by_hand(self):
        p = np.array([0.1, 0.2, 0.3, 0.8, 0.9, 1.0])
        event = np.array([False, False, True, True, True, False])
        # two bins of three: |1/3 - 0.2| and |2/3 - 0.9|
        assert calibration_error(event, p, bins=2) == pytest.approx((1 / 3 - 0.2 + 0.9 - 2 / 3) / 2)
        curve = reliability_curve(event, p, bins=2)
        assert [(b["n"], b["p"], b["share"]) for b in curve] == [
            (3, pytest.approx(0.2), pytest.approx(1 / 3)),
            (3, pytest.approx(0.9), pytest.approx(2 / 3)),
        ]
        assert all(b["low"] < b["share"] < b["high"] for b in curve)

    def test_an_honest_model_has_the_error_that_chance_gives_it(self):
        floors = [honest_error(honest(n, seed=8)[1][:, 1:].sum(axis=1)) for n in (500, 20_000)]
        labels, p = honest(20_000, seed=8)
        assert 0 < floors[1] < 0.5 * floors[0]
        assert calibration_error(labels > 0, p[:, 1:].sum(axis=1)) < 2 * floors[1]

    def test_fewer_rows_than_bins(self):
        assert len(reliability_curve(np.array([True, False]), np.array([0.7, 0.2]))) == 2

    def test_abstaining_by_hand(self):
        right = np.array([False, True, True, False])
        confidence = np.array([0.6, 0.9, 0.8, 0.7])
        curve = risk_coverage(right, confidence, points=4)
        assert [point["accuracy"] for point in curve] == pytest.approx([1, 1, 2 / 3, 1 / 2])
        assert [point["confidence"] for point in curve] == [0.9, 0.8, 0.7, 0.6]
        assert accuracy_at(right, confidence, 0.5) == 1.0
        assert accuracy_at(right, confidence, 1.0) == 0.5


class TestWhole:
    @pytest.mark.parametrize("split", ["oof", "test"])
    def test_an_overconfident_model_becomes_honest(self, told, split):
        before, after = told[split]["before"], told[split]["after"]
        assert before["ece"]["two"] > 3 * before["ece_floor"]
        assert after["ece"]["two"] < 2 * after["ece_floor"]
        for level in ("two", "three", "five"):
            assert after["log_loss"][level] < before["log_loss"][level]
            assert after["ece"][level] < before["ece"][level]
        assert len(after["reliability"]) == 15

    @pytest.mark.parametrize("confidence", [90, 95])
    def test_cross_fitted_sets_cover_every_class(self, told, confidence):
        sets = told["oof"]["sets"][str(confidence)]
        for name in FIVE:
            for of in (sets["classes"][name], sets["labels"][name]):
                assert of["share"] > confidence / 100 - 0.015
                assert of["low"] < confidence / 100 < of["high"]
                assert of["kept"]
        assert sum(sets["sizes"]) == pytest.approx(1)
        assert sets["sizes"][0] == 0  # the label is in each
        assert sets["mean_size"] == pytest.approx(sum(k * share for k, share in enumerate(sets["sizes"])))

    def test_a_promise_that_is_not_kept_is_said(self):
        labels, p = honest(2_000, seed=12)
        trust = Trust.fit(labels, p, "made up")
        swapped = np.where(labels == 0, 3, labels)  # what was trivial is now `ti`
        rows = TrustRows.from_predictions(trust, swapped, p)
        sets = measure_trust(trust, rows, None)["oof"]["sets"]["90"]
        assert not sets["classes"]["ti"]["kept"]
        assert (sets["classes"]["trivial"]["n"], sets["classes"]["trivial"]["kept"]) == (0, None)

    def test_the_surest_rows_are_right_more_often(self, told):
        curve = told["oof"]["risk_coverage"]
        assert [curve[k]["coverage"] for k in (0, -1)] == [0.02, 1.0]
        assert curve[4]["accuracy"] > curve[24]["accuracy"] > curve[-1]["accuracy"]
        assert told["oof"]["accuracy_at_80"] == next(p["accuracy"] for p in curve if p["coverage"] == 0.8)

    def test_a_fold_is_answered_without_its_own_labels(self):
        labels, p = honest(2_000, seed=10)
        folds = np.arange(2_000) % 4
        first = cross_fit(labels, p, folds)
        turned = np.where(folds == 2, (labels + 1) % 5, labels)
        again = cross_fit(turned, p, folds)
        np.testing.assert_array_equal(again.p_values[folds == 2], first.p_values[folds == 2])
        np.testing.assert_array_equal(again.probabilities[folds == 2], first.probabilities[folds == 2])
        assert not np.array_equal(again.p_values[folds != 2], first.p_values[folds != 2])

    def test_it_survives_being_described_and_restored(self):
        labels, p = honest(300, seed=11)
        trust = Trust.fit(labels, p, "made up")
        again = Trust.restore(trust.described(), trust.tensors())
        one, other = trust.assess(p[:50]), again.assess(p[:50])
        np.testing.assert_array_equal(one.probabilities, other.probabilities)
        assert one.columns == other.columns
        assert set(one.columns) == {"set_90", "set_95"}

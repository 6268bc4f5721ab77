"""Metrics and their bootstrap intervals, against numbers worked out by hand and against scikit-learn."""

import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from topofuse.evaluation.bootstrap import bootstrap_intervals, paired_difference, resamples
from topofuse.evaluation.metrics import METRICS, Scorer, all_metrics, confusion, level_metrics
from topofuse.labels import LEVELS, coarsen, decide, level_probabilities


def plausible(n, seed=0, sharpness=0.45):
    rng = np.random.default_rng(seed)
    labels = rng.choice(5, size=n, p=[0.68, 0.11, 0.09, 0.07, 0.05])
    p5 = (1 - sharpness) * rng.dirichlet([1.5, 0.5, 0.5, 0.4, 0.3], size=n)
    p5[np.arange(n), labels] += sharpness * rng.random(n)
    return labels, p5 / p5.sum(axis=1, keepdims=True)


@pytest.fixture(scope="module")
def sample():
    return plausible(3000)


def test_four_materials_by_hand():
    labels = np.array([0, 0, 1, 3])
    p5 = np.array(
        [
            [0.8, 0.1, 0.1, 0.0, 0.0],  # trivial, and told so
            [0.4, 0.3, 0.1, 0.1, 0.1],  # trivial, but p(non-trivial) = 0.6: told hsp_semimetal
            [0.3, 0.2, 0.3, 0.1, 0.1],  # hsp, told hsl: right at two and three classes only
            [0.6, 0.0, 0.0, 0.3, 0.1],  # ti, told trivial
        ]
    )
    two, three, five = (level_metrics(labels, p5, level) for level in ("two", "three", "five"))
    assert two["accuracy"] == pytest.approx(2 / 4)
    assert two["balanced_accuracy"] == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert two["macro_f1"] == pytest.approx(0.5)
    assert two["auroc"] == pytest.approx(3 / 4)  # pairs: 0.7 > 0.2, 0.7 > 0.6, 0.4 > 0.2, but 0.4 < 0.6
    assert two["mcc"] == pytest.approx(0.0)
    assert two["log_loss"] == pytest.approx(-np.log([0.8, 0.4, 0.7, 0.4]).mean())
    assert three["accuracy"] == pytest.approx(2 / 4)
    assert three["balanced_accuracy"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert three["log_loss"] == pytest.approx(-np.log([0.8, 0.4, 0.5, 0.4]).mean())
    assert five["accuracy"] == pytest.approx(1 / 4)
    assert five["macro_f1"] == pytest.approx((2 * 1 / (2 + 2) + 0 + 0 + 0) / 4)  # nobody is or is told tci


def test_metrics_are_those_of_scikit_learn(sample):
    labels, p5 = sample
    for level, classes in LEVELS.items():
        truth, told, p = coarsen(labels, level), coarsen(decide(p5), level), level_probabilities(p5, level)
        own = level_metrics(labels, p5, level)
        assert own["accuracy"] == pytest.approx(sk.accuracy_score(truth, told))
        assert own["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(truth, told))
        assert own["macro_f1"] == pytest.approx(sk.f1_score(truth, told, average="macro"))
        assert own["mcc"] == pytest.approx(sk.matthews_corrcoef(truth, told))
        assert own["log_loss"] == pytest.approx(sk.log_loss(truth, p, labels=range(len(classes))))
        area = sk.roc_auc_score(truth, p[:, 1]) if level == "two" else sk.roc_auc_score(truth, p, multi_class="ovr")
        assert own["auroc"] == pytest.approx(area)
        np.testing.assert_array_equal(confusion(labels, p5, level), sk.confusion_matrix(truth, told))


def test_tied_scores_count_half(sample):
    labels, p5 = sample
    coarse = np.round(p5, 1) + 1e-6
    coarse /= coarse.sum(axis=1, keepdims=True)
    expected = sk.roc_auc_score(labels > 0, -coarse[:, 0])
    assert level_metrics(labels, coarse, "two")["auroc"] == pytest.approx(expected)


def test_weighted_rows_equal_repeated_rows(sample):
    labels, p5 = sample
    weights = np.random.default_rng(1).integers(0, 4, size=(3, len(labels)))
    weighted = Scorer(labels, p5)(weights.astype(float))
    for i, w in enumerate(weights):
        repeated = all_metrics(np.repeat(labels, w), np.repeat(p5, w, axis=0))
        for level in LEVELS:
            for metric in METRICS:
                assert weighted[level][metric][i] == pytest.approx(repeated[level][metric])


def test_a_row_without_a_label_is_an_error_and_never_counts_as_trivial(sample):
    labels, p5 = sample
    with pytest.raises(ValueError, match="no class"):
        level_metrics(np.where(np.arange(len(labels)) == 7, -1, labels), p5, "two")


def test_a_row_that_nobody_predicted_is_an_error(sample):
    labels, p5 = sample
    hole = p5.copy()
    hole[3] = np.nan
    with pytest.raises(ValueError, match=r"row 3"):
        all_metrics(labels, hole)
    with pytest.raises(ValueError, match="no probabilities"):
        all_metrics(labels, p5 * 2)


def test_unknown_names_are_answered_with_the_known_ones(sample):
    with pytest.raises(ValueError, match="two, three, five"):
        level_metrics(*sample, "four")
    with pytest.raises(ValueError, match="accuracy"):
        paired_difference(sample[0], sample[1], sample[1], None, "two", "acuracy")


def test_a_class_that_does_not_occur_is_left_out_of_the_means():
    labels, p5 = plausible(500)
    labels = np.where(labels == 4, 3, labels)
    own = level_metrics(labels, p5, "five")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns that class 4 is told but never true
        assert own["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(labels, decide(p5)))
    areas = [sk.roc_auc_score(labels == c, p5[:, c]) for c in range(4)]
    assert own["auroc"] == pytest.approx(np.mean(areas))


def test_a_single_class_has_no_auroc_and_no_correlation():
    own = level_metrics(np.zeros(4, int), np.tile([0.9, 0.1, 0, 0, 0], (4, 1)), "two")
    assert np.isnan(own["auroc"])
    assert own["mcc"] == 0
    assert own["accuracy"] == 1


def test_intervals_hold_the_value_and_repeat_with_the_seed(sample):
    labels, p5 = sample
    groups = np.arange(len(labels)) // 2
    first = bootstrap_intervals(labels, p5, groups, n=60, seed=3)
    assert first == bootstrap_intervals(labels, p5, groups, n=60, seed=3)
    assert first != bootstrap_intervals(labels, p5, groups, n=60, seed=4)
    point = all_metrics(labels, p5)
    for level in LEVELS:
        for metric in METRICS:
            interval = first[level][metric]
            assert interval["value"] == point[level][metric]
            assert interval["low"] <= interval["value"] <= interval["high"]


def test_the_interval_of_accuracy_has_the_binomial_width(sample):
    labels, p5 = sample
    accuracy = bootstrap_intervals(labels, p5, n=1000)["two"]["accuracy"]
    a = accuracy["value"]
    expected = 2 * 1.96 * np.sqrt(a * (1 - a) / len(labels))
    assert accuracy["high"] - accuracy["low"] == pytest.approx(expected, rel=0.1)


def test_copies_of_a_material_in_one_group_are_no_further_evidence():
    labels, p5 = plausible(400)
    copies, p_copies = np.tile(labels, 4), np.tile(p5, (4, 1))
    alone = bootstrap_intervals(labels, p5, np.arange(400), n=300)
    grouped = bootstrap_intervals(copies, p_copies, np.tile(np.arange(400), 4), n=300)
    assert grouped["five"]["accuracy"] == pytest.approx(alone["five"]["accuracy"])


def test_a_resample_draws_as_many_groups_as_there_are():
    groups = np.array(["A", "A", "B", "C", "C", "C"])
    weights = np.concatenate(list(resamples(6, groups, n=50, seed=0)))
    assert weights.shape == (50, 6)
    assert (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()
    assert (weights[:, 0] == weights[:, 1]).all()


def test_resamples_without_a_class_are_left_out_of_the_interval():
    labels = np.array([0] * 11 + [1])  # every third resample lacks the one non-trivial material
    p5 = np.tile([0.9, 0.1, 0.0, 0.0, 0.0], (12, 1))
    p5[-1] = [0.2, 0.8, 0.0, 0.0, 0.0]
    assert bootstrap_intervals(labels, p5, n=200)["two"]["auroc"] == {"value": 1.0, "low": 1.0, "high": 1.0}


def test_too_little_data_for_an_interval_says_so():
    one_class = bootstrap_intervals(np.zeros(3, int), np.tile([1.0, 0, 0, 0, 0], (3, 1)), n=20)
    assert np.isnan(one_class["two"]["auroc"]["low"])
    assert one_class["two"]["accuracy"] == {"value": 1.0, "low": 1.0, "high": 1.0}


def test_a_paired_difference_is_sharper_than_two_intervals(sample):
    labels, better = sample
    worse = 0.8 * better + 0.2 * np.random.default_rng(5).dirichlet(np.ones(5), size=len(labels))
    gain = paired_difference(labels, better, worse, None, "five", "accuracy", n=300, seed=0)
    a, b = (bootstrap_intervals(labels, p, n=300)["five"]["accuracy"] for p in (better, worse))
    assert gain["value"] == pytest.approx(a["value"] - b["value"])
    assert gain["low"] <= gain["value"] <= gain["high"]
    assert gain["high"] - gain["low"] < (a["high"] - a["low"]) + (b["high"] - b["low"])


def test_a_model_differs_from_itself_by_nothing(sample):
    labels, p5 = sample
    none = paired_difference(labels, p5, p5, None, "two", "auroc", n=20)
    assert none == {"value": 0.0, "low": 0.0, "high": 0.0}

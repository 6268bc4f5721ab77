"""Trees as arrays: they answer as LightGBM does, say why as LightGBM does, and what are no trees is refused."""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
import pytest

from topofuse.ensemble.boosted import as_forest
from topofuse.ensemble.forest import Forest, ForestError

PARAMS = {"verbosity": -1, "num_threads": 1, "seed": 0, "min_data_in_leaf": 3, "num_leaves": 8, "learning_rate": 0.2}
KINDS = {"objective": "multiclass", "num_class": 4}


@pytest.fixture(scope="module")
def table():
    """600 rows of whole numbers, fractions, a column that is undefined now and then, one that never varies."""
    rng = np.random.default_rng(0)
    table = np.stack([rng.integers(-2, 3, 600), rng.normal(size=600), rng.normal(size=600), np.ones(600)], axis=1)
    table[rng.random(600) < 0.3, 2] = np.nan
    return table.astype(np.float32)


@pytest.fixture(scope="module")
def target(table):
    return (np.nan_to_num(table[:, 2], nan=0.4) + table[:, 0] * table[:, 1] > 0.2).astype(int)


@pytest.fixture(scope="module")
def boosters(table, target):
    kinds = np.clip(table[:, 0] + 1, 0, 3).astype(int)
    return [
        lgb.train({**PARAMS, "objective": "binary"}, lgb.Dataset(table[:500], target[:500]), 30),
        lgb.train({**PARAMS, **KINDS}, lgb.Dataset(table[:500], kinds[:500]), 12),
    ]


@pytest.fixture(scope="module")
def forests(boosters):
    return [as_forest(booster.model_to_string()) for booster in boosters]


def strange(table):
    """Rows of which other columns are undefined than in training, and values far outside."""
    rows = table[500:].copy()
    rows[::3, 0] = np.nan
    rows[1::3, 1] = np.nan
    rows[2::3, 1] *= 1e30
    return rows


def test_they_answer_as_lightgbm_does(table, boosters, forests):
    for booster, forest in zip(boosters, forests, strict=True):
        for rows in (table, strange(table)):
            np.testing.assert_allclose(forest.predict(rows), booster.predict(rows), rtol=0, atol=1e-6)
        assert forest.rounds == booster.current_iteration()
        np.testing.assert_allclose(forest.gains(), booster.feature_importance("gain"), rtol=1e-5)


def test_a_value_on_a_threshold_goes_where_lightgbm_sends_it(boosters, forests):
    """Thresholds are double precision, columns single: the nearest values on both sides of each are tried.

    Not around thresholds of 1e-35, beside nought: LightGBM takes smaller values for nought.
    """
    booster, forest = boosters[0], forests[0]
    pairs = [(c, t) for c, t in zip(forest.column, forest.threshold, strict=True) if abs(t) > 1e-30]
    assert len(pairs) > 50
    rows = np.zeros((3 * len(pairs), forest.columns), dtype=np.float32)
    for i, (column, threshold) in enumerate(pairs):
        up = np.nextafter(threshold, np.float32(np.inf))
        rows[3 * i : 3 * i + 3, column] = [threshold, up, np.nextafter(threshold, np.float32(-np.inf))]
    np.testing.assert_allclose(forest.predict(rows), booster.predict(rows), rtol=0, atol=1e-6)


def test_contributions_are_those_of_lightgbm_and_add_up(table, boosters, forests):
    booster, forest = boosters[0], forests[0]
    for rows in (table[500:520], strange(table)[:20]):
        expected = booster.predict(rows, pred_contrib=True)
        for row, own in zip(rows, expected, strict=True):
            found, start = forest.contributions(row)
            np.testing.assert_allclose([*found, start], own, rtol=0, atol=1e-5)
            assert found.sum() + start == pytest.approx(forest.raw(row[None])[0, 0], abs=1e-9)
    with pytest.raises(ValueError, match="two classes"):
        forests[1].contributions(table[0])


def test_a_model_that_learned_nothing_is_one_leaf_per_tree(table, target):
    alike = lgb.Dataset(np.ones((500, 4)), target[:500], params={"feature_pre_filter": False})
    booster = lgb.train({**PARAMS, "objective": "binary"}, alike, 3)
    forest = as_forest(booster.model_to_string())
    assert len(forest.column) == 0
    np.testing.assert_allclose(forest.predict(table), booster.predict(table), atol=1e-6)
    found, start = forest.contributions(table[0])
    assert not found.any()
    assert start == pytest.approx(forest.raw(table[:1])[0, 0])


def test_arrays_there_and_back_change_nothing(table, forests):
    for forest in forests:
        again = Forest.restore(forest.tensors(), 4)
        np.testing.assert_array_equal(again.predict(table), forest.predict(table))


def test_another_table_than_theirs_is_refused(table, forests):
    with pytest.raises(ValueError, match="read 4 columns, the table has 3"):
        forests[0].predict(table[:, :3])


class TestRefusals:
    def refusal(self, forest, columns=4, **changes):
        with pytest.raises(ForestError) as caught:
            Forest.restore({**forest.tensors(), **changes}, columns)
        return str(caught.value)

    def test_a_split_that_leads_back(self, forests):
        left = forests[0].left.copy()
        inner = np.flatnonzero(left >= 0)[1]
        left[inner] = inner
        assert "do not form trees" in self.refusal(forests[0], left=left)

    def test_a_way_to_nowhere(self, forests):
        for place in (10**6, -(10**6)):
            left = forests[0].left.copy()
            left[0] = place
            assert "do not form trees" in self.refusal(forests[0], left=left)

    def test_two_ways_to_one_leaf(self, forests):
        right = forests[0].right.copy()
        ends = np.flatnonzero(right < 0)
        right[ends[0]] = right[ends[1]]
        assert "do not form trees" in self.refusal(forests[0], right=right)

    def test_columns_that_the_table_has_not(self, forests):
        assert "of a table of 2" in self.refusal(forests[0], columns=2)

    def test_numbers_that_are_none(self, forests):
        for name, bad in (("threshold", np.nan), ("value", np.inf), ("value", np.nan), ("count", 0)):
            array = forests[0].tensors()[name].copy()
            array[3] = bad
            assert "a count that is none" in self.refusal(forests[0], **{name: array})

    def test_arrays_of_another_type_length_or_name(self, forests):
        assert "type float64" in self.refusal(forests[0], value=forests[0].value.astype(np.float64))
        assert "differ in length" in self.refusal(forests[0], value=forests[0].value[:-1])
        with pytest.raises(ForestError, match="without count"):
            Forest.restore({k: v for k, v in forests[0].tensors().items() if k != "count"}, 4)

    def test_lightgbm_models_with_categories(self, table, target):
        data = lgb.Dataset(np.nan_to_num(np.abs(table[:500])), target[:500], categorical_feature=[0])
        booster = lgb.train({**PARAMS, "objective": "binary", "min_data_per_group": 1}, data, 5)
        with pytest.raises(ForestError, match="with categories"):
            as_forest(booster.model_to_string())

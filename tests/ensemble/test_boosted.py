"""Boosted trees: two heads that make five classes, the same every time, kept and read back."""

from __future__ import annotations

import numpy as np
import pytest

from topofuse.config import BoostedConfig
from topofuse.ensemble import boosted
from topofuse.ensemble.boosted import BoostedTrees, fit_boosted, fit_or_load
from topofuse.ensemble.forest import ForestError
from topofuse.training.checkpoint import CheckpointError

CONFIG = BoostedConfig(rounds=40, learning_rate=0.2, leaves=6, min_leaf=3, feature_share=1.0, patience=10)
ONE = {"seed": 3, "threads": 1}


@pytest.fixture(scope="module")
def toy():
    """Five columns, one of which is undefined now and then; two of them decide the class."""
    rng = np.random.default_rng(0)
    table = rng.standard_normal((400, 5)).astype(np.float32)
    labels = np.where(table[:, 1] > 0, 1 + np.digitize(table[:, 3], [-0.7, 0.0, 0.7]), 0)
    table[rng.random(400) < 0.3, 4] = np.nan
    return table, labels, np.arange(300), np.arange(300, 350), np.arange(350, 400)


@pytest.fixture(scope="module")
def trees(toy) -> BoostedTrees:
    table, labels, train, validation, _ = toy
    return fit_boosted(table, labels, train, validation, CONFIG, **ONE)


def test_they_learn_both_levels(toy, trees):
    table, labels, *_, new = toy
    p = trees.predict(table[new])
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert ((p[:, 0] < 0.5) == (labels[new] > 0)).mean() > 0.95
    assert (p.argmax(axis=1) == labels[new]).mean() > 0.8


def test_the_columns_that_decide_have_the_gain(trees):
    gain = trees.gain()
    assert gain.shape == (5,)
    assert gain.sum() == pytest.approx(1.0)
    assert set(np.argsort(-gain)[:2]) == {1, 3}


def test_the_same_seed_gives_the_same_trees_and_more_seeds_are_averaged(toy, trees):
    table, labels, train, validation, new = toy
    again = fit_boosted(table, labels, train, validation, CONFIG, **ONE)
    np.testing.assert_array_equal(again.predict(table[new]), trees.predict(table[new]))
    two = fit_boosted(table, labels, train, validation, CONFIG.model_copy(update={"seeds": 2}), **ONE)
    assert len(two.binary) == len(two.kind) == 2
    single = [BoostedTrees((two.binary[i],), two.kind).predict(table[new])[:, 0] for i in range(2)]
    np.testing.assert_allclose(two.predict(table[new])[:, 0], (single[0] + single[1]) / 2)


def test_a_prediction_does_not_depend_on_the_other_rows(toy, trees):
    table, *_, new = toy
    alone = np.concatenate([trees.predict(table[i : i + 1]) for i in new])
    np.testing.assert_array_equal(alone, trees.predict(table[new]))


def test_there_and_back_changes_nothing(toy, trees):
    table, *_, new = toy
    again = BoostedTrees.restore(trees.content(), 5)
    np.testing.assert_array_equal(again.predict(table[new]), trees.predict(table[new]))
    np.testing.assert_array_equal(again.gain(), trees.gain())
    assert again.rounds() == trees.rounds()


def test_what_is_no_pair_of_models_is_refused(trees):
    swapped = BoostedTrees(trees.kind, trees.binary).content()
    for content in (swapped, BoostedTrees(trees.binary, ()).content(), b"", b"tree", trees.content()[:-9]):
        with pytest.raises(ForestError):
            BoostedTrees.restore(content, 5)


def test_rounds_can_be_given(toy):
    table, labels, train, validation, _ = toy
    fixed = fit_boosted(table, labels, train, validation[:0], CONFIG, **ONE, rounds=(7, 3))
    assert fixed.rounds() == (7, 3)


def test_they_stop_early_on_validation_rows_and_not_without(toy):
    table, labels, train, validation, _ = toy
    noise = np.random.default_rng(1).permutation(labels)
    stopped = fit_boosted(table, noise, train, validation, CONFIG, **ONE).binary[0]
    assert stopped.rounds < 40
    assert fit_boosted(table, noise, train, validation[:0], CONFIG, **ONE).binary[0].rounds == 40


class TestKept:
    def fit(self, toy, directory, config=CONFIG, **changes):
        table, labels, train, validation, _ = toy
        given = {"table": table, "labels": labels, "train": train, "validation": validation} | changes
        return fit_or_load(directory, **given, config=config, **ONE)

    def test_the_second_time_they_are_read(self, toy, tmp_path, monkeypatch):
        first = self.fit(toy, tmp_path)
        monkeypatch.setattr(boosted, "fit_boosted", None)
        np.testing.assert_array_equal(self.fit(toy, tmp_path).predict(toy[0]), first.predict(toy[0]))

    def test_trees_of_something_else_are_refused(self, toy, tmp_path):
        self.fit(toy, tmp_path)
        others = (
            {"config": CONFIG.model_copy(update={"leaves": 7})},
            {"labels": np.where(np.arange(400) == 5, (toy[1] + 1) % 5, toy[1])},
            {"table": toy[0] + 1},
            {"train": toy[2][1:]},
        )
        for other in others:
            with pytest.raises(CheckpointError, match="other settings or data"):
                self.fit(toy, tmp_path, **other)

    def test_a_fit_that_was_cut_short_is_begun_again(self, toy, tmp_path):
        self.fit(toy, tmp_path)
        (tmp_path / "done.json").unlink()
        (tmp_path / "trees.safetensors").write_bytes(b"half a file")
        assert np.isfinite(self.fit(toy, tmp_path).predict(toy[0])).all()
        assert (tmp_path / "done.json").exists()

    def test_a_damaged_file_is_named(self, toy, tmp_path):
        self.fit(toy, tmp_path)
        (tmp_path / "trees.safetensors").write_bytes(b"half a file")
        with pytest.raises(CheckpointError, match=r"trees.safetensors cannot be read .*delete its folder"):
            self.fit(toy, tmp_path)

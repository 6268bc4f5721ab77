"""Agreement of labels, a second database and a model, against numbers worked out by hand."""

import numpy as np
import pytest

from topofuse.evaluation.agreement import AGREEMENT_LEVELS, agreement

LABELS = np.array([0, 0, 0, 1, 2, 3])
SECOND = np.array([0, 0, 1, 1, 3, 3])
MODEL = np.array([0, 1, 0, 1, 2, 2])
GROUPS = list("aabcde")


def values(level):
    return {name: cell["value"] for name, cell in agreement(LABELS, SECOND, MODEL, GROUPS, level, n=50).items()}


def test_six_materials_by_hand():
    four = values("four")
    assert four["second_labels"] == pytest.approx(4 / 6)
    assert four["model_labels"] == pytest.approx(4 / 6)
    assert four["difference"] == 0
    assert four["model_second"] == pytest.approx(2 / 6)
    assert four["model_agreed"] == pytest.approx(2 / 4)


def test_insulators_are_one_class_of_three_and_the_rest_one_of_two():
    assert values("three")["second_labels"] == pytest.approx(5 / 6)
    assert values("three")["model_labels"] == pytest.approx(5 / 6)
    assert values("two")["model_labels"] == pytest.approx(5 / 6)


@pytest.mark.parametrize("level", AGREEMENT_LEVELS)
def test_a_model_that_copies_the_second_database_is_no_nearer_to_the_labels(level):
    cells = agreement(LABELS, SECOND, SECOND, GROUPS, level, n=200)
    assert cells["difference"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert cells["model_second"]["low"] == 1.0


def test_intervals_draw_whole_groups():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, 400)
    model = np.where(np.repeat(rng.random(20) < 0.7, 20), labels, (labels + 1) % 4)  # right or wrong by formula
    alone = agreement(labels, labels, model, [str(i) for i in range(400)], "four", n=300)["model_labels"]
    together = agreement(labels, labels, model, np.repeat(np.arange(20), 20).astype(str), "four", n=300)["model_labels"]
    assert together["high"] - together["low"] > 2 * (alone["high"] - alone["low"])

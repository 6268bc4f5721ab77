"""The three levels of the task never contradict one another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topofuse.labels import FIVE, KINDS, LEVELS, THREE, TWO, TopoClass, coarsen, compose, decide, level_probabilities

TRIVIAL, HSP, HSL, TI, TCI = range(5)
probabilities = st.lists(st.floats(1e-3, 1.0), min_size=5, max_size=5).map(lambda w: np.array([w]) / sum(w))


def test_the_names_of_the_classes():
    assert list(FIVE) == ["trivial", "hsp_semimetal", "hsl_semimetal", "ti", "tci"]
    assert tuple(TopoClass) == FIVE
    assert FIVE[1:] == KINDS
    assert set(LEVELS) == {"two", "three", "five"}


@pytest.mark.parametrize(
    ("five", "three", "two"),
    [
        ("trivial", "trivial", "trivial"),
        ("hsp_semimetal", "semimetal", "nontrivial"),
        ("hsl_semimetal", "semimetal", "nontrivial"),
        ("ti", "topological_insulator", "nontrivial"),
        ("tci", "topological_insulator", "nontrivial"),
    ],
)
def test_every_class_belongs_to_one_class_of_each_coarser_level(five, three, two):
    code = np.array([FIVE.index(five)])
    assert FIVE[coarsen(code, "five")[0]] == five
    assert THREE[coarsen(code, "three")[0]] == three
    assert TWO[coarsen(code, "two")[0]] == two


def test_coarser_probabilities_are_sums():
    p = np.array([[0.4, 0.1, 0.2, 0.05, 0.25]])
    assert level_probabilities(p, "two")[0].tolist() == pytest.approx([0.4, 0.6])
    assert level_probabilities(p, "three")[0].tolist() == pytest.approx([0.4, 0.3, 0.3])
    assert level_probabilities(p, "five")[0].tolist() == p[0].tolist()


def test_five_classes_are_products_of_the_two_heads():
    p = compose(np.array([0.6]), np.array([[0.5, 0.25, 0.25, 0.0]]))
    assert p[0].tolist() == pytest.approx([0.4, 0.3, 0.15, 0.15, 0.0])


@pytest.mark.parametrize(
    ("p", "decided"),
    [
        ([0.51, 0.49, 0.0, 0.0, 0.0], TRIVIAL),
        ([0.4, 0.15, 0.15, 0.15, 0.15], HSP),  # the largest single class is trivial, but non-trivial outweighs it
        ([0.25, 0.125, 0.25, 0.375, 0.0], HSL),  # semimetal and insulator tie: semimetal, though ti is the largest
        ([0.1, 0.3, 0.1, 0.1, 0.4], TCI),
        ([0.1, 0.0, 0.35, 0.36, 0.19], TI),
        ([0.5, 0.5, 0.0, 0.0, 0.0], TRIVIAL),  # a tie goes to trivial
    ],
)
def test_decisions_are_taken_from_the_top_down(p, decided):
    assert decide(np.array([p]))[0] == decided


@given(probabilities)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_the_decided_class_is_the_likelier_at_two_classes_and_never_contradicts_itself(p):
    code = decide(p)
    two = level_probabilities(p, "two")[0]
    if abs(two[0] - two[1]) > 1e-9:
        assert coarsen(code, "two")[0] == int(two.argmax())
    if coarsen(code, "two")[0] == 1:
        three = level_probabilities(p, "three")[0]
        assert three[coarsen(code, "three")[0]] == max(three[1:])
    assert (coarsen(code, "three") == 0) == (code == TRIVIAL)


@given(probabilities)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_every_level_sums_to_one(p):
    for level, names in LEVELS.items():
        q = level_probabilities(p, level)
        assert q.shape == (1, len(names))
        assert q.sum() == pytest.approx(1.0)


def test_heads_taken_apart_and_put_together_are_the_same_probabilities():
    p = np.random.default_rng(0).dirichlet(np.ones(5), 20)
    again = compose(1 - p[:, 0], p[:, 1:] / (1 - p[:, :1]))
    np.testing.assert_allclose(again, p)

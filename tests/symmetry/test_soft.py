"""Soft verdicts: against random draws, against what can be worked out by hand, and independent of the notation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from topofuse.crystals import analyse
from topofuse.symmetry import (
    Levels,
    SoftVerdict,
    SymmetryTable,
    diagnose,
    indicator_classes,
    soft_verdict,
    symmetry_table,
)
from topofuse.symmetry.soft import star_fillings
from topofuse.tightbinding.sketch import sketch_of
from topofuse.tightbinding.states import star_levels

BLURS = (0.15, 0.3, 0.6)
DRAWS = 20_000


def of(crystal) -> tuple[SymmetryTable, list[Levels], list, int]:
    symmetric = analyse(crystal)
    table, sketch = symmetry_table(symmetric.spacegroup), sketch_of(symmetric)
    stars = star_levels(sketch, table)
    return table, [s.levels for s in stars], [s.rigid for s in stars], 2 * sketch.filled


def drawn(table, levels, rigid, electrons, blur, rng) -> np.ndarray:
    """(5,) classes by random draws, each rigid set moved by one normal number."""
    vectors = np.zeros((DRAWS, len(table.dimensions)), dtype=np.int64)
    cut = np.zeros(DRAWS, dtype=bool)
    for one, own in zip(levels, rigid, strict=True):
        star = table.stars[one.star]
        energy = one.energy + blur * rng.standard_normal((DRAWS, own.max() + 1))[:, own]
        order = np.argsort(energy, axis=1, kind="stable")
        filled = np.cumsum(star.dimensions[one.coirrep][order], axis=1) + one.below @ star.dimensions
        last = np.argmax(filled >= electrons, axis=1)[:, None]
        at = np.take_along_axis(np.take_along_axis(energy, order, 1), np.concatenate([last, last + 1], 1), 1)
        exact = np.take_along_axis(filled, last, 1)[:, 0] == electrons
        cut |= ~exact | (np.diff(at)[:, 0] < 1e-9)
        occupied = filled <= electrons
        for c in range(len(star.dimensions)):
            vectors[:, star.columns.start + c] = one.below[c] + (occupied & (one.coirrep[order] == c)).sum(1)
    broken = (vectors @ table.compatibility).any(1)
    classes = indicator_classes(table.spacegroup)[table.number(vectors @ table.indicator)]
    return np.bincount(np.where(cut, 1, np.where(broken, 2, classes)), minlength=5) / DRAWS


@pytest.mark.parametrize(
    "name",
    [
        "Bi2Se3-tetradymite",
        "SnTe-rock_salt",
        "Zr2Pd-mosi2",
        "Sr3SnO-perovskite",
        "ZnSnSb2-chalcopyrite",
        "YMg2-laves_c14",
    ],
)
def test_random_draws_agree(name, textbook):
    system = of(textbook[name].crystal)
    exact = soft_verdict(*system, BLURS).classes
    rng = np.random.default_rng(1)
    for i, blur in enumerate(BLURS):
        np.testing.assert_allclose(exact[:, i], drawn(*system, blur, rng), atol=4.5 * 0.5 / np.sqrt(DRAWS))
    np.testing.assert_allclose(exact.sum(0), 1, atol=1e-12)


def test_two_levels_change_places_as_often_as_a_normal_distribution_says():
    table = symmetry_table(2)  # inversion alone: an even and an odd pair at each of the momenta
    levels = Levels(
        0, np.zeros(2, dtype=int), np.array([0.0, 0.5]), np.array([0, 1]), np.arange(2), np.repeat([0, 1], 2)
    )
    fillings, probability = star_fillings(table, levels, np.arange(2), 2, np.array(BLURS))
    swapped = ndtr(-0.5 / (np.sqrt(2) * np.array(BLURS)))
    by_filling = dict(zip(map(tuple, fillings.tolist()), probability, strict=True))
    np.testing.assert_allclose(by_filling[1, 0], 1 - swapped, atol=1e-4)
    np.testing.assert_allclose(by_filling[0, 1], swapped, atol=1e-4)


def test_levels_that_move_together_do_not_change_places():
    table = symmetry_table(2)
    levels = Levels(
        0, np.zeros(2, dtype=int), np.array([0.0, 0.01]), np.array([0, 1]), np.arange(2), np.repeat([0, 1], 2)
    )
    fillings, probability = star_fillings(table, levels, np.zeros(2, dtype=int), 2, np.array(BLURS))
    assert fillings.tolist() == [[1, 0]]
    np.testing.assert_allclose(probability, 1, atol=1e-4)


def test_a_degenerate_level_is_always_cut():
    table = symmetry_table(2)
    levels = Levels(
        0, np.zeros(2, dtype=int), np.zeros(2), np.array([0, 1]), np.zeros(2, dtype=int), np.zeros(4, dtype=int)
    )
    assert star_fillings(table, levels, np.zeros(2, dtype=int), 2, np.array(BLURS))[1].sum() < 1e-6


def test_without_blur_it_is_the_diagnosis(textbook):
    for name in ("Bi2Se3-tetradymite", "SnTe-rock_salt", "Si-diamond", "Na3Bi-na3as", "HgTe-zinc_blende"):
        table, levels, rigid, electrons = of(textbook[name].crystal)
        nominal = diagnose(table, levels, electrons).verdict
        found: SoftVerdict = soft_verdict(table, levels, rigid, electrons, [1e-6])
        assert found.classes[nominal, 0] > 0.999, name


def test_a_star_without_levels_is_named(bi2se3):
    table, levels, rigid, electrons = of(bi2se3)
    with pytest.raises(ValueError, match="166 needs levels once at GAMMA"):
        soft_verdict(table, levels[1:], rigid[1:], electrons, BLURS)

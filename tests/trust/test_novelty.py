"""Novelty: near the training materials it is small, impossible crystals are far, and neighbours are alike."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load, save

from topofuse.crystals import Crystal, analyse, symmetry
from topofuse.labels import FIVE
from topofuse.modalities.extraction import extract_all, extract_sample
from topofuse.modalities.registry import table_columns
from topofuse.modalities.store import FeatureStore
from topofuse.trust.novelty import TrainingMaterials

NAMES = ("crystal", "kspace", "scalar", "physics")


def store_of(*crystals: Crystal) -> FeatureStore:
    return FeatureStore.from_samples([extract_sample(analyse(c), NAMES) for c in crystals])


def fitted(world, rows, gain=None) -> TrainingMaterials:
    described = [f"id-{i}" for i in rows], [world.formulas[i] for i in rows], world.labels[rows]
    return TrainingMaterials.fit(world.store, rows, NAMES, described, gain)


@pytest.fixture(scope="module")
def reference(small_world) -> TrainingMaterials:
    return fitted(small_world, np.arange(60))


def scrambled(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """The same sites with other elements, which fit neither the distances nor each other."""
    old = np.unique(crystal.numbers)
    new = rng.choice(np.array([3, 8, 14, 30, 37, 55, 82]), len(old), replace=False)
    return Crystal(crystal.lattice, new[np.searchsorted(old, crystal.numbers)], crystal.frac_coords)


def test_a_training_material_has_no_novelty_and_is_its_own_neighbour(reference, small_world):
    placed = reference.place(small_world.store)
    assert placed.novelty.max() < 0.05
    np.testing.assert_array_equal(placed.nearest[:, 0], np.arange(60))


def test_novelty_is_the_rank_among_the_training_materials_distances(reference, small_world):
    points = reference.embed(small_world.store.table(NAMES)).astype(np.float64)
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    same = np.array(small_world.formulas)[:, None] == np.array(small_world.formulas)
    own = np.where(same, np.inf, apart).min(axis=1)
    np.testing.assert_allclose(reference.distances[[0, -1]], [own.min(), own.max()], rtol=0.02)
    np.testing.assert_allclose(np.median(reference.distances), np.median(own), rtol=0.03)


def test_materials_left_out_are_newer_than_those_inside(small_world):
    rows = np.arange(40)
    half = fitted(small_world, rows)
    placed = half.place(small_world.store)
    assert np.median(placed.novelty[40:]) > 0.2 > placed.novelty[:40].max()
    np.testing.assert_array_equal(half.place(small_world.store, np.arange(40, 60)).novelty, placed.novelty[40:])


@pytest.mark.slow
def test_scrambled_crystals_are_newer_than_real_ones(small_world):
    from sklearn.metrics import roc_auc_score

    half, rng = fitted(small_world, np.arange(40)), np.random.default_rng(0)
    strange = extract_all([scrambled(c, rng) for c in small_world.crystals[:40]], workers=0, names=NAMES).views[0]
    distances = [half.place(s).distance for s in (small_world.store, strange)]
    ordinary, far = distances[0][40:], distances[1]
    assert roc_auc_score(np.repeat([0, 1], [len(ordinary), len(far)]), np.concatenate([ordinary, far])) > 0.7


def test_neighbours_are_chemically_alike(textbook):
    names = ["Te3As2-tetradymite", "Sb2Te3-tetradymite", "NaCl-rock_salt", "Si-diamond", "GaAs-zinc_blende"]
    names += ["ZnO-wurtzite", "TiO2-rutile", "Al2O3-corundum", "CsCl-caesium_chloride", "MoS2-mos2_2h"]
    store = store_of(*(textbook[name].crystal for name in names))
    rows = np.arange(len(names))
    reference = TrainingMaterials.fit(store, rows, NAMES, (names, names, np.zeros(len(names), dtype=int)))
    columns = reference.columns(store_of(textbook["Bi2Se3-tetradymite"].crystal))
    first, second, third = columns["nearest"][0].split("; ")
    assert {first, second} == {f"{n} {n} trivial" for n in names[:2]}
    assert third in {f"{n} {n} trivial" for n in names[2:]}


def test_an_unseen_element_or_a_larger_cell_is_as_new_as_can_be(reference, nacl, monkeypatch):
    neptunium = Crystal(nacl.lattice * 1.2, np.where(nacl.numbers == 11, 93, 17), nacl.frac_coords)
    assert reference.columns(store_of(neptunium))["novelty"] == [1.0]
    assert reference.columns(store_of(neptunium))["domain"] == ["unseen_element"]
    repeated = np.concatenate([nacl.frac_coords + np.array([i, 0, 0]) for i in range(60)]) / [60, 1, 1]
    moved = repeated + np.random.default_rng(0).normal(0, 0.004, repeated.shape) / [60, 1, 1]
    large = Crystal(nacl.lattice * np.array([[60], [1], [1]]), np.tile(nacl.numbers, 60), moved % 1.0)
    monkeypatch.setattr(symmetry, "SYMPRECS", (1e-5,))  # the atoms are moved by less than the usual tolerances
    assert len(analyse(large).primitive) == len(large)
    assert reference.columns(store_of(large))["novelty"] == [1.0]


def test_it_does_not_matter_how_a_crystal_is_written_down(reference, compounds, rewritings):
    crystals = list(compounds.values())
    plain = reference.place(store_of(*crystals))
    for way in ("supercell", "all at once"):
        other = reference.place(store_of(*(rewritings[way](c) for c in crystals)))
        np.testing.assert_allclose(other.novelty, plain.novelty, atol=1e-3, err_msg=way)
        np.testing.assert_array_equal(other.nearest[:, 0], plain.nearest[:, 0])


def test_an_answer_does_not_depend_on_the_rest_of_the_batch(reference, small_world):
    together = reference.place(small_world.store)
    alone = [reference.place(small_world.store, np.array([i])) for i in range(10)]
    np.testing.assert_array_equal([a.novelty[0] for a in alone], together.novelty[:10])
    np.testing.assert_array_equal([a.nearest[0] for a in alone], together.nearest[:10])


def test_what_is_saved_comes_back(reference, small_world):
    again = TrainingMaterials.restore(reference.described(), load(save(reference.tensors())))
    assert again.columns(small_world.store) == reference.columns(small_world.store)
    assert list(again.ids) == list(reference.ids)
    line = again.describe(0)
    assert line.startswith("id-0 ")
    assert line.endswith(FIVE[small_world.labels[0]])


def test_what_the_trees_use_counts_more(small_world):
    columns = table_columns(NAMES)
    gain = np.array([1.0 if name.startswith("kspace:") else 0.0 for name in columns])
    by_kspace = fitted(small_world, np.arange(60), gain).projection.astype(float)
    share = {
        name: np.linalg.norm(by_kspace[[c.startswith(f"{name}:") for c in columns]]) / np.linalg.norm(by_kspace)
        for name in ("kspace", "scalar")
    }
    assert share["kspace"] > share["scalar"]

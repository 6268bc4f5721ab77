"""Test-time augmentation looks at really different views of the same crystal."""

from __future__ import annotations

import numpy as np
import pytest

from topofuse.crystals import analyse, thermal_view
from topofuse.crystals.views import DISPLACEMENT, STRAIN
from topofuse.modalities.extraction import extract_all, extract_sample, extract_views
from topofuse.modalities.registry import modality
from topofuse.training.inference import predict, predict_views

# of each modality, a column that geometry decides and one that only symmetry and composition decide
GEOMETRY = {"crystal": "mean_nearest", "scalar": "volume_per_atom"}
FIXED = {"crystal": "n_atoms", "scalar": "spacegroup"}


def column(sample, name, column_name):
    return float(sample[name]["table"][0, modality(name).table_names.index(column_name)])


def all_views(crystal, n=5, seed=0):
    return extract_views(analyse(crystal), n, seed)


@pytest.mark.parametrize("compound", ["NaCl-rock_salt", "Bi2Se3-tetradymite", "P-black_phosphorus", "SiO2-quartz"])
class TestViews:
    def test_five_views_differ_from_one_another_where_geometry_decides(self, compounds, compound):
        views = all_views(compounds[compound])
        for name, geometric in GEOMETRY.items():
            values = [column(sample, name, geometric) for sample in views]
            assert len({round(v, 6) for v in values}) == 5, name
            assert np.ptp(values) < 0.25 * values[0], name
        distances = [np.sort(sample["crystal"]["edge.distance"]) for sample in views]
        for i in range(5):
            for j in range(i):
                assert len(distances[i]) != len(distances[j]) or not np.allclose(distances[i], distances[j], atol=1e-4)

    def test_symmetry_and_composition_stay(self, compounds, compound):
        views = all_views(compounds[compound])
        for name, fixed in FIXED.items():
            assert len({column(sample, name, fixed) for sample in views}) == 1
        for sample in views[1:]:
            for array in ("node.number", "node.weight", "node.features"):
                np.testing.assert_array_equal(sample["crystal"][array], views[0]["crystal"][array])

    def test_all_views_have_the_sketch_of_the_first(self, compounds, compound):
        views = all_views(compounds[compound], n=2)
        for name in ("bands", "indicators"):
            assert np.isfinite(views[0][name]["table"]).any()
            np.testing.assert_array_equal(views[1][name]["table"], views[0][name]["table"])
        assert list(views[1]) == list(views[0])

    def test_the_first_view_is_the_crystal_itself(self, compounds, compound):
        crystal = analyse(compounds[compound])
        assert thermal_view(crystal, 0) is crystal
        plain, views = extract_sample(crystal), all_views(compounds[compound], n=2)
        for name, part in plain.items():
            for key, array in part.items():
                np.testing.assert_array_equal(array, views[0][name][key])

    def test_a_view_is_determined_by_its_number_and_the_seed(self, compounds, compound):
        a, b, other = (all_views(compounds[compound], n=2, seed=seed)[1] for seed in (3, 3, 4))
        for key, array in a["crystal"].items():
            np.testing.assert_array_equal(array, b["crystal"][key])
        assert column(a, "scalar", "volume_per_atom") != column(other, "scalar", "volume_per_atom")


class TestAmplitudes:
    def test_strains_and_displacements_are_thermal(self, nacl):
        crystal = analyse(nacl)
        ratios, shifts = [], []
        for view in range(1, 300):
            moved = thermal_view(crystal, view)
            scale = (moved.primitive.volume / crystal.primitive.volume) ** (1 / 3)
            ratios.append(scale - 1)
            shifts += np.unique((moved.neighbours.distance - scale * crystal.neighbours.distance).round(6)).tolist()
        assert np.std(ratios) == pytest.approx(STRAIN, rel=0.15)
        # two atoms move against each other, each with this amplitude
        assert np.sqrt(np.mean(np.square(shifts))) == pytest.approx(np.sqrt(2) * DISPLACEMENT, rel=0.15)

    @pytest.mark.parametrize(
        ("compound", "free"), [("NaCl-rock_salt", 1), ("Bi2Se3-tetradymite", 2), ("P-black_phosphorus", 3)]
    )
    def test_the_strain_keeps_the_crystal_system(self, compounds, compound, free):
        crystal = analyse(compounds[compound])
        strained = thermal_view(crystal, 1).conventional_lattice
        before, after = (np.linalg.norm(m, axis=1) for m in (crystal.conventional_lattice, strained))
        assert len(set((after / before).round(9))) == free
        cosines = [(m / np.linalg.norm(m, axis=1)[:, None]) @ (m / np.linalg.norm(m, axis=1)[:, None]).T for m in
                   (crystal.conventional_lattice, strained)]  # fmt: skip
        np.testing.assert_allclose(cosines[0], cosines[1], atol=1e-9)


class TestEqualCrystals:
    @pytest.mark.parametrize("way", ["rotation", "translation", "atom order", "supercell", "primitive cell"])
    @pytest.mark.slow
    def test_have_equal_views_however_they_are_written_down(self, compounds, rewritings, way):
        for name, crystal in compounds.items():
            ours, theirs = all_views(crystal, n=3), all_views(rewritings[way](crystal), n=3)
            for view in range(3):
                for part in ours[view]:
                    np.testing.assert_allclose(
                        theirs[view][part]["table"], ours[view][part]["table"], rtol=2e-4, atol=2e-4,
                        err_msg=f"{name}, view {view}, {part}",
                    )  # fmt: skip


class TestAveragedPrediction:
    @pytest.mark.slow
    def test_it_is_the_same_every_time_for_a_seed_and_another_for_another(self, network, compounds):
        crystals = list(compounds.values())
        rows = np.arange(len(crystals))

        def averaged(seed):
            return predict_views(network, extract_all(crystals, n_views=5, seed=seed, workers=0).views, rows)

        first = averaged(0)
        np.testing.assert_array_equal(averaged(0), first)
        assert (np.abs(averaged(1) - first).max(axis=1) > 1e-7).all()

    def test_it_is_no_five_times_repeated_pass(self, network, small_world):
        rows = np.arange(len(small_world))
        each = [predict(network, view, rows) for view in small_world.views]
        for other in each[1:]:
            assert (np.abs(other - each[0]).max(axis=1) > 1e-7).mean() > 0.95
        assert np.abs(predict_views(network, small_world.views, rows) - each[0]).max() > 1e-4

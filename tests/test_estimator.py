"""TopoClassifier: what scikit-learn expects of a classifier, with structures for samples."""

from __future__ import annotations

import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from pymatgen.core import Lattice, Structure
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted, validate_data

import topofuse
from topofuse import TopoClassifier, estimator, featurizing
from topofuse.config import ConfigError
from topofuse.crystals import Crystal, CrystalError, analyse
from topofuse.ensemble.boosted import fit_boosted
from topofuse.ensemble.bundle import BundleError
from topofuse.estimator import LabelError
from topofuse.labels import FIVE, decide
from topofuse.modalities.extraction import extract_sample
from topofuse.modalities.store import FeatureStore
from topofuse.screening.predict import predict_paths

EXAMPLES = Path(__file__).resolve().parents[1] / "docs/examples"


class OnMatrices(TopoClassifier):
    """The same with a crystal in place of each row of numbers, so that scikit-learn's own checks can be run.

    The row's first two numbers stretch a cell of CsCl and its c axis, in steps, so that few crystals stand for many
    rows. What the checks say of matrices (their shape, NaN, sparseness) is answered by scikit-learn's own
    `validate_data`.
    """

    def fit(self, X, y=None):
        return super().fit(self._as_crystals(X, reset=True), y)

    def predict_proba(self, X):
        check_is_fitted(self)
        return super().predict_proba(self._as_crystals(X, reset=False))

    def _as_crystals(self, X, reset):
        return [self._crystal(row) for row in validate_data(self, X, reset=reset, dtype=np.float64)]

    @staticmethod
    def _crystal(row):
        size, ratio = np.exp(0.02 * np.clip(np.round(3 * np.resize(row, 2)), -12, 12))
        return Crystal.validated(4.1 * size * np.diag([1, 1, ratio]), [55, 17], [[0, 0, 0], [0.5, 0.5, 0.5]])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array, tags.input_tags.one_d_array, tags.input_tags.string = True, False, False
        return tags


# With crystals for rows, every check passes. On lists of structures scikit-learn itself runs none: all of its data are
# matrices, which the tag `two_d_array = False` says this estimator does not take.
EXPECTED_FAILURES: dict[str, str] = {}


@parametrize_with_checks(
    [OnMatrices(modalities=("crystal",), rounds=30, validation_share=0)],
    expected_failed_checks=lambda _: EXPECTED_FAILURES,
    xfail_strict=True,
)
def test_scikit_learn_finds_nothing_wrong(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def quick() -> TopoClassifier:
    """Settings that train in a moment; the features of the small world are remembered between the tests."""
    return TopoClassifier(modalities=("scalar", "crystal"), rounds=15)


@dataclass(frozen=True)
class World:
    """Textbook crystals, ten of each class."""

    crystals: list[Crystal]
    names: list[str]
    formulas: list[str]

    def __len__(self) -> int:
        return len(self.names)


@pytest.fixture(scope="module")
def world(textbook) -> World:
    chosen = []
    for label in FIVE:
        of_class = [material for material in textbook.values() if material.label == label]
        chosen += of_class[:: len(of_class) // 10][:10]
    chosen = [chosen[i] for i in np.random.default_rng(0).permutation(len(chosen))]
    return World([m.crystal for m in chosen], [str(m.label) for m in chosen], [m.reduced_formula for m in chosen])


@pytest.fixture(scope="module")
def names(world) -> list[str]:
    return world.names


@pytest.fixture(scope="module")
def fitted(quick, world, names) -> TopoClassifier:
    return clone(quick).fit(world.crystals, names)


def test_it_learns_the_five_classes(fitted, world, names):
    assert fitted.classes_.tolist() == sorted(FIVE)
    p = fitted.predict_proba(world.crystals)
    assert p.shape == (len(world), 5)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert fitted.score(world.crystals, names) > 0.5
    assert fitted.rounds_[0] <= 15


def test_labels_are_decided_from_the_top_down(fitted, world):
    p = fitted.predict_proba(world.crystals)
    in_order = p[:, [fitted.classes_.tolist().index(name) for name in FIVE]]
    assert fitted.predict(world.crystals).tolist() == [FIVE[code] for code in decide(in_order)]


def test_the_same_seed_gives_the_same_trees_and_another_does_not(quick, fitted, world, names):
    p = fitted.predict_proba(world.crystals)
    again = clone(quick).fit(world.crystals, names).predict_proba(world.crystals)
    np.testing.assert_array_equal(again, p)
    other = clone(quick).set_params(random_state=1).fit(world.crystals, names)
    assert np.abs(other.predict_proba(world.crystals) - p).max() > 1e-3
    drawn = clone(quick).set_params(random_state=np.random.RandomState(0)).fit(world.crystals, names)
    assert drawn.score(world.crystals, names) > 0.5


def test_a_subset_of_the_classes_is_all_that_is_answered(quick, world, names):
    rows = [i for i, name in enumerate(names) if name in ("ti", "hsl_semimetal")]
    crystals, labels = [world.crystals[i] for i in rows], [names[i] for i in rows]
    two = clone(quick).fit(crystals, labels)
    assert two.classes_.tolist() == ["hsl_semimetal", "ti"]
    assert set(two.predict(world.crystals)) <= {"hsl_semimetal", "ti"}
    np.testing.assert_allclose(two.predict_proba(world.crystals).sum(axis=1), 1)
    assert two.score(crystals, labels) > 0.7


@pytest.mark.parametrize(
    ("own", "apart"),
    [
        ({"trivial": 0}, 0),
        ({"trivial": "trivial", "ti": "topological_insulator", "tci": "topological_insulator"}, "trivial"),
    ],
)
def test_classes_of_your_own_can_be_learned(quick, world, names, own, apart):
    other = 1 if apart == 0 else "semimetal"
    labels = [own.get(name, other) for name in names]
    learned = clone(quick).fit(world.crystals, labels)
    assert learned.classes_.tolist() == sorted(set(labels))
    assert learned.score(world.crystals, labels) > 0.6
    p = learned.predict_proba(world.crystals)
    np.testing.assert_array_equal(learned.predict(world.crystals), learned.classes_[p.argmax(axis=1)])
    # the class apart has the probability that the same trees give to trivial
    samples = [extract_sample(analyse(crystal), ("scalar", "crystal")) for crystal in world.crystals]
    table = FeatureStore.from_samples(samples).table(("scalar", "crystal"))
    np.testing.assert_allclose(p[:, learned.classes_.tolist().index(apart)], learned.trees_.predict(table)[:, 0])


def test_structures_of_every_kind_give_the_same_answer(fitted, tmp_path):
    cell, spots = np.diag([4.12] * 3), [[0, 0, 0], [0.5, 0.5, 0.5]]
    pymatgen = Structure(Lattice(cell), ["Cs", "Cl"], spots)
    pymatgen.to(tmp_path / "CsCl.cif", fmt="cif")
    same = [
        Crystal.validated(cell, [55, 17], spots),
        pymatgen,
        pymatgen.copy().add_oxidation_state_by_element({"Cs": 1, "Cl": -1}),
        Atoms("CsCl", cell=cell, scaled_positions=spots, pbc=True),
        tmp_path / "CsCl.cif",
        str(tmp_path / "CsCl.cif"),
    ]
    p = fitted.predict_proba(same)
    np.testing.assert_allclose(p, np.tile(p[0], (6, 1)), atol=1e-12)
    np.testing.assert_array_equal(fitted.predict_proba(np.array(same[4:], dtype=str)), p[4:])


class TestRefusals:
    def test_the_structure_is_named_by_its_index(self, quick, fitted, world):
        disordered = Structure(Lattice.cubic(4.0), [{"Na": 0.5, "K": 0.5}], [[0, 0, 0]])
        slab = Atoms("Cu", cell=np.diag([3.6] * 3), pbc=(True, True, False))
        good = world.crystals[0]
        for bad, words in (
            (disordered, r"structures\[1\]: site .* disordered"),
            (slab, r"structures\[1\]: .* not periodic in all three"),
            ("absent.cif", r"structures\[1\]: no such file"),
            (3.5, r"structures\[1\]: a structure is a path, .* not 'float'"),
        ):
            with pytest.raises(CrystalError, match=words):
                clone(quick).fit([good, bad], ["ti", "tci"])
            with pytest.raises(CrystalError, match=words):
                fitted.predict([good, bad])

    def test_features_that_cannot_be_computed_name_it_too(self, fitted, world, monkeypatch):
        def refuse(_crystal):
            raise CrystalError("no symmetry found")

        lone = Crystal.validated(np.diag([4.0, 4.1, 4.2]), [55, 17], [[0, 0, 0], [0.5, 0.5, 0.5]])
        monkeypatch.setattr(featurizing, "analyse", refuse)
        with pytest.raises(CrystalError, match=r"^structures\[1\] \(CsCl\): no symmetry found$"):
            fitted.predict([world.crystals[0], lone])

    def test_one_structure_is_no_list_of_them(self, fitted, world):
        for one in (world.crystals[0], "a.cif", Atoms("Cu"), Structure(Lattice.cubic(3), ["Cu"], [[0, 0, 0]])):
            with pytest.raises(CrystalError, match="give a list of structures"):
                fitted.predict(one)
        with pytest.raises(CrystalError, match="at least one"):
            fitted.predict([])

    def test_labels_that_cannot_be_learned(self, quick, world):
        crystals = world.crystals[:8]
        for labels, words in (
            (["ti"] * 8, "two classes at least .* one class: ti"),
            (list("abcdefgh"), "8 classes; at most 5"),
        ):
            with pytest.raises(LabelError, match=words):
                clone(quick).fit(crystals, labels)
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            clone(quick).fit(crystals, ["ti", "tci"])

    @pytest.mark.parametrize(
        ("setting", "words"),
        [
            ({"modalities": ("scalar", "spectrum")}, "no modality 'spectrum'; there are"),
            ({"modalities": ()}, "no modality given"),
            ({"preset": "best"}, "no preset 'best'"),
            ({"rounds": 0}, "rounds 0 must be 1 or more"),
            ({"validation_share": 0.7}, "between 0 and 0.5"),
        ],
    )
    def test_settings_that_are_none_are_refused_by_fit(self, world, setting, words):
        with pytest.raises(ConfigError, match=words):
            TopoClassifier(**setting).fit(world.crystals[:4], ["ti", "ti", "tci", "tci"])

    def test_without_a_fit_there_is_no_answer(self, quick, world):
        with pytest.raises(NotFittedError):
            clone(quick).predict(world.crystals[:1])


def test_no_formula_is_on_both_sides_of_early_stopping(quick, world, names, monkeypatch):
    fits = []

    def watching(table, codes, train, validation, *settings, **options):
        fits.append((train, validation))
        return fit_boosted(table, codes, train, validation, *settings, **options)

    monkeypatch.setattr(estimator, "fit_boosted", watching)
    patient = clone(quick).set_params(validation_share=0.2)
    patient.fit(world.crystals, names)
    patient.fit(world.crystals[:5], names[:5])
    (train, validation), few = fits
    formulas = np.array(world.formulas)
    assert len(validation) > 0
    assert sorted([*train, *validation]) == list(range(len(world)))
    assert not set(formulas[train]) & set(formulas[validation])
    assert [len(rows) for rows in few] == [5, 0]


@pytest.fixture
def computed(fitted, world, monkeypatch) -> list[Crystal]:
    """The crystals whose features are computed from here on; none is remembered."""
    with monkeypatch.context() as patched:
        patched.setattr(estimator, "REMEMBERED", 0)
        fitted.predict_proba(world.crystals[:1])
    seen: list[Crystal] = []
    monkeypatch.setattr(featurizing, "analyse", lambda crystal: seen.append(crystal) or analyse(crystal))
    return seen


def test_cross_validation_and_search_compute_each_crystal_once(quick, world, names, computed):
    crystals, labels = world.crystals[:30], names[:30]
    groups = world.formulas[:30]
    out_of_fold = cross_val_predict(quick, crystals, labels, groups=groups, cv=GroupKFold(3), method="predict")
    assert len(out_of_fold) == 30
    GridSearchCV(quick, {"rounds": [2, 5]}, cv=GroupKFold(2)).fit(crystals, labels, groups=groups)
    assert len(computed) == 30


def test_what_is_remembered_is_bounded(fitted, world, monkeypatch, computed):
    monkeypatch.setattr(estimator, "REMEMBERED", 7)
    expected = fitted.predict_proba(world.crystals[:9])
    assert len(computed) == 9
    np.testing.assert_array_equal(fitted.predict_proba(world.crystals[2:9]), expected[2:])
    assert len(computed) == 9  # the latest seven are remembered
    np.testing.assert_array_equal(fitted.predict_proba(world.crystals[:2]), expected[:2])
    assert len(computed) == 11  # the first two are not


def test_several_processes_give_the_rows_of_one_in_order(fitted, world, monkeypatch):
    pools = []

    class Pickling(ThreadPoolExecutor):  # threads start sooner; what is sent must be fit for a process
        def map(self, function, *tasks, chunksize=1):
            pools.append(self)
            return super().map(pickle.loads(pickle.dumps(function)), *tasks)

    crystals = world.crystals[:6]
    monkeypatch.setattr(estimator, "REMEMBERED", 0)
    alone = fitted.predict_proba(crystals)
    monkeypatch.setattr(featurizing, "CHUNK", 2)
    monkeypatch.setattr(featurizing, "worker_pool", Pickling)
    together = pickle.loads(pickle.dumps(fitted)).set_params(n_jobs=2).predict_proba(crystals)
    np.testing.assert_array_equal(together, alone)
    assert len(pools) == 1


def test_a_copy_made_by_pickle_answers_alike(fitted, world):
    copy = pickle.loads(pickle.dumps(fitted))
    crystals = world.crystals[:5]
    np.testing.assert_array_equal(copy.predict_proba(crystals), fitted.predict_proba(crystals))


@pytest.fixture(scope="module")
def fast() -> TopoClassifier:
    return TopoClassifier.pretrained("fast")


class TestPretrained:
    def test_it_says_what_predict_says(self, fast):
        from topofuse.ensemble.bundle import open_bundle

        files = [EXAMPLES / name for name in ("Bi2Se3.vasp", "GaAs.vasp")]
        rows = predict_paths(files, open_bundle("fast"))
        p = fast.predict_proba(files)
        for row, own in zip(rows, p, strict=True):
            for name, value in zip(fast.classes_, own, strict=True):
                assert value == pytest.approx(row[f"p_{name}"], abs=1e-9)
        assert fast.predict(files).tolist() == [row["label"] for row in rows]

    def test_a_metal_is_outside_its_classes(self, fast):
        with pytest.raises(CrystalError, match=r"structures\[1\] \(Al\): odd number of electrons"):
            fast.predict([EXAMPLES / "GaAs.vasp", EXAMPLES / "Al.vasp"])

    def test_fit_and_clone_leave_it_behind(self, fast, world, names):
        with pytest.raises(NotFittedError):
            clone(fast).predict([EXAMPLES / "GaAs.vasp"])
        own = pickle.loads(pickle.dumps(fast)).set_params(modalities=("crystal",), rounds=2)
        own.fit(world.crystals, [int(name == "ti") for name in names])
        assert own.classes_.tolist() == [0, 1]
        assert own.predict_proba([EXAMPLES / "Al.vasp"]).shape == (1, 2)

    def test_no_bundle_is_one_line(self, tmp_path):
        with pytest.raises(BundleError, match="is no model bundle"):
            TopoClassifier.pretrained(str(tmp_path))


def test_importing_the_package_loads_nothing_heavy():
    heavy = "{'numpy', 'torch', 'sklearn', 'pymatgen'}"
    code = f"import sys, topofuse; print(sorted({heavy} & set(sys.modules)), dir(topofuse))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.startswith("[] ")
    assert "TopoClassifier" in told
    assert "predict" in told
    with pytest.raises(AttributeError, match="no attribute 'classify'"):
        topofuse.classify  # noqa: B018

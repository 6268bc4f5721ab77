"""`topofuse.featurize`: a table with names and units, also as a step of a scikit-learn pipeline."""

from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import topofuse
from topofuse.config import ConfigError
from topofuse.crystals import analyse
from topofuse.modalities.extraction import extract_sample
from topofuse.modalities.registry import MODALITY_NAMES, table_columns, words

SCALAR = ("scalar",)


def test_every_column_is_that_of_the_modalities(bi2se3):
    table = topofuse.featurize(bi2se3)
    assert list(table.columns) == table_columns(MODALITY_NAMES)
    sample = extract_sample(analyse(bi2se3))
    expected = np.concatenate([sample[name]["table"][0] for name in MODALITY_NAMES])
    np.testing.assert_array_equal(table.to_numpy()[0], expected)
    assert table.attrs["reasons"] == {}


def test_columns_have_units_and_words(nacl):
    table = topofuse.featurize([nacl], SCALAR)
    units = table.attrs["units"]
    assert set(units) == set(table.columns) == set(table.attrs["words"])
    expected = {"volume_per_atom": "Å³", "density": "g/cm³", "ie1_mean": "eV", "anion_r_covalent": "Å", "chi_mean": ""}
    assert {name: units[f"scalar:{name}"] for name in expected} == expected
    assert table["scalar:volume_per_atom"][0] == pytest.approx(nacl.volume / len(nacl), rel=1e-4)


def test_a_unit_that_the_words_name_is_the_unit_of_the_column():
    named, units = set(), ("eV", "Å", "Å³", "g/cm³", "bohr")
    for column in table_columns(MODALITY_NAMES):
        name, own = column.split(":", 1)
        text = words(name).column(own)
        text = text.removesuffix(", with spin-orbit coupling").removesuffix(", without spin-orbit coupling")
        for unit in units:
            if text.endswith(f"({unit})"):
                assert words(name).unit(own) == unit, column
                named.add(unit)
    assert named == set(units)


def test_what_cannot_be_used_is_an_empty_row_and_said(nacl, tmp_path):
    alloy = Structure(Lattice.cubic(4.0), [{"Cu": 0.5, "Au": 0.5}], [[0, 0, 0]])
    with pytest.warns(UserWarning, match=r"2 of 3 structures cannot be used.*structures\[0\]: .*disordered"):
        table = topofuse.featurize([alloy, nacl, tmp_path / "none.cif"], SCALAR)
    assert table.isna().all(axis=1).tolist() == [True, False, True]
    assert set(table.attrs["reasons"]) == {0, 2}


def test_unknown_modalities_are_refused(nacl):
    with pytest.raises(ConfigError, match="no modality 'phonons'; there are crystal"):
        topofuse.featurize([nacl], ["phonons"])


def test_it_is_a_step_of_a_pipeline(textbook):
    chosen = list(textbook.values())[::40]
    labels = [material.label != "trivial" for material in chosen]
    step = FunctionTransformer(topofuse.featurize, kw_args={"modalities": SCALAR})
    model = make_pipeline(step, RandomForestClassifier(20, random_state=0))
    model.fit([material.crystal for material in chosen], labels)
    assert model.score([material.crystal for material in chosen], labels) > 0.9

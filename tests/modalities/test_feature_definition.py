"""Every column and array of the features is pinned on reference crystals: a changed meaning needs a new version number.

After a deliberate change, raise the modality's `version` and run `python tests/modalities/test_feature_definition.py`.
The crystals are idealised cells, chosen so that each column is well away from zero in one of them: a column that is
computed with another unit, sign or factor is noticed, whichever it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from topofuse.crystals import Crystal, analyse, thermal_view
from topofuse.crystals.elements import MAX_ATOMIC_NUMBER
from topofuse.modalities.extraction import extract_sample
from topofuse.modalities.kspace.graph import EDGE_FEATURES, NODE_FEATURES
from topofuse.modalities.registry import MODALITY_NAMES, feature_hash, modality
from topofuse.symmetry.zones import zone, zone_symbols

CRYSTALS = Path(__file__).parent / "reference_crystals.json"
PINNED = Path(__file__).parent / "feature_definition.npz"
CLOSE = {"rtol": 1e-3, "atol": 1e-4}  # other libraries of linear algebra round differently
VIEWS = {"YPd2": (0, 1)}  # of this one a thermal view too
COLUMNS = {("kspace", "node.features"): NODE_FEATURES, ("kspace", "edge.features"): EDGE_FEATURES}
# no momentum, and no line between momenta, of any zone has such levels; tested below
NO_SUCH_LEVEL = {
    "node.features": ("double_12", "single_8", "single_12"),
    "edge.features": ("double_3", "double_6", "double_8", "double_12", "single_3", "single_6", "single_8", "single_12"),
}
ALWAYS_ZERO = {
    **{f"kspace {array} {column}": "no such level" for array, names in NO_SUCH_LEVEL.items() for column in names},
    "kspace edge.features inversion": "inversion turns a line around, and fixes none of its momenta but the ends",
    "kspace table gap_min": "plane waves come in pairs at each momentum that equals its opposite but Γ, where one is "
    "alone: a number of electrons that ends between two levels at one of these ends inside a level at the other",
}

Arrays = dict[tuple[str, str, str], np.ndarray]  # (crystal, modality, array) → (rows, columns)


@cache
def features() -> Arrays:
    """Of every reference crystal; of a crystal of all elements the scalar modality alone."""
    found: Arrays = {}
    cells = {name: Crystal.validated(**cell) for name, cell in json.loads(CRYSTALS.read_text())["crystals"].items()}
    for name, cell in cells.items():
        for view in VIEWS.get(name, (0,)):
            _add(found, f"{name} view {view}", extract_sample(thermal_view(analyse(cell), view)))
    grid = np.stack(np.meshgrid(*[np.arange(5) / 5] * 3, indexing="ij"), -1).reshape(-1, 3)[:MAX_ATOMIC_NUMBER]
    every = Crystal.validated(16.0 * np.eye(3), np.arange(1, MAX_ATOMIC_NUMBER + 1), grid)
    _add(found, "all elements", extract_sample(analyse(every), ("scalar",)))
    return found


def _add(found: Arrays, crystal: str, sample) -> None:
    for name, part in sample.items():
        for array, values in part.items():
            found[crystal, name, array] = values.astype(np.float64).reshape(len(values), -1)


@cache
def pinned() -> Arrays:
    with np.load(PINNED) as file:
        return {tuple(key.split("|")): file[key] for key in file.files}


def column_names(name: str, array: str, width: int) -> tuple[str, ...]:
    if array == "table":
        return modality(name).table_names
    return COLUMNS.get((name, array), tuple(map(str, range(width))))


def columns(name: str) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Every column of a modality: its name, and its pinned values by crystal."""
    arrays = {array: values.shape[1] for (_, own, array), values in pinned().items() if own == name}
    for array, width in arrays.items():
        for i, column in enumerate(column_names(name, array, width)):
            of_crystal = {key[0]: values[:, i] for key, values in pinned().items() if key[1:] == (name, array)}
            yield f"{name} {array} {column}", of_crystal


@pytest.mark.parametrize("name", MODALITY_NAMES)
def test_features_mean_what_their_version_says(name):
    computed = {key: values for key, values in features().items() if key[1] == name}
    assert computed.keys() == {key for key in pinned() if key[1] == name}
    changed = set()
    for (crystal, _, array), values in computed.items():
        expected = pinned()[crystal, name, array]
        assert values.shape == expected.shape, f"{name} {array} of {crystal} has another shape"
        differs = ~np.isclose(values, expected, **CLOSE, equal_nan=True).all(0)
        changed |= {(array, column_names(name, array, len(differs))[i]) for i in np.flatnonzero(differs)}
    version = modality(name).version
    assert not changed, f"{sorted(changed)} changed: raise the version of {name} (now {version}) and pin again"


@pytest.mark.parametrize("name", MODALITY_NAMES)
def test_a_doubled_column_would_be_noticed_whichever_it_is(name):
    unnoticed = {
        column
        for column, of_crystal in columns(name)
        if all(np.isclose(2 * values, values, **CLOSE, equal_nan=True).all() for values in of_crystal.values())
    }
    assert unnoticed == {column for column in ALWAYS_ZERO if column.startswith(f"{name} ")}


def test_the_levels_that_no_reference_crystal_has_are_in_no_zone():
    nodes, lines = set(), set()
    for spacegroup, symbol in zone_symbols():
        found = zone(spacegroup, symbol)
        for groups, seen in ((found.nodes, nodes), ([line[4] for line in found.lines], lines)):
            for little in groups:
                seen |= {f"double_{d}" for d in little.double} | {f"single_{d}" for d in little.single}
        assert not any(line[4].inversion for line in found.lines)
    assert not nodes & set(NO_SUCH_LEVEL["node.features"])
    assert not lines & set(NO_SUCH_LEVEL["edge.features"])


def test_a_changed_definition_has_another_hash():
    assert feature_hash() == json.loads(CRYSTALS.read_text())["feature_hash"]


if __name__ == "__main__":
    np.savez_compressed(PINNED, **{"|".join(key): values for key, values in features().items()})
    stored = json.loads(CRYSTALS.read_text())["crystals"]
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(cell)}" for name, cell in stored.items())
    CRYSTALS.write_text(f'{{\n "feature_hash": "{feature_hash()}",\n "crystals": {{\n{lines}\n }}\n}}\n')

"""The embedded data set: what its rows are, and that they are the materials whose class was looked up."""

from __future__ import annotations

import csv
import re
from collections import Counter
from fractions import Fraction
from importlib.resources import files

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure
from scipy.spatial import cKDTree

from support.topomat import TOPOMAT, needs_topomat
from topofuse.crystals import Crystal, analyse
from topofuse.labels import FIVE
from topofuse.materials.prototypes import PROTOTYPES
from topofuse.materials.textbook import COLUMNS, TextbookError, TextbookMaterial, iter_textbook, read_textbook

TABLE = files("topofuse.materials").joinpath("textbook.csv")
HEADER = ",".join(COLUMNS)
NACL = "NaCl,rock_salt,Na Cl,5.64,,,,trivial,Materiae MAT1"
VOLUME_TOLERANCE = 0.12  # GGA cells differ from experiment by up to this, most in layered and f-electron compounds
CONTACT_TOLERANCE = 0.10


@pytest.fixture(scope="module")
def materials() -> list[TextbookMaterial]:
    return list(iter_textbook())


@pytest.fixture(scope="module")
def analysed(materials):
    return [analyse(m.crystal) for m in materials]


def test_there_are_hundreds_of_compounds_and_every_id_is_unique(materials):
    assert len(materials) >= 300
    assert len({m.material_id for m in materials}) == len(materials)
    assert all(m.material_id == f"textbook/{m.reduced_formula}-{m.prototype}" for m in materials)


def test_every_class_has_at_least_twenty_compounds(materials):
    counts = Counter(m.label for m in materials)
    assert set(counts) == set(FIVE)
    assert min(counts.values()) >= 20


def test_every_class_cites_its_entry_in_the_database(materials):
    assert all(re.fullmatch(r"Materiae MAT\d{8}", m.source) for m in materials)


@pytest.mark.slow
def test_every_expansion_has_the_space_group_of_its_prototype(materials, analysed):
    wrong = [
        f"{m.material_id}: {s.spacegroup}, not {PROTOTYPES[m.prototype].spacegroup}"
        for m, s in zip(materials, analysed, strict=True)
        if s.spacegroup != PROTOTYPES[m.prototype].spacegroup
    ]
    assert not wrong, "\n".join(wrong)


def test_every_prototype_is_used(materials):
    assert {m.prototype for m in materials} == set(PROTOTYPES)


def test_rock_salt_and_tetradymite_have_their_textbook_bond_lengths(materials):
    by_id = {m.material_id: m.crystal for m in materials}
    assert by_id["textbook/NaCl-rock_salt"].smallest_distance() == pytest.approx(2.82, abs=0.01)
    assert by_id["textbook/Bi2Se3-tetradymite"].smallest_distance() == pytest.approx(2.86, abs=0.03)
    assert by_id["textbook/C-diamond"].smallest_distance() == pytest.approx(1.545, abs=0.002)


def test_a_coordinate_may_carry_a_factor_and_an_offset():
    frac, sites = PROTOTYPES["cual2"].expand({"x": 0.158})
    assert Counter(sites.tolist()) == {0: 4, 1: 8}
    assert np.isclose(frac[sites == 1], [0.158, 0.658, 0.0]).all(axis=1).any()


@pytest.mark.parametrize(
    "material_id", ["textbook/Bi2Se3-tetradymite", "textbook/FeS2-pyrite", "textbook/GaAs-zinc_blende"]
)
def test_the_expansion_is_that_of_pymatgen(materials, material_id):
    crystal = {m.material_id: m.crystal for m in materials}[material_id]
    prototype = PROTOTYPES[material_id.split("-")[1]]
    row = {m.material_id: r for m, r in zip(materials, csv.DictReader(TABLE.read_text().splitlines()), strict=True)}[
        material_id
    ]
    values = {k: float(v) for k, v in (p.split("=") for p in row["params"].split())}
    sites = [[values[x] if x in values else float(Fraction(x)) for x in s.split()] for s in prototype.sites]
    expected = Structure.from_spacegroup(prototype.spacegroup, Lattice(crystal.lattice), row["elements"].split(), sites)
    assert sorted(expected.atomic_numbers) == sorted(crystal.numbers)
    away = expected.frac_coords[:, None] - crystal.frac_coords[None]
    assert (np.abs(away - np.round(away)).max(axis=-1).min(axis=1) < 1e-6).all()


def test_all_the_table_is_in_ascii_and_one_prototype_comes_after_another():
    lines = TABLE.read_text(encoding="ascii").splitlines()[1:]
    order = [line.split(",")[1] for line in lines]
    assert len(list(dict.fromkeys(order))) == sum(a != b for a, b in zip(order, ["", *order], strict=False))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("NaCl,rocksalt,Na Cl,5.64,,,,trivial,s", "prototype 'rocksalt' is unknown"),
        ("NaCl,rock_salt,Na,5.64,,,,trivial,s", "has 2 sites, given are 1 elements"),
        ("NaCl,rock_salt,Na Qx,5.64,,,,trivial,s", "'Qx' is no chemical element"),
        ("KCl,rock_salt,Na Cl,5.64,,,,trivial,s", "expand to NaCl, not to KCl"),
        ("NaCl,rock_salt,Na Cl,,,,,trivial,s", "takes the lattice constants a; given are none"),
        ("NaCl,rock_salt,Na Cl,5.64,,5.64,,trivial,s", "given are ac"),
        ("NaCl,rock_salt,Na Cl,five,,,,trivial,s", "a='five' is not a number"),
        ("NaCl,rock_salt,Na Cl,nan,,,,trivial,s", "a='nan' is not finite"),
        ("NaCl,rock_salt,Na Cl,564,,,,trivial,s", "outside 2 to 40"),
        ("NaCl,rock_salt,Na Cl,2.0,,,,trivial,s", "Å³ per atom"),
        ("NaCl,rock_salt,Na Cl,5.64,,,x=0.1,trivial,s", "free parameters: none; given: x"),
        ("ZnO,wurtzite,Zn O,3.25,,5.21,,trivial,s", "free parameters: u; given: none"),
        ("ZnO,wurtzite,Zn O,3.25,,5.21,0.38,trivial,s", "not of the form name=value"),
        ("NaCl,rock_salt,Na Cl,5.64,,,,unknown,s", "class 'unknown' is none of trivial"),
        ("NaCl,rock_salt,Na Cl,5.64,,,,trivial,", "needs a source"),
        ("NaCl,rock_salt,Na Cl,5.64,,,trivial,s", "a row has 9 fields"),
        (NACL, "stands already in line 2"),
    ],
)
def test_a_bad_line_is_refused_with_its_number_and_the_reason(line, reason):
    with pytest.raises(TextbookError, match=r"^line 3 \(\w+\): ") as caught:
        list(read_textbook([HEADER, NACL, line]))
    assert reason in str(caught.value)


def test_a_table_with_other_columns_is_refused():
    with pytest.raises(TextbookError, match="line 1: the columns must be formula,"):
        list(read_textbook(["formula,class", "NaCl,trivial"]))


def _contacts(crystal: Crystal) -> dict[tuple[int, int], float]:
    """Shortest distance between each pair of elements; of like atoms only where there is one element.

    Like atoms often meet across a van der Waals gap, which GGA widens.
    """
    shifts = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 3, indexing="ij"), -1).reshape(-1, 3)
    elements = np.unique(crystal.numbers)
    if len(elements) == 1:
        return {(int(elements[0]),) * 2: crystal.smallest_distance()}
    images = {z: (crystal.frac_coords[crystal.numbers == z] + shifts[:, None]).reshape(-1, 3) for z in elements}
    trees = {z: cKDTree(x @ crystal.lattice) for z, x in images.items()}
    return {
        (int(y), int(z)): trees[z].query(crystal.frac_coords[crystal.numbers == y] @ crystal.lattice)[0].min()
        for y in elements
        for z in elements
        if y < z
    }


@pytest.mark.slow
@needs_topomat
def test_every_row_is_the_material_whose_class_it_cites(materials, analysed):
    import pandas as pd

    table = pd.read_parquet(TOPOMAT)
    groups = dict(iter(table.groupby(["reduced_formula", "spacegroup"])))
    complaints = []
    for material, symmetric in zip(materials, analysed, strict=True):
        rows = groups.get((material.reduced_formula, symmetric.spacegroup))
        cited = None if rows is None else rows[rows.materiae_id == material.source.split()[1]]
        if cited is None or len(cited) != 1:
            complaints.append(f"{material.material_id}: {material.source} has another formula or space group")
            continue
        complaints += [
            f"{material.material_id}: {why}" for why in _differences(material, symmetric, rows, cited.iloc[0])
        ]
    assert not complaints, "\n".join(complaints)


def _differences(material, symmetric, rows, cited):
    if set(rows.class_soc) != {material.label}:
        yield f"class {material.label}, but the database says {sorted(set(rows.class_soc))}"
    theirs = Crystal.validated(np.reshape(cited.lattice, (3, 3)), cited.numbers, np.reshape(cited.frac_coords, (-1, 3)))
    volume = (material.crystal.volume / len(material.crystal)) / (theirs.volume / len(theirs)) - 1
    if abs(volume) > VOLUME_TOLERANCE:
        yield f"volume per atom differs by {volume:+.1%}"
    ours = _contacts(symmetric.primitive)
    for pair, distance in _contacts(theirs).items():
        if abs(ours[pair] / distance - 1) > CONTACT_TOLERANCE:
            yield f"distance of elements {pair} is {ours[pair]:.2f} Å, in the database {distance:.2f} Å"


@needs_topomat
def test_no_formula_belongs_to_the_test_split(materials):
    """A model trained on the embedded data may then be looked at on `test` without having seen its labels."""
    import pandas as pd

    table = pd.read_parquet(TOPOMAT, columns=["reduced_formula", "split"])
    reserved = set(table.reduced_formula[table.split == "test"])
    assert not [m.material_id for m in materials if m.reduced_formula in reserved]

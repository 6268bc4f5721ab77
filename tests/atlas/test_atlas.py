"""The atlas: what is looked for is found, it is the same as a file, and a file that is none is refused."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

import topofuse
from support.small_atlas import CARD, ROWS, predicted, small_atlas
from topofuse.atlas.atlas import Atlas
from topofuse.atlas.card import AtlasError
from topofuse.atlas.file import from_predictions, write
from topofuse.atlas.query import Query, composition
from topofuse.cli import main
from topofuse.screening.table import schema


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return small_atlas(tmp_path_factory.mktemp("atlas") / "small.parquet")


@pytest.fixture(scope="module")
def atlas(path) -> Atlas:
    return topofuse.Atlas.open(path)


def found(atlas: Atlas, **conditions) -> list[str]:
    return [row["id"].removeprefix("mp-") for row in atlas.rows(atlas.select(Query(**conditions)))]


@pytest.mark.parametrize(
    ("conditions", "ids"),
    [
        ({}, "9 11 10 8 7 100 12 13"),  # by promise; what has none comes last
        ({"text": "mp-9"}, "9"),
        ({"text": " Se6Bi4 "}, "10"),
        ({"text": "Ca(OH)2"}, "8"),
        ({"text": "Bi-Se"}, "11 10"),
        ({"text": "Si"}, "7"),
        ({"text": "O-Si"}, "100"),
        ({"elements": ("Si",)}, "7 100"),
        ({"elements": ("S",)}, ""),  # which Si, Se and Sn begin with
        ({"elements": ("Bi", "Se")}, "11 10"),
        ({"without": ("O", "Bi")}, "9 7 12"),  # of the error no formula is known
        ({"classes": ("ti", "metal")}, "10 12"),
        ({"classes": ("semimetal",)}, "11"),
        ({"classes": ("nontrivial",)}, "9 11 10"),
        ({"classes": ("error",)}, "13"),
        ({"p": (0.9, None)}, "9 10"),
        ({"p": (None, 0.03)}, "7 100"),
        ({"p_of": {"hsl_semimetal": (0.5, 1)}}, "11"),
        ({"within": ("topological_insulator",)}, "9 10"),
        ({"within": ("ti",)}, "10"),
        ({"novelty": (0.2, 0.3)}, "10"),
        ({"domains": ("odd_electrons", "likely_magnetic")}, "11 12"),
        ({"gap": (0.3, 1.0)}, "9 10"),
        ({"z4": (1, 3)}, "10"),
        ({"spacegroups": (225, 227)}, "9 7"),
        ({"atoms": (None, 4)}, "9 7"),
        ({"known": True}, "10"),
        ({"known": False, "classes": ("ti",)}, ""),
        ({"warned": True}, "9 11"),
        ({"warned": False, "p": (0.5, None)}, "10"),
        ({"sort": "id", "descending": False}, "7 8 9 10 11 12 13 100"),
        ({"sort": "sketch_gap"}, "100 7 9 10 8 11 12 13"),
        ({"sort": "formula", "descending": False}, "10 11 8 12 7 100 9 13"),
        ({"elements": ("Bi",), "classes": ("ti",), "z4": (1,), "known": True}, "10"),
    ],
)
def test_what_is_looked_for_is_found(atlas, conditions, ids):
    assert found(atlas, **conditions) == ids.split()


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({"elements": ("Xx",)}, "'Xx' is no element's symbol"),
        ({"elements": ("O",), "without": ("O",)}, "O cannot be both there and not there"),
        ({"classes": ("topological",)}, "no class 'topological'; there are trivial, hsp_semimetal"),
        ({"p": (0.9, 0.1)}, "nothing lies between 0.9 and 0.1"),
        ({"p": (float("nan"), 1)}, "no number"),
        ({"z4": (4,)}, "no z4 '4'; there are 0 to 3"),
        ({"spacegroups": (231,)}, "no space group '231'; there are 1 to 230"),
        ({"sort": "beauty"}, "no column to sort by 'beauty'"),
        ({"domains": ("mine",)}, "no domain 'mine'"),
        ({"text": "x" * 101}, "at most 100 characters"),
    ],
)
def test_what_cannot_be_is_refused(conditions, words):
    with pytest.raises(AtlasError, match=words):
        Query(**conditions)


@pytest.mark.parametrize("text", ["bi2se3", "Bi2Se3)", "((Bi)", "Bi0", "Bi2 Se3", "()", "Qq2", "2"])
def test_a_text_that_is_no_formula_is_refused(atlas, text):
    assert composition(text) is None
    with pytest.raises(AtlasError, match="is no id"):
        found(atlas, text=text)


def test_a_row_is_that_of_the_screening_but_for_the_rounding(atlas):
    row = atlas.show("mp-10")
    assert row["p_ti"] == row["p_nontrivial"] == 0.944
    assert row["p_trivial"] == 0.056
    assert (row["sketch_gap"], row["sketch_z4"], row["novelty"]) == (0.312, 1, 0.25)
    assert row["nearest"] == ["mp-1 Bi2Te3 ti", "a b Sb hsp_semimetal"]
    assert row["link"] == "https://materialsproject.org/materials/mp-10"
    assert row["known_link"].split()[1].endswith("/MAT00000007")
    unchanged = ("formula", "spacegroup", "n_atoms", "status", "label", "set_90", "set_95", "domain", "known_class")
    assert {name: row[name] for name in unchanged} == {name: ROWS[0][name] for name in unchanged}
    assert atlas.show("mp-13")["reason"] == "atoms on top of each other"
    assert atlas.show("mp-12")["reason"].startswith("odd number of electrons")
    assert atlas.show("mp-12")["p_nontrivial"] is None
    with pytest.raises(AtlasError, match="has no material 'mp-99'; its ids are like mp-10"):
        atlas.show("mp-99")


def test_rows_come_as_a_data_frame(atlas):
    table = atlas.search(elements="Bi Se", classes="ti,hsl_semimetal", p=(0.5, None))
    assert table["id"].tolist() == ["mp-11", "mp-10"]
    assert len(atlas.table) == len(atlas) == len(ROWS)
    assert atlas.counts() == {"trivial": 3, "ti": 1, "tci": 1, "hsl_semimetal": 1, "metal": 1, "error": 1}


def test_rounding_changes_no_probability_by_more_than_half_a_thousandth(tmp_path):
    rng = np.random.default_rng(0)
    rows = [predicted(f"mp-{k}", "Bi", "ti", p, novelty=n) for k, (p, n) in enumerate(rng.random((200, 2)))]
    atlas = Atlas.open(small_atlas(tmp_path / "a.parquet", rows))
    for name in ("p_ti", "p_nontrivial", "novelty"):
        given = np.array([row[name] for row in rows])
        assert 1e-4 < np.abs(atlas.table[name].to_numpy() - given).max() < 5.1e-4


def changed(path, **columns):
    table = from_predictions(pa.Table.from_pylist(list(ROWS), schema=schema()))
    for name, values in columns.items():
        at = table.column_names.index(name)
        table = table.set_column(at, table.schema.field(name), pa.array(values, table.schema.field(name).type))
    write(path, table, CARD)
    return path


N = len(ROWS)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"label": ["evil"] + [None] * (N - 1)}, "the class 'evil'"),
        ({"p_ti": [1.5] * N}, "p_ti has numbers outside 0 to 1"),
        ({"novelty": [float("nan")] * N}, "novelty has numbers outside 0 to 1"),
        ({"spacegroup": [0] * N}, "spacegroup has numbers outside 1 to 230"),
        ({"id": ["mp-1"] * N}, "an id is there twice"),
        ({"id": [None] + [f"mp-{k}" for k in range(N - 1)]}, "its column id has gaps"),
    ],
)
def test_a_file_with_impossible_values_is_refused(tmp_path, columns, words):
    with pytest.raises(AtlasError, match=words):
        Atlas.open(changed(tmp_path / "a.parquet", **columns))


def test_a_file_that_is_no_atlas_is_refused(tmp_path, path):
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(AtlasError, match="is no readable atlas"):
        Atlas.open(broken)
    pq.write_table(pa.table({"id": ["mp-1"]}), broken)
    with pytest.raises(AtlasError, match="has no card"):
        Atlas.open(broken)
    table = pq.read_table(path)
    for other, words in (
        (table.drop_columns(["novelty"]), "its columns are not id, formula"),
        (table.set_column(2, "spacegroup", table["spacegroup"].cast(pa.string())), "spacegroup is not of type int16"),
        (table.replace_schema_metadata({b"topofuse.atlas": b'{"layout": 99}'}), "its layout is not 1"),
        (table.replace_schema_metadata({b"topofuse.atlas": b'{"layout": 1}'}), "its card is damaged"),
        (table.replace_schema_metadata({b"topofuse.atlas": b"["}), "its card is damaged"),
    ):
        pq.write_table(other, broken)
        with pytest.raises(AtlasError, match=words):
            Atlas.open(broken)
    with pytest.raises(AtlasError, match=r"there is no atlas at .*nowhere.*TOPOFUSE_ATLAS=FILE"):
        Atlas.open(tmp_path / "nowhere.parquet")


class TestCommand:
    def run(self, path, *arguments, code=0) -> str:
        done = CliRunner(env={"TOPOFUSE_ATLAS": str(path)}).invoke(main, ["atlas", *map(str, arguments)])
        assert done.exit_code == code, done.output
        return done.output

    def test_a_search_prints_eighty_columns(self, path):
        lines = self.run(path, "search", "--with", "Bi", "--sort", "p_nontrivial", "--top", 1).splitlines()
        assert lines[0].split()[:5] == ["id", "formula", "sg", "known", "label"]
        assert lines[1].split()[:6] == ["mp-10", "Bi2Se3", "166", "ti", "ti", "0.944"]
        assert lines[2] == "1 of 2 rows; all of them: -o FILE"
        assert max(map(len, self.run(path, "search").splitlines())) <= 80

    def test_all_options_are_conditions(self, path):
        options = "Bi-Se --with Bi --without O --class nontrivial --p 0.5: --p-of ti 0.9: --set ti,tci --novelty :0.5"
        options += " --domain in --spacegroup 166,225 --atoms 1:5 --gap 0.1:1 --z4 1,3 --known --unwarned --sort id"
        assert "mp-10  Bi2Se3" in self.run(path, "search", *options.split(), "--ascending")
        assert self.run(path, "search", *options.replace("--known", "--new").split()).splitlines()[1:] == ["0 rows"]

    def test_rows_are_written(self, path, tmp_path):
        self.run(path, "search", "--class", "nontrivial", "-o", tmp_path / "x.csv")
        self.run(path, "search", "--class", "nontrivial", "-o", tmp_path / "x.jsonl")
        self.run(path, "search", "--class", "nontrivial", "-o", tmp_path / "x.parquet")
        lines = list(csv.DictReader((tmp_path / "x.csv").read_text().splitlines()))
        records = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()]
        table = pq.read_table(tmp_path / "x.parquet")
        names = ["mp-9", "mp-11", "mp-10"]
        assert [one["id"] for one in lines] == [one["id"] for one in records] == table["id"].to_pylist() == names
        assert list(lines[0]) == list(records[0]) == table.column_names
        assert lines[2]["nearest"] == "mp-1 Bi2Te3 ti; a b Sb hsp_semimetal"
        assert lines[2]["p_nontrivial"] == "0.944"
        self.run(path, "search", "-o", tmp_path / "x.txt", code=2)

    def test_one_material_in_full(self, path):
        said = self.run(path, "show", "mp-10")
        assert "https://materialsproject.org/materials/mp-10" in said
        assert "known: topological insulator, from first principles (Materiae MAT00000007)" in said
        assert "A row is the prediction of a model that sees the structure alone." in said
        assert max(map(len, said.splitlines())) <= 80
        assert "warning: slab: it is = one" in self.run(path, "show", "mp-9")
        assert "has no material" in self.run(path, "show", "mp-1000", code=2)

    def test_the_card_says_whose_it_is_and_what_it_is_not(self, path):
        said = self.run(path, "card")
        for words in ("8 structures", "CC BY 4.0", "A. Jain et al.", "2026-11-28", "model full", "not a result", "1  "):
            assert words in said

    def test_without_an_atlas_it_says_so_in_one_line(self, tmp_path):
        said = self.run(tmp_path / "none.parquet", "card", code=2)
        assert said.startswith("error: there is no atlas at ")
        assert len(said.splitlines()) == 1


@pytest.mark.slow
def test_a_search_loads_no_model(path):
    code = (
        "import sys; from topofuse.cli import main; "
        f"main(['atlas', 'search', 'Bi-Se', '--atlas', {str(path)!r}], standalone_mode=False); "
        "print([name for name in ('torch', 'lightgbm', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"

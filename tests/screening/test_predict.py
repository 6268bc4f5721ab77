"""Predictions: one row per structure, in order, and a reason wherever there is no answer."""

from __future__ import annotations

import csv
import json
import os
import time
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from support.stand_ins import ByFirstAtom, as_is, misbehave, poscar, without_a_library
from topofuse.crystals import CrystalError, analyse
from topofuse.crystals.facts import CrystalFacts
from topofuse.labels import FIVE
from topofuse.modalities.bands.features import extract
from topofuse.modalities.material import sketch_facts
from topofuse.modalities.store import Sample
from topofuse.screening.examine import Examine
from topofuse.screening.narrow import WIDTH, narrow_text
from topofuse.screening.predict import PredictOptions, predict_paths, predict_rows, predict_to_file
from topofuse.screening.structures import StructureEntry
from topofuse.screening.table import COLUMNS, OutputError, TableWriter, aligned_text, csv_text


@pytest.fixture
def folder(tmp_path):
    content = {
        "a_CsCl.vasp": poscar("Cs", "Cl"),
        "b_broken.cif": "data_x\nloop_\n_a\n_b\n1 2 3",
        "c_metal.vasp": poscar("Na", a=3.4),
        "d_CaS.vasp": poscar("Ca", "S"),
        "e_empty.cif": "",
        "f_MgO.vasp": poscar("Mg", "O", a=3.5),
        "g_twins.vasp": poscar("Mg", "O", a=0.4),
    }
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    return tmp_path


EXPECTED = ["ok", "error", "metal", "ok", "error", "ok", "error"]


def test_every_file_is_one_row_in_order_with_exactly_these_columns(folder):
    rows = predict_paths([folder], ByFirstAtom())
    assert [tuple(row) for row in rows] == [COLUMNS] * 7
    assert ",".join(COLUMNS) == (
        "input,status,reason,formula,spacegroup,n_atoms,known_class,known_id,known_source,known_link,experiment,label,"
        "p_trivial,p_hsp_semimetal,p_hsl_semimetal,p_ti,"
        "p_tci,p_nontrivial,set_90,set_95,warnings,novelty,nearest,domain,sketch_gap,sketch_z4"
    )
    assert [row["input"] for row in rows] == sorted(str(path) for path in folder.iterdir())
    assert [row["status"] for row in rows] == EXPECTED
    assert all(bool(row["reason"]) == (row["status"] != "ok") for row in rows)


def with_sketch(crystal):
    return [Sample(CrystalFacts.from_crystal(crystal), {"bands": extract(crystal)})]


def test_the_sketch_that_the_model_read_has_its_gap_and_index_in_the_row(bi2se3, zno):
    (centred, _), (polar, _) = map(Examine(with_sketch), (StructureEntry("a", bi2se3), StructureEntry("b", zno)))
    facts = sketch_facts(analyse(bi2se3))
    assert (centred["sketch_gap"], centred["sketch_z4"]) == (facts.point_gap, facts.z4)
    assert facts.z4 in range(4)
    assert polar["sketch_gap"] > 1.0
    assert polar["sketch_z4"] is None  # no inversion, no parities
    unread, _ = Examine(as_is)(StructureEntry("c", bi2se3))
    assert unread["sketch_gap"] is unread["sketch_z4"] is None


def test_named_files_keep_the_order_given_and_may_repeat(folder):
    names = [folder / name for name in ("f_MgO.vasp", "absent.cif", "a_CsCl.vasp", "f_MgO.vasp")]
    rows = predict_paths(names, ByFirstAtom())
    assert [row["formula"] for row in rows] == ["MgO", None, "CsCl", "MgO"]
    assert rows[1]["reason"] == "no such file"


def test_label_and_probabilities_agree(folder):
    row = predict_paths([folder / "a_CsCl.vasp"], ByFirstAtom())[0]  # Z = 17 → class 2
    assert row["label"] == FIVE[2]
    assert row["spacegroup"] == 221
    assert sum(row[f"p_{name}"] for name in FIVE) == pytest.approx(1)
    assert row["p_nontrivial"] == pytest.approx(1 - row["p_trivial"])


def test_a_set_of_several_classes_is_one_cell_of_every_table(folder):
    class Torn(ByFirstAtom):
        def predict_features(self, crystals):
            return np.full((len(crystals), 5), [0.05, 0.05, 0.0, 0.5, 0.4])

    rows = predict_paths([folder], Torn())
    assert [row["set_90"] for row in rows] == ["ti|tci", None, None, "ti|tci", None, "ti|tci", None]
    cells = next(csv.DictReader(csv_text(rows).splitlines()))
    assert cells["set_90"].split("|") == ["ti", "tci"]
    assert '"' not in csv_text(rows[:1])
    assert "ti|tci" in aligned_text(rows)
    assert "ti|tci" in narrow_text(rows)


def test_a_terminal_of_80_columns_is_enough(folder):
    rows = predict_paths([folder], ByFirstAtom())
    rows[0] |= {
        "input": "/a/very/long/path/to/some/structure.cif",
        "known_class": "hsp_semimetal",
        "formula": "Ba3Pr4(Cu3O10)2SbTe7SXeCl",
        "label": "hsp_semimetal",
        "set_90": "|".join(name for name in FIVE if name != "ti"),
        "warnings": "near_symmetry: a; small_gap: b; magnetic: c; f_electrons: d",
        "experiment": "trivial: measured (A. Author, J. Made-up Res. 1, 1 (2026), doi:10.1000/1)",
    }
    said = narrow_text(rows)
    assert max(map(len, said.splitlines())) <= WIDTH
    for words in ("…", "re.cif", "4 of them", "hsp", "trivial|hsp|hsl|tci", "experiment: trivial", "metal", "--wide"):
        assert words in said
    assert said.count("odd number of electrons") == 1
    everything = aligned_text(rows)
    assert all(name.removeprefix("p_") in everything.splitlines()[0] for name in COLUMNS)


def test_warnings_that_do_not_fit_are_counted(folder):
    row = predict_paths([folder / "a_CsCl.vasp"], ByFirstAtom())[0]
    row |= {"input": "a.cif", "warnings": "near_symmetry: a; small_gap: b; magnetic: c; f_electrons: d; slab: e"}
    assert narrow_text([row]).splitlines()[1].endswith("near_symmetry, small_gap +3")
    assert "any" in narrow_text([row | {"set_90": "|".join(FIVE)}])


# name of a file → what a CSV file has instead; the other tables have the name itself
HOSTILE = {
    "=HYPERLINK(1).vasp": "'=HYPERLINK(1).vasp",
    "+1.vasp": "'+1.vasp",
    "-1.vasp": "'-1.vasp",
    "@SUM(1).vasp": "'@SUM(1).vasp",
    "\t=1.vasp": r"\t=1.vasp",
    "\r=1.vasp": r"\r=1.vasp",
    "\n=1.vasp": "'\n=1.vasp",
    "＝1.vasp": "'＝1.vasp",
    "a\x1b[2J\x1b]0;owned\x07.vasp": r"a\x1b[2J\x1b]0;owned\x07.vasp",
    "a\x9b2J.vasp": r"a\x9b2J.vasp",
    "\u202epsav.vasp": r"\u202epsav.vasp",
    "a-b=c@d, 硒化铋.vasp": "a-b=c@d, 硒化铋.vasp",
}


@pytest.fixture
def hostile_names(tmp_path, monkeypatch):
    """Files of these names in the current folder."""
    monkeypatch.chdir(tmp_path)
    for name in HOSTILE:
        Path(name).write_text(poscar("Cs", "Cl"))
    return list(HOSTILE)


def test_a_csv_file_has_nothing_that_a_spreadsheet_computes_or_a_terminal_obeys(hostile_names):
    predict_to_file(hostile_names, ByFirstAtom(), "out.csv")
    with Path("out.csv").open(newline="", encoding="utf-8") as stream:
        assert [row["input"] for row in csv.DictReader(stream)] == list(HOSTILE.values())


def test_parquet_and_jsonl_keep_every_name_as_it_is(hostile_names):
    predict_to_file(hostile_names, ByFirstAtom(), "out.jsonl")
    predict_to_file(hostile_names, ByFirstAtom(), "out.parquet")
    content = Path("out.jsonl").read_bytes()
    assert [json.loads(line)["input"] for line in content.splitlines()] == hostile_names
    assert all(byte == 10 or byte >= 32 for byte in content)
    assert pq.read_table("out.parquet")["input"].to_pylist() == hostile_names


def test_the_table_of_a_terminal_has_nothing_to_obey(hostile_names):
    rows = predict_paths(hostile_names, ByFirstAtom())
    for text, note in ((aligned_text(rows), 0), (narrow_text(rows), 1)):
        assert all(line.isprintable() for line in text.split("\n"))
        assert len(text.split("\n")) == len(HOSTILE) + 1 + note
    assert narrow_text([]).splitlines()[0].startswith("input  formula")


def test_an_odd_number_of_electrons_is_a_metal_and_no_class(folder):
    model = ByFirstAtom()
    row = predict_paths([folder / "c_metal.vasp"], model)[0]
    assert row["status"] == "metal"
    assert row["reason"] == (
        "odd number of electrons in the primitive cell (nu = 7): a metal by Kramers' theorem, as long as it "
        "has no magnetic order and interactions do not localise the electrons; outside the classification"
    )
    assert (row["formula"], row["label"], row["p_trivial"]) == ("Na", None, None)
    assert row["spacegroup"] == 221
    assert model.batches == []


def test_the_parity_is_that_of_the_primitive_cell(tmp_path):
    (tmp_path / "bcc.vasp").write_text("Na2\n4.2\n1 0 0\n0 1 0\n0 0 1\nNa\n2\nDirect\n0 0 0\n0.5 0.5 0.5\n")
    row = predict_paths([tmp_path], ByFirstAtom())[0]
    assert (row["status"], row["spacegroup"]) == ("metal", 229)


def test_one_crystal_that_the_model_cannot_take_costs_only_its_own_row(folder):
    model = ByFirstAtom(cannot=[(17, CrystalError("no neighbours")), (8, ValueError("math domain error"))])
    rows = predict_paths([folder], model)
    assert [row["status"] for row in rows] == ["error", "error", "metal", "ok", "error", "error", "error"]
    assert rows[0]["reason"] == "no neighbours"
    assert rows[5]["reason"] == "its features cannot be computed: math domain error"
    assert rows[0]["formula"] == "CsCl"
    assert rows[0]["label"] is None


def test_a_broken_model_is_not_taken_for_a_broken_crystal(folder):
    with pytest.raises(RuntimeError, match="out of memory"):
        predict_paths([folder], ByFirstAtom(cannot=[(17, RuntimeError("out of memory"))]))

    class WrongShape(ByFirstAtom):
        def predict_features(self, crystals):
            return np.ones((len(crystals), 2))

    with pytest.raises(TypeError, match="shape"):
        predict_paths([folder], WrongShape())


def test_probabilities_that_are_none_are_not_passed_on(folder):
    class Nan(ByFirstAtom):
        def predict_features(self, crystals):
            return np.full((len(crystals), 5), np.nan)

    rows = predict_paths([folder / "a_CsCl.vasp"], Nan())
    assert rows[0]["status"] == "error"
    assert rows[0]["p_trivial"] is None


class TestWorkers:
    def test_rows_are_those_of_one_process(self, folder):
        files = [folder] * 7  # 49 structures in chunks of 3, more than are under way at a time
        assert predict_paths(files, ByFirstAtom(), PredictOptions(workers=2, chunk=3)) == predict_paths(
            files, ByFirstAtom()
        )

    @pytest.mark.slow
    def test_a_structure_that_hangs_or_crashes_costs_its_own_row(self, tmp_path):
        symbols = ["Mg", "He", "Ca", "Ne", "Sr", "Ar", "Ba", "Kr", "Zn", "Xe", "Cd"]
        files = [tmp_path / f"{symbol}.vasp" for symbol in symbols]
        for file in files:
            file.write_text(poscar(file.stem))
        rows = predict_paths(files, ByFirstAtom(features=misbehave), PredictOptions(workers=2, time_limit=1.0, chunk=4))
        assert [row["input"] for row in rows] == [str(file) for file in files]
        assert [row["status"] for row in rows] == ["ok", "error"] * 5 + ["ok"]
        assert [row["reason"] for row in rows[1::2]] == [
            "took longer than the time limit of 1 s",
            "the process that worked on it crashed (Segmentation fault)",
            "the process that worked on it was killed, as the system does when memory runs out",
            "the process that worked on it ended with exit code 3",
            "xenon is refused",
        ]

    def test_a_broken_installation_ends_the_run(self, folder):
        with pytest.raises(ImportError, match="no library"):
            predict_paths([folder], ByFirstAtom(features=without_a_library), PredictOptions(workers=2))

    def test_leaving_early_ends_the_workers(self, folder):
        rows = predict_rows([folder] * 20, ByFirstAtom(), PredictOptions(workers=2, chunk=2))
        next(rows)
        assert [child.name for child in active_children()] == ["topofuse-worker"] * 2
        rows.close()
        for _ in range(50):
            if not active_children():
                break
            time.sleep(0.1)
        assert active_children() == []


@pytest.mark.parametrize("chunk", [1, 2, 256])
def test_chunks_do_not_change_the_rows(folder, chunk):
    model = ByFirstAtom()
    assert predict_paths([folder], model, PredictOptions(chunk=chunk)) == predict_paths([folder], ByFirstAtom())
    assert max(model.batches) <= chunk


def test_rows_are_streamed(folder):
    model = ByFirstAtom()
    next(predict_rows([folder], model, PredictOptions(chunk=1)))
    assert model.batches == [1]


def test_symlink_loops_and_odd_names_are_no_obstacle(folder):
    (folder / "loop").symlink_to(folder)
    odd = os.fsdecode(b'odd\xff,\n".vasp')
    (folder / odd).write_text(poscar("Ca", "S"))
    rows = predict_paths([folder], ByFirstAtom())
    assert len(rows) == 8
    assert [row["input"] for row in rows if row["formula"] == "CaS"][1:] == [str(folder / 'odd\\udcff,\n".vasp')]
    assert predict_to_file([folder], ByFirstAtom(), folder / "x.csv").total() == 8
    with (folder / "x.csv").open(newline="") as stream:
        assert [row["input"] for row in csv.DictReader(stream)] == [row["input"] for row in rows]
    assert len(aligned_text(rows).splitlines()) == 9


class TestFiles:
    @pytest.mark.parametrize("name", ["out.csv", "out.parquet", "out.jsonl"])
    def test_the_file_holds_the_rows_and_nothing_else_stays(self, folder, tmp_path_factory, name):
        rows = predict_paths([folder], ByFirstAtom())
        target = tmp_path_factory.mktemp("out") / name
        counts = predict_to_file([folder], ByFirstAtom(), target, PredictOptions(chunk=2))
        assert dict(counts) == {"ok": 3, "error": 3, "metal": 1}
        assert [path.name for path in target.parent.iterdir()] == [name]
        if name.endswith("csv"):
            assert target.read_text() == csv_text(rows)
            read = list(csv.DictReader(target.read_text().splitlines()))
            assert read[1]["p_trivial"] == ""
            assert float(read[0]["p_hsl_semimetal"]) == pytest.approx(0.8)
        elif name.endswith("parquet"):
            assert pq.read_table(target).to_pylist() == rows
        else:
            assert [json.loads(line) for line in target.read_text().splitlines()] == rows

    def test_a_run_that_ends_early_leaves_the_old_file(self, folder):
        target = folder / "out.csv"
        target.write_text("old")
        with pytest.raises(RuntimeError):
            predict_to_file(
                [folder], ByFirstAtom(cannot=[(8, RuntimeError("killed"))]), target, PredictOptions(chunk=1)
            )
        assert target.read_text() == "old"
        assert not [path for path in folder.iterdir() if path.name.endswith(".part")]

    @pytest.mark.parametrize(("name", "words"), [("out.xls", "ends in .csv"), ("no/out.csv", "no folder")])
    def test_a_place_where_nothing_can_be_written_is_refused_first(self, folder, name, words):
        model = ByFirstAtom()
        with pytest.raises(OutputError, match=words):
            predict_to_file([folder], model, folder / name)
        (folder / "dir.csv").mkdir()
        with pytest.raises(OutputError, match="is a folder"):
            TableWriter(folder / "dir.csv")
        assert model.batches == []

    def test_no_rows_are_a_header(self, tmp_path):
        for name in ("x.csv", "x.parquet"):
            predict_to_file([], ByFirstAtom(), tmp_path / name)
        assert (tmp_path / "x.csv").read_text().strip() == ",".join(COLUMNS)
        assert pq.read_table(tmp_path / "x.parquet").column_names == list(COLUMNS)

"""`topofuse confirm` as a person sees it; nothing is calculated."""

from __future__ import annotations

import csv
import io
import subprocess
import sys

import pytest
from click.testing import CliRunner

from support.recorded_states import recorded
from topofuse.cli import main
from topofuse.confirm import report
from topofuse.confirm.plan import Selection
from topofuse.confirm.settings import ACCURACIES
from topofuse.confirm.store import Result, Store, key_of
from topofuse.confirm.table import DFT_COLUMNS
from topofuse.confirm.verdict import levels_of
from topofuse.crystals import analyse
from topofuse.crystals.read import read_structure
from topofuse.crystals.write_poscar import poscar
from topofuse.screening.examine import blank_row
from topofuse.screening.predict import write_table
from topofuse.screening.table import COLUMNS, TableWriter

QUICK = ACCURACIES["quick"]


@pytest.mark.slow
def test_without_gpaw_one_line_says_how_to_install_it():
    """In a process of its own, where nothing of that name can be found."""
    code = (
        "import sys, importlib.util as u; find = u.find_spec;"
        "u.find_spec = lambda name, *a: None if name.startswith('gpaw') else find(name, *a);"
        "sys.argv = ['topofuse', 'confirm', 'x.cif']; from topofuse.cli import main; main()"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert found.stdout == ""
    assert found.stderr == ("error: topofuse confirm needs gpaw, which is not installed: pip install 'topofuse[dft]'\n")


@pytest.fixture
def told(monkeypatch, tmp_path, textbook):
    """A stored calculation of tin telluride, and a model that says that it is trivial."""
    crystal = textbook["SnTe-rock_salt"].crystal
    path = tmp_path / "SnTe.vasp"
    path.write_text(poscar(crystal, "SnTe"))
    symmetric = analyse(read_structure(path))
    table, stars, electrons = recorded("SnTe-rock_salt")
    levels = tuple(levels_of(table, stars, electrons))
    store = Store(tmp_path / "store")
    store.put(key_of(symmetric, QUICK, "GPAW 0"), Result("", 225, electrons, levels, 3.25, 9, "GPAW 0"))

    def predicted(paths, model):
        probabilities = {"p_trivial": 0.6, "p_tci": 0.4, "p_ti": 0.0, "p_hsp_semimetal": 0.0, "p_hsl_semimetal": 0.0}
        answer = {"status": "ok", "reason": "", "formula": "SnTe", "spacegroup": 225, "n_atoms": 2, "label": "trivial"}
        for entry in report.entries(list(paths)):
            yield entry, blank_row(entry.name) | answer | probabilities | {"p_nontrivial": 0.4, "set_90": "trivial|tci"}

    monkeypatch.setattr(report, "predicted", predicted)
    monkeypatch.setattr(report, "require", lambda *_: None)
    monkeypatch.setattr(report, "engine_version", lambda: "GPAW 0")
    return path, tmp_path / "store"


def test_a_stored_calculation_stands_beside_the_model(told):
    path, store = told
    found = CliRunner().invoke(main, ["confirm", str(path), "--store", str(store)])
    assert found.exit_code == 0, found.output
    assert "1 structures: 0 to calculate" in found.stderr
    assert "1 stored" in found.stderr
    (row,) = csv.DictReader(io.StringIO(found.stdout))
    assert list(row) == [*COLUMNS, *DFT_COLUMNS]
    assert (row["label"], row["dft_class"], row["agreement"]) == ("trivial", "tci", "0")
    assert (row["dft_status"], row["dft_indicator"], row["dft_seconds"]) == ("ok", "(4) of Z8", "3.2")
    assert 0.1 < float(row["dft_gap"]) < 0.4


def test_a_screening_is_confirmed_where_the_model_is_unsure(told, tmp_path, monkeypatch):
    """The table's rows that hold one class, or none, are left alone."""
    path, store = told
    folder, out = tmp_path / "files", tmp_path / "out"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / f"{name}.vasp").write_text(path.read_text())
    out.mkdir()
    rows = [row for _, row in report.predicted([folder], "full")]
    for row, answer in zip(rows, ("trivial", "trivial|tci", None), strict=True):
        row.update({"set_90": answer, "status": "ok" if answer else "metal"})
    write_table(TableWriter(out / "predictions.parquet"), rows)
    effort, told_lines = report.Effort(store=store), []
    counts = report.confirm_screening(str(folder), out, QUICK, Selection(unsure=True), effort, told_lines.append)
    assert dict(counts) == {"ok": 1}
    (row,) = csv.DictReader((out / "confirmed.csv").read_text().splitlines())
    assert (row["input"].rsplit("/", 1)[-1], row["label"], row["dft_class"]) == ("b.vasp", "trivial", "tci")
    assert "1 structures: 0 to calculate" in told_lines[0]


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_tables_of_every_format_have_the_columns(told, tmp_path, suffix):
    import pandas as pd

    path, store = told
    output = tmp_path / f"out.{suffix}"
    found = CliRunner().invoke(main, ["confirm", str(path), "--store", str(store), "-o", str(output)])
    assert found.exit_code == 0, found.output
    read = {"csv": pd.read_csv, "parquet": pd.read_parquet, "jsonl": lambda p: pd.read_json(p, lines=True)}[suffix]
    table = read(output)
    assert list(table.columns) == [*COLUMNS, *DFT_COLUMNS]
    assert table["dft_class"].tolist() == ["tci"]
    assert table["agreement"].tolist() == [0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--budget", "soon"], "'soon' is no duration"),
        (["--budget", "0h"], "is no duration"),
        (["--electrons", "20"], "--read and --electrons need each other"),
        (["--read", "trace.txt"], "--read and --electrons need each other"),
        (["--read", "trace.txt", "--write-inputs", "qe", "d"], "exclude each other"),
        (["--shard", "4/3"], "'4/3' is no part"),
        (["--address", "auto"], "--address is for --engine ray"),
        (["--accuracy", "sloppy"], "is not one of"),
    ],
)
def test_bad_arguments_are_one_line(arguments, words):
    found = CliRunner().invoke(main, ["confirm", "x.cif", *arguments])
    assert found.exit_code == 2
    assert words in found.stderr


def test_traces_that_are_missing_are_named(tmp_path):
    found = CliRunner().invoke(main, ["confirm", "x.cif", "--read", str(tmp_path / "none.txt"), "--electrons", "2"])
    assert found.exit_code == 2
    assert "none.txt" in found.stderr


def test_inputs_are_written_without_a_model_or_gpaw(tmp_path, told):
    path, _ = told
    found = CliRunner().invoke(main, ["confirm", str(path), "--write-inputs", "qe", str(tmp_path / "decks")])
    assert found.exit_code == 0, found.output
    assert (tmp_path / "decks" / "SnTe.vasp" / "bands.in").is_file()

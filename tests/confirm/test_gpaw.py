"""Real calculations, where GPAW is installed."""

from __future__ import annotations

import csv

import pytest
from click.testing import CliRunner

from topofuse.cli import main
from topofuse.confirm import plan
from topofuse.confirm.engine import calculate, engine_version, has_data
from topofuse.confirm.run import Calculate, Local, run
from topofuse.confirm.settings import ACCURACIES
from topofuse.confirm.store import Store, key_of
from topofuse.confirm.verdict import judge, levels_of
from topofuse.crystals import analyse
from topofuse.crystals.write_poscar import poscar
from topofuse.screening.examine import blank_row
from topofuse.symmetry import symmetry_table

pytest.importorskip("gpaw")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

QUICK = ACCURACIES["quick"]


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Si-diamond", "trivial"),
        ("NaCl-rock_salt", "trivial"),
        ("GaAs-zinc_blende", "trivial"),
        ("SnTe-rock_salt", "tci"),
        ("Sb-arsenic_a7", "ti"),
        ("HgTe-zinc_blende", "hsp_semimetal"),
    ],
)
def test_known_compounds_have_their_class(textbook, name, label):
    crystal = analyse(textbook[name].crystal)
    table = symmetry_table(crystal.spacegroup)
    found = calculate(crystal, QUICK)
    verdict = judge(table, levels_of(table, found.stars, found.electrons), found.electrons)
    assert verdict.label == label
    assert textbook[name].label == label
    for star in found.stars:  # time reversal: every state has a partner with the same energy
        assert abs(star.energy[::2] - star.energy[1::2]).max() < 1e-4 or not table.inversion


def test_a_calculation_over_the_time_limit_is_lost_and_not_stored(tmp_path, textbook):
    store, told = Store(tmp_path), []
    crystal = analyse(textbook["SiO2-quartz"].crystal)
    job = plan.Job(blank_row("quartz"), "", crystal, key_of(crystal, QUICK, engine_version()), 1.0)
    engine = Local(Calculate(QUICK), store, time_limit=1)
    (found,) = run([job], engine, lambda job, result: told.append(job.row["input"]))
    assert found == "took longer than the time limit of 1 s"
    assert told == ["quartz"]
    assert store.get(job.key) is None


def test_the_command_calculates_once(tmp_path, textbook):
    path, output = tmp_path / "salt.vasp", tmp_path / "out.csv"
    path.write_text(poscar(textbook["NaCl-rock_salt"].crystal, "NaCl"))
    arguments = ["confirm", str(path), "--model", "fast", "--store", str(tmp_path / "store"), "-o", str(output)]
    first = CliRunner().invoke(main, arguments)
    assert first.exit_code == 0, first.output
    assert "1 to calculate" in first.stderr
    assert "[1/1]" in first.stderr
    again = CliRunner().invoke(main, arguments)
    assert "0 to calculate" in again.stderr
    assert "1 stored" in again.stderr
    (row,) = csv.DictReader(output.read_text().splitlines())
    assert (row["dft_class"], row["agreement"], row["dft_status"]) == ("trivial", "5", "ok")


def test_bands_along_the_path_meet_the_levels_at_its_special_momenta(textbook):
    found = Calculate(QUICK, per_line=3)(analyse(textbook["SnTe-rock_salt"].crystal))
    verdict = judge(symmetry_table(found.spacegroup), found.levels, found.electrons)
    gap = next(filling.gap for filling in verdict.fillings if filling.label == "L")
    place = next(i for i, (first, second) in enumerate(found.path.ends) if "L" in (first, second))
    on_line = found.path.energy[found.path.line == place]
    end = on_line[-1 if found.path.ends[place][1] == "L" else 0]
    assert end[found.path.filled] - end[found.path.filled - 1] == pytest.approx(gap, abs=2e-3)
    assert found.path.gap <= gap + 2e-3


def test_a_ray_cluster_calculates_too(tmp_path, textbook):
    pytest.importorskip("ray")
    from topofuse.confirm.cluster import RayEngine

    store, crystal = Store(tmp_path), analyse(textbook["NaCl-rock_salt"].crystal)
    job = plan.Job(blank_row("salt"), "", crystal, key_of(crystal, QUICK, engine_version()), 1.0)
    (found,) = run([job], RayEngine(Calculate(QUICK), store), lambda job, result: None)
    assert found.reason == ""
    assert store.get(job.key).electrons == found.electrons


def test_data_sets_are_found_and_missed():
    assert has_data(14)
    assert not has_data(43)  # technetium

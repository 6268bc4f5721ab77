"""Input files for other codes, and the traces that come back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from support.recorded_states import recorded
from topofuse.confirm.engine import chosen_momenta
from topofuse.confirm.inputs import CODES, write_inputs
from topofuse.confirm.store import StoreError
from topofuse.confirm.table import verdict_columns
from topofuse.confirm.trace_files import TraceFileError, levels_in, read_traces
from topofuse.confirm.verdict import judge, levels_of
from topofuse.crystals import analyse
from topofuse.symmetry import symmetry_table


def trace_text(
    name: str, *, sign: int = -1, shift: tuple[int, int, int] = (1, 0, -1), without: tuple[str, ...] = ()
) -> str:
    """Recorded states in the format of IrRep, with spins and translations that differ from the table's.

    IrRep's first number is that of all bands that it was asked for.
    """
    table, stars, _ = recorded(name)
    stars = [one for one in stars if table.stars[table.momenta[one.momentum].star].label not in without]
    lines = [f"{len(stars[0].energy)}  ", " 1", f" {len(table.rotations)}"]
    for w, t, spin in zip(table.rotations, table.translations, table.spins, strict=True):
        parts = (sign * spin).ravel()
        numbers = [*w.ravel(), *(t + shift), *np.column_stack([parts.real, parts.imag]).ravel()]
        lines.append("  ".join(f"{x:.6f}" if i >= 9 else f"{x:d}" for i, x in enumerate(numbers)))
    momenta = [table.momenta[one.momentum] for one in stars]
    lines += [f" {len(momenta)}", *("  ".join(f"{x:.6f}" for x in momentum.k) for momentum in momenta)]
    for one, momentum in zip(stars, momenta, strict=True):
        lines += [f"{len(momentum.operations)}", "  ".join(str(o + 1) for o in momentum.operations)]
        factors = sign * np.exp(-2j * np.pi * (np.array(shift) @ momentum.k))
        for i, energy in enumerate(one.energy):
            numbers = one.traces[:, i] * factors
            cells = "  ".join(f"{x.real:10.6f} {x.imag:10.6f}" for x in numbers)
            lines.append(f"{i + 1:8d} {1:8d} {energy:10.6f} {cells}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", ["SnTe-rock_salt", "Sb-arsenic_a7", "HgTe-zinc_blende", "SiRu-caesium_chloride"])
def test_traces_of_another_code_have_the_same_verdict(textbook, tmp_path, name):
    path = tmp_path / "trace.txt"
    path.write_text(trace_text(name))
    table, _, electrons = recorded(name)
    found = judge(table, levels_in(read_traces(path), table, electrons), electrons)
    assert found.label == textbook[name].label


def test_momenta_with_one_coirrep_may_be_missing(tmp_path):
    """The momenta that vasp2trace and the Bilbao server list for space group 225 are without K."""
    path = tmp_path / "trace.txt"
    path.write_text(trace_text("SnTe-rock_salt", without=("K",)))
    table, stars, electrons = recorded("SnTe-rock_salt")
    found = judge(table, levels_in(read_traces(path), table, electrons), electrons)
    whole = judge(table, levels_of(table, stars, electrons), electrons)
    assert found.label == "tci"
    assert found.diagnosis.indicator.tolist() == whole.diagnosis.indicator.tolist()
    assert found.gap == pytest.approx(whole.gap, abs=1e-5)  # 0.27 eV at L


@pytest.mark.parametrize("label", ["GAMMA", "L", "W", "X"])
def test_momenta_with_several_coirreps_may_not_be_missing(tmp_path, label):
    path = tmp_path / "trace.txt"
    path.write_text(trace_text("SnTe-rock_salt", without=(label,)))
    table, _, electrons = recorded("SnTe-rock_salt")
    with pytest.raises(TraceFileError, match=rf"lack the momenta {label}$"):
        levels_in(read_traces(path), table, electrons)


def test_electrons_that_would_halve_the_only_coirrep_need_its_momentum(tmp_path):
    path = tmp_path / "trace.txt"
    path.write_text(trace_text("SnTe-rock_salt", without=("K",)))
    table, _, electrons = recorded("SnTe-rock_salt")
    with pytest.raises(TraceFileError, match=r"lack the momenta K$"):
        levels_in(read_traces(path), table, electrons - 1)


def test_without_empty_states_the_class_is_found_and_the_gap_is_not(textbook, tmp_path):
    """vasp2trace writes the filled states only."""
    table, stars, electrons = recorded("Sb-arsenic_a7")
    filled = [replace(one, energy=one.energy[:electrons], traces=one.traces[:, :electrons]) for one in stars]
    verdict = judge(table, levels_of(table, filled, electrons), electrons)
    columns = verdict_columns(verdict, table, "trivial")
    assert (columns["dft_class"], columns["agreement"], columns["dft_gap"]) == ("ti", 0, None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda text: text[: len(text) // 2].rsplit("\n", 1)[0] + "\n 1 2",
            "numbers should stand here|lack the momenta",
        ),
        (lambda text: text.replace(" 1\n", " 0\n", 1), "without spin-orbit coupling"),
        (lambda text: "structure of SnTe\n" + text, "line 1: 1 numbers should stand here"),
        (lambda text: "", "ends too early"),
        (lambda text: text.replace(" 48\n", " 7\n", 1), "numbers should stand here"),
    ],
    ids=["cut off", "no coupling", "another file", "empty", "wrong count"],
)
def test_a_damaged_file_is_refused_with_the_place(tmp_path, change, reason):
    path = tmp_path / "trace.txt"
    path.write_text(change(trace_text("SnTe-rock_salt")))
    with pytest.raises(TraceFileError, match=reason):
        levels_in(read_traces(path), symmetry_table(225), 20)


def test_traces_of_another_cell_are_refused(tmp_path):
    path = tmp_path / "trace.txt"
    path.write_text(trace_text("SnTe-rock_salt"))
    with pytest.raises(TraceFileError, match="not of the standardised primitive cell"):
        levels_in(read_traces(path), symmetry_table(166), 20)


@pytest.mark.parametrize("code", CODES)
def test_inputs_hold_the_cell_the_momenta_and_the_coupling(textbook, tmp_path, code):
    crystal = analyse(textbook["Sb-arsenic_a7"].crystal)
    table = symmetry_table(crystal.spacegroup)
    written = {
        path.relative_to(tmp_path / code).as_posix(): path.read_text() for path in _written(crystal, code, tmp_path)
    }
    readme = written["README.txt"]
    assert "--read trace.txt" in readme
    assert all(star.label in readme for star in table.stars)
    bands = {"vasp": "bands/KPOINTS", "qe": "bands.in", "abinit": "bands.abi"}[code]
    numbers = [float(word) for word in _words(written[bands])]
    for index in chosen_momenta(table):
        assert _holds(numbers, table.momenta[index].k), f"{table.stars[table.momenta[index].star].label} is missing"
    coupling = {"vasp": "LSORBIT = .TRUE.", "qe": "lspinorb         = .true.", "abinit": "nspinor 2"}[code]
    assert coupling in written[bands.replace("KPOINTS", "INCAR")]


def test_vasp_files_are_read_back_as_the_same_crystal(textbook, tmp_path):
    from pymatgen.core import Structure
    from pymatgen.io.vasp.inputs import Incar, Kpoints

    crystal = analyse(textbook["SnTe-rock_salt"].crystal)
    write_inputs(crystal, "vasp", tmp_path / "vasp")
    structure = Structure.from_file(tmp_path / "vasp" / "bands" / "POSCAR")
    assert np.allclose(structure.lattice.matrix, crystal.primitive.lattice, atol=1e-8)
    assert sorted(site.specie.Z for site in structure) == [50, 52]
    tags = Incar.from_file(tmp_path / "vasp" / "bands" / "INCAR")
    assert (tags["LSORBIT"], tags["LCHARG"], tags["ICHARG"]) == (True, False, 11)
    assert np.ravel(tags["MAGMOM"]).tolist() == [0.0] * 6
    mesh = Kpoints.from_file(tmp_path / "vasp" / "density" / "KPOINTS")
    assert mesh.style == Kpoints.supported_modes.Gamma
    momenta = Kpoints.from_file(tmp_path / "vasp" / "bands" / "KPOINTS")
    assert len(momenta.kpts) == len(chosen_momenta(symmetry_table(225)))


def test_a_folder_with_something_in_it_is_left_alone(silicon, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(StoreError, match="choose a new or an empty folder"):
        write_inputs(analyse(silicon), "qe", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def _written(crystal, code, tmp_path):
    return write_inputs(crystal, code, tmp_path / code)


def _words(text: str) -> list[str]:
    words = text.replace(",", " ").replace("[", " ").replace("]", " ").split()
    return [word for word in words if word.replace(".", "", 1).lstrip("-").isdigit()]


def _holds(numbers: list[float], k: np.ndarray) -> bool:
    rows = np.array([numbers[i : i + 3] for i in range(len(numbers) - 2)])
    return bool((np.abs(rows - k).max(1) < 1e-5).any())

"""Structure files: what is read."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from support.broken_inputs import CIF as ROCK_SALT
from support.broken_inputs import POSCAR as BISMUTH_SELENIDE
from support.broken_inputs import VASPRUN
from topofuse.crystals import analyse
from topofuse.crystals.read import read_structure


class TestWhatIsRead:
    def test_a_cif_with_a_named_space_group_gives_the_full_cell(self, write):
        crystal = read_structure(write(ROCK_SALT))
        assert sorted(crystal.numbers.tolist()) == [11] * 4 + [17] * 4
        assert crystal.volume == pytest.approx(5.64**3)
        assert analyse(crystal).spacegroup == 225

    def test_listed_operations_and_the_named_group_give_the_same_crystal(self, write):
        from pymatgen.core import Lattice, Structure
        from pymatgen.io.cif import CifWriter

        wurtzite = Structure.from_spacegroup(
            "P6_3mc", Lattice.hexagonal(3.82, 6.26), ["Zn", "S"], [[1 / 3, 2 / 3, 0], [1 / 3, 2 / 3, 0.375]]
        )
        listed = read_structure(write(str(CifWriter(wurtzite, symprec=0.01))))
        plain = read_structure(write(str(CifWriter(wurtzite)), "plain.cif"))
        assert len(listed) == len(plain) == 4
        assert analyse(listed).spacegroup == analyse(plain).spacegroup == 186

    def test_rounded_special_positions_are_one_atom(self, write):
        text = """data_Mg
_cell_length_a 3.21
_cell_length_b 3.21
_cell_length_c 5.21
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 120
_symmetry_Int_Tables_number 194
loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Mg1 0.3333 0.6667 0.25
"""
        assert len(read_structure(write(text))) == 2

    @pytest.mark.parametrize("symbol", ["D", "D1+", "T", "H"])
    def test_deuterium_is_hydrogen(self, write, symbol):
        text = ROCK_SALT.replace("Na1 Na1+", "Li1 Li1+").replace("Cl1 Cl1-", f"D1 {symbol}")
        text = text.replace("'Na4 Cl4'", "'Li D'")
        assert set(read_structure(write(text)).numbers.tolist()) == {1, 3}

    def test_a_poscar_in_any_of_its_spellings_is_the_same_crystal(self, write):
        direct = read_structure(write(BISMUTH_SELENIDE, "POSCAR"))
        cartesian_rows = "\n".join(" ".join(map(str, row)) for row in direct.frac_coords @ direct.lattice)
        head = BISMUTH_SELENIDE.split("Direct")[0]
        spelled = [
            head + "Cartesian\n" + cartesian_rows,
            BISMUTH_SELENIDE.replace("\n1.0\n", f"\n-{direct.volume}\n"),
            BISMUTH_SELENIDE.replace("Direct", "Selective dynamics\nDirect").replace("0.5\n", "0.5 T T F\n"),
            BISMUTH_SELENIDE.replace("Bi Se", "Bi_d Se/0a1b"),
        ]
        for number, text in enumerate(spelled):
            other = read_structure(write(text, f"CONTCAR_{number}.vasp"))
            np.testing.assert_allclose(other.lattice, direct.lattice)
            difference = other.frac_coords - direct.frac_coords
            np.testing.assert_allclose(difference - np.round(difference), 0, atol=1e-12)

    @pytest.mark.parametrize("name", ["a.xyz", "a.xsf", "a.gen", "geometry.in", "a.cell", "noname", "a.gz"])
    def test_formats_of_ase(self, tmp_path, name):
        import ase.build
        import ase.io

        formats = {"geometry.in": "aims", "a.cell": "castep-cell", "noname": "extxyz", "a.gz": "extxyz"}
        zinc_blende = ase.build.bulk("GaAs", "zincblende", a=5.65)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ase's writer of CASTEP files warns about keywords
            ase.io.write(
                tmp_path / name, zinc_blende, format=formats.get(name, name.split(".")[-1].replace("xyz", "extxyz"))
            )
        assert analyse(read_structure(tmp_path / name)).spacegroup == 216

    @pytest.mark.parametrize("fmt", ["json", "yaml", "cssr"])
    def test_formats_of_pymatgen(self, tmp_path, fmt):
        from pymatgen.core import Lattice, Structure

        cscl = Structure(Lattice.cubic(4.12), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
        cscl.to(filename=str(tmp_path / f"a.{fmt}"), fmt=fmt)
        assert analyse(read_structure(tmp_path / f"a.{fmt}")).spacegroup == 221

    def test_the_last_step_of_a_relaxation_counts_as_ase_has_it(self, write):
        import ase.io

        step = VASPRUN[VASPRUN.index("<calculation>") : VASPRUN.index("</modeling>")]
        initial = step.replace("calculation>", "x>").replace("<structure>", "<structure name='initialpos'>")
        scf = "<scstep><energy><i name='e_fr_energy'>-1</i><i name='e_0_energy'>-1</i></energy></scstep></calculation>"
        first = step.replace("0.5 0.5 0.5", "0.4 0.4 0.4")
        text = VASPRUN.replace(step, initial + first + step).replace("</calculation>", scf)
        kpoints = '<kpoints><varray name="kpointlist"></varray></kpoints></modeling>'
        head = '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
        path = write(head + text.replace("</modeling>", kpoints), "vasprun.xml")
        crystal = read_structure(path)
        np.testing.assert_allclose(crystal.frac_coords, ase.io.read(path).get_scaled_positions())
        np.testing.assert_allclose(crystal.frac_coords[1], 0.5)
        alone = read_structure(write(VASPRUN.replace(step, initial), "vasprun.xml"))
        np.testing.assert_allclose(alone.frac_coords[1], 0.5)

    def test_a_block_without_atoms_is_passed_over(self, write):
        assert len(read_structure(write("data_global\n_publ_author 'A'\n" + ROCK_SALT))) == 8

    def test_authors_in_latin_1_do_no_harm(self, write):
        assert len(read_structure(write(b"# M\xfcller\n" + ROCK_SALT.encode()))) == 8

    def test_a_named_file_is_read_by_its_content(self, write):
        assert len(read_structure(write(ROCK_SALT, "download"))) == 8
        assert len(read_structure(write(BISMUTH_SELENIDE, "bise.txt"))) == 5

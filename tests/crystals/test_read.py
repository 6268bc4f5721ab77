"""Structure files: what is read, and what is refused with which reason."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import subprocess
import sys
import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.broken_inputs import CELL, CSSR, GOOD, VASPRUN, WHOLE_NAMES, XSF, XYZ, YAML
from support.broken_inputs import CIF as ROCK_SALT
from support.broken_inputs import POSCAR as BISMUTH_SELENIDE
from topofuse.crystals import CrystalError, analyse
from topofuse.crystals.formula import SYMBOLS, atomic_number, reduced_formula
from topofuse.crystals.read import MAX_FILE_BYTES, find_structures, read_structure

PLAIN_P1 = ROCK_SALT.replace("_space_group_name_H-M_alt 'F m -3 m'\n", "").replace(
    "_chemical_formula_sum 'Na4 Cl4'\n", ""
)


def refusal(path) -> str:
    with pytest.raises(CrystalError) as caught:
        read_structure(path)
    return str(caught.value)


@pytest.fixture
def write(tmp_path):
    def _write(content: str | bytes, name: str = "x.cif"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return _write


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


def _sites(n: int) -> str:
    rows = "".join(f"Na{i} Na 1.0 {i / n:.6f} 0 0\n" for i in range(n))
    return PLAIN_P1.split("Na1 Na1+")[0] + rows


BROKEN = {
    "empty": (b"", "empty"),
    "blank": (b" \n\n", "empty"),
    "binary": (bytes(range(256)), "binary"),
    "utf-16": (ROCK_SALT.encode("utf-16"), "UTF-16"),
    "utf-16 without mark": (ROCK_SALT.encode("utf-16-le"), "binary or in an unsupported encoding"),
    "truncated in the atoms": (ROCK_SALT[:-8], "Wrong number of values in loop"),
    "truncated after an atom": (ROCK_SALT.split("Cl1 Cl1-")[0], "declares 'Na4 Cl4'"),
    "truncated in the cell": (ROCK_SALT[:60], "parse error (line 4)"),
    "truncated before the atoms": (ROCK_SALT.split("loop_")[0], "lists no atoms"),
    "prose": ("Dear Sir or Madam,\n", "not a readable CIF"),
    "missing cell": (ROCK_SALT.replace("_cell_length_b 5.64\n", ""), "missing _cell_length_b"),
    "nan coordinate": (ROCK_SALT.replace("0.5 0.5 0.5", "0.5 nan 0.5"), "coordinate y of site Cl1"),
    "infinite coordinate": (ROCK_SALT.replace("0.5 0.5 0.5", "0.5 0.5 1e999"), "coordinate z of site Cl1"),
    "unknown coordinate": (ROCK_SALT.replace("0.5 0.5 0.5", "? 0.5 0.5"), "coordinate x of site Cl1 is not given"),
    "nan cell": (ROCK_SALT.replace("_b 5.64", "_b nan"), "_cell_length_b is 'nan'"),
    "zero length": (ROCK_SALT.replace("_b 5.64", "_b 0"), "must be positive"),
    "negative length": (ROCK_SALT.replace("_b 5.64", "_b -5"), "must be positive"),
    "flat angles": (ROCK_SALT.replace("_gamma 90", "_gamma 180"), "between 0 and 180"),
    "impossible angles": (ROCK_SALT.replace("_alpha 90", "_alpha 20").replace("_beta 90", "_beta 20"), "no volume"),
    "crushed": (PLAIN_P1.replace("5.64", "1.0"), "volume"),
    "coinciding atoms": (PLAIN_P1.replace("0.5 0.5 0.5", "0.001 0 0"), "apart"),
    "unknown element": (ROCK_SALT.replace("Na1+", "Xx"), "unknown element 'Xx' on site Na1"),
    "misspelled element": (ROCK_SALT.replace("Na1+", "Nax"), "unknown element 'Nax'"),
    "half a site": (ROCK_SALT.replace("Cl1- 1.0", "Cl1- 0.5"), "site Cl1 has occupancy 0.5"),
    "too full a site": (ROCK_SALT.replace("Cl1- 1.0", "Cl1- 2"), "site Cl1 has occupancy 2"),
    "left-out hydrogen": (ROCK_SALT.replace("'Na4 Cl4'", "'Na4 Cl4 H8'"), "hydrogen"),
    "several blocks": (ROCK_SALT + ROCK_SALT.replace("data_NaCl", "data_two"), "2 data blocks of the CIF hold atoms"),
    "unknown space group": (ROCK_SALT.replace("F m -3 m", "Q 7"), "unknown space group 'Q 7'"),
    "cubic group in a tetragonal cell": (ROCK_SALT.replace("_c 5.64", "_c 7.64"), "does not fit the cell"),
    "magnetic": (ROCK_SALT + "loop_\n_space_group_symop_magn_operation.xyz\nx,y,z,+1\n", "magnetic"),
    "too many atoms": (_sites(2001), "2001 sites"),
}


P1_SYMOPS = "loop_\n_space_group_symop_operation_xyz\nx,y,z\n"
MOMENTS = "loop_\n_atom_site_moment.label\n_atom_site_moment.crystalaxis_z\nNa1 2.5\n"
WRONG_WITHOUT_A_WORD = {
    "type symbol with a comma": (ROCK_SALT.replace("Na1 Na1+", "M1 'Fe,Ni'"), "several elements"),
    "type symbol with a slash": (ROCK_SALT.replace("Na1 Na1+", "M1 Fe/Ni"), "several elements"),
    "type symbol of shares": (ROCK_SALT.replace("Na1 Na1+", "M1 Fe0.5Ni0.5"), "several elements"),
    "label of shares": (ROCK_SALT.replace("Na1 Na1+", "Fe0.5Ni0.5 Fe"), "several elements"),
    "label of two": (ROCK_SALT.replace("Na1 Na1+", "Fe/Ni1 Fe"), "several elements"),
    "dummy atoms": (ROCK_SALT.replace("Na1 Na1+", "Dum1 ?"), "no element on site 'Dum1'"),
    "vacancy": (ROCK_SALT.replace("Na1 Na1+", "Vac1 ."), "no element on site 'Vac1'"),
    "water": (ROCK_SALT.replace("Na1 Na1+", "Wat1 ?"), "no element on site 'Wat1'"),
    "tetrahedron": (ROCK_SALT.replace("Na1 Na1+", "Tet1 ?"), "no element on site 'Tet1'"),
    "centre of a ring": (ROCK_SALT.replace("Na1 Na1+", "Cg1 ?"), "no element on site 'Cg1'"),
    "element beyond the table": (ROCK_SALT.replace("Na1 Na1+", "Uuo1 ?"), "no element on site 'Uuo1'"),
    "named group and the identity alone": (ROCK_SALT + P1_SYMOPS, "are those of P 1: which is meant?"),
    "numbered group and another's operations": (
        ROCK_SALT.replace("_space_group_name_H-M_alt 'F m -3 m'", "_space_group_IT_number 225") + P1_SYMOPS,
        "names the space group '225'",
    ),
    "operations that are no group of the tables": (
        ROCK_SALT + P1_SYMOPS + "x+1/2,y,z\n-x,-y,-z\n-x+1/2,-y,-z\nx,y+1/2,z+1/4\n",
        "of a point group of order",
    ),
    "Z": (ROCK_SALT.replace("'Na4 Cl4'", "'Na Cl'\n_cell_formula_units_Z 2"), "declares Z = 2"),
    "Z of the whole cell": (PLAIN_P1 + "_chemical_formula_sum 'Na Cl'\n_cell_formula_units_Z 4\n", "declares Z = 4"),
    "superspace group": (ROCK_SALT + "_space_group_ssg_name 'P2(a0c)'\n", "modulated"),
    "wave vector": (ROCK_SALT + "loop_\n_cell_wave_vector_seq_id\n_cell_wave_vector_x\n1 0.3\n", "modulated"),
    "superspace operations": (
        ROCK_SALT + "loop_\n_space_group_symop_ssg_operation_algebraic\nx1,x2,x3,x4\n",
        "modulated",
    ),
    "moments": (ROCK_SALT + MOMENTS, "a magnetic moment of 2.5"),
    "moments of other names": (ROCK_SALT + MOMENTS.replace("moment.c", "moment_c"), "a magnetic moment of 2.5"),
    "magnetic group": (ROCK_SALT + "_space_group_magn.number_BNS 1.1\n", "a magnetic CIF"),
    "disorder groups": (
        ROCK_SALT.replace("_atom_site_label\n", "_atom_site_label\n_atom_site_disorder_group\n")
        .replace("Na1 Na", "Na1 1 Na")
        .replace("Cl1 Cl", "Cl1 2 Cl"),
        "disorder groups",
    ),
    "lead on lead": (ROCK_SALT.replace("Cl1 Cl1- 1.0 0.5 0.5 0.5", "Pb1 Pb 1.0 0 0 0.1"), "apart"),
}


class TestWhatIsRefused:
    @pytest.mark.parametrize("kind", WRONG_WITHOUT_A_WORD)
    def test_what_a_lenient_reader_would_answer_wrongly(self, write, kind):
        text, words = WRONG_WITHOUT_A_WORD[kind]
        if kind == "lead on lead":
            text = text.replace("Na1 Na1+", "Pb2 Pb").replace("'Na4 Cl4'", "Pb")
        assert words in refusal(write(text))

    def test_what_is_declared_rightly_is_no_contradiction(self, write):
        for change in (
            ("'Na4 Cl4'", "'Na4 Cl4'\n_cell_formula_units_Z 4"),
            ("'Na4 Cl4'", "'Na Cl'\n_cell_formula_units_Z 4"),
            ("'Na4 Cl4'", "'Na Cl'\n_cell_formula_units_Z ?"),
            ("Na1 Na1+", "Na1A Na+1"),
            ("Na1 Na1+", "Na_1 ?"),
            ("_chemical_formula_sum", "_space_group_IT_number 225\n_chemical_formula_sum"),
            ("Na1 Na1+", "M1 Na"),
        ):
            assert len(read_structure(write(ROCK_SALT.replace(*change)))) == 8
        assert len(read_structure(write(ROCK_SALT + MOMENTS.replace("2.5", "0.0")))) == 8
        assert len(read_structure(write(PLAIN_P1 + "_space_group_name_H-M_alt 'P 1'\n" + P1_SYMOPS))) == 2

    def test_operations_in_settings_of_every_group_agree_with_their_names(self):
        import gemmi

        from topofuse.crystals.cif_declared import check_group

        for group in gemmi.spacegroup_table():
            triplets = tuple(op.triplet() for op in group.operations())
            check_group((group.xhm(),), (str(group.number),), triplets)
            if group.number > 1:
                with pytest.raises(CrystalError, match="which is meant"):
                    check_group((group.xhm(),), (), ("x,y,z",))

    @pytest.mark.parametrize("more", [ROCK_SALT.replace("data_NaCl", "data_two"), "x"])
    def test_every_member_of_a_gzip_file_is_read(self, write, more):
        members = gzip.compress(ROCK_SALT.encode()) + gzip.compress(more.encode())
        assert refusal(write(members, "x.cif.gz"))
        half = len(ROCK_SALT) // 2
        split = gzip.compress(ROCK_SALT[:half].encode()) + gzip.compress(ROCK_SALT[half:].encode())
        assert len(read_structure(write(split + bytes(512), "x.cif.gz"))) == 8
        assert "gzip" in refusal(write(gzip.compress(ROCK_SALT.encode()) + b"more", "x.cif.gz"))
        assert "when decompressed" in refusal(write(gzip.compress(b"#" * 15 * 2**20) * 2, "x.cif.gz"))

    @pytest.mark.parametrize("more", ["junk junk\n", "\njunk junk\n", "0.1 0.2 0.3\n", "Direct\nDirect\n", None])
    @pytest.mark.parametrize("suffix", sorted(set(GOOD) - {"cell"}))
    def test_nothing_of_another_file_may_follow(self, write, suffix, more):
        """As a second member of a gzip file, or as more atoms than announced; None: the same structure again."""
        text = GOOD[suffix]
        second = text if more is None else more
        name = f"{suffix if suffix in WHOLE_NAMES else f'x.{suffix}'}.gz"
        assert refusal(write(gzip.compress(text.encode()) + gzip.compress(second.encode()), name))
        assert len(read_structure(write(gzip.compress(text.encode()) + gzip.compress(b"\n\n"), name)))

    @pytest.mark.parametrize(
        "more",
        [
            "\nDirect\n" + "0.1 0.2 0.3\n" * 5 + "\n1\n0.5E-01\n" + "0.0 0.0 -.1-101\n" * 15,
            "Cartesian\n" + "0.1 0.2 0.3\n" * 5,
            "Lattice velocities and vectors\n1\n" + "0.0 0.0 0.0\n" * 6 + "\n" + "0.0 0.0 0.0\n" * 5,
            "\n 2 2 2\n0.1E+01 -.2E-02 ********\naugmentation occupancies   1  3\n0.1 0.2 0.3\n",
        ],
    )
    def test_what_vasp_writes_after_the_atoms_is_passed_over(self, write, more):
        assert len(read_structure(write(BISMUTH_SELENIDE + more, "CONTCAR"))) == 5

    def test_what_xcrysden_writes_after_the_atoms_is_passed_over(self, write):
        grid = "BEGIN_BLOCK_DATAGRID_3D\nany name\nDATAGRID_3D_x\n1 1 1\n0 0 0\nEND_BLOCK_DATAGRID_3D\n"
        for more in ("CONVVEC\n1 0 0\n0 1 0\n0 0 1\n", "CONVCOORD\n1 1\nMg 0 0 0\n", grid):
            assert len(read_structure(write(XSF + more, "x.xsf"))) == 2

    def test_a_key_that_is_given_twice_is_refused(self, write):
        other = json.loads(GOOD["json"])["lattice"]
        twice = GOOD["json"][:-1] + f', "lattice": {json.dumps(other)}}}'
        assert "'lattice' is given twice" in refusal(write(twice, "x.json"))
        lattice = YAML[YAML.index("lattice:") :]
        assert "'lattice' is given twice" in refusal(write(YAML + lattice, "x.yaml"))

    def test_a_molecule_in_a_box_is_no_crystal(self, write):
        water = "O 12.5 12.5 12.5\nH 13.46 12.5 12.5\nH 12.26 13.43 12.5\n"
        text = f'3\nLattice="{{0}} 0 0 0 {{0}} 0 0 0 {{0}}" Properties=species:S:1:pos:R:3\n{water}'
        with pytest.raises(CrystalError, match="molecule or cluster in an empty box"):
            analyse(read_structure(write(text.format(25), "x.xyz")))
        assert analyse(read_structure(write(text.format(6), "x.xyz")))

    def test_json_with_moments_or_a_slab(self, write):
        data = json.loads(GOOD["json"])
        assert read_structure(write(json.dumps({**data, "lattice": {**data["lattice"], "pbc": [True] * 3}}), "x.json"))
        slab = {**data, "lattice": {**data["lattice"], "pbc": [True, True, False]}}
        assert "periodic" in refusal(write(json.dumps(slab), "x.json"))
        for moment in (2.0, [0, 0, -1.5]):
            data["sites"][0]["properties"] = {"magmom": moment}
            assert "magnetic moment" in refusal(write(json.dumps(data), "x.json"))
        data["sites"][0]["properties"] = {"magmom": 0.01}
        assert len(read_structure(write(json.dumps(data), "x.json"))) == 2

    @pytest.mark.parametrize("kind", BROKEN)
    def test_a_broken_cif_has_a_reason(self, write, kind):
        content, words = BROKEN[kind]
        assert words in refusal(write(content))

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ("0.794 0.794 0.882\n", "", "5 atoms announced but 4"),
            ("Bi Se\n", "", "not named"),
            ("Bi Se", "Bi Qq", "unknown element 'Qq'"),
            ("2 3", "2 3000", "3002 atoms"),
            ("2 3", "2", "2 elements in line 6 but 1"),
            ("0.601 0.601", "0.601 nan", "atom 2: NaN"),
            ("0.601 0.601", "0.601 abc", "'abc' is not a number"),
            ("0.601 0.601 0.303", "0.601", "truncated"),
            ("0.0 2.389075 9.546667", "0 0 0", "volume"),
            ("\n1.0\n", "\n0.0\n", "not positive"),
            ("0.0 2.389075", "0.0 -1e308", "longer than 1000 Å"),
            ("Direct", "Indirect", "Direct or Cartesian"),
        ],
    )
    def test_a_broken_poscar_has_a_reason(self, write, old, new, words):
        text = BISMUTH_SELENIDE.replace(old, new, 1)
        if old == "Bi Se\n":
            text += "0 0 0\n"
        assert words in refusal(write(text, "POSCAR"))

    def test_missing_files_folders_pipes_and_loops(self, tmp_path):
        assert refusal(tmp_path / "absent.cif") == "no such file"
        assert "folder" in refusal(tmp_path)
        (tmp_path / "lost.cif").symlink_to(tmp_path / "nowhere")
        assert "leads nowhere" in refusal(tmp_path / "lost.cif")
        (tmp_path / "loop.cif").symlink_to(tmp_path / "loop.cif")
        assert refusal(tmp_path / "loop.cif")
        os.mkfifo(tmp_path / "pipe.cif")
        assert refusal(tmp_path / "pipe.cif") == "not a regular file"
        assert refusal(tmp_path / ("x" * 5000))
        assert refusal("a\0b")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_an_unreadable_file(self, write):
        path = write(ROCK_SALT)
        path.chmod(0)
        assert "Permission denied" in refusal(path)

    def test_a_file_that_the_system_will_not_open(self, write, monkeypatch):
        path = write(ROCK_SALT)

        def denied(*_args, **_kwargs):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(type(path), "open", denied)
        assert refusal(path) == "cannot be read: Permission denied"

    def test_a_huge_file_and_a_gzip_bomb(self, write):
        assert "larger than 20 MiB" in refusal(write(b"#" * (MAX_FILE_BYTES + 1)))
        assert "when decompressed" in refusal(write(gzip.compress(b"#" * (MAX_FILE_BYTES + 1)), "x.cif.gz"))
        assert "truncated" in refusal(write(gzip.compress(ROCK_SALT.encode())[:-20], "x.cif.gz"))
        assert "gzip" in refusal(write(ROCK_SALT, "x.cif.gz"))

    def test_an_unknown_format(self, write):
        assert "unknown format" in refusal(write("nothing like a crystal\n", "notes.txt"))

    def test_a_molecule_and_a_trajectory(self, write):
        water = "3\nwater\nO 0 0 0\nH 0 0 0.96\nH 0.93 0 -0.24\n"
        assert "no cell" in refusal(write(water, "water.xyz"))
        frame = '1\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3\nPo 0 0 0\n'
        assert "2 structures" in refusal(write(frame * 2, "two.xyz"))
        assert len(read_structure(write(frame, "one.xyz"))) == 1
        assert "periodic" in refusal(write(frame.replace("Properties", 'pbc="T T F" Properties'), "slab.xyz"))
        assert "999999999 atoms announced" in refusal(write("999999999" + frame[1:], "cut.xyz"))
        assert "truncated" in refusal(write(frame + "7" + frame[1:], "cut.xyz"))
        assert read_structure(write(frame.replace("Po ", "D "), "d.xyz")).numbers.tolist() == [1]

    @pytest.mark.parametrize(
        ("name", "text", "words"),
        [
            (
                "x.xyz",
                XYZ.replace("pos:R:3", "pos:R:3:occupancies:R:1").replace("0.0 0.0\n", "0.0 0.0 0.5\n"),
                "occupancy 0.5",
            ),
            ("x.xyz", XYZ.replace("pbc=", 'occupancy="_JSON {\\"0\\": {\\"Mg\\": 0.5, \\"Ca\\": 0.5}}" pbc='), "mixed"),
            (
                "x.xyz",
                XYZ.replace("pos:R:3", "pos:R:3:magmoms:R:1").replace("0.0 0.0\n", "0.0 0.0 -2.5\n"),
                "moment of 2.5",
            ),
            ("x.xyz", XYZ.replace("pos:R:3", "pos:R:3:Z:I:1").replace("0.0 0.0\n", "0.0 0.0 8\n"), "contradict"),
            ("x.xyz", XYZ.replace("pbc=", "Lattice=1 pbc="), "twice"),
            ("x.cell", CELL.replace("Mg 0.0 0.0 0.0", "Mg 0.0 0.0 0.0 MIXTURE:( 1 0.5)"), "MIXTURE"),
            ("x.cell", CELL.replace("Mg 0.0 0.0 0.0", "Mg 0.0 0.0 0.0 SPIN=2.0"), "moment of 2"),
            ("x.cell", CELL.replace("LATTICE_CART\n", "LATTICE_CART\nfurlong\n", 1), "unknown unit 'furlong'"),
            ("x.cell", CELL + CELL, "repeat"),
            ("geometry.in", GOOD["geometry.in"] + "initial_moment 3.0\n", "moment of 3"),
            ("geometry.in", GOOD["geometry.in"] + "atom_fract 0.2 0.5 0.5 O\n", "'atom_fract' is no keyword"),
            ("x.xsf", XSF.replace("CRYSTAL", "SLAB"), "periodic"),
            ("x.xsf", XSF + XSF[XSF.index("PRIMCOORD") :], "2 structures"),
            ("x.gen", GOOD["gen"].replace("2 F", "2 C"), "molecule"),
            ("x.gen", GOOD["gen"].replace("2 2 0.5", "2 7 0.5"), "none of the 2 elements"),
            ("x.cssr", CSSR.replace("SPGR =  1 P 1", "SPGR =225 FM3M"), "space group 225"),
        ],
    )
    def test_what_a_lenient_reader_would_pass_over(self, write, name, text, words):
        assert text not in GOOD.values()
        assert words in refusal(write(text, name))

    def test_units_of_castep(self, write):
        bohr = "".join(
            f"{' '.join(str(float(x) / 0.5291772108) for x in line.split())}\n" if line[:1].isdecimal() else line + "\n"
            for line in CELL.splitlines()
        )
        crystal = read_structure(write(bohr.replace("LATTICE_CART\n", "LATTICE_CART\nbohr\n", 1), "x.cell"))
        np.testing.assert_allclose(crystal.lattice, read_structure(write(CELL, "y.cell")).lattice)

    def test_json_that_is_no_ordered_structure(self, write):
        from pymatgen.core import Lattice, Structure

        alloy = Structure(Lattice.cubic(4.0), [{"Cu": 0.5, "Au": 0.5}], [[0, 0, 0]]).as_dict()
        assert "disordered" in refusal(write(json.dumps(alloy), "alloy.json"))
        assert "no structure" in refusal(write("[1, 2]", "list.json"))
        assert "not readable JSON" in refusal(write("{", "cut.json"))
        assert refusal(write("[" * 100_000, "deep.json"))
        for sites in (7, [7], [{"species": 7}], [{"species": [7], "abc": [0, 0, 0]}], [{"species": [], "abc": []}]):
            assert refusal(write(json.dumps({**alloy, "sites": sites}), "odd.json"))
        del alloy["sites"][0]["abc"]
        alloy["sites"][0]["species"] = [{"element": "Cu", "occu": 1}]
        assert "not complete" in refusal(write(json.dumps(alloy), "half.json"))

    @pytest.mark.slow
    @settings(
        max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    @given(
        content=st.one_of(
            st.binary(max_size=300),
            st.tuples(st.integers(0, len(ROCK_SALT)), st.binary(max_size=6), st.integers(0, 40)).map(
                lambda t: ROCK_SALT.encode()[: t[0]] + t[1] + ROCK_SALT.encode()[t[0] + t[2] :]
            ),
            st.tuples(st.integers(0, len(BISMUTH_SELENIDE)), st.text(max_size=6), st.integers(0, 40)).map(
                lambda t: (BISMUTH_SELENIDE[: t[0]] + t[1] + BISMUTH_SELENIDE[t[0] + t[2] :]).encode()
            ),
        ),
        name=st.sampled_from(["a.cif", "POSCAR", "a.xyz", "a.json", "a.xsf", "a.cell", "a.cssr", "a.gen", "a", "a.gz"]),
    )
    def test_any_bytes_give_a_crystal_or_a_reason(self, write, content, name):
        path = write(content, name)
        try:
            crystal = read_structure(path)
        except CrystalError as error:
            reason = str(error)
        else:
            reason = "read"
            assert np.isfinite(crystal.frac_coords).all()
        assert reason.strip()


class TestNothingInAFileIsBuiltOrRun:
    @pytest.fixture
    def trap(self, tmp_path, monkeypatch):
        """A module that leaves a mark when it is imported."""
        mark = tmp_path / "imported"
        (tmp_path / "topofuse_trap.py").write_text(f"open({str(mark)!r}, 'w').close()\nclass Trap:\n    pass\n")
        monkeypatch.syspath_prepend(tmp_path)
        yield mark
        sys.modules.pop("topofuse_trap", None)

    @pytest.mark.parametrize("where", ["  properties: ", "  label: ", "  xyz: "])
    @pytest.mark.parametrize("form", ["json", "yaml"])
    def test_a_site_property_that_names_a_class_imports_nothing(self, write, trap, where, form):
        named = {"@module": "topofuse_trap", "@class": "Trap"}
        text = YAML.replace("- species", f"-{where[1:]}{{x: {json.dumps(named)}}}\n  species", 1)
        if form == "json":
            site = {"species": [{"element": "Cs", "occu": 1}], "abc": [0, 0, 0], where.strip(" :"): {"x": named}}
            text = json.dumps({**named, "lattice": {"matrix": np.eye(3).tolist(), **named}, "sites": [site]})
            text = text.replace("1.0", "4.12")
        assert len(read_structure(write(text, f"x.{form}"))) == (1 if form == "json" else 2)
        assert not trap.exists()

    @pytest.mark.parametrize(
        "tag",
        [
            "!!python/object/apply:os.system [touch imported]",
            "!!python/name:topofuse_trap.Trap",
            "!!python/module:topofuse_trap",
            "!!python/object/new:topofuse_trap.Trap []",
        ],
    )
    def test_yaml_that_names_types_of_python_imports_nothing(self, write, trap, tag, monkeypatch):
        monkeypatch.chdir(trap.parent)
        for text in (tag, YAML.replace("sites:", f"other: {tag}\nsites:"), YAML.replace("Cs", tag, 1)):
            with contextlib.suppress(CrystalError):
                read_structure(write(text, "x.yaml"))
            assert not trap.exists()

    def test_no_reader_of_ase_or_pymatgen_sees_a_file(self, tmp_path):
        for name, text in GOOD.items():
            (tmp_path / (name if name in WHOLE_NAMES else f"x.{name}")).write_text(text)
        code = """
import sys
from pathlib import Path
from topofuse.crystals.read import read_structure
for path in Path(sys.argv[1]).iterdir():
    read_structure(path)
print([name for name in sys.modules if name.startswith(("ase.", "monty.", "pymatgen.core", "pymatgen.io"))])
"""
        run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True)
        assert run.stdout == "[]\n"

    @pytest.mark.parametrize(
        "text",
        [
            "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>]>" + VASPRUN,
            VASPRUN.replace("<modeling>", "<!DOCTYPE x SYSTEM 'file:///etc/passwd'><modeling>"),
            VASPRUN.replace("Mg", "&undeclared;"),
            "<a>" * 1_000_000,
            VASPRUN.replace("</modeling>", ""),
            VASPRUN.replace("<rc><c>Mg</c><c>1</c></rc>", ""),
            VASPRUN.replace("Mg", ""),
            VASPRUN.split("<calculation>")[0] + "</modeling>",
        ],
    )
    def test_xml_that_declares_nests_or_lacks_something_is_refused(self, write, text):
        assert refusal(write(text, "vasprun.xml"))

    @pytest.mark.parametrize(
        "text",
        [
            "a: &a [x, x]\n" + "".join(f"{n}: &{n} [{', '.join([f'*{m}'] * 9)}]\n" for m, n in pairwise("abcdefghij")),
            "lattice: &a {matrix: *a}\nsites: [*a]\n",
            "[" * 100_000,
            "a: " * 3000,
            "? " * 3000,
            "- " * 3000 + "1",
            "sites: " + "x" * (3 * 2**20),
            "lattice: *unknown\n",
            "lattice: &a 1\nsites: &a 2\n",
            "%YAML 9.9\n---\n",
            "a: 'unfinished",
            "\t- x: [",
        ],
    )
    def test_yaml_that_grows_nests_or_ends_without_reason_is_refused(self, write, text):
        assert refusal(write(text, "x.yaml"))


class TestFindingFiles:
    def test_folders_give_their_structures_in_sorted_order(self, tmp_path):
        for name in ("b/2.cif", "b/10.cif", "a.vasp", "c/POSCAR", "c/notes.txt", "b/deep/er/x.xyz", "z.cif.gz"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("")
        found = [str(path.relative_to(tmp_path)) for path in find_structures([tmp_path])]
        assert found == ["a.vasp", "b/10.cif", "b/2.cif", "b/deep/er/x.xyz", "c/POSCAR", "z.cif.gz"]

    def test_named_paths_keep_their_order_and_are_always_passed_on(self, tmp_path):
        (tmp_path / "notes.txt").write_text("")
        named = [tmp_path / "absent.cif", tmp_path / "notes.txt", tmp_path / "absent.cif"]
        assert list(find_structures(named)) == named

    def test_a_folder_without_structures_is_passed_on_itself(self, tmp_path):
        assert list(find_structures([tmp_path])) == [tmp_path]

    def test_symlink_loops_end(self, tmp_path):
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "x.cif").write_text("")
        (tmp_path / "a" / "up").symlink_to(tmp_path)
        (tmp_path / "self").symlink_to(tmp_path / "self")
        (tmp_path / "again").symlink_to(tmp_path / "a")
        assert list(find_structures([tmp_path])) == [tmp_path / "a" / "x.cif"]


class TestFormulas:
    def test_symbols_and_numbers_are_each_other_s_inverse(self):
        assert len(SYMBOLS) == 104
        assert [atomic_number(symbol) for symbol in SYMBOLS[1:]] == list(range(1, 104))
        assert atomic_number("FE") == 26
        assert atomic_number("Xx") is None

    def test_reduced_formulas_are_written_as_pymatgen_does(self):
        from pymatgen.core import Composition

        rng = np.random.default_rng(0)
        mixed = [dict(zip(rng.permutation(SYMBOLS[1:])[:4], rng.integers(1, 7, 4), strict=True)) for _ in range(200)]
        for formula in ("Bi4Se6", "Na2O2", "O8", "Si8", "HeNe", "La2CuO4", "Ca6P4O16", "CsO", "S8", *mixed):
            composition = Composition(formula)
            numbers = [element.Z for element, n in composition.items() for _ in range(int(n))]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                assert reduced_formula(numbers) == composition.reduced_formula

    def test_no_atoms_have_no_formula(self):
        with pytest.raises(ValueError, match="at least one"):
            reduced_formula([])

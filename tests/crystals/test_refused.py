"""Structure files that are refused, and the reasons that are given."""

from __future__ import annotations

import gzip
import json
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.broken_inputs import CELL, CSSR, GOOD, WHOLE_NAMES, XSF, XYZ, YAML
from support.broken_inputs import CIF as ROCK_SALT
from support.broken_inputs import POSCAR as BISMUTH_SELENIDE
from support.reading import PLAIN_P1, refusal
from topofuse.crystals import CrystalError, analyse
from topofuse.crystals.read import MAX_FILE_BYTES, read_structure


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

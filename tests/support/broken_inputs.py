"""More than a thousand structure files that are broken in every way that we know of; generated, seeded.

`make_corpus(folder)` writes them and tells for each what is expected:
'error' (it must be refused), 'any' (it may be read or refused, but never hang or crash), 'ok' (nothing is wrong).
"""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import socket
from collections.abc import Iterator
from pathlib import Path

CIF = """data_NaCl
_cell_length_a 5.64(1)
_cell_length_b 5.64
_cell_length_c 5.64
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_name_H-M_alt 'F m -3 m'
_chemical_formula_sum 'Na4 Cl4'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_occupancy
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
Na1 Na1+ 1.0 0 0 0
Cl1 Cl1- 1.0 0.5 0.5 0.5
"""
POSCAR = """Bi2Se3
1.0
-2.069 -3.583614 0.0
2.069 -3.583614 0.0
0.0 2.389075 9.546667
Bi Se
2 3
Direct
0.399 0.399 0.697
0.601 0.601 0.303
0.0 0.0 0.5
0.206 0.206 0.118
0.794 0.794 0.882
"""
XYZ = """2
Lattice="0 2.82 2.82 2.82 0 2.82 2.82 2.82 0" Properties=species:S:1:pos:R:3 pbc="T T T"
Mg 0.0 0.0 0.0
O 2.82 0.0 0.0
"""
XSF = """CRYSTAL
PRIMVEC
0.0 2.1 2.1
2.1 0.0 2.1
2.1 2.1 0.0
PRIMCOORD
2 1
Mg 0.0 0.0 0.0
O 2.1 2.1 2.1
"""
GEN = """2 F
Mg O
1 1 0.0 0.0 0.0
2 2 0.5 0.5 0.5
0.0 0.0 0.0
0.0 2.1 2.1
2.1 0.0 2.1
2.1 2.1 0.0
"""
AIMS = """lattice_vector 0.0 2.1 2.1
lattice_vector 2.1 0.0 2.1
lattice_vector 2.1 2.1 0.0
atom_frac 0.0 0.0 0.0 Mg
atom_frac 0.5 0.5 0.5 O
"""
CELL = """%BLOCK LATTICE_CART
0.0 2.1 2.1
2.1 0.0 2.1
2.1 2.1 0.0
%ENDBLOCK LATTICE_CART
%BLOCK POSITIONS_FRAC
Mg 0.0 0.0 0.0
O 0.5 0.5 0.5
%ENDBLOCK POSITIONS_FRAC
"""
SITES = [
    {"species": [{"element": "Mg", "occu": 1}], "abc": [0.0, 0.0, 0.0]},
    {"species": [{"element": "O", "occu": 1}], "abc": [0.5, 0.5, 0.5]},
]
JSON = json.dumps({"lattice": {"matrix": [[0.0, 2.1, 2.1], [2.1, 0.0, 2.1], [2.1, 2.1, 0.0]]}, "sites": SITES})
CSSR = """5.64 5.64 5.64
90.00 90.00 90.00 SPGR =  1 P 1    OPT = 1
2 0
0 Cs1 Cl1
1 Cs 0.0000 0.0000 0.0000
2 Cl 0.5000 0.5000 0.5000
"""
YAML = """'@module': pymatgen.core.structure
'@class': Structure
sites:
- species:
  - element: Cs
    occu: 1
  abc: [0.0, 0.0, 0.0]
- species:
  - element: Cl
    occu: 1
  abc: [0.5, 0.5, 0.5]
lattice:
  pbc: [true, true, true]
  matrix:
  - [4.12, 0.0, 0.0]
  - [0.0, 4.12, 0.0]
  - [0.0, 0.0, 4.12]
"""
_STRUCTURE = """<crystal><varray name="basis">
<v> 0.0 2.1 2.1 </v><v> 2.1 0.0 2.1 </v><v> 2.1 2.1 0.0 </v>
</varray></crystal><varray name="positions"><v> 0.0 0.0 0.0 </v><v> 0.5 0.5 0.5 </v></varray></structure>
"""
VASPRUN = f"""<modeling><atominfo><atoms>2</atoms><array name="atoms"><set>
<rc><c>Mg</c><c>1</c></rc><rc><c>O </c><c>2</c></rc>
</set></array></atominfo>
<calculation><structure>{_STRUCTURE}<energy><i name="e_fr_energy">-1</i></energy></calculation>
</modeling>
"""
GOOD = {
    "cif": CIF,
    "vasp": POSCAR,
    "xyz": XYZ,
    "xsf": XSF,
    "gen": GEN,
    "geometry.in": AIMS,
    "cell": CELL,
    "json": JSON,
    "cssr": CSSR,
    "yaml": YAML,
    "vasprun.xml": VASPRUN,
}
WHOLE_NAMES = ("geometry.in", "vasprun.xml")  # which tell the format as a whole
WRONG_NUMBERS = ("nan", "inf", "-inf", "1e999", "-1e999", "", "abc", "0x10", "1,5", "1e", "--1", "1e308", "\u0661")

Case = tuple[str, str | bytes, str]  # kind and suffix, content, expectation


def make_corpus(folder: Path, seed: int = 0) -> dict[Path, str]:
    """Write the corpus; file → expectation, in a shuffled order with a good file after every twentieth."""
    rng = random.Random(seed)
    cases = [*_cut(), *_bytes(rng), *_numbers(), *_cells(), *_atoms(), *_cif_grammar(), *_sizes(), *_noise(rng)]
    rng.shuffle(cases)
    expected: dict[Path, str] = {}
    good = list(GOOD.items())
    for index, (name, content, expectation) in enumerate(cases):
        path = _place(folder, index, name)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        expected[path] = expectation
        if index % 20 == 0:
            suffix, text = good[index // 20 % len(good)]
            path = _place(folder, index, f"good.{suffix}")
            path.write_text(text)
            expected[path] = "ok"
    return expected | _file_system(folder)


def _place(folder: Path, index: int, name: str) -> Path:
    """A path whose name tells the format: '0042-cut.cif', '0042-cut/geometry.in'."""
    kind, _, suffix = name.partition(".")
    if not suffix.startswith(WHOLE_NAMES):
        return folder / f"{index:04d}-{kind}.{suffix}"
    (folder / f"{index:04d}-{kind}").mkdir()
    return folder / f"{index:04d}-{kind}" / suffix


def _cut() -> Iterator[Case]:
    """Every format cut off at many places. A cut that only takes the last digits or atoms' columns may be read."""
    for suffix, text in GOOD.items():
        for part in range(24):
            length = len(text) * part // 24
            yield f"cut.{suffix}", text[:length], "error" if part < 16 else "any"
        lines = text.splitlines(keepends=True)
        for missing in range(len(lines)):
            yield f"line_missing.{suffix}", "".join(lines[:missing] + lines[missing + 1 :]), "any"
            yield f"line_twice.{suffix}", "".join([*lines[: missing + 1], *lines[missing:]]), "any"
    for length in range(0, 200, 8):
        yield "cut.cif.gz", gzip.compress(CIF.encode(), mtime=0)[:length], "error"


def _bytes(rng: random.Random) -> Iterator[Case]:
    """Empty, binary, of another encoding, of another format."""
    others = {suffix: [text for key, text in GOOD.items() if key != suffix] for suffix in GOOD}
    for suffix, text in GOOD.items():
        for blank in (b"", b" ", b"\n\n\n", b"\t \r\n", b"\xef\xbb\xbf", b"\x00", b"\x00" * 4096, b"\xff" * 100):
            yield f"blank.{suffix}", blank, "error"
        for size in (1, 10, 1000, 100_000):
            yield f"random.{suffix}", rng.randbytes(size), "error" if size > 100 else "any"
        for magic in (
            b"\x89PNG\r\n\x1a\n",
            b"PK\x03\x04",
            b"%PDF-1.7\n",
            b"\x1f\x8b\x08\x00",
            b"GIF89a",
            b"\x80\x04\x95",
        ):
            yield f"magic.{suffix}", magic + rng.randbytes(300), "error"
        for encoding in ("utf-16", "utf-16-le", "utf-32", "utf-16-be", "cp037"):
            yield f"{encoding}.{suffix}", text.encode(encoding), "error"
        for kind, content in (
            ("html", "<!DOCTYPE html><html><body>404 Not Found</body></html>"),
            ("prose", "It was a dark and stormy night;\nthe rain fell in torrents.\n" * 5),
            ("table", "a,b,c\n1,2,3\n" * 10),
            ("log", "12:00:01 started\n12:00:02 segmentation fault\n" * 4),
        ):
            yield f"{kind}.{suffix}", content, "error"
        yield f"of_another_kind.{suffix}", rng.choice(others[suffix]), "any"
        yield f"carriage_returns.{suffix}", text.replace("\n", "\r"), "any"
        yield f"windows_lines.{suffix}", text.replace("\n", "\r\n"), "ok"
        yield f"null_inside.{suffix}", text[:40] + "\0" + text[40:], "error"
        yield f"not_gzip.{suffix}.gz", text, "error"
    yield "gzip_of_gzip.cif.gz", gzip.compress(gzip.compress(CIF.encode())), "error"


def _numbers() -> Iterator[Case]:
    """Each number of each format replaced by what is none."""
    for suffix, text in GOOD.items():
        at = list(re.finditer(r"(?<![\w.])-?\d+\.\d+(?:\(\d+\))?", text))
        for index, match in enumerate(at[: 6 if suffix == "gen" else 9]):  # after them stands gen's unused origin
            wrong = WRONG_NUMBERS[index % len(WRONG_NUMBERS) :] + WRONG_NUMBERS[: index % len(WRONG_NUMBERS)]
            for value in wrong[:6]:
                expectation = "error" if value in ("nan", "inf", "-inf", "1e999", "-1e999", "abc") else "any"
                yield f"number.{suffix}", text[: match.start()] + value + text[match.end() :], expectation


def _cells() -> Iterator[Case]:
    for a in ("0", "-5.64", "1e-9", "1e9", "0.1", "1.0", "5000", "?", "."):
        yield "cell.cif", CIF.replace("5.64(1)", a), "error"
        yield "cell.cif", CIF.replace("5.64(1)", a).replace("5.64\n", f"{a}\n"), "error"
    for angle in ("0", "180", "-90", "360", "179.9999", "1e-7", "1000"):
        yield "angle.cif", CIF.replace("gamma 90", f"gamma {angle}"), "error"
    for tag in ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma"):
        yield "no_cell.cif", re.sub(rf"_cell_{tag} .*\n", "", CIF), "error"
    for scale in ("0", "-0", "1e-3", "1e6", "-1e-9", "-1e12", "0 1 1", "-1 1 1", "1e308"):
        yield "scale.vasp", POSCAR.replace("1.0\n", f"{scale}\n", 1), "error"
    flat = POSCAR.replace("0.0 2.389075 9.546667", "0.0 -7.167228 0.0")
    yield "flat.vasp", flat, "error"
    yield "parallel.vasp", POSCAR.replace("-2.069 -3.583614 0.0", "2.069 -3.583614 0.0"), "error"
    yield "zero_vector.vasp", POSCAR.replace("-2.069 -3.583614 0.0", "0 0 0"), "error"
    left_handed = POSCAR.replace("0.0 2.389075 9.546667", "0.0 2.389075 -9.546667")
    yield "left_handed.vasp", left_handed, "any"
    for matrix in ("[]", "[[0]]", "null", "[[1,2],[3,4]]", '"x"', "{}", "[[1e400,0,0],[0,1,0],[0,0,1]]"):
        yield "matrix.json", re.sub(r"\[\[.*?\]\]", matrix, JSON, count=1), "error"
    yield "molecule.xyz", "2\nwater\nO 0 0 0\nH 0 0 1\n", "error"
    yield "slab.xyz", XYZ.replace('pbc="T T T"', 'pbc="T T F"'), "error"


def _atoms() -> Iterator[Case]:
    for symbol in ("Xx", "Q", "Uuo", "A", "Zz9", "123", "?", "Lr2x", "e", "\u03b1", "Og", "Rf", "Nope"):
        yield "element.vasp", POSCAR.replace("Bi Se", f"Bi {symbol}"), "error"
        yield "element.cif", CIF.replace("Na1 Na1+", f"{symbol} {symbol}"), "error"
        yield "element.json", JSON.replace('"Mg"', json.dumps(symbol)), "error"
        yield "element.xyz", XYZ.replace("Mg", symbol), "error"
    for heavy in ("D", "T"):
        yield "deuterium.vasp", POSCAR.replace("Bi Se", f"Li {heavy}").replace("1.0\n", "0.7\n", 1), "any"
        yield "deuterium.cif", CIF.replace("Cl1 Cl1-", f"{heavy}1 {heavy}").replace("'Na4 Cl4'", "?"), "ok"
    for occupancy in ("0.5", "0", "-1", "1.5", "nan", "0.98", "2", "1e9", "half"):
        yield "occupancy.cif", CIF.replace("Cl1- 1.0", f"Cl1- {occupancy}"), "error"
        if occupancy != "half":
            yield "occupancy.json", JSON.replace('"occu": 1', f'"occu": {occupancy.replace("nan", "NaN")}', 1), "error"
    for shift in ("0.0", "1e-9", "0.01", "0.05"):
        yield "coinciding.cif", CIF.replace("0.5 0.5 0.5", f"{shift} 0 0"), "error"
        yield "coinciding.vasp", POSCAR.replace("0.601 0.601 0.303", f"0.399 0.399 {0.697 + float(shift) / 5}"), "error"
        yield "coinciding.json", JSON.replace("0.5, 0.5, 0.5", f"{shift}, 0.0, 0.0"), "error"
    for counts in ("2", "2 3 4", "-2 3", "2.5 3", "0 0", "999999999 3", "99999999999999999999 3", "2 x", "2 30"):
        yield "counts.vasp", POSCAR.replace("2 3\n", f"{counts}\n"), "error"
    for mode in ("Reciprocal", "", "0.1 0.1 0.1"):
        yield "mode.vasp", POSCAR.replace("Direct", mode), "error"
    yield "vasp4.vasp", POSCAR.replace("Bi Se\n", ""), "error"
    for sites in ("[]", "null", "{}", "7", '["x"]', "[[]]", "[null]", '[{"species":[]}]'):
        yield (
            "sites.json",
            json.dumps({"lattice": json.loads(JSON)["lattice"], "sites": 0}).replace('"sites": 0', f'"sites": {sites}'),
            "error",
        )
    for text in (
        "[1, 2]",
        "3",
        '"x"',
        "null",
        "{}",
        '{"structure": 3}',
        "{" * 20_000,
        "[" * 20_000,
        '{"a": 1',
        "{'a': 1}",
    ):
        yield "other.json", text, "error"


def _cif_grammar() -> Iterator[Case]:
    block = CIF.split("data_NaCl\n")[1]
    yield "two_blocks.cif", CIF + "data_other\n" + block, "error"
    yield "twenty_blocks.cif", "".join(f"data_{i}\n{block}" for i in range(20)), "error"
    yield "same_block_twice.cif", CIF + CIF, "error"
    yield "block_without_atoms.cif", "data_x\n_a 1\n" + CIF, "ok"
    for old, text, expectation in (
        ("data_NaCl\n", "", "error"),
        ("loop_\n", "", "error"),
        ("'F m -3 m'", "'F m -3 m", "error"),
        ("'F m -3 m'", "'X y z'", "error"),
        ("'F m -3 m'", "'P 1'", "any"),  # too few atoms, but in the ratio of the formula
        ("'F m -3 m'", "'I a -3 d'", "any"),
        ("'Na4 Cl4'", "'Na4 Cl4 H8'", "error"),
        ("'Na4 Cl4'", "'Na0 Cl0'", "any"),
        ("Na1 Na1+ 1.0 0 0 0", "Na1 Na1+ 1.0 0 0", "error"),
        ("Na1 Na1+ 1.0 0 0 0", "Na1 Na1+ 1.0 0 0 0 0", "error"),
        ("Na1 Na1+ 1.0 0 0 0", ";\nNa1\n", "error"),
        ("_atom_site_fract_z\n", "_atom_site_fract_z\n_atom_site_fract_z\n", "error"),
        ("_atom_site_fract_x\n", "_atom_site_Cartn_x\n", "error"),
        ("Na1 Na1+ 1.0 0 0 0\nCl1 Cl1- 1.0 0.5 0.5 0.5\n", "", "error"),
    ):
        assert old in CIF
        yield "grammar.cif", CIF.replace(old, text), expectation
    for operation in ("x,y", "x,y,z,w", "2x,y,z", "x/0,y,z", "x+y,y,z", "a,b", "", "x,x,x", "1e9*x,y,z", "x" * 5000):
        listed = f"loop_\n_space_group_symop_operation_xyz\nx,y,z\n'{operation}'\n"
        yield "operation.cif", CIF.replace("loop_\n", listed + "loop_\n", 1), "error"
    yield "modulated.cif", CIF.replace("loop_\n", "_cell_modulation_dimension 1\nloop_\n", 1), "error"
    magnetic = "loop_\n_space_group_symop_magn_operation.xyz\nx,y,z,+1\nx,y,z,-1\n"
    yield "magnetic.mcif", CIF.replace("loop_\n", magnetic + "loop_\n", 1), "error"


def _sizes() -> Iterator[Case]:
    yield "atoms_2000.vasp", _lattice_of(2000), "any"
    yield "atoms_2001.vasp", _lattice_of(2001), "error"
    yield "atoms_million.cif", CIF.replace("Cl1 Cl1- 1.0 0.5 0.5 0.5\n", "Cl1 Cl1- 1.0 0.5 0.5 0.5\n" * 20_000), "error"
    yield (
        "many_operations.cif",
        CIF.replace("loop_\n", "loop_\n_space_group_symop_operation_xyz\n" + "x,y,z\n" * 5000 + "loop_\n", 1),
        "error",
    )
    yield "huge.cif", CIF + "#" * (21 * 2**20), "error"
    yield "bomb.cif.gz", gzip.compress(b"#" * (30 * 2**20)), "error"
    yield "long_line.cif", "data_x _a " + "x" * 5_000_000, "error"
    yield "long_line.vasp", "x " * 1_000_000, "error"
    yield "many_lines.vasp", "1\n" * 1_000_000, "error"
    yield "announced.xyz", "999999999\n" + XYZ.split("\n", 1)[1], "error"
    yield "frames.xyz", XYZ * 50, "error"
    for word in ("-2", "0", "2.5", "x", "9" * 400):
        yield "announced.xyz", word + "\n" + XYZ.split("\n", 1)[1], "error"
        yield "announced.gen", word + GEN[1:], "error"
        yield "announced.xsf", XSF.replace("2 1\n", f"{word} 1\n"), "error"


def _lattice_of(count: int) -> str:
    """So many lithium atoms on a skewed, wobbling grid: no symmetry to make the cell smaller."""
    side = 13
    rng = random.Random(1)
    grid = [(i / side, j / side, k / side) for i in range(side) for j in range(side) for k in range(side)][:count]
    rows = "".join(" ".join(f"{x + rng.uniform(0, 0.02):.5f}" for x in point) + "\n" for point in grid)
    return f"big\n1.0\n39 0 0\n1 40 0\n2 3 41\nLi\n{count}\nDirect\n{rows}"


def _noise(rng: random.Random) -> Iterator[Case]:
    """Random edits: a line swapped, a character changed, a piece repeated."""
    for suffix, text in GOOD.items():
        for _ in range(20):
            edited = list(text)
            for _ in range(rng.randint(1, 6)):
                edited[rng.randrange(len(edited))] = rng.choice("0159.-+eE ,;'\"_#\n\tXNC[]{}()?")
            yield f"noise.{suffix}", "".join(edited), "any"
        for _ in range(4):
            lines = text.splitlines(keepends=True)
            rng.shuffle(lines)
            yield f"shuffled.{suffix}", "".join(lines), "any"


def _file_system(folder: Path) -> dict[Path, str]:
    """What the file system can do: nothing there, loops, pipes, sockets, no permission, odd names."""
    odd = folder / "odd"
    odd.mkdir()
    (odd / "loop.cif").symlink_to(odd / "loop.cif")
    (odd / "a.cif").symlink_to(odd / "b.cif")
    (odd / "b.cif").symlink_to(odd / "a.cif")
    (odd / "dangling.cif").symlink_to(odd / "nowhere")
    (odd / "device.cif").symlink_to("/dev/zero")
    (odd / "empty_folder.cif").mkdir()
    (odd / "into_itself").mkdir()
    (odd / "into_itself" / "again").symlink_to(odd / "into_itself")
    os.mkfifo(odd / "pipe.cif")
    unreadable = odd / "unreadable.cif"
    unreadable.write_text(CIF)
    unreadable.chmod(0)
    locked = odd / "locked"
    locked.mkdir()
    locked.chmod(0)
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(odd)  # the path of a socket is short
        server.bind("socket.cif")
        os.chdir(here)
    strange = odd / os.fsdecode(b'odd \xff,\n".cif')
    strange.write_text(CIF)
    refused = ("loop.cif", "a.cif", "b.cif", "dangling.cif", "device.cif", "empty_folder.cif", "into_itself")
    refused += ("pipe.cif", "socket.cif", "absent.cif", "x" * 300 + ".cif", "absent/absent.cif", "nul\0.cif")
    allowed = os.access(unreadable, os.R_OK)  # to root nothing is forbidden
    return {odd / name: "error" for name in refused} | {
        unreadable: "ok" if allowed else "error",
        locked: "error",
        strange: "ok",
    }


# what people do not say: names of exceptions and of Python's types, addresses, tracebacks
GIBBERISH = re.compile(r"Error\b|Exception|Traceback|NoneType|<class|object at|0x[0-9a-f]{6}|\bnumpy\b|File \"")


def understandable(row) -> bool:
    reason = row["reason"]
    if row["status"] == "ok":
        return reason == ""
    return len(reason) > 8 and " " in reason and "\n" not in reason and not GIBBERISH.search(reason)

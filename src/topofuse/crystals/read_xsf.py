"""XSF and DFTB+ gen text → lattice, atomic numbers and coordinates."""

from __future__ import annotations

import re

import numpy as np

from topofuse.crystals.crystal import CrystalError
from topofuse.crystals.text import Arrays, count_of_atoms, element, element_or_number, fractional, numbers_in

_MOLECULE = "the file gives no cell, so it is a molecule or cluster, not a crystal"


def parse_xsf(text: str) -> Arrays:
    """Lattice (3, 3) Å, atomic numbers (n,), fractional coordinates (n, 3) of a crystal of XCrySDen.

    Forces and grids after the atoms are passed over. Raises `CrystalError` with the reason.
    Format: http://www.xcrysden.org/doc/XSF.html
    """
    lines = [line for raw in text.splitlines() if (line := raw.strip()) and not line.startswith("#")]
    heads = [line.split()[0] for line in lines]
    steps = [line.split()[1:2] for line in lines if line.startswith("ANIMSTEPS")]
    structures = max(heads.count("PRIMCOORD"), *(int(s[0][:6]) for s in steps if s and s[0].isdecimal()), 0)
    if structures > 1:
        raise CrystalError(f"the file holds {structures} structures: keep one per file")
    if "SLAB" in heads or "POLYMER" in heads:
        raise CrystalError("the structure is not periodic in all three directions")
    if "CRYSTAL" not in heads:
        raise CrystalError(_MOLECULE if "ATOMS" in heads else "no line says CRYSTAL: it is not an XSF file")
    if heads.count("PRIMVEC") != 1 or not structures:
        raise CrystalError("PRIMVEC and PRIMCOORD are not both there, each once: is the file truncated?")
    vectors, at = heads.index("PRIMVEC") + 1, heads.index("PRIMCOORD") + 1
    rows = lines[vectors : vectors + 3]
    lattice = np.array([numbers_in(row.split(), f"lattice vector {k + 1}", 3) for k, row in enumerate(rows)])
    if len(lattice) < 3 or at >= len(lines):
        raise CrystalError("the lattice or the number of atoms is missing: is the file truncated?")
    count = count_of_atoms(heads[at], len(lines) - at - 1)
    numbers, coords = [], []
    for i, row in enumerate(lines[at + 1 : at + 1 + count]):
        words = row.split()
        numbers.append(element_or_number(words[0], f"atom {i + 1}"))
        coords.append(numbers_in(words[1:], f"the coordinates of atom {i + 1}", 3))
    _check_rest(heads[at + 1 + count :])
    return lattice, np.array(numbers, dtype=np.int64), fractional(np.array(coords), lattice)


def _check_rest(heads: list[str]) -> None:
    """`CrystalError` where after the atoms comes what is no part of the format; heads: the first word of each line."""
    at = 0
    while at < len(heads):
        if heads[at] == "PRIMVEC" or heads[at] == "CONVVEC":
            at += 4
        elif heads[at] == "CONVCOORD" and at + 1 < len(heads):
            at += 2 + count_of_atoms(heads[at + 1], len(heads) - at - 2)
        elif heads[at].startswith("BEGIN_") and heads[at].replace("BEGIN", "END", 1) in heads[at:]:
            at = heads.index(heads[at].replace("BEGIN", "END", 1), at) + 1
        else:
            raise CrystalError(
                f"after the atoms stands {heads[at][:20]!r}, which is no part of an XSF file: are there more atoms "
                "than announced?"
            )


def parse_gen(text: str) -> Arrays:
    """Lattice (3, 3) Å, atomic numbers (n,), fractional coordinates (n, 3) of a periodic gen file of DFTB+.

    Symbols may carry a number ('Fe1'). Raises `CrystalError` with the reason.
    Format: https://dftbplus.org (manual, appendix on the gen format)
    """
    lines = [line for raw in text.splitlines() if (line := raw.strip()) and not line.startswith("#")]
    if len(lines) < 3:
        raise CrystalError("a gen file has more than two lines: is it truncated?")
    head, symbols = lines[0].split(), lines[1].split()
    kind = head[1].upper() if len(head) > 1 else ""
    if kind in ("C", "H"):
        raise CrystalError(_MOLECULE if kind == "C" else "the structure is not periodic in all three directions")
    if kind not in ("S", "F"):
        raise CrystalError("line 1 should say S or F after the number of atoms: it is not a gen file of a crystal")
    count = count_of_atoms(head[0], len(lines) - 6)
    kinds = [element(re.sub(r"\d+$", "", symbol), "line 2") for symbol in symbols]
    numbers, coords = [], []
    for i, row in enumerate(lines[2 : 2 + count]):
        words = row.split()
        which = int(words[1]) if len(words) > 1 and words[1].isdecimal() and len(words[1]) < 6 else 0
        if not 1 <= which <= len(kinds):
            raise CrystalError(f"atom {i + 1} is of none of the {len(kinds)} elements in line 2")
        numbers.append(kinds[which - 1])
        coords.append(numbers_in(words[2:], f"the coordinates of atom {i + 1}", 3))
    rows = lines[count + 3 : count + 6]  # after a line with the origin, which nothing uses
    lattice = np.array([numbers_in(row.split(), f"lattice vector {k + 1}", 3) for k, row in enumerate(rows)])
    if len(lines) > count + 6:
        raise CrystalError(
            f"{len(lines) - count - 6} lines follow after the lattice: are there more atoms than announced?"
        )
    positions = np.array(coords)
    return lattice, np.array(numbers, dtype=np.int64), positions if kind == "F" else fractional(positions, lattice)

"""CSSR text → lattice, atomic numbers and coordinates."""

from __future__ import annotations

import re

import numpy as np

from topofuse.crystals.crystal import CrystalError
from topofuse.crystals.text import Arrays, count_of_atoms, element, fractional, lattice_of, numbers_in


def parse_cssr(text: str) -> Arrays:
    """Lattice (3, 3) Å, atomic numbers (n,), fractional coordinates (n, 3) of a CSSR file as pymatgen writes it.

    A space group other than P 1 is refused: its operations are not in the file. Raises `CrystalError`.
    """
    lines = text.splitlines()
    if len(lines) < 5:
        raise CrystalError(f"a CSSR file has at least 5 lines, this file has {len(lines)}: is it truncated?")
    lengths = numbers_in(lines[0].split()[-3:], "the cell lengths (line 1)", 3)
    angles = numbers_in(lines[1].split(), "the cell angles (line 2)", 3)
    group = re.search(r"SPGR\s*=\s*(\d+)", lines[1])
    if group and int(group.group(1)[:9]) != 1:
        raise CrystalError(f"a CSSR file of space group {group.group(1)[:9]}: write it in P 1, with all atoms listed")
    words = lines[2].split()
    count = count_of_atoms(words[0] if words else "", len(lines) - 4)
    if any(line.strip() for line in lines[4 + count :]):
        raise CrystalError("lines follow after the last atom: are there more atoms than announced?")
    lattice = lattice_of(lengths, angles)
    numbers, coords = [], []
    for row in lines[4 : 4 + count]:
        words = row.split()
        if len(words) < 5:
            raise CrystalError("a line of atoms has fewer than 5 columns: is the file truncated?")
        site = re.match(r"[A-Za-z]+", words[1])
        numbers.append(element(site.group() if site else words[1], f"atom {words[0][:10]}"))
        coords.append(numbers_in(words[2:5], f"the coordinates of atom {words[0][:10]}", 3))
    positions = np.array(coords)
    if lines[2].split()[1:2] == ["1"]:  # orthogonal coordinates, Å
        positions = fractional(positions, lattice)
    return lattice, np.array(numbers, dtype=np.int64), positions

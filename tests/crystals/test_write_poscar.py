"""What is written as a POSCAR is read as the same crystal."""

from __future__ import annotations

import numpy as np

from topofuse.crystals import Crystal
from topofuse.crystals.read import read_structure
from topofuse.crystals.write_poscar import poscar


def test_a_poscar_is_read_as_the_crystal_with_equal_elements_together(bi2se3, tmp_path):
    scattered = np.random.default_rng(0).permutation(len(bi2se3))
    crystal = Crystal.validated(bi2se3.lattice, bi2se3.numbers[scattered], bi2se3.frac_coords[scattered])
    text = poscar(crystal, "two\nlines")
    assert text.startswith("two lines\n")
    (tmp_path / "POSCAR").write_text(text)
    again = read_structure(tmp_path / "POSCAR")
    np.testing.assert_allclose(again.lattice, crystal.lattice, atol=1e-12)
    assert again.numbers.tolist() == sorted(crystal.numbers.tolist(), reverse=True)  # Bi before Se
    for number in (34, 83):
        ours, theirs = (c.frac_coords[c.numbers == number] for c in (crystal, again))
        np.testing.assert_allclose(theirs, ours, atol=1e-12)

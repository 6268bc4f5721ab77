"""Symbols and formulas."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from topofuse.crystals.formula import SYMBOLS, atomic_number, reduced_formula


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

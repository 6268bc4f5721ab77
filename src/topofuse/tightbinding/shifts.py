"""Shifts of the free atoms' levels: what makes the sketch agree with the labels on the whole.

A minimal basis of free-atom orbitals makes gaps too large: crystals that have none in density-functional theory have
one. Lower s and d levels mend most of it. The numbers were chosen on crystals of topomat's pool: docs/levers.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.elements import element_property

# eV
_S = -2.3
_S_HEAVY, _P_HEAVY = -1.4, -0.8  # p block from period 5 on; the former in addition to `_S`
_P_METAL = 0.3  # outside the p block
_D_TRANSITION = {4: -1.5, 5: -0.7, 6: -1.5}  # by period
_D_OTHER = -0.6  # alkaline earths, lanthanides, actinides


def level_shifts(number: int, ell: NDArray[np.int64]) -> NDArray[np.float64]:
    """(s,) shifts in eV of the shells with angular momenta (s,) `ell` of an element."""
    period, group = (int(element_property(name)[number]) for name in ("period", "group"))
    p_block = group >= 13
    heavy = p_block and period >= 5
    transition = 3 <= group <= 12 and not (57 <= number <= 71 or number >= 89)
    d_shift = _D_TRANSITION[period] if transition else _D_OTHER
    p_shift = (_P_HEAVY if heavy else 0.0) if p_block else _P_METAL
    return np.array([_S + (_S_HEAVY if heavy else 0.0), p_shift, d_shift, 0.0])[ell]

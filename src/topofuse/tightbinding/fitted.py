"""The sketch's fitted numbers: shifts of levels, strengths of couplings and of spin-orbit coupling.

A minimal basis of free-atom orbitals makes bands too wide, gaps too large and spin-orbit coupling too weak. The numbers
were fitted to levels of first-principles calculations, then to labels of topomat's pool: docs/levers.md.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.elements import element_property

# eV
_S, _S_HEAVY = -0.86, -0.67  # heavy: p block from period 5 on
_P, _P_HEAVY, _P_METAL = -0.25, -0.36, 0.4  # metal: outside the p block
_D_TRANSITION = {4: -2.59, 5: -1.48, 6: -2.46}  # by period
_D_OTHER = -0.06  # alkaline earths, lanthanides, actinides
_F = 0.9

# Elements of the Hamiltonian between orbitals (l, m) and (l', m') of two atoms, whose overlap is S, are
# COUPLING[l, l'] · (two-centre integral) + (OVERLAP[l, l'] + mean of the two orbitals' terms) · S. An orbital's term is
# LEVEL_SHARE of its level plus SHIFT_SHARE of its shift.
COUPLING = np.array(
    [
        [0.54, 0.47, 0.62, 0.78],
        [0.47, 0.51, 0.65, 0.94],
        [0.62, 0.65, 0.76, 0.91],
        [0.78, 0.94, 0.91, 0.76],
    ]
)
OVERLAP = np.array(  # eV
    [
        [-1.12, -3.91, -3.75, -0.08],
        [-3.91, -3.29, -2.35, -0.58],
        [-3.75, -2.35, -1.29, -0.35],
        [-0.08, -0.58, -0.35, -0.02],
    ]
)
LEVEL_SHARE, SHIFT_SHARE = 0.25, 0.375
SPIN_ORBIT = np.array([1.0, 2.22, 2.0, 1.3])  # times the free atom's constant, by l


def level_shifts(number: int, ell: NDArray[np.int64]) -> NDArray[np.float64]:
    """(s,) shifts in eV of the shells with angular momenta (s,) `ell` of an element."""
    period, group = (int(element_property(name)[number]) for name in ("period", "group"))
    p_block = group >= 13
    heavy = p_block and period >= 5
    transition = 3 <= group <= 12 and not (57 <= number <= 71 or number >= 89)
    s_shift = _S_HEAVY if heavy else _S
    p_shift = (_P_HEAVY if heavy else _P) if p_block else _P_METAL
    d_shift = _D_TRANSITION[period] if transition else _D_OTHER
    return np.array([s_shift, p_shift, d_shift, _F])[ell]

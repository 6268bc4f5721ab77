"""Valence orbitals of the composition: s, p, d, f shares, spin-orbit strength, depth of the levels."""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals.elements import element_property
from topofuse.crystals.formula import Formula

_SHELLS = "spdf"
NAMES = (
    *(f"share_{ell}" for ell in _SHELLS),
    *(f"share_{ell}_max" for ell in _SHELLS),
    *(f"hole_{ell}" for ell in _SHELLS),
    "soc_max",
    "soc_mean",
    "soc_p_weighted",
    "soc_d_weighted",
    "soc_homo",
    "soc_lumo",
    "soc_over_gap",
    "level_homo",
    "level_lumo",
    "shell_gap",
    "shell_filling",
    "shell_closed",
    "homo_l",
    "lumo_l",
    "homo_chi",
    "lumo_chi",
    "same_element",
    "chi_balance",
)
_CAPACITY = np.array([2, 6, 10, 14])
_P_ABOVE_S = 3.5  # eV; where no p level is tabulated (empty p shells of metals), about the s-p distance of Mg, Zn, Cd


@cache
def _levels(z: int) -> tuple[tuple[int, float], ...]:
    """(l, energy in eV) of the shells of element z that take part in bonding."""
    energy = [float(element_property(f"e_{ell}")[z]) for ell in _SHELLS]
    block = int(element_property("block")[z])
    group = int(element_property("group")[z])
    s = energy[0] if np.isfinite(energy[0]) else -5.0
    levels = [(0, s)]
    if z > 2:
        levels.append((1, energy[1] if np.isfinite(energy[1]) else s + _P_ABOVE_S))
    if block in (2, 3) and 3 <= group <= 12 and np.isfinite(energy[2]):
        levels.append((2, energy[2]))
    if z in (58, 63) or (z >= 90 and np.isfinite(energy[3])):  # elsewhere 4f is frozen in the labels' calculations
        levels.append((3, energy[3]))
    return tuple(levels)


@cache
def _electrons(z: int) -> int:
    """Electrons that fill `_levels`."""
    group = int(element_property("group")[z])
    if z in (58, 63):
        return 4 if z == 58 else 9
    if 57 <= z <= 71:
        return 2 if z == 70 else 3
    if z >= 89:
        return z - 86
    return 2 if z == 2 else group if group <= 12 else group - 10


def _fill(formula: Formula) -> list[float]:
    """Fill the free-atom levels of all atoms from below: does it end with a closed shell, and with what gap?"""
    shells = []
    electrons = 0
    for z, count in zip(*formula, strict=True):
        electrons += _electrons(z) * count
        shells += [(energy, ell, z, int(_CAPACITY[ell]) * count) for ell, energy in _levels(z)]
    shells.sort()
    left, i = electrons, 0
    while left > shells[i][3] and i + 1 < len(shells):
        left -= shells[i][3]
        i += 1
    energy, ell, z, capacity = shells[i]
    closed = left >= capacity
    upper = shells[min(i + 1, len(shells) - 1)] if closed else shells[i]
    gap = upper[0] - energy
    chi = element_property("chi")
    soc = [_soc(z, ell), _soc(upper[2], upper[1])]
    next_up = shells[min(i + 1, len(shells) - 1)]
    return [
        *soc,
        max(soc) / (abs(next_up[0] - energy) + 0.2),
        energy,
        upper[0],
        gap,
        left / capacity,
        float(closed),
        ell,
        upper[1],
        chi[z],
        chi[upper[2]],
        float(z == upper[2]),
    ]


@cache
def _soc(z: int, ell: int) -> float:
    if ell == 0:
        return 0.0
    value = float(element_property(f"soc_{_SHELLS[ell]}")[z])
    return value if np.isfinite(value) else 0.0


@lru_cache(maxsize=4096)
def orbital_features(formula: Formula) -> NDArray[np.float64]:
    """(f,) features named `NAMES`, of a reduced formula.

    share_l: part of the outer electrons in shell l, over the formula and its largest among the elements;
    hole_l: empty places per atom; soc_*: spin-orbit constants in eV; shell_*: free-atom levels (LDA, NIST)
    filled from below with all the electrons.
    """
    z = np.array(formula[0])
    x = np.array(formula[1], dtype=np.float64)
    x /= x.sum()
    n = np.stack([element_property(f"n_{ell}")[z] for ell in _SHELLS], axis=1)
    total = np.maximum(n.sum(1), 1)
    active = np.array([[ell in {level for level, _ in _levels(a)} for ell in range(4)] for a in formula[0]])
    holes = np.where(active, _CAPACITY - n, 0.0)
    soc = np.array([[_soc(a, ell) if n[i, ell] else 0.0 for ell in range(4)] for i, a in enumerate(formula[0])])
    strongest = soc.max(1)
    chi = np.nan_to_num(element_property("chi")[z], nan=2.0)
    row = [
        *(x @ n / (x @ total)),
        *((n / total[:, None]).max(0)),
        *(x @ holes),
        strongest.max(),
        x @ strongest,
        x @ (soc[:, 1] * n[:, 1]),
        x @ (soc[:, 2] * n[:, 2]),
        *_fill(formula),
        float(x @ np.abs(chi - x @ chi)) / float(x @ chi),
    ]
    out = np.array(row, dtype=np.float64)
    out.setflags(write=False)
    return out

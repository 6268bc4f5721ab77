"""Environments: how unlike an atom its neighbours are, and in which shape they surround it."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from topofuse.crystals import SymmetricCrystal
from topofuse.crystals.closed_shells import active_electrons, anion_formers, kinds
from topofuse.crystals.elements import element_property, valence_electrons
from topofuse.modalities.physics.bonds import Edges

_PROPERTIES = ("mendeleev", "group", "r_covalent", "ie1", "n_p", "n_d", "period", "electrons")
_DEGREES = (1, 2, 3, 4)
_SITES = ("all", "anion", "cation", "dmetal")

NAMES = (
    *(f"diff_{name}_{statistic}" for statistic in ("mean", "max", "min", "dev") for name in _PROPERTIES),
    *(f"shape{degree}_{site}" for site in _SITES for degree in _DEGREES),
    "ecn_dmetal",
    "ecn_pblock",
    "ratio_dmetal",
    "ratio_pblock",
    "volume_ratio",
    "d_rest",
    "d_rest_frac",
    "rest_mod2",
    "paw_minus_chem_mod4",
)


@cache
def _columns() -> NDArray[np.float64]:
    columns = []
    for name in _PROPERTIES:
        values = active_electrons().astype(np.float64) if name == "electrons" else element_property(name)
        columns.append(np.where(np.isnan(values), np.nanmedian(values[1:]), values))
    return np.column_stack(columns)


def environment_features(crystal: SymmetricCrystal, edges: Edges) -> NDArray[np.float64]:
    """(f,) features named `NAMES`."""
    share = crystal.orbit_sizes / crystal.orbit_sizes.sum()
    ecn = np.add.reduceat(edges.weight, edges.first)
    local = edges.weight / ecn[edges.centre]
    chi = element_property("chi")[crystal.orbit_numbers]
    chi = np.where(np.isnan(chi), 2.0, chi)
    kind = kinds()[crystal.orbit_numbers]
    masks = [np.ones(len(chi), bool), chi == chi.max(), chi == chi.min(), kind == "d"]
    row = [
        *_differences(edges, local, share),
        *_shapes(crystal, edges, local, share, masks),
        *_roles(edges, ecn, share, kind),
        *_rest(crystal),
    ]
    return np.array(row, dtype=np.float64)


def _differences(edges: Edges, local: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
    table = _columns()
    difference = np.abs(table[edges.a] - table[edges.b]) * local[:, None]
    by_orbit = np.add.reduceat(difference, edges.first, axis=0)
    mean = share @ by_orbit
    return np.concatenate([mean, by_orbit.max(0), by_orbit.min(0), share @ np.abs(by_orbit - mean)])


def _shapes(
    crystal: SymmetricCrystal,
    edges: Edges,
    local: NDArray[np.float64],
    share: NDArray[np.float64],
    masks: list[NDArray[np.bool_]],
) -> list[float]:
    """Bond-orientation invariants Σ w w' P_l(cos angle), l = 1 to 4, through moments of the bond directions."""
    u = crystal.neighbours.vector / edges.d[:, None]
    moments, power = [], local[:, None]
    for _ in _DEGREES:
        power = (power[:, :, None] * u[:, None, :]).reshape(len(u), -1)
        total = np.add.reduceat(power, edges.first, axis=0)
        moments.append((total**2).sum(1))  # Σ w w' cos^k
    c1, c2, c3, c4 = moments
    shape = np.stack([c1, (3 * c2 - 1) / 2, (5 * c3 - 3 * c1) / 2, (35 * c4 - 30 * c2 + 3) / 8], axis=1)
    out: list[float] = []
    for mask in masks:
        out += (share[mask] @ shape[mask] / share[mask].sum()).tolist() if mask.any() else [np.nan] * 4
    return out


def _roles(edges: Edges, ecn: NDArray[np.float64], share: NDArray[np.float64], kind: NDArray[np.str_]) -> list[float]:
    shortest = np.minimum.reduceat(edges.ratio, edges.first)
    out = []
    for values in (ecn, shortest):
        for k in ("d", "p"):
            mask = kind == k
            out.append(float(share[mask] @ values[mask] / share[mask].sum()) if mask.any() else np.nan)
    return out


def _rest(crystal: SymmetricCrystal) -> list[float]:
    numbers = crystal.primitive.numbers
    volume = element_property("molar_volume")[numbers] / 0.602214  # Å³ per atom
    electrons = active_electrons()[numbers]
    anionic = anion_formers()[numbers]
    n_d = int((kinds()[numbers] == "d").sum())
    need = np.where(numbers == 1, 1, 8 - electrons)[anionic].sum()
    rest = int(electrons[~anionic].sum() - need)
    return [
        crystal.primitive.volume / float(volume.sum()) if not np.isnan(volume).any() else np.nan,
        rest / n_d if n_d else np.nan,
        rest / n_d % 1 if n_d else np.nan,
        rest % 2,
        int(valence_electrons(numbers).sum() - electrons.sum()) % 4,
    ]
